//! `eipcheck report`: shows the report of an earlier run.

use std::path::PathBuf;

use clap::Args;
use miette::{IntoDiagnostic, Result};

use super::{print_reports, written_by_run};
use eipcheck::{
    exit::Exit,
    report::{data::Report, terminal},
};

/// Show the report of an earlier run.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck report\n  \
    eipcheck report out/report.json --json")]
pub struct ReportArgs {
    /// The run's folder, or its report.json.
    #[arg(default_value = "eipcheck.out")]
    path: PathBuf,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Shows it.
///
/// # Errors
///
/// It cannot be read.
pub fn execute(args: &ReportArgs) -> Result<Exit> {
    let paths = written_by_run(&args.path, "report.json")?;
    let reports = paths.iter().map(|path| Report::read(path).into_diagnostic()).collect::<Result<Vec<_>>>()?;
    if args.json {
        print_reports(&reports)?;
    } else {
        reports.iter().for_each(|report| anstream::print!("{}", terminal::render(report)));
    }
    Ok(Exit::Conforms)
}
