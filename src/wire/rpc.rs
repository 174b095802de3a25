//! Parameters in the query or a form, with flattened, one-based lists; JSON or XML answers in which a list stands in a
//! wrapper, under the names that the documents use.
//!
//! Everything is directed by the schema of the operation. Where JSON has another type than the schema, the text is taken
//! all the same, and the fault is noted.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    ACTION, Answer, Body, MAX_ITEMS, Request, RequestFault, Style, Tree, VERSION,
    flat::{self, Reading},
    form::Malformed,
    http::{HttpRequest, HttpResponse},
    json::{self, Node},
    schema::Schema,
    sign::{acs3, rpc_v1},
    xml::{DECLARATION, Document},
};
use crate::spec::{
    file::{ScalarType, WireFault},
    law::{Kind, Law, Operation, OperationIx},
};

/// The parameter that asks for JSON or XML.
pub const FORMAT: &str = "Format";
/// Members of every answer, and of an error.
const REQUEST_ID: &str = "RequestId";
const HOST_ID: &str = "HostId";
const CODE: &str = "Code";
const MESSAGE: &str = "Message";
const RECOMMEND: &str = "Recommend";
/// The root of an error in XML.
const ERROR: &str = "Error";
/// The header that carries the id of a request when the body does not.
const REQUEST_ID_HEADER: &str = "x-acs-request-id";

/// Reads a request. The operation and the version may stand in headers instead of parameters.
pub fn decode_request(law: &Law, request: &HttpRequest) -> Result<Request, RequestFault> {
    let mut pairs = Vec::with_capacity(16);
    let (mut action, mut version) = (None, None);
    for pair in request.parameters() {
        let (name, value) = pair.map_err(|Malformed(pair)| RequestFault::Malformed { pair })?;
        match &*name {
            ACTION => action = action.or(Some(value)),
            VERSION => version = version.or(Some(value)),
            _ => pairs.push((name, value)),
        }
    }
    let action = action.as_deref().or_else(|| request.header(acs3::ACTION));
    let version = version.as_deref().or_else(|| request.header(acs3::VERSION));
    let operation = super::operation_of(law, action, version)?;
    let passes =
        |name: &str| name == FORMAT || rpc_v1::PARAMETERS.contains(&name) || law.wire.ignores.iter().any(|i| i == name);
    Ok(flat::read(law, operation, pairs.into_iter(), &Reading { any_case: true, passes: &passes }))
}

/// True if the answer to this request is to be JSON: unless it asks for XML.
pub fn wants_json(request: &HttpRequest) -> bool {
    let format = request.parameters().flatten().find(|(name, _)| name == FORMAT);
    !format.is_some_and(|(_, value)| value.eq_ignore_ascii_case("xml"))
}

/// Reads an answer, as far as it can be read.
pub fn decode_answer(law: &Law, operation: OperationIx, response: &HttpResponse) -> Answer {
    let status = response.status;
    let from_header = || response.header(REQUEST_ID_HEADER).map(Arc::from);
    let mut reader = Reader { law, xml: false, faults: Vec::new(), items: 0 };
    let read = match response.body.trim_ascii_start().first() {
        Some(b'<') => Document::read(&response.body).map(|document| {
            let root = document.root();
            reader.xml = true;
            (document.name(root).to_owned(), json::of_xml(&document, root))
        }),
        _ => json::read(&response.body).map(|(node, doubled)| {
            if doubled {
                reader.fault(WireFault::DuplicateMember);
            }
            (String::new(), node)
        }),
    };
    let read = read.map_err(|why| format!("the body is {why}")).and_then(|(root, node)| {
        // An error is one whatever status it comes with; a single member of it may be anything else.
        let is_error = [CODE, MESSAGE, HOST_ID].iter().all(|name| node.get(name).is_some());
        if (200..300).contains(&status) && !is_error {
            reader.success(&law[operation], &root, &node)
        } else {
            reader.error(&root, &node)
        }
    });
    match read {
        Ok((request_id, body)) => {
            Answer { status, request_id: request_id.or_else(from_header), body, faults: reader.faults }
        }
        Err(why) => Answer { status, request_id: from_header(), body: Body::Unreadable { why }, faults: Vec::new() },
    }
}

struct Reader<'l> {
    law: &'l Law,
    xml: bool,
    faults: Vec<WireFault>,
    items: usize,
}

impl<'l> Reader<'l> {
    fn success(
        &mut self,
        operation: &'l Operation,
        root: &str,
        node: &Node,
    ) -> Result<(Option<Arc<str>>, Body), String> {
        if self.xml && root.strip_suffix("Response") != Some(&*operation.name) {
            self.fault(WireFault::RootElement);
        }
        // In XML an element without anything in it reads as an empty text.
        if !matches!(node, Node::Map(_)) && !self.xml {
            return Err("the body is JSON, but no object".into());
        }
        let request_id = self.request_id(node);
        if request_id.is_none() {
            self.fault(WireFault::NoRequestId);
        }
        let mut members = Vec::with_capacity(operation.output.len());
        for output in &operation.output {
            let schema = Schema::of_output(self.law, output);
            if let Some(tree) = self.field(node, &schema)? {
                members.push((schema.name.clone(), tree));
            }
        }
        Ok((request_id, Body::Success(Tree::Struct(members))))
    }

    fn error(&mut self, root: &str, node: &Node) -> Result<(Option<Arc<str>>, Body), String> {
        let text = |node: &Node, name: &str| match node.get(name).and_then(Node::text) {
            Some(text) if !text.trim_ascii().is_empty() => Some(Arc::<str>::from(text)),
            _ => None,
        };
        let plain = |name: &str| matches!(node.get(name), Some(Node::Text(_)));
        if self.xml && root != ERROR || !plain(CODE) || !plain(MESSAGE) {
            self.fault(WireFault::ErrorEnvelope);
        }
        // As related protocols write it: the error in a member of its own.
        let error = if node.get(CODE).is_some() { node } else { node.get(ERROR).unwrap_or(node) };
        let code = text(error, CODE).ok_or("an error without a code")?;
        let message = text(error, MESSAGE).unwrap_or_default();
        let request_id = self.request_id(node);
        if request_id.is_none() {
            self.fault(WireFault::NoErrorRequestId);
        }
        if text(node, HOST_ID).is_none() {
            self.fault(WireFault::NoHostId);
        }
        if text(node, RECOMMEND).is_none() {
            self.fault(WireFault::NoRecommend);
        }
        Ok((request_id.or_else(|| text(error, REQUEST_ID)), Body::Error { code, message }))
    }

    fn request_id(&mut self, node: &Node) -> Option<Arc<str>> {
        let id = node.get(REQUEST_ID).and_then(Node::text).filter(|id| !id.trim_ascii().is_empty())?;
        if !is_uuid(id) {
            self.fault(WireFault::RequestIdForm);
        }
        Some(id.into())
    }

    fn fault(&mut self, fault: WireFault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// The member of this name; nothing is as good as no member.
    fn member<'n>(&mut self, parent: &'n Node, name: &str) -> Option<&'n Node> {
        if !matches!(parent, Node::Map(_)) && !self.xml {
            self.fault(WireFault::JsonType);
        }
        parent.get(name).filter(|node| **node != Node::Null)
    }

    fn field(&mut self, parent: &Node, schema: &Schema<'l>) -> Result<Option<Tree>, String> {
        let [wrappers @ .., last] = schema.wire else { return Ok(None) };
        let mut at = parent;
        for name in wrappers {
            match self.member(at, name) {
                Some(inner) => at = inner,
                None => {
                    if schema.kind == ScalarType::List && !schema.optional {
                        self.fault(WireFault::MissingListWrapper);
                    }
                    return Ok(None);
                }
            }
        }
        if schema.kind == ScalarType::List {
            return self.list(at, last, schema);
        }
        let Some(node) = self.member(at, last) else { return Ok(None) };
        match schema.view {
            Some((kind, later)) => self.view(node, kind, later).map(Some),
            None => Ok(Some(self.value(node, schema.kind, schema.any_json))),
        }
    }

    fn list(&mut self, parent: &Node, name: &str, schema: &Schema<'l>) -> Result<Option<Tree>, String> {
        let mut found: Vec<&Node> = Vec::new();
        if self.xml {
            if let Node::Map(members) = parent {
                found.extend(members.iter().filter(|(n, _)| n == name).map(|(_, v)| v));
            }
        } else {
            match self.member(parent, name) {
                Some(Node::List(list)) => found.extend(list),
                Some(single) => {
                    self.fault(WireFault::JsonType);
                    found.push(single);
                }
                None => {
                    if !schema.optional {
                        self.fault(WireFault::MissingListWrapper);
                    }
                    return Ok(None);
                }
            }
        }
        let mut elements = Vec::with_capacity(found.len());
        for node in found {
            self.items += 1;
            if self.items > MAX_ITEMS {
                return Err(format!("the lists of the answer have more than {MAX_ITEMS} elements"));
            }
            elements.push(match schema.view {
                Some((kind, later)) => self.view(node, kind, later)?,
                None => as_it_stands(node),
            });
        }
        Ok(Some(Tree::List(elements)))
    }

    fn view(&mut self, node: &Node, kind: &'l Kind, later: &[Arc<str>]) -> Result<Tree, String> {
        let is_empty_element = self.xml && matches!(node, Node::Text(text) if text.trim_ascii().is_empty());
        if !matches!(node, Node::Map(_)) && !is_empty_element {
            self.fault(WireFault::JsonType);
            return Ok(as_it_stands(node));
        }
        let mut members = Vec::with_capacity(kind.view.len());
        for shown in &kind.view {
            let schema = Schema::of_shown(self.law, shown, later);
            if let Some(tree) = self.field(node, &schema)? {
                members.push((schema.name.clone(), tree));
            }
        }
        Ok(Tree::Struct(members))
    }

    /// A value that is no list.
    fn value(&mut self, node: &Node, kind: ScalarType, any_json: bool) -> Tree {
        let is_whole = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let fits = match (kind, node) {
            (ScalarType::Struct, Node::Map(_)) => true,
            (ScalarType::Struct, Node::Text(text)) => self.xml && text.trim_ascii().is_empty(),
            (ScalarType::Integer, Node::Number(text)) => is_whole(text),
            (ScalarType::Boolean, Node::Bool(_)) => true,
            (ScalarType::String | ScalarType::Timestamp, Node::Text(_)) => true,
            (ScalarType::Integer | ScalarType::Boolean, Node::Text(_)) => self.xml || any_json,
            (_, Node::Text(_) | Node::Number(_) | Node::Bool(_)) => any_json,
            _ => false,
        };
        match (kind, node) {
            _ if !fits => self.fault(WireFault::JsonType),
            (ScalarType::Boolean, Node::Text(text)) if !matches!(text.as_str(), "true" | "false") => {
                self.fault(WireFault::BooleanSpelling);
            }
            (ScalarType::Struct, Node::Text(_)) => return Tree::Struct(Vec::new()),
            (ScalarType::Struct, _) => {}
            (_, Node::Text(text)) if text.is_empty() => self.fault(WireFault::EmptyScalar),
            _ => {}
        }
        as_it_stands(node)
    }
}

/// What the schema does not describe further, by the names that stand there.
fn as_it_stands(node: &Node) -> Tree {
    match node {
        Node::List(list) => Tree::List(list.iter().map(as_it_stands).collect()),
        Node::Map(members) => {
            Tree::Struct(members.iter().map(|(n, v)| (Arc::from(n.as_str()), as_it_stands(v))).collect())
        }
        scalar => Tree::text(scalar.text().unwrap_or_default()),
    }
}

/// True for a UUID in capital letters.
fn is_uuid(text: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit() || matches!(c, 'A'..='F');
    text.len() == 36
        && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.split('-').all(|part| part.chars().all(digit))
}

/// The body of a successful answer.
pub fn encode_success(law: &Law, style: &Style, operation: OperationIx, request_id: &str, tree: &Tree) -> Bytes {
    let operation = &law[operation];
    let mut members = vec![(REQUEST_ID.to_owned(), Node::Text(request_id.to_ascii_uppercase()))];
    for output in &operation.output {
        let schema = Schema::of_output(law, output);
        put(law, &mut members, &schema, tree);
    }
    write(style, &format!("{}Response", operation.name), Node::Map(members))
}

/// The body of an error.
pub fn encode_error(style: &Style, request_id: &str, code: &str, message: &str) -> Bytes {
    let member = |name: &str, text: &str| (name.to_owned(), Node::Text(text.to_owned()));
    let recommend = format!("The documents of the operation explain {code}.");
    let members = vec![
        member(REQUEST_ID, &request_id.to_ascii_uppercase()),
        member(HOST_ID, &style.host),
        member(CODE, code),
        member(MESSAGE, message),
        member(RECOMMEND, &recommend),
    ];
    write(style, ERROR, Node::Map(members))
}

fn write(style: &Style, root: &str, node: Node) -> Bytes {
    if style.json {
        // Members are named by texts and no map fails, so there is nothing that could not be written.
        return serde_json::to_vec(&node).unwrap_or_default().into();
    }
    let mut out = String::with_capacity(1024);
    out.push_str(DECLARATION);
    json::write_xml(&mut out, root, &node);
    out.into()
}

/// Puts a field where its path says, if there is a value for it.
fn put(law: &Law, members: &mut Vec<(String, Node)>, schema: &Schema<'_>, from: &Tree) {
    let Some(value) = from.get(schema.name) else { return };
    let [wrappers @ .., last] = schema.wire else { return };
    let mut at = members;
    for name in wrappers {
        let place = at.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            at.push((name.clone(), Node::Map(Vec::new())));
            at.len() - 1
        });
        match &mut at[place].1 {
            Node::Map(inner) => at = inner,
            // Two fields of the law that cannot both be written: the first one stands.
            _ => return,
        }
    }
    at.push((last.clone(), node_of(law, schema, value)));
}

fn node_of(law: &Law, schema: &Schema<'_>, value: &Tree) -> Node {
    match value {
        Tree::List(list) => Node::List(list.iter().map(|element| node_of(law, schema, element)).collect()),
        Tree::Text(text) => match (schema.kind, &**text) {
            (ScalarType::Boolean, "true") => Node::Bool(true),
            (ScalarType::Boolean, "false") => Node::Bool(false),
            (ScalarType::Integer, text) => Node::Number(text.to_owned()),
            (_, text) => Node::Text(text.to_owned()),
        },
        Tree::Struct(given) => match schema.view {
            Some((kind, later)) => {
                let mut members = Vec::with_capacity(kind.view.len());
                for shown in &kind.view {
                    put(law, &mut members, &Schema::of_shown(law, shown, later), value);
                }
                Node::Map(members)
            }
            None => {
                let untyped = Schema { kind: ScalarType::String, ..*schema };
                Node::Map(given.iter().map(|(n, v)| (n.to_string(), node_of(law, &untyped, v))).collect())
            }
        },
    }
}
