//! A scenario as other tools can follow it: requests, what to take from their answers, and what to look for in the last.
//!
//! Everything is worked out from the law: the reference answers, and the judge tells which of the differences between its
//! last answer and the target's matters. So a check passes on every server that keeps to the law, as far as a single
//! answer shows that.

use std::{collections::BTreeSet, sync::Arc};

use super::data::RawAnswer;
use crate::{
    model::{
        assess::assess,
        time::{Interval, Moment},
        value::Value,
        world::World,
    },
    oracle::{Oracle, RuleSet, Settings, handles, judge::Verdict},
    scenario::{
        atlas::Atlas,
        simulation::Simulation,
        step::{Call, Step, Symbol},
    },
    spec::{
        file::{Protocol, WireFault},
        law::{Kind, Law, OperationIx, OutputFrom, RuleIx, ShownFrom},
    },
    wire::{self, Answer, Body, Request, Style, Tree, http::HttpResponse},
};

/// What a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A text.
    Text(Arc<str>),
    /// What was taken from an earlier answer, by its name.
    Var(String),
    /// A token, by its number.
    Token(u32),
    /// Several.
    List(Vec<Arg>),
    /// Named members.
    Struct(Vec<(Arc<str>, Arg)>),
}

/// A place in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The way there by the names that the documents use, and numbers of elements.
    pub path: Vec<Part>,
    /// The way there by the names on the wire.
    pub wire: Vec<Part>,
    /// The name of the last of them on the wire, and which of that name it is in the answer, from 1.
    pub element: (String, usize),
    /// The same by the name in the documents.
    pub member: (String, usize),
}

/// A step on a way into an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The member of this name.
    Name(String),
    /// The element of this number, from 0.
    Item(usize),
}

/// What an answer should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// An acceptance.
    Accepted,
    /// A refusal with one of these codes; with any, if there are none.
    Refused(Vec<String>),
    /// An answer with one of these HTTP statuses.
    Status(Vec<u16>),
    /// This stands somewhere in it.
    Holds(Arg),
    /// This stands nowhere in it.
    Lacks(Arg),
    /// One of these values is there.
    Is(Place, Vec<Arg>),
    /// Another value than this is there.
    IsNot(Place, Arg),
    /// There is nothing there.
    Missing(Place),
    /// It does not have this fault of form.
    Form(WireFault),
}

/// A request, and what of its answer counts.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The operation.
    pub operation: OperationIx,
    /// Its arguments.
    pub args: Vec<(Arc<str>, Arg)>,
    /// What is needed later on: a name for each, and where it stands.
    pub takes: Vec<(String, Place)>,
    /// What must hold of the answer.
    pub checks: Vec<Check>,
}

/// A part of a recipe.
#[derive(Clone, Debug)]
pub enum Phase {
    /// A request.
    Ask(Ask),
    /// Requests that are repeated until all their checks hold.
    Until(Vec<Ask>),
}

/// A scenario as other tools can follow it. The checks of the last part are those that the rule is about.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// What to do, in order.
    pub parts: Vec<Phase>,
    /// The numbers of the tokens that are needed.
    pub tokens: BTreeSet<u32>,
}

/// What the target did instead, at the end.
#[derive(Clone, Copy)]
pub struct Wrong<'a> {
    /// Its last answer.
    pub answer: &'a RawAnswer,
    /// A state that was possible at the end, for the names that it gave.
    pub world: Option<&'a World>,
}

/// Works out a recipe; none if no single answer that a script could look at tells right from wrong.
pub fn recipe(
    law: &Arc<Law>,
    atlas: &Atlas,
    rule: RuleIx,
    passed_over: &RuleSet,
    steps: &[Step],
    wrong: Option<Wrong<'_>>,
) -> Option<Recipe> {
    let muted: RuleSet = passed_over.iter().filter(|r| *r != rule).collect();
    let settings = Settings { muted: Arc::new(muted), ..Settings::default() };
    let mut cook = Cook {
        law,
        simulation: Simulation::new(law, settings),
        recipe: Recipe { parts: Vec::new(), tokens: BTreeSet::new() },
        answers: Vec::new(),
        wanted: Vec::new(),
    };
    let (last, way) = steps.split_last()?;
    for step in way {
        match step {
            Step::Call(call) => cook.ask(call)?,
            Step::Settle => cook.settle(atlas)?,
            Step::Together(_) => return None,
        }
    }
    match last {
        Step::Call(call) => {
            let before = cook.simulation.clone();
            cook.ask(call)?;
            let (_, request, answer) = cook.answers.last()?.clone();
            let checks = match wrong {
                Some(wrong) => cook.what_matters(rule, before, &request, &answer, wrong),
                None => cook.as_it_is(&before, &request, &answer),
            };
            if checks.is_empty() {
                return None;
            }
            let Some(Phase::Ask(ask)) = cook.recipe.parts.last_mut() else { return None };
            ask.checks = checks;
        }
        Step::Settle => cook.settle(atlas)?,
        Step::Together(_) => return None,
    }
    cook.take_what_is_needed()?;
    Some(cook.recipe)
}

/// A recipe while it is worked out.
struct Cook<'a> {
    law: &'a Arc<Law>,
    simulation: Simulation,
    recipe: Recipe,
    /// The answers so far: the part that each belongs to, its request, and itself.
    answers: Vec<(usize, Request, Answer)>,
    /// What later requests need: the name, and the text that stands for it in the simulation.
    wanted: Vec<(String, Arc<str>)>,
}

impl Cook<'_> {
    fn ask(&mut self, call: &Call) -> Option<()> {
        let mut ask = self.request(call)?;
        let (request, answer, judgement) = self.simulation.exchange(call)?;
        if !matches!(judgement.verdict, Verdict::Explained) {
            return None;
        }
        if matches!(answer.body, Body::Success(_)) {
            ask.checks.push(Check::Accepted);
        }
        self.answers.push((self.recipe.parts.len(), request, answer));
        self.recipe.parts.push(Phase::Ask(ask));
        Some(())
    }

    /// Waits until looks show what they show once everything has happened.
    fn settle(&mut self, atlas: &Atlas) -> Option<()> {
        let looks = atlas.looks_at_changing(self.law, self.simulation.oracle.worlds());
        let shown = |simulation: &mut Simulation, look: &Call| {
            simulation.exchange(look).map(|(request, answer, _)| (request, answer))
        };
        let mut before = self.simulation.clone();
        let earlier: Vec<_> = looks.iter().map(|look| shown(&mut before, look)).collect::<Option<_>>()?;
        self.simulation.settle(atlas)?;
        let mut asks = Vec::new();
        for (look, (_, earlier)) in looks.iter().zip(&earlier) {
            let mut ask = self.request(look)?;
            let mut after = self.simulation.clone();
            let (request, answer) = shown(&mut after, look)?;
            match (&earlier.body, &answer.body) {
                (Body::Success(old), Body::Success(new)) => {
                    for difference in differences(new, old, &self.ids()) {
                        ask.checks.extend(self.wants(&request, new, &difference));
                    }
                }
                (_, Body::Error { code, .. }) => ask.checks.push(Check::Refused(vec![code.to_string()])),
                _ => ask.checks.push(Check::Accepted),
            }
            if !ask.checks.is_empty() {
                self.answers.push((self.recipe.parts.len(), request, answer));
                asks.push(ask);
            }
        }
        if !asks.is_empty() {
            self.recipe.parts.push(Phase::Until(asks));
        }
        Some(())
    }

    fn request(&mut self, call: &Call) -> Option<Ask> {
        let args =
            call.args.iter().map(|(name, symbol)| Some((name.clone(), self.arg(symbol)?))).collect::<Option<_>>()?;
        Some(Ask { operation: call.operation, args, takes: Vec::new(), checks: Vec::new() })
    }

    fn arg(&mut self, symbol: &Symbol) -> Option<Arg> {
        Some(match symbol {
            Symbol::Text(text) => Arg::Text(text.clone()),
            Symbol::Token(number) => {
                self.recipe.tokens.insert(*number);
                Arg::Token(*number)
            }
            Symbol::Of { .. } => {
                let text = symbol.resolve(self.simulation.oracle.worlds(), "")?.as_text()?.clone();
                self.var(&text)?
            }
            Symbol::List(items) => Arg::List(items.iter().map(|item| self.arg(item)).collect::<Option<_>>()?),
            Symbol::Struct(members) => {
                Arg::Struct(members.iter().map(|(n, s)| Some((n.clone(), self.arg(s)?))).collect::<Option<_>>()?)
            }
        })
    }

    /// The name for a text that names something in the simulation; it is wanted from now on.
    fn var(&mut self, text: &Arc<str>) -> Option<Arg> {
        let world = self.simulation.oracle.worlds().first()?.clone();
        let law = self.law.clone();
        let (kind, ordinal, field) = named(&law, &world, text)?;
        let name = format!("{}_{ordinal}_{}", kind.name, kind.fields[field].name).replace('-', "_");
        if !self.wanted.iter().any(|(known, _)| *known == name) {
            self.wanted.push((name.clone(), text.clone()));
        }
        Some(Arg::Var(name))
    }

    /// A text of an answer, by its name if it names something; if the service made it up and has shown it before, what it
    /// showed then. None if it was made up and stands nowhere else: another server makes up another one.
    fn value(&mut self, text: &Arc<str>) -> Option<Arg> {
        if let Some(var) = self.var(text) {
            return Some(var);
        }
        if self.is_given(text) {
            return Some(Arg::Text(text.clone()));
        }
        let (_, earlier) = self.answers.split_last()?;
        let shown = |(_, _, answer): &(usize, Request, Answer)| matches!(&answer.body, Body::Success(tree) if find(tree, text, &mut Vec::new()));
        if !earlier.iter().any(shown) {
            return None;
        }
        let known = self.wanted.iter().find(|(_, own)| own == text).map(|(name, _)| name.clone());
        let name = known.unwrap_or_else(|| {
            let name = format!("seen_{}", self.wanted.len() + 1);
            self.wanted.push((name.clone(), text.clone()));
            name
        });
        Some(Arg::Var(name))
    }

    /// True for a text that no service makes up: a number, a truth value, a value of the law, or what a request carried.
    fn is_given(&self, text: &str) -> bool {
        let sent = |tree: &Tree| find(tree, text, &mut Vec::new());
        let listed = |values: &[String]| values.iter().any(|value| value == text);
        text.parse::<i64>().is_ok()
            || matches!(text, "true" | "false")
            || self.answers.iter().any(|(_, request, _)| request.args.iter().any(|(_, tree)| sent(tree)))
            || self.law.kinds.iter().flat_map(|kind| &kind.view).any(|shown| listed(&shown.values))
            || self.law.kinds.iter().flat_map(|kind| &kind.fields).any(|f| f.values.iter().any(|v| **v == *text))
            || self.law.operations.iter().flat_map(|o| &o.output).any(|output| listed(&output.values))
    }

    /// Every text that names something in the simulation.
    fn ids(&self) -> BTreeSet<Arc<str>> {
        let worlds = self.simulation.oracle.worlds();
        worlds.first().map(|world| names(self.law, world).map(|(.., text)| text).collect()).unwrap_or_default()
    }

    /// Says for each text that is needed where it is first shown.
    fn take_what_is_needed(&mut self) -> Option<()> {
        for (name, text) in std::mem::take(&mut self.wanted) {
            let (part, place) = self.answers.iter().find_map(|(part, request, answer)| {
                let Body::Success(tree) = &answer.body else { return None };
                let mut path = Vec::new();
                find(tree, &text, &mut path).then(|| (*part, place(self.law, request.operation, tree, &path)))
            })?;
            let asks = match &mut self.recipe.parts[part] {
                Phase::Ask(ask) => std::slice::from_mut(ask),
                Phase::Until(asks) => asks.as_mut_slice(),
            };
            asks.last_mut()?.takes.push((name, place?));
        }
        Some(())
    }

    /// The codes that the law allows for a request; empty for any.
    fn codes(&self, oracle: &Oracle, request: &Request) -> Vec<String> {
        let (mut codes, mut any) = (BTreeSet::new(), false);
        for world in oracle.worlds() {
            let assessment = assess(self.law, world, request);
            for refusal in &assessment.refusals {
                any |= refusal.codes.is_empty();
                codes.extend(refusal.codes.iter().map(ToString::to_string));
            }
            if assessment.dry_run.is_some() {
                codes.extend(self.law.dry_run_code.as_ref().map(ToString::to_string));
            }
        }
        if any { Vec::new() } else { codes.into_iter().collect() }
    }

    /// What a right answer is, where nobody has seen a wrong one.
    fn as_it_is(&self, before: &Simulation, request: &Request, answer: &Answer) -> Vec<Check> {
        match &answer.body {
            Body::Success(_) => vec![Check::Accepted],
            _ => vec![Check::Refused(self.codes(&before.oracle, request))],
        }
    }

    /// What tells a wrong last answer from a right one.
    fn what_matters(
        &mut self,
        rule: RuleIx,
        before: Simulation,
        request: &Request,
        right: &Answer,
        wrong: Wrong<'_>,
    ) -> Vec<Check> {
        let law = self.law.clone();
        let raw = wrong.answer;
        let response = HttpResponse {
            status: raw.status,
            headers: raw.headers.clone(),
            body: raw.body.clone().into_bytes().into(),
        };
        let came = wire::decode_answer(&law, request.operation, &response);
        let form = came.faults.iter().find(|f| law.wire_rule(**f, request.operation) == Some(rule));
        if let Some(fault) = form.filter(|fault| **fault != WireFault::Status) {
            return vec![Check::Form(*fault)];
        }
        match (&right.body, &came.body) {
            (Body::Success(_), Body::Error { .. }) => vec![Check::Accepted],
            (Body::Success(right), Body::Success(came)) => {
                let came = self.in_our_names(came, wrong.world);
                self.flaws(&before, request, right, &came)
            }
            (Body::Error { .. }, Body::Error { code, .. }) => {
                let codes = self.codes(&before.oracle, request);
                if !codes.is_empty() && !codes.iter().any(|c| **c == **code) || !(400..500).contains(&came.status) {
                    return vec![Check::Refused(codes)];
                }
                let statuses = law.statuses(request.operation, code).map(|(statuses, _)| statuses.to_vec());
                statuses.filter(|s| !s.contains(&came.status)).map(Check::Status).into_iter().collect()
            }
            (Body::Error { .. }, _) => vec![Check::Refused(self.codes(&before.oracle, request))],
            _ => Vec::new(),
        }
    }

    /// The differences between a right and a wrong answer that the judge does not let pass.
    fn flaws(&mut self, before: &Simulation, request: &Request, right: &Tree, came: &Tree) -> Vec<Check> {
        let interval = Interval { from: before.now, to: Moment(before.now.0 + 1000) };
        let is_right = |tree: Tree| {
            let answer =
                Answer { status: 200, request_id: Some("0".into()), body: Body::Success(tree), faults: Vec::new() };
            let mut oracle = before.oracle.clone();
            let judgement = oracle.judge(request, interval, &answer);
            judgement.faults.is_empty() && !matches!(judgement.verdict, Verdict::Violation(_))
        };
        let mut checks = Vec::new();
        for difference in differences(right, came, &self.ids()) {
            let mut patched = right.clone();
            if !patch(&mut patched, &difference.path, difference.came.as_ref()) || is_right(patched) {
                continue;
            }
            // Where any other value is wrong as well, the right one can be asked for.
            let mut other = right.clone();
            let strange = Tree::text("eipcheck-nothing-of-the-kind");
            let only = patch(&mut other, &difference.path, Some(&strange)) && !is_right(other);
            let right_text = difference.right.as_ref().and_then(Tree::as_text).cloned();
            let came_text = difference.came.as_ref().and_then(Tree::as_text).cloned();
            let known = right_text.as_ref().filter(|_| only).and_then(|wanted| self.value(wanted));
            match (right_text, came_text) {
                (Some(wanted), _) if let Some(known) = known => {
                    let values = values(self.law, request.operation, &difference.path);
                    let mut allowed = vec![known];
                    for value in values.iter().filter(|value| ***value != *wanted) {
                        let mut patched = right.clone();
                        if patch(&mut patched, &difference.path, Some(&Tree::text(value.as_str()))) && is_right(patched)
                        {
                            allowed.push(Arg::Text(value.as_str().into()));
                        }
                    }
                    let place = place(self.law, request.operation, right, &difference.path);
                    checks.extend(place.map(|place| Check::Is(place, allowed)));
                }
                (Some(_), Some(came)) => {
                    let came = self.value(&came).unwrap_or(Arg::Text(came));
                    let place = place(self.law, request.operation, right, &difference.path);
                    checks.extend(place.map(|place| Check::IsNot(place, came)));
                }
                _ => checks.extend(self.wants(request, right, &difference)),
            }
        }
        checks
    }

    /// What the right side of a difference wants.
    fn wants(&mut self, request: &Request, right: &Tree, difference: &Difference) -> Option<Check> {
        let ids = self.ids();
        let is_item = matches!(difference.path.last(), Some(Turn::Item(_)));
        match (&difference.right, &difference.came) {
            (Some(Tree::Text(text)), _) if !is_item => {
                let text = self.value(text)?;
                Some(Check::Is(place(self.law, request.operation, right, &difference.path)?, vec![text]))
            }
            (Some(tree), None) => first_id(tree, &ids).and_then(|id| self.value(&id)).map(Check::Holds),
            (None, Some(tree)) if is_item => {
                // What a right answer shows elsewhere may stay.
                let strange = ids.into_iter().filter(|id| !right.holds(id)).collect();
                let id = first_id(tree, &strange).or_else(|| tree.as_text().cloned())?;
                self.value(&id).map(Check::Lacks)
            }
            (None, Some(_)) => Some(Check::Missing(place(self.law, request.operation, right, &difference.path)?)),
            _ => None,
        }
    }

    /// An answer of the target with its names replaced by those of the simulation.
    fn in_our_names(&self, tree: &Tree, world: Option<&World>) -> Tree {
        let ours = self.simulation.oracle.worlds().first().cloned();
        let translate = |text: &Arc<str>| -> Arc<str> {
            let name = world.zip(ours.as_ref()).and_then(|(world, ours)| {
                let (kind, ordinal, field) = named(self.law, world, text)?;
                let handle = ours.nth(self.law.kind(&kind.name)?, ordinal)?;
                handles::seen_text(ours, handle, field as u32)
            });
            name.unwrap_or_else(|| text.clone())
        };
        map_texts(tree, &translate)
    }
}

fn map_texts(tree: &Tree, to: &dyn Fn(&Arc<str>) -> Arc<str>) -> Tree {
    match tree {
        Tree::Text(text) => Tree::Text(to(text)),
        Tree::List(items) => Tree::List(items.iter().map(|item| map_texts(item, to)).collect()),
        Tree::Struct(members) => Tree::Struct(members.iter().map(|(n, t)| (n.clone(), map_texts(t, to))).collect()),
    }
}

/// Every text by which something is told from everything else: its kind, its number, the field, and the text.
fn names<'a>(law: &'a Law, world: &'a World) -> impl Iterator<Item = (&'a Kind, u32, usize, Arc<str>)> {
    world.iter().flat_map(move |(_, resource)| {
        let kind = &law[resource.kind];
        kind.fields.iter().enumerate().filter_map(move |(ix, field)| match resource.fields.get(ix) {
            Some(Value::Text(text)) if field.unique || field.names || kind.id == Some(ix as u32) => {
                Some((kind, resource.ordinal, ix, text.clone()))
            }
            _ => None,
        })
    })
}

fn named<'a>(law: &'a Law, world: &'a World, text: &str) -> Option<(&'a Kind, u32, usize)> {
    let mut found =
        names(law, world).filter(|(.., own)| **own == *text).map(|(kind, nth, field, _)| (kind, nth, field));
    let first = found.next()?;
    // Its own id rather than what holds the same text.
    let own = std::iter::once(first).chain(found).find(|(kind, _, field)| kind.id == Some(*field as u32));
    Some(own.unwrap_or(first))
}

/// A step on a way into a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Turn {
    Member(Arc<str>),
    Item(usize),
}

/// Where two trees differ.
#[derive(Debug)]
struct Difference {
    path: Vec<Turn>,
    right: Option<Tree>,
    came: Option<Tree>,
}

fn differences(right: &Tree, came: &Tree, ids: &BTreeSet<Arc<str>>) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(right, came, ids, &mut Vec::new(), &mut found);
    found
}

fn compare(right: &Tree, came: &Tree, ids: &BTreeSet<Arc<str>>, path: &mut Vec<Turn>, found: &mut Vec<Difference>) {
    let mut note = |path: &[Turn], right: Option<&Tree>, came: Option<&Tree>| {
        found.push(Difference { path: path.to_vec(), right: right.cloned(), came: came.cloned() });
    };
    match (right, came) {
        (Tree::Struct(ours), Tree::Struct(theirs)) => {
            for (name, tree) in ours {
                path.push(Turn::Member(name.clone()));
                match came.get(name) {
                    Some(other) => compare(tree, other, ids, path, found),
                    None => found.push(Difference { path: path.clone(), right: Some(tree.clone()), came: None }),
                }
                path.pop();
            }
            for (name, tree) in theirs.iter().filter(|(name, _)| right.get(name).is_none()) {
                path.push(Turn::Member(name.clone()));
                found.push(Difference { path: path.clone(), right: None, came: Some(tree.clone()) });
                path.pop();
            }
        }
        (Tree::List(ours), Tree::List(theirs)) => {
            let mut left: Vec<&Tree> = theirs.iter().collect();
            for (place, tree) in ours.iter().enumerate() {
                path.push(Turn::Item(place));
                let same = |other: &Tree| {
                    other == tree || first_id(tree, ids).is_some() && first_id(other, ids) == first_id(tree, ids)
                };
                match left.iter().position(|other| same(other)) {
                    Some(at) => compare(tree, left.remove(at), ids, path, found),
                    None => found.push(Difference { path: path.clone(), right: Some(tree.clone()), came: None }),
                }
                path.pop();
            }
            for tree in left {
                path.push(Turn::Item(ours.len()));
                found.push(Difference { path: path.clone(), right: None, came: Some(tree.clone()) });
                path.pop();
            }
        }
        (right, came) if right != came => note(path, Some(right), Some(came)),
        _ => {}
    }
}

/// The first text in a tree that names something.
fn first_id(tree: &Tree, ids: &BTreeSet<Arc<str>>) -> Option<Arc<str>> {
    match tree {
        Tree::Text(text) => ids.contains(text).then(|| text.clone()),
        Tree::List(items) => items.iter().find_map(|item| first_id(item, ids)),
        Tree::Struct(members) => members.iter().find_map(|(_, member)| first_id(member, ids)),
    }
}

/// Puts something else in a place, or takes away what is there. False if there is no such place.
fn patch(tree: &mut Tree, path: &[Turn], with: Option<&Tree>) -> bool {
    match (tree, path) {
        (Tree::Struct(members), [Turn::Member(name), rest @ ..]) => {
            let at = members.iter().position(|(n, _)| n == name);
            match (at, rest, with) {
                (Some(at), [], None) => drop(members.remove(at)),
                (Some(at), [], Some(tree)) => members[at].1 = tree.clone(),
                (Some(at), rest, with) => return patch(&mut members[at].1, rest, with),
                (None, [], Some(tree)) => members.push((name.clone(), tree.clone())),
                (None, ..) => return false,
            }
            true
        }
        (Tree::List(items), [Turn::Item(place), rest @ ..]) => {
            match (items.get_mut(*place), rest, with) {
                (Some(_), [], None) => drop(items.remove(*place)),
                (Some(item), [], Some(tree)) => *item = tree.clone(),
                (Some(item), rest, with) => return patch(item, rest, with),
                (None, [], Some(tree)) => items.push(tree.clone()),
                (None, ..) => return false,
            }
            true
        }
        _ => false,
    }
}

/// Finds a text in a tree; `path` becomes the way there.
fn find(tree: &Tree, text: &str, path: &mut Vec<Turn>) -> bool {
    let mut within = |step: Turn, tree: &Tree| {
        path.push(step);
        let found = find(tree, text, path);
        if !found {
            path.pop();
        }
        found
    };
    match tree {
        Tree::Text(own) => **own == *text,
        Tree::List(items) => items.iter().enumerate().any(|(place, item)| within(Turn::Item(place), item)),
        Tree::Struct(members) => members.iter().any(|(name, member)| within(Turn::Member(name.clone()), member)),
    }
}

/// What the law says of the fields along a path: their wire paths, and the values of the last.
fn along<'l>(law: &'l Law, operation: OperationIx, path: &[Turn]) -> Option<(Vec<&'l [String]>, &'l [String])> {
    let mut names = path.iter().filter_map(|step| match step {
        Turn::Member(name) => Some(name),
        Turn::Item(_) => None,
    });
    let first = names.next()?;
    let output = law[operation].output.iter().find(|o| o.name == *first)?;
    let (mut wires, mut values) = (vec![&output.wire[..]], &output.values[..]);
    let mut kind = match &output.from {
        OutputFrom::One { kind, .. } | OutputFrom::Many { kind, .. } | OutputFrom::Selected { kind, .. } => Some(*kind),
        _ => None,
    };
    for name in names {
        let shown = law[kind?].view.iter().find(|s| s.name == *name)?;
        wires.push(&shown.wire);
        values = &shown.values;
        kind = match &shown.from {
            ShownFrom::List(_, kind) => Some(*kind),
            _ => None,
        };
    }
    Some((wires, values))
}

fn values<'l>(law: &'l Law, operation: OperationIx, path: &[Turn]) -> &'l [String] {
    along(law, operation, path).map_or(&[], |(_, values)| values)
}

/// Where a path of an answer leads in all the forms that tools may meet. None if it leads nowhere that they could name.
fn place(law: &Law, operation: OperationIx, tree: &Tree, steps: &[Turn]) -> Option<Place> {
    let (wires, _) = along(law, operation, steps)?;
    let (mut path, mut wire, mut wires) = (Vec::new(), Vec::new(), wires.into_iter());
    let mut last: (Arc<str>, &[String]) = ("".into(), &[]);
    for step in steps {
        match step {
            Turn::Member(name) => {
                let on_the_wire = wires.next()?;
                path.push(Part::Name(name.to_string()));
                wire.extend(on_the_wire.iter().filter(|part| *part != "item").cloned().map(Part::Name));
                last = (name.clone(), on_the_wire);
            }
            Turn::Item(place) => {
                path.push(Part::Item(*place));
                wire.push(Part::Item(*place));
            }
        }
    }
    // What stands deeper on the wire than the documents say has a name of its own there.
    let deepest = last.1.last()?;
    if last.1.len() > 1 && !deepest.eq_ignore_ascii_case(&last.0) && !matches!(steps.last(), Some(Turn::Item(_))) {
        let mut letters = deepest.chars();
        let capital = letters.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(letters).collect();
        path.push(Part::Name(capital));
    }
    let is_item = matches!(steps.last(), Some(Turn::Item(_)));
    let numbered = is_item && law.wire.protocol == Protocol::Ec2Query;
    let element = if numbered { wire::LIST_ITEM.to_owned() } else { deepest.clone() };
    let member = path.iter().rev().find_map(|p| match p {
        Part::Name(name) => Some(name.clone()),
        Part::Item(_) => None,
    })?;
    let style = Style { json: true, host: String::new() };
    let body = wire::encode_success(law, &style, operation, "0", tree);
    let body = String::from_utf8_lossy(&body);
    let text = at(tree, steps).and_then(Tree::as_text).map(|text| text.to_string());
    // Of what is not there, the one after all that are.
    let nth = |name: &str, body: &str| match &text {
        Some(text) => wire::occurrence(name, Some(text), body),
        None => wire::occurrences(name, body) + 1,
    };
    let (mut before, mut seen) = (0, false);
    count(tree, &mut Vec::new(), &mut |path, _| {
        seen |= path == steps;
        let named = matches!(path.last(), Some(Turn::Member(name)) if *name == last.0);
        before += usize::from(named && !seen);
    });
    Some(Place { element: (element.clone(), nth(&element, &body)), member: (member, before + 1), path, wire })
}

fn at<'t>(tree: &'t Tree, path: &[Turn]) -> Option<&'t Tree> {
    path.iter().try_fold(tree, |tree, step| match step {
        Turn::Member(name) => tree.get(name),
        Turn::Item(place) => tree.as_list()?.get(*place),
    })
}

/// Visits every scalar with the way to it.
fn count(tree: &Tree, path: &mut Vec<Turn>, visit: &mut dyn FnMut(&[Turn], &str)) {
    match tree {
        Tree::Text(text) => visit(path, text),
        Tree::List(items) => {
            for (place, item) in items.iter().enumerate() {
                path.push(Turn::Item(place));
                count(item, path, visit);
                path.pop();
            }
        }
        Tree::Struct(members) => {
            for (name, member) in members {
                path.push(Turn::Member(name.clone()));
                count(member, path, visit);
                path.pop();
            }
        }
    }
}
