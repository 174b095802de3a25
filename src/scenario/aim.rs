//! How near a state is to one in which a rule can be exercised.
//!
//! A rule's condition is mostly several conditions joined by `&&`. The more of them hold for some request that could be
//! sent, the nearer the state is: the goal count of the planning literature, with the parts of a condition as goals.

use std::sync::Arc;

use super::{draft, simulation::Simulation};
use crate::{
    model::assess::{Assessment, assess},
    spec::{
        expr::Expr,
        law::{Change, KindIx, Law, Operation, OperationIx, Output, OutputFrom, ParamIx, RuleIx, VarIx},
    },
};

/// Requests that are tried from a state to see how near it is.
const MOST_REQUESTS: usize = 24;

/// Some rules of one operation, as something to come nearer to.
pub struct Aim<'l> {
    law: &'l Arc<Law>,
    operation: OperationIx,
    conditions: Vec<Condition<'l>>,
    kinds: Vec<KindIx>,
}

/// What must be so for a rule to be exercised.
struct Condition<'l> {
    rule: RuleIx,
    needs: &'l [VarIx],
    holds: Option<&'l Expr>,
    /// The request is refused by this rule, and not accepted.
    refuses: bool,
}

impl<'l> Aim<'l> {
    /// The aim of exercising these rules, all of which belong to the operation.
    pub fn new(law: &'l Arc<Law>, operation: OperationIx, rules: &[RuleIx]) -> Aim<'l> {
        let spec = &law[operation];
        let mut conditions = Vec::new();
        for rule in rules.iter().copied() {
            let before = conditions.len();
            let condition = |needs: &'l [VarIx], holds, refuses| Condition { rule, needs, holds, refuses };
            for refuse in &spec.refusals {
                if refuse.refusal.rule == rule || refuse.refusal.code_rule == Some(rule) {
                    conditions.push(condition(&refuse.guard.needs, Some(&refuse.guard.expr), true));
                }
            }
            for (_, guard) in spec.permits.iter().filter(|(r, _)| *r == rule) {
                conditions.push(condition(&guard.needs, Some(&guard.expr), false));
            }
            for effect in spec.effects.iter().filter(|e| e.rule == rule) {
                conditions.push(condition(&effect.needs, effect.when.as_ref(), false));
            }
            // What it keeps is no condition, but must be there.
            for (_, guard) in spec.keeps.iter().filter(|(r, _)| *r == rule) {
                conditions.push(condition(&guard.needs, None, false));
            }
            if conditions.len() == before {
                conditions.push(condition(&[], None, false));
            }
        }
        let kinds = kinds_that_matter(law, operation, &conditions);
        Aim { law, operation, conditions, kinds }
    }

    /// The operation whose rules are aimed at.
    pub fn operation(&self) -> OperationIx {
        self.operation
    }

    /// The kinds of resource that matter.
    pub fn kinds(&self) -> &[KindIx] {
        &self.kinds
    }

    /// The operations that matter: the one whose rules are aimed at, and those that change or show what matters.
    pub fn operations(&self) -> Vec<OperationIx> {
        let matters = |kind: &KindIx| self.kinds.contains(kind);
        let touches = |change: &Change| match change {
            Change::Create { kind, .. } => matters(kind),
            Change::Delete(which) | Change::Set { on: which, .. } => which.kinds().iter().any(matters),
        };
        let shows = |output: &Output| matches!(&output.from, OutputFrom::Selected { kind, .. } if matters(kind));
        let useful = |o: &Operation| o.effects.iter().any(|e| touches(&e.change)) || o.output.iter().any(shows);
        self.law
            .operations()
            .filter(|(ix, operation)| *ix == self.operation || useful(operation))
            .map(|(ix, _)| ix)
            .collect()
    }

    /// How near a state is: a number of things that are as they must be, to be compared with that of other states.
    pub fn nearness(&self, simulation: &Simulation) -> usize {
        let Some(world) = simulation.oracle.worlds().first() else { return 0 };
        let params = self.law[self.operation].params.len();
        match draft::good_calls(self.law, world, self.operation, MOST_REQUESTS) {
            Err(missing) => params.saturating_sub(missing.len()),
            Ok(calls) => {
                let requests = calls.iter().filter_map(|call| simulation.resolve(call));
                let best = requests.map(|request| self.holding(&assess(self.law, world, &request))).max();
                params + best.unwrap_or(0)
            }
        }
    }

    /// How much of the nearest rule's condition holds for one request.
    fn holding(&self, assessment: &Assessment) -> usize {
        let of = |condition: &Condition<'_>| {
            let resolved = condition.needs.iter().filter(|v| assessment.resolves(&[**v])).count();
            if resolved < condition.needs.len() {
                return resolved;
            }
            let parts = condition.holds.map_or(0, |expr| assessment.scope.holding_parts(expr));
            let alone = assessment.refusals.iter().all(|r| condition.refuses && r.rule == condition.rule)
                && assessment.open.is_none()
                && !assessment.undecided;
            resolved + parts + usize::from(alone)
        };
        self.conditions.iter().map(of).max().unwrap_or(0)
    }
}

/// The kinds of resource that matter: those that the rules' conditions look at and the operation names, those that
/// creating them needs, and so on.
fn kinds_that_matter(law: &Law, operation: OperationIx, conditions: &[Condition<'_>]) -> Vec<KindIx> {
    let mut kinds: Vec<KindIx> = Vec::new();
    let mut more: Vec<KindIx> = law[operation].params.iter().flat_map(|p| p.names.iter().map(|r| r.kind)).collect();
    more.extend(conditions.iter().filter_map(|c| c.holds).flat_map(Expr::kinds));
    while let Some(kind) = more.pop() {
        if kinds.contains(&kind) {
            continue;
        }
        kinds.push(kind);
        for (_, creator) in law.operations().filter(|(_, o)| o.effects.iter().any(|e| creates(&e.change, kind))) {
            let needed = creator.params.iter().enumerate().filter(|(ix, _)| draft::belongs(creator, *ix as ParamIx));
            more.extend(needed.flat_map(|(_, param)| param.names.iter().map(|r| r.kind)));
        }
    }
    kinds
}

fn creates(change: &Change, kind: KindIx) -> bool {
    matches!(change, Change::Create { kind: created, .. } if *created == kind)
}
