//! For each rule, a short scenario that exercises it, found by searching the model.
//!
//! The search plays the reference against the oracle, both in memory. It goes on first from states in which a single
//! fact is true that was not true in any state before (a resource of some kind has a field with some value, or refers
//! to one in some state; so many of a kind are live; a value has become known): a *width-1* search (N. Lipovetzky and H.
//! Geffner, "Width and serialization of classical planning problems", ECAI 2012). There are few such facts, so it goes
//! deep quickly. Only then it goes on from states that are merely new in which two resources exist side by side (width 2, by whole
//! resources), and last from those that are new in how the facts of one resource are combined.
//! Each scenario is stripped afterwards of the steps that it does not need.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use rustc_hash::{FxHashSet, FxHasher};

use super::{
    atlas::Atlas,
    draft,
    step::{Call, Step},
};
use crate::{
    model::{
        forward::{Dice, Forward},
        time::{Interval, Moment},
        value::{Handle, Value},
        world::{Resource, World},
    },
    oracle::{
        Oracle, RuleSet, Settings,
        judge::{Judgement, Verdict},
    },
    spec::{
        file::{Defect, FieldKind},
        law::{Change, KindIx, Law, Operation, OperationIx, Refusal, RuleIx},
    },
    wire::Request,
};

/// How long a request takes in the simulation, in microseconds.
const REQUEST: u64 = 1000;
/// Live resources of one kind that a state may have before nothing more is added to it.
const MOST_LIVE: usize = 3;
/// Resources of one kind that are told from more of them.
const MOST_ALIKE: usize = 2;
/// States that the search goes on from at most, with all operations.
const MOST_STATES: usize = 900;
/// The seed of the walks: the same law has the same suite.
const SEED: u64 = 6;
/// Walks that build things up at random for what the search has not reached.
const MOST_WALKS: usize = 1200;
/// Steps of such a walk.
const WALK_LENGTH: usize = 28;
/// Steps of one that goes on from somewhere.
const WALK_ON: usize = 10;
/// Requests of one operation that are tried from a state.
const MOST_REQUESTS: usize = 80;
/// Requests of one operation among which such a walk chooses.
const MOST_ON_THE_WAY: usize = 24;

/// The law played against itself: the reference answers, the oracle judges.
#[derive(Clone)]
pub struct Simulation {
    /// The reference.
    pub forward: Forward,
    /// The oracle.
    pub oracle: Oracle,
    now: Moment,
}

impl Simulation {
    /// Nothing exists yet.
    pub fn new(law: &Arc<Law>, settings: Settings) -> Simulation {
        Simulation { forward: Forward::new(law.clone(), 1), oracle: Oracle::new(law.clone(), settings), now: Moment(0) }
    }

    /// Sends a request and judges the answer. None if an argument has not been seen.
    pub fn call(&mut self, call: &Call) -> Option<(Request, Judgement)> {
        let request = call.resolve(self.oracle.worlds())?;
        let from = self.now;
        let answer = self.forward.answer(&request, Moment(from.0 + REQUEST / 2));
        self.now = Moment(from.0 + REQUEST);
        let judgement = self.oracle.judge(&request, Interval { from, to: self.now }, &answer);
        self.now = Moment(self.now.0 + 1);
        Some((request, judgement))
    }

    /// Lets everything happen that is under way, and looks at it. The rules that the looks confirmed; none if something
    /// went wrong.
    pub fn settle(&mut self, atlas: &Atlas) -> Option<RuleSet> {
        let law = self.oracle.law().clone();
        let looks = atlas.looks_at_changing(&law, self.oracle.worlds());
        let latest = self.oracle.worlds().iter().flat_map(|w| &w.timers).filter_map(|t| t.latest).max();
        for moment in [self.forward.settled_at(), latest].into_iter().flatten() {
            self.now = self.now.max(Moment(moment.0 + REQUEST));
        }
        self.forward.pass_time(self.now);
        self.oracle.pass_time(self.now);
        let mut passes = RuleSet::default();
        for look in looks {
            let (_, judgement) = self.call(&look)?;
            if !matches!(judgement.verdict, Verdict::Explained) {
                return None;
            }
            for rule in judgement.passes {
                passes.insert(rule);
            }
        }
        Some(passes)
    }

    /// Takes a step. The rules that it exercised; none if it cannot be taken.
    pub fn take(&mut self, atlas: &Atlas, step: &Step) -> Option<RuleSet> {
        self.try_step(atlas, step).map(|(passes, _)| passes)
    }

    /// Takes a step. The rules that it exercised, and whether the law is silent about it; none if it cannot be taken.
    fn try_step(&mut self, atlas: &Atlas, step: &Step) -> Option<(RuleSet, bool)> {
        match step {
            Step::Settle => self.settle(atlas).map(|passes| (passes, false)),
            Step::Call(call) => {
                let (_, judgement) = self.call(call)?;
                let explained = matches!(judgement.verdict, Verdict::Explained);
                explained.then(|| (judgement.passes.into_iter().collect(), judgement.open))
            }
        }
    }

    /// True if something is under way.
    pub fn is_changing(&self) -> bool {
        self.oracle.worlds().iter().any(|w| !w.timers.is_empty())
    }
}

/// What the search may use, and what it should find.
pub struct Search<'a> {
    /// The law.
    pub law: &'a Arc<Law>,
    /// What the operations are good for, among those that may be used.
    pub atlas: &'a Atlas,
    /// The operations that may be used.
    pub available: &'a dyn Fn(OperationIx) -> bool,
    /// The rules to find scenarios for.
    pub wanted: &'a RuleSet,
    /// Rules that no scenario may touch, except the one that is looked for: they are known to be broken.
    pub avoid: &'a RuleSet,
    /// Walks at random for what the search has not reached. What they find depends on what else is looked for.
    pub walks: bool,
    /// Told now and then how many rules are still without a scenario; what was found is all there is once it says no.
    pub go_on: &'a dyn Fn(usize) -> bool,
}

/// A state that the search has reached.
struct State {
    simulation: Simulation,
    steps: Vec<Step>,
    /// The law was silent about a step on the way: another server might not have got here.
    open: bool,
}

/// For each rule that can be reached, a scenario, in the order of the rules.
///
/// First a systematic search; then, for rules that need much to be there at once, walks that build things up at random
/// (from a fixed seed) and try at every step what is still looked for.
pub fn plan(search: &Search<'_>) -> Vec<(RuleIx, Vec<Step>)> {
    let mut found: Vec<Option<Vec<Step>>> = vec![None; search.law.rules.len()];
    explore(search, &mut found);
    if search.walks {
        build_up(search, &mut found);
    }
    let mut plans = Vec::new();
    for (ix, steps) in found.into_iter().enumerate() {
        if let Some(steps) = steps {
            let rule = RuleIx(ix as u32);
            plans.push((rule, strip(search, rule, steps)));
        }
    }
    plans
}

/// The rules that are wanted and not found, and the operations that could exercise them: all of them if a rule belongs
/// to none.
fn still_wanted(search: &Search<'_>, found: &[Option<Vec<Step>>]) -> Vec<RuleIx> {
    search.wanted.iter().filter(|r| found[r.0 as usize].is_none()).collect()
}

/// Walks that build things up, each from nothing.
fn build_up(search: &Search<'_>, found: &mut [Option<Vec<Step>>]) {
    let law = search.law;
    let mut dice = Dice::new(SEED);
    let builders: Vec<OperationIx> =
        law.operations().filter(|(ix, o)| (search.available)(*ix) && !o.reads).map(|(ix, _)| ix).collect();
    for walk in 0..MOST_WALKS {
        let left = still_wanted(search, found);
        if left.is_empty() || builders.is_empty() || !(search.go_on)(left.len()) {
            return;
        }
        let about = |ix: OperationIx| left.iter().any(|r| law[*r].operation.is_none_or(|o| o == ix));
        let asked: Vec<OperationIx> = builders.iter().copied().filter(|ix| about(*ix)).collect();
        // What the operations in question name is wanted more than anything else.
        let named: Vec<KindIx> = law
            .operations()
            .filter(|(ix, o)| about(*ix) && !o.reads)
            .flat_map(|(_, o)| o.params.iter().filter_map(|p| p.names.map(|r| r.kind)))
            .collect();
        let mut simulation = Simulation::new(law, Settings::default());
        let mut way: Vec<Step> = Vec::new();
        // Most walks go on from somewhere on the way to where a rule of the same operation was exercised.
        let near: Vec<&Vec<Step>> = found
            .iter()
            .enumerate()
            .filter(|(ix, _)| law[RuleIx(*ix as u32)].operation.is_some_and(about))
            .filter_map(|(_, steps)| steps.as_ref())
            .collect();
        if walk % 4 != 0
            && let Some(steps) = near.get(dice.below(near.len()))
        {
            let part = steps.len() / 2 + dice.below(steps.len() / 2 + 1);
            for step in &steps[..part] {
                let mut after = simulation.clone();
                if after.take(search.atlas, step).is_some() {
                    simulation = after;
                    way.push(step.clone());
                }
            }
        }
        let length = way.len() + if way.is_empty() { WALK_LENGTH } else { WALK_ON };
        while way.len() < length {
            let Some(step) = next_builder(search, &simulation, &builders, &asked, &named, &mut dice) else { break };
            let mut after = simulation.clone();
            let Some((passes, open)) = after.try_step(search.atlas, &step) else { continue };
            // What the law is silent about is used only where nothing else leads on.
            if (open && dice.below(2) > 0) || passes.iter().any(|r| search.avoid.contains(r)) {
                continue;
            }
            simulation = after;
            way.push(step);
            // Now and then what is under way stays under way while the next thing happens.
            if simulation.is_changing() && (is_due(&simulation) || dice.below(4) == 0) {
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
            for step in steps_from(search, Some(&about), &simulation, found) {
                let mut trial = simulation.clone();
                let Some(passes) = trial.take(search.atlas, &step) else { continue };
                note_found(search, found, &passes, &way, std::slice::from_ref(&step));
                // A change is confirmed only by looking.
                let mut steps = vec![step];
                for look in search.atlas.looks_at_unconfirmed(law, trial.oracle.worlds()) {
                    steps.push(Step::Call(look));
                    let Some(passes) = trial.take(search.atlas, &steps[steps.len() - 1]) else { break };
                    note_found(search, found, &passes, &way, &steps);
                }
            }
        }
        tracing::debug!(walk, left = left.len(), "walked");
    }
}

/// Notes the rules that the last of some steps exercised.
fn note_found(search: &Search<'_>, found: &mut [Option<Vec<Step>>], passes: &RuleSet, way: &[Step], steps: &[Step]) {
    let forbidden = passes.iter().find(|r| search.avoid.contains(*r));
    for rule in passes.iter().filter(|r| search.wanted.contains(*r)) {
        let place = &mut found[rule.0 as usize];
        if place.is_none() && forbidden.is_none_or(|f| f == rule) {
            *place = Some(way.iter().chain(steps).cloned().collect());
        }
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

/// True if something should have happened by now that has not been seen yet.
fn is_due(simulation: &Simulation) -> bool {
    simulation.oracle.worlds().iter().any(|w| w.timers.iter().any(|t| t.usually <= simulation.now))
}

/// Searches on from nothing until every rule that is wanted is found, or the effort is spent.
fn explore(search: &Search<'_>, found: &mut [Option<Vec<Step>>]) {
    let mut seen = Seen::default();
    let settings = Settings { tolerance: 0, muted: Arc::default() };
    // Ordered by what is new, then by length, then by when it was found.
    let mut queue = BTreeMap::new();
    let start = State { simulation: Simulation::new(search.law, settings), steps: Vec::new(), open: false };
    queue.insert((Novelty::Fact, 0, 0), start);
    let (mut states, mut number) = (0, 0);
    while let Some((_, state)) = queue.pop_first() {
        let left = still_wanted(search, found).len();
        if left == 0 || states >= MOST_STATES || !(search.go_on)(left) {
            break;
        }
        states += 1;
        if states % 50 == 0 {
            tracing::debug!(states, left, waiting = queue.len(), depth = state.steps.len(), "searching");
        }
        for step in steps_from(search, None, &state.simulation, found) {
            let mut simulation = state.simulation.clone();
            let before = simulation.forward.world().clone();
            let Some((passes, open)) = simulation.try_step(search.atlas, &step) else { continue };
            let forbidden = passes.iter().find(|r| search.avoid.contains(*r));
            let steps = || state.steps.iter().cloned().chain([step.clone()]).collect::<Vec<_>>();
            note_found(search, found, &passes, &state.steps, std::slice::from_ref(&step));
            let changed = !Arc::ptr_eq(&before, simulation.forward.world()) || matches!(step, Step::Settle);
            let learnt = law_is_reading(search.law, &step);
            if forbidden.is_some() || !(changed || learnt) {
                continue;
            }
            if let Some(novelty) = seen.note(search.law, &simulation, open || state.open) {
                let state = State { simulation, steps: steps(), open: open || state.open };
                number += 1;
                queue.insert((novelty, state.steps.len(), number), state);
            }
        }
    }
    tracing::debug!(states, waiting = queue.len(), "the search is over");
}

fn law_is_reading(law: &Law, step: &Step) -> bool {
    matches!(step, Step::Call(call) if law[call.operation].reads)
}

/// Every step worth trying from a state.
fn steps_from(
    search: &Search<'_>,
    about: Option<&dyn Fn(OperationIx) -> bool>,
    simulation: &Simulation,
    found: &[Option<Vec<Step>>],
) -> Vec<Step> {
    let law = search.law;
    let Some(world) = simulation.oracle.worlds().first() else { return Vec::new() };
    let mut dice = Dice::new(7);
    let mut steps = Vec::new();
    let wanted = |rule: RuleIx| search.wanted.contains(rule) && found[rule.0 as usize].is_none();
    if simulation.is_changing() {
        steps.push(Step::Settle);
        // What should have happened by now is looked at before anything else: every change that may or may not have
        // happened doubles the number of possible worlds.
        if is_due(simulation) {
            let looks = search.atlas.looks_at_changing(law, simulation.oracle.worlds());
            if !looks.is_empty() {
                steps.extend(looks.into_iter().map(Step::Call));
                return steps;
            }
        }
    }
    for (ix, operation) in law.operations().filter(|(ix, _)| (search.available)(*ix)) {
        if about.is_some_and(|about| !about(ix)) {
            continue;
        }
        let Ok(calls) = draft::good_calls(law, world, ix, MOST_REQUESTS) else { continue };
        let crowded = operation.effects.iter().any(|e| match &e.change {
            Change::Create { kind, .. } => world.live(*kind).count() >= MOST_LIVE,
            _ => false,
        });
        if let Some(plain) = calls.first() {
            for fault in draft::faults(operation) {
                let refusal = match fault.param {
                    Some(param) => operation.params[param as usize].refusal(fault.defect),
                    None => operation.undeclared.as_ref(),
                };
                if refusal.is_some_and(|r| wanted(r.rule) || r.code_rule.is_some_and(wanted)) {
                    // Which of the good requests leaves nothing else to refuse, only trying tells.
                    for good in calls.iter().take(6) {
                        steps.extend(draft::with_fault(law, world, good, fault, &mut dice).map(Step::Call));
                    }
                }
            }
            if operation.dry_run.is_some_and(|(_, rule)| wanted(rule)) {
                steps.extend(calls.iter().take(6).filter_map(|c| draft::rehearsal(law, c)).map(Step::Call));
            }
            // Names of what is gone, where the operation wants to hear of it.
            for param in &operation.params {
                if let Some(reference) = param.names.filter(|r| r.accepts_gone) {
                    for handle in draft::nameable(world, reference.kind, reference.by, false).into_iter().take(2) {
                        let mut call = plain.clone();
                        if let Some(symbol) = super::step::Symbol::of(world, handle, reference.by) {
                            draft::set_arg(&mut call, &param.name, symbol);
                            steps.push(Step::Call(call));
                        }
                    }
                }
            }
        }
        if !crowded {
            steps.extend(calls.into_iter().map(Step::Call));
        }
    }
    // An operation that takes only what is gone has no plain request; try it with that alone.
    for (ix, operation) in law.operations().filter(|(ix, _)| (search.available)(*ix)) {
        let accepting: Vec<_> = operation.params.iter().filter(|p| p.names.is_some_and(|r| r.accepts_gone)).collect();
        if let ([param], Err(_)) = (accepting.as_slice(), draft::good_calls(law, world, ix, 1))
            && let Some(reference) = param.names
        {
            for handle in draft::nameable(world, reference.kind, reference.by, false).into_iter().take(2) {
                if let Some(symbol) = super::step::Symbol::of(world, handle, reference.by) {
                    steps.push(Step::Call(Call { operation: ix, args: vec![(param.name.clone(), symbol)] }));
                }
            }
        }
        // Names of what no longer exists, or never did, where nothing that exists could be named instead.
        for (place, param) in operation.params.iter().enumerate() {
            let Some(reference) = param.names else { continue };
            for defect in [Defect::Stale, Defect::Unknown, Defect::Malformed] {
                let asked = |r: &Refusal| wanted(r.rule) || r.code_rule.is_some_and(wanted);
                if world.live(reference.kind).next().is_some() || !param.refusal(defect).is_some_and(asked) {
                    continue;
                }
                let Some(partial) = draft::good_call_without(law, world, ix, place as u32) else { continue };
                let fault = draft::Fault { param: Some(place as u32), defect, variant: 0 };
                steps.extend(draft::with_fault(law, world, &partial, fault, &mut dice).map(Step::Call));
            }
        }
    }
    steps
}

/// True if an operation only adds: it creates, or changes, but removes nothing at once.
fn builds_up(operation: &Operation) -> bool {
    let now = || operation.effects.iter().filter(|e| e.after.is_none()).map(|e| &e.change);
    now().any(|c| matches!(c, Change::Create { .. })) || !now().any(|c| matches!(c, Change::Delete(_)))
}

/// How much a state is worth going on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Novelty {
    /// It has a fact that no earlier state had.
    Fact,
    /// It has two resources, each in some state, that no earlier state had together.
    Pair,
    /// It has a resource in a combination of facts that no earlier state had.
    Combination,
    /// It is new in some way, but the law does not promise that it can be reached.
    Unsaid,
}

/// What has been seen in any state so far.
#[derive(Default)]
struct Seen {
    promised: Facts,
    unsaid: Facts,
}

/// What has been seen in some states.
#[derive(Default)]
struct Facts {
    facts: FxHashSet<u64>,
    pairs: FxHashSet<u64>,
    combinations: FxHashSet<u64>,
}

impl Seen {
    /// What is new in a state; remembers it.
    fn note(&mut self, law: &Law, simulation: &Simulation, unsaid: bool) -> Option<Novelty> {
        // What only the law's silence leads to must not take the place of what it promises.
        let this = if unsaid { &mut self.unsaid } else { &mut self.promised };
        let novelty = this.note(law, simulation)?;
        Some(if unsaid { Novelty::Unsaid } else { novelty })
    }
}

impl Facts {
    /// What is new in a state; remembers it.
    fn note(&mut self, law: &Law, simulation: &Simulation) -> Option<Novelty> {
        let world = simulation.forward.world();
        let known = simulation.oracle.worlds().first();
        let mut new_fact = false;
        let mut new_combination = false;
        for (kind, _) in law.kinds() {
            let live = world.live(kind).count().min(MOST_LIVE);
            new_fact |= self.facts.insert(hash(&(kind, live)));
        }
        for (handle, resource) in world.iter() {
            let mut facts: Vec<u64> = vec![hash(&(resource.kind, resource.live))];
            for (ix, field) in law[resource.kind].fields.iter().enumerate() {
                let here = (resource.kind, resource.live, ix);
                match (field.kind, world.read(law, handle, ix as u32)) {
                    (FieldKind::Id | FieldKind::Chosen, _) => {
                        let seen =
                            known.is_some_and(|w| crate::oracle::handles::seen_text(w, handle, ix as u32).is_some());
                        facts.push(hash(&(here, seen)));
                    }
                    (_, Value::Ref(to)) => facts.push(hash(&(here, own_state(law, world, to)))),
                    (_, Value::List(list)) => {
                        facts.push(hash(&(here, list.len().min(MOST_ALIKE))));
                        let parts = list.iter().filter_map(|v| match v {
                            Value::Ref(h) => Some(*h),
                            _ => None,
                        });
                        facts.extend(parts.map(|part| hash(&(here, "part", own_state(law, world, part)))));
                    }
                    (_, value) => facts.push(hash(&(here, value))),
                }
            }
            for fact in &facts {
                new_fact |= self.facts.insert(*fact);
            }
            new_combination |= self.combinations.insert(hash(&facts));
        }
        let mut states: Vec<u64> = world.iter().map(|(h, _)| own_state(law, world, h)).collect();
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
fn own_state(law: &Law, world: &World, handle: Handle) -> u64 {
    let Some(resource) = world.get(handle) else { return 0 };
    let fields = law[resource.kind].fields.iter().enumerate();
    let own = fields.filter_map(|(ix, field)| match (field.kind, world.read(law, handle, ix as u32)) {
        (FieldKind::State | FieldKind::Flag, value) => Some(hash(&value)),
        (FieldKind::Ref | FieldKind::InverseOne, value) => Some(hash(&(value == Value::Null))),
        (FieldKind::Inverse, Value::List(list)) => Some(hash(&list.len().min(MOST_ALIKE))),
        _ => None,
    });
    hash(&(resource.kind, resource.live, own.collect::<Vec<_>>()))
}

/// Drops every step without which the rule is still exercised by the last one.
fn strip(search: &Search<'_>, rule: RuleIx, mut steps: Vec<Step>) -> Vec<Step> {
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
    use super::step::Symbol;
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
