//! Requests that must be accepted with each value that a parameter may have: they show that nothing is refused that should
//! not be.
//!
//! What a request must have is in every scenario; what it may have, and the limits of what it may have, nobody would try
//! by chance where it takes many steps to get there. They are tried in the states in which the suite asks for the operation.
//!
//! What an operation lists is chosen from, and put on pages: with nothing there every choice of it is right, and with one
//! every page. So it is asked also where there is one of what it lists, and where there are two; and each of its filters is
//! tried where something of what it lists has what the filter looks for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rayon::prelude::*;

use super::{
    atlas::Atlas,
    draft,
    simulation::Simulation,
    states::shortest,
    step::{Call, Step, Symbol},
};
use crate::{
    model::{value::Value as ModelValue, world::World},
    oracle::Settings,
    spec::{
        file::Sent,
        law::{KindIx, Law, OperationIx, OutputFrom, ParamIx, Path},
    },
};

/// Values of one parameter that are tried.
const MOST_VALUES: usize = 8;
/// So many of what an operation lists make a difference.
const MOST_LISTED: usize = 2;

/// A scenario that ends with requests which must be accepted.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The operation that they ask for.
    pub operation: OperationIx,
    /// The parameters that they have and need not have.
    pub params: Vec<ParamIx>,
    /// The steps.
    pub steps: Vec<Step>,
}

/// A value of a parameter by its place among the good ones.
type Value = (ParamIx, usize);
/// Ways to ask for an operation, each with its length: the shortest first.
type Ways = BTreeSet<(usize, Vec<Step>)>;

/// Scenarios with each value that each parameter may have, the shortest for each. `plans` are the scenarios whose states
/// are looked at, each with the operation that it is about; `states` lead to where there is something to list. What only
/// reads is asked for in one scenario after the other.
pub fn choices(law: &Arc<Law>, atlas: &Atlas, plans: &[(OperationIx, Vec<Step>)], states: &[&[Step]]) -> Vec<Choice> {
    let mut ways: BTreeMap<OperationIx, Ways> = BTreeMap::new();
    for (operation, steps) in plans {
        let asks = |step: &Step| matches!(step, Step::Call(call) if call.operation == *operation);
        for (place, _) in steps.iter().enumerate().filter(|(_, step)| asks(step)) {
            ways.entry(*operation).or_default().insert((place, steps[..=place].to_vec()));
        }
    }
    let populated = populated(law, atlas, states);
    for (operation, ways) in &mut ways {
        for kind in listed(law, *operation) {
            for (_, way) in populated.iter().filter(|((of, _), _)| *of == kind) {
                let Some(simulation) = Simulation::after(law, atlas, way) else { continue };
                let plain = draft::good_calls(law, simulation.forward.world(), *operation, 1).unwrap_or_default();
                ways.extend(plain.into_iter().map(|call| (way.len(), [&way[..], &[Step::Call(call)]].concat())));
            }
        }
    }
    let ways: Vec<_> = ways.into_iter().collect();
    ways.par_iter().flat_map_iter(|(operation, ways)| of_operation(law, atlas, *operation, ways)).collect()
}

/// Why a state is worth listing a kind of resource in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// There are so many of them.
    Number(usize),
    /// One of them has what this filter of the kind looks for.
    Filter(usize),
}

/// The kinds of resource that an operation lists.
fn listed(law: &Law, operation: OperationIx) -> impl Iterator<Item = KindIx> + '_ {
    law[operation].output.iter().filter_map(|output| match output.from {
        OutputFrom::Selected { kind, .. } => Some(kind),
        _ => None,
    })
}

/// How many there are of what an operation lists, as far as that makes a difference.
fn how_many(world: &World, kinds: impl Iterator<Item = KindIx>) -> usize {
    kinds.map(|kind| world.live(kind).take(MOST_LISTED).count()).max().unwrap_or_default()
}

/// The filters of a kind of resource for which there is something to look for.
fn filterable(law: &Law, world: &World, kind: KindIx) -> Vec<usize> {
    let has = |paths: &[Path]| {
        let leads = |path: &Path| {
            world
                .live(kind)
                .any(|(handle, _)| matches!(world.follow(law, handle, path), (Some(_), ModelValue::Text(_))))
        };
        paths.iter().any(leads)
    };
    law[kind].filters.iter().enumerate().filter(|(_, (_, paths))| has(paths)).map(|(ix, _)| ix).collect()
}

/// The shortest ways to the states that are worth listing something in. Where nobody has made a second resource of a kind, it
/// is made.
fn populated<'s>(law: &Arc<Law>, atlas: &Atlas, states: &[&'s [Step]]) -> BTreeMap<(KindIx, Worth), Vec<Step>> {
    let kinds: BTreeSet<KindIx> = law.operations().flat_map(|(ix, _)| listed(law, ix)).collect();
    let of_plan = |steps: &&'s [Step]| {
        let steps: &'s [Step] = steps;
        let mut simulation = Simulation::new(law, Settings::default());
        let mut found = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            if simulation.take(atlas, step).is_none() {
                break;
            }
            let world = simulation.forward.world();
            for kind in &kinds {
                let there = how_many(world, std::iter::once(*kind));
                let number = (there > 0).then_some(Worth::Number(there));
                let filters = filterable(law, world, *kind).into_iter().map(Worth::Filter);
                found.extend(number.into_iter().chain(filters).map(|worth| ((*kind, worth), &steps[..=place])));
            }
        }
        found
    };
    let found: Vec<_> = states.par_iter().map(of_plan).collect();
    let found = shortest(found.into_iter().flatten(), |way| way.len());
    let mut ways: BTreeMap<_, Vec<Step>> = found.into_iter().map(|(there, way)| (there, way.to_vec())).collect();
    for kind in kinds {
        let two = (kind, Worth::Number(MOST_LISTED));
        let single = ways.get(&(kind, Worth::Number(1))).filter(|_| !ways.contains_key(&two));
        if let Some(double) = single.and_then(|way| one_more(law, atlas, kind, way)) {
            ways.insert(two, double);
        }
    }
    ways
}

/// A way to one more resource of a kind than the last request of another way has made: the same request once more, or
/// with one value changed.
fn one_more(law: &Arc<Law>, atlas: &Atlas, kind: KindIx, way: &[Step]) -> Option<Vec<Step>> {
    let mut simulation = Simulation::after(law, atlas, way)?;
    let Step::Call(made) = way.last()? else { return None };
    let settles: Vec<Step> = simulation.is_changing().then_some(Step::Settle).into_iter().collect();
    simulation.take_all(atlas, &settles)?;
    let again = std::iter::once(made.clone());
    let others = variants(law, &simulation, made.operation, made).into_iter().map(|(_, call)| call);
    let (double, ..) = simulation.one_more(atlas, kind, again.chain(others).map(Step::Call))?;
    Some([way, &settles[..], &[double]].concat())
}

fn of_operation(law: &Arc<Law>, atlas: &Atlas, operation: OperationIx, ways: &Ways) -> Vec<Choice> {
    let spec = &law[operation];
    // Without a value stands for the request as it is.
    let mut known: BTreeSet<(Option<Value>, usize)> = BTreeSet::new();
    let mut found: Vec<Choice> = Vec::new();
    for (_, steps) in ways {
        let Some((Step::Call(plain), way)) = steps.split_last() else { continue };
        let Some(simulation) = Simulation::after(law, atlas, way) else { continue };
        let there = how_many(simulation.forward.world(), listed(law, operation));
        let mut together: Vec<(Option<Value>, Step)> = Vec::new();
        let as_it_is = (spec.reads && there > 0).then(|| (None, plain.clone()));
        let varied = variants(law, &simulation, operation, plain);
        for (value, call) in as_it_is.into_iter().chain(varied.into_iter().map(|(value, call)| (Some(value), call))) {
            let step = Step::Call(call);
            let mut after = simulation.clone();
            let accepted = after.try_step(atlas, &step).is_some_and(|taken| taken.accepted);
            if !accepted || !known.insert((value, there)) {
                continue;
            }
            if spec.reads {
                together.push((value, step));
            } else {
                let params = value.iter().map(|(param, _)| *param).collect();
                found.push(Choice { operation, params, steps: [way, &[step]].concat() });
            }
        }
        if !together.is_empty() {
            let (values, asked): (Vec<Option<Value>>, Vec<Step>) = together.into_iter().unzip();
            let params = values.into_iter().flatten().map(|(param, _)| param).collect();
            found.push(Choice { operation, params, steps: [way, &asked].concat() });
        }
    }
    found
}

/// A request with each value of each parameter that it may have.
fn variants(law: &Arc<Law>, simulation: &Simulation, operation: OperationIx, plain: &Call) -> Vec<(Value, Call)> {
    let spec = &law[operation];
    let world = simulation.forward.world();
    let mut found = Vec::new();
    for (ix, param) in spec.params.iter().enumerate() {
        let ix = ix as ParamIx;
        let names = !param.names.is_empty();
        // A token that nobody has used makes no difference.
        let is_token = spec.token.as_ref().is_some_and(|token| token.param == ix) && param.sent != Sent::Never;
        if !is_token && !draft::is_choice(spec, ix) && (names || !draft::belongs(spec, ix)) {
            continue;
        }
        // Which resource is named is the business of other scenarios.
        let most = if names { 1 } else { MOST_VALUES };
        for (place, value) in draft::good_values(law, world, spec, param).into_iter().take(most).enumerate() {
            let place = filter_of(law, operation, &value).unwrap_or(place);
            let mut call = plain.clone();
            draft::set_arg(&mut call, &param.name, value);
            draft::tell_kinds(spec, &mut call);
            found.push(((ix, place), call));
        }
    }
    found
}

/// The place of a filter among those of the kind that an operation lists; none if it is a value of another sort.
fn filter_of(law: &Law, operation: OperationIx, value: &Symbol) -> Option<usize> {
    let Symbol::List(filters) = value else { return None };
    let [Symbol::Struct(members)] = filters.as_slice() else { return None };
    // What it is called, and the values: those that stand for something are what is looked for.
    let [(_, Symbol::Text(name)), (_, Symbol::List(values))] = members.as_slice() else { return None };
    let kind = listed(law, operation).next()?;
    let place = law[kind].filters.iter().position(|(filter, _)| **filter == **name)?;
    Some(if values.iter().all(|value| matches!(value, Symbol::Of { .. })) { place } else { law[kind].filters.len() })
}
