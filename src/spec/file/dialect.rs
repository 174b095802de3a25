//! The part of the spec files that is about the wire: the protocol, products, codes of the service as a
//! whole, the form of answers, and how lists and statuses are written.
//!
//! Like the rest of the grammar ([`super`], which hands these types on) it resolves no name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{At, Level, SourceRef};

/// A wire protocol that this build speaks.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Form-encoded requests with flattened, one-based lists; XML answers with `<item>` lists; signed with SigV4.
    Ec2Query,
    /// Flattened, one-based lists in the query or a form; JSON or XML answers in which a list stands in a wrapper;
    /// signed with RPC v1 (HMAC-SHA1) or ACS3-HMAC-SHA256.
    Rpc,
}

impl Protocol {
    /// The fields of a successful answer that belong to the protocol, and that no operation lists.
    pub fn envelope(self) -> &'static [&'static str] {
        match self {
            Protocol::Ec2Query => &[],
            Protocol::Rpc => &["RequestId"],
        }
    }
}

/// A part of a cloud with an API version of its own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProductFile {
    /// The name for people.
    pub title: String,
    /// The API version that every request to it carries.
    pub version: String,
    /// The service name in the scope of a signature, where the protocol has scopes; the product's name unless given.
    #[serde(default)]
    pub service: Option<String>,
}

/// Error codes that are answers of the service as a whole rather than of an operation.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GeneralCodes {
    /// Too many requests: nothing is learnt, whatever was asked.
    #[serde(default)]
    pub throttled: Vec<String>,
    /// Too many requests about the same thing: nothing is learnt, unless a rule demands a refusal.
    #[serde(default)]
    pub busy: Vec<String>,
    /// The account's quota is used up: nothing is learnt.
    #[serde(default)]
    pub quota: Vec<String>,
    /// The caller may not do this: nothing is learnt.
    #[serde(default)]
    pub denied: Vec<String>,
    /// The operation does not exist at this target.
    #[serde(default)]
    pub unimplemented: Vec<String>,
    /// The code that the reference server gives where none is documented.
    #[serde(default)]
    pub undocumented: Option<String>,
    /// A request for another version of the API than its product's.
    #[serde(default)]
    pub version: Option<String>,
    /// A signature that is not the request's.
    #[serde(default)]
    pub signature: Option<String>,
    /// A request that is not signed, or not completely.
    #[serde(default)]
    pub incomplete: Option<String>,
    /// A key that nobody has.
    #[serde(default)]
    pub unknown_key: Option<String>,
    /// A nonce that was used before.
    #[serde(default)]
    pub replayed: Option<String>,
    /// A time of signing that is too far from the present.
    #[serde(default)]
    pub expired: Option<String>,
    /// A time of signing that is not written as the protocol has it.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// The HTTP status of each code that does not come with 400. An operation's own `[status]` comes first.
    #[serde(default)]
    pub status: BTreeMap<String, u16>,
}

impl GeneralCodes {
    /// The class of answers that a code belongs to, by its key, if it says nothing about the law.
    pub fn class(&self, code: &str) -> Option<&'static str> {
        let classes = [
            ("throttled", &self.throttled),
            ("busy", &self.busy),
            ("quota", &self.quota),
            ("denied", &self.denied),
            ("unimplemented", &self.unimplemented),
        ];
        classes.into_iter().find(|(_, codes)| codes.iter().any(|c| c == code)).map(|(class, _)| class)
    }
}

impl GeneralCodes {
    /// True for a code that refuses a request before anybody looks at what it asks: because of its signature, or of the
    /// version of the API that it names.
    pub fn turns_away(&self, code: &str) -> bool {
        let all = [
            &self.version,
            &self.signature,
            &self.incomplete,
            &self.unknown_key,
            &self.replayed,
            &self.expired,
            &self.timestamp,
        ];
        all.into_iter().flatten().any(|c| c == code)
    }

    /// True if an error with this code says nothing about the law, whatever else is wrong with it.
    pub fn says_nothing(&self, code: &str) -> bool {
        let lists = [&self.throttled, &self.quota, &self.denied, &self.unimplemented];
        self.turns_away(code) || lists.into_iter().flatten().any(|c| c == code)
    }
}

/// A rule about the form of every answer; which forms there are is the protocol's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WireRule {
    /// The rule's id.
    pub id: At<String>,
    /// The fault of form that breaks it.
    pub fault: WireFault,
    /// The operations whose answers it is about; all for which no other rule about the fault speaks, unless given.
    #[serde(default)]
    pub operations: Vec<At<String>>,
    /// How binding it is.
    pub level: Level,
    /// The statement.
    pub says: String,
    /// Where it is said.
    pub source: SourceRef,
}

/// A fault in the form of an answer that leaves its meaning readable.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum WireFault {
    /// No request id, or an empty one, in a successful answer.
    NoRequestId,
    /// No request id, or an empty one, in an error.
    NoErrorRequestId,
    /// The root element is not the one that belongs to the operation.
    RootElement,
    /// The root element is not in the protocol's namespace.
    Namespace,
    /// An error that is not in the protocol's envelope.
    ErrorEnvelope,
    /// A boolean that is not written `true` or `false`.
    BooleanSpelling,
    /// A list without its wrapping element, where an empty one is expected.
    MissingListWrapper,
    /// An element that is there but empty, where a value that is not set is left out.
    EmptyScalar,
    /// A value of another JSON type than the documented one: a text for a number, for instance.
    JsonType,
    /// A JSON object that has two members of one name.
    DuplicateMember,
    /// A request id that is no UUID in capital letters.
    RequestIdForm,
    /// A request id that an earlier answer of the same run has had.
    RepeatedRequestId,
    /// An error that does not name the host that answers.
    NoHostId,
    /// An error that does not say where its code is explained.
    NoRecommend,
    /// An error whose HTTP status is not the one that `[codes.status]` gives for its code. What an operation's own
    /// `[status]` says is a rule of that operation.
    Status,
}

impl WireFault {
    /// The name of the fault in the specs.
    pub fn name(self) -> &'static str {
        match self {
            WireFault::NoRequestId => "no-request-id",
            WireFault::NoErrorRequestId => "no-error-request-id",
            WireFault::RootElement => "root-element",
            WireFault::Namespace => "namespace",
            WireFault::ErrorEnvelope => "error-envelope",
            WireFault::BooleanSpelling => "boolean-spelling",
            WireFault::MissingListWrapper => "missing-list-wrapper",
            WireFault::EmptyScalar => "empty-scalar",
            WireFault::JsonType => "json-type",
            WireFault::DuplicateMember => "duplicate-member",
            WireFault::RequestIdForm => "request-id-form",
            WireFault::RepeatedRequestId => "repeated-request-id",
            WireFault::NoHostId => "no-host-id",
            WireFault::NoRecommend => "no-recommend",
            WireFault::Status => "status",
        }
    }

    /// True if a successful answer can have it.
    pub fn in_success(self) -> bool {
        use WireFault::*;
        !matches!(self, ErrorEnvelope | NoErrorRequestId | NoHostId | NoRecommend | Status)
    }

    /// True if an error can have it.
    pub fn in_error(self) -> bool {
        use WireFault::*;
        match self {
            ErrorEnvelope | NoErrorRequestId | NoHostId | NoRecommend | Status => true,
            DuplicateMember | RequestIdForm | RepeatedRequestId => true,
            NoRequestId | RootElement | Namespace | BooleanSpelling | MissingListWrapper | EmptyScalar | JsonType => {
                false
            }
        }
    }
}

/// One HTTP status, or several of which any is right.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Statuses {
    /// One status.
    One(u16),
    /// Any of these.
    Several(Vec<u16>),
}

impl Statuses {
    /// Each of them.
    pub fn all(&self) -> &[u16] {
        match self {
            Statuses::One(status) => std::slice::from_ref(status),
            Statuses::Several(statuses) => statuses,
        }
    }
}

/// How the elements of a list are written as one value.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Joined {
    /// With commas between them.
    Comma,
    /// As a JSON array of strings.
    Json,
}
