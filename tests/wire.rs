//! A target's wire format is written down, the same each time, and what a later release changes in it is shown.

mod common;
#[path = "time/proxy.rs"]
mod proxy;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use common::{Said, Served, ask, eipcheck, lockers, post, say, serve, text};
use proxy::{Fate, Proxy, answer};
use serde_json::Value;
use tempfile::TempDir;

/// A folder for a record of the small cloud's law.
struct Book {
    folder: TempDir,
    specs: String,
}

impl Book {
    fn new() -> Book {
        Book { folder: tempfile::tempdir().unwrap(), specs: text(&lockers()) }
    }

    fn command(&self, what: &str, args: &[&str]) -> std::process::Command {
        let dir = text(self.folder.path());
        let mut all = vec!["wire", what, "--dir", &dir, "--specs", &self.specs];
        all.extend(args);
        eipcheck(&all)
    }

    fn record(&self, args: &[&str]) -> Said {
        say(self.command("record", args))
    }

    fn verify(&self, args: &[&str]) -> Said {
        say(self.command("verify", args))
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("lockers").join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }
}

/// A record of a served law, and the server.
fn recorded(args: &[&str]) -> (Book, Served) {
    let server = serve(&["--specs", &text(&lockers())]);
    let book = Book::new();
    let mut all = vec![server.url.as_str()];
    all.extend(args);
    book.record(&all).ends(0);
    (book, server)
}

/// Every file in a folder and its folders, with what is in it.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(inner, text)| (format!("{name}/{inner}"), text)));
        } else {
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// A release of a server that writes its answers otherwise.
fn release(server: &Served, bend: impl Fn(&str) -> String + Send + 'static) -> Proxy {
    Proxy::new(&server.url, move |passing, ask| {
        let now = ask();
        let (head, body) = now.split_once("\r\n\r\n").unwrap();
        if passing.path != "/" || !head.starts_with("HTTP/1.1 200") {
            return Fate::Answer(now);
        }
        Fate::Answer(answer("200 OK", "Content-Type: text/xml;charset=UTF-8\r\n", &bend(body)))
    })
}

#[test]
fn two_records_of_the_embedded_servers_are_the_same_to_the_byte() {
    for args in [
        vec!["--cloud", "ec2", "--only", "allocate-*", "--only", "AllocateAddress.*", "--only", "DescribeAddresses.*"],
        vec!["--cloud", "alibaba", "--only", "AllocateEipAddress.*", "--only", "eip.*"],
    ] {
        let records = [(), ()].map(|()| {
            let folder = tempfile::tempdir().unwrap();
            let dir = text(folder.path());
            let mut all = vec!["wire", "record", "--dir", &dir];
            all.extend(&args);
            ask(&all).ends(0);
            files(folder.path())
        });
        assert!(records[0].len() > 2, "{:?}", records[0].keys());
        assert_eq!(records[0], records[1]);
    }
}

#[test]
fn two_records_of_one_server_are_the_same_to_the_byte_and_it_verifies() {
    let (book, server) = recorded(&[]);
    let again = Book::new();
    again.record(&[&server.url]).ends(0);
    assert_eq!(files(book.folder.path()), files(again.folder.path()));
    let said = book.verify(&[&server.url]).ends(0);
    assert!(said.out.contains("all are as they were"), "{}", said.out);
}

#[test]
fn what_belongs_to_others_is_not_written_down() {
    let (book, server) = recorded(&[]);
    let made = post(&server.url, "Action=OpenLocker&Version=2026-01-01&Size=3");
    assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    book.verify(&[&server.url]).ends(0);
    // Nothing but that is there: a record cleans up after itself.
    let shown = post(&server.url, "Action=ShowLockers&Version=2026-01-01");
    assert_eq!(shown.matches("<lockerId>").count(), 1, "{shown}");
}

#[test]
fn what_differs_each_time_gives_way_to_stand_ins_wherever_it_recurs() {
    let (book, _server) = recorded(&[]);
    let (opened, shown) = (book.read("OpenLocker.toml"), book.read("ShowLockers.toml"));
    assert!(opened.contains("<lockerId>{locker#1}</lockerId>"), "{opened}");
    assert!(opened.contains("<requestId>{request-id}</requestId>"), "{opened}");
    assert!(shown.contains("LockerIds=[\"{locker#1}\"]"), "{shown}");
    assert!(opened.contains("headers = [\"content-type: text/xml;charset=UTF-8\"]"), "{opened}");
    assert!(!opened.contains("date:") && !opened.contains("content-length:"), "{opened}");
}

#[test]
fn a_release_that_writes_answers_otherwise_is_shown_until_that_is_accepted() {
    let (book, server) = recorded(&[]);
    let before = files(book.folder.path());
    let newer = release(&server, |body| body.replace("size>", "weight>"));
    let said = book.verify(&[&newer.url]).ends(1);
    for line in [
        "OpenLocker (",
        "-     <size>3</size>",
        "<lockerId>{locker#1}</lockerId>",
        "+     <weight>3</weight>",
        "--accept",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert_eq!(files(book.folder.path()), before);
    book.verify(&[&newer.url, "--accept"]).ends(0);
    book.verify(&[&newer.url]).ends(0);
    book.verify(&[&server.url]).ends(1);
    book.verify(&[&server.url, "--accept"]).ends(0);
    assert_eq!(files(book.folder.path()), before);
}

#[test]
fn a_status_a_header_or_the_order_of_elements_is_part_of_the_format() {
    let (book, server) = recorded(&[]);
    let status = Proxy::new(&server.url, |passing, ask| {
        let now = ask();
        if !passing.asks_for("ShowLockers") {
            return Fate::Answer(now);
        }
        Fate::Answer(now.replacen("HTTP/1.1 400", "HTTP/1.1 409", 1))
    });
    let said = book.verify(&[&status.url]).ends(1);
    assert!(said.out.contains("- HTTP 400") && said.out.contains("+ HTTP 409"), "{}", said.out);
    let header = Proxy::new(&server.url, |_, ask| Fate::Answer(ask().replacen("charset=UTF-8", "charset=latin1", 1)));
    let said = book.verify(&[&header.url]).ends(1);
    assert!(said.out.contains("+ content-type: text/xml;charset=latin1"), "{}", said.out);
    // The id of the request last instead of first.
    let order = release(&server, |body| {
        let (before, rest) = body.split_once("<requestId>").unwrap();
        let (id, after) = rest.split_once("</requestId>").unwrap();
        let (inside, end) = after.rsplit_once("</").unwrap();
        format!("{before}{inside}<requestId>{id}</requestId></{end}")
    });
    let said = book.verify(&[&order.url]).ends(1);
    assert!(said.out.contains("<requestId>{request-id}</requestId>"), "{}", said.out);
}

#[test]
fn white_space_between_elements_is_no_part_of_the_format() {
    let (book, server) = recorded(&[]);
    let spaced = release(&server, |body| body.replace("><", ">\n   <"));
    book.verify(&[&spaced.url]).ends(0);
}

#[test]
fn only_some_scenarios_can_be_verified_and_accepted() {
    let (book, server) = recorded(&[]);
    let newer = release(&server, |body| body.replace("size>", "weight>"));
    let said = book.verify(&[&newer.url, "--only", "ShowLockers.*"]);
    assert!(!said.out.contains("OpenLocker ("), "{}", said.out);
    book.verify(&[&newer.url, "--only", "ShowLockers.LockerIds.malformed"]).ends(0);
    let before = book.read("OpenLocker.toml");
    book.verify(&[&newer.url, "--only", "ShowLockers.*", "--accept"]).ends(0);
    assert_eq!(book.read("OpenLocker.toml"), before);
    assert!(book.verify(&[&server.url, "--only", "no-such-rule"]).ends(2).err.contains("no such rule"));
    let some = Book::new();
    some.record(&[&server.url, "--only", "ShowLockers.LockerIds.*"]).ends(0);
    assert!(!some.read("ShowLockers.toml").contains("open-"), "{}", some.read("ShowLockers.toml"));
}

#[test]
fn missing_and_orphaned_files_and_answers_are_differences_that_can_be_accepted() {
    let (book, server) = recorded(&[]);
    let before = files(book.folder.path());
    fs::remove_file(book.path("ShowLockers.toml")).unwrap();
    let said = book.verify(&[&server.url]).ends(1);
    assert!(said.out.contains("ShowLockers") && said.out.contains("its file is missing"), "{}", said.out);
    for orphan in ["answer = []", "[[answer]]\nscenario = \"gone\"\nstep = 1\nrequest = \"BreakLocker\"\nbody = \"\""] {
        let file = format!("format = 1\ncloud = \"lockers\"\noperation = \"BreakLocker\"\n{orphan}\n");
        fs::write(book.path("BreakLocker.toml"), file).unwrap();
        let said = book.verify(&[&server.url]).ends(1);
        assert!(said.out.contains("BreakLocker") && said.out.contains("its file is orphaned"), "{}", said.out);
    }
    book.verify(&[&server.url, "--accept"]).ends(0);
    assert_eq!(files(book.folder.path()), before);
    // One answer that is not there.
    let text = book.read("OpenLocker.toml");
    let (head, first) = text.split_once("[[answer]]").unwrap();
    let rest = first.split_once("[[answer]]").map_or(String::new(), |(_, rest)| format!("[[answer]]{rest}"));
    assert!(!rest.is_empty());
    fs::write(book.path("OpenLocker.toml"), format!("{head}{rest}")).unwrap();
    let said = book.verify(&[&server.url]).ends(1);
    assert!(said.out.contains("not written down"), "{}", said.out);
}

#[test]
fn a_value_that_is_another_one_each_time_is_not_written_down_where_nobody_wants_it() {
    let server = serve(&["--specs", &text(&lockers())]);
    let count = std::sync::atomic::AtomicUsize::new(100);
    let restless = release(&server, move |body| {
        let turn = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        body.replace("<requestId>", &format!("<turn>{turn}</turn><requestId>"))
    });
    let (plain, masked) = (Book::new(), Book::new());
    plain.record(&[&restless.url]).ends(0);
    plain.verify(&[&restless.url]).ends(1);
    masked.record(&[&restless.url, "--mask", "turn"]).ends(0);
    masked.verify(&[&restless.url]).ends(0);
    let opened = masked.read("OpenLocker.toml");
    assert!(opened.contains("<turn>{masked}</turn>"), "{opened}");
}

#[test]
fn what_was_written_down_is_valid_by_its_schemas() {
    let (book, _server) = recorded(&[]);
    let schema = |kind: &str| {
        let said = ask(&["spec", "schema", kind]).ends(0);
        jsonschema::validator_for(&serde_json::from_str(&said.out).unwrap()).unwrap()
    };
    let (suite, answers) = (schema("wire-suite"), schema("wire-answers"));
    let mut read = 0;
    for (file, text) in files(book.folder.path()) {
        let (schema, value): (_, Value) = match file.ends_with(".json") {
            true => (&suite, serde_json::from_str(&text).unwrap()),
            false => (&answers, toml::from_str(&text).unwrap()),
        };
        assert!(schema.is_valid(&value), "{file}");
        let mut wrong = value.clone();
        wrong["surplus"] = Value::from(1);
        assert!(!schema.is_valid(&wrong), "{file}");
        read += 1;
    }
    assert_eq!(read, 4);
}

#[test]
fn files_of_another_version_or_form_are_refused() {
    let (book, server) = recorded(&[]);
    let (suite, answers) = (book.read("suite.json"), book.read("OpenLocker.toml"));
    for (file, wrong, why) in [
        ("suite.json", suite.replace("\"format\": 1", "\"format\": 99"), "format 99"),
        ("suite.json", suite.replace("\"masked\"", "\"mask\""), "is not what"),
        ("suite.json", suite.replace("\"OpenLocker\"", "\"OpenDoor\""), "OpenDoor"),
        ("OpenLocker.toml", answers.replacen("format = 1", "format = 99", 1), "format 99"),
        ("OpenLocker.toml", answers.replacen("status", "state", 1), "is not what"),
        ("OpenLocker.toml", answers.replacen("= \"OpenLocker\"", "= \"OpenDoor\"", 1), "OpenDoor"),
    ] {
        let right = book.read(file);
        assert_ne!(right, wrong, "{why}");
        fs::write(book.path(file), wrong).unwrap();
        let said = book.verify(&[&server.url]).ends(2);
        // Long lines are broken for the terminal, also within a path.
        let words: String = said.err.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        assert!(words.contains(why), "{why}: {}", said.err);
        fs::write(book.path(file), right).unwrap();
    }
    book.verify(&[&server.url]).ends(0);
}

#[test]
fn a_target_that_cannot_be_used_changes_nothing_and_ends_with_3() {
    let (book, server) = recorded(&[]);
    let before = files(book.folder.path());
    let url = server.url.clone();
    drop(server);
    book.verify(&[&url, "--accept"]).ends(3);
    book.record(&[&url]).ends(3);
    let nonsense = Proxy::new("http://127.0.0.1:1", |_, _| Fate::Answer(answer("200 OK", "", "hello")));
    book.record(&[&nonsense.url]).ends(3);
    assert_eq!(files(book.folder.path()), before);
}

#[test]
fn a_folder_in_which_nothing_was_recorded_is_a_wrong_argument() {
    let said = Book::new().verify(&[]).ends(2);
    assert!(said.err.contains("eipcheck wire record"), "{}", said.err);
}

#[test]
fn no_terminal_obeys_what_a_target_sends_and_colours_are_the_user_s_choice() {
    let (book, server) = recorded(&[]);
    // Three bytes that some terminals take for the beginning of a command, and letters that turn the line around.
    let bent = release(&server, |body| body.replace("<size>", "<size>\u{9b}31m\u{202e}"));
    let said = book.verify(&[&bent.url]).ends(1);
    assert!(said.out.contains(r"\u{9b}31m\u{202e}"), "{}", said.out);
    assert!(!said.out.contains('\u{1b}') && !said.out.contains('\u{9b}'), "{}", said.out);
    let coloured = |no_color: bool| {
        let mut command = book.command("verify", &[&bent.url]);
        if no_color {
            command.env("NO_COLOR", "1");
        } else {
            command.env("CLICOLOR_FORCE", "1");
        }
        say(command).ends(1).out.contains('\u{1b}')
    };
    assert_eq!((coloured(false), coloured(true)), (true, false));
}
