//! ACS3-HMAC-SHA256: the operation, the version and the signature stand in headers; which headers are signed is for the
//! client to choose.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::{Credentials, SignError, Stamp, rpc_v1, stamp};
use crate::wire::{
    form::{self, Malformed},
    http::HttpRequest,
};

/// The name of the method, as the header begins.
pub const SCHEME: &str = "ACS3-HMAC-SHA256";
/// The operation.
pub const ACTION: &str = "x-acs-action";
/// The version of the API.
pub const VERSION: &str = "x-acs-version";
/// When the request was signed.
pub const DATE: &str = "x-acs-date";
/// A text that no other request has.
pub const NONCE: &str = "x-acs-signature-nonce";
/// The digest of the body.
pub const CONTENT: &str = "x-acs-content-sha256";
/// The name of the key, with temporary credentials.
const ACCESS_KEY: &str = "x-acs-accesskey-id";
/// What temporary credentials carry as well.
pub const TOKEN: &str = "x-acs-security-token";
/// Headers that are no part of the protocol, but that a client of ours signs as well.
const ALSO_SIGNED: &[&str] = &["host", "content-type"];

/// SHA-256 in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The request as it is signed: with these headers, whose names are in lower case.
///
/// # Errors
///
/// The query cannot be read.
pub fn canonical_request(request: &HttpRequest, signed_headers: &[&str]) -> Result<String, Malformed> {
    let query: Vec<_> = form::pairs(request.query.as_bytes()).collect::<Result<_, _>>()?;
    let mut names = signed_headers.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut headers = String::new();
    for name in &names {
        let mut values: Vec<&str> =
            request.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.trim()).collect();
        values.sort_unstable();
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let (method, query, payload) = (request.method, rpc_v1::canonical(&query), digest(&request.body));
    Ok(format!("{method}\n/\n{query}\n{headers}\n{}\n{payload}", names.join(";")))
}

/// What is signed.
pub fn string_to_sign(canonical_request: &str) -> String {
    format!("{SCHEME}\n{}", digest(canonical_request.as_bytes()))
}

/// The signature, in hexadecimal.
pub fn signature(secret_key: &str, string_to_sign: &str) -> String {
    hex(&mac(secret_key, string_to_sign).finalize().into_bytes())
}

/// True if a signature is the one that this key makes; in a time that does not depend on how much of it is right.
pub fn verifies(secret_key: &str, string_to_sign: &str, signature: &str) -> bool {
    let digit = |b: u8| char::from(b).to_digit(16);
    let bytes: Option<Vec<u8>> = signature
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            // Two hexadecimal digits are below 256.
            [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
            _ => None,
        })
        .collect();
    bytes.is_some_and(|bytes| mac(secret_key, string_to_sign).verify_slice(&bytes).is_ok())
}

fn mac(secret_key: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = super::keyed::<Hmac<Sha256>>(secret_key.as_bytes());
    mac.update(text.as_bytes());
    mac
}

/// What the header says of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization<'h> {
    /// The name of the key.
    pub access_key: &'h str,
    /// The headers that are signed.
    pub signed_headers: Vec<&'h str>,
    /// The signature.
    pub signature: &'h str,
}

impl<'h> Authorization<'h> {
    /// Reads the header; none if it is of another method, or not complete.
    pub fn read(header: &'h str) -> Option<Authorization<'h>> {
        let parts = header.strip_prefix(SCHEME)?.strip_prefix(' ')?;
        let part = |name: &str| parts.split(',').find_map(|p| p.trim().strip_prefix(name)?.strip_prefix('='));
        Some(Authorization {
            access_key: part("Credential")?,
            signed_headers: part("SignedHeaders")?.split(';').collect(),
            signature: part("Signature")?,
        })
    }
}

/// Adds the headers that make a request signed. It has its host already.
///
/// # Errors
///
/// The query cannot be read.
pub fn sign(
    credentials: &Credentials,
    request: &mut HttpRequest,
    action: &str,
    version: &str,
    stamp: &Stamp,
) -> Result<(), SignError> {
    let time = stamp::format(stamp.time).unwrap_or_default();
    let content = digest(&request.body);
    let own = [(ACTION, action), (VERSION, version), (DATE, &time), (NONCE, &stamp.nonce), (CONTENT, &content)];
    let token = credentials.session_token.as_deref();
    let temporary = token.map(|token| [(ACCESS_KEY, credentials.access_key.as_str()), (TOKEN, token)]);
    let all = own.into_iter().chain(temporary.into_iter().flatten());
    request.headers.extend(all.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let is_signed = |name: &str| name.starts_with("x-acs-") || ALSO_SIGNED.contains(&name);
    let mut signed: Vec<&str> = request.headers.iter().map(|(n, _)| n.as_str()).filter(|n| is_signed(n)).collect();
    signed.sort_unstable();
    let canonical = canonical_request(request, &signed)
        .map_err(|Malformed(pair)| SignError::Request(format!("{pair:?} is no pair")))?;
    let signature = signature(&credentials.secret_key, &string_to_sign(&canonical));
    let authorization = format!(
        "{SCHEME} Credential={},SignedHeaders={},Signature={signature}",
        credentials.access_key,
        signed.join(";")
    );
    request.headers.push(("authorization".to_owned(), authorization));
    Ok(())
}
