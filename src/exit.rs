//! How the program ends: the exit codes, which are part of its interface.

use std::process::ExitCode;

/// How the program ended. The numbers do not change between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// The target conforms: something was checked, and no rule of the levels that count was broken.
    Conforms = 0,
    /// A rule of the levels that count was broken.
    Violations = 1,
    /// The command line, a configuration or a spec is wrong.
    Usage = 2,
    /// The target cannot be reached, or does not speak the protocol.
    Target = 3,
    /// Nothing could be checked.
    NothingChecked = 4,
    /// Interrupted by the user; what was created has been deleted, and the report written.
    Interrupted = 130,
}

impl Exit {
    /// How the program ended if it did two things: what needs attention more.
    pub fn and(self, other: Exit) -> Exit {
        let weight = |exit: Exit| match exit {
            Exit::NothingChecked => 0,
            Exit::Conforms => 1,
            Exit::Violations => 2,
            Exit::Target => 3,
            Exit::Usage => 4,
            Exit::Interrupted => 5,
        };
        if weight(other) > weight(self) { other } else { self }
    }

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
