//! A document that may be written as JSON or as XML: one tree for both, read from either and written to either.
//!
//! In XML a list is an element that is repeated, and nothing tells a number from a text; so a member may occur several
//! times in a tree that was read from XML, and its scalars are all texts. A target is not trusted: depth and size are
//! bounded.

use std::{cell::Cell, fmt};

use serde::{
    de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
    ser::{Serialize, SerializeMap, Serializer},
};

use super::xml::{Document, Element, escape_into};

/// How many values a document may have.
const MOST_VALUES: usize = 500_000;

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing.
    Null,
    /// A text.
    Text(String),
    /// A number, as its text.
    Number(String),
    /// True or false.
    Bool(bool),
    /// Several values.
    List(Vec<Node>),
    /// Members in the order in which they stand.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The last member of this name, as JSON parsers have it.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Map(members) => members.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match self {
            Node::Text(text) | Node::Number(text) => Some(text),
            Node::Bool(true) => Some("true"),
            Node::Bool(false) => Some("false"),
            Node::Null | Node::List(_) | Node::Map(_) => None,
        }
    }
}

/// Reads JSON; also says whether some object has two members of one name.
///
/// # Errors
///
/// Why it is no JSON, or too much of it.
pub fn read(bytes: &[u8]) -> Result<(Node, bool), String> {
    let seed = Seed { left: &Cell::new(MOST_VALUES), doubled: &Cell::new(false) };
    let mut reader = serde_json::Deserializer::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let read = seed.deserialize(&mut reader).and_then(|node| reader.end().map(|()| node));
    match read {
        Ok(node) => Ok((node, seed.doubled.get())),
        Err(e) if bytes.trim_ascii().is_empty() && e.is_eof() => Err("empty".into()),
        Err(e) => Err(format!("not JSON: {e}")),
    }
}

/// Reads one value; knows how many more there may be. `serde_json` bounds the depth.
#[derive(Clone, Copy)]
struct Seed<'c> {
    left: &'c Cell<usize>,
    doubled: &'c Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(D::Error::custom(format!("it has more than {MOST_VALUES} values"))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = access.next_element_seed(self)? {
            list.push(node);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members: Vec<(String, Node)> = Vec::new();
        let mut seen = rustc_hash::FxHashSet::default();
        while let Some(name) = access.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                self.doubled.set(true);
            }
            members.push((name, access.next_value_seed(self)?));
        }
        Ok(Node::Map(members))
    }
}

/// An element and what is in it. An element that has others in it is a map, whose members may be repeated.
pub fn of_xml(document: &Document<'_>, element: Element) -> Node {
    if !document.has_children(element) {
        return Node::Text(document.text(element).to_owned());
    }
    // The reader of documents bounds the depth.
    Node::Map(document.children(element).map(|c| (document.name(c).to_owned(), of_xml(document, c))).collect())
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Null => serializer.serialize_unit(),
            Node::Text(text) => serializer.serialize_str(text),
            Node::Number(text) => match text.parse::<i64>() {
                Ok(number) => serializer.serialize_i64(number),
                Err(_) => serializer.serialize_str(text),
            },
            Node::Bool(value) => serializer.serialize_bool(*value),
            Node::List(list) => serializer.collect_seq(list),
            Node::Map(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, member) in members {
                    map.serialize_entry(name, member)?;
                }
                map.end()
            }
        }
    }
}

/// Writes a member as XML: a list as repeated elements, nothing as nothing.
pub fn write_xml(out: &mut String, name: &str, node: &Node) {
    match node {
        Node::Null => {}
        Node::List(list) => list.iter().for_each(|element| write_xml(out, name, element)),
        Node::Map(members) => {
            element(out, name, |out| members.iter().for_each(|(name, member)| write_xml(out, name, member)));
        }
        scalar => element(out, name, |out| escape_into(out, scalar.text().unwrap_or_default())),
    }
}

fn element(out: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    inside(out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_texts_and_doubled_members_are_told_apart() {
        let (node, doubled) = read(br#" {"a": 1, "b": "1", "c": [true, null, 1.5], "a": 2} "#).unwrap();
        assert!(doubled);
        assert_eq!(node.get("a"), Some(&Node::Number("2".into())));
        assert_eq!(node.get("b"), Some(&Node::Text("1".into())));
        let list = vec![Node::Bool(true), Node::Null, Node::Number("1.5".into())];
        assert_eq!(node.get("c"), Some(&Node::List(list)));
        assert!(!read(b"[{\"a\": 1}, {\"a\": 1}]").unwrap().1);
    }

    #[test]
    fn what_is_no_json_or_too_much_is_refused() {
        for text in ["", " ", "{", "{\"a\"}", "[1,]", "nul", "{} {}", "\u{1}", "\"\u{1}\"", "<a/>"] {
            assert!(!read(text.as_bytes()).unwrap_err().is_empty(), "{text:?}");
        }
        assert!(read(&[b'['; 100_000]).unwrap_err().contains("recursion"));
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert!(read(many.as_bytes()).unwrap_err().contains("more than"));
        assert!(read(b"\"\xff\"").is_err());
    }
}
