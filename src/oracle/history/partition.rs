//! Groups of connected resources, so that a history can be judged group by group.
//!
//! A history has an order if each group of its requests has one, where no request of one group can tell whether those of
//! another have happened: orders of the groups can be interleaved by their moments (Herlihy and Wing call that locality;
//! A. Horn and D. Kroening, "Faster linearizability checking via P-compositionality", FORTE 2015).
//!
//! Why these groups are such: what a request meets and changes depends on the resources that it names, on those that can
//! be reached from them by references in either direction, on what it creates, and on what is remembered of its token.
//! Expressions of a law begin at what the request names; nothing in them ranges over all that there is. A reference
//! comes about by a request that names both ends, or names one and creates the other. A request that was accepted shows
//! what it created, or a later answer shows it next to something that the first request named. So two requests that are
//! connected through any number of resources are joined by texts that name resources, each of which stands in the
//! requests or answers of both of its neighbours in that chain, as long as:
//!
//! - a request that shows what it did not name (a listing, a filter) joins everything: then there is one group;
//! - a request that names by a value that can be guessed (an address, say) joins all that create such resources: it may
//!   mean one whose value nobody has seen;
//! - a text counts wherever it stands, not only where the law says that it names something;
//! - a text that requests take for a name and no answer shows is none, as long as no answer to a request that creates
//!   something was lost: it is the service that gives things their ids, and whoever names one knows it from an answer.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{super::reach::shows_unnamed, Event};
use crate::{
    model::input,
    spec::{
        file::FieldKind,
        law::{Change, KindIx, Law, Operation, Output, OutputFrom, Path, ShownFrom},
    },
    wire::{Body, Tree},
};

/// How deep a view in a view is followed.
const DEPTH: usize = 8;

/// The groups of a history: places of its requests, each group in order, the groups in the order of their first ones.
pub(super) fn groups(law: &Law, events: &[Event]) -> Vec<Vec<usize>> {
    if events.iter().any(|event| shows_unnamed(law, &event.request)) {
        return vec![(0..events.len()).collect()];
    }
    let mut names: FxHashSet<Arc<str>> = FxHashSet::default();
    let mut guessable: FxHashSet<KindIx> = FxHashSet::default();
    let mut asked: FxHashSet<Arc<str>> = FxHashSet::default();
    for event in events {
        names_in(law, event, &mut names, &mut asked, &mut guessable);
    }
    if !events.iter().any(|event| may_have_created_unseen(law, event)) {
        let mut shown: FxHashSet<Arc<str>> = FxHashSet::default();
        events.iter().filter_map(shown_by).for_each(|tree| texts(tree, &mut |text| note(&mut shown, text)));
        asked.retain(|text| shown.contains(text));
    }
    names.extend(asked);
    let mut sets = Sets { parents: (0..events.len()).collect() };
    let mut by_name: FxHashMap<&Arc<str>, usize> = FxHashMap::default();
    let mut by_kind: FxHashMap<KindIx, usize> = FxHashMap::default();
    for (place, event) in events.iter().enumerate() {
        let mut join = |text: &Arc<str>| {
            if let Some(name) = names.get(text) {
                let other = *by_name.entry(name).or_insert(place);
                sets.join(place, other);
            }
        };
        let request = &event.request;
        request.args.iter().chain(&request.undeclared).for_each(|(_, tree)| texts(tree, &mut join));
        if let Some(tree) = shown_by(event) {
            texts(tree, &mut join);
        }
        if guessable.is_empty() {
            continue;
        }
        let operation = &law[request.operation];
        let created = operation.effects.iter().filter_map(|e| match e.change {
            Change::Create { kind, .. } => Some(kind),
            _ => None,
        });
        let guessed = operation.params.iter().filter(|p| request.args.iter().any(|(n, _)| *n == p.name));
        let guessed = guessed.flat_map(|p| p.names.iter()).filter(|r| law.is_guessable(r)).map(|r| r.kind);
        for kind in created.chain(guessed).filter(|kind| guessable.contains(kind)) {
            let other = *by_kind.entry(kind).or_insert(place);
            sets.join(place, other);
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut of_root: FxHashMap<usize, usize> = FxHashMap::default();
    for place in 0..events.len() {
        let group = *of_root.entry(sets.root(place)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(place);
    }
    groups
}

/// True if a request may have created something that its answer does not show: nobody has seen the answer.
fn may_have_created_unseen(law: &Law, event: &Event) -> bool {
    let is_told = matches!(event.answer.as_ref().map(|a| &a.body), Some(Body::Success(_) | Body::Error { .. }));
    !is_told && law[event.request.operation].effects.iter().any(|e| matches!(e.change, Change::Create { .. }))
}

/// What an answer shows of the service; none if the request was refused, or nobody has seen it.
fn shown_by(event: &Event) -> Option<&Tree> {
    match event.answer.as_ref().map(|answer| &answer.body) {
        Some(Body::Success(tree)) => Some(tree),
        _ => None,
    }
}

/// The texts of a request and its answer that name resources (those that the request takes for names are `asked`), and
/// the kinds that are named by what can be guessed.
fn names_in(
    law: &Law,
    event: &Event,
    names: &mut FxHashSet<Arc<str>>,
    asked: &mut FxHashSet<Arc<str>>,
    guessable: &mut FxHashSet<KindIx>,
) {
    let operation = &law[event.request.operation];
    let is_token =
        |name: &Arc<str>| operation.token.as_ref().is_some_and(|t| operation.params[t.param as usize].name == *name);
    for (name, tree) in &event.request.args {
        let Some(param) = operation.params.iter().find(|p| p.name == *name) else { continue };
        if is_token(name) {
            texts(tree, &mut |text| note(names, text));
        } else if !param.names.is_empty() {
            guessable.extend(param.names.iter().filter(|r| law.is_guessable(r)).map(|r| r.kind));
            texts(tree, &mut |text| {
                if !input::is_plain(param, text) {
                    asked.insert(text.clone());
                }
            });
        }
    }
    if let Some(tree) = shown_by(event) {
        for output in &operation.output {
            if let Some(tree) = tree.get(&output.name) {
                names_in_output(law, operation, output, tree, names);
            }
        }
    }
}

fn names_in_output(law: &Law, operation: &Operation, output: &Output, tree: &Tree, names: &mut FxHashSet<Arc<str>>) {
    let views = |kind: KindIx, names: &mut FxHashSet<Arc<str>>| match tree {
        Tree::List(items) => items.iter().for_each(|item| names_in_view(law, kind, item, 0, names)),
        item => names_in_view(law, kind, item, 0, names),
    };
    match &output.from {
        OutputFrom::Paths(paths) => {
            let start = |var: u32| operation.vars[var as usize].kind;
            if paths.iter().any(|(var, path)| ends_in_name(law, start(*var), path)) {
                texts(tree, &mut |text| note(names, text));
            }
        }
        OutputFrom::One { kind, .. } | OutputFrom::Many { kind, .. } | OutputFrom::Selected { kind, .. } => {
            views(*kind, names);
        }
        OutputFrom::Value(_) | OutputFrom::Counts(_) | OutputFrom::Nothing => {}
    }
}

fn names_in_view(law: &Law, kind: KindIx, item: &Tree, depth: usize, names: &mut FxHashSet<Arc<str>>) {
    for shown in &law[kind].view {
        let Some(tree) = item.get(&shown.name) else { continue };
        match &shown.from {
            ShownFrom::Paths(paths) if paths.iter().any(|path| ends_in_name(law, kind, path)) => {
                texts(tree, &mut |text| note(names, text));
            }
            ShownFrom::List(_, of) if depth < DEPTH => {
                for item in tree.as_list().into_iter().flatten() {
                    names_in_view(law, *of, item, depth + 1, names);
                }
            }
            _ => {}
        }
    }
}

/// True if a path ends in a value that belongs to one resource only.
fn ends_in_name(law: &Law, start: KindIx, path: &Path) -> bool {
    let Some((last, way)) = path.0.split_last() else { return false };
    let kind = way.iter().try_fold(start, |kind, field| law[kind].fields[*field as usize].to);
    kind.is_some_and(|kind| {
        let field = &law[kind].fields[*last as usize];
        field.kind == FieldKind::Id || field.unique
    })
}

fn note(names: &mut FxHashSet<Arc<str>>, text: &Arc<str>) {
    names.insert(text.clone());
}

fn texts(tree: &Tree, found: &mut impl FnMut(&Arc<str>)) {
    match tree {
        Tree::Text(text) if text.is_empty() => {}
        Tree::Text(text) => found(text),
        Tree::List(items) => items.iter().for_each(|item| texts(item, found)),
        Tree::Struct(members) => members.iter().for_each(|(_, member)| texts(member, found)),
    }
}

/// Disjoint sets of numbers.
struct Sets {
    parents: Vec<usize>,
}

impl Sets {
    fn root(&mut self, mut place: usize) -> usize {
        while self.parents[place] != place {
            // Halving the way keeps it short.
            self.parents[place] = self.parents[self.parents[place]];
            place = self.parents[place];
        }
        place
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        // The smaller number stays, so that the result depends on nothing else.
        self.parents[one.max(other)] = one.min(other);
    }
}
