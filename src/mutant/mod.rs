//! Mutants: the reference server with one rule of the law broken in one way, and whether eipcheck notices.
//!
//! Each rule has a natural family of faults: a refusal may not be made, an effect may be missing, a field may be stale.
//! [`family`] works out from the law what they are; nobody writes them down. The server is told of its fault, the judge is
//! not: it keeps the true law, and so do the search and the run.
//!
//! - [`family`]: the mutants of a law. `equivalence` works out which of them nothing can tell from what is right; `logic` and
//!   `reading` are what it proves that with.
//! - [`broken`]: the fault of one of them, as the server consults it. `refusal`, `change`, `answer` and `form` are what it
//!   does at each place.
//! - [`hunt`]: plays scenarios against a mutant until it is caught, and says who was blamed.
//!
//! Imports `run`, `report`, `reference` and what is below.

mod answer;
pub mod broken;
mod change;
mod equivalence;
pub mod family;
mod form;
pub mod hunt;
mod logic;
mod reading;
mod refusal;

use std::sync::Arc;

use crate::spec::{
    file::{Defect, WireFault},
    law::{FieldIx, KindIx, OperationIx, ParamIx, RuleIx},
};

/// The reference server with one rule broken in one way.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// `RULE:fault`, with `#part` if the rule has several parts that may be broken alone, and `@when` if it shows only
    /// then.
    pub name: String,
    /// The broken rule.
    pub rule: RuleIx,
    /// The fault by its name.
    pub fault: &'static str,
    /// What goes wrong.
    way: Way,
    /// When.
    pub when: When,
    /// Why nothing can tell it from what is right, if so.
    pub equivalent: Option<String>,
    /// That reason stands in the spec: it was not worked out.
    pub declared: bool,
}

/// When a fault shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Wherever it can.
    Always,
    /// From the third time on.
    Third,
    /// Where a list has three elements or more.
    Three,
    /// Where the same operation was done before to something that is named again.
    Again,
    /// Where another request is under way at the same time.
    Together,
}

impl When {
    /// What stands behind the `@` of a mutant's name.
    pub fn name(self) -> &'static str {
        match self {
            When::Always => "",
            When::Third => "third",
            When::Three => "three",
            When::Again => "again",
            When::Together => "together",
        }
    }
}

/// Where a refusal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// The row of a parameter.
    Param(ParamIx, Defect),
    /// A rule about the state of the world: its place among the operation's.
    State(usize),
    /// A parameter that the operation does not have.
    Undeclared,
    /// A token that came with other parameters before.
    Mismatch,
}

/// What goes wrong, and where.
#[derive(Clone, Debug)]
enum Way {
    /// What is decided about a request.
    Decision(Decides),
    /// What an accepted request changes.
    Change(Changes),
    /// What an answer shows.
    Answer(Place, Shows),
    /// How it is written.
    Form(WireFault),
    /// With which status an error comes.
    Status,
    /// The ids that are made up: of the wrong form, or not unique.
    Ids { kind: KindIx, repeated: bool },
}

/// A wrong decision.
#[derive(Clone, Debug)]
enum Decides {
    /// The refusal is not made.
    NotMade,
    /// It is not made for one of the reasons that one of its conditions lists: the place of the refusal in its operation, of
    /// the condition in it, and of the reason there.
    NotMadeFor(usize, usize, usize),
    /// It is not made where the value is just outside the limit.
    NotMadeNextToLimit(ParamIx),
    /// It is made where the value is the limit.
    MadeAtLimit(ParamIx, Origin),
    /// It is made where nothing calls for it.
    Made(Origin),
    /// It is made without regard to one of its conditions.
    MadeWithout(usize, usize),
    /// It carries another code, the first of these that is wrong here.
    Code(Arc<[Arc<str>]>),
    /// It carries another status.
    Status(u16),
    /// What is refused is done all the same.
    Acts,
    /// What must be accepted is refused.
    Refused,
    /// A rehearsal is the real thing.
    RehearsalAccepted,
    /// A rehearsal is said to have succeeded, and nothing is done.
    RehearsalIdle,
    /// A token is forgotten: a repeat is a new request.
    Forgotten,
    /// A repeat is answered as it should be, but done again.
    DoneAgain,
    /// A repeat is refused.
    RepeatRefused,
    /// A token with other parameters is answered like the first request.
    AnsweredAsFirst,
}

/// A wrong change.
#[derive(Clone, Debug)]
enum Changes {
    /// It does not happen; or only one field of it does not.
    Missing(Option<(KindIx, FieldIx)>),
    /// Created twice.
    Doubled,
    /// It happens to another resource of the kind.
    Other,
    /// It happens to all of the kind.
    All,
    /// It happens to the first of several only.
    First,
    /// A later change happens at once.
    Early,
    /// It happens long after it must have.
    Late,
    /// It is undone a second after it happened.
    Undone,
    /// A field gets another value.
    Value(KindIx, FieldIx),
    /// What should stay as it is changes.
    NotKept,
    /// What should stay as it is goes.
    KeptGoes,
}

/// A part of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A field of an operation's answer.
    Output(OperationIx, usize),
    /// A field of a resource, in every answer where the rule says so.
    Row(KindIx, usize),
}

/// What is wrong with a part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// It is left out.
    Missing,
    /// It has another name.
    Misnamed,
    /// It shows what was before the latest change.
    Stale,
    /// It is of another type.
    Type,
    /// It has a value that it cannot have.
    Unheard,
    /// It has another value.
    Wrong,
    /// It shows what belongs to another resource.
    OfAnother,
    /// A list lacks its last element.
    OneLess,
    /// A list has its first element twice.
    Twice,
    /// A list holds something that does not belong there.
    Foreign,
}
