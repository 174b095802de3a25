//! The steps of a scenario.

use std::sync::Arc;

use crate::{
    model::{value::Handle, world::World},
    oracle::handles,
    spec::law::{FieldIx, KindIx, Law, OperationIx},
    wire::{Request, Tree},
};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A request.
    Call(Call),
    /// Time passes until every change that is under way has happened, and is seen to have happened.
    Settle,
}

impl Step {
    /// For people.
    pub fn display(&self, law: &Law) -> String {
        match self {
            Step::Call(call) => call.display(law),
            Step::Settle => "(wait until every change under way has happened)".to_owned(),
        }
    }
}

/// A request in terms of handles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// The operation.
    pub operation: OperationIx,
    /// Its arguments, by the names that the documents use.
    pub args: Vec<(Arc<str>, Symbol)>,
}

/// An argument in terms of handles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// A literal text.
    Text(Arc<str>),
    /// What a field of a resource turns out to be.
    Of {
        /// The kind of resource.
        kind: KindIx,
        /// Which of its kind, from 1.
        ordinal: u32,
        /// The field.
        field: FieldIx,
    },
    /// Several.
    List(Vec<Symbol>),
    /// Named members.
    Struct(Vec<(Arc<str>, Symbol)>),
}

impl Symbol {
    /// The argument as it will be sent; none if it names something that has not been seen in any of these worlds.
    pub fn resolve(&self, worlds: &[Arc<World>]) -> Option<Tree> {
        match self {
            Symbol::Text(text) => Some(Tree::Text(text.clone())),
            Symbol::Of { kind, ordinal, field } => worlds.iter().find_map(|world| {
                let handle = world.nth(*kind, *ordinal)?;
                handles::seen_text(world, handle, *field).map(Tree::Text)
            }),
            Symbol::List(items) => items.iter().map(|s| s.resolve(worlds)).collect::<Option<_>>().map(Tree::List),
            Symbol::Struct(members) => members
                .iter()
                .map(|(n, s)| Some((n.clone(), s.resolve(worlds)?)))
                .collect::<Option<_>>()
                .map(Tree::Struct),
        }
    }

    /// The symbol for a field of a resource.
    pub fn of(world: &World, handle: Handle, field: FieldIx) -> Option<Symbol> {
        let resource = world.get(handle)?;
        Some(Symbol::Of { kind: resource.kind, ordinal: resource.ordinal, field })
    }

    /// For people: handles by name, texts in quotes.
    pub fn display(&self, law: &Law) -> String {
        match self {
            Symbol::Text(text) => format!("\"{text}\""),
            Symbol::Of { kind, ordinal, field } => {
                let name = handles::name(law, *kind, *ordinal);
                if law[*kind].id == Some(*field) {
                    name
                } else {
                    format!("{name}.{}", law[*kind].fields[*field as usize].name)
                }
            }
            Symbol::List(items) => {
                format!("[{}]", items.iter().map(|s| s.display(law)).collect::<Vec<_>>().join(", "))
            }
            Symbol::Struct(members) => {
                let members = members.iter().map(|(n, s)| format!("{n}: {}", s.display(law)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Call {
    /// The request as it will be sent; none if an argument names something that has not been seen.
    pub fn resolve(&self, worlds: &[Arc<World>]) -> Option<Request> {
        let args = self.args.iter().map(|(n, s)| Some((n.clone(), s.resolve(worlds)?))).collect::<Option<_>>()?;
        Some(Request { operation: self.operation, args })
    }

    /// For people: `Operation Parameter=value …`.
    pub fn display(&self, law: &Law) -> String {
        let mut text = law[self.operation].name.to_string();
        for (name, symbol) in &self.args {
            text.push_str(&format!(" {name}={}", symbol.display(law)));
        }
        text
    }
}
