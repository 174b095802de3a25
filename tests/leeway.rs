//! What the law leaves a server: these tests change the law that a server keeps, in ways that the documents allow or do
//! not speak of, and hold that no rule more binding than they are is found broken; and that what they do say is.

mod common;

use common::{Ran, changed, ec2, run, serve, text};
use std::path::{Path, PathBuf};

const DISASSOCIATE: &str = "operations/disassociate_nat_gateway_address.toml";
const UNASSIGN: &str = "operations/unassign_private_nat_gateway_address.toml";
const UNASSOCIATE: &str = "operations/unassociate_eip_address.toml";

fn alibaba() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("specs/alibaba")
}

/// Tests the rules against a server that keeps a changed law.
fn against(law: &Path, cloud: &str, changes: &[(&str, &str, &str)], only: &[&str]) -> Ran {
    let folder = changed(law, changes);
    let server = serve(&["--specs", &text(folder.path()), "--cloud", cloud]);
    let mut args = vec![server.url.as_str(), "--cloud", cloud, "--clock", "driven", "--seed", "1", "--max-time", "30s"];
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
    let may = |sooner: &str| {
        let soon = sooner.replace(window, at_once);
        let ran = against(&ec2(), "ec2", &[(DISASSOCIATE, sooner, &soon)], &only).ends(0);
        assert!(ran.findings().is_empty(), "{sooner}: {:?}", ran.findings());
    };
    may(&association);
    may(&entry);
}

#[test]
fn an_address_that_never_loses_its_association_is_found_when_the_window_is_over() {
    let association = "delete = \"it.association\"\nafter  = { earliest = \"0\", latest";
    let never = "delete = \"it.association\"\nafter  = { earliest = \"4000000\", usually = \"4000000\", latest";
    let ran = against(&ec2(), "ec2", &[(DISASSOCIATE, association, never)], &["nat-disassociate-deadline"]).ends(1);
    assert_eq!(ran.findings(), ["nat-disassociate-deadline"]);
}

/// A law whose server tells of a disassociation after so many seconds, and ends it after so many.
fn late(tells: u32, ends: u32) -> Vec<(&'static str, &'static str, String)> {
    let lag = "delete = \"lag\"\nafter  = { earliest = \"0\", latest = \"5\", usually = \"0\"";
    let late = format!("delete = \"lag\"\nafter  = {{ earliest = \"0\", latest = \"99\", usually = \"{tells}\"");
    vec![(UNASSOCIATE, lag, late), (UNASSOCIATE, "usually = \"1\"", format!("usually = \"{ends}\""))]
}

#[test]
fn a_query_may_be_late_to_tell_of_a_disassociation_but_not_for_ever() {
    let only = ["unassociate-begins", "unassociate-completes", "eip.Status"];
    let against_late = |tells, ends| {
        let changes = late(tells, ends);
        let changes: Vec<_> = changes.iter().map(|(file, from, to)| (*file, *from, to.as_str())).collect();
        against(&alibaba(), "alibaba", &changes, &only)
    };
    assert!(against_late(4, 6).ends(0).findings().is_empty());
    // Nobody promises how soon, so this is no more than a convention.
    assert_eq!(against_late(40, 60).ends(0).findings(), ["unassociate-begins"]);
}

#[test]
fn who_refuses_force_where_it_means_nothing_breaks_no_more_than_a_convention() {
    let before = "[[rule]]\nid     = \"unassociate-wrong-resource\"";
    let refuses = format!(
        "[[rule]]\nid     = \"refuses-force\"\nlevel  = \"must\"\nsays   = \"Force is for NAT gateways.\"\n\
         source = {{ text = \"unassociate-eip-address\", at = \"parameter Force\" }}\n\
         refuse = \"input.Force && eip.status == 'InUse' && eip.nat_gateway == null\"\n\n{before}"
    );
    let only = ["unassociate-force-elsewhere", "unassociate-from-*"];
    let ran = against(&alibaba(), "alibaba", &[(UNASSOCIATE, before, &refuses)], &only).ends(0);
    assert_eq!(ran.findings(), ["unassociate-force-elsewhere"]);
}
