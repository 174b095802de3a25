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
    wire::{self, http::HttpRequest},
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
    let post = |query: &str, body: Vec<u8>| HttpRequest {
        method: "POST",
        query: query.to_owned(),
        headers: Vec::new(),
        body: body.into(),
    };
    let request = match wire::decode_request(&LAW, &post(query, body.to_vec())) {
        Ok(read) => read,
        Err(fault) => return assert!(!fault.to_string().is_empty()),
    };
    let written = wire::encode_request(&LAW, &request);
    let again = wire::decode_request(&LAW, &post("", written.clone().into_bytes()));
    assert_eq!(again, Ok(request), "written as {written}");
});
