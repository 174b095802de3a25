//! What a finding is made of: few steps, seen again, in a folder with a scenario and scripts that tell a broken server from
//! a healthy one.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use common::{Ran, Served, ask, changed, lockers, run, serve, text};
use serde_json::Value;
use tempfile::TempDir;

/// Ways to break the served law of the lockers, each with the rule that a run on it finds broken.
/// A file, what stands there, and what shall stand there.
type Change = (&'static str, &'static str, &'static str);

const BREACHES: &[(&str, &[Change])] = &[
    ("close-gently-large", &[("operations/close_locker.toml", "locker.size > 5", "locker.size > 50")]),
    (
        "close-removes",
        &[("operations/close_locker.toml", "delete = \"locker\"", "delete = \"locker\"\nwhen = \"locker.size > 50\"")],
    ),
    ("locker.Size", &[("operations/open_locker.toml", "size = \"input.Size\"", "size = \"input.Size + 1\"")]),
    ("CloseLocker.LockerId.unknown", &[("resources.toml", "LockerNotFound", "LockerLost")]),
];

/// A server that keeps to another law than the one that it is tested by, and what a run found there.
struct Found {
    broken: Served,
    _law: TempDir,
    ran: Ran,
}

fn found(changes: &[(&str, &str, &str)], more: &[&str]) -> Found {
    let law = changed(&lockers(), changes);
    let broken = serve(&["--specs", &text(law.path())]);
    let specs = text(&lockers());
    let mut args = vec!["--specs", &specs, "--seed", "5", "--max-requests", "300", "--fail-on", "should"];
    args.extend(more);
    args.push(&broken.url);
    let ran = run(&args).ends(1);
    Found { broken, _law: law, ran }
}

impl Found {
    fn finding(&self, rule: &str) -> Value {
        let report = self.ran.report();
        let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == rule);
        found.unwrap_or_else(|| panic!("{rule} was not found, but {:?}", self.ran.findings())).clone()
    }

    fn folder(&self, rule: &str) -> PathBuf {
        self.ran.folder.path().join(self.finding(rule)["folder"].as_str().unwrap())
    }
}

/// How many steps the suite has for a rule.
fn suite(rule: &str) -> usize {
    let said = ask(&["spec", "show", rule, "--specs", &text(&lockers()), "--json"]).ends(0);
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    shown["scenario"].as_array().unwrap().len()
}

#[test]
fn a_finding_is_short_seen_three_times_again_and_says_of_each_step_why_it_is_there() {
    for (rule, breach) in BREACHES {
        let found = found(breach, &[]);
        let finding = found.finding(rule);
        let steps = finding["steps"].as_array().unwrap();
        assert!(steps.len() <= suite(rule) + 1, "{rule}: {steps:?}");
        assert_eq!(finding["reproduced"], serde_json::json!({ "times": 3, "of": 3 }), "{rule}");
        assert_eq!(finding["needed"].as_array().unwrap().len(), steps.len(), "{rule}");
        let nobody = finding["needed"].as_array().unwrap().iter().any(|needed| needed["shown_by"] == "nobody");
        assert!(!nobody, "{rule}: {}", finding["needed"]);
        let spent = finding["shrinking"].as_u64().unwrap();
        assert!((1..=40).contains(&spent), "{rule}: {spent} requests");
        assert!(found.ran.said.out.contains("reproduced 3/3"), "{}", found.ran.said.out);
        assert_eq!(found.ran.report()["flaky"], Value::Array(Vec::new()));
        // Where the code for what is gone is a wrong one, the clean-up cannot know it for gone.
        if !rule.ends_with(".unknown") {
            assert_eq!(found.ran.report()["leftovers"], Value::Array(Vec::new()), "{rule}");
        }
    }
}

#[test]
fn nothing_is_sent_for_a_finding_where_nobody_wants_it_short() {
    let (rule, breach) = BREACHES[0];
    let found = found(breach, &["--shrink", "0"]);
    let finding = found.finding(rule);
    assert_eq!((finding["shrinking"].as_u64(), finding.get("reproduced")), (Some(0), None));
    assert!(found.folder(rule).join("scenario.json").exists());
}

#[test]
fn the_scenario_in_a_finding_s_folder_can_be_played_and_is_valid_by_its_schema() {
    let said = ask(&["spec", "schema", "scenario"]).ends(0);
    let schema: Value = serde_json::from_str(&said.out).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for (rule, breach) in BREACHES {
        let found = found(breach, &[]);
        let folder = text(&found.folder(rule));
        let file = fs::read(found.folder(rule).join("scenario.json")).unwrap();
        assert!(schema.is_valid(&serde_json::from_slice(&file).unwrap()), "{rule}");
        let specs = text(&lockers());
        ask(&["replay", "--specs", &specs, &folder, &found.broken.url]).ends(1);
        ask(&["replay", "--specs", &specs, &folder]).ends(0);
        let exchange = fs::read_to_string(found.folder(rule).join("exchange.txt")).unwrap();
        assert!(exchange.contains("HTTP ") && exchange.contains("POST /"), "{exchange}");
        assert!(!exchange.contains("Signature="), "{exchange}");
    }
}

/// How a script ends at a server.
fn ends(script: &Path, url: &str) -> (Option<i32>, String) {
    let mut command = Command::new("bash");
    command.arg(script).arg(url).env("NO_PROXY", "127.0.0.1").env_remove("http_proxy");
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_script_for_curl_fails_at_the_broken_server_and_passes_at_a_healthy_one() {
    let is_there = |tool: &str| Command::new(tool).arg("--version").output().is_ok_and(|o| o.status.success());
    if !is_there("curl") || !is_there("bash") {
        eprintln!("SKIPPED: no script for curl is run, because there is no curl or no bash");
        return;
    }
    let healthy = serve(&["--specs", &text(&lockers())]);
    for (rule, breach) in BREACHES {
        let found = found(breach, &[]);
        let script = found.folder(rule).join("curl.sh");
        let (code, said) = ends(&script, &found.broken.url);
        assert_eq!(code, Some(1), "{rule} at the broken server: {said}");
        let (code, said) = ends(&script, &healthy.url);
        assert_eq!(code, Some(0), "{rule} at a healthy server: {said}");
    }
}

#[test]
fn a_script_that_gets_no_answer_does_not_call_the_server_broken() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no script for curl is run, because there is no curl");
        return;
    }
    let (rule, breach) = BREACHES[0];
    let found = found(breach, &[]);
    let url = { serve(&["--specs", &text(&lockers())]).url.clone() };
    let (code, said) = ends(&found.folder(rule).join("curl.sh"), &url);
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn a_rule_is_explained_with_an_answer_that_keeps_it_and_one_that_breaks_it() {
    let specs = text(&lockers());
    for (rule, right, wrong) in [
        ("close-gently-large", "LockerTooHeavy", "the request was accepted"),
        ("close-removes", "the request was accepted", "the law allows: the request is accepted"),
        ("locker.Size", "<size>3</size>", "Locker.Size is 3"),
    ] {
        let said = ask(&["explain", rule, "--specs", &specs]).ends(0);
        let (kept, broken) = said.out.split_once("Broken by").unwrap_or_else(|| panic!("{}", said.out));
        assert!(
            kept.contains("The lockers' guide") && kept.contains("Kept by") && kept.contains(right),
            "{}",
            said.out
        );
        assert!(broken.contains(wrong), "{}", said.out);
        let said = ask(&["explain", rule, "--specs", &specs, "--json"]).ends(0);
        let value: Value = serde_json::from_str(&said.out).unwrap();
        assert!(value["passing"]["is"].is_string() && value["failing"]["is"].is_string(), "{value}");
    }
    assert!(ask(&["explain", "close-remove", "--specs", &specs]).ends(2).err.contains("close-removes"));
}

#[test]
fn two_reports_differ_where_a_rule_s_result_or_a_choice_does() {
    let specs = text(&lockers());
    let args = ["--specs", &specs, "--seed", "5", "--max-requests", "300"];
    let one = run(&args).ends(0);
    let again = run(&args).ends(0);
    let folder = |ran: &Ran| text(ran.folder.path());
    let same = ask(&["report", "diff", &folder(&one), &folder(&again)]).ends(0);
    assert!(same.out.contains("nothing changed"), "{}", same.out);
    let (rule, breach) = BREACHES[0];
    let other = found(breach, &["--shrink", "0"]);
    let said = ask(&["report", "diff", &folder(&one), &folder(&other.ran), "--json"]).ends(1);
    let value: Value = serde_json::from_str(&said.out).unwrap();
    let change = value[0]["rules"].as_array().unwrap().iter().find(|change| change["rule"] == rule).unwrap().clone();
    assert_eq!((&change["before"], &change["after"]), (&"pass".into(), &"violation".into()));
    // The same rules kept, and another code where any will do.
    let code = one.report()["choices"].as_array().unwrap().iter().any(|choice| choice["what"] == "code");
    assert!(code, "{}", one.report()["choices"]);
    let law = changed(&lockers(), &[("cloud.toml", "\"BadRequest\"", "\"WorseRequest\"")]);
    let server = serve(&["--specs", &text(law.path())]);
    let mut all = args.to_vec();
    all.push(&server.url);
    let chose = run(&all).ends(0);
    let said = ask(&["report", "diff", &folder(&one), &folder(&chose)]).ends(1);
    assert!(said.out.contains("BadRequest -> WorseRequest"), "{}", said.out);
}
