//! The JSON of preflight against its schema.

use serde_json::Value;

use crate::common::assert_every_key_counts;
use crate::common::served::{Served, found, usual};

fn validator() -> jsonschema::Validator {
    let schema: Value =
        serde_json::from_str(include_str!("../../../schema/preflight.schema.json")).expect("JSON");
    jsonschema::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::validator_for(&schema).expect("usable")
}

#[test]
fn every_report_fits_the_schema() {
    let validator = validator();
    let mut served = Served::start(&["--members", "13-20"]);
    let early = found(1, &usual(&served.url));
    served.kill();
    for report in [early, found(3, &usual(&served.url))] {
        let errors: Vec<String> = validator
            .iter_errors(&report)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn the_schema_knows_every_key_and_misses_none() {
    let validator = validator();
    let served = Served::start(&["--ready", "--members", "13-20"]);
    let whole = found(1, &usual(&served.url));
    let place = whole["checks"].as_array().expect("checks").iter().position(|it| it["id"] == "members");
    let failed = format!("/checks/{}", place.expect("it is there"));
    for at in ["", &failed, &format!("{failed}/reading"), &format!("{failed}/fixes/0")] {
        assert_every_key_counts(&whole, at, &|spoilt| validator.is_valid(spoilt));
    }
}
