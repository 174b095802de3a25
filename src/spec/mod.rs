//! The law: the spec files, read, checked and compiled.
//!
//! Imports nothing of the crate.

pub mod expr;
pub mod file;
pub mod law;
