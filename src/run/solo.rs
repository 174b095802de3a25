//! Scenarios one by one, each against a server of its own in this process: no sockets, nothing to clean up, and yet every
//! request and every answer goes through the bytes of the protocol.
//!
//! For whoever plays a great many short scenarios and stops at the first finding.

use std::sync::Arc;

use url::Url;

use super::{Context, Endpoint, RunError, RunOptions, Stop, endpoint_options, event::Silent, session};
use crate::{
    oracle::Settings,
    reference::{http::ServerRequest, server::Reference},
    run::session::{Played, Scenario, Session},
    scenario::atlas::Atlas,
    spec::law::Law,
    target::{Handler, HttpTarget, TargetOptions, clock::Clock},
};

/// Where a server in this process is said to be.
const HERE: &str = "http://localhost";

/// Plays scenarios, and counts their requests.
pub struct Solo<'a> {
    context: Context,
    atlas: &'a Atlas,
    options: TargetOptions,
    url: Url,
}

/// What came of one scenario.
pub struct Heard {
    /// The scenario as it was played.
    pub played: Played,
    /// How many requests it made up to the first violation, or in all.
    pub requests: u64,
}

impl<'a> Solo<'a> {
    /// Nothing has been played yet. Of the options only those matter that are not about reaching a target.
    ///
    /// # Errors
    ///
    /// There are no credentials.
    pub fn new(law: &Arc<Law>, options: RunOptions, atlas: &'a Atlas, stop: Stop) -> Result<Solo<'a>, RunError> {
        let url = Url::parse(HERE).map_err(|_| super::TargetError::Url { url: HERE.into(), why: "it is not a URL" })?;
        let target = endpoint_options(law, &options, &url)?;
        let context = Context::new(law.clone(), options, Arc::new(Silent), stop);
        context.started.get_or_init(std::time::Instant::now);
        Ok(Solo { context, atlas, options: target, url })
    }

    /// How many requests have been made so far.
    pub fn requests(&self) -> u64 {
        self.context.requests()
    }

    /// True when the requests or the time that were given are spent, or somebody asked to stop.
    pub fn is_over(&self) -> bool {
        self.context.is_over()
    }

    /// Plays a scenario against a server that keeps time by this clock. `number` tells it from all others that the same
    /// servers' fault has seen.
    ///
    /// # Errors
    ///
    /// There is none but that the server cannot be addressed.
    pub async fn play(
        &self,
        reference: Reference,
        clock: Clock,
        scenario: &Scenario,
        number: usize,
    ) -> Result<Heard, RunError> {
        let handler: Arc<Handler> = Arc::new(move |http| {
            let reference = reference.clone();
            Box::pin(async move { reference.answer(&ServerRequest { path: "/".into(), http }).await })
        });
        let target = HttpTarget::here(self.url.clone(), self.options.clone(), handler)?;
        let endpoint = Endpoint { target, clock, _server: None };
        let settings = Settings { tolerance: self.context.options.tolerance, muted: Arc::default() };
        let tokens = self.context.tokens("solo", number);
        let session = Session::new(&self.context, &endpoint, self.atlas, scenario, settings, tokens).alone();
        let played = session.play_without_cleaning_up().await;
        let until = played.violations.iter().map(|(_, step)| *step).min();
        let requests = match until {
            Some(step) => session::requests_until(&played, step),
            None => played.exchanges.len() as u64,
        };
        Ok(Heard { played, requests })
    }
}
