//! The command line.
#![forbid(unsafe_code)]

mod commands;

use std::process::ExitCode;

use clap::Parser;
use eipcheck::exit::Exit;
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

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
