//! How many requests are in flight, and how long at least one was: what tells whether the target was the limit of a run.
//! Imports nothing.

use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// Requests that are sent to a target on this machine before one is answered: one to be worked on, and one to be there when that
/// is done. More would only wait in the target, which many a target gets slower by (the threads of a Python program take turns),
/// and which makes the time longer in which an answer may have come about.
const AT_ONCE: usize = 2;
/// After this time without an answer the next request is sent all the same: the target works on several, or hangs.
const LONG: Duration = Duration::from_millis(20);

/// The requests in flight, and how long there was at least one.
#[derive(Debug)]
pub struct Flight {
    state: Mutex<State>,
    /// How many may be sent, if that is limited.
    free: Option<Semaphore>,
}

/// The right to send a request now.
pub struct Cleared<'a>(&'a Flight, Option<SemaphorePermit<'a>>);

#[derive(Debug, Default)]
struct State {
    /// How many are in flight.
    now: u32,
    /// Since when there is at least one.
    since: Option<Instant>,
    /// How long there was at least one before that.
    before: Duration,
}

/// A request in flight. It no longer is when this is dropped, however that comes about.
struct Airborne<'a>(&'a Flight);

impl Flight {
    /// Nothing is in flight yet.
    pub fn new(on_loopback: bool) -> Flight {
        Flight { state: Mutex::default(), free: on_loopback.then(|| Semaphore::new(AT_ONCE)) }
    }

    /// Waits for its turn to send a request.
    pub async fn clear(&self) -> Cleared<'_> {
        match &self.free {
            // Nobody closes the semaphore; if somebody did, there would only be no limit.
            Some(free) => Cleared(self, free.acquire().await.ok()),
            None => Cleared(self, None),
        }
    }

    /// Counts a request as in flight until its answer is in, whosever turn it is.
    pub async fn during<T>(&self, request: impl Future<Output = T>) -> T {
        let _airborne = self.begin();
        request.await
    }

    fn begin(&self) -> Airborne<'_> {
        let mut state = self.state();
        state.now += 1;
        state.since.get_or_insert_with(Instant::now);
        Airborne(self)
    }

    /// How long at least one request was in flight.
    pub fn lasted(&self) -> Duration {
        let state = self.state();
        state.before + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cleared<'_> {
    /// Counts a request as in flight until its answer is in.
    pub async fn during<T>(self, request: impl Future<Output = T>) -> T {
        let Cleared(flight, turn) = self;
        let mut request = pin!(flight.during(request));
        match timeout(LONG, &mut request).await {
            Ok(answer) => answer,
            Err(_) => {
                drop(turn);
                request.await
            }
        }
    }
}

impl Drop for Airborne<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.now -= 1;
        if state.now == 0
            && let Some(since) = state.since.take()
        {
            state.before += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        pin::{Pin, pin},
        task::{Context, Waker},
    };

    use super::*;

    fn goes_on<T>(request: Pin<&mut impl Future<Output = T>>) -> bool {
        request.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn time_counts_once_however_many_requests_are_in_flight() {
        let (flight, begun) = (Flight::new(true), Instant::now());
        assert_eq!(flight.lasted(), Duration::ZERO);
        let (mut one, mut other) = (pin!(flight.during(pending::<()>())), pin!(flight.during(pending::<()>())));
        assert!(!goes_on(one.as_mut()) && !goes_on(other.as_mut()));
        assert_eq!(flight.state().now, 2);
        assert!(flight.lasted() <= begun.elapsed());
    }

    #[test]
    fn a_request_that_is_answered_or_given_up_is_not_in_flight_any_more() {
        let flight = Flight::new(true);
        assert!(goes_on(pin!(flight.during(std::future::ready(())))));
        {
            let mut given_up = Box::pin(flight.during(pending::<()>()));
            assert!(!goes_on(given_up.as_mut()));
            assert_eq!(flight.state().now, 1);
        }
        assert_eq!(flight.state().now, 0);
        assert_eq!(flight.state().since, None);
        assert_eq!(flight.lasted(), flight.lasted());
    }

    #[tokio::test]
    async fn a_third_request_waits_for_one_of_two_but_not_for_ever() {
        let flight = Flight::new(true);
        let one = flight.clear().await.during(pending::<()>());
        let other = flight.clear().await;
        {
            let mut third = pin!(flight.clear());
            assert!(!goes_on(third.as_mut()));
            drop(other);
            assert!(goes_on(third.as_mut()));
        }
        let _third = flight.clear().await;
        tokio::select! {
            () = one => unreachable!("it is never answered"),
            _fourth = flight.clear() => {}
        }
    }
}
