//! The loader of specs, on a tiny made-up cloud: what a good law becomes, and what is said about a broken one.

use std::{fs, path::Path};

use eipcheck::spec::{
    Law, SpecErrors, SpecSource, clouds,
    file::{Defect, Level},
    law::{Change, Demand, Operation, OutputFrom, Param, ShownFrom},
    load,
};
use miette::{GraphicalReportHandler, GraphicalTheme};

const CLOUD: &str = r#"
format = 1
cloud = "tiny"
title = "A tiny cloud"
protocol = "ec2-query"
namespace = "http://tiny.example/"
region = "here-1"

[sources]
guide = { title = "The guide" }
errors = { title = "The error codes", url = "https://tiny.example/errors" }

[product.tiny]
title = "Tiny things"
version = "2016-11-15"

[codes]
throttled = ["Throttling"]

[dry-run]
parameter = "DryRun"
code = "DryRunOperation"

[[convention]]
defect = "required"
level = "should"
codes = ["MissingParameter"]
says = "{operation} refuses a request without {parameter}."
source = { text = "errors", at = "MissingParameter" }

[[convention]]
defect = "type"
level = "assumed"
says = "{operation} refuses a {parameter} of another type."
source = { text = "errors", at = "InvalidParameterValue" }

[[convention]]
defect = "range"
level = "should"
codes = ["InvalidParameterValue"]
says = "{operation} refuses a {parameter} outside its limits."
source = { text = "errors", at = "InvalidParameterValue" }

[[convention]]
defect = "undeclared"
level = "assumed"
codes = ["UnknownParameter"]
says = "{operation} refuses a parameter that it does not have."
source = { text = "errors", at = "UnknownParameter" }

[[wire]]
id = "tiny.request-id"
fault = "no-request-id"
level = "should"
says = "Every answer has a request id."
source = { text = "guide", at = "answers" }

[[reading]]
name = "drain"
question = "When is an address let go?"
choices = { early = "As soon as it is idle.", late = "At the end of the window." }
default = "late"
because = "The guide says so first."
source = { text = "guide", at = "paragraph 2" }
"#;

const RESOURCES: &str = r#"
[resource.box]
title = "box"
id = "box_id"
undo = ["DropBox"]
lingers = "self.status == 'dropped'"
unknown = { codes = ["InvalidBox.NotFound"], level = "should", source = { text = "errors", at = "InvalidBox.NotFound" } }
malformed = { codes = ["InvalidBox.Malformed"], level = "assumed", codes-level = "should", source = { text = "errors", at = "InvalidBox.Malformed" } }

[resource.box.field]
box_id = { kind = "id", mint = "box-{hex8}", pattern = "box-[0-9a-f]{8}" }
status = { kind = "state", values = ["full", "draining", "dropped"] }
size = { kind = "integer" }
balls = { kind = "inverse", of = "ball.box" }

[resource.box.view]
BoxId = { type = "string", shows = "box_id" }
State = { type = "string", wire = "status/name", shows = "status", level = "should" }
Balls = { type = "list", list = "balls" }
Full = { type = "boolean", value = "self.status == 'full'" }
Note = { type = "string" }

[resource.box.filter]
"box-id" = "box_id"

[resource.ball]
title = "ball"

[resource.ball.field]
serial = { kind = "chosen", mint = "10.0.0.{n}", unique = true }
box = { kind = "ref", to = "box" }

[resource.ball.view]
Serial = { type = "string", shows = "serial" }
BoxId = { type = "string", shows = ["box.box_id"] }
"#;

const MAKE: &str = r#"
operation = "MakeBox"
summary = "Makes a box with a ball in it."
source = "guide"
level = "must"

[input.Size]
type = "integer"
min = 1
max = 9
default = 3

[input.DryRun]
type = "boolean"
sent = "never"

[output.Box]
type = "struct"
view = "box"
of = "box"
later = ["Note"]

[output.BoxId]
type = "string"
shows = "box.box_id"

[[rule]]
id = "box-is-made"
level = "must"
says = "A box is made, full, with a ball in it."
source = { text = "guide", at = "paragraph 1" }

[[rule.effect]]
create = "box"
set = { status = "'full'", size = "input.Size" }

[[rule.effect]]
create = "ball"
as = "first_ball"
set = { box = "box" }
"#;

const DROP: &str = r#"
operation = "DropBox"
summary = "Drops a box."
source = "guide"
level = "must"

[input.BoxId]
type = "string"
required = true
names = "box"

[input.Spared]
type = "list"
of = "string"
wire = "SparedSerial"
names = "ball.serial"

[input.Delay]
type = "integer"

[[rule]]
id = "drop-while-draining"
level = "must"
says = "A box that drains cannot be dropped."
source = { text = "guide", at = "paragraph 2" }
refuse = "box.status == 'draining' || balls.exists(b, b.box != box)"
codes = ["IncorrectState", "Busy"]
codes-level = "should"
codes-source = { text = "errors", at = "IncorrectState" }

[[rule]]
id = "drop-drains"
level = "must"
says = "A dropped box drains."
source = { text = "guide", at = "paragraph 2" }

[[rule.effect]]
change = "box"
set = { status = "'draining'" }

[[rule]]
id = "drop-drops-late"
level = "should"
says = "A dropped box is gone at the end of its window."
source = { text = "guide", at = "paragraph 3" }
under = "drain=late"

[[rule.effect]]
each = "box.balls.filter(b, !(b in balls))"
delete = "it"

[[rule.effect]]
delete = "box"
after = { latest = "input.Delay", unless = "it.status == 'draining'" }

[[rule]]
id = "drop-drops-early"
level = "should"
says = "A dropped box is gone when it is idle."
source = { text = "guide", at = "paragraph 3" }
under = "drain=early"

[[rule.effect]]
delete = "box"
after = { at-once = true }

[[rule]]
id = "drop-keeps-spared"
level = "must"
says = "Balls that are spared stay."
source = { text = "guide", at = "paragraph 4" }
keeps = "balls"

[[open]]
id = "drop-twice"
says = "Can a box be dropped twice?"
because = "The guide does not say."
either = "box.status == 'dropped'"
"#;

const SHOW: &str = r#"
operation = "ShowBoxes"
summary = "Shows boxes."
source = "guide"
level = "should"

[input.BoxIds]
type = "list"
of = "string"
wire = "BoxId"
names = "box"
accepts-gone = true

[input.Filters]
type = "list"
of = "struct"
wire = "Filter"
filters = { name = "Name", values = "Values" }

[input.Filters.fields]
Name = { type = "string" }
Values = { type = "list", of = "string", wire = "Value" }

[output.Boxes]
type = "list"
wire = "boxSet"
view = "box"
selects = { by = ["BoxIds"], filter = "Filters" }
"#;

const FACTS: &str = r#"
[[fact]]
id = "draining"
about = "What draining boxes refuse."
rules = ["drop-*"]
reading = "drain"

[[fact]]
id = "weight"
about = "What a box weighs."
unchecked = "No operation shows it."
"#;

/// The tiny cloud, with some texts replaced in one of its files.
fn tiny(changes: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("operations")).unwrap();
    let files = [
        ("cloud.toml", CLOUD),
        ("resources.toml", RESOURCES),
        ("facts.toml", FACTS),
        ("operations/make_box.toml", MAKE),
        ("operations/drop_box.toml", DROP),
        ("operations/show_boxes.toml", SHOW),
    ];
    for (path, text) in files {
        let mut text = text.to_owned();
        for (_, from, to) in changes.iter().filter(|(p, _, _)| path.ends_with(p)) {
            assert!(text.contains(from), "{path} has no {from}");
            text = text.replacen(from, to, 1);
        }
        fs::write(dir.path().join(path), text).unwrap();
    }
    dir
}

fn load_from(dir: &Path, readings: &[(&str, &str)]) -> Result<Law, SpecErrors> {
    let readings: Vec<_> = readings.iter().map(|(n, c)| (n.to_string(), c.to_string())).collect();
    load(&SpecSource::Folder(dir.to_owned()), "tiny", &readings)
}

fn good(readings: &[(&str, &str)]) -> Law {
    let dir = tiny(&[]);
    load_from(dir.path(), readings).unwrap_or_else(|e| panic!("{}", shown(&e, dir.path())))
}

#[track_caller]
fn operation<'l>(law: &'l Law, name: &str) -> &'l Operation {
    &law[law.operation(name).unwrap()]
}

#[track_caller]
fn parameter<'o>(operation: &'o Operation, name: &str) -> &'o Param {
    &operation.params[operation.param(name).unwrap() as usize]
}

/// What is said about a cloud that is broken in this way.
fn said(path: &str, from: &str, to: &str) -> String {
    let dir = tiny(&[(path, from, to)]);
    match load_from(dir.path(), &[]) {
        Ok(_) => panic!("that is not broken"),
        Err(errors) => shown(&errors, dir.path()),
    }
}

fn shown(errors: &SpecErrors, dir: &Path) -> String {
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(110);
    handler.render_report(&mut text, errors).unwrap();
    let text = text.replace(&format!("{}/", dir.display()), "");
    text.lines().map(|l| l.trim_end()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_good_law_is_loaded() {
    let law = good(&[]);
    assert_eq!(&*law.cloud, "tiny");
    let names: Vec<&str> = law.operations.iter().map(|o| &*o.name).collect();
    assert_eq!(names, ["DropBox", "MakeBox", "ShowBoxes"]);
    assert_eq!(law.digest.len(), 64);
    assert_eq!(law.dry_run_code.as_deref(), Some("DryRunOperation"));
}

#[test]
fn every_rule_is_found_by_its_id() {
    let law = good(&[]);
    let ids: Vec<&str> = law.rules.iter().map(|r| &*r.id).collect();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        let rows: Vec<String> = law.rules.iter().map(|r| {
            format!("{} | {:?} | {:?} | {} ({}, {})", r.id, r.level, r.demand, r.says, r.source.title, r.source.at)
        }).collect();
        insta::assert_snapshot!("spec_rules_of_the_tiny_cloud", rows.join("\n"));
    });
    assert!(ids.is_sorted());
    for id in ids {
        assert_eq!(&*law[law.rule(id).unwrap()].id, id);
    }
}

#[test]
fn a_parameter_that_names_a_resource_has_a_variable() {
    let law = good(&[]);
    let drop = &law[law.operation("DropBox").unwrap()];
    let reference = drop.params[drop.param("BoxId").unwrap() as usize].names[0];
    assert_eq!(&*law[reference.kind].name, "box");
    assert_eq!(&*drop.vars[reference.var as usize].name, "box");
    let spared = drop.params[drop.param("Spared").unwrap() as usize].names[0];
    assert_eq!(&*law[spared.kind].fields[spared.by as usize].name, "serial");
    assert!(drop.vars[spared.var as usize].list);
    assert_eq!(parameter(drop, "Spared").wire, "SparedSerial");
}

#[test]
fn a_parameter_that_names_one_of_several_kinds_has_a_variable_for_each() {
    let dir = tiny(&[
        (
            "drop_box.toml",
            "names = \"box\"",
            "names = [\"box\", \"ball.serial\"]\nplain = \"-+\"\ntold = { by = \"Kind\", as = { Box = \"box\", Ball = \"ball\", None = \"plain\" } }",
        ),
        (
            "drop_box.toml",
            "[input.Delay]",
            "[input.Kind]\ntype = \"string\"\nenum = [\"Ball\", \"Box\", \"None\"]\n\n[input.Delay]",
        ),
        (
            "cloud.toml",
            "defect = \"required\"",
            "defect = \"enum\"\nlevel = \"should\"\nsays = \"{operation} refuses another {parameter}.\"\nsource = { text = \"errors\", at = \"values\" }\n\n[[convention]]\ndefect = \"required\"",
        ),
    ]);
    let law = load_from(dir.path(), &[]).unwrap_or_else(|errors| panic!("{}", shown(&errors, dir.path())));
    let drop = &law[law.operation("DropBox").unwrap()];
    let param = &drop.params[drop.param("BoxId").unwrap() as usize];
    let variables: Vec<&str> = param.names.iter().map(|r| &*drop.vars[r.var as usize].name).collect();
    assert_eq!(variables, ["box", "ball"]);
    assert!(param.refusal(Defect::Unknown).is_none(), "the kinds would each say something else");
    let told = param.told.as_ref().unwrap();
    assert_eq!(&*drop.params[told.by as usize].name, "Kind");
    assert_eq!(told.value(law.kind("ball")).map(|v| &**v), Some("Ball"));
    assert_eq!(told.value(None).map(|v| &**v), Some("None"));
}

#[test]
fn a_rule_needs_the_variables_that_it_reads() {
    let law = good(&[]);
    let drop = operation(&law, "DropBox");
    let refuse = &drop.refusals[0];
    let needs: Vec<&str> = refuse.guard.needs.iter().map(|v| &*drop.vars[*v as usize].name).collect();
    assert_eq!(needs, ["box", "balls"]);
    let code = &law[refuse.refusal.code_rule.unwrap()];
    assert_eq!((&*code.id, code.level, code.demand), ("drop-while-draining.code", Level::Should, Demand::Code));
    let make = operation(&law, "MakeBox");
    assert!(make.effects.iter().all(|e| e.needs.is_empty()), "what an effect creates needs not be resolved");
}

#[test]
fn effects_are_compiled_in_their_order() {
    let law = good(&[]);
    let make = operation(&law, "MakeBox");
    let created: Vec<&str> = make
        .effects
        .iter()
        .map(|e| match &e.change {
            Change::Create { var, .. } => &*make.vars[*var as usize].name,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(created, ["box", "first_ball"]);
    assert!(!make.reads);
    assert_eq!(&*law[make.accepts].id, "box-is-made");
}

#[test]
fn a_reading_chooses_the_rules_in_force() {
    let ids = |law: &Law| -> Vec<String> {
        law.rules.iter().map(|r| r.id.to_string()).filter(|id| id.starts_with("drop-drops")).collect()
    };
    let late = good(&[]);
    assert_eq!(ids(&late), ["drop-drops-late"]);
    assert_eq!(operation(&late, "DropBox").effects.len(), 3);
    let early = good(&[("drain", "early")]);
    assert_eq!(ids(&early), ["drop-drops-early"]);
    assert_eq!(operation(&early, "DropBox").effects.len(), 2);
    assert_eq!(early.readings[0].choice, "early");
    let facts: Vec<&[String]> = early.facts.iter().map(|f| &f.rules[..]).collect();
    assert!(facts[0].contains(&"drop-drops-early".to_owned()) && facts[0].contains(&"drop-twice".to_owned()));
    assert!(!facts[0].contains(&"drop-drops-late".to_owned()));
}

#[test]
fn tables_of_parameters_become_refusals() {
    let law = good(&[]);
    let drop = operation(&law, "DropBox");
    let id = parameter(drop, "BoxId");
    let defects: Vec<Defect> = id.refusals.iter().map(|(d, _)| *d).collect();
    assert_eq!(defects, [Defect::Required, Defect::Malformed, Defect::Unknown, Defect::Stale]);
    assert!(id.required());
    let show = operation(&law, "ShowBoxes");
    let ids = parameter(show, "BoxIds");
    assert!(ids.refusal(Defect::Stale).is_none(), "it accepts gone ones");
    assert!(show.undeclared.is_some());
    assert_eq!(parameter(show, "Filters").filters, Some((0, 1)));
}

#[test]
fn views_and_outputs_show_what_they_say() {
    let law = good(&[]);
    let kind = &law[law.kind("box").unwrap()];
    let view = |name: &str| kind.view.iter().find(|s| &*s.name == name).unwrap();
    assert!(matches!(&view("Balls").from, ShownFrom::List(_, ball) if &*law[*ball].name == "ball"));
    assert_eq!(view("State").wire, ["status", "name"]);
    assert_eq!(view("BoxId").wire, ["boxId"]);
    assert_eq!(law[view("BoxId").rule.unwrap()].level, Level::Must, "MakeBox shows boxes, and it is binding");
    let show = operation(&law, "ShowBoxes");
    assert!(matches!(&show.output[0].from, OutputFrom::Selected { by, filter: Some(1), .. } if by == &[0]));
    assert!(show.reads);
    assert_eq!(&*law[show.accepts].id, "ShowBoxes.Boxes");
    assert_eq!(kind.undo, [(law.operation("DropBox").unwrap(), 0)]);
}

#[test]
fn a_pattern_matches_the_whole_of_an_id() {
    let law = good(&[]);
    let kind = &law[law.kind("box").unwrap()];
    let pattern = kind.fields[kind.id.unwrap() as usize].pattern.as_ref().unwrap();
    assert!(pattern.is_match("box-0123abcd"));
    assert!(!pattern.is_match("box-0123abcd5"));
}

#[test]
fn a_law_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Law>();
}

#[test]
fn a_folder_holds_one_cloud_or_several() {
    let dir = tiny(&[]);
    assert_eq!(clouds(&SpecSource::Folder(dir.path().to_owned())).unwrap(), ["tiny"]);
    let above = tempfile::tempdir().unwrap();
    fs::rename(dir.path(), above.path().join("any-name")).unwrap();
    assert_eq!(clouds(&SpecSource::Folder(above.path().to_owned())).unwrap(), ["tiny"]);
    assert!(load_from(above.path(), &[]).is_ok());
}

#[test]
fn a_cloud_that_there_is_not_is_named() {
    let dir = tiny(&[]);
    let error = load(&SpecSource::Folder(dir.path().to_owned()), "tyni", &[]).unwrap_err();
    let text = shown(&error, dir.path());
    assert!(text.contains("there is no cloud `tyni`") && text.contains("did you mean `tiny`?"), "{text}");
}

/// One test a way of breaking the law; what is said is in the snapshot of its name.
macro_rules! broken {
    ($($name:ident: $path:literal, $from:literal => $to:literal;)*) => {$(
        #[test]
        fn $name() {
            let said = said($path, $from, $to);
            insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(concat!("spec_", stringify!($name)), said);
            });
        }
    )*};
}

broken! {
    a_misspelt_state_value_is_pointed_at: "drop_box.toml", "box.status == 'draining' ||" => "box.status == 'drainning' ||";
    a_misspelt_state_value_is_not_set: "make_box.toml", "'full'" => "'fulll'";
    a_misspelt_field_is_pointed_at: "drop_box.toml", "b.box != box" => "b.bx != box";
    a_misspelt_variable_is_pointed_at: "drop_box.toml", "balls.exists" => "bals.exists";
    a_misspelt_parameter_is_pointed_at: "make_box.toml", "input.Size" => "input.Sise";
    an_unknown_function_is_pointed_at: "drop_box.toml", "balls.exists(" => "balls.any(";
    a_guard_is_true_or_false: "drop_box.toml", "box.status == 'draining' ||" => "box.size ||";
    a_guard_that_yields_a_text_is_refused: "drop_box.toml", "\"box.status == 'dropped'\"" => "\"box.status\"";
    a_number_is_never_a_text: "drop_box.toml", "box.status == 'draining' ||" => "box.size == 'draining' ||";
    a_syntax_error_is_pointed_at: "drop_box.toml", "b.box != box)" => "b.box != box";
    an_unknown_entry_is_a_misspelt_one: "drop_box.toml", "because =" => "becuase =";
    a_newer_format_is_refused_first: "cloud.toml", "format = 1" => "format = 2\nnew = true";
    a_misspelt_kind_is_pointed_at: "drop_box.toml", "names = \"box\"" => "names = \"bx\"\nas = \"box\"";
    two_rules_have_no_common_id: "drop_box.toml", "drop-keeps-spared" => "drop-drains";
    an_effect_needs_a_resource: "drop_box.toml", "change = \"box\"" => "change = \"box.status\"";
    an_effect_on_a_list_needs_each: "drop_box.toml", "delete = \"it\"" => "delete = \"balls\"";
    a_rule_demands_one_thing: "drop_box.toml", "keeps = \"balls\"" => "keeps = \"balls\"\npermit = \"true\"";
    a_rule_demands_something: "drop_box.toml", "keeps = \"balls\"" => "";
    a_choice_that_there_is_not_is_pointed_at: "drop_box.toml", "drain=late" => "drain=latter";
    a_template_knows_two_holes: "resources.toml", "box-{hex8}" => "box-{hexx}";
    a_template_makes_what_the_pattern_matches: "resources.toml", "box-{hex8}" => "box-{hex9}";
    a_pattern_is_a_regular_expression: "resources.toml", "box-[0-9a-f]{8}" => "box-([0-9a-f]{8}";
    opposite_demands_are_found: "drop_box.toml", "keeps = \"balls\"" => "permit = \"box.status == 'draining' ||  balls.exists(b, b.box != box)\"";
    a_defect_needs_its_convention: "drop_box.toml", "[input.Delay]" => "[input.Mode]\ntype = \"string\"\nenum = [\"a\"]\n\n[input.Delay]";
    a_codes_level_needs_codes: "drop_box.toml", "codes = [\"IncorrectState\", \"Busy\"]\n" => "";
    a_fact_names_rules_that_there_are: "facts.toml", "drop-*" => "dorp-drains";
    a_fact_is_checked_or_unchecked: "facts.toml", "unchecked = \"No operation shows it.\"" => "";
    an_undoing_operation_names_what_it_undoes: "resources.toml", "undo = [\"DropBox\"]" => "undo = [\"MakeBox\"]";
    a_path_goes_through_references: "resources.toml", "[\"box.box_id\"]" => "[\"serial.box_id\"]";
    a_view_that_nothing_shows_is_pointed_at: "resources.toml", "[resource.box.filter]" => "[resource.lid]\ntitle = \"lid\"\n\n[resource.lid.field]\nsize = { kind = \"integer\" }\n\n[resource.lid.view]\nSize = { type = \"integer\", shows = \"size\" }\n\n[resource.box.filter]";
    a_default_is_a_value_of_its_parameter: "make_box.toml", "default = 3" => "default = 30";
    a_variable_is_created_once: "make_box.toml", "as = \"first_ball\"" => "as = \"box\"";
    a_token_is_a_parameter_of_some_operation: "cloud.toml", "[codes]" => "[token]\nparameter = \"Once\"\nlevel = \"must\"\nsource = { text = \"guide\", at = \"repeats\" }\n\n[codes]";
    a_token_is_a_text: "cloud.toml", "[codes]" => "[token]\nparameter = \"Size\"\nlevel = \"must\"\nsource = { text = \"guide\", at = \"repeats\" }\n\n[codes]";
    an_operation_without_a_token_says_nothing_of_it: "make_box.toml", "[input.Size]" => "[token]\nrepeat = \"open\"\n\n[input.Size]";
    codes_of_tokens_have_codes: "cloud.toml", "[codes]" => "[token]\nparameter = \"Size\"\ncodes-level = \"should\"\nlevel = \"must\"\nsource = { text = \"guide\", at = \"repeats\" }\n\n[codes]";
    a_convention_about_names_has_no_codes: "cloud.toml", "[[wire]]" => "[[convention]]\ndefect = \"stale\"\nlevel = \"must\"\ncodes-level = \"assumed\"\ncodes = [\"Gone\"]\nsays = \"Gone.\"\nsource = { text = \"errors\", at = \"Gone\" }\n\n[[wire]]";
    what_is_asked_later_knows_the_resource_alone: "drop_box.toml", "unless = \"it.status == 'draining'\"" => "unless = \"box.status == 'draining'\"";
    what_is_asked_later_is_asked_of_what_changes: "drop_box.toml", "delete = \"it\"" => "delete = \"it.box\"\nafter = { unless = \"it.serial == ''\" }";
    a_creation_is_never_later: "make_box.toml", "as = \"first_ball\"" => "as = \"first_ball\"\nafter = { latest = \"3\" }";
    a_path_shows_one_value: "drop_box.toml", "[[rule]]" => "[output.Serial]\ntype = \"string\"\nshows = \"balls.serial\"\n\n[[rule]]";
    a_list_of_an_answer_shows_resources: "drop_box.toml", "[[rule]]" => "[output.Serials]\ntype = \"list\"\nshows = \"balls.serial\"\n\n[[rule]]";
    a_list_has_no_limits: "show_boxes.toml", "accepts-gone = true" => "max = 5";
    each_of_several_kinds_is_looked_up: "drop_box.toml", "names = \"box\"" => "names = [\"box\", \"ball.serial\", \"bal\"]";
    a_list_names_one_kind: "drop_box.toml", "names = \"ball.serial\"" => "names = [\"ball.serial\", \"box\"]";
    what_tells_the_kind_is_a_parameter: "drop_box.toml", "names = \"box\"" => "names = \"box\"\ntold = { by = \"Kind\", as = { Box = \"box\" } }";
    what_is_passed_over_is_not_refused: "drop_box.toml", "names = \"box\"" => "names = \"box\"\npasses-over = true\naccepts-gone = true";
    only_names_are_passed_over: "make_box.toml", "default = 3" => "default = 3\npasses-over = true";
    only_a_text_has_a_form: "make_box.toml", "default = 3" => "default = 3\nmax-length = 5";
    a_form_needs_its_convention: "drop_box.toml", "[input.Delay]" => "[input.Mode]\ntype = \"string\"\npattern = \"a+\"\n\n[input.Delay]";
    a_count_is_of_what_is_selected: "show_boxes.toml", "[output.Boxes]" => "[output.Total]\ntype = \"integer\"\ncounts = \"Balls\"\n\n[output.Boxes]";
    a_page_has_a_number_and_a_size: "show_boxes.toml", "filter = \"Filters\" }" => "filter = \"Filters\", page = { number = \"BoxIds\", size = \"Filters\" } }";
    what_is_matched_is_a_field_that_is_shown: "show_boxes.toml", "[input.Filters]" => "[input.State]\ntype = \"string\"\nmatches = \"stat\"\n\n[input.Filters]";
    a_source_is_one_of_the_clouds: "drop_box.toml", "codes-source = { text = \"errors\"" => "codes-source = { text = \"error\"";
    a_product_is_one_of_the_clouds: "drop_box.toml", "level = \"must\"\n\n[input" => "level = \"must\"\nproduct = \"tyni\"\n\n[input";
    an_operation_belongs_to_one_of_several_products: "cloud.toml", "[product.tiny]" => "[product.other]\ntitle = \"Others\"\nversion = \"1\"\n\n[product.tiny]";
    a_cloud_has_a_product: "cloud.toml", "[product.tiny]\ntitle = \"Tiny things\"\nversion = \"2016-11-15\"" => "[product]";
    only_lists_are_joined: "make_box.toml", "default = 3" => "default = 3\njoined = \"comma\"";
    a_status_is_that_of_an_error: "drop_box.toml", "[input.Delay]" => "[status]\nBusy = [400, 200]\n\n[input.Delay]";
}

#[test]
fn a_status_is_a_rule_of_its_operation_or_of_the_wire() {
    let dir = tiny(&[
        ("drop_box.toml", "[input.Delay]", "[status]\nBusy = [400, 409]\n\n[input.Delay]"),
        ("cloud.toml", "[dry-run]", "[codes.status]\nBusy = 503\nThrottling = 429\n\n[dry-run]"),
    ]);
    let law = load_from(dir.path(), &[]).unwrap();
    let (drop, make) = (law.operation("DropBox").unwrap(), law.operation("MakeBox").unwrap());
    let own = law.rule("DropBox.status.Busy").unwrap();
    assert_eq!(law[own].level, Level::Must);
    assert_eq!(law.statuses(drop, "Busy"), Some((&[400, 409][..], Some(own))));
    // Without a wire rule nobody minds a general status.
    assert_eq!(law.statuses(drop, "Throttling"), Some((&[429][..], None)));
    assert_eq!(law.statuses(make, "Busy"), Some((&[503][..], None)));
    assert_eq!(law.statuses(make, "Other"), None);
    assert!(law.rule("MakeBox.status.Busy").is_none());
}

#[test]
fn rules_about_tokens_follow_for_each_operation_that_has_one() {
    let token = "[token]\nparameter = \"Once\"\nlevel = \"should\"\nsource = { text = \"guide\", at = \"repeats\" }\ncodes = [\"Mismatch\"]\ncodes-source = { text = \"errors\", at = \"Mismatch\" }\n\n[codes]";
    let declared = "[input.Once]\ntype = \"string\"\n\n[input.Size]";
    let own = |text: &str| format!("{text}\n\n{declared}");
    let rules = |make: &str| -> Vec<(String, Level)> {
        let dir = tiny(&[("cloud.toml", "[codes]", token), ("make_box.toml", "[input.Size]", make)]);
        let law = load_from(dir.path(), &[]).unwrap_or_else(|e| panic!("{}", shown(&e, dir.path())));
        let of_tokens = law.rules.iter().filter(|r| r.id.contains(".Once."));
        of_tokens.map(|r| (r.id.to_string(), r.level)).collect()
    };
    let all = |level: Level| {
        ["mismatch", "mismatch.code", "repeat"].map(|name| (format!("MakeBox.Once.{name}"), level)).to_vec()
    };
    assert_eq!(rules(declared), all(Level::Should));
    assert_eq!(rules(&own("[token]\nlevel = \"assumed\"")), all(Level::Assumed));
    assert_eq!(rules(&own("[token]\nmismatch = \"open\"")), all(Level::Should)[2..]);
    assert_eq!(rules(&own("[token]\nrepeat = \"open\"")), all(Level::Should)[..2]);
    let same_place = "[token]\ncodes = [\"Other\"]";
    let ids: Vec<String> = rules(&own(same_place)).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["MakeBox.Once.mismatch", "MakeBox.Once.repeat"], "codes as binding as the rule are part of it");
}

#[test]
fn one_run_finds_every_error() {
    let dir = tiny(&[
        ("drop_box.toml", "box.status == 'draining' ||", "box.status == 'drainning' ||"),
        ("make_box.toml", "input.Size", "input.Sise"),
        ("resources.toml", "box-{hex8}", "box-{hexx}"),
    ]);
    assert_eq!(load_from(dir.path(), &[]).unwrap_err().iter().count(), 3);
}

#[test]
fn a_rule_that_is_not_in_force_is_checked_all_the_same() {
    let dir = tiny(&[("drop_box.toml", "delete = \"box\"\nafter = { at-once", "delete = \"bx\"\nafter = { at-once")]);
    let errors = load_from(dir.path(), &[]).unwrap_err();
    assert!(shown(&errors, dir.path()).contains("there is no variable `bx` here"));
}

#[test]
fn readings_that_there_are_not_cannot_be_chosen() {
    let dir = tiny(&[]);
    for (name, choice) in [("drian", "late"), ("drain", "never")] {
        let text = shown(&load_from(dir.path(), &[(name, choice)]).unwrap_err(), dir.path());
        assert!(text.contains("spec::reading"), "{text}");
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let dir = tiny(&[]);
    fs::write(dir.path().join("facts.toml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    let text = shown(&load_from(dir.path(), &[]).unwrap_err(), dir.path());
    assert!(text.contains("larger than 1 MiB"), "{text}");
}

#[test]
fn a_refusal_knows_nothing_that_effects_create() {
    let dir = tiny(&[(
        "make_box.toml",
        "[[rule]]",
        "[[rule]]\nid = \"early\"\nlevel = \"must\"\nsays = \"No.\"\nsource = { text = \"guide\", at = \"here\" }\nrefuse = \"box.live\"\n\n[[rule]]",
    )]);
    let text = shown(&load_from(dir.path(), &[]).unwrap_err(), dir.path());
    assert!(text.contains("there is no variable `box` here"), "{text}");
}

#[test]
fn the_law_that_is_built_in_has_its_clouds() {
    for cloud in clouds(&SpecSource::BuiltIn).unwrap() {
        if let Err(errors) = load(&SpecSource::BuiltIn, &cloud, &[]) {
            panic!("{}", shown(&errors, Path::new("specs")));
        }
    }
}
