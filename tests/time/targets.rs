//! Whole runs against servers whose time is moved: right ones and wrong ones, through the front door.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    common::{Ran, Served, ask, run, serve, text},
    law_with,
    proxy::{Fate, Passing, Proxy, answer, with_id_of, without_id},
};

const BY_THE_END: &str = "nat-disassociate-deadline";
const AT_THE_END: &str = "nat-disassociate-end";

fn serve_with(seconds: &str) -> Served {
    let law = law_with(seconds);
    serve(&["--specs", &text(law.path()), "--cloud", "ec2", "--seed", "1"])
}

/// A run for one rule on a driven clock.
fn run_driven(url: &str, rule: &str, more: &[&str]) -> Ran {
    let mut args = vec![url, "--cloud", "ec2", "--clock", "driven", "--only", rule, "--seed", "1"];
    args.extend(more);
    run(&args)
}

const STRICT: [&str; 2] = ["--reading", "drain-end=at-the-end"];

fn result_of(ran: &Ran, rule: &str) -> String {
    let report = ran.report();
    let found = report["rules"].as_array().unwrap().iter().find(|r| r["id"] == rule).unwrap();
    found["result"].as_str().unwrap().to_owned()
}

#[test]
fn a_right_server_passes_with_the_whole_default_window_under_both_readings() {
    let server = serve(&["--cloud", "ec2", "--seed", "1"]);
    let ran = run_driven(&server.url, BY_THE_END, &[]).ends(0);
    assert_eq!(result_of(&ran, BY_THE_END), "pass");
    let ran = run_driven(&server.url, AT_THE_END, &STRICT).ends(0);
    assert_eq!(result_of(&ran, AT_THE_END), "pass");
    // The window of 350 seconds was passed, and was looked at a second before its end.
    let lines = ran.trace();
    let moments = |line: &serde_json::Value| line["exchange"]["sent"].as_u64().unwrap() / 1_000_000;
    let sent = |name: &str| {
        let asks = |l: &&serde_json::Value| l["call"]["operation"] == name && l["cleanup"] == false;
        lines.iter().filter(asks).map(moments).collect::<Vec<_>>()
    };
    let (begun, looks) = (sent("DisassociateNatGatewayAddress"), sent("DescribeNatGateways"));
    let is_just_before = |look: u64| begun.iter().any(|begun| (348..350).contains(&look.saturating_sub(*begun)));
    assert!(looks.iter().any(|look| is_just_before(*look)), "{begun:?} {looks:?}");
}

#[test]
fn a_server_that_lets_go_a_second_too_early_is_found_where_the_reading_says_so() {
    let server = serve_with("input.MaxDrainDurationSeconds - 1");
    assert_eq!(run_driven(&server.url, AT_THE_END, &STRICT).ends(1).findings(), [AT_THE_END]);
    assert_eq!(result_of(&run_driven(&server.url, BY_THE_END, &[]).ends(0), BY_THE_END), "pass");
}

#[test]
fn a_server_that_lets_go_at_the_wrong_end_of_the_window_is_found() {
    let server = serve_with("0");
    assert_eq!(run_driven(&server.url, AT_THE_END, &STRICT).ends(1).findings(), [AT_THE_END]);
}

#[test]
fn a_server_that_lets_go_too_late_or_never_is_found_under_both_readings() {
    // A clock that is moved by whole seconds tells five seconds from seven at the least.
    for seconds in ["input.MaxDrainDurationSeconds + 8", "100000"] {
        let server = serve_with(seconds);
        assert_eq!(run_driven(&server.url, BY_THE_END, &[]).ends(1).findings(), [BY_THE_END], "{seconds}");
        assert_eq!(run_driven(&server.url, AT_THE_END, &STRICT).ends(1).findings(), [AT_THE_END], "{seconds}");
    }
}

#[test]
fn a_server_that_is_late_by_less_than_the_tolerance_is_not_found() {
    let server = serve_with("input.MaxDrainDurationSeconds + 4");
    run_driven(&server.url, BY_THE_END, &[]).ends(0);
    let ran = run_driven(&server.url, BY_THE_END, &["--time-tolerance", "2s"]).ends(1);
    assert_eq!(ran.findings(), [BY_THE_END]);
}

/// What reading answers were before and are since, where nothing but time can have changed them.
#[derive(Default)]
struct Memory {
    answers: HashMap<String, Vec<String>>,
    shown: usize,
}

impl Memory {
    /// An older answer to the same question, if time alone has changed it.
    fn older(&mut self, passing: &Passing, now: &str) -> Option<String> {
        if !passing.reads() {
            if passing.path == "/" {
                self.answers.clear();
            }
            return None;
        }
        let answers = self.answers.entry(passing.body.clone()).or_default();
        if answers.last().is_none_or(|last| without_id(last) != without_id(now)) {
            answers.push(now.to_owned());
            self.shown = 0;
        }
        self.shown += 1;
        let older = answers.len().checked_sub(2)?;
        Some(with_id_of(&answers[older], now))
    }
}

/// A server that shows what was before, every time that `when` says so: it is told how often the present was asked for.
fn forgetful(server: &Served, when: fn(usize) -> bool) -> Proxy {
    let mut memory = Memory::default();
    Proxy::new(&server.url, move |passing, ask| {
        let now = ask();
        let older = memory.older(passing, &now);
        Fate::Answer(older.filter(|_| when(memory.shown)).unwrap_or(now))
    })
}

#[test]
fn a_change_that_does_not_last_is_found_under_the_rule_of_the_change() {
    let server = serve(&["--cloud", "ec2", "--seed", "1"]);
    // Seen once and gone again, seen twice, and seen every other time.
    for when in [|n| n > 1, |n| n > 2, |n: usize| n.is_multiple_of(2)] {
        let proxy = forgetful(&server, when);
        let ran = run_driven(&proxy.url, BY_THE_END, &[]).ends(1);
        assert_eq!(ran.findings(), [BY_THE_END]);
    }
}

#[test]
fn answers_that_lag_behind_are_no_violation_where_they_may() {
    let server = serve(&["--cloud", "ec2", "--seed", "1"]);
    let lagging = || {
        // After each change the first two answers show what was before, if that was so within the last five seconds; what
        // was just made is not found.
        let mut seconds = 0.0;
        let mut last: HashMap<String, (f64, String)> = HashMap::new();
        let mut stale = HashMap::<String, usize>::new();
        Proxy::new(&server.url, move |passing, ask| {
            let now = ask();
            if let Ok(advance) = serde_json::from_str::<serde_json::Value>(&passing.body) {
                seconds += advance["seconds"].as_f64().unwrap_or_default();
            }
            if !passing.reads() {
                return Fate::Answer(now);
            }
            let recent = last.get(&passing.body).filter(|(at, _)| seconds - at <= 5.0);
            let before = recent.map(|(_, before)| before.clone());
            if before.as_ref().is_some_and(|b| without_id(b) != without_id(&now)) {
                let times = stale.entry(passing.body.clone()).or_default();
                *times += 1;
                if *times <= 2 {
                    return Fate::Answer(with_id_of(&before.unwrap(), &now));
                }
            }
            stale.remove(&passing.body);
            last.insert(passing.body.clone(), (seconds, now.clone()));
            Fate::Answer(now)
        })
    };
    let ran = run_driven(&lagging().url, BY_THE_END, &["--consistency", "eventual:5s"]).ends(0);
    assert_eq!(result_of(&ran, BY_THE_END), "pass");
    let out = text(ran.folder.path());
    ask(&["recheck", &out, "--cloud", "ec2", "--consistency", "eventual:5s"]).ends(0);
    ask(&["recheck", &out, "--cloud", "ec2"]).ends(1);
}

#[test]
fn throttling_is_waited_for_everywhere_and_never_a_violation() {
    let server = serve(&["--cloud", "ec2", "--seed", "1"]);
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let proxy = Proxy::new(&server.url, move |passing, ask| {
        let body = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>Slow down.</Message></Error>\
            </Errors><RequestID>r</RequestID></Response>";
        // Every third request, that of the clean-up included.
        if passing.path == "/" && seen.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
            return Fate::Answer(answer("503 Service Unavailable", "Retry-After: 0\r\n", body));
        }
        Fate::Answer(ask())
    });
    let ran = run_driven(&proxy.url, BY_THE_END, &[]).ends(0);
    assert_eq!(result_of(&ran, BY_THE_END), "pass");
    assert_eq!(ran.report()["leftovers"], serde_json::json!([]));
    assert!(count.load(Ordering::SeqCst) > 20);
    ask(&["recheck", &text(ran.folder.path()), "--cloud", "ec2"]).ends(0);
}

/// A server whose answer to one operation never comes: it is done, or it is not.
fn silent(server: &Served, operation: &'static str, done: bool) -> Proxy {
    Proxy::new(&server.url, move |passing, ask| {
        // Rehearsals are answered, so that the probe knows the operation.
        if !passing.asks_for(operation) || passing.body.contains("DryRun") {
            return Fate::Answer(ask());
        }
        if done {
            ask();
        }
        Fate::Silence
    })
}

#[test]
fn a_request_that_is_not_answered_may_have_been_done_or_not() {
    let server = serve(&["--cloud", "ec2", "--seed", "1"]);
    for done in [true, false] {
        let proxy = silent(&server, "DisassociateNatGatewayAddress", done);
        let ran = run_driven(&proxy.url, "nat-disassociate-*", &[]);
        assert!(ran.findings().is_empty(), "{done}: {:?}", ran.findings());
        assert_eq!(ran.report()["leftovers"], serde_json::json!([]), "{done}");
        assert!(ran.report()["indeterminate"].as_object().unwrap().keys().any(|why| why.contains("Disassociate")));
    }
}

#[test]
fn what_an_unanswered_request_has_made_is_removed_where_it_can_be_told_apart() {
    let server = serve(&["--cloud", "ec2", "--seed", "1"]);
    // A subnet stands in a network of the run's own; an address stands nowhere, and cannot be told from others.
    let proxy = silent(&server, "CreateSubnet", true);
    let ran = run_driven(&proxy.url, "subnet-*", &["--clients", "1"]);
    assert_eq!(ran.report()["leftovers"], serde_json::json!([]));
    let proxy = silent(&server, "AllocateAddress", true);
    let ran = run_driven(&proxy.url, "allocate*", &[]);
    let left = ran.report()["leftovers"].clone();
    assert!(left[0]["why"].as_str().unwrap().starts_with("perhaps: AllocateAddress was sent and never"), "{left}");
}

#[test]
fn a_clock_that_does_not_move_is_an_error_before_anything_is_sent() {
    let server = serve(&["--cloud", "ec2", "--seed", "1"]);
    let clocks = [
        ("HTTP 404", answer("404 Not Found", "", "nothing here")),
        ("HTTP 500", answer("500 Internal Server Error", "", "")),
        ("nothing shows that there is a clock", answer("200 OK", "", "")),
    ];
    for (said, clock) in clocks {
        let others = Arc::new(AtomicUsize::new(0));
        let count = others.clone();
        let proxy = Proxy::new(&server.url, move |passing, ask| {
            if passing.path == "/" {
                count.fetch_add(1, Ordering::SeqCst);
                return Fate::Answer(ask());
            }
            Fate::Answer(clock.clone())
        });
        let ran = run_driven(&proxy.url, BY_THE_END, &[]).ends(3);
        let err = ran.said.err.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(err.contains(said) && err.contains("{\"seconds\": N}"), "{}", ran.said.err);
        assert_eq!(others.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_clock_has_one_of_three_paces() {
    for pace in ["fast", "scaled:0", "scaled:x", "scaled:"] {
        run(&["--clock", pace]).ends(2);
    }
    run(&["--consistency", "never"]).ends(2);
}

#[test]
fn the_second_law_is_kept_to_on_a_driven_clock() {
    let server = serve(&["--cloud", "alibaba", "--seed", "1"]);
    let args = ["--cloud", "alibaba", "--clock", "driven", "--only", "unassociate-*", "--seed", "1"];
    let ran = run(&[&[server.url.as_str()][..], &args].concat()).ends(0);
    assert_eq!(result_of(&ran, "unassociate-completes"), "pass");
    assert_eq!(result_of(&ran, "unassociate-begins"), "pass");
}
