//! The fault of a mutant, as the server consults it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Mutant, Way, When, answer, change, form, refusal};
use crate::{
    model::{
        assess::Assessment,
        eval::Scope,
        fault::{Doing, Fault},
        forward::Decision,
        value::Handle,
        world::World,
    },
    spec::law::{Law, OperationIx, RuleIx},
    wire::{Answer, Request, Tree, http::HttpResponse},
};

/// How often a fault that shows from the third time on holds back.
const HELD_BACK: u64 = 2;

/// What all servers with one fault have in common.
#[derive(Debug, Default)]
struct Counts {
    /// How often it could have departed from the law.
    occasions: AtomicU64,
}

/// What one server's fault remembers.
#[derive(Debug, Default)]
pub(super) struct Here {
    /// The request under way is one with which the fault shows.
    armed: bool,
    /// Another one was under way at the same time.
    overlapped: bool,
    /// What was done to what.
    done: Vec<(OperationIx, Handle)>,
    /// The world before the latest change.
    pub(super) previous: Option<Arc<World>>,
    /// The request under way is said to be done, and is not.
    pub(super) idle: bool,
    /// The answer in place of the request's own.
    pub(super) replay: Option<Tree>,
    /// The latest request id.
    pub(super) request_id: Option<String>,
}

/// The fault of a mutant in one server.
pub struct Broken {
    pub(super) mutant: Arc<Mutant>,
    counts: Arc<Counts>,
    here: Mutex<Here>,
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mutant.name)
    }
}

impl Broken {
    /// The fault in a first server.
    pub fn new(mutant: Arc<Mutant>) -> Broken {
        Broken { mutant, counts: Arc::default(), here: Mutex::default() }
    }

    /// The same fault in another server, which knows how often it has shown.
    pub fn elsewhere(&self) -> Broken {
        Broken { mutant: self.mutant.clone(), counts: self.counts.clone(), here: Mutex::default() }
    }

    /// How often it could have departed from the law so far.
    pub fn occasions(&self) -> u64 {
        self.counts.occasions.load(Ordering::Relaxed)
    }

    pub(super) fn rule(&self) -> RuleIx {
        self.mutant.rule
    }

    pub(super) fn here(&self) -> MutexGuard<'_, Here> {
        // What is in it is replaced piece by piece, each whole.
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the fault shows with the request under way.
    pub(super) fn is_armed(&self) -> bool {
        self.here().armed
    }

    /// Here is an occasion to depart from the law; true if it is to be taken.
    pub(super) fn departs(&self) -> bool {
        let before = self.counts.occasions.fetch_add(1, Ordering::Relaxed);
        self.mutant.when != When::Third || before >= HELD_BACK
    }

    fn arm(&self, request: &Request, right: &Decision) {
        let mut here = self.here();
        let here = &mut *here;
        (here.idle, here.replay) = (false, None);
        here.armed = match self.mutant.when {
            When::Always | When::Third => true,
            When::Together => here.overlapped,
            When::Three => request.args.iter().any(|(_, tree)| tree.as_list().is_some_and(|list| list.len() >= 3)),
            When::Again => {
                let named = match right {
                    Decision::Repeat(_) => Vec::new(),
                    Decision::Refuse(assessment, _) | Decision::Accept(assessment) => assessment.named(),
                };
                named.iter().any(|handle| here.done.contains(&(request.operation, *handle)))
            }
        };
    }
}

impl Fault for Broken {
    fn answers(&self, overlapped: bool) {
        self.here().overlapped = overlapped;
    }

    fn decide(&self, law: &Arc<Law>, world: &Arc<World>, request: &Request, right: Decision) -> Decision {
        self.arm(request, &right);
        match &self.mutant.way {
            Way::Decision(decides) if self.is_armed() => refusal::decide(self, decides, (law, world, request), right),
            _ => right,
        }
    }

    fn refused(&self, law: &Arc<Law>, assessment: &mut Assessment, answer: &mut Answer) -> bool {
        match &self.mutant.way {
            Way::Decision(decides) if self.is_armed() => refusal::refused(self, decides, law, assessment, answer),
            Way::Status => {
                form::status(self, law, assessment.operation, answer);
                false
            }
            _ => false,
        }
    }

    fn done(&self, doing: &Doing<'_>, after: &mut Scope) {
        let operation = doing.assessment.operation;
        let idle = self.here().idle;
        match &self.mutant.way {
            Way::Decision(_) if idle => after.world = doing.before.clone(),
            Way::Change(changes) if self.is_armed() => change::done(self, changes, doing, after),
            _ => {}
        }
        if !doing.law[operation].reads {
            let mut here = self.here();
            here.previous = Some(doing.before.clone());
            here.done.extend(doing.assessment.named().into_iter().map(|handle| (operation, handle)));
        }
    }

    fn named(&self, doing: &Doing<'_>, after: &mut World) {
        if let Way::Ids { kind, repeated } = &self.mutant.way {
            change::ids(self, *kind, *repeated, doing, after);
        }
    }

    fn shown(&self, doing: &Doing<'_>, after: &Scope, tree: &mut Tree) {
        let replay = self.here().replay.take();
        if let Some(first) = replay {
            *tree = first;
        }
        match &self.mutant.way {
            Way::Answer(place, shows) if self.is_armed() => answer::shown(self, *place, *shows, doing, after, tree),
            Way::Form(fault) => form::shown(self, *fault, doing, after, tree),
            _ => {}
        }
    }

    fn written(&self, law: &Law, operation: OperationIx, answer: &Answer, response: &mut HttpResponse) {
        match &self.mutant.way {
            Way::Form(fault) => form::written(self, *fault, (law, operation), answer, response),
            Way::Answer(place, super::Shows::Misnamed) if self.is_armed() => {
                form::misnamed(self, *place, (law, operation), answer, response);
            }
            _ => {}
        }
    }
}
