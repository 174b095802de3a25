//! eipcheck: conformance and fuzz testing of Elastic-IP APIs.
#![forbid(unsafe_code)]

pub mod spec;
pub mod wire;
