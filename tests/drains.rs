//! Rules about what must not happen while something else is under way. Whether it was under way is known only later, so
//! the oracle remembers what it suspects; these tests hold that the suspicion is raised in the end, and only then.

mod common;

use common::{changed, ec2, run, serve, text};

/// The rule, and the file and the beginning of its condition.
const RULE: &str = "nat-disassociate-while-draining";
const FILE: &str = "operations/disassociate_nat_gateway_address.toml";
const CONDITION: &str = "refuse   = \"nat_gateway.live && nat_gateway.addresses.exists(a, a.draining)";

#[test]
fn a_server_that_lets_more_leave_during_a_drain_is_found_once_the_drain_is_seen_to_last() {
    let never = CONDITION.replace("= \"", "= \"false && ");
    let folder = changed(&ec2(), &[(FILE, CONDITION, &never)]);
    let server = serve(&["--specs", &text(folder.path()), "--cloud", "ec2"]);
    let ran = run(&[&server.url, "--cloud", "ec2", "--only", RULE, "--seed", "1"]).ends(1);
    assert_eq!(ran.findings(), [RULE]);
}

#[test]
fn a_server_that_lets_nothing_more_leave_during_a_drain_is_not_suspected() {
    let server = serve(&["--cloud", "ec2"]);
    let ran = run(&[&server.url, "--cloud", "ec2", "--only", RULE, "--seed", "1"]).ends(0);
    assert!(ran.findings().is_empty());
    let report = ran.report();
    let rule = report["rules"].as_array().unwrap().iter().find(|rule| rule["id"] == RULE).unwrap();
    assert_eq!(rule["result"], "pass");
}
