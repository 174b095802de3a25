//! The law played against itself: the reference answers, the oracle judges, time is a number.
//!
//! This is what the search for scenarios tries its steps on. Nothing leaves the process.

use std::sync::Arc;

use super::{
    atlas::Atlas,
    step::{Call, Step},
};
use crate::{
    model::{
        forward::Forward,
        time::{Interval, Moment},
        value::Handle,
    },
    oracle::{
        Oracle, RuleSet, Settings,
        judge::{Judgement, Verdict},
    },
    spec::law::{KindIx, Law},
    wire::{Answer, Request},
};

/// How long a request takes in the simulation, in microseconds.
const REQUEST: u64 = 1000;
/// What tokens begin with in the simulation.
const TOKENS: &str = "eipcheck-plan";

/// The law played against itself: the reference answers, the oracle judges.
#[derive(Clone)]
pub struct Simulation {
    /// The reference.
    pub forward: Forward,
    /// The oracle.
    pub oracle: Oracle,
    /// The time.
    pub now: Moment,
}

/// What came of a step.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// The rules that it exercised.
    pub passes: RuleSet,
    /// Those that it exercised in some of the possible states only.
    pub unsure: RuleSet,
    /// The law is silent about it.
    pub open: bool,
    /// It was accepted, and had to be.
    pub accepted: bool,
}

impl Simulation {
    /// Nothing exists yet.
    pub fn new(law: &Arc<Law>, settings: Settings) -> Simulation {
        Simulation { forward: Forward::new(law.clone(), 1), oracle: Oracle::new(law.clone(), settings), now: Moment(0) }
    }

    /// What is there after some steps; none if one of them cannot be taken.
    pub fn after(law: &Arc<Law>, atlas: &Atlas, steps: &[Step]) -> Option<Simulation> {
        let mut simulation = Simulation::new(law, Settings::default());
        simulation.take_all(atlas, steps)?;
        Some(simulation)
    }

    /// The request as it would be sent. None if an argument has not been seen.
    pub fn resolve(&self, call: &Call) -> Option<Request> {
        call.resolve(self.oracle.law(), self.oracle.worlds(), TOKENS)
    }

    /// Sends a request and judges the answer. None if an argument has not been seen.
    pub fn call(&mut self, call: &Call) -> Option<(Request, Judgement)> {
        self.exchange(call).map(|(request, _, judgement)| (request, judgement))
    }

    /// The same, with the answer.
    pub fn exchange(&mut self, call: &Call) -> Option<(Request, Answer, Judgement)> {
        let request = self.resolve(call)?;
        let from = self.now;
        let answer = self.forward.answer(&request, Moment(from.0 + REQUEST / 2));
        self.now = Moment(from.0 + REQUEST);
        let judgement = self.oracle.judge(&request, Interval { from, to: self.now }, &answer);
        self.now = Moment(self.now.0 + 1);
        Some((request, answer, judgement))
    }

    /// Lets everything happen that is under way, and looks at it. The rules that the looks confirmed; none if something
    /// went wrong.
    pub fn settle(&mut self, atlas: &Atlas) -> Option<RuleSet> {
        let law = self.oracle.law().clone();
        let looks = atlas.looks_at_changing(&law, self.oracle.worlds());
        let latest = self.oracle.worlds().iter().flat_map(|w| &w.timers).filter_map(|t| t.latest).max();
        for moment in [self.forward.settled_at(), latest].into_iter().flatten() {
            self.now = self.now.max(Moment(moment.0 + REQUEST));
        }
        self.forward.pass_time(self.now);
        self.oracle.pass_time(self.now);
        let mut passes = RuleSet::default();
        for look in looks {
            let (_, judgement) = self.call(&look)?;
            if !matches!(judgement.verdict, Verdict::Explained) {
                return None;
            }
            for rule in judgement.passes {
                passes.insert(rule);
            }
        }
        Some(passes)
    }

    /// Takes a step. The rules that it exercised; none if it cannot be taken.
    pub fn take(&mut self, atlas: &Atlas, step: &Step) -> Option<RuleSet> {
        self.try_step(atlas, step).map(|taken| taken.passes)
    }

    /// Takes some steps; none if one of them cannot be taken.
    pub fn take_all(&mut self, atlas: &Atlas, steps: &[Step]) -> Option<()> {
        steps.iter().try_for_each(|step| self.take(atlas, step).map(drop))
    }

    /// The first of some steps that makes one more of a kind, what is there after it, and the new one.
    pub fn one_more(
        &self,
        atlas: &Atlas,
        kind: KindIx,
        steps: impl IntoIterator<Item = Step>,
    ) -> Option<(Step, Simulation, Handle)> {
        steps.into_iter().find_map(|step| {
            let mut after = self.clone();
            after.take(atlas, &step)?;
            let world = after.forward.world();
            let is_its = |handle: &Handle| world.get(*handle).is_some_and(|resource| resource.kind == kind);
            let new = world.since(self.forward.world()).find(is_its)?;
            Some((step, after, new))
        })
    }

    /// Takes a step. What came of it; none if it cannot be taken.
    pub fn try_step(&mut self, atlas: &Atlas, step: &Step) -> Option<Taken> {
        match step {
            Step::Settle => self.settle(atlas).map(|passes| Taken { passes, ..Taken::default() }),
            // In memory nothing overlaps; the order in which they stand is one of those that may come about.
            Step::Together(calls) => {
                let mut all = Taken::default();
                for call in calls {
                    let taken = self.try_step(atlas, &Step::Call(call.clone()))?;
                    all.passes = all.passes.iter().chain(taken.passes.iter()).collect();
                    all.unsure = all.unsure.iter().chain(taken.unsure.iter()).collect();
                    all.open |= taken.open;
                    all.accepted |= taken.accepted;
                }
                Some(all)
            }
            Step::Call(call) => {
                let (_, judgement) = self.call(call)?;
                let explained = matches!(judgement.verdict, Verdict::Explained);
                explained.then(|| Taken {
                    passes: judgement.passes.into_iter().collect(),
                    unsure: judgement.unsure.into_iter().collect(),
                    open: judgement.open,
                    accepted: judgement.accepted,
                })
            }
        }
    }

    /// True if something is under way.
    pub fn is_changing(&self) -> bool {
        self.oracle.worlds().iter().any(|w| !w.timers.is_empty())
    }
}
