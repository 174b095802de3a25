//! A trace judged again, without a target.

use std::{collections::BTreeMap, sync::Arc};

use super::{RequestIds, TOLERANCE};
use crate::{
    model::time::{Interval, Moment},
    oracle::{
        Oracle, Settings,
        history::Event,
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
        let mut lines = lines.into_iter().peekable();
        while let Some(line) = lines.next() {
            // Requests that were sent at once belong to one step.
            let overlaps = |next: &&&Line| line.client.is_some() && next.client.is_some() && next.step == line.step;
            let mut group = vec![line];
            while let Some(next) = lines.next_if(|next| overlaps(&next)) {
                group.push(next);
            }
            let events =
                group.iter().map(|line| read(law, &oracle, &mut request_ids, line)).collect::<Option<Vec<_>>>();
            let Some(events) = events else { break };
            let judgement = match events.as_slice() {
                [Event { client: 0, request, interval, answer: Some(answer) }] => {
                    oracle.judge(request, *interval, answer)
                }
                several => oracle.judge_together(several),
            };
            found.violations.extend(judgement.faults.into_iter().map(|f| (name.to_owned(), f)));
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

/// A request and its answer, as they were written down. None if there was no answer, or the request is not one of this
/// law's.
fn read(law: &Law, oracle: &Oracle, request_ids: &mut RequestIds, line: &Line) -> Option<Event> {
    let call = line.call.as_ref()?.read(law).ok()?;
    let request = call.resolve(law, oracle.worlds(), &line.tokens)?;
    let raw = line.exchange.answer.as_ref()?;
    let response =
        HttpResponse { status: raw.status, headers: raw.headers.clone(), body: raw.body.clone().into_bytes().into() };
    let mut answer = wire::decode_answer(law, request.operation, &response);
    request_ids.note(law, &mut answer);
    let interval = Interval { from: Moment(line.exchange.sent), to: Moment(line.exchange.received) };
    Some(Event { client: line.client.unwrap_or(0), request, interval, answer: Some(answer) })
}
