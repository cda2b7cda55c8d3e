//! A plan's settings as a flat list, for forms that have no tree, and to find what differs.

use serde_json::Value;

/// The scenario's own text, which is no setting of a line's length.
pub const SOURCE: &str = "scenario.source";

/// Returns each setting of a plan by its path, its value as text.
pub fn plan_settings(plan: &Value) -> Vec<(String, String)> {
    let mut all = Vec::new();
    flatten(String::new(), plan, &mut all);
    all
}

fn flatten(path: String, value: &Value, all: &mut Vec<(String, String)>) {
    let Value::Object(fields) = value else {
        all.push((path, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        return;
    };
    for (key, value) in fields {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        flatten(path, value, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_their_path() {
        let plan = serde_json::json!({ "hold": "2s", "scenario": { "file": "x", "source": "…" }, "n": [5] });
        let found: Vec<String> =
            plan_settings(&plan).iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(found, ["hold=2s", "n=[5]", "scenario.file=x", "scenario.source=…"]);
    }
}
