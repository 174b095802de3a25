//! A new operation is one spec file, and a new cloud a folder of them: no line of Rust.

mod common;

use std::fs;

use common::{ask, changed, ec2, lockers, post, run, serve, text};
use serde_json::Value;
use tempfile::TempDir;

/// An operation that nobody offers.
const PARK: &str = r#"
operation = "ParkAddress"
summary   = "Puts an Elastic IP address aside."
source    = "user-guide"
level     = "should"

[input]
DryRun = { type = "boolean" }

[input.AllocationId]
type     = "string"
required = true
names    = "address"

[input.Days]
type = "integer"
min  = 1
max  = 30

[output.ParkedId]
type  = "string"
shows = "address.allocation_id"

[[rule]]
id     = "park-while-associated"
level  = "should"
says   = "An address that is associated cannot be put aside."
source = { text = "user-guide", at = "parking" }
refuse = "address.association != null"
codes  = ["AddressNotParked"]

[[rule]]
id     = "park-takes-away"
level  = "should"
says   = "An address that was put aside is the account's no longer."
source = { text = "user-guide", at = "parking" }

[[rule.effect]]
delete = "address"
"#;

/// The results of the rules that a report is about.
fn results(report: &Value) -> Vec<(String, String, u64)> {
    let rules = report["rules"].as_array().unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    rules.iter().map(|r| (text(&r["id"]), text(&r["result"]), r["exercised"].as_u64().unwrap())).collect()
}

/// The law of EC2 with one more operation.
fn with_park() -> TempDir {
    let law = changed(&ec2(), &[]);
    fs::write(law.path().join("operations/park_address.toml"), PARK).unwrap();
    law
}

#[test]
fn every_rule_of_an_added_operation_is_reached_by_the_search() {
    let specs = with_park();
    let source = eipcheck::spec::SpecSource::Folder(specs.path().to_owned());
    let law = std::sync::Arc::new(eipcheck::spec::load(&source, "ec2", &[]).unwrap());
    let built_in = fs::read_dir(ec2().join("operations")).unwrap().count();
    assert_eq!(law.operations.len(), built_in + 1);
    let park = law.operation("ParkAddress").unwrap();
    let plans = eipcheck::run::suite::plan_everything(&law);
    let own: Vec<_> = law.rules().filter(|(_, rule)| rule.operation == Some(park)).collect();
    assert!(own.len() > 5, "the rules of its tables and its own");
    for (ix, rule) in own {
        assert!(plans.contains_key(&ix), "{} is not reached", rule.id);
    }
}

#[test]
fn an_operation_added_as_one_file_is_listed_generated_served_and_judged() {
    let law = with_park();
    let specs = text(law.path());

    let list = ask(&["spec", "list", "--specs", &specs, "--json"]).ends(0);
    let list: Value = serde_json::from_str(&list.out).unwrap();
    let of_park = |r: &&Value| r["operation"] == "ParkAddress";
    let ids: Vec<&str> =
        list["rules"].as_array().unwrap().iter().filter(of_park).map(|r| r["id"].as_str().unwrap()).collect();
    for id in [
        "ParkAddress.AllocationId.required",
        "ParkAddress.AllocationId.malformed",
        "ParkAddress.AllocationId.unknown",
        "ParkAddress.AllocationId.stale",
        "ParkAddress.Days.range",
        "ParkAddress.Days.type",
        "ParkAddress.DryRun.type",
        "ParkAddress.ParkedId",
        "ParkAddress.dry-run",
        "ParkAddress.undeclared",
        "park-takes-away",
        "park-while-associated",
    ] {
        assert!(ids.contains(&id), "{id} is not among {ids:?}");
    }

    let ran = run(&["--specs", &specs, "--only", "ParkAddress*", "--only", "park-*", "--seed", "1"]).ends(0);
    let results = results(&ran.report());
    assert_eq!(results.len(), ids.len(), "{results:?}");
    for (id, result, exercised) in results {
        assert!(result == "pass" && exercised > 0, "{id}: {result}, exercised {exercised} times");
    }
    let parked = ran.trace().iter().filter(|l| l["call"]["operation"] == "ParkAddress").count();
    assert!(parked >= 10, "ParkAddress was sent {parked} times");
    assert_eq!(ran.report()["leftovers"], Value::Array(Vec::new()));
}

#[test]
fn the_operation_is_unknown_to_the_law_that_is_built_in() {
    let list = ask(&["spec", "list"]).ends(0);
    assert!(list.out.contains("ReleaseAddress") && !list.out.contains("ParkAddress"));
    run(&["--only", "ParkAddress*"]).ends(2);
}

#[test]
fn a_cloud_of_ones_own_is_tested_in_full() {
    let specs = text(&lockers());
    let check = ask(&["spec", "check", &specs]).ends(0);
    assert!(check.out.contains("lockers: 3 operations"), "{}", check.out);
    let ran = run(&["--specs", &specs, "--cloud", "lockers", "--max-requests", "2000"]).ends(0);
    let report = ran.report();
    assert_eq!(report["law"]["cloud"], "lockers");
    let results = results(&report);
    assert!(results.len() > 15, "{results:?}");
    for (id, result, exercised) in results {
        assert!(result == "pass" && exercised > 0, "{id}: {result}, exercised {exercised} times");
    }
    let random = ran.trace().iter().filter(|l| l["scenario"].as_str().unwrap().starts_with("random-")).count();
    assert!(random > 500, "only {random} random requests were sent");
    assert_eq!(report["leftovers"], Value::Array(Vec::new()));
}

#[test]
fn clouds_side_by_side_in_a_folder_are_told_apart() {
    let both = tempfile::tempdir().unwrap();
    fs::rename(changed(&ec2(), &[]).keep(), both.path().join("one")).unwrap();
    fs::rename(changed(&lockers(), &[]).keep(), both.path().join("other")).unwrap();
    let specs = text(both.path());
    let of = |cloud: &str| ask(&["spec", "list", "--specs", &specs, "--cloud", cloud]).ends(0).out;
    // The usual one is among them; of a folder that holds one other cloud there is nothing to choose.
    assert_eq!(ask(&["spec", "list", "--specs", &specs]).ends(0).out, of("ec2"));
    let other = text(&both.path().join("other"));
    assert_eq!(ask(&["spec", "list", "--specs", &other]).ends(0).out, of("lockers"));
    assert!(of("ec2").contains("release-frees") && !of("ec2").contains("open-creates"));
    assert!(of("lockers").contains("open-creates") && !of("lockers").contains("release-frees"));
}

/// An operation that creates one resource for each that it is given.
const OPEN_BESIDE: &str = r#"
operation = "OpenBeside"
summary   = "Opens a locker beside each of some others."
source    = "guide"
level     = "must"

[input.LockerIds]
type     = "list"
of       = "string"
wire     = "LockerId"
required = true
names    = "locker"
as       = "others"

[output.Lockers]
type = "list"
wire = "lockerSet"
view = "locker"
of   = "opened"

[[rule]]
id     = "open-beside"
level  = "must"
says   = "There is one more locker of the same size for each."
source = { text = "guide", at = "opening" }

[[rule.effect]]
each   = "others"
create = "locker"
as     = "opened"
set    = { size = "it.size" }
"#;

#[test]
fn what_an_effect_creates_one_by_one_is_a_list_afterwards() {
    let law = changed(&lockers(), &[]);
    fs::write(law.path().join("operations/open_beside.toml"), OPEN_BESIDE).unwrap();
    let specs = text(law.path());
    let server = serve(&["--specs", &specs]);
    let ids = |answer: &str| -> Vec<String> {
        answer.split("<lockerId>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    };
    let open =
        |size: u8| ids(&post(&server.url, &format!("Action=OpenLocker&Version=2026-01-01&Size={size}"))).remove(0);
    let (one, other) = (open(2), open(4));
    let beside = format!("Action=OpenBeside&Version=2026-01-01&LockerId.1={one}&LockerId.2={other}");
    let answer = post(&server.url, &beside);
    let opened = ids(&answer);
    assert_eq!(opened.len(), 2, "{answer}");
    assert!(!opened.contains(&one) && !opened.contains(&other) && opened[0] != opened[1]);
    assert!(answer.contains("<size>2</size>") && answer.contains("<size>4</size>"), "{answer}");
    // The law holds itself to it, and a server that creates others than those is found.
    let ran = run(&["--specs", &specs, "--only", "OpenBeside.Lockers", "--only", "open-beside"]).ends(0);
    assert_eq!(results(&ran.report()).iter().map(|(_, result, _)| result.as_str()).collect::<Vec<_>>(), ["pass"; 2]);
    let larger = OPEN_BESIDE.replace("\"it.size\"", "\"it.size + 1\"");
    assert_ne!(larger, OPEN_BESIDE);
    fs::write(law.path().join("operations/open_beside.toml"), &larger).unwrap();
    let wrong = serve(&["--specs", &specs]);
    fs::write(law.path().join("operations/open_beside.toml"), OPEN_BESIDE).unwrap();
    let ran = run(&[&wrong.url, "--specs", &specs, "--only", "open-beside", "--only", "locker.Size"]).ends(1);
    assert_eq!(ran.findings().len(), 1, "{}", ran.said.out);
    assert!(ran.said.out.contains("OpenBeside"), "{}", ran.said.out);
}
