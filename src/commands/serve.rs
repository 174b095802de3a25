//! `eipcheck serve`: the reference server.

use std::sync::Arc;

use clap::Args;
use miette::{IntoDiagnostic, Result, WrapErr};
use tokio::signal::unix::{SignalKind, signal};

use super::{LawArgs, runtime};
use eipcheck::{
    exit::Exit,
    reference::server::{Reference, start},
    target::clock::Clock,
};

/// Start the reference server on the loopback interface.
///
/// It prints one line with its address when it is ready, and serves until it is interrupted. Its clock runs with the
/// real time; `POST /_clock/advance` with `{"seconds": N}` lets time pass at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck serve --port 5058\n  \
    eipcheck serve --specs my-law --seed 7\n  \
    curl -d '{\"seconds\": 350}' http://127.0.0.1:5058/_clock/advance")]
pub struct ServeArgs {
    #[command(flatten)]
    law: LawArgs,
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Decides the ids that the server makes up; the time of day unless given.
    #[arg(long)]
    seed: Option<u64>,
}

/// Serves until interrupted.
///
/// # Errors
///
/// The law is broken, or the port cannot be had.
pub fn execute(args: ServeArgs) -> Result<Exit> {
    let law = Arc::new(args.law.load()?);
    let seed = args.seed.unwrap_or_else(super::run::fresh_seed);
    runtime()?.block_on(async {
        // Listened to before the server says that it is there: whoever reads that line may stop it at once.
        let mut terminate = signal(SignalKind::terminate()).into_diagnostic()?;
        let mut interrupt = signal(SignalKind::interrupt()).into_diagnostic()?;
        let reference = Reference::new(law, seed, Clock::driven());
        let mut server = start(reference, args.port)
            .await
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot listen on 127.0.0.1:{}", args.port))?;
        anstream::println!("listening on http://{}", server.address);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        server.stop();
        // A task that panicked has ended too, which is all that is waited for.
        let _ = (&mut server.done).await;
        anstream::eprintln!("stopped, and everything that it held is forgotten");
        Ok(Exit::Conforms)
    })
}
