//! Scenario generation per second: random requests in worlds that a run meets, and the suite, which is searched for.

mod common;

use std::{hint::black_box, sync::Arc, time::Duration};

use common::{SEED, Talker, Turn, law};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eipcheck::{
    model::world::World,
    oracle::{Oracle, Settings},
    run::{TOLERANCE, suite::plan_everything},
    scenario::strategy::Walk,
};

/// Requests of the conversations whose worlds are generated in.
const REQUESTS: u64 = 500;

/// The worlds before each request of some conversations.
fn worlds(talker: &Talker) -> Vec<Vec<Arc<World>>> {
    let mut met = Vec::new();
    for turns in talker.record(REQUESTS) {
        let settings = Settings { tolerance: TOLERANCE, muted: Arc::default() };
        let mut oracle = Oracle::new(talker.law.clone(), settings);
        for turn in turns {
            match turn {
                Turn::Passed(now) => oracle.pass_time(now),
                Turn::Answered { request, interval, answer, .. } => {
                    met.push(oracle.worlds().to_vec());
                    oracle.judge(&request, interval, &answer);
                }
            }
        }
    }
    met
}

fn generate(c: &mut Criterion) {
    let talker = Talker::new(law());
    let met = worlds(&talker);
    let mut group = c.benchmark_group("generate");
    group.throughput(Throughput::Elements(met.len() as u64)).sample_size(20);
    group.bench_function("a random request", |b| {
        b.iter(|| {
            let mut walk = Walk::new(&talker.strategies, SEED, 0);
            for worlds in &met {
                black_box(
                    walk.next(&talker.atlas, worlds).and_then(|call| call.resolve(&talker.law, worlds, "eipcheck")),
                );
            }
        });
    });
    let oracle = Oracle::new(talker.law.clone(), Settings::default());
    group.throughput(Throughput::Elements(1));
    group.bench_function("a walk's first request, with what it would exercise", |b| {
        let mut number = 0;
        b.iter(|| {
            number += 1;
            let mut walk = Walk::new(&talker.strategies, SEED, number);
            let request = walk
                .next(&talker.atlas, oracle.worlds())
                .and_then(|c| c.resolve(&talker.law, oracle.worlds(), "eipcheck"));
            black_box(request.map(|r| oracle.foresee(&r)))
        });
    });
    let rules = talker.law.rules().count();
    group.throughput(Throughput::Elements(rules as u64)).sample_size(10).measurement_time(Duration::from_secs(15));
    group.bench_function("the whole suite", |b| b.iter(|| plan_everything(black_box(&talker.law))));
    group.finish();
}

criterion_group!(benches, generate);
criterion_main!(benches);
