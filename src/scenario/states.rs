//! The states that scenarios pass through, what is found there, and the shortest way to each of that.

use std::{collections::BTreeMap, sync::Arc};

use rayon::prelude::*;

use super::{atlas::Atlas, simulation::Simulation, step::Step};
use crate::{oracle::Settings, spec::law::Law};

/// What `look` finds in the states that scenarios pass through, each state once for each thing that they are about (an
/// operation, say). It is given that, the state, and the steps that lead there.
pub(super) fn in_each_state<A: Copy + PartialEq + Sync, F: Send>(
    law: &Arc<Law>,
    atlas: &Atlas,
    plans: &[(A, Vec<Step>)],
    wanted: impl Fn(A) -> bool + Sync,
    look: impl Fn(A, &Simulation, &[Step]) -> Vec<F> + Sync,
) -> Vec<F> {
    let of_plan = |number: usize| {
        let (about, steps) = &plans[number];
        let known =
            |way: &[Step]| plans[..number].iter().any(|(other, steps)| other == about && steps.starts_with(way));
        let mut found = Vec::new();
        // Once one is new, all that follow are.
        let first = (1..=steps.len()).find(|end| !known(&steps[..*end]));
        let Some(first) = first.filter(|_| wanted(*about)) else { return found };
        let mut simulation = Simulation::new(law, Settings::default());
        for end in 1..=steps.len() {
            if simulation.take(atlas, &steps[end - 1]).is_none() {
                break;
            }
            if end >= first {
                found.extend(look(*about, &simulation, &steps[..end]));
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
