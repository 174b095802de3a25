//! `trace.jsonl`: everything that was sent and received, one exchange a line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{data::Exchange, lines};
use crate::{
    scenario::{file::CallFile, step::Call},
    spec::law::Law,
};

/// The version of the format, in every line.
pub const FORMAT: u32 = 2;
/// The file's name in a run's folder.
pub const FILE: &str = "trace.jsonl";

/// A line of a trace.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The version of this format.
    pub format: u32,
    /// The scenario: a rule's id, `overlap-N:` and a rule's id, `random-N` or `probe`.
    pub scenario: String,
    /// The number of the step, from 1; looks while waiting belong to the step that waits.
    pub step: usize,
    /// True for the clean-up after the scenario, which is not judged.
    pub cleanup: bool,
    /// What the scenario's tokens begin with: token 1 is this text, a hyphen and 1.
    pub tokens: String,
    /// Which client sent it, where several sent at once: the lines of one step that have this overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<u32>,
    /// The request in terms of handles; none for a probe of an unknown operation.
    pub call: Option<CallFile>,
    /// What was sent and received.
    pub exchange: Exchange,
}

/// Where in a scenario an exchange belongs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place<'a> {
    /// The number of the step, from 1.
    pub step: usize,
    /// True after the scenario's end.
    pub cleanup: bool,
    /// What the scenario's tokens begin with.
    pub tokens: &'a str,
    /// Which client sent it, where several sent at once.
    pub client: Option<u32>,
}

/// Writes a trace; shared by all workers. Each line goes to the system at once, so that a run that is killed leaves it.
pub struct TraceWriter(Mutex<File>);

impl TraceWriter {
    /// Starts a new file.
    ///
    /// # Errors
    ///
    /// It cannot be created.
    pub fn create(path: &Path) -> io::Result<TraceWriter> {
        Ok(TraceWriter(Mutex::new(File::create(path)?)))
    }

    /// Writes an exchange. A line that cannot be written is lost, but not the run.
    pub fn write(&self, law: &Law, scenario: &str, place: Place<'_>, call: Option<&Call>, exchange: &Exchange) {
        let line = Line {
            format: FORMAT,
            scenario: scenario.to_owned(),
            step: place.step,
            cleanup: place.cleanup,
            tokens: place.tokens.to_owned(),
            client: place.client,
            call: call.map(|c| CallFile::new(law, c)),
            exchange: exchange.clone(),
        };
        if let Ok(mut text) = serde_json::to_vec(&line) {
            text.push(b'\n');
            let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = file.write_all(&text) {
                tracing::warn!(%error, "a line of the trace is lost");
            }
        }
    }
}

/// Reads a trace back, line by line. A last line that was cut off, because the run was killed, is passed over.
///
/// # Errors
///
/// The file cannot be read, or a line is not of this format.
pub fn read(path: &Path) -> io::Result<Vec<Line>> {
    parse(BufReader::new(File::open(path)?))
}

/// Reads a trace from its text.
///
/// # Errors
///
/// The text cannot be read, or a line is not of this format.
pub fn parse(text: impl BufRead) -> io::Result<Vec<Line>> {
    lines::read(text, |line: &Line| line.format, FORMAT)
}
