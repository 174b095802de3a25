//! A run: scenarios against a target, judged by the oracle, cleaned up, and summed up in a report.
//!
//! A run goes through four rooms, each a module:
//!
//! 1. [`probe`]: which operations does the target implement?
//! 2. [`suite`]: one short scenario for each rule, the same every time.
//! 3. [`random`]: seeded sequences.
//! 4. [`summary`]: the report.
//!
//! [`session`] plays one scenario, [`again`] sees whether a violation comes again, [`cleanup`] removes what it created, [`tally`] counts, [`event`] tells whoever wants
//! to watch; [`recheck`] judges a trace again. The randomness of a run comes from its seed alone, and its order of work does not depend on how fast the
//! target answers, so that the same seed sends the same requests.
//!
//! Imports every floor below: `report`'s data, `reference` for the embedded target, `scenario`, `oracle`, `target`.

pub mod again;
pub mod cleanup;
pub mod event;
pub mod flight;
pub mod probe;
pub mod random;
pub mod recheck;
pub mod session;
pub mod suite;
pub mod summary;
pub mod tally;

use std::{
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use globset::GlobSet;
use rustc_hash::FxHashSet;
use url::Url;

use self::{
    event::{Event, Observer},
    flight::Flight,
    random::Sequences,
    session::{Played, Scenario, Session},
    tally::Tally,
};
use crate::{
    model::forward::Dice,
    oracle::{RuleSet, Settings},
    reference::server::{Reference, Running, start},
    report::{data::Report, trace::TraceWriter},
    scenario::atlas::Atlas,
    spec::{
        file::WireFault,
        law::{Law, OperationIx, ProductIx, RuleIx},
    },
    target::{HttpTarget, NoAnswer, TargetError, TargetOptions, clock::Clock, http::is_loopback},
    wire::Answer,
    wire::sign::{Credentials, Manner, SignError, Signer},
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
    /// How requests are signed and sent.
    pub manner: Manner,
    /// The seed of the random sequences.
    pub seed: u64,
    /// The most requests, clean-up not counted.
    pub max_requests: u64,
    /// The longest time, planning and clean-up not counted.
    pub max_time: Duration,
    /// How many scenarios are in flight.
    pub jobs: usize,
    /// Rules to test; none for all.
    pub only: Option<GlobSet>,
    /// Rules not to test.
    pub skip: Option<GlobSet>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long a transition without a bound is waited for.
    pub patience: Duration,
    /// Where the trace goes; none for no trace.
    pub out: Option<PathBuf>,
}

/// Why a run could not be had.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The target cannot be addressed.
    #[error(transparent)]
    Target(#[from] TargetError),
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
        "the target {url} does not speak the protocol: none of the {operations} operations of the law is implemented ({evidence})"
    )]
    Unusable {
        /// The target.
        url: String,
        /// How many operations were tried.
        operations: usize,
        /// What it answered.
        evidence: String,
    },
    /// The embedded server cannot listen.
    #[error("the embedded server cannot listen on the loopback interface")]
    Listen(#[source] std::io::Error),
    /// The trace cannot be written.
    #[error("cannot write the trace to {path}")]
    Trace {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A target as one worker sees it. Each worker of the embedded target has a server and a clock of its own, so that one
/// scenario's skipping of time does not end another one's drain.
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
    stop: Stop,
    /// When the planning was over.
    started: OnceLock<Instant>,
    /// Requests that count against the budget.
    requests: AtomicU64,
    /// All requests, clean-up included.
    sent: AtomicU64,
    /// When there was a request in flight.
    pub flight: Flight,
    tally: Mutex<Tally>,
    /// Tells this run's tokens from those of any other run.
    pub nonce: String,
    /// Groups of scenarios so far.
    groups: AtomicU64,
    /// Every request id so far, if the law says that none is repeated.
    request_ids: Mutex<RequestIds>,
}

impl Context {
    /// A number for a group of scenarios that are played together.
    fn next_group(&self) -> u64 {
        self.groups.fetch_add(1, Ordering::Relaxed)
    }

    /// What the tokens of one scenario of a group begin with. Depends on nothing that the target does, so that a run
    /// with the same seed and nonce sends the same tokens.
    pub fn tokens(&self, group: &str, number: usize) -> String {
        format!("eipcheck-{}-{group}-{number}", self.nonce)
    }

    /// Takes note of the id of an answer, and notes a fault if another answer has had it.
    pub fn note_request_id(&self, answer: &mut Answer) {
        self.request_ids.lock().unwrap_or_else(PoisonError::into_inner).note(&self.law, answer);
    }

    /// The counts so far.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        // Counting does not panic half-way; a poisoned lock still holds sound counts.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True when no further request should be sent but those that clean up.
    pub fn is_over(&self) -> bool {
        self.stop.is_stopped()
            || self.requests.load(Ordering::Relaxed) >= self.options.max_requests
            || self.elapsed() >= self.options.max_time
    }

    /// True if somebody asked the run to stop.
    pub fn is_interrupted(&self) -> bool {
        self.stop.is_stopped()
    }

    /// Requests sent so far, clean-up included.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Counts a request that was sent, whatever for.
    pub fn count_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests so far that count against the budget.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// What is left of the budget.
    pub fn requests_left(&self) -> u64 {
        self.options.max_requests.saturating_sub(self.requests())
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
        let id = &*self.law[rule].id;
        self.options.only.as_ref().is_none_or(|only| only.is_match(id))
            && !self.options.skip.as_ref().is_some_and(|skip| skip.is_match(id))
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

/// The request ids of a run.
#[derive(Debug, Default)]
pub struct RequestIds(FxHashSet<Arc<str>>);

impl RequestIds {
    /// Takes note of the id of an answer, and notes a fault if it is not the first with it. Nothing is kept where the law
    /// does not mind.
    pub fn note(&mut self, law: &Law, answer: &mut Answer) {
        let Some(id) =
            answer.request_id.as_ref().filter(|_| law.wire_rules.contains_key(&WireFault::RepeatedRequestId))
        else {
            return;
        };
        if !self.0.insert(id.clone()) {
            answer.faults.push(WireFault::RepeatedRequestId);
        }
    }
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
    let trace = options.out.as_ref().map(|dir| {
        let path = dir.join(crate::report::trace::FILE);
        TraceWriter::create(&path).map_err(|source| RunError::Trace { path: path.display().to_string(), source })
    });
    let endpoints = endpoints(&law, &options).await?;
    let target = options.url.as_ref().map_or_else(|| "embedded".to_owned(), ToString::to_string);
    observer.event(&Event::Started { target: &target, law: &law, options: &options });
    let context = Arc::new(Context {
        tally: Mutex::new(Tally::new(&law)),
        request_ids: Mutex::default(),
        law: law.clone(),
        nonce: nonce(&options),
        options,
        observer,
        trace: trace.transpose()?,
        stop,
        started: OnceLock::new(),
        requests: AtomicU64::new(0),
        sent: AtomicU64::new(0),
        flight: Flight::default(),
        groups: AtomicU64::new(0),
    });
    // Whoever named the wrong server wants to know before the planning, not after it.
    context.observer.event(&Event::Phase("looking for the target"));
    let yardstick = probe::yardstick(&context, &endpoints[0]).await?;
    context.observer.event(&Event::Phase("planning the suite"));
    let wanted = context.wanted();
    let plans = suite::plan_wanted(&law, &wanted, &|left, of| context.plans_on(left, of));
    context.observer.event(&Event::Planned { reached: plans.len(), of: wanted.len() });
    context.started.get_or_init(Instant::now);
    context.observer.event(&Event::Phase("probing the target"));
    let operations = probe::probe(&context, &endpoints[0], &plans, &yardstick).await?;
    let implemented: Vec<bool> = operations.iter().map(|o| o.implemented).collect();
    let available: Available = Arc::new(move |ix| implemented[ix.0 as usize]);
    let atlas = Arc::new(Atlas::new(&law, &*available));
    let workers = Workers { context: context.clone(), endpoints: Arc::new(endpoints), atlas: atlas.clone() };
    context.observer.event(&Event::Phase("running the suite"));
    let mut random = Sequences::new(&workers, &*available);
    suite::run(&workers, &plans, &available, &mut random).await;
    context.observer.event(&Event::Phase("running random sequences"));
    random.play_on(&workers).await;
    let report = summary::report(&context, &target, &operations, &plans);
    context.observer.event(&Event::Finished { report: &report });
    Ok(report)
}

/// What tells the tokens of this run from those of any other. A server of this run's own has met no other run's tokens,
/// so that there the seed will do.
fn nonce(options: &RunOptions) -> String {
    let seed = match &options.url {
        None => options.seed,
        // The keys of a hasher are as random as the system can make them.
        Some(_) => RandomState::new().hash_one(std::process::id()),
    };
    format!("{:016x}", Dice::new(seed).roll())
}

async fn endpoints(law: &Arc<Law>, options: &RunOptions) -> Result<Vec<Endpoint>, RunError> {
    let mut endpoints = Vec::new();
    for worker in 0..options.jobs.max(1) {
        let (url, clock, server) = match &options.url {
            Some(url) => (url.clone(), Clock::real(), None),
            None => {
                let clock = Clock::driven();
                let reference = Reference::new(law.clone(), options.seed.wrapping_add(worker as u64), clock.clone());
                let server = start(reference, 0).await.map_err(RunError::Listen)?;
                let url = Url::parse(&format!("http://{}", server.address))
                    .map_err(|_| TargetError::Url { url: server.address.to_string(), why: "it is not a URL" })?;
                (url, clock, Some(server))
            }
        };
        let more = options.endpoints.clone();
        let loopback = std::iter::once(&url).chain(more.iter().map(|(_, url)| url)).all(is_loopback);
        let credentials = Credentials::from_env_or_dummy(&law.credentials, loopback)?;
        let signer = Signer::new(credentials, options.region.clone(), options.manner);
        let target = HttpTarget::new(url, TargetOptions { signer, timeout: options.timeout, endpoints: more })?;
        endpoints.push(Endpoint { target, clock, _server: server });
    }
    // Workers on one real target share its connections and its clock.
    if options.url.is_some() {
        let (target, clock) = (endpoints[0].target.clone(), endpoints[0].clock.clone());
        for endpoint in &mut endpoints[1..] {
            (endpoint.target, endpoint.clock) = (target.clone(), clock.clone());
        }
    }
    Ok(endpoints)
}

/// Tells which operations a target implements.
pub type Available = Arc<dyn Fn(OperationIx) -> bool + Send + Sync>;

/// The workers of a run: one endpoint each.
#[derive(Clone)]
pub struct Workers {
    /// What they share.
    pub context: Arc<Context>,
    /// One for each.
    pub endpoints: Arc<Vec<Endpoint>>,
    /// What the target's operations are good for.
    pub atlas: Arc<Atlas>,
}

impl Workers {
    /// A scenario before its first step, at the endpoint of one worker. `tokens` is what its tokens begin with.
    fn session<'a>(
        &'a self,
        worker: usize,
        scenario: &'a Scenario,
        muted: &Arc<RuleSet>,
        tokens: String,
    ) -> Session<'a> {
        let settings = Settings { tolerance: TOLERANCE, muted: muted.clone() };
        Session::new(&self.context, &self.endpoints[worker], &self.atlas, scenario, settings, tokens)
    }

    /// Plays scenarios, as many at a time as there are workers, and tallies them in their order, not in the order in
    /// which they end.
    pub async fn play(&self, scenarios: Vec<Scenario>, muted: Arc<RuleSet>) {
        let scenarios = Arc::new(scenarios);
        let group = self.context.next_group().to_string();
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for worker in 0..self.endpoints.len().min(scenarios.len()) {
            let (this, scenarios, next, muted) = (self.clone(), scenarios.clone(), next.clone(), muted.clone());
            let group = group.clone();
            tasks.spawn(async move {
                let mut played = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scenario) = scenarios.get(number) else { return played };
                    if this.context.is_over() {
                        return played;
                    }
                    let tokens = this.context.tokens(&group, number);
                    let result = this.session(worker, scenario, &muted, tokens).play().await;
                    this.context.observer.event(&Event::Played { context: &this.context, result: &result });
                    played.push((number, result));
                }
            });
        }
        let mut results: Vec<(usize, Played)> = Vec::with_capacity(scenarios.len());
        while let Some(played) = tasks.join_next().await {
            // A worker that panicked has lost its scenarios; the others go on.
            results.extend(played.unwrap_or_default());
        }
        results.sort_by_key(|(number, _)| *number);
        again::confirm(self, &group, &scenarios, &mut results, &muted).await;
        let mut tally = self.context.tally();
        for (_, result) in results {
            tally.add(&self.context, result);
        }
    }
}

/// Seconds by which a transition may be late: a target's clock runs on, and answers take time.
pub const TOLERANCE: i64 = 5;
