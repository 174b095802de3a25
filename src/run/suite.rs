//! The suite: for each rule a short scenario that exercises it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Workers, session::Scenario};
use crate::{
    oracle::{RuleSet, Settings},
    scenario::{
        atlas::Atlas,
        plan::{Search, plan},
        simulation::Simulation,
        step::Step,
    },
    spec::law::{Law, OperationIx, RuleIx},
};

/// Rounds of planning anew around the rules that turned out to be broken.
const ROUNDS: usize = 5;

/// The suite of a law: for each rule that a sequence can reach, the steps.
pub type Plans = BTreeMap<RuleIx, Vec<Step>>;

/// Plans for every rule of a law, with every operation at hand.
pub fn plan_everything(law: &Arc<Law>) -> Plans {
    plan_wanted(law, &law.rules().map(|(ix, _)| ix).collect(), &|_, _| true)
}

/// Plans for some rules of a law, with every operation at hand. Each rule that is reached among all others is reached
/// alone, nearly always by the same steps, so that what a whole run has found is found again. `go_on` is told how many
/// rules have none yet, and of how many, and ends the search by saying no.
pub fn plan_wanted(law: &Arc<Law>, wanted: &RuleSet, go_on: &dyn Fn(usize, usize) -> bool) -> Plans {
    let all: RuleSet = law.rules().map(|(ix, _)| ix).collect();
    let plan = |wanted: &RuleSet, thorough| plan_around(law, &|_| true, wanted, &RuleSet::default(), thorough, go_on);
    if *wanted != all {
        let plans = plan(wanted, false);
        if plans.len() == wanted.len() {
            return plans;
        }
    }
    // What the systematic search does not reach alone is looked for as a whole run does, which depends on all that is
    // wanted.
    let mut plans = plan(&all, true);
    plans.retain(|rule, _| wanted.contains(*rule));
    plans
}

/// Plans for some rules with the operations that are there, around the rules that are broken.
fn plan_around(
    law: &Arc<Law>,
    available: &dyn Fn(OperationIx) -> bool,
    wanted: &RuleSet,
    avoid: &RuleSet,
    thorough: bool,
    go_on: &dyn Fn(usize, usize) -> bool,
) -> Plans {
    let atlas = Atlas::new(law, available);
    // The rules of an operation that is not there cannot be reached; looking for them would take the longest.
    let wanted: &RuleSet = &wanted.iter().filter(|r| law[*r].operation.is_none_or(available)).collect();
    let of = wanted.len();
    plan(&Search { law, atlas: &atlas, available, wanted, avoid, thorough, go_on: &|left| go_on(left, of) })
        .into_iter()
        .collect()
}

/// The operations that steps use.
pub fn operations_of(steps: &[Step]) -> impl Iterator<Item = OperationIx> + '_ {
    steps.iter().flat_map(Step::calls).map(|call| call.operation)
}

/// Plays the suite. Rules that a broken one stands in the way of are planned for again, around it, until nothing more
/// is reached.
pub async fn run(workers: &Workers, plans: &Plans, available: &dyn Fn(OperationIx) -> bool) {
    let context = &workers.context;
    let law = &context.law;
    let wanted = context.wanted();
    let plan_for = |wanted: &RuleSet, avoid: &RuleSet, thorough| {
        plan_around(law, available, wanted, avoid, thorough, &|left, of| context.plans_on(left, of))
    };
    let everything = law.operations().all(|(ix, _)| available(ix));
    let mut plans = if everything {
        plans.clone()
    } else {
        // A plan that uses only what is there stays as it is.
        let mut usable = plans.clone();
        usable.retain(|_, steps| operations_of(steps).all(available));
        let missing: RuleSet = wanted.iter().filter(|r| !usable.contains_key(r)).collect();
        usable.extend(plan_for(&missing, &RuleSet::default(), true));
        usable
    };
    for round in 0..ROUNDS {
        if context.is_over() {
            return;
        }
        let broken = context.broken();
        let open: RuleSet = wanted.iter().filter(|r| !context.tally().is_decided(*r)).collect();
        if open.is_empty() {
            return;
        }
        if round > 0 {
            if broken.is_empty() {
                return;
            }
            // Only what the systematic search finds: most of what is left stands behind something broken, and to look
            // for it with all means would take longer than the suite.
            plans = plan_for(&open, &broken, false);
        }
        let mut chosen: Vec<(RuleIx, Vec<Step>)> =
            plans.iter().filter(|(rule, _)| open.contains(**rule)).map(|(r, s)| (*r, s.clone())).collect();
        if round == 0 {
            chosen = cover(law, &workers.atlas, chosen);
        }
        if chosen.is_empty() {
            return;
        }
        chosen.sort_by_key(|(rule, steps)| (steps.len(), *rule));
        let decided = wanted.iter().filter(|r| context.tally().is_decided(*r)).count();
        let scenarios = chosen.into_iter().map(|(rule, steps)| Scenario::Planned { rule, steps }).collect();
        workers.play(scenarios, broken).await;
        let now = wanted.iter().filter(|r| context.tally().is_decided(*r)).count();
        if round > 0 && now == decided {
            return;
        }
    }
}

/// Leaves out the scenarios whose rules others exercise on the way, as long as nothing is broken.
fn cover(law: &Arc<Law>, atlas: &Atlas, mut plans: Vec<(RuleIx, Vec<Step>)>) -> Vec<(RuleIx, Vec<Step>)> {
    // The longest first: they pass by the most.
    plans.sort_by_key(|(rule, steps)| (usize::MAX - steps.len(), *rule));
    let mut covered = RuleSet::default();
    plans.retain(|(rule, steps)| {
        if covered.contains(*rule) {
            return false;
        }
        let mut simulation = Simulation::new(law, Settings::default());
        for step in steps {
            match simulation.take(atlas, step) {
                Some(passes) => passes.iter().for_each(|r| {
                    covered.insert(r);
                }),
                None => break,
            }
        }
        true
    });
    plans
}
