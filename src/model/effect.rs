//! What an accepted request changes: at once, and later within a window of time.

use std::sync::Arc;

use super::{
    assess::Assessment,
    eval::{EvalFailure, Scope},
    time::{Interval, Moment, Tolerance},
    value::{Handle, Value},
    world::{Claim, Fired, Resource, Timer, TimerStep, Was, World},
};
use crate::spec::law::{After, Change, Demand, Effect, FieldIx, Law, OperationIx, RuleIx, VarIx};

/// A change that an accepted request makes, with the moment at which it may be seen.
pub struct Outcome {
    /// How many of the world's last timers may have fired when the answer was written.
    pub at_once: usize,
    /// The world after the request, and the variables, created ones included, as the answer's expressions see them.
    pub scope: Scope,
    /// The rules whose effects took place.
    pub rules: Vec<RuleIx>,
}

/// Applies the effects of an accepted request. Each window is wider by `tolerance`.
///
/// # Errors
///
/// An expression that depends on something unseen, or goes wrong.
pub fn apply(
    law: &Arc<Law>,
    assessment: &Assessment,
    interval: Interval,
    tolerance: Tolerance,
) -> Result<Outcome, EvalFailure> {
    let operation = &law[assessment.operation];
    let mut run = Run {
        law,
        operation: assessment.operation,
        scope: assessment.scope.clone(),
        pending: Vec::new(),
        rules: Vec::new(),
        interval,
        tolerance,
    };
    for (ix, effect) in operation.effects.iter().enumerate() {
        if assessment.resolves(&effect.needs) && run.has_created(&effect.builds_on) {
            run.effect(ix, effect)?;
        }
    }
    for (rule, guard) in &operation.keeps {
        if assessment.resolves(&guard.needs) {
            for handle in assessment.scope.resources(&guard.expr)? {
                claim(&mut run.scope.world, handle, Claim { rule: *rule, kept: true, there: false });
            }
        }
    }
    let (mut later, mut at_once) = (Vec::new(), Vec::new());
    for pending in run.pending {
        let timer = Timer {
            earliest: pending.earliest,
            latest: pending.latest,
            usually: pending.usually,
            rule: pending.rule,
            steps: pending.steps.into(),
        };
        if pending.at_once { at_once.push(timer) } else { later.push(timer) }
    }
    let at_once_count = at_once.len();
    if !later.is_empty() || !at_once.is_empty() {
        let world = Arc::make_mut(&mut run.scope.world);
        world.timers.extend(later);
        world.timers.extend(at_once);
    }
    Ok(Outcome { at_once: at_once_count, scope: run.scope, rules: run.rules })
}

/// Records that a rule wants a resource unchanged; the next look at it confirms or denies that.
pub fn claim(world: &mut Arc<World>, handle: Handle, claim: Claim) {
    if world.get(handle).is_some_and(|r| !r.claims.contains(&claim)) {
        Arc::make_mut(world).update(handle, |r| r.claims.push(claim));
    }
}

struct Pending {
    /// The rule whose transition it is; parts of it may be other rules'.
    rule: RuleIx,
    it: Option<Handle>,
    earliest: Moment,
    latest: Option<Moment>,
    usually: Moment,
    at_once: bool,
    steps: Vec<TimerStep>,
}

struct Run<'a> {
    law: &'a Arc<Law>,
    operation: OperationIx,
    /// What the expressions of each effect see: the world as the earlier effects have left it.
    scope: Scope,
    pending: Vec<Pending>,
    rules: Vec<RuleIx>,
    interval: Interval,
    tolerance: Tolerance,
}

impl Run<'_> {
    fn effect(&mut self, ix: usize, effect: &Effect) -> Result<(), EvalFailure> {
        let Some(each) = &effect.each else {
            let created = self.once(ix, effect, None)?;
            if let (Change::Create { var, .. }, Some(handle)) = (&effect.change, created) {
                self.bind(*var, Value::Ref(handle));
            }
            return Ok(());
        };
        let it: Arc<str> = "it".into();
        let mut created = Vec::new();
        for handle in self.scope.resources(each)? {
            self.scope.bind(&it, Value::Ref(handle));
            created.extend(self.once(ix, effect, Some(handle))?);
        }
        self.scope.vars.retain(|(name, _)| *name != it);
        if let Change::Create { var, .. } = &effect.change {
            self.bind(*var, Value::List(created.into_iter().map(Value::Ref).collect()));
        }
        Ok(())
    }

    /// True if earlier effects have created all of this: one that does not apply has created nothing.
    fn has_created(&self, vars: &[VarIx]) -> bool {
        vars.iter().all(|var| {
            let name = &self.law[self.operation].vars[*var as usize].name;
            self.scope.vars.iter().any(|(bound, _)| bound == name)
        })
    }

    fn bind(&mut self, var: VarIx, value: Value) {
        let name = self.law[self.operation].vars[var as usize].name.clone();
        self.scope.bind(&name, value);
    }

    /// What was created, if anything.
    fn once(&mut self, ix: usize, effect: &Effect, it: Option<Handle>) -> Result<Option<Handle>, EvalFailure> {
        if let Some(when) = &effect.when
            && !self.scope.holds(when)?
        {
            return Ok(None);
        }
        if !self.rules.contains(&effect.rule) {
            self.rules.push(effect.rule);
        }
        // Everything is worked out before anything is changed.
        match &effect.change {
            Change::Create { kind, set, .. } => {
                let values =
                    set.iter()
                        .map(|(field, expr)| Ok((*field, self.scope.eval(expr)?)))
                        .collect::<Result<Vec<(FieldIx, Value)>, EvalFailure>>()?;
                let world = Arc::make_mut(&mut self.scope.world);
                let handle = world.create(self.law, *kind, effect.rule);
                for (field, value) in values {
                    world.set(self.law, handle, field, value, None);
                }
                Ok(Some(handle))
            }
            Change::Delete(on) => {
                let changes = self.scope.resources(on)?.into_iter().map(|handle| (handle, None)).collect();
                self.change(ix, effect, it, changes)?;
                Ok(None)
            }
            Change::Set { on, set } => {
                let mut changes = Vec::new();
                for handle in self.scope.resources(on)? {
                    let mut values = Vec::with_capacity(set.len());
                    for (kind, field, expr) in set {
                        if self.scope.world.get(handle).is_some_and(|r| r.kind == *kind) {
                            values.push((*field, self.scope.eval(expr)?));
                        }
                    }
                    changes.push((handle, Some(values)));
                }
                self.change(ix, effect, it, changes)?;
                Ok(None)
            }
        }
    }

    /// Makes changes at once, or notes that they come later.
    fn change(
        &mut self,
        ix: usize,
        effect: &Effect,
        it: Option<Handle>,
        changes: Vec<(Handle, Values)>,
    ) -> Result<(), EvalFailure> {
        if changes.is_empty() {
            return Ok(());
        }
        let Some(after) = &effect.after else {
            let world = Arc::make_mut(&mut self.scope.world);
            for (on, set) in changes {
                // What a request changes on purpose can no longer be held against an earlier refusal.
                world.update(on, |r| r.claims.clear());
                make(self.law, world, on, set, effect.rule);
            }
            return Ok(());
        };
        let it = it.filter(|_| !after.as_one);
        let unless = after.unless.as_ref().map(|_| (self.operation, ix));
        let rule = self.leader(ix);
        let (earliest, latest, usually) = self.window(after)?;
        // The parts of one transition happen together; the elements of an `each` have a transition each. What a field is
        // first and what it is next are two transitions: it may be seen between them.
        let step = |(on, set)| TimerStep { rule: effect.rule, unless, on, set };
        let steps: Vec<TimerStep> = changes.into_iter().map(step).collect();
        let again = |p: &Pending| steps.iter().any(|step| p.steps.iter().any(|earlier| step.follows(earlier)));
        let times = (earliest, latest, usually);
        let together =
            |p: &Pending| p.rule == rule && p.it == it && (p.earliest, p.latest, p.usually) == times && !again(p);
        let place = self.pending.iter().rposition(together);
        match place.and_then(|place| self.pending.get_mut(place)) {
            Some(pending) => pending.steps.extend(steps),
            None => self.pending.push(Pending { rule, it, earliest, latest, usually, at_once: after.at_once, steps }),
        }
        Ok(())
    }

    /// The rule whose transition an effect is part of: its own, or that of the effect that it happens together with.
    fn leader(&self, mut ix: usize) -> RuleIx {
        let effects = &self.law[self.operation].effects;
        while ix > 0 && effects[ix].after.as_ref().is_some_and(|after| after.together) {
            ix -= 1;
        }
        effects[ix].rule
    }

    /// The window of a later change. It began at some moment of the request's interval, so it may end that much later.
    fn window(&self, after: &After) -> Result<(Moment, Option<Moment>, Moment), EvalFailure> {
        let seconds = |expr: &Option<crate::spec::expr::Expr>| -> Result<Option<i64>, EvalFailure> {
            match expr.as_ref().map(|e| self.scope.eval(e)).transpose()? {
                None => Ok(None),
                Some(Value::Int(seconds)) => Ok(Some(seconds)),
                Some(other) => Err(EvalFailure::Broken(format!("{other} is not a number of seconds"))),
            }
        };
        let earliest = seconds(&after.earliest)?.unwrap_or(0);
        let latest = seconds(&after.latest)?;
        let usually = seconds(&after.usually)?.or(latest).unwrap_or(earliest);
        let from = self.interval.from;
        Ok((
            from.plus_seconds(earliest).minus(self.tolerance.early).max(from),
            latest.map(|s| self.interval.to.plus_seconds(s).plus(self.tolerance.late)),
            self.interval.to.plus_seconds(usually),
        ))
    }
}

/// Fields with their new values; none if the resource goes.
type Values = Option<Vec<(FieldIx, Value)>>;

fn make(law: &Law, world: &mut World, on: Handle, set: Values, rule: RuleIx) {
    match set {
        None => world.delete(on, rule),
        Some(values) => {
            for (field, value) in values {
                world.set(law, on, field, value, Some(rule));
            }
        }
    }
}

/// Makes a later change whose moment has come. Parts whose resource has gone in the meantime do not happen.
pub fn fire(law: &Arc<Law>, world: &mut Arc<World>, timer: &Timer) {
    make_parts(law, world, timer, |_, _| {});
}

/// The same, and the world remembers how it was before.
pub fn fire_noted(law: &Arc<Law>, world: &mut Arc<World>, timer: Timer) {
    let mut before = Vec::new();
    make_parts(law, world, &timer, |world, step| {
        let Some(resource) = world.get(step.on) else { return };
        let value = |field: &FieldIx| (*field, resource.fields[*field as usize].clone());
        let fields = step.set.as_ref().map(|set| set.iter().map(|(field, _)| value(field)).collect());
        before.push(Was { on: step.on, fields });
    });
    if !before.is_empty() {
        Arc::make_mut(world).note_fired(Fired { timer, before });
    }
}

/// Makes each part that happens, and tells `before` of it first.
fn make_parts(law: &Arc<Law>, world: &mut Arc<World>, timer: &Timer, mut before: impl FnMut(&World, &TimerStep)) {
    for step in timer.steps.iter() {
        if !world.get(step.on).is_some_and(|r| r.live) {
            continue;
        }
        if let Some(unless) = World::unless(law, step) {
            let scope = Scope { law: law.clone(), world: world.clone(), input: Arc::default(), vars: Vec::new() };
            if scope.with("it", Value::Ref(step.on)).holds(unless) == Ok(true) {
                continue;
            }
        }
        before(world, step);
        let world = Arc::make_mut(world);
        // What was refused meanwhile is no longer to blame; but whoever began this change said what it leaves alone.
        world.update(step.on, |r| {
            r.claims.retain(|claim| law[claim.rule].demand == Demand::Keep && step.set.is_some());
            r.claims.iter_mut().for_each(|claim| claim.there = true);
        });
        make(law, world, step.on, step.set.clone(), step.rule);
    }
}

/// A world in which a change that has happened has not, and may happen at any time: to see whether that explains what
/// nothing else does.
pub fn unfire(law: &Law, world: &mut World, fired: &Fired) {
    for was in fired.before.iter().rev() {
        match &was.fields {
            None => world.revive(was.on),
            Some(fields) => {
                let sets = fired.timer.steps.iter().filter(|s| s.on == was.on).filter_map(|s| s.set.as_ref());
                let made: Vec<_> = sets.flatten().collect();
                for (field, value) in fields {
                    // What something else has changed since is none of this change's.
                    let own = |r: &Resource| made.iter().any(|(f, new)| f == field && r.fields[*f as usize] == *new);
                    if world.get(was.on).is_some_and(own) {
                        world.set(law, was.on, *field, value.clone(), None);
                    }
                }
            }
        }
    }
    world.timers.push(fired.timer.clone());
}
