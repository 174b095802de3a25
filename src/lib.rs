//! eipcheck: conformance and fuzz testing of Elastic-IP APIs.
//!
//! # One idea
//!
//! **The specs are the law; the code only knows how to apply a law.** What is true of a cloud (its operations, its
//! resources, its error codes) stands in `specs/`, one folder a cloud and one file an operation. `src/` knows
//! parameters, resources, conditions, changes that take time, and a wire protocol, and names nothing of a cloud.
//! Whoever has read this page and one file of `specs/` knows the project; `docs/specs.md` is the grammar of those
//! files, `docs/design.md` says why things are as they are.
//!
//! # The floors
//!
//! A module imports only from floors below its own, and along the few doors that are named here. A test
//! (`tests/house.rs`) holds the house to it.
//!
//! | Floor | Module | What it is for |
//! | --- | --- | --- |
//! | 5 | `main.rs`, `commands` | The command line, one file a subcommand. |
//! | 4 | [`run`] | A run: which operations are there, the suite, random sequences, clean-up, what was found made short, the summary. Also imports `reference` and `report`. |
//! | 4 | [`mod@reference`] | The embedded server: the law run forwards over HTTP, with a clock that can be moved. |
//! | 4 | [`mutant`] | The reference server with one rule broken, in every natural way, and whether that is noticed. Also imports `run`, `reference` and `report`. |
//! | 4 | [`report`] | What a run found, as data for programs and as text for people; the trace of all that was sent. |
//! | 3 | [`scenario`] | Sequences of requests: good and bad arguments, random walks, the search for a sequence for each rule, the file form. Also imports `oracle`. |
//! | 3 | [`oracle`] | The judge: every world that explains the answers so far, and the verdict on the next one. |
//! | 2 | [`model`] | One world: resources with their fields, what a request meets in it, what it changes and what an answer shows. |
//! | 2 | [`target`] | Sending a request and reading an answer; the target's clock. Imports `model`'s time. |
//! | 1 | [`document`] | Providers' documents: reading them, and holding the law against them. |
//! | 1 | [`wire`] | How requests and answers are written, in both directions, one file a protocol; signatures. |
//! | 0 | [`spec`] | The law: its grammar, reading it, checking it, compiling it. |
//! |   | [`exit`] | The exit codes, which everybody may import. |
//!
//! `target` and `oracle` know nothing of each other, and neither do `reference` and `report`, `wire` and `document`.
//!
//! # The way of the data
//!
//! ```text
//! spec files ──spec──▶ Law ──scenario──▶ Step ──wire, target──▶ Answer ──oracle──▶ Judgement ──run──▶ Report
//! ```
//!
//! One direction, and one type between each two rooms:
//!
//! 1. [`spec::load()`] reads the files of a cloud by the grammar of [`mod@spec::file`] and compiles them to a
//!    [`spec::Law`]: every name an index, every expression compiled, every rule with an id, a level and a source.
//! 2. [`scenario::plan`] plays the law against itself in memory until it has a short sequence of
//!    [`Step`](scenario::step::Step)s for each rule. Steps name resources by handles (`address#1`), so a sequence means
//!    the same at every target.
//! 3. [`run::session`] resolves a step to a [`Request`](wire::Request), and [`target`] sends it and reads the
//!    [`Answer`](wire::Answer).
//! 4. [`oracle::Oracle`] holds the answer against every [`World`](model::world::World) that was possible until then.
//!    Worlds that do not allow it are dropped; if none is left, the [`Judgement`](oracle::judge::Judgement) is a
//!    violation of a named rule. What the law is silent about is never one.
//! 5. [`run::tally`] counts, and [`run::summary`] makes the [`Report`](report::data::Report) of it.
//!
//! The reference server goes the same way backwards: [`wire`] decodes the request, [`model::forward`] answers it from a
//! single world, and `wire` encodes the answer.
//!
//! Steps, the trace and the report can be written to files and read back. [`run::recheck`] judges a trace again, and
//! [`run::replay`] plays a scenario again. [`run::shrink`] makes findings short, and [`report::recipe`] turns them into
//! scripts.
#![forbid(unsafe_code)]

pub mod document;
pub mod exit;
pub mod model;
pub mod mutant;
pub mod oracle;
pub mod reference;
pub mod report;
pub mod run;
pub mod scenario;
pub mod spec;
pub mod target;
pub mod wire;
