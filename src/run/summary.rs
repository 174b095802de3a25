//! The report of a run.

use std::{collections::BTreeSet, time::Duration};

use super::{Context, probe::Probed, suite::operations_of};
use crate::{
    report::data::{Choice, FORMAT, Finding, LawName, OperationResult, Outcome, Report, RuleResult, Totals},
    scenario::{file::StepFile, planned::Plans, reach::out_of_reach},
    spec::law::{Law, OperationIx, RuleIx},
};

/// Sums a run up.
pub fn report(context: &Context, target: &str, operations: &[Probed], plans: &Plans) -> Report {
    let law = &context.law;
    let tally = context.tally();
    let mut totals = Totals {
        requests: context.sent(),
        judged: tally.judged,
        scenarios: tally.scenarios,
        most_worlds: tally.most_worlds as u64,
        milliseconds: milliseconds(context.elapsed()),
        milliseconds_in_flight: milliseconds(context.flight.lasted()),
        interrupted: context.is_interrupted(),
        ..Totals::default()
    };
    let beyond = out_of_reach(law, &|operation| operations[operation.0 as usize].implemented);
    let is_flaky = |ix: RuleIx| {
        let broken = tally.broken.get(&ix);
        broken.and_then(|broken| broken.shortest.again.as_ref()).is_some_and(|again| again.flaky)
    };
    let mut rules = Vec::new();
    for (ix, rule) in law.rules().filter(|(ix, _)| context.wants(*ix)) {
        let exercised = tally.passes[ix.0 as usize];
        let broken = tally.broken.get(&ix).map_or(0, |broken| broken.answers);
        // No request was ever due that it speaks of, so that it is nothing that the run has missed.
        if exercised + broken == 0 && law.is_up_to_target(ix) {
            continue;
        }
        let flaky = is_flaky(ix);
        let broken = if flaky { 0 } else { broken };
        let (result, reason) = if broken > 0 {
            (Outcome::Violation, None)
        } else if flaky {
            (Outcome::Indeterminate, Some("it was broken once, and not when the same was done again".into()))
        } else if exercised > 0 {
            (Outcome::Pass, None)
        } else if beyond.contains(ix) && operations.iter().any(|o| !o.implemented) {
            let why = match missing(law, operations, plans, ix) {
                Some(missing) => format!("unreachable: needs {missing}"),
                None => "unreachable with the operations that the target implements".into(),
            };
            (Outcome::Unsupported, Some(why))
        } else if let Some(why) = tally.unclear.get(&ix) {
            (Outcome::Indeterminate, Some(why.clone()))
        } else if tally.unshown.contains(ix) {
            (
                Outcome::NotReached,
                Some("its scenario came to its end, and no answer showed what the rule is about".into()),
            )
        } else if let Some(missing) = missing(law, operations, plans, ix) {
            (Outcome::Unsupported, Some(format!("no way was found without {missing}")))
        } else if !plans.contains_key(&ix) {
            (Outcome::NotReached, Some("no sequence of requests was found that exercises it".into()))
        } else {
            (Outcome::NotReached, Some("a broken rule stands in the way, or the run was over before".into()))
        };
        let level = totals.levels.entry(rule.level.name().to_owned()).or_default();
        level.all += 1;
        match result {
            Outcome::Violation => level.failed += 1,
            Outcome::Pass => level.passed += 1,
            Outcome::Indeterminate => level.indeterminate += 1,
            Outcome::Unsupported => level.unsupported += 1,
            Outcome::NotReached => level.not_reached += 1,
        }
        rules.push(RuleResult {
            id: rule.id.to_string(),
            level: rule.level,
            demand: rule.demand,
            result,
            exercised,
            broken,
            reason,
        });
    }
    let findings = tally.broken.iter().map(|(ix, broken)| {
        let (rule, evidence) = (&law[*ix], &broken.shortest);
        let finding = Finding {
            rule: rule.id.to_string(),
            level: rule.level,
            says: statement(law, *ix),
            source: rule.source.clone(),
            under: rule.under.clone(),
            observed: rule.observed.clone(),
            scenario: evidence.scenario.clone(),
            allowed: evidence.violation.allowed.clone(),
            came: evidence.violation.came.clone(),
            steps: evidence.steps.iter().map(|s| s.display(law)).collect(),
            scenario_steps: evidence.steps.iter().map(|s| StepFile::new(law, s)).collect(),
            exchanges: evidence.exchanges.clone(),
            overlap: evidence.overlap.clone(),
            times: broken.scenarios,
            passed_over: evidence.muted.iter().map(|rule| law[rule].id.to_string()).collect(),
            reproduced: evidence.again.as_ref().and_then(|again| again.reproduced),
            needed: evidence.again.as_ref().map(|again| again.needed.clone()).unwrap_or_default(),
            shrinking: evidence.again.as_ref().map_or(0, |again| again.requests),
            folder: None,
        };
        (is_flaky(*ix), finding)
    });
    let (flaky, findings): (Vec<_>, Vec<_>) = findings.partition(|(flaky, _)| *flaky);
    let mut findings: Vec<Finding> = findings.into_iter().map(|(_, finding)| finding).collect();
    findings.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.rule.cmp(&b.rule)));
    // Whoever asked for some rules is told of the operations that those rules need, and of no others.
    let needed: BTreeSet<OperationIx> = context.wanted().iter().flat_map(|rule| needs(law, plans, rule)).collect();
    let mut leftovers = tally.leftovers.clone();
    leftovers.sort();
    Report {
        format: FORMAT,
        eipcheck: env!("CARGO_PKG_VERSION").to_owned(),
        target: target.to_owned(),
        law: LawName { cloud: law.cloud.to_string(), digest: law.digest.clone() },
        seed: context.options.seed,
        nonce: context.nonce.clone(),
        readings: law.readings.iter().map(|r| (r.name.clone(), r.choice.clone())).collect(),
        operations: law
            .operations()
            .filter(|(ix, _)| needed.contains(ix))
            .map(|(ix, operation)| OperationResult {
                name: operation.name.to_string(),
                implemented: operations[ix.0 as usize].implemented,
                evidence: operations[ix.0 as usize].evidence.clone(),
            })
            .collect(),
        rules,
        findings,
        flaky: flaky.into_iter().map(|(_, finding)| finding).collect(),
        indeterminate: tally.indeterminate.clone(),
        choices: tally
            .choices
            .iter()
            .map(|((what, about), chose)| Choice { what: what.clone(), about: about.clone(), chose: chose.clone() })
            .collect(),
        leftovers,
        totals,
    }
}

/// Sums up a run whose target could not be used: nothing was reached, and this is why.
pub fn of_nothing(context: &Context, target: &str, why: &str) -> Report {
    let unknown = Probed { implemented: true, evidence: why.to_owned() };
    let mut report = report(context, target, &vec![unknown; context.law.operations.len()], &Plans::new());
    report.operations.iter_mut().for_each(|operation| operation.implemented = false);
    for rule in report.rules.iter_mut().filter(|rule| rule.result == Outcome::NotReached) {
        rule.reason = Some(why.to_owned());
    }
    report.indeterminate.insert(why.to_owned(), 1);
    report
}

/// What a rule says, and for one about the codes of a refusal also which refusal that is.
fn statement(law: &Law, rule: RuleIx) -> String {
    match law.refusal(rule).filter(|refusal| refusal.rule != rule) {
        Some(refusal) => format!("{} {}", law[refusal.rule].says, law[rule].says),
        None => law[rule].says.clone(),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The operations that a rule cannot be reached without and that the target does not implement.
fn missing(law: &Law, operations: &[Probed], plans: &Plans, rule: RuleIx) -> Option<String> {
    let missing: BTreeSet<&str> =
        needs(law, plans, rule).filter(|o| !operations[o.0 as usize].implemented).map(|o| &*law[o].name).collect();
    (!missing.is_empty()).then(|| missing.into_iter().collect::<Vec<_>>().join(", "))
}

/// The operations that a rule cannot be reached without.
fn needs<'a>(law: &'a Law, plans: &'a Plans, rule: RuleIx) -> impl Iterator<Item = OperationIx> + 'a {
    plans.get(&rule).into_iter().flat_map(|steps| operations_of(steps)).chain(law[rule].operation)
}
