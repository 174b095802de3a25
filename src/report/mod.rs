//! Results: what a run has to say, as a file for programs and a text for people.
//!
//! - [`data`]: the report itself, versioned; `report.json` is this and nothing else.
//! - [`diff`](mod@diff): what changed from one to another.
//! - [`lock`]: a target's wire format, written down to be held against a later one.
//! - [`terminal`]: the same for people; `chart` draws requests that overlap.
//! - [`mutants`]: what became of the mutants of a law, versioned as well.
//! - [`trace`]: everything that was sent and received, line by line; [`journal`]: what was made and deleted.
//!
//! - [`recipe`]: a finding as other tools can follow it, and [`scripts`]: the same as scripts for those tools.
//!
//! Imports `spec`, `wire`, `model`, `oracle` and `scenario`.

mod chart;
pub mod data;
pub mod diff;
pub mod journal;
mod lines;
pub mod lock;
pub mod mutants;
pub mod recipe;
pub mod scripts;
pub mod terminal;
pub mod trace;
