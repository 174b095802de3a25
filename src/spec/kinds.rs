//! Compiles the kinds of resource: fields first, then what needs them all (paths, views, filters, the way back).
//!
//! Imports its neighbours in `spec`.

use regex::Regex;

use super::{
    error::{Place, Problem, SpecError, SpecText},
    expr::{KindShape, Member, Scope, Ty},
    file::{At, FieldFile, FieldKind, Level, OperationFile, ResourceFile, ResourcesFile, ScalarType, ViewFile},
    law::{
        Demand, Field, Kind, KindIx, Mint, MintPart, Operation, OperationIx, Path, Rule, RuleIx, Shown, ShownFrom,
        SourceAt,
    },
    names::{Names, answer_wire, field_slot, part_of, scalar_slot, shared},
    operation::Heads,
};

/// An operation file with its text.
pub(super) type OperationText = (SpecText, OperationFile);

/// The first step: every kind with its fields, and what expressions know of them.
pub(super) fn declare(names: &mut Names<'_>, file: &SpecText, resources: &ResourcesFile) {
    for (name, resource) in &resources.resource {
        let mut fields = Vec::with_capacity(resource.field.len());
        for (field_name, field) in &resource.field {
            let place = file.key(&format!("resource.{name}.field"), field_name);
            names.field_name(field_name, place.clone());
            fields.push(declare_field(names, file, field_name, field, place));
        }
        names.kinds.push(Kind {
            name: name.as_str().into(),
            title: resource.title.clone(),
            id: None,
            undo: Vec::new(),
            lingers: None,
            fades: None,
            only_by_request: resource.only_by_request,
            fields,
            view: Vec::new(),
            filters: Vec::new(),
            id_rule: None,
        });
    }
    for (kind, resource) in each(resources) {
        for (index, field) in resource.field.values().enumerate() {
            connect(names, file, kind, index, field);
        }
        if let Some(id) = &resource.id
            && let Some(field) = names.field(file, id.span(), id, kind, id)
        {
            if names.field_at(kind, field).kind == FieldKind::Id {
                names.kinds[kind.0 as usize].id = Some(field);
            } else {
                let problem = Problem::Shape(format!("`{}` cannot name a resource", **id));
                names.error_with(problem, file.at(id.span()), "give the field `kind = \"id\"`");
            }
        }
    }
    names.shapes = names.kinds.iter().map(shape).collect();
}

/// Each kind by its index; they are sorted by name already.
fn each(resources: &ResourcesFile) -> impl Iterator<Item = (KindIx, &ResourceFile)> {
    resources.resource.values().enumerate().map(|(i, r)| (KindIx(i as u32), r))
}

fn shape(kind: &Kind) -> KindShape {
    let members = kind.fields.iter().map(|f| Member { name: f.name.clone(), slot: field_slot(f) }).collect();
    KindShape { name: kind.name.clone(), members }
}

fn declare_field(names: &mut Names<'_>, file: &SpecText, name: &str, field: &FieldFile, place: Place) -> Field {
    let (named, state) = (matches!(field.kind, FieldKind::Id | FieldKind::Chosen), field.kind == FieldKind::State);
    let reference = field.kind == FieldKind::Ref;
    let inverse = matches!(field.kind, FieldKind::Inverse | FieldKind::InverseOne);
    let rows = [
        ("mint", field.mint.is_some(), named, false),
        ("pattern", field.pattern.is_some(), named, false),
        ("unique", field.unique, named, false),
        ("values", !field.values.is_empty(), state, state),
        ("to", field.to.is_some(), reference, reference),
        ("of", field.of.is_some(), inverse, inverse),
    ];
    for (entry, given, allowed, needed) in rows {
        if given && !allowed {
            let problem = Problem::Shape(format!("the field `{name}` is not of a kind that has `{entry}`"));
            names.error_with(problem, place.clone(), format!("leave out `{entry}`, or change its `kind`"));
        } else if needed && !given {
            let problem = Problem::Shape(format!("the field `{name}` needs `{entry}`"));
            names.error_with(problem, place.clone(), format!("add `{entry}`, or change its `kind`"));
        }
    }
    let pattern = field.pattern.as_ref().and_then(|p| pattern(names, file, p));
    let mint = field.mint.as_ref().and_then(|m| mint(names, file, m));
    if let (Some(regex), Some(mint), Some(at)) = (&pattern, &mint, &field.mint) {
        let sample = sample(mint);
        if !regex.is_match(&sample) {
            let problem = Problem::Template((**at).clone());
            names.error_with(
                problem,
                file.at(at.span()),
                format!("it makes `{sample}`, which does not match `pattern`"),
            );
        }
    }
    Field {
        name: name.into(),
        kind: field.kind,
        mint,
        pattern,
        unique: field.unique || field.kind == FieldKind::Id,
        names: field.unique || field.kind == FieldKind::Id,
        values: shared(&field.values),
        to: None,
        of: None,
    }
}

/// Resolves the other end of a reference or of an inverse.
fn connect(names: &mut Names<'_>, file: &SpecText, kind: KindIx, index: usize, field: &FieldFile) {
    let (mut to, mut of) = (None, None);
    if let Some(target) = &field.to {
        to = names.kind(file, target.span(), target, target);
    }
    if let Some(target) = &field.of {
        let Some((other, reference)) = target.split_once('.') else {
            let problem = Problem::Path(format!("`{}` is not the reference of a kind", **target));
            names.error_with(problem, file.at(target.span()), "write `kind.field`");
            return;
        };
        let Some(other) = names.kind(file, target.span(), target, other) else { return };
        let Some(reference) = names.field(file, target.span(), target, other, reference) else { return };
        // The other end is not connected yet, perhaps; its file entry is what counts.
        let points = names.field_at(other, reference).kind == FieldKind::Ref;
        if !points {
            let problem = Problem::Path(format!("`{}` is not a reference", **target));
            names.error_with(problem, file.at(target.span()), "an inverse is the other end of a field of kind `ref`");
            return;
        }
        (to, of) = (Some(other), Some(reference));
    }
    let field = &mut names.kinds[kind.0 as usize].fields[index];
    (field.to, field.of) = (to, of);
}

/// Every inverse is the inverse of a reference to its own kind.
pub(super) fn check_inverses(names: &mut Names<'_>, file: &SpecText, resources: &ResourcesFile) {
    for (kind, resource) in each(resources) {
        for (index, field) in resource.field.values().enumerate() {
            let found = names.field_at(kind, index as u32);
            let (Some(other), Some(reference), Some(of)) = (found.to, found.of, &field.of) else { continue };
            let points_to = names.field_at(other, reference).to;
            if points_to.is_some_and(|to| to != kind) {
                let problem = Problem::Path(format!("`{}` does not point here", **of));
                let here = names.kinds[kind.0 as usize].name.clone();
                names.error_with(problem, file.at(of.span()), format!("name a reference to the kind `{here}`"));
            }
        }
    }
}

/// A regular expression that must match as a whole.
pub(super) fn pattern(names: &mut Names<'_>, file: &SpecText, text: &At<String>) -> Option<Regex> {
    // The text by itself first: `a)(b` must not close the group around it.
    let compiled = Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{})$", **text)));
    match compiled {
        Ok(regex) => Some(regex),
        Err(e) => {
            let why = e.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ");
            names.error(Problem::Pattern(why.into()), file.at(text.span()));
            None
        }
    }
}

/// The template of made-up values.
fn mint(names: &mut Names<'_>, file: &SpecText, text: &At<String>) -> Option<Mint> {
    let mut parts = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (before, after) = rest.split_once('{').unwrap_or((rest, ""));
        if !before.is_empty() {
            parts.push(MintPart::Text(before.into()));
        }
        if before.len() == rest.len() {
            break;
        }
        let hole = after.split_once('}');
        let part = match hole {
            Some(("n", _)) => Some(MintPart::Number),
            Some((hex, _)) => hex
                .strip_prefix("hex")
                .and_then(|digits| digits.parse().ok())
                .filter(|digits| (1..=64).contains(digits))
                .map(MintPart::Hex),
            None => None,
        };
        let (Some(part), Some((_, after))) = (part, hole) else {
            let place = file.within(text.span(), text, part_of(text, hole.map_or("{", |(name, _)| name)));
            let help = "a template knows `{hex17}` (so many hexadecimal digits) and `{n}` (a number from 1 to 254)";
            names.error_with(Problem::Template(text.to_string()), place, help);
            return None;
        };
        parts.push(part);
        rest = after;
    }
    Some(Mint(parts))
}

/// One value that a template makes.
fn sample(mint: &Mint) -> String {
    let part = |part: &MintPart| match part {
        MintPart::Text(text) => text.clone(),
        MintPart::Hex(digits) => "0123456789abcdef".chars().cycle().take(*digits).collect(),
        MintPart::Number => "254".into(),
    };
    mint.0.iter().map(part).collect()
}

/// The last step, when the parameters of all operations are known: views, filters, lingering and the way back.
pub(super) fn complete(
    names: &mut Names<'_>,
    file: &SpecText,
    resources: &ResourcesFile,
    files: &[OperationText],
    operations: &[(Operation, Heads)],
) {
    let shown = shown_by(names, resources, files);
    let shapes = names.shapes.clone();
    for (kind, resource) in each(resources) {
        let scope = Scope::new(&shapes).with("self", Ty::Resource(kind));
        if let Some(lingers) = &resource.lingers {
            names.kinds[kind.0 as usize].lingers = names.expr(file, lingers, &scope, &Ty::Bool.into());
        }
        if let Some(fades) = &resource.fades {
            names.kinds[kind.0 as usize].fades = names.expr(file, fades, &scope, &Ty::Bool.into());
        }
        for (filter, paths) in &resource.filter {
            let mut found = Vec::new();
            for path in paths.all() {
                let steps: Vec<&str> = path.split('.').collect();
                found.extend(names.shown_path(file, paths.span(), path, kind, &steps, None));
            }
            names.kinds[kind.0 as usize].filters.push((filter.clone(), found));
        }
        let by = shown[kind.0 as usize];
        if by.is_none() && resource.view.values().any(|v| v.level.is_none() || v.source.is_none()) {
            let name = names.kinds[kind.0 as usize].name.clone();
            let problem =
                Problem::Shape(format!("no answer shows a `{name}`, so nothing says how binding its view is"));
            let help =
                "leave out the view, or show it in an output, or give each of its fields a `level` and a `source`";
            names.error_with(problem, file.key("resource", &name), help);
        }
        for (name, view) in &resource.view {
            if let Some(shown) = compile_view(names, file, kind, name, view, (by, files), &scope) {
                names.kinds[kind.0 as usize].view.push(shown);
            }
        }
        names.kinds[kind.0 as usize].id_rule = id_rule(names, file, kind, resource, by);
        for operation in &resource.undo {
            undo(names, file, kind, operation, operations);
        }
    }
}

/// For each kind, the operation file with the most binding tables among those whose answers show one of it, directly
/// or inside another resource.
fn shown_by<'f>(
    names: &Names<'_>,
    resources: &ResourcesFile,
    files: &'f [OperationText],
) -> Vec<Option<&'f OperationText>> {
    let mut by: Vec<Option<&OperationText>> = vec![None; names.kinds.len()];
    let index = |name: &str| names.kinds.iter().position(|k| &*k.name == name);
    for operation in files {
        let shown = operation.1.output.values().filter_map(|o| o.view.as_ref()).filter_map(|v| index(v));
        for kind in shown {
            by[kind] = more_binding(by[kind], Some(operation));
        }
    }
    // Through lists in views, until nothing changes; each round can only raise a level or fill a gap.
    for _ in 0..names.kinds.len() {
        for (kind, resource) in each(resources) {
            for list in resource.view.values().filter_map(|v| v.list.as_ref()) {
                let mut at = Some(kind);
                for step in list.split('.') {
                    at = at.and_then(|k| {
                        let kind = &names.kinds[k.0 as usize];
                        kind.field(step).and_then(|f| kind.fields[f as usize].to)
                    });
                }
                if let Some(inner) = at {
                    by[inner.0 as usize] = more_binding(by[inner.0 as usize], by[kind.0 as usize]);
                }
            }
        }
    }
    by
}

fn more_binding<'f>(a: Option<&'f OperationText>, b: Option<&'f OperationText>) -> Option<&'f OperationText> {
    match (a, b) {
        (Some(a), Some(b)) if b.1.level > a.1.level => Some(b),
        (a, b) => a.or(b),
    }
}

fn compile_view(
    names: &mut Names<'_>,
    file: &SpecText,
    kind: KindIx,
    name: &str,
    view: &ViewFile,
    (by, files): (Option<&OperationText>, &[OperationText]),
    scope: &Scope<'_>,
) -> Option<Shown> {
    let kind_name = names.kinds[kind.0 as usize].name.clone();
    let key = file.key(&format!("resource.{kind_name}.view"), name);
    let given = [view.shows.is_some(), view.value.is_some(), view.list.is_some()];
    if given.iter().filter(|g| **g).count() > 1 {
        let problem = Problem::Shape(format!("the field `{name}` takes its value from more than one place"));
        names.error_with(problem, key, "give one of `shows`, `value` and `list`");
        return None;
    }
    if view.value.is_some() && matches!(view.kind, ScalarType::List | ScalarType::Struct) {
        let problem = Problem::Shape(format!("the field `{name}` is more than one value, and `value` gives one"));
        names.error_with(problem, key, "show resources with `list`, or leave its value out: then it is not judged");
        return None;
    }
    let from = if let Some(paths) = &view.shows {
        let mut found = Vec::new();
        for path in paths.all() {
            let steps: Vec<&str> = path.split('.').collect();
            found.push(names.shown_path(file, paths.span(), path, kind, &steps, Some(view.kind))?);
        }
        ShownFrom::Paths(found)
    } else if let Some(value) = &view.value {
        ShownFrom::Value(names.expr(file, value, scope, &scalar_slot(view.kind, None, &view.values))?)
    } else if let Some(list) = &view.list {
        list_path(names, file, kind, list, view.kind)?
    } else {
        ShownFrom::Nothing
    };
    let title = names.kinds[kind.0 as usize].title.clone();
    let id = format!("{kind_name}.{name}");
    let says = view.says.clone().unwrap_or_else(|| match &from {
        ShownFrom::List(..) => {
            format!("The {name} that an answer shows of a resource ({title}) lists exactly those that it has.")
        }
        _ => format!("The {name} that an answer shows of a resource ({title}) is the one that it has."),
    });
    let source = match (&view.source, by) {
        (Some(source), _) => names.source(file, source),
        (None, Some((text, operation))) => names.source_at(text, &operation.source, format!("{name} of {title}")),
        (None, None) => return None,
    };
    let level = view.level.or(by.map(|(_, operation)| operation.level))?;
    let judged_while = match &view.while_ {
        Some(condition) => Some(names.expr(file, condition, scope, &Ty::Bool.into())?),
        None => None,
    };
    // What is not judged breaks no rule.
    let is_judged = view.judged && !matches!(from, ShownFrom::Nothing);
    let rule = is_judged.then(|| names.rule(answer_rule(&id, level, says.clone(), source.clone()), key.clone()));
    let elsewhere = (is_judged && !view.operations.is_empty()).then(|| {
        let about = operations(names, file, &view.operations, files);
        // Nobody says more of the others than their own tables do, and no other document is as binding as this one.
        let others = files.iter().enumerate().filter(|(ix, _)| !about.contains(&OperationIx(*ix as u32)));
        let most = others.map(|(_, (_, operation))| operation.level).filter(|l| *l < level).max();
        let says = format!("In the answers of other operations: {says}");
        let rule = answer_rule(&format!("{id}.elsewhere"), most.unwrap_or(Level::Assumed), says, source);
        (about, names.rule(rule, key))
    });
    Some(Shown {
        name: name.into(),
        wire: answer_wire(*names.cloud.protocol, &view.wire, name),
        kind: view.kind,
        from,
        values: view.values.clone(),
        besides: view.besides.clone(),
        optional: view.optional,
        judged_while,
        any_json: view.any_json,
        rule,
        elsewhere,
    })
}

/// The operations of these names.
pub(super) fn operations(
    names: &mut Names<'_>,
    file: &SpecText,
    wanted: &[At<String>],
    files: &[OperationText],
) -> Vec<OperationIx> {
    let mut found = Vec::with_capacity(wanted.len());
    for name in wanted {
        match files.iter().position(|(_, o)| *o.operation == **name) {
            Some(index) => found.push(OperationIx(index as u32)),
            None => {
                let all = files.iter().map(|(_, o)| o.operation.as_str());
                names.errors.push(SpecError::unknown("operation", name, file.at(name.span()), all));
            }
        }
    }
    found
}

/// A rule about a kind of resource in any answer.
fn answer_rule(id: &str, level: Level, says: String, source: SourceAt) -> Rule {
    Rule { id: id.into(), level, says, source, operation: None, observed: None, under: None, demand: Demand::Answer }
}

/// The path of a view's list of other resources.
fn list_path(
    names: &mut Names<'_>,
    file: &SpecText,
    kind: KindIx,
    list: &At<String>,
    ty: ScalarType,
) -> Option<ShownFrom> {
    let steps: Vec<&str> = list.split('.').collect();
    let (path, owner): (Path, KindIx) = names.path(file, list.span(), list, kind, &steps)?;
    let last = names.field_at(owner, *path.0.last()?);
    let (is_list, to) = (last.kind == FieldKind::Inverse && ty == ScalarType::List, last.to);
    if !is_list {
        let problem = Problem::Path(format!("`{}` is not shown as a list", **list));
        names.error_with(
            problem,
            file.at(list.span()),
            "the path ends in a field of kind `inverse`, and the `type` is `list`",
        );
        return None;
    }
    to.map(|to| ShownFrom::List(path, to))
}

/// The rule that the ids of a kind have the right form and that no two are the same.
fn id_rule(
    names: &mut Names<'_>,
    file: &SpecText,
    kind: KindIx,
    resource: &ResourceFile,
    by: Option<&OperationText>,
) -> Option<RuleIx> {
    let id = names.kinds[kind.0 as usize].id?;
    let (name, title) = (names.kinds[kind.0 as usize].name.clone(), resource.title.clone());
    let field = names.field_at(kind, id).name.clone();
    // The form of ids is said where a malformed one is refused; otherwise nobody promises it.
    let (level, source) = match (&resource.malformed, by) {
        (Some(malformed), _) => (malformed.level, names.source(file, &malformed.source)),
        (None, Some((text, operation))) => {
            (Level::Assumed, names.source_at(text, &operation.source, format!("{field} of {title}")))
        }
        (None, None) => return None,
    };
    let rule_id = format!("{name}.id");
    let says = format!("Ids have the form that ids of their kind ({title}) have, and no two are the same.");
    let place = file.key("resource", &name);
    Some(names.rule(answer_rule(&rule_id, level, says, source), place))
}

/// An operation that gets rid of a resource, with the parameter that names it.
fn undo(names: &mut Names<'_>, file: &SpecText, kind: KindIx, name: &At<String>, operations: &[(Operation, Heads)]) {
    let place = file.at(name.span());
    let found = operations.iter().enumerate().find(|(_, (operation, _))| *operation.name == ***name);
    let Some((index, (operation, heads))) = found else {
        names.errors.push(SpecError::unknown("operation", name, place, operations.iter().map(|(o, _)| &*o.name)));
        return;
    };
    let id = names.kinds[kind.0 as usize].id;
    let names_it = |p: &super::law::Param| p.reference_to(kind).is_some_and(|r| id.is_none() || Some(r.by) == id);
    match operation.params.iter().position(names_it) {
        Some(param) => names.kinds[kind.0 as usize].undo.push((OperationIx(index as u32), param as u32)),
        // Its reference is broken, and that is said already.
        None if heads.broken => {}
        None => {
            let kind = names.kinds[kind.0 as usize].name.clone();
            let problem =
                Problem::Shape(format!("`{}` has no parameter that names a resource of kind `{kind}`", **name));
            names.error_with(problem, place, format!("give one of its parameters `names = \"{kind}\"`"));
        }
    }
}
