//! The laws played against themselves: whatever is asked of the reference, the oracle explains its answer, some world is
//! always left, and no expression of the law goes wrong. A violation here is a false alarm in the making. What the
//! reference has not said does no harm to the oracle either, and what cannot be true it does not believe.
//!
//! An input is a byte that says which law, one for the pace, and the moves in the form of `arbitrary`.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use arbitrary::{Arbitrary, Unstructured};
use eipcheck::{
    model::{
        forward::{Dice, Forward},
        time::{Interval, Moment, Tolerance},
        value::{Handle, Value},
        world::World,
    },
    oracle::{
        Oracle, Settings,
        judge::{Judgement, Verdict, describe},
    },
    scenario::{atlas::Atlas, draft, step::Call},
    spec::law::{Law, Operation, OperationIx, Param},
    wire::{Answer, Body, Request, Tree},
};

use super::laws;

/// How to look at things, for each law.
static ATLASES: LazyLock<Vec<Atlas>> = LazyLock::new(|| laws().iter().map(|law| Atlas::new(law, |_| true)).collect());

/// Whether each request is printed with its answer, to see what led to a panic.
static SHOWS: LazyLock<bool> = LazyLock::new(|| std::env::var_os("SHOW_REQUESTS").is_some());

/// The longest sequence.
const LONGEST: usize = 48;
/// Good requests of one operation that are chosen from.
const MOST_CALLS: usize = 16;
/// What the oracle says when an expression of the law goes wrong.
const FAILURE: &str = "the law cannot be applied";

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
    /// A good request with a token: a new one, or that of an earlier request.
    Token { operation: u8, pick: u8, earlier: bool },
    /// A request with a token once more.
    Again { operation: u8 },
    /// A good request, and as its answer something that the reference has not said. It is as if it had not happened.
    Lie { operation: u8, pick: u8, lie: Lie },
    /// A look at something that is there for certain, and as its answer that it is not. As if it had not happened.
    Hide { resource: u8 },
}

/// What is said instead of an answer.
#[derive(Arbitrary, Debug)]
enum Lie {
    /// A refusal.
    Refused { code: String },
    /// That it was done, and nothing more.
    Done,
    /// The same answer with a change at one place: what becomes of it there.
    Changed { place: u8, into: Option<Arg> },
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
    law: &'static Arc<Law>,
    atlas: &'static Atlas,
    forward: Forward,
    oracle: Oracle,
    now: u64,
    /// Where in the interval of a request the reference answers it, and how long that is.
    pace: u8,
    over: bool,
}

/// Checks one input.
pub fn check(input: &[u8]) {
    let [which, pace, moves @ ..] = input else { return };
    let Ok(moves) = Vec::<Move>::arbitrary_take_rest(Unstructured::new(moves)) else { return };
    let which = usize::from(*which) % laws().len();
    let law = &laws()[which];
    let mut play = Play {
        law,
        atlas: &ATLASES[which],
        forward: Forward::new(law.clone(), u64::from(*pace)),
        oracle: Oracle::new(
            law.clone(),
            Settings { tolerance: Tolerance::new(Duration::from_secs(u64::from(pace % 3))), muted: Arc::default() },
        ),
        now: 0,
        pace: *pace,
        over: false,
    };
    for next in moves.iter().take(LONGEST) {
        play.make(next);
    }
    // Whatever has come of it can be looked at.
    play.make(&Move::Settle);
    play.make(&Move::Look);
}

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
                if let Some(call) = self.good(&world, *operation, *pick) {
                    self.call(&call);
                }
            }
            Move::Bent { operation, pick, fault } => {
                let ix = self.operation(*operation);
                let faults = draft::faults(&self.law[ix]);
                // An operation without what it needs can still be wrong.
                let call = self.good(&world, *operation, *pick).unwrap_or(Call { operation: ix, args: Vec::new() });
                if !faults.is_empty() {
                    let fault = faults[usize::from(*fault) % faults.len()];
                    let mut dice = Dice::new(u64::from(*pick));
                    if let Some(call) = draft::with_fault(self.law, &world, &call, fault, &mut dice) {
                        self.call(&call);
                    }
                }
            }
            Move::Rehearse { operation, pick } => {
                if let Some(call) = self.good(&world, *operation, *pick).and_then(|c| draft::rehearsal(self.law, &c)) {
                    self.call(&call);
                }
            }
            Move::Free { operation, args } => {
                let operation = self.operation(*operation);
                let args =
                    args.iter().take(8).map(|(param, arg)| self.free(&self.law[operation], *param, arg)).collect();
                self.ask(&Request::new(self.law, operation, args));
            }
            Move::Look => {
                for look in self.atlas.looks_at_unconfirmed(self.law, self.oracle.worlds()) {
                    self.call(&look);
                }
            }
            Move::LookAtChanges => {
                for look in self.atlas.looks_at_changing(self.law, self.oracle.worlds()) {
                    self.call(&look);
                }
            }
            Move::Wait { milliseconds } => self.pass(self.now + u64::from(*milliseconds) * 1000),
            Move::Settle => {
                let looks = self.atlas.looks_at_changing(self.law, self.oracle.worlds());
                let latest = self.oracle.worlds().iter().flat_map(|w| &w.timers).filter_map(|t| t.latest).max();
                let end = [self.forward.settled_at(), latest].into_iter().flatten().max();
                self.pass(end.map_or(self.now, |end| self.now.max(end.0 + 1)));
                for look in looks {
                    self.call(&look);
                }
            }
            Move::Token { operation, pick, earlier } => {
                let Some(call) = self.good(&world, *operation, *pick) else { return };
                let with_token = match draft::latest_use(&world, call.operation).filter(|_| *earlier) {
                    Some(earlier) => draft::with_used_token(self.law, &call, earlier),
                    None => draft::with_new_token(self.law, &world, &call),
                };
                if let Some(call) = with_token {
                    self.call(&call);
                }
            }
            Move::Again { operation } => {
                let earlier = draft::latest_use(&world, self.operation(*operation));
                if let Some(call) = earlier.and_then(|earlier| draft::again(self.law, &world, earlier)) {
                    self.call(&call);
                }
            }
            Move::Lie { operation, pick, lie } => {
                if let Some(call) = self.good(&world, *operation, *pick) {
                    self.lie(&call, lie);
                }
            }
            Move::Hide { resource } => {
                let resources: Vec<Handle> = world.iter().filter(|(_, r)| r.live).map(|(handle, _)| handle).collect();
                if let Some(handle) = resources.get(usize::from(*resource) % resources.len().max(1)) {
                    self.hide(&world, *handle);
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
        if let Some(request) = call.resolve(self.law, self.oracle.worlds(), "eipcheck") {
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
        let name = &self.law[request.operation].name;
        assert!(answer.status < 500, "{name} {:?}: {}", request.args, describe(&answer));
        let judgement = self.oracle.judge(request, Interval { from, to }, &answer);
        let asked = || format!("{name} {:?}\nanswer: {:?}", request.args, answer.body);
        if *SHOWS {
            eprintln!("{}..{} {}\nverdict: {:?}\n", from.0, to.0, asked(), judgement.verdict);
        }
        if let Some(fault) = judgement.faults.first() {
            panic!("{}\nfault: {}: {} but {}", asked(), self.law[fault.rule].id, fault.allowed, fault.came);
        }
        match judgement.verdict {
            Verdict::Explained => assert!(!self.oracle.worlds().is_empty(), "no world is left"),
            Verdict::Violation(v) => {
                panic!("{}\nviolation: {}: {} but {}", asked(), self.law[v.rule].id, v.allowed, v.came)
            }
            Verdict::Indeterminate(why) => {
                assert!(!why.contains(FAILURE), "{}\n{why}", asked());
                self.over = true;
            }
        }
    }

    /// What the reference would answer, and the judgement of what is said instead. Both leave everything as it is.
    fn instead(&self, call: &Call, other: impl FnOnce(&Answer) -> Answer) -> Option<(Answer, Judgement)> {
        let request = call.resolve(self.law, self.oracle.worlds(), "eipcheck")?;
        let now = Moment(self.now);
        let answer = self.forward.clone().answer(&request, now);
        let mut oracle = self.oracle.clone();
        let judgement = oracle.judge(&request, Interval { from: now, to: now }, &other(&answer));
        match &judgement.verdict {
            Verdict::Explained => assert!(!oracle.worlds().is_empty(), "no world is left"),
            Verdict::Violation(_) => {}
            Verdict::Indeterminate(why) => assert!(!why.contains(FAILURE), "{why}"),
        }
        Some((answer, judgement))
    }

    fn lie(&self, call: &Call, lie: &Lie) {
        self.instead(call, |answer| {
            let mut answer = answer.clone();
            match lie {
                Lie::Refused { code } => {
                    answer.status = 400;
                    answer.body = Body::Error { code: code.as_str().into(), message: "".into() };
                }
                Lie::Done => {
                    answer.status = 200;
                    answer.body = Body::Success(Tree::Struct(Vec::new()));
                }
                Lie::Changed { place, into } => {
                    let into = into.as_ref().map(|arg| self.tree(arg, &[], &[], 0));
                    if let Body::Success(tree) = &mut answer.body {
                        change(tree, &mut usize::from(*place), into.as_ref());
                    }
                }
            }
            answer
        });
    }

    /// Says that something is not there of which every world knows that it is, and that it stays.
    fn hide(&self, world: &World, handle: Handle) {
        if self.over || self.oracle.worlds().iter().any(|w| !w.timers.is_empty()) {
            return;
        }
        let Some(look) = self.atlas.looks(self.law, world, [handle]).into_iter().next() else { return };
        let hidden = self.instead(&look, |answer| {
            let mut answer = answer.clone();
            if let Body::Success(Tree::Struct(members)) = &mut answer.body {
                members.iter_mut().for_each(|(_, member)| {
                    if let Tree::List(list) = member {
                        list.clear();
                    }
                });
            }
            answer
        });
        if let Some((Answer { body: Body::Success(Tree::Struct(members)), .. }, judgement)) = hidden
            && members.iter().any(|(_, member)| member.as_list().is_some_and(|list| !list.is_empty()))
        {
            let explained = matches!(judgement.verdict, Verdict::Explained) && judgement.faults.is_empty();
            assert!(!explained, "{} may show nothing", look.display(self.law));
        }
    }

    fn operation(&self, number: u8) -> OperationIx {
        OperationIx(u32::from(number) % self.law.operations().count() as u32)
    }

    fn good(&self, world: &Arc<World>, operation: u8, pick: u8) -> Option<Call> {
        let calls = draft::good_calls(self.law, world, self.operation(operation), MOST_CALLS).ok()?;
        (!calls.is_empty()).then(|| calls[usize::from(pick) % calls.len()].clone())
    }

    fn free(&self, operation: &Operation, param: u8, arg: &Arg) -> (Arc<str>, Tree) {
        let params = &operation.params;
        // One more than there are: one that the operation does not have.
        let param = params.get(usize::from(param) % (params.len() + 1));
        let values = param.map_or(&[][..], |p| &p.values);
        let fields = param.map_or(&[][..], |p| &p.fields);
        (param.map_or_else(|| "NoSuchParameter".into(), |p| p.name.clone()), self.tree(arg, values, fields, 0))
    }

    fn tree(&self, arg: &Arg, values: &[Arc<str>], fields: &[Param], depth: usize) -> Tree {
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

/// Changes the tree at one place, counted from the outside in; a member or an element becomes `into`, or goes. True if
/// there was such a place.
fn change(tree: &mut Tree, place: &mut usize, into: Option<&Tree>) -> bool {
    let count = match tree {
        Tree::Text(_) => return false,
        Tree::List(list) => list.len(),
        Tree::Struct(members) => members.len(),
    };
    if *place < count {
        match (tree, into) {
            (Tree::List(list), Some(into)) => list[*place] = into.clone(),
            (Tree::List(list), None) => drop(list.remove(*place)),
            (Tree::Struct(members), Some(into)) => members[*place].1 = into.clone(),
            (Tree::Struct(members), None) => drop(members.remove(*place)),
            (Tree::Text(_), _) => {}
        }
        return true;
    }
    *place -= count;
    match tree {
        Tree::Text(_) => false,
        Tree::List(list) => list.iter_mut().any(|element| change(element, place, into)),
        Tree::Struct(members) => members.iter_mut().any(|(_, member)| change(member, place, into)),
    }
}
