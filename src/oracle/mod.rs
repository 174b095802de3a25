//! The oracle: the set of worlds that are consistent with everything observed, and the verdict on each answer.
//!
//! Answers leave freedom (a transition may have happened, a code may be one of several), so the oracle never picks one
//! world too early: it keeps every world that explains all answers so far, drops those that the next answer
//! contradicts, and calls an answer wrong only when none is left. What an answer shows of values that the service chose
//! is bound in the worlds that remain.
//!
//! - [`judge`]: one answer against all worlds.
//! - [`compare`]: a successful answer's fields against one world.
//! - [`advance`]: what time alone may have changed.
//! - [`history`]: requests that overlap, judged as a whole.
//! - [`handles`]: names for resources that are the same in every run of a scenario.
//!
//! Imports `model`, `wire` and `spec`.

pub mod advance;
pub mod compare;
pub mod handles;
pub mod history;
pub mod judge;

use std::sync::Arc;

use crate::{
    model::world::World,
    spec::law::{Law, RuleIx},
};

/// How many worlds are kept at most; past that the oracle says that it cannot tell.
pub const MOST_WORLDS: usize = 256;

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
    /// Seconds by which a transition may be late before it counts as late: clocks differ and answers take time.
    pub tolerance: i64,
    /// Rules already shown to be broken: nothing is demanded in their name any more, so that they cannot hide others.
    pub muted: Arc<RuleSet>,
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
    most_worlds: usize,
}

impl Oracle {
    /// Starts with one world in which nothing exists.
    pub fn new(law: Arc<Law>, settings: Settings) -> Oracle {
        Oracle { law, settings, worlds: vec![Arc::new(World::default())], suspicions: Vec::new(), most_worlds: 1 }
    }

    /// The worlds that explain everything observed.
    pub fn worlds(&self) -> &[Arc<World>] {
        &self.worlds
    }

    /// The most worlds that were ever kept.
    pub fn most_worlds(&self) -> usize {
        self.most_worlds
    }

    /// The law.
    pub fn law(&self) -> &Arc<Law> {
        &self.law
    }
}
