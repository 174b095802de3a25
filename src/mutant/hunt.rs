//! Plays scenarios against a mutant until something is found.
//!
//! First come the scenarios that exercise the broken rule, then those of the same operation, then the rest of the suite,
//! and last random sequences. What comes of a scenario is the judge's business, who knows nothing of the mutant.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{Mutant, When, broken::Broken, change::names_of_changes};
use crate::{
    model::value::Value,
    oracle::{RuleSet, Settings},
    reference::server::Reference,
    report::mutants::{Blame, MutantResult, Outcome},
    run::{
        RunError, RunOptions, Stop, TOLERANCE,
        session::{Played, Scenario},
        solo::Solo,
    },
    scenario::{
        aim::Aim,
        alternative::alternatives,
        atlas::Atlas,
        choices::{Choice, choices},
        near_miss::near_misses,
        overlap::{Overlap, overlaps},
        planned::Plans,
        silence::silences,
        simulation::Simulation,
        step::Step,
        strategy::Strategies,
        variation::{after_others, another_instead, crossed, follow_ups, variations, wrong_instead},
    },
    spec::law::{
        Change, Demand, FieldIx, Guard, Kind, KindIx, Law, Operation, OperationIx, ParamIx, Rule, RuleIx, Shown,
        ShownFrom,
    },
    target::{
        clock::{Clock, Pace},
        permits::Permits,
    },
    wire::sign::{Manner, SignError},
};

/// Requests that a random sequence makes by itself.
const LENGTH: usize = 16;
/// Random sequences of what matters to the operation, before the rest of the suite.
const AIMED: u64 = 24;
/// Scenarios of other rules that pass by a rule, before others.
const MOST_PASSING: usize = 16;
/// Ways in which the operation of a rule is accepted, before others.
const MOST_ACCEPTED: usize = 4;
/// Scenarios of rules that decide by what a rule changes, before anything else that takes turns.
const MOST_READ_FIRST: usize = 10;
/// Requests that are sent at once.
const MOST_AT_ONCE: usize = 4;
/// How often requests that overlap are sent.
const TURNS: usize = 3;
/// The longest time for one mutant.
const MOST_TIME: Duration = Duration::from_secs(30);

/// A scenario of the suite.
struct Planned {
    scenario: Scenario,
    /// The operation of its rule.
    operation: Option<OperationIx>,
    length: usize,
    /// The rules that it exercises where none is broken.
    passes: RuleSet,
    /// The fields to which rules give a value in it, or of which they take one.
    sets: BTreeSet<(RuleIx, KindIx, FieldIx)>,
}

/// How near a scenario is to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It was made for the rule.
    Own,
    /// It passes by it.
    Passing,
    /// It is about the same operation.
    Operation,
    /// It is about something else.
    Rest,
}

/// What all hunts of one law share.
pub struct Grounds {
    law: Arc<Law>,
    atlas: Atlas,
    suite: Vec<Planned>,
    /// Scenarios in which a rule refuses for each of its reasons.
    refused: Vec<(RuleIx, Vec<Step>)>,
    /// Scenarios in which a rule nearly refuses.
    near_misses: Vec<(RuleIx, Vec<Step>)>,
    /// Scenarios with requests about which the law is silent.
    silences: Vec<(RuleIx, Vec<Step>)>,
    /// Requests that must be accepted.
    choices: Vec<Choice>,
    /// Requests of which one is refused once the other one is done, whichever comes first: where both are accepted, nothing
    /// but their overlapping can be the reason.
    overlaps: Vec<Arc<Overlap>>,
    /// For each rule, variations of its scenario.
    varied: Vec<OnceLock<Vec<Vec<Step>>>>,
    strategies: Arc<Strategies>,
    /// For each operation, random sequences of what matters to it.
    aimed: Vec<OnceLock<Arc<Strategies>>>,
    options: RunOptions,
}

impl Grounds {
    /// A law with its suite. `seed` decides the random sequences, and `max_requests` is the most that are made for one
    /// mutant.
    ///
    /// # Errors
    ///
    /// Requests of this cloud cannot be signed.
    pub fn new(law: Arc<Law>, plans: &Plans, seed: u64, max_requests: u64) -> Result<Grounds, SignError> {
        let atlas = Atlas::new(&law, |_| true);
        let mut suite: Vec<Planned> = Vec::with_capacity(plans.len());
        for (rule, steps) in plans {
            let (passes, sets) = exercised(&law, &atlas, steps);
            suite.push(Planned {
                passes,
                sets,
                scenario: Scenario::Planned { rule: *rule, steps: steps.clone() },
                operation: law[*rule].operation,
                length: steps.len(),
            });
        }
        let strategies = Arc::new(Strategies::new(&law, |_| true));
        let options = RunOptions {
            url: None,
            endpoints: Vec::new(),
            region: law.region.clone(),
            manner: Manner::choose(law.wire.protocol, None, None)?,
            seed,
            max_requests,
            permits: Permits::default(),
            max_resources: None,
            shrink: 0,
            max_time: MOST_TIME,
            jobs: 1,
            clients: 1,
            only: None,
            skip: None,
            timeout: Duration::from_secs(30),
            patience: Duration::from_secs(15),
            pace: Pace::Driven,
            tolerance: TOLERANCE,
            consistency: None,
            out: None,
        };
        let ways: Vec<(OperationIx, Vec<Step>)> =
            plans.iter().filter_map(|(rule, steps)| Some((law[*rule].operation?, steps.clone()))).collect();
        let near_misses = near_misses(&law, &atlas, &ways);
        let refused = alternatives(&law, &atlas, &ways);
        let silences = silences(&law, &atlas, &ways);
        let states: Vec<&[Step]> = plans.values().map(Vec::as_slice).collect();
        let choices = choices(&law, &atlas, &ways, &states);
        let plans = plans.iter().map(|(rule, steps)| (*rule, steps));
        let mut overlaps = overlaps(&law, &atlas, &|_| true, plans, MOST_AT_ONCE);
        overlaps.retain(|overlap| exclude_each_other(&law, &atlas, overlap));
        let overlaps = overlaps.into_iter().map(Arc::new).collect();
        let aimed = law.operations.iter().map(|_| OnceLock::new()).collect();
        let varied = law.rules.iter().map(|_| OnceLock::new()).collect();
        Ok(Grounds {
            law,
            atlas,
            suite,
            refused,
            near_misses,
            silences,
            choices,
            overlaps,
            varied,
            strategies,
            aimed,
            options,
        })
    }

    /// The law.
    pub fn law(&self) -> &Arc<Law> {
        &self.law
    }

    /// The scenarios of the suite in the order in which they are played for a rule.
    fn order(&self, rule: RuleIx) -> Vec<(Rank, &Planned)> {
        let operation = self.law[rule].operation;
        let rank = |planned: &Planned| {
            let own = matches!(&planned.scenario, Scenario::Planned { rule: of, .. } if *of == rule);
            match () {
                () if own => Rank::Own,
                () if planned.passes.contains(rule) => Rank::Passing,
                () if operation.is_some() && planned.operation == operation => Rank::Operation,
                () => Rank::Rest,
            }
        };
        let mut order: Vec<(Rank, &Planned)> = self.suite.iter().map(|planned| (rank(planned), planned)).collect();
        order.sort_by_key(|(rank, planned)| (*rank, planned.length));
        order
    }

    /// What is played for a rule. First its own scenario, the shortest way in which its operation is accepted, ways in which it
    /// changes further fields, what it refuses for each of its reasons and what it nearly refuses, more ways in which its
    /// operation is accepted, and some scenarios of rules that decide by what it changes: most faults show there. Then, in
    /// turn, so that none leaves no room for the others: variations of its own scenario, the same followed by other
    /// operations, some scenarios that pass by the rule, those of the same operation, and random sequences of what matters
    /// to that. At last the rest of the suite, and random sequences without end. `docs/mutants.md` has the whole list.
    fn scenarios(&self, rule: RuleIx) -> impl Iterator<Item = Scenario> + '_ {
        let mut by_rank: BTreeMap<Rank, Vec<Scenario>> = BTreeMap::new();
        let (mut accepted, mut ways) = (Vec::new(), Vec::new());
        for (rank, planned) in self.order(rule) {
            if self.is_accepted(rule, planned) && accepted.len() < MOST_ACCEPTED {
                accepted.push(planned.scenario.clone());
            }
            // What was only rehearsed has left nothing that the same request could find done.
            let accepts = planned.operation.map(|operation| self.law[operation].accepts);
            let is_done = accepts.is_some_and(|accepts| planned.passes.contains(accepts));
            if is_done && self.is_accepted(rule, planned) && ways.len() < MOST_ACCEPTED {
                ways.extend(planned_steps(&planned.scenario));
            }
            by_rank.entry(rank).or_default().push(planned.scenario.clone());
        }
        let mut played = |rank: Rank| by_rank.remove(&rank).unwrap_or_default();
        let (own, mut passing) = (played(Rank::Own), played(Rank::Passing));
        // What nearly everything passes by would leave no room for anything else.
        let mut rest = passing.split_off(passing.len().min(MOST_PASSING));
        let of_operation = played(Rank::Operation);
        rest.extend(played(Rank::Rest));
        let random = |strategies: Arc<Strategies>| {
            move |number| Scenario::Random { strategies: strategies.clone(), number, length: LENGTH, clients: 1 }
        };
        let steps: Vec<Vec<Step>> = own.iter().filter_map(planned_steps).map(<[Step]>::to_vec).collect();
        let planned = move |steps: Vec<Step>| Scenario::Planned { rule, steps };
        let of_rule = move |all: &'_ [(RuleIx, Vec<Step>)]| -> Vec<Vec<Step>> {
            all.iter().filter(|(of, _)| *of == rule).map(|(_, steps)| steps.clone()).collect()
        };
        let (refused, near) = (of_rule(&self.refused), of_rule(&self.near_misses));
        let silent = of_rule(&self.silences);
        let (about, chosen): (Vec<Vec<Step>>, Vec<Vec<Step>>) = self.chosen(rule);
        let varied = self.varied[rule.0 as usize]
            .get_or_init(|| steps.iter().flat_map(|own| variations(&self.law, &self.atlas, rule, own)).collect());
        // What a rule changes may depend on more than its own scenario has.
        let of_ways: Vec<Vec<Step>> = ways.iter().map(|way| way.to_vec()).collect();
        let changes = matches!(self.law[rule].demand, Demand::Effect | Demand::Keep);
        let accepts = self.law[rule].operation.map(|own| self.law[own].accepts).filter(|_| changes);
        let varied_ways = accepts.into_iter().flat_map(move |accepts| {
            let of_ways = of_ways.clone();
            of_ways
                .into_iter()
                .flat_map(move |way| variations(&self.law, &self.atlas, accepts, &way).collect::<Vec<_>>())
        });
        let after_others: Vec<Vec<Step>> =
            steps.iter().flat_map(|own| after_others(&self.law, &self.atlas, rule, own, &ways)).collect();
        let wrong: Vec<Vec<Step>> =
            steps.iter().flat_map(|own| wrong_instead(&self.law, &self.atlas, rule, own, &ways)).collect();
        let others_instead = match self.law[rule].demand {
            Demand::Refuse => another_instead(&self.law, &self.atlas, rule, &ways),
            _ => Vec::new(),
        };
        let mut reading = self.reading(rule).into_iter();
        let read_first: Vec<Scenario> = reading.by_ref().take(MOST_READ_FIRST).collect();
        let operations = self.operations_after(rule);
        let crossed: Vec<Vec<Step>> = match self.law[rule].operation {
            Some(own) if !self.law[own].reads => operations
                .iter()
                .filter(|other| **other != own)
                .filter_map(|other| self.shortest(*other))
                .flat_map(|steps| crossed(&self.law, &self.atlas, own, steps))
                .collect(),
            _ => Vec::new(),
        };
        // At once, before anybody waits for what comes of it, and afterwards.
        let cut = |steps: &[Step]| self.up_to(rule, steps);
        let further: Vec<Scenario> = self.further_fields(rule).into_iter().map(settled).collect();
        let further_ways: Vec<Vec<Step>> = further.iter().filter_map(planned_steps).map(<[Step]>::to_vec).collect();
        let own_ways = steps.iter().map(|steps| cut(steps)).chain(wrong.iter().cloned()).chain(steps.iter().cloned());
        let own_ways: Vec<Vec<Step>> =
            own_ways.chain(others_instead.iter().cloned()).chain(after_others.iter().cloned()).collect();
        let more = operations.clone();
        let follow = |steps: Vec<Step>| -> Scenarios<'_> {
            let operations = operations.clone();
            let after = move |steps: Vec<Step>| follow_ups(&self.law, &self.atlas, &operations, &steps);
            Box::new(std::iter::once(steps).flat_map(after).map(planned))
        };
        let after_further = in_turn(further_ways.into_iter().map(follow).collect::<VecDeque<_>>());
        let after = own_ways.into_iter().flat_map(move |steps| follow_ups(&self.law, &self.atlas, &operations, &steps));
        let after = after.map(move |steps| self.looked_at(rule, steps));
        let after_varied = varied.iter().flat_map(move |steps| follow_ups(&self.law, &self.atlas, &more, steps));
        let aimed = self.aimed(rule).into_iter().flat_map(move |strategies| (0..AIMED).map(random(strategies)));
        let general = (AIMED..).map(random(self.strategies.clone()));
        let (shows_most, other_ways) = varied.split_at(varied.len().min(1));
        let mut accepted = accepted.into_iter();
        let first = own
            .into_iter()
            .chain(accepted.next())
            .chain(further)
            .chain(refused.into_iter().chain(near).chain(about).map(planned));
        let first = first.chain(shows_most.iter().cloned().map(planned));
        let first = first.chain(accepted).chain(wrong.into_iter().map(planned)).chain(read_first);
        let then = in_turn([
            Box::new(other_ways.iter().cloned().map(planned)) as Scenarios<'_>,
            Box::new(reading),
            Box::new(others_instead.into_iter().map(planned)),
            Box::new(after_others.into_iter().map(planned)),
            Box::new(chosen.into_iter().chain(silent).map(planned)),
            // What has come of each shows when one waits for it.
            Box::new(of_operation.into_iter().map(settled)),
            Box::new(crossed.into_iter().map(planned)),
            Box::new(after.map(planned)),
            Box::new(after_further),
            Box::new(after_varied.map(planned)),
            Box::new(varied_ways.map(planned)),
            Box::new(self.listings_after(rule).map(planned)),
            Box::new(passing.into_iter()),
            Box::new(aimed),
        ]);
        // A scenario that another one began with shows nothing new.
        let mut known: BTreeSet<Vec<Step>> = BTreeSet::new();
        let is_new = move |scenario: &Scenario| {
            let Scenario::Planned { steps, .. } = scenario else { return true };
            let next = known.range(steps.clone()..).next();
            !next.is_some_and(|longer| longer.starts_with(steps)) && known.insert(steps.clone())
        };
        first.chain(then).chain(rest).filter(is_new).chain(general)
    }

    /// True if the operation of a rule is accepted in a scenario that was made for it, or rehearsed.
    fn is_accepted(&self, rule: RuleIx, planned: &Planned) -> bool {
        let Some(operation) = self.law[rule].operation.filter(|_| planned.operation == self.law[rule].operation) else {
            return false;
        };
        let spec = &self.law[operation];
        planned.passes.contains(spec.accepts) || spec.dry_run.is_some_and(|(_, rule)| planned.passes.contains(rule))
    }

    /// The shortest scenarios in which a rule changes fields that it does not change in its own scenario.
    fn further_fields(&self, rule: RuleIx) -> Vec<Scenario> {
        let of_rule = |planned: &Planned| -> BTreeSet<(RuleIx, KindIx, FieldIx)> {
            planned.sets.iter().filter(|(of, ..)| *of == rule).copied().collect()
        };
        let mut all: Vec<(Rank, &Planned)> = self.order(rule);
        all.sort_by_key(|(rank, planned)| (*rank != Rank::Own, planned.length));
        let mut known = BTreeSet::new();
        let mut found = Vec::new();
        for (rank, planned) in all {
            let more = of_rule(planned);
            if !more.is_subset(&known) {
                known.extend(more);
                let steps = planned_steps(&planned.scenario).filter(|_| rank != Rank::Own);
                found.extend(steps.map(|steps| Scenario::Planned { rule, steps: steps.to_vec() }));
            }
        }
        found
    }

    /// Requests of a rule's operation that must be accepted: those with the parameter that the rule is about, and the
    /// others.
    fn chosen(&self, rule: RuleIx) -> (Vec<Vec<Step>>, Vec<Vec<Step>>) {
        let operation = self.law[rule].operation;
        let spec = operation.map(|ix| &self.law[ix]);
        let is_about = |ix: &ParamIx| {
            let param = spec.and_then(|spec| spec.params.get(*ix as usize));
            param.is_some_and(|param| param.refusals.iter().any(|(_, refusal)| refusal.rule == rule))
        };
        let of_operation = self.choices.iter().filter(|choice| Some(choice.operation) == operation);
        let (about, others): (Vec<&Choice>, Vec<&Choice>) =
            of_operation.partition(|choice| choice.params.iter().any(is_about));
        let steps = |choices: Vec<&Choice>| choices.into_iter().map(|choice| choice.steps.clone()).collect();
        (steps(about), steps(others))
    }

    /// What is listed by each choice where the operation of a rule has been asked for.
    fn listings_after(&self, rule: RuleIx) -> impl Iterator<Item = Vec<Step>> + '_ {
        let own = self.law[rule].operation.filter(|own| !self.law[*own].reads);
        let asks = move |step: &Step| step.calls().iter().any(|call| Some(call.operation) == own);
        let listings = self.choices.iter().filter(move |choice| self.law[choice.operation].reads);
        listings.filter(move |choice| choice.steps.iter().any(asks)).map(|choice| choice.steps.clone())
    }

    /// The shortest scenario that was made for an operation, and in which it is accepted.
    fn shortest(&self, operation: OperationIx) -> Option<&[Step]> {
        let of_it = self.suite.iter().filter(|planned| planned.operation == Some(operation));
        let accepted = of_it.filter(|planned| planned.passes.contains(self.law[operation].accepts));
        accepted.min_by_key(|planned| planned.length).and_then(|planned| planned_steps(&planned.scenario))
    }

    /// A scenario up to the last request for the operation of a rule.
    fn up_to(&self, rule: RuleIx, steps: &[Step]) -> Vec<Step> {
        let is_its = |step: &Step| step.calls().iter().any(|call| self.law[rule].operation == Some(call.operation));
        let end = steps.iter().rposition(is_its).map_or(steps.len(), |place| place + 1);
        steps[..end].to_vec()
    }

    /// The scenarios of other rules that decide by what a rule changes: first those in which its operation is accepted, one
    /// of each operation before the second of any.
    fn reading(&self, rule: RuleIx) -> Vec<Scenario> {
        if !matches!(self.law[rule].demand, Demand::Effect) {
            return Vec::new();
        }
        let own = self.law[rule].operation;
        let names = dotted(&self.law, rule);
        let reads = |planned: &&Planned| {
            let Scenario::Planned { rule: of, .. } = &planned.scenario else { return false };
            planned
                .operation
                .is_some_and(|operation| guards(&self.law[operation], *of).any(|guard| mentions(guard, &names)))
        };
        let mut found: Vec<&Planned> = self.suite.iter().filter(reads).collect();
        let is_changed = |planned: &Planned| own.is_some_and(|own| planned.passes.contains(self.law[own].accepts));
        found.sort_by_key(|planned| (!is_changed(planned), planned.operation != own, planned.length));
        let mut known = BTreeSet::new();
        let (first, more): (Vec<&Planned>, Vec<&Planned>) =
            found.into_iter().partition(|planned| is_changed(planned) && known.insert(planned.operation));
        first.into_iter().chain(more).map(|planned| planned.scenario.clone()).collect()
    }

    /// The operations that may show what has become of the changes of a rule: those whose refusals and permissions read a
    /// field that it sets, and those that matter to its own operation. Of a rule about what is shown of a kind of resource,
    /// those that change that.
    fn operations_after(&self, rule: RuleIx) -> Vec<OperationIx> {
        let Some(own) = self.law[rule].operation else { return self.operations_changing(rule) };
        let names = dotted(&self.law, rule);
        let decides = |operation: &Operation| {
            let refusals = operation.refusals.iter().map(|refuse| &refuse.guard);
            refusals.chain(operation.permits.iter().map(|(_, guard)| guard)).any(|guard| mentions(guard, &names))
        };
        let mut found: Vec<OperationIx> =
            self.law.operations().filter(|(_, operation)| decides(operation)).map(|(ix, _)| ix).collect();
        found.extend(self.operations_around(own).into_iter().filter(|ix| !found.contains(ix)).collect::<Vec<_>>());
        found
    }

    /// The steps, and a look at what a rule says is shown of: what has changed is looked at anyway, but not where it is shown of
    /// something else as well.
    fn looked_at(&self, rule: RuleIx, mut steps: Vec<Step>) -> Vec<Step> {
        if self.law[rule].operation.is_some() {
            return steps;
        }
        let shows = |(_, spec): &(KindIx, &Kind)| spec.view.iter().any(|shown| is_about(shown, rule));
        if let Some((kind, _)) = self.law.kinds().find(shows)
            && let Some(simulation) = Simulation::after(&self.law, &self.atlas, &steps)
            && let Some(world) = simulation.oracle.worlds().first()
        {
            let of_kind = world.live(kind).map(|(handle, _)| handle);
            steps.extend(self.atlas.looks(&self.law, world, of_kind).into_iter().map(Step::Call));
        }
        steps
    }

    /// The operations that change what a rule says is shown: a field on the way to it, or a resource there.
    fn operations_changing(&self, rule: RuleIx) -> Vec<OperationIx> {
        let mut read: BTreeSet<(KindIx, FieldIx)> = BTreeSet::new();
        for (kind, spec) in self.law.kinds() {
            for shown in spec.view.iter().filter(|shown| is_about(shown, rule)) {
                let ShownFrom::Paths(paths) = &shown.from else { continue };
                for path in paths {
                    let mut here = Some(kind);
                    for field in &path.0 {
                        let Some(of) = here else { break };
                        read.insert((of, *field));
                        here = self.law[of].fields[*field as usize].to;
                    }
                }
            }
        }
        let is_there = |kind: &KindIx| read.iter().any(|(of, _)| of == kind);
        let changes = |change: &Change| match change {
            Change::Create { kind, .. } => is_there(kind),
            Change::Delete(which) => which.kinds().iter().any(is_there),
            Change::Set { set, .. } => set.iter().any(|(of, field, _)| read.contains(&(*of, *field))),
        };
        let all = self.law.operations().filter(|(_, spec)| spec.effects.iter().any(|effect| changes(&effect.change)));
        all.map(|(ix, _)| ix).collect()
    }

    /// The operations that matter to the rules of one.
    fn operations_around(&self, operation: OperationIx) -> Vec<OperationIx> {
        let of_it = |(ix, rule): (RuleIx, &Rule)| (rule.operation == Some(operation)).then_some(ix);
        let rules: Vec<RuleIx> = self.law.rules().filter_map(of_it).collect();
        Aim::new(&self.law, operation, &rules).operations()
    }

    /// Random sequences of the operations that matter to that of a rule.
    fn aimed(&self, rule: RuleIx) -> Option<Arc<Strategies>> {
        let operation = self.law[rule].operation?;
        let strategies = self.aimed[operation.0 as usize].get_or_init(|| {
            let operations = self.operations_around(operation);
            Arc::new(Strategies::new(&self.law, |ix| operations.contains(&ix)))
        });
        Some(strategies.clone())
    }

    /// True if a mutant can show in what is played for it. One that shows only where requests overlap needs some of which one
    /// is refused by its rule once the other one is done.
    pub fn can_show(&self, mutant: &Mutant) -> bool {
        mutant.when != When::Together || self.overlapping(mutant.rule).next().is_some()
    }

    /// Requests that overlap of which one is refused by this rule once another one is done, several times over, in another
    /// order each time.
    fn overlapping(&self, rule: RuleIx) -> impl Iterator<Item = Scenario> {
        let of_rule = self.overlaps.iter().filter(move |overlap| overlap.rule == rule);
        let in_turns = (0..TURNS).flat_map(move |turn| of_rule.clone().map(move |overlap| (turn, overlap.clone())));
        in_turns.enumerate().map(|(number, (turn, overlap))| Scenario::Overlapping { overlap, turn, number })
    }

    /// Hunts a server that keeps the law, or has a fault.
    ///
    /// # Errors
    ///
    /// There are no credentials.
    pub async fn hunt(&self, fault: Option<&Broken>, rule: RuleIx, stop: &Stop) -> Result<Hunt, RunError> {
        let solo = Solo::new(&self.law, self.options.clone(), &self.atlas, stop.clone())?;
        let mut hunt = Hunt { requests: 0, found: None, timeout: false, unclear: None };
        let together = fault.is_some_and(|fault| fault.mutant.when == When::Together);
        let scenarios: Scenarios<'_> = match together {
            true => Box::new(self.overlapping(rule)),
            false => Box::new(self.scenarios(rule)),
        };
        for (number, scenario) in scenarios.enumerate() {
            if solo.is_over() {
                hunt.timeout = solo.requests() < self.options.max_requests;
                break;
            }
            let clock = Clock::driven();
            let reference =
                Reference::new(self.law.clone(), self.options.seed.wrapping_add(number as u64), clock.clone());
            let reference = match fault {
                Some(fault) => reference.with_fault(Arc::new(fault.elsewhere())),
                None => reference,
            };
            let before = solo.requests();
            let heard = solo.play(reference, clock, &scenario, number).await?;
            tracing::trace!(number, steps = ?heard.played.steps, occasions = fault.map(Broken::occasions), "played");
            if !heard.played.violations.is_empty() {
                hunt.requests = before + heard.requests;
                hunt.found = Some(heard.played);
                return Ok(hunt);
            }
            if let Some(why) = heard.played.indeterminate.filter(|_| !solo.is_over()) {
                hunt.unclear.get_or_insert(why);
            }
        }
        hunt.requests = solo.requests();
        Ok(hunt)
    }

    /// Hunts a mutant.
    ///
    /// # Errors
    ///
    /// There are no credentials.
    pub async fn result(&self, mutant: &Arc<Mutant>, stop: &Stop) -> Result<MutantResult, RunError> {
        let law = &self.law;
        let equivalent = mutant.equivalent.as_deref();
        let mut result = MutantResult::unhunted(&law[mutant.rule].id, &mutant.name, mutant.fault, equivalent);
        let broken = Broken::new(mutant.clone());
        let hunt = self.hunt(Some(&broken), mutant.rule, stop).await?;
        result.requests = hunt.requests;
        result.occasions = broken.occasions();
        let Some(played) = hunt.found else {
            if mutant.equivalent.is_none() {
                result.outcome = if hunt.timeout { Outcome::Timeout } else { Outcome::Missed };
                result.because = match (result.occasions, hunt.unclear) {
                    (0, _) => Some("no scenario gave it an occasion".to_owned()),
                    (_, Some(why)) => Some(format!("among what could not be judged: {why}")),
                    (_, None) => None,
                };
            }
            return Ok(result);
        };
        // What is found of a server that has not departed from the law yet is no credit to anybody: the judge is wrong. One
        // that was said to be equivalent and is caught was not: whoever has written that down is wrong.
        result.outcome = match () {
            () if result.occasions == 0 => Outcome::FalseAlarm,
            () if mutant.declared => Outcome::Refuted,
            () => Outcome::Caught,
        };
        let first = played.violations.iter().min_by_key(|(_, step)| *step);
        if let Some((violation, step)) = first {
            let at_once = played.violations.iter().filter(|(_, other)| other == step);
            result.blame = at_once.map(|(violation, _)| blame(law, mutant.rule, violation.rule)).min();
            result.finding = Some(format!("allowed: {}; came: {}", violation.allowed, violation.came));
            result.steps = Some(*step);
            let others = played.violations.iter().map(|(v, _)| v.rule).filter(|rule| *rule != violation.rule);
            for rule in std::iter::once(violation.rule).chain(others) {
                let id = law[rule].id.to_string();
                if !result.blamed.contains(&id) {
                    result.blamed.push(id);
                }
            }
        }
        Ok(result)
    }
}

/// True if a row of a view is what a rule is about.
fn is_about(shown: &Shown, rule: RuleIx) -> bool {
    shown.rule == Some(rule) || shown.elsewhere.as_ref().is_some_and(|(_, other)| *other == rule)
}

/// What an expression says that reads a field which a rule changes.
fn dotted(law: &Law, rule: RuleIx) -> Vec<String> {
    names_of_changes(law, rule).iter().map(|name| format!(".{name}")).collect()
}

fn mentions(guard: &Guard, names: &[String]) -> bool {
    names.iter().any(|name| guard.expr.mentions(name))
}

/// The conditions by which a rule refuses or permits.
fn guards(operation: &Operation, rule: RuleIx) -> impl Iterator<Item = &Guard> {
    let refusals =
        operation.refusals.iter().filter(move |refuse| refuse.refusal.rule == rule).map(|refuse| &refuse.guard);
    refusals.chain(operation.permits.iter().filter(move |(of, _)| *of == rule).map(|(_, guard)| guard))
}

fn planned_steps(scenario: &Scenario) -> Option<&[Step]> {
    match scenario {
        Scenario::Planned { steps, .. } => Some(steps),
        _ => None,
    }
}

/// True if each of two requests is accepted, and the other one must be refused then. Where the law is silent about what
/// comes after one of them, or may accept both in one order, that both were accepted tells nothing.
fn exclude_each_other(law: &Arc<Law>, atlas: &Atlas, overlap: &Overlap) -> bool {
    let [one, other] = overlap.rivals.as_slice() else { return false };
    let Some(setup) = Simulation::after(law, atlas, &overlap.setup) else { return false };
    [(one, other), (other, one)].into_iter().all(|(first, second)| {
        let mut simulation = setup.clone();
        let first = simulation.try_step(atlas, &Step::Call(first.clone()));
        let refused = simulation.resolve(second).is_some_and(|request| {
            let accepted = simulation.oracle.foresee(&request).contains(law[second.operation].accepts);
            !accepted && !simulation.oracle.may_be_silent(&request)
        });
        refused && first.is_some_and(|first| first.accepted && !first.open)
    })
}

/// A scenario that waits at its end.
fn settled(scenario: Scenario) -> Scenario {
    match scenario {
        Scenario::Planned { rule, mut steps } if steps.last() != Some(&Step::Settle) => {
            steps.push(Step::Settle);
            Scenario::Planned { rule, steps }
        }
        other => other,
    }
}

/// Scenarios one after the other.
type Scenarios<'a> = Box<dyn Iterator<Item = Scenario> + 'a>;

/// One of each in turn, until all have come to their end.
fn in_turn<'a>(all: impl Into<VecDeque<Scenarios<'a>>>) -> impl Iterator<Item = Scenario> + 'a {
    let mut all = all.into();
    std::iter::from_fn(move || {
        loop {
            let mut next = all.pop_front()?;
            if let Some(scenario) = next.next() {
                all.push_back(next);
                return Some(scenario);
            }
        }
    })
}

/// What came of a hunt.
pub struct Hunt {
    /// Requests up to the first finding, or in all.
    pub requests: u64,
    /// The scenario in which something was found.
    pub found: Option<Played>,
    /// The time was over before the requests were.
    timeout: bool,
    /// The first of the reasons why something could not be judged.
    pub unclear: Option<String>,
}

/// Whose name a finding gives to a broken rule.
fn blame(law: &Law, broken: RuleIx, blamed: RuleIx) -> Blame {
    let refusal = |rule| law.refusal(rule).map(|refusal| refusal.rule);
    if blamed == broken || refusal(blamed).is_some_and(|rule| Some(rule) == refusal(broken)) {
        return Blame::Own;
    }
    match law[broken].operation {
        Some(operation) if law[blamed].operation == Some(operation) => Blame::SameOperation,
        _ => Blame::Other,
    }
}

/// The rules that steps exercise where none is broken, and looking around once what they began is over; and the fields to
/// which rules give a value by then, or of which they take one.
fn exercised(law: &Arc<Law>, atlas: &Atlas, steps: &[Step]) -> (RuleSet, BTreeSet<(RuleIx, KindIx, FieldIx)>) {
    let mut simulation = Simulation::new(law, Settings::default());
    let mut sets = BTreeSet::new();
    let mut taken: Vec<RuleSet> = Vec::new();
    for step in steps.iter().chain([&Step::Settle]) {
        let before = simulation.forward.world().clone();
        let Some(passes) = simulation.take(atlas, step) else { break };
        taken.push(passes);
        for (handle, resource) in simulation.forward.world().iter() {
            let had = |ix: usize| before.get(handle).is_some_and(|before| before.fields[ix] != Value::Null);
            let told = resource.proofs.iter().zip(&resource.fields).enumerate();
            let told = told.filter(|(ix, (_, value))| **value != Value::Null || had(*ix));
            sets.extend(told.filter_map(|(ix, (proof, _))| Some((proof.rule?, resource.kind, ix as FieldIx))));
        }
    }
    let looks = atlas.looks_at_unconfirmed(law, simulation.oracle.worlds()).into_iter().map(Step::Call);
    taken.extend(looks.map_while(|look| simulation.take(atlas, &look)));
    (taken.iter().flat_map(RuleSet::iter).collect(), sets)
}
