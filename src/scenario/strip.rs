//! Scenarios without the steps that they do not need.

use super::{
    plan::Search,
    simulation::Simulation,
    step::{Step, Symbol},
};
use crate::{oracle::Settings, spec::law::RuleIx};

/// Drops every step without which the rule is still exercised by the last one.
pub fn strip(search: &Search<'_>, rule: RuleIx, mut steps: Vec<Step>) -> Vec<Step> {
    let exercises = |steps: &[Step]| {
        let mut simulation = Simulation::new(search.law, Settings::default());
        let Some((last, way)) = steps.split_last() else { return false };
        for step in way {
            match simulation.take(search.atlas, step) {
                Some(passes) if !passes.iter().any(|r| search.avoid.contains(r)) => {}
                _ => return false,
            }
        }
        simulation.take(search.atlas, last).is_some_and(|passes| passes.contains(rule))
    };
    let mut place = steps.len().saturating_sub(1);
    while place > 0 {
        place -= 1;
        let mut fewer = steps.clone();
        let removed = fewer.remove(place);
        let Some(fewer) = renumbered(search, &removed, fewer, &steps[..place]) else { continue };
        if exercises(&fewer) {
            steps = fewer;
        }
    }
    steps
}

/// The steps after one was removed, with the ordinals of what later steps created counted down. None if a later step
/// names what the removed one created.
fn renumbered(search: &Search<'_>, removed: &Step, steps: Vec<Step>, before: &[Step]) -> Option<Vec<Step>> {
    let mut simulation = Simulation::new(search.law, Settings::default());
    for step in before {
        simulation.take(search.atlas, step)?;
    }
    let count = |s: &Simulation| -> Vec<u32> {
        search.law.kinds().map(|(k, _)| s.forward.world().iter().filter(|(_, r)| r.kind == k).count() as u32).collect()
    };
    let start = count(&simulation);
    simulation.take(search.atlas, removed)?;
    let end = count(&simulation);
    if start == end {
        return Some(steps);
    }
    fn shift(symbol: &mut Symbol, start: &[u32], end: &[u32]) -> Option<()> {
        match symbol {
            Symbol::Text(_) => Some(()),
            Symbol::Of { kind, ordinal, .. } => {
                let (s, e) = (start[kind.0 as usize], end[kind.0 as usize]);
                if *ordinal > e {
                    *ordinal -= e - s;
                } else if *ordinal > s {
                    return None;
                }
                Some(())
            }
            Symbol::List(list) => list.iter_mut().try_for_each(|s| shift(s, start, end)),
            Symbol::Struct(members) => members.iter_mut().try_for_each(|(_, s)| shift(s, start, end)),
        }
    }
    let mut steps = steps;
    for step in &mut steps[before.len()..] {
        if let Step::Call(call) = step {
            call.args.iter_mut().try_for_each(|(_, s)| shift(s, &start, &end))?;
        }
    }
    Some(steps)
}
