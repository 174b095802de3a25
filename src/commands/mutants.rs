//! `eipcheck mutants`: breaks the reference server rule by rule, and sees whether that is noticed.

use std::{io::IsTerminal, num::NonZeroUsize, sync::Arc, time::Instant};

use clap::Args;
use globset::GlobSet;
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Result, miette};
use owo_colors::OwoColorize;
use rayon::prelude::*;

use super::{LawArgs, print_json, run::globs};
use eipcheck::{
    exit::Exit,
    mutant::{Mutant, family, hunt::Grounds},
    report::{
        data::LawName,
        mutants::{Blame, FORMAT, MutantReport, MutantResult, Outcome},
    },
    run::{Stop, suite::plan_everything},
    spec::law::Law,
};

/// Break the reference server rule by rule, and see whether that is noticed.
///
/// For each rule of the law the server is broken in every natural way, one at a time, and tested until the first finding.
/// The exit code is 1 if a mutant was missed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck mutants\n  \
    eipcheck mutants --cloud ec2 --only 'release-*'\n  \
    eipcheck mutants --list")]
pub struct MutantsArgs {
    #[command(flatten)]
    law: LawArgs,
    /// Only mutants whose name, or whose rule, matches; `*` stands for anything. May be given several times.
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// List them, and break nothing.
    #[arg(long)]
    list: bool,
    /// Mutants that are hunted at a time; as many as there are cores unless given.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// The most requests for one mutant.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    max_requests: u64,
    /// Decides the random sequences.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
}

/// Does it.
///
/// # Errors
///
/// The law is broken, or a pattern is.
pub fn execute(args: &MutantsArgs) -> Result<Exit> {
    let laws = args.law.load_all()?;
    let families: Vec<Vec<Mutant>> = laws.iter().map(family::mutants).collect();
    let names: Vec<&str> = laws
        .iter()
        .zip(&families)
        .flat_map(|(law, mutants)| mutants.iter().flat_map(|m| [m.name.as_str(), &*law[m.rule].id]))
        .collect();
    let only =
        globs(&args.only, &names, "--only", "`eipcheck mutants --list` shows the names; `*` stands for anything")?;
    let mut exit = Exit::Conforms;
    let mut reports = Vec::new();
    for (law, mutants) in laws.into_iter().zip(families) {
        let law = Arc::new(law);
        let mutants = chosen(&law, mutants, only.as_ref());
        if args.list {
            if !args.json {
                mutants.iter().for_each(|mutant| anstream::println!("{}", mutant.name));
            }
            reports.push(listed(&law, args, &mutants));
            continue;
        }
        let report = hunt(&law, args, &mutants)?;
        if report.mutants.iter().any(|mutant| mutant.outcome.is_failure()) {
            exit = Exit::Violations;
        }
        if !args.json {
            show(&report);
        }
        reports.push(report);
    }
    if args.json {
        match reports.as_slice() {
            [report] => print_json(report)?,
            several => print_json(&several)?,
        }
    }
    Ok(exit)
}

fn chosen(law: &Law, mutants: Vec<Mutant>, only: Option<&GlobSet>) -> Vec<Arc<Mutant>> {
    let wanted =
        |mutant: &Mutant| only.is_none_or(|only| only.is_match(&mutant.name) || only.is_match(&*law[mutant.rule].id));
    mutants.into_iter().filter(wanted).map(Arc::new).collect()
}

fn empty(law: &Law, args: &MutantsArgs) -> MutantReport {
    MutantReport {
        format: FORMAT,
        eipcheck: env!("CARGO_PKG_VERSION").to_owned(),
        law: LawName { cloud: law.cloud.to_string(), digest: law.digest.clone() },
        seed: args.seed,
        max_requests: args.max_requests,
        milliseconds: 0,
        mutants: Vec::new(),
    }
}

/// The mutants before anybody has looked for them.
fn listed(law: &Law, args: &MutantsArgs, mutants: &[Arc<Mutant>]) -> MutantReport {
    let one = |mutant: &Arc<Mutant>| {
        MutantResult::unhunted(&law[mutant.rule].id, &mutant.name, mutant.fault, mutant.equivalent.as_deref())
    };
    MutantReport { mutants: mutants.iter().map(one).collect(), ..empty(law, args) }
}

fn hunt(law: &Arc<Law>, args: &MutantsArgs, mutants: &[Arc<Mutant>]) -> Result<MutantReport> {
    if mutants.is_empty() {
        return Ok(empty(law, args));
    }
    anstream::eprintln!("{}: planning the suite", law.cloud);
    let plans = plan_everything(law);
    let grounds = Grounds::new(law.clone(), &plans, args.seed, args.max_requests).into_diagnostic()?;
    let (mutants, idle): (Vec<&Arc<Mutant>>, Vec<&Arc<Mutant>>) = mutants.iter().partition(|m| grounds.can_show(m));
    if !idle.is_empty() {
        let why = "no requests are known that could show them";
        anstream::eprintln!("{}: {} mutants are left out: {why}", law.cloud, idle.len());
    }
    let begun = Instant::now();
    let bar = bar(mutants.len() as u64);
    anstream::eprintln!("{}: hunting {} mutants", law.cloud, mutants.len());
    let jobs = args.jobs.map_or(0, NonZeroUsize::get);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build().into_diagnostic()?;
    let results: Result<Vec<MutantResult>> = pool.install(|| {
        mutants
            .par_iter()
            .map_init(runtime, |runtime, mutant| {
                let runtime = runtime.as_ref().map_err(|e| miette!("cannot wait in a thread: {e}"))?;
                let result = runtime.block_on(grounds.result(mutant, &Stop::default())).into_diagnostic();
                bar.inc(1);
                result
            })
            .collect()
    });
    bar.finish_and_clear();
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(MutantReport { milliseconds, mutants: results?, ..empty(law, args) })
}

/// What each thread waits with.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()
}

fn bar(of: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} mutants, {elapsed}");
    ProgressBar::new(of).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(report: &MutantReport) {
    let missed = report.mutants.iter().filter(|m| m.outcome.is_failure());
    for mutant in missed {
        let why = mutant.because.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        anstream::println!("{}  {}{why}", mutant.outcome.name().red(), mutant.mutant);
    }
    for mutant in report.mutants.iter().filter(|m| m.blame == Some(Blame::Other)) {
        anstream::println!("{}  {} as {}", "blamed".yellow(), mutant.mutant, mutant.blamed.join(", "));
    }
    let outcomes = [
        Outcome::Caught,
        Outcome::Missed,
        Outcome::Equivalent,
        Outcome::Timeout,
        Outcome::FalseAlarm,
        Outcome::Refuted,
    ];
    let faults = report.by_fault();
    let width = faults.keys().map(|fault| fault.len()).max().unwrap_or(0).max("all".len());
    let line = |name: &str, of: &dyn Fn(Outcome) -> usize| {
        let counts: Vec<String> =
            outcomes.iter().map(|o| format!("{:>width$}", of(*o), width = o.name().len())).collect();
        anstream::println!("{name:>width$}  {}", counts.join("  "));
    };
    let heads: Vec<&str> = outcomes.iter().map(|o| o.name()).collect();
    anstream::println!("{}", format!("{:>width$}  {}", report.law.cloud, heads.join("  ")).bold());
    for (fault, counts) in &faults {
        line(fault, &|outcome| counts.get(&outcome).copied().unwrap_or(0));
    }
    let all = report.outcomes();
    line("all", &|outcome| all.get(&outcome).copied().unwrap_or(0));
    let blames: Vec<String> = report.blames().iter().map(|(blame, n)| format!("{n} {}", blame.name())).collect();
    anstream::println!("who was blamed: {}", blames.join(", "));
    if let (Some(median), Some(most)) = (report.requests_within(50), report.requests_within(95)) {
        anstream::println!(
            "requests to the first finding: {median} in the median, {most} for 95 of 100; {:.1} s",
            report.milliseconds as f64 / 1000.0
        );
    }
}
