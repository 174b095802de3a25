//! What one side of a protocol writes, the other side reads; and nothing that a target sends can bring the reader down.

use std::sync::Arc;

use eipcheck::{
    spec::{
        file::{CredentialNames, GeneralCodes, Level, Protocol, ScalarType, Sent, WireFault},
        law::{
            Kind, KindIx, Law, Operation, OperationIx, Output, OutputFrom, Param, Path, Product, ProductIx, RuleIx,
            Shown, ShownFrom, WireStyle,
        },
    },
    wire::{
        self, Answer, Body, Request, RequestFault, Style, Tree,
        http::{HttpRequest, HttpResponse},
    },
};
use proptest::{collection::vec, option, prelude::*};

const NAMESPACE: &str = "http://example.com/doc/1";

fn param(name: &str, wire: &str, kind: ScalarType, of: Option<ScalarType>, fields: Vec<Param>) -> Param {
    Param {
        name: name.into(),
        wire: wire.into(),
        kind,
        of,
        joined: None,
        fields,
        default: None,
        min: None,
        max: None,
        values: Vec::new(),
        names: None,
        examples: Vec::new(),
        sent: Sent::Sometimes,
        filters: None,
        refusals: Vec::new(),
    }
}

fn shown(name: &str, wire: &str, kind: ScalarType, from: ShownFrom, optional: bool) -> Shown {
    Shown {
        name: name.into(),
        wire: wire.split('/').map(str::to_owned).collect(),
        kind,
        from,
        values: Vec::new(),
        optional,
        rule: Some(RuleIx(0)),
    }
}

fn output(name: &str, wire: &str, kind: ScalarType, from: OutputFrom, optional: bool) -> Output {
    Output {
        name: name.into(),
        wire: wire.split('/').map(str::to_owned).collect(),
        kind,
        from,
        values: Vec::new(),
        optional,
        continues: false,
        rule: Some(RuleIx(0)),
    }
}

fn selected(kind: u32) -> OutputFrom {
    OutputFrom::Selected { kind: KindIx(kind), by: Vec::new(), filter: None }
}

fn operation(name: &str, params: Vec<Param>, output: Vec<Output>) -> Operation {
    Operation {
        name: name.into(),
        summary: String::new(),
        level: Level::Must,
        product: ProductIx(0),
        status: Vec::new(),
        status_rule: None,
        params,
        dry_run: None,
        vars: Vec::new(),
        output,
        refusals: Vec::new(),
        permits: Vec::new(),
        effects: Vec::new(),
        keeps: Vec::new(),
        open: Vec::new(),
        accepts: RuleIx(0),
        undeclared: None,
        reads: false,
    }
}

fn kind(name: &str, view: Vec<Shown>) -> Kind {
    Kind {
        name: name.into(),
        title: String::new(),
        id: None,
        undo: Vec::new(),
        lingers: None,
        fields: Vec::new(),
        view,
        filters: Vec::new(),
        id_rule: None,
    }
}

/// A small law: one operation with every form of parameter and answer, one without any.
fn law() -> Law {
    use ScalarType::*;
    let text = |name: &str, wire: &str| shown(name, wire, String, ShownFrom::Nothing, true);
    let gadget = kind(
        "gadget",
        vec![
            text("GadgetId", "gadgetId"),
            shown("Main", "isMain", Boolean, ShownFrom::Nothing, true),
            text("Mode", "mode/name"),
            text("ModeCode", "mode/code"),
            shown("Parts", "partSet", List, ShownFrom::List(Path(Vec::new()), KindIx(1)), true),
        ],
    );
    let part = kind("part", vec![text("PartId", "partId"), text("Size", "size")]);
    Law {
        cloud: "made-up".into(),
        title: "Made up".into(),
        wire: WireStyle { protocol: Protocol::Ec2Query, namespace: Some(NAMESPACE.into()), ignores: Vec::new() },
        products: vec![Product {
            name: "made-up".into(),
            title: "Made up".into(),
            version: "2001-01-01".into(),
            service: "made-up".into(),
        }],
        credentials: CredentialNames::default(),
        region: "here".into(),
        sources: Vec::new(),
        codes: GeneralCodes::default(),
        dry_run_code: None,
        operations: vec![
            operation(
                "MakeGadget",
                vec![
                    param("Name", "Name", String, None, vec![]),
                    param("Ids", "Id", List, Some(String), vec![]),
                    param(
                        "Sieves",
                        "Sieve",
                        List,
                        Some(Struct),
                        vec![
                            param("Name", "Name", String, None, vec![]),
                            param("Values", "Value", List, Some(String), vec![]),
                        ],
                    ),
                    param("Place", "Place", Struct, None, vec![param("Row", "RowNumber", Integer, None, vec![])]),
                ],
                vec![
                    output("Count", "count", Integer, OutputFrom::Nothing, true),
                    output("Done", "isDone", Boolean, OutputFrom::Nothing, true),
                    output("Gadget", "gadget", Struct, selected(0), true),
                    output("Gadgets", "gadgetSet", List, selected(0), true),
                    output("Packed", "boxSet/gadgetSet", List, selected(0), true),
                    output("State", "outer/state", String, OutputFrom::Nothing, true),
                    output("Reason", "outer/reason", String, OutputFrom::Nothing, true),
                    output("Words", "wordSet", List, OutputFrom::Nothing, true),
                ],
            ),
            operation("Nothing", vec![], vec![]),
            operation("Strict", vec![], vec![output("Gadgets", "gadgetSet", List, selected(0), false)]),
        ],
        kinds: vec![gadget, part],
        rules: Vec::new(),
        wire_rules: Default::default(),
        readings: Vec::new(),
        facts: Vec::new(),
        digest: std::string::String::new(),
    }
}

fn op(law: &Law, name: &str) -> OperationIx {
    law.operation(name).expect("the test's law has it")
}

fn answer(status: u16, body: impl Into<bytes::Bytes>) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: body.into() }
}

fn style() -> Style {
    Style { json: false, host: String::new() }
}

/// A request as a server gets it, unsigned.
fn http(method: &'static str, query: &str, body: &str) -> HttpRequest {
    HttpRequest { method, query: query.into(), headers: Vec::new(), body: body.to_owned().into() }
}

fn members(list: Vec<(&'static str, Option<Tree>)>) -> Tree {
    Tree::Struct(list.into_iter().filter_map(|(name, tree)| Some((Arc::from(name), tree?))).collect())
}

/// Texts that XML can hold, not empty.
fn texts() -> impl Strategy<Value = Tree> {
    "[ -~\t\n\ré\u{ffef}\u{fffd}😀]{1,8}".prop_map(Tree::text)
}

fn flags() -> impl Strategy<Value = Tree> {
    prop_oneof![Just(Tree::text("true")), Just(Tree::text("false"))]
}

fn parts() -> impl Strategy<Value = Tree> {
    (option::of(texts()), option::of(texts())).prop_map(|(id, size)| members(vec![("PartId", id), ("Size", size)]))
}

fn gadgets() -> impl Strategy<Value = Tree> {
    let list = vec(parts(), 0..3).prop_map(Tree::List);
    (option::of(texts()), option::of(flags()), option::of(texts()), option::of(texts()), option::of(list)).prop_map(
        |(id, main, mode, code, parts)| {
            members(vec![("GadgetId", id), ("Main", main), ("Mode", mode), ("ModeCode", code), ("Parts", parts)])
        },
    )
}

fn answers() -> impl Strategy<Value = Tree> {
    let list = || vec(gadgets(), 0..4).prop_map(Tree::List);
    (
        option::of(texts()),
        option::of(flags()),
        option::of(gadgets()),
        option::of(list()),
        option::of(list()),
        option::of(texts()),
        option::of(texts()),
        option::of(vec(texts(), 0..3).prop_map(Tree::List)),
    )
        .prop_map(|(count, done, gadget, gadgets, packed, state, reason, words)| {
            members(vec![
                ("Count", count),
                ("Done", done),
                ("Gadget", gadget),
                ("Gadgets", gadgets),
                ("Packed", packed),
                ("State", state),
                ("Reason", reason),
                ("Words", words),
            ])
        })
}

fn values() -> impl Strategy<Value = Tree> {
    any::<String>().prop_map(Tree::text)
}

fn requests() -> impl Strategy<Value = Vec<(Arc<str>, Tree)>> {
    let list = || vec(values(), 1..12).prop_map(Tree::List);
    let sieve = (option::of(values()), list()).prop_map(|(n, v)| members(vec![("Name", n), ("Values", Some(v))]));
    (
        option::of(values()),
        option::of(list()),
        option::of(vec(sieve, 1..4).prop_map(Tree::List)),
        option::of(values().prop_map(|v| members(vec![("Row", Some(v))]))),
        option::of(values()),
    )
        .prop_map(|(name, ids, sieves, place, other)| {
            [("Name", name), ("Ids", ids), ("Sieves", sieves), ("Place", place), ("Other.1 ü&=", other)]
                .into_iter()
                .filter_map(|(name, tree)| Some((Arc::from(name), tree?)))
                .collect()
        })
        .prop_shuffle()
}

proptest! {
    #[test]
    fn an_answer_reads_back_as_it_was_written(tree in answers()) {
        let law = law();
        let operation = op(&law, "MakeGadget");
        let body = wire::encode_success(&law, &style(), operation, "id-1", &tree);
        let Answer { status, request_id, body, faults } = wire::decode_answer(&law, operation, &answer(200, body));
        prop_assert_eq!(body, Body::Success(tree));
        prop_assert_eq!((status, request_id.as_deref(), faults), (200, Some("id-1"), vec![]));
    }

    #[test]
    fn an_error_reads_back_as_it_was_written(code in "[A-Za-z.]{1,20}", message in "[ -~\r\n\t]{0,40}") {
        let law = law();
        let body = wire::encode_error(&law, &style(), "id-1", &code, &message);
        let read = wire::decode_answer(&law, op(&law, "Nothing"), &answer(400, body));
        // A message of nothing but blanks says nothing.
        let message = if message.trim().is_empty() { "" } else { &*message };
        prop_assert_eq!(read.body, Body::Error { code: (*code).into(), message: message.into() });
        prop_assert_eq!(read.faults, vec![]);
    }

    #[test]
    fn a_request_reads_back_as_it_was_written(args in requests()) {
        let law = law();
        let request = Request::new(&law, op(&law, "MakeGadget"), args);
        let form = wire::encode_request(&law, &request);
        prop_assert!(form.starts_with("Action=MakeGadget&Version=2001-01-01"));
        let expected = Ok(request);
        prop_assert_eq!(&wire::decode_request(&law, &http("POST", "", &form)), &expected);
        prop_assert_eq!(&wire::decode_request(&law, &http("GET", &form, "ignored")), &expected);
    }

    #[test]
    fn no_answer_brings_the_reader_down(bytes in vec(any::<u8>(), 0..200), status in 100u16..600) {
        let law = law();
        wire::decode_answer(&law, op(&law, "MakeGadget"), &answer(status, bytes));
    }

    #[test]
    fn no_spoilt_answer_brings_the_reader_down(tree in answers(), at in any::<prop::sample::Index>(), by in any::<u8>()) {
        let law = law();
        let mut body = wire::encode_success(&law, &style(), op(&law, "MakeGadget"), "id-1", &tree).to_vec();
        let at = at.index(body.len());
        body[at] = by;
        wire::decode_answer(&law, op(&law, "MakeGadget"), &answer(200, body.clone()));
        body.truncate(at);
        let read = wire::decode_answer(&law, op(&law, "MakeGadget"), &answer(200, body));
        let unreadable = matches!(read.body, Body::Unreadable { .. });
        prop_assert!(unreadable);
    }

    #[test]
    fn no_form_brings_the_server_down(form in "(Action=MakeGadget&Version=2001-01-01&)?([A-Za-z.0-9%+]{0,12}=?[a-z0-9%+]{0,4}&?){0,8}") {
        let law = law();
        let _ = wire::decode_request(&law, &http("POST", "", &form));
    }
}

#[test]
fn a_form_is_written_as_the_protocol_has_it() {
    let law = law();
    let list = |values: &[&str]| Tree::List(values.iter().map(|v| Tree::text(*v)).collect());
    let args = vec![
        ("Ids".into(), list(&["a b", "ü"])),
        (
            "Sieves".into(),
            Tree::List(vec![members(vec![("Name", Some(Tree::text("n"))), ("Values", Some(list(&["x", "y"])))])]),
        ),
        ("Place".into(), members(vec![("Row", Some(Tree::text("3")))])),
        ("Name".into(), Tree::List(vec![])),
        ("Unknown".into(), list(&["1"])),
    ];
    assert_eq!(
        wire::encode_request(&law, &Request::new(&law, op(&law, "MakeGadget"), args)),
        "Action=MakeGadget&Version=2001-01-01&Id.1=a%20b&Id.2=%C3%BC&Sieve.1.Name=n&Sieve.1.Value.1=x&Sieve.1.Value.2=y\
         &Place.RowNumber=3&Unknown.1=1"
    );
}

fn read_form(form: &str) -> Result<Vec<(String, Tree)>, RequestFault> {
    let law = law();
    wire::decode_request(&law, &http("POST", "", form)).map(|request| {
        request.args.into_iter().chain(request.undeclared).map(|(name, tree)| (name.to_string(), tree)).collect()
    })
}

#[test]
fn requests_of_other_clients_are_understood() {
    let read = |form: &str| read_form(&format!("Version=2001-01-01&Action=MakeGadget&{form}")).unwrap();
    let list = |values: &[&str]| Tree::List(values.iter().map(|v| Tree::text(*v)).collect());
    assert_eq!(read("Id.7=b&Id.2=a&Id.10=c"), [("Ids".to_owned(), list(&["a", "b", "c"]))]);
    assert_eq!(read("Id=a"), [("Ids".to_owned(), list(&["a"]))]);
    assert_eq!(read("Id.1="), [("Ids".to_owned(), list(&[""]))]);
    assert_eq!(read("Name=a&Name=b"), [("Name".to_owned(), Tree::text("a"))]);
    for raw in [
        "Id.x",
        "Id.-1",
        "Id.+1",
        "Id.1.Name",
        "Ids.1",
        "name",
        "Name.1",
        "Sieve.1",
        "Sieve.1.Other",
        "Place",
        "Place.Row",
        "Place.",
    ] {
        let form = raw.replace('+', "%2B");
        assert_eq!(read(&format!("{form}=v")), [(raw.to_owned(), Tree::text("v"))], "{raw}");
    }
    let signed =
        "X-Amz-Date=1&x-amz-signature=2&AWSAccessKeyId=3&Signature=4&SignatureVersion=2&SignatureMethod=5&Timestamp=6";
    assert_eq!(read(signed), []);
}

#[test]
fn requests_that_say_not_what_they_want_are_told_apart() {
    assert_eq!(read_form(""), Err(RequestFault::NoAction));
    assert_eq!(read_form("Action=&Version=2001-01-01"), Err(RequestFault::NoAction));
    assert_eq!(read_form("Action=Other&Version=1"), Err(RequestFault::UnknownAction { name: "Other".into() }));
    assert_eq!(read_form("Action=Nothing"), Err(RequestFault::Version { found: None }));
    assert_eq!(read_form("Action=Nothing&Version=1"), Err(RequestFault::Version { found: Some("1".into()) }));
    assert_eq!(read_form("Action=%zz"), Err(RequestFault::Malformed { pair: "Action=%zz".into() }));
    let large = format!("Action=Nothing&Version=2001-01-01&a={}", "x".repeat(wire::MAX_REQUEST));
    assert!(matches!(read_form(&large), Err(RequestFault::TooLarge { .. })));
}

#[test]
fn a_hostile_request_is_read_in_reasonable_time() {
    let mut form = "Action=MakeGadget&Version=2001-01-01".to_owned();
    for i in (0..60_000).rev() {
        form.push_str(&format!("&Id.{i}=&q="));
    }
    let read = read_form(&form).unwrap();
    assert_eq!(read.len(), 60_001);
}

#[test]
fn a_success_is_written_as_the_protocol_has_it() {
    let law = law();
    let gadget = |id: &str| {
        members(vec![
            ("GadgetId", Some(Tree::text(id))),
            ("ModeCode", Some(Tree::text("1"))),
            ("Mode", Some(Tree::text("on"))),
        ])
    };
    let tree = members(vec![
        ("Undeclared", Some(Tree::text("x"))),
        ("Packed", Some(Tree::List(vec![gadget("a"), gadget("b<")]))),
        ("Gadgets", Some(Tree::List(vec![]))),
        ("State", Some(Tree::text("s"))),
        ("Reason", Some(Tree::text("r"))),
    ]);
    let text = |operation| {
        String::from_utf8(wire::encode_success(&law, &style(), op(&law, operation), "id-1", &tree).to_vec()).unwrap()
    };
    let item = |id: &str| {
        format!(
            "<item><gadgetSet><item><gadgetId>{id}</gadgetId><mode><name>on</name><code>1</code></mode></item></gadgetSet></item>"
        )
    };
    assert_eq!(
        text("MakeGadget"),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MakeGadgetResponse xmlns=\"{NAMESPACE}/\"><requestId>id-1</requestId>\
             <gadgetSet/><boxSet>{}{}</boxSet><outer><state>s</state><reason>r</reason></outer></MakeGadgetResponse>",
            item("a"),
            item("b&lt;")
        )
    );
    assert_eq!(
        text("Nothing"),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NothingResponse xmlns=\"{NAMESPACE}/\"><requestId>id-1</requestId>\
             <return>true</return></NothingResponse>"
        )
    );
    assert_eq!(
        wire::encode_error(&law, &style(), "id-1", "Bad", "no\u{1}<"),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>Bad</Code><Message>no\u{fffd}&lt;</Message>\
         </Error></Errors><RequestID>id-1</RequestID></Response>"
    );
}

fn read(operation: &str, status: u16, body: &str) -> Answer {
    let law = law();
    wire::decode_answer(&law, op(&law, operation), &answer(status, body.to_owned()))
}

#[test]
fn faults_of_form_are_told_apart_and_leave_the_meaning_readable() {
    use WireFault::*;
    let root = |inner: &str| format!("<MakeGadgetResponse xmlns='{NAMESPACE}'>{inner}</MakeGadgetResponse>");
    let faults = |body: &str| read("MakeGadget", 200, body).faults;
    assert_eq!(faults(&root("<requestId>1</requestId>")), []);
    assert_eq!(faults(&root("")), [NoRequestId]);
    assert_eq!(faults(&root("<requestId> </requestId>")), [NoRequestId]);
    assert_eq!(faults("<MakeGadgetResponse><requestId>1</requestId></MakeGadgetResponse>"), [Namespace]);
    assert_eq!(
        faults("<MakeGadgetResponse xmlns='http://example.com/doc/2'><requestId>1</requestId></MakeGadgetResponse>"),
        [Namespace]
    );
    assert_eq!(
        faults(&format!(
            "<p:MakeGadgetResponse xmlns:p='{NAMESPACE}/'><p:requestId>1</p:requestId></p:MakeGadgetResponse>"
        )),
        []
    );
    assert_eq!(
        faults(&format!("<MakeGadgetResult xmlns='{NAMESPACE}'><requestId>1</requestId></MakeGadgetResult>")),
        [RootElement]
    );
    assert_eq!(faults(&root("<requestId>1</requestId><isDone>True</isDone>")), [BooleanSpelling]);
    assert_eq!(faults(&root("<requestId>1</requestId><isDone/><count></count>")), [EmptyScalar]);
    let strict = format!("<StrictResponse xmlns='{NAMESPACE}'><requestId>1</requestId>@</StrictResponse>");
    assert_eq!(read("Strict", 200, &strict.replace('@', "")).faults, [MissingListWrapper]);
    let empty = read("Strict", 200, &strict.replace('@', "<gadgetSet>\n</gadgetSet>"));
    assert_eq!(
        (empty.faults, empty.body),
        (vec![], Body::Success(members(vec![("Gadgets", Some(Tree::List(vec![])))])))
    );
}

#[test]
fn errors_in_other_envelopes_are_read_with_a_fault() {
    use WireFault::*;
    let error = |body: &str| {
        let read = read("Nothing", 400, body);
        (read.request_id.as_deref().map(str::to_owned), read.faults, read.body)
    };
    let bad = || Body::Error { code: "Bad".into(), message: "m".into() };
    let inner = "<Error><Code>Bad</Code><Message>m</Message></Error>";
    assert_eq!(
        error(&format!("<Response><Errors>{inner}</Errors><RequestID>1</RequestID></Response>")),
        (Some("1".into()), vec![], bad())
    );
    assert_eq!(error(&format!("<Response><Errors>{inner}</Errors></Response>")), (None, vec![NoErrorRequestId], bad()));
    assert_eq!(
        error(&format!("<ErrorResponse>{inner}<RequestId>1</RequestId></ErrorResponse>")),
        (Some("1".into()), vec![ErrorEnvelope, NoErrorRequestId], bad())
    );
    assert_eq!(error(inner), (None, vec![ErrorEnvelope, NoErrorRequestId], bad()));
    for no_error in ["", "{}", "<html/>", "<Response><Errors><Error><Code/></Error></Errors></Response>", "Bad Gateway"]
    {
        assert!(matches!(error(no_error).2, Body::Unreadable { .. }), "{no_error}");
    }
}

#[test]
fn what_is_too_much_is_unreadable() {
    let many = format!("<StrictResponse><gadgetSet>{}</gadgetSet></StrictResponse>", "<item/>".repeat(100_001));
    let large = format!("<StrictResponse>{}</StrictResponse>", "x".repeat(wire::MAX_ANSWER));
    let deep = format!("{}{}", "<a>".repeat(65), "</a>".repeat(65));
    for body in [many, large, deep, String::new()] {
        assert!(matches!(read("Strict", 200, &body).body, Body::Unreadable { .. }));
    }
}
