//! Whether an expression of a law reads a field of a kind of resource: by the types of what it goes through, so that fields
//! of other kinds that have the same name do not count.
//!
//! Where a type is not known, the name decides: it may say yes where a closer look would say no.

use cel::common::ast::{Expr as Node, IdedExpr, LiteralValue, operators as op};

use crate::spec::{
    expr::Expr,
    file::FieldKind,
    law::{FieldIx, KindIx, Law, Operation},
};

/// Where an expression stands, and what its variables are.
#[derive(Clone, Copy)]
pub(super) enum Place<'l> {
    /// In an operation.
    Operation(&'l Operation),
    /// In the view of a kind of resource.
    View(KindIx),
}

/// What a term is.
#[derive(Clone, Copy, PartialEq)]
enum Type {
    One(KindIx),
    Many(KindIx),
    Unknown,
}

/// The field that is looked for.
struct Search<'l> {
    law: &'l Law,
    place: Place<'l>,
    /// It, and those that list what refers to a resource by it: each with the kind that has it.
    fields: Vec<(KindIx, &'l str)>,
}

/// True if an expression reads a field, or what lists the references in it.
pub(super) fn reads(law: &Law, place: Place<'_>, expr: &Expr, kind: KindIx, field: FieldIx) -> bool {
    let mut fields = vec![(kind, &*law[kind].fields[field as usize].name)];
    for (ix, of) in law.kinds() {
        let inverse = of.fields.iter().filter(|f| f.to == Some(kind) && f.of == Some(field));
        fields.extend(inverse.map(|f| (ix, &*f.name)));
    }
    Search { law, place, fields }.finds(expr.evaluated(), &mut Vec::new())
}

/// The variables of comprehensions.
type Locals = Vec<(String, Type)>;

impl Search<'_> {
    fn finds(&self, node: &IdedExpr, locals: &mut Locals) -> bool {
        match &node.expr {
            Node::Call(call) => {
                let here = match call.args.as_slice() {
                    [of, name] if call.func_name == op::INDEX => text(name).is_some_and(|name| {
                        let of = self.ty(of, locals);
                        self.fields
                            .iter()
                            .any(|(kind, field)| *field == name && [Type::One(*kind), Type::Unknown].contains(&of))
                    }),
                    _ => false,
                };
                here || call.target.iter().any(|target| self.finds(target, locals))
                    || call.args.iter().any(|arg| self.finds(arg, locals))
            }
            Node::List(list) => list.elements.iter().any(|element| self.finds(element, locals)),
            Node::Comprehension(all) => {
                let element = match self.ty(&all.iter_range, locals) {
                    Type::Many(kind) => Type::One(kind),
                    _ => Type::Unknown,
                };
                if self.finds(&all.iter_range, locals) {
                    return true;
                }
                locals.push((all.iter_var.clone(), element));
                let inside = [&all.accu_init, &all.loop_cond, &all.loop_step, &all.result];
                let found = inside.into_iter().any(|part| self.finds(part, locals));
                locals.pop();
                found
            }
            Node::Ident(_) | Node::Literal(_) => false,
            Node::Select(select) => self.finds(&select.operand, locals),
            _ => true,
        }
    }

    fn ty(&self, node: &IdedExpr, locals: &mut Locals) -> Type {
        match &node.expr {
            Node::Ident(name) => {
                if let Some((_, ty)) = locals.iter().rev().find(|(local, _)| local == name) {
                    return *ty;
                }
                match self.place {
                    Place::View(kind) if name == "self" => Type::One(kind),
                    Place::Operation(operation) => match operation.var(name) {
                        Some(var) if operation.vars[var as usize].list => Type::Many(operation.vars[var as usize].kind),
                        Some(var) => Type::One(operation.vars[var as usize].kind),
                        None => Type::Unknown,
                    },
                    Place::View(_) => Type::Unknown,
                }
            }
            Node::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (op::INDEX, [of, name]) => match (self.ty(of, locals), text(name)) {
                    (Type::One(kind), Some(name)) => {
                        let field = self.law[kind].fields.iter().find(|field| &*field.name == name);
                        match field.and_then(|field| Some((field.kind, field.to?))) {
                            Some((FieldKind::Inverse, to)) => Type::Many(to),
                            Some((_, to)) => Type::One(to),
                            None => Type::Unknown,
                        }
                    }
                    (Type::Many(kind), None) => Type::One(kind),
                    _ => Type::Unknown,
                },
                (op::CONDITIONAL, [_, yes, no]) => {
                    let (yes, no) = (self.ty(yes, locals), self.ty(no, locals));
                    if yes == no { yes } else { Type::Unknown }
                }
                _ => Type::Unknown,
            },
            // What `filter` is made of: elements are kept as they are.
            Node::Comprehension(all) => {
                let keeps = |step: &IdedExpr| match &step.expr {
                    Node::Call(call) if call.func_name == op::CONDITIONAL => match &call.args[1].expr {
                        Node::Call(add) if add.func_name == op::ADD => add.args.iter().any(|arg| {
                            matches!(&arg.expr, Node::List(list) if matches!(list.elements.as_slice(),
                                [IdedExpr { expr: Node::Ident(name), .. }] if *name == all.iter_var))
                        }),
                        _ => false,
                    },
                    _ => false,
                };
                if keeps(&all.loop_step) { self.ty(&all.iter_range, locals) } else { Type::Unknown }
            }
            _ => Type::Unknown,
        }
    }
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Node::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}
