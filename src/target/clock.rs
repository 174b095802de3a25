//! The clock by which a target's drains are measured.
//!
//! A clock here never claims to know what time it is at the target: it knows a moment that is certainly not later, and
//! one that is certainly not earlier ([`Clock::before`], [`Clock::after`]). What lies between them is the resolution of
//! the clock, and where the target's own clock may run or stand still while nobody moves it, also the time since then.

use std::{
    fmt,
    num::NonZeroU32,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, Url, header::CONTENT_TYPE, redirect};

use super::permits::pinned;
use crate::model::time::Moment;

/// Where a target's clock is moved: `POST` with `{"seconds": N}`.
pub const ADVANCE: &str = "/_clock/advance";
/// A path that no target has: one that says yes to it says yes to everything, and has not moved its clock.
const NOWHERE: &str = "/_clock/no-such-thing";
/// The fastest that a target's time may run.
const FASTEST: u32 = 1_000_000;
/// What is read of an answer that refuses to move the clock.
const MOST_SHOWN: usize = 200;

/// How a target's time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As here.
    Real,
    /// So many times as fast as here.
    Scaled(NonZeroU32),
    /// When it is told to.
    Driven,
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Pace, String> {
        match (text, text.strip_prefix("scaled:")) {
            ("real", _) => Ok(Pace::Real),
            ("driven", _) => Ok(Pace::Driven),
            (_, Some(times)) => match times.parse::<NonZeroU32>() {
                Ok(times) if times.get() <= FASTEST => Ok(Pace::Scaled(times)),
                _ => Err(format!("scaled:N takes a whole number from 1 to {FASTEST}")),
            },
            _ => Err("it should be real, scaled:N or driven".to_owned()),
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pace::Real => f.write_str("real"),
            Pace::Scaled(times) => write!(f, "scaled:{times}"),
            Pace::Driven => f.write_str("driven"),
        }
    }
}

/// Why a target's clock was not moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("POST {url} with {{\"seconds\": {seconds}}}: {why}")]
pub struct ClockError {
    /// Where.
    pub url: String,
    /// By how much.
    pub seconds: u64,
    /// What came of it.
    pub why: String,
}

/// A clock that starts at zero. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    /// What it showed at its start, in microseconds.
    base: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Time passes by itself, so many times as fast as here.
    Even(u32),
    /// Time passes as here, and so many microseconds have been skipped; the target shares the clock.
    Skipping(Arc<AtomicU64>),
    /// The target moves its clock when it is asked to. Whether it also runs in between is not known.
    Asking(Arc<Asking>),
}

#[derive(Debug)]
struct Asking {
    client: Client,
    url: Url,
    /// Seconds that the clock was moved by.
    moved: AtomicU64,
}

impl Clock {
    fn new(kind: Kind) -> Clock {
        Clock { start: Instant::now(), base: 0, kind }
    }

    /// The real time: waiting is the only way to get on.
    pub fn real() -> Clock {
        Clock::new(Kind::Even(1))
    }

    /// The time of a target for which it passes so many times as fast.
    pub fn scaled(times: NonZeroU32) -> Clock {
        Clock::new(Kind::Even(times.get().min(FASTEST)))
    }

    /// A clock that can be advanced, shared with a target that keeps its time by it.
    pub fn driven() -> Clock {
        Clock::new(Kind::Skipping(Arc::default()))
    }

    /// The clock of a target that moves it when asked to. Asks once, by a second, to see whether it does.
    ///
    /// # Errors
    ///
    /// It does not.
    pub async fn of_target(target: &Url, timeout: Duration) -> Result<Clock, ClockError> {
        let fails =
            |why: String| ClockError { url: target.join(ADVANCE).unwrap_or(target.clone()).into(), seconds: 1, why };
        let client = pinned(Client::builder(), target)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(timeout)
            .build()
            .map_err(|e| fails(e.to_string()))?;
        let url = |path| target.join(path).map_err(|e| fails(e.to_string()));
        let asking = Asking { client, url: url(ADVANCE)?, moved: AtomicU64::new(0) };
        asking.advance(1).await?;
        let nowhere = Asking { client: asking.client.clone(), url: url(NOWHERE)?, moved: AtomicU64::new(0) };
        if nowhere.advance(1).await.is_ok() {
            return Err(fails(format!(
                "it was answered, but so is POST {}: nothing shows that there is a clock",
                NOWHERE
            )));
        }
        Ok(Clock::new(Kind::Asking(Arc::new(asking))))
    }

    /// The present moment, as whoever keeps time by this clock sees it.
    pub fn now(&self) -> Moment {
        self.before()
    }

    /// A moment that has certainly come at the target.
    pub fn before(&self) -> Moment {
        let elapsed = self.start.elapsed().as_nanos();
        self.show(match &self.kind {
            Kind::Even(times) => elapsed.saturating_mul(u128::from(*times)) / 1000,
            Kind::Skipping(skipped) => elapsed / 1000 + u128::from(skipped.load(Ordering::SeqCst)),
            Kind::Asking(asking) => asking.micros(),
        })
    }

    /// A moment that has certainly not passed at the target.
    pub fn after(&self) -> Moment {
        let elapsed = self.start.elapsed().as_nanos();
        self.show(match &self.kind {
            Kind::Even(times) => elapsed.saturating_mul(u128::from(*times)).div_ceil(1000),
            Kind::Skipping(skipped) => elapsed.div_ceil(1000) + u128::from(skipped.load(Ordering::SeqCst)),
            Kind::Asking(asking) => asking.micros() + elapsed.div_ceil(1000),
        })
    }

    /// The moment so many microseconds after the clock's start.
    fn show(&self, micros: u128) -> Moment {
        Moment(self.base.saturating_add(u64::try_from(micros).unwrap_or(u64::MAX)))
    }

    /// The same clock for somebody who begins now and holds no moment of before: what was not known of the time since the
    /// last start does not matter any more.
    pub fn afresh(&self) -> Clock {
        match &self.kind {
            Kind::Asking(_) => {
                let unknown = self.after().since(self.before()).as_micros();
                let base = self.base.saturating_add(u64::try_from(unknown).unwrap_or(u64::MAX));
                Clock { start: Instant::now(), base, kind: self.kind.clone() }
            }
            _ => self.clone(),
        }
    }

    /// True if time is moved and not waited for.
    pub fn is_moved(&self) -> bool {
        !matches!(self.kind, Kind::Even(_))
    }

    /// How much passes at the target while so much passes here.
    pub fn there(&self, here: Duration) -> Duration {
        match self.kind {
            Kind::Even(times) => here.saturating_mul(times),
            _ => here,
        }
    }

    /// The shortest step by which it makes sense to let time pass.
    pub fn least_step(&self) -> Duration {
        match self.kind {
            Kind::Even(_) => self.there(Duration::from_millis(20)),
            _ => Duration::from_secs(1),
        }
    }

    /// How long it takes here until a moment has come.
    pub fn takes(&self, moment: Moment) -> Duration {
        match self.kind {
            // A millisecond for the timer of the system, which is no finer.
            Kind::Even(times) => moment.since(self.before()) / times + Duration::from_millis(1),
            _ => Duration::ZERO,
        }
    }

    /// Lets time pass until a moment has certainly come.
    ///
    /// # Errors
    ///
    /// The target does not move its clock.
    pub async fn reach(&self, moment: Moment) -> Result<(), ClockError> {
        match &self.kind {
            Kind::Even(_) => {
                while self.before() < moment {
                    tokio::time::sleep(self.takes(moment)).await;
                }
                Ok(())
            }
            Kind::Skipping(_) => {
                self.advance(moment.since(self.before()));
                Ok(())
            }
            Kind::Asking(asking) => match moment.since(self.before()).as_micros().div_ceil(1_000_000) {
                0 => Ok(()),
                seconds => asking.advance(u64::try_from(seconds).unwrap_or(u64::MAX)).await,
            },
        }
    }

    /// Lets time pass until a moment is near, and certainly has not passed at the time of asking. A target that is asked
    /// to move its clock is asked for whole seconds, so that near may be a second away.
    ///
    /// # Errors
    ///
    /// The target does not move its clock.
    pub async fn approach(&self, moment: Moment) -> Result<(), ClockError> {
        let left = moment.since(self.after());
        match &self.kind {
            Kind::Even(_) => self.reach(moment.minus(self.there(Duration::from_millis(2)))).await,
            Kind::Skipping(_) => {
                self.advance(left);
                Ok(())
            }
            Kind::Asking(_) if left.as_secs() == 0 => Ok(()),
            Kind::Asking(asking) => asking.advance(left.as_secs()).await,
        }
    }

    /// Skips some time; false if this clock cannot.
    pub fn advance(&self, by: Duration) -> bool {
        match &self.kind {
            Kind::Skipping(skipped) => {
                let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
                // Time that does not fit any more stands still rather than starting again.
                let _ = skipped.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(by)));
                true
            }
            _ => false,
        }
    }
}

impl Asking {
    /// Microseconds that the clock was moved by.
    fn micros(&self) -> u128 {
        u128::from(self.moved.load(Ordering::SeqCst)) * 1_000_000
    }

    async fn advance(&self, seconds: u64) -> Result<(), ClockError> {
        let fails = |why: String| ClockError { url: self.url.to_string(), seconds, why };
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        let body = format!("{{\"seconds\": {seconds}}}");
        let response = request.body(body).send().await.map_err(|e| fails(without_url(e)))?;
        let status = response.status();
        if status.is_success() {
            self.moved.fetch_add(seconds, Ordering::SeqCst);
            return Ok(());
        }
        Err(fails(format!("HTTP {}{}", status.as_u16(), said(response).await)))
    }
}

/// The beginning of an answer that is a text, for a message.
async fn said(mut response: reqwest::Response) -> String {
    // What cannot be read says nothing, and a message does without it.
    let chunk = response.chunk().await.ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&chunk[..chunk.len().min(MOST_SHOWN)]).trim().replace(char::is_control, " ");
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// An error with its deepest cause, which says the most; the URL is named already.
fn without_url(error: reqwest::Error) -> String {
    let error = error.without_url();
    let deepest = std::iter::successors(std::error::Error::source(&error), |e| (**e).source()).last();
    deepest.map_or_else(|| error.to_string(), ToString::to_string)
}
