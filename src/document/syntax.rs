//! The "Request Syntax" and "Response Syntax" of boto3's pages: Python literals that stand for types.
//!
//! ```text
//! node   = "{" [ member { "," member } [ "," ] ] "}"  |  "[" [ node [ "," ] ] "]"  |  scalar { "|" scalar }
//! member = 'Name' ":" node
//! scalar = 'text' | b'text' | True | False | number | name "(" … ")"
//! ```
//!
//! `'string'` is any text, and other texts are the values that there are. Imports its neighbours.

use super::{At, DEEPEST, Kind, MOST_MEMBERS, Member, error::DocumentError, error::Text, is_name};

/// A block of lines, each with its number.
pub(super) struct Block<'t> {
    pub document: &'t Text,
    pub lines: Vec<(usize, &'t str)>,
}

struct Parser<'t> {
    block: &'t Block<'t>,
    line: usize,
    rest: &'t str,
    members: usize,
}

/// The parameters of a request: `response = client.NAME(` … `)`.
pub(super) fn request(block: &Block<'_>, name: &str) -> Result<Vec<Member>, DocumentError> {
    let mut parser = Parser::new(block);
    let head = format!("response = client.{name}(");
    if !parser.take(&head) {
        return Err(parser.wrong(format!("the syntax of a request begins with `{head}`")));
    }
    let mut members = Vec::new();
    while !parser.take(")") {
        let at = parser.at();
        let name = parser.name()?;
        if members.iter().any(|m: &Member| m.name == name) {
            return Err(parser.wrong(format!("there are two parameters `{name}`")));
        }
        parser.expect("=")?;
        members.push(parser.member(name, at, 0)?);
        if !parser.take(",") {
            parser.expect(")")?;
            break;
        }
    }
    parser.end()?;
    Ok(members)
}

/// The fields of an answer: `{` … `}`.
pub(super) fn response(block: &Block<'_>) -> Result<Vec<Member>, DocumentError> {
    let mut parser = Parser::new(block);
    let found = parser.node(0)?.0;
    parser.end()?;
    match found {
        Kind::Struct(members) => Ok(members),
        _ => Err(parser.wrong("the syntax of an answer is a structure")),
    }
}

impl<'t> Parser<'t> {
    fn new(block: &'t Block<'t>) -> Parser<'t> {
        let mut parser = Parser { block, line: 0, rest: block.lines.first().map_or("", |(_, text)| text), members: 0 };
        parser.skip();
        parser
    }

    /// Goes on to what is not white space.
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
        while self.rest.is_empty() && self.line + 1 < self.block.lines.len() {
            self.line += 1;
            self.rest = self.block.lines[self.line].1.trim_start();
        }
    }

    fn number(&self) -> usize {
        self.block.lines.get(self.line).map_or(1, |(number, _)| *number)
    }

    fn at(&self) -> At {
        At::Line(self.number())
    }

    fn wrong(&self, why: impl Into<String>) -> DocumentError {
        self.block.document.wrong(self.number(), why)
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                self.skip();
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), DocumentError> {
        match self.take(token) {
            true => Ok(()),
            false if self.rest.is_empty() => Err(self.wrong(format!("the syntax ends where `{token}` should follow"))),
            false => Err(self.wrong(format!("`{token}` should stand here"))),
        }
    }

    fn end(&mut self) -> Result<(), DocumentError> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(self.wrong("more stands here than the syntax of one thing")),
        }
    }

    fn name(&mut self) -> Result<String, DocumentError> {
        let length = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        if length == 0 {
            return Err(self.wrong("a name should stand here"));
        }
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.skip();
        Ok(name.to_owned())
    }

    /// A text between quotes.
    fn quoted(&mut self) -> Result<Option<String>, DocumentError> {
        let Some(rest) = self.rest.strip_prefix('\'') else { return Ok(None) };
        let Some((text, rest)) = rest.split_once('\'') else { return Err(self.wrong("a quote is not closed")) };
        self.rest = rest;
        self.skip();
        Ok(Some(text.to_owned()))
    }

    fn member(&mut self, name: String, at: At, depth: usize) -> Result<Member, DocumentError> {
        self.members += 1;
        if self.members > MOST_MEMBERS {
            return Err(self.wrong(format!("there are more than {MOST_MEMBERS} members")));
        }
        let (kind, values) = self.node(depth + 1)?;
        Ok(Member { values, ..Member::new(name, kind, at) })
    }

    /// A type, and the values that it may have.
    fn node(&mut self, depth: usize) -> Result<(Kind, Vec<String>), DocumentError> {
        // A list of structures is two deep.
        if depth > 2 * DEEPEST {
            return Err(self.wrong("it is too deep"));
        }
        if self.take("[") {
            if self.take("]") {
                return Ok((Kind::List(None), Vec::new()));
            }
            let (of, values) = self.node(depth + 1)?;
            self.take(",");
            self.expect("]")?;
            return Ok((Kind::List(Some(Box::new(of))), values));
        }
        if self.take("{") {
            return Ok((self.structure(depth)?, Vec::new()));
        }
        let mut values = Vec::new();
        let mut kinds = Vec::new();
        loop {
            kinds.push(self.scalar(&mut values)?);
            if !self.take("|") {
                break;
            }
        }
        if kinds.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(self.wrong("values of several types stand side by side"));
        }
        if values == ["string"] {
            values.clear();
        }
        // There is at least one: the loop above ends only after a scalar.
        Ok((kinds.swap_remove(0), values))
    }

    fn structure(&mut self, depth: usize) -> Result<Kind, DocumentError> {
        let mut members: Vec<Member> = Vec::new();
        loop {
            if self.take("}") {
                break;
            }
            let at = self.at();
            let Some(name) = self.quoted()? else { return Err(self.wrong("the name of a member should stand here")) };
            // A structure that holds itself.
            if name.starts_with("...") {
                self.expect("}")?;
                return Ok(Kind::Struct(Vec::new()));
            }
            // With a dot in it, it could not be told from a member of a member.
            if !is_name(&name) {
                return Err(self.wrong(format!("`{name}` is no name")));
            }
            self.expect(":")?;
            if members.iter().any(|m| m.name == name) {
                return Err(self.wrong(format!("there are two members `{name}`")));
            }
            members.push(self.member(name, at, depth)?);
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(match &members[..] {
            [only] if only.name == "string" => Kind::Other("map".into()),
            _ => Kind::Struct(members),
        })
    }

    fn scalar(&mut self, values: &mut Vec<String>) -> Result<Kind, DocumentError> {
        if let Some(text) = self.quoted()? {
            values.push(text);
            return Ok(Kind::String);
        }
        if self.rest.starts_with("b'") {
            self.rest = &self.rest[1..];
            self.quoted()?;
            return Ok(Kind::Bytes);
        }
        let length =
            self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        let kind = match word {
            "True" | "False" => Kind::Boolean,
            "datetime" => Kind::Timestamp,
            "" => return Err(self.wrong("a type should stand here")),
            number if number.parse::<i64>().is_ok() => Kind::Integer,
            number if number.parse::<f64>().is_ok() => Kind::Float,
            other => Kind::Other(other.to_owned()),
        };
        self.rest = rest;
        self.skip();
        if self.take("(") {
            match self.rest.split_once(')') {
                Some((_, rest)) => self.rest = rest,
                None => return Err(self.wrong("a bracket is not closed")),
            }
            self.skip();
        } else if matches!(kind, Kind::Timestamp | Kind::Other(_)) {
            return Err(self.wrong(format!("`{word}` is no type")));
        }
        Ok(kind)
    }
}
