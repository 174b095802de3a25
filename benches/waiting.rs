//! What waiting costs: 500 scenarios that each wait for a drain of three seconds, on a real clock, against the embedded
//! server in this process. One after the other they would take at least 25 minutes.

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{law, only_testing, run_options};
use eipcheck::{
    run::{Stop, Workers, begin, event::Silent, session::Scenario, suite::plan_wanted},
    scenario::{atlas::Atlas, step::Step},
    spec::law::{Law, RuleIx},
    target::clock::Pace,
};

/// Scenarios that are played.
const SCENARIOS: usize = 500;

/// The shortest plan that waits for a change with a time that the request may say.
fn plan(law: &Arc<Law>) -> (RuleIx, Vec<Step>) {
    let timed = |rule: &RuleIx| {
        let latest =
            |e: &eipcheck::spec::law::Effect| e.after.as_ref().and_then(|a| a.latest.as_ref()).map(|l| l.source());
        let effects = law.operations().flat_map(|(_, o)| &o.effects);
        effects.filter(|e| e.rule == *rule).filter_map(latest).any(|source| source.contains("input."))
    };
    let wanted = law.rules().map(|(ix, _)| ix).filter(timed).take(1).collect();
    plan_wanted(law, &wanted, &|_, _| true).into_iter().next().expect("the plan is found")
}

fn main() {
    let law = law();
    let count = if only_testing() { 8 } else { SCENARIOS };
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");
    let options = run_options(&law, 1_000_000, Pace::Real);
    let (rule, mut steps) = plan(&law);
    let (time, requests, passes) = runtime.block_on(async {
        let (context, endpoints) =
            begin(law.clone(), options, Arc::new(Silent), Stop::default()).await.expect("it starts");
        let workers = Workers::new(context, endpoints, Arc::new(Atlas::new(&law, |_| true)));
        for step in &mut steps {
            if let Step::Call(call) = step {
                workers.context.shorten(call);
            }
        }
        let scenarios = (0..count).map(|_| Scenario::Planned { rule, steps: steps.clone() }).collect();
        let begun = Instant::now();
        workers.play(scenarios, Arc::default()).await;
        (begun.elapsed(), workers.context.requests(), workers.context.tally().passes[rule.0 as usize])
    });
    assert!(passes >= count as u64, "every scenario saw the change: {passes}");
    println!("{count} scenarios, {requests} requests, {passes} changes seen in {:.1} s", time.as_secs_f64());
}
