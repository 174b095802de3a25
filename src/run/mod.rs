//! A run: scenarios against a target, judged by the oracle, cleaned up, and summed up in a report.
//!
//! A run goes through seven rooms, each a module:
//!
//! 1. [`probe`]: which operations does the target implement?
//! 2. [`suite`]: one short scenario for each rule, the same every time.
//! 3. [`overlap`]: requests that stand in each other's way, at once.
//! 4. `around`: what the suite meets once by the shortest way, in other ways.
//! 5. [`random`]: seeded sequences.
//! 6. [`shrink`]: what was found, made short and seen to come again.
//! 7. [`summary`]: the report.
//!
//! [`session`] plays one scenario, `waiting` lets time pass in it, and `again` says what is sent more than once;
//! `group` plays several side by side, [`solo`] one by one against servers in this process, and [`turns`] lets others work
//! while one waits. [`confirm`] sees whether a violation comes again, [`cleanup`] removes what a scenario created; `ledger`
//! keeps the journal, by which [`mod@clean`] removes what a run has left, [`holdings`] bounds what is held at a time, `mark`
//! marks it, and [`mod@forecast`] tells it beforehand. [`tally`] counts, [`request_ids`] tells which ids
//! have come before, [`event`] tells whoever wants to watch; [`choices`] keeps what a target chose where it may, and
//! [`folders`] writes what is left of each finding; [`recheck`] judges a trace again, and [`replay`] plays a scenario again.
//! [`record`] writes a target's wire format down.
//! The randomness of a run comes from its seed alone, and its order of work does not depend on how fast the target answers,
//! so that the same seed sends the same requests, but for what follows on requests that were sent at once.
//!
//! Imports every floor below: `report`'s data, `reference` for the embedded target, `scenario`, `oracle`, `target`.

mod again;
mod around;
pub mod choices;
pub mod clean;
pub mod cleanup;
pub mod confirm;
pub mod event;
pub mod flight;
pub mod folders;
pub mod forecast;
mod group;
pub mod holdings;
mod ledger;
mod mark;
pub mod overlap;
pub mod probe;
pub mod random;
pub mod recheck;
pub mod record;
pub mod replay;
pub mod request_ids;
pub mod session;
pub mod shrink;
pub mod solo;
pub mod suite;
pub mod summary;
pub mod tally;
mod together;
pub mod turns;
mod waiting;

use std::{
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use globset::GlobSet;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use self::{
    event::{Event, Observer},
    flight::Flight,
    group::{MOST_UNDER_WAY, Room},
    holdings::Holdings,
    random::Sequences,
    request_ids::RequestIds,
    session::{Scenario, Session},
    tally::Tally,
    turns::Turns,
};
use crate::{
    model::{forward::Dice, time::Tolerance},
    oracle::{RuleSet, Settings},
    reference::server::{Reference, Running, start},
    report::{data::Report, journal::Journal, terminal::plain, trace::TraceWriter},
    scenario::{
        atlas::Atlas,
        planned::{self, Plans},
        step::Call,
        windows::Windows,
    },
    spec::{
        law::{Law, OperationIx, ProductIx, RuleIx},
        load::billable_hosts,
    },
    target::{
        Exchange, HttpTarget, NoAnswer, TargetError, TargetOptions,
        clock::{Clock, ClockError, Pace},
        permits::{HostError, Permits, is_loopback},
    },
    wire::sign::{Credentials, Manner, SignError, Signer},
    wire::{Answer, Request, http::HttpResponse},
};

/// What a run is asked to do.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The target; none for the embedded server.
    pub url: Option<Url>,
    /// Where requests to some products go, if not to `url`.
    pub endpoints: Vec<(ProductIx, Url)>,
    /// The region that requests are signed for.
    pub region: String,
    /// Where requests may go.
    pub permits: Permits,
    /// How requests are signed and sent.
    pub manner: Manner,
    /// The seed of the random sequences.
    pub seed: u64,
    /// The most requests, clean-up not counted.
    pub max_requests: u64,
    /// The longest time, planning and clean-up not counted.
    pub max_time: Duration,
    /// How many scenarios work at a time; those that wait are not counted.
    pub jobs: usize,
    /// How many requests of one scenario are under way at a time; 1 if none should overlap.
    pub clients: usize,
    /// Rules to test; none for all.
    pub only: Option<GlobSet>,
    /// Rules not to test.
    pub skip: Option<GlobSet>,
    /// How many resources may be held at a time; none for any number.
    pub max_resources: Option<usize>,
    /// How many requests may be spent on each finding to make it short and to see it again; 0 for none.
    pub shrink: u64,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long a change is waited for.
    pub patience: Duration,
    /// How the target's time passes.
    pub pace: Pace,
    /// By how much a change may miss its window, in the target's time.
    pub tolerance: Tolerance,
    /// How long answers may lag behind; none if they may not.
    pub consistency: Option<Duration>,
    /// Where the trace and the journal go; none for neither.
    pub out: Option<PathBuf>,
}

impl RunOptions {
    /// Time that cannot be moved has to be waited for, up to the patience: this much of it, in the target's time. None if
    /// it can be moved.
    pub fn waits_for(&self) -> Option<Duration> {
        match self.pace {
            Pace::Real => Some(self.patience),
            Pace::Scaled(times) => Some(self.patience.saturating_mul(times.get())),
            Pace::Driven => None,
        }
    }

    /// True if the user wants this rule tested.
    pub fn wants(&self, law: &Law, rule: RuleIx) -> bool {
        let id = &*law[rule].id;
        self.only.as_ref().is_none_or(|only| only.is_match(id))
            && !self.skip.as_ref().is_some_and(|skip| skip.is_match(id))
    }

    /// Whether requests may go where they would. The hosts of the clouds that are built in cost money by any law.
    ///
    /// # Errors
    ///
    /// They may not go there.
    pub fn check_hosts(&self, law: &Law) -> Result<(), HostError> {
        let mut billable = billable_hosts();
        billable.extend(law.billable_hosts.iter().cloned());
        let mut urls = self.url.iter().chain(self.endpoints.iter().map(|(_, url)| url));
        urls.try_for_each(|url| self.permits.check(url, &billable))
    }

    /// How many requests of one scenario may be under way at a time. Where answers may lag behind, each look has to be
    /// asked for again until it does not, which leaves no moment for others to overlap it.
    pub fn at_once(&self) -> usize {
        if self.consistency.is_some() { 1 } else { self.clients }
    }
}

/// Why a run could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The target cannot be addressed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Requests may not go there.
    #[error(transparent)]
    Host(#[from] HostError),
    /// There are no credentials.
    #[error(transparent)]
    Credentials(#[from] SignError),
    /// The target does not answer.
    #[error("the target {url} does not answer: {why}")]
    Unreachable {
        /// The target.
        url: String,
        /// Why not.
        why: NoAnswer,
    },
    /// The target answers nothing that looks like the protocol.
    #[error(
        "the target {url} does not speak the protocol: none of the {operations} operations of the law is implemented ({})",
        plain(evidence)
    )]
    Unusable {
        /// The target.
        url: String,
        /// How many operations were tried.
        operations: usize,
        /// What it answered.
        evidence: String,
    },
    /// The target's clock is to be moved, and is not.
    #[error("the target does not let its clock be moved: {0}")]
    Clock(#[from] ClockError),
    /// The embedded server cannot listen.
    #[error("the embedded server cannot listen on the loopback interface")]
    Listen(#[source] std::io::Error),
    /// What is left of the findings cannot be written.
    #[error("cannot write {path}")]
    Findings {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The journal cannot be written, or that of an earlier run not be read.
    #[error("cannot keep the journal in {path}")]
    Journal {
        /// The folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The trace cannot be written.
    #[error("cannot write the trace to {path}")]
    Trace {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A target, and the clock by which its time is measured. The embedded target whose time is moved is there once for each
/// worker, with a clock of its own, so that one scenario's skipping of time does not end another one's drain.
pub struct Endpoint {
    /// Where requests go.
    pub target: HttpTarget,
    /// The clock by which its time is measured.
    pub clock: Clock,
    /// The server, if it is embedded.
    _server: Option<Running>,
}

/// Tells a run to stop early; clones tell the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Stops it: scenarios end at their next step, and are cleaned up.
    pub fn now(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// True once it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What every worker of a run shares.
pub struct Context {
    /// The law.
    pub law: Arc<Law>,
    /// What was asked for.
    pub options: RunOptions,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// Where everything sent and received is written.
    pub trace: Option<TraceWriter>,
    /// Where it is written what was made and deleted.
    journal: Option<Journal>,
    /// What is held at a time.
    holdings: Holdings,
    stop: Stop,
    /// When the planning was over.
    started: OnceLock<Instant>,
    /// Requests that count against the budget.
    requests: AtomicU64,
    /// Those of them that scenarios made which are counted, and that were made before any was played.
    spent: AtomicU64,
    /// All requests, clean-up included.
    sent: AtomicU64,
    /// True once something was found: then a part of the time is kept for that.
    found: AtomicBool,
    /// When there was a request in flight.
    pub flight: Flight,
    /// How many scenarios may read a large answer at a time.
    large: Semaphore,
    tally: Mutex<Tally>,
    /// Tells this run's tokens from those of any other run.
    pub nonce: String,
    /// Groups of scenarios so far.
    groups: AtomicU64,
    /// The parameters that say how long a change may take.
    windows: Windows,
    /// The request ids so far, if the law says that none is repeated.
    request_ids: Mutex<RequestIds>,
}

impl Context {
    /// Nothing has been sent yet, and nothing is written to a file.
    fn new(law: Arc<Law>, options: RunOptions, observer: Arc<dyn Observer>, stop: Stop) -> Context {
        let on_loopback = options.url.as_ref().is_none_or(is_loopback);
        Context {
            tally: Mutex::new(Tally::new(&law)),
            large: Semaphore::new(MOST_LARGE),
            request_ids: Mutex::default(),
            windows: Windows::new(&law),
            nonce: nonce(&options),
            holdings: Holdings::new(options.max_resources),
            journal: None,
            law,
            options,
            observer,
            trace: None,
            stop,
            started: OnceLock::new(),
            requests: AtomicU64::new(0),
            spent: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            found: AtomicBool::new(false),
            flight: Flight::new(on_loopback),
            groups: AtomicU64::new(0),
        }
    }

    /// A number for a group of scenarios that are played together.
    fn next_group(&self) -> u64 {
        self.groups.fetch_add(1, Ordering::Relaxed)
    }

    /// What the tokens of one scenario of a group begin with. Depends on nothing that the target does, so that a run
    /// with the same seed and nonce sends the same tokens.
    pub fn tokens(&self, group: &str, number: usize) -> String {
        format!("eipcheck-{}-{group}-{number}", self.nonce)
    }

    /// Where time has to be waited for, a request asks for so little of it that even a late change is within the patience.
    pub fn shorten(&self, call: &mut Call) {
        if let Some(most) = self.options.waits_for() {
            let most = most.saturating_sub(self.options.tolerance.late).max(most / 2);
            self.windows.shorten(&self.law, call, most);
        }
    }

    /// Reads an answer, and notes a fault if another answer has had its id.
    ///
    /// # Errors
    ///
    /// It is none of the target's.
    fn read(&self, request: &Request, response: &HttpResponse) -> Result<Answer, NoAnswer> {
        let mut ids = self.request_ids.lock().unwrap_or_else(PoisonError::into_inner);
        again::read(&self.law, &mut ids, request, response)
    }

    /// The counts so far.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        // Counting does not panic half-way; a poisoned lock still holds sound counts.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when no further request should be sent to look for something.
    pub fn is_over(&self) -> bool {
        let most = self.options.max_time;
        // What was found is of little use if nobody has seen it again.
        let kept = self.found.load(Ordering::Relaxed) && self.options.shrink > 0;
        self.requests.load(Ordering::Relaxed) >= self.options.max_requests
            || kept && self.elapsed() >= most - most / KEPT_FOR_SHRINKING
            || self.is_at_its_end()
    }

    /// True when no further request should be sent but those that clean up. The budget of requests is for looking for
    /// something: what was found is made short, and seen again, beyond it.
    pub fn is_at_its_end(&self) -> bool {
        self.stop.is_stopped() || self.elapsed() >= self.options.max_time
    }

    /// True if somebody asked the run to stop.
    pub fn is_interrupted(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Requests sent so far, clean-up included.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until few others read large answers, if one of these is large. Whoever waits holds none, and whoever holds one waits
    /// for nobody.
    pub async fn wait_if_large(&self, mut exchanges: impl Iterator<Item = &Exchange>) -> Option<SemaphorePermit<'_>> {
        let is_large = |exchange: &Exchange| exchange.outcome.as_ref().is_ok_and(|answer| answer.body.len() > LARGE);
        match exchanges.any(is_large) {
            // Nobody closes the semaphore; if somebody did, there would only be no limit.
            true => self.large.acquire().await.ok(),
            false => None,
        }
    }

    /// Counts a request that was sent, whatever for.
    pub fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far that count against the budget.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Takes note of requests that a scenario made which is counted now.
    fn count_spent(&self, requests: u64) {
        self.spent.fetch_add(requests, Ordering::Relaxed);
    }

    /// What was left of the budget of requests when scenarios were last counted: unlike what is left at this moment, it
    /// does not depend on how fast the target answers those that are still waiting.
    pub fn requests_left(&self) -> u64 {
        self.options.max_requests.saturating_sub(self.spent.load(Ordering::Relaxed))
    }

    /// Counts a request against the budget.
    pub fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// How long the run has lasted, the planning not counted: how long that takes depends on the machine alone.
    pub fn elapsed(&self) -> Duration {
        self.started.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// Says how far the planning is; true if it should go on.
    pub fn plans_on(&self, left: usize, of: usize) -> bool {
        self.observer.event(&Event::Planning { left, of });
        !self.is_over()
    }

    /// True if the user wants this rule tested.
    pub fn wants(&self, rule: RuleIx) -> bool {
        self.options.wants(&self.law, rule)
    }

    /// The rules that the user wants tested.
    pub fn wanted(&self) -> RuleSet {
        self.law.rules().map(|(ix, _)| ix).filter(|ix| self.wants(*ix)).collect()
    }

    /// The rules that are known to be broken.
    pub fn broken(&self) -> Arc<RuleSet> {
        Arc::new(self.tally().broken())
    }
}

/// Gets ready to run a law against a target: what the workers share, and the ways to the target.
///
/// # Errors
///
/// The target cannot be addressed, or the trace cannot be written.
pub async fn begin(
    law: Arc<Law>,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<(Arc<Context>, Vec<Endpoint>), RunError> {
    begin_with(law, options, observer, stop, None).await
}

/// The same; `journal` is one to go on with, and the word that marks what its run made.
async fn begin_with(
    law: Arc<Law>,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    stop: Stop,
    journal: Option<(Journal, String)>,
) -> Result<(Arc<Context>, Vec<Endpoint>), RunError> {
    options.check_hosts(&law)?;
    let trace = options.out.as_ref().map(|dir| {
        let path = dir.join(crate::report::trace::FILE);
        TraceWriter::create(&path).map_err(|source| RunError::Trace { path: path.display().to_string(), source })
    });
    let endpoints = endpoints(&law, &options).await?;
    let target = options.url.as_ref().map_or_else(|| "embedded".to_owned(), ToString::to_string);
    observer.event(&Event::Started { target: &target, law: &law, options: &options });
    let (journal, nonce) = match (journal, &options.out) {
        (Some((journal, nonce)), _) => (Some(journal), Some(nonce)),
        (None, None) => (None, None),
        (None, Some(folder)) => {
            let nonce = nonce(&options);
            let fails = |source| RunError::Journal { path: folder.display().to_string(), source };
            (Some(ledger::open(folder, &law, &options, &nonce).map_err(fails)?), Some(nonce))
        }
    };
    let context = Context::new(law, options, observer, stop);
    let nonce = nonce.unwrap_or_else(|| context.nonce.clone());
    Ok((Arc::new(Context { trace: trace.transpose()?, journal, nonce, ..context }), endpoints))
}

/// Runs a law against a target. Watches `stop`, and comes to an orderly end when told to.
///
/// # Errors
///
/// The target cannot be used at all; a target that answers wrongly is what the report is for.
pub async fn run(
    law: Arc<Law>,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<Report, RunError> {
    run_suite(law, None, options, observer, stop).await
}

/// The same with a suite that has been planned before: for many runs of one law. A rule without a plan is looked for only
/// if the target lacks operations.
///
/// # Errors
///
/// As those of [`run`].
pub async fn run_planned(
    law: Arc<Law>,
    suite: Plans,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<Report, RunError> {
    run_suite(law, Some(suite), options, observer, stop).await
}

async fn run_suite(
    law: Arc<Law>,
    suite: Option<Plans>,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<Report, RunError> {
    let target = options.url.as_ref().map_or_else(|| "embedded".to_owned(), ToString::to_string);
    let (context, endpoints) = begin(law.clone(), options, observer, stop).await?;
    // Whoever named the wrong server wants to know before the planning, not after it.
    context.observer.event(&Event::Phase("looking for the target"));
    let give_up = |error: RunError| give_up(&context, &target, error);
    let yardstick = probe::yardstick(&context, &endpoints[0]).await.map_err(give_up)?;
    context.observer.event(&Event::Phase("planning the suite"));
    let wanted = context.wanted();
    // What is not wanted itself may still lead to where something else is worth a try.
    let all = suite.or_else(|| planned::built_in(&law));
    let mut plans = match &all {
        Some(all) => all.clone(),
        None => suite::plan_wanted(&law, &wanted, &|left, of| context.plans_on(left, of)),
    };
    plans.retain(|rule, _| wanted.contains(*rule));
    let of = wanted.iter().filter(|rule| !law.is_up_to_target(*rule)).count();
    context.observer.event(&Event::Planned { reached: plans.len(), of });
    context.started.get_or_init(Instant::now);
    context.observer.event(&Event::Phase("probing the target"));
    let operations = probe::probe(&context, &endpoints[0], &plans, &yardstick).await.map_err(give_up)?;
    let implemented: Vec<bool> = operations.iter().map(|o| o.implemented).collect();
    let available: Available = Arc::new(move |ix| implemented[ix.0 as usize]);
    let atlas = Arc::new(Atlas::new(&law, &*available));
    let workers = Workers::new(context.clone(), endpoints, atlas);
    context.count_spent(context.requests());
    context.observer.event(&Event::Phase("running the suite"));
    let mut random = Sequences::new(&workers, &*available);
    let overlaps = overlap::start_planning(&workers, &plans, &available);
    let around = around::start_planning(&workers, &plans, all.as_ref().unwrap_or(&plans), &available);
    let put_off = suite::run(&workers, &plans, &available, &mut random).await;
    context.observer.event(&Event::Phase("running requests that overlap"));
    overlap::run(&workers, overlaps).await;
    context.observer.event(&Event::Phase("running variations of the suite"));
    around::run(&workers, around).await;
    context.observer.event(&Event::Phase("running random sequences"));
    // What has been waited for in vain is known once it is gathered; until then there is something else to do.
    if workers.room.waiting() > 0 {
        random.play_beside(&workers, put_off.len()).await;
        shrink::shrink(&workers, &plans, context.options.shrink).await;
        workers.gather().await;
    }
    random.play_on(&workers, put_off.len()).await;
    suite::run_put_off(&workers, put_off).await;
    shrink::shrink(&workers, &plans, context.options.shrink).await;
    let mut report = summary::report(&context, &target, &operations, &plans);
    if let Some(out) = &context.options.out {
        folders::write(&context, out, &mut report).map_err(|(path, source)| RunError::Findings { path, source })?;
    }
    context.observer.event(&Event::Finished { report: &report });
    Ok(report)
}

/// Leaves a report of a run that came to nothing, so that nobody takes an earlier one for it.
fn give_up(context: &Context, target: &str, error: RunError) -> RunError {
    let mut report = summary::of_nothing(context, target, &error.to_string());
    let written = context.options.out.as_ref().map_or(Ok(()), |out| {
        let written = folders::write(context, out, &mut report).map_err(|(_, error)| error);
        written.and_then(|()| report.write(&out.join(crate::report::data::FILE)))
    });
    if let Err(error) = written {
        tracing::warn!(%error, "the report is lost");
    }
    error
}

/// What tells the tokens of this run from those of any other. A server of this run's own has met no other run's tokens,
/// so that there the seed will do.
fn nonce(options: &RunOptions) -> String {
    let seed = match &options.url {
        None => options.seed,
        Some(_) => random_word(),
    };
    format!("{:016x}", Dice::new(seed).roll())
}

/// A word that nobody else has thought of.
fn random_word() -> u64 {
    // The keys of a hasher are as random as the system can make them.
    RandomState::new().hash_one(std::process::id())
}

async fn endpoints(law: &Arc<Law>, options: &RunOptions) -> Result<Vec<Endpoint>, RunError> {
    let own = |clock: Clock, seed| embedded(law, options, clock, seed);
    Ok(match (&options.url, options.pace) {
        (Some(url), Pace::Real) => vec![endpoint(law, options, url.clone(), Clock::real(), None)?],
        (Some(url), Pace::Scaled(times)) => vec![endpoint(law, options, url.clone(), Clock::scaled(times), None)?],
        (Some(url), Pace::Driven) => {
            let clock = Clock::of_target(url, options.timeout).await?;
            vec![endpoint(law, options, url.clone(), clock, None)?]
        }
        (None, Pace::Real) => vec![own(Clock::real(), options.seed).await?],
        (None, Pace::Scaled(times)) => vec![own(Clock::scaled(times), options.seed).await?],
        (None, Pace::Driven) => {
            let mut endpoints = Vec::new();
            for worker in 0..options.jobs.max(1) as u64 {
                endpoints.push(own(Clock::driven(), options.seed.wrapping_add(worker)).await?);
            }
            endpoints
        }
    })
}

/// Tells which operations a target implements.
pub type Available = Arc<dyn Fn(OperationIx) -> bool + Send + Sync>;

async fn embedded(law: &Arc<Law>, options: &RunOptions, clock: Clock, seed: u64) -> Result<Endpoint, RunError> {
    let reference = Reference::new(law.clone(), seed, clock.clone());
    let server = start(reference, 0).await.map_err(RunError::Listen)?;
    let url = Url::parse(&format!("http://{}", server.address))
        .map_err(|_| TargetError::Url { url: server.address.to_string(), why: "it is not a URL" })?;
    endpoint(law, options, url, clock, Some(server))
}

fn endpoint(
    law: &Law,
    options: &RunOptions,
    url: Url,
    clock: Clock,
    server: Option<Running>,
) -> Result<Endpoint, RunError> {
    let target_options = endpoint_options(law, options, &url)?;
    let target = HttpTarget::new(url, target_options)?;
    Ok(Endpoint { target, clock, _server: server })
}

/// How requests to a target at this URL are signed and sent.
fn endpoint_options(law: &Law, options: &RunOptions, url: &Url) -> Result<TargetOptions, RunError> {
    let more = options.endpoints.clone();
    let loopback = std::iter::once(url).chain(more.iter().map(|(_, url)| url)).all(is_loopback);
    let credentials = Credentials::from_env_or_dummy(&law.credentials, loopback)?;
    let signer = Signer::new(credentials, options.region.clone(), options.manner);
    Ok(TargetOptions { signer, timeout: options.timeout, endpoints: more })
}

/// An answer of more bytes than this is large: it takes several times as much memory while it is written down and read.
const LARGE: usize = 256 << 10;
/// Scenarios that may read a large answer at a time.
const MOST_LARGE: usize = 2;
/// Of the longest time, the part that is kept for making findings short, if there are any: one of so many.
const KEPT_FOR_SHRINKING: u32 = 4;

/// The workers of a run.
#[derive(Clone)]
pub struct Workers {
    /// What they share.
    pub context: Arc<Context>,
    /// The targets. Of several, each is for one scenario at a time.
    pub endpoints: Arc<Vec<Endpoint>>,
    /// What the target's operations are good for.
    pub atlas: Arc<Atlas>,
    /// Who may send requests.
    turns: Arc<Turns>,
    /// Scenarios that wait for long.
    room: Room,
}

impl Workers {
    /// Workers that play scenarios at these targets.
    pub fn new(context: Arc<Context>, endpoints: Vec<Endpoint>, atlas: Arc<Atlas>) -> Workers {
        let turns = Arc::new(Turns::new(context.options.jobs));
        Workers { context, endpoints: Arc::new(endpoints), atlas, turns, room: Room::default() }
    }

    /// How many scenarios can be under way. Who moves a clock moves it for all who go by it, so that there is one for each
    /// clock that is moved; others can wait side by side.
    fn most_under_way(&self) -> usize {
        if self.endpoints[0].clock.is_moved() { self.endpoints.len() } else { MOST_UNDER_WAY }
    }

    /// A scenario before its first step, at the endpoint of one worker. `tokens` is what its tokens begin with.
    fn session<'a>(
        &'a self,
        worker: usize,
        scenario: &'a Scenario,
        muted: &Arc<RuleSet>,
        tokens: String,
    ) -> Session<'a> {
        let options = &self.context.options;
        let tolerance = options.tolerance.lagging(options.consistency);
        let settings = Settings { tolerance, muted: muted.clone() };
        let endpoint = &self.endpoints[worker % self.endpoints.len()];
        let mut session = Session::new(&self.context, endpoint, &self.atlas, scenario, settings, tokens);
        session.in_vain = self.context.tally().waited_for_in_vain();
        session
    }
}

/// By how much a change may miss its window unless somebody says otherwise. Servers look for what is due in rounds, of a
/// second mostly, and at busy times not in every round; five seconds are more than such a delay, and less than what
/// distinguishes a drain that ends from one that does not.
pub const TOLERANCE: Tolerance = Tolerance { early: Tolerance::MOST_EARLY, late: Duration::from_secs(5) };
