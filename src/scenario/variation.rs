//! Variations of a scenario that exercises a rule: with more of everything around it, several times over, and once more with
//! the same resources.
//!
//! The shortest way to a rule meets it where there is little else: a server that changes the wrong one of two resources
//! looks right where there is only one. Each variation is tried on the law first, and kept if it still exercises the rule.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    atlas::Atlas,
    draft,
    simulation::Simulation,
    step::{Call, Step, Symbol},
};
use crate::{
    model::world::World,
    oracle::Settings,
    spec::law::{Change, KindIx, Law, OperationIx, Param, ParamIx, RuleIx},
};

/// How many of each kind there are.
type Made = BTreeMap<KindIx, u32>;

/// How many copies stand side by side.
const COPIES: u32 = 3;
/// How many of the last steps are taken once more, at most.
const MOST_AGAIN: usize = 4;
/// Requests of one operation that are tried afterwards.
const MOST_FOLLOWING: usize = 2;
/// Requests of an operation that only reads that are tried afterwards.
const MOST_SHOWN: usize = 4;
/// Requests that are tried before the last one.
const MOST_TRIED: usize = 60;
/// Those of them that are kept.
const MOST_AFTER: usize = 3;
/// Ways that end with a wrong argument in place of a good one.
const MOST_INSTEAD: usize = 1;
/// Other values of one parameter.
const MOST_OTHERS: usize = 2;
/// The most steps that make what a list names.
const MOST_MAKING: usize = 4;
/// The longest scenario that is varied.
const LONGEST: usize = 24;

/// The variations of some steps that exercise a rule, those first that show the most. That each still does is seen when it is
/// asked for.
pub fn variations<'a>(
    law: &'a Arc<Law>,
    atlas: &'a Atlas,
    rule: RuleIx,
    steps: &'a [Step],
) -> impl Iterator<Item = Vec<Step>> + 'a {
    let candidates = candidates(law, atlas, rule, steps);
    candidates.into_iter().filter(move |varied| *varied != steps && exercises(law, atlas, rule, varied))
}

/// The variations, whether they can be taken or not.
fn candidates(law: &Arc<Law>, atlas: &Atlas, rule: RuleIx, steps: &[Step]) -> Vec<Vec<Step>> {
    // The rule is met where its operation is asked for last; what follows only looks at what came of it.
    let is_its = |step: &Step| step.calls().iter().any(|call| law[rule].operation == Some(call.operation));
    let meets = steps.iter().rposition(is_its).or(steps.len().checked_sub(1));
    let Some((way, rest)) = meets.map(|meets| steps.split_at(meets)).filter(|_| steps.len() <= LONGEST) else {
        return Vec::new();
    };
    let (Some(by_way), Some(by_all)) = (made(law, atlas, way), made(law, atlas, steps)) else { return Vec::new() };
    let mut found = Vec::new();
    let copies = |of: &[Step], made: &Made, number: u32| -> Vec<Step> {
        of.iter().map(|step| shifted(step, made, number)).collect()
    };
    let moved = |copies: u32| -> Vec<Step> { rest.iter().map(|step| pushed(step, &by_way, copies - 1)).collect() };
    // One more of everything, made before: what is done to the one is not done to the other. And once more at once, which
    // costs one request.
    let beside = copies(way, &by_way, 1);
    let (two, once_more) = (moved(2), moved(2).into_iter().take(1).collect::<Vec<_>>());
    found.push([way, &beside, &two, &once_more].concat());
    found.push([way, &beside, &two].concat());
    // Three of everything, and lists of three.
    let three: Vec<Step> = (0..COPIES).flat_map(|number| copies(way, &by_way, number)).collect();
    if let Some((joined, tail)) =
        moved(COPIES).split_first().and_then(|(first, tail)| Some((joined(first, &by_way)?, tail.to_vec())))
    {
        found.push([&three[..], &[joined], &tail].concat());
    }
    // Three of what a list names, with one of the rest.
    found.extend(listed(law, atlas, way, rest));
    // The same once more: the last steps with the resources that are there.
    for again in 1..=steps.len().min(MOST_AGAIN) {
        found.push([steps, &steps[steps.len() - again..]].concat());
    }
    found.push([steps, rest].concat());
    // One more of everything, made before and made afterwards.
    found.push([way, &beside, &copies(&two, &by_way, 1)].concat());
    found.push([steps, &copies(steps, &by_all, 1)].concat());
    found.push((0..COPIES).flat_map(|number| copies(steps, &by_all, number)).collect());
    // Step by step the same with a copy: what has come about with the one is under way with the other.
    found.push(steps.iter().flat_map(|step| [step.clone(), shifted(step, &by_all, 1)]).collect());
    if let Some((last, _)) = rest.split_first() {
        found.extend(after_accepted(law, atlas, way, last));
    }
    found.extend(beside_others(law, atlas, steps));
    // To wait twice shows nothing that to wait once does not.
    let waits = |one: &Step, other: &Step| *one == Step::Settle && *other == Step::Settle;
    found.iter_mut().for_each(|steps| steps.dedup_by(|one, other| waits(one, other)));
    let mut known = BTreeSet::new();
    found.retain(|steps| known.insert(steps.clone()));
    found
}

/// The steps, and afterwards a plain request of each of these operations: what a change has made possible or impossible
/// shows where nothing shows the change itself.
pub fn follow_ups(law: &Arc<Law>, atlas: &Atlas, operations: &[OperationIx], steps: &[Step]) -> Vec<Vec<Step>> {
    let Some(simulation) = Simulation::after(law, atlas, steps) else { return Vec::new() };
    let mut found = Vec::new();
    let last = steps.iter().rev().find_map(|step| step.calls().last());
    let named = last.map(names).unwrap_or_default();
    for ix in operations {
        let calls = draft::good_calls(law, simulation.forward.world(), *ix, MOST_TRIED).unwrap_or_default();
        // The plain ones, and one that names what the last request named together with something else.
        let mixes = |call: &Call| {
            let names = names(call);
            names.iter().any(|name| named.contains(name)) && names.iter().any(|name| !named.contains(name))
        };
        let mixed = calls.iter().skip(MOST_FOLLOWING).find(|call| mixes(call)).cloned();
        // What is only shown may be shown by many names.
        let most = if law[*ix].reads { MOST_SHOWN } else { MOST_FOLLOWING };
        for call in calls.into_iter().take(most).chain(mixed) {
            let step = Step::Call(call);
            let says =
                simulation.clone().try_step(atlas, &step).is_some_and(|taken| !taken.open && !taken.passes.is_empty());
            if says {
                found.push([steps, &[step]].concat());
            }
        }
    }
    found
}

/// The steps beside such as differ from them in one value: what is shown of the one is not what is shown of the other.
fn beside_others(law: &Arc<Law>, atlas: &Atlas, steps: &[Step]) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let Step::Call(call) = step else { continue };
        let spec = &law[call.operation];
        let changes = spec.effects.iter().any(|effect| matches!(effect.change, Change::Create { .. }));
        for (ix, param) in spec.params.iter().enumerate().filter(|_| changes) {
            let ix = ix as ParamIx;
            if !param.names.is_empty() || !(draft::belongs(spec, ix) || draft::is_choice(spec, ix)) {
                continue;
            }
            let now = call.args.iter().find(|(name, _)| *name == param.name).map(|(_, symbol)| symbol);
            let world = World::default();
            let others = draft::good_values(law, &world, spec, param).into_iter().filter(|value| Some(value) != now);
            for value in others.take(MOST_OTHERS) {
                let mut other = call.clone();
                draft::set_arg(&mut other, &param.name, value);
                let mut changed = steps.to_vec();
                changed[place] = Step::Call(other);
                let Some(by_changed) = made(law, atlas, &changed) else { continue };
                let copy = steps.iter().map(|step| shifted(step, &by_changed, 1));
                found.push(changed.iter().cloned().chain(copy).collect());
            }
        }
    }
    found
}

/// The steps of a scenario of another operation, with an accepted request for this one before the last of them that names
/// something which that one names.
pub fn crossed(law: &Arc<Law>, atlas: &Atlas, operation: OperationIx, steps: &[Step]) -> Vec<Vec<Step>> {
    let Some(place) = steps.iter().rposition(|step| matches!(step, Step::Call(_))) else { return Vec::new() };
    let (way, rest) = steps.split_at(place);
    let Some(Step::Call(last)) = rest.first() else { return Vec::new() };
    let Some(simulation) = Simulation::after(law, atlas, way) else { return Vec::new() };
    let named = names(last);
    let calls = draft::good_calls(law, simulation.forward.world(), operation, MOST_TRIED).unwrap_or_default();
    let alike = calls.into_iter().filter(|call| names(call).iter().any(|name| named.contains(name))).map(Step::Call);
    let goes = alike.filter_map(|step| {
        let mut after = simulation.clone();
        let accepted = after.try_step(atlas, &step)?.accepted;
        // Whatever is right then: it need not be what it was without the request before.
        let says =
            accepted && after.try_step(atlas, &rest[0]).is_some_and(|taken| !taken.open && !taken.passes.is_empty());
        says.then(|| [way, &[step], &rest[..1]].concat())
    });
    goes.take(MOST_AFTER).collect()
}

/// The request after one of the same operation that is accepted, and names something that it names.
fn after_accepted(law: &Arc<Law>, atlas: &Atlas, way: &[Step], last: &Step) -> Vec<Vec<Step>> {
    let Step::Call(call) = last else { return Vec::new() };
    let Some(simulation) = Simulation::after(law, atlas, way) else { return Vec::new() };
    let named = names(call);
    let calls = draft::good_calls(law, simulation.forward.world(), call.operation, MOST_TRIED).unwrap_or_default();
    let alike = calls.into_iter().filter(|other| other != call && names(other).iter().any(|name| named.contains(name)));
    let accepted = alike.map(Step::Call).filter_map(|step| {
        let mut after = simulation.clone();
        let accepted = after.try_step(atlas, &step)?.accepted;
        let settles = after.is_changing().then_some(Step::Settle);
        accepted.then(|| [way, &[step], settles.as_slice(), std::slice::from_ref(last)].concat())
    });
    accepted.take(MOST_AFTER).collect()
}

/// The steps after an accepted request of the same operation, and after one that was undone again: `ways` are scenarios in
/// which it is accepted. Of the steps only as many are taken as are needed once that has been done, so that they are about
/// the same resources.
pub fn after_others(law: &Arc<Law>, atlas: &Atlas, rule: RuleIx, steps: &[Step], ways: &[&[Step]]) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    for way in ways.iter().filter(|way| way.len() <= LONGEST) {
        let Some(simulation) = Simulation::after(law, atlas, way) else { continue };
        let undone = undone(law, atlas, &simulation, way);
        for between in std::iter::once(Vec::new()).chain(undone) {
            let mut simulation = simulation.clone();
            if simulation.take_all(atlas, &between).is_none() {
                continue;
            }
            let goes = |from: &usize| {
                let mut after = simulation.clone();
                let mut last = None;
                let taken = steps[*from..].iter().all(|step| {
                    last = after.take(atlas, step).or_else(|| last.take());
                    last.is_some()
                });
                taken && last.is_some_and(|passes| passes.contains(rule))
            };
            let suffix = (0..steps.len()).rev().filter(|from| steps.len() - from <= LONGEST).find(goes);
            found.extend(suffix.map(|from| [*way, &between[..], &steps[from..]].concat()));
        }
    }
    found
}

/// The wrong argument of a scenario in requests that would be accepted but for it: there it shows if one is refused and done all
/// the same. `ways` are scenarios in which the operation is accepted.
pub fn wrong_instead(law: &Arc<Law>, atlas: &Atlas, rule: RuleIx, steps: &[Step], ways: &[&[Step]]) -> Vec<Vec<Step>> {
    let Some(operation) = law[rule].operation else { return Vec::new() };
    let spec = &law[operation];
    let is_about = |param: &&Param| param.refusals.iter().any(|(_, refusal)| refusal.rule == rule);
    let Some(param) = spec.params.iter().find(is_about) else { return Vec::new() };
    let Some((place, own)) = last_call(steps, operation) else { return Vec::new() };
    let wrong = own.args.iter().find(|(name, _)| *name == param.name).map(|(_, value)| value);
    // What names something does so only where that is.
    if wrong.is_some_and(|value| !symbols_of(value).is_empty()) {
        return Vec::new();
    }
    let instead = |way: &&[Step]| {
        let (at, good) = last_call(way, operation)?;
        if way[..at] == steps[..place] {
            return None;
        }
        let mut call = good.clone();
        call.args.retain(|(name, _)| *name != param.name);
        if let Some(value) = wrong {
            draft::set_arg(&mut call, &param.name, value.clone());
            draft::tell_kinds(spec, &mut call);
        }
        let steps = [&way[..at], &[Step::Call(call)]].concat();
        exercises(law, atlas, rule, &steps).then_some(steps)
    };
    ways.iter().filter_map(instead).take(MOST_INSTEAD).collect()
}

/// Requests that would be accepted if they did not name another resource than they should: one that was made as that one was,
/// and is there or gone again. There it shows if one is refused and done all the same. `ways` are scenarios in which the operation
/// is accepted; the first that leads to one counts.
pub fn another_instead(law: &Arc<Law>, atlas: &Atlas, rule: RuleIx, ways: &[&[Step]]) -> Vec<Vec<Step>> {
    let Some(operation) = law[rule].operation else { return Vec::new() };
    let instead = |way: &&[Step]| {
        let (at, good) = last_call(way, operation)?;
        let way = &way[..at];
        let simulation = Simulation::after(law, atlas, way)?;
        let of_arg = |(name, symbol): &(Arc<str>, Symbol)| {
            let (made, after, other) = made_again(atlas, &simulation, way, symbol)?;
            let mut call = good.clone();
            draft::set_arg(&mut call, name, other);
            let undone = undone(law, atlas, &after, &made[..1]);
            let mut ends = std::iter::once(Vec::new()).chain(undone);
            ends.find_map(|end| {
                let steps = [way, &made, &end, &[Step::Call(call.clone())]].concat();
                exercises(law, atlas, rule, &steps).then_some(steps)
            })
        };
        Some(good.args.iter().filter_map(of_arg).collect())
    };
    ways.iter().filter_map(instead).find(|found: &Vec<_>| !found.is_empty()).unwrap_or_default()
}

/// One more of what a symbol stands for: the steps that make it, of which the first was taken before, what is there after them,
/// and the symbol for it.
fn made_again(
    atlas: &Atlas,
    simulation: &Simulation,
    way: &[Step],
    symbol: &Symbol,
) -> Option<(Vec<Step>, Simulation, Symbol)> {
    let Symbol::Of { kind, field, .. } = symbol else { return None };
    let requests = way.iter().rev().filter(|step| matches!(step, Step::Call(_))).cloned();
    let (step, mut after, new) = simulation.one_more(atlas, *kind, requests)?;
    let other = Symbol::of(after.forward.world(), new, *field)?;
    let steps: Vec<Step> = std::iter::once(step).chain(after.is_changing().then_some(Step::Settle)).collect();
    after.take_all(atlas, &steps[1..])?;
    Some((steps, after, other))
}

/// The last request for an operation, and its place.
fn last_call(steps: &[Step], operation: OperationIx) -> Option<(usize, &Call)> {
    steps.iter().enumerate().rev().find_map(|(place, step)| match step {
        Step::Call(call) if call.operation == operation => Some((place, call)),
        _ => None,
    })
}

/// Ways to undo what the last request of a scenario has done: a request of each operation that undoes something that is
/// there.
fn undone(law: &Arc<Law>, atlas: &Atlas, simulation: &Simulation, way: &[Step]) -> Vec<Vec<Step>> {
    let world = simulation.forward.world();
    let last = way.iter().rev().find_map(|step| step.calls().last());
    let mut kinds: Vec<KindIx> = last.into_iter().flat_map(names).filter_map(kind_of).collect();
    // What it has made comes last of all.
    kinds.extend(world.iter().last().map(|(_, resource)| resource.kind));
    kinds.sort_unstable();
    kinds.dedup();
    let mut found: Vec<Vec<Step>> = Vec::new();
    for (operation, _) in kinds.iter().flat_map(|kind| &law[*kind].undo) {
        for call in draft::good_calls(law, world, *operation, MOST_FOLLOWING).unwrap_or_default() {
            let step = Step::Call(call);
            let mut after = simulation.clone();
            let accepted = after.try_step(atlas, &step).is_some_and(|taken| !taken.open);
            let steps = [vec![step], after.is_changing().then_some(Step::Settle).into_iter().collect()].concat();
            if accepted && !found.contains(&steps) {
                found.push(steps);
            }
        }
    }
    found
}

fn kind_of(symbol: &Symbol) -> Option<KindIx> {
    match symbol {
        Symbol::Of { kind, .. } => Some(*kind),
        _ => None,
    }
}

/// What a request names.
fn names(call: &Call) -> Vec<&Symbol> {
    call.args.iter().flat_map(|(_, symbol)| symbols_of(symbol)).collect()
}

/// The names in an argument.
fn symbols_of(symbol: &Symbol) -> Vec<&Symbol> {
    match symbol {
        Symbol::Of { .. } => vec![symbol],
        Symbol::List(items) => items.iter().flat_map(symbols_of).collect(),
        Symbol::Struct(members) => members.iter().flat_map(|(_, member)| symbols_of(member)).collect(),
        Symbol::Text(_) | Symbol::Token(_) => Vec::new(),
    }
}

/// Requests with a list of three: what its first element names is made three times, by the steps that made it, and what
/// they need as often as they need it. What comes after the request still comes after it.
fn listed(law: &Arc<Law>, atlas: &Atlas, way: &[Step], rest: &[Step]) -> Vec<Vec<Step>> {
    let Some((Step::Call(call), tail)) = rest.split_first() else { return Vec::new() };
    let list = |(place, (_, symbol)): (usize, &(Arc<str>, Symbol))| match symbol {
        Symbol::List(items) => match items.first()? {
            Symbol::Of { kind, ordinal, field } => Some((place, *kind, *ordinal, *field)),
            _ => None,
        },
        _ => None,
    };
    let lists: Vec<_> = call.args.iter().enumerate().filter_map(list).collect();
    if lists.is_empty() {
        return Vec::new();
    }
    let counts: Option<Vec<Made>> = (0..=way.len()).map(|end| made(law, atlas, &way[..end])).collect();
    let Some(counts) = counts else { return Vec::new() };
    let mut found = Vec::new();
    for (place, kind, ordinal, field) in lists {
        let count = |end: usize| counts[end].get(&kind).copied().unwrap_or(0);
        // The step after which there is one: taken three times, it makes three.
        for end in (1..=way.len()).filter(|end| count(end - 1) < ordinal && count(*end) >= ordinal) {
            for start in (end.saturating_sub(MOST_MAKING)..end).rev() {
                let by = count(end) - count(start);
                let all = (0..COPIES).map(|n| Symbol::Of { kind, ordinal: ordinal + n * by, field });
                let mut joined = call.clone();
                joined.args[place].1 = Symbol::List(all.collect());
                let last = [&[Step::Call(joined)], tail].concat();
                let (before, after) = (&counts[start], &counts[end]);
                let copy = |number| way[start..end].iter().map(move |step| repeated(step, before, after, number));
                let more: Vec<Step> = (1..COPIES).flat_map(copy).collect();
                // What else is there keeps its number only if it was made before.
                found.push([way, &more[..], &last].concat());
                found.push([&way[..end], &more[..], &way[end..], &last].concat());
                // Where one must be there before the next one can be asked for.
                let waiting = (1..COPIES).flat_map(|number| std::iter::once(Step::Settle).chain(copy(number)));
                let waiting: Vec<Step> = waiting.chain([Step::Settle]).collect();
                found.push([&way[..end], &waiting[..], &way[end..], &last].concat());
            }
        }
    }
    found.sort_by_key(Vec::len);
    found
}

/// True if the steps can be taken, and exercise the rule.
fn exercises(law: &Arc<Law>, atlas: &Atlas, rule: RuleIx, steps: &[Step]) -> bool {
    let mut simulation = Simulation::new(law, Settings::default());
    let mut passed = false;
    for step in steps {
        let Some(passes) = simulation.take(atlas, step) else { return false };
        passed |= passes.contains(rule);
    }
    passed
}

/// How many of each kind some steps create; none if they cannot be taken.
fn made(law: &Arc<Law>, atlas: &Atlas, steps: &[Step]) -> Option<Made> {
    let mut simulation = Simulation::new(law, Settings::default());
    for step in steps {
        simulation.take(atlas, step)?;
    }
    let world = simulation.forward.world();
    Some(law.kinds().map(|(kind, _)| (kind, world.created(kind))).collect())
}

/// A step about the resources of a copy with this number; 0 is the step itself.
fn shifted(step: &Step, made: &Made, number: u32) -> Step {
    renumbered(step, &|symbol| shift(symbol, made, number))
}

/// A step of those between two places, taken once more: it is about what its own copy makes, and about the same of what was
/// there before.
fn repeated(step: &Step, before: &Made, after: &Made, number: u32) -> Step {
    let count = |made: &Made, kind: &KindIx| made.get(kind).copied().unwrap_or(0);
    renumbered(step, &|symbol| match symbol {
        Symbol::Of { kind, ordinal, .. } if *ordinal <= count(before, kind) => symbol.clone(),
        Symbol::Of { kind, ordinal, field } => {
            let by = number * (count(after, kind) - count(before, kind));
            Symbol::Of { kind: *kind, ordinal: ordinal + by, field: *field }
        }
        other => shift(other, after, number),
    })
}

/// A step after copies of what was made before it: what it makes itself comes so many later.
fn pushed(step: &Step, made: &Made, copies: u32) -> Step {
    renumbered(step, &|symbol| match symbol {
        Symbol::Of { kind, ordinal, field } => {
            let before = made.get(kind).copied().unwrap_or(0);
            let by = if *ordinal > before { copies * before } else { 0 };
            Symbol::Of { kind: *kind, ordinal: ordinal + by, field: *field }
        }
        other => other.clone(),
    })
}

/// What the copy with this number has in place of a name or a token.
fn shift(symbol: &Symbol, made: &Made, number: u32) -> Symbol {
    match symbol {
        Symbol::Of { kind, ordinal, field } => {
            let by = number * made.get(kind).copied().unwrap_or(0);
            Symbol::Of { kind: *kind, ordinal: ordinal + by, field: *field }
        }
        // Tokens of one scenario are few.
        Symbol::Token(token) => Symbol::Token(token + 100 * number),
        other => other.clone(),
    }
}

/// A step with other names and tokens; `other` is asked for each.
fn renumbered(step: &Step, other: &impl Fn(&Symbol) -> Symbol) -> Step {
    fn of(symbol: &Symbol, other: &impl Fn(&Symbol) -> Symbol) -> Symbol {
        match symbol {
            Symbol::List(items) => Symbol::List(items.iter().map(|item| of(item, other)).collect()),
            Symbol::Struct(members) => {
                Symbol::Struct(members.iter().map(|(name, member)| (name.clone(), of(member, other))).collect())
            }
            single => other(single),
        }
    }
    let call = |call: &Call| Call {
        operation: call.operation,
        args: call.args.iter().map(|(name, symbol)| (name.clone(), of(symbol, other))).collect(),
    };
    match step {
        Step::Call(one) => Step::Call(call(one)),
        Step::Together(calls) => Step::Together(calls.iter().map(call).collect()),
        Step::Settle => Step::Settle,
    }
}

/// A request about what all copies have in a list; none if it has no list of names.
fn joined(step: &Step, made: &Made) -> Option<Step> {
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
