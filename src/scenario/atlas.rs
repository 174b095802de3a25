//! Which operation creates, shows and removes what: worked out from the law, not written down.

use std::sync::Arc;

use super::{
    draft,
    step::{Call, Symbol},
};
use crate::{
    model::{
        value::{Handle, Value},
        world::World,
    },
    oracle::handles::seen_text,
    spec::{
        file::{FieldKind, ScalarType},
        law::{Change, FieldIx, KindIx, Law, OperationIx, OutputFrom, ParamIx, RuleIx, ShownFrom},
    },
};

/// What the operations of a law are good for.
#[derive(Debug)]
pub struct Atlas {
    /// For each kind: the operations that create one.
    pub creators: Vec<Vec<OperationIx>>,
    /// For each kind: how to look at one.
    readers: Vec<Option<Reader>>,
}

#[derive(Clone, Debug)]
enum Reader {
    /// An operation lists the kind, and takes ids of this parameter.
    Direct(OperationIx, ParamIx),
    /// It is shown as part of what this reference points to.
    Within(FieldIx),
    /// It has no view of its own, but what these references point to shows which one it has, by this inverse.
    Through(Vec<(FieldIx, FieldIx)>),
}

/// A request that shows resources by their ids.
struct Look {
    operation: OperationIx,
    /// The parameter that names them.
    param: ParamIx,
    /// What else the request carries.
    others: Vec<(Arc<str>, Symbol)>,
    of: Vec<Handle>,
}

impl Look {
    /// The request, if one of the resources has a name.
    fn call(self, law: &Law, world: &World) -> Option<Call> {
        let spec = &law[self.operation].params[self.param as usize];
        let kind = world.get(*self.of.first()?)?.kind;
        let by = spec.reference_to(kind)?.by;
        let known = self.of.into_iter().filter(|h| seen_text(world, *h, by).is_some());
        let symbols: Vec<Symbol> = known.filter_map(|h| Symbol::of(world, h, by)).collect();
        let first = symbols.first()?.clone();
        let symbol = if spec.kind == ScalarType::List { Symbol::List(symbols) } else { first };
        let mut args = self.others;
        args.push((spec.name.clone(), symbol));
        Some(Call { operation: self.operation, args })
    }
}

/// What a good request carries besides the name of a resource: what that refers to, and plain values. None if something
/// of it cannot be had.
fn others(
    law: &Law,
    world: &World,
    operation: OperationIx,
    param: ParamIx,
    of: Handle,
) -> Option<Vec<(Arc<str>, Symbol)>> {
    let spec = &law[operation];
    let mut args = Vec::new();
    for (ix, other) in spec.params.iter().enumerate() {
        if ix as ParamIx == param || !draft::belongs(spec, ix as ParamIx) {
            continue;
        }
        let value = if other.names.is_empty() {
            draft::good_values(law, world, spec, other).into_iter().next()
        } else {
            let references = world.get(of)?.fields.iter().filter_map(|value| match value {
                Value::Ref(to) => Some(*to),
                _ => None,
            });
            let by = |to: Handle| Some((to, other.reference_to(world.get(to)?.kind)?.by));
            let mut named = references.filter_map(by).filter(|(to, by)| seen_text(world, *to, *by).is_some());
            named.find_map(|(to, by)| Symbol::of(world, to, by)).map(|symbol| match other.kind {
                ScalarType::List => Symbol::List(vec![symbol]),
                _ => symbol,
            })
        };
        args.push((other.name.clone(), value?));
    }
    Some(args)
}

/// The requests that list everything that a reading operation shows, without its name: one, or one for each resource that the
/// listed ones may belong to, where that has to be named.
fn listings(law: &Law, world: &World, operation: OperationIx, by: ParamIx) -> Vec<Call> {
    let spec = &law[operation];
    let mut calls = vec![Call { operation, args: Vec::new() }];
    for (ix, param) in spec.params.iter().enumerate() {
        if ix as ParamIx == by && !param.required() || !draft::belongs(spec, ix as ParamIx) {
            continue;
        }
        let values = draft::good_values(law, world, spec, param);
        let values = match (param.names.is_empty(), param.matches.is_empty()) {
            (true, _) => &values[..values.len().min(1)],
            (false, false) => &values[..],
            (false, true) => &[],
        };
        let with = |(call, value): (&Call, &Symbol)| {
            let mut call = call.clone();
            draft::set_arg(&mut call, &param.name, value.clone());
            call
        };
        calls = calls.iter().flat_map(|call| values.iter().map(move |value| (call, value))).map(with).collect();
    }
    calls
}

impl Atlas {
    /// Works everything out. Only operations for which `available` holds are used.
    pub fn new(law: &Law, available: impl Fn(OperationIx) -> bool) -> Atlas {
        let mut creators = vec![Vec::new(); law.kinds.len()];
        let mut readers: Vec<Option<Reader>> = vec![None; law.kinds.len()];
        for (ix, operation) in law.operations().filter(|(ix, _)| available(*ix)) {
            for effect in operation.effects.iter().filter(|e| e.each.is_none()) {
                if let Change::Create { kind, .. } = &effect.change
                    && !creators[kind.0 as usize].contains(&ix)
                {
                    creators[kind.0 as usize].push(ix);
                }
            }
            for output in operation.output.iter().filter(|_| operation.reads) {
                let OutputFrom::Selected { kind, by, .. } = &output.from else { continue };
                let by_id = by.iter().find(|p| {
                    operation.params[**p as usize].reference_to(*kind).is_some_and(|r| law[*kind].id == Some(r.by))
                });
                if let Some(by_id) = by_id {
                    readers[kind.0 as usize].get_or_insert(Reader::Direct(ix, *by_id));
                }
            }
        }
        // Parts are looked at through what they are part of: `owner.view` lists `part` by an inverse of `part.field`.
        for (owner, kind) in law.kinds() {
            for shown in &kind.view {
                let ShownFrom::List(path, part) = &shown.from else { continue };
                let field = path.0.last().map(|f| &kind.fields[*f as usize]);
                if let (1, Some(field)) = (path.0.len(), field)
                    && let (FieldKind::Inverse | FieldKind::InverseOne, Some(of)) = (field.kind, field.of)
                    && matches!(readers[owner.0 as usize], Some(Reader::Direct(..)))
                {
                    readers[part.0 as usize].get_or_insert(Reader::Within(of));
                }
            }
        }
        // What has no view of its own shows in the views of those that refer to it, or that it refers to.
        for (ix, kind) in law.kinds() {
            if readers[ix.0 as usize].is_some() {
                continue;
            }
            let through = kind.fields.iter().enumerate().filter_map(|(field, f)| {
                let to = f.to.filter(|_| f.kind == FieldKind::Ref)?;
                let inverse =
                    law[to].fields.iter().position(|g| g.kind == FieldKind::InverseOne && g.to == Some(ix))?;
                let shows = law[to].view.iter().any(|s| match &s.from {
                    ShownFrom::Paths(paths) => paths.iter().any(|p| p.0.first() == Some(&(inverse as u32))),
                    _ => false,
                });
                (shows && matches!(readers[to.0 as usize], Some(Reader::Direct(..))))
                    .then_some((field as FieldIx, inverse as FieldIx))
            });
            let through: Vec<_> = through.collect();
            if !through.is_empty() {
                readers[ix.0 as usize] = Some(Reader::Through(through));
            }
        }
        Atlas { creators, readers }
    }

    /// True if there is a way to look at resources of this kind.
    pub fn can_look_at(&self, kind: KindIx) -> bool {
        self.readers[kind.0 as usize].is_some()
    }

    /// Requests that show these resources, by their ids: as many as possible with each. What cannot be looked at, or has
    /// no name yet, is left out.
    pub fn looks(&self, law: &Law, world: &World, handles: impl IntoIterator<Item = Handle>) -> Vec<Call> {
        let mut looks: Vec<Look> = Vec::new();
        for handle in handles {
            let Some((operation, param, handle)) = self.reader(law, world, handle) else { continue };
            let Some(others) = others(law, world, operation, param, handle) else { continue };
            let several = law[operation].params[param as usize].kind == ScalarType::List;
            let same = |l: &&mut Look| l.operation == operation && l.param == param && l.others == others;
            if looks.iter().any(|l| l.operation == operation && l.param == param && l.of.contains(&handle)) {
                continue;
            }
            match looks.iter_mut().find(same).filter(|_| several) {
                Some(look) => look.of.push(handle),
                None => looks.push(Look { operation, param, others, of: vec![handle] }),
            }
        }
        looks.into_iter().filter_map(|look| look.call(law, world)).collect()
    }

    fn reader(&self, law: &Law, world: &World, handle: Handle) -> Option<(OperationIx, ParamIx, Handle)> {
        let mut at = handle;
        // A part of a part is deep enough.
        for _ in 0..3 {
            let resource = world.get(at)?;
            match self.readers[resource.kind.0 as usize].as_ref()? {
                Reader::Direct(operation, param) => return Some((*operation, *param, at)),
                Reader::Within(field) => match resource.fields[*field as usize] {
                    Value::Ref(owner) => at = owner,
                    _ => return None,
                },
                Reader::Through(ways) => {
                    let owners = ways.iter().filter_map(|(field, inverse)| match resource.fields[*field as usize] {
                        Value::Ref(owner) => Some((owner, *inverse)),
                        _ => None,
                    });
                    // What shows another by now cannot show that this one is gone.
                    let is_free = |(owner, inverse): &(Handle, FieldIx)| {
                        world.get(*owner).is_some_and(|r| r.live) && world.read(law, *owner, *inverse) == Value::Null
                    };
                    let free = owners.clone().find(is_free).filter(|_| !resource.live);
                    at = free.or(owners.clone().next())?.0;
                }
            }
        }
        None
    }

    /// Requests that show everything of which something is unconfirmed: a change, or that there was none.
    pub fn looks_at_unconfirmed(&self, law: &Law, worlds: &[Arc<World>]) -> Vec<Call> {
        let Some(world) = worlds.first() else { return Vec::new() };
        let unconfirmed = world.iter().filter(|(_, r)| {
            r.life.open().is_some() || !r.claims.is_empty() || r.proofs.iter().any(|p| p.open().is_some())
        });
        // What is gone is asked for apart: a refusal would hide the others.
        let (live, gone): (Vec<_>, Vec<_>) = unconfirmed.partition(|(_, r)| r.live);
        let mut calls = self.looks(law, world, live.into_iter().map(|(h, _)| h));
        for (handle, _) in gone {
            calls.extend(
                self.looks(law, world, [handle]).into_iter().filter(|c| !calls.contains(c)).collect::<Vec<_>>(),
            );
        }
        calls
    }

    /// Requests that list all of the kinds of which something is counted: whether there is one more than there should be.
    /// `is_open` says of which rules that is asked.
    pub fn looks_at_counted(&self, law: &Law, worlds: &[Arc<World>], is_open: impl Fn(RuleIx) -> bool) -> Vec<Call> {
        let Some(world) = worlds.first() else { return Vec::new() };
        let mut calls: Vec<Call> = Vec::new();
        for (kind, _) in world.counted.iter().filter(|(_, rule)| is_open(*rule)) {
            let Some(Reader::Direct(operation, by)) = self.readers[kind.0 as usize] else { continue };
            for call in listings(law, world, operation, by) {
                if !calls.contains(&call) {
                    calls.push(call);
                }
            }
        }
        calls
    }

    /// Requests that show everything that may be changing.
    pub fn looks_at_changing(&self, law: &Law, worlds: &[Arc<World>]) -> Vec<Call> {
        let mut calls = Vec::new();
        for world in worlds {
            // What changes, and what it will refer to when it has changed: either may be the one that shows it.
            let steps = world.timers.iter().flat_map(|t| t.steps.iter());
            let changing = steps.flat_map(|s| {
                let values = s.set.iter().flatten().filter_map(|(_, value)| match value {
                    Value::Ref(to) => Some(*to),
                    _ => None,
                });
                values.chain([s.on])
            });
            let changing: Vec<Handle> = changing.filter(|h| world.get(*h).is_some_and(|r| r.live)).collect();
            calls.extend(
                self.looks(law, world, changing).into_iter().filter(|c| !calls.contains(c)).collect::<Vec<_>>(),
            );
        }
        calls
    }
}
