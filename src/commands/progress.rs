//! What a person sees while a run lasts: a bar on a terminal, plain lines elsewhere.

use std::{
    io::IsTerminal,
    sync::{Mutex, PoisonError},
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

    fn line(&self, context: &Context, state: &State) -> String {
        let seconds = context.elapsed().as_secs_f64();
        let requests = context.sent();
        let rate = if seconds > 0.5 { format!(" ({:.0}/s)", requests as f64 / seconds) } else { String::new() };
        format!("{}: {requests} requests{rate}, {} violations seen, {seconds:.0} s", state.phase, state.violations)
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
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
            Event::Phase(phase) => {
                state.phase = (*phase).to_owned();
                match &self.bar {
                    Some(bar) => bar.set_message(state.phase.clone()),
                    None => anstream::eprintln!("{phase}"),
                }
            }
            Event::Played { context, result } => {
                state.violations += result.violations.len() as u64;
                match &self.bar {
                    Some(bar) => bar.set_message(self.line(context, &state)),
                    None if state.last.elapsed() >= EVERY => {
                        state.last = Instant::now();
                        anstream::eprintln!("{}", self.line(context, &state));
                    }
                    None => {}
                }
            }
            Event::Finished { .. } => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
        }
    }
}
