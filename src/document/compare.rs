//! Tables against tables: the parameters, response fields and error codes of the law and of a document.
//!
//! Where a document cannot tell something (metadata has no answers), nothing is held against the law; and a limit that
//! the law takes from another text need not stand in this one. Imports its neighbours and `spec`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    At, Format, Kind, Member, Operation,
    statute::{Statute, key_in},
};
use crate::spec::{
    error::SpecText,
    file::{Literal, OperationFile, ParameterFile, ScalarType},
    spot::Spot,
};

/// Something in which the law and a document differ.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The operation.
    pub operation: String,
    /// The place.
    pub spot: Spot,
    /// What differs there: `type`, `values`; nothing if one side lacks the whole.
    pub aspect: &'static str,
    /// The difference, in a sentence.
    pub says: String,
    /// Where it stands in the document, if it does.
    pub document: Option<String>,
    /// Where it stands in the law, if it does: `FILE:LINE`.
    pub law: Option<String>,
}

/// A comparison on its way.
pub(super) struct Comparison<'a> {
    pub statute: &'a Statute,
    pub file: &'a SpecText,
    pub operation: &'a OperationFile,
    pub document: &'a Operation,
    pub format: Format,
    /// The key of the text whose tables these are.
    pub text: &'a str,
    pub found: Vec<Difference>,
}

/// A field of an answer as the law has it.
struct Row<'a> {
    name: &'a str,
    wire: Vec<&'a str>,
    kind: ScalarType,
    values: Vec<&'a str>,
    view: Option<&'a str>,
    law: String,
}

impl<'a> Comparison<'a> {
    /// All of it.
    pub fn run(mut self) -> Vec<Difference> {
        let empty = Spot::Parameter(String::new());
        self.parameters(&self.operation.input, &self.document.parameters, &empty, "input");
        if let Some(response) = &self.document.response {
            self.response(response);
        }
        self.errors();
        self.found
    }

    fn differs(&mut self, spot: &Spot, aspect: &'static str, says: String, document: Option<&At>, law: Option<String>) {
        self.found.push(Difference {
            operation: self.document.name.clone(),
            spot: spot.clone(),
            aspect,
            says,
            document: document.map(At::to_string),
            law,
        });
    }

    /// Parameters, or the members of one.
    fn parameters(&mut self, law: &'a BTreeMap<String, ParameterFile>, document: &'a [Member], of: &Spot, table: &str) {
        let top = table == "input";
        for member in document {
            let spot = of.member(&member.name);
            match law.get(&member.name) {
                Some(parameter) => self.parameter(parameter, member, &spot, table),
                None if top && self.statute.law.wire.ignores.contains(&member.name) => {}
                None => {
                    let says = format!("the law lacks it; the document has it as {}", member.kind.name());
                    self.differs(&spot, "", says, Some(&member.at), None);
                }
            }
        }
        for name in law.keys().filter(|name| !document.iter().any(|m| m.name == **name)) {
            let place = Some(key_in(self.file, table, name));
            self.differs(&of.member(name), "", "the document does not have it".into(), None, place);
        }
    }

    fn parameter(&mut self, law: &'a ParameterFile, document: &'a Member, spot: &Spot, table: &str) {
        let top = table == "input";
        let place = Some(key_in(self.file, table, &document.name));
        let mut member = document;
        let mut expected_wire = law.wire.clone().unwrap_or_else(|| document.name.clone());
        // A structure with one member may be written as that member.
        if let Some((first, rest)) = law.wire.as_deref().and_then(|wire| wire.split_once('.'))
            && law.kind != ScalarType::Struct
        {
            let named = |m: &&Member| m.wire.as_deref().unwrap_or(&m.name) == rest || m.name == rest;
            if let Some(inner) = document.kind.members().iter().find(named) {
                member = inner;
                expected_wire = first.to_owned();
            }
        }
        let mut differs = |aspect, says: String| self.differs(spot, aspect, says, Some(&document.at), place.clone());
        let joined = law.joined.is_some() && member.kind == Kind::String;
        if !joined && !same_kind(law.kind, law.of, &member.kind) {
            let law = match law.of {
                Some(of) => format!("{} of {}", name_of(law.kind), name_of(of)),
                None => name_of(law.kind).to_owned(),
            };
            differs("type", format!("the law has {law}, the document {}", member.kind.name()));
        }
        if top && law.required != document.required {
            let word = |required| if required { "required" } else { "optional" };
            differs(
                "required",
                format!("the law has it as {}, the document as {}", word(law.required), word(document.required)),
            );
        }
        if let Some(wire) = &document.wire
            && *wire != expected_wire
        {
            differs("wire", format!("on the wire it is `{expected_wire}` in the law, and `{wire}` in the document"));
        }
        // What the document cannot tell, or what is said elsewhere, is not missing from it.
        let told = self.document.passages.is_some();
        let default = law.default.as_ref().map(text_of);
        if member.default != default && (told || member.default.is_some()) {
            let says = format!("the law has {}, the document {}", or_none(&default), or_none(&member.default));
            self.differs(spot, "default", says, Some(&document.at), place.clone());
        }
        let elsewhere = law.limits.as_ref().is_some_and(|limits| **limits.source.text != *self.text);
        let silent = !told || elsewhere;
        let range = |min: Option<i64>, max: Option<i64>| (min, max) != (None, None);
        if (law.min, law.max) != (member.min, member.max) && (range(member.min, member.max) || !silent) {
            let words = |min: Option<i64>, max: Option<i64>| match (min, max) {
                (None, None) => "no range".to_owned(),
                (min, max) => {
                    let end = |number: Option<i64>| number.map_or_else(String::new, |n| n.to_string());
                    format!("{}..{}", end(min), end(max))
                }
            };
            let says =
                format!("the law has {}, the document {}", words(law.min, law.max), words(member.min, member.max));
            self.differs(spot, "range", says, Some(&document.at), place.clone());
        }
        let law_values: Vec<&str> = law.values.iter().map(String::as_str).collect();
        if !(member.values.is_empty() && (silent || law_values.is_empty())) {
            self.values(spot, &law_values, &member.values, &document.at, place.clone());
        }
        if law.max_length != member.longest && (member.longest.is_some() || !silent) {
            let words = |n: Option<u32>| n.map_or_else(|| "no length".to_owned(), |n| format!("{n} characters"));
            let says = format!("the law has {}, the document {}", words(law.max_length), words(member.longest));
            self.differs(spot, "length", says, Some(&document.at), place.clone());
        }
        if !law.fields.is_empty() {
            let inner = format!("{table}.{}.fields", document.name);
            self.parameters(&law.fields, document.kind.members(), spot, &inner);
        }
    }

    fn values(&mut self, spot: &Spot, law: &[&str], document: &[String], at: &At, place: Option<String>) {
        let law: BTreeSet<&str> = law.iter().copied().collect();
        let document: BTreeSet<&str> = document.iter().map(String::as_str).collect();
        if law == document {
            return;
        }
        let some = |values: Vec<&&str>| -> Option<String> {
            let first: Vec<String> = values.iter().take(6).map(|v| format!("`{v}`")).collect();
            let more = values.len().saturating_sub(first.len());
            (!first.is_empty()).then(|| match more {
                0 => first.join(", "),
                more => format!("{} and {more} more", first.join(", ")),
            })
        };
        let lacks = some(document.difference(&law).collect()).map(|values| format!("the law lacks {values}"));
        let too_much = some(law.difference(&document).collect()).map(|values| format!("the document lacks {values}"));
        let says: Vec<String> = lacks.into_iter().chain(too_much).collect();
        self.differs(spot, "values", says.join("; "), Some(at), place);
    }

    // --- What a successful answer holds ------------------------------------------------------------------------------

    /// The outputs of the operation as rows.
    fn outputs(&self) -> Vec<Row<'a>> {
        let row = |(name, output): (&'a String, &'a crate::spec::file::OutputFile)| Row {
            name,
            wire: output.wire.as_deref().map_or_else(Vec::new, |wire| wire.split('/').collect()),
            kind: output.kind,
            values: output.values.iter().map(String::as_str).collect(),
            view: output.view.as_ref().map(|view| view.as_str()),
            law: key_in(self.file, "output", name),
        };
        self.operation.output.iter().map(row).collect()
    }

    /// What is shown of a kind of resource, as rows.
    fn view(&self, kind: &str) -> Vec<Row<'a>> {
        let (file, resources) = &self.statute.files.resources;
        let Some(resource) = resources.resource.get(kind) else { return Vec::new() };
        let table = format!("resource.{kind}.view");
        let row = |(name, view): (&'a String, &'a crate::spec::file::ViewFile)| Row {
            name,
            wire: view.wire.as_deref().map_or_else(Vec::new, |wire| wire.split('/').collect()),
            kind: view.kind,
            values: view.values.iter().map(String::as_str).collect(),
            view: view.list.as_ref().and_then(|path| self.listed(kind, path)),
            law: key_in(file, &table, name),
        };
        resource.view.iter().map(row).collect()
    }

    /// The kind of resource that a view lists others of, by a path that ends in an inverse.
    fn listed(&self, kind: &str, path: &str) -> Option<&'a str> {
        let resources = &self.statute.files.resources.1.resource;
        let mut kind = kind;
        let mut found = None;
        for step in path.split('.') {
            let field = resources.get(kind)?.field.get(step)?;
            let next = match (&field.to, &field.of) {
                (Some(to), _) => to.as_str(),
                (None, Some(of)) => of.split('.').next()?,
                (None, None) => return None,
            };
            found = Some(next);
            kind = next;
        }
        found
    }

    fn response(&mut self, document: &'a [Member]) {
        let envelope = self.statute.law.wire.protocol.envelope();
        let document: Vec<&Member> = document.iter().filter(|m| !envelope.contains(&&*m.name)).collect();
        let rows = self.outputs();
        if self.format == Format::TextPage {
            self.flat(&rows, &document);
            return;
        }
        self.rows(rows, &document, &Spot::Response(String::new()), 0);
    }

    /// A table without levels: the fields of all levels, one below the other.
    fn flat(&mut self, rows: &[Row<'a>], document: &[&'a Member]) {
        let mut law: BTreeMap<&str, (ScalarType, String)> = BTreeMap::new();
        let mut through: BTreeSet<&str> = BTreeSet::new();
        for row in rows {
            law.insert(row.name, (row.kind, row.law.clone()));
            through.extend(row.wire.iter().copied());
            for inner in row.view.map(|view| self.view(view)).unwrap_or_default() {
                through.extend(inner.wire.iter().copied());
                law.entry(inner.name).or_insert((inner.kind, inner.law));
            }
        }
        for member in document {
            let spot = Spot::Response(member.name.clone());
            match law.get(&*member.name) {
                Some((kind, place)) if !same_kind(*kind, None, &member.kind) => {
                    let says = format!("the law has {}, the document {}", name_of(*kind), member.kind.name());
                    self.differs(&spot, "type", says, Some(&member.at), Some(place.clone()));
                }
                Some(_) => {}
                None if through.contains(&*member.name) => {}
                None => self.differs(&spot, "", "the law lacks it".into(), Some(&member.at), None),
            }
        }
        for (name, (_, place)) in law {
            if !document.iter().any(|m| m.name == *name) {
                let spot = Spot::Response(name.to_owned());
                self.differs(&spot, "", "the document does not have it".into(), None, Some(place));
            }
        }
    }

    /// The rows of one level against the members of it.
    fn rows(&mut self, rows: Vec<Row<'a>>, document: &[&'a Member], of: &Spot, depth: usize) {
        let mut reached: BTreeSet<Vec<&str>> = BTreeSet::new();
        for row in rows {
            let Some((path, member)) = find(document, &row) else {
                let spot = of.member(row.name);
                self.differs(&spot, "", "the document does not have it".into(), None, Some(row.law));
                continue;
            };
            let spot = path.iter().fold(of.clone(), |spot, name| spot.member(name));
            reached.insert(path);
            if !same_kind(row.kind, None, &member.kind) {
                let says = format!("the law has {}, the document {}", name_of(row.kind), member.kind.name());
                self.differs(&spot, "type", says, Some(&member.at), Some(row.law.clone()));
            }
            if !(row.values.is_empty() && member.values.is_empty()) {
                self.values(&spot, &row.values, &member.values, &member.at, Some(row.law.clone()));
            }
            if let Some(view) = row.view
                && depth < super::DEEPEST
            {
                let members: Vec<&Member> = member.kind.members().iter().collect();
                self.rows(self.view(view), &members, &spot, depth + 1);
            }
        }
        self.left(&reached, document, &mut Vec::new(), of);
    }

    /// What the document has, and no row of the law leads to.
    fn left(&mut self, reached: &BTreeSet<Vec<&str>>, document: &[&'a Member], path: &mut Vec<&'a str>, of: &Spot) {
        for member in document {
            path.push(&member.name);
            let through = reached.iter().any(|r| r.len() > path.len() && r.starts_with(path));
            if through {
                let inner: Vec<&Member> = member.kind.members().iter().collect();
                self.left(reached, &inner, path, of);
            } else if !reached.contains(path) {
                let spot = path.iter().fold(of.clone(), |spot, name| spot.member(name));
                let says = format!("the law lacks it; the document has it as {}", member.kind.name());
                self.differs(&spot, "", says, Some(&member.at), None);
            }
            path.pop();
        }
    }

    // --- Error codes -------------------------------------------------------------------------------------------------

    fn errors(&mut self) {
        let Some(rows) = &self.document.errors else { return };
        let mut document: BTreeMap<&str, (BTreeSet<u16>, &At)> = BTreeMap::new();
        // A placeholder stands for codes that the document does not name.
        for row in rows.iter().filter(|row| !row.code.contains('%')) {
            document.entry(&row.code).or_insert((BTreeSet::new(), &row.at)).0.extend(row.status);
        }
        for (code, (statuses, at)) in &document {
            let spot = Spot::ErrorCode((*code).to_owned());
            match self.operation.status.get(*code) {
                Some(law) => {
                    let place = Some(super::statute::line_of(self.file, law.span().start));
                    let law: BTreeSet<u16> = law.all().iter().copied().collect();
                    if law != *statuses && !statuses.is_empty() {
                        let says = format!("the law has the status {}, the document {}", list(&law), list(statuses));
                        self.differs(&spot, "status", says, Some(at), place);
                    }
                }
                None => {
                    let says =
                        format!("the law's table of statuses lacks it; the document has it with {}", list(statuses));
                    self.differs(&spot, "", says, Some(at), None);
                }
            }
        }
        for (code, law) in self.operation.status.iter().filter(|(code, _)| !document.contains_key(code.as_str())) {
            let place = Some(super::statute::line_of(self.file, law.span().start));
            let spot = Spot::ErrorCode(code.clone());
            self.differs(&spot, "", "the document's table of errors does not have it".into(), None, place);
        }
    }
}

/// The member that a row leads to, with the path to it: by its name, or by its name on the wire.
fn find<'d>(document: &[&'d Member], row: &Row<'_>) -> Option<(Vec<&'d str>, &'d Member)> {
    if row.wire.len() < 2
        && let Some(member) = document.iter().find(|m| m.name == row.name)
    {
        return Some((vec![&*member.name], *member));
    }
    let mut steps = row.wire.iter().filter(|step| **step != "item");
    let is = |member: &Member, step: &str| member.wire.as_deref().unwrap_or(&member.name) == step;
    let first = steps.next()?;
    let mut member = *document.iter().find(|m| is(m, first))?;
    let mut path: Vec<&str> = vec![&member.name];
    for step in steps {
        member = member.kind.members().iter().find(|m| is(m, step))?;
        path.push(&member.name);
    }
    Some((path, member))
}

/// True if the law's type is the document's.
fn same_kind(law: ScalarType, of: Option<ScalarType>, document: &Kind) -> bool {
    match (law, document) {
        (ScalarType::String, Kind::String | Kind::Bytes)
        | (ScalarType::Integer, Kind::Integer)
        | (ScalarType::Boolean, Kind::Boolean)
        | (ScalarType::Timestamp, Kind::Timestamp)
        | (ScalarType::Struct, Kind::Struct(_))
        | (ScalarType::List, Kind::List(None)) => true,
        (ScalarType::List, Kind::List(Some(element))) => of.is_none_or(|of| same_kind(of, None, element)),
        _ => false,
    }
}

/// The law's word for a type.
fn name_of(kind: ScalarType) -> &'static str {
    match kind {
        ScalarType::String => "string",
        ScalarType::Integer => "integer",
        ScalarType::Boolean => "boolean",
        ScalarType::Timestamp => "timestamp",
        ScalarType::List => "list",
        ScalarType::Struct => "struct",
    }
}

fn text_of(literal: &Literal) -> String {
    match literal {
        Literal::Boolean(value) => value.to_string(),
        Literal::Integer(value) => value.to_string(),
        Literal::Text(value) => value.clone(),
    }
}

fn or_none(default: &Option<String>) -> String {
    default.as_ref().map_or_else(|| "no default".to_owned(), |value| format!("the default `{value}`"))
}

fn list(statuses: &BTreeSet<u16>) -> String {
    match statuses.is_empty() {
        true => "no status".to_owned(),
        false => statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
    }
}
