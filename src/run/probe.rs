//! Which operations does the target implement?
//!
//! Every server has its own way of saying that it does not know an operation: an error code, a 501, a 500 with a page
//! of HTML, a canned 200. So the answer to an operation that nobody has is the yardstick: an operation whose answer
//! looks the same is not implemented. But a server may also break down over a question about something that does not
//! exist, and show the same page; so an operation in doubt is asked once more, properly, as the suite would.

use std::sync::Arc;

use regex::Regex;

use super::{
    Context, Endpoint, RunError,
    again::{Tries, is_throttled, retry_after},
    cleanup,
    session::{Scenario, Session, record},
    suite::{operations_of, plan_wanted},
};
use crate::{
    model::{forward::Dice, time::Interval},
    oracle::{RuleSet, Settings},
    report::{data::RawAnswer, trace::Place},
    scenario::{
        atlas::Atlas,
        draft,
        planned::Plans,
        step::{Call, Step, Symbol},
    },
    spec::{
        file::ScalarType,
        law::{Law, OperationIx, ProductIx},
    },
    target::NoAnswer,
    wire::{self, Answer, Body},
};

/// An operation that nobody has.
const NOBODYS: &str = "EipcheckNoSuchOperation";

/// What the probe found out about an operation.
#[derive(Clone, Debug)]
pub struct Probed {
    /// True if the target implements it.
    pub implemented: bool,
    /// The answer that shows it.
    pub evidence: String,
}

/// An answer without what differs from request to request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    status: u16,
    body: String,
}

impl Shape {
    fn of(operation: &str, raw: &RawAnswer) -> Shape {
        // Ids, numbers and times differ from answer to answer; what is left is the form.
        static NOISE: std::sync::LazyLock<Option<Regex>> =
            std::sync::LazyLock::new(|| Regex::new("[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9]+").ok());
        let body = raw.body.replace(operation, "{operation}");
        let body = NOISE.as_ref().map_or(body.clone(), |noise| noise.replace_all(&body, "{}").into_owned());
        Shape { status: raw.status, body }
    }
}

/// Asks for every operation.
///
/// # Errors
///
/// The target does not answer, or implements nothing.
pub async fn probe(
    context: &Arc<Context>,
    endpoint: &Endpoint,
    plans: &Plans,
    yardstick: &Yardstick,
) -> Result<Vec<Probed>, RunError> {
    let law = &context.law;
    let mut found: Vec<Option<Probed>> = Vec::with_capacity(law.operations.len());
    let mut dice = Dice::new(context.options.seed ^ 0x5eed);
    let atlas = Atlas::new(law, |_| true);
    // Probing is no scenario; only its trace and its clean-up are like one's.
    let goal = Scenario::Planned { rule: crate::spec::law::RuleIx(0), steps: Vec::new() };
    for (ix, operation) in law.operations() {
        let call = question(law, ix, &mut dice);
        let tokens = context.tokens("probe", ix.0 as usize);
        let Some(request) = call.resolve(law, &[], &tokens) else {
            found.push(None);
            continue;
        };
        let mut session = Session::new(context, endpoint, &atlas, &goal, Settings::default(), tokens);
        session.played.name = "probe".into();
        // What was made by mistake is deleted at once, so that there is room for it or never will be.
        if session.make_room([&request]).is_err() {
            found.push(None);
            continue;
        }
        match session.exchange_patiently(&request, &call).await {
            Ok((_, answer)) => {
                let raw = session.played.exchanges.last().and_then(|(_, e)| e.answer.clone());
                let implemented = raw.as_ref().map(|raw| is_implemented(law, &operation.name, yardstick, raw, &answer));
                let evidence = raw.as_ref().map(describe).unwrap_or_default();
                session.note_created(&request, &answer);
                found.push(implemented.and_then(|sure| sure.map(|implemented| Probed { implemented, evidence })));
            }
            Err(lost) => {
                if !lost.why.never_arrived() && !operation.reads {
                    session.lost.push((request, lost.why.to_string(), lost.number));
                }
                found.push(None);
            }
        }
        if !operation.reads {
            cleanup::clean_up(&mut session).await;
            let leftovers = std::mem::take(&mut session.played.leftovers);
            context.tally().leftovers.extend(leftovers);
        }
    }
    ask_properly(context, endpoint, plans, yardstick, &mut found).await;
    let evidence = describe(&yardstick.raw);
    let found: Vec<Probed> = found
        .into_iter()
        .map(|p| {
            p.unwrap_or_else(|| Probed {
                implemented: false,
                evidence: format!("like an unknown operation: {evidence}"),
            })
        })
        .collect();
    if found.iter().all(|p| !p.implemented) {
        return Err(RunError::Unusable { url: endpoint.target.url().to_string(), operations: found.len(), evidence });
    }
    Ok(found)
}

/// The answer to an operation that nobody has.
pub struct Yardstick {
    shape: Shape,
    raw: RawAnswer,
}

/// Asks for an operation that nobody has.
///
/// # Errors
///
/// The target does not answer.
pub async fn yardstick(context: &Context, endpoint: &Endpoint) -> Result<Yardstick, RunError> {
    let law = &context.law;
    let mut tries = Tries::default();
    let (exchange, record) = loop {
        context.count_request();
        context.count_sent();
        let from = endpoint.clock.before();
        let exchange = endpoint.target.send_raw(law, ProductIx(0), NOBODYS, &[]).await;
        let record = record(&exchange, Interval { from, to: endpoint.clock.after() });
        if let Some(trace) = &context.trace {
            trace.write(law, "probe", Place::default(), None, &record);
        }
        // An operation that nobody has says nothing of what an answer means; that it comes too soon is said by all alike.
        let pause = exchange.outcome.as_ref().ok().and_then(|response| {
            let throttled = is_throttled(law, &wire::decode_answer(law, OperationIx(0), response));
            throttled.then(|| tries.again(retry_after(&response.headers), context.options.patience)).flatten()
        });
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => break (exchange, record),
        }
    };
    match (exchange.outcome, record.answer) {
        (Ok(_), Some(raw)) => Ok(Yardstick { shape: Shape::of(NOBODYS, &raw), raw }),
        (Err(why), _) => Err(RunError::Unreachable { url: endpoint.target.url().to_string(), why }),
        (Ok(_), None) => Err(RunError::Unreachable {
            url: endpoint.target.url().to_string(),
            why: NoAnswer::Garbage { why: "an empty exchange".into() },
        }),
    }
}

/// True or false if the answer settles it; none if it looks like the yardstick but could be a breakdown.
fn is_implemented(law: &Law, name: &str, yardstick: &Yardstick, raw: &RawAnswer, answer: &Answer) -> Option<bool> {
    let code = |answer: &Answer| match &answer.body {
        Body::Error { code, .. } => Some(code.clone()),
        _ => None,
    };
    if let Some(code) = code(answer)
        && (law.codes.unimplemented.iter().any(|c| **c == *code) || law.codes.turns_away(&code))
    {
        return Some(false);
    }
    // 501 says so whatever comes with it (RFC 9110, 15.6.2); the others only where the protocol's own words are missing.
    if raw.status == 501 || matches!(raw.status, 404 | 405) && matches!(answer.body, Body::Unreadable { .. }) {
        return Some(false);
    }
    if Shape::of(name, raw) == yardstick.shape {
        return None;
    }
    match &answer.body {
        // Neither an answer nor an error of the protocol.
        Body::Unreadable { .. } => None,
        Body::Success(_) | Body::Error { .. } => Some(true),
    }
}

/// Operations in doubt are asked once more, each by the shortest scenario in which it is sure to be accepted.
async fn ask_properly(
    context: &Arc<Context>,
    endpoint: &Endpoint,
    plans: &Plans,
    yardstick: &Yardstick,
    found: &mut [Option<Probed>],
) {
    let law = &context.law;
    // With `--only` there may be no plan yet that leads to an operation in doubt.
    let doubtful = law.operations().filter(|(ix, _)| found[ix.0 as usize].is_none());
    let unplanned: RuleSet = doubtful.map(|(_, o)| o.accepts).filter(|rule| !plans.contains_key(rule)).collect();
    let mut plans = plans.clone();
    plans.extend(plan_wanted(law, &unplanned, &|left, of| context.plans_on(left, of)));
    // Each round may show an operation that another one needs.
    for _ in 0..found.len() {
        let known =
            |o: OperationIx, found: &[Option<Probed>]| found[o.0 as usize].as_ref().is_some_and(|p| p.implemented);
        let next = law.operations().find_map(|(ix, operation)| {
            let in_doubt = found[ix.0 as usize].is_none();
            let steps = plans.get(&operation.accepts).filter(|_| in_doubt)?;
            let position = steps.iter().position(|s| operations_of(std::slice::from_ref(s)).any(|o| o == ix))?;
            let way = &steps[..position];
            operations_of(way).all(|o| known(o, found)).then(|| (ix, steps[..=position].to_vec()))
        });
        let Some((ix, steps)) = next else { return };
        let operation = &law[ix];
        let atlas = Atlas::new(law, |o| known(o, found));
        let scenario = Scenario::Planned { rule: operation.accepts, steps };
        let tokens = context.tokens("ask", ix.0 as usize);
        let mut session = Session::new(context, endpoint, &atlas, &scenario, Settings::default(), tokens);
        session.played.name = format!("probe {}", operation.name);
        let asked = session.play().await;
        let mut leftovers = asked.leftovers;
        context.tally().leftovers.append(&mut leftovers);
        // The answer to the operation itself, among those of the set-up and the clean-up.
        let is_asked = |s: &Step| operations_of(std::slice::from_ref(s)).any(|o| o == ix);
        let place = asked.steps.iter().position(is_asked);
        let raw = place.and_then(|place| {
            let (_, exchange) = asked.exchanges.iter().find(|(step, _)| *step == place + 1)?;
            exchange.answer.clone()
        });
        found[ix.0 as usize] = Some(match raw {
            Some(raw) => {
                let response = wire::http::HttpResponse {
                    status: raw.status,
                    headers: raw.headers.clone(),
                    body: raw.body.clone().into_bytes().into(),
                };
                let answer = wire::decode_answer(law, ix, &response);
                let implemented = is_implemented(law, &operation.name, yardstick, &raw, &answer) == Some(true);
                Probed { implemented, evidence: describe(&raw) }
            }
            None => Probed {
                implemented: false,
                evidence: format!("like an unknown operation: {}", describe(&yardstick.raw)),
            },
        });
    }
}

/// A request that does no harm: as a rehearsal where there are such, about things that do not exist.
fn question(law: &Law, ix: OperationIx, dice: &mut Dice) -> Call {
    let operation = &law[ix];
    let mut call = Call { operation: ix, args: Vec::new() };
    for (place, param) in operation.params.iter().enumerate() {
        if !draft::belongs(operation, place as u32) {
            continue;
        }
        let value = match param.names.first() {
            Some(reference) => law[reference.kind].fields[reference.by as usize]
                .mint
                .as_ref()
                .map(|mint| Symbol::Text(dice.mint(mint).into())),
            None if operation.token.as_ref().is_some_and(|t| t.param == place as u32) => Some(Symbol::Token(1)),
            None => draft::examples(law, param).next(),
        };
        if let Some(value) = value {
            let value = if param.kind == ScalarType::List { Symbol::List(vec![value]) } else { value };
            call.args.push((param.name.clone(), value));
        }
    }
    draft::rehearsal(law, &call).filter(|_| !operation.reads).unwrap_or(call)
}

fn describe(raw: &RawAnswer) -> String {
    let text: String = raw.body.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = text.chars().take(120).collect();
    let more = if text.chars().count() > 120 { "…" } else { "" };
    format!("HTTP {} {short}{more}", raw.status)
}
