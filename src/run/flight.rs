//! How long at least one request was in flight: what tells whether the target was the limit of a run. Imports nothing.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The requests in flight, and how long there was at least one.
#[derive(Debug, Default)]
pub struct Flight(Mutex<State>);

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
    /// Counts a request as in flight until its answer is in.
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (flight, begun) = (Flight::default(), Instant::now());
        assert_eq!(flight.lasted(), Duration::ZERO);
        let (mut one, mut other) = (pin!(flight.during(pending::<()>())), pin!(flight.during(pending::<()>())));
        assert!(!goes_on(one.as_mut()) && !goes_on(other.as_mut()));
        assert_eq!(flight.state().now, 2);
        assert!(flight.lasted() <= begun.elapsed());
    }

    #[test]
    fn a_request_that_is_answered_or_given_up_is_not_in_flight_any_more() {
        let flight = Flight::default();
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
}
