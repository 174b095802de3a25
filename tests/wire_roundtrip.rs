//! What one side of a protocol writes, the other side reads; and nothing that a target sends can bring the reader down.

use std::sync::Arc;

use eipcheck::{
    run::request_ids::RequestIds,
    spec::{
        file::{CredentialNames, GeneralCodes, Joined, Level, Protocol, ScalarType, Sent, WireFault},
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
        form: None,
        longest: None,
        names: Vec::new(),
        plain: None,
        told: None,
        passes_over: false,
        mixed_open: false,
        matches: Vec::new(),
        examples: Vec::new(),
        sent: Sent::Sometimes,
        mark: None,
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
        besides: Vec::new(),
        optional,
        judged_while: None,
        any_json: false,
        elsewhere: None,
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
    OutputFrom::Selected { kind: KindIx(kind), by: Vec::new(), filter: None, page: None }
}

fn operation(name: &str, params: Vec<Param>, output: Vec<Output>) -> Operation {
    Operation {
        name: name.into(),
        summary: String::new(),
        level: Level::Must,
        product: ProductIx(0),
        status: Vec::new(),
        params,
        dry_run: None,
        token: None,
        vars: Vec::new(),
        output,
        conditions: Vec::new(),
        refusals: Vec::new(),
        permits: Vec::new(),
        effects: Vec::new(),
        keeps: Vec::new(),
        open: Vec::new(),
        accepts: RuleIx(0),
        undeclared: None,
        reads: false,
        footprint: Default::default(),
    }
}

fn kind(name: &str, view: Vec<Shown>) -> Kind {
    Kind {
        name: name.into(),
        title: String::new(),
        id: None,
        undo: Vec::new(),
        lingers: None,
        fades: None,
        only_by_request: false,
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
        billable_hosts: Vec::new(),
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
        equivalents: Vec::new(),
        digest: std::string::String::new(),
        suite: None,
    }
}

/// The same law in the other protocol.
fn rpc_law() -> Law {
    let mut law = law();
    law.wire = WireStyle { protocol: Protocol::Rpc, namespace: None, ignores: vec!["Ignored".into()] };
    let params = &mut law.operations[0].params;
    params.push(param("Flag", "Flag", ScalarType::Boolean, None, vec![]));
    let wrap = |wire: &mut Vec<String>, path: &str| *wire = path.split('/').map(str::to_owned).collect();
    for output in law.operations.iter_mut().flat_map(|o| &mut o.output) {
        match &*output.name {
            "Gadgets" => wrap(&mut output.wire, "gadgetSet/gadget"),
            "Words" => wrap(&mut output.wire, "wordSet/word"),
            _ => {}
        }
    }
    let parts = law.kinds[0].view.iter_mut().find(|shown| &*shown.name == "Parts").expect("a gadget has parts");
    wrap(&mut parts.wire, "partSet/part");
    let params = &mut law.operations[0].params;
    for (name, joined) in [("Commas", Joined::Comma), ("Array", Joined::Json)] {
        let list = param(name, name, ScalarType::List, Some(ScalarType::String), vec![]);
        params.push(Param { joined: Some(joined), ..list });
    }
    law
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

// --- The RPC protocol --------------------------------------------------------------------------------------------------

const ID: &str = "0A1B2C3D-0A1B-2C3D-4E5F-0A1B2C3D4E5F";

fn rpc_styles() -> impl Strategy<Value = Style> {
    any::<bool>().prop_map(|json| Style { json, host: "here.example".into() })
}

/// Answers with a number where there is to be one.
fn rpc_answers() -> impl Strategy<Value = Tree> {
    (answers(), option::of(any::<i64>())).prop_map(|(tree, number)| {
        let Tree::Struct(mut given) = tree else { panic!("an answer is a struct") };
        given.retain(|(name, _)| &**name != "Count");
        given.splice(0..0, number.map(|n| (Arc::from("Count"), Tree::text(n.to_string()))));
        Tree::Struct(given)
    })
}

fn rpc_requests() -> impl Strategy<Value = Vec<(Arc<str>, Tree)>> {
    let list = |texts: &'static str| option::of(vec(texts.prop_map(Tree::text), 1..5).prop_map(Tree::List));
    (requests(), option::of(flags()), list("[^,]{0,8}"), list(".{0,8}")).prop_map(|(mut args, flag, commas, array)| {
        for (name, tree) in [("Flag", flag), ("Commas", commas), ("Array", array)] {
            args.extend(tree.map(|tree| (Arc::from(name), tree)));
        }
        args
    })
}

proptest! {
    #[test]
    fn an_rpc_answer_reads_back_as_it_was_written(tree in rpc_answers(), style in rpc_styles()) {
        let law = rpc_law();
        let operation = op(&law, "MakeGadget");
        let body = wire::encode_success(&law, &style, operation, &ID.to_ascii_lowercase(), &tree);
        prop_assert_eq!(style.json, body[0] == b'{');
        let Answer { status, request_id, body, faults } = wire::decode_answer(&law, operation, &answer(200, body));
        prop_assert_eq!(body, Body::Success(tree));
        prop_assert_eq!((status, request_id.as_deref(), faults), (200, Some(ID), vec![]));
    }

    #[test]
    fn an_rpc_error_reads_back_as_it_was_written(code in "[A-Za-z.]{1,20}", message in "[!-~][ -~\r\n\t]{0,40}", style in rpc_styles()) {
        let law = rpc_law();
        let body = wire::encode_error(&law, &style, ID, &code, &message);
        let read = wire::decode_answer(&law, op(&law, "Nothing"), &answer(400, body));
        prop_assert_eq!(read.body, Body::Error { code: (*code).into(), message: (*message).into() });
        prop_assert_eq!((read.request_id.as_deref(), read.faults), (Some(ID), vec![]));
    }

    #[test]
    fn an_rpc_request_reads_back_as_it_was_written(args in rpc_requests(), cut in any::<prop::sample::Index>()) {
        let law = rpc_law();
        let request = Request::new(&law, op(&law, "MakeGadget"), args);
        let form = wire::encode_request(&law, &request);
        prop_assert!(form.starts_with("Action=MakeGadget&Version=2001-01-01"));
        let parts: Vec<&str> = form.split('&').collect();
        let (query, body) = parts.split_at(cut.index(parts.len() + 1));
        for sent in [http("GET", &form, "ignored"), http("POST", "", &form), http("POST", &query.join("&"), &body.join("&"))] {
            prop_assert_eq!(wire::decode_request(&law, &sent), Ok(request.clone()));
        }
    }

    #[test]
    fn no_rpc_answer_brings_the_reader_down(bytes in vec(any::<u8>(), 0..200), status in 100u16..600) {
        let law = rpc_law();
        wire::decode_answer(&law, op(&law, "MakeGadget"), &answer(status, bytes));
    }

    #[test]
    fn no_json_brings_the_reader_down(text in json(), status in prop_oneof![Just(200u16), Just(400u16)]) {
        let law = rpc_law();
        wire::decode_answer(&law, op(&law, "MakeGadget"), &answer(status, text));
    }

    #[test]
    fn no_spoilt_rpc_answer_brings_the_reader_down(tree in rpc_answers(), style in rpc_styles(), at in any::<prop::sample::Index>(), by in any::<u8>()) {
        let law = rpc_law();
        let mut body = wire::encode_success(&law, &style, op(&law, "MakeGadget"), ID, &tree).to_vec();
        let at = at.index(body.len());
        body[at] = by;
        wire::decode_answer(&law, op(&law, "MakeGadget"), &answer(200, body.clone()));
        body.truncate(at);
        let read = wire::decode_answer(&law, op(&law, "MakeGadget"), &answer(200, body));
        let unreadable = matches!(read.body, Body::Unreadable { .. });
        prop_assert!(unreadable);
    }

    #[test]
    fn no_rpc_form_brings_the_server_down(form in "(Action=MakeGadget&Version=2001-01-01&)?([A-Za-z.0-9%+]{0,12}=?[a-z0-9%+]{0,4}&?){0,8}", query: bool) {
        let law = rpc_law();
        let sent = if query { http("GET", &form, "") } else { http("POST", "", &form) };
        let _ = wire::decode_request(&law, &sent);
        let _ = wire::style(&law, &sent);
    }
}

/// JSON with the names of the law in places where they do not belong.
fn json() -> impl Strategy<Value = String> {
    let names = ["RequestId", "Code", "Message", "gadgetSet", "gadget", "Count", "isDone", "outer", "state", "wordSet"];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i32>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| format!("{n:?}").replace("inf", "9").replace("NaN", "1")),
        "[a-z]{0,3}".prop_map(|t| format!("\"{t}\"")),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let member = (prop::sample::select(names.to_vec()), inner.clone()).prop_map(|(n, v)| format!("\"{n}\": {v}"));
        prop_oneof![
            vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(", "))),
            vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(", "))),
        ]
    })
}

fn read_rpc(operation: &str, status: u16, body: &str) -> Answer {
    let law = rpc_law();
    wire::decode_answer(&law, op(&law, operation), &answer(status, body.to_owned()))
}

#[test]
fn an_rpc_success_is_written_as_the_protocol_has_it() {
    let law = rpc_law();
    let gadget = members(vec![
        ("GadgetId", Some(Tree::text("a<"))),
        ("Main", Some(Tree::text("true"))),
        ("Parts", Some(Tree::List(vec![]))),
    ]);
    let words = Tree::List(vec![Tree::text("x"), Tree::text("y")]);
    let tree = members(vec![
        ("Count", Some(Tree::text("3"))),
        ("Gadgets", Some(Tree::List(vec![gadget]))),
        ("State", Some(Tree::text("s"))),
        ("Reason", Some(Tree::text("r"))),
        ("Words", Some(words)),
        ("Undeclared", Some(Tree::text("u"))),
    ]);
    let written = |json: bool| {
        let style = Style { json, host: String::new() };
        String::from_utf8(wire::encode_success(&law, &style, op(&law, "MakeGadget"), ID, &tree).to_vec()).unwrap()
    };
    assert_eq!(
        written(true),
        format!(
            "{{\"RequestId\":\"{ID}\",\"count\":3,\"gadgetSet\":{{\"gadget\":[{{\"gadgetId\":\"a<\",\"isMain\":true,\
             \"partSet\":{{\"part\":[]}}}}]}},\"outer\":{{\"state\":\"s\",\"reason\":\"r\"}},\"wordSet\":{{\"word\":[\"x\",\"y\"]}}}}"
        )
    );
    assert_eq!(
        written(false),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MakeGadgetResponse><RequestId>{ID}</RequestId><count>3</count>\
             <gadgetSet><gadget><gadgetId>a&lt;</gadgetId><isMain>true</isMain><partSet></partSet></gadget></gadgetSet>\
             <outer><state>s</state><reason>r</reason></outer><wordSet><word>x</word><word>y</word></wordSet>\
             </MakeGadgetResponse>"
        )
    );
}

#[test]
fn a_list_without_a_wrapper_is_an_array_or_repeated_elements() {
    let mut law = rpc_law();
    law.operations[0].output.iter_mut().find(|o| &*o.name == "Words").unwrap().wire = vec!["word".into()];
    let read = |body: String| wire::decode_answer(&law, op(&law, "MakeGadget"), &answer(200, body));
    let words = members(vec![("Words", Some(Tree::List(vec![Tree::text("x"), Tree::text("y")])))]);
    let json = read(format!("{{\"RequestId\": \"{ID}\", \"word\": [\"x\", \"y\"]}}"));
    assert_eq!((json.body, json.faults), (Body::Success(words.clone()), vec![]));
    let xml = read(format!(
        "<MakeGadgetResponse><RequestId>{ID}</RequestId><word>x</word><word>y</word></MakeGadgetResponse>"
    ));
    assert_eq!((xml.body, xml.faults), (Body::Success(words), vec![]));
}

#[test]
fn a_value_of_another_json_type_is_read_with_a_fault() {
    let one = |member: &str| {
        let read = read_rpc("MakeGadget", 200, &format!("{{\"RequestId\": \"{ID}\", {member}}}"));
        (read.body, read.faults)
    };
    let text = |name: &'static str, text: &str| Body::Success(members(vec![(name, Some(Tree::text(text)))]));
    let wrong = vec![WireFault::JsonType];
    assert_eq!(one("\"count\": \"3\""), (text("Count", "3"), wrong.clone()));
    assert_eq!(one("\"count\": 3.5"), (text("Count", "3.5"), wrong.clone()));
    assert_eq!(one("\"isDone\": \"true\""), (text("Done", "true"), wrong.clone()));
    assert_eq!(one("\"isDone\": 1"), (text("Done", "1"), wrong.clone()));
    assert_eq!(one("\"outer\": {\"state\": 5}"), (text("State", "5"), wrong.clone()));
    assert_eq!(one("\"gadgetSet\": {\"gadget\": \"x\"}").1, wrong);
    assert_eq!(one("\"gadgetSet\": [1]").1, wrong);
    assert_eq!(one("\"gadget\": []").1, wrong);
    assert_eq!(one("\"count\": 3"), (text("Count", "3"), vec![]));
    assert_eq!(one("\"count\": null"), (Body::Success(members(vec![])), vec![]));
    assert_eq!(one("\"count\": 3, \"count\": 4"), (text("Count", "4"), vec![WireFault::DuplicateMember]));
    // In XML everything is a text.
    let xml = format!("<MakeGadgetResponse><RequestId>{ID}</RequestId><count>3</count></MakeGadgetResponse>");
    assert_eq!(read_rpc("MakeGadget", 200, &xml).faults, []);
}

#[test]
fn what_an_rpc_answer_lacks_is_noted() {
    use WireFault::*;
    let faults = |operation: &str, status: u16, body: &str| read_rpc(operation, status, body).faults;
    assert_eq!(faults("Nothing", 200, "{}"), [NoRequestId]);
    assert_eq!(faults("Nothing", 200, "{\"RequestId\": \" \"}"), [NoRequestId]);
    for odd in ["x", &ID.to_ascii_lowercase(), &ID.replace('-', "_"), &ID.replace('0', "Z"), &ID[1..]] {
        assert_eq!(faults("Nothing", 200, &format!("{{\"RequestId\": \"{odd}\"}}")), [RequestIdForm], "{odd}");
    }
    let id = format!("\"RequestId\": \"{ID}\"");
    for none in ["{ID}", "{ID, \"gadgetSet\": null}", "{ID, \"gadgetSet\": {}}"] {
        assert_eq!(faults("Strict", 200, &none.replace("ID", &id)), [MissingListWrapper], "{none}");
    }
    let other = format!("<Other><RequestId>{ID}</RequestId></Other>");
    assert_eq!(faults("Nothing", 200, &other), [RootElement]);
    let whole = format!("{id}, \"HostId\": \"h\", \"Code\": \"C\", \"Message\": \"m\", \"Recommend\": \"r\"");
    assert_eq!(faults("Nothing", 400, &format!("{{{whole}}}")), []);
    let without = |member: &str| {
        let rest: Vec<&str> = whole.split(", ").filter(|m| !m.starts_with(&format!("\"{member}"))).collect();
        faults("Nothing", 400, &format!("{{{}}}", rest.join(", ")))
    };
    assert_eq!(without("RequestId"), [NoErrorRequestId]);
    assert_eq!(without("HostId"), [NoHostId]);
    assert_eq!(without("Recommend"), [NoRecommend]);
    assert_eq!(without("Message"), [ErrorEnvelope]);
    for unreadable in [without_code(&whole), "[]".into(), "{}".into(), "\"Code\"".into(), "<html/>".into()] {
        let read = read_rpc("Nothing", 400, &unreadable);
        assert!(matches!(read.body, Body::Unreadable { .. }), "{unreadable}: {read:?}");
    }
    let nested = format!("{{{id}, \"Error\": {{\"Code\": \"C\", \"Message\": \"m\"}}}}");
    let read = read_rpc("Nothing", 400, &nested);
    assert_eq!(read.body, Body::Error { code: "C".into(), message: "m".into() });
    assert!(read.faults.contains(&ErrorEnvelope));
    for unreadable in ["", "[]", "1", "{", "null"] {
        assert!(matches!(read_rpc("Nothing", 200, unreadable).body, Body::Unreadable { .. }), "{unreadable}");
    }
}

fn without_code(whole: &str) -> String {
    format!("{{{}}}", whole.replace("\"Code\": \"C\", ", ""))
}

#[test]
fn requests_of_real_rpc_clients_are_understood() {
    let law = rpc_law();
    let read = |query: &str, headers: &[(&str, &str)], body: &str| {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let sent = HttpRequest { headers, ..http("POST", query, body) };
        wire::decode_request(&law, &sent)
    };
    let head = "Action=MakeGadget&Version=2001-01-01";
    let request = |args: Vec<(&str, Tree)>| {
        let args = args.into_iter().map(|(name, tree)| (Arc::from(name), tree)).collect();
        Ok(Request { operation: op(&law, "MakeGadget"), args, undeclared: vec![] })
    };
    let flag = |value: &str| request(vec![("Flag", Tree::text(value))]);
    for (sent, value) in [("True", "true"), ("FALSE", "false"), ("true", "true"), ("yes", "yes"), ("", "")] {
        assert_eq!(read(head, &[], &format!("Flag={sent}")), flag(value), "{sent}");
    }
    // A plus is a space, texts keep their case, and what belongs to the signature is no argument.
    let signed = "&Format=json&AccessKeyId=1&Signature=2&SignatureMethod=3&SignatureVersion=4&SignatureNonce=5\
                  &Timestamp=6&SignatureType=&SecurityToken=7&BearerToken=8&Ignored=9";
    let expected = request(vec![("Name", Tree::text("a True"))]);
    assert_eq!(read(&format!("{head}{signed}"), &[], "Name=a+True"), expected);
    // The operation in headers alone, or there as well.
    let headers = [("x-acs-action", "MakeGadget"), ("x-acs-version", "2001-01-01")];
    assert_eq!(read("Name=a%20True", &headers, ""), expected);
    assert_eq!(read(&format!("{head}&Name=a%20True"), &headers[..1], ""), expected);
    // A body that is no form is not read as one.
    assert_eq!(read(&format!("{head}&Name=a+True"), &[("content-type", "application/json")], "{}"), expected);
    let texts = |texts: &[&str]| Tree::List(texts.iter().map(|t| Tree::text(*t)).collect());
    let lists = request(vec![("Commas", texts(&["a", "b"])), ("Array", texts(&["c,d", "e"]))]);
    assert_eq!(read(head, &[], "Commas=a,b&Array=%5B%22c%2Cd%22%2C+%22e%22%5D"), lists);
    assert_eq!(read(head, &[], "Array=c"), request(vec![("Array", texts(&["c"]))]));
    let unknown = read(head, &[], "Commas.1=a&Format=XML").unwrap();
    assert_eq!(unknown.undeclared, [("Commas.1".into(), Tree::text("a"))]);
}

#[test]
fn a_documented_name_that_is_another_on_the_wire_is_no_parameter() {
    for law in [law(), rpc_law()] {
        let form = "Action=MakeGadget&Version=2001-01-01&Ids=x&Id.1=y";
        let read = wire::decode_request(&law, &http("POST", "", form)).unwrap();
        assert_eq!(read.args, [("Ids".into(), Tree::List(vec![Tree::text("y")]))]);
        assert_eq!(read.undeclared, [("Ids".into(), Tree::text("x"))]);
        assert_eq!(wire::encode_request(&law, &read), "Action=MakeGadget&Version=2001-01-01&Id.1=y&Ids=x");
    }
}

#[test]
fn the_format_of_an_answer_is_what_the_request_asks_for() {
    let json = |law: &Law, query: &str, body: &str| wire::style(law, &http("POST", query, body)).json;
    let rpc = rpc_law();
    assert!(json(&rpc, "", "") && json(&rpc, "Format=JSON", "") && json(&rpc, "Format=other", ""));
    assert!(!json(&rpc, "Format=XML", "") && !json(&rpc, "", "Format=xml"));
    assert!(!json(&law(), "Format=JSON", ""));
    let kind = |json: bool| wire::answer_type(&rpc, &Style { json, host: String::new() });
    assert_eq!((kind(true), kind(false)), ("application/json;charset=utf-8", "text/xml;charset=utf-8"));
}

#[test]
fn a_request_id_is_repeated_only_where_the_law_minds() {
    let mut law = rpc_law();
    let faults = |law: &Law| {
        let mut ids = RequestIds::default();
        let once = |ids: &mut RequestIds, id: Option<&str>| {
            let mut answer = read_rpc("Nothing", 200, "{}");
            answer.faults.clear();
            answer.request_id = id.map(Arc::from);
            ids.note(law, &Request::new(law, OperationIx(0), Vec::new()), &mut answer);
            answer.faults.len()
        };
        [Some("a"), Some("b"), Some("a"), None, None].map(|id| once(&mut ids, id))
    };
    assert_eq!(faults(&law), [0, 0, 0, 0, 0]);
    law.wire_rules.insert((WireFault::RepeatedRequestId, None), RuleIx(0));
    assert_eq!(faults(&law), [0, 0, 1, 0, 0]);
}
