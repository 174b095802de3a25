//! How many resources a run holds at a time: what it has made and not deleted yet.
//!
//! Whoever plays a scenario asks beforehand for as many as it may make, and waits for them while it holds none. What is
//! asked for in the middle of one is had at once or not at all, and then the scenario ends and is cleaned up. So nobody
//! who holds something waits for somebody else, and the run goes on. What could not be deleted counts for the rest of the
//! run.
//!
//! Imports `scenario`, for its steps, and `spec`.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};

use crate::{
    scenario::step::Step,
    spec::law::{Change, Law, OperationIx},
};

/// How often somebody who waits asks whether the run is over.
const GLANCE: Duration = Duration::from_millis(100);

/// How many resources a request for an operation may make, parts of others not counted.
pub fn makes(law: &Law, operation: OperationIx) -> usize {
    let creates = |change: &Change| matches!(change, Change::Create { kind, .. } if !law[*kind].undo.is_empty());
    law[operation].effects.iter().filter(|effect| creates(&effect.change)).count()
}

/// How many resources some steps may make in all, parts of others not counted.
pub fn makes_in(law: &Law, steps: &[Step]) -> usize {
    steps.iter().flat_map(Step::calls).map(|call| makes(law, call.operation)).sum()
}

/// What a run holds.
#[derive(Debug, Default)]
pub struct Holdings {
    /// How many it may hold at a time; none for any number.
    most: Option<usize>,
    held: Mutex<Held>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    /// What scenarios hold, or may come to hold.
    shares: usize,
    /// What could not be deleted.
    left: usize,
}

/// There is no room, and there will be none.
#[derive(Debug, PartialEq, Eq)]
pub struct NoRoom;

impl Holdings {
    /// So many at a time; any number if there is no limit.
    pub fn new(most: Option<usize>) -> Holdings {
        Holdings { most, ..Holdings::default() }
    }

    /// The limit.
    pub fn most(&self) -> Option<usize> {
        self.most
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Numbers do not break half-way.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A share of nothing yet.
    pub fn share(&self) -> Share<'_> {
        Share { of: self, had: 0, made: 0, left: 0 }
    }
}

/// What one scenario holds. It gives back what it does not leave behind.
#[derive(Debug)]
pub struct Share<'a> {
    of: &'a Holdings,
    had: usize,
    made: usize,
    left: usize,
}

impl Share<'_> {
    /// Takes so many more if there is room at once.
    pub fn take(&mut self, more: usize) -> bool {
        let mut held = self.of.held();
        let fits = self.of.most.is_none_or(|most| held.shares + held.left + more <= most);
        if fits {
            held.shares += more;
            self.had += more;
        }
        fits
    }

    /// Waits until there is room for so many more; to be asked only by a scenario that holds nothing.
    ///
    /// # Errors
    ///
    /// There never will be, or the run is over before there is.
    pub async fn wait_for(&mut self, more: usize, is_over: impl Fn() -> bool) -> Result<(), NoRoom> {
        loop {
            let freed = self.of.freed.notified();
            if self.take(more) {
                return Ok(());
            }
            if is_over() || self.of.most.is_some_and(|most| self.of.held().left + more > most) {
                return Err(NoRoom);
            }
            // Whether it was woken or has waited long enough, it looks again.
            let _ = timeout(GLANCE, freed).await;
        }
    }

    /// Makes room for what a request may make; false if there is none.
    pub fn may_make(&mut self, more: usize) -> bool {
        let missing = (self.made + more).saturating_sub(self.had);
        let may = missing == 0 || self.take(missing);
        if may {
            self.made += more;
        }
        may
    }

    /// So many are there after all, more than was asked for.
    pub fn came(&mut self, there: usize) {
        let more = there.saturating_sub(self.had);
        self.of.held().shares += more;
        self.had += more;
    }

    /// So many could not be deleted.
    pub fn leave(&mut self, left: usize) {
        self.left = left;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut held = self.of.held();
        held.shares -= self.had;
        held.left += self.left;
        drop(held);
        self.of.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_is_held_than_there_is_room_for() {
        let holdings = Holdings::new(Some(3));
        let mut one = holdings.share();
        one.wait_for(2, || false).await.unwrap();
        let mut other = holdings.share();
        assert!(!other.take(2) && other.may_make(1) && !other.may_make(1));
        drop(other);
        assert!(one.may_make(2) && one.may_make(1) && !one.may_make(1));
        let waits = async {
            let mut third = holdings.share();
            third.wait_for(3, || false).await
        };
        let ends = async { drop(one) };
        let (waited, ()) = tokio::join!(waits, ends);
        assert_eq!(waited, Ok(()));
    }

    #[tokio::test]
    async fn nobody_waits_for_what_never_comes() {
        let holdings = Holdings::new(Some(3));
        assert_eq!(holdings.share().wait_for(4, || false).await, Err(NoRoom));
        let mut one = holdings.share();
        one.wait_for(1, || false).await.unwrap();
        assert_eq!(holdings.share().wait_for(3, || true).await, Err(NoRoom));
        one.leave(1);
        drop(one);
        assert_eq!(holdings.share().wait_for(3, || false).await, Err(NoRoom));
        assert_eq!(holdings.share().wait_for(2, || false).await, Ok(()));
    }

    #[test]
    fn what_comes_unasked_counts() {
        let holdings = Holdings::new(Some(3));
        let mut one = holdings.share();
        one.came(5);
        assert!(!holdings.share().take(1));
        drop(one);
        assert!(holdings.share().take(3));
        assert!(Holdings::new(None).share().take(usize::MAX / 2));
    }
}
