//! Names for resources that are the same in every run of a scenario: `kind#2` is the second of its kind that the
//! scenario created.

use crate::{
    model::{
        value::{Handle, Value},
        world::World,
    },
    spec::law::{FieldIx, KindIx, Law},
};

/// The text of a field of a resource, if it has been seen.
pub fn seen_text(world: &World, handle: Handle, field: FieldIx) -> Option<std::sync::Arc<str>> {
    match &world.get(handle)?.fields[field as usize] {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// `kind#ordinal`.
pub fn name(law: &Law, kind: KindIx, ordinal: u32) -> String {
    format!("{}#{ordinal}", law[kind].name)
}

/// Reads `kind#ordinal` back.
pub fn parse(law: &Law, name: &str) -> Option<(KindIx, u32)> {
    let (kind, ordinal) = name.split_once('#')?;
    Some((law.kind(kind)?, ordinal.parse().ok()?))
}
