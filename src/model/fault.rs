//! Where a server can be made to depart from the law on purpose, so that it can be seen whether anybody notices.
//!
//! The reference does what the law says; at each place where that can go wrong it asks its fault, if it has one. What
//! faults there are is for others to say. Nobody who judges knows of them.

use std::{fmt::Debug, sync::Arc};

use super::{assess::Assessment, eval::Scope, forward::Decision, time::Moment, world::World};
use crate::{
    spec::law::{Law, OperationIx},
    wire::{Answer, Request, Tree, http::HttpResponse},
};

/// An accepted request while it is being done.
#[derive(Clone, Copy)]
pub struct Doing<'a> {
    /// The law.
    pub law: &'a Arc<Law>,
    /// What the law says of the request.
    pub assessment: &'a Assessment,
    /// The world before it.
    pub before: &'a Arc<World>,
    /// The present moment.
    pub now: Moment,
}

/// A way of departing from the law. Each method is told what would be right, and leaves it as it is unless it is where
/// this fault lies.
pub trait Fault: Debug + Send + Sync {
    /// A request is about to be answered; another one was under way at the same time if it is `overlapped`.
    fn answers(&self, _overlapped: bool) {}

    /// How a request is answered.
    fn decide(&self, _law: &Arc<Law>, _world: &Arc<World>, _request: &Request, right: Decision) -> Decision {
        right
    }

    /// A refusal. True if what was refused is done all the same.
    fn refused(&self, _law: &Arc<Law>, _assessment: &mut Assessment, _answer: &mut Answer) -> bool {
        false
    }

    /// What an accepted request has changed: `after` holds the world and the variables.
    fn done(&self, _doing: &Doing<'_>, _after: &mut Scope) {}

    /// The values that the service has chosen.
    fn named(&self, _doing: &Doing<'_>, _after: &mut World) {}

    /// What the answer to an accepted request shows.
    fn shown(&self, _doing: &Doing<'_>, _after: &Scope, _tree: &mut Tree) {}

    /// An answer as it is going to be sent.
    fn written(&self, _law: &Law, _operation: OperationIx, _answer: &Answer, _response: &mut HttpResponse) {}
}
