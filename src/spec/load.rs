//! From spec files to the law: finds a cloud's files, reads them within bounds, and has them compiled.
//!
//! Imports its neighbours in `spec`, and nothing else of the crate.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use include_dir::{Dir, include_dir};
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{
    compile::{Files, compile},
    error::{Problem, SpecError, SpecErrors, SpecText, suggestion},
    file::{FORMAT, HostPattern},
    law::Law,
};

/// The law that is built in.
static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/specs");

/// The largest spec file that is read.
const LARGEST: u64 = 1024 * 1024;

/// The file with the suite that was planned for a law, and the largest that is read.
const SUITE: &str = "suite.jsonl";
const LARGEST_SUITE: u64 = 16 * LARGEST;

/// The most files that are read of one cloud, and the most entries of a folder that are looked at.
const MOST: usize = 1000;

/// Where spec files come from.
#[derive(Clone, Debug, Default)]
pub enum SpecSource {
    /// The law that is built in.
    #[default]
    BuiltIn,
    /// A folder of the user's: one cloud's (with a `cloud.toml`), or one with a folder for each cloud.
    Folder(PathBuf),
}

/// The names of the clouds of a source, sorted.
pub fn clouds(source: &SpecSource) -> Result<Vec<String>, SpecErrors> {
    Ok(folders(source)?.into_iter().map(|(name, _)| name).collect())
}

/// Reads and compiles the law of a cloud, with a choice for each reading that is not to have its default.
pub fn load(source: &SpecSource, cloud: &str, readings: &[(String, String)]) -> Result<Law, SpecErrors> {
    compile(read(source, cloud)?, readings)
}

/// Reads the files of a cloud by their grammar, and nothing more: for those who hold the files themselves against
/// something. That they make a law, [`load`] says.
pub fn read(source: &SpecSource, cloud: &str) -> Result<Files, SpecErrors> {
    let folders = folders(source)?;
    let Some((_, folder)) = folders.iter().find(|(name, _)| name == cloud) else {
        let problem = Problem::Unknown { what: "cloud", name: cloud.into() };
        let known = folders.iter().map(|(name, _)| &**name);
        return Err(SpecError::nowhere(problem).nearest(cloud, known).into());
    };
    Ok(Files { suite: folder.suite()?, ..parse(folder.read()?)? })
}

/// The hosts where what is made costs money, of all clouds that are built in: a law of the user's may know of none.
pub fn billable_hosts() -> Vec<HostPattern> {
    let files = BUILT_IN.dirs().filter_map(|dir| dir.get_file(dir.path().join("cloud.toml"))?.contents_utf8());
    files.filter_map(|text| toml::from_str::<Billable>(text).ok()).flat_map(|cloud| cloud.billable_hosts).collect()
}

/// The folder of one cloud.
enum Folder {
    BuiltIn(&'static Dir<'static>),
    Disk(PathBuf),
}

/// A file as it was read, with its path inside the cloud's folder.
struct Found {
    inside: String,
    text: SpecText,
}

/// The folders of a source that hold a cloud, by the names that their `cloud.toml` give them.
fn folders(source: &SpecSource) -> Result<Vec<(String, Folder)>, SpecError> {
    let mut all: Vec<Folder> = match source {
        SpecSource::BuiltIn => BUILT_IN.dirs().map(Folder::BuiltIn).collect(),
        SpecSource::Folder(path) if path.join("cloud.toml").is_file() => vec![Folder::Disk(path.clone())],
        SpecSource::Folder(path) => entries(path)?.into_iter().filter(|p| p.is_dir()).map(Folder::Disk).collect(),
    };
    all.retain(|folder| match folder {
        Folder::BuiltIn(dir) => dir.get_file(dir.path().join("cloud.toml")).is_some(),
        Folder::Disk(path) => path.join("cloud.toml").is_file(),
    });
    let mut named: Vec<(String, Folder)> = Vec::new();
    for folder in all {
        let file = folder.file("cloud.toml")?;
        // A broken file has the name of its folder here; what is wrong with it is for `load` to say.
        let name = toml::from_str::<Name>(file.text.text()).map_or_else(|_| folder.name(), |n| n.cloud);
        if named.iter().any(|(n, _)| *n == name) {
            let place = file.text.key("cloud", &name);
            return Err(SpecError::new(Problem::Duplicate { what: "clouds called", name }, place));
        }
        named.push((name, folder));
    }
    if let (SpecSource::Folder(path), true) = (source, named.is_empty()) {
        let why = "neither it nor a folder in it has a cloud.toml".into();
        return Err(SpecError::nowhere(Problem::Io { path: path.display().to_string(), why }));
    }
    named.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(named)
}

impl Folder {
    fn name(&self) -> String {
        let path = match self {
            Folder::BuiltIn(dir) => dir.path(),
            Folder::Disk(path) => path,
        };
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }

    /// Every spec file, sorted by its path.
    fn read(&self) -> Result<Vec<Found>, SpecError> {
        let mut inside: Vec<String> = Vec::new();
        for (name, is_folder) in self.list("")? {
            match &*name {
                "operations" if is_folder => {
                    let operations = self.list("operations/")?;
                    inside.extend(
                        operations
                            .into_iter()
                            .filter(|(n, f)| !f && n.ends_with(".toml"))
                            .map(|(n, _)| format!("operations/{n}")),
                    );
                }
                "cloud.toml" | "resources.toml" | "facts.toml" | "documents.toml" => inside.push(name),
                other if !is_folder && other.ends_with(".toml") => {
                    let known = ["cloud.toml", "resources.toml", "facts.toml", "documents.toml", "operations"];
                    let why = "it is not a file of a law".into();
                    let error = SpecError::nowhere(Problem::Io { path: other.into(), why });
                    return Err(error.nearest(other, known));
                }
                _ => {}
            }
        }
        if inside.len() > MOST {
            let why = format!("it has more than {MOST} files");
            return Err(SpecError::nowhere(Problem::Io { path: self.name(), why }));
        }
        inside.sort();
        inside.iter().map(|path| self.file(path)).collect()
    }

    /// The names in the folder, or in its folder of operations, and whether they are folders.
    fn list(&self, below: &str) -> Result<Vec<(String, bool)>, SpecError> {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match self {
            Folder::BuiltIn(dir) => {
                let dir = if below.is_empty() { Some(*dir) } else { dir.get_dir(dir.path().join(below)) };
                let entries = dir.map_or(&[][..], |d| d.entries());
                Ok(entries.iter().map(|e| (name(e.path()), e.as_dir().is_some())).collect())
            }
            Folder::Disk(path) => Ok(entries(&path.join(below))?.iter().map(|p| (name(p), p.is_dir())).collect()),
        }
    }

    /// The suite that was planned for it, if it is there.
    fn suite(&self) -> Result<Option<String>, SpecError> {
        let there = self.list("")?.iter().any(|(name, is_folder)| name == SUITE && !is_folder);
        there.then(|| self.text(SUITE, LARGEST_SUITE).map(|(_, text)| text)).transpose()
    }

    /// One file.
    fn file(&self, inside: &str) -> Result<Found, SpecError> {
        let (path, text) = self.text(inside, LARGEST)?;
        Ok(Found { inside: inside.into(), text: SpecText::new(path.display().to_string(), text) })
    }

    /// The path and the text of a file that is no larger than this.
    fn text(&self, inside: &str, largest: u64) -> Result<(PathBuf, String), SpecError> {
        let (path, bytes) = match self {
            Folder::BuiltIn(dir) => {
                let path = dir.path().join(inside);
                let missing = || io_error(&path, "it is not there");
                (Path::new("specs").join(&path), dir.get_file(&path).ok_or_else(missing)?.contents().to_vec())
            }
            Folder::Disk(folder) => {
                let path = folder.join(inside);
                let mut bytes = Vec::new();
                let read = fs::File::open(&path).and_then(|f| f.take(largest + 1).read_to_end(&mut bytes));
                read.map_err(|e| io_error(&path, e))?;
                (path, bytes)
            }
        };
        if bytes.len() as u64 > largest {
            return Err(io_error(&path, format!("it is larger than {} MiB", largest >> 20)));
        }
        let text = String::from_utf8(bytes).map_err(|_| io_error(&path, "it is not UTF-8"))?;
        Ok((path, text))
    }
}

/// The paths in a folder of the user's.
fn entries(path: &Path) -> Result<Vec<PathBuf>, SpecError> {
    let read = fs::read_dir(path).map_err(|e| io_error(path, e))?;
    let mut all = Vec::new();
    for entry in read {
        all.push(entry.map_err(|e| io_error(path, e))?.path());
        if all.len() > MOST {
            return Err(io_error(path, format!("it has more than {MOST} entries")));
        }
    }
    all.sort();
    Ok(all)
}

fn io_error(path: &Path, why: impl ToString) -> SpecError {
    SpecError::nowhere(Problem::Io { path: path.display().to_string(), why: why.to_string() })
}

/// The parts of `cloud.toml` that are looked at before the file as a whole.
#[derive(Deserialize)]
struct Name {
    cloud: String,
}

/// The part of `cloud.toml` that matters also to whoever uses another law.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Billable {
    #[serde(default)]
    billable_hosts: Vec<HostPattern>,
}

/// The version of the grammar, which must be known before anything else of the file can be judged.
#[derive(Deserialize)]
struct Format {
    format: toml::Spanned<u32>,
}

/// Reads each file by its grammar.
fn parse(found: Vec<Found>) -> Result<Files, SpecErrors> {
    let digest = digest(&found);
    let (mut cloud, mut resources, mut facts, mut documents, mut operations) = (None, None, None, None, Vec::new());
    let mut errors = Vec::new();
    for Found { inside, text } in found {
        let parsed = match &*inside {
            "cloud.toml" => format(&text).and_then(|()| grammar(&text)).map(|c| cloud = Some((text, c))),
            "resources.toml" => grammar(&text).map(|r| resources = Some((text, r))),
            "facts.toml" => grammar(&text).map(|f| facts = Some((text, f))),
            "documents.toml" => grammar(&text).map(|d| documents = Some((text, d))),
            _ => grammar(&text).map(|o| operations.push((text, o))),
        };
        errors.extend(parsed.err());
    }
    let missing = |name: &str| io_error(Path::new(name), "it is not there");
    match (cloud, resources) {
        (Some(cloud), Some(resources)) => {
            SpecErrors::none_or(errors, Files { cloud, resources, facts, documents, operations, digest, suite: None })
        }
        _ if !errors.is_empty() => Err(SpecErrors::and(errors.remove(0), errors)),
        (None, _) => Err(missing("cloud.toml").into()),
        (_, None) => Err(missing("resources.toml").into()),
    }
}

/// The file is written in the version of the grammar that this build reads.
fn format(file: &SpecText) -> Result<(), SpecError> {
    let format = toml::from_str::<Format>(file.text()).map_err(|e| toml_error(file, &e))?.format;
    if *format.get_ref() == FORMAT {
        return Ok(());
    }
    let problem = Problem::Format { found: *format.get_ref(), expected: FORMAT };
    Err(SpecError::new(problem, file.at(format.span()))
        .help(format!("write `format = {FORMAT}`, or use a build that reads this one")))
}

/// The file as the grammar has it.
fn grammar<T: DeserializeOwned>(file: &SpecText) -> Result<T, SpecError> {
    toml::from_str(file.text()).map_err(|e| toml_error(file, &e))
}

fn toml_error(file: &SpecText, error: &toml::de::Error) -> SpecError {
    let message = error.message().trim();
    let place = file.at(error.span().unwrap_or(0..0));
    // "unknown field `x`, expected one of `a`, `b`": the names are every second piece between backticks.
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match &names[..] {
        [name, known @ ..] if message.starts_with("unknown ") => {
            let first = message.split(", expected").next().unwrap_or(message);
            let help = suggestion(name, known.iter().copied())
                .unwrap_or_else(|| format!("there is {}", super::error::list(known)));
            SpecError::new(Problem::Toml(first.into()), place).help(help)
        }
        _ => SpecError::new(Problem::Toml(message.into()), place),
    }
}

/// SHA-256 of the files with their paths, in hexadecimal.
fn digest(files: &[Found]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        for part in [file.inside.as_bytes(), file.text.text().as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
