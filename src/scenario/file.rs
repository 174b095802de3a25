//! The form in which steps are written to disk: names instead of indices.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::step::{Call, Step, Symbol};
use crate::{oracle::handles, spec::law::Law};

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepFile {
    /// A request.
    Call(CallFile),
    /// Requests that are sent at once.
    Together(Vec<CallFile>),
    /// Time passes until everything under way has happened.
    Settle,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CallFile {
    /// The operation's name.
    pub operation: String,
    /// Its arguments.
    pub args: Vec<(String, SymbolFile)>,
}

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SymbolFile {
    /// A literal text.
    Text(String),
    /// `kind#ordinal.field`: what that field turned out to be.
    Of(String),
    /// A token by its number; the text that stands for it is another one in every scenario of every run.
    Token(u32),
    /// Several.
    List(Vec<SymbolFile>),
    /// Named members.
    Struct(Vec<(String, SymbolFile)>),
}

/// Why a written step does not fit a law.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// There is no such operation.
    #[error("the law has no operation {0}")]
    Operation(String),
    /// There is no such resource or field.
    #[error("`{0}` does not name a field of a resource; it should look like kind#1.field")]
    Symbol(String),
}

impl StepFile {
    /// Writes a step down.
    pub fn new(law: &Law, step: &Step) -> StepFile {
        match step {
            Step::Settle => StepFile::Settle,
            Step::Call(call) => StepFile::Call(CallFile::new(law, call)),
            Step::Together(calls) => StepFile::Together(calls.iter().map(|call| CallFile::new(law, call)).collect()),
        }
    }

    /// Reads it back.
    ///
    /// # Errors
    ///
    /// It names something that the law does not have.
    pub fn read(&self, law: &Law) -> Result<Step, StepError> {
        match self {
            StepFile::Settle => Ok(Step::Settle),
            StepFile::Call(call) => call.read(law).map(Step::Call),
            StepFile::Together(calls) => {
                calls.iter().map(|call| call.read(law)).collect::<Result<_, _>>().map(Step::Together)
            }
        }
    }
}

impl CallFile {
    /// Writes a request down.
    pub fn new(law: &Law, call: &Call) -> CallFile {
        CallFile {
            operation: law[call.operation].name.to_string(),
            args: call.args.iter().map(|(n, s)| (n.to_string(), SymbolFile::new(law, s))).collect(),
        }
    }

    /// Reads it back.
    ///
    /// # Errors
    ///
    /// It names something that the law does not have.
    pub fn read(&self, law: &Law) -> Result<Call, StepError> {
        let operation = law.operation(&self.operation).ok_or_else(|| StepError::Operation(self.operation.clone()))?;
        let args =
            self.args.iter().map(|(n, s)| Ok((Arc::from(n.as_str()), s.read(law)?))).collect::<Result<_, _>>()?;
        Ok(Call { operation, args })
    }
}

impl SymbolFile {
    fn new(law: &Law, symbol: &Symbol) -> SymbolFile {
        match symbol {
            Symbol::Text(text) => SymbolFile::Text(text.to_string()),
            Symbol::Token(number) => SymbolFile::Token(*number),
            Symbol::Of { kind, ordinal, field } => {
                let name = &law[*kind].fields[*field as usize].name;
                SymbolFile::Of(format!("{}.{name}", handles::name(law, *kind, *ordinal)))
            }
            Symbol::List(items) => SymbolFile::List(items.iter().map(|s| SymbolFile::new(law, s)).collect()),
            Symbol::Struct(members) => {
                SymbolFile::Struct(members.iter().map(|(n, s)| (n.to_string(), SymbolFile::new(law, s))).collect())
            }
        }
    }

    fn read(&self, law: &Law) -> Result<Symbol, StepError> {
        Ok(match self {
            SymbolFile::Text(text) => Symbol::Text(text.as_str().into()),
            SymbolFile::Token(number) => Symbol::Token(*number),
            SymbolFile::Of(place) => {
                let wrong = || StepError::Symbol(place.clone());
                let (resource, field) = place.rsplit_once('.').ok_or_else(wrong)?;
                let (kind, ordinal) = handles::parse(law, resource).ok_or_else(wrong)?;
                Symbol::Of { kind, ordinal, field: law[kind].field(field).ok_or_else(wrong)? }
            }
            SymbolFile::List(items) => Symbol::List(items.iter().map(|s| s.read(law)).collect::<Result<_, _>>()?),
            SymbolFile::Struct(members) => Symbol::Struct(
                members.iter().map(|(n, s)| Ok((Arc::from(n.as_str()), s.read(law)?))).collect::<Result<_, _>>()?,
            ),
        })
    }
}
