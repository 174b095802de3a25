//! What became of the mutants of a law, in a versioned format: what `eipcheck mutants --json` prints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::LawName;

/// The version of the format; a reader refuses any other.
pub const FORMAT: u32 = 1;

/// The mutants of one law.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MutantReport {
    /// The version of this format.
    pub format: u32,
    /// The version of eipcheck that wrote it.
    pub eipcheck: String,
    /// The law that was broken, and judged by.
    pub law: LawName,
    /// The seed of the random sequences.
    pub seed: u64,
    /// The most requests for one mutant.
    pub max_requests: u64,
    /// How long all of them took, in milliseconds, the planning not counted.
    pub milliseconds: u64,
    /// Each mutant, by its name.
    pub mutants: Vec<MutantResult>,
}

/// What became of a mutant.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MutantResult {
    /// Its name: `RULE:fault`, with `#part` and `@when` where there are several.
    pub mutant: String,
    /// The broken rule.
    pub rule: String,
    /// The fault.
    pub fault: String,
    /// The outcome.
    pub outcome: Outcome,
    /// Why nothing can tell it from what is right, for one that is equivalent; what is known, for one that was missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The rules that the first scenario with a finding found broken, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blamed: Vec<String>,
    /// Whose name the first of them is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blame: Option<Blame>,
    /// What was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// Requests up to the first finding, or in all.
    pub requests: u64,
    /// The steps of the scenario in which it was found, up to there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// How often the server had an occasion to depart from the law.
    pub occasions: u64,
}

impl MutantResult {
    /// A mutant that nobody has looked for yet: what is known of it from the law alone. One that is not equivalent counts as
    /// missed until it is caught.
    pub fn unhunted(rule: &str, name: &str, fault: &str, equivalent: Option<&str>) -> MutantResult {
        MutantResult {
            mutant: name.to_owned(),
            rule: rule.to_owned(),
            fault: fault.to_owned(),
            outcome: if equivalent.is_some() { Outcome::Equivalent } else { Outcome::Missed },
            because: equivalent.map(str::to_owned),
            blamed: Vec::new(),
            blame: None,
            finding: None,
            requests: 0,
            steps: None,
            occasions: 0,
        }
    }
}

/// What became of a mutant; the words are those of cargo-mutants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A violation was found.
    Caught,
    /// None was found.
    Missed,
    /// Something was found of a server that had not departed from the law yet: the judge is wrong.
    FalseAlarm,
    /// The spec says that nothing can tell it, and it was caught: the spec is wrong.
    Refuted,
    /// It took too long.
    Timeout,
    /// Nothing can tell it from a server that keeps the law.
    Equivalent,
}

impl Outcome {
    /// True if it says that eipcheck is not what it should be.
    pub fn is_failure(self) -> bool {
        matches!(self, Outcome::Missed | Outcome::Timeout | Outcome::FalseAlarm | Outcome::Refuted)
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Caught => "caught",
            Outcome::Missed => "missed",
            Outcome::FalseAlarm => "false-alarm",
            Outcome::Refuted => "refuted",
            Outcome::Timeout => "timeout",
            Outcome::Equivalent => "equivalent",
        }
    }
}

/// Whom a finding blames for a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// The broken rule, or the one about the codes of the same refusal.
    Own,
    /// Another rule of the same operation.
    SameOperation,
    /// A rule of another operation, or of none.
    Other,
}

impl Blame {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Blame::Own => "own name",
            Blame::SameOperation => "same operation",
            Blame::Other => "other",
        }
    }
}

impl MutantReport {
    /// How many mutants came to each outcome.
    pub fn outcomes(&self) -> BTreeMap<Outcome, usize> {
        let mut counts = BTreeMap::new();
        self.mutants.iter().for_each(|mutant| *counts.entry(mutant.outcome).or_default() += 1);
        counts
    }

    /// How many mutants of each fault came to each outcome.
    pub fn by_fault(&self) -> BTreeMap<&str, BTreeMap<Outcome, usize>> {
        let mut counts: BTreeMap<&str, BTreeMap<Outcome, usize>> = BTreeMap::new();
        for mutant in &self.mutants {
            *counts.entry(&mutant.fault).or_default().entry(mutant.outcome).or_default() += 1;
        }
        counts
    }

    /// How many findings blamed whom.
    pub fn blames(&self) -> BTreeMap<Blame, usize> {
        let mut counts = BTreeMap::new();
        self.mutants.iter().filter_map(|mutant| mutant.blame).for_each(|blame| *counts.entry(blame).or_default() += 1);
        counts
    }

    /// The number of requests within which so many per cent of the caught mutants were found; none if none was.
    pub fn requests_within(&self, per_cent: usize) -> Option<u64> {
        let caught = self.mutants.iter().filter(|mutant| mutant.outcome == Outcome::Caught);
        let mut requests: Vec<u64> = caught.map(|mutant| mutant.requests).collect();
        requests.sort_unstable();
        let place = (requests.len() * per_cent).div_ceil(100).saturating_sub(1);
        requests.get(place).copied()
    }
}
