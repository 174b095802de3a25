//! Is a request signed by somebody whom the server knows, now, and for the first time?
//!
//! A signature is worked out from the decoded parameters, because clients encode them differently. Both methods of the
//! RPC protocol are understood; which one it is, the `Authorization` header tells.

use std::{
    borrow::Cow,
    collections::{HashSet, VecDeque},
    time::{Duration, SystemTime},
};

use thiserror::Error;

use super::{
    http::HttpRequest,
    sign::{
        Credentials,
        acs3::{self, Authorization},
        rpc_v1, stamp,
    },
};
use crate::spec::file::Protocol;

/// How far the time of signing may be from the present.
const SKEW: Duration = Duration::from_secs(15 * 60);
/// How many nonces are remembered; when there are more, the oldest are forgotten.
const MOST_NONCES: usize = 100_000;
/// The longest nonce that is remembered.
const LONGEST_NONCE: usize = 256;

/// What is wrong with the signature of a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// Something that belongs to a signature is not there, or not as it should be.
    #[error("The request is not signed as it should be: {0}.")]
    Incomplete(&'static str),
    /// Nobody has this key.
    #[error("The access key is not known here.")]
    UnknownKey,
    /// The time of signing cannot be read.
    #[error("The time of signing is not of the form 2026-01-31T12:00:00Z.")]
    Timestamp,
    /// The time of signing is too far from the present.
    #[error("The time of signing is more than 15 minutes from now.")]
    Expired,
    /// The signature is that of another request, or of another key. Clients compare what follows the first colon with
    /// what they have signed themselves.
    #[error("The signature is not the one of this request. What the server expects to be signed is:{string_to_sign}")]
    Mismatch {
        /// What the server would sign.
        string_to_sign: String,
    },
    /// The request has been here before.
    #[error("The nonce of the signature has been used before.")]
    Replayed,
}

/// True if signatures of this protocol can be verified.
pub fn is_offered(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Ec2Query => false,
        Protocol::Rpc => true,
    }
}

/// Knows one key, and remembers the nonces that came with it.
#[derive(Clone, Debug)]
pub struct Verifier {
    credentials: Credentials,
    used: HashSet<String>,
    /// The same, the oldest first, each with the moment from which its time of signing is too far back.
    order: VecDeque<(SystemTime, String)>,
}

/// What a request says of its signature, and what it would have to be.
struct Claim<'r> {
    access_key: Cow<'r, str>,
    token: Option<Cow<'r, str>>,
    time: Cow<'r, str>,
    nonce: Cow<'r, str>,
    signature: Cow<'r, str>,
    string_to_sign: String,
    verifies: fn(&str, &str, &str) -> bool,
}

impl Verifier {
    /// Knows this key alone. Without a session token in it, requests may carry any.
    pub fn new(credentials: Credentials) -> Verifier {
        Verifier { credentials, used: HashSet::new(), order: VecDeque::new() }
    }

    /// Looks at a request that arrives at this moment.
    ///
    /// # Errors
    ///
    /// What is wrong with its signature.
    pub fn check(&mut self, request: &HttpRequest, now: SystemTime) -> Result<(), SignatureFault> {
        let claim = match request.header("authorization") {
            Some(header) => by_header(request, header)?,
            None => by_parameters(request)?,
        };
        let known = &self.credentials;
        let wrong_token = known.session_token.is_some() && known.session_token.as_deref() != claim.token.as_deref();
        if *claim.access_key != *known.access_key || wrong_token {
            return Err(SignatureFault::UnknownKey);
        }
        let time = stamp::parse(&claim.time).ok_or(SignatureFault::Timestamp)?;
        let apart = now.duration_since(time).unwrap_or_else(|early| early.duration());
        if apart > SKEW {
            return Err(SignatureFault::Expired);
        }
        if !(claim.verifies)(&known.secret_key, &claim.string_to_sign, &claim.signature) {
            return Err(SignatureFault::Mismatch { string_to_sign: claim.string_to_sign });
        }
        self.remember(claim.nonce.into_owned(), time + SKEW, now)
    }

    /// Takes note of a nonce, and forgets those whose requests would be refused as too old anyway.
    fn remember(&mut self, nonce: String, until: SystemTime, now: SystemTime) -> Result<(), SignatureFault> {
        while self.order.front().is_some_and(|(until, _)| *until < now) || self.order.len() >= MOST_NONCES {
            let Some((_, old)) = self.order.pop_front() else { break };
            self.used.remove(&old);
        }
        if !self.used.insert(nonce.clone()) {
            return Err(SignatureFault::Replayed);
        }
        self.order.push_back((until, nonce));
        Ok(())
    }
}

fn by_header<'r>(request: &'r HttpRequest, header: &'r str) -> Result<Claim<'r>, SignatureFault> {
    use SignatureFault::Incomplete;
    let authorization = Authorization::read(header).ok_or(Incomplete("the Authorization header is not complete"))?;
    let signed = &authorization.signed_headers;
    let header = |name: &str| {
        let value = request.header(name).filter(|value| !value.is_empty())?;
        signed.contains(&name).then_some(value)
    };
    let missing = Incomplete("a header that has to be signed is not");
    for name in [acs3::ACTION, acs3::VERSION, acs3::CONTENT, "host"] {
        header(name).ok_or_else(|| missing.clone())?;
    }
    let time = header(acs3::DATE).ok_or_else(|| missing.clone())?;
    let nonce = nonce(header(acs3::NONCE).ok_or(missing)?.into())?;
    let canonical = acs3::canonical_request(request, signed).map_err(|_| Incomplete("the query cannot be read"))?;
    let string_to_sign = acs3::string_to_sign(&canonical);
    if request.header(acs3::CONTENT) != Some(&*acs3::digest(&request.body)) {
        return Err(SignatureFault::Mismatch { string_to_sign });
    }
    Ok(Claim {
        access_key: authorization.access_key.into(),
        token: request.header(acs3::TOKEN).map(Cow::from),
        time: time.into(),
        nonce,
        signature: authorization.signature.into(),
        string_to_sign,
        verifies: acs3::verifies,
    })
}

fn by_parameters(request: &HttpRequest) -> Result<Claim<'_>, SignatureFault> {
    use SignatureFault::Incomplete;
    let pairs: Vec<_> =
        request.parameters().collect::<Result<_, _>>().map_err(|_| Incomplete("the parameters cannot be read"))?;
    let get = |name: &str| pairs.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.clone());
    let needed = |name: &str| get(name).ok_or(Incomplete("a parameter of the signature is missing"));
    let (method, version) = (needed(rpc_v1::METHOD)?, needed(rpc_v1::VERSION)?);
    if method != rpc_v1::HMAC_SHA1 || version != "1.0" {
        return Err(Incomplete("the method or version of the signature is not known"));
    }
    Ok(Claim {
        access_key: needed(rpc_v1::ACCESS_KEY)?,
        token: get(rpc_v1::TOKEN),
        time: needed(rpc_v1::TIMESTAMP)?,
        nonce: nonce(needed(rpc_v1::NONCE)?)?,
        signature: needed(rpc_v1::SIGNATURE)?,
        string_to_sign: rpc_v1::string_to_sign(request.method, &pairs),
        verifies: rpc_v1::verifies,
    })
}

fn nonce(text: Cow<'_, str>) -> Result<Cow<'_, str>, SignatureFault> {
    if text.len() > LONGEST_NONCE {
        return Err(SignatureFault::Incomplete("the nonce is too long"));
    }
    Ok(text)
}
