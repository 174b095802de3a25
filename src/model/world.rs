//! The resources of one world, and how they are found.

use std::sync::Arc;

use imbl::{GenericHashMap, OrdMap, Vector, shared_ptr::DefaultSharedPtr};
use rustc_hash::FxBuildHasher;

use super::{
    time::Moment,
    token::Tokens,
    value::{Handle, Value},
};
use crate::{
    spec::{
        expr::Expr,
        file::FieldKind,
        law::{FieldIx, KindIx, Law, OperationIx, Path, RuleIx},
    },
    wire::Request,
};

/// Why a field has its value, and whether a look has confirmed it since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The rule whose effect set it; none if it has been so from the creation on.
    pub rule: Option<RuleIx>,
    /// A reading answer has shown it since.
    pub seen: bool,
}

impl Proof {
    const NONE: Proof = Proof { rule: None, seen: true };

    /// The rule whose effect nobody has confirmed yet.
    pub fn open(self) -> Option<RuleIx> {
        if self.seen { None } else { self.rule }
    }
}

/// A rule's claim that a resource is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The rule: to blame if it is changed.
    pub rule: RuleIx,
    /// The rule has been kept if it is not; false for one that may not have been the reason of a refusal.
    pub kept: bool,
    /// Something else has changed its fields since, on purpose: it is only to be there.
    pub there: bool,
}

/// A resource of a world, live or gone.
#[derive(Clone, Debug)]
pub struct Resource {
    /// What it is.
    pub kind: KindIx,
    /// The how-manieth of its kind, from 1.
    pub ordinal: u32,
    /// False once an effect has deleted it.
    pub live: bool,
    /// Its fields; inverse fields stay null here and are found by [`World::inverse`].
    pub fields: Vec<Value>,
    /// Why each field has its value.
    pub proofs: Vec<Proof>,
    /// Why it is there, or gone.
    pub life: Proof,
    /// Rules which say that it must be unchanged, not yet confirmed by a look.
    pub claims: Vec<Claim>,
    /// The resources that refer to it.
    referrers: Vec<Handle>,
}

/// A change that is still to come.
#[derive(Clone, Debug)]
pub struct Timer {
    /// Not before this moment.
    pub earliest: Moment,
    /// Not after this moment; none if it is never late.
    pub latest: Option<Moment>,
    /// When the reference server does it.
    pub usually: Moment,
    /// The rule that says when it happens: that of its first part.
    pub rule: RuleIx,
    /// What it does.
    pub steps: Arc<[TimerStep]>,
}

impl Timer {
    /// The rules whose changes it makes, each once.
    pub fn rules(&self) -> Vec<RuleIx> {
        let mut rules = Vec::with_capacity(1);
        for step in self.steps.iter() {
            if !rules.contains(&step.rule) {
                rules.push(step.rule);
            }
        }
        rules
    }

    /// True if it is the same change, to come in the same window.
    pub fn same_as(&self, other: &Timer) -> bool {
        self.earliest == other.earliest && self.latest == other.latest && self.makes_the_same_as(other)
    }

    /// True if both make the same changes. Worlds that split before a request was judged have timers of their own.
    fn makes_the_same_as(&self, other: &Timer) -> bool {
        Arc::ptr_eq(&self.steps, &other.steps) || self.steps == other.steps
    }

    /// True if it does the same for the same reason, and may happen whenever the other one may.
    fn covers(&self, other: &Timer) -> bool {
        let until = |timer: &Timer| timer.latest.unwrap_or(Moment(u64::MAX));
        self.earliest <= other.earliest && until(self) >= until(other) && self.makes_the_same_as(other)
    }

    /// True if both change the same resource.
    fn meets(&self, other: &Timer) -> bool {
        self.steps.iter().any(|step| other.steps.iter().any(|s| s.on == step.on))
    }
}

impl Timer {
    /// True if it must have happened before this moment.
    pub fn is_due(&self, now: Moment) -> bool {
        self.latest.is_some_and(|latest| latest < now)
    }

    /// True if this change comes after another one: the same rule says what a field is first, and what it is next.
    pub fn follows(&self, earlier: &Timer) -> bool {
        self.rule == earlier.rule && self.steps.iter().any(|step| earlier.steps.iter().any(|e| step.follows(e)))
    }
}

/// A part of a [`Timer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerStep {
    /// The rule that says so.
    pub rule: RuleIx,
    /// The operation and the place of the effect in it, with its condition.
    pub unless: Option<(OperationIx, usize)>,
    /// The resource.
    pub on: Handle,
    /// Fields to set; none to delete it.
    pub set: Option<Vec<(FieldIx, Value)>>,
}

/// A change that has happened, and what it changed.
#[derive(Clone, Debug)]
pub struct Fired {
    /// The change.
    pub timer: Timer,
    /// The parts that happened, as the resources were before, in their order.
    pub before: Vec<Was>,
}

impl Fired {
    /// What one rule has made of it; none if it has made nothing.
    pub fn part_of(&self, rule: RuleIx) -> Option<Fired> {
        let steps: Vec<TimerStep> = self.timer.steps.iter().filter(|step| step.rule == rule).cloned().collect();
        let own = |was: &&Was| steps.iter().any(|step| step.on == was.on && step.set.is_none() == was.fields.is_none());
        let before: Vec<Was> = self.before.iter().filter(own).cloned().collect();
        let timer = Timer { rule, steps: steps.into(), ..self.timer.clone() };
        (!before.is_empty()).then_some(Fired { timer, before })
    }
}

/// A resource before a change.
#[derive(Clone, Debug)]
pub struct Was {
    /// The resource.
    pub on: Handle,
    /// The fields that were set; none if it was deleted.
    pub fields: Option<Vec<(FieldIx, Value)>>,
}

/// A request that was never answered: it may have been done at any moment since, or may yet be.
#[derive(Debug)]
pub struct Lost {
    /// The request.
    pub request: Request,
    /// When it was sent.
    pub from: Moment,
}

/// Changes that have happened are remembered, this many.
const MOST_FIRED: usize = 32;

impl TimerStep {
    /// True if it sets a field that another step of the same rule sets too.
    pub fn follows(&self, earlier: &TimerStep) -> bool {
        let sets = |step: &TimerStep, field: FieldIx| step.set.iter().flatten().any(|(f, _)| *f == field);
        self.on == earlier.on && self.set.iter().flatten().any(|(field, _)| sets(earlier, *field))
    }
}

type Texts = GenericHashMap<Arc<str>, Arc<[(Handle, FieldIx)]>, FxBuildHasher, DefaultSharedPtr>;

/// One possible state of affairs. Copies share what they have in common, so that worlds can split cheaply and a server's
/// world may be large.
#[derive(Clone, Debug, Default)]
pub struct World {
    resources: OrdMap<Handle, Arc<Resource>>,
    /// Which resources have a field with this text, among the fields by which a resource is named.
    texts: Texts,
    /// Changes still to come, in the order in which they were decided.
    pub timers: Vec<Timer>,
    /// The latest changes that have happened, in that order; kept by those who judge.
    fired: Vector<Arc<Fired>>,
    /// Requests that were never answered, and have not been done so far.
    pub lost: Vec<Arc<Lost>>,
    /// What is remembered of requests with a token.
    pub tokens: Tokens,
    counts: Arc<[u32]>,
    next: u32,
    /// Those gone, the longest gone first.
    dead: Vector<Handle>,
    /// Something was created by a request whose answer was lost: its id may have been seen elsewhere.
    pub has_foundlings: bool,
    /// Rules which say how many of a kind there are, or that there is none more, not yet confirmed by a look at them all.
    /// Kept where one more can be told from what strangers have.
    pub counted: Vec<(KindIx, RuleIx)>,
}

/// What a literal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A live resource.
    Live(Handle),
    /// A resource that is gone.
    Gone(Handle),
    /// Nothing.
    Nothing,
    /// Perhaps a resource whose name nobody has seen yet.
    Undecided,
}

impl World {
    /// True if the change at this place can be the next: none that it follows is still to come.
    pub fn may_be_next(&self, place: usize) -> bool {
        let (before, rest) = self.timers.split_at(place.min(self.timers.len()));
        rest.first().is_some_and(|timer| !before.iter().any(|earlier| timer.follows(earlier)))
    }

    /// The resource behind a handle; none only if it was forgotten.
    pub fn get(&self, handle: Handle) -> Option<&Resource> {
        self.resources.get(&handle).map(|r| &**r)
    }

    /// Every resource, in the order of creation.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &Resource)> {
        self.resources.iter().map(|(h, r)| (*h, &**r))
    }

    /// True if changes of this rule are still to come.
    pub fn awaits(&self, rule: RuleIx) -> bool {
        let to_come = |step: &TimerStep| step.rule == rule && self.get(step.on).is_some_and(|r| r.live);
        self.timers.iter().any(|timer| timer.steps.iter().any(to_come))
    }

    /// True if looks have confirmed something that this rule has changed.
    pub fn has_confirmed(&self, rule: RuleIx) -> bool {
        let is_seen = |proof: &Proof| proof.rule == Some(rule) && proof.seen;
        self.iter().any(|(_, r)| is_seen(&r.life) || r.proofs.iter().any(is_seen))
    }

    /// Every live resource of a kind, in the order of creation.
    pub fn live(&self, kind: KindIx) -> impl Iterator<Item = (Handle, &Resource)> {
        self.iter().filter(move |(_, r)| r.live && r.kind == kind)
    }

    /// The handle of the `ordinal`-th resource of a kind.
    pub fn nth(&self, kind: KindIx, ordinal: u32) -> Option<Handle> {
        self.iter().find(|(_, r)| r.kind == kind && r.ordinal == ordinal).map(|(h, _)| h)
    }

    /// What has been created since this world was `earlier`, in the order of creation.
    pub fn since(&self, earlier: &World) -> impl Iterator<Item = Handle> + use<> {
        (earlier.next..self.next).map(Handle)
    }

    /// Changes a resource; a forgotten one is left alone.
    pub fn update(&mut self, handle: Handle, change: impl FnOnce(&mut Resource)) {
        if let Some(resource) = self.resources.get_mut(&handle) {
            change(Arc::make_mut(resource));
        }
    }

    /// The number of the next resource that will be created.
    pub fn next_number(&self) -> u32 {
        self.next
    }

    /// Numbers the resources that are created from now on from `next`, or from the first number after it that is free.
    /// Whoever gives each request numbers of its own has the same handles in whatever order the requests are made.
    pub fn number_from(&mut self, next: u32) {
        self.next = next;
    }

    /// A new resource with every field as it is before anything is known of it.
    pub fn create(&mut self, law: &Law, kind: KindIx, rule: RuleIx) -> Handle {
        while self.resources.contains_key(&Handle(self.next)) {
            self.next += 1;
        }
        let handle = Handle(self.next);
        self.next += 1;
        if self.counts.is_empty() {
            self.counts = vec![0; law.kinds.len()].into();
        }
        let count = &mut Arc::make_mut(&mut self.counts)[kind.0 as usize];
        *count += 1;
        let ordinal = *count;
        let fields: Vec<Value> = law[kind]
            .fields
            .iter()
            .map(|f| match f.kind {
                FieldKind::Id | FieldKind::Chosen => Value::Unknown,
                FieldKind::Flag => Value::Bool(false),
                FieldKind::Integer => Value::Int(0),
                _ => Value::Null,
            })
            .collect();
        let resource = Resource {
            kind,
            ordinal,
            live: true,
            proofs: vec![Proof::NONE; fields.len()],
            fields,
            life: Proof { rule: Some(rule), seen: false },
            claims: Vec::new(),
            referrers: Vec::new(),
        };
        self.resources.insert(handle, Arc::new(resource));
        handle
    }

    /// Sets a field. `rule` is the rule whose effect this is; none while a resource is being made, and when a value is
    /// merely learnt.
    pub fn set(&mut self, law: &Law, handle: Handle, field: FieldIx, value: Value, rule: Option<RuleIx>) {
        let Some(resource) = self.resources.get(&handle) else { return };
        let old = resource.fields[field as usize].clone();
        let names = law[resource.kind].fields[field as usize].names;
        if old == value && rule.is_none() {
            return;
        }
        match &old {
            Value::Text(text) if names => self.forget_text(text, handle, field),
            Value::Ref(to) => {
                let to = *to;
                self.update(to, |r| {
                    if let Some(place) = r.referrers.iter().position(|h| *h == handle) {
                        r.referrers.remove(place);
                    }
                });
            }
            _ => {}
        }
        match &value {
            Value::Text(text) if names => {
                let mut places = self.texts.get(text).map_or(Vec::new(), |p| p.to_vec());
                places.push((handle, field));
                self.texts.insert(text.clone(), places.into());
            }
            Value::Ref(to) => self.update(*to, |r| r.referrers.push(handle)),
            _ => {}
        }
        self.update(handle, |r| {
            r.fields[field as usize] = value;
            if let Some(rule) = rule {
                r.proofs[field as usize] = Proof { rule: Some(rule), seen: false };
            }
        });
    }

    /// Deletes a resource: it stays known, but is no longer live.
    pub fn delete(&mut self, handle: Handle, rule: RuleIx) {
        if self.get(handle).is_some_and(|r| r.live) {
            self.update(handle, |r| {
                r.live = false;
                r.life = Proof { rule: Some(rule), seen: false };
            });
            self.dead.push_back(handle);
        }
    }

    /// Undoes a deletion.
    pub fn revive(&mut self, handle: Handle) {
        if let Some(place) = self.dead.iter().position(|h| *h == handle) {
            self.dead.remove(place);
            self.update(handle, |r| r.live = true);
        }
    }

    /// Remembers a change that has happened.
    pub fn note_fired(&mut self, fired: Fired) {
        self.fired.push_back(Arc::new(fired));
        if self.fired.len() > MOST_FIRED {
            self.fired.pop_front();
        }
    }

    /// The latest changes that have happened, the latest first.
    pub fn fired(&self) -> impl Iterator<Item = &Arc<Fired>> {
        self.fired.iter().rev()
    }

    /// Forgets the longest gone resources, so that no more than `keep` are remembered.
    pub fn forget_gone(&mut self, law: &Law, keep: usize) {
        while self.dead.len() > keep {
            let Some(handle) = self.dead.pop_front() else { return };
            let Some(resource) = self.resources.get(&handle).cloned() else { continue };
            for (field, value) in resource.fields.iter().enumerate() {
                match value {
                    Value::Text(text) if law[resource.kind].fields[field].names => {
                        self.forget_text(text, handle, field as FieldIx);
                    }
                    Value::Ref(to) => self.update(*to, |r| r.referrers.retain(|h| *h != handle)),
                    _ => {}
                }
            }
            self.resources.remove(&handle);
        }
    }

    fn forget_text(&mut self, text: &Arc<str>, handle: Handle, field: FieldIx) {
        let Some(places) = self.texts.get(text) else { return };
        let kept: Vec<_> = places.iter().copied().filter(|place| *place != (handle, field)).collect();
        if kept.is_empty() {
            self.texts.remove(text);
        } else {
            self.texts.insert(text.clone(), kept.into());
        }
    }

    /// What a text names among the resources of a kind, by one of its fields.
    ///
    /// A text that has not been seen could still be the value of a resource whose field nobody has seen; an id is long
    /// and random enough to rule that out, unless an answer was lost that should have shown it; another chosen value (an
    /// address, say) is not.
    pub fn lookup(&self, law: &Law, kind: KindIx, field: FieldIx, text: &str) -> Lookup {
        let mut gone = None;
        for (handle, at) in self.texts.get(text).into_iter().flat_map(|p| p.iter()) {
            let Some(resource) = self.get(*handle) else { continue };
            if *at == field && resource.kind == kind {
                if resource.live {
                    return Lookup::Live(*handle);
                }
                gone = Some(*handle);
            }
        }
        if let Some(handle) = gone {
            return Lookup::Gone(handle);
        }
        let unseen = |r: &Resource| r.fields[field as usize] == Value::Unknown;
        let guessable = law[kind].fields[field as usize].kind != FieldKind::Id;
        if (guessable || self.has_foundlings) && self.iter().any(|(_, r)| r.kind == kind && unseen(r)) {
            Lookup::Undecided
        } else {
            Lookup::Nothing
        }
    }

    /// Every resource, live or gone, that has this text in some field.
    pub fn named(&self, text: &str) -> impl Iterator<Item = Handle> {
        self.texts.get(text).into_iter().flat_map(|places| places.iter().map(|(handle, _)| *handle))
    }

    /// Which live resources have this text in this field.
    pub fn live_with_text(&self, kind: KindIx, field: FieldIx, text: &str) -> Option<Handle> {
        self.texts.get(text).into_iter().flat_map(|p| p.iter()).find_map(|(handle, at)| {
            let resource = self.get(*handle)?;
            (*at == field && resource.kind == kind && resource.live).then_some(*handle)
        })
    }

    /// The live resources of kind `from` whose reference `of` points to `to`, in the order of creation.
    pub fn inverse(&self, to: Handle, from: KindIx, of: FieldIx) -> Vec<Handle> {
        let Some(resource) = self.get(to) else { return Vec::new() };
        let mut found: Vec<Handle> = resource
            .referrers
            .iter()
            .copied()
            .filter(|h| {
                self.get(*h).is_some_and(|r| r.live && r.kind == from && r.fields[of as usize] == Value::Ref(to))
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Everything that refers to a resource, live or gone.
    pub fn referrers(&self, handle: Handle) -> &[Handle] {
        self.get(handle).map_or(&[], |r| &r.referrers)
    }

    /// The value of a field, inverse ones included.
    pub fn read(&self, law: &Law, handle: Handle, field: FieldIx) -> Value {
        let Some(resource) = self.get(handle) else { return Value::Null };
        let spec = &law[resource.kind].fields[field as usize];
        match (spec.kind, spec.to, spec.of) {
            (FieldKind::Inverse, Some(from), Some(of)) => {
                Value::List(self.inverse(handle, from, of).into_iter().map(Value::Ref).collect())
            }
            (FieldKind::InverseOne, Some(from), Some(of)) => {
                self.inverse(handle, from, of).first().map_or(Value::Null, |h| Value::Ref(*h))
            }
            _ => resource.fields[field as usize].clone(),
        }
    }

    /// Follows a path; the place where it ends, with the value there. A null on the way ends it early with no place.
    pub fn follow(&self, law: &Law, from: Handle, path: &Path) -> (Option<(Handle, FieldIx)>, Value) {
        let mut at = from;
        let Some((last, way)) = path.0.split_last() else { return (None, Value::Null) };
        for field in way {
            match self.read(law, at, *field) {
                Value::Ref(next) => at = next,
                other @ (Value::Unknown | Value::Anything) => return (None, other),
                _ => return (None, Value::Null),
            }
        }
        (Some((at, *last)), self.read(law, at, *last))
    }

    /// The condition of a delayed effect, found again when its moment has come.
    pub fn unless<'l>(law: &'l Law, step: &TimerStep) -> Option<&'l Expr> {
        let (operation, effect) = step.unless?;
        law[operation].effects.get(effect)?.after.as_ref()?.unless.as_ref()
    }

    /// The place of the one change that is still to come in another world and not in this one; none if that is not the only
    /// difference between what they await.
    pub fn awaits_all_but(&self, other: &World) -> Option<usize> {
        if self.timers.len() + 1 != other.timers.len() {
            return None;
        }
        let place = self.timers.iter().zip(&other.timers).take_while(|(a, b)| a.same_as(b)).count();
        let mut rest = self.timers[place..].iter().zip(&other.timers[place + 1..]);
        // Of several that are the same it is the first.
        let same = other.timers[..place].iter().rev().take_while(|t| t.same_as(&other.timers[place])).count();
        rest.all(|(a, b)| a.same_as(b)).then_some(place - same)
    }

    /// True if nothing in the two differs that any later answer could show.
    pub fn same_as(&self, other: &World) -> bool {
        // What tells two worlds of one scenario apart soonest comes first.
        self.timers.len() == other.timers.len()
            && self.lost.len() == other.lost.len()
            && self.lost.iter().zip(&other.lost).all(|(a, b)| Arc::ptr_eq(a, b))
            && self.has_foundlings == other.has_foundlings
            && self.timers.iter().zip(&other.timers).all(|(a, b)| a.same_as(b))
            && self.has_same_resources(other)
            && self.tokens == other.tokens
    }

    /// True if the two have the same resources, whatever is still to happen to them.
    pub fn has_same_resources(&self, other: &World) -> bool {
        self.resources.len() == other.resources.len()
            && self.resources.iter().zip(&other.resources).all(|((h, a), (i, b))| {
                h == i && (Arc::ptr_eq(a, b) || (a.kind == b.kind && a.live == b.live && a.fields == b.fields))
            })
    }

    /// How many resources of a kind have ever been created.
    pub fn created(&self, kind: KindIx) -> u32 {
        self.counts.get(kind.0 as usize).copied().unwrap_or(0)
    }

    /// True if this world allows every answer, now and later, that the other one allows: they have the same resources,
    /// and what is still to happen may happen here whenever it may happen there. With `strictly` they also agree on why
    /// everything is as it is; that matters where a rule demands nothing any more, or a token is remembered.
    pub fn covers(&self, other: &World, strictly: bool) -> bool {
        if self.resources.len() != other.resources.len()
            || self.timers.len() != other.timers.len()
            || self.has_foundlings != other.has_foundlings
            || self.lost.len() != other.lost.len()
            || !self.lost.iter().zip(&other.lost).all(|(a, b)| Arc::ptr_eq(a, b))
            || !self.tokens.covers(&other.tokens)
        {
            return false;
        }
        let same = |a: &Resource, b: &Resource| {
            a.kind == b.kind
                && a.live == b.live
                && a.fields == b.fields
                && (!strictly || (a.proofs == b.proofs && a.life == b.life && a.claims == b.claims))
        };
        let resources = self.resources.iter().zip(&other.resources);
        if !resources.into_iter().all(|((h, a), (i, b))| h == i && (Arc::ptr_eq(a, b) || same(a, b))) {
            return false;
        }
        // Which of the two worlds was told of a change first does not matter, unless changes meet in a resource.
        let mut places: Vec<usize> = Vec::with_capacity(other.timers.len());
        for timer in &other.timers {
            let free = |place: &usize| !places.contains(place) && self.timers[*place].covers(timer);
            match (0..self.timers.len()).find(free) {
                Some(place) => places.push(place),
                None => return false,
            }
        }
        let swapped = |i: usize, j: usize| places[i] > places[j] && other.timers[i].meets(&other.timers[j]);
        !(0..places.len()).any(|j| (0..j).any(|i| swapped(i, j)))
    }

    /// How many resources are known, live or gone.
    pub fn len(&self) -> usize {
        self.resources.len()
    }

    /// True if none is known.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }
}
