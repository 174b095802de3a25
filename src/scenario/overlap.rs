//! Requests that stand in each other's way, worked out from the law: what is worth sending at once.
//!
//! Two requests are worth it if each of them alone would be accepted, and one is refused after the other one: a server
//! that checks first and acts later may accept both. They come from two places:
//!
//! - the scenarios of rules that demand a refusal: the request that is refused, and the one of the steps before it
//!   without which it would be accepted;
//! - the states before such requests: there, pairs of requests whose operations touch the same kinds of resources, one
//!   changing what the other looks at or changes, and that name a resource in common.
//!
//! Where neither stands in the other one's way, both being accepted in either order, there may still be a lost update: of
//! each two operations one such pair is kept, too.
//!
//! Everything is tried on the reference, in memory. Where the law is silent about what comes after the first one, nothing
//! can be learnt from sending both, and the pair is left out.

use std::{cmp::Reverse, sync::Arc};

use rustc_hash::FxHashSet;

use super::{
    atlas::Atlas,
    draft,
    simulation::Simulation,
    step::{Call, Step, Symbol},
};
use crate::{
    model::{value::Handle, world::World},
    oracle::{Settings, judge::Verdict},
    spec::law::{Change, Demand, FieldIx, KindIx, Law, Operation, OperationIx, RuleIx},
    wire::Body,
};

/// Requests of one operation that are tried against another request.
const MOST_REQUESTS: usize = 6;
/// Looks that are sent with the requests.
const MOST_LOOKS: usize = 1;
/// Pairs of the same two operations that are kept, for different rules.
const MOST_ALIKE: usize = 3;

/// Requests that stand in each other's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The rule that refuses one of them once the other one is done; if none does, the one that accepts the first one.
    pub rule: RuleIx,
    /// One of them is refused once the other one is done.
    pub exclusive: bool,
    /// The steps to a state in which each of them would be accepted.
    pub setup: Vec<Step>,
    /// The requests.
    pub rivals: Vec<Call>,
    /// Reading requests that are sent with them.
    pub looks: Vec<Call>,
}

impl Overlap {
    /// The scenario: the setup, then everything at once, in another order each time.
    pub fn steps(&self, turn: usize) -> Vec<Step> {
        let mut calls: Vec<Call> = self.rivals.iter().chain(&self.looks).cloned().collect();
        let by = turn % calls.len().max(1);
        calls.rotate_left(by);
        let mut steps = self.setup.clone();
        steps.push(Step::Together(calls));
        steps
    }
}

/// Every overlap that is worth trying, those of the most binding rules first. `plans` are scenarios by the rules that
/// they exercise, `most` is how many requests may be under way at once.
pub fn overlaps<'p>(
    law: &Arc<Law>,
    atlas: &Atlas,
    available: &dyn Fn(OperationIx) -> bool,
    plans: impl IntoIterator<Item = (RuleIx, &'p Vec<Step>)>,
    most: usize,
) -> Vec<Overlap> {
    let mut search = Search { law, atlas, available, most, found: Vec::new(), seen: FxHashSet::default() };
    if most < 2 {
        return Vec::new();
    }
    let mut plans: Vec<(RuleIx, &Vec<Step>)> = plans.into_iter().collect();
    plans.retain(|(rule, steps)| law[*rule].demand == Demand::Refuse && steps.iter().all(|s| s.calls().len() < 2));
    plans.sort_by_key(|(rule, steps)| (Reverse(law[*rule].level), steps.len(), *rule));
    let mut states = Vec::new();
    for (rule, steps) in plans {
        states.extend(search.add_plan(rule, steps));
    }
    for state in &states {
        search.around(state);
    }
    let mut found = search.found;
    found.sort_by_key(|o| (!o.exclusive, Reverse(law[o.rule].level), o.setup.len(), o.rule));
    found
}

/// A state in which a request would be accepted.
struct State {
    setup: Vec<Step>,
    simulation: Simulation,
    call: Call,
}

struct Search<'a> {
    law: &'a Arc<Law>,
    atlas: &'a Atlas,
    available: &'a dyn Fn(OperationIx) -> bool,
    most: usize,
    found: Vec<Overlap>,
    seen: FxHashSet<(OperationIx, OperationIx, RuleIx)>,
}

/// How a request was answered.
struct Tried {
    accepted: bool,
    /// The rules that the answer kept.
    passes: Vec<RuleIx>,
    /// The law leaves the answer open.
    open: bool,
}

impl Search<'_> {
    /// The request that a scenario has refused, and the one that it is refused because of.
    fn add_plan(&mut self, rule: RuleIx, steps: &[Step]) -> Option<State> {
        let (Step::Call(refused), before) = steps.split_last()? else { return None };
        if !before.iter().chain(steps.last()).flat_map(Step::calls).all(|call| (self.available)(call.operation)) {
            return None;
        }
        for place in (0..before.len()).rev() {
            let Step::Call(rival) = &before[place] else { continue };
            if self.law[rival.operation].reads {
                continue;
            }
            let mut setup: Vec<Step> = [&before[..place], &before[place + 1..]].concat();
            let Some(mut simulation) = self.after(&setup) else { continue };
            if simulation.is_changing() {
                setup.push(Step::Settle);
                if simulation.take(self.atlas, &Step::Settle).is_none() {
                    continue;
                }
            }
            if self.rivals(&simulation, rival, refused) == Some(rule) {
                self.keep(rule, true, &setup, &simulation, [rival, refused]);
                return Some(State { setup, simulation, call: refused.clone() });
            }
        }
        None
    }

    /// Pairs of requests in this state, one of which is the state's own.
    fn around(&mut self, state: &State) {
        let law = self.law.clone();
        let worlds = state.simulation.oracle.worlds().to_vec();
        let Some(world) = worlds.first() else { return };
        let own = &law[state.call.operation];
        for (operation, spec) in law.operations().filter(|(ix, o)| (self.available)(*ix) && !o.reads) {
            if !(interferes(own, spec) || interferes(spec, own)) {
                continue;
            }
            let calls = draft::good_calls(&law, world, operation, MOST_REQUESTS).unwrap_or_default();
            for call in calls.iter().take(MOST_REQUESTS) {
                if !have_in_common(&state.call, call) {
                    continue;
                }
                let one = self.rivals(&state.simulation, &state.call, call);
                let rule = one.or_else(|| self.rivals(&state.simulation, call, &state.call));
                if let Some(rule) = rule {
                    self.keep(rule, true, &state.setup, &state.simulation, [&state.call, call]);
                } else if self.both_go(&state.simulation, &state.call, call)
                    && self.both_go(&state.simulation, call, &state.call)
                {
                    self.keep(own.accepts, false, &state.setup, &state.simulation, [&state.call, call]);
                }
            }
        }
    }

    fn after(&self, steps: &[Step]) -> Option<Simulation> {
        let mut simulation = Simulation::new(self.law, Settings::default());
        for step in steps {
            simulation.take(self.atlas, step)?;
        }
        Some(simulation)
    }

    fn tries(&self, simulation: &mut Simulation, call: &Call) -> Option<Tried> {
        let (_, answer, judgement) = simulation.exchange(call)?;
        let explained = matches!(judgement.verdict, Verdict::Explained);
        let accepted = matches!(answer.body, Body::Success(_));
        explained.then_some(Tried { accepted, passes: judgement.passes, open: judgement.open })
    }

    /// The rule that refuses the second request after the first one, if each of them alone is accepted.
    fn rivals(&self, simulation: &Simulation, first: &Call, second: &Call) -> Option<RuleIx> {
        // Where the law leaves it open whether the second one is refused anyway, it may be accepted, and that is enough.
        self.tries(&mut simulation.clone(), second).filter(|tried| tried.accepted)?;
        let mut after = simulation.clone();
        self.tries(&mut after, first).filter(|tried| tried.accepted && !tried.open)?;
        let tried = self.tries(&mut after, second).filter(|tried| !tried.accepted && !tried.open)?;
        // What refuses is about the state; a code, or the form of the answer, is not what it is all about.
        let mut refusing: Vec<RuleIx> =
            tried.passes.into_iter().filter(|rule| self.law[*rule].demand == Demand::Refuse).collect();
        refusing.sort_by_key(|rule| (Reverse(self.law[*rule].level), *rule));
        refusing.first().copied()
    }

    /// True if the two are accepted one after the other.
    fn both_go(&self, simulation: &Simulation, first: &Call, second: &Call) -> bool {
        let mut after = simulation.clone();
        [first, second].iter().all(|call| self.tries(&mut after, call).is_some_and(|t| t.accepted && !t.open))
    }

    fn keep(
        &mut self,
        rule: RuleIx,
        exclusive: bool,
        setup: &[Step],
        simulation: &Simulation,
        [one, other]: [&Call; 2],
    ) {
        let pair = (one.operation.min(other.operation), one.operation.max(other.operation));
        let alike = self.seen.iter().filter(|(a, b, _)| (*a, *b) == pair).count();
        let most = if exclusive { MOST_ALIKE } else { 1 };
        if alike >= most || !self.seen.insert((pair.0, pair.1, rule)) {
            return;
        }
        let rivals = vec![one.clone(), other.clone()];
        let looks = self.looks(simulation, &rivals);
        let pair = Overlap { rule, exclusive, setup: setup.to_vec(), rivals, looks };
        if let Some(three) = self.three(simulation, &pair).filter(|_| exclusive) {
            self.found.push(three);
        }
        self.found.push(pair);
    }

    /// The same with a third request, if there is one that is refused after one of the others.
    fn three(&self, simulation: &Simulation, pair: &Overlap) -> Option<Overlap> {
        if self.most < 3 {
            return None;
        }
        let worlds = simulation.oracle.worlds();
        let operations = [pair.rivals[0].operation, pair.rivals[1].operation];
        let calls = operations
            .iter()
            .flat_map(|operation| draft::good_calls(self.law, worlds.first()?, *operation, MOST_REQUESTS).ok());
        let third = calls.flatten().find(|call| {
            !pair.rivals.contains(call)
                && pair.rivals.iter().all(|rival| self.rivals(simulation, rival, call).is_some())
        })?;
        let rivals: Vec<Call> = pair.rivals.iter().cloned().chain([third]).collect();
        let looks = self.looks(simulation, &rivals);
        Some(Overlap { rivals, looks, ..pair.clone() })
    }

    /// Looks at what the requests name.
    fn looks(&self, simulation: &Simulation, calls: &[Call]) -> Vec<Call> {
        let Some(world) = simulation.oracle.worlds().first() else { return Vec::new() };
        let mut named: Vec<Handle> = calls.iter().flat_map(resources_of).filter_map(|n| handle(world, n)).collect();
        named.sort_unstable();
        named.dedup();
        let room = self.most.saturating_sub(calls.len()).min(MOST_LOOKS);
        let mut looks = self.atlas.looks(self.law, world, named);
        looks.retain(|look| (self.available)(look.operation));
        looks.truncate(room);
        looks
    }
}

/// A resource by its kind and number, and the field by which it is named.
type Named = (KindIx, u32, FieldIx);

fn handle(world: &World, (kind, ordinal, _): Named) -> Option<Handle> {
    world.nth(kind, ordinal)
}

/// The resources that a request names.
fn resources_of(call: &Call) -> Vec<Named> {
    fn collect(symbol: &Symbol, found: &mut Vec<Named>) {
        match symbol {
            Symbol::Of { kind, ordinal, field } => found.push((*kind, *ordinal, *field)),
            Symbol::List(items) => items.iter().for_each(|item| collect(item, found)),
            Symbol::Struct(members) => members.iter().for_each(|(_, member)| collect(member, found)),
            Symbol::Text(_) | Symbol::Token(_) => {}
        }
    }
    let mut found = Vec::new();
    call.args.iter().for_each(|(_, symbol)| collect(symbol, &mut found));
    found
}

fn have_in_common(one: &Call, other: &Call) -> bool {
    let others = resources_of(other);
    resources_of(one).iter().any(|(kind, ordinal, _)| others.iter().any(|(k, o, _)| (k, o) == (kind, ordinal)))
}

/// True if the first operation changes a kind of resource that the second one looks at or changes.
fn interferes(first: &Operation, second: &Operation) -> bool {
    let changed = changed(first);
    looked_at(second).iter().chain(&self::changed(second)).any(|kind| changed.contains(kind))
}

/// The kinds of resource that an operation changes.
fn changed(operation: &Operation) -> Vec<KindIx> {
    let mut kinds = Vec::new();
    for effect in &operation.effects {
        match &effect.change {
            Change::Create { kind, .. } => kinds.push(*kind),
            Change::Set { set, .. } => kinds.extend(set.iter().map(|(kind, _, _)| *kind)),
            Change::Delete(which) => {
                kinds.extend(which.kinds());
                // What goes is called `it`, and is one of these.
                kinds.extend(effect.each.iter().flat_map(|each| each.kinds()));
            }
        }
    }
    kinds
}

/// The kinds of resource that its conditions look at.
fn looked_at(operation: &Operation) -> Vec<KindIx> {
    let guards = operation.refusals.iter().map(|r| &r.guard).chain(operation.permits.iter().map(|(_, guard)| guard));
    let exprs = guards.map(|guard| &guard.expr).chain(operation.effects.iter().filter_map(|e| e.when.as_ref()));
    exprs.flat_map(|expr| expr.kinds().iter().copied()).collect()
}
