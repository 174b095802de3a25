//! How many scenarios work at a time. One that waits gives up its turn, so that waiting costs the others nothing.
//!
//! Imports nothing of the crate.

use std::future::Future;

use tokio::sync::{Semaphore, SemaphorePermit};

/// The turns of a run.
#[derive(Debug)]
pub struct Turns {
    turns: Semaphore,
    /// Whoever begins comes through here one by one, so that at most one of them stands before those who only waited.
    door: Semaphore,
}

/// A scenario's turn.
#[derive(Debug)]
pub struct Turn<'a> {
    turns: &'a Turns,
    held: Option<SemaphorePermit<'a>>,
}

impl Turns {
    /// So many at a time.
    pub fn new(most: usize) -> Turns {
        Turns { turns: Semaphore::new(most.max(1)), door: Semaphore::new(1) }
    }

    /// Waits for a turn.
    pub async fn take(&self) -> Turn<'_> {
        // Neither is ever closed; if it were, everybody would have a turn.
        let door = self.door.acquire().await.ok();
        let held = self.turns.acquire().await.ok();
        drop(door);
        Turn { turns: self, held }
    }
}

impl Turn<'_> {
    /// Leaves the turn to somebody else while something else is waited for.
    pub async fn leave_for<T>(&mut self, other: impl Future<Output = T>) -> T {
        self.held = None;
        let result = other.await;
        self.held = self.turns.turns.acquire().await.ok();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_leaves_the_turn_to_the_others() {
        let (turns, all) = (Turns::new(2), Barrier::new(50));
        let (working, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let one = || async {
            let mut turn = turns.take().await;
            for _ in 0..3 {
                most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                working.fetch_sub(1, Ordering::SeqCst);
                // Nobody gets past this before all have come to it: with turns that are kept it would never end.
                turn.leave_for(all.wait()).await;
            }
        };
        let mut set = Vec::new();
        set.resize_with(50, one);
        futures(set).await;
        assert!(most.load(Ordering::SeqCst) <= 2);
    }

    /// Polls all of them until each is done.
    async fn futures<F: Future<Output = ()>>(of: Vec<F>) {
        let mut of: Vec<_> = of.into_iter().map(|f| Some(Box::pin(f))).collect();
        std::future::poll_fn(|cx| {
            for slot in &mut of {
                if slot.as_mut().is_some_and(|f| f.as_mut().poll(cx).is_ready()) {
                    *slot = None;
                }
            }
            if of.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}
