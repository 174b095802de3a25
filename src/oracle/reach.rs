//! What a request can tell anything about: the resources that are connected with those that it names.
//!
//! A change that may or may not have happened makes two worlds of one. But a request that has nothing to do with it is
//! answered alike in both, so the world stays one, with the change still to come, until somebody asks about something
//! that is connected with it. (It is a partial-order reduction: P. Godefroid, "Partial-Order Methods for the Verification
//! of Concurrent Systems", LNCS 1032, 1996.) Why nothing else matters: what a request meets and changes depends on the
//! resources that it names, on those that can be reached from them by references in either direction, on what it
//! creates, and on what is remembered of its token. Expressions of a law begin at what the request names; nothing in them
//! ranges over all that there is.

use rustc_hash::FxHashSet;

use crate::{
    model::{
        input::{self, Reading},
        time::Moment,
        token::Use,
        value::{Handle, Value},
        world::{Lookup, Timer, World},
    },
    spec::law::{Law, OutputFrom, Reference},
    wire::{Request, Tree},
};

/// The resources that a request can tell anything about that is sent at this moment; none for all of them, or if it
/// cannot be told.
pub fn reach(law: &Law, world: &World, request: &Request, read: &Reading, now: Moment) -> Option<FxHashSet<Handle>> {
    if shows_unnamed(law, request) || world.has_foundlings || !world.lost.is_empty() {
        return None;
    }
    let operation = &law[request.operation];
    let mut open: Vec<Handle> = Vec::new();
    for param in operation.params.iter().filter(|p| !p.names.is_empty()) {
        for text in read.input.texts(&param.name).iter().filter(|text| !input::is_plain(param, text)) {
            let may_be = |r: &Reference| world.lookup(law, r.kind, r.by, text) == Lookup::Undecided;
            if param.names.iter().any(may_be) {
                return None;
            }
            open.extend(world.named(text));
        }
    }
    if let Some(token) = &operation.token {
        let texts = read.input.texts(&operation.params[token.param as usize].name);
        let is_sent = |used: &&Use| texts.iter().any(|text| **text == used.sent.token);
        open.extend(world.tokens.iter().filter(is_sent).flat_map(|used| used.about()));
    }
    Some(connected(world, open, now))
}

/// The resources that are connected with these, or with a change that must have happened by this moment: another change
/// that may have come before that one may have kept it from happening.
pub fn connected(world: &World, mut open: Vec<Handle>, now: Moment) -> FxHashSet<Handle> {
    open.extend(world.timers.iter().filter(|timer| timer.is_due(now)).flat_map(ends));
    let mut reached = FxHashSet::default();
    loop {
        while let Some(handle) = open.pop() {
            let Some(resource) = world.get(handle).filter(|_| reached.insert(handle)) else { continue };
            resource.fields.iter().for_each(|value| refer(value, &mut open));
            open.extend(world.referrers(handle));
        }
        // A change may connect what is apart until then.
        for timer in &world.timers {
            let ends = ends(timer);
            if ends.iter().any(|end| reached.contains(end)) {
                open.extend(ends.into_iter().filter(|end| !reached.contains(end) && world.get(*end).is_some()));
            }
        }
        if open.is_empty() {
            return reached;
        }
    }
}

/// True if a change has to do with one of these resources.
pub fn concerns(timer: &Timer, reached: &FxHashSet<Handle>) -> bool {
    ends(timer).iter().any(|end| reached.contains(end))
}

/// The resources that a change is about, and those that it sets references to.
fn ends(timer: &Timer) -> Vec<Handle> {
    let mut ends = Vec::with_capacity(timer.steps.len());
    for step in timer.steps.iter() {
        ends.push(step.on);
        step.set.iter().flatten().for_each(|(_, value)| refer(value, &mut ends));
    }
    ends
}

fn refer(value: &Value, found: &mut Vec<Handle>) {
    match value {
        Value::Ref(handle) => found.push(*handle),
        Value::List(values) => values.iter().for_each(|value| refer(value, found)),
        _ => {}
    }
}

/// True if the answer may show resources that the request does not name.
pub fn shows_unnamed(law: &Law, request: &Request) -> bool {
    let operation = &law[request.operation];
    let given = |ix: &u32| {
        let param = &operation.params[*ix as usize];
        let empty = |tree: &Tree| matches!(tree, Tree::List(items) if items.is_empty());
        request.args.iter().any(|(name, tree)| *name == param.name && !empty(tree))
    };
    operation.output.iter().any(|output| match &output.from {
        OutputFrom::Selected { by, .. } => !by.iter().any(given),
        _ => false,
    })
}
