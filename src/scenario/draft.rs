//! Arguments for an operation: right ones, and wrong ones of every kind that the law speaks of.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::step::{Call, Step, Symbol};
use crate::{
    model::{
        forward::Dice,
        input::well_formed,
        token::Use,
        value::{Handle, Value},
        world::{Lookup, World},
    },
    oracle::handles::seen_text,
    spec::{
        file::{Defect, Literal, ScalarType, Sent},
        law::{FieldIx, KindIx, Law, Operation, OperationIx, OutputFrom, Param, ParamIx, Path, Reference},
    },
    wire::Tree,
};

/// A text that is of no number, truth value, enumeration or name.
const NONSENSE: &str = "eipcheck-nonsense";
/// Texts of which one or the other does not have the form that a parameter asks for.
const MISFITS: [&str; 5] = [NONSENSE, "eipcheck-n\u{f6}nsense", "eipcheck nonsense", "e", "0"];
/// A parameter that no operation has.
const UNDECLARED: &str = "EipcheckNoSuchParameter";

/// What is wrong with an otherwise good request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The parameter; none for one that the operation does not have.
    pub param: Option<ParamIx>,
    /// What is wrong with it.
    pub defect: Defect,
    /// Which of several ways to be wrong like that.
    pub variant: u8,
}

/// Every fault of an operation that the law gives an answer to.
pub fn faults(operation: &Operation) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (ix, param) in operation.params.iter().enumerate() {
        for (defect, _) in &param.refusals {
            let variants = match defect {
                Defect::Range => u8::from(param.min.is_some()) + u8::from(param.max.is_some()),
                // In a list, the wrong element stands beside good ones, or alone.
                Defect::Unknown | Defect::Malformed if param.kind == ScalarType::List => 2,
                // A name of a thing of each kind that it may be.
                Defect::Unknown | Defect::Stale => param.names.len() as u8,
                _ => 1,
            };
            faults.extend((0..variants).map(|variant| Fault { param: Some(ix as ParamIx), defect: *defect, variant }));
        }
    }
    if operation.undeclared.is_some() {
        faults.push(Fault { param: None, defect: Defect::Undeclared, variant: 0 });
    }
    faults
}

/// The resources that a reference parameter could name, newest first, by a value that has been seen.
pub fn nameable(world: &World, kind: KindIx, by: FieldIx, live: bool) -> Vec<Handle> {
    let mut handles: Vec<Handle> = world
        .iter()
        .filter(|(h, r)| r.kind == kind && r.live == live && seen_text(world, *h, by).is_some())
        .map(|(h, _)| h)
        .collect();
    handles.reverse();
    handles
}

/// Good values of a parameter in a world, the most natural first. Empty if there is none, as when it names a resource
/// and there is no such resource.
pub fn good_values(law: &Law, world: &World, operation: &Operation, param: &Param) -> Vec<Symbol> {
    if operation.token.as_ref().is_some_and(|t| operation.params[t.param as usize].name == param.name) {
        return vec![Symbol::fresh_token(world)];
    }
    if param.filters.is_some() {
        return filter_values(law, world, operation, param);
    }
    let mut single = single_values(law, world, param);
    if single.is_empty() && !param.matches.is_empty() {
        single = matching_values(law, world, operation, param);
    }
    if param.kind != ScalarType::List {
        return single;
    }
    let mut lists: Vec<Symbol> = single.iter().take(2).map(|s| Symbol::List(vec![s.clone()])).collect();
    if single.len() > 1 {
        lists.push(Symbol::List(single.iter().take(2).cloned().collect()));
    }
    if single.len() > 2 {
        lists.push(Symbol::List(single));
    }
    lists
}

/// The examples that a parameter's row gives.
pub fn examples(law: &Law, param: &Param) -> impl Iterator<Item = Symbol> {
    param.examples.iter().map(|e| Symbol::Text(e.replace(HERE, &law.region).into()))
}

/// What stands for the region of the run in an example.
const HERE: &str = "{region}";

fn single_values(law: &Law, world: &World, param: &Param) -> Vec<Symbol> {
    if !param.names.is_empty() {
        let of_kind = |r: &Reference| {
            let named = nameable(world, r.kind, r.by, true).into_iter();
            named.filter_map(|h| Symbol::of(world, h, r.by)).collect::<Vec<_>>()
        };
        // One of each kind first: of a few that are tried, no kind should be left out.
        let kinds: Vec<Vec<Symbol>> = param.names.iter().map(of_kind).chain([examples(law, param).collect()]).collect();
        let most = kinds.iter().map(Vec::len).max().unwrap_or(0);
        return (0..most).flat_map(|i| kinds.iter().filter_map(move |k| k.get(i)).cloned()).collect();
    }
    let text = |t: &str| Symbol::Text(t.into());
    if !param.examples.is_empty() {
        // What lies just within the limits is as good as what somebody thought of.
        let limits = [param.min, param.max].into_iter().flatten().map(|limit| text(&limit.to_string()));
        let mut values: Vec<Symbol> = examples(law, param).collect();
        values.extend(limits.filter(|limit| !param.examples.iter().any(|e| *limit == text(e))).collect::<Vec<_>>());
        return values;
    }
    if !param.values.is_empty() {
        return param.values.iter().map(|v| Symbol::Text(v.clone())).collect();
    }
    match param.of.unwrap_or(param.kind) {
        ScalarType::Boolean => vec![text("false"), text("true")],
        ScalarType::Integer => {
            let default = match &param.default {
                Some(Literal::Integer(i)) => Some(*i),
                _ => None,
            };
            let mut numbers: Vec<i64> = [param.min, default, param.max].into_iter().flatten().collect();
            numbers.dedup();
            numbers.into_iter().map(|n| text(&n.to_string())).collect()
        }
        _ => Vec::new(),
    }
}

/// The kind of resource that a reading operation shows.
fn shown_kind(operation: &Operation) -> Option<KindIx> {
    operation.output.iter().find_map(|o| match &o.from {
        OutputFrom::Selected { kind, .. } => Some(*kind),
        _ => None,
    })
}

/// Values that something that is there has where the parameter is compared.
fn matching_values(law: &Law, world: &World, operation: &Operation, param: &Param) -> Vec<Symbol> {
    let Some(kind) = shown_kind(operation) else { return Vec::new() };
    let values = world.live(kind).flat_map(|(handle, _)| {
        param.matches.iter().filter_map(move |path| match world.follow(law, handle, path) {
            (Some((at, field)), Value::Text(_)) => Symbol::of(world, at, field),
            _ => None,
        })
    });
    let mut found: Vec<Symbol> = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}

/// Filters on something that is there, and one that matches nothing.
fn filter_values(law: &Law, world: &World, operation: &Operation, param: &Param) -> Vec<Symbol> {
    let Some((name, values)) = param.filters else { return Vec::new() };
    let (name, values) = (&param.fields[name as usize].name, &param.fields[values as usize].name);
    let filter = |filter: &str, value: Symbol| {
        Symbol::List(vec![Symbol::Struct(vec![
            (name.clone(), Symbol::Text(filter.into())),
            (values.clone(), Symbol::List(vec![value])),
        ])])
    };
    let Some(kind) = shown_kind(operation) else { return Vec::new() };
    let mut found = Vec::new();
    for (filter_name, paths) in &law[kind].filters {
        let value = |path: &Path, handle: Handle| match world.follow(law, handle, path) {
            (Some((at, field)), Value::Text(_)) => Symbol::of(world, at, field),
            _ => None,
        };
        let first = world.live(kind).find_map(|(handle, _)| paths.iter().find_map(|path| value(path, handle)));
        found.extend(first.map(|symbol| filter(filter_name, symbol)));
    }
    if let Some((filter_name, _)) = law[kind].filters.first() {
        found.push(filter(filter_name, Symbol::Text(NONSENSE.into())));
    }
    found
}

/// Puts a fault into a good request. None where it cannot be had here, as when nothing is stale yet.
pub fn with_fault(law: &Law, world: &World, good: &Call, fault: Fault, dice: &mut Dice) -> Option<Call> {
    let operation = &law[good.operation];
    let mut call = good.clone();
    let Some(ix) = fault.param else {
        call.args.push((UNDECLARED.into(), Symbol::Text(NONSENSE.into())));
        return Some(call);
    };
    let param = &operation.params[ix as usize];
    let meant = match param.names.as_slice() {
        [one] => Some(one),
        several => several.get(fault.variant as usize),
    };
    let value = match fault.defect {
        Defect::Required => {
            call.args.retain(|(n, _)| *n != param.name);
            return Some(call);
        }
        Defect::Type | Defect::Enum => Symbol::Text(NONSENSE.into()),
        Defect::Range => {
            let below = param.min.map(|min| min.saturating_sub(1));
            let above = param.max.map(|max| max.saturating_add(1));
            let number = [below, above].into_iter().flatten().nth(fault.variant as usize)?;
            Symbol::Text(number.to_string().into())
        }
        Defect::Form => {
            let form = param.form.as_ref()?;
            Symbol::Text(MISFITS.into_iter().find(|text| !form.is_match(text))?.into())
        }
        Defect::Length => {
            // Too long, but otherwise of the right form.
            let long = "e".repeat(param.longest? as usize + 1);
            param.form.as_ref().is_none_or(|form| form.is_match(&long)).then(|| Symbol::Text(long.into()))?
        }
        Defect::Malformed => {
            if param.names.iter().any(|r| well_formed(law, r.kind, r.by, NONSENSE)) {
                return None;
            }
            Symbol::Text(NONSENSE.into())
        }
        Defect::Unknown => {
            let reference = meant?;
            let mint = law[reference.kind].fields[reference.by as usize].mint.as_ref()?;
            Symbol::Text(dice.mint(mint).into())
        }
        Defect::Stale => {
            let reference = meant?;
            let gone = nameable(world, reference.kind, reference.by, false);
            Symbol::of(world, *gone.first()?, reference.by)?
        }
        Defect::Undeclared => return None,
    };
    let value = if param.kind == ScalarType::List {
        let mut items = match call.args.iter().find(|(n, _)| *n == param.name) {
            Some((_, Symbol::List(items))) if fault.defect != Defect::Stale && fault.variant == 0 => items.clone(),
            _ => Vec::new(),
        };
        items.push(value);
        Symbol::List(items)
    } else {
        value
    };
    set_arg(&mut call, &param.name, value);
    if let (Defect::Unknown | Defect::Stale, Some(reference)) = (fault.defect, meant) {
        tell_kind(operation, &mut call, param, Some(reference.kind));
    }
    Some(call)
}

/// True if a step's request carries a parameter that its operation does not have: where that is passed over it leads to
/// nothing that the request without it does not lead to.
pub fn is_undeclared(law: &Law, step: &Step) -> bool {
    step.calls().iter().any(|call| call.args.iter().any(|(name, _)| law[call.operation].param(name).is_none()))
}

/// Lets a request say which kind of resource each of its names means, where a parameter tells that.
pub fn tell_kinds(operation: &Operation, call: &mut Call) {
    for param in &operation.params {
        let kind = match call.args.iter().find(|(n, _)| *n == param.name) {
            Some((_, Symbol::Of { kind, .. })) => Some(*kind),
            Some((_, Symbol::Text(_))) => None,
            _ => continue,
        };
        tell_kind(operation, call, param, kind);
    }
}

/// The same for one of its names.
fn tell_kind(operation: &Operation, call: &mut Call, param: &Param, kind: Option<KindIx>) {
    let Some(told) = &param.told else { return };
    let (by, Some(value)) = (&operation.params[told.by as usize], told.value(kind)) else { return };
    let is_default = matches!(&by.default, Some(Literal::Text(text)) if **text == **value);
    let said = call.args.iter().any(|(n, _)| *n == by.name);
    if said || !is_default {
        set_arg(call, &by.name, Symbol::Text(value.clone()));
    }
}

/// Sets an argument, in place of one that is there.
pub fn set_arg(call: &mut Call, name: &Arc<str>, value: Symbol) {
    match call.args.iter_mut().find(|(n, _)| n == name) {
        Some((_, old)) => *old = value,
        None => call.args.push((name.clone(), value)),
    }
}

/// The request as a rehearsal, if the operation has rehearsals.
pub fn rehearsal(law: &Law, good: &Call) -> Option<Call> {
    let operation = &law[good.operation];
    let (param, _) = operation.dry_run?;
    let mut call = good.clone();
    set_arg(&mut call, &operation.params[param as usize].name, Symbol::Text("true".into()));
    Some(call)
}

/// The request with a token that is new; none if the operation is never sent one.
pub fn with_new_token(law: &Law, world: &World, good: &Call) -> Option<Call> {
    with_token(law, good, Symbol::fresh_token(world))
}

/// The request with the token of an earlier one for the same operation.
pub fn with_used_token(law: &Law, good: &Call, earlier: &Use) -> Option<Call> {
    with_token(law, good, Symbol::of_token(&earlier.sent.token))
}

fn with_token(law: &Law, good: &Call, symbol: Symbol) -> Option<Call> {
    let operation = &law[good.operation];
    let param = &operation.params[operation.token.as_ref()?.param as usize];
    if param.sent == Sent::Never {
        return None;
    }
    let mut call = good.clone();
    set_arg(&mut call, &param.name, symbol);
    Some(call)
}

/// An earlier request with a token, once more as it was. None if a resource that it names has been forgotten.
pub fn again(law: &Law, world: &World, earlier: &Use) -> Option<Call> {
    let operation = &law[earlier.sent.operation];
    let mut call = Call { operation: earlier.sent.operation, args: Vec::new() };
    for (name, tree) in &earlier.sent.args {
        let names = operation.params.iter().find(|p| p.name == *name).map_or(&[][..], |p| p.names.as_slice());
        call.args.push((name.clone(), symbol_of(law, world, names, tree)?));
    }
    with_used_token(law, &call, earlier)
}

/// What was sent, in terms of handles.
fn symbol_of(law: &Law, world: &World, names: &[Reference], tree: &Tree) -> Option<Symbol> {
    let inner = |tree: &Tree| symbol_of(law, world, names, tree);
    Some(match tree {
        Tree::Text(text) => {
            let named = names.iter().find_map(|r| match world.lookup(law, r.kind, r.by, text) {
                Lookup::Live(handle) | Lookup::Gone(handle) => Some((handle, r.by)),
                _ => None,
            });
            match named {
                Some((handle, by)) => Symbol::of(world, handle, by)?,
                None => Symbol::Text(text.clone()),
            }
        }
        Tree::List(items) => Symbol::List(items.iter().map(inner).collect::<Option<_>>()?),
        Tree::Struct(members) => {
            let members = members.iter().map(|(name, tree)| Some((name.clone(), inner(tree)?)));
            Symbol::Struct(members.collect::<Option<_>>()?)
        }
    })
}

/// The latest request of an operation that was accepted with a token.
pub fn latest_use(world: &World, operation: OperationIx) -> Option<&Use> {
    world.tokens.iter().rev().find(|used| used.sent.operation == operation && used.is_accepted())
}

/// Requests that show what the law says of tokens, made from good ones of one operation: with a new token as long as
/// none has been accepted, then the same request again, and others with the same token.
pub fn with_tokens(law: &Law, world: &World, operation: OperationIx, good: &[Call]) -> Vec<Call> {
    match latest_use(world, operation) {
        None => good.iter().filter_map(|call| with_new_token(law, world, call)).collect(),
        Some(earlier) => {
            let others = good.iter().filter_map(|call| with_used_token(law, call, earlier));
            again(law, world, earlier).into_iter().chain(others).collect()
        }
    }
}

/// True if a good request carries the parameter.
pub fn belongs(operation: &Operation, ix: ParamIx) -> bool {
    let param = &operation.params[ix as usize];
    let rehearses = operation.dry_run.is_some_and(|(p, _)| p == ix);
    !rehearses && (param.required() || param.sent == Sent::Always)
}

/// True if a good request may carry the parameter or not. Whether it carries a token is decided apart.
pub fn is_choice(operation: &Operation, ix: ParamIx) -> bool {
    let param = &operation.params[ix as usize];
    let rehearses = operation.dry_run.is_some_and(|(p, _)| p == ix);
    let is_token = operation.token.as_ref().is_some_and(|t| t.param == ix);
    !rehearses && !is_token && !param.required() && param.sent == Sent::Sometimes
}

/// The plainest good request, but for one parameter that is left out; none if another one cannot be had.
pub fn good_call_without(law: &Law, world: &World, operation: OperationIx, without: ParamIx) -> Option<Call> {
    let spec = &law[operation];
    let mut call = Call { operation, args: Vec::new() };
    for (ix, param) in spec.params.iter().enumerate() {
        let ix = ix as ParamIx;
        if ix == without || !belongs(spec, ix) {
            continue;
        }
        match good_values(law, world, spec, param).into_iter().next() {
            Some(value) => call.args.push((param.name.clone(), value)),
            None if param.required() => return None,
            None => {}
        }
    }
    tell_kinds(spec, &mut call);
    Some(call)
}

/// Every good request worth trying in a world: the plain ones with each choice of resources, then with each optional
/// parameter, then with each two of them. The kinds of which a resource is missing, if that is why there is none.
pub fn good_calls(law: &Law, world: &World, operation: OperationIx, most: usize) -> Result<Vec<Call>, Vec<KindIx>> {
    let spec = &law[operation];
    let mut calls = vec![Call { operation, args: Vec::new() }];
    let mut missing = Vec::new();
    for (_, param) in spec.params.iter().enumerate().filter(|(ix, _)| belongs(spec, *ix as ParamIx)) {
        let values = good_values(law, world, spec, param);
        if values.is_empty() {
            missing.extend(param.names.iter().map(|r| r.kind));
            continue;
        }
        let mut more = Vec::new();
        for call in &calls {
            for value in values.iter().take(3) {
                if more.len() < 9 {
                    let mut call = call.clone();
                    call.args.push((param.name.clone(), value.clone()));
                    more.push(call);
                }
            }
        }
        calls = more;
    }
    if !missing.is_empty() {
        return Err(missing);
    }
    let plain = calls[0].clone();
    let choices: Vec<(&Param, Vec<Symbol>)> = (0..spec.params.len() as ParamIx)
        .filter(|ix| is_choice(spec, *ix))
        .map(|ix| &spec.params[ix as usize])
        .map(|param| (param, good_values(law, world, spec, param)))
        .collect();
    let with = |call: &Call, param: &Param, value: &Symbol| {
        let mut call = call.clone();
        call.args.push((param.name.clone(), value.clone()));
        call
    };
    for base in calls.clone() {
        for (param, values) in &choices {
            let few = if base == plain { 4 } else { 1 };
            calls.extend(values.iter().take(few).map(|value| with(&base, param, value)));
        }
    }
    // A good request usually carries these; without one it should still make sense.
    for (ix, param) in spec.params.iter().enumerate() {
        if param.sent == Sent::Always && !param.required() && belongs(spec, ix as ParamIx) {
            let mut call = plain.clone();
            call.args.retain(|(n, _)| *n != param.name);
            calls.push(call.clone());
            for (other, values) in &choices {
                calls.extend(values.iter().take(1).map(|value| with(&call, other, value)));
            }
        }
    }
    for (i, (first, values)) in choices.iter().enumerate() {
        for (second, others) in choices.iter().skip(i + 1) {
            for value in values.iter().take(2) {
                for other in others.iter().take(2) {
                    calls.push(with(&with(&plain, first, value), second, other));
                }
            }
        }
    }
    calls.iter_mut().for_each(|call| tell_kinds(spec, call));
    let mut seen = FxHashSet::default();
    calls.retain(|call| seen.insert(call.clone()));
    calls.truncate(most);
    Ok(calls)
}
