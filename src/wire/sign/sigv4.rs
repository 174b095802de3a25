//! AWS4-HMAC-SHA256, worked out by the vendor's own crate.

use std::time::SystemTime;

use aws_credential_types::Credentials as Keys;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};

use super::{Credentials, SignError};

/// Signs requests in one region.
#[derive(Clone, Debug)]
pub struct Signer {
    identity: aws_smithy_runtime_api::client::identity::Identity,
    region: String,
    settings: SigningSettings,
}

impl Signer {
    /// A signer for requests in this region.
    pub fn new(credentials: &Credentials, region: String) -> Signer {
        let Credentials { access_key, secret_key, session_token } = credentials.clone();
        Signer {
            identity: Keys::new(access_key, secret_key, session_token, None, "eipcheck").into(),
            region,
            settings: SigningSettings::default(),
        }
    }

    /// The headers that make a request signed, for a `POST` of this body. The host follows from the URL.
    pub fn sign(
        &self,
        service: &str,
        url: &str,
        content_type: &str,
        body: &[u8],
        time: SystemTime,
    ) -> Result<Vec<(String, String)>, SignError> {
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(service)
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

    /// The values were worked out by hand from the published algorithm, with another implementation of HMAC.
    #[test]
    fn the_signature_is_the_published_one() {
        let credentials = Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: Some("token".into()),
        };
        let signer = Signer::new(&credentials, "us-east-1".into());
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_440_938_160);
        let mut headers = signer.sign("service", "http://127.0.0.1:4566/", "text/plain", b"a=b", time).unwrap();
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
