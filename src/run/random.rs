//! Seeded random sequences.

use std::sync::Arc;

use super::{Workers, session::Scenario};
use crate::{scenario::strategy::Strategies, spec::law::OperationIx};

/// Requests that a sequence makes by itself, looks and clean-up not counted.
const LENGTH: usize = 16;
/// One of so many sequences is played by several clients.
const INTERLEAVED: u64 = 4;
/// Sequences that are played before what they found is taken into account. Fixed, so that a run does not depend on how
/// many workers it has.
const BATCH: usize = 32;
/// Requests that a sequence may need at most, looks and clean-up included: what is left of the budget is divided by it.
const COST: u64 = 60;

/// Plays random sequences until the budget of requests or time is spent.
pub async fn run(workers: &Workers, available: &dyn Fn(OperationIx) -> bool) {
    let context = &workers.context;
    // Whoever asked for certain rules wants those, and nothing by chance.
    if context.options.only.is_some() {
        return;
    }
    let strategies = Arc::new(Strategies::new(&context.law, available));
    let mut number = 0;
    while !context.is_over() {
        let left = context.options.max_requests.saturating_sub(context.requests());
        let batch = BATCH.min(usize::try_from(left / COST).unwrap_or(BATCH));
        if batch == 0 {
            return;
        }
        let scenarios = (0..batch as u64)
            .map(|i| {
                let number = number + i;
                let clients = if number % INTERLEAVED == INTERLEAVED - 1 { context.options.clients } else { 1 };
                Scenario::Random { strategies: strategies.clone(), number, length: LENGTH, clients }
            })
            .collect();
        number += batch as u64;
        let broken = context.broken();
        let before = context.requests();
        workers.play(scenarios, broken).await;
        // There is nothing left that the law has a say in and that no broken rule stands in the way of.
        if context.requests() == before {
            return;
        }
    }
}
