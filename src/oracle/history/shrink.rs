//! The smallest set of requests that no order explains.
//!
//! First the history is cut off at the earliest answer by which no order was left: whatever has an order has one up to
//! any moment, if what was under way then may have happened or not. The request with that answer is the *culprit*:
//! without its answer there is an order. Then requests are left out, more and more at a time and one by one in the end
//! (A. Zeller and R. Hildebrandt, "Simplifying and isolating failure-inducing input", TSE 28(2), 2002), as long as the
//! same answer stays without explanation for the same reason, and as long as all others have one. The last condition
//! keeps what others depend on: without a request that created something, whatever shows it would seem wrong.

use super::{
    Call, Contradiction, History, Step,
    search::{self, Found, Search},
};
use crate::{model::time::Moment, oracle::judge::Violation};

/// Finds out what a violation is about, among a group of requests that no order explains.
pub(super) fn shrink(history: &History<'_>, group: &[usize], budget: u64) -> Contradiction {
    let mut shrinking = Shrinking { history, left: budget };
    let (kept, culprit) = shrinking.earliest(history.calls(group));
    let violation = shrinking.blame(&kept, culprit);
    let (mut kept, smallest) = shrinking.fewer(kept, culprit, &violation);
    let violation = shrinking.blame(&kept, culprit);
    kept.sort_by_key(|call| (call.from, call.to, call.event));
    Contradiction { violation, culprit, calls: kept.into_iter().map(|c| c.event).collect(), smallest }
}

struct Shrinking<'h> {
    history: &'h History<'h>,
    /// Steps that may still be taken.
    left: u64,
}

impl Shrinking<'_> {
    fn search(&mut self, calls: Vec<Call>) -> Found {
        let mut search = Search::new(self.history, calls);
        let found = search.run(self.left);
        self.left -= search.steps.min(self.left);
        found
    }

    fn has_order(&mut self, calls: Vec<Call>) -> bool {
        matches!(self.search(calls), Found::Order(_))
    }

    fn has_none(&mut self, calls: Vec<Call>) -> bool {
        matches!(self.search(calls), Found::None)
    }

    /// The requests until the first answer by which there is no order any more, and whose answer that is.
    fn earliest(&mut self, calls: Vec<Call>) -> (Vec<Call>, usize) {
        let mut answers: Vec<(Moment, usize)> = calls.iter().filter_map(|c| Some((c.to?, c.event))).collect();
        answers.sort_unstable();
        let last = answers.len().saturating_sub(1);
        // The first place at which there is none; at the last one there is none.
        let (mut low, mut high) = (0, last);
        while low < high {
            let middle = (low + high) / 2;
            if self.has_none(until(&calls, &answers, middle)) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let culprit = answers.get(high).map_or(0, |(_, event)| *event);
        (until(&calls, &answers, high), culprit)
    }

    /// As few of the requests as can be, and whether that was found out to the end.
    fn fewer(&mut self, mut kept: Vec<Call>, culprit: usize, violation: &Violation) -> (Vec<Call>, bool) {
        // The last ones first: nothing depends on them.
        kept.sort_by_key(|call| (call.from, call.event));
        let mut size = (kept.len() / 2).max(1);
        loop {
            let before = kept.len();
            let mut end = kept.len();
            while end > 0 {
                if self.left == 0 {
                    return (kept, false);
                }
                let start = end.saturating_sub(size);
                let without: Vec<Call> = kept[..start].iter().chain(&kept[end..]).copied().collect();
                let has_culprit = without.iter().any(|call| call.event == culprit);
                if has_culprit && self.is_same(&without, culprit, violation) {
                    kept = without;
                }
                end = start;
            }
            match (size, kept.len() < before) {
                (1, false) => return (kept, true),
                (1, true) => {}
                _ => size = (size / 2).max(1),
            }
        }
    }

    /// True if these have no order, for the same reason, and without the culprit's answer have one.
    fn is_same(&mut self, calls: &[Call], culprit: usize, violation: &Violation) -> bool {
        let without: Vec<Call> = calls
            .iter()
            .map(|call| match call.event == culprit {
                true => Call { to: None, ..*call },
                false => *call,
            })
            .collect();
        self.has_none(calls.to_vec()) && self.blame(calls, culprit).rule == violation.rule && self.has_order(without)
    }

    /// What is wrong, by the longest order.
    fn blame(&mut self, calls: &[Call], culprit: usize) -> Violation {
        let mut search = Search::new(self.history, calls.to_vec());
        search.run(self.left.max(1000));
        self.left -= search.steps.min(self.left);
        let (oracle, progress) = search::replay(self.history, calls.to_vec(), &search.longest);
        let (candidates, until) = progress.candidates();
        let mut found: Option<Violation> = None;
        for place in candidates {
            let call = *progress.call(place);
            if call.to.is_none() {
                continue;
            }
            let interval = progress.interval(place, until);
            if let Step::Wrong(violation) = self.history.step(&mut oracle.clone(), &call, interval)
                && (found.is_none() || call.event == culprit)
            {
                found = Some(violation);
            }
        }
        let operation = self.history.events[culprit].request.operation;
        // The longest order ends where nothing goes on, so that one answer at least is wrong there.
        found.unwrap_or_else(|| Violation {
            rule: self.history.start.law()[operation].accepts,
            allowed: "an answer that some order of the requests explains".into(),
            came: "none does".into(),
        })
    }
}

/// What can be known at the moment of the answer at this place: the answers until then. What was under way may have
/// happened.
fn until(calls: &[Call], answers: &[(Moment, usize)], place: usize) -> Vec<Call> {
    let Some(last) = answers.get(place).copied() else { return calls.to_vec() };
    let sent = calls.iter().filter(|call| call.from <= last.0);
    let seen = |call: &Call| call.to.is_some_and(|to| (to, call.event) <= last);
    sent.map(|call| if seen(call) { *call } else { Call { to: None, ..*call } }).collect()
}
