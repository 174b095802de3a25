//! `eipcheck wire`: writes a server's wire format down, and shows where a later release departs from it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use miette::{IntoDiagnostic, Result, WrapErr, miette};
use owo_colors::OwoColorize;
use url::Url;

use super::{
    LawArgs,
    progress::Progress,
    run::rule_globs,
    target::{TargetArgs, parse_url, until_interrupted, usable},
};
use eipcheck::{
    exit::Exit,
    report::{
        data::Leftover,
        lock::{
            compare::{FileFault, compare, render},
            files::{ByOperation, Entry, Lock, Suite},
        },
        terminal::{counted, plain},
    },
    run::{
        RunOptions, Stop,
        record::{PlayError, Recorded, play_again, record},
    },
    spec::law::Law,
};

/// Write down how a server answers, or hold a server against what was written down.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck wire record http://127.0.0.1:5000           before a release: commit the folder eipcheck.wire\n  \
    eipcheck wire verify http://127.0.0.1:5000           after it: see what changed\n  \
    eipcheck wire verify http://127.0.0.1:5000 --accept  the change was meant\n\n\
    No answer is judged by it: it shows what changed, right or wrong. For that there is `eipcheck run`.")]
pub struct WireArgs {
    #[command(subcommand)]
    command: WireCommand,
}

#[derive(Debug, Subcommand)]
enum WireCommand {
    /// Write down how a server answers the suite's scenarios.
    #[command(after_help = "Examples:\n  \
        eipcheck wire record\n  \
        eipcheck wire record http://127.0.0.1:5000 --cloud alibaba --dir tests/wire\n  \
        eipcheck wire record http://127.0.0.1:5000 --only 'release-*' --mask ownerId\n\n\
        Ids, addresses, moments and tokens give way to stand-ins, so that two records of one server are the same. If \
        something else is another one each time, name its element, member or header with --mask.\n\n\
        Exit codes: 0 written, 2 usage or file error, 3 target unreachable or unusable, 130 interrupted (nothing is \
        written then).")]
    Record(Box<RecordArgs>),
    /// Play the scenarios that were written down, and show which answers changed.
    #[command(after_help = "Examples:\n  \
        eipcheck wire verify\n  \
        eipcheck wire verify http://127.0.0.1:5000 --only 'release-*'\n  \
        eipcheck wire verify http://127.0.0.1:5000 --accept\n\n\
        Exit codes: 0 the same, or accepted; 1 something differs; 2 usage or file error; 3 target unreachable or \
        unusable; 130 interrupted.")]
    Verify(Box<VerifyArgs>),
}

/// What both ask for.
#[derive(Debug, Args)]
struct Common {
    /// The server, as http://HOST:PORT; the embedded one unless given.
    #[arg(value_parser = parse_url)]
    url: Option<Url>,
    /// The folder; it holds one of its own for each cloud.
    #[arg(long, value_name = "DIR", default_value = "eipcheck.wire")]
    dir: PathBuf,
    #[command(flatten)]
    law: LawArgs,
    /// Only scenarios of rules whose id matches; `*` stands for anything. May be given several times.
    #[arg(long, value_name = "GLOB")]
    only: Vec<String>,
    /// Leave out scenarios of rules whose id matches. May be given several times.
    #[arg(long, value_name = "GLOB")]
    skip: Vec<String>,
    #[command(flatten)]
    target: TargetArgs,
}

#[derive(Debug, Args)]
struct RecordArgs {
    #[command(flatten)]
    common: Common,
    /// An element, member or header whose value is not written down. May be given several times.
    #[arg(long, value_name = "NAME")]
    mask: Vec<String>,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    #[command(flatten)]
    common: Common,
    /// Write the answers down that came now.
    #[arg(long)]
    accept: bool,
}

/// Does it.
///
/// # Errors
///
/// Wrong arguments, a broken law, or files that cannot be read or written.
pub fn execute(args: WireArgs) -> Result<Exit> {
    match args.command {
        WireCommand::Record(args) => execute_record(&args),
        WireCommand::Verify(args) => execute_verify(&args),
    }
}

impl Common {
    fn options(&self, law: &mut Law) -> Result<RunOptions> {
        let laws = std::slice::from_ref(&*law);
        let (only, skip) = (rule_globs(&self.only, laws, "--only")?, rule_globs(&self.skip, laws, "--skip")?);
        Ok(RunOptions { only, skip, ..self.target.options(self.url.clone(), law)? })
    }
}

fn execute_record(args: &RecordArgs) -> Result<Exit> {
    let common = &args.common;
    // As with `run`: a server that somebody names speaks for one cloud, the embedded one speaks for all.
    let mut laws = if common.url.is_none() { common.law.load_all()? } else { vec![common.law.load()?] };
    if let Some(only) = rule_globs(&common.only, &laws, "--only")? {
        laws.retain(|law| law.rules.iter().any(|rule| only.is_match(&*rule.id)));
    }
    let mut masked = args.mask.clone();
    masked.sort();
    masked.dedup();
    let stop = Stop::default();
    for mut law in laws {
        let options = common.options(&mut law)?;
        let folder = common.dir.join(&*law.cloud);
        let work = record(Arc::new(law), masked.clone(), options, Arc::new(Progress::new()), stop.clone());
        let Some(recorded) = usable(until_interrupted(&stop, work)?)? else { return Ok(Exit::Target) };
        tell_of(&recorded.leftovers);
        if recorded.interrupted {
            anstream::println!("{}", "interrupted: nothing was written".bold());
            return Ok(Exit::Interrupted);
        }
        recorded.lock.write(&folder).into_diagnostic()?;
        let (answers, scenarios) = (count(&recorded.lock.answers), recorded.lock.suite.scenarios.len());
        anstream::println!(
            "{}: {} of {} in {}",
            recorded.lock.suite.cloud,
            counted(answers, "answer"),
            counted(scenarios as u64, "scenario"),
            folder.display()
        );
    }
    Ok(Exit::Conforms)
}

fn execute_verify(args: &VerifyArgs) -> Result<Exit> {
    let common = &args.common;
    let stop = Stop::default();
    let mut exit = Exit::Conforms;
    for cloud in clouds(common)? {
        let folder = common.dir.join(&cloud);
        let before = Lock::read(&folder).into_diagnostic()?;
        let mut law = law_of(&common.law, &before.suite)?;
        if law.digest != before.suite.law {
            anstream::eprintln!("the law has changed since: `eipcheck wire record` would write down its new scenarios");
        }
        let options = common.options(&mut law)?;
        match verify(law, before, options, args, &folder, &stop)? {
            Exit::Violations => exit = Exit::Violations,
            Exit::Conforms => {}
            other => return Ok(other),
        }
    }
    Ok(exit)
}

/// The clouds to verify.
fn clouds(common: &Common) -> Result<Vec<String>> {
    let help = "`eipcheck wire record` writes it; --dir names another folder";
    let dir = common.dir.display();
    let found = if common.dir.is_dir() { Lock::clouds(&common.dir).into_diagnostic()? } else { Vec::new() };
    match &common.law.cloud {
        Some(cloud) if found.contains(cloud) => Ok(vec![cloud.clone()]),
        Some(cloud) => Err(miette!(help = help, "{dir} holds nothing of the cloud {cloud}")),
        None if found.is_empty() => Err(miette!(help = help, "{dir} holds nothing that was recorded")),
        None if found.len() > 1 && common.url.is_some() => {
            let help = format!("pick one with --cloud: {}", found.join(", "));
            Err(miette!(help = help, "{dir} holds the answers of several clouds, and a server speaks for one"))
        }
        None => Ok(found),
    }
}

/// The law of a suite, under the readings that were in force unless others are chosen.
fn law_of(args: &LawArgs, suite: &Suite) -> Result<Law> {
    let mut chosen = args.clone();
    chosen.cloud = Some(suite.cloud.clone());
    for (name, choice) in &suite.readings {
        if !chosen.readings.iter().any(|(own, _)| own == name) {
            chosen.readings.push((name.clone(), choice.clone()));
        }
    }
    chosen.load()
}

fn verify(
    law: Law,
    before: Lock,
    options: RunOptions,
    args: &VerifyArgs,
    folder: &std::path::Path,
    stop: &Stop,
) -> Result<Exit> {
    let wants = {
        let (only, skip) = (options.only.clone(), options.skip.clone());
        move |rule: &String| {
            only.as_ref().is_none_or(|only| only.is_match(rule))
                && !skip.as_ref().is_some_and(|skip| skip.is_match(rule))
        }
    };
    let mut played = before.suite.clone();
    played.scenarios.retain(|scenario| scenario.rules.iter().any(&wants));
    // What no scenario of the suite accounts for is looked at unless the user wants something else.
    let names: Vec<&String> = played.scenarios.iter().map(|scenario| &scenario.name).collect();
    let others: Vec<&String> = before.suite.scenarios.iter().map(|s| &s.name).filter(|n| !names.contains(n)).collect();
    let is_looked_at = |name: &String| names.contains(&name) || !others.contains(&name) && wants(name);
    let mut old = before.answers.clone();
    old.values_mut().for_each(|entries| entries.retain(|entry| is_looked_at(&entry.scenario)));
    old.retain(|operation, entries| !entries.is_empty() || before.answers[operation].is_empty());
    let (cloud, scenarios) = (before.suite.cloud.clone(), played.scenarios.len());
    if scenarios == 0 {
        return Err(miette!("{} holds no such scenario", folder.display()));
    }
    let work = play_again(Arc::new(law), &played, options, Arc::new(Progress::new()), stop.clone());
    let recorded = match until_interrupted(stop, work)? {
        Err(PlayError::Run(error)) => usable(Err(error))?,
        Err(error) => return Err(miette::Report::from_err(error)).wrap_err_with(|| folder.display().to_string()),
        Ok(recorded) => Some(recorded),
    };
    let Some(Recorded { lock: now, leftovers, interrupted }) = recorded else { return Ok(Exit::Target) };
    tell_of(&leftovers);
    if interrupted {
        anstream::println!("{}", "interrupted: nothing was compared".bold());
        return Ok(Exit::Interrupted);
    }
    let changes = compare(&old, &now.answers);
    let files = file_faults(&before, &old, &now.answers);
    anstream::print!("{}", render(&changes, &files));
    let what = format!("{} of {}", counted(count(&now.answers), "answer"), counted(scenarios as u64, "scenario"));
    if changes.is_empty() && files.is_empty() {
        anstream::println!("{}", format!("{cloud}: {what}, and all are as they were").bold());
        return Ok(Exit::Conforms);
    }
    // An orphaned file without an answer is a difference all the same.
    let differ = changes.len().max(files.len());
    if !args.accept {
        anstream::println!("{}", format!("{cloud}: {what}; {} changed", counted(differ as u64, "answer")).bold());
        anstream::println!("if that was meant: the same command with --accept");
        return Ok(Exit::Violations);
    }
    let rest = before.answers.iter().map(|(operation, entries)| {
        let rest = entries.iter().filter(|entry| !is_looked_at(&entry.scenario)).cloned().collect();
        (operation.clone(), rest)
    });
    let mut answers: ByOperation = rest.collect();
    for (operation, entries) in now.answers {
        answers.entry(operation).or_default().extend(entries);
    }
    answers.retain(|_, entries| !entries.is_empty());
    let order = |name: &str| before.suite.scenarios.iter().position(|scenario| scenario.name == name);
    answers.values_mut().for_each(|entries| entries.sort_by_key(|entry| (order(&entry.scenario), entry.step)));
    Lock { suite: before.suite, answers }.write(folder).into_diagnostic()?;
    anstream::println!("{}", format!("{cloud}: {what}; {} accepted", counted(differ as u64, "change")).bold());
    Ok(Exit::Conforms)
}

/// Files that are missing, and files with which no scenario has anything to do. `old` is what is looked at of those that
/// are there.
fn file_faults(before: &Lock, old: &ByOperation, now: &ByOperation) -> BTreeMap<String, FileFault> {
    let is_known = |entry: &Entry| before.suite.scenarios.iter().any(|scenario| scenario.name == entry.scenario);
    let orphaned = old.keys().filter(|operation| !before.answers[*operation].iter().any(is_known));
    let missing = now.keys().filter(|operation| !before.answers.contains_key(*operation));
    let orphaned = orphaned.map(|operation| (operation.clone(), FileFault::Orphaned));
    orphaned.chain(missing.map(|operation| (operation.clone(), FileFault::Missing))).collect()
}

fn count(answers: &ByOperation) -> u64 {
    answers.values().map(|entries| entries.len() as u64).sum()
}

fn tell_of(leftovers: &[Leftover]) {
    for left in leftovers {
        anstream::eprintln!("left behind: {} {}: {}", left.kind, plain(&left.id), plain(&left.why));
    }
}
