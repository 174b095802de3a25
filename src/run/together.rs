//! Requests that a session sends at once, and what is drawn of them when something is wrong.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use super::{
    mark::marked,
    session::{End, Session, record},
};
use crate::{
    model::time::Interval,
    oracle::{
        Oracle,
        history::{self, Budget, Event, Outcome},
        judge::{Verdict, describe},
    },
    report::{
        data::{Overlap, Overlapping},
        trace::Place,
    },
    scenario::{
        step::{Call, Step},
        strategy::Walk,
    },
    wire::Request,
};

/// A request that was sent in a scenario with overlapping ones.
pub(super) struct Sent {
    /// The step that it belongs to.
    pub step: usize,
    /// The request in terms of handles.
    pub call: Call,
    /// The request, and what came of it.
    pub event: Event,
}

impl Session<'_> {
    /// Sends requests at once and judges their answers together.
    pub(super) async fn together(&mut self, calls: &[Call]) -> Result<(), End> {
        self.played.steps.push(Step::Together(calls.to_vec()));
        if self.is_over() {
            return Err(End::Over);
        }
        let law = &self.context.law;
        let mut requests: Vec<Request> = Vec::with_capacity(calls.len());
        for call in calls {
            let resolved = call.resolve(law, self.oracle.worlds(), &self.tokens);
            requests.push(resolved.ok_or_else(|| End::unseen(law, call))?);
        }
        self.make_room(&requests)?;
        let exchanges = self.send_at_once(&requests).await;
        let _few_at_a_time = self.context.wait_if_large(exchanges.iter().map(|(exchange, ..)| exchange)).await;
        let first = self.sent.len();
        let mut lost = None;
        for (place, ((request, call), (exchange, interval, number))) in
            requests.iter().zip(calls).zip(exchanges).enumerate()
        {
            let client = place as u32 + 1;
            self.count_request();
            self.context.count_sent();
            self.played.sent += 1;
            let record = record(&exchange, interval);
            let step = self.played.steps.len();
            if let Some(trace) = &self.context.trace {
                let place = Place { step, cleanup: false, tokens: &self.tokens, client: Some(client) };
                trace.write(law, &self.played.name, place, Some(call), &record);
            }
            self.played.exchanges.push((step, record));
            let answer = match exchange.outcome.and_then(|response| self.context.read(request, &response)) {
                Ok(answer) => {
                    self.context.note_outcome(number, request, Ok(&answer));
                    self.note_created(request, &answer);
                    Some(answer)
                }
                Err(why) => {
                    self.context.note_outcome(number, request, Err(&why));
                    if !law[request.operation].reads && !why.never_arrived() {
                        self.lost.push((request.clone(), why.to_string(), number));
                    }
                    lost.get_or_insert(why.to_string());
                    None
                }
            };
            let event = Event { client, request: request.clone(), interval, answer };
            self.sent.push(Sent { step, call: call.clone(), event });
        }
        if let Some(why) = lost {
            return Err(End::Indeterminate(format!("{UNANSWERED} ({why})")));
        }
        let events: Vec<Event> = self.sent[first..].iter().map(|sent| sent.event.clone()).collect();
        let judgement = self.oracle.judge_together(&events);
        if let Verdict::Indeterminate(why) = judgement.verdict {
            return Err(End::Indeterminate(format!("overlapping requests: {why}")));
        }
        self.conclude(judgement, events.len() as u64, None)
    }

    /// Sends each request from a task of its own, all of them as nearly at once as can be.
    async fn send_at_once(&self, requests: &[Request]) -> Vec<(crate::target::Exchange, Interval, Option<u64>)> {
        let start = Arc::new(Barrier::new(requests.len()));
        let mut tasks = JoinSet::new();
        for (place, request) in requests.iter().enumerate() {
            let number = self.context.note_sending(request);
            let request = marked(&self.context.law, request, &self.context.nonce).into_owned();
            let (law, target) = (self.context.law.clone(), self.endpoint.target.clone());
            let (clock, start) = (self.clock.clone(), start.clone());
            tasks.spawn(async move {
                start.wait().await;
                let from = clock.before();
                let exchange = target.send(&law, &request).await;
                (place, (exchange, Interval { from, to: clock.after() }, number))
            });
        }
        let mut exchanges = self.context.flight.during(tasks.join_all()).await;
        exchanges.sort_by_key(|(place, _)| *place);
        exchanges.into_iter().map(|(_, exchange)| exchange).collect()
    }

    /// Rounds of requests by several clients, each round at once.
    pub(super) async fn wander_together(
        &mut self,
        walk: &mut Walk<'_>,
        length: usize,
        clients: usize,
    ) -> Result<(), End> {
        let mut left = length;
        while left > 0 {
            if self.awaits_something() && (self.is_crowded() || walk.below(4) == 0) {
                self.settle().await?;
                left -= 1;
                continue;
            }
            let mut calls: Vec<Call> = Vec::new();
            let mut after: Vec<Oracle> = Vec::new();
            for _ in 0..clients.min(left) {
                if let Some((call, request)) = self.draw_beside(walk, &after) {
                    // Whatever touches a broken rule once one of the others is done would hide what is right.
                    if !self.muted.is_empty() {
                        after.extend(self.oracle.supposing(&request, self.clock.before()));
                    }
                    calls.push(call);
                }
            }
            left -= calls.len().max(1);
            match calls.as_slice() {
                [] => self.look_around().await?,
                [call] => self.call(call).await?,
                several => self.together(several).await?,
            }
        }
        Ok(())
    }

    /// What the violation at the end of this scenario is about: the requests that no order explains. Only in a scenario
    /// in which some overlapped.
    pub(super) fn examine(&mut self) {
        let overlapped = self.sent.iter().find(|sent| sent.event.client > 0).map(|sent| sent.step);
        let (Some(overlapped), Some((violation, _))) = (overlapped, self.played.violations.last().cloned()) else {
            return;
        };
        let events: Vec<Event> = self.sent.iter().map(|sent| sent.event.clone()).collect();
        let law = &self.context.law;
        let contradiction = match history::judge(law, &self.settings, &events, Budget::default()).0 {
            Outcome::Violation(contradiction) => contradiction,
            Outcome::Unknown(_) => return,
            Outcome::Explained(_) => {
                // The two ways of judging must agree; where they do not, nothing is claimed.
                self.played.violations.pop();
                let why = "an order that explains all answers was found after all".to_owned();
                self.played.indeterminate = Some(why);
                return;
            }
        };
        // The requests before the first overlapping ones are the steps that led there.
        let concerned = contradiction.calls.iter().filter(|event| self.sent[**event].step >= overlapped);
        let calls = concerned.map(|place| {
            let Sent { call, event, .. } = &self.sent[*place];
            Overlapping {
                client: event.client,
                request: call.display(law),
                sent: event.interval.from.0,
                received: event.answer.is_some().then_some(event.interval.to.0),
                answer: event.answer.as_ref().map_or_else(|| "no answer".to_owned(), describe),
                unexplained: *place == contradiction.culprit,
            }
        });
        let overlap = Overlap { smallest: contradiction.smallest, requests: calls.collect() };
        self.played.overlap = Some((violation.rule, overlap));
    }
}

/// Why a scenario ended in which a request that overlapped others had no answer.
pub(super) const UNANSWERED: &str = "a request that was sent together with others has no answer";
