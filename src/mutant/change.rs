//! Wrong changes: what an accepted request does to the world, taken back, doubled, moved, or put off.
//!
//! The true effects have been applied already. What a rule has made of the world is found by comparing the worlds before
//! and after, for each change carries the rule that it comes from; then it is made wrong.

use std::{sync::Arc, time::Duration};

use super::{Changes, broken::Broken};
use crate::{
    model::{
        effect,
        eval::Scope,
        fault::Doing,
        time::Moment,
        value::{Handle, Value},
        world::{Timer, TimerStep, World},
    },
    spec::{
        expr::{ANYTHING, Expr},
        file::FieldKind,
        law::{Change, Effect, FieldIx, KindIx, Law, RuleIx, ShownFrom},
    },
};

/// By how much a late change misses the last moment that is right.
const LATE: Duration = Duration::from_secs(3600);
/// How soon after it happened a change is undone.
const SOON: Duration = Duration::from_secs(1);

/// What a rule has changed at once.
struct Made {
    created: Vec<Handle>,
    deleted: Vec<Handle>,
    /// What was before, and what is now.
    set: Vec<(Handle, FieldIx, Value, Value)>,
}

impl Made {
    fn by(rule: RuleIx, before: &World, after: &World) -> Made {
        let mut made = Made { created: Vec::new(), deleted: Vec::new(), set: Vec::new() };
        made.created.extend(after.since(before).filter(|h| after.get(*h).is_some_and(|r| r.life.rule == Some(rule))));
        for (handle, is) in after.iter() {
            let Some(was) = before.get(handle) else {
                let fields = is.fields.iter().enumerate().filter(|(ix, _)| is.proofs[*ix].rule == Some(rule));
                made.set.extend(fields.map(|(ix, now)| (handle, ix as FieldIx, Value::Null, now.clone())));
                continue;
            };
            if was.live && !is.live && is.life.rule == Some(rule) {
                made.deleted.push(handle);
            }
            for (ix, (old, new)) in was.fields.iter().zip(&is.fields).enumerate() {
                if old != new && is.proofs[ix].rule == Some(rule) {
                    made.set.push((handle, ix as FieldIx, old.clone(), new.clone()));
                }
            }
        }
        made
    }

    /// Everything that existed before and was changed, each once.
    fn touched(&self) -> Vec<Handle> {
        let mut touched: Vec<Handle> = self.set.iter().map(|(h, ..)| *h).chain(self.deleted.iter().copied()).collect();
        touched.sort_unstable();
        touched.dedup();
        touched
    }
}

/// Makes what the rule of a fault has changed wrong.
pub(super) fn done(broken: &Broken, changes: &Changes, doing: &Doing<'_>, after: &mut Scope) {
    let (law, rule) = (doing.law, broken.rule());
    if law[rule].operation.is_some_and(|own| own != doing.assessment.operation) {
        return;
    }
    if let Changes::NotKept | Changes::KeptGoes = changes {
        return keep_not(broken, matches!(changes, Changes::KeptGoes), doing, after);
    }
    let made = Made::by(rule, doing.before, &after.world);
    let first = doing.before.timers.len();
    let world = Arc::make_mut(&mut after.world);
    let later: Vec<usize> =
        (first..world.timers.len()).filter(|ix| world.timers[*ix].steps.iter().any(|s| s.rule == rule)).collect();
    if made.created.is_empty() && made.deleted.is_empty() && made.set.is_empty() && later.is_empty() {
        return;
    }
    // Whether there is anything to be made wrong is known before an occasion is counted.
    let wrong = Wrong { law, rule, doing, made, later };
    let mut trial = world.clone();
    if wrong.make(changes, &mut trial) && broken.departs() {
        *world = trial;
    }
}

struct Wrong<'a> {
    law: &'a Arc<Law>,
    rule: RuleIx,
    doing: &'a Doing<'a>,
    made: Made,
    /// Places of changes that are still to come.
    later: Vec<usize>,
}

impl Wrong<'_> {
    /// True if there was something to be made wrong.
    fn make(&self, changes: &Changes, world: &mut World) -> bool {
        match changes {
            Changes::Missing(None) => self.undo_all(world),
            Changes::Missing(Some((kind, field))) => self.undo_field(world, *kind, *field),
            Changes::Value(kind, field) => self.other_value(world, *kind, *field),
            Changes::Doubled => self.double(world),
            Changes::Other => self.others(world, true),
            Changes::All => self.others(world, false),
            Changes::First => self.first_only(world),
            Changes::Early => self.early(world),
            Changes::Late => self.late(world),
            Changes::Undone => self.undone(world),
            Changes::NotKept | Changes::KeptGoes => false,
        }
    }

    fn undo_all(&self, world: &mut World) -> bool {
        self.take_back(world, &|_| true);
        true
    }

    /// Takes back what was done to some resources.
    fn take_back(&self, world: &mut World, to: &dyn Fn(Handle) -> bool) {
        for (handle, field, old, _) in self.made.set.iter().filter(|(h, ..)| to(*h)) {
            world.set(self.law, *handle, *field, old.clone(), None);
        }
        for handle in self.made.created.iter().filter(|h| to(**h)) {
            world.delete(*handle, self.rule);
        }
        for handle in self.made.deleted.iter().filter(|h| to(**h)) {
            world.revive(*handle);
        }
        self.keep_steps(world, &|step| !to(step.on));
    }

    /// Leaves out parts of this rule's later changes.
    fn keep_steps(&self, world: &mut World, keep: &dyn Fn(&TimerStep) -> bool) {
        self.each_step(world, &|step| if keep(step) { vec![step.clone()] } else { Vec::new() });
    }

    /// Replaces the parts of this rule's later changes.
    fn each_step(&self, world: &mut World, becomes: &dyn Fn(&TimerStep) -> Vec<TimerStep>) {
        for place in &self.later {
            let timer = &mut world.timers[*place];
            let own = |step: &TimerStep| if step.rule == self.rule { becomes(step) } else { vec![step.clone()] };
            timer.steps = timer.steps.iter().flat_map(own).collect();
        }
        world.timers.retain(|timer| !timer.steps.is_empty());
    }

    fn is_of(&self, world: &World, handle: Handle, kind: KindIx) -> bool {
        world.get(handle).is_some_and(|r| r.kind == kind)
    }

    /// The later changes of this rule.
    fn steps<'w>(&'w self, world: &'w World) -> impl Iterator<Item = &'w TimerStep> {
        let all = self.later.iter().flat_map(|place| world.timers[*place].steps.iter());
        all.filter(|step| step.rule == self.rule)
    }

    fn undo_field(&self, world: &mut World, kind: KindIx, field: FieldIx) -> bool {
        self.change_field(world, kind, field, &|_, old| Some(old.clone()))
    }

    fn other_value(&self, world: &mut World, kind: KindIx, field: FieldIx) -> bool {
        let law = self.law.clone();
        let given = given(&law, self.rule, kind, field);
        self.change_field(world, kind, field, &|new, old| {
            other_than(&law, kind, field, new, &|v| v == old || given.contains(v))
        })
    }

    /// Gives a field that this rule sets another value: what it makes of the new one and the old one.
    fn change_field(
        &self,
        world: &mut World,
        kind: KindIx,
        field: FieldIx,
        becomes: &dyn Fn(&Value, &Value) -> Option<Value>,
    ) -> bool {
        let mut changed = false;
        let unset = unset(self.law, kind, field);
        let mut set: Vec<(Handle, Value, Value)> = self
            .made
            .set
            .iter()
            .filter(|(h, f, ..)| *f == field && self.is_of(world, *h, kind))
            .map(|(h, _, old, new)| (*h, old.clone(), new.clone()))
            .collect();
        for handle in self.made.created.iter().filter(|h| self.is_of(world, **h, kind)) {
            let now = world.get(*handle).map_or(Value::Null, |r| r.fields[field as usize].clone());
            set.push((*handle, unset.clone(), now));
        }
        for (handle, old, new) in set {
            if let Some(value) = becomes(&new, &old).filter(|value| *value != new) {
                world.set(self.law, handle, field, value, None);
                changed = true;
            }
        }
        let before: Vec<(Handle, Value)> = self
            .steps(world)
            .filter(|step| self.is_of(world, step.on, kind))
            .filter_map(|step| Some((step.on, world.get(step.on)?.fields[field as usize].clone())))
            .collect();
        let is_of = |on: Handle| before.iter().find(|(h, _)| *h == on).map(|(_, old)| old);
        let altered = |step: &TimerStep| {
            let (Some(old), Some(set)) = (is_of(step.on), &step.set) else { return vec![step.clone()] };
            let set: Vec<_> = set
                .iter()
                .filter_map(|(f, new)| match becomes(new, old) {
                    Some(value) if *f == field => (value != *old).then_some((*f, value)),
                    _ => Some((*f, new.clone())),
                })
                .collect();
            if set.is_empty() { Vec::new() } else { vec![TimerStep { set: Some(set), ..step.clone() }] }
        };
        changed |= self.steps(world).any(|step| altered(step).first() != Some(step));
        self.each_step(world, &altered);
        changed
    }

    fn double(&self, world: &mut World) -> bool {
        for handle in &self.made.created {
            let Some(one) = world.get(*handle).cloned() else { continue };
            let other = world.create(self.law, one.kind, self.rule);
            for (ix, value) in one.fields.into_iter().enumerate() {
                world.set(self.law, other, ix as FieldIx, value, None);
            }
        }
        !self.made.created.is_empty()
    }

    /// Lets the changes happen to others of the kind: to one in place of the right one, or to all as well.
    fn others(&self, world: &mut World, instead: bool) -> bool {
        let mut touched = self.made.touched();
        touched.extend(self.steps(world).map(|step| step.on));
        touched.retain(|handle| self.doing.before.get(*handle).is_some());
        let of = |world: &World, handle: Handle| -> Vec<Handle> {
            let Some(kind) = self.doing.before.get(handle).map(|r| r.kind) else { return Vec::new() };
            let others = self.doing.before.live(kind).map(|(h, _)| h).filter(|h| !touched.contains(h));
            let others: Vec<Handle> = others.filter(|h| world.get(*h).is_some_and(|r| r.live)).collect();
            if instead { others.into_iter().take(1).collect() } else { others }
        };
        let (mut found, made) = (false, &self.made);
        for (handle, field, old, new) in made.set.iter().filter(|(h, ..)| touched.contains(h)) {
            for other in of(world, *handle) {
                found |= world.get(other).is_some_and(|r| r.fields[*field as usize] != *new);
                world.set(self.law, other, *field, new.clone(), None);
                if instead {
                    world.set(self.law, *handle, *field, old.clone(), None);
                }
            }
        }
        for handle in &made.deleted {
            for other in of(world, *handle) {
                found = true;
                world.delete(other, self.rule);
                if instead {
                    world.revive(*handle);
                }
            }
        }
        let shared = world.clone();
        found |= self.steps(world).any(|step| !of(&shared, step.on).is_empty());
        self.each_step(world, &|step| {
            let others = of(&shared, step.on);
            let own = (!instead || others.is_empty()).then(|| step.clone());
            own.into_iter().chain(others.into_iter().map(|on| TimerStep { on, ..step.clone() })).collect()
        });
        found
    }

    fn first_only(&self, world: &mut World) -> bool {
        let mut all = self.made.touched();
        all.extend(&self.made.created);
        all.extend(self.steps(world).map(|step| step.on));
        all.sort_unstable();
        all.dedup();
        let several = |handle: Handle| {
            let kind = world.get(handle).map(|r| r.kind);
            all.iter().copied().find(|h| world.get(*h).map(|r| r.kind) == kind) != Some(handle)
        };
        let rest: Vec<Handle> = all.iter().copied().filter(|h| several(*h)).collect();
        self.take_back(world, &|handle| rest.contains(&handle));
        !rest.is_empty()
    }

    fn early(&self, world: &mut World) -> bool {
        let mut found = false;
        let timers: Vec<Timer> = self.later.iter().map(|place| world.timers[*place].clone()).collect();
        let mut place = 0;
        world.timers.retain(|_| {
            place += 1;
            !self.later.contains(&(place - 1))
        });
        let mut shared = Arc::new(std::mem::take(world));
        for timer in timers {
            found = true;
            effect::fire(self.law, &mut shared, &timer);
        }
        *world = Arc::unwrap_or_clone(shared);
        found
    }

    fn late(&self, world: &mut World) -> bool {
        let mut found = false;
        for place in &self.later {
            let timer = &mut world.timers[*place];
            if let Some(latest) = timer.latest {
                timer.usually = latest.max(timer.usually).plus(LATE);
                found = true;
            }
        }
        found
    }

    fn undone(&self, world: &mut World) -> bool {
        let mut undoing: Vec<(Moment, TimerStep)> = Vec::new();
        let step = |on, set| TimerStep { rule: self.rule, unless: None, on, set };
        let now = self.doing.now.plus(SOON);
        for (handle, field, old, _) in &self.made.set {
            undoing.push((now, step(*handle, Some(vec![(*field, old.clone())]))));
        }
        undoing.extend(self.made.created.iter().map(|handle| (now, step(*handle, None))));
        for place in &self.later {
            let timer = &world.timers[*place];
            for own in timer.steps.iter().filter(|s| s.rule == self.rule) {
                let (Some(set), Some(was)) = (&own.set, world.get(own.on)) else { continue };
                let old = set.iter().map(|(field, _)| (*field, was.fields[*field as usize].clone())).collect();
                undoing.push((timer.usually.plus(SOON), step(own.on, Some(old))));
            }
        }
        let found = !undoing.is_empty();
        for (usually, step) in undoing {
            world.timers.push(Timer {
                earliest: usually,
                latest: None,
                usually,
                rule: self.rule,
                steps: Arc::new([step]),
            });
        }
        found
    }
}

/// True if a field of something new is nothing unless it is set.
pub(super) fn is_null_at_first(law: &Law, kind: KindIx, field: FieldIx) -> bool {
    unset(law, kind, field) == Value::Null
}

/// What a field is before anything is known of it.
fn unset(law: &Law, kind: KindIx, field: FieldIx) -> Value {
    match law[kind].fields[field as usize].kind {
        FieldKind::Flag => Value::Bool(false),
        FieldKind::Integer => Value::Int(0),
        _ => Value::Null,
    }
}

/// The values that the operation of a rule gives a field.
fn given(law: &Law, rule: RuleIx, kind: KindIx, field: FieldIx) -> Vec<Value> {
    let effects = law[rule].operation.into_iter().flat_map(|ix| &law[ix].effects);
    effects
        .flat_map(|effect| told(effect, kind, field))
        .filter_map(literal)
        .map(|text| Value::Text(text.into()))
        .collect()
}

/// What an effect sets a field to.
pub(super) fn told(effect: &Effect, kind: KindIx, field: FieldIx) -> Vec<&Expr> {
    match &effect.change {
        Change::Create { kind: k, set, .. } if *k == kind => {
            set.iter().filter(|(f, _)| *f == field).map(|(_, expr)| expr).collect()
        }
        Change::Set { set, .. } => {
            set.iter().filter(|(k, f, _)| (*k, *f) == (kind, field)).map(|(_, _, expr)| expr).collect()
        }
        _ => Vec::new(),
    }
}

/// The text that an expression is, if it is one.
pub(super) fn literal(expr: &Expr) -> Option<&str> {
    expr.source().trim().strip_prefix('\'')?.strip_suffix('\'').filter(|text| !text.contains('\''))
}

/// Another value of a field, if possible none of those to avoid; none if none is known.
fn other_than(law: &Law, kind: KindIx, field: FieldIx, value: &Value, avoid: &dyn Fn(&Value) -> bool) -> Option<Value> {
    let spec = &law[kind].fields[field as usize];
    Some(match (spec.kind, value) {
        (FieldKind::Flag, Value::Bool(is)) => Value::Bool(!is),
        (FieldKind::Integer, Value::Int(number)) => Value::Int(number + 1),
        (FieldKind::State, Value::Text(text)) => {
            let others = || spec.values.iter().filter(|other| *other != text).cloned().map(Value::Text);
            others().find(|other| !avoid(other)).or_else(|| others().next())?
        }
        (FieldKind::Text, Value::Text(text)) => Value::Text(format!("{text}x").into()),
        _ => return None,
    })
}

/// True if a field that a rule sets can be given another value: what it is set to is one, and not nothing or anything.
pub(super) fn has_others(law: &Law, rule: RuleIx, kind: KindIx, field: FieldIx) -> bool {
    let spec = &law[kind].fields[field as usize];
    let effects = law[rule].operation.into_iter().flat_map(|ix| &law[ix].effects).filter(|e| e.rule == rule);
    let is_value = |expr: &Expr| !["null", ANYTHING].contains(&expr.source().trim());
    if !effects.flat_map(|effect| told(effect, kind, field)).any(is_value) {
        return false;
    }
    match spec.kind {
        FieldKind::Flag | FieldKind::Integer | FieldKind::Text => true,
        FieldKind::State => spec.values.len() > 1,
        _ => false,
    }
}

/// The fields that the effects of a rule set, at once or later.
pub(super) fn fields_set(law: &Law, rule: RuleIx) -> Vec<(KindIx, FieldIx)> {
    let mut fields = Vec::new();
    let effects = law[rule].operation.into_iter().flat_map(|ix| &law[ix].effects).filter(|e| e.rule == rule);
    for effect in effects {
        match &effect.change {
            Change::Create { kind, set, .. } => fields.extend(set.iter().map(|(field, _)| (*kind, *field))),
            Change::Set { set, .. } => fields.extend(set.iter().map(|(kind, field, _)| (*kind, *field))),
            Change::Delete(_) => {}
        }
    }
    fields.sort_unstable();
    fields.dedup();
    fields
}

/// The names of the fields that the effects of a rule set, and of those that list what refers to a resource by them; of all
/// effects of its operation if it has none.
pub(super) fn names_of_changes(law: &Law, rule: RuleIx) -> Vec<Arc<str>> {
    let mut fields = fields_set(law, rule);
    if fields.is_empty() {
        let effects = law[rule].operation.into_iter().flat_map(|ix| &law[ix].effects);
        fields = effects.flat_map(|effect| fields_set(law, effect.rule)).collect();
    }
    let own = fields.iter().map(|(kind, field)| &law[*kind].fields[*field as usize].name);
    let inverse = law
        .kinds
        .iter()
        .flat_map(|kind| &kind.fields)
        .filter(|f| f.to.zip(f.of).is_some_and(|of| fields.contains(&of)));
    own.chain(inverse.map(|field| &field.name)).cloned().collect()
}

/// True if answers show a field as it is.
pub(super) fn is_shown(law: &Law, kind: KindIx, field: FieldIx) -> bool {
    let shows =
        |from: &ShownFrom| matches!(from, ShownFrom::Paths(paths) if paths.iter().any(|path| path.0 == [field]));
    law[kind].view.iter().any(|shown| shown.rule.is_some() && shows(&shown.from))
}

/// What should stay as it is does not.
fn keep_not(broken: &Broken, goes: bool, doing: &Doing<'_>, after: &mut Scope) {
    let law = doing.law;
    for (rule, guard) in &law[doing.assessment.operation].keeps {
        if *rule != broken.rule() || !doing.assessment.resolves(&guard.needs) {
            continue;
        }
        for handle in doing.assessment.scope.resources(&guard.expr).unwrap_or_default() {
            let Some(resource) = after.world.get(handle).filter(|r| r.live) else { continue };
            let kind = resource.kind;
            let other = (0..resource.fields.len()).find_map(|ix| {
                let spec = &law[kind].fields[ix];
                let judged =
                    matches!(spec.kind, FieldKind::State | FieldKind::Flag) && is_shown(law, kind, ix as FieldIx);
                let value = other_than(law, kind, ix as FieldIx, &resource.fields[ix], &|_| false).filter(|_| judged);
                let freed = matches!(resource.fields[ix], Value::Ref(_)).then_some(Value::Null);
                let renamed = match &resource.fields[ix] {
                    Value::Text(text) if spec.kind != FieldKind::Id && is_shown(law, kind, ix as FieldIx) => {
                        Some(Value::Text(format!("{text}x").into()))
                    }
                    _ => None,
                };
                value.or(freed).or(renamed.filter(|_| !judged)).map(|value| (ix as FieldIx, value))
            });
            if goes && broken.departs() {
                Arc::make_mut(&mut after.world).delete(handle, *rule);
            } else if let (false, Some((field, value))) = (goes, other)
                && broken.departs()
            {
                Arc::make_mut(&mut after.world).set(law, handle, field, value, None);
            }
        }
    }
}

/// Ids of the wrong form, or that another one has.
pub(super) fn ids(broken: &Broken, kind: KindIx, repeated: bool, doing: &Doing<'_>, world: &mut World) {
    let Some(field) = doing.law[kind].id else { return };
    let created: Vec<Handle> =
        world.since(doing.before).filter(|h| world.get(*h).is_some_and(|r| r.kind == kind)).collect();
    for handle in created {
        let other = world.live(kind).find(|(h, _)| *h != handle).map(|(_, r)| r.fields[field as usize].clone());
        let wrong = if repeated { other } else { Some(Value::Text(format!("no id of its kind {}", handle.0).into())) };
        if let Some(value) = wrong
            && broken.departs()
        {
            world.set(doing.law, handle, field, value, None);
        }
    }
}
