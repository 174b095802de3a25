//! What the benches share: the built-in law, and conversations with its reference such as a run has, part by part.

// Each bench is a crate of its own and uses what it needs.
#![allow(dead_code, reason = "each bench uses a part of it")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use url::Url;

use eipcheck::{
    model::{
        forward::Forward,
        time::{Interval, Moment},
    },
    oracle::{Oracle, Settings, judge::Verdict},
    run::{RunOptions, TOLERANCE, session},
    scenario::{
        atlas::Atlas,
        step::Call,
        strategy::{Strategies, Walk},
    },
    spec::{
        file::Protocol,
        law::{Law, OperationIx},
        load::{SpecSource, clouds, load},
    },
    target::{Exchange, clock::Pace, permits::Permits},
    wire::{
        self, Answer, Body, Request, Style,
        http::HttpResponse,
        sign::{Credentials, Manner, Signer, Stamp},
    },
};

/// The same as the command line has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests that a conversation makes by itself, looks not counted: as many as a random sequence of a run.
const LENGTH: usize = 16;
/// How long a request takes, in microseconds.
const REQUEST: u64 = 100;
/// What the conversations are drawn from.
pub const SEED: u64 = 1;

/// The built-in law that `EIPCHECK_BENCH_CLOUD` names, or the first one.
pub fn law() -> Arc<Law> {
    let first = || clouds(&SpecSource::BuiltIn).expect("the built-in law is sound").remove(0);
    law_of(&std::env::var("EIPCHECK_BENCH_CLOUD").unwrap_or_else(|_| first()))
}

/// A built-in law.
pub fn law_of(cloud: &str) -> Arc<Law> {
    Arc::new(load(&SpecSource::BuiltIn, cloud, &[]).expect("the built-in law is sound"))
}

/// Scenarios that work at a time, as by default.
pub const JOBS: usize = 8;

/// A run against the embedded server, on the clock of this pace.
pub fn run_options(law: &Law, requests: u64, pace: Pace) -> RunOptions {
    RunOptions {
        url: None,
        endpoints: Vec::new(),
        permits: Permits::default(),
        region: law.region.clone(),
        manner: Manner::choose(law.wire.protocol, None, None).expect("a protocol has a usual manner"),
        seed: SEED,
        max_requests: requests,
        max_time: Duration::from_secs(3600),
        jobs: JOBS,
        clients: 4,
        only: None,
        skip: None,
        max_resources: None,
        shrink: 0,
        timeout: Duration::from_secs(30),
        patience: Duration::from_secs(15),
        pace,
        tolerance: TOLERANCE,
        consistency: None,
        out: None,
    }
}

/// True if every bench should only do its work once, to show that it can.
pub fn only_testing() -> bool {
    std::env::args().any(|a| a == "--test") || !std::env::args().any(|a| a == "--bench")
}

/// Something that an oracle hears of.
#[allow(clippy::large_enum_variant, reason = "nearly all of them are answers")]
pub enum Turn {
    /// A request was answered.
    Answered {
        /// The request.
        request: Request,
        /// When.
        interval: Interval,
        /// The answer.
        answer: Answer,
        /// The answer as it came.
        response: HttpResponse,
    },
    /// It is later than it was.
    Passed(Moment),
}

/// The parts of a checked request.
#[derive(Clone, Copy)]
pub enum Part {
    /// Choosing a request that the law has something to say about.
    Generate,
    /// Finding out what must be looked at.
    Look,
    /// Writing the request.
    Encode,
    /// Signing it.
    Sign,
    /// Reading the request, as the server.
    Receive,
    /// Answering it from the model, as the server.
    Answer,
    /// Writing the answer, as the server.
    Reply,
    /// Keeping what was sent and received.
    Record,
    /// Reading the answer.
    Decode,
    /// Judging it.
    Judge,
}

impl Part {
    /// Each of them, in the order in which they happen.
    pub const ALL: [Part; 10] = [
        Part::Generate,
        Part::Look,
        Part::Encode,
        Part::Sign,
        Part::Receive,
        Part::Answer,
        Part::Reply,
        Part::Record,
        Part::Decode,
        Part::Judge,
    ];

    /// What it is called in a table.
    pub fn name(self) -> &'static str {
        match self {
            Part::Generate => "harness: generate (next, resolve, foresee)",
            Part::Look => "harness: find what to look at",
            Part::Encode => "harness: encode the request",
            Part::Sign => "harness: sign the request",
            Part::Receive => "server:  decode the request",
            Part::Answer => "server:  answer from the model",
            Part::Reply => "server:  encode the answer",
            Part::Record => "harness: keep the exchange",
            Part::Decode => "harness: decode the answer",
            Part::Judge => "harness: judge",
        }
    }
}

/// The time that each part has taken, over so many requests.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    parts: [Duration; Part::ALL.len()],
    /// The requests.
    pub requests: u64,
}

impl Shares {
    fn time<T>(&mut self, part: Part, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.parts[part as usize] += start.elapsed();
        result
    }

    /// What a part takes of a request on average, in microseconds.
    pub fn micros(&self, part: Part) -> f64 {
        self.parts[part as usize].as_secs_f64() * 1e6 / self.requests.max(1) as f64
    }
}

/// Somebody who talks with references of a law.
pub struct Talker {
    /// The law.
    pub law: Arc<Law>,
    /// What its operations are good for.
    pub atlas: Atlas,
    /// Where requests come from.
    pub strategies: Strategies,
    signer: Signer,
}

impl Talker {
    /// Somebody who uses all of the law.
    pub fn new(law: Arc<Law>) -> Talker {
        let atlas = Atlas::new(&law, |_| true);
        let strategies = Strategies::new(&law, |_| true);
        let credentials = Credentials { access_key: "bench".into(), secret_key: "bench".into(), session_token: None };
        let manner = Manner::choose(law.wire.protocol, None, None).expect("a protocol has a usual manner");
        let signer = Signer::new(credentials, law.region.clone(), manner);
        Talker { law, atlas, strategies, signer }
    }

    /// A conversation with an empty reference: a random sequence with its looks, as in a run, but without a network.
    pub fn talk(&self, number: u64, shares: &mut Shares, heard: &mut impl FnMut(Turn)) {
        let settings = Settings { tolerance: TOLERANCE, muted: Arc::default() };
        let mut talk = Talk {
            with: self,
            forward: Forward::new(self.law.clone(), number),
            oracle: Oracle::new(self.law.clone(), settings),
            now: Moment(0),
            over: false,
            shares,
            heard,
        };
        let mut walk = Walk::new(&self.strategies, SEED, number);
        for _ in 0..LENGTH {
            if talk.over {
                return;
            }
            if talk.is_changing() && walk.below(4) == 0 {
                talk.settle();
                continue;
            }
            let Some(call) = talk.draw(&mut walk) else {
                talk.look_around();
                continue;
            };
            talk.call(&call);
            let refused = talk.oracle.worlds().first().is_some_and(|w| w.iter().any(|(_, r)| !r.claims.is_empty()));
            if refused && walk.below(2) == 0 {
                talk.look_around();
            }
        }
        talk.look_around();
    }

    /// Conversations with at least so many requests, as the oracle heard them.
    pub fn record(&self, requests: u64) -> Vec<Vec<Turn>> {
        let mut shares = Shares::default();
        let mut talks = Vec::new();
        while shares.requests < requests {
            let mut turns = Vec::new();
            self.talk(talks.len() as u64, &mut shares, &mut |turn| turns.push(turn));
            talks.push(turns);
        }
        talks
    }
}

struct Talk<'t, H> {
    with: &'t Talker,
    forward: Forward,
    oracle: Oracle,
    now: Moment,
    /// The oracle cannot follow any more.
    over: bool,
    shares: &'t mut Shares,
    heard: &'t mut H,
}

impl<H: FnMut(Turn)> Talk<'_, H> {
    fn is_changing(&self) -> bool {
        self.oracle.worlds().iter().any(|w| !w.timers.is_empty())
    }

    fn draw(&mut self, walk: &mut Walk<'_>) -> Option<Call> {
        let (law, atlas, oracle) = (&self.with.law, &self.with.atlas, &self.oracle);
        self.shares.time(Part::Generate, || {
            for _ in 0..8 {
                let Some(call) = walk.next(atlas, oracle.worlds()) else { continue };
                let Some(request) = call.resolve(law, oracle.worlds(), "eipcheck") else { continue };
                if !oracle.foresee(&request).is_empty() {
                    return Some(call);
                }
            }
            None
        })
    }

    fn look_around(&mut self) {
        let with = self.with;
        let looks = self.shares.time(Part::Look, || with.atlas.looks_at_unconfirmed(&with.law, self.oracle.worlds()));
        looks.iter().for_each(|look| self.call(look));
    }

    fn settle(&mut self) {
        let with = self.with;
        let looks = self.shares.time(Part::Look, || with.atlas.looks_at_changing(&with.law, self.oracle.worlds()));
        let latest = self.oracle.worlds().iter().flat_map(|w| &w.timers).filter_map(|t| t.latest).max();
        for moment in [self.forward.settled_at(), latest].into_iter().flatten() {
            self.now = self.now.max(Moment(moment.0 + REQUEST));
        }
        self.forward.pass_time(self.now);
        self.oracle.pass_time(self.now);
        (self.heard)(Turn::Passed(self.now));
        looks.iter().for_each(|look| self.call(look));
    }

    /// One request on its whole way, but for the network.
    fn call(&mut self, call: &Call) {
        let law = &self.with.law;
        let Some(request) = call.resolve(law, self.oracle.worlds(), "eipcheck").filter(|_| !self.over) else { return };
        let shares = &mut *self.shares;
        shares.requests += 1;
        let product = law[request.operation].product;
        let url = Url::parse("http://127.0.0.1:8000/").expect("it is a URL");
        let body = shares.time(Part::Encode, || wire::encode_request(law, &request));
        let signed = shares.time(Part::Sign, || self.with.signer.request(law, product, &url, body, &Stamp::now()));
        let sent = signed.expect("a request can be signed");
        let came = shares.time(Part::Receive, || wire::decode_request(law, &sent));
        let came = came.expect("what was encoded can be decoded");
        let operation = came.operation;
        let from = self.now;
        let at = Moment(from.0 + REQUEST / 2);
        let answer = shares.time(Part::Answer, || self.forward.answer(&came, at));
        let response = shares.time(Part::Reply, || reply(law, operation, &answer));
        self.now = Moment(from.0 + REQUEST);
        let interval = Interval { from, to: self.now };
        let exchange = Exchange { request: sent, outcome: Ok(response.clone()) };
        black_box(shares.time(Part::Record, || session::record(&exchange, interval)));
        let answer = shares.time(Part::Decode, || wire::decode_answer(law, operation, &response));
        let judgement = shares.time(Part::Judge, || self.oracle.judge(&request, interval, &answer));
        self.now = Moment(self.now.0 + 1);
        match judgement.verdict {
            Verdict::Explained => {}
            // Too many worlds: a run gives the scenario up here.
            Verdict::Indeterminate(_) => {
                self.over = true;
                return;
            }
            Verdict::Violation(v) => panic!(
                "the reference keeps its own law: {} got {answer:?}, but {} allows {}",
                call.display(law),
                law[v.rule].id,
                v.allowed
            ),
        }
        (self.heard)(Turn::Answered { request, interval, answer, response });
    }
}

/// An answer as the server sends it.
pub fn reply(law: &Law, operation: OperationIx, answer: &Answer) -> HttpResponse {
    let id = answer.request_id.as_deref().unwrap_or_default();
    let style = Style { json: law.wire.protocol == Protocol::Rpc, host: "127.0.0.1".into() };
    let body = match &answer.body {
        Body::Success(tree) => wire::encode_success(law, &style, operation, id, tree),
        Body::Error { code, message } => wire::encode_error(law, &style, id, code, message),
        Body::Unreadable { why } => panic!("the reference writes what can be read, not {why}"),
    };
    let headers = vec![("content-type".to_owned(), wire::answer_type(law, &style).to_owned())];
    HttpResponse { status: answer.status, headers, body }
}

/// The time that the cores have spent on this process; none if the system does not say.
pub fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name in parentheses, the 12th and 13th number are the ticks in user mode and in the system's.
    let mut numbers = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let ticks = numbers.next()?.parse::<u64>().ok()? + numbers.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// The memory of this process that is resident, in KiB; none where the system does not say.
pub fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
