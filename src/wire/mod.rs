//! Requests and answers, and how each protocol writes them.
//!
//! A request and an answer are plain trees of texts, keyed by the names that the documents use. A protocol module turns
//! them into bytes and back, in both directions: the client side for the harness, the server side for the reference.
//! Nothing here knows what a value means, and no limit of a target is trusted: sizes and depths are bounded.
//!
//! Imports only `spec`.

pub mod ec2_query;
pub mod flat;
pub mod form;
pub mod http;
pub mod json;
pub mod rpc;
pub mod schema;
pub mod secrets;
pub mod sign;
pub mod tools;
pub mod verify;
pub mod xml;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::http::{HttpRequest, HttpResponse};
use crate::spec::file::{Protocol, WireFault};
use crate::spec::law::{Law, OperationIx, ProductIx};

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

    /// True if some scalar in it is this text.
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Tree::Text(own) => **own == *text,
            Tree::List(items) => items.iter().any(|item| item.holds(text)),
            Tree::Struct(members) => members.iter().any(|(_, member)| member.holds(text)),
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

/// A request: an operation and its arguments. Arguments may be wrong in any way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The operation.
    pub operation: OperationIx,
    /// Its arguments, by the names that the documents use.
    pub args: Vec<(Arc<str>, Tree)>,
    /// Arguments that the operation does not have, by the names that stand on the wire. They are apart because such a
    /// name may be what the documents call a parameter that has another name on the wire.
    pub undeclared: Vec<(Arc<str>, Tree)>,
}

impl Request {
    /// A request with these arguments; those that the operation does not have are undeclared.
    pub fn new(law: &Law, operation: OperationIx, args: Vec<(Arc<str>, Tree)>) -> Request {
        let (args, undeclared) = args.into_iter().partition(|(name, _)| law[operation].param(name).is_some());
        Request { operation, args, undeclared }
    }
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

/// The parameter that names the operation.
const ACTION: &str = "Action";
/// The parameter that names the version of the API.
const VERSION: &str = "Version";
/// How many elements the lists of an answer may have in all.
const MAX_ITEMS: usize = 100_000;

/// The parameters of a request as a form, with the operation and the version first.
pub fn encode_request(law: &Law, request: &Request) -> String {
    let operation = &law[request.operation];
    let mut out = head(law, operation.product, &operation.name);
    flat::write(law, request, &mut |name, value| form::push_pair(&mut out, name, value));
    out
}

/// The same for an operation that the law does not know, its arguments as they stand.
pub fn encode_raw(law: &Law, product: ProductIx, action: &str, args: &[(String, String)]) -> String {
    let mut out = head(law, product, action);
    for (name, value) in args {
        form::push_pair(&mut out, name, value);
    }
    out
}

fn head(law: &Law, product: ProductIx, action: &str) -> String {
    let mut out = String::with_capacity(256);
    form::push_pair(&mut out, ACTION, action);
    form::push_pair(&mut out, VERSION, &law[product].version);
    out
}

/// How a body begins, for whoever reads why it cannot be read.
fn beginning(body: &[u8]) -> String {
    const MOST: usize = 60;
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * MOST)]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MOST) {
        _ if words.is_empty() => String::new(),
        Some((end, _)) => format!(" (it begins with {:?})", format!("{}…", &words[..end])),
        None => format!(" (it is {words:?})"),
    }
}

/// Reads an answer, as far as it can be read.
pub fn decode_answer(law: &Law, operation: OperationIx, response: &HttpResponse) -> Answer {
    if response.body.len() > MAX_ANSWER {
        let why = format!("the body is larger than {MAX_ANSWER} bytes");
        let body = Body::Unreadable { why };
        return Answer { status: response.status, request_id: None, body, faults: Vec::new() };
    }
    let mut answer = match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::decode_answer(law, operation, response),
        Protocol::Rpc => rpc::decode_answer(law, operation, response),
    };
    if let Body::Unreadable { why } = &mut answer.body {
        why.push_str(&beginning(&response.body));
    }
    answer
}

/// Reads a request, as a server.
pub fn decode_request(law: &Law, request: &HttpRequest) -> Result<Request, RequestFault> {
    if request.query.len() + request.body.len() > MAX_REQUEST {
        return Err(RequestFault::TooLarge { limit: MAX_REQUEST });
    }
    match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::decode_request(law, request),
        Protocol::Rpc => rpc::decode_request(law, request),
    }
}

/// The operation that a request asks for.
fn operation_of(law: &Law, action: Option<&str>, version: Option<&str>) -> Result<OperationIx, RequestFault> {
    let action = action.filter(|a| !a.is_empty()).ok_or(RequestFault::NoAction)?;
    let operation = law.operation(action).ok_or_else(|| RequestFault::UnknownAction { name: action.to_owned() })?;
    if version != Some(&*law[law[operation].product].version) {
        return Err(RequestFault::Version { found: version.map(str::to_owned) });
    }
    Ok(operation)
}

/// What an element of a list is called where it has no name of its own.
pub const LIST_ITEM: &str = "item";

/// How many scalars of this name there are in the text of an answer.
pub fn occurrences(name: &str, body: &str) -> usize {
    scalars(name, body).len()
}

/// Which of the scalars of this name in the text of an answer is the first with this value, from 1; the first of all if
/// none has it.
pub fn occurrence(name: &str, value: Option<&str>, body: &str) -> usize {
    let begins = |rest: &&str, value: &str| {
        rest.strip_prefix(value).is_some_and(|rest| rest.starts_with(['<', '"', ',', '}', ']']))
    };
    let found = value.and_then(|value| scalars(name, body).iter().position(|rest| begins(rest, value)));
    found.map_or(1, |place| place + 1)
}

/// The text of an answer from each scalar of this name on.
fn scalars<'b>(name: &str, body: &'b str) -> Vec<&'b str> {
    let (tag, key) = (format!("<{name}>"), format!("\"{name}\":"));
    let marks = body.split(if body.starts_with('<') { tag.as_str() } else { key.as_str() });
    // In JSON what stands there may be an object, or a list of objects.
    let is_scalar = |rest: &&str| !rest.starts_with(['{', '[']) || rest.starts_with("[\"");
    let scalars = marks.skip(1).map(str::trim_start).filter(is_scalar);
    scalars.map(|rest| rest.trim_start_matches('[').trim_start_matches('"')).collect()
}

/// How the answer to one request is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// As JSON instead of XML.
    pub json: bool,
    /// The host that answers.
    pub host: String,
}

/// How the answer to this request is to be written, as a server.
pub fn style(law: &Law, request: &HttpRequest) -> Style {
    let host = request.header("host").unwrap_or_default().to_owned();
    match law.wire.protocol {
        Protocol::Ec2Query => Style { json: false, host },
        Protocol::Rpc => Style { json: rpc::wants_json(request), host },
    }
}

/// The media type of an answer's body.
pub fn answer_type(law: &Law, style: &Style) -> &'static str {
    match law.wire.protocol {
        Protocol::Ec2Query => "text/xml;charset=UTF-8",
        Protocol::Rpc if style.json => "application/json;charset=utf-8",
        Protocol::Rpc => "text/xml;charset=utf-8",
    }
}

/// The body of a successful answer, as a server. What the operation does not declare is left out.
pub fn encode_success(law: &Law, style: &Style, operation: OperationIx, request_id: &str, tree: &Tree) -> Bytes {
    match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::encode_success(law, operation, request_id, tree),
        Protocol::Rpc => rpc::encode_success(law, style, operation, request_id, tree),
    }
}

/// The body of an error, as a server.
pub fn encode_error(law: &Law, style: &Style, request_id: &str, code: &str, message: &str) -> Bytes {
    match law.wire.protocol {
        Protocol::Ec2Query => ec2_query::encode_error(request_id, code, message),
        Protocol::Rpc => rpc::encode_error(style, request_id, code, message),
    }
}
