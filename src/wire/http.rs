//! An HTTP request and response, as far as a protocol module cares.

use std::borrow::Cow;

use bytes::Bytes;

use super::form::{self, Malformed};

/// The media type of a form.
pub const FORM: &str = "application/x-www-form-urlencoded";
/// What stands in place of what is not shown.
pub(super) const REDACTED: &str = "[redacted]";
/// Headers that are not shown: whoever reads them could act as the sender.
const SECRET_HEADERS: &[&str] =
    &["authorization", "x-amz-security-token", "x-acs-accesskey-id", "x-acs-security-token"];
/// Parameters that are not shown, in lower case.
const SECRET_PARAMETERS: &[&str] =
    &["signature", "accesskeyid", "securitytoken", "bearertoken", "x-amz-signature", "x-amz-security-token"];

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
    /// The first value of this header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body, if it is a form that counts: that of a `GET` does not.
    pub fn form(&self) -> &[u8] {
        let is_form = |media: &str| media.trim().get(..FORM.len()).is_some_and(|m| m.eq_ignore_ascii_case(FORM));
        match self.method {
            "GET" => &[],
            _ if self.header("content-type").is_none_or(is_form) => &self.body,
            _ => &[],
        }
    }

    /// The parameters, those of the query first.
    pub fn parameters(&self) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), Malformed>> {
        form::pairs(self.query.as_bytes()).chain(form::pairs(self.form()))
    }

    /// Its signatures: those of its parameters, and the one at the end of its authorization.
    pub(super) fn signatures(&self) -> Vec<String> {
        let authorization = self.header("authorization").and_then(|value| Some(value.rsplit_once("Signature=")?.1));
        let parameters = self.parameters().filter_map(Result::ok);
        let signed = parameters.filter(|(name, _)| name.to_ascii_lowercase().ends_with("signature"));
        signed.map(|(_, value)| value.into_owned()).chain(authorization.map(str::to_owned)).collect()
    }

    /// A copy that may be shown and kept: without what would let its reader act as the sender.
    pub fn redacted(&self) -> HttpRequest {
        let mut copy = self.clone();
        for (name, value) in &mut copy.headers {
            if SECRET_HEADERS.contains(&name.as_str()) {
                REDACTED.clone_into(value);
            }
        }
        if let Some(query) = redact(self.query.as_bytes()) {
            copy.query = String::from_utf8_lossy(&query).into_owned();
        }
        if let Some(body) = redact(&self.body) {
            copy.body = body.into();
        }
        copy
    }
}

/// A form without the values of secret parameters; none if there are none in it.
fn redact(form: &[u8]) -> Option<Vec<u8>> {
    let is_secret = |part: &[u8]| {
        form::pairs(part)
            .any(|pair| pair.is_ok_and(|(name, _)| SECRET_PARAMETERS.contains(&&*name.to_ascii_lowercase())))
            // What cannot be read as a pair is judged by how it begins.
            || SECRET_PARAMETERS.iter().any(|s| {
                part.get(..s.len()).is_some_and(|p| p.eq_ignore_ascii_case(s.as_bytes())) && part.get(s.len()) == Some(&b'=')
            })
    };
    let parts: Vec<&[u8]> = form.split(|b| *b == b'&').collect();
    if !parts.iter().any(|part| is_secret(part)) {
        return None;
    }
    let shown = parts.into_iter().map(|part| match part.iter().position(|b| *b == b'=') {
        Some(at) if is_secret(part) => [&part[..=at], REDACTED.as_bytes()].concat(),
        _ => part.to_vec(),
    });
    Some(shown.collect::<Vec<_>>().join(&b'&'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_a_reader_act_as_the_sender_is_not_shown() {
        let request = HttpRequest {
            method: "POST",
            query: "Action=A&Signature=s3cret%3D&x-amz-security-token=s3cret&SecurityToke%6E=s3cret".into(),
            headers: [("authorization", "s3cret"), ("x-acs-security-token", "s3cret"), ("x-acs-action", "A")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .into(),
            body: Bytes::from_static(
                b"SecurityToken=s3cret%zz&SignatureMethod=HMAC-SHA1&a&BearerToken=s3cret&AccessKeyId=s3cret",
            ),
        };
        let shown = format!("{:?}", request.redacted());
        assert!(!shown.contains("s3cret"), "{shown}");
        for kept in ["Action=A&Signature=[redacted]&", "&SignatureMethod=HMAC-SHA1&a&", "(\"x-acs-action\", \"A\")"] {
            assert!(shown.contains(kept), "{shown}");
        }
        let plain = HttpRequest { query: "a=1".into(), headers: Vec::new(), body: Bytes::new(), ..request };
        assert_eq!(plain.redacted(), plain);
    }
}
