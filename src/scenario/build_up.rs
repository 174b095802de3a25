//! Walks that build things up at random, from a fixed seed, and try at every step what is still looked for: for rules
//! that need much to be there at once. The same law has the same walks.

use super::{
    draft,
    plan::{Found, MOST_LIVE, Search, Tried, Unsaid, is_due, steps_from, still_wanted},
    simulation::{Simulation, Taken},
    step::Step,
};
use crate::{
    model::{forward::Dice, value::Value, world::Resource},
    oracle::Settings,
    spec::law::{Change, KindIx, Law, Operation, OperationIx, RuleIx},
};

/// The seed of the walks.
const SEED: u64 = 6;
/// How many walks there are.
const MOST_WALKS: usize = 250;
/// Steps of a walk.
const WALK_LENGTH: usize = 28;
/// Steps of one that goes on from somewhere.
const WALK_ON: usize = 10;
/// Requests of one operation among which a walk chooses.
const MOST_ON_THE_WAY: usize = 24;

/// Walks that build things up, each from nothing.
pub(super) fn build_up(search: &Search<'_>, found: &mut Found) {
    let law = search.law;
    let mut dice = Dice::new(SEED);
    let builders: Vec<OperationIx> =
        law.operations().filter(|(ix, o)| (search.available)(*ix) && !o.reads).map(|(ix, _)| ix).collect();
    for walk in 0..MOST_WALKS {
        let left = still_wanted(search, found, Unsaid::WillDo);
        if left.is_empty() || builders.is_empty() || !(search.go_on)(left.len()) {
            return;
        }
        let about = |ix: OperationIx| left.iter().any(|r| law[*r].operation.is_none_or(|o| o == ix));
        let tried: Vec<OperationIx> =
            law.operations().map(|(ix, _)| ix).filter(|ix| (search.available)(*ix) && about(*ix)).collect();
        let asked: Vec<OperationIx> = builders.iter().copied().filter(|ix| about(*ix)).collect();
        // What the operations in question name is wanted more than anything else.
        let named: Vec<KindIx> = law
            .operations()
            .filter(|(ix, o)| about(*ix) && !o.reads)
            .flat_map(|(_, o)| o.params.iter().flat_map(|p| p.names.iter().map(|r| r.kind)))
            .collect();
        let mut simulation = Simulation::new(law, Settings::default());
        let mut way: Vec<Step> = Vec::new();
        let mut unsaid = false;
        // Most walks go on from somewhere on the way to where a rule of the same operation was exercised.
        let near: Vec<&Vec<Step>> = found
            .iter()
            .enumerate()
            .filter(|(ix, _)| law[RuleIx(*ix as u32)].operation.is_some_and(about))
            .filter_map(|(_, way)| way.as_ref().map(|way| &way.steps))
            .collect();
        if walk % 4 != 0
            && let Some(steps) = near.get(dice.below(near.len()))
        {
            let part = steps.len() / 2 + dice.below(steps.len() / 2 + 1);
            for step in &steps[..part] {
                let mut after = simulation.clone();
                if let Some(taken) = after.try_step(search.atlas, step) {
                    simulation = after;
                    way.push(step.clone());
                    unsaid |= taken.open;
                }
            }
        }
        let length = way.len() + if way.is_empty() { WALK_LENGTH } else { WALK_ON };
        while way.len() < length {
            let Some(step) = next_builder(search, &simulation, &builders, &asked, &named, &mut dice) else { break };
            let mut after = simulation.clone();
            let Some(Taken { passes, open, .. }) = after.try_step(search.atlas, &step) else { continue };
            // What the law is silent about is used only where nothing else leads on.
            if (open && dice.below(2) > 0) || passes.iter().any(|r| search.avoid.contains(r)) {
                continue;
            }
            simulation = after;
            way.push(step);
            unsaid |= open;
            // Now and then what is under way stays under way while the next thing happens.
            if simulation.is_changing() && (is_due(search, &simulation) || dice.below(4) == 0) {
                match simulation.take(search.atlas, &Step::Settle) {
                    Some(_) => way.push(Step::Settle),
                    None => break,
                }
            }
            // Some names are learnt only by looking.
            if has_unseen_names(law, &simulation) || dice.below(4) == 0 {
                for look in search.atlas.looks_at_unconfirmed(law, simulation.oracle.worlds()) {
                    let look = Step::Call(look);
                    let mut after = simulation.clone();
                    if after.take(search.atlas, &look).is_some() {
                        simulation = after;
                        way.push(look);
                    }
                }
            }
            let steps = steps_from(search, &tried, &simulation, found);
            for tried in Tried::all(search, &simulation, steps, |_| true) {
                tried.note(search, found, (&way, unsaid));
            }
        }
        tracing::debug!(walk, left = left.len(), "walked");
    }
}

/// A plain request that adds something, of what there is little of.
fn next_builder(
    search: &Search<'_>,
    simulation: &Simulation,
    builders: &[OperationIx],
    asked: &[OperationIx],
    named: &[KindIx],
    dice: &mut Dice,
) -> Option<Step> {
    let law = search.law;
    let world = simulation.oracle.worlds().first()?;
    for _ in 0..40 {
        // One request in three is of the operations in question: what they do may be what their rules speak of.
        let pool = if !asked.is_empty() && dice.below(3) == 0 { asked } else { builders };
        let operation = pool[dice.below(pool.len())];
        let enough = law[operation].effects.iter().any(|e| match &e.change {
            Change::Create { kind, .. } => {
                let live = world.live(*kind).count();
                let often = if named.contains(kind) { 8 } else { 5 };
                live > MOST_LIVE || dice.below(often) < live + usize::from(live > 0)
            }
            _ => false,
        });
        // What tears down is needed too, but seldom.
        if enough || (!builds_up(&law[operation]) && dice.below(8) > 0) {
            continue;
        }
        let Ok(calls) = draft::good_calls(law, world, operation, MOST_ON_THE_WAY) else { continue };
        let pick = dice.below(calls.len());
        return calls.into_iter().nth(pick).map(Step::Call);
    }
    None
}

/// True if something has a name that nobody has seen.
fn has_unseen_names(law: &Law, simulation: &Simulation) -> bool {
    let unseen = |r: &Resource| r.live && law[r.kind].id.is_some_and(|id| r.fields[id as usize] == Value::Unknown);
    simulation.oracle.worlds().first().is_some_and(|w| w.iter().any(|(_, r)| unseen(r)))
}

/// True if an operation only adds: it creates, or changes, but removes nothing at once.
fn builds_up(operation: &Operation) -> bool {
    let now = || operation.effects.iter().filter(|e| e.after.is_none()).map(|e| &e.change);
    now().any(|c| matches!(c, Change::Create { .. })) || !now().any(|c| matches!(c, Change::Delete(_)))
}
