//! Moments and intervals, in microseconds from the start of a run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment: microseconds since the run's start, on the target's clock (which may have been advanced).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// This moment and so many seconds more; negative numbers count as none, and the end of time is not passed.
    pub fn plus_seconds(self, seconds: i64) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000)))
    }

    /// This moment and some time more.
    pub fn plus(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// This moment and some time less; the beginning of time is not passed.
    pub fn minus(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_sub(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` to this moment; none if it is not earlier.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The time between sending a request and having its answer: it took effect at some moment in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// When the request was sent.
    pub from: Moment,
    /// When the answer was in.
    pub to: Moment,
}

/// How far a change may miss its window before it counts as early or late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolerance {
    /// Before the earliest moment.
    pub early: Duration,
    /// After the latest moment.
    pub late: Duration,
}

impl Tolerance {
    /// The most that a change may be early, whatever it may be late.
    ///
    /// A change is late for many reasons: work is done in rounds, or waits for other work. It is early only because the
    /// target's clock runs faster than the one here, or counts in whole seconds. Half a second is what rounding to whole
    /// seconds makes, and what a clock that is 0.1 % too fast gains in 500 seconds; a change that is a whole second early
    /// is never taken for it.
    pub const MOST_EARLY: Duration = Duration::from_millis(500);

    /// What a change that may be late by so much may be early.
    pub fn new(late: Duration) -> Tolerance {
        Tolerance { early: late.min(Tolerance::MOST_EARLY), late }
    }

    /// The tolerance where a change is seen only some time after it has happened.
    pub fn lagging(self, by: Option<Duration>) -> Tolerance {
        Tolerance { late: self.late.saturating_add(by.unwrap_or_default()), ..self }
    }
}
