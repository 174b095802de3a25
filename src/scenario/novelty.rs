//! What is new in a state, compared with every state seen before: what keeps the search from going round in circles.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use super::simulation::Simulation;
use crate::{
    model::{
        token::Fate,
        value::{Handle, Value},
        world::World,
    },
    oracle::handles::seen_text,
    spec::{
        file::FieldKind,
        law::{FieldIx, KindIx, Law},
    },
};

/// Resources of one kind that are told from more of them, where they are counted.
const MOST_COUNTED: usize = 3;

/// How much a state is worth going on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Novelty {
    /// It has a fact that no earlier state had.
    Fact,
    /// It has two resources, each in some state, that no earlier state had together.
    Pair,
    /// It has a resource in a combination of facts that no earlier state had.
    Combination,
}

/// How closely a state is looked at.
pub struct Look {
    /// The kinds of resource that count.
    pub kinds: Vec<KindIx>,
    /// Of the resources that refer to another one, so many are told from more of them.
    pub most_alike: usize,
}

/// What has been seen in any state so far, apart for states that differ in how they were reached or how near they are.
///
/// That what is new is counted anew for states that are nearer to the aim is what keeps the search going there:
/// best-first width search (N. Lipovetzky and H. Geffner, "Best-first width search", AAAI 2017).
pub struct Seen {
    look: Look,
    facts: FxHashMap<(bool, usize), Facts>,
}

/// What has been seen in some states.
#[derive(Default)]
struct Facts {
    facts: FxHashSet<u64>,
    pairs: FxHashSet<u64>,
    combinations: FxHashSet<u64>,
}

impl Seen {
    /// Nothing has been seen.
    pub fn new(look: Look) -> Seen {
        Seen { look, facts: FxHashMap::default() }
    }

    /// What is new in a state that is this near to the aim; remembers it.
    pub fn note(&mut self, law: &Law, simulation: &Simulation, unsaid: bool, nearness: usize) -> Option<Novelty> {
        // What only the law's silence leads to must not take the place of what it promises.
        self.facts.entry((unsaid, nearness)).or_default().note(law, simulation, &self.look)
    }
}

impl Facts {
    /// What is new in a state; remembers it.
    fn note(&mut self, law: &Law, simulation: &Simulation, look: &Look) -> Option<Novelty> {
        let Look { kinds, most_alike } = look;
        let most_alike = *most_alike;
        let world = simulation.forward.world();
        let known = simulation.oracle.worlds().first();
        let mut new_fact = false;
        let mut new_combination = false;
        for kind in kinds.iter().copied() {
            let live = world.live(kind).count().min(MOST_COUNTED);
            new_fact |= self.facts.insert(hash(&(kind, live)));
        }
        for (handle, resource) in world.iter().filter(|(_, r)| kinds.contains(&r.kind)) {
            let mut facts: Vec<u64> = vec![hash(&(resource.kind, resource.live))];
            for (ix, field) in law[resource.kind].fields.iter().enumerate() {
                let here = (resource.kind, resource.live, ix);
                match (field.kind, world.read(law, handle, ix as u32)) {
                    (FieldKind::Id | FieldKind::Chosen, _) => {
                        let seen = known.is_some_and(|w| seen_text(w, handle, ix as u32).is_some());
                        facts.push(hash(&(here, seen)));
                    }
                    (_, Value::Ref(to)) => facts.push(hash(&(here, own_state(law, world, to, most_alike)))),
                    (_, Value::List(list)) => {
                        facts.push(hash(&(here, list.len().min(most_alike))));
                        let parts = list.iter().filter_map(|v| match v {
                            Value::Ref(h) => Some(*h),
                            _ => None,
                        });
                        facts.extend(parts.map(|part| hash(&(here, "part", own_state(law, world, part, most_alike)))));
                    }
                    (_, value) => facts.push(hash(&(here, value))),
                }
            }
            for fact in &facts {
                new_fact |= self.facts.insert(*fact);
            }
            new_combination |= self.combinations.insert(hash(&facts));
        }
        // What is about to happen shows in no field yet. It makes a difference whether it may have happened already.
        let undetermined = simulation.oracle.worlds().len() > 1;
        for step in world.timers.iter().flat_map(|t| t.steps.iter()) {
            let Some(resource) = world.get(step.on).filter(|r| kinds.contains(&r.kind)) else { continue };
            let fields: Option<Vec<FieldIx>> = step.set.as_ref().map(|set| set.iter().map(|(f, _)| *f).collect());
            new_fact |= self.facts.insert(hash(&("to come", resource.kind, fields, undetermined)));
        }
        // A token is of use while there is something else that the same operation could name.
        for used in world.tokens.iter() {
            let operation = used.sent.operation;
            let kinds = law[operation].params.iter().flat_map(|p| p.names.iter().map(|r| r.kind));
            let choices: Vec<usize> = kinds.map(|kind| world.live(kind).count().min(most_alike)).collect();
            new_fact |= self.facts.insert(hash(&("token", operation, choices)));
            // And so is what the first request was about, in every state that it comes to afterwards.
            if let Fate::Accepted(first) = &used.fate {
                let about = first.about().map(|handle| own_state(law, world, handle, most_alike));
                new_fact |= self.facts.insert(hash(&("token", operation, about.collect::<Vec<_>>())));
            }
        }
        let mut states: Vec<u64> = world
            .iter()
            .filter(|(_, r)| kinds.contains(&r.kind))
            .map(|(h, _)| own_state(law, world, h, most_alike))
            .collect();
        states.sort_unstable();
        let mut new_pair = false;
        for (i, one) in states.iter().enumerate() {
            for other in &states[i + 1..] {
                new_pair |= self.pairs.insert(hash(&(one, other)));
            }
        }
        if new_fact {
            Some(Novelty::Fact)
        } else if new_pair {
            Some(Novelty::Pair)
        } else {
            new_combination.then_some(Novelty::Combination)
        }
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A resource's states and flags, and which of its references point anywhere, without names.
fn own_state(law: &Law, world: &World, handle: Handle, most_alike: usize) -> u64 {
    let Some(resource) = world.get(handle) else { return 0 };
    let fields = law[resource.kind].fields.iter().enumerate();
    let own = fields.filter_map(|(ix, field)| match (field.kind, world.read(law, handle, ix as u32)) {
        (FieldKind::State | FieldKind::Flag, value) => Some(hash(&value)),
        (FieldKind::Ref | FieldKind::InverseOne, value) => Some(hash(&(value == Value::Null))),
        (FieldKind::Inverse, Value::List(list)) => Some(hash(&list.len().min(most_alike))),
        _ => None,
    });
    hash(&(resource.kind, resource.live, own.collect::<Vec<_>>()))
}
