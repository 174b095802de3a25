//! What every step of the compilation needs: the names that are known so far, and the errors that were found.
//!
//! Imports its neighbours in `spec`.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::{
    derive::KindRefusals,
    error::{Place, Problem, SpecError, SpecText},
    expr::{ANYTHING, Expr, KindShape, REGION, Scope, Slot, Ty},
    file::{
        At, CloudFile, Convention, Defect, FieldKind, Literal, OperationFile, Protocol, ReadingFile, ScalarType,
        SourceRef,
    },
    law::{Field, FieldIx, Kind, KindIx, Path, ProductIx, Reading, Rule, RuleIx, SourceAt},
    rules::RuleBook,
};

/// The state of the compilation. A step that fails says so here and goes on, so that one run finds every error.
pub(super) struct Names<'a> {
    pub cloud_text: &'a SpecText,
    pub cloud: &'a CloudFile,
    pub readings: Vec<Reading>,
    pub kinds: Vec<Kind>,
    pub shapes: Vec<KindShape>,
    /// The refusals that kinds have for references to them.
    pub refusals_of: BTreeMap<String, KindRefusals>,
    pub book: RuleBook,
    pub errors: Vec<SpecError>,
}

/// Whether a rule is in force, and the reading that it depends on.
pub(super) struct Force {
    pub under: Option<String>,
    pub now: bool,
}

impl<'a> Names<'a> {
    /// Reads the conventions and readings of a cloud, and chooses.
    pub fn new(cloud_text: &'a SpecText, cloud: &'a CloudFile, choices: &[(String, String)]) -> Names<'a> {
        let mut names = Names {
            cloud_text,
            cloud,
            readings: Vec::new(),
            kinds: Vec::new(),
            shapes: Vec::new(),
            refusals_of: BTreeMap::new(),
            book: RuleBook::default(),
            errors: Vec::new(),
        };
        let mut seen = BTreeMap::new();
        for convention in &cloud.convention {
            if seen.insert(*convention.defect, ()).is_some() {
                let name = convention.defect.name().into();
                let place = cloud_text.at(convention.defect.span());
                names.error(Problem::Duplicate { what: "conventions about the defect", name }, place);
            }
            names.codes_of_names(convention);
        }
        for reading in &cloud.reading {
            let reading = names.reading(reading);
            names.readings.push(reading);
        }
        names.readings.sort_by(|a, b| a.name.cmp(&b.name));
        for (name, choice) in choices {
            names.choose(name, choice);
        }
        names
    }

    /// How a wrong name is refused is said of each kind of resource: of a convention about it only the statement counts.
    fn codes_of_names(&mut self, convention: &Convention) {
        if !matches!(*convention.defect, Defect::Malformed | Defect::Unknown | Defect::Stale) {
            return;
        }
        let codes = convention.codes.first().map(|code| ("codes", code.span()));
        let level = convention.codes_level.as_ref().map(|level| ("codes-level", level.span()));
        for (key, span) in codes.into_iter().chain(level) {
            let problem = Problem::Shape(format!("a convention about `{}` has no `{key}`", convention.defect.name()));
            let help = "give them to the kind of resource, or to the parameter that names one";
            self.error_with(problem, self.cloud_text.at(span), help);
        }
    }

    fn reading(&mut self, file: &ReadingFile) -> Reading {
        if self.readings.iter().any(|r| r.name == *file.name) {
            let place = self.cloud_text.at(file.name.span());
            self.error(Problem::Duplicate { what: "readings called", name: file.name.to_string() }, place);
        }
        if !file.choices.contains_key(&**file.default) {
            let place = self.cloud_text.at(file.default.span());
            self.errors.push(SpecError::unknown("choice", &file.default, place, file.choices.keys().map(|c| &**c)));
        }
        Reading {
            name: file.name.to_string(),
            question: file.question.clone(),
            choices: file.choices.iter().map(|(c, m)| (c.clone(), m.clone())).collect(),
            default: file.default.to_string(),
            because: file.because.clone(),
            choice: file.default.to_string(),
            source: self.source(self.cloud_text, &file.source),
        }
    }

    fn choose(&mut self, name: &str, choice: &str) {
        let error = self.wrong_choice(name, choice, SpecError::nowhere);
        if error.is_none()
            && let Some(reading) = self.readings.iter_mut().find(|r| r.name == name)
        {
            reading.choice = choice.into();
        }
        self.errors.extend(error);
    }

    /// What is wrong with a choice of a reading, if anything.
    fn wrong_choice(&self, name: &str, choice: &str, error: impl Fn(Problem) -> SpecError) -> Option<SpecError> {
        let Some(reading) = self.readings.iter().find(|r| r.name == name) else {
            let problem = Problem::Reading(format!("there is no reading `{name}`"));
            return Some(error(problem).nearest(name, self.readings.iter().map(|r| &*r.name)));
        };
        let known = || reading.choices.iter().map(|(c, _)| &**c);
        let problem = || Problem::Reading(format!("the reading `{name}` has no choice `{choice}`"));
        (!known().any(|c| c == choice)).then(|| error(problem()).nearest(choice, known()))
    }

    /// Notes an error.
    pub fn error(&mut self, problem: Problem, place: Place) {
        self.errors.push(SpecError::new(problem, place));
    }

    /// Notes an error with a word on how to mend it.
    pub fn error_with(&mut self, problem: Problem, place: Place, help: impl Into<String>) {
        self.errors.push(SpecError::new(problem, place).help(help));
    }

    /// The convention about a defect; its absence is an error where a parameter needs it.
    pub fn convention(&mut self, defect: Defect, needed_at: Place) -> Option<&'a Convention> {
        let found = self.find_convention(defect);
        if found.is_none() {
            let help = format!("add a [[convention]] with `defect = \"{}\"` to cloud.toml", defect.name());
            self.error_with(Problem::NoConvention(defect.name()), needed_at, help);
        }
        found
    }

    /// The convention about a defect, if there is one.
    pub fn find_convention(&self, defect: Defect) -> Option<&'a Convention> {
        self.cloud.convention.iter().find(|c| *c.defect == defect)
    }

    /// The product of an operation.
    pub fn product(&mut self, file: &SpecText, operation: &OperationFile) -> ProductIx {
        let products = &self.cloud.product;
        let index = |name: &str| products.keys().position(|p| p == name);
        let found = match &operation.product {
            Some(product) => {
                let found = index(product);
                if found.is_none() {
                    let problem = Problem::Unknown { what: "product", name: product.to_string() };
                    let error = SpecError::new(problem, file.at(product.span()));
                    self.errors.push(error.nearest(product, products.keys().map(String::as_str)));
                }
                found
            }
            None => {
                if products.len() > 1 {
                    let names: Vec<&str> = products.keys().map(String::as_str).collect();
                    let problem = Problem::Shape(format!("`{}` belongs to no product", *operation.operation));
                    let help = format!("add `product`: {}", super::error::list(&names));
                    self.error_with(problem, file.at(operation.operation.span()), help);
                }
                None
            }
        };
        ProductIx(found.unwrap_or(0) as u32)
    }

    /// A place in a source, with its title.
    pub fn source(&mut self, file: &SpecText, source: &SourceRef) -> SourceAt {
        self.source_at(file, &source.text, source.at.clone())
    }

    /// The same from its parts.
    pub fn source_at(&mut self, file: &SpecText, text: &At<String>, at: String) -> SourceAt {
        let title = match self.cloud.sources.get(&**text) {
            Some(source) => source.title.clone(),
            None => {
                let known = self.cloud.sources.keys().map(|s| &**s);
                self.errors.push(SpecError::unknown("source", text, file.at(text.span()), known));
                String::new()
            }
        };
        SourceAt { text: text.to_string(), title, at }
    }

    /// Whether what stands under this reading is in force.
    pub fn force(&mut self, file: &SpecText, under: &Option<At<String>>) -> Force {
        let Some(text) = under else { return Force { under: None, now: true } };
        let place = file.at(text.span());
        let Some((name, choice)) = text.split_once('=') else {
            let problem = Problem::Reading(format!("`{}` is not a reading with a choice", **text));
            self.error_with(problem, place, "write `name=choice`");
            return Force { under: None, now: true };
        };
        let error = self.wrong_choice(name, choice, |problem| SpecError::new(problem, place.clone()));
        // What stands under a choice that there is not is checked all the same.
        let now = error.is_some() || self.readings.iter().any(|r| r.name == name && r.choice == choice);
        self.errors.extend(error);
        Force { under: Some(text.to_string()), now }
    }

    /// The kind of this name.
    pub fn kind(&mut self, file: &SpecText, span: Range<usize>, text: &str, name: &str) -> Option<KindIx> {
        let found = self.kinds.iter().position(|k| &*k.name == name);
        if found.is_none() {
            let place = file.within(span, text, part_of(text, name));
            self.errors.push(SpecError::unknown("kind of resource", name, place, self.kinds.iter().map(|k| &*k.name)));
        }
        found.map(|i| KindIx(i as u32))
    }

    /// The field of this name.
    pub fn field(
        &mut self,
        file: &SpecText,
        span: Range<usize>,
        text: &str,
        kind: KindIx,
        name: &str,
    ) -> Option<FieldIx> {
        let kind = &self.kinds[kind.0 as usize];
        let found = kind.field(name);
        if found.is_none() {
            let place = file.within(span, text, part_of(text, name));
            let problem = Problem::Path(format!("a resource of kind `{}` has no field `{name}`", kind.name));
            let error = SpecError::new(problem, place).nearest(name, kind.fields.iter().map(|f| &*f.name));
            self.errors.push(error);
        }
        found
    }

    /// The field behind an index.
    pub fn field_at(&self, kind: KindIx, field: FieldIx) -> &Field {
        &self.kinds[kind.0 as usize].fields[field as usize]
    }

    /// A chain of fields from a resource; yields the kind that its last field belongs to as well.
    pub fn path(
        &mut self,
        file: &SpecText,
        span: Range<usize>,
        text: &str,
        from: KindIx,
        steps: &[&str],
    ) -> Option<(Path, KindIx)> {
        let (mut at, mut path) = (from, Vec::with_capacity(steps.len()));
        for (i, step) in steps.iter().enumerate() {
            let field = self.field(file, span.clone(), text, at, step)?;
            path.push(field);
            if i + 1 == steps.len() {
                return Some((Path(path), at));
            }
            let found = self.field_at(at, field);
            match (found.kind, found.to) {
                (FieldKind::Ref | FieldKind::InverseOne, Some(to)) => at = to,
                (FieldKind::Ref | FieldKind::InverseOne, None) => return None,
                _ => {
                    let problem = Problem::Path(format!("`{step}` is not another resource, so the path ends here"));
                    let place = file.within(span, text, part_of(text, step));
                    self.error_with(
                        problem,
                        place,
                        "only fields of kind `ref` and `inverse-one` can be passed through",
                    );
                    return None;
                }
            }
        }
        self.error(Problem::Path(format!("`{text}` names no field")), file.at(span));
        None
    }

    /// A path that ends in something that an answer can show as a value of this type.
    pub fn shown_path(
        &mut self,
        file: &SpecText,
        span: Range<usize>,
        text: &str,
        from: KindIx,
        steps: &[&str],
        kind: Option<ScalarType>,
    ) -> Option<Path> {
        let (path, owner) = self.path(file, span.clone(), text, from, steps)?;
        let last = self.field_at(owner, *path.0.last()?);
        let fits = match last.kind {
            FieldKind::Inverse => false,
            FieldKind::Integer => matches!(kind, None | Some(ScalarType::Integer | ScalarType::String)),
            FieldKind::Flag => matches!(kind, None | Some(ScalarType::Boolean | ScalarType::String)),
            _ => matches!(kind, None | Some(ScalarType::String | ScalarType::Timestamp | ScalarType::List)),
        };
        if fits {
            return Some(path);
        }
        let (name, is) = (last.name.to_string(), last.kind);
        let place = file.within(span, text, part_of(text, &name));
        let problem = Problem::Path(format!("`{name}` cannot be shown here"));
        let help = match is {
            FieldKind::Inverse => "it is many resources: give `list`, or a `value`, instead of `shows`",
            _ => "its kind does not go with the `type` of the answer's field",
        };
        self.error_with(problem, place, help);
        None
    }

    /// Compiles an expression for a place that can hold `wanted`.
    pub fn expr(&mut self, file: &SpecText, text: &At<String>, scope: &Scope<'_>, wanted: &Slot) -> Option<Expr> {
        let compiled = Expr::compile_as(text, scope, wanted);
        compiled.map_err(|e| self.errors.push(SpecError::expression(e, file, text.span(), text))).ok()
    }

    /// Compiles an expression and says what it yields.
    pub fn expr_of(&mut self, file: &SpecText, text: &At<String>, scope: &Scope<'_>) -> Option<(Expr, Ty)> {
        let compiled = Expr::compile(text, scope);
        compiled.map_err(|e| self.errors.push(SpecError::expression(e, file, text.span(), text))).ok()
    }

    /// Takes note of a rule's id.
    pub fn note(&mut self, id: &str, under: Option<&str>, place: Place) {
        let noted = self.book.note(id, under, place);
        self.errors.extend(noted.err());
    }

    /// Takes note of a rule's id and adds the rule.
    pub fn rule(&mut self, rule: Rule, place: Place) -> RuleIx {
        self.note(&rule.id, rule.under.as_deref(), place);
        self.book.add(rule)
    }

    /// The name of a variable.
    pub fn variable_name(&mut self, name: &str, place: Place) {
        let functions =
            ["size", "string", "int", "has", "bool", "bytes", "double", "list", "map", "type", "uint", "dyn"];
        let own = ["input", "it", "self", ANYTHING, REGION];
        if functions.contains(&name) || own.contains(&name) {
            self.error_with(Problem::Name(name.into()), place, "expressions know it as something else");
        } else {
            self.name(name, place);
        }
    }

    /// The name of a field.
    pub fn field_name(&mut self, name: &str, place: Place) {
        match name {
            "live" => self.error_with(Problem::Name(name.into()), place, "every resource has a field `live` already"),
            _ => self.name(name, place),
        }
    }

    /// A name that can stand in an expression.
    fn name(&mut self, name: &str, place: Place) {
        let keywords = "as break const continue else false for function if import in let loop namespace null package \
                        return true var void while";
        let mut chars = name.chars();
        let good = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !good {
            let help = "names that expressions use are made of letters, digits and `_`";
            self.error_with(Problem::Name(name.into()), place, help);
        } else if keywords.split(' ').any(|keyword| keyword == name) {
            self.error_with(Problem::Name(name.into()), place, "it is a keyword of the expressions");
        }
    }
}

/// The bytes of a part of a text.
pub(super) fn part_of(text: &str, part: &str) -> Range<usize> {
    text.find(part).map_or(0..text.len(), |at| at..at + part.len())
}

/// What a parameter of this type is to expressions.
pub(super) fn scalar_slot(kind: ScalarType, of: Option<ScalarType>, values: &[String]) -> Slot {
    let scalar = |kind| match kind {
        ScalarType::String | ScalarType::Timestamp => Ty::Text,
        ScalarType::Integer => Ty::Int,
        ScalarType::Boolean => Ty::Bool,
        ScalarType::List | ScalarType::Struct => Ty::Any,
    };
    let ty = match kind {
        ScalarType::List => Ty::list(of.map_or(Ty::Any, scalar)),
        kind => scalar(kind),
    };
    Slot { ty, values: values.iter().map(|v| v.as_str().into()).collect() }
}

/// What a field of a resource is to expressions.
pub(super) fn field_slot(field: &Field) -> Slot {
    let resource = || field.to.map_or(Ty::Any, Ty::Resource);
    let ty = match field.kind {
        FieldKind::Id | FieldKind::Chosen | FieldKind::Text | FieldKind::State => Ty::Text,
        FieldKind::Integer => Ty::Int,
        FieldKind::Flag => Ty::Bool,
        FieldKind::Ref | FieldKind::InverseOne => resource(),
        FieldKind::Inverse => Ty::list(resource()),
    };
    Slot { ty, values: field.values.iter().cloned().collect() }
}

/// True if a literal is a value of this type.
pub(super) fn literal_fits(literal: &Literal, kind: ScalarType) -> bool {
    matches!(
        (literal, kind),
        (Literal::Boolean(_), ScalarType::Boolean)
            | (Literal::Integer(_), ScalarType::Integer)
            | (Literal::Text(_), ScalarType::String | ScalarType::Timestamp)
    )
}

/// A literal as it is sent.
pub(super) fn literal_text(literal: &Literal) -> String {
    match literal {
        Literal::Boolean(b) => b.to_string(),
        Literal::Integer(i) => i.to_string(),
        Literal::Text(t) => t.clone(),
    }
}

/// A name whose first letter is a small one.
pub(super) fn lower_camel(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The element path of a field of an answer.
pub(super) fn answer_wire(protocol: Protocol, wire: &Option<String>, name: &str) -> Vec<String> {
    match (wire, protocol) {
        (Some(path), _) => path.split('/').map(str::to_owned).collect(),
        (None, Protocol::Ec2Query) => vec![lower_camel(name)],
        (None, Protocol::Rpc) => vec![name.to_owned()],
    }
}

/// Texts that are shared from now on.
pub(super) fn shared(texts: &[String]) -> Vec<Arc<str>> {
    texts.iter().map(|t| t.as_str().into()).collect()
}
