//! Which rules a request meets in a world: what must refuse it, what forbids refusing it, where the law is silent.

use std::sync::Arc;

use super::{
    eval::{EvalFailure, Scope, all},
    input::{self, ArgumentDefect, Input, InputValue, Reading},
    show,
    token::{Fate, First, Likeness, Sent},
    value::{Handle, Value},
    world::{Lookup, World},
};
use crate::{
    spec::{
        file::{Accepted, AfterFailure, Defect, TokenScope},
        law::{Guard, Law, Open, Operation, OperationIx, Param, ParamIx, Refusal, RuleIx, Token, Undeclared, VarIx},
    },
    wire::Request,
};

/// What a reference variable holds for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The parameter is absent.
    Absent,
    /// The parameter names something that is not there, or is malformed.
    Failed,
    /// The parameter is fine, but names nothing of this kind: something of another kind, or what is passed over.
    Nothing,
    /// One resource.
    One(Handle),
    /// Several.
    Many(Vec<Handle>),
}

/// An earlier request with the same token.
#[derive(Clone, Debug)]
pub struct Again {
    /// What it was answered.
    pub first: Arc<First>,
    /// The parameters are the same, or may mean the same.
    pub like: bool,
    /// There is no other right answer than to answer as before, and to change nothing.
    pub only: bool,
    /// Without the token it would be refused.
    pub due: bool,
    /// The rule about repeats; none if the law is silent about them.
    pub rule: Option<RuleIx>,
}

/// What the law says of one request in one world.
#[derive(Clone)]
pub struct Assessment {
    /// The operation.
    pub operation: OperationIx,
    /// What the expressions see; the reference variables are bound in it.
    pub scope: Scope,
    /// What each variable holds.
    pub bound: Vec<Bound>,
    /// The refusals that are due, in the order of the specs: arguments first, then states.
    pub refusals: Vec<Refusal>,
    /// It depends on something unseen whether a refusal is due.
    pub undecided: bool,
    /// Why the law leaves the answer open, if it does.
    pub open: Option<Arc<str>>,
    /// Nobody knows what comes of an acceptance.
    pub unforeseeable: bool,
    /// How many of the refusals are due to the arguments alone: they are due even where the law is silent about the
    /// rest.
    pub of_arguments: usize,
    /// The rules that forbid a refusal.
    pub permits: Vec<RuleIx>,
    /// The rule about rehearsals, if this is one.
    pub dry_run: Option<RuleIx>,
    /// The request as it is to be remembered, if it has a token.
    pub token: Option<Arc<Sent>>,
    /// The earlier request with the same token that was accepted.
    pub again: Option<Again>,
    /// What it names that is gone.
    pub gone: Vec<Handle>,
    /// Errors of the law itself; none in a law that has been checked.
    pub broken: Vec<String>,
}

impl Assessment {
    /// True if an accepting answer is right.
    pub fn may_accept(&self) -> bool {
        self.dry_run.is_none() && self.of_arguments == 0 && (self.refusals.is_empty() || self.open.is_some())
    }

    /// True if a refusing answer is right.
    pub fn may_refuse(&self) -> bool {
        self.dry_run.is_some() || !self.refusals.is_empty() || self.open.is_some() || self.undecided
    }

    /// Every resource that the request names.
    pub fn named(&self) -> Vec<Handle> {
        let mut named = Vec::new();
        for bound in &self.bound {
            match bound {
                Bound::One(h) => named.push(*h),
                Bound::Many(list) => named.extend(list),
                Bound::Absent | Bound::Failed | Bound::Nothing => {}
            }
        }
        named.sort_unstable();
        named.dedup();
        named
    }

    /// True if a name in it is that of nothing.
    pub fn names_nothing(&self) -> bool {
        self.bound.contains(&Bound::Failed)
    }

    /// True if every one of these variables holds something, or null for good reason.
    pub fn resolves(&self, needs: &[VarIx]) -> bool {
        needs.iter().all(|v| !matches!(self.bound[*v as usize], Bound::Absent | Bound::Failed))
    }
}

/// Reads a request and finds the rules that it meets.
pub fn assess(law: &Arc<Law>, world: &Arc<World>, request: &Request) -> Assessment {
    assess_as_read(law, world, request, &Reading::of(law, request))
}

/// Finds the rules that a request meets which has been read already.
pub fn assess_as_read(law: &Arc<Law>, world: &Arc<World>, request: &Request, read: &Reading) -> Assessment {
    let operation = &law[request.operation];
    let Reading { input, defects } = read;
    let mut found = Assessment {
        operation: request.operation,
        scope: Scope { law: law.clone(), world: world.clone(), input: input.clone(), vars: Vec::new() },
        bound: vec![Bound::Absent; operation.vars.len()],
        refusals: Vec::new(),
        undecided: false,
        open: None,
        unforeseeable: false,
        of_arguments: 0,
        permits: Vec::new(),
        dry_run: None,
        token: None,
        again: None,
        gone: Vec::new(),
        broken: Vec::new(),
    };
    for defect in defects {
        found.refuse_defect(operation, defect.param, defect.defect);
    }
    for (ix, param) in operation.params.iter().enumerate() {
        let wrong = defects.iter().any(|d| d.param == Some(ix as ParamIx));
        found.resolve(law, world, input, param, wrong);
    }
    if let Some((ix, rule)) = operation.dry_run
        && input.get(&operation.params[ix as usize].name) == Some(&InputValue::Bool(true))
    {
        found.dry_run = Some(rule);
    }
    found.of_arguments = found.refusals.len();
    // An argument that the law does not speak of leaves everything open, its own faults excepted.
    found.unforeseeable = found.open.is_some() && !operation.reads;
    let mut known = vec![None; operation.conditions.len()];
    for rule in &operation.refusals {
        match found.holds(&rule.guard, operation, &mut known) {
            Some(true) => found.refusals.push(rule.refusal.clone()),
            Some(false) => {}
            None => found.undecided = true,
        }
    }
    for open in &operation.open {
        if found.holds(&open.guard, operation, &mut known) == Some(false) {
            continue;
        }
        let comes_up = match open.excuses.is_empty() {
            true => !found.asks_only_of_bad(&open.guard, operation, defects),
            false => found.excuse(open, operation, defects),
        };
        if comes_up {
            found.open.get_or_insert_with(|| open.id.clone());
            found.unforeseeable |= open.accepted == Accepted::Unknown && !operation.reads;
        }
    }
    for (rule, guard) in &operation.permits {
        if found.holds(guard, operation, &mut known) == Some(true) {
            found.permits.push(*rule);
        }
    }
    if let Some(token) = &operation.token {
        found.look_back(law, world, token, request, defects);
    }
    found
}

/// What is known of a condition; none if it has not been evaluated.
type Known = Option<Result<bool, EvalFailure>>;

impl Assessment {
    /// True or false; none if it cannot be decided. A guard whose references do not resolve does not hold. `known` is what
    /// has been found out about the operation's conditions, here and in this world.
    fn holds(&mut self, guard: &Guard, operation: &Operation, known: &mut [Known]) -> Option<bool> {
        if !self.resolves(&guard.needs) {
            return Some(false);
        }
        let part = |ix: &u32| {
            let place = *ix as usize;
            known[place].get_or_insert_with(|| self.scope.part(&operation.conditions[place])).clone()
        };
        match all(guard.parts.iter().map(part)) {
            Ok(holds) => Some(holds),
            Err(EvalFailure::Undecided | EvalFailure::Absent) => None,
            Err(EvalFailure::Broken(why)) => {
                self.broken.push(format!("{}: {why}", guard.expr.source()));
                None
            }
        }
    }

    /// Takes back the refusals of wrong values that need not be refused; false if there are none.
    fn excuse(&mut self, open: &Open, operation: &Operation, defects: &[ArgumentDefect]) -> bool {
        let is_excused = |defect: &&ArgumentDefect| defect.param.is_some_and(|ix| open.excuses.contains(&ix));
        let excused: Vec<RuleIx> = defects
            .iter()
            .filter(is_excused)
            .filter_map(|defect| operation.params[defect.param? as usize].refusal(defect.defect))
            .map(|refusal| refusal.rule)
            .collect();
        let due = self.refusals.len();
        self.refusals.retain(|refusal| !excused.contains(&refusal.rule));
        self.of_arguments -= due - self.refusals.len();
        !excused.is_empty()
    }

    /// True if a question is about a bad argument and nothing else: what such a value means nobody asks, for the request is
    /// refused for it, with the codes of that refusal.
    fn asks_only_of_bad(&self, guard: &Guard, operation: &Operation, defects: &[ArgumentDefect]) -> bool {
        let is_bad = |name: &str| {
            let of = |defect: &ArgumentDefect| defect.param.map(|ix| &*operation.params[ix as usize].name);
            defects.iter().any(|defect| defect.defect != Defect::Required && of(defect) == Some(name))
        };
        let mut asked = operation.params.iter().filter(|param| guard.expr.mentions(&format!("input.{}", param.name)));
        if !asked.clone().any(|param| is_bad(&param.name)) {
            return false;
        }
        if !asked.any(|param| !is_bad(&param.name) && self.scope.input.get(&param.name).is_some()) {
            return true;
        }
        let good = Scope { input: Arc::new(self.scope.input.without(is_bad)), ..self.scope.clone() };
        guard.parts.iter().any(|ix| good.part(&operation.conditions[*ix as usize]) == Ok(false))
    }

    /// What an earlier request with the same token makes of this one.
    fn look_back(&mut self, law: &Law, world: &World, token: &Token, request: &Request, defects: &[ArgumentDefect]) {
        let operation = &law[request.operation];
        let wrong = defects.iter().any(|d| d.param == Some(token.param));
        let text = match self.scope.input.get(&operation.params[token.param as usize].name) {
            Some(InputValue::Text(text)) if !wrong && !text.is_empty() => text.clone(),
            _ => return,
        };
        let sent = Arc::new(Sent::new(operation, request, text, self.scope.input.clone()));
        self.token = Some(sent.clone());
        let (earlier, elsewhere) = world.tokens.find(&sent.token, request.operation);
        let Some(earlier) = earlier else {
            match token.scope {
                TokenScope::Account if elsewhere => self.refuse_mismatch(token),
                TokenScope::Open if elsewhere => self.leave_open("the token was used for another operation"),
                _ => {}
            }
            return;
        };
        let first = match &earlier.fate {
            Fate::Accepted(first) => first.clone(),
            Fate::Refused if token.after_failure == AfterFailure::New => return,
            Fate::Refused => return self.leave_open("an earlier request with this token was refused"),
        };
        let sure = !earlier.old && first.stands(law, world);
        let likeness = sent.likeness(operation, &earlier.sent);
        let due = !self.refusals.is_empty();
        let under_way = first.is_under_way(world);
        let mut again = Again { first, like: false, only: false, due, rule: token.repeat };
        // A rehearsal is never the request itself, and never succeeds.
        if likeness == Likeness::Different || self.dry_run.is_some() {
            self.refuse_mismatch(token);
            if !sure {
                self.leave_open("the token may have been forgotten, or what it was used for is gone");
            }
            self.again = Some(again);
            return;
        }
        again.like = true;
        match token.repeat {
            Some(rule) if sure && likeness == Likeness::Same => {
                again.only = true;
                // Whatever has changed since the first request, its answer stands.
                self.refusals.clear();
                self.permits.clear();
                self.gone.clear();
                (self.undecided, self.open, self.unforeseeable, self.of_arguments) = (false, None, false, 0);
                if !token.under_way.is_empty() && under_way {
                    let codes = token.under_way.clone().into();
                    self.refusals.push(Refusal { rule, codes, code_rule: None });
                    self.leave_open("the first request with this token is still under way");
                }
            }
            _ => self.leave_open("the token may have been forgotten, or the request may not count as the same"),
        }
        self.again = Some(again);
    }

    /// The token belongs to a request with other parameters.
    fn refuse_mismatch(&mut self, token: &Token) {
        match &token.mismatch {
            Some(refusal) => self.refusals.push(refusal.clone()),
            None => self.leave_open("the law does not say how a token with other parameters is answered"),
        }
    }

    fn refuse_defect(&mut self, operation: &Operation, param: Option<ParamIx>, defect: Defect) {
        let refusal = match (param, &operation.undeclared) {
            (Some(ix), _) => operation.params[ix as usize].refusal(defect),
            (None, Some(Undeclared::Refused(refusal))) => Some(refusal),
            (None, Some(Undeclared::Ignored(rule))) => return self.permits.push(*rule),
            (None, None) => None,
        };
        let Some(refusal) = refusal else {
            return self.leave_open("the law does not say how this argument is answered");
        };
        let mut refusal = refusal.clone();
        // A malformed name also names nothing, and nobody says which of the two is noticed first.
        if defect == Defect::Malformed
            && let Some(unknown) = param.and_then(|ix| operation.params[ix as usize].refusal(Defect::Unknown))
        {
            let any = refusal.codes.is_empty() || unknown.codes.is_empty();
            let both = refusal.codes.iter().chain(unknown.codes.iter()).filter(|_| !any);
            refusal.codes = both.cloned().collect();
        }
        self.refusals.push(refusal);
    }

    fn leave_open(&mut self, why: &str) {
        self.open.get_or_insert_with(|| why.into());
    }

    fn resolve(&mut self, law: &Law, world: &World, input: &Input, param: &Param, wrong: bool) {
        if param.names.is_empty() {
            return;
        }
        let texts = input.texts(&param.name);
        let mut handles = Vec::with_capacity(texts.len());
        let mut complete = !wrong;
        let due = self.refusals.len();
        for text in texts.iter().filter(|text| !wrong && !input::is_plain(param, text)) {
            match self.name(law, world, param, text) {
                Some(found) => handles.extend(found),
                None => complete = false,
            }
        }
        if param.mixed_open && !complete && !handles.is_empty() {
            self.refusals.truncate(due);
            self.leave_open("some of the names are of nothing, and the law does not say what becomes of the others");
        }
        for reference in &param.names {
            let var = reference.var as usize;
            let (name, list) = {
                let var = &law[self.operation].vars[var];
                (var.name.clone(), var.list)
            };
            let mut of_kind =
                handles.iter().copied().filter(|h| world.get(*h).is_some_and(|r| r.kind == reference.kind));
            let (bound, value) = if !complete {
                (Bound::Failed, Value::Null)
            } else if texts.is_empty() {
                (Bound::Absent, Value::Null)
            } else if list {
                let value = Value::List(handles.iter().map(|h| Value::Ref(*h)).collect());
                (Bound::Many(handles.clone()), value)
            } else {
                match of_kind.next() {
                    Some(handle) => (Bound::One(handle), Value::Ref(handle)),
                    None => (Bound::Nothing, Value::Null),
                }
            };
            self.bound[var] = bound;
            self.scope.bind(&name, value);
        }
    }

    /// What a name names: a resource of any of the kinds that the parameter may name, or nothing if it is passed over.
    /// None if that is a fault, or cannot be told.
    fn name(&mut self, law: &Law, world: &World, param: &Param, text: &str) -> Option<Option<Handle>> {
        let found: Vec<_> = param.names.iter().map(|r| (r, world.lookup(law, r.kind, r.by, text))).collect();
        if let Some(handle) = found.iter().find_map(|(_, l)| if let Lookup::Live(h) = l { Some(*h) } else { None }) {
            let kind = world.get(handle).map(|r| r.kind);
            if kind.is_some_and(|kind| show::fades(&self.scope, handle, kind)) {
                self.leave_open("what is named may have gone by itself");
            }
            return Some(Some(handle));
        }
        let gone = found.iter().find_map(|(r, l)| if let Lookup::Gone(h) = l { Some((*r, *h)) } else { None });
        if let Some((reference, handle)) = gone {
            if reference.accepts_gone {
                return Some(Some(handle));
            }
            if show::lingers(&self.scope, handle, reference.kind) {
                self.leave_open("what is gone may still be known for a while");
                return Some(Some(handle));
            }
            self.gone.push(handle);
            if param.passes_over {
                return Some(None);
            }
            self.refuse_name(param, Defect::Stale);
        } else if found.iter().any(|(_, l)| matches!(l, Lookup::Undecided)) {
            self.undecided = true;
            self.leave_open("the name may be that of something not seen yet");
        } else if param.passes_over {
            return Some(None);
        } else {
            self.refuse_name(param, Defect::Unknown);
        }
        None
    }

    fn refuse_name(&mut self, param: &Param, defect: Defect) {
        match param.refusal(defect) {
            Some(refusal) => {
                if !self.refusals.iter().any(|r| r.rule == refusal.rule) {
                    self.refusals.push(refusal.clone());
                }
            }
            None => self.leave_open("the law does not say how this name is answered"),
        }
    }
}
