//! What a run has written against its published schema.

use std::path::Path;

use serde_json::Value;

use crate::common::summary;

/// Fails with everything in a directory's `summary.json` that its schema does not allow.
#[track_caller]
pub fn assert_valid(directory: &Path) {
    let schema: Value = serde_json::from_str(include_str!("../../schema/summary.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let found = summary(directory);
    let errors = validator.iter_errors(&found).map(|error| format!("{error} at {}", error.instance_path()));
    let errors: Vec<String> = errors.collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
