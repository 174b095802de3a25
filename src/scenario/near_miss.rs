//! Requests that are accepted, and would be refused if one more condition held: they show that a refusal is not made too
//! often.
//!
//! A rule refuses where several conditions hold at once. Its own scenario shows that it refuses where all of them do; these
//! show that each of them is needed (the *unique cause* of modified condition/decision coverage). They are looked for in
//! the states that the suite passes through.

use std::sync::Arc;

use super::{
    atlas::Atlas,
    draft,
    simulation::Simulation,
    states::{in_each_state, shortest},
    step::Step,
};
use crate::{
    model::assess::{Assessment, assess},
    spec::law::{Law, Operation, OperationIx, RuleIx},
};

/// Requests that are tried in each state.
const MOST_REQUESTS: usize = 60;

/// The condition of a rule that alone does not hold: the place of the refusal in its operation, and of its part.
type Condition = (OperationIx, usize, usize);

/// Scenarios that end with such a request, each with the rule that nearly refuses it, the shortest for each condition.
/// `plans` are the scenarios whose states are looked at, each with the operation to try there.
pub fn near_misses(law: &Arc<Law>, atlas: &Atlas, plans: &[(OperationIx, Vec<Step>)]) -> Vec<(RuleIx, Vec<Step>)> {
    let has_conditions = |operation: &Operation| operation.refusals.iter().any(|refuse| refuse.guard.parts.len() > 1);
    let tried =
        in_each_state(law, atlas, plans, |ix| has_conditions(&law[ix]), |ix, state, way| from(law, ix, state, way));
    let rule = |(operation, place, _): Condition| law[operation].refusals[place].refusal.rule;
    let found = shortest(tried, Vec::len);
    found.into_iter().map(|(condition, steps)| (rule(condition), steps)).collect()
}

/// Those that are one request away from where some steps lead.
fn from(law: &Arc<Law>, ix: OperationIx, simulation: &Simulation, way: &[Step]) -> Vec<(Condition, Vec<Step>)> {
    let operation = &law[ix];
    let world = simulation.forward.world();
    let mut found: Vec<(Condition, Vec<Step>)> = Vec::new();
    for call in draft::good_calls(law, world, ix, MOST_REQUESTS).unwrap_or_default() {
        let Some(request) = simulation.resolve(&call) else { continue };
        let assessment = assess(law, world, &request);
        if !assessment.refusals.is_empty() || assessment.open.is_some() || assessment.undecided {
            continue;
        }
        for (place, refuse) in operation.refusals.iter().enumerate() {
            if let Some(part) = missing(operation, &assessment, place)
                && refuse.guard.parts.len() > 1
                && !found.iter().any(|(known, _)| *known == (ix, place, part))
            {
                found.push(((ix, place, part), [way, &[Step::Call(call.clone())]].concat()));
            }
        }
    }
    found
}

/// The only condition of a refusal that does not hold.
fn missing(operation: &Operation, assessment: &Assessment, place: usize) -> Option<usize> {
    let guard = &operation.refusals[place].guard;
    let holds = |ix: &u32| assessment.scope.part(&operation.conditions[*ix as usize]) == Ok(true);
    let mut failing = guard.parts.iter().enumerate().filter(|(_, ix)| !holds(ix)).map(|(part, _)| part);
    let only = failing.next().filter(|_| assessment.resolves(&guard.needs))?;
    failing.next().is_none().then_some(only)
}
