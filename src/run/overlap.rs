//! Scenarios with requests that overlap, planned from the law.
//!
//! A race does not show every time, so each is played several times.

use std::sync::Arc;

use super::{Workers, session::Scenario, suite::Plans, together::UNANSWERED};
use crate::{
    scenario::overlap::{Overlap, overlaps},
    spec::law::OperationIx,
};

/// How often each is played, if the budget lasts.
const TURNS: usize = 6;
/// How many are played in all at least, before each has had its turns: where there are few, each is played more often.
const LEAST: usize = 240;
/// Of the requests that are left, so many parts of `PARTS` may be used.
const SHARE: u64 = 1;
const PARTS: u64 = 3;

/// Plays them until each has had its turns or its share of the budget is spent.
pub async fn run(workers: &Workers, plans: &Plans, available: &dyn Fn(OperationIx) -> bool) {
    let context = &workers.context;
    let law = &context.law;
    if context.options.clients < 2 {
        return;
    }
    let plans = plans.iter().map(|(rule, steps)| (*rule, steps));
    let all = overlaps(law, &workers.atlas, available, plans, context.options.clients);
    let mut chosen: Vec<Arc<Overlap>> = all.into_iter().filter(|o| context.wants(o.rule)).map(Arc::new).collect();
    let left = context.options.max_requests.saturating_sub(context.requests());
    // Whoever asked for certain rules wants those: random sequences will not follow.
    let share = if context.options.only.is_some() { left } else { left * SHARE / PARTS };
    let until = context.requests() + share;
    let mut number = 0;
    for turn in 0.. {
        let broken = context.broken();
        // What is broken without any overlap demands nothing any more.
        chosen.retain(|overlap| !broken.contains(overlap.rule));
        if chosen.is_empty() || (turn >= TURNS && number >= LEAST) {
            return;
        }
        if context.is_over() || context.requests() >= until || context.tally().indeterminate.keys().any(|why| why.starts_with(UNANSWERED)) {
            return;
        }
        let scenarios: Vec<Scenario> = chosen
            .iter()
            .enumerate()
            .map(|(place, overlap)| Scenario::Overlapping { overlap: overlap.clone(), turn, number: number + place })
            .collect();
        number += scenarios.len();
        workers.play(scenarios, broken).await;
    }
}
