//! `report.json`: what a run found, in a versioned format.

use std::{collections::BTreeMap, fs, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    scenario::file::StepFile,
    spec::{
        file::Level,
        law::{Demand, SourceAt},
    },
};

/// The file's name in a run's folder.
pub const FILE: &str = "report.json";
/// The version of the format; a reader refuses any other.
pub const FORMAT: u32 = 3;

/// A run's results.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The version of this format.
    pub format: u32,
    /// The version of eipcheck that wrote it.
    pub eipcheck: String,
    /// What was tested.
    pub target: String,
    /// The law that it was tested against.
    pub law: LawName,
    /// The seed of the random sequences.
    pub seed: u64,
    /// What tells the tokens of this run from those of any other: a token begins with `eipcheck-`, this, and a hyphen.
    pub nonce: String,
    /// Each reading with the choice that was in force.
    pub readings: BTreeMap<String, String>,
    /// Which operations the target implements, of those that the rules of this report need.
    pub operations: Vec<OperationResult>,
    /// Each rule with its result, by id.
    pub rules: Vec<RuleResult>,
    /// Each violation, the most binding first.
    pub findings: Vec<Finding>,
    /// What was seen once and never came again: no violations.
    pub flaky: Vec<Finding>,
    /// Answers that could not be judged, each reason with how often.
    pub indeterminate: BTreeMap<String, u64>,
    /// What the target chose where the law lets it choose: the fingerprint of its behaviour. None of it is judged.
    pub choices: Vec<Choice>,
    /// What the run created and could not delete.
    pub leftovers: Vec<Leftover>,
    /// The figures.
    pub totals: Totals,
}

/// What there is to choose where a change may be seen early or late.
pub const CHANGE: &str = "change";

/// What a target chose where the law lets it choose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What there was to choose: the `code` of a refusal that has several, the error that came where several rules
    /// `refused together`, the answer to an `open question`, or when a `change` was seen.
    pub what: String,
    /// The rules that it is about, or the open question.
    pub about: String,
    /// What was chosen, each with how often.
    pub chose: BTreeMap<String, u64>,
}

/// Which law a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LawName {
    /// The cloud's short name.
    pub cloud: String,
    /// The digest of its spec files.
    pub digest: String,
}

/// Whether a target implements an operation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationResult {
    /// The operation.
    pub name: String,
    /// True if it does.
    pub implemented: bool,
    /// The answer that shows it.
    pub evidence: String,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was broken.
    Violation,
    /// It was exercised and kept.
    Pass,
    /// It was tried, but no answer could be judged.
    Indeterminate,
    /// It needs an operation that the target does not implement.
    Unsupported,
    /// No request exercised it.
    NotReached,
}

impl Outcome {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Violation => "violation",
            Outcome::Pass => "pass",
            Outcome::Indeterminate => "indeterminate",
            Outcome::Unsupported => "unsupported",
            Outcome::NotReached => "not reached",
        }
    }
}

/// A rule and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleResult {
    /// Its id.
    pub id: String,
    /// How binding it is.
    pub level: Level,
    /// What it demands.
    pub demand: Demand,
    /// What became of it.
    pub result: Outcome,
    /// How many answers kept it where they could have broken it.
    pub exercised: u64,
    /// How many answers broke it.
    pub broken: u64,
    /// Why it is unsupported, indeterminate or not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A violation: one for each broken rule, with the shortest way there that was seen.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// How binding it is.
    pub level: Level,
    /// Its statement.
    pub says: String,
    /// Where it is said.
    pub source: SourceAt,
    /// The reading that it depends on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// What the real service has been seen to do, where that differs from the statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// The scenario in which it was seen: a rule's id, `overlap-N:` and a rule's id, or `random-N`.
    pub scenario: String,
    /// What the law allows.
    pub allowed: String,
    /// What came.
    pub came: String,
    /// The steps that led there, for people.
    pub steps: Vec<String>,
    /// The same steps for programs.
    pub scenario_steps: Vec<StepFile>,
    /// What was sent and received, step by step.
    pub exchanges: Vec<Exchange>,
    /// The requests that no order explains, if some of them overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Overlap>,
    /// In how many scenarios it was seen.
    pub times: u64,
    /// Rules that were known to be broken and demanded nothing on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
    /// How often these steps broke the rule when they were played again from a clean start; none if they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproduced: Option<Reproduced>,
    /// For each step, what happens without it; empty if nobody looked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<Needed>,
    /// Requests that it took to make the steps this few and to play them again, clean-up included.
    pub shrinking: u64,
    /// The folder with the scenario and the scripts, in the run's; none if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

/// How often a scenario broke its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reproduced {
    /// So often.
    pub times: u32,
    /// Of so many times that it was played.
    pub of: u32,
}

/// What happens without a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Needed {
    /// In words.
    pub says: String,
    /// How that is known.
    pub shown_by: ShownBy,
}

/// How something is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShownBy {
    /// It follows from the law; nothing was sent for it.
    Law,
    /// It was tried at the target.
    Target,
    /// It is not known.
    Nobody,
}

/// Requests that cannot be put into an order that explains their answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// True if each of them is needed: without it the others can be ordered, or depend on it.
    pub smallest: bool,
    /// The requests, in the order in which they were sent. Those before the first ones that overlap are left out: they
    /// are among the steps.
    pub requests: Vec<Overlapping>,
}

/// A request among others that overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overlapping {
    /// Which client sent it; 0 for requests that were sent one at a time.
    pub client: u32,
    /// The request, for people.
    pub request: String,
    /// When it was sent, in microseconds of the target's clock.
    pub sent: u64,
    /// When its answer was in; none if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
    /// The answer in short.
    pub answer: String,
    /// True for the one whose answer fits no order of the others.
    pub unexplained: bool,
}

/// One request and its answer, credentials redacted.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// When the request was sent, in microseconds of the target's clock.
    pub sent: u64,
    /// When the answer was in.
    pub received: u64,
    /// The HTTP method.
    pub method: String,
    /// The query, if there is one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query: String,
    /// The request's headers.
    pub headers: Vec<(String, String)>,
    /// The request's body.
    pub body: String,
    /// The answer; none if there was none.
    pub answer: Option<RawAnswer>,
    /// Why there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_answer: Option<String>,
}

/// An answer as it came.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body; what is not UTF-8 is replaced.
    pub body: String,
}

/// Something that the run created and could not delete.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Leftover {
    /// The kind of resource.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// The last answer to the attempt to delete it.
    pub why: String,
}

/// The figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// For each level: the rules by what became of them.
    pub levels: BTreeMap<String, LevelTotals>,
    /// Requests sent, clean-up and probes included.
    pub requests: u64,
    /// Requests whose answers were judged.
    pub judged: u64,
    /// Scenarios run.
    pub scenarios: u64,
    /// The most states that were possible at once in any scenario.
    pub most_worlds: u64,
    /// Milliseconds from the end of the planning to the end of the clean-up.
    pub milliseconds: u64,
    /// Milliseconds of these in which at least one request was in flight.
    pub milliseconds_in_flight: u64,
    /// True if the run was interrupted.
    pub interrupted: bool,
}

/// The rules of one level by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelTotals {
    /// All.
    pub all: u64,
    /// Kept.
    pub passed: u64,
    /// Broken.
    pub failed: u64,
    /// Tried without a result.
    pub indeterminate: u64,
    /// In need of an operation that is not there.
    pub unsupported: u64,
    /// Not exercised.
    pub not_reached: u64,
}

impl Totals {
    /// Which part of the time at least one request was in flight, from 0 to 1: how far the target was the limit.
    pub fn in_flight(&self) -> f64 {
        if self.milliseconds == 0 { 0.0 } else { self.milliseconds_in_flight as f64 / self.milliseconds as f64 }
    }
}

impl LevelTotals {
    /// Rules with a result.
    pub fn checked(&self) -> u64 {
        self.passed.saturating_add(self.failed)
    }
}

/// Why a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a report.
    #[error("{path} is not a report")]
    Form {
        /// The file.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
    /// It is of another version.
    #[error("{path} has format {found}, and this version of eipcheck reads format {FORMAT}")]
    Version {
        /// The file.
        path: String,
        /// Its version.
        found: u64,
    },
}

impl Report {
    /// Reads a report back.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no report of this version.
    pub fn read(path: &Path) -> Result<Report, ReadError> {
        let name = path.display().to_string();
        let text = fs::read(path).map_err(|source| ReadError::Io { path: name.clone(), source })?;
        Report::parse(&name, &text)
    }

    /// Reads a report from its text; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// It is no report of this version.
    pub fn parse(name: &str, text: &[u8]) -> Result<Report, ReadError> {
        let form = |source| ReadError::Form { path: name.to_owned(), source };
        let value: serde_json::Value = serde_json::from_slice(text).map_err(form)?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(found) if found != u64::from(FORMAT) => Err(ReadError::Version { path: name.to_owned(), found }),
            _ => serde_json::from_value(value).map_err(form),
        }
    }

    /// Its text.
    ///
    /// # Errors
    ///
    /// None that is known: each part of it can be written.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Writes the report.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        fs::write(path, self.to_json()?)
    }
}
