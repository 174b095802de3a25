//! A suite as a file: what planning it finds, kept beside the law so that a run need not search for it again.
//!
//! JSON Lines: the first line says what the suite was planned for, each other one is the scenario of a rule. A suite
//! is read only for the very law it was planned for, by its digest and its readings; whoever changes the law has it
//! planned anew at each run until they write the file again (`eipcheck spec plan`).

use std::{collections::BTreeMap, io::Write, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    file::{StepError, StepFile},
    step::Step,
};
use crate::spec::law::{Law, RuleIx};

/// The version of the format; a reader refuses any other.
pub const FORMAT: u32 = 1;

/// The suite of a law: for each rule that a sequence can reach, the steps.
pub type Plans = BTreeMap<RuleIx, Vec<Step>>;

/// The first line: what the suite was planned for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Head {
    /// The version of this format.
    pub format: u32,
    /// The cloud.
    pub cloud: String,
    /// The digest of its law.
    pub law: String,
    /// Each reading of the law with the choice that was in force.
    pub readings: BTreeMap<String, String>,
}

/// Each other line: the scenario of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanFile {
    /// The rule.
    pub rule: String,
    /// The steps that exercise it.
    pub steps: Vec<StepFile>,
}

/// Why a suite cannot be read for a law.
#[derive(Debug, thiserror::Error)]
pub enum PlannedError {
    /// A line is not what it should be.
    #[error("line {number} of the suite is not in its form: {why}")]
    Form {
        /// Which, from 1.
        number: usize,
        /// Why not.
        why: serde_json::Error,
    },
    /// There is nothing in it.
    #[error("the suite is empty")]
    Empty,
    /// It was planned for another law, or written in another format.
    #[error("the suite was planned for another law")]
    Other,
    /// It names a rule that the law does not have.
    #[error("the law has no rule {0}")]
    Rule(String),
    /// A step does not fit the law.
    #[error("the scenario of {rule} does not fit the law: {why}")]
    Step {
        /// The rule.
        rule: String,
        /// Why not.
        why: StepError,
    },
}

impl Head {
    /// What a suite of this law is planned for.
    fn of(law: &Law) -> Head {
        Head {
            format: FORMAT,
            cloud: law.cloud.to_string(),
            law: law.digest.clone(),
            readings: law.readings.iter().map(|r| (r.name.clone(), r.choice.clone())).collect(),
        }
    }
}

/// Writes a suite.
///
/// # Errors
///
/// It cannot be written there.
pub fn write(law: &Law, plans: &Plans, mut to: impl Write) -> std::io::Result<()> {
    let mut line = |value: serde_json::Result<String>| writeln!(to, "{}", value?);
    line(serde_json::to_string(&Head::of(law)))?;
    for (rule, steps) in plans {
        let steps = steps.iter().map(|step| StepFile::new(law, step)).collect();
        line(serde_json::to_string(&PlanFile { rule: law[*rule].id.to_string(), steps }))?;
    }
    Ok(())
}

/// Reads a suite that was planned for this law.
///
/// # Errors
///
/// It is no suite, or one of another law.
pub fn read(law: &Law, text: &str) -> Result<Plans, PlannedError> {
    let mut lines = text.lines().enumerate();
    let form = |place: usize| move |why| PlannedError::Form { number: place + 1, why };
    let (place, head) = lines.next().ok_or(PlannedError::Empty)?;
    if serde_json::from_str::<Head>(head).map_err(form(place))? != Head::of(law) {
        return Err(PlannedError::Other);
    }
    lines
        .map(|(place, line)| {
            let PlanFile { rule, steps } = serde_json::from_str(line).map_err(form(place))?;
            let ix = law.rule(&rule).ok_or_else(|| PlannedError::Rule(rule.clone()))?;
            let steps = steps.iter().map(|step| step.read(law)).collect::<Result<_, _>>();
            Ok((ix, steps.map_err(|why| PlannedError::Step { rule, why })?))
        })
        .collect()
}

/// The suite that a law comes with; none if it comes with none, or with one that is not its own any more.
pub fn built_in(law: &Arc<Law>) -> Option<Plans> {
    match read(law, law.suite.as_deref()?) {
        Ok(plans) => Some(plans),
        Err(error) => {
            tracing::debug!(cloud = &*law.cloud, %error, "the suite is planned anew");
            None
        }
    }
}
