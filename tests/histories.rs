//! Histories of overlapping requests: what the reference does under any interleaving and any legal timing has an order,
//! and what it would never do has none.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use eipcheck::{
    model::{
        forward::{Dice, Forward},
        time::{Interval, Moment},
    },
    oracle::{
        Oracle, Settings,
        history::{Budget, Contradiction, Event, Outcome, Work, judge},
        judge::Verdict,
    },
    run::{TOLERANCE, suite::plan_everything},
    scenario::{
        atlas::Atlas,
        crowd::{self, Manners},
        overlap::{Overlap, overlaps},
        step::{Call, Step},
        strategy::Strategies,
    },
    spec::{
        Law, SpecSource,
        file::Level,
        law::{Demand, OperationIx},
        load,
    },
    wire::{Answer, Body, Request, Tree},
};

struct Cloud {
    law: Arc<Law>,
    atlas: Atlas,
    strategies: Strategies,
}

impl Cloud {
    fn new(cloud: &str, readings: &[(&str, &str)]) -> Cloud {
        let readings: Vec<_> = readings.iter().map(|(n, c)| ((*n).to_owned(), (*c).to_owned())).collect();
        let law = Arc::new(load(&SpecSource::BuiltIn, cloud, &readings).unwrap());
        Cloud { atlas: Atlas::new(&law, |_| true), strategies: Strategies::new(&law, |_| true), law }
    }

    fn crowd(&self, seed: u64, manners: Manners) -> Vec<Event> {
        crowd::history(&settings(), &self.atlas, &self.strategies, seed, manners)
    }

    fn judge(&self, events: &[Event]) -> (Outcome, Work) {
        judge(&self.law, &settings(), events, Budget::default())
    }

    fn operation(&self, name: &str) -> OperationIx {
        self.law.operation(name).unwrap()
    }

    /// Requests that stand in each other's way because of rules of this level at least.
    fn overlaps(&self, least: Level) -> Vec<Overlap> {
        let law = &self.law;
        let mut plans = plan_everything(law);
        plans.retain(|rule, _| law[*rule].level >= least);
        overlaps(law, &self.atlas, &|_| true, plans.iter().map(|(rule, steps)| (*rule, steps)), 3)
    }
}

static CLOUDS: LazyLock<Vec<Cloud>> = LazyLock::new(|| vec![Cloud::new("ec2", &[]), Cloud::new("alibaba", &[])]);

/// The overlaps of both laws, of the rules that the providers' documents speak of.
static OVERLAPS: LazyLock<Vec<(&'static Cloud, Vec<Overlap>)>> =
    LazyLock::new(|| CLOUDS.iter().map(|cloud| (cloud, cloud.overlaps(Level::Should))).collect());

fn settings() -> Settings {
    Settings { tolerance: TOLERANCE, muted: Arc::default() }
}

/// True if no request comes after one that was sent only when its answer was in.
fn respects_real_time(events: &[Event], order: &[usize]) -> bool {
    order.iter().enumerate().all(|(place, later)| {
        order[..place].iter().all(|earlier| {
            let ends = events[*later].answer.as_ref().map(|_| events[*later].interval.to);
            ends.is_none_or(|end| end >= events[*earlier].interval.from)
        })
    })
}

/// Whether there is an order, found out by trying all of them: no groups, nothing remembered. None if it takes too long,
/// or the oracle cannot tell.
fn has_order(law: &Arc<Law>, events: &[Event]) -> Option<bool> {
    fn explore(oracle: &Oracle, events: &[Event], open: &[usize], sent: Moment, left: &mut u32) -> Option<bool> {
        if open.is_empty() {
            return Some(true);
        }
        let until = open.iter().map(|e| events[*e].interval.to).min().unwrap();
        let mut unclear = false;
        for next in open.iter().copied().filter(|e| events[*e].interval.from <= until) {
            *left = left.checked_sub(1)?;
            let event = &events[next];
            let sent = sent.max(event.interval.from);
            let mut oracle = oracle.clone();
            match oracle.judge(&event.request, Interval { from: sent, to: until }, event.answer.as_ref()?).verdict {
                Verdict::Explained => {}
                Verdict::Violation(_) => continue,
                Verdict::Indeterminate(_) => {
                    unclear = true;
                    continue;
                }
            }
            let rest: Vec<usize> = open.iter().copied().filter(|e| *e != next).collect();
            match explore(&oracle, events, &rest, sent, left) {
                Some(true) => return Some(true),
                Some(false) => {}
                None if *left == 0 => return None,
                None => unclear = true,
            }
        }
        if unclear { None } else { Some(false) }
    }
    let all: Vec<usize> = (0..events.len()).collect();
    explore(&Oracle::new(law.clone(), settings()), events, &all, Moment(0), &mut 20_000)
}

/// What is wrong with a history, if trying all orders comes to the same end, or to none.
#[track_caller]
fn agreed(cloud: &Cloud, events: &[Event]) -> Option<Box<Contradiction>> {
    match (has_order(&cloud.law, events), cloud.judge(events).0) {
        (Some(false) | None, Outcome::Violation(found)) => Some(found),
        (Some(true) | None, Outcome::Explained(_)) | (_, Outcome::Unknown(_)) => None,
        (there_is, outcome) => panic!("there is one: {there_is:?}, found: {outcome:?}\n{}", show(cloud, events)),
    }
}

fn show(cloud: &Cloud, events: &[Event]) -> String {
    let line = |(place, event): (usize, &Event)| {
        let Event { client, interval, request, answer } = event;
        let (from, to, name) = (interval.from.0, interval.to.0, &cloud.law[request.operation].name);
        let answer = answer.as_ref().map(|a| &a.body);
        format!("{place}: client {client} {from}..{to} {name} {:?}\n     {answer:?}\n", request.args)
    };
    events.iter().enumerate().map(line).collect()
}

// --- What is right -----------------------------------------------------------------------------------------------------

#[track_caller]
fn assert_order(cloud: &Cloud, events: &[Event], outcome: &Outcome) {
    let Outcome::Explained(order) = outcome else {
        panic!("{}: {outcome:?}\n{}", cloud.law.cloud, show(cloud, events));
    };
    assert!(respects_real_time(events, order));
    assert!(order.len() >= events.iter().filter(|e| e.answer.is_some()).count());
}

#[track_caller]
fn assert_explained(cloud: &Cloud, events: &[Event]) {
    assert_order(cloud, events, &cloud.judge(events).0);
}

#[test]
fn whatever_the_reference_does_has_an_order() {
    for cloud in CLOUDS.iter() {
        let (mut steps, mut requests, mut unknown) = (0, 0, 0);
        for seed in 0..1000 {
            let manners = Manners { clients: 2 + (seed % 4) as u32, requests: 12, lost: 0, discreet: seed % 2 == 0 };
            let events = cloud.crowd(seed, manners);
            let (outcome, work) = cloud.judge(&events);
            steps += work.steps;
            requests += events.len() as u64;
            match outcome {
                // With more worlds than are kept it cannot be told.
                Outcome::Unknown(_) => unknown += 1,
                outcome => assert_order(cloud, &events, &outcome),
            }
        }
        assert!(requests > 8_000, "the histories are shorter than they should be: {requests}");
        assert!(steps * 2 <= requests * 3, "{steps} steps for {requests} requests");
        assert!(unknown <= 5, "{unknown} of 1000 could not be told");
    }
}

#[test]
fn an_answer_that_was_lost_makes_nothing_wrong() {
    for cloud in CLOUDS.iter() {
        let mut unknown = 0;
        for seed in 0..150 {
            let events = cloud.crowd(seed, Manners { clients: 3, requests: 12, lost: 6, discreet: false });
            match cloud.judge(&events).0 {
                Outcome::Explained(_) => {}
                Outcome::Unknown(_) => unknown += 1,
                Outcome::Violation(found) => panic!("{found:?}\n{}", show(cloud, &events)),
            }
        }
        assert!(unknown <= 8, "{unknown} of 150 could not be told");
    }
}

// --- What is wrong -----------------------------------------------------------------------------------------------------

/// Changes a history somehow. It may be as right as before.
fn tamper(events: &mut [Event], dice: &mut Dice) {
    let (one, other) = (dice.below(events.len()), dice.below(events.len()));
    match dice.below(4) {
        // An answer to another request for the same operation.
        0 | 1 => {
            let operation = events[one].request.operation;
            let alike: Vec<usize> = (0..events.len()).filter(|e| events[*e].request.operation == operation).collect();
            let other = alike[dice.below(alike.len())];
            let answer = events[one].answer.clone();
            events[one].answer = events[other].answer.clone();
            events[other].answer = answer;
        }
        // A refusal.
        2 => {
            let body = Body::Error { code: "InvalidParameterValue".into(), message: "".into() };
            events[one].answer = Some(Answer { status: 400, body, ..events[one].answer.clone().unwrap() });
        }
        // Another time.
        _ => events[one].interval = events[other].interval,
    }
}

#[test]
fn a_history_is_wrong_if_and_only_if_no_order_explains_it() {
    let (mut right, mut wrong) = (0, 0);
    for cloud in CLOUDS.iter() {
        for seed in 0..120 {
            let mut events = cloud.crowd(seed, Manners { clients: 3, requests: 12, lost: 0, discreet: seed % 2 == 0 });
            let mut dice = Dice::new(seed);
            (0..1 + seed % 2).for_each(|_| tamper(&mut events, &mut dice));
            match agreed(cloud, &events) {
                Some(found) => {
                    wrong += 1;
                    assert_smallest(cloud, &events, &found);
                }
                None => right += 1,
            }
        }
    }
    assert!(right > 50 && wrong > 50, "{right} right, {wrong} wrong");
}

/// A law that says of no operation what it looks at: every change counts that is connected with what a request names.
fn unsparing(cloud: &Cloud) -> Arc<Law> {
    let mut law = load(&SpecSource::BuiltIn, &cloud.law.cloud, &[]).unwrap();
    law.operations.iter_mut().for_each(|operation| operation.footprint.is_unclear = true);
    Arc::new(law)
}

#[test]
fn what_a_request_cannot_tell_of_makes_no_difference() {
    let (mut right, mut wrong) = (0, 0);
    for cloud in CLOUDS.iter() {
        let law = unsparing(cloud);
        for seed in 1000..1200 {
            let mut events = cloud.crowd(seed, Manners { clients: 3, requests: 14, lost: 0, discreet: seed % 4 != 0 });
            let mut dice = Dice::new(seed);
            (0..seed % 3).for_each(|_| tamper(&mut events, &mut dice));
            let of = |outcome: Outcome| match outcome {
                Outcome::Explained(_) => Some(None),
                Outcome::Violation(found) => Some(Some((found.violation.rule, found.culprit))),
                Outcome::Unknown(_) => None,
            };
            let (sparing, _) = cloud.judge(&events);
            let (unsparing, _) = judge(&law, &settings(), &events, Budget { steps: 2_000, shrinking: 2_000 });
            // More worlds are possible where nothing is put off; of more than are kept nothing is known.
            let (Some(sparing), Some(unsparing)) = (of(sparing), of(unsparing)) else { continue };
            let same = sparing.is_some() == unsparing.is_some();
            assert!(same, "{sparing:?}, {unsparing:?}, seed {seed}\n{}", show(cloud, &events));
            match sparing {
                Some(_) => wrong += 1,
                None => right += 1,
            }
        }
    }
    assert!(right > 50 && wrong > 50, "{right} right, {wrong} wrong");
}

#[test]
fn a_name_that_nothing_has_joins_no_requests() {
    let cloud = &CLOUDS[0];
    let event = |place: u64, operation: &str, args: &[(&str, &str)], body: Option<Body>| {
        let args = args.iter().map(|(name, value)| ((*name).into(), Tree::Text((*value).into()))).collect();
        let request = Request::new(&cloud.law, cloud.operation(operation), args);
        let status = if matches!(body, Some(Body::Success(_))) { 200 } else { 400 };
        let interval = Interval { from: Moment(place * 2 * MILLISECOND), to: Moment((place * 2 + 1) * MILLISECOND) };
        let answer = |body| Answer { status, request_id: None, body, faults: Vec::new() };
        Event { client: 0, request, interval, answer: body.map(answer) }
    };
    let unknown = ("AllocationId", "eipalloc-0123456789abcdef0");
    let refused = || Some(Body::Error { code: "InvalidAllocationID.NotFound".into(), message: "".into() });
    let asked = |place| event(place, "ReleaseAddress", &[unknown], refused());
    let groups = |events: &[Event]| cloud.judge(events).1.groups;
    assert_eq!(groups(&[asked(0), asked(1)]), 2);
    // Whose answer was lost may have made what has this name.
    assert_eq!(groups(&[event(0, "AllocateAddress", &[], None), asked(1), asked(2)]), 2);
}

/// The requests that are named have no order, and without any one of them they have one, or the answer that cannot be
/// explained is another one, or another rule is to blame.
#[track_caller]
fn assert_smallest(cloud: &Cloud, events: &[Event], found: &Contradiction) {
    let of = |calls: &[usize]| -> Vec<Event> { calls.iter().map(|call| events[*call].clone()).collect() };
    assert!(found.smallest && found.calls.contains(&found.culprit), "{found:?}");
    let named = of(&found.calls);
    assert_ne!(has_order(&cloud.law, &named), Some(true), "{found:?}\n{}", show(cloud, &named));
    let end = events[found.culprit].interval.to;
    if found.calls.iter().any(|call| events[*call].interval.to > end) {
        // What was under way then may have happened or not, which is more than trying all orders knows of.
        return;
    }
    let rest: Vec<usize> = found.calls.iter().copied().filter(|call| *call != found.culprit).collect();
    assert_ne!(has_order(&cloud.law, &of(&rest)), Some(false), "{found:?}\n{}", show(cloud, &named));
}

// --- Requests that exclude each other ----------------------------------------------------------------------------------

/// A reference that answers at moments that the test chooses, and what was asked of it.
#[derive(Clone)]
struct Talk<'c> {
    cloud: &'c Cloud,
    forward: Forward,
    /// What somebody knows who sees the answers.
    oracle: Oracle,
    now: Moment,
    events: Vec<Event>,
}

const MILLISECOND: u64 = 1000;

impl<'c> Talk<'c> {
    /// After these steps, one at a time.
    fn after(cloud: &'c Cloud, steps: &[Step]) -> Talk<'c> {
        let oracle = Oracle::new(cloud.law.clone(), settings());
        let forward = Forward::new(cloud.law.clone(), 1);
        let mut talk = Talk { cloud, forward, oracle, now: Moment(0), events: Vec::new() };
        for step in steps {
            match step {
                Step::Call(call) => talk.call(call),
                Step::Settle => {
                    let worlds = talk.oracle.worlds();
                    let looks = cloud.atlas.looks_at_changing(&cloud.law, worlds);
                    let latest = worlds.iter().flat_map(|w| &w.timers).filter_map(|t| t.latest).max();
                    let over = latest.max(talk.forward.settled_at()).unwrap_or_default();
                    talk.now = talk.now.max(over).plus_seconds(1);
                    talk.oracle.pass_time(talk.now);
                    looks.iter().for_each(|look| talk.call(look));
                }
                Step::Together(_) => panic!("a setup goes one at a time"),
            }
        }
        talk
    }

    fn call(&mut self, call: &Call) {
        let from = self.now;
        self.now = Moment(from.0 + 2 * MILLISECOND);
        let interval = Interval { from, to: Moment(from.0 + MILLISECOND) };
        let event = self.event(0, call, interval, interval.from);
        self.oracle.judge(&event.request, interval, event.answer.as_ref().unwrap());
        self.events.push(event);
    }

    /// What comes of a request that takes effect at this moment.
    fn event(&mut self, client: u32, call: &Call, interval: Interval, at: Moment) -> Event {
        let request = call.resolve(&self.cloud.law, &[self.forward.world().clone()], "test").unwrap();
        let answer = Some(self.forward.answer(&request, at));
        Event { client, request, interval, answer }
    }
}

fn is_accepted(event: &Event) -> bool {
    matches!(event.answer.as_ref().unwrap().body, Body::Success(_))
}

#[test]
fn the_law_knows_requests_that_stand_in_each_others_way() {
    for (cloud, pairs) in [
        (
            "ec2",
            &[
                ("DisassociateNatGatewayAddress", "DisassociateNatGatewayAddress"),
                ("AssociateNatGatewayAddress", "DisassociateNatGatewayAddress"),
                ("AssociateAddress", "ReleaseAddress"),
            ][..],
        ),
        ("alibaba", &[("UnassociateEipAddress", "UnassociateEipAddress")]),
    ] {
        let (cloud, overlaps) = OVERLAPS.iter().find(|(c, _)| &*c.law.cloud == cloud).unwrap();
        let named: Vec<Vec<&str>> = overlaps
            .iter()
            .map(|o| {
                let mut names: Vec<&str> = o.rivals.iter().map(|c| &*cloud.law[c.operation].name).collect();
                names.sort_unstable();
                names
            })
            .collect();
        for (one, other) in pairs {
            assert!(named.contains(&vec![one, other]), "{one} and {other} are not among {named:?}");
        }
    }
}

#[test]
fn of_two_requests_that_exclude_each_other_not_both_are_accepted() {
    let mut tried = 0;
    for (cloud, overlaps) in OVERLAPS.iter() {
        for overlap in overlaps.iter().filter(|o| o.exclusive && o.rivals.len() == 2) {
            let talk = Talk::after(cloud, &overlap.setup);
            let interval = Interval { from: talk.now, to: Moment(talk.now.0 + MILLISECOND) };
            // Each is checked before the other one is done, and both are done.
            let alone =
                |client: usize| talk.clone().event(client as u32 + 1, &overlap.rivals[client], interval, interval.from);
            let (one, other) = (alone(0), alone(1));
            assert!(is_accepted(&one) && is_accepted(&other));
            assert_explained(cloud, &talk.events);
            let mut events = talk.events.clone();
            for event in [one, other] {
                // One of them alone is as it should be.
                let mut fewer = talk.events.clone();
                fewer.push(event.clone());
                assert_explained(cloud, &fewer);
                events.push(event);
            }
            // The second one may be right in the other order, or what the first one began may have been over already.
            if let Some(found) = agreed(cloud, &events) {
                tried += 1;
                let rivals = [events.len() - 2, events.len() - 1];
                assert!(rivals.iter().all(|rival| found.calls.contains(rival)), "{found:?}");
                assert!(found.smallest);
                assert_eq!(cloud.law[found.violation.rule].demand, Demand::Refuse, "{found:?}");
            }
        }
    }
    assert!(tried >= 5, "only {tried} pairs have no order");
}

#[test]
fn an_effect_that_was_dropped_is_missed() {
    let (mut missed, mut tried) = (0, 0);
    for (cloud, overlaps) in OVERLAPS.iter() {
        for overlap in overlaps {
            let mut talk = Talk::after(cloud, &overlap.setup);
            let interval = Interval { from: talk.now, to: Moment(talk.now.0 + MILLISECOND) };
            let mut events = talk.events.clone();
            // It is accepted, but nothing comes of it; a look at the same time may come before it, one afterwards not.
            let mut done = talk.clone();
            events.push(done.event(1, &overlap.rivals[0], interval, interval.from));
            let world = [talk.forward.world().clone()];
            let looks =
                cloud.atlas.looks(&cloud.law, &world[0], world[0].iter().filter(|(_, r)| r.live).map(|(h, _)| h));
            for look in &looks {
                events.push(talk.event(2, look, interval, interval.from));
            }
            assert_explained(cloud, &events);
            let later = Interval { from: Moment(interval.to.0 + 1), to: Moment(interval.to.0 + MILLISECOND) };
            let mut right = events.clone();
            for look in &looks {
                events.push(talk.event(0, look, later, later.from));
                right.push(done.event(0, look, later, later.from));
            }
            assert_explained(cloud, &right);
            // What the looks do not show is not missed.
            let bodies = |events: &[Event]| events.iter().map(|e| e.answer.clone().unwrap().body).collect::<Vec<_>>();
            if bodies(&events) == bodies(&right) {
                continue;
            }
            tried += 1;
            missed += usize::from(agreed(cloud, &events).is_some());
        }
    }
    // What may take some time, or may be left out, is not missed either.
    assert!(tried >= 20 && missed * 4 >= tried * 3, "{missed} of {tried}");
}

// --- Time --------------------------------------------------------------------------------------------------------------

/// A drain of three seconds that ends so many microseconds after its request, watched by two clients in turn: what is
/// found, and which request began it.
fn drain_that_ends_after(cloud: &Cloud, overlap: &Overlap, microseconds: u64) -> (Outcome, usize) {
    let mut talk = Talk::after(cloud, &overlap.setup);
    let mut call = overlap.rivals[0].clone();
    call.args.retain(|(name, _)| &**name != "MaxDrainDurationSeconds");
    call.args.push(("MaxDrainDurationSeconds".into(), eipcheck::scenario::step::Symbol::Text("3".into())));
    let world = [talk.forward.world().clone()];
    let gateways = world[0].iter().filter(|(_, r)| r.live && &*cloud.law[r.kind].name == "nat_gateway").map(|(h, _)| h);
    let looks = cloud.atlas.looks(&cloud.law, &world[0], gateways);
    let start = talk.now;
    let interval = Interval { from: start, to: Moment(start.0 + MILLISECOND) };
    let under_way = talk.forward.world().timers.len();
    let mut events = talk.events.clone();
    let drain = events.len();
    events.push(talk.event(1, &call, interval, start));
    assert!(is_accepted(&events[events.len() - 1]));
    talk.forward.reschedule(under_way, &mut |_| Moment(start.0 + microseconds));
    // Every 50 ms a look of 80 ms, each of which overlaps the next one.
    for number in 1..200 {
        let from = Moment(start.0 + number * 50 * MILLISECOND);
        let interval = Interval { from, to: Moment(from.0 + 80 * MILLISECOND) };
        for look in &looks {
            events.push(talk.event(1 + (number % 2) as u32, look, interval, Moment(from.0 + 40 * MILLISECOND)));
        }
    }
    (cloud.judge(&events).0, drain)
}

#[test]
fn a_change_that_comes_too_early_or_too_late_is_found_and_one_in_time_is_not() {
    let cloud = Cloud::new("ec2", &[("drain-end", "at-the-end")]);
    // Operations are the same under all readings.
    let overlaps = &OVERLAPS[0].1;
    let disassociate = cloud.operation("DisassociateNatGatewayAddress");
    let overlap = overlaps.iter().find(|o| o.rivals.iter().all(|r| r.operation == disassociate)).unwrap();
    let second = 1_000_000;
    let micros = |tolerance: Duration| u64::try_from(tolerance.as_micros()).unwrap();
    let (early, late) = (3 * second - micros(TOLERANCE.early), 3 * second + micros(TOLERANCE.late));
    for right in [3 * second, 3 * second + 500_000, late - second] {
        let (outcome, _) = drain_that_ends_after(&cloud, overlap, right);
        assert!(matches!(outcome, Outcome::Explained(_)), "{right}: {outcome:?}");
    }
    for wrong in [0, second, early - 200_000, late + 200_000, 9 * second] {
        let (outcome, drain) = drain_that_ends_after(&cloud, overlap, wrong);
        let Outcome::Violation(found) = &outcome else { panic!("{wrong}: {outcome:?}") };
        assert!(found.calls.contains(&drain), "{wrong}: {found:?}");
    }
}
