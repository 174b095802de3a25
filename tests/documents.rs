//! The law held against documents: two small ones of our own in each format, and the providers' where they are.

mod common;

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use common::{ask, changed, text};
use eipcheck::{
    document::{Document, Operation, derive, diff::diff, statute::Statute},
    spec::{SpecSource, clouds},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

/// What is under `tests/documents/`.
fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents").join(name)
}

/// Our documents with the cloud that each is of.
const DOCUMENTS: &[(&str, &str)] =
    &[("hold_door.txt", "doors"), ("doors.json", "doors"), ("RingBell.txt", "bells"), ("RingBell.json", "bells")];

fn law(folder: &Path) -> Statute {
    let cloud = clouds(&SpecSource::Folder(folder.to_owned())).unwrap().remove(0);
    Statute::load(&SpecSource::Folder(folder.to_owned()), &cloud)
        .unwrap_or_else(|e| panic!("{e}: {:?}", e.iter().next()))
}

fn our(name: &str) -> String {
    fs::read_to_string(ours(name)).unwrap()
}

/// What is in one operation, by the document's text.
fn operation(text: &str) -> Result<Operation, String> {
    let document = Document::parse("it", text.as_bytes()).map_err(|e| e.to_string())?;
    let name = document.operations()[0].to_owned();
    Ok(document.operation(&name).map_err(|e| e.to_string())?.unwrap())
}

/// What differs, one line each.
fn differences(statute: &Statute, text: &str) -> Vec<String> {
    let document = Document::parse("it", text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let found = diff(statute, &document).unwrap();
    let line = |d: &eipcheck::document::compare::Difference| format!("{}, {}: {}", d.spot, d.aspect, d.says);
    found.differences.iter().map(line).collect()
}

#[test]
fn our_documents_agree_with_their_laws() {
    for (name, cloud) in DOCUMENTS {
        assert_eq!(differences(&law(&ours(cloud)), &our(name)), [""; 0], "{name}");
    }
}

/// What is changed in a document, and the one difference that it makes.
#[track_caller]
fn is_caught(name: &str, from: &str, to: &str, expected: &[&str]) {
    let cloud = DOCUMENTS.iter().find(|(document, _)| *document == name).unwrap().1;
    let text = our(name);
    assert!(text.contains(from), "{name} has no {from:?}");
    let found = differences(&law(&ours(cloud)), &text.replacen(from, to, 1));
    assert_eq!(found, expected, "{name}: {to:?}");
}

#[test]
fn a_change_of_a_page_in_restructuredtext_is_caught() {
    let page = "hold_door.txt";
    let is_caught = |from, to, expected| is_caught(page, from, to, &[expected]);
    is_caught("'soft'|'firm'", "'soft'", "parameter Mode, values: the document lacks `firm`");
    is_caught("'soft'|'firm'", "'soft'|'firm'|'wide'", "parameter Mode, values: the law lacks `wide`");
    is_caught(
        "30 seconds",
        "40 seconds",
        "parameter Seconds, default: the law has the default `30`, the document the default `40`",
    );
    is_caught("1 to 60", "1 to 90", "parameter Seconds, range: the law has 1..60, the document 1..90");
    is_caught(
        "**[REQUIRED]**",
        "",
        "parameter DoorName, required: the law has it as required, the document as optional",
    );
    is_caught(
        "How it is held.",
        "How it is held. It cannot be held at night.",
        "parameter Mode, rule: no rule rests on it, and no note excuses it (\"cannot\"): How it is held. It cannot …",
    );
    is_caught(
        "  See also",
        "  Nobody must stand in the door.\n\n  See also",
        "paragraph 5, rule: no rule rests on it, and no note excuses it (\"must\"): Nobody must stand in the door.",
    );
    is_caught(
        "doors-2026-01-01",
        "doors-2027-01-01",
        "paragraph 1, version: the law is about the version 2026-01-01, the document about 2027-01-01",
    );
    is_caught("'held'|'stuck'", "'held'", "response State, values: the document lacks `stuck`");
}

#[test]
fn a_parameter_or_field_more_or_less_on_a_page_is_caught() {
    let text = our("hold_door.txt");
    let doors = law(&ours("doors"));
    let more = text.replace("        Seconds=123,\n", "        Seconds=123,\n        Wide=True|False,\n");
    let more =
        more.replace("  :type Mode:", "  :type Wide: boolean\n  :param Wide: \n\n    How wide.\n\n  :type Mode:");
    assert_eq!(differences(&doors, &more), ["parameter Wide, : the law lacks it; the document has it as boolean"]);

    let other =
        text.replace("Seconds=123", "Seconds='string'").replace(":type Seconds: integer", ":type Seconds: string");
    let found = differences(&doors, &other);
    assert!(
        found.contains(&"parameter Seconds, type: the law has integer, the document string".to_owned()),
        "{found:?}"
    );

    let start = text.find("      - **State**").unwrap();
    let less = text[..start].replace(
        "          'DoorName': 'string',\n          'State': 'held'|'stuck'\n",
        "          'DoorName': 'string'\n",
    );
    assert_eq!(differences(&doors, &less), ["response State, : the document does not have it"]);
}

#[test]
fn a_change_of_a_page_of_plain_text_is_caught() {
    let page = "RingBell.txt";
    let is_caught = |from, to, expected: &[&str]| is_caught(page, from, to, expected);
    is_caught("  • High: the high one.\n\n", "", &["parameter Tone, values: the document lacks `High`"]);
    is_caught(
        "  • Low (default)",
        "  • Low",
        &["parameter Tone, default: the law has the default `Low`, the document no default"],
    );
    is_caught(
        "400 BellBusy",
        "503 BellBusy",
        &["error code BellBusy, status: the law has the status 400, the document 503"],
    );
    is_caught(
        "404 NoSuchBell",
        "403 BellAsleep Nobody may wake it.\n404 NoSuchBell",
        &[
            "error code BellAsleep, : the law's table of statuses lacks it; the document has it with 403",
            "error code BellAsleep, rule: no rule rests on it, and no note excuses it: Nobody may wake it.",
        ],
    );
    is_caught(
        "400 BellCracked The bell has a crack.\n",
        "",
        &["error code BellCracked, : the document's table of errors does not have it"],
    );
    is_caught(
        "Quiet\n\nboolean\n\nNo\n\nWhether",
        "Slow\n\nboolean\n\nNo\n\nHow slowly.\n\ntrue\n\nQuiet\n\nboolean\n\nNo\n\nWhether",
        &["parameter Slow, : the law lacks it; the document has it as boolean"],
    );
    is_caught(
        "\n\nboolean\n\nNo\n\nWhether",
        "\n\nboolean\n\nYes\n\nWhether",
        &["parameter Quiet, required: the law has it as optional, the document as required"],
    );
    is_caught(
        "Try it now",
        "  • A bell must not be rung at night.\n\nTry it now",
        &["paragraph 4, rule: no rule rests on it, and no note excuses it (\"must\"): A bell must not be rung …"],
    );
    is_caught(
        "Strokes\n\ninteger",
        "Peals\n\ninteger",
        &["response Peals, : the law lacks it", "response Strokes, : the document does not have it"],
    );
}

#[test]
fn a_change_of_a_model_is_caught() {
    let is_caught = |from, to, expected| is_caught("doors.json", from, to, &[expected]);
    is_caught("\"max\": 60", "\"max\": 90", "parameter Seconds, range: the law has 1..60, the document 1..90");
    is_caught("[\"soft\", \"firm\"]", "[\"firm\"]", "parameter Mode, values: the document lacks `soft`");
    is_caught(
        "30 seconds",
        "20 seconds",
        "parameter Seconds, default: the law has the default `30`, the document the default `20`",
    );
    is_caught(
        "\"Seconds\": {",
        "\"Wide\": { \"shape\": \"String\" }, \"Seconds\": {",
        "parameter Wide, : the law lacks it; the document has it as string",
    );
    is_caught(
        "\"Guests\": { \"shape\": \"GuestList\", \"locationName\": \"Guests\" }",
        "\"Guests\": { \"shape\": \"GuestList\", \"locationName\": \"Guest\" }",
        "parameter Guests, wire: on the wire it is `Guests` in the law, and `Guest` in the document",
    );
    is_caught(
        "\"Warden\": { \"shape\": \"String\", \"locationName\": \"warden\" }",
        "\"Porter\": { \"shape\": \"String\" }, \"Warden\": { \"shape\": \"String\" }",
        "response Porter, : the law lacks it; the document has it as string",
    );
    is_caught(
        ",\n        \"Warden\": { \"shape\": \"String\", \"locationName\": \"warden\" }",
        "",
        "response Warden, departure: the law says that it departs here (`response Warden`), and it does not",
    );
}

#[test]
fn a_change_of_metadata_is_caught() {
    let is_caught = |from, to, expected: &[&str]| is_caught("RingBell.json", from, to, expected);
    is_caught("\"Boolean\"", "\"String\"", &["parameter Quiet, type: the law has boolean, the document string"]);
    is_caught(
        "\"name\": \"Tone\"",
        "\"name\": \"BellTone\"",
        &[
            "parameter BellTone, : the law lacks it; the document has it as string",
            "parameter Tone, : the document does not have it",
        ],
    );
}

#[test]
fn another_wording_is_noticed_where_the_law_notes_the_old_one() {
    let page = our("hold_door.txt");
    let prints = derive::fingerprints(&operation(&page).unwrap());
    let head = "[document.hold-door]\n";
    let noted = format!("{head}\n[document.hold-door.read]\n{prints}");
    let law = law(changed(&ours("doors"), &[("documents.toml", head, &noted)]).path());
    assert_eq!(differences(&law, &page), [""; 0]);
    let reworded = page.replace("An iron one falls shut.", "An iron one may fall shut.");
    assert_eq!(
        differences(&law, &reworded),
        ["paragraph 4, wording: it reads otherwise than when the law was written from it: An iron one may fall shut."]
    );
    // The model has the same prose, in another layout.
    assert_eq!(differences(&law, &our("doors.json")), [""; 0]);
}

#[test]
fn what_the_law_rests_on_must_be_in_the_document() {
    let file = "operations/hold_door.toml";
    let law = law(changed(&ours("doors"), &[(file, "paragraph 1, second sentence", "paragraphs 1 and 9")]).path());
    let found = differences(&law, &our("hold_door.txt"));
    assert_eq!(found, ["paragraph 9, source: the document does not have it, and `hold-not-the-cellar` rests on it"]);
}

#[test]
fn a_document_that_is_cut_off_is_refused_or_says_the_same() {
    for (name, _) in DOCUMENTS {
        let text = our(name);
        let whole = operation(&text).unwrap();
        for (cut, _) in text.char_indices() {
            if let Ok(part) = operation(&text[..cut]) {
                assert_eq!(part, whole, "{name} up to byte {cut}");
            }
        }
    }
}

#[test]
fn a_layout_that_is_not_known_is_pointed_at() {
    let cases = [
        ("hold_door.txt", "**Request Syntax**", "**Request Form**", "`**Request Syntax**` should stand here"),
        ("hold_door.txt", "  :type Mode: string\n", "  :type Mood: string\n", "`:param Mood:` should follow"),
        (
            "hold_door.txt",
            ":type Seconds: integer",
            ":type Seconds: list",
            "is a list here, and a integer in the syntax",
        ),
        ("hold_door.txt", "      - **State**", "      - **Stand**", "the syntax has no `Stand` here"),
        ("hold_door.txt", "/HoldDoor>", "/ShutDoor>", "the link leads to ShutDoor"),
        ("hold_door.txt", "  :rtype: dict", "  **Surprise**\n\n  :rtype: dict", "should stand here"),
        ("hold_door.txt", "                'Age': 123", "                'Na.me': 123", "`Na.me` is no name"),
        ("RingBell.txt", "\nRequired\n", "\nNeeded\n", "the column `Required` should stand here"),
        ("RingBell.txt", "\n\nThe bell.\n", "\n\nstring\n\nNo\n", "nothing is said of `BellId`"),
        ("RingBell.txt", "400 BellBusy", "BellBusy 400", "begins with a status and a code"),
        ("RingBell.txt", "\n\nboolean\n\nNo\n", "\n\nbooleans\n\nNo\n", "this belongs to no row"),
        ("RingBell.txt", "Error codes\n", "Errors\n", "the page ends before `Error codes`"),
        ("doors.json", "\"HoldMode\": {", "\"Mode\": {", "it is referred to, but it is not there"),
        ("doors.json", "\"ec2\"", "\"rest-json\"", "a service that speaks `rest-json`"),
        (
            "RingBell.json",
            "\"type\": \"String\", \"required\": true",
            "\"type\": \"String\"",
            "missing field `required`",
        ),
    ];
    for (name, from, to, why) in cases {
        let text = our(name);
        assert!(text.contains(from), "{name} has no {from:?}");
        let wrong = operation(&text.replacen(from, to, 1)).expect_err(to);
        assert!(wrong.contains(why), "{name}, {to:?}: {wrong}");
    }
}

/// A page with this many structures in each other.
fn nested(depth: usize) -> String {
    let syntax = format!("{}'Age': 123{}", "'In': {".repeat(depth), "}".repeat(depth));
    let said = (0..depth).map(|i| format!("{:indent$}- **In** *(dict) --*\n\n", "", indent = 6 + 2 * i));
    let innermost = format!("{:indent$}- **Age** *(integer) --* How old they are.", "", indent = 6 + 2 * depth);
    let page = our("hold_door.txt").replacen("'Age': 123", &syntax, 1).replacen("        How old they are.\n", "", 1);
    page.replacen("      - **Age** *(integer) --* ", &format!("{}{innermost}", said.collect::<String>()), 1)
}

#[test]
fn what_is_derived_from_structures_in_structures_is_toml_or_the_page_is_refused() {
    let depths: Vec<usize> = (1..100).take_while(|depth| operation(&nested(*depth)).is_ok()).collect();
    assert!(depths.len() > 10, "{:?}", operation(&nested(depths.len() + 1)));
    for depth in &depths {
        let page = nested(*depth);
        let skeleton = derive::skeleton(&Document::parse("it", page.as_bytes()).unwrap(), &operation(&page).unwrap());
        toml::from_str::<toml::Table>(&skeleton).unwrap_or_else(|e| panic!("{depth}: {e}"));
    }
    assert!(operation(&nested(depths.len() + 1)).unwrap_err().contains("it is too deep"));
}

#[test]
fn what_is_no_document_is_refused_with_the_formats_that_there_are() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("poem", b"Roses are red."),
        ("list", b"[1, 2]"),
        ("object", b"{\"a\": 1}"),
        ("binary", &[0, 159, 146, 150]),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let said = ask(&["spec", "derive", &text(&path)]).ends(2);
        assert!(said.err.contains("cannot be read") && said.out.is_empty(), "{}", said.err);
    }
    let said = ask(&["spec", "diff", &text(&folder.path().join("nothing"))]).ends(2);
    assert!(said.err.contains("cannot be read"), "{}", said.err);
}

#[test]
fn a_page_of_another_operation_or_cloud_is_refused() {
    let said = ask(&["spec", "diff", &text(&ours("hold_door.txt")), "--specs", &text(&ours("bells"))]).ends(2);
    assert!(said.err.contains("HoldDoor"), "{}", said.err);
    let said = ask(&["spec", "derive", &text(&ours("doors.json"))]).ends(2);
    assert!(said.err.contains("--operation"), "{}", said.err);
}

#[test]
fn the_exit_code_says_whether_they_agree() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.txt");
    fs::write(&other, our("hold_door.txt").replace("1 to 60", "1 to 90")).unwrap();
    let specs = text(&ours("doors"));
    let (same, other) = (text(&ours("hold_door.txt")), text(&other));
    let said = ask(&["spec", "diff", &same, "--specs", &specs]).ends(0);
    assert!(said.out.contains("agrees with the law"), "{}", said.out);
    let said = ask(&["spec", "diff", &same, &other, "--specs", &specs, "--json"]).ends(1);
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["agree"], false);
    let difference = &value["documents"][1]["differences"][0];
    assert_eq!((&difference["spot"], &difference["aspect"]), (&"parameter Seconds".into(), &"range".into()));
    assert!(difference["document"].as_str().unwrap().starts_with("line "));
    assert!(difference["law"].as_str().unwrap().contains("hold_door.toml:"));
}

#[test]
fn a_packed_model_is_read_as_the_plain_one() {
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("doors.json.gz");
    let mut writer = GzEncoder::new(fs::File::create(&packed).unwrap(), Compression::default());
    writer.write_all(our("doors.json").as_bytes()).unwrap();
    writer.finish().unwrap();
    let of = |path: &Path| ask(&["spec", "derive", &text(path), "--operation", "HoldDoor", "--json"]).ends(0).out;
    let (plain, unpacked): (Value, Value) =
        (serde_json::from_str(&of(&ours("doors.json"))).unwrap(), serde_json::from_str(&of(&packed)).unwrap());
    assert_eq!(plain["operations"], unpacked["operations"]);
    let bytes = fs::read(&packed).unwrap();
    fs::write(&packed, &bytes[..bytes.len() / 2]).unwrap();
    ask(&["spec", "derive", &text(&packed), "--operation", "HoldDoor"]).ends(2);
}

#[test]
fn what_is_derived_is_a_file_of_the_grammar_and_a_list_of_things_to_do() {
    let said = ask(&["spec", "derive", &text(&ours("RingBell.txt"))]).ends(0);
    let file: eipcheck::spec::file::OperationFile = toml::from_str(&said.out).unwrap();
    assert_eq!(&**file.operation, "RingBell");
    assert_eq!(file.input.len(), 3);
    assert!(file.input["BellId"].required && file.status.contains_key("NoSuchBell"));
    assert!(said.out.contains("# paragraph 3, line 13 (\"cannot\"):"), "{}", said.out);
    let said = ask(&["spec", "derive", &text(&ours("hold_door.txt")), "--json"]).ends(0);
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["operations"][0]["parameters"][1]["default"], "30");
}

#[test]
fn a_reviewer_sees_who_rests_on_each_paragraph() {
    let said = ask(&["spec", "cover", &text(&ours("RingBell.txt")), "--specs", &text(&ours("bells"))]).ends(0);
    for part in [
        "paragraph 2",
        "left out: late: No request hears it.",
        "rests on it: ring-not-the-cracked",
        "`busy` in cloud.toml",
        "0 that nothing knows of",
    ] {
        assert!(said.out.contains(part), "no {part:?} in {}", said.out);
    }
    let said = ask(&["spec", "cover", "--specs", &text(&ours("bells")), "--json"]).ends(0);
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value[0]["text"], "ring-bell");
}

#[test]
fn what_a_law_says_of_its_texts_is_checked() {
    let cases = [
        ("paragraphs 2, 3 and 4", "somewhere", "is no place in a document"),
        ("paragraphs 2, 3 and 4", "paragraphs 1, 2, 3 and 4", "is excused, and `hold-not-the-cellar` rests on it"),
        ("because = \"No request shows when a door closes.\"", "", "excused without a reason"),
        ("[document.hold-door]", "[document.shut-door]", "shut-door"),
        ("because = \"What there is to say, the page says.\"", "", "must say why its prose is no law"),
        ("operations = [\"HoldDoor\"]", "operations = [\"ShutDoor\"]", "ShutDoor"),
        ("operations = [\"HoldDoor\"]\n", "", "a departure from a model names its operations"),
    ];
    for (from, to, why) in cases {
        let law = changed(&ours("doors"), &[("documents.toml", from, to)]);
        let said = ask(&["spec", "check", &text(law.path()), "--json"]).ends(2);
        let result: Value = serde_json::from_str(&said.out).unwrap();
        let errors = result[0]["errors"].as_array().unwrap();
        assert!(errors.iter().any(|e| e["message"].as_str().unwrap().contains(why)), "{to:?}: {}", said.out);
    }
}

// --- The providers' documents ------------------------------------------------------------------------------------------

/// The folder of the providers' documents: `EIPCHECK_DOCUMENTS`, or the one beside the project. They are not part of it.
fn providers() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/documents");
    let folder = env::var_os("EIPCHECK_DOCUMENTS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    // Said past the test harness, which keeps what a test prints to itself.
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "SKIPPED: the providers' documents are not at {} (see EIPCHECK_DOCUMENTS)", folder.display());
    None
}

#[test]
fn the_built_in_laws_agree_with_the_documents_that_they_are_derived_from() {
    let Some(folder) = providers() else { return };
    let mut pages: Vec<String> = fs::read_dir(folder).unwrap().map(|e| text(&e.unwrap().path())).collect();
    pages.retain(|page| page.ends_with(".txt"));
    pages.sort();
    assert!(pages.len() >= 5, "{pages:?}");
    let mut args = vec!["spec", "diff"];
    args.extend(pages.iter().map(String::as_str));
    ask(&args).ends(0);
    for page in &pages {
        let said = ask(&["spec", "cover", page]).ends(0);
        assert!(said.out.contains(" 0 that nothing knows of"), "{page}: {}", said.out);
    }
}

#[test]
fn a_providers_page_that_is_cut_off_is_refused_or_says_the_same() {
    let Some(folder) = providers() else { return };
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let whole = operation(&text).unwrap();
        for (cut, _) in text.match_indices('\n') {
            if let Ok(part) = operation(&text[..cut]) {
                // Examples, which are at the end, are no part of what a page says.
                assert_eq!(Operation { examples: whole.examples, ..part }, whole, "up to byte {cut}");
            }
        }
    }
}
