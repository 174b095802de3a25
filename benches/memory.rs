//! Memory over a million requests: it should stay flat. Prints what is resident on the way, first without HTTP (the
//! reference and the oracle alone), then in a run over loopback HTTP. There it first grows until each embedded server
//! remembers as many deleted resources as it ever will.

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use common::{SEED, Shares, Talker, law, only_testing, resident};
use eipcheck::{
    run::{
        RunOptions, Stop,
        event::{Event, Observer},
        run,
    },
    spec::law::Law,
    wire::sign::Manner,
};
use tokio::runtime::Runtime;

/// The requests without HTTP, and over it.
const REQUESTS: (u64, u64) = (1_000_000, 1_000_000);
/// The same when the bench should only show that it works.
const FEW: (u64, u64) = (2_000, 2_000);
/// After what parts of the way the memory is looked at, in per cent.
const LOOKS: [u64; 6] = [1, 10, 25, 50, 75, 100];

fn main() {
    // Whoever lists or filters the benches does not mean this one.
    if std::env::args().any(|a| a == "--list") {
        return;
    }
    let (without, over) = if only_testing() { FEW } else { REQUESTS };
    let law = law();
    println!("before: {}", shown());
    talk(&law, without);
    play(&law, over);
}

fn shown() -> String {
    resident()
        .map_or_else(|| "the system does not say".into(), |kib| format!("{:.1} MiB resident", kib as f64 / 1024.0))
}

/// Prints the memory each time that one of the [`LOOKS`] is due.
struct Gauge {
    what: &'static str,
    all: u64,
    start: Instant,
    seen: AtomicU64,
}

impl Gauge {
    fn new(what: &'static str, all: u64) -> Gauge {
        Gauge { what, all, start: Instant::now(), seen: AtomicU64::new(0) }
    }

    fn at(&self, requests: u64) {
        let per_cent = requests * 100 / self.all;
        let before = self.seen.fetch_max(per_cent, Ordering::Relaxed);
        if let Some(due) = LOOKS.iter().rev().find(|l| (before + 1..=per_cent).contains(l)) {
            println!("{}, {due} %: {requests} requests, {}, {:.1?}", self.what, shown(), self.start.elapsed());
        }
    }
}

fn talk(law: &Arc<Law>, requests: u64) {
    let talker = Talker::new(law.clone());
    let gauge = Gauge::new("without HTTP", requests);
    let mut shares = Shares::default();
    let mut number = 0;
    while shares.requests < requests {
        talker.talk(number, &mut shares, &mut |_| {});
        number += 1;
        gauge.at(shares.requests);
    }
}

impl Observer for Gauge {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Played { context, .. } => self.at(context.requests()),
            Event::Finished { report } => {
                assert!(report.findings.is_empty(), "the reference keeps its own law");
                self.at(self.all);
            }
            _ => {}
        }
    }
}

fn play(law: &Arc<Law>, requests: u64) {
    let runtime = Runtime::new().expect("threads can be started");
    let options = RunOptions {
        url: None,
        endpoints: Vec::new(),
        region: law.region.clone(),
        manner: Manner::choose(law.wire.protocol, None, None).expect("a protocol has a usual manner"),
        seed: SEED,
        max_requests: requests,
        max_time: Duration::from_secs(3600),
        jobs: 8,
        clients: 4,
        only: None,
        skip: None,
        timeout: Duration::from_secs(30),
        patience: Duration::from_secs(15),
        out: None,
    };
    let gauge = Arc::new(Gauge::new("over HTTP", requests));
    runtime.block_on(run(law.clone(), options, gauge, Stop::default())).expect("the run works");
}
