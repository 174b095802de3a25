//! The law and a document side by side: which operation, which entry of `documents.toml`, and who rests on what.
//!
//! Imports its neighbours and `spec`.

use std::collections::BTreeMap;

use super::{Document, Format};
use crate::spec::{
    Files, Law, SpecErrors, SpecSource,
    cite::{self, Citation},
    error::SpecText,
    file::{At, DocumentFile, DocumentScope, ExcusedFile, OperationFile},
    load,
    spot::{self, Spot},
};

/// A law with the files that it was made of.
#[derive(Debug)]
pub struct Statute {
    /// The law.
    pub law: Law,
    /// Its files.
    pub files: Files,
    citations: Vec<Citation>,
}

/// A text of the law, by its key.
pub type Entry<'s> = (&'s str, &'s DocumentFile);

impl Statute {
    /// Loads the law of a cloud, and its files once more as they are written.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the specs.
    pub fn load(source: &SpecSource, cloud: &str) -> Result<Statute, SpecErrors> {
        let law = load::load(source, cloud, &[])?;
        let files = load::read(source, cloud)?;
        let citations = cite::citations(&files);
        Ok(Statute { law, files, citations })
    }

    /// The file of an operation.
    pub fn operation(&self, name: &str) -> Option<&(SpecText, OperationFile)> {
        self.files.operations.iter().find(|(_, operation)| **operation.operation == *name)
    }

    /// True if a document of this kind can be about this law: it speaks the protocol.
    pub fn suits(&self, document: &Document) -> bool {
        self.law.wire.protocol == document.format.protocol()
    }

    /// All entries of `documents.toml`.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let documents = self.files.documents.iter().flat_map(|(_, file)| &file.document);
        documents.map(|(key, document)| (key.as_str(), document))
    }

    /// The entry for an operation's page, if it has one.
    pub fn page(&self, operation: &OperationFile) -> Option<Entry<'_>> {
        self.entries().find(|(key, entry)| entry.scope == DocumentScope::Page && *key == &**operation.source)
    }

    /// The entry that says where the tables depart from such a document: the page's, or the model's.
    pub fn tables(&self, operation: &OperationFile, format: Format) -> Option<Entry<'_>> {
        match format.is_page() {
            true => self.page(operation),
            false => self.entries().find(|(_, entry)| entry.scope == DocumentScope::Model),
        }
    }

    /// Who rests on each place of a text.
    pub fn resting(&self, text: &str) -> BTreeMap<Spot, Vec<&Citation>> {
        let mut all: BTreeMap<Spot, Vec<&Citation>> = BTreeMap::new();
        for citation in self.citations.iter().filter(|c| c.text == text) {
            // What is no place is free text of a source without an entry; `spec check` holds the others to places.
            for spot in spot::parse(&citation.at).unwrap_or_default() {
                all.entry(spot).or_default().push(citation);
            }
        }
        all
    }

    /// Every place of a text that is excused, with the entry that does it and the reason.
    pub fn excused<'s>(&'s self, entry: &'s DocumentFile) -> Vec<(Spot, &'s ExcusedFile, String)> {
        let excuse = |excused: &'s ExcusedFile| {
            let spots = spot::parse(&excused.at).unwrap_or_default();
            let reason = self.reason(excused);
            spots.into_iter().map(move |spot| (spot, excused, reason.clone()))
        };
        entry.excused.iter().flat_map(excuse).collect()
    }

    fn reason(&self, excused: &ExcusedFile) -> String {
        if let Some(because) = &excused.because {
            return because.clone();
        }
        let id = excused.fact.as_ref().map_or("", |fact| fact.as_str());
        let fact = self.law.facts.iter().find(|f| f.id == id);
        match fact.and_then(|f| f.unchecked.as_ref()) {
            Some(why) => format!("{id}: {why}"),
            None => format!("the fact {id} deals with it"),
        }
    }

    /// Where a text stands in `documents.toml`, as `FILE:LINE`.
    pub fn place_in_documents(&self, at: &At<String>) -> Option<String> {
        self.files.documents.as_ref().map(|(file, _)| line_of(file, at.span().start))
    }
}

/// A place in a file of the law, as `FILE:LINE`.
pub(super) fn line_of(file: &SpecText, byte: usize) -> String {
    format!("{}:{}", file.path(), file.at(byte..byte).line_and_column().0)
}

/// The place of a key in a table of a file, as `FILE:LINE`.
pub(super) fn key_in(file: &SpecText, table: &str, key: &str) -> String {
    format!("{}:{}", file.path(), file.key(table, key).line_and_column().0)
}
