//! A target that is reached over HTTP, or one in this process that takes the same bytes.
//!
//! A request is sent again only where it certainly did not leave this machine: a pooled connection that turns out to be
//! closed before the request was written to it. Everything else is reported, because a request whose answer got lost
//! may have been done.

use std::{error::Error as _, fmt, future::Future, io, pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{Client, Url, redirect};
use tokio::time::timeout;

use super::{Exchange, NoAnswer, TargetError, permits};
use crate::{
    spec::law::{Law, ProductIx},
    wire::{
        self, MAX_ANSWER, Request,
        http::{HttpRequest, HttpResponse},
        secrets::Secrets,
        sign::{Signer, Stamp},
    },
};

const USER_AGENT: &str = concat!("eipcheck/", env!("CARGO_PKG_VERSION"));
/// How long a connection may lie idle before it is no longer used: shorter than servers usually keep one, so that a
/// request rarely meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(4);

/// How requests are sent.
#[derive(Clone, Debug)]
pub struct TargetOptions {
    /// Who signs the requests.
    pub signer: Signer,
    /// How long an answer may take until it is complete.
    pub timeout: Duration,
    /// Where requests to some products go, if not to the target's own URL.
    pub endpoints: Vec<(ProductIx, Url)>,
}

impl TargetOptions {
    /// The usual options.
    pub fn new(signer: Signer) -> TargetOptions {
        TargetOptions { signer, timeout: Duration::from_secs(30), endpoints: Vec::new() }
    }
}

/// Answers a request as a server in this process does.
pub type Handler = dyn Fn(HttpRequest) -> Pin<Box<dyn Future<Output = HttpResponse> + Send>> + Send + Sync;

/// How the bytes of a request get to the target.
#[derive(Clone)]
enum Way {
    /// Over the network.
    Net(Client),
    /// They stay in this process.
    Here(Arc<Handler>),
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Net(client) => client.fmt(f),
            Way::Here(_) => f.write_str("in this process"),
        }
    }
}

/// A target that is reached over HTTP. Clones share their connections.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    way: Way,
    url: Url,
    options: TargetOptions,
    secrets: Secrets,
}

impl HttpTarget {
    /// A target at this URL: a scheme, a host and perhaps a port.
    pub fn new(base_url: Url, options: TargetOptions) -> Result<HttpTarget, TargetError> {
        for url in std::iter::once(&base_url).chain(options.endpoints.iter().map(|(_, url)| url)) {
            check(url)?;
        }
        let mut client = Client::builder().user_agent(USER_AGENT);
        for url in std::iter::once(&base_url).chain(options.endpoints.iter().map(|(_, url)| url)) {
            client = permits::pinned(client, url);
        }
        let client = client
            .no_proxy()
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(options.timeout)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .build()
            .map_err(|e| TargetError::Client(chain(e)))?;
        Ok(HttpTarget::by(Way::Net(client), base_url, options))
    }

    /// A server in this process: it gets the bytes that one at this URL would get, signed and all, but for the HTTP around
    /// them.
    ///
    /// # Errors
    ///
    /// The URL is not one that requests can be sent to.
    pub fn here(base_url: Url, options: TargetOptions, handler: Arc<Handler>) -> Result<HttpTarget, TargetError> {
        check(&base_url)?;
        Ok(HttpTarget::by(Way::Here(handler), base_url, options))
    }

    fn by(way: Way, url: Url, options: TargetOptions) -> HttpTarget {
        let secrets = options.signer.secrets();
        HttpTarget { way, url, options, secrets }
    }

    /// Where requests go.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where requests to this product go.
    fn url_of(&self, product: ProductIx) -> &Url {
        self.options.endpoints.iter().find(|(p, _)| *p == product).map_or(&self.url, |(_, url)| url)
    }

    /// Sends a request.
    pub async fn send(&self, law: &Law, request: &Request) -> Exchange {
        self.send_parameters(law, law[request.operation].product, wire::encode_request(law, request)).await
    }

    /// Sends a request for an operation of a product that the law may not know, its arguments as they stand.
    pub async fn send_raw(&self, law: &Law, product: ProductIx, action: &str, args: &[(String, String)]) -> Exchange {
        self.send_parameters(law, product, wire::encode_raw(law, product, action, args)).await
    }

    async fn send_parameters(&self, law: &Law, product: ProductIx, parameters: String) -> Exchange {
        let url = self.url_of(product);
        match self.options.signer.request(law, product, url, parameters, &Stamp::now()) {
            Ok(mut request) => {
                let outcome = match &self.way {
                    Way::Here(handler) => Ok(handler(with_host(&request, url)).await),
                    Way::Net(client) => match timeout(self.options.timeout, self.exchange(client, url, &request)).await
                    {
                        Ok(outcome) => outcome,
                        Err(_) => Err(NoAnswer::Timeout { after: self.options.timeout }),
                    },
                };
                let mut outcome = outcome;
                if let Ok(response) = &mut outcome {
                    self.secrets.and_of(&request).hide(response);
                }
                request.headers.push(("user-agent".to_owned(), USER_AGENT.to_owned()));
                Exchange { request, outcome }
            }
            Err(e) => {
                let (query, headers, body) = (String::new(), Vec::new(), Bytes::new());
                let request = HttpRequest { method: "POST", query, headers, body };
                Exchange { request, outcome: Err(NoAnswer::Unsendable { why: e.to_string() }) }
            }
        }
    }

    async fn exchange(&self, client: &Client, url: &Url, request: &HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let mut url = url.clone();
        url.set_query(Some(request.query.as_str()).filter(|query| !query.is_empty()));
        let mut builder = match request.method {
            "GET" => client.get(url),
            _ => client.post(url).body(request.body.clone()),
        };
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let mut response = builder.send().await.map_err(|e| self.no_answer(e))?;
        let too_large = NoAnswer::TooLarge { limit: MAX_ANSWER };
        if response.content_length().is_some_and(|length| length > MAX_ANSWER as u64) {
            return Err(too_large);
        }
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let mut body = Bytes::new();
        let mut more = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.no_answer(e))? {
            if body.len() + more.len() + chunk.len() > MAX_ANSWER {
                return Err(too_large);
            }
            // Nearly every answer is one chunk, and is taken as it is.
            if body.is_empty() {
                body = chunk;
            } else {
                more.extend_from_slice(&chunk);
            }
        }
        if !more.is_empty() {
            body = [&body[..], &more[..]].concat().into();
        }
        Ok(HttpResponse { status, headers, body })
    }

    fn no_answer(&self, error: reqwest::Error) -> NoAnswer {
        // The URL may hold a signature.
        let error = &error.without_url();
        let why = explain(error);
        if error.is_builder() || error.is_request() && error.source().is_none() {
            return NoAnswer::Unsendable { why };
        }
        let io_kind = causes(error).find_map(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind);
        if error.is_connect() {
            return match io_kind {
                Some(io::ErrorKind::ConnectionRefused) => NoAnswer::Refused,
                _ => NoAnswer::Unreachable { why },
            };
        }
        if error.is_timeout() {
            return NoAnswer::Timeout { after: self.options.timeout };
        }
        let from_hyper = causes(error).find_map(|e| e.downcast_ref::<hyper::Error>());
        if from_hyper.is_some_and(hyper::Error::is_parse) {
            return NoAnswer::Garbage { why };
        }
        let torn = from_hyper.is_some_and(|e| e.is_incomplete_message() || e.is_closed() || e.is_canceled());
        if torn || io_kind.is_some_and(|kind| kind != io::ErrorKind::InvalidData && kind != io::ErrorKind::InvalidInput)
        {
            return NoAnswer::Closed { why };
        }
        NoAnswer::Garbage { why }
    }
}

/// A request with the header that says which host is meant, as a client that sends it over the network adds it.
fn with_host(request: &HttpRequest, url: &Url) -> HttpRequest {
    let mut request = request.clone();
    if let (Some(host), true) = (url.host_str(), request.headers.iter().all(|(name, _)| name != "host")) {
        request.headers.push(("host".to_owned(), host.to_owned()));
    }
    request
}

/// The URL is one that requests can be sent to.
fn check(base_url: &Url) -> Result<(), TargetError> {
    let wrong = |why| {
        let mut url = base_url.clone();
        // A URL that cannot hold a password has none to hide.
        let _ = url.set_password(None);
        Err(TargetError::Url { url: url.into(), why })
    };
    if !matches!(base_url.scheme(), "http" | "https") {
        return wrong("it is not an http or https URL");
    }
    if base_url.host_str().is_none() {
        return wrong("it names no host");
    }
    if !base_url.username().is_empty() || base_url.password().is_some() {
        return wrong("credentials are not taken from the URL");
    }
    if base_url.path() != "/" || base_url.query().is_some() || base_url.fragment().is_some() {
        return wrong("requests go to the path /, so the URL may not name another");
    }
    Ok(())
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |e| (**e).source())
}

/// An error with its causes, but without the URL.
fn chain(error: reqwest::Error) -> String {
    explain(&error.without_url())
}

/// An error with its causes. Library errors often say only where, and leave the reason to the cause.
fn explain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
