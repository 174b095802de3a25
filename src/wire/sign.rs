//! Signing requests with SigV4, and the credentials for it.

use std::{env, fmt, time::SystemTime};

use aws_credential_types::Credentials as Keys;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use thiserror::Error;

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
/// What is sent to a target on this machine that nobody gave credentials for.
const DUMMY: &str = "eipcheck";

/// Who sends a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name of the key.
    pub access_key: String,
    /// The key.
    pub secret_key: String,
    /// What temporary credentials carry as well.
    pub session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .field("secret_key", &"[redacted]")
            .field("session_token", &self.session_token.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

/// Why a request cannot be signed.
#[derive(Debug, Error)]
pub enum SignError {
    /// No credentials, and the target is not on this machine.
    #[error("the target is not on this machine, and {ACCESS_KEY} and {SECRET_KEY} are not set")]
    NoCredentials,
    /// Half of the credentials.
    #[error("{set} is set but {missing} is not")]
    HalfCredentials {
        /// The variable that is set.
        set: &'static str,
        /// The variable that is not.
        missing: &'static str,
    },
    /// Something in the request cannot stand in a signature.
    #[error("the request cannot be signed: {0}")]
    Request(String),
}

impl Credentials {
    /// The credentials of the environment; for a target on this machine made-up ones do as well.
    pub fn from_env_or_dummy(loopback: bool) -> Result<Credentials, SignError> {
        Credentials::from_lookup(|name| env::var(name).ok(), loopback)
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>, loopback: bool) -> Result<Credentials, SignError> {
        let lookup = |name| lookup(name).filter(|value| !value.is_empty());
        match (lookup(ACCESS_KEY), lookup(SECRET_KEY)) {
            (Some(access_key), Some(secret_key)) => {
                Ok(Credentials { access_key, secret_key, session_token: lookup(SESSION_TOKEN) })
            }
            (Some(_), None) => Err(SignError::HalfCredentials { set: ACCESS_KEY, missing: SECRET_KEY }),
            (None, Some(_)) => Err(SignError::HalfCredentials { set: SECRET_KEY, missing: ACCESS_KEY }),
            (None, None) if loopback => {
                Ok(Credentials { access_key: DUMMY.into(), secret_key: DUMMY.into(), session_token: None })
            }
            (None, None) => Err(SignError::NoCredentials),
        }
    }
}

/// Signs requests to one service in one region.
#[derive(Clone, Debug)]
pub struct Signer {
    identity: aws_smithy_runtime_api::client::identity::Identity,
    region: String,
    service: String,
    settings: SigningSettings,
}

impl Signer {
    /// A signer for requests to this service in this region.
    pub fn new(credentials: Credentials, region: impl Into<String>, service: impl Into<String>) -> Signer {
        let Credentials { access_key, secret_key, session_token } = credentials;
        Signer {
            identity: Keys::new(access_key, secret_key, session_token, None, "eipcheck").into(),
            region: region.into(),
            service: service.into(),
            settings: SigningSettings::default(),
        }
    }

    /// The headers that make a request signed, for a `POST` of this body. The host follows from the URL.
    pub fn sign(
        &self,
        url: &str,
        content_type: &str,
        body: &[u8],
        time: SystemTime,
    ) -> Result<Vec<(String, String)>, SignError> {
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(&self.service)
            .time(time)
            .settings(self.settings.clone())
            .build()
            .map_err(|e| SignError::Request(e.to_string()))?
            .into();
        let headers = std::iter::once(("content-type", content_type));
        let request = SignableRequest::new("POST", url, headers, SignableBody::Bytes(body))
            .map_err(|e| SignError::Request(e.to_string()))?;
        let (instructions, _) = sign(request, &params).map_err(|e| SignError::Request(e.to_string()))?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn from(set: &[(&str, &str)], loopback: bool) -> Result<Credentials, SignError> {
        Credentials::from_lookup(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()), loopback)
    }

    #[test]
    fn made_up_credentials_only_go_to_this_machine() {
        assert!(matches!(from(&[], false), Err(SignError::NoCredentials)));
        assert!(from(&[(ACCESS_KEY, ""), (SECRET_KEY, "")], true).is_ok());
        assert!(matches!(from(&[(ACCESS_KEY, "a")], true), Err(SignError::HalfCredentials { .. })));
        assert!(matches!(from(&[(SECRET_KEY, "s")], true), Err(SignError::HalfCredentials { .. })));
        let full = from(&[(ACCESS_KEY, "a"), (SECRET_KEY, "s3cret"), (SESSION_TOKEN, "t0ken")], false).unwrap();
        assert_eq!(full.session_token.as_deref(), Some("t0ken"));
        let shown = format!("{full:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    }

    /// The values were worked out by hand from the published algorithm, with another implementation of HMAC.
    #[test]
    fn the_signature_is_the_published_one() {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: Some("token".into()),
        };
        let signer = Signer::new(credentials, "us-east-1", "service");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let mut headers = signer.sign("http://127.0.0.1:4566/", "text/plain", b"a=b", time).unwrap();
        headers.sort();
        assert_eq!(
            headers,
            [
                (
                    "authorization".to_owned(),
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
                     Signature=1900e38f728a13f38eba40836239ca3f5afbc1431b3892c1bf0e8a3446dba9e2"
                        .to_owned()
                ),
                ("x-amz-date".to_owned(), "20150830T123600Z".to_owned()),
                ("x-amz-security-token".to_owned(), "token".to_owned()),
            ]
        );
    }
}
