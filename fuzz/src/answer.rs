//! Any bytes as the answer to any operation: reading them never panics, and what is read is bounded by what came.
//!
//! An input is a line with the operation and the HTTP status, and then the body.

use eipcheck::{
    spec::law::{Law, OperationIx},
    wire::{self, Body, Tree, http::HttpResponse},
};

/// How often one element may be read: an answer may show the same one in several fields.
const MOST_READ: usize = 16;

/// Checks one input.
pub fn check(law: &Law, input: &[u8]) {
    let end = input.iter().position(|b| *b == b'\n').unwrap_or(input.len());
    let (head, body) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let (operation, status) = from_head(law, head);
    let response = HttpResponse { status, headers: Vec::new(), body: body.to_vec().into() };
    let answer = wire::decode_answer(law, operation, &response);
    assert_eq!(answer.status, status);
    let read = match &answer.body {
        Body::Success(tree) => {
            assert!((200..300).contains(&status), "success with {status}");
            size(tree)
        }
        Body::Error { code, message } => {
            // An error is one whatever status it comes with, but with that of a success only if the body says so.
            let says_so = body.windows(4).any(|word| word == b"Code");
            assert!(!(200..300).contains(&status) || says_so, "an error with {status}");
            assert!(!code.is_empty(), "an error without a code");
            code.len() + message.len()
        }
        Body::Unreadable { why } => {
            assert!(!why.is_empty(), "unreadable for no reason");
            0
        }
    };
    assert!(read <= MOST_READ * (body.len() + 1), "{read} read from {} bytes", body.len());
}

/// The operation and the status; where the line does not name them, some are taken, so that every line says something.
fn from_head(law: &Law, head: &[u8]) -> (OperationIx, u16) {
    let mut words = head.split(|b| *b == b' ');
    let mut text = || words.next().and_then(|word| std::str::from_utf8(word).ok()).unwrap_or_default();
    let (name, status) = (text(), text());
    let some = head.iter().fold(0, |sum: u32, b| sum.wrapping_mul(31).wrapping_add(u32::from(*b)));
    let operation = law.operation(name).unwrap_or(OperationIx(some % law.operations().count() as u32));
    (operation, status.parse().ok().filter(|s| (100..600).contains(s)).unwrap_or(200))
}

/// Texts in bytes, and one for each value.
fn size(tree: &Tree) -> usize {
    match tree {
        Tree::Text(text) => 1 + text.len(),
        Tree::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Tree::Struct(members) => 1 + members.iter().map(|(_, member)| size(member)).sum::<usize>(),
    }
}
