//! `documents.toml`: how the law stands to the texts that it is held against (`eipcheck spec diff` and `spec cover`).
//!
//! Like the rest of the grammar ([`super`], which hands these types on) it resolves no name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::At;

/// `documents.toml`: the texts of the providers that the law can be held against.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DocumentsFile {
    /// Each by its key in `[sources]`.
    #[serde(default)]
    pub document: BTreeMap<At<String>, DocumentFile>,
}

/// One text, and how the law deals with it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DocumentFile {
    /// What it is a text of: one operation, or many.
    #[serde(default)]
    pub scope: DocumentScope,
    /// What of it the law answers for.
    #[serde(default)]
    pub law: DocumentPart,
    /// With `law = "tables"`: why its prose is left out.
    #[serde(default)]
    pub because: Option<At<String>>,
    /// Prose that no rule rests on, on purpose.
    #[serde(default)]
    pub excused: Vec<ExcusedFile>,
    /// Where the tables of the law say something else, on purpose.
    #[serde(default)]
    pub departs: Vec<DepartureFile>,
    /// The wording that the law was written from: for each place the fingerprint that `eipcheck spec derive
    /// --fingerprints` prints. Where the text has another one now, it is to be read again.
    #[serde(default)]
    pub read: BTreeMap<At<String>, String>,
}

/// What a text is about.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentScope {
    /// The operation whose `source` it is.
    #[default]
    Page,
    /// Every operation of the cloud: a published model.
    Model,
}

/// What of a text the law answers for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentPart {
    /// Everything: each paragraph is a rule, a reading, or excused.
    #[default]
    All,
    /// Its tables alone: parameters, response fields, error codes.
    Tables,
}

/// Prose that no rule rests on, on purpose. It has exactly one of `because` and `fact`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExcusedFile {
    /// The places: `paragraph 3`, `parameter Size; response Size`.
    pub at: At<String>,
    /// Why.
    #[serde(default)]
    pub because: Option<String>,
    /// The fact (of `facts.toml`) that deals with it, or says why nothing does.
    #[serde(default)]
    pub fact: Option<At<String>>,
}

/// Where the tables of the law say something else than a text, on purpose.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DepartureFile {
    /// For a model: the operations that it is about.
    #[serde(default)]
    pub operations: Vec<At<String>>,
    /// The place, and after a comma what differs there: `parameter Size, values`. A name may hold `*`.
    pub at: At<String>,
    /// Why.
    pub because: String,
}
