//! What must not be shown of what a target says: credentials and signatures that it sends back.
//!
//! Some services show the text that they would have signed when a signature is wrong, and a server that tells what it was
//! sent tells everything. So answers are freed of such texts before anybody reads them.

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    http::{HttpRequest, HttpResponse, REDACTED},
    sign::Credentials,
};

/// Shorter texts are no secrets, but words that may stand in any answer.
const SHORTEST: usize = 8;

/// Texts that are not shown.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Whatever lets its reader act as this sender. Made-up credentials are no secret.
    pub fn of(credentials: &Credentials) -> Secrets {
        let mut secrets = Secrets::default();
        if *credentials != Credentials::dummy() {
            let Credentials { access_key, secret_key, session_token } = credentials;
            [access_key, secret_key].into_iter().chain(session_token).for_each(|text| secrets.add(text));
        }
        secrets
    }

    /// The same with the signature of a request.
    pub fn and_of(&self, request: &HttpRequest) -> Secrets {
        let mut secrets = self.clone();
        request.signatures().iter().for_each(|text| secrets.add(text));
        secrets
    }

    /// A text in the forms in which it may come back.
    fn add(&mut self, text: &str) {
        if text.len() < SHORTEST {
            return;
        }
        for form in [text.to_owned(), utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(), text.replace('/', "\\/")]
        {
            let form = form.into_bytes();
            if !self.0.contains(&form) {
                self.0.push(form);
            }
        }
    }

    /// Takes them out of a response.
    pub fn hide(&self, response: &mut HttpResponse) {
        if let Cow::Owned(body) = self.without(&response.body) {
            response.body = Bytes::from(body);
        }
        for (_, value) in &mut response.headers {
            if let Cow::Owned(shown) = self.without(value.as_bytes()) {
                *value = String::from_utf8_lossy(&shown).into_owned();
            }
        }
    }

    fn without<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.0 {
            let finder = memmem::Finder::new(secret);
            let mut from = 0;
            let mut shown: Vec<u8> = Vec::new();
            for at in finder.find_iter(&text) {
                shown.extend_from_slice(&text[from..at]);
                shown.extend_from_slice(REDACTED.as_bytes());
                from = at + secret.len();
            }
            if from > 0 {
                shown.extend_from_slice(&text[from..]);
                text = Cow::Owned(shown);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(access_key: &str, secret_key: &str, token: Option<&str>) -> Credentials {
        let session_token = token.map(str::to_owned);
        Credentials { access_key: access_key.into(), secret_key: secret_key.into(), session_token }
    }

    #[test]
    fn what_a_target_sends_back_is_hidden_in_whatever_form() {
        let secrets = Secrets::of(&credentials("AKID-S3CRET", "S3CRET/key+1", Some("S3CRET==token")));
        let request = HttpRequest {
            method: "POST",
            query: "Signature=S3CRET%2Fsignature".into(),
            headers: vec![("authorization".into(), "AWS4 Credential=x, Signature=S3CRETsignature".into())],
            body: Bytes::new(),
        };
        let body = "AKID-S3CRET S3CRET/key+1 S3CRET\\/key+1 S3CRET%2Fkey%2B1 S3CRET%3D%3Dtoken S3CRET/signature \
            S3CRET%2Fsignature S3CRETsignature and the rest";
        let headers = vec![("x".to_owned(), "of AKID-S3CRET".to_owned())];
        let mut response = HttpResponse { status: 200, headers, body: body.into() };
        secrets.and_of(&request).hide(&mut response);
        let shown = format!("{response:?}");
        assert!(
            !shown.contains("S3CRET") && shown.contains("and the rest") && shown.contains("of [redacted]"),
            "{shown}"
        );
    }

    #[test]
    fn words_that_may_stand_in_any_answer_are_left_there() {
        for credentials in [credentials("test", "testing", None), Credentials::dummy()] {
            let text = "a test of testing eipcheck";
            let mut response = HttpResponse { status: 200, headers: Vec::new(), body: text.into() };
            Secrets::of(&credentials).hide(&mut response);
            assert_eq!(response.body, text);
        }
    }
}
