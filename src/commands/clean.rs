//! `eipcheck clean`: deletes what an earlier run has left behind.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use owo_colors::OwoColorize;
use url::Url;

use super::{
    LawArgs,
    progress::Progress,
    target::{TargetArgs, parse_url, until_interrupted, usable},
    written_by_run,
};
use eipcheck::{
    exit::Exit,
    report::{
        journal::{self, FILE, Journal, Left},
        terminal::{counted, plain},
    },
    run::{
        Stop,
        clean::{CleanError, Cleaned, clean},
    },
    spec::load,
};

/// Delete what an earlier run has left behind.
///
/// A run that is killed cannot clean up, but its journal tells what it made. What is in the journal is deleted, in the
/// right order, and nothing else is touched. A second time there is nothing left to do.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck clean eipcheck.out\n  \
    eipcheck clean eipcheck.out http://127.0.0.1:5000\n\n\
    Exit codes: 0 nothing is left, 1 something is, 3 the server cannot be reached.")]
pub struct CleanArgs {
    /// The run's folder, or its journal.jsonl.
    #[arg(value_name = "DIR")]
    path: PathBuf,
    /// The server; the one that the run was pointed at, unless given.
    #[arg(value_parser = parse_url)]
    url: Option<Url>,
    #[command(flatten)]
    law: LawArgs,
    #[command(flatten)]
    target: TargetArgs,
}

/// Cleans up.
///
/// # Errors
///
/// There is no journal, or it does not fit the law.
pub fn execute(args: CleanArgs) -> Result<Exit> {
    let mut exit = Exit::Conforms;
    let stop = Stop::default();
    for path in written_by_run(&args.path, FILE)? {
        let read = || format!("cannot read {}", path.display());
        for left in journal::read(&path).into_diagnostic().wrap_err_with(read)? {
            if left.is_something() && !stop.is_stopped() {
                exit = exit.and(clean_one(&args, &path, &left, &stop)?);
            }
        }
    }
    if exit == Exit::Conforms {
        anstream::println!("{}", "nothing is left behind".bold());
    }
    Ok(exit)
}

/// Cleans up after one run.
fn clean_one(args: &CleanArgs, path: &Path, left: &Left, stop: &Stop) -> Result<Exit> {
    let begun = &left.begun;
    if args.law.cloud.as_ref().is_some_and(|cloud| *cloud != begun.cloud) {
        return Err(miette!("{} is about the cloud {}", path.display(), begun.cloud));
    }
    let readings = if args.law.readings.is_empty() { &begun.readings } else { &args.law.readings };
    let help = "a run with --specs is cleaned up with the same --specs";
    let mut law = load::load(&args.law.source(), &begun.cloud, readings).map_err(|error| {
        if args.law.specs.is_some() { error.into() } else { miette::Report::from(error).wrap_err(help) }
    })?;
    let own = || begun.url.as_deref().and_then(|url| url.parse().ok());
    let elsewhere = args.url.is_some();
    let url = args.url.clone().or_else(own).ok_or_else(|| miette!("name the server: the journal does not"))?;
    // What else belongs to the run's own target belongs to no other one.
    let endpoints = if elsewhere { &[][..] } else { &begun.endpoints[..] };
    let options = args.target.options_like(Some(url), endpoints, &begun.region, &mut law)?;
    let journal = Journal::open(path).into_diagnostic().wrap_err_with(|| format!("cannot open {}", path.display()))?;
    let work = clean(Arc::new(law), left, journal, options, Arc::new(Progress::new()), stop.clone());
    let cleaned = match until_interrupted(stop, work)? {
        Ok(cleaned) => cleaned,
        Err(CleanError::Run(error)) => return usable::<()>(Err(error)).map(|_| Exit::Target),
        Err(error) => return Err(miette!(help = help, "{}: {error}", path.display())),
    };
    show(&cleaned);
    Ok(match cleaned {
        Cleaned { interrupted: true, .. } => Exit::Interrupted,
        Cleaned { left, .. } if !left.is_empty() => Exit::Violations,
        Cleaned { .. } => Exit::Conforms,
    })
}

fn show(cleaned: &Cleaned) {
    for gone in &cleaned.gone {
        anstream::println!("gone: {} {}", plain(&gone.kind), plain(&gone.id));
    }
    for left in &cleaned.left {
        anstream::println!("left behind: {} {}: {}", plain(&left.kind), plain(&left.id), plain(&left.why));
    }
    let (gone, left) = (cleaned.gone.len() as u64, cleaned.left.len() as u64);
    anstream::println!("{} gone, {} left behind", counted(gone, "resource"), left);
}
