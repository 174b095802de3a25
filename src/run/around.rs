//! Scenarios around those of the suite: requests that must be accepted with each value that a parameter may have, requests
//! that are refused for each reason that there is, or nearly, and variations with more of everything.
//!
//! The suite meets each rule once, by the shortest way. A server that keeps a rule there may still break it where there is
//! more than one of everything, at the limit of a value, or the second time.

use std::{collections::VecDeque, sync::Arc};

use tokio::task::JoinHandle;

use super::{
    Available, Context, Workers,
    session::Scenario,
    suite::{operations_of, shorten},
};
use crate::{
    oracle::{RuleSet, Settings},
    scenario::{
        alternative::alternatives, choices::choices, near_miss::near_misses, planned::Plans, simulation::Simulation,
        step::Step, variation::variations,
    },
    spec::law::{OperationIx, RuleIx},
};

/// Scenarios that are played before what they found is taken into account.
const BATCH: usize = 64;
/// The part of the requests that are left that is kept for random sequences, if those are to follow: one of so many.
const KEPT: u64 = 4;
/// Variations of one rule's scenario that are played at most.
const MOST_VARIATIONS: usize = 12;
/// Where time has to be waited for, scenarios that may wait and are tried before any others of that sort.
const TRIED: usize = 4;

/// A scenario, and the rule that it is about.
type Around = (RuleIx, Vec<Step>);

/// Looks for them in the background: it takes no longer than the suite is played. `plans` are those that are played, `all`
/// those that there are.
pub fn start_planning(workers: &Workers, plans: &Plans, all: &Plans, available: &Available) -> JoinHandle<Vec<Around>> {
    let workers = workers.clone();
    let usable = |plans: &Plans| -> Vec<Around> {
        let usable = plans.iter().filter(|(_, steps)| operations_of(steps).all(|ix| available(ix)));
        usable.map(|(rule, steps)| (*rule, steps.clone())).collect()
    };
    let (plans, all) = (usable(plans), usable(all));
    // What there will be no requests for need not be looked for. The suite takes some first. What is left while it is played
    // depends on the target's speed, and the same run is to find the same.
    let suite: usize = plans.iter().map(|(_, steps)| steps.len()).sum();
    let context = &workers.context;
    let most = share(context, context.requests_left().saturating_sub(suite as u64));
    tokio::task::spawn_blocking(move || find(&workers, &plans, &all, most))
}

/// As many as take so many requests.
fn find(workers: &Workers, plans: &[Around], all: &[Around], most: u64) -> Vec<Around> {
    let (law, atlas) = (&workers.context.law, &*workers.atlas);
    let ways: Vec<(OperationIx, Vec<Step>)> =
        plans.iter().filter_map(|(rule, steps)| Some((law[*rule].operation?, steps.clone()))).collect();
    let states: Vec<&[Step]> = all.iter().map(|(_, steps)| &steps[..]).collect();
    let chosen =
        choices(law, atlas, &ways, &states).into_iter().map(|choice| (law[choice.operation].accepts, choice.steps));
    let refused = alternatives(law, atlas, &ways);
    let mut found: Vec<Around> = chosen.chain(refused).chain(near_misses(law, atlas, &ways)).collect();
    found.retain(|(rule, _)| workers.context.wants(*rule));
    let mut left = most;
    let mut takes = |steps: &[Step]| {
        left = left.saturating_sub(steps.len() as u64);
        left > 0 && !workers.context.is_over()
    };
    let mut goes_on = found.iter().all(|(_, steps)| takes(steps));
    // One variation of every rule before the second of any.
    let mut open = Vec::new();
    for (rule, steps) in plans.iter().filter(|(rule, _)| workers.context.wants(*rule)) {
        if !goes_on {
            return found;
        }
        let mut more = variations(law, atlas, *rule, steps).take(MOST_VARIATIONS);
        if let Some(first) = more.next() {
            goes_on = takes(&first);
            found.push((*rule, first));
            open.push((*rule, more));
        }
    }
    while goes_on && !open.is_empty() {
        open.retain_mut(|(rule, more)| {
            let next = if goes_on { more.next() } else { None };
            next.map(|steps| {
                goes_on = takes(&steps);
                found.push((*rule, steps));
            })
            .is_some()
        });
    }
    found
}

/// Plays them until their share of the budget is spent.
pub async fn run(workers: &Workers, planned: JoinHandle<Vec<Around>>) {
    let context = &workers.context;
    // Nobody cancels it, so that the only other end is a panic, which goes on here.
    let planned = planned.await.unwrap_or_else(|end| std::panic::resume_unwind(end.into_panic()));
    let until = context.requests() + share(context, context.requests_left());
    let mut all: VecDeque<(usize, Around)> = planned.into_iter().enumerate().collect();
    // A target that takes its time would be waited for over and over, for what the suite has waited for already: so
    // a few are tried, and the others come once those have shown that nothing takes long.
    let waiting = workers.room.waiting();
    let mut may_wait = if context.options.waits_for().is_some() { TRIED } else { usize::MAX };
    while !all.is_empty() && !context.is_over() && context.requests() < until {
        let broken = context.broken();
        let avoid = broken.iter().filter(|rule| !context.law[*rule].demand.is_about_answers()).collect();
        // More than the share is not begun, as far as one can tell how many requests each takes.
        let mut taken = context.requests();
        let mut scenarios = Vec::new();
        let mut later = VecDeque::new();
        while scenarios.len() < BATCH
            && taken < until
            && let Some((number, (rule, mut steps))) = all.pop_front()
        {
            let settles = steps.contains(&Step::Settle);
            if settles && may_wait == 0 {
                later.push_back((number, (rule, steps)));
            } else if !broken.contains(rule) && !leads_over(workers, &avoid, &steps) {
                may_wait = may_wait.saturating_sub(usize::from(settles));
                shorten(context, &workers.atlas, rule, &mut steps);
                taken += steps.len() as u64;
                scenarios.push(Scenario::Varied { rule, number, steps });
            }
        }
        workers.play(scenarios, Arc::clone(&broken)).await;
        if workers.room.waiting() > waiting {
            may_wait = 0;
            all.retain(|(_, (_, steps))| !steps.contains(&Step::Settle));
        } else {
            may_wait = usize::MAX;
            later.append(&mut all);
            all = later;
        }
    }
}

/// How many of the requests that are left may be used.
fn share(context: &Context, left: u64) -> u64 {
    // Whoever asked for certain rules wants those: no random sequences will follow.
    if context.options.only.is_some() { left } else { left - left / KEPT }
}

/// True if steps exercise one of these rules: where something broken is on the way, nobody knows what follows, and the next
/// finding would give the same fault another name.
fn leads_over(workers: &Workers, avoid: &RuleSet, steps: &[Step]) -> bool {
    if avoid.iter().next().is_none() {
        return false;
    }
    let mut simulation = Simulation::new(&workers.context.law, Settings::default());
    let mut passes = steps.iter().map_while(|step| simulation.take(&workers.atlas, step));
    passes.any(|passes| passes.iter().any(|rule| avoid.contains(rule)))
}
