//! What time alone may have changed: transitions that must have happened, those that may have, and requests without an
//! answer that may have been done.

use std::{collections::BTreeMap, sync::Arc};

use rustc_hash::FxHashMap;

use super::{
    MOST_WORLDS, Settings,
    reach::{Changes, dependent},
};
use crate::{
    model::{
        assess::assess,
        effect::{apply, fire_noted, unfire},
        eval::EvalFailure,
        time::{Interval, Moment},
        value::Handle,
        world::{Lost, Timer, World},
    },
    spec::law::{Law, RuleIx},
};

/// Why it cannot be said what a world may have become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// It may have become more than can be kept.
    TooMany,
    /// What a request without an answer has done, if it was done, depends on something that nobody has seen.
    Unseen,
}

/// The changes of a world that matter at a moment; none for all of them.
pub type Within<'a> = dyn Fn(&World) -> Option<Changes> + 'a;

/// Every world that one may have become by some moment of `interval`: changes whose latest moment has passed have
/// happened, changes whose window has begun may have, in any order that their windows allow, and requests without an
/// answer may have been done. Changes that are not `within` are put off as long as their windows allow.
///
/// # Errors
///
/// That cannot be said.
pub fn advance(
    law: &Arc<Law>,
    settings: &Settings,
    world: &Arc<World>,
    interval: Interval,
    within: &Within<'_>,
) -> Result<Vec<Arc<World>>, Unclear> {
    let mut world = world.clone();
    if world.tokens.ages(interval.to) {
        Arc::make_mut(&mut world).tokens.age(interval.to);
    }
    if world.timers.is_empty() && world.lost.is_empty() {
        return Ok(vec![world]);
    }
    let has_gone = |timer: &Timer| !timer.steps.iter().any(|s| lives(&world, s.on));
    let is_open = |t: &Timer| t.earliest <= interval.to;
    if world.lost.is_empty() && !world.timers.iter().any(|t| is_open(t) || t.is_due(interval.from) || has_gone(t)) {
        return Ok(vec![world]);
    }
    let within = within(&world);
    let concerns = |t: &Timer| within.as_ref().is_none_or(|changes| changes.has(t));
    let may_change = |t: &Timer| t.is_due(interval.from) || is_open(t) && concerns(t);
    let mut start = world.clone();
    // What was to happen to something that has gone in the meantime will not happen.
    Arc::make_mut(&mut start).timers.retain(|t| !has_gone(t));
    if !start.lost.is_empty() {
        return in_every_order(law, settings, start, interval, &may_change);
    }
    // Changes that have nothing to do with each other come to the same in every order, so that only the order within each
    // of these groups makes a difference.
    let open = start.timers.iter().filter(|t| t.earliest <= interval.to && may_change(t)).collect();
    let groups = dependent(law, &start, open);
    let is_in_none = |t: &Timer| may_change(t) && !groups.iter().any(|group| group.has(t));
    let mut worlds = in_one_order(law, start, interval, &is_in_none)?;
    for group in &groups {
        let may_change = |t: &Timer| may_change(t) && group.has(t);
        let mut more = Vec::with_capacity(worlds.len() * 2);
        for world in worlds {
            more.extend(in_every_order(law, settings, world, interval, &may_change)?);
            if more.len() > MOST_WORLDS {
                return Err(Unclear::TooMany);
            }
        }
        worlds = more;
    }
    Ok(worlds)
}

/// The worlds where each change comes to the same whenever it happens: one for each choice of those that may have.
fn in_one_order(
    law: &Arc<Law>,
    start: Arc<World>,
    interval: Interval,
    may_change: &impl Fn(&Timer) -> bool,
) -> Result<Vec<Arc<World>>, Unclear> {
    let mut certain = start;
    while let Some(place) = certain.timers.iter().position(|t| t.is_due(interval.from) && may_change(t)) {
        let timer = Arc::make_mut(&mut certain).timers.remove(place);
        fire_noted(law, &mut certain, timer);
    }
    let may_next = |t: &Timer| t.earliest <= interval.to && may_change(t);
    let may = |w: &World, from: usize| w.timers.iter().skip(from).position(may_next).map(|p| p + from);
    let mut done = Vec::new();
    // A world with the place from which on its timers have not been considered yet.
    let mut open = vec![(certain, 0)];
    while let Some((world, from)) = open.pop() {
        match may(&world, from) {
            None => done.push(world),
            Some(place) => {
                let mut fired = world.clone();
                let timer = Arc::make_mut(&mut fired).timers.remove(place);
                fire_noted(law, &mut fired, timer);
                open.push((fired, place));
                open.push((world, place + 1));
            }
        }
        if done.len() + open.len() > MOST_WORLDS {
            return Err(Unclear::TooMany);
        }
    }
    Ok(done)
}

/// The worlds that come of every order, each once.
fn in_every_order(
    law: &Arc<Law>,
    settings: &Settings,
    start: Arc<World>,
    interval: Interval,
    may_change: &impl Fn(&Timer) -> bool,
) -> Result<Vec<Arc<World>>, Unclear> {
    let mut met = Met::default();
    let mut open = vec![met.note(start).ok_or(Unclear::TooMany)?];
    let mut done = Vec::new();
    let mut visited = 0;
    while let Some(world) = open.pop() {
        visited += 1;
        if visited > MOST_WORLDS * 2 {
            return Err(Unclear::TooMany);
        }
        for (place, timer) in world.timers.iter().enumerate() {
            // What must have happened before another one could is first; what is put off has nothing to do with it.
            let is_next = world.may_be_next(place)
                && world
                    .timers
                    .iter()
                    .all(|t| t.latest.is_none_or(|latest| latest >= timer.earliest) || !may_change(t));
            if timer.earliest <= interval.to && is_next && may_change(timer) {
                let mut fired = world.clone();
                let timer = Arc::make_mut(&mut fired).timers.remove(place);
                fire_noted(law, &mut fired, timer);
                open.extend(met.note(fired));
            }
        }
        for (place, lost) in world.lost.iter().enumerate() {
            let mut without = world.clone();
            Arc::make_mut(&mut without).lost.remove(place);
            if let Some(after) = do_lost(law, settings, without, lost, interval)? {
                open.extend(met.note(after));
            }
        }
        if !world.timers.iter().any(|t| t.is_due(interval.from) && may_change(t)) {
            done.push(world);
        }
        if done.len() > MOST_WORLDS {
            return Err(Unclear::TooMany);
        }
    }
    Ok(done)
}

/// The world after a request without an answer was done; none if it would have been refused, which changes nothing.
fn do_lost(
    law: &Arc<Law>,
    settings: &Settings,
    world: Arc<World>,
    lost: &Lost,
    interval: Interval,
) -> Result<Option<Arc<World>>, Unclear> {
    let assessment = assess(law, &world, &lost.request);
    let again = assessment.again.as_ref().is_some_and(|again| again.only);
    if assessment.dry_run.is_some() || again || !(assessment.may_accept() || assessment.undecided) {
        return Ok(None);
    }
    if assessment.unforeseeable {
        return Err(Unclear::Unseen);
    }
    // It was done at some moment between its sending and now.
    let interval = Interval { from: lost.from, to: interval.to };
    match apply(law, &assessment, interval, settings.tolerance) {
        Ok(mut outcome) => {
            let world = Arc::make_mut(&mut outcome.scope.world);
            // Whether a token that nobody has seen an answer to is known is as open as after a refusal.
            if let Some(sent) = &assessment.token {
                world.tokens.refused(sent);
            }
            settings.open_muted(world, lost.from);
            Ok(Some(outcome.scope.world))
        }
        Err(EvalFailure::Broken(_)) => Ok(None),
        Err(_) => Err(Unclear::Unseen),
    }
}

/// The worlds that were met on the way, by the changes that are still to come in them.
#[derive(Default)]
struct Met(FxHashMap<Vec<usize>, Vec<Arc<World>>>);

impl Met {
    /// Takes note of a world; none if it was there already.
    fn note(&mut self, world: Arc<World>) -> Option<Arc<World>> {
        let key = world.timers.iter().map(|t| Arc::as_ptr(&t.steps).cast::<u8>().addr()).collect();
        let alike = self.0.entry(key).or_default();
        if alike.iter().any(|w| w.same_as(&world)) {
            return None;
        }
        alike.push(world.clone());
        Some(world)
    }
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

/// Leaves out each world that another one turns into by changes that may happen at any time from now on: that one stands
/// for both. So changes that nobody has looked at do not multiply the worlds.
pub fn fold(law: &Arc<Law>, worlds: &mut Vec<Arc<World>>, now: Moment) {
    // By one change at a time: what stands between two worlds is among them, for it explains as much.
    let mut by_timers: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    for (place, world) in worlds.iter().enumerate() {
        by_timers.entry(world.timers.len()).or_default().push(place);
    }
    let mut stood_for = vec![false; worlds.len()];
    for world in worlds.iter() {
        let fewer = world.timers.len().checked_sub(1).and_then(|fewer| by_timers.get(&fewer));
        let Some(fewer) = fewer else { continue };
        // Most changes are still to come in all of the worlds, and need not be made to find that out.
        let mut without: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for place in fewer {
            if let Some(number) = worlds[*place].awaits_all_but(world) {
                without.entry(number).or_default().push(*place);
            }
        }
        without.retain(|number, _| world.timers[*number].earliest <= now && world.may_be_next(*number));
        for (number, places) in without {
            let mut fired = world.clone();
            let timer = Arc::make_mut(&mut fired).timers.remove(number);
            fire_noted(law, &mut fired, timer);
            for place in places.into_iter().filter(|place| worlds[*place].same_as(&fired)) {
                stood_for[place] = true;
            }
        }
    }
    let mut stood_for = stood_for.into_iter();
    worlds.retain(|_| !stood_for.next().unwrap_or(false));
}

/// A world as if the changes of a rule could happen at any moment, or not at all: those to come, and those of the past,
/// which have not happened. None if there are none.
pub fn without_windows(law: &Law, world: &World, rule: RuleIx) -> Option<World> {
    let mut opened = world.clone();
    let fired: Vec<_> = world.fired().filter_map(|f| f.part_of(rule)).collect();
    for fired in &fired {
        unfire(law, &mut opened, fired);
    }
    let mut any = false;
    for timer in opened.timers.iter_mut().filter(|t| t.rules().contains(&rule)) {
        (timer.earliest, timer.latest) = (Moment(0), None);
        any = true;
    }
    any.then_some(opened)
}
