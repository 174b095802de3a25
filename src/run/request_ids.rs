//! The request ids of a run: has an answer the id of another one?
//!
//! A run may last for as long as its user likes, and its memory may not grow with it. So only the latest
//! `REMEMBERED` ids are held against a new one, and of each only a hash of 64 bits. A server that repeats ids does so
//! within fewer answers than that. That two different ids have one hash, which would be a false alarm, has a chance of
//! about one in seventy millions in a run of a million requests.

use std::{
    collections::{VecDeque, hash_map::Entry},
    hash::{BuildHasher, RandomState},
};

use rustc_hash::FxHashMap;

use crate::{
    spec::{file::WireFault, law::Law},
    wire::{Answer, Request},
};

/// How many ids are remembered.
const REMEMBERED: usize = 1 << 18;

/// The latest request ids of a run.
#[derive(Debug, Default)]
pub struct RequestIds {
    /// The keys of the hash: no server knows them.
    keys: RandomState,
    /// Of each the token of the request that was answered with it, with its operation.
    seen: FxHashMap<u64, Option<u64>>,
    /// The same in the order in which they came.
    order: VecDeque<u64>,
}

impl RequestIds {
    /// Takes note of the id of an answer, and notes a fault if it is not the first with it. A request that is sent again
    /// with its token may well get the answer that it got before, id and all. Nothing is kept where the law does not mind.
    pub fn note(&mut self, law: &Law, request: &Request, answer: &mut Answer) {
        let minded = law.wire_rule(WireFault::RepeatedRequestId, request.operation).is_some();
        let Some(id) = answer.request_id.as_ref().filter(|_| minded) else { return };
        let operation = &law[request.operation];
        let token = operation.token.as_ref().and_then(|token| {
            let name = &operation.params[token.param as usize].name;
            request.args.iter().find(|(n, _)| n == name)?.1.as_text()
        });
        let token = token.map(|token| self.keys.hash_one((request.operation, token)));
        if !self.may_have(id, token) {
            answer.faults.push(WireFault::RepeatedRequestId);
        }
    }

    /// True if an answer to a request with this token may have this id; remembers it.
    fn may_have(&mut self, id: &str, token: Option<u64>) -> bool {
        let hash = self.keys.hash_one(id);
        match self.seen.entry(hash) {
            Entry::Occupied(earlier) => return token.is_some() && *earlier.get() == token,
            Entry::Vacant(place) => place.insert(token),
        };
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
    fn a_request_that_is_repeated_with_its_token_may_have_the_id_of_the_first_answer() {
        let mut ids = RequestIds::default();
        assert!(ids.may_have("one", Some(1)) && ids.may_have("one", Some(1)));
        assert!(!ids.may_have("one", Some(2)) && !ids.may_have("one", None));
    }

    #[test]
    fn a_repeated_id_is_noticed_for_as_long_as_it_is_remembered_and_no_longer() {
        let mut ids = RequestIds::default();
        assert!((0..REMEMBERED).all(|i| ids.may_have(&i.to_string(), None)));
        assert!(!ids.may_have("0", None) && !ids.may_have("7", None));
        assert!(ids.may_have("one more", None) && ids.may_have("0", None));
        assert_eq!((ids.seen.len(), ids.order.len()), (REMEMBERED, REMEMBERED));
    }
}
