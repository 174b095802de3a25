//! Arguments as flat pairs of names and values: the elements of a list are numbered from one (`Name.1`), the members of
//! a struct follow a dot (`Name.1.Member`). Both protocols write their parameters so.
//!
//! Everything is directed by the schema of the operation. What it does not declare is written as it stands on the way
//! out, and kept apart on the way in.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write, sync::Arc};

use super::{Request, Tree};
use crate::spec::{
    file::{Joined, ScalarType},
    law::{Law, OperationIx, Param},
};

/// Hands each pair of a request to `push`, in the order of its arguments.
pub fn write(law: &Law, request: &Request, push: &mut dyn FnMut(&str, &str)) {
    let params = &law[request.operation].params;
    let mut name = String::new();
    for (documented, tree) in &request.args {
        write_member(&mut name, params, documented, tree, push);
    }
    for (raw, tree) in &request.undeclared {
        write_member(&mut name, &[], raw, tree, push);
    }
}

fn write_member(name: &mut String, params: &[Param], documented: &str, tree: &Tree, push: &mut dyn FnMut(&str, &str)) {
    let param = params.iter().find(|p| &*p.name == documented);
    let before = name.len();
    if before > 0 {
        name.push('.');
    }
    name.push_str(param.map_or(documented, |p| &p.wire));
    match param.and_then(|p| join(p, tree)) {
        Some(joined) => push(name, &joined),
        None => write_argument(name, param.map_or(&[], |p| &p.fields), tree, push),
    }
    name.truncate(before);
}

fn write_argument(name: &mut String, fields: &[Param], tree: &Tree, push: &mut dyn FnMut(&str, &str)) {
    match tree {
        Tree::Text(text) => push(name, text),
        Tree::List(list) => {
            let before = name.len();
            for (i, element) in list.iter().enumerate() {
                // Writing to a string cannot fail.
                let _ = write!(name, ".{}", i + 1);
                write_argument(name, fields, element, push);
                name.truncate(before);
            }
        }
        Tree::Struct(members) => {
            for (documented, member) in members {
                write_member(name, fields, documented, member, push);
            }
        }
    }
}

/// A list of texts as one value, if the parameter has it so. An empty list is not written at all.
fn join(param: &Param, tree: &Tree) -> Option<String> {
    let joined = param.joined?;
    let texts: Vec<&str> = tree.as_list()?.iter().map(|t| t.as_text().map(|t| &**t)).collect::<Option<_>>()?;
    if texts.is_empty() {
        return None;
    }
    match joined {
        Joined::Comma => Some(texts.join(",")),
        Joined::Json => serde_json::to_string(&texts).ok(),
    }
}

/// The elements of a list that came as one value; what is not of the form is one element.
fn split(joined: Joined, text: &str) -> Tree {
    let texts: Vec<String> = match joined {
        Joined::Comma => text.split(',').map(str::to_owned).collect(),
        Joined::Json => serde_json::from_str(text).unwrap_or_else(|_| vec![text.to_owned()]),
    };
    Tree::List(texts.into_iter().map(Tree::text).collect())
}

/// How a protocol reads parameters.
pub struct Reading<'a> {
    /// Booleans may be written with capital letters.
    pub any_case: bool,
    /// True for a name that no operation has, but that is no fault either.
    pub passes: &'a dyn Fn(&str) -> bool,
}

/// Reads the arguments of a request from its pairs. Of a scalar that is sent twice the first counts.
pub fn read<'p>(
    law: &Law,
    operation: OperationIx,
    pairs: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
    how: &Reading<'_>,
) -> Request {
    let params = &law[operation].params;
    let mut slots: Vec<(usize, Slot)> = Vec::new();
    let mut undeclared: Vec<(Arc<str>, Tree)> = Vec::new();
    for (at, (name, value)) in pairs.enumerate() {
        if let Err(value) = put_member(&mut slots, params, &name, Arc::from(&*value), at)
            && !(how.passes)(&name)
        {
            undeclared.push((Arc::from(&*name), Tree::Text(value)));
        }
    }
    // In the order in which they were written.
    slots.sort_by_key(|(_, slot)| slot.first());
    let args = slots
        .into_iter()
        .map(|(param, slot)| (params[param].name.clone(), slot.into_tree(&params[param], how)))
        .collect();
    Request { operation, args, undeclared }
}

/// An argument while its parts come in, each with the place in the request where it began.
enum Slot {
    Text(usize, Arc<str>),
    /// By the numbers of the elements; those without a number come first.
    List(usize, BTreeMap<(u32, usize), Slot>),
    /// By the places of the members in the schema.
    Struct(usize, Vec<(usize, Slot)>),
}

impl Slot {
    fn first(&self) -> usize {
        match self {
            Slot::Text(at, _) | Slot::List(at, _) | Slot::Struct(at, _) => *at,
        }
    }

    fn into_tree(self, param: &Param, how: &Reading<'_>) -> Tree {
        match self {
            Slot::Text(_, text) => match param.joined {
                Some(joined) => split(joined, &text),
                None => Tree::Text(plain(text, param, how)),
            },
            Slot::List(_, list) => Tree::List(list.into_values().map(|s| s.into_tree(param, how)).collect()),
            Slot::Struct(_, members) => Tree::Struct(
                members
                    .into_iter()
                    .map(|(field, slot)| {
                        let field = &param.fields[field];
                        (field.name.clone(), slot.into_tree(field, how))
                    })
                    .collect(),
            ),
        }
    }
}

/// A boolean as the documents write it.
fn plain(text: Arc<str>, param: &Param, how: &Reading<'_>) -> Arc<str> {
    let boolean = [param.of, Some(param.kind)].contains(&Some(ScalarType::Boolean));
    if !how.any_case || !boolean {
        return text;
    }
    ["true", "false"].into_iter().find(|b| text.eq_ignore_ascii_case(b)).map_or(text, Arc::from)
}

/// Puts the value where its name says; hands it back if the schema has no such place.
fn put_member(
    slots: &mut Vec<(usize, Slot)>,
    params: &[Param],
    name: &str,
    value: Arc<str>,
    at: usize,
) -> Result<(), Arc<str>> {
    // The longest wire name that fits, so that a dotted name may begin with another.
    let found = params
        .iter()
        .enumerate()
        .filter_map(|(i, p)| {
            let rest = name.strip_prefix(p.wire.as_str())?;
            (rest.is_empty() || rest.starts_with('.')).then_some((i, p, rest))
        })
        .max_by_key(|(_, p, _)| p.wire.len());
    let Some((index, param, rest)) = found else { return Err(value) };
    let rest = rest.strip_prefix('.');
    let is_struct = |kind| kind == ScalarType::Struct;
    if param.kind == ScalarType::List && param.joined.is_none() {
        let (number, rest) = match rest {
            None => (None, None),
            Some(rest) => {
                let (number, rest) = rest.split_once('.').map_or((rest, None), |(n, r)| (n, Some(r)));
                match number.parse::<u32>() {
                    Ok(n) if number.bytes().all(|b| b.is_ascii_digit()) => (Some(n), rest),
                    _ => return Err(value),
                }
            }
        };
        let of_structs = param.of.is_some_and(is_struct);
        if !fits(of_structs, &param.fields, rest) {
            return Err(value);
        }
        let key = number.map_or((0, at + 1), |n| (n, 0));
        let slot = slot_of(slots, index, || Slot::List(at, BTreeMap::new()));
        let Slot::List(_, list) = slot else { return Err(value) };
        match rest {
            None => {
                list.entry(key).or_insert(Slot::Text(at, value));
                Ok(())
            }
            Some(rest) => match list.entry(key).or_insert_with(|| Slot::Struct(at, Vec::new())) {
                Slot::Struct(_, members) => put_member(members, &param.fields, rest, value, at),
                _ => Err(value),
            },
        }
    } else if is_struct(param.kind) {
        if !fits(true, &param.fields, rest) {
            return Err(value);
        }
        match (slot_of(slots, index, || Slot::Struct(at, Vec::new())), rest) {
            (Slot::Struct(_, members), Some(rest)) => put_member(members, &param.fields, rest, value, at),
            _ => Err(value),
        }
    } else if rest.is_some() {
        Err(value)
    } else {
        slot_of(slots, index, || Slot::Text(at, value));
        Ok(())
    }
}

/// True if the rest of a name leads somewhere, so that nothing is begun that stays empty.
fn fits(of_structs: bool, fields: &[Param], rest: Option<&str>) -> bool {
    match rest {
        None => !of_structs,
        Some(rest) if of_structs => fields.iter().any(|field| {
            rest.strip_prefix(field.wire.as_str()).is_some_and(|rest| match rest.strip_prefix('.') {
                None => rest.is_empty() && field.kind != ScalarType::Struct,
                Some(rest) if field.kind == ScalarType::List && field.joined.is_none() => {
                    let (number, rest) = rest.split_once('.').map_or((rest, None), |(n, r)| (n, Some(r)));
                    number.parse::<u32>().is_ok()
                        && number.bytes().all(|b| b.is_ascii_digit())
                        && fits(field.of == Some(ScalarType::Struct), &field.fields, rest)
                }
                Some(rest) => field.kind == ScalarType::Struct && fits(true, &field.fields, Some(rest)),
            })
        }),
        Some(_) => false,
    }
}

fn slot_of(slots: &mut Vec<(usize, Slot)>, index: usize, new: impl FnOnce() -> Slot) -> &mut Slot {
    let at = slots.iter().position(|(i, _)| *i == index).unwrap_or_else(|| {
        slots.push((index, new()));
        slots.len() - 1
    });
    &mut slots[at].1
}
