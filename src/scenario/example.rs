//! A rule by example: an answer that keeps it, and one that breaks it, worked out from the law alone.

use std::sync::Arc;

use super::{
    atlas::Atlas,
    simulation::Simulation,
    step::{Call, Step},
};
use crate::{
    model::time::{Interval, Moment},
    oracle::judge::{Verdict, Violation},
    spec::law::{Law, RuleIx},
    wire::{Answer, Body, Request, Tree},
};

/// A code that no cloud has.
const NO_CODE: &str = "NoSuchCode";
/// A text that nothing is called.
const NO_TEXT: &str = "something-else";

/// A rule by example.
#[derive(Debug)]
pub struct Example {
    /// The request whose answer shows the rule.
    pub call: Call,
    /// The same as it would be sent.
    pub request: Request,
    /// The answer as the law wants it: the reference's.
    pub right: Answer,
    /// An answer that breaks the rule; none if none was thought of.
    pub wrong: Option<(Answer, Violation)>,
}

/// Works out an example from steps of which the last exercises the rule. None if no single answer shows it.
pub fn example(law: &Arc<Law>, atlas: &Atlas, rule: RuleIx, steps: &[Step]) -> Option<Example> {
    let (last, way) = steps.split_last()?;
    let mut simulation = Simulation::after(law, atlas, way)?;
    let calls = match last {
        Step::Call(call) => vec![call.clone()],
        Step::Together(_) => return None,
        Step::Settle => {
            // What has happened shows at the look after the wait.
            let looks = atlas.looks_at_changing(law, simulation.oracle.worlds());
            let latest = simulation.oracle.worlds().iter().flat_map(|w| &w.timers).filter_map(|t| t.latest).max();
            for moment in [simulation.forward.settled_at(), latest].into_iter().flatten() {
                simulation.now = simulation.now.max(Moment(moment.0 + 1000));
            }
            simulation.forward.pass_time(simulation.now);
            simulation.oracle.pass_time(simulation.now);
            looks
        }
    };
    let mut shown = None;
    for call in calls {
        let before = simulation.clone();
        let (request, right, _) = simulation.exchange(&call)?;
        let wrong = wrong(law, &before, rule, &request, &right);
        let found = wrong.is_some();
        if found || shown.is_none() {
            shown = Some(Example { call, request, right, wrong });
        }
        if found {
            break;
        }
    }
    shown
}

/// The first of many answers that breaks the rule.
fn wrong(
    law: &Law,
    before: &Simulation,
    rule: RuleIx,
    request: &Request,
    right: &Answer,
) -> Option<(Answer, Violation)> {
    let interval = Interval { from: before.now, to: Moment(before.now.0 + 1000) };
    candidates(law, request, right).into_iter().find_map(|answer| {
        let judgement = before.oracle.clone().judge(request, interval, &answer);
        let fatal = match judgement.verdict {
            Verdict::Violation(violation) => Some(violation),
            _ => None,
        };
        let violation = fatal.into_iter().chain(judgement.faults).find(|violation| violation.rule == rule)?;
        Some((answer, violation))
    })
}

/// Answers that differ from the right one in one thing.
fn candidates(law: &Law, request: &Request, right: &Answer) -> Vec<Answer> {
    let with = |status: u16, body: Body| Answer { status, body, ..right.clone() };
    let error = |status: u16, code: &str| with(status, Body::Error { code: code.into(), message: "".into() });
    let mut all = Vec::new();
    let faults = law.wire_rules.keys().map(|(fault, _)| *fault);
    let mut faults: Vec<_> = faults.collect();
    faults.sort_unstable();
    faults.dedup();
    match &right.body {
        Body::Success(tree) => {
            changed(tree, &mut |tree| all.push(with(right.status, Body::Success(tree))));
            all.push(error(400, NO_CODE));
        }
        Body::Error { code, .. } => {
            let nothing = law[request.operation].output.iter().filter(|output| !output.optional);
            let nothing = nothing.map(|output| (output.name.clone(), Tree::List(Vec::new()))).collect();
            all.push(with(200, Body::Success(Tree::Struct(nothing))));
            all.push(with(200, Body::Success(Tree::Struct(Vec::new()))));
            all.push(error(right.status, NO_CODE));
            all.extend([400, 403, 404, 409, 500].map(|status| error(status, code)));
        }
        Body::Unreadable { .. } => {}
    }
    all.extend(faults.into_iter().map(|fault| Answer { faults: vec![fault], ..right.clone() }));
    all
}

/// Every tree that differs from this one in one place: another text, a member or an element less, an element twice.
fn changed(tree: &Tree, emit: &mut dyn FnMut(Tree)) {
    match tree {
        Tree::Text(text) => {
            for other in [NO_TEXT, "0", if &**text == "true" { "false" } else { "true" }] {
                emit(Tree::text(other));
            }
        }
        Tree::List(items) => {
            for (place, item) in items.iter().enumerate() {
                let mut fewer = items.clone();
                fewer.remove(place);
                emit(Tree::List(fewer));
                let mut twice = items.clone();
                twice.push(item.clone());
                emit(Tree::List(twice));
                changed(item, &mut |other| {
                    let mut items = items.clone();
                    items[place] = other;
                    emit(Tree::List(items));
                });
            }
        }
        Tree::Struct(members) => {
            for (place, (_, member)) in members.iter().enumerate() {
                changed(member, &mut |other| {
                    let mut members = members.clone();
                    members[place].1 = other;
                    emit(Tree::Struct(members));
                });
                let mut fewer = members.clone();
                fewer.remove(place);
                emit(Tree::Struct(fewer));
            }
        }
    }
}
