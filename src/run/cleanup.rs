//! Removing what a scenario created, in the right order, also after a failure.
//!
//! What is removed is what the target said that it created, never anything else. The model is the guide: what it knows
//! to be gone is not asked for, and what it knows to be refused is not tried before something else has gone. When the
//! model is of no more use, because the target has departed from the law, each thing is tried in turn until nothing
//! changes any more.

use std::{sync::Arc, time::Duration};

use super::session::{Created, Session};
use crate::{
    model::{assess::assess, effect, value::Value, world::World},
    oracle::handles::seen_text,
    report::data::Leftover,
    scenario::{
        draft,
        step::{Call, Symbol},
    },
    spec::{
        file::{Defect, FieldKind, ScalarType},
        law::{KindIx, Law, OperationIx, ParamIx, Reference},
    },
    wire::{Body, Request},
};

/// Where the numbers of the clean-up's tokens begin: above those of any scenario.
const FIRST_TOKEN: u32 = 1 << 20;
/// How often everything that is left is tried.
const ROUNDS: u32 = 5;

enum Attempt {
    /// It is gone.
    Gone,
    /// Not now.
    Refused(String),
    /// It cannot be asked for.
    Impossible(String),
}

/// Removes everything that a session created; what is left is recorded.
pub async fn clean_up(session: &mut Session<'_>) {
    session.cleaning = true;
    let law = session.context.law.clone();
    let ranks = ranks(&law);
    let mut belief = session.oracle.worlds().first().cloned().unwrap_or_default();
    // Parts of other resources come and go with them; only what the law knows how to remove is removed.
    let mut left: Vec<(Created, String)> =
        known(&law, session, &belief).into_iter().map(|c| (c, String::new())).collect();
    left.sort_by_key(|(created, _)| ranks[created.kind.0 as usize]);
    for round in 0..ROUNDS {
        let before = left.len();
        let mut still = Vec::new();
        for (created, why) in left {
            match remove(session, &mut belief, &created, round > 0).await {
                Attempt::Gone => {}
                Attempt::Refused(why) => still.push((created, why)),
                Attempt::Impossible(why_not) => still.push((created, if why.is_empty() { why_not } else { why })),
            }
        }
        left = still;
        if left.is_empty() {
            break;
        }
        if left.len() == before && round > 0 && !session.endpoint.clock.advance(Duration::from_secs(3600)) {
            tokio::time::sleep(Duration::from_millis(100 << round)).await;
        }
    }
    session.played.leftovers = left
        .into_iter()
        .map(|(created, why)| Leftover { kind: law[created.kind].name.to_string(), id: created.id.to_string(), why })
        .collect();
}

/// What the target said that it created, and what the model has learnt of besides and has not seen go, as far as the
/// law can remove it.
fn known(law: &Law, session: &Session<'_>, belief: &World) -> Vec<Created> {
    let mut all = session.created.clone();
    for (handle, resource) in belief.iter().filter(|(_, r)| r.live || r.life.open().is_some()) {
        if let Some(id) = law[resource.kind].id.and_then(|id| seen_text(belief, handle, id)) {
            let created = Created { kind: resource.kind, id };
            if !all.contains(&created) {
                all.push(created);
            }
        }
    }
    all.retain(|c| !law[c.kind].undo.is_empty());
    all
}

/// The order in which kinds are removed: what refers to others goes before them. What a part refers to counts for the
/// whole that it is a part of.
fn ranks(law: &Law) -> Vec<usize> {
    let count = law.kinds.len();
    let mut refers = vec![vec![false; count]; count];
    for (ix, kind) in law.kinds() {
        let targets: Vec<KindIx> =
            kind.fields.iter().filter(|f| f.kind == FieldKind::Ref).filter_map(|f| f.to).collect();
        for to in &targets {
            refers[ix.0 as usize][to.0 as usize] = true;
        }
        if kind.undo.is_empty() {
            for whole in &targets {
                let lists = |f: &crate::spec::law::Field| {
                    matches!(f.kind, FieldKind::Inverse | FieldKind::InverseOne) && f.to == Some(ix)
                };
                if law[*whole].fields.iter().any(lists) {
                    for to in targets.iter().filter(|to| *to != whole) {
                        refers[whole.0 as usize][to.0 as usize] = true;
                    }
                }
            }
        }
    }
    // Rank by how many other kinds must go later; cycles end up with equal ranks and are sorted out by trying again.
    for middle in 0..count {
        for from in 0..count {
            for to in 0..count {
                if refers[from][middle] && refers[middle][to] && from != to {
                    refers[from][to] = true;
                }
            }
        }
    }
    refers.iter().map(|row| count - row.iter().filter(|r| **r).count()).collect()
}

async fn remove(session: &mut Session<'_>, belief: &mut Arc<World>, created: &Created, insist: bool) -> Attempt {
    let law = session.context.law.clone();
    let handle = session.handle_of(created);
    // What should be gone, but was never seen to be, is asked for all the same.
    if handle.is_some_and(|h| belief.get(h).is_some_and(|r| !r.live && r.life.open().is_none())) {
        return Attempt::Gone;
    }
    let mut outcome = Attempt::Impossible("the law knows no way to remove it".into());
    for (place, (operation, param)) in law[created.kind].undo.iter().enumerate() {
        let last = place + 1 == law[created.kind].undo.len();
        let Some(call) = undo_call(&law, session, belief, *operation, *param, created) else { continue };
        let Some(request) = call.resolve(&law, &[], &session.tokens) else { continue };
        let assessment = assess(&law, belief, &request);
        if !assessment.refusals.is_empty() && assessment.open.is_none() && handle.is_some() && !insist {
            outcome = Attempt::Refused("something else has to go first".into());
            if last { break } else { continue }
        }
        match session.exchange(&request, &call).await {
            Err(why) => outcome = Attempt::Refused(why),
            Ok((interval, answer)) => match &answer.body {
                Body::Success(_) => {
                    if let Ok(done) = effect::apply(&law, &assessment, interval, 0) {
                        let mut world = done.scope.world;
                        for timer in std::mem::take(&mut Arc::make_mut(&mut world).timers) {
                            effect::fire(&law, &mut world, &timer);
                        }
                        *belief = world;
                    }
                    if last {
                        outcome = Attempt::Gone;
                    }
                }
                Body::Error { code, message } => {
                    let gone = is_unknown(&law, *operation, *param, code);
                    if gone && last {
                        return Attempt::Gone;
                    }
                    outcome =
                        Attempt::Refused(format!("{}: HTTP {} {code}: {message}", law[*operation].name, answer.status));
                }
                Body::Unreadable { why } => {
                    outcome = Attempt::Refused(format!("{}: HTTP {}: {why}", law[*operation].name, answer.status));
                }
            },
        }
    }
    outcome
}

/// True if this code says that the name names nothing.
fn is_unknown(law: &Law, operation: OperationIx, param: ParamIx, code: &str) -> bool {
    let param = &law[operation].params[param as usize];
    [Defect::Unknown, Defect::Stale]
        .into_iter()
        .filter_map(|d| param.refusal(d))
        .any(|r| r.codes.iter().any(|c| **c == *code))
}

/// The request that removes something: its id, and for other required names what it refers to.
fn undo_call(
    law: &Law,
    session: &mut Session<'_>,
    belief: &World,
    operation: OperationIx,
    param: ParamIx,
    created: &Created,
) -> Option<Call> {
    let spec = &law[operation];
    let id = law[created.kind].id?;
    // What is thought to be gone by now still tells what it belonged to.
    let handle = belief.live_with_text(created.kind, id, &created.id).or_else(|| session.handle_of(created));
    let mut args = Vec::new();
    for (ix, parameter) in spec.params.iter().enumerate() {
        if parameter.required() && spec.token.as_ref().is_some_and(|t| t.param == ix as ParamIx) {
            args.push((parameter.name.clone(), Symbol::Token(FIRST_TOKEN + session.spent)));
            session.spent += 1;
            continue;
        }
        let text = if ix as ParamIx == param {
            created.id.clone()
        } else if parameter.required() && !parameter.names.is_empty() {
            let believed = |reference: &Reference| {
                let resource = belief.get(handle?)?;
                let to = law[created.kind].fields.iter().zip(&resource.fields).find_map(|(f, v)| match v {
                    Value::Ref(to) if f.to == Some(reference.kind) => Some(*to),
                    _ => None,
                })?;
                seen_text(belief, to, reference.by)
            };
            let joined = |reference: &Reference| joined(law, session, created, *reference);
            let names = &parameter.names;
            names.iter().find_map(believed).or_else(|| names.iter().find_map(joined))?
        } else if draft::belongs(spec, ix as ParamIx) && parameter.names.is_empty() {
            match draft::good_values(law, belief, spec, parameter).into_iter().next() {
                Some(Symbol::Text(text)) => text,
                _ if parameter.required() => return None,
                _ => continue,
            }
        } else {
            continue;
        };
        let symbol = Symbol::Text(text);
        let symbol = if parameter.kind == ScalarType::List { Symbol::List(vec![symbol]) } else { symbol };
        args.push((parameter.name.clone(), symbol));
    }
    Some(Call { operation, args })
}

/// What the latest accepted request that named a resource together with one of this kind named: the target may have
/// joined the two although the law would not have it.
fn joined(law: &Law, session: &Session<'_>, created: &Created, reference: Reference) -> Option<Arc<str>> {
    session.accepted.iter().rev().find_map(|request| {
        let params = &law[request.operation].params;
        let text = |kind: KindIx| {
            request.args.iter().find_map(|(name, tree)| {
                let param = params.iter().find(|p| p.name == *name)?;
                tree.as_text().filter(|_| param.reference_to(kind).is_some())
            })
        };
        (text(created.kind)? == &created.id).then(|| text(reference.kind).cloned())?
    })
}

/// Removes what a probe created by mistake: things that no world knows.
pub async fn clean_up_strays(session: &mut Session<'_>, requests: &[(Request, crate::wire::Answer)]) {
    for (request, answer) in requests {
        session.note_created(request, answer);
    }
    clean_up(session).await;
}
