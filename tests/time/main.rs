//! Time: drains to the second, changes that do not last, answers that are slow, late, or never come.

#[path = "../common/mod.rs"]
mod common;
mod boundaries;
mod proxy;
mod targets;
