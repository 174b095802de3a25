//! What the laws that are built in must be, beyond what the loader asks of any law.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use eipcheck::{
    model::{forward::Forward, time::Moment},
    oracle::{Settings, judge::Verdict},
    run::suite::{plan_afresh, plan_everything},
    scenario::{
        atlas::Atlas,
        draft,
        planned::{self, Plans},
        simulation::Simulation,
        step::{Call, Step},
    },
    spec::{Law, SpecSource, clouds, file::Level, law::RuleIx, load},
    wire::{Body, Request, Tree},
};

/// The documents that a law is derived from, each with its operation: only they make a rule binding.
type Documents = &'static [(&'static str, &'static str)];

/// The documents of each law.
const DOCUMENTS: [(&str, Documents); 2] = [
    ("alibaba", &[("unassociate-eip-address", "UnassociateEipAddress")]),
    (
        "ec2",
        &[
            ("disassociate-address", "DisassociateAddress"),
            ("disassociate-nat-gateway-address", "DisassociateNatGatewayAddress"),
            ("release-address", "ReleaseAddress"),
            ("unassign-private-nat-gateway-address", "UnassignPrivateNatGatewayAddress"),
        ],
    ),
];

/// Every law that is built in, with its plans. Planning takes seconds, so it is done once.
static LAWS: LazyLock<Vec<(Arc<Law>, Plans)>> = LazyLock::new(|| {
    let clouds = clouds(&SpecSource::BuiltIn).unwrap();
    let laws = clouds.iter().map(|cloud| Arc::new(load(&SpecSource::BuiltIn, cloud, &[]).unwrap()));
    laws.map(|law| (law.clone(), plan_everything(&law))).collect()
});

fn built_in(cloud: &str) -> Law {
    load(&SpecSource::BuiltIn, cloud, &[]).unwrap()
}

fn laws() -> Vec<Law> {
    clouds(&SpecSource::BuiltIn).unwrap().iter().map(|cloud| built_in(cloud)).collect()
}

#[test]
fn every_rule_has_a_statement_and_a_source_that_is_known() {
    for law in laws() {
        assert!(!law.rules.is_empty());
        let texts: BTreeSet<&str> = law.sources.iter().map(|(name, _)| name.as_str()).collect();
        for rule in &law.rules {
            assert!(!rule.says.trim().is_empty(), "{} says nothing", rule.id);
            assert!(texts.contains(rule.source.text.as_str()), "{}: no source {}", rule.id, rule.source.text);
            assert!(!rule.source.at.trim().is_empty(), "{} has no place in its source", rule.id);
            assert!(!rule.source.title.trim().is_empty(), "{}: a source without a title", rule.id);
        }
    }
}

#[test]
fn every_statement_is_a_sentence() {
    for law in laws() {
        for rule in &law.rules {
            assert!(rule.says.ends_with('.'), "{} says: {}", rule.id, rule.says);
            assert!(!rule.says.contains(['{', '}', '\n']), "{} says: {}", rule.id, rule.says);
        }
    }
}

#[test]
fn what_is_binding_is_said_by_one_of_the_documents() {
    assert_eq!(clouds(&SpecSource::BuiltIn).unwrap(), DOCUMENTS.map(|(cloud, _)| cloud));
    for (cloud, documents) in DOCUMENTS {
        let law = built_in(cloud);
        let musts: Vec<_> = law.rules.iter().filter(|r| r.level == Level::Must).collect();
        assert!(musts.len() >= 30, "only {} rules of {cloud} are binding", musts.len());
        for rule in musts {
            let cited = documents.iter().any(|(text, _)| *text == rule.source.text);
            assert!(cited, "{} is binding, but its source is {}", rule.id, rule.source.text);
        }
        for (text, _) in documents {
            assert!(law.rules.iter().any(|r| r.level == Level::Must && r.source.text == *text), "{text} binds nobody");
        }
    }
}

#[test]
fn the_documented_operations_are_binding_and_no_others() {
    for (cloud, documents) in DOCUMENTS {
        let law = built_in(cloud);
        let binding: Vec<&str> = law.operations.iter().filter(|o| o.level == Level::Must).map(|o| &*o.name).collect();
        assert_eq!(binding, documents.iter().map(|(_, operation)| *operation).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_known_of_alibaba_is_listed_without_a_gap() {
    let law = built_in("alibaba");
    let known: BTreeSet<String> = law.facts.iter().map(|f| f.id.clone()).collect();
    let rules = (1..=47).map(|number| format!("AL-{number:02}"));
    let ambiguities = (1..=23).map(|number| format!("A{number}"));
    assert_eq!(known, rules.chain(ambiguities).collect());
}

#[test]
fn every_documented_code_of_alibaba_has_its_status() {
    let law = built_in("alibaba");
    let operation = &law[law.operation("UnassociateEipAddress").unwrap()];
    // The table has 26 rows, and the code of one is a template.
    assert_eq!(operation.status.len(), 25);
}

#[test]
fn each_documented_status_is_a_rule_of_its_own_and_up_to_the_target_where_no_refusal_demands_the_code() {
    let law = built_in("alibaba");
    let operation = &law[law.operation("UnassociateEipAddress").unwrap()];
    let rule_of = |code: &str| operation.status.iter().find(|row| &*row.code == code).unwrap().rule;
    for (code, is_up_to_target) in
        [("IncorrectEipStatus", false), ("InvalidAllocationId.NotFound", false), ("OperationDenied", true)]
    {
        let rule = rule_of(code).unwrap();
        assert_eq!(*law[rule].id, format!("UnassociateEipAddress.status.{code}"));
        assert_eq!(law.is_up_to_target(rule), is_up_to_target, "{code}");
    }
    // It says that the account is locked, and so nothing about the law.
    assert_eq!(rule_of("Forbidden.FinancialLocked"), None);
}

#[test]
fn a_reading_is_a_choice_between_two_with_a_reason_for_the_default() {
    for law in laws() {
        for reading in &law.readings {
            assert!(reading.choices.len() >= 2, "{} leaves no choice", reading.name);
            assert!(reading.choices.iter().any(|(name, _)| *name == reading.default), "{}", reading.name);
            assert!(reading.choices.iter().all(|(_, meaning)| !meaning.trim().is_empty()), "{}", reading.name);
            assert_eq!(reading.choice, reading.default, "{}", reading.name);
            assert!(!reading.because.trim().is_empty(), "{}", reading.name);
            assert!(reading.question.ends_with('?'), "{}", reading.name);
        }
    }
}

#[test]
fn every_reading_makes_a_difference() {
    for cloud in clouds(&SpecSource::BuiltIn).unwrap() {
        let shape = |law: &Law| -> String {
            let rules: Vec<_> = law.rules.iter().map(|r| (r.id.to_string(), r.says.clone())).collect();
            let open: Vec<_> = law.operations.iter().flat_map(|o| o.open.iter().map(|p| p.id.to_string())).collect();
            format!("{rules:?} {open:?}")
        };
        let usual = built_in(&cloud);
        for reading in &usual.readings {
            for (choice, _) in reading.choices.iter().filter(|(choice, _)| *choice != reading.default) {
                let other = load(&SpecSource::BuiltIn, &cloud, &[(reading.name.clone(), choice.clone())]).unwrap();
                assert_ne!(shape(&usual), shape(&other), "{}={choice} changes nothing", reading.name);
            }
        }
    }
}

#[test]
fn every_fact_is_dealt_with_or_said_not_to_be() {
    for law in laws() {
        assert!(!law.facts.is_empty());
        for fact in &law.facts {
            let dealt_with = !fact.rules.is_empty() || fact.reading.is_some();
            let because = fact.unchecked.as_ref().is_some_and(|why| !why.trim().is_empty());
            assert!(dealt_with || because, "nothing deals with {}: {}", fact.id, fact.about);
            assert!(!fact.about.trim().is_empty(), "{} is about nothing", fact.id);
        }
    }
}

/// What the reference of a law answers, at its first moment.
#[track_caller]
fn ask(reference: &mut Forward, law: &Law, operation: &str, args: &[(&str, &str)]) -> Tree {
    let args = args.iter().map(|(name, value)| ((*name).into(), Tree::text(*value))).collect();
    let answer = reference.answer(&Request::new(law, law.operation(operation).unwrap(), args), Moment(0));
    match answer.body {
        Body::Success(tree) => tree,
        other => panic!("{operation}: HTTP {}: {other:?}", answer.status),
    }
}

/// What an effect sets may depend on a parameter that is not there.
#[test]
fn an_address_may_be_bound_to_an_ip_address_without_naming_its_vpc() {
    let law = Arc::new(built_in("alibaba"));
    let mut reference = Forward::new(law.clone(), 1);
    let allocated = ask(&mut reference, &law, "AllocateEipAddress", &[("RegionId", "cn-hangzhou")]);
    let address = allocated.get("AllocationId").unwrap().as_text().unwrap();
    let args = [("AllocationId", &**address), ("InstanceId", "10.0.1.77"), ("InstanceType", "IpAddress")];
    ask(&mut reference, &law, "AssociateEipAddress", &args);
    let shown = ask(&mut reference, &law, "DescribeEipAddresses", &[("RegionId", "cn-hangzhou")]);
    assert!(format!("{shown:?}").contains("Associating"), "{shown:?}");
}

/// An effect that does not apply creates nothing, and then there is nothing for the next one to change.
#[test]
fn a_gateway_may_be_asked_for_without_a_place_for_it() {
    let law = Arc::new(built_in("alibaba"));
    let mut reference = Forward::new(law.clone(), 1);
    let created = ask(&mut reference, &law, "CreateVpc", &[("RegionId", "cn-hangzhou")]);
    let vpc = created.get("VpcId").unwrap().as_text().unwrap();
    let args = [("RegionId", "cn-hangzhou"), ("VpcId", vpc), ("NatType", "Enhanced"), ("NetworkType", "internet")];
    let created = ask(&mut reference, &law, "CreateNatGateway", &args);
    assert_eq!(created.get("NatGatewayId"), None);
}

/// Of two changes of one resource, the one whose time is over need not have come first.
#[test]
fn a_gateway_that_might_have_failed_may_have_become_available_before_that() {
    let law = Arc::new(built_in("ec2"));
    let mut play = Simulation::new(&law, Settings::default());
    for (operation, with) in
        [("CreateVpc", ""), ("CreateSubnet", ""), ("AllocateAddress", ""), ("CreateNatGateway", "AllocationId=")]
    {
        let world = play.oracle.worlds()[0].clone();
        let calls = draft::good_calls(&law, &world, law.operation(operation).unwrap(), 16).unwrap();
        // There is no internet gateway, so that the gateway may fail, within an hour.
        let call = calls.iter().find(|call| call.display(&law).contains(with)).unwrap();
        let (_, judgement) = play.call(call).unwrap();
        assert!(matches!(judgement.verdict, Verdict::Explained), "{operation}: {judgement:?}");
    }
    play.now = play.now.plus_seconds(2 * 3600);
    let atlas = Atlas::new(&law, |_| true);
    let looks = atlas.looks_at_changing(&law, play.oracle.worlds());
    assert!(!looks.is_empty());
    for look in looks {
        let (_, judgement) = play.call(&look).unwrap();
        assert!(matches!(judgement.verdict, Verdict::Explained), "{}: {judgement:?}", look.display(&law));
    }
}

/// `eipcheck spec plan --cloud CLOUD > specs/CLOUD/suite.jsonl` mends it, once the change is meant.
#[test]
fn the_suite_that_a_law_comes_with_is_what_planning_it_finds() {
    for (law, plans) in LAWS.iter() {
        assert!(planned::built_in(law).is_some(), "{}: the suite is of another law", law.cloud);
        let all = law.rules().map(|(ix, _)| ix).collect();
        let again = plan_afresh(&Arc::new(built_in(&law.cloud)), &all, &|_, _| true);
        let ids = |p: &Plans| p.keys().map(|ix| law[*ix].id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(plans), ids(&again));
        for (rule, steps) in plans {
            assert_eq!(*steps, again[rule], "{} is planned in two ways", law[*rule].id);
        }
    }
}

#[test]
fn every_rule_is_reached_by_a_scenario() {
    for (law, plans) in LAWS.iter() {
        let missed = law.rules().filter(|(ix, _)| !plans.contains_key(ix) && !law.is_up_to_target(*ix));
        let missed: Vec<&str> = missed.map(|(_, r)| &*r.id).collect();
        assert!(missed.is_empty(), "{}: no scenario exercises {}", law.cloud, missed.join(", "));
    }
}

#[test]
fn no_scenario_goes_by_way_of_what_it_can_do_without() {
    let (law, plans) = LAWS.iter().find(|(law, _)| &*law.cloud == "ec2").unwrap();
    for id in ["release-while-associated", "disassociate-repeat", "associate-interface-accepted"] {
        let rule = law.rules().find(|(_, r)| &*r.id == id).unwrap().0;
        let called = |step: &Step| match step {
            Step::Call(call) => law[call.operation].name.to_string(),
            Step::Settle => "a wait".to_owned(),
            Step::Together(_) => "several at once".to_owned(),
        };
        let steps: Vec<String> = plans[&rule].iter().map(called).collect();
        // A gateway can be left out only together with its deletion, and the wait for it only after that.
        let needless = |step: &String| step.contains("NatGateway") || step == "a wait";
        assert!(!steps.iter().any(needless), "{id}: {steps:?}");
    }
}

/// Rules to which no way is known but through a request about which the law is silent: a server that answers it otherwise
/// than the reference leaves them undecided.
const ONLY_UNSAID: [(&str, &str); 7] = [
    ("eip.VpcId", "whether an address can be bound to an IP address is open"),
    ("eni-delete-frees-address", "whether an interface with an address can be deleted is open"),
    ("eni-delete-unlinks", "whether an interface with an address can be deleted is open"),
    ("nat-disassociate-keeps-primary", "whether a list with the primary address is refused as a whole is open"),
    ("nat-disassociate-while-draining", "whether two addresses of one gateway can drain at once is open"),
    ("nat-unassign-keeps-primary", "whether a list with the primary address is refused as a whole is open"),
    ("unassociate-from-ip-address", "whether an address can be bound to an IP address is open"),
];

#[test]
fn no_scenario_relies_on_the_laws_silence_where_another_way_is_known() {
    let mut unsaid = BTreeSet::new();
    for (law, plans) in LAWS.iter() {
        let atlas = Atlas::new(law, |_| true);
        for (rule, steps) in plans {
            let mut simulation = Simulation::new(law, Settings::default());
            let (_, way) = steps.split_last().unwrap();
            if way.iter().any(|step| simulation.try_step(&atlas, step).unwrap().open) {
                unsaid.insert(&*law[*rule].id);
            }
        }
    }
    assert_eq!(unsaid, ONLY_UNSAID.iter().map(|(rule, _)| *rule).collect());
}

#[test]
fn a_parameter_that_no_operation_has_is_sent_only_to_see_what_comes_of_it() {
    for (law, plans) in LAWS.iter() {
        for (rule, steps) in plans.iter().filter(|(rule, _)| !law[**rule].id.contains(".undeclared")) {
            let carries = |step: &Step| {
                let bare = |call: &Call| call.args.iter().any(|(name, _)| law[call.operation].param(name).is_none());
                match step {
                    Step::Call(call) => bare(call),
                    Step::Together(calls) => calls.iter().any(bare),
                    Step::Settle => false,
                }
            };
            assert!(!steps.iter().any(carries), "the scenario of {} carries one", law[*rule].id);
        }
    }
}

#[test]
fn every_scenario_exercises_its_rule() {
    for (law, plans) in LAWS.iter() {
        assert!(!plans.is_empty());
        let atlas = Atlas::new(law, |_| true);
        let exercises = |rule: &RuleIx| {
            let mut simulation = Simulation::new(law, Settings::default());
            plans[rule]
                .iter()
                .map(|step| simulation.take(&atlas, step))
                .try_fold(false, |found, passes| Some(found || passes?.contains(*rule)))
        };
        for rule in plans.keys() {
            assert_eq!(exercises(rule), Some(true), "the scenario of {} does not show it", law[*rule].id);
        }
    }
}

/// `--only` with the id of a finding's rule must test what the whole run has tested.
#[test]
fn a_rule_that_is_reached_among_all_others_is_reached_alone() {
    for (law, plans) in LAWS.iter() {
        let mut rules: Vec<RuleIx> = plans.keys().copied().collect();
        rules.sort_by_key(|rule| std::cmp::Reverse(plans[rule].len()));
        // The longest are the ones that the systematic search does not reach.
        let some = rules.iter().take(2).chain(rules.iter().skip(2).step_by(100));
        for rule in some {
            let alone = plan_afresh(law, &std::iter::once(*rule).collect(), &|_, _| true);
            assert_eq!(alone.keys().collect::<Vec<_>>(), [rule], "{}", law[*rule].id);
        }
    }
}
