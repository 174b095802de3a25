//! What an answer says by itself, whatever worlds are possible: whether it says anything about the law, and whether its form
//! is right.

use std::collections::BTreeSet;

use super::{
    Oracle,
    judge::{Judgement, Violation, describe},
};
use crate::{
    spec::{file::WireFault, law::OperationIx},
    wire::{Answer, Body},
};

impl Oracle {
    /// Why an answer says nothing about the law, if so.
    pub(super) fn says_nothing(&self, answer: &Answer) -> Option<String> {
        let codes = &self.law.codes;
        match &answer.body {
            Body::Error { code, .. } => {
                let is = |list: &[String]| list.iter().any(|c| **c == **code);
                if is(&codes.throttled) || answer.status == 429 {
                    Some(format!("the target asked to slow down ({code})"))
                } else if is(&codes.quota) {
                    Some(format!("a quota is used up ({code})"))
                } else if is(&codes.denied) {
                    Some(format!("the caller may not do this ({code})"))
                } else if codes.turns_away(code) {
                    Some(format!("the target does not take the request for signed, or for its version ({code})"))
                } else if is(&codes.unimplemented) {
                    Some(format!("the target does not implement this ({code})"))
                } else {
                    None
                }
            }
            Body::Unreadable { .. } if matches!(answer.status, 429 | 502 | 503 | 504) => {
                Some(format!("the target was not available (HTTP {})", answer.status))
            }
            _ => None,
        }
    }

    /// True if the target says that it is busy with something else.
    pub(super) fn is_busy(&self, answer: &Answer) -> bool {
        matches!(&answer.body, Body::Error { code, .. } if self.law.codes.busy.iter().any(|c| **c == **code))
    }

    /// The rules about the form of answers.
    pub(super) fn form(&self, operation: OperationIx, answer: &Answer) -> Judgement {
        let mut judgement = Judgement::EXPLAINED;
        let success = match &answer.body {
            Body::Success(_) => true,
            Body::Error { .. } => false,
            // A refusal of which not even the code can be read has no envelope; anything else may be somebody else's.
            Body::Unreadable { .. } => {
                let rule = self.law.wire_rule(WireFault::ErrorEnvelope, operation);
                let refuses = (400..500).contains(&answer.status) && !matches!(answer.status, 407 | 408 | 429);
                let rule = rule.filter(|rule| refuses && !self.settings.muted.contains(*rule));
                judgement.faults.extend(rule.map(|rule| Violation {
                    rule,
                    allowed: self.law[rule].says.clone(),
                    came: describe(answer),
                }));
                return judgement;
            }
        };
        let faults: BTreeSet<WireFault> = self.law.wire_rules.keys().map(|(fault, _)| *fault).collect();
        for fault in faults {
            let Some(rule) = self.law.wire_rule(fault, operation) else { continue };
            let concerned = if success { fault.in_success() } else { fault.in_error() };
            // What is not there cannot be repeated, nor be of the wrong form.
            let about_id = matches!(fault, WireFault::RepeatedRequestId | WireFault::RequestIdForm);
            let without_id = about_id && answer.request_id.is_none();
            // The status has a rule of its own, by operation and code.
            if !concerned || without_id || fault == WireFault::Status || self.settings.muted.contains(rule) {
                continue;
            }
            if answer.faults.contains(&fault) {
                judgement.faults.push(Violation {
                    rule,
                    allowed: self.law[rule].says.clone(),
                    came: format!("{} with the fault `{}`", describe(answer), fault.name()),
                });
            } else {
                judgement.passes.push(rule);
            }
        }
        if let Body::Error { code, .. } = &answer.body
            && let Some((statuses, Some(rule))) = self.law.statuses(operation, code)
            && !self.settings.muted.contains(rule)
        {
            if statuses.contains(&answer.status) {
                judgement.passes.push(rule);
            } else {
                let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
                let allowed = format!("{code} with HTTP {}", statuses.join(" or "));
                judgement.faults.push(Violation { rule, allowed, came: describe(answer) });
            }
        }
        judgement.passes.sort_unstable();
        judgement.faults.sort_unstable_by_key(|f| f.rule);
        judgement
    }
}
