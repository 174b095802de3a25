//! What a request can tell anything about, and the changes that it can therefore tell of.
//!
//! A change that may or may not have happened makes two worlds of one. But a request that has nothing to do with it is
//! answered alike in both, so the world stays one, with the change still to come, until somebody asks about something
//! that the change makes different. (It is a partial-order reduction: P. Godefroid, "Partial-Order Methods for the
//! Verification of Concurrent Systems", LNCS 1032, 1996.)
//!
//! Why nothing else matters: what a request meets and changes depends on the resources that it names, on those that the
//! references lead to which the law's expressions for its operation follow, in the direction in which they follow them,
//! on what it creates, and on what is remembered of its token. Expressions of a law begin at what the request names;
//! nothing in them ranges over all that there is. An answer is held against all that besides, and against what it names
//! itself. Of those resources it depends on the fields that the operation looks at, and on whether they are there; of what
//! an earlier request with its token was about, on whether it stands as that one left it. So a change can be put off if it
//!
//! - neither deletes one of those resources nor sets a field that the operation looks at or sets,
//! - is no change of what an earlier request with the token was about,
//! - is not kept from happening by what the operation changes, and
//! - comes to the same before and after each change that is not put off.
//!
//! Then the request and the changes that are not put off come to the same whether it happens before or after them, and
//! the world in which it is still to come stands for both. (What the two worlds then differ in is only who is to blame
//! for a later violation: which is so of every change that may come after a request as well as before it.)

use rustc_hash::FxHashSet;

use crate::{
    model::{
        input::{self, Reading},
        time::Interval,
        token::Use,
        value::{Handle, Value},
        world::{Lookup, Timer, TimerStep, World},
    },
    spec::{
        expr::Expr,
        law::{FieldIx, KindIx, Law, OutputFrom, Reference},
        looks::Footprint,
    },
    wire::{Answer, Body, Request, Tree},
};

/// Changes of a world, by where their steps are: that stays the same while others happen.
#[derive(Debug, Default)]
pub struct Changes(FxHashSet<usize>);

impl Changes {
    /// True if this change is one of them.
    pub fn has(&self, timer: &Timer) -> bool {
        self.0.contains(&place(timer))
    }
}

fn place(timer: &Timer) -> usize {
    timer.steps.as_ptr().addr()
}

/// A request as far as it matters to what it can tell.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The request.
    pub request: &'a Request,
    /// Its arguments.
    pub read: &'a Reading,
    /// Its answer, if anybody has seen it.
    pub answer: Option<&'a Answer>,
}

/// The changes that may have happened by some moment of an interval in which a request was answered, and that the request
/// can tell of; none for all of them, or if it cannot be told.
pub fn reach(law: &Law, world: &World, asked: Asked<'_>, interval: Interval) -> Option<Changes> {
    let Asked { request, read, answer } = asked;
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
    let footprint = Some(&operation.footprint).filter(|footprint| !footprint.is_unclear);
    let mut standing = FxHashSet::default();
    if let Some(token) = &operation.token {
        let texts = read.input.texts(&operation.params[token.param as usize].name);
        let is_sent = |used: &&Use| texts.iter().any(|text| **text == used.sent.token);
        for used in world.tokens.iter().filter(is_sent) {
            open.extend(used.about());
            standing.extend(used.about());
        }
    }
    if let Some(Body::Success(tree)) = answer.map(|answer| &answer.body) {
        named_in(world, tree, &mut open);
    }
    Some(changes(law, world, open, Looked { footprint, standing: &standing }, interval))
}

/// The changes that have to do with those that must have happened by this moment.
pub fn due(law: &Law, world: &World, interval: Interval) -> Changes {
    changes(law, world, Vec::new(), Looked { footprint: None, standing: &FxHashSet::default() }, interval)
}

/// How somebody looks at the resources that are asked about.
#[derive(Clone, Copy)]
struct Looked<'a> {
    /// What of them is looked at and changed; none for all.
    footprint: Option<&'a Footprint>,
    /// Those of which it matters whether they stand as an earlier request has left them: any change of theirs does.
    standing: &'a FxHashSet<Handle>,
}

/// The changes that matter to somebody who asks about these resources and looks at them like this, or to those that must
/// have happened: another one that may have come before may have kept one from happening.
fn changes(law: &Law, world: &World, mut open: Vec<Handle>, looked: Looked<'_>, interval: Interval) -> Changes {
    let mut reached: FxHashSet<Handle> = FxHashSet::default();
    let mut found = Changes::default();
    let mut put_off: Vec<&Timer> = Vec::new();
    let mut taken: Vec<&Timer> = Vec::new();
    let may_happen = |t: &&Timer| t.earliest <= interval.to || t.is_due(interval.from);
    for timer in world.timers.iter().filter(may_happen) {
        match timer.is_due(interval.from) {
            true => taken.push(timer),
            false => put_off.push(timer),
        }
    }
    taken.iter().for_each(|timer| open.extend(ends(timer)));
    // What is connected with none of them is out of the question.
    let near = connected(world, open.clone());
    put_off.retain(|timer| ends(timer).iter().any(|end| near.contains(end)));
    loop {
        while let Some(handle) = open.pop() {
            if reached.insert(handle) {
                next_to(world, handle, looked.footprint, &mut open);
            }
        }
        let before = taken.len();
        put_off.retain(|timer| {
            let matters = tells(law, world, timer, &reached, looked)
                || taken.iter().any(|other| !commute(law, world, timer, other));
            if matters {
                taken.push(timer);
                // A change may connect what is apart until then.
                open.extend(ends(timer));
            }
            !matters
        });
        if taken.len() == before && open.is_empty() {
            found.0.extend(taken.into_iter().map(place));
            return found;
        }
    }
}

/// The resources that are connected with these in any way.
fn connected(world: &World, mut open: Vec<Handle>) -> FxHashSet<Handle> {
    let mut reached = FxHashSet::default();
    loop {
        while let Some(handle) = open.pop() {
            if reached.insert(handle) {
                next_to(world, handle, None, &mut open);
            }
        }
        // A change may connect what is apart until then.
        for ends in world.timers.iter().map(ends) {
            if ends.iter().any(|end| reached.contains(end)) {
                open.extend(ends.into_iter().filter(|end| !reached.contains(end)));
            }
        }
        if open.is_empty() {
            return reached;
        }
    }
}

/// The resources that somebody who asks about one looks at as well.
fn next_to(world: &World, handle: Handle, footprint: Option<&Footprint>, open: &mut Vec<Handle>) {
    let Some(resource) = world.get(handle) else { return };
    let Some(footprint) = footprint else {
        resource.fields.iter().for_each(|value| refer(value, open));
        open.extend(world.referrers(handle));
        return;
    };
    for (field, value) in resource.fields.iter().enumerate() {
        if footprint.looks.goes_on(resource.kind, field as u32) {
            refer(value, open);
        }
    }
    for from in world.referrers(handle) {
        let Some(referrer) = world.get(*from) else { continue };
        let mut fields = referrer.fields.iter().enumerate().filter(|(_, value)| **value == Value::Ref(handle));
        if fields.any(|(field, _)| footprint.looks.goes_back(referrer.kind, field as u32)) {
            open.push(*from);
        }
    }
}

/// True if somebody who asks about these resources may be answered otherwise after this change, or keep it from happening.
fn tells(law: &Law, world: &World, timer: &Timer, reached: &FxHashSet<Handle>, looked: Looked<'_>) -> bool {
    let Some(footprint) = looked.footprint else { return ends(timer).iter().any(|end| reached.contains(end)) };
    timer.steps.iter().any(|step| {
        if looked.standing.contains(&step.on) {
            return true;
        }
        let is_reached = reached.contains(&step.on);
        let unless = World::unless(law, step);
        if unless.is_some_and(|expr| (is_reached || !expr.read().stays(law)) && asks_what_changes(law, expr, footprint))
        {
            return true;
        }
        let Some(kind) = world.get(step.on).map(|resource| resource.kind) else { return false };
        let Some(set) = &step.set else { return is_reached };
        let concerns = |value: &Value| {
            let mut ends = Vec::new();
            refer(value, &mut ends);
            ends.iter().any(|end| reached.contains(end))
        };
        let is_seen = |field: u32| footprint.looks.has(kind, field) || footprint.changes.has(kind, field);
        // What is found by a text is found wherever it is.
        let is_name = |field: u32| law[kind].fields[field as usize].names;
        set.iter().any(|(field, value)| is_name(*field) || (is_reached || concerns(value)) && is_seen(*field))
    })
}

/// True if a condition looks at something that an operation changes.
fn asks_what_changes(law: &Law, expr: &Expr, footprint: &Footprint) -> bool {
    let changes = &footprint.changes;
    let is_changed = |(kind, field): &(KindIx, FieldIx)| {
        let spec = &law[*kind].fields[*field as usize];
        match (spec.to, spec.of) {
            (Some(from), Some(of)) => changes.has(from, of),
            _ => changes.has(*kind, *field),
        }
    };
    let read = expr.read();
    read.is_unclear || read.fields.iter().any(is_changed) || expr.kinds().iter().any(|kind| changes.has_all_of(*kind))
}

/// True if two changes come to the same in either order: they change different resources, and neither asks about what the
/// other one changes.
fn commute(law: &Law, world: &World, one: &Timer, other: &Timer) -> bool {
    let resource = |step: &TimerStep| world.get(step.on).filter(|resource| resource.live);
    let meet = |step: &TimerStep| other.steps.iter().any(|s| s.on == step.on) && resource(step).is_some();
    let asks = |step: &TimerStep, of: &Timer| {
        let Some(expr) = World::unless(law, step).filter(|expr| !expr.read().stays(law)) else { return false };
        let is_asked = |s: &TimerStep| resource(s).is_some_and(|r| expr.kinds().contains(&r.kind));
        expr.read().is_unclear || of.steps.iter().any(is_asked)
    };
    !one.steps.iter().any(|step| meet(step) || asks(step, other)) && !other.steps.iter().any(|step| asks(step, one))
}

/// The groups of changes, of more than one each, that may come to something else in another order.
pub fn dependent(law: &Law, world: &World, mut rest: Vec<&Timer>) -> Vec<Changes> {
    let mut groups = Vec::new();
    while let Some(first) = rest.pop() {
        let mut group = vec![first];
        let mut next = 0;
        while let Some(one) = group.get(next).copied() {
            let (joined, apart) = rest.into_iter().partition(|other| !commute(law, world, one, other));
            let joined: Vec<&Timer> = joined;
            group.extend(joined);
            rest = apart;
            next += 1;
        }
        if group.len() > 1 {
            groups.push(Changes(group.into_iter().map(place).collect()));
        }
    }
    groups
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

/// The resources that the texts of an answer name.
fn named_in(world: &World, tree: &Tree, found: &mut Vec<Handle>) {
    match tree {
        Tree::Text(text) => found.extend(world.named(text)),
        Tree::List(items) => items.iter().for_each(|item| named_in(world, item, found)),
        Tree::Struct(members) => members.iter().for_each(|(_, member)| named_in(world, member, found)),
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
