//! Recipes as scripts for the tools that people have.
//!
//! What a tool is called and how it is made to send a request stands in the protocol's room
//! ([`mod@crate::wire::tools`]); what it is to send, and what to look for, in the [`Recipe`].

use std::fmt::Write;

use super::{
    recipe::{Arg, Ask, Check, Part, Phase, Place, Recipe},
    terminal::plain,
};
use crate::{
    spec::{
        file::{ScalarType, WireFault},
        law::{Law, OperationIx, Param},
    },
    wire::{
        Request, Tree, flat,
        tools::{Language, PYTHON_BEGINNING, SHELL_BEGINNING, Tool, tools},
    },
};

/// How long a script waits for a change unless its user says otherwise, in seconds.
const WAIT: &str = "60";

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Its file name.
    pub file: &'static str,
    /// The tool that it is for.
    pub tool: &'static str,
    /// Its text; or why there is none.
    pub text: Result<String, &'static str>,
}

/// What a script says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The rule's id.
    pub rule: &'a str,
    /// Its statement.
    pub says: &'a str,
    /// What the law allows.
    pub allowed: &'a str,
    /// What came.
    pub came: &'a str,
    /// The steps.
    pub steps: &'a [String],
    /// The server that it was found at.
    pub endpoint: &'a str,
}

/// A script for each tool of the law's protocol.
pub fn scripts(law: &Law, recipe: &Recipe, about: About<'_>) -> Vec<Script> {
    let script = |tool: &'static Tool| Script {
        file: tool.file,
        tool: tool.name,
        text: cannot(law, recipe, tool).map_or_else(|| Ok(render(law, recipe, about, tool)), Err),
    };
    tools(law.wire.protocol).iter().map(script).collect()
}

/// Why a tool cannot do what a recipe says, if so.
fn cannot(law: &Law, recipe: &Recipe, tool: &Tool) -> Option<&'static str> {
    let typed = matches!(tool.language, Language::ShellJson | Language::PythonMembers);
    let pieces = asks(recipe).flat_map(|ask| ask.args.iter().map(move |(name, arg)| (ask.operation, name, arg)));
    for (operation, name, arg) in pieces.filter(|_| typed) {
        let Some(ix) = law[operation].param(name) else {
            return Some("it sends no parameter that an operation does not have");
        };
        if !has_type(&law[operation].params[ix as usize], arg) {
            return Some("it sends no value of another type than the documented one");
        }
    }
    for check in asks(recipe).flat_map(|ask| &ask.checks) {
        match check {
            Check::Form(fault) if !tool.raw || form_check(law, *fault, "").is_none() => {
                return Some("it does not show the form of an answer");
            }
            Check::Status(_) if !tool.status => return Some("it does not show the status of an answer"),
            _ => {}
        }
    }
    None
}

/// True if a tool that knows the type of a parameter sends this value as it stands.
fn has_type(param: &Param, arg: &Arg) -> bool {
    scalar_has_type(param.kind, param.of, &param.fields, arg)
}

fn scalar_has_type(kind: ScalarType, of: Option<ScalarType>, fields: &[Param], arg: &Arg) -> bool {
    match (kind, arg) {
        (ScalarType::List, Arg::List(items)) => {
            items.iter().all(|item| scalar_has_type(of.unwrap_or(ScalarType::String), None, fields, item))
        }
        (ScalarType::Struct, Arg::Struct(members)) => members
            .iter()
            .all(|(name, arg)| fields.iter().find(|f| f.name == *name).is_some_and(|field| has_type(field, arg))),
        (ScalarType::Integer, Arg::Text(text)) => text.parse::<i64>().is_ok(),
        (ScalarType::Boolean, Arg::Text(text)) => matches!(&**text, "true" | "false"),
        (ScalarType::Integer | ScalarType::Boolean | ScalarType::List | ScalarType::Struct, _) => false,
        (ScalarType::String | ScalarType::Timestamp, Arg::List(_) | Arg::Struct(_)) => false,
        (ScalarType::String | ScalarType::Timestamp, _) => true,
    }
}

fn asks(recipe: &Recipe) -> impl Iterator<Item = &Ask> {
    recipe.parts.iter().flat_map(|part| match part {
        Phase::Ask(ask) => std::slice::from_ref(ask),
        Phase::Until(asks) => asks.as_slice(),
    })
}

fn render(law: &Law, recipe: &Recipe, about: About<'_>, tool: &Tool) -> String {
    let mut out = String::new();
    let shell = matches!(tool.language, Language::ShellPairs | Language::ShellJson);
    // Writing to a string does not fail.
    let _ = if shell {
        shell_script(&mut out, law, recipe, about, tool)
    } else {
        python(&mut out, law, recipe, about, tool)
    };
    let credentials = &law.credentials;
    let name = |variable: &Option<String>, usual: &str| variable.clone().unwrap_or_else(|| usual.to_owned());
    let endpoint = if about.endpoint.contains("://") { about.endpoint } else { "http://127.0.0.1:5000" };
    for (mark, text) in [
        ("{{endpoint}}", endpoint.to_owned()),
        ("{{endpoint-text}}", quoted_python(endpoint)),
        ("{{region}}", quoted_shell(&law.region)),
        ("{{region-text}}", quoted_python(&law.region)),
        ("{{key}}", name(&credentials.access_key, "EIPCHECK_KEY")),
        ("{{secret}}", name(&credentials.secret_key, "EIPCHECK_SECRET")),
        ("{{token}}", name(&credentials.session_token, "EIPCHECK_TOKEN")),
        ("{{wait}}", WAIT.to_owned()),
        ("{{test}}", about.rule.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_lowercase()),
    ] {
        out = out.replace(mark, &text);
    }
    out
}

/// True if what the rule is about is looked for among everything that the server holds.
fn looks_at_everything(law: &Law, recipe: &Recipe) -> bool {
    let last = asks(recipe).last();
    last.is_some_and(|ask| law[ask.operation].reads && ask.args.is_empty())
}

/// What a script is about, as lines.
fn heading(law: &Law, recipe: &Recipe, about: About<'_>, tool: &Tool) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", about.rule, about.says)];
    lines.push(format!("With {}. The law allows: {}", tool.name, about.allowed));
    lines.push(format!("What came: {}", about.came));
    lines.push("usage: the server's address is the first argument, or EIPCHECK_ENDPOINT".to_owned());
    lines.push(
        "exit code: 0 as the law wants it, 1 the rule is broken, 2 it could not be told; nothing is deleted".to_owned(),
    );
    if looks_at_everything(law, recipe) {
        lines.push("it looks at everything there is: wants a server that holds nothing else".to_owned());
    }
    lines.push("made by eipcheck".to_owned());
    lines.into_iter().map(|line| plain(&line).into_owned()).collect()
}

/// True for the part that the rule is about.
fn is_last(recipe: &Recipe, place: usize) -> bool {
    place + 1 == recipe.parts.len()
}

// --- Shell -------------------------------------------------------------------------------------------------------------

fn shell_script(out: &mut String, law: &Law, recipe: &Recipe, about: About<'_>, tool: &Tool) -> std::fmt::Result {
    writeln!(out, "#!/usr/bin/env bash")?;
    for line in heading(law, recipe, about, tool) {
        writeln!(out, "# {line}")?;
    }
    out.push_str(SHELL_BEGINNING);
    out.push_str(tool.ask);
    writeln!(out)?;
    for number in &recipe.tokens {
        writeln!(out, "token_{number}=eipcheck-$$-$(date +%s)-{number}")?;
    }
    for (place, part) in recipe.parts.iter().enumerate() {
        let otherwise = if is_last(recipe, place) { "fail" } else { "stop" };
        match part {
            Phase::Ask(ask) => {
                shell_ask(out, law, ask, tool, "")?;
                for check in &ask.checks {
                    let (text, words) = shell_check(law, ask.operation, check, tool);
                    writeln!(out, "{text} || {otherwise} {}", quoted_shell(&words))?;
                }
                shell_takes(out, ask, tool, "")?;
            }
            Phase::Until(asks) => {
                writeln!(out, "for ((waited = 0; ; waited++)); do\n    settled=1")?;
                for ask in asks {
                    shell_ask(out, law, ask, tool, "    ")?;
                    for check in &ask.checks {
                        writeln!(out, "    {} || settled=", shell_check(law, ask.operation, check, tool).0)?;
                    }
                    shell_takes(out, ask, tool, "    ")?;
                }
                writeln!(out, "    [[ -z $settled ]] || break")?;
                let words = quoted_shell("what was under way has not happened in time");
                writeln!(out, "    ((waited < limit)) || {otherwise} {words}\n    sleep 1\ndone")?;
            }
        }
    }
    out.push_str(tool.end);
    Ok(())
}

fn shell_ask(out: &mut String, law: &Law, ask: &Ask, tool: &Tool, indent: &str) -> std::fmt::Result {
    let operation = &law[ask.operation];
    let product = &law[operation.product];
    write!(out, "{indent}ask {}", quoted_shell(&product.service))?;
    if tool.language == Language::ShellJson {
        let mut json = String::new();
        json_of(&mut json, &operation.params, &ask.args);
        return writeln!(out, " {} {}", kebab(&operation.name), with_variables(&quoted_shell(&json)));
    }
    write!(out, " {} {}", quoted_shell(&product.version), operation.name)?;
    for (name, value) in pairs(law, ask) {
        write!(out, " \\\n{indent}    {}", with_variables(&quoted_shell(&format!("{name}={value}"))))?;
    }
    writeln!(out)
}

fn shell_takes(out: &mut String, ask: &Ask, tool: &Tool, indent: &str) -> std::fmt::Result {
    for (name, place) in &ask.takes {
        let (element, nth) = shell_place(place, tool);
        writeln!(out, "{indent}{name}=$(value {element} {nth})")?;
        if indent.is_empty() {
            writeln!(out, "[[ -n ${name} ]] || stop {}", quoted_shell(&format!("the answer has no {element}")))?;
        }
    }
    Ok(())
}

fn shell_place<'p>(place: &'p Place, tool: &Tool) -> (&'p str, usize) {
    let (name, nth) = if tool.language == Language::ShellJson { &place.member } else { &place.element };
    (name, *nth)
}

/// A check as a command, and what it looks for in words.
fn shell_check(law: &Law, operation: OperationIx, check: &Check, tool: &Tool) -> (String, String) {
    let arg = |arg: &Arg| with_variables(&quoted_shell(&marked(arg)));
    let all = |args: &[Arg]| args.iter().map(arg).collect::<Vec<_>>().join(" ");
    let place = |place: &Place| {
        let (name, nth) = shell_place(place, tool);
        format!("{name} {nth}")
    };
    let words = words(check);
    let text = match check {
        Check::Accepted => "accepted".to_owned(),
        Check::Refused(codes) => {
            codes.iter().fold("refused".to_owned(), |text, code| format!("{text} {}", quoted_shell(code)))
        }
        Check::Status(statuses) => {
            statuses.iter().fold("status_in".to_owned(), |text, status| format!("{text} {status}"))
        }
        Check::Holds(text) => format!("holds {}", arg(text)),
        Check::Lacks(text) => format!("lacks {}", arg(text)),
        Check::Is(at, values) => format!("is {} {}", place(at), all(values)),
        Check::IsNot(at, value) => format!("is_not {} {}", place(at), arg(value)),
        Check::Missing(at) => format!("missing {}", place(at)),
        Check::Form(fault) => {
            let pattern = form_check(law, *fault, &law[operation].name).unwrap_or_default();
            format!("grep -qE {} <<<\"$body\"", quoted_shell(&pattern))
        }
    };
    (text, words)
}

/// What an answer without a fault of form looks like, as an extended regular expression; none if none tells.
fn form_check(law: &Law, fault: WireFault, operation: &str) -> Option<String> {
    Some(match fault {
        WireFault::NoRequestId => "(<requestId>[^<]|<RequestId>[^<]|\"RequestId\" *: *\"[^\"])".to_owned(),
        WireFault::NoErrorRequestId => "(<RequestI[Dd]>[^<]|\"RequestId\" *: *\"[^\"])".to_owned(),
        WireFault::RootElement => format!("^<{operation}Response[ >]"),
        WireFault::Namespace => format!("xmlns=\"{}\"", law.wire.namespace.as_ref()?.trim_end_matches('/')),
        WireFault::ErrorEnvelope if law.wire.namespace.is_some() => {
            "<Response>.*<Errors>.*<Error>.*<Code>.*</Error>.*</Errors>".to_owned()
        }
        WireFault::NoHostId => "(<HostId>[^<]|\"HostId\" *: *\"[^\"])".to_owned(),
        WireFault::NoRecommend => "(<Recommend>[^<]|\"Recommend\" *: *\"[^\"])".to_owned(),
        WireFault::RequestIdForm => "[>\"][0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}[<\"]".to_owned(),
        _ => return None,
    })
}

/// The arguments of a request as pairs, with marks where variables stand.
fn pairs(law: &Law, ask: &Ask) -> Vec<(String, String)> {
    let args = ask.args.iter().map(|(name, arg)| (name.clone(), tree(arg))).collect();
    let mut pairs = Vec::new();
    flat::write(law, &Request::new(law, ask.operation, args), &mut |name, value| {
        pairs.push((name.to_owned(), value.to_owned()));
    });
    pairs
}

/// What a variable stands between, in a text that is still to be quoted: characters that nobody uses for anything.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

fn marked(arg: &Arg) -> String {
    match arg {
        Arg::Text(text) => text.replace([OPEN, CLOSE], ""),
        Arg::Var(name) => format!("{OPEN}{name}{CLOSE}"),
        Arg::Token(number) => format!("{OPEN}token_{number}{CLOSE}"),
        Arg::List(items) => items.iter().map(marked).collect::<Vec<_>>().join(","),
        Arg::Struct(_) => String::new(),
    }
}

fn tree(arg: &Arg) -> Tree {
    match arg {
        Arg::List(items) => Tree::List(items.iter().map(tree).collect()),
        Arg::Struct(members) => Tree::Struct(members.iter().map(|(n, a)| (n.clone(), tree(a))).collect()),
        scalar => Tree::text(marked(scalar)),
    }
}

fn quoted_shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Marks within single quotes as variables within double quotes.
fn with_variables(quoted: &str) -> String {
    quoted.replace(OPEN, "'\"$").replace(CLOSE, "\"'").replace("''\"", "\"").replace("\"''", "\"")
}

/// `DescribeThings` as `describe-things`; a run of capitals is one word.
fn kebab(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (place, letter) in letters.iter().enumerate() {
        let after_small = place > 0 && !letters[place - 1].is_ascii_uppercase();
        let before_small = place > 0 && letters.get(place + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (after_small || before_small) {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// Members as a JSON object, each value of its type.
fn json_of(out: &mut String, params: &[Param], members: &[(std::sync::Arc<str>, Arg)]) {
    out.push('{');
    for (place, (name, arg)) in members.iter().enumerate() {
        let param = params.iter().find(|p| p.name == *name);
        let (kind, of) = param.map_or((ScalarType::String, None), |p| (p.kind, p.of));
        let _ = write!(out, "{}{}:", if place > 0 { "," } else { "" }, json_text(name));
        json_value(out, kind, of, param.map_or(&[], |p| &p.fields), arg);
    }
    out.push('}');
}

fn json_value(out: &mut String, kind: ScalarType, of: Option<ScalarType>, fields: &[Param], arg: &Arg) {
    match arg {
        Arg::List(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { "," } else { "" });
                json_value(out, of.unwrap_or(ScalarType::String), None, fields, item);
            }
            out.push(']');
        }
        Arg::Struct(members) => json_of(out, fields, members),
        Arg::Text(text) if matches!(kind, ScalarType::Integer | ScalarType::Boolean) => out.push_str(text),
        scalar => out.push_str(&json_text(&marked(scalar))),
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A check in words.
fn words(check: &Check) -> String {
    let said = |args: &[Arg]| args.iter().map(said).collect::<Vec<_>>().join(" or ");
    match check {
        Check::Accepted => "the request should be accepted".to_owned(),
        Check::Refused(codes) if codes.is_empty() => "the request should be refused".to_owned(),
        Check::Refused(codes) => format!("the request should be refused with {}", codes.join(" or ")),
        Check::Status(statuses) => {
            let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
            format!("the status should be {}", statuses.join(" or "))
        }
        Check::Holds(arg) => format!("the answer should show {}", self::said(arg)),
        Check::Lacks(arg) => format!("the answer should not show {}", self::said(arg)),
        Check::Is(place, values) => format!("{} should be {}", place.member.0, said(values)),
        Check::IsNot(place, value) => format!("{} should not be {}", place.member.0, self::said(value)),
        Check::Missing(place) => format!("there should be no {}", place.member.0),
        Check::Form(fault) => format!("the answer should not have the fault {}", fault.name()),
    }
}

fn said(arg: &Arg) -> String {
    match arg {
        Arg::Text(text) => plain(text).into_owned(),
        Arg::Var(name) => name.clone(),
        Arg::Token(number) => format!("token_{number}"),
        Arg::List(items) => items.iter().map(said).collect::<Vec<_>>().join(", "),
        Arg::Struct(_) => String::new(),
    }
}

// --- Python ------------------------------------------------------------------------------------------------------------

fn python(out: &mut String, law: &Law, recipe: &Recipe, about: About<'_>, tool: &Tool) -> std::fmt::Result {
    writeln!(out, "#!/usr/bin/env python3")?;
    for line in heading(law, recipe, about, tool) {
        writeln!(out, "# {line}")?;
    }
    out.push_str(PYTHON_BEGINNING);
    out.push_str(tool.ask);
    writeln!(out, "\n\ndef check(ask):")?;
    for number in &recipe.tokens {
        writeln!(out, "    token_{number} = f\"eipcheck-{{uuid.uuid4().hex}}-{number}\"")?;
    }
    for (place, part) in recipe.parts.iter().enumerate() {
        let last = is_last(recipe, place);
        match part {
            Phase::Ask(ask) => {
                python_ask(out, law, ask, tool, "    ")?;
                for check in &ask.checks {
                    let text = python_check(check, tool);
                    match last {
                        true => writeln!(
                            out,
                            "    assert {text}, {} + f\"; came {{answer}}\"",
                            quoted_python(&words(check))
                        )?,
                        false => writeln!(out, "    require({text}, answer)")?,
                    }
                }
                python_takes(out, ask, tool, "    ")?;
            }
            Phase::Until(asks) => {
                writeln!(out, "    until = time.monotonic() + LIMIT\n    while True:\n        settled = True")?;
                for ask in asks {
                    python_ask(out, law, ask, tool, "        ")?;
                    for check in &ask.checks {
                        writeln!(out, "        settled = settled and {}", python_check(check, tool))?;
                    }
                }
                writeln!(out, "        if settled:")?;
                for ask in asks {
                    python_takes(out, ask, tool, "            ")?;
                }
                writeln!(out, "            break")?;
                writeln!(out, "        if time.monotonic() > until:")?;
                let wrong = if last { "AssertionError" } else { "Unclear" };
                writeln!(
                    out,
                    "            raise {wrong}(f\"what was under way has not happened in time: {{answer}}\")"
                )?;
                writeln!(out, "        time.sleep(1)")?;
            }
        }
    }
    out.push_str(tool.end);
    Ok(())
}

fn python_ask(out: &mut String, law: &Law, ask: &Ask, tool: &Tool, indent: &str) -> std::fmt::Result {
    let operation = &law[ask.operation];
    let product = &law[operation.product];
    let args = match tool.language {
        Language::PythonPairs => {
            let pairs = pairs(law, ask);
            let pairs = pairs.iter().map(|(n, v)| format!("{}: {}", quoted_python(n), python_text(v)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        _ => {
            let mut text = String::new();
            python_of(&mut text, &operation.params, &ask.args);
            text
        }
    };
    let (service, version) = (quoted_python(&product.service), quoted_python(&product.version));
    writeln!(out, "{indent}answer = ask({service}, {version}, {}, {args})", quoted_python(&operation.name))
}

fn python_takes(out: &mut String, ask: &Ask, tool: &Tool, indent: &str) -> std::fmt::Result {
    for (name, place) in &ask.takes {
        writeln!(out, "{indent}{name} = answer.taken({})", python_place(place, tool))?;
    }
    Ok(())
}

fn python_place(place: &Place, tool: &Tool) -> String {
    let path = if tool.language == Language::PythonPairs { &place.wire } else { &place.path };
    let part = |part: &Part| match part {
        Part::Name(name) => quoted_python(name),
        Part::Item(number) => number.to_string(),
    };
    path.iter().map(part).collect::<Vec<_>>().join(", ")
}

fn python_check(check: &Check, tool: &Tool) -> String {
    let arg = |arg: &Arg| python_text(&marked(arg));
    let place = |place: &Place| python_place(place, tool);
    match check {
        Check::Accepted => "answer.accepted()".to_owned(),
        Check::Refused(codes) => {
            let codes: Vec<String> = codes.iter().map(|code| quoted_python(code)).collect();
            format!("answer.refused({})", codes.join(", "))
        }
        Check::Status(statuses) => {
            let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
            format!("answer.status_in({})", statuses.join(", "))
        }
        Check::Holds(text) => format!("answer.holds({})", arg(text)),
        Check::Lacks(text) => format!("answer.lacks({})", arg(text)),
        Check::Is(at, values) => {
            format!("answer.at({}) in [{}]", place(at), values.iter().map(arg).collect::<Vec<_>>().join(", "))
        }
        Check::IsNot(at, value) => format!("answer.at({}) != {}", place(at), arg(value)),
        Check::Missing(at) => format!("answer.at({}) is None", place(at)),
        // No tool of this kind shows it, so that none is asked to.
        Check::Form(_) => "False".to_owned(),
    }
}

/// A text as Python writes it.
fn quoted_python(text: &str) -> String {
    // JSON's escapes are Python's as well.
    json_text(text)
}

/// The same with variables.
fn python_text(marked: &str) -> String {
    let mut parts = Vec::new();
    for (place, piece) in marked.split(OPEN).enumerate() {
        match piece.split_once(CLOSE).filter(|_| place > 0) {
            Some((name, rest)) => {
                parts.push(name.to_owned());
                if !rest.is_empty() {
                    parts.push(quoted_python(rest));
                }
            }
            None if piece.is_empty() => {}
            None => parts.push(quoted_python(piece)),
        }
    }
    if parts.is_empty() { "\"\"".to_owned() } else { parts.join(" + ") }
}

fn python_of(out: &mut String, params: &[Param], members: &[(std::sync::Arc<str>, Arg)]) {
    out.push('{');
    for (place, (name, arg)) in members.iter().enumerate() {
        let param = params.iter().find(|p| p.name == *name);
        let (kind, of) = param.map_or((ScalarType::String, None), |p| (p.kind, p.of));
        let _ = write!(out, "{}{}: ", if place > 0 { ", " } else { "" }, quoted_python(name));
        python_value(out, kind, of, param.map_or(&[], |p| &p.fields), arg);
    }
    out.push('}');
}

fn python_value(out: &mut String, kind: ScalarType, of: Option<ScalarType>, fields: &[Param], arg: &Arg) {
    match arg {
        Arg::List(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                python_value(out, of.unwrap_or(ScalarType::String), None, fields, item);
            }
            out.push(']');
        }
        Arg::Struct(members) => python_of(out, fields, members),
        Arg::Text(text) if kind == ScalarType::Integer => out.push_str(text),
        Arg::Text(text) if kind == ScalarType::Boolean => {
            out.push_str(if &**text == "true" { "True" } else { "False" })
        }
        scalar => out.push_str(&python_text(&marked(scalar))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_gets_out_of_its_quotes() {
        let evil = Arg::Text("a'b\"$(x)`\\\n".into());
        assert_eq!(with_variables(&quoted_shell(&marked(&evil))), "'a'\\''b\"$(x)`\\\n'");
        assert_eq!(python_text(&marked(&evil)), "\"a'b\\\"$(x)`\\\\\\n\"");
        assert_eq!(
            with_variables(&quoted_shell(&format!("Name={}", marked(&Arg::Var("it".into()))))),
            "'Name='\"$it\""
        );
        assert_eq!(python_text(&marked(&Arg::Var("it".into()))), "it");
        assert_eq!(quoted_shell("Name=é"), "'Name=é'");
    }

    #[test]
    fn an_operation_is_spelt_as_the_command_line_spells_it() {
        assert_eq!(kebab("DescribeThings"), "describe-things");
        assert_eq!(kebab("CreateABCThing"), "create-abc-thing");
    }
}
