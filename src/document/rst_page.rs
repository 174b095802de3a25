//! boto3's reference pages of one operation each, in reStructuredText as its generator writes them.
//!
//! No general parser helps here: the whole page is the body of a Sphinx directive (`.. py:method::`), which the one for
//! Rust (`rst_parser` 0.4) takes for a comment; and none tells lines. So this reads the one layout that the generator has,
//! section by section, and refuses whatever it does not know:
//!
//! ```text
//! heading                                the method, underlined
//! .. py:method:: Service.Client.NAME(**kwargs)
//!   description                          paragraphs and lists
//!   See also: `…<…/SERVICE-VERSION/Operation>`_
//!   **Request Syntax**                   a literal block
//!   :type X: …  :param X: …              for each parameter: its description, and those of its members
//!   :rtype: dict  :returns:              **Response Syntax** and **Response Structure**; or  :returns: None
//!   **Examples**                         passed over, and counted
//! ```
//!
//! What is said twice, in the syntax and in the descriptions, must agree: so a page that is cut off, or laid out in
//! another way, never becomes a smaller one. Imports its neighbours.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    At, Kind, Member, Operation, Passage,
    error::{DocumentError, Text},
    prose::{self, joined, plain},
    syntax::{self, Block},
};
use crate::spec::spot::Spot;

const METHOD: &str = ".. py:method:: ";

/// The link to the provider's own page, which tells the version and the name of the operation there.
static SEE_ALSO: LazyLock<Regex> =
    LazyLock::new(|| prose::known(r"^See also: `[^`<]*<https?://\S+/[\w-]*?(\d{4}-\d\d-\d\d)/(\w+)>`_{1,2}$"));

/// The description of a member: `- **Name** *(string) --* **[REQUIRED]**`, or of an element: `- *(dict) --*`.
static MEMBER: LazyLock<Regex> =
    LazyLock::new(|| prose::known(r"^- (?:\*\*([\w.:-]+)\*\* )?\*\(([\w ]+)\) --\* ?(\*\*\[REQUIRED\]\*\*)?(.*)$"));

/// True if a text looks like such a page.
pub(super) fn is_one(text: &str) -> bool {
    text.contains(METHOD) || text.contains(":doc:`") || text.contains("**Request Syntax**")
}

#[derive(Clone, Copy)]
struct Line<'t> {
    number: usize,
    indent: usize,
    /// Without white space around it; empty for a blank line.
    text: &'t str,
}

/// The lines of a page, read from top to bottom.
struct Page<'t> {
    document: &'t Text,
    lines: Vec<Line<'t>>,
    next: usize,
}

/// Reads a page.
pub(super) fn read(document: &Text) -> Result<Operation, DocumentError> {
    let lines = document.text().lines().enumerate().map(|(i, line)| {
        let text = line.trim();
        Line { number: i + 1, indent: line.len() - line.trim_start().len(), text }
    });
    Page { document, lines: lines.collect(), next: 0 }.operation()
}

impl<'t> Page<'t> {
    fn wrong(&self, line: usize, why: impl Into<String>) -> DocumentError {
        self.document.wrong(line, why)
    }

    /// An error where the page ends.
    fn cut_off(&self, missing: &str) -> DocumentError {
        let last = self.lines.iter().rev().find(|l| !l.text.is_empty()).map_or(1, |l| l.number);
        self.wrong(last, format!("the page ends before {missing}")).help("is it cut off, or laid out in another way?")
    }

    /// Goes on to the next line that is not blank.
    fn peek(&mut self) -> Option<Line<'t>> {
        while self.lines.get(self.next).is_some_and(|l| l.text.is_empty()) {
            self.next += 1;
        }
        self.lines.get(self.next).copied()
    }

    fn operation(mut self) -> Result<Operation, DocumentError> {
        let method = self.method()?;
        if let Some(out) = self.lines[self.next..].iter().find(|l| !l.text.is_empty() && l.indent < 2) {
            return Err(self.wrong(out.number, "this does not belong to the method: the page has another layout"));
        }
        let mut passages = Vec::new();
        let description = self.paragraphs(2, |line| line.text.starts_with("See also:"))?;
        if description.is_empty() {
            let line = self.peek().map_or(1, |l| l.number);
            return Err(self.wrong(line, "the operation has no description"));
        }
        for (number, paragraph) in description.into_iter().enumerate() {
            passages.push(Passage::new(Spot::Paragraph(number as u32 + 1), paragraph.text, At::Line(paragraph.line)));
        }
        let (name, version) = self.see_also(&method)?;
        self.section("**Request Syntax**")?;
        let mut parameters = syntax::request(&self.literal()?, &method)?;
        self.parameters(&mut parameters, &mut passages)?;
        let response = self.response(&mut passages)?;
        let examples = self.examples()?;
        self.ends_with_a_sentence(&passages, examples)?;
        Ok(Operation {
            name,
            version: Some(version),
            parameters,
            response: Some(response),
            errors: None,
            passages: Some(passages),
            examples,
        })
    }

    /// The heading and the directive: the name of the method.
    fn method(&mut self) -> Result<String, DocumentError> {
        let Some(at) = self.lines.iter().position(|l| l.text.starts_with(METHOD)) else {
            return Err(self.cut_off("the method is named"));
        };
        let line = self.lines[at];
        if let Some(other) = self.lines[at + 1..].iter().find(|l| l.text.starts_with(METHOD)) {
            return Err(self.wrong(other.number, "a second method: a page is about one operation"));
        }
        let signature = line.text[METHOD.len()..].split('(').next().unwrap_or_default();
        let name = signature.rsplit('.').next().unwrap_or_default().to_owned();
        let heading = self.lines[..at].windows(2).any(|pair| {
            pair[0].text == name && !pair[1].text.is_empty() && pair[1].text.chars().all(|c| "*=-~^".contains(c))
        });
        if name.is_empty() || !heading {
            return Err(self.wrong(line.number, format!("no heading `{name}` stands above the method")));
        }
        self.next = at + 1;
        Ok(name)
    }

    /// The link below the description: the operation's own name, and the API version.
    fn see_also(&mut self, method: &str) -> Result<(String, String), DocumentError> {
        let Some(line) = self.peek() else { return Err(self.cut_off("the link to the provider's page")) };
        let Some(found) = SEE_ALSO.captures(line.text) else {
            return Err(self.wrong(line.number, "the link to the provider's page is not `…/VERSION/OPERATION`"));
        };
        self.next += 1;
        let (version, name) = (found[1].to_owned(), found[2].to_owned());
        if name.to_lowercase() != method.replace('_', "") {
            return Err(self.wrong(line.number, format!("the method is `{method}`, and the link leads to {name}")));
        }
        Ok((name, version))
    }

    fn section(&mut self, title: &str) -> Result<(), DocumentError> {
        match self.peek() {
            Some(line) if line.text == title => {
                self.next += 1;
                Ok(())
            }
            Some(line) => Err(self.wrong(line.number, format!("`{title}` should stand here"))),
            None => Err(self.cut_off(&format!("`{title}`"))),
        }
    }

    /// A literal block: `::`, and the lines that are indented more than it.
    fn literal(&mut self) -> Result<Block<'t>, DocumentError> {
        self.section("::")?;
        let outside = self.lines[self.next - 1].indent;
        let mut lines = Vec::new();
        while let Some(line) = self.peek().filter(|l| l.indent > outside) {
            lines.push((line.number, line.text));
            self.next += 1;
        }
        match lines.is_empty() {
            true => Err(self.cut_off("the syntax")),
            false => Ok(Block { document: self.document, lines }),
        }
    }

    /// Paragraphs and items of lists, until a line of this indentation that is the end of them, or one further out.
    fn paragraphs(&mut self, indent: usize, ends: impl Fn(&Line<'_>) -> bool) -> Result<Vec<Paragraph>, DocumentError> {
        let mut all: Vec<Paragraph> = Vec::new();
        let mut open = false;
        while let Some(line) = self.lines.get(self.next).copied() {
            if line.text.is_empty() {
                open = false;
                self.next += 1;
                continue;
            }
            if line.indent < indent || (!open || line.indent == indent) && ends(&line) {
                break;
            }
            self.next += 1;
            if line.text.starts_with(".. ") {
                match line.text {
                    ".. note::" | ".. warning::" | ".. danger::" | ".. important::" => {
                        open = false;
                        continue;
                    }
                    _ => return Err(self.wrong(line.number, "a directive that is not known")),
                }
            }
            let (item, text) = match line.text.strip_prefix("* ").or_else(|| line.text.strip_prefix("- ")) {
                Some(text) => (true, text),
                None => (false, line.text),
            };
            match all.last_mut().filter(|_| open && !item) {
                Some(last) => last.text = plain(&format!("{} {text}", last.text)),
                None => all.push(Paragraph { line: line.number, item, text: plain(text) }),
            }
            open = true;
        }
        Ok(all)
    }

    /// `:type X:`, `:param X:` and what is said of it, for each parameter of the syntax.
    fn parameters(&mut self, of: &mut [Member], passages: &mut Vec<Passage>) -> Result<(), DocumentError> {
        let mut described: Vec<String> = Vec::new();
        while let Some(line) = self.peek() {
            let Some((name, kind)) = line.text.strip_prefix(":type ").and_then(|rest| rest.split_once(": ")) else {
                break;
            };
            self.next += 1;
            let head = format!(":param {name}:");
            let Some(param) = self.peek().filter(|l| l.text.starts_with(&head)) else {
                return Err(self.wrong(line.number, format!("`{head}` should follow")));
            };
            self.next += 1;
            let Some(member) = of.iter_mut().find(|m| m.name == name) else {
                return Err(self.wrong(line.number, format!("the request syntax has no `{name}`")));
            };
            if described.iter().any(|d| d == name) {
                return Err(self.wrong(line.number, format!("`{name}` is described twice")));
            }
            described.push(name.to_owned());
            let rest = param.text[head.len()..].trim();
            let rest = match rest.strip_prefix("**[REQUIRED]**") {
                Some(rest) => {
                    member.required = true;
                    rest.trim()
                }
                None => rest,
            };
            let inline = (!rest.is_empty()).then(|| Paragraph { line: param.number, item: false, text: plain(rest) });
            let about = About { line: line.number, kind, indent: 4 };
            self.describe(member, about, Spot::Parameter(name.to_owned()), inline, passages)?;
        }
        match of.iter().find(|m| !described.contains(&m.name)) {
            Some(left) => {
                let missing = format!("`{}` of the request syntax is described", left.name);
                Err(match self.peek() {
                    Some(line) => self.wrong(line.number, format!("the parameters end before {missing}")),
                    None => self.cut_off(&missing),
                })
            }
            None => Ok(()),
        }
    }

    /// What is said of a parameter or a field, and of its members.
    fn describe(
        &mut self,
        member: &mut Member,
        about: About<'_>,
        spot: Spot,
        inline: Option<Paragraph>,
        passages: &mut Vec<Passage>,
    ) -> Result<(), DocumentError> {
        if !agree(&member.kind, about.kind) {
            let why = format!("`{}` is a {} here, and a {} in the syntax", member.name, about.kind, member.kind.name());
            return Err(self.wrong(about.line, why));
        }
        let starts = |line: &Line<'_>| MEMBER.is_match(line.text) || line.text.starts_with(':');
        let mut paragraphs: Vec<Paragraph> = inline.into_iter().collect();
        paragraphs.extend(self.paragraphs(about.indent, starts)?);
        if let Some(first) = paragraphs.first() {
            let at = At::Line(first.line);
            let marked: Vec<(bool, String)> = paragraphs.iter().map(|p| (p.item, p.text.clone())).collect();
            prose::read(member, &marked);
            passages.push(Passage::new(spot.clone(), joined(&marked), at));
        }
        self.members(&mut member.kind, about.indent, &spot, passages)
    }

    /// The descriptions of the members of a structure, or of the elements of a list.
    fn members(
        &mut self,
        kind: &mut Kind,
        indent: usize,
        spot: &Spot,
        passages: &mut Vec<Passage>,
    ) -> Result<(), DocumentError> {
        match kind {
            Kind::List(Some(of)) => {
                let Some(line) = self.peek().filter(|l| l.indent >= indent) else { return self.not_described(spot) };
                let Some(found) = MEMBER.captures(line.text).filter(|found| found.get(1).is_none()) else {
                    return self.not_described(spot);
                };
                self.next += 1;
                if !agree(of, &found[2]) {
                    return Err(self.wrong(line.number, format!("the elements are {} in the syntax", of.name())));
                }
                // What is said of the structure says nothing of the field.
                let starts = |l: &Line<'_>| MEMBER.is_match(l.text) || l.text.starts_with(':');
                self.paragraphs(line.indent + 1, starts)?;
                self.members(of, line.indent + 1, spot, passages)
            }
            Kind::Struct(members) if !members.is_empty() => {
                let mut described: Vec<String> = Vec::new();
                let mut level = None;
                while let Some(line) = self.peek().filter(|l| l.indent >= *level.get_or_insert(indent.max(l.indent))) {
                    let Some(found) = MEMBER.captures(line.text) else { break };
                    let Some(name) = found.get(1).map(|m| m.as_str().to_owned()) else { break };
                    let Some(member) = members.iter_mut().find(|m| m.name == name) else {
                        return Err(self.wrong(line.number, format!("the syntax has no `{name}` here")));
                    };
                    if described.contains(&name) {
                        return Err(self.wrong(line.number, format!("`{name}` is described twice")));
                    }
                    self.next += 1;
                    described.push(name.clone());
                    member.required = found.get(3).is_some();
                    let rest = found[4].trim();
                    let inline =
                        (!rest.is_empty()).then(|| Paragraph { line: line.number, item: false, text: plain(rest) });
                    let spot = spot.member(&name);
                    let about = About { line: line.number, kind: &found[2], indent: line.indent + 1 };
                    self.describe(member, about, spot, inline, passages)?;
                }
                match members.iter().find(|m| !described.contains(&m.name)) {
                    Some(left) => self.not_described(&spot.member(&left.name)),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn not_described(&mut self, spot: &Spot) -> Result<(), DocumentError> {
        let missing = format!("{spot}, which stands in the syntax, is described");
        Err(match self.peek() {
            Some(line) => self.wrong(line.number, format!("the descriptions end before {missing}")),
            None => self.cut_off(&missing),
        })
    }

    /// What a successful answer holds.
    fn response(&mut self, passages: &mut Vec<Passage>) -> Result<Vec<Member>, DocumentError> {
        let Some(line) = self.peek() else { return Err(self.cut_off("`:returns:`")) };
        self.next += 1;
        if line.text == ":returns: None" {
            return Ok(Vec::new());
        }
        if line.text != ":rtype: dict" {
            return Err(self.wrong(line.number, "`:rtype: dict` or `:returns: None` should stand here"));
        }
        self.section(":returns:")?;
        self.section("**Response Syntax**")?;
        let mut response = syntax::response(&self.literal()?)?;
        self.section("**Response Structure**")?;
        match self.peek() {
            Some(line) if line.text.starts_with("- *(dict) --*") => {
                self.next += 1;
                let mut whole = Kind::Struct(response);
                self.members(&mut whole, line.indent + 1, &Spot::Response(String::new()), passages)?;
                let Kind::Struct(members) = whole else { return Ok(Vec::new()) };
                response = members;
                Ok(response)
            }
            Some(line) => Err(self.wrong(line.number, "`- *(dict) --*` should stand here")),
            None => Err(self.cut_off("the structure of the answer")),
        }
    }

    /// How many examples there are. Nothing else may follow.
    fn examples(&mut self) -> Result<u32, DocumentError> {
        match self.peek() {
            None => return Ok(0),
            Some(line) if line.text == "**Examples**" => self.next += 1,
            Some(line) => return Err(self.wrong(line.number, "a section that is not known")),
        }
        let rest = &self.lines[self.next..];
        let unknown = rest.iter().find(|l| {
            l.indent <= 2 && (l.text.starts_with("**") || l.text.starts_with(":type") || l.text.starts_with(":r"))
        });
        if let Some(line) = unknown {
            return Err(self.wrong(line.number, "a section that is not known"));
        }
        Ok(rest.iter().filter(|l| l.text.starts_with("response = client.")).count() as u32)
    }

    /// The last thing that is described ends with a sentence, or the page has been cut off in it.
    fn ends_with_a_sentence(&self, passages: &[Passage], examples: u32) -> Result<(), DocumentError> {
        let last = passages.last().map_or("", |p| p.text.trim_end());
        // A head without a text, where the others have one, is where a page was cut off.
        let bare = self.lines.iter().rev().find(|l| !l.text.is_empty()).is_some_and(|l| MEMBER.is_match(l.text));
        match examples > 0 || !bare && last.ends_with(['.', ')', ':', '!', '?', '"', '>']) {
            true => Ok(()),
            false => Err(self.cut_off("its last sentence does")),
        }
    }
}

/// What a description says besides its text.
#[derive(Clone, Copy)]
struct About<'k> {
    line: usize,
    kind: &'k str,
    indent: usize,
}

/// A paragraph, or an item of a list.
struct Paragraph {
    line: usize,
    item: bool,
    text: String,
}

/// True if the word for a type says the same as the syntax.
fn agree(kind: &Kind, word: &str) -> bool {
    match (kind, word) {
        (Kind::String, "string" | "str")
        | (Kind::Integer, "integer" | "int" | "long")
        | (Kind::Float, "float" | "double")
        | (Kind::Boolean, "boolean" | "bool")
        | (Kind::Timestamp, "datetime" | "timestamp")
        | (Kind::Bytes, "bytes")
        | (Kind::List(_), "list")
        | (Kind::Struct(_), "dict") => true,
        (Kind::Other(name), "dict") => name == "map",
        (Kind::Other(name), word) => name.eq_ignore_ascii_case(word),
        _ => false,
    }
}
