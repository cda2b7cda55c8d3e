//! Plans and recordings: any text, and those of JMeter and Chromium with changes.

use proptest::prelude::*;

use super::{Change, changed, changes};
use crate::checks::input::import;

const RUNNITY: &str = include_str!("../../fixtures/import/runnity.jmx");
const ROOMS: &str = include_str!("../../fixtures/import/rooms.jmx");
const RECORDED: &str = include_str!("../../fixtures/import/rooms.har");

/// What means something in a plan.
const OF_PLANS: &[&str] = &[
    "<hashTree/>",
    "<hashTree>",
    "</hashTree>",
    "${",
    "}",
    "${__P(",
    "${__time(",
    ",",
    "\"",
    "'",
    "&#x1e;",
    "&amp;",
    "-1",
    "0",
    "1e9",
    "99999999999999999999",
    "true",
    "enabled=\"false\"",
    "{\"type\":\"",
    "$..",
    "[*]",
    "(",
    "*",
    "\u{202e}",
    "가",
];

/// What means something in a recording.
const OF_RECORDINGS: &[&str] = &[
    "\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "0",
    "-1",
    "1e308",
    "\\u0000",
    "\\n",
    "\"send\"",
    "\"receive\"",
    "{now_ms}",
    "ws://",
    "https://other.example",
    "=",
    "&",
    "%20",
    "가",
    "\u{202e}",
    "2026-11-29T18:00:00Z",
    "'''",
    "token",
];

fn recording_changes() -> impl Strategy<Value = Vec<Change>> {
    changes(OF_RECORDINGS)
}

/// `text` with some of its values changed: what stands behind `begin`, up to `end`.
fn with_values(text: &str, (begin, end): (&str, char), changes: &[Change]) -> String {
    let mut text = text.to_owned();
    for (place, what, new) in changes {
        let values: Vec<usize> = text.match_indices(begin).map(|(at, _)| at + begin.len()).collect();
        let from = values[usize::from(*place) % values.len()];
        let to = text[from..].find(end).map_or(text.len(), |length| from + length);
        match what {
            0 => text.insert_str(from, new),
            1 => text.insert_str(to, new),
            _ => text.replace_range(from..to, new),
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in "\\PC{0,200}|<[a-z<>/= \"]{0,60}|\\{[\\[\\]{}:,\"a-z0-9]{0,60}") {
        import::file(&text);
    }

    #[test]
    fn a_plan_with_changes(is_rooms: bool, changes in changes(OF_PLANS)) {
        import::file(&changed(if is_rooms { ROOMS } else { RUNNITY }, &changes));
    }

    #[test]
    fn a_plan_with_other_values(is_rooms: bool, changes in changes(OF_PLANS)) {
        import::file(&with_values(if is_rooms { ROOMS } else { RUNNITY }, ("\">", '<'), &changes));
    }

    #[test]
    fn a_recording_with_other_values(changes in recording_changes()) {
        import::file(&with_values(RECORDED, (": \"", '"'), &changes));
    }

    #[test]
    fn a_recording_with_changes(changes in recording_changes()) {
        import::file(&changed(RECORDED, &changes));
    }
}
