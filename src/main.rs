//! The command line.
#![forbid(unsafe_code)]

mod commands;

use std::process::ExitCode;

use clap::Parser;
use eipcheck::exit::Exit;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_env("EIPCHECK_LOG")).with_writer(std::io::stderr).init();
    let cli = commands::Cli::parse();
    match cli.command.execute() {
        Ok(exit) => exit.into(),
        Err(error) => {
            commands::complain(&error);
            Exit::Usage.into()
        }
    }
}
