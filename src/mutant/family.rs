//! The mutants of a law: for each rule the natural family of its faults.
//!
//! What a rule demands says which faults it may have, and what stands in the law of its operation says where. Some of them
//! nobody can see: the law allows what they do. Those are in the list as well, with the reason.

use super::{Changes, Decides, Mutant, Origin, Place, Shows, Way, When, change, equivalence, refusal};
use crate::spec::{
    expr::Expr,
    file::{Defect, ScalarType, Sent, WireFault},
    law::{
        Change, Demand, Effect, FieldIx, KindIx, Law, Operation, OperationIx, OutputFrom, Param, ParamIx, Refusal,
        Rule, RuleIx, ShownFrom,
    },
};

/// Codes that a wrong refusal may carry, this many are kept to choose from.
const MOST_CODES: usize = 12;
/// The status of a server that broke down.
const BROKE_DOWN: u16 = 500;

/// Every mutant of a law, rule by rule.
pub fn mutants(law: &Law) -> Vec<Mutant> {
    let mut family = Family { law, found: Vec::new(), codes: codes(law) };
    for (ix, rule) in law.rules() {
        family.of(ix, rule);
    }
    for mutant in family.found.iter_mut().filter(|mutant| mutant.equivalent.is_none()) {
        let declared = law.equivalents.iter().find(|equivalent| equivalent.mutants.is_match(&mutant.name));
        mutant.equivalent = declared.map(|equivalent| equivalent.because.clone());
        mutant.declared = declared.is_some();
    }
    family.found
}

/// A mutant by its name, or the first one of a rule.
pub fn named(law: &Law, name: &str) -> Option<Mutant> {
    let all = mutants(law);
    let of_rule = |mutant: &&Mutant| *law[mutant.rule].id == *name && mutant.equivalent.is_none();
    all.iter().find(|mutant| mutant.name == name).or_else(|| all.iter().find(of_rule)).cloned()
}

/// Every code with which a rule refuses, but for those that say nothing about the law.
fn codes(law: &Law) -> Vec<std::sync::Arc<str>> {
    let general = &law.codes;
    let lists = [&general.throttled, &general.busy, &general.quota, &general.denied, &general.unimplemented];
    let says_nothing = |code: &str| lists.iter().any(|list| list.iter().any(|c| c == code)) || general.turns_away(code);
    let mut codes: Vec<std::sync::Arc<str>> = Vec::new();
    for (ix, _) in law.rules() {
        for code in law.refusal(ix).into_iter().flat_map(|refusal| refusal.codes.iter()) {
            if !codes.contains(code) && !says_nothing(code) && law.dry_run_code.as_ref() != Some(code) {
                codes.push(code.clone());
            }
        }
    }
    codes
}

struct Family<'l> {
    law: &'l Law,
    found: Vec<Mutant>,
    codes: Vec<std::sync::Arc<str>>,
}

impl<'l> Family<'l> {
    fn add(&mut self, rule: RuleIx, fault: &'static str, way: Way) {
        self.add_part(rule, fault, None, way, None);
    }

    fn add_part(&mut self, rule: RuleIx, fault: &'static str, part: Option<&str>, way: Way, equivalent: Option<&str>) {
        let part = part.map(|part| format!("#{part}")).unwrap_or_default();
        let name = format!("{}:{fault}{part}", self.law[rule].id);
        let equivalent = equivalent.map(str::to_owned);
        self.found.push(Mutant { name, rule, fault, way, when: When::Always, equivalent, declared: false });
    }

    /// The latest mutant once more, for each of these occasions.
    fn also(&mut self, whens: &[When]) {
        let Some(latest) = self.found.last().cloned() else { return };
        for when in whens {
            let name = format!("{}@{}", latest.name, when.name());
            self.found.push(Mutant { name, when: *when, ..latest.clone() });
        }
    }

    fn of(&mut self, ix: RuleIx, rule: &Rule) {
        let law = self.law;
        match rule.demand {
            Demand::Refuse => {
                if let Some((operation, origin)) = origin(law, ix) {
                    self.refuse(ix, operation, origin);
                }
            }
            Demand::Code => self.code(ix),
            Demand::Permit => self.add(ix, "refused", Way::Decision(Decides::Refused)),
            Demand::Effect => self.effect(ix),
            Demand::Keep => self.keep(ix, rule),
            Demand::DryRun => self.rehearsal(ix),
            Demand::Answer => self.answer(ix),
            Demand::Form => self.form(ix),
        }
        if rule.demand != Demand::Permit && rule.operation.is_some_and(|operation| law[operation].accepts == ix) {
            self.add(ix, "refused", Way::Decision(Decides::Refused));
        }
        for (kind, spec) in law.kinds().filter(|(_, kind)| kind.id_rule == Some(ix)) {
            self.add_part(ix, "wrong-form", Some(&spec.name), Way::Ids { kind, repeated: false }, None);
            self.add_part(ix, "repeated", Some(&spec.name), Way::Ids { kind, repeated: true }, None);
        }
    }

    fn refuse(&mut self, rule: RuleIx, operation: OperationIx, origin: Origin) {
        let law = self.law;
        let spec = &law[operation];
        let decision = |decides| Way::Decision(decides);
        self.add(rule, "not-made", decision(Decides::NotMade));
        if matches!(origin, Origin::State(_)) {
            let mut whens = occasions(spec);
            // Where nothing can have been done before to what is named now, there is no such mutant.
            if let Origin::State(place) = origin {
                whens.retain(|when| *when != When::Again || equivalence::may_be_named_again(law, spec, place));
            }
            // Two requests of which each is looked at before the other one is done.
            whens.push(When::Together);
            self.also(&whens);
        } else if matches!(origin, Origin::Param(_, Defect::Stale)) {
            self.also(&[When::Third]);
        }
        if let Origin::State(place) = origin {
            self.not_made_for(rule, operation, place);
        }
        let unsaid = match origin {
            Origin::Param(ix, _) if equivalence::leaves_open(spec, ix) => {
                Some("the law leaves open whether a request with it is refused")
            }
            // Without the parameter a refusal is made up where it is required.
            Origin::Param(ix, defect) if defect != Defect::Required && equivalence::is_never_sent(spec, ix) => {
                Some(equivalence::NEVER_SENT)
            }
            _ => None,
        };
        self.add_part(rule, "made", None, decision(Decides::Made(origin)), unsaid);
        if let Origin::State(place) = origin {
            let parts = spec.refusals[place].guard.parts.len();
            for part in (0..parts).filter(|_| parts > 1) {
                let way = decision(Decides::MadeWithout(place, part));
                let reason = equivalence::is_never_without(law, spec, place, part);
                self.add_part(rule, "made-without", Some(&(part + 1).to_string()), way, reason.as_deref());
            }
        }
        if let Origin::Param(ix, Defect::Range | Defect::Length) = origin
            && refusal::limits(&spec.params[ix as usize]).is_some()
        {
            self.add(rule, "not-made-next-to-limit", decision(Decides::NotMadeNextToLimit(ix)));
            let way = decision(Decides::MadeAtLimit(ix, origin));
            self.add_part(rule, "made-at-limit", None, way, unsaid);
        }
        if let Some(refusal) = refusal::refusal_at(spec, origin)
            && refusal.code_rule.is_none()
        {
            self.wrong_code(rule, refusal);
        }
        self.add(rule, "wrong-status", decision(Decides::Status(BROKE_DOWN)));
        self.add(rule, "status-of-success", decision(Decides::Status(200)));
        self.acts(rule, operation, origin);
        if origin == Origin::Mismatch {
            self.add(rule, "answered-as-first", decision(Decides::AnsweredAsFirst));
        }
    }

    /// A refusal that is forgotten for one of several reasons.
    fn not_made_for(&mut self, rule: RuleIx, operation: OperationIx, place: usize) {
        let spec = &self.law[operation];
        let mut count = 0;
        for (part, ix) in spec.refusals[place].guard.parts.iter().enumerate() {
            let reasons = spec.conditions[*ix as usize].alternatives();
            for number in (0..reasons.len()).filter(|_| reasons.len() > 1) {
                count += 1;
                let way = Way::Decision(Decides::NotMadeFor(place, part, number));
                let reason = equivalence::is_never_for(self.law, spec, (place, part), &reasons, number);
                self.add_part(rule, "not-made-for", Some(&count.to_string()), way, reason.as_deref());
            }
        }
    }

    fn acts(&mut self, rule: RuleIx, operation: OperationIx, origin: Origin) {
        let spec = &self.law[operation];
        let reason = if spec.effects.is_empty() {
            Some("the operation changes nothing, so that there is nothing to do")
        } else if spec.effects.iter().all(|effect| equivalence::is_unlisted(self.law, effect)) {
            Some(equivalence::UNLISTED)
        } else if matches!(origin, Origin::Param(ix, defect) if equivalence::reads(spec, ix, defect)) {
            Some("what the operation does cannot be worked out without the parameter")
        } else {
            equivalence::why_idle(self.law, spec, origin)
        };
        self.add_part(rule, "acts", None, Way::Decision(Decides::Acts), reason);
    }

    fn wrong_code(&mut self, rule: RuleIx, refusal: &Refusal) {
        let others: Vec<_> = self.codes.iter().filter(|code| !refusal.codes.contains(code)).cloned().collect();
        let others: Vec<_> = others.into_iter().take(MOST_CODES).collect();
        let reason =
            refusal.codes.is_empty().then_some("the law names no code here, and any of a client error is right");
        self.add_part(rule, "wrong-code", None, Way::Decision(Decides::Code(others.into())), reason);
    }

    fn code(&mut self, rule: RuleIx) {
        if let Some(refusal) = self.law.refusal(rule) {
            self.wrong_code(rule, refusal);
        }
    }

    fn rehearsal(&mut self, rule: RuleIx) {
        let reads = self.law[rule].operation.is_some_and(|operation| self.law[operation].effects.is_empty());
        let nothing = reads.then_some("the operation changes nothing, so that there is nothing to do");
        let effects = self.law[rule].operation.map_or(&[][..], |operation| &self.law[operation].effects);
        let unlisted = effects.iter().all(|effect| equivalence::is_unlisted(self.law, effect));
        let nothing = nothing.or(unlisted.then_some(equivalence::UNLISTED));
        self.add_part(rule, "acts", None, Way::Decision(Decides::Acts), nothing);
        self.add(rule, "accepted", Way::Decision(Decides::RehearsalAccepted));
        self.add(rule, "succeeds-idly", Way::Decision(Decides::RehearsalIdle));
        let others: Vec<_> = self.codes.iter().take(MOST_CODES).cloned().collect();
        self.add(rule, "wrong-code", Way::Decision(Decides::Code(others.into())));
        self.add(rule, "wrong-status", Way::Decision(Decides::Status(BROKE_DOWN)));
    }

    fn keep(&mut self, rule: RuleIx, spec: &Rule) {
        let repeats = spec.operation.is_some_and(|operation| {
            self.law[operation].token.as_ref().is_some_and(|token| token.repeat == Some(rule))
        });
        if repeats {
            self.add(rule, "forgotten", Way::Decision(Decides::Forgotten));
            self.also(&[When::Third]);
            self.add(rule, "done-again", Way::Decision(Decides::DoneAgain));
            self.add(rule, "refused", Way::Decision(Decides::RepeatRefused));
        } else {
            self.add(rule, "changes", Way::Change(Changes::NotKept));
            self.add(rule, "goes", Way::Change(Changes::KeptGoes));
        }
    }

    fn effect(&mut self, rule: RuleIx) {
        let law = self.law;
        let Some(operation) = law[rule].operation else { return };
        let spec = &law[operation];
        let effects: Vec<&Effect> = spec.effects.iter().filter(|effect| effect.rule == rule).collect();
        let change = |changes| Way::Change(changes);
        let endless = match () {
            () if effects.iter().all(|effect| equivalence::is_never_due(spec, effect)) => Some(equivalence::NEVER_DUE),
            () if effects.iter().all(|effect| {
                equivalence::is_never_due(spec, effect) || equivalence::is_passing(law, spec, effect)
            }) =>
            {
                Some(equivalence::PASSING)
            }
            () => None,
        };
        self.add_part(rule, "missing", None, change(Changes::Missing(None)), endless);
        let deletes = spec.effects.iter().any(|effect| matches!(effect.change, Change::Delete(_)));
        let mut whens = occasions(spec);
        // What goes is not there to be done to again.
        whens.retain(|when| *when != When::Again || !deletes);
        self.also(&whens);
        let fields = change::fields_set(law, rule);
        let name =
            |(kind, field): (KindIx, FieldIx)| format!("{}.{}", law[kind].name, law[kind].fields[field as usize].name);
        for (kind, field) in fields.iter().copied() {
            if fields.len() > 1 {
                let way = change(Changes::Missing(Some((kind, field))));
                // What may never happen as a whole must not happen in part.
                let reason = endless.filter(|reason| *reason != equivalence::NEVER_DUE);
                let reason = reason.or_else(|| equivalence::why_not_missed(law, rule, kind, field));
                self.add_part(rule, "missing", Some(&name((kind, field))), way, reason);
            }
            if change::has_others(law, rule, kind, field) {
                let way = change(Changes::Value(kind, field));
                let reason = match () {
                    () if equivalence::is_unseen(law, kind, field, equivalence::Seen::Judged) => {
                        Some(equivalence::UNSEEN)
                    }
                    () if equivalence::has_one_other_value(law, spec, kind, field) => Some(equivalence::ONE_OTHER),
                    () if effects
                        .iter()
                        .filter(|effect| !change::told(effect, kind, field).is_empty())
                        .all(|effect| equivalence::is_passing(law, spec, effect)) =>
                    {
                        Some(equivalence::PASSING)
                    }
                    () => None,
                };
                self.add_part(rule, "wrong-value", Some(&name((kind, field))), way, reason);
            }
        }
        if effects.iter().any(|effect| matches!(effect.change, Change::Create { .. })) {
            let unlisted =
                effects.iter().all(|effect| equivalence::is_unlisted(law, effect)).then_some(equivalence::UNLISTED);
            self.add_part(rule, "doubled", None, change(Changes::Doubled), unlisted);
        }
        if effects.iter().any(|effect| !equivalence::is_of_the_new(spec, effect)) {
            self.add(rule, "to-another", change(Changes::Other));
            self.add(rule, "to-all", change(Changes::All));
        }
        if effects.iter().any(|effect| may_be_several(spec, effect)) {
            self.add_part(rule, "to-the-first-only", None, change(Changes::First), endless);
        }
        let timed: Vec<_> = effects.iter().filter_map(|effect| effect.after.as_ref()).collect();
        if !timed.is_empty() {
            let at_any_time =
                |after: &&crate::spec::law::After| after.earliest.as_ref().is_none_or(|e| e.source() == "0");
            let any_time = timed.iter().all(|after| at_any_time(after) && after.at_once);
            let reason = any_time.then_some("the law lets it happen at any time");
            self.add_part(rule, "early", None, change(Changes::Early), reason);
            let never_late = timed.iter().all(|after| after.latest.is_none());
            let reason = never_late.then_some(equivalence::NEVER_DUE);
            self.add_part(rule, "late", None, change(Changes::Late), reason);
        }
        if !deletes && effects.iter().any(|effect| !matches!(effect.change, Change::Delete(_))) {
            self.add(rule, "undone", change(Changes::Undone));
        }
    }

    fn answer(&mut self, rule: RuleIx) {
        let law = self.law;
        let parts = parts(law, rule);
        for (place, name, part) in &parts {
            let name = (parts.len() > 1).then_some(&**name);
            self.shows(rule, *place, name, part);
        }
    }

    fn shows(&mut self, rule: RuleIx, place: Place, part: Option<&str>, of: &Part) {
        let way = |shows| Way::Answer(place, shows);
        let may_lack = of.optional.then_some("the law lets it be left out");
        let mut add = |fault, shows, reason: Option<&str>| self.add_part(rule, fault, part, way(shows), reason);
        add("missing", Shows::Missing, may_lack);
        add("misnamed", Shows::Misnamed, may_lack);
        if of.list {
            add("one-less", Shows::OneLess, None);
            add("one-twice", Shows::Twice, None);
            add("one-too-many", Shows::Foreign, None);
        } else if of.resource {
            add("of-another", Shows::OfAnother, None);
        } else {
            add("wrong-value", Shows::Wrong, None);
            add("wrong-type", Shows::Type, None);
            if of.named {
                add("unheard-of", Shows::Unheard, None);
            }
            if of.from_field {
                let at_rest =
                    of.at_rest.then_some("whenever the server is asked, every resource of the kind has the same");
                add("stale", Shows::Stale, of.fixed.then_some("the value never changes").or(at_rest));
                let alike = of.alike.then_some("every resource of the kind has the same");
                add("of-another", Shows::OfAnother, alike.or(at_rest));
            }
        }
    }

    fn form(&mut self, rule: RuleIx) {
        let mut faults: Vec<WireFault> =
            self.law.wire_rules.iter().filter(|(_, r)| **r == rule).map(|((fault, _), _)| *fault).collect();
        faults.sort_unstable();
        faults.dedup();
        let several = faults.len() > 1;
        for fault in faults {
            self.add_part(rule, "wrong-form", several.then(|| fault.name()), Way::Form(fault), None);
        }
        let mut rows = self.law.operations.iter().flat_map(|operation| &operation.status);
        if let Some(row) = rows.find(|row| row.rule == Some(rule)) {
            let never = (!row.demanded).then_some("no request is sure to be refused with this code");
            self.add_part(rule, "wrong-status", None, Way::Status, never);
        }
    }
}

/// On which occasions a fault of an operation may show only.
fn occasions(operation: &Operation) -> Vec<When> {
    let mut whens = vec![When::Third];
    let names = |param: &Param| param.kind == ScalarType::List && !param.names.is_empty() && param.sent != Sent::Never;
    if operation.params.iter().any(names) {
        whens.push(When::Three);
    }
    if operation.params.iter().any(|param| !param.names.is_empty()) && !operation.reads {
        whens.push(When::Again);
    }
    whens
}

/// True if an effect may change several resources.
fn may_be_several(operation: &Operation, effect: &Effect) -> bool {
    let list = |name: &std::sync::Arc<str>| operation.vars.iter().any(|var| var.list && var.name == *name);
    let on = match &effect.change {
        Change::Create { .. } => None,
        Change::Delete(on) | Change::Set { on, .. } => Some(on),
    };
    let reads_list = |expr: &Expr| expr.variables().iter().any(list);
    effect.each.as_ref().is_some_and(|each| equivalence::only_one(each.source()).is_none())
        || on.is_some_and(reads_list)
}

/// Where a refusal that a rule demands comes from.
fn origin(law: &Law, rule: RuleIx) -> Option<(OperationIx, Origin)> {
    law.operations().find_map(|(ix, operation)| {
        let of_params = operation.params.iter().enumerate().flat_map(|(ix, param)| {
            param.refusals.iter().map(move |(defect, _)| Origin::Param(ix as ParamIx, *defect))
        });
        let of_state = (0..operation.refusals.len()).map(Origin::State);
        let mut all = of_params.chain(of_state).chain([Origin::Undeclared, Origin::Mismatch]);
        let demands = |origin: &Origin| refusal::refusal_at(operation, *origin).is_some_and(|r| r.rule == rule);
        Some((ix, all.find(demands)?))
    })
}

/// What matters of a part of answers.
#[derive(Clone, Copy, Debug)]
struct Part {
    list: bool,
    resource: bool,
    optional: bool,
    /// It has one of a few values.
    named: bool,
    /// It shows the field of a resource.
    from_field: bool,
    /// That field never changes.
    fixed: bool,
    /// It is the same in every resource.
    alike: bool,
    /// It is the same in every resource whenever the server is asked.
    at_rest: bool,
}

/// The parts of answers that a rule is about, with their names.
fn parts(law: &Law, rule: RuleIx) -> Vec<(Place, String, Part)> {
    let mut found = Vec::new();
    for (ix, operation) in law.operations() {
        for (place, output) in operation.output.iter().enumerate().filter(|(_, o)| o.rule == Some(rule)) {
            let resource = matches!(output.from, OutputFrom::One { .. });
            let part = Part {
                list: matches!(output.from, OutputFrom::Many { .. } | OutputFrom::Selected { .. }),
                resource,
                optional: output.optional,
                named: !output.values.is_empty(),
                from_field: matches!(output.from, OutputFrom::Paths(_)),
                fixed: match &output.from {
                    OutputFrom::Paths(paths) => paths.iter().all(|(var, path)| {
                        equivalence::is_made(operation, *var)
                            || equivalence::is_fixed(law, operation.vars[*var as usize].kind, path)
                    }),
                    _ => false,
                },
                at_rest: false,
                alike: match &output.from {
                    OutputFrom::Paths(paths) => paths
                        .iter()
                        .all(|(var, path)| equivalence::is_alike(law, operation.vars[*var as usize].kind, path)),
                    _ => false,
                },
            };
            if !matches!(output.from, OutputFrom::Nothing) {
                found.push((Place::Output(ix, place), output.name.to_string(), part));
            }
        }
    }
    for (ix, kind) in law.kinds() {
        let about = |shown: &&crate::spec::law::Shown| {
            shown.rule == Some(rule) || shown.elsewhere.as_ref().is_some_and(|(_, other)| *other == rule)
        };
        for (place, shown) in kind.view.iter().enumerate().filter(|(_, shown)| about(shown)) {
            if matches!(shown.from, ShownFrom::Nothing) {
                continue;
            }
            let part = Part {
                list: matches!(shown.from, ShownFrom::List(..)),
                resource: false,
                optional: shown.optional,
                named: !shown.values.is_empty(),
                from_field: matches!(shown.from, ShownFrom::Paths(_)),
                fixed: match &shown.from {
                    ShownFrom::Paths(paths) => paths.iter().all(|path| equivalence::is_fixed(law, ix, path)),
                    _ => false,
                },
                at_rest: matches!(&shown.from, ShownFrom::Paths(paths) if matches!(paths.as_slice(), [path]
                    if matches!(path.0.as_slice(), [field] if equivalence::at_rest(law, ix, *field).is_some()))),
                alike: match &shown.from {
                    ShownFrom::Paths(paths) => paths.iter().all(|path| equivalence::is_alike(law, ix, path)),
                    _ => false,
                },
            };
            found.push((Place::Row(ix, place), format!("{}.{}", kind.name, shown.name), part));
        }
    }
    found
}
