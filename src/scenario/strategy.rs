//! Random requests: proptest strategies built from the law.
//!
//! What a strategy yields does not depend on the state of the world: it is a [`Draft`], a handful of choices that are
//! turned into a request when the moment has come. That keeps a sequence reproducible from its seed whatever ids the
//! target gives.

use std::sync::Arc;

use proptest::{
    prelude::*,
    strategy::{SBoxedStrategy, ValueTree},
    test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner},
};

use super::{
    atlas::Atlas,
    draft::{self, Fault, belongs, good_values, is_choice},
    step::{Call, Symbol},
};
use crate::{
    model::{forward::Dice, token::Use, value::Handle, world::World},
    oracle::handles::seen_text,
    spec::{
        file::{Level, ScalarType},
        law::{FieldIx, KindIx, Law, OperationIx, ParamIx},
    },
};

/// The choices that make a request.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The operation.
    pub operation: OperationIx,
    /// How it should be wrong, if at all.
    pub bent: Bent,
    /// Where there are several values, which one: one number a parameter, used modulo the number of values.
    pub picks: u64,
}

/// How a request departs from a good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bent {
    /// Not at all.
    Straight,
    /// It has a fault.
    Fault(Fault),
    /// It has two.
    Faults(Fault, Fault),
    /// It is a rehearsal.
    Rehearsal,
    /// It carries a token that is new.
    Token,
    /// It names what belongs to something else: another value of the same kind than the natural one, in every place.
    Crossed,
}

/// The strategies of one law.
pub struct Strategies {
    law: Arc<Law>,
    drafts: SBoxedStrategy<Draft>,
    straight: Vec<SBoxedStrategy<Draft>>,
}

impl Strategies {
    /// Builds the strategies. Only operations for which `available` holds are drawn.
    pub fn new(law: &Arc<Law>, available: impl Fn(OperationIx) -> bool) -> Strategies {
        let mut weighted = Vec::new();
        for (ix, operation) in law.operations() {
            if !available(ix) {
                continue;
            }
            // The documented operations are what it is all about; what only removes the ground under them, least.
            let creates = operation.effects.iter().any(|e| matches!(e.change, crate::spec::law::Change::Create { .. }));
            let weight = match (operation.level, operation.reads, creates) {
                (Level::Must, ..) => 12,
                (_, true, _) => 3,
                (_, false, true) => 4,
                (_, false, false) => 2,
            };
            weighted.push((weight, Self::drafts_of(law, ix)));
        }
        let straight = law.operations().map(|(ix, _)| Self::straight(ix)).collect();
        let drafts = if weighted.is_empty() {
            Self::straight(OperationIx(0))
        } else {
            proptest::strategy::Union::new_weighted(weighted).sboxed()
        };
        Strategies { law: law.clone(), drafts, straight }
    }

    /// The law.
    pub fn law(&self) -> &Arc<Law> {
        &self.law
    }

    fn straight(operation: OperationIx) -> SBoxedStrategy<Draft> {
        any::<u64>().prop_map(move |picks| Draft { operation, bent: Bent::Straight, picks }).sboxed()
    }

    fn drafts_of(law: &Law, operation: OperationIx) -> SBoxedStrategy<Draft> {
        let faults = draft::faults(&law[operation]);
        let fault = (0..faults.len().max(1), 0..faults.len().max(1));
        let has_faults = !faults.is_empty();
        let rehearses = law[operation].dry_run.is_some();
        let has_token = law[operation].token.is_some();
        (any::<u64>(), 0..100u32, fault)
            .prop_map(move |(picks, die, (one, other))| {
                let bent = match die {
                    0..15 if has_faults => Bent::Fault(faults[one]),
                    15..18 if has_faults => Bent::Faults(faults[one], faults[other]),
                    18..24 if rehearses => Bent::Rehearsal,
                    24..34 => Bent::Crossed,
                    34..54 if has_token => Bent::Token,
                    _ => Bent::Straight,
                };
                Draft { operation, bent, picks }
            })
            .sboxed()
    }
}

/// One random sequence in the making.
pub struct Walk<'s> {
    strategies: &'s Strategies,
    runner: TestRunner,
    dice: Dice,
}

impl<'s> Walk<'s> {
    /// The walk of this seed and number: the same every time.
    pub fn new(strategies: &'s Strategies, seed: u64, number: u64) -> Walk<'s> {
        let mut dice = Dice::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&dice.roll().to_le_bytes());
        }
        let config = Config { rng_seed: RngSeed::Fixed(seed), failure_persistence: None, ..Config::default() };
        let runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        Walk { strategies, runner, dice }
    }

    /// A number below `bound`, from this walk's own source.
    pub fn below(&mut self, bound: usize) -> usize {
        self.dice.below(bound)
    }

    /// The next request. Where the drawn operation needs a resource that is not there, the request is one that creates
    /// it, or what that needs in turn. None if nothing can be made of this draw.
    pub fn next(&mut self, atlas: &Atlas, worlds: &[Arc<World>]) -> Option<Call> {
        let world = worlds.first()?;
        if let Some(call) = self.with_used_token(world) {
            return Some(call);
        }
        let mut draft = self.draw(&self.strategies.drafts)?;
        // Each round goes one step back towards what has no needs.
        for _ in 0..8 {
            match self.materialise(world, &draft) {
                Ok(call) => return call,
                Err(kind) => {
                    let creators = &atlas.creators[kind.0 as usize];
                    let creator = *creators.get(self.dice.below(creators.len()))?;
                    draft = self.draw(&self.strategies.straight[creator.0 as usize])?;
                }
            }
        }
        None
    }

    /// Now and then, once a token has been accepted: the same request again, or another one with its token.
    fn with_used_token(&mut self, world: &World) -> Option<Call> {
        let law = self.strategies.law.clone();
        let used: Vec<&Use> = world.tokens.iter().filter(|u| u.is_accepted()).collect();
        if used.is_empty() || self.dice.below(4) > 0 {
            return None;
        }
        let earlier = used[self.dice.below(used.len())];
        if self.dice.below(3) > 0 {
            return draft::again(&law, world, earlier);
        }
        let draft = self.draw(&self.strategies.straight[earlier.sent.operation.0 as usize])?;
        let other = self.materialise(world, &draft).ok()??;
        draft::with_used_token(&law, &other, earlier)
    }

    fn draw(&mut self, strategy: &SBoxedStrategy<Draft>) -> Option<Draft> {
        strategy.new_tree(&mut self.runner).ok().map(|tree| tree.current())
    }

    /// Turns choices into a request; the kind of which a resource is missing, if that is why it cannot be done.
    fn materialise(&mut self, world: &World, draft: &Draft) -> Result<Option<Call>, KindIx> {
        let law = self.strategies.law.clone();
        let operation = &law[draft.operation];
        let mut call = Call { operation: draft.operation, args: Vec::new() };
        let mut picks = Dice::new(draft.picks);
        for (ix, param) in operation.params.iter().enumerate() {
            let ix = ix as ParamIx;
            let wanted = belongs(operation, ix) || (is_choice(operation, ix) && picks.below(4) == 0);
            if !wanted {
                continue;
            }
            let values = good_values(&law, world, operation, param);
            let pick = picks.below(values.len());
            match values.into_iter().nth(pick) {
                Some(value) => call.args.push((param.name.clone(), value)),
                None => {
                    if !param.names.is_empty() && belongs(operation, ix) {
                        let reference = param.names[self.dice.below(param.names.len())];
                        // A name that exists but has not been seen: a look will show it.
                        if world.live(reference.kind).any(|(h, _)| seen_text(world, h, reference.by).is_none()) {
                            return Ok(None);
                        }
                        return Err(reference.kind);
                    }
                }
            }
        }
        draft::tell_kinds(operation, &mut call);
        Ok(match draft.bent {
            Bent::Straight => Some(call),
            Bent::Fault(fault) => {
                // What becomes of the token of a refused request is for the law to say.
                let has_token = operation.token.is_some() && picks.below(3) == 0;
                let good = draft::with_new_token(&law, world, &call).filter(|_| has_token).unwrap_or(call);
                draft::with_fault(&law, world, &good, fault, &mut self.dice)
            }
            Bent::Faults(one, other) => draft::with_fault(&law, world, &call, one, &mut self.dice)
                .and_then(|call| draft::with_fault(&law, world, &call, other, &mut self.dice)),
            Bent::Rehearsal => draft::rehearsal(&law, &call),
            Bent::Token => draft::with_new_token(&law, world, &call).or(Some(call)),
            Bent::Crossed => Some(self.crossed(&law, world, call)),
        })
    }

    /// Every reference replaced by one drawn from all that the law knows, live or gone, whether it fits the others or
    /// not.
    fn crossed(&mut self, law: &Law, world: &World, mut call: Call) -> Call {
        for param in law[call.operation].params.iter() {
            let Some((_, value)) = call.args.iter_mut().find(|(n, _)| *n == param.name) else { continue };
            if param.names.is_empty() {
                continue;
            }
            let mut all: Vec<(Handle, FieldIx)> = Vec::new();
            for (reference, live) in param.names.iter().flat_map(|r| [(r, true), (r, false)]) {
                all.extend(
                    draft::nameable(world, reference.kind, reference.by, live).into_iter().map(|h| (h, reference.by)),
                );
            }
            let pick = all.get(self.dice.below(all.len())).and_then(|(h, by)| Symbol::of(world, *h, *by));
            if let Some(symbol) = pick {
                *value = if param.kind == ScalarType::List { Symbol::List(vec![symbol]) } else { symbol };
            }
        }
        call
    }
}
