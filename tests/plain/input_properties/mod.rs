//! What people write, and what is made of it: any text is understood as its manual says, or refused with its place.

mod cookies;
mod import;
mod log_lines;
mod members;
mod scenario;
mod template;

use proptest::prelude::*;

/// A change of one place of a text: where (scaled to the length), what, and the text for it.
pub type Change = (u16, u8, String);

/// Few changes, made of `telling` texts for the most part.
pub fn changes(telling: &'static [&'static str]) -> impl Strategy<Value = Vec<Change>> {
    let text = prop_oneof![6 => prop::sample::select(telling).prop_map(str::to_owned), 1 => "\\PC{1,3}"];
    prop::collection::vec((any::<u16>(), 0..4u8, text), 1..4)
}

/// `text` with the changes made: characters and lines go, texts come between or instead.
pub fn changed(text: &str, changes: &[Change]) -> String {
    let mut text = text.to_owned();
    for (place, what, new) in changes {
        let near = usize::from(*place) * text.len() / (1 << 16);
        let at = (0..=near).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        let character = text[at..].chars().next().map_or(0, char::len_utf8);
        let line = text[at..].find('\n').map_or(text.len() - at, |end| end + 1);
        match what {
            0 => text.insert_str(at, new),
            1 => text.replace_range(at..at + character, new),
            2 => text.replace_range(at..at + line, ""),
            _ => text.replace_range(at..at + character, ""),
        }
    }
    text
}
