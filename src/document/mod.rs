//! Providers' documents: what each says of an operation, and what the law makes of it.
//!
//! | File | What it is for |
//! | --- | --- |
//! | `rst_page` | boto3's reference pages in reStructuredText; `syntax` reads the Python literals in them. |
//! | `text_page` | Alibaba Cloud's API pages, as plain text. |
//! | `service_model` | botocore's `service-2.json`. |
//! | `metadata` | Alibaba Cloud's OpenAPI metadata, one JSON object an operation. |
//! | `prose` | What sentences say for programs: defaults, values, ranges; and which of them look like rules. |
//! | [`mod@derive`] | A document as the beginning of a spec. |
//! | [`statute`] | The law and a document side by side: which operation, and which entry of `documents.toml`. |
//! | [`compare`] | Tables against tables. |
//! | [`cover`] | Which rules rest on which paragraph. |
//! | [`diff`] | All that differs, without what the law departs from on purpose. |
//!
//! The readers make one neutral [`Operation`] of whatever they read, or say where they do not understand it: never a part
//! of it. A document comes from outside, so every size and depth is bounded. Imports only `spec`.

pub mod compare;
pub mod cover;
pub mod derive;
pub mod diff;
mod error;
mod metadata;
mod prose;
mod rst_page;
mod service_model;
pub mod statute;
mod syntax;
mod text_page;

use std::{fmt, io::Read};

use flate2::read::GzDecoder;
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use error::DocumentError;
pub use prose::rule_word;

use crate::spec::{file::Protocol, spot::Spot};
use error::Text;

/// The largest document that is read, in bytes; a compressed one, when it is unpacked.
pub const LARGEST: u64 = 64 * 1024 * 1024;

/// How deep structures are followed. Some of botocore's refer to themselves.
const DEEPEST: usize = 12;

/// The most members that the structures of one operation may have together.
const MOST_MEMBERS: usize = 50_000;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A reference page of boto3, in reStructuredText.
    RstPage,
    /// An API page of Alibaba Cloud, as plain text.
    TextPage,
    /// A service model of botocore.
    ServiceModel,
    /// OpenAPI metadata of Alibaba Cloud.
    Metadata,
}

impl Format {
    /// The protocol that the operations of such a document are asked for by.
    pub fn protocol(self) -> Protocol {
        match self {
            Format::RstPage | Format::ServiceModel => Protocol::Ec2Query,
            Format::TextPage | Format::Metadata => Protocol::Rpc,
        }
    }

    /// True if it is prose for people, about one operation.
    pub fn is_page(self) -> bool {
        matches!(self, Format::RstPage | Format::TextPage)
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        match self {
            Format::RstPage => "boto3 reference page",
            Format::TextPage => "Alibaba Cloud API page",
            Format::ServiceModel => "botocore service model",
            Format::Metadata => "Alibaba Cloud OpenAPI metadata",
        }
    }
}

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// A line, from one.
    Line(usize),
    /// A path of keys in JSON.
    Path(String),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Line(line) => write!(f, "line {line}"),
            At::Path(path) => f.write_str(path),
        }
    }
}

impl Serialize for At {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A text.
    String,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Float,
    /// True or false.
    Boolean,
    /// A moment.
    Timestamp,
    /// Bytes.
    Bytes,
    /// Several of a kind; nothing is known of them where the document does not say.
    List(Option<Box<Kind>>),
    /// Members.
    Struct(Vec<Member>),
    /// Texts by name, or what the document calls by a word of its own.
    Other(String),
}

impl Kind {
    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Kind::String => "string".into(),
            Kind::Integer => "integer".into(),
            Kind::Float => "float".into(),
            Kind::Boolean => "boolean".into(),
            Kind::Timestamp => "timestamp".into(),
            Kind::Bytes => "bytes".into(),
            Kind::List(None) => "list".into(),
            Kind::List(Some(of)) => format!("list of {}", of.name()),
            Kind::Struct(_) => "struct".into(),
            Kind::Other(name) => name.clone(),
        }
    }

    /// The members of a structure, or of the structures in a list.
    pub fn members(&self) -> &[Member] {
        match self {
            Kind::Struct(members) => members,
            Kind::List(Some(of)) => of.members(),
            _ => &[],
        }
    }
}

/// A parameter, a field of an answer, or a member of a structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its name on the wire, where the document tells it.
    pub wire: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// It must be there.
    pub required: bool,
    /// What an absent one stands for.
    pub default: Option<String>,
    /// The smallest number.
    pub min: Option<i64>,
    /// The largest number.
    pub max: Option<i64>,
    /// How many characters a text has at most.
    pub longest: Option<u32>,
    /// The values that a text may have; empty for any.
    pub values: Vec<String>,
    /// Where it stands.
    pub at: At,
}

impl Member {
    fn new(name: impl Into<String>, kind: Kind, at: At) -> Member {
        Member {
            name: name.into(),
            wire: None,
            kind,
            required: false,
            default: None,
            min: None,
            max: None,
            longest: None,
            values: Vec::new(),
            at,
        }
    }
}

/// A row of a table of errors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorRow {
    /// The code, or the placeholder that stands for one.
    pub code: String,
    /// The HTTP status.
    pub status: Option<u16>,
    /// Where it stands.
    pub at: At,
}

/// A piece of prose: a paragraph of the description, or all that is said of a parameter, a field or a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// Which.
    pub spot: Spot,
    /// What it says, without marks of layout.
    pub text: String,
    /// The word by which it looks like a rule, if it does.
    pub rule_word: Option<&'static str>,
    /// Where it begins.
    pub at: At,
}

impl Passage {
    fn new(spot: Spot, text: String, at: At) -> Passage {
        let rule_word = prose::rule_word(&text);
        Passage { spot, text, rule_word, at }
    }

    /// Eight hexadecimal digits that change with the wording, but not with the layout: of its letters and digits alone.
    pub fn fingerprint(&self) -> String {
        let plain: String = self.text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let hash = Sha256::digest(plain.as_bytes());
        hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Its first words, for people who look for it.
    pub fn first_words(&self) -> String {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        match words.len() {
            0..=7 => words.join(" "),
            _ => format!("{} …", words[..6].join(" ")),
        }
    }
}

/// What a document says of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// The API version, where the document tells it.
    pub version: Option<String>,
    /// Its parameters.
    pub parameters: Vec<Member>,
    /// What a successful answer holds; none if the document does not tell.
    pub response: Option<Vec<Member>>,
    /// Its table of errors; none if the document has none.
    pub errors: Option<Vec<ErrorRow>>,
    /// All its prose, in the order of the document; none if the document is tables alone.
    pub passages: Option<Vec<Passage>>,
    /// How many examples there are.
    pub examples: u32,
}

impl Operation {
    /// True if the document has this place.
    pub fn has(&self, spot: &Spot) -> bool {
        fn reaches(members: &[Member], path: &str) -> bool {
            let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
            let found = members.iter().find(|m| m.name == first);
            found.is_some_and(|m| rest.is_none_or(|rest| reaches(m.kind.members(), rest)))
        }
        match spot {
            Spot::Example(number) => *number <= self.examples,
            Spot::Parameter(path) if reaches(&self.parameters, path) => true,
            Spot::Response(path) if self.response.as_ref().is_some_and(|r| reaches(r, path)) => true,
            spot => self.passages.iter().flatten().any(|passage| passage.spot == *spot),
        }
    }
}

/// A document that has been read.
#[derive(Debug)]
pub struct Document {
    /// What the caller calls it: a path.
    pub name: String,
    /// How it is written.
    pub format: Format,
    body: Body,
}

#[derive(Debug)]
enum Body {
    One(Box<Operation>),
    Model(Box<service_model::Model>),
}

impl Document {
    /// Reads a document in any of the formats, from its bytes as they are, compressed or not.
    ///
    /// # Errors
    ///
    /// It is too large, in none of the formats, cut off, or laid out in another way than these are.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Document, DocumentError> {
        let bytes = unpacked(name, bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| DocumentError::whole(name, "it is not UTF-8"))?;
        let text = Text::new(name, text);
        let (format, body) = match text.text().trim_start().starts_with('{') {
            true => {
                let json: serde_json::Value = text.json()?;
                if json.get("shapes").is_some() || json.get("operations").is_some() {
                    (Format::ServiceModel, Body::Model(Box::new(service_model::read(&text)?)))
                } else if json.get("parameters").is_some() {
                    (Format::Metadata, Body::One(Box::new(metadata::read(&text)?)))
                } else {
                    return Err(DocumentError::unknown(name));
                }
            }
            false if rst_page::is_one(text.text()) => (Format::RstPage, Body::One(Box::new(rst_page::read(&text)?))),
            false if text_page::is_one(text.text()) => (Format::TextPage, Body::One(Box::new(text_page::read(&text)?))),
            false => return Err(DocumentError::unknown(name)),
        };
        Ok(Document { name: name.to_owned(), format, body })
    }

    /// The names of the operations that it is about, in order.
    pub fn operations(&self) -> Vec<&str> {
        match &self.body {
            Body::One(operation) => vec![&operation.name],
            Body::Model(model) => model.operations().collect(),
        }
    }

    /// The API version that it is about, where it tells.
    pub fn version(&self) -> Option<&str> {
        match &self.body {
            Body::One(operation) => operation.version.as_deref(),
            Body::Model(model) => Some(model.version()),
        }
    }

    /// What it says of an operation; none if it does not speak of it.
    ///
    /// # Errors
    ///
    /// A part of a model that the operation needs is not there, or not as it should be.
    pub fn operation(&self, name: &str) -> Result<Option<Operation>, DocumentError> {
        match &self.body {
            Body::One(operation) => Ok((operation.name == name).then(|| (**operation).clone())),
            Body::Model(model) => model.operation(&self.name, name),
        }
    }
}

/// True if a name can be one in an API, and in a [`Spot`].
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-:".contains(c))
}

/// The bytes, unpacked if they are packed with gzip.
fn unpacked(name: &str, bytes: &[u8]) -> Result<Vec<u8>, DocumentError> {
    let too_large = || DocumentError::whole(name, format!("it is larger than {} MiB", LARGEST / 1024 / 1024));
    let packed = bytes.starts_with(&[0x1f, 0x8b]);
    let mut plain = Vec::new();
    if packed {
        let read = GzDecoder::new(bytes).take(LARGEST + 1).read_to_end(&mut plain);
        read.map_err(|e| DocumentError::whole(name, format!("it cannot be unpacked: {e}")))?;
    } else {
        plain.extend_from_slice(bytes.get(..LARGEST as usize + 1).unwrap_or(bytes));
    }
    if plain.len() as u64 > LARGEST { Err(too_large()) } else { Ok(plain) }
}
