//! Any text in the place of one file of the built-in law: loading never panics, and every error has a place that lies
//! in the text of its file, so that it can be shown.
//!
//! The first byte of an input says which file; if its highest bit is not set, the rest is the whole text. Otherwise the
//! rest is a change to the file as it is: where (2 bytes), how many bytes go (1 byte), and what comes in their place.

#![no_main]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use eipcheck::spec::{
    error::SpecErrors,
    load::{SpecSource, clouds, load},
};
use libfuzzer_sys::fuzz_target;

/// The files of the built-in law, by their paths in it.
static FILES: LazyLock<BTreeMap<PathBuf, String>> = LazyLock::new(|| {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/ec2");
    let mut files = BTreeMap::new();
    for folder in ["", "operations"] {
        for entry in fs::read_dir(from.join(folder)).expect("the specs are there") {
            let path = entry.expect("the specs are there").path();
            if path.extension().is_some_and(|e| e == "toml") {
                let name = Path::new(folder).join(path.file_name().expect("a file has a name"));
                files.insert(name, fs::read_to_string(&path).expect("the specs are texts"));
            }
        }
    }
    files
});

/// A copy of them, where one at a time is another; in memory where the system has such a place.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let temporary = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let folder = temporary.join(format!("eipcheck-fuzz-{}", std::process::id()));
    fs::create_dir_all(folder.join("operations")).expect("a folder can be made");
    for (name, text) in &*FILES {
        fs::write(folder.join(name), text).expect("a file can be written");
    }
    folder
});

fuzz_target!(|input: &[u8]| {
    let [which, rest @ ..] = input else { return };
    let place = usize::from(which & 0x7f) % FILES.len();
    let (name, original) = FILES.iter().nth(place).expect("the place is one of theirs");
    let text = if which & 0x80 == 0 { Some(rest.to_vec()) } else { changed(original, rest) };
    let Some(text) = text.and_then(|t| String::from_utf8(t).ok()) else { return };
    let path = FOLDER.join(name);
    fs::write(&path, &text).expect("a file can be written");
    let source = SpecSource::Folder(FOLDER.clone());
    let loaded = clouds(&source).and_then(|clouds| load(&source, &clouds[0], &[]).map(drop));
    fs::write(&path, original).expect("a file can be written");
    if let Err(errors) = loaded {
        check(&errors, &path, &text);
    }
});

/// The original with a change.
fn changed(original: &str, change: &[u8]) -> Option<Vec<u8>> {
    let [high, low, gone, new @ ..] = change else { return None };
    let start = usize::from(u16::from_be_bytes([*high, *low])) % (original.len() + 1);
    let end = (start + usize::from(*gone)).min(original.len());
    Some([&original.as_bytes()[..start], new, &original.as_bytes()[end..]].concat())
}

fn check(errors: &SpecErrors, changed: &Path, text: &str) {
    assert!(errors.iter().next().is_some(), "refused for no reason");
    for error in errors.iter() {
        let place = error.place().unwrap_or_else(|| panic!("no place: {error}"));
        let path = Path::new(place.path());
        let text = if path == changed {
            text
        } else {
            let name = path.strip_prefix(&*FOLDER).unwrap_or_else(|_| panic!("no file of the law: {path:?}"));
            FILES.get(name).unwrap_or_else(|| panic!("no file of the law: {path:?}"))
        };
        let span = place.span();
        assert!(text.get(span.clone()).is_some(), "{error}: {span:?} is not a part of {path:?}");
    }
    // As a person would see it.
    let mut shown = String::new();
    miette::GraphicalReportHandler::new().render_report(&mut shown, errors).expect("errors can be shown");
    assert!(!shown.is_empty());
}
