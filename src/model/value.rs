//! What a field of a resource holds.

use std::{fmt, sync::Arc};

/// A resource in a world. Handles are given in the order of creation and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u32);

/// A value that the model knows, or knows that it does not know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Value {
    /// No value: not set, or a reference to nothing.
    #[default]
    Null,
    /// The service has chosen a value that nobody has seen yet.
    Unknown,
    /// Any value at all: not judged.
    Anything,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Arc<str>),
    /// A resource.
    Ref(Handle),
    /// Several values.
    List(Arc<[Value]>),
}

impl Value {
    /// The value as a text on the wire; none for what has no such form.
    pub fn to_wire(&self) -> Option<Arc<str>> {
        match self {
            Value::Bool(b) => Some(if *b { "true".into() } else { "false".into() }),
            Value::Int(i) => Some(i.to_string().into()),
            Value::Text(t) => Some(t.clone()),
            Value::Null | Value::Unknown | Value::Anything | Value::Ref(_) | Value::List(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("nothing"),
            Value::Unknown => f.write_str("a value not seen yet"),
            Value::Anything => f.write_str("any value"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Text(t) => write!(f, "{t}"),
            Value::Ref(h) => write!(f, "resource {}", h.0),
            Value::List(l) => {
                f.write_str("[")?;
                for (i, v) in l.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{v}")?;
                }
                f.write_str("]")
            }
        }
    }
}
