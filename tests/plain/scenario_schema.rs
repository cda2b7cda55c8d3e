//! The JSON Schema of scenario files: it takes what the compiler takes, and refuses what no section has.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use startline::scenario::{Scenario, schema};

const TEMPLATE: &str = include_str!("../../scenarios/template.toml");

fn as_json(source: &str) -> Value {
    let document: toml::Table = source.parse().expect("TOML");
    serde_json::to_value(document).expect("JSON")
}

fn errors(scenario: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    validator.iter_errors(scenario).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn the_file_in_the_repository_is_the_program_s_own() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/scenario.schema.json");
    let kept: Value = serde_json::from_str(&fs::read_to_string(file).expect("the file")).expect("JSON");
    assert!(kept == schema(), "make it again: startline scenario schema > schema/scenario.schema.json");
}

#[test]
fn every_scenario_here_is_valid() {
    for (name, source) in Scenario::builtins().iter().chain(&[("template", TEMPLATE)]) {
        assert_eq!(errors(&as_json(source)), Vec::<String>::new(), "{name}");
    }
}

/// Paths of all tables of a document that have keys of the language.
fn tables(value: &Value, path: String, paths: &mut Vec<String>) {
    // Their keys are the user's.
    let free = ["/headers", "/take", "/variables", "/form", "/fields", "/messages", "/distances"];
    let is_free = free.iter().any(|name| path.ends_with(name));
    match value {
        Value::Object(fields) => {
            if !is_free {
                paths.push(path.clone());
            }
            fields.iter().for_each(|(key, value)| tables(value, format!("{path}/{key}"), paths));
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(k, value)| tables(value, format!("{path}/{k}"), paths));
        }
        _ => {}
    }
}

#[test]
fn a_key_that_no_section_has_is_refused_everywhere() {
    let (mut tried, mut sources): (usize, Vec<&str>) =
        (0, Scenario::builtins().iter().map(|it| it.1).collect());
    sources.push(TEMPLATE);
    for source in sources {
        let good = as_json(source);
        let mut paths = Vec::new();
        tables(&good, String::new(), &mut paths);
        for path in paths {
            let mut wrong = good.clone();
            wrong.pointer_mut(&path).expect("a table")["no_such_key"] = json!(1);
            assert!(!errors(&wrong).is_empty(), "{path} takes no_such_key");
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried} tables");
}

#[test]
fn wrong_types_and_missing_keys_are_refused() {
    let with = |pointer: &str, value: Value| {
        let mut scenario = as_json(include_str!("../../scenarios/runnity.toml"));
        *scenario.pointer_mut(pointer).expect("it is there") = value;
        errors(&scenario)
    };
    for (pointer, value) in [
        ("/name", json!(1)),
        ("/http/0/timeout", json!(35)),
        ("/http/0/timeout", json!("soon")),
        ("/http/0/expect", json!(99)),
        ("/websocket/messages/PONG", json!({ "role": "pong" })),
        ("/websocket/messages/USER_ENTERED", json!("opens")),
        ("/websocket/every", json!({})),
        ("/criteria/0/at_least", json!("0.999")),
    ] {
        assert!(!with(pointer, value.clone()).is_empty(), "{pointer} = {value}");
    }
    let mut scenario = as_json(include_str!("../../scenarios/runnity.toml"));
    scenario["websocket"].as_object_mut().expect("a table").remove("url");
    assert!(errors(&scenario).iter().any(|error| error.contains("\"url\" is a required property")));
}
