//! The page about adding a cloud: its files are taken from it, and what it says of them is done.

mod common;

use std::{fs, path::Path};

use common::{ask, run, serve, text};
use tempfile::TempDir;

const PAGE: &str = include_str!("../docs/adding-a-cloud.md");

/// A block of the page: the file that the line before it names last, and its text.
fn blocks(language: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if line.strip_prefix("```").is_some_and(|l| l == language) {
            let block: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            let file = before.rsplit('`').nth(1).unwrap_or_default();
            blocks.push((file.to_owned(), block.join("\n") + "\n"));
        } else if line.starts_with("```") {
            lines.by_ref().find(|l| *l == "```");
        } else if !line.is_empty() {
            before = line;
        }
    }
    blocks
}

/// The folder as it is after so many of the page's blocks. A further block for a file goes to its end.
fn after(count: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("operations")).unwrap();
    for (file, block) in &blocks("toml")[..count] {
        let path = folder.path().join(file);
        let before = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, if before.is_empty() { block.clone() } else { format!("{before}\n{block}") }).unwrap();
    }
    folder
}

/// After how many blocks the page checks the law.
const CHECKS: [usize; 3] = [5, 7, 9];

fn finished() -> TempDir {
    after(CHECKS[2])
}

#[track_caller]
fn conforms(folder: &Path, more: &[&str]) {
    let specs = text(folder);
    let ran =
        run(&[&["--specs", &specs, "--seed", "1", "--max-requests", "600", "--fail-on", "assumed"], more].concat());
    let ran = ran.ends(0);
    let report = ran.report();
    for rule in report["rules"].as_array().unwrap() {
        assert_eq!(rule["result"], "pass", "{rule}");
    }
    assert_eq!(report["leftovers"].as_array().unwrap().len(), 0);
}

#[test]
fn each_step_of_the_page_makes_a_law_of_which_every_rule_is_reached() {
    let files = blocks("toml");
    assert_eq!(files.len(), CHECKS[2], "{files:?}");
    let shown = blocks("console");
    assert_eq!(shown.len(), CHECKS.len());
    for (count, (_, console)) in CHECKS.iter().zip(shown) {
        let folder = after(*count);
        let said = ask(&["spec", "check", &text(folder.path())]).ends(0).out;
        // The digest changes with every letter of the files.
        let told = said.split("; digest").next().unwrap();
        assert!(told.ends_with("each reached"), "{said}");
        assert!(console.contains(told), "the page shows:\n{console}\nafter {count} files it is:\n{said}");
    }
}

#[test]
fn each_law_of_the_page_holds_against_itself() {
    for count in CHECKS {
        conforms(after(count).path(), &[]);
    }
}

#[test]
fn a_server_of_the_cloud_is_run_against_by_its_url() {
    let folder = finished();
    let server = serve(&["--specs", &text(folder.path())]);
    conforms(folder.path(), &[&server.url, "--jobs", "8"]);
}

#[test]
fn the_cloud_of_the_page_stands_nowhere_in_the_program() {
    let folder = finished();
    let of_folder = ask(&["spec", "list", "--specs", &text(folder.path())]).ends(0).out;
    assert!(of_folder.contains("return-while-drying"), "{of_folder}");
    ask(&["spec", "list", "--cloud", "umbrellas"]).ends(2);
}
