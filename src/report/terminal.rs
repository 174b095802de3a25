//! A report for people: each finding with the way there, then the table.
//!
//! The text carries colours as ANSI sequences; whoever prints it takes them out where they are not wanted.

use std::fmt::{self, Write};

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
    write_unsupported(out, report)?;
    write_indeterminate(out, report)?;
    if !report.leftovers.is_empty() {
        writeln!(out, "{}", "Left behind: these could not be deleted".bold())?;
        for left in &report.leftovers {
            writeln!(out, "  {} {}: {}", left.kind, left.id, left.why)?;
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

/// One finding.
///
/// # Errors
///
/// Only those of the writer.
pub fn write_finding(out: &mut String, number: usize, count: usize, finding: &Finding, seed: u64) -> fmt::Result {
    let level = finding.level.name().style(level_style(finding.level)).to_string();
    writeln!(out, "{} {}  {level}", format!("[{number}/{count}]").dimmed(), finding.rule.bold())?;
    writeln!(out, "  {}", finding.says)?;
    writeln!(out, "  {} {}, {}", "source:".dimmed(), finding.source.title, finding.source.at)?;
    if let Some(under) = &finding.under {
        writeln!(out, "  {} {under}", "reading:".dimmed())?;
    }
    for (place, step) in finding.steps.iter().enumerate() {
        let last = place + 1 == finding.steps.len();
        let mark = if last { "->".red().to_string() } else { "  ".to_owned() };
        writeln!(out, "  {mark} {:>2}. {step}", place + 1)?;
    }
    if let Some(overlap) = &finding.overlap {
        chart::write(out, overlap)?;
    }
    writeln!(out, "  {} {}", "allowed:".green(), finding.allowed)?;
    writeln!(out, "  {} {}", "came:   ".red(), finding.came)?;
    if let Some(observed) = &finding.observed {
        writeln!(out, "  {} {observed}", "the real service:".dimmed())?;
    }
    let times = if finding.times == 1 { "once".to_owned() } else { format!("in {} scenarios", finding.times) };
    let again = if finding.scenario.starts_with("random-") {
        format!("--seed {seed} ({})", finding.scenario)
    } else if let Some((_, planned)) = finding.scenario.strip_prefix("overlap-").and_then(|s| s.split_once(':')) {
        // It depends on which of them comes first, so that it may not show at once.
        match planned == finding.rule {
            true => format!("--only '{planned}', perhaps more than once"),
            false => format!("--only '{}' --only '{planned}', perhaps more than once", finding.rule),
        }
    } else if finding.scenario == finding.rule {
        format!("--only '{}'", finding.rule)
    } else {
        // It was seen on the way to another rule; a run reports only what it was asked for.
        format!("--only '{}' --only '{}'", finding.rule, finding.scenario)
    };
    writeln!(out, "  {} {times}; again with: {again}", "seen".dimmed())?;
    writeln!(out)
}

fn write_unsupported(out: &mut String, report: &Report) -> fmt::Result {
    let missing: Vec<&str> = report.operations.iter().filter(|o| !o.implemented).map(|o| o.name.as_str()).collect();
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
        writeln!(out, "  {times}x {why}")?;
    }
    if report.indeterminate.len() > 8 {
        writeln!(out, "  and {} more reasons, in report.json", report.indeterminate.len() - 8)?;
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
    let law = report.law.digest.get(..12).unwrap_or(&report.law.digest);
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
