//! An answer that no world explains, although one would if a change had happened at another time: too early, too late,
//! or not for good. Then the rule of that change is broken, and no other.
//!
//! Only answers of reading operations are looked at in this way. What another operation accepts or refuses may have more
//! reasons than the time, and a look tells them apart.

use std::sync::Arc;

use super::{
    Oracle,
    advance::{advance, without_windows},
    judge::{Fate, Violation, describe},
    reach::{Asked, reach},
};
use crate::{
    model::{
        assess::assess_as_read,
        input::Reading,
        time::{Interval, Moment},
        world::{Fired, Resource, World},
    },
    spec::law::RuleIx,
    wire::{Answer, Request},
};

/// Worlds that are looked at in this way at most: what one of them misses, another one rarely shows.
const MOST_LOOKED_AT: usize = 16;

/// What is wrong with the time of a change.
enum Fault {
    /// It has happened before this moment, the earliest.
    Early(Moment),
    /// It has not happened by this moment, the latest.
    Late(Moment),
    /// It had been seen to happen, at least in part, and has not.
    Undone,
}

impl Oracle {
    /// The violation of the rule whose change explains the answer if it happened at another time; none if there is no
    /// such rule.
    pub(super) fn untimely(
        &self,
        worlds: &[Arc<World>],
        request: &Request,
        read: &Reading,
        interval: Interval,
        answer: &Answer,
    ) -> Option<Violation> {
        if !self.law[request.operation].reads {
            return None;
        }
        let asked = Asked { request, read, answer: Some(answer) };
        for world in worlds.iter().take(MOST_LOOKED_AT) {
            for (rule, fault) in faults(world, interval) {
                let Some(opened) = without_windows(&self.law, world, rule) else { continue };
                let within = |world: &World| reach(&self.law, world, asked, interval);
                let possible = advance(&self.law, &self.settings, &Arc::new(opened), interval, &within);
                let possible = possible.unwrap_or_default();
                let lives = |w: &Arc<World>| {
                    let assessment = assess_as_read(&self.law, w, request, read);
                    matches!(self.fate(assessment, interval, answer), Fate::Lives(..))
                };
                if possible.iter().any(lives) {
                    return Some(violation(rule, &fault, interval, answer));
                }
            }
        }
        None
    }
}

/// The rules of which a change may have come at a wrong time, each once.
fn faults(world: &World, interval: Interval) -> Vec<(RuleIx, Fault)> {
    let mut found: Vec<(RuleIx, Fault)> = Vec::new();
    let mut add = |rule: RuleIx, fault: Fault| {
        if !found.iter().any(|(r, _)| *r == rule) {
            found.push((rule, fault));
        }
    };
    for fired in world.fired() {
        for rule in fired.timer.rules() {
            if !was_seen(world, fired, rule) {
                if let Some(latest) = fired.timer.latest.filter(|latest| *latest < interval.from) {
                    add(rule, Fault::Late(latest));
                }
            } else if !is_claimed(world, fired) {
                add(rule, Fault::Undone);
            }
        }
    }
    for timer in world.timers.iter().filter(|t| t.earliest > interval.to) {
        timer.rules().into_iter().for_each(|rule| add(rule, Fault::Early(timer.earliest)));
    }
    found
}

/// True if a look has shown something that a rule's part of a change made.
fn was_seen(world: &World, fired: &Fired, rule: RuleIx) -> bool {
    fired.before.iter().any(|was| {
        world.get(was.on).is_some_and(|resource| match &was.fields {
            None => resource.life.rule == Some(rule) && resource.life.seen,
            Some(fields) => fields.iter().any(|(field, _)| {
                let proof = resource.proofs[*field as usize];
                proof.rule == Some(rule) && proof.seen
            }),
        })
    })
}

/// True if a later request had to leave alone what a change made, and nobody has looked since: then that request is to
/// blame.
fn is_claimed(world: &World, fired: &Fired) -> bool {
    let is_unchanged = |resource: &Resource| resource.claims.iter().any(|claim| !claim.there);
    fired.before.iter().any(|was| world.get(was.on).is_some_and(is_unchanged))
}

fn violation(rule: RuleIx, fault: &Fault, interval: Interval, answer: &Answer) -> Violation {
    let (allowed, came) = match fault {
        Fault::Early(earliest) => {
            let left = earliest.since(interval.to).as_secs_f64();
            (format!("it happens in {left:.1} s at the earliest"), "it has happened already")
        }
        Fault::Late(latest) => {
            let over = interval.from.since(*latest).as_secs_f64();
            (format!("it has happened, {over:.1} s ago at the latest, the tolerance included"), "it has not happened")
        }
        Fault::Undone => {
            let allowed = "it has happened, as has been seen, as a whole and for good";
            (allowed.to_owned(), "it is as if it, or a part of it, had not happened")
        }
    };
    Violation { rule, allowed, came: format!("{came} ({})", describe(answer)) }
}
