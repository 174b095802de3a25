//! Deleting what an earlier run has left behind, by its journal.

use std::{sync::Arc, time::Duration};

use super::{
    RunError, RunOptions, Stop, Workers, begin_with,
    cleanup::clean_up,
    event::{Event, Observer},
    probe,
    session::{Created, Scenario},
};
use crate::{
    oracle::RuleSet,
    report::{
        data::Leftover,
        journal::{Journal, Left, Thing},
    },
    scenario::{
        atlas::Atlas,
        file::{CallFile, StepError},
    },
    spec::law::Law,
    wire::Request,
};

/// How long to wait before what is still there is tried once more.
const PAUSE: Duration = Duration::from_secs(1);

/// What came of it.
#[derive(Debug, Default)]
pub struct Cleaned {
    /// What is gone now.
    pub gone: Vec<Thing>,
    /// What could not be deleted, or may be there.
    pub left: Vec<Leftover>,
    /// True if somebody stopped it.
    pub interrupted: bool,
}

/// What a journal says in terms of the law.
struct Known {
    created: Vec<Created>,
    accepted: Vec<Request>,
    unanswered: Vec<(Request, String, Option<u64>)>,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// It does not fit the law.
    #[error("the journal does not fit the law: {0}")]
    Step(#[from] StepError),
    /// It speaks of a kind of resource that the law does not have.
    #[error("the journal does not fit the law: there is no kind of resource {0}")]
    Kind(String),
    /// The target cannot be used.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Deletes what a run has left behind, and says so in its journal. Tries for as long as the patience lasts.
///
/// # Errors
///
/// The journal does not fit the law, or the target cannot be used.
pub async fn clean(
    law: Arc<Law>,
    left: &Left,
    journal: Journal,
    options: RunOptions,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<Cleaned, CleanError> {
    let known = read(&law, left)?;
    let patience = options.patience;
    let (context, endpoints) =
        begin_with(law.clone(), options, observer, stop, Some((journal, left.begun.nonce.clone()))).await?;
    context.observer.event(&Event::Phase("looking for the target"));
    probe::yardstick(&context, &endpoints[0]).await?;
    context.observer.event(&Event::Phase("cleaning up"));
    let workers = Workers::new(context.clone(), endpoints, Arc::new(Atlas::new(&law, |_| true)));
    let mut created = known.created;
    let mut unanswered = known.unanswered;
    let mut cleaned = Cleaned::default();
    let mut waited = Duration::ZERO;
    for turn in 0.. {
        let scenario = Scenario::Given { name: "clean".to_owned(), steps: Vec::new() };
        let tokens = context.tokens(&format!("clean-{:08x}", super::random_word()), turn);
        let mut session = workers.session(0, &scenario, &Arc::new(RuleSet::default()), tokens);
        session.created = created.clone();
        session.accepted = known.accepted.clone();
        // What a request without an answer has made is looked for once; after that it is known or never will be.
        session.lost = std::mem::take(&mut unanswered);
        clean_up(&mut session).await;
        let thing = |created: &Created| Thing { kind: law[created.kind].name.to_string(), id: created.id.to_string() };
        let is_left = |created: &Created| {
            let is = |left: &Leftover| *left.kind == *law[created.kind].name && *left.id == *created.id;
            session.played.leftovers.iter().any(is)
        };
        let (still, gone): (Vec<Created>, Vec<Created>) = session.created.iter().cloned().partition(is_left);
        cleaned.gone.extend(gone.iter().filter(|c| !law[c.kind].undo.is_empty()).map(thing));
        let of_known = |left: &Leftover| still.iter().any(|c| *left.id == *c.id);
        let (definite, perhaps): (Vec<_>, Vec<_>) = session.played.leftovers.iter().cloned().partition(of_known);
        if turn == 0 {
            cleaned.left = perhaps;
        }
        if still.is_empty() || waited >= patience || context.is_interrupted() {
            cleaned.left.splice(0..0, definite);
            break;
        }
        created = still;
        waited += PAUSE;
        tokio::time::sleep(PAUSE).await;
    }
    cleaned.interrupted = context.is_interrupted();
    Ok(cleaned)
}

fn read(law: &Law, left: &Left) -> Result<Known, CleanError> {
    let request = |call: &CallFile| -> Result<Request, CleanError> {
        let call = call.read(law)?;
        // A journal holds texts, which need no world to be resolved in.
        call.resolve(law, &[], "").ok_or_else(|| StepError::Symbol(call.display(law)).into())
    };
    let created = left.things.iter().map(|thing| {
        let kind = law.kind(&thing.kind).ok_or_else(|| CleanError::Kind(thing.kind.clone()))?;
        Ok(Created { kind, id: thing.id.as_str().into() })
    });
    let why = "the run was over before an answer came";
    let unanswered = left.unanswered.iter().map(|(number, call)| Ok((request(call)?, why.to_owned(), Some(*number))));
    Ok(Known {
        created: created.collect::<Result<_, CleanError>>()?,
        accepted: left.accepted.iter().map(request).collect::<Result<_, _>>()?,
        unanswered: unanswered.collect::<Result<_, CleanError>>()?,
    })
}
