//! The walls of the house: nothing of a cloud in `src/`, every module on its floor, no room too large.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use eipcheck::spec::{
    Law, SpecSource, clouds,
    law::{Param, Refusal},
    load,
    schema::{self, FileKind},
};
use regex::Regex;
use serde_json::Value;

/// The longest that a file may be.
const MOST_LINES: usize = 900;

/// Every file of `src/`, its path from there with its text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.len() > 30, "src/ was not found");
    found.sort();
    found
}

fn laws() -> Vec<Law> {
    let clouds = clouds(&SpecSource::BuiltIn).unwrap();
    assert!(!clouds.is_empty());
    clouds.iter().map(|cloud| load(&SpecSource::BuiltIn, cloud, &[]).unwrap()).collect()
}

// --- Nothing of a cloud ------------------------------------------------------------------------------------------------

/// Every name that a law defines, with what it is a name of.
fn names(law: &Law) -> BTreeMap<String, &'static str> {
    let mut names = BTreeMap::new();
    let mut add = |name: &str, what| {
        names.entry(name.to_owned()).or_insert(what);
    };
    let codes = &law.codes;
    for list in [&codes.throttled, &codes.busy, &codes.quota, &codes.denied, &codes.unimplemented] {
        list.iter().for_each(|c| add(c, "an error code"));
    }
    let single =
        [&codes.version, &codes.signature, &codes.incomplete, &codes.unknown_key, &codes.replayed, &codes.expired];
    let single = single.into_iter().chain([&codes.timestamp, &codes.undocumented]);
    single.flatten().for_each(|c| add(c, "an error code"));
    let credentials = &law.credentials;
    let variables = [&credentials.access_key, &credentials.secret_key, &credentials.session_token];
    variables.into_iter().flatten().for_each(|v| add(v, "an environment variable"));
    if let Some(file) = &credentials.profiles {
        let variables = file.file_variable.iter().chain([&file.variable]);
        variables.for_each(|v| add(v, "an environment variable"));
    }
    law.billable_hosts.iter().for_each(|host| add(&host.to_string(), "a host"));
    law.wire.ignores.iter().for_each(|p| add(p, "a parameter"));
    codes.status.keys().for_each(|c| add(c, "an error code"));
    law.dry_run_code.iter().for_each(|c| add(c, "an error code"));
    law.readings.iter().for_each(|r| add(&r.name, "a reading"));
    for operation in &law.operations {
        add(&operation.name, "an operation");
        params(&operation.params, &mut add);
        operation.status.iter().for_each(|row| add(&row.code, "an error code"));
        operation.output.iter().for_each(|o| add(&o.name, "an output"));
        operation.refusals.iter().for_each(|r| refusal(&r.refusal, &mut add));
        operation.undeclared.iter().filter_map(|u| u.refusal()).for_each(|r| refusal(r, &mut add));
        if let Some(token) = &operation.token {
            token.mismatch.iter().for_each(|r| refusal(r, &mut add));
            token.under_way.iter().for_each(|code| add(code, "an error code"));
        }
    }
    for kind in &law.kinds {
        add(&kind.name, "a kind of resource");
        add(&camel(&kind.name), "a kind of resource");
        kind.fields.iter().for_each(|f| add(&f.name, "a field"));
        kind.view.iter().for_each(|s| add(&s.name, "a field of an answer"));
        kind.filters.iter().for_each(|(name, _)| add(name, "a filter"));
    }
    for rule in law.rules.iter().filter(|r| !r.id.contains('.')) {
        add(&rule.id, "a rule");
    }
    names
}

fn params(list: &[Param], add: &mut impl FnMut(&str, &'static str)) {
    for param in list {
        add(&param.name, "a parameter");
        param.refusals.iter().for_each(|(_, r)| refusal(r, add));
        params(&param.fields, add);
    }
}

fn refusal(refusal: &Refusal, add: &mut impl FnMut(&str, &'static str)) {
    refusal.codes.iter().for_each(|code| add(code, "an error code"));
}

/// How many words a name is made of: `NatGateway`, `nat_gateway` and `nat-gateway` are two each, `Filter` is one.
///
/// A single word is ordinary English, which the machinery may speak; two joined ones are somebody's name for something.
fn words(name: &str) -> usize {
    let mut count = 0;
    let mut before = '-';
    for c in name.chars() {
        let starts = c.is_alphanumeric() && (!before.is_alphanumeric() || c.is_uppercase() && !before.is_uppercase());
        count += usize::from(starts);
        before = c;
    }
    count
}

/// `nat_gateway` as `NatGateway`.
fn camel(name: &str) -> String {
    let word = |w: &str| w[..1].to_uppercase() + &w[1..];
    name.split(['_', '-']).filter(|w| !w.is_empty()).map(word).collect()
}

/// `NatGateway` as `nat-gateway`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.extend(c.to_lowercase());
    }
    text.replace('_', "-")
}

/// The words of the grammar itself: every key and every fixed value that spec files of any cloud may have. A law may
/// happen to use one of them as a name; it stays a word of the grammar, which `src/` has to know.
fn grammar() -> BTreeSet<String> {
    fn collect(schema: &Value, words: &mut BTreeSet<String>) {
        match schema {
            Value::Array(list) => list.iter().for_each(|s| collect(s, words)),
            Value::Object(members) => {
                for (key, inner) in members {
                    match (key.as_str(), inner) {
                        ("properties", Value::Object(properties)) => words.extend(properties.keys().cloned()),
                        ("enum", Value::Array(values)) => {
                            words.extend(values.iter().filter_map(Value::as_str).map(str::to_owned))
                        }
                        ("const", Value::String(value)) => drop(words.insert(value.clone())),
                        _ => {}
                    }
                    collect(inner, words);
                }
            }
            _ => {}
        }
    }
    let mut words = BTreeSet::new();
    for kind in FileKind::value_variants() {
        collect(schema::schema(*kind).as_value(), &mut words);
    }
    words
}

#[test]
fn the_grammar_has_words_of_its_own() {
    let grammar = grammar();
    assert!(grammar.contains("dry-run") && grammar.contains("accepts-gone") && grammar.contains("ec2-query"));
    assert!(!grammar.contains("allocation-id") && !grammar.contains("nat-gateway"));
    assert_eq!((kebab("DryRun"), camel("nat_gateway")), ("dry-run".to_owned(), "NatGateway".to_owned()));
}

#[test]
fn a_name_is_telling_when_it_is_made_of_several_words() {
    assert_eq!(words("Filter"), 1);
    assert_eq!(words("vpc"), 1);
    assert_eq!(words("AllocationId"), 2);
    assert_eq!(words("nat_gateway"), 2);
    assert_eq!(words("InvalidVpcID.NotFound"), 5);
    assert_eq!(words("DryRun"), 2);
}

/// What a protocol calls a member of its own envelope. A law may happen to use it for something else.
const PROTOCOL_WORDS: &[&str] = &["HostId"];

#[test]
fn no_source_file_names_anything_of_a_cloud() {
    let mut telling = BTreeMap::new();
    for law in laws() {
        telling.extend(names(&law).into_iter().filter(|(name, _)| words(name) > 1));
    }
    let grammar = grammar();
    telling.retain(|name, _| !grammar.contains(&kebab(name)) && !PROTOCOL_WORDS.contains(&name.as_str()));
    assert!(telling.len() > 200, "only {} names were found in the laws", telling.len());
    for expected in ["DisassociateNatGatewayAddress", "AllocationId", "nat_gateway", "InvalidIPAddress.InUse"] {
        assert!(telling.contains_key(expected), "{expected} should be among the names");
    }
    // A name is a word of its own: no letter, digit or underscore, and no further part of a dotted code, touches it.
    let word = Regex::new(r"[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*").unwrap();
    let part = Regex::new(r"[A-Za-z0-9_]+").unwrap();
    let mut found = Vec::new();
    for (file, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let wholes = word.find_iter(line).map(|m| m.as_str());
            let parts = part.find_iter(line).map(|m| m.as_str());
            for name in wholes.chain(parts).collect::<BTreeSet<_>>() {
                if let Some(what) = telling.get(name) {
                    found.push(format!("src/{file}:{}: {name} is {what}", number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "src/ names what only specs/ may name:\n{}", found.join("\n"));
}

// --- The floors --------------------------------------------------------------------------------------------------------

/// The floor of a top module. A module that is not on it has no floor yet, and needs one.
fn floor(module: &str) -> Option<u8> {
    Some(match module {
        "spec" => 0,
        "wire" | "document" => 1,
        "model" | "target" => 2,
        "oracle" | "scenario" => 3,
        "run" | "reference" | "report" | "mutant" | "sdk" => 4,
        "commands" | "main" => 5,
        _ => return None,
    })
}

/// True if a module may import another: from a floor below, or along one of the few doors on a floor.
fn may_import(from: &str, path: &[&str]) -> bool {
    let to = path[0];
    // How the program ends is nobody's business but everybody's word.
    if from == to || to == "exit" {
        return true;
    }
    match (from, to) {
        ("target", "model") => path.get(1) == Some(&"time"),
        ("scenario", "oracle") | ("run", "report" | "reference" | "sdk") => true,
        ("mutant", "run" | "report" | "reference") => true,
        _ => match (floor(from), floor(to)) {
            (Some(from), Some(to)) => to < from,
            _ => false,
        },
    }
}

/// What a file imports from the crate: the line and the path, `crate::{a, b::c}` taken apart.
fn imports(file: &str, text: &str) -> Vec<(usize, Vec<String>)> {
    // Comments link wherever they like.
    let code: String =
        text.lines().map(|l| if l.trim_start().starts_with("//") { "" } else { l }).collect::<Vec<_>>().join("\n");
    let root = if is_program(file) { r"\beipcheck::" } else { r"(?:\$|\b)crate::" };
    let mut found = Vec::new();
    for at in Regex::new(root).unwrap().find_iter(&code) {
        let line = code[..at.start()].lines().count().max(1);
        spell_out(&code[at.end()..], &mut Vec::new(), &mut |path| found.push((line, path.to_vec())));
    }
    found
}

/// Follows a path, through braces, to each of its ends; what is left of the text afterwards.
fn spell_out<'t>(text: &'t str, path: &mut Vec<String>, end: &mut impl FnMut(&[String])) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = spell_out(rest, path, end).trim_start();
            match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => rest = more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or(""),
                None => return rest.strip_prefix('}').unwrap_or(""),
            }
        }
    }
    let length = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    path.push(name.to_owned());
    let rest = match rest.strip_prefix("::") {
        Some(more) if more.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '{') => {
            spell_out(more, path, end)
        }
        _ => {
            end(path);
            rest
        }
    };
    path.pop();
    // `a as b`
    match rest.trim_start().strip_prefix("as ") {
        Some(more) => more.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
        None => rest,
    }
}

/// True for the files of the program, which see the library from outside.
fn is_program(file: &str) -> bool {
    file == "main.rs" || file.starts_with("commands/")
}

fn module_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

#[test]
fn imports_are_read_through_braces() {
    let text = "use crate::{\n    model::{time::Moment, world::{self, World}},\n    spec::law as statute, wire,\n};\n\
                // crate::run::nothing\nlet x = crate::oracle::Oracle::new();\n";
    let paths: Vec<String> =
        imports("target/x.rs", text).into_iter().map(|(l, p)| format!("{l} {}", p.join("::"))).collect();
    assert_eq!(
        paths,
        [
            "1 model::time::Moment",
            "1 model::world::self",
            "1 model::world::World",
            "1 spec::law",
            "1 wire",
            "6 oracle::Oracle::new"
        ]
    );
}

#[test]
fn a_module_imports_only_from_the_floors_below_it() {
    let mut wrong = Vec::new();
    let mut doors = 0;
    for (file, text) in sources() {
        let module = module_of(&file);
        if matches!(module, "lib" | "exit") {
            continue;
        }
        if floor(module).is_none() {
            wrong.push(format!("src/{file}: the module {module} has no floor"));
        }
        for (line, path) in imports(&file, &text) {
            doors += 1;
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if !may_import(module, &path) {
                wrong.push(format!("src/{file}:{line}: {module} imports {}", path.join("::")));
            }
        }
    }
    assert!(doors > 100, "only {doors} imports were found");
    assert!(wrong.is_empty(), "against the floors:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_goes_up_to_the_crate_by_way_of_super() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        // From src/MODULE/FILE.rs the second `super` leads out of the module, past the test above.
        for (number, line) in text.lines().enumerate() {
            if line.contains("super::super::") && !line.starts_with("        ") {
                wrong.push(format!("src/{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_floors_refuse_what_goes_up() {
    assert!(may_import("oracle", &["model", "world"]));
    assert!(!may_import("model", &["oracle"]));
    assert!(may_import("scenario", &["oracle"]));
    assert!(!may_import("oracle", &["scenario"]));
    assert!(may_import("target", &["model", "time"]));
    assert!(!may_import("target", &["model", "world"]));
    assert!(!may_import("reference", &["run"]));
    assert!(!may_import("report", &["run"]));
}

// --- The rooms ---------------------------------------------------------------------------------------------------------

#[test]
fn no_file_is_too_long_to_be_read_at_a_sitting() {
    let long: Vec<String> = sources()
        .iter()
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("src/{file}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let silent: Vec<String> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(file, _)| file).collect();
    assert!(silent.is_empty(), "no `//!` at the top of {}", silent.join(", "));
}
