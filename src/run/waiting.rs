//! Waiting within a scenario: for changes that are under way, for a target that is busy, and for answers that lag behind.
//!
//! A change is looked at when it tells something: just before it may happen, when it usually has, now and then until it
//! must have, and once that moment is over. When it has been seen it is looked at a few times more, because a change that
//! does not last has not happened.

use std::time::{Duration, Instant};

use super::session::{End, Session};
use crate::{
    model::{time::Moment, world::Timer},
    oracle::RuleSet,
    scenario::step::{Call, Step},
    target::clock::ClockError,
};

/// How often it is looked again at what has changed, each time after so many of the clock's shortest steps.
const LOOKS_AFTER: [u32; 3] = [0, 1, 2];
/// The longest pause between two looks, while time is waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a change without a latest moment is waited for where time is moved, in the target's time.
const LONGEST_MOVE: Duration = Duration::from_secs(3600);
/// How often a waiting scenario asks whether the run is over.
const GLANCE: Duration = Duration::from_millis(250);
/// After so many looks in vain, past the moment at which a change usually has happened, waiting for it takes long.
const LONG: u32 = 6;
/// A wait of so much takes long, too.
const LONG_WAIT: Duration = Duration::from_millis(2500);
/// How much sooner than a change may happen the last look before it is sent, answers not counted.
const MARGIN: Duration = Duration::from_millis(100);

/// How far to let time pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// Near this moment, but not past it.
    Before(Moment),
    /// Until this moment is over.
    Past(Moment),
}

impl Session<'_> {
    /// Lets time pass until everything under way has happened, and is seen to have happened for good.
    pub(super) async fn settle(&mut self) -> Result<(), End> {
        self.played.steps.push(Step::Settle);
        let mut looks = self.atlas.looks_at_changing(&self.context.law, self.oracle.worlds());
        if let (true, Some(world)) = (looks.is_empty(), self.oracle.worlds().first()) {
            // Nothing is under way: what was changed last should stay like that.
            looks = self.atlas.looks(&self.context.law, world, self.touched.iter().copied());
        }
        let to_come = self.awaited();
        // Only the pauses count against the patience: how often it looks must not depend on how long the answers take.
        let mut waited = Duration::ZERO;
        let step = self.clock.least_step();
        let (mut pause, mut polled, mut polls) = (step, Duration::ZERO, 0);
        let mut changes = Some(self.under_way());
        loop {
            self.look_at(&looks).await?;
            if let Some(changes) = changes.take() {
                self.note_changes(changes);
            }
            self.oracle.pass_time(self.clock.before());
            if !self.awaits_something() {
                break;
            }
            if let Some(to) = self.next_moment() {
                self.let_pass(to, &mut waited).await?;
                continue;
            }
            // It usually has happened by now. Where time costs nothing the moment by which it must have is the next.
            let now = self.clock.before();
            let latest = self.moments(|t| t.latest).filter(|latest| *latest >= now).min();
            let next = match latest {
                Some(latest) if self.clock.is_moved() => latest,
                Some(latest) => latest.min(now.plus(pause)),
                None => now.plus(pause),
            };
            if latest.is_none() && self.clock.is_moved() && polled >= LONGEST_MOVE {
                // It may never happen, and what is asked for next may show that something else has happened in its place.
                self.awaited().iter().for_each(|rule| _ = self.in_vain.insert(rule));
                self.in_vain_why.get_or_insert(format!("a change was still under way after {polled:?}"));
                return Ok(());
            }
            polled += pause;
            polls += 1;
            pause *= 2;
            if !self.clock.is_moved() {
                pause = pause.min(self.clock.there(LONGEST_PAUSE));
            }
            let passed = self.let_pass(To::Past(next), &mut waited).await;
            if let Err(End::Indeterminate(_)) = &passed {
                self.played.in_vain = self.awaited();
            }
            passed?;
            if polls == LONG {
                self.tell_of_waiting();
            }
        }
        to_come.iter().for_each(|rule| _ = self.played.came.insert(rule));
        // That all is over may have been seen at one resource before another had its turn; and what was seen once may be
        // gone again.
        for steps in LOOKS_AFTER {
            if steps > 0 {
                self.reach(self.clock.before().plus(step * steps)).await?;
            }
            self.look_at(&looks).await?;
        }
        // Where answers may lag behind, what they say before that time is over proves nothing.
        while let Some(within) = self.context.options.consistency
            && self.freshness.may_be_old((Instant::now(), self.clock.before()))
        {
            self.pause(within + self.clock.least_step()).await?;
            self.look_at(&looks).await?;
        }
        Ok(())
    }

    /// Looks at each of these that has been named by now.
    async fn look_at(&mut self, looks: &[Call]) -> Result<(), End> {
        for look in looks {
            if look.resolve(&self.context.law, self.oracle.worlds(), &self.tokens).is_some() {
                self.call_again(look).await?;
            }
        }
        Ok(())
    }

    /// True if nothing is under way.
    pub(super) fn is_settled(&self) -> bool {
        !self.oracle.worlds().iter().any(|w| !w.timers.is_empty())
    }

    /// True if something is under way that others have not waited for in vain.
    pub(super) fn awaits_something(&self) -> bool {
        self.timers().next().is_some()
    }

    /// The changes that are under way and worth waiting for.
    fn timers(&self) -> impl Iterator<Item = &Timer> {
        let is_worth_it = |timer: &&Timer| timer.steps.iter().any(|step| !self.in_vain.contains(step.rule));
        self.oracle.worlds().iter().flat_map(|w| &w.timers).filter(is_worth_it)
    }

    /// Their rules.
    fn awaited(&self) -> RuleSet {
        self.timers().flat_map(|timer| timer.steps.iter().map(|step| step.rule)).collect()
    }

    /// Moments of the changes that are under way and worth waiting for.
    fn moments<'s>(&'s self, of: impl Fn(&Timer) -> Option<Moment> + 's) -> impl Iterator<Item = Moment> + 's {
        self.timers().filter_map(of)
    }

    /// Lets others know that this will take long, if they do not know yet. Where time is moved nothing does.
    fn tell_of_waiting(&mut self) {
        if !self.clock.is_moved()
            && let Some(bell) = self.bell.take()
        {
            bell.waits_for(self.awaited());
        }
    }

    /// The next moment at which a look tells something: shortly before a change may happen for the first time, or when it
    /// usually has.
    fn next_moment(&self) -> Option<To> {
        let margin = MARGIN + self.slowest * 2;
        let (before, after) = (self.clock.before(), self.clock.after());
        let earliest = self.moments(|t| Some(t.earliest)).map(|m| m.minus(margin));
        // A moment that is nearer than the clock can go was just looked at.
        let earliest = earliest.filter(|m| m.since(after) >= self.clock.least_step()).min();
        let usually = self.moments(|t| Some(t.usually)).filter(|m| *m >= before).min();
        match (earliest, usually) {
            (Some(earliest), usually) if usually.is_none_or(|usually| earliest < usually) => Some(To::Before(earliest)),
            (_, usually) => usually.map(To::Past),
        }
    }

    /// Waits on the target's clock, or moves it. `waited` is for how long it has been waited so far.
    async fn let_pass(&mut self, to: To, waited: &mut Duration) -> Result<(), End> {
        let (To::Before(moment) | To::Past(moment)) = to;
        let (patience, takes) = (self.patience, self.clock.takes(moment));
        *waited += takes;
        if *waited > patience {
            let why = format!("a change that may take longer than the patience of {patience:?} was not waited for");
            return Err(End::Indeterminate(why));
        }
        self.played.longest_wait = self.played.longest_wait.max(*waited);
        if takes >= LONG_WAIT {
            self.tell_of_waiting();
        }
        match to {
            To::Before(moment) if self.clock.is_moved() => self.clock.approach(moment).await.map_err(not_moved),
            // The margin is wider than what waiting takes too long.
            To::Before(moment) => self.reach(moment).await,
            // A moment is over one microsecond later.
            To::Past(moment) => self.reach(moment.plus(Duration::from_micros(1))).await,
        }
    }

    /// Lets time pass until a moment has come.
    async fn reach(&mut self, moment: Moment) -> Result<(), End> {
        if self.clock.is_moved() {
            return self.clock.reach(moment).await.map_err(not_moved);
        }
        while self.clock.before() < moment {
            if self.is_over() && !self.cleaning {
                return Err(End::Over);
            }
            self.rest(self.clock.takes(moment).min(GLANCE)).await;
        }
        Ok(())
    }

    /// Sleeps, and leaves the turn to somebody else meanwhile.
    pub(super) async fn rest(&mut self, here: Duration) {
        let sleep = tokio::time::sleep(here);
        match &mut self.turn {
            Some(turn) => turn.leave_for(sleep).await,
            None => sleep.await,
        }
    }

    /// Lets some time pass, here and, where it is moved, also at the target.
    pub(super) async fn pause(&mut self, here: Duration) -> Result<(), End> {
        if self.clock.is_moved() {
            let moment = self.clock.before().plus(here);
            self.reach(moment).await?;
        }
        self.rest(here).await;
        Ok(())
    }

    /// Lets much time pass where that costs nothing; elsewhere so much as is given.
    pub(super) async fn pass_much(&mut self, here: Duration) {
        if self.clock.is_moved() {
            let moment = self.clock.before().plus(LONGEST_MOVE);
            // A clock that does not move any more moves nothing that clean-up could wait for.
            let _ = self.clock.reach(moment).await;
        } else {
            self.rest(here).await;
        }
    }
}

fn not_moved(error: ClockError) -> End {
    End::Indeterminate(format!("the target did not move its clock: {error}"))
}
