//! Requests and answers, and how each protocol writes them.
//!
//! A request and an answer are plain trees of texts, keyed by the names that the documents use. A protocol module turns
//! them into bytes and back, in both directions: the client side for the harness, the server side for the reference.
//! Nothing here knows what a value means, and no limit of a target is trusted: sizes and depths are bounded.
//!
//! Imports only `spec`.

pub mod ec2_query;
pub mod form;
pub mod http;
pub mod sign;
pub mod xml;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::http::HttpResponse;
use crate::spec::file::{Protocol, WireFault};
use crate::spec::law::{Law, OperationIx};

/// The largest answer that is read, in bytes.
pub const MAX_ANSWER: usize = 4 << 20;
/// The largest request that the reference server reads, in bytes.
pub const MAX_REQUEST: usize = 1 << 20;

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

    /// The text of a scalar, or of a list of one scalar.
    pub fn as_single(&self) -> Option<&Arc<str>> {
        match self {
            Tree::List(list) => list.first().filter(|_| list.len() == 1)?.as_text(),
            scalar => scalar.as_text(),
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

/// Why a server cannot tell which operation a request asks for, or with what arguments.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestFault {
    /// It names no operation.
    #[error("the request names no operation")]
    NoAction,
    /// It names an operation that the law does not have.
    #[error("there is no operation {name:?}")]
    UnknownAction {
        /// The name.
        name: String,
    },
    /// It is for another version of the API, or for none.
    #[error("the request is for version {found:?} of the API")]
    Version {
        /// The version that it names.
        found: Option<String>,
    },
    /// A part of it is no pair of a name and a value.
    #[error("{pair:?} is no pair of a name and a value")]
    Malformed {
        /// The part, shortened.
        pair: String,
    },
    /// It is too large.
    #[error("the request is larger than {limit} bytes")]
    TooLarge {
        /// How large it may be.
        limit: usize,
    },
}

/// The media type of a request's body.
pub fn request_type(law: &Law) -> &'static str {
    match law.wire.protocol {
        Protocol::Ec2Query => "application/x-www-form-urlencoded; charset=utf-8",
    }
}

/// The media type of an answer's body.
pub fn answer_type(law: &Law) -> &'static str {
    match law.wire.protocol {
        Protocol::Ec2Query => "text/xml;charset=UTF-8",
    }
}

/// The body of a request.
pub fn encode_request(law: &Law, request: &Request) -> String {
    match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::encode_request(law, request),
    }
}

/// The body of a request for an operation that the law does not know, its arguments as they stand.
pub fn encode_raw(law: &Law, action: &str, args: &[(String, String)]) -> String {
    match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::encode_raw(law, action, args),
    }
}

/// Reads an answer, as far as it can be read.
pub fn decode_answer(law: &Law, operation: OperationIx, response: &HttpResponse) -> Answer {
    match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::decode_answer(law, operation, response),
    }
}

/// Reads a request, as a server.
pub fn decode_request(
    law: &Law,
    method: &str,
    query: &str,
    body: &[u8],
) -> Result<(OperationIx, Request), RequestFault> {
    match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::decode_request(law, method, query, body),
    }
}

/// The body of a successful answer, as a server. What the operation does not declare is left out.
pub fn encode_success(law: &Law, operation: OperationIx, request_id: &str, tree: &Tree) -> Bytes {
    match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::encode_success(law, operation, request_id, tree),
    }
}

/// The body of an error, as a server.
pub fn encode_error(law: &Law, request_id: &str, code: &str, message: &str) -> Bytes {
    match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::encode_error(request_id, code, message),
    }
}
