//! `eipcheck recheck`: judges the trace of an earlier run again.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr};
use owo_colors::OwoColorize;

use super::{Consistency, LawArgs, parse_consistency, parse_time, written_by_run};
use eipcheck::{
    exit::Exit,
    model::time::Tolerance,
    oracle::judge::Violation,
    report::{
        terminal::{counted, plain},
        trace,
    },
    run::{
        TOLERANCE,
        recheck::{Rechecked, recheck},
    },
    spec::{
        file::Level,
        law::{Law, RuleIx},
    },
};

/// A violation, with the scenario that it was found in.
type Found = (String, Violation);

/// How often a rule's violations are shown in full.
const SHOWN: usize = 3;

/// Judge the trace of an earlier run again, by the law as it is now.
///
/// Nothing is sent. Each scenario of the trace is held against the law (and the readings that you choose) from its first
/// exchange on, so that a changed law, or another reading, shows what it would have said.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck recheck\n  \
    eipcheck recheck eipcheck.out --specs my-law\n  \
    eipcheck recheck eipcheck.out --reading NAME=CHOICE")]
pub struct RecheckArgs {
    /// The run's folder, or its trace.jsonl.
    #[arg(default_value = "eipcheck.out")]
    path: PathBuf,
    #[command(flatten)]
    law: LawArgs,
    /// By how much a change may miss its window, in the target's time: as it was in the run.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    time_tolerance: Option<Duration>,
    /// How far answers may lag behind what was done before: as it was in the run.
    #[arg(long, value_name = "WHEN", default_value = "immediate", value_parser = parse_consistency)]
    consistency: Consistency,
}

/// Judges it.
///
/// # Errors
///
/// The trace cannot be read, or the law is broken.
pub fn execute(args: &RecheckArgs) -> Result<Exit> {
    let mut exit = Exit::Conforms;
    let paths = written_by_run(&args.path, trace::FILE)?;
    let several = paths.len() > 1;
    for path in paths {
        // A run on the laws of several clouds leaves a folder for each, of the cloud's name.
        let folder =
            path.parent().and_then(|folder| folder.file_name()).map(|name| name.to_string_lossy().into_owned());
        let mut law = args.law.clone();
        match (&law.cloud, folder) {
            (None, Some(cloud)) if several => law.cloud = Some(cloud),
            (Some(cloud), Some(folder)) if several && *cloud != folder => continue,
            _ => {}
        }
        exit = exit.and(again(&Arc::new(law.load()?), &path, args)?);
    }
    Ok(exit)
}

/// Judges one trace.
fn again(law: &Arc<Law>, path: &Path, args: &RecheckArgs) -> Result<Exit> {
    let lines = trace::read(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let tolerance = args.time_tolerance.map_or(TOLERANCE, Tolerance::new);
    let tolerance = tolerance.lagging(args.consistency.0);
    let Rechecked { judged, scenarios, violations } = recheck(law, &lines, tolerance, args.consistency.0.is_some());
    let mut by_rule: BTreeMap<(Reverse<Level>, RuleIx), Vec<&Found>> = BTreeMap::new();
    for found in &violations {
        let rule = found.1.rule;
        by_rule.entry((Reverse(law[rule].level), rule)).or_default().push(found);
    }
    for ((Reverse(level), rule), found) in &by_rule {
        let rule = &law[*rule];
        anstream::println!("{}  {}", rule.id.bold(), level.name());
        anstream::println!("  {}", rule.says);
        anstream::println!("  source: {}, {}", rule.source.title, rule.source.at);
        for (place, (scenario, violation)) in found.iter().take(SHOWN).enumerate() {
            let in_scenario = if place == 0 { "in" } else { "and in" };
            anstream::println!("  {in_scenario} {}", plain(scenario));
            anstream::println!("    allowed: {}\n    came:    {}", plain(&violation.allowed), plain(&violation.came));
        }
        if found.len() > SHOWN {
            anstream::println!("  and {} more times", found.len() - SHOWN);
        }
        anstream::println!();
    }
    let (answers, scenarios) = (counted(judged, "answer"), counted(scenarios, "scenario"));
    let (violations_of, rules) = (counted(violations.len() as u64, "violation"), counted(by_rule.len() as u64, "rule"));
    anstream::println!("{answers} of {scenarios} judged again, {violations_of} of {rules}");
    Ok(if violations.is_empty() { Exit::Conforms } else { Exit::Violations })
}
