//! `eipcheck spec`: checks, lists and shows the law; what it does with documents stands in [`super::document`].

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand, ValueEnum};
use miette::{Diagnostic, IntoDiagnostic, Result, miette};
use owo_colors::OwoColorize;
use schemars::{Schema, schema_for};
use serde_json::{Value, json};

use super::{LawArgs, complain, document, print_json, progress::Progress};
use eipcheck::{
    exit::Exit,
    oracle::RuleSet,
    report::{
        data::Report,
        journal,
        lock::files::{Answers, Suite},
        trace,
    },
    run::suite::{plan_afresh, plan_wanted},
    scenario::{
        planned::{self, Plans},
        written::ScenarioFile,
    },
    spec::{
        SpecError, SpecErrors,
        file::Accepted,
        law::{Law, Open, Operation, RuleIx},
        load::{self, SpecSource},
        schema,
    },
};

/// Check, list and show the law.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck spec list\n  \
    eipcheck spec check my-law")]
pub struct SpecArgs {
    #[command(subcommand)]
    command: SpecCommand,
}

#[derive(Debug, Subcommand)]
enum SpecCommand {
    /// Refuse a broken law: unknown names, ill-typed expressions, contradictions, rules that nothing can reach.
    #[command(after_help = "Examples:\n  \
        eipcheck spec check\n  \
        eipcheck spec check my-law --json")]
    Check {
        /// The folder with the spec files; the built-in law unless given.
        dir: Option<PathBuf>,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the rules, the open questions and the readings.
    #[command(after_help = "Examples:\n  \
        eipcheck spec list\n  \
        eipcheck spec list --specs my-law --json")]
    List {
        #[command(flatten)]
        law: LawArgs,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one rule, or one open question: its statement, source, codes, and how it is reached.
    #[command(after_help = "Examples:\n  \
        eipcheck spec show RULE\n  \
        eipcheck spec show RULE --specs my-law --json")]
    Show {
        /// The id of the rule or the open question.
        #[arg(value_name = "ID")]
        rule: String,
        #[command(flatten)]
        law: LawArgs,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Plan the suite, and print it: a line for each rule, with the steps that exercise it. Kept as `suite.jsonl` beside the
    /// law, it need not be planned at each run; once the law is changed, it is no longer used.
    #[command(after_help = "Examples:\n  \
        eipcheck spec plan --specs my-law > suite.jsonl && mv suite.jsonl my-law\n  \
        eipcheck spec plan --cloud ec2 | grep RULE")]
    Plan {
        #[command(flatten)]
        law: LawArgs,
    },
    /// Print what a provider's document says, as the beginning of a spec.
    #[command(after_help = "Examples:\n  \
        eipcheck spec derive page.txt\n  \
        eipcheck spec derive service-2.json.gz --operation NAME --json")]
    Derive(document::DeriveArgs),
    /// Hold the law against providers' documents: what differs, and what was left out.
    #[command(after_help = "Examples:\n  \
        eipcheck spec diff page.txt\n  \
        eipcheck spec diff service-2.json.gz --json\n\n\
        Exit codes: 0 they agree, 1 they differ, 2 a document or the law cannot be read.")]
    Diff(document::DocumentsArgs),
    /// Show, paragraph by paragraph, which rules rest on a document.
    #[command(after_help = "Examples:\n  \
        eipcheck spec cover page.txt\n  \
        eipcheck spec cover --cloud ec2")]
    Cover(document::CoverArgs),
    /// Print the JSON Schema of a kind of file: of the law, for editors, or of what eipcheck writes, for programs.
    #[command(after_help = "Examples:\n  \
        eipcheck spec schema operation > operation.schema.json")]
    Schema {
        /// Which kind of file.
        #[arg(value_enum)]
        file: FileKind,
    },
}

/// A kind of file that has a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FileKind {
    /// `cloud.toml`.
    Cloud,
    /// `resources.toml`.
    Resources,
    /// `operations/NAME.toml`.
    Operation,
    /// `facts.toml`.
    Facts,
    /// `documents.toml`.
    Documents,
    /// A line of `suite.jsonl`, of a law, but for the first.
    Suite,
    /// `scenario.json`, of a finding.
    Scenario,
    /// `report.json`, of a run.
    Report,
    /// A line of `trace.jsonl`, of a run.
    Trace,
    /// A line of `journal.jsonl`, of a run.
    Journal,
    /// `suite.json`, of a recorded wire format.
    WireSuite,
    /// `OPERATION.toml`, of a recorded wire format.
    WireAnswers,
}

impl FileKind {
    fn schema(self) -> Schema {
        match self {
            FileKind::Cloud => schema::schema(schema::FileKind::Cloud),
            FileKind::Resources => schema::schema(schema::FileKind::Resources),
            FileKind::Operation => schema::schema(schema::FileKind::Operation),
            FileKind::Facts => schema::schema(schema::FileKind::Facts),
            FileKind::Documents => schema::schema(schema::FileKind::Documents),
            FileKind::Suite => schema_for!(planned::PlanFile),
            FileKind::Scenario => schema_for!(ScenarioFile),
            FileKind::Report => schema_for!(Report),
            FileKind::Trace => schema_for!(trace::Line),
            FileKind::Journal => schema_for!(journal::Line),
            FileKind::WireSuite => schema_for!(Suite),
            FileKind::WireAnswers => schema_for!(Answers),
        }
    }
}

/// Does it.
///
/// # Errors
///
/// The law is broken, or there is no such rule.
pub fn execute(args: SpecArgs) -> Result<Exit> {
    match args.command {
        SpecCommand::Check { dir, json } => check(dir, json),
        SpecCommand::List { law, json } => list(&law.load()?, json),
        SpecCommand::Show { rule, law, json } => show(law.load()?, &rule, json),
        SpecCommand::Plan { law } => plan(&Arc::new(law.load()?)),
        SpecCommand::Derive(args) => document::derive(&args),
        SpecCommand::Diff(args) => document::diff(&args),
        SpecCommand::Cover(args) => document::cover(&args),
        SpecCommand::Schema { file } => {
            print_json(&file.schema())?;
            Ok(Exit::Conforms)
        }
    }
}

fn check(dir: Option<PathBuf>, as_json: bool) -> Result<Exit> {
    let source = dir.map_or(SpecSource::BuiltIn, SpecSource::Folder);
    let mut results = Vec::new();
    let mut sound = true;
    let clouds = match load::clouds(&source) {
        Ok(clouds) => clouds,
        Err(errors) if as_json => {
            print_json(&json!([broken(None, &errors)]))?;
            return Ok(Exit::Usage);
        }
        Err(errors) => return Err(errors.into()),
    };
    for cloud in clouds {
        let law = match load::load(&source, &cloud, &[]) {
            Ok(law) => Arc::new(law),
            Err(errors) => {
                sound = false;
                results.push(broken(Some(&cloud), &errors));
                if !as_json {
                    complain(&errors.into());
                }
                continue;
            }
        };
        let all: RuleSet = law.rules().map(|(ix, _)| ix).collect();
        let plans = search(&law, &all, as_json);
        let (up_to_target, missed): (Vec<RuleIx>, Vec<RuleIx>) =
            all.iter().filter(|ix| !plans.contains_key(ix)).partition(|ix| law.is_up_to_target(*ix));
        let unreached: Vec<&str> = missed.into_iter().map(|ix| &*law[ix].id).collect();
        sound &= unreached.is_empty();
        let (operations, rules) = (law.operations.len(), law.rules.len());
        results.push(json!({
            "cloud": cloud,
            "sound": unreached.is_empty(),
            "errors": [],
            "unreached": unreached,
            "up_to_target": up_to_target.iter().map(|ix| &*law[*ix].id).collect::<Vec<_>>(),
            "operations": operations,
            "rules": rules,
            "readings": law.readings.len(),
            "facts": law.facts.len(),
            "digest": law.digest,
        }));
        if as_json {
            continue;
        }
        if unreached.is_empty() {
            let but = match up_to_target.len() {
                0 => String::new(),
                some => format!(" but {some} about codes that are up to the target"),
            };
            let digest = &law.digest;
            anstream::println!("{cloud}: {operations} operations, {rules} rules, each reached{but}; digest {digest}");
        } else {
            let help = "give a parameter examples, or an operation that leads there, or list it as open";
            let list = unreached.join("\n");
            complain(&miette!(help = help, "{cloud}: no sequence of requests exercises\n{list}"));
        }
    }
    if as_json {
        print_json(&results)?;
    }
    Ok(if sound { Exit::Conforms } else { Exit::Usage })
}

fn plan(law: &Arc<Law>) -> Result<Exit> {
    let progress = Progress::new();
    let all: RuleSet = law.rules().map(|(ix, _)| ix).collect();
    let plans = plan_afresh(law, &all, &|left, of| {
        progress.planning(left, of);
        true
    });
    drop(progress);
    planned::write(law, &plans, anstream::stdout().lock()).into_diagnostic()?;
    Ok(Exit::Conforms)
}

/// Searches for sequences, and shows how far it is unless it is for programs.
pub fn search(law: &Arc<Law>, wanted: &RuleSet, quiet: bool) -> Plans {
    let progress = (!quiet).then(Progress::new);
    plan_wanted(law, wanted, &|left, of| {
        if let Some(progress) = &progress {
            progress.planning(left, of);
        }
        true
    })
}

/// What is wrong with a law, for programs.
fn broken(cloud: Option<&str>, errors: &SpecErrors) -> Value {
    let error = |error: &SpecError| {
        let place = error.place();
        let (line, column) = place.map(|p| p.line_and_column()).unzip();
        json!({
            "kind": error.problem().kind(),
            "message": error.to_string(),
            "file": place.map(|p| p.path()),
            "line": line,
            "column": column,
            "help": error.help().map(|help| help.to_string()),
        })
    };
    json!({ "cloud": cloud, "sound": false, "errors": errors.iter().map(error).collect::<Vec<_>>() })
}

/// A rule, for programs.
pub fn rule_json(law: &Law, ix: RuleIx) -> Value {
    let rule = &law[ix];
    json!({
        "id": rule.id,
        "level": rule.level,
        "demand": rule.demand,
        "says": rule.says,
        "source": rule.source,
        "operation": rule.operation.map(|o| law[o].name.clone()),
        "codes": law.refusal(ix).map(|refusal| &refusal.codes[..]),
        "under": rule.under,
        "observed": rule.observed,
        "up_to_target": law.is_up_to_target(ix),
    })
}

fn open_json(operation: &Operation, open: &Open) -> Value {
    json!({
        "id": open.id,
        "says": open.says,
        "because": open.because,
        "operation": operation.name,
        "either": open.guard.expr.source(),
        "accepted": open.accepted,
    })
}

fn list(law: &Law, as_json: bool) -> Result<Exit> {
    if as_json {
        print_json(&json!({
            "cloud": law.cloud,
            "digest": law.digest,
            "rules": law.rules().map(|(ix, _)| rule_json(law, ix)).collect::<Vec<_>>(),
            "open": law.open().map(|(operation, open)| open_json(operation, open)).collect::<Vec<_>>(),
            "readings": law.readings,
            "facts": law.facts,
        }))?;
        return Ok(Exit::Conforms);
    }
    anstream::println!("{}", format!("{}: {} rules", law.title, law.rules.len()).bold());
    let ids = law.rules.iter().map(|r| &r.id).chain(law.open().map(|(_, open)| &open.id));
    let width = ids.map(|id| id.len()).max().unwrap_or(0).min(60);
    for rule in &law.rules {
        anstream::println!("{:<width$}  {:<7}  {}", rule.id, rule.level.name(), rule.says);
    }
    if law.open().next().is_some() {
        anstream::println!("\n{}", "Open questions: either answer is right".bold());
    }
    for (_, open) in law.open() {
        anstream::println!("{:<width$}  open     {}", open.id, open.says);
    }
    if !law.readings.is_empty() {
        anstream::println!("\n{}", "Readings".bold());
    }
    for reading in &law.readings {
        anstream::println!("{}: {}", reading.name.bold(), reading.question);
        for (choice, meaning) in &reading.choices {
            let mark = if *choice == reading.choice { "*" } else { " " };
            anstream::println!("  {mark} {choice}: {meaning}");
        }
        anstream::println!("    the default is {}: {}", reading.default, reading.because);
    }
    Ok(Exit::Conforms)
}

fn show(law: Law, id: &str, as_json: bool) -> Result<Exit> {
    if let Some((operation, open)) = law.open().find(|(_, open)| *open.id == *id) {
        return show_open(operation, open, as_json);
    }
    let Some(ix) = law.rule(id) else {
        return Err(miette!(help = nearest(&law, id), "the law has no rule and no open question {id}"));
    };
    let law = Arc::new(law);
    let plans = search(&law, &std::iter::once(ix).collect(), as_json);
    let rule = &law[ix];
    let steps: Vec<String> = plans.get(&ix).into_iter().flatten().map(|step| step.display(&law)).collect();
    if as_json {
        let mut value = rule_json(&law, ix);
        value["scenario"] = json!(steps);
        print_json(&value)?;
        return Ok(Exit::Conforms);
    }
    anstream::println!("{}  {}", rule.id.bold(), rule.level.name());
    anstream::println!("  {}", rule.says);
    anstream::println!("  source: {}, {}", rule.source.title, rule.source.at);
    if let Some(refusal) = law.refusal(ix) {
        let codes = if refusal.codes.is_empty() { "any client error".to_owned() } else { refusal.codes.join(", ") };
        let apart = refusal.code_rule.filter(|code| *code != ix).map(|code| &law[code]);
        let apart = apart.map(|rule| format!(" (a rule of their own: {}, {})", rule.id, rule.level.name()));
        anstream::println!("  codes: {codes}{}", apart.unwrap_or_default());
    }
    if let Some(under) = &rule.under {
        anstream::println!("  reading: {under}");
    }
    if let Some(observed) = &rule.observed {
        anstream::println!("  the real service: {observed}");
    }
    if law.is_up_to_target(ix) {
        anstream::println!(
            "  no request is sure to be refused with this code: it is judged where a target answers with it"
        );
    } else if steps.is_empty() {
        anstream::println!("  no sequence of requests was found that exercises it");
    } else {
        anstream::println!("  how it is exercised:");
    }
    for (number, step) in steps.iter().enumerate() {
        anstream::println!("   {:>2}. {step}", number + 1);
    }
    Ok(Exit::Conforms)
}

fn show_open(operation: &Operation, open: &Open, as_json: bool) -> Result<Exit> {
    if as_json {
        print_json(&open_json(operation, open))?;
        return Ok(Exit::Conforms);
    }
    anstream::println!("{}  open", open.id.bold());
    anstream::println!("  {}", open.says);
    anstream::println!("  why nothing is demanded: {}", open.because);
    anstream::println!("  {} when {}", operation.name, open.guard.expr.source());
    let afterwards = match open.accepted {
        Accepted::AsUsual => "as after any other such request",
        Accepted::Unknown => "nobody knows, so a scenario ends there",
    };
    anstream::println!("  once it is accepted: {afterwards}");
    Ok(Exit::Conforms)
}

/// The law that has a rule, and the rule: of all clouds, unless the user names one.
///
/// # Errors
///
/// The law is broken, or none has such a rule.
pub fn find_rule(args: &LawArgs, id: &str) -> Result<(Law, RuleIx)> {
    let laws = args.load_all()?;
    let hint = laws.first().map(|law| nearest(law, id)).unwrap_or_default();
    let mut found = laws.into_iter().filter_map(|law| law.rule(id).map(|ix| (law, ix)));
    found.next().ok_or_else(|| miette!(help = hint, "no law has a rule {id}"))
}

/// A hint at the id that was probably meant, if one comes near.
fn nearest(law: &Law, id: &str) -> String {
    let ids = law.rules.iter().map(|r| &r.id).chain(law.open().map(|(_, open)| &open.id));
    let near = ids.map(|known| (strsim::damerau_levenshtein(known, id), known)).min();
    match near.filter(|(distance, known)| *distance <= 1 + id.len().max(known.len()) / 4) {
        Some((_, known)) => format!("did you mean {known}? `eipcheck spec list` shows them all"),
        None => "`eipcheck spec list` shows them all".to_owned(),
    }
}
