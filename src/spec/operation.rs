//! Compiles operations: their parameters and variables first, then what they answer and how they behave.
//!
//! Imports its neighbours in `spec`.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::{
    derive::{self, Table},
    error::{Problem, SpecError, SpecText},
    expr::{Expr, KindShape, Member, Scope, Slot, Ty},
    file::{AfterFile, At, EffectFile, FieldKind, OpenFile, OutputFile, ParameterFile, Paths, RuleFile, ScalarType},
    kinds,
    law::{
        After, Change, Demand, Effect, FieldIx, Guard, KindIx, Open, Operation, Output, OutputFrom, Param, ParamIx,
        RefuseRule, Rule, RuleIx, Var, VarIx,
    },
    looks::Footprint,
    mark,
    names::{Force, Names, answer_wire, field_slot, literal_fits, literal_text, part_of, scalar_slot, shared},
    reference::{references, told},
    rules::{Codes, code_id, codes_apart, excludes},
};

/// What expressions of an operation may name, besides the law itself.
pub(super) struct Heads {
    input: Vec<Member>,
    /// Some parameter's reference is broken: rules that read its variable would only repeat that error.
    pub broken: bool,
}

/// The first step: parameters and their variables.
pub(super) fn declare(names: &mut Names<'_>, table: Table<'_>) -> (Operation, Heads) {
    let Table { file, operation, .. } = table;
    let mut heads = Heads { input: Vec::new(), broken: false };
    let mut vars = Vec::new();
    let mut params = parameters(names, file, "input", &operation.input);
    for (index, (name, parameter)) in operation.input.iter().enumerate() {
        let slot = scalar_slot(parameter.kind, parameter.of, &parameter.values);
        heads.input.push(Member { name: name.as_str().into(), slot });
        if let Some(targets) = &parameter.names {
            match references(names, file, name, parameter, targets, index as ParamIx, &mut vars) {
                Some(references) => params[index].names = references,
                None => heads.broken = true,
            }
        }
        params[index].told = told(names, table, name, parameter, &params[index].names);
        params[index].refusals = derive::refusals(names, table, name, parameter, &params[index]);
    }
    let declared = Operation {
        name: operation.operation.as_str().into(),
        summary: operation.summary.clone(),
        level: operation.level,
        product: names.product(file, operation),
        // Until `complete` knows the refusals.
        status: Vec::new(),
        dry_run: derive::dry_run(names, table, &params),
        token: derive::token(names, table, &params),
        params,
        vars,
        output: Vec::new(),
        refusals: Vec::new(),
        permits: Vec::new(),
        effects: Vec::new(),
        keeps: Vec::new(),
        conditions: Vec::new(),
        open: Vec::new(),
        // Until `complete` knows better.
        accepts: RuleIx(0),
        undeclared: derive::undeclared(names, table),
        reads: true,
        // Until the whole law is there.
        footprint: Footprint::default(),
    };
    (declared, heads)
}

/// Parameters, or the members of a struct.
fn parameters(
    names: &mut Names<'_>,
    file: &SpecText,
    table: &str,
    all: &BTreeMap<String, ParameterFile>,
) -> Vec<Param> {
    all.iter().map(|(name, parameter)| self::parameter(names, file, table, name, parameter)).collect()
}

fn parameter(names: &mut Names<'_>, file: &SpecText, table: &str, name: &str, parameter: &ParameterFile) -> Param {
    check_parameter(names, file, table, name, parameter);
    mark::check(names, file, table, name, parameter);
    let inner_table = format!("{table}.{name}.fields");
    let fields = parameters(names, file, &inner_table, &parameter.fields);
    for (member, inner) in &parameter.fields {
        if let Some(at) = &inner.names {
            let problem = Problem::Shape(format!("`{member}` is a member of a struct, so it cannot name a resource"));
            names.error_with(
                problem,
                file.at(at.span()),
                "only parameters of their own, and lists of texts, name resources",
            );
        }
        if inner.required {
            let problem =
                Problem::Shape(format!("`{member}` is a member of a struct, so no rule follows from `required`"));
            names.error_with(problem, file.key(&inner_table, member), "leave out `required`");
        }
    }
    let member = |wanted: &str| fields.iter().position(|f| *f.name == *wanted).map(|i| i as ParamIx);
    let filters = parameter.filters.as_ref().and_then(|filters| {
        let found = member(&filters.name).zip(member(&filters.values));
        let list_of_structs = parameter.kind == ScalarType::List && parameter.of == Some(ScalarType::Struct);
        if found.is_none() || !list_of_structs {
            let problem = Problem::Shape(format!("`{name}` does not have the form of filters"));
            let help = "filters are a list of structs whose `fields` hold a name and a list of values";
            names.error_with(problem, file.key(table, name), help);
        }
        found
    });
    Param {
        name: name.into(),
        wire: parameter.wire.clone().unwrap_or_else(|| name.into()),
        kind: parameter.kind,
        of: parameter.of,
        joined: parameter.joined,
        fields,
        default: parameter.default.clone(),
        min: parameter.min,
        max: parameter.max,
        values: shared(&parameter.values),
        form: parameter.pattern.as_ref().and_then(|p| kinds::pattern(names, file, p)),
        longest: parameter.max_length,
        names: Vec::new(),
        plain: parameter.plain.as_ref().and_then(|p| kinds::pattern(names, file, p)),
        told: None,
        passes_over: parameter.passes_over,
        mixed_open: parameter.mixed_open,
        matches: Vec::new(),
        examples: parameter.examples.iter().map(literal_text).collect(),
        sent: parameter.sent,
        mark: parameter.mark.clone(),
        filters,
        refusals: Vec::new(),
    }
}

/// What a parameter's row says of itself goes together.
fn check_parameter(names: &mut Names<'_>, file: &SpecText, table: &str, name: &str, parameter: &ParameterFile) {
    let mut wrong =
        |problem: String, help: &str| names.error_with(Problem::Shape(problem), file.key(table, name), help);
    let element = match parameter.kind {
        ScalarType::List => parameter.of,
        kind => Some(kind),
    };
    match (parameter.kind == ScalarType::List, parameter.of) {
        (true, None) => wrong(format!("`{name}` is a list of nothing"), "add `of`: the type of its elements"),
        (false, Some(_)) => wrong(format!("`{name}` has `of` but is no list"), "give it `type = \"list\"`"),
        _ => {}
    }
    let scalars = parameter.kind == ScalarType::List
        && !matches!(parameter.of, None | Some(ScalarType::List | ScalarType::Struct));
    if parameter.joined.is_some() && !scalars {
        wrong(format!("`{name}` is `joined` but is no list of scalars"), "only lists of scalars are one value");
    }
    if !parameter.fields.is_empty() && element != Some(ScalarType::Struct) {
        wrong(format!("`{name}` has `fields` but is no struct"), "only structs, and lists of structs, have members");
    }
    if !parameter.values.is_empty() && element != Some(ScalarType::String) {
        wrong(format!("`{name}` has an `enum` but is no text"), "only texts, and lists of texts, have an `enum`");
    }
    let limited = parameter.min.is_some() || parameter.max.is_some();
    if limited && parameter.kind == ScalarType::List {
        let help =
            format!("how many elements there may be is for a rule to say: `refuse = \"size(input.{name}) > …\"`");
        wrong(format!("`{name}` has limits but is a list"), &help);
    } else if limited && parameter.kind != ScalarType::Integer {
        wrong(format!("`{name}` has limits but is no number"), "only numbers have `min` and `max`");
    }
    if let (Some(min), Some(max)) = (parameter.min, parameter.max)
        && min > max
    {
        wrong(format!("`{name}` has no value between {min} and {max}"), "exchange `min` and `max`");
    }
    if (parameter.pattern.is_some() || parameter.max_length.is_some()) && element != Some(ScalarType::String) {
        wrong(format!("`{name}` has a form but is no text"), "only texts have a `pattern` and a `max-length`");
    }
    for (word, given) in [
        ("plain", parameter.plain.is_some()),
        ("told", parameter.told.is_some()),
        ("passes-over", parameter.passes_over),
        ("accepts-gone", parameter.accepts_gone),
        ("mixed-open", parameter.mixed_open),
    ] {
        if given && parameter.names.is_none() {
            wrong(format!("`{name}` names nothing, so `{word}` says nothing"), "add `names`, or leave it out");
        }
    }
    if parameter.mixed_open && parameter.kind != ScalarType::List {
        wrong(format!("`{name}` is one name, so `mixed-open` says nothing"), "leave it out");
    }
    if parameter.passes_over && (parameter.unknown.is_some() || parameter.accepts_gone) {
        wrong(
            format!("`{name}` passes over what is not there, so that is neither refused nor accepted"),
            "leave out `passes-over`, or `unknown` and `accepts-gone`",
        );
    }
    if parameter.default.is_some() && parameter.required {
        wrong(format!("`{name}` is required, so its `default` is never used"), "leave out one of them");
    }
    for literal in parameter.default.iter().chain(&parameter.examples) {
        let text = literal_text(literal);
        let mut value = |help: String| {
            let problem = Problem::Value(format!("`{text}` is not a value that `{name}` can have"));
            names.error_with(problem, file.key(table, name), help);
        };
        if !element.is_some_and(|kind| literal_fits(literal, kind)) {
            value("a default and examples are of the type that the parameter has".into());
        } else if !parameter.values.is_empty() && !parameter.values.contains(&text) {
            value("it is not one of its `enum`".into());
        } else if parameter.max_length.is_some_and(|most| text.chars().count() > most as usize) {
            value("it is longer than its `max-length`".into());
        } else if let super::file::Literal::Integer(number) = literal
            && parameter.kind == ScalarType::Integer
            && (parameter.min.is_some_and(|min| *number < min) || parameter.max.is_some_and(|max| *number > max))
        {
            value("it is outside `min` and `max`".into());
        }
    }
}

/// Adds a variable, unless there is one of its name.
pub(super) fn variable_index(
    names: &mut Names<'_>,
    file: &SpecText,
    span: Range<usize>,
    vars: &mut Vec<Var>,
    var: Var,
) -> Option<VarIx> {
    let place = file.at(span);
    names.variable_name(&var.name, place.clone());
    if vars.iter().any(|v| v.name == var.name) {
        let problem = Problem::Duplicate { what: "variables called", name: var.name.to_string() };
        names.error_with(problem, place, "give one of them another name with `as`");
        return None;
    }
    vars.push(var);
    Some(vars.len() as VarIx - 1)
}

/// A variable that an effect creates, in force or not.
struct Created {
    name: Arc<str>,
    ty: Ty,
    under: Option<String>,
    now: bool,
}

/// The second step: outputs and rules.
struct Behaviour<'n, 'a, 't> {
    names: &'n mut Names<'a>,
    table: Table<'t>,
    operation: Operation,
    heads: &'t Heads,
    shapes: &'t [KindShape],
    created: Vec<Created>,
}

/// Compiles the outputs and rules of a declared operation.
pub(super) fn complete(names: &mut Names<'_>, table: Table<'_>, operation: Operation, heads: &Heads) -> Operation {
    if heads.broken {
        return operation;
    }
    let shapes = names.shapes.clone();
    let mut behaviour = Behaviour { names, table, operation, heads, shapes: &shapes, created: Vec::new() };
    for rule in &table.operation.rule {
        behaviour.rule(rule);
    }
    for open in &table.operation.open {
        behaviour.open(open);
    }
    for (name, output) in &table.operation.output {
        behaviour.output(name, output);
    }
    for (name, parameter) in &table.operation.input {
        if let Some(paths) = &parameter.matches {
            behaviour.matches(name, paths);
        }
    }
    behaviour.operation.reads = behaviour.operation.effects.is_empty();
    behaviour.operation.accepts = behaviour.accepts();
    let mut operation = behaviour.operation;
    derive::status(names, table, &mut operation);
    operation
}

impl<'t> Behaviour<'_, '_, 't> {
    fn file(&self) -> &'t SpecText {
        self.table.file
    }

    /// The names that every expression may use: the arguments, and what they name.
    fn scope(&self) -> Scope<'t> {
        let mut scope = Scope::new(self.shapes).input(&self.heads.input);
        for var in self.operation.vars.iter().filter(|v| v.param.is_some()) {
            scope = scope.with(var.name.clone(), var_ty(var));
        }
        scope
    }

    /// The same, and what effects under this reading have created so far.
    fn scope_after(&self, force: &Force) -> Scope<'t> {
        let visible = |c: &&Created| match &c.under {
            None => true,
            under if *under == force.under => true,
            under => c.now && !excludes(under.as_deref(), force.under.as_deref()),
        };
        self.created.iter().filter(visible).fold(self.scope(), |scope, c| scope.with(c.name.clone(), c.ty.clone()))
    }

    /// The variables that expressions read: those that name what the request names, and those that are created.
    fn reads<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> (Vec<VarIx>, Vec<VarIx>) {
        let mut read: Vec<VarIx> =
            exprs.into_iter().flat_map(Expr::variables).filter_map(|name| self.operation.var(name)).collect();
        read.sort_unstable();
        read.dedup();
        read.into_iter().partition(|var| self.operation.vars[*var as usize].param.is_some())
    }

    fn guard(&mut self, text: &At<String>, scope: &Scope<'_>, wanted: &Slot) -> Option<Guard> {
        let expr = self.names.expr(self.file(), text, scope, wanted)?;
        let (needs, _) = self.reads([&expr]);
        Some(Guard { expr, needs, parts: Vec::new() })
    }

    fn rule(&mut self, rule: &RuleFile) {
        let place = self.file().at(rule.id.span());
        let force = self.names.force(self.file(), &rule.under);
        self.names.note(&rule.id, force.under.as_deref(), place.clone());
        let demands = [
            ("refuse", rule.refuse.is_some()),
            ("permit", rule.permit.is_some()),
            ("effect", !rule.effect.is_empty()),
            ("keeps", rule.keeps.is_some()),
        ];
        let given: Vec<&str> = demands.iter().filter(|(_, g)| *g).map(|(n, _)| *n).collect();
        if given.len() != 1 {
            let what = if given.is_empty() { "nothing".into() } else { super::error::list(&given) };
            let problem = Problem::Shape(format!("`{}` demands {what}", *rule.id));
            let help = "a rule has exactly one of `refuse`, `permit`, `[[rule.effect]]` and `keeps`";
            self.names.error_with(problem, place, help);
            return;
        }
        let speaks_of_codes = rule.codes_level.is_some() || rule.codes_source.is_some();
        if rule.refuse.is_none() && (speaks_of_codes || !rule.codes.is_empty()) {
            let problem = Problem::Shape(format!("`{}` refuses nothing, so it has no codes", *rule.id));
            self.names.error_with(problem, place.clone(), "leave out `codes`");
        } else if rule.codes.is_empty() && speaks_of_codes {
            let help = "add `codes`, or leave out `codes-level` and `codes-source`";
            self.names.error_with(Problem::NoCodes, place.clone(), help);
        }
        let demand = match given[..] {
            ["refuse"] => Demand::Refuse,
            ["permit"] => Demand::Permit,
            ["effect"] => Demand::Effect,
            _ => Demand::Keep,
        };
        let source = self.names.source(self.file(), &rule.source);
        let compiled = Rule {
            id: rule.id.as_str().into(),
            level: rule.level,
            says: rule.says.clone(),
            source,
            operation: Some(self.table.index),
            observed: rule.observed.clone(),
            under: force.under.clone(),
            demand,
        };
        let scope = self.scope();
        if let Some(refuse) = &rule.refuse {
            let codes_source = rule.codes_source.as_ref().map(|s| self.names.source(self.file(), s));
            let level = rule.codes_level.unwrap_or(rule.level);
            let codes = Codes { codes: &rule.codes, level, source: codes_source };
            if codes_apart(rule.level, &codes) {
                self.names.note(&code_id(&rule.id), force.under.as_deref(), place);
            }
            let Some(guard) = self.guard(refuse, &scope, &Ty::Bool.into()) else { return };
            if force.now {
                let refusal = self.names.book.add_refusal(compiled, codes);
                self.operation.refusals.push(RefuseRule { guard, refusal });
            }
        } else if let Some(permit) = &rule.permit {
            let Some(guard) = self.guard(permit, &scope, &Ty::Bool.into()) else { return };
            if force.now {
                self.operation.permits.push((self.names.book.add(compiled), guard));
            }
        } else if let Some(keeps) = &rule.keeps {
            let Some(guard) = self.keeps(keeps, &scope) else { return };
            if force.now {
                self.operation.keeps.push((self.names.book.add(compiled), guard));
            }
        } else {
            let index = force.now.then(|| self.names.book.add(compiled));
            for effect in &rule.effect {
                self.effect(effect, index, &force);
            }
        }
    }

    /// The resources that a request leaves as they are.
    fn keeps(&mut self, keeps: &At<String>, scope: &Scope<'_>) -> Option<Guard> {
        let (expr, ty) = self.names.expr_of(self.file(), keeps, scope)?;
        let resources = match &ty {
            Ty::Resource(_) | Ty::Any => true,
            Ty::List(of) => matches!(**of, Ty::Resource(_) | Ty::Any),
            _ => false,
        };
        if !resources {
            let problem = Problem::Effect("only a resource, or a list of resources, stays as it was".into());
            self.names.error_with(problem, self.file().at(keeps.span()), "name a variable of the operation");
        }
        let (needs, _) = self.reads([&expr]);
        resources.then_some(Guard { expr, needs, parts: Vec::new() })
    }

    fn open(&mut self, open: &OpenFile) {
        let force = self.names.force(self.file(), &open.under);
        self.names.note(&open.id, force.under.as_deref(), self.file().at(open.id.span()));
        let scope = self.scope();
        let Some(guard) = self.guard(&open.either, &scope, &Ty::Bool.into()) else { return };
        let mut excuses = Vec::with_capacity(open.excuses.len());
        for name in &open.excuses {
            match self.operation.param(name) {
                Some(ix) => excuses.push(ix),
                None => {
                    let problem = Problem::Shape(format!("the operation has no parameter `{}`", **name));
                    let help = "`excuses` names parameters of the operation";
                    return self.names.error_with(problem, self.file().at(name.span()), help);
                }
            }
        }
        if force.now {
            self.operation.open.push(Open {
                id: open.id.as_str().into(),
                says: open.says.clone(),
                because: open.because.clone(),
                guard,
                accepted: open.accepted,
                excuses,
            });
        }
    }

    /// A change; `rule` is none if it is not in force.
    fn effect(&mut self, effect: &EffectFile, rule: Option<RuleIx>, force: &Force) {
        let mut scope = self.scope_after(force);
        let mut each = None;
        if let Some(text) = &effect.each {
            let Some((expr, ty)) = self.names.expr_of(self.file(), text, &scope) else { return };
            let element = match ty {
                Ty::List(of) => *of,
                Ty::Any => Ty::Any,
                _ => {
                    let problem = Problem::Effect("`each` goes through a list, and this is none".into());
                    return self.names.error_with(problem, self.file().at(text.span()), "leave out `each`");
                }
            };
            scope = scope.with("it", element);
            each = Some(expr);
        }
        let when = self.optional(&effect.when, &scope, Ty::Bool);
        let Some((change, variable)) = self.change(effect, &scope, each.is_some()) else { return };
        let after = effect.after.as_ref().map(|after| self.after(after, &scope, change.kind()));
        let (set, on): (Vec<&Expr>, Option<&Expr>) = match &change {
            Draft::Create { set, .. } => (set.iter().map(|(_, e)| e).collect(), None),
            Draft::Delete { on, .. } => (Vec::new(), Some(on)),
            Draft::Set { on, set, .. } => (set.iter().map(|(_, e)| e).collect(), Some(on)),
        };
        // `unless` is asked when its moment comes, of the resource alone.
        let timed = after.iter().flat_map(|a| [&a.earliest, &a.latest, &a.usually]).flatten();
        let (needs, builds_on) = self.reads(set.into_iter().chain(on).chain(&when).chain(&each).chain(timed));
        let mut var = None;
        if let Some((created, span)) = variable {
            let ty = var_ty(&created);
            if rule.is_some() {
                let (names, file) = (&mut *self.names, self.table.file);
                var = variable_index(names, file, span, &mut self.operation.vars, created);
                let Some(var) = var else { return };
                let name = self.operation.vars[var as usize].name.clone();
                self.created.push(Created { name, ty, under: force.under.clone(), now: true });
            } else {
                self.names.variable_name(&created.name, self.file().at(span));
                self.created.push(Created { name: created.name, ty, under: force.under.clone(), now: false });
            }
        }
        let Some(rule) = rule else { return };
        let change = match (change, var) {
            (Draft::Create { kind, set }, Some(var)) => Change::Create { kind, var, set },
            (Draft::Delete { on, .. }, _) => Change::Delete(on),
            (Draft::Set { on, kind, set }, _) => {
                Change::Set { on, set: set.into_iter().map(|(field, value)| (kind, field, value)).collect() }
            }
            (Draft::Create { .. }, None) => return,
        };
        self.operation.effects.push(Effect { rule, needs, builds_on, when, each, change, after });
    }

    fn optional(&mut self, text: &Option<At<String>>, scope: &Scope<'_>, ty: Ty) -> Option<Expr> {
        self.names.expr(self.file(), text.as_ref()?, scope, &ty.into())
    }

    /// When a later change happens. The request is long over when `unless` is asked: what it named is not known then,
    /// only the resource that would change.
    fn after(&mut self, after: &AfterFile, scope: &Scope<'_>, changes: KindIx) -> After {
        let alone = Scope::new(self.shapes).with("it", Ty::Resource(changes));
        After {
            earliest: self.optional(&after.earliest, scope, Ty::Int),
            latest: self.optional(&after.latest, scope, Ty::Int),
            usually: self.optional(&after.usually, scope, Ty::Int),
            at_once: after.at_once,
            as_one: after.as_one,
            unless: self.optional(&after.unless, &alone, Ty::Bool),
            together: self.together(after),
        }
    }

    fn together(&mut self, after: &AfterFile) -> bool {
        let Some(together) = after.together.as_ref().filter(|together| ***together) else { return false };
        if self.operation.effects.last().is_none_or(|before| before.after.is_none()) {
            let problem = Problem::Shape("`together` needs a later change right before it".into());
            self.names.error_with(problem, self.table.file.at(together.span()), "leave out `together`");
        }
        true
    }

    /// What an effect does, and the variable that it creates with the place where its name stands.
    fn change(&mut self, effect: &EffectFile, scope: &Scope<'_>, each: bool) -> Option<(Draft, Option<NewVar>)> {
        let place = |text: &At<String>| self.table.file.at(text.span());
        let misplaced = |names: &mut Names<'_>, entry: &str, with: &str, text: &At<String>| {
            let problem = Problem::Shape(format!("`{entry}` does not go with `{with}`"));
            names.error_with(problem, place(text), format!("leave out `{entry}`"));
        };
        match (&effect.create, &effect.delete, &effect.change) {
            (Some(create), None, None) => {
                let kind = self.names.kind(self.file(), create.span(), create, create)?;
                if effect.after.is_some() {
                    misplaced(self.names, "after", "create", create);
                }
                let set = self.set(&effect.set, kind, true, scope);
                let (name, span) = match &effect.variable {
                    Some(variable) => (variable.to_string(), variable.span()),
                    None if each => (format!("{}s", **create), create.span()),
                    None => (create.to_string(), create.span()),
                };
                let var = Var { name: name.into(), kind, list: each, param: None };
                Some((Draft::Create { kind, set }, Some((var, span))))
            }
            (None, Some(delete), None) => {
                if let Some(variable) = &effect.variable {
                    misplaced(self.names, "as", "delete", variable);
                }
                if let Some(set) = effect.set.values().next() {
                    misplaced(self.names, "set", "delete", set);
                }
                let (on, kind) = self.resource(delete, scope)?;
                Some((Draft::Delete { on, kind }, None))
            }
            (None, None, Some(change)) => {
                if let Some(variable) = &effect.variable {
                    misplaced(self.names, "as", "change", variable);
                }
                if effect.set.is_empty() {
                    let problem = Problem::Shape("this effect changes a resource but sets nothing".into());
                    self.names.error_with(problem, place(change), "add `set`");
                }
                let (on, kind) = self.resource(change, scope)?;
                let set = self.set(&effect.set, kind, false, scope);
                Some((Draft::Set { on, kind, set }, None))
            }
            (create, delete, change) => {
                let any = create.iter().chain(delete).chain(change).chain(&effect.when).chain(&effect.each).next();
                let place = any.map_or_else(|| self.file().key("rule", "effect"), place);
                let problem = Problem::Shape("an effect does exactly one thing".into());
                self.names.error_with(problem, place, "give one of `create`, `delete` and `change`");
                None
            }
        }
    }

    /// A resource that an effect is on, and its kind.
    fn resource(&mut self, text: &At<String>, scope: &Scope<'_>) -> Option<(Expr, KindIx)> {
        let (expr, ty) = self.names.expr_of(self.file(), text, scope)?;
        let help = match ty {
            Ty::Resource(kind) => return Some((expr, kind)),
            Ty::List(_) => "it is a list: write `each = …`, and `it` here",
            Ty::Any => "its kind is not known: name a variable of the operation, or a path of references from one",
            _ => "name a variable of the operation, or a path of references from one",
        };
        let problem = Problem::Effect(format!("`{}` is not a resource, so nothing can happen to it", **text));
        self.names.error_with(problem, self.file().at(text.span()), help);
        None
    }

    /// New values of fields.
    fn set(
        &mut self,
        set: &BTreeMap<String, At<String>>,
        kind: KindIx,
        new: bool,
        scope: &Scope<'_>,
    ) -> Vec<(FieldIx, Expr)> {
        let mut compiled = Vec::with_capacity(set.len());
        for (name, value) in set {
            let file = self.file();
            let Some(field) = self.names.kinds[kind.0 as usize].field(name) else {
                let kind = &self.names.kinds[kind.0 as usize];
                let problem = Problem::Path(format!("a resource of kind `{}` has no field `{name}`", kind.name));
                let error = SpecError::new(problem, file.at(value.span()));
                let error = error.nearest(name, kind.fields.iter().map(|f| &*f.name));
                self.names.errors.push(error);
                continue;
            };
            let found = self.names.field_at(kind, field);
            let slot = field_slot(found);
            let why = match found.kind {
                FieldKind::Id => Some("the service names the resource, and keeps the name"),
                FieldKind::Chosen if !new => Some("the service chooses it once, when the resource is created"),
                FieldKind::Inverse | FieldKind::InverseOne => Some("set the reference of which it is the other end"),
                _ => None,
            };
            if let Some(help) = why {
                let problem = Problem::Effect(format!("`{name}` cannot be set"));
                self.names.error_with(problem, file.at(value.span()), help);
            } else if let Some(expr) = self.names.expr(file, value, scope, &slot) {
                compiled.push((field, expr));
            }
        }
        compiled
    }

    fn output(&mut self, name: &str, output: &OutputFile) {
        if let Some(from) = self.output_from(name, output) {
            // What is not judged breaks no rule.
            let judged = !matches!(from, OutputFrom::Nothing);
            let rule = judged.then(|| derive::output(self.names, self.table, name, output));
            self.operation.output.push(Output {
                name: name.into(),
                wire: answer_wire(*self.names.cloud.protocol, &output.wire, name),
                kind: output.kind,
                from,
                values: output.values.clone(),
                optional: output.optional,
                continues: output.continues,
                rule,
            });
        }
    }

    fn output_from(&mut self, name: &str, output: &OutputFile) -> Option<OutputFrom> {
        let place = self.file().key("output", name);
        let mut wrong = |problem: String, help: &str| {
            self.names.error_with(Problem::Shape(problem), place.clone(), help);
            None
        };
        let given = [output.shows.is_some(), output.value.is_some(), output.view.is_some(), output.counts.is_some()];
        if given.iter().filter(|g| **g).count() > 1 {
            let problem = format!("the output `{name}` takes its value from more than one place");
            return wrong(problem, "give one of `shows`, `value`, `view` and `counts`");
        }
        if output.view.is_none() && (output.of.is_some() || output.selects.is_some() || !output.later.is_empty()) {
            let problem = format!("the output `{name}` shows resources, but without a view");
            return wrong(problem, "add `view`: the kind whose view shows them");
        }
        let gives_one = match output.kind {
            ScalarType::Struct => output.shows.is_some() || output.value.is_some(),
            // A list may show the one value that it holds.
            ScalarType::List => output.value.is_some(),
            _ => false,
        };
        if gives_one {
            let problem = format!("the output `{name}` is more than one value, and `shows` and `value` give one");
            return wrong(
                problem,
                "show resources with `view` and `of`, or leave its value out: then it is not judged",
            );
        }
        let scope = self.scope_after(&Force { under: None, now: true });
        if let Some(paths) = &output.shows {
            let mut found = Vec::new();
            for path in paths.all() {
                found.push(self.shown(paths.span(), path, output.kind)?);
            }
            return Some(OutputFrom::Paths(found));
        }
        if let Some(value) = &output.value {
            let wanted = scalar_slot(output.kind, None, &output.values);
            return self.guard(value, &scope, &wanted).map(OutputFrom::Value);
        }
        if let Some(counted) = &output.counts {
            let selects = |o: &OutputFile| o.selects.is_some();
            if output.kind != ScalarType::Integer || !self.table.operation.output.get(&***counted).is_some_and(selects)
            {
                let problem =
                    Problem::Shape(format!("the output `{name}` does not count what `{}` selects", **counted));
                let help = "give it `type = \"integer\"`, and name an output that has `selects`";
                self.names.error_with(problem, self.file().at(counted.span()), help);
                return None;
            }
            return Some(OutputFrom::Counts(counted.as_str().into()));
        }
        let Some(view) = &output.view else { return Some(OutputFrom::Nothing) };
        let kind = self.names.kind(self.file(), view.span(), view, view)?;
        let later = self.later(kind, name, &output.later);
        match (&output.of, &output.selects, output.kind) {
            (Some(of), None, ScalarType::Struct) => {
                let of = self.guard(of, &scope, &Ty::Resource(kind).into())?;
                Some(OutputFrom::One { kind, of, later })
            }
            (Some(of), None, ScalarType::List) => {
                let of = self.guard(of, &scope, &Ty::list(Ty::Resource(kind)).into())?;
                Some(OutputFrom::Many { kind, of, later })
            }
            (None, Some(selects), ScalarType::List) => {
                let mut by = Vec::new();
                for parameter in &selects.by {
                    by.extend(self.selector(
                        parameter,
                        |p| p.reference_to(kind).is_some(),
                        "names the kind that it shows",
                    ));
                }
                let filter = selects.filter.as_ref();
                let filter = filter.and_then(|f| self.selector(f, |p| p.filters.is_some(), "has `filters`"));
                let page = selects.page.as_ref().and_then(|page| {
                    let counts = |p: &Param| p.kind == ScalarType::Integer && p.default.is_some();
                    let what = "is an integer with a `default`";
                    self.selector(&page.number, counts, what).zip(self.selector(&page.size, counts, what))
                });
                Some(OutputFrom::Selected { kind, by, filter, page })
            }
            _ => {
                let problem = format!("it is not clear which resources the output `{name}` shows");
                let help = "give `of` to a `struct` or `list`, or `selects` to a `list`";
                self.names.error_with(Problem::Shape(problem), place, help);
                None
            }
        }
    }

    /// The fields that a parameter of a reading operation is compared with.
    fn matches(&mut self, name: &str, paths: &At<Paths>) {
        let kind = self.operation.output.iter().find_map(|o| match &o.from {
            OutputFrom::Selected { kind, .. } => Some(*kind),
            _ => None,
        });
        let (Some(kind), Some(index)) = (kind, self.operation.param(name)) else {
            let problem = Problem::Shape(format!("`{name}` is compared with nothing: no output has `selects`"));
            self.names.error_with(problem, self.file().at(paths.span()), "leave out `matches`");
            return;
        };
        for path in paths.all() {
            let steps: Vec<&str> = path.split('.').collect();
            let found = self.names.shown_path(self.table.file, paths.span(), path, kind, &steps, None);
            self.operation.params[index as usize].matches.extend(found);
        }
    }

    /// Fields of a view that may come later.
    fn later(&mut self, kind: KindIx, output: &str, later: &[String]) -> Vec<Arc<str>> {
        for name in later {
            let kind = &self.names.kinds[kind.0 as usize];
            if !kind.view.iter().any(|shown| *shown.name == **name) {
                let place = self.table.file.key("output", output);
                let known = kind.view.iter().map(|s| &*s.name);
                self.names.errors.push(SpecError::unknown("field of that view", name, place, known));
            }
        }
        shared(later)
    }

    /// A parameter that selects what a reading operation shows.
    fn selector(&mut self, name: &At<String>, fits: impl Fn(&Param) -> bool, what: &str) -> Option<ParamIx> {
        let place = self.file().at(name.span());
        let Some(index) = self.operation.param(name) else {
            let known = self.operation.params.iter().map(|p| &*p.name);
            self.names.errors.push(SpecError::unknown("parameter", name, place, known));
            return None;
        };
        if !fits(&self.operation.params[index as usize]) {
            let problem = Problem::Shape(format!("`{}` does not select anything here", **name));
            self.names.error_with(problem, place, format!("name a parameter that {what}"));
            return None;
        }
        Some(index)
    }

    /// A path from a variable.
    fn shown(&mut self, span: Range<usize>, text: &str, kind: ScalarType) -> Option<(VarIx, super::law::Path)> {
        let steps: Vec<&str> = text.split('.').collect();
        let (first, rest) = steps.split_first()?;
        let Some(var) = self.operation.var(first) else {
            let place = self.file().within(span, text, part_of(text, first));
            let known = self.operation.vars.iter().map(|v| &*v.name);
            self.names.errors.push(SpecError::unknown("variable", first, place, known));
            return None;
        };
        let (from, is_list) = (self.operation.vars[var as usize].kind, self.operation.vars[var as usize].list);
        if is_list {
            let problem = Problem::Path(format!("`{first}` is a list, and this output shows one value"));
            let place = self.file().within(span, text, part_of(text, first));
            self.names.error_with(problem, place, "show the resources with `view` and `of`");
            return None;
        }
        // A list of one value.
        let kind = (kind != ScalarType::List).then_some(kind);
        let path = self.names.shown_path(self.table.file, span, text, from, rest, kind)?;
        Some((var, path))
    }

    /// The rule that a good request is accepted.
    fn accepts(&mut self) -> RuleIx {
        let level = |rule: RuleIx| self.names.book.get(rule).map(|r| r.level);
        let highest = self.operation.effects.iter().map(|e| level(e.rule)).max().flatten();
        let effect = self.operation.effects.iter().find(|e| level(e.rule) == highest).map(|e| e.rule);
        let output = self.operation.output.iter().find_map(|o| o.rule);
        effect
            .or(self.operation.permits.first().map(|(rule, _)| *rule))
            .or(output)
            .unwrap_or_else(|| derive::accepted(self.names, self.table))
    }
}

/// A variable that an effect creates, and the place of its name.
type NewVar = (Var, Range<usize>);

/// A change, before the variable that it creates is known.
enum Draft {
    Create { kind: KindIx, set: Vec<(FieldIx, Expr)> },
    Delete { on: Expr, kind: KindIx },
    Set { on: Expr, kind: KindIx, set: Vec<(FieldIx, Expr)> },
}

impl Draft {
    /// The kind of resource that it is about.
    fn kind(&self) -> KindIx {
        match self {
            Draft::Create { kind, .. } | Draft::Delete { kind, .. } | Draft::Set { kind, .. } => *kind,
        }
    }
}

/// What a variable is to expressions.
fn var_ty(var: &Var) -> Ty {
    let resource = Ty::Resource(var.kind);
    if var.list { Ty::list(resource) } else { resource }
}
