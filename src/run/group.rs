//! Scenarios that are played side by side, and counted in their order, not in the order in which they end.
//!
//! Those that wait for long are not waited for: whatever comes next begins meanwhile, and what came of them is counted
//! when it is gathered. Which ones these are depends on how often they looked in vain, not on how fast the target
//! answers, and it is gathered where the order of work says so. So a run with the same seed sends the same requests.
//!
//! Imports `oracle`, for the set of rules.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
};

use super::{
    Workers, confirm,
    event::Event,
    session::{Played, Scenario},
};
use crate::oracle::RuleSet;

/// Scenarios that are under way at a time at most, those that wait included: bounds the memory of a run.
pub(super) const MOST_UNDER_WAY: usize = 512;

/// What a scenario of a group tells, with its number.
enum News {
    /// It will wait for long: for changes that these rules speak of.
    Waits(usize, RuleSet),
    /// It is over.
    Ended(usize, Box<Played>),
}

/// Tells that a scenario waits for long.
pub(super) struct Bell {
    number: usize,
    news: UnboundedSender<News>,
}

impl Bell {
    /// Says so, and what the changes are about.
    pub(super) fn waits_for(self, rules: RuleSet) {
        // Nobody listens any more where the run itself has come to its end.
        let _ = self.news.send(News::Waits(self.number, rules));
    }
}

/// Scenarios that were begun together.
struct Group {
    name: String,
    scenarios: Arc<Vec<Scenario>>,
    muted: Arc<RuleSet>,
    /// Those that wait for long, or did.
    waiting: Vec<usize>,
    /// What those wait for.
    awaited: RuleSet,
    /// What came of those that are over.
    ended: Vec<(usize, Played)>,
    news: UnboundedReceiver<News>,
    /// Ends them when the run is given up.
    _tasks: JoinSet<()>,
}

impl Group {
    /// Listens until every scenario is over; or, if that will do, until all that are not wait for long.
    async fn listen(&mut self, will_wait: bool) {
        let is_there = |ended: &[(usize, Played)], number: &usize| ended.iter().any(|(n, _)| n == number);
        while self.ended.len() < self.scenarios.len() {
            let under_way = self.waiting.iter().filter(|number| !is_there(&self.ended, number)).count();
            if !will_wait && self.ended.len() + under_way == self.scenarios.len() {
                return;
            }
            match self.news.recv().await {
                Some(News::Waits(number, rules)) => {
                    self.waiting.push(number);
                    rules.iter().for_each(|rule| _ = self.awaited.insert(rule));
                }
                Some(News::Ended(number, played)) => self.ended.push((number, *played)),
                // The run was over before the others began, or a worker has panicked and lost its scenario.
                None => return,
            }
        }
    }

    /// Takes what came of those that are over, but for those that waited for long.
    fn take_prompt(&mut self) -> Vec<(usize, Played)> {
        let (late, prompt) =
            std::mem::take(&mut self.ended).into_iter().partition(|(number, _)| self.waiting.contains(number));
        self.ended = late;
        prompt
    }
}

/// Groups some of whose scenarios wait for long, in their order.
#[derive(Clone, Default)]
pub(super) struct Room(Arc<Mutex<Vec<Group>>>);

impl Room {
    fn groups(&self) -> MutexGuard<'_, Vec<Group>> {
        // What is kept in it is put there and taken out as a whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many scenarios wait for long, or did, and are not counted yet.
    pub(super) fn waiting(&self) -> usize {
        self.groups().iter().map(|group| group.waiting.len()).sum()
    }

    /// The rules of the changes that they wait for.
    fn awaited(&self) -> RuleSet {
        self.groups().iter().flat_map(|group| group.awaited.iter()).collect()
    }

    /// The rules that they may still decide: of those changes, and those that they are played for.
    pub(super) fn undecided(&self) -> RuleSet {
        let groups = self.groups();
        let goals = groups.iter().flat_map(|group| group.waiting.iter().map(|number| &group.scenarios[*number]));
        let goals = goals.filter_map(|scenario| match scenario {
            Scenario::Planned { rule, .. } => Some(*rule),
            _ => None,
        });
        goals.chain(groups.iter().flat_map(|group| group.awaited.iter())).collect()
    }
}

impl Workers {
    /// Plays scenarios side by side, and counts what came of them, but for those that wait for long: see
    /// [`Workers::gather`].
    pub async fn play(&self, scenarios: Vec<Scenario>, muted: Arc<RuleSet>) {
        self.play_but_wait(scenarios, muted, RuleSet::default()).await;
    }

    /// The same beside those that wait for long already: what they wait for is not waited for by anybody else.
    pub(super) async fn play_beside(&self, scenarios: Vec<Scenario>, muted: Arc<RuleSet>) {
        self.play_but_wait(scenarios, muted, self.room.awaited()).await;
    }

    async fn play_but_wait(&self, scenarios: Vec<Scenario>, muted: Arc<RuleSet>, but: RuleSet) {
        if self.room.waiting() + scenarios.len().min(MOST_UNDER_WAY) > MOST_UNDER_WAY {
            self.gather().await;
        }
        let mut group = self.begin(scenarios, muted, Arc::new(but));
        group.listen(false).await;
        let prompt = group.take_prompt();
        self.count(&group, prompt).await;
        if !group.waiting.is_empty() {
            self.room.groups().push(group);
        }
    }

    /// Waits for the scenarios that wait for long, and counts what came of them.
    pub async fn gather(&self) {
        let groups = std::mem::take(&mut *self.room.groups());
        for mut group in groups {
            group.listen(true).await;
            let late = std::mem::take(&mut group.ended);
            self.count(&group, late).await;
        }
    }

    /// Begins to play scenarios that wait for anything but these rules' changes.
    fn begin(&self, scenarios: Vec<Scenario>, muted: Arc<RuleSet>, but: Arc<RuleSet>) -> Group {
        let scenarios = Arc::new(scenarios);
        let name = self.context.next_group().to_string();
        let next = Arc::new(AtomicUsize::new(0));
        let (sender, news) = unbounded_channel();
        let mut tasks = JoinSet::new();
        for worker in 0..self.most_under_way().min(scenarios.len()) {
            let (this, scenarios, next, muted) = (self.clone(), scenarios.clone(), next.clone(), muted.clone());
            let (name, news, but) = (name.clone(), sender.clone(), but.clone());
            tasks.spawn(async move {
                loop {
                    let turn = this.turns.take().await;
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scenario) = scenarios.get(number) else { return };
                    if this.context.is_over() {
                        return;
                    }
                    let tokens = this.context.tokens(&name, number);
                    let mut session = this.session(worker, scenario, &muted, tokens);
                    but.iter().for_each(|rule| _ = session.in_vain.insert(rule));
                    session.turn = Some(turn);
                    session.bell = Some(Bell { number, news: news.clone() });
                    let played = session.play().await;
                    this.context.observer.event(&Event::Played { context: &this.context, result: &played });
                    // Nobody listens any more where the run itself has come to its end.
                    let _ = news.send(News::Ended(number, Box::new(played)));
                }
            });
        }
        Group {
            name,
            scenarios,
            muted,
            waiting: Vec::new(),
            awaited: RuleSet::default(),
            ended: Vec::new(),
            news,
            _tasks: tasks,
        }
    }

    /// Counts what came of some scenarios of a group, in their order.
    async fn count(&self, group: &Group, mut ended: Vec<(usize, Played)>) {
        ended.sort_by_key(|(number, _)| *number);
        confirm::confirm(self, &group.name, &group.scenarios, &mut ended, &group.muted).await;
        let mut tally = self.context.tally();
        for (_, played) in ended {
            self.context.count_spent(played.requests);
            tally.add(&self.context, played);
        }
        self.context.found.store(!tally.broken.is_empty(), Ordering::Relaxed);
    }
}
