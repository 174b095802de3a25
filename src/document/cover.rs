//! Which rules rest on which paragraph of a document, and what is said of the paragraphs that none rests on.
//!
//! Imports its neighbours and `spec`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Operation, Passage,
    statute::{Entry, Statute},
};
use crate::spec::{
    file::{DocumentFile, OperationFile},
    spot::Spot,
};

/// How the law stands to a passage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Rules or readings rest on it.
    Law,
    /// It is an answer of the service as a whole, and says nothing about the law: the class of it.
    General(&'static str),
    /// Nothing rests on it, for this reason.
    Excused(String),
    /// It does not look like a rule.
    Plain,
    /// It looks like a rule, and nothing in the law knows of it.
    Missing,
}

/// A passage, and who rests on it.
#[derive(Clone, Debug, Serialize)]
pub struct Covered {
    /// The operation.
    pub operation: String,
    /// Which passage.
    pub spot: Spot,
    /// Its first words.
    pub first_words: String,
    /// The word by which it looks like a rule, if it does.
    pub rule_word: Option<&'static str>,
    /// How the law stands to it.
    pub standing: Standing,
    /// The rules and readings that rest on it.
    pub by: Vec<String>,
    /// Its wording now.
    pub fingerprint: String,
    /// The wording that the law was written from, where it notes one.
    pub read: Option<String>,
    /// Where it stands in the document.
    pub at: String,
}

impl Covered {
    /// True if it says something that the law must have an answer to.
    pub fn is_statement(&self) -> bool {
        self.standing != Standing::Plain
    }
}

/// Every passage of an operation with its standing, in the order of the document; `entry` is the text that its prose is.
pub fn cover(statute: &Statute, file: &OperationFile, document: &Operation, entry: Option<Entry<'_>>) -> Vec<Covered> {
    let text = entry.map_or(&**file.source, |(key, _)| key);
    let resting = statute.resting(text);
    let excused: BTreeMap<Spot, String> = match entry {
        Some((_, entry)) => statute.excused(entry).into_iter().map(|(spot, _, why)| (spot, why)).collect(),
        None => BTreeMap::new(),
    };
    let rehearsal = statute.law.operation(&document.name).and_then(|ix| {
        let operation = &statute.law[ix];
        operation.dry_run.map(|(param, rule)| {
            let name = operation.params[param as usize].name.to_string();
            (Spot::Parameter(name), statute.law[rule].id.to_string())
        })
    });
    let codes = codes(statute, file);
    let covered = |passage: &Passage| {
        let mut by: Vec<String> = resting.get(&passage.spot).into_iter().flatten().map(|c| c.by.clone()).collect();
        if let Some((_, rule)) = rehearsal.as_ref().filter(|(spot, _)| *spot == passage.spot) {
            by.push(rule.clone());
        }
        if let Spot::ErrorCode(code) = &passage.spot {
            by.extend(codes.get(code.as_str()).into_iter().flatten().cloned());
        }
        by.sort();
        by.dedup();
        let standing = if !by.is_empty() {
            Standing::Law
        } else if let Some(why) = excused.get(&passage.spot) {
            Standing::Excused(why.clone())
        } else if let Some(class) = class(statute, &passage.spot) {
            Standing::General(class)
        } else if speaks(passage) {
            Standing::Missing
        } else {
            Standing::Plain
        };
        Covered {
            operation: document.name.clone(),
            spot: passage.spot.clone(),
            first_words: passage.first_words(),
            rule_word: passage.rule_word,
            standing,
            by,
            fingerprint: passage.fingerprint(),
            read: entry.and_then(|(_, entry)| read(entry, &passage.spot)),
            at: passage.at.to_string(),
        }
    };
    document.passages.iter().flatten().map(covered).collect()
}

/// True if a passage is a statement by itself: each paragraph, each error, and what has a word of rules.
fn speaks(passage: &Passage) -> bool {
    matches!(passage.spot, Spot::Paragraph(_) | Spot::ErrorCode(_)) || passage.rule_word.is_some()
}

/// The wording that the law notes for a place.
fn read(entry: &DocumentFile, spot: &Spot) -> Option<String> {
    let name = spot.to_string();
    entry.read.iter().find(|(at, _)| ***at == *name).map(|(_, print)| print.clone())
}

/// The rules of an operation that name a code, in force or not.
fn codes<'s>(statute: &'s Statute, file: &'s OperationFile) -> BTreeMap<&'s str, Vec<String>> {
    let mut all: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for rule in &file.rule {
        for code in &rule.codes {
            all.entry(code).or_default().push(rule.id.to_string());
        }
    }
    let compiled = statute.law.operation(&file.operation).map(|ix| &statute.law[ix]);
    let refusals = compiled.into_iter().flat_map(|o| o.params.iter().flat_map(|p| &p.refusals));
    for (_, refusal) in refusals {
        for code in refusal.codes.iter() {
            all.entry(code).or_default().push(statute.law[refusal.rule].id.to_string());
        }
    }
    all
}

/// The class of answers of the service as a whole that a code belongs to.
fn class(statute: &Statute, spot: &Spot) -> Option<&'static str> {
    let Spot::ErrorCode(code) = spot else { return None };
    statute.law.codes.class(code)
}
