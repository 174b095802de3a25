//! Which mutants of a law nothing can tell from what is right: those that the program works out, and those that a law
//! declares. Each is tried on a made-up law in both directions: where it follows, and where something can tell.

mod common;

use std::path::Path;

use common::{ask, changed, lockers, text};
use eipcheck::{
    mutant::family,
    spec::{SpecSource, load},
};

const RESOURCES: &str = "resources.toml";
const OPEN: &str = "operations/open_locker.toml";
const CLOSE: &str = "operations/close_locker.toml";
const SIZE: &str = "size      = { kind = \"integer\" }";
const REFUSE: &str = "refuse = \"has(input.Gently) && input.Gently && locker.size > 5\"";
const SET: &str = "set    = { size = \"input.Size\" }";
const REMOVES: &str = "[[rule.effect]]\ndelete = \"locker\"";

/// The reason why nothing can tell a mutant of the lockers' law with these changes, if there is one.
fn reason(changes: &[(&str, &str, &str)], mutant: &str) -> Option<String> {
    let law = changed(&lockers(), changes);
    reason_in(law.path(), mutant)
}

fn reason_in(law: &Path, mutant: &str) -> Option<String> {
    let law = load(&SpecSource::Folder(law.to_owned()), "lockers", &[]).unwrap_or_else(|e| panic!("{e:?}"));
    let all = family::mutants(&law);
    let found = all.iter().find(|m| m.name == mutant);
    found.unwrap_or_else(|| panic!("there is no {mutant}")).equivalent.clone()
}

/// A refusal of the operation that closes a locker.
fn refusal(id: &str, refuse: &str) -> String {
    format!(
        "\n\n[[rule]]\nid = \"{id}\"\nlevel = \"must\"\nsays = \"It is refused.\"\nsource = {{ text = \"guide\", at = \"closing\" }}\nrefuse = \"{refuse}\"\n"
    )
}

const STATE: &str = "size = { kind = \"integer\" }\nstate = { kind = \"state\", values = [\"new\", \"used\"] }\nnext = { kind = \"ref\", to = \"locker\" }";
const NEW: &str = "set    = { size = \"input.Size\", state = \"'new'\" }";

fn guarded(refuse: &str, more: &str) -> Vec<(&'static str, &'static str, String)> {
    vec![
        (RESOURCES, SIZE, STATE.to_owned()),
        (OPEN, SET, NEW.to_owned()),
        (CLOSE, REFUSE, format!("refuse = \"{refuse}\"")),
        (CLOSE, REMOVES, format!("{REMOVES}\n{more}")),
    ]
}

fn reason_of(changes: &[(&'static str, &'static str, String)], mutant: &str) -> Option<String> {
    let changes: Vec<(&str, &str, &str)> = changes.iter().map(|(file, from, to)| (*file, *from, to.as_str())).collect();
    reason(&changes, mutant)
}

#[test]
fn a_condition_is_not_missed_where_another_rule_refuses_what_does_not_meet_it() {
    let mutant = "close-gently-large:made-without#1";
    let own = "locker.state == 'new' && locker.size > 5";
    let why = reason_of(&guarded(own, &refusal("close-used", "locker.state == 'used'")), mutant);
    assert!(why.is_some_and(|why| why.contains("close-used")));
    assert_eq!(reason_of(&guarded(own, ""), mutant), None);
    // A rule about something else does not help, nor one that needs more.
    assert_eq!(reason_of(&guarded(own, &refusal("close-small", "locker.size < 2")), mutant), None);
    let more = refusal("close-used", "locker.state == 'used' && locker.size > 7");
    assert_eq!(reason_of(&guarded(own, &more), mutant), None);
}

#[test]
fn a_condition_is_not_missed_where_the_law_is_silent_without_it() {
    let mutant = "close-gently-large:made-without#1";
    let own = "locker.state == 'new' && locker.size > 5";
    let open = |either: &str| {
        format!(
            "\n[[open]]\nid = \"close-when-used\"\nsays = \"May it?\"\nbecause = \"No text says.\"\neither = \"{either}\"\n"
        )
    };
    let why = reason_of(&guarded(own, &open("locker.state != 'new'")), mutant);
    assert!(why.is_some_and(|why| why.contains("close-when-used")));
    assert_eq!(reason_of(&guarded(own, &open("locker.size < 2")), mutant), None);
}

#[test]
fn what_may_be_nothing_need_not_be_the_opposite() {
    // Where there is no next locker, it is neither new nor used: the first rule is not due, and the second is not either.
    let own = "locker.next.state == 'new' && locker.size > 5";
    let other = refusal("close-next-used", "locker.next.state == 'used'");
    assert_eq!(reason_of(&guarded(own, &other), "close-gently-large:made-without#1"), None);
    // A condition that makes sure that there is one is not missed: the other one cannot hold without it.
    let sure = "locker.next != null && locker.next.size > 5";
    let why = reason_of(&guarded(sure, ""), "close-gently-large:made-without#1");
    assert!(why.is_some_and(|why| why.contains("only where this one holds")));
    // Joined by `||` it can.
    let either = "locker.next != null && (locker.size > 5 || locker.next.size > 5)";
    assert_eq!(reason_of(&guarded(either, ""), "close-gently-large:made-without#1"), None);
}

#[test]
fn a_change_need_not_come_if_no_last_moment_is_set_for_it() {
    let after = |after: &str| {
        let effect = format!("[[rule.effect]]\neach = \"[locker]\"\ndelete = \"it\"\nafter = {{ {after} }}");
        reason(&[(CLOSE, REMOVES, &effect)], "close-removes:missing")
    };
    assert!(after("earliest = \"0\", usually = \"1\", at-once = true").is_some());
    assert_eq!(after("earliest = \"0\", latest = \"5\", usually = \"1\", at-once = true"), None);
    assert_eq!(reason(&[], "close-removes:missing"), None);
}

#[test]
fn what_becomes_anything_may_stay_as_it_was() {
    let set = |value: &str| {
        let effect = format!("[[rule.effect]]\nchange = \"locker\"\nset = {{ size = \"{value}\" }}");
        reason(&[(CLOSE, REMOVES, &effect)], "close-removes:missing")
    };
    assert!(set("anything").is_some());
    assert_eq!(set("7"), None);
}

#[test]
fn a_refusal_that_acts_does_nothing_if_nothing_is_named() {
    let mutant = "CloseLocker.LockerId.unknown:acts";
    let built = "[[rule.effect]]\ncreate = \"locker\"\nas = \"other\"\nset = { next = \"locker\" }\n\n[[rule.effect]]\neach = \"[other]\"\nchange = \"it\"\nset = { size = \"3\" }";
    let alone = "[[rule.effect]]\ncreate = \"locker\"\nas = \"other\"\nset = { size = \"3\" }";
    let fields = (RESOURCES, SIZE, STATE);
    assert!(reason(&[fields, (CLOSE, REMOVES, built)], mutant).is_some());
    assert_eq!(reason(&[fields, (CLOSE, REMOVES, alone)], mutant), None);
}

#[test]
fn what_no_answer_lists_may_be_made_twice() {
    let hidden = "size = { kind = \"integer\" }\n\n[resource.ghost]\ntitle = \"ghost\"\n\n[resource.ghost.field]\nsize = { kind = \"integer\" }\n\n[resource.locker.field.extra]\nkind = \"integer\"";
    let effect = format!(
        "{REMOVES}\n\n[[rule]]\nid = \"close-haunts\"\nlevel = \"must\"\nsays = \"There is a ghost.\"\nsource = {{ text = \"guide\", at = \"closing\" }}\n\n[[rule.effect]]\ncreate = \"ghost\"\nset = {{ size = \"3\" }}"
    );
    let resources = (RESOURCES, SIZE, hidden);
    assert!(reason(&[resources, (CLOSE, REMOVES, &effect)], "close-haunts:doubled").is_some());
    assert_eq!(reason(&[], "open-creates:doubled"), None);
}

#[test]
fn a_field_counts_as_read_only_where_its_own_kind_is_looked_at() {
    // `spare` is read of nothing; then an open question reads it, and then a refusal.
    let fields = "size = { kind = \"integer\" }\nspare = { kind = \"flag\" }";
    let set = "set    = { size = \"input.Size\", spare = \"true\" }";
    let mutant = "open-creates:wrong-value#locker.spare";
    let with = |more: String| {
        let rules = format!("{REMOVES}\n{more}");
        reason(&[(RESOURCES, SIZE, fields), (OPEN, SET, set), (CLOSE, REMOVES, &rules)], mutant)
    };
    assert!(with(String::new()).is_some());
    let open = "\n[[open]]\nid = \"q\"\nsays = \"May it?\"\nbecause = \"No text says.\"\neither = \"locker.spare\"\n";
    assert!(with(open.to_owned()).is_some());
    assert_eq!(with(refusal("close-spare", "locker.spare")), None);
}

const DECLARED: &str = "[[fact]]\nid = \"L1\"\nabout = \"Closing\"\nrules = [\"close-*\"]\n\n[[equivalent]]\nmutants = [\"MUTANT\"]\nbecause = \"BECAUSE\"\n";

/// The lockers' law with a fault that is declared to be like what is right.
fn declaring(mutant: &str, because: &str) -> tempfile::TempDir {
    let law = changed(&lockers(), &[]);
    let facts = DECLARED.replace("MUTANT", mutant).replace("BECAUSE", because);
    std::fs::write(law.path().join("facts.toml"), facts).unwrap();
    law
}

#[test]
fn a_law_may_declare_what_is_not_worked_out() {
    let law = declaring("close-removes:missing*", "Nobody looks.");
    assert_eq!(reason_in(law.path(), "close-removes:missing").as_deref(), Some("Nobody looks."));
    assert_eq!(reason_in(law.path(), "open-creates:missing"), None);
}

#[test]
fn what_is_declared_is_a_fault_of_a_rule_that_there_is_and_has_a_reason() {
    for (mutant, because, said) in [
        ("close-remove:missing", "Nobody looks.", "there is no rule `close-remove`"),
        ("close-removes", "Nobody looks.", "is not the name of a fault"),
        ("close-removes:missing", " ", "nobody says why"),
    ] {
        let law = declaring(mutant, because);
        let checked = ask(&["spec", "check", &text(law.path())]).ends(2);
        assert!(checked.err.contains(said), "{mutant}: {}", checked.err);
    }
}

#[test]
fn a_declaration_that_is_wrong_is_a_failure() {
    let law = declaring("close-removes:missing", "Nobody looks.");
    let specs = text(law.path());
    let args = ["mutants", "--specs", &specs, "--cloud", "lockers", "--only", "close-removes:missing", "--json"];
    let hunted = ask(&args).ends(1);
    assert!(hunted.out.contains("\"refuted\""), "{}", hunted.out);
}
