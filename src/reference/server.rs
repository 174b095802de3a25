//! The embedded server: the law run forwards behind the real wire format.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::Deserialize;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::http::{self, ServerRequest};
use crate::{
    model::{fault::Fault, forward::Forward},
    spec::law::{Law, OperationIx},
    target::clock::{ADVANCE, Clock},
    wire::{
        self, Answer, Body, RequestFault, Style,
        http::HttpResponse,
        sign::Credentials,
        verify::{self, SignatureFault, Verifier},
    },
};

/// The longest step of the clock, in seconds: a hundred years.
const LONGEST_STEP: f64 = 3.2e9;

/// A law that answers HTTP requests. Clones share one world.
#[derive(Clone)]
pub struct Reference {
    law: Arc<Law>,
    forward: Arc<Mutex<Forward>>,
    clock: Clock,
    /// Looks at signatures, if they are to be looked at.
    verifier: Option<Arc<Mutex<Verifier>>>,
    /// It departs from the law in some way.
    is_broken: bool,
    /// The requests that have arrived and are not answered yet, each with whether it has ever been one of several.
    under_way: Arc<Mutex<Vec<Arc<AtomicBool>>>>,
}

/// A request that has arrived, until it is answered.
struct Arrival<'a> {
    reference: &'a Reference,
    overlapped: Arc<AtomicBool>,
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.reference.under_way().retain(|other| !Arc::ptr_eq(other, &self.overlapped));
    }
}

/// Signatures of this protocol are not verified.
#[derive(Debug, thiserror::Error)]
#[error("signatures can be verified for the protocol `rpc` only, not for the one of the cloud `{0}`")]
pub struct NotVerified(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: f64,
}

impl Reference {
    /// A server with an empty world. `seed` decides the names that it makes up, `clock` is its time.
    pub fn new(law: Arc<Law>, seed: u64, clock: Clock) -> Reference {
        let forward = Arc::new(Mutex::new(Forward::new(law.clone(), seed)));
        Reference { forward, law, clock, verifier: None, is_broken: false, under_way: Arc::default() }
    }

    /// The same server, but it departs from the law in one way.
    pub fn with_fault(self, fault: Arc<dyn Fault>) -> Reference {
        let broken = self.forward().clone().with_fault(fault);
        Reference { forward: Arc::new(Mutex::new(broken)), is_broken: true, ..self }
    }

    /// The same server, but requests must be signed with this key. The time of signing is held against the real time,
    /// whatever the server's own clock says.
    ///
    /// # Errors
    ///
    /// Signatures of its protocol are not verified.
    pub fn verifying(self, credentials: Credentials) -> Result<Reference, NotVerified> {
        if !verify::is_offered(self.law.wire.protocol) {
            return Err(NotVerified(self.law.cloud.to_string()));
        }
        Ok(Reference { verifier: Some(Arc::new(Mutex::new(Verifier::new(credentials)))), ..self })
    }

    /// Answers one HTTP request. A server with a fault first lets others arrive: what shows only where requests overlap is
    /// to show whenever they do.
    pub async fn answer(&self, request: &ServerRequest) -> HttpResponse {
        if !self.is_broken {
            return self.handle(request);
        }
        let arrival = self.arrive();
        tokio::task::yield_now().await;
        self.handle_overlapped(request, arrival.overlapped.load(Ordering::Relaxed))
    }

    fn arrive(&self) -> Arrival<'_> {
        let mut under_way = self.under_way();
        let overlapped = Arc::new(AtomicBool::new(!under_way.is_empty()));
        under_way.iter().for_each(|other| other.store(true, Ordering::Relaxed));
        under_way.push(overlapped.clone());
        Arrival { reference: self, overlapped }
    }

    fn under_way(&self) -> MutexGuard<'_, Vec<Arc<AtomicBool>>> {
        // What is in it comes and goes one by one.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one HTTP request as if there were no others.
    pub fn handle(&self, request: &ServerRequest) -> HttpResponse {
        self.handle_overlapped(request, false)
    }

    fn handle_overlapped(&self, request: &ServerRequest, overlapped: bool) -> HttpResponse {
        match request.path.as_str() {
            "/" => self.operate(request, overlapped),
            ADVANCE => self.advance(request),
            _ => plain(404, "There is nothing here."),
        }
    }

    fn operate(&self, request: &ServerRequest, overlapped: bool) -> HttpResponse {
        let (http, style) = (&request.http, wire::style(&self.law, &request.http));
        if let Some(verifier) = &self.verifier {
            // Whoever panicked with the lock has left the nonces whole: they are added one by one.
            let mut verifier = verifier.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(fault) = verifier.check(http, SystemTime::now()) {
                return self.refuse(&style, self.signature_code(&fault), &fault.to_string());
            }
        }
        match wire::decode_request(&self.law, http) {
            Ok(decoded) => {
                let mut forward = self.forward();
                let fault = forward.fault().cloned();
                if let Some(fault) = &fault {
                    fault.answers(overlapped);
                }
                let answer = forward.answer(&decoded, self.clock.now());
                drop(forward);
                let mut response = self.encode(&style, decoded.operation, &answer);
                if let Some(fault) = &fault {
                    fault.written(&self.law, decoded.operation, &answer, &mut response);
                }
                response
            }
            Err(fault) => self.refuse(&style, self.request_code(&fault), &fault.to_string()),
        }
    }

    fn forward(&self) -> MutexGuard<'_, Forward> {
        // A poisoned lock means that another request panicked; the world itself is replaced as a whole, never left half
        // changed.
        self.forward.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn encode(&self, style: &Style, operation: OperationIx, answer: &Answer) -> HttpResponse {
        let id = answer.request_id.as_deref().unwrap_or_default();
        let body = match &answer.body {
            Body::Success(tree) => wire::encode_success(&self.law, style, operation, id, tree),
            Body::Error { code, message } => wire::encode_error(&self.law, style, id, code, message),
            Body::Unreadable { why } => wire::encode_error(&self.law, style, id, "LawError", why),
        };
        self.respond(style, answer.status, body)
    }

    /// A request that names no operation of the law gets the first of the codes that say so.
    fn request_code(&self, fault: &RequestFault) -> &str {
        let codes = &self.law.codes;
        let version = codes.version.as_deref().filter(|_| matches!(fault, RequestFault::Version { .. }));
        version.unwrap_or_else(|| codes.unimplemented.first().map_or("UnknownOperation", String::as_str))
    }

    fn signature_code(&self, fault: &SignatureFault) -> &str {
        let codes = &self.law.codes;
        let code = match fault {
            SignatureFault::Incomplete(_) => &codes.incomplete,
            SignatureFault::UnknownKey => &codes.unknown_key,
            SignatureFault::Timestamp => &codes.timestamp,
            SignatureFault::Expired => &codes.expired,
            SignatureFault::Mismatch { .. } => &codes.signature,
            SignatureFault::Replayed => &codes.replayed,
        };
        code.as_deref().or(codes.undocumented.as_deref()).unwrap_or("NotSigned")
    }

    /// An answer to a request that never gets as far as an operation.
    fn refuse(&self, style: &Style, code: &str, message: &str) -> HttpResponse {
        let status = self.law.codes.status.get(code).copied().unwrap_or(400);
        let id = self.forward().request_id();
        self.respond(style, status, wire::encode_error(&self.law, style, &id, code, message))
    }

    fn respond(&self, style: &Style, status: u16, body: Bytes) -> HttpResponse {
        let content_type = wire::answer_type(&self.law, style).to_owned();
        HttpResponse { status, headers: vec![("content-type".into(), content_type)], body }
    }

    fn advance(&self, request: &ServerRequest) -> HttpResponse {
        if request.http.method != "POST" {
            return plain(405, "The clock is advanced with POST.");
        }
        match serde_json::from_slice::<Advance>(&request.http.body) {
            Ok(Advance { seconds }) if (0.0..=LONGEST_STEP).contains(&seconds) => {
                if self.clock.advance(Duration::from_secs_f64(seconds)) {
                    plain(200, "")
                } else {
                    plain(409, "This server's clock is the real time.")
                }
            }
            _ => plain(400, "The body must be {\"seconds\": N}, with N from 0 to a hundred years."),
        }
    }
}

fn plain(status: u16, text: &'static str) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("content-type".into(), "text/plain; charset=utf-8".into())],
        body: Bytes::from_static(text.as_bytes()),
    }
}

/// A server that runs in this process until it is dropped.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    /// Ends when the server has.
    pub done: JoinHandle<Result<(), http::ServeError>>,
}

impl Running {
    /// Tells the server to finish.
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A server that has ended already needs no telling.
            let _ = stop.send(());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts a reference server on this machine; port 0 takes a free one.
///
/// # Errors
///
/// The port cannot be had.
pub async fn start(reference: Reference, port: u16) -> std::io::Result<Running> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel();
    let handler = move |request: ServerRequest| {
        let reference = reference.clone();
        async move { reference.answer(&request).await }
    };
    let done = tokio::spawn(http::serve(listener, handler, async move {
        // Whether it was told to stop or the other side is gone, it is time to finish.
        let _ = stopped.await;
    }));
    Ok(Running { address, stop: Some(stop), done })
}
