//! The subcommands, one file each.
//!
//! Imports everything below; nothing imports this but `main.rs`.

pub mod clean;
pub mod document;
pub mod explain;
pub mod mutants;
pub mod progress;
pub mod recheck;
pub mod replay;
pub mod report;
pub mod run;
pub mod serve;
pub mod spec;
pub mod target;
pub mod wire;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr, miette};

use eipcheck::{
    exit::Exit,
    report::data::Report,
    spec::{
        law::Law,
        load::{self, SpecSource},
    },
};

/// Conformance and fuzz testing of Elastic-IP APIs.
///
/// eipcheck knows the providers' documents as a law: rules with a level and a source. It sends requests to a server,
/// judges every answer by the law, and says rule by rule where the server departs from it.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
    eipcheck run                                    test the embedded reference server\n  \
    eipcheck run http://127.0.0.1:5000              test a server of yours\n  \
    eipcheck spec show RULE                          what a rule says, and how it is tested\n\n\
    Exit codes: 0 conforms, 1 violations, 2 usage or spec error, 3 target unreachable or \
    unusable, 4 nothing could be checked, 130 interrupted."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Test a server against the law (the embedded reference server, unless you name one).
    Run(Box<run::RunArgs>),
    /// Start the reference server: the same law run forwards.
    Serve(serve::ServeArgs),
    /// Check, list and show the law.
    Spec(spec::SpecArgs),
    /// Break the reference server rule by rule, and see whether that is noticed.
    Mutants(mutants::MutantsArgs),
    /// Explain a rule, with an answer that keeps it and one that breaks it.
    Explain(explain::ExplainArgs),
    /// Show the report of an earlier run, or what changed from one to another.
    Report(report::ReportArgs),
    /// Play a scenario that was written down, and say whether the rule is broken again.
    Replay(Box<replay::ReplayArgs>),
    /// Write down how a server answers, or hold a server against what was written down.
    Wire(wire::WireArgs),
    /// Delete what an earlier run has left behind, by its journal.
    Clean(Box<clean::CleanArgs>),
    /// Judge the trace of an earlier run again, by the law as it is now.
    Recheck(recheck::RecheckArgs),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    ///
    /// What keeps it from being done, ready to be shown.
    pub fn execute(self) -> Result<Exit> {
        match self {
            Command::Run(args) => run::execute(*args),
            Command::Serve(args) => serve::execute(args),
            Command::Spec(args) => spec::execute(args),
            Command::Mutants(args) => mutants::execute(&args),
            Command::Report(args) => report::execute(&args),
            Command::Explain(args) => explain::execute(&args),
            Command::Replay(args) => replay::execute(*args),
            Command::Wire(args) => wire::execute(args),
            Command::Clean(args) => clean::execute(*args),
            Command::Recheck(args) => recheck::execute(&args),
        }
    }
}

/// The cloud whose law applies unless the user says otherwise.
const USUAL_CLOUD: &str = "ec2";

/// Which law.
#[derive(Clone, Debug, Args)]
pub struct LawArgs {
    /// The cloud whose law applies: ec2 unless given, or the one that --specs holds if it holds only one. The embedded
    /// server is tested against the laws of all clouds.
    #[arg(long, value_name = "NAME")]
    pub cloud: Option<String>,
    /// A folder with a law of your own, instead of the built-in one.
    #[arg(long, value_name = "DIR")]
    pub specs: Option<PathBuf>,
    /// How to read what the documents leave open; `eipcheck spec list` shows the readings. May be given several times.
    #[arg(long = "reading", value_name = "NAME=CHOICE", value_parser = parse_reading)]
    pub readings: Vec<(String, String)>,
}

fn parse_reading(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, choice)) if !name.is_empty() && !choice.is_empty() => Ok((name.to_owned(), choice.to_owned())),
        _ => Err("it should look like NAME=CHOICE".to_owned()),
    }
}

/// How long answers may lag behind what was done before; none if they may not.
#[derive(Clone, Copy, Debug)]
pub struct Consistency(pub Option<Duration>);

/// `immediate` or `eventual:TIME`.
fn parse_consistency(text: &str) -> std::result::Result<Consistency, String> {
    match (text, text.strip_prefix("eventual:")) {
        ("immediate", _) => Ok(Consistency(None)),
        (_, Some(time)) => Ok(Consistency(Some(parse_time(time)?))),
        _ => Err("it should be immediate, or eventual: and a time, as eventual:5s".to_owned()),
    }
}

fn parse_time(text: &str) -> std::result::Result<Duration, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: u64 = number.parse().map_err(|_| "it should look like 90s, 5m or 500ms".to_owned())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "" | "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        "h" => Ok(Duration::from_secs(number.saturating_mul(3600))),
        _ => Err("the unit should be ms, s, m or h".to_owned()),
    }
}

impl LawArgs {
    /// Where the spec files are.
    pub fn source(&self) -> SpecSource {
        match &self.specs {
            Some(dir) => SpecSource::Folder(dir.clone()),
            None => SpecSource::BuiltIn,
        }
    }

    /// Loads the law.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the specs, each with its place.
    pub fn load(&self) -> Result<Law> {
        Ok(load::load(&self.source(), &self.cloud()?, &self.readings)?)
    }

    /// Loads the laws of every cloud there is, unless one is asked for. Of the readings each law gets those that it has.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the specs, and a reading that no law has.
    pub fn load_all(&self) -> Result<Vec<Law>> {
        if self.cloud.is_some() {
            return Ok(vec![self.load()?]);
        }
        let source = self.source();
        let clouds = load::clouds(&source)?;
        if clouds.len() == 1 {
            return Ok(vec![self.load()?]);
        }
        let laws = clouds.iter().map(|cloud| load::load(&source, cloud, &[])).collect::<Result<Vec<_>, _>>()?;
        let has = |law: &Law, name: &str| law.readings.iter().any(|r| r.name == name);
        if let Some((name, _)) = self.readings.iter().find(|(name, _)| !laws.iter().any(|law| has(law, name))) {
            return Err(miette!(help = "`eipcheck spec list` shows the readings", "--reading {name}: no law has it"));
        }
        let chosen = |law: &Law| self.readings.iter().filter(|(name, _)| has(law, name)).cloned().collect::<Vec<_>>();
        Ok(laws.iter().map(|law| load::load(&source, &law.cloud, &chosen(law))).collect::<Result<_, _>>()?)
    }

    /// The name of the cloud: the one that was asked for, or the only one of a folder, or the usual one.
    fn cloud(&self) -> Result<String> {
        let (None, Some(dir)) = (&self.cloud, &self.specs) else {
            return Ok(self.cloud.clone().unwrap_or_else(|| USUAL_CLOUD.to_owned()));
        };
        let mut clouds = load::clouds(&self.source())?;
        match clouds.len() {
            1 => Ok(clouds.remove(0)),
            _ if clouds.iter().any(|cloud| cloud == USUAL_CLOUD) => Ok(USUAL_CLOUD.to_owned()),
            _ => Err(miette!(
                help = format!("pick one with --cloud: {}", clouds.join(", ")),
                "{} holds the laws of {} clouds",
                dir.display(),
                clouds.len()
            )),
        }
    }
}

/// Starts the machinery for waiting on many things at once.
///
/// # Errors
///
/// The system has no threads left.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .into_diagnostic()
        .wrap_err("cannot start worker threads")
}

/// The files that a run has written: `path` itself, or the file of this name in it, or in the folders of several clouds.
///
/// # Errors
///
/// There is none.
pub fn written_by_run(path: &Path, name: &str) -> Result<Vec<PathBuf>> {
    let file = if path.is_dir() { path.join(name) } else { path.to_owned() };
    if file.exists() {
        return Ok(vec![file]);
    }
    let folders = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = folders.map(|entry| entry.path().join(name)).filter(|file| file.exists()).collect();
    files.sort();
    if !files.is_empty() {
        return Ok(files);
    }
    let help = "`eipcheck run` writes it to the folder that --out names, or else to eipcheck.out";
    Err(miette!(help = help, "there is no {}", file.display()))
}

/// Prints what went wrong, in the one form that every error has.
pub fn complain(error: &miette::Report) {
    anstream::eprintln!("Error: {error:?}");
}

/// Prints for programs.
///
/// # Errors
///
/// Standard output is closed.
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).into_diagnostic()?;
    anstream::println!("{text}");
    Ok(())
}

/// Prints reports for programs: one as it is, several as a list.
///
/// # Errors
///
/// Standard output is closed.
pub fn print_reports(reports: &[Report]) -> Result<()> {
    match reports {
        [report] => print_json(report),
        several => print_json(&several),
    }
}
