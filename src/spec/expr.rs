//! Expressions of the specs, compiled once.

/// A compiled CEL expression.
#[derive(Debug)]
pub struct Expr;
