//! Expressions made ready for their evaluation: taken apart at `&&`, and in a form that takes the evaluator less time.
//!
//! Imports only what [`super::expr`] says of an expression.

use std::sync::Arc;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr as Node, IdedExpr, ListExpr, LiteralValue, SelectExpr, operators as op,
};

use super::expr::INPUT;

/// One of the conditions that an expression joins by `&&`.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// This parameter is given (true) or left out (false). Most conditions are settled by that, and it needs no evaluator.
    Given(Arc<str>, bool),
    /// This holds.
    Holds(IdedExpr),
}

impl Part {
    /// The conditions of which one is enough, if it lists several: joined by `||`, or values after `in`. Itself otherwise.
    pub fn alternatives(&self) -> Vec<Part> {
        match self {
            Part::Given(..) => vec![self.clone()],
            Part::Holds(node) => alternatives(node).into_iter().map(Part::Holds).collect(),
        }
    }
}

/// The conditions that an expression joins by `&&`, each ready for its evaluation.
pub(super) fn parts(node: &IdedExpr) -> Vec<Part> {
    let part = |node| presence(node).map_or_else(|| Part::Holds(lower(node)), |(name, given)| Part::Given(name, given));
    conjuncts(node).into_iter().map(part).collect()
}

/// The conditions that an expression joins by `&&`; itself if it is no such conjunction.
fn conjuncts(node: &IdedExpr) -> Vec<&IdedExpr> {
    let mut parts = Vec::new();
    let mut rest = vec![node];
    while let Some(node) = rest.pop() {
        match &node.expr {
            Node::Call(call) if call.func_name == op::LOGICAL_AND => rest.extend(call.args.iter().rev()),
            _ => parts.push(node),
        }
    }
    parts
}

/// The conditions, ready for their evaluation, of which one is enough for such a condition to hold.
fn alternatives(node: &IdedExpr) -> Vec<IdedExpr> {
    let Node::Call(call) = &node.expr else { return vec![node.clone()] };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (op::LOGICAL_OR, sides) => sides.iter().flat_map(alternatives).collect(),
        (op::IN, [value, IdedExpr { expr: Node::List(list), .. }]) => {
            let same = |element: &IdedExpr| {
                let args = vec![value.clone(), element.clone()];
                let call = CallExpr { func_name: op::EQUALS.to_owned(), target: None, args };
                IdedExpr { id: 0, expr: Node::Call(call) }
            };
            list.elements.iter().map(same).collect()
        }
        _ => vec![node.clone()],
    }
}

/// The parameter of `has(input.parameter)` with true, or of `!has(input.parameter)` with false.
fn presence(node: &IdedExpr) -> Option<(Arc<str>, bool)> {
    match &node.expr {
        Node::Call(call) if call.func_name == op::LOGICAL_NOT => {
            presence(call.args.first()?).map(|(name, given)| (name, !given))
        }
        Node::Select(select) if select.test && is_input(&select.operand) => Some((select.field.as_str().into(), true)),
        _ => None,
    }
}

fn is_input(node: &IdedExpr) -> bool {
    matches!(&node.expr, Node::Ident(name) if name == INPUT)
}

/// The same expression in a form that takes the evaluator less time. It takes `a.b.c` for the qualified name that it may
/// be, and looks for variables called `a.b.c` and `a.b` before `a`; no name of a spec has a dot, so that `a["b"]["c"]`
/// means the same. `has(input.b)` is `"b" in input`. And `!a`, for which an error is made up whether it is needed or not,
/// is `a ? false : true`. The nodes lose their numbers, so that what means the same is equal.
pub(super) fn lower(node: &IdedExpr) -> IdedExpr {
    let literal = |literal: LiteralValue| IdedExpr { id: 0, expr: Node::Literal(literal) };
    let text = |text: &str| literal(LiteralValue::String(text.to_owned().into()));
    let bool = |value: bool| literal(LiteralValue::Boolean(value.into()));
    let call = |name: &str, args| Node::Call(CallExpr { func_name: name.to_owned(), target: None, args });
    let expr = match &node.expr {
        Node::Select(select) if !select.test => call(op::INDEX, vec![lower(&select.operand), text(&select.field)]),
        Node::Select(select) if is_input(&select.operand) => {
            call(op::IN, vec![text(&select.field), lower(&select.operand)])
        }
        Node::Select(select) => {
            Node::Select(SelectExpr { operand: Box::new(lower(&select.operand)), ..select.clone() })
        }
        Node::Call(not) if not.func_name == op::LOGICAL_NOT && not.args.len() == 1 => {
            call(op::CONDITIONAL, vec![lower(&not.args[0]), bool(false), bool(true)])
        }
        Node::Call(call) => Node::Call(CallExpr {
            func_name: call.func_name.clone(),
            target: call.target.as_ref().map(|target| Box::new(lower(target))),
            args: call.args.iter().map(lower).collect(),
        }),
        Node::List(list) => Node::List(ListExpr {
            elements: list.elements.iter().map(lower).collect(),
            optional_indices: list.optional_indices.clone(),
        }),
        // Who calls a variable of a comprehension `input` does not mean the arguments.
        Node::Comprehension(all) if all.iter_var != INPUT => Node::Comprehension(Box::new(ComprehensionExpr {
            iter_range: lower(&all.iter_range),
            accu_init: lower(&all.accu_init),
            loop_cond: lower(&all.loop_cond),
            loop_step: lower(&all.loop_step),
            result: lower(&all.result),
            ..(**all).clone()
        })),
        other => other.clone(),
    };
    IdedExpr { id: 0, expr }
}
