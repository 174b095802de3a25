//! When a request is sent again: the target asked for patience, an answer never came or says nothing, or it may lag behind
//! what was done before.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::request_ids::RequestIds;
use crate::{
    model::{
        time::{Interval, Moment},
        world::World,
    },
    spec::{
        file::Defect,
        law::{Law, Param},
    },
    target::NoAnswer,
    wire::{self, Answer, Body, Request, http::HttpResponse},
};

/// How often a throttled request is sent at most.
const TRIES: u32 = 6;
/// How often a request is sent at most to whose likes no answer came.
const FEW: u32 = 3;
/// The first pause; each further one is twice as long, up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How often a request was sent, and how long to wait before it is sent again.
#[derive(Debug)]
pub(super) struct Tries {
    made: u32,
    pause: Duration,
}

impl Default for Tries {
    fn default() -> Tries {
        Tries { made: 1, pause: PAUSE }
    }
}

impl Tries {
    /// The pause before the next time, however many there were.
    pub(super) fn once_more(&mut self) -> Duration {
        let pause = self.pause;
        self.made += 1;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// The same for a target that asked for patience, and perhaps said for how much; none if it was sent often enough, or
    /// would have to be waited for longer than `most`.
    pub(super) fn again(&mut self, told: Option<Duration>, most: Duration) -> Option<Duration> {
        self.patiently(TRIES, told, most)
    }

    /// The same where each time may have been the one that was done.
    pub(super) fn few_again(&mut self, told: Option<Duration>, most: Duration) -> Option<Duration> {
        self.patiently(FEW, told, most)
    }

    fn patiently(&mut self, tries: u32, told: Option<Duration>, most: Duration) -> Option<Duration> {
        let told = told.unwrap_or_default();
        (self.made < tries && told <= most).then(|| self.once_more().max(told))
    }

    /// The same after no answer at all.
    pub(super) fn few(&mut self) -> Option<Duration> {
        (self.made < FEW).then(|| self.once_more())
    }
}

/// True if an answer says nothing but that the request should come later.
pub(super) fn is_throttled(law: &Law, answer: &Answer) -> bool {
    match &answer.body {
        Body::Error { code, .. } => {
            let codes = &law.codes;
            answer.status == 429 || codes.throttled.iter().chain(&codes.busy).any(|c| **c == **code)
        }
        Body::Unreadable { .. } => matches!(answer.status, 429 | 503),
        Body::Success(_) => false,
    }
}

/// Reads an answer, and notes a fault if another one of the run has had its id.
///
/// # Errors
///
/// A gateway gave it in the target's place: the request may have been done or not.
pub(super) fn read(
    law: &Law,
    ids: &mut RequestIds,
    request: &Request,
    response: &HttpResponse,
) -> Result<Answer, NoAnswer> {
    let mut answer = wire::decode_answer(law, request.operation, response);
    ids.note(law, request, &mut answer);
    match (&answer.body, answer.status) {
        (Body::Unreadable { .. }, status @ 502..=504) => Err(NoAnswer::Gateway { status }),
        _ => Ok(answer),
    }
}

/// For how long an answer asks to be left alone. A date in place of a number of seconds is not understood.
pub(super) fn retry_after(headers: &[(String, String)]) -> Option<Duration> {
    let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// True if this code says that what one of the parameters names does not exist.
pub(super) fn is_unknown<'p>(mut params: impl Iterator<Item = &'p Param>, code: &str) -> bool {
    params.any(|param| {
        let refusals = [Defect::Unknown, Defect::Stale].into_iter().filter_map(|d| param.refusal(d));
        refusals.flat_map(|r| r.codes.iter()).any(|c| **c == *code)
    })
}

/// Whether the answers of a target that is consistent in the end only may still show what was before.
///
/// Within the time after the latest change an answer that contradicts it is asked for again; the last one counts. A
/// change is a request that was accepted, or one that had been under way and has happened. The time is over when it has
/// passed here and at the target: the copies of a target's data may be brought up to date by either clock.
#[derive(Debug)]
pub(super) struct Freshness {
    /// How long answers may lag behind; none if they may not.
    within: Option<Duration>,
    latest: Option<(Instant, Moment)>,
}

impl Freshness {
    /// Nothing has changed yet.
    pub(super) fn new(within: Option<Duration>) -> Freshness {
        Freshness { within, latest: None }
    }

    /// True if what was sent at this moment, here and there, may have been answered from before the latest change.
    pub(super) fn may_be_old(&self, sent: (Instant, Moment)) -> bool {
        let (Some(within), Some((here, there))) = (self.within, self.latest) else { return false };
        sent.0 <= here + within || sent.1 <= there.plus(within)
    }

    /// True if an answer may be wrong for no other reason: one of a reading operation, or one that does not find what was
    /// just made.
    pub(super) fn may_lag(&self, law: &Law, request: &Request, answer: &Answer, sent: (Instant, Moment)) -> bool {
        let operation = &law[request.operation];
        let not_found = || {
            let given = operation.params.iter().filter(|p| request.args.iter().any(|(name, _)| *name == p.name));
            matches!(&answer.body, Body::Error { code, .. } if is_unknown(given, code))
        };
        self.may_be_old(sent) && (operation.reads || not_found())
    }

    /// Takes note of an answer that was judged, and of the worlds before and after it.
    pub(super) fn note(
        &mut self,
        law: &Law,
        request: &Request,
        answer: &Answer,
        interval: Interval,
        before: &[Arc<World>],
        after: &[Arc<World>],
    ) {
        let under_way = |worlds: &[Arc<World>]| worlds.iter().map(|w| w.timers.len()).max();
        let written = matches!(answer.body, Body::Success(_)) && !law[request.operation].reads;
        if written || under_way(after) < under_way(before) {
            self.changed(interval.to);
        }
    }

    /// Takes note of a change that was over by now.
    pub(super) fn changed(&mut self, now: Moment) {
        self.latest = Some((Instant::now(), now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let mut tries = Tries::default();
        let pauses: Vec<_> = std::iter::from_fn(|| tries.again(None, Duration::from_secs(9))).collect();
        assert_eq!(pauses.iter().map(Duration::as_millis).collect::<Vec<_>>(), [50, 100, 200, 400, 800]);
    }

    #[test]
    fn a_target_that_says_how_long_to_wait_is_obeyed_up_to_the_patience() {
        let told = |value: &str| retry_after(&[("Retry-After".to_owned(), value.to_owned())]);
        assert_eq!(told("3"), Some(Duration::from_secs(3)));
        assert_eq!(told("Fri, 31 Dec 1999 23:59:59 GMT"), None);
        assert_eq!(Tries::default().again(told("3"), Duration::from_secs(9)), told("3"));
        assert_eq!(Tries::default().again(told("3"), Duration::from_secs(2)), None);
    }

    #[test]
    fn nothing_may_be_old_that_was_asked_after_the_time() {
        let mut fresh = Freshness::new(Some(Duration::from_secs(5)));
        let moment = |seconds: u64| Moment(seconds * 1_000_000);
        assert!(!fresh.may_be_old((Instant::now(), moment(0))));
        fresh.changed(moment(10));
        let here = fresh.latest.unwrap().0;
        let (soon, late) = (here + Duration::from_secs(5), here + Duration::from_secs(6));
        assert!(fresh.may_be_old((soon, moment(15))));
        // It has to be over by both clocks.
        assert!(fresh.may_be_old((soon, moment(16))) && fresh.may_be_old((late, moment(15))));
        assert!(!fresh.may_be_old((late, moment(16))));
        let mut never = Freshness::new(None);
        never.changed(moment(10));
        assert!(!never.may_be_old((soon, moment(15))));
    }
}
