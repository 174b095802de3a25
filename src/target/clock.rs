//! The clock by which a target's drains are measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::model::time::Moment;

/// A clock that starts at zero. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// Microseconds that were skipped; none if time cannot be skipped.
    skipped: Option<Arc<AtomicU64>>,
}

impl Clock {
    /// The real time: waiting is the only way to get on.
    pub fn real() -> Clock {
        Clock { start: Instant::now(), skipped: None }
    }

    /// A clock that can be advanced, shared with a target that keeps its time by it.
    pub fn driven() -> Clock {
        Clock { start: Instant::now(), skipped: Some(Arc::default()) }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        let skipped = self.skipped.as_ref().map_or(0, |s| s.load(Ordering::SeqCst));
        let real = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Moment(real.saturating_add(skipped))
    }

    /// Skips some time; false if this clock cannot.
    pub fn advance(&self, by: Duration) -> bool {
        match &self.skipped {
            Some(skipped) => {
                let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
                // Time that does not fit any more stands still rather than starting again.
                let _ = skipped.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(by)));
                true
            }
            None => false,
        }
    }
}
