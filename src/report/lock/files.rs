//! What is written to disk of a target's wire format, one folder a cloud: `suite.json` with the scenarios, and one file an
//! operation with what was answered.
//!
//! Both have a version and a schema. The answers are for people to review, so they are TOML, with bodies as they are; the
//! scenarios are for programs, one a line. Whoever verifies plays the scenarios that are written there, so that a later
//! version of eipcheck, with other scenarios, changes nothing.
//!
//! Imports `spec` and `scenario`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scenario::file::StepFile;

/// The version of the format; a reader refuses any other.
pub const FORMAT: u32 = 1;
/// The file with the scenarios.
pub const SUITE: &str = "suite.json";
/// How the names of the files with answers end.
const ENDING: &str = ".toml";
/// The largest file that is read, in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// The scenarios of one cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Suite {
    /// The version of this format.
    pub format: u32,
    /// The cloud whose law the scenarios are about.
    pub cloud: String,
    /// The digest of the law that they come from.
    pub law: String,
    /// Each reading of that law with the choice that was in force.
    pub readings: BTreeMap<String, String>,
    /// Elements, members and headers whose values are not written down.
    pub masked: Vec<String>,
    /// The scenarios, in the order in which they are played.
    pub scenarios: Vec<Scenario>,
}

/// A scenario, and which of its answers are written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// The first of its rules.
    pub name: String,
    /// The rules that it exercises.
    pub rules: Vec<String>,
    /// Its steps.
    pub steps: Vec<StepFile>,
    /// The numbers of the steps, from 1, whose answers are written down: the others are like those of scenarios before
    /// it.
    pub holds: Vec<usize>,
}

/// The answers to one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Answers {
    /// The version of this format.
    pub format: u32,
    /// The cloud.
    pub cloud: String,
    /// The operation.
    pub operation: String,
    /// The answers, in the order of the suite.
    pub answer: Vec<Entry>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// The scenario in which it came.
    pub scenario: String,
    /// The number of the step, from 1.
    pub step: usize,
    /// The request, for people.
    pub request: String,
    /// The HTTP status; none if no answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Some of the headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// The body, one element or member a line; or why no answer came.
    pub body: String,
}

impl Entry {
    /// The answer as lines.
    pub fn text(&self) -> String {
        let mut text = self.status.map_or_else(|| "no answer\n".to_owned(), |status| format!("HTTP {status}\n"));
        for header in &self.headers {
            text.push_str(header);
            text.push('\n');
        }
        text.push_str(&self.body);
        text
    }
}

/// The answers of one cloud, by operation.
pub type ByOperation = BTreeMap<String, Vec<Entry>>;

/// What is written down of one cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// The scenarios.
    pub suite: Suite,
    /// The answers.
    pub answers: ByOperation,
}

/// Why it cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file has another form.
    #[error("{path} is not what `eipcheck wire record` writes: {why}")]
    Form {
        /// The file.
        path: String,
        /// Why not.
        why: String,
    },
    /// A file is of another version.
    #[error("{path} has format {found}, and this version of eipcheck reads format {FORMAT}")]
    Version {
        /// The file.
        path: String,
        /// Its version.
        found: u64,
    },
}

impl Suite {
    /// Reads it from its text; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// It is no suite of this version.
    pub fn parse(name: &str, text: &[u8]) -> Result<Suite, LockError> {
        let value: Value = serde_json::from_slice(text).map_err(|error| form(name, &error))?;
        version(name, value.get("format").and_then(Value::as_u64))?;
        serde_json::from_value(value).map_err(|error| form(name, &error))
    }

    /// Its text: one scenario a line.
    ///
    /// # Errors
    ///
    /// None that is known: each part of it can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let head = Suite { scenarios: Vec::new(), ..self.clone() };
        let head = serde_json::to_string_pretty(&head)?;
        let lines: Vec<String> = self.scenarios.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let list = if lines.is_empty() { "[]".to_owned() } else { format!("[\n    {}\n  ]", lines.join(",\n    ")) };
        // The list is the last member, and stands there empty.
        let head = head.trim_end().trim_end_matches('}').trim_end().trim_end_matches("[]");
        Ok(format!("{head}{list}\n}}\n"))
    }
}

impl Answers {
    /// Reads them from their text; `name` is what errors call it.
    ///
    /// # Errors
    ///
    /// They are no answers of this version.
    pub fn parse(name: &str, text: &str) -> Result<Answers, LockError> {
        let value: toml::Table = toml::from_str(text).map_err(|error| form(name, &error))?;
        let found = value.get("format").and_then(toml::Value::as_integer);
        version(name, found.and_then(|found| u64::try_from(found).ok()))?;
        value.try_into().map_err(|error| form(name, &error))
    }

    /// Their text.
    ///
    /// # Errors
    ///
    /// None that is known: each part of them can be written.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }
}

fn form(path: &str, error: &dyn std::fmt::Display) -> LockError {
    LockError::Form { path: path.to_owned(), why: error.to_string().trim_end().to_owned() }
}

fn version(path: &str, found: Option<u64>) -> Result<(), LockError> {
    match found {
        Some(found) if found != u64::from(FORMAT) => Err(LockError::Version { path: path.to_owned(), found }),
        _ => Ok(()),
    }
}

impl Lock {
    /// Reads a cloud's folder. Of the answers what is there is read, whether the suite knows of it or not.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or is not of this version.
    pub fn read(folder: &Path) -> Result<Lock, LockError> {
        let path = folder.join(SUITE);
        let suite = Suite::parse(&path.display().to_string(), read(&path)?.as_bytes())?;
        let mut answers = ByOperation::new();
        for path in answer_files(folder)? {
            let name = path.display().to_string();
            let file = Answers::parse(&name, &read(&path)?)?;
            let stem = path.file_name().and_then(|name| name.to_str()?.strip_suffix(ENDING));
            if stem != Some(&file.operation) {
                return Err(form(&name, &format!("it holds the answers to {}", file.operation)));
            }
            answers.insert(file.operation, file.answer);
        }
        Ok(Lock { suite, answers })
    }

    /// Writes a cloud's folder, in place of what is there.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), LockError> {
        let cannot = |path: &Path, source| LockError::Write { path: path.display().to_string(), source };
        fs::create_dir_all(folder).map_err(|source| cannot(folder, source))?;
        for path in answer_files(folder)? {
            fs::remove_file(&path).map_err(|source| cannot(&path, source))?;
        }
        let mut files = vec![(SUITE.to_owned(), self.suite.to_json().map_err(io::Error::other))];
        for (operation, answer) in &self.answers {
            let (cloud, operation, answer) = (self.suite.cloud.clone(), operation.clone(), answer.clone());
            let file = Answers { format: FORMAT, cloud, operation, answer };
            files.push((format!("{}{ENDING}", file.operation), file.to_toml().map_err(io::Error::other)));
        }
        for (name, text) in files {
            let path = folder.join(name);
            text.and_then(|text| fs::write(&path, text)).map_err(|source| cannot(&path, source))?;
        }
        Ok(())
    }

    /// The clouds of which something is written down in a folder, each with its own.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn clouds(folder: &Path) -> Result<Vec<String>, LockError> {
        let cannot = |source| LockError::Read { path: folder.display().to_string(), source };
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            if path.join(SUITE).is_file()
                && let Some(name) = path.file_name().and_then(|name| name.to_str())
            {
                found.push(name.to_owned());
            }
        }
        found.sort();
        Ok(found)
    }
}

fn read(path: &Path) -> Result<String, LockError> {
    let cannot = |source| LockError::Read { path: path.display().to_string(), source };
    if fs::metadata(path).map_err(cannot)?.len() > MOST_BYTES {
        return Err(cannot(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MOST_BYTES} bytes"))));
    }
    fs::read_to_string(path).map_err(cannot)
}

/// The files with answers in a folder, in order.
fn answer_files(folder: &Path) -> Result<Vec<PathBuf>, LockError> {
    let cannot = |source| LockError::Read { path: folder.display().to_string(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == &ENDING[1..]) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(body: &str) -> Entry {
        Entry {
            scenario: "a-rule".into(),
            step: 2,
            request: "MakeGadget Name=\"x\"".into(),
            status: Some(200),
            headers: vec!["content-type: text/xml".into()],
            body: body.into(),
        }
    }

    #[test]
    fn answers_read_back_as_they_were_written_whatever_a_target_sends() {
        for body in [
            "",
            "<a>\n  <b x=\"1\"/>\n</a>\n",
            "it's '''all''' \"\"\"there\"\"\" \\ \u{1b}[31m\r\n\t",
            "\n\n",
            "é\u{2028}",
        ] {
            let answer = vec![entry(body), Entry { status: None, headers: Vec::new(), ..entry(body) }];
            let file = Answers { format: FORMAT, cloud: "c".into(), operation: "MakeGadget".into(), answer };
            let text = file.to_toml().unwrap();
            assert_eq!(Answers::parse("x", &text).unwrap(), file, "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }

    #[test]
    fn a_body_stands_in_its_file_line_by_line() {
        let answer = vec![entry("<a>\n  <b x=\"1\"/>\n</a>\n")];
        let file = Answers { format: FORMAT, cloud: "c".into(), operation: "MakeGadget".into(), answer };
        let text = file.to_toml().unwrap();
        assert!(text.contains("\n<a>\n  <b x=\"1\"/>\n</a>\n"), "{text}");
    }

    #[test]
    fn a_suite_has_a_line_for_each_scenario_and_reads_back() {
        let scenario = |name: &str| Scenario {
            name: name.into(),
            rules: vec![name.into()],
            steps: vec![StepFile::Settle],
            holds: vec![1],
        };
        for scenarios in [vec![], vec![scenario("a")], vec![scenario("a"), scenario("b")]] {
            let suite = Suite {
                format: FORMAT,
                cloud: "c".into(),
                law: "0".into(),
                readings: BTreeMap::new(),
                masked: Vec::new(),
                scenarios,
            };
            let text = suite.to_json().unwrap();
            assert_eq!(Suite::parse("x", text.as_bytes()).unwrap(), suite, "{text}");
            assert!(text.lines().count() < 12 + suite.scenarios.len(), "{text}");
        }
    }

    #[test]
    fn another_version_is_refused_before_its_form_is_looked_at() {
        let error = Suite::parse("x", br#"{"format": 2, "new": 1}"#).unwrap_err();
        assert!(matches!(error, LockError::Version { found: 2, .. }), "{error}");
        let error = Answers::parse("x", "format = 2\nnew = 1\n").unwrap_err();
        assert!(matches!(error, LockError::Version { found: 2, .. }), "{error}");
        assert!(matches!(Answers::parse("x", "format = 1\n").unwrap_err(), LockError::Form { .. }));
    }
}
