//! Runs on a server of Alibaba Cloud's address API that was written by hand, from what the provider publishes and not
//! from the specs: as it should be, and with mistakes. It knows ECS instances as the only thing that an address can be
//! bound to, so it is also the target that lacks half of the law's operations.

mod cloud;
mod server;

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use cloud::Mistake;
use eipcheck::{
    report::data::{Outcome, Report},
    run::{RunOptions, Stop, TOLERANCE, event::Silent, run_planned, suite::plan_with},
    scenario::planned::Plans,
    spec::{Law, SpecSource, law::OperationIx, load},
    target::{clock::Pace, permits::Permits},
    wire::sign::Manner,
};
use globset::{Glob, GlobSet, GlobSetBuilder};

/// The operations of the law that the server does not have.
const LACKING: [&str; 18] = [
    "CreateForwardEntry",
    "CreateHaVip",
    "CreateLoadBalancer",
    "CreateNatGateway",
    "CreateNetworkInterface",
    "CreateSnatEntry",
    "DeleteForwardEntry",
    "DeleteHaVip",
    "DeleteLoadBalancer",
    "DeleteNatGateway",
    "DeleteNetworkInterface",
    "DeleteSnatEntry",
    "DescribeForwardTableEntries",
    "DescribeHaVips",
    "DescribeLoadBalancers",
    "DescribeNatGateways",
    "DescribeNetworkInterfaces",
    "DescribeSnatTableEntries",
];

/// Rules of the operations that it has which nothing but the others can show, by reading the law: those that speak of an
/// address on something else than an instance.
const BEYOND: [&str; 23] = [
    "AssociateEipAddress.Mode.enum",
    "UnassociateEipAddress.PrivateIpAddress.stale",
    "UnassociateEipAddress.status.InvalidIpStatus.HasBeenUsedByForwardEntry",
    "UnassociateEipAddress.status.InvalidIpStatus.HasBeenUsedBySnatTable",
    "UnassociateEipAddress.status.InvalidStatus.SnatOrDnat",
    "associate-ha-vip",
    "associate-load-balancer",
    "associate-nat-gateway",
    "associate-network-interface",
    "eip.Mode",
    "unassociate-by-force",
    "unassociate-by-private-address",
    "unassociate-from-ha-vip",
    "unassociate-from-load-balancer",
    "unassociate-from-nat-gateway",
    "unassociate-from-network-interface",
    "unassociate-keeps-others",
    "unassociate-may-drop-entries",
    "unassociate-unstable-dnat",
    "unassociate-unstable-snat",
    "unassociate-used-by-dnat",
    "unassociate-used-by-snat",
    "vswitch-delete-with-ha-vips",
];

/// The kinds of resource that only those operations make.
const KINDS_BEYOND: [&str; 6] =
    ["forward_entry.", "ha_vip.", "load_balancer.", "nat_gateway.", "network_interface.", "snat_entry."];

/// True if a rule cannot be shown without the operations that the server does not have.
fn is_beyond(id: &str) -> bool {
    let law = &SUITE.0;
    let operation = law[law.rule(id).unwrap()].operation.map(|ix| &*law[ix].name);
    operation.is_some_and(|name| LACKING.contains(&name))
        || BEYOND.contains(&id)
        || KINDS_BEYOND.iter().any(|kind| id.starts_with(kind))
}

/// How the server reads what the documents leave open: it refuses a request that names another resource, and shows at
/// once that an address is leaving. Some of the mistakes are not to.
const READINGS: [(&str, &str); 2] = [("wrong-resource", "refused"), ("visible", "at-once")];

/// The law under these readings, and its suite for this server. Planning takes seconds, so it is done once.
static SUITE: LazyLock<(Arc<Law>, Plans)> = LazyLock::new(|| {
    let readings = READINGS.map(|(name, choice)| (name.to_owned(), choice.to_owned()));
    let law = Arc::new(load(&SpecSource::BuiltIn, "alibaba", &readings).unwrap());
    let plans = plan_with(&law, &|ix: OperationIx| !LACKING.contains(&&*law[ix].name));
    (law.clone(), plans)
});

// --- As it should be ---------------------------------------------------------------------------------------------------

#[test]
fn a_server_that_does_as_the_documents_say_breaks_no_rule_and_shows_every_rule_that_instances_can_show() {
    let report = hold(None, &[], 4000);
    let found: Vec<&str> = report.findings.iter().map(|f| &*f.rule).collect();
    assert_eq!(found, [""; 0], "{:#?}", report.findings);
    assert_eq!(report.leftovers, []);
    let mut wrong = Vec::new();
    for rule in &report.rules {
        let reason = rule.reason.as_deref().unwrap_or_default();
        let right = match is_beyond(&rule.id) {
            true => rule.result == Outcome::Unsupported && reason.starts_with("unreachable"),
            false => rule.result == Outcome::Pass,
        };
        if !right {
            wrong.push(format!("{}: {:?} {reason}", rule.id, rule.result));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_cannot_be_shown_without_some_operations_is_worked_out_from_the_law() {
    let (law, plans) = &*SUITE;
    let all: BTreeSet<&str> = law.rules.iter().map(|rule| &*rule.id).collect();
    let planned: BTreeSet<&str> = plans.keys().map(|rule| &*law[*rule].id).collect();
    let up_to_target = |id: &str| law.is_up_to_target(law.rule(id).unwrap());
    let expected: BTreeSet<&str> = all.into_iter().filter(|id| !is_beyond(id) && !up_to_target(id)).collect();
    assert_eq!(planned, expected);
}

// --- With mistakes -----------------------------------------------------------------------------------------------------

/// A mistake, the rules that the server is held against (none for all), and those that a reader would call that mistake: one of them
/// must be found broken, and none that is not among them.
type Case = (Mistake, &'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    (Mistake::UnassociatesTwice, &["unassociate-while-unassociating"], &["unassociate-while-unassociating"]),
    (Mistake::ReleasesWhileInUse, &["release-bound"], &["release-bound"]),
    (
        Mistake::NotFoundIs400,
        &["*.status.InvalidAllocationId.NotFound"],
        &[
            "UnassociateEipAddress.status.InvalidAllocationId.NotFound",
            "AssociateEipAddress.status.InvalidAllocationId.NotFound",
            "ReleaseEipAddress.status.InvalidAllocationId.NotFound",
        ],
    ),
    (
        Mistake::GeneralCodeForType,
        &["UnassociateEipAddress.InstanceType.*"],
        &["UnassociateEipAddress.InstanceType.enum", "UnassociateEipAddress.InstanceType.enum.code"],
    ),
    (Mistake::AnyType, &["UnassociateEipAddress.InstanceType.*"], &["UnassociateEipAddress.InstanceType.enum"]),
    (Mistake::AnyRegion, &["UnassociateEipAddress.RegionId.*"], &["UnassociateEipAddress.RegionId.form"]),
    (
        Mistake::MissingIsNotFound,
        &["*EipAddress.AllocationId.required*"],
        &[
            "UnassociateEipAddress.AllocationId.required",
            "UnassociateEipAddress.AllocationId.required.code",
            "ReleaseEipAddress.AllocationId.required",
            "ReleaseEipAddress.AllocationId.required.code",
            "AssociateEipAddress.AllocationId.required",
            "AssociateEipAddress.AllocationId.required.code",
        ],
    ),
    (Mistake::KeepsBinding, &[], &["unassociate-completes", "eip.InstanceIdBeyondUse", "eip.UnusedInstanceId"]),
    (Mistake::AnyInstance, &["unassociate-wrong-resource"], &["unassociate-wrong-resource"]),
    (
        Mistake::UnknownInstance,
        &["UnassociateEipAddress.InstanceId.unknown*"],
        &["UnassociateEipAddress.InstanceId.unknown"],
    ),
    (Mistake::NoDefaultType, &["unassociate-from-instance"], &["unassociate-from-instance"]),
    (Mistake::InstanceIdRequired, &["unassociate-by-allocation-alone"], &["unassociate-by-allocation-alone"]),
    (
        Mistake::DoesNothing,
        &["unassociate-begins", "unassociate-completes"],
        &["unassociate-begins", "unassociate-completes"],
    ),
    (Mistake::NeverUnassociating, &["unassociate-begins"], &["unassociate-begins"]),
    (Mistake::AnyStatus, &[], &["DescribeEipAddresses.EipAddresses"]),
    (
        Mistake::ForgetsTokens,
        &["*EipAddress.ClientToken.*"],
        &[
            "AllocateEipAddress.ClientToken.repeat",
            "AllocateEipAddress.ClientToken.mismatch",
            "AssociateEipAddress.ClientToken.repeat",
            "AssociateEipAddress.ClientToken.mismatch",
            "UnassociateEipAddress.ClientToken.repeat",
            "UnassociateEipAddress.ClientToken.mismatch",
        ],
    ),
    (
        Mistake::TokenAlone,
        &["*EipAddress.ClientToken.*"],
        &[
            "AllocateEipAddress.ClientToken.mismatch",
            "AssociateEipAddress.ClientToken.mismatch",
            "UnassociateEipAddress.ClientToken.mismatch",
        ],
    ),
    (
        Mistake::AnyToken,
        &["*EipAddress.ClientToken.*"],
        &[
            "AllocateEipAddress.ClientToken.form",
            "AllocateEipAddress.ClientToken.length",
            "AssociateEipAddress.ClientToken.form",
            "AssociateEipAddress.ClientToken.length",
            "UnassociateEipAddress.ClientToken.form",
            "UnassociateEipAddress.ClientToken.length",
        ],
    ),
    (
        Mistake::ConflictIs409,
        &["unassociate-while-unassociating*", "*.status.TaskConflict"],
        &["UnassociateEipAddress.status.TaskConflict"],
    ),
    (Mistake::UnassociatesAnother, &["unassociate-begins"], &["unassociate-begins", "unassociate-completes"]),
    (Mistake::Releases, &["unassociate-keeps-allocation"], &["unassociate-keeps-allocation"]),
    (Mistake::NoErrorCode, &["wire-*", "UnassociateEipAddress.AllocationId.required"], &["wire-error-envelope"]),
    (Mistake::CountsThePage, &["DescribeEipAddresses.*", "allocate"], &["DescribeEipAddresses.TotalCount"]),
    (Mistake::NoRequestId, &["wire-*", "allocate"], &["wire-request-id", "wire-request-id-elsewhere"]),
    (Mistake::RepeatedRequestId, &["wire-*", "allocate"], &["wire-request-id-repeated"]),
];

fn globs(patterns: &[&str]) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    patterns.iter().for_each(|pattern| {
        set.add(Glob::new(pattern).unwrap());
    });
    set.build().unwrap()
}

/// Plays the suite on a server with a mistake, for some rules.
fn hold(mistake: Option<Mistake>, only: &[&str], max_requests: u64) -> Report {
    let (law, plans) = &*SUITE;
    let options = RunOptions {
        url: Some(server::start(mistake).parse().unwrap()),
        endpoints: Vec::new(),
        manner: Manner::choose(law.wire.protocol, None, None).unwrap(),
        region: law.region.clone(),
        seed: 7,
        max_requests,
        shrink: 0,
        permits: Permits::default(),
        max_resources: None,
        max_time: Duration::from_secs(600),
        jobs: 4,
        clients: 1,
        pace: Pace::Real,
        tolerance: TOLERANCE,
        consistency: None,
        only: (!only.is_empty()).then(|| globs(only)),
        skip: None,
        timeout: Duration::from_secs(600),
        patience: Duration::from_secs(2),
        out: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let run = run_planned(law.clone(), plans.clone(), options, Arc::new(Silent), Stop::default());
    runtime.block_on(run).unwrap()
}

#[test]
fn each_mistake_is_found_by_a_rule_that_names_it_and_by_no_other() {
    let wrong = not_found(CASES);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The mistakes of these that are not found, or under a name that is not theirs.
fn not_found(cases: &[Case]) -> Vec<String> {
    let (queue, wrong) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        // They mostly wait.
        for _ in 0..5 {
            scope.spawn(|| {
                while let Some((mistake, only, rules)) = { queue.lock().unwrap().next() } {
                    let report = hold(Some(*mistake), only, if only.is_empty() { 3000 } else { 1000 });
                    let found: Vec<&str> = report.findings.iter().map(|f| &*f.rule).collect();
                    if found.is_empty() || !found.iter().all(|rule| rules.contains(rule)) {
                        wrong.lock().unwrap().push(format!("{mistake:?}: {found:?}, which is not among {rules:?}"));
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

/// No text says how long a disassociation or a release may take, so none that takes longer than anybody waits is a violation.
#[test]
fn what_never_comes_where_no_text_says_when_is_no_violation_and_shows_nothing() {
    for (mistake, rule) in
        [(Mistake::NeverAvailable, "unassociate-completes"), (Mistake::ListsTheDead, "release-completes")]
    {
        let report = hold(Some(mistake), &[rule], 400);
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        let result = report.rules.iter().find(|r| r.id == rule).unwrap();
        assert_eq!(result.result, Outcome::Indeterminate);
    }
}
