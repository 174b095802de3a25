//! `eipcheck explain`: a rule in full, with an answer that keeps it and one that breaks it.

use std::sync::Arc;

use clap::Args;
use miette::Result;
use owo_colors::OwoColorize;
use serde_json::json;

use super::{
    LawArgs, print_json,
    spec::{find_rule, rule_json, search},
};
use eipcheck::{
    exit::Exit,
    oracle::judge::describe,
    report::terminal::plain,
    scenario::{
        atlas::Atlas,
        example::{Example, example},
    },
    spec::law::{Law, RuleIx},
    wire::{self, Answer, Body, Style},
};

/// Explain a rule: what it says, where that is said, how it is read, and an answer that keeps it and one that breaks it.
///
/// The examples are worked out from the law: the suite's scenario for the rule, with the answer that the reference gives,
/// and with one that the law forbids. Nothing is sent.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck explain RULE\n  \
    eipcheck explain RULE --reading NAME=CHOICE --json")]
pub struct ExplainArgs {
    /// The id of the rule.
    #[arg(value_name = "RULE")]
    rule: String,
    #[command(flatten)]
    law: LawArgs,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Explains it.
///
/// # Errors
///
/// The law is broken, or no law has such a rule.
pub fn execute(args: &ExplainArgs) -> Result<Exit> {
    let (law, ix) = find_rule(&args.law, &args.rule)?;
    let law = Arc::new(law);
    let steps = search(&law, &std::iter::once(ix).collect(), args.json).remove(&ix).unwrap_or_default();
    let atlas = Atlas::new(&law, |_| true);
    let shown = example(&law, &atlas, ix, &steps);
    let steps: Vec<String> = steps.iter().map(|step| step.display(&law)).collect();
    if args.json {
        print_json(&as_json(&law, ix, &steps, shown.as_ref()))?;
    } else {
        print(&law, ix, &steps, shown.as_ref());
    }
    Ok(Exit::Conforms)
}

fn as_json(law: &Law, ix: RuleIx, steps: &[String], example: Option<&Example>) -> serde_json::Value {
    let mut value = rule_json(law, ix);
    value["scenario"] = json!(steps);
    let reading = law[ix].under.as_deref().and_then(|under| reading(law, under));
    value["reading"] = json!(reading);
    value["request"] = json!(example.map(|e| e.call.display(law)));
    value["passing"] = json!(example.map(|e| json!({ "is": describe(&e.right), "body": body(law, e, &e.right) })));
    value["failing"] = json!(example.and_then(|e| e.wrong.as_ref().map(|(answer, violation)| {
        json!({ "is": violation.came, "allowed": violation.allowed, "body": body(law, e, answer) })
    })));
    value
}

/// What the choice in force of a reading means.
fn reading(law: &Law, under: &str) -> Option<String> {
    let name = under.split('=').next().unwrap_or(under);
    let reading = law.readings.iter().find(|r| r.name == name)?;
    let meaning = reading.choices.iter().find(|(choice, _)| *choice == reading.choice).map(|(_, meaning)| meaning)?;
    Some(format!("{} {}: {meaning}", reading.question, reading.choice))
}

fn print(law: &Law, ix: RuleIx, steps: &[String], example: Option<&Example>) {
    let rule = &law[ix];
    anstream::println!("{}  {}", rule.id.bold(), rule.level.name());
    anstream::println!("  {}", rule.says);
    anstream::println!("  source: {}, {}", rule.source.title, rule.source.at);
    if let Some(refusal) = law.refusal(ix) {
        let codes = if refusal.codes.is_empty() { "any client error".to_owned() } else { refusal.codes.join(", ") };
        anstream::println!("  codes: {codes}");
    }
    match rule.under.as_deref() {
        Some(under) => anstream::println!("  reading in force: {}", reading(law, under).unwrap_or(under.to_owned())),
        None => anstream::println!("  it depends on no reading"),
    }
    if let Some(observed) = &rule.observed {
        anstream::println!("  the real service: {observed}");
    }
    anstream::println!("\n{}", "The suite's scenario for it".bold());
    for (place, step) in steps.iter().enumerate() {
        anstream::println!("  {:>2}. {}", place + 1, plain(step));
    }
    let Some(example) = example else {
        anstream::println!("  no single answer shows it");
        return;
    };
    if steps.last().is_some_and(|last| *last != example.call.display(law)) {
        anstream::println!("      then {}", example.call.display(law));
    }
    anstream::println!("\n{} {}", "Kept by".green().bold(), describe(&example.right));
    indented(&body(law, example, &example.right));
    match &example.wrong {
        Some((answer, violation)) => {
            anstream::println!("\n{} {}", "Broken by".red().bold(), violation.came);
            anstream::println!("  the law allows: {}", violation.allowed);
            indented(&body(law, example, answer));
        }
        None => anstream::println!("\nNo single answer in its place breaks it: it takes several looks to see that."),
    }
}

fn indented(text: &str) {
    for line in text.lines() {
        anstream::println!("    {}", plain(line));
    }
}

/// The body of an answer as a server would write it.
fn body(law: &Law, example: &Example, answer: &Answer) -> String {
    let style = Style { json: true, host: "server".to_owned() };
    let id = answer.request_id.as_deref().unwrap_or("00000000-0000-0000-0000-000000000000");
    let bytes = match &answer.body {
        Body::Success(tree) => wire::encode_success(law, &style, example.request.operation, id, tree),
        Body::Error { code, message } => wire::encode_error(law, &style, id, code, message),
        Body::Unreadable { .. } => return String::new(),
    };
    String::from_utf8_lossy(&bytes).into_owned()
}
