//! The HTTP shell of the embedded server: bytes in, bytes out, on this machine only.
//!
//! The handler keeps to the thread: what it does is far shorter than handing it to another one. Knows no law.
//!
//! Imports only `wire`.

use std::{convert::Infallible, future::Future, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use thiserror::Error;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

use crate::wire::{
    MAX_REQUEST,
    http::{HttpRequest, HttpResponse},
};

/// How long a client may take to send the head of a request; also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long running requests are waited for at the end.
const GRACE: Duration = Duration::from_secs(2);
/// How long accepting pauses when the system has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// What a request that is too large is told.
const TOO_LARGE: &str = "the request is too large";

/// A request as it came.
#[derive(Clone, Debug)]
pub struct ServerRequest {
    /// The path.
    pub path: String,
    /// The rest of it.
    pub http: HttpRequest,
}

/// Why the server does not serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// It would be reachable from other machines.
    #[error("the embedded server only listens on this machine, not on {0}")]
    NotLoopback(std::net::SocketAddr),
    /// The listener is unusable.
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
}

/// Serves until `shutdown` is done, then lets running requests end, but not for long.
pub async fn serve<H, A>(
    listener: TcpListener,
    handler: H,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError>
where
    H: Fn(ServerRequest) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = HttpResponse> + Send + 'static,
{
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).pipeline_flush(true);
    let handler = Arc::new(handler);
    let graceful = GracefulShutdown::new();
    // Dropping the set ends whatever still runs.
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // The client is gone again, or the descriptors are used up: neither concerns the listener.
                Err(_) => {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        while connections.try_join_next().is_some() {}
        // Without it an answer may wait for the client's acknowledgement; if it cannot be set, that is only slower.
        let _ = stream.set_nodelay(true);
        let handler = Arc::clone(&handler);
        let service = service_fn(move |request| {
            let handler = Arc::clone(&handler);
            async move { Ok::<_, Infallible>(respond(request, &*handler).await) }
        });
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            // A client that breaks off or talks no HTTP is no concern of the server's.
            let _ = connection.await;
        });
    }
    drop(listener);
    let _ = timeout(GRACE, graceful.shutdown()).await;
    Ok(())
}

async fn respond<H: Fn(ServerRequest) -> A, A: Future<Output = HttpResponse>>(
    request: hyper::Request<Incoming>,
    handler: &H,
) -> hyper::Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let method = match parts.method {
        Method::GET => "GET",
        Method::POST => "POST",
        _ => return refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET and POST are served"),
    };
    // What is announced to be too large is not waited for.
    if body.size_hint().lower() > MAX_REQUEST as u64 {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE);
    }
    let body = match Limited::new(body, MAX_REQUEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(e) if e.is::<LengthLimitError>() => return refusal(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE),
        Err(_) => return refusal(StatusCode::BAD_REQUEST, "the request breaks off"),
    };
    let answer = handler(ServerRequest {
        path: parts.uri.path().to_owned(),
        http: HttpRequest {
            method,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: texts(&parts.headers),
            body,
        },
    })
    .await;
    let mut response = hyper::Response::new(Full::new(answer.body));
    match StatusCode::from_u16(answer.status) {
        Ok(status) => *response.status_mut() = status,
        Err(_) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, "the handler answered with an impossible status"),
    }
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// Headers as texts; their names are in lower case already.
fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn refusal(status: StatusCode, why: &'static str) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::new(Bytes::from_static(why.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}
