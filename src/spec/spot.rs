//! Places in a document, as `at = "paragraph 3; parameter Size"` names them.
//!
//! The convention holds for every text that has an entry in `documents.toml` and whose prose the law answers for:
//!
//! ```text
//! at     = place { ";" place }
//! place  = kind NAME [ "," remark ]                   paragraph 3      parameter Size, the last sentence
//!        | kinds NAME { "," NAME } [ "and" NAME ]     paragraphs 1, 2 and 4      error codes TooLarge and TooSmall
//! kind   = "paragraph" | "parameter" | "response" | "error code" | "example"
//! ```
//!
//! Paragraphs and examples have numbers, from one. A response field has the path to it, with dots: `Lockers.Size`.
//! Imports nothing of the crate.

use std::{fmt, ops::Range};

use serde::Serialize;

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spot {
    /// A paragraph of the operation's description, or an item of a list in it; from one.
    Paragraph(u32),
    /// A parameter, with dots to a member of a structure.
    Parameter(String),
    /// A field of a successful answer, with dots.
    Response(String),
    /// A row of the table of errors.
    ErrorCode(String),
    /// An example; from one.
    Example(u32),
}

impl Spot {
    /// The place of a member of what stands here.
    pub fn member(&self, name: &str) -> Spot {
        let join = |path: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match self {
            Spot::Parameter(path) => Spot::Parameter(join(path)),
            Spot::Response(path) => Spot::Response(join(path)),
            other => other.clone(),
        }
    }
}

/// A kind of place: in the singular, in the plural, and how one is made.
type KindOfSpot = (&'static str, &'static str, fn(&str) -> Option<Spot>);

/// The kinds of place.
const KINDS: &[KindOfSpot] = &[
    ("paragraph", "paragraphs", |name| number(name).map(Spot::Paragraph)),
    ("parameter", "parameters", |name| word(name).map(Spot::Parameter)),
    ("response", "responses", |name| word(name).map(Spot::Response)),
    ("error code", "error codes", |name| word(name).map(Spot::ErrorCode)),
    ("example", "examples", |name| number(name).map(Spot::Example)),
];

fn number(name: &str) -> Option<u32> {
    name.parse().ok().filter(|n| *n > 0)
}

fn word(name: &str) -> Option<String> {
    let good = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == ',' || c == ';');
    good.then(|| name.to_owned())
}

/// A part of a text that names no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSpot {
    /// Where it stands in the text, in bytes.
    pub range: Range<usize>,
    /// What stands there.
    pub text: String,
}

impl fmt::Display for NoSpot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no place in a document", self.text)
    }
}

/// What to write instead of what is no place.
pub const HOW: &str = "write `paragraph 2`, `parameters A, B and C`, `response A.B`, `error code A` or `example 1`, several with `;` between them; after a single one a remark may follow a comma";

/// Every place that a text names, each with its remark.
///
/// # Errors
///
/// A part of it that names none.
pub fn parse_remarked(at: &str) -> Result<Vec<(Spot, String)>, NoSpot> {
    let mut spots = Vec::new();
    let mut start = 0;
    for part in at.split(';') {
        let found = place(part.trim()).ok_or_else(|| {
            let begin = start + part.len() - part.trim_start().len();
            NoSpot { range: begin..begin + part.trim().len(), text: part.trim().to_owned() }
        })?;
        spots.extend(found);
        start += part.len() + 1;
    }
    Ok(spots)
}

/// Every place that a text names.
///
/// # Errors
///
/// A part of it that names none.
pub fn parse(at: &str) -> Result<Vec<Spot>, NoSpot> {
    Ok(parse_remarked(at)?.into_iter().map(|(spot, _)| spot).collect())
}

/// The places of one part; none if it is not one.
fn place(part: &str) -> Option<Vec<(Spot, String)>> {
    for (one, many, make) in KINDS {
        if let Some(rest) = part.strip_prefix(one).and_then(|rest| rest.strip_prefix(' ')) {
            let (name, remark) = rest.split_once(',').unwrap_or((rest, ""));
            return Some(vec![(make(name.trim())?, remark.trim().to_owned())]);
        }
        if let Some(rest) = part.strip_prefix(many).and_then(|rest| rest.strip_prefix(' ')) {
            let names = rest.split(',').flat_map(|names| names.split(" and "));
            return names.map(|name| Some((make(name.trim())?, String::new()))).collect();
        }
    }
    None
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spot::Paragraph(number) => write!(f, "paragraph {number}"),
            Spot::Parameter(name) => write!(f, "parameter {name}"),
            Spot::Response(path) => write!(f, "response {path}"),
            Spot::ErrorCode(code) => write!(f, "error code {code}"),
            Spot::Example(number) => write!(f, "example {number}"),
        }
    }
}

impl Serialize for Spot {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_places_stand_between_semicolons() {
        let spots = parse("paragraph 3, first sentence; parameters A, B and C; error code X.Y, message").unwrap();
        let names: Vec<String> = spots.iter().map(Spot::to_string).collect();
        assert_eq!(names, ["paragraph 3", "parameter A", "parameter B", "parameter C", "error code X.Y"]);
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for text in ["paragraph 12", "parameter A.B", "response A.B.C", "error code %s", "example 2"] {
            assert_eq!(parse(text).unwrap()[0].to_string(), text);
        }
    }

    #[test]
    fn what_is_no_place_is_pointed_at() {
        let wrong = parse("paragraph 1; somewhere else").unwrap_err();
        assert_eq!((wrong.range, &*wrong.text), (13..27, "somewhere else"));
        for text in ["", "paragraph", "paragraph 0", "paragraph two", "parameters A, and B", "parameter A B"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
