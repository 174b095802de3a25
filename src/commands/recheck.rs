//! `eipcheck recheck`: judges the trace of an earlier run again.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr};

use super::LawArgs;
use eipcheck::{
    exit::Exit,
    report::trace,
    run::recheck::{Rechecked, recheck},
};

/// Judge the trace of an earlier run again, by the law as it is now.
///
/// Nothing is sent. Each scenario of the trace is held against the law (and the readings that you choose) from its first
/// exchange on, so that a changed law, or another reading, shows what it would have said.
#[derive(Debug, Args)]
pub struct RecheckArgs {
    /// The run's folder, or its trace.jsonl.
    #[arg(default_value = "eipcheck.out")]
    path: PathBuf,
    #[command(flatten)]
    law: LawArgs,
}

/// Judges it.
///
/// # Errors
///
/// The trace cannot be read, or the law is broken.
pub fn execute(args: &RecheckArgs) -> Result<Exit> {
    let law = Arc::new(args.law.load()?);
    let path = if args.path.is_dir() { args.path.join(trace::FILE) } else { args.path.clone() };
    let lines = trace::read(&path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let Rechecked { judged, scenarios, violations } = recheck(&law, &lines);
    for (scenario, violation) in &violations {
        let rule = &law[violation.rule];
        anstream::println!(
            "{} in {scenario}\n  allowed: {}\n  came:    {}",
            rule.id,
            violation.allowed,
            violation.came
        );
    }
    anstream::println!("{judged} answers of {scenarios} scenarios judged again, {} violations", violations.len());
    Ok(if violations.is_empty() { Exit::Conforms } else { Exit::Violations })
}
