//! Variations of a scenario that exercises a rule: with more of everything around it, several times over, and once more with
//! the same resources.
//!
//! The shortest way to a rule meets it where there is little else: a server that changes the wrong one of two resources
//! looks right where there is only one. Each variation is tried on the law first, and kept if it still exercises the rule.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    atlas::Atlas,
    simulation::Simulation,
    step::{Call, Step, Symbol},
};
use crate::{
    oracle::Settings,
    spec::law::{KindIx, Law, RuleIx},
};

/// How many copies stand side by side.
const COPIES: u32 = 3;
/// How many of the last steps are taken once more, at most.
const MOST_AGAIN: usize = 4;
/// The longest scenario that is varied.
const LONGEST: usize = 24;

/// The variations of some steps that exercise a rule, the shortest first.
pub fn variations(law: &Arc<Law>, atlas: &Atlas, rule: RuleIx, steps: &[Step]) -> Vec<Vec<Step>> {
    if steps.is_empty() || steps.len() > LONGEST {
        return Vec::new();
    }
    let made = made(law, steps);
    let copy = |number: u32| steps.iter().map(|step| shifted(step, &made, number)).collect::<Vec<_>>();
    let (last, way) = match steps.split_last() {
        Some((last, way)) => (last, way),
        None => return Vec::new(),
    };
    let mut found = Vec::new();
    // The same once more: the last steps with the resources that are there.
    for again in 1..=steps.len().min(MOST_AGAIN) {
        found.push([steps, &steps[steps.len() - again..]].concat());
    }
    // One more of everything, made before and made afterwards.
    let beside: Vec<Step> = way.iter().map(|step| shifted(step, &made, 1)).collect();
    found.push([way, &beside, &[last.clone()]].concat());
    found.push([way, &beside, &[shifted(last, &made, 1)]].concat());
    found.push([copy(0), copy(1)].concat());
    // Three of everything, and lists of three.
    let of_three = (0..COPIES).flat_map(|number| way.iter().map(move |step| (step, number)));
    let three: Vec<Step> = of_three.map(|(step, number)| shifted(step, &made, number)).collect();
    if let Some(joined) = joined(last, &made) {
        found.push([&three[..], &[joined]].concat());
    }
    found.push((0..COPIES).flat_map(copy).collect());
    found.retain(|steps| exercises(law, atlas, rule, steps));
    found
}

/// True if the last time that the rule is met is among the last steps, with nothing on the way that cannot be done.
fn exercises(law: &Arc<Law>, atlas: &Atlas, rule: RuleIx, steps: &[Step]) -> bool {
    let mut simulation = Simulation::new(law, Settings::default());
    let mut passed = false;
    for step in steps {
        let Some(passes) = simulation.take(atlas, step) else { return false };
        passed |= passes.contains(rule);
    }
    passed
}

/// How many of each kind some steps refer to: the highest number of each.
fn made(law: &Law, steps: &[Step]) -> BTreeMap<KindIx, u32> {
    let mut made: BTreeMap<KindIx, u32> = law.kinds().map(|(kind, _)| (kind, 0)).collect();
    for symbol in steps.iter().flat_map(Step::calls).flat_map(|call| call.args.iter().map(|(_, symbol)| symbol)) {
        count(symbol, &mut made);
    }
    made
}

fn count(symbol: &Symbol, made: &mut BTreeMap<KindIx, u32>) {
    match symbol {
        Symbol::Of { kind, ordinal, .. } => {
            let most = made.entry(*kind).or_default();
            *most = (*most).max(*ordinal);
        }
        Symbol::List(items) => items.iter().for_each(|item| count(item, made)),
        Symbol::Struct(members) => members.iter().for_each(|(_, member)| count(member, made)),
        Symbol::Text(_) | Symbol::Token(_) => {}
    }
}

/// A step about the resources of a copy with this number; 0 is the step itself.
fn shifted(step: &Step, made: &BTreeMap<KindIx, u32>, number: u32) -> Step {
    let call = |call: &Call| {
        let args = call.args.iter().map(|(name, symbol)| (name.clone(), shift(symbol, made, number))).collect();
        Call { operation: call.operation, args }
    };
    match step {
        Step::Call(one) => Step::Call(call(one)),
        Step::Together(calls) => Step::Together(calls.iter().map(call).collect()),
        Step::Settle => Step::Settle,
    }
}

fn shift(symbol: &Symbol, made: &BTreeMap<KindIx, u32>, number: u32) -> Symbol {
    match symbol {
        Symbol::Of { kind, ordinal, field } => {
            let by = number * made.get(kind).copied().unwrap_or(0);
            Symbol::Of { kind: *kind, ordinal: ordinal + by, field: *field }
        }
        // Tokens of one scenario are few.
        Symbol::Token(token) => Symbol::Token(token + 100 * number),
        Symbol::List(items) => Symbol::List(items.iter().map(|item| shift(item, made, number)).collect()),
        Symbol::Struct(members) => {
            Symbol::Struct(members.iter().map(|(n, member)| (n.clone(), shift(member, made, number))).collect())
        }
        Symbol::Text(text) => Symbol::Text(text.clone()),
    }
}

/// A request about what all copies have in a list; none if it has no list of names.
fn joined(step: &Step, made: &BTreeMap<KindIx, u32>) -> Option<Step> {
    let Step::Call(call) = step else { return None };
    let mut found = false;
    let args = call.args.iter().map(|(name, symbol)| {
        let joined = match symbol {
            Symbol::List(items) if items.iter().any(|item| matches!(item, Symbol::Of { .. })) => {
                found = true;
                let all = (0..COPIES).flat_map(|number| items.iter().map(move |item| shift(item, made, number)));
                Symbol::List(all.collect())
            }
            other => other.clone(),
        };
        (name.clone(), joined)
    });
    let args = args.collect();
    found.then_some(Step::Call(Call { operation: call.operation, args }))
}
