//! One world: resources, their states, the changes that are still to come, and what a request does to them.
//!
//! The model is the law applied to one definite state of affairs. It knows no target and no clock of its own: every
//! function takes the moment as an argument. The oracle keeps several worlds where the law leaves several possible; the
//! reference server keeps one and runs it forwards.
//!
//! - [`value`]: what a field holds, including what is not known yet.
//! - [`time`]: moments and intervals.
//! - [`world`]: the resources, and looking them up.
//! - [`eval`]: the specs' expressions evaluated in a world.
//! - [`input`]: a request's arguments read as the parameters' types, and what is wrong with them.
//! - [`token`]: what is remembered of requests that may be sent again.
//! - [`assess`]: which rules a request meets in a world.
//! - [`effect`]: what an accepted request changes, now and later.
//! - [`show`]: what an answer should show of a world.
//! - [`forward`]: the law run forwards: one world that answers requests.
//! - [`fault`]: where such a world can be made to depart from the law.
//!
//! Imports only `spec` and `wire`'s trees.

pub mod assess;
pub mod effect;
pub mod eval;
pub mod fault;
pub mod forward;
pub mod input;
pub mod show;
pub mod time;
pub mod token;
pub mod value;
pub mod world;
