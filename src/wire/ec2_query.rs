//! Form-encoded requests with flattened, one-based lists; XML answers with `<item>` lists.
//!
//! Everything is directed by the schema of the operation: what it does not declare is written as it stands on the way
//! out, and ignored on the way in.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    ACTION, Answer, Body, MAX_ITEMS, Request, RequestFault, Tree, VERSION,
    flat::{self, Reading},
    form::Malformed,
    http::{HttpRequest, HttpResponse},
    schema::Schema,
    xml::{DECLARATION, Document, Element, escape_into},
};
use crate::spec::{
    file::{ScalarType, WireFault},
    law::{Kind, Law, Operation, OperationIx},
};

/// Other parameters of the protocol itself, not of an operation: how old and new clients sign in the query.
const PROTOCOL_PARAMETERS: &[&str] =
    &["AWSAccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "Timestamp", "SecurityToken"];
/// What the newer ones of those begin with.
const PROTOCOL_PREFIX: &str = "X-Amz-";
/// The element of a list.
const ITEM: &str = "item";
/// The id of a request, in a success and in an error.
const REQUEST_ID: &str = "requestId";
const ERROR_REQUEST_ID: &str = "RequestID";
/// Headers that carry the id of a request when the body does not.
const REQUEST_ID_HEADERS: &[&str] = &["x-amzn-requestid", "x-amz-request-id"];

/// Reads a request. Of a scalar that is sent twice the first counts.
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
    let operation = super::operation_of(law, action.as_deref(), version.as_deref())?;
    let passes = |name: &str| is_protocol_parameter(name) || law.wire.ignores.iter().any(|i| i == name);
    Ok(flat::read(law, operation, pairs.into_iter(), &Reading { any_case: false, passes: &passes }))
}

fn is_protocol_parameter(name: &str) -> bool {
    PROTOCOL_PARAMETERS.contains(&name)
        || name.get(..PROTOCOL_PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(PROTOCOL_PREFIX))
}

/// Reads an answer, as far as it can be read.
pub fn decode_answer(law: &Law, operation: OperationIx, response: &HttpResponse) -> Answer {
    let status = response.status;
    let from_headers = || REQUEST_ID_HEADERS.iter().find_map(|name| response.header(name)).map(Arc::from);
    let unreadable =
        |why: String| Answer { status, request_id: from_headers(), body: Body::Unreadable { why }, faults: Vec::new() };
    let document = match Document::read(&response.body) {
        Ok(document) => document,
        Err(why) => return unreadable(format!("the body is {why}")),
    };
    let mut reader = Reader { law, document: &document, faults: Vec::new(), items: 0 };
    // An error is one whatever status it comes with.
    let is_error =
        || document.name(document.root()) == "Response" && document.child(document.root(), "Errors").is_some();
    let success = (200..300).contains(&status) && !is_error();
    let read = if success { reader.success(&law[operation]) } else { reader.error() };
    match read {
        Ok((request_id, body)) => {
            Answer { status, request_id: request_id.or_else(from_headers), body, faults: reader.faults }
        }
        Err(why) => unreadable(why),
    }
}

struct Reader<'l, 'd> {
    law: &'l Law,
    document: &'d Document<'d>,
    faults: Vec<WireFault>,
    items: usize,
}

impl<'l> Reader<'l, '_> {
    fn success(&mut self, operation: &'l Operation) -> Result<(Option<Arc<str>>, Body), String> {
        let root = self.document.root();
        if self.document.name(root).strip_suffix("Response") != Some(&*operation.name) {
            self.fault(WireFault::RootElement);
        }
        if let Some(expected) = &self.law.wire.namespace {
            let found = self.document.root_namespace();
            if found.as_deref().map(|n| n.trim_end_matches('/')) != Some(expected.trim_end_matches('/')) {
                self.fault(WireFault::Namespace);
            }
        }
        let request_id = self.text_of(root, REQUEST_ID);
        if request_id.is_none() {
            self.fault(WireFault::NoRequestId);
        }
        let mut members = Vec::with_capacity(operation.output.len());
        for output in &operation.output {
            let schema = Schema::of_output(self.law, output);
            if let Some(tree) = self.field(root, &schema)? {
                members.push((schema.name.clone(), tree));
            }
        }
        Ok((request_id, Body::Success(Tree::Struct(members))))
    }

    fn error(&mut self) -> Result<(Option<Arc<str>>, Body), String> {
        let (document, root) = (self.document, self.document.root());
        let in_envelope = (document.name(root) == "Response")
            .then(|| document.child(root, "Errors").and_then(|e| document.child(e, "Error")))
            .flatten();
        let error = match in_envelope {
            Some(error) => error,
            None => {
                self.fault(WireFault::ErrorEnvelope);
                // As related protocols write it: the error directly in the root, or the root itself.
                document
                    .child(root, "Errors")
                    .and_then(|e| document.child(e, "Error"))
                    .or_else(|| document.child(root, "Error"))
                    .unwrap_or(root)
            }
        };
        let code = self.text_of(error, "Code").ok_or("an error without a code")?;
        let message = self.text_of(error, "Message").unwrap_or_default();
        let mut request_id = self.text_of(root, ERROR_REQUEST_ID);
        if request_id.is_none() {
            self.fault(WireFault::NoErrorRequestId);
            request_id = self.text_of(root, "RequestId").or_else(|| self.text_of(root, REQUEST_ID));
        }
        Ok((request_id, Body::Error { code, message }))
    }

    /// The text of a child; none if it has nothing but blanks.
    fn text_of(&self, parent: Element, name: &str) -> Option<Arc<str>> {
        let text = self.document.text(self.document.child(parent, name)?);
        (!text.trim_ascii().is_empty()).then(|| Arc::from(text))
    }

    fn fault(&mut self, fault: WireFault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn field(&mut self, parent: Element, schema: &Schema<'l>) -> Result<Option<Tree>, String> {
        if schema.kind == ScalarType::List {
            let mut elements = Vec::new();
            let found = self.list(parent, schema, schema.wire, &mut elements)?;
            return Ok(found.then_some(Tree::List(elements)));
        }
        let found = schema.wire.iter().try_fold(parent, |at, name| self.document.child(at, name));
        let Some(element) = found else { return Ok(None) };
        self.value(element, schema).map(Some)
    }

    /// Collects the elements of a list; false if its wrapper is missing.
    fn list(
        &mut self,
        parent: Element,
        schema: &Schema<'l>,
        path: &[String],
        elements: &mut Vec<Tree>,
    ) -> Result<bool, String> {
        let document = self.document;
        let (wrapper, rest) = match path {
            [] => (Some(parent), path),
            [first, rest @ ..] => (document.child(parent, first), rest),
        };
        let Some(wrapper) = wrapper else {
            if !schema.optional {
                self.fault(WireFault::MissingListWrapper);
            }
            return Ok(false);
        };
        if !rest.is_empty() && !schema.through_lists {
            return self.list(wrapper, schema, rest, elements);
        }
        for item in document.children(wrapper).filter(|c| document.name(*c) == ITEM) {
            self.items += 1;
            if self.items > MAX_ITEMS {
                return Err(format!("the lists of the answer have more than {MAX_ITEMS} elements"));
            }
            if rest.is_empty() {
                elements.push(match schema.view {
                    Some((kind, later)) => self.view(item, kind, later)?,
                    None => self.as_it_stands(item),
                });
            } else {
                self.list(item, schema, rest, elements)?;
            }
        }
        Ok(true)
    }

    fn view(&mut self, element: Element, kind: &'l Kind, later: &[Arc<str>]) -> Result<Tree, String> {
        let mut members = Vec::with_capacity(kind.view.len());
        for shown in &kind.view {
            let schema = Schema::of_shown(self.law, shown, later);
            if let Some(tree) = self.field(element, &schema)? {
                members.push((schema.name.clone(), tree));
            }
        }
        Ok(Tree::Struct(members))
    }

    /// Anything but a list.
    fn value(&mut self, element: Element, schema: &Schema<'l>) -> Result<Tree, String> {
        if schema.kind == ScalarType::Struct {
            return match schema.view {
                Some((kind, later)) => self.view(element, kind, later),
                None if self.document.has_children(element) => Ok(self.as_it_stands(element)),
                None => Ok(Tree::Struct(Vec::new())),
            };
        }
        if self.document.has_children(element) {
            return Ok(self.as_it_stands(element));
        }
        let text = self.document.text(element);
        if text.is_empty() {
            self.fault(WireFault::EmptyScalar);
        } else if schema.kind == ScalarType::Boolean && !matches!(text, "true" | "false") {
            self.fault(WireFault::BooleanSpelling);
        }
        Ok(Tree::text(text))
    }

    /// What the schema does not describe further, by the names of its elements.
    fn as_it_stands(&self, element: Element) -> Tree {
        let document = self.document;
        if !document.has_children(element) {
            return Tree::text(document.text(element));
        }
        if document.children(element).all(|c| document.name(c) == ITEM) {
            return Tree::List(document.children(element).map(|c| self.as_it_stands(c)).collect());
        }
        Tree::Struct(document.children(element).map(|c| (Arc::from(document.name(c)), self.as_it_stands(c))).collect())
    }
}

/// The body of a successful answer.
pub fn encode_success(law: &Law, operation: OperationIx, request_id: &str, tree: &Tree) -> Bytes {
    let operation = &law[operation];
    let mut writer = Writer { law, out: String::with_capacity(1024) };
    let out = &mut writer.out;
    out.push_str(DECLARATION);
    out.push('<');
    out.push_str(&operation.name);
    out.push_str("Response");
    if let Some(namespace) = &law.wire.namespace {
        out.push_str(" xmlns=\"");
        escape_into(out, namespace);
        // As the real service writes it.
        out.push_str(if namespace.ends_with('/') { "\"" } else { "/\"" });
    }
    out.push('>');
    writer.leaf(REQUEST_ID, request_id);
    if operation.output.is_empty() {
        writer.leaf("return", "true");
    } else {
        let fields: Vec<Piece> = operation
            .output
            .iter()
            .filter_map(|o| {
                let schema = Schema::of_output(law, o);
                Some(Piece { path: schema.wire, value: tree.get(schema.name)?, schema })
            })
            .collect();
        writer.fields(&fields);
    }
    writer.out.push_str("</");
    writer.out.push_str(&operation.name);
    writer.out.push_str("Response>");
    writer.out.into()
}

/// The body of an error.
pub fn encode_error(request_id: &str, code: &str, message: &str) -> Bytes {
    let mut out = String::with_capacity(256);
    out.push_str(DECLARATION);
    out.push_str("<Response><Errors><Error><Code>");
    escape_into(&mut out, code);
    out.push_str("</Code><Message>");
    escape_into(&mut out, message);
    out.push_str("</Message></Error></Errors><RequestID>");
    escape_into(&mut out, request_id);
    out.push_str("</RequestID></Response>");
    out.into()
}

/// A field on its way out, with what is left of its path.
#[derive(Clone, Copy)]
struct Piece<'l, 't> {
    schema: Schema<'l>,
    path: &'l [String],
    value: &'t Tree,
}

struct Writer<'l> {
    law: &'l Law,
    out: String,
}

impl<'l> Writer<'l> {
    fn open(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn empty(&mut self, name: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push_str("/>");
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        escape_into(&mut self.out, text);
        self.close(name);
    }

    /// Writes fields in order; those that share an outer element go into the first one's.
    fn fields(&mut self, fields: &[Piece<'l, '_>]) {
        for (i, piece) in fields.iter().enumerate() {
            let [first, rest @ ..] = piece.path else { continue };
            if rest.is_empty() {
                self.value(first, Some(&piece.schema), piece.value);
                continue;
            }
            let shares = |other: &&Piece| other.path.len() > 1 && other.path[0] == *first;
            if fields[..i].iter().any(|other| shares(&other)) {
                continue;
            }
            let inner: Vec<Piece> =
                fields[i..].iter().filter(shares).map(|other| Piece { path: &other.path[1..], ..*other }).collect();
            // A value beside a list within a list is told once for each element there, which no flat answer can do.
            match inner.iter().find(|p| p.schema.through_lists) {
                Some(list) => self.list_in_list(first, list),
                None => {
                    self.open(first);
                    self.fields(&inner);
                    self.close(first);
                }
            }
        }
    }

    /// Each element of the inner list in its own item of the outer one.
    fn list_in_list(&mut self, outer: &str, inner: &Piece<'l, '_>) {
        let Tree::List(elements) = inner.value else {
            return self.value(outer, Some(&inner.schema), inner.value);
        };
        let [names @ .., last] = inner.path else { return };
        if elements.is_empty() {
            return self.empty(outer);
        }
        self.open(outer);
        for element in elements {
            self.open(ITEM);
            for name in names {
                self.open(name);
                self.open(ITEM);
            }
            self.open(last);
            self.value(ITEM, Some(&inner.schema), element);
            self.close(last);
            for name in names.iter().rev() {
                self.close(ITEM);
                self.close(name);
            }
            self.close(ITEM);
        }
        self.close(outer);
    }

    fn value(&mut self, name: &str, schema: Option<&Schema<'l>>, value: &Tree) {
        match value {
            Tree::Text(text) => self.leaf(name, text),
            Tree::List(list) if list.is_empty() => self.empty(name),
            Tree::List(list) => {
                self.open(name);
                for element in list {
                    self.value(ITEM, schema, element);
                }
                self.close(name);
            }
            Tree::Struct(members) => {
                self.open(name);
                match schema.and_then(|s| s.view) {
                    Some((kind, later)) => {
                        let fields: Vec<Piece> = kind
                            .view
                            .iter()
                            .filter_map(|shown| {
                                let schema = Schema::of_shown(self.law, shown, later);
                                Some(Piece { path: schema.wire, value: value.get(schema.name)?, schema })
                            })
                            .collect();
                        self.fields(&fields);
                    }
                    None => {
                        for (name, member) in members {
                            self.value(name, None, member);
                        }
                    }
                }
                self.close(name);
            }
        }
    }
}
