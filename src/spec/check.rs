//! What can only be judged when everything is compiled: rules that contradict each other, and facts that nothing deals
//! with.
//!
//! Imports its neighbours in `spec`.

use globset::Glob;

use super::{
    error::{Problem, SpecError, SpecText},
    file::{FactFile, FactsFile, OperationFile},
    law::Fact,
    names::Names,
    rules::excludes,
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
