//! Histories of overlapping requests: time, memory and oracle steps by their length, for few and for many clients, when
//! resources are many and when they are few.
//!
//! `EIPCHECK_BENCH_CLOUD` names the one law to measure, instead of each of them; `EIPCHECK_BENCH_MOST` is the number of
//! requests of the largest history to measure.

mod common;

use std::{collections::HashSet, sync::Arc, time::Instant};

use common::{Talker, cpu_time, law_of, only_testing, resident};
use eipcheck::{
    oracle::{
        Settings,
        history::{Budget, Event, Outcome, judge},
    },
    run::TOLERANCE,
    scenario::crowd::{self, Manners},
    spec::{
        SpecSource, clouds,
        law::{Law, OutputFrom, Param},
    },
    wire::{Body, Tree},
};

/// How many requests are made in one account: with accounts of their own, groups of clients share nothing.
const SHARED: usize = 20;
/// Answers that the oracle may be asked about to find out whether it can tell whether an account is right.
const PATIENCE: u64 = 50 * SHARED as u64;

fn main() {
    let all = || clouds(&SpecSource::BuiltIn).expect("the built-in law is sound");
    let most = std::env::var("EIPCHECK_BENCH_MOST").map_or(usize::MAX, |most| most.parse().expect("it is a number"));
    for cloud in std::env::var("EIPCHECK_BENCH_CLOUD").map_or_else(|_| all(), |cloud| vec![cloud]) {
        println!("{cloud}");
        of(&cloud, most);
    }
}

fn of(cloud: &str, most: usize) {
    let talker = Talker::new(law_of(cloud));
    let settings = Settings { tolerance: TOLERANCE, muted: Arc::default() };
    let sizes: &[(usize, u32)] = match only_testing() {
        true => &[(100, 2), (100, 50)],
        false => &[
            (100, 2),
            (100, 10),
            (100, 50),
            (1000, 2),
            (1000, 10),
            (1000, 50),
            (1700, 50),
            (10_000, 2),
            (10_000, 10),
            (10_000, 50),
        ],
    };
    println!("requests  clients  groups     steps  steps/request  worlds        time  time/request     memory");
    for (requests, clients) in sizes.iter().copied().filter(|(requests, _)| *requests <= most) {
        let (events, left_out) = history(&talker, &settings, requests, clients);
        // Once for the caches, and once for the figure.
        for measured in [false, true] {
            let (before, cpu, start) = (resident(), cpu_time(), Instant::now());
            let (outcome, work) = judge(&talker.law, &settings, &events, Budget::default());
            let (time, after) = (start.elapsed(), resident());
            assert!(matches!(outcome, Outcome::Explained(_)), "{outcome:?}");
            let cpu = cpu_time().zip(cpu).map(|(after, before)| after - before);
            if measured {
                let memory = after.zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
                let count = events.len();
                println!(
                    "{count:>8}  {clients:>7}  {:>6}  {:>8}  {:>13.2}  {:>6}  {:>7.1} ms  {:>9.1} us  {memory:>6} KiB  cpu {:?}, {left_out} left out",
                    work.groups,
                    work.steps,
                    work.steps as f64 / count as f64,
                    work.most_worlds,
                    time.as_secs_f64() * 1e3,
                    time.as_secs_f64() * 1e6 / count as f64,
                    cpu.unwrap_or_default(),
                );
            }
        }
    }
}

/// A history of so many requests, and how many accounts were left out. The clients share an account in twos to fives, and
/// go on to a new one after a while. Left out are accounts of which it cannot be told whether they are right; those that
/// name something by a value that another account's may have as well (an address, say), list what they do not name, or
/// use a token that others may use, which joins all accounts to one group; and those that name what another one has made,
/// for each is made by a server of its own.
fn history(talker: &Talker, settings: &Settings, requests: usize, clients: u32) -> (Vec<Event>, usize) {
    let mut events: Vec<Event> = Vec::with_capacity(requests);
    let mut seed = 0;
    let mut all = Names::default();
    let mut left_out = 0;
    while events.len() < requests {
        let mut round: Vec<Event> = Vec::new();
        let mut client = 0;
        while client < clients && events.len() + round.len() < requests {
            let together = (2 + (seed % 4) as u32).min(clients - client).max(1);
            let wanted = SHARED.min(requests - events.len() - round.len());
            let manners = Manners { clients: together, requests: wanted, lost: 0, discreet: true };
            let account = crowd::history(settings, &talker.atlas, &talker.strategies, seed, manners);
            // What one account's server knows a token by, another's does not.
            let account: Vec<Event> = account.into_iter().map(|event| with_own_tokens(event, seed)).collect();
            seed += 1;
            // Where more worlds are possible than are kept there is nothing to measure.
            let budget = Budget { steps: PATIENCE, ..Budget::default() };
            if !matches!(judge(&talker.law, settings, &account, budget).0, Outcome::Explained(_)) {
                left_out += 1;
                continue;
            }
            let names = Names::of(&talker.law, &account);
            if account.iter().any(|event| joins_all(&talker.law, event)) || names.clash_with(&all) {
                left_out += 1;
                continue;
            }
            all.made.extend(names.made);
            all.asked.extend(names.asked);
            round.extend(account.into_iter().map(|event| Event { client: event.client + client, ..event }));
            client += together;
        }
        // One account after the other in time, those of one round side by side.
        let start = events.iter().map(|e| e.interval.to.0).max().map_or(0, |end| end + 1);
        for event in &mut round {
            event.interval.from.0 += start;
            event.interval.to.0 += start;
        }
        events.extend(round);
    }
    (events, left_out)
}

/// True if a request names something by a value that is not its id, shows what it does not name, or has a token that is
/// not made for it.
fn joins_all(law: &Law, event: &Event) -> bool {
    let is_sent = |param: &Param| event.request.args.iter().any(|(name, _)| *name == param.name);
    let operation = &law[event.request.operation];
    let sent = operation.params.iter().filter(|param| is_sent(param));
    let lists = operation.output.iter().any(|output| match &output.from {
        OutputFrom::Selected { by, .. } => !by.iter().any(|ix| is_sent(&operation.params[*ix as usize])),
        _ => false,
    });
    let token = operation.token.as_ref().map(|token| &operation.params[token.param as usize].name);
    let mut tokens = event.request.args.iter().filter(|(name, _)| Some(name) == token);
    let shared = tokens.any(|(_, tree)| !matches!(tree, Tree::Text(text) if text.starts_with(crowd::TOKENS)));
    lists || shared || sent.flat_map(|param| &param.names).any(|reference| law.is_guessable(reference))
}

/// The same with tokens that no other account uses.
fn with_own_tokens(mut event: Event, account: u64) -> Event {
    event.request.args.iter_mut().for_each(|(_, tree)| with_own_token(tree, account));
    if let Some(Body::Success(tree)) = event.answer.as_mut().map(|answer| &mut answer.body) {
        with_own_token(tree, account);
    }
    event
}

fn with_own_token(tree: &mut Tree, account: u64) {
    match tree {
        Tree::Text(text) if text.starts_with(crowd::TOKENS) => *text = format!("{text}-{account}").into(),
        Tree::Text(_) => {}
        Tree::List(items) => items.iter_mut().for_each(|item| with_own_token(item, account)),
        Tree::Struct(members) => members.iter_mut().for_each(|(_, member)| with_own_token(member, account)),
    }
}

/// The texts by which requests of some accounts could name something.
#[derive(Default)]
struct Names {
    /// Those that answers have shown.
    made: HashSet<Arc<str>>,
    /// Those that requests have named.
    asked: HashSet<Arc<str>>,
}

impl Names {
    fn of(law: &Law, account: &[Event]) -> Names {
        let mut names = Names::default();
        for event in account {
            event.request.args.iter().for_each(|(_, tree)| collect(law, tree, &mut names.asked));
            if let Some(Body::Success(tree)) = event.answer.as_ref().map(|answer| &answer.body) {
                collect(law, tree, &mut names.made);
            }
        }
        names
    }

    fn clash_with(&self, others: &Names) -> bool {
        let both = |own: &HashSet<Arc<str>>, other: &HashSet<Arc<str>>| own.iter().any(|name| other.contains(name));
        both(&self.made, &others.made) || both(&self.made, &others.asked) || both(&self.asked, &others.made)
    }
}

fn collect(law: &Law, tree: &Tree, found: &mut HashSet<Arc<str>>) {
    let mut named = law.kinds.iter().flat_map(|kind| &kind.fields).filter(|field| field.names);
    match tree {
        Tree::Text(text) if named.any(|f| f.pattern.as_ref().is_some_and(|p| p.is_match(text))) => {
            found.insert(text.clone());
        }
        Tree::Text(_) => {}
        Tree::List(items) => items.iter().for_each(|item| collect(law, item, found)),
        Tree::Struct(members) => members.iter().for_each(|(_, member)| collect(law, member, found)),
    }
}
