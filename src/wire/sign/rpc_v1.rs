//! RPC v1: HMAC-SHA1 over the method and all parameters, those of the query and of the form. The signature is one more
//! parameter.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::{Credentials, Stamp, stamp};
use crate::wire::form;

/// The parameters of the method itself.
pub const PARAMETERS: &[&str] =
    &[ACCESS_KEY, SIGNATURE, METHOD, VERSION, NONCE, TIMESTAMP, TOKEN, "SignatureType", "BearerToken"];
/// The name of the key.
pub const ACCESS_KEY: &str = "AccessKeyId";
/// The signature.
pub const SIGNATURE: &str = "Signature";
/// How it was made: [`HMAC_SHA1`].
pub const METHOD: &str = "SignatureMethod";
/// The only method that there is.
pub const HMAC_SHA1: &str = "HMAC-SHA1";
/// The version of the method.
pub const VERSION: &str = "SignatureVersion";
/// A text that no other request has.
pub const NONCE: &str = "SignatureNonce";
/// When it was made.
pub const TIMESTAMP: &str = "Timestamp";
/// What temporary credentials carry as well.
pub const TOKEN: &str = "SecurityToken";

/// All parameters in order, encoded: how both methods of the protocol write a query before they sign it.
pub fn canonical<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> String {
    let mut sorted: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (n.as_ref(), v.as_ref())).collect();
    sorted.sort_unstable();
    let mut out = String::with_capacity(512);
    for (name, value) in sorted {
        form::push_pair(&mut out, name, value);
    }
    out
}

/// What is signed. A signature among the parameters is passed over.
pub fn string_to_sign<N: AsRef<str>, V: AsRef<str>>(method: &str, pairs: &[(N, V)]) -> String {
    let signed: Vec<(&str, &str)> =
        pairs.iter().map(|(n, v)| (n.as_ref(), v.as_ref())).filter(|(n, _)| *n != SIGNATURE).collect();
    format!("{method}&%2F&{}", form::encode(&canonical(&signed)))
}

/// The signature.
pub fn signature(secret_key: &str, string_to_sign: &str) -> String {
    BASE64_STANDARD.encode(mac(secret_key, string_to_sign).finalize().into_bytes())
}

/// True if a signature is the one that this key makes; in a time that does not depend on how much of it is right.
pub fn verifies(secret_key: &str, string_to_sign: &str, signature: &str) -> bool {
    BASE64_STANDARD.decode(signature).is_ok_and(|s| mac(secret_key, string_to_sign).verify_slice(&s).is_ok())
}

fn mac(secret_key: &str, text: &str) -> Hmac<Sha1> {
    let mut mac = super::keyed::<Hmac<Sha1>>(format!("{secret_key}&").as_bytes());
    mac.update(text.as_bytes());
    mac
}

/// The parameters that make a request with these other ones signed.
pub fn parameters<N: AsRef<str>, V: AsRef<str>>(
    credentials: &Credentials,
    method: &str,
    pairs: &[(N, V)],
    stamp: &Stamp,
) -> Vec<(String, String)> {
    let time = stamp::format(stamp.time).unwrap_or_default();
    let own = [
        (crate::wire::rpc::FORMAT, "JSON"),
        (ACCESS_KEY, &credentials.access_key),
        (METHOD, HMAC_SHA1),
        (VERSION, "1.0"),
        (NONCE, &stamp.nonce),
        (TIMESTAMP, &time),
    ];
    let token = credentials.session_token.as_deref().map(|token| (TOKEN, token));
    let mut own: Vec<(String, String)> =
        own.into_iter().chain(token).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let given = pairs.iter().map(|(n, v)| (n.as_ref(), v.as_ref()));
    let all: Vec<(&str, &str)> = given.chain(own.iter().map(|(n, v)| (n.as_str(), v.as_str()))).collect();
    let signature = signature(&credentials.secret_key, &string_to_sign(method, &all));
    own.push((SIGNATURE.to_owned(), signature));
    own
}
