//! The JSON Schema of scenario files, for editors: made of the compiler's own lists of keys.
//!
//! Says which keys there are, what type each has and what it means; what only the compiler can find
//! (a variable that is not there, a kind that another hides) it does not. Invariant: a section has
//! exactly the keys that the compiler accepts, each with a line of help.

mod keys;

use serde_json::{Map, Value, json};

use super::{
    compile, criteria, every, kinds, mix, places, presence, reconnect, request, schedule, steps, websocket,
};
use keys::{Key, Type};

/// The dialect that editors know best.
const DIALECT: &str = "http://json-schema.org/draft-07/schema#";
/// As the program reads a duration.
const DURATION: &str = "^(0|([0-9]+(\\.[0-9]+)? ?(h|m|s|ms))+)$";

/// The schema.
pub fn schema() -> Value {
    let mut root = section("scenario");
    root["$schema"] = DIALECT.into();
    root["title"] = "A scenario of startline".into();
    let others = SECTIONS.iter().map(|(name, _)| *name).filter(|name| *name != "scenario");
    let definitions: Map<String, Value> = others.map(|name| (name.to_owned(), section(name))).collect();
    root["definitions"] = Value::Object(definitions);
    root
}

/// A section's name, and what returns the compiler's keys of it.
type Section = (&'static str, fn() -> Vec<&'static str>);

/// The sections of a scenario, and where the compiler's keys of each are.
const SECTIONS: &[Section] = &[
    ("scenario", || compile::ROOT_KEYS.to_vec()),
    ("error", || request::ERROR_KEYS.to_vec()),
    ("http", || request::HTTP_KEYS.to_vec()),
    ("basic_auth", || request::BASIC_AUTH_KEYS.to_vec()),
    ("schedule", || schedule::KEYS.to_vec()),
    ("participants", || schedule::PARTICIPANT_KEYS.to_vec()),
    ("place", || places::keys()),
    ("websocket", || websocket::KEYS.iter().chain(&kinds::KEYS).copied().collect()),
    ("step", || steps::KEYS.to_vec()),
    ("request", steps::request_keys),
    ("every", || every::KEYS.to_vec()),
    ("kind", || kinds::KIND_KEYS.to_vec()),
    ("presence", || presence::PRESENCE_KEYS.to_vec()),
    ("listed", || presence::LISTED_KEYS.to_vec()),
    ("message_error", || kinds::ERROR_KEYS.to_vec()),
    ("reconnect", || reconnect::KEYS.to_vec()),
    ("criterion", || criteria::KEYS.to_vec()),
    ("mix", || mix::KEYS.to_vec()),
];

fn section(name: &str) -> Value {
    let keys = SECTIONS.iter().find(|(known, _)| *known == name).map(|(_, keys)| keys()).unwrap_or_default();
    let known = keys::of(name);
    let property = |key: &&'static str| {
        let known = known.iter().find(|one| one.name == *key);
        ((*key).to_owned(), known.map_or(Value::Null, |key| property(key)))
    };
    let properties: Map<String, Value> = keys.iter().map(property).collect();
    let required: Vec<&str> = known.iter().filter(|one| one.is_required).map(|one| one.name).collect();
    let mut section = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        section["required"] = json!(required);
    }
    section
}

fn property(key: &Key) -> Value {
    let mut schema = of_type(&key.of);
    // Beside a $ref, draft 7 ignores what else there is.
    if schema.get("$ref").is_some() {
        schema = json!({ "allOf": [schema] });
    }
    schema["description"] = key.about.into();
    schema
}

fn of_type(of: &Type) -> Value {
    let reference = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    let status = || json!({ "type": "integer", "minimum": 200, "maximum": 599 });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    match of {
        Type::Text => json!({ "type": "string" }),
        Type::OneOf(values) => json!({ "enum": values }),
        Type::Texts => texts(),
        Type::TextOrTexts => json!({ "anyOf": [{ "type": "string" }, texts()] }),
        Type::Duration => json!({ "type": "string", "pattern": DURATION }),
        Type::Flag => json!({ "type": "boolean" }),
        Type::Number => json!({ "type": "number" }),
        Type::Count => json!({ "type": "integer", "minimum": 1 }),
        Type::Codes => {
            json!({ "type": "array", "items": { "type": "integer", "minimum": 1000, "maximum": 4999 } })
        }
        Type::Statuses => {
            json!({ "anyOf": [status(), { "type": "array", "items": status(), "minItems": 1 }] })
        }
        Type::Size => json!({ "type": ["string", "integer"] }),
        Type::Pairs => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Type::Scalars => json!({
            "type": "object",
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        }),
        Type::Fields => json!({
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    { "type": "string" },
                    {
                        "type": "object",
                        "properties": { "equals": { "type": "string" } },
                        "required": ["equals"],
                        "additionalProperties": false,
                    },
                ],
            },
        }),
        Type::One(name) => reference(name),
        Type::Many(name) => json!({ "type": "array", "items": reference(name) }),
        Type::Kinds => {
            let roles = json!({ "enum": kinds::ROLES.iter().map(|(name, _)| name).collect::<Vec<_>>() });
            json!({ "type": "object", "additionalProperties": { "anyOf": [roles, reference("kind")] } })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_compiler_has_its_help_and_no_other_has() {
        for (name, compiled) in SECTIONS {
            let compiled = compiled();
            let explained: Vec<&str> = keys::of(name).iter().map(|key| key.name).collect();
            for key in &compiled {
                assert!(explained.contains(key), "\"{key}\" of {name} is not in the schema's table");
            }
            for key in explained {
                assert!(compiled.contains(&key), "the compiler knows no \"{key}\" of {name}");
            }
        }
    }
}
