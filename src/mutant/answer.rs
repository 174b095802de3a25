//! Answers that show something wrong.

use std::sync::Arc;

use super::{Place, Shows, broken::Broken};
use crate::{
    model::{
        assess::Assessment,
        eval::Scope,
        fault::Doing,
        show,
        value::{Handle, Value},
        world::World,
    },
    spec::{
        file::ScalarType,
        law::{KindIx, Law, Output, OutputFrom, Shown, ShownFrom},
    },
    wire::Tree,
};

/// Makes a place in an answer wrong.
pub(super) fn shown(broken: &Broken, place: Place, shows: Shows, doing: &Doing<'_>, after: &Scope, tree: &mut Tree) {
    let operation = doing.assessment.operation;
    let previous = if doing.law[operation].reads { broken.here().previous.clone() } else { Some(doing.before.clone()) };
    let wrong = Wrong { broken, place, shows, assessment: doing.assessment, scope: after, previous };
    for (ix, output) in doing.law[operation].output.iter().enumerate() {
        wrong.output(ix, output, tree);
    }
}

struct Wrong<'a> {
    broken: &'a Broken,
    place: Place,
    shows: Shows,
    assessment: &'a Assessment,
    scope: &'a Scope,
    /// The world before the latest change.
    previous: Option<Arc<World>>,
}

impl Wrong<'_> {
    fn law(&self) -> &Law {
        &self.scope.law
    }

    fn output(&self, ix: usize, output: &Output, tree: &mut Tree) {
        let here = self.place == Place::Output(self.assessment.operation, ix);
        let handles = self.handles(output);
        let kind = match &output.from {
            OutputFrom::One { kind, .. } | OutputFrom::Many { kind, .. } | OutputFrom::Selected { kind, .. } => {
                Some(*kind)
            }
            _ => None,
        };
        if let (Some(kind), Some(member)) = (kind, member(tree, &output.name)) {
            let items = match member {
                Tree::List(items) => items.iter_mut().collect::<Vec<_>>(),
                one => vec![one],
            };
            for (item, handle) in items.into_iter().zip(&handles) {
                self.view(kind, *handle, item);
            }
        }
        if !here {
            return;
        }
        let now = tree.get(&output.name).cloned();
        let wrong = match (self.shows, kind) {
            (Shows::OneLess | Shows::Twice | Shows::Foreign, Some(kind)) => self.list(kind, &handles, now.as_ref()),
            (Shows::OfAnother, Some(kind)) => {
                let other = handles.first().and_then(|h| self.another(kind, *h));
                other.map_or_else(|| now.clone(), |h| Some(self.rendered(h, kind)))
            }
            (Shows::Stale, None) => match &self.previous {
                Some(world) if self.knew(world, output) => {
                    let scope = Scope { world: world.clone(), ..self.scope.clone() };
                    written(show::output_value(&scope, self.assessment, output).value, output.kind)
                }
                _ => now.clone(),
            },
            (Shows::OfAnother, None) => self.value_of_another(output).unwrap_or_else(|| now.clone()),
            _ => self.scalar(now.as_ref(), output.kind),
        };
        self.replace(tree, &output.name, now, wrong);
    }

    /// The resources that an output shows, in their order.
    fn handles(&self, output: &Output) -> Vec<Handle> {
        match &output.from {
            OutputFrom::One { of, .. } | OutputFrom::Many { of, .. } => {
                self.scope.resources(&of.expr).unwrap_or_default()
            }
            OutputFrom::Selected { kind, by, filter, page } => {
                let list = show::selected(self.scope, self.assessment, *kind, by, *filter);
                let (before, most) = show::page(self.scope, self.assessment, *page).unwrap_or((0, usize::MAX));
                list.into_iter().skip(before).take(most).map(|(h, _)| h).collect()
            }
            _ => Vec::new(),
        }
    }

    fn view(&self, kind: KindIx, handle: Handle, item: &mut Tree) {
        for (ix, shown) in self.law()[kind].view.iter().enumerate() {
            if let ShownFrom::List(path, of) = &shown.from {
                let parts = show::listed(self.law(), &self.scope.world, handle, path);
                if let Some(Tree::List(items)) = member(item, &shown.name) {
                    for (part, item) in parts.iter().zip(items) {
                        self.view(*of, *part, item);
                    }
                }
            }
            let in_force = || shown.rule_in(self.assessment.operation) == Some(self.broken.rule());
            if self.place == (Place::Row(kind, ix)) && in_force() {
                self.row(kind, handle, shown, item);
            }
        }
    }

    fn row(&self, kind: KindIx, handle: Handle, shown: &Shown, item: &mut Tree) {
        let now = item.get(&shown.name).cloned();
        let at = |world: &Arc<World>, of: Handle| {
            let scope = Scope { world: world.clone(), ..self.scope.clone() };
            written(show::view_value(&scope, of, shown).value, shown.kind)
        };
        let wrong = match (&shown.from, self.shows) {
            (ShownFrom::List(path, of), Shows::OneLess | Shows::Twice | Shows::Foreign) => {
                let parts = show::listed(self.law(), &self.scope.world, handle, path);
                self.list(*of, &parts, now.as_ref())
            }
            (_, Shows::Stale) => match &self.previous {
                Some(world) if world.get(handle).is_some() => at(world, handle),
                _ => now.clone(),
            },
            (_, Shows::OfAnother) => match self.another(kind, handle) {
                Some(other) => at(&self.scope.world, other),
                None => now.clone(),
            },
            _ => self.scalar(now.as_ref(), shown.kind),
        };
        self.replace(item, &shown.name, now, wrong);
    }

    /// Another live resource of the kind.
    fn another(&self, kind: KindIx, than: Handle) -> Option<Handle> {
        self.scope.world.live(kind).map(|(h, _)| h).find(|h| *h != than)
    }

    /// True if what an output shows a value of was there in a world.
    fn knew(&self, world: &World, output: &Output) -> bool {
        let OutputFrom::Paths(paths) = &output.from else { return false };
        let vars = &self.law()[self.assessment.operation].vars;
        let of = |var: u32| self.scope.vars.iter().find(|(name, _)| *name == vars[var as usize].name);
        paths.iter().any(|(var, _)| matches!(of(*var), Some((_, Value::Ref(h))) if world.get(*h).is_some()))
    }

    /// What an output that shows a value of a resource would show of another one, if there is another one.
    fn value_of_another(&self, output: &Output) -> Option<Option<Tree>> {
        let OutputFrom::Paths(paths) = &output.from else { return None };
        let vars = &self.law()[self.assessment.operation].vars;
        paths.iter().find_map(|(var, path)| {
            let var = &vars[*var as usize];
            let own = self.scope.vars.iter().find(|(name, _)| *name == var.name);
            let Some((_, Value::Ref(own))) = own else { return None };
            let other = self.another(var.kind, *own)?;
            Some(written(self.scope.world.follow(self.law(), other, path).1, output.kind))
        })
    }

    /// A resource with what is its own, its parts left out.
    fn rendered(&self, handle: Handle, kind: KindIx) -> Tree {
        let view = &self.law()[kind].view;
        let members = view.iter().filter_map(|shown| {
            let value = show::view_value(self.scope, handle, shown).value;
            Some((shown.name.clone(), written(value, shown.kind)?))
        });
        Tree::Struct(members.collect())
    }

    fn list(&self, kind: KindIx, handles: &[Handle], now: Option<&Tree>) -> Option<Tree> {
        let mut items = now?.as_list()?.to_vec();
        match self.shows {
            Shows::OneLess => drop(items.pop()),
            Shows::Twice => items.extend(items.first().cloned()),
            _ => {
                let foreign = self.scope.world.live(kind).map(|(h, _)| h).find(|h| !handles.contains(h));
                items.extend(foreign.map(|h| self.rendered(h, kind)));
            }
        }
        Some(Tree::List(items))
    }

    fn scalar(&self, now: Option<&Tree>, kind: ScalarType) -> Option<Tree> {
        let now = now?;
        let Some(text) = now.as_single() else {
            return match self.shows {
                Shows::Missing => None,
                _ => Some(now.clone()),
            };
        };
        let wrong: Tree = match (self.shows, kind) {
            (Shows::Missing, _) => return None,
            (Shows::Type, ScalarType::Integer) => Tree::text("many"),
            (Shows::Type, ScalarType::Boolean) => Tree::text("perhaps"),
            (Shows::Type, _) => Tree::Struct(vec![("Value".into(), Tree::Text(text.clone()))]),
            (Shows::Unheard, _) => Tree::text("unheard-of"),
            (Shows::Wrong, ScalarType::Integer) => Tree::text(text.parse::<i64>().map_or(1, |n| n + 1).to_string()),
            (Shows::Wrong, ScalarType::Boolean) => Tree::text(if &**text == "true" { "false" } else { "true" }),
            (Shows::Wrong, _) => Tree::text(format!("{text}x")),
            _ => Tree::Text(text.clone()),
        };
        Some(match now {
            Tree::List(_) => Tree::List(vec![wrong]),
            _ => wrong,
        })
    }

    fn replace(&self, tree: &mut Tree, name: &Arc<str>, now: Option<Tree>, wrong: Option<Tree>) {
        if now == wrong || !self.broken.departs() {
            return;
        }
        let Tree::Struct(members) = tree else { return };
        match (members.iter_mut().find(|(n, _)| n == name), wrong) {
            (Some((_, member)), Some(wrong)) => *member = wrong,
            (None, Some(wrong)) => members.push((name.clone(), wrong)),
            (_, None) => members.retain(|(n, _)| n != name),
        }
    }
}

fn member<'t>(tree: &'t mut Tree, name: &str) -> Option<&'t mut Tree> {
    match tree {
        Tree::Struct(members) => members.iter_mut().find(|(n, _)| **n == *name).map(|(_, v)| v),
        _ => None,
    }
}

/// A value as an answer shows it.
fn written(value: Value, kind: ScalarType) -> Option<Tree> {
    let text = value.to_wire().map(Tree::Text);
    if kind == ScalarType::List { text.map(|text| Tree::List(vec![text])) } else { text }
}
