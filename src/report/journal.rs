//! `journal.jsonl`: what a run sends to make and delete things, and what became of it, a line each and at once.
//!
//! A line about a request is written before the request is sent, so that whatever ends the run, nothing was made that no
//! line tells of. Lines go to the system as they are written: a run that is killed leaves all of them, the last one
//! perhaps cut off.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lines;
use crate::scenario::file::CallFile;

/// The version of the format, in every line.
pub const FORMAT: u32 = 1;
/// The file's name in a run's folder.
pub const FILE: &str = "journal.jsonl";

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// The version of this format.
    pub format: u32,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Entry {
    /// A run begins.
    Run(Begun),
    /// A request that may change something is about to be sent.
    Sends {
        /// The number of the request in this run.
        number: u64,
        /// The request, in texts.
        call: CallFile,
    },
    /// It was answered.
    Answered {
        /// The number of the request.
        number: u64,
        /// True if it was accepted.
        accepted: bool,
        /// What the answer says was made.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        created: Vec<Thing>,
    },
    /// It certainly did not arrive.
    Unsent {
        /// The number of the request.
        number: u64,
    },
    /// What an unanswered request had made was found.
    Found {
        /// What it is.
        thing: Thing,
    },
    /// The deletion of something was accepted, or it was seen to be gone.
    Gone {
        /// What it was.
        thing: Thing,
    },
    /// It was looked for what an unanswered request may have made.
    Settled {
        /// The number of the request.
        number: u64,
    },
}

/// How a run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Begun {
    /// The cloud whose law applied.
    pub cloud: String,
    /// SHA-256 of the law.
    pub digest: String,
    /// The readings that were in force.
    pub readings: Vec<(String, String)>,
    /// The target; none for the embedded server, which ends with its run.
    pub url: Option<String>,
    /// Where requests to some products went, if not there.
    pub endpoints: Vec<(String, String)>,
    /// The region.
    pub region: String,
    /// The word that marks what this run made.
    pub nonce: String,
}

/// Something that a target has made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thing {
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// Writes a journal; shared by all workers.
pub struct Journal {
    file: Mutex<File>,
    next: AtomicU64,
}

impl Journal {
    /// Goes on with the file of an earlier run that has left something behind, or else starts it anew.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub fn open(path: &Path) -> io::Result<Journal> {
        let earlier = match read(path) {
            Ok(runs) => runs,
            // What cannot be read may speak of things that are still there.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) => Vec::new(),
        };
        let next = earlier.iter().map(|run| run.next).max().unwrap_or_default();
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        // What was cut off tells of no request that was sent, or of no answer that anybody acted on.
        let kept = if earlier.iter().any(Left::is_something) { lines::whole(&fs::read(path)?) } else { 0 };
        file.set_len(kept as u64)?;
        Ok(Journal { file: Mutex::new(file), next: AtomicU64::new(next) })
    }

    /// A number for a request.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a line.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, entry: Entry) -> io::Result<()> {
        let mut text = serde_json::to_vec(&Line { format: FORMAT, entry })?;
        text.push(b'\n');
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text)
    }
}

/// What a run has left behind, by its journal.
#[derive(Clone, Debug)]
pub struct Left {
    /// How it began.
    pub begun: Begun,
    /// What it made and did not delete, in the order in which it was made.
    pub things: Vec<Thing>,
    /// Requests that were accepted, in their order.
    pub accepted: Vec<CallFile>,
    /// Requests without an answer, which may have made something.
    pub unanswered: Vec<(u64, CallFile)>,
    /// A number that no request has.
    next: u64,
}

impl Left {
    /// True if something is there, or may be. What an embedded server held is gone.
    pub fn is_something(&self) -> bool {
        self.begun.url.is_some() && !(self.things.is_empty() && self.unanswered.is_empty())
    }
}

/// Reads a journal: what each of its runs has left behind. A last line that was cut off is passed over.
///
/// # Errors
///
/// The file cannot be read, or is none.
pub fn read(path: &Path) -> io::Result<Vec<Left>> {
    parse(File::open(path)?)
}

/// The same from its text.
///
/// # Errors
///
/// It cannot be read, or is no journal.
pub fn parse(text: impl io::Read) -> io::Result<Vec<Left>> {
    sum_up(lines::read(text, |line: &Line| line.format, FORMAT)?)
}

/// What is left, by the lines of a journal.
fn sum_up(lines: Vec<Line>) -> io::Result<Vec<Left>> {
    let mut runs: Vec<Left> = Vec::new();
    for Line { entry, .. } in lines {
        if let Entry::Run(begun) = entry {
            let next = runs.last().map_or(0, |run| run.next);
            runs.push(Left { begun, things: Vec::new(), accepted: Vec::new(), unanswered: Vec::new(), next });
            continue;
        }
        let Some(run) = runs.last_mut() else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not say which run it is about"));
        };
        match entry {
            Entry::Run(_) => {}
            Entry::Sends { number, call } => {
                run.next = run.next.max(number.saturating_add(1));
                run.unanswered.push((number, call));
            }
            Entry::Answered { number, accepted, created } => {
                let place = run.unanswered.iter().position(|(n, _)| *n == number);
                let call = place.map(|place| run.unanswered.remove(place).1);
                run.accepted.extend(call.filter(|_| accepted));
                for thing in created {
                    if !run.things.contains(&thing) {
                        run.things.push(thing);
                    }
                }
            }
            Entry::Unsent { number } | Entry::Settled { number } => run.unanswered.retain(|(n, _)| *n != number),
            Entry::Found { thing } if !run.things.contains(&thing) => run.things.push(thing),
            Entry::Found { .. } => {}
            // A line about one run may come after those of a later one.
            Entry::Gone { thing } => runs.iter_mut().for_each(|run| run.things.retain(|t| *t != thing)),
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(nonce: &str) -> Entry {
        Entry::Run(Begun {
            cloud: "lockers".into(),
            digest: String::new(),
            readings: Vec::new(),
            url: Some("http://127.0.0.1:1/".into()),
            endpoints: Vec::new(),
            region: "here-1".into(),
            nonce: nonce.into(),
        })
    }

    fn call(operation: &str) -> CallFile {
        CallFile { operation: operation.into(), args: Vec::new() }
    }

    fn thing(id: &str) -> Thing {
        Thing { kind: "locker".into(), id: id.into() }
    }

    fn made(journal: &Journal, id: &str) {
        let number = journal.number();
        journal.write(Entry::Sends { number, call: call("OpenLocker") }).unwrap();
        journal.write(Entry::Answered { number, accepted: true, created: vec![thing(id)] }).unwrap();
    }

    #[test]
    fn what_is_left_is_what_was_made_and_not_deleted_however_the_file_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let journal = Journal::open(&path).unwrap();
        journal.write(begun("a")).unwrap();
        made(&journal, "1");
        made(&journal, "2");
        journal.write(Entry::Gone { thing: thing("1") }).unwrap();
        journal.write(Entry::Sends { number: journal.number(), call: call("OpenLocker") }).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for end in 0..=whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let runs = read(&path).unwrap();
            assert!(runs.len() <= 1);
        }
        let runs = read(&path).unwrap();
        assert_eq!(runs[0].things, [thing("2")]);
        assert_eq!((runs[0].accepted.len(), runs[0].unanswered.len()), (2, 1));

        // A run that finds this goes on with it, also after a line that was cut off.
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let journal = Journal::open(&path).unwrap();
        journal.write(begun("b")).unwrap();
        made(&journal, "3");
        let runs = read(&path).unwrap();
        assert_eq!(runs.iter().map(|run| run.things.clone()).collect::<Vec<_>>(), [[thing("2")], [thing("3")]]);
        for id in ["2", "3"] {
            journal.write(Entry::Gone { thing: thing(id) }).unwrap();
        }
        assert!(!read(&path).unwrap().iter().any(Left::is_something));
        // With nothing left the file begins anew.
        Journal::open(&path).unwrap();
        assert_eq!(read(&path).unwrap().len(), 0);
    }

    #[test]
    fn a_journal_of_another_version_is_neither_read_nor_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "{\"format\":2,\"event\":\"more\"}\n{\"format\":2}\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 1"));
        assert!(Journal::open(&path).is_err());
    }
}
