//! Marking what a run makes as its own, where the law says how: with tags, mostly.
//!
//! The mark goes with the request on its way out. What is judged is the request without it, so that no verdict depends on
//! it.

use std::borrow::Cow;

use crate::{
    spec::{
        file::Mark,
        law::{Change, Law, Operation, Param},
    },
    wire::{Request, Tree},
};

/// What stands for the run in the law's marks.
const RUN: &str = "{run}";

/// The request with the marks that its operation takes. `run` is a word that no other run has.
pub(super) fn marked<'r>(law: &Law, request: &'r Request, run: &str) -> Cow<'r, Request> {
    let missing = |param: &&Param| !request.args.iter().any(|(name, _)| *name == param.name);
    let mut request = Cow::Borrowed(request);
    for (name, mark) in marks(&law[request.operation]).filter(|(param, _)| missing(param)) {
        request.to_mut().args.push((name.name.clone(), tree(mark, run)));
    }
    request
}

/// True if what an operation creates is marked.
pub(super) fn is_marked(operation: &Operation) -> bool {
    marks(operation).next().is_some()
}

fn marks(operation: &Operation) -> impl Iterator<Item = (&Param, &Mark)> {
    let creates = operation.effects.iter().any(|effect| matches!(effect.change, Change::Create { .. }));
    operation.params.iter().filter(move |_| creates).filter_map(|param| Some((param, param.mark.as_ref()?)))
}

fn tree(mark: &Mark, run: &str) -> Tree {
    match mark {
        Mark::Text(text) => Tree::text(text.replace(RUN, run)),
        Mark::List(items) => Tree::List(items.iter().map(|item| tree(item, run)).collect()),
        Mark::Struct(members) => {
            Tree::Struct(members.iter().map(|(name, member)| (name.as_str().into(), tree(member, run))).collect())
        }
    }
}
