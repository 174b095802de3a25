//! What a run leaves of each finding: a folder with the scenario, the exchange as it was, and scripts.

use std::{fmt::Write, fs, io, path::Path, sync::Arc};

use super::{
    Context,
    tally::{Evidence, Tally},
};
use crate::{
    report::{
        data::{Exchange, Finding, Report},
        recipe::{Wrong, recipe},
        scripts::{About, Script, scripts},
        terminal::{escaped, plain},
    },
    scenario::{
        atlas::Atlas,
        written::{FILE, ScenarioFile},
    },
    spec::law::Law,
};

/// The folder of all findings, in a run's.
pub const FOLDER: &str = "findings";

/// Writes a folder for each finding of a report, and names it there. What an earlier run left is removed.
///
/// # Errors
///
/// A file cannot be written; then with its path.
pub fn write(context: &Context, out: &Path, report: &mut Report) -> Result<(), (String, io::Error)> {
    let all = out.join(FOLDER);
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| (path, source)
    };
    match fs::remove_dir_all(&all) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&all)(error)),
        _ => {}
    }
    let law = &context.law;
    let atlas = Atlas::new(law, |_| true);
    let tally = context.tally();
    let several = report.findings.len() + report.flaky.len();
    let width = several.to_string().len().max(2);
    let target = report.target.clone();
    for (place, finding) in report.findings.iter_mut().chain(&mut report.flaky).enumerate() {
        let name: String = finding
            .rule
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' })
            .collect();
        let name = format!("{FOLDER}/{:0width$}-{name}", place + 1);
        let folder = out.join(&name);
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        for (file, text, runs) in files(law, &atlas, &tally, finding, &target) {
            let path = folder.join(file);
            fs::write(&path, text).map_err(failed(&path))?;
            if runs {
                make_executable(&path).map_err(failed(&path))?;
            }
        }
        finding.folder = Some(name);
    }
    Ok(())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The files of a finding: the name, the text, and whether it can be run.
fn files(
    law: &Arc<Law>,
    atlas: &Atlas,
    tally: &Tally,
    finding: &Finding,
    target: &str,
) -> Vec<(&'static str, Vec<u8>, bool)> {
    let Some((rule, evidence)) =
        law.rule(&finding.rule).and_then(|rule| Some((rule, &tally.broken.get(&rule)?.shortest)))
    else {
        return Vec::new();
    };
    let mut files = Vec::new();
    let scenario = ScenarioFile::new(law, rule, &evidence.muted, &evidence.steps);
    if let Ok(text) = scenario.to_json() {
        files.push((FILE, text, false));
    }
    files.push(("exchange.txt", exchanges(&finding.exchanges).into_bytes(), false));
    let made =
        wrong(evidence).and_then(|wrong| recipe(law, atlas, rule, &evidence.muted, &evidence.steps, Some(wrong)));
    let about = About {
        rule: &finding.rule,
        says: &finding.says,
        allowed: &finding.allowed,
        came: &finding.came,
        steps: &finding.steps,
        endpoint: target,
    };
    let made = made.map(|recipe| scripts(law, &recipe, about));
    files.push(("README.txt", readme(finding, made.as_deref()).into_bytes(), false));
    for script in made.into_iter().flatten() {
        if let Ok(text) = script.text {
            files.push((script.file, text.into_bytes(), true));
        }
    }
    files
}

/// What the target did instead.
fn wrong(evidence: &Evidence) -> Option<Wrong<'_>> {
    let answer = evidence.exchanges.last()?.answer.as_ref()?;
    Some(Wrong { answer, world: evidence.world.as_deref() })
}

/// Texts of a target that a terminal shows and does not obey, line by line.
fn plain_lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| {
            line.strip_suffix('\n').map_or_else(|| escaped(line).into_owned(), |line| escaped(line).into_owned() + "\n")
        })
        .collect()
}

fn readme(finding: &Finding, scripts: Option<&[Script]>) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_readme(&mut out, finding, scripts);
    plain_lines(&out)
}

fn write_readme(out: &mut String, finding: &Finding, scripts: Option<&[Script]>) -> std::fmt::Result {
    writeln!(out, "{}  {}\n\n{}", finding.rule, finding.level.name(), finding.says)?;
    writeln!(out, "source: {}, {}\n", finding.source.title, finding.source.at)?;
    for (place, step) in finding.steps.iter().enumerate() {
        writeln!(out, "{:>3}. {step}", place + 1)?;
        if let Some(needed) = finding.needed.get(place) {
            writeln!(out, "       {}", needed.says)?;
        }
    }
    writeln!(out, "\nallowed: {}\ncame:    {}", plain(&finding.allowed), plain(&finding.came))?;
    match finding.reproduced {
        Some(again) => writeln!(out, "reproduced {}/{}, each time from a clean start\n", again.times, again.of)?,
        None => writeln!(out, "not played again\n")?,
    }
    writeln!(out, "{FILE:<24}the steps: eipcheck replay {FILE} [URL]")?;
    writeln!(out, "{:<24}what was sent and received", "exchange.txt")?;
    let Some(scripts) = scripts else {
        return writeln!(
            out,
            "\nThere are no scripts: no single answer that one could look at tells right from wrong here, or requests \
             overlap."
        );
    };
    for Script { file, tool, text } in scripts {
        match text {
            Ok(_) => writeln!(out, "{file:<24}the same with {tool}")?,
            Err(why) => writeln!(out, "{:<24}nothing for {tool}: {why}", "-")?,
        }
    }
    writeln!(out, "\nA script takes the server's address as its first argument, or from EIPCHECK_ENDPOINT.")?;
    writeln!(out, "It ends with 0 on a server that keeps to the rule, with 1 on one that breaks it, and with 2")?;
    writeln!(
        out,
        "if that could not be told. It deletes nothing of what it makes; where it looks at everything there is,"
    )?;
    writeln!(out, "it says so, and wants a server that holds nothing else.")
}

/// What was sent and received, as far as it can be shown; the trace has it as it was.
fn exchanges(all: &[Exchange]) -> String {
    let mut out = String::new();
    for (place, exchange) in all.iter().enumerate() {
        let _ = write_exchange(&mut out, place + 1, exchange);
    }
    plain_lines(&out)
}

fn write_exchange(out: &mut String, number: usize, exchange: &Exchange) -> std::fmt::Result {
    let mark = if exchange.query.is_empty() { "" } else { "?" };
    writeln!(out, "=== {number}, sent at {} us\n{} /{mark}{}", exchange.sent, exchange.method, exchange.query)?;
    for (name, value) in &exchange.headers {
        writeln!(out, "{name}: {value}")?;
    }
    writeln!(out, "\n{}\n", exchange.body)?;
    match (&exchange.answer, &exchange.no_answer) {
        (Some(answer), _) => {
            writeln!(out, "--- answered at {} us\nHTTP {}", exchange.received, answer.status)?;
            for (name, value) in &answer.headers {
                writeln!(out, "{name}: {value}")?;
            }
            writeln!(out, "\n{}\n", answer.body)
        }
        (None, why) => writeln!(out, "--- no answer: {}\n", why.as_deref().unwrap_or("none came")),
    }
}
