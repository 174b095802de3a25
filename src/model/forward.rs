//! The law run forwards: one world that answers requests, choosing among the allowed answers.
//!
//! This is the heart of the reference server, and what the search for scenarios plays against. It is deterministic: the
//! same seed and the same requests at the same moments give the same answers.

use std::sync::Arc;

use super::{
    assess::{Assessment, assess},
    effect,
    fault::{Doing, Fault},
    show::render,
    time::{Interval, Moment, Tolerance},
    token::First,
    value::Value,
    world::{Timer, World},
};
use crate::{
    spec::{
        file::FieldKind,
        law::{Law, Mint, MintPart},
    },
    wire::{Answer, Body, Request, Tree},
};

/// How many deleted resources are remembered, so that a stale name is known from one that never was: more than all the
/// scenarios delete that are played at a time. Bounds the memory of a server that runs for long, and its answers, for
/// what is gone may still be shown.
const REMEMBERED: usize = 512;

/// How a request is going to be answered.
pub enum Decision {
    /// As an earlier one with the same token.
    Repeat(Tree),
    /// With a refusal of this code.
    Refuse(Box<Assessment>, Arc<str>),
    /// By doing it.
    Accept(Box<Assessment>),
}

/// One world that answers requests.
#[derive(Clone, Debug)]
pub struct Forward {
    law: Arc<Law>,
    world: Arc<World>,
    dice: Dice,
    /// Where it departs from the law on purpose.
    fault: Option<Arc<dyn Fault>>,
}

impl Forward {
    /// An empty world. `seed` decides the names that it makes up.
    pub fn new(law: Arc<Law>, seed: u64) -> Forward {
        Forward { law, world: Arc::default(), dice: Dice::new(seed), fault: None }
    }

    /// The same, but it departs from the law in one way.
    pub fn with_fault(self, fault: Arc<dyn Fault>) -> Forward {
        Forward { fault: Some(fault), ..self }
    }

    /// Where it departs from the law on purpose.
    pub fn fault(&self) -> Option<&Arc<dyn Fault>> {
        self.fault.as_ref()
    }

    /// The world as it is.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// A request id that no other request has had.
    pub fn request_id(&mut self) -> Arc<str> {
        self.dice.request_id()
    }

    /// Answers a request that arrives at this moment.
    pub fn answer(&mut self, request: &Request, now: Moment) -> Answer {
        let decision = self.decide(request, now);
        self.carry_out(decision, now)
    }

    /// Decides how to answer a request, and changes nothing.
    pub fn decide(&mut self, request: &Request, now: Moment) -> Decision {
        self.pass_time(now);
        let right = decide(&self.law, &self.world, request);
        match &self.fault {
            Some(fault) => fault.decide(&self.law, &self.world, request, right),
            None => right,
        }
    }

    /// Does what was decided. Right only if nothing has changed since: a server that decides first and acts later must
    /// see to that itself.
    pub fn carry_out(&mut self, decision: Decision, now: Moment) -> Answer {
        match decision {
            Decision::Repeat(answer) => self.reply(200, Body::Success(answer)),
            Decision::Refuse(assessment, code) => self.refuse(*assessment, code, now),
            Decision::Accept(mut assessment) => {
                assessment.scope.world = self.world.clone();
                self.accept(*assessment, now)
            }
        }
    }

    fn refuse(&mut self, mut assessment: Assessment, code: Arc<str>, now: Moment) -> Answer {
        let documented = self.law.statuses(assessment.operation, &code);
        let status = documented.and_then(|(statuses, _)| statuses.first().copied()).unwrap_or(400);
        let message: Arc<str> = match assessment.refusals.first() {
            Some(refusal) => self.law[refusal.rule].says.as_str().into(),
            None if assessment.names_nothing() => "The request names something that does not exist.".into(),
            None => "The request would have succeeded.".into(),
        };
        let mut answer = self.reply(status, Body::Error { code, message });
        let fault = self.fault.clone();
        if fault.is_some_and(|fault| fault.refused(&self.law, &mut assessment, &mut answer)) {
            assessment.scope.world = self.world.clone();
            // What comes of it is not told.
            let _ = self.accept(assessment, now);
        }
        answer
    }

    fn accept(&mut self, assessment: Assessment, now: Moment) -> Answer {
        let before = self.world.clone();
        match effect::apply(&self.law, &assessment, Interval { from: now, to: now }, Tolerance::default()) {
            Ok(mut outcome) => {
                let fault = self.fault.clone();
                let doing = Doing { law: &self.law, assessment: &assessment, before: &before, now };
                if let Some(fault) = &fault {
                    fault.done(&doing, &mut outcome.scope);
                }
                make_up(&self.law, &mut self.dice, &before, Arc::make_mut(&mut outcome.scope.world));
                if let Some(fault) = &fault {
                    fault.named(&doing, Arc::make_mut(&mut outcome.scope.world));
                }
                self.world = outcome.scope.world.clone();
                let mut tree = render(&outcome.scope, &assessment);
                if let Some(fault) = &fault {
                    fault.shown(&doing, &outcome.scope, &mut tree);
                }
                let (token, vars) = (assessment.token.clone(), outcome.scope.vars.clone());
                drop((outcome.scope, assessment, before));
                // Nobody else holds this world, so nothing is copied.
                let world = Arc::make_mut(&mut self.world);
                world.forget_gone(&self.law, REMEMBERED);
                if let Some(token) = token {
                    // This server remembers a token for as long as it has room.
                    let first = First::new(&self.law, world, Moment(u64::MAX), vars, tree.clone());
                    world.tokens.accepted(token, first);
                }
                self.reply(200, Body::Success(tree))
            }
            // A server that departs from the law goes on without what it cannot work out.
            Err(_) if self.fault.is_some() => {
                let tree = render(&assessment.scope, &assessment);
                self.reply(200, Body::Success(tree))
            }
            Err(failure) => {
                self.reply(500, Body::Error { code: "LawError".into(), message: format!("{failure:?}").into() })
            }
        }
    }

    fn reply(&mut self, status: u16, body: Body) -> Answer {
        let request_id = Some(self.dice.request_id());
        Answer { status, request_id, body, faults: Vec::new() }
    }

    /// Makes the later changes whose usual moment has come, in the order of those moments.
    pub fn pass_time(&mut self, now: Moment) {
        while let Some(place) = (0..self.world.timers.len())
            .filter(|i| self.world.timers[*i].usually <= now)
            .min_by_key(|i| (self.world.timers[*i].usually, *i))
        {
            let timer = Arc::make_mut(&mut self.world).timers.remove(place);
            effect::fire(&self.law, &mut self.world, &timer);
        }
    }

    /// Chooses anew when the later changes happen, from the one at this place on, in the order in which they were decided.
    /// Whoever wants the law kept stays within their windows.
    pub fn reschedule(&mut self, first: usize, choose: &mut dyn FnMut(&Timer) -> Moment) {
        for timer in Arc::make_mut(&mut self.world).timers.iter_mut().skip(first) {
            timer.usually = choose(timer);
        }
    }

    /// The moment at which the last of the later changes will have happened; none if there are none.
    pub fn settled_at(&self) -> Option<Moment> {
        self.world.timers.iter().map(|t| t.usually).max()
    }
}

/// Decides how to answer a request in a world.
pub fn decide(law: &Arc<Law>, world: &Arc<World>, request: &Request) -> Decision {
    let assessment = assess(law, world, request);
    match assessment.again.as_ref().filter(|again| again.like) {
        Some(again) => Decision::Repeat(again.first.answer.clone()),
        None => conclude(law, assessment),
    }
}

/// What comes of what the law says of a request that repeats none.
pub fn conclude(law: &Law, assessment: Assessment) -> Decision {
    // Of several refusals, one that has a code.
    let code = match assessment.refusals.as_slice() {
        // Where the law leaves it open whether a name of nothing is refused: nothing good can come of accepting it.
        [] if assessment.names_nothing() => Some(None),
        [] => assessment.dry_run.map(|_| law.dry_run_code.clone()),
        refusals => Some(refusals.iter().find_map(|r| r.codes.first().cloned())),
    };
    match code {
        Some(code) => {
            let code = code.unwrap_or_else(|| undocumented(law));
            Decision::Refuse(Box::new(assessment), code)
        }
        None => Decision::Accept(Box::new(assessment)),
    }
}

/// The code of a refusal for which the law names none.
pub fn undocumented(law: &Law) -> Arc<str> {
    law.codes.undocumented.as_deref().map_or_else(|| "Refused".into(), Arc::from)
}

/// Chooses every value that the service chooses.
fn make_up(law: &Law, dice: &mut Dice, before: &World, world: &mut World) {
    for handle in world.since(before) {
        let Some(kind) = world.get(handle).map(|r| r.kind) else { continue };
        for (ix, field) in law[kind].fields.iter().enumerate() {
            let unknown = world.get(handle).is_some_and(|r| r.fields[ix] == Value::Unknown);
            if let (true, Some(mint)) = (unknown, &field.mint) {
                let text = loop {
                    let text: Arc<str> = dice.mint(mint).into();
                    let fixed = !mint.0.iter().any(|p| !matches!(p, MintPart::Text(_)));
                    let unique = field.unique || field.kind == FieldKind::Id;
                    if fixed || !unique || world.live_with_text(kind, ix as u32, &text).is_none() {
                        break text;
                    }
                };
                world.set(law, handle, ix as u32, Value::Text(text), None);
            }
        }
    }
}

/// A small deterministic generator (SplitMix64; Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014). Names need no better one.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.roll() % bound as u64) as usize }
    }

    /// A made-up value of this form.
    pub fn mint(&mut self, mint: &Mint) -> String {
        let mut text = String::new();
        for part in &mint.0 {
            match part {
                MintPart::Text(t) => text.push_str(t),
                MintPart::Hex(digits) => {
                    for _ in 0..*digits {
                        text.push(char::from_digit((self.roll() % 16) as u32, 16).unwrap_or('0'));
                    }
                }
                MintPart::Number => text.push_str(&(self.roll() % 254 + 1).to_string()),
            }
        }
        text
    }

    /// A request id in the form of a UUID.
    pub fn request_id(&mut self) -> Arc<str> {
        let (a, b) = (self.roll(), self.roll());
        let (a2, a3) = ((a >> 16) & 0xffff, a & 0xffff);
        format!("{:08x}-{a2:04x}-{a3:04x}-{:04x}-{:012x}", a >> 32, b >> 48, b & 0xffff_ffff_ffff).into()
    }
}
