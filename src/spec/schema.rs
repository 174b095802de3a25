//! JSON Schemas of the spec files, generated from the grammar, so that editors can complete and check.
//!
//! Imports only [`mod@super::file`].

use clap::ValueEnum;
use schemars::{Schema, schema_for};

use super::file::{CloudFile, DocumentsFile, FactsFile, OperationFile, ResourcesFile};

/// A kind of spec file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FileKind {
    /// `cloud.toml`.
    Cloud,
    /// `resources.toml`.
    Resources,
    /// `operations/NAME.toml`.
    Operation,
    /// `facts.toml`.
    Facts,
    /// `documents.toml`.
    Documents,
}

/// The schema of a kind of file.
pub fn schema(file: FileKind) -> Schema {
    match file {
        FileKind::Cloud => schema_for!(CloudFile),
        FileKind::Resources => schema_for!(ResourcesFile),
        FileKind::Operation => schema_for!(OperationFile),
        FileKind::Facts => schema_for!(FactsFile),
        FileKind::Documents => schema_for!(DocumentsFile),
    }
}
