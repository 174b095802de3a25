//! The steps of a scenario.

use std::sync::Arc;

use crate::{
    model::{value::Handle, world::World},
    oracle::handles,
    spec::law::{FieldIx, KindIx, Law, OperationIx},
    wire::{Request, Tree},
};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A request.
    Call(Call),
    /// Requests that are sent at once, each without waiting for the answer to another one.
    Together(Vec<Call>),
    /// Time passes until every change that is under way has happened, and is seen to have happened.
    Settle,
}

impl Step {
    /// The requests that it sends.
    pub fn calls(&self) -> &[Call] {
        match self {
            Step::Call(call) => std::slice::from_ref(call),
            Step::Together(calls) => calls,
            Step::Settle => &[],
        }
    }

    /// For people.
    pub fn display(&self, law: &Law) -> String {
        match self {
            Step::Call(call) => call.display(law),
            Step::Together(calls) => {
                let calls: Vec<String> = calls.iter().map(|call| call.display(law)).collect();
                format!("(at once) {}", calls.join(" | "))
            }
            Step::Settle => "(wait until every change under way has happened)".to_owned(),
        }
    }
}

/// A request in terms of handles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The operation.
    pub operation: OperationIx,
    /// Its arguments, by the names that the documents use.
    pub args: Vec<(Arc<str>, Symbol)>,
}

/// An argument in terms of handles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// The token of this number: a text that no other scenario of any run sends.
    Token(u32),
    /// Several.
    List(Vec<Symbol>),
    /// Named members.
    Struct(Vec<(Arc<str>, Symbol)>),
}

/// The text of a token. `tokens` is what all tokens of one scenario begin with.
fn token_text(tokens: &str, number: u32) -> String {
    format!("{tokens}-{number}")
}

/// The number of the token with this text, if it was made from one.
fn token_number(text: &str) -> Option<u32> {
    text.rsplit_once('-')?.1.parse().ok()
}

impl Symbol {
    /// The argument as it will be sent; none if it names something that has not been seen in any of these worlds.
    /// `tokens` is what the tokens of this scenario begin with.
    pub fn resolve(&self, worlds: &[Arc<World>], tokens: &str) -> Option<Tree> {
        match self {
            Symbol::Text(text) => Some(Tree::Text(text.clone())),
            Symbol::Token(number) => Some(Tree::text(token_text(tokens, *number))),
            Symbol::Of { kind, ordinal, field } => worlds.iter().find_map(|world| {
                let handle = world.nth(*kind, *ordinal)?;
                handles::seen_text(world, handle, *field).map(Tree::Text)
            }),
            Symbol::List(items) => {
                items.iter().map(|s| s.resolve(worlds, tokens)).collect::<Option<_>>().map(Tree::List)
            }
            Symbol::Struct(members) => members
                .iter()
                .map(|(n, s)| Some((n.clone(), s.resolve(worlds, tokens)?)))
                .collect::<Option<_>>()
                .map(Tree::Struct),
        }
    }

    /// The symbol for a field of a resource.
    pub fn of(world: &World, handle: Handle, field: FieldIx) -> Option<Symbol> {
        let resource = world.get(handle)?;
        Some(Symbol::Of { kind: resource.kind, ordinal: resource.ordinal, field })
    }

    /// A token that nothing in this world was sent with.
    pub fn fresh_token(world: &World) -> Symbol {
        let numbers = world.tokens.iter().filter_map(|used| token_number(&used.sent.token));
        Symbol::Token(numbers.max().map_or(1, |number| number.saturating_add(1)))
    }

    /// The symbol for a token that has been sent.
    pub fn of_token(text: &Arc<str>) -> Symbol {
        token_number(text).map_or_else(|| Symbol::Text(text.clone()), Symbol::Token)
    }

    /// For people: handles by name, texts in quotes.
    pub fn display(&self, law: &Law) -> String {
        match self {
            Symbol::Text(text) => format!("\"{text}\""),
            Symbol::Token(number) => format!("token#{number}"),
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
    /// The request as it will be sent; none if an argument names something that has not been seen. `tokens` is what the
    /// tokens of this scenario begin with.
    pub fn resolve(&self, law: &Law, worlds: &[Arc<World>], tokens: &str) -> Option<Request> {
        let args =
            self.args.iter().map(|(n, s)| Some((n.clone(), s.resolve(worlds, tokens)?))).collect::<Option<_>>()?;
        Some(Request::new(law, self.operation, args))
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
