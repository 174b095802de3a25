//! Requests that a rule refuses for each of the reasons that its conditions list: states joined by `||`, or listed after
//! `in`.
//!
//! A rule's own scenario meets one of them, and a server that forgets another one keeps the rule there. They are looked for
//! in the states that the suite passes through, as [`super::near_miss`] looks for what is nearly refused (together they
//! are the decisions of modified condition/decision coverage).

use std::{collections::BTreeSet, sync::Arc};

use rayon::prelude::*;

use super::{
    atlas::Atlas,
    draft,
    simulation::Simulation,
    states::{in_each_state, shortest},
    step::Step,
};
use crate::{
    model::assess::assess,
    spec::{
        expr::Part,
        law::{KindIx, Law, OperationIx, RuleIx},
    },
};

/// Requests of one operation that are tried in each state.
const MOST_REQUESTS: usize = 16;
/// The longest way to a state that is looked at.
const LONGEST: usize = 16;

/// One of the reasons: the operation, the place of the refusal in it, that of its condition, and that of the reason there.
type Reason = (OperationIx, usize, usize, usize);

/// For each refusal of an operation, the conditions that list reasons, each with its place in the guard.
type Listed = Vec<(usize, usize, Vec<Part>)>;

/// Scenarios that end with a request which is refused by one rule only, and for one of the reasons only, each with that
/// rule: the shortest for each reason. `plans` are the scenarios whose states are looked at. All are, whatever they are
/// about: what one reason needs is seldom there where another one was looked for.
pub fn alternatives(law: &Arc<Law>, atlas: &Atlas, plans: &[(OperationIx, Vec<Step>)]) -> Vec<(RuleIx, Vec<Step>)> {
    let listed: Vec<(OperationIx, Listed)> = law.operations().map(|(ix, _)| (ix, listed(law, ix))).collect();
    let listed: Vec<(OperationIx, Listed)> = listed.into_iter().filter(|(_, listed)| !listed.is_empty()).collect();
    // Whatever a state was passed through for, it is looked at once.
    let ways: Vec<((), Vec<Step>)> =
        plans.iter().map(|(_, steps)| ((), steps[..steps.len().min(LONGEST)].to_vec())).collect();
    let tried = in_each_state(
        law,
        atlas,
        &ways,
        |()| true,
        |(), state, way| listed.iter().flat_map(|(ix, listed)| from(law, *ix, listed, state, way)).collect(),
    );
    let ways: BTreeSet<&[Step]> = ways.iter().map(|(_, steps)| &steps[..]).collect();
    let ways: Vec<&[Step]> = ways.into_iter().collect();
    let more = ways.par_iter().flat_map_iter(|way| with_one_more(law, atlas, &listed, way));
    let more: Vec<(Reason, Vec<Step>)> = more.collect();
    let rule = |(operation, place, ..): Reason| law[operation].refusals[place].refusal.rule;
    let found =
        shortest(tried.into_iter().chain(more), Vec::len).into_iter().map(|(reason, steps)| (rule(reason), steps));
    // What the suite plays anyway need not be played once more.
    found.filter(|(_, steps)| !plans.iter().any(|(_, planned)| planned.starts_with(steps))).collect()
}

/// Those that are one request away from where some steps lead, with one more of something that the operation names: where one
/// is in the way, a second one may be needed to meet it.
fn with_one_more(
    law: &Arc<Law>,
    atlas: &Atlas,
    listed: &[(OperationIx, Listed)],
    way: &[Step],
) -> Vec<(Reason, Vec<Step>)> {
    let settled = |simulation: &mut Simulation| {
        let settles: Vec<Step> = simulation.is_changing().then_some(Step::Settle).into_iter().collect();
        simulation.take_all(atlas, &settles).map(|()| settles)
    };
    let mut found = Vec::new();
    let Some(mut simulation) = Simulation::after(law, atlas, way) else { return found };
    let Some(waits) = settled(&mut simulation) else { return found };
    let named = |ix: OperationIx| law[ix].params.iter().flat_map(|param| param.names.iter().map(|r| r.kind));
    let kinds: BTreeSet<KindIx> = listed.iter().flat_map(|(ix, _)| named(*ix)).collect();
    for kind in kinds {
        let requests = way.iter().rev().filter(|step| matches!(step, Step::Call(_))).cloned();
        let Some((step, mut after, _)) = simulation.one_more(atlas, kind, requests) else { continue };
        let Some(waits_again) = settled(&mut after) else { continue };
        let way = [way, &waits, &[step], &waits_again].concat();
        for (ix, listed) in listed.iter().filter(|(ix, _)| named(*ix).any(|of| of == kind)) {
            found.extend(from(law, *ix, listed, &after, &way));
        }
    }
    found
}

fn listed(law: &Law, operation: OperationIx) -> Listed {
    let spec = &law[operation];
    let of_refusal = |place: usize| {
        let parts = spec.refusals[place].guard.parts.iter().enumerate();
        parts.filter_map(move |(part, ix)| {
            let reasons = spec.conditions[*ix as usize].alternatives();
            (reasons.len() > 1).then_some((place, part, reasons))
        })
    };
    (0..spec.refusals.len()).flat_map(of_refusal).collect()
}

/// Those that are one request away from where some steps lead.
fn from(
    law: &Arc<Law>,
    ix: OperationIx,
    listed: &Listed,
    simulation: &Simulation,
    way: &[Step],
) -> Vec<(Reason, Vec<Step>)> {
    let world = simulation.forward.world();
    let mut found: Vec<(Reason, Vec<Step>)> = Vec::new();
    for call in draft::good_calls(law, world, ix, MOST_REQUESTS).unwrap_or_default() {
        let Some(request) = simulation.resolve(&call) else { continue };
        let assessment = assess(law, world, &request);
        let [due] = assessment.refusals.as_slice() else { continue };
        if assessment.open.is_some() || assessment.undecided {
            continue;
        }
        for (place, part, reasons) in
            listed.iter().filter(|(place, ..)| law[ix].refusals[*place].refusal.rule == due.rule)
        {
            let mut holding =
                reasons.iter().enumerate().filter(|(_, reason)| assessment.scope.part(reason) == Ok(true));
            if let (Some((number, _)), None) = (holding.next(), holding.next())
                && !found.iter().any(|(known, _)| *known == (ix, *place, *part, number))
            {
                found.push(((ix, *place, *part, number), [way, &[Step::Call(call.clone())]].concat()));
            }
        }
    }
    found
}
