//! The cases of the public description of the `ec2Query` protocol, as far as eipcheck has a counterpart: what it writes of
//! a request and an answer, and what it makes of what others write.
//!
//! There is no blob and no floating-point number in any law, so that those cases have none.

use std::sync::Arc;

use eipcheck::{
    spec::{Law, SpecSource, file::WireFault, law::OperationIx, load},
    wire::{
        self, Answer, Body, Request, Style, Tree,
        http::{HttpRequest, HttpResponse},
    },
};

fn law() -> Law {
    load(&SpecSource::BuiltIn, "ec2", &[]).unwrap()
}

fn op(law: &Law, name: &str) -> OperationIx {
    law.operation(name).unwrap()
}

fn list(texts: &[&str]) -> Tree {
    Tree::List(texts.iter().map(|text| Tree::text(*text)).collect())
}

fn members(list: Vec<(&str, Tree)>) -> Tree {
    Tree::Struct(list.into_iter().map(|(name, tree)| (Arc::from(name), tree)).collect())
}

/// The parameters that a request is written as, the operation and the version taken off.
#[track_caller]
fn written(operation: &str, args: Vec<(&str, Tree)>) -> String {
    let law = law();
    let args = args.into_iter().map(|(name, tree)| (Arc::from(name), tree)).collect();
    let form = wire::encode_request(&law, &Request::new(&law, op(&law, operation), args));
    let head = format!("Action={operation}&Version=2016-11-15");
    form.strip_prefix(&head).unwrap_or_else(|| panic!("{form}")).trim_start_matches('&').to_owned()
}

/// The arguments that a server reads from parameters.
#[track_caller]
fn read(operation: &str, parameters: &str) -> Request {
    let law = law();
    let body = format!("Action={operation}&Version=2016-11-15&{parameters}");
    let request = HttpRequest { method: "POST", query: String::new(), headers: Vec::new(), body: body.into() };
    wire::decode_request(&law, &request).unwrap()
}

fn answered(operation: &str, status: u16, body: &str) -> Answer {
    let law = law();
    let response = HttpResponse { status, headers: Vec::new(), body: body.to_owned().into() };
    wire::decode_answer(&law, op(&law, operation), &response)
}

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// A successful answer with this in it.
fn success(operation: &str, inside: &str) -> Answer {
    let body =
        format!("<{operation}Response xmlns=\"{NAMESPACE}\"><requestId>r-1</requestId>{inside}</{operation}Response>");
    answered(operation, 200, &body)
}

/// What it shows, if nothing is wrong with its form.
#[track_caller]
fn shown(answer: Answer) -> Tree {
    assert_eq!(answer.faults, []);
    match answer.body {
        Body::Success(tree) => tree,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn texts<'t>(tree: &'t Tree, name: &str) -> Vec<&'t str> {
    let items = tree.get(name).and_then(Tree::as_list).unwrap_or_else(|| panic!("no {name} in {tree:?}"));
    items.iter().map(|item| &**item.get("PublicIp").and_then(Tree::as_text).unwrap()).collect()
}

// --- Requests -----------------------------------------------------------------------------------------------------------

#[test]
fn a_request_names_its_operation_and_version_first() {
    assert_eq!(written("DescribeAddresses", vec![]), "");
}

#[test]
fn the_elements_of_a_list_are_numbered_from_one_without_a_member_between() {
    let ids = list(&["eipalloc-1", "eipalloc-2"]);
    assert_eq!(
        written("DescribeAddresses", vec![("AllocationIds", ids)]),
        "AllocationId.1=eipalloc-1&AllocationId.2=eipalloc-2"
    );
}

#[test]
fn an_empty_list_is_not_written_and_an_empty_text_is() {
    assert_eq!(written("DescribeAddresses", vec![("AllocationIds", list(&[]))]), "");
    assert_eq!(written("DescribeAddresses", vec![("AllocationIds", list(&[""]))]), "AllocationId.1=");
}

#[test]
fn the_members_of_a_structure_in_a_list_follow_a_dot_and_lists_within_them_are_numbered_too() {
    let filter = |name: &str, values: &[&str]| members(vec![("Name", Tree::text(name)), ("Values", list(values))]);
    let filters = Tree::List(vec![filter("domain", &["vpc"]), filter("tag:a", &["x", "y"])]);
    assert_eq!(
        written("DescribeAddresses", vec![("Filters", filters)]),
        "Filter.1.Name=domain&Filter.1.Value.1=vpc&Filter.2.Name=tag%3Aa&Filter.2.Value.1=x&Filter.2.Value.2=y"
    );
}

#[test]
fn truth_values_and_numbers_are_written_in_words_and_digits() {
    let args = vec![("DryRun", Tree::text("true")), ("MaxDrainDurationSeconds", Tree::text("350"))];
    assert_eq!(written("DisassociateNatGatewayAddress", args), "DryRun=true&MaxDrainDurationSeconds=350");
}

#[test]
fn everything_reserved_is_percent_encoded_byte_by_byte() {
    let awkward = Tree::text("a b+c%d&e=f/é~-._\n");
    assert_eq!(written("AllocateAddress", vec![("Address", awkward)]), "Address=a%20b%2Bc%25d%26e%3Df%2F%C3%A9~-._%0A");
}

#[test]
fn a_server_reads_what_any_client_writes_of_a_list() {
    // By their numbers, whatever the order and the gaps; with a plus for a blank.
    for parameters in [
        "AllocationId.1=a+b&AllocationId.2=c",
        "AllocationId.2=c&AllocationId.1=a%20b",
        "AllocationId.7=a%20b&AllocationId.10=c",
    ] {
        let request = read("DescribeAddresses", parameters);
        assert_eq!(request.args, [(Arc::from("AllocationIds"), list(&["a b", "c"]))], "{parameters}");
        assert_eq!(request.undeclared, []);
    }
}

#[test]
fn the_names_of_another_query_protocol_are_no_names_here() {
    // AWS Query puts `member` between, and some clients write the name of the documents.
    for parameters in ["AllocationIds.member.1=a", "AllocationId.member.1=a", "AllocationIds.1=a", "allocationId.1=a"] {
        let request = read("DescribeAddresses", parameters);
        assert_eq!((request.args.len(), request.undeclared.len()), (0, 1), "{parameters}");
    }
}

// --- Answers ------------------------------------------------------------------------------------------------------------

#[test]
fn the_elements_of_a_list_stand_in_items_in_their_order() {
    let item = |ip: &str| format!("<item><publicIp>{ip}</publicIp></item>");
    let inside = format!("<addressesSet>{}{}</addressesSet>", item("2.2.2.2"), item("1.1.1.1"));
    assert_eq!(texts(&shown(success("DescribeAddresses", &inside)), "Addresses"), ["2.2.2.2", "1.1.1.1"]);
}

#[test]
fn an_empty_list_is_an_empty_element_however_it_is_written_and_a_missing_one_is_told_apart() {
    for empty in ["<addressesSet/>", "<addressesSet></addressesSet>", "<addressesSet>\n  </addressesSet>"] {
        assert!(texts(&shown(success("DescribeAddresses", empty)), "Addresses").is_empty(), "{empty}");
    }
    let missing = success("DescribeAddresses", "");
    assert_eq!(missing.faults, [WireFault::MissingListWrapper]);
    assert_eq!(missing.body, Body::Success(Tree::Struct(Vec::new())));
}

#[test]
fn a_list_within_the_elements_of_another_list_is_read_across_them() {
    let instance = |id: &str, state: &str| {
        format!(
            "<item><instanceId>{id}</instanceId><instanceState><code>16</code><name>{state}</name></instanceState></item>"
        )
    };
    let reservation = |inside: &str| format!("<item><instancesSet>{inside}</instancesSet></item>");
    let inside = format!(
        "<reservationSet>{}{}</reservationSet>",
        reservation(&(instance("i-1", "running") + &instance("i-2", "pending"))),
        reservation(&instance("i-3", "stopped"))
    );
    let tree = shown(success("DescribeInstances", &inside));
    let instances = tree.get("Instances").and_then(Tree::as_list).unwrap();
    let text = |item: &Tree, name: &str| item.get(name).and_then(Tree::as_text).unwrap().to_string();
    let read: Vec<_> = instances.iter().map(|item| (text(item, "InstanceId"), text(item, "State"))).collect();
    let expected = [("i-1", "running"), ("i-2", "pending"), ("i-3", "stopped")];
    assert_eq!(read, expected.map(|(id, state)| (id.to_owned(), state.to_owned())));
}

#[test]
fn structures_within_structures_are_read_by_their_names() {
    let inside = "<natGateway><natGatewayId>nat-1</natGatewayId><natGatewayAddressSet><item>\
        <allocationId>eipalloc-1</allocationId><isPrimary>true</isPrimary></item></natGatewayAddressSet></natGateway>";
    let tree = shown(success("CreateNatGateway", inside));
    let address = &tree.get("NatGateway").unwrap().get("NatGatewayAddresses").and_then(Tree::as_list).unwrap()[0];
    assert_eq!(address.get("AllocationId"), Some(&Tree::text("eipalloc-1")));
    assert_eq!(address.get("IsPrimary"), Some(&Tree::text("true")));
}

#[test]
fn elements_that_the_law_does_not_know_and_the_order_of_the_others_change_nothing() {
    let one = success("AllocateAddress", "<publicIp>1.1.1.1</publicIp><allocationId>eipalloc-1</allocationId>");
    let other = success(
        "AllocateAddress",
        "<new><publicIp>9.9.9.9</publicIp></new><allocationId>eipalloc-1</allocationId><publicIp>1.1.1.1</publicIp>",
    );
    assert_eq!(one.body, other.body);
    shown(one);
}

#[test]
fn a_text_is_read_with_its_blanks_its_entities_and_its_sections() {
    for (written, meant) in [
        ("  a b\t", "  a b\t"),
        ("&lt;a&gt; &amp;amp; &quot;&apos;", "<a> &amp; \"'"),
        ("&#x41;&#66;&#xE9;", "ABé"),
        ("<![CDATA[<a>&amp;]]>", "<a>&amp;"),
        ("a<!-- b -->c", "ac"),
        ("a\r\nb", "a\nb"),
    ] {
        let tree = shown(success("AllocateAddress", &format!("<publicIp>{written}</publicIp>")));
        assert_eq!(tree.get("PublicIp"), Some(&Tree::text(meant)), "{written}");
    }
}

#[test]
fn white_space_between_elements_a_declaration_and_comments_are_no_content() {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a -->\n<DescribeAddressesResponse xmlns=\"{NAMESPACE}\">\n  \
         <requestId>r-1</requestId>\n  <addressesSet>\n    <item>\n      <publicIp>1.1.1.1</publicIp>\n    </item>\n  \
         </addressesSet>\n</DescribeAddressesResponse>\n"
    );
    assert_eq!(texts(&shown(answered("DescribeAddresses", 200, &body)), "Addresses"), ["1.1.1.1"]);
}

#[test]
fn a_namespace_may_have_a_prefix_and_attributes_say_nothing() {
    let body = format!(
        "<n:AllocateAddressResponse xmlns:n=\"{NAMESPACE}\" n:a=\"1\"><n:requestId b='2'>r-1</n:requestId>\
         <n:publicIp xsi:type=\"x\" xmlns:xsi=\"y\">1.1.1.1</n:publicIp></n:AllocateAddressResponse>"
    );
    let tree = shown(answered("AllocateAddress", 200, &body));
    assert_eq!(tree.get("PublicIp"), Some(&Tree::text("1.1.1.1")));
    for (namespace, faults) in [
        (NAMESPACE.trim_end_matches('/'), vec![]),
        ("http://ec2.amazonaws.com/doc/2011-01-01/", vec![WireFault::Namespace]),
        ("", vec![WireFault::Namespace]),
    ] {
        let body =
            format!("<ReleaseAddressResponse xmlns=\"{namespace}\"><requestId>r</requestId></ReleaseAddressResponse>");
        assert_eq!(answered("ReleaseAddress", 200, &body).faults, faults, "{namespace}");
    }
}

#[test]
fn a_moment_is_read_as_it_is_written() {
    let moment = "2026-01-02T03:04:05.678Z";
    let tree = shown(success(
        "CreateNatGateway",
        &format!("<natGateway><createTime>{moment}</createTime><natGatewayAddressSet/></natGateway>"),
    ));
    assert_eq!(tree.get("NatGateway").unwrap().get("CreateTime"), Some(&Tree::text(moment)));
}

#[test]
fn a_scalar_without_a_text_and_a_truth_value_in_capitals_are_faults_of_form() {
    let empty = success("AllocateAddress", "<publicIp/>");
    assert_eq!(empty.faults, [WireFault::EmptyScalar]);
    let address = |value: &str| {
        let item = format!("<item><isPrimary>{value}</isPrimary></item>");
        let inside = format!("<natGatewayAddressSet>{item}</natGatewayAddressSet>");
        success("DisassociateNatGatewayAddress", &inside).faults
    };
    assert_eq!(address("false"), []);
    for spelt in ["True", "FALSE", "1", "yes"] {
        assert_eq!(address(spelt), [WireFault::BooleanSpelling], "{spelt}");
    }
}

// --- Errors -------------------------------------------------------------------------------------------------------------

#[test]
fn an_error_is_its_code_and_message_and_the_id_of_the_request() {
    let body = "<?xml version=\"1.0\"?>\n<Response>\n <Errors>\n  <Error>\n   <Code>InvalidAddress.NotFound</Code>\n   \
        <Message>It's &lt;gone&gt;</Message>\n   <Type>Sender</Type>\n  </Error>\n </Errors>\n \
        <RequestID>r-1</RequestID>\n</Response>";
    let answer = answered("ReleaseAddress", 400, body);
    let error = Body::Error { code: "InvalidAddress.NotFound".into(), message: "It's <gone>".into() };
    assert_eq!((answer.status, answer.request_id.as_deref(), answer.body), (400, Some("r-1"), error));
    assert_eq!(answer.faults, []);
}

#[test]
fn of_several_errors_the_first_one_counts() {
    let error = |code: &str| format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
    let body = format!("<Response><Errors>{}{}</Errors><RequestID>r</RequestID></Response>", error("A"), error("B"));
    assert_eq!(answered("ReleaseAddress", 400, &body).body, Body::Error { code: "A".into(), message: "m".into() });
}

#[test]
fn the_envelopes_of_related_protocols_are_read_and_told_apart() {
    let error = "<Error><Code>A</Code><Message>m</Message></Error>";
    for body in [
        format!("<ErrorResponse>{error}<RequestId>r-1</RequestId></ErrorResponse>"),
        "<Error><Code>A</Code><Message>m</Message><RequestId>r-1</RequestId></Error>".to_owned(),
    ] {
        let answer = answered("ReleaseAddress", 400, &body);
        assert_eq!(answer.body, Body::Error { code: "A".into(), message: "m".into() }, "{body}");
        assert_eq!(answer.faults, [WireFault::ErrorEnvelope, WireFault::NoErrorRequestId], "{body}");
        assert_eq!(answer.request_id.as_deref(), Some("r-1"), "{body}");
    }
    let none = answered("ReleaseAddress", 400, "<Response><Errors><Error/></Errors></Response>");
    assert!(matches!(none.body, Body::Unreadable { .. }), "{none:?}");
}

// --- Answers of a server ------------------------------------------------------------------------------------------------

fn encoded(operation: &str, tree: &Tree) -> String {
    let law = law();
    let style = Style { json: false, host: String::new() };
    let body = wire::encode_success(&law, &style, op(&law, operation), "r-1", tree);
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn a_server_writes_the_namespace_the_id_of_the_request_and_items() {
    let addresses = Tree::List(vec![members(vec![("PublicIp", Tree::text("<1> & 2"))])]);
    let body = encoded("DescribeAddresses", &members(vec![("Addresses", addresses)]));
    let expected = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeAddressesResponse xmlns=\"{NAMESPACE}\">\
         <requestId>r-1</requestId><addressesSet><item><publicIp>&lt;1&gt; &amp; 2</publicIp></item></addressesSet>\
         </DescribeAddressesResponse>"
    );
    assert_eq!(body, expected);
}

#[test]
fn a_server_writes_an_empty_list_as_an_empty_element_and_says_true_where_there_is_nothing_to_show() {
    let body = encoded("DescribeAddresses", &members(vec![("Addresses", list(&[]))]));
    assert!(body.contains("<addressesSet/>"), "{body}");
    let body = encoded("ReleaseAddress", &Tree::Struct(Vec::new()));
    assert!(body.ends_with("<return>true</return></ReleaseAddressResponse>"), "{body}");
}
