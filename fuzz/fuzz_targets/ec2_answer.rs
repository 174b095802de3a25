//! Any bytes as the answer to any operation: reading them never panics, and what is read is bounded by what came.
//!
//! An input is the operation (1 byte), the status (2 bytes) and the body.

#![no_main]

use std::sync::LazyLock;

use eipcheck::{
    spec::{
        law::{Law, OperationIx},
        load::{SpecSource, load},
    },
    wire::{self, Body, Tree, http::HttpResponse},
};
use libfuzzer_sys::fuzz_target;

static LAW: LazyLock<Law> =
    LazyLock::new(|| load(&SpecSource::BuiltIn, "ec2", &[]).expect("the built-in law is sound"));

/// How often one element may be read: an answer may show the same one in several fields.
const MOST_READ: usize = 16;

fuzz_target!(|input: &[u8]| {
    let [operation, high, low, body @ ..] = input else { return };
    let operation = OperationIx(u32::from(*operation) % LAW.operations().count() as u32);
    let status = 100 + u16::from_be_bytes([*high, *low]) % 500;
    let response = HttpResponse { status, headers: Vec::new(), body: body.to_vec().into() };
    let answer = wire::decode_answer(&LAW, operation, &response);
    assert_eq!(answer.status, status);
    let read = match &answer.body {
        Body::Success(tree) => {
            assert!((200..300).contains(&status), "success with {status}");
            size(tree)
        }
        Body::Error { code, message } => {
            assert!(!(200..300).contains(&status), "an error with {status}");
            assert!(!code.is_empty(), "an error without a code");
            code.len() + message.len()
        }
        Body::Unreadable { why } => {
            assert!(!why.is_empty(), "unreadable for no reason");
            0
        }
    };
    assert!(read <= MOST_READ * (body.len() + 1), "{read} read from {} bytes", body.len());
});

/// Texts in bytes, and one for each value.
fn size(tree: &Tree) -> usize {
    match tree {
        Tree::Text(text) => 1 + text.len(),
        Tree::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Tree::Struct(members) => 1 + members.iter().map(|(_, member)| size(member)).sum::<usize>(),
    }
}
