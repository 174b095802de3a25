//! Checked requests per second: a whole run against the embedded server over loopback HTTP, harness and server on the
//! same cores; and, once, what share of such a request goes where.

mod common;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use common::{JOBS, Part, Shares, Talker, cpu_time, law, only_testing, run_options};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use eipcheck::{
    report::data::Report,
    run::{
        Stop,
        event::{Event, Observer},
        run,
    },
    spec::law::Law,
    target::clock::Pace,
};
use tokio::runtime::Runtime;

/// Requests of one run, clean-up included.
const REQUESTS: u64 = 20_000;
/// Requests over which the shares are taken.
const SAMPLE: u64 = 10_000;

/// The time on the wall, and the time that the cores were busy with this process.
type Reading = (Instant, Option<Duration>);

/// Takes the time of everything after the planning: only then are nearly all requests sent.
#[derive(Default)]
struct Stopwatch {
    start: Mutex<Option<Reading>>,
    end: Mutex<Option<Reading>>,
}

impl Observer for Stopwatch {
    fn event(&self, event: &Event<'_>) {
        let reading = match event {
            Event::Planned { .. } => &self.start,
            Event::Finished { .. } => &self.end,
            _ => return,
        };
        *reading.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), cpu_time()));
    }
}

/// The report of a run, the time in which it sent its requests, and the time that the cores were busy with them.
fn run_once(runtime: &Runtime, law: &Arc<Law>, requests: u64) -> (Report, Duration, Duration) {
    let options = run_options(law, requests, Pace::Driven);
    let watch = Arc::new(Stopwatch::default());
    let report = runtime.block_on(run(law.clone(), options, watch.clone(), Stop::default())).expect("the run works");
    let read = |reading: &Mutex<Option<Reading>>| {
        reading.lock().unwrap_or_else(PoisonError::into_inner).expect("a run is planned, and comes to its end")
    };
    let (start, end) = (read(&watch.start), read(&watch.end));
    assert!(report.findings.is_empty(), "the reference keeps its own law");
    let (start, end, time) = (start.1, end.1, end.0 - start.0);
    // Where the system does not say, every core counts as busy.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u32;
    (report, time, end.zip(start).map_or(time * cores, |(end, start)| end - start))
}

fn requests(c: &mut Criterion) {
    let law = law();
    let runtime = Runtime::new().expect("threads can be started");
    print_shares(&runtime, &law);
    let mut group = c.benchmark_group("requests");
    group.throughput(Throughput::Elements(REQUESTS)).sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("over loopback HTTP", |b| {
        b.iter_custom(|times| {
            let mut all = Duration::ZERO;
            for _ in 0..times {
                let (report, time, _) = run_once(&runtime, &law, REQUESTS);
                // The last scenarios are cleaned up after the budget is spent, or the budget is not spent entirely.
                all += time.mul_f64(REQUESTS as f64 / report.totals.requests as f64);
            }
            all
        });
    });
    group.finish();
}

fn print_shares(runtime: &Runtime, law: &Arc<Law>) {
    let (sample, budget) = if only_testing() { (200, 2000) } else { (SAMPLE, REQUESTS) };
    let talker = Talker::new(law.clone());
    let mut shares = Shares::default();
    let (start, before) = (Instant::now(), cpu_time());
    let mut number = 0;
    while shares.requests < sample {
        talker.talk(number, &mut shares, &mut |_| {});
        number += 1;
    }
    // On a machine that others use as well, the parts took longer than a core was busy with them.
    let alone = cpu_time()
        .zip(before)
        .map_or(1.0, |(after, before)| ((after - before).as_secs_f64() / start.elapsed().as_secs_f64()).min(1.0));
    let (report, time, busy) = run_once(runtime, law, budget);
    let totals = &report.totals;
    let whole = busy.as_secs_f64() * 1e6 / totals.requests as f64;
    eprintln!(
        "{} requests ({} judged) in {time:.2?} with {JOBS} scenarios in flight: {:.0} requests/s",
        totals.requests,
        totals.judged,
        totals.requests as f64 / time.as_secs_f64()
    );
    eprintln!("Of the {whole:.1} µs that a request keeps a core busy:");
    let mut rest = whole;
    for part in Part::ALL {
        let micros = shares.micros(part) * alone;
        rest -= micros;
        eprintln!("  {:<44}{micros:>8.1} µs{:>7.1} %", part.name(), 100.0 * micros / whole);
    }
    eprintln!("  {:<44}{rest:>8.1} µs{:>7.1} %", "HTTP on both sides, the runtime, clean-up", 100.0 * rest / whole);
}

criterion_group!(benches, requests);
criterion_main!(benches);
