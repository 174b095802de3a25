//! An exchange as it is written down: with stand-ins, and without what does not belong to its scenario.
//!
//! A listing shows whatever there is. What the scenario has not made, nor anything that it has made refers to, may not be
//! there the next time, and is left out.
//!
//! Imports `spec` and `wire`.

use std::collections::BTreeSet;

use super::{
    files::Entry,
    layout::{Inner, Layout, Piece},
    standins::{Chosen, REQUEST_ID, StandIns, chosen, of_view},
};
use crate::{
    report::data::{Exchange, RawAnswer},
    spec::{
        file::Protocol,
        law::{Change, KindIx, Law, OperationIx, OutputFrom, ShownFrom},
    },
    wire::{
        self, Body, LIST_ITEM, Tree,
        http::{HttpRequest, HttpResponse},
    },
};

/// Headers that are written down, besides those that begin with `x-`. The others are about the connection, or the moment.
const HEADERS: &[&str] = &["content-type", "location", "retry-after", "www-authenticate"];
/// What stands for a value that nobody wants to know.
const MASKED: &str = "{masked}";

/// Writes down the exchanges of one scenario, in their order.
pub struct Writer<'l> {
    law: &'l Law,
    /// Elements and members whose values are not written down.
    masked: &'l [String],
    standins: StandIns,
    /// The ids of what belongs to the scenario.
    own: BTreeSet<String>,
}

impl<'l> Writer<'l> {
    /// For a scenario of which nothing has been sent yet.
    pub fn new(law: &'l Law, masked: &'l [String], standins: StandIns) -> Writer<'l> {
        Writer { law, masked, standins, own: BTreeSet::new() }
    }

    /// An exchange as it is written down, and its operation. None if it is no request by this law, which eipcheck does not
    /// send.
    pub fn entry(&mut self, scenario: &str, step: usize, exchange: &Exchange) -> Option<(OperationIx, Entry)> {
        let request = HttpRequest {
            method: if exchange.method == "GET" { "GET" } else { "POST" },
            query: exchange.query.clone(),
            headers: exchange.headers.clone(),
            body: exchange.body.clone().into_bytes().into(),
        };
        let request = wire::decode_request(self.law, &request).ok()?;
        let operation = request.operation;
        let mut asked = self.law[operation].name.to_string();
        for (name, value) in request.args.iter().chain(&request.undeclared) {
            asked.push_str(&format!(" {name}={}", display(value)));
        }
        let mut entry = Entry {
            scenario: scenario.to_owned(),
            step,
            request: self.standins.replace(&asked),
            status: None,
            headers: Vec::new(),
            body: String::new(),
        };
        match &exchange.answer {
            Some(answer) => {
                let (headers, body) = self.answer(operation, answer);
                entry = Entry { status: Some(answer.status), headers, body, ..entry };
            }
            None => entry.body = self.standins.replace(exchange.no_answer.as_deref().unwrap_or("no answer")),
        }
        Some((operation, entry))
    }

    fn answer(&mut self, operation: OperationIx, raw: &RawAnswer) -> (Vec<String>, String) {
        let law = self.law;
        let response = HttpResponse {
            status: raw.status,
            headers: raw.headers.clone(),
            body: raw.body.clone().into_bytes().into(),
        };
        let answer = wire::decode_answer(law, operation, &response);
        let mut layout = Layout::of(&raw.body);
        if let Body::Success(tree) = answer.body {
            let tree = self.without_foreign(operation, tree, &mut layout);
            let shown = chosen(law, operation, &tree);
            if !law[operation].reads {
                self.own.extend(shown.iter().filter(|chosen| chosen.is_id).map(|chosen| chosen.text.clone()));
            }
            self.standins.learn(&shown);
        }
        if let Some(parts) = layout.parts() {
            mask(parts, self.masked);
        }
        let id = answer.request_id.filter(|id| !id.trim().is_empty());
        let mut replace = |text: &str| {
            let text = id.as_ref().map_or_else(|| text.to_owned(), |id| text.replace(&**id, REQUEST_ID));
            self.standins.replace(&text)
        };
        let is_kept = |name: &str| HEADERS.contains(&name) || name.starts_with("x-");
        let mut headers = Vec::new();
        for (name, value) in raw.headers.iter().filter(|(name, _)| is_kept(name)) {
            let value = if self.masked.contains(name) {
                MASKED.to_owned()
            } else if name.replace('-', "").ends_with("requestid") {
                // Some servers have another id there than in the body.
                REQUEST_ID.to_owned()
            } else {
                replace(value)
            };
            headers.push(format!("{name}: {value}"));
        }
        headers.sort();
        (headers, replace(&layout.text()))
    }

    /// An answer without the resources that do not belong to the scenario, both as it was read and as it is written.
    fn without_foreign(&mut self, operation: OperationIx, mut tree: Tree, layout: &mut Layout) -> Tree {
        let law = self.law;
        for output in &law[operation].output {
            let OutputFrom::Selected { kind, .. } = &output.from else { continue };
            let Some(id) = id_of(law, *kind).filter(|_| is_created(law, *kind)) else { continue };
            let Tree::Struct(members) = &mut tree else { continue };
            let list = members.iter_mut().find(|(name, _)| *name == output.name);
            let Some((_, Tree::List(items))) = list else { continue };
            let mut foreign = BTreeSet::new();
            items.retain(|item| {
                let Some(own_id) = item.get(&law[*kind].view[id].name).and_then(Tree::as_text) else { return true };
                let mut names: Vec<Chosen> = Vec::new();
                of_view(law, *kind, item, &mut names);
                let is_own = names.iter().any(|name| name.is_id && self.own.contains(&name.text));
                if is_own {
                    self.own.insert(own_id.to_string());
                } else {
                    foreign.insert(own_id.to_string());
                }
                is_own
            });
            if foreign.is_empty() {
                continue;
            }
            let counted =
                law[operation].output.iter().find(|o| matches!(&o.from, OutputFrom::Counts(of) if *of == output.name));
            if let (Some(parts), Some(name)) = (layout.parts(), law[*kind].view[id].wire.last()) {
                let through_lists = law.wire.protocol == Protocol::Ec2Query && output.wire.len() > 1;
                prune(parts, &Foreign { name, ids: &foreign, through_lists });
                if let Some(name) = counted.and_then(|counted| counted.wire.last()) {
                    count_less(parts, name, foreign.len() as u64);
                }
            }
        }
        tree
    }
}

/// The place in a kind's view that shows the resource's own id, if it stands directly there.
fn id_of(law: &Law, kind: KindIx) -> Option<usize> {
    let id = law[kind].id?;
    law[kind].view.iter().position(|shown| {
        shown.wire.len() == 1
            && matches!(&shown.from, ShownFrom::Paths(paths) if paths.iter().any(|path| path.0 == [id]))
    })
}

/// True if some request makes such resources; others are there once and for all.
fn is_created(law: &Law, kind: KindIx) -> bool {
    let creates = |change: &Change| matches!(change, Change::Create { kind: created, .. } if *created == kind);
    law.operations().any(|(_, operation)| operation.effects.iter().any(|effect| creates(&effect.change)))
}

/// What is to be left out of a list.
struct Foreign<'f> {
    /// The element or member that names it.
    name: &'f str,
    ids: &'f BTreeSet<String>,
    /// The list stands within the elements of another one.
    through_lists: bool,
}

/// Leaves it out; true if that left a list empty.
fn prune(parts: &mut Vec<Piece>, foreign: &Foreign<'_>) -> bool {
    let before = parts.len();
    parts.retain_mut(|piece| {
        let Inner::Parts(inner) = &mut piece.inner else { return true };
        let is_foreign = inner.iter().any(|part| {
            part.name == foreign.name && matches!(&part.inner, Inner::Text(text) if foreign.ids.contains(text))
        });
        if is_foreign {
            return false;
        }
        let emptied = prune(inner, foreign);
        if emptied && foreign.through_lists && piece.name == LIST_ITEM {
            return false;
        }
        if emptied && inner.is_empty() && piece.open.ends_with('>') {
            // As a list that was empty from the beginning.
            piece.open.insert(piece.open.len() - 1, '/');
            piece.close.clear();
        }
        true
    });
    parts.is_empty() && before > 0 || foreign.through_lists && parts.iter().any(is_emptied)
}

/// True for an element that has lost all that was in it.
fn is_emptied(piece: &Piece) -> bool {
    matches!(&piece.inner, Inner::Parts(inner) if inner.is_empty()) && piece.open.ends_with("/>")
}

/// Takes what was left out off a count.
fn count_less(parts: &mut [Piece], name: &str, less: u64) {
    for piece in parts {
        match &mut piece.inner {
            Inner::Text(text) if piece.name == name => {
                if let Ok(count) = text.parse::<u64>() {
                    *text = count.saturating_sub(less).to_string();
                }
            }
            Inner::Text(_) => {}
            Inner::Parts(inner) => count_less(inner, name, less),
        }
    }
}

/// Takes away the values of these elements and members.
fn mask(parts: &mut [Piece], names: &[String]) {
    for piece in parts {
        let is_masked = names.contains(&piece.name);
        match &mut piece.inner {
            Inner::Text(text) if is_masked && !text.is_empty() => MASKED.clone_into(text),
            Inner::Text(_) => {}
            Inner::Parts(inner) => mask(inner, names),
        }
    }
}

/// An argument, for people.
fn display(tree: &Tree) -> String {
    match tree {
        Tree::Text(text) => format!("{text:?}"),
        Tree::List(items) => format!("[{}]", items.iter().map(display).collect::<Vec<_>>().join(", ")),
        Tree::Struct(members) => {
            let members = members.iter().map(|(name, member)| format!("{name}: {}", display(member)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pruned(body: &str, name: &str, through_lists: bool) -> String {
        let mut layout = Layout::of(body);
        let ids = BTreeSet::from(["b".to_owned(), "c".to_owned()]);
        prune(layout.parts().unwrap(), &Foreign { name, ids: &ids, through_lists });
        layout.text()
    }

    #[test]
    fn what_is_foreign_goes_and_an_emptied_list_is_as_one_that_was_empty() {
        let body = "<r><s><item><id>a</id></item><item><id>b</id></item></s></r>";
        assert_eq!(pruned(body, "id", false), "<r>\n  <s>\n    <item>\n      <id>a</id>\n    </item>\n  </s>\n</r>\n");
        assert_eq!(pruned("<r><s><item><id>b</id></item></s></r>", "id", false), "<r>\n  <s/>\n</r>\n");
        let json = r#"{"S":{"I":[{"Id":"b"},{"Id":"c","In":{"Id":"a"}}]},"N":2}"#;
        assert_eq!(pruned(json, "Id", false), "{\n  \"S\": {\n    \"I\": []\n  },\n  \"N\": 2\n}\n");
    }

    #[test]
    fn what_holds_nothing_but_what_is_foreign_goes_with_it() {
        let of = |ids: &[&str]| {
            let inner: String = ids.iter().map(|id| format!("<item><id>{id}</id></item>")).collect();
            format!("<item><other>x</other><set>{inner}</set></item>")
        };
        let body = format!("<r><outer>{}{}</outer></r>", of(&["b", "c"]), of(&["a", "b"]));
        let left = format!("<r><outer>{}</outer></r>", of(&["a"]));
        assert_eq!(pruned(&body, "id", true), Layout::of(&left).text());
        let body = format!("<r><outer>{}</outer></r>", of(&["b"]));
        assert_eq!(pruned(&body, "id", true), "<r>\n  <outer/>\n</r>\n");
    }

    #[test]
    fn a_value_that_nobody_wants_to_know_is_masked_wherever_it_stands() {
        let mut layout = Layout::of(r#"{"a":1,"b":[{"a":"x"}],"c":{"a":{}}}"#);
        mask(layout.parts().unwrap(), &["a".to_owned()]);
        let text = layout.text();
        assert_eq!(text.matches("{masked}").count(), 2, "{text}");
    }
}
