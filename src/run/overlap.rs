//! Scenarios with requests that overlap, planned from the law.
//!
//! A race does not show every time, so each is played several times.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{Available, Workers, session::Scenario, together::UNANSWERED};
use crate::scenario::{
    overlap::{Overlap, overlaps},
    planned::Plans,
    step::Step,
};

/// How often each is played, if the budget lasts.
const TURNS: usize = 6;
/// How many are played in all at least, before each has had its turns: where there are few, each is played more often.
const LEAST: usize = 240;
/// How many are played side by side at least, so that where there are few, one that waits does not keep the others waiting.
const SIDE_BY_SIDE: usize = 40;
/// The part of the requests that are left that may be used, if random sequences are to follow: one of so many.
const SHARE: u64 = 4;

/// Looks for them in the background: it takes no longer than the suite is played.
pub fn start_planning(workers: &Workers, plans: &Plans, available: &Available) -> JoinHandle<Vec<Overlap>> {
    let (workers, available) = (workers.clone(), available.clone());
    let plans = plans.clone();
    tokio::task::spawn_blocking(move || {
        let law = &workers.context.law;
        let plans = plans.iter().map(|(rule, steps)| (*rule, steps));
        let wanted = |overlap: &Overlap| workers.context.wants(overlap.rule);
        let mut all = overlaps(law, &workers.atlas, &*available, plans, workers.context.options.at_once());
        all.retain(wanted);
        all
    })
}

/// Plays them until each has had its turns or its share of the budget is spent.
pub async fn run(workers: &Workers, planned: JoinHandle<Vec<Overlap>>) {
    let context = &workers.context;
    // Nobody cancels it, so that the only other end is a panic, which goes on here.
    let planned = planned.await.unwrap_or_else(|end| std::panic::resume_unwind(end.into_panic()));
    let mut chosen: Vec<Arc<Overlap>> = planned.into_iter().map(Arc::new).collect();
    let left = context.requests_left();
    // Whoever asked for certain rules wants those: no random sequences will follow.
    let share = if context.options.only.is_some() { left } else { left / SHARE };
    let until = context.requests() + share;
    let (mut number, mut turn) = (0, 0);
    loop {
        let broken = context.broken();
        // What is broken without any overlap demands nothing any more.
        chosen.retain(|overlap| !broken.contains(overlap.rule));
        let had_their_turns = turn >= TURNS && number >= LEAST;
        // A target that takes one request at a time must not be kept waiting over and over.
        let unanswered = context.tally().indeterminate.keys().any(|why| why.starts_with(UNANSWERED));
        if chosen.is_empty() || had_their_turns || unanswered || context.is_over() || context.requests() >= until {
            return;
        }
        let turns = turn..turn + SIDE_BY_SIDE.div_ceil(chosen.len());
        turn = turns.end;
        let each = turns.flat_map(|turn| chosen.iter().map(move |overlap| (turn, overlap.clone())));
        // More than the share is not begun, as far as one can tell how many requests each takes.
        let mut taken = context.requests();
        let fits = |(turn, overlap): &(usize, Arc<Overlap>)| {
            let fits = taken < until;
            taken += overlap.steps(*turn).iter().flat_map(Step::calls).count() as u64;
            fits
        };
        let scenarios: Vec<Scenario> = each
            .take_while(fits)
            .zip(number..)
            .map(|((turn, overlap), number)| Scenario::Overlapping { overlap, turn, number })
            .collect();
        number += scenarios.len();
        workers.play(scenarios, broken).await;
    }
}
