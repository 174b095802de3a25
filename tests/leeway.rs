//! What the law leaves a server: these tests change the law that a server keeps, in ways that the documents allow or do
//! not speak of, and hold that no rule more binding than they are is found broken; and that what they do say is.

mod common;

use common::{Ran, changed, ec2, run, serve, text};
use std::path::Path;

const DISASSOCIATE: &str = "operations/disassociate_nat_gateway_address.toml";
const UNASSIGN: &str = "operations/unassign_private_nat_gateway_address.toml";

/// Tests the rules against a server that keeps a changed law.
fn against(law: &Path, cloud: &str, changes: &[(&str, &str, &str)], only: &[&str]) -> Ran {
    let folder = changed(law, changes);
    let server = serve(&["--specs", &text(folder.path()), "--cloud", cloud]);
    let mut args = vec![server.url.as_str(), "--cloud", cloud, "--seed", "1"];
    args.extend(only.iter().flat_map(|rule| ["--only", *rule]));
    run(&args)
}

#[test]
fn a_list_with_the_primary_address_may_be_refused_as_a_whole() {
    let all = "refuse = \"size(targets) > 0 && targets.all(t,";
    let any = "refuse = \"targets.exists(t,";
    let only = ["nat-disassociate-primary", "nat-disassociate-drains", "nat-disassociate-keeps-others"];
    let ran = against(&ec2(), "ec2", &[(DISASSOCIATE, all, any)], &only).ends(0);
    assert!(ran.findings().is_empty());
}

#[test]
fn a_server_that_takes_the_primary_address_with_others_is_found() {
    let secondary = "filter(a, !a.is_primary && targets";
    let ran =
        against(&ec2(), "ec2", &[(DISASSOCIATE, secondary, "filter(a, targets")], &["nat-disassociate-keeps-primary"])
            .ends(1);
    assert_eq!(ran.findings(), ["nat-disassociate-keeps-primary"]);
    let secondary = ".filter(a, !a.is_primary)";
    let ran = against(&ec2(), "ec2", &[(UNASSIGN, secondary, "")], &["nat-unassign-keeps-primary"]).ends(1);
    assert_eq!(ran.findings(), ["nat-unassign-keeps-primary"]);
}

#[test]
fn an_address_may_lose_its_association_before_or_after_the_gateway_stops_listing_it() {
    let window = "after  = { earliest = \"0\", latest = \"input.MaxDrainDurationSeconds\" }";
    let at_once = "after  = { earliest = \"0\", latest = \"input.MaxDrainDurationSeconds\", usually = \"0\" }";
    let association = format!("delete = \"it.association\"\n{window}");
    let entry = format!("delete = \"it\"\n{window}");
    let only = ["nat-disassociate-*", "address.AssociationId", "release-*", "nat_gateway.NatGatewayAddresses"];
    for sooner in [association, entry] {
        let soon = sooner.replace(window, at_once);
        let ran = against(&ec2(), "ec2", &[(DISASSOCIATE, &sooner, &soon)], &only).ends(0);
        assert!(ran.findings().is_empty(), "{sooner}: {:?}", ran.findings());
    }
}

#[test]
fn an_address_that_never_loses_its_association_is_found_when_the_window_is_over() {
    let association = "delete = \"it.association\"\nafter  = { earliest = \"0\", latest";
    let never = "delete = \"it.association\"\nafter  = { earliest = \"4000000\", usually = \"4000000\", latest";
    let ran = against(&ec2(), "ec2", &[(DISASSOCIATE, association, never)], &["nat-disassociate-deadline"]).ends(1);
    assert_eq!(ran.findings(), ["nat-disassociate-deadline"]);
}
