//! Time: drains to the second, changes that do not last, answers that are slow, late, or never come.

mod boundaries;
#[path = "../common/mod.rs"]
mod common;
mod proxy;
mod targets;
