//! Results: what a run has to say, as a file for programs and a text for people.
//!
//! - [`data`]: the report itself, versioned; `report.json` is this and nothing else.
//! - [`terminal`]: the same for people; `chart` draws requests that overlap.
//! - [`mutants`]: what became of the mutants of a law, versioned as well.
//! - [`trace`]: everything that was sent and received, line by line.
//!
//! Imports `spec` and `scenario`'s file form.

mod chart;
pub mod data;
pub mod mutants;
pub mod terminal;
pub mod trace;
