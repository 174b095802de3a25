//! Any text in the place of one file of a law: loading never panics, and every error has a place that lies in the text of
//! its file, so that it can be shown.
//!
//! The first byte of an input says which file; if its highest bit is not set, the rest is the whole text. Otherwise the
//! rest is a change to the file as it is: where (2 bytes), how many bytes go (1 byte), and what comes in their place.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use eipcheck::spec::{SpecErrors, SpecSource, clouds, load};
use miette::GraphicalReportHandler;

/// The files of a law, by their paths in its folder.
type Files = BTreeMap<PathBuf, String>;

/// The laws whose files are tried, the smallest first: with it, most inputs take little time.
static LAWS: LazyLock<Vec<Files>> =
    LazyLock::new(|| ["tests/laws/lockers", "specs/ec2", "specs/alibaba"].map(files).into());

fn files(law: &str) -> Files {
    // One of the two crates that this file belongs to stands in the folder of the laws, the other one below it.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().find(|folder| folder.join(law).is_dir()).expect("the laws are there");
    let mut files = Files::new();
    for folder in ["", "operations"] {
        for entry in fs::read_dir(root.join(law).join(folder)).expect("the laws are there") {
            let path = entry.expect("the laws are there").path();
            if path.extension().is_some_and(|e| e == "toml") {
                let name = Path::new(folder).join(path.file_name().expect("a file has a name"));
                files.insert(name, fs::read_to_string(&path).expect("laws are texts"));
            }
        }
    }
    files
}

/// Checks one input.
pub fn check(input: &[u8]) {
    let [which, rest @ ..] = input else { return };
    let count: usize = LAWS.iter().map(BTreeMap::len).sum();
    let place = usize::from(which & 0x7f) % count;
    let all = LAWS.iter().flat_map(|files| files.iter().map(move |file| (files, file)));
    let Some((files, (name, original))) = all.into_iter().nth(place) else { return };
    let text = if which & 0x80 == 0 { Some(rest.to_vec()) } else { changed(original, rest) };
    let Some(text) = text.and_then(|t| String::from_utf8(t).ok()) else { return };
    let mut files = files.clone();
    files.insert(name.clone(), text);
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::create_dir(folder.path().join("operations")).expect("a folder can be made");
    for (name, text) in &files {
        fs::write(folder.path().join(name), text).expect("a file can be written");
    }
    let source = SpecSource::Folder(folder.path().to_owned());
    if let Err(errors) = clouds(&source).and_then(|clouds| load(&source, &clouds[0], &[]).map(drop)) {
        check_errors(&errors, folder.path(), &files);
    }
}

/// The original with a change.
fn changed(original: &str, change: &[u8]) -> Option<Vec<u8>> {
    let [high, low, gone, new @ ..] = change else { return None };
    let start = usize::from(u16::from_be_bytes([*high, *low])) % (original.len() + 1);
    let end = (start + usize::from(*gone)).min(original.len());
    Some([&original.as_bytes()[..start], new, &original.as_bytes()[end..]].concat())
}

fn check_errors(errors: &SpecErrors, folder: &Path, files: &Files) {
    assert!(errors.iter().next().is_some(), "refused for no reason");
    for error in errors.iter() {
        let place = error.place().unwrap_or_else(|| panic!("no place: {error}"));
        let name = Path::new(place.path()).strip_prefix(folder);
        let name = name.unwrap_or_else(|_| panic!("no file of the law: {:?}", place.path()));
        let text = files.get(name).unwrap_or_else(|| panic!("no file of the law: {name:?}"));
        let span = place.span();
        assert!(text.get(span.clone()).is_some(), "{error}: {span:?} is not a part of {name:?}");
    }
    // As a person would see it.
    let mut shown = String::new();
    GraphicalReportHandler::new().render_report(&mut shown, errors).expect("errors can be shown");
    assert!(!shown.is_empty());
}
