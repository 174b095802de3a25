//! A target's wire format recorded: the suite's scenarios, or those that were written down before, are played, and what was
//! answered is written down with stand-ins.
//!
//! Which scenarios there are comes from the law and from what the target implements; nothing else decides what is sent,
//! but for the tokens, which no other run may share. Each step is taken as it stands, without looks besides: how many of
//! those there are depends on how fast the target is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Semaphore, task::JoinSet};
use url::Url;

use super::{
    Available, Endpoint, RunError, RunOptions, Stop, Workers, begin,
    event::{Event, Observer},
    probe,
    session::Played,
    suite,
};
use crate::{
    report::{
        data::Leftover,
        lock::{
            entries::Writer,
            files::{ByOperation, Entry, FORMAT, Lock, Scenario, Suite},
            standins::StandIns,
        },
    },
    scenario::{
        atlas::Atlas,
        file::{StepError, StepFile},
        step::{Call, Step},
    },
    spec::law::{Law, OperationIx, Output, OutputFrom, ParamIx, RuleIx},
    wire::{self, Body, Tree},
};

/// What the scenarios before have removed may still be listed for a moment. So long is waited for that in all, and so long
/// between two looks.
const MOST_FOR_ROOM: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(200);

/// How many scenarios wait at a time.
const SIDE_BY_SIDE: usize = 64;

/// What was recorded.
#[derive(Debug)]
pub struct Recorded {
    /// The scenarios and their answers.
    pub lock: Lock,
    /// What could not be deleted.
    pub leftovers: Vec<Leftover>,
    /// True if somebody stopped it, so that a part is missing.
    pub interrupted: bool,
}

/// Why scenarios that were written down cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The target cannot be used.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A scenario does not fit the law.
    #[error("the scenario {name} does not fit the law: {why}")]
    Fit {
        /// Its name.
        name: String,
        /// Why not.
        why: FitError,
    },
}

/// Why a scenario does not fit a law.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// It is of a rule that the law does not have.
    #[error("there is no such rule")]
    Rule,
    /// A step does not fit.
    #[error("step {number}: {why}")]
    Step {
        /// Which, from 1.
        number: usize,
        /// Why not.
        why: StepError,
    },
}

/// A scenario, ready to be played.
struct Ready {
    rule: RuleIx,
    steps: Vec<Step>,
    scenario: Scenario,
}

impl Ready {
    fn waits(&self) -> bool {
        self.steps.contains(&Step::Settle)
    }

    /// True if the answers to a step, by its number from 1, are the same however many scenarios are under way beside this
    /// one.
    fn is_steady(&self, law: &Law, step: usize) -> bool {
        let calls = step.checked_sub(1).and_then(|place| self.steps.get(place)).map_or(&[][..], Step::calls);
        !self.waits() || !calls.iter().any(|call| is_paged(law, call))
    }
}

/// Records the suite of a law: the scenarios of the rules that `options` wants.
///
/// # Errors
///
/// The target cannot be used.
pub async fn record(
    law: Arc<Law>,
    masked: Vec<String>,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<Recorded, RunError> {
    let (context, endpoints) = begin(law.clone(), options, observer, stop).await?;
    context.observer.event(&Event::Phase("looking for the target"));
    let yardstick = probe::yardstick(&context, &endpoints[0]).await?;
    context.observer.event(&Event::Phase("planning the suite"));
    let wanted = context.wanted();
    let plans = suite::plan_wanted(&law, &wanted, &|left, of| context.plans_on(left, of));
    context.observer.event(&Event::Phase("probing the target"));
    let operations = probe::probe(&context, &endpoints[0], &plans, &yardstick).await?;
    let available: Available = Arc::new(move |ix: OperationIx| operations[ix.0 as usize].implemented);
    let atlas = Arc::new(Atlas::new(&law, &*available));
    let host = host(&endpoints[0]);
    let workers = Workers::new(context.clone(), endpoints, atlas);
    // Rules that the same steps exercise share a scenario.
    let mut scenarios: Vec<Ready> = Vec::new();
    for (rule, mut steps) in plans {
        if !suite::operations_of(&steps).all(|ix| available(ix)) {
            continue;
        }
        suite::shorten(&context, &workers.atlas, rule, &mut steps);
        let id = law[rule].id.to_string();
        match scenarios.iter_mut().find(|ready| ready.steps == steps) {
            Some(ready) => ready.scenario.rules.push(id),
            None => {
                let written = steps.iter().map(|step| StepFile::new(&law, step)).collect();
                let scenario = Scenario { name: id.clone(), rules: vec![id], steps: written, holds: Vec::new() };
                scenarios.push(Ready { rule, steps, scenario });
            }
        }
    }
    let played = play(&workers, &host, &masked, &scenarios).await;
    let mut answers = ByOperation::new();
    let mut seen: BTreeSet<(String, String, String)> = BTreeSet::new();
    let mut kept = Vec::new();
    for (ready, entries) in scenarios.into_iter().zip(played.entries) {
        // A step is written down with all of its answers, if one of them has not come before.
        let is_new = |(operation, entry): &(OperationIx, Entry)| {
            ready.is_steady(&law, entry.step)
                && !seen.contains(&(law[*operation].name.to_string(), entry.request.clone(), entry.text()))
        };
        let holds: BTreeSet<usize> = entries.iter().filter(|e| is_new(e)).map(|(_, entry)| entry.step).collect();
        for (operation, entry) in entries.into_iter().filter(|(_, entry)| holds.contains(&entry.step)) {
            let operation = law[operation].name.to_string();
            seen.insert((operation.clone(), entry.request.clone(), entry.text()));
            answers.entry(operation).or_default().push(entry);
        }
        if !holds.is_empty() {
            kept.push(Scenario { holds: holds.into_iter().collect(), ..ready.scenario });
        }
    }
    let suite = Suite {
        format: FORMAT,
        cloud: law.cloud.to_string(),
        law: law.digest.clone(),
        readings: law.readings.iter().map(|r| (r.name.clone(), r.choice.clone())).collect(),
        masked,
        scenarios: kept,
    };
    Ok(Recorded { lock: Lock { suite, answers }, leftovers: played.leftovers, interrupted: context.is_interrupted() })
}

/// Plays those scenarios of a suite again that `options` wants, and records what is written down of them.
///
/// # Errors
///
/// The target cannot be used, or a scenario does not fit the law.
pub async fn play_again(
    law: Arc<Law>,
    suite: &Suite,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<Recorded, PlayError> {
    let scenarios: Vec<Ready> = suite
        .scenarios
        .iter()
        .map(|scenario| ready(&law, scenario).map_err(|why| PlayError::Fit { name: scenario.name.clone(), why }))
        .collect::<Result<_, _>>()?;
    let (context, endpoints) = begin(law.clone(), options, observer, stop).await?;
    context.observer.event(&Event::Phase("looking for the target"));
    probe::yardstick(&context, &endpoints[0]).await?;
    let host = host(&endpoints[0]);
    let workers = Workers::new(context.clone(), endpoints, Arc::new(Atlas::new(&law, |_| true)));
    let played = play(&workers, &host, &suite.masked, &scenarios).await;
    let mut answers = ByOperation::new();
    for (ready, entries) in scenarios.iter().zip(played.entries) {
        for (operation, entry) in entries.into_iter().filter(|(_, entry)| ready.scenario.holds.contains(&entry.step)) {
            answers.entry(law[operation].name.to_string()).or_default().push(entry);
        }
    }
    let lock = Lock { suite: suite.clone(), answers };
    Ok(Recorded { lock, leftovers: played.leftovers, interrupted: context.is_interrupted() })
}

fn ready(law: &Law, scenario: &Scenario) -> Result<Ready, FitError> {
    let rule = law.rule(&scenario.name).ok_or(FitError::Rule)?;
    let step =
        |(place, step): (usize, &StepFile)| step.read(law).map_err(|why| FitError::Step { number: place + 1, why });
    let steps = scenario.steps.iter().enumerate().map(step).collect::<Result<_, _>>()?;
    Ok(Ready { rule, steps, scenario: scenario.clone() })
}

/// What the target calls itself where it names itself.
fn host(endpoint: &Endpoint) -> String {
    let url: &Url = endpoint.target.url();
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// What came of playing scenarios: the answers of each, and what is left.
struct AllPlayed {
    entries: Vec<Vec<(OperationIx, Entry)>>,
    leftovers: Vec<Leftover>,
}

async fn play(workers: &Workers, host: &str, masked: &[String], scenarios: &[Ready]) -> AllPlayed {
    let context = &workers.context;
    context.observer.event(&Event::Phase("playing the scenarios"));
    let mut played: Vec<Option<Played>> = scenarios.iter().map(|_| None).collect();
    // Those that have to wait for a change wait side by side; the others are alone.
    let mut patience = if context.options.waits_for().is_some() { MOST_FOR_ROOM } else { Duration::ZERO };
    let waits = |ready: &Ready| context.options.waits_for().is_some() && ready.waits();
    for (number, ready) in scenarios.iter().enumerate().filter(|(_, ready)| !waits(ready)) {
        patience = patience.saturating_sub(wait_for_room(workers, ready, patience).await);
        played[number] = play_one(workers, ready.rule, ready.steps.clone()).await;
    }
    let (room, mut waiting) = (Arc::new(Semaphore::new(SIDE_BY_SIDE)), JoinSet::new());
    for (number, ready) in scenarios.iter().enumerate().filter(|(_, ready)| waits(ready)) {
        let (workers, room, rule, steps) = (workers.clone(), room.clone(), ready.rule, ready.steps.clone());
        waiting.spawn(async move {
            // Nobody closes it, so that the other case is never met; then there is nothing that limits anything.
            let _permit = room.acquire().await.ok();
            (number, play_one(&workers, rule, steps).await)
        });
    }
    while let Some(ended) = waiting.join_next().await {
        // Nobody cancels it, so that the only other end is a panic, which goes on here.
        let (number, one) = ended.unwrap_or_else(|end| std::panic::resume_unwind(end.into_panic()));
        played[number] = one;
    }
    let mut all = AllPlayed { entries: Vec::new(), leftovers: std::mem::take(&mut context.tally().leftovers) };
    for (ready, played) in scenarios.iter().zip(played) {
        let played = played.unwrap_or_default();
        let calls = ready.steps.iter().flat_map(Step::calls);
        let standins = StandIns::new(calls, host, &format!("eipcheck-{}", context.nonce));
        let mut writer = Writer::new(&context.law, masked, standins);
        all.entries.push(entries(&mut writer, &ready.scenario.name, &played));
        all.leftovers.extend(played.leftovers);
    }
    all
}

/// Waits until nothing is listed where a scenario will ask for a page of everything there is; for how long it has waited.
/// What others have there may stay for ever, so that nobody waits for longer than `most`.
async fn wait_for_room(workers: &Workers, ready: &Ready, most: Duration) -> Duration {
    let (context, endpoint) = (&workers.context, &workers.endpoints[0]);
    let law = &context.law;
    let begun = Instant::now();
    for call in ready.steps.iter().flat_map(Step::calls).filter(|call| is_paged(law, call)) {
        let Some(request) = call.resolve(law, &[], "") else { continue };
        loop {
            context.count_sent();
            let Ok(response) = endpoint.target.send(law, &request).await.outcome else { break };
            let Body::Success(tree) = wire::decode_answer(law, call.operation, &response).body else { break };
            let lists = |output: &&Output| matches!(output.from, OutputFrom::Selected { .. });
            let listed = law[call.operation].output.iter().filter(lists).filter_map(|output| tree.get(&output.name));
            let is_empty = listed.filter_map(Tree::as_list).all(<[Tree]>::is_empty);
            if is_empty || begun.elapsed() >= most || context.is_at_its_end() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    begun.elapsed()
}

/// True for a request that shows a page of everything there is: what others have there moves what it shows to another
/// page.
fn is_paged(law: &Law, call: &Call) -> bool {
    let operation = &law[call.operation];
    let is_given = |param: &ParamIx| {
        let name = &operation.params[*param as usize].name;
        call.args.iter().any(|(given, _)| given == name)
    };
    operation.output.iter().any(|output| match &output.from {
        OutputFrom::Selected { by, page, .. } => page.is_some() && !by.iter().any(is_given),
        _ => false,
    })
}

/// Plays a scenario; none if nothing is to be sent any more.
async fn play_one(workers: &Workers, rule: RuleIx, steps: Vec<Step>) -> Option<Played> {
    let context = &workers.context;
    if context.is_at_its_end() {
        return None;
    }
    let played = workers.play_given(0, "wire", rule, steps, &Arc::default(), context.options.patience).await;
    context.observer.event(&Event::Played { context, result: &played });
    Some(played)
}

/// The answers of a scenario. Of several to the same request in one step the last one counts: how often it takes to be
/// patient, or to see a change, depends on the moment.
fn entries(writer: &mut Writer<'_>, name: &str, played: &Played) -> Vec<(OperationIx, Entry)> {
    let mut all: Vec<(OperationIx, Entry)> = Vec::new();
    let mut places: BTreeMap<(usize, String), usize> = BTreeMap::new();
    for (step, exchange) in &played.exchanges {
        let Some((operation, entry)) = writer.entry(name, *step, exchange) else { continue };
        match places.get(&(*step, entry.request.clone())) {
            Some(place) => all[*place] = (operation, entry),
            None => {
                places.insert((*step, entry.request.clone()), all.len());
                all.push((operation, entry));
            }
        }
    }
    all
}
