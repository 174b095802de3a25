//! Histories of overlapping requests: what the reference does under any interleaving and any legal timing has an order,
//! and what it would never do has none.

use std::sync::{Arc, LazyLock};

use eipcheck::{
    oracle::{
        Settings,
        history::{Budget, Event, Outcome, Work, judge},
    },
    run::TOLERANCE,
    scenario::{
        atlas::Atlas,
        crowd::{self, Manners},
        strategy::Strategies,
    },
    spec::{Law, SpecSource, load},
};

struct Cloud {
    law: Arc<Law>,
    atlas: Atlas,
    strategies: Strategies,
}

static CLOUDS: LazyLock<Vec<Cloud>> = LazyLock::new(|| {
    ["ec2", "alibaba"].into_iter().map(|cloud| {
        let law = Arc::new(load(&SpecSource::BuiltIn, cloud, &[]).unwrap());
        Cloud { atlas: Atlas::new(&law, |_| true), strategies: Strategies::new(&law, |_| true), law }
    }).collect()
});

fn settings() -> Settings {
    Settings { tolerance: TOLERANCE, muted: Arc::default() }
}

fn judged(law: &Arc<Law>, events: &[Event]) -> (Outcome, Work) {
    judge(law, &settings(), events, Budget::default())
}

/// True if each request comes after those that were answered before it was sent.
fn respects_real_time(events: &[Event], order: &[usize]) -> bool {
    order.iter().enumerate().all(|(place, later)| {
        order[..place].iter().all(|earlier| {
            let ends = events[*later].answer.as_ref().map(|_| events[*later].interval.to);
            ends.is_none_or(|end| end >= events[*earlier].interval.from)
        })
    })
}

#[track_caller]
fn assert_explained(cloud: &Cloud, seed: u64, manners: Manners) -> Work {
    let events = crowd::history(&cloud.law, &cloud.atlas, &cloud.strategies, seed, manners);
    let (outcome, work) = judged(&cloud.law, &events);
    match outcome {
        Outcome::Explained(order) => {
            assert!(respects_real_time(&events, &order));
            let answered = events.iter().filter(|e| e.answer.is_some()).count();
            assert!(order.len() >= answered);
            work
        }
        other => panic!("{} with seed {seed}: {other:?}\n{}", cloud.law.cloud, show(cloud, &events)),
    }
}

fn show(cloud: &Cloud, events: &[Event]) -> String {
    events.iter().enumerate().map(|(i, e)| format!(
        "{i}: client {} {}..{} {} {:?}\n     {:?}\n", e.client, e.interval.from.0, e.interval.to.0,
        cloud.law[e.request.operation].name, e.request.args, e.answer.as_ref().map(|a| &a.body))).collect()
}

#[test]
fn whatever_the_reference_does_has_an_order() {
    let mut work = Work::default();
    let mut requests = 0;
    for cloud in CLOUDS.iter() {
        for seed in 0..1000 {
            let manners = Manners { clients: 2 + (seed % 4) as u32, requests: 16, lost: 0 };
            let one = assert_explained(cloud, seed, manners);
            work.steps += one.steps;
            work.most_worlds = work.most_worlds.max(one.most_worlds);
            requests += 16;
        }
    }
    eprintln!("{work:?} for {requests} requests");
}

#[test]
fn an_answer_that_was_lost_leaves_an_order() {
    for cloud in CLOUDS.iter() {
        for seed in 0..300 {
            assert_explained(cloud, seed, Manners { clients: 3, requests: 16, lost: 8 });
        }
    }
}
