//! A scenario that is written down can be played again, on any server, and says whether the rule is broken again.

mod common;

use std::fs;

use common::{Said, ask, changed, lockers, run, serve, text};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What a broken server serves.
fn broken() -> TempDir {
    changed(&lockers(), BREACH)
}

/// In the served law a locker of any size may be closed.
const BREACH: &[(&str, &str, &str)] = &[("operations/close_locker.toml", "locker.size > 5", "locker.size > 50")];

/// The scenario of the only finding of a run on the broken server, as a file.
fn scenario(url: &str) -> (TempDir, String, Value) {
    let specs = text(&lockers());
    let ran = run(&["--specs", &specs, "--max-requests", "400", url]).ends(1);
    let report = ran.report();
    let finding = &report["findings"][0];
    let file = json!({
        "format": 1,
        "cloud": "lockers",
        "rule": finding["rule"],
        "steps": finding["scenario_steps"],
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.json");
    fs::write(&path, file.to_string()).unwrap();
    let path = text(&path);
    (folder, path, file)
}

fn replay(args: &[&str]) -> Said {
    let specs = text(&lockers());
    let mut all = vec!["replay", "--specs", &specs];
    all.extend(args);
    ask(&all)
}

#[test]
fn a_scenario_breaks_the_rule_again_where_it_was_found_and_not_on_a_healthy_server() {
    let served = broken();
    let dir = text(served.path());
    let server = serve(&["--specs", &dir]);
    let (_folder, path, file) = scenario(&server.url);
    let said = replay(&[&path, &server.url, "--times", "3"]).ends(1);
    assert!(said.out.contains("the rule was broken again, 3 of 3 times"), "{}", said.out);
    assert!(said.out.contains(file["rule"].as_str().unwrap()));
    let specs = text(&lockers());
    let healthy = serve(&["--specs", &specs]);
    for args in [vec![path.as_str(), &healthy.url], vec![path.as_str()]] {
        let said = replay(&args).ends(0);
        assert!(said.out.contains("the rule was not broken"), "{}", said.out);
    }
}

#[test]
fn a_scenario_that_cannot_be_played_says_why() {
    let server = serve(&["--specs", &text(&lockers())]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.json");
    let good = json!({ "format": 1, "cloud": "lockers", "rule": "close-removes", "steps": ["settle"] });
    for (key, value, why) in [
        ("format", json!(99), "format 99"),
        ("cloud", json!("ec2"), "ec2"),
        ("rule", json!("no-such-rule"), "no-such-rule"),
        ("steps", json!([]), "no step"),
        ("steps", json!([{ "call": { "operation": "NoSuchOperation", "args": [] } }]), "step 1"),
        ("surplus", json!(1), "not a scenario"),
    ] {
        let mut file = good.clone();
        file[key] = value;
        fs::write(&path, file.to_string()).unwrap();
        let said = replay(&[&text(&path), &server.url]).ends(2);
        // Long lines are broken for the terminal.
        let words: String = said.err.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(words.contains(why), "{why}: {}", said.err);
    }
    let said = replay(&[&text(&folder.path().join("none.json"))]).ends(2);
    assert!(said.err.contains("none.json"), "{}", said.err);
}

#[test]
fn a_replay_at_a_target_where_nobody_listens_ends_with_3() {
    let server = serve(&["--specs", &text(&lockers())]);
    let url = server.url.clone();
    drop(server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.json");
    fs::write(
        &path,
        json!({ "format": 1, "cloud": "lockers", "rule": "close-removes", "steps": ["settle"] }).to_string(),
    )
    .unwrap();
    replay(&[&text(&path), &url]).ends(3);
}
