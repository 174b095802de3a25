//! What a run would make, worked out without sending anything.
//!
//! The suite is known beforehand. Requests that overlap, and random sequences, depend on what the target has, and on the
//! seed; of those only the bounds are known.
//!
//! Imports `scenario` and `spec`.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{RunOptions, holdings::makes_in, suite::plan_wanted};
use crate::{
    oracle::RuleSet,
    scenario::step::Step,
    spec::law::{Change, Law},
};

/// What the suite of a run would make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// How many scenarios it has.
    pub scenarios: usize,
    /// How many requests, looks not counted.
    pub requests: usize,
    /// What is made.
    pub makes: Vec<Makes>,
    /// The most that a single scenario makes.
    pub at_a_time: usize,
}

/// How many resources of a kind an operation makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Makes {
    /// The kind, for people.
    pub kind: String,
    /// The operation.
    pub operation: String,
    /// How many at most.
    pub times: usize,
}

/// Plans the suite, and counts. `go_on` is told how far the planning is.
pub fn forecast(law: &Arc<Law>, options: &RunOptions, go_on: &(dyn Fn(usize, usize) -> bool + Sync)) -> Forecast {
    let wanted: RuleSet = law.rules().map(|(ix, _)| ix).filter(|rule| options.wants(law, *rule)).collect();
    let plans = plan_wanted(law, &wanted, go_on);
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let (mut requests, mut at_a_time) = (0, 0);
    for steps in plans.values() {
        let calls = || steps.iter().flat_map(Step::calls);
        requests += calls().count();
        at_a_time = at_a_time.max(makes_in(law, steps));
        for call in calls() {
            for effect in &law[call.operation].effects {
                if let Change::Create { kind, .. } = &effect.change
                    && !law[*kind].undo.is_empty()
                {
                    let key = (law[*kind].title.clone(), law[call.operation].name.to_string());
                    *counts.entry(key).or_default() += 1;
                }
            }
        }
    }
    let makes = counts.into_iter().map(|((kind, operation), times)| Makes { kind, operation, times }).collect();
    Forecast { scenarios: plans.len(), requests, makes, at_a_time }
}
