//! What can be reached at all with some of the operations of a law: worked out from the law, without searching.
//!
//! The law is read as if nothing that has come to be ever ceased to be (the *delete relaxation* of planning: J. Hoffmann
//! and B. Nebel, "The FF planning system", JAIR 14, 2001): which kinds of resource can exist, which of their references
//! can point to something, which flags can be set. Whatever is not possible even then is certainly not possible; what
//! is may still be out of reach. Conditions are evaluated over what their parts *might* be.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr as Node, IdedExpr, LiteralValue, operators as op};
use rustc_hash::FxHashSet;

use crate::{
    oracle::RuleSet,
    spec::{
        expr::{ANYTHING, Expr},
        file::{Defect, FieldKind},
        law::{
            Change, Effect, FieldIx, KindIx, Law, Operation, OperationIx, ParamIx, Refusal, RuleIx, Shown, ShownFrom,
        },
    },
};

/// What can be there with some of the operations of a law.
struct Possible<'l> {
    law: &'l Law,
    kinds: FxHashSet<KindIx>,
    /// The references and flags that can be something.
    fields: FxHashSet<(KindIx, FieldIx)>,
}

/// What a value might be.
#[derive(Clone, Debug, PartialEq)]
enum Might {
    /// It is never read without a failure.
    Never,
    /// Nothing.
    Null,
    /// True, false, or either.
    Bool { yes: bool, no: bool },
    /// This number.
    Int(i64),
    /// A list of nothing.
    Empty,
    /// A list of any length of these.
    List(Box<Might>),
    /// A resource of this kind, or nothing.
    Resource(KindIx),
    /// Anything else.
    Any,
}

const EITHER: Might = Might::Bool { yes: true, no: true };

impl Might {
    fn certain(value: bool) -> Might {
        Might::Bool { yes: value, no: !value }
    }

    /// Whether it might be true, and whether it might be false.
    fn truth(&self) -> (bool, bool) {
        match self {
            Might::Bool { yes, no } => (*yes, *no),
            Might::Never => (false, false),
            _ => (true, true),
        }
    }

    /// True if it might be something: a resource, a value, a list with elements.
    fn is_something(&self) -> bool {
        !matches!(self, Might::Never | Might::Null | Might::Empty | Might::Bool { yes: false, .. })
    }

    fn or(self, other: Might) -> Might {
        match (self, other) {
            (one, other) if one == other => one,
            (Might::Never, one) | (one, Might::Never) => one,
            (Might::Bool { yes, no }, Might::Bool { yes: y, no: n }) => Might::Bool { yes: yes || y, no: no || n },
            (Might::Null, resource @ Might::Resource(_)) | (resource @ Might::Resource(_), Might::Null) => resource,
            (Might::Empty, list @ Might::List(_)) | (list @ Might::List(_), Might::Empty) => list,
            (Might::List(one), Might::List(other)) => Might::List(Box::new(one.or(*other))),
            _ => Might::Any,
        }
    }
}

/// The variables of an expression, innermost last.
type Vars<'e> = Vec<(&'e str, Might)>;

/// The rules that certainly cannot be reached when only these operations may be used.
pub fn out_of_reach(law: &Law, available: &dyn Fn(OperationIx) -> bool) -> RuleSet {
    let mut possible = Possible { law, kinds: FxHashSet::default(), fields: FxHashSet::default() };
    while possible.grow(available) {}
    let mut known = RuleSet::default();
    let mut within = RuleSet::default();
    let mut note = |rule: Option<RuleIx>, reachable: bool| {
        let Some(rule) = rule else { return };
        known.insert(rule);
        if reachable {
            within.insert(rule);
        }
    };
    for (ix, operation) in law.operations() {
        let asked = available(ix);
        for (place, param) in operation.params.iter().enumerate() {
            // Where it always means nothing, no wrong value of it is ever refused.
            let mut excusing = operation.open.iter().filter(|open| open.excuses.contains(&(place as ParamIx)));
            let asked = asked && excusing.all(|open| possible.may_fail(operation, &open.guard.expr));
            for (defect, refusal) in &param.refusals {
                // Only what has been there can be gone.
                let had = *defect != Defect::Stale || param.names.iter().any(|r| possible.kinds.contains(&r.kind));
                each_of(refusal, |rule| note(Some(rule), asked && had));
            }
        }
        let asked = asked && possible.can_ask(operation);
        for refuse in &operation.refusals {
            let due = asked && possible.may_hold(operation, &refuse.guard.expr);
            each_of(&refuse.refusal, |rule| note(Some(rule), due));
        }
        for (rule, guard) in &operation.permits {
            note(Some(*rule), asked && possible.may_hold(operation, &guard.expr));
        }
        for effect in &operation.effects {
            note(Some(effect.rule), asked && possible.may_happen(operation, effect));
        }
        for (rule, guard) in &operation.keeps {
            note(Some(*rule), asked && possible.value_of(operation, &guard.expr).is_something());
        }
        note(Some(operation.accepts), asked);
    }
    for (ix, kind) in law.kinds() {
        let there = possible.kinds.contains(&ix);
        note(kind.id_rule, there);
        for shown in &kind.view {
            let there = there && possible.may_be_judged(ix, shown);
            let Some((operations, elsewhere)) = &shown.elsewhere else {
                note(shown.rule, there);
                continue;
            };
            // What is said of the answers of some operations needs one of those.
            let answers = |theirs: bool| {
                let mut all = law.operations();
                all.any(|(ix, o)| operations.contains(&ix) == theirs && available(ix) && possible.can_ask(o))
            };
            note(shown.rule, there && answers(true));
            note(Some(*elsewhere), there && answers(false));
        }
    }
    // The rules that follow from a table alone (answers, tokens, rehearsals, forms) need their operation, and no more.
    let without_operation = |rule: RuleIx| law[rule].operation.is_some_and(|operation| !available(operation));
    // A documented status needs a refusal that demands its code.
    let without_refusal = |rule: RuleIx| {
        let Some(operation) = law[rule].operation.map(|operation| &law[operation]) else { return false };
        let Some(row) = operation.status.iter().find(|row| row.rule == Some(rule)) else { return false };
        let can_be_due = |refusal: &Refusal| within.contains(refusal.rule) || !known.contains(refusal.rule);
        row.demanded && !operation.refusals_of(&row.code).any(can_be_due)
    };
    let is_out = |rule: RuleIx| known.contains(rule) || without_operation(rule) || without_refusal(rule);
    law.rules().map(|(ix, _)| ix).filter(|rule| !within.contains(*rule) && is_out(*rule)).collect()
}

fn each_of(refusal: &Refusal, mut note: impl FnMut(RuleIx)) {
    note(refusal.rule);
    refusal.code_rule.into_iter().for_each(note);
}

impl Possible<'_> {
    /// Lets everything happen that can happen now; true if that makes something new possible.
    fn grow(&mut self, available: &dyn Fn(OperationIx) -> bool) -> bool {
        let before = self.kinds.len() + self.fields.len();
        let law = self.law;
        for (_, operation) in law.operations().filter(|(ix, _)| available(*ix)) {
            if !self.can_ask(operation) {
                continue;
            }
            for effect in &operation.effects {
                if !self.may_happen(operation, effect) {
                    continue;
                }
                let set: Vec<(KindIx, FieldIx, &Expr)> = match &effect.change {
                    Change::Create { kind, set, .. } => {
                        self.kinds.insert(*kind);
                        set.iter().map(|(field, value)| (*kind, *field, value)).collect()
                    }
                    Change::Set { set, .. } => set.iter().map(|(kind, field, value)| (*kind, *field, value)).collect(),
                    Change::Delete(_) => Vec::new(),
                };
                for (kind, field, value) in set {
                    let mut vars = self.vars(operation);
                    self.bind_each(&mut vars, effect);
                    if self.eval(value.program().expression(), &mut vars).is_something() {
                        self.fields.insert((kind, field));
                    }
                }
            }
        }
        self.kinds.len() + self.fields.len() > before
    }

    /// True if every name that a request needs can be the name of something.
    fn can_ask(&self, operation: &Operation) -> bool {
        operation.params.iter().all(|param| {
            !param.required()
                || param.names.is_empty()
                || !param.examples.is_empty()
                || param.names.iter().any(|r| self.kinds.contains(&r.kind))
        })
    }

    fn may_happen(&self, operation: &Operation, effect: &Effect) -> bool {
        if effect.when.as_ref().is_some_and(|when| !self.may_hold(operation, when)) {
            return false;
        }
        let mut vars = self.vars(operation);
        if !self.bind_each(&mut vars, effect) {
            return false;
        }
        match &effect.change {
            Change::Create { .. } => true,
            Change::Delete(on) | Change::Set { on, .. } => {
                self.eval(on.program().expression(), &mut vars).is_something()
            }
        }
    }

    /// Binds the variable of an effect that happens once for each of some things; false if there are none.
    fn bind_each<'e>(&self, vars: &mut Vars<'e>, effect: &'e Effect) -> bool {
        let Some(each) = &effect.each else { return true };
        match self.eval(each.program().expression(), vars) {
            Might::List(of) => {
                vars.push((EACH, *of));
                true
            }
            Might::Never | Might::Null | Might::Empty => false,
            _ => {
                vars.push((EACH, Might::Any));
                true
            }
        }
    }

    fn may_hold(&self, operation: &Operation, condition: &Expr) -> bool {
        self.value_of(operation, condition).truth().0
    }

    fn may_fail(&self, operation: &Operation, condition: &Expr) -> bool {
        self.value_of(operation, condition).truth().1
    }

    /// True if a view of a resource might be asked to show this: not where it is nothing but anything.
    fn may_be_judged(&self, kind: KindIx, shown: &Shown) -> bool {
        let eval = |expr: &Expr| {
            let mut vars = vec![(SELF, Might::Resource(kind)), (ANYTHING, Might::Never)];
            self.eval(expr.program().expression(), &mut vars)
        };
        shown.judged_while.as_ref().is_none_or(|condition| eval(condition).truth().0)
            && match &shown.from {
                ShownFrom::Value(value) => eval(value) != Might::Never,
                _ => true,
            }
    }

    fn value_of(&self, operation: &Operation, expr: &Expr) -> Might {
        self.eval(expr.program().expression(), &mut self.vars(operation))
    }

    fn vars<'e>(&self, operation: &'e Operation) -> Vars<'e> {
        let might = |kind: KindIx, list: bool| match (self.resource(kind), list) {
            (Might::Null, true) => Might::Empty,
            (resource, true) => Might::List(Box::new(resource)),
            (resource, false) => resource,
        };
        operation.vars.iter().map(|var| (&*var.name, might(var.kind, var.list))).collect()
    }

    fn resource(&self, kind: KindIx) -> Might {
        if self.kinds.contains(&kind) { Might::Resource(kind) } else { Might::Null }
    }

    fn eval<'e>(&self, node: &'e IdedExpr, vars: &mut Vars<'e>) -> Might {
        match &node.expr {
            Node::Literal(LiteralValue::Boolean(value)) => Might::certain(*value.inner()),
            Node::Literal(LiteralValue::Int(value)) => Might::Int(*value.inner()),
            Node::Literal(LiteralValue::Null) => Might::Null,
            Node::Ident(name) => {
                vars.iter().rev().find(|(n, _)| n == name).map_or(Might::Any, |(_, value)| value.clone())
            }
            Node::Select(select) if select.test => EITHER,
            Node::Select(select) => self.field(self.eval(&select.operand, vars), &select.field),
            Node::List(list) => {
                let elements = list.elements.iter().map(|element| self.eval(element, vars)).collect::<Vec<_>>();
                elements.into_iter().reduce(Might::or).map_or(Might::Empty, |of| Might::List(Box::new(of)))
            }
            Node::Call(call) => self.call(call, vars),
            Node::Comprehension(comprehension) => self.comprehension(comprehension, vars),
            _ => Might::Any,
        }
    }

    fn field(&self, of: Might, name: &str) -> Might {
        let kind = match of {
            Might::Null | Might::Never => return Might::Never,
            Might::Resource(kind) => kind,
            _ => return Might::Any,
        };
        let Some(ix) = self.law[kind].field(name) else { return Might::Any };
        let field = &self.law[kind].fields[ix as usize];
        let is_set = self.fields.contains(&(kind, ix));
        let points_here = || field.to.zip(field.of).is_some_and(|place| self.fields.contains(&place));
        match (field.kind, field.to) {
            (FieldKind::Flag, _) => Might::Bool { yes: is_set, no: true },
            (FieldKind::Ref, Some(to)) => {
                if is_set {
                    self.resource(to)
                } else {
                    Might::Null
                }
            }
            (FieldKind::InverseOne, Some(from)) => {
                if points_here() {
                    self.resource(from)
                } else {
                    Might::Null
                }
            }
            (FieldKind::Inverse, Some(from)) if points_here() => Might::List(Box::new(self.resource(from))),
            (FieldKind::Inverse, Some(_)) => Might::Empty,
            _ => Might::Any,
        }
    }

    fn call<'e>(&self, call: &'e CallExpr, vars: &mut Vars<'e>) -> Might {
        let operands: Vec<Might> =
            call.target.as_deref().into_iter().chain(&call.args).map(|operand| self.eval(operand, vars)).collect();
        match (call.func_name.as_str(), operands.as_slice()) {
            (op::LOGICAL_NOT, [one]) => {
                let (yes, no) = one.truth();
                Might::Bool { yes: no, no: yes }
            }
            (op::LOGICAL_AND, [one, other]) => {
                let ((yes, no), (y, n)) = (one.truth(), other.truth());
                Might::Bool { yes: yes && y, no: no || n }
            }
            (op::LOGICAL_OR, [one, other]) => {
                let ((yes, no), (y, n)) = (one.truth(), other.truth());
                Might::Bool { yes: yes || y, no: no && n }
            }
            (op::CONDITIONAL, [condition, then, otherwise]) => match condition.truth() {
                (true, true) => then.clone().or(otherwise.clone()),
                (true, false) => then.clone(),
                (false, true) => otherwise.clone(),
                (false, false) => Might::Never,
            },
            (op::NOT_STRICTLY_FALSE, _) => EITHER,
            (op::ADD, [Might::Empty, list]) | (op::ADD, [list, Might::Empty]) => list.clone(),
            (op::ADD, [one @ Might::List(_), other @ Might::List(_)]) => one.clone().or(other.clone()),
            (_, operands) if operands.contains(&Might::Never) => Might::Never,
            (op::EQUALS, [one, other]) => equal(one, other),
            (op::NOT_EQUALS, [one, other]) => {
                let (yes, no) = equal(one, other).truth();
                Might::Bool { yes: no, no: yes }
            }
            (op::IN, [_, Might::Empty]) => Might::certain(false),
            (op::LESS, [Might::Int(one), Might::Int(other)]) => Might::certain(one < other),
            (op::LESS_EQUALS, [Might::Int(one), Might::Int(other)]) => Might::certain(one <= other),
            (op::GREATER, [Might::Int(one), Might::Int(other)]) => Might::certain(one > other),
            (op::GREATER_EQUALS, [Might::Int(one), Might::Int(other)]) => Might::certain(one >= other),
            ("size", [Might::Empty]) => Might::Int(0),
            _ => Might::Any,
        }
    }

    /// What the macros (`exists`, `filter` and the like) become: a loop over a list with an accumulator.
    fn comprehension<'e>(&self, c: &'e ComprehensionExpr, vars: &mut Vars<'e>) -> Might {
        let element = match self.eval(&c.iter_range, vars) {
            Might::Never | Might::Null => return Might::Never,
            Might::Empty => None,
            Might::List(of) => Some(*of),
            _ => Some(Might::Any),
        };
        let outside = vars.len();
        let mut accumulated = self.eval(&c.accu_init, vars);
        if let Some(element) = element {
            // After two rounds nothing new can come: what a round adds depends on what the one before it has added.
            for _ in 0..2 {
                vars.push((&c.accu_var, accumulated.clone()));
                vars.push((&c.iter_var, element.clone()));
                let step = self.eval(&c.loop_step, vars);
                vars.truncate(outside);
                accumulated = accumulated.or(step);
            }
        }
        vars.push((&c.accu_var, accumulated));
        let result = self.eval(&c.result, vars);
        vars.truncate(outside);
        result
    }
}

/// The variable of a view: what it shows.
const SELF: &str = "self";
/// The variable of an effect that happens once for each of some things.
const EACH: &str = "it";

fn equal(one: &Might, other: &Might) -> Might {
    match (one, other) {
        (Might::Null, Might::Null) | (Might::Empty, Might::Empty) => Might::certain(true),
        (Might::Int(one), Might::Int(other)) => Might::certain(one == other),
        _ => EITHER,
    }
}
