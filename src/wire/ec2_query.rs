//! Form-encoded requests with flattened, one-based lists; XML answers with `<item>` lists.
//!
//! Everything is directed by the schema of the operation: what it does not declare is written as it stands on the way
//! out, and ignored on the way in.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write, sync::Arc};

use bytes::Bytes;

use super::{
    Answer, Body, MAX_ANSWER, MAX_REQUEST, Request, RequestFault, Tree,
    form::{self, Malformed},
    http::HttpResponse,
    xml::{Document, Element, escape_into},
};
use crate::spec::{
    file::{ScalarType, WireFault},
    law::{Kind, Law, Operation, OperationIx, Output, OutputFrom, Param, Shown, ShownFrom},
};

/// The parameter that names the operation.
const ACTION: &str = "Action";
/// The parameter that names the version of the API.
const VERSION: &str = "Version";
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
/// How many elements the lists of an answer may have in all.
const MAX_ITEMS: usize = 100_000;

/// The body of a request.
pub fn encode_request(law: &Law, request: &Request) -> String {
    let operation = &law[request.operation];
    let mut out = head(law, &operation.name);
    let mut name = String::new();
    for (documented, tree) in &request.args {
        write_member(&mut out, &mut name, &operation.params, documented, tree);
    }
    out
}

/// The body of a request for an operation that the law does not know, its arguments as they stand.
pub fn encode_raw(law: &Law, action: &str, args: &[(String, String)]) -> String {
    let mut out = head(law, action);
    for (name, value) in args {
        form::push_pair(&mut out, name, value);
    }
    out
}

fn head(law: &Law, action: &str) -> String {
    let mut out = String::with_capacity(256);
    form::push_pair(&mut out, ACTION, action);
    form::push_pair(&mut out, VERSION, &law.wire.version);
    out
}

fn write_member(out: &mut String, name: &mut String, params: &[Param], documented: &str, tree: &Tree) {
    let param = params.iter().find(|p| &*p.name == documented);
    let before = name.len();
    if before > 0 {
        name.push('.');
    }
    name.push_str(param.map_or(documented, |p| &p.wire));
    write_argument(out, name, param.map_or(&[], |p| &p.fields), tree);
    name.truncate(before);
}

fn write_argument(out: &mut String, name: &mut String, fields: &[Param], tree: &Tree) {
    match tree {
        Tree::Text(text) => form::push_pair(out, name, text),
        Tree::List(list) => {
            let before = name.len();
            for (i, element) in list.iter().enumerate() {
                // Writing to a string cannot fail.
                let _ = write!(name, ".{}", i + 1);
                write_argument(out, name, fields, element);
                name.truncate(before);
            }
        }
        Tree::Struct(members) => {
            for (documented, member) in members {
                write_member(out, name, fields, documented, member);
            }
        }
    }
}

/// Reads a request. Of a scalar that is sent twice the first counts.
pub fn decode_request(
    law: &Law,
    method: &str,
    query: &str,
    body: &[u8],
) -> Result<(OperationIx, Request), RequestFault> {
    let body = if method == "GET" { &[][..] } else { body };
    if query.len() + body.len() > MAX_REQUEST {
        return Err(RequestFault::TooLarge { limit: MAX_REQUEST });
    }
    let mut pairs = Vec::with_capacity(16);
    let (mut action, mut version) = (None, None);
    for pair in form::pairs(query.as_bytes()).chain(form::pairs(body)) {
        let (name, value) = pair.map_err(|Malformed(pair)| RequestFault::Malformed { pair })?;
        match &*name {
            ACTION => action = action.or(Some(value)),
            VERSION => version = version.or(Some(value)),
            _ => pairs.push((name, value)),
        }
    }
    let action = action.filter(|a| !a.is_empty()).ok_or(RequestFault::NoAction)?;
    let Some(index) = law.operation(&action) else {
        return Err(RequestFault::UnknownAction { name: action.into_owned() });
    };
    if version.as_deref() != Some(&*law.wire.version) {
        return Err(RequestFault::Version { found: version.map(Cow::into_owned) });
    }
    let params = &law[index].params;
    let mut slots: Vec<(usize, Slot)> = Vec::new();
    let mut undeclared: Vec<(usize, Arc<str>, Tree)> = Vec::new();
    for (at, (name, value)) in pairs.into_iter().enumerate() {
        if let Err(value) = put_member(&mut slots, params, &name, Arc::from(&*value), at)
            && !is_protocol_parameter(&name)
        {
            undeclared.push((at, Arc::from(&*name), Tree::Text(value)));
        }
    }
    // In the order in which they were written.
    let mut args: Vec<(usize, Arc<str>, Tree)> = slots
        .into_iter()
        .map(|(param, slot)| {
            let param = &params[param];
            (slot.first(), param.name.clone(), slot.into_tree(param))
        })
        .chain(undeclared)
        .collect();
    args.sort_by_key(|(at, _, _)| *at);
    let args = args.into_iter().map(|(_, name, tree)| (name, tree)).collect();
    Ok((index, Request { operation: index, args }))
}

fn is_protocol_parameter(name: &str) -> bool {
    PROTOCOL_PARAMETERS.contains(&name)
        || name.get(..PROTOCOL_PREFIX.len()).is_some_and(|p| p.eq_ignore_ascii_case(PROTOCOL_PREFIX))
}

/// An argument while its parts come in, each with the place in the request where it began.
enum Slot {
    Text(usize, Arc<str>),
    /// By the numbers of the elements; those without a number come first.
    List(usize, BTreeMap<(u32, usize), Slot>),
    /// By the places of the members in the schema.
    Struct(usize, Vec<(usize, Slot)>),
}

impl Slot {
    fn first(&self) -> usize {
        match self {
            Slot::Text(at, _) | Slot::List(at, _) | Slot::Struct(at, _) => *at,
        }
    }

    fn into_tree(self, param: &Param) -> Tree {
        match self {
            Slot::Text(_, text) => Tree::Text(text),
            Slot::List(_, list) => Tree::List(list.into_values().map(|s| s.into_tree(param)).collect()),
            Slot::Struct(_, members) => Tree::Struct(
                members
                    .into_iter()
                    .map(|(field, slot)| (param.fields[field].name.clone(), slot.into_tree(&param.fields[field])))
                    .collect(),
            ),
        }
    }
}

/// Puts the value where its name says; hands it back if the schema has no such place.
fn put_member(
    slots: &mut Vec<(usize, Slot)>,
    params: &[Param],
    name: &str,
    value: Arc<str>,
    at: usize,
) -> Result<(), Arc<str>> {
    // The longest wire name that fits, so that a dotted name may begin with another.
    let found = params
        .iter()
        .enumerate()
        .filter_map(|(i, p)| {
            let rest = name.strip_prefix(p.wire.as_str())?;
            (rest.is_empty() || rest.starts_with('.')).then_some((i, p, rest))
        })
        .max_by_key(|(_, p, _)| p.wire.len());
    let Some((index, param, rest)) = found else { return Err(value) };
    let rest = rest.strip_prefix('.');
    let is_struct = |kind| kind == ScalarType::Struct;
    if param.kind == ScalarType::List {
        let (number, rest) = match rest {
            None => (None, None),
            Some(rest) => {
                let (number, rest) = rest.split_once('.').map_or((rest, None), |(n, r)| (n, Some(r)));
                match number.parse::<u32>() {
                    Ok(n) if number.bytes().all(|b| b.is_ascii_digit()) => (Some(n), rest),
                    _ => return Err(value),
                }
            }
        };
        let of_structs = param.of.is_some_and(is_struct);
        if !fits(of_structs, &param.fields, rest) {
            return Err(value);
        }
        let key = number.map_or((0, at + 1), |n| (n, 0));
        let slot = slot_of(slots, index, || Slot::List(at, BTreeMap::new()));
        let Slot::List(_, list) = slot else { return Err(value) };
        match rest {
            None => {
                list.entry(key).or_insert(Slot::Text(at, value));
                Ok(())
            }
            Some(rest) => match list.entry(key).or_insert_with(|| Slot::Struct(at, Vec::new())) {
                Slot::Struct(_, members) => put_member(members, &param.fields, rest, value, at),
                _ => Err(value),
            },
        }
    } else if is_struct(param.kind) {
        if !fits(true, &param.fields, rest) {
            return Err(value);
        }
        match (slot_of(slots, index, || Slot::Struct(at, Vec::new())), rest) {
            (Slot::Struct(_, members), Some(rest)) => put_member(members, &param.fields, rest, value, at),
            _ => Err(value),
        }
    } else if rest.is_some() {
        Err(value)
    } else {
        slot_of(slots, index, || Slot::Text(at, value));
        Ok(())
    }
}

/// True if the rest of a name leads somewhere, so that nothing is begun that stays empty.
fn fits(of_structs: bool, fields: &[Param], rest: Option<&str>) -> bool {
    match rest {
        None => !of_structs,
        Some(rest) if of_structs => fields.iter().any(|field| {
            rest.strip_prefix(field.wire.as_str()).is_some_and(|rest| match rest.strip_prefix('.') {
                None => rest.is_empty() && field.kind != ScalarType::Struct,
                Some(rest) if field.kind == ScalarType::List => {
                    let (number, rest) = rest.split_once('.').map_or((rest, None), |(n, r)| (n, Some(r)));
                    number.parse::<u32>().is_ok()
                        && number.bytes().all(|b| b.is_ascii_digit())
                        && fits(field.of == Some(ScalarType::Struct), &field.fields, rest)
                }
                Some(rest) => field.kind == ScalarType::Struct && fits(true, &field.fields, Some(rest)),
            })
        }),
        Some(_) => false,
    }
}

fn slot_of(slots: &mut Vec<(usize, Slot)>, index: usize, new: impl FnOnce() -> Slot) -> &mut Slot {
    let at = slots.iter().position(|(i, _)| *i == index).unwrap_or_else(|| {
        slots.push((index, new()));
        slots.len() - 1
    });
    &mut slots[at].1
}

/// What the schema says of a field of an answer.
#[derive(Clone, Copy)]
struct Schema<'l> {
    name: &'l Arc<str>,
    wire: &'l [String],
    kind: ScalarType,
    /// For a resource, or a list of them: how it is shown, and what of that may be missing.
    view: Option<(&'l Kind, &'l [Arc<str>])>,
    optional: bool,
    /// The path of a list leads through lists rather than through elements.
    through_lists: bool,
}

impl<'l> Schema<'l> {
    fn of_output(law: &'l Law, output: &'l Output) -> Schema<'l> {
        let view = match &output.from {
            OutputFrom::One { kind, later, .. } | OutputFrom::Many { kind, later, .. } => Some((&law[*kind], &**later)),
            OutputFrom::Selected { kind, .. } => Some((&law[*kind], &[][..])),
            OutputFrom::Paths(_) | OutputFrom::Value(_) | OutputFrom::Counts(_) | OutputFrom::Nothing => None,
        };
        Schema {
            name: &output.name,
            wire: &output.wire,
            kind: output.kind,
            view,
            optional: output.optional || output.rule.is_none(),
            through_lists: output.kind == ScalarType::List && output.wire.len() > 1,
        }
    }

    fn of_shown(law: &'l Law, shown: &'l Shown, later: &[Arc<str>]) -> Schema<'l> {
        let view = match &shown.from {
            ShownFrom::List(_, kind) => Some((&law[*kind], &[][..])),
            ShownFrom::Paths(_) | ShownFrom::Value(_) | ShownFrom::Nothing => None,
        };
        Schema {
            name: &shown.name,
            wire: &shown.wire,
            kind: shown.kind,
            view,
            optional: shown.optional || shown.rule.is_none() || later.contains(&shown.name),
            through_lists: false,
        }
    }
}

/// Reads an answer, as far as it can be read.
pub fn decode_answer(law: &Law, operation: OperationIx, response: &HttpResponse) -> Answer {
    let status = response.status;
    let from_headers = || REQUEST_ID_HEADERS.iter().find_map(|name| response.header(name)).map(Arc::from);
    let unreadable =
        |why: String| Answer { status, request_id: from_headers(), body: Body::Unreadable { why }, faults: Vec::new() };
    if response.body.len() > MAX_ANSWER {
        return unreadable(format!("the body is larger than {MAX_ANSWER} bytes"));
    }
    let document = match Document::read(&response.body) {
        Ok(document) => document,
        Err(why) => return unreadable(format!("the body is {why}")),
    };
    let mut reader = Reader { law, document: &document, faults: Vec::new(), items: 0 };
    let read = if (200..300).contains(&status) { reader.success(&law[operation]) } else { reader.error() };
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

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

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
