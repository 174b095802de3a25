//! Scenarios without the steps that they do not need.

use std::ops::Range;

use super::{
    draft,
    plan::Search,
    simulation::Simulation,
    step::{Step, Symbol},
};
use crate::{oracle::Settings, spec::law::RuleIx};

/// Drops every step without which the rule is still exercised by the last one, and every argument on the way that a
/// request need not carry. What is left never relies on more requests about which the law is silent than before.
pub fn strip(search: &Search<'_>, rule: RuleIx, mut steps: Vec<Step>) -> Vec<Step> {
    let Some(mut unsaid) = unsaid_on_the_way(search, rule, &steps) else { return steps };
    // Another server may refuse what the law is silent about; most often it has only to be waited a little.
    while unsaid > 0 {
        let waits = (1..steps.len()).filter(|place| steps[*place] != Step::Settle && steps[place - 1] != Step::Settle);
        let with_wait = |place: usize| {
            let mut more = steps.clone();
            more.insert(place, Step::Settle);
            let left = unsaid_on_the_way(search, rule, &more)?;
            (left < unsaid).then_some((more, left))
        };
        let Some((more, left)) = waits.into_iter().find_map(with_wait) else { break };
        (steps, unsaid) = (more, left);
    }
    let mut accept = |fewer: &[Step]| match unsaid_on_the_way(search, rule, fewer) {
        Some(left) if left <= unsaid => {
            unsaid = left;
            true
        }
        _ => false,
    };
    loop {
        let before = steps.len();
        let mut place = before.saturating_sub(1);
        while place > 0 {
            place -= 1;
            if place + 1 < steps.len()
                && let Some(fewer) = without(search, place, &steps).filter(|fewer| accept(fewer))
            {
                steps = fewer;
            }
        }
        // Without what has gone now, an earlier step may no longer be needed either.
        if steps.len() == before {
            break;
        }
    }
    for place in 0..steps.len().saturating_sub(1) {
        if let Some(plainer) = plainer(search, &steps, place).filter(|plainer| accept(plainer)) {
            steps = plainer;
        }
    }
    steps
}

/// On how many requests about which the law is silent some steps rely until the last one exercises the rule; none if it
/// does not, or if they touch what is to be avoided.
pub fn unsaid_on_the_way(search: &Search<'_>, rule: RuleIx, steps: &[Step]) -> Option<usize> {
    let mut simulation = Simulation::new(search.law, Settings::default());
    let (last, way) = steps.split_last()?;
    let mut unsaid = 0;
    for step in way {
        let (passes, open) = simulation.try_step(search.atlas, step)?;
        if passes.iter().any(|r| search.avoid.contains(r)) {
            return None;
        }
        unsaid += usize::from(open);
    }
    simulation.take(search.atlas, last)?.contains(rule).then_some(unsaid)
}

/// The steps with one of them as plain as it can be: without the arguments that a good request need not carry. None if
/// it carries none.
fn plainer(search: &Search<'_>, steps: &[Step], place: usize) -> Option<Vec<Step>> {
    let Step::Call(call) = &steps[place] else { return None };
    let operation = &search.law[call.operation];
    let mut plain = call.clone();
    plain.args.retain(|(name, _)| operation.param(name).is_some_and(|ix| draft::belongs(operation, ix)));
    // The names that are left may need to be told what they are names of.
    draft::tell_kinds(operation, &mut plain);
    let differs = plain.args.len() < call.args.len();
    differs.then(|| {
        steps
            .iter()
            .enumerate()
            .map(|(ix, s)| if ix == place { Step::Call(plain.clone()) } else { s.clone() })
            .collect()
    })
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
