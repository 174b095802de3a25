//! A scenario as a file of its own: the steps that break a rule, and what else it takes to play them again anywhere.

use std::{collections::BTreeMap, fs, io, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    file::{StepError, StepFile},
    step::Step,
};
use crate::{
    oracle::RuleSet,
    spec::law::{Law, RuleIx},
};

/// The version of the format; a reader refuses any other.
pub const FORMAT: u32 = 1;
/// The file's name in a finding's folder.
pub const FILE: &str = "scenario.json";
/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// A scenario and the rule that it breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ScenarioFile {
    /// The version of this format.
    pub format: u32,
    /// The cloud whose law it is judged by.
    pub cloud: String,
    /// Each reading of that law with the choice that was in force.
    #[serde(default)]
    pub readings: BTreeMap<String, String>,
    /// The rule that its last answer breaks.
    pub rule: String,
    /// Rules that were known to be broken as well, and that demand nothing here: by what they break, the others would
    /// not be reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<String>,
    /// The steps.
    pub steps: Vec<StepFile>,
}

/// Why a scenario cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// It is no scenario.
    #[error("{path} is not a scenario")]
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

/// Why a scenario does not fit a law.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// It names a rule that the law does not have.
    #[error("the law has no rule {0}")]
    Rule(String),
    /// It has no step.
    #[error("the scenario has no step")]
    Empty,
    /// A step does not fit.
    #[error("step {number}: {why}")]
    Step {
        /// Which, from 1.
        number: usize,
        /// Why not.
        why: StepError,
    },
}

/// A scenario by the law.
#[derive(Clone, Debug)]
pub struct Written {
    /// The rule.
    pub rule: RuleIx,
    /// Rules that demand nothing.
    pub passed_over: RuleSet,
    /// The steps; there is at least one.
    pub steps: Vec<Step>,
}

impl ScenarioFile {
    /// Writes a scenario down.
    pub fn new(law: &Law, rule: RuleIx, passed_over: &RuleSet, steps: &[Step]) -> ScenarioFile {
        ScenarioFile {
            format: FORMAT,
            cloud: law.cloud.to_string(),
            readings: law.readings.iter().map(|r| (r.name.clone(), r.choice.clone())).collect(),
            rule: law[rule].id.to_string(),
            passed_over: passed_over.iter().map(|rule| law[rule].id.to_string()).collect(),
            steps: steps.iter().map(|step| StepFile::new(law, step)).collect(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be opened, is too large, or is no scenario of this version.
    pub fn read(path: &Path) -> Result<ScenarioFile, ReadError> {
        let name = path.display().to_string();
        let wrong = |source| ReadError::Io { path: name.clone(), source };
        if fs::metadata(path).map_err(wrong)?.len() > MOST_BYTES {
            return Err(wrong(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MOST_BYTES} bytes"))));
        }
        ScenarioFile::parse(&name, &fs::read(path).map_err(wrong)?)
    }

    /// Reads it from its text; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// It is no scenario of this version.
    pub fn parse(name: &str, text: &[u8]) -> Result<ScenarioFile, ReadError> {
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

    /// The scenario by a law.
    ///
    /// # Errors
    ///
    /// It names something that the law does not have.
    pub fn fit(&self, law: &Law) -> Result<Written, FitError> {
        let rule = |id: &String| law.rule(id).ok_or_else(|| FitError::Rule(id.clone()));
        let step =
            |(place, step): (usize, &StepFile)| step.read(law).map_err(|why| FitError::Step { number: place + 1, why });
        if self.steps.is_empty() {
            return Err(FitError::Empty);
        }
        Ok(Written {
            rule: rule(&self.rule)?,
            passed_over: self.passed_over.iter().map(rule).collect::<Result<_, _>>()?,
            steps: self.steps.iter().enumerate().map(step).collect::<Result<_, _>>()?,
        })
    }
}
