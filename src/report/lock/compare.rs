//! What differs between the answers that were written down and those that came now, for people.
//!
//! Where a release changes the answers of an operation, it changes many of them in the same way. That is told once. What
//! comes from a target or a file is shown in a form that no terminal obeys.
//!
//! Imports nothing but its neighbours.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
};

use owo_colors::OwoColorize;
use similar::{ChangeTag, TextDiff};

use super::files::{ByOperation, Entry};
use crate::report::terminal::{counted, plain};

/// Lines that are shown around a change.
const AROUND: usize = 3;
/// Scenarios that are named where many answers changed alike.
const NAMED: usize = 3;

/// An answer that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The operation.
    pub operation: String,
    /// What was written down; none if nothing was.
    pub before: Option<Entry>,
    /// What came now; none if nothing did.
    pub after: Option<Entry>,
}

impl Change {
    /// Where it is: in which scenario, at which step, and the request.
    fn place(&self) -> (&str, usize, &str) {
        let entry = self.after.as_ref().or(self.before.as_ref());
        entry.map_or(("", 0, ""), |entry| (&entry.scenario, entry.step, &entry.request))
    }

    fn texts(&self) -> (String, String) {
        let text = |entry: &Option<Entry>| entry.as_ref().map(Entry::text).unwrap_or_default();
        (text(&self.before), text(&self.after))
    }
}

/// What changed, in the order of the operations and of their answers.
pub fn compare(before: &ByOperation, after: &ByOperation) -> Vec<Change> {
    let none = Vec::new();
    let operations: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut changes = Vec::new();
    for operation in operations {
        let (old, new) = (before.get(operation).unwrap_or(&none), after.get(operation).unwrap_or(&none));
        let mut left: BTreeMap<(&str, usize, &str), &Entry> = old.iter().map(|entry| (key(entry), entry)).collect();
        let change = |before: Option<&Entry>, after: Option<&Entry>| Change {
            operation: operation.clone(),
            before: before.cloned(),
            after: after.cloned(),
        };
        for entry in new {
            let was = left.remove(&key(entry));
            if was != Some(entry) {
                changes.push(change(was, Some(entry)));
            }
        }
        changes
            .extend(old.iter().filter(|entry| left.contains_key(&key(entry))).map(|entry| change(Some(entry), None)));
    }
    changes
}

/// What makes two answers answers to the same request.
fn key(entry: &Entry) -> (&str, usize, &str) {
    (&entry.scenario, entry.step, &entry.request)
}

/// What is the matter with the file of an operation as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// There is none.
    Missing,
    /// No scenario of the suite has anything to do with it.
    Orphaned,
}

/// The changes, those that are alike together. `files` are the operations with whose files as a whole something is the
/// matter.
pub fn render(changes: &[Change], files: &BTreeMap<String, FileFault>) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut out, changes, files);
    out
}

fn write(out: &mut String, changes: &[Change], files: &BTreeMap<String, FileFault>) -> fmt::Result {
    let operations: BTreeSet<&String> = changes.iter().map(|change| &change.operation).chain(files.keys()).collect();
    for operation in operations {
        let own: Vec<&Change> = changes.iter().filter(|change| change.operation == *operation).collect();
        let note = match files.get(operation) {
            Some(FileFault::Missing) => ": its file is missing",
            Some(FileFault::Orphaned) => ": its file is orphaned, no scenario leads there",
            None => "",
        };
        writeln!(out, "{} ({}){note}", plain(operation).bold(), counted(own.len() as u64, "answer"))?;
        // Those that are alike, in the order of the first of each.
        let mut alike: Vec<(String, Vec<&Change>)> = Vec::new();
        for change in own {
            let lines = changed_lines(change);
            match alike.iter_mut().find(|(known, _)| *known == lines) {
                Some((_, all)) => all.push(change),
                None => alike.push((lines, vec![change])),
            }
        }
        for (_, all) in alike {
            write_one(out, all[0])?;
            if let [_, others @ ..] = &all[..]
                && !others.is_empty()
            {
                let names: BTreeSet<&str> = others.iter().map(|change| change.place().0).collect();
                let named: Vec<&str> = names.iter().copied().take(NAMED).collect();
                let more = if names.len() > NAMED { ", …" } else { "" };
                let told = format!("the same in {} more, of {}{more}", others.len(), plain(&named.join(", ")));
                writeln!(out, "  {}", told.dimmed())?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The lines that went and came, and nothing else.
fn changed_lines(change: &Change) -> String {
    let (before, after) = change.texts();
    let diff = TextDiff::from_lines(&before, &after);
    let changed = diff.iter_all_changes().filter(|line| line.tag() != ChangeTag::Equal);
    changed.map(|line| format!("{}{}", line.tag(), line.value())).collect()
}

fn write_one(out: &mut String, change: &Change) -> fmt::Result {
    let (scenario, step, request) = change.place();
    let what = match (&change.before, &change.after) {
        (None, _) => " (not written down)",
        (_, None) => " (it does not come any more)",
        _ => "",
    };
    writeln!(out, "  {}, step {step}{what}\n    {}", plain(scenario), plain(request))?;
    let (before, after) = change.texts();
    let diff = TextDiff::from_lines(&before, &after);
    for (place, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if place > 0 {
            writeln!(out, "      {}", "…".dimmed())?;
        }
        for line in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let shown = plain(line.value().trim_end_matches('\n')).into_owned();
            match line.tag() {
                ChangeTag::Delete => writeln!(out, "    {}", format!("- {shown}").red())?,
                ChangeTag::Insert => writeln!(out, "    {}", format!("+ {shown}").green())?,
                ChangeTag::Equal => writeln!(out, "      {shown}")?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(scenario: &str, body: &str) -> Entry {
        Entry {
            scenario: scenario.into(),
            step: 1,
            request: "Ring".into(),
            status: Some(200),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    fn answers(entries: &[(&str, &str)]) -> ByOperation {
        let all: Vec<Entry> = entries.iter().map(|(scenario, body)| entry(scenario, body)).collect();
        if all.is_empty() { ByOperation::new() } else { BTreeMap::from([("Ring".to_owned(), all)]) }
    }

    fn shown(before: &ByOperation, after: &ByOperation) -> String {
        let text = render(&compare(before, after), &BTreeMap::new());
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn nothing_differs_where_nothing_changed() {
        let one = answers(&[("a", "<x/>\n")]);
        assert_eq!(compare(&one, &one), []);
    }

    #[test]
    fn answers_that_changed_alike_are_told_once() {
        let all = |x: &str| answers(&[("a", x), ("b", x), ("c", "<y/>\n")]);
        let text = shown(&all("<r>\n<x/>\n"), &all("<r>\n<z/>\n"));
        assert_eq!(text.matches("- <x/>").count(), 1, "{text}");
        assert!(text.contains("+ <z/>") && text.contains("the same in 1 more, of b"), "{text}");
        assert!(!text.contains("<y/>"), "{text}");
    }

    #[test]
    fn a_file_that_is_orphaned_is_a_difference_even_if_it_is_empty() {
        let files = BTreeMap::from([("Ring".to_owned(), FileFault::Orphaned)]);
        assert!(render(&[], &files).contains("orphaned"));
    }

    #[test]
    fn no_terminal_obeys_what_a_target_sends() {
        let text = shown(&answers(&[("a", "x\n")]), &answers(&[("a", "\u{1b}[31mred\u{202e}\n")]));
        assert!(text.contains(r"\u{1b}[31mred\u{202e}"), "{text}");
    }
}
