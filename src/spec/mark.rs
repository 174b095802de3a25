//! Whether a mark fits the parameter that it is sent in.
//!
//! Imports its neighbours in `spec`.

use super::{
    error::{Problem, SpecText},
    file::{Mark, ParameterFile, ScalarType, Sent},
    names::Names,
};

/// Notes what is wrong with the mark of a parameter, if it has one.
pub(super) fn check(names: &mut Names<'_>, file: &SpecText, table: &str, name: &str, parameter: &ParameterFile) {
    let Some(mark) = &parameter.mark else { return };
    let place = || file.key(table, name);
    if parameter.sent != Sent::Never {
        let problem = Problem::Shape(format!("`{name}` has a `mark`, and is sent for other reasons too"));
        names.error_with(problem, place(), "add `sent = \"never\"`: what is judged must not depend on the mark");
    }
    if !fits(mark, parameter.kind, parameter) {
        let problem = Problem::Value(format!("the `mark` is not a value that `{name}` can have"));
        names.error_with(problem, place(), "it is of the type that the parameter has, with members from its `fields`");
    }
}

fn fits(mark: &Mark, kind: ScalarType, parameter: &ParameterFile) -> bool {
    match (mark, kind) {
        (Mark::List(items), ScalarType::List) => {
            let of = parameter.of.unwrap_or(ScalarType::String);
            of != ScalarType::List && items.iter().all(|item| fits(item, of, parameter))
        }
        (Mark::Struct(members), ScalarType::Struct) => members
            .iter()
            .all(|(name, member)| parameter.fields.get(name).is_some_and(|field| fits(member, field.kind, field))),
        (Mark::Text(_), ScalarType::String) => true,
        _ => false,
    }
}
