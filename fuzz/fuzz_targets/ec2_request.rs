//! Any bytes as a request: reading them never panics, and what can be read is written in a form that reads the same.
//!
//! An input is the query and the body, divided by the first zero byte; without one, it is the body.

#![no_main]

use std::sync::LazyLock;

use eipcheck::{
    spec::{
        law::Law,
        load::{SpecSource, load},
    },
    wire,
};
use libfuzzer_sys::fuzz_target;

static LAW: LazyLock<Law> =
    LazyLock::new(|| load(&SpecSource::BuiltIn, "ec2", &[]).expect("the built-in law is sound"));

fuzz_target!(|input: &[u8]| {
    let (query, body) = match input.iter().position(|b| *b == 0) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (&[][..], input),
    };
    let Ok(query) = std::str::from_utf8(query) else { return };
    // A fault is as good as an answer here, but it must be possible to show it.
    let (operation, request) = match wire::decode_request(&LAW, "POST", query, body) {
        Ok(read) => read,
        Err(fault) => return assert!(!fault.to_string().is_empty()),
    };
    assert_eq!(operation, request.operation);
    // A parameter that is called one thing in the documents and another on the wire, sent by the former: a request has
    // no way to say that this is not the parameter. Such a request is only read.
    let declared = |name: &str| LAW[operation].params.iter().find(|p| *p.name == *name);
    let sent_by = |name: &str| query.contains(name) || body.windows(name.len()).any(|w| w == name.as_bytes());
    if request.args.iter().any(|(n, _)| declared(n).is_some_and(|p| p.wire != *p.name && sent_by(n))) {
        return;
    }
    let written = wire::encode_request(&LAW, &request);
    let again = wire::decode_request(&LAW, "POST", "", written.as_bytes());
    assert_eq!(again, Ok((operation, request)), "written as {written}");
});
