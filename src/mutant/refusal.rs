//! Wrong decisions: refusals that are not made, or made for nothing, or with the wrong code; rehearsals and tokens.

use std::sync::Arc;

use super::{Decides, Origin, broken::Broken};
use crate::{
    model::{
        assess::{Assessment, Bound, assess},
        effect,
        forward::{Decision, conclude, decide as decide_rightly, undocumented},
        input::InputValue,
        time::{Interval, Moment, Tolerance},
        world::{Timer, World},
    },
    spec::{
        expr::Part,
        file::Defect,
        law::{Law, Operation, Param, ParamIx, Refusal, RuleIx, Undeclared},
    },
    wire::{Answer, Request},
};

/// Where a request is decided about.
type At<'a> = (&'a Arc<Law>, &'a Arc<World>, &'a Request);

/// How a request is answered instead.
pub(super) fn decide(broken: &Broken, decides: &Decides, at: At<'_>, right: Decision) -> Decision {
    let rule = broken.rule();
    match right {
        Decision::Refuse(assessment, code) => refuse(broken, decides, at, assessment, code),
        Decision::Accept(assessment) => {
            if makes_up(decides, at, rule, &assessment) && broken.departs() {
                return made_up(at.0, rule, assessment);
            }
            Decision::Accept(assessment)
        }
        Decision::Repeat(first) => repeat(broken, decides, at, first),
    }
}

/// A refusal of a rule's for which there is no reason.
fn made_up(law: &Law, rule: RuleIx, mut assessment: Box<Assessment>) -> Decision {
    let refusal = law.refusal(rule).cloned();
    let code = refusal.as_ref().and_then(|r| r.codes.first().cloned()).unwrap_or_else(|| undocumented(law));
    assessment.refusals.extend(refusal);
    Decision::Refuse(assessment, code)
}

fn refuse(broken: &Broken, decides: &Decides, at: At<'_>, mut assessment: Box<Assessment>, code: Arc<str>) -> Decision {
    let (law, rule) = (at.0, broken.rule());
    if assessment.refusals.is_empty() && makes_up(decides, at, rule, &assessment) && broken.departs() {
        return made_up(law, rule, assessment);
    }
    let due = assessment.refusals.iter().any(|r| r.rule == rule);
    let rehearses = assessment.dry_run == Some(rule) && assessment.refusals.is_empty();
    let takes = match decides {
        Decides::NotMade | Decides::AnsweredAsFirst => due,
        Decides::NotMadeFor(place, part, number) => due && is_for(law, &assessment, *place, *part, *number),
        Decides::NotMadeNextToLimit(param) => due && is_next_to_limit(law, &assessment, *param),
        Decides::Code(_) => is_sole(&assessment, rule) || rehearses,
        Decides::RehearsalAccepted | Decides::RehearsalIdle => rehearses,
        _ => false,
    };
    if !takes || !broken.departs() {
        return Decision::Refuse(assessment, code);
    }
    match decides {
        Decides::Code(others) => {
            let is_right = |code: &&Arc<str>| assessment.refusals.iter().any(|r| r.codes.contains(code));
            let other = others.iter().find(|code| !is_right(code)).cloned();
            Decision::Refuse(assessment, other.unwrap_or(code))
        }
        Decides::AnsweredAsFirst => match &assessment.again {
            Some(again) => Decision::Repeat(again.first.answer.clone()),
            None => Decision::Refuse(assessment, code),
        },
        Decides::RehearsalAccepted | Decides::RehearsalIdle => {
            broken.here().idle = matches!(decides, Decides::RehearsalIdle);
            assessment.dry_run = None;
            conclude(law, *assessment)
        }
        _ => {
            assessment.refusals.retain(|r| r.rule != rule);
            if assessment.refusals.is_empty() {
                do_without(&mut assessment);
            }
            conclude(law, *assessment)
        }
    }
}

fn repeat(broken: &Broken, decides: &Decides, at: At<'_>, first: crate::wire::Tree) -> Decision {
    let (law, world, request) = at;
    let operation = &law[request.operation];
    let own = operation.token.as_ref().is_some_and(|token| token.repeat == Some(broken.rule()));
    if !own || !matches!(decides, Decides::Forgotten | Decides::DoneAgain | Decides::RepeatRefused) || !broken.departs()
    {
        return Decision::Repeat(first);
    }
    match decides {
        Decides::RepeatRefused => {
            let mut assessment = assess(law, world, &without_token(operation, request));
            let mismatch = operation.token.as_ref().and_then(|token| token.mismatch.clone());
            let code = mismatch.as_ref().and_then(|r| r.codes.first().cloned()).unwrap_or_else(|| undocumented(law));
            assessment.refusals.extend(mismatch);
            Decision::Refuse(Box::new(assessment), code)
        }
        _ => {
            if matches!(decides, Decides::DoneAgain) {
                broken.here().replay = Some(first);
            }
            decide_rightly(law, world, &without_token(operation, request))
        }
    }
}

fn without_token(operation: &Operation, request: &Request) -> Request {
    let mut request = request.clone();
    if let Some(token) = &operation.token {
        let name = &operation.params[token.param as usize].name;
        request.args.retain(|(n, _)| n != name);
    }
    request
}

/// True if a request that is fine meets a refusal of this rule's all the same.
fn makes_up(decides: &Decides, (law, _, request): At<'_>, rule: RuleIx, assessment: &Assessment) -> bool {
    let operation = &law[request.operation];
    let given = |ix: ParamIx| request.args.iter().any(|(name, _)| *name == operation.params[ix as usize].name);
    match decides {
        Decides::Refused => operation.accepts == rule || assessment.permits.contains(&rule),
        Decides::Made(origin) if has(operation, *origin, rule) => match origin {
            Origin::Param(_, Defect::Required) | Origin::State(_) => true,
            Origin::Param(ix, _) => given(*ix),
            Origin::Undeclared => true,
            Origin::Mismatch => operation.token.as_ref().is_some_and(|token| given(token.param)),
        },
        Decides::MadeAtLimit(ix, origin) if has(operation, *origin, rule) => limits(&operation.params[*ix as usize])
            .is_some_and(|(least, most)| {
                let value = measure(assessment, &operation.params[*ix as usize]);
                value.is_some() && (value == least || value == most)
            }),
        Decides::MadeWithout(place, part) if has(operation, Origin::State(*place), rule) => {
            let guard = &operation.refusals[*place].guard;
            let others = guard.parts.iter().enumerate().filter(|(number, _)| number != part);
            let holds = |ix: &u32| assessment.scope.part(&operation.conditions[*ix as usize]) == Ok(true);
            assessment.resolves(&guard.needs) && others.into_iter().all(|(_, ix)| holds(ix))
        }
        _ => false,
    }
}

/// True if of the reasons that a condition of a refusal lists this one holds, and no other.
fn is_for(law: &Law, assessment: &Assessment, place: usize, part: usize, number: usize) -> bool {
    let operation = &law[assessment.operation];
    let condition = operation.refusals.get(place).and_then(|refuse| refuse.guard.parts.get(part));
    let reasons = condition.map(|ix| operation.conditions[*ix as usize].alternatives()).unwrap_or_default();
    let holds = |(_, reason): &(usize, &Part)| assessment.scope.part(reason) == Ok(true);
    let mut holding = reasons.iter().enumerate().filter(holds).map(|(place, _)| place);
    holding.next() == Some(number) && holding.next().is_none()
}

/// The refusal that comes from a place in an operation.
pub(super) fn refusal_at(operation: &Operation, origin: Origin) -> Option<&Refusal> {
    match origin {
        Origin::Param(ix, defect) => operation.params.get(ix as usize)?.refusal(defect),
        Origin::State(place) => operation.refusals.get(place).map(|r| &r.refusal),
        Origin::Undeclared => operation.undeclared.as_ref().and_then(Undeclared::refusal),
        Origin::Mismatch => operation.token.as_ref()?.mismatch.as_ref(),
    }
}

fn has(operation: &Operation, origin: Origin, rule: RuleIx) -> bool {
    refusal_at(operation, origin).is_some_and(|refusal| refusal.rule == rule)
}

fn is_sole(assessment: &Assessment, rule: RuleIx) -> bool {
    let own = |r: &Refusal| r.rule == rule || r.code_rule == Some(rule);
    !assessment.refusals.is_empty() && assessment.refusals.iter().all(own)
}

/// The limits of a parameter's value or length, if it has any.
pub(super) fn limits(param: &Param) -> Option<(Option<i64>, Option<i64>)> {
    match (param.min, param.max, param.longest) {
        (None, None, None) => None,
        (min, max, longest) => Some((min, max.or(longest.map(i64::from)))),
    }
}

/// A number, or the length of a text, that has limits.
fn measure(assessment: &Assessment, param: &Param) -> Option<i64> {
    match assessment.scope.input.get(&param.name)? {
        InputValue::Int(number) => Some(*number),
        InputValue::Text(text) => i64::try_from(text.chars().count()).ok(),
        _ => None,
    }
}

/// True if the value was refused for lying just outside the limits.
fn is_next_to_limit(law: &Law, assessment: &Assessment, ix: ParamIx) -> bool {
    let param = &law[assessment.operation].params[ix as usize];
    let value = measure(assessment, param);
    limits(param).is_some_and(|(least, most)| {
        let below = least.is_some_and(|least| value == Some(least - 1));
        value.is_some() && (below || most.is_some_and(|most| value == Some(most + 1)))
    })
}

/// What a name of nothing would have stood for is left out.
fn do_without(assessment: &mut Assessment) {
    for bound in &mut assessment.bound {
        if *bound == Bound::Failed {
            *bound = Bound::Absent;
        }
    }
}

/// What else happens with a refusal; true if what was refused is done.
pub(super) fn refused(
    broken: &Broken,
    decides: &Decides,
    law: &Arc<Law>,
    assessment: &mut Assessment,
    answer: &mut Answer,
) -> bool {
    let rule = broken.rule();
    let rehearses = assessment.dry_run == Some(rule) && assessment.refusals.is_empty();
    if !is_sole(assessment, rule) && !rehearses {
        return false;
    }
    match decides {
        Decides::Status(status) => {
            if broken.departs() {
                answer.status = *status;
            }
            false
        }
        Decides::Acts => {
            do_without(assessment);
            changes_something(law, assessment) && broken.departs()
        }
        _ => false,
    }
}

/// True if something would be different if the request were done: at once, or later. A change that will find nothing to change
/// makes no difference.
fn changes_something(law: &Arc<Law>, assessment: &Assessment) -> bool {
    let at = Interval { from: Moment(0), to: Moment(0) };
    let Ok(outcome) = effect::apply(law, assessment, at, Tolerance::default()) else { return false };
    let (before, mut after) = (&assessment.scope.world, outcome.scope.world);
    if !after.has_same_resources(before) {
        return true;
    }
    let is_new = |timer: &&Timer| !before.timers.iter().any(|earlier| earlier.same_as(timer));
    let begun: Vec<Timer> = after.timers.iter().filter(is_new).cloned().collect();
    begun.iter().for_each(|timer| effect::fire(law, &mut after, timer));
    !after.has_same_resources(before)
}
