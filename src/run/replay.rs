//! A scenario that was written down, played at a target.

use std::{sync::Arc, time::Duration};

use super::{
    RunError, RunOptions, Stop, Workers, begin,
    event::{Event, Observer},
    probe,
    session::{Played, Scenario},
};
use crate::{
    oracle::RuleSet,
    scenario::{atlas::Atlas, step::Step, written::Written},
    spec::law::{Law, RuleIx},
};

/// What came of playing a scenario several times.
#[derive(Debug)]
pub struct Replayed {
    /// What came of it each time.
    pub played: Vec<Played>,
    /// True if somebody stopped it.
    pub interrupted: bool,
}

impl Replayed {
    /// How often the rule was broken.
    pub fn came_again(&self, rule: RuleIx) -> usize {
        self.played.iter().filter(|played| played.breaks(rule).is_some()).count()
    }
}

/// Plays a scenario so many times, each from a clean start.
///
/// # Errors
///
/// The target cannot be used.
pub async fn replay(
    law: Arc<Law>,
    written: Written,
    times: u32,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<Replayed, RunError> {
    let (context, endpoints) = begin(law.clone(), options, observer, stop).await?;
    context.observer.event(&Event::Phase("looking for the target"));
    probe::yardstick(&context, &endpoints[0]).await?;
    let workers = Workers::new(context.clone(), endpoints, Arc::new(Atlas::new(&law, |_| true)));
    context.observer.event(&Event::Phase("playing the scenario"));
    let muted = Arc::new(written.passed_over);
    let mut played = Vec::new();
    for turn in 0..times as usize {
        if context.is_at_its_end() {
            break;
        }
        let steps = turned(&written.steps, turn);
        played.push(workers.play_given(0, "replay", written.rule, steps, &muted, context.options.patience).await);
    }
    Ok(Replayed { played, interrupted: context.is_interrupted() })
}

/// The steps, with those requests in another order each time that are sent at once: which one comes first depends on it.
pub(super) fn turned(steps: &[Step], turn: usize) -> Vec<Step> {
    let mut steps = steps.to_vec();
    for step in &mut steps {
        if let Step::Together(calls) = step {
            let by = turn % calls.len().max(1);
            calls.rotate_left(by);
        }
    }
    steps
}

impl Workers {
    /// Plays these steps as they stand, from a clean start. Changes are waited for so long at most.
    pub(super) async fn play_given(
        &self,
        worker: usize,
        purpose: &str,
        rule: RuleIx,
        steps: Vec<Step>,
        muted: &Arc<RuleSet>,
        patience: Duration,
    ) -> Played {
        let context = &self.context;
        let tokens = context.tokens(purpose, context.next_group() as usize);
        let name = format!("{purpose}:{}", context.law[rule].id);
        let scenario = Scenario::Given { name, steps };
        let mut session = self.session(worker, &scenario, muted, tokens);
        session.patience = patience;
        session.play().await
    }
}
