//! The law as the machinery uses it: every name resolved to an index, every expression compiled.
//!
//! Built by [`mod@super::load`] and never changed afterwards. Imports only [`mod@super::file`] and [`super::expr`].

use std::{ops::Index, sync::Arc};

use globset::GlobMatcher;
use regex::Regex;
use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    expr::{Expr, Part},
    file::{
        Accepted, AfterFailure, CredentialNames, Defect, FieldKind, HostPattern, Joined, Level, Mark, Protocol,
        ScalarType, Sent, TokenScope, WireFault,
    },
    looks::Footprint,
};

macro_rules! index_type {
    ($(#[$doc:meta] $name:ident => $list:ident: $item:ty;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl Index<$name> for Law {
            type Output = $item;
            fn index(&self, index: $name) -> &$item {
                &self.$list[index.0 as usize]
            }
        }
    )*};
}

index_type! {
    /// A product of a [`Law`].
    ProductIx => products: Product;
    /// An operation of a [`Law`].
    OperationIx => operations: Operation;
    /// A kind of resource of a [`Law`].
    KindIx => kinds: Kind;
    /// A rule of a [`Law`].
    RuleIx => rules: Rule;
}

/// A field of a [`Kind`].
pub type FieldIx = u32;
/// A parameter of an [`Operation`].
pub type ParamIx = u32;
/// A variable of an [`Operation`]: first the references of its parameters, then what its effects create.
pub type VarIx = u32;
/// One of the distinct conditions of an [`Operation`].
pub type ConditionIx = u32;

/// The law of one cloud, ready to be applied.
#[derive(Debug)]
pub struct Law {
    /// The short name.
    pub cloud: Arc<str>,
    /// The name for people.
    pub title: String,
    /// How requests and answers are written.
    pub wire: WireStyle,
    /// The parts with an API version of their own, by name.
    pub products: Vec<Product>,
    /// Where the user's credentials are.
    pub credentials: CredentialNames,
    /// The hosts of the real cloud, where what a run makes costs money.
    pub billable_hosts: Vec<HostPattern>,
    /// The region used unless the user names one.
    pub region: String,
    /// Titles of the texts that rules come from.
    pub sources: Vec<(String, super::file::Source)>,
    /// Answers that say nothing about the law.
    pub codes: super::file::GeneralCodes,
    /// The code of a rehearsal that would have worked, if the cloud has rehearsals.
    pub dry_run_code: Option<Arc<str>>,
    /// All operations, by name.
    pub operations: Vec<Operation>,
    /// All kinds of resource, by name.
    pub kinds: Vec<Kind>,
    /// All rules: those written down and those that follow from the tables, by id.
    pub rules: Vec<Rule>,
    /// The rules about the form of answers: of one operation, and (without one) of all the others.
    pub wire_rules: FxHashMap<(WireFault, Option<OperationIx>), RuleIx>,
    /// The readings with the choice that is in force.
    pub readings: Vec<Reading>,
    /// What is known of the cloud and where the law deals with it.
    pub facts: Vec<Fact>,
    /// Faults of a server that, as the spec says, nothing can tell from what is right.
    pub equivalents: Vec<Equivalent>,
    /// SHA-256 of the spec files, in hexadecimal: names this law in a report.
    pub digest: String,
    /// The suite that was planned for it, as it was written down, if it comes with one.
    pub suite: Option<Arc<str>>,
}

impl Law {
    /// The operation of this name.
    pub fn operation(&self, name: &str) -> Option<OperationIx> {
        self.operations.binary_search_by(|o| (*o.name).cmp(name)).ok().map(|i| OperationIx(i as u32))
    }

    /// The product of this name.
    pub fn product(&self, name: &str) -> Option<ProductIx> {
        self.products.iter().position(|p| p.name == name).map(|i| ProductIx(i as u32))
    }

    /// The HTTP statuses that a code of this operation may come with, and the rule that says so; none if the law does
    /// not say.
    pub fn statuses(&self, ix: OperationIx, code: &str) -> Option<(&[u16], Option<RuleIx>)> {
        let operation = &self[ix];
        let own = operation.status.iter().find(|row| *row.code == *code);
        match own {
            Some(row) => Some((&row.statuses, row.rule)),
            None => {
                let general = self.codes.status.get(code)?;
                Some((std::slice::from_ref(general), self.wire_rule(WireFault::Status, ix)))
            }
        }
    }

    /// The rule that a fault of form breaks in an answer of this operation.
    pub fn wire_rule(&self, fault: WireFault, operation: OperationIx) -> Option<RuleIx> {
        let own = self.wire_rules.get(&(fault, Some(operation)));
        own.or_else(|| self.wire_rules.get(&(fault, None))).copied()
    }

    /// The rule with this id.
    pub fn rule(&self, id: &str) -> Option<RuleIx> {
        self.rules.binary_search_by(|r| (*r.id).cmp(id)).ok().map(|i| RuleIx(i as u32))
    }

    /// The kind of this name.
    pub fn kind(&self, name: &str) -> Option<KindIx> {
        self.kinds.binary_search_by(|k| (*k.name).cmp(name)).ok().map(|i| KindIx(i as u32))
    }

    /// Every rule with its index.
    pub fn rules(&self) -> impl Iterator<Item = (RuleIx, &Rule)> {
        self.rules.iter().enumerate().map(|(i, r)| (RuleIx(i as u32), r))
    }

    /// True if it is up to the target whether a rule is ever met: it speaks of a code that no request is sure to be
    /// refused with. So no scenario is made for it.
    pub fn is_up_to_target(&self, rule: RuleIx) -> bool {
        let rows = self[rule].operation.into_iter().flat_map(|operation| &self[operation].status);
        rows.into_iter().any(|row| row.rule == Some(rule) && !row.demanded)
    }

    /// The refusal that a rule demands, or that a rule about codes belongs to.
    pub fn refusal(&self, rule: RuleIx) -> Option<&Refusal> {
        self.operations.iter().flat_map(Operation::all_refusals).find(|r| r.rule == rule || r.code_rule == Some(rule))
    }

    /// True if what it names by is a value that somebody might guess (an address, say): not the id of its kind.
    pub fn is_guessable(&self, reference: &Reference) -> bool {
        self[reference.kind].id != Some(reference.by)
    }

    /// Every open question with the operation that it is about.
    pub fn open(&self) -> impl Iterator<Item = (&Operation, &Open)> {
        self.operations.iter().flat_map(|operation| operation.open.iter().map(move |open| (operation, open)))
    }

    /// Every operation with its index.
    pub fn operations(&self) -> impl Iterator<Item = (OperationIx, &Operation)> {
        self.operations.iter().enumerate().map(|(i, o)| (OperationIx(i as u32), o))
    }

    /// Every kind with its index.
    pub fn kinds(&self) -> impl Iterator<Item = (KindIx, &Kind)> {
        self.kinds.iter().enumerate().map(|(i, k)| (KindIx(i as u32), k))
    }
}

/// What the wire layer must know of a cloud.
#[derive(Clone, Debug)]
pub struct WireStyle {
    /// The protocol.
    pub protocol: Protocol,
    /// The XML namespace of answers.
    pub namespace: Option<String>,
    /// Parameters that any operation may carry, and that change nothing.
    pub ignores: Vec<String>,
}

/// A part of a cloud with an API version of its own.
#[derive(Clone, Debug)]
pub struct Product {
    /// The short name.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// The API version that requests carry.
    pub version: String,
    /// The service in the scope of a signature.
    pub service: String,
}

/// A reading with its choice.
#[derive(Clone, Debug, Serialize)]
pub struct Reading {
    /// Its name.
    pub name: String,
    /// The question.
    pub question: String,
    /// Each choice and its meaning.
    pub choices: Vec<(String, String)>,
    /// The default choice.
    pub default: String,
    /// Why it is the default.
    pub because: String,
    /// The choice in force.
    pub choice: String,
    /// Where the texts disagree.
    pub source: SourceAt,
}

/// A place in a source, with the source's title resolved.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
pub struct SourceAt {
    /// The key of the source.
    pub text: String,
    /// Its title.
    pub title: String,
    /// The place in it.
    pub at: String,
}

/// A fact of the cloud and where the law deals with it.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    /// Its id.
    pub id: String,
    /// What it is about.
    pub about: String,
    /// Ids of the rules and open questions that deal with it.
    pub rules: Vec<String>,
    /// The reading that settles it.
    pub reading: Option<String>,
    /// Why it is deliberately not checked.
    pub unchecked: Option<String>,
}

/// Faults of a server that, as the spec says, nothing can tell from what is right.
#[derive(Debug)]
pub struct Equivalent {
    /// The faults by their names, a glob.
    pub mutants: GlobMatcher,
    /// Why nothing can tell them.
    pub because: String,
}

/// A rule: the unit of judgement.
#[derive(Debug)]
pub struct Rule {
    /// Its id.
    pub id: Arc<str>,
    /// How binding it is.
    pub level: Level,
    /// The statement.
    pub says: String,
    /// Where it is said.
    pub source: SourceAt,
    /// The operation that it belongs to; none for rules about every answer or about a kind of resource.
    pub operation: Option<OperationIx>,
    /// What the real service has been seen to do, where that differs.
    pub observed: Option<String>,
    /// The reading that it depends on, as `name=choice`.
    pub under: Option<String>,
    /// What it demands.
    pub demand: Demand,
}

/// What a rule demands, for display and for choosing what to break; the machinery finds the details in the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// A refusal.
    Refuse,
    /// One of the documented codes in a refusal that another rule demands.
    Code,
    /// No refusal.
    Permit,
    /// A change of state.
    Effect,
    /// No change of state.
    Keep,
    /// A rehearsal.
    DryRun,
    /// Something in an answer.
    Answer,
    /// The form of an answer.
    Form,
}

impl Demand {
    /// True if only the answer is wrong where such a rule is broken: what the target has done, and what it will do, is
    /// as it should be.
    pub fn is_about_answers(self) -> bool {
        matches!(self, Demand::Answer | Demand::Form | Demand::Code)
    }
}

/// A kind of resource.
#[derive(Debug)]
pub struct Kind {
    /// Its name in the specs.
    pub name: Arc<str>,
    /// Its name for people.
    pub title: String,
    /// The field that names one.
    pub id: Option<FieldIx>,
    /// The operations that get rid of one, in order, each with the parameter that names it.
    pub undo: Vec<(OperationIx, ParamIx)>,
    /// In which states a deleted one may still be shown.
    pub lingers: Option<Expr>,
    /// While this holds, a live one may have gone by itself.
    pub fades: Option<Expr>,
    /// The service makes none by itself: one that belongs to what we have made is ours.
    pub only_by_request: bool,
    /// Its fields.
    pub fields: Vec<Field>,
    /// What answers show of it.
    pub view: Vec<Shown>,
    /// Filter names with the paths that they compare.
    pub filters: Vec<(String, Vec<Path>)>,
    /// The rule that its ids have the right form and are unique.
    pub id_rule: Option<RuleIx>,
}

impl Kind {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<FieldIx> {
        self.fields.iter().position(|f| &*f.name == name).map(|i| i as FieldIx)
    }
}

/// A field of a resource.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// What it holds.
    pub kind: FieldKind,
    /// The form of a made-up value.
    pub mint: Option<Mint>,
    /// The form of every value.
    pub pattern: Option<Regex>,
    /// No two live resources share a value.
    pub unique: bool,
    /// A text in it names the resource, in some request or because no other one has it.
    pub names: bool,
    /// The values of a state.
    pub values: Vec<Arc<str>>,
    /// For references: the kind pointed to. For inverses: the kind whose references point here.
    pub to: Option<KindIx>,
    /// For inverses: the field of that kind which points here.
    pub of: Option<FieldIx>,
}

/// The template of made-up values.
#[derive(Clone, Debug)]
pub struct Mint(pub Vec<MintPart>);

/// A part of a [`Mint`].
#[derive(Clone, Debug)]
pub enum MintPart {
    /// As it stands.
    Text(String),
    /// So many hexadecimal digits.
    Hex(usize),
    /// A number from 1 to 254.
    Number,
}

/// A chain of fields from a resource: every step but the last is a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<FieldIx>);

impl Path {
    /// The kind whose id it ends in, from a resource of this kind.
    pub fn names(&self, law: &Law, start: KindIx) -> Option<KindIx> {
        let (last, way) = self.0.split_last()?;
        let kind = way.iter().try_fold(start, |kind, field| law[kind].fields[*field as usize].to)?;
        (law[kind].id == Some(*last)).then_some(kind)
    }
}

/// Where the value of an answer's field comes from.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few of them, and they are never moved")]
pub enum ShownFrom {
    /// The first of these paths, from the resource, that is not null.
    Paths(Vec<Path>),
    /// A computed value.
    Value(Expr),
    /// A list of other resources: the path ends in an inverse field.
    List(Path, KindIx),
    /// Not judged.
    Nothing,
}

/// A field of a view.
#[derive(Debug)]
pub struct Shown {
    /// Its name in the documents.
    pub name: Arc<str>,
    /// Its element path on the wire.
    pub wire: Vec<String>,
    /// Its type.
    pub kind: ScalarType,
    /// Where its value comes from.
    pub from: ShownFrom,
    /// The values that it may have; empty for any.
    pub values: Vec<String>,
    /// Values that are as right as its own.
    pub besides: Vec<String>,
    /// May be left out.
    pub optional: bool,
    /// It is judged only while this holds.
    pub judged_while: Option<Expr>,
    /// Its value may have another JSON type than the documented one.
    pub any_json: bool,
    /// The rule that it breaks when it is wrong and nothing more particular is to blame; none if it is not judged.
    pub rule: Option<RuleIx>,
    /// The rule that it breaks in the answers of other operations than these, if that is another one.
    pub elsewhere: Option<(Vec<OperationIx>, RuleIx)>,
}

impl Shown {
    /// The rule that it breaks in an answer of this operation.
    pub fn rule_in(&self, operation: OperationIx) -> Option<RuleIx> {
        match &self.elsewhere {
            Some((operations, rule)) if !operations.contains(&operation) => Some(*rule),
            _ => self.rule,
        }
    }
}

/// An operation.
#[derive(Debug)]
pub struct Operation {
    /// Its name.
    pub name: Arc<str>,
    /// What it does.
    pub summary: String,
    /// How binding its tables are.
    pub level: Level,
    /// What it belongs to.
    pub product: ProductIx,
    /// The HTTP statuses that its table of errors gives for its codes.
    pub status: Vec<StatusRow>,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The parameter that makes it a rehearsal, with the rule about it.
    pub dry_run: Option<(ParamIx, RuleIx)>,
    /// The parameter by which a repeated request is known, with the rules about it.
    pub token: Option<Token>,
    /// The variables that its expressions know.
    pub vars: Vec<Var>,
    /// What a successful answer holds.
    pub output: Vec<Output>,
    /// Refusals.
    pub refusals: Vec<RefuseRule>,
    /// Permissions.
    pub permits: Vec<(RuleIx, Guard)>,
    /// Changes, in the order of the file.
    pub effects: Vec<Effect>,
    /// What stays as it is.
    pub keeps: Vec<(RuleIx, Guard)>,
    /// Where the law is silent.
    pub open: Vec<Open>,
    /// The distinct conditions that its refusals, permissions and open questions are made of: many of them share some.
    pub conditions: Vec<Part>,
    /// The rule that a good request is accepted: its first effect's, or its answer's.
    pub accepts: RuleIx,
    /// What becomes of a parameter that it does not have, if the law says so.
    pub undeclared: Option<Undeclared>,
    /// True if it changes nothing.
    pub reads: bool,
    /// What it has to do with.
    pub footprint: Footprint,
}

impl Operation {
    /// The parameter of this name.
    pub fn param(&self, name: &str) -> Option<ParamIx> {
        self.params.iter().position(|p| &*p.name == name).map(|i| i as ParamIx)
    }

    /// Finds the conditions that its guards share.
    pub(super) fn share_conditions(&mut self) {
        let conditions = &mut self.conditions;
        let refusals = self.refusals.iter_mut().map(|r| &mut r.guard);
        let permits = self.permits.iter_mut().map(|(_, guard)| guard);
        for guard in refusals.chain(permits).chain(self.open.iter_mut().map(|o| &mut o.guard)) {
            for part in guard.expr.parts() {
                let place = conditions.iter().position(|known| known == part).unwrap_or_else(|| {
                    conditions.push(part.clone());
                    conditions.len() - 1
                });
                guard.parts.push(place as ConditionIx);
            }
        }
    }

    /// Every refusal: of its parameters, of its rules, of what it does not declare, and of a token that was used.
    pub fn all_refusals(&self) -> impl Iterator<Item = &Refusal> {
        let of_params = self.params.iter().flat_map(|p| &p.refusals).map(|(_, refusal)| refusal);
        let of_rules = self.refusals.iter().map(|r| &r.refusal);
        let undeclared = self.undeclared.as_ref().and_then(Undeclared::refusal);
        let mismatch = self.token.as_ref().and_then(|t| t.mismatch.as_ref());
        of_params.chain(of_rules).chain(undeclared).chain(mismatch)
    }

    /// The refusals that demand this code before any other: the reference gives it, so a request can be made for it.
    pub fn refusals_of(&self, code: &str) -> impl Iterator<Item = &Refusal> {
        self.all_refusals().filter(move |refusal| refusal.codes.first().is_some_and(|first| **first == *code))
    }

    /// The variable of this name.
    pub fn var(&self, name: &str) -> Option<VarIx> {
        self.vars.iter().position(|v| &*v.name == name).map(|i| i as VarIx)
    }
}

/// What a table of errors says of a code.
#[derive(Clone, Debug)]
pub struct StatusRow {
    /// The code.
    pub code: Arc<str>,
    /// The HTTP statuses that it may come with: any of them is right.
    pub statuses: Vec<u16>,
    /// The rule that says so; none for a code that says nothing about the law.
    pub rule: Option<RuleIx>,
    /// True if some refusal demands this code before any other, so that a request can be made for it.
    pub demanded: bool,
}

/// What becomes of a request with a parameter that the operation does not have.
#[derive(Clone, Debug)]
pub enum Undeclared {
    /// It is refused.
    Refused(Refusal),
    /// The parameter is passed over, by this rule.
    Ignored(RuleIx),
}

impl Undeclared {
    /// The refusal, if there is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Undeclared::Refused(refusal) => Some(refusal),
            Undeclared::Ignored(_) => None,
        }
    }
}

/// The parameter by which a repeated request is known.
#[derive(Debug)]
pub struct Token {
    /// Which parameter.
    pub param: ParamIx,
    /// The rule that a repeat is answered like the first request and changes nothing; none if the law is silent.
    pub repeat: Option<RuleIx>,
    /// The refusal of the same token with other parameters; none if the law is silent.
    pub mismatch: Option<Refusal>,
    /// What one token sent to two operations means.
    pub scope: TokenScope,
    /// For how many seconds a token is certainly remembered.
    pub remembered: i64,
    /// What becomes of a token whose request was refused.
    pub after_failure: AfterFailure,
    /// Codes with which a repeat may be refused while what the first request began is still under way.
    pub under_way: Vec<Arc<str>>,
}

/// A variable that an operation's expressions know.
#[derive(Debug)]
pub struct Var {
    /// Its name.
    pub name: Arc<str>,
    /// What it holds.
    pub kind: KindIx,
    /// True for a list.
    pub list: bool,
    /// The parameter that it is the reference of; none if an effect creates it.
    pub param: Option<ParamIx>,
}

/// A parameter.
#[derive(Debug)]
pub struct Param {
    /// Its name in the documents.
    pub name: Arc<str>,
    /// Its name on the wire.
    pub wire: String,
    /// Its type.
    pub kind: ScalarType,
    /// The type of a list's elements.
    pub of: Option<ScalarType>,
    /// How a list is written as one value, if it is.
    pub joined: Option<Joined>,
    /// The members of a struct, or of a list of structs.
    pub fields: Vec<Param>,
    /// The value that an absent one stands for.
    pub default: Option<super::file::Literal>,
    /// The smallest number.
    pub min: Option<i64>,
    /// The largest number.
    pub max: Option<i64>,
    /// The values that it may have.
    pub values: Vec<Arc<str>>,
    /// The form that a text has.
    pub form: Option<Regex>,
    /// How many characters it has at most.
    pub longest: Option<u32>,
    /// What it names: a resource of any of these kinds.
    pub names: Vec<Reference>,
    /// Texts of this form are no names.
    pub plain: Option<Regex>,
    /// The parameter that tells which of the kinds it is.
    pub told: Option<Told>,
    /// What names nothing is passed over.
    pub passes_over: bool,
    /// What comes of a list of names of which some name something, and others nothing, is left open.
    pub mixed_open: bool,
    /// Only resources of which one of these has its value are shown.
    pub matches: Vec<Path>,
    /// Values to send.
    pub examples: Vec<String>,
    /// How often it is sent.
    pub sent: Sent,
    /// What a run sends in it to mark what it makes as its own.
    pub mark: Option<Mark>,
    /// The members that hold a filter's name and its values.
    pub filters: Option<(ParamIx, ParamIx)>,
    /// The refusals that its row demands.
    pub refusals: Vec<(Defect, Refusal)>,
}

impl Param {
    /// The refusal of this defect, if the law demands one.
    pub fn refusal(&self, defect: Defect) -> Option<&Refusal> {
        self.refusals.iter().find(|(d, _)| *d == defect).map(|(_, r)| r)
    }

    /// True if the law demands it.
    pub fn required(&self) -> bool {
        self.refusal(Defect::Required).is_some()
    }

    /// How it names a resource of this kind, if it does.
    pub fn reference_to(&self, kind: KindIx) -> Option<Reference> {
        self.names.iter().copied().find(|r| r.kind == kind)
    }
}

/// Another parameter tells which kind of resource a parameter names.
#[derive(Clone, Debug)]
pub struct Told {
    /// That parameter.
    pub by: ParamIx,
    /// Its values with the kinds; none for a text that is no name.
    pub kinds: Vec<(Arc<str>, Option<KindIx>)>,
}

impl Told {
    /// The value that goes with a resource of this kind, or with a text that is no name.
    pub fn value(&self, kind: Option<KindIx>) -> Option<&Arc<str>> {
        self.kinds.iter().find(|(_, k)| *k == kind).map(|(value, _)| value)
    }
}

/// What a parameter names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The kind of resource.
    pub kind: KindIx,
    /// The field by which it names one.
    pub by: FieldIx,
    /// The variable that holds what it names.
    pub var: VarIx,
    /// Gone ones are named as well.
    pub accepts_gone: bool,
}

/// A refusal: its rule and the codes that it may carry.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The rule that demands the refusal.
    pub rule: RuleIx,
    /// Any of these codes; empty for any client error.
    pub codes: Arc<[Arc<str>]>,
    /// The rule that demands the codes, if it is not the same (another level or another source).
    pub code_rule: Option<RuleIx>,
}

/// An expression and the variables that must have resolved for it to apply.
#[derive(Debug)]
pub struct Guard {
    /// The expression.
    pub expr: Expr,
    /// The variables that it reads.
    pub needs: Vec<VarIx>,
    /// What it joins by `&&`, among the [`Operation::conditions`].
    pub parts: Vec<ConditionIx>,
}

/// A refusal that depends on the state of the world.
#[derive(Debug)]
pub struct RefuseRule {
    /// When.
    pub guard: Guard,
    /// With what.
    pub refusal: Refusal,
}

/// An open question.
#[derive(Debug)]
pub struct Open {
    /// Its id.
    pub id: Arc<str>,
    /// The question.
    pub says: String,
    /// Why no answer is demanded.
    pub because: String,
    /// The requests that it is about.
    pub guard: Guard,
    /// What comes of an acceptance.
    pub accepted: Accepted,
    /// Parameters of which a wrong value need not be refused then.
    pub excuses: Vec<ParamIx>,
}

/// A change.
#[derive(Debug)]
pub struct Effect {
    /// The rule that says so.
    pub rule: RuleIx,
    /// The variables that must have resolved for it to apply.
    pub needs: Vec<VarIx>,
    /// What earlier effects must have created for it to apply.
    pub builds_on: Vec<VarIx>,
    /// Only when this holds.
    pub when: Option<Expr>,
    /// Once for each of these.
    pub each: Option<Expr>,
    /// What happens.
    pub change: Change,
    /// When, if not at once.
    pub after: Option<After>,
}

/// What an effect does.
#[derive(Debug)]
pub enum Change {
    /// A new resource.
    Create {
        /// Its kind.
        kind: KindIx,
        /// The variable that holds it afterwards.
        var: VarIx,
        /// Its fields.
        set: Vec<(FieldIx, Expr)>,
    },
    /// A resource goes.
    Delete(Expr),
    /// A resource changes.
    Set {
        /// Which.
        on: Expr,
        /// Its fields.
        set: Vec<(KindIx, FieldIx, Expr)>,
    },
}

/// When a later change happens; the expressions yield whole seconds.
#[derive(Debug)]
pub struct After {
    /// Not before.
    pub earliest: Option<Expr>,
    /// Not after.
    pub latest: Option<Expr>,
    /// When the reference server does it.
    pub usually: Option<Expr>,
    /// It may have happened when the answer is written.
    pub at_once: bool,
    /// The elements of `each` change in one moment.
    pub as_one: bool,
    /// It does not happen if this holds.
    pub unless: Option<Expr>,
    /// It happens in one go with the effect before it.
    pub together: bool,
}

/// A field of a successful answer.
#[derive(Debug)]
pub struct Output {
    /// Its name in the documents.
    pub name: Arc<str>,
    /// Its element path on the wire.
    pub wire: Vec<String>,
    /// Its type.
    pub kind: ScalarType,
    /// Where its value comes from.
    pub from: OutputFrom,
    /// The values that it may have; empty for any.
    pub values: Vec<String>,
    /// May be left out.
    pub optional: bool,
    /// A text here means that the answer's lists go on elsewhere.
    pub continues: bool,
    /// The rule that it breaks when it is wrong; none if it is not judged.
    pub rule: Option<RuleIx>,
}

/// Where the value of an output comes from.
#[derive(Debug)]
pub enum OutputFrom {
    /// The first of these paths from a variable that is not null.
    Paths(Vec<(VarIx, Path)>),
    /// A computed value.
    Value(Guard),
    /// One resource with its view.
    One {
        /// Its kind.
        kind: KindIx,
        /// Which.
        of: Guard,
        /// Fields of the view that may be left out here.
        later: Vec<Arc<str>>,
    },
    /// Resources with their views.
    Many {
        /// Their kind.
        kind: KindIx,
        /// Which.
        of: Guard,
        /// Fields of the view that may be left out here.
        later: Vec<Arc<str>>,
    },
    /// Everything that a reading request selects.
    Selected {
        /// Its kind.
        kind: KindIx,
        /// The parameters that select by name.
        by: Vec<ParamIx>,
        /// The parameter that filters.
        filter: Option<ParamIx>,
        /// The parameters that hold the number of the page and its size.
        page: Option<(ParamIx, ParamIx)>,
    },
    /// How many resources an output that selects would show without pages.
    Counts(Arc<str>),
    /// Not judged.
    Nothing,
}
