//! The search for an order that explains every answer of a history.
//!
//! A depth-first search over prefixes of orders, as by J. Wing and C. Gong ("Testing and verifying concurrent objects",
//! JPDC 17, 1993). States from which no order goes on are remembered, as by G. Lowe ("Testing for linearizability",
//! CPE 29(4), 2017): a state is the set of the requests that were taken and the worlds that they have led to. A state
//! need not be tried if a remembered one with the same requests covers it, because whatever goes on from it goes on from
//! that one.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Call, History, Step};
use crate::{
    model::{
        time::{Interval, Moment},
        world::World,
    },
    oracle::Oracle,
};

/// States that are remembered at most; more are tried again.
const MOST_REMEMBERED: usize = 100_000;

/// What the search found.
pub(super) enum Found {
    /// An order: places in the history.
    Order(Vec<usize>),
    /// There is none.
    None,
    /// It was cut off, or could not tell.
    Unknown(String),
}

/// Which requests were taken: all answered ones before the first that was not, and those beyond it. That is exact, and
/// short, because few requests overlap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Taken {
    first_open: usize,
    beyond: Box<[u32]>,
    /// Of those without an answer.
    unanswered: Box<[u32]>,
}

/// Requests of which some have been taken.
pub(super) struct Progress {
    /// In the order of sending; first those with an answer, then those without.
    calls: Vec<Call>,
    answered: usize,
    taken: Vec<bool>,
    first_open: usize,
    /// The order so far: places in `calls`.
    pub order: Vec<usize>,
    /// For each request of the order, the latest sending so far.
    sent: Vec<Moment>,
    taken_unanswered: usize,
}

impl Progress {
    pub fn new(history: &History<'_>, mut calls: Vec<Call>) -> Progress {
        calls.retain(|call| history.matters(call));
        calls.sort_by_key(|c| (c.to.is_none(), c.from, c.to, c.event));
        let answered = calls.iter().take_while(|c| c.to.is_some()).count();
        let taken = vec![false; calls.len()];
        Progress { calls, answered, taken, first_open: 0, order: Vec::new(), sent: Vec::new(), taken_unanswered: 0 }
    }

    /// True if every request with an answer was taken.
    pub fn is_complete(&self) -> bool {
        self.order.len() - self.taken_unanswered == self.answered
    }

    pub fn call(&self, place: usize) -> &Call {
        &self.calls[place]
    }

    /// The requests that may come next, the likeliest first, and the moment by which the next one has taken effect.
    pub fn candidates(&self) -> (Vec<usize>, Moment) {
        let mut until = Moment(u64::MAX);
        let mut open: Vec<usize> = Vec::new();
        for place in self.first_open..self.answered {
            let call = &self.calls[place];
            if call.from > until {
                break;
            }
            if !self.taken[place] {
                until = until.min(call.to.unwrap_or(until));
                open.push(place);
            }
        }
        open.retain(|place| self.calls[*place].from <= until);
        // Most servers do it about half-way.
        let middle = |place: &usize| {
            let Call { from, to, .. } = self.calls[*place];
            from.0 / 2 + to.map_or(u64::MAX, |to| to.0) / 2
        };
        open.sort_by_key(|place| (middle(place), *place));
        let unanswered = self.answered..self.calls.len();
        open.extend(unanswered.filter(|place| !self.taken[*place] && self.calls[*place].from <= until));
        (open, until)
    }

    /// The interval in which a candidate takes effect, if it comes next.
    pub fn interval(&self, place: usize, until: Moment) -> Interval {
        let from = self.calls[place].from.max(self.sent.last().copied().unwrap_or_default());
        Interval { from, to: until.max(from) }
    }

    pub fn take(&mut self, place: usize) {
        let sent = self.calls[place].from.max(self.sent.last().copied().unwrap_or_default());
        self.sent.push(sent);
        self.order.push(place);
        self.taken[place] = true;
        self.taken_unanswered += usize::from(place >= self.answered);
        while self.first_open < self.answered && self.taken[self.first_open] {
            self.first_open += 1;
        }
    }

    pub fn give_back(&mut self) {
        let Some(place) = self.order.pop() else { return };
        self.sent.pop();
        self.taken[place] = false;
        if place >= self.answered {
            self.taken_unanswered -= 1;
        } else {
            self.first_open = self.first_open.min(place);
        }
    }

    /// Which requests were taken.
    pub fn state(&self) -> Taken {
        let answered = self.order.len() - self.taken_unanswered;
        let mut beyond = Vec::with_capacity(answered - self.first_open);
        for place in self.first_open..self.answered {
            if beyond.len() == answered - self.first_open {
                break;
            }
            if self.taken[place] {
                beyond.push(place as u32);
            }
        }
        let unanswered = (self.answered..self.calls.len()).filter(|p| self.taken[*p]).map(|p| p as u32).collect();
        Taken { first_open: self.first_open, beyond: beyond.into(), unanswered }
    }
}

/// Worlds, as a state of the search.
pub(super) type Worlds = Vec<Arc<World>>;

/// True if each of `worlds` is covered by one of `by`.
pub(super) fn covered(worlds: &Worlds, by: &Worlds, strictly: bool) -> bool {
    let strictly = strictly || worlds.iter().any(|w| !w.tokens.is_empty());
    worlds.iter().all(|w| by.iter().any(|b| Arc::ptr_eq(b, w) || b.covers(w, strictly)))
}

/// A state from which nothing goes on.
struct DeadEnd {
    worlds: Worlds,
    /// It is not known to be one: somewhere beyond it the oracle could not tell. From fewer worlds it might.
    unclear: bool,
}

/// States from which nothing goes on.
#[derive(Default)]
struct DeadEnds {
    states: FxHashMap<Taken, Vec<DeadEnd>>,
    /// How many requests those states have taken: nothing can be found where there is none of as many.
    lengths: FxHashSet<usize>,
    count: usize,
}

impl DeadEnds {
    fn has(&self, progress: &Progress, worlds: &Worlds, strictly: bool) -> bool {
        let is_covered = |end: &DeadEnd| {
            covered(worlds, &end.worlds, strictly) && (!end.unclear || covered(&end.worlds, worlds, strictly))
        };
        self.lengths.contains(&progress.order.len())
            && self.states.get(&progress.state()).is_some_and(|all| all.iter().any(is_covered))
    }

    fn remember(&mut self, progress: &Progress, end: DeadEnd) {
        if self.count < MOST_REMEMBERED {
            self.count += 1;
            self.lengths.insert(progress.order.len());
            self.states.entry(progress.state()).or_default().push(end);
        }
    }
}

/// A state on the way, with the requests that are still to be tried from it.
struct Frame {
    worlds: Worlds,
    candidates: std::vec::IntoIter<usize>,
    until: Moment,
    /// Somewhere beyond it the oracle could not tell.
    unclear: bool,
}

/// A search for an order of some requests.
pub(super) struct Search<'h> {
    history: &'h History<'h>,
    progress: Progress,
    /// The longest order that was found: places in the history.
    pub longest: Vec<Call>,
    /// Answers that the oracle was asked about.
    pub steps: u64,
    /// The most worlds that were possible at once.
    pub most_worlds: usize,
}

impl<'h> Search<'h> {
    pub fn new(history: &'h History<'h>, calls: Vec<Call>) -> Search<'h> {
        Search { history, progress: Progress::new(history, calls), longest: Vec::new(), steps: 0, most_worlds: 1 }
    }

    /// Looks for an order with at most so many steps.
    pub fn run(&mut self, budget: u64) -> Found {
        let mut oracle = self.history.start.clone();
        oracle.suspicions.clear();
        let strictly = !oracle.settings.muted.is_empty();
        let mut dead_ends = DeadEnds::default();
        let mut unclear: Option<String> = None;
        let mut stack = vec![self.frame(oracle.worlds.clone())];
        while let Some(frame) = stack.last_mut() {
            if self.progress.is_complete() {
                return Found::Order(self.progress.order.iter().map(|p| self.progress.call(*p).event).collect());
            }
            let Some(place) = frame.candidates.next() else {
                let end = stack.pop().map_or_else(
                    || DeadEnd { worlds: Vec::new(), unclear: true },
                    |frame| DeadEnd { worlds: frame.worlds, unclear: frame.unclear },
                );
                if let Some(before) = stack.last_mut() {
                    before.unclear |= end.unclear;
                }
                if self.progress.order.len() > self.longest.len() {
                    self.longest = self.progress.order.iter().map(|p| *self.progress.call(*p)).collect();
                }
                dead_ends.remember(&self.progress, end);
                self.progress.give_back();
                continue;
            };
            if self.steps >= budget {
                return Found::Unknown(format!("no order was found within {budget} steps, nor that there is none"));
            }
            self.steps += 1;
            let interval = self.progress.interval(place, frame.until);
            oracle.worlds.clone_from(&frame.worlds);
            match self.history.step(&mut oracle, self.progress.call(place), interval) {
                Step::Taken => {}
                Step::Wrong(_) | Step::Impossible => continue,
                Step::Unclear(why) => {
                    frame.unclear = true;
                    unclear.get_or_insert(why);
                    continue;
                }
            }
            // Why something was suspected is found out later, along the longest order.
            oracle.suspicions.clear();
            let worlds = std::mem::take(&mut oracle.worlds);
            self.most_worlds = self.most_worlds.max(worlds.len());
            self.progress.take(place);
            if dead_ends.has(&self.progress, &worlds, strictly) {
                self.progress.give_back();
                continue;
            }
            stack.push(self.frame(worlds));
        }
        match unclear {
            Some(why) => Found::Unknown(why),
            None => Found::None,
        }
    }

    fn frame(&self, worlds: Worlds) -> Frame {
        let (candidates, until) = self.progress.candidates();
        Frame { worlds, candidates: candidates.into_iter(), until, unclear: false }
    }
}

/// What the longest order leads to, for somebody who wants to know what is wrong after it.
pub(super) fn replay(history: &History<'_>, calls: Vec<Call>, longest: &[Call]) -> (Oracle, Progress) {
    let mut oracle = history.start.clone();
    let mut progress = Progress::new(history, calls);
    for call in longest {
        let (candidates, until) = progress.candidates();
        let Some(place) = candidates.into_iter().find(|p| progress.call(*p).event == call.event) else { break };
        let interval = progress.interval(place, until);
        history.step(&mut oracle, call, interval);
        progress.take(place);
    }
    (oracle, progress)
}
