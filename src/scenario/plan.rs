//! For each rule, a short scenario that exercises it, found by searching the model.
//!
//! The search plays the reference against the oracle, both in memory. It goes on first from states in which a single
//! fact is true that was not true in any state before (a resource of some kind has a field with some value, or refers
//! to one in some state; so many of a kind are live; a value has become known): a *width-1* search (N. Lipovetzky and H.
//! Geffner, "Width and serialization of classical planning problems", ECAI 2012). There are few such facts, so it goes
//! deep quickly. Only then it goes on from states that are merely new in which two resources exist side by side (width
//! 2, by whole resources), and last from those that are new in how the facts of one resource are combined.
//!
//! Rules that need much to be there at once are not reached like that. Walks that build things up find most of them
//! (`build_up`). For the operations of those that are left it searches once more, from all states that it has
//! come to: with only the operations that matter, and nearer to the rules' conditions first ([`Aim`]). The same law has
//! the same suite.
//!
//! Each scenario is stripped afterwards of the steps that it does not need.
//!
//! What can be tried side by side is: the steps from one state, the nearness of the states that they lead to, the
//! stripping. What was found is taken in in one order, so that the number of cores changes nothing.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use rayon::prelude::*;

use super::{
    aim::Aim,
    atlas::Atlas,
    build_up::build_up,
    draft,
    novelty::{Look, Seen},
    simulation::{Simulation, Taken},
    step::{Call, Step},
    strip::strip,
};
use crate::{
    model::{forward::Dice, world::Timer},
    oracle::{RuleSet, Settings},
    spec::{
        file::Defect,
        law::{Change, Demand, Law, OperationIx, Refusal, RuleIx, Undeclared},
    },
};

/// Live resources of one kind that a state may have before nothing more is added to it.
pub(super) const MOST_LIVE: usize = 3;
/// States that the search goes on from at most, with all operations.
const MOST_STATES: usize = 1200;
/// Resources of one kind that are told from more of them, where something refers to them: in the search for everything,
/// and where it aims at the rules of one operation.
const MOST_ALIKE: usize = 2;
const MOST_ALIKE_AIMED: usize = 3;
/// States that it goes on from at most when it aims at the rules of one operation.
const MOST_STATES_AIMED: usize = 900;
/// The same where a way is known already, and one is sought about which the law is not silent.
const MOST_STATES_SAID: usize = 80;
/// Requests of one operation that are tried from a state.
const MOST_REQUESTS: usize = 80;
/// Requests of one operation that are tried with a token.
const MOST_WITH_TOKENS: usize = 12;

/// What the search may use, and what it should find.
pub struct Search<'a> {
    /// The law.
    pub law: &'a Arc<Law>,
    /// What the operations are good for, among those that may be used.
    pub atlas: &'a Atlas,
    /// The operations that may be used.
    pub available: &'a (dyn Fn(OperationIx) -> bool + Sync),
    /// The rules to find scenarios for.
    pub wanted: &'a RuleSet,
    /// Rules that no scenario may touch, except the one that is looked for: they are known to be broken.
    pub avoid: &'a RuleSet,
    /// Goes on, by walks at random and by aiming, for what the systematic search has not reached. What that finds depends
    /// on what else is looked for.
    pub thorough: bool,
    /// Told now and then how many rules are still without a scenario; what was found is all there is once it says no.
    pub go_on: &'a (dyn Fn(usize) -> bool + Sync),
}

/// Steps that exercise a rule.
#[derive(Clone)]
pub(super) struct Way {
    pub steps: Vec<Step>,
    /// The law is silent about one of them: on another server they may not exercise the rule.
    pub unsaid: bool,
    /// It ends in a refusal of a request about which the law is silent. Nobody can blame a target for refusing that in a way
    /// that is no client error, so that a breach might not be seen. Or something else may be in the way of the request, as far
    /// as anybody knows: on a server that takes its time it is, and the refusal shows nothing.
    pub lenient: bool,
}

impl Way {
    /// True if another way would be better.
    fn is_doubtful(&self) -> bool {
        self.unsaid || self.lenient
    }
}

/// For each rule the steps that exercise it, as far as they are found.
pub(super) type Found = Vec<Option<Way>>;

/// A state that the search has reached.
#[derive(Clone)]
struct State {
    simulation: Simulation,
    steps: Vec<Step>,
    /// The law was silent about a step on the way: another server might not have got here.
    open: bool,
}

impl State {
    /// The state in which nothing exists.
    fn nothing(law: &Arc<Law>) -> State {
        State { simulation: Simulation::new(law, Settings::default()), steps: Vec::new(), open: false }
    }
}

/// For each rule that can be reached, a scenario, in the order of the rules.
pub fn plan(search: &Search<'_>) -> Vec<(RuleIx, Vec<Step>)> {
    let mut found: Found = vec![None; search.law.rules.len()];
    let nothing = State::nothing(search.law);
    let states = explore(search, vec![nothing], None, MOST_STATES, &mut found);
    if search.thorough {
        build_up(search, &mut found);
        let mut aim_at = |states: &[State], most_states, unsaid| {
            for (operation, _) in search.law.operations() {
                let mut rules = still_wanted(search, &found, unsaid);
                rules.retain(|rule| search.law[*rule].operation == Some(operation));
                if !rules.is_empty() {
                    let aim = Aim::new(search.law, operation, &rules);
                    explore(search, states.to_vec(), Some((&aim, unsaid)), most_states, &mut found);
                }
            }
        };
        aim_at(&states, MOST_STATES_AIMED, Unsaid::WillDo);
        // Another server may not go the way that only the law's silence opens: a while is worth spending on another one.
        let said: Vec<State> = states.into_iter().filter(|state| !state.open).collect();
        aim_at(&said, MOST_STATES_SAID, Unsaid::WillNotDo);
    }
    let found = found.into_par_iter().enumerate();
    let ways = found.filter_map(|(ix, way)| Some((RuleIx(ix as u32), way?.steps)));
    ways.map(|(rule, steps)| (rule, strip(search, rule, steps))).collect()
}

/// Whether a way will do that goes through a request about which the law is silent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsaid {
    WillDo,
    WillNotDo,
}

/// The rules that are wanted and to which no way is found that will do.
pub(super) fn still_wanted(search: &Search<'_>, found: &Found, unsaid: Unsaid) -> Vec<RuleIx> {
    let will_do = |way: &Way| unsaid == Unsaid::WillDo || !way.unsaid;
    search.wanted.iter().filter(|r| !found[r.0 as usize].as_ref().is_some_and(will_do)).collect()
}

/// Notes the rules that the last of some steps exercised.
fn note_found(search: &Search<'_>, found: &mut Found, taken: &Taken, (way, unsaid): (&[Step], bool), steps: &[Step]) {
    let forbidden = taken.passes.iter().find(|r| search.avoid.contains(*r));
    for rule in taken.passes.iter().filter(|r| search.wanted.contains(*r)) {
        // That the law is silent about the last request takes nothing else from what its answer shows.
        let lenient = taken.open && matches!(search.law[rule].demand, Demand::Refuse | Demand::Code)
            || taken.unsure.contains(rule);
        let place = &mut found[rule.0 as usize];
        let better = place.as_ref().is_none_or(|found| (unsaid, lenient) < (found.unsaid, found.lenient));
        if better && forbidden.is_none_or(|f| f == rule) {
            *place = Some(Way { steps: way.iter().chain(steps).cloned().collect(), unsaid, lenient });
        }
    }
}

/// A step that was tried from some state, and what came of it.
pub(super) struct Tried {
    /// The step.
    pub step: Step,
    /// The state after it.
    pub simulation: Simulation,
    /// What came of it.
    pub taken: Taken,
    /// Looks around afterwards, with the rules that they exercised.
    looks: Vec<(Step, RuleSet)>,
}

impl Tried {
    /// Tries some steps from a state, each by itself, and leaves out those that cannot be taken. `looking` tells after
    /// which of them to look around: a change is confirmed only by looking. All cores take part; the order is that of
    /// the steps.
    pub fn all(
        search: &Search<'_>,
        from: &Simulation,
        steps: Vec<Step>,
        looking: impl Fn(&Step) -> bool + Sync,
    ) -> Vec<Tried> {
        let one = |step: Step| {
            let mut simulation = from.clone();
            let taken = simulation.try_step(search.atlas, &step)?;
            let looks = if looking(&step) { look_around(search, simulation.clone()) } else { Vec::new() };
            Some(Tried { step, simulation, taken, looks })
        };
        steps.into_par_iter().filter_map(one).collect()
    }

    /// Notes the rules that it exercised after some other steps, and whether the law is silent about one of those.
    pub fn note(&self, search: &Search<'_>, found: &mut Found, (way, unsaid): (&[Step], bool)) {
        note_found(search, found, &self.taken, (way, unsaid), std::slice::from_ref(&self.step));
        let mut steps = vec![self.step.clone()];
        for (look, passes) in &self.looks {
            steps.push(look.clone());
            let taken = Taken { passes: passes.clone(), ..Taken::default() };
            note_found(search, found, &taken, (way, unsaid || self.taken.open), &steps);
        }
    }
}

/// Looks at everything that nobody has confirmed, at once and after what is under way has happened, until a look goes
/// wrong.
fn look_around(search: &Search<'_>, mut simulation: Simulation) -> Vec<(Step, RuleSet)> {
    let looks = search.atlas.looks_at_unconfirmed(search.law, simulation.oracle.worlds()).into_iter().map(Step::Call);
    let settle = simulation.is_changing().then_some(Step::Settle);
    let looks = looks.chain(settle);
    looks.map_while(|look| simulation.take(search.atlas, &look).map(|passes| (look, passes))).collect()
}

/// True if something should have happened by now that has not been seen yet. What broken rules alone say should have
/// happened is not waited for.
pub(super) fn is_due(search: &Search<'_>, simulation: &Simulation) -> bool {
    let counts = |timer: &Timer| timer.steps.iter().any(|step| !search.avoid.contains(step.rule));
    let due = |timer: &Timer| timer.usually <= simulation.now && counts(timer);
    simulation.oracle.worlds().iter().any(|w| w.timers.iter().any(due))
}

/// Searches on from some states until every rule that is wanted (or aimed at) is found, or the effort is spent. Returns
/// those states and all that it has come to.
fn explore(
    search: &Search<'_>,
    from: Vec<State>,
    aim: Option<(&Aim<'_>, Unsaid)>,
    most_states: usize,
    found: &mut Found,
) -> Vec<State> {
    let (aim, unsaid) = aim.map_or((None, Unsaid::WillDo), |(aim, unsaid)| (Some(aim), unsaid));
    let mut seen = Seen::new(match aim {
        Some(aim) => Look { kinds: aim.kinds().to_vec(), most_alike: MOST_ALIKE_AIMED },
        None => Look { kinds: search.law.kinds().map(|(ix, _)| ix).collect(), most_alike: MOST_ALIKE },
    });
    let operations: Vec<OperationIx> = match aim {
        Some(aim) => aim.operations(),
        None => search.law.operations().map(|(ix, _)| ix).collect(),
    };
    let operations: Vec<OperationIx> = operations.into_iter().filter(|ix| (search.available)(*ix)).collect();
    // Ordered by what is new, then by how near it is to the aim, then by length, then by when it was found. What only the
    // law's silence leads to comes last; but where there is an aim, some rule may be reached in no other way.
    let mut queue = BTreeMap::new();
    let mut done = Vec::new();
    let mut number = 0;
    let mut add = |queue: &mut BTreeMap<_, State>, states: Vec<State>| {
        let nearness = |state: State| (aim.map_or(0, |aim| aim.nearness(&state.simulation)), state);
        for (nearness, state) in states.into_par_iter().map(nearness).collect::<Vec<_>>() {
            if let Some(novelty) = seen.note(search.law, &state.simulation, state.open, nearness) {
                number += 1;
                let last = state.open && aim.is_none();
                queue.insert((last, novelty, state.open, Reverse(nearness), state.steps.len(), number), state);
            }
        }
    };
    add(&mut queue, from);
    while let Some((place, state)) = queue.pop_first() {
        let left = still_wanted(search, found, unsaid);
        let sought = |rule: &RuleIx| aim.is_none_or(|aim| search.law[*rule].operation == Some(aim.operation()));
        // The search for everything comes by better ways on its way to the others: so it does where only few are wanted.
        let better =
            || aim.is_none() && search.wanted.iter().any(|r| found[r.0 as usize].as_ref().is_none_or(|w| w.lenient));
        if done.len() >= most_states || !left.iter().any(sought) && !better() || !(search.go_on)(left.len()) {
            queue.insert(place, state);
            break;
        }
        if done.len() % 50 == 0 {
            tracing::debug!(states = done.len(), left = left.len(), waiting = queue.len(), "searching");
        }
        tracing::trace!(?place, way = in_one_line(search.law, &state.steps), "going on");
        let before = state.simulation.forward.world();
        let steps = steps_from(search, &operations, &state.simulation, found);
        let looking = |step: &Step| aim.is_some_and(|aim| is_of(step, aim.operation()));
        let mut reached = Vec::new();
        for tried in Tried::all(search, &state.simulation, steps, looking) {
            tried.note(search, found, (&state.steps, state.open));
            let Tried { step, simulation, taken: Taken { passes, open, .. }, .. } = tried;
            let open = open || state.open;
            let changed = !Arc::ptr_eq(before, simulation.forward.world()) || matches!(step, Step::Settle);
            let dead_end = passes.iter().any(|r| search.avoid.contains(r)) || draft::is_undeclared(search.law, &step);
            let dead_end = dead_end || open && unsaid == Unsaid::WillNotDo;
            if !dead_end && (changed || is_reading(search.law, &step)) {
                let steps = state.steps.iter().cloned().chain([step]).collect();
                reached.push(State { simulation, steps, open });
            }
        }
        add(&mut queue, reached);
        done.push(state);
    }
    tracing::debug!(states = done.len(), waiting = queue.len(), "the search is over");
    done.extend(queue.into_values());
    done
}

/// Steps in one line.
fn in_one_line(law: &Law, steps: &[Step]) -> String {
    steps.iter().map(|step| step.display(law)).collect::<Vec<_>>().join(" / ")
}

fn is_of(step: &Step, operation: OperationIx) -> bool {
    matches!(step, Step::Call(call) if call.operation == operation)
}

fn is_reading(law: &Law, step: &Step) -> bool {
    matches!(step, Step::Call(call) if law[call.operation].reads)
}

/// Every step worth trying from a state, with these operations.
pub(super) fn steps_from(
    search: &Search<'_>,
    operations: &[OperationIx],
    simulation: &Simulation,
    found: &Found,
) -> Vec<Step> {
    let law = search.law;
    let Some(world) = simulation.oracle.worlds().first() else { return Vec::new() };
    let mut dice = Dice::new(7);
    let mut steps = Vec::new();
    let wanted =
        |rule: RuleIx| search.wanted.contains(rule) && found[rule.0 as usize].as_ref().is_none_or(Way::is_doubtful);
    if simulation.is_changing() {
        steps.push(Step::Settle);
        // What should have happened by now is looked at before anything else: every change that may or may not have
        // happened doubles the number of possible worlds.
        if is_due(search, simulation) {
            let looks = search.atlas.looks_at_changing(law, simulation.oracle.worlds());
            if !looks.is_empty() {
                steps.extend(looks.into_iter().map(Step::Call));
                return steps;
            }
        }
    }
    for ix in operations.iter().copied() {
        let operation = &law[ix];
        let Ok(calls) = draft::good_calls(law, world, ix, MOST_REQUESTS) else { continue };
        let crowded = operation.effects.iter().any(|e| match &e.change {
            Change::Create { kind, .. } => world.live(*kind).count() >= MOST_LIVE,
            _ => false,
        });
        if let Some(plain) = calls.first() {
            for fault in draft::faults(operation) {
                let asked = |r: &Refusal| wanted(r.rule) || r.code_rule.is_some_and(wanted);
                let asked = match (fault.param, &operation.undeclared) {
                    (Some(param), _) => operation.params[param as usize].refusal(fault.defect).is_some_and(asked),
                    (None, Some(Undeclared::Refused(refusal))) => asked(refusal),
                    (None, Some(Undeclared::Ignored(rule))) => wanted(*rule),
                    (None, None) => false,
                };
                if asked {
                    // Which of the good requests leaves nothing else to refuse, only trying tells.
                    for good in calls.iter().take(6) {
                        steps.extend(draft::with_fault(law, world, good, fault, &mut dice).map(Step::Call));
                    }
                }
            }
            if operation.dry_run.is_some_and(|(_, rule)| wanted(rule)) {
                steps.extend(calls.iter().take(6).filter_map(|c| draft::rehearsal(law, c)).map(Step::Call));
            }
            let token_wanted = operation.token.as_ref().is_some_and(|token| {
                let refusal = token.mismatch.as_ref();
                let mismatch = refusal.is_some_and(|r| wanted(r.rule) || r.code_rule.is_some_and(wanted));
                mismatch || token.repeat.is_some_and(wanted)
            });
            if token_wanted && (!crowded || draft::latest_use(world, ix).is_some()) {
                let few = &calls[..calls.len().min(MOST_WITH_TOKENS)];
                steps.extend(draft::with_tokens(law, world, ix, few).into_iter().map(Step::Call));
            }
            // Names of what is gone, where the operation wants to hear of it.
            for param in &operation.params {
                for reference in param.names.iter().filter(|r| r.accepts_gone) {
                    for handle in draft::nameable(world, reference.kind, reference.by, false).into_iter().take(2) {
                        let mut call = plain.clone();
                        if let Some(symbol) = super::step::Symbol::of(world, handle, reference.by) {
                            draft::set_arg(&mut call, &param.name, symbol);
                            draft::tell_kinds(operation, &mut call);
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
    for ix in operations.iter().copied() {
        let operation = &law[ix];
        let accepting: Vec<_> = operation.params.iter().filter(|p| p.names.iter().any(|r| r.accepts_gone)).collect();
        if let ([param], Err(_)) = (accepting.as_slice(), draft::good_calls(law, world, ix, 1))
            && let Some(reference) = param.names.first()
        {
            for handle in draft::nameable(world, reference.kind, reference.by, false).into_iter().take(2) {
                if let Some(symbol) = super::step::Symbol::of(world, handle, reference.by) {
                    steps.push(Step::Call(Call { operation: ix, args: vec![(param.name.clone(), symbol)] }));
                }
            }
        }
        // Names of what no longer exists, or never did, where nothing that exists could be named instead.
        for (place, param) in operation.params.iter().enumerate() {
            if param.names.is_empty() {
                continue;
            }
            for defect in [Defect::Stale, Defect::Unknown, Defect::Malformed] {
                let asked = |r: &Refusal| wanted(r.rule) || r.code_rule.is_some_and(wanted);
                let nameable = param.names.iter().any(|r| world.live(r.kind).next().is_some());
                if nameable || !param.refusal(defect).is_some_and(asked) {
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
