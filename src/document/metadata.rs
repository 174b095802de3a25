//! Alibaba Cloud's OpenAPI metadata: one JSON object an operation, with its parameters. It tells nothing of answers and
//! errors, and in one of its two editions nothing in prose. Imports its neighbours.

use serde::Deserialize;

use super::{
    At, DEEPEST, Kind, Member, Operation, Passage,
    error::{DocumentError, Text},
    is_name,
    prose::{self, joined, plain},
};
use crate::spec::spot::Spot;

#[derive(Deserialize)]
struct Api {
    name: String,
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    required: bool,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    sub_parameters: Vec<Parameter>,
}

/// Reads the object of an operation.
pub(super) fn read(document: &Text) -> Result<Operation, DocumentError> {
    let api: Api = document.json()?;
    let mut passages = Vec::new();
    let mut parameters: Vec<Member> = Vec::new();
    for (i, parameter) in api.parameters.iter().enumerate() {
        let path = format!("parameters/{i}");
        let wrong = |why: String| DocumentError::whole(document.name(), format!("{path} ({}): {why}", parameter.name));
        // `Filter.1.Key` and `Filter.2.Key` are members of the elements of one list.
        let parts: Vec<&str> = parameter.name.split('.').collect();
        match parts[..] {
            [name, number, member] if number.parse::<u32>().is_ok() && is_name(name) && is_name(member) => {
                let at = At::Path(path.clone());
                if !parameters.iter().any(|p| p.name == name) {
                    let kind = Kind::List(Some(Box::new(Kind::Struct(Vec::new()))));
                    parameters.push(Member::new(name, kind, at.clone()));
                }
                let list = parameters.iter_mut().find(|p| p.name == name);
                if let Some(Kind::List(Some(of))) = list.map(|list| &mut list.kind)
                    && let Kind::Struct(members) = &mut **of
                    && !members.iter().any(|m| m.name == member)
                {
                    members.push(Member::new(member, kind(&parameter.kind, Vec::new()), at));
                }
            }
            [name] => {
                if parameters.iter().any(|p| p.name == name) {
                    return Err(wrong("it stands there twice".into()));
                }
                parameters.push(member(parameter, &path, &mut passages, &parameter.name, 0).map_err(wrong)?);
            }
            _ => return Err(wrong("the name has parts that are not understood".into())),
        }
    }
    let told = api.parameters.iter().any(|p| p.description.is_some());
    Ok(Operation {
        name: api.name,
        version: None,
        parameters,
        response: None,
        errors: None,
        passages: told.then_some(passages),
        examples: 0,
    })
}

fn member(
    parameter: &Parameter,
    path: &str,
    passages: &mut Vec<Passage>,
    spot: &str,
    depth: usize,
) -> Result<Member, String> {
    if !is_name(&parameter.name) {
        return Err("this is no name".into());
    }
    if depth > DEEPEST {
        return Err("it is too deep".into());
    }
    let at = At::Path(path.to_owned());
    let said = paragraphs(parameter.description.as_deref().unwrap_or_default());
    if !said.is_empty() {
        passages.push(Passage::new(Spot::Parameter(spot.to_owned()), joined(&said), at.clone()));
    }
    let mut members = Vec::new();
    for (i, inner) in parameter.sub_parameters.iter().enumerate() {
        if members.iter().any(|m: &Member| m.name == inner.name) {
            return Err(format!("{} stands there twice", inner.name));
        }
        let path = format!("{path}/sub_parameters/{i}");
        members.push(member(inner, &path, passages, &format!("{spot}.{}", inner.name), depth + 1)?);
    }
    let mut member = Member::new(&parameter.name, kind(&parameter.kind, members), at);
    member.required = parameter.required;
    prose::read(&mut member, &said);
    Ok(member)
}

fn kind(word: &str, members: Vec<Member>) -> Kind {
    match word {
        "String" => Kind::String,
        "Integer" | "Long" => Kind::Integer,
        "Float" | "Double" => Kind::Float,
        "Boolean" => Kind::Boolean,
        "RepeatList" | "Array" if members.is_empty() => Kind::List(None),
        "RepeatList" | "Array" => Kind::List(Some(Box::new(Kind::Struct(members)))),
        "Struct" | "Object" => Kind::Struct(members),
        other => Kind::Other(other.to_owned()),
    }
}

/// The paragraphs and items of lists of a description in Markdown, each with a mark whether it is an item.
fn paragraphs(markdown: &str) -> Vec<(bool, String)> {
    let mut all: Vec<(bool, String)> = Vec::new();
    let mut open = false;
    for line in markdown.lines() {
        let text = line.trim();
        if text.is_empty() {
            open = false;
            continue;
        }
        let item = ["* ", "- "].iter().find_map(|mark| text.strip_prefix(mark));
        let text = item.unwrap_or(text.trim_start_matches('>')).trim();
        match all.last_mut().filter(|_| open && item.is_none()) {
            Some((_, last)) => *last = plain(&format!("{last} {text}")),
            None => all.push((item.is_some(), plain(text))),
        }
        open = true;
    }
    all
}
