//! What a run never does without being asked to, and what it leaves when it is killed.

mod common;

use common::{ask, changed, lockers, run, text};

// --- Hosts -------------------------------------------------------------------------------------------------------------

/// A host that nobody has: no request could reach it, and none is sent here.
const NOBODYS: &str = "203.0.113.7";

/// What is printed without the frame around it and the breaks in it.
fn words(printed: &str) -> String {
    printed.replace('│', " ").replace("-\n", "-").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_host_that_is_not_ones_own_needs_permission() {
    for url in ["http://203.0.113.7", "http://mock.example:5000", "https://[2001:db8::7]"] {
        let said = run(&[url, "--allow-host", "other.example"]).said.ends(2);
        let host = url.rsplit("//").next().unwrap().trim_end_matches(":5000");
        assert!(words(&said.err).contains("nobody has permitted requests to it"), "{}", said.err);
        assert!(said.err.replace([' ', '\n', '│'], "").contains(&format!("--allow-host{host}")), "{}", said.err);
    }
    // With permission it is the credentials that are missing.
    let said = run(&[&format!("http://{NOBODYS}"), "--allow-host", NOBODYS]).said.ends(2);
    assert!(words(&said.err).contains("AWS_SECRET_ACCESS_KEY are not set"), "{}", said.err);
}

#[test]
fn every_url_of_a_command_line_is_judged() {
    let own = "http://127.0.0.1:9";
    let vpc = format!("vpc=http://{NOBODYS}");
    let said = run(&[own, "--cloud", "alibaba", "--endpoint", &vpc]).said.ends(2);
    assert!(words(&said.err).contains("nobody has permitted"), "{}", said.err);
    let steps = run_that_finds();
    let scenario = text(&steps.1);
    let said = ask(&["replay", &scenario, &format!("http://{NOBODYS}"), "--specs", &text(&lockers())]).ends(2);
    assert!(words(&said.err).contains("nobody has permitted"), "{}", said.err);
}

/// A run that found something, and the folder of the finding.
fn run_that_finds() -> (common::Ran, std::path::PathBuf) {
    let wrong = changed(&lockers(), &[("operations/close_locker.toml", "LockerTooHeavy", "LockerTooBig")]);
    let server = common::serve(&["--specs", &text(wrong.path())]);
    let ran = run(&[&server.url, "--specs", &text(&lockers()), "--max-requests", "200", "--clients", "1"]).ends(1);
    let folder = std::fs::read_dir(ran.folder.path().join("findings")).unwrap().next().unwrap().unwrap().path();
    (ran, folder)
}

#[test]
fn a_cloud_that_sends_bills_needs_both_permissions_by_whatever_law() {
    let lockers = text(&lockers());
    let law: [&[&str]; 3] = [&["--cloud", "ec2"], &["--cloud", "alibaba"], &["--specs", &lockers]];
    for law in law {
        for host in ["ec2.us-east-1.amazonaws.com", "vpc.aliyuncs.com", "a.vpce.EC2.us-east-1.vpce.amazonaws.com."] {
            let url = format!("https://{host}");
            let run = |more: &[&str]| run(&[&[url.as_str()], law, more].concat()).said;
            assert!(words(&run(&["--allow-billable"]).ends(2).err).contains("nobody has permitted"));
            let said = run(&["--allow-host", host]).ends(2);
            assert!(words(&said.err).contains("costs money"), "{}", said.err);
            assert!(words(&said.err).contains("--allow-billable"), "{}", said.err);
        }
    }
    // Another cloud's law may name hosts of its own.
    let law = changed(
        &common::lockers(),
        &[("cloud.toml", "region    =", "billable-hosts = [\"*.lockers.example\"]\nregion    =")],
    );
    let host = "a.lockers.example";
    let said = run(&["http://a.lockers.example", "--specs", &text(law.path()), "--allow-host", host]).said.ends(2);
    assert!(words(&said.err).contains("costs money"), "{}", said.err);
}

#[test]
fn what_is_permitted_is_a_host_and_nothing_more() {
    for host in ["*", "http://a.example", "a.example:80"] {
        ask(&["run", "http://127.0.0.1:9", "--allow-host", host]).ends(2);
    }
}
