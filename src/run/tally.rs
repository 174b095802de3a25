//! What a run has counted so far.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Context,
    choices::{self, Choices},
    session::Played,
};
use crate::{
    model::world::World,
    oracle::{RuleSet, judge::Violation},
    report::data::{Leftover, Needed, Overlap, Reproduced},
    scenario::step::Step,
    spec::law::{Demand, Law, RuleIx},
};

/// The shortest way to a violation that was seen.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The violation.
    pub violation: Violation,
    /// The scenario.
    pub scenario: String,
    /// The steps that led there.
    pub steps: Vec<Step>,
    /// What was sent and received on the way.
    pub exchanges: Vec<crate::report::data::Exchange>,
    /// The requests that no order explains, if that is what is wrong.
    pub overlap: Option<Overlap>,
    /// The rules that demanded nothing on the way.
    pub muted: Arc<RuleSet>,
    /// A state that was possible at the end.
    pub world: Option<Arc<World>>,
    /// The longest that changes were waited for on the way.
    pub waited: Duration,
    /// What came of playing it again, if it was.
    pub again: Option<Again>,
}

/// What came of playing a finding again.
#[derive(Clone, Debug)]
pub struct Again {
    /// Requests that it took to make it short and to see it again, clean-up included.
    pub requests: u64,
    /// How often the steps as they are now broke the rule; none if they were not played.
    pub reproduced: Option<Reproduced>,
    /// For each step, what happens without it.
    pub needed: Vec<Needed>,
    /// True if it did not come again at all.
    pub flaky: bool,
}

impl Evidence {
    /// The violation that was seen after so many steps of a scenario.
    pub fn of(played: &Played, violation: &Violation, length: usize, scenario: String) -> Evidence {
        Evidence {
            violation: violation.clone(),
            scenario,
            steps: played.steps.iter().take(length).cloned().collect(),
            exchanges: played
                .exchanges
                .iter()
                .filter(|(step, _)| *step <= length)
                .map(|(_, exchange)| exchange.clone())
                .collect(),
            overlap: played.overlap.iter().find(|(r, _)| *r == violation.rule).map(|(_, o)| o.clone()),
            muted: played.muted.clone(),
            world: played.world.clone(),
            waited: played.longest_wait,
            again: None,
        }
    }
}

/// How often a rule was seen broken.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Answers that broke it: a fault of form does not end a scenario, so there may be several in one.
    pub answers: u64,
    /// Scenarios in which it was broken.
    pub scenarios: u64,
    /// The shortest way there.
    pub shortest: Evidence,
}

/// The counts of a run.
#[derive(Debug)]
pub struct Tally {
    /// For each rule: how many answers kept it.
    pub passes: Vec<u64>,
    /// The rules that were seen broken.
    pub broken: BTreeMap<RuleIx, Broken>,
    /// Broken rules that the user does not want tested, but that stand in the way of others.
    pub in_the_way: RuleSet,
    /// For each rule: why a scenario that was played for it came to nothing.
    pub unclear: BTreeMap<RuleIx, String>,
    /// Rules that no answer exercised although the scenario that was played for them came to its end.
    pub unshown: RuleSet,
    /// Rules of changes that a scenario has waited for in vain.
    in_vain: RuleSet,
    /// Rules of changes that a scenario has waited for and seen happen.
    came: RuleSet,
    /// Reasons for answers that could not be judged.
    pub indeterminate: BTreeMap<String, u64>,
    /// What could not be deleted.
    pub leftovers: Vec<Leftover>,
    /// What the target chose where it may.
    pub choices: Choices,
    /// Requests whose answers were judged.
    pub judged: u64,
    /// Scenarios played.
    pub scenarios: u64,
    /// The most states that were possible at once.
    pub most_worlds: usize,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(law: &Law) -> Tally {
        Tally {
            passes: vec![0; law.rules.len()],
            broken: BTreeMap::new(),
            in_the_way: RuleSet::default(),
            unclear: BTreeMap::new(),
            unshown: RuleSet::default(),
            in_vain: RuleSet::default(),
            came: RuleSet::default(),
            indeterminate: BTreeMap::new(),
            leftovers: Vec::new(),
            choices: Choices::new(),
            judged: 0,
            scenarios: 0,
            most_worlds: 1,
        }
    }

    /// The rules that were seen broken, whether the user wants them tested or not.
    pub fn broken(&self) -> RuleSet {
        self.broken.keys().copied().chain(self.in_the_way.iter()).collect()
    }

    /// True if some answer kept the rule.
    pub fn is_kept(&self, rule: RuleIx) -> bool {
        self.passes[rule.0 as usize] > 0
    }

    /// True if the rule has a result.
    pub fn is_decided(&self, rule: RuleIx) -> bool {
        self.is_kept(rule) || self.broken.contains_key(&rule)
    }

    /// The rules of changes that a scenario has waited for in vain, and that no other one has seen happen: waiting for them
    /// once more would show nothing else.
    pub fn waited_for_in_vain(&self) -> RuleSet {
        self.in_vain.iter().filter(|rule| !self.came.contains(*rule)).collect()
    }

    /// Adds what came of a scenario. Rules that the user does not want tested are not reported as broken.
    pub fn add(&mut self, context: &Context, played: Played) {
        self.scenarios += 1;
        self.judged += played.judged;
        self.most_worlds = self.most_worlds.max(played.most_worlds);
        for rule in &played.passes {
            self.passes[rule.0 as usize] += 1;
        }
        played.in_vain.iter().for_each(|rule| _ = self.in_vain.insert(rule));
        played.came.iter().for_each(|rule| _ = self.came.insert(rule));
        // A fault that leaves the meaning of the answer clear ends no scenario.
        let ends = |violation: &Violation| !matches!(context.law[violation.rule].demand, Demand::Form | Demand::Code);
        let mut here = RuleSet::default();
        for (violation, length) in &played.violations {
            if !context.wants(violation.rule) {
                if !ends(violation) {
                    continue;
                }
                // It is not reported, but it is why the scenario came to nothing.
                self.in_the_way.insert(violation.rule);
                if let Some(goal) = played.goal.filter(|goal| *goal != violation.rule) {
                    let why = format!("a broken rule stands in the way: {}", context.law[violation.rule].id);
                    self.unclear.entry(goal).or_insert(why);
                }
                continue;
            }
            let evidence = || Evidence::of(&played, violation, *length, played.name.clone());
            let none_yet = || Broken { answers: 0, scenarios: 0, shortest: evidence() };
            let broken = self.broken.entry(violation.rule).or_insert_with(none_yet);
            broken.answers += 1;
            broken.scenarios += u64::from(here.insert(violation.rule));
            // What was seen again stays as it is.
            if broken.shortest.again.is_none() && *length < broken.shortest.steps.len() {
                broken.shortest = evidence();
            }
        }
        if let Some(goal) = played.goal
            && !played.violations.iter().any(|(violation, _)| ends(violation))
            && played.indeterminate.is_none()
            && !played.passes.contains(&goal)
            && !played.doubted.iter().any(|(rule, _)| *rule == goal)
        {
            self.unshown.insert(goal);
        }
        for (rule, why) in played.doubted {
            *self.indeterminate.entry(why.clone()).or_default() += 1;
            self.unclear.insert(rule, why);
        }
        for why in played.unrepeated {
            *self.indeterminate.entry(why).or_default() += 1;
        }
        if let Some(why) = played.indeterminate {
            if let Some(goal) = played.goal {
                self.unclear.insert(goal, why.clone());
            }
            *self.indeterminate.entry(why).or_default() += 1;
        }
        for (why, times) in played.unanswered {
            *self.indeterminate.entry(why).or_default() += times;
        }
        self.leftovers.extend(played.leftovers);
        choices::add(&mut self.choices, played.choices);
    }
}
