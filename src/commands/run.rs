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
    Consistency, LawArgs, complain, parse_consistency, parse_time, print_reports, progress::Progress, runtime,
};
use eipcheck::{
    exit::Exit,
    model::time::Tolerance,
    report::{
        data::{Outcome, Report},
        terminal::{self, counted},
        trace,
    },
    run::{
        RunError, RunOptions, Stop, TOLERANCE,
        event::{Observer, Silent},
        run,
    },
    spec::{
        file::Level,
        law::{Law, ProductIx},
    },
    target::clock::Pace,
    wire::sign::{Manner, Method, Sending},
};

/// The least that a change may be late where time runs faster than here, in the time here.
const LEAST_TOLERANCE: Duration = Duration::from_millis(500);

/// What a target with a driven clock does.
const CLOCK_CONTRACT: &str = "with --clock driven the target takes POST /_clock/advance with {\"seconds\": N}, N a whole \
    number: when it answers, with any HTTP status from 200 to 299, its clock shows N seconds more, and what is due by then \
    has happened";

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
    /// The most requests, clean-up not counted.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    max_requests: u64,
    /// The longest time, clean-up not counted: 90s, 5m, or a number of seconds.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_time)]
    max_time: Duration,
    /// Scenarios that work at a time; those that wait for a change are not counted.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// How many requests of one scenario may be under way at a time; 1 for a server that takes one at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=6))]
    clients: u8,
    /// The region that requests are signed for; the cloud's usual one unless given.
    #[arg(long)]
    region: Option<String>,
    /// Where requests to one product of the cloud go, if not to URL. May be given several times.
    #[arg(long = "endpoint", value_name = "PRODUCT=URL", value_parser = parse_endpoint, requires = "url")]
    endpoints: Vec<(String, Url)>,
    /// How requests are signed; the cloud's usual way unless given.
    #[arg(long, value_name = "METHOD")]
    signature: Option<Signature>,
    /// Where the parameters of a request stand; in a form unless given.
    #[arg(long, value_name = "PLACE")]
    send: Option<Send>,
    /// How long an answer may take.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    timeout: Duration,
    /// How long to wait for a change that is under way.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = parse_time)]
    patience: Duration,
    /// How the server's time passes: real, scaled:N (N times as fast as here), or driven (it is moved by
    /// POST /_clock/advance). Real unless given; driven for the embedded server.
    #[arg(long, value_name = "PACE")]
    clock: Option<Pace>,
    /// By how much a change may be late, in the server's time. 5s unless given; on a scaled clock at least half a second
    /// of the time here.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    time_tolerance: Option<Duration>,
    /// How far answers may lag behind what was done before: immediate, or eventual:TIME.
    #[arg(long, value_name = "WHEN", default_value = "immediate", value_parser = parse_consistency)]
    consistency: Consistency,
    /// The least binding level at which a broken rule makes the run fail.
    #[arg(long, value_name = "LEVEL", default_value = "must")]
    fail_on: FailOn,
    /// Where report.json and trace.jsonl go: for several clouds, to a folder of each one's name in it.
    #[arg(long, value_name = "DIR", default_value = "eipcheck.out")]
    out: PathBuf,
    /// Print the report as JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// The signatures, as the command line names them.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Signature {
    /// AWS4-HMAC-SHA256.
    Sigv4,
    /// HMAC-SHA1 over the parameters.
    RpcV1,
    /// ACS3-HMAC-SHA256, in headers.
    Acs3,
}

impl From<Signature> for Method {
    fn from(signature: Signature) -> Method {
        match signature {
            Signature::Sigv4 => Method::Sigv4,
            Signature::RpcV1 => Method::RpcV1,
            Signature::Acs3 => Method::Acs3,
        }
    }
}

/// The places of parameters, as the command line names them.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Send {
    /// All in the query of a GET.
    Get,
    /// All in the form of a POST.
    Form,
    /// In the query and in the form of a POST.
    Split,
}

impl From<Send> for Sending {
    fn from(send: Send) -> Sending {
        match send {
            Send::Get => Sending::Get,
            Send::Form => Sending::Form,
            Send::Split => Sending::Split,
        }
    }
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

fn parse_url(text: &str) -> std::result::Result<Url, String> {
    if !text.contains("://") {
        return Err(format!("it should begin with http:// or https://, as http://{text}"));
    }
    let url = Url::parse(text).map_err(|e| e.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("{other} is not spoken here: it should begin with http:// or https://")),
    }
}

fn parse_endpoint(text: &str) -> std::result::Result<(String, Url), String> {
    let (product, url) = text.split_once('=').ok_or("it should look like PRODUCT=http://HOST:PORT")?;
    Ok((product.to_owned(), url.parse().map_err(|e: url::ParseError| e.to_string())?))
}

/// The endpoints by the products of the law.
fn endpoints(named: Vec<(String, Url)>, law: &Law) -> Result<Vec<(ProductIx, Url)>> {
    let mut found: Vec<(ProductIx, Url)> = Vec::with_capacity(named.len());
    for (name, url) in named {
        let products: Vec<&str> = law.products.iter().map(|p| p.name.as_str()).collect();
        let product = law.product(&name).ok_or_else(|| {
            let help = format!("the products of this cloud: {}", products.join(", "));
            miette!(help = help, "--endpoint {name}: the law has no such product")
        })?;
        if found.iter().any(|(p, _)| *p == product) {
            return Err(miette!("--endpoint {name}: it is given twice"));
        }
        found.push((product, url));
    }
    Ok(found)
}

/// A seed that is not the same every time, short enough to type.
pub fn fresh_seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::from(since.subsec_nanos()) ^ since.as_secs())
        % 1_000_000
}

/// The patterns of an option; each must match a rule of some law.
fn rule_globs(patterns: &[String], laws: &[Law], option: &str) -> Result<Option<GlobSet>> {
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
    let several = laws.len() > 1;
    if several {
        remove_earlier(&args.out)?;
    }
    let seed = args.seed.unwrap_or_else(fresh_seed);
    let pace = args.clock.unwrap_or(if args.url.is_some() { Pace::Real } else { Pace::Driven });
    let stop = Stop::default();
    let mut reports = Vec::new();
    for mut law in laws {
        law.region = args.region.clone().unwrap_or(law.region);
        let out = if several { args.out.join(&*law.cloud) } else { args.out.clone() };
        let options = RunOptions {
            url: args.url.clone(),
            endpoints: endpoints(args.endpoints.clone(), &law)?,
            manner: Manner::choose(law.wire.protocol, args.signature.map(Into::into), args.send.map(Into::into))
                .into_diagnostic()?,
            region: law.region.clone(),
            seed,
            max_requests: args.max_requests,
            max_time: args.max_time,
            jobs: usize::from(args.jobs),
            clients: usize::from(args.clients),
            only: only.clone(),
            skip: skip.clone(),
            timeout: args.timeout,
            patience: args.patience,
            pace,
            tolerance: args.time_tolerance.map_or_else(|| usual_tolerance(pace), Tolerance::new),
            consistency: args.consistency.0,
            out: Some(out.clone()),
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

/// By how much a change may be late unless the user says otherwise. What delays it does not run faster where time does.
fn usual_tolerance(pace: Pace) -> Tolerance {
    match pace {
        Pace::Scaled(times) => Tolerance::new(TOLERANCE.late.max(LEAST_TOLERANCE.saturating_mul(times.get()))),
        Pace::Real | Pace::Driven => TOLERANCE,
    }
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
    Ok(())
}

/// One run, with one law: its report, written to a file. None if the target cannot be used, which has been said.
fn run_one(law: Law, options: RunOptions, args: &RunArgs, out: &Path, stop: &Stop) -> Result<Option<Report>> {
    std::fs::create_dir_all(out)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot create the folder {}", out.display()))?;
    let observer: Arc<dyn Observer> = if args.json { Arc::new(Silent) } else { Arc::new(Progress::new()) };
    let outcome = runtime()?.block_on(async {
        let interrupt = tokio::spawn(watch_for_interrupt(stop.clone()));
        let outcome = run(Arc::new(law), options, observer, stop.clone()).await;
        interrupt.abort();
        outcome
    });
    let report = match outcome {
        Ok(report) => report,
        Err(error @ (RunError::Unreachable { .. } | RunError::Unusable { .. })) => {
            complain(&miette::Report::from_err(error));
            return Ok(None);
        }
        Err(RunError::Clock(error)) => {
            complain(&miette!(help = CLOCK_CONTRACT, "the target does not let its clock be moved: {error}"));
            return Ok(None);
        }
        Err(RunError::Credentials(error)) => {
            let help = "set them in the environment; a server that checks no signatures takes any pair";
            return Err(miette!(help = help, "{error}"));
        }
        Err(error) => return Err(miette::Report::from_err(error)),
    };
    let path = out.join("report.json");
    report.write(&path).into_diagnostic().wrap_err_with(|| format!("cannot write {}", path.display()))?;
    if !args.json {
        anstream::print!("{}", terminal::render(&report));
        anstream::println!("report and trace: {}", out.display());
        anstream::println!("{}", verdict(&report, args.fail_on.into()).bold());
    }
    Ok(Some(report))
}

/// The first Ctrl-C ends the run in order, the second at once.
async fn watch_for_interrupt(stop: Stop) {
    if interrupted().await {
        anstream::eprintln!("interrupted: cleaning up (interrupt again to stop at once and leave things behind)");
        stop.now();
    }
    if interrupted().await {
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}

/// Waits for Ctrl-C or a request to terminate; false if neither can be waited for.
async fn interrupted() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return tokio::signal::ctrl_c().await.is_ok() };
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.is_ok(),
        received = terminate.recv() => received.is_some(),
    }
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
