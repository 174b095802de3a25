//! Findings made short, and seen to come again.
//!
//! A request costs the user's time, so the model is asked first ([`AtStake`]): it leaves out what cannot matter, and rules
//! candidates out. What it proposes is played at the target, each time from a clean start. Where the target does not
//! agree, steps are left out in halves, quarters and so on (delta debugging: Zeller and Hildebrandt, *Simplifying and
//! isolating failure-inducing input*, IEEE TSE 2002), and at last one by one, so that no single step of what is left can go.
//!
//! What is left has to break its rule again. A sequence of single requests that never does is flaky, and told apart.
//! Requests that race each other come out anew each time: how often is said.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustc_hash::FxHashMap;

use super::{
    Workers,
    event::Event,
    replay::turned,
    session::Played,
    tally::{Again, Evidence},
};
use crate::{
    report::data::{Leftover, Needed, Reproduced, ShownBy},
    scenario::{
        planned::Plans,
        shrink::{AtStake, one_by_one},
        step::Step,
    },
    spec::law::{Law, RuleIx},
};

/// How often a sequence of single requests is played before it is told.
const TIMES: u32 = 3;
/// The same for requests that race each other.
const TIMES_OF_A_RACE: u32 = 10;
/// Without a step, a change may never come: it is not waited for much longer than it was when the rule was seen broken. Twice
/// that and so much.
const LEEWAY: Duration = Duration::from_secs(2);
/// Arguments that are left out one by one at the target, if all at once was too much.
const MOST_ARGUMENTS: usize = 4;

/// Shrinks everything that was found and is not short yet, and plays it again, until the time is over. `most` is how many
/// requests each finding may cost.
pub async fn shrink(workers: &Workers, plans: &Plans, most: u64) {
    let context = &workers.context;
    let mut found: Vec<(RuleIx, Evidence)> = context
        .tally()
        .broken
        .iter()
        .filter(|(_, broken)| broken.shortest.again.is_none())
        .map(|(rule, broken)| (*rule, broken.shortest.clone()))
        .collect();
    if found.is_empty() || most == 0 {
        return;
    }
    context.observer.event(&Event::Phase("making the findings short, and seeing them again"));
    // Who waits is not waited for if it begins first.
    found.sort_by_key(|(_, evidence)| !evidence.steps.contains(&Step::Settle));
    let at_a_time = workers.most_under_way().min(context.options.jobs).min(found.len());
    let found = Arc::new(Mutex::new(VecDeque::from(found)));
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..at_a_time {
        let (this, found) = (workers.clone(), found.clone());
        let plans = plans.clone();
        tasks.spawn(async move {
            let mut done = Vec::new();
            while let Some((rule, evidence)) = next(&found) {
                if this.context.is_at_its_end() {
                    break;
                }
                let hunt = Hunt::new(&this, worker, rule, &evidence, most);
                done.push((rule, hunt.shrink(evidence.clone(), plans.get(&rule)).await));
            }
            done
        });
    }
    while let Some(done) = tasks.join_next().await {
        // A worker that panicked leaves its findings as they were found.
        for (rule, (evidence, spent)) in done.unwrap_or_default() {
            let mut tally = context.tally();
            tally.leftovers.extend(spent.leftovers);
            tally.scenarios += spent.scenarios;
            tally.judged += spent.judged;
            if let Some(broken) = tally.broken.get_mut(&rule) {
                broken.shortest = evidence;
            }
        }
    }
}

fn next<T>(queue: &Mutex<VecDeque<T>>) -> Option<T> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// One finding while it is shrunk.
struct Hunt<'a> {
    workers: &'a Workers,
    worker: usize,
    rule: RuleIx,
    evidence: &'a Evidence,
    model: AtStake<'a>,
    /// Requests that it may cost in all, and has cost.
    most: u64,
    sent: u64,
    /// What the dearest playing so far has cost.
    dearest: u64,
    /// For how long changes are waited for.
    patience: Duration,
    /// What came of each sequence.
    tried: FxHashMap<Vec<Step>, Tried>,
    spent: Spent,
}

/// What it took.
#[derive(Default)]
struct Spent {
    /// Scenarios played.
    scenarios: u64,
    /// Requests whose answers were judged.
    judged: u64,
    /// What could not be deleted.
    leftovers: Vec<Leftover>,
}

/// What came of one sequence.
#[derive(Clone, Default)]
struct Tried {
    times: u32,
    broke: u32,
    /// The latest playing that broke the rule.
    best: Option<Played>,
    /// What the latest playing that did not came to.
    otherwise: String,
}

impl<'a> Hunt<'a> {
    fn new(workers: &'a Workers, worker: usize, rule: RuleIx, evidence: &'a Evidence, most: u64) -> Hunt<'a> {
        let law = &workers.context.law;
        let model = AtStake::new(law, &workers.atlas, rule, &evidence.muted, &one_by_one(&evidence.steps));
        Hunt {
            workers,
            worker,
            rule,
            evidence,
            model,
            most,
            sent: 0,
            dearest: 0,
            patience: workers.context.options.patience.min(evidence.waited * 2 + LEEWAY),
            tried: FxHashMap::default(),
            spent: Spent::default(),
        }
    }

    /// The finding as short as it gets, and whether it came again.
    async fn shrink(mut self, found: Evidence, plan: Option<&Vec<Step>>) -> (Evidence, Spent) {
        let races = |steps: &[Step]| steps.iter().any(|step| matches!(step, Step::Together(_)));
        let mut steps = found.steps.clone();
        // Enough is kept to play what is left the wanted number of times.
        self.most = most_for_shrinking(self.most);
        if let Some(shorter) = self.first_that_breaks(self.proposals(&steps, plan)).await {
            steps = shorter;
        }
        if !races(&steps) {
            steps = self.halve(steps).await;
            steps = self.one_less(steps).await;
        }
        let wanted = if races(&steps) { TIMES_OF_A_RACE } else { TIMES };
        // Nothing is doubted because a change took longer this time.
        self.patience = self.workers.context.options.patience;
        self.see_again(&steps, wanted).await;
        // What others made at the same time may have broken it after fewer steps than it takes alone.
        if !races(&steps) && self.share(&steps) < 1.0 && steps != found.steps {
            self.see_again(&found.steps, wanted).await;
            if self.share(&found.steps) > self.share(&steps) {
                steps.clone_from(&found.steps);
            }
        }
        let mut evidence = found;
        let mut again = Again { requests: self.sent, reproduced: None, needed: Vec::new(), flaky: false };
        if let Some(tried) = self.tried.get(&steps).cloned() {
            again.reproduced = Some(Reproduced { times: tried.broke, of: tried.times });
            again.flaky = tried.broke == 0 && tried.times >= wanted && !races(&steps);
            if let Some(played) = tried.best
                && let Some((violation, length)) = played.breaks(self.rule).cloned()
            {
                evidence = Evidence::of(&played, &violation, length, evidence.scenario);
                again.needed = self.needed(&steps);
            }
        }
        evidence.again = Some(again);
        (evidence, self.spent)
    }

    /// Plays steps until they were played so often. Whatever it took to make them few, nothing is told that was not seen again.
    async fn see_again(&mut self, steps: &[Step], wanted: u32) {
        self.most = self.most.max(self.sent + self.dearest * u64::from(wanted));
        let times = self.tried.get(steps).map_or(0, |tried| tried.times);
        for _ in times..wanted {
            if self.play(steps).await.is_none() {
                break;
            }
        }
    }

    /// Of the times that steps were played, the part in which they broke the rule.
    fn share(&self, steps: &[Step]) -> f64 {
        self.tried.get(steps).map_or(0.0, |tried| f64::from(tried.broke) / f64::from(tried.times))
    }

    /// What is worth a try, the shortest first. What was found comes last.
    fn proposals(&self, found: &[Step], plan: Option<&Vec<Step>>) -> Vec<Vec<Step>> {
        let orders: Vec<Vec<Step>> =
            one_by_one(found).into_iter().filter(|steps| self.model.rules_out(steps).is_none()).collect();
        let mut proposals: Vec<Vec<Step>> = Vec::new();
        for alone in &orders {
            let fewest = self.model.fewest(alone);
            proposals.extend([self.model.plainest(&fewest), fewest]);
        }
        let longest = orders.iter().map(Vec::len).max().unwrap_or(found.len());
        proposals.extend(plan.filter(|plan| plan.len() <= longest).cloned());
        proposals.sort_by_key(Vec::len);
        proposals.extend(orders);
        proposals.push(found.to_vec());
        let mut seen = Vec::new();
        proposals.retain(|steps| {
            let new = !seen.contains(steps);
            seen.push(steps.clone());
            new && (steps == found || self.model.rules_out(steps).is_none())
        });
        proposals
    }

    async fn first_that_breaks(&mut self, proposals: Vec<Vec<Step>>) -> Option<Vec<Step>> {
        for steps in proposals {
            if let Some(shorter) = self.play(&steps).await? {
                return Some(shorter);
            }
        }
        None
    }

    /// Leaves out as many steps at once as will go: first halves, then quarters, and so on down to two.
    async fn halve(&mut self, mut steps: Vec<Step>) -> Vec<Step> {
        let mut chunk = steps.len() / 2;
        while chunk >= 2 {
            let mut end = steps.len().saturating_sub(1);
            while end >= chunk {
                let fewer = (end - chunk..end).rev().try_fold(steps.clone(), |fewer, place| {
                    if place + 1 >= fewer.len() { Some(fewer) } else { self.model.without(place, &fewer) }
                });
                match fewer {
                    Some(fewer) if fewer.len() < steps.len() && self.model.rules_out(&fewer).is_none() => {
                        match self.play(&fewer).await {
                            None => return steps,
                            Some(Some(shorter)) => steps = shorter,
                            Some(None) => {}
                        }
                    }
                    _ => {}
                }
                end = (end - chunk).min(steps.len().saturating_sub(1));
            }
            chunk /= 2;
        }
        steps
    }

    /// Leaves out single steps until none can go, and then a few arguments.
    async fn one_less(&mut self, mut steps: Vec<Step>) -> Vec<Step> {
        let mut place = steps.len().saturating_sub(1);
        while place > 0 {
            place -= 1;
            let Some(fewer) = self.model.without(place, &steps) else { continue };
            if self.model.rules_out(&fewer).is_some() {
                continue;
            }
            match self.play(&fewer).await {
                None => return steps,
                Some(Some(shorter)) => {
                    steps = shorter;
                    place = steps.len().saturating_sub(1);
                }
                Some(None) => {}
            }
        }
        let mut tries = 0;
        'plainer: while tries < MOST_ARGUMENTS {
            for plainer in self.model.plainer(&steps) {
                if tries >= MOST_ARGUMENTS
                    || self.tried.contains_key(&plainer)
                    || self.model.rules_out(&plainer).is_some()
                {
                    continue;
                }
                tries += 1;
                match self.play(&plainer).await {
                    None => return steps,
                    Some(Some(shorter)) => {
                        steps = shorter;
                        continue 'plainer;
                    }
                    Some(None) => {}
                }
            }
            break;
        }
        steps
    }

    /// Plays steps. None if there is no budget left; otherwise those until the rule was broken, if it was.
    async fn play(&mut self, steps: &[Step]) -> Option<Option<Vec<Step>>> {
        let earlier = self.tried.get(steps).map_or(0, |tried| tried.times);
        if self.workers.context.is_at_its_end() || self.sent >= self.most {
            return None;
        }
        let sent_as = turned(steps, earlier as usize);
        let (worker, muted) = (self.worker, &self.evidence.muted);
        let mut played = self.workers.play_given(worker, "again", self.rule, sent_as, muted, self.patience).await;
        self.sent += played.sent;
        self.dearest = self.dearest.max(played.sent);
        self.spent.scenarios += 1;
        self.spent.judged += played.judged;
        self.spent.leftovers.append(&mut played.leftovers);
        if played.violations.is_empty() && self.workers.context.is_at_its_end() {
            return None;
        }
        let until = played.breaks(self.rule).map(|(_, length)| *length);
        // What comes after the failing answer does not belong to it.
        let key = steps[..until.unwrap_or(steps.len()).min(steps.len())].to_vec();
        let tried = self.tried.entry(key.clone()).or_default();
        tried.times += 1;
        match until {
            Some(_) => {
                tried.broke += 1;
                tried.best = Some(played);
                Some(Some(key))
            }
            None => {
                tried.otherwise = came_to(&self.workers.context.law, &played);
                Some(None)
            }
        }
    }

    /// For each step, what happens without it.
    fn needed(&self, steps: &[Step]) -> Vec<Needed> {
        let last = steps.len().saturating_sub(1);
        (0..steps.len())
            .map(|place| {
                if place == last {
                    return Needed { says: "its answer breaks the rule".to_owned(), shown_by: ShownBy::Law };
                }
                let Some(fewer) = self.model.without(place, steps) else {
                    let says = "the last step needs what it makes".to_owned();
                    return Needed { says, shown_by: ShownBy::Law };
                };
                match (self.tried.get(&fewer), self.model.rules_out(&fewer)) {
                    (Some(tried), _) => {
                        Needed { says: format!("without it, {}", tried.otherwise), shown_by: ShownBy::Target }
                    }
                    (None, Some(why)) => Needed { says: format!("without it, {why}"), shown_by: ShownBy::Law },
                    (None, None) => {
                        Needed { says: "what happens without it was not tried".to_owned(), shown_by: ShownBy::Nobody }
                    }
                }
            })
            .collect()
    }
}

/// The part of what a finding may cost that goes into making it short; the rest is for seeing it again.
fn most_for_shrinking(most: u64) -> u64 {
    most / 2
}

/// What came of steps that did not break the rule, in words.
fn came_to(law: &Law, played: &Played) -> String {
    match (played.violations.last(), &played.indeterminate) {
        (Some((violation, _)), _) => format!("{} is broken instead: {}", law[violation.rule].id, violation.came),
        (None, Some(why)) => format!("it cannot be judged: {why}"),
        (None, None) => "every answer is as the law wants it".to_owned(),
    }
}
