//! Stand-ins: what is another one each time gives way to a name that is always the same.
//!
//! The law says which fields of an answer hold what the service chose, so their values are learnt from the answers, and
//! replaced wherever they recur in the scenario, be it in the text of an error. What the law does not know is told by its
//! form: ids, moments, addresses. What a scenario's own requests say in so many words is the same each time, and stays.
//!
//! Imports `spec`, `scenario` and `wire`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::{Captures, Regex};

use crate::{
    scenario::step::{Call, Symbol},
    spec::{
        file::FieldKind,
        law::{Field, Kind, KindIx, Law, MintPart, OperationIx, OutputFrom, Path, ShownFrom},
    },
    wire::Tree,
};

/// Shorter values stand in too many places that have nothing to do with them.
const SHORTEST: usize = 5;

/// What stands for the id of a request.
pub const REQUEST_ID: &str = "{request-id}";
/// What stands for a moment.
const TIME: &str = "{time}";
/// What stands for the target's own address.
const HOST: &str = "{host}";

/// Forms of values that are another one each time, the more particular ones first. Each group is named after what stands
/// for it.
static FORMS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    const HEX: &str = "[0-9a-fA-F]";
    Regex::new(&format!(
        r"(?x)
        \b(?<uuid>{HEX}{{8}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{12}})\b
        | \b(?<time>
            \d{{4}}-\d\d-\d\d[T\ ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?
            | (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),\ \d\d\ [A-Z][a-z][a-z]\ \d{{4}}\ \d\d:\d\d:\d\d\ GMT
            | 1[5-9]\d{{8}}(?:\d{{3}})?
          )(?:\b|$)
        | \b(?<mac>(?:{HEX}{{2}}[:-]){{5}}{HEX}{{2}})\b
        | \b(?<name>[a-z][a-z0-9]*-\d{{1,3}}-\d{{1,3}}-\d{{1,3}}-\d{{1,3}})\b
        | \b(?<ip>\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}})\b
        | \b(?<prefix>[a-z][a-z0-9]*(?:-[a-z]+)*)-(?:{HEX}{{17}}|{HEX}{{8}}|[a-z0-9]{{15,32}})\b
        | \b(?<hex>{HEX}{{16,}})\b
        "
    ))
    .ok()
});

/// The stand-ins of one scenario.
#[derive(Clone, Debug)]
pub struct StandIns {
    /// Values that are known, each with what stands for it.
    known: Vec<(String, String)>,
    /// How many there are of each sort.
    counts: BTreeMap<String, usize>,
    /// What the requests say in so many words.
    said: BTreeSet<String>,
    /// What the tokens of the run begin with.
    tokens: Option<Regex>,
}

impl StandIns {
    /// For a scenario with these requests, at this host. `nonce` is what the tokens of its run have in common.
    pub fn new<'c>(calls: impl IntoIterator<Item = &'c Call>, host: &str, nonce: &str) -> StandIns {
        let mut said = BTreeSet::new();
        for call in calls {
            call.args.iter().for_each(|(_, symbol)| texts(symbol, &mut said));
        }
        let known = if host.is_empty() { Vec::new() } else { vec![(host.to_owned(), HOST.to_owned())] };
        let tokens = Regex::new(&format!("{}-[a-z]+-[0-9]+-([0-9]+)", regex::escape(nonce))).ok();
        StandIns { known, counts: BTreeMap::new(), said, tokens }
    }

    /// Takes note of what an answer shows that the service chose.
    pub fn learn(&mut self, chosen: &[Chosen]) {
        for Chosen { sort, text, .. } in chosen {
            let is_known = self.said.contains(text) || self.known.iter().any(|(known, _)| known == text);
            if !is_known && text.len() >= SHORTEST {
                let standin = self.next(sort);
                self.known.push((text.clone(), standin));
            }
        }
        // One may be a part of another one.
        self.known.sort_by_key(|(known, _)| std::cmp::Reverse(known.len()));
    }

    fn next(&mut self, sort: &str) -> String {
        let count = self.counts.entry(sort.to_owned()).or_default();
        *count += 1;
        format!("{{{sort}#{count}}}")
    }

    /// The text with stand-ins.
    pub fn replace(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(tokens) = &self.tokens {
            text = tokens.replace_all(&text, "{token#$1}").into_owned();
        }
        for (known, standin) in &self.known {
            text = replace_words(&text, known, standin);
        }
        let Some(forms) = &*FORMS else { return text };
        forms.replace_all(&text, |found: &Captures<'_>| self.by_form(found)).into_owned()
    }

    /// What stands for something that is told by its form.
    fn by_form(&mut self, found: &Captures<'_>) -> String {
        let whole = found[0].to_owned();
        if self.said.contains(&whole) {
            return whole;
        }
        if found.name("time").is_some() {
            return TIME.to_owned();
        }
        // It may have come before in this very text.
        if let Some((_, standin)) = self.known.iter().find(|(known, _)| *known == whole) {
            return standin.clone();
        }
        let sort = match found.name("prefix") {
            // An id has digits in it; without any it is a word.
            Some(prefix) if !whole[prefix.len()..].contains(|c: char| c.is_ascii_digit()) => return whole,
            Some(prefix) => prefix.as_str().to_owned(),
            None => match ["uuid", "mac", "name", "ip", "hex"].into_iter().find(|sort| found.name(sort).is_some()) {
                Some(sort) => sort.to_owned(),
                None => return whole,
            },
        };
        let standin = self.next(&sort);
        self.known.push((whole, standin.clone()));
        standin
    }
}

/// A value that the service chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The kind of resource, and the field if that is not its id.
    pub sort: String,
    /// True for the id of a resource.
    pub is_id: bool,
    /// The value.
    pub text: String,
}

/// What a successful answer shows that the service chose, in the order of the law.
pub fn chosen(law: &Law, operation: OperationIx, answer: &Tree) -> Vec<Chosen> {
    let operation = &law[operation];
    let mut found = Vec::new();
    for output in &operation.output {
        let Some(value) = answer.get(&output.name) else { continue };
        match &output.from {
            OutputFrom::Paths(paths) => {
                let ends = paths.iter().filter_map(|(var, path)| end(law, operation.vars[*var as usize].kind, path));
                of_value(&ends.collect::<Vec<_>>(), value, &mut found);
            }
            OutputFrom::One { kind, .. } => of_view(law, *kind, value, &mut found),
            OutputFrom::Many { kind, .. } | OutputFrom::Selected { kind, .. } => {
                value.as_list().into_iter().flatten().for_each(|item| of_view(law, *kind, item, &mut found));
            }
            OutputFrom::Value(_) | OutputFrom::Counts(_) | OutputFrom::Nothing => {}
        }
    }
    found
}

/// The same of what is shown of one resource.
pub fn of_view(law: &Law, kind: KindIx, item: &Tree, found: &mut Vec<Chosen>) {
    for shown in &law[kind].view {
        let Some(value) = item.get(&shown.name) else { continue };
        match &shown.from {
            ShownFrom::Paths(paths) => {
                let ends = paths.iter().filter_map(|path| end(law, kind, path));
                of_value(&ends.collect::<Vec<_>>(), value, found);
            }
            ShownFrom::List(_, inner) => {
                value.as_list().into_iter().flatten().for_each(|item| of_view(law, *inner, item, found));
            }
            ShownFrom::Value(_) | ShownFrom::Nothing => {}
        }
    }
}

/// The value is that of one of these fields.
fn of_value(ends: &[(&Kind, &Field)], value: &Tree, found: &mut Vec<Chosen>) {
    if let Some(list) = value.as_list() {
        return list.iter().for_each(|one| of_value(ends, one, found));
    }
    let Some(text) = value.as_text() else { return };
    let fits = |(_, field): &&(&Kind, &Field)| field.pattern.as_ref().is_none_or(|form| form.is_match(text));
    let Some((kind, field)) = ends.iter().find(fits).or(ends.first()) else { return };
    if is_chosen(field) {
        let is_id = field.kind == FieldKind::Id;
        let sort = if is_id { kind.name.to_string() } else { format!("{}.{}", kind.name, field.name) };
        found.push(Chosen { sort, is_id, text: text.to_string() });
    }
}

/// The texts of an argument.
fn texts(symbol: &Symbol, said: &mut BTreeSet<String>) {
    match symbol {
        Symbol::Text(text) => {
            said.insert(text.to_string());
        }
        Symbol::List(items) => items.iter().for_each(|item| texts(item, said)),
        Symbol::Struct(members) => members.iter().for_each(|(_, member)| texts(member, said)),
        Symbol::Of { .. } | Symbol::Token(_) => {}
    }
}

/// The field in which a path ends, and the kind that has it.
fn end<'l>(law: &'l Law, start: KindIx, path: &Path) -> Option<(&'l Kind, &'l Field)> {
    let (last, way) = path.0.split_last()?;
    let kind = way.iter().try_fold(start, |kind, field| law[kind].fields[*field as usize].to)?;
    Some((&law[kind], &law[kind].fields[*last as usize]))
}

/// True if the service chooses the value, and chooses another one each time.
fn is_chosen(field: &Field) -> bool {
    let fixed = |parts: &[MintPart]| parts.iter().all(|part| matches!(part, MintPart::Text(_)));
    matches!(field.kind, FieldKind::Id | FieldKind::Chosen) && !field.mint.as_ref().is_some_and(|mint| fixed(&mint.0))
}

/// Replaces a value wherever it stands by itself, not as a part of a longer word.
fn replace_words(text: &str, value: &str, standin: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.match_indices(value) {
        let end = at + value.len();
        let alone = !text[..at].ends_with(|c: char| c.is_alphanumeric())
            && !text[end..].starts_with(|c: char| c.is_alphanumeric());
        if at >= from && alone {
            out.push_str(&text[from..at]);
            out.push_str(standin);
            from = end;
        }
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standins(said: &[&str]) -> StandIns {
        let mut all = StandIns::new([], "127.0.0.1:5000", "eipcheck-0f");
        all.said = said.iter().map(|text| (*text).to_owned()).collect();
        all
    }

    #[test]
    fn what_is_another_one_each_time_is_told_by_its_form() {
        let mut all = standins(&["10.0.0.9", "box-0123456789abcdef0"]);
        for (text, replaced) in [
            ("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301.", "id {uuid#1}."),
            ("at 2026-01-02T03:04:05.678Z, 2026-01-02T03:04Z", "at {time}, {time}"),
            ("Fri, 02 Jan 2026 03:04:05 GMT", "{time}"),
            ("<a>1767323045</a><b>1767323045123</b>", "<a>{time}</a><b>{time}</b>"),
            ("12345678901234 1234 2.5", "12345678901234 1234 2.5"),
            ("0a:1b:2c:3d:4e:5f", "{mac#1}"),
            ("ip-10-0-0-5.internal", "{name#1}.internal"),
            ("host2-203-0-113-7.example", "{name#2}.example"),
            ("10.0.0.5 and 10.0.0.9 and 10.0.0.5", "{ip#1} and 10.0.0.9 and {ip#1}"),
            ("'box-0123456789abcdef1'", "'{box#1}'"),
            ("box-0123456789abcdef0", "box-0123456789abcdef0"),
            ("box-2zebcdefghijklmnop", "{box#2}"),
            ("text-transformations", "text-transformations"),
            ("http://127.0.0.1:5000/", "http://{host}/"),
            ("eipcheck-0f-wire-12-3", "{token#3}"),
        ] {
            assert_eq!(all.replace(text), replaced);
        }
    }

    #[test]
    fn a_value_is_replaced_where_it_stands_by_itself() {
        let replaced = replace_words("a-1 a-12 xa-1 (a-1) a-1a-1", "a-1", "{a}");
        assert_eq!(replaced, "{a} a-12 xa-1 ({a}) a-1a-1");
    }

    #[test]
    fn the_same_value_has_the_same_stand_in() {
        let mut all = standins(&[]);
        assert_eq!(all.replace("203.0.113.7"), "{ip#1}");
        assert_eq!(all.replace("198.51.100.7 203.0.113.7"), "{ip#2} {ip#1}");
    }
}
