//! eipcheck: conformance and fuzz testing of Elastic-IP APIs.
#![forbid(unsafe_code)]

pub mod exit;
pub mod model;
pub mod oracle;
pub mod reference;
pub mod report;
pub mod run;
pub mod scenario;
pub mod spec;
pub mod target;
pub mod wire;
