//! Several clients that talk to the reference at once, in simulated time: histories that are right by construction.
//!
//! Each request takes effect at a moment of its own between its sending and its answer, and each later change happens at
//! some moment of its window; all of them are drawn from a seed. The clients share what they create.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    sync::Arc,
};

use super::{
    atlas::Atlas,
    step::{Call, Symbol},
    strategy::{Strategies, Walk},
};
use crate::{
    model::{
        forward::{Dice, Forward},
        time::{Interval, Moment},
        world::{Timer, World},
    },
    oracle::{Oracle, Settings, handles::seen_text, history::Event, judge::Verdict},
    spec::law::{Law, Operation},
    wire::{Body, Request, Tree},
};

/// The longest that a request takes, in microseconds.
const LONGEST_REQUEST: usize = 20_000;
/// The longest pause between an answer and the next request of a client, most of the time.
const PAUSE: usize = 5_000;
/// The longest pause now and then, long enough for what is under way to come to its end.
const LONG_PAUSE: usize = 4_000_000;
/// One in so many pauses is a long one.
const LONG_PAUSES: usize = 12;
/// What tokens begin with.
pub const TOKENS: &str = "eipcheck-crowd";

/// How a crowd behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// How many clients there are.
    pub clients: u32,
    /// How many requests they make in all.
    pub requests: usize,
    /// One in so many answers is lost; none are if this is 0.
    pub lost: usize,
    /// They look at nothing that they do not name, and name nothing by a value that they only guess.
    pub discreet: bool,
}

/// Something that is going to happen.
#[derive(Debug, PartialEq, Eq)]
enum Todo {
    /// A client sends its next request.
    Send(u32),
    /// A request takes effect.
    Act { client: u32, request: Request, interval: Interval },
}

/// What several clients see of a reference, as far as an oracle with these settings can follow. The same seed gives the
/// same history.
pub fn history(settings: &Settings, atlas: &Atlas, strategies: &Strategies, seed: u64, manners: Manners) -> Vec<Event> {
    let law = strategies.law();
    let mut crowd = Crowd {
        law,
        atlas,
        manners,
        forward: Forward::new(law.clone(), seed),
        oracle: Oracle::new(law.clone(), settings.clone()),
        sent: Moment(0),
        dice: Dice::new(seed ^ 0x0063_726f_7764),
        seen: HashSet::new(),
        todo: BinaryHeap::new(),
        things: Vec::new(),
    };
    let mut walk = Walk::new(strategies, seed, 0);
    for client in 1..=manners.clients {
        let start = crowd.dice.below(PAUSE) as u64;
        crowd.plan(Moment(start), Todo::Send(client));
    }
    let mut events = Vec::with_capacity(manners.requests);
    let mut sent = 0;
    // A law that has nothing to ask for any more ends it, too.
    let mut left = manners.requests * 20;
    while let Some(Reverse((now, place))) = crowd.todo.pop() {
        match std::mem::replace(&mut crowd.things[place], Todo::Send(0)) {
            Todo::Send(client) if sent < manners.requests && left > 0 => {
                left -= 1;
                match crowd.draw(&mut walk) {
                    Some(request) => {
                        sent += 1;
                        let takes = 100 + crowd.dice.below(LONGEST_REQUEST);
                        let moment = Moment(now.0 + crowd.dice.below(takes + 1) as u64);
                        let interval = Interval { from: now, to: Moment(now.0 + takes as u64) };
                        crowd.plan(moment, Todo::Act { client, request, interval });
                    }
                    None => crowd.plan(Moment(now.0 + 1), Todo::Send(client)),
                }
            }
            Todo::Send(_) => {}
            Todo::Act { client, request, interval } => {
                events.extend(crowd.act(client, request, interval, now));
                let long = crowd.dice.below(LONG_PAUSES) == 0;
                let pause = 1 + crowd.dice.below(if long { LONG_PAUSE } else { PAUSE });
                crowd.plan(Moment(interval.to.0 + pause as u64), Todo::Send(client));
            }
        }
    }
    events
}

struct Crowd<'a> {
    law: &'a Arc<Law>,
    atlas: &'a Atlas,
    manners: Manners,
    forward: Forward,
    /// What is known of it to somebody who sees the answers in the order in which the requests took effect.
    oracle: Oracle,
    /// The latest sending among those requests.
    sent: Moment,
    dice: Dice,
    /// Every text that an answer has shown: nobody can name what nobody has seen.
    seen: HashSet<Arc<str>>,
    todo: BinaryHeap<Reverse<(Moment, usize)>>,
    things: Vec<Todo>,
}

impl Crowd<'_> {
    fn plan(&mut self, moment: Moment, todo: Todo) {
        self.things.push(todo);
        self.todo.push(Reverse((moment, self.things.len() - 1)));
    }

    fn draw(&mut self, walk: &mut Walk<'_>) -> Option<Request> {
        let world = self.forward.world().clone();
        let call = walk.next(self.atlas, std::slice::from_ref(&world))?;
        let operation = &self.law[call.operation];
        let names = |name: &Arc<str>| operation.params.iter().any(|p| p.name == *name && !p.names.is_empty());
        if self.manners.discreet && operation.reads && !call.args.iter().any(|(name, _)| names(name)) {
            return None;
        }
        if self.manners.discreet && call.args.iter().any(|(name, symbol)| self.guesses(operation, name, symbol)) {
            return None;
        }
        self.can_name(&world, &call).then(|| call.resolve(self.law, &[world], TOKENS))?
    }

    /// True if an argument names something by a value that others may have as well (an address, say), and not one that
    /// an answer has shown.
    fn guesses(&self, operation: &Operation, name: &Arc<str>, symbol: &Symbol) -> bool {
        let param = operation.params.iter().find(|p| p.name == *name);
        param.is_some_and(|param| param.names.iter().any(|r| self.law.is_guessable(r))) && has_text(symbol)
    }

    fn can_name(&self, world: &World, call: &Call) -> bool {
        fn seen(symbol: &Symbol, world: &World, texts: &HashSet<Arc<str>>) -> bool {
            match symbol {
                Symbol::Text(_) | Symbol::Token(_) => true,
                Symbol::Of { kind, ordinal, field } => world
                    .nth(*kind, *ordinal)
                    .and_then(|handle| seen_text(world, handle, *field))
                    .is_some_and(|text| texts.contains(&text)),
                Symbol::List(items) => items.iter().all(|item| seen(item, world, texts)),
                Symbol::Struct(members) => members.iter().all(|(_, member)| seen(member, world, texts)),
            }
        }
        call.args.iter().all(|(_, symbol)| seen(symbol, world, &self.seen))
    }

    /// Lets a request take effect. None if an oracle that sees nothing but the answers cannot tell what comes of it (the
    /// law is silent): then it is as if it had not been sent.
    fn act(&mut self, client: u32, request: Request, interval: Interval, now: Moment) -> Option<Event> {
        self.forward.pass_time(now);
        let under_way = self.forward.world().timers.len();
        let (mut forward, mut oracle) = (self.forward.clone(), self.oracle.clone());
        let answer = forward.answer(&request, now);
        let sent = self.sent.max(interval.from);
        let judgement = oracle.judge(&request, Interval { from: sent, to: interval.to }, &answer);
        if matches!(judgement.verdict, Verdict::Indeterminate(_)) {
            return None;
        }
        (self.forward, self.oracle, self.sent) = (forward, oracle, sent);
        let dice = &mut self.dice;
        self.forward.reschedule(under_way, &mut |timer: &Timer| {
            let latest = timer.latest.unwrap_or(Moment(timer.earliest.0.saturating_add(LONG_PAUSE as u64)));
            let room = usize::try_from(latest.0.saturating_sub(timer.earliest.0)).unwrap_or(usize::MAX - 1);
            Moment(timer.earliest.0.saturating_add(dice.below(room + 1) as u64))
        });
        let lost = self.manners.lost > 0 && self.dice.below(self.manners.lost) == 0;
        if let (Body::Success(tree), false) = (&answer.body, lost) {
            note(tree, &mut self.seen);
        }
        Some(Event { client, request, interval, answer: (!lost).then_some(answer) })
    }
}

fn has_text(symbol: &Symbol) -> bool {
    match symbol {
        Symbol::Text(_) => true,
        Symbol::Token(_) | Symbol::Of { .. } => false,
        Symbol::List(items) => items.iter().any(has_text),
        Symbol::Struct(members) => members.iter().any(|(_, member)| has_text(member)),
    }
}

fn note(tree: &Tree, seen: &mut HashSet<Arc<str>>) {
    match tree {
        Tree::Text(text) => {
            seen.insert(text.clone());
        }
        Tree::List(items) => items.iter().for_each(|item| note(item, seen)),
        Tree::Struct(members) => members.iter().for_each(|(_, member)| note(member, seen)),
    }
}
