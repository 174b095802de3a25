//! What an accepted request changes: at once, and later within a window of time.

use std::sync::Arc;

use super::{
    assess::Assessment,
    eval::{EvalFailure, Scope},
    time::{Interval, Moment},
    value::{Handle, Value},
    world::{Timer, TimerStep, World},
};
use crate::spec::law::{After, Change, Effect, FieldIx, Law, OperationIx, RuleIx, VarIx};

/// A change that an accepted request makes, with the moment at which it may be seen.
pub struct Outcome {
    /// The world after the request.
    pub world: World,
    /// How many of the world's last timers may have fired when the answer was written.
    pub at_once: usize,
    /// The variables, created ones included, as the answer's expressions see them.
    pub scope: Scope,
    /// The rules whose effects took place.
    pub rules: Vec<RuleIx>,
}

/// Applies the effects of an accepted request. `tolerance` is added to every latest moment, in seconds.
///
/// # Errors
///
/// An expression that depends on something unseen, or goes wrong.
pub fn apply(
    law: &Arc<Law>,
    assessment: &Assessment,
    interval: Interval,
    tolerance: i64,
) -> Result<Outcome, EvalFailure> {
    let operation = &law[assessment.operation];
    let mut run = Run {
        law,
        operation: assessment.operation,
        world: (*assessment.scope.world).clone(),
        scope: assessment.scope.clone(),
        pending: Vec::new(),
        rules: Vec::new(),
        interval,
        tolerance,
    };
    for (ix, effect) in operation.effects.iter().enumerate() {
        if assessment.resolves(&effect.needs) {
            run.effect(ix, effect)?;
        }
    }
    for (rule, guard) in &operation.keeps {
        if assessment.resolves(&guard.needs) {
            for handle in assessment.scope.resources(&guard.expr)? {
                claim(&mut run.world, handle, *rule);
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
    run.world.timers.extend(later);
    run.world.timers.extend(at_once);
    Ok(Outcome { world: run.world, at_once: at_once_count, scope: run.scope, rules: run.rules })
}

/// Records that a rule wants a resource unchanged; the next look at it confirms or denies that.
pub fn claim(world: &mut World, handle: Handle, rule: RuleIx) {
    if world.get(handle).is_some_and(|r| !r.claims.contains(&rule)) {
        world.update(handle, |r| r.claims.push(rule));
    }
}

struct Pending {
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
    world: World,
    scope: Scope,
    pending: Vec<Pending>,
    rules: Vec<RuleIx>,
    interval: Interval,
    tolerance: i64,
}

impl Run<'_> {
    /// Lets the expressions see what the earlier effects have done.
    fn refresh(&mut self) {
        self.scope.world = Arc::new(self.world.clone());
    }

    fn effect(&mut self, ix: usize, effect: &Effect) -> Result<(), EvalFailure> {
        let Some(each) = &effect.each else {
            let created = self.once(ix, effect, None)?;
            if let (Change::Create { var, .. }, Some(handle)) = (&effect.change, created) {
                self.bind(*var, Value::Ref(handle));
            }
            return Ok(());
        };
        self.refresh();
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

    fn bind(&mut self, var: VarIx, value: Value) {
        let name = self.law[self.operation].vars[var as usize].name.clone();
        self.scope.bind(&name, value);
    }

    /// What was created, if anything.
    fn once(&mut self, ix: usize, effect: &Effect, it: Option<Handle>) -> Result<Option<Handle>, EvalFailure> {
        self.refresh();
        if let Some(when) = &effect.when
            && !self.scope.holds(when)?
        {
            return Ok(None);
        }
        if !self.rules.contains(&effect.rule) {
            self.rules.push(effect.rule);
        }
        match &effect.change {
            Change::Create { kind, set, .. } => {
                let values =
                    set.iter()
                        .map(|(field, expr)| Ok((*field, self.scope.eval(expr)?)))
                        .collect::<Result<Vec<(FieldIx, Value)>, EvalFailure>>()?;
                let handle = self.world.create(self.law, *kind, effect.rule);
                for (field, value) in values {
                    self.world.set(handle, field, value, None);
                }
                Ok(Some(handle))
            }
            Change::Delete(on) => {
                for handle in self.scope.resources(on)? {
                    self.change(ix, effect, it, handle, None)?;
                }
                Ok(None)
            }
            Change::Set { on, set } => {
                for handle in self.scope.resources(on)? {
                    let mut values = Vec::with_capacity(set.len());
                    for (kind, field, expr) in set {
                        if self.world.get(handle).is_some_and(|r| r.kind == *kind) {
                            values.push((*field, self.scope.eval(expr)?));
                        }
                    }
                    self.change(ix, effect, it, handle, Some(values))?;
                }
                Ok(None)
            }
        }
    }

    fn change(
        &mut self,
        ix: usize,
        effect: &Effect,
        it: Option<Handle>,
        on: Handle,
        set: Option<Vec<(FieldIx, Value)>>,
    ) -> Result<(), EvalFailure> {
        let Some(after) = &effect.after else {
            make(&mut self.world, on, set, effect.rule);
            return Ok(());
        };
        let it = it.filter(|_| !after.together);
        let unless = after.unless.as_ref().map(|_| (self.operation, ix));
        let step = TimerStep { unless, on, set };
        let (earliest, latest, usually) = self.window(after)?;
        // The parts of one transition happen together; the elements of an `each` have a transition each.
        let times = (earliest, latest, usually);
        let together =
            |p: &Pending| p.rule == effect.rule && p.it == it && (p.earliest, p.latest, p.usually) == times;
        match self.pending.iter_mut().find(|p| together(p)) {
            Some(pending) => pending.steps.push(step),
            None => self.pending.push(Pending {
                rule: effect.rule,
                it,
                earliest,
                latest,
                usually,
                at_once: after.at_once,
                steps: vec![step],
            }),
        }
        Ok(())
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
        Ok((
            self.interval.from.plus_seconds(earliest),
            latest.map(|s| self.interval.to.plus_seconds(s).plus_seconds(self.tolerance)),
            self.interval.to.plus_seconds(usually),
        ))
    }
}

fn make(world: &mut World, on: Handle, set: Option<Vec<(FieldIx, Value)>>, rule: RuleIx) {
    // What a request changes on purpose can no longer be held against an earlier refusal.
    world.update(on, |r| r.claims.clear());
    match set {
        None => world.delete(on, rule),
        Some(values) => {
            for (field, value) in values {
                world.set(on, field, value, Some(rule));
            }
        }
    }
}

/// Makes a later change whose moment has come. Parts whose resource has gone in the meantime do not happen.
pub fn fire(law: &Arc<Law>, world: &mut World, timer: &Timer) {
    for step in timer.steps.iter() {
        if !world.get(step.on).is_some_and(|r| r.live) {
            continue;
        }
        if let Some(unless) = World::unless(law, step) {
            let mut scope =
                Scope { law: law.clone(), world: Arc::new(world.clone()), input: Arc::default(), vars: Vec::new() };
            scope.bind(&"it".into(), Value::Ref(step.on));
            if scope.holds(unless) == Ok(true) {
                continue;
            }
        }
        make(world, step.on, step.set.clone(), timer.rule);
    }
}
