//! Requests and answers, and how each protocol writes them.
//!
//! A request and an answer are plain trees of texts, keyed by the names that the documents use. A protocol module turns
//! them into bytes and back, in both directions: the client side for the harness, the server side for the reference.
//! Nothing here knows what a value means, and no limit of a target is trusted: sizes and depths are bounded.
//!
//! Imports only `spec`.

pub mod ec2_query;
pub mod http;
pub mod sign;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::spec::file::WireFault;
use crate::spec::law::OperationIx;

/// A value as it is written: texts, lists and named members. What a text means is for the model to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tree {
    /// A scalar, as its text.
    Text(Arc<str>),
    /// Several values in order.
    List(Vec<Tree>),
    /// Members by the names that the documents use, in the order in which they were written.
    Struct(Vec<(Arc<str>, Tree)>),
}

impl Tree {
    /// A scalar.
    pub fn text(text: impl Into<Arc<str>>) -> Tree {
        Tree::Text(text.into())
    }

    /// The text of a scalar.
    pub fn as_text(&self) -> Option<&Arc<str>> {
        match self {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a list.
    pub fn as_list(&self) -> Option<&[Tree]> {
        match self {
            Tree::List(list) => Some(list),
            _ => None,
        }
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Tree> {
        match self {
            Tree::Struct(members) => members.iter().find(|(n, _)| &**n == name).map(|(_, v)| v),
            _ => None,
        }
    }
}

/// A request: an operation and its arguments. Arguments may be wrong in any way, and may have names that the operation
/// does not know (those are written as they stand).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The operation.
    pub operation: OperationIx,
    /// Its arguments, by the names that the documents use.
    pub args: Vec<(Arc<str>, Tree)>,
}

/// An answer, read as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The id that the service gave the request, if there is one.
    pub request_id: Option<Arc<str>>,
    /// What it says.
    pub body: Body,
    /// What is wrong with its form.
    pub faults: Vec<WireFault>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The request was done; the fields of the answer by the names that the documents use.
    Success(Tree),
    /// The request was refused.
    Error {
        /// The error code.
        code: Arc<str>,
        /// The text for people.
        message: Arc<str>,
    },
    /// It is not in the protocol's form at all.
    Unreadable {
        /// Why.
        why: String,
    },
}
