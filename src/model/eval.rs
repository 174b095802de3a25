//! The specs' expressions, evaluated in a world.
//!
//! Resources are handed to CEL as values that look their fields up when an expression asks for them, so that nothing
//! is copied for a guard that reads one field. A field that nobody has seen yet makes the whole expression *undecided*
//! unless the rest of it settles the answer; the caller then allows both.

use std::{any::Any, cell::RefCell, sync::Arc};

use cel::{
    Context, Env, ExecutionError,
    common::{
        ast::{Expr as Node, IdedExpr},
        traits::{Container, Indexer},
        types::{CelBool, CelInt, CelList, CelNull, CelString, Type},
        value::{CowVal, StaticVal, Val},
    },
    context::VariableResolver,
    objects::Value as CelValue,
};
use regex::Regex;
use rustc_hash::FxHashMap;

use super::{
    input::{Input, InputValue, member},
    value::{Handle, Value},
    world::World,
};
use crate::spec::{
    expr::{ANYTHING, Expr, INPUT, Part, REGION},
    law::Law,
};

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvalFailure {
    /// It depends on something that nobody has seen.
    Undecided,
    /// It reads something that is not there: an absent parameter, a field of nothing.
    Absent,
    /// It went wrong in a way that loading the specs should have ruled out.
    Broken(String),
}

/// The functions of CEL, with a `matches` that compiles a pattern once: the library's own would do so at every call,
/// and that would cost more than everything else together.
fn environment() -> Env {
    let mut env = Env::stdlib();
    // Without the library's feature `regex` there is none of that name yet, so that both can be added.
    let _ = cel::add_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>);
    let _ = cel::add_member_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>);
    env
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    thread_local! {
        static COMPILED: RefCell<FxHashMap<String, Regex>> = RefCell::default();
    }
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(regex) = compiled.get(pattern.inner()) {
            return Ok(CelBool::from(regex.is_match(text.inner())));
        }
        let regex = Regex::new(pattern.inner()).map_err(|e| ExecutionError::function_error("matches", e))?;
        let found = regex.is_match(text.inner());
        // A pattern may be put together from an argument; those should not pile up.
        if compiled.len() >= MOST_PATTERNS {
            compiled.clear();
        }
        compiled.insert(pattern.inner().to_owned(), regex);
        Ok(CelBool::from(found))
    })
}

/// How many compiled patterns a thread keeps.
const MOST_PATTERNS: usize = 256;

/// What an expression can see.
#[derive(Clone)]
pub struct Scope {
    /// The law.
    pub law: Arc<Law>,
    /// The world.
    pub world: Arc<World>,
    /// The request's arguments.
    pub input: Arc<Input>,
    /// The names and values of the variables.
    pub vars: Vec<(Arc<str>, Value)>,
}

impl Scope {
    /// Sets a variable.
    pub fn bind(&mut self, name: &Arc<str>, value: Value) {
        match self.vars.iter_mut().find(|(n, _)| n == name) {
            Some((_, v)) => *v = value,
            None => self.vars.push((name.clone(), value)),
        }
    }

    /// The same with one more variable, which hides one of the same name.
    pub fn with(&self, name: &'static str, value: Value) -> View<'_> {
        View { more: Some((name, value)), ..self.view() }
    }

    fn view(&self) -> View<'_> {
        View { scope: self, more: None, input: InputVal(self.input.members()) }
    }

    /// Evaluates an expression.
    pub fn eval(&self, expr: &Expr) -> Result<Value, EvalFailure> {
        self.view().eval(expr)
    }

    /// How many of the conditions that an expression joins by `&&` hold.
    pub fn holding_parts(&self, expr: &Expr) -> usize {
        expr.parts().iter().filter(|part| self.part(part) == Ok(true)).count()
    }

    /// Evaluates one of the conditions that an expression joins by `&&`.
    pub fn part(&self, part: &Part) -> Result<bool, EvalFailure> {
        self.view().part(part)
    }

    /// Evaluates a condition; what it cannot read because it is not there counts as false.
    pub fn holds(&self, expr: &Expr) -> Result<bool, EvalFailure> {
        self.view().holds(expr)
    }

    /// Evaluates an expression that yields a resource or a list of them.
    pub fn resources(&self, expr: &Expr) -> Result<Vec<Handle>, EvalFailure> {
        match self.eval(expr)? {
            Value::Ref(h) => Ok(vec![h]),
            Value::List(list) => list
                .iter()
                .map(|v| match v {
                    Value::Ref(h) => Ok(*h),
                    other => Err(EvalFailure::Broken(format!("{other} is not a resource"))),
                })
                .collect(),
            Value::Null => Ok(Vec::new()),
            other => Err(EvalFailure::Broken(format!("{other} is not a resource"))),
        }
    }
}

/// Several conditions joined as CEL's `&&` joins them: one that does not hold settles it, whatever goes wrong with the
/// others. What cannot be read because it is not there does not hold.
pub fn all(parts: impl Iterator<Item = Result<bool, EvalFailure>>) -> Result<bool, EvalFailure> {
    let mut failure = None;
    for part in parts {
        match part {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(why) => failure = Some(why),
        }
    }
    match failure {
        None => Ok(true),
        Some(EvalFailure::Absent) => Ok(false),
        Some(why) => Err(why),
    }
}

/// A scope as one expression sees it.
pub struct View<'s> {
    scope: &'s Scope,
    /// One more variable.
    more: Option<(&'static str, Value)>,
    input: InputVal<'s>,
}

impl View<'_> {
    /// Evaluates an expression.
    pub fn eval(&self, expr: &Expr) -> Result<Value, EvalFailure> {
        self.eval_node(expr.evaluated())
    }

    /// Evaluates a condition; what it cannot read because it is not there counts as false.
    pub fn holds(&self, expr: &Expr) -> Result<bool, EvalFailure> {
        all(expr.parts().iter().map(|part| self.part(part)))
    }

    fn part(&self, part: &Part) -> Result<bool, EvalFailure> {
        match part {
            Part::Given(name, given) => Ok(self.scope.input.get(name).is_some() == *given),
            Part::Holds(node) => match self.eval_node(node)? {
                Value::Bool(holds) => Ok(holds),
                other => Err(EvalFailure::Broken(format!("{other} is not a condition"))),
            },
        }
    }

    fn eval_node(&self, node: &IdedExpr) -> Result<Value, EvalFailure> {
        thread_local! {
            static ENV: Arc<Env> = Arc::new(environment());
        }
        // A variable by itself needs no evaluation.
        if let Node::Ident(name) = &node.expr
            && let Some(value) = self.variable(name)
        {
            return if *value == Value::Unknown || *value == Value::Anything {
                Err(EvalFailure::Undecided)
            } else {
                Ok(value.clone())
            };
        }
        let mut context = Context::with_env(ENV.with(Arc::clone));
        context.set_variable_resolver(self);
        match CelValue::resolve_val(node, &context) {
            Ok(value) => from_cel(&*value)
                .ok_or_else(|| EvalFailure::Broken(format!("a value of type {}", value.get_type().name()))),
            Err(error) => Err(failure(&error)),
        }
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        match &self.more {
            Some((more, value)) if *more == name => Some(value),
            _ => self.scope.vars.iter().find(|(n, _)| &**n == name).map(|(_, value)| value),
        }
    }
}

const UNDECIDED: &str = "undecided";

fn failure(error: &ExecutionError) -> EvalFailure {
    match error {
        ExecutionError::FunctionError { function, .. } if function == UNDECIDED => EvalFailure::Undecided,
        ExecutionError::NoSuchKey(_) => EvalFailure::Absent,
        // Selecting from null: the reference points to nothing.
        ExecutionError::NoSuchOverload(e) if e.argument_types().first().is_some_and(|t| t.starts_with("null")) => {
            EvalFailure::Absent
        }
        other => EvalFailure::Broken(other.to_string()),
    }
}

impl VariableResolver for View<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let scope = self.scope;
        match variable {
            INPUT => Some(CowVal::Borrowed(&self.input)),
            ANYTHING => Some(CowVal::Borrowed(&AnythingVal)),
            REGION => Some(CowVal::owned(CelString::from(scope.law.region.as_str()))),
            _ => match self.variable(variable)? {
                Value::Text(text) => Some(CowVal::owned(CelString::from(&**text))),
                value => to_cel(value, &scope.law, &scope.world).ok(),
            },
        }
    }
}

fn to_cel<'b, 'v>(value: &Value, law: &Arc<Law>, world: &Arc<World>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    Ok(match value {
        Value::Null => CowVal::Borrowed(&CelNull),
        Value::Unknown | Value::Anything => return Err(ExecutionError::function_error(UNDECIDED, "not seen yet")),
        Value::Bool(b) => truth(*b),
        Value::Int(i) => CowVal::owned(CelInt::from(*i)),
        Value::Text(t) => CowVal::owned(CelString::from(t.to_string())),
        Value::Ref(h) => CowVal::owned(ResourceVal { law: law.clone(), world: world.clone(), handle: *h }),
        Value::List(l) => {
            let items =
                l.iter().map(|v| to_cel(v, law, world).map(CowVal::into_owned)).collect::<Result<Vec<_>, _>>()?;
            CowVal::owned(CelList::from(items))
        }
    })
}

/// A truth value, borrowed.
fn truth<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::Borrowed(if value { &CelBool::TRUE } else { &CelBool::FALSE })
}

fn from_cel(value: &dyn Val) -> Option<Value> {
    if let Some(b) = value.downcast_ref::<CelBool>() {
        return Some(Value::Bool(*b.inner()));
    }
    if let Some(resource) = value.downcast_ref::<ResourceVal>() {
        return Some(Value::Ref(resource.handle));
    }
    if let Some(i) = value.downcast_ref::<CelInt>() {
        return Some(Value::Int(*i.inner()));
    }
    if let Some(s) = value.downcast_ref::<CelString>() {
        return Some(Value::Text(s.inner().into()));
    }
    if value.downcast_ref::<CelNull>().is_some() {
        return Some(Value::Null);
    }
    if value.downcast_ref::<AnythingVal>().is_some() {
        return Some(Value::Anything);
    }
    if let Some(list) = value.downcast_ref::<CelList>() {
        return list.inner().iter().map(|v| from_cel(&**v)).collect::<Option<Vec<_>>>().map(|l| Value::List(l.into()));
    }
    None
}

static RESOURCE: Type = Type::new_unspecified_type("resource");
static ARGUMENTS: Type = Type::new_unspecified_type("input");
static ANY_TYPE: Type = Type::new_unspecified_type("anything");

/// A resource as CEL sees it.
#[derive(Clone)]
struct ResourceVal {
    law: Arc<Law>,
    world: Arc<World>,
    handle: Handle,
}

impl std::fmt::Debug for ResourceVal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "resource {}", self.handle.0)
    }
}

impl Val for ResourceVal {
    fn get_type(&self) -> &Type {
        &RESOURCE
    }
    fn cel_type() -> &'static Type {
        &RESOURCE
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn equals(&self, other: &dyn Val) -> bool {
        other.downcast_ref::<ResourceVal>().is_some_and(|o| o.handle == self.handle)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
impl StaticVal for ResourceVal {}

impl Indexer for ResourceVal {
    fn get<'b, 'v>(&'b self, field: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = text_of(field);
        let Some(resource) = self.world.get(self.handle) else {
            return Err(ExecutionError::function_error(UNDECIDED, "forgotten"));
        };
        if name == "live" {
            return Ok(truth(resource.live));
        }
        let Some(field) = self.law[resource.kind].field(name) else {
            return Err(ExecutionError::no_such_key(name));
        };
        to_cel(&self.world.read(&self.law, self.handle, field), &self.law, &self.world)
    }

    fn steal<'v>(self: Box<Self>, field: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(field).map(CowVal::into_owned)
    }
}

/// A request's arguments, or the members of one, as CEL sees them.
#[derive(Clone, Copy, Debug)]
struct InputVal<'i>(&'i [(Arc<str>, InputValue)]);

impl Val for InputVal<'_> {
    fn get_type(&self) -> &Type {
        &ARGUMENTS
    }
    fn cel_type() -> &'static Type {
        &ARGUMENTS
    }
    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }
    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(*self)
    }
}

impl Container for InputVal<'_> {
    fn contains(&self, name: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(member(self.0, text_of(name)).is_some())
    }
}

impl Indexer for InputVal<'_> {
    fn get<'b, 'v>(&'b self, name: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = text_of(name);
        match member(self.0, name) {
            Some(value) => Ok(input_to_cel(value)),
            None => Err(ExecutionError::no_such_key(name)),
        }
    }

    fn steal<'v>(self: Box<Self>, name: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(name).map(CowVal::into_owned)
    }
}

fn text_of(value: &dyn Val) -> &str {
    value.downcast_ref::<CelString>().map(|s| s.inner()).unwrap_or_default()
}

fn input_to_cel<'b, 'v, 'i: 'v>(value: &'i InputValue) -> CowVal<'b, 'v> {
    match value {
        InputValue::Text(t) => CowVal::owned(CelString::from(&**t)),
        InputValue::Int(i) => CowVal::owned(CelInt::from(*i)),
        InputValue::Bool(b) => truth(*b),
        InputValue::List(l) => {
            let items: Vec<Box<dyn Val + 'v>> = l.iter().map(|v| input_to_cel(v).into_owned()).collect();
            CowVal::owned(CelList::from(items))
        }
        InputValue::Struct(members) => CowVal::owned(InputVal(members)),
    }
}

/// The variable `anything`: a value that is not judged.
#[derive(Clone, Debug)]
struct AnythingVal;

impl Val for AnythingVal {
    fn get_type(&self) -> &Type {
        &ANY_TYPE
    }
    fn cel_type() -> &'static Type {
        &ANY_TYPE
    }
    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(AnythingVal)
    }
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}
impl StaticVal for AnythingVal {}
