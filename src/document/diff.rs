//! All in which the law and a document differ, without what the law departs from on purpose.
//!
//! Imports its neighbours and `spec`.

use std::collections::BTreeMap;

use globset::Glob;
use serde::Serialize;

use super::{
    Document, DocumentError, Operation,
    compare::{Comparison, Difference},
    cover::{Covered, Standing, cover},
    statute::{Entry, Statute, key_in, line_of},
};
use crate::spec::{
    error::SpecText,
    file::{DepartureFile, DocumentPart, OperationFile},
    spot::{self, Spot},
};

/// What came of holding the law against a document.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// The document.
    pub document: String,
    /// How it is written.
    pub format: super::Format,
    /// The cloud.
    pub cloud: String,
    /// The operations that were compared.
    pub operations: Vec<String>,
    /// In what they differ.
    pub differences: Vec<Difference>,
    /// How many differences are departures that the law states.
    pub departures: usize,
    /// How many passages that look like rules were left out, and why: the law answers for the tables of this text alone.
    pub left_out: Option<(usize, String)>,
}

/// Holds the law against a document: the operation of a page, or every one of the law's that a model has.
///
/// # Errors
///
/// A part of a model that is needed cannot be read.
pub fn diff(statute: &Statute, document: &Document) -> Result<Diff, DocumentError> {
    let mut result = Diff {
        document: document.name.clone(),
        format: document.format,
        cloud: statute.law.cloud.to_string(),
        operations: Vec::new(),
        differences: Vec::new(),
        departures: 0,
        left_out: None,
    };
    let mut used: BTreeMap<(String, usize), bool> = BTreeMap::new();
    for (file, operation) in &statute.files.operations {
        let Some(said) = document.operation(&operation.operation)? else {
            if document.format == super::Format::ServiceModel {
                result.differences.push(missing(statute, file, operation));
            }
            continue;
        };
        result.operations.push(said.name.clone());
        result.differences.extend(version(statute, file, operation, document));
        let tables = statute.tables(operation, document.format);
        let text = tables.map_or(&**operation.source, |(key, _)| key);
        let comparison =
            Comparison { statute, file, operation, document: &said, format: document.format, text, found: Vec::new() };
        let stated = tables.map_or_else(Vec::new, |(_, entry)| departures(&entry.departs, operation, document));
        for (index, _) in &stated {
            used.entry((text.to_owned(), *index)).or_insert(false);
        }
        for difference in comparison.run() {
            let mut departs = false;
            for (index, _) in stated.iter().filter(|(_, departure)| covers(departure, &difference)) {
                used.insert((text.to_owned(), *index), true);
                departs = true;
            }
            match departs {
                true => result.departures += 1,
                false => result.differences.push(difference),
            }
        }
        prose(statute, operation, &said, document, &mut result);
    }
    stale(statute, document, &used, &mut result);
    Ok(result)
}

/// An operation of the law that a model lacks.
fn missing(statute: &Statute, file: &SpecText, operation: &OperationFile) -> Difference {
    let says = format!("the document has no such operation; {} has", statute.law.title);
    let law = Some(line_of(file, operation.operation.span().start));
    let operation = operation.operation.to_string();
    Difference { operation, spot: Spot::Paragraph(1), aspect: "operation", says, document: None, law }
}

/// Another API version than the law's.
fn version(statute: &Statute, file: &SpecText, operation: &OperationFile, document: &Document) -> Option<Difference> {
    let ix = statute.law.operation(&operation.operation)?;
    let law = &statute.law[statute.law[ix].product].version;
    let found = document.version().filter(|version| version != law)?;
    let says = format!("the law is about the version {law}, the document about {found}");
    let place = Some(line_of(file, operation.operation.span().start));
    let operation = operation.operation.to_string();
    Some(Difference { operation, spot: Spot::Paragraph(1), aspect: "version", says, document: None, law: place })
}

/// The departures that are about an operation, each with its number.
fn departures<'s>(
    all: &'s [DepartureFile],
    operation: &OperationFile,
    document: &Document,
) -> Vec<(usize, &'s DepartureFile)> {
    let is_about = |departure: &DepartureFile| {
        document.format.is_page() || departure.operations.iter().any(|name| **name == **operation.operation)
    };
    all.iter().enumerate().filter(|(_, departure)| is_about(departure)).collect()
}

/// True if a departure is about this difference.
fn covers(departure: &DepartureFile, difference: &Difference) -> bool {
    let Ok(stated) = spot::parse_remarked(&departure.at) else { return false };
    stated.iter().any(|(spot, aspect)| {
        let same =
            Glob::new(&spot.to_string()).is_ok_and(|glob| glob.compile_matcher().is_match(difference.spot.to_string()));
        same && aspect == difference.aspect
    })
}

/// What a departure is no longer needed for. One from a model is looked at only when every operation was compared.
fn stale(statute: &Statute, document: &Document, used: &BTreeMap<(String, usize), bool>, result: &mut Diff) {
    for (key, entry) in statute.entries() {
        for (index, departure) in entry.departs.iter().enumerate() {
            let whole = departure.operations.iter().all(|name| result.operations.iter().any(|o| **o == ***name));
            if used.get(&(key.to_owned(), index)) == Some(&false) && whole {
                let operation = match &departure.operations[..] {
                    [] => document.operations().first().map_or("", |o| o).to_owned(),
                    several => several.iter().map(|o| o.to_string()).collect::<Vec<_>>().join(", "),
                };
                let (spot, _) = spot::parse_remarked(&departure.at).unwrap_or_default().remove(0);
                let says = format!("the law says that it departs here (`{}`), and it does not", *departure.at);
                let law = statute.place_in_documents(&departure.at);
                result.differences.push(Difference { operation, spot, aspect: "departure", says, document: None, law });
            }
        }
    }
}

/// What is said in prose, and nothing in the law knows of; and what the law rests on, and is not said.
fn prose(statute: &Statute, operation: &OperationFile, said: &Operation, document: &Document, result: &mut Diff) {
    let page = statute.page(operation);
    let model = statute.tables(operation, document.format).filter(|_| page.is_none());
    let covered = cover(statute, operation, said, page.or(model));
    if let Some((_, entry)) = model.filter(|(_, entry)| entry.law == DocumentPart::Tables) {
        let left = covered.iter().filter(|c| c.is_statement()).count();
        let because = entry.because.as_ref().map_or("", |because| because.as_str());
        let (before, _) = result.left_out.take().unwrap_or_default();
        result.left_out = Some((before + left, because.to_owned()));
        return;
    }
    let mut differs = |spot: &Spot, aspect, says: String, document: Option<String>, law: Option<String>| {
        result.differences.push(Difference {
            operation: said.name.clone(),
            spot: spot.clone(),
            aspect,
            says,
            document,
            law,
        });
    };
    let noted = page.is_some_and(|(_, entry)| !entry.read.is_empty());
    for passage in covered.iter().filter(|c| c.is_statement()) {
        let quoted = &passage.first_words;
        if passage.standing == Standing::Missing {
            let word = passage.rule_word.map_or_else(String::new, |word| format!(" (\"{word}\")"));
            let says = format!("no rule rests on it, and no note excuses it{word}: {quoted}");
            differs(&passage.spot, "rule", says, Some(passage.at.clone()), None);
        } else if let Some(law) = reworded(statute, page, passage, noted) {
            let says = match &passage.read {
                Some(_) => format!("it reads otherwise than when the law was written from it: {quoted}"),
                None => format!("its wording is not noted: {quoted}"),
            };
            differs(&passage.spot, "wording", says, Some(passage.at.clone()), Some(law));
        }
    }
    // A model has neither examples nor errors, so only a page can lack what the law rests on.
    let Some((key, entry)) = page.filter(|_| document.format.is_page()) else { return };
    for (spot, by) in statute.resting(key) {
        if let Some(first) = by.first().filter(|_| !said.has(&spot)) {
            let place = format!("{}:{}", first.place.path(), first.place.line_and_column().0);
            let says = format!("the document does not have it, and `{}` rests on it", first.by);
            differs(&spot, "source", says, None, Some(place));
        }
    }
    for (spot, excused, _) in statute.excused(entry) {
        if !said.has(&spot) {
            let law = statute.place_in_documents(&excused.at);
            differs(&spot, "excuse", "it is excused, and the document does not have it".into(), None, law);
        }
    }
    for at in entry.read.keys() {
        for spot in spot::parse(at).unwrap_or_default().into_iter().filter(|spot| !said.has(spot)) {
            let law = statute.place_in_documents(at);
            differs(&spot, "wording", "its wording is noted, and the document does not have it".into(), None, law);
        }
    }
}

/// Where the law notes another wording of a passage, or should note one.
fn reworded(statute: &Statute, page: Option<Entry<'_>>, passage: &Covered, noted: bool) -> Option<String> {
    let (key, _) = page.filter(|_| noted && passage.read.as_ref() != Some(&passage.fingerprint))?;
    let (file, _) = statute.files.documents.as_ref()?;
    Some(key_in(file, &format!("document.{key}"), "read"))
}
