//! Expressions of the specs: CEL, compiled once, and checked against what the law knows of every name in them.
//!
//! The check is a lint over the syntax tree, not a type system: whatever it cannot know is [`Ty::Any`], which goes with
//! everything. What it does know (the fields of a kind, the parameters of an operation, the values of a state) it
//! insists on, because an expression that never holds is a rule that is never checked.
//!
//! Imports only the indices of [`super::law`], [`super::looks`] and the suggestions of [`super::error`].

use std::{ops::Range, sync::Arc};

use cel::{
    Program,
    common::ast::{CallExpr, ComprehensionExpr, Expr as Node, IdedExpr, LiteralValue, SourceInfo, operators as op},
};
use thiserror::Error;

use super::{
    error::suggestion,
    law::KindIx,
    looks::Read,
    lower::{lower, parts},
};

pub use super::lower::Part;

/// The longest expression that is compiled.
const LONGEST: usize = 8 * 1024;

/// The functions that expressions may use. CEL has more; these are the ones whose types are checked here.
const FUNCTIONS: [&str; 13] = [
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "has",
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "string",
    "int",
];

/// A variable that every expression knows: a value that the law does not know.
pub const ANYTHING: &str = "anything";
/// The variable whose value is the region that requests are signed for.
pub const REGION: &str = "region";
/// The variable that holds the arguments of the request.
pub const INPUT: &str = "input";

/// A compiled CEL expression.
#[derive(Debug)]
pub struct Expr {
    source: Arc<str>,
    program: Program,
    /// The program as it is evaluated.
    lowered: IdedExpr,
    parts: Vec<Part>,
    variables: Vec<Arc<str>>,
    kinds: Vec<KindIx>,
    read: Read,
}

impl Expr {
    /// Compiles an expression and says what it yields.
    pub fn compile(source: &str, scope: &Scope<'_>) -> Result<(Expr, Ty), ExprError> {
        let (expr, found) = compile(source, scope)?;
        Ok((expr, found.ty))
    }

    /// Compiles an expression that must yield what `wanted` can hold.
    pub fn compile_as(source: &str, scope: &Scope<'_>, wanted: &Slot) -> Result<Expr, ExprError> {
        let (expr, found) = compile(source, scope)?;
        let walk = Walk::new(scope, &expr.source, expr.program.source_info());
        let root = expr.program.expression();
        if !goes_with(&found.ty, &wanted.ty) {
            let problem = ExprProblem::Yields { found: walk.describe(&found.ty), wanted: walk.describe(&wanted.ty) };
            return Err(walk.error(root, problem));
        }
        walk.check_texts(&found.texts, &wanted.values)?;
        Ok(expr)
    }

    /// The text as it stands in the spec.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The compiled program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// What is to be evaluated: the same as what was written, in a form that takes the evaluator less time.
    pub fn evaluated(&self) -> &IdedExpr {
        &self.lowered
    }

    /// The conditions that it joins by `&&`; itself if it is no such conjunction.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The variables that it reads, sorted; those of its own comprehensions are not among them.
    pub fn variables(&self) -> &[Arc<str>] {
        &self.variables
    }

    /// The kinds of resource that it looks at, sorted.
    pub fn kinds(&self) -> &[KindIx] {
        &self.kinds
    }

    /// The fields of resources that it reads.
    pub fn read(&self) -> &Read {
        &self.read
    }

    /// True if this path (`input.Name`, `.field`) stands in it as a whole, and not as the beginning of a longer name.
    pub fn mentions(&self, path: &str) -> bool {
        let continues = |end: usize| self.source[end..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        self.source.match_indices(path).any(|(at, _)| !continues(at + path.len()))
    }

    /// True if it reads this variable.
    pub fn reads(&self, variable: &str) -> bool {
        self.variables.iter().any(|v| &**v == variable)
    }
}

/// What an expression yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ty {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A text.
    Text,
    /// Nothing.
    Null,
    /// Not known here.
    Any,
    /// A resource of this kind, or nothing.
    Resource(KindIx),
    /// Several values.
    List(Box<Ty>),
    /// The arguments of the request.
    Input,
}

impl Ty {
    /// A list of these.
    pub fn list(of: Ty) -> Ty {
        Ty::List(Box::new(of))
    }
}

/// What a place can hold: a type, and the texts that it can have, if they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The type.
    pub ty: Ty,
    /// The texts that it can have; empty for any.
    pub values: Arc<[Arc<str>]>,
}

impl From<Ty> for Slot {
    fn from(ty: Ty) -> Slot {
        Slot { ty, values: Arc::new([]) }
    }
}

/// A named place: a field of a kind of resource, or a parameter of an operation.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: Arc<str>,
    /// What it holds.
    pub slot: Slot,
}

/// What expressions know of a kind of resource.
#[derive(Clone, Debug)]
pub struct KindShape {
    /// Its name.
    pub name: Arc<str>,
    /// Its fields.
    pub members: Vec<Member>,
}

/// The names that an expression may use.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    kinds: &'a [KindShape],
    input: Option<&'a [Member]>,
    variables: Vec<(Arc<str>, Ty)>,
}

impl<'a> Scope<'a> {
    /// A scope without variables; `kinds` is indexed by [`KindIx`].
    pub fn new(kinds: &'a [KindShape]) -> Scope<'a> {
        Scope { kinds, input: None, variables: Vec::new() }
    }

    /// The same with `input`: the parameters of an operation.
    pub fn input(mut self, input: &'a [Member]) -> Scope<'a> {
        self.input = Some(input);
        self
    }

    /// The same with one more variable; it hides an earlier one of the same name.
    pub fn with(mut self, name: impl Into<Arc<str>>, ty: Ty) -> Scope<'a> {
        self.variables.push((name.into(), ty));
        self
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let input = self.input.map(|_| INPUT);
        self.variables.iter().map(|(n, _)| &**n).chain(input).chain([ANYTHING, REGION])
    }

    fn variable(&self, name: &str) -> Option<Ty> {
        match self.variables.iter().rev().find(|(n, _)| &**n == name) {
            Some((_, ty)) => Some(ty.clone()),
            None if name == INPUT && self.input.is_some() => Some(Ty::Input),
            None if name == ANYTHING => Some(Ty::Any),
            None if name == REGION => Some(Ty::Text),
            None => None,
        }
    }

    pub(super) fn kind(&self, kind: KindIx) -> Option<&'a KindShape> {
        self.kinds.get(kind.0 as usize)
    }
}

/// An expression that does not compile: what is wrong, the bytes of the expression, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{problem}")]
pub struct ExprError {
    /// What is wrong.
    pub problem: ExprProblem,
    /// Where in the expression.
    pub range: Range<usize>,
    /// How to mend it.
    pub help: Option<String>,
}

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExprProblem {
    /// It is not CEL.
    #[error("not an expression: {0}")]
    Syntax(String),
    /// It is longer than any rule needs to be.
    #[error("an expression of {0} bytes is too long to be read by anyone")]
    TooLong(usize),
    /// A variable that is not in scope.
    #[error("there is no variable `{0}` here")]
    UnknownVariable(String),
    /// A field that the value does not have.
    #[error("{of} has no `{field}`")]
    UnknownField {
        /// The value.
        of: String,
        /// The field.
        field: String,
    },
    /// A function that there is not.
    #[error("there is no function `{0}`")]
    UnknownFunction(String),
    /// A function or an operator with arguments that it does not take.
    #[error("`{0}` cannot be used like this")]
    Arguments(String),
    /// A map or a message, which no value of the law is.
    #[error("the law knows no maps")]
    Map,
    /// A text that is not among the values that the place can have.
    #[error("it is never `{0}`")]
    NeverThat(String),
    /// An operator or a function on something that it does not work on.
    #[error("{operation} does not work on {operand}")]
    Operand {
        /// The operator or function.
        operation: String,
        /// The operand.
        operand: String,
    },
    /// Two values that are never the same.
    #[error("{left} is never {right}")]
    Apart {
        /// One.
        left: String,
        /// The other.
        right: String,
    },
    /// A value of the wrong type for its place.
    #[error("this is {found}, but {wanted} belongs here")]
    Yields {
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
}

fn compile(source: &str, scope: &Scope<'_>) -> Result<(Expr, Found), ExprError> {
    let everywhere = 0..source.len();
    if source.len() > LONGEST {
        return Err(ExprError { problem: ExprProblem::TooLong(source.len()), range: everywhere, help: None });
    }
    let program = Program::compile(source).map_err(|errors| {
        let (message, range) = match errors.errors.first() {
            Some(e) => (e.msg.trim_start_matches("Syntax error: ").to_owned(), syntax_range(source, e.pos)),
            None => ("it cannot be parsed".to_owned(), everywhere.clone()),
        };
        ExprError { problem: ExprProblem::Syntax(message), range, help: None }
    })?;
    let mut walk = Walk::new(scope, source, program.source_info());
    let found = walk.infer(program.expression())?;
    let (mut variables, read) = (walk.reads, walk.read);
    variables.sort();
    variables.dedup();
    let mut kinds = walk.kinds;
    kinds.sort();
    kinds.dedup();
    let lowered = lower(program.expression());
    let parts = parts(program.expression());
    Ok((Expr { source: source.into(), program, lowered, parts, variables, kinds, read }, found))
}

/// The byte that a parser's line and column (from one) mean.
fn syntax_range(source: &str, (line, column): (isize, isize)) -> Range<usize> {
    let (Ok(line), Ok(column)) = (usize::try_from(line - 1), usize::try_from(column - 1)) else {
        return 0..source.len();
    };
    let before: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = source.get(before..).unwrap_or_default();
    match rest.char_indices().nth(column) {
        Some((at, c)) => before + at..before + at + c.len_utf8(),
        None => source.len()..source.len(),
    }
}

/// What the walk knows of a value.
#[derive(Clone, Debug)]
struct Found {
    ty: Ty,
    /// The texts that it (or an element of it) can have; empty for any.
    values: Arc<[Arc<str>]>,
    /// The literal texts that it (or an element of it) is one of, each with its node.
    texts: Vec<(String, u64)>,
    /// An empty list, which is a list of whatever is put into it.
    empty: bool,
}

impl Found {
    fn new(ty: Ty) -> Found {
        Found { ty, values: Arc::new([]), texts: Vec::new(), empty: false }
    }

    fn slot(slot: &Slot) -> Found {
        Found { values: slot.values.clone(), ..Found::new(slot.ty.clone()) }
    }

    /// An element of it, if it is a list.
    fn element(self) -> Option<Found> {
        match self.ty {
            Ty::List(of) => Some(Found { ty: *of, empty: false, ..self }),
            Ty::Any => Some(Found::new(Ty::Any)),
            _ => None,
        }
    }

    /// Either of two.
    fn or(self, other: Found) -> Found {
        let is_list = |found: &Found| matches!(found.ty, Ty::List(_));
        if (self.empty && is_list(&other)) || self.ty == Ty::Null {
            return other;
        }
        if (other.empty && is_list(&self)) || other.ty == Ty::Null {
            return self;
        }
        let ty = if self.ty == other.ty { self.ty } else { Ty::Any };
        let values = if self.values == other.values { self.values } else { Arc::new([]) };
        let texts = self.texts.into_iter().chain(other.texts).collect();
        Found { ty, values, texts, empty: false }
    }
}

/// True if a value of one type may be of the other.
fn goes_with(a: &Ty, b: &Ty) -> bool {
    match (a, b) {
        (Ty::Any | Ty::Null, _) | (_, Ty::Any | Ty::Null) => true,
        (Ty::List(a), Ty::List(b)) => goes_with(a, b),
        (a, b) => a == b,
    }
}

/// One pass over the syntax tree of an expression.
struct Walk<'a> {
    scope: &'a Scope<'a>,
    source: &'a str,
    info: &'a SourceInfo,
    locals: Vec<(&'a str, Found)>,
    reads: Vec<Arc<str>>,
    kinds: Vec<KindIx>,
    read: Read,
}

impl<'a> Walk<'a> {
    fn new(scope: &'a Scope<'a>, source: &'a str, info: &'a SourceInfo) -> Walk<'a> {
        Walk { scope, source, info, locals: vec![], reads: vec![], kinds: vec![], read: Read::default() }
    }

    fn infer(&mut self, node: &'a IdedExpr) -> Result<Found, ExprError> {
        let found = self.infer_node(node)?;
        let one = match &found.ty {
            Ty::List(of) => of,
            ty => ty,
        };
        if let Ty::Resource(kind) = one {
            self.kinds.push(*kind);
        }
        Ok(found)
    }

    fn infer_node(&mut self, node: &'a IdedExpr) -> Result<Found, ExprError> {
        match &node.expr {
            Node::Unspecified => Ok(Found::new(Ty::Any)),
            Node::Literal(literal) => Ok(match literal {
                LiteralValue::Boolean(_) => Found::new(Ty::Bool),
                LiteralValue::Int(_) => Found::new(Ty::Int),
                LiteralValue::Null => Found::new(Ty::Null),
                LiteralValue::String(text) => {
                    Found { texts: vec![(text.inner().to_owned(), node.id)], ..Found::new(Ty::Text) }
                }
                LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::UInt(_) => Found::new(Ty::Any),
            }),
            Node::Ident(name) => self.variable(node, name),
            Node::Select(select) => {
                let of = self.infer(&select.operand)?;
                self.read.note(self.scope, &of.ty, &select.field);
                let field = self.field(node, &of.ty, &select.field)?;
                Ok(if select.test { Found::new(Ty::Bool) } else { field })
            }
            Node::List(list) => {
                let mut all = Found { empty: true, ..Found::new(Ty::list(Ty::Any)) };
                for element in &list.elements {
                    let element = self.infer(element)?;
                    all = all.or(Found { ty: Ty::list(element.ty), empty: false, ..element });
                }
                Ok(all)
            }
            Node::Map(_) | Node::Struct(_) => Err(self.error(node, ExprProblem::Map)),
            Node::Call(call) => self.call(node, call),
            Node::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    fn variable(&mut self, node: &IdedExpr, name: &'a str) -> Result<Found, ExprError> {
        if let Some((_, found)) = self.locals.iter().rev().find(|(n, _)| *n == name) {
            return Ok(found.clone());
        }
        match self.scope.variable(name) {
            Some(ty) => {
                self.reads.push(name.into());
                Ok(Found::new(ty))
            }
            None => {
                let locals = self.locals.iter().map(|(n, _)| *n).filter(|n| !n.starts_with('@'));
                let help = suggestion(name, self.scope.names().chain(locals));
                Err(ExprError { help, ..self.error(node, ExprProblem::UnknownVariable(name.into())) })
            }
        }
    }

    fn field(&self, node: &IdedExpr, of: &Ty, field: &str) -> Result<Found, ExprError> {
        let members = match of {
            Ty::Any | Ty::Null => return Ok(Found::new(Ty::Any)),
            Ty::Input => self.scope.input.unwrap_or_default(),
            Ty::Resource(_) if field == "live" => return Ok(Found::new(Ty::Bool)),
            Ty::Resource(kind) => self.scope.kind(*kind).map_or(&[][..], |k| &k.members),
            Ty::Bool | Ty::Int | Ty::Text | Ty::List(_) => &[],
        };
        match members.iter().find(|m| &*m.name == field) {
            Some(member) => Ok(Found::slot(&member.slot)),
            None => {
                let live = matches!(of, Ty::Resource(_)).then_some("live");
                let help = suggestion(field, members.iter().map(|m| &*m.name).chain(live));
                let problem = ExprProblem::UnknownField { of: self.describe(of), field: field.into() };
                let range = self.field_range(node, field);
                Err(ExprError { problem, range, help })
            }
        }
    }

    fn call(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Result<Found, ExprError> {
        let name = call.func_name.as_str();
        self.known_function(node, name)?;
        let nodes: Vec<&'a IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let mut found = Vec::with_capacity(nodes.len());
        for operand in &nodes {
            found.push(self.infer(operand)?);
        }
        match (name, &found[..]) {
            (op::LOGICAL_NOT, [_]) | (op::LOGICAL_AND | op::LOGICAL_OR, [_, _]) => {
                self.each_is(&nodes, &found, &[Ty::Bool], name)?;
                Ok(Found::new(Ty::Bool))
            }
            (op::NOT_STRICTLY_FALSE, _) => Ok(Found::new(Ty::Bool)),
            (op::CONDITIONAL, [condition, yes, no]) => {
                let found = yes.clone().or(no.clone());
                self.each_is(&nodes[..1], std::slice::from_ref(condition), &[Ty::Bool], name)?;
                Ok(found)
            }
            (op::EQUALS | op::NOT_EQUALS, [left, right]) => {
                self.comparable(node, left, right)?;
                Ok(Found::new(Ty::Bool))
            }
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [left, right]) => {
                self.each_is(&nodes, &[left.clone(), right.clone()], &[Ty::Int, Ty::Text], name)?;
                self.comparable(node, left, right)?;
                Ok(Found::new(Ty::Bool))
            }
            (op::IN, [element, list]) => match list.clone().element() {
                Some(of) => {
                    self.comparable(node, element, &of)?;
                    Ok(Found::new(Ty::Bool))
                }
                None => Err(self.operand(nodes[1], name, &list.ty)),
            },
            (op::ADD, [left, right]) => match (&left.ty, &right.ty) {
                (Ty::List(_), Ty::List(_)) => Ok(left.clone().or(right.clone())),
                _ => {
                    self.each_is(&nodes, &found, &[Ty::Int, Ty::Text, Ty::list(Ty::Any)], name)?;
                    if goes_with(&found[0].ty, &found[1].ty) {
                        let known = found.iter().map(|f| &f.ty).find(|t| **t != Ty::Any);
                        Ok(Found::new(known.cloned().unwrap_or(Ty::Any)))
                    } else {
                        Err(self.operand(nodes[1], &format!("+ after {}", self.describe(&found[0].ty)), &found[1].ty))
                    }
                }
            },
            (op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [_, _]) | (op::NEGATE, [_]) => {
                self.each_is(&nodes, &found, &[Ty::Int], name)?;
                Ok(Found::new(Ty::Int))
            }
            (op::INDEX, [list, index]) => {
                self.each_is(&nodes[1..], std::slice::from_ref(index), &[Ty::Int], name)?;
                match list.clone().element() {
                    Some(element) => Ok(element),
                    None => Err(self.operand(nodes[0], name, &list.ty)),
                }
            }
            ("size", [_]) => {
                self.each_is(&nodes, &found, &[Ty::Text, Ty::list(Ty::Any)], name)?;
                Ok(Found::new(Ty::Int))
            }
            ("startsWith" | "endsWith" | "contains" | "matches", [_, _]) if call.target.is_some() => {
                self.each_is(&nodes, &found, &[Ty::Text], name)?;
                Ok(Found::new(Ty::Bool))
            }
            ("string", [_]) if call.target.is_none() => {
                self.each_is(&nodes, &found, &[Ty::Text, Ty::Int, Ty::Bool], name)?;
                Ok(Found::new(Ty::Text))
            }
            ("int", [_]) if call.target.is_none() => {
                self.each_is(&nodes, &found, &[Ty::Text, Ty::Int], name)?;
                Ok(Found::new(Ty::Int))
            }
            _ => {
                let help = Some(format!("`{}` takes other arguments than these", plain(name)));
                let range = self.name_range(node, name);
                Err(ExprError { problem: ExprProblem::Arguments(plain(name).into()), range, help })
            }
        }
    }

    /// The function is one of those that expressions may use; looked at before its arguments, because those of a
    /// misspelt macro make no sense.
    fn known_function(&self, node: &IdedExpr, name: &str) -> Result<(), ExprError> {
        let operator = !name.starts_with(|c: char| c.is_ascii_alphabetic());
        if operator || FUNCTIONS.contains(&name) {
            return Ok(());
        }
        let range = self.name_range(node, name);
        Err(ExprError { problem: ExprProblem::UnknownFunction(name.into()), range, help: suggestion(name, FUNCTIONS) })
    }

    /// What the macros (`exists`, `map` and the like) become: a loop over a list with an accumulator.
    fn comprehension(&mut self, c: &'a ComprehensionExpr) -> Result<Found, ExprError> {
        let range = self.infer(&c.iter_range)?;
        let Some(element) = range.clone().element() else {
            let problem = ExprProblem::Yields { found: self.describe(&range.ty), wanted: "a list".into() };
            return Err(self.error(&c.iter_range, problem));
        };
        let start = self.infer(&c.accu_init)?;
        let outside = self.locals.len();
        self.locals.push((&c.accu_var, start.clone()));
        self.locals.push((&c.iter_var, element));
        if let Some(second) = &c.iter_var2 {
            self.locals.push((second, Found::new(Ty::Any)));
        }
        self.infer(&c.loop_cond)?;
        let step = self.infer(&c.loop_step)?;
        self.locals.truncate(outside);
        self.locals.push((&c.accu_var, start.or(step)));
        let result = self.infer(&c.result);
        self.locals.truncate(outside);
        result
    }

    /// Every operand goes with one of these types.
    fn each_is(&self, nodes: &[&IdedExpr], found: &[Found], types: &[Ty], operation: &str) -> Result<(), ExprError> {
        for (node, found) in nodes.iter().zip(found) {
            if found.ty == Ty::Null || !types.iter().any(|t| goes_with(t, &found.ty)) {
                return Err(self.operand(node, operation, &found.ty));
            }
        }
        Ok(())
    }

    /// Two values that may be the same.
    fn comparable(&self, node: &IdedExpr, left: &Found, right: &Found) -> Result<(), ExprError> {
        if !goes_with(&left.ty, &right.ty) || left.ty == Ty::Input || right.ty == Ty::Input {
            let (left, right) = (self.describe(&left.ty), self.describe(&right.ty));
            return Err(self.error(node, ExprProblem::Apart { left, right }));
        }
        self.check_texts(&left.texts, &right.values)?;
        self.check_texts(&right.texts, &left.values)
    }

    /// Literal texts are among the values that the other side can have.
    fn check_texts(&self, texts: &[(String, u64)], values: &[Arc<str>]) -> Result<(), ExprError> {
        if values.is_empty() {
            return Ok(());
        }
        match texts.iter().find(|(text, _)| !values.iter().any(|v| **v == **text)) {
            None => Ok(()),
            Some((text, node)) => Err(ExprError {
                problem: ExprProblem::NeverThat(text.clone()),
                range: self.token(*node).unwrap_or(0..self.source.len()),
                help: suggestion(text, values.iter().map(|v| &**v)),
            }),
        }
    }

    fn operand(&self, node: &IdedExpr, operation: &str, ty: &Ty) -> ExprError {
        let operation = format!("`{}`", plain(operation));
        self.error(node, ExprProblem::Operand { operation, operand: self.describe(ty) })
    }

    fn error(&self, node: &IdedExpr, problem: ExprProblem) -> ExprError {
        let range = self.range(node).unwrap_or(0..self.source.len());
        ExprError { problem, range, help: None }
    }

    /// A type in words.
    fn describe(&self, ty: &Ty) -> String {
        match ty {
            Ty::Bool => "true or false".into(),
            Ty::Int => "a whole number".into(),
            Ty::Text => "a text".into(),
            Ty::Null => "null".into(),
            Ty::Any => "anything".into(),
            Ty::Input => "`input`".into(),
            Ty::Resource(kind) => format!("a resource of kind `{}`", self.scope.kind(*kind).map_or("?", |k| &k.name)),
            Ty::List(of) if **of == Ty::Any => "a list".into(),
            Ty::List(of) => format!("a list, each {}", self.describe(of)),
        }
    }

    /// The bytes of the token that a node was read from. The parser counts characters; where those are not bytes, no
    /// place is better than a wrong one.
    fn token(&self, id: u64) -> Option<Range<usize>> {
        let (start, last) = self.info.offset_for(id)?;
        let range = start as usize..last as usize + 1;
        (self.source.is_ascii() && range.start < range.end && range.end <= self.source.len()).then_some(range)
    }

    /// The bytes of a field's name after its dot.
    fn field_range(&self, node: &IdedExpr, field: &str) -> Range<usize> {
        let dot = self.token(node.id).map_or(0, |r| r.start);
        match self.source.get(dot..).and_then(|s| s.find(field)) {
            Some(at) => dot + at..dot + at + field.len(),
            None => 0..self.source.len(),
        }
    }

    /// The bytes of a function's name before its parenthesis.
    fn name_range(&self, node: &IdedExpr, name: &str) -> Range<usize> {
        let parenthesis = self.token(node.id).map_or(self.source.len(), |r| r.start);
        match self.source.get(..parenthesis).and_then(|s| s.rfind(name)) {
            Some(at) => at..at + name.len(),
            None => self.range(node).unwrap_or(0..self.source.len()),
        }
    }

    /// The bytes from the first token of a node to its last.
    fn range(&self, node: &IdedExpr) -> Option<Range<usize>> {
        let own = self.token(node.id);
        match &node.expr {
            Node::Select(s) => join(join(own, self.range(&s.operand)), Some(self.field_range(node, &s.field))),
            Node::Call(c) => c.target.as_deref().into_iter().chain(&c.args).fold(own, |r, n| join(r, self.range(n))),
            Node::List(l) => l.elements.iter().fold(own, |r, n| join(r, self.range(n))),
            Node::Comprehension(c) => join(own, self.range(&c.iter_range)),
            _ => own,
        }
    }
}

/// The smallest range around two.
fn join(a: Option<Range<usize>>, b: Option<Range<usize>>) -> Option<Range<usize>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.start.min(b.start)..a.end.max(b.end)),
        (a, b) => a.or(b),
    }
}

/// An operator as it is written: CEL calls `&&` `_&&_`.
fn plain(name: &str) -> &str {
    match name {
        op::CONDITIONAL => "?:",
        op::INDEX => "[ ]",
        op::IN => "in",
        _ => name.trim_matches('_'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> Vec<KindShape> {
        let member = |name: &str, ty: Ty| Member { name: name.into(), slot: ty.into() };
        let status = Slot { ty: Ty::Text, values: Arc::new(["full".into(), "draining".into()]) };
        let members = vec![
            member("size", Ty::Int),
            member("flag", Ty::Bool),
            Member { name: "status".into(), slot: status },
            member("next", Ty::Resource(KindIx(0))),
            member("all", Ty::list(Ty::Resource(KindIx(0)))),
        ];
        vec![KindShape { name: "box".into(), members }]
    }

    fn check(source: &str) -> Result<(Expr, Ty), ExprError> {
        let shapes = shapes();
        let mode = Slot { ty: Ty::Text, values: Arc::new(["fast".into(), "slow".into()]) };
        let input = [
            Member { name: "Mode".into(), slot: mode },
            Member { name: "Count".into(), slot: Ty::Int.into() },
            Member { name: "Names".into(), slot: Ty::list(Ty::Text).into() },
        ];
        let one = Ty::Resource(KindIx(0));
        let scope = Scope::new(&shapes).input(&input).with("box", one.clone()).with("boxes", Ty::list(one));
        Expr::compile(source, &scope)
    }

    fn ty(source: &str) -> Ty {
        check(source).unwrap_or_else(|e| panic!("{source}: {e}")).1
    }

    /// What is wrong with an expression, with the part of it that the error points at.
    fn wrong(source: &str) -> (ExprProblem, &str) {
        let error = check(source).map(|(_, ty)| ty).expect_err(source);
        (error.problem, &source[error.range])
    }

    #[test]
    fn types_are_inferred() {
        let one = || Ty::Resource(KindIx(0));
        for (source, expected) in [
            ("true && box.flag", Ty::Bool),
            ("box.size + 1 > input.Count ? 'a' : 'b'", Ty::Text),
            ("box.next.next", one()),
            ("boxes.filter(b, b.flag)", Ty::list(one())),
            ("boxes.map(b, b.size)", Ty::list(Ty::Int)),
            ("boxes.map(b, b.flag, b.status)", Ty::list(Ty::Text)),
            ("boxes.exists(b, b.all.all(c, c.next == b))", Ty::Bool),
            ("boxes.exists_one(b, b == box)", Ty::Bool),
            ("boxes[0]", one()),
            ("[box] + box.all", Ty::list(one())),
            ("size(boxes) - 1", Ty::Int),
            ("input.Names.size()", Ty::Int),
            ("int('4') % 2", Ty::Int),
            ("has(input.Count) && box.live", Ty::Bool),
            ("box.next == null || null != box.size", Ty::Bool),
            ("anything", Ty::Any),
            ("anything == 1 && anything == 'a'", Ty::Bool),
            ("'a' in input.Names && box in boxes", Ty::Bool),
            ("string(box.size) + 's'", Ty::Text),
            ("true ? null : box", one()),
            ("box.status.startsWith('dr')", Ty::Bool),
        ] {
            assert_eq!(ty(source), expected, "{source}");
        }
    }

    #[test]
    fn outer_variables_are_told_from_those_of_comprehensions() {
        let (expr, _) = check("boxes.exists(b, b.size > input.Count) && box.flag").unwrap();
        let variables: Vec<&str> = expr.variables().iter().map(|v| &**v).collect();
        assert_eq!(variables, ["box", "boxes", "input"]);
        assert!(expr.reads("box") && !expr.reads("b"));
    }

    #[test]
    fn a_comprehension_can_hide_an_outer_variable() {
        let (expr, _) = check("input.Names.exists(box, box == 'a')").unwrap();
        assert!(!expr.reads("box"));
    }

    #[test]
    fn a_value_that_a_place_never_has_is_found_wherever_it_stands() {
        for source in [
            "box.status == 'drained'",
            "'drained' != box.status",
            "box.status in ['full', 'drained']",
            "boxes.exists(b, b.status == 'drained')",
            "boxes.map(b, b.status).exists(s, s == 'drained')",
            "boxes[0].next.status == (box.flag ? 'full' : 'drained')",
        ] {
            assert_eq!(wrong(source), (ExprProblem::NeverThat("drained".into()), "'drained'"), "{source}");
        }
        assert_eq!(wrong("input.Mode == 'quick'").1, "'quick'");
    }

    #[test]
    fn an_operand_of_another_type_is_pointed_at() {
        for (source, at) in [
            ("!box.size", "box.size"),
            ("box.flag && box.status", "box.status"),
            ("boxes.all(b, b.size)", "b.size"),
            ("box.flag + 1", "box.flag"),
            ("-box.status", "box.status"),
            ("box.size ? 1 : 2", "box.size"),
            ("box < box.next", "box"),
            ("'a' in box", "box"),
            ("box.size.startsWith('a')", "box.size"),
            ("null && true", "null"),
        ] {
            assert_eq!(wrong(source).1, at, "{source}");
        }
    }

    #[test]
    fn values_that_are_never_the_same_are_not_compared() {
        for source in ["box.size == 'a'", "box == 1", "boxes == box", "1 in input.Names", "input == 1", "[1] == ['a']"]
        {
            assert!(matches!(wrong(source).0, ExprProblem::Apart { .. }), "{source}");
        }
    }

    #[test]
    fn names_that_there_are_not_are_pointed_at() {
        assert_eq!(wrong("bx.flag"), (ExprProblem::UnknownVariable("bx".into()), "bx"));
        assert_eq!(wrong("box.next.flog").1, "flog");
        assert_eq!(wrong("input.Cuont > 1").1, "Cuont");
        assert_eq!(wrong("box.status.length > 1").1, "length");
        assert_eq!(wrong("boxes.any(b, b.flag)"), (ExprProblem::UnknownFunction("any".into()), "any"));
        assert_eq!(wrong("size(boxes, 1) == 1"), (ExprProblem::Arguments("size".into()), "size"));
        assert_eq!(wrong("{'a': 1} == box").0, ExprProblem::Map);
    }

    #[test]
    fn a_variable_of_a_comprehension_is_not_known_outside() {
        assert_eq!(wrong("boxes.exists(b, b.flag) && b.flag").0, ExprProblem::UnknownVariable("b".into()));
    }

    #[test]
    fn an_expression_that_is_none_is_refused() {
        for source in ["", "box.", "box &&", "1 +", "(box", "box = 1", "\u{0}"] {
            assert!(matches!(wrong(source).0, ExprProblem::Syntax(_)), "{source:?}");
        }
        let long = "!".repeat(LONGEST + 1);
        assert_eq!(wrong(&long).0, ExprProblem::TooLong(LONGEST + 1));
        let deep = format!("{}box.flag{}", "(".repeat(2000), ")".repeat(2000));
        assert!(matches!(wrong(&deep).0, ExprProblem::Syntax(_)));
    }

    #[test]
    fn a_place_is_never_in_the_middle_of_a_letter() {
        for source in ["'ä' == bx", "box.status == 'gelöscht' || bx", "ä", "'ä' + "] {
            let _ = wrong(source);
        }
    }
}
