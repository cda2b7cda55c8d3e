//! The messages of the WebSocket, client to server.
//!
//! Reads one text; knows no session. Invariant: every text is exactly one [`Incoming`], so that
//! every message gets the answer that the documentation names.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Number;

/// What a client has said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Incoming {
    /// A RECORD without a usable distance or pace.
    BadRecord,
    Kicked,
    /// Not a JSON object, without a `type`, or with one that is neither a text nor null.
    Malformed,
    Ping,
    Pong,
    Quit,
    Record {
        distance: f64,
        pace: i32,
    },
    UnknownType,
}

#[derive(Deserialize)]
struct Message<'a> {
    // A function of its own, since null is not the same as a missing `type`.
    #[serde(borrow, rename = "type", deserialize_with = "Option::deserialize")]
    kind: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Record {
    distance: Number,
    pace: Number,
}

/// Reads a text.
pub(super) fn read(text: &[u8]) -> Incoming {
    let Ok(message) = serde_json::from_slice::<Message<'_>>(text) else { return Incoming::Malformed };
    match message.kind.as_deref().unwrap_or_default() {
        "PING" => Incoming::Ping,
        "PONG" => Incoming::Pong,
        "QUIT" => Incoming::Quit,
        "KICKED" => Incoming::Kicked,
        "RECORD" => record(text).unwrap_or(Incoming::BadRecord),
        _ => Incoming::UnknownType,
    }
}

fn record(text: &[u8]) -> Option<Incoming> {
    let record: Record = serde_json::from_slice(text).ok()?;
    let distance = record.distance.as_f64().filter(|distance| distance.is_finite() && *distance >= 0.0)?;
    let pace = record.pace.as_i64().and_then(|pace| i32::try_from(pace).ok()).filter(|pace| *pace >= 0)?;
    Some(Incoming::Record { distance, pace })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_wherever_it_stands() {
        for (text, expected) in [
            (r#"{"type":"PING","timestamp":1}"#, Incoming::Ping),
            (r#" { "timestamp" : 1 , "type" : "PING" } "#, Incoming::Ping),
            (r#"{"type":"\u0050ONG"}"#, Incoming::Pong),
            (r#"{"type":"QUIT"}"#, Incoming::Quit),
            (r#"{"type":"KICKED"}"#, Incoming::Kicked),
            (
                r#"{"type":"RECORD","distance":1.5,"pace":330,"timestamp":1}"#,
                Incoming::Record { distance: 1.5, pace: 330 },
            ),
            (r#"{"type":"RECORD","distance":2,"pace":0}"#, Incoming::Record { distance: 2.0, pace: 0 }),
            (r#"{"type":"CONNECTED"}"#, Incoming::UnknownType),
            (r#"{"type":"ping"}"#, Incoming::UnknownType),
            (r#"{"type":null}"#, Incoming::UnknownType),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_message_is_malformed() {
        for text in ["", "{", "PING", "[]", "{}", r#"{"type":3}"#, r#"{"type":"PING"}x"#] {
            assert_eq!(read(text.as_bytes()), Incoming::Malformed, "{text}");
        }
    }

    #[test]
    fn a_record_needs_a_distance_and_a_whole_pace() {
        for text in [
            r#"{"type":"RECORD"}"#,
            r#"{"type":"RECORD","distance":1.5}"#,
            r#"{"type":"RECORD","distance":"1.5","pace":330}"#,
            r#"{"type":"RECORD","distance":-1,"pace":330}"#,
            r#"{"type":"RECORD","distance":1.5,"pace":330.5}"#,
            r#"{"type":"RECORD","distance":1.5,"pace":-1}"#,
            r#"{"type":"RECORD","distance":1.5,"pace":99999999999}"#,
        ] {
            assert_eq!(read(text.as_bytes()), Incoming::BadRecord, "{text}");
        }
    }
}
