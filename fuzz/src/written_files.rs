//! Any text as a file that eipcheck has written: a report, a trace, a journal, the steps of a scenario, a scenario or a suite,
//! a recorded wire format. Reading it never panics; what can be read can be shown, written, and read again as the same; and
//! what is shown cannot talk to a terminal.

use eipcheck::{
    model::time::Tolerance,
    report::{
        data::Report,
        journal,
        lock::files::{Answers, Suite},
        terminal, trace,
    },
    run::recheck::recheck,
    scenario::{file::StepFile, planned, written::ScenarioFile},
};

use super::laws;

/// Checks one input.
pub fn check(input: &[u8]) {
    report(input);
    trace(input);
    steps(input);
    scenario(input);
    wire_suite(input);
    if let Ok(text) = std::str::from_utf8(input) {
        wire_answers(text);
        suite(text);
    }
    if let Err(error) = journal::parse(input) {
        assert!(!error.to_string().is_empty());
    }
}

fn scenario(input: &[u8]) {
    let Ok(scenario) = ScenarioFile::parse("a scenario", input) else { return };
    let written = scenario.to_json().expect("what was read can be written");
    assert_eq!(ScenarioFile::parse("a scenario", &written).expect("what was written can be read"), scenario);
    for law in laws() {
        match scenario.fit(law) {
            Ok(fits) => assert_eq!(fits.steps.len(), scenario.steps.len()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn wire_suite(input: &[u8]) {
    let Ok(suite) = Suite::parse("a suite", input) else { return };
    let written = suite.to_json().expect("what was read can be written");
    assert_eq!(Suite::parse("a suite", written.as_bytes()).expect("what was written can be read"), suite);
}

fn wire_answers(text: &str) {
    let Ok(answers) = Answers::parse("answers", text) else { return };
    let written = answers.to_toml().expect("what was read can be written");
    assert_eq!(Answers::parse("answers", &written).expect("what was written can be read"), answers);
}

fn suite(text: &str) {
    for law in laws() {
        match planned::read(law, text) {
            Ok(plans) => {
                let mut written = Vec::new();
                planned::write(law, &plans, &mut written).expect("memory takes it");
                let written = String::from_utf8(written).expect("JSON is text");
                assert_eq!(planned::read(law, &written).expect("what was written can be read"), plans);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn report(input: &[u8]) {
    match Report::parse("a report", input) {
        Ok(report) => {
            shows_no_control(&terminal::render(&report));
            let written = report.to_json().expect("what was read can be written");
            let again = Report::parse("a report", &written).expect("what was written can be read");
            assert_eq!(again.to_json().expect("it was written before"), written);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Nothing but the terminal's colours, which are ours, and ends of lines.
fn shows_no_control(shown: &str) {
    let mut rest = shown;
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\n') {
        let sequence = rest[at..].strip_prefix("\u{1b}[").and_then(|s| s.split_once('m'));
        match sequence {
            Some((colours, after)) if colours.bytes().all(|b| b.is_ascii_digit() || b == b';') => rest = after,
            _ => panic!("a control character in {shown:?}"),
        }
    }
}

fn trace(input: &[u8]) {
    match trace::parse(input) {
        Ok(lines) => {
            for law in laws() {
                let rechecked = recheck(law, &lines, Tolerance::default(), false);
                assert!(rechecked.judged <= lines.len() as u64 && rechecked.scenarios <= lines.len() as u64);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn steps(input: &[u8]) {
    let Ok(steps) = serde_json::from_slice::<Vec<StepFile>>(input) else { return };
    for law in laws() {
        for step in &steps {
            match step.read(law) {
                Ok(read) => {
                    let written = StepFile::new(law, &read);
                    let again = written.read(law).expect("what was written can be read");
                    assert_eq!(again, read, "written as {written:?}");
                    assert!(!read.display(law).is_empty());
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}
