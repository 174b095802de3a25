//! What a target chose where the law lets it choose: the fingerprint of its behaviour.
//!
//! A choice is told by what there was to choose, by the rules or the open question that it is about, and by what was
//! chosen. None of it is judged.

use std::{collections::BTreeMap, sync::Arc};

use super::session::Session;
use crate::{
    model::{assess::assess, world::World},
    report::data::CHANGE,
    spec::law::RuleIx,
    wire::{Answer, Body, Request},
};

/// How often each thing was chosen, by what there was to choose and by what it is about.
pub type Choices = BTreeMap<(String, String), BTreeMap<String, u64>>;

/// One of several codes.
const CODE: &str = "code";
/// The error that comes first where several refusals apply.
const FIRST: &str = "refused together";
/// Acceptance or refusal where the law is silent.
const OPEN: &str = "open question";
/// Adds up what was chosen.
pub fn add(all: &mut Choices, more: Choices) {
    for (key, chosen) in more {
        let counts = all.entry(key).or_default();
        for (choice, times) in chosen {
            *counts.entry(choice).or_default() += times;
        }
    }
}

impl Session<'_> {
    fn chose(&mut self, what: &str, about: String, choice: String) {
        *self.played.choices.entry((what.to_owned(), about)).or_default().entry(choice).or_default() += 1;
    }

    fn ids(&self, rules: impl IntoIterator<Item = RuleIx>) -> String {
        let mut ids: Vec<&str> = rules.into_iter().map(|rule| &*self.context.law[rule].id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.join(" + ")
    }

    /// Takes note of what an answer chose, in the one world that was possible before it.
    pub(super) fn note_choice(&mut self, before: &[Arc<World>], request: &Request, answer: &Answer, open: bool) {
        let [world] = before else { return };
        let is_error = matches!(answer.body, Body::Error { .. });
        if !is_error && !open {
            return;
        }
        let assessment = assess(&self.context.law, world, request);
        let told = match &answer.body {
            Body::Error { code, .. } => code.to_string(),
            Body::Success(_) => "accepted".to_owned(),
            Body::Unreadable { .. } => return,
        };
        if let Some(question) = assessment.open.filter(|_| open) {
            self.chose(OPEN, question.to_string(), told);
            return;
        }
        if !is_error || assessment.undecided || assessment.dry_run.is_some() {
            return;
        }
        let mut codes: Vec<_> = assessment.refusals.iter().flat_map(|r| r.codes.iter()).collect();
        codes.sort_unstable();
        codes.dedup();
        let about = self.ids(assessment.refusals.iter().map(|r| r.rule));
        if about.contains(" + ") {
            self.chose(FIRST, about, told);
        } else if !about.is_empty() && (codes.len() > 1 || codes.is_empty()) {
            self.chose(CODE, about, told);
        }
    }

    /// The rules of the changes that are under way in every world.
    pub(super) fn under_way(&self) -> Vec<RuleIx> {
        let Some(world) = self.oracle.worlds().first() else { return Vec::new() };
        let mut rules: Vec<RuleIx> = world.timers.iter().flat_map(|timer| timer.rules()).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// Takes note of which of some changes the first look has shown.
    pub(super) fn note_changes(&mut self, rules: Vec<RuleIx>) {
        let still = self.under_way();
        for rule in rules {
            let when = if still.contains(&rule) { "later" } else { "seen by the first look" };
            let about = self.ids([rule]);
            self.chose(CHANGE, about, when.to_owned());
        }
    }
}
