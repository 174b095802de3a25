//! The embedded reference server: the law run forwards behind the real wire format.
//!
//! - [`server`]: the law as a server, with a clock that can be advanced.
//! - [`http`]: bytes in, bytes out.
//!
//! Imports `model`, `target`'s clock, `wire` and `spec`.

pub mod http;
pub mod server;
