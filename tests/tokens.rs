//! Requests that are sent again with the same token: what the oracle demands, where it keeps silent, and servers that
//! get it wrong.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use common::{ask, changed, ec2, lockers, run, serve, text};
use eipcheck::{
    model::time::{Interval, Moment},
    oracle::{
        Oracle, Settings,
        judge::{Judgement, Verdict},
    },
    reference::{
        http::{self, ServerRequest},
        server::Reference,
    },
    spec::{Law, SpecSource, law::RuleIx, load},
    target::clock::Clock,
    wire::{Answer, Body, Request, Tree, http::HttpResponse},
};
use tempfile::TempDir;
use tokio::sync::oneshot;

const REPEAT: &str = "OpenLocker.Once.repeat";
const MISMATCH: &str = "OpenLocker.Once.mismatch";

/// The lockers, with a token for opening one. `more` are further lines about tokens.
fn with_tokens(more: &str) -> TempDir {
    with_tokens_and(more, &[])
}

/// The same with further changes.
fn with_tokens_and(more: &str, changes: &[(&str, &str, &str)]) -> TempDir {
    let token = format!(
        "[token]\nparameter = \"Once\"\nlevel = \"must\"\nsource = {{ text = \"guide\", at = \"repeats\" }}\n\
         codes = [\"LockerMixedUp\"]\n{more}\n\n[codes]"
    );
    let open = "operations/open_locker.toml";
    let shown = "[input.Once]\ntype = \"string\"\n\n[input.Note]\ntype = \"string\"\nexamples = [\"red\", \"blue\"]\n\n[input.Size]";
    let tokens = [("cloud.toml", "[codes]", token.as_str()), (open, "[input.Size]", shown)];
    changed(&lockers(), &[&tokens, changes].concat())
}

fn law(folder: &TempDir) -> Arc<Law> {
    Arc::new(load(&SpecSource::Folder(folder.path().to_owned()), "lockers", &[]).unwrap())
}

// --- The oracle --------------------------------------------------------------------------------------------------------

/// A conversation with a server that says what the test wants.
struct Talk {
    law: Arc<Law>,
    oracle: Oracle,
    now: u64,
}

/// What an answer turned out to be.
#[derive(Debug, PartialEq)]
enum Found {
    /// Right, and these rules were kept.
    Right(Vec<String>),
    /// Right, because the law is silent.
    Open,
    /// Wrong by this rule.
    Wrong(String),
}

impl Talk {
    fn new(more: &str) -> Talk {
        Talk::about(&with_tokens(more))
    }

    fn about(folder: &TempDir) -> Talk {
        let law = law(folder);
        Talk { oracle: Oracle::new(law.clone(), Settings::default()), law, now: 0 }
    }

    /// Lets seconds pass.
    fn wait(&mut self, seconds: u64) {
        self.now += seconds * 1_000_000;
    }

    fn ask(&mut self, operation: &str, args: &[(&str, &str)], status: u16, body: Body) -> Found {
        let args = args.iter().map(|(n, v)| (Arc::from(*n), Tree::text(*v))).collect();
        let request = Request { operation: self.law.operation(operation).unwrap(), args, undeclared: Vec::new() };
        let answer = Answer { status, request_id: Some("r".into()), body, faults: Vec::new() };
        let interval = Interval { from: Moment(self.now), to: Moment(self.now + 1000) };
        self.now += 2000;
        let judgement = self.oracle.judge(&request, interval, &answer);
        self.found(judgement)
    }

    fn found(&self, judgement: Judgement) -> Found {
        let id = |rule: RuleIx| self.law[rule].id.to_string();
        match judgement.verdict {
            Verdict::Violation(violation) => Found::Wrong(id(violation.rule)),
            Verdict::Explained if judgement.open => Found::Open,
            Verdict::Explained => {
                let of_tokens = judgement.passes.into_iter().map(id).filter(|id| id.contains(".Once."));
                Found::Right(of_tokens.collect::<BTreeSet<_>>().into_iter().collect())
            }
            Verdict::Indeterminate(why) => panic!("{why}"),
        }
    }

    /// A locker is opened: the answer shows this one.
    fn open(&mut self, args: &[(&str, &str)], id: &str, size: &str) -> Found {
        let member = |name: &str, text: &str| (Arc::from(name), Tree::text(text));
        let locker = Tree::Struct(vec![member("LockerId", id), member("Size", size)]);
        self.ask("OpenLocker", args, 200, Body::Success(Tree::Struct(vec![("Locker".into(), locker)])))
    }

    /// No locker is opened.
    fn refuse(&mut self, args: &[(&str, &str)], code: &str) -> Found {
        self.ask("OpenLocker", args, 400, Body::Error { code: code.into(), message: "no".into() })
    }

    fn close(&mut self, id: &str) {
        let closed = self.ask("CloseLocker", &[("LockerId", id)], 200, Body::Success(Tree::Struct(Vec::new())));
        assert_eq!(closed, Found::Right(Vec::new()));
    }
}

const ONE: &str = "locker-00000001";
const TWO: &str = "locker-00000002";

fn right(rules: &[&str]) -> Found {
    Found::Right(rules.iter().map(|r| r.to_string()).collect())
}

fn wrong(rule: &str) -> Found {
    Found::Wrong(rule.into())
}

/// A conversation in which a locker of size 4 was opened with the token `a`.
fn opened(more: &str) -> Talk {
    let mut talk = Talk::new(more);
    assert_eq!(talk.open(&[("Once", "a"), ("Size", "4")], ONE, "4"), right(&[]));
    talk
}

#[test]
fn a_repeat_is_answered_as_the_first_request_was() {
    assert_eq!(opened("").open(&[("Size", "4"), ("Once", "a")], ONE, "4"), right(&[REPEAT]));
    assert_eq!(opened("").open(&[("Once", "a"), ("Size", "4")], TWO, "4"), wrong(REPEAT));
    assert_eq!(opened("").open(&[("Once", "a"), ("Size", "4")], ONE, "5"), wrong(REPEAT));
    assert_eq!(opened("").refuse(&[("Once", "a"), ("Size", "4")], "LockerMixedUp"), wrong(REPEAT));
}

#[test]
fn a_token_that_was_used_for_other_parameters_is_refused() {
    assert_eq!(opened("").refuse(&[("Once", "a"), ("Size", "5")], "LockerMixedUp"), right(&[MISMATCH]));
    assert_eq!(opened("").refuse(&[("Once", "a"), ("Size", "5")], "Other"), wrong(MISMATCH));
    assert_eq!(opened("").open(&[("Once", "a"), ("Size", "5")], TWO, "5"), wrong(MISMATCH));
    assert_eq!(opened("").open(&[("Once", "a"), ("Size", "5")], ONE, "4"), wrong(MISMATCH));
}

#[test]
fn another_token_and_no_token_are_other_requests() {
    for args in [&[("Once", "b"), ("Size", "4")][..], &[("Once", "A"), ("Size", "4")], &[("Size", "4")]] {
        assert_eq!(opened("").open(args, TWO, "4"), right(&[]));
        assert!(matches!(opened("").open(args, ONE, "4"), Found::Wrong(_)));
        assert!(matches!(opened("").refuse(args, "LockerMixedUp"), Found::Wrong(_)));
    }
}

#[test]
fn of_a_token_after_a_failure_nothing_is_demanded() {
    let refused = || {
        let mut talk = Talk::new("");
        assert_eq!(talk.refuse(&[("Once", "a"), ("Size", "40")], "LockerTooLarge"), right(&[]));
        talk
    };
    for size in ["4", "40"] {
        assert!(matches!(
            refused().refuse(&[("Once", "a"), ("Size", size)], "LockerTooLarge"),
            Found::Open | Found::Right(_)
        ));
    }
    assert_eq!(refused().refuse(&[("Once", "a"), ("Size", "4")], "LockerMixedUp"), Found::Open);
    assert_eq!(refused().open(&[("Once", "a"), ("Size", "4")], ONE, "4"), Found::Open);
    // What the arguments have wrong is wrong with any token.
    assert_eq!(refused().open(&[("Once", "a"), ("Size", "40")], ONE, "40"), wrong("OpenLocker.Size.range"));
    // Once it has been accepted it is a token like any other.
    let mut accepted = refused();
    accepted.open(&[("Once", "a"), ("Size", "4")], ONE, "4");
    assert_eq!(accepted.open(&[("Once", "a"), ("Size", "4")], TWO, "4"), wrong(REPEAT));
    // Unless the law says that a failure does not count.
    let mut strict = Talk::new("after-failure = \"new\"");
    strict.refuse(&[("Once", "a"), ("Size", "40")], "LockerTooLarge");
    assert!(matches!(strict.refuse(&[("Once", "a"), ("Size", "4")], "LockerTooLarge"), Found::Wrong(_)));
}

#[test]
fn a_mismatch_that_was_refused_leaves_the_first_request_standing() {
    let mut talk = opened("");
    talk.refuse(&[("Once", "a"), ("Size", "5")], "LockerMixedUp");
    assert_eq!(talk.open(&[("Once", "a"), ("Size", "4")], ONE, "4"), right(&[REPEAT]));
    assert_eq!(talk.open(&[("Once", "a"), ("Size", "4")], TWO, "4"), wrong(REPEAT));
}

/// Each answer that the law leaves open to a request with the token `a` after something has happened.
fn is_open(after: impl Fn() -> Talk, args: &[(&str, &str)]) {
    for id in [ONE, TWO] {
        assert_eq!(after().open(args, id, "4"), Found::Open, "{args:?} shows {id}");
    }
    for code in ["LockerMixedUp", "Other"] {
        assert_eq!(after().refuse(args, code), Found::Open, "{args:?} is refused with {code}");
    }
}

#[test]
fn of_a_token_whose_resource_is_gone_nothing_is_demanded() {
    let closed = || {
        let mut talk = opened("");
        talk.close(ONE);
        talk
    };
    is_open(closed, &[("Once", "a"), ("Size", "4")]);
}

#[test]
fn what_the_request_itself_removed_does_not_keep_it_from_being_repeated() {
    let close = ("operations/close_locker.toml", "[input.Gently]", "[input.Once]\ntype = \"string\"\n\n[input.Gently]");
    let again = |status: u16, body: Body| {
        let mut talk = Talk::about(&with_tokens_and("", &[close]));
        talk.open(&[], ONE, "3");
        let args = [("LockerId", ONE), ("Once", "a")];
        talk.ask("CloseLocker", &args, 200, Body::Success(Tree::Struct(Vec::new())));
        talk.ask("CloseLocker", &args, status, body)
    };
    assert_eq!(again(200, Body::Success(Tree::Struct(Vec::new()))), right(&["CloseLocker.Once.repeat"]));
    let gone = Body::Error { code: "LockerNotFound".into(), message: "no".into() };
    assert_eq!(again(400, gone), wrong("CloseLocker.Once.repeat"));
}

/// Whether leaving out `Gently` means `Gently=false`, nobody says: it may be the same request, and its locker is gone.
#[test]
fn what_may_be_the_request_that_removed_it_may_be_answered_as_that_was() {
    let close = ("operations/close_locker.toml", "[input.Gently]", "[input.Once]\ntype = \"string\"\n\n[input.Gently]");
    let again = |gently: &str, status: u16, body: Body| {
        let mut talk = Talk::about(&with_tokens_and("", &[close]));
        talk.open(&[], ONE, "3");
        talk.ask("CloseLocker", &[("LockerId", ONE), ("Once", "a")], 200, Body::Success(Tree::Struct(Vec::new())));
        talk.ask("CloseLocker", &[("LockerId", ONE), ("Gently", gently), ("Once", "a")], status, body)
    };
    let gone = Body::Error { code: "LockerNotFound".into(), message: "no".into() };
    assert_eq!(again("false", 200, Body::Success(Tree::Struct(Vec::new()))), Found::Open);
    assert_eq!(again("false", 400, gone), Found::Open);
}

#[test]
fn of_a_token_whose_resource_is_being_removed_nothing_is_demanded() {
    let slow = ("operations/close_locker.toml", "delete = \"locker\"", "change = \"locker\"\nset = { size = \"1\" }");
    let closing = || {
        let mut talk = Talk::about(&with_tokens_and("", &[slow]));
        talk.open(&[("Once", "a"), ("Size", "4")], ONE, "4");
        talk.close(ONE);
        talk
    };
    is_open(closing, &[("Once", "a"), ("Size", "4")]);
    assert_eq!(closing().open(&[("Once", "a"), ("Size", "4")], ONE, "1"), Found::Open, "as it is by now");
}

#[test]
fn while_the_first_request_is_under_way_a_repeat_may_be_refused_if_the_law_says_so() {
    let settles = "[[rule]]\nid = \"open-settles\"\nlevel = \"must\"\nsays = \"It stays.\"\nsource = { text = \"guide\", at = \"opening\" }\n\n\
                   [[rule.effect]]\neach = \"[opened]\"\nchange = \"it\"\nset = { size = \"it.size\" }\nafter = { earliest = \"30\", latest = \"30\" }\n";
    let created = "set    = { size = \"input.Size\" }";
    let slow = ("operations/open_locker.toml", created, &*format!("{created}\n\n{settles}"));
    let opened = |more: &str, seconds: u64| {
        let mut talk = Talk::about(&with_tokens_and(more, &[slow]));
        talk.open(&[("Once", "a"), ("Size", "4")], ONE, "4");
        talk.wait(seconds);
        talk
    };
    let again = [("Once", "a"), ("Size", "4")];
    let busy = "under-way = [\"StillOpening\"]";
    assert_eq!(opened(busy, 10).refuse(&again, "StillOpening"), Found::Open);
    assert_eq!(opened(busy, 10).open(&again, ONE, "4"), Found::Open);
    assert_eq!(opened(busy, 10).open(&again, TWO, "4"), wrong(REPEAT));
    assert_eq!(opened(busy, 40).refuse(&again, "StillOpening"), wrong(REPEAT));
    assert_eq!(opened("", 10).refuse(&again, "StillOpening"), wrong(REPEAT));
}

#[test]
fn a_token_sent_to_two_operations_means_what_the_law_says() {
    let close = ("operations/close_locker.toml", "[input.Gently]", "[input.Once]\ntype = \"string\"\n\n[input.Gently]");
    let opened = |more: &str| {
        let mut talk = Talk::about(&with_tokens_and(more, &[close]));
        talk.open(&[("Once", "a"), ("Size", "4")], ONE, "4");
        talk
    };
    let accept = |mut talk: Talk| {
        let closed = Body::Success(Tree::Struct(Vec::new()));
        talk.ask("CloseLocker", &[("Once", "a"), ("LockerId", ONE)], 200, closed)
    };
    let refuse = |mut talk: Talk| {
        let mixed_up = Body::Error { code: "LockerMixedUp".into(), message: "no".into() };
        talk.ask("CloseLocker", &[("Once", "a"), ("LockerId", ONE)], 400, mixed_up)
    };
    assert_eq!(accept(opened("")), right(&[]));
    assert_eq!(refuse(opened("")), wrong("close-removes"));
    assert_eq!(accept(opened("scope = \"account\"")), wrong("CloseLocker.Once.mismatch"));
    assert_eq!(refuse(opened("scope = \"account\"")), right(&["CloseLocker.Once.mismatch"]));
    assert_eq!(accept(opened("scope = \"open\"")), Found::Open);
    assert_eq!(refuse(opened("scope = \"open\"")), Found::Open);
}

#[test]
fn of_a_token_that_may_have_been_forgotten_nothing_is_demanded() {
    let later = |seconds: u64, more: &str| {
        let mut talk = opened(more);
        talk.wait(seconds);
        talk
    };
    is_open(|| later(61, ""), &[("Once", "a"), ("Size", "4")]);
    assert_eq!(later(59, "").open(&[("Once", "a"), ("Size", "4")], TWO, "4"), wrong(REPEAT));
    assert_eq!(later(61, "remembered = 90").open(&[("Once", "a"), ("Size", "4")], TWO, "4"), wrong(REPEAT));
    // It has been remembered, or not: what comes next must agree with what came before.
    let mut new = later(61, "");
    new.open(&[("Once", "a"), ("Size", "4")], TWO, "4");
    assert_eq!(new.open(&[("Once", "a"), ("Size", "4")], TWO, "4"), right(&[REPEAT]));
    assert_eq!(new.open(&[("Once", "a"), ("Size", "4")], ONE, "4"), wrong(REPEAT));
}

#[test]
fn what_may_mean_the_same_is_left_open() {
    // A locker is of size 3 unless something else is said; what stands for no note, nobody knows.
    let opened = |args: &[(&str, &str)]| {
        let mut talk = Talk::new("");
        assert_eq!(talk.open(args, ONE, "3"), right(&[]));
        talk
    };
    for args in [&[("Once", "a"), ("Size", "3")][..], &[("Once", "a"), ("Note", "red")]] {
        assert_eq!(opened(&[("Once", "a")]).open(args, ONE, "3"), Found::Open);
        assert_eq!(opened(&[("Once", "a")]).open(args, TWO, "3"), Found::Open);
        assert_eq!(opened(&[("Once", "a")]).refuse(args, "LockerMixedUp"), Found::Open);
    }
    let (red, blue) = ([("Once", "a"), ("Note", "red")], [("Once", "a"), ("Note", "blue")]);
    assert_eq!(opened(&red).open(&blue, ONE, "3"), wrong(MISMATCH));
}

#[test]
fn a_repeat_changes_nothing_as_a_look_shows() {
    let mut talk = opened("");
    talk.open(&[("Once", "a"), ("Size", "4")], ONE, "4");
    let shows = |talk: &mut Talk, lockers: Vec<Tree>| {
        talk.ask("ShowLockers", &[], 200, Body::Success(Tree::Struct(vec![("Lockers".into(), Tree::List(lockers))])))
    };
    let locker = |size: &str| {
        let member = |name: &str, text: &str| (Arc::from(name), Tree::text(text));
        Tree::Struct(vec![member("LockerId", ONE), member("Size", size)])
    };
    let mut same = Talk { law: talk.law.clone(), oracle: talk.oracle.clone(), now: talk.now };
    assert_eq!(shows(&mut same, vec![locker("4")]), right(&[REPEAT]));
    let mut other = Talk { law: talk.law.clone(), oracle: talk.oracle.clone(), now: talk.now };
    assert_eq!(shows(&mut other, vec![locker("5")]), wrong(REPEAT));
    assert_eq!(shows(&mut talk, Vec::new()), wrong(REPEAT));
}

#[test]
fn an_operation_may_leave_open_what_the_cloud_demands() {
    let folder = with_tokens("");
    let open = folder.path().join("operations/open_locker.toml");
    let with = |table: &str| {
        let text = std::fs::read_to_string(&open).unwrap();
        std::fs::write(&open, format!("{text}\n[token]\n{table}\n")).unwrap();
        let mut talk = Talk::about(&folder);
        std::fs::write(&open, text).unwrap();
        talk.open(&[("Once", "a"), ("Size", "4")], ONE, "4");
        talk
    };
    is_open(|| with("repeat = \"open\""), &[("Once", "a"), ("Size", "4")]);
    let other = [("Once", "a"), ("Size", "5")];
    assert_eq!(with("mismatch = \"open\"").open(&other, ONE, "4"), Found::Open);
    assert_eq!(with("mismatch = \"open\"").open(&other, TWO, "5"), Found::Open);
    assert_eq!(with("mismatch = \"open\"").refuse(&other, "Other"), Found::Open);
    assert_eq!(with("codes = [\"Other\"]").refuse(&other, "Other"), right(&[MISMATCH]));
}

// --- Servers -----------------------------------------------------------------------------------------------------------

/// The parameters of a request.
fn form(request: &ServerRequest) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(&request.http.body).into_owned().collect()
}

/// The same request with other parameters.
fn with_form(request: &ServerRequest, form: &BTreeMap<String, String>) -> ServerRequest {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut sent = request.clone();
    sent.http.body = Bytes::from(body);
    sent
}

/// What a server does with a request before or instead of the reference.
type Quirk = dyn Fn(&Reference, &ServerRequest, &mut BTreeMap<String, HttpResponse>) -> HttpResponse + Send + Sync;

/// A server that has a quirk and a memory for it, on a thread of its own until the test ends.
fn quirky(law: Arc<Law>, quirk: Arc<Quirk>) -> (String, oneshot::Sender<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let memory = Arc::new(Mutex::new(BTreeMap::new()));
    let reference = Reference::new(law, 1, Clock::real());
    let handler =
        move |request: ServerRequest| std::future::ready(quirk(&reference, &request, &mut memory.lock().unwrap()));
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let _ = http::serve(listener, handler, async move {
                let _ = stopped.await;
            })
            .await;
        });
    });
    (url, stop)
}

/// Holds a server with a quirk against the law: the rules that it breaks, and the same again from the trace alone.
#[track_caller]
fn breaks(quirk: Arc<Quirk>, rules: &[&str]) {
    let folder = with_tokens("");
    let (url, _stop) = quirky(law(&folder), quirk);
    let specs = text(folder.path());
    let ran = run(&[&url, "--specs", &specs, "--cloud", "lockers", "--seed", "3", "--max-requests", "1500"]);
    assert_eq!(ran.findings(), rules, "{}", ran.said.out);
    let ran = ran.ends(i32::from(!rules.is_empty()));
    assert_eq!(ran.report()["leftovers"].as_array().unwrap().len(), 0);
    let again = ask(&["recheck", &text(ran.folder.path()), "--specs", &specs, "--cloud", "lockers"]);
    let again = again.ends(i32::from(!rules.is_empty()));
    for rule in rules {
        assert!(again.out.contains(&format!("{rule}  must\n")), "{}", again.out);
    }
    let sent = ran.trace().iter().filter(|l| l["call"].to_string().contains("\"token\"")).count();
    assert!(sent > 20, "only {sent} requests had a token");
}

#[test]
fn a_server_that_forgets_tokens_is_found() {
    let forgets: Arc<Quirk> = Arc::new(|reference, request, _| {
        let mut form = form(request);
        form.remove("Once");
        reference.handle(&with_form(request, &form))
    });
    breaks(forgets, &[MISMATCH, REPEAT]);
}

#[test]
fn a_server_that_looks_at_the_token_alone_is_found() {
    let replays: Arc<Quirk> = Arc::new(|reference, request, first| match form(request).get("Once") {
        Some(token) => first.entry(token.clone()).or_insert_with(|| reference.handle(request)).clone(),
        None => reference.handle(request),
    });
    breaks(replays, &[MISMATCH]);
}

#[test]
fn a_server_that_refuses_every_known_token_is_found() {
    let refuses: Arc<Quirk> = Arc::new(|reference, request, first| {
        let mut form = form(request);
        let Some(token) = form.get("Once").cloned() else { return reference.handle(request) };
        if let Some(first) = first.get(&token) {
            // The reference refuses it itself, for another size.
            let first = String::from_utf8(first.body.to_vec()).unwrap();
            let other = if first.contains("<size>1</size>") { "2" } else { "1" };
            form.insert("Size".into(), other.into());
            return reference.handle(&with_form(request, &form));
        }
        let answer = reference.handle(request);
        if answer.status == 200 {
            first.insert(token, answer.clone());
        }
        answer
    });
    breaks(refuses, &[REPEAT]);
}

#[test]
fn a_server_that_does_something_more_on_a_repeat_is_found() {
    let closes: Arc<Quirk> = Arc::new(|reference, request, first| {
        let form = form(request);
        let Some(token) = form.get("Once").cloned() else { return reference.handle(request) };
        let answer = reference.handle(request);
        // What was refused with the token before is no first answer.
        let earlier = first.insert(token, answer.clone()).filter(|earlier| earlier.status == 200);
        if let (Some(earlier), 200) = (earlier, answer.status) {
            assert_eq!(earlier.body.len(), answer.body.len());
            let body = String::from_utf8(answer.body.to_vec()).unwrap();
            let id = body.split("<lockerId>").nth(1).unwrap().split('<').next().unwrap();
            let close = BTreeMap::from([
                ("Action".to_owned(), "CloseLocker".to_owned()),
                ("Version".to_owned(), form["Version"].clone()),
                ("LockerId".to_owned(), id.to_owned()),
            ]);
            reference.handle(&with_form(request, &close));
        }
        answer
    });
    breaks(closes, &[REPEAT]);
}

#[test]
fn a_server_that_remembers_failures_and_forgets_what_is_gone_is_not_blamed() {
    let other: Arc<Quirk> = Arc::new(|reference, request, failed| {
        let form = form(request);
        let Some(token) = form.get("Once") else { return reference.handle(request) };
        if let Some(failure) = failed.get(token) {
            return failure.clone();
        }
        let answer = reference.handle(request);
        let mismatch = String::from_utf8_lossy(&answer.body).contains("LockerMixedUp");
        if answer.status != 200 && !mismatch {
            failed.insert(token.clone(), answer.clone());
        }
        answer
    });
    breaks(other, &[]);
}

#[test]
fn a_server_that_remembers_a_failure_against_the_law_is_found() {
    let remembers: Arc<Quirk> = Arc::new(|reference, request, failed| {
        let form = form(request);
        let Some(token) = form.get("Once") else { return reference.handle(request) };
        if let Some(failure) = failed.get(token) {
            return failure.clone();
        }
        let answer = reference.handle(request);
        if answer.status != 200 && !String::from_utf8_lossy(&answer.body).contains("LockerMixedUp") {
            failed.insert(token.clone(), answer.clone());
        }
        answer
    });
    let folder = with_tokens("after-failure = \"new\"");
    let (url, _stop) = quirky(law(&folder), remembers);
    let specs = text(folder.path());
    let ran = run(&[&url, "--specs", &specs, "--cloud", "lockers", "--seed", "3", "--max-requests", "3000"]).ends(1);
    // A failure that comes again for something else has the wrong code, too.
    assert!(ran.findings().contains(&"open-creates".to_owned()), "{}", ran.said.out);
}

#[test]
fn a_token_that_is_required_is_sent_by_the_clean_up_as_well() {
    let required = "[input.Once]\ntype = \"string\"\nrequired = true\n\n[input.Gently]";
    let close = ("operations/close_locker.toml", "[input.Gently]", required);
    let folder = with_tokens_and("", &[close]);
    let ran = run(&["--specs", &text(folder.path()), "--cloud", "lockers", "--max-requests", "800"]).ends(0);
    assert_eq!(ran.report()["leftovers"].as_array().unwrap().len(), 0);
    let report = ran.report();
    let of_tokens = report["rules"].as_array().unwrap().iter().filter(|r| r["id"].as_str().unwrap().contains(".Once."));
    let results: BTreeMap<&str, &str> =
        of_tokens.map(|r| (r["id"].as_str().unwrap(), r["result"].as_str().unwrap())).collect();
    assert!(results.len() > 5 && results.values().all(|result| *result == "pass"), "{results:?}");
}

#[test]
fn a_server_of_an_earlier_run_is_sent_no_token_of_that_run() {
    let folder = with_tokens("");
    let specs = text(folder.path());
    let server = serve(&["--specs", &specs, "--cloud", "lockers"]);
    let args = [&server.url, "--specs", &specs, "--cloud", "lockers", "--seed", "3", "--max-requests", "500"];
    let tokens = || {
        let ran = run(&args).ends(0);
        let nonce = ran.report()["nonce"].as_str().unwrap().to_owned();
        let trace = ran.trace();
        let asked = trace.iter().filter(|l| !l["call"].is_null());
        let starts: BTreeSet<String> = asked.map(|l| l["tokens"].as_str().unwrap().to_owned()).collect();
        assert!(starts.iter().all(|t| t.starts_with(&format!("eipcheck-{nonce}-")) && t.len() < 56), "{starts:?}");
        assert!(starts.len() > 20, "each scenario has tokens of its own: {starts:?}");
        starts
    };
    assert!(tokens().is_disjoint(&tokens()));
}

#[test]
fn the_same_seed_sends_the_same_tokens_to_a_server_of_its_own() {
    let folder = with_tokens("");
    let specs = text(folder.path());
    let sent = |jobs: &str| {
        // What follows on requests that were sent at once depends on which of them came first.
        let args = ["--specs", &specs, "--cloud", "lockers", "--seed", "3", "--max-requests", "500", "--jobs", jobs];
        let ran = run(&[&args[..], &["--clients", "1"]].concat()).ends(0);
        let lines = ran.trace();
        let of = |line: &serde_json::Value| {
            let body = line["exchange"]["body"].as_str().unwrap_or_default().to_owned();
            let once = url::form_urlencoded::parse(body.as_bytes()).find(|(n, _)| n == "Once")?;
            Some((line["scenario"].to_string(), line["step"].to_string(), once.1.into_owned()))
        };
        lines.iter().filter_map(of).collect::<BTreeSet<_>>()
    };
    let one = sent("1");
    assert!(one.len() > 10, "{one:?}");
    assert_eq!(one, sent("2"));
}

#[test]
fn a_server_of_the_built_in_law_that_forgets_tokens_is_found() {
    let cloud = std::fs::read_to_string(ec2().join("cloud.toml")).unwrap();
    let table = cloud.split("[token]").nth(1).unwrap().split("# ---").next().unwrap();
    let table = format!("[token]{table}");
    let facts = std::fs::read_to_string(ec2().join("facts.toml")).unwrap();
    let about = facts.lines().find(|l| l.contains("*.ClientToken.repeat")).unwrap();
    let forgetful = changed(&ec2(), &[("cloud.toml", &table, ""), ("facts.toml", about, "rules = [\"*\"]")]);
    let server = serve(&["--specs", &text(forgetful.path())]);
    let rules = ["CreateNetworkInterface.ClientToken.mismatch", "CreateNetworkInterface.ClientToken.repeat"];
    let ran =
        run(&[&server.url, "--only", rules[0], "--only", rules[1], "--max-requests", "300", "--fail-on", "should"])
            .ends(1);
    assert_eq!(ran.findings(), rules, "{}", ran.said.out);
    let again = ask(&["recheck", &text(ran.folder.path())]).ends(1);
    assert!(rules.iter().all(|rule| again.out.contains(rule)), "{}", again.out);
}
