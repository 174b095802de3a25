//! What the model knows of a scenario that breaks a rule: which of its steps cannot matter, without any request.
//!
//! A rule can be broken by an answer only where it is *at stake*: the law played against itself tells by the last step
//! that a conforming target keeps it there. So steps and arguments without which it still is are worth leaving out, and
//! those without which it is not need not be tried. Both are good guesses about a target that departs from the law, so
//! what is left is played there before anybody is told.

use std::sync::Arc;

use super::{
    atlas::Atlas,
    draft,
    simulation::Simulation,
    step::{Call, Step},
    strip::{self, Created},
};
use crate::{
    oracle::{
        RuleSet, Settings,
        judge::{Verdict, describe},
    },
    spec::law::{Law, RuleIx},
};

/// Scenarios for one rule, as the model sees them.
pub struct AtStake<'a> {
    law: &'a Arc<Law>,
    atlas: &'a Atlas,
    rule: RuleIx,
    settings: Settings,
    /// False if the model does not know why the rule was broken: then it has no say.
    vouches: bool,
}

impl<'a> AtStake<'a> {
    /// For a scenario that was seen to break a rule, in each order that it may have come about in; `passed_over` are the rules that demanded nothing.
    pub fn new(
        law: &'a Arc<Law>,
        atlas: &'a Atlas,
        rule: RuleIx,
        passed_over: &Arc<RuleSet>,
        seen: &[Vec<Step>],
    ) -> AtStake<'a> {
        // The rule itself must demand something, whatever was known when it was broken.
        let muted = Arc::new(passed_over.iter().filter(|r| *r != rule).collect());
        let settings = Settings { muted, ..Settings::default() };
        let mut model = AtStake { law, atlas, rule, settings, vouches: true };
        model.vouches = seen.iter().any(|steps| model.rules_out(steps).is_none());
        model
    }

    /// Why the last of these steps cannot break the rule; none if it can, or if the model has no say.
    pub fn rules_out(&self, steps: &[Step]) -> Option<String> {
        let id = &self.law[self.rule].id;
        let (last, way) = steps.split_last()?;
        let mut simulation = Simulation::new(self.law, self.settings.clone());
        for step in way {
            if simulation.take(self.atlas, step).is_none() {
                return Some(format!("\"{}\" cannot be done then", step.display(self.law)));
            }
        }
        if !self.vouches {
            return None;
        }
        match last {
            Step::Call(call) => {
                let Some(request) = simulation.resolve(call) else {
                    return Some(format!("\"{}\" cannot be asked then", call.display(self.law)));
                };
                let foreseen = simulation.oracle.foresee(&request).contains(self.rule);
                let (_, answer, judgement) = simulation.exchange(call)?;
                let shown = matches!(judgement.verdict, Verdict::Explained) && judgement.passes.contains(&self.rule);
                (!foreseen && !shown).then(|| {
                    format!("by the law the last answer is then {}, and {id} is not at stake", describe(&answer))
                })
            }
            other => {
                let kept = simulation.take(self.atlas, other).is_some_and(|passes| passes.contains(self.rule));
                (!kept).then(|| format!("by the law the last step then shows nothing of {id}"))
            }
        }
    }

    /// The steps without one of them, and without those that name what it creates. None if the last one does.
    pub fn without(&self, place: usize, steps: &[Step]) -> Option<Vec<Step>> {
        strip::without(place, steps, &self.created(steps)?).map(|(fewer, _)| fewer)
    }

    /// The steps without all that the model knows not to matter.
    pub fn fewest(&self, steps: &[Step]) -> Vec<Step> {
        let mut steps = steps.to_vec();
        loop {
            let fewer = (0..steps.len().saturating_sub(1))
                .rev()
                .filter_map(|place| self.without(place, &steps))
                .find(|fewer| self.rules_out(fewer).is_none());
            match fewer {
                Some(fewer) if self.vouches => steps = fewer,
                _ => return steps,
            }
        }
    }

    /// The steps with every argument left out that the model knows not to matter.
    pub fn plainest(&self, steps: &[Step]) -> Vec<Step> {
        let mut steps = steps.to_vec();
        while let Some(plainer) = self.plainer(&steps).find(|plainer| self.rules_out(plainer).is_none()) {
            if !self.vouches {
                break;
            }
            steps = plainer;
        }
        steps
    }

    /// The steps with one argument less, or a shorter list, in each way that there is.
    pub fn plainer(&self, steps: &[Step]) -> impl Iterator<Item = Vec<Step>> + use<> {
        let mut found = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            let Step::Call(call) = step else { continue };
            for plainer in plainer(self.law, call) {
                let mut steps = steps.to_vec();
                steps[place] = Step::Call(plainer);
                found.push(steps);
            }
        }
        found.into_iter()
    }

    /// What each step creates. None if the model cannot follow.
    fn created(&self, steps: &[Step]) -> Option<Vec<Created>> {
        let mut simulation = Simulation::new(self.law, self.settings.clone());
        let counts = |simulation: &Simulation| -> Vec<u32> {
            self.law.kinds().map(|(kind, _)| simulation.forward.world().created(kind)).collect()
        };
        let mut before = counts(&simulation);
        let mut created = Vec::with_capacity(steps.len());
        for step in &steps[..steps.len().saturating_sub(1)] {
            simulation.take(self.atlas, step)?;
            let after = counts(&simulation);
            created.push(before.iter().zip(&after).map(|(before, after)| before + 1..after + 1).collect());
            before = after;
        }
        created.push(before.iter().map(|count| count + 1..count + 1).collect());
        Some(created)
    }
}

/// A request with one argument less, or with one element less in a list.
fn plainer(law: &Law, call: &Call) -> Vec<Call> {
    let operation = &law[call.operation];
    let mut found = Vec::new();
    for (place, (name, symbol)) in call.args.iter().enumerate() {
        let needed = operation.param(name).is_some_and(|ix| operation.params[ix as usize].required());
        if !needed {
            let mut plain = call.clone();
            plain.args.remove(place);
            draft::tell_kinds(operation, &mut plain);
            if plain.args.len() < call.args.len() {
                found.push(plain);
            }
        }
        if let super::step::Symbol::List(items) = symbol {
            for item in (0..items.len()).filter(|_| items.len() > 1) {
                let mut shorter = items.clone();
                shorter.remove(item);
                let mut plain = call.clone();
                plain.args[place].1 = super::step::Symbol::List(shorter);
                found.push(plain);
            }
        }
    }
    found
}

/// The steps with those requests one after the other that are sent at once, the last of them each time another one.
pub fn one_by_one(steps: &[Step]) -> Vec<Vec<Step>> {
    let most = steps.iter().map(|step| step.calls().len()).max().unwrap_or(0).max(1);
    let turned = |turn: usize| {
        let alone = |step: &Step| match step {
            Step::Together(calls) => {
                let mut calls = calls.clone();
                let by = turn % calls.len().max(1);
                calls.rotate_left(by);
                calls.into_iter().map(Step::Call).collect()
            }
            other => vec![other.clone()],
        };
        steps.iter().flat_map(alone).collect()
    };
    (0..most).map(turned).collect()
}
