//! Whether a request that meets some conditions of a law, and not others, is sure to meet one of its refusals or open
//! questions as well.
//!
//! A proof, and no search: it says yes only if that follows from the text of the conditions, by cases over the values of a
//! field, by what must be there to be read, and by one guard after the other of which all conditions but one are known to
//! hold. It may say no where a cleverer proof would say yes.

use cel::common::ast::{CallExpr, Expr as Node, IdedExpr, LiteralValue, operators as op};

use crate::spec::{
    expr::{INPUT, Part},
    file::{FieldKind, Literal},
    law::{Change, FieldIx, Guard, KindIx, Law, Operation, ParamIx, Path, VarIx},
};

/// A condition in a form in which what means the same looks the same.
#[derive(Clone, Debug, PartialEq)]
enum Formula {
    /// A parameter is given.
    Given(String),
    /// Two terms are the same.
    Same(IdedExpr, IdedExpr),
    /// A term has one of these values.
    OneOf(IdedExpr, Vec<String>),
    /// An element of a list satisfies a condition.
    Exists(IdedExpr, String, Box<Formula>),
    /// A list has elements.
    Any(IdedExpr),
    Not(Box<Formula>),
    And(Vec<Formula>),
    Or(Vec<Formula>),
    /// A term that is true or false.
    Term(IdedExpr),
}

/// A term that is nothing.
fn is_null(node: &IdedExpr) -> bool {
    matches!(&node.expr, Node::Literal(LiteralValue::Null))
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Node::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn bool(node: &IdedExpr) -> Option<bool> {
    match &node.expr {
        Node::Literal(LiteralValue::Boolean(value)) => Some(*value.inner()),
        _ => None,
    }
}

fn is_zero(node: &IdedExpr) -> bool {
    matches!(&node.expr, Node::Literal(LiteralValue::Int(number)) if *number.inner() == 0)
}

/// The list whose size a term is.
fn size_of(node: &IdedExpr) -> Option<&IdedExpr> {
    match &node.expr {
        Node::Call(CallExpr { func_name, target: None, args }) if func_name == "size" => args.first(),
        _ => None,
    }
}

/// A term with one of its members: `a.b`.
fn member(node: &IdedExpr) -> Option<(&IdedExpr, &str)> {
    match &node.expr {
        Node::Call(call) if call.func_name == op::INDEX => Some((&call.args[0], text(&call.args[1])?)),
        _ => None,
    }
}

fn not(formula: Formula) -> Formula {
    match formula {
        Formula::Not(inner) => *inner,
        Formula::And(all) => Formula::Or(all.into_iter().map(not).collect()),
        Formula::Or(all) => Formula::And(all.into_iter().map(not).collect()),
        other => Formula::Not(Box::new(other)),
    }
}

impl Formula {
    fn of_part(part: &Part) -> Formula {
        match part {
            Part::Given(name, true) => Formula::Given(name.to_string()),
            Part::Given(name, false) => not(Formula::Given(name.to_string())),
            Part::Holds(node) => Formula::of(node),
        }
    }

    fn of(node: &IdedExpr) -> Formula {
        let term = || Formula::Term(node.clone());
        match &node.expr {
            Node::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (op::LOGICAL_AND, both) => Formula::And(both.iter().map(Formula::of).collect()),
                (op::LOGICAL_OR, either) => Formula::Or(either.iter().map(Formula::of).collect()),
                (op::CONDITIONAL, [of, yes, no]) if (bool(yes), bool(no)) == (Some(false), Some(true)) => {
                    not(Formula::of(of))
                }
                (op::EQUALS, [one, other]) => match (size_of(one), size_of(other)) {
                    (Some(list), _) if is_zero(other) => not(Formula::Any(list.clone())),
                    _ if text(one).is_some() || is_null(one) => Formula::Same(other.clone(), one.clone()),
                    _ => Formula::Same(one.clone(), other.clone()),
                },
                (op::NOT_EQUALS, [_, _]) => {
                    let same = CallExpr { func_name: op::EQUALS.to_owned(), ..call.clone() };
                    not(Formula::of(&IdedExpr { id: 0, expr: Node::Call(same) }))
                }
                (op::GREATER, [list, zero]) if is_zero(zero) => {
                    size_of(list).map_or_else(term, |list| Formula::Any(list.clone()))
                }
                (op::IN, [name, of]) if matches!(&of.expr, Node::Ident(ident) if ident == INPUT) => {
                    text(name).map_or_else(term, |name| Formula::Given(name.to_owned()))
                }
                (op::IN, [one, of]) => match &of.expr {
                    Node::List(list) => {
                        let texts: Option<Vec<String>> =
                            list.elements.iter().map(|element| text(element).map(str::to_owned)).collect();
                        texts.map_or_else(term, |texts| Formula::OneOf(one.clone(), texts))
                    }
                    _ => term(),
                },
                _ => term(),
            },
            // What `exists` and `all` are made of: each element's condition, joined to what is known so far.
            Node::Comprehension(all) => match (&all.loop_step.expr, bool(&all.accu_init)) {
                (Node::Call(step), Some(false)) if step.func_name == op::LOGICAL_OR && step.args.len() == 2 => {
                    let each = Formula::of(&step.args[1]);
                    Formula::Exists(all.iter_range.clone(), all.iter_var.clone(), Box::new(each))
                }
                (Node::Call(step), Some(true)) if step.func_name == op::LOGICAL_AND && step.args.len() == 2 => {
                    let each = not(Formula::of(&step.args[1]));
                    not(Formula::Exists(all.iter_range.clone(), all.iter_var.clone(), Box::new(each)))
                }
                _ => term(),
            },
            _ => term(),
        }
    }
}

/// What must be there for a formula to be true or false: terms that are something, and parameters that are given.
#[derive(Clone, Debug, Default, PartialEq)]
struct Reads {
    terms: Vec<IdedExpr>,
    given: Vec<String>,
}

impl Reads {
    fn add(&mut self, other: Reads) {
        self.terms.extend(other.terms);
        self.given.extend(other.given);
    }

    fn common(mut self, other: &Reads) -> Reads {
        self.terms.retain(|term| other.terms.contains(term));
        self.given.retain(|name| other.given.contains(name));
        self
    }

    /// What a term cannot be worked out without. Of what is worked out only sometimes nothing is said.
    fn of_term(node: &IdedExpr) -> Reads {
        let mut reads = Reads::default();
        match &node.expr {
            Node::Call(call) if call.func_name == op::CONDITIONAL => reads.add(Reads::of_term(&call.args[0])),
            Node::Call(call) if [op::LOGICAL_AND, op::LOGICAL_OR].contains(&call.func_name.as_str()) => {}
            Node::Call(call) => {
                match member(node) {
                    Some((of, name)) if matches!(&of.expr, Node::Ident(ident) if ident == INPUT) => {
                        reads.given.push(name.to_owned());
                    }
                    Some((of, _)) => reads.terms.push(of.clone()),
                    None => {}
                }
                call.target.iter().for_each(|target| reads.add(Reads::of_term(target)));
                call.args.iter().for_each(|arg| reads.add(Reads::of_term(arg)));
            }
            Node::Comprehension(all) => reads.add(Reads::of_term(&all.iter_range)),
            _ => {}
        }
        reads
    }

    /// What a formula that is true (or false) cannot be without.
    fn of(formula: &Formula, holds: bool) -> Reads {
        match formula {
            Formula::Given(_) => Reads::default(),
            Formula::Same(one, other) => {
                let mut reads = Reads::of_term(one);
                reads.add(Reads::of_term(other));
                reads
            }
            Formula::OneOf(term, _) | Formula::Any(term) | Formula::Term(term) => Reads::of_term(term),
            Formula::Exists(list, var, each) => {
                let mut reads = Reads::of_term(list);
                if holds {
                    // It holds for an element, and there it reads all this, whichever element that is.
                    let mut of_element = Reads::of(each, true);
                    of_element.terms.retain(|term| !mentions(term, var));
                    reads.add(of_element);
                }
                reads
            }
            Formula::Not(inner) => Reads::of(inner, !holds),
            Formula::And(all) | Formula::Or(all) => {
                let each = all.iter().map(|one| Reads::of(one, holds));
                if matches!(formula, Formula::And(_)) == holds {
                    each.fold(Reads::default(), |mut all, one| {
                        all.add(one);
                        all
                    })
                } else {
                    each.reduce(|all, one| all.common(&one)).unwrap_or_default()
                }
            }
        }
    }
}

/// True if a variable stands in a term.
fn mentions(node: &IdedExpr, var: &str) -> bool {
    match &node.expr {
        Node::Ident(name) => name == var,
        Node::Call(call) => call.target.iter().any(|t| mentions(t, var)) || call.args.iter().any(|a| mentions(a, var)),
        Node::List(list) => list.elements.iter().any(|element| mentions(element, var)),
        Node::Comprehension(all) => {
            [&all.iter_range, &all.loop_step, &all.result].into_iter().any(|part| mentions(part, var))
        }
        Node::Literal(_) => false,
        _ => true,
    }
}

/// What is known of a request and of the world that it meets.
#[derive(Clone)]
pub(super) struct Known<'l> {
    law: &'l Law,
    operation: &'l Operation,
    facts: Vec<(Formula, bool)>,
    /// The variables that stand for something.
    resolved: Vec<VarIx>,
    /// The parameter that something is wrong with, and of whose value nothing is known.
    wrong: Option<ParamIx>,
    /// What is known cannot be.
    absurd: bool,
}

impl<'l> Known<'l> {
    /// Of a request for an operation of which nothing is known yet but that its arguments are good.
    pub(super) fn of_good(law: &'l Law, operation: &'l Operation) -> Known<'l> {
        Known::of_good_but(law, operation, None)
    }

    /// The same, but something is wrong with one of its arguments.
    pub(super) fn of_good_but(law: &'l Law, operation: &'l Operation, but: Option<ParamIx>) -> Known<'l> {
        let mut known = Known { law, operation, facts: Vec::new(), resolved: Vec::new(), wrong: but, absurd: false };
        let others = operation.params.iter().enumerate().filter(|(ix, _)| but != Some(*ix as ParamIx));
        for param in others.map(|(_, param)| param).filter(|param| param.required()) {
            known.learn(Formula::Given(param.name.to_string()), true);
            known.resolved.extend(param.names.iter().map(|reference| reference.var));
        }
        known
    }

    /// These variables stand for something.
    pub(super) fn resolve(&mut self, needs: &[VarIx]) {
        self.resolved.extend(needs);
    }

    /// A part of a guard holds.
    pub(super) fn holds(&mut self, part: &Part) {
        self.learn(Formula::of_part(part), true);
    }

    /// A part of a guard does not hold. Whether it is false, or reads what is not there, is known only if all is there
    /// that it reads; otherwise nothing is learnt.
    pub(super) fn does_not_hold(&mut self, part: &Part) {
        let _ = self.deny(&Formula::of_part(part));
    }

    /// A parameter is given, or not.
    pub(super) fn given(&mut self, name: &str, is: bool) {
        self.learn(Formula::Given(name.to_owned()), is);
    }

    /// True, false, or not known.
    pub(super) fn is_given(&self, name: &str) -> Option<bool> {
        self.value(&Formula::Given(name.to_owned()))
    }

    /// True, false, or not known, of a part of a guard.
    pub(super) fn value_of(&self, part: &Part) -> Option<bool> {
        self.value(&Formula::of_part(part))
    }

    /// True if what is known cannot be.
    pub(super) fn is_absurd(&self) -> bool {
        self.absurd
    }

    /// A formula is not true. If all is there that it reads, it is false. True if that is new.
    fn deny(&mut self, formula: &Formula) -> bool {
        match formula {
            Formula::Not(inner) => self.admit(inner),
            Formula::Or(all) => all.iter().fold(false, |learnt, one| self.deny(one) | learnt),
            Formula::And(all) => {
                let open: Vec<&Formula> = all.iter().filter(|one| self.value(one) != Some(true)).collect();
                if let [one] = open.as_slice() { self.deny(one) } else { false }
            }
            leaf => self.settle(leaf, false),
        }
    }

    /// A formula is not false.
    fn admit(&mut self, formula: &Formula) -> bool {
        match formula {
            Formula::Not(inner) => self.deny(inner),
            Formula::And(all) => all.iter().fold(false, |learnt, one| self.admit(one) | learnt),
            Formula::Or(all) => {
                let open: Vec<&Formula> = all.iter().filter(|one| self.value(one) != Some(false)).collect();
                if let [one] = open.as_slice() { self.admit(one) } else { false }
            }
            leaf => self.settle(leaf, true),
        }
    }

    fn settle(&mut self, leaf: &Formula, holds: bool) -> bool {
        if self.value(leaf) == Some(holds) || !self.is_defined(leaf, &[]) {
            return false;
        }
        self.learn(leaf.clone(), holds);
        true
    }

    /// True if a formula is sure to be true or false. `there` are terms that are known to be something where it stands: the
    /// elements of lists, and what an earlier condition has made sure of.
    fn is_defined(&self, formula: &Formula, there: &[&IdedExpr]) -> bool {
        let all = |terms: &[&IdedExpr]| terms.iter().all(|term| self.is_readable(term, there));
        match formula {
            Formula::Given(_) => true,
            Formula::Same(one, other) => all(&[one, other]),
            Formula::OneOf(term, _) | Formula::Any(term) | Formula::Term(term) => all(&[term]),
            Formula::Exists(list, var, each) => {
                let element = IdedExpr { id: 0, expr: Node::Ident(var.clone()) };
                all(&[list]) && self.is_defined(each, &[there, &[&element]].concat())
            }
            Formula::Not(inner) => self.is_defined(inner, there),
            Formula::And(some) | Formula::Or(some) => {
                // What comes later matters only where what comes before does not settle it.
                let mut there = there.to_vec();
                some.iter().all(|one| {
                    let defined = self.is_defined(one, &there);
                    match (formula, one) {
                        (Formula::Or(_), Formula::Same(term, other)) if is_null(other) => there.push(term),
                        (Formula::And(_), Formula::Not(inner)) => {
                            if let Formula::Same(term, other) = &**inner
                                && is_null(other)
                            {
                                there.push(term);
                            }
                        }
                        _ => {}
                    }
                    defined
                })
            }
        }
    }

    /// True if a term is sure to have a value: a path through what is there.
    fn is_readable(&self, term: &IdedExpr, there: &[&IdedExpr]) -> bool {
        if there.contains(&term) {
            return true;
        }
        if let Some((of, name)) = member(term) {
            return match &of.expr {
                Node::Ident(ident) if ident == INPUT => self.has_value(name),
                _ => there.contains(&of) || (self.is_readable(of, there) && self.is_something(of)),
            };
        }
        match &term.expr {
            Node::Ident(name) => self.operation.var(name).is_some_and(|var| self.resolved.contains(&var)),
            Node::Literal(_) => true,
            _ => false,
        }
    }

    fn learn(&mut self, formula: Formula, holds: bool) {
        match (formula, holds) {
            (Formula::Not(inner), _) => self.learn(*inner, !holds),
            (Formula::And(all), true) | (Formula::Or(all), false) => {
                all.into_iter().for_each(|one| self.learn(one, holds));
            }
            (formula, _) => {
                self.absurd |= self.value(&formula) == Some(!holds);
                let reads = Reads::of(&formula, holds);
                self.facts.push((formula, holds));
                for name in reads.given {
                    if self
                        .operation
                        .param(&name)
                        .is_some_and(|ix| self.operation.params[ix as usize].default.is_none())
                    {
                        let given = Formula::Given(name);
                        if self.value(&given) != Some(true) {
                            self.learn(given, true);
                        }
                    }
                }
                for term in reads.terms {
                    let nothing = Formula::Same(term, null());
                    match self.fact(&nothing) {
                        Some(true) => self.absurd = true,
                        Some(false) => {}
                        None => self.facts.push((nothing, false)),
                    }
                }
            }
        }
    }

    fn fact(&self, formula: &Formula) -> Option<bool> {
        let same = |known: &Formula| match (known, formula) {
            (Formula::Same(a, b), Formula::Same(c, d)) => (a, b) == (c, d) || (a, b) == (d, c),
            _ => known == formula,
        };
        self.facts.iter().find(|(known, _)| same(known)).map(|(_, holds)| *holds)
    }

    fn value(&self, formula: &Formula) -> Option<bool> {
        if let Some(known) = self.fact(formula) {
            return Some(known);
        }
        match formula {
            Formula::Not(inner) => self.value(inner).map(|holds| !holds),
            Formula::And(all) | Formula::Or(all) => {
                let settles = matches!(formula, Formula::Or(_));
                let values: Vec<Option<bool>> = all.iter().map(|one| self.value(one)).collect();
                match () {
                    () if values.contains(&Some(settles)) => Some(settles),
                    () if values.iter().all(Option::is_some) => Some(!settles),
                    () => None,
                }
            }
            Formula::Same(term, other) if is_null(other) => self.is_something(term).then_some(false),
            Formula::Same(term, other) => {
                let (values, one) = (self.values(term)?, text(other)?);
                (!values.iter().any(|v| v == one)).then_some(false).or_else(|| (values == [one]).then_some(true))
            }
            Formula::OneOf(term, some) => {
                let values = self.values(term)?;
                let inside = values.iter().filter(|value| some.contains(value)).count();
                (inside == 0).then_some(false).or_else(|| (inside == values.len()).then_some(true))
            }
            // A parameter that names several things names at least one.
            Formula::Any(list) => match &list.expr {
                Node::Ident(name) if self.is_list_of_names(name) => Some(true),
                _ => None,
            },
            // Of a list that has elements, one that does not satisfy a condition satisfies its opposite.
            Formula::Exists(list, var, each) => {
                let opposite = Formula::Exists(list.clone(), var.clone(), Box::new(not((**each).clone())));
                let some = self.value(&Formula::Any(list.clone())) == Some(true);
                (some && reads_only_states(self.law, each, var) && self.fact(&opposite) == Some(false)).then_some(true)
            }
            _ => None,
        }
    }

    /// True if a term is something, and not nothing.
    fn is_something(&self, term: &IdedExpr) -> bool {
        if self.fact(&Formula::Same(term.clone(), null())) == Some(false) {
            return true;
        }
        match &term.expr {
            Node::Ident(name) if name == INPUT => true,
            Node::Ident(name) => self.operation.var(name).is_some_and(|var| {
                // What a parameter names that may name things of several kinds may be of another one.
                let names = |param: &&crate::spec::law::Param| {
                    param.names.len() == 1 && !param.passes_over && param.plain.is_none() && param.names[0].var == var
                };
                self.resolved.contains(&var) && self.operation.params.iter().any(|param| names(&param))
            }),
            // What everything of its kind refers to.
            _ if self.field(term).is_some_and(|(kind, field)| is_always_set(self.law, kind, field)) => {
                member(term).is_some_and(|(of, _)| self.is_something(of))
            }
            _ => text(term).is_some(),
        }
    }

    /// True if a parameter has a value: its own, or its default.
    fn has_value(&self, name: &str) -> bool {
        let ix = self.operation.param(name);
        if ix.is_some() && ix == self.wrong {
            return false;
        }
        let default = ix.is_some_and(|ix| self.operation.params[ix as usize].default.is_some());
        default || self.value(&Formula::Given(name.to_owned())) == Some(true)
    }

    fn is_list_of_names(&self, name: &str) -> bool {
        self.operation.var(name).is_some_and(|var| {
            let names = |param: &crate::spec::law::Param| {
                !param.passes_over && param.plain.is_none() && param.names.iter().any(|r| r.var == var)
            };
            self.operation.vars[var as usize].list
                && self.resolved.contains(&var)
                && self.operation.params.iter().any(names)
        })
    }

    /// The values that a term may have; none if they are not known.
    fn values(&self, term: &IdedExpr) -> Option<Vec<String>> {
        let (of, name) = member(term)?;
        let mut values: Vec<String> = if matches!(&of.expr, Node::Ident(ident) if ident == INPUT) {
            let ix = self.operation.param(name).filter(|ix| Some(*ix) != self.wrong)?;
            let param = &self.operation.params[ix as usize];
            if self.value(&Formula::Given(name.to_owned())) == Some(false)
                && let Some(Literal::Text(default)) = &param.default
            {
                return Some(vec![default.to_string()]);
            }
            let known = !param.values.is_empty() && self.has_value(name);
            known.then(|| param.values.iter().map(|value| value.to_string()).collect())?
        } else {
            let (kind, field) = self.field(term).filter(|_| self.is_something(of))?;
            is_always_set(self.law, kind, field)
                .then(|| self.law[kind].fields[field as usize].values.iter().map(|v| v.to_string()).collect())?
        };
        for (fact, holds) in &self.facts {
            match fact {
                Formula::Same(t, other) if t == term => {
                    if let Some(other) = text(other) {
                        values.retain(|value| (value == other) == *holds);
                    }
                }
                Formula::OneOf(t, some) if t == term => values.retain(|value| some.contains(value) == *holds),
                _ => {}
            }
        }
        Some(values)
    }

    /// The field that a path from a variable leads to.
    fn field(&self, term: &IdedExpr) -> Option<(KindIx, FieldIx)> {
        let (of, name) = member(term)?;
        let kind = match &of.expr {
            Node::Ident(var) => {
                let var = self.operation.var(var).filter(|var| !self.operation.vars[*var as usize].list)?;
                self.operation.vars[var as usize].kind
            }
            _ => {
                let (kind, field) = self.field(of)?;
                self.law[kind].fields[field as usize].to?
            }
        };
        let field = self.law[kind].fields.iter().position(|field| &*field.name == name)?;
        Some((kind, field as FieldIx))
    }

    /// The paths of fields that a part of a guard compares with values that stand in the law; none if it reads anything else.
    pub(super) fn paths(&self, part: &Part) -> Option<Vec<(KindIx, Path)>> {
        match Formula::of_part(part) {
            Formula::Same(term, other) if text(&other).is_some() => Some(vec![self.path(&term)?]),
            Formula::OneOf(term, _) => Some(vec![self.path(&term)?]),
            _ => None,
        }
    }

    fn path(&self, term: &IdedExpr) -> Option<(KindIx, Path)> {
        let (of, name) = member(term)?;
        if let Node::Ident(var) = &of.expr {
            let kind = self.operation.vars[self.operation.var(var)? as usize].kind;
            let field = self.law[kind].fields.iter().position(|field| &*field.name == name)?;
            return Some((kind, Path(vec![field as FieldIx])));
        }
        let (start, Path(mut path)) = self.path(of)?;
        let (_, field) = self.field(term)?;
        path.push(field);
        Some((start, Path(path)))
    }

    /// What each of these guards not holding adds to what is known, until nothing more does. A guard of which all parts hold
    /// cannot be among those that do not: the places of those that show it together, if they do.
    pub(super) fn none_holds(&mut self, guards: &[&Guard]) -> Option<Vec<usize>> {
        let mut used = Vec::new();
        loop {
            let before = used.len();
            for (place, guard) in guards.iter().enumerate() {
                if !guard.needs.iter().all(|var| self.resolved.contains(var)) {
                    continue;
                }
                let parts = guard.parts.iter().map(|ix| Formula::of_part(&self.operation.conditions[*ix as usize]));
                let open: Vec<Formula> = parts.filter(|part| self.value(part) != Some(true)).collect();
                let learnt = match open.as_slice() {
                    [] => true,
                    [one] => self.deny(one),
                    _ => false,
                };
                if learnt && !used.contains(&place) {
                    used.push(place);
                }
                if open.is_empty() || self.absurd || self.has_no_value_left() {
                    return Some(used);
                }
            }
            if used.len() == before {
                return None;
            }
        }
    }

    /// True if a term of which something is known has no value left that it may have.
    fn has_no_value_left(&self) -> bool {
        self.facts.iter().any(|(fact, _)| match fact {
            Formula::Same(term, _) | Formula::OneOf(term, _) => self.values(term).is_some_and(|v| v.is_empty()),
            _ => false,
        })
    }
}

fn null() -> IdedExpr {
    IdedExpr { id: 0, expr: Node::Literal(LiteralValue::Null) }
}

/// True if a condition reads nothing of an element but states, which everything of its kind has.
fn reads_only_states(law: &Law, formula: &Formula, var: &str) -> bool {
    let is_state = |term: &IdedExpr| {
        member(term).is_some_and(|(of, name)| {
            let states = |kind: &crate::spec::law::Kind| {
                let field = kind.fields.iter().find(|field| &*field.name == name);
                field.is_none_or(|field| field.kind == FieldKind::State)
            };
            matches!(&of.expr, Node::Ident(ident) if ident == var) && law.kinds.iter().all(states)
        })
    };
    match formula {
        Formula::Not(inner) => reads_only_states(law, inner, var),
        Formula::Same(term, other) => is_state(term) && text(other).is_some(),
        Formula::OneOf(term, _) => is_state(term),
        _ => false,
    }
}

/// True if a state, or a reference, is set wherever something of its kind is made, and never taken away.
fn is_always_set(law: &Law, kind: KindIx, field: FieldIx) -> bool {
    let spec = &law[kind].fields[field as usize];
    let all =
        law.operations.iter().flat_map(|operation| operation.effects.iter().map(move |effect| (operation, effect)));
    let mut sets = Vec::new();
    for (operation, effect) in all {
        match &effect.change {
            Change::Create { kind: k, set, .. } if *k == kind => {
                let Some((_, expr)) = set.iter().find(|(f, _)| *f == field) else { return false };
                sets.push((operation, effect, expr));
            }
            Change::Set { set, .. } => {
                let of_it = set.iter().filter(|(k, f, _)| (*k, *f) == (kind, field));
                sets.extend(of_it.map(|(_, _, expr)| (operation, effect, expr)));
            }
            _ => {}
        }
    }
    sets.into_iter().all(|(operation, effect, expr)| match spec.kind {
        FieldKind::State => expr.source().trim() != "null",
        // A variable that the effect does not happen without, or the element that it happens for.
        FieldKind::Ref => {
            let name = expr.source().trim();
            let var = operation.var(name);
            let has = |vars: &[VarIx]| var.is_some_and(|var| vars.contains(&var));
            let several =
                |var: VarIx| operation.params.iter().any(|p| p.names.len() > 1 && p.names.iter().any(|r| r.var == var));
            name == "it" && effect.each.is_some()
                || (has(&effect.needs) && !var.is_some_and(several))
                || has(&effect.builds_on)
        }
        _ => false,
    })
}
