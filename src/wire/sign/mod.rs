//! Signing requests: who sends them, by which method, and which parts of a request carry its parameters.
//!
//! - [`sigv4`]: the one method of the EC2 dialect.
//! - [`rpc_v1`] and [`acs3`]: the two methods of the RPC protocol; both sides of them, since a server works a signature
//!   out in the same way.
//! - [`profiles`]: credentials from the file in which a cloud's own tools keep them.
//! - [`stamp`]: how moments are written in them.

pub mod acs3;
pub mod profiles;
pub mod rpc_v1;
pub mod sigv4;
pub mod stamp;

use std::{
    env, fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use hmac::KeyInit;
use thiserror::Error;
use url::Url;

use super::{
    form,
    http::{FORM, HttpRequest},
    secrets::Secrets,
};
use crate::spec::{
    file::{CredentialNames, Protocol},
    law::{Law, ProductIx},
};

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
            .field("access_key", &"[redacted]")
            .field("secret_key", &"[redacted]")
            .field("session_token", &self.session_token.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

/// Why a request cannot be signed.
#[derive(Debug, Error)]
pub enum SignError {
    /// No credentials, and the target is not on this machine.
    #[error("the target is not on this machine, and {} set", variables(.names))]
    NoCredentials {
        /// The variables that would hold them.
        names: Vec<String>,
    },
    /// Half of the credentials.
    #[error("{set} is set but {missing} is not")]
    HalfCredentials {
        /// The variable that is set.
        set: String,
        /// The variable that is not.
        missing: String,
    },
    /// The file with the user's credentials cannot be used.
    #[error("no credentials can be taken from {path}: {why}")]
    Profiles {
        /// The file.
        path: String,
        /// Why not.
        why: String,
    },
    /// The protocol has no such signature.
    #[error("this cloud's requests are signed with {}, not with {found}", .known.join(" or "))]
    Method {
        /// What was asked for.
        found: &'static str,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The protocol sends its parameters in one way only.
    #[error("this cloud's requests are sent as a form, not as {found}")]
    Sending {
        /// What was asked for.
        found: &'static str,
    },
    /// Something in the request cannot stand in a signature.
    #[error("the request cannot be signed: {0}")]
    Request(String),
}

fn variables(names: &[String]) -> String {
    match names {
        [] => "its law names no environment variables in which credentials could be".into(),
        names => format!("{} are not", names.join(" and ")),
    }
}

impl Credentials {
    /// The credentials of the environment, or else of the file in which the cloud's own tools keep them. For a target on
    /// this machine made-up ones do as well, and the file is read only if the environment names a profile: what is tried
    /// out here is not to meet a user's keys by accident.
    ///
    /// # Errors
    ///
    /// There are none, or half of them.
    pub fn from_env_or_dummy(names: &CredentialNames, loopback: bool) -> Result<Credentials, SignError> {
        Credentials::from_lookup(names, |name| env::var(name).ok(), loopback)
    }

    /// What is sent to a target on this machine that nobody gave credentials for.
    pub fn dummy() -> Credentials {
        Credentials { access_key: DUMMY.into(), secret_key: DUMMY.into(), session_token: None }
    }

    fn from_lookup(
        names: &CredentialNames,
        lookup: impl Fn(&str) -> Option<String>,
        loopback: bool,
    ) -> Result<Credentials, SignError> {
        let by_name = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let lookup = |name: &Option<String>| by_name(name.as_deref()?);
        let name = |name: &Option<String>| name.clone().unwrap_or_default();
        let (access, secret) = (&names.access_key, &names.secret_key);
        match (lookup(access), lookup(secret)) {
            (Some(access_key), Some(secret_key)) => {
                Ok(Credentials { access_key, secret_key, session_token: lookup(&names.session_token) })
            }
            (Some(_), None) => Err(SignError::HalfCredentials { set: name(access), missing: name(secret) }),
            (None, Some(_)) => Err(SignError::HalfCredentials { set: name(secret), missing: name(access) }),
            (None, None) => {
                let file = names.profiles.as_ref().filter(|file| !loopback || by_name(&file.variable).is_some());
                let found = file.map_or(Ok(None), |file| profiles::read(file, by_name))?;
                let none = || SignError::NoCredentials { names: access.iter().chain(secret).cloned().collect() };
                found.or_else(|| loopback.then(Credentials::dummy)).ok_or_else(none)
            }
        }
    }
}

/// How requests are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// AWS4-HMAC-SHA256.
    Sigv4,
    /// HMAC-SHA1 over the parameters, with the signature as one more parameter.
    RpcV1,
    /// ACS3-HMAC-SHA256, in headers.
    Acs3,
}

impl Method {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Method::Sigv4 => "sigv4",
            Method::RpcV1 => "rpc-v1",
            Method::Acs3 => "acs3",
        }
    }

    /// Those of a protocol, the usual one first.
    pub fn of(protocol: Protocol) -> &'static [Method] {
        match protocol {
            Protocol::Ec2Query => &[Method::Sigv4],
            Protocol::Rpc => &[Method::RpcV1, Method::Acs3],
        }
    }
}

/// Where the parameters of a request stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// All in the query of a `GET`.
    Get,
    /// All in the form of a `POST`.
    Form,
    /// In the query and in the form of a `POST`: those of the protocol, and every second one of the operation, in the
    /// query.
    Split,
}

impl Sending {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Sending::Get => "get",
            Sending::Form => "form",
            Sending::Split => "split",
        }
    }
}

/// How requests are signed and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// How they are signed.
    pub method: Method,
    /// Where their parameters stand.
    pub sending: Sending,
}

impl Manner {
    /// What the user asked for, and what is usual for the rest.
    ///
    /// # Errors
    ///
    /// The protocol has no such method, or no such way of sending.
    pub fn choose(protocol: Protocol, method: Option<Method>, sending: Option<Sending>) -> Result<Manner, SignError> {
        let known = Method::of(protocol);
        let method = method.unwrap_or(known[0]);
        if !known.contains(&method) {
            let known = known.iter().map(|m| m.name()).collect();
            return Err(SignError::Method { found: method.name(), known });
        }
        let sending = sending.unwrap_or(Sending::Form);
        if protocol == Protocol::Ec2Query && sending != Sending::Form {
            return Err(SignError::Sending { found: sending.name() });
        }
        Ok(Manner { method, sending })
    }
}

/// What makes a signature the signature of one moment.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// When.
    pub time: SystemTime,
    /// A text that no other request has.
    pub nonce: String,
}

impl Stamp {
    /// The present moment, and a text that was not used before.
    pub fn now() -> Stamp {
        static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let nonce = format!("{:016x}{:016x}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed));
        Stamp { time: SystemTime::now(), nonce }
    }
}

/// Makes signed requests.
#[derive(Clone, Debug)]
pub struct Signer {
    credentials: Credentials,
    manner: Manner,
    sigv4: sigv4::Signer,
}

impl Signer {
    /// Signs as this sender; the region is for methods whose signatures have a scope.
    pub fn new(credentials: Credentials, region: impl Into<String>, manner: Manner) -> Signer {
        Signer { sigv4: sigv4::Signer::new(&credentials, region.into()), credentials, manner }
    }

    /// What must not be shown of an answer to a request of this sender.
    pub fn secrets(&self) -> Secrets {
        Secrets::of(&self.credentials)
    }

    /// The request that carries these parameters, a form that names the operation and the version.
    ///
    /// # Errors
    ///
    /// Something in it cannot be signed.
    pub fn request(
        &self,
        law: &Law,
        product: ProductIx,
        url: &Url,
        parameters: String,
        stamp: &Stamp,
    ) -> Result<HttpRequest, SignError> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        if self.manner.method == Method::Sigv4 {
            let content_type = "application/x-www-form-urlencoded; charset=utf-8";
            let body = parameters.into_bytes();
            let service = &law[product].service;
            let signed = self.sigv4.sign(service, url.as_str(), content_type, &body, stamp.time)?;
            let mut headers = vec![header("content-type", content_type)];
            headers.extend(signed);
            return Ok(HttpRequest { method: "POST", query: String::new(), headers, body: body.into() });
        }
        let pairs: Result<Vec<_>, _> = form::pairs(parameters.as_bytes()).collect();
        let mut pairs = pairs.map_err(|form::Malformed(pair)| SignError::Request(format!("{pair:?} is no pair")))?;
        let method = if self.manner.sending == Sending::Get { "GET" } else { "POST" };
        match self.manner.method {
            Method::Sigv4 | Method::RpcV1 => {
                let own = rpc_v1::parameters(&self.credentials, method, &pairs, stamp);
                let (query, body) = self.places(&pairs, &own);
                let headers = if method == "POST" { vec![header("content-type", FORM)] } else { Vec::new() };
                Ok(HttpRequest { method, query, headers, body: body.into() })
            }
            Method::Acs3 => {
                let mut take = |wanted: &str| {
                    let at = pairs.iter().position(|(name, _)| name == wanted)?;
                    Some(pairs.remove(at).1.into_owned())
                };
                let action = take(super::ACTION).unwrap_or_default();
                let version = take(super::VERSION).unwrap_or_default();
                let (query, body) = self.places(&pairs, &[]);
                let mut request = HttpRequest { method, query, headers: Vec::new(), body: body.into() };
                if method == "POST" {
                    request.headers.push(header("content-type", FORM));
                }
                request.headers.push(("host".to_owned(), host(url)));
                acs3::sign(&self.credentials, &mut request, &action, &version, stamp)?;
                Ok(request)
            }
        }
    }

    /// The query and the form. `own` are parameters of the protocol itself.
    fn places<N: AsRef<str>, V: AsRef<str>>(&self, pairs: &[(N, V)], own: &[(String, String)]) -> (String, String) {
        let (mut query, mut body) = (String::new(), String::new());
        for (i, (name, value)) in pairs.iter().enumerate() {
            let name = name.as_ref();
            let general = [super::ACTION, super::VERSION].contains(&name);
            let in_query = match self.manner.sending {
                Sending::Get => true,
                Sending::Form => false,
                Sending::Split => general || i % 2 == 0,
            };
            form::push_pair(if in_query { &mut query } else { &mut body }, name, value.as_ref());
        }
        let rest = if self.manner.sending == Sending::Form { &mut body } else { &mut query };
        own.iter().for_each(|(name, value)| form::push_pair(rest, name, value));
        (query, body)
    }
}

/// A code of this key. The algorithm takes keys of any length, so the other branch is never taken.
fn keyed<M: KeyInit>(key: &[u8]) -> M {
    match M::new_from_slice(key) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

/// The host as a client names it: with its port, unless that is the usual one.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> CredentialNames {
        let name = |n: &str| Some(n.to_owned());
        let (access_key, secret_key, session_token) = (name("KEY"), name("SECRET"), name("TOKEN"));
        CredentialNames { access_key, secret_key, session_token, profiles: None }
    }

    fn from(set: &[(&str, &str)], loopback: bool) -> Result<Credentials, SignError> {
        let lookup = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Credentials::from_lookup(&names(), lookup, loopback)
    }

    #[test]
    fn made_up_credentials_only_go_to_this_machine() {
        assert!(matches!(from(&[], false), Err(SignError::NoCredentials { .. })));
        assert!(from(&[("KEY", ""), ("SECRET", "")], true).is_ok());
        assert!(matches!(from(&[("KEY", "a")], true), Err(SignError::HalfCredentials { .. })));
        assert!(matches!(from(&[("SECRET", "s")], true), Err(SignError::HalfCredentials { .. })));
        let full = from(&[("KEY", "a"), ("SECRET", "s3cret"), ("TOKEN", "t0ken")], false).unwrap();
        assert_eq!(full.session_token.as_deref(), Some("t0ken"));
        let shown = format!("{full:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
        let nowhere = Credentials::from_lookup(&CredentialNames::default(), |_| Some("a".into()), false);
        assert!(nowhere.unwrap_err().to_string().contains("names no environment variables"));
    }

    #[test]
    fn a_protocol_is_signed_and_sent_in_its_own_ways_only() {
        let choose = Manner::choose;
        let usual = choose(Protocol::Ec2Query, None, None).unwrap();
        assert_eq!(usual, Manner { method: Method::Sigv4, sending: Sending::Form });
        let usual = choose(Protocol::Rpc, None, None).unwrap();
        assert_eq!(usual, Manner { method: Method::RpcV1, sending: Sending::Form });
        assert!(choose(Protocol::Rpc, Some(Method::Acs3), Some(Sending::Split)).is_ok());
        for (protocol, method, sending) in [
            (Protocol::Ec2Query, Some(Method::Acs3), None),
            (Protocol::Ec2Query, None, Some(Sending::Get)),
            (Protocol::Rpc, Some(Method::Sigv4), None),
        ] {
            assert!(choose(protocol, method, sending).is_err());
        }
    }

    #[test]
    fn no_two_requests_share_a_nonce() {
        assert_ne!(Stamp::now().nonce, Stamp::now().nonce);
    }
}
