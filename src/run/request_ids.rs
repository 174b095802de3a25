//! The request ids of a run: has an answer the id of another one?
//!
//! A run may last for as long as its user likes, and its memory may not grow with it. So only the latest
//! [`REMEMBERED`] ids are held against a new one, and of each only a hash of 64 bits. A server that repeats ids does so
//! within fewer answers than that. That two different ids have one hash, which would be a false alarm, has a chance of
//! about one in seventy millions in a run of a million requests.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
};

use rustc_hash::FxHashSet;

use crate::{
    spec::{file::WireFault, law::Law},
    wire::Answer,
};

/// How many ids are remembered.
const REMEMBERED: usize = 1 << 18;

/// The latest request ids of a run.
#[derive(Debug, Default)]
pub struct RequestIds {
    /// The keys of the hash: no server knows them.
    keys: RandomState,
    seen: FxHashSet<u64>,
    /// The same in the order in which they came.
    order: VecDeque<u64>,
}

impl RequestIds {
    /// Takes note of the id of an answer, and notes a fault if it is not the first with it. Nothing is kept where the law
    /// does not mind.
    pub fn note(&mut self, law: &Law, answer: &mut Answer) {
        if !law.wire_rules.contains_key(&WireFault::RepeatedRequestId) {
            return;
        }
        let Some(id) = &answer.request_id else { return };
        if !self.is_new(id) {
            answer.faults.push(WireFault::RepeatedRequestId);
        }
    }

    fn is_new(&mut self, id: &str) -> bool {
        let hash = self.keys.hash_one(id);
        if !self.seen.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{REMEMBERED, RequestIds};

    #[test]
    fn a_repeated_id_is_noticed_for_as_long_as_it_is_remembered_and_no_longer() {
        let mut ids = RequestIds::default();
        assert!((0..REMEMBERED).all(|i| ids.is_new(&i.to_string())));
        assert!(!ids.is_new("0") && !ids.is_new("7"));
        assert!(ids.is_new("one more") && ids.is_new("0"));
        assert_eq!((ids.seen.len(), ids.order.len()), (REMEMBERED, REMEMBERED));
    }
}
