//! `facts.toml`: what is known of the cloud, and what nothing can tell from what is right.
//!
//! Like the rest of the grammar ([`super`], which hands these types on) it resolves no name.

use schemars::JsonSchema;
use serde::Deserialize;

use super::At;

/// `facts.toml`: what is known of the cloud, and where the law deals with it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FactsFile {
    /// Each fact.
    pub fact: Vec<FactFile>,
    /// Faults of a server that nothing can tell from what is right.
    #[serde(default)]
    pub equivalent: Vec<EquivalentFile>,
}

/// Faults of a server (see `docs/mutants.md`) that nothing can tell from what is right, for a reason that the program does
/// not work out by itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EquivalentFile {
    /// The faults, by their names (`RULE:fault`); globs are allowed.
    pub mutants: Vec<At<String>>,
    /// Why nothing can tell them: a sentence.
    pub because: At<String>,
}

/// One fact. It has exactly one of `rules`, `reading` and `unchecked`, or both of the first two.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FactFile {
    /// Its id.
    pub id: At<String>,
    /// What it is about, in a few words of our own.
    pub about: String,
    /// The rules (or `[[open]]` entries) that check it; globs are allowed.
    #[serde(default)]
    pub rules: Vec<At<String>>,
    /// The reading that settles it.
    #[serde(default)]
    pub reading: Option<At<String>>,
    /// Why it is deliberately not checked.
    #[serde(default)]
    pub unchecked: Option<String>,
}
