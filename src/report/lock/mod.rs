//! A target's wire format, written down so that a later release can be held against it.
//!
//! - [`layout`]: a body, one element or member a line, and nothing but the white space between them changed.
//! - [`standins`]: what is another one each time (ids, moments, tokens) gives way to a stand-in.
//! - [`files`]: what is written to disk, versioned: which scenarios there are, and what was answered.
//! - [`entries`]: an exchange as it is written down; which of a listing belongs to a scenario at all.
//! - [`compare`]: what differs between what was written down and what came now.
//!
//! Imports `spec`, `wire`, `scenario`, and `report`'s own data.

pub mod compare;
pub mod entries;
pub mod files;
pub mod layout;
pub mod standins;
