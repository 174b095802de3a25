//! Who rests on what: every `{ text = "…", at = "…" }` in the files of a law, with the rule, reading or row that it
//! belongs to. Those under choices that are not in force are among them.
//!
//! Imports its neighbours in `spec`.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    compile::Files,
    error::{Place, SpecText},
};

/// A place in a text that something in the law rests on.
#[derive(Clone, Debug)]
pub struct Citation {
    /// The key of the text.
    pub text: String,
    /// The place, as it is written.
    pub at: String,
    /// Who rests on it: the id of a rule, the name of a reading, or the path of a table.
    pub by: String,
    /// True for a reading.
    pub reading: bool,
    /// Where `at` stands in the law.
    pub place: Place,
}

/// How deep tables are followed. The grammar has fewer levels, and TOML itself allows no endless ones.
const DEEPEST: usize = 32;

/// Every citation of a law, file by file.
pub fn citations(files: &Files) -> Vec<Citation> {
    let mut found = Vec::new();
    let texts = [&files.cloud.0, &files.resources.0].into_iter().chain(files.operations.iter().map(|(text, _)| text));
    for text in texts {
        // The file has been read before, so that there is nothing to complain about.
        if let Ok(table) = DeTable::parse(text.text()) {
            walk(text, table.get_ref(), &Owner::default(), 0, &mut found);
        }
    }
    found
}

/// What a table belongs to.
#[derive(Clone, Default)]
struct Owner {
    /// The path of keys.
    path: String,
    /// The id or the name of the nearest table that has one.
    id: Option<String>,
    reading: bool,
}

fn walk(file: &SpecText, table: &DeTable<'_>, owner: &Owner, depth: usize, found: &mut Vec<Citation>) {
    if depth > DEEPEST {
        return;
    }
    let mut owner = owner.clone();
    let text_of = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str().map(str::to_owned));
    if let Some(id) = text_of("id").or_else(|| text_of("name").filter(|_| owner.path == "reading")) {
        owner.id = Some(id);
        owner.reading = owner.path == "reading";
    }
    if let (Some(text), Some(at), Some(value)) = (text_of("text"), text_of("at"), table.get("at")) {
        let by = owner.id.clone().unwrap_or_else(|| owner.path.clone());
        found.push(Citation { text, at, by, reading: owner.reading, place: file.at(value.span()) });
    }
    for (key, value) in table {
        let path = match owner.path.as_str() {
            "" => key.get_ref().to_string(),
            path => format!("{path}.{}", key.get_ref()),
        };
        let inner = Owner { path, ..owner.clone() };
        within(file, value, &inner, depth + 1, found);
    }
}

fn within(file: &SpecText, value: &Spanned<DeValue<'_>>, owner: &Owner, depth: usize, found: &mut Vec<Citation>) {
    match value.get_ref() {
        DeValue::Table(table) => walk(file, table, owner, depth, found),
        DeValue::Array(values) if depth <= DEEPEST => {
            values.iter().for_each(|value| within(file, value, owner, depth + 1, found));
        }
        _ => {}
    }
}
