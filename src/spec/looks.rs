//! What expressions, answers and effects have to do with: the fields that they look at, and what they change.
//!
//! Who knows that of an operation knows as well which changes of the world it cannot tell: those of all other fields.
//!
//! Imports [`super::expr`] and [`super::law`].

use rustc_hash::FxHashSet;

use super::{
    expr::{Expr, Scope, Ty},
    law::{Change, FieldIx, KindIx, Law, Operation, OutputFrom, Path, ShownFrom},
};

/// The fields that an expression reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Each of them.
    pub fields: Vec<(KindIx, FieldIx)>,
    /// It reads a field of something of which it is not known what it is.
    pub is_unclear: bool,
}

impl Read {
    /// Takes note that a field of something is read.
    pub(super) fn note(&mut self, scope: &Scope<'_>, of: &Ty, field: &str) {
        match of {
            Ty::Resource(kind) => {
                let place = scope.kind(*kind).and_then(|k| k.members.iter().position(|m| *m.name == *field));
                self.fields.extend(place.map(|place| (*kind, place as FieldIx)));
            }
            Ty::Any => self.is_unclear = true,
            Ty::Bool | Ty::Int | Ty::Text | Ty::Null | Ty::List(_) | Ty::Input => {}
        }
    }

    /// True if it reads nothing but values of resources that it does not have to look for.
    pub fn stays(&self, law: &Law) -> bool {
        !self.is_unclear && self.fields.iter().all(|(kind, field)| law[*kind].fields[*field as usize].to.is_none())
    }
}

/// Some fields of some kinds of resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Fields that hold values of their own. Whoever reads an inverse one looks at the references that it is the inverse of.
    own: FxHashSet<(KindIx, FieldIx)>,
    /// References that are followed backwards.
    backwards: FxHashSet<(KindIx, FieldIx)>,
    /// Every field of these kinds.
    whole: FxHashSet<KindIx>,
}

impl Fields {
    /// True if this field, which is no inverse one, is among them.
    pub fn has(&self, kind: KindIx, field: FieldIx) -> bool {
        self.own.contains(&(kind, field)) || self.backwards.contains(&(kind, field)) || self.whole.contains(&kind)
    }

    /// True if every field of this kind is among them.
    pub fn has_all_of(&self, kind: KindIx) -> bool {
        self.whole.contains(&kind)
    }

    /// True if one goes from the resource that holds this reference to the other one.
    pub fn goes_on(&self, kind: KindIx, field: FieldIx) -> bool {
        self.own.contains(&(kind, field))
    }

    /// True if one goes from the resource that this reference points to back to the one that holds it.
    pub fn goes_back(&self, kind: KindIx, field: FieldIx) -> bool {
        self.backwards.contains(&(kind, field))
    }

    fn add(&mut self, kinds: &Kinds<'_>, kind: KindIx, field: FieldIx) {
        let spec = &kinds.0[kind].fields[field as usize];
        match (spec.to, spec.of) {
            (Some(from), Some(of)) => self.backwards.insert((from, of)),
            _ => self.own.insert((kind, field)),
        };
    }

    fn add_expr(&mut self, kinds: &Kinds<'_>, expr: &Expr) {
        for (kind, field) in &expr.read().fields {
            self.add(kinds, *kind, *field);
        }
    }

    fn add_path(&mut self, kinds: &Kinds<'_>, start: KindIx, path: &Path) {
        let mut at = Some(start);
        for field in &path.0 {
            let Some(kind) = at else { return };
            self.add(kinds, kind, *field);
            at = kinds.0[kind].fields[*field as usize].to;
        }
    }
}

/// What an operation has to do with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// It cannot be said: it may be everything.
    pub is_unclear: bool,
    /// What its conditions, its effects and its answer look at.
    pub looks: Fields,
    /// What its effects set; of what they delete, everything.
    pub changes: Fields,
}

/// The kinds of a law.
struct Kinds<'l>(&'l Law);

/// The footprint of an operation.
pub(super) fn footprint(law: &Law, operation: &Operation) -> Footprint {
    let kinds = Kinds(law);
    let mut found = Footprint::default();
    let mut seen: FxHashSet<KindIx> = FxHashSet::default();
    let mut shown: Vec<KindIx> = Vec::new();
    let guards = operation.refusals.iter().map(|r| &r.guard);
    let guards = guards.chain(operation.permits.iter().chain(&operation.keeps).map(|(_, guard)| guard));
    for guard in guards.chain(operation.open.iter().map(|o| &o.guard)) {
        found.look(&kinds, &guard.expr);
    }
    for effect in &operation.effects {
        let after = effect.after.iter().flat_map(|a| [&a.earliest, &a.latest, &a.usually, &a.unless]);
        [&effect.when, &effect.each].into_iter().chain(after).flatten().for_each(|expr| found.look(&kinds, expr));
        match &effect.change {
            Change::Create { kind, set, .. } => {
                for (field, expr) in set {
                    found.look(&kinds, expr);
                    found.changes.add(&kinds, *kind, *field);
                }
            }
            Change::Delete(on) => {
                found.look(&kinds, on);
                found.changes.whole.extend(on.kinds());
                found.is_unclear |= on.kinds().is_empty();
            }
            Change::Set { on, set } => {
                found.look(&kinds, on);
                for (kind, field, expr) in set {
                    found.look(&kinds, expr);
                    found.changes.add(&kinds, *kind, *field);
                }
            }
        }
    }
    for param in &operation.params {
        for reference in &param.names {
            found.looks.add(&kinds, reference.kind, reference.by);
            found.look_at_life(&kinds, reference.kind);
        }
    }
    for output in &operation.output {
        match &output.from {
            OutputFrom::Paths(paths) => {
                let start = |var: u32| operation.vars[var as usize].kind;
                paths.iter().for_each(|(var, path)| found.looks.add_path(&kinds, start(*var), path));
            }
            OutputFrom::Value(guard) => found.look(&kinds, &guard.expr),
            OutputFrom::One { kind, of, .. } | OutputFrom::Many { kind, of, .. } => {
                found.look(&kinds, &of.expr);
                shown.push(*kind);
            }
            OutputFrom::Selected { kind, .. } => {
                shown.push(*kind);
                let matched = operation.params.iter().flat_map(|p| &p.matches);
                let filtered = law[*kind].filters.iter().flat_map(|(_, paths)| paths);
                matched.chain(filtered).for_each(|path| found.looks.add_path(&kinds, *kind, path));
            }
            OutputFrom::Counts(_) | OutputFrom::Nothing => {}
        }
    }
    while let Some(kind) = shown.pop() {
        if !seen.insert(kind) {
            continue;
        }
        found.look_at_life(&kinds, kind);
        for shown_field in &law[kind].view {
            shown_field.judged_while.iter().for_each(|expr| found.look(&kinds, expr));
            match &shown_field.from {
                ShownFrom::Paths(paths) => paths.iter().for_each(|path| found.looks.add_path(&kinds, kind, path)),
                ShownFrom::Value(expr) => found.look(&kinds, expr),
                ShownFrom::List(path, of) => {
                    found.looks.add_path(&kinds, kind, path);
                    shown.push(*of);
                }
                ShownFrom::Nothing => {}
            }
        }
    }
    found
}

impl Footprint {
    fn look(&mut self, kinds: &Kinds<'_>, expr: &Expr) {
        self.is_unclear |= expr.read().is_unclear;
        self.looks.add_expr(kinds, expr);
    }

    /// Whether one of a kind is there may depend on more than what has happened to it.
    fn look_at_life(&mut self, kinds: &Kinds<'_>, kind: KindIx) {
        let of = &kinds.0[kind];
        of.lingers.iter().chain(&of.fades).for_each(|expr| self.look(kinds, expr));
    }
}
