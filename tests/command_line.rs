//! The command line as its user sees it: exit codes, what is printed, what is written.

mod common;
#[path = "time/proxy.rs"]
mod proxy;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use common::{Ran, Served, ask, changed, ec2, eipcheck, lockers, post, rule_text, run, say, serve, text};
use proxy::{Fate, Proxy};
use serde_json::Value;
use tempfile::TempDir;

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
    let ran = run(&["--cloud", "ec2", "--only", "release-*", "--max-requests", "500"]).ends(0);
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
    assert!(said.err.contains("Error:"), "{}", said.err);
    assert!(!said.err.contains("planning"), "it planned first: {}", said.err);
}

#[test]
fn a_target_that_speaks_another_language_ends_with_3() {
    let url = answer_everything("500 Internal Server Error", "<html><body>Oops</body></html>");
    let said = run_lockers(&[&url]).said.ends(3);
    assert!(said.err.contains("does not speak the protocol"), "{}", said.err);
}

#[test]
fn what_a_target_says_cannot_talk_to_the_terminal() {
    let said_on_terminal = |args: &[&str]| {
        let mut command = eipcheck(args);
        command.env("CLICOLOR_FORCE", "1");
        say(command)
    };
    let specs = text(&lockers());
    let folder = tempfile::tempdir().unwrap();
    let (url, out) = (answer_everything("500 Oops", "\u{1b}[2J\u{7}gone"), text(folder.path()));
    let said = said_on_terminal(&["run", &url, "--specs", &specs, "--out", &out]).ends(3);
    assert!(said.err.contains(r"\u{1b}[2J\u{7}gone") && !said.err.contains("\u{1b}[2J"), "{}", said.err);

    let ran = run_lockers(&[]).ends(0);
    let mut report = ran.report();
    report["leftovers"] = serde_json::json!([{ "kind": "locker", "id": "a\u{9b}31m", "why": "\u{1b}]0;gone\u{7}" }]);
    fs::write(ran.folder.path().join("report.json"), report.to_string()).unwrap();
    let said = said_on_terminal(&["report", &text(ran.folder.path())]).ends(0);
    assert!(said.out.contains(r"locker a\u{9b}31m: \u{1b}]0;gone\u{7}"), "{}", said.out);
}

#[test]
fn a_run_that_checked_nothing_ends_with_4() {
    let ran = run_lockers(&["--max-requests", "1"]).ends(4);
    assert_eq!(ran.report()["totals"]["judged"], 0);
}

/// A server that gives the same answer to whatever it is asked, until the test ends.
fn answer_everything(status: &'static str, body: &'static str) -> String {
    answer(move |_| page(status, body))
}

/// A server that answers every request, of which it is given the head and the body, with what is written down here.
fn answer(how: impl Fn(&str) -> String + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut length, mut request, mut line) = (0, String::new(), String::new());
            while reader.read_line(&mut line).is_ok_and(|n| n > 0) && line.trim() != "" {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                request += &line;
                line.clear();
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_ok() {
                request += "Connection: close\r\n\r\n";
                request += &String::from_utf8(body).unwrap();
                let _ = stream.write_all(how(&request).as_bytes());
            }
        }
    });
    url
}

fn page(status: &str, body: &str) -> String {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nConnection: close\r\n");
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_wrong_command_line_is_told_how_to_mend_it() {
    let cases: [(&[&str], &[&str]); 9] = [
        (&["run", "localhost:5000"], &["localhost:5000", "http://localhost:5000"]),
        (&["run", "127.0.0.1:5000"], &["http://127.0.0.1:5000"]),
        (&["run", "ftp://127.0.0.1/"], &["ftp", "http://"]),
        (&["run", "--max-time", "5x"], &["--max-time", "ms, s, m or h"]),
        (&["run", "--only", "no-such-rule"], &["no-such-rule", "spec list"]),
        (&["run", "--cloud", "ec3"], &["the law cannot be loaded", "did you mean `ec2`?"]),
        (&["report", "no-such-folder"], &["no-such-folder", "eipcheck run"]),
        (&["recheck", "no-such-folder"], &["no-such-folder", "eipcheck run"]),
        (&["spec", "show", "qqq"], &["qqq", "spec list"]),
    ];
    for (args, parts) in cases {
        let said = ask(args).ends(2);
        // However wide the terminal is, a message may be broken into lines.
        let err = said.err.split(['│', '\n', ' ']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        assert!(err.to_lowercase().contains("error:"), "{args:?}: {err}");
        for part in parts {
            assert!(err.contains(part), "{args:?} does not say {part}: {err}");
        }
        assert!(said.out.is_empty(), "{args:?}");
    }
}

#[test]
fn a_server_that_is_stopped_says_so() {
    let mut child = eipcheck(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(said.starts_with("stopped"), "{said}");
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
    assert_eq!(blamed(&again.out), [rule], "{}", again.out);
    // A server that obeys the law does not break the rule: it is not the rule that is at fault.
    let report = ran.report();
    let finding = &report["findings"][0];
    assert!(!finding["exchanges"].as_array().unwrap().is_empty());
    assert_eq!(finding["steps"].as_array().unwrap().len(), finding["scenario_steps"].as_array().unwrap().len());
}

/// The rules that `recheck` shows as broken: each with its level, at the beginning of a line.
fn blamed(printed: &str) -> Vec<&str> {
    let heads = printed.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split_once("  "));
    heads.filter(|(_, level)| ["must", "should", "assumed"].contains(level)).map(|(rule, _)| rule).collect()
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
    // The time that the law gives a deletion is longer than anybody would wait for here.
    let mut args = vec![&*server.url, "--clock", "driven", "--fail-on", "assumed", "--max-requests", "1000"];
    args.extend(only.iter().flat_map(|rule| ["--only", rule]));
    run(&args).ends(1).findings()
}

#[test]
fn what_settles_at_one_resource_and_not_at_another_is_found_before_the_next_request_meets_it() {
    let file = "operations/delete_nat_gateway.toml";
    let rule = rule_text(&ec2(), file, "nat-deleted-frees-addresses");
    let kept = rule.replace("when   = \"it.association", "when   = \"false && it.association");
    assert_ne!(rule, kept);
    let only = ["nat-delete-keeps-allocation", "nat-deleted-frees-addresses"];
    assert_eq!(found_by(&only, &[(file, &rule, &kept)]), ["nat-deleted-frees-addresses"]);
}

#[test]
fn what_is_still_shown_is_blamed_on_the_rule_by_which_it_should_have_gone() {
    let file = "operations/terminate_instances.toml";
    let rule = rule_text(&ec2(), file, "instance-terminated-interface");
    let (now, what) = ("it.network_interface != null", "it.network_interface");
    let effect =
        |when: &str| format!("when   = \"{when}\"\neach   = \"instances.filter(i, i.live)\"\ndelete = \"{what}\"\n");
    let kept = rule.replace(&effect(now), &effect("false"));
    assert_ne!(rule, kept);
    assert_eq!(
        found_by(&["instance-terminated-interface"], &[(file, &rule, &kept)]),
        ["instance-terminated-interface"]
    );
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

#[test]
fn a_failure_that_does_not_come_again_is_no_finding_and_is_told_apart() {
    let behind = serve(&["--specs", &text(&lockers()), "--cloud", "lockers"]);
    let address = behind.url.trim_start_matches("http://").to_owned();
    let opened = AtomicUsize::new(0);
    let server = answer(move |request| {
        if request.contains("Action=OpenLocker&") && opened.fetch_add(1, Ordering::SeqCst) == 60 {
            return page("500 Internal Server Error", "<html>a race was lost</html>");
        }
        let mut upstream = TcpStream::connect(&address).unwrap();
        upstream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        upstream.read_to_string(&mut answer).unwrap();
        answer
    });
    let report = run_lockers(&[&server, "--seed", "1", "--max-requests", "600"]).ends(0).report();
    assert_eq!(report["findings"], serde_json::json!([]));
    let unclear = report["indeterminate"].as_object().unwrap();
    let told = |why: &&String| why.contains("not when the same was done again") && why.contains("a race was lost");
    assert_eq!(unclear.keys().filter(told).count(), 1, "{unclear:?}");
}

#[test]
fn a_report_tells_for_how_long_a_request_was_in_flight() {
    let totals = &run_lockers(&["--seed", "1"]).ends(0).report()["totals"];
    let [all, in_flight] = ["milliseconds", "milliseconds_in_flight"].map(|name| totals[name].as_u64().unwrap());
    assert!(0 < in_flight && in_flight <= all, "{totals}");
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
        vec!["mutants"],
        vec!["spec"],
        vec!["spec", "check"],
        vec!["spec", "list"],
        vec!["spec", "show"],
        vec!["spec", "schema"],
        vec!["explain"],
        vec!["report"],
        vec!["report", "diff"],
        vec!["replay"],
        vec!["wire"],
        vec!["wire", "record"],
        vec!["wire", "verify"],
        vec!["recheck"],
        vec!["clean"],
    ];
    for mut args in commands {
        args.push("--help");
        let said = ask(&args).ends(0);
        assert!(said.out.contains("Usage:") && said.err.is_empty(), "{args:?}: {said:?}");
        assert!(said.out.contains("Examples:\n  eipcheck "), "{args:?} teaches nothing: {}", said.out);
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
        assert!(
            ["run", "serve", "mutants", "spec", "explain", "report", "replay", "wire", "recheck", "clean"]
                .contains(&name),
            "{name} is not tested"
        );
    }
}

#[test]
fn the_seed_is_printed_at_the_start() {
    let ran = run_lockers(&["--seed", "4711"]).ends(0);
    assert!(ran.said.err.lines().next().unwrap().contains("seed 4711"), "{}", ran.said.err);
}

#[test]
fn the_planning_is_for_the_rules_that_were_asked_for() {
    let one = run_lockers(&["--only", "close-removes"]).ends(0);
    assert!(one.said.err.contains("planned: sequences for 1 of 1 rules"), "{}", one.said.err);
    let all = run_lockers(&[]).ends(0).said.err;
    let count: usize = all.split("sequences for ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(count > 15, "{all}");
    let some = run_lockers(&["--skip", "close-removes"]).ends(0).said.err;
    assert!(some.contains(&format!("planned: sequences for {} of {} rules", count - 1, count - 1)), "{some}");
}

/// An operation that the servers of these tests do not have.
const PAINT: &str = r#"
operation = "PaintLocker"
summary   = "Paints a locker."
source    = "guide"
level     = "must"

[input.LockerId]
type     = "string"
required = true
names    = "locker"
"#;

#[test]
fn only_operations_that_the_rules_need_are_called_missing() {
    let law = changed(&lockers(), &[]);
    fs::write(law.path().join("operations/paint_locker.toml"), PAINT).unwrap();
    let specs = text(law.path());
    let server = serve(&["--specs", &text(&lockers())]);
    let only = |rule: &str| run(&[&server.url, "--specs", &specs, "--only", rule]);
    let others = only("close-removes").ends(0);
    assert!(!others.said.out.contains("PaintLocker"), "{}", others.said.out);
    let operations = others.report()["operations"].clone();
    let names: Vec<&str> = operations.as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"CloseLocker") && !names.contains(&"PaintLocker"), "{names:?}");
    let its_own = only("PaintLocker.accepted").ends(4);
    assert!(its_own.said.out.contains("Not implemented by the target: PaintLocker"), "{}", its_own.said.out);
    assert!(its_own.said.out.contains("1 rule needs it and is unsupported"), "{}", its_own.said.out);
    assert!(its_own.said.out.contains("all for probing"), "{}", its_own.said.out);
    assert!(its_own.said.out.trim_end().ends_with("nothing could be checked"), "{}", its_own.said.out);
}

/// Some servers know every operation of the API by name, and answer those that they do not have with an error of the protocol's
/// own: it looks like a wrong refusal, and its status says what it is.
#[test]
fn an_operation_that_is_answered_with_501_is_one_that_the_server_does_not_have() {
    let server = serve(&["--cloud", "ec2", "--seed", "1"]);
    let proxy = Proxy::new(&server.url, |passing, ask| {
        if !passing.asks_for("UnassignPrivateNatGatewayAddress") {
            return Fate::Answer(ask());
        }
        let body = "<Response><Errors><Error><Code>InternalFailure</Code><Message>Not here.</Message></Error></Errors>\
            <RequestID>r</RequestID></Response>";
        Fate::Answer(proxy::answer("501 Not Implemented", "Content-Type: text/xml\r\n", body))
    });
    let only = ["--only", "UnassignPrivateNatGatewayAddress.*", "--only", "nat-unassign-*", "--max-requests", "300"];
    let ran = run(&[&[&*proxy.url, "--cloud", "ec2", "--clock", "driven", "--fail-on", "assumed"], &only[..]].concat());
    assert_eq!(ran.findings(), [""; 0], "{}", ran.said.out);
    assert!(ran.said.out.contains("Not implemented by the target: UnassignPrivate"), "{}", ran.said.out);
}

/// What a rule is found to be at a server with a fault, and what the run prints.
fn result_of(rule: &str, broken: &[&str]) -> (String, String) {
    let server = serve(&[&["--cloud", "ec2", "--seed", "1"], broken].concat());
    let ran = run(&[&*server.url, "--cloud", "ec2", "--clock", "driven", "--seed", "1", "--only", rule]);
    let rules = ran.report()["rules"].as_array().unwrap().clone();
    let of_it = rules.iter().find(|of| of["id"] == rule).unwrap();
    (of_it["result"].as_str().unwrap().to_owned(), ran.said.out.clone())
}

/// A network interface that was made in spite of a refusal may be one that a service has made for something else; but its
/// subnet cannot be deleted any more.
#[test]
fn a_refusal_after_which_something_cannot_be_removed_has_not_shown_that_its_rule_is_kept() {
    let rule = "CreateNetworkInterface.DryRun.type";
    assert_eq!(result_of(rule, &[]).0, "pass");
    let (acts, out) = result_of(rule, &["--break", &format!("{rule}:acts")]);
    assert_eq!(acts, "indeterminate");
    assert!(out.contains(&format!("{rule}: perhaps something was made in spite of the refusal")), "{out}");
}

/// No answer names a subnet that was made in spite of a refusal; but it stands in the scenario's own VPC, and nobody else
/// makes one there.
#[test]
fn what_was_made_in_spite_of_a_refusal_is_told_from_what_strangers_have_by_what_it_belongs_to() {
    let rule = "CreateSubnet.CidrBlock.form";
    assert_eq!(result_of(rule, &[]).0, "pass");
    let (acts, out) = result_of(rule, &["--break", &format!("{rule}:acts")]);
    assert_eq!(acts, "violation");
    assert!(out.contains("is one more: "), "{out}");
}

/// Whether a row of the answers of an operation is right shows in no other operation's answers.
#[test]
fn what_is_said_of_the_answers_of_an_operation_that_is_missing_is_out_of_reach() {
    let row = "Size     = { type = \"integer\", shows = \"size\"";
    let of_one = format!("{row}, operations = [\"PaintLocker\"]");
    let law = changed(&lockers(), &[("resources.toml", row, &of_one)]);
    let output = "[output.Locker]\ntype = \"struct\"\nview = \"locker\"\nof   = \"locker\"\n";
    fs::write(law.path().join("operations/paint_locker.toml"), format!("{PAINT}\n{output}")).unwrap();
    let server = serve(&["--specs", &text(&lockers())]);
    let ran = run(&[&server.url, "--specs", &text(law.path()), "--only", "locker.Size*"]).ends(0);
    let report = ran.report();
    let result = |id: &str| report["rules"].as_array().unwrap().iter().find(|r| r["id"] == id).unwrap().clone();
    assert_eq!(result("locker.Size")["result"], "unsupported");
    assert_eq!(result("locker.Size")["reason"], "unreachable: needs PaintLocker");
    assert_eq!(result("locker.Size.elsewhere")["result"], "pass");
}

/// Where the law is silent about a request, a target may refuse it in any way, and a breach would not be seen.
#[test]
fn a_refusal_is_tried_with_a_request_about_which_the_law_is_not_silent() {
    let silent = "[input.Size]\ntype    = \"integer\"";
    let insured = "[input.Insured]\ntype = \"boolean\"\n\n[[open]]\nid      = \"open-uninsured\"\n\
                   says    = \"Is there such a locker?\"\nbecause = \"Nobody says so.\"\n\
                   either  = \"!has(input.Insured)\"\naccepted = \"as-usual\"\n\n";
    let law = changed(&lockers(), &[("operations/open_locker.toml", silent, &format!("{insured}{silent}"))]);
    let ran = run(&["--specs", &text(law.path()), "--only", "OpenLocker.Size.type"]).ends(0);
    let trace = ran.trace();
    let wrong = trace.iter().filter(|line| line["scenario"] == "OpenLocker.Size.type" && line["cleanup"] == false);
    let wrong: Vec<String> =
        wrong.map(|line| line["call"].to_string()).filter(|call| call.contains("nonsense")).collect();
    assert!(!wrong.is_empty() && wrong.iter().all(|call| call.contains("Insured")), "{wrong:?}");
}

/// A locker has a note that nothing ever sets.
#[test]
fn what_is_never_there_to_be_shown_is_not_called_right() {
    let fields = [
        ("resources.toml", "size      =", "note      = { kind = \"text\" }\nsize      ="),
        ("resources.toml", "Size     =", "Note     = { type = \"string\", shows = \"note\" }\nSize     ="),
    ];
    let law = changed(&lockers(), &fields);
    let report = run(&["--specs", &text(law.path()), "--max-requests", "300"]).ends(0).report();
    let result =
        |id: &str| report["rules"].as_array().unwrap().iter().find(|r| r["id"] == id).unwrap()["result"].clone();
    assert_eq!((result("locker.Note"), result("locker.Size")), ("not-reached".into(), "pass".into()));
}

/// A server that takes anything for a way to close a locker, held against laws by which there are two.
#[test]
fn a_wrong_value_of_a_parameter_that_may_mean_nothing_then_need_not_be_refused() {
    let close = "operations/close_locker.toml";
    let gently = "[input.Gently]\ntype = \"boolean\"";
    let anything = changed(
        &lockers(),
        &[
            (close, gently, "[input.Gently]\ntype = \"string\""),
            (
                close,
                "refuse = \"has(input.Gently) && input.Gently && locker.size > 5\"",
                "refuse = \"locker.size > 9\"",
            ),
        ],
    );
    let server = serve(&["--specs", &text(anything.path())]);
    let of_two =
        format!("{gently}\n\n[[open]]\nid = \"close-small\"\nsays = \"Is it read?\"\nbecause = \"No text says so.\"\n");
    let held = |open: &str| {
        let law = changed(&lockers(), &[(close, gently, open)]);
        let ran = run(&[&server.url, "--specs", &text(law.path()), "--only", "CloseLocker.Gently.type"]);
        ran.report()["findings"].as_array().unwrap().len()
    };
    assert_eq!(held(gently), 1);
    assert_eq!(held(&format!("{of_two}either = \"locker.size < 10\"\nexcuses = [\"Gently\"]")), 0);
    assert_eq!(held(&format!("{of_two}either = \"locker.size > 10\"\nexcuses = [\"Gently\"]")), 1);
    let unknown =
        changed(&lockers(), &[(close, gently, &format!("{of_two}either = \"true\"\nexcuses = [\"Softly\"]"))]);
    let said = ask(&["spec", "check", &text(unknown.path())]).ends(2);
    assert!(said.err.contains("Softly") && said.err.contains("excuses"), "{}", said.err);
}

/// A locker that closes within ten minutes by the law, and after eight at this server: longer than anybody waits here.
fn closing_slowly() -> (TempDir, Served) {
    let (at_once, later) = ("delete = \"locker\"", "each   = \"[locker]\"\ndelete = \"it\"\nafter  = ");
    let law = |usually: &str| {
        let window = format!("{later}{{ latest = \"600\", usually = \"{usually}\" }}");
        changed(&lockers(), &[("operations/close_locker.toml", at_once, &window)])
    };
    let server = serve(&["--specs", &text(law("480").path())]);
    (law("0"), server)
}

/// How often each scenario looked at the same during one and the same step, by the scenario's name.
fn most_looks(trace: &[Value]) -> BTreeMap<String, usize> {
    let mut most = BTreeMap::new();
    let mine = |line: &&Value| line["cleanup"] == false && line["scenario"] != "probe";
    for line in trace.iter().filter(mine) {
        let same = |other: &&Value| ["tokens", "step", "cleanup", "call"].iter().all(|key| other[*key] == line[*key]);
        let looks = most.entry(line["scenario"].as_str().unwrap().to_owned()).or_insert(0);
        *looks = trace.iter().filter(same).count().max(*looks);
    }
    most
}

#[test]
fn what_was_waited_for_in_vain_is_not_waited_for_again() {
    let (law, server) = closing_slowly();
    let specs = text(law.path());
    // Requests that are sent at once are of one step, too.
    let args = [&server.url, "--specs", &specs, "--clients", "1", "--patience", "1s"];
    let ran = run(&[&args[..], &["--max-requests", "1500", "--max-time", "60s"]].concat());
    let looks = most_looks(&ran.trace());
    let (random, planned): (Vec<_>, Vec<_>) = looks.iter().partition(|(name, _)| name.starts_with("random-"));
    assert!(planned.iter().any(|(_, looks)| **looks >= 6), "{planned:?}");
    assert!(!random.is_empty() && random.iter().all(|(_, looks)| **looks < 6), "{random:?}");
}

#[test]
fn while_a_scenario_waits_for_long_others_begin() {
    let (law, server) = closing_slowly();
    let specs = text(law.path());
    let ran = run(&[&server.url, "--specs", &specs, "--patience", "60s", "--max-requests", "600", "--max-time", "8s"]);
    let trace = ran.trace();
    // What comes after the suite begins before the last of the suite's scenarios has ended.
    let sent = |later: bool| {
        let mine = trace.iter().filter(move |line| line["cleanup"] == false && line["tokens"] != "");
        let is_later = |name: &str| ["random-", "around-"].iter().any(|later| name.starts_with(later));
        let of = mine.filter(move |line| is_later(line["scenario"].as_str().unwrap()) == later);
        of.map(|line| line["exchange"]["sent"].as_u64().unwrap())
    };
    assert!(sent(true).min().unwrap() < sent(false).max().unwrap());
}

#[test]
fn the_last_line_says_whether_the_target_conforms() {
    let last = |ran: Ran| ran.said.out.lines().last().unwrap().to_owned();
    assert_eq!(last(run_lockers(&[]).ends(0)), "conforms: no rule was found broken");
    let wrong = changed(&lockers(), &[("resources.toml", "\"LockerMalformed\"", "\"LockerOdd\"")]);
    let server = serve(&["--specs", &text(wrong.path())]);
    assert_eq!(
        last(run_lockers(&[&server.url]).ends(0)),
        "conforms with --fail-on must; broken below that are 2 should rules"
    );
    assert_eq!(
        last(run_lockers(&[&server.url, "--fail-on", "should"]).ends(1)),
        "does not conform: broken are 2 should rules"
    );
    assert_eq!(last(run_lockers(&["--max-requests", "1"]).ends(4)), "nothing could be checked");
}

/// A fault of form does not end a scenario, so one scenario may hold many answers with it.
#[test]
fn a_broken_rule_counts_answers_and_a_finding_scenarios() {
    let wire = "[[wire]]\nid = \"wire-namespace\"\nfault = \"namespace\"\nlevel = \"must\"\nsays = \"It is so.\"\n\
        source = { text = \"guide\", at = \"form\" }\n\n[sources]";
    let other = "namespace = \"http://other.example/\"";
    let strict = changed(
        &lockers(),
        &[("cloud.toml", "namespace = \"http://lockers.example/\"", other), ("cloud.toml", "[sources]", wire)],
    );
    let server = serve(&["--specs", &text(&lockers())]);
    let ran =
        run(&[&server.url, "--specs", &text(strict.path()), "--only", "wire-namespace", "--only", "open-*"]).ends(1);
    let report = ran.report();
    let rule = report["rules"].as_array().unwrap().iter().find(|r| r["id"] == "wire-namespace").unwrap();
    let (answers, scenarios) = (rule["broken"].as_u64().unwrap(), report["findings"][0]["times"].as_u64().unwrap());
    assert!(answers > scenarios && scenarios <= report["totals"]["scenarios"].as_u64().unwrap(), "{rule} {scenarios}");
    // Every accepted answer that is not of the probe or the clean-up, nor of the finding played again, had it; what is
    // played around the suite is not held against rules that are known to be broken.
    let others = ["probe", "again:", "around-"];
    let first = |scenario: &str| others.iter().all(|other| !scenario.starts_with(other));
    let judged = |line: &Value| first(line["scenario"].as_str().unwrap()) && line["cleanup"] == false;
    let accepted = |line: &Value| line["exchange"]["answer"]["status"] == 200;
    let had_it = ran.trace().iter().filter(|line| judged(line) && accepted(line)).count() as u64;
    assert_eq!(answers, had_it);
}

// --- The law -----------------------------------------------------------------------------------------------------------

#[test]
fn a_broken_law_is_told_to_programs_as_json() {
    let sise = ("operations/close_locker.toml", "locker.size > 5", "locker.sise > 5");
    let broken = changed(&lockers(), &[sise]);
    let said = ask(&["spec", "check", "--json", &text(broken.path())]).ends(2);
    assert!(said.err.is_empty(), "{}", said.err);
    let results: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((results[0]["cloud"].as_str(), results[0]["sound"].as_bool()), (Some("lockers"), Some(false)));
    let error = &results[0]["errors"][0];
    assert!(error["file"].as_str().unwrap().ends_with("close_locker.toml"), "{error}");
    let text_of = fs::read_to_string(broken.path().join(sise.0)).unwrap();
    let line = error["line"].as_u64().unwrap() as usize - 1;
    let column = error["column"].as_u64().unwrap() as usize - 1;
    assert!(text_of.lines().nth(line).unwrap()[column..].starts_with("sise"), "{error}");
    assert!(error["message"].as_str().unwrap().contains("sise") && error["help"].is_string(), "{error}");
    // A sound one has the same form.
    let said = ask(&["spec", "check", "--json", &text(&lockers())]).ends(0);
    let results: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((results[0]["sound"].as_bool(), &results[0]["errors"]), (Some(true), &Value::Array(Vec::new())));
    // What cannot even be looked for is told in the same way.
    let nowhere = text(&broken.path().join("nowhere"));
    let said = ask(&["spec", "check", "--json", &nowhere]).ends(2);
    let results: Value = serde_json::from_str(&said.out).unwrap();
    assert!(results[0]["errors"][0]["message"].as_str().unwrap().contains("nowhere"), "{results}");
}

#[test]
fn a_rule_is_shown_with_its_codes() {
    let specs = text(&lockers());
    let show = |id: &str| ask(&["spec", "show", id, "--specs", &specs]).ends(0).out;
    assert!(show("close-gently-large").contains("codes: LockerTooHeavy\n"), "{}", show("close-gently-large"));
    assert!(show("CloseLocker.Gently.type").contains("codes: any client error"));
    assert!(!show("close-removes").contains("codes:"));
    let json = ask(&["spec", "show", "close-gently-large", "--specs", &specs, "--json"]).ends(0).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["codes"], serde_json::json!(["LockerTooHeavy"]));
}

#[test]
fn open_questions_are_listed_and_shown() {
    let open = "\n[[open]]\nid = \"close-twice\"\nsays = \"May it be closed at night?\"\nbecause = \"The guide is silent.\"\n\
        either = \"locker.size == 7\"\naccepted = \"as-usual\"\n";
    let law = changed(&lockers(), &[]);
    let specs = text(law.path());
    let list = ask(&["spec", "list", "--specs", &specs]).ends(0).out;
    assert!(!list.contains("Open questions") && !list.contains("Readings"), "{list}");
    let path = law.path().join("operations/close_locker.toml");
    fs::write(&path, fs::read_to_string(&path).unwrap() + open).unwrap();
    let list = ask(&["spec", "list", "--specs", &specs]).ends(0).out;
    assert!(list.contains("close-twice") && list.contains("May it be closed at night?"), "{list}");
    let json: Value = serde_json::from_str(&ask(&["spec", "list", "--specs", &specs, "--json"]).ends(0).out).unwrap();
    assert_eq!(json["open"][0]["id"], "close-twice");
    let shown = ask(&["spec", "show", "close-twice", "--specs", &specs]).ends(0).out;
    for part in ["The guide is silent.", "CloseLocker", "locker.size == 7"] {
        assert!(shown.contains(part), "{shown}");
    }
    let said = ask(&["spec", "show", "close-twise", "--specs", &specs]).ends(2);
    assert!(said.err.contains("did you mean close-twice?"), "{}", said.err);
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
    // However often it was broken, a rule is shown once.
    assert_eq!(blamed(&said.out), ["close-gently-large"], "{}", said.out);
    assert!(said.out.contains("LockerTooHeavy") && said.out.contains("The lockers' guide"), "{}", said.out);
    assert!(said.out.trim_end().ends_with("of 1 rule"), "{}", said.out);
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
fn the_embedded_server_is_tested_for_every_cloud_there_is() {
    let specs = lockers().parent().map(text).unwrap();
    let ran = run(&["--specs", &specs, "--cloud", "lockers", "--max-requests", "100"]).ends(0);
    let out = text(ran.folder.path());
    ask(&["run", "--specs", &specs, "--out", &out, "--max-requests", "400", "--seed", "1"]).ends(0);
    assert!(!ran.folder.path().join("report.json").exists(), "the earlier run's report is still there");
    for cloud in ["lockers", "parcels"] {
        let file = ran.folder.path().join(cloud).join("report.json");
        let report: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(report["law"]["cloud"], cloud);
        let rules = report["rules"].as_array().unwrap();
        assert!(rules.iter().all(|rule| rule["result"] == "pass"), "{rules:?}");
    }
    let reports: Value = serde_json::from_str(&ask(&["report", &out, "--json"]).ends(0).out).unwrap();
    assert_eq!(reports.as_array().map(Vec::len), Some(2));
    let again = ask(&["recheck", &out, "--specs", &specs]).ends(0);
    assert_eq!(again.out.matches("judged again, 0 violations").count(), 2, "{}", again.out);
}

/// What follows on requests that were sent at once depends on which of them came first.
#[test]
fn the_same_seed_sends_the_same_requests_where_none_overlap() {
    let run_lockers = |args: &[&str]| run_lockers(&[args, &["--clients", "1", "--max-requests", "800"]].concat());
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
        calls(&run_lockers(&[&server.url, "--seed", "7", "--clients", "1"]).ends(0))
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
    let answer = post(url, "Action=ShowLockers&Version=2026-01-01");
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
