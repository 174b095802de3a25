//! Scenarios without the steps that they do not need.

use std::ops::Range;

use super::{
    draft,
    plan::Search,
    simulation::Simulation,
    step::{Call, Step, Symbol},
};
use crate::{oracle::Settings, spec::law::RuleIx};

/// Drops every step without which the rule is still exercised by the last one, and every argument on the way that a
/// request need not carry. What is left never relies on more requests about which the law is silent than before, and is no
/// less sure to exercise the rule.
pub fn strip(search: &Search<'_>, rule: RuleIx, steps: Vec<Step>) -> Vec<Step> {
    let nothing = Way::nothing(search, rule);
    let Some(mut way) = nothing.with(0, steps.clone()) else { return steps };
    // Another server may refuse what the law is silent about; most often it has only to be waited a little.
    while way.unsaid() > 0 {
        let waits =
            (1..way.steps.len()).filter(|at| way.steps[*at] != Step::Settle && way.steps[at - 1] != Step::Settle);
        let with_wait = |at: usize| {
            let mut more = way.steps.clone();
            more.insert(at, Step::Settle);
            way.with(at, more).filter(|waiting| waiting.unsaid() < way.unsaid())
        };
        let Some(waiting) = waits.into_iter().find_map(with_wait) else { break };
        way = waiting;
    }
    // What is still on its way may be in the way: what is made last can often be made earlier, and waited for.
    if way.unsure || way.in_a_hurry() > 1 {
        let places = (1..way.steps.len() - 1).flat_map(|from| (0..from).rev().map(move |to| (from, to)));
        let earlier = places.into_iter().find_map(|(from, to)| {
            let mut steps = way.steps.clone();
            let step = steps.remove(from);
            let settles = (steps[to] != Step::Settle).then_some(Step::Settle);
            steps.splice(to..to, [step].into_iter().chain(settles));
            let calmer = |earlier: &Way<'_>| match way.unsure {
                true => !earlier.unsure,
                false => earlier.in_a_hurry() < way.in_a_hurry(),
            };
            way.with(to, steps).filter(|earlier| earlier.is_as_good_as(&way) && calmer(earlier))
        });
        way = earlier.unwrap_or(way);
    }
    loop {
        let before = way.steps.len();
        let mut place = before.saturating_sub(1);
        while place > 0 {
            place -= 1;
            if place + 1 < way.steps.len()
                && let Some(fewer) =
                    without(place, &way.steps, &way.created()).and_then(|fewer| way.with(place, fewer.0))
                && fewer.is_as_good_as(&way)
            {
                way = fewer;
            }
        }
        // Without what has gone now, an earlier step may no longer be needed either.
        if way.steps.len() == before {
            break;
        }
    }
    for place in 0..way.steps.len() {
        if let Some(plainer) = plainer(search, &way.steps, place).and_then(|steps| way.with(place, steps))
            && plainer.is_as_good_as(&way)
        {
            way = plainer;
        }
    }
    way.steps
}

/// Steps of which the last one exercises a rule, and the states that they come through.
struct Way<'s> {
    search: &'s Search<'s>,
    rule: RuleIx,
    steps: Vec<Step>,
    /// What was there before each step, and on how many requests about which the law is silent that relies.
    states: Vec<(Simulation, usize)>,
    /// The last one exercises the rule in some of the possible states only.
    unsure: bool,
}

impl<'s> Way<'s> {
    /// No step, where nothing exists.
    fn nothing(search: &'s Search<'s>, rule: RuleIx) -> Way<'s> {
        let states = vec![(Simulation::new(search.law, Settings::default()), 0)];
        Way { search, rule, steps: Vec::new(), states, unsure: false }
    }

    /// Other steps, of which the first `same` are those of this way. None if the last one does not exercise the rule, or
    /// if they touch what is to be avoided.
    fn with(&self, same: usize, steps: Vec<Step>) -> Option<Way<'s>> {
        let search = self.search;
        let (mut simulation, mut unsaid) = self.states.get(same)?.clone();
        let (last, way) = steps.get(same..)?.split_last()?;
        let mut more = Vec::with_capacity(way.len());
        for step in way {
            let taken = simulation.try_step(search.atlas, step)?;
            if taken.passes.iter().any(|r| search.avoid.contains(r)) {
                return None;
            }
            unsaid += usize::from(taken.open);
            more.push((simulation.clone(), unsaid));
        }
        let taken = simulation.try_step(search.atlas, last)?;
        taken.passes.contains(self.rule).then(|| {
            let states = self.states[..=same].iter().cloned().chain(more).collect();
            Way { search, rule: self.rule, steps, states, unsure: taken.unsure.contains(self.rule) }
        })
    }

    /// On how many requests about which the law is silent the steps rely until the last one.
    fn unsaid(&self) -> usize {
        self.states.last().map_or(0, |(_, unsaid)| *unsaid)
    }

    /// True if it relies on no more than another way.
    fn is_as_good_as(&self, other: &Way<'_>) -> bool {
        let hurry = |way: &Way<'_>| way.in_a_hurry().max(1);
        self.unsaid() <= other.unsaid() && self.unsure <= other.unsure && hurry(self) <= hurry(other)
    }

    /// How many requests before the last one begin what may take its time, and are not waited for.
    fn in_a_hurry(&self) -> usize {
        let begins = |call: &Call| self.search.law[call.operation].effects.iter().any(|effect| effect.after.is_some());
        let since = self.steps.iter().rev().skip(1).take_while(|step| **step != Step::Settle);
        since.filter(|step| step.calls().iter().any(begins)).count()
    }

    /// What each step but the last one creates.
    fn created(&self) -> Vec<Created> {
        let count = |(state, _): &(Simulation, usize), kind| state.forward.world().created(kind);
        let between = |pair: &[(Simulation, usize)]| {
            let kinds = self.search.law.kinds().map(|(kind, _)| kind);
            kinds.map(|kind| count(&pair[0], kind) + 1..count(&pair[1], kind) + 1).collect()
        };
        self.states.windows(2).map(between).collect()
    }
}

/// For each kind, the ordinals of what a step creates.
pub(super) type Created = Vec<Range<u32>>;

/// The steps with one of them as plain as it can be: without the arguments that a good request need not carry. None if
/// it carries none.
fn plainer(search: &Search<'_>, steps: &[Step], place: usize) -> Option<Vec<Step>> {
    let Step::Call(call) = &steps[place] else { return None };
    let operation = &search.law[call.operation];
    let is_last = place + 1 == steps.len();
    let mut plain = call.clone();
    // What the last one carries may be what makes its answer telling.
    plain.args.retain(|(name, _)| operation.param(name).is_some_and(|ix| is_last || draft::belongs(operation, ix)));
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

/// The steps without one of them, and without those after it that name what it created; and what each of them creates
/// then. None if the last one names it.
pub(super) fn without(place: usize, steps: &[Step], created: &[Created]) -> Option<(Vec<Step>, Vec<Created>)> {
    let (mut fewer, mut creates) = (steps.to_vec(), created.to_vec());
    let gone = created.get(place)?;
    for later in (place + 1..steps.len()).rev() {
        let Step::Call(call) = &steps[later] else { continue };
        if !call.args.iter().any(|(_, symbol)| names_any(symbol, gone)) {
            continue;
        }
        if later + 1 >= fewer.len() {
            return None;
        }
        (fewer, creates) = without(later, &fewer, &creates)?;
    }
    fewer.remove(place);
    creates.remove(place);
    for step in &mut fewer[place..] {
        if let Step::Call(call) = step {
            call.args.iter_mut().for_each(|(_, symbol)| count_down(symbol, gone));
        }
    }
    for (range, gone) in creates[place..].iter_mut().flat_map(|creates| creates.iter_mut().zip(gone)) {
        let less = gone.end - gone.start;
        *range = range.start - less..range.end - less;
    }
    Some((fewer, creates))
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
