//! What a person sees while a run lasts: a bar on a terminal, plain lines elsewhere.

use std::{
    io::IsTerminal,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use eipcheck::run::{
    Context,
    event::{Event, Observer},
};

/// How often a plain line says how far the run is.
const EVERY: Duration = Duration::from_secs(5);

/// Shows progress on standard error.
pub struct Progress {
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

struct State {
    phase: String,
    last: Instant,
    violations: u64,
}

impl Progress {
    /// A bar if standard error is a terminal, lines otherwise.
    pub fn new() -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let state = State { phase: String::new(), last: Instant::now(), violations: 0 };
        Progress { bar, state: Mutex::new(state) }
    }

    /// A part begins: a line of its own everywhere but on a terminal.
    pub fn phase(&self, phase: &str) {
        let mut state = self.state();
        state.phase = phase.to_owned();
        match &self.bar {
            Some(bar) => bar.set_message(state.phase.clone()),
            None => anstream::eprintln!("{phase}"),
        }
    }

    /// Says how far the search for sequences is.
    pub fn planning(&self, left: usize, of: usize) {
        self.now_and_then(&mut self.state(), |_| format!("planning: {}", sequences(of - left.min(of), of)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On a terminal the line is drawn again; elsewhere it is printed if the last one was a while ago.
    fn now_and_then(&self, state: &mut State, line: impl Fn(&State) -> String) {
        match &self.bar {
            Some(bar) => bar.set_message(line(state)),
            None if state.last.elapsed() >= EVERY => {
                state.last = Instant::now();
                anstream::eprintln!("{}", line(state));
            }
            None => {}
        }
    }
}

/// How many rules have a sequence of requests that exercises them.
fn sequences(reached: usize, of: usize) -> String {
    format!("sequences for {reached} of {of} rules")
}

fn requests(context: &Context, state: &State) -> String {
    let seconds = context.elapsed().as_secs_f64();
    let requests = context.sent();
    let rate = if seconds > 0.5 { format!(" ({:.0}/s)", requests as f64 / seconds) } else { String::new() };
    format!("{}: {requests} requests{rate}, {} violations seen, {seconds:.0} s", state.phase, state.violations)
}

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Started { target, law, options } => {
                anstream::eprintln!(
                    "eipcheck {}: {} against {}, seed {}",
                    env!("CARGO_PKG_VERSION"),
                    law.title,
                    if *target == "embedded" { "the embedded reference server" } else { target },
                    options.seed
                );
            }
            Event::Phase(phase) => self.phase(phase),
            Event::Planning { left, of } => self.planning(*left, *of),
            Event::Planned { reached, of } => {
                if self.bar.is_none() {
                    anstream::eprintln!("planned: {}", sequences(*reached, *of));
                }
            }
            Event::Played { context, result } => {
                let mut state = self.state();
                state.violations += result.violations.len() as u64;
                self.now_and_then(&mut state, |state| requests(context, state));
            }
            Event::Finished { .. } => {}
        }
    }
}

/// A bar is no part of what stays on the terminal, however the run ended.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
