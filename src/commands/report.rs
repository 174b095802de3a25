//! `eipcheck report`: shows the report of an earlier run, or what changed from one to another.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, miette};
use owo_colors::OwoColorize;

use super::{print_json, print_reports, written_by_run};
use eipcheck::{
    exit::Exit,
    report::{
        data::{Outcome, Report},
        diff::{Difference, diff},
        terminal::{self, plain},
    },
};

/// Show the report of an earlier run.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
    eipcheck report\n  \
    eipcheck report out/report.json --json\n  \
    eipcheck report diff before after"
)]
pub struct ReportArgs {
    /// The run's folder, or its report.json.
    #[arg(default_value = "eipcheck.out")]
    path: PathBuf,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    command: Option<ReportCommand>,
}

#[derive(Debug, Subcommand)]
enum ReportCommand {
    /// Compare two reports: rules with another result, and choices that the server made otherwise.
    ///
    /// The exit code is 0 if nothing changed, and 1 if something did. Runs with the same seed and budget compare best.
    #[command(after_help = "Examples:\n  \
        eipcheck report diff before after\n  \
        eipcheck report diff before/report.json after/report.json --json")]
    Diff {
        /// The folder of the earlier run, or its report.json.
        before: PathBuf,
        /// The folder of the later run, or its report.json.
        after: PathBuf,
        /// Print the differences as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Shows it.
///
/// # Errors
///
/// It cannot be read.
pub fn execute(args: &ReportArgs) -> Result<Exit> {
    if let Some(ReportCommand::Diff { before, after, json }) = &args.command {
        return compare(&read(before)?, &read(after)?, *json);
    }
    let reports = read(&args.path)?;
    if args.json {
        print_reports(&reports)?;
    } else {
        reports.iter().for_each(|report| anstream::print!("{}", terminal::render(report)));
    }
    Ok(Exit::Conforms)
}

fn read(path: &Path) -> Result<Vec<Report>> {
    written_by_run(path, "report.json")?.iter().map(|path| Report::read(path).into_diagnostic()).collect()
}

fn compare(before: &[Report], after: &[Report], json: bool) -> Result<Exit> {
    let clouds = |reports: &[Report]| reports.iter().map(|r| r.law.cloud.clone()).collect::<Vec<_>>();
    if clouds(before) != clouds(after) {
        let (ours, theirs) = (clouds(before).join(", "), clouds(after).join(", "));
        return Err(miette!("the reports are not about the same clouds: {ours}; {theirs}"));
    }
    let differences: Vec<Difference> = before.iter().zip(after).map(|(before, after)| diff(before, after)).collect();
    if json {
        print_json(&differences)?;
    } else {
        differences.iter().for_each(show);
    }
    let same = differences.iter().all(Difference::is_none);
    Ok(if same { Exit::Conforms } else { Exit::Violations })
}

fn show(difference: &Difference) {
    anstream::println!("{}", difference.cloud.bold());
    if !difference.same_law {
        anstream::println!("  the reports are about different laws, or readings of it");
    }
    let result = |outcome: Option<Outcome>| outcome.map_or("not in the report", Outcome::name);
    for change in &difference.rules {
        anstream::println!("  {}: {} -> {}", plain(&change.rule), result(change.before), result(change.after));
    }
    for change in &difference.choices {
        let chosen = |choices: &std::collections::BTreeSet<String>| {
            choices.iter().map(|choice| plain(choice).into_owned()).collect::<Vec<_>>().join(", ")
        };
        let (before, after) = (chosen(&change.before), chosen(&change.after));
        anstream::println!("  {} ({}): {before} -> {after}", plain(&change.about), plain(&change.what));
    }
    if difference.is_none() {
        anstream::println!("  nothing changed");
    }
}
