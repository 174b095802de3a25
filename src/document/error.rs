//! What can be wrong with a document, and where.
//!
//! Imports nothing of the crate.

use std::{fmt, ops::Range, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The longest piece of a document that an error quotes the line of, in bytes; models have lines of megabytes.
const LONGEST_LINE: usize = 2000;

/// A document that cannot be read.
#[derive(Clone, Debug, Error)]
#[error("{name} cannot be read: {why}")]
pub struct DocumentError {
    name: String,
    why: String,
    place: Option<Box<Place>>,
    help: Option<String>,
}

/// A place in a document that is text. Kept in a box: every reader returns an error or what it has read.
#[derive(Clone, Debug)]
struct Place {
    source: NamedSource<Arc<str>>,
    span: Range<usize>,
    line: usize,
}

impl DocumentError {
    /// Something is wrong with the whole.
    pub(super) fn whole(name: &str, why: impl Into<String>) -> DocumentError {
        DocumentError { name: name.to_owned(), why: why.into(), place: None, help: None }
    }

    /// It is in none of the formats.
    pub(super) fn unknown(name: &str) -> DocumentError {
        let help = "there are: boto3's reference pages (reStructuredText), Alibaba Cloud's API pages (plain text), \
                    botocore's service-2.json (also .gz), and Alibaba Cloud's OpenAPI metadata (JSON)";
        DocumentError::whole(name, "it is in none of the formats that are known").help(help)
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> DocumentError {
        self.help = Some(help.into());
        self
    }

    /// What is wrong, without the name of the document.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The line, from one, where there is one.
    pub fn line(&self) -> Option<usize> {
        self.place.as_ref().map(|place| place.line)
    }
}

impl Diagnostic for DocumentError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("document"))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|h| Box::new(h) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.place.as_ref().map(|place| &place.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.place.as_ref()?.span.clone();
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some("here".into()), span))))
    }
}

/// A document's text with its name, so that errors can point into it.
#[derive(Clone, Debug)]
pub(super) struct Text {
    name: Arc<str>,
    text: Arc<str>,
}

impl Text {
    pub fn new(name: &str, text: String) -> Text {
        Text { name: name.into(), text: text.into() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// An error at a line, from one.
    pub fn wrong(&self, line: usize, why: impl Into<String>) -> DocumentError {
        let start: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let found = self.text[start..].lines().next().unwrap_or("");
        let begin = start + (found.len() - found.trim_start().len());
        let end = (start + found.trim_end().len()).max(begin);
        let mut error = DocumentError::whole(&self.name, why);
        let line = line.clamp(1, self.text.lines().count().max(1));
        if end - begin <= LONGEST_LINE {
            let source = NamedSource::new(&self.name, self.text.clone());
            error.place = Some(Box::new(Place { source, span: begin..end, line }));
        }
        error
    }

    /// The document as JSON of this form.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, DocumentError> {
        serde_json::from_str(&self.text).map_err(|e| {
            let line = if e.is_eof() { self.text.lines().count() } else { e.line() };
            self.wrong(line, format!("it is JSON, but not as it should be: {e}"))
        })
    }
}
