//! A trace judged again, without a target.

use std::{collections::BTreeMap, sync::Arc};

use super::{RequestIds, TOLERANCE};
use crate::{
    model::time::{Interval, Moment},
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
/// says nothing, or the clean-up, which is not judged.
pub fn recheck(law: &Arc<Law>, lines: &[Line]) -> Rechecked {
    let mut scenarios: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in lines.iter().filter(|l| !l.scenario.starts_with("probe") && !l.cleanup) {
        scenarios.entry(&line.scenario).or_default().push(line);
    }
    let mut request_ids = RequestIds::default();
    let mut found = Rechecked { scenarios: scenarios.len() as u64, ..Rechecked::default() };
    for (name, lines) in scenarios {
        let mut oracle = Oracle::new(law.clone(), Settings { tolerance: TOLERANCE, muted: Arc::default() });
        for line in lines {
            let request = line
                .call
                .as_ref()
                .and_then(|c| c.read(law).ok())
                .and_then(|c| c.resolve(law, oracle.worlds(), &line.tokens));
            let (Some(request), Some(raw)) = (request, &line.exchange.answer) else { break };
            let response = HttpResponse {
                status: raw.status,
                headers: raw.headers.clone(),
                body: raw.body.clone().into_bytes().into(),
            };
            let mut answer = wire::decode_answer(law, request.operation, &response);
            request_ids.note(law, &request, &mut answer);
            let interval = Interval { from: Moment(line.exchange.sent), to: Moment(line.exchange.received) };
            let judgement = oracle.judge(&request, interval, &answer);
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
