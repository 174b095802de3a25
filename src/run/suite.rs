//! The suite: for each rule a short scenario that exercises it.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{Available, Context, Workers, random::Sequences, session::Scenario};
use crate::{
    oracle::{RuleSet, Settings},
    scenario::{
        atlas::Atlas,
        plan::{Search, plan},
        planned::{self, Plans},
        reach::out_of_reach,
        simulation::Simulation,
        step::Step,
    },
    spec::law::{Demand, Law, OperationIx, RuleIx},
};

/// Rounds of planning anew around the rules that turned out to be broken.
const ROUNDS: usize = 5;

/// Plans for every rule of a law, with every operation at hand.
pub fn plan_everything(law: &Arc<Law>) -> Plans {
    plan_wanted(law, &law.rules().map(|(ix, _)| ix).collect(), &|_, _| true)
}

/// Plans for some rules of a law, with every operation at hand: those that it comes with, or else those that a search
/// finds. `go_on` is told how many rules have none yet, and of how many, and ends the search by saying no.
pub fn plan_wanted(law: &Arc<Law>, wanted: &RuleSet, go_on: &(dyn Fn(usize, usize) -> bool + Sync)) -> Plans {
    match planned::built_in(law) {
        Some(mut plans) => {
            plans.retain(|rule, _| wanted.contains(*rule));
            plans
        }
        None => plan_afresh(law, wanted, go_on),
    }
}

/// The same by searching. Each rule that is reached among all others is reached alone, nearly always by the same steps, so
/// that what a whole run has found is found again.
pub fn plan_afresh(law: &Arc<Law>, wanted: &RuleSet, go_on: &(dyn Fn(usize, usize) -> bool + Sync)) -> Plans {
    let all: RuleSet = law.rules().map(|(ix, _)| ix).filter(|rule| !law.is_up_to_target(*rule)).collect();
    let plan = |wanted: &RuleSet, thorough| plan_around(law, &|_| true, wanted, &RuleSet::default(), thorough, go_on);
    let wanted: &RuleSet = &wanted.iter().filter(|rule| all.contains(*rule)).collect();
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

/// Plans for every rule of a law that can be reached with some of its operations.
pub fn plan_with(law: &Arc<Law>, available: &(dyn Fn(OperationIx) -> bool + Sync)) -> Plans {
    let all: RuleSet = law.rules().map(|(ix, _)| ix).collect();
    plan_around(law, available, &all, &RuleSet::default(), true, &|_, _| true)
}

/// Plans for some rules with the operations that are there, around the rules that are broken.
fn plan_around(
    law: &Arc<Law>,
    available: &(dyn Fn(OperationIx) -> bool + Sync),
    wanted: &RuleSet,
    avoid: &RuleSet,
    thorough: bool,
    go_on: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Plans {
    let atlas = Atlas::new(law, available);
    // Looking for what cannot be reached without the operations that are not there would take the longest.
    let beyond = out_of_reach(law, available);
    let wanted: &RuleSet = &wanted.iter().filter(|r| !beyond.contains(*r) && !law.is_up_to_target(*r)).collect();
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
/// is reached. While plans are searched for, the target has something else to do. Returns plans of rules that a scenario
/// may still decide which waits for long: they are to be played if it does not.
pub async fn run(workers: &Workers, plans: &Plans, available: &Available, random: &mut Sequences) -> Plans {
    let context = &workers.context;
    let wanted = context.wanted();
    // A plan that uses only what is there stays as it is.
    let usable: Plans = plans
        .iter()
        .filter(|(rule, steps)| wanted.contains(**rule) && operations_of(steps).all(|ix| available(ix)))
        .map(|(rule, steps)| (*rule, steps.clone()))
        .collect();
    let unplanned: RuleSet = wanted.iter().filter(|r| !usable.contains_key(r)).collect();
    let everything = context.law.operations().all(|(ix, _)| available(ix));
    let search = (!everything).then(|| start_planning(context, available, unplanned, Arc::default(), true));
    play_covering(workers, usable.clone()).await;
    if let Some(search) = search {
        play_covering(workers, finished(search).await).await;
    }
    for _ in 1..ROUNDS {
        let broken = context.broken();
        let undecided = workers.room.undecided();
        let open: RuleSet = open(context, &broken).iter().filter(|rule| !undecided.contains(*rule)).collect();
        if context.is_over() || open.is_empty() || broken.is_empty() {
            break;
        }
        // Only what the systematic search finds: most of what is left stands behind something broken, and to look for it
        // with all means would take longer than the suite.
        let reserved = open.len();
        let search = start_planning(context, available, open, broken.clone(), false);
        random.play_beside(workers, reserved).await;
        let plans = finished(search).await;
        let before = progress(context);
        play(workers, plans.into_iter().collect(), broken).await;
        if progress(context) == before {
            break;
        }
    }
    let undecided = workers.room.undecided();
    usable.into_iter().filter(|(rule, _)| undecided.contains(*rule)).collect()
}

/// Plays the plans of rules that were left to a scenario which waits for long, and that it has not decided.
pub async fn run_put_off(workers: &Workers, plans: Plans) {
    workers.gather().await;
    play(workers, plans.into_iter().collect(), Arc::default()).await;
    workers.gather().await;
}

/// How many of the rules that are wanted have a result, and how many are known to stand in the way.
fn progress(context: &Context) -> (usize, usize) {
    let tally = context.tally();
    (context.wanted().iter().filter(|r| tally.is_decided(*r)).count(), tally.broken().len())
}

/// The rules that are wanted and have no result, but for those that the broken ones leave no way to.
fn open(context: &Context, broken: &RuleSet) -> RuleSet {
    let tally = context.tally();
    // A request that is accepted where it should be refused shows nothing of the code of the refusal.
    let codeless = |rule: RuleIx| {
        let law = &context.law;
        law[rule].demand == Demand::Code && law.refusal(rule).is_some_and(|refusal| broken.contains(refusal.rule))
    };
    // What the target had an occasion to show and did not, as it may, would be looked for in vain once more.
    let in_vain = tally.waited_for_in_vain();
    let settled =
        |rule| tally.is_decided(rule) || tally.unshown.contains(rule) || in_vain.contains(rule) || codeless(rule);
    context.wanted().iter().filter(|r| !settled(*r)).collect()
}

/// Searches for plans in the background: for some rules with the operations that are there, around the rules that are
/// broken.
fn start_planning(
    context: &Arc<Context>,
    available: &Available,
    wanted: RuleSet,
    broken: Arc<RuleSet>,
    thorough: bool,
) -> JoinHandle<Plans> {
    let (context, available) = (context.clone(), available.clone());
    tokio::task::spawn_blocking(move || {
        let law = &context.law;
        let avoid = broken.iter().filter(|rule| !law[*rule].demand.is_about_answers()).collect();
        plan_around(law, &*available, &wanted, &avoid, thorough, &|_, _| !context.is_over())
    })
}

/// What a search has found.
async fn finished(search: JoinHandle<Plans>) -> Plans {
    // Nobody cancels it, so that the only other end is a panic, which goes on here.
    search.await.unwrap_or_else(|end| std::panic::resume_unwind(end.into_panic()))
}

/// Plays plans, first those that pass by the rules of the others, then those of the rules that were to be passed by and
/// have no result all the same: something broken may have been in the way there, and not be in theirs.
async fn play_covering(workers: &Workers, plans: Plans) {
    let covering = cover(&workers.context.law, &workers.atlas, plans.clone().into_iter().collect());
    let mut others = plans;
    others.retain(|rule, _| covering.iter().all(|(covers, _)| covers != rule));
    play(workers, covering, Arc::default()).await;
    play(workers, others.into_iter().collect(), Arc::default()).await;
}

/// Plays the plans of rules that have no result yet. `muted` are the broken rules that the plans lead around: any other
/// that stands in the way must end the scenario, since nobody knows what follows.
async fn play(workers: &Workers, mut plans: Vec<(RuleIx, Vec<Step>)>, muted: Arc<RuleSet>) {
    let context = &workers.context;
    {
        let tally = context.tally();
        let (in_vain, undecided) = (tally.waited_for_in_vain(), workers.room.undecided());
        let is_settled = |rule| tally.is_decided(rule) || in_vain.contains(rule) || undecided.contains(rule);
        plans.retain(|(rule, _)| context.wants(*rule) && !is_settled(*rule));
    }
    for (rule, steps) in &mut plans {
        shorten(context, &workers.atlas, *rule, steps);
    }
    // What has to wait begins first, so that the others work meanwhile.
    let works = |steps: &[Step]| context.options.waits_for().is_none() || !steps.contains(&Step::Settle);
    plans.sort_by_key(|(rule, steps)| (works(steps), steps.len(), *rule));
    let scenarios = plans.into_iter().map(|(rule, steps)| Scenario::Planned { rule, steps }).collect();
    workers.play(scenarios, muted).await;
}

/// Lets the requests of a plan ask for less time where it has to be waited for, if the plan still exercises its rule then.
pub(super) fn shorten(context: &Context, atlas: &Atlas, rule: RuleIx, steps: &mut Vec<Step>) {
    let mut shorter = steps.clone();
    for step in &mut shorter {
        if let Step::Call(call) = step {
            context.shorten(call);
        }
    }
    if shorter != *steps {
        let mut simulation = Simulation::new(&context.law, Settings::default());
        if shorter.iter().map_while(|step| simulation.take(atlas, step)).any(|passes| passes.contains(rule)) {
            *steps = shorter;
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
