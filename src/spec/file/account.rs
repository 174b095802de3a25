//! What spec files say of the user's account: where its credentials are, which hosts cost money, and how what a run makes
//! is marked as its own.
//!
//! A part of the grammar, as [`super`] is. Imports nothing.

use std::{collections::BTreeMap, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The environment variables that hold credentials, and the file where they are looked for besides.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CredentialNames {
    /// The variable that holds the name of the key.
    #[serde(default)]
    pub access_key: Option<String>,
    /// The variable that holds the key.
    #[serde(default)]
    pub secret_key: Option<String>,
    /// The variable that holds what temporary credentials carry as well.
    #[serde(default)]
    pub session_token: Option<String>,
    /// The file in which the cloud's own tools keep credentials.
    #[serde(default)]
    pub profiles: Option<ProfilesFile>,
}

/// A file with several users' credentials, each under a name.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProfilesFile {
    /// How it is written.
    pub format: ProfilesFormat,
    /// Where it is; `~/` stands for the user's home.
    pub file: String,
    /// The variable that names another file.
    #[serde(default)]
    pub file_variable: Option<String>,
    /// The variable that says which profile is meant.
    pub variable: String,
    /// The profile that is meant where nothing says so.
    pub usual: String,
    /// What the name of the key is called in it.
    pub access_key: String,
    /// What the key is called in it.
    pub secret_key: String,
    /// What temporary credentials carry as well, as it is called in it.
    #[serde(default)]
    pub session_token: Option<String>,
}

/// How a file with credentials is written.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ProfilesFormat {
    /// A section for each profile.
    Ini,
    /// An object with a list `profiles` of objects that have a `name` each. Its `current` says which one is meant where
    /// no variable does.
    Json,
}

/// The name of a host, or `*.` and a name for every host below it. In small letters, with a dot in it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^(\*\.)?([a-z0-9-]+\.)+[a-z0-9-]+$"))]
pub struct HostPattern(String);

impl HostPattern {
    /// True if a host of this name is meant, in whatever letters.
    pub fn matches(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        match self.0.strip_prefix('*') {
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => host == self.0,
        }
    }
}

impl FromStr for HostPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<HostPattern, String> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let is_label = |label: &str| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        if name.contains('.') && name.split('.').all(is_label) {
            Ok(HostPattern(text.to_owned()))
        } else {
            Err(format!("`{text}` should be the name of a host in small letters, as a.example or *.a.example"))
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = String;

    fn try_from(text: String) -> Result<HostPattern, String> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> String {
        pattern.0
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is sent in a parameter to mark what a run makes as its own. In a text, `{run}` stands for a word that no other
/// run has.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(untagged)]
pub enum Mark {
    /// A text.
    Text(String),
    /// Several.
    List(Vec<Mark>),
    /// Named members.
    Struct(BTreeMap<String, Mark>),
}
