//! A report for people: each finding with the way there, then the table.
//!
//! The text carries colours as ANSI sequences; whoever prints it takes them out where they are not wanted. What comes from
//! a target, or from a file, is shown in a form that no terminal obeys.

use std::{
    borrow::Cow,
    fmt::{self, Write},
};

use owo_colors::{OwoColorize, Style};

use super::chart;
use super::data::{Finding, LevelTotals, Outcome, Report};
use crate::spec::file::Level;

/// Findings in full, then the figures.
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_report(&mut text, report);
    text
}

fn write_report(out: &mut String, report: &Report) -> fmt::Result {
    let count = report.findings.len();
    for (number, finding) in report.findings.iter().enumerate() {
        write_finding(out, number + 1, count, finding, report.seed)?;
    }
    write_most_binding(out, report)?;
    write_unsupported(out, report)?;
    write_indeterminate(out, report)?;
    write_flaky(out, report)?;
    if !report.leftovers.is_empty() {
        writeln!(out, "{}", "Left behind: these could not be deleted".bold())?;
        for left in &report.leftovers {
            writeln!(out, "  {} {}: {}", plain(&left.kind), plain(&left.id), plain(&left.why))?;
        }
        writeln!(out)?;
    }
    write_table(out, report)
}

fn level_style(level: Level) -> Style {
    match level {
        Level::Must => Style::new().red().bold(),
        Level::Should => Style::new().yellow().bold(),
        Level::Assumed => Style::new().cyan().bold(),
    }
}

/// The longest text of a target that is shown to people; the report has the whole of it.
const LONGEST: usize = 2000;

/// A text in a form that no terminal obeys, and not too long to be read.
pub fn plain(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => {
            let more = text[end..].chars().count();
            format!("{}… and {more} more characters", escaped(&text[..end])).into()
        }
        None => escaped(text),
    }
}

/// A text in a form that no terminal obeys: what is not for being seen is written as an escape, as in `\u{1b}`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    // Besides the control characters, those that turn the direction of writing around.
    let obeyed = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(obeyed) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if obeyed(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown.into()
}

/// One finding.
///
/// # Errors
///
/// Only those of the writer.
pub fn write_finding(out: &mut String, number: usize, count: usize, finding: &Finding, seed: u64) -> fmt::Result {
    let level = finding.level.name().style(level_style(finding.level)).to_string();
    writeln!(out, "{} {}  {level}", format!("[{number}/{count}]").dimmed(), plain(&finding.rule).bold())?;
    writeln!(out, "  {}", plain(&finding.says))?;
    writeln!(out, "  {} {}, {}", "source:".dimmed(), plain(&finding.source.title), plain(&finding.source.at))?;
    if let Some(under) = &finding.under {
        writeln!(out, "  {} {}", "reading:".dimmed(), plain(under))?;
    }
    for (place, step) in finding.steps.iter().enumerate() {
        let last = place + 1 == finding.steps.len();
        let mark = if last { "->".red().to_string() } else { "  ".to_owned() };
        writeln!(out, "  {mark} {:>2}. {}", place + 1, plain(step))?;
        if let Some(needed) = finding.needed.get(place).filter(|_| !last) {
            writeln!(out, "          {}", plain(&needed.says).dimmed())?;
        }
    }
    if let Some(overlap) = &finding.overlap {
        chart::write(out, overlap)?;
    }
    writeln!(out, "  {} {}", "allowed:".green(), plain(&finding.allowed))?;
    writeln!(out, "  {} {}", "came:   ".red(), plain(&finding.came))?;
    if let Some(observed) = &finding.observed {
        writeln!(out, "  {} {}", "the real service:".dimmed(), plain(observed))?;
    }
    if let Some(folder) = &finding.folder {
        writeln!(out, "  {} {}, in the run's folder", "scripts:".dimmed(), plain(folder))?;
    }
    let times = if finding.times == 1 { "once".to_owned() } else { format!("in {} scenarios", finding.times) };
    let (rule, scenario) = (plain(&finding.rule), plain(&finding.scenario));
    if let Some(reproduced) = finding.reproduced {
        let told = format!("reproduced {}/{}", reproduced.times, reproduced.of);
        writeln!(out, "  {} {told}, after {}", "again:".dimmed(), counted(finding.shrinking, "request"))?;
    }
    let again = if scenario.starts_with("random-") {
        format!("--seed {seed} ({scenario})")
    } else if let Some((_, planned)) = scenario.strip_prefix("overlap-").and_then(|s| s.split_once(':')) {
        // It depends on which of them comes first, so that it may not show at once.
        match planned == rule {
            true => format!("--only '{planned}', perhaps more than once"),
            false => format!("--only '{rule}' --only '{planned}', perhaps more than once"),
        }
    } else if scenario == rule {
        format!("--only '{rule}'")
    } else {
        // It was seen on the way to another rule; a run reports only what it was asked for.
        format!("--only '{rule}' --only '{scenario}'")
    };
    writeln!(out, "  {} {times}; again with: {again}", "seen".dimmed())?;
    writeln!(out)
}

/// So many findings fill more than a screen: the first ones are out of sight at the end.
const MANY_FINDINGS: usize = 8;

/// The most binding findings once more, in short, where many others follow on them.
fn write_most_binding(out: &mut String, report: &Report) -> fmt::Result {
    let Some(level) = report.findings.first().map(|first| first.level) else { return Ok(()) };
    let binding = report.findings.iter().take_while(|finding| finding.level == level);
    if report.findings.len() <= MANY_FINDINGS || binding.clone().count() == report.findings.len() {
        return Ok(());
    }
    writeln!(out, "{} {}", "Broken, of level".bold(), level.name().style(level_style(level)))?;
    for (number, finding) in binding.enumerate() {
        writeln!(out, "  [{}] {}: {}", number + 1, finding.rule.bold(), finding.says)?;
    }
    writeln!(out)
}

fn write_unsupported(out: &mut String, report: &Report) -> fmt::Result {
    let missing: Vec<Cow<'_, str>> =
        report.operations.iter().filter(|o| !o.implemented).map(|o| plain(&o.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    writeln!(out, "{} {}", "Not implemented by the target:".bold(), missing.join(", "))?;
    let rules = report.rules.iter().filter(|r| r.result == Outcome::Unsupported).count();
    let need = if rules == 1 { "needs" } else { "need" };
    let them = if missing.len() == 1 { "it" } else { "them" };
    let are = if rules == 1 { "is" } else { "are" };
    writeln!(out, "  {} {need} {them} and {are} unsupported, which is no violation.\n", counted(rules as u64, "rule"))
}

fn write_indeterminate(out: &mut String, report: &Report) -> fmt::Result {
    if report.indeterminate.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", "Could not be judged".bold())?;
    for (why, times) in report.indeterminate.iter().take(8) {
        writeln!(out, "  {times}x {}", plain(why))?;
    }
    if report.indeterminate.len() > 8 {
        writeln!(out, "  and {} more reasons, in report.json", report.indeterminate.len() - 8)?;
    }
    writeln!(out)
}

/// What was seen once and never again.
fn write_flaky(out: &mut String, report: &Report) -> fmt::Result {
    if report.flaky.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", "Flaky: seen once, and not when the same was done again".bold())?;
    for finding in &report.flaky {
        writeln!(out, "  {}: {}", plain(&finding.rule), plain(&finding.came))?;
    }
    writeln!(out)
}

fn write_table(out: &mut String, report: &Report) -> fmt::Result {
    let head =
        ["level", "rules", "passed", "failed", "unsupported", "indeterminate", "not reached", "divergence", "coverage"];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for level in Level::ALL {
        let Some(t) = report.totals.levels.get(level.name()) else { continue };
        rows.push(vec![
            level.name().to_owned(),
            t.all.to_string(),
            t.passed.to_string(),
            t.failed.to_string(),
            t.unsupported.to_string(),
            t.indeterminate.to_string(),
            t.not_reached.to_string(),
            divergence(t),
            coverage(t),
        ]);
    }
    let width = |column: usize| rows.iter().map(|r| r[column].len()).chain([head[column].len()]).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut line = String::new();
    for (cell, width) in head.iter().zip(&widths) {
        write!(line, "{cell:>width$}  ")?;
    }
    writeln!(out, "{}", line.trim_end().bold())?;
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            write!(line, "{cell:>width$}  ")?;
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    let t = &report.totals;
    writeln!(
        out,
        "{}",
        "divergence = failed / checked; coverage = checked / all. The two are never added up.".dimmed()
    )?;
    let seconds = t.milliseconds as f64 / 1000.0;
    let requests = match t.scenarios {
        0 => format!("{}, all for probing", counted(t.requests, "request")),
        n => format!("{} ({} judged) in {}", counted(t.requests, "request"), t.judged, counted(n, "scenario")),
    };
    let law = plain(report.law.digest.get(..12).unwrap_or(&report.law.digest));
    let waiting = 100.0 * t.in_flight();
    writeln!(out, "{requests}, {seconds:.1} s, seed {}, law {law}", report.seed)?;
    writeln!(out, "{}", format!("a request was in flight for {waiting:.0} % of that time").dimmed())
}

/// A number of things.
pub fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn divergence(t: &LevelTotals) -> String {
    if t.checked() == 0 { "-".into() } else { format!("{:.1} %", 100.0 * t.failed as f64 / t.checked() as f64) }
}

fn coverage(t: &LevelTotals) -> String {
    if t.all == 0 { "-".into() } else { format!("{:.1} %", 100.0 * t.checked() as f64 / t.all as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_talk_to_a_terminal() {
        for text in ["", "HTTP 400: é, 漢字 and \"quotes\"", "vpc-1"] {
            assert_eq!(plain(text), text);
        }
        assert_eq!(plain("a\u{1b}[2J\r\nb\u{9b}31m\u{7f}\u{202e}c"), "a\\u{1b}[2J\\r\\nb\\u{9b}31m\\u{7f}\\u{202e}c");
    }
}
