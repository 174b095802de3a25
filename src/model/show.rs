//! What an answer should show of a world: the values of its fields, and the resources that a reading request selects.

use std::sync::Arc;

use super::{
    assess::{Assessment, Bound},
    eval::Scope,
    input::{Input, InputValue, member, texts},
    value::{Handle, Value},
    world::World,
};
use crate::{
    spec::expr::Expr,
    spec::file::ScalarType,
    spec::law::{FieldIx, KindIx, Law, Output, OutputFrom, Param, ParamIx, Path, Shown, ShownFrom},
    wire::Tree,
};

/// Whether an answer has to show a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Must,
    /// It may, or may not.
    May,
}

/// The place that a shown value comes from, and the value.
#[derive(Clone, Debug)]
pub struct Source<'p> {
    /// The resource and field, if the path leads to one.
    pub place: Option<(Handle, FieldIx)>,
    /// The path that led there.
    pub path: Option<(Handle, &'p Path)>,
    /// The value.
    pub value: Value,
}

/// The value of a view's field.
pub fn view_value<'p>(scope: &Scope, of: Handle, shown: &'p Shown) -> Source<'p> {
    match &shown.from {
        ShownFrom::Paths(paths) => first_path(&scope.law, &scope.world, paths.iter().map(|p| (of, p))),
        ShownFrom::Value(expr) => {
            let value = scope.with("self", Value::Ref(of)).eval(expr).unwrap_or(Value::Anything);
            Source { place: None, path: None, value }
        }
        ShownFrom::List(..) | ShownFrom::Nothing => Source { place: None, path: None, value: Value::Anything },
    }
}

/// True if a view's field is judged as things are in a world; not if that depends on something unseen.
pub fn is_judged(scope: &Scope, world: &Arc<World>, of: Handle, shown: &Shown) -> bool {
    let Some(condition) = &shown.judged_while else { return true };
    let scope = Scope { world: world.clone(), ..scope.clone() };
    scope.with("self", Value::Ref(of)).holds(condition) == Ok(true)
}

/// The value of an output that is one scalar.
pub fn output_value<'p>(scope: &Scope, assessment: &Assessment, output: &'p Output) -> Source<'p> {
    let nothing = Source { place: None, path: None, value: Value::Anything };
    match &output.from {
        OutputFrom::Paths(paths) => {
            let names = &scope.law[assessment.operation].vars;
            let starts = paths.iter().filter_map(|(var, path)| {
                let name = &names[*var as usize].name;
                match scope.vars.iter().find(|(n, _)| n == name) {
                    Some((_, Value::Ref(h))) => Some((*h, path)),
                    _ => None,
                }
            });
            first_path(&scope.law, &scope.world, starts)
        }
        OutputFrom::Value(guard) => Source { value: scope.eval(&guard.expr).unwrap_or(Value::Anything), ..nothing },
        OutputFrom::One { .. }
        | OutputFrom::Many { .. }
        | OutputFrom::Selected { .. }
        | OutputFrom::Counts(_)
        | OutputFrom::Nothing => nothing,
    }
}

/// The first of some paths that does not end in nothing, or the first of all.
pub fn first_path<'p>(law: &Law, world: &World, starts: impl Iterator<Item = (Handle, &'p Path)>) -> Source<'p> {
    let mut first = None;
    for (start, path) in starts {
        let (place, value) = world.follow(law, start, path);
        let source = Source { place, path: Some((start, path)), value };
        if source.value != Value::Null {
            return source;
        }
        first.get_or_insert(source);
    }
    first.unwrap_or(Source { place: None, path: None, value: Value::Anything })
}

/// The resources that a reading request selects.
pub fn selected(
    scope: &Scope,
    assessment: &Assessment,
    kind: KindIx,
    by: &[ParamIx],
    filter: Option<ParamIx>,
) -> Vec<(Handle, Presence)> {
    let operation = &scope.law[assessment.operation];
    let mut named: Vec<Vec<Handle>> = Vec::new();
    for ix in by {
        let Some(reference) = operation.params[*ix as usize].reference_to(kind) else { continue };
        match &assessment.bound[reference.var as usize] {
            Bound::One(h) => named.push(vec![*h]),
            Bound::Many(list) => named.push(list.clone()),
            Bound::Nothing => named.push(Vec::new()),
            Bound::Absent | Bound::Failed => {}
        }
    }
    let mut found: Vec<(Handle, Presence)> = Vec::new();
    match named.as_slice() {
        [] => {
            for (handle, resource) in scope.world.iter().filter(|(_, r)| r.kind == kind) {
                if resource.live {
                    let presence = if fades(scope, handle, kind) { Presence::May } else { Presence::Must };
                    found.push((handle, presence));
                } else if lingers(scope, handle, kind) {
                    found.push((handle, Presence::May));
                }
            }
        }
        several => {
            for handle in several.iter().flatten() {
                if !found.iter().any(|(h, _)| h == handle) {
                    let live = scope.world.get(*handle).is_some_and(|r| r.live);
                    // Whether two ways of naming add up or narrow down, nobody says.
                    let in_all = several.iter().all(|list| list.contains(handle));
                    let certain = live && in_all && !fades(scope, *handle, kind);
                    found.push((*handle, if certain { Presence::Must } else { Presence::May }));
                }
            }
        }
    }
    if let Some(param) = filter.map(|ix| &operation.params[ix as usize]) {
        found = found
            .into_iter()
            .filter_map(|(handle, presence)| match passes(scope, handle, kind, param, &scope.input) {
                Some(true) => Some((handle, presence)),
                Some(false) => None,
                None => Some((handle, Presence::May)),
            })
            .collect();
    }
    for param in operation.params.iter().filter(|p| !p.matches.is_empty()) {
        let Some(InputValue::Text(text)) = scope.input.get(&param.name) else { continue };
        found = found
            .into_iter()
            .filter_map(|(handle, presence)| match any_matches(scope, handle, &param.matches, |own| *own == **text) {
                Some(true) => Some((handle, presence)),
                Some(false) => None,
                None => Some((handle, Presence::May)),
            })
            .collect();
    }
    found
}

/// Whether the value of one of these paths fits; none if that depends on something unseen or unsaid.
fn any_matches(scope: &Scope, handle: Handle, paths: &[Path], fits: impl Fn(&str) -> bool) -> Option<bool> {
    let values: Vec<Value> = paths.iter().map(|path| scope.world.follow(&scope.law, handle, path).1).collect();
    if values.iter().any(|v| matches!(v, Value::Unknown | Value::Anything)) {
        return None;
    }
    Some(values.iter().filter_map(Value::to_wire).any(|value| fits(&value)))
}

/// What a request says of pages: how many resources come before the one that is shown, and how many it holds at most.
pub fn page(scope: &Scope, assessment: &Assessment, page: Option<(ParamIx, ParamIx)>) -> Option<(usize, usize)> {
    let (number, size) = page?;
    let params = &scope.law[assessment.operation].params;
    let of = |ix: ParamIx| match scope.input.get(&params[ix as usize].name) {
        Some(InputValue::Int(number)) => usize::try_from(*number).ok(),
        _ => None,
    };
    let (number, size) = (of(number)?, of(size)?);
    Some((number.saturating_sub(1).saturating_mul(size), size))
}

/// True if a resource that is gone may still be shown.
pub fn lingers(scope: &Scope, handle: Handle, kind: KindIx) -> bool {
    may_hold(scope, handle, scope.law[kind].lingers.as_ref())
}

/// True if a resource that is there may have gone by itself.
pub fn fades(scope: &Scope, handle: Handle, kind: KindIx) -> bool {
    may_hold(scope, handle, scope.law[kind].fades.as_ref())
}

/// True unless a condition of a kind certainly does not hold for one of its resources, or there is none.
fn may_hold(scope: &Scope, handle: Handle, condition: Option<&Expr>) -> bool {
    let Some(condition) = condition else { return false };
    scope.with("self", Value::Ref(handle)).holds(condition) != Ok(false)
}

/// Whether a resource passes every filter; none if that depends on something unseen or unsaid.
fn passes(scope: &Scope, handle: Handle, kind: KindIx, param: &Param, input: &Input) -> Option<bool> {
    let Some((name_ix, values_ix)) = param.filters else { return Some(true) };
    let Some(InputValue::List(filters)) = input.get(&param.name) else { return Some(true) };
    let (name_member, values_member) = (&param.fields[name_ix as usize].name, &param.fields[values_ix as usize].name);
    let mut all = Some(true);
    for filter in filters {
        let InputValue::Struct(members) = filter else { return None };
        let name = texts(member(members, name_member)).first().map_or("", |t| &***t);
        let paths = scope.law[kind].filters.iter().find(|(n, _)| *n == name).map(|(_, p)| p)?;
        let patterns = texts(member(members, values_member));
        match any_matches(scope, handle, paths, |text| patterns.iter().any(|pattern| wildcard(pattern, text))) {
            Some(false) => return Some(false),
            Some(true) => {}
            None => all = None,
        }
    }
    all
}

/// `*` stands for any characters, `?` for one, and a backslash takes the next character as it is.
pub fn wildcard(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // The last star seen and the place in the text that it is assumed to reach: backtracking without recursion.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        let literal = pattern.get(p) == Some(&'\\') && p + 1 < pattern.len();
        let expected = if literal { pattern.get(p + 1) } else { pattern.get(p) };
        if !literal && expected == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if expected.is_some() && (expected == Some(&text[t]) || (!literal && expected == Some(&'?'))) {
            p += 1 + usize::from(literal);
            t += 1;
        } else if let Some((at, reached)) = star {
            p = at + 1;
            t = reached + 1;
            star = Some((at, reached + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// A successful answer as the reference server writes it: everything that it may show, except what this answer leaves
/// for later.
pub fn render(scope: &Scope, assessment: &Assessment) -> Tree {
    let operation = &scope.law[assessment.operation];
    let mut members = Vec::with_capacity(operation.output.len());
    for output in &operation.output {
        let tree = match &output.from {
            OutputFrom::Paths(_) | OutputFrom::Value(_) => {
                one_value(output_value(scope, assessment, output).value, output.kind)
            }
            OutputFrom::One { kind, of, later } => scope
                .resources(&of.expr)
                .ok()
                .and_then(|list| list.first().copied())
                .map(|h| render_view(scope, h, *kind, later)),
            OutputFrom::Many { kind, of, later } => {
                let list = scope.resources(&of.expr).unwrap_or_default();
                Some(Tree::List(list.into_iter().map(|h| render_view(scope, h, *kind, later)).collect()))
            }
            OutputFrom::Selected { kind, by, filter, page: pages } => {
                let list = selected(scope, assessment, *kind, by, *filter);
                let (before, most) = page(scope, assessment, *pages).unwrap_or((0, usize::MAX));
                let list = list.into_iter().skip(before).take(most);
                Some(Tree::List(list.map(|(h, _)| render_view(scope, h, *kind, &[])).collect()))
            }
            OutputFrom::Counts(of) => {
                let counted = operation.output.iter().find(|o| o.name == *of).map(|o| &o.from);
                let Some(OutputFrom::Selected { kind, by, filter, .. }) = counted else { continue };
                let count = selected(scope, assessment, *kind, by, *filter).len();
                Some(Tree::Text(count.to_string().into()))
            }
            OutputFrom::Nothing => None,
        };
        members.extend(tree.map(|t| (output.name.clone(), t)));
    }
    Tree::Struct(members)
}

/// A value as it is written: by itself, or as the only element of a list. A list without it is empty.
fn one_value(value: Value, kind: ScalarType) -> Option<Tree> {
    let text = value.to_wire().map(Tree::Text);
    if kind == ScalarType::List && value != Value::Anything {
        Some(Tree::List(text.into_iter().collect()))
    } else {
        text
    }
}

fn render_view(scope: &Scope, handle: Handle, kind: KindIx, later: &[Arc<str>]) -> Tree {
    let mut members = Vec::new();
    let view = &scope.law[kind].view;
    // Of several rows about one element, only those that are judged as things are know what it shows.
    let stands = |shown: &Shown| {
        let alone = view.iter().filter(|other| other.wire == shown.wire).count() == 1;
        alone || is_judged(scope, &scope.world, handle, shown)
    };
    for shown in view.iter().filter(|s| !later.contains(&s.name) && stands(s)) {
        let tree = match &shown.from {
            ShownFrom::List(path, of) => Some(Tree::List(
                listed(&scope.law, &scope.world, handle, path)
                    .into_iter()
                    .map(|h| render_view(scope, h, *of, &[]))
                    .collect(),
            )),
            ShownFrom::Nothing => None,
            // Where anything would do, what the law knows all the same is the most useful.
            ShownFrom::Paths(paths) if paths.len() > 1 => {
                let mut values = paths.iter().map(|path| scope.world.follow(&scope.law, handle, path).1);
                one_value(values.find(|v| v.to_wire().is_some()).unwrap_or(Value::Null), shown.kind)
            }
            ShownFrom::Paths(_) | ShownFrom::Value(_) => one_value(view_value(scope, handle, shown).value, shown.kind),
        };
        members.extend(tree.map(|t| (shown.name.clone(), t)));
    }
    Tree::Struct(members)
}

/// The resources at the end of a path to a list.
pub fn listed(law: &Law, world: &World, from: Handle, path: &Path) -> Vec<Handle> {
    match world.follow(law, from, path).1 {
        Value::List(list) => list
            .iter()
            .filter_map(|v| match v {
                Value::Ref(h) => Some(*h),
                _ => None,
            })
            .collect(),
        Value::Ref(h) => vec![h],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::wildcard;

    #[test]
    fn a_filter_value_may_hold_wildcards() {
        assert!(wildcard("a*c", "abbbc"));
        assert!(wildcard("a?c", "abc"));
        assert!(!wildcard("a?c", "ac"));
        assert!(wildcard(r"a\*c", "a*c"));
        assert!(!wildcard(r"a\*c", "abc"));
        assert!(wildcard("*", ""));
        assert!(!wildcard("", "x"));
        assert!(wildcard("a*b*c", "a-b-b-c"));
    }
}
