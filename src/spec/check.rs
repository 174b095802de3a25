//! What can only be judged when everything is compiled: rules that contradict each other, facts that nothing deals
//! with, and what is said of the texts that the law is held against.
//!
//! Imports its neighbours in `spec`.

use globset::Glob;

use super::{
    cite::{Citation, citations},
    compile::Files,
    error::{Problem, SpecError, SpecText},
    file::{At, DepartureFile, DocumentFile, DocumentPart, DocumentScope, FactFile, FactsFile, OperationFile},
    law::{Equivalent, Fact},
    names::Names,
    rules::excludes,
    spot::{self, Spot},
};

/// No rule refuses the very requests that another one permits, as long as both can be in force at once.
pub(super) fn contradictions(names: &mut Names<'_>, file: &SpecText, operation: &OperationFile) {
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    for refuse in &operation.rule {
        let Some(refused) = &refuse.refuse else { continue };
        for permit in &operation.rule {
            let Some(permitted) = &permit.permit else { continue };
            let under = |rule: &super::file::RuleFile| rule.under.as_ref().map(|u| u.to_string());
            if plain(refused) == plain(permitted) && !excludes(under(refuse).as_deref(), under(permit).as_deref()) {
                let problem = Problem::Contradiction { refuse: refuse.id.to_string(), permit: permit.id.to_string() };
                let help = "narrow one of them, or put them under different choices of a reading";
                names.error_with(problem, file.at(permitted.span()), help);
            }
        }
    }
}

/// Every fact is dealt with, by rules that there are. Yields the facts with the ids of those that are in force.
pub(super) fn facts(names: &mut Names<'_>, file: &SpecText, facts: &FactsFile, in_force: &[String]) -> Vec<Fact> {
    // A rule that is broken itself is not said to be missing as well.
    let whole = names.errors.is_empty();
    let mut compiled: Vec<Fact> = Vec::with_capacity(facts.fact.len());
    for fact in &facts.fact {
        if compiled.iter().any(|f| f.id == *fact.id) {
            let problem = Problem::Duplicate { what: "facts called", name: fact.id.to_string() };
            names.error(problem, file.at(fact.id.span()));
        }
        compiled.push(self::fact(names, file, fact, in_force, whole));
    }
    compiled.sort_by(|a, b| a.id.cmp(&b.id));
    compiled
}

fn fact(names: &mut Names<'_>, file: &SpecText, fact: &FactFile, in_force: &[String], whole: bool) -> Fact {
    let checked = !fact.rules.is_empty() || fact.reading.is_some();
    if checked == fact.unchecked.is_some() {
        let problem = match checked {
            true => format!("the fact `{}` is both checked and unchecked", *fact.id),
            false => format!("nothing deals with the fact `{}`", *fact.id),
        };
        let help = "give `rules`, or `reading`, or both; or else `unchecked` with the reason";
        names.error_with(Problem::Fact(problem), file.at(fact.id.span()), help);
    }
    if let Some(reading) = &fact.reading
        && !names.readings.iter().any(|r| r.name == **reading)
    {
        let known = names.readings.iter().map(|r| &*r.name);
        names.errors.push(SpecError::unknown("reading", reading, file.at(reading.span()), known));
    }
    let mut rules = Vec::new();
    for pattern in &fact.rules {
        let place = file.at(pattern.span());
        let matcher = match Glob::new(pattern) {
            Ok(glob) => glob.compile_matcher(),
            Err(e) => {
                names.error(Problem::Pattern(e.to_string()), place);
                continue;
            }
        };
        if whole && !names.book.knows(pattern) && !names.book.ids().any(|id| matcher.is_match(id)) {
            let error = SpecError::new(Problem::Fact(format!("there is no rule `{}`", **pattern)), place);
            names.errors.push(error.nearest(pattern, names.book.ids()));
        }
        rules.extend(in_force.iter().filter(|id| **id == **pattern || matcher.is_match(id)).cloned());
    }
    rules.sort();
    rules.dedup();
    Fact {
        id: fact.id.to_string(),
        about: fact.about.clone(),
        rules,
        reading: fact.reading.as_ref().map(|r| r.to_string()),
        unchecked: fact.unchecked.clone(),
    }
}

/// What is said to be like what is right is a fault of a rule that there is, and has a reason.
pub(super) fn equivalents(names: &mut Names<'_>, file: &SpecText, facts: &FactsFile) -> Vec<Equivalent> {
    // A rule that is broken itself is not said to be missing as well.
    let whole = names.errors.is_empty();
    let mut compiled = Vec::new();
    for equivalent in &facts.equivalent {
        if equivalent.because.trim().is_empty() {
            let problem = Problem::Equivalent("nobody says why nothing can tell these faults".into());
            names.error_with(problem, file.at(equivalent.because.span()), "say it in a sentence");
        }
        for pattern in &equivalent.mutants {
            let place = file.at(pattern.span());
            let Some((rule, fault)) = pattern.split_once(':') else {
                let problem = Problem::Equivalent(format!("`{}` is not the name of a fault", **pattern));
                names.error_with(problem, place, "such a name is `RULE:fault`; `eipcheck mutants --list` shows them");
                continue;
            };
            let globs = [rule, fault, pattern].map(|part| Glob::new(part).map(|glob| glob.compile_matcher()));
            match globs {
                [Ok(rules), Ok(_), Ok(mutants)] => {
                    if whole && !names.book.knows(rule) && !names.book.ids().any(|id| rules.is_match(id)) {
                        let error = SpecError::new(Problem::Equivalent(format!("there is no rule `{rule}`")), place);
                        names.errors.push(error.nearest(rule, names.book.ids()));
                    }
                    compiled.push(Equivalent { mutants, because: equivalent.because.to_string() });
                }
                [Err(e), ..] | [_, Err(e), _] | [.., Err(e)] => names.error(Problem::Pattern(e.to_string()), place),
            }
        }
    }
    compiled
}

/// What `documents.toml` says of the texts holds: each is a source, its places are places, what is excused has a reason
/// and is not rested upon, and what rests on it names a place in it.
pub(super) fn documents(names: &mut Names<'_>, files: &Files, facts: &[Fact]) {
    let Some((file, documents)) = &files.documents else { return };
    let citations = citations(files);
    for (key, document) in &documents.document {
        if !names.cloud.sources.contains_key(&**key) {
            let known = names.cloud.sources.keys().map(|s| &**s);
            names.errors.push(SpecError::unknown("source", key, file.at(key.span()), known));
        }
        let told = document.law == DocumentPart::Tables;
        if told != document.because.is_some() {
            let problem = Problem::Document(format!("`{}` must say why its prose is no law, and only then", **key));
            let help = "`because` goes with `law = \"tables\"`";
            names.error_with(problem, file.at(key.span()), help);
        }
        if told && !(document.excused.is_empty() && document.read.is_empty()) {
            let problem = Problem::Document(format!("the prose of `{}` is no law, so nothing of it is excused", **key));
            names.error_with(problem, file.at(key.span()), "leave out `excused` and `read`, or `law = \"tables\"`");
        }
        let excused = excuses(names, file, document, facts);
        if !told {
            for citation in citations.iter().filter(|c| c.text == **key) {
                cited(names, citation, &excused);
            }
        }
        for departure in &document.departs {
            departs(names, file, document, departure, files);
        }
        for place in document.read.keys() {
            spots(names, file, place);
        }
    }
}

/// The places that a text names; what names none is an error.
fn spots(names: &mut Names<'_>, file: &SpecText, at: &At<String>) -> Vec<Spot> {
    spot::parse(at).unwrap_or_else(|wrong| {
        let place = file.within(at.span(), at, wrong.range.clone());
        names.error_with(Problem::Document(wrong.to_string()), place, spot::HOW);
        Vec::new()
    })
}

/// Every place that is excused.
fn excuses(names: &mut Names<'_>, file: &SpecText, document: &DocumentFile, facts: &[Fact]) -> Vec<Spot> {
    let mut all = Vec::new();
    for excused in &document.excused {
        let place = file.at(excused.at.span());
        if excused.because.is_some() == excused.fact.is_some() {
            let problem = Problem::Document(format!("`{}` is excused without a reason, or with two", *excused.at));
            names.error_with(problem, place.clone(), "give `because`, or the `fact` that deals with it");
        }
        if let Some(fact) = &excused.fact
            && !facts.iter().any(|f| f.id == **fact)
        {
            let known = facts.iter().map(|f| &*f.id);
            names.errors.push(SpecError::unknown("fact", fact, file.at(fact.span()), known));
        }
        for spot in spots(names, file, &excused.at) {
            if all.contains(&spot) {
                names.error(Problem::Duplicate { what: "excuses for", name: spot.to_string() }, place.clone());
            }
            all.push(spot);
        }
    }
    all
}

/// What rests on a text names a place in it, and none that is excused.
fn cited(names: &mut Names<'_>, citation: &Citation, excused: &[Spot]) {
    match spot::parse(&citation.at) {
        Ok(spots) => {
            if let Some(both) = spots.iter().find(|spot| excused.contains(spot)) {
                let problem = format!("{both} is excused, and `{}` rests on it", citation.by);
                names.error_with(
                    Problem::Document(problem),
                    citation.place.clone(),
                    "drop the excuse in documents.toml",
                );
            }
        }
        Err(wrong) => names.error_with(Problem::Document(wrong.to_string()), citation.place.clone(), spot::HOW),
    }
}

/// A departure is about operations that there are, and names one place and what differs there.
fn departs(names: &mut Names<'_>, file: &SpecText, document: &DocumentFile, departure: &DepartureFile, files: &Files) {
    let place = file.at(departure.at.span());
    if (document.scope == DocumentScope::Model) == departure.operations.is_empty() {
        let problem =
            Problem::Document("a departure from a model names its operations, one from a page does not".into());
        names.error_with(problem, place.clone(), "add `operations`, or leave it out");
    }
    for operation in &departure.operations {
        let known = || files.operations.iter().map(|(_, o)| &**o.operation);
        if !known().any(|name| name == **operation) {
            names.errors.push(SpecError::unknown("operation", operation, file.at(operation.span()), known()));
        }
    }
    match spot::parse_remarked(&departure.at).as_deref() {
        Ok([(spot, _)]) => {
            if let Err(wrong) = Glob::new(&spot.to_string()) {
                names.error(Problem::Pattern(wrong.to_string()), place);
            }
        }
        Ok(_) => names.error_with(Problem::Document("a departure is at one place".into()), place, spot::HOW),
        Err(wrong) => names.error_with(Problem::Document(wrong.to_string()), place, spot::HOW),
    }
}
