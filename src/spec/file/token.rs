//! What spec files say of tokens, by which a request that is sent again is known to be the same one.
//!
//! A part of the grammar, as [`super`] is. Imports only that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{At, Level, SourceRef};

/// A parameter by which a request that is sent again is known to be the same one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenFile {
    /// The parameter's name; an operation takes part if it declares it.
    pub parameter: At<String>,
    /// How binding it is that a repeat changes nothing, and that a token is not used for something else.
    pub level: Level,
    /// Where it is said.
    pub source: SourceRef,
    /// The codes that a token used for other parameters is refused with; empty for any client error.
    #[serde(default)]
    pub codes: Vec<String>,
    /// How binding the codes are; the same as `level` unless given.
    #[serde(default)]
    pub codes_level: Option<Level>,
    /// Where the codes are said, if elsewhere.
    #[serde(default)]
    pub codes_source: Option<SourceRef>,
    /// Whether two operations may be sent the same token.
    #[serde(default)]
    pub scope: TokenScope,
    /// For how many seconds after the answer a token is certainly remembered; later, either answer is right.
    #[serde(default = "a_minute")]
    pub remembered: u32,
    /// What becomes of a token whose request was refused.
    #[serde(default)]
    pub after_failure: AfterFailure,
    /// Codes with which a repeat may be refused while what the first request began is still under way; leave it out if
    /// it may not.
    #[serde(default)]
    pub under_way: Vec<String>,
}

fn a_minute() -> u32 {
    60
}

/// Where one operation departs from what the cloud says of tokens.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OperationTokenFile {
    /// Whether a repeat must be answered like the first request.
    #[serde(default)]
    pub repeat: TokenDemand,
    /// Whether the same token with other parameters must be refused.
    #[serde(default)]
    pub mismatch: TokenDemand,
    /// Another level than the cloud's.
    #[serde(default)]
    pub level: Option<Level>,
    /// Another source than the cloud's.
    #[serde(default)]
    pub source: Option<SourceRef>,
    /// Other codes than the cloud's; they are as binding as `codes-level` of this table, or else as its rule.
    #[serde(default)]
    pub codes: Option<Vec<String>>,
    /// How binding the codes are.
    #[serde(default)]
    pub codes_level: Option<Level>,
    /// Where the codes are said, if elsewhere.
    #[serde(default)]
    pub codes_source: Option<SourceRef>,
    /// Another time than the cloud's, in seconds.
    #[serde(default)]
    pub remembered: Option<u32>,
    /// Another fate of a token whose request was refused.
    #[serde(default)]
    pub after_failure: Option<AfterFailure>,
    /// Other codes for a repeat of what is under way.
    #[serde(default)]
    pub under_way: Option<Vec<String>>,
}

/// What the law says of a token that is sent again.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TokenDemand {
    /// It is a rule.
    #[default]
    Demanded,
    /// The law is silent: either answer is right.
    Open,
}

/// What one token sent to two operations means.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TokenScope {
    /// Nothing: each operation has tokens of its own.
    #[default]
    Operation,
    /// It is the same token with other parameters.
    Account,
    /// Nobody knows: either answer is right.
    Open,
}

/// What becomes of a token whose request was refused.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum AfterFailure {
    /// Nobody knows: either answer is right.
    #[default]
    Open,
    /// It is as good as new.
    New,
}
