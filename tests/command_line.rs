//! The command line as its user sees it: exit codes, what is printed, what is written.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use common::{Ran, ask, changed, ec2, eipcheck, lockers, rule_text, run, say, serve, text};
use serde_json::Value;

/// A run of the small cloud's law.
fn run_lockers(args: &[&str]) -> Ran {
    let specs = text(&lockers());
    let mut all = vec!["--specs", &specs, "--cloud", "lockers", "--jobs", "2"];
    if !args.contains(&"--max-requests") {
        all.extend(["--max-requests", "400"]);
    }
    all.extend(args);
    run(&all)
}

// --- Exit codes --------------------------------------------------------------------------------------------------------

#[test]
fn a_conforming_target_ends_with_0() {
    let ran = run(&["--only", "release-*", "--max-requests", "500"]).ends(0);
    assert!(ran.findings().is_empty());
    let report = ran.report();
    let passed = report["rules"].as_array().unwrap().iter().filter(|r| r["result"] == "pass").count();
    assert!(passed >= 4, "only {passed} rules were checked");
    assert_eq!(report["leftovers"], Value::Array(Vec::new()));
}

#[test]
fn a_pattern_that_matches_no_rule_ends_with_2() {
    for option in ["--only", "--skip"] {
        let said = run_lockers(&[option, "no-such-rule-*"]).said.ends(2);
        assert!(said.err.contains("no-such-rule-*"), "{}", said.err);
    }
}

#[test]
fn a_broken_law_ends_with_2_and_a_caret_under_the_fault() {
    let broken = changed(&lockers(), &[("operations/close_locker.toml", "locker.size > 5", "locker.sise > 5")]);
    let dir = text(broken.path());
    for args in [vec!["spec", "check", &dir], vec!["spec", "list", "--specs", &dir, "--cloud", "lockers"]] {
        let said = ask(&args).ends(2);
        assert!(said.err.contains("close_locker.toml:"), "no place in {}", said.err);
        assert!(said.err.contains("sise"), "{}", said.err);
        assert!(said.err.contains("┬") || said.err.contains('^'), "no caret in {}", said.err);
        assert!(said.out.is_empty());
    }
}

#[test]
fn a_reading_that_there_is_not_ends_with_2() {
    for reading in ["no-such-reading=a", "drain-end=never", "drain-end"] {
        let said = run(&["--reading", reading]).said.ends(2);
        assert!(!said.err.is_empty());
    }
}

#[test]
fn a_cloud_that_there_is_not_ends_with_2() {
    let said = run(&["--cloud", "ec3"]).said.ends(2);
    assert!(said.err.contains("ec3") && said.err.contains("ec2"), "{}", said.err);
}

#[test]
fn a_target_where_nobody_listens_ends_with_3() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let said = run_lockers(&[&url]).said.ends(3);
    assert!(said.err.contains(&url) && said.err.contains("refuses"), "{}", said.err);
}

#[test]
fn a_target_that_speaks_another_language_ends_with_3() {
    let url = answer_everything("500 Internal Server Error", "<html><body>Oops</body></html>");
    let said = run_lockers(&[&url]).said.ends(3);
    assert!(said.err.contains("does not speak the protocol"), "{}", said.err);
}

#[test]
fn a_run_that_checked_nothing_ends_with_4() {
    let ran = run_lockers(&["--max-requests", "1"]).ends(4);
    assert_eq!(ran.report()["totals"]["judged"], 0);
}

/// A server that gives the same answer to whatever it is asked, until the test ends.
fn answer_everything(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 0) && line.trim() != "" {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body_read = vec![0; length];
            if reader.read_exact(&mut body_read).is_ok() {
                let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nConnection: close\r\n");
                let _ = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
            }
        }
    });
    url
}

// --- Wrong servers -----------------------------------------------------------------------------------------------------

/// Serves the law of EC2 with something changed, and holds it against the law as it is.
#[track_caller]
fn is_found(rule: &str, wrong: &[(&str, &str, &str)]) {
    let law = changed(&ec2(), wrong);
    let server = serve(&["--specs", &text(law.path())]);
    let ran = run(&[&server.url, "--only", rule, "--max-requests", "1000"]).ends(1);
    assert_eq!(ran.findings(), [rule], "{}", ran.said.out);
    assert!(ran.said.out.contains(rule));
    assert_eq!(ran.report()["leftovers"], Value::Array(Vec::new()));
    // The trace alone shows it again.
    let folder = text(ran.folder.path());
    let again = ask(&["recheck", &folder]).ends(1);
    let blamed: Vec<&str> = again.out.lines().filter_map(|l| l.split_once(" in ").map(|(r, _)| r)).collect();
    assert!(blamed.contains(&rule), "{}", again.out);
    assert!(blamed.iter().all(|b| *b == rule), "{}", again.out);
    // A server that obeys the law does not break the rule: it is not the rule that is at fault.
    let report = ran.report();
    let finding = &report["findings"][0];
    assert!(!finding["exchanges"].as_array().unwrap().is_empty());
    assert_eq!(finding["steps"].as_array().unwrap().len(), finding["scenario_steps"].as_array().unwrap().len());
}

const RELEASE: &str = "operations/release_address.toml";
const DISASSOCIATE: &str = "operations/disassociate_address.toml";

#[test]
fn a_refusal_that_is_missing_is_found() {
    let refusal = rule_text(&ec2(), RELEASE, "release-while-associated");
    assert!(refusal.contains("refuse"));
    let never = refusal.replace("refuse = \"address", "refuse = \"false && address");
    is_found("release-while-associated", &[(RELEASE, &refusal, &never)]);
}

#[test]
fn a_wrong_error_code_is_found() {
    let rule = rule_text(&ec2(), RELEASE, "release-wrong-border-group");
    let wrong = rule.replace("[\"InvalidAddress.NotFound\"]", "[\"InvalidAddress.Lost\"]");
    assert_ne!(rule, wrong);
    is_found("release-wrong-border-group", &[(RELEASE, &rule, &wrong)]);
}

#[test]
fn an_effect_that_is_missing_is_found() {
    let rule = rule_text(&ec2(), DISASSOCIATE, "disassociate-unlinks");
    let idle = rule.replace("when   = \"association", "when   = \"false && association");
    assert_ne!(rule, idle);
    is_found("disassociate-unlinks", &[(DISASSOCIATE, &rule, &idle)]);
}

#[test]
fn an_effect_too_many_is_found() {
    let rule = rule_text(&ec2(), DISASSOCIATE, "disassociate-unlinks");
    let (head, effects) = rule.split_once("[[rule.effect]]").unwrap();
    let more = "[[rule.effect]]\nwhen = \"association.live && association.address != null\"\ndelete = \"association.address\"\n\n";
    let eager = format!("{head}{more}[[rule.effect]]{effects}");
    is_found("disassociate-keeps-allocation", &[(DISASSOCIATE, &rule, &eager)]);
}

#[test]
fn a_rehearsal_that_acts_is_found() {
    let rehearsal = "[dry-run]\nparameter = \"DryRun\"\ncode      = \"DryRunOperation\"\n";
    let facts = ("facts.toml", "\"*.dry-run\"", "\"*\"");
    is_found("ReleaseAddress.dry-run", &[("cloud.toml", rehearsal, ""), facts]);
}

/// What is found of a server that is wrong in a way that cannot be cleaned up.
#[track_caller]
fn found_by(only: &[&str], wrong: &[(&str, &str, &str)]) -> Vec<String> {
    let law = changed(&ec2(), wrong);
    let server = serve(&["--specs", &text(law.path())]);
    let mut args = vec![&*server.url, "--fail-on", "should", "--max-requests", "1000"];
    args.extend(only.iter().flat_map(|rule| ["--only", rule]));
    run(&args).ends(1).findings()
}

#[test]
fn what_settles_at_one_resource_and_not_at_another_is_found_before_the_next_request_meets_it() {
    let file = "operations/delete_nat_gateway.toml";
    let rule = rule_text(&ec2(), file, "nat-deleted");
    let (now, what) = ("nat_gateway.live && size(nat_gateway.addresses) > 0", "nat_gateway.addresses[0].association");
    let effect = |when: &str| format!("when   = \"{when}\"\ndelete = \"{what}\"");
    let kept = rule.replace(&effect(now), &effect("false"));
    assert_ne!(rule, kept);
    assert_eq!(found_by(&["nat-delete-keeps-allocation", "nat-deleted"], &[(file, &rule, &kept)]), ["nat-deleted"]);
}

#[test]
fn what_is_still_shown_is_blamed_on_the_rule_by_which_it_should_have_gone() {
    let file = "operations/terminate_instances.toml";
    let rule = rule_text(&ec2(), file, "instance-terminated");
    let (now, what) = ("it.network_interface != null", "it.network_interface");
    let effect =
        |when: &str| format!("when   = \"{when}\"\neach   = \"instances.filter(i, i.live)\"\ndelete = \"{what}\"\n");
    let kept = rule.replace(&effect(now), &effect("false"));
    assert_ne!(rule, kept);
    assert_eq!(found_by(&["instance-terminated"], &[(file, &rule, &kept)]), ["instance-terminated"]);
}

#[test]
fn how_an_unknown_name_is_answered_may_be_left_open_for_one_parameter() {
    let row = "names    = \"locker\"\n\n[input.Gently]";
    let open = "names    = \"locker\"\nunknown-open = true\n\n[input.Gently]";
    let law = changed(&lockers(), &[("operations/close_locker.toml", row, open)]);
    let server = serve(&["--specs", &text(&lockers()), "--cloud", "lockers"]);
    let ran = run(&[&server.url, "--specs", &text(law.path()), "--cloud", "lockers", "--seed", "1"]).ends(0);
    let report = ran.report();
    let ids: Vec<&str> = report["rules"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert!(
        !ids.iter().any(|id| matches!(*id, "CloseLocker.LockerId.unknown" | "CloseLocker.LockerId.stale")),
        "{ids:?}"
    );
    for still in ["CloseLocker.LockerId.malformed", "ShowLockers.LockerIds.unknown"] {
        assert!(ids.contains(&still), "{ids:?}");
    }
}

// --- What is printed ---------------------------------------------------------------------------------------------------

#[test]
fn the_report_that_is_printed_as_json_is_the_one_that_is_written() {
    let ran = run_lockers(&["--json", "--seed", "3"]).ends(0);
    let printed: Value = serde_json::from_str(&ran.said.out).unwrap();
    assert_eq!(printed, ran.report());
    assert_eq!(printed["seed"], 3);
    assert!(ran.said.err.is_empty(), "{}", ran.said.err);
    let again = ask(&["report", "--json", &text(ran.folder.path())]).ends(0);
    assert_eq!(serde_json::from_str::<Value>(&again.out).unwrap(), printed);
}

#[test]
fn what_goes_into_a_pipe_has_no_colours() {
    let server = answer_everything("500 Internal Server Error", "<html></html>");
    let ran = run_lockers(&[]).ends(0);
    let folder = text(ran.folder.path());
    let said = [
        ran.said,
        ask(&["report", &folder]),
        ask(&["spec", "list"]),
        ask(&["spec", "list", "--cloud", "ec3"]),
        run_lockers(&[&server]).said,
    ];
    for said in said {
        assert!(!said.out.is_empty() || !said.err.is_empty());
        assert!(!said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'), "{said:?}");
    }
}

#[test]
fn no_color_is_obeyed_where_colours_are_forced_otherwise() {
    let ran = run_lockers(&[]).ends(0);
    let folder = text(ran.folder.path());
    let with = |name: &str, more: Option<&str>| {
        let mut command = eipcheck(&["report", &folder]);
        command.env(name, "1");
        more.map(|name| command.env(name, "1"));
        say(command).ends(0).out
    };
    assert!(with("CLICOLOR_FORCE", None).contains('\u{1b}'), "nothing is coloured, so this test shows nothing");
    assert!(!with("NO_COLOR", None).contains('\u{1b}'));
}

#[test]
fn every_subcommand_has_help() {
    let commands = [
        vec![],
        vec!["run"],
        vec!["serve"],
        vec!["spec"],
        vec!["spec", "check"],
        vec!["spec", "list"],
        vec!["spec", "show"],
        vec!["spec", "schema"],
        vec!["report"],
        vec!["recheck"],
    ];
    for mut args in commands {
        args.push("--help");
        let said = ask(&args).ends(0);
        assert!(said.out.contains("Usage:") && said.err.is_empty(), "{args:?}: {said:?}");
    }
    // Whatever subcommand there is stands in the list above.
    let all = ask(&["--help"]).out;
    let listed = all.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names: Vec<&str> = listed
        .lines()
        .filter(|l| l.starts_with("  ") && !l.starts_with("   "))
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    for name in names.into_iter().filter(|n| *n != "help") {
        assert!(["run", "serve", "spec", "report", "recheck"].contains(&name), "{name} is not tested");
    }
}

#[test]
fn the_seed_is_printed_at_the_start() {
    let ran = run_lockers(&["--seed", "4711"]).ends(0);
    assert!(ran.said.err.lines().next().unwrap().contains("seed 4711"), "{}", ran.said.err);
}

// --- Reports and traces ------------------------------------------------------------------------------------------------

#[test]
fn a_report_is_printed_again_as_the_run_printed_it() {
    let ran = run_lockers(&[]).ends(0);
    let again = ask(&["report", &text(ran.folder.path())]).ends(0);
    assert!(!again.out.is_empty());
    let first = ran.said.out.split("report and trace:").next().unwrap();
    assert_eq!(first, again.out);
}

#[test]
fn a_report_of_another_format_is_refused() {
    let ran = run_lockers(&[]).ends(0);
    let path = ran.folder.path().join("report.json");
    let mut report = ran.report();
    report["format"] = Value::from(99);
    fs::write(&path, report.to_string()).unwrap();
    let said = ask(&["report", &text(&path)]).ends(2);
    assert!(said.err.contains("format 99"), "{}", said.err);
    fs::write(&path, "{}").unwrap();
    ask(&["report", &text(&path)]).ends(2);
    ask(&["report", &text(&ran.folder.path().join("no-such-folder"))]).ends(2);
}

#[test]
fn the_trace_of_a_conforming_run_is_found_conforming_again() {
    let ran = run_lockers(&[]).ends(0);
    let (specs, folder) = (text(&lockers()), text(ran.folder.path()));
    let said = ask(&["recheck", &folder, "--specs", &specs, "--cloud", "lockers"]).ends(0);
    assert!(said.out.contains(" 0 violations"), "{}", said.out);
    let judged: u64 = said.out.split_whitespace().next().unwrap().parse().unwrap();
    assert!(judged > 100, "{}", said.out);
}

#[test]
fn a_trace_is_judged_by_the_law_as_it_is_now() {
    let ran = run_lockers(&[]).ends(0);
    let stricter = changed(&lockers(), &[("operations/close_locker.toml", "LockerTooHeavy", "LockerTooBig")]);
    let (specs, folder) = (text(stricter.path()), text(ran.folder.path()));
    let said = ask(&["recheck", &folder, "--specs", &specs, "--cloud", "lockers"]).ends(1);
    assert!(said.out.contains("close-gently-large in "), "{}", said.out);
    assert!(said.out.contains("LockerTooHeavy"), "{}", said.out);
}

#[test]
fn credentials_are_not_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let (out, specs) = (text(folder.path()), text(&lockers()));
    let mut command =
        eipcheck(&["run", "--out", &out, "--specs", &specs, "--cloud", "lockers", "--max-requests", "100"]);
    command.env("AWS_ACCESS_KEY_ID", "AKIDNOTTOBESEEN").env("AWS_SECRET_ACCESS_KEY", "s3cretnottobeseen");
    command.env("AWS_SESSION_TOKEN", "t0kennottobeseen");
    let said = say(command).ends(0);
    let trace = fs::read_to_string(folder.path().join("trace.jsonl")).unwrap();
    let report = fs::read_to_string(folder.path().join("report.json")).unwrap();
    assert!(trace.contains("[redacted]"));
    for text in [&trace, &report, &said.out, &said.err] {
        assert!(!text.to_lowercase().contains("nottobeseen") && !text.contains("Signature="), "{text}");
    }
}

/// The requests of each scenario in terms of handles, in their order: without times, the order in which workers wrote
/// them, and the ids that the target chose (the clean-up speaks of nothing else).
fn calls(ran: &Ran) -> BTreeMap<String, Vec<Value>> {
    let mut calls: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in ran.trace() {
        let name = line["scenario"].as_str().unwrap().to_owned();
        let what = if line["cleanup"] == true { &line["call"]["operation"] } else { &line["call"] };
        calls.entry(name).or_default().push(serde_json::json!([line["step"], line["cleanup"], what]));
    }
    calls
}

#[test]
fn the_same_seed_sends_the_same_requests() {
    let seven = calls(&run_lockers(&["--seed", "7"]).ends(0));
    assert!(seven.keys().filter(|k| k.starts_with("random-")).count() > 2, "{:?}", seven.keys());
    let again = calls(&run_lockers(&["--seed", "7"]).ends(0));
    assert_eq!(first_difference(&seven, &again), None);
    let eight = calls(&run_lockers(&["--seed", "8"]).ends(0));
    assert!(first_difference(&seven, &eight).is_some());
}

#[test]
fn two_servers_with_ids_of_their_own_get_the_same_requests() {
    let specs = text(&lockers());
    let calls_at = |seed: &str| {
        let server = serve(&["--specs", &specs, "--cloud", "lockers", "--seed", seed]);
        calls(&run_lockers(&[&server.url, "--seed", "7"]).ends(0))
    };
    assert_eq!(first_difference(&calls_at("1"), &calls_at("2")), None);
}

/// The first scenario in which two runs differ, with what each sent first that the other did not.
fn first_difference(one: &BTreeMap<String, Vec<Value>>, other: &BTreeMap<String, Vec<Value>>) -> Option<String> {
    let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().find_map(|name| match (one.get(name), other.get(name)) {
        (Some(a), Some(b)) => {
            let at = (0..a.len().max(b.len())).find(|i| a.get(*i) != b.get(*i))?;
            Some(format!("{name}, request {at}: {:?} and {:?}", a.get(at), b.get(at)))
        }
        _ => Some(format!("only one has {name}")),
    })
}

// --- Interrupting ------------------------------------------------------------------------------------------------------

#[cfg(unix)]
#[test]
fn an_interrupted_run_cleans_up_reports_and_ends_with_130() {
    let specs = text(&lockers());
    let server = serve(&["--specs", &specs, "--cloud", "lockers"]);
    let folder = tempfile::tempdir().unwrap();
    let out = text(folder.path());
    let mut child = eipcheck(&["run", &server.url, "--specs", &specs, "--cloud", "lockers", "--out", &out])
        .args(["--max-requests", "1000000000", "--max-time", "10m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // By then it is in the middle of things, and would go on for ten minutes.
    let reached = lines.by_ref().map(Result::unwrap).any(|line| line.contains("random"));
    assert!(reached, "it ended by itself");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    let mut printed = String::new();
    child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("interrupted")), "{rest:?}");
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["totals"]["interrupted"], true);
    assert_eq!(report["leftovers"], Value::Array(Vec::new()));
    assert!(nothing_is_left(&server.url), "lockers were left behind");
}

/// Asks the server itself.
#[cfg(unix)]
fn nothing_is_left(url: &str) -> bool {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let body = "Action=ShowLockers&Version=2026-01-01";
    write!(stream, "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n").unwrap();
    write!(stream, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("ShowLockersResponse"), "{answer}");
    !answer.contains("locker-")
}

#[test]
fn a_run_leaves_its_files_where_it_is_told_to() {
    let ran = run_lockers(&[]).ends(0);
    for file in ["report.json", "trace.jsonl"] {
        assert!(Path::new(&ran.folder.path().join(file)).is_file());
    }
    assert!(ran.said.out.contains(&text(ran.folder.path())));
}
