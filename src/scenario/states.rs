//! The states that scenarios pass through, what is found there, and the shortest way to each of that.

use std::{collections::BTreeMap, sync::Arc};

use rayon::prelude::*;

use super::{atlas::Atlas, simulation::Simulation, step::Step};
use crate::{
    oracle::Settings,
    spec::law::{Law, OperationIx},
};

/// What `look` finds in the states that the scenarios of some operations pass through, each state once. It is given the
/// operation, the state, and the steps that lead there.
pub(super) fn in_each_state<F: Send>(
    law: &Arc<Law>,
    atlas: &Atlas,
    plans: &[(OperationIx, Vec<Step>)],
    wanted: impl Fn(OperationIx) -> bool + Sync,
    look: impl Fn(OperationIx, &Simulation, &[Step]) -> Vec<F> + Sync,
) -> Vec<F> {
    let of_plan = |number: usize| {
        let (operation, steps) = &plans[number];
        let known =
            |way: &[Step]| plans[..number].iter().any(|(other, steps)| other == operation && steps.starts_with(way));
        let mut found = Vec::new();
        // Once one is new, all that follow are.
        let first = (1..=steps.len()).find(|end| !known(&steps[..*end]));
        let Some(first) = first.filter(|_| wanted(*operation)) else { return found };
        let mut simulation = Simulation::new(law, Settings::default());
        for end in 1..=steps.len() {
            if simulation.take(atlas, &steps[end - 1]).is_none() {
                break;
            }
            if end >= first {
                found.extend(look(*operation, &simulation, &steps[..end]));
            }
        }
        found
    };
    // In the order of the scenarios, whichever is looked at first.
    let found: Vec<Vec<F>> = (0..plans.len()).into_par_iter().map(of_plan).collect();
    found.into_iter().flatten().collect()
}

/// Of several ways to the same the shortest; the first of those that are equally long.
pub(super) fn shortest<K: Ord, W>(
    found: impl IntoIterator<Item = (K, W)>,
    length: impl Fn(&W) -> usize,
) -> BTreeMap<K, W> {
    let mut shortest: BTreeMap<K, W> = BTreeMap::new();
    for (what, way) in found {
        if shortest.get(&what).is_none_or(|known| length(&way) < length(known)) {
            shortest.insert(what, way);
        }
    }
    shortest
}
