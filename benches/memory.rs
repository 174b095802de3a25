//! Memory over a million requests, or as many as the argument says: it should stay flat. Prints what is resident on the
//! way, first without HTTP (the reference and the oracle alone), then in a run over loopback HTTP. There it first grows
//! until each embedded server remembers as many deleted resources as it ever will, and the run as many request ids.

mod common;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use common::{Shares, Talker, law, only_testing, resident, run_options};
use eipcheck::{
    run::{
        Stop,
        event::{Event, Observer},
        run,
    },
    spec::law::Law,
    target::clock::Pace,
};
use tokio::runtime::Runtime;

/// The requests of each part, unless a number is given.
const REQUESTS: u64 = 1_000_000;
/// The same when the bench should only show that it works.
const FEW: u64 = 2_000;
/// After what parts of the way the memory is looked at, in per cent.
const LOOKS: [u64; 8] = [1, 5, 10, 25, 50, 75, 90, 100];

fn main() {
    // Whoever lists or filters the benches does not mean this one.
    if std::env::args().any(|a| a == "--list") {
        return;
    }
    let asked = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(REQUESTS);
    let requests = if only_testing() { FEW } else { asked };
    let law = law();
    println!("{:<14}{:>12}{:>16}{:>20}{:>10}", "", "requests", "resident", "since the last row", "time");
    talk(&law, requests);
    play(&law, requests);
}

/// Prints a row each time that one of the [`LOOKS`] is due.
struct Gauge {
    what: &'static str,
    all: u64,
    start: Instant,
    /// How far it was, in per cent, and what was resident, in KiB.
    last: Mutex<(u64, Option<u64>)>,
}

impl Gauge {
    fn new(what: &'static str, all: u64) -> Gauge {
        let gauge = Gauge { what, all, start: Instant::now(), last: Mutex::new((0, resident())) };
        gauge.row(0, resident(), resident());
        gauge
    }

    fn at(&self, requests: u64) {
        let per_cent = requests * 100 / self.all;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if LOOKS.iter().any(|l| (last.0 + 1..=per_cent).contains(l)) {
            let now = resident();
            self.row(requests, now, last.1);
            *last = (per_cent, now);
        }
    }

    fn row(&self, requests: u64, now: Option<u64>, before: Option<u64>) {
        let mib = |kib: u64| kib as f64 / 1024.0;
        let resident = now.map_or_else(|| "unknown".into(), |kib| format!("{:.1} MiB", mib(kib)));
        let grown = now.zip(before).map(|(now, before)| format!("{:+.1} MiB", mib(now) - mib(before)));
        println!(
            "{:<14}{requests:>12}{resident:>16}{:>20}{:>9.1}s",
            self.what,
            grown.unwrap_or_default(),
            self.start.elapsed().as_secs_f64()
        );
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
    let options = run_options(law, requests, Pace::Driven);
    let gauge = Arc::new(Gauge::new("over HTTP", requests));
    runtime.block_on(run(law.clone(), options, gauge, Stop::default())).expect("the run works");
}
