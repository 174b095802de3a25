//! What a run tells whoever watches it.

use super::{Context, RunOptions, session::Played};
use crate::{report::data::Report, spec::law::Law};

/// Something that happened.
pub enum Event<'a> {
    /// The run begins.
    Started {
        /// What is tested.
        target: &'a str,
        /// The law.
        law: &'a Law,
        /// What was asked for.
        options: &'a RunOptions,
    },
    /// A part of the run begins.
    Phase(&'a str),
    /// Sequences are being searched for.
    Planning {
        /// How many rules have none yet.
        left: usize,
        /// Of how many.
        of: usize,
    },
    /// The suite is planned.
    Planned {
        /// How many rules have a sequence.
        reached: usize,
        /// Of how many that can have one.
        of: usize,
    },
    /// A scenario was played.
    Played {
        /// The run so far.
        context: &'a Context,
        /// What came of the scenario.
        result: &'a Played,
    },
    /// The run is over.
    Finished {
        /// The results.
        report: &'a Report,
    },
}

/// Somebody who watches a run.
pub trait Observer: Send + Sync {
    /// Called from any worker; must not block for long.
    fn event(&self, event: &Event<'_>);
}

/// Nobody watches.
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event<'_>) {}
}
