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
