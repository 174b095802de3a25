//! Answers that are written wrongly: their envelope, their ids, their statuses, the spelling of values.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value as Json;

use super::{Place, broken::Broken};
use crate::{
    model::{eval::Scope, fault::Doing},
    spec::{
        file::{ScalarType, WireFault},
        law::{Law, OperationIx, OutputFrom, ShownFrom},
    },
    wire::{Answer, Body, Tree, http::HttpResponse},
};

/// Statuses of errors that servers give, the ordinary ones first.
const STATUSES: [u16; 4] = [400, 409, 403, 404];
/// The namespace of somebody else.
const ELSEWHERE: &str = " xmlns=\"http://elsewhere.example/\"";

/// Gives an error another status than the documented ones, if the broken rule is about that.
pub(super) fn status(broken: &Broken, law: &Law, operation: OperationIx, answer: &mut Answer) {
    let Body::Error { code, .. } = &answer.body else { return };
    let Some((right, rule)) = law.statuses(operation, code) else { return };
    let other = STATUSES.iter().find(|status| !right.contains(status));
    if let (true, Some(other)) = (rule == Some(broken.rule()), other)
        && broken.departs()
    {
        answer.status = *other;
    }
}

/// An empty value where none should be shown: the only fault of form that has to be made before anything is written.
pub(super) fn shown(broken: &Broken, fault: WireFault, doing: &Doing<'_>, _after: &Scope, tree: &mut Tree) {
    let (law, operation) = (doing.law, doing.assessment.operation);
    if fault != WireFault::EmptyScalar || law.wire_rule(fault, operation) != Some(broken.rule()) {
        return;
    }
    let Tree::Struct(members) = tree else { return };
    for output in &law[operation].output {
        let kind = match &output.from {
            OutputFrom::One { kind, .. } | OutputFrom::Many { kind, .. } | OutputFrom::Selected { kind, .. } => *kind,
            _ => continue,
        };
        let Some((_, member)) = members.iter_mut().find(|(name, _)| *name == output.name) else { continue };
        let first = match member {
            Tree::List(items) => items.first_mut(),
            one => Some(one),
        };
        let Some(Tree::Struct(item)) = first else { continue };
        let absent = law[kind].view.iter().find(|shown| {
            let scalar = !matches!(shown.kind, ScalarType::List | ScalarType::Struct);
            let alone = matches!(&shown.from, ShownFrom::Paths(_)) && shown.wire.len() == 1;
            scalar && alone && !item.iter().any(|(name, _)| *name == shown.name)
        });
        if let Some(shown) = absent
            && broken.departs()
        {
            item.push((shown.name.clone(), Tree::text("")));
            return;
        }
    }
}

/// Writes an answer wrongly.
pub(super) fn written(
    broken: &Broken,
    fault: WireFault,
    (law, operation): (&Law, OperationIx),
    answer: &Answer,
    response: &mut HttpResponse,
) {
    let success = matches!(answer.body, Body::Success(_));
    let concerned = if success { fault.in_success() } else { fault.in_error() };
    if !concerned || law.wire_rule(fault, operation) != Some(broken.rule()) {
        return;
    }
    let Ok(text) = std::str::from_utf8(&response.body) else { return };
    let is_json = text.starts_with(['{', '[']);
    let wrong = if is_json { in_json(broken, fault, text) } else { in_xml(broken, fault, &law[operation].name, text) };
    let mut status = response.status;
    if fault == WireFault::Status
        && let Body::Error { code, .. } = &answer.body
        && let Some((right, _)) = law.statuses(operation, code)
    {
        status = STATUSES.into_iter().find(|s| !right.contains(s)).unwrap_or(status);
    }
    let wrong = wrong.unwrap_or_else(|| text.to_owned());
    if (wrong != text || status != response.status) && broken.departs() {
        (response.body, response.status) = (wrong.into(), status);
    }
}

fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// The element that holds the id of the request.
static REQUEST_ID: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex("<(requestId|RequestID|RequestId)>([^<]*)</[^>]*>"));
static NAMESPACE: LazyLock<Option<Regex>> = LazyLock::new(|| regex(" xmlns=\"[^\"]*\""));
static TRUTH: LazyLock<Option<Regex>> = LazyLock::new(|| regex(">(true|false)<"));
static EMPTY: LazyLock<Option<Regex>> = LazyLock::new(|| regex("<[A-Za-z]+/>"));
static WRAPPER: LazyLock<Option<Regex>> = LazyLock::new(|| regex("</?Errors>"));

fn in_xml(broken: &Broken, fault: WireFault, operation: &str, text: &str) -> Option<String> {
    let without = |what: &LazyLock<Option<Regex>>| Some(what.as_ref()?.replace_all(text, "").into_owned());
    match fault {
        WireFault::NoRequestId | WireFault::NoErrorRequestId => without(&REQUEST_ID),
        WireFault::RootElement => Some(text.replace(&format!("{operation}Response"), &format!("{operation}Result"))),
        WireFault::Namespace => Some(NAMESPACE.as_ref()?.replace(text, ELSEWHERE).into_owned()),
        WireFault::ErrorEnvelope => without(&WRAPPER),
        WireFault::BooleanSpelling => {
            let capital =
                |found: &regex::Captures<'_>| format!(">{}<", if &found[1] == "true" { "True" } else { "False" });
            Some(TRUTH.as_ref()?.replace_all(text, capital).into_owned())
        }
        WireFault::MissingListWrapper => without(&EMPTY),
        WireFault::RepeatedRequestId => {
            let id = REQUEST_ID.as_ref()?.captures(text)?[2].to_owned();
            let mut here = broken.here();
            let first = here.request_id.get_or_insert_with(|| id.clone());
            Some(text.replace(&id, first))
        }
        _ => None,
    }
}

fn in_json(broken: &Broken, fault: WireFault, text: &str) -> Option<String> {
    let mut answer: Json = serde_json::from_str(text).ok()?;
    let members = answer.as_object_mut()?;
    match fault {
        WireFault::NoRequestId | WireFault::NoErrorRequestId => drop(members.remove("RequestId")),
        WireFault::ErrorEnvelope => {
            let message = members.remove("Message")?;
            members.insert("Message".to_owned(), serde_json::json!({ "Text": message }));
        }
        WireFault::BooleanSpelling | WireFault::JsonType => {
            let spelt = fault == WireFault::BooleanSpelling;
            if !as_text(&mut answer, spelt) {
                return None;
            }
        }
        WireFault::MissingListWrapper => without_empty(&mut answer),
        WireFault::DuplicateMember => {
            let id = members.get("RequestId")?.to_string();
            return Some(text.replacen('{', &format!("{{\"RequestId\":{id},"), 1));
        }
        WireFault::RequestIdForm => {
            let id = members.get("RequestId")?.as_str()?.to_lowercase();
            members.insert("RequestId".to_owned(), id.into());
        }
        WireFault::RepeatedRequestId => {
            let id = members.get("RequestId")?.as_str()?.to_owned();
            let first = broken.here().request_id.get_or_insert(id).clone();
            members.insert("RequestId".to_owned(), first.into());
        }
        WireFault::NoHostId => drop(members.remove("HostId")),
        WireFault::NoRecommend => drop(members.remove("Recommend")),
        _ => return None,
    }
    Some(answer.to_string())
}

/// Turns the first number, or truth value, into a text; false if there is none.
fn as_text(value: &mut Json, truth: bool) -> bool {
    match value {
        Json::Bool(is) if truth => {
            *value = if *is { "True".into() } else { "False".into() };
            true
        }
        Json::Number(number) if !truth => {
            *value = number.to_string().into();
            true
        }
        Json::Array(items) => items.iter_mut().any(|item| as_text(item, truth)),
        Json::Object(members) => members.values_mut().any(|member| as_text(member, truth)),
        _ => false,
    }
}

/// Leaves out empty lists with what wraps them.
fn without_empty(value: &mut Json) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(without_empty),
        Json::Object(members) => {
            let is_empty = |value: &Json| match value {
                Json::Array(items) => items.is_empty(),
                Json::Object(inner) => {
                    inner.len() == 1 && inner.values().all(|v| v.as_array().is_some_and(Vec::is_empty))
                }
                _ => false,
            };
            members.retain(|_, member| !is_empty(member));
            members.values_mut().for_each(without_empty);
        }
        _ => {}
    }
}

/// Writes a part of an answer under another name.
pub(super) fn misnamed(
    broken: &Broken,
    place: Place,
    (law, operation): (&Law, OperationIx),
    answer: &Answer,
    response: &mut HttpResponse,
) {
    let wire = match place {
        Place::Output(own, ix) if own == operation => law[own].output[ix].wire.last(),
        Place::Output(..) => None,
        Place::Row(kind, ix) => {
            let shown = &law[kind].view[ix];
            shown
                .wire
                .last()
                .filter(|_| shown.rule_in(operation) == Some(broken.rule()) && shows_kind(law, operation, kind))
        }
    };
    let (Some(name), Body::Success(_)) = (wire, &answer.body) else { return };
    let Ok(text) = std::str::from_utf8(&response.body) else { return };
    let mut wrong = text.to_owned();
    for (from, to) in [("<", ">"), ("</", ">"), ("<", "/>"), ("\"", "\":")] {
        wrong = wrong.replace(&format!("{from}{name}{to}"), &format!("{from}{name}X{to}"));
    }
    if wrong != text && broken.departs() {
        response.body = wrong.into();
    }
}

/// True if an answer of this operation may show resources of a kind, or their parts.
fn shows_kind(law: &Law, operation: OperationIx, kind: crate::spec::law::KindIx) -> bool {
    let mut kinds: Vec<_> = law[operation]
        .output
        .iter()
        .filter_map(|output| match &output.from {
            OutputFrom::One { kind, .. } | OutputFrom::Many { kind, .. } | OutputFrom::Selected { kind, .. } => {
                Some(*kind)
            }
            _ => None,
        })
        .collect();
    let mut at = 0;
    while let Some(next) = kinds.get(at).copied() {
        for shown in &law[next].view {
            if let ShownFrom::List(_, of) = &shown.from
                && !kinds.contains(of)
            {
                kinds.push(*of);
            }
        }
        at += 1;
    }
    kinds.contains(&kind)
}
