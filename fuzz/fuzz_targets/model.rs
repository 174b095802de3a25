//! The law played against itself: whatever is asked of the reference, the oracle explains its answer, and no expression
//! of the law goes wrong. A violation here is a false alarm in the making.

#![no_main]

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use arbitrary::Arbitrary;
use eipcheck::{
    model::{
        forward::{Dice, Forward},
        time::{Interval, Moment, Tolerance},
        value::Value,
        world::World,
    },
    oracle::{
        Oracle, Settings,
        judge::{Verdict, describe},
    },
    scenario::{atlas::Atlas, draft, step::Call},
    spec::{
        law::{Law, Operation, OperationIx},
        load::{SpecSource, load},
    },
    wire::{Request, Tree},
};
use libfuzzer_sys::fuzz_target;

static LAW: LazyLock<Arc<Law>> =
    LazyLock::new(|| Arc::new(load(&SpecSource::BuiltIn, "ec2", &[]).expect("the built-in law is sound")));
static ATLAS: LazyLock<Atlas> = LazyLock::new(|| Atlas::new(&LAW, |_| true));

/// The longest sequence.
const LONGEST: usize = 48;
/// Good requests of one operation that are chosen from.
const MOST_CALLS: usize = 16;

/// One move of whoever talks to the reference.
#[derive(Arbitrary, Debug)]
enum Move {
    /// A good request.
    Good { operation: u8, pick: u8 },
    /// One that is wrong in a way that the law speaks of.
    Bent { operation: u8, pick: u8, fault: u8 },
    /// One that only asks whether it would be done.
    Rehearse { operation: u8, pick: u8 },
    /// Anything at all.
    Free { operation: u8, args: Vec<(u8, Arg)> },
    /// A look at everything of which something is unconfirmed.
    Look,
    /// A look at everything that may be changing.
    LookAtChanges,
    /// Time passes: milliseconds.
    Wait { milliseconds: u16 },
    /// Time passes until everything under way has happened.
    Settle,
}

/// An argument.
#[derive(Arbitrary, Debug)]
enum Arg {
    /// A text.
    Text(String),
    /// A number.
    Number(i16),
    /// A text that the reference has made up before: of which resource, and of which of its fields.
    Known { resource: u8, field: u8 },
    /// A value that the parameter may have.
    Listed(u8),
    /// Several.
    List(Vec<Arg>),
    /// Members: which, and what.
    Struct(Vec<(u8, Arg)>),
}

struct Play {
    forward: Forward,
    oracle: Oracle,
    now: u64,
    /// Where in the interval of a request the reference answers it, and how long that is.
    pace: u8,
    over: bool,
}

fuzz_target!(|input: (u8, Vec<Move>)| {
    let (pace, moves) = input;
    let tolerance = Tolerance::new(Duration::from_secs(u64::from(pace % 3)));
    let mut play = Play {
        forward: Forward::new(LAW.clone(), u64::from(pace)),
        oracle: Oracle::new(LAW.clone(), Settings { tolerance, muted: Arc::default() }),
        now: 0,
        pace,
        over: false,
    };
    for next in moves.iter().take(LONGEST) {
        if !play.over {
            play.make(next);
        }
    }
    // Whatever has come of it can be looked at.
    play.make(&Move::Settle);
    play.make(&Move::Look);
});

impl Play {
    fn world(&self) -> Arc<World> {
        self.oracle.worlds().first().expect("a world is left").clone()
    }

    fn make(&mut self, next: &Move) {
        if self.over {
            return;
        }
        let world = self.world();
        match next {
            Move::Good { operation, pick } => {
                if let Some(call) = good(&world, *operation, *pick) {
                    self.call(&call);
                }
            }
            Move::Bent { operation, pick, fault } => {
                let ix = operation_ix(*operation);
                let faults = draft::faults(&LAW[ix]);
                // An operation without what it needs can still be wrong.
                let call = good(&world, *operation, *pick).unwrap_or(Call { operation: ix, args: Vec::new() });
                if !faults.is_empty() {
                    let fault = faults[usize::from(*fault) % faults.len()];
                    let mut dice = Dice::new(u64::from(*pick));
                    if let Some(call) = draft::with_fault(&LAW, &world, &call, fault, &mut dice) {
                        self.call(&call);
                    }
                }
            }
            Move::Rehearse { operation, pick } => {
                if let Some(call) = good(&world, *operation, *pick).and_then(|c| draft::rehearsal(&LAW, &c)) {
                    self.call(&call);
                }
            }
            Move::Free { operation, args } => {
                let operation = operation_ix(*operation);
                let args = args.iter().take(8).map(|(param, arg)| self.free(&LAW[operation], *param, arg)).collect();
                self.ask(&Request::new(&LAW, operation, args));
            }
            Move::Look => {
                for look in ATLAS.looks_at_unconfirmed(&LAW, self.oracle.worlds()) {
                    self.call(&look);
                }
            }
            Move::LookAtChanges => {
                for look in ATLAS.looks_at_changing(&LAW, self.oracle.worlds()) {
                    self.call(&look);
                }
            }
            Move::Wait { milliseconds } => self.pass(self.now + u64::from(*milliseconds) * 1000),
            Move::Settle => {
                let looks = ATLAS.looks_at_changing(&LAW, self.oracle.worlds());
                let latest = self.oracle.worlds().iter().flat_map(|w| &w.timers).filter_map(|t| t.latest).max();
                let end = [self.forward.settled_at(), latest].into_iter().flatten().max();
                self.pass(end.map_or(self.now, |end| self.now.max(end.0 + 1)));
                for look in looks {
                    self.call(&look);
                }
            }
        }
    }

    fn pass(&mut self, now: u64) {
        self.now = now;
        self.forward.pass_time(Moment(now));
        self.oracle.pass_time(Moment(now));
    }

    fn call(&mut self, call: &Call) {
        if let Some(request) = call.resolve(&LAW, self.oracle.worlds(), "eipcheck") {
            self.ask(&request);
        }
    }

    fn ask(&mut self, request: &Request) {
        if self.over {
            return;
        }
        let from = Moment(self.now);
        let at = Moment(from.0 + u64::from(self.pace >> 4));
        let to = Moment(at.0 + u64::from(self.pace & 0xf));
        self.now = to.0 + 1;
        let answer = self.forward.answer(request, at);
        let name = &LAW[request.operation].name;
        assert!(answer.status < 500, "{name} {:?}: {}", request.args, describe(&answer));
        let judgement = self.oracle.judge(request, Interval { from, to }, &answer);
        let asked = || format!("{name} {:?}\nanswer: {:?}", request.args, answer.body);
        if let Some(fault) = judgement.faults.first() {
            panic!("{}\nfault: {}: {} but {}", asked(), LAW[fault.rule].id, fault.allowed, fault.came);
        }
        match judgement.verdict {
            Verdict::Explained => assert!(!self.oracle.worlds().is_empty(), "no world is left"),
            Verdict::Violation(v) => {
                panic!("{}\nviolation: {}: {} but {}", asked(), LAW[v.rule].id, v.allowed, v.came)
            }
            Verdict::Indeterminate(why) => {
                assert!(!why.contains("the law cannot be applied"), "{}\n{why}", asked());
                self.over = true;
            }
        }
    }

    fn free(&self, operation: &Operation, param: u8, arg: &Arg) -> (Arc<str>, Tree) {
        let params = &operation.params;
        // One more than there are: one that the operation does not have.
        let param = params.get(usize::from(param) % (params.len() + 1));
        let values = param.map_or(&[][..], |p| &p.values);
        let fields = param.map_or(&[][..], |p| &p.fields);
        (param.map_or_else(|| "NoSuchParameter".into(), |p| p.name.clone()), self.tree(arg, values, fields, 0))
    }

    fn tree(&self, arg: &Arg, values: &[Arc<str>], fields: &[eipcheck::spec::law::Param], depth: usize) -> Tree {
        match arg {
            Arg::Text(text) => Tree::text(text.as_str()),
            Arg::Number(number) => Tree::text(number.to_string()),
            Arg::Listed(which) => match values {
                [] => Tree::text(if which % 2 == 0 { "true" } else { "false" }),
                some => Tree::Text(some[usize::from(*which) % some.len()].clone()),
            },
            Arg::Known { resource, field } => {
                let world = self.forward.world();
                let mut texts = world.iter().filter(|(_, r)| r.ordinal > 0).map(|(_, r)| {
                    r.fields.iter().filter_map(|v| if let Value::Text(t) = v { Some(t.clone()) } else { None })
                });
                let text = texts
                    .nth(usize::from(*resource) % world.len().max(1))
                    .and_then(|t| t.collect::<Vec<_>>().get(usize::from(*field) % 4).cloned());
                Tree::Text(text.unwrap_or_else(|| "eipcheck".into()))
            }
            _ if depth > 2 => Tree::text("deep"),
            Arg::List(items) => {
                Tree::List(items.iter().take(4).map(|item| self.tree(item, values, fields, depth + 1)).collect())
            }
            Arg::Struct(members) => Tree::Struct(
                members
                    .iter()
                    .take(4)
                    .map(|(which, member)| {
                        let field = fields.get(usize::from(*which) % (fields.len() + 1));
                        let name = field.map_or_else(|| "NoSuchMember".into(), |f| f.name.clone());
                        let values = field.map_or(&[][..], |f| &f.values);
                        let fields = field.map_or(&[][..], |f| &f.fields);
                        (name, self.tree(member, values, fields, depth + 1))
                    })
                    .collect(),
            ),
        }
    }
}

fn operation_ix(number: u8) -> OperationIx {
    OperationIx(u32::from(number) % LAW.operations().count() as u32)
}

fn good(world: &Arc<World>, operation: u8, pick: u8) -> Option<Call> {
    let calls = draft::good_calls(&LAW, world, operation_ix(operation), MOST_CALLS).ok()?;
    (!calls.is_empty()).then(|| calls[usize::from(pick) % calls.len()].clone())
}
