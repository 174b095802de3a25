//! The states that scenarios pass through, and the shortest way to each of what is found there.

use std::collections::{BTreeMap, BTreeSet};

use super::step::Step;
use crate::spec::law::OperationIx;

/// The states that the scenarios of some operations pass through, each once: the place of a scenario, and how many of its
/// steps lead there.
pub(super) fn states(
    plans: &[(OperationIx, Vec<Step>)],
    wanted: impl Fn(OperationIx) -> bool,
) -> BTreeSet<(usize, usize)> {
    let mut states: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (number, (operation, steps)) in plans.iter().enumerate().filter(|(_, (ix, _))| wanted(*ix)) {
        let known = |end: usize| {
            plans[..number].iter().any(|(other, way)| other == operation && way.get(..end) == steps.get(..end))
        };
        states.extend((1..=steps.len()).filter(|end| !known(*end)).map(|end| (number, end)));
    }
    states
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
