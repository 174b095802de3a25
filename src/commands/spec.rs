//! `eipcheck spec`: checks, lists and shows the law.

use std::{path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};
use miette::{Result, miette};
use owo_colors::OwoColorize;
use serde_json::json;

use super::{LawArgs, print_json};
use eipcheck::{
    exit::Exit,
    run::suite::plan_everything,
    spec::{
        law::{Law, Rule},
        load::{self, SpecSource},
        schema,
    },
};

/// Check, list and show the law.
#[derive(Debug, Args)]
pub struct SpecArgs {
    #[command(subcommand)]
    command: SpecCommand,
}

#[derive(Debug, Subcommand)]
enum SpecCommand {
    /// Refuse a broken law: unknown names, ill-typed expressions, contradictions, rules that nothing can reach.
    Check {
        /// The folder with the spec files; the built-in law unless given.
        dir: Option<PathBuf>,
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the rules and readings.
    List {
        #[command(flatten)]
        law: LawArgs,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one rule: its statement, source, codes, and how it is reached.
    Show {
        /// The rule's id.
        rule: String,
        #[command(flatten)]
        law: LawArgs,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of a kind of spec file, for editors.
    Schema {
        /// Which kind of file.
        #[arg(value_enum)]
        file: schema::FileKind,
    },
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
        SpecCommand::Schema { file } => {
            print_json(&schema::schema(file))?;
            Ok(Exit::Conforms)
        }
    }
}

fn check(dir: Option<PathBuf>, as_json: bool) -> Result<Exit> {
    let source = dir.map_or(SpecSource::BuiltIn, SpecSource::Folder);
    let mut results = Vec::new();
    for cloud in load::clouds(&source)? {
        let law = Arc::new(load::load(&source, &cloud, &[])?);
        let plans = plan_everything(&law);
        let unreached: Vec<&str> =
            law.rules().filter(|(ix, _)| !plans.contains_key(ix)).map(|(_, rule)| &*rule.id).collect();
        if !unreached.is_empty() {
            let help = "give a parameter examples, or an operation that leads there, or list it as open";
            return Err(miette!(help = help, "{cloud}: no sequence of requests exercises\n{}", unreached.join("\n")));
        }
        let (operations, rules) = (law.operations.len(), law.rules.len());
        results.push(json!({
            "cloud": cloud,
            "operations": operations,
            "rules": rules,
            "readings": law.readings.len(),
            "facts": law.facts.len(),
            "digest": law.digest,
        }));
        if !as_json {
            anstream::println!("{cloud}: {operations} operations, {rules} rules, each reached; digest {}", law.digest);
        }
    }
    if as_json {
        print_json(&results)?;
    }
    Ok(Exit::Conforms)
}

fn rule_json(law: &Law, rule: &Rule) -> serde_json::Value {
    json!({
        "id": rule.id,
        "level": rule.level,
        "demand": rule.demand,
        "says": rule.says,
        "source": rule.source,
        "operation": rule.operation.map(|o| law[o].name.clone()),
        "under": rule.under,
        "observed": rule.observed,
    })
}

fn list(law: &Law, as_json: bool) -> Result<Exit> {
    if as_json {
        print_json(&json!({
            "cloud": law.cloud,
            "digest": law.digest,
            "rules": law.rules.iter().map(|r| rule_json(law, r)).collect::<Vec<_>>(),
            "readings": law.readings,
            "facts": law.facts,
        }))?;
        return Ok(Exit::Conforms);
    }
    anstream::println!("{}", format!("{}: {} rules", law.title, law.rules.len()).bold());
    let width = law.rules.iter().map(|r| r.id.len()).max().unwrap_or(0).min(60);
    for rule in &law.rules {
        let level = format!("{:?}", rule.level).to_lowercase();
        anstream::println!("{:<width$}  {level:<7}  {}", rule.id, rule.says);
    }
    anstream::println!("\n{}", "Readings".bold());
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
    let Some(ix) = law.rule(id) else {
        let near = strsim_nearest(&law, id);
        return Err(miette!(help = near, "the law has no rule {id}"));
    };
    let law = Arc::new(law);
    let plans = plan_everything(&law);
    let rule = &law[ix];
    let steps: Vec<String> = plans
        .get(&ix)
        .into_iter()
        .flatten()
        .map(|step| match step {
            eipcheck::scenario::step::Step::Call(call) => call.display(&law),
            eipcheck::scenario::step::Step::Settle => "(wait until every change under way has happened)".to_owned(),
        })
        .collect();
    if as_json {
        let mut value = rule_json(&law, rule);
        value["scenario"] = json!(steps);
        print_json(&value)?;
        return Ok(Exit::Conforms);
    }
    anstream::println!("{}  {}", rule.id.bold(), format!("{:?}", rule.level).to_lowercase());
    anstream::println!("  {}", rule.says);
    anstream::println!("  source: {}, {}", rule.source.title, rule.source.at);
    if let Some(under) = &rule.under {
        anstream::println!("  reading: {under}");
    }
    if let Some(observed) = &rule.observed {
        anstream::println!("  the real service: {observed}");
    }
    anstream::println!("  how it is exercised:");
    for (number, step) in steps.iter().enumerate() {
        anstream::println!("   {:>2}. {step}", number + 1);
    }
    Ok(Exit::Conforms)
}

/// A hint at the id that was probably meant.
fn strsim_nearest(law: &Law, id: &str) -> String {
    let nearest = law.rules.iter().min_by_key(|r| strsim::damerau_levenshtein(&r.id, id));
    match nearest {
        Some(rule) => format!("did you mean {}? `eipcheck spec list` shows them all", rule.id),
        None => "this law has no rules at all".to_owned(),
    }
}
