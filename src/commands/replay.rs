//! `eipcheck replay`: plays a scenario that was written down, and says whether the rule is broken again.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use miette::{IntoDiagnostic, Result, miette};
use owo_colors::OwoColorize;
use url::Url;

use super::{
    LawArgs,
    progress::Progress,
    target::{TargetArgs, parse_url, until_interrupted, usable},
};
use eipcheck::{
    exit::Exit,
    report::terminal::{counted, plain},
    run::{
        Stop,
        replay::{Replayed, replay},
        session::Played,
    },
    scenario::written::{FILE, ScenarioFile},
    spec::law::{Law, RuleIx},
};

/// Play a scenario that was written down, and say whether the rule is broken again.
///
/// `eipcheck run` leaves one for each finding, in the folder `findings`. It is judged by the law of its cloud, under the
/// readings that were in force, unless others are chosen.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck replay eipcheck.out/findings/01-RULE http://127.0.0.1:5000\n  \
    eipcheck replay scenario.json http://127.0.0.1:5000 --times 3")]
pub struct ReplayArgs {
    /// The scenario, or the folder of a finding.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The server, as http://HOST:PORT; the embedded one unless given.
    #[arg(value_parser = parse_url)]
    url: Option<Url>,
    #[command(flatten)]
    law: LawArgs,
    /// How often to play it, each time from a clean start.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
    #[command(flatten)]
    target: TargetArgs,
}

/// Plays it.
///
/// # Errors
///
/// The file cannot be read, or does not fit the law.
pub fn execute(args: ReplayArgs) -> Result<Exit> {
    let path = if args.file.is_dir() { args.file.join(FILE) } else { args.file };
    let file = ScenarioFile::read(&path).into_diagnostic()?;
    let mut chosen = args.law;
    chosen.cloud.get_or_insert_with(|| file.cloud.clone());
    if chosen.cloud.as_ref() != Some(&file.cloud) {
        return Err(miette!("{} is about the cloud {}", path.display(), file.cloud));
    }
    for (name, choice) in &file.readings {
        if !chosen.readings.iter().any(|(own, _)| own == name) {
            chosen.readings.push((name.clone(), choice.clone()));
        }
    }
    let mut law = chosen.load()?;
    let written = file.fit(&law).map_err(|why| miette!("{} does not fit the law: {why}", path.display()))?;
    let (rule, steps) = (written.rule, written.steps.iter().map(|s| s.display(&law)).collect::<Vec<_>>());
    let options = args.target.options(args.url, &mut law)?;
    let law = Arc::new(law);
    let stop = Stop::default();
    let work = replay(law.clone(), written, args.times, options, Arc::new(Progress::new()), stop.clone());
    let Some(replayed) = usable(until_interrupted(&stop, work)?)? else { return Ok(Exit::Target) };
    show(&law, rule, &steps, &replayed);
    Ok(exit_of(&replayed))
}

/// What it means for whoever started it.
fn exit_of(replayed: &Replayed) -> Exit {
    if replayed.interrupted {
        Exit::Interrupted
    } else if replayed.played.iter().any(|played| !played.violations.is_empty()) {
        Exit::Violations
    } else if replayed.played.iter().all(|played| played.indeterminate.is_some()) {
        Exit::NothingChecked
    } else {
        Exit::Conforms
    }
}

fn show(law: &Law, rule: RuleIx, steps: &[String], replayed: &Replayed) {
    anstream::println!("{}  {}", law[rule].id.bold(), law[rule].level.name());
    anstream::println!("  {}", law[rule].says);
    for (place, step) in steps.iter().enumerate() {
        anstream::println!("   {:>2}. {}", place + 1, plain(step));
    }
    for (turn, played) in replayed.played.iter().enumerate() {
        let which = if replayed.played.len() > 1 { format!("[{}] ", turn + 1) } else { String::new() };
        show_one(law, rule, &which, played);
        for left in &played.leftovers {
            anstream::println!("  {which}left behind: {} {}: {}", left.kind, plain(&left.id), plain(&left.why));
        }
    }
    let (came, of) = (replayed.came_again(rule), replayed.played.len());
    let verdict = match came {
        _ if of == 0 => "it was not played".to_owned(),
        0 => "the rule was not broken".to_owned(),
        _ => format!("the rule was broken again, {came} of {}", counted(of as u64, "time")),
    };
    anstream::println!("{}", verdict.bold());
}

fn show_one(law: &Law, rule: RuleIx, which: &str, played: &Played) {
    for (violation, step) in &played.violations {
        let other = if violation.rule == rule { String::new() } else { format!(", {}", law[violation.rule].id) };
        anstream::println!("  {which}broken at step {step}{other}");
        anstream::println!("    allowed: {}\n    came:    {}", plain(&violation.allowed), plain(&violation.came));
    }
    match &played.indeterminate {
        Some(why) => anstream::println!("  {which}could not be judged to its end: {}", plain(why)),
        None if played.violations.is_empty() => anstream::println!("  {which}every answer is as the law wants it"),
        None => {}
    }
}
