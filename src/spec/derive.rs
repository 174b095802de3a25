//! The rules that follow from tables alone: from the rows of parameters, from the conventions of the cloud, and from
//! the rows of answers.
//!
//! Imports its neighbours in `spec`.

use super::{
    error::{Problem, SpecText},
    file::{self, Convention, Defect, Level, OperationFile, OutputFile, ParameterFile, ScalarType, TokenDemand},
    law::{
        Demand, Operation, OperationIx, Param, ParamIx, Reference, Refusal, Rule, RuleIx, SourceAt, StatusRow, Token,
        Undeclared,
    },
    names::Names,
    rules::{Codes, code_id, codes_apart},
};

/// An operation whose tables are read.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub file: &'a SpecText,
    pub operation: &'a OperationFile,
    pub index: OperationIx,
}

impl Table<'_> {
    /// A rule of this operation, except for what tells it from the others.
    fn rule(&self, id: String, level: Level, says: String, source: SourceAt) -> Rule {
        Rule {
            id: id.into(),
            level,
            says,
            source,
            operation: Some(self.index),
            observed: None,
            under: None,
            demand: Demand::Refuse,
        }
    }

    fn id(&self, parameter: &str, defect: Defect) -> String {
        format!("{}.{parameter}.{}", *self.operation.operation, defect.name())
    }

    /// Where a parameter's row is.
    fn row(&self, names: &mut Names<'_>, name: &str, parameter: &ParameterFile) -> (Level, SourceAt) {
        let at = parameter.at.clone().unwrap_or_else(|| format!("parameter {name}"));
        let level = parameter.level.unwrap_or(self.operation.level);
        (level, names.source_at(self.file, &self.operation.source, at))
    }
}

/// The refusals that a parameter's row demands.
pub(super) fn refusals(
    names: &mut Names<'_>,
    table: Table<'_>,
    name: &str,
    parameter: &ParameterFile,
    compiled: &Param,
) -> Vec<(Defect, Refusal)> {
    let mut found = Vec::new();
    let (level, row) = table.row(names, name, parameter);
    if parameter.required {
        found.extend(by_convention(names, table, name, Defect::Required, Some((level, row.clone()))));
    }
    let typed = matches!(parameter.kind, ScalarType::Integer | ScalarType::Boolean);
    if typed && names.find_convention(Defect::Type).is_some() {
        found.extend(by_convention(names, table, name, Defect::Type, None));
    }
    if parameter.max_length.is_some() {
        found.extend(by_convention(names, table, name, Defect::Length, None));
    }
    let integer = parameter.kind == ScalarType::Integer;
    let limited = [
        (Defect::Range, integer && (parameter.min.is_some() || parameter.max.is_some())),
        (Defect::Enum, !parameter.values.is_empty()),
        (Defect::Form, parameter.pattern.is_some()),
    ];
    for (defect, _) in limited.into_iter().filter(|(_, limited)| *limited) {
        found.extend(limit(names, table, name, parameter, defect, (level, row.clone())));
    }
    found.extend(reference(names, table, name, parameter, compiled));
    found
}

/// The refusal of a value outside the limits of a row.
fn limit(
    names: &mut Names<'_>,
    table: Table<'_>,
    name: &str,
    parameter: &ParameterFile,
    defect: Defect,
    row: (Level, SourceAt),
) -> Option<(Defect, Refusal)> {
    let Some(limits) = &parameter.limits else { return by_convention(names, table, name, defect, Some(row)) };
    let source = names.source(table.file, &limits.source);
    if limits.codes.is_empty() {
        return by_convention(names, table, name, defect, Some((limits.level, source)));
    }
    let convention = names.convention(defect, table.file.key("input", name))?;
    let says = statement(names, convention, name, &table.operation.operation)?;
    let codes = Codes { codes: &limits.codes, level: limits.codes_level.unwrap_or(limits.level), source: None };
    let rule = table.rule(table.id(name, defect), limits.level, says, source);
    Some((defect, add_refusal(names, table, name, rule, codes)))
}

/// What becomes of a parameter that the operation does not have.
pub(super) fn undeclared(names: &mut Names<'_>, table: Table<'_>) -> Option<Undeclared> {
    let convention = names.find_convention(Defect::Undeclared)?;
    let id = format!("{}.{}", *table.operation.operation, Defect::Undeclared.name());
    if !convention.ignored {
        return conventional(names, table, id, "a parameter", convention, None).map(Undeclared::Refused);
    }
    let says = statement(names, convention, "a parameter", &table.operation.operation)?;
    let source = names.source(names.cloud_text, &convention.source);
    names.note(&id, None, table.file.at(table.operation.operation.span()));
    let rule = Rule { demand: Demand::Permit, ..table.rule(id, convention.level, says, source) };
    Some(Undeclared::Ignored(names.book.add(rule)))
}

/// A refusal whose codes are the cloud's convention; the refusal itself is as binding as its ground says, or else as
/// the convention.
fn by_convention(
    names: &mut Names<'_>,
    table: Table<'_>,
    parameter: &str,
    defect: Defect,
    ground: Option<(Level, SourceAt)>,
) -> Option<(Defect, Refusal)> {
    let convention = names.convention(defect, table.file.key("input", parameter))?;
    let refusal = conventional(names, table, table.id(parameter, defect), parameter, convention, ground)?;
    Some((defect, refusal))
}

fn conventional(
    names: &mut Names<'_>,
    table: Table<'_>,
    id: String,
    parameter: &str,
    convention: &Convention,
    ground: Option<(Level, SourceAt)>,
) -> Option<Refusal> {
    let convention_source = names.source(names.cloud_text, &convention.source);
    let says = statement(names, convention, parameter, &table.operation.operation)?;
    let (level, source) = ground.unwrap_or((convention.level, convention_source.clone()));
    let allowed: Vec<String> = convention.codes.iter().map(|code| code.to_string()).collect();
    let codes = Codes {
        codes: &allowed,
        level: convention.codes_level.as_deref().copied().unwrap_or(convention.level),
        source: (convention_source != source).then_some(convention_source),
    };
    Some(add_refusal(names, table, parameter, table.rule(id, level, says, source), codes))
}

/// The statement of a convention, about one parameter.
fn statement(names: &mut Names<'_>, convention: &Convention, parameter: &str, operation: &str) -> Option<String> {
    let says = convention.says.replace("{parameter}", parameter).replace("{operation}", operation);
    if !says.contains(['{', '}']) {
        return Some(says);
    }
    let place = names.cloud_text.at(convention.defect.span());
    names.error_with(
        Problem::Template(convention.says.clone()),
        place,
        "a statement knows `{parameter}` and `{operation}`",
    );
    None
}

fn add_refusal(names: &mut Names<'_>, table: Table<'_>, word: &str, rule: Rule, codes: Codes<'_>) -> Refusal {
    let place = table.file.key("input", word);
    names.note(&rule.id, None, place.clone());
    if codes_apart(rule.level, &codes) {
        names.note(&code_id(&rule.id), None, place);
    }
    names.book.add_refusal(rule, codes)
}

/// The refusals of a parameter that names a resource.
fn reference(
    names: &mut Names<'_>,
    table: Table<'_>,
    name: &str,
    parameter: &ParameterFile,
    compiled: &Param,
) -> Vec<(Defect, Refusal)> {
    let Some(reference) = compiled.names.first() else { return Vec::new() };
    let of = |r: &Reference| &names.kinds[r.kind.0 as usize];
    let (kind_name, by_id) = (of(reference).name.to_string(), compiled.names.iter().all(|r| of(r).id == Some(r.by)));
    let titles: Vec<&str> = compiled.names.iter().map(|r| &*of(r).title).collect();
    let (title, operation) = (titles.join(", "), table.operation.operation.to_string());
    let what = match parameter.kind {
        ScalarType::List => format!("an element of {name}"),
        _ => name.to_owned(),
    };
    // Each kind would say something else of a name that may be of several.
    let own = match compiled.names.as_slice() {
        [_] => names.refusals_of.get(&kind_name).cloned().unwrap_or_default(),
        _ => KindRefusals::default(),
    };
    let mut found = Vec::new();
    let mut add = |names: &mut Names<'_>, defect: Defect, refusal: &(SpecText, file::Refusal), fault: &str| {
        let (text, refusal) = refusal;
        let says = match names.find_convention(defect) {
            Some(convention) => statement(names, convention, name, &operation),
            None => Some(format!("{operation} is refused when {what} {fault} ({title}).")),
        };
        let Some(says) = says else { return };
        let source = names.source(text, &refusal.source);
        let mut rule = table.rule(table.id(name, defect), refusal.level, says, source);
        rule.observed.clone_from(&refusal.observed);
        let level = refusal.codes_level.unwrap_or(refusal.level);
        let codes = Codes { codes: &refusal.codes, level, source: None };
        found.push((defect, add_refusal(names, table, name, rule, codes)));
    };
    let here = |refusal: &Option<file::Refusal>| refusal.clone().map(|r| (table.file.clone(), r));
    if by_id && let Some(refusal) = here(&parameter.malformed).or(own.malformed) {
        add(names, Defect::Malformed, &refusal, "does not have the form of an id of its kind");
    }
    let unanswered = parameter.unknown_open || parameter.passes_over;
    if let Some(refusal) = here(&parameter.unknown).or(own.unknown).filter(|_| !unanswered) {
        add(names, Defect::Unknown, &refusal, "names nothing");
        if !parameter.accepts_gone {
            add(names, Defect::Stale, &refusal, "names something that is gone");
        }
    }
    found
}

/// The refusals that a kind of resource has for references to it, with the file that they stand in.
#[derive(Clone, Default)]
pub(super) struct KindRefusals {
    pub malformed: Option<(SpecText, file::Refusal)>,
    pub unknown: Option<(SpecText, file::Refusal)>,
}

/// The rule about rehearsals of an operation.
pub(super) fn dry_run(names: &mut Names<'_>, table: Table<'_>, params: &[Param]) -> Option<(ParamIx, RuleIx)> {
    let cloud = names.cloud;
    let dry_run = cloud.dry_run.as_ref()?;
    let index = params.iter().position(|p| *p.name == **dry_run.parameter)?;
    let parameter = table.operation.input.get(&**dry_run.parameter)?;
    let place = table.file.key("input", &dry_run.parameter);
    if parameter.kind != ScalarType::Boolean {
        let problem = Problem::Shape(format!("`{}` asks for a rehearsal, so it is true or false", *dry_run.parameter));
        names.error_with(problem, place.clone(), "give it `type = \"boolean\"`");
    }
    let (level, source) = table.row(names, &dry_run.parameter, parameter);
    let id = format!("{}.dry-run", *table.operation.operation);
    let says = format!(
        "With {} set, {} changes nothing: it answers {} to a request that would have worked.",
        *dry_run.parameter, *table.operation.operation, dry_run.code
    );
    let rule = Rule { demand: Demand::DryRun, ..table.rule(id, level, says, source) };
    Some((index as ParamIx, names.rule(rule, place)))
}

/// The rules about the token of an operation.
pub(super) fn token(names: &mut Names<'_>, table: Table<'_>, params: &[Param]) -> Option<Token> {
    let (cloud, operation) = (names.cloud, &*table.operation.operation);
    let own = table.operation.token.as_ref();
    let here = cloud.token.as_ref().and_then(|token| {
        let index = params.iter().position(|p| *p.name == **token.parameter)?;
        Some((token, index))
    });
    let Some((token, index)) = here else {
        if let Some(own) = own {
            let problem = Problem::Shape(format!("`{operation}` has no token to say anything about"));
            let help = "declare the parameter that `[token]` in cloud.toml names, or leave out this table";
            names.error_with(problem, table.file.at(own.span()), help);
        }
        return None;
    };
    if let Some(own) = own
        && own.codes.as_ref().is_none_or(Vec::is_empty)
        && (own.codes_level.is_some() || own.codes_source.is_some())
    {
        let help = "add `codes`, or leave out `codes-level` and `codes-source`";
        names.error_with(Problem::NoCodes, table.file.at(own.span()), help);
    }
    let parameter = token.parameter.as_str();
    let place = table.file.key("input", parameter);
    if params[index].kind != ScalarType::String {
        let problem = Problem::Shape(format!("`{parameter}` is a token, so it is a text"));
        names.error_with(problem, place.clone(), "give it `type = \"string\"`");
    }
    let level = own.and_then(|o| o.level).unwrap_or(token.level);
    let source = match own.and_then(|o| o.source.as_ref()) {
        Some(source) => names.source(table.file, source),
        None => names.source(names.cloud_text, &token.source),
    };
    let demanded = |demand: fn(&file::OperationTokenFile) -> TokenDemand| {
        own.is_none_or(|own| demand(own) == TokenDemand::Demanded)
    };
    let repeat = demanded(|own| own.repeat).then(|| {
        let id = format!("{operation}.{parameter}.repeat");
        let says = format!(
            "{operation} with the {parameter} and the parameters of an earlier request is answered as that one was, \
             and changes nothing more."
        );
        names.note(&id, None, place);
        let rule = table.rule(id, level, says, source.clone());
        names.book.add(Rule { demand: Demand::Keep, ..rule })
    });
    let mismatch = demanded(|own| own.mismatch).then(|| {
        let says =
            format!("{operation} is refused when its {parameter} is that of an earlier request with other parameters.");
        // Codes of its own come with a level and a source of their own.
        let (text, codes, codes_level, codes_source) = match own.and_then(|o| o.codes.as_ref().zip(Some(o))) {
            Some((codes, own)) => (table.file, codes, own.codes_level, &own.codes_source),
            None => (names.cloud_text, &token.codes, token.codes_level, &token.codes_source),
        };
        let codes_source = codes_source.as_ref().map(|s| names.source(text, s));
        let codes = Codes { codes, level: codes_level.unwrap_or(level), source: codes_source };
        let rule = table.rule(format!("{operation}.{parameter}.mismatch"), level, says, source);
        add_refusal(names, table, parameter, rule, codes)
    });
    let under_way = own.and_then(|o| o.under_way.as_ref()).unwrap_or(&token.under_way);
    Some(Token {
        param: index as ParamIx,
        repeat,
        mismatch,
        scope: token.scope,
        remembered: i64::from(own.and_then(|o| o.remembered).unwrap_or(token.remembered)),
        after_failure: own.and_then(|o| o.after_failure).unwrap_or(token.after_failure),
        under_way: under_way.iter().map(|c| c.as_str().into()).collect(),
    })
}

/// The rules about the HTTP statuses of an operation's errors, if its file gives any: one for each code.
pub(super) fn status(names: &mut Names<'_>, table: Table<'_>, operation: &mut Operation) {
    let file = table.operation;
    let source = names.source_at(table.file, &file.source, "table of errors".into());
    for (code, statuses) in &file.status {
        let place = table.file.at(statuses.span());
        let all = statuses.all();
        if all.is_empty() || all.iter().any(|s| !(400..600).contains(s)) {
            let problem = Problem::Value(format!("`{code}` does not come with an HTTP status of an error"));
            names.error_with(problem, place.clone(), "give a number from 400 to 599, or several");
        }
        let rule = (!names.cloud.codes.says_nothing(code)).then(|| {
            let id = format!("{}.status.{code}", *file.operation);
            let says = format!("An error {code} of {} has the HTTP status that is documented for it.", *file.operation);
            names.note(&id, None, place);
            names.book.add(Rule { demand: Demand::Form, ..table.rule(id, file.level, says, source.clone()) })
        });
        let demanded = operation.refusals_of(code).next().is_some();
        operation.status.push(StatusRow { code: code.as_str().into(), statuses: all.to_vec(), rule, demanded });
    }
}

/// The rule about a field of an answer.
pub(super) fn output(names: &mut Names<'_>, table: Table<'_>, name: &str, output: &OutputFile) -> RuleIx {
    let id = format!("{}.{name}", *table.operation.operation);
    let level = output.level.unwrap_or(table.operation.level);
    let source = match &output.source {
        Some(source) => names.source(table.file, source),
        None => names.source_at(table.file, &table.operation.source, format!("output {name}")),
    };
    let says = output.says.clone().unwrap_or_else(|| {
        if output.counts.is_some() {
            format!("The answer's {name} is how many resources the request selects, on whatever page they are.")
        } else if output.selects.is_some() {
            format!("The answer's {name} lists exactly the resources that the request selects, each as it is.")
        } else if output.view.is_some() && output.kind == ScalarType::List {
            format!("The answer's {name} lists exactly the resources that the request is about, each as it is.")
        } else if output.view.is_some() {
            format!("The answer's {name} shows the resource that the request is about, as it is.")
        } else {
            format!("The answer's {name} is the one that the request and the state of its resources make it.")
        }
    });
    let rule = Rule { demand: Demand::Answer, ..table.rule(id, level, says, source) };
    names.rule(rule, table.file.key("output", name))
}

/// The rule that a valid request is accepted, for an operation of which nothing else says so.
pub(super) fn accepted(names: &mut Names<'_>, table: Table<'_>) -> RuleIx {
    let id = format!("{}.accepted", *table.operation.operation);
    let source = names.source_at(table.file, &table.operation.source, "the operation as a whole".into());
    let rule = table.rule(id, table.operation.level, "A valid request is accepted.".into(), source);
    names.rule(Rule { demand: Demand::Permit, ..rule }, table.file.at(table.operation.operation.span()))
}
