//! XML as far as answers need it: reading a whole document into one flat arena, and escaping on the way out.
//!
//! A target is not trusted. The depth is bounded, no entity is expanded but the five predefined ones and numeric ones,
//! and whatever a strict parser would reject is rejected here as well, because a client's parser would.

use std::borrow::Cow;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
    name::PrefixDeclaration,
};

/// How deep elements may nest.
pub const MAX_DEPTH: usize = 64;

/// What a document begins with.
pub const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// No such element.
const NONE: u32 = u32::MAX;

/// An element of a [`Document`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(u32);

/// A document, read.
#[derive(Debug)]
pub struct Document<'a> {
    nodes: Vec<Node<'a>>,
}

#[derive(Debug)]
struct Node<'a> {
    start: BytesStart<'a>,
    text: Cow<'a, str>,
    first: u32,
    next: u32,
}

impl<'a> Document<'a> {
    /// Reads a document, or says why it is none.
    pub fn read(bytes: &'a [u8]) -> Result<Document<'a>, String> {
        if let Some(byte) = bytes.iter().find(|b| is_forbidden_control(**b)) {
            return Err(format!("not XML: the control character 0x{byte:02x} stands in it"));
        }
        let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(text);
        let mut nodes: Vec<Node<'a>> = Vec::with_capacity(text.len() / 32);
        // The open elements, each with its last child.
        let mut open: Vec<(u32, u32)> = Vec::with_capacity(8);
        loop {
            match reader.read_event().map_err(|e| format!("not XML: {e}"))? {
                Event::Start(start) => {
                    if open.len() == MAX_DEPTH {
                        return Err(format!("elements nest deeper than {MAX_DEPTH}"));
                    }
                    let index = add(&mut nodes, &mut open, start)?;
                    open.push((index, NONE));
                }
                Event::Empty(start) => {
                    add(&mut nodes, &mut open, start)?;
                }
                Event::End(_) => {
                    open.pop();
                }
                Event::Text(piece) => put_text(&mut nodes, &open, piece.xml10_content())?,
                Event::CData(piece) => {
                    if open.is_empty() {
                        return Err("not XML: text stands outside the root element".into());
                    }
                    put_text(&mut nodes, &open, piece.xml10_content())?;
                }
                Event::GeneralRef(reference) => {
                    let character = match &*reference {
                        "lt" => '<',
                        "gt" => '>',
                        "amp" => '&',
                        "quot" => '"',
                        "apos" => '\'',
                        other => match reference.resolve_char_ref() {
                            Ok(Some(c)) if !is_forbidden(c) => c,
                            _ => return Err(format!("not XML: the entity {other:?} is not known")),
                        },
                    };
                    if open.is_empty() {
                        return Err("not XML: text stands outside the root element".into());
                    }
                    let mut buffer = [0; 4];
                    put_text(&mut nodes, &open, Cow::Owned(character.encode_utf8(&mut buffer).to_owned()))?;
                }
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
                Event::Eof => break,
            }
        }
        if !open.is_empty() {
            return Err("not XML: it ends before its elements do".into());
        }
        if nodes.is_empty() {
            return Err(if text.trim_ascii().is_empty() {
                "empty".into()
            } else {
                "not XML: it has no element".into()
            });
        }
        Ok(Document { nodes })
    }

    /// The root element.
    pub fn root(&self) -> Element {
        // A document without any element is refused when it is read.
        Element(0)
    }

    /// The element's name without its prefix.
    pub fn name(&self, element: Element) -> &str {
        self.node(element).start.local_name().into_inner()
    }

    /// The text that stands directly in the element.
    pub fn text(&self, element: Element) -> &str {
        &self.node(element).text
    }

    /// True if other elements stand in it.
    pub fn has_children(&self, element: Element) -> bool {
        self.node(element).first != NONE
    }

    /// The elements that stand directly in it.
    pub fn children(&self, element: Element) -> impl Iterator<Item = Element> {
        let mut at = self.node(element).first;
        std::iter::from_fn(move || {
            let here = self.nodes.get(at as usize)?;
            let element = Element(at);
            at = here.next;
            Some(element)
        })
    }

    /// The first element of this name that stands directly in it.
    pub fn child(&self, element: Element, name: &str) -> Option<Element> {
        self.children(element).find(|c| self.name(*c) == name)
    }

    /// The namespace that the root element declares for itself.
    pub fn root_namespace(&self) -> Option<String> {
        let start = &self.node(self.root()).start;
        let prefix = start.name().prefix();
        start.attributes().flatten().find_map(|attribute| {
            let declares = match (attribute.key.as_namespace_binding()?, &prefix) {
                (PrefixDeclaration::Default, None) => true,
                (PrefixDeclaration::Named(name), Some(prefix)) => name == prefix.into_inner(),
                _ => false,
            };
            let value = || attribute.normalized_value(XmlVersion::Implicit1_0);
            declares.then(|| value().map_or_else(|_| attribute.value.to_string(), Cow::into_owned))
        })
    }

    fn node(&self, element: Element) -> &Node<'a> {
        &self.nodes[element.0 as usize]
    }
}

fn add<'a>(nodes: &mut Vec<Node<'a>>, open: &mut [(u32, u32)], start: BytesStart<'a>) -> Result<u32, String> {
    if let Some(Err(e)) = start.attributes().find(Result::is_err) {
        return Err(format!("not XML: {e}"));
    }
    let index = u32::try_from(nodes.len()).ok().filter(|i| *i != NONE).ok_or("too many elements")?;
    match open.last_mut() {
        Some((parent, last)) => {
            let link = match *last {
                NONE => &mut nodes[*parent as usize].first,
                last => &mut nodes[last as usize].next,
            };
            *link = index;
            *last = index;
        }
        None if index > 0 => return Err("not XML: it has more than one root element".into()),
        None => {}
    }
    nodes.push(Node { start, text: Cow::Borrowed(""), first: NONE, next: NONE });
    Ok(index)
}

fn put_text<'a>(nodes: &mut [Node<'a>], open: &[(u32, u32)], piece: Cow<'a, str>) -> Result<(), String> {
    match open.last() {
        Some((element, _)) => {
            let text = &mut nodes[*element as usize].text;
            if text.is_empty() {
                *text = piece;
            } else {
                text.to_mut().push_str(&piece);
            }
            Ok(())
        }
        None if piece.trim_ascii().is_empty() => Ok(()),
        None => Err("not XML: text stands outside the root element".into()),
    }
}

fn is_forbidden_control(byte: u8) -> bool {
    byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')
}

fn is_forbidden(character: char) -> bool {
    matches!(character, '\u{fffe}' | '\u{ffff}') || u8::try_from(character).is_ok_and(is_forbidden_control)
}

/// Appends the text so that it reads back as it is. A character that XML cannot hold becomes U+FFFD.
pub fn escape_into(out: &mut String, text: &str) {
    let mut rest = text;
    // U+FFFE and U+FFFF begin with the byte 0xEF, which is the only reason to look closer at it.
    let special = |b: &u8| matches!(*b, b'&' | b'<' | b'>' | 0xEF) || (*b < 0x20 && !matches!(*b, b'\t' | b'\n'));
    while let Some(at) = rest.as_bytes().iter().position(special) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = tail.chars();
        match characters.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('\r') => out.push_str("&#13;"),
            Some(c) if is_forbidden(c) => out.push('\u{fffd}'),
            Some(c) => out.push(c),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        Document::read(text.as_bytes()).map(|_| ()).expect_err("is refused")
    }

    #[test]
    fn what_a_strict_parser_refuses_is_refused() {
        for text in [
            "",
            "  \n",
            "plain",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a/>x",
            "x<a/>",
            "<a>&own;</a>",
            "<a>&#0;</a>",
            "<a>&#xFFFF;</a>",
            "<a>\u{1}</a>",
            "<a>& </a>",
            "<a b=c/>",
            "<a b='1' b='2'/>",
            "<a/>&lt;",
            "<![CDATA[x]]><a/>",
            "{\"a\": 1}",
        ] {
            assert!(!why(text).is_empty(), "{text:?}");
        }
        assert!(why(&"<a>".repeat(100_000)).contains("deeper"));
        assert!(Document::read(b"<a>\xff</a>").is_err());
    }

    #[test]
    fn a_type_declaration_brings_no_entity() {
        assert!(why("<!DOCTYPE a [<!ENTITY own 'x'>]><a>&own;</a>").contains("own"));
    }

    #[test]
    fn texts_elements_and_namespaces_are_found() {
        let document = Document::read(
            "\u{feff}<?xml version='1.0'?>\n<n:a xmlns='u' xmlns:n='v'><b>1&amp;&#50;<![CDATA[<]]>\r\n</b><c/><!-- --><n:b>9</n:b></n:a>\n"
                .as_bytes(),
        )
        .unwrap();
        let root = document.root();
        assert_eq!(document.name(root), "a");
        assert_eq!(document.root_namespace().as_deref(), Some("v"));
        assert_eq!(document.children(root).map(|c| document.name(c)).collect::<Vec<_>>(), ["b", "c", "b"]);
        let first = document.child(root, "b").unwrap();
        assert_eq!(document.text(first), "1&2<\n");
        assert!(document.has_children(root) && !document.has_children(first));
    }
}
