//! The bytes that eipcheck sends and answers, for every operation of every cloud: one file an operation in
//! `snapshots/wire/`.
//!
//! Arguments and answers are made from the law, with fixed seeds, so that an operation that is added to `specs/` brings its
//! snapshot with it. That the bytes are right, and not only the same, is for `.ci/clients` and `.ci/sdks` to say: they hold
//! what this test leaves in `wire/` below `CARGO_TARGET_TMPDIR` against the providers' own SDKs.

use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use eipcheck::{
    model::forward::Dice,
    scenario::draft,
    spec::{
        Law, SpecSource, clouds,
        file::{Literal, Protocol, ScalarType},
        law::{Field, KindIx, OperationIx, OutputFrom, Param, ShownFrom},
        load,
    },
    wire::{
        self, Answer, Body, Request, Style, Tree,
        http::{HttpRequest, HttpResponse},
        sign::{Credentials, Manner, Method, Sending, Signer, Stamp},
    },
};
use serde_json::{Value, json};
use url::Url;

const SEED: u64 = 1;
const REQUEST_ID: &str = "59dbff89-35bd-4eac-99ed-be587e3c2fd1";
const HOST: &str = "127.0.0.1:5000";
/// How deep views show other views.
const DEPTH: usize = 3;
/// A text that every encoding has to do something about.
const AWKWARD: &str = "é ~*+%/=&!'()\"<>";

fn laws() -> Vec<Law> {
    let clouds = clouds(&SpecSource::BuiltIn).unwrap();
    clouds.iter().map(|cloud| load(&SpecSource::BuiltIn, cloud, &[]).unwrap()).collect()
}

// --- What is asked ------------------------------------------------------------------------------------------------------

/// A good value of a parameter.
fn value(law: &Law, dice: &mut Dice, param: &Param, awkward: bool) -> Tree {
    if param.kind == ScalarType::List {
        let count = if param.of == Some(ScalarType::Struct) { 1 } else { 2 };
        return Tree::List((0..count).map(|_| single(law, dice, param, awkward)).collect());
    }
    single(law, dice, param, awkward)
}

fn single(law: &Law, dice: &mut Dice, param: &Param, awkward: bool) -> Tree {
    match param.of.unwrap_or(param.kind) {
        ScalarType::Struct => Tree::Struct(
            param.fields.iter().map(|field| (field.name.clone(), value(law, dice, field, awkward))).collect(),
        ),
        ScalarType::Boolean => Tree::text("true"),
        ScalarType::Integer => {
            let default = match &param.default {
                Some(Literal::Integer(number)) => Some(*number),
                _ => None,
            };
            Tree::text(param.min.or(default).unwrap_or(7).to_string())
        }
        ScalarType::Timestamp => Tree::text("2026-01-02T03:04:05Z"),
        ScalarType::String | ScalarType::List => {
            if let Some(reference) = param.names.first() {
                let mint = law[reference.kind].fields[reference.by as usize].mint.as_ref();
                return Tree::text(mint.map_or_else(|| "named".to_owned(), |mint| dice.mint(mint)));
            }
            if let Some(example) = param.examples.first() {
                return Tree::text(example.replace("{region}", &law.region));
            }
            if let Some(one) = param.values.first() {
                return Tree::Text(one.clone());
            }
            Tree::text(if awkward { AWKWARD } else { "text" })
        }
    }
}

/// A request with everything that an operation has, or with nothing but what it requires.
fn request(law: &Law, operation: OperationIx, everything: bool) -> Request {
    let mut dice = Dice::new(SEED);
    let params = law[operation].params.iter().filter(|param| everything || param.required());
    let args = params.map(|param| (param.name.clone(), value(law, &mut dice, param, everything))).collect();
    Request { operation, args, undeclared: Vec::new() }
}

/// The ways in which a protocol is signed and sent.
fn manners(protocol: Protocol) -> Vec<Manner> {
    let all = Method::of(protocol).iter().flat_map(|method| {
        [Sending::Get, Sending::Form, Sending::Split]
            .map(|sending| Manner::choose(protocol, Some(*method), Some(sending)))
    });
    all.flatten().collect()
}

fn sent(law: &Law, request: &Request, manner: Manner) -> HttpRequest {
    let credentials =
        Credentials { access_key: "the-key".into(), secret_key: "the-s3cret".into(), session_token: None };
    let signer = Signer::new(credentials, law.region.clone(), manner);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
    let stamp = Stamp { time, nonce: "3f2504e04f8911d39a0c0305e82c3301".into() };
    let url = Url::parse(&format!("http://{HOST}")).unwrap();
    let product = law[request.operation].product;
    signer.request(law, product, &url, wire::encode_request(law, request), &stamp).unwrap()
}

fn show_request(out: &mut String, law: &Law, what: &str, request: &Request) {
    for manner in manners(law.wire.protocol) {
        let sent = sent(law, request, manner);
        let mark = if sent.query.is_empty() { "" } else { "?" };
        writeln!(out, "=== request, {what}, {}, {}", manner.method.name(), manner.sending.name()).unwrap();
        writeln!(out, "{} /{mark}{}", sent.method, sent.query).unwrap();
        for (name, value) in &sent.headers {
            writeln!(out, "{name}: {value}").unwrap();
        }
        writeln!(out, "\n{}\n", std::str::from_utf8(&sent.body).unwrap()).unwrap();
        // What a server reads of it is what was meant.
        let read = wire::decode_request(law, &sent).unwrap();
        assert_eq!(sorted(read), sorted(request.clone()), "{}", law[request.operation].name);
    }
}

/// In an order that does not depend on which arguments stand in the query and which in the form.
fn sorted(mut request: Request) -> Request {
    fn sort(members: &mut [(Arc<str>, Tree)]) {
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        members.iter_mut().for_each(|(_, member)| within(member));
    }
    fn within(tree: &mut Tree) {
        match tree {
            Tree::Text(_) => {}
            Tree::List(items) => items.iter_mut().for_each(within),
            Tree::Struct(members) => sort(members),
        }
    }
    sort(&mut request.args);
    request
}

// --- What is answered ---------------------------------------------------------------------------------------------------

/// Which answer to make.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// With everything in it.
    Full,
    /// Without what may be left out.
    Sparse,
    /// With everything, but that lists are empty.
    EmptyLists,
}

/// A scalar of an answer.
fn scalar(kind: ScalarType, values: &[String], chosen: Option<&Field>, dice: &mut Dice) -> Tree {
    match kind {
        ScalarType::Boolean => Tree::text("true"),
        ScalarType::Integer => Tree::text("7"),
        ScalarType::Timestamp => Tree::text("2026-01-02T03:04:05.000Z"),
        ScalarType::String | ScalarType::List | ScalarType::Struct => {
            if let Some(one) = values.first() {
                return Tree::text(one.as_str());
            }
            let mint = chosen.and_then(|field| field.mint.as_ref());
            Tree::text(mint.map_or_else(|| "some & <text>".to_owned(), |mint| dice.mint(mint)))
        }
    }
}

fn view(law: &Law, kind: KindIx, later: &[Arc<str>], which: Which, depth: usize, dice: &mut Dice) -> Tree {
    let mut members = Vec::new();
    let mut taken = BTreeSet::new();
    for shown in &law[kind].view {
        // Several rows may speak of one element.
        let optional = shown.optional || shown.rule.is_none() || later.contains(&shown.name);
        if which == Which::Sparse && optional || !taken.insert(&shown.wire) {
            continue;
        }
        let value = match &shown.from {
            ShownFrom::List(..) if which == Which::EmptyLists || depth == 0 => Tree::List(Vec::new()),
            ShownFrom::List(_, inner) => Tree::List(vec![view(law, *inner, &[], which, depth - 1, dice)]),
            ShownFrom::Paths(paths) => {
                let end = paths.first().and_then(|path| {
                    let (last, way) = path.0.split_last()?;
                    let kind = way.iter().try_fold(kind, |kind, field| law[kind].fields[*field as usize].to)?;
                    Some(&law[kind].fields[*last as usize])
                });
                wrapped(shown.kind, scalar(shown.kind, &shown.values, end, dice), which)
            }
            // Of what is in it the law says nothing.
            ShownFrom::Nothing if shown.kind == ScalarType::List => Tree::List(Vec::new()),
            ShownFrom::Value(_) | ShownFrom::Nothing => {
                wrapped(shown.kind, scalar(shown.kind, &shown.values, None, dice), which)
            }
        };
        members.push((shown.name.clone(), value));
    }
    Tree::Struct(members)
}

/// A scalar where a list or a struct belongs.
fn wrapped(kind: ScalarType, scalar: Tree, which: Which) -> Tree {
    match kind {
        ScalarType::List if which == Which::EmptyLists => Tree::List(Vec::new()),
        ScalarType::List => Tree::List(vec![scalar]),
        ScalarType::Struct => Tree::Struct(Vec::new()),
        _ => scalar,
    }
}

/// An answer to an operation.
fn success(law: &Law, operation: OperationIx, which: Which) -> Tree {
    let mut dice = Dice::new(SEED);
    let mut members = Vec::new();
    for output in &law[operation].output {
        if which == Which::Sparse && (output.optional || output.rule.is_none()) {
            continue;
        }
        let value = match &output.from {
            OutputFrom::One { kind, later, .. } => view(law, *kind, later, which, DEPTH, &mut dice),
            OutputFrom::Many { .. } | OutputFrom::Selected { .. } if which == Which::EmptyLists => {
                Tree::List(Vec::new())
            }
            OutputFrom::Many { kind, later, .. } => {
                Tree::List((0..2).map(|_| view(law, *kind, later, which, DEPTH, &mut dice)).collect())
            }
            OutputFrom::Selected { kind, .. } => {
                Tree::List((0..2).map(|_| view(law, *kind, &[], which, DEPTH, &mut dice)).collect())
            }
            OutputFrom::Paths(paths) => {
                let end = paths.first().and_then(|(var, path)| {
                    let (last, way) = path.0.split_last()?;
                    let start = law[operation].vars[*var as usize].kind;
                    let kind = way.iter().try_fold(start, |kind, field| law[kind].fields[*field as usize].to)?;
                    Some(&law[kind].fields[*last as usize])
                });
                wrapped(output.kind, scalar(output.kind, &output.values, end, &mut dice), which)
            }
            OutputFrom::Nothing if output.kind == ScalarType::List => Tree::List(Vec::new()),
            OutputFrom::Value(_) | OutputFrom::Counts(_) | OutputFrom::Nothing => {
                wrapped(output.kind, scalar(output.kind, &output.values, None, &mut dice), which)
            }
        };
        members.push((output.name.clone(), value));
    }
    Tree::Struct(members)
}

/// True if all of an answer was read back. What several rows of a law show of one element is read by each of them.
fn is_in(made: &Tree, read: &Tree) -> bool {
    match (made, read) {
        (Tree::Struct(members), read) => {
            members.iter().all(|(name, member)| read.get(name).is_some_and(|read| is_in(member, read)))
        }
        (Tree::List(made), Tree::List(read)) => {
            made.len() == read.len() && made.iter().zip(read).all(|(made, read)| is_in(made, read))
        }
        (made, read) => made == read,
    }
}

/// How a protocol's answers can be written.
fn styles(protocol: Protocol) -> Vec<(&'static str, Style)> {
    let style = |json| Style { json, host: HOST.to_owned() };
    match protocol {
        Protocol::Ec2Query => vec![("XML", style(false))],
        Protocol::Rpc => vec![("JSON", style(true)), ("XML", style(false))],
    }
}

const ANSWERS: [(&str, Which); 3] =
    [("full", Which::Full), ("without what may be left out", Which::Sparse), ("empty lists", Which::EmptyLists)];

/// The codes of an operation's errors, each with its status.
fn errors(law: &Law, operation: OperationIx) -> Vec<(Arc<str>, u16)> {
    let own = law[operation].all_refusals().flat_map(|refusal| refusal.codes.iter().cloned());
    let codes: BTreeSet<Arc<str>> = own.chain(law[operation].dry_run.and(law.dry_run_code.clone())).collect();
    let status = |code: &str| law.statuses(operation, code).and_then(|(all, _)| all.first().copied()).unwrap_or(400);
    codes.into_iter().map(|code| (code.clone(), status(&code))).collect()
}

fn show_answer(out: &mut String, what: &str, status: u16, media: &str, body: &[u8]) {
    let body = std::str::from_utf8(body).unwrap();
    writeln!(out, "=== {what}\nHTTP {status}\ncontent-type: {media}\n\n{body}\n").unwrap();
}

fn show_answers(out: &mut String, law: &Law, operation: OperationIx) {
    for (form, style) in styles(law.wire.protocol) {
        let media = wire::answer_type(law, &style);
        let read = |status, body: &bytes::Bytes| {
            let headers = vec![("content-type".to_owned(), media.to_owned())];
            wire::decode_answer(law, operation, &HttpResponse { status, headers, body: body.clone() })
        };
        let mut before = Vec::new();
        for (what, which) in ANSWERS {
            let tree = success(law, operation, which);
            let body = wire::encode_success(law, &style, operation, REQUEST_ID, &tree);
            let Answer { body: back, faults, .. } = read(200, &body);
            let Body::Success(back) = back else { panic!("{}: {back:?}", law[operation].name) };
            assert!(is_in(&tree, &back), "{}: {tree:?} is not in {back:?}", law[operation].name);
            assert_eq!(faults, [], "{}", law[operation].name);
            // Where nothing may be left out and there is no list, there is one answer.
            if !before.contains(&body) {
                show_answer(out, &format!("answer, {what}, {form}"), 200, media, &body);
                before.push(body);
            }
        }
        for (code, status) in errors(law, operation) {
            let body = wire::encode_error(law, &style, REQUEST_ID, &code, "A <message> & more.");
            let Answer { body: back, faults, .. } = read(status, &body);
            assert_eq!(back, Body::Error { code: code.clone(), message: "A <message> & more.".into() });
            assert_eq!(faults, []);
            show_answer(out, &format!("error {code}, {form}"), status, media, &body);
        }
    }
}

// --- The files ----------------------------------------------------------------------------------------------------------

fn folder(law: &Law) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/wire").join(&*law.cloud)
}

fn snapshot(law: &Law, operation: OperationIx) -> String {
    let mut out = String::new();
    show_request(&mut out, law, "what is required", &request(law, operation, false));
    let everything = request(law, operation, true);
    if everything != request(law, operation, false) {
        show_request(&mut out, law, "everything", &everything);
    }
    show_answers(&mut out, law, operation);
    out
}

#[test]
fn every_operation_is_sent_and_answered_in_the_bytes_of_its_snapshot() {
    for law in laws() {
        for (ix, operation) in law.operations() {
            insta::with_settings!({
                snapshot_path => folder(&law),
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, {
                insta::assert_snapshot!(&*operation.name, snapshot(&law, ix));
            });
        }
    }
}

#[test]
fn every_operation_has_a_snapshot_and_every_snapshot_an_operation() {
    let laws = laws();
    for law in &laws {
        let there: BTreeSet<String> = fs::read_dir(folder(law))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".snap.new"))
            .collect();
        let due: BTreeSet<String> = law.operations.iter().map(|operation| format!("{}.snap", operation.name)).collect();
        assert_eq!(there, due, "left: the files, right: the operations of {}", law.cloud);
    }
    let clouds: BTreeSet<String> = laws.iter().map(|law| law.cloud.to_string()).collect();
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots/wire")).unwrap();
    let folders: BTreeSet<String> = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, clouds);
}

// --- The same for those who know better ---------------------------------------------------------------------------------

fn plain(tree: &Tree) -> Value {
    match tree {
        Tree::Text(text) => Value::from(&**text),
        Tree::List(items) => items.iter().map(plain).collect(),
        Tree::Struct(members) => {
            Value::Object(members.iter().map(|(name, member)| (name.to_string(), plain(member))).collect())
        }
    }
}

fn struct_of(members: &[(Arc<str>, Tree)]) -> Value {
    plain(&Tree::Struct(members.to_vec()))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// An operation with its requests and answers, for a program that holds them against an SDK.
fn dump(law: &Law, ix: OperationIx) -> Value {
    let requests: Vec<Value> = [false, true]
        .map(|everything| {
            let request = request(law, ix, everything);
            let sent: Vec<Value> = manners(law.wire.protocol)
                .into_iter()
                .map(|manner| {
                    let sent = sent(law, &request, manner);
                    json!({
                        "signature": manner.method.name(), "sending": manner.sending.name(), "method": sent.method,
                        "query": sent.query, "headers": sent.headers, "body": text(&sent.body),
                    })
                })
                .collect();
            json!({ "args": struct_of(&request.args), "sent": sent })
        })
        .into();
    let mut answers = Vec::new();
    for (form, style) in styles(law.wire.protocol) {
        for (what, which) in ANSWERS {
            let tree = success(law, ix, which);
            let body = wire::encode_success(law, &style, ix, REQUEST_ID, &tree);
            answers
                .push(json!({ "what": what, "form": form, "status": 200, "shows": plain(&tree), "body": text(&body) }));
        }
        for (code, status) in errors(law, ix) {
            let body = wire::encode_error(law, &style, REQUEST_ID, &code, "A <message> & more.");
            answers.push(json!({
                "what": "error", "form": form, "status": status, "code": &*code, "message": "A <message> & more.",
                "body": text(&body),
            }));
        }
    }
    let operation = &law[ix];
    let (product, version) = (&law[operation.product].name, &law[operation.product].version);
    json!({
        "operation": &*operation.name, "product": product, "version": version, "request_id": REQUEST_ID,
        "requests": requests, "answers": answers,
    })
}

#[test]
fn what_is_held_against_the_sdks_is_written_for_them() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wire");
    fs::create_dir_all(&folder).unwrap();
    for law in laws() {
        let all: Vec<Value> = law.operations().map(|(ix, _)| dump(&law, ix)).collect();
        assert_eq!(all.len(), law.operations.len());
        assert!(all.iter().all(|one| !one["answers"].as_array().unwrap().is_empty()));
        fs::write(folder.join(format!("{}.json", law.cloud)), serde_json::to_vec(&all).unwrap()).unwrap();
    }
}

#[test]
fn the_examples_are_those_that_the_suite_sends() {
    let mut seen = 0;
    for law in laws() {
        for (ix, operation) in law.operations() {
            let request = request(&law, ix, true);
            for param in
                operation.params.iter().filter(|param| param.names.is_empty() && param.kind != ScalarType::List)
            {
                let Some(example) = draft::examples(&law, param).next() else { continue };
                let sent = request.args.iter().find(|(name, _)| *name == param.name).map(|(_, tree)| tree.clone());
                if param.kind == ScalarType::String {
                    assert_eq!(example.resolve(&[], ""), sent, "{} of {}", param.name, operation.name);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 5, "{seen}");
}
