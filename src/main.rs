//! The command line.
#![forbid(unsafe_code)]

mod commands;

use std::process::ExitCode;

use clap::Parser;
use eipcheck::exit::Exit;
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

/// A third of a run is spent on small pieces of memory that one thread asks for and another gives back; the system's
/// allocator has the threads wait for one another there, and keeps the more the longer a run lasts.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // What the libraries have to tell may hold what they were given to sign.
    let own = filter_fn(|metadata| metadata.target().split("::").next() == Some("eipcheck"));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = layer.with_filter(EnvFilter::from_env("EIPCHECK_LOG")).with_filter(own);
    tracing_subscriber::registry().with(layer).init();
    let cli = commands::Cli::parse();
    match cli.command.execute() {
        Ok(exit) => exit.into(),
        Err(error) => {
            commands::complain(&error);
            Exit::Usage.into()
        }
    }
}
