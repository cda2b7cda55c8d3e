//! Whether a record that matched no kind has a kind's values, at other places than the kind says.
//!
//! For people who write a scenario: a run decides nothing by it. Knows no session. Invariant: says
//! something only where every value that the kind wants is in the record.

use serde_json::Value;
use startline_protocol::matching::{Rule, Want};

/// Shorter values, such as `1`, are anywhere.
const WANTED_LEN_MIN: usize = 3;
/// JSON in a string in JSON in a string, and no further.
const STRINGS_MAX: usize = 3;

/// Where the values stand that the kind of this name wants elsewhere: `/0/ev has "joined", which the kind
/// "welcome" wants at /ev`.
pub(super) fn places(kind: &str, rule: &Rule, record: &[u8]) -> Option<String> {
    let begins = record.iter().position(|byte| matches!(byte, b'{' | b'['))?;
    let tree: Value = serde_json::from_slice(&record[begins..]).ok()?;
    let mut elsewhere = Vec::new();
    for (pointer, want) in &rule.fields {
        let Want::Equals(wanted) = want else { return None };
        let wanted = std::str::from_utf8(wanted).ok()?;
        let pointer = pointer.to_string();
        let mut found = Vec::new();
        find(&tree, wanted, &mut String::new(), STRINGS_MAX, &mut found);
        if !found.contains(&pointer) {
            let place = found.into_iter().next().filter(|_| wanted.len() >= WANTED_LEN_MIN)?;
            elsewhere.push(format!("{place} has \"{wanted}\", which the kind \"{kind}\" wants at {pointer}"));
        }
    }
    let is_all =
        rule.is.is_none() && rule.starts.is_none() && rule.contains.is_none() && rule.spans.is_empty();
    let says = is_all && !elsewhere.is_empty();
    says.then(|| elsewhere.join(", "))
}

/// Collects the places of a value, in the record's order.
fn find(tree: &Value, wanted: &str, at: &mut String, strings: usize, found: &mut Vec<String>) {
    let mut inside = |key: &str, value: &Value, at: &mut String| {
        let len = at.len();
        at.push('/');
        at.push_str(&key.replace('~', "~0").replace('/', "~1"));
        find(value, wanted, at, strings, found);
        at.truncate(len);
    };
    match tree {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| inside(key, value, at)),
        Value::Array(all) => all.iter().enumerate().for_each(|(k, value)| inside(&k.to_string(), value, at)),
        Value::String(text) if text == wanted => found.push(at.clone()),
        Value::String(text) if strings > 0 && text.starts_with(['{', '[']) => {
            if let Ok(inner) = serde_json::from_str(text) {
                find(&inner, wanted, at, strings - 1, found);
            }
        }
        Value::Number(number) if number.to_string() == wanted => found.push(at.clone()),
        Value::Bool(flag) if flag.to_string() == wanted => found.push(at.clone()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use startline_protocol::matching::Pointer;

    use super::*;

    fn rule(fields: &[(&str, &str)]) -> Rule {
        let fields = fields.iter().map(|(at, wanted)| {
            (Pointer::parse(at).expect("a pointer"), Want::Equals(wanted.as_bytes().to_vec()))
        });
        Rule { fields: fields.collect(), ..Rule::default() }
    }

    #[test]
    fn values_are_found_in_arrays_and_in_strings() {
        let joined = rule(&[("/ev", "joined")]);
        let said = |record: &str| places("joined", &joined, record.as_bytes());
        let expected = "/0/ev has \"joined\", which the kind \"joined\" wants at /ev";
        assert_eq!(said(r#"a["{\"ev\":\"joined\",\"n\":1}"]"#).as_deref(), Some(expected));
        let expected = "/a~1b/t has \"joined\", which the kind \"joined\" wants at /ev";
        assert_eq!(said(r#"{"a/b":{"t":"joined"}}"#).as_deref(), Some(expected));
        for other in [r#"{"ev":"tick"}"#, r#"{"ev":"joined"}"#, "joined", r#"{"ev":"joi"#, ""] {
            assert_eq!(said(other), None, "{other}");
        }
    }

    #[test]
    fn all_values_are_there_or_nothing_is_said() {
        let hello = rule(&[("/op", "10"), ("/t", "hello")]);
        assert!(places("hello", &hello, br#"{"op":10,"type":"hello"}"#).is_some());
        assert_eq!(places("hello", &hello, br#"{"op":11,"type":"hello"}"#), None);
        assert_eq!(places("hello", &hello, br#"{"code":10,"t":"hello"}"#), None, "10 may be anything");
    }
}
