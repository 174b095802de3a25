//! An HTTP request and response, as far as a protocol module cares.

use bytes::Bytes;

/// A request on its way out, or as a server got it. The path is always `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The query string, without the question mark; empty for none.
    pub query: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl HttpRequest {
    /// A copy that may be shown and kept: without what would let its reader act as the sender.
    pub fn redacted(&self) -> HttpRequest {
        let mut copy = self.clone();
        for (name, value) in &mut copy.headers {
            if matches!(name.as_str(), "authorization" | "x-amz-security-token") {
                "[redacted]".clone_into(value);
            }
        }
        copy
    }
}

/// A response as it came, or as a server is about to send it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl HttpResponse {
    /// The first value of this header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}
