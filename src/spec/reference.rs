//! Compiles what a parameter names: resources of one kind or of several, each with a variable.
//!
//! Imports its neighbours in `spec`.

use std::ops::Range;

use super::{
    derive::Table,
    error::{Problem, SpecError, SpecText},
    file::{At, FieldKind, ParameterFile, Paths, ScalarType},
    law::{ParamIx, Reference, Told, Var},
    names::{Names, part_of},
    operation::variable_index,
};

/// What a parameter names, with a variable for each kind.
pub(super) fn references(
    names: &mut Names<'_>,
    file: &SpecText,
    name: &str,
    parameter: &ParameterFile,
    targets: &At<Paths>,
    index: ParamIx,
    vars: &mut Vec<Var>,
) -> Option<Vec<Reference>> {
    let text = matches!(
        (parameter.kind, parameter.of),
        (ScalarType::String, _) | (ScalarType::List, Some(ScalarType::String))
    );
    if !text {
        let problem = Problem::Shape(format!("`{name}` is no text, so it cannot name a resource"));
        names.error_with(problem, file.at(targets.span()), "give it `type = \"string\"`, or a list `of = \"string\"`");
        return None;
    }
    let several = targets.all().len() > 1;
    let mut wrong = |problem: String, help: &str| {
        names.error_with(Problem::Shape(problem), file.at(targets.span()), help);
        None
    };
    if targets.all().is_empty() {
        return wrong(format!("`{name}` names resources of no kind"), "give a kind, or leave out `names`");
    }
    if several && parameter.kind == ScalarType::List {
        return wrong(format!("`{name}` is a list, so what it names is of one kind"), "give a single kind");
    }
    if several && parameter.variable.is_some() {
        return wrong(
            format!("`{name}` names resources of several kinds, and each has a variable of its own"),
            "leave out `as`",
        );
    }
    let found: Vec<_> = targets
        .all()
        .iter()
        .map(|target| reference(names, file, parameter, (targets.span(), target), index, vars))
        .collect();
    found.into_iter().collect()
}

/// One kind that a parameter names, with a variable for it.
fn reference(
    names: &mut Names<'_>,
    file: &SpecText,
    parameter: &ParameterFile,
    (whole, target): (Range<usize>, &str),
    index: ParamIx,
    vars: &mut Vec<Var>,
) -> Option<Reference> {
    // Of a list of kinds, the one in question: with its quotes, so that it is not found within another.
    let place = file.within(whole.clone(), &format!("\"{target}\""), 1..target.len() + 1);
    let span = place.span();
    let (kind_name, field) = match target.split_once('.') {
        Some((kind, field)) => (kind, Some(field)),
        None => (target, None),
    };
    let kind = names.kind(file, span.clone(), target, kind_name)?;
    let by = match field {
        Some(field) => {
            let found = names.field(file, span.clone(), target, kind, field)?;
            if !matches!(names.field_at(kind, found).kind, FieldKind::Id | FieldKind::Chosen) {
                let problem = Problem::Path(format!("`{field}` does not name a resource"));
                let place = file.within(span, target, part_of(target, field));
                names.error_with(problem, place, "only a field of kind `id` or `chosen` names one");
                return None;
            }
            found
        }
        None => match names.kinds[kind.0 as usize].id {
            Some(id) => id,
            None => {
                let problem = Problem::Shape(format!("a resource of kind `{kind_name}` has no id to name it by"));
                let help = format!("write `names = \"{kind_name}.FIELD\"`, or give the kind an `id`");
                names.error_with(problem, file.at(span), help);
                return None;
            }
        },
    };
    let list = parameter.kind == ScalarType::List;
    let variable = match &parameter.variable {
        Some(variable) => variable.to_string(),
        None if list => format!("{kind_name}s"),
        None => kind_name.to_owned(),
    };
    let span = parameter.variable.as_ref().map_or(span, At::span);
    let var = variable_index(names, file, span, vars, Var { name: variable.into(), kind, list, param: Some(index) })?;
    Some(Reference { kind, by, var, accepts_gone: parameter.accepts_gone })
}

/// The parameter that tells which kind of resource another one names.
pub(super) fn told(
    names: &mut Names<'_>,
    table: Table<'_>,
    name: &str,
    parameter: &ParameterFile,
    references: &[Reference],
) -> Option<Told> {
    let told = parameter.told.as_ref()?;
    let (file, input) = (table.file, &table.operation.input);
    let Some((by, (_, teller))) = input.iter().enumerate().find(|(_, (n, _))| **n == **told.by) else {
        let error =
            SpecError::new(Problem::Unknown { what: "parameter", name: told.by.to_string() }, file.at(told.by.span()));
        names.errors.push(error.nearest(&told.by, input.keys().map(|n| &**n)));
        return None;
    };
    let mut kinds = Vec::new();
    for (value, kind) in &told.kinds {
        if !teller.values.contains(value) {
            let problem = Problem::Value(format!("`{value}` is not a value that `{}` can have", *told.by));
            names.error_with(problem, file.at(kind.span()), "it is not one of its `enum`");
        }
        if &***kind == PLAIN {
            if parameter.plain.is_none() {
                let problem = Problem::Shape(format!("every `{name}` is a name"));
                names.error_with(problem, file.at(kind.span()), "say with `plain` which texts are none");
            }
            kinds.push((value.as_str().into(), None));
            continue;
        }
        let Some(found) = names.kind(file, kind.span(), kind, kind) else { continue };
        if !references.iter().any(|r| r.kind == found) {
            let problem = Problem::Shape(format!("`{name}` does not name a `{}`", **kind));
            names.error_with(problem, file.at(kind.span()), "add the kind to `names`");
        }
        kinds.push((value.as_str().into(), Some(found)));
    }
    Some(Told { by: by as ParamIx, kinds })
}

/// What `told` calls a text that is no name.
const PLAIN: &str = "plain";
