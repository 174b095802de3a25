//! Sequences of operations: how they are written down, generated and found.
//!
//! A scenario names resources by handles (`kind#1`), never by the ids that a target happens to give, so that it means
//! the same in every run.
//!
//! - [`step`]: the steps of a scenario, and turning one into a request.
//! - [`atlas`]: which operation creates, shows and removes what, worked out from the law.
//! - [`draft`]: arguments for an operation, right ones and wrong ones.
//! - [`strategy`]: random drafts.
//! - [`simulation`]: the law played against itself, to try steps on.
//! - [`plan`]: for each rule, a short scenario that exercises it, found by searching the model; [`aim`] says which state is
//!   nearer to a rule, [`novelty`] which one is new, `build_up` walks at random, and [`strip`] drops what a scenario does
//!   not need.
//! - [`variation`]: the same with more around it, or several times over.
//! - [`choices`]: requests with each value that a parameter may have.
//! - [`near_miss`]: requests that would be refused if one more condition held; [`alternative`]: requests that are refused for
//!   each of the reasons that a condition lists. `states` says where both are looked for.
//! - [`silence`]: requests about which the law is silent, and what it says of them if they are accepted.
//! - [`overlap`]: requests that stand in each other's way, worked out from the law.
//! - [`crowd`]: several clients that talk to the reference at once, in simulated time.
//! - [`reach`]: what can be reached at all without some operations, worked out from the law.
//! - [`example`](mod@example): a rule by an answer that keeps it and one that breaks it.
//! - [`shrink`]: which steps of a scenario that breaks a rule cannot matter.
//! - [`windows`]: asking for less time where it has to be waited for.
//! - [`file`](mod@file): the form in which steps are written to disk; [`written`]: a scenario as a file of its own;
//!   [`planned`]: a whole suite, as a law may come with it.
//!
//! Imports `oracle`, `model`, `wire` and `spec`.

pub mod aim;
pub mod alternative;
pub mod atlas;
mod build_up;
pub mod choices;
pub mod crowd;
pub mod draft;
pub mod example;
pub mod file;
pub mod near_miss;
pub mod novelty;
pub mod overlap;
pub mod plan;
pub mod planned;
pub mod reach;
pub mod shrink;
pub mod silence;
pub mod simulation;
mod states;
pub mod step;
pub mod strategy;
pub mod strip;
pub mod variation;
pub mod windows;
pub mod written;
