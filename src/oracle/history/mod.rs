//! Histories: requests of several clients that overlap in time, judged as a whole.
//!
//! A history is right if some order of its requests explains every answer. The order must respect real time (a request
//! whose answer was in before another one was sent comes before that one), and each request takes effect at one moment
//! between its sending and its answer. This is linearizability (M. Herlihy and J. Wing, "Linearizability: a correctness
//! condition for concurrent objects", TOPLAS 12(3), 1990), with the oracle's set of worlds as the sequential model.
//!
//! # The moment of a step
//!
//! The oracle judges a step by an interval. Along an order `c1, c2, …` the moments rise, so the moment of `ci` lies
//! between the latest sending among `c1 … ci` and the earliest answer among `ci, ci+1, …`; and each moment in between is
//! that of some valid choice of all moments. Both bounds are known when the step is taken, whatever comes later, because
//! what comes later is everything that has not been taken. So each step is judged by exactly this interval, which is
//! within the request's own one:
//!
//! - Nothing right is rejected: whatever the true moments are, each is within the interval that its step is judged by,
//!   and the oracle keeps every world that is possible at any moment of it.
//! - Nothing wrong is accepted for being judged too early or too late. What remains is the freedom that the oracle gives
//!   requests one by one as well: it does not tie the moment of one step to that of another within their intervals. It is
//!   at most as long as the intervals are.
//!
//! A request whose answer was lost, or says that the target was not available, may have taken effect at any moment after
//! it was sent, or never. One that was sent away (throttled, or told that the target is busy) has changed nothing.
//!
//! # The parts
//!
//! - `partition`: histories are judged by groups of connected resources.
//! - `search`: looks for an order.
//! - `shrink`: the smallest set of requests that has none.
//! - [`together`]: a few overlapping requests in the middle of a scenario.

mod partition;
mod search;
mod shrink;
pub mod together;

use std::sync::Arc;

use super::{
    Oracle, Settings,
    judge::{Judgement, Verdict, Violation},
    reach::{Asked, reach},
};
use crate::{
    model::{
        effect,
        eval::EvalFailure,
        input::Reading,
        time::{Interval, Moment},
        token::First,
        world::World,
    },
    spec::law::{Change, Law},
    wire::{Answer, Body, Request, Tree},
};

/// A request of a history, and what came of it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who sent it. Only for people: the order depends on the times alone.
    pub client: u32,
    /// The request.
    pub request: Request,
    /// When it was sent, and when its answer was in. Without an answer the end means nothing.
    pub interval: Interval,
    /// The answer; none if it never came.
    pub answer: Option<Answer>,
}

/// How much work may be done.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Oracle steps to find an order, or that there is none.
    pub steps: u64,
    /// Further ones to find out which requests it is about.
    pub shrinking: u64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { steps: 200_000, shrinking: 50_000 }
    }
}

/// The judgement of a history.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// This order explains every answer; requests without an answer are in it only if they must have happened.
    Explained(Vec<usize>),
    /// No order does.
    Violation(Box<Contradiction>),
    /// It was not found out, for this reason.
    Unknown(String),
}

/// A set of requests that no order explains.
#[derive(Clone, Debug)]
pub struct Contradiction {
    /// The broken rule, by the longest order that was found.
    pub violation: Violation,
    /// The request whose answer fits no order of the others. Without it there is an order.
    pub culprit: usize,
    /// The requests, the culprit among them, in the order in which they were sent. Without any one of them the rest can
    /// be ordered, or shows something else, because it depends on that one.
    pub calls: Vec<usize>,
    /// False if the work was cut off before the set was known to be the smallest.
    pub smallest: bool,
}

/// What judging a history took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Answers that the oracle was asked about while an order was looked for.
    pub steps: u64,
    /// Groups of connected resources.
    pub groups: usize,
    /// The most states that were possible at once.
    pub most_worlds: usize,
}

/// Judges a history that begins with nothing.
pub fn judge(law: &Arc<Law>, settings: &Settings, events: &[Event], budget: Budget) -> (Outcome, Work) {
    let history = History::new(law, settings, events);
    let groups = partition::groups(law, events);
    let mut work = Work { groups: groups.len(), ..Work::default() };
    let mut orders = Vec::with_capacity(groups.len());
    let mut unknown = None;
    for group in &groups {
        let mut search = search::Search::new(&history, history.calls(group));
        let found = search.run(budget.steps.saturating_sub(work.steps));
        work.steps += search.steps;
        work.most_worlds = work.most_worlds.max(search.most_worlds);
        match found {
            search::Found::Order(order) => orders.push(order),
            search::Found::None => {
                let contradiction = shrink::shrink(&history, group, budget.shrinking);
                return (Outcome::Violation(Box::new(contradiction)), work);
            }
            search::Found::Unknown(why) => {
                // Another group may still show a violation.
                unknown.get_or_insert(why);
            }
        }
    }
    match unknown {
        Some(why) => (Outcome::Unknown(why), work),
        None => (Outcome::Explained(interleave(events, orders)), work),
    }
}

/// One order from the orders of groups that have nothing to do with each other. Each request is put at the earliest
/// moment that its group's order allows, which is within its interval.
fn interleave(events: &[Event], orders: Vec<Vec<usize>>) -> Vec<usize> {
    let mut placed: Vec<(Moment, usize)> = Vec::with_capacity(events.len());
    for order in orders {
        let mut latest = Moment(0);
        placed.extend(order.into_iter().map(|event| {
            latest = latest.max(events[event].interval.from);
            (latest, event)
        }));
    }
    placed.sort_by_key(|(moment, _)| *moment);
    placed.into_iter().map(|(_, event)| event).collect()
}

/// Handles that each request may give to what it creates. One that creates more has no numbers of its own for the rest;
/// then equal states may be taken for different ones, which costs time and nothing else.
const HANDLES: u32 = 256;

/// A history with what its judging needs.
struct History<'a> {
    events: &'a [Event],
    /// The oracle before the first request.
    start: Oracle,
    /// The first number that no resource has at the start.
    first: u32,
}

/// A request as the search sees it.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// Its place in the history.
    event: usize,
    from: Moment,
    /// When its answer was in; none if it may have happened later or never.
    to: Option<Moment>,
}

impl<'a> History<'a> {
    fn new(law: &Arc<Law>, settings: &Settings, events: &'a [Event]) -> History<'a> {
        History::from(Oracle::new(law.clone(), settings.clone()), events)
    }

    /// A history that goes on from what an oracle knows.
    fn from(start: Oracle, events: &'a [Event]) -> History<'a> {
        let first = start.worlds.iter().map(|w| w.next_number()).max().unwrap_or(0);
        History { events, start, first }
    }

    /// Some of the requests, as they are.
    fn calls(&self, events: &[usize]) -> Vec<Call> {
        events.iter().map(|event| self.call(*event)).collect()
    }

    /// True if somebody could tell that the request was sent. Whoever was sent away (throttled, busy) has changed nothing.
    fn matters(&self, call: &Call) -> bool {
        let Event { request, answer, .. } = &self.events[call.event];
        let sent_away = matches!(answer, Some(Answer { body: Body::Error { .. }, .. }));
        call.to.is_some() || !(sent_away || self.start.law[request.operation].reads)
    }

    /// True if another request carries the token of this one.
    fn shares_token(&self, event: usize) -> bool {
        let law = &self.start.law;
        let token = |event: &'a Event| -> Option<&'a Tree> {
            let operation = &law[event.request.operation];
            let name = &operation.params[operation.token.as_ref()?.param as usize].name;
            event.request.args.iter().find(|(n, _)| n == name).map(|(_, tree)| tree)
        };
        let own = token(&self.events[event]);
        own.is_some() && self.events.iter().enumerate().any(|(place, other)| place != event && token(other) == own)
    }

    fn call(&self, event: usize) -> Call {
        let Event { interval, answer, .. } = &self.events[event];
        let tells = answer.as_ref().is_some_and(|a| self.start.says_nothing(a).is_none() && !self.start.is_busy(a));
        Call { event, from: interval.from, to: tells.then_some(interval.to) }
    }

    /// Numbers what the request creates, so that it is the same in every order.
    fn number(&self, oracle: &mut Oracle, event: usize) {
        let operation = &oracle.law[self.events[event].request.operation];
        if operation.effects.iter().any(|e| matches!(e.change, Change::Create { .. })) {
            let place = u32::try_from(event).unwrap_or(u32::MAX).saturating_mul(HANDLES);
            let number = self.first.saturating_add(place).min(u32::MAX / 2);
            let suspected = oracle.suspicions.iter_mut().map(|(world, _)| world);
            for world in oracle.worlds.iter_mut().chain(suspected) {
                Arc::make_mut(world).number_from(number);
            }
        }
    }

    /// Takes a request in an oracle, at a moment within `interval`.
    fn step(&self, oracle: &mut Oracle, call: &Call, interval: Interval) -> Step {
        self.step_noting(oracle, call, interval, &mut |_| {})
    }

    /// The same, and tells what the oracle said of the answer.
    fn step_noting(
        &self,
        oracle: &mut Oracle,
        call: &Call,
        interval: Interval,
        note: &mut dyn FnMut(&Judgement),
    ) -> Step {
        let event = &self.events[call.event];
        self.number(oracle, call.event);
        // An answer that came after the end of what is looked at says all the same what may have happened before.
        let judgement = match &event.answer {
            Some(answer) if self.start.says_nothing(answer).is_none() => oracle.judge(&event.request, interval, answer),
            _ if self.shares_token(call.event) => {
                return Step::Unclear("a token was used again whose first answer was lost".into());
            }
            _ => return oracle.happens(&event.request, interval, Token::Unseen),
        };
        note(&judgement);
        match judgement.verdict {
            Verdict::Explained => Step::Taken,
            Verdict::Violation(violation) => Step::Wrong(violation),
            Verdict::Indeterminate(why) => Step::Unclear(why),
        }
    }
}

/// What becomes of the token of a request whose answer nobody has seen.
#[derive(Clone, Copy)]
enum Token {
    /// Nothing: what a repeat of it would be answered, nobody knows.
    Unseen,
    /// It is known as that of an accepted request, with nothing in its answer.
    Remembered,
}

/// What came of a step.
enum Step {
    /// The oracle has taken it.
    Taken,
    /// No world explains the answer.
    Wrong(Violation),
    /// The request cannot have taken effect here.
    Impossible,
    /// It cannot be told.
    Unclear(String),
}

impl Oracle {
    /// What it would know if a request were done at this moment, its answer unseen. None if it cannot be done, or nobody
    /// can tell what comes of it.
    pub fn supposing(&self, request: &Request, now: Moment) -> Option<Oracle> {
        let mut supposing = self.clone();
        let step = supposing.happens(request, Interval { from: now, to: now }, Token::Remembered);
        matches!(step, Step::Taken).then_some(supposing)
    }

    /// A request takes effect whose answer nobody has seen: only the worlds remain that may have accepted it.
    fn happens(&mut self, request: &Request, interval: Interval, token: Token) -> Step {
        let read = Reading::of(&self.law, request);
        let asked = Asked { request, read: &read, answer: None };
        let worlds = match self.possible(interval, &|world| reach(&self.law, world, asked, interval)) {
            Ok(worlds) => worlds,
            Err(unclear) => return Step::Unclear(super::judge::why(unclear)),
        };
        let mut after: Vec<Arc<World>> = Vec::new();
        for world in &worlds {
            let assessment = match self.assess(world, request) {
                Ok(assessment) => assessment,
                Err(why) => return Step::Unclear(why),
            };
            let repeats = assessment.again.as_ref().is_some_and(|again| again.only);
            if repeats || (!assessment.may_accept() && !assessment.undecided) {
                continue;
            }
            if assessment.unforeseeable {
                return Step::Unclear("nobody knows what comes of a request whose answer was lost".into());
            }
            match effect::apply(&self.law, &assessment, interval, self.settings.tolerance) {
                Ok(mut outcome) => {
                    let created = outcome.scope.world.len() > world.len();
                    let world = Arc::make_mut(&mut outcome.scope.world);
                    if created {
                        world.has_foundlings = true;
                    }
                    if let (Token::Remembered, Some(sent)) = (token, assessment.token) {
                        let first =
                            First::new(&self.law, world, interval.to, outcome.scope.vars, Tree::Struct(Vec::new()));
                        world.tokens.accepted(sent, first);
                    }
                    super::advance::merge(&mut after, [outcome.scope.world]);
                }
                Err(EvalFailure::Broken(why)) => return Step::Unclear(format!("the law cannot be applied: {why}")),
                Err(_) => return Step::Unclear("an effect depends on something that nobody has seen".into()),
            }
        }
        if after.is_empty() {
            return Step::Impossible;
        }
        self.worlds = after;
        self.suspicions.clear();
        Step::Taken
    }
}
