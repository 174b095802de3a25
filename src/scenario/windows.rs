//! How long a request says that a change may take, and how to ask for a shorter time where nobody wants to wait.
//!
//! Imports its neighbours in `scenario`, and `spec`.

use std::time::Duration;

use super::step::{Call, Symbol};
use crate::spec::{
    expr::Expr,
    file::Literal,
    law::{Law, OperationIx, Param, ParamIx},
};

/// The parameters that say how long a change may take.
#[derive(Debug)]
pub struct Windows(Vec<(OperationIx, ParamIx)>);

impl Windows {
    /// Finds them: the parameters on which the time of a later change depends.
    pub fn new(law: &Law) -> Windows {
        let mut found = Vec::new();
        for (ix, operation) in law.operations() {
            let after = operation.effects.iter().filter_map(|effect| effect.after.as_ref());
            let times: Vec<&Expr> = after.flat_map(|a| [&a.earliest, &a.latest, &a.usually]).flatten().collect();
            for (place, param) in operation.params.iter().enumerate() {
                if times.iter().any(|time| reads(time, &param.name)) {
                    found.push((ix, place as ParamIx));
                }
            }
        }
        Windows(found)
    }

    /// A request that leaves the time open, and would take longer than `most` by default, asks for the longest of the
    /// examples that is short enough.
    pub fn shorten(&self, law: &Law, call: &mut Call, most: Duration) {
        for (operation, param) in self.0.iter().filter(|(operation, _)| *operation == call.operation) {
            let param = &law[*operation].params[*param as usize];
            let Some(Literal::Integer(usual)) = &param.default else { continue };
            if call.args.iter().any(|(name, _)| *name == param.name) || is_short(*usual, most) {
                continue;
            }
            if let Some(seconds) = short_example(param, most) {
                call.args.push((param.name.clone(), Symbol::Text(seconds.to_string().into())));
            }
        }
    }
}

fn is_short(seconds: i64, most: Duration) -> bool {
    u64::try_from(seconds).is_ok_and(|seconds| Duration::from_secs(seconds) <= most)
}

fn short_example(param: &Param, most: Duration) -> Option<i64> {
    param.examples.iter().filter_map(|e| e.parse().ok()).filter(|seconds| is_short(*seconds, most)).max()
}

/// True if an expression reads this argument of the request.
fn reads(expr: &Expr, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    expr.source().split(|c| !is_part(c)).any(|word| word.strip_prefix("input.") == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::load::{SpecSource, load};

    #[test]
    fn only_a_request_that_leaves_a_long_time_open_asks_for_a_short_one() {
        let law = load(&SpecSource::BuiltIn, "ec2", &[]).unwrap();
        let windows = Windows::new(&law);
        // Two operations let addresses go, and nothing else has a time of its own.
        assert_eq!(windows.0.len(), 2);
        let (operation, param) = windows.0[0];
        let param = &law[operation].params[param as usize];
        let mut call = Call { operation, args: Vec::new() };
        windows.shorten(&law, &mut call, Duration::from_secs(350));
        assert!(call.args.is_empty());
        windows.shorten(&law, &mut call, Duration::from_secs(15));
        let asked = |seconds: &str| vec![(param.name.clone(), Symbol::Text(seconds.into()))];
        assert_eq!(call.args, asked("3"));
        windows.shorten(&law, &mut call, Duration::from_secs(1));
        assert_eq!(call.args, asked("3"));
        call.args.clear();
        windows.shorten(&law, &mut call, Duration::from_millis(1500));
        assert_eq!(call.args, asked("1"));
    }
}
