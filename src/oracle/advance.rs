//! What time alone may have changed: transitions that must have happened, and those that may have.

use std::sync::Arc;

use super::MOST_WORLDS;
use crate::{
    model::{
        effect::fire,
        time::Interval,
        value::Handle,
        world::{Timer, World},
    },
    spec::law::Law,
};

/// Every world that one may have become by some moment of `interval`: changes whose latest moment has passed have
/// happened, changes whose window has begun may have. None if that would be too many to keep.
pub fn advance(law: &Arc<Law>, world: &Arc<World>, interval: Interval) -> Option<Vec<Arc<World>>> {
    let mut world = world.clone();
    if world.tokens.ages(interval.to) {
        Arc::make_mut(&mut world).tokens.age(interval.to);
    }
    if world.timers.is_empty() {
        return Some(vec![world]);
    }
    let has_gone = |timer: &Timer| !timer.steps.iter().any(|s| lives(&world, s.on));
    let is_due = |t: &Timer| t.earliest <= interval.to || t.latest.is_some_and(|latest| latest < interval.from);
    if !world.timers.iter().any(|t| is_due(t) || has_gone(t)) {
        return Some(vec![world]);
    }
    let mut certain = world.clone();
    // What was to happen to something that has gone in the meantime will not happen.
    Arc::make_mut(&mut certain).timers.retain(|t| !has_gone(t));
    while let Some(place) = certain.timers.iter().position(|t| t.latest.is_some_and(|latest| latest < interval.from)) {
        let timer = Arc::make_mut(&mut certain).timers.remove(place);
        fire(law, &mut certain, &timer);
    }
    let may =
        |w: &World, from: usize| w.timers.iter().skip(from).position(|t| t.earliest <= interval.to).map(|p| p + from);
    let mut done = Vec::new();
    // A world with the place from which on its timers have not been considered yet.
    let mut open = vec![(certain, 0)];
    while let Some((world, from)) = open.pop() {
        match may(&world, from) {
            None => {
                if !done.iter().any(|d: &Arc<World>| d.same_as(&world)) {
                    done.push(world);
                }
            }
            Some(place) => {
                let mut fired = world.clone();
                let timer = Arc::make_mut(&mut fired).timers.remove(place);
                fire(law, &mut fired, &timer);
                open.push((fired, place));
                open.push((world, place + 1));
            }
        }
        if done.len() + open.len() > MOST_WORLDS {
            return None;
        }
    }
    Some(done)
}

fn lives(world: &World, handle: Handle) -> bool {
    world.get(handle).is_some_and(|r| r.live)
}

/// Adds worlds to a list, leaving out those that are there already.
pub fn merge(into: &mut Vec<Arc<World>>, more: impl IntoIterator<Item = Arc<World>>) {
    for world in more {
        if !into.iter().any(|w| Arc::ptr_eq(w, &world) || w.same_as(&world)) {
            into.push(world);
        }
    }
}
