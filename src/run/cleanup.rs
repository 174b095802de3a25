//! Removing what a scenario created, in the right order, also after a failure.
//!
//! What is removed is what the target said that it created, never anything else. The model is the guide: what it knows
//! to be gone is not asked for, and what it knows to be refused is not tried before something else has gone. When the
//! model is of no more use, because the target has departed from the law, each thing is tried in turn until nothing
//! changes any more.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    again::{Tries, is_unknown},
    mark::is_marked,
    session::{Created, Lost, Played, Session},
};
use crate::{
    model::{
        assess::assess,
        effect,
        time::{Interval, Tolerance},
        value::{Handle, Value},
        world::World,
    },
    oracle::handles::seen_text,
    report::data::Leftover,
    scenario::{
        draft,
        step::{Call, Symbol},
    },
    spec::{
        file::{Defect, FieldKind, ScalarType},
        law::{
            Change, Demand, FieldIx, KindIx, Law, Operation, OperationIx, Output, OutputFrom, ParamIx, Reference,
            RuleIx, Shown, ShownFrom,
        },
    },
    wire::{Answer, Body, Request, Tree},
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
    let perhaps = find_unanswered(session).await;
    let mut belief = session.oracle.worlds().first().cloned().unwrap_or_default();
    // Parts of other resources come and go with them; only what the law knows how to remove is removed.
    let mut left: Vec<(Created, String)> =
        known(&law, session, &belief).into_iter().map(|c| (c, String::new())).collect();
    left.sort_by_key(|(created, _)| ranks[created.kind.0 as usize]);
    let mut all_can_go = perhaps.is_empty();
    for round in 0..ROUNDS {
        let before = left.len();
        let mut still = Vec::new();
        for (created, why) in left {
            match remove(session, &mut belief, &created, round > 0).await {
                Attempt::Gone => session.context.note_gone(&created),
                Attempt::Refused(why) => still.push((created, why)),
                Attempt::Impossible(why_not) => {
                    all_can_go = false;
                    still.push((created, if why.is_empty() { why_not } else { why }));
                }
            }
        }
        left = still;
        if left.is_empty() {
            break;
        }
        if left.len() == before && round > 0 {
            session.pass_much(Duration::from_millis(100 << round)).await;
        }
    }
    // What is removed last is what everything else needs.
    if let Some((last, _)) = left.last().filter(|_| all_can_go) {
        doubt_refusals(&law, &mut session.played, last.kind);
    }
    session.played.leftovers = left
        .into_iter()
        .map(|(created, why)| Leftover { kind: law[created.kind].name.to_string(), id: created.id.to_string(), why })
        .chain(perhaps)
        .collect();
    session.share.leave(session.played.leftovers.len());
}

/// Where something that was made cannot be removed, although nothing is known that needs it, a request that was refused may have
/// made something all the same. That is no finding, since something else may be the reason; but neither has the refusal shown
/// that its rule is kept. `kind` is what cannot be removed.
fn doubt_refusals(law: &Law, played: &mut Played, kind: KindIx) {
    if !played.violations.is_empty() || played.indeterminate.is_some() || !played.unanswered.is_empty() {
        return;
    }
    let would_make = |rule: &RuleIx| {
        let refuses = matches!(law[*rule].demand, Demand::Refuse | Demand::DryRun);
        refuses && law[*rule].operation.is_some_and(|ix| created_kinds(&law[ix]).next().is_some())
    };
    let doubted: BTreeSet<RuleIx> = played.passes.extract_if(.., |rule| would_make(rule)).collect();
    let why = |rule: RuleIx| {
        let (id, what) = (&law[rule].id, &law[kind].title);
        format!(
            "{id}: perhaps something was made in spite of the refusal, since not all could be removed afterwards: {what}"
        )
    };
    played.doubted = doubted.into_iter().map(|rule| (rule, why(rule))).collect();
}

/// Looks for what requests have created that were never answered, and remembers it as created. What cannot be told from
/// the belongings of others is left alone and returned.
async fn find_unanswered(session: &mut Session<'_>) -> Vec<Leftover> {
    let law = session.context.law.clone();
    let mut perhaps = Vec::new();
    for (request, why, number) in std::mem::take(&mut session.lost) {
        let operation = &law[request.operation];
        let kinds: Vec<KindIx> = created_kinds(operation).filter(|kind| !law[*kind].undo.is_empty()).collect();
        if kinds.is_empty() || ask_again(session, &request).await {
            session.context.note_settled(number);
            continue;
        }
        // What stands beside something that was looked for goes with it, or was not made either.
        let mut looked = false;
        for kind in &kinds {
            looked |= find_by_whole(session, *kind, &request).await;
        }
        if looked {
            session.context.note_settled(number);
            continue;
        }
        perhaps.extend(kinds.into_iter().map(|kind| {
            let why = format!("perhaps: {} was sent and never answered ({why})", operation.name);
            Leftover { kind: law[kind].name.to_string(), id: "(unknown)".to_owned(), why }
        }));
    }
    perhaps
}

/// The kinds of what an operation creates.
fn created_kinds(operation: &Operation) -> impl Iterator<Item = KindIx> + '_ {
    operation.effects.iter().filter_map(|effect| match &effect.change {
        Change::Create { kind, .. } => Some(*kind),
        _ => None,
    })
}

/// Sends a request with a token once more: whether it was done before or is done now, the answer names what it made. False
/// if it has no token, or is not accepted.
async fn ask_again(session: &mut Session<'_>, request: &Request) -> bool {
    let law = session.context.law.clone();
    let operation = &law[request.operation];
    let token = operation.token.as_ref().map(|token| &operation.params[token.param as usize].name);
    if !request.args.iter().any(|(name, _)| Some(name) == token) {
        return false;
    }
    let call = literally(request);
    match session.exchange_patiently(request, &call).await {
        Ok((_, answer)) => {
            session.note_created(request, &answer);
            matches!(answer.body, Body::Success(_))
        }
        Err(_) => false,
    }
}

/// A request in terms of texts.
pub(super) fn literally(request: &Request) -> Call {
    fn symbol(tree: &Tree) -> Symbol {
        match tree {
            Tree::Text(text) => Symbol::Text(text.clone()),
            Tree::List(items) => Symbol::List(items.iter().map(symbol).collect()),
            Tree::Struct(members) => Symbol::Struct(members.iter().map(|(n, t)| (n.clone(), symbol(t))).collect()),
        }
    }
    let args = request.args.iter().map(|(name, tree)| (name.clone(), symbol(tree))).collect();
    Call { operation: request.operation, args }
}

/// Looks for a resource that a request has made within something that this scenario made: nobody else has anything there.
/// False if it names nothing of the kind, or the resources cannot be listed.
async fn find_by_whole(session: &mut Session<'_>, kind: KindIx, request: &Request) -> bool {
    let law = session.context.law.clone();
    let is_own = |text: &str| session.created.iter().any(|c| *c.id == *text);
    let wholes: Vec<Arc<str>> =
        request.args.iter().filter_map(|(_, tree)| tree.as_single()).filter(|text| is_own(text)).cloned().collect();
    let Some(shown) = law[kind].id.and_then(|id| shows_own(&law, kind, id)) else { return false };
    let lists = |operation: &Operation| {
        let by_kind = |o: &&Output| matches!(&o.from, OutputFrom::Selected { kind: k, .. } if *k == kind);
        operation.output.iter().find(by_kind).map(|o| o.name.clone()).filter(|_| operation.reads)
    };
    let listing = law.operations().find_map(|(ix, operation)| {
        let names_nothing = operation.params.iter().all(|p| !p.required() || p.names.is_empty());
        Some((ix, lists(operation)?)).filter(|_| names_nothing)
    });
    // Or it shows the mark of this run, which nobody else's has.
    let (may_be_marked, mark) = (is_marked(&law[request.operation]), session.context.nonce.clone());
    let (true, Some((ix, output))) = (may_be_marked || !wholes.is_empty(), listing) else { return false };
    let mut call = Call { operation: ix, args: Vec::new() };
    for param in law[ix].params.iter().filter(|p| p.required()) {
        let Some(example) = draft::examples(&law, param).next() else { return false };
        call.args.push((param.name.clone(), example));
    }
    let Some(question) = call.resolve(&law, &[], &session.tokens) else { return false };
    let Ok((_, answer)) = session.exchange_patiently(&question, &call).await else { return false };
    let Body::Success(tree) = &answer.body else { return false };
    let mut found = !wholes.is_empty();
    for item in tree.get(&output).and_then(Tree::as_list).into_iter().flatten() {
        let is_marked = may_be_marked && item.holds(&mark);
        found |= is_marked;
        let within = is_marked || wholes.iter().any(|whole| item.holds(whole));
        if let Some(id) = item.get(&shown).and_then(Tree::as_text).filter(|id| within && !wholes.contains(id)) {
            let created = Created { kind, id: id.clone() };
            if !session.created.contains(&created) {
                session.context.note_found(&created);
                session.created.push(created);
            }
        }
    }
    found
}

/// The name of the field that shows a resource's own id.
fn shows_own(law: &Law, kind: KindIx, id: FieldIx) -> Option<Arc<str>> {
    let own = |s: &&Shown| matches!(&s.from, ShownFrom::Paths(paths) if paths.iter().any(|p| p.0 == [id]));
    law[kind].view.iter().find(own).map(|shown| shown.name.clone())
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
        match exchange_when_fresh(session, &request, &call).await {
            Err(lost) => outcome = Attempt::Refused(lost.why.to_string()),
            Ok((interval, answer)) => match &answer.body {
                Body::Success(_) => {
                    if let Ok(done) = effect::apply(&law, &assessment, interval, Tolerance::default()) {
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
                    let named = &law[*operation].params[*param as usize];
                    // Where no code is documented for it, the status of what is not found has to do.
                    let uncoded = named.refusal(Defect::Unknown).is_some_and(|r| r.codes.is_empty());
                    let gone = is_unknown(std::iter::once(named), code) || uncoded && answer.status == 404;
                    // Or a look, if it should have gone before.
                    let deleted = handle.filter(|h| belief.get(*h).is_some_and(|r| !r.live));
                    if last && (gone || uncoded && is_seen_gone(session, deleted, &created.id).await) {
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

/// True if there is a way to look at something, and it is not shown.
async fn is_seen_gone(session: &mut Session<'_>, handle: Option<Handle>, id: &str) -> bool {
    let law = session.context.law.clone();
    let Some((handle, world)) = handle.zip(session.oracle.worlds().first().cloned()) else { return false };
    let Some(look) = session.atlas.looks(&law, &world, [handle]).into_iter().next() else { return false };
    let Some(request) = look.resolve(&law, std::slice::from_ref(&world), &session.tokens) else { return false };
    let answer = session.exchange_patiently(&request, &look).await;
    matches!(answer, Ok((_, Answer { body: Body::Success(tree), .. })) if !tree.holds(id))
}

/// Sends a request, and sends it again as long as an answer that does not find something may lag behind its creation.
async fn exchange_when_fresh(
    session: &mut Session<'_>,
    request: &Request,
    call: &Call,
) -> Result<(Interval, Answer), Lost> {
    let law = session.context.law.clone();
    let mut tries = Tries::default();
    loop {
        let sent = (Instant::now(), session.clock.before());
        let (interval, answer) = session.exchange_patiently(request, call).await?;
        if !session.freshness.may_lag(&law, request, &answer, sent) {
            return Ok((interval, answer));
        }
        // A clock that does not move ends nothing but the wait: the last answer will do.
        if session.pause(tries.once_more()).await.is_err() {
            return Ok((interval, answer));
        }
    }
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
