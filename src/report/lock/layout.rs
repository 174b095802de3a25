//! A body as lines: one element of XML, or one member of JSON, each.
//!
//! The text is only cut, never written anew: how a value is quoted, whether an empty element is `<a/>` or `<a></a>`, in
//! which order members come, all of that stays as the target wrote it. Only the white space between elements and members
//! goes, which no client sees. What is neither XML nor JSON, or nests too deeply, stays as it is.
//!
//! Imports nothing.

/// How deep elements or members may nest.
const MAX_DEPTH: usize = 64;

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The name of the element or member; empty for an element of a JSON list.
    pub name: String,
    /// What stands before the value, or before the parts.
    pub open: String,
    /// What is in it.
    pub inner: Inner,
    /// What stands after that.
    pub close: String,
}

/// What is in a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inner {
    /// A text, as it is written.
    Text(String),
    /// Other parts.
    Parts(Vec<Piece>),
}

/// A body, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// XML.
    Xml(Vec<Piece>),
    /// JSON.
    Json(Vec<Piece>),
    /// Something else, as it stands.
    Other(String),
}

impl Layout {
    /// Takes a body apart.
    pub fn of(body: &str) -> Layout {
        let beginning = body.trim_start_matches('\u{feff}').trim_ascii_start();
        let read = match beginning.as_bytes().first() {
            Some(b'<') => Xml { rest: body.trim_start_matches('\u{feff}') }.read().map(Layout::Xml),
            Some(b'{' | b'[') => Json { rest: beginning }.document().map(Layout::Json),
            _ => None,
        };
        read.unwrap_or_else(|| Layout::Other(body.to_owned()))
    }

    /// Its parts; none if it could not be taken apart.
    pub fn parts(&mut self) -> Option<&mut Vec<Piece>> {
        match self {
            Layout::Xml(parts) | Layout::Json(parts) => Some(parts),
            Layout::Other(_) => None,
        }
    }

    /// The lines, each with its end.
    pub fn text(&self) -> String {
        let mut out = String::new();
        match self {
            Layout::Xml(parts) => write(&mut out, parts, 0, ""),
            Layout::Json(parts) => write(&mut out, parts, 0, ","),
            Layout::Other(text) => {
                out.push_str(text);
                if !text.is_empty() && !text.ends_with('\n') {
                    out.push('\n');
                }
            }
        }
        out
    }
}

fn write(out: &mut String, parts: &[Piece], depth: usize, between: &str) {
    let indent = |out: &mut String| (0..depth).for_each(|_| out.push_str("  "));
    for (place, piece) in parts.iter().enumerate() {
        indent(out);
        out.push_str(&piece.open);
        match &piece.inner {
            Inner::Text(text) => out.push_str(text),
            Inner::Parts(inner) if inner.is_empty() => {}
            Inner::Parts(inner) => {
                out.push('\n');
                write(out, inner, depth + 1, between);
                indent(out);
            }
        }
        out.push_str(&piece.close);
        if place + 1 < parts.len() {
            out.push_str(between);
        }
        out.push('\n');
    }
}

/// Cuts XML into its elements. It need not be well-formed; if no elements can be told, there is no layout.
struct Xml<'t> {
    rest: &'t str,
}

/// An element whose end has not come yet.
struct Open {
    name: String,
    open: String,
    text: String,
    parts: Vec<Piece>,
}

impl<'t> Xml<'t> {
    fn read(mut self) -> Option<Vec<Piece>> {
        let mut open = vec![Open { name: String::new(), open: String::new(), text: String::new(), parts: Vec::new() }];
        while !self.rest.is_empty() {
            let text = self.until('<');
            open.last_mut()?.text.push_str(text);
            if self.rest.is_empty() {
                break;
            }
            if self.rest.starts_with("<![CDATA[") {
                let section = self.take(self.rest.find("]]>")? + 3);
                open.last_mut()?.text.push_str(section);
                continue;
            }
            let tag = self.tag()?;
            let name = tag.trim_start_matches(['<', '/']);
            let name = name.split(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/')).next()?;
            if tag.starts_with("<!") || tag.starts_with("<?") || tag.ends_with("/>") {
                let here = open.last_mut()?;
                here.flush();
                here.parts.push(leaf(name, tag.to_owned(), String::new(), String::new()));
            } else if tag.starts_with("</") {
                let mut ended = open.pop().filter(|ended| ended.name == name)?;
                let inner = if ended.parts.is_empty() {
                    Inner::Text(std::mem::take(&mut ended.text))
                } else {
                    ended.flush();
                    Inner::Parts(ended.parts)
                };
                let close = tag.to_owned();
                open.last_mut()?.parts.push(Piece { name: ended.name, open: ended.open, inner, close });
            } else {
                if open.len() > MAX_DEPTH {
                    return None;
                }
                open.last_mut()?.flush();
                open.push(Open { name: name.to_owned(), open: tag.to_owned(), text: String::new(), parts: Vec::new() });
            }
        }
        let mut document = open.pop().filter(|_| open.is_empty())?;
        document.flush();
        Some(document.parts)
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn until(&mut self, end: char) -> &'t str {
        self.take(self.rest.find(end).unwrap_or(self.rest.len()))
    }

    /// A tag, whose attributes may hold a `>`; or a comment, which may hold anything.
    fn tag(&mut self) -> Option<&'t str> {
        if self.rest.starts_with("<!--") {
            return Some(self.take(self.rest.find("-->")? + 3));
        }
        let mut quote = None;
        for (at, c) in self.rest.char_indices() {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(c),
                (Some(q), c) if q == c => quote = None,
                (None, '>') => return Some(self.take(at + 1)),
                _ => {}
            }
        }
        None
    }
}

impl Open {
    /// Text beside elements is a part of its own, unless it is blank.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !text.trim_ascii().is_empty() {
            self.parts.push(leaf("", String::new(), text.trim_ascii().to_owned(), String::new()));
        }
    }
}

fn leaf(name: &str, open: String, text: String, close: String) -> Piece {
    Piece { name: name.to_owned(), open, inner: Inner::Text(text), close }
}

/// Cuts JSON into its members.
struct Json<'t> {
    rest: &'t str,
}

impl<'t> Json<'t> {
    fn document(mut self) -> Option<Vec<Piece>> {
        let piece = self.value("", String::new(), 0)?;
        self.blank();
        self.rest.is_empty().then(|| vec![piece])
    }

    fn value(&mut self, name: &str, before: String, depth: usize) -> Option<Piece> {
        self.blank();
        let close = match self.rest.as_bytes().first()? {
            b'{' => '}',
            b'[' => ']',
            _ => {
                let text = self.scalar()?.to_owned();
                let (open, text, close) = match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
                    Some(inner) => (before + "\"", inner.to_owned(), "\"".to_owned()),
                    None => (before, text, String::new()),
                };
                return Some(leaf(name, open, text, close));
            }
        };
        if depth == MAX_DEPTH {
            return None;
        }
        let open = before + self.take(1);
        let mut parts = Vec::new();
        self.blank();
        while !self.rest.starts_with(close) {
            if !parts.is_empty() {
                self.rest = self.rest.strip_prefix(',')?;
                self.blank();
            }
            let (name, before) = if close == '}' {
                let name = self.rest.starts_with('"').then(|| self.scalar()).flatten()?;
                self.blank();
                self.rest = self.rest.strip_prefix(':')?;
                (name, format!("{name}: "))
            } else {
                ("", String::new())
            };
            parts.push(self.value(name.trim_matches('"'), before, depth + 1)?);
            self.blank();
        }
        self.take(1);
        Some(Piece { name: name.to_owned(), open, inner: Inner::Parts(parts), close: close.to_string() })
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// A text with its quotes, or a bare word.
    fn scalar(&mut self) -> Option<&'t str> {
        if !self.rest.starts_with('"') {
            let length = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c)));
            return Some(self.take(length.unwrap_or(self.rest.len()))).filter(|word| !word.is_empty());
        }
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Some(self.take(at + 1)),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_one_element_a_line_and_otherwise_as_it_was_written() {
        let body = "<?xml version=\"1.0\"?>\n<a x='>'  y=\"1\">\n <b> 1 &amp; 2 </b><c/><d></d><e><![CDATA[<]]></e> <!-- > --></a>";
        let lines = "<?xml version=\"1.0\"?>\n<a x='>'  y=\"1\">\n  <b> 1 &amp; 2 </b>\n  <c/>\n  <d></d>\n  \
                     <e><![CDATA[<]]></e>\n  <!-- > -->\n</a>\n";
        assert_eq!(Layout::of(body).text(), lines);
        assert_eq!(Layout::of(lines).text(), lines);
    }

    #[test]
    fn text_beside_elements_stays() {
        assert_eq!(Layout::of("<a>x<b/>y</a>").text(), "<a>\n  x\n  <b/>\n  y\n</a>\n");
    }

    #[test]
    fn json_is_one_member_a_line_and_otherwise_as_it_was_written() {
        let body = r#"{"b":1.50,"a":"x\"\u00e9","l":[true,{"n":null}],"e":[],"m":{}}"#;
        let lines = "{\n  \"b\": 1.50,\n  \"a\": \"x\\\"\\u00e9\",\n  \"l\": [\n    true,\n    {\n      \"n\": null\n    \
                     }\n  ],\n  \"e\": [],\n  \"m\": {}\n}\n";
        assert_eq!(Layout::of(body).text(), lines);
        assert_eq!(Layout::of(lines).text(), lines);
    }

    #[test]
    fn what_cannot_be_taken_apart_stays_as_it_is() {
        for body in ["plain", "<a>", "<a></b>", "<a", "{\"a\":}", "{\"a\" 1}", "[1 2]", "{} x", "</a>", "\"é"] {
            assert_eq!(Layout::of(body), Layout::Other(body.to_owned()), "{body}");
        }
        for deep in ["<a>".repeat(100) + &"</a>".repeat(100), "[".repeat(100) + &"]".repeat(100)] {
            assert_eq!(Layout::of(&deep), Layout::Other(deep));
        }
        assert_eq!(Layout::of("").text(), "");
    }
}
