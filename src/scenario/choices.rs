//! Requests that must be accepted with each value that a parameter may have: they show that nothing is refused that should
//! not be.
//!
//! What a request must have is in every scenario; what it may have, and the limits of what it may have, nobody would try
//! by chance where it takes many steps to get there. They are tried in the states in which the suite asks for the operation.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rayon::prelude::*;

use super::{
    atlas::Atlas,
    draft,
    simulation::Simulation,
    step::{Call, Step},
};
use crate::{
    oracle::Settings,
    spec::law::{Law, OperationIx, ParamIx},
};

/// Values of one parameter that are tried.
const MOST_VALUES: usize = 8;

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

/// Scenarios with each value that each parameter may have, the shortest for each. `plans` are the scenarios whose states
/// are looked at, each with the operation that it is about. What only reads is asked for in one scenario after the other.
pub fn choices(law: &Arc<Law>, atlas: &Atlas, plans: &[(OperationIx, Vec<Step>)]) -> Vec<Choice> {
    let mut ways: BTreeMap<OperationIx, BTreeSet<(usize, &[Step])>> = BTreeMap::new();
    for (operation, steps) in plans {
        let asks = |step: &Step| matches!(step, Step::Call(call) if call.operation == *operation);
        for (place, _) in steps.iter().enumerate().filter(|(_, step)| asks(step)) {
            ways.entry(*operation).or_default().insert((place, &steps[..=place]));
        }
    }
    let ways: Vec<_> = ways.into_iter().collect();
    ways.par_iter().flat_map_iter(|(operation, ways)| of_operation(law, atlas, *operation, ways)).collect()
}

fn of_operation(
    law: &Arc<Law>,
    atlas: &Atlas,
    operation: OperationIx,
    ways: &BTreeSet<(usize, &[Step])>,
) -> Vec<Choice> {
    let spec = &law[operation];
    let mut known: BTreeSet<Value> = BTreeSet::new();
    let mut found: Vec<Choice> = Vec::new();
    for (_, steps) in ways {
        let Some((Step::Call(plain), way)) = steps.split_last() else { continue };
        let mut simulation = Simulation::new(law, Settings::default());
        if !way.iter().all(|step| simulation.take(atlas, step).is_some()) {
            continue;
        }
        let mut together: Vec<(ParamIx, Step)> = Vec::new();
        for (value, call) in variants(law, &simulation, operation, plain) {
            let step = Step::Call(call);
            let mut after = simulation.clone();
            let accepted =
                after.try_step(atlas, &step).is_some_and(|(passes, open)| !open && passes.contains(spec.accepts));
            if !accepted || !known.insert(value) {
                continue;
            }
            if spec.reads {
                together.push((value.0, step));
            } else {
                found.push(Choice { operation, params: vec![value.0], steps: [way, &[step]].concat() });
            }
        }
        if !together.is_empty() {
            let (params, asked): (Vec<ParamIx>, Vec<Step>) = together.into_iter().unzip();
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
        if !draft::is_choice(spec, ix) && (names || !draft::belongs(spec, ix)) {
            continue;
        }
        // Which resource is named is the business of other scenarios.
        let most = if names { 1 } else { MOST_VALUES };
        for (place, value) in draft::good_values(law, world, spec, param).into_iter().take(most).enumerate() {
            let mut call = plain.clone();
            draft::set_arg(&mut call, &param.name, value);
            draft::tell_kinds(spec, &mut call);
            found.push(((ix, place), call));
        }
    }
    found
}
