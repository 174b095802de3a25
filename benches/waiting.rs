//! What waiting costs: 500 scenarios that each wait for a drain of three seconds, on a real clock, against the embedded
//! server in this process. One after the other they would take at least 25 minutes.

mod common;

use std::{sync::Arc, time::Instant};

use common::{only_testing, run_options};
use eipcheck::{
    run::{Stop, Workers, begin, event::Silent, session::Scenario, suite::plan_wanted},
    scenario::{atlas::Atlas, step::Step},
    spec::{
        law::{Law, RuleIx},
        load::{SpecSource, clouds, load},
    },
    target::clock::Pace,
};

/// Scenarios that are played.
const SCENARIOS: usize = 500;

/// The first law with a change that takes as long as the request says, and the plan that waits for one.
fn plan() -> (Arc<Law>, RuleIx, Vec<Step>) {
    let clouds = clouds(&SpecSource::BuiltIn).expect("the built-in law is sound");
    let laws = clouds.iter().map(|cloud| load(&SpecSource::BuiltIn, cloud, &[]).expect("the built-in law is sound"));
    for law in laws.map(Arc::new) {
        let timed = |rule: &RuleIx| {
            let effects = law.operations().flat_map(|(_, o)| &o.effects).filter(|e| e.rule == *rule);
            let mut latest = effects.filter_map(|e| e.after.as_ref()?.latest.as_ref());
            latest.any(|seconds| seconds.source().contains("input."))
        };
        let wanted = law.rules().map(|(ix, _)| ix).filter(timed).take(1).collect();
        if let Some((rule, steps)) = plan_wanted(&law, &wanted, &|_, _| true).into_iter().next() {
            return (law, rule, steps);
        }
    }
    panic!("no law has such a change");
}

fn main() {
    let (law, rule, mut steps) = plan();
    let count = if only_testing() { 8 } else { SCENARIOS };
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");
    let options = run_options(&law, 1_000_000, Pace::Real);
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
        workers.gather().await;
        (begun.elapsed(), workers.context.requests(), workers.context.tally().passes[rule.0 as usize])
    });
    assert!(passes >= count as u64, "every scenario saw the change: {passes}");
    println!("{count} scenarios, {requests} requests, {passes} changes seen in {:.1} s", time.as_secs_f64());
}
