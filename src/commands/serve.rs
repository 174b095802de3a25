//! `eipcheck serve`: the reference server.

use std::sync::Arc;

use clap::Args;
use miette::{IntoDiagnostic, Report, Result, WrapErr, miette};
use tokio::signal::unix::{SignalKind, signal};

use super::{LawArgs, runtime};
use eipcheck::{
    exit::Exit,
    mutant::{broken::Broken, family},
    reference::server::{Reference, start},
    spec::law::Law,
    target::clock::Clock,
    wire::sign::Credentials,
};

/// Start the reference server on the loopback interface.
///
/// It prints one line with its address when it is ready, and serves until it is interrupted. Its clock runs with the
/// real time; `POST /_clock/advance` with `{"seconds": N}` lets time pass at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eipcheck serve --port 5058\n  \
    eipcheck serve --specs my-law --seed 7\n  \
    eipcheck serve --break RULE\n  \
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
    /// Break one rule: a mutant, or a rule, of which the first mutant is taken. `eipcheck mutants --list` lists them.
    #[arg(long = "break", value_name = "MUTANT")]
    broken: Option<String>,
    /// Refuse requests that are not signed with the key, were signed more than 15 minutes ago, or were sent before.
    #[arg(long)]
    verify_signatures: bool,
    /// The name of the key; from the environment, or made up, unless given.
    #[arg(long, value_name = "NAME", requires = "verify_signatures", requires = "secret_key")]
    access_key: Option<String>,
    /// The key.
    #[arg(long, value_name = "KEY", requires = "verify_signatures", requires = "access_key")]
    secret_key: Option<String>,
}

impl ServeArgs {
    fn credentials(&self, law: &Law) -> Result<Credentials> {
        match (&self.access_key, &self.secret_key) {
            (Some(access_key), Some(secret_key)) => {
                Ok(Credentials { access_key: access_key.clone(), secret_key: secret_key.clone(), session_token: None })
            }
            _ => Credentials::from_env_or_dummy(&law.credentials, true).into_diagnostic(),
        }
    }
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
        let mut reference = Reference::new(law.clone(), seed, Clock::driven());
        if let Some(name) = &args.broken {
            let mutant = family::named(&law, name).ok_or_else(|| unknown(&law, name))?;
            anstream::eprintln!("broken on purpose: {}", mutant.name);
            reference = reference.with_fault(Arc::new(Broken::new(Arc::new(mutant))));
        }
        if args.verify_signatures {
            reference = reference.verifying(args.credentials(&law)?).into_diagnostic()?;
        }
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

/// There is no mutant of this name: says which ones there are of a rule like it.
fn unknown(law: &Law, name: &str) -> Report {
    let rule = name.split_once(':').map_or(name, |(rule, _)| rule);
    let distance = |id: &str| strsim::damerau_levenshtein(id, rule);
    let nearest = law.rules.iter().map(|r| &*r.id).min_by_key(|id| distance(id)).unwrap_or_default();
    let names: Vec<String> =
        family::mutants(law).into_iter().filter(|m| *law[m.rule].id == *nearest).map(|m| m.name).collect();
    let help =
        format!("`eipcheck mutants --list` lists them all; of the rule {nearest} there are\n{}", names.join("\n"));
    miette!(help = help, "the law has no mutant {name}")
}
