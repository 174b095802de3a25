//! eipcheck: conformance and fuzz testing of Elastic-IP APIs.
#![forbid(unsafe_code)]

pub mod model;
pub mod oracle;
pub mod scenario;
pub mod spec;
pub mod wire;
