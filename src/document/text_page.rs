//! Alibaba Cloud's API pages of one operation each, as the plain text that a browser makes of them.
//!
//! Such a text has no marks: cells of a table stand one below the other, with blank lines between. This reads the one
//! layout that these pages have, and refuses whatever it does not know:
//!
//! ```text
//! Product:Operation          the title
//! Last Updated:…
//! summary                    paragraph 1
//! Operation description      more paragraphs, and each item of a list
//! Request parameters         Parameter Type Required Description Example, and a row for each parameter
//! Response elements          Element Type Description Example, and a row for each field
//! Error codes                a line for each code: STATUS CODE MESSAGE
//! See Error Codes for a complete list.
//! ```
//!
//! What stands between these (permissions, examples, release notes) is passed over. A cell that says nothing is not there
//! at all, so a row ends where the next one can be told by its first cells. Imports its neighbours.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    At, ErrorRow, Kind, Member, Operation, Passage,
    error::{DocumentError, Text},
    prose::{self, joined, plain},
};
use crate::spec::spot::Spot;

static TITLE: LazyLock<Regex> = LazyLock::new(|| prose::known(r"^[^:]{1,200}: ?(\w{1,200})$"));
static ROW: LazyLock<Regex> = LazyLock::new(|| prose::known(r"^(\d{3}) ([^\s,;]+)(?: (.*))?$"));

const REQUEST: &str = "Request parameters";
const ERRORS: &str = "Error codes";
const END: &str = "See Error Codes for a complete list.";
const DESCRIPTION: &str = "Operation description";
/// The table of the answer has had two names.
const RESPONSE: [&str; 2] = ["Response elements", "Response parameters"];
/// What may follow the description.
const AFTER_DESCRIPTION: [&str; 4] = ["Try it now", "RAM authorization", "Debugging", "Authorization information"];

/// True if a text looks like such a page.
pub(super) fn is_one(text: &str) -> bool {
    let has = |wanted: &str| text.lines().any(|l| l.trim() == wanted);
    text.lines().any(|l| l.trim().starts_with("Last Updated:")) || (has(REQUEST) && has(ERRORS))
}

/// Lines without a blank line between them, or one item of a list.
struct Piece {
    line: usize,
    item: bool,
    text: String,
}

struct Page<'t> {
    document: &'t Text,
    pieces: Vec<Piece>,
}

/// Reads a page.
pub(super) fn read(document: &Text) -> Result<Operation, DocumentError> {
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut open, mut rows) = (false, false);
    for (i, line) in document.text().lines().enumerate() {
        let text = line.trim();
        if text.is_empty() {
            open = false;
            continue;
        }
        let (item, text) = text.strip_prefix('•').map_or((false, text), |text| (true, text.trim_start()));
        // In the table of errors each line is a row.
        match pieces.last_mut().filter(|_| open && !item && !rows) {
            Some(last) => last.text = format!("{} {text}", last.text),
            None => pieces.push(Piece { line: i + 1, item, text: text.to_owned() }),
        }
        rows = (rows || text == ERRORS) && text != END;
        open = true;
    }
    Page { document, pieces }.operation()
}

impl Page<'_> {
    fn wrong(&self, line: usize, why: impl Into<String>) -> DocumentError {
        self.document.wrong(line, why)
    }

    fn cut_off(&self, missing: &str) -> DocumentError {
        let last = self.pieces.last().map_or(1, |p| p.line);
        self.wrong(last, format!("the page ends before {missing}")).help("is it cut off, or laid out in another way?")
    }

    /// The only piece that is this heading, from there on.
    fn heading(&self, from: usize, titles: &[&str]) -> Result<usize, DocumentError> {
        let is = |piece: &Piece| !piece.item && titles.contains(&&*piece.text);
        let found = self.pieces[from..].iter().position(is);
        let found = found.ok_or_else(|| self.cut_off(&format!("`{}`", titles[0])))? + from;
        match self.pieces[found + 1..].iter().find(|p| is(p)) {
            Some(second) => Err(self.wrong(second.line, format!("a second `{}`", second.text))),
            None => Ok(found),
        }
    }

    fn operation(&self) -> Result<Operation, DocumentError> {
        let updated = self.pieces.iter().position(|p| p.text.starts_with("Last Updated:"));
        let updated = updated.ok_or_else(|| self.cut_off("`Last Updated:`"))?;
        let title = self.pieces[..updated].iter().rev().find_map(|p| TITLE.captures(&p.text));
        let name =
            title.ok_or_else(|| self.wrong(self.pieces[updated].line, "no title `Product:Operation` stands above"))?;
        let request = self.heading(updated, &[REQUEST])?;
        let response = self.heading(request, &RESPONSE)?;
        let errors = self.heading(response, &[ERRORS])?;
        let end = self.heading(errors, &[END])?;

        let mut passages = self.description(updated + 1, request)?;
        let parameters = self.parameters(request + 1, response, &mut passages)?;
        // Examples follow the table of the answer.
        let examples = self.pieces[response..errors].iter().position(|p| p.text == "Examples");
        let answer_ends = examples.map_or(errors, |at| response + at);
        let fields = self.fields(response + 1, answer_ends, &mut passages)?;
        let rows = self.rows(errors + 1, end, &mut passages)?;
        Ok(Operation {
            name: name[1].to_owned(),
            version: None,
            parameters,
            response: Some(fields),
            errors: Some(rows),
            passages: Some(passages),
            examples: u32::from(examples.is_some()),
        })
    }

    /// The summary and the description.
    fn description(&self, from: usize, to: usize) -> Result<Vec<Passage>, DocumentError> {
        let pieces = &self.pieces[from..to];
        let ends = pieces.iter().position(|p| AFTER_DESCRIPTION.contains(&&*p.text)).unwrap_or(pieces.len());
        let said = pieces[..ends].iter().filter(|p| p.text != DESCRIPTION);
        let passage =
            |(i, p): (usize, &Piece)| Passage::new(Spot::Paragraph(i as u32 + 1), plain(&p.text), At::Line(p.line));
        let passages: Vec<Passage> = said.enumerate().map(passage).collect();
        match passages.is_empty() {
            true => Err(self.wrong(self.pieces[from - 1].line, "the operation has no description")),
            false => Ok(passages),
        }
    }

    /// The cells of a table below its head, which must be these.
    fn table(&self, from: usize, to: usize, head: &[&str]) -> Result<&[Piece], DocumentError> {
        for (i, wanted) in head.iter().enumerate() {
            match self.pieces[..to].get(from + i) {
                Some(found) if found.text == *wanted => {}
                Some(found) => return Err(self.wrong(found.line, format!("the column `{wanted}` should stand here"))),
                None => {
                    return Err(self.wrong(self.pieces[from - 1].line, format!("the table has no column `{wanted}`")));
                }
            }
        }
        Ok(&self.pieces[from + head.len()..to])
    }

    fn parameters(&self, from: usize, to: usize, passages: &mut Vec<Passage>) -> Result<Vec<Member>, DocumentError> {
        let cells = self.table(from, to, &["Parameter", "Type", "Required", "Description", "Example"])?;
        let begins = |i: usize| {
            let cell = |at: usize| cells.get(at).filter(|p| !p.item).map_or("", |p| &p.text);
            is_name(cell(i)) && kind(cell(i + 1)).is_some() && matches!(cell(i + 2), "Yes" | "No")
        };
        let mut members: Vec<Member> = Vec::new();
        for row in self.cut(cells, begins, 3)? {
            let [name, word, required, rest @ ..] = row else { continue };
            let mut member = Member::new(&name.text, kind(&word.text).unwrap_or(Kind::String), At::Line(name.line));
            member.required = required.text == "Yes";
            self.cells(&mut member, Spot::Parameter(name.text.clone()), rest, passages);
            self.once(&members, &member, name.line)?;
            members.push(member);
        }
        Ok(members)
    }

    fn fields(&self, from: usize, to: usize, passages: &mut Vec<Passage>) -> Result<Vec<Member>, DocumentError> {
        let cells = self.table(from, to, &["Element", "Type", "Description", "Example"]).or_else(|wrong| {
            self.table(from, to, &["Parameter", "Type", "Description", "Example"]).map_err(|_| wrong)
        })?;
        // The answer as a whole has a row without a name.
        let whole = cells.first().filter(|p| p.text == "object").map(|_| 1);
        let whole = whole.unwrap_or(0);
        let begins = |i: usize| {
            let cell = |at: usize| cells.get(at).filter(|p| !p.item).map_or("", |p| &p.text);
            i >= whole && is_name(cell(i)) && kind(cell(i + 1)).is_some()
        };
        let first = (whole..cells.len()).find(|i| begins(*i));
        // Of the row for the whole nothing but its description may come before the first field.
        let Some(first) = first.filter(|first| *first <= whole + whole) else {
            let line = cells.first().map_or(self.pieces[from - 1].line, |p| p.line);
            return Err(self.wrong(line, "the table of the answer has no field where one should begin"));
        };
        let mut members: Vec<Member> = Vec::new();
        for row in self.cut(&cells[first..], |i| begins(first + i), 2)? {
            let [name, word, rest @ ..] = row else { continue };
            let mut member = Member::new(&name.text, kind(&word.text).unwrap_or(Kind::String), At::Line(name.line));
            self.cells(&mut member, Spot::Response(name.text.clone()), rest, passages);
            self.once(&members, &member, name.line)?;
            members.push(member);
        }
        Ok(members)
    }

    /// Cuts cells into rows. What stands before the first row, or looks like the beginning of one but is none, is an error.
    fn cut<'p>(
        &self,
        cells: &'p [Piece],
        begins: impl Fn(usize) -> bool,
        least: usize,
    ) -> Result<Vec<&'p [Piece]>, DocumentError> {
        let starts: Vec<usize> = (0..cells.len()).filter(|i| begins(*i)).collect();
        if let Some(stray) = cells.first().filter(|_| starts.first() != Some(&0)) {
            return Err(
                self.wrong(stray.line, "a row should begin here: its name, its type, and whether it is required")
            );
        }
        let mut rows = Vec::new();
        for (n, start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(cells.len());
            let row = &cells[*start..end];
            // A row may even be shorter than its first cells: those of the next may be a name and a type as well.
            let said = row.get(least..).unwrap_or_default();
            // A type in the middle of a row belongs to a row whose beginning is not understood.
            if let Some(stray) = said.iter().find(|p| {
                !p.item && matches!(&*p.text, "Yes" | "No" | "string" | "boolean" | "integer" | "array" | "object")
            }) {
                return Err(self.wrong(stray.line, "this belongs to no row of the table"));
            }
            if said.is_empty() {
                return Err(self.wrong(row[0].line, format!("nothing is said of `{}`", row[0].text)));
            }
            rows.push(row);
        }
        Ok(rows)
    }

    fn once(&self, members: &[Member], member: &Member, line: usize) -> Result<(), DocumentError> {
        match members.iter().any(|m| m.name == member.name) {
            true => Err(self.wrong(line, format!("`{}` has two rows", member.name))),
            false => Ok(()),
        }
    }

    /// The description and the example of a row: the last cell is an example unless it ends like a sentence.
    fn cells(&self, member: &mut Member, spot: Spot, cells: &[Piece], passages: &mut Vec<Passage>) {
        let is_example = |p: &&Piece| !p.item && !p.text.ends_with(['.', ':']) && prose::rule_word(&p.text).is_none();
        let described = match cells.split_last() {
            Some((last, before)) if !before.is_empty() && is_example(&last) => before,
            _ => cells,
        };
        let marked: Vec<(bool, String)> = described.iter().map(|p| (p.item, plain(&p.text))).collect();
        prose::read(member, &marked);
        if let Some(first) = described.first() {
            passages.push(Passage::new(spot, joined(&marked), At::Line(first.line)));
        }
    }

    fn rows(&self, from: usize, to: usize, passages: &mut Vec<Passage>) -> Result<Vec<ErrorRow>, DocumentError> {
        let cells = self.table(from, to, &["HTTP status code", "Error code", "Error message", "Description"])?;
        let mut rows: Vec<ErrorRow> = Vec::new();
        for cell in cells {
            let Some(found) = ROW.captures(&cell.text).filter(|_| !cell.item) else {
                return Err(self.wrong(cell.line, "a row of the table of errors begins with a status and a code"));
            };
            // Three digits are a number below 1000.
            let status = found[1].parse().unwrap_or_default();
            let code = found[2].to_owned();
            let text = plain(found.get(3).map_or("", |m| m.as_str()));
            let spot = Spot::ErrorCode(code.clone());
            // A code may have two rows; what they say is one passage.
            match passages.iter_mut().find(|p| p.spot == spot) {
                Some(known) => *known = Passage::new(spot, format!("{}\n{text}", known.text), known.at.clone()),
                None => passages.push(Passage::new(spot, text, At::Line(cell.line))),
            }
            rows.push(ErrorRow { code, status: Some(status), at: At::Line(cell.line) });
        }
        match rows.is_empty() {
            true => Err(self.wrong(self.pieces[from - 1].line, "the table of errors has no rows")),
            false => Ok(rows),
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The type that a word stands for.
fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "string" => Kind::String,
        "integer" | "long" => Kind::Integer,
        "number" | "float" | "double" => Kind::Float,
        "boolean" => Kind::Boolean,
        "array" => Kind::List(None),
        "array<string>" => Kind::List(Some(Box::new(Kind::String))),
        "array<object>" => Kind::List(Some(Box::new(Kind::Struct(Vec::new())))),
        "object" => Kind::Struct(Vec::new()),
        _ => return None,
    })
}
