//! botocore's service models: `service-2.json`.
//!
//! The JSON is read as a whole; an operation's shapes are followed when it is asked for. Imports its neighbours.

use std::collections::BTreeMap;

use quick_xml::{Reader, events::Event};
use serde::Deserialize;

use super::{
    At, DEEPEST, Kind, MOST_MEMBERS, Member, Operation, Passage,
    error::{DocumentError, Text},
    is_name,
    prose::{self, joined, plain},
};
use crate::spec::spot::Spot;

/// A model.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    metadata: Metadata,
    operations: BTreeMap<String, Call>,
    shapes: BTreeMap<String, Shape>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    api_version: String,
    protocol: String,
}

#[derive(Debug, Deserialize)]
struct Call {
    name: String,
    #[serde(default)]
    input: Option<Reference>,
    #[serde(default)]
    output: Option<Reference>,
    #[serde(default)]
    documentation: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    shape: String,
    #[serde(default)]
    location_name: Option<String>,
    #[serde(default)]
    query_name: Option<String>,
    #[serde(default)]
    documentation: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    members: BTreeMap<String, Reference>,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    member: Option<Box<Reference>>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    #[serde(default)]
    min: Option<f64>,
    #[serde(default)]
    max: Option<f64>,
}

/// Reads a model.
pub(super) fn read(document: &Text) -> Result<Model, DocumentError> {
    let model: Model = document.json()?;
    let protocol = &model.metadata.protocol;
    if protocol != "ec2" {
        let why = format!("it is a model of a service that speaks `{protocol}`, of which no law can be written");
        return Err(DocumentError::whole(document.name(), why).help("the protocol must be `ec2`"));
    }
    if model.operations.is_empty() {
        return Err(DocumentError::whole(document.name(), "it has no operations"));
    }
    if let Some((key, _)) = model.operations.iter().find(|(key, call)| **key != call.name) {
        return Err(DocumentError::whole(document.name(), format!("operations/{key} has another name")));
    }
    Ok(model)
}

/// One operation while it is followed.
struct Walk<'m> {
    model: &'m Model,
    document: &'m str,
    members: usize,
    passages: Vec<Passage>,
}

/// Where a walk is.
#[derive(Clone, Copy)]
struct Side {
    /// Names on the wire are those of requests.
    request: bool,
    depth: usize,
}

impl Model {
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    pub fn version(&self) -> &str {
        &self.metadata.api_version
    }

    /// What the model says of an operation; none if it does not speak of it.
    pub fn operation(&self, document: &str, name: &str) -> Result<Option<Operation>, DocumentError> {
        let Some(call) = self.operations.get(name) else { return Ok(None) };
        let mut walk = Walk { model: self, document, members: 0, passages: Vec::new() };
        let said = paragraphs(call.documentation.as_deref().unwrap_or_default());
        let said = said.map_err(|why| walk.wrong(&format!("operations/{name}"), &why))?;
        for (number, (_, text)) in said.into_iter().enumerate() {
            let at = At::Path(format!("operations/{name}/documentation"));
            walk.passages.push(Passage::new(Spot::Paragraph(number as u32 + 1), text, at));
        }
        let mut side = |reference: &Option<Reference>, request| match reference {
            None => Ok(Vec::new()),
            Some(reference) => {
                let spot = if request { Spot::Parameter(String::new()) } else { Spot::Response(String::new()) };
                walk.structure(&reference.shape, &spot, Side { request, depth: 0 })
            }
        };
        let parameters = side(&call.input, true)?;
        let response = side(&call.output, false)?;
        Ok(Some(Operation {
            name: name.to_owned(),
            version: Some(self.metadata.api_version.clone()),
            parameters,
            response: Some(response),
            errors: None,
            passages: Some(walk.passages),
            examples: 0,
        }))
    }
}

impl<'m> Walk<'m> {
    fn wrong(&self, path: &str, why: &str) -> DocumentError {
        DocumentError::whole(self.document, format!("{path}: {why}"))
    }

    fn shape(&self, name: &str) -> Result<&'m Shape, DocumentError> {
        let missing = || self.wrong(&format!("shapes/{name}"), "it is referred to, but it is not there");
        self.model.shapes.get(name).ok_or_else(missing)
    }

    /// The members of a structure.
    fn structure(&mut self, name: &str, spot: &Spot, side: Side) -> Result<Vec<Member>, DocumentError> {
        let shape = self.shape(name)?;
        if shape.kind != "structure" {
            return Err(self.wrong(&format!("shapes/{name}"), "it should be a structure"));
        }
        let mut members = Vec::with_capacity(shape.members.len());
        for (member, reference) in &shape.members {
            self.members += 1;
            if self.members > MOST_MEMBERS {
                return Err(self.wrong(&format!("shapes/{name}"), "there are too many members"));
            }
            let path = format!("shapes/{name}/members/{member}");
            if !is_name(member) {
                return Err(self.wrong(&path, "this is no name"));
            }
            let spot = spot.member(member);
            members.push(self.member(member, reference, &path, spot, side, shape.required.contains(member))?);
        }
        if let Some(unknown) = shape.required.iter().find(|r| !shape.members.contains_key(*r)) {
            return Err(
                self.wrong(&format!("shapes/{name}"), &format!("it requires `{unknown}`, which it does not have"))
            );
        }
        Ok(members)
    }

    fn member(
        &mut self,
        name: &str,
        reference: &Reference,
        path: &str,
        spot: Spot,
        side: Side,
        required: bool,
    ) -> Result<Member, DocumentError> {
        let said = paragraphs(reference.documentation.as_deref().unwrap_or_default());
        let said = said.map_err(|why| self.wrong(path, &why))?;
        if !said.is_empty() {
            self.passages.push(Passage::new(spot.clone(), joined(&said), At::Path(path.to_owned())));
        }
        let kind = self.kind(&reference.shape, &spot, side)?;
        let mut member = Member::new(name, kind, At::Path(path.to_owned()));
        member.required = required;
        member.wire = Some(wire(name, reference, side.request));
        let mut shape = self.shape(&reference.shape)?;
        if let Some(of) = shape.member.as_ref().filter(|_| shape.kind == "list") {
            shape = self.shape(&of.shape)?;
        }
        member.values = shape.values.clone();
        let whole = |number: Option<f64>| number.filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64);
        match &*shape.kind {
            "integer" | "long" => (member.min, member.max) = (whole(shape.min), whole(shape.max)),
            "string" => member.longest = whole(shape.max).and_then(|most| u32::try_from(most).ok()),
            _ => {}
        }
        prose::read(&mut member, &said);
        Ok(member)
    }

    fn kind(&mut self, name: &str, spot: &Spot, side: Side) -> Result<Kind, DocumentError> {
        let shape = self.shape(name)?;
        let deeper = Side { depth: side.depth + 1, ..side };
        Ok(match &*shape.kind {
            "string" | "character" => Kind::String,
            "integer" | "long" => Kind::Integer,
            "double" | "float" => Kind::Float,
            "boolean" => Kind::Boolean,
            "timestamp" => Kind::Timestamp,
            "blob" => Kind::Bytes,
            "map" => Kind::Other("map".into()),
            // Structures may hold themselves.
            "structure" | "list" if side.depth >= DEEPEST => Kind::Struct(Vec::new()),
            "structure" => Kind::Struct(self.structure(name, spot, deeper)?),
            "list" => match &shape.member {
                Some(of) => Kind::List(Some(Box::new(self.kind(&of.shape, spot, deeper)?))),
                None => return Err(self.wrong(&format!("shapes/{name}"), "it is a list of nothing")),
            },
            other => return Err(self.wrong(&format!("shapes/{name}"), &format!("`{other}` is no type that is known"))),
        })
    }
}

/// The name on the wire, as the `ec2` protocol has it.
fn wire(name: &str, reference: &Reference, request: bool) -> String {
    let capital = |name: &str| {
        let mut letters = name.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    match (request, &reference.query_name, &reference.location_name) {
        (true, Some(query), _) => query.clone(),
        (true, None, Some(location)) => capital(location),
        (_, _, location) => location.clone().unwrap_or_else(|| name.to_owned()),
    }
}

/// The paragraphs and items of lists of a documentation in HTML, each with a mark whether it is an item.
///
/// It is HTML as people write it, so that tags are not held against each other.
fn paragraphs(html: &str) -> Result<Vec<(bool, String)>, String> {
    let mut reader = Reader::from_str(html);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut all: Vec<(bool, String)> = Vec::new();
    let mut now = String::new();
    let mut item = false;
    let mut close = |now: &mut String, item: bool| {
        let text = plain(&std::mem::take(now));
        if !text.is_empty() {
            all.push((item, text));
        }
    };
    loop {
        match reader.read_event().map_err(|e| format!("its documentation is no HTML: {e}"))? {
            Event::Eof => break,
            Event::Text(text) => now.push_str(&text),
            Event::CData(text) => now.push_str(&text),
            Event::GeneralRef(entity) => {
                let name: &str = &entity;
                let known = quick_xml::escape::resolve_predefined_entity(name).map(str::to_owned);
                let number = entity.resolve_char_ref().ok().flatten().map(String::from);
                now.push_str(&known.or(number).unwrap_or_else(|| " ".into()));
            }
            Event::Start(tag) | Event::Empty(tag) => match tag.local_name().as_ref() {
                "li" | "dd" | "dt" => {
                    close(&mut now, item);
                    item = true;
                }
                "p" | "ul" | "ol" | "dl" | "note" | "important" | "h3" | "pre" | "br" => close(&mut now, item),
                _ => {}
            },
            Event::End(tag) => match tag.local_name().as_ref() {
                "p" | "ul" | "ol" | "dl" | "li" | "dd" | "dt" | "note" | "important" | "h3" | "pre" => {
                    close(&mut now, item);
                    if !matches!(tag.local_name().as_ref(), "p") {
                        item = false;
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    close(&mut now, item);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_and_items_are_told_apart() {
        let html = "<p>Opens a <code>locker</code>.</p> <p>Valid values:</p> <ul> <li> <p> <code>a</code> - one &amp; all</p> </li> <li>b</li> </ul> <p>End<br>";
        let found = paragraphs(html).unwrap();
        let expected = [
            (false, "Opens a locker."),
            (false, "Valid values:"),
            (true, "a - one & all"),
            (true, "b"),
            (false, "End"),
        ];
        assert_eq!(found, expected.map(|(item, text)| (item, text.to_owned())));
    }
}
