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
/// The same where time has to be waited for: what waits side by side costs no more than one that waits alone.
const WAITING_BATCH: usize = 128;
/// Batches that are played beside something else.
const BESIDE: usize = 2;
/// Requests that a sequence may need at most, looks and clean-up included: what is left of the budget is divided by it.
const COST: u64 = 60;

/// The random sequences of a run, batch by batch.
pub struct Sequences {
    strategies: Arc<Strategies>,
    /// How many have been played.
    played: u64,
}

impl Sequences {
    /// None has been played yet.
    pub fn new(workers: &Workers, available: &dyn Fn(OperationIx) -> bool) -> Sequences {
        Sequences { strategies: Arc::new(Strategies::new(&workers.context.law, available)), played: 0 }
    }

    /// Plays sequences until the budget of requests or time is spent, but for what so many scenarios may need.
    pub async fn play_on(&mut self, workers: &Workers, scenarios: usize) {
        let reserve = (scenarios as u64 * COST).min(workers.context.requests_left() / 2);
        while self.play_batch(workers, reserve, false).await {}
    }

    /// Plays some batches while something else is waited for, and leaves so many scenarios' requests for that. How many
    /// there are must not depend on how long the waiting takes. What scenarios wait for already these do not wait for.
    pub async fn play_beside(&mut self, workers: &Workers, scenarios: usize) {
        for _ in 0..BESIDE {
            let left = workers.context.requests_left();
            self.play_batch(workers, (scenarios as u64 * COST).min(left / 2), true).await;
        }
    }

    /// Plays one batch, and leaves so many requests of the budget. False if there is nothing to play any more.
    async fn play_batch(&mut self, workers: &Workers, reserve: u64, beside: bool) -> bool {
        let context = &workers.context;
        // Whoever asked for certain rules wants those, and nothing by chance.
        if context.options.only.is_some() || context.is_over() {
            return false;
        }
        let waiting = workers.room.waiting() as u64 * COST;
        let left = context.requests_left().saturating_sub(reserve + waiting);
        let batch = if context.options.waits_for().is_some() { WAITING_BATCH } else { BATCH };
        let batch = batch.min(usize::try_from(left / COST).unwrap_or(batch));
        if batch == 0 {
            return false;
        }
        let scenarios = (self.played..)
            .take(batch)
            .map(|number| {
                let clients = if number % INTERLEAVED == INTERLEAVED - 1 { context.options.at_once() } else { 1 };
                Scenario::Random { strategies: self.strategies.clone(), number, length: LENGTH, clients }
            })
            .collect();
        self.played += batch as u64;
        let before = context.requests();
        match beside {
            true => workers.play_beside(scenarios, context.broken()).await,
            false => workers.play(scenarios, context.broken()).await,
        }
        // Otherwise there is nothing left that the law has a say in and that no broken rule stands in the way of.
        context.requests() > before
    }
}
