//! `eipcheck run`: tests a server against the law.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::{Args, ValueEnum};
use globset::{Glob, GlobSet, GlobSetBuilder};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use owo_colors::OwoColorize;
use url::Url;

use super::{
    LawArgs, parse_time, print_json, print_reports,
    progress::Progress,
    target::{TargetArgs, parse_url, until_interrupted, usable},
};
use eipcheck::{
    exit::Exit,
    report::{
        data::{Outcome, Report},
        terminal::{self, counted},
        trace,
    },
    run::{
        RunOptions, Stop,
        event::{Observer, Silent},
        folders::FOLDER,
        forecast::forecast,
        run,
    },
    spec::{file::Level, law::Law},
};

/// Test a server against the law.
///
/// Without a URL, the embedded reference server is tested over loopback HTTP, for one cloud after the other. Credentials come from the environment
/// variables that the cloud's own tools read; for a server on this machine a made-up pair will do.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck run\n  \
    eipcheck run http://127.0.0.1:5000\n  \
    eipcheck run http://127.0.0.1:5000 --only 'release-*' --seed 7\n  \
    eipcheck run http://127.0.0.1:5000 --fail-on should --max-time 5m --out results")]
pub struct RunArgs {
    /// The server, as http://HOST:PORT; the embedded one unless given.
    #[arg(value_parser = parse_url)]
    url: Option<Url>,
    #[command(flatten)]
    law: LawArgs,
    /// Decides the random sequences; the same seed sends the same requests.
    #[arg(long)]
    seed: Option<u64>,
    /// Test only rules whose id matches; `*` stands for anything. May be given several times.
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// Leave out rules whose id matches. May be given several times.
    #[arg(long, value_name = "GLOB")]
    skip: Vec<String>,
    /// The most requests; clean-up is not counted, nor what --shrink allows.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    max_requests: u64,
    /// The most requests that are spent on each finding to make it short and to see it again; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 100)]
    shrink: u64,
    /// The longest time, clean-up not counted: 90s, 5m, or a number of seconds.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_time)]
    max_time: Duration,
    /// Scenarios that work at a time; those that wait for a change are not counted.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// How many requests of one scenario may be under way at a time; 1 for a server that takes one at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=6))]
    clients: u8,
    #[command(flatten)]
    target: TargetArgs,
    /// The least binding level at which a broken rule makes the run fail.
    #[arg(long, value_name = "LEVEL", default_value = "must")]
    fail_on: FailOn,
    /// Where report.json, trace.jsonl and journal.jsonl go: for several clouds, to a folder of each one's name in it.
    #[arg(long, value_name = "DIR", default_value = "eipcheck.out")]
    out: PathBuf,
    /// Say what the run would make, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// The levels, as the command line names them.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    /// What one of the documents says.
    Must,
    /// Also what the provider says elsewhere.
    Should,
    /// Also conventions.
    Assumed,
}

impl From<FailOn> for Level {
    fn from(level: FailOn) -> Level {
        match level {
            FailOn::Must => Level::Must,
            FailOn::Should => Level::Should,
            FailOn::Assumed => Level::Assumed,
        }
    }
}

/// A seed that is not the same every time, short enough to type.
pub fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::from(since.subsec_nanos()) ^ since.as_secs())
        % 1_000_000
}

/// The patterns of an option; each must match a rule of some law.
pub fn rule_globs(patterns: &[String], laws: &[Law], option: &str) -> Result<Option<GlobSet>> {
    let ids: Vec<&str> = laws.iter().flat_map(|law| &law.rules).map(|rule| &*rule.id).collect();
    globs(patterns, &ids, option, "`eipcheck spec list` shows the ids; `*` stands for anything")
}

/// The patterns of an option, each of which must match one of these names; none if there are no patterns.
///
/// # Errors
///
/// One of them is no pattern, or matches nothing.
pub fn globs(patterns: &[String], names: &[&str], option: &str, help: &str) -> Result<Option<GlobSet>> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob =
            Glob::new(pattern).into_diagnostic().wrap_err_with(|| format!("{option} {pattern}: not a pattern"))?;
        let matcher = glob.compile_matcher();
        if !names.iter().any(|name| matcher.is_match(name)) {
            return Err(miette!(help = help.to_owned(), "{option} {pattern}: the law has no such rule"));
        }
        set.add(glob);
    }
    set.build().into_diagnostic().map(Some)
}

/// Runs, prints and writes the report.
///
/// # Errors
///
/// Wrong arguments, a broken law, or files that cannot be written.
pub fn execute(args: RunArgs) -> Result<Exit> {
    // A server that somebody names speaks for one cloud; the embedded one speaks for all.
    let mut laws = if args.url.is_none() { args.law.load_all()? } else { vec![args.law.load()?] };
    let (only, skip) = (rule_globs(&args.only, &laws, "--only")?, rule_globs(&args.skip, &laws, "--skip")?);
    if let Some(only) = &only {
        laws.retain(|law| law.rules.iter().any(|rule| only.is_match(&*rule.id)));
    }
    if args.dry_run {
        return tell_beforehand(laws, &args, only.as_ref(), skip.as_ref());
    }
    let several = laws.len() > 1;
    if several {
        remove_earlier(&args.out)?;
    }
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let stop = Stop::default();
    let mut reports = Vec::new();
    for mut law in laws {
        let out = if several { args.out.join(&*law.cloud) } else { args.out.clone() };
        let options = RunOptions {
            seed,
            max_requests: args.max_requests,
            max_time: args.max_time,
            jobs: usize::from(args.jobs),
            clients: usize::from(args.clients),
            only: only.clone(),
            skip: skip.clone(),
            shrink: args.shrink,
            out: Some(out.clone()),
            ..args.target.options(args.url.clone(), &mut law)?
        };
        match run_one(law, options, &args, &out, &stop)? {
            Some(report) => reports.push(report),
            None => return Ok(Exit::Target),
        }
        if stop.is_stopped() {
            break;
        }
    }
    if args.json {
        print_reports(&reports)?;
    }
    let exits = reports.iter().map(|report| exit_of(report, args.fail_on.into()));
    Ok(exits.reduce(Exit::and).unwrap_or(Exit::NothingChecked))
}

/// Says what a run would make.
fn tell_beforehand(laws: Vec<Law>, args: &RunArgs, only: Option<&GlobSet>, skip: Option<&GlobSet>) -> Result<Exit> {
    let mut told = Vec::new();
    for mut law in laws {
        let options = args.target.options(args.url.clone(), &mut law)?;
        let options = RunOptions { only: only.cloned(), skip: skip.cloned(), ..options };
        let law = Arc::new(law);
        let progress = (!args.json).then(Progress::new);
        let forecast = forecast(&law, &options, &|left, of| {
            progress.iter().for_each(|progress| progress.planning(left, of));
            true
        });
        drop(progress);
        if args.json {
            told.push(serde_json::json!({ "cloud": &*law.cloud, "forecast": forecast }));
            continue;
        }
        anstream::println!("{}: the suite has {}", law.title, counted(forecast.scenarios as u64, "scenario"));
        for makes in &forecast.makes {
            anstream::println!("{:>8}  {} ({})", makes.times, makes.kind, makes.operation);
        }
        anstream::println!(
            "made over the whole suite, each deleted after its scenario; one scenario makes {} at most",
            forecast.at_a_time
        );
        anstream::println!(
            "requests that overlap, random sequences and findings that are made short make more of the same, within \
             --max-requests {} and --max-time",
            args.max_requests
        );
        if let Some(most) = options.max_resources {
            anstream::println!("no more than {most} are held at a time");
        }
    }
    if args.json {
        print_json(&told)?;
    } else {
        anstream::println!("{}", "nothing was sent".bold());
    }
    Ok(Exit::Conforms)
}

/// Removes what an earlier run with a single law has left, which would be taken for the report of this one.
fn remove_earlier(out: &Path) -> Result<()> {
    for file in ["report.json", trace::FILE].map(|name| out.join(name)) {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).into_diagnostic().wrap_err_with(|| format!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    let findings = out.join(FOLDER);
    match std::fs::remove_dir_all(&findings) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).into_diagnostic().wrap_err_with(|| format!("cannot remove {}", findings.display()))
        }
        _ => Ok(()),
    }
}

/// One run, with one law: its report, written to a file. None if the target cannot be used, which has been said.
fn run_one(law: Law, options: RunOptions, args: &RunArgs, out: &Path, stop: &Stop) -> Result<Option<Report>> {
    std::fs::create_dir_all(out)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot create the folder {}", out.display()))?;
    let observer: Arc<dyn Observer> = if args.json { Arc::new(Silent) } else { Arc::new(Progress::new()) };
    let outcome = until_interrupted(stop, run(Arc::new(law), options, observer, stop.clone()))?;
    let Some(report) = usable(outcome)? else { return Ok(None) };
    let path = out.join("report.json");
    report.write(&path).into_diagnostic().wrap_err_with(|| format!("cannot write {}", path.display()))?;
    if !args.json {
        anstream::print!("{}", terminal::render(&report));
        anstream::println!("report and trace: {}", out.display());
        anstream::println!("{}", verdict(&report, args.fail_on.into()).bold());
    }
    Ok(Some(report))
}

/// What a report means for whoever started the run.
pub fn exit_of(report: &Report, fail_on: Level) -> Exit {
    if report.totals.interrupted {
        Exit::Interrupted
    } else if broken(report).any(|level| level >= fail_on) {
        Exit::Violations
    } else if !report.rules.iter().any(|r| matches!(r.result, Outcome::Pass | Outcome::Violation)) {
        Exit::NothingChecked
    } else {
        Exit::Conforms
    }
}

/// The levels of the broken rules, one for each.
fn broken(report: &Report) -> impl Iterator<Item = Level> {
    report.findings.iter().map(|finding| finding.level)
}

/// The same in words, so that nobody takes a broken rule that does not count for one that does, or the reverse.
fn verdict(report: &Report, fail_on: Level) -> String {
    let count = |counts: &dyn Fn(Level) -> bool| {
        let of = |level: &Level| broken(report).filter(|l| l == level).count() as u64;
        let levels = Level::ALL.iter().filter(|level| counts(**level) && of(level) > 0);
        levels.map(|level| counted(of(level), &format!("{} rule", level.name()))).collect::<Vec<_>>().join(", ")
    };
    let (heavy, light) = (count(&|level| level >= fail_on), count(&|level| level < fail_on));
    match exit_of(report, fail_on) {
        Exit::Violations => format!("does not conform: broken are {heavy}"),
        Exit::NothingChecked => "nothing could be checked".to_owned(),
        Exit::Interrupted => "interrupted: what was not tested by then counts as not reached".to_owned(),
        _ if light.is_empty() => "conforms: no rule was found broken".to_owned(),
        _ => format!("conforms with --fail-on {}; broken below that are {light}", fail_on.name()),
    }
}
