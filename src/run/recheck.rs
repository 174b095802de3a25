//! A trace judged again, without a target.

use std::{collections::BTreeMap, sync::Arc};

use super::{again::is_throttled, request_ids::RequestIds};
use crate::{
    model::time::{Interval, Moment, Tolerance},
    oracle::{
        Oracle, Settings,
        judge::{Verdict, Violation},
    },
    report::trace::Line,
    spec::law::Law,
    wire::{self, http::HttpResponse},
};

/// What judging a trace again showed.
#[derive(Debug, Default)]
pub struct Rechecked {
    /// Answers judged.
    pub judged: u64,
    /// Scenarios in the trace.
    pub scenarios: u64,
    /// The violations, each with its scenario.
    pub violations: Vec<(String, Violation)>,
}

/// Judges every scenario of a trace from its beginning until it can be followed no further: a violation, an answer that
/// says nothing, or the clean-up, which is not judged. `lags` says that answers may lag behind what was done before: then a
/// reading answer counts only if the run did not ask for it again.
pub fn recheck(law: &Arc<Law>, lines: &[Line], tolerance: Tolerance, lags: bool) -> Rechecked {
    // A scenario that was played twice had other tokens each time.
    let mut scenarios: BTreeMap<(&str, &str), Vec<&Line>> = BTreeMap::new();
    for line in lines.iter().filter(|l| !l.scenario.starts_with("probe") && !l.cleanup) {
        scenarios.entry((&line.scenario, &line.tokens)).or_default().push(line);
    }
    let mut request_ids = RequestIds::default();
    let mut found = Rechecked { scenarios: scenarios.len() as u64, ..Rechecked::default() };
    for ((name, _), lines) in scenarios {
        let mut oracle = Oracle::new(law.clone(), Settings { tolerance, muted: Arc::default() });
        for (place, line) in lines.iter().enumerate() {
            let asked_again = lines.get(place + 1).is_some_and(|next| next.step == line.step && next.call == line.call);
            let request = line
                .call
                .as_ref()
                .and_then(|c| c.read(law).ok())
                .and_then(|c| c.resolve(law, oracle.worlds(), &line.tokens));
            let Some(request) = request else { break };
            let interval = Interval { from: Moment(line.exchange.sent), to: Moment(line.exchange.received) };
            let Some(raw) = &line.exchange.answer else {
                oracle.unanswered(&request, interval.from);
                continue;
            };
            let response = HttpResponse {
                status: raw.status,
                headers: raw.headers.clone(),
                body: raw.body.clone().into_bytes().into(),
            };
            let mut answer = wire::decode_answer(law, request.operation, &response);
            request_ids.note(law, &mut answer);
            let before = oracle.clone();
            let judgement = oracle.judge(&request, interval, &answer);
            let set_aside = match &judgement.verdict {
                Verdict::Explained => false,
                Verdict::Violation(_) => lags,
                Verdict::Indeterminate(_) => is_throttled(law, &answer),
            };
            if set_aside && asked_again {
                oracle = before;
                continue;
            }
            found.violations.extend(judgement.faults.into_iter().map(|f| (name.to_owned(), f)));
            match judgement.verdict {
                Verdict::Explained => found.judged += 1,
                Verdict::Violation(violation) => {
                    found.judged += 1;
                    found.violations.push((name.to_owned(), violation));
                    break;
                }
                Verdict::Indeterminate(_) => break,
            }
        }
    }
    found
}
