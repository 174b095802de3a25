//! A list of resources against one world: which item is which, what is missing, and what is one too many.

use std::sync::Arc;

use super::{Compare, Mismatch};
use crate::{
    model::{
        show::{self, Presence},
        value::{Handle, Value},
        world::Lookup,
    },
    spec::{
        file::FieldKind,
        law::{KindIx, RuleIx, ShownFrom},
    },
    wire::Tree,
};

/// A list of resources to be compared.
pub(super) struct Listing<'a> {
    pub(super) name: String,
    pub(super) kind: KindIx,
    pub(super) expected: Vec<(Handle, Presence)>,
    pub(super) items: &'a [Tree],
    pub(super) later: &'a [Arc<str>],
    /// Nothing but the expected may be in it.
    pub(super) exhaustive: bool,
    /// What is gone is certainly not in it.
    pub(super) complete: bool,
    pub(super) rule: RuleIx,
    /// The resource whose view it belongs to.
    pub(super) of: Option<Handle>,
}

impl Compare<'_> {
    pub(super) fn list(&mut self, listing: Listing<'_>) -> Result<(), Mismatch> {
        let pairs = self.pair(&listing);
        let mut shown = vec![false; listing.expected.len()];
        for (number, item) in listing.items.iter().enumerate() {
            let at = format!("{}[{number}]", listing.name);
            match pairs[number] {
                Some(place) => {
                    shown[place] = true;
                    self.view(listing.expected[place].0, listing.kind, item, listing.later, &at)?;
                }
                None => self.stranger(&listing, item, &at)?,
            }
        }
        for (place, (handle, presence)) in listing.expected.iter().enumerate() {
            // What the request itself is about must be there, if it has a name already or is given one only here.
            let can_be_told = self.has_name(*handle, listing.kind) || listing.exhaustive && listing.of.is_none();
            if shown[place] || *presence == Presence::May || !can_be_told {
                continue;
            }
            let rule = self.blame_life(*handle).or(listing.of.and_then(|h| self.last_claim(h))).unwrap_or(listing.rule);
            let allowed = format!("{} shows {}", listing.name, self.describe(*handle));
            self.differ(rule, allowed, "it is not there".into())?;
        }
        self.agrees(listing.rule, shown.contains(&true));
        if self.reading && listing.complete {
            self.confirm_gone(&listing);
        }
        Ok(())
    }

    /// Which item is which expected resource: first by the names that are known, then by what fits.
    fn pair(&self, listing: &Listing<'_>) -> Vec<Option<usize>> {
        let mut pairs = vec![None; listing.items.len()];
        let mut taken = vec![false; listing.expected.len()];
        for (number, item) in listing.items.iter().enumerate() {
            let best = listing
                .expected
                .iter()
                .enumerate()
                .filter(|(place, _)| !taken[*place])
                .filter_map(|(place, (h, _))| {
                    self.likeness(*h, listing.kind, item).filter(|s| *s > 0).map(|s| (s, place))
                })
                .max_by_key(|(score, place)| (*score, usize::MAX - place));
            if let Some((_, place)) = best {
                pairs[number] = Some(place);
                taken[place] = true;
            }
        }
        for (number, item) in listing.items.iter().enumerate() {
            if pairs[number].is_some() {
                continue;
            }
            let possible: Vec<usize> = listing
                .expected
                .iter()
                .enumerate()
                .filter(|(place, (h, _))| !taken[*place] && self.likeness(*h, listing.kind, item) == Some(0))
                .map(|(place, _)| place)
                .collect();
            let fits = |place: &usize| {
                let mut trial = Compare {
                    world: self.world.clone(),
                    repeat: self.repeat,
                    output: self.output,
                    alone: self.alone,
                    ..Compare::new(self.scope, self.assessment, self.muted)
                };
                trial.view(listing.expected[*place].0, listing.kind, item, listing.later, "").is_ok()
            };
            // A list of strangers' resources is not searched for ours: there, only a name makes an item ours.
            let chosen =
                possible.iter().copied().find(fits).or(possible.first().copied().filter(|_| listing.exhaustive));
            if let Some(place) = chosen.filter(|_| listing.exhaustive) {
                pairs[number] = Some(place);
                taken[place] = true;
            }
        }
        pairs
    }

    /// How many names an item shares with a resource; none if a name contradicts.
    fn likeness(&self, handle: Handle, kind: KindIx, item: &Tree) -> Option<usize> {
        let mut score = 0;
        for shown in &self.law[kind].view {
            let Some(text) = item.get(&shown.name).and_then(Tree::as_text).filter(|t| !t.is_empty()) else { continue };
            let source = self.source(handle, shown);
            let Some((place, field)) = source.place else { continue };
            let naming = self.world.get(place).is_some_and(|r| {
                matches!(self.law[r.kind].fields[field as usize].kind, FieldKind::Id | FieldKind::Chosen)
            });
            match (&source.value, naming) {
                (Value::Text(own), true) if own == text => score += 1,
                // Only the resource's own id settles that it is another; other names may be what is wrong with it.
                (Value::Text(_), true) if place == handle && self.law[kind].id == Some(field) => return None,
                _ => {}
            }
        }
        Some(score)
    }

    /// An item that is none of the expected resources.
    fn stranger(&self, listing: &Listing<'_>, item: &Tree, at: &str) -> Result<(), Mismatch> {
        let law = self.law;
        let kind = &law[listing.kind];
        let own = kind.id.and_then(|id| {
            let shown =
                kind.view.iter().find(|s| matches!(&s.from, ShownFrom::Paths(p) if p.iter().any(|p| p.0 == [id])))?;
            let text = item.get(&shown.name)?.as_text()?;
            Some((id, text))
        });
        if let Some((id, text)) = own {
            let is_expected = |handle: Handle| listing.expected.iter().any(|(h, _)| *h == handle);
            match self.world.lookup(law, listing.kind, id, text) {
                Lookup::Live(handle) | Lookup::Gone(handle) if is_expected(handle) => {
                    let allowed = format!("{} shows each only once", listing.name);
                    return self.differ(listing.rule, allowed, format!("{at} shows {} again", self.describe(handle)));
                }
                Lookup::Live(handle) => {
                    let allowed = format!("{} shows only what was asked for", listing.name);
                    return self.differ(listing.rule, allowed, format!("{at} shows {}", self.describe(handle)));
                }
                Lookup::Gone(handle) if show::lingers(self.scope, handle, listing.kind) => return Ok(()),
                Lookup::Gone(handle) => {
                    let rule = self.world.get(handle).and_then(|r| r.life.open()).unwrap_or(listing.rule);
                    return self.differ(rule, format!("{} is gone", self.describe(handle)), format!("{at} shows it"));
                }
                Lookup::Nothing | Lookup::Undecided => {}
            }
        }
        if listing.exhaustive || self.is_one_too_many(listing, item) {
            // A part that has gone, but is still shown by the resource that it belonged to.
            let gone = listing.of.and_then(|of| self.gone_parts(listing.kind, of).next());
            let rule = gone
                .and_then(|h| self.world.get(h).and_then(|r| r.life.open()))
                .or(listing.of.and_then(|h| self.last_claim(h)))
                .or_else(|| self.counted(listing.kind))
                .unwrap_or(listing.rule);
            let allowed = format!("{} shows {} of them", listing.name, listing.expected.len());
            return self.differ(rule, allowed, format!("{at} is one more: {}", brief(item)));
        }
        Ok(())
    }

    /// True if an item belongs to what this scenario has made, although nothing has made it: the list may show what strangers
    /// have, but those do not know our things.
    fn is_one_too_many(&self, listing: &Listing<'_>, item: &Tree) -> bool {
        let law = self.law;
        if !law[listing.kind].only_by_request || self.counted(listing.kind).is_none() {
            return false;
        }
        // Where a broken rule says how many there are, there may be more, and they stay.
        let is_muted = self.world.counted.iter().any(|(of, rule)| *of == listing.kind && self.muted.contains(*rule));
        // It may be one whose name nobody has seen.
        let mut of_kind = self.world.iter().filter(|(_, resource)| resource.kind == listing.kind);
        let is_known = !self.world.has_foundlings && of_kind.all(|(handle, _)| self.has_name(handle, listing.kind));
        !is_muted && is_known && self.belongs_to_us(listing.kind, item)
    }

    /// True if an item shows the id of another resource that this scenario has made.
    fn belongs_to_us(&self, kind: KindIx, item: &Tree) -> bool {
        let law = self.law;
        law[kind].view.iter().any(|shown| {
            let (Some(text), ShownFrom::Paths(paths)) = (item.get(&shown.name).and_then(Tree::as_text), &shown.from)
            else {
                return false;
            };
            paths.iter().filter_map(|path| path.names(law, kind)).any(|named| {
                let id = law[named].id.filter(|_| named != kind);
                id.is_some_and(|id| matches!(self.world.lookup(law, named, id, text), Lookup::Live(_)))
            })
        })
    }

    /// The latest rule which says how many of a kind there are, and that nobody has confirmed.
    fn counted(&self, kind: KindIx) -> Option<RuleIx> {
        self.world.counted.iter().rev().find(|(of, _)| *of == kind).map(|(_, rule)| *rule)
    }

    /// A whole list has shown that there are no more of a kind than there should be.
    pub(super) fn confirm_count(&mut self, kind: KindIx) {
        if self.counted(kind).is_some() {
            // What a broken rule has let in is there at the next look, too.
            let muted = self.muted;
            Arc::make_mut(&mut self.world).counted.retain(|(of, rule)| *of != kind || muted.contains(*rule));
        }
    }

    /// Gone resources of a kind that refer to `of`, and whose going nobody has confirmed.
    pub(super) fn gone_parts(&self, kind: KindIx, of: Handle) -> impl Iterator<Item = Handle> + '_ {
        self.world
            .referrers(of)
            .iter()
            .copied()
            .filter(move |h| self.world.get(*h).is_some_and(|r| !r.live && r.kind == kind && r.life.open().is_some()))
    }

    /// True if the resource can be told from others in a list.
    fn has_name(&self, handle: Handle, kind: KindIx) -> bool {
        self.law[kind]
            .id
            .is_none_or(|id| self.world.get(handle).is_some_and(|r| matches!(r.fields[id as usize], Value::Text(_))))
    }

    /// A whole list does not show what is gone.
    fn confirm_gone(&mut self, listing: &Listing<'_>) {
        let gone: Vec<Handle> = match listing.of {
            Some(of) => self.gone_parts(listing.kind, of).collect(),
            None => self
                .world
                .iter()
                .filter(|(h, r)| {
                    !r.live && r.kind == listing.kind && r.life.open().is_some() && self.has_name(*h, listing.kind)
                })
                .map(|(h, _)| h)
                .collect(),
        };
        // What should be gone by a broken rule may be there, and be shown as if it belonged to nobody.
        let is_kept = |rule| !self.muted.contains(rule);
        let gone = gone.into_iter().filter(|h| self.world.get(*h).and_then(|r| r.life.open()).is_none_or(is_kept));
        for handle in gone.collect::<Vec<_>>() {
            self.confirm_life(handle);
        }
    }
}

/// The first few scalars of an item, for a message.
fn brief(item: &Tree) -> String {
    match item {
        Tree::Text(t) => t.to_string(),
        Tree::List(l) => format!("{} items", l.len()),
        Tree::Struct(members) => {
            let texts = members.iter().filter_map(|(n, v)| v.as_text().map(|t| format!("{n}={t}")));
            texts.take(4).collect::<Vec<_>>().join(" ")
        }
    }
}
