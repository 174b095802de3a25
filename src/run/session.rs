//! One scenario played against a target.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Context, Endpoint,
    again::{Freshness, Tries, is_throttled, retry_after},
    choices::Choices,
    cleanup,
    group::Bell,
    holdings::{Share, makes, makes_in},
    mark::marked,
    together::Sent,
    turns::Turn,
};
use crate::{
    model::{
        time::{Interval, Moment},
        value::Handle,
        world::{Resource, World},
    },
    oracle::{
        Oracle, RuleSet, Settings,
        history::Event,
        judge::{Judgement, Verdict, Violation},
    },
    report::{
        data::{Exchange, Leftover, Overlap, RawAnswer},
        trace::Place,
    },
    scenario::{
        atlas::Atlas,
        overlap,
        step::{Call, Step},
        strategy::{Strategies, Walk},
    },
    spec::law::{Change, Demand, KindIx, Law, OperationIx, OutputFrom, RuleIx, ShownFrom},
    target::{self, NoAnswer, clock::Clock},
    wire::{Answer, Body, Request, Tree},
};

/// So many changes under way make a random sequence wait until they are fewer: each may double the worlds.
const MANY_CHANGES: usize = 6;
/// A look before something may happen is sent no sooner than this before it, however slow the target is.
const SLOWEST: Duration = Duration::from_secs(60);

/// How many resources a random sequence may be sure of.
const RANDOM_SHARE: usize = 5;

/// What the names of scenarios with overlapping requests begin with.
pub const OVERLAP: &str = "overlap-";

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
    /// Steps around those that were planned for a rule.
    Varied {
        /// The rule.
        rule: RuleIx,
        /// Its number in the run.
        number: usize,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Steps that are taken as they stand, without any looks besides: what was seen to break a rule.
    Given {
        /// What it is called.
        name: String,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Steps that end with requests that overlap.
    Overlapping {
        /// The steps.
        overlap: Arc<overlap::Overlap>,
        /// The how-manieth time it is played; the requests go out in another order each time.
        turn: usize,
        /// Its number in the run.
        number: usize,
    },
    /// A random walk.
    Random {
        /// Where its requests come from.
        strategies: Arc<Strategies>,
        /// Its number in the run.
        number: u64,
        /// How many requests it makes.
        length: usize,
        /// How many clients make them, each round at once.
        clients: usize,
    },
}

impl Scenario {
    /// A rule's id, `overlap-N:`, `around-N:` or a purpose and a rule's id, or `random-N`.
    pub fn name(&self, law: &Law) -> String {
        match self {
            Scenario::Planned { rule, .. } => law[*rule].id.to_string(),
            Scenario::Varied { rule, number, .. } => format!("around-{number}:{}", law[*rule].id),
            Scenario::Given { name, .. } => name.clone(),
            Scenario::Overlapping { overlap, number, .. } => format!("{OVERLAP}{number}:{}", law[overlap.rule].id),
            Scenario::Random { number, .. } => format!("random-{number}"),
        }
    }

    /// True if it looks for something, which the budget of requests is for.
    pub fn is_budgeted(&self) -> bool {
        !matches!(self, Scenario::Given { .. })
    }

    /// True if it should send no further request but those that clean up.
    fn is_over(&self, context: &Context) -> bool {
        if self.is_budgeted() { context.is_over() } else { context.is_at_its_end() }
    }

    /// True if some of its requests are sent at once.
    pub fn overlaps(&self) -> bool {
        match self {
            Scenario::Planned { .. } | Scenario::Varied { .. } => false,
            Scenario::Given { steps, .. } => steps.iter().any(|step| matches!(step, Step::Together(_))),
            Scenario::Overlapping { .. } => true,
            Scenario::Random { clients, .. } => *clients > 1,
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
    /// Rules that were exercised, and that may be broken all the same, with the reason.
    pub doubted: Vec<(RuleIx, String)>,
    /// The violations, each with the number of steps that led to it.
    pub violations: Vec<(Violation, usize)>,
    /// Why it shows nothing, if it came to no violation: it ended before its end, or has waited in vain.
    pub indeterminate: Option<String>,
    /// It was played to its end.
    pub finished: bool,
    /// Violations that did not come again, each with its rule.
    pub unrepeated: Vec<String>,
    /// The requests that no order explains, with the rule of the violation, if requests overlapped.
    pub overlap: Option<(RuleIx, Overlap)>,
    /// The steps that were taken.
    pub steps: Vec<Step>,
    /// What was sent and received: for each exchange the step that it belongs to.
    pub exchanges: Vec<(usize, Exchange)>,
    /// Requests that were sent, clean-up not counted.
    pub requests: u64,
    /// Requests whose answers were judged.
    pub judged: u64,
    /// Rules of changes that were waited for as long as the patience lasts, and had not been seen to happen then.
    pub in_vain: RuleSet,
    /// Rules of changes that were waited for until they had been seen to happen.
    pub came: RuleSet,
    /// The most states that were possible at once.
    pub most_worlds: usize,
    /// What could not be deleted.
    pub leftovers: Vec<Leftover>,
    /// Requests that were never answered, by the operation and the reason.
    pub unanswered: BTreeMap<String, u64>,
    /// The rules that demanded nothing.
    pub muted: Arc<RuleSet>,
    /// What the target chose where it may.
    pub choices: Choices,
    /// A state that was possible when it ended.
    pub world: Option<Arc<World>>,
    /// Requests sent, clean-up included.
    pub sent: u64,
    /// The longest that changes were waited for at once.
    pub longest_wait: Duration,
}

impl Played {
    /// The violation of a rule, if there was one, and the number of steps that led to it.
    pub fn breaks(&self, rule: RuleIx) -> Option<&(Violation, usize)> {
        self.violations.iter().find(|(violation, _)| violation.rule == rule)
    }
}

/// Something that a target has created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// What it is.
    pub kind: KindIx,
    /// Its id.
    pub id: Arc<str>,
}

/// A request that was not answered.
pub(super) struct Lost {
    /// When it was sent.
    pub(super) from: Moment,
    /// Why there is no answer.
    pub(super) why: NoAnswer,
    /// Its number in the journal.
    pub(super) number: Option<u64>,
}

/// Why a scenario goes no further.
pub(super) enum End {
    /// A violation was recorded.
    Violation,
    /// Nothing more can be learnt.
    Indeterminate(String),
    /// The run is over.
    Over,
}

impl End {
    /// A request names what has not been seen.
    pub(super) fn unseen(law: &Law, call: &Call) -> End {
        End::Indeterminate(format!("{}: the target has not shown a value that this request needs", call.display(law)))
    }
}

/// A scenario in progress.
pub struct Session<'a> {
    pub(super) context: &'a Context,
    pub(super) endpoint: &'a Endpoint,
    pub(super) atlas: &'a Atlas,
    scenario: &'a Scenario,
    pub(super) oracle: Oracle,
    pub(super) settings: Settings,
    pub(super) muted: Arc<RuleSet>,
    /// Everything that was sent, if some of it overlaps.
    pub(super) sent: Vec<Sent>,
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
    /// Requests that were never answered, with the reason, and the number in the journal.
    pub(super) lost: Vec<(Request, String, Option<u64>)>,
    /// The target's clock.
    pub(super) clock: Clock,
    /// The longest that an answer took so far, on that clock.
    pub(super) slowest: Duration,
    /// For how long the latest answer asks to be left alone.
    pub(super) told_to_wait: Option<Duration>,
    /// Whether answers may still show what was before the latest change.
    pub(super) freshness: Freshness,
    /// The right to send requests, if it has to be shared.
    pub(super) turn: Option<Turn<'a>>,
    /// For how long changes are waited for at once.
    pub(super) patience: Duration,
    /// Rules of changes that others have waited for in vain: they are not waited for once more.
    pub(super) in_vain: RuleSet,
    /// What of it this scenario has waited for in vain itself, for people.
    pub(super) in_vain_why: Option<String>,
    /// Tells others that this scenario will wait for long, so that they need not wait for it.
    pub(super) bell: Option<Bell>,
    /// What the latest step that changed something has changed.
    pub(super) touched: Vec<Handle>,
    /// What it holds of the resources that the run may hold.
    pub(super) share: Share<'a>,
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
            // That nothing came of it this time does not mean that the rule was not reached.
            Scenario::Varied { .. }
            | Scenario::Given { .. }
            | Scenario::Overlapping { .. }
            | Scenario::Random { .. } => None,
        };
        let muted = settings.muted.clone();
        Session {
            context,
            endpoint,
            atlas,
            scenario,
            muted: muted.clone(),
            settings: settings.clone(),
            sent: Vec::new(),
            tokens,
            spent: 0,
            oracle: Oracle::new(context.law.clone(), settings),
            created: Vec::new(),
            accepted: Vec::new(),
            cleaning: false,
            lost: Vec::new(),
            clock: endpoint.clock.afresh(),
            slowest: Duration::ZERO,
            told_to_wait: None,
            freshness: Freshness::new(context.options.consistency),
            turn: None,
            in_vain: RuleSet::default(),
            in_vain_why: None,
            patience: context.options.patience,
            bell: None,
            touched: Vec::new(),
            share: context.holdings.share(),
            played: Played { name: scenario.name(&context.law), goal, muted, ..Played::default() },
        }
    }

    /// The same on a target that holds nothing yet, and that nobody else has anything at.
    pub fn alone(self) -> Session<'a> {
        Session { oracle: self.oracle.alone(), ..self }
    }

    /// Plays the scenario to its end, looks at everything that nobody has looked at yet, and cleans up.
    pub async fn play(mut self) -> Played {
        if self.perform().await {
            cleanup::clean_up(&mut self).await;
        }
        self.played
    }

    /// The same on a server that is thrown away afterwards.
    pub async fn play_without_cleaning_up(mut self) -> Played {
        self.perform().await;
        self.played
    }

    /// Plays the scenario. False if there was no room for it, and nothing was done.
    async fn perform(&mut self) -> bool {
        if !self.wait_for_room().await {
            self.played.indeterminate = Some(self.no_room());
            return false;
        }
        let end = match self.scenario {
            Scenario::Planned { rule, steps } => self.follow(Some(*rule), steps).await,
            Scenario::Varied { steps, .. } => self.follow(None, steps).await,
            Scenario::Given { steps, .. } => self.follow_as_they_stand(steps).await,
            Scenario::Overlapping { overlap, turn, .. } => self.follow(None, &overlap.steps(*turn)).await,
            Scenario::Random { strategies, number, length, clients } => {
                let mut walk = Walk::new(strategies, self.context.options.seed, *number);
                match clients {
                    0 | 1 => self.wander(&mut walk, *length).await,
                    several => self.wander_together(&mut walk, *length, *several).await,
                }
            }
        };
        let end = match end {
            Ok(()) if !matches!(self.scenario, Scenario::Given { .. }) => self.look_around().await,
            end => end,
        };
        match end {
            Err(End::Indeterminate(why)) => self.played.indeterminate = Some(why),
            Err(End::Over) => self.played.indeterminate = Some("the run was over before the scenario was".into()),
            Err(End::Violation) => self.examine(),
            Ok(()) => {
                self.played.indeterminate = self.in_vain_why.take();
                self.played.finished = true;
            }
        }
        self.played.most_worlds = self.oracle.most_worlds();
        self.played.world = self.oracle.worlds().first().cloned();
        true
    }

    /// Waits until the run may hold what this scenario may make. False if it never may.
    async fn wait_for_room(&mut self) -> bool {
        let Some(most) = self.context.holdings.most() else { return true };
        let law = &self.context.law;
        let needs: usize = match self.scenario {
            Scenario::Planned { steps, .. } | Scenario::Varied { steps, .. } | Scenario::Given { steps, .. } => {
                makes_in(law, steps)
            }
            Scenario::Overlapping { overlap, turn, .. } => makes_in(law, &overlap.steps(*turn)),
            // What comes to its mind is not known beforehand.
            Scenario::Random { .. } => most.min(RANDOM_SHARE),
        };
        let (context, scenario) = (self.context, self.scenario);
        let room = self.share.wait_for(needs, || scenario.is_over(context));
        // Whoever holds the resources may need the turn to get rid of them.
        match &mut self.turn {
            Some(turn) => turn.leave_for(room).await.is_ok(),
            None => room.await.is_ok(),
        }
    }

    fn no_room(&self) -> String {
        let most = self.context.holdings.most().unwrap_or_default();
        format!("more than {most} resources at a time would be needed, which --max-resources does not allow")
    }

    /// Makes room for what requests may make.
    ///
    /// # Errors
    ///
    /// There is none: what is there has to be cleaned up first.
    pub(super) fn make_room<'r>(&mut self, requests: impl IntoIterator<Item = &'r Request>) -> Result<(), End> {
        let more = requests.into_iter().map(|request| makes(&self.context.law, request.operation)).sum();
        if self.share.may_make(more) { Ok(()) } else { Err(End::Indeterminate(self.no_room())) }
    }

    async fn follow_as_they_stand(&mut self, steps: &[Step]) -> Result<(), End> {
        for step in steps {
            match step {
                Step::Call(call) => self.call(call).await?,
                Step::Together(calls) => self.together(calls).await?,
                Step::Settle => self.settle().await?,
            }
        }
        Ok(())
    }

    async fn follow(&mut self, goal: Option<RuleIx>, steps: &[Step]) -> Result<(), End> {
        // What the rule changes is looked at when it has just been changed: later steps may hide it again.
        let goal = goal.map(|rule| &self.context.law[rule]);
        let goal = goal.filter(|rule| matches!(rule.demand, Demand::Effect | Demand::Keep));
        let lasts = goal.is_some_and(|rule| rule.demand == Demand::Effect);
        let operation = goal.and_then(|rule| rule.operation);
        let is_its = |step: &Step| matches!(step, Step::Call(call) if operation == Some(call.operation));
        let change = steps.iter().rposition(is_its);
        for (place, step) in steps.iter().enumerate() {
            match step {
                Step::Call(call) => {
                    self.look_before(call).await?;
                    self.call(call).await?;
                }
                Step::Together(calls) => self.together(calls).await?,
                Step::Settle => self.settle().await?,
            }
            if change == Some(place) {
                self.look_around().await?;
                // What does not last has not happened. Where time costs nothing, that is looked at as well.
                if lasts && self.clock.is_moved() {
                    self.settle().await?;
                }
            }
        }
        Ok(())
    }

    /// Looks at what is under way if the law would be silent about a request as long as nobody knows how far that is.
    async fn look_before(&mut self, call: &Call) -> Result<(), End> {
        let law = &self.context.law;
        let silent = |s: &Self| {
            call.resolve(law, s.oracle.worlds(), &s.tokens).is_some_and(|request| s.oracle.may_be_silent(&request))
        };
        if self.is_settled() || !silent(self) {
            return Ok(());
        }
        for look in self.atlas.looks_at_changing(law, self.oracle.worlds()) {
            if look.resolve(law, self.oracle.worlds(), &self.tokens).is_some() && silent(self) {
                self.call(&look).await?;
            }
        }
        Ok(())
    }

    async fn wander(&mut self, walk: &mut Walk<'_>, length: usize) -> Result<(), End> {
        for _ in 0..length {
            if self.awaits_something() && (self.is_crowded() || walk.below(4) == 0) {
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

    /// With too many worlds the oracle cannot tell.
    pub(super) fn is_crowded(&self) -> bool {
        self.oracle.worlds().iter().any(|w| w.timers.len() >= MANY_CHANGES)
    }

    /// A request that the law has something to say about, and that touches no rule already known to be broken.
    pub(super) fn draw(&self, walk: &mut Walk<'_>) -> Option<Call> {
        self.draw_beside(walk, &[]).map(|(call, _)| call)
    }

    /// The same, and its request, for one that is sent at once with others: `after` is what the oracle would know after
    /// each of them.
    pub(super) fn draw_beside(&self, walk: &mut Walk<'_>, after: &[Oracle]) -> Option<(Call, Request)> {
        let law = &self.context.law;
        for _ in 0..8 {
            let Some(mut call) = walk.next(self.atlas, self.oracle.worlds()) else { continue };
            self.context.shorten(&mut call);
            let Some(request) = call.resolve(law, self.oracle.worlds(), &self.tokens) else { continue };
            let rules = self.oracle.foresee(&request);
            let is_harmful = |rule: RuleIx| self.muted.contains(rule) && !law[rule].demand.is_about_answers();
            let harms = |rules: &RuleSet| rules.iter().any(is_harmful);
            let harmful = harms(&rules) || after.iter().any(|oracle| harms(&oracle.foresee(&request)));
            if !rules.is_empty() && !harmful {
                return Some((call, request));
            }
        }
        None
    }

    /// Looks at everything of which something is unconfirmed.
    pub(super) async fn look_around(&mut self) -> Result<(), End> {
        for look in self.atlas.looks_at_unconfirmed(&self.context.law, self.oracle.worlds()) {
            if look.resolve(&self.context.law, self.oracle.worlds(), &self.tokens).is_some() {
                self.call(&look).await?;
            }
        }
        // Making it twice is what one looks for where that is the aim; otherwise every scenario would list all it makes.
        let aim = match self.scenario {
            Scenario::Planned { rule, .. } | Scenario::Varied { rule, .. } => Some(*rule),
            _ => None,
        };
        let law = &self.context.law;
        let (is_alone, muted) = (self.oracle.is_alone(), &self.muted);
        let is_open = |rule: RuleIx| {
            !muted.contains(rule) && (is_alone || Some(rule) == aim || law[rule].demand != Demand::Effect)
        };
        for look in self.atlas.looks_at_counted(law, self.oracle.worlds(), is_open) {
            let request = look.resolve(&self.context.law, self.oracle.worlds(), &self.tokens);
            if request.is_some_and(|request| !self.oracle.may_be_silent(&request)) {
                self.call(&look).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn call(&mut self, call: &Call) -> Result<(), End> {
        self.played.steps.push(Step::Call(call.clone()));
        self.call_again(call).await
    }

    /// Sends a request and judges the answer, without counting it as a step of its own.
    pub(super) async fn call_again(&mut self, call: &Call) -> Result<(), End> {
        if self.is_over() {
            return Err(End::Over);
        }
        let law = self.context.law.clone();
        let Some(request) = call.resolve(&law, self.oracle.worlds(), &self.tokens) else {
            return Err(End::unseen(&law, call));
        };
        self.make_room([&request])?;
        let mut tries = Tries::default();
        loop {
            let sent = (Instant::now(), self.clock.before());
            let (interval, answer) = match self.exchange(&request, call).await {
                Ok(answered) => answered,
                Err(lost) => match self.go_on_without(&request, lost, &mut tries) {
                    Ok(Some(pause)) => {
                        self.rest(pause).await;
                        continue;
                    }
                    Ok(None) => return Ok(()),
                    Err(why) => return Err(End::Indeterminate(why)),
                },
            };
            self.note_created(&request, &answer);
            let before = self.oracle.clone();
            let judgement = self.oracle.judge(&request, interval, &answer);
            if let Verdict::Indeterminate(why) = &judgement.verdict {
                let here = self.played.steps.len();
                self.played.violations.extend(judgement.faults.into_iter().map(|fault| (fault, here)));
                if is_throttled(&law, &answer)
                    && let Some(pause) = tries.again(self.told_to_wait, self.context.options.patience)
                {
                    self.oracle = before;
                    // A server that had trouble of its own may have done it all the same; one that is unavailable could not
                    // handle it (RFC 9110, 15.6.1 and 15.6.4).
                    if answer.status == 500 && !law[request.operation].reads {
                        self.oracle.unanswered(&request, interval.from);
                        self.lost.push((request.clone(), "HTTP 500".to_owned(), None));
                    }
                    self.pause(pause).await?;
                    continue;
                }
                return Err(End::Indeterminate(format!("{}: {why}", law[request.operation].name)));
            }
            if matches!(judgement.verdict, Verdict::Violation(_))
                && self.freshness.may_lag(&law, &request, &answer, sent)
            {
                self.oracle = before;
                let pause = tries.once_more();
                self.pause(pause).await?;
                continue;
            }
            if matches!(judgement.verdict, Verdict::Explained) {
                self.note_choice(before.worlds(), &request, &answer, judgement.open);
            }
            self.freshness.note(&law, &request, &answer, interval, before.worlds(), self.oracle.worlds());
            if matches!(answer.body, Body::Success(_)) && !law[request.operation].reads {
                self.touched = self.oracle.worlds().first().map(|world| unconfirmed(world)).unwrap_or_default();
            }
            // The step itself does not say by which of several looks it was seen.
            let waited = matches!(self.played.steps.last(), Some(Step::Settle));
            let by = waited.then(|| call.display(&law));
            return self.conclude(judgement, 1, by.as_deref());
        }
    }

    /// Takes note of what so many answers were found to be. `by` is the look by which that was seen, where the step does not
    /// say it.
    pub(super) fn conclude(&mut self, judgement: Judgement, answers: u64, by: Option<&str>) -> Result<(), End> {
        self.played.judged += answers;
        // What a wrong answer happens to have right is no evidence.
        if matches!(judgement.verdict, Verdict::Explained) {
            self.played.passes.extend(judgement.passes);
        }
        let here = self.played.steps.len();
        let told = |mut violation: Violation| {
            if let Some(by) = by {
                violation.came = format!("{by}: {}", violation.came);
            }
            (violation, here)
        };
        self.played.violations.extend(judgement.faults.into_iter().map(told));
        match judgement.verdict {
            Verdict::Violation(violation) => {
                self.played.violations.push(told(violation));
                Err(End::Violation)
            }
            _ => Ok(()),
        }
    }

    /// What to do about an answer that never came: to send the request again after a pause, which harms nothing where it
    /// only reads or has not arrived; or to go on, reckoning with both, that it was done and that it was not. A gateway may
    /// be asked once more, reckoning with both.
    fn go_on_without(&mut self, request: &Request, lost: Lost, tries: &mut Tries) -> Result<Option<Duration>, String> {
        let law = &self.context.law;
        let name = &law[request.operation].name;
        let reads = law[request.operation].reads;
        let (told, patience) = (self.told_to_wait, self.context.options.patience);
        let pause = match (&lost.why, reads) {
            (NoAnswer::Gateway { .. }, true) => tries.again(told, patience),
            (NoAnswer::Gateway { .. }, false) => tries.few_again(told, patience),
            (_, true) => tries.few(),
            (_, false) => None,
        };
        if lost.why.never_arrived() || reads {
            return pause.map(Some).ok_or_else(|| format!("{name}: {}", lost.why));
        }
        self.oracle.unanswered(request, lost.from);
        self.lost.push((request.clone(), lost.why.to_string(), lost.number));
        if pause.is_none() {
            *self.played.unanswered.entry(format!("{name}: {}", lost.why)).or_default() += 1;
        }
        Ok(pause)
    }

    /// Sends a request; the time that it took, and the answer.
    pub(super) async fn exchange(&mut self, request: &Request, call: &Call) -> Result<(Interval, Answer), Lost> {
        let law = &self.context.law;
        if !self.cleaning {
            self.count_request();
        }
        self.context.count_sent();
        self.played.sent += 1;
        let marked = marked(law, request, &self.context.nonce);
        let cleared = self.context.flight.clear().await;
        let from = self.clock.before();
        let number = self.context.note_sending(request);
        let exchange = cleared.during(self.endpoint.target.send(law, &marked)).await;
        let interval = Interval { from, to: self.clock.after() };
        let _few_at_a_time = self.context.wait_if_large(std::iter::once(&exchange)).await;
        self.slowest = self.slowest.max(interval.to.since(from)).min(SLOWEST);
        let record = record(&exchange, interval);
        if let Some(trace) = &self.context.trace {
            let place =
                Place { step: self.played.steps.len(), cleanup: self.cleaning, tokens: &self.tokens, client: None };
            trace.write(law, &self.played.name, place, Some(call), &record);
        }
        if !self.cleaning {
            self.played.exchanges.push((self.played.steps.len(), record));
        }
        let outcome = match exchange.outcome {
            Ok(response) => {
                self.told_to_wait = retry_after(&response.headers);
                let read = self.context.read(request, &response);
                read.map(|answer| (interval, answer)).map_err(|why| Lost { from, why, number })
            }
            Err(why) => Err(Lost { from, why, number }),
        };
        let came = outcome.as_ref().map(|(_, answer)| answer).map_err(|lost| &lost.why);
        self.context.note_outcome(number, request, came);
        self.keep(request, call, interval, outcome.as_ref().ok().map(|(_, answer)| answer));
        outcome
    }

    /// True if no further request should be sent but those that clean up.
    pub(super) fn is_over(&self) -> bool {
        self.scenario.is_over(self.context)
    }

    /// Counts a request against the budget, if it is for it.
    pub(super) fn count_request(&mut self) {
        self.played.requests += 1;
        if self.scenario.is_budgeted() {
            self.context.count_request();
        }
    }

    /// Keeps what was sent for judging it as a whole, if some of it overlaps.
    fn keep(&mut self, request: &Request, call: &Call, interval: Interval, answer: Option<&Answer>) {
        if self.scenario.overlaps() && !self.cleaning {
            let event = Event { client: 0, request: request.clone(), interval, answer: answer.cloned() };
            self.sent.push(Sent { step: self.played.steps.len(), call: call.clone(), event });
        }
    }

    /// Sends a request, and sends it again while the target asks for patience.
    pub(super) async fn exchange_patiently(
        &mut self,
        request: &Request,
        call: &Call,
    ) -> Result<(Interval, Answer), Lost> {
        let mut tries = Tries::default();
        loop {
            let came = self.exchange(request, call).await;
            let throttled = match &came {
                Ok((_, answer)) => is_throttled(&self.context.law, answer),
                Err(lost) => matches!(lost.why, NoAnswer::Gateway { .. }),
            };
            let pause = if throttled { tries.again(self.told_to_wait, self.context.options.patience) } else { None };
            let Some(pause) = pause else { return came };
            if let Err(lost) = came
                && !self.context.law[request.operation].reads
            {
                self.lost.push((request.clone(), lost.why.to_string(), lost.number));
            }
            self.rest(pause).await;
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
        let there = self.created.iter().filter(|created| !law[created.kind].undo.is_empty()).count();
        self.share.came(there);
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

/// What is there and of which something is unconfirmed.
fn unconfirmed(world: &World) -> Vec<Handle> {
    let is_open = |r: &Resource| r.life.open().is_some() || r.proofs.iter().any(|p| p.open().is_some());
    world.iter().filter(|(_, r)| r.live && is_open(r)).map(|(h, _)| h).collect()
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

/// How many requests a scenario made up to a step, that one included.
pub fn requests_until(played: &Played, step: usize) -> u64 {
    played.exchanges.iter().filter(|(of, _)| *of <= step).count() as u64
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
        let kind = paths.iter().find_map(|path| path.names(law, kind))?;
        Some(Created { kind, id: item.get(&shown.name)?.as_text()?.clone() })
    });
    shown.filter(|created| creates(created.kind)).collect()
}
