//! The reference server broken on purpose: whether that is noticed, and under whose name.

mod common;

use std::{collections::BTreeSet, sync::Arc};

use common::{ask, run, serve};
use eipcheck::{
    mutant::{Mutant, broken::Broken, family, hunt::Grounds},
    oracle::RuleSet,
    report::mutants::{Blame, MutantReport, MutantResult, Outcome},
    run::{Stop, suite::plan_wanted},
    scenario::step::Step,
    spec::{
        Law, SpecSource,
        law::{Demand, RuleIx},
        load,
    },
};

fn law(cloud: &str) -> Arc<Law> {
    Arc::new(load(&SpecSource::BuiltIn, cloud, &[]).unwrap())
}

/// What a hunt needs, with scenarios for these rules.
fn grounds(law: &Arc<Law>, rules: impl IntoIterator<Item = RuleIx>) -> Grounds {
    let wanted: RuleSet = rules.into_iter().collect();
    let plans = plan_wanted(law, &wanted, &|_, _| true);
    Grounds::new(law.clone(), &plans, 1, 400).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn hunt(grounds: &Grounds, mutant: &Mutant) -> MutantResult {
    block_on(grounds.result(&Arc::new(mutant.clone()), &Stop::default())).unwrap()
}

#[test]
fn mutants_have_names_of_their_own_and_every_rule_has_one() {
    for cloud in ["ec2", "alibaba"] {
        let law = law(cloud);
        let mutants = family::mutants(&law);
        let names: BTreeSet<&str> = mutants.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names.len(), mutants.len(), "{cloud}: two mutants have one name");
        for (ix, rule) in law.rules() {
            assert!(mutants.iter().any(|m| m.rule == ix), "{cloud}: nothing breaks {}", rule.id);
        }
        assert!(mutants.iter().all(|m| m.name.starts_with(&format!("{}:", law[m.rule].id))));
    }
}

#[test]
fn a_sample_of_faults_is_caught_under_the_name_of_the_broken_rule() {
    let law = law("ec2");
    let sample = [
        "release-frees:missing",
        "release-while-associated:not-made",
        "release-while-associated:not-made@third",
        "release-while-associated:wrong-status",
        "AllocateAddress.dry-run:acts",
        "AllocateAddress.dry-run:accepted",
        "ReleaseAddress.AllocationId.unknown:status-of-success",
        "AllocateAddress.PublicIp:missing",
        "CreateNatGateway.ClientToken.repeat:done-again",
        "CreateNatGateway.ClientToken.repeat:forgotten",
        "allocate-creates:doubled",
        "address.id:wrong-form#address",
        "wire-namespace:wrong-form",
    ];
    let mutants = family::mutants(&law);
    let chosen: Vec<&Mutant> = sample
        .iter()
        .map(|name| mutants.iter().find(|m| m.name == *name).unwrap_or_else(|| panic!("there is no {name}")))
        .collect();
    let grounds = grounds(&law, chosen.iter().map(|m| m.rule));
    for mutant in chosen {
        let result = hunt(&grounds, mutant);
        assert_eq!((result.outcome, result.blame), (Outcome::Caught, Some(Blame::Own)), "{result:#?}");
        assert!(result.occasions > 0 && result.requests > 0);
    }
}

#[test]
fn a_server_that_keeps_the_law_is_never_caught() {
    for cloud in ["ec2", "alibaba"] {
        let law = law(cloud);
        let effects: Vec<RuleIx> =
            law.rules().filter(|(_, rule)| rule.demand == Demand::Effect).map(|(ix, _)| ix).take(6).collect();
        let grounds = grounds(&law, effects.iter().copied());
        for rule in effects {
            let hunt = block_on(grounds.hunt(None, rule, &Stop::default())).unwrap();
            let violations = hunt.found.map(|played| played.violations);
            assert!(violations.is_none(), "{cloud}, {}: {violations:#?}", law[rule].id);
            assert!(hunt.requests >= 400, "only {} requests were made", hunt.requests);
        }
    }
}

#[test]
fn a_fault_that_shows_from_the_third_time_on_counts_over_all_servers() {
    let law = law("ec2");
    let mutant = Arc::new(family::named(&law, "release-while-associated:not-made@third").unwrap());
    let broken = Broken::new(mutant.clone());
    let grounds = grounds(&law, [mutant.rule]);
    let hunt = block_on(grounds.hunt(Some(&broken), mutant.rule, &Stop::default())).unwrap();
    assert!(hunt.found.is_some());
    assert_eq!(broken.occasions(), 3);
}

#[test]
fn a_fault_that_shows_only_where_requests_overlap_is_found_by_such_requests() {
    let law = law("ec2");
    let mutant = Arc::new(family::named(&law, "igw-attach-attached:not-made@together").unwrap());
    let grounds = grounds(&law, [mutant.rule]);
    assert!(grounds.can_show(&mutant));
    let found = |fault: Option<&Broken>| block_on(grounds.hunt(fault, mutant.rule, &Stop::default())).unwrap().found;
    let played = found(Some(&Broken::new(mutant.clone()))).unwrap();
    assert!(matches!(played.steps.last(), Some(Step::Together(_))), "{:?}", played.steps);
    assert!(found(None).is_none());
}

#[test]
fn a_broken_server_is_found_out_over_http() {
    let served = serve(&["--cloud", "ec2", "--break", "release-frees"]);
    let ran =
        run(&[&served.url, "--cloud", "ec2", "--only", "release-*", "--seed", "1", "--fail-on", "assumed"]).ends(1);
    assert!(ran.findings().contains(&"release-frees".to_owned()), "{:?}", ran.findings());
}

#[test]
fn an_unknown_mutant_is_refused_with_those_that_there_are() {
    let said = ask(&["serve", "--break", "release-freez"]).ends(2);
    assert!(said.err.contains("release-frees:missing"), "{}", said.err);
}

#[test]
fn the_list_and_the_results_are_the_same_mutants() {
    let listed = ask(&["mutants", "--cloud", "ec2", "--only", "release-*", "--list"]).ends(0);
    let names: BTreeSet<String> = listed.out.lines().map(str::to_owned).collect();
    assert!(names.contains("release-frees:missing"), "{names:?}");
    let hunted = ask(&["mutants", "--cloud", "ec2", "--only", "release-frees:missing", "--json"]).ends(0);
    let report: MutantReport = serde_json::from_str(&hunted.out).unwrap();
    let [only] = report.mutants.as_slice() else { panic!("{report:#?}") };
    assert!(names.contains(&only.mutant));
    assert_eq!((only.outcome, only.blame), (Outcome::Caught, Some(Blame::Own)));
    assert_eq!(only.blamed, ["release-frees"]);
    let schema = serde_json::to_value(schemars::schema_for!(MutantReport)).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&serde_json::from_str(&hunted.out).unwrap()));
}
