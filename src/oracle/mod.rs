//! The oracle: the set of worlds that are consistent with everything observed, and the verdict on each answer.
//!
//! Answers leave freedom (a transition may have happened, a code may be one of several), so the oracle never picks one
//! world too early: it keeps every world that explains all answers so far, drops those that the next answer
//! contradicts, and calls an answer wrong only when none is left. What an answer shows of values that the service chose
//! is bound in the worlds that remain.
//!
//! - [`judge`]: one answer against all worlds.
//! - `form`: what an answer says by itself, in any world.
//! - [`compare`]: a successful answer's fields against one world.
//! - [`advance`]: what time alone may have changed.
//! - `reach`: which resources a request can tell anything about.
//! - `untimely`: whether only the time of a change was wrong.
//! - [`history`]: requests that overlap, judged as a whole.
//! - [`handles`]: names for resources that are the same in every run of a scenario.
//!
//! Imports `model`, `wire` and `spec`.

pub mod advance;
pub mod compare;
mod form;
pub mod handles;
pub mod history;
pub mod judge;
mod reach;
mod untimely;

use std::sync::Arc;

use crate::{
    model::{
        time::{Moment, Tolerance},
        world::{Lost, World},
    },
    spec::law::{Law, RuleIx},
    wire::Request,
};

/// How many worlds an answer is held against at most; past that the oracle says that it cannot tell. Ten changes that may
/// have happened, each apart from the others, make as many.
pub const MOST_WORLDS: usize = 1024;

/// A set of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet(Vec<u64>);

impl RuleSet {
    /// Adds a rule; true if it was not there.
    pub fn insert(&mut self, rule: RuleIx) -> bool {
        let (word, bit) = (rule.0 as usize / 64, rule.0 % 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & (1 << bit) == 0;
        self.0[word] |= 1 << bit;
        new
    }

    /// True if the rule is in the set.
    pub fn contains(&self, rule: RuleIx) -> bool {
        self.0.get(rule.0 as usize / 64).is_some_and(|word| word & (1 << (rule.0 % 64)) != 0)
    }

    /// True if the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many rules are in the set.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The rules, in order.
    pub fn iter(&self) -> impl Iterator<Item = RuleIx> + '_ {
        (0..self.0.len() as u32 * 64).map(RuleIx).filter(|r| self.contains(*r))
    }
}

impl FromIterator<RuleIx> for RuleSet {
    fn from_iter<T: IntoIterator<Item = RuleIx>>(rules: T) -> Self {
        let mut set = RuleSet::default();
        for rule in rules {
            set.insert(rule);
        }
        set
    }
}

/// What an oracle is told besides the law.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// By how much a change may miss its window: clocks differ, and servers work in rounds.
    pub tolerance: Tolerance,
    /// Rules already shown to be broken: nothing is demanded in their name any more, so that they cannot hide others.
    pub muted: Arc<RuleSet>,
}

impl Settings {
    /// Changes of a rule that is known to be broken may happen at any time after this moment, or never.
    fn open_muted(&self, world: &mut World, from: Moment) {
        for timer in world.timers.iter_mut().filter(|t| t.rules().into_iter().any(|rule| self.muted.contains(rule))) {
            (timer.earliest, timer.latest) = (timer.earliest.min(from), None);
        }
    }
}

/// The oracle of one scenario.
#[derive(Clone, Debug)]
pub struct Oracle {
    law: Arc<Law>,
    settings: Settings,
    worlds: Vec<Arc<World>>,
    /// Worlds in which an earlier acceptance was wrong, and that explain everything else. While another world explains
    /// that acceptance too they are only a suspicion; once no other is left, they say what went wrong, and when.
    suspicions: Vec<(Arc<World>, judge::Violation)>,
    /// Rules that some of the worlds saw confirmed, and others not yet.
    withheld: Vec<RuleIx>,
    most_worlds: usize,
    /// Nobody else has anything at the target.
    alone: bool,
}

impl Oracle {
    /// Starts with one world in which nothing exists.
    pub fn new(law: Arc<Law>, settings: Settings) -> Oracle {
        Oracle {
            law,
            settings,
            worlds: vec![Arc::new(World::default())],
            suspicions: Vec::new(),
            withheld: Vec::new(),
            most_worlds: 1,
            alone: false,
        }
    }

    /// The same where the target holds nothing in the beginning, and nobody else has anything there: what a listing shows
    /// that the law did not make is no stranger's then.
    pub fn alone(self) -> Oracle {
        Oracle { alone: true, ..self }
    }

    /// True if the target is this oracle's alone.
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// The worlds that explain everything observed.
    pub fn worlds(&self) -> &[Arc<World>] {
        &self.worlds
    }

    /// Takes note that a request was sent at this moment and never answered. It may have been done at any moment since, or
    /// may yet be.
    pub fn unanswered(&mut self, request: &Request, from: Moment) {
        if self.law[request.operation].reads {
            return;
        }
        let lost = Arc::new(Lost { request: request.clone(), from });
        let suspected = self.suspicions.iter_mut().map(|(world, _)| world);
        for world in self.worlds.iter_mut().chain(suspected) {
            Arc::make_mut(world).lost.push(lost.clone());
        }
    }

    /// The most worlds that an answer was ever held against.
    pub fn most_worlds(&self) -> usize {
        self.most_worlds
    }

    /// The law.
    pub fn law(&self) -> &Arc<Law> {
        &self.law
    }
}
