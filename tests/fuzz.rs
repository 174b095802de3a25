//! The bodies of the fuzz targets on a stable compiler: every seed, and what a few hundred changes make of the seeds.
//!
//! The inputs are the same in every run. Looking for new ones is for the fuzz targets themselves; whatever input they
//! find something with stays among the seeds.

#[path = "../fuzz/src/lib.rs"]
mod bodies;

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use bodies::{Body, TARGETS};
use eipcheck::{
    report::{
        data::Report,
        journal,
        lock::files::{Answers, Suite},
        trace,
    },
    scenario::{file::StepFile, written::ScenarioFile},
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

fn fuzz(inside: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(inside)
}

/// The names of what is in a folder, without endings.
fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz(folder)).unwrap();
    entries.map(|e| e.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The seeds of a target, by their names.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(fuzz("seeds").join(target)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_fuzz_target_has_its_body_and_its_seeds() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("seeds"), targets);
    for target in &targets {
        assert!(!seeds(target).is_empty(), "{target} has no seeds");
        let text = fs::read_to_string(fuzz("fuzz_targets").join(format!("{target}.rs"))).unwrap();
        assert!(text.contains(&format!("eipcheck_fuzz::{target}")), "{target} is bound to another body");
    }
}

#[test]
fn every_seed_is_as_it_should_be() {
    for (target, body) in TARGETS {
        for (seed, input) in seeds(target) {
            // The panic itself has been told by then.
            assert!(catch_unwind(AssertUnwindSafe(|| body(&input))).is_ok(), "{seed}");
        }
    }
}

/// A seed that the program refuses would be worth little: nothing but its first bytes would be looked at.
#[test]
fn the_seeds_among_written_files_can_be_read() {
    for (path, seed) in seeds("written_files") {
        let what = Path::new(&path).file_name().unwrap().to_str().unwrap().split('_').next().unwrap();
        let why = match what {
            "report" => Report::parse("a report", &seed).err().map(|e| e.to_string()),
            "trace" => trace::parse(&seed[..]).err().map(|e| e.to_string()),
            "journal" => journal::parse(&seed[..]).err().map(|e| e.to_string()),
            "scenario" => ScenarioFile::parse("a scenario", &seed).err().map(|e| e.to_string()),
            "wire-suite" => Suite::parse("a suite", &seed).err().map(|e| e.to_string()),
            "wire-answers" => {
                Answers::parse("answers", std::str::from_utf8(&seed).unwrap()).err().map(|e| e.to_string())
            }
            "steps" => serde_json::from_slice::<Vec<StepFile>>(&seed).err().map(|e| e.to_string()),
            other => panic!("{path}: what is {other}?"),
        };
        assert_eq!(why, None, "{path}");
    }
}

/// Any bytes, and the seeds with some changes.
fn inputs(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let seeds: Vec<Vec<u8>> = seeds(target).into_iter().map(|(_, seed)| seed).collect();
    let taken = (select(seeds.clone()), any::<Index>(), 0..48_usize).prop_map(|(seed, from, most)| {
        let from = from.index(seed.len() + 1);
        seed[from..].iter().take(most).copied().collect::<Vec<u8>>()
    });
    let new = prop_oneof![vec(any::<u8>(), 0..4), taken];
    let changes = vec((any::<Index>(), 0..24_usize, new), 0..5);
    let changed = (select(seeds), changes).prop_map(|(mut seed, changes)| {
        for (place, gone, new) in changes {
            let from = place.index(seed.len() + 1);
            let to = (from + gone).min(seed.len());
            seed.splice(from..to, new);
        }
        seed
    });
    prop_oneof![1 => vec(any::<u8>(), 0..256), 4 => changed]
}

/// Tries so many inputs.
#[track_caller]
fn try_inputs(target: &str, cases: u32) {
    let (_, body): &(_, Body) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let tried = runner.run(&inputs(target), |input| {
        body(&input);
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{error}");
    }
}

#[test]
fn any_bytes_may_come_as_an_answer_in_the_ec2_dialect() {
    try_inputs("ec2_answer", 2000);
}

#[test]
fn any_bytes_may_come_as_an_answer_in_the_rpc_protocol() {
    try_inputs("rpc_answer", 2000);
}

#[test]
fn any_bytes_may_come_as_a_request_in_the_ec2_dialect() {
    try_inputs("ec2_request", 2000);
}

#[test]
fn any_bytes_may_come_as_a_request_in_the_rpc_protocol() {
    try_inputs("rpc_request", 2000);
}

#[test]
fn a_changed_request_is_refused_or_says_what_was_signed() {
    try_inputs("signature", 1000);
}

#[test]
fn any_text_may_stand_in_a_spec_file() {
    try_inputs("spec_files", 300);
}

#[test]
fn any_bytes_may_come_as_a_document_of_a_provider() {
    try_inputs("document", 1000);
}

#[test]
fn any_text_may_stand_in_a_file_that_is_read_back() {
    try_inputs("written_files", 1000);
}

#[test]
fn whatever_is_asked_a_world_is_left_that_explains_the_answer() {
    try_inputs("model", 300);
}
