//! A request's arguments, read as the types of the parameters, and what is wrong with each.

use std::sync::Arc;

use crate::{
    spec::{
        file::{Defect, Literal, ScalarType},
        law::{FieldIx, KindIx, Law, Operation, Param, ParamIx},
    },
    wire::{Request, Tree},
};

/// An argument, read as its parameter's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputValue {
    /// A text, a moment, or a name.
    Text(Arc<str>),
    /// A whole number.
    Int(i64),
    /// True or false.
    Bool(bool),
    /// Several.
    List(Vec<InputValue>),
    /// Named members.
    Struct(Vec<(Arc<str>, InputValue)>),
}

/// The arguments that could be read, with the defaults of those that are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    values: Vec<(Arc<str>, InputValue)>,
}

impl Input {
    /// The arguments but for those of which this is true.
    pub fn without(&self, bad: impl Fn(&str) -> bool) -> Input {
        Input { values: self.values.iter().filter(|(name, _)| !bad(name)).cloned().collect() }
    }

    /// The argument of this name.
    pub fn get(&self, name: &str) -> Option<&InputValue> {
        member(&self.values, name)
    }

    /// All of them.
    pub fn members(&self) -> &[(Arc<str>, InputValue)] {
        &self.values
    }

    /// The texts of an argument that is a text or a list of texts.
    pub fn texts(&self, name: &str) -> Vec<&Arc<str>> {
        texts(self.get(name))
    }
}

/// The member of this name.
pub fn member<'m>(members: &'m [(Arc<str>, InputValue)], name: &str) -> Option<&'m InputValue> {
    members.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
}

/// The texts of a value that is a text or a list of texts.
pub fn texts(value: Option<&InputValue>) -> Vec<&Arc<str>> {
    match value {
        Some(InputValue::Text(t)) => vec![t],
        Some(InputValue::List(l)) => l
            .iter()
            .filter_map(|v| match v {
                InputValue::Text(t) => Some(t),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// A request as its operation reads it: the same in every world.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The arguments.
    pub input: Arc<Input>,
    /// What is wrong with them.
    pub defects: Vec<ArgumentDefect>,
}

impl Reading {
    /// Reads the arguments of a request. A text is malformed as a name if the pattern of the named field does not match.
    pub fn of(law: &Law, request: &Request) -> Reading {
        let (input, defects) = read(law, &law[request.operation], request);
        Reading { input: Arc::new(input), defects }
    }
}

/// Something wrong with one argument, whatever the state of the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentDefect {
    /// The parameter; none if the operation does not have it.
    pub param: Option<ParamIx>,
    /// What is wrong.
    pub defect: Defect,
}

fn read(law: &Law, operation: &Operation, request: &Request) -> (Input, Vec<ArgumentDefect>) {
    let mut values = Vec::with_capacity(operation.params.len());
    let mut defects = Vec::new();
    for (ix, param) in operation.params.iter().enumerate() {
        let ix = ix as ParamIx;
        let given = request.args.iter().find(|(n, _)| *n == param.name).map(|(_, t)| t);
        match given.filter(|tree| !matches!(tree, Tree::List(l) if l.is_empty())) {
            Some(tree) => match read_param(law, param, tree) {
                Ok(value) => values.push((param.name.clone(), value)),
                Err((defect, value)) => {
                    defects.push(ArgumentDefect { param: Some(ix), defect });
                    values.extend(value.map(|v| (param.name.clone(), v)));
                }
            },
            None => {
                if param.required() {
                    defects.push(ArgumentDefect { param: Some(ix), defect: Defect::Required });
                }
                if let Some(default) = &param.default {
                    values.push((param.name.clone(), literal(default)));
                }
            }
        }
    }
    if !request.undeclared.is_empty() {
        defects.push(ArgumentDefect { param: None, defect: Defect::Undeclared });
    }
    (Input { values }, defects)
}

fn literal(literal: &Literal) -> InputValue {
    match literal {
        Literal::Boolean(b) => InputValue::Bool(*b),
        Literal::Integer(i) => InputValue::Int(*i),
        Literal::Text(t) => InputValue::Text(t.as_str().into()),
    }
}

type Misread = (Defect, Option<InputValue>);

fn read_param(law: &Law, param: &Param, tree: &Tree) -> Result<InputValue, Misread> {
    match (param.kind, tree) {
        (ScalarType::List, Tree::List(items)) => {
            let mut values = Vec::with_capacity(items.len());
            let mut wrong = None;
            for item in items {
                let read = match param.of {
                    Some(ScalarType::Struct) => read_struct(law, param, item),
                    Some(kind) => read_scalar(law, param, kind, item),
                    None => Err((Defect::Type, None)),
                };
                match read {
                    Ok(value) => values.push(value),
                    Err((defect, _)) => wrong = Some(defect),
                }
            }
            match wrong {
                None => Ok(InputValue::List(values)),
                Some(defect) => Err((defect, None)),
            }
        }
        (ScalarType::List, single) => read_param(law, param, &Tree::List(vec![single.clone()])),
        (ScalarType::Struct, tree) => read_struct(law, param, tree),
        (kind, tree) => read_scalar(law, param, kind, tree),
    }
}

fn read_struct(law: &Law, param: &Param, tree: &Tree) -> Result<InputValue, Misread> {
    let Tree::Struct(members) = tree else { return Err((Defect::Type, None)) };
    let mut values = Vec::with_capacity(members.len());
    for field in &param.fields {
        if let Some((_, tree)) = members.iter().find(|(n, _)| *n == field.name) {
            values.push((field.name.clone(), read_param(law, field, tree)?));
        }
    }
    Ok(InputValue::Struct(values))
}

fn read_scalar(law: &Law, param: &Param, kind: ScalarType, tree: &Tree) -> Result<InputValue, Misread> {
    let Tree::Text(text) = tree else { return Err((Defect::Type, None)) };
    match kind {
        ScalarType::Boolean => match &**text {
            "true" => Ok(InputValue::Bool(true)),
            "false" => Ok(InputValue::Bool(false)),
            _ => Err((Defect::Type, None)),
        },
        ScalarType::Integer => match text.parse::<i64>() {
            Ok(number) => {
                if param.min.is_some_and(|min| number < min) || param.max.is_some_and(|max| number > max) {
                    Err((Defect::Range, Some(InputValue::Int(number))))
                } else {
                    Ok(InputValue::Int(number))
                }
            }
            Err(_) => Err((Defect::Type, None)),
        },
        ScalarType::List | ScalarType::Struct => Err((Defect::Type, None)),
        ScalarType::String | ScalarType::Timestamp => {
            let value = InputValue::Text(text.clone());
            if !param.values.is_empty() && !param.values.iter().any(|v| v == text) {
                return Err((Defect::Enum, Some(value)));
            }
            if param.longest.is_some_and(|most| text.chars().nth(most as usize).is_some()) {
                return Err((Defect::Length, Some(value)));
            }
            if param.form.as_ref().is_some_and(|form| !form.is_match(text)) {
                return Err((Defect::Form, Some(value)));
            }
            let is_name = !param.names.is_empty() && !is_plain(param, text);
            if is_name && !param.names.iter().any(|r| well_formed(law, r.kind, r.by, text)) {
                return Err((Defect::Malformed, Some(value)));
            }
            Ok(value)
        }
    }
}

/// True if a text has the form of this field's values.
pub fn well_formed(law: &Law, kind: KindIx, field: FieldIx, text: &str) -> bool {
    law[kind].fields[field as usize].pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
}

/// True if a text is no name, although the parameter names resources.
pub fn is_plain(param: &Param, text: &str) -> bool {
    param.plain.as_ref().is_some_and(|plain| plain.is_match(text))
}
