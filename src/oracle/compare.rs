//! A successful answer's fields against one world.
//!
//! Each field is held against what the world expects. A value seen for the first time is bound; a value that a rule's
//! effect has set, and that a reading answer now shows, confirms that rule; a value that differs is blamed on the rule
//! that is most particularly responsible for it:
//!
//! 1. the rule whose effect set it and which nobody has confirmed since;
//! 2. the rule that says that the resource had to stay as it was (a refusal, a rehearsal), not confirmed since;
//! 3. the rule that the field shows what it should.

mod list;

use std::{fmt, sync::Arc};

use self::list::Listing;
use super::RuleSet;
use crate::{
    model::{
        assess::Assessment,
        eval::Scope,
        show::{self, Presence, Source},
        value::{Handle, Value},
        world::{Claim, World},
    },
    spec::{
        file::{FieldKind, ScalarType},
        law::{FieldIx, KindIx, Law, Output, OutputFrom, RuleIx, Shown, ShownFrom},
    },
    wire::Tree,
};

/// A difference between an answer and a world.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// The rule to blame.
    pub rule: RuleIx,
    /// What was expected.
    pub allowed: String,
    /// What came.
    pub came: String,
    /// How much agreed before: of several worlds, the one that agrees longest is the one to report.
    pub depth: usize,
}

/// A comparison in progress.
pub struct Compare<'a> {
    law: &'a Arc<Law>,
    /// What the answer's expressions see.
    scope: &'a Scope,
    assessment: &'a Assessment,
    muted: &'a RuleSet,
    /// True for the answer of a reading operation, which confirms what it shows.
    reading: bool,
    /// The world with what the answer has taught.
    pub world: Arc<World>,
    /// The rules that were checked and found kept, on something that the answer shows, or shows no longer: a field
    /// that never had a value and an empty list are right at most servers that break the rule.
    pub passes: Vec<RuleIx>,
    /// How much agreed, whether it shows anything or not.
    agreed: usize,
    /// How many names of resources the answer shows as it should.
    pub names: usize,
    /// The answer that this one repeats.
    repeat: Option<Repeat<'a>>,
    /// The output that is being compared.
    output: &'a str,
    /// Nobody else has anything at the target, so that a listing shows nothing of strangers.
    pub(super) alone: bool,
}

/// What a repeated answer is held against besides the world: it may show things as they are, or as they were.
#[derive(Clone, Copy)]
struct Repeat<'a> {
    /// The rule to blame.
    rule: RuleIx,
    /// The first answer.
    first: &'a Tree,
}

/// A name in an answer, put together only if it is asked for.
#[derive(Clone, Copy)]
struct Name<'a> {
    /// What it is a part of; empty if it is an output.
    of: &'a str,
    own: &'a str,
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            "" => f.write_str(self.own),
            of => write!(f, "{of}.{}", self.own),
        }
    }
}

/// One scalar to be compared.
struct Scalar<'a> {
    name: Name<'a>,
    text: Option<&'a Arc<str>>,
    /// Something stands there that is no text.
    is_no_text: bool,
    kind: ScalarType,
    values: &'a [String],
    optional: bool,
    rule: RuleIx,
    /// The resource whose view it belongs to.
    of: Option<Handle>,
    /// Its name in that view.
    shown: Option<&'a Arc<str>>,
}

impl<'a> Compare<'a> {
    /// A comparison with `scope.world`.
    pub fn new(scope: &'a Scope, assessment: &'a Assessment, muted: &'a RuleSet) -> Compare<'a> {
        Compare {
            law: &scope.law,
            scope,
            assessment,
            muted,
            reading: scope.law[assessment.operation].reads,
            world: scope.world.clone(),
            passes: Vec::new(),
            agreed: 0,
            names: 0,
            repeat: None,
            output: "",
            alone: false,
        }
    }

    /// A comparison of an answer that should repeat the first one; `rule` is to blame if it does not.
    pub fn repeat(
        scope: &'a Scope,
        assessment: &'a Assessment,
        muted: &'a RuleSet,
        rule: RuleIx,
        first: &'a Tree,
    ) -> Compare<'a> {
        Compare { repeat: Some(Repeat { rule, first }), ..Compare::new(scope, assessment, muted) }
    }

    /// Compares a whole answer.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub fn answer(&mut self, tree: &Tree) -> Result<(), Mismatch> {
        let law = self.law;
        let operation = &law[self.assessment.operation];
        let continues =
            |o: &Output| o.continues && tree.get(&o.name).and_then(Tree::as_text).is_some_and(|t| !t.is_empty());
        let partial = operation.output.iter().any(continues);
        for output in &operation.output {
            let got = tree.get(&output.name);
            let Some(rule) = output.rule else { continue };
            self.output = &output.name;
            match &output.from {
                OutputFrom::Nothing => {}
                OutputFrom::Paths(_) | OutputFrom::Value(_) => {
                    let source = show::output_value(self.scope, self.assessment, output);
                    self.scalar(
                        source,
                        &Scalar {
                            name: Name { of: "", own: &output.name },
                            text: got.and_then(|tree| text_of(tree, output.kind)),
                            is_no_text: got.is_some_and(|tree| is_no_text(tree, output.kind, true)),
                            kind: output.kind,
                            values: &output.values,
                            optional: output.optional,
                            rule,
                            of: None,
                            shown: None,
                        },
                    )?;
                }
                OutputFrom::One { kind, of, later } => {
                    let expected = self.scope.resources(&of.expr).unwrap_or_default();
                    match (expected.first(), got) {
                        (Some(handle), Some(item)) => {
                            self.view(*handle, *kind, item, later, &output.name)?;
                            self.agrees(rule, true);
                        }
                        (Some(_), None) if !output.optional => {
                            self.differ(rule, format!("{} is shown", output.name), "it is missing".into())?;
                        }
                        _ => {}
                    }
                }
                OutputFrom::Many { kind, of, later } => {
                    let Ok(expected) = self.scope.resources(&of.expr) else { continue };
                    self.list(Listing {
                        name: output.name.to_string(),
                        kind: *kind,
                        expected: expected.into_iter().map(|h| (h, Presence::Must)).collect(),
                        items: got.and_then(Tree::as_list).unwrap_or_default(),
                        later,
                        exhaustive: true,
                        complete: false,
                        rule,
                        of: None,
                    })?;
                }
                OutputFrom::Counts(of) => self.count(output, of, rule, got)?,
                OutputFrom::Selected { kind, by, filter, page } => {
                    let mut expected = show::selected(self.scope, self.assessment, *kind, by, *filter);
                    let items = got.and_then(Tree::as_list).unwrap_or_default();
                    let mut partial = partial;
                    if let Some((before, most)) = show::page(self.scope, self.assessment, *page) {
                        if items.len() > most {
                            let allowed = format!("{} shows a page of at most {most}", output.name);
                            self.differ(rule, allowed, format!("it shows {}", items.len()))?;
                        }
                        // A full page may not be the last one.
                        partial |= before > 0 || items.len() >= most;
                    }
                    if partial {
                        expected.iter_mut().for_each(|(_, presence)| *presence = Presence::May);
                    }
                    let given = |ix: &u32| {
                        let name = &operation.params[*ix as usize].name;
                        self.assessment.scope.input.get(name).is_some()
                    };
                    let matched = operation.params.iter().enumerate().filter(|(_, p)| !p.matches.is_empty());
                    let filtered = filter.iter().any(given) || matched.map(|(ix, _)| ix as u32).any(|ix| given(&ix));
                    let named = by.iter().any(given);
                    self.list(Listing {
                        name: output.name.to_string(),
                        kind: *kind,
                        expected,
                        items,
                        later: &[],
                        exhaustive: named || self.alone && !partial,
                        complete: !named && !filtered && !partial,
                        rule,
                        of: None,
                    })?;
                    if (self.alone || law[*kind].only_by_request) && !named && !filtered && !partial {
                        self.confirm_count(*kind);
                    }
                    // What was asked for by name, and passed over, is gone.
                    let passed_over = if self.reading && !partial { self.assessment.gone.as_slice() } else { &[] };
                    for handle in passed_over.iter().copied() {
                        if self.world.get(handle).is_some_and(|r| r.kind == *kind) {
                            self.confirm_life(handle);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn is_id(&self, handle: Handle, field: FieldIx) -> bool {
        self.world.get(handle).is_some_and(|r| self.law[r.kind].fields[field as usize].kind == FieldKind::Id)
    }

    /// How many resources a list would show if it were not cut into pages.
    fn count(&mut self, output: &Output, of: &Arc<str>, rule: RuleIx, got: Option<&Tree>) -> Result<(), Mismatch> {
        let operation = &self.law[self.assessment.operation];
        let counted = operation.output.iter().find(|o| o.name == *of).map(|o| &o.from);
        let Some(OutputFrom::Selected { kind, by, filter, .. }) = counted else { return Ok(()) };
        let Some(text) = got.and_then(Tree::as_text) else {
            if output.optional {
                return Ok(());
            }
            return self.differ(rule, format!("{} is shown", output.name), "it is missing".into());
        };
        let expected = show::selected(self.scope, self.assessment, *kind, by, *filter);
        let least = expected.iter().filter(|(_, presence)| *presence == Presence::Must).count();
        // Without names, what others have made is counted as well.
        let named = by.iter().any(|ix| self.scope.input.get(&operation.params[*ix as usize].name).is_some());
        let most = if named { expected.len() } else { usize::MAX };
        if text.parse().is_ok_and(|count: usize| (least..=most).contains(&count)) {
            self.agrees(rule, least > 0);
            return Ok(());
        }
        let allowed = match most {
            usize::MAX => format!("{} is at least {least}", output.name),
            most if most == least => format!("{} is {least}", output.name),
            most => format!("{} is from {least} to {most}", output.name),
        };
        self.differ(rule, allowed, format!("it is {text}"))
    }

    /// A rule was kept, on something that the answer shows or on nothing.
    fn agrees(&mut self, rule: RuleIx, on_something: bool) {
        self.agreed += 1;
        self.passes.extend(on_something.then_some(rule));
    }

    /// A difference, unless its rule is muted.
    fn differ(&self, rule: RuleIx, allowed: String, came: String) -> Result<(), Mismatch> {
        let rule = self.repeat.map_or(rule, |repeat| repeat.rule);
        if self.muted.contains(rule) { Ok(()) } else { Err(Mismatch { rule, allowed, came, depth: self.agreed }) }
    }

    fn view(
        &mut self,
        handle: Handle,
        kind: KindIx,
        item: &Tree,
        later: &[Arc<str>],
        at: &str,
    ) -> Result<(), Mismatch> {
        let law = self.law;
        let live = self.world.get(handle).is_some_and(|r| r.live);
        for shown in &law[kind].view {
            // Of what is gone but still shown, only its name and its state are certain.
            if !live && !self.is_own_name_or_state(handle, kind, shown) {
                continue;
            }
            let name = Name { of: at, own: &shown.name };
            let got = item.get(&shown.name);
            let Some(rule) = shown
                .rule_in(self.assessment.operation)
                .filter(|_| show::is_judged(self.scope, &self.world, handle, shown))
            else {
                continue;
            };
            let optional = shown.optional || later.contains(&shown.name);
            if let ShownFrom::List(path, of) = &shown.from {
                // Parts come and go while the whole stays; only the whole tells a repeat from a new request.
                if self.repeat.is_some() {
                    continue;
                }
                let items = got.and_then(Tree::as_list);
                if items.is_none() && optional {
                    continue;
                }
                let expected = show::listed(law, &self.world, handle, path);
                self.list(Listing {
                    name: name.to_string(),
                    kind: *of,
                    expected: expected.into_iter().map(|h| (h, Presence::Must)).collect(),
                    items: items.unwrap_or_default(),
                    later,
                    exhaustive: true,
                    complete: true,
                    rule,
                    of: Some(handle),
                })?;
                continue;
            }
            let as_well = got.and_then(|tree| text_of(tree, shown.kind));
            if as_well.is_some_and(|text| shown.besides.iter().any(|other| **other == **text)) {
                continue;
            }
            let source = self.source(handle, shown);
            self.scalar(
                source,
                &Scalar {
                    name,
                    text: got.and_then(|tree| text_of(tree, shown.kind)),
                    is_no_text: got
                        .is_some_and(|tree| is_no_text(tree, shown.kind, !matches!(shown.from, ShownFrom::Nothing))),
                    kind: shown.kind,
                    values: &shown.values,
                    optional,
                    rule,
                    of: Some(handle),
                    shown: Some(&shown.name),
                },
            )?;
        }
        if self.reading {
            self.confirm_resource(handle);
        }
        Ok(())
    }

    fn is_own_name_or_state(&self, handle: Handle, kind: KindIx, shown: &Shown) -> bool {
        // A path may lead to another resource, whose fields are others.
        let own = self.source(handle, shown).place.filter(|(at, _)| *at == handle);
        own.is_some_and(|(_, field)| {
            matches!(self.law[kind].fields[field as usize].kind, FieldKind::Id | FieldKind::State)
        })
    }

    /// The value of a view's field in the world as far as it has been learnt.
    fn source<'p>(&self, handle: Handle, shown: &'p Shown) -> Source<'p> {
        let ShownFrom::Paths(paths) = &shown.from else { return show::view_value(self.scope, handle, shown) };
        let mut empty = Vec::with_capacity(paths.len());
        for path in paths {
            let (place, value) = self.world.follow(self.law, handle, path);
            let source = Source { place, path: Some((handle, path)), value };
            if source.value != Value::Null {
                return source;
            }
            empty.push(source);
        }
        // Of those that lead nowhere, the one that used to lead somewhere.
        let place = empty.iter().position(|source| !self.along(source).1.is_empty()).unwrap_or(0);
        empty.into_iter().nth(place).unwrap_or(Source { place: None, path: None, value: Value::Anything })
    }

    fn scalar(&mut self, source: Source<'_>, scalar: &Scalar<'_>) -> Result<(), Mismatch> {
        let text = scalar.text.filter(|t| !t.is_empty());
        let name = scalar.name;
        if let Some(repeat) = self.repeat {
            if let (Some(_), Some((handle, field))) = (text, source.place)
                && self.is_id(handle, field)
                && matches!((&source.value, text), (Value::Text(own), Some(text)) if own == text)
            {
                self.names += 1;
            }
            if repeat.shows(self.output, scalar.shown, text) {
                return Ok(());
            }
        }
        if scalar.is_no_text && !matches!(scalar.kind, ScalarType::Struct) {
            let allowed = format!("{name} is {}", type_name(scalar.kind));
            return self.differ(scalar.rule, allowed, format!("{name} has parts of its own"));
        }
        if let Some(text) = text
            && !scalar.values.is_empty()
            && !scalar.values.iter().any(|v| **v == **text)
        {
            let allowed = format!("{name} is one of {}", scalar.values.join(", "));
            return self.differ(scalar.rule, allowed, format!("{name} is {text}"));
        }
        match (&source.value, text) {
            (Value::Anything | Value::Ref(_) | Value::List(_), Some(text)) => {
                if !has_type(scalar.kind, text) {
                    return self.differ(
                        scalar.rule,
                        format!("{name} is {}", type_name(scalar.kind)),
                        format!("{name} is {text}"),
                    );
                }
                Ok(())
            }
            (Value::Anything | Value::Ref(_) | Value::List(_), None) => Ok(()),
            (Value::Unknown, Some(text)) => {
                if let Some((handle, field)) = source.place {
                    self.bind(handle, field, text, scalar)?;
                }
                self.agrees(scalar.rule, true);
                self.confirm(&source);
                Ok(())
            }
            (Value::Null, None) => {
                self.agrees(scalar.rule, false);
                // What may be left out anyway proves nothing by being left out.
                if !scalar.optional {
                    self.confirm(&source);
                }
                Ok(())
            }
            (_, None) if scalar.optional => Ok(()),
            (Value::Unknown, None) => {
                let rule = self.blame(&source, scalar);
                self.differ(rule, format!("{name} is shown"), "it is missing".into())
            }
            (Value::Null, Some(text)) => {
                let rule = self.blame(&source, scalar);
                self.differ(rule, format!("{name} is not shown, for it has no value"), format!("{name} is {text}"))
            }
            (value, text) => {
                let expected = value.to_wire().unwrap_or_default();
                match text {
                    Some(text) if same(scalar.kind, &expected, text) => {
                        self.agrees(scalar.rule, true);
                        self.confirm(&source);
                        Ok(())
                    }
                    other => {
                        let came = other.map_or("it is missing".into(), |t| format!("{name} is {t}"));
                        let rule = self.blame(&source, scalar);
                        self.differ(rule, format!("{name} is {expected}"), came)
                    }
                }
            }
        }
    }

    /// Learns a value that the service has chosen: it must have the right form, and belong to nobody else.
    fn bind(&mut self, handle: Handle, field: FieldIx, text: &Arc<str>, scalar: &Scalar<'_>) -> Result<(), Mismatch> {
        let law = self.law;
        let Some(kind) = self.world.get(handle).map(|r| r.kind) else { return Ok(()) };
        let spec = &law[kind].fields[field as usize];
        let rule = law[kind].id_rule.filter(|_| spec.kind == FieldKind::Id).unwrap_or(scalar.rule);
        if let Some(pattern) = spec.pattern.as_ref().filter(|p| !p.is_match(text)) {
            self.differ(
                rule,
                format!("{} has the form {}", scalar.name, pattern.as_str()),
                format!("{} is {text}", scalar.name),
            )?;
        }
        let unique = spec.kind == FieldKind::Id || spec.unique;
        if unique && let Some(other) = self.world.live_with_text(kind, field, text).filter(|h| *h != handle) {
            let ordinal = self.world.get(other).map_or(0, |r| r.ordinal);
            let allowed = format!("{} belongs to one {} only", scalar.name, law[kind].title);
            self.differ(rule, allowed, format!("{text} already belongs to {}#{ordinal}", law[kind].name))?;
        }
        Arc::make_mut(&mut self.world).set(law, handle, field, Value::Text(text.clone()), None);
        if spec.kind == FieldKind::Id {
            self.passes.extend(law[kind].id_rule);
        }
        Ok(())
    }

    fn describe(&self, handle: Handle) -> String {
        let Some(resource) = self.world.get(handle) else { return "a resource".into() };
        let kind = &self.law[resource.kind];
        let name = kind.id.and_then(|id| resource.fields[id as usize].to_wire());
        match name {
            Some(name) => format!("{}#{} ({name})", kind.name, resource.ordinal),
            None => format!("{}#{}", kind.name, resource.ordinal),
        }
    }

    /// Every resource that a path goes through, the first included, and where an inverse reference led nowhere, what
    /// is gone and used to be there.
    fn along(&self, source: &Source<'_>) -> (Vec<Handle>, Vec<Handle>) {
        let Some((start, path)) = &source.path else { return (Vec::new(), Vec::new()) };
        let (mut at, mut visited, mut gone) = (*start, vec![*start], Vec::new());
        for field in &path.0 {
            let Some(resource) = self.world.get(at) else { break };
            let spec = &self.law[resource.kind].fields[*field as usize];
            match self.world.read(self.law, at, *field) {
                Value::Ref(next) => {
                    at = next;
                    visited.push(next);
                }
                Value::Null if spec.kind == FieldKind::InverseOne => {
                    if let Some(kind) = spec.to {
                        gone.extend(self.gone_parts(kind, at));
                    }
                    break;
                }
                _ => break,
            }
        }
        (visited, gone)
    }

    fn blame(&self, source: &Source<'_>, scalar: &Scalar<'_>) -> RuleIx {
        if let Some((handle, field)) = source.place
            && let Some(rule) = self.world.get(handle).and_then(|r| r.proofs[field as usize].open())
        {
            return rule;
        }
        let (visited, gone) = self.along(source);
        let life = |h: &Handle| self.world.get(*h).and_then(|r| r.life.open());
        // Of several that are gone, the one whose name came; else the one that went last.
        let named = |h: &&Handle| {
            let resource = self.world.get(**h);
            let texts = resource.into_iter().flat_map(|r| &r.fields);
            scalar.text.is_some_and(|came| texts.filter_map(|v| v.to_wire()).any(|own| own == *came))
        };
        if let Some(rule) = gone.iter().find(named).or(gone.last()).and_then(life) {
            return rule;
        }
        // The claims first of what is shown, then of what it was reached through.
        let unchanged = |h: Handle| self.claims(h).rfind(|claim| !claim.there).map(|claim| claim.rule);
        let claimed = scalar.of.into_iter().chain(visited.iter().copied()).find_map(unchanged);
        if let Some(rule) = claimed {
            return rule;
        }
        visited.iter().skip(1).find_map(life).unwrap_or(scalar.rule)
    }

    fn blame_life(&self, handle: Handle) -> Option<RuleIx> {
        self.last_claim(handle).or_else(|| self.world.get(handle).and_then(|r| r.life.open()))
    }

    fn last_claim(&self, handle: Handle) -> Option<RuleIx> {
        self.claims(handle).next_back().map(|claim| claim.rule)
    }

    fn claims(&self, handle: Handle) -> impl DoubleEndedIterator<Item = &Claim> {
        self.world.get(handle).into_iter().flat_map(|r| &r.claims)
    }

    /// A reading answer has shown this value: whatever put it there is confirmed.
    fn confirm(&mut self, source: &Source<'_>) {
        if !self.reading {
            return;
        }
        if let Some((handle, field)) = source.place
            && let Some(rule) = self.world.get(handle).and_then(|r| r.proofs[field as usize].open())
        {
            self.passes.push(rule);
            Arc::make_mut(&mut self.world).update(handle, |r| r.proofs[field as usize].seen = true);
        }
        let (visited, gone) = self.along(source);
        for handle in visited.into_iter().skip(1).chain(gone) {
            self.confirm_life(handle);
        }
    }

    fn confirm_life(&mut self, handle: Handle) {
        if let Some(rule) = self.world.get(handle).and_then(|r| r.life.open()) {
            self.passes.push(rule);
            Arc::make_mut(&mut self.world).update(handle, |r| r.life.seen = true);
        }
    }

    /// A reading answer has shown a whole resource as it should be.
    fn confirm_resource(&mut self, handle: Handle) {
        self.confirm_life(handle);
        let claims = self.world.get(handle).map_or(&[][..], |r| &r.claims);
        if !claims.is_empty() {
            self.passes.extend(claims.iter().filter(|claim| claim.kept).map(|claim| claim.rule));
            Arc::make_mut(&mut self.world).update(handle, |r| r.claims.clear());
        }
    }
}

fn same(kind: ScalarType, expected: &str, text: &str) -> bool {
    match kind {
        // Another spelling of the same truth value is a fault of form, reported as such.
        ScalarType::Boolean => {
            expected.eq_ignore_ascii_case(text)
                || (expected == "true" && text == "1")
                || (expected == "false" && text == "0")
        }
        ScalarType::Integer => expected.parse::<i64>().ok() == text.parse::<i64>().ok(),
        _ => expected == text,
    }
}

fn has_type(kind: ScalarType, text: &str) -> bool {
    match kind {
        ScalarType::Integer => text.parse::<i64>().is_ok(),
        _ => true,
    }
}

fn type_name(kind: ScalarType) -> &'static str {
    match kind {
        ScalarType::Integer => "a whole number",
        ScalarType::Boolean => "true or false",
        ScalarType::Timestamp => "a moment",
        ScalarType::String => "a text",
        ScalarType::List => "a list",
        ScalarType::Struct => "a structure",
    }
}

impl Repeat<'_> {
    /// True if the first answer shows this text in this place, or nothing there either.
    fn shows(&self, output: &str, shown: Option<&Arc<str>>, text: Option<&Arc<str>>) -> bool {
        let Some(tree) = self.first.get(output) else { return text.is_none() };
        let same = |tree: Option<&Tree>| tree.and_then(Tree::as_single).filter(|t| !t.is_empty()) == text;
        match (tree, shown) {
            (tree, None) => same(Some(tree)),
            (Tree::List(items), Some(name)) => items.iter().any(|item| same(item.get(name))),
            (item, Some(name)) => same(item.get(name)),
        }
    }
}

/// The text of a field that shows one value; a list shows it as its only element.
fn text_of(tree: &Tree, kind: ScalarType) -> Option<&Arc<str>> {
    if kind == ScalarType::List { tree.as_single() } else { tree.as_text() }
}

/// True if something with parts of its own stands where one value should be shown. A list may show a value as its element;
/// what the elements of a list are that shows nothing the law knows is not judged.
fn is_no_text(tree: &Tree, kind: ScalarType, shows: bool) -> bool {
    match tree {
        Tree::Text(_) => false,
        Tree::List(items) if kind == ScalarType::List => {
            shows && items.iter().any(|item| !matches!(item, Tree::Text(_)))
        }
        Tree::List(items) => !items.is_empty(),
        Tree::Struct(members) => !members.is_empty(),
    }
}
