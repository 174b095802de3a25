//! A target: where requests go and answers come from.
//!
//! [`permits`] says which hosts requests may go to at all.
//!
//! Imports `spec`, `wire` and `model`'s moments.

pub mod clock;
pub mod http;
pub mod permits;

use std::time::Duration;

use thiserror::Error;

use crate::wire::http::{HttpRequest, HttpResponse};

pub use http::{Handler, HttpTarget, TargetOptions};

/// Why a target cannot be used at all.
#[derive(Debug, Error)]
pub enum TargetError {
    /// The URL is not one that requests can be sent to.
    #[error("{url} cannot be a target: {why}")]
    Url {
        /// The URL, without a password.
        url: String,
        /// Why not.
        why: &'static str,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// What was sent and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request, as it was sent; see [`HttpRequest::redacted`] before showing it.
    pub request: HttpRequest,
    /// The answer, if there was one.
    pub outcome: Result<HttpResponse, NoAnswer>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// The request cannot be sent, or not be signed.
    #[error("the request cannot be sent: {why}")]
    Unsendable {
        /// Why.
        why: String,
    },
    /// Nobody listens there.
    #[error("the target refuses connections")]
    Refused,
    /// No connection came about for another reason: no such host, no route, no agreement about TLS.
    #[error("the target cannot be reached: {why}")]
    Unreachable {
        /// Why.
        why: String,
    },
    /// The answer was not complete in time.
    #[error("no complete answer within {after:?}")]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended before the answer was complete.
    #[error("the connection ended before the answer was complete: {why}")]
    Closed {
        /// How.
        why: String,
    },
    /// The answer is too large.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// How large it may be.
        limit: usize,
    },
    /// An answer that nothing but a gateway gives, and that does not say whether the request came through: 502, 503 or 504
    /// (RFC 9110, sections 15.6.3 to 15.6.5) without anything that the protocol knows.
    #[error("HTTP {status}, as a gateway says it that does not know whether the request was done")]
    Gateway {
        /// The status.
        status: u16,
    },
    /// What came is not HTTP.
    #[error("what came is not HTTP: {why}")]
    Garbage {
        /// Why not.
        why: String,
    },
}

impl NoAnswer {
    /// True if the target certainly did not get the request, so that it may be sent again.
    pub fn never_arrived(&self) -> bool {
        match self {
            NoAnswer::Unsendable { .. } | NoAnswer::Refused | NoAnswer::Unreachable { .. } => true,
            NoAnswer::Timeout { .. }
            | NoAnswer::Closed { .. }
            | NoAnswer::TooLarge { .. }
            | NoAnswer::Gateway { .. }
            | NoAnswer::Garbage { .. } => false,
        }
    }
}
