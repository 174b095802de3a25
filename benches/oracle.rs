//! Oracle steps per second on one core: conforming conversations with the reference, judged again, with the reading of
//! the answers and without it.

mod common;

use std::{hint::black_box, sync::Arc};

use common::{Talker, Turn, law};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use eipcheck::{
    oracle::{Oracle, Settings, judge::Verdict},
    run::TOLERANCE,
    wire,
};

/// Requests that the conversations have in all, at least.
const REQUESTS: u64 = 2000;

fn oracle(c: &mut Criterion) {
    let talker = Talker::new(law());
    let talks = talker.record(REQUESTS);
    let requests = talks.iter().flatten().filter(|t| matches!(t, Turn::Answered { .. })).count();
    let settings = Settings { tolerance: TOLERANCE, muted: Arc::default() };
    let play = |decode: bool| {
        for turns in &talks {
            let mut oracle = Oracle::new(talker.law.clone(), settings.clone());
            for turn in turns {
                match turn {
                    Turn::Passed(now) => oracle.pass_time(*now),
                    Turn::Answered { request, interval, answer, response } => {
                        let decoded = decode.then(|| wire::decode_answer(&talker.law, request.operation, response));
                        let judgement = oracle.judge(request, *interval, decoded.as_ref().unwrap_or(answer));
                        assert!(matches!(judgement.verdict, Verdict::Explained));
                        black_box(judgement);
                    }
                }
            }
        }
    };
    let mut group = c.benchmark_group("oracle");
    group.throughput(Throughput::Elements(requests as u64)).sample_size(20);
    group.bench_function("judge", |b| b.iter(|| play(false)));
    group.bench_function("decode and judge", |b| b.iter(|| play(true)));
    group.finish();
}

criterion_group!(benches, oracle);
criterion_main!(benches);
