//! Requests of which the law leaves open whether they are refused, and says what comes of them if they are not: what it
//! says there shows nowhere else.
//!
//! They are looked for in the states that the suite passes through, as near misses are.

use std::sync::Arc;

use super::{
    atlas::Atlas,
    draft,
    simulation::Simulation,
    states::{in_each_state, shortest},
    step::Step,
};
use crate::{
    model::{
        assess::assess,
        effect,
        time::{Interval, Moment, Tolerance},
    },
    spec::law::{Law, OperationIx, RuleIx},
};

/// Requests that are tried in each state.
const MOST_REQUESTS: usize = 60;

/// An open question, and a rule that says what comes of an acceptance.
type Silence = (Arc<str>, RuleIx);

/// Scenarios that end with such a request and wait for what comes of it, each with a rule that says what that is, the
/// shortest for each question. `plans` are the scenarios whose states are looked at, each with the operation to try there.
pub fn silences(law: &Arc<Law>, atlas: &Atlas, plans: &[(OperationIx, Vec<Step>)]) -> Vec<(RuleIx, Vec<Step>)> {
    let changes = |ix: OperationIx| !law[ix].open.is_empty() && !law[ix].effects.is_empty();
    let tried = in_each_state(law, atlas, plans, changes, |ix, state, way| from(law, atlas, ix, state, way));
    let found = shortest(tried, Vec::len);
    found.into_iter().map(|((_, rule), steps)| (rule, steps)).collect()
}

/// Those that are one request away from where some steps lead.
fn from(
    law: &Arc<Law>,
    atlas: &Atlas,
    ix: OperationIx,
    simulation: &Simulation,
    way: &[Step],
) -> Vec<(Silence, Vec<Step>)> {
    let world = simulation.forward.world();
    let at = Interval { from: Moment(0), to: Moment(0) };
    let mut found: Vec<(Silence, Vec<Step>)> = Vec::new();
    for call in draft::good_calls(law, world, ix, MOST_REQUESTS).unwrap_or_default() {
        let Some(request) = simulation.resolve(&call) else { continue };
        let assessment = assess(law, world, &request);
        let Some(open) = assessment.open.clone().filter(|_| assessment.refusals.is_empty()) else { continue };
        if assessment.unforeseeable || assessment.undecided || assessment.dry_run.is_some() {
            continue;
        }
        let Ok(outcome) = effect::apply(law, &assessment, at, Tolerance::default()) else { continue };
        let unknown = |rule: &RuleIx| !found.iter().any(|((known, of), _)| *known == open && of == rule);
        let rules: Vec<RuleIx> = outcome.rules.iter().copied().filter(unknown).collect();
        let steps = [way, &[Step::Call(call.clone()), Step::Settle]].concat();
        let mut after = simulation.clone();
        if !rules.is_empty() && steps[way.len()..].iter().all(|step| after.take(atlas, step).is_some()) {
            found.extend(rules.into_iter().map(|rule| ((open.clone(), rule), steps.clone())));
        }
    }
    found
}
