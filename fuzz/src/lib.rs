//! What the fuzz targets do with an input. Each body takes any bytes and panics if something is wrong.
//!
//! They are used twice: `fuzz_targets/` hands them to libFuzzer, and the test `tests/fuzz.rs` of the crate beside this
//! one includes this file and hands them to proptest, so that they also run on a stable compiler. Where several texts
//! go into one body, an input is one text that a person can read and write; the seeds in `seeds/` show the form.

pub mod answer;
pub mod document;
pub mod model;
pub mod request;
pub mod signature;
pub mod spec_files;
pub mod written_files;

use std::sync::{Arc, LazyLock};

use eipcheck::spec::{Law, SpecSource, clouds, file::Protocol, load};

/// Takes an input; panics if something is wrong.
pub type Body = fn(&[u8]);

/// Every target with its body.
pub const TARGETS: &[(&str, Body)] = &[
    ("document", document::check),
    ("ec2_answer", ec2_answer),
    ("ec2_request", ec2_request),
    ("model", model::check),
    ("rpc_answer", rpc_answer),
    ("rpc_request", rpc_request),
    ("signature", signature::check),
    ("spec_files", spec_files::check),
    ("written_files", written_files::check),
];

/// An answer in the EC2 dialect.
pub fn ec2_answer(input: &[u8]) {
    answer::check(of(Protocol::Ec2Query), input);
}

/// A request in the EC2 dialect.
pub fn ec2_request(input: &[u8]) {
    request::check(of(Protocol::Ec2Query), input);
}

/// An answer in the RPC protocol, as JSON or as XML.
pub fn rpc_answer(input: &[u8]) {
    answer::check(of(Protocol::Rpc), input);
}

/// A request in the RPC protocol.
pub fn rpc_request(input: &[u8]) {
    request::check(of(Protocol::Rpc), input);
}

/// The built-in laws.
fn laws() -> &'static [Arc<Law>] {
    static LAWS: LazyLock<Vec<Arc<Law>>> = LazyLock::new(|| {
        let built_in = SpecSource::BuiltIn;
        let load = |cloud: &String| Arc::new(load(&built_in, cloud, &[]).expect("the built-in law is sound"));
        clouds(&built_in).expect("the built-in laws are sound").iter().map(load).collect()
    });
    &LAWS
}

/// The first law whose cloud speaks this protocol.
fn of(protocol: Protocol) -> &'static Arc<Law> {
    laws().iter().find(|law| law.wire.protocol == protocol).expect("each protocol has a law")
}
