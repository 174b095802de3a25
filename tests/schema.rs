//! The JSON Schemas say the same as the programs that read and write the files.

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use common::{ask, changed, ec2, lockers, run, text};
use eipcheck::{
    report::{data::Report, trace::Line},
    spec::{SpecSource, load},
};
use jsonschema::Validator;
use schemars::schema_for;
use serde_json::Value;

/// The schema that the program prints for a kind of file.
fn printed(kind: &str) -> Validator {
    let said = ask(&["spec", "schema", kind]).ends(0);
    let schema: Value = serde_json::from_str(&said.out).unwrap();
    jsonschema::meta::validate(&schema).unwrap_or_else(|e| panic!("the schema of {kind} is none: {e}"));
    jsonschema::validator_for(&schema).unwrap()
}

/// The schemas of all kinds of file.
fn schemas() -> BTreeMap<&'static str, Validator> {
    ["cloud", "resources", "facts", "documents", "operation"].into_iter().map(|kind| (kind, printed(kind))).collect()
}

/// The kind of a spec file.
fn kind_of(file: &str) -> &'static str {
    match file {
        "cloud.toml" => "cloud",
        "resources.toml" => "resources",
        "facts.toml" => "facts",
        "documents.toml" => "documents",
        _ => "operation",
    }
}

/// True if the loader takes what is in this folder for the law of the lockers.
fn is_loaded(law: &Path) -> bool {
    load(&SpecSource::Folder(law.to_owned()), "lockers", &[]).is_ok()
}

fn as_json(path: &Path) -> Value {
    toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The spec files of a law.
fn files(law: &Path) -> Vec<String> {
    let names = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(law.join(folder)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        entries.filter(|n| n.ends_with(".toml")).map(|n| format!("{folder}{n}")).collect()
    };
    let mut all = names("");
    all.extend(names("operations/"));
    all.sort();
    all
}

#[track_caller]
fn is_valid(validator: &Validator, value: &Value, name: &str) {
    let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(errors.is_empty(), "{name}:\n{}", errors.join("\n"));
}

#[test]
fn every_spec_file_is_valid_by_the_schema_of_its_kind() {
    let mut checked = 0;
    let schemas = schemas();
    let parcels = lockers().with_file_name("parcels");
    for law in [ec2(), lockers(), parcels] {
        for file in files(&law) {
            is_valid(&schemas[kind_of(&file)], &as_json(&law.join(&file)), &file);
            checked += 1;
        }
    }
    assert!(checked > 30, "only {checked} files were found");
}

/// A way to break the law of the lockers in its form: the file, what stands there, what shall stand there.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    ("an unknown key at the top", "cloud.toml", "title     =", "colour = \"red\"\ntitle     ="),
    ("an unknown key in a table", "resources.toml", "title     =", "colour = \"red\"\ntitle     ="),
    (
        "an unknown key of a rule",
        "operations/close_locker.toml",
        "says   = \"The locker is gone.\"",
        "say = \"a\"\nsays = \"a\"",
    ),
    ("an unknown key of a parameter", "operations/open_locker.toml", "max     = 9", "most = 9"),
    ("an unknown key of an effect", "operations/open_locker.toml", "as     = \"opened\"", "called = \"opened\""),
    ("an unknown table", "operations/open_locker.toml", "[input.Size]", "[inputs.Size]"),
    ("a text for a number", "cloud.toml", "format    = 1", "format = \"1\""),
    ("a number for a text", "cloud.toml", "region    = \"here-1\"", "region = 1"),
    (
        "a text for a list",
        "operations/close_locker.toml",
        "codes  = [\"LockerTooHeavy\"]",
        "codes = \"LockerTooHeavy\"",
    ),
    ("a text for a flag", "operations/close_locker.toml", "required = true", "required = \"true\""),
    ("a text for a limit", "operations/open_locker.toml", "max     = 9", "max = \"9\""),
    ("a number for an expression", "operations/open_locker.toml", "size = \"input.Size\"", "size = 3"),
    (
        "a token without a level",
        "cloud.toml",
        "[codes]",
        "[token]\nparameter = \"Once\"\nsource = { text = \"guide\", at = \"a\" }\n\n[codes]",
    ),
    (
        "a demand on tokens that there is not",
        "operations/open_locker.toml",
        "[input.Size]",
        "[token]\nrepeat = \"perhaps\"\n\n[input.Size]",
    ),
    ("no protocol", "cloud.toml", "protocol  = \"ec2-query\"\n", ""),
    ("a product without a version", "cloud.toml", "version = \"2026-01-01\"\n", ""),
    ("no product", "cloud.toml", "[product.lockers]\ntitle   = \"Lockers\"\nversion = \"2026-01-01\"\n", ""),
    (
        "a text for a status",
        "operations/close_locker.toml",
        "[input.Gently]",
        "[status]\nA = \"404\"\n\n[input.Gently]",
    ),
    ("another way of joining", "operations/show_lockers.toml", "wire  =", "joined = \"space\"\nwire  ="),
    ("no region", "cloud.toml", "region    = \"here-1\"\n", ""),
    ("no name of an operation", "operations/show_lockers.toml", "operation = \"ShowLockers\"\n", ""),
    ("no statement", "operations/close_locker.toml", "says   = \"The locker is gone.\"\n", ""),
    ("no level", "operations/open_locker.toml", "level     = \"must\"\n", ""),
    ("no type of a parameter", "operations/close_locker.toml", "type     = \"string\"\n", ""),
    ("no title of a kind", "resources.toml", "title     = \"locker\"\n", ""),
    ("no place in a source", "operations/open_locker.toml", ", at = \"opening\"", ""),
    ("a level that there is not", "operations/open_locker.toml", "level     = \"must\"", "level = \"perhaps\""),
    ("a protocol that there is not", "cloud.toml", "\"ec2-query\"", "\"carrier-pigeon\""),
    ("a defect that there is not", "cloud.toml", "defect = \"stale\"", "defect = \"mouldy\""),
    ("a type that there is not", "resources.toml", "type = \"integer\"", "type = \"number\""),
    ("a kind of field that there is not", "resources.toml", "kind = \"integer\"", "kind = \"number\""),
    ("another case of a level", "operations/open_locker.toml", "level     = \"must\"", "level = \"Must\""),
    (
        "an underscore for a hyphen",
        "operations/close_locker.toml",
        "required = true",
        "required = true\naccepts_gone = true",
    ),
];

#[test]
fn the_schema_and_the_loader_refuse_the_same_forms() {
    assert!(is_loaded(&lockers()));
    let schemas = schemas();
    for (what, file, from, to) in BROKEN {
        let law = changed(&lockers(), &[(file, from, to)]);
        let value = as_json(&law.path().join(file));
        assert!(!schemas[kind_of(file)].is_valid(&value), "the schema accepts {what}");
        assert!(!is_loaded(law.path()), "the loader accepts {what}");
    }
}

#[test]
fn what_the_schemas_allow_of_facts_is_what_the_loader_reads() {
    let facts = printed("facts");
    let cases = [
        ("[[fact]]\nid = \"a\"\nabout = \"b\"\nrules = [\"open-*\"]\n", true),
        ("[[fact]]\nid = \"a\"\nabout = \"b\"\nunchecked = \"c\"\n", true),
        ("[[fact]]\nid = \"a\"\nrules = [\"open-*\"]\n", false),
        ("[[fact]]\nid = \"a\"\nabout = \"b\"\nrules = \"open-*\"\n", false),
        ("[[fact]]\nid = \"a\"\nabout = \"b\"\nrule = [\"open-*\"]\n", false),
        ("[[facts]]\nid = \"a\"\n", false),
    ];
    for (toml, good) in cases {
        let law = changed(&lockers(), &[]);
        let path = law.path().join("facts.toml");
        fs::write(&path, toml).unwrap();
        assert_eq!(facts.is_valid(&as_json(&path)), good, "the schema, of {toml}");
        assert_eq!(is_loaded(law.path()), good, "the loader, of {toml}");
    }
}

#[test]
fn a_planned_suite_is_valid_by_its_schema() {
    let schema = printed("suite");
    let said = ask(&["spec", "plan", "--specs", &text(&lockers()), "--cloud", "lockers"]).ends(0);
    let mut lines = said.out.lines();
    assert!(lines.next().unwrap().starts_with("{\"format\":1,"));
    assert!(said.out.lines().count() > 10);
    for line in lines {
        is_valid(&schema, &serde_json::from_str(line).unwrap(), "a line of suite.jsonl");
    }
}

#[test]
fn the_files_of_a_run_are_valid_by_the_schemas_of_their_types() {
    let report = jsonschema::validator_for(schema_for!(Report).as_value()).unwrap();
    let line = jsonschema::validator_for(schema_for!(Line).as_value()).unwrap();
    let printed_journal = printed("journal");
    // One run against a server that obeys, and one against a server that does not.
    let wrong = changed(&lockers(), &[("operations/close_locker.toml", "LockerTooHeavy", "LockerTooBig")]);
    let server = common::serve(&["--specs", &text(wrong.path()), "--cloud", "lockers"]);
    let specs = text(&lockers());
    let base = ["--specs", &specs, "--cloud", "lockers", "--max-requests", "300"];
    for (more, code) in [(None, 0), (Some(server.url.as_str()), 1)] {
        let mut args = base.to_vec();
        args.extend(more);
        let ran = run(&args).ends(code);
        let value = ran.report();
        is_valid(&report, &value, "report.json");
        assert_eq!(value["findings"].as_array().unwrap().is_empty(), code == 0);
        let trace = ran.trace();
        assert!(trace.len() > 100);
        for value in &trace {
            is_valid(&line, value, "a line of trace.jsonl");
        }
        let journal = fs::read_to_string(ran.folder.path().join("journal.jsonl")).unwrap();
        assert!(journal.lines().count() > 50);
        for value in journal.lines() {
            is_valid(&printed_journal, &serde_json::from_str(value).unwrap(), "a line of journal.jsonl");
        }
        // The schema is not satisfied by anything: a member too many or too few is refused.
        let mut odd = value.clone();
        odd["more"] = Value::from(1);
        assert!(!report.is_valid(&odd));
        let mut odd = trace[0].clone();
        odd.as_object_mut().unwrap().remove("exchange");
        assert!(!line.is_valid(&odd));
    }
}
