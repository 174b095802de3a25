//! What the law says of the fields of an answer, as far as their form goes. Both protocols are directed by it.

use std::sync::Arc;

use crate::spec::{
    file::ScalarType,
    law::{Kind, Law, Output, OutputFrom, Shown, ShownFrom},
};

/// What the schema says of a field of an answer.
#[derive(Clone, Copy)]
pub struct Schema<'l> {
    /// Its name in the documents.
    pub name: &'l Arc<str>,
    /// Its path on the wire.
    pub wire: &'l [String],
    /// Its type.
    pub kind: ScalarType,
    /// For a resource, or a list of them: how it is shown, and what of that may be missing.
    pub view: Option<(&'l Kind, &'l [Arc<str>])>,
    /// It may be left out.
    pub optional: bool,
    /// Its value may have another JSON type than the documented one.
    pub any_json: bool,
    /// The path of a list leads through lists rather than through elements.
    pub through_lists: bool,
}

impl<'l> Schema<'l> {
    /// Of a field of an operation's answer.
    pub fn of_output(law: &'l Law, output: &'l Output) -> Schema<'l> {
        let view = match &output.from {
            OutputFrom::One { kind, later, .. } | OutputFrom::Many { kind, later, .. } => Some((&law[*kind], &**later)),
            OutputFrom::Selected { kind, .. } => Some((&law[*kind], &[][..])),
            OutputFrom::Paths(_) | OutputFrom::Value(_) | OutputFrom::Counts(_) | OutputFrom::Nothing => None,
        };
        Schema {
            name: &output.name,
            wire: &output.wire,
            kind: output.kind,
            view,
            optional: output.optional || output.rule.is_none(),
            any_json: false,
            through_lists: output.kind == ScalarType::List && output.wire.len() > 1,
        }
    }

    /// Of a field of a resource, where some fields may come later.
    pub fn of_shown(law: &'l Law, shown: &'l Shown, later: &[Arc<str>]) -> Schema<'l> {
        let view = match &shown.from {
            ShownFrom::List(_, kind) => Some((&law[*kind], &[][..])),
            ShownFrom::Paths(_) | ShownFrom::Value(_) | ShownFrom::Nothing => None,
        };
        Schema {
            name: &shown.name,
            wire: &shown.wire,
            kind: shown.kind,
            view,
            optional: shown.optional || shown.rule.is_none() || later.contains(&shown.name),
            any_json: shown.any_json,
            through_lists: false,
        }
    }
}
