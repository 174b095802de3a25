//! Whether a violation comes again.
//!
//! A server with a race of its own may fail one good request of thousands. That would mark a rule as broken that the
//! server otherwise keeps, and the rest of the run would lead around it; and whoever wants to see it again cannot. So a
//! scenario that broke a rule which other answers kept is played once more, alone but for looks of scenarios that wait.
//! If the rule is not broken then, the second playing is what counts, and the first is reported among what could not be
//! judged.

use std::sync::Arc;

use super::{
    Workers,
    session::{Played, Scenario},
};
use crate::oracle::RuleSet;

/// Plays scenarios again whose violations are in doubt. `results` are those of a group, by their numbers.
pub async fn confirm(
    workers: &Workers,
    group: &str,
    scenarios: &[Scenario],
    results: &mut [(usize, Played)],
    muted: &Arc<RuleSet>,
) {
    let (kept, mut confirmed) = {
        let tally = workers.context.tally();
        let kept: RuleSet = workers.context.law.rules().map(|(ix, _)| ix).filter(|ix| tally.is_kept(*ix)).collect();
        (kept, tally.broken())
    };
    let kept: RuleSet = kept.iter().chain(results.iter().flat_map(|(_, r)| r.passes.iter().copied())).collect();
    for (number, first) in results {
        let in_doubt: Vec<_> =
            first.violations.iter().filter(|(v, _)| kept.contains(v.rule) && !confirmed.contains(v.rule)).collect();
        // Requests that were sent at once race each other anew every time: what no order explains is shown by itself.
        if in_doubt.is_empty() || scenarios[*number].overlaps() || workers.context.is_over() {
            continue;
        }
        let tokens = workers.context.tokens(group, *number) + "-again";
        let mut again = workers.session(0, &scenarios[*number], muted, tokens).play().await;
        let comes = |rule| again.violations.iter().any(|(v, _)| v.rule == rule);
        let gone: Vec<String> = in_doubt
            .iter()
            .filter(|(violation, _)| !comes(violation.rule))
            .map(|(violation, _)| {
                let id = &workers.context.law[violation.rule].id;
                format!("{id} was broken once, and not when the same was done again: {}", violation.came)
            })
            .collect();
        if gone.is_empty() || again.indeterminate.is_some() && !again.finished {
            in_doubt.iter().for_each(|(violation, _)| _ = confirmed.insert(violation.rule));
            first.judged += again.judged;
            first.requests += again.requests;
            first.leftovers.append(&mut again.leftovers);
        } else {
            again.judged += first.judged;
            again.requests += first.requests;
            again.leftovers.append(&mut first.leftovers);
            again.unrepeated = gone;
            *first = again;
        }
    }
}
