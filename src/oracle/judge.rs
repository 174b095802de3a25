//! One answer against every world that is possible so far.

use std::{cmp::Reverse, sync::Arc};

use super::{
    MOST_WORLDS, Oracle, RuleSet,
    advance::{Unclear, Within, advance, fold, merge},
    compare::{Compare, Mismatch},
    reach::{Asked, due, reach},
};
use crate::{
    model::{
        assess::{Again, Assessment, Bound, assess, assess_as_read},
        effect::{self, claim},
        eval::EvalFailure,
        input::Reading,
        time::{Interval, Moment},
        token::First,
        value::{Handle, Value},
        world::{Claim, World},
    },
    spec::{
        file::AfterFailure,
        law::{Change, Demand, Law, Refusal, RuleIx},
    },
    wire::{Answer, Body, Request, Tree},
};

/// An answer that the law does not allow.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The broken rule.
    pub rule: RuleIx,
    /// What the law allows here.
    pub allowed: String,
    /// What came.
    pub came: String,
}

/// What an answer is worth.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Some world explains it.
    Explained,
    /// No world explains it.
    Violation(Violation),
    /// Nothing can be learnt from it.
    Indeterminate(String),
}

/// The judgement of one answer.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Rules that this answer kept where it could have broken them.
    pub passes: Vec<RuleIx>,
    /// Refusals among these that only some of the possible states account for: in another one of them it was something
    /// else that was in the way.
    pub unsure: Vec<RuleIx>,
    /// Broken rules that leave the meaning of the answer clear: its form, or its error code.
    pub faults: Vec<Violation>,
    /// True if the law is silent about this request: either answer would have been right.
    pub open: bool,
    /// True if the request was accepted, and nothing else would have been right.
    pub accepted: bool,
    /// The verdict on its meaning.
    pub verdict: Verdict,
}

impl Judgement {
    /// It is explained, and shows nothing.
    pub(super) const EXPLAINED: Judgement = Judgement {
        passes: Vec::new(),
        unsure: Vec::new(),
        faults: Vec::new(),
        open: false,
        accepted: false,
        verdict: Verdict::Explained,
    };

    pub(super) fn indeterminate(why: impl Into<String>) -> Judgement {
        Judgement { verdict: Verdict::Indeterminate(why.into()), ..Judgement::EXPLAINED }
    }
}

/// Suspicions that are followed at most.
pub(super) const MOST_SUSPICIONS: usize = 16;

/// What became of one world.
pub(super) enum Fate {
    /// It explains the answer, and has become these.
    Lives(Vec<Arc<World>>, Found),
    /// It does not; the number says how far it could follow.
    Dies(Violation, usize),
    /// It does not, but for one rule it would: here it is as if that rule did not hold.
    Suspects(Violation, Arc<World>),
    /// It cannot tell.
    Unclear(String),
}

/// What one world found on the way.
#[derive(Default)]
pub(super) struct Found {
    passes: Vec<RuleIx>,
    faults: Vec<Violation>,
    open: bool,
}

impl Oracle {
    /// Judges the answer to a request that was sent and answered within `interval`, and keeps the worlds that explain
    /// it. After a violation or an unclear answer the oracle knows nothing any more and should not be asked again.
    pub fn judge(&mut self, request: &Request, interval: Interval, answer: &Answer) -> Judgement {
        if let Some(why) = self.says_nothing(answer) {
            return Judgement::indeterminate(why);
        }
        let read = Reading::of(&self.law, request);
        let asked = Asked { request, read: &read, answer: Some(answer) };
        let worlds = match self.possible(interval, &|world| reach(&self.law, world, asked, interval)) {
            Ok(worlds) => worlds,
            Err(unclear) => return Judgement::indeterminate(why(unclear)),
        };
        self.most_worlds = self.most_worlds.max(worlds.len());
        let mut living: Vec<Arc<World>> = Vec::new();
        let mut first: Option<Found> = None;
        let mut death: Option<(Violation, usize)> = None;
        let mut suspects = Vec::new();
        let mut explained: Vec<Explained> = Vec::new();
        let mut prospects = Vec::with_capacity(worlds.len());
        for world in &worlds {
            let assessment = assess_as_read(&self.law, world, request, &read);
            prospects.push(Prospect::of(&assessment));
            match self.fate(assessment, interval, answer) {
                Fate::Lives(after, found) => {
                    merge(&mut living, after.clone());
                    let own: Explained = (after, found.passes.clone());
                    // A fault counts only if every world sees it; the one with the fewest is the most charitable.
                    if first.as_ref().is_none_or(|f| found.faults.len() < f.faults.len()) {
                        first = Some(found);
                        explained.insert(0, own);
                    } else {
                        explained.push(own);
                    }
                }
                Fate::Dies(violation, depth) => {
                    // Of two that followed equally far, the one that blames the less binding rule is more charitable.
                    let level = |violation: &Violation| Reverse(self.law[violation.rule].level);
                    let rank = (depth, level(&violation));
                    if death.as_ref().is_none_or(|(earlier, deepest)| (*deepest, level(earlier)) < rank) {
                        death = Some((violation, depth));
                    }
                }
                Fate::Suspects(violation, suspected) => {
                    if death.is_none() {
                        death = Some((violation.clone(), 0));
                    }
                    suspects.push((suspected, violation));
                }
                Fate::Unclear(why) => {
                    // Whatever the target is busy with, it says so as it is documented.
                    let faults = match self.is_busy(answer) {
                        true => self.form(request.operation, answer).faults,
                        false => Vec::new(),
                    };
                    return Judgement { faults, ..Judgement::indeterminate(why) };
                }
            }
        }
        let suspicions = self.follow_suspicions(request, &read, interval, answer);
        if let (true, Some((_, violation))) = (living.is_empty(), suspicions.first()) {
            let mut judgement = self.form(request.operation, answer);
            judgement.verdict = Verdict::Violation(violation.clone());
            return judgement;
        }
        self.suspicions = suspicions;
        self.suspicions.extend(suspects);
        self.suspicions.truncate(MOST_SUSPICIONS);
        let mut judgement = self.form(request.operation, answer);
        match (first, death) {
            (Some(mut found), _) => {
                (found.passes, self.withheld) = agreed(&self.law, &explained, &self.withheld);
                // Where one world would have had it accepted and another refused, neither answer keeps a rule that it
                // could have broken; but the code of a refusal could have been wrong in all of them that are left.
                let is_undetermined = is_undetermined(&prospects);
                if is_undetermined {
                    let is_about_acceptance = |rule: &RuleIx| {
                        *rule == self.law[request.operation].accepts
                            || matches!(self.law[*rule].demand, Demand::Refuse | Demand::Permit | Demand::DryRun)
                    };
                    found.passes.retain(|rule| !is_about_acceptance(rule));
                    let doubtful = explained.iter().flat_map(|(_, passes)| passes).copied().filter(is_about_acceptance);
                    let doubtful: Vec<RuleIx> = doubtful.collect();
                    living.iter_mut().for_each(|world| doubt(world, &doubtful));
                }
                let all_say = |rule: &RuleIx| explained.iter().all(|(_, passes)| passes.contains(rule));
                let refusals =
                    found.passes.iter().filter(|rule| matches!(self.law[**rule].demand, Demand::Refuse | Demand::Code));
                judgement.unsure = refusals.filter(|rule| !all_say(rule)).copied().collect();
                judgement.passes.extend(found.passes);
                judgement.faults.extend(found.faults);
                judgement.open = found.open;
                judgement.accepted = matches!(answer.body, Body::Success(_)) && !found.open && !is_undetermined;
                fold(&self.law, &mut living, interval.to);
                self.worlds = living;
            }
            (None, Some((violation, _))) => {
                let untimely = self.untimely(&worlds, request, &read, interval, answer);
                if let Some(known) = untimely.as_ref().filter(|v| self.settings.muted.contains(v.rule)) {
                    let id = &self.law[known.rule].id;
                    return Judgement::indeterminate(format!("{id} is known to be broken, and may be the reason"));
                }
                let violation = untimely.unwrap_or(violation);
                judgement.verdict = Verdict::Violation(violation);
            }
            (None, None) => return Judgement::indeterminate("no world was left to ask"),
        }
        judgement
    }

    /// The suspicions that this answer leaves standing.
    fn follow_suspicions(
        &self,
        request: &Request,
        read: &Reading,
        interval: Interval,
        answer: &Answer,
    ) -> Vec<(Arc<World>, Violation)> {
        let mut standing: Vec<(Arc<World>, Violation)> = Vec::new();
        for (world, violation) in &self.suspicions {
            let asked = Asked { request, read, answer: Some(answer) };
            let within = |world: &World| reach(&self.law, world, asked, interval);
            for possible in advance(&self.law, &self.settings, world, interval, &within).unwrap_or_default() {
                let assessment = assess_as_read(&self.law, &possible, request, read);
                if let Fate::Lives(after, _) = self.fate(assessment, interval, answer) {
                    standing.extend(after.into_iter().map(|w| (w, violation.clone())));
                }
            }
            if standing.len() > MOST_SUSPICIONS {
                break;
            }
        }
        standing
    }

    /// Lets time pass without a request: what must have happened by this moment has happened.
    pub fn pass_time(&mut self, now: Moment) {
        let interval = Interval { from: now, to: now };
        if let Ok(mut worlds) = self.possible(interval, &|world| Some(due(&self.law, world, interval))) {
            self.most_worlds = self.most_worlds.max(worlds.len());
            fold(&self.law, &mut worlds, now);
            self.worlds = worlds;
        }
    }

    /// Every world that is possible in an interval, as far as it matters to the resources `within`.
    pub(super) fn possible(&self, interval: Interval, within: &Within<'_>) -> Result<Vec<Arc<World>>, Unclear> {
        if let [only] = self.worlds.as_slice() {
            return advance(&self.law, &self.settings, only, interval, within);
        }
        let mut worlds: Vec<Arc<World>> = Vec::with_capacity(self.worlds.len());
        for world in &self.worlds {
            merge(&mut worlds, advance(&self.law, &self.settings, world, interval, within)?);
            if worlds.len() > MOST_WORLDS {
                return Err(Unclear::TooMany);
            }
        }
        Ok(worlds)
    }

    pub(super) fn fate(&self, assessment: Assessment, interval: Interval, answer: &Answer) -> Fate {
        let law = &self.law;
        let assessment = match self.without_muted(assessment) {
            Ok(assessment) => assessment,
            Err(why) => return Fate::Unclear(why),
        };
        match &answer.body {
            Body::Success(tree) => self.accepted(&assessment, interval, tree, answer),
            Body::Unreadable { why } if (200..300).contains(&answer.status) => {
                let rule = assessment.refusals.first().map_or(law[assessment.operation].accepts, |r| r.rule);
                Fate::Dies(
                    Violation {
                        rule,
                        allowed: "an answer in the protocol's form".into(),
                        came: format!("HTTP {}: {why}", answer.status),
                    },
                    0,
                )
            }
            Body::Unreadable { .. } => self.refused(&assessment, answer, ""),
            Body::Error { code, .. } => self.refused(&assessment, answer, code),
        }
    }

    /// What the law says of a request in a world, the rules left out that are known to be broken. An error is the reason
    /// why nothing can be said.
    pub(super) fn assess(&self, world: &Arc<World>, request: &Request) -> Result<Assessment, String> {
        self.without_muted(assess(&self.law, world, request))
    }

    fn without_muted(&self, mut assessment: Assessment) -> Result<Assessment, String> {
        let law = &self.law;
        let muted = &self.settings.muted;
        if let Some(why) = assessment.broken.first() {
            return Err(format!("the law cannot be applied: {why}"));
        }
        // A rule that is known to be broken demands nothing any more: either answer will do.
        if let Some(refusal) = assessment.refusals.iter().find(|r| muted.contains(r.rule)) {
            assessment.open.get_or_insert_with(|| law[refusal.rule].id.clone());
        }
        // Nor does it if it is about an argument; but what comes of a request with a wrong one, nobody knows.
        let of_arguments = assessment.refusals.iter().take(assessment.of_arguments);
        let due = of_arguments.filter(|refusal| !muted.contains(refusal.rule)).count();
        if due < assessment.of_arguments {
            assessment.of_arguments = due;
            assessment.unforeseeable |= !law[assessment.operation].reads;
        }
        if let Some(again) = &mut assessment.again
            && let Some(rule) = again.rule.filter(|r| again.only && muted.contains(*r))
        {
            again.only = false;
            assessment.open.get_or_insert_with(|| law[rule].id.clone());
        }
        if let Some(rule) = assessment.dry_run.filter(|r| muted.contains(*r)) {
            return Err(format!("{} is known to be broken, so a rehearsal may have been the real thing", law[rule].id));
        }
        Ok(assessment)
    }

    fn accepted(&self, assessment: &Assessment, interval: Interval, tree: &Tree, answer: &Answer) -> Fate {
        let law = &self.law;
        if let Some(rule) = assessment.dry_run {
            return Fate::Dies(
                Violation { rule, allowed: self.allowed_refusals(assessment), came: describe(answer) },
                0,
            );
        }
        let is_possible = assessment.may_accept() || assessment.undecided;
        // What cannot be done may still be the answer to an earlier request that counts as the same.
        if !is_possible && !assessment.again.as_ref().is_some_and(|again| again.like) {
            let rule = strictest(law, assessment.refusals.iter().map(|r| r.rule));
            let shown = self.still_shown(assessment, tree, answer);
            // That it has not gone is known already, and says nothing new.
            if shown.as_ref().is_some_and(|violation| self.settings.muted.contains(violation.rule)) {
                let found = Found { open: true, ..Found::default() };
                return Fate::Lives(vec![assessment.scope.world.clone()], found);
            }
            let violation = shown.unwrap_or_else(|| Violation {
                rule: rule.unwrap_or(law[assessment.operation].accepts),
                allowed: self.allowed_refusals(assessment),
                came: describe(answer),
            });
            return match effect::apply(law, assessment, interval, self.settings.tolerance) {
                Ok(mut outcome) => {
                    self.settings.open_muted(Arc::make_mut(&mut outcome.scope.world), interval.from);
                    Fate::Suspects(violation, outcome.scope.world)
                }
                Err(_) => Fate::Dies(violation, 0),
            };
        }
        let Some(again) = &assessment.again else { return self.accepted_anew(assessment, interval, tree) };
        let replayed = self.replayed(assessment, again, tree);
        if again.only || !is_possible {
            return replayed;
        }
        either(replayed, self.accepted_anew(assessment, interval, tree))
    }

    /// An acceptance that is the answer to an earlier request with the same token: nothing has changed.
    fn replayed(&self, assessment: &Assessment, again: &Again, tree: &Tree) -> Fate {
        let mut world = assessment.scope.world.clone();
        let rule = again.rule.filter(|_| again.only);
        if let Some(rule) = rule {
            for handle in neighbourhood(&world, again.first.about().collect()) {
                claim(&mut world, handle, Claim { rule, kept: true, there: false });
            }
            self.count(&mut world, assessment, rule);
        }
        let mut scope = assessment.scope.clone();
        scope.vars.clone_from(&again.first.vars);
        scope.world = world;
        let blamed = again.rule.unwrap_or(self.law[assessment.operation].accepts);
        let mut compare = Compare::repeat(&scope, assessment, &self.settings.muted, blamed, &again.first.answer);
        compare.alone = self.alone;
        match compare.answer(tree) {
            Ok(()) => {
                // An answer that shows no name could be the answer to anything.
                let telling = compare.names > 0 || again.due;
                let passes = rule.filter(|_| telling).into_iter().collect();
                let found = Found { passes, faults: Vec::new(), open: assessment.open.is_some() };
                Fate::Lives(vec![compare.world], found)
            }
            Err(m) => Fate::Dies(Violation { rule: m.rule, allowed: m.allowed, came: m.came }, 1 + m.depth),
        }
    }

    /// An acceptance of a request for itself.
    fn accepted_anew(&self, assessment: &Assessment, interval: Interval, tree: &Tree) -> Fate {
        let law = &self.law;
        let muted = &self.settings.muted;
        let mut outcome = match effect::apply(law, assessment, interval, self.settings.tolerance) {
            Ok(outcome) => outcome,
            Err(EvalFailure::Broken(why)) => return Fate::Unclear(format!("the law cannot be applied: {why}")),
            Err(_) => return Fate::Unclear("an effect depends on something that nobody has seen".into()),
        };
        if assessment.unforeseeable && law[assessment.operation].reads {
            // Nobody says what such a listing shows, and it changes nothing.
            let found = Found { passes: Vec::new(), faults: Vec::new(), open: true };
            return Fate::Lives(vec![assessment.scope.world.clone()], found);
        }
        self.settings.open_muted(Arc::make_mut(&mut outcome.scope.world), interval.from);
        for effect in &law[assessment.operation].effects {
            if outcome.rules.contains(&effect.rule) {
                self.count(&mut outcome.scope.world, assessment, effect.rule);
            }
        }
        // What may happen at once may have happened before the answer was written.
        let first = outcome.scope.world.timers.len().saturating_sub(outcome.at_once);
        // Each with the place from which on its timers have not been considered yet.
        let mut candidates = vec![(outcome.scope.world.clone(), first)];
        for _ in 0..outcome.at_once {
            let mut more = Vec::with_capacity(candidates.len() * 2);
            for (waiting, place) in candidates {
                if waiting.may_be_next(place) {
                    let mut fired = waiting.clone();
                    let timer = Arc::make_mut(&mut fired).timers.remove(place);
                    effect::fire_noted(law, &mut fired, timer);
                    more.push((fired, place));
                }
                more.push((waiting, place + 1));
            }
            candidates = more;
            if candidates.len() > MOST_WORLDS {
                return Fate::Unclear(why(Unclear::TooMany));
            }
        }
        let mut living: Vec<Arc<World>> = Vec::new();
        let mut explained: Vec<Explained> = Vec::new();
        let mut death = None;
        for (candidate, _) in candidates {
            let mut scope = outcome.scope.clone();
            scope.world = candidate;
            let mut compare = Compare::new(&scope, assessment, muted);
            compare.alone = self.alone;
            match compare.answer(tree) {
                Ok(()) => {
                    let mut world = compare.world;
                    if let (Some(sent), Some(token)) = (&assessment.token, &law[assessment.operation].token) {
                        let until = interval.to.plus_seconds(token.remembered);
                        let vars = outcome.scope.vars.clone();
                        let first = First::new(law, &world, until, vars, tree.clone());
                        Arc::make_mut(&mut world).tokens.accepted(sent.clone(), first);
                    }
                    explained.push((vec![world.clone()], compare.passes));
                    merge(&mut living, [world]);
                }
                Err(mismatch) => {
                    let rank = |m: &Mismatch| (m.depth, Reverse(law[m.rule].level));
                    if death.as_ref().is_none_or(|earlier| rank(earlier) < rank(&mismatch)) {
                        death = Some(mismatch);
                    }
                }
            }
        }
        if explained.is_empty() {
            return match death {
                Some(m) => Fate::Dies(Violation { rule: m.rule, allowed: m.allowed, came: m.came }, 1 + m.depth),
                None => Fate::Unclear("no world was left to compare".into()),
            };
        }
        let (mut passes, _) = agreed(law, &explained, &[]);
        if assessment.open.is_none() {
            passes.push(law[assessment.operation].accepts);
            passes.extend(&assessment.permits);
        }
        if assessment.unforeseeable {
            return Fate::Unclear(format!(
                "the law is silent about this request ({}), and nobody knows what comes of it",
                assessment.open.as_deref().unwrap_or_default()
            ));
        }
        Fate::Lives(living, Found { passes, faults: Vec::new(), open: assessment.open.is_some() })
    }

    fn refused(&self, assessment: &Assessment, answer: &Answer, code: &str) -> Fate {
        let (law, world) = (&self.law, &assessment.scope.world);
        // It may have been asked too soon after something else; where a rule refuses, that may be the reason as well.
        let is_busy = self.is_busy(answer);
        let due = |r: &Refusal| r.codes.is_empty() || r.codes.iter().any(|c| **c == *code);
        if is_busy && !assessment.refusals.iter().any(due) && assessment.dry_run.is_none() {
            return Fate::Unclear(format!("the target is busy ({code})"));
        }
        if !assessment.may_refuse() {
            let rule = self.blame_for_refusing(world, assessment);
            return Fate::Dies(
                Violation { rule, allowed: "the request is accepted".into(), came: describe(answer) },
                0,
            );
        }
        let mut found = Found { open: assessment.open.is_some(), ..Found::default() };
        let lenient = assessment.open.is_some() || assessment.undecided;
        // What is wrong with the arguments is refused whatever else the law is silent about.
        let is_due = !lenient || assessment.of_arguments > 0;
        if !(400..500).contains(&answer.status) && is_due {
            let rule = strictest(law, assessment.refusals.iter().map(|r| r.rule)).or(assessment.dry_run);
            return Fate::Dies(
                Violation {
                    rule: rule.unwrap_or(law[assessment.operation].accepts),
                    allowed: self.allowed_refusals(assessment),
                    came: describe(answer),
                },
                0,
            );
        }
        let carries = |r: &Refusal| r.codes.is_empty() || r.codes.iter().any(|c| **c == *code);
        let rehearsal = assessment.dry_run.is_some() && law.dry_run_code.as_deref() == Some(code);
        let sole = match assessment.refusals.as_slice() {
            [first, rest @ ..] if rest.iter().all(|r| r.rule == first.rule) => Some(first),
            _ => None,
        };
        if !lenient && !rehearsal && !assessment.refusals.iter().any(carries) {
            let violation =
                |rule| Violation { rule, allowed: self.allowed_refusals(assessment), came: describe(answer) };
            // A wrong code is a lesser fault than no refusal where the code is said elsewhere than the refusal.
            let code_rules = assessment.refusals.iter().filter_map(|r| r.code_rule);
            match strictest(law, code_rules) {
                _ if assessment.refusals.is_empty() => {
                    return Fate::Dies(violation(assessment.dry_run.unwrap_or(law[assessment.operation].accepts)), 0);
                }
                Some(rule) if assessment.refusals.iter().all(|r| r.code_rule.is_some()) => {
                    if !self.settings.muted.contains(rule) {
                        found.faults.push(violation(rule));
                    }
                    found.passes.extend(sole.map(|r| r.rule));
                }
                _ => {
                    let rules = assessment.refusals.iter().filter(|r| r.code_rule.is_none()).map(|r| r.rule);
                    let rule = strictest(law, rules).unwrap_or(law[assessment.operation].accepts);
                    return Fate::Dies(violation(rule), 0);
                }
            }
        } else if (!lenient || assessment.of_arguments > 0) && assessment.dry_run.is_none() {
            // Only a rule that alone demanded the refusal has shown that it is kept.
            if let Some(refusal) = sole.filter(|r| carries(r)) {
                found.passes.push(refusal.rule);
                // Where the law is silent, another code would have been as right.
                found.passes.extend(refusal.code_rule.filter(|_| !lenient));
            }
        } else if !lenient && assessment.refusals.is_empty() {
            found.passes.extend(assessment.dry_run);
        }
        let mut after = world.clone();
        let rule = assessment.refusals.first().map(|r| r.rule).or(assessment.dry_run);
        if let Some(rule) = rule {
            // A refusal that may have had another reason keeps no rule, whatever a look shows afterwards.
            let kept = assessment.refusals.is_empty() || found.passes.contains(&rule);
            for handle in neighbourhood(&after, assessment.named()) {
                claim(&mut after, handle, Claim { rule, kept, there: false });
            }
            self.count(&mut after, assessment, rule);
        }
        if let (Some(sent), Some(token)) = (&assessment.token, &law[assessment.operation].token)
            && token.after_failure == AfterFailure::Open
        {
            Arc::make_mut(&mut after).tokens.refused(sent);
        }
        if law[assessment.operation].reads {
            for handle in &assessment.gone {
                if let Some(rule) = after.get(*handle).and_then(|r| r.life.open()) {
                    found.passes.push(rule);
                    Arc::make_mut(&mut after).update(*handle, |r| r.life.seen = true);
                }
            }
        }
        Fate::Lives(vec![after], found)
    }

    /// Takes note that a rule says how many there are of what an operation creates: as many as it made, or none more.
    fn count(&self, world: &mut Arc<World>, assessment: &Assessment, rule: RuleIx) {
        // Among what strangers have, one more is known by what it belongs to, and that is what the request names.
        let names_something = assessment.bound.iter().any(|bound| matches!(bound, Bound::One(_) | Bound::Many(_)));
        for effect in &self.law[assessment.operation].effects {
            if let Change::Create { kind, .. } = &effect.change
                && (self.alone || names_something && self.law[*kind].only_by_request)
                && (self.law[rule].demand != Demand::Effect || effect.rule == rule)
                && self.law[*kind].id.is_some()
            {
                let world = Arc::make_mut(world);
                world.counted.retain(|counted| *counted != (*kind, rule));
                world.counted.push((*kind, rule));
            }
        }
    }

    /// A request was refused that should have been accepted: perhaps because something that it names is not as it
    /// should be.
    fn blame_for_refusing(&self, world: &World, assessment: &Assessment) -> RuleIx {
        let law = &self.law;
        if let Some(rule) = assessment.again.as_ref().and_then(|again| again.rule.filter(|_| again.only)) {
            return rule;
        }
        // Each of them may be why it was refused, and only the least binding speaks of all that is in the request.
        if let Some(rule) = assessment.permits.iter().copied().min_by_key(|rule| law[*rule].level) {
            return rule;
        }
        if law[assessment.operation].reads {
            for handle in assessment.named() {
                let Some(resource) = world.get(handle) else { continue };
                if let Some(rule) = resource.claims.last().map(|claim| claim.rule).or(resource.life.open()) {
                    return rule;
                }
            }
        }
        law[assessment.operation].accepts
    }

    /// A reading answer shows something that should be gone, and that nobody has seen go: then it has not gone at all, and
    /// the operation may well refuse what has.
    fn still_shown(&self, assessment: &Assessment, tree: &Tree, answer: &Answer) -> Option<Violation> {
        let law = &self.law;
        if !law[assessment.operation].reads || assessment.refusals.len() > 1 {
            return None;
        }
        assessment.gone.iter().find_map(|handle| {
            let resource = assessment.scope.world.get(*handle)?;
            let kind = &law[resource.kind];
            let id = resource.fields.get(kind.id? as usize)?.to_wire()?;
            let rule = resource.life.open().filter(|_| tree.holds(&id))?;
            let allowed = format!("{}#{} is gone: {}", kind.name, resource.ordinal, self.allowed_refusals(assessment));
            Some(Violation { rule, allowed, came: format!("{}, and shows {id}", describe(answer)) })
        })
    }

    fn allowed_refusals(&self, assessment: &Assessment) -> String {
        let mut codes: Vec<&str> = Vec::new();
        let mut any = false;
        for refusal in &assessment.refusals {
            any |= refusal.codes.is_empty();
            codes.extend(refusal.codes.iter().map(|c| &**c));
        }
        if assessment.dry_run.is_some() {
            codes.extend(self.law.dry_run_code.as_deref());
        }
        codes.sort_unstable();
        codes.dedup();
        match (any, codes.as_slice()) {
            (true, _) | (false, []) => "a refusal with any client error (HTTP 4xx)".into(),
            (false, [one]) => format!("a refusal with the code {one}"),
            (false, several) => format!("a refusal with one of the codes {}", several.join(", ")),
        }
    }

    /// True if there is a possible world in which the law is silent about a request.
    pub fn may_be_silent(&self, request: &Request) -> bool {
        let read = Reading::of(&self.law, request);
        self.worlds.iter().any(|world| assess_as_read(&self.law, world, request, &read).open.is_some())
    }

    /// The rules that a request would exercise from here, without sending it: those that demand its refusal, or those
    /// that its acceptance would keep. Empty where the law is silent.
    pub fn foresee(&self, request: &Request) -> RuleSet {
        let mut rules = RuleSet::default();
        let read = Reading::of(&self.law, request);
        for world in &self.worlds {
            let assessment = assess_as_read(&self.law, world, request, &read);
            if assessment.open.is_some() || assessment.undecided {
                continue;
            }
            for refusal in &assessment.refusals {
                rules.insert(refusal.rule);
            }
            if let Some(again) = assessment.again.as_ref().filter(|again| again.only) {
                again.rule.map(|rule| rules.insert(rule));
                continue;
            }
            if let Some(rule) = assessment.dry_run {
                rules.insert(rule);
            } else if assessment.refusals.is_empty() {
                let operation = &self.law[request.operation];
                rules.insert(operation.accepts);
                for rule in &assessment.permits {
                    rules.insert(*rule);
                }
                for effect in &operation.effects {
                    if assessment.resolves(&effect.needs) {
                        rules.insert(effect.rule);
                    }
                }
                for rule in operation.output.iter().filter_map(|o| o.rule) {
                    rules.insert(rule);
                }
            }
        }
        rules
    }
}

/// What one world had to say about a request before it was sent.
struct Prospect {
    /// Changes that are bound to happen, and have not happened yet.
    to_come: usize,
    may_accept: bool,
    may_refuse: bool,
}

impl Prospect {
    fn of(assessment: &Assessment) -> Prospect {
        Prospect {
            to_come: assessment.scope.world.timers.iter().filter(|t| t.latest.is_some()).count(),
            may_accept: assessment.may_accept(),
            may_refuse: assessment.may_refuse(),
        }
    }
}

/// True if some worlds would have had the request accepted and others refused. A change that is bound to happen counts
/// as not having happened yet: if it has, and the answer relied on it, a later look will show it.
fn is_undetermined(prospects: &[Prospect]) -> bool {
    let most = prospects.iter().map(|p| p.to_come).max().unwrap_or(0);
    let early = || prospects.iter().filter(|p| p.to_come == most);
    prospects.len() > 1 && early().any(|p| p.may_accept) && early().any(|p| p.may_refuse)
}

/// Something may have been refused for another reason than these rules, so that nothing is shown any more by what has
/// stayed as it was. What is still about to change is another matter: if that is seen not to have changed yet, the rules
/// were the reason, and whoever had done what was asked for would have been found out.
fn doubt(world: &mut Arc<World>, rules: &[RuleIx]) {
    let is_about_to_change = |handle| world.timers.iter().any(|t| t.steps.iter().any(|step| step.on == handle));
    let is_doubtful = |claim: &Claim| claim.kept && rules.contains(&claim.rule);
    let with_such = world
        .iter()
        .filter(|(handle, resource)| resource.claims.iter().any(is_doubtful) && !is_about_to_change(*handle));
    let handles: Vec<Handle> = with_such.map(|(handle, _)| handle).collect();
    for handle in handles {
        Arc::make_mut(world).update(handle, |resource| {
            resource.claims.iter_mut().filter(|claim| is_doubtful(claim)).for_each(|claim| claim.kept = false);
        });
    }
}

/// Worlds that explain an answer, and the rules that it confirms in them.
type Explained = (Vec<Arc<World>>, Vec<RuleIx>);

/// The rules that an answer has confirmed, and those that only some of the worlds say so of.
///
/// What an answer shows is confirmed if it shows so whichever world is the real one. A rule that changes something is
/// not confirmed before all its changes are done, nor while another world still waits for them; as soon as the other
/// worlds are gone it is. Whether a request is accepted is another matter: nobody ever knows for certain that a change
/// has not ended between the last look and the request, so there the first world that explains the answer has its say.
fn agreed(law: &Law, explained: &[Explained], withheld: &[RuleIx]) -> (Vec<RuleIx>, Vec<RuleIx>) {
    let mut candidates: Vec<RuleIx> =
        explained.iter().flat_map(|(_, passes)| passes).chain(withheld).copied().collect();
    candidates.sort_unstable();
    candidates.dedup();
    let (mut confirmed, mut open) = (Vec::new(), Vec::new());
    for rule in candidates {
        let is_done = |passes: &[RuleIx], world: &World| {
            !world.awaits(rule) && (passes.contains(&rule) || world.has_confirmed(rule))
        };
        let is_confirmed = match law[rule].demand {
            Demand::Effect => explained.iter().all(|(worlds, passes)| worlds.iter().all(|w| is_done(passes, w))),
            Demand::Answer => explained.iter().all(|(_, passes)| passes.contains(&rule)),
            _ => explained.first().is_some_and(|(_, passes)| passes.contains(&rule)),
        };
        if is_confirmed {
            confirmed.push(rule);
        } else if law[rule].demand == Demand::Effect {
            open.push(rule);
        }
    }
    (confirmed, open)
}

/// What became of a world in which an acceptance may mean two things.
fn either(one: Fate, other: Fate) -> Fate {
    match (one, other) {
        (unclear @ Fate::Unclear(_), _) | (_, unclear @ Fate::Unclear(_)) => unclear,
        (Fate::Lives(mut worlds, _), Fate::Lives(more, _)) => {
            merge(&mut worlds, more);
            Fate::Lives(worlds, Found { open: true, ..Found::default() })
        }
        (living @ Fate::Lives(..), _) | (_, living @ Fate::Lives(..)) => living,
        (Fate::Dies(_, one), Fate::Dies(violation, other)) if other > one => Fate::Dies(violation, other),
        (one, _) => one,
    }
}

/// Some resources and those next to them: what a refusal or a repeat must leave alone.
fn neighbourhood(world: &World, mut handles: Vec<Handle>) -> Vec<Handle> {
    for handle in handles.clone() {
        let Some(resource) = world.get(handle) else { continue };
        handles.extend(resource.fields.iter().filter_map(|v| match v {
            Value::Ref(h) => Some(*h),
            _ => None,
        }));
        handles.extend(world.referrers(handle));
    }
    handles.retain(|h| world.get(*h).is_some_and(|r| r.live));
    handles.sort_unstable();
    handles.dedup();
    handles
}

pub(super) fn why(unclear: Unclear) -> String {
    match unclear {
        Unclear::TooMany => format!("more than {MOST_WORLDS} states are possible at once"),
        Unclear::Unseen => "what a request without an answer has done depends on something that nobody has seen".into(),
    }
}

/// The most binding of some rules, the first of equals.
fn strictest(law: &Law, rules: impl Iterator<Item = RuleIx>) -> Option<RuleIx> {
    let mut best: Option<RuleIx> = None;
    for rule in rules {
        if best.is_none_or(|b| law[rule].level > law[b].level) {
            best = Some(rule);
        }
    }
    best
}

/// An answer in one line.
pub fn describe(answer: &Answer) -> String {
    match &answer.body {
        Body::Success(_) => format!("HTTP {}: the request was accepted", answer.status),
        Body::Error { code, message } if message.is_empty() => format!("HTTP {}: {code}", answer.status),
        Body::Error { code, message } => format!("HTTP {}: {code}: {}", answer.status, clip(message, 200)),
        Body::Unreadable { why } => format!("HTTP {}: {why}", answer.status),
    }
}

/// At most so many characters.
fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
