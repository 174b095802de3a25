//! Any request as one that is signed. A server that verifies signatures never panics, does not take a request twice,
//! takes everything that our own client signs, and takes nothing that says something else than what was signed.
//!
//! An input is four bytes, and then a request as in [`super::request`]. The four bytes say in which of its ways our
//! client signs the request's parameters, and which byte of what it sends is changed into what: a part (of the query,
//! the headers and the body, one after the other), and the place in it.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime},
};

use eipcheck::{
    spec::{file::Protocol, law::ProductIx},
    wire::{
        self, form,
        http::HttpRequest,
        sign::{Credentials, Manner, Method, Sending, Signer, Stamp, rpc_v1},
        verify::{SignatureFault, Verifier},
    },
};
use url::Url;

use super::{of, request::parse};

/// The ways of our client.
const MANNERS: [Manner; 6] = {
    let [(a, b), (c, d), (e, f)] = [ways(Sending::Get), ways(Sending::Form), ways(Sending::Split)];
    [a, b, c, d, e, f]
};

const fn ways(sending: Sending) -> (Manner, Manner) {
    (Manner { method: Method::RpcV1, sending }, Manner { method: Method::Acs3, sending })
}

/// When all requests arrive: 2026-06-19T08:00:00Z.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_781_856_000)
}

/// Who signs the seeds.
fn credentials() -> Credentials {
    Credentials {
        access_key: "testAccessKeyId0001".into(),
        secret_key: "testAccessKeySecret0001".into(),
        session_token: None,
    }
}

/// Checks one input.
pub fn check(input: &[u8]) {
    let [manner, high, low, byte, rest @ ..] = input else { return };
    let Some(request) = parse(rest) else { return };
    as_it_stands(&request);
    let manner = MANNERS[usize::from(*manner) % MANNERS.len()];
    if let Some(signed) = signed(&request, manner) {
        let mut verifier = Verifier::new(credentials());
        assert_eq!(verifier.check(&signed, now()), Ok(()), "{manner:?} {signed:?}");
        changed(&signed, usize::from(u16::from_be_bytes([*high, *low])), *byte);
    }
}

/// The request, signed by whoever made the input.
fn as_it_stands(request: &HttpRequest) {
    let mut verifier = Verifier::new(credentials());
    match verifier.check(request, now()) {
        Ok(()) => {
            assert_eq!(verifier.check(request, now()), Err(SignatureFault::Replayed));
            let shown = Verifier::new(credentials()).check(&request.redacted(), now());
            assert!(shown.is_err(), "whoever sees {:?} can send it", request.redacted());
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

/// The request's parameters, signed by our client; none if they are no parameters, or name no operation.
fn signed(request: &HttpRequest, manner: Manner) -> Option<HttpRequest> {
    static URL: LazyLock<Url> = LazyLock::new(|| Url::parse("http://127.0.0.1:18328/").expect("it is a URL"));
    let pairs = request.parameters().collect::<Result<Vec<_>, _>>().ok()?;
    let mut parameters = String::new();
    // The client puts these first, each of them once.
    for own in ["Action", "Version"] {
        let (name, value) = pairs.iter().find(|(name, value)| name == own && !value.is_empty())?;
        form::push_pair(&mut parameters, name, value);
    }
    for (name, value) in &pairs {
        if !["Action", "Version"].contains(&&**name) && !rpc_v1::PARAMETERS.contains(&&**name) {
            form::push_pair(&mut parameters, name, value);
        }
    }
    let stamp = Stamp { time: now(), nonce: "3156853299f313e23d1673dc12e1703d".into() };
    let signer = Signer::new(credentials(), "nowhere", manner);
    signer.request(of(Protocol::Rpc), ProductIx(0), &URL, parameters, &stamp).ok()
}

/// Changes one byte of a signed request: either it is refused, or it still asks for the same.
fn changed(signed: &HttpRequest, place: usize, byte: u8) {
    let law = of(Protocol::Rpc);
    let mut request = signed.clone();
    let headers = request.headers.iter_mut().map(|(_, value)| value);
    let mut body = String::from_utf8_lossy(&signed.body).into_owned();
    let mut left = place;
    let Some(text) = [&mut request.query].into_iter().chain(headers).chain([&mut body]).find(|text| {
        let here = left < text.len();
        if !here {
            left -= text.len();
        }
        here
    }) else {
        return;
    };
    let mut bytes = std::mem::take(text).into_bytes();
    bytes[left] = byte;
    let Ok(with_change) = String::from_utf8(bytes) else { return };
    *text = with_change;
    request.body = body.into();
    if Verifier::new(credentials()).check(&request, now()).is_ok() {
        let (before, after) = (wire::decode_request(law, signed), wire::decode_request(law, &request));
        assert_eq!(after, before, "signed: {signed:?}\ntaken as well: {request:?}");
    }
}
