//! What the subcommands that talk to a server ask of their user: how requests are signed and sent, and how time passes.

use std::{future::Future, num::NonZeroUsize, time::Duration};

use clap::{Args, ValueEnum};
use miette::{IntoDiagnostic, Result, miette};
use url::Url;

use super::{Consistency, complain, parse_consistency, parse_time, runtime};
use eipcheck::{
    exit::Exit,
    model::time::Tolerance,
    run::{RunError, RunOptions, Stop, TOLERANCE},
    spec::law::{Law, ProductIx},
    target::{
        clock::Pace,
        permits::{Permits, Permitted},
    },
    wire::sign::{Manner, Method, Sending},
};

/// The least that a change may be late where time runs faster than here, in the time here.
const LEAST_TOLERANCE: Duration = Duration::from_millis(500);

/// The most resources that are held at a time where they cost money, unless the user says otherwise.
const BILLABLE_RESOURCES: usize = 20;

/// What a target with a driven clock does.
const CLOCK_CONTRACT: &str = "with --clock driven the target takes POST /_clock/advance with {\"seconds\": N}, N a whole \
    number: when it answers, with any HTTP status from 200 to 299, its clock shows N seconds more, and what is due by then \
    has happened";

/// How a server is spoken to.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// The region that requests are signed for; the cloud's usual one unless given.
    #[arg(long)]
    region: Option<String>,
    /// Where requests to one product of the cloud go, if not to URL. May be given several times.
    #[arg(long = "endpoint", value_name = "PRODUCT=URL", value_parser = parse_endpoint, requires = "url")]
    endpoints: Vec<(String, Url)>,
    /// A host that requests may go to although it is neither on this machine nor in a private network: an exact name or
    /// address. May be given several times.
    #[arg(long = "allow-host", value_name = "NAME")]
    allow_hosts: Vec<Permitted>,
    /// Let requests go to the hosts of a real cloud, where what is made costs money. Such a host needs --allow-host too.
    #[arg(long)]
    allow_billable: bool,
    /// The most resources that are held at a time; any number unless given, and 20 with --allow-billable.
    #[arg(long, value_name = "N")]
    max_resources: Option<NonZeroUsize>,
    /// How requests are signed; the cloud's usual way unless given.
    #[arg(long, value_name = "METHOD")]
    signature: Option<Signature>,
    /// Where the parameters of a request stand; in a form unless given.
    #[arg(long, value_name = "PLACE")]
    send: Option<Send>,
    /// How long an answer may take.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    timeout: Duration,
    /// How long to wait for a change that is under way.
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = parse_time)]
    patience: Duration,
    /// How the server's time passes: real, scaled:N (N times as fast as here), or driven (it is moved by
    /// POST /_clock/advance). Real unless given; driven for the embedded server.
    #[arg(long, value_name = "PACE")]
    clock: Option<Pace>,
    /// By how much a change may be late, in the server's time. 5s unless given; on a scaled clock at least half a second
    /// of the time here.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    time_tolerance: Option<Duration>,
    /// How far answers may lag behind what was done before: immediate, or eventual:TIME.
    #[arg(long, value_name = "WHEN", default_value = "immediate", value_parser = parse_consistency)]
    consistency: Consistency,
}

/// The signatures, as the command line names them.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Signature {
    /// AWS4-HMAC-SHA256.
    Sigv4,
    /// HMAC-SHA1 over the parameters.
    RpcV1,
    /// ACS3-HMAC-SHA256, in headers.
    Acs3,
}

impl From<Signature> for Method {
    fn from(signature: Signature) -> Method {
        match signature {
            Signature::Sigv4 => Method::Sigv4,
            Signature::RpcV1 => Method::RpcV1,
            Signature::Acs3 => Method::Acs3,
        }
    }
}

/// The places of parameters, as the command line names them.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Send {
    /// All in the query of a GET.
    Get,
    /// All in the form of a POST.
    Form,
    /// In the query and in the form of a POST.
    Split,
}

impl From<Send> for Sending {
    fn from(send: Send) -> Sending {
        match send {
            Send::Get => Sending::Get,
            Send::Form => Sending::Form,
            Send::Split => Sending::Split,
        }
    }
}

impl TargetArgs {
    /// What they say, for one law; without a URL the embedded server is meant. What a user did not say of the run as a
    /// whole is without bounds. The law is told its region.
    ///
    /// # Errors
    ///
    /// An endpoint, or a way of signing, that this law does not have.
    pub fn options(&self, url: Option<Url>, law: &mut Law) -> Result<RunOptions> {
        let region = law.region.clone();
        self.options_like(url, &[], &region, law)
    }

    /// The same, but for the region and the endpoints like an earlier run, unless the user says otherwise.
    ///
    /// # Errors
    ///
    /// As those of [`TargetArgs::options`].
    pub fn options_like(
        &self,
        url: Option<Url>,
        earlier: &[(String, String)],
        region: &str,
        law: &mut Law,
    ) -> Result<RunOptions> {
        law.region = self.region.clone().unwrap_or_else(|| region.to_owned());
        let mut named = self.endpoints.clone();
        for (product, url) in earlier.iter().filter(|(product, _)| !self.endpoints.iter().any(|(p, _)| p == product)) {
            named.push((product.clone(), url.parse().into_diagnostic()?));
        }
        let pace = self.clock.unwrap_or(if url.is_some() { Pace::Real } else { Pace::Driven });
        let (signature, send) = (self.signature.map(Into::into), self.send.map(Into::into));
        Ok(RunOptions {
            url,
            endpoints: endpoints(&named, law)?,
            permits: Permits { hosts: self.allow_hosts.clone(), billable: self.allow_billable },
            manner: Manner::choose(law.wire.protocol, signature, send).into_diagnostic()?,
            region: law.region.clone(),
            seed: 0,
            max_requests: u64::MAX,
            max_time: Duration::MAX,
            jobs: 1,
            clients: 1,
            only: None,
            skip: None,
            max_resources: self
                .max_resources
                .map(NonZeroUsize::get)
                .or(self.allow_billable.then_some(BILLABLE_RESOURCES)),
            shrink: 0,
            timeout: self.timeout,
            patience: self.patience,
            pace,
            tolerance: self.time_tolerance.map_or_else(|| usual_tolerance(pace), Tolerance::new),
            consistency: self.consistency.0,
            out: None,
        })
    }
}

/// A URL of a server.
///
/// # Errors
///
/// It is none, or of another kind.
pub fn parse_url(text: &str) -> std::result::Result<Url, String> {
    if !text.contains("://") {
        return Err(format!("it should begin with http:// or https://, as http://{text}"));
    }
    let url = Url::parse(text).map_err(|e| e.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("{other} is not spoken here: it should begin with http:// or https://")),
    }
}

fn parse_endpoint(text: &str) -> std::result::Result<(String, Url), String> {
    let (product, url) = text.split_once('=').ok_or("it should look like PRODUCT=http://HOST:PORT")?;
    Ok((product.to_owned(), url.parse().map_err(|e: url::ParseError| e.to_string())?))
}

/// The endpoints by the products of the law.
fn endpoints(named: &[(String, Url)], law: &Law) -> Result<Vec<(ProductIx, Url)>> {
    let mut found: Vec<(ProductIx, Url)> = Vec::with_capacity(named.len());
    for (name, url) in named {
        let products: Vec<&str> = law.products.iter().map(|p| p.name.as_str()).collect();
        let product = law.product(name).ok_or_else(|| {
            let help = format!("the products of this cloud: {}", products.join(", "));
            miette!(help = help, "--endpoint {name}: the law has no such product")
        })?;
        if found.iter().any(|(p, _)| *p == product) {
            return Err(miette!("--endpoint {name}: it is given twice"));
        }
        found.push((product, url.clone()));
    }
    Ok(found)
}

/// By how much a change may be late unless the user says otherwise. What delays it does not run faster where time does.
fn usual_tolerance(pace: Pace) -> Tolerance {
    match pace {
        Pace::Scaled(times) => Tolerance::new(TOLERANCE.late.max(LEAST_TOLERANCE.saturating_mul(times.get()))),
        Pace::Real | Pace::Driven => TOLERANCE,
    }
}

/// What came of talking to a server; none if it cannot be used, which has been said.
///
/// # Errors
///
/// Whatever else went wrong.
pub fn usable<T>(outcome: std::result::Result<T, RunError>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error @ (RunError::Unreachable { .. } | RunError::Unusable { .. })) => {
            complain(&miette::Report::from_err(error));
            Ok(None)
        }
        Err(RunError::Clock(error)) => {
            complain(&miette!(help = CLOCK_CONTRACT, "the target does not let its clock be moved: {error}"));
            Ok(None)
        }
        Err(RunError::Host(error)) => Err(error.into()),
        Err(RunError::Credentials(error)) => {
            let help = "set them in the environment; a server that checks no signatures takes any pair";
            Err(miette!(help = help, "{error}"))
        }
        Err(error) => Err(miette::Report::from_err(error)),
    }
}

/// Does something that `stop` ends, and lets the user's interrupt stop it.
///
/// # Errors
///
/// There are no threads left.
pub fn until_interrupted<T>(stop: &Stop, work: impl Future<Output = T>) -> Result<T> {
    Ok(runtime()?.block_on(async {
        let interrupt = tokio::spawn(watch_for_interrupt(stop.clone()));
        let outcome = work.await;
        interrupt.abort();
        outcome
    }))
}

/// The first Ctrl-C ends the run in order, the second at once.
async fn watch_for_interrupt(stop: Stop) {
    if interrupted().await {
        anstream::eprintln!("interrupted: cleaning up (interrupt again to stop at once and leave things behind)");
        stop.now();
    }
    if interrupted().await {
        std::process::exit(i32::from(Exit::Interrupted.code()));
    }
}

/// Waits for Ctrl-C or a request to terminate; false if neither can be waited for.
async fn interrupted() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return tokio::signal::ctrl_c().await.is_ok() };
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.is_ok(),
        received = terminate.recv() => received.is_some(),
    }
}
