//! The journal of a run as its scenarios keep it: which requests may have made something, and what is gone.
//!
//! Imports `report`, for the journal.

use std::{io, path::Path};

use url::Url;

use super::{
    Context, RunOptions,
    cleanup::literally,
    session::{Created, created_by},
};
use crate::{
    report::journal::{Begun, Entry, FILE, Journal, Thing},
    scenario::file::CallFile,
    spec::law::{Law, OperationIx, ProductIx},
    target::NoAnswer,
    wire::{Answer, Body, Request},
};

/// Opens the journal in a run's folder, and says in it how the run begins.
pub(super) fn open(folder: &Path, law: &Law, options: &RunOptions, nonce: &str) -> io::Result<Journal> {
    let journal = Journal::open(&folder.join(FILE))?;
    let endpoint = |(product, url): &(ProductIx, Url)| (law[*product].name.clone(), url.to_string());
    journal.write(Entry::Run(Begun {
        cloud: law.cloud.to_string(),
        digest: law.digest.clone(),
        readings: law.readings.iter().map(|r| (r.name.clone(), r.choice.clone())).collect(),
        url: options.url.as_ref().map(ToString::to_string),
        endpoints: options.endpoints.iter().map(endpoint).collect(),
        region: options.region.clone(),
        nonce: nonce.to_owned(),
    }))?;
    Ok(journal)
}

impl Context {
    /// Writes a line of the journal, if there is one. A run that cannot tell what it makes comes to an end.
    fn journal(&self, entry: impl FnOnce() -> Entry) {
        if let Some(journal) = &self.journal
            && let Err(error) = journal.write(entry())
        {
            tracing::error!(%error, "the journal cannot be written, so the run ends");
            self.stop.now();
        }
    }

    /// A request is about to be sent: its number, if it may make something or delete it.
    pub(super) fn note_sending(&self, request: &Request) -> Option<u64> {
        let number = self.journal.as_ref().filter(|_| !self.law[request.operation].reads)?.number();
        let call = || CallFile::new(&self.law, &literally(request));
        self.journal(|| Entry::Sends { number, call: call() });
        Some(number)
    }

    /// What came of it.
    pub(super) fn note_outcome(&self, number: Option<u64>, request: &Request, outcome: Result<&Answer, &NoAnswer>) {
        let Some(number) = number else { return };
        match outcome {
            Ok(answer) => {
                let created = created_by(&self.law, request.operation, answer);
                let created = created.iter().map(|created| thing(&self.law, created)).collect();
                let accepted = matches!(answer.body, Body::Success(_));
                self.journal(|| Entry::Answered { number, accepted, created });
                if accepted {
                    deleted_by(&self.law, request).iter().for_each(|gone| self.note_gone(gone));
                }
            }
            Err(why) if why.never_arrived() => self.journal(|| Entry::Unsent { number }),
            Err(_) => {}
        }
    }

    /// Something that an unanswered request had made was found.
    pub(super) fn note_found(&self, created: &Created) {
        self.journal(|| Entry::Found { thing: thing(&self.law, created) });
    }

    /// It is known what an unanswered request has made.
    pub(super) fn note_settled(&self, number: Option<u64>) {
        if let Some(number) = number {
            self.journal(|| Entry::Settled { number });
        }
    }

    /// Something is gone.
    pub(super) fn note_gone(&self, created: &Created) {
        self.journal(|| Entry::Gone { thing: thing(&self.law, created) });
    }
}

fn thing(law: &Law, created: &Created) -> Thing {
    Thing { kind: law[created.kind].name.to_string(), id: created.id.to_string() }
}

/// What an accepted request has deleted: what it names, if it is the last that is asked for to be rid of such a thing.
fn deleted_by(law: &Law, request: &Request) -> Vec<Created> {
    let operation: OperationIx = request.operation;
    let mut gone = Vec::new();
    for (kind, resource) in law.kinds() {
        let Some((_, param)) = resource.undo.last().filter(|(undo, _)| *undo == operation) else { continue };
        let name = &law[operation].params[*param as usize].name;
        let named = request.args.iter().find(|(n, _)| n == name).map(|(_, tree)| tree);
        let texts = named.map(|tree| tree.as_list().unwrap_or(std::slice::from_ref(tree))).unwrap_or_default();
        gone.extend(texts.iter().filter_map(|t| t.as_text()).map(|id| Created { kind, id: id.clone() }));
    }
    gone
}
