//! A trace judged again, without a target.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    again::{self, is_throttled},
    request_ids::RequestIds,
};
use crate::{
    model::time::{Interval, Moment, Tolerance},
    oracle::{
        Oracle, Settings,
        history::Event,
        judge::{Verdict, Violation},
    },
    report::trace::Line,
    spec::law::Law,
    wire::http::HttpResponse,
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
        let mut lines = lines.into_iter().peekable();
        while let Some(line) = lines.next() {
            // Requests that were sent at once belong to one step.
            let overlaps = |next: &&&Line| line.client.is_some() && next.client.is_some() && next.step == line.step;
            let mut group = vec![line];
            while let Some(next) = lines.next_if(|next| overlaps(&next)) {
                group.push(next);
            }
            let asked_again = lines.peek().is_some_and(|next| next.step == line.step && next.call == line.call);
            let events =
                group.iter().map(|line| read(law, &oracle, &mut request_ids, line)).collect::<Option<Vec<_>>>();
            let Some(events) = events else { break };
            let before = oracle.clone();
            let judgement = match events.as_slice() {
                [Event { client: 0, request, interval, answer: None }] => {
                    oracle.unanswered(request, interval.from);
                    continue;
                }
                [Event { client: 0, request, interval, answer: Some(answer) }] => {
                    oracle.judge(request, *interval, answer)
                }
                several => oracle.judge_together(several),
            };
            let throttled = |event: &Event| event.answer.as_ref().is_some_and(|answer| is_throttled(law, answer));
            let set_aside = match &judgement.verdict {
                Verdict::Explained => false,
                Verdict::Violation(_) => lags,
                Verdict::Indeterminate(_) => events.iter().any(throttled),
            };
            let asked_again = set_aside && asked_again;
            // Of an answer that may be old nothing counts; one that asks for patience has its form.
            if !(asked_again && lags) {
                found.violations.extend(judgement.faults.into_iter().map(|f| (name.to_owned(), f)));
            }
            if asked_again {
                oracle = before;
                continue;
            }
            match judgement.verdict {
                Verdict::Explained => found.judged += events.len() as u64,
                Verdict::Violation(violation) => {
                    found.judged += events.len() as u64;
                    found.violations.push((name.to_owned(), violation));
                    break;
                }
                Verdict::Indeterminate(_) => break,
            }
        }
    }
    found
}

/// A request and what came of it, as they were written down. None if the request is not one of this law's.
fn read(law: &Law, oracle: &Oracle, request_ids: &mut RequestIds, line: &Line) -> Option<Event> {
    let call = line.call.as_ref()?.read(law).ok()?;
    let request = call.resolve(law, oracle.worlds(), &line.tokens)?;
    let answer = line.exchange.answer.as_ref().and_then(|raw| {
        let body = raw.body.clone().into_bytes().into();
        let response = HttpResponse { status: raw.status, headers: raw.headers.clone(), body };
        again::read(law, request_ids, &request, &response).ok()
    });
    let interval = Interval { from: Moment(line.exchange.sent), to: Moment(line.exchange.received) };
    Some(Event { client: line.client.unwrap_or(0), request, interval, answer })
}
