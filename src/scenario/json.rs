//! JSON answers as they were written: a few values by pointer, without a tree.
//!
//! A tree would keep numbers as floating point: 18446744073709551616 would be sent on as another
//! number, 1.10 as 1.1. Invariant: what is taken is the server's text, byte for byte; of members that
//! occur twice the last counts, as in every tree.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A body that is JSON.
#[derive(Clone, Copy, Debug)]
pub struct Json<'b>(&'b RawValue);

impl<'b> Json<'b> {
    /// Reads a body; `None` if it is not JSON. A byte order mark before it is skipped (RFC 8259, 8.1).
    pub fn read(body: &'b [u8]) -> Option<Self> {
        serde_json::from_slice(without_mark(body)).ok().map(Self)
    }

    /// The string, the number as written or the boolean at an RFC 6901 pointer, which may lead on into JSON
    /// that is in a string.
    pub fn text(&self, pointer: &str) -> Option<String> {
        let mut at = self.0;
        let segments = pointer.split('/').skip(1).zip(pointer.match_indices('/'));
        for (segment, (from, _)) in segments {
            if at.get().starts_with('"') {
                let inner: String = serde_json::from_str(at.get()).ok()?;
                return Json::read(inner.as_bytes())?.text(&pointer[from..]);
            }
            let segment = segment.replace("~1", "/").replace("~0", "~");
            at = Member(&segment).deserialize(&mut serde_json::Deserializer::from_str(at.get())).ok()??;
        }
        match at.get().as_bytes().first()? {
            b'"' => serde_json::from_str(at.get()).ok(),
            b'{' | b'[' | b'n' => None,
            _ => Some(at.get().to_owned()),
        }
    }
}

/// A text without the byte order mark that some servers put before it.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// Finds the member of an object, or the element of an array, of this name.
struct Member<'s>(&'s str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        // RFC 6901, 4: digits without leading zeros.
        let index = self.0.parse::<u64>().ok().filter(|index| index.to_string() == self.0);
        let mut found = None;
        for at in 0.. {
            if index == Some(at) {
                found = elements.next_element()?;
            } else if elements.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
            if index == Some(at) && found.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn text(body: &str, pointer: &str) -> Option<String> {
        Json::read(body.as_bytes()).expect("JSON").text(pointer)
    }

    #[test]
    fn numbers_are_as_they_were_written() {
        for number in ["18446744073709551616", "1.10", "-0", "1.0E+3", "9007199254740993123456789", "0"] {
            assert_eq!(text(&format!("{{\"t\": {number} }}"), "/t").as_deref(), Some(number));
        }
    }

    #[test]
    fn a_pointer_leads_where_it_leads_in_a_tree() {
        let body = r#"{"a":[{"b/c":"x"},{"~":true,"":null}],"s":"\u00e9\n","a b":{"0":"z"},"t":1,"t":2}"#;
        for pointer in
            ["/a/0/b~1c", "/a/1/~0", "/a/1/", "/s", "/a b/0", "/t", "/a/00", "/a/2", "/a", "", "/s/x"]
        {
            let tree: serde_json::Value = serde_json::from_str(body).expect("JSON");
            let expected = tree.pointer(pointer).and_then(|value| match value {
                serde_json::Value::String(text) => Some(text.clone()),
                serde_json::Value::Number(_) | serde_json::Value::Bool(_) => Some(value.to_string()),
                _ => None,
            });
            assert_eq!(text(body, pointer), expected, "{pointer}");
        }
        assert_eq!(text("\"whole\"", "").as_deref(), Some("whole"));
    }

    #[test]
    fn a_pointer_leads_on_into_json_in_a_string() {
        let body = r#"{"a":{"data":"{\"in\":\"[7,{\\\"x\\\":1.0}]\"}"},"s":"no"}"#;
        assert_eq!(text(body, "/a/data/in/0").as_deref(), Some("7"));
        assert_eq!(text(body, "/a/data/in/1/x").as_deref(), Some("1.0"));
        assert_eq!(text(body, "/a/data/in").as_deref(), Some(r#"[7,{"x":1.0}]"#));
        assert_eq!((text(body, "/s/x"), text(body, "/a/data/none")), (None, None));
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_broken_text_refused() {
        assert_eq!(text("\u{feff}{\"t\":\"x\"}", "/t").as_deref(), Some("x"));
        for body in ["", "{\"t\":\"x\"", "{\"t\":\"x\"}y", "<html>", "\u{feff}\u{feff}1"] {
            assert!(Json::read(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn what_nobody_asks_for_may_be_odd() {
        let body = format!(r#"{{"nick":"a\ud83d","deep":{}{},"t":"x"}}"#, "[".repeat(900), "]".repeat(900));
        assert_eq!(text(&body, "/t").as_deref(), Some("x"));
    }
}
