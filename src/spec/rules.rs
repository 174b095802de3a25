//! The book of rules while the law is compiled: hands out indices, watches over ids, and sorts at the end.
//!
//! Imports only [`super::law`], [`mod@super::file`] and [`super::error`].

use std::{collections::BTreeMap, sync::Arc};

use super::{
    error::{Place, Problem, SpecError, list},
    file::Level,
    law::{Change, Demand, Kind, Law, Operation, OutputFrom, Refusal, Rule, RuleIx, SourceAt, Undeclared},
};

/// The rules so far, and every id that was given, those of rules that are not in force among them.
#[derive(Default)]
pub(super) struct RuleBook {
    rules: Vec<Rule>,
    ids: BTreeMap<Arc<str>, Vec<Option<String>>>,
}

/// The codes of a refusal, before it is known whether they are a rule of their own.
pub(super) struct Codes<'a> {
    /// The codes.
    pub codes: &'a [String],
    /// How binding they are.
    pub level: Level,
    /// Where they are said, if elsewhere than the refusal.
    pub source: Option<SourceAt>,
}

impl RuleBook {
    /// Takes note of an id. The same id may stand under two choices of one reading, of which only one is in force.
    pub fn note(&mut self, id: &str, under: Option<&str>, place: Place) -> Result<(), SpecError> {
        let same = self.ids.entry(id.into()).or_default();
        let apart = same.iter().all(|other| excludes(other.as_deref(), under));
        same.push(under.map(str::to_owned));
        match apart {
            true => Ok(()),
            false => Err(SpecError::new(Problem::Duplicate { what: "rules called", name: id.into() }, place)
                .help("a finding must name one rule: give one of them another id")),
        }
    }

    /// True if some rule or open question has this id, in force or not.
    pub fn knows(&self, id: &str) -> bool {
        self.ids.contains_key(id)
    }

    /// Every id that was noted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.keys().map(|id| &**id)
    }

    /// The rules so far, those that are in force.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// A rule by the index that it has for now.
    pub fn get(&self, rule: RuleIx) -> Option<&Rule> {
        self.rules.get(rule.0 as usize)
    }

    /// Adds a rule whose id has been noted.
    pub fn add(&mut self, rule: Rule) -> RuleIx {
        let index = RuleIx(self.rules.len() as u32);
        self.rules.push(rule);
        index
    }

    /// Adds the rule of a refusal, and one for its codes if they are said elsewhere or with another level.
    pub fn add_refusal(&mut self, rule: Rule, codes: Codes<'_>) -> Refusal {
        let apart = codes_apart(rule.level, &codes);
        let code_rule = apart.then(|| {
            let names: Vec<&str> = codes.codes.iter().map(|c| &**c).collect();
            let says = match &names[..] {
                [one] => format!("That refusal carries the code `{one}`."),
                all => format!("That refusal carries one of the codes {}.", list(all)),
            };
            let source = codes.source.unwrap_or_else(|| rule.source.clone());
            let (id, level) = (code_id(&rule.id).into(), codes.level);
            let (observed, under) = (rule.observed.clone(), rule.under.clone());
            self.add(Rule { id, level, says, source, operation: rule.operation, observed, under, demand: Demand::Code })
        });
        let codes = codes.codes.iter().map(|c| c.as_str().into()).collect();
        Refusal { rule: self.add(rule), codes, code_rule }
    }

    /// The rules by id, and for each index so far the one that it becomes.
    pub fn finish(self) -> (Vec<Rule>, Vec<RuleIx>) {
        let mut order: Vec<usize> = (0..self.rules.len()).collect();
        order.sort_by(|a, b| self.rules[*a].id.cmp(&self.rules[*b].id));
        let mut becomes = vec![RuleIx(0); order.len()];
        for (new, old) in order.iter().enumerate() {
            becomes[*old] = RuleIx(new as u32);
        }
        let mut rules = self.rules;
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        (rules, becomes)
    }
}

/// True if the codes of a refusal need a rule of their own.
pub(super) fn codes_apart(level: Level, codes: &Codes<'_>) -> bool {
    !codes.codes.is_empty() && (codes.level != level || codes.source.is_some())
}

/// The id of the rule about the codes of another rule.
pub(super) fn code_id(id: &str) -> String {
    format!("{id}.code")
}

/// True if two things cannot be in force at once: they stand under different choices of one reading.
pub(super) fn excludes(a: Option<&str>, b: Option<&str>) -> bool {
    match (a.and_then(|a| a.split_once('=')), b.and_then(|b| b.split_once('='))) {
        (Some((name, choice)), Some((other_name, other_choice))) => name == other_name && choice != other_choice,
        _ => false,
    }
}

/// Gives every rule the index that it has after sorting.
pub(super) fn renumber(law: &mut Law, becomes: &[RuleIx]) {
    let new = |rule: &mut RuleIx| *rule = becomes[rule.0 as usize];
    let refusal = |refusal: &mut Refusal| {
        new(&mut refusal.rule);
        refusal.code_rule.iter_mut().for_each(new);
    };
    law.wire_rules.values_mut().for_each(new);
    // Taken apart without `..` so that a new field which holds a rule cannot be forgotten here.
    for kind in &mut law.kinds {
        let Kind {
            name: _,
            title: _,
            id: _,
            undo: _,
            lingers: _,
            fades: _,
            only_by_request: _,
            fields: _,
            view,
            filters: _,
            id_rule,
        } = kind;
        view.iter_mut().filter_map(|shown| shown.rule.as_mut()).for_each(new);
        view.iter_mut().filter_map(|shown| shown.elsewhere.as_mut()).for_each(|(_, rule)| new(rule));
        id_rule.iter_mut().for_each(new);
    }
    for operation in &mut law.operations {
        let Operation {
            name: _,
            summary: _,
            level: _,
            product: _,
            status,
            params,
            dry_run,
            token,
            vars: _,
            output,
            refusals,
            permits,
            effects,
            keeps,
            conditions: _,
            open: _,
            accepts,
            undeclared,
            reads: _,
            footprint: _,
        } = operation;
        params.iter_mut().flat_map(|p| &mut p.refusals).for_each(|(_, r)| refusal(r));
        status.iter_mut().filter_map(|row| row.rule.as_mut()).for_each(new);
        dry_run.iter_mut().for_each(|(_, rule)| new(rule));
        if let Some(token) = token {
            token.repeat.iter_mut().for_each(new);
            token.mismatch.iter_mut().for_each(refusal);
        }
        refusals.iter_mut().for_each(|r| refusal(&mut r.refusal));
        permits.iter_mut().chain(keeps).for_each(|(rule, _)| new(rule));
        match undeclared {
            Some(Undeclared::Refused(refused)) => refusal(refused),
            Some(Undeclared::Ignored(rule)) => new(rule),
            None => {}
        }
        new(accepts);
        for effect in effects {
            new(&mut effect.rule);
            match &effect.change {
                Change::Create { .. } | Change::Delete(_) | Change::Set { .. } => {}
            }
        }
        for output in output {
            output.rule.iter_mut().for_each(new);
            match &output.from {
                OutputFrom::Paths(_)
                | OutputFrom::Value(_)
                | OutputFrom::One { .. }
                | OutputFrom::Many { .. }
                | OutputFrom::Selected { .. }
                | OutputFrom::Counts(_)
                | OutputFrom::Nothing => {}
            }
        }
    }
}
