//! Credentials from the file in which a cloud's own tools keep them.
//!
//! Where the file is, how it is written and what its entries are called is for the law to say. What stands in it reaches
//! no message.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use ini::{Ini, ParseOption};
use serde_json::Value;

use super::{Credentials, SignError};
use crate::spec::file::{ProfilesFile, ProfilesFormat};

/// The largest file that is read.
const LARGEST: u64 = 1 << 20;

/// The credentials of the profile that is meant; none if there is no such file and nobody asked for one. `lookup` looks up
/// environment variables.
///
/// # Errors
///
/// The file cannot be read, or has no such profile.
pub fn read(file: &ProfilesFile, lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Credentials>, SignError> {
    let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
    let named = lookup(&file.variable);
    let given = file.file_variable.as_deref().and_then(&lookup);
    let asked = named.is_some() || given.is_some();
    let path = given.map_or_else(|| at_home(&file.file, env::home_dir()), PathBuf::from);
    let fails = |why: String| SignError::Profiles { path: path.display().to_string(), why };
    let size = match fs::metadata(&path) {
        Err(_) if !asked => return Ok(None),
        Err(error) => return Err(fails(error.to_string())),
        Ok(metadata) => metadata.len(),
    };
    if size > LARGEST {
        return Err(fails("it is too large".to_owned()));
    }
    let text = fs::read_to_string(&path).map_err(|error| fails(error.to_string()))?;
    match take(file, &text, named.as_deref()) {
        Ok(found) => Ok(Some(found)),
        // Other tools may keep other things in it.
        Err(_) if !asked => Ok(None),
        Err(why) => Err(fails(why)),
    }
}

/// A path in which `~/` stands for the user's home.
fn at_home(path: &str, home: Option<PathBuf>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(below), Some(home)) => home.join(below),
        _ => Path::new(path).to_owned(),
    }
}

/// Looks up what stands in a profile.
type Entry = Box<dyn Fn(&str) -> Option<String>>;

/// The credentials of a profile in the text of a file, or why there are none.
fn take(file: &ProfilesFile, text: &str, named: Option<&str>) -> Result<Credentials, String> {
    let usual = file.usual.as_str();
    let (name, entry): (String, Entry) = match file.format {
        ProfilesFormat::Ini => {
            // A key is taken as it stands, whatever characters are in it.
            let options = ParseOption { enabled_quote: false, enabled_escape: false, ..ParseOption::default() };
            let ini =
                Ini::load_from_str_opt(text, options).map_err(|e| format!("line {} is not understood", e.line))?;
            let name = named.unwrap_or(usual).to_owned();
            let section = ini.section(Some(name.as_str())).cloned();
            let section = section.ok_or_else(|| format!("it has no profile {name:?}"))?;
            (name, Box::new(move |key| section.get(key).map(|value| value.trim().to_owned())))
        }
        ProfilesFormat::Json => {
            // An error of the parser may show what stands there.
            let mut value: Value = serde_json::from_str(text).map_err(|_| "it is not JSON".to_owned())?;
            let current = value.get("current").and_then(Value::as_str).filter(|current| !current.is_empty());
            let name = named.or(current).unwrap_or(usual).to_owned();
            let profiles = value.get_mut("profiles").and_then(Value::as_array_mut);
            let is_meant = |profile: &&mut Value| profile.get("name").and_then(Value::as_str) == Some(&name);
            let found = profiles.and_then(|profiles| profiles.iter_mut().find(is_meant)).map(Value::take);
            let found = found.ok_or_else(|| format!("it has no profile {name:?}"))?;
            (name, Box::new(move |key| found.get(key).and_then(Value::as_str).map(str::to_owned)))
        }
    };
    let entry = |key: &str| entry(key).filter(|value| !value.is_empty());
    let missing = |key: &str| format!("its profile {name:?} has no {key}");
    Ok(Credentials {
        access_key: entry(&file.access_key).ok_or_else(|| missing(&file.access_key))?,
        secret_key: entry(&file.secret_key).ok_or_else(|| missing(&file.secret_key))?,
        session_token: file.session_token.as_deref().and_then(entry),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(format: ProfilesFormat, file: &str) -> ProfilesFile {
        ProfilesFile {
            format,
            file: file.into(),
            file_variable: Some("FILE".into()),
            variable: "PROFILE".into(),
            usual: "default".into(),
            access_key: "id".into(),
            secret_key: "key".into(),
            session_token: Some("token".into()),
        }
    }

    fn taken(format: ProfilesFormat, text: &str, named: Option<&str>) -> Result<[Option<String>; 3], String> {
        let found = take(&file(format, ""), text, named)?;
        Ok([Some(found.access_key), Some(found.secret_key), found.session_token])
    }

    fn some(texts: [&str; 2], token: Option<&str>) -> Result<[Option<String>; 3], String> {
        Ok([Some(texts[0].to_owned()), Some(texts[1].to_owned()), token.map(str::to_owned)])
    }

    #[test]
    fn a_profile_is_a_section_or_an_entry_of_a_list() {
        let ini = "# mine\n[default]\nid = a\nkey = b/c+d=\\e\"\n\n[other]\nid=o\nkey=p\ntoken=t\n[empty]\nid=\n";
        assert_eq!(taken(ProfilesFormat::Ini, ini, None), some(["a", "b/c+d=\\e\""], None));
        assert_eq!(taken(ProfilesFormat::Ini, ini, Some("other")), some(["o", "p"], Some("t")));
        assert!(taken(ProfilesFormat::Ini, ini, Some("none")).unwrap_err().contains("no profile \"none\""));
        assert!(taken(ProfilesFormat::Ini, ini, Some("empty")).unwrap_err().contains("has no id"));
        let json = r#"{"current": "b", "profiles": [{"name": "a", "id": "x", "key": "y"},
            {"name": "b", "id": "i", "key": "k", "token": ""}]}"#;
        assert_eq!(taken(ProfilesFormat::Json, json, None), some(["i", "k"], None));
        assert_eq!(taken(ProfilesFormat::Json, json, Some("a")), some(["x", "y"], None));
        assert!(taken(ProfilesFormat::Json, "{}", None).is_err());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_without_what_stands_in_it() {
        for (format, text) in
            [(ProfilesFormat::Ini, "[default]\ns3cret\n"), (ProfilesFormat::Json, "{\"key\": \"s3cret")]
        {
            let why = taken(format, text, None).unwrap_err();
            assert!(!why.contains("s3cret"), "{why}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_matters_only_to_whoever_asked_for_it() {
        let nowhere = file(ProfilesFormat::Ini, "/nowhere/at/all");
        assert_eq!(read(&nowhere, |_| None).unwrap(), None);
        for variable in ["PROFILE", "FILE"] {
            let asked = |name: &str| (name == variable).then(|| "/nowhere/either".to_owned());
            assert!(matches!(read(&nowhere, asked), Err(SignError::Profiles { .. })), "{variable}");
        }
        assert_eq!(at_home("~/.a/b", Some("/home/me".into())), Path::new("/home/me/.a/b"));
    }
}
