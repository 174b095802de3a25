//! From spec files, read by the grammar, to the law: the order of the steps, and the parts that are the cloud's own.
//!
//! Kinds come first, then the parameters of every operation, then views, then rules: each step resolves names that the
//! one before has declared. Imports its neighbours in `spec`.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{
    check,
    derive::{KindRefusals, Table},
    error::{Problem, SpecErrors, SpecText},
    file::{CloudFile, DocumentsFile, FactsFile, OperationFile, ProductFile, ResourcesFile, WireFault},
    kinds::{self, OperationText},
    law::{Demand, Law, Operation, OperationIx, Product, Rule, RuleIx, WireStyle},
    looks::footprint,
    names::Names,
    operation,
    rules::renumber,
};

/// The files of one cloud, read by the grammar.
#[derive(Clone, Debug)]
pub struct Files {
    /// `cloud.toml`.
    pub cloud: (SpecText, CloudFile),
    /// `resources.toml`.
    pub resources: (SpecText, ResourcesFile),
    /// `facts.toml`, if there is one.
    pub facts: Option<(SpecText, FactsFile)>,
    /// `documents.toml`, if there is one.
    pub documents: Option<(SpecText, DocumentsFile)>,
    /// `operations/*.toml`.
    pub operations: Vec<(SpecText, OperationFile)>,
    /// SHA-256 of them all.
    pub digest: String,
    /// The text of `suite.jsonl`, if there is one: it is made from the others, and no part of the digest.
    pub suite: Option<String>,
}

/// Compiles the law, with a choice for each reading that is not to have its default.
pub(super) fn compile(mut files: Files, choices: &[(String, String)]) -> Result<Law, SpecErrors> {
    files.operations.sort_by(|a, b| a.1.operation.cmp(&b.1.operation));
    let (cloud_text, cloud) = &files.cloud;
    let (resources_text, resources) = &files.resources;
    let mut names = Names::new(cloud_text, cloud, choices);
    kinds::declare(&mut names, resources_text, resources);
    kinds::check_inverses(&mut names, resources_text, resources);
    names.refusals_of = kind_refusals(resources_text, resources);
    let wire_rules = wire_rules(&mut names, &files.operations);

    let tables: Vec<Table<'_>> = tables(&mut names, &files.operations);
    let declared: Vec<_> = tables.iter().map(|table| operation::declare(&mut names, *table)).collect();
    kinds::complete(&mut names, resources_text, resources, &files.operations, &declared);
    let mut operations: Vec<_> = tables
        .iter()
        .zip(declared)
        .map(|(table, (operation, heads))| operation::complete(&mut names, *table, operation, &heads))
        .collect();
    for table in &tables {
        check::contradictions(&mut names, table.file, table.operation);
    }
    check_general_parameters(&mut names, &files.operations);
    if cloud.product.is_empty() {
        let help = "add `[product.NAME]` with a `title` and a `version`";
        names.error_with(Problem::Shape("the cloud has no product".into()), cloud_text.at(cloud.cloud.span()), help);
    }

    let in_force = in_force(&names, &operations);
    let facts = files.facts.as_ref();
    let equivalents = facts.map_or_else(Vec::new, |(text, facts)| check::equivalents(&mut names, text, facts));
    let facts = facts.map_or_else(Vec::new, |(text, facts)| check::facts(&mut names, text, facts, &in_force));

    check::documents(&mut names, &files, &facts);

    let Names { readings, mut kinds, book, errors, .. } = names;
    SpecErrors::none_or(errors, ())?;
    for reference in operations.iter().flat_map(|o| &o.params).flat_map(|p| &p.names) {
        kinds[reference.kind.0 as usize].fields[reference.by as usize].names = true;
    }
    operations.iter_mut().for_each(Operation::share_conditions);
    let (rules, becomes) = book.finish();
    let mut law = Law {
        cloud: cloud.cloud.as_str().into(),
        title: cloud.title.clone(),
        wire: WireStyle {
            protocol: *cloud.protocol,
            namespace: cloud.namespace.clone(),
            ignores: cloud.ignores.clone(),
        },
        products: products(cloud),
        credentials: cloud.credentials.clone(),
        billable_hosts: cloud.billable_hosts.clone(),
        region: cloud.region.clone(),
        sources: cloud.sources.iter().map(|(key, source)| (key.clone(), source.clone())).collect(),
        codes: cloud.codes.clone(),
        dry_run_code: cloud.dry_run.as_ref().map(|d| d.code.as_str().into()),
        operations,
        kinds,
        rules,
        wire_rules,
        readings,
        facts,
        equivalents,
        digest: files.digest,
        suite: files.suite.map(Into::into),
    };
    renumber(&mut law, &becomes);
    let footprints: Vec<_> = law.operations.iter().map(|operation| footprint(&law, operation)).collect();
    law.operations.iter_mut().zip(footprints).for_each(|(operation, own)| operation.footprint = own);
    Ok(law)
}

/// The products, in the order of their names.
fn products(cloud: &CloudFile) -> Vec<Product> {
    let product = |(name, file): (&String, &ProductFile)| Product {
        name: name.clone(),
        title: file.title.clone(),
        version: file.version.clone(),
        service: file.service.clone().unwrap_or_else(|| name.clone()),
    };
    cloud.product.iter().map(product).collect()
}

/// The ids of all rules and open questions that are in force.
fn in_force(names: &Names<'_>, operations: &[Operation]) -> Vec<String> {
    let open = operations.iter().flat_map(|o| &o.open).map(|o| o.id.to_string());
    names.book.rules().map(|r| r.id.to_string()).chain(open).collect()
}

/// Each operation with its index, no two of one name.
fn tables<'f>(names: &mut Names<'_>, operations: &'f [OperationText]) -> Vec<Table<'f>> {
    for pair in operations.windows(2) {
        if let [(_, a), (text, b)] = pair
            && *a.operation == *b.operation
        {
            let problem = Problem::Duplicate { what: "operations called", name: b.operation.to_string() };
            names.error(problem, text.at(b.operation.span()));
        }
    }
    let table =
        |(i, (file, operation)): (usize, &'f OperationText)| Table { file, operation, index: OperationIx(i as u32) };
    operations.iter().enumerate().map(table).collect()
}

fn kind_refusals(file: &SpecText, resources: &ResourcesFile) -> BTreeMap<String, KindRefusals> {
    let own = |refusal: &Option<super::file::Refusal>| refusal.clone().map(|r| (file.clone(), r));
    let refusals = resources.resource.iter().map(|(name, resource)| {
        let refusals = KindRefusals { malformed: own(&resource.malformed), unknown: own(&resource.unknown) };
        (name.clone(), refusals)
    });
    refusals.collect()
}

/// The rules about the form of every answer.
fn wire_rules(
    names: &mut Names<'_>,
    operations: &[OperationText],
) -> FxHashMap<(WireFault, Option<OperationIx>), RuleIx> {
    let mut found = FxHashMap::default();
    let (file, cloud) = (names.cloud_text, names.cloud);
    for wire in &cloud.wire {
        let place = file.at(wire.id.span());
        let source = names.source(file, &wire.source);
        let rule = Rule {
            id: wire.id.as_str().into(),
            level: wire.level,
            says: wire.says.clone(),
            source,
            operation: None,
            observed: None,
            under: None,
            demand: Demand::Form,
        };
        let rule = names.rule(rule, place.clone());
        let mut about: Vec<_> =
            kinds::operations(names, file, &wire.operations, operations).into_iter().map(Some).collect();
        if wire.operations.is_empty() {
            about.push(None);
        }
        if about.into_iter().any(|operation| found.insert((wire.fault, operation), rule).is_some()) {
            let problem = Problem::Shape(format!("`{}` is the second rule about its fault of form", *wire.id));
            names.error_with(problem, place, "a fault of form breaks one rule: make one of the two");
        }
    }
    found
}

/// The parameter that asks for a rehearsal, and the one by which a repeated request is known, are ones that some
/// operation has.
fn check_general_parameters(names: &mut Names<'_>, operations: &[OperationText]) {
    let cloud = names.cloud;
    let general = [
        ("dry-run", cloud.dry_run.as_ref().map(|d| &d.parameter)),
        ("token", cloud.token.as_ref().map(|t| &t.parameter)),
    ];
    for (table, parameter) in general {
        if let Some(parameter) = parameter
            && !operations.is_empty()
            && !operations.iter().any(|(_, o)| o.input.contains_key(&***parameter))
        {
            let problem = Problem::Unknown { what: "parameter of any operation called", name: parameter.to_string() };
            let place = names.cloud_text.at(parameter.span());
            names.error_with(problem, place, format!("give some operation this parameter, or leave out `[{table}]`"));
        }
    }
    if let Some(token) = &cloud.token
        && token.codes.is_empty()
        && (token.codes_level.is_some() || token.codes_source.is_some())
    {
        let help = "add `codes`, or leave out `codes-level` and `codes-source`";
        names.error_with(Problem::NoCodes, names.cloud_text.at(token.parameter.span()), help);
    }
}
