//! The law: the spec files, read, checked and compiled.
//!
//! [`mod@file`] is the grammar of the files and [`law`] what becomes of them; everything between is one pass from the one to
//! the other. [`mod@load`] reads the files. `compile` orders the steps: `kinds`, `operation` and `reference` resolve names and
//! compile expressions ([`expr`]), `derive` adds the rules that follow from tables, `rules` keeps the book of all rules, and
//! [`looks`] says what an operation has to do with, and
//! `check` looks for what is wrong only in the whole. [`spot`] reads the places in texts that [`cite`] finds named. What is wrong at all is an [`error::SpecError`] that points at its
//! place.
//!
//! Imports nothing of the crate.

mod check;
pub mod cite;
mod compile;
mod derive;
pub mod error;
pub mod expr;
pub mod file;
mod kinds;
pub mod law;
pub mod load;
pub mod looks;
mod lower;
mod mark;
mod names;
mod operation;
mod reference;
mod rules;
pub mod schema;
pub mod spot;

pub use compile::Files;
pub use error::{SpecError, SpecErrors};
pub use law::Law;
pub use load::{SpecSource, clouds, load};
