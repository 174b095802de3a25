//! Why nothing can tell some mutants from what is right: what follows from the law, for each family of faults.
//!
//! Each of these says yes only if that follows from the text of the law; where a cleverer proof would say yes, it may say no.
//! `logic` and `reading` are what they prove it with.

use super::{Origin, change, logic::Known, reading};
use crate::spec::{
    expr::{ANYTHING, Expr, Part},
    file::{Defect, FieldKind, Sent},
    law::{
        After, Change, Effect, FieldIx, Guard, KindIx, Law, MintPart, Operation, OutputFrom, Param, ParamIx, Path,
        RuleIx, ShownFrom, VarIx,
    },
};

/// The only element of a list that is written out.
pub(super) fn only_one(source: &str) -> Option<&str> {
    let element = source.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
    element.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(element)
}

/// Why no effect of an operation can happen where it is refused for this, and for nothing else.
pub(super) fn why_idle(law: &Law, operation: &Operation, origin: Origin) -> Option<&'static str> {
    let mut known = Known::of_good_but(
        law,
        operation,
        match origin {
            Origin::Param(ix, _) => Some(ix),
            _ => None,
        },
    );
    let mut place = None;
    match origin {
        Origin::Param(ix, defect) => known.given(&operation.params[ix as usize].name, defect != Defect::Required),
        Origin::State(own) => {
            let guard = &operation.refusals[own].guard;
            known.resolve(&guard.needs);
            guard.parts.iter().for_each(|ix| known.holds(&operation.conditions[*ix as usize]));
            place = Some(own);
        }
        Origin::Undeclared | Origin::Mismatch => {}
    }
    let others: Vec<&Guard> =
        operation.refusals.iter().enumerate().filter(|(ix, _)| Some(*ix) != place).map(|(_, r)| &r.guard).collect();
    if known.none_holds(&others).is_some() {
        return Some("where it is due, another refusal is due too");
    }
    let is_unnamed = |(ix, param): (usize, &Param)| {
        matches!(origin, Origin::Param(wrong, _) if wrong as usize == ix) || known.is_given(&param.name) == Some(false)
    };
    let mut absent: Vec<VarIx> = Vec::new();
    for (ix, param) in operation.params.iter().enumerate() {
        if is_unnamed((ix, param)) {
            absent.extend(param.names.iter().map(|reference| reference.var));
        }
    }
    // Each effect needs something that is named, and is not, or what an earlier one would have made.
    let idle = operation.effects.iter().all(|effect| {
        let idle = effect.needs.iter().chain(&effect.builds_on).any(|var| absent.contains(var));
        if let (true, Change::Create { var, .. }) = (idle, &effect.change) {
            absent.push(*var);
        }
        idle
    });
    idle.then_some("every change of the operation is to what is named, or made of it, and here it is not named")
}

/// True if an effect cannot be worked out where this is wrong with a parameter: it reads the argument, which is not there, or
/// is none of its type.
pub(super) fn reads(operation: &Operation, ix: ParamIx, defect: Defect) -> bool {
    let param = &operation.params[ix as usize];
    // One that is left out may have a default; one that is wrong has none.
    let is_missing = match defect {
        Defect::Required => param.default.is_none(),
        Defect::Type => true,
        _ => false,
    };
    let name = format!("input.{}", param.name);
    let reads = |expr: &Expr| expr.mentions(&name) && !expr.source().contains("has(");
    let stuck = |effect: &Effect| {
        let window = effect.after.iter().flat_map(|after| [&after.earliest, &after.latest, &after.usually]).flatten();
        let set: Vec<&Expr> = match &effect.change {
            Change::Create { set, .. } => set.iter().map(|(_, expr)| expr).collect(),
            Change::Set { set, .. } => set.iter().map(|(_, _, expr)| expr).collect(),
            Change::Delete(_) => Vec::new(),
        };
        window.chain(set).any(reads)
    };
    is_missing && operation.effects.iter().any(stuck)
}

/// Why nobody sees that something of a kind is made of which [`is_unlisted`] holds.
pub(super) const UNLISTED: &str = "no answer lists what is made, and nothing else depends on how many of it there are";

/// True if an effect only makes something that nobody can find: no answer lists its kind, and it refers to nothing that
/// could tell of it.
pub(super) fn is_unlisted(law: &Law, effect: &Effect) -> bool {
    let Change::Create { kind, set, .. } = &effect.change else { return false };
    let listed = law.operations.iter().flat_map(|operation| &operation.output).any(|output| match &output.from {
        OutputFrom::Selected { kind: k, .. } | OutputFrom::Many { kind: k, .. } => k == kind,
        _ => false,
    });
    let part =
        law.kinds.iter().flat_map(|of| &of.view).any(|shown| matches!(&shown.from, ShownFrom::List(_, k) if k == kind));
    let refers = set.iter().any(|(field, _)| law[*kind].fields[*field as usize].kind == FieldKind::Ref);
    !(listed || part || refers)
}

/// Why a wrong value of a state cannot be told of which [`has_one_other_value`] holds.
pub(super) const ONE_OTHER: &str =
    "its only other value is the one before or after a change that the law lets come at any time";

/// True if a state has two values, what is made has the one of them, and changes to the other at once or at any time.
pub(super) fn has_one_other_value(law: &Law, operation: &Operation, kind: KindIx, field: FieldIx) -> bool {
    let sets = |effect: &&Effect| !change::told(effect, kind, field).is_empty();
    let [made, later] = operation.effects.iter().filter(sets).collect::<Vec<_>>()[..] else { return false };
    let literal = |effect: &Effect| match change::told(effect, kind, field)[..] {
        [expr] => change::literal(expr).map(str::to_owned),
        _ => None,
    };
    let spec = &law[kind].fields[field as usize];
    let all = |values: [Option<String>; 2]| {
        spec.values.len() == 2 && spec.values.iter().all(|value| values.iter().flatten().any(|v| **v == **value))
    };
    let Some(after) = &later.after else { return false };
    let at_any_time = after.at_once && after.earliest.as_ref().is_none_or(|earliest| earliest.source() == "0");
    let alone = matches!(&later.change, Change::Set { set, .. } if set.len() == 1);
    matches!(made.change, Change::Create { .. })
        && at_any_time
        && alone
        && is_never_due(operation, later)
        && all([literal(made), literal(later)])
}

/// The value that a field has in everything of its kind whenever the server is asked, if it is always the same: what a request
/// sets it to counts unless it has changed, or its resource has gone, by the next request.
pub(super) fn at_rest(law: &Law, kind: KindIx, field: FieldIx) -> Option<String> {
    // An answer to the very request that sets it may show it as it is for a moment only.
    let shown_at_once = law.operations.iter().filter(|operation| !operation.reads).flat_map(|o| &o.output).any(|output| {
        matches!(&output.from, OutputFrom::One { kind: k, .. } | OutputFrom::Many { kind: k, .. } if *k == kind)
    });
    let mut values: Vec<String> = Vec::new();
    for operation in &law.operations {
        for effect in operation.effects.iter().filter(|effect| !change::told(effect, kind, field).is_empty()) {
            let on = match &effect.change {
                Change::Create { var, .. } => operation.vars[*var as usize].name.to_string(),
                Change::Set { on, .. } => match &effect.each {
                    Some(each) if on.source() == "it" => each.source().trim_matches(['[', ']']).to_owned(),
                    _ => on.source().to_owned(),
                },
                Change::Delete(_) => continue,
            };
            for expr in change::told(effect, kind, field) {
                let value = change::literal(expr);
                let passes = |later: &&Effect| {
                    let same = later.each.as_ref().is_some_and(|each| only_one(each.source()) == Some(&*on));
                    let soon = later.after.as_ref().is_some_and(|after| {
                        let unless = after.unless.as_ref().map(Expr::source);
                        let other =
                            value.map(|value| format!("it.{} != '{value}'", law[kind].fields[field as usize].name));
                        after.usually.as_ref().is_some_and(|usually| usually.source() == "0")
                            && (unless.is_none() || unless == other.as_deref())
                    });
                    let ends = match &later.change {
                        Change::Delete(what) => what.source() == "it",
                        Change::Set { .. } => !change::told(later, kind, field).is_empty(),
                        Change::Create { .. } => false,
                    };
                    same && soon && ends && later.when.is_none()
                };
                if effect.after.is_none() && operation.effects.iter().any(|later| passes(&later)) {
                    continue;
                }
                values.push(value?.to_owned());
            }
        }
    }
    values.dedup();
    match (shown_at_once, values.as_slice()) {
        (false, [one]) => Some(one.clone()),
        _ => None,
    }
}

/// True if an effect is on nothing but what the request itself makes.
pub(super) fn is_of_the_new(operation: &Operation, effect: &Effect) -> bool {
    let created = |name: &str| {
        let is_it = |other: &Effect| matches!(other.change, Change::Create { var, .. } if *operation.vars[var as usize].name == *name);
        operation.effects.iter().any(is_it)
    };
    match (&effect.change, &effect.each) {
        (Change::Create { .. }, _) => true,
        (Change::Set { on, .. } | Change::Delete(on), None) => created(on.source()),
        (Change::Set { on, .. } | Change::Delete(on), Some(each)) => {
            on.source() == "it" && only_one(each.source()).is_some_and(created)
        }
    }
}

/// True if a request that shows something of this variable makes it: nothing of it was there before.
pub(super) fn is_made(operation: &Operation, var: VarIx) -> bool {
    operation.effects.iter().any(|effect| matches!(effect.change, Change::Create { var: made, .. } if made == var))
}

/// True if nothing that a path goes through changes once it is there.
pub(super) fn is_fixed(law: &Law, kind: KindIx, path: &Path) -> bool {
    let mut at = kind;
    path.0.iter().all(|field| {
        let spec = &law[at].fields[*field as usize];
        let inverse = matches!(spec.kind, FieldKind::Inverse | FieldKind::InverseOne);
        // What a request makes, it also changes before anybody sees it.
        let changes = |operation: &Operation, effect: &Effect| match &effect.change {
            Change::Set { set, .. } => {
                set.iter().any(|(k, f, _)| (*k, f) == (at, field))
                    && !(effect.after.is_none() && is_of_the_new(operation, effect))
            }
            _ => false,
        };
        let of = |operation: &Operation| operation.effects.iter().any(|effect| changes(operation, effect));
        let fixed = !inverse && !law.operations.iter().any(of);
        at = spec.to.unwrap_or(at);
        fixed
    })
}

/// True if a path leads to a field that is the same in every resource of the kind.
pub(super) fn is_alike(law: &Law, kind: KindIx, path: &Path) -> bool {
    let [field] = path.0.as_slice() else { return false };
    let spec = &law[kind].fields[*field as usize];
    if matches!(spec.kind, FieldKind::Inverse | FieldKind::InverseOne) {
        return false;
    }
    if let Some(mint) = &spec.mint {
        return mint.0.iter().all(|part| matches!(part, MintPart::Text(_)));
    }
    let mut values: Vec<String> = Vec::new();
    for operation in &law.operations {
        for expr in operation.effects.iter().flat_map(|effect| change::told(effect, kind, *field)) {
            match change::literal(expr).map(str::to_owned).or_else(|| only_example(operation, expr)) {
                Some(value) => values.push(value),
                None => return false,
            }
        }
    }
    values.dedup();
    values.len() <= 1
}

/// The only value that an expression has in good requests, if it is a parameter that all of them carry with that value.
fn only_example(operation: &Operation, expr: &Expr) -> Option<String> {
    let name = expr.source().trim().strip_prefix("input.")?;
    let param = &operation.params[operation.param(name)? as usize];
    let [only] = param.examples.as_slice() else { return None };
    (param.required() && param.default.is_none()).then(|| only.clone())
}

/// Why a change that need not have happened yet cannot be missed.
pub(super) const NEVER_DUE: &str = "the law does not say when it must have happened";

/// True if an effect need not have happened, however long one waits. Either no last moment is set for it; what happens in one
/// go with something else is seen not to have happened where that has. Or it makes fields *anything*: the law allows
/// every value of them then, and so it allows the one that was there before.
pub(super) fn is_never_due(operation: &Operation, effect: &Effect) -> bool {
    let place = operation.effects.iter().position(|other| std::ptr::eq(other, effect));
    let next = place.and_then(|place| operation.effects.get(place + 1));
    match (&effect.after, &effect.change) {
        (Some(after), _) => {
            let together = |effect: &Effect| effect.after.as_ref().is_some_and(|after| after.together);
            after.latest.is_none() && !after.together && !next.is_some_and(together)
        }
        (None, Change::Set { set, .. }) => set.iter().all(|(_, _, expr)| expr.source().trim() == ANYTHING),
        (None, _) => false,
    }
}

/// Why a change of which [`is_passing`] holds is not missed.
pub(super) const PASSING: &str = "by the next request the field has changed again, and the answer does not show it";

/// True if what an effect sets is set once more, or gone, by the next request, and the answer to its own does not show it.
pub(super) fn is_passing(law: &Law, operation: &Operation, effect: &Effect) -> bool {
    let (Change::Set { set, .. }, None) = (&effect.change, &effect.after) else { return false };
    let on = |effect: &Effect| {
        let each = effect.each.as_ref().map(|each| only_one(each.source()).unwrap_or(each.source()).to_owned());
        match &effect.change {
            Change::Set { on, .. } | Change::Delete(on) if on.source() == "it" => each,
            Change::Set { on, .. } | Change::Delete(on) => Some(on.source().to_owned()).filter(|_| each.is_none()),
            Change::Create { .. } => None,
        }
    };
    let when = |effect: &Effect| effect.when.as_ref().map(|when| when.source().to_owned());
    let same = |other: &&Effect| on(other).is_some() && on(other) == on(effect) && when(other) == when(effect);
    let soon = |other: &&Effect| {
        let at_next = |after: &After| {
            after.unless.is_none() && after.usually.as_ref().is_some_and(|usually| usually.source() == "0")
        };
        other.after.as_ref().is_some_and(at_next)
    };
    let passes = |(kind, field, _): &(KindIx, FieldIx, Expr)| {
        operation.effects.iter().filter(same).filter(soon).any(|other| match &other.change {
            Change::Delete(_) => true,
            _ => !change::told(other, *kind, *field).is_empty(),
        })
    };
    let shown = |(kind, field, _): &(KindIx, FieldIx, Expr)| {
        operation.output.iter().any(|output| match &output.from {
            OutputFrom::One { kind: k, later, .. } | OutputFrom::Many { kind: k, later, .. } => {
                let own = law[*k].view.iter().filter(|shown| !later.contains(&shown.name));
                k != kind
                    || own.into_iter().any(|shown| match &shown.from {
                        ShownFrom::Paths(paths) => paths.iter().any(|path| path.0 == [*field]),
                        ShownFrom::Value(_) | ShownFrom::List(..) => true,
                        ShownFrom::Nothing => false,
                    })
            }
            OutputFrom::Paths(paths) => paths.iter().any(|(_, path)| path.0.last() == Some(field)),
            OutputFrom::Nothing => false,
            OutputFrom::Value(_) | OutputFrom::Selected { .. } | OutputFrom::Counts(_) => true,
        })
    };
    set.iter().all(|part| passes(part) && !shown(part))
}

/// Why nothing tells that a rule does not set a field, though it does the rest of what it does.
pub(super) fn why_not_missed(law: &Law, rule: RuleIx, kind: KindIx, field: FieldIx) -> Option<&'static str> {
    let operation = &law[law[rule].operation?];
    let sets = |effect: &&Effect| effect.rule == rule && !change::told(effect, kind, field).is_empty();
    // It comes in a change of its own: nothing else is seen to have happened where it has not.
    let own = |effect: &Effect| match &effect.change {
        Change::Set { set, .. } => effect.after.is_none() || set.iter().all(|(k, f, _)| (*k, *f) == (kind, field)),
        _ => false,
    };
    let others = |effect: &Effect| {
        operation.effects.iter().filter(|other| other.rule == rule && !std::ptr::eq(*other, effect)).any(|other| {
            other.after.is_some()
                && effect.after.is_some()
                && other.each.as_ref().map(Expr::source) == effect.each.as_ref().map(Expr::source)
        })
    };
    let is_anything = |effect: &Effect| {
        effect.after.is_none()
            && matches!(effect.change, Change::Set { .. })
            && change::told(effect, kind, field).iter().all(|expr| expr.source().trim() == ANYTHING)
    };
    let makes_it = |effect: &Effect| matches!(effect.change, Change::Create { .. });
    let never_due =
        |effect: &Effect| is_anything(effect) || is_never_due(operation, effect) && own(effect) && !others(effect);
    match () {
        () if operation.effects.iter().filter(sets).all(never_due) => Some(NEVER_DUE),
        () if is_unseen(law, kind, field, Seen::Judged) => Some(UNSEEN),
        () if operation.effects.iter().filter(sets).all(makes_it)
            && change::is_null_at_first(law, kind, field)
            && is_unseen(law, kind, field, Seen::Demanded) =>
        {
            Some(OPTIONAL)
        }
        () => None,
    }
}

/// Why a field that is not set cannot be missed, if every answer may leave it out.
const OPTIONAL: &str = "every answer that shows the field may leave it out, and nothing else depends on it";

/// What counts as showing a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Answers in which it may stand.
    Judged,
    /// Answers in which it must stand.
    Demanded,
}

/// Why a change to a field of which [`is_unseen`] holds cannot be told.
pub(super) const UNSEEN: &str = "no answer shows the field, and whether a request is refused does not depend on it";

/// True if no answer shows a field, and nothing that is demanded depends on it: it says only where the law is silent.
pub(super) fn is_unseen(law: &Law, kind: KindIx, field: FieldIx, seen: Seen) -> bool {
    is_unseen_but(law, (kind, field), seen, &mut Vec::new())
}

/// The same; that others of these fields depend on it does not count.
fn is_unseen_but(law: &Law, which: (KindIx, FieldIx), seen: Seen, but: &mut Vec<(KindIx, FieldIx)>) -> bool {
    let (kind, field) = which;
    but.push(which);
    let may_lack = |optional: bool| optional && seen == Seen::Demanded;
    let reads = |place: reading::Place<'_>, expr: &Expr| reading::reads(law, place, expr, kind, field);
    let in_path = |start: KindIx, path: &Path| {
        let mut at = start;
        path.0.iter().any(|step| {
            let here = (at, *step) == (kind, field);
            let inverse = law[at].fields[*step as usize]
                .of
                .is_some_and(|of| (law[at].fields[*step as usize].to, of) == (Some(kind), field));
            at = law[at].fields[*step as usize].to.unwrap_or(at);
            here || inverse
        })
    };
    let shown = law.kinds().any(|(ix, of)| {
        let view = |expr: &Expr| reads(reading::Place::View(ix), expr);
        let conditions = of.view.iter().filter_map(|shown| shown.judged_while.as_ref());
        let shows = of.view.iter().any(|shown| match &shown.from {
            ShownFrom::Paths(paths) if paths.len() == 1 && may_lack(shown.optional) => false,
            ShownFrom::Paths(paths) => paths.iter().any(|path| in_path(ix, path)),
            ShownFrom::Value(expr) => view(expr),
            ShownFrom::List(path, _) => in_path(ix, path),
            ShownFrom::Nothing => false,
        });
        let filtered = of.filters.iter().any(|(_, paths)| paths.iter().any(|path| in_path(ix, path)));
        shows || filtered || conditions.chain(&of.lingers).chain(&of.fades).any(view)
    });
    let asked = law.operations.iter().any(|operation| {
        let here = |expr: &Expr| reads(reading::Place::Operation(operation), expr);
        let puts_out = operation.output.iter().any(|output| match &output.from {
            OutputFrom::Paths(paths) if paths.len() == 1 && may_lack(output.optional) => false,
            OutputFrom::Paths(paths) => {
                paths.iter().any(|(var, path)| in_path(operation.vars[*var as usize].kind, path))
            }
            OutputFrom::Value(guard) => here(&guard.expr),
            OutputFrom::One { of, .. } | OutputFrom::Many { of, .. } => here(&of.expr),
            _ => false,
        });
        let selected = operation.output.iter().find_map(|output| match &output.from {
            OutputFrom::Selected { kind, .. } => Some(*kind),
            _ => None,
        });
        let mut matches = operation.params.iter().flat_map(|param| &param.matches);
        let refused = operation.refusals.iter().any(|refuse| here(&refuse.guard.expr));
        let promised = operation.permits.iter().chain(&operation.keeps).any(|(_, guard)| here(&guard.expr));
        let moves = operation.effects.iter().any(|effect| {
            let after = effect.after.iter().flat_map(|a| [&a.earliest, &a.latest, &a.usually, &a.unless]).flatten();
            let (on, set) = match &effect.change {
                Change::Create { set, .. } => (None, set.iter().map(|(_, expr)| expr).collect::<Vec<_>>()),
                Change::Set { on, set } => (Some(on), set.iter().map(|(_, _, expr)| expr).collect()),
                Change::Delete(on) => (Some(on), Vec::new()),
            };
            if !effect.when.iter().chain(&effect.each).chain(on).chain(after).chain(set).any(here) {
                return false;
            }
            // What comes of it may be as unseen as it is itself.
            match &effect.change {
                Change::Set { set, .. } => !set.iter().all(|(kind, field, _)| {
                    but.contains(&(*kind, *field)) || is_unseen_but(law, (*kind, *field), seen, but)
                }),
                _ => true,
            }
        });
        puts_out || selected.is_some_and(|kind| matches.any(|path| in_path(kind, path))) || refused || promised || moves
    });
    !(law[kind].fields[field as usize].names || shown || asked)
}

/// True if the law leaves open whether a request that gives a parameter is refused, whatever else it says.
pub(super) fn leaves_open(operation: &Operation, ix: ParamIx) -> bool {
    let param = &operation.params[ix as usize];
    let given = format!("has(input.{})", param.name);
    operation.open.iter().any(|open| open.guard.expr.source().split("||").any(|either| either.trim() == given))
}

/// Why a fault that shows only with some parameter cannot be told.
pub(super) const NEVER_SENT: &str = "it shows only in requests with a parameter that, by the spec, no good request has";

/// True if no good request carries the parameter.
pub(super) fn is_never_sent(operation: &Operation, ix: ParamIx) -> bool {
    operation.params[ix as usize].sent == Sent::Never
}

/// Why a refusal without one of its conditions is made where it is right, or where nobody can say that it is wrong: the
/// other conditions hold only where that one does, or where it does not hold another refusal is due, or the law is silent.
pub(super) fn is_never_without(law: &Law, operation: &Operation, place: usize, part: usize) -> Option<String> {
    let guard = &operation.refusals[place].guard;
    let condition = |ix: &u32| &operation.conditions[*ix as usize];
    let mut known = Known::of_good(law, operation);
    known.resolve(&guard.needs);
    let others = guard.parts.iter().enumerate().filter(|(number, _)| *number != part);
    others.for_each(|(_, ix)| known.holds(condition(ix)));
    let mut as_sent = known.clone();
    known.does_not_hold(condition(&guard.parts[part]));
    if known.is_absurd() {
        return Some("its other conditions hold only where this one holds too".to_owned());
    }
    if let Some(ids) = refused_by_others(law, operation, place, &mut known) {
        return Some(format!("where this condition does not hold, the request is refused as well, or may be: {ids}"));
    }
    for param in operation.params.iter().filter(|param| param.sent == Sent::Never) {
        as_sent.given(&param.name, false);
    }
    (as_sent.value_of(condition(&guard.parts[part])) == Some(true)).then(|| NEVER_SENT.to_owned())
}

/// Why a refusal for one of the reasons that a condition lists, and for none of the others, makes no difference; none if it may
/// make one. `place` is that of the refusal, and of the condition in it.
pub(super) fn is_never_for(
    law: &Law,
    operation: &Operation,
    place: (usize, usize),
    reasons: &[Part],
    number: usize,
) -> Option<String> {
    let (place, part) = place;
    let guard = &operation.refusals[place].guard;
    let mut known = Known::of_good(law, operation);
    known.resolve(&guard.needs);
    let others = guard.parts.iter().enumerate().filter(|(other, _)| *other != part);
    others.for_each(|(_, ix)| known.holds(&operation.conditions[*ix as usize]));
    known.holds(&reasons[number]);
    let others = reasons.iter().enumerate().filter(|(other, _)| *other != number);
    others.for_each(|(_, reason)| known.does_not_hold(reason));
    if known.is_absurd() {
        return Some("this reason never holds alone".to_owned());
    }
    let ids = refused_by_others(law, operation, place, &mut known)?;
    Some(format!("where this reason holds alone, the request is refused otherwise as well, or may be: {ids}"))
}

/// The other refusals and open questions of which one must hold by what is known, if so.
fn refused_by_others(law: &Law, operation: &Operation, place: usize, known: &mut Known<'_>) -> Option<String> {
    let refusals = operation.refusals.iter().enumerate().filter(|(other, _)| *other != place);
    let refusals = refusals.map(|(_, refuse)| (&*law[refuse.refusal.rule].id, &refuse.guard));
    let others: Vec<(&str, &Guard)> =
        refusals.chain(operation.open.iter().map(|open| (&*open.id, &open.guard))).collect();
    let guards: Vec<&Guard> = others.iter().map(|(_, guard)| *guard).collect();
    let places = known.none_holds(&guards)?;
    let mut ids: Vec<&str> = places.into_iter().map(|place| others[place].0).collect();
    ids.sort_unstable();
    ids.dedup();
    Some(ids.join(", "))
}

/// True if a refusal may be due for what an earlier request of the same operation has named that was accepted.
pub(super) fn may_be_named_again(law: &Law, operation: &Operation, place: usize) -> bool {
    let guard = &operation.refusals[place].guard;
    let conditions = || guard.parts.iter().map(|ix| &operation.conditions[*ix as usize]);
    let mut due = Known::of_good(law, operation);
    due.resolve(&guard.needs);
    conditions().for_each(|part| due.holds(part));
    let references =
        || operation.params.iter().flat_map(|param| param.names.iter().map(move |reference| (param, reference)));
    // Gone is what the operation itself removes, at once.
    let is_gone = |kind: KindIx| {
        let of_kind = references().filter(|(_, reference)| reference.kind == kind);
        law[kind].lingers.is_none() && of_kind.into_iter().all(|(_, r)| !r.accepts_gone && removes(operation, r.var))
    };
    let mut named = references().filter(|(param, _)| due.is_given(&param.name) != Some(false));
    named.any(|(_, reference)| !is_gone(reference.kind)) && !was_due_before(law, operation, place)
}

/// True if an accepted request of an operation removes at once what this variable stands for.
fn removes(operation: &Operation, var: VarIx) -> bool {
    let name = &*operation.vars[var as usize].name;
    operation.effects.iter().any(|effect| {
        let of_each =
            effect.each.as_ref().is_some_and(|each| each.source() == name || only_one(each.source()) == Some(name));
        let on_it =
            matches!(&effect.change, Change::Delete(on) if on.source() == name || of_each && on.source() == "it");
        // The servers whose faults these are do it when it is usual.
        let at_once = effect.after.as_ref().is_none_or(|after| {
            after.unless.is_none() && after.usually.as_ref().is_some_and(|usually| usually.source() == "0")
        });
        on_it && at_once && effect.when.is_none() && effect.needs.iter().all(|need| *need == var)
    })
}

/// True if a refusal that is due for a resource was due for it, or another one was, from when it was made: what its
/// conditions read of the resource never changes, or was refused as long as it was different.
fn was_due_before(law: &Law, operation: &Operation, place: usize) -> bool {
    let guard = &operation.refusals[place].guard;
    let [var] = guard.needs.as_slice() else { return false };
    // Nothing else can be named again.
    if operation.params.iter().flat_map(|param| &param.names).any(|reference| reference.var != *var) {
        return false;
    }
    let mut before = Known::of_good(law, operation);
    before.resolve(&guard.needs);
    for ix in &guard.parts {
        let part = &operation.conditions[*ix as usize];
        let never_changes =
            before.paths(part).is_some_and(|paths| paths.iter().all(|(kind, path)| is_fixed(law, *kind, path)));
        if never_changes {
            before.holds(part);
        }
    }
    let guards: Vec<&Guard> = operation.refusals.iter().map(|refuse| &refuse.guard).collect();
    before.none_holds(&guards).is_some()
}
