//! Scenarios without the steps that they do not need.

use std::ops::Range;

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
    loop {
        let before = steps.len();
        let mut place = before.saturating_sub(1);
        while place > 0 {
            place -= 1;
            if place + 1 < steps.len()
                && let Some(fewer) = without(search, place, &steps).filter(|fewer| exercises(fewer))
            {
                steps = fewer;
            }
        }
        // Without what has gone now, an earlier step may no longer be needed either.
        if steps.len() == before {
            return steps;
        }
    }
}

/// The steps without one of them, and without those after it that name what it created. None if the last one does.
fn without(search: &Search<'_>, place: usize, steps: &[Step]) -> Option<Vec<Step>> {
    let mut fewer = steps.to_vec();
    let removed = steps.get(place)?;
    let created = created(search, removed, &steps[..place])?;
    for later in (place + 1..steps.len()).rev() {
        let Step::Call(call) = &steps[later] else { continue };
        if !call.args.iter().any(|(_, symbol)| names_any(symbol, &created)) {
            continue;
        }
        if later + 1 >= fewer.len() {
            return None;
        }
        fewer = without(search, later, &fewer)?;
    }
    fewer.remove(place);
    for step in &mut fewer[place..] {
        if let Step::Call(call) = step {
            call.args.iter_mut().for_each(|(_, symbol)| count_down(symbol, &created));
        }
    }
    Some(fewer)
}

/// For each kind, the ordinals of what a step creates when it follows on others.
fn created(search: &Search<'_>, step: &Step, before: &[Step]) -> Option<Vec<Range<u32>>> {
    let mut simulation = Simulation::new(search.law, Settings::default());
    for step in before {
        simulation.take(search.atlas, step)?;
    }
    let count = |s: &Simulation| -> Vec<u32> {
        search.law.kinds().map(|(k, _)| s.forward.world().iter().filter(|(_, r)| r.kind == k).count() as u32).collect()
    };
    let start = count(&simulation);
    simulation.take(search.atlas, step)?;
    Some(start.into_iter().zip(count(&simulation)).map(|(start, end)| start + 1..end + 1).collect())
}

fn names_any(symbol: &Symbol, created: &[Range<u32>]) -> bool {
    match symbol {
        Symbol::Text(_) | Symbol::Token(_) => false,
        Symbol::Of { kind, ordinal, .. } => created[kind.0 as usize].contains(ordinal),
        Symbol::List(list) => list.iter().any(|s| names_any(s, created)),
        Symbol::Struct(members) => members.iter().any(|(_, s)| names_any(s, created)),
    }
}

/// Counts the ordinals of later resources down by what is not created any more.
fn count_down(symbol: &mut Symbol, created: &[Range<u32>]) {
    match symbol {
        Symbol::Text(_) | Symbol::Token(_) => {}
        Symbol::Of { kind, ordinal, .. } => {
            let created = &created[kind.0 as usize];
            if *ordinal >= created.end {
                *ordinal -= created.end - created.start;
            }
        }
        Symbol::List(list) => list.iter_mut().for_each(|s| count_down(s, created)),
        Symbol::Struct(members) => members.iter_mut().for_each(|(_, s)| count_down(s, created)),
    }
}
