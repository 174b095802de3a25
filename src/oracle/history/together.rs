//! A few overlapping requests in the middle of a scenario.
//!
//! What comes after them is judged request by request again, so every order that explains them counts, not only one: the
//! worlds of all of them are what is possible afterwards.

use std::sync::Arc;

use super::{Budget, Call, Event, HANDLES, History, Step, search::Progress, shrink};
use crate::{
    model::world::World,
    oracle::{
        MOST_WORLDS, Oracle,
        advance::Unclear,
        judge::{Judgement, MOST_SUSPICIONS, Verdict, Violation, why},
    },
    spec::law::RuleIx,
};

/// The most requests that may overlap in the middle of a scenario: each order of them is tried.
pub const MOST: usize = 6;

impl Oracle {
    /// Judges the answers to requests that overlapped, and keeps the worlds of every order that explains them. A rule has
    /// the credit only if it has it in each of those orders. After a violation or an unclear answer the oracle knows
    /// nothing any more and should not be asked again.
    pub fn judge_together(&mut self, events: &[Event]) -> Judgement {
        if events.len() > MOST {
            return Judgement::indeterminate(format!("more than {MOST} requests overlap"));
        }
        let history = History::from(self.clone(), events);
        let mut orders = Orders {
            history: &history,
            worlds: Vec::new(),
            suspicions: Vec::new(),
            withheld: Vec::new(),
            passes: None,
            faults: None,
            open: false,
        };
        let calls: Vec<usize> = (0..events.len()).collect();
        let mut progress = Progress::new(&history, history.calls(&calls));
        if let Err(why) = orders.explore(&mut progress, self, &Along::default()) {
            return Judgement::indeterminate(why);
        }
        let Orders { worlds, suspicions, withheld, passes, faults, open, .. } = orders;
        if worlds.is_empty() {
            let found = shrink::shrink(&history, &calls, Budget::default().shrinking);
            let verdict = Verdict::Violation(found.violation);
            return Judgement { verdict, ..Judgement::EXPLAINED };
        }
        self.most_worlds = self.most_worlds.max(worlds.len());
        self.worlds = worlds;
        self.suspicions = suspicions;
        self.withheld = withheld;
        Judgement {
            passes: passes.unwrap_or_default(),
            faults: faults.unwrap_or_default(),
            open,
            ..Judgement::EXPLAINED
        }
    }
}

/// What the steps of one order have shown.
#[derive(Clone, Default)]
struct Along {
    passes: Vec<RuleIx>,
    faults: Vec<Violation>,
    open: bool,
}

/// What the orders that explain the answers have shown, together.
struct Orders<'h> {
    history: &'h History<'h>,
    worlds: Vec<Arc<World>>,
    suspicions: Vec<(Arc<World>, Violation)>,
    /// What some order has seen confirmed in some of its worlds.
    withheld: Vec<RuleIx>,
    passes: Option<Vec<RuleIx>>,
    faults: Option<Vec<Violation>>,
    open: bool,
}

impl Orders<'_> {
    /// Follows every order from here. An error is the reason why it cannot be told what is possible.
    fn explore(&mut self, progress: &mut Progress, oracle: &Oracle, along: &Along) -> Result<(), String> {
        if progress.is_complete() {
            self.note(oracle, along)?;
        }
        // Requests without an answer may still happen when all others have been answered.
        let (candidates, until) = progress.candidates();
        for place in candidates {
            let call: Call = *progress.call(place);
            let mut oracle = oracle.clone();
            let mut along = along.clone();
            let interval = progress.interval(place, until);
            match self.history.step_noting(&mut oracle, &call, interval, &mut |judgement| {
                along.passes.extend(&judgement.passes);
                along.faults.extend(judgement.faults.iter().cloned());
                along.open |= judgement.open;
            }) {
                Step::Taken => {}
                Step::Wrong(_) | Step::Impossible => continue,
                Step::Unclear(why) => return Err(why),
            }
            progress.take(place);
            self.explore(progress, &oracle, &along)?;
            progress.give_back();
        }
        Ok(())
    }

    /// Takes note of an order that explains every answer.
    fn note(&mut self, oracle: &Oracle, along: &Along) -> Result<(), String> {
        let strictly = !oracle.settings.muted.is_empty();
        // What comes later is numbered alike in all worlds.
        let places = u32::try_from(self.history.events.len()).unwrap_or(u32::MAX);
        let next = self.history.first.saturating_add(places.saturating_mul(HANDLES)).min(u32::MAX / 2);
        for world in &oracle.worlds {
            let mut world = world.clone();
            Arc::make_mut(&mut world).number_from(next);
            let world = &world;
            let strictly = strictly || !world.tokens.is_empty();
            if !self.worlds.iter().any(|w| w.covers(world, strictly)) {
                self.worlds.retain(|w| !world.covers(w, strictly));
                self.worlds.push(world.clone());
            }
        }
        if self.worlds.len() > MOST_WORLDS {
            return Err(why(Unclear::TooMany));
        }
        self.suspicions.extend(oracle.suspicions.iter().cloned());
        self.suspicions.truncate(MOST_SUSPICIONS);
        self.withheld.extend(&oracle.withheld);
        match &mut self.passes {
            Some(passes) => passes.retain(|rule| along.passes.contains(rule)),
            none => *none = Some(along.passes.clone()),
        }
        if self.faults.as_ref().is_none_or(|faults| faults.len() > along.faults.len()) {
            self.faults = Some(along.faults.clone());
        }
        self.open |= along.open;
        Ok(())
    }
}
