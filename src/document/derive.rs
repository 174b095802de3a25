//! A document as the beginning of a spec: tables in the grammar of operation files, and what looks like rules as a list
//! for a person to go through.
//!
//! Imports its neighbours.

use std::fmt::Write as _;

use super::{Document, Kind, Member, Operation};

/// The beginning of an operation file. Everything that is for a person to decide is a comment.
pub fn skeleton(document: &Document, operation: &Operation) -> String {
    let mut text = String::new();
    let mut line = |parts: &str| {
        text.push_str(parts);
        text.push('\n');
    };
    line(&format!("# From {} ({}).", comment(&document.name), document.format.title()));
    line(&format!("operation = {}", quoted(&operation.name)));
    line("summary   = \"to do\"");
    line("source    = \"to-do\"");
    line(&format!("level     = \"{}\"", if document.format.is_page() { "must" } else { "should" }));
    if let Some(errors) = &operation.errors {
        let mut statuses: std::collections::BTreeMap<&str, Vec<u16>> = std::collections::BTreeMap::new();
        let mut placeholders = 0;
        for row in errors {
            match row.code.contains('%') {
                true => placeholders += 1,
                false => statuses.entry(&row.code).or_default().extend(row.status),
            }
        }
        line("\n[status]");
        for (code, mut of) in statuses {
            of.sort_unstable();
            of.dedup();
            match &of[..] {
                [one] => line(&format!("{} = {one}", quoted(code))),
                several => line(&format!("{} = {several:?}", quoted(code))),
            }
        }
        if placeholders > 0 {
            line(&format!("# rows without a code of their own: {placeholders}"));
        }
    }
    for parameter in &operation.parameters {
        line(&format!("\n[input.{}]", key(&parameter.name)));
        text_of_parameter(&mut line, parameter);
    }
    for field in operation.response.iter().flatten() {
        line(&format!("\n[output.{}]", key(&field.name)));
        line(&format!("type = {}", quoted(&kind(&field.kind))));
        if let Some(wire) = &field.wire {
            line(&format!("wire = {}", quoted(wire)));
        }
        if !field.values.is_empty() {
            line(&format!("enum = {}", values(&field.values)));
        }
        fields(&mut line, field, 1);
    }
    if operation.response.is_none() {
        line("\n# The document does not tell what an answer holds.");
    }
    let rules: Vec<_> = operation.passages.iter().flatten().filter(|p| p.rule_word.is_some()).collect();
    line(
        "\n# --- To do: what looks like a rule ------------------------------------------------------------------------------------",
    );
    if operation.passages.is_none() {
        line("# The document has no prose.");
    } else if rules.is_empty() {
        line("# Nothing does.");
    }
    for passage in rules {
        let word = passage.rule_word.unwrap_or_default();
        line(&format!("#\n# {}, {} (\"{word}\"):", comment(&passage.spot.to_string()), passage.at));
        for part in passage.text.lines() {
            line(&format!("#   {}", comment(part)));
        }
    }
    text
}

/// The wording of everything that is said, for `[document.SOURCE.read]` of `documents.toml`.
pub fn fingerprints(operation: &Operation) -> String {
    let mut text = format!("# {}: into `[document.SOURCE.read]` of documents.toml.\n", comment(&operation.name));
    for passage in operation.passages.iter().flatten() {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{} = \"{}\"", quoted(&passage.spot.to_string()), passage.fingerprint());
    }
    text
}

fn text_of_parameter(line: &mut impl FnMut(&str), parameter: &Member) {
    line(&format!("type = {}", quoted(&kind(&parameter.kind))));
    if let Kind::List(of) = &parameter.kind {
        let of = of.as_ref().map_or("string".into(), |of| kind(of));
        line(&format!("of = {}", quoted(&of)));
    }
    if let Some(wire) = parameter.wire.as_ref().filter(|wire| **wire != parameter.name) {
        line(&format!("wire = {}", quoted(wire)));
    }
    if parameter.required {
        line("required = true");
    }
    if let Some(default) = &parameter.default {
        match parameter.kind {
            Kind::Integer | Kind::Boolean => line(&format!("default = {default}")),
            _ => line(&format!("default = {}", quoted(default))),
        }
    }
    let numbers = [("min", parameter.min), ("max", parameter.max), ("max-length", parameter.longest.map(i64::from))];
    for (name, number) in numbers {
        if let Some(number) = number {
            line(&format!("{name} = {number}"));
        }
    }
    if !parameter.values.is_empty() {
        line(&format!("enum = {}", values(&parameter.values)));
    }
    if !parameter.kind.members().is_empty() {
        line(&format!("fields = {}", inline(parameter.kind.members())));
    }
    if let Kind::Other(name) = &parameter.kind {
        line(&format!("# in the document: {}", comment(name)));
    }
}

/// Members of a structure as an inline table.
fn inline(members: &[Member]) -> String {
    let one = |member: &Member| {
        let mut row = format!("{} = {{ type = {}", key(&member.name), quoted(&kind(&member.kind)));
        if let Kind::List(of) = &member.kind {
            let of = of.as_ref().map_or("string".into(), |of| kind(of));
            let _ = write!(row, ", of = {}", quoted(&of));
        }
        if let Some(wire) = member.wire.as_ref().filter(|wire| **wire != member.name) {
            let _ = write!(row, ", wire = {}", quoted(wire));
        }
        if !member.kind.members().is_empty() {
            let _ = write!(row, ", fields = {}", inline(member.kind.members()));
        }
        format!("{row} }}")
    };
    format!("{{ {} }}", members.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The fields in a field, as comments: a view shows them, and that belongs to resources.toml.
fn fields(line: &mut impl FnMut(&str), field: &Member, depth: usize) {
    for member in field.kind.members() {
        let values =
            if member.values.is_empty() { String::new() } else { format!(", enum = {}", values(&member.values)) };
        let name = key(&member.name);
        line(&format!(
            "#{:indent$}{name} = {{ type = {}{values} }}",
            "",
            quoted(&kind(&member.kind)),
            indent = 2 * depth
        ));
        fields(line, member, depth + 1);
    }
}

/// The word of the grammar for a type. It has none for some; then a text is as near as it gets.
fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Integer | Kind::Boolean | Kind::Timestamp | Kind::Struct(_) => kind.name(),
        Kind::List(_) => "list".into(),
        Kind::String | Kind::Float | Kind::Bytes | Kind::Other(_) => "string".into(),
    }
}

fn values(all: &[String]) -> String {
    format!("[{}]", all.iter().map(|v| quoted(v)).collect::<Vec<_>>().join(", "))
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    // JSON's texts are TOML's basic strings, but for one character that only TOML refuses to have as it is.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A key as TOML has it.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { name.to_owned() } else { quoted(name) }
}

/// A text that may stand in a comment: one line, and nothing that could talk to a terminal.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
