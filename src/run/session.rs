//! One scenario played against a target.

use std::{sync::Arc, time::Duration};

use super::{Context, Endpoint, cleanup};
use crate::{
    model::{
        time::{Interval, Moment},
        value::Handle,
    },
    oracle::{
        MOST_WORLDS, Oracle, RuleSet, Settings,
        judge::{Verdict, Violation},
    },
    report::{
        data::{Exchange, Leftover, RawAnswer},
        trace::Place,
    },
    scenario::{
        atlas::Atlas,
        step::{Call, Step},
        strategy::{Strategies, Walk},
    },
    spec::law::{Change, Demand, KindIx, Law, OperationIx, OutputFrom, Path, RuleIx, ShownFrom},
    target,
    wire::{self, Answer, Body, Request, Tree},
};

/// So many possible worlds make a random sequence wait until they are fewer.
const MANY_WORLDS: usize = MOST_WORLDS / 16;

/// How often a throttled request is sent again.
const TRIES: u32 = 6;
/// The first pause before that; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(50);

/// What a session plays.
#[derive(Clone)]
pub enum Scenario {
    /// Steps that were planned, to exercise a rule.
    Planned {
        /// The rule.
        rule: RuleIx,
        /// The steps.
        steps: Vec<Step>,
    },
    /// A random walk.
    Random {
        /// Where its requests come from.
        strategies: Arc<Strategies>,
        /// Its number in the run.
        number: u64,
        /// How many requests it makes.
        length: usize,
    },
}

impl Scenario {
    /// A rule's id, or `random-N`.
    pub fn name(&self, law: &Law) -> String {
        match self {
            Scenario::Planned { rule, .. } => law[*rule].id.to_string(),
            Scenario::Random { number, .. } => format!("random-{number}"),
        }
    }
}

/// What came of a scenario.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Its name.
    pub name: String,
    /// The rule that it was played for, if any.
    pub goal: Option<RuleIx>,
    /// The rules that answers kept, as often as they did.
    pub passes: Vec<RuleIx>,
    /// The violations, each with the number of steps that led to it.
    pub violations: Vec<(Violation, usize)>,
    /// Why it ended before its end, if it did so without a violation.
    pub indeterminate: Option<String>,
    /// The steps that were taken.
    pub steps: Vec<Step>,
    /// What was sent and received: for each exchange the step that it belongs to.
    pub exchanges: Vec<(usize, Exchange)>,
    /// Requests whose answers were judged.
    pub judged: u64,
    /// The most states that were possible at once.
    pub most_worlds: usize,
    /// What could not be deleted.
    pub leftovers: Vec<Leftover>,
}

/// Something that a target has created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// What it is.
    pub kind: KindIx,
    /// Its id.
    pub id: Arc<str>,
}

/// Why a scenario goes no further.
enum End {
    /// A violation was recorded.
    Violation,
    /// Nothing more can be learnt.
    Indeterminate(String),
    /// The run is over.
    Over,
}

/// A scenario in progress.
pub struct Session<'a> {
    pub(super) context: &'a Context,
    pub(super) endpoint: &'a Endpoint,
    pub(super) atlas: &'a Atlas,
    scenario: &'a Scenario,
    pub(super) oracle: Oracle,
    muted: Arc<RuleSet>,
    /// What the tokens of this session begin with.
    pub(super) tokens: String,
    /// How many tokens the clean-up has used.
    pub(super) spent: u32,
    pub(super) created: Vec<Created>,
    /// Requests that the target accepted.
    pub(super) accepted: Vec<Request>,
    /// True once the scenario itself is over.
    pub(super) cleaning: bool,
    pub(super) played: Played,
}

impl<'a> Session<'a> {
    /// A scenario before its first step. `tokens` is what its tokens begin with; no other scenario's may.
    pub fn new(
        context: &'a Context,
        endpoint: &'a Endpoint,
        atlas: &'a Atlas,
        scenario: &'a Scenario,
        settings: Settings,
        tokens: String,
    ) -> Self {
        let goal = match scenario {
            Scenario::Planned { rule, .. } => Some(*rule),
            Scenario::Random { .. } => None,
        };
        Session {
            context,
            endpoint,
            atlas,
            scenario,
            muted: settings.muted.clone(),
            tokens,
            spent: 0,
            oracle: Oracle::new(context.law.clone(), settings),
            created: Vec::new(),
            accepted: Vec::new(),
            cleaning: false,
            played: Played { name: scenario.name(&context.law), goal, ..Played::default() },
        }
    }

    /// Plays the scenario to its end, looks at everything that nobody has looked at yet, and cleans up.
    pub async fn play(mut self) -> Played {
        let end = match self.scenario {
            Scenario::Planned { steps, .. } => self.follow(steps).await,
            Scenario::Random { strategies, number, length } => {
                let mut walk = Walk::new(strategies, self.context.options.seed, *number);
                self.wander(&mut walk, *length).await
            }
        };
        let end = match end {
            Ok(()) => self.look_around().await,
            Err(end) => Err(end),
        };
        match end {
            Err(End::Indeterminate(why)) => self.played.indeterminate = Some(why),
            Err(End::Over) => self.played.indeterminate = Some("the run was over before the scenario was".into()),
            Err(End::Violation) | Ok(()) => {}
        }
        self.played.most_worlds = self.oracle.most_worlds();
        cleanup::clean_up(&mut self).await;
        self.played
    }

    async fn follow(&mut self, steps: &[Step]) -> Result<(), End> {
        for step in steps {
            match step {
                Step::Call(call) => self.call(call).await?,
                Step::Settle => self.settle().await?,
            }
        }
        Ok(())
    }

    async fn wander(&mut self, walk: &mut Walk<'_>, length: usize) -> Result<(), End> {
        for _ in 0..length {
            // Each change that may or may not have happened doubles the worlds; with too many the oracle cannot tell.
            let crowded = self.oracle.worlds().len() > MANY_WORLDS;
            if !self.is_settled() && (crowded || walk.below(4) == 0) {
                self.settle().await?;
                continue;
            }
            let Some(call) = self.draw(walk) else {
                // Nothing comes to mind: something may exist that has not been seen yet.
                self.look_around().await?;
                continue;
            };
            let before = self.played.judged;
            self.call(&call).await?;
            let refused = self.oracle.worlds().first().is_some_and(|w| w.iter().any(|(_, r)| !r.claims.is_empty()));
            if refused && self.played.judged > before && walk.below(2) == 0 {
                self.look_around().await?;
            }
        }
        Ok(())
    }

    /// A request that the law has something to say about, and that touches no rule already known to be broken.
    fn draw(&self, walk: &mut Walk<'_>) -> Option<Call> {
        let law = &self.context.law;
        for _ in 0..8 {
            let Some(call) = walk.next(self.atlas, self.oracle.worlds()) else { continue };
            let Some(request) = call.resolve(law, self.oracle.worlds(), &self.tokens) else { continue };
            let rules = self.oracle.foresee(&request);
            let about_answers = |r: RuleIx| matches!(law[r].demand, Demand::Answer | Demand::Form | Demand::Code);
            let harmful = rules.iter().any(|r| self.muted.contains(r) && !about_answers(r));
            if !rules.is_empty() && !harmful {
                return Some(call);
            }
        }
        None
    }

    /// Looks at everything of which something is unconfirmed.
    async fn look_around(&mut self) -> Result<(), End> {
        for look in self.atlas.looks_at_unconfirmed(&self.context.law, self.oracle.worlds()) {
            if look.resolve(&self.context.law, self.oracle.worlds(), &self.tokens).is_some() {
                self.call(&look).await?;
            }
        }
        Ok(())
    }

    /// Lets time pass until everything under way has happened, and is seen to have happened.
    async fn settle(&mut self) -> Result<(), End> {
        self.played.steps.push(Step::Settle);
        let looks = self.atlas.looks_at_changing(&self.context.law, self.oracle.worlds());
        let mut waited = Duration::ZERO;
        let mut pause = Duration::from_millis(20);
        loop {
            let over = self.is_settled();
            // By its usual moment a change is expected to be over; only by its latest must it be.
            let now = self.endpoint.clock.now();
            let timers = self.oracle.worlds().iter().flat_map(|w| &w.timers);
            if let Some(usually) = timers.map(|t| t.usually).max().filter(|moment| *moment > now) {
                self.wait_until(usually).await?;
            }
            for look in &looks {
                if look.resolve(&self.context.law, self.oracle.worlds(), &self.tokens).is_some() {
                    self.call_again(look).await?;
                }
            }
            self.oracle.pass_time(self.endpoint.clock.now());
            if over {
                return Ok(());
            }
            // That all is over may have been seen at one resource before another had its turn: each is looked at once
            // more, or the answer to a later request would be blamed for what has not happened there.
            if self.is_settled() {
                continue;
            }
            if waited >= self.context.options.patience {
                return Err(End::Indeterminate(format!("a change was still under way after {waited:?}")));
            }
            let latest = self.oracle.worlds().iter().flat_map(|w| &w.timers).filter_map(|t| t.latest).max();
            match latest.filter(|_| self.endpoint.clock.advance(Duration::ZERO)) {
                Some(latest) => self.wait_until(latest).await?,
                None => tokio::time::sleep(pause).await,
            }
            waited += pause;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// True if nothing is under way.
    fn is_settled(&self) -> bool {
        !self.oracle.worlds().iter().any(|w| !w.timers.is_empty())
    }

    /// Waits on the target's clock.
    async fn wait_until(&mut self, moment: Moment) -> Result<(), End> {
        let left = moment.since(self.endpoint.clock.now()) + Duration::from_millis(1);
        if self.endpoint.clock.advance(left) {
            return Ok(());
        }
        if left > self.context.options.patience {
            let patience = self.context.options.patience;
            return Err(End::Indeterminate(format!(
                "waiting {left:?} for a change is longer than the patience of {patience:?}"
            )));
        }
        tokio::time::sleep(left).await;
        Ok(())
    }

    async fn call(&mut self, call: &Call) -> Result<(), End> {
        self.played.steps.push(Step::Call(call.clone()));
        self.call_again(call).await
    }

    /// Sends a request and judges the answer, without counting it as a step of its own.
    async fn call_again(&mut self, call: &Call) -> Result<(), End> {
        if self.context.is_over() {
            return Err(End::Over);
        }
        let Some(request) = call.resolve(&self.context.law, self.oracle.worlds(), &self.tokens) else {
            return Err(End::Indeterminate(format!(
                "{}: the target has not shown a value that this request needs",
                call.display(&self.context.law)
            )));
        };
        let mut pause = PAUSE;
        for again in 1..=TRIES {
            let (interval, answer) = self.exchange(&request, call).await.map_err(End::Indeterminate)?;
            self.note_created(&request, &answer);
            let judgement = self.oracle.judge(&request, interval, &answer);
            if let Verdict::Indeterminate(why) = &judgement.verdict {
                if self.is_throttled(&answer) && again < TRIES {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    continue;
                }
                return Err(End::Indeterminate(format!("{}: {why}", self.context.law[request.operation].name)));
            }
            self.played.judged += 1;
            // What a wrong answer happens to have right is no evidence.
            if matches!(judgement.verdict, Verdict::Explained) {
                self.played.passes.extend(judgement.passes);
            }
            let here = self.played.steps.len();
            self.played.violations.extend(judgement.faults.into_iter().map(|fault| (fault, here)));
            if let Verdict::Violation(violation) = judgement.verdict {
                self.played.violations.push((violation, here));
                return Err(End::Violation);
            }
            return Ok(());
        }
        Ok(())
    }

    fn is_throttled(&self, answer: &Answer) -> bool {
        match &answer.body {
            Body::Error { code, .. } => {
                let codes = &self.context.law.codes;
                answer.status == 429 || codes.throttled.iter().chain(&codes.busy).any(|c| **c == **code)
            }
            Body::Unreadable { .. } => matches!(answer.status, 429 | 503),
            Body::Success(_) => false,
        }
    }

    /// Sends a request; the time that it took, and the answer. An error is the reason why there is none.
    pub(super) async fn exchange(&mut self, request: &Request, call: &Call) -> Result<(Interval, Answer), String> {
        let law = &self.context.law;
        if !self.cleaning {
            self.context.count_request();
        }
        self.context.count_sent();
        let from = self.endpoint.clock.now();
        let exchange = self.endpoint.target.send(law, request).await;
        let interval = Interval { from, to: self.endpoint.clock.now() };
        let record = record(&exchange, interval);
        if let Some(trace) = &self.context.trace {
            let place = Place { step: self.played.steps.len(), cleanup: self.cleaning, tokens: &self.tokens };
            trace.write(law, &self.played.name, place, Some(call), &record);
        }
        if !self.cleaning {
            self.played.exchanges.push((self.played.steps.len(), record));
        }
        match exchange.outcome {
            Ok(response) => {
                let mut answer = wire::decode_answer(law, request.operation, &response);
                self.context.note_request_id(request, &mut answer);
                Ok((interval, answer))
            }
            Err(why) => Err(why.to_string()),
        }
    }

    /// Remembers what a successful answer says was created, whether the law expected that or not.
    pub(super) fn note_created(&mut self, request: &Request, answer: &Answer) {
        let law = &self.context.law;
        if matches!(answer.body, Body::Success(_)) && !law[request.operation].reads {
            self.accepted.push(request.clone());
        }
        for created in created_by(&self.context.law, request.operation, answer) {
            if !self.created.contains(&created) {
                self.created.push(created);
            }
        }
    }

    /// A resource of the last known world by its id.
    pub(super) fn handle_of(&self, created: &Created) -> Option<Handle> {
        let id = self.context.law[created.kind].id?;
        let world = self.oracle.worlds().first()?;
        match world.lookup(&self.context.law, created.kind, id, &created.id) {
            crate::model::world::Lookup::Live(h) | crate::model::world::Lookup::Gone(h) => Some(h),
            _ => None,
        }
    }
}

/// What was sent and received, for a report: credentials redacted.
pub fn record(exchange: &target::Exchange, interval: Interval) -> Exchange {
    let request = exchange.request.redacted();
    Exchange {
        sent: interval.from.0,
        received: interval.to.0,
        method: request.method.to_string(),
        query: request.query,
        headers: request.headers,
        body: String::from_utf8_lossy(&request.body).into_owned(),
        answer: exchange.outcome.as_ref().ok().map(|response| RawAnswer {
            status: response.status,
            headers: response.headers.clone(),
            body: String::from_utf8_lossy(&response.body).into_owned(),
        }),
        no_answer: exchange.outcome.as_ref().err().map(ToString::to_string),
    }
}

/// The ids in a successful answer of an operation that creates: of the kinds that it creates.
pub fn created_by(law: &Law, operation: OperationIx, answer: &Answer) -> Vec<Created> {
    let Body::Success(tree) = &answer.body else { return Vec::new() };
    let operation = &law[operation];
    let creates = |kind: KindIx| {
        operation.effects.iter().any(|e| matches!(&e.change, Change::Create { kind: k, .. } if *k == kind))
    };
    let mut found = Vec::new();
    for output in &operation.output {
        let Some(value) = tree.get(&output.name) else { continue };
        match &output.from {
            OutputFrom::Paths(paths) => {
                for (var, path) in paths {
                    let kind = operation.vars[*var as usize].kind;
                    let is_id = law[kind].id.is_some_and(|id| path.0 == [id]);
                    if let (true, true, Some(id)) = (creates(kind), is_id, value.as_single()) {
                        found.push(Created { kind, id: id.clone() });
                    }
                }
            }
            OutputFrom::One { kind, .. } if creates(*kind) => found.extend(ids(law, *kind, value, &creates)),
            OutputFrom::Many { kind, .. } if creates(*kind) => {
                found.extend(value.as_list().into_iter().flatten().flat_map(|item| ids(law, *kind, item, &creates)));
            }
            _ => {}
        }
    }
    found.retain(|c| !c.id.is_empty());
    found
}

/// The ids in a view: its resource's own, and those of other resources that were created with it.
fn ids(law: &Law, kind: KindIx, item: &Tree, creates: &impl Fn(KindIx) -> bool) -> Vec<Created> {
    let shown = law[kind].view.iter().filter_map(|shown| {
        let ShownFrom::Paths(paths) = &shown.from else { return None };
        let kind = paths.iter().find_map(|path| names_at(law, kind, path))?;
        Some(Created { kind, id: item.get(&shown.name)?.as_text()?.clone() })
    });
    shown.filter(|created| creates(created.kind)).collect()
}

/// The kind whose id a path ends in.
fn names_at(law: &Law, start: KindIx, path: &Path) -> Option<KindIx> {
    let (last, way) = path.0.split_last()?;
    let kind = way.iter().try_fold(start, |kind, field| law[kind].fields[*field as usize].to)?;
    (law[kind].id == Some(*last)).then_some(kind)
}
