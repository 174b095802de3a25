//! What can be wrong with spec files, and how it is shown: the problem in one sentence, the place in the file, and how
//! to mend it.
//!
//! Imports only [`super::expr`].

use std::{fmt, ops::Range, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use thiserror::Error;

use super::expr::{ExprError, ExprProblem};

/// A spec file that has been read: its path below the cloud's folder, and its text.
#[derive(Clone, Debug)]
pub struct SpecText {
    path: Arc<str>,
    text: Arc<str>,
}

impl SpecText {
    /// A file with this path and text.
    pub fn new(path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SpecText {
        SpecText { path: path.into(), text: text.into() }
    }

    /// Its path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A place in it.
    pub fn at(&self, span: Range<usize>) -> Place {
        let end = span.end.min(self.text.len());
        Place { source: NamedSource::new(&self.path, self.text.clone()), span: span.start.min(end)..end }
    }

    /// A part of a quoted text that starts at `span`: a range of `value`, as far as it stands in the file as it is
    /// (without escapes), or else all of it.
    pub fn within(&self, span: Range<usize>, value: &str, part: Range<usize>) -> Place {
        let raw = self.text.get(span.clone()).unwrap_or_default();
        match raw.find(value) {
            Some(start) if part.end <= value.len() => {
                let start = span.start + start;
                self.at(start + part.start..start + part.end)
            }
            _ => self.at(span),
        }
    }

    /// The place of a key in a table, both of which are read without their place: `[table.key]`, or the first such word
    /// after `[table]`, or else anywhere.
    pub fn key(&self, table: &str, key: &str) -> Place {
        let heads = [format!("[{table}.{key}]"), format!("[{table}.{key}.")];
        if let Some(at) = heads.iter().find_map(|head| self.text.find(head)) {
            let start = at + 1 + table.len() + 1;
            return self.at(start..start + key.len());
        }
        let table = self.text.find(&format!("[{table}]")).unwrap_or(0);
        self.at(self.find_word(table, key).or_else(|| self.find_word(0, key)).unwrap_or(0..0))
    }

    /// The first place from there on where this word stands.
    fn find_word(&self, from: usize, word: &str) -> Option<Range<usize>> {
        let part_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let text = &self.text[from..];
        let alone = |start: usize| {
            !text[..start].ends_with(part_of_word) && !text[start + word.len()..].starts_with(part_of_word)
        };
        let found = text.match_indices(word).map(|(start, _)| start).find(|start| alone(*start));
        found.map(|start| from + start..from + start + word.len())
    }
}

/// A place in a spec file.
#[derive(Clone, Debug)]
pub struct Place {
    source: NamedSource<Arc<str>>,
    span: Range<usize>,
}

impl Place {
    /// The path of the file.
    pub fn path(&self) -> &str {
        self.source.name()
    }

    /// The bytes.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The line and the column of its beginning, from one; a column is a character.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.source.inner().get(..self.span.start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// A file or folder cannot be read, or there is too much of it.
    #[error("{path} cannot be read: {why}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        why: String,
    },
    /// A file is not TOML, or not of the grammar.
    #[error("{0}")]
    Toml(String),
    /// A file is written in another version of the grammar.
    #[error("these specs are written in format {found}, and this build reads format {expected}")]
    Format {
        /// The version that the file names.
        found: u32,
        /// The version that this build reads.
        expected: u32,
    },
    /// A name that names nothing.
    #[error("there is no {what} `{name}`")]
    Unknown {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Two things with one name.
    #[error("there are two {what} `{name}`")]
    Duplicate {
        /// What they are, in the plural.
        what: &'static str,
        /// The name that they share.
        name: String,
    },
    /// A name that cannot be one.
    #[error("`{0}` cannot be used as a name")]
    Name(String),
    /// An expression that does not compile.
    #[error("{0}")]
    Expression(ExprProblem),
    /// A table with too few or too many entries, or with entries that do not go together.
    #[error("{0}")]
    Shape(String),
    /// An effect on something that cannot have it.
    #[error("{0}")]
    Effect(String),
    /// A path that leads nowhere, or through something that it cannot pass.
    #[error("{0}")]
    Path(String),
    /// A reading or a choice of one.
    #[error("{0}")]
    Reading(String),
    /// A template of made-up values.
    #[error("`{0}` is not a template")]
    Template(String),
    /// A regular expression.
    #[error("not a regular expression: {0}")]
    Pattern(String),
    /// A value that its own table does not allow.
    #[error("{0}")]
    Value(String),
    /// Two rules that demand opposite things.
    #[error("`{refuse}` refuses the very requests that `{permit}` permits")]
    Contradiction {
        /// The rule that refuses.
        refuse: String,
        /// The rule that permits.
        permit: String,
    },
    /// A defect of requests that no convention speaks of.
    #[error("no convention says how a request with the defect `{0}` is refused")]
    NoConvention(&'static str),
    /// A refusal without the codes that it needs.
    #[error("this refusal names no codes")]
    NoCodes,
    /// A fact that nothing deals with.
    #[error("{0}")]
    Fact(String),
    /// Faults that are said to be like what is right, and are faults of nothing, or for no reason.
    #[error("{0}")]
    Equivalent(String),
    /// A place in a text, or what is said of it, that does not hold.
    #[error("{0}")]
    Document(String),
}

impl Problem {
    /// A short name of the kind of problem.
    pub fn kind(&self) -> &'static str {
        match self {
            Problem::Io { .. } => "io",
            Problem::Toml(_) => "toml",
            Problem::Format { .. } => "format",
            Problem::Unknown { .. } => "unknown-name",
            Problem::Duplicate { .. } => "duplicate",
            Problem::Name(_) => "name",
            Problem::Expression(_) => "expression",
            Problem::Shape(_) => "shape",
            Problem::Effect(_) => "effect",
            Problem::Path(_) => "path",
            Problem::Reading(_) => "reading",
            Problem::Template(_) => "template",
            Problem::Pattern(_) => "pattern",
            Problem::Value(_) => "value",
            Problem::Contradiction { .. } => "contradiction",
            Problem::NoConvention(_) => "no-convention",
            Problem::NoCodes => "no-codes",
            Problem::Fact(_) => "fact",
            Problem::Equivalent(_) => "equivalent",
            Problem::Document(_) => "document",
        }
    }
}

/// One thing that is wrong with the specs.
#[derive(Clone, Debug, Error)]
#[error("{problem}")]
pub struct SpecError {
    problem: Problem,
    place: Option<Box<Place>>,
    help: Option<String>,
}

impl SpecError {
    /// A problem that no place can be shown for.
    pub fn nowhere(problem: Problem) -> SpecError {
        SpecError { problem, place: None, help: None }
    }

    /// A problem at a place.
    pub fn new(problem: Problem, place: Place) -> SpecError {
        SpecError { problem, place: Some(Box::new(place)), help: None }
    }

    /// A name that names nothing, with the one that was meant if one of the known ones comes near.
    pub fn unknown<'a>(
        what: &'static str,
        name: &str,
        place: Place,
        known: impl IntoIterator<Item = &'a str>,
    ) -> SpecError {
        SpecError::new(Problem::Unknown { what, name: name.into() }, place).nearest(name, known)
    }

    /// An expression that does not compile; `span` is where its text stands, with its quotes.
    pub fn expression(error: ExprError, file: &SpecText, span: Range<usize>, source: &str) -> SpecError {
        let place = file.within(span, source, error.range.clone());
        SpecError { problem: Problem::Expression(error.problem), place: Some(Box::new(place)), help: error.help }
    }

    /// The same, with a word on how to mend it.
    pub fn help(mut self, help: impl Into<String>) -> SpecError {
        self.help = Some(help.into());
        self
    }

    /// The same, with the name that was meant, if one comes near, or else with all that there are.
    pub fn nearest<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> SpecError {
        match suggestion(name, known) {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Where.
    pub fn place(&self) -> Option<&Place> {
        self.place.as_deref()
    }
}

impl Diagnostic for SpecError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("spec::{}", self.problem.kind())))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|p| &p.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.place.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some("here".into()), place.span.clone()))))
    }
}

/// Everything that is wrong with the specs, as far as one reading of them finds it; never empty.
#[derive(Clone, Debug)]
pub struct SpecErrors(Vec<SpecError>);

impl SpecErrors {
    /// `value`, if there are no errors.
    pub fn none_or<T>(errors: Vec<SpecError>, value: T) -> Result<T, SpecErrors> {
        if errors.is_empty() { Ok(value) } else { Err(SpecErrors(errors)) }
    }

    /// The first of them, and the others.
    pub(super) fn and(first: SpecError, others: Vec<SpecError>) -> SpecErrors {
        SpecErrors(std::iter::once(first).chain(others).collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &SpecError> {
        self.0.iter()
    }
}

impl From<SpecError> for SpecErrors {
    fn from(error: SpecError) -> SpecErrors {
        SpecErrors(vec![error])
    }
}

impl fmt::Display for SpecErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            // Nothing in a file is to blame: there is no such file, cloud or reading.
            all if all.iter().all(|error| error.place.is_none()) => f.write_str("the law cannot be loaded"),
            [_] => f.write_str("the specs are broken"),
            all => write!(f, "the specs are broken in {} places", all.len()),
        }
    }
}

impl std::error::Error for SpecErrors {}

impl Diagnostic for SpecErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.0.iter().map(|e| e as &dyn Diagnostic)))
    }
}

/// "Did you mean …?" for a name that is like a known one; all the known ones if they are few.
pub(super) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let near = known
        .iter()
        .map(|k| (strsim::osa_distance(&k.to_lowercase(), &name.to_lowercase()), *k))
        .min()
        .filter(|(distance, k)| *distance <= 1 + name.len().max(k.len()) / 4);
    match near {
        Some((_, k)) => Some(format!("did you mean `{k}`?")),
        None if known.is_empty() => None,
        None if known.len() <= 12 => Some(format!("there is {}", list(&known))),
        None => None,
    }
}

/// Names in a sentence: `a`, `b` and `c`.
pub(super) fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match &quoted[..] {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
