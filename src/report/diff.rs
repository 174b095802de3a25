//! What changed from one report to another: rules with another result, and choices that the target made otherwise.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::data::{CHANGE, Outcome, Report};

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The cloud that both reports are about.
    pub cloud: String,
    /// False if they are about different laws, so that a rule may mean something else.
    pub same_law: bool,
    /// Rules with another result, by id.
    pub rules: Vec<RuleChange>,
    /// Choices that were made otherwise.
    pub choices: Vec<ChoiceChange>,
}

/// A rule with another result; none where a report has no such rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    /// Its id.
    pub rule: String,
    /// What became of it in the first report.
    pub before: Option<Outcome>,
    /// And in the second.
    pub after: Option<Outcome>,
}

/// A choice that was made otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChoiceChange {
    /// What there was to choose.
    pub what: String,
    /// The rules or the question that it is about.
    pub about: String,
    /// What was chosen in the first report.
    pub before: BTreeSet<String>,
    /// And in the second.
    pub after: BTreeSet<String>,
}

impl Difference {
    /// True if nothing changed.
    pub fn is_none(&self) -> bool {
        self.rules.is_empty() && self.choices.is_empty()
    }
}

/// Compares two reports. A choice that only one of them had an occasion for is no difference: random sequences differ.
pub fn diff(before: &Report, after: &Report) -> Difference {
    let results = |report: &Report| -> BTreeMap<String, Outcome> {
        report.rules.iter().map(|rule| (rule.id.clone(), rule.result)).collect()
    };
    let (ours, theirs) = (results(before), results(after));
    let ids: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let rules = ids
        .into_iter()
        .map(|id| RuleChange { rule: id.clone(), before: ours.get(id).copied(), after: theirs.get(id).copied() })
        .filter(|change| change.before != change.after)
        .collect();
    let choices = before
        .choices
        .iter()
        .filter_map(|choice| {
            let other = after.choices.iter().find(|c| c.what == choice.what && c.about == choice.about)?;
            let (before, after) = (choice.chose.keys().cloned().collect(), other.chose.keys().cloned().collect());
            let change = ChoiceChange { what: choice.what.clone(), about: choice.about.clone(), before, after };
            // When a change is seen depends on the moment as well: only what never came about alike is another choice.
            let alike = match choice.what.as_str() {
                CHANGE => change.before.intersection(&change.after).next().is_some(),
                _ => change.before == change.after,
            };
            (!alike).then_some(change)
        })
        .collect();
    Difference {
        cloud: before.law.cloud.clone(),
        same_law: before.law == after.law && before.readings == after.readings,
        rules,
        choices,
    }
}
