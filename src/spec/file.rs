//! The spec files as they are written: one Rust type for each TOML table.
//!
//! This is the grammar, and nothing else: no name is resolved and no expression compiled here (that is
//! [`mod@super::load`]). The JSON Schema that editors use is generated from these types, and their doc comments are its
//! descriptions, so each says what its author must know.
//!
//! What is said of tokens stands in `token`, of the user's account in `account`, of the wire in `dialect`, of the texts in
//! `documents`. Imports nothing of the crate.

mod account;
mod dialect;
mod documents;
mod facts;
mod token;

use std::{borrow::Cow, collections::BTreeMap, ops::Deref, ops::Range};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

pub use account::{CredentialNames, HostPattern, Mark, ProfilesFile, ProfilesFormat};
pub use dialect::{GeneralCodes, Joined, ProductFile, Protocol, Statuses, WireFault, WireRule};
pub use documents::{DepartureFile, DocumentFile, DocumentPart, DocumentScope, DocumentsFile, ExcusedFile};
pub use facts::{EquivalentFile, FactFile, FactsFile};
pub use token::{AfterFailure, OperationTokenFile, TokenDemand, TokenFile, TokenScope};

/// The version of the grammar that this build reads; `format` of `cloud.toml` must be the same.
pub const FORMAT: u32 = 1;

/// A value together with the bytes of the file that it was read from, so that an error can point at them.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub struct At<T>(toml::Spanned<T>);

impl<T> At<T> {
    /// The byte range of the value in its file.
    pub fn span(&self) -> Range<usize> {
        self.0.span()
    }
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.get_ref()
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.get_ref().serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
    fn inline_schema() -> bool {
        T::inline_schema()
    }
}

/// How binding a rule is.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A convention that the other rules need; nobody promises it.
    Assumed,
    /// The provider says so, but not in a document that the law is derived from.
    Should,
    /// One of the documents that the law is derived from says so.
    Must,
}

impl Level {
    /// All of them, the most binding first.
    pub const ALL: [Level; 3] = [Level::Must, Level::Should, Level::Assumed];

    /// Its name, in spec files, reports and on the terminal.
    pub fn name(self) -> &'static str {
        match self {
            Level::Must => "must",
            Level::Should => "should",
            Level::Assumed => "assumed",
        }
    }
}

/// `cloud.toml`: what is true of every operation of a cloud.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CloudFile {
    /// The version of this grammar; 1.
    pub format: At<u32>,
    /// The short name that `--cloud` accepts.
    pub cloud: At<String>,
    /// The name for people.
    pub title: String,
    /// How requests and answers are written.
    pub protocol: At<Protocol>,
    /// The parts of the cloud that have an API version of their own, by name; at least one.
    pub product: BTreeMap<String, ProductFile>,
    /// The XML namespace of a successful answer's root element.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The region used unless the user names one.
    pub region: String,
    /// Parameters that clients may send with any operation, and that change nothing. An operation that declares one of
    /// them has it like any other.
    #[serde(default)]
    pub ignores: Vec<String>,
    /// Where the user's credentials are.
    #[serde(default)]
    pub credentials: CredentialNames,
    /// The hosts of the real cloud, where what a run makes costs money.
    #[serde(default)]
    pub billable_hosts: Vec<HostPattern>,
    /// Where statements come from: the documents themselves, and what else the provider publishes.
    pub sources: BTreeMap<String, Source>,
    /// Answers that say nothing about the law.
    #[serde(default)]
    pub codes: GeneralCodes,
    /// The parameter that asks for a rehearsal, if the cloud has one.
    #[serde(default)]
    pub dry_run: Option<DryRun>,
    /// The parameter by which a repeated request is known, if the cloud has one.
    #[serde(default)]
    pub token: Option<TokenFile>,
    /// What follows from the tables of parameters alone.
    #[serde(default)]
    pub convention: Vec<Convention>,
    /// Rules about how answers are written.
    #[serde(default)]
    pub wire: Vec<WireRule>,
    /// Questions that the documents leave open, or answer twice.
    #[serde(default)]
    pub reading: Vec<ReadingFile>,
}

/// A text that rules are taken from.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Source {
    /// Its title.
    pub title: String,
    /// Where it is published.
    #[serde(default)]
    pub url: Option<String>,
}

/// A parameter that makes any operation a rehearsal.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DryRun {
    /// The parameter's name; an operation takes part if it declares it.
    pub parameter: At<String>,
    /// The error code that says "this would have worked".
    pub code: String,
}

/// A rule for every parameter of one kind, in place of one rule a parameter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Convention {
    /// What the request has wrong.
    pub defect: At<Defect>,
    /// How binding the refusal is where the operation's own tables do not say so (`required`, for instance, is as
    /// binding as the operation's document).
    pub level: Level,
    /// How binding the codes are; the same as `level` unless given. Not for `malformed`, `unknown` and `stale`.
    #[serde(default)]
    pub codes_level: Option<At<Level>>,
    /// The codes that the refusal may carry; empty for any. Not for `malformed`, `unknown` and `stale`, whose codes are
    /// those of the kind of resource, or of the parameter.
    #[serde(default)]
    pub codes: Vec<At<String>>,
    /// The statement; `{parameter}` and `{operation}` are put in.
    pub says: String,
    /// Where it is said.
    pub source: SourceRef,
    /// For `undeclared`: such a parameter is passed over, and the request is judged as if it were not there.
    #[serde(default)]
    pub ignored: bool,
}

/// A way in which a single parameter is wrong, whatever the state of the world.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A required parameter is absent.
    Required,
    /// Its text is not of the parameter's type.
    Type,
    /// A number outside `min` and `max`.
    Range,
    /// A text that is not one of `enum`.
    Enum,
    /// A text that does not match `pattern`.
    Form,
    /// A text that is longer than `max-length`.
    Length,
    /// A reference that does not have the form of its kind.
    Malformed,
    /// A reference of the right form that names nothing.
    Unknown,
    /// A reference to something that is gone.
    Stale,
    /// A parameter that the operation does not have.
    Undeclared,
}

impl Defect {
    /// The last part of the ids of the rules that follow from this defect.
    pub fn name(self) -> &'static str {
        match self {
            Defect::Required => "required",
            Defect::Type => "type",
            Defect::Range => "range",
            Defect::Enum => "enum",
            Defect::Form => "form",
            Defect::Length => "length",
            Defect::Malformed => "malformed",
            Defect::Unknown => "unknown",
            Defect::Stale => "stale",
            Defect::Undeclared => "undeclared",
        }
    }
}

/// A place in a source.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SourceRef {
    /// A key of `[sources]`.
    pub text: At<String>,
    /// The place in it: `paragraph 2`, `parameter Size`, a section's name.
    pub at: String,
}

/// A question that the documents do not settle, and the answers a user may choose from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReadingFile {
    /// The name that `--reading NAME=CHOICE` uses.
    pub name: At<String>,
    /// The question.
    pub question: String,
    /// Each choice with what it means.
    pub choices: BTreeMap<String, String>,
    /// The choice in force unless the user picks another.
    pub default: At<String>,
    /// Why that is the default.
    pub because: String,
    /// Where the texts disagree.
    pub source: SourceRef,
}

/// `resources.toml`: the kinds of thing that operations create, change and show.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResourcesFile {
    /// Each kind by its name.
    pub resource: BTreeMap<String, ResourceFile>,
}

/// One kind of resource.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResourceFile {
    /// The name for people.
    pub title: String,
    /// The field that names one of them; must be of kind `id`.
    #[serde(default)]
    pub id: Option<At<String>>,
    /// The operations that get rid of one, in this order; each must have a parameter that names this kind.
    #[serde(default)]
    pub undo: Vec<At<String>>,
    /// True in the states in which a deleted one may still be shown for a while (CEL over `self`).
    #[serde(default)]
    pub lingers: Option<At<String>>,
    /// True in the states in which one may go by itself, nobody knows when (CEL over `self`).
    #[serde(default)]
    pub fades: Option<At<String>>,
    /// One comes about only by a request that makes it: the service makes none by itself in what others have made.
    #[serde(default)]
    pub only_by_request: bool,
    /// The codes for a reference that names nothing.
    #[serde(default)]
    pub unknown: Option<Refusal>,
    /// The codes for a reference of the wrong form.
    #[serde(default)]
    pub malformed: Option<Refusal>,
    /// What one of them knows.
    pub field: BTreeMap<String, FieldFile>,
    /// What an answer shows of one of them.
    #[serde(default)]
    pub view: BTreeMap<String, ViewFile>,
    /// Filter names of reading operations, each with the field (or path) that it compares; of several paths, any one.
    #[serde(default)]
    pub filter: BTreeMap<String, At<Paths>>,
}

/// Codes for a refusal and how binding they are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Refusal {
    /// Any of these is right; empty for any client error.
    #[serde(default)]
    pub codes: Vec<String>,
    /// How binding the refusal is.
    pub level: Level,
    /// How binding the codes are; the same as `level` unless given.
    #[serde(default)]
    pub codes_level: Option<Level>,
    /// Where it is said.
    pub source: SourceRef,
    /// What the real service has been seen to do, where that differs.
    #[serde(default)]
    pub observed: Option<String>,
}

/// A field of a resource.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FieldFile {
    /// What kind of value it holds.
    pub kind: FieldKind,
    /// For `id` and `chosen`: the form of a made-up one. `{hex17}` stands for 17 hexadecimal digits, `{n}` for a
    /// number from 1 to 254.
    #[serde(default)]
    pub mint: Option<At<String>>,
    /// For `id` and `chosen`: the regular expression that every one of them matches.
    #[serde(default)]
    pub pattern: Option<At<String>>,
    /// For `chosen`: no two live resources of the kind share a value.
    #[serde(default)]
    pub unique: bool,
    /// For `state`: the values that it can have.
    #[serde(default)]
    pub values: Vec<String>,
    /// For `ref`: the kind of resource that it points to.
    #[serde(default)]
    pub to: Option<At<String>>,
    /// For `inverse` and `inverse-one`: `kind.field`, the reference that points here.
    #[serde(default)]
    pub of: Option<At<String>>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// The name that the service gives it: unique, never changing, unknown until first seen.
    Id,
    /// Another value that the service chooses: never changing, unknown until first seen.
    Chosen,
    /// A text that the law knows.
    Text,
    /// A whole number that the law knows.
    Integer,
    /// True or false.
    Flag,
    /// One of a few named values.
    State,
    /// Another resource, or none.
    Ref,
    /// All live resources whose reference points here.
    Inverse,
    /// The one live resource whose reference points here, or none.
    InverseOne,
}

/// A field of an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ViewFile {
    /// Its type on the wire.
    #[serde(rename = "type")]
    pub kind: ScalarType,
    /// Its name on the wire; the protocol's usual form of the field's name unless given. `a/b` is an element in an
    /// element.
    #[serde(default)]
    pub wire: Option<String>,
    /// The field or path of the resource that it shows (`owner.name`); a list of paths shows the first that
    /// is not null. Without it the field is known but not judged.
    #[serde(default)]
    pub shows: Option<At<Paths>>,
    /// Instead of `shows`: a value computed with CEL over `self`.
    #[serde(default)]
    pub value: Option<At<String>>,
    /// Instead of `shows`: a list of other resources, each shown with its own view; a path to an `inverse` field.
    #[serde(default)]
    pub list: Option<At<String>>,
    /// It is judged only while this holds (CEL over `self`).
    #[serde(default, rename = "while")]
    pub while_: Option<At<String>>,
    /// Its value may have another JSON type than the documented one.
    #[serde(default)]
    pub any_json: bool,
    /// The operations whose answers the row's `level` and `source` are about. In others the row is a rule of its own.
    #[serde(default)]
    pub operations: Vec<At<String>>,
    /// False for a field that the reference server shows, because clients wait for it, but that is not judged.
    #[serde(default = "yes")]
    pub judged: bool,
    /// The values that the wire may carry.
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    /// Values that are as right as its own.
    #[serde(default)]
    pub besides: Vec<String>,
    /// May be left out even when it has a value.
    #[serde(default)]
    pub optional: bool,
    /// How binding the field is; the operation's level unless given.
    #[serde(default)]
    pub level: Option<Level>,
    /// Where it is said.
    #[serde(default)]
    pub source: Option<SourceRef>,
    /// The statement; a general one unless given.
    #[serde(default)]
    pub says: Option<String>,
}

fn yes() -> bool {
    true
}

/// One path, or several to try in turn.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Paths {
    /// One path.
    One(String),
    /// The first that is not null.
    Several(Vec<String>),
}

impl Paths {
    /// Each of them.
    pub fn all(&self) -> &[String] {
        match self {
            Paths::One(path) => std::slice::from_ref(path),
            Paths::Several(paths) => paths,
        }
    }
}

/// The type of a value on the wire.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ScalarType {
    /// Any text.
    String,
    /// A whole number in decimal digits.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A moment, ISO 8601.
    Timestamp,
    /// Several values.
    List,
    /// Named values.
    Struct,
}

/// `operations/NAME.toml`: one operation.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OperationFile {
    /// Its name on the wire.
    pub operation: At<String>,
    /// What it does, in one sentence.
    pub summary: String,
    /// The key of the source that its tables are taken from.
    pub source: At<String>,
    /// How binding its tables are: `must` if its source is one of the documents.
    pub level: Level,
    /// The product that it belongs to: a key of `[product]`. May be left out where the cloud has only one.
    #[serde(default)]
    pub product: Option<At<String>>,
    /// The HTTP status that its table of errors gives for a code; of several any is right.
    #[serde(default)]
    pub status: BTreeMap<String, At<Statuses>>,
    /// Its parameters.
    #[serde(default)]
    pub input: BTreeMap<String, ParameterFile>,
    /// What a successful answer holds.
    #[serde(default)]
    pub output: BTreeMap<String, OutputFile>,
    /// How it behaves.
    #[serde(default)]
    pub rule: Vec<RuleFile>,
    /// Where the law is silent, said aloud.
    #[serde(default)]
    pub open: Vec<OpenFile>,
    /// Where it departs from what the cloud says of tokens.
    #[serde(default)]
    pub token: Option<At<OperationTokenFile>>,
}

/// A parameter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ParameterFile {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ScalarType,
    /// For a list: the type of its elements.
    #[serde(default)]
    pub of: Option<ScalarType>,
    /// For a struct, or a list of them: its members.
    #[serde(default)]
    pub fields: BTreeMap<String, ParameterFile>,
    /// Its name on the wire; the protocol's usual form of the name unless given.
    #[serde(default)]
    pub wire: Option<String>,
    /// For a list of scalars: its elements are written as one value, in this way, instead of one by one.
    #[serde(default)]
    pub joined: Option<Joined>,
    /// A request without it is refused.
    #[serde(default)]
    pub required: bool,
    /// The value that an absent one stands for.
    #[serde(default)]
    pub default: Option<Literal>,
    /// The smallest number.
    #[serde(default)]
    pub min: Option<i64>,
    /// The largest number.
    #[serde(default)]
    pub max: Option<i64>,
    /// The values that it may have.
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    /// The regular expression that a text matches as a whole.
    #[serde(default)]
    pub pattern: Option<At<String>>,
    /// How many characters a text has at most. How binding that is, the convention says.
    #[serde(default)]
    pub max_length: Option<u32>,
    /// It names a resource: `kind` (by its id) or `kind.field`. A list of them: it names a resource of any of these
    /// kinds, each of which has a variable of its own.
    #[serde(default)]
    pub names: Option<At<Paths>>,
    /// With `names`: texts that match this regular expression as a whole are no names, and stand for themselves.
    #[serde(default)]
    pub plain: Option<At<String>>,
    /// With several kinds in `names`: another parameter tells which of them a request means.
    #[serde(default)]
    pub told: Option<ToldFile>,
    /// The variable that rules know the named resource by; the kind's name unless given (for a list: with an `s`).
    #[serde(default, rename = "as")]
    pub variable: Option<At<String>>,
    /// A reference to something gone is a reference still: rules see it with `live` false, instead of refusing it as
    /// unknown.
    #[serde(default)]
    pub accepts_gone: bool,
    /// The law does not say how a reference that names nothing is answered here, whatever it says of the kind: it may
    /// be accepted as well, and nobody knows what comes of that.
    #[serde(default)]
    pub unknown_open: bool,
    /// For a list: what comes of a name that names nothing, or something gone, beside one of something that is there,
    /// is left open.
    #[serde(default)]
    pub mixed_open: bool,
    /// A name that names nothing, or something gone, is passed over, as if it were not in the request.
    #[serde(default)]
    pub passes_over: bool,
    /// The codes for a reference that names nothing, where they are not the kind's own.
    #[serde(default)]
    pub unknown: Option<Refusal>,
    /// The codes for a malformed reference, where they are not the kind's own.
    #[serde(default)]
    pub malformed: Option<Refusal>,
    /// Values to send, all of them valid. `{region}` stands for the region of the run.
    #[serde(default)]
    pub examples: Vec<Literal>,
    /// How often it is sent when it need not be.
    #[serde(default)]
    pub sent: Sent,
    /// What a run sends in it to mark what it makes as its own.
    #[serde(default)]
    pub mark: Option<Mark>,
    /// It holds the filters of a reading operation: a list of structs of a name and a list of values.
    #[serde(default)]
    pub filters: Option<FiltersFile>,
    /// For a reading operation: it shows only resources of which this field or path has the value of the parameter; of
    /// several paths, any one.
    #[serde(default)]
    pub matches: Option<At<Paths>>,
    /// The place in the operation's source; `parameter NAME` unless given.
    #[serde(default)]
    pub at: Option<String>,
    /// How binding the parameter's row is; the operation's level unless given.
    #[serde(default)]
    pub level: Option<Level>,
    /// Another source than the operation's for the limits (`min`, `max`, `enum`, `pattern`) of this row, or other codes
    /// than the convention's.
    #[serde(default)]
    pub limits: Option<LimitSource>,
}

/// The parameter that tells which kind of resource another one names.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ToldFile {
    /// Its name.
    pub by: At<String>,
    /// Its values, each with the kind that it stands for; or with `plain`, for a text that is no name.
    #[serde(rename = "as")]
    pub kinds: BTreeMap<String, At<String>>,
}

/// Where the limits of a parameter are said, and how binding they are.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitSource {
    /// How binding they are.
    pub level: Level,
    /// Where it is said.
    pub source: SourceRef,
    /// The codes of the refusal, where they are not the convention's; any of them is right.
    #[serde(default)]
    pub codes: Vec<String>,
    /// How binding these codes are; the same as `level` unless given.
    #[serde(default)]
    pub codes_level: Option<Level>,
}

/// Which members of a filter are its name and its values.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FiltersFile {
    /// The member that holds the name.
    pub name: String,
    /// The member that holds the values.
    pub values: String,
}

/// How often an optional parameter is sent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Sent {
    /// Whenever the request is meant to be a good one.
    Always,
    /// Now and then.
    #[default]
    Sometimes,
    /// Declared so that a client may send it, but not generated.
    Never,
}

/// A literal of a spec file.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(untagged)]
pub enum Literal {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

/// A field of a successful answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OutputFile {
    /// Its type on the wire.
    #[serde(rename = "type")]
    pub kind: ScalarType,
    /// Its name on the wire; `a/b` is a list in each item of a list (or an element in an element).
    #[serde(default)]
    pub wire: Option<String>,
    /// A path from a variable: `made.id`.
    #[serde(default)]
    pub shows: Option<At<Paths>>,
    /// Instead of `shows`: a value computed with CEL.
    #[serde(default)]
    pub value: Option<At<String>>,
    /// The field is one resource, or a list of resources, of this kind, each shown with its view.
    #[serde(default)]
    pub view: Option<At<String>>,
    /// Which resources those are (CEL); in a reading operation, leave it out and give `selects`.
    #[serde(default)]
    pub of: Option<At<String>>,
    /// A reading operation's list: every resource of the kind that the request selects.
    #[serde(default)]
    pub selects: Option<SelectsFile>,
    /// How many resources another output's list would have if it were not cut into pages: the name of that output.
    #[serde(default)]
    pub counts: Option<At<String>>,
    /// Fields of the view that this answer may leave out.
    #[serde(default)]
    pub later: Vec<String>,
    /// The values that the wire may carry.
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    /// May be left out.
    #[serde(default)]
    pub optional: bool,
    /// A text here means that the lists of this answer go on in another one: what is not in them may be there.
    #[serde(default)]
    pub continues: bool,
    /// How binding the field is; the operation's level unless given.
    #[serde(default)]
    pub level: Option<Level>,
    /// Where it is said; `output NAME` of the operation's source unless given.
    #[serde(default)]
    pub source: Option<SourceRef>,
    /// The statement; a general one unless given.
    #[serde(default)]
    pub says: Option<String>,
}

/// How a reading operation selects what it shows.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SelectsFile {
    /// Parameters that name resources of the kind; none of them given selects all.
    #[serde(default)]
    pub by: Vec<At<String>>,
    /// The parameter that holds filters.
    #[serde(default)]
    pub filter: Option<At<String>>,
    /// The list is cut into pages, of which the answer shows one.
    #[serde(default)]
    pub page: Option<PageFile>,
}

/// The parameters that say which page of a list is shown.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PageFile {
    /// The one that holds the number of the page, from 1; needs a `default`.
    pub number: At<String>,
    /// The one that holds how much a page holds at most; needs a `default`.
    pub size: At<String>,
}

/// A rule of behaviour. It has exactly one of `refuse`, `permit`, `effect` and `keeps`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RuleFile {
    /// Its id: what findings, `--only` and `--skip` call it.
    pub id: At<String>,
    /// How binding it is.
    pub level: Level,
    /// The statement, in one plain sentence.
    pub says: String,
    /// Where it is said.
    pub source: SourceRef,
    /// The request is refused when this holds (CEL). A rule applies only to requests in which every reference that it
    /// reads resolves.
    #[serde(default)]
    pub refuse: Option<At<String>>,
    /// The request must not be refused when this holds and no rule refuses it (CEL).
    #[serde(default)]
    pub permit: Option<At<String>>,
    /// What an accepted request changes.
    #[serde(default)]
    pub effect: Vec<EffectFile>,
    /// The resource, or list of resources, that an accepted request leaves as it was (CEL).
    #[serde(default)]
    pub keeps: Option<At<String>>,
    /// With `refuse`: any of these codes is right; empty for any client error.
    #[serde(default)]
    pub codes: Vec<String>,
    /// How binding the codes are; the same as `level` unless given.
    #[serde(default)]
    pub codes_level: Option<Level>,
    /// Where the codes are said, if elsewhere.
    #[serde(default)]
    pub codes_source: Option<SourceRef>,
    /// In force only under this reading: `name=choice`.
    #[serde(default)]
    pub under: Option<At<String>>,
    /// What the real service has been seen to do, where that differs.
    #[serde(default)]
    pub observed: Option<String>,
}

/// One change. It has exactly one of `create`, `delete` and `change`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EffectFile {
    /// Only when this holds (CEL).
    #[serde(default)]
    pub when: Option<At<String>>,
    /// Once for each element of this list (CEL), which the other expressions know as `it`.
    #[serde(default)]
    pub each: Option<At<String>>,
    /// A new resource of this kind.
    #[serde(default)]
    pub create: Option<At<String>>,
    /// With `create`: the variable that later expressions know it by (with `each` too: the list of them).
    #[serde(default, rename = "as")]
    pub variable: Option<At<String>>,
    /// The resource that goes (CEL).
    #[serde(default)]
    pub delete: Option<At<String>>,
    /// The resource that changes (CEL).
    #[serde(default)]
    pub change: Option<At<String>>,
    /// With `create` and `change`: fields with their new values (CEL).
    #[serde(default)]
    pub set: BTreeMap<String, At<String>>,
    /// Not at once but later.
    #[serde(default)]
    pub after: Option<AfterFile>,
}

/// When a later change happens, in seconds from the request (CEL, whole numbers).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AfterFile {
    /// Not before; at any moment after the answer unless given.
    #[serde(default)]
    pub earliest: Option<At<String>>,
    /// Not after; never late unless given.
    #[serde(default)]
    pub latest: Option<At<String>>,
    /// When the reference server does it; the latest moment unless given.
    #[serde(default)]
    pub usually: Option<At<String>>,
    /// It may have happened when the answer is written.
    #[serde(default)]
    pub at_once: bool,
    /// With `each`: it happens to all elements in one moment, instead of to each in its own.
    #[serde(default)]
    pub as_one: bool,
    /// It does not happen if this holds when its moment comes (CEL over `it`, the resource that would change).
    #[serde(default)]
    pub unless: Option<At<String>>,
    /// It happens in one go with the effect that stands before it in the file, whose rule may be another.
    #[serde(default)]
    pub together: Option<At<bool>>,
}

/// Something about which the law is silent: either answer is right.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OpenFile {
    /// Its id.
    pub id: At<String>,
    /// The question.
    pub says: String,
    /// Why no answer is demanded.
    pub because: String,
    /// The requests that it is about (CEL).
    pub either: At<String>,
    /// What comes of such a request if it is accepted: the effects that the rules describe, or nobody knows.
    #[serde(default)]
    pub accepted: Accepted,
    /// Parameters of which a wrong value need not be refused then: they may mean nothing to such a request. The question
    /// comes up only where one of them has a wrong value.
    #[serde(default)]
    pub excuses: Vec<At<String>>,
    /// In force only under this reading: `name=choice`.
    #[serde(default)]
    pub under: Option<At<String>>,
}

/// What comes of a request about which the law is silent, if it is accepted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Accepted {
    /// Nobody knows: nothing can be judged afterwards.
    #[default]
    Unknown,
    /// What the rules say of any other such request.
    AsUsual,
}
