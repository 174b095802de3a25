//! `eipcheck spec derive`, `diff` and `cover`: the law and the documents that it is made from.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use miette::{Result, miette};
use owo_colors::OwoColorize;
use serde_json::json;

use super::print_json;
use eipcheck::{
    document::{
        Document, DocumentError, LARGEST, Operation,
        compare::Difference,
        cover,
        cover::{Covered, Standing},
        derive as text,
        diff::{self, Diff},
        statute::Statute,
    },
    exit::Exit,
    spec::load::{self, SpecSource},
};

/// Which law; the readings do not matter here, because all that is written counts.
#[derive(Debug, Args)]
pub struct WhichArgs {
    /// The cloud whose law is meant; the one that the document is about unless given.
    #[arg(long, value_name = "NAME")]
    cloud: Option<String>,
    /// A folder with a law of your own, instead of the built-in one.
    #[arg(long, value_name = "DIR")]
    specs: Option<PathBuf>,
}

/// `spec derive`.
#[derive(Debug, Args)]
pub struct DeriveArgs {
    /// A boto3 reference page, an Alibaba Cloud API page, a botocore service model (also .gz), or OpenAPI metadata.
    document: PathBuf,
    /// Which operation of a model. May be given several times.
    #[arg(long, value_name = "NAME")]
    operation: Vec<String>,
    /// Print the wording of all that is said, for documents.toml.
    #[arg(long, conflicts_with = "json")]
    fingerprints: bool,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// `spec diff`.
#[derive(Debug, Args)]
pub struct DocumentsArgs {
    /// The documents.
    #[arg(required = true)]
    documents: Vec<PathBuf>,
    #[command(flatten)]
    which: WhichArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// `spec cover`.
#[derive(Debug, Args)]
pub struct CoverArgs {
    /// The documents. Without any, the places that the law names in its documents are listed, without their words.
    documents: Vec<PathBuf>,
    #[command(flatten)]
    which: WhichArgs,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

impl WhichArgs {
    /// Every law that may be meant.
    fn load(&self) -> Result<Vec<Statute>> {
        let source = self.specs.as_ref().map_or(SpecSource::BuiltIn, |dir| SpecSource::Folder(dir.clone()));
        let clouds = match &self.cloud {
            Some(cloud) => vec![cloud.clone()],
            None => load::clouds(&source)?,
        };
        let load = |cloud: &String| Statute::load(&source, cloud);
        Ok(clouds.iter().map(load).collect::<Result<_, _>>()?)
    }
}

/// Reads a document.
fn read(path: &Path) -> Result<Document> {
    let name = path.display().to_string();
    let wrong = |e: std::io::Error| miette!("{name} cannot be read: {e}");
    let mut bytes = Vec::new();
    File::open(path).map_err(wrong)?.take(LARGEST + 1).read_to_end(&mut bytes).map_err(wrong)?;
    Ok(Document::parse(&name, &bytes)?)
}

/// The law that a document is about.
fn meant<'s>(laws: &'s [Statute], document: &Document) -> Result<&'s Statute> {
    let operations = document.operations();
    let suits = |law: &&Statute| law.suits(document) && operations.iter().any(|name| law.operation(name).is_some());
    if let Some(law) = laws.iter().find(suits) {
        return Ok(law);
    }
    let of = match &operations[..] {
        [one] => format!("the operation {one}"),
        several => format!("any of the {} operations", several.len()),
    };
    let clouds: Vec<&str> = laws.iter().map(|law| &*law.law.cloud).collect();
    let help = "is it a page of another operation, or of another cloud?";
    Err(miette!(help = help, "{}: no law has {of} that it is about ({})", document.name, clouds.join(", ")))
}

/// Prints what a document says.
///
/// # Errors
///
/// The document cannot be read, or does not have the operation.
pub fn derive(args: &DeriveArgs) -> Result<Exit> {
    let document = read(&args.document)?;
    let known = document.operations();
    let wanted: Vec<&str> = match (&args.operation[..], &known[..]) {
        ([], [one]) => vec![one],
        ([], several) => {
            let help = "pick some with --operation";
            return Err(miette!(help = help, "{} is about {} operations", document.name, several.len()));
        }
        (wanted, _) => wanted.iter().map(String::as_str).collect(),
    };
    let mut found: Vec<Operation> = Vec::new();
    for name in wanted {
        found.push(document.operation(name)?.ok_or_else(|| not_there(&document, name))?);
    }
    if args.json {
        print_json(&json!({ "document": document.name, "format": document.format, "operations": found }))?;
        return Ok(Exit::Conforms);
    }
    for operation in &found {
        match args.fingerprints {
            true => anstream::print!("{}", text::fingerprints(operation)),
            false => anstream::print!("{}", text::skeleton(&document, operation)),
        }
    }
    Ok(Exit::Conforms)
}

fn not_there(document: &Document, name: &str) -> miette::Report {
    let near = document.operations().into_iter().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
    let help = near.map_or_else(String::new, |(_, known)| format!("did you mean {known}?"));
    miette!(help = help, "{} has no operation {name}", document.name)
}

/// Holds the law against documents.
///
/// # Errors
///
/// A document or the law cannot be read, or a document is about nothing that the law has.
pub fn diff(args: &DocumentsArgs) -> Result<Exit> {
    let laws = args.which.load()?;
    let mut results: Vec<Diff> = Vec::new();
    for path in &args.documents {
        let document = read(path)?;
        results.push(diff::diff(meant(&laws, &document)?, &document)?);
    }
    let agree = results.iter().all(|result| result.differences.is_empty());
    if args.json {
        print_json(&json!({ "agree": agree, "documents": results }))?;
    } else {
        results.iter().for_each(show_diff);
    }
    Ok(if agree { Exit::Conforms } else { Exit::Violations })
}

fn show_diff(result: &Diff) {
    let of = match &result.operations[..] {
        [one] => one.clone(),
        several => format!("{} operations", several.len()),
    };
    let departures = match result.departures {
        0 => String::new(),
        1 => ", but for a departure that the law states".to_owned(),
        several => format!(", but for {several} departures that the law states"),
    };
    let verdict = match result.differences.len() {
        0 => format!("agrees with the law{departures}"),
        1 => format!("1 difference{departures}"),
        several => format!("{several} differences{departures}"),
    };
    anstream::println!("{}: {} of {}, {verdict}", result.document.bold(), of, result.cloud);
    for difference in &result.differences {
        show_difference(difference);
    }
    if let Some((left, why)) = &result.left_out {
        anstream::println!("  {left} passages of its prose were not looked at: {why}");
    }
}

fn show_difference(difference: &Difference) {
    let Difference { operation, spot, aspect, says, document: at, law } = difference;
    let aspect = if aspect.is_empty() { String::new() } else { format!(", {aspect}") };
    anstream::println!("  {} {}{aspect}: {says}", operation.bold(), spot);
    if let Some(at) = at {
        anstream::println!("      in the document: {at}");
    }
    if let Some(law) = law {
        anstream::println!("      in the law:      {law}");
    }
}

/// Shows which rules rest on which paragraph.
///
/// # Errors
///
/// A document or the law cannot be read, or a document is about nothing that the law has.
pub fn cover(args: &CoverArgs) -> Result<Exit> {
    let laws = args.which.load()?;
    if args.documents.is_empty() {
        return places(&laws, args.json);
    }
    let mut results = Vec::new();
    for path in &args.documents {
        let document = read(path)?;
        let law = meant(&laws, &document)?;
        let covered = covered(law, &document)?;
        if !args.json {
            show_cover(&document, &covered);
        }
        results.push(json!({ "document": document.name, "cloud": law.law.cloud, "passages": covered }));
    }
    if args.json {
        print_json(&results)?;
    }
    Ok(Exit::Conforms)
}

/// Every passage of a document about the operations that the law has.
fn covered(law: &Statute, document: &Document) -> Result<Vec<Covered>, DocumentError> {
    let mut all = Vec::new();
    for (_, operation) in &law.files.operations {
        if let Some(said) = document.operation(&operation.operation)? {
            let entry = law.page(operation).or_else(|| law.tables(operation, document.format));
            all.extend(cover::cover(law, operation, &said, entry));
        }
    }
    Ok(all)
}

fn show_cover(document: &Document, covered: &[Covered]) {
    anstream::println!("{}", document.name.bold());
    let mut operation = "";
    for passage in covered {
        if passage.operation != operation {
            operation = &passage.operation;
            anstream::println!("{operation}");
        }
        anstream::println!("  {:<28}  {}", passage.spot.to_string(), passage.first_words);
        match &passage.standing {
            Standing::Law => anstream::println!("      rests on it: {}", passage.by.join(", ")),
            Standing::General(class) => anstream::println!("      says nothing about the law: `{class}` in cloud.toml"),
            Standing::Excused(why) => anstream::println!("      left out: {why}"),
            Standing::Plain => {}
            Standing::Missing => anstream::println!("      {}", "nothing in the law knows of it".bold()),
        }
    }
    let missing = covered.iter().filter(|c| c.standing == Standing::Missing).count();
    let count = |wanted: fn(&Standing) -> bool| covered.iter().filter(|c| wanted(&c.standing)).count();
    anstream::println!(
        "{} passages: {} in the law, {} left out for a reason, {missing} that nothing knows of, {} that say nothing like a rule",
        covered.len(),
        count(|s| matches!(s, Standing::Law | Standing::General(_))),
        count(|s| matches!(s, Standing::Excused(_))),
        count(|s| *s == Standing::Plain),
    );
}

/// The places that the law names in its texts, without the texts.
fn places(laws: &[Statute], as_json: bool) -> Result<Exit> {
    let mut all = Vec::new();
    for law in laws {
        for (key, entry) in law.entries() {
            let resting: Vec<_> = law.resting(key).into_iter().collect();
            let excused = law.excused(entry);
            if !as_json {
                anstream::println!("{} ({})", key.bold(), law.law.cloud);
                for (spot, by) in &resting {
                    let mut ids: Vec<&str> = by.iter().map(|c| &*c.by).collect();
                    ids.dedup();
                    anstream::println!("  {:<28}  {}", spot.to_string(), ids.join(", "));
                }
                for (spot, _, why) in &excused {
                    anstream::println!("  {:<28}  left out: {why}", spot.to_string());
                }
            }
            let resting: Vec<_> = resting
                .iter()
                .map(|(spot, by)| json!({ "spot": spot, "by": by.iter().map(|c| &c.by).collect::<Vec<_>>() }))
                .collect();
            let excused: Vec<_> =
                excused.iter().map(|(spot, _, why)| json!({ "spot": spot, "because": why })).collect();
            all.push(json!({ "text": key, "cloud": law.law.cloud, "law": resting, "excused": excused }));
        }
    }
    if as_json {
        print_json(&all)?;
    }
    Ok(Exit::Conforms)
}
