//! Any bytes as a document of a provider. Reading it never panics; what is read is derived as TOML that can be read, can
//! be held against the laws, and every place that it has is read back as the same.

use std::sync::LazyLock;

use eipcheck::{
    document::{Document, cover::cover, derive, diff::diff, statute::Statute},
    spec::{SpecSource, clouds, spot},
};

/// How many operations of a model are looked at.
const MOST: usize = 4;

/// The built-in laws with their files.
static STATUTES: LazyLock<Vec<Statute>> = LazyLock::new(|| {
    let built_in = SpecSource::BuiltIn;
    let load = |cloud: &String| Statute::load(&built_in, cloud).expect("the built-in law is sound");
    clouds(&built_in).expect("the built-in laws are sound").iter().map(load).collect()
});

/// Checks one input.
pub fn check(input: &[u8]) {
    let document = match Document::parse("a document", input) {
        Ok(document) => document,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for name in document.operations().into_iter().take(MOST) {
        let Ok(found) = document.operation(name) else { continue };
        let operation = found.expect("the document says that it has this operation");
        toml::from_str::<toml::Table>(&derive::skeleton(&document, &operation)).expect("a skeleton is TOML");
        let prints: toml::Table = toml::from_str(&derive::fingerprints(&operation)).expect("fingerprints are TOML");
        for place in prints.keys() {
            if let Ok(spots) = spot::parse(place) {
                assert!(spots.iter().all(|spot| operation.has(spot)), "{place}");
            }
        }
        for statute in STATUTES.iter() {
            let Some((_, file)) = statute.files.operations.first() else { continue };
            let covered = cover(statute, file, &operation, statute.page(file));
            assert_eq!(covered.len(), operation.passages.iter().flatten().count());
        }
    }
    for statute in STATUTES.iter() {
        if let Ok(found) = diff(statute, &document) {
            assert!(found.differences.iter().all(|difference| !difference.says.is_empty()));
        }
    }
}
