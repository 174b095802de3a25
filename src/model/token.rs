//! What a world remembers of requests that carried a token, and what a request with a known token is to the earlier one.
//!
//! A token is remembered together with the parameters that it came with. Whatever signs or numbers a request on the wire
//! (a signature, a nonce, a timestamp) is no parameter of an operation and takes no part in the comparison.

use std::sync::Arc;

use imbl::Vector;

use super::{
    input::{Input, InputValue},
    time::Moment,
    value::{Handle, Value},
    world::World,
};
use crate::{
    spec::{
        file::ScalarType,
        law::{Law, Operation, OperationIx, Param},
    },
    wire::{Request, Tree},
};

/// How many tokens a world remembers. More than all the scenarios use that are played at a time; bounds the memory of a server that runs for long.
const MOST_TOKENS: usize = 512;

/// A request with a token.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    /// The token.
    pub token: Arc<str>,
    /// The operation.
    pub operation: OperationIx,
    /// The other arguments as they were sent, by name.
    pub args: Vec<(Arc<str>, Tree)>,
    /// Arguments that the operation does not have. That they are passed over does not say that they may differ.
    undeclared: Vec<(Arc<str>, Tree)>,
    /// The arguments as they were read.
    input: Arc<Input>,
}

/// The first answer to a token.
#[derive(Debug, PartialEq, Eq)]
pub struct First {
    /// Until when the token is certainly remembered.
    pub until: Moment,
    /// The variables that the answer's expressions saw.
    pub vars: Vec<(Arc<str>, Value)>,
    /// The answer.
    pub answer: Tree,
    /// The resources that the request named and created, as they stood afterwards.
    about: Vec<(Handle, Standing)>,
}

/// How a resource stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It is there.
    There,
    /// Something has been done to get rid of it.
    Leaving,
    /// It is gone.
    Gone,
}

impl Standing {
    fn of(law: &Law, world: &World, handle: Handle) -> Standing {
        let Some(resource) = world.get(handle).filter(|r| r.live) else { return Standing::Gone };
        let removes = |operation: OperationIx| law[resource.kind].undo.iter().any(|(undo, _)| *undo == operation);
        match resource.proofs.iter().filter_map(|p| law[p.rule?].operation).any(removes) {
            true => Standing::Leaving,
            false => Standing::There,
        }
    }
}

/// What became of the request that a token came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was accepted.
    Accepted(Arc<First>),
    /// It was refused.
    Refused,
}

/// A token and the request that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The request.
    pub sent: Arc<Sent>,
    /// What became of it.
    pub fate: Fate,
    /// It may have been forgotten by now.
    pub old: bool,
}

impl Use {
    /// The resources that the request named and created, if it was accepted.
    pub fn about(&self) -> impl Iterator<Item = Handle> {
        let first = match &self.fate {
            Fate::Accepted(first) => Some(first),
            Fate::Refused => None,
        };
        first.into_iter().flat_map(|first| first.about())
    }

    /// True if the request was accepted.
    pub fn is_accepted(&self) -> bool {
        matches!(self.fate, Fate::Accepted(_))
    }
}

/// What two requests with one token have to do with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// They are the same.
    Same,
    /// They may mean the same: one leaves out what the other one says, or says it in another order.
    Alike,
    /// They are different.
    Different,
}

/// The tokens that a world remembers, in the order of their first use.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Vector<Arc<Use>>);

impl Sent {
    /// What is to be remembered of a request.
    pub fn new(operation: &Operation, request: &Request, token: Arc<str>, input: Arc<Input>) -> Sent {
        let is_token = |name: &str| operation.token.as_ref().is_some_and(|t| is(operation, t.param, name));
        let mut args: Vec<_> = request.args.iter().filter(|(name, _)| !is_token(name)).cloned().collect();
        args.sort_by(|(a, _), (b, _)| a.cmp(b));
        Sent { token, operation: request.operation, args, undeclared: request.undeclared.clone(), input }
    }

    /// What it has to do with another request for the same operation.
    pub fn likeness(&self, operation: &Operation, other: &Sent) -> Likeness {
        if self.args == other.args && self.undeclared == other.undeclared {
            return Likeness::Same;
        }
        let aside = |name: &str| {
            operation.token.as_ref().is_some_and(|t| is(operation, t.param, name))
                || operation.dry_run.is_some_and(|(param, _)| is(operation, param, name))
        };
        let differs = |param: &Param| differs(param, self.input.get(&param.name), other.input.get(&param.name));
        match operation.params.iter().filter(|p| !aside(&p.name)).any(differs) {
            true => Likeness::Different,
            false => Likeness::Alike,
        }
    }
}

fn is(operation: &Operation, param: u32, name: &str) -> bool {
    *operation.params[param as usize].name == *name
}

/// True if two values of a parameter certainly do not mean the same. What is left out may stand for anything that the
/// service holds to be usual, except for names and lists.
fn differs(param: &Param, one: Option<&InputValue>, other: Option<&InputValue>) -> bool {
    let plain = |kind: ScalarType| !matches!(kind, ScalarType::Struct | ScalarType::Timestamp);
    match (one, other) {
        (None, None) => false,
        (Some(one), Some(other)) => plain(param.of.unwrap_or(param.kind)) && !same(one, other),
        _ => !param.names.is_empty() || (param.kind == ScalarType::List && param.of.is_some_and(plain)),
    }
}

/// True if two values are the same; nobody says that the order of a list matters.
fn same(one: &InputValue, other: &InputValue) -> bool {
    match (one, other) {
        (InputValue::List(one), InputValue::List(other)) => {
            let within = |a: &[InputValue], b: &[InputValue]| a.iter().all(|v| b.contains(v));
            within(one, other) && within(other, one)
        }
        (one, other) => one == other,
    }
}

impl First {
    /// An answer that left the world like this.
    pub fn new(law: &Law, world: &World, until: Moment, vars: Vec<(Arc<str>, Value)>, answer: Tree) -> First {
        let mut about = Vec::new();
        vars.iter().for_each(|(_, value)| collect(value, &mut about));
        about.sort_unstable();
        about.dedup();
        // What has no name is a part of something, or only noted: no request is about it.
        about.retain(|handle| world.get(*handle).is_some_and(|r| law[r.kind].id.is_some()));
        let about = about.into_iter().map(|handle| (handle, Standing::of(law, world, handle))).collect();
        First { until, vars, answer, about }
    }

    /// The resources that the request named and created.
    pub fn about(&self) -> impl Iterator<Item = Handle> {
        self.about.iter().map(|(handle, _)| *handle)
    }

    /// True if nothing that the request left in place has gone, or is going, since.
    pub fn stands(&self, law: &Law, world: &World) -> bool {
        self.about.iter().all(|(handle, then)| Standing::of(law, world, *handle) <= *then)
    }

    /// True if something that the request was about is still to change.
    pub fn is_under_way(&self, world: &World) -> bool {
        world.timers.iter().flat_map(|t| t.steps.iter()).any(|step| self.about().any(|handle| handle == step.on))
    }
}

fn collect(value: &Value, into: &mut Vec<Handle>) {
    match value {
        Value::Ref(handle) => into.push(*handle),
        Value::List(values) => values.iter().for_each(|v| collect(v, into)),
        _ => {}
    }
}

impl Tokens {
    /// The use of a token by an operation, and whether another operation has used it.
    pub fn find(&self, token: &str, operation: OperationIx) -> (Option<&Arc<Use>>, bool) {
        let mut elsewhere = false;
        for used in self.0.iter().filter(|u| *u.sent.token == *token) {
            if used.sent.operation == operation {
                return (Some(used), elsewhere);
            }
            elsewhere = true;
        }
        (None, elsewhere)
    }

    /// Every use, in the order of the first ones.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Use> {
        self.0.iter().map(|u| &**u)
    }

    /// Remembers that a request was accepted.
    pub fn accepted(&mut self, sent: Arc<Sent>, first: First) {
        self.remember(Use { sent, fate: Fate::Accepted(Arc::new(first)), old: false });
    }

    /// Remembers that a request was refused, unless its token is known already.
    pub fn refused(&mut self, sent: &Arc<Sent>) {
        if self.find(&sent.token, sent.operation).0.is_none() {
            self.remember(Use { sent: sent.clone(), fate: Fate::Refused, old: false });
        }
    }

    /// True if the two remember the same, and what is certainly remembered here is certainly remembered there.
    pub fn covers(&self, other: &Tokens) -> bool {
        let covers = |u: &Use, v: &Use| {
            u.sent == v.sent
                && u.old >= v.old
                && match (&u.fate, &v.fate) {
                    (Fate::Refused, Fate::Refused) => true,
                    (Fate::Accepted(a), Fate::Accepted(b)) => {
                        a.until <= b.until && a.vars == b.vars && a.answer == b.answer && a.about == b.about
                    }
                    _ => false,
                }
        };
        self.0.len() == other.0.len()
            && other.0.iter().all(|v| self.0.iter().any(|u| Arc::ptr_eq(u, v) || covers(u, v)))
    }

    /// True if nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn remember(&mut self, new: Use) {
        let same = |u: &Arc<Use>| u.sent.token == new.sent.token && u.sent.operation == new.sent.operation;
        match self.0.iter().position(same) {
            Some(place) => {
                self.0.set(place, Arc::new(new));
            }
            None => {
                self.0.push_back(Arc::new(new));
                if self.0.len() > MOST_TOKENS {
                    self.0.pop_front();
                }
            }
        }
    }

    /// True if some token is no longer certainly remembered at this moment, and was before.
    pub fn ages(&self, now: Moment) -> bool {
        self.0.iter().any(|u| expires(u, now))
    }

    /// Takes note of the moment.
    pub fn age(&mut self, now: Moment) {
        for used in self.0.iter_mut() {
            if expires(used, now) {
                Arc::make_mut(used).old = true;
            }
        }
    }
}

fn expires(used: &Use, now: Moment) -> bool {
    !used.old && matches!(&used.fate, Fate::Accepted(first) if first.until < now)
}

impl PartialEq for Tokens {
    fn eq(&self, other: &Tokens) -> bool {
        self.0.ptr_eq(&other.0)
            || self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
    }
}
