//! What an import says of itself: what was found, and each thing that is otherwise than there.
//!
//! Invariant: every note is said, in the file's order.

use startline_os::units::counted;

use super::model::{Found, Note, Of};
use crate::foreign;

/// A paragraph for what was found, and one for each note.
pub(super) fn paragraphs(found: &Found) -> Vec<String> {
    let mut told = vec![foreign::line(&format!("{}: {}.", found.origin, summary(found)), usize::MAX)];
    told.extend(found.notes.iter().map(sentence));
    told
}

fn sentence(note: &Note) -> String {
    let what = match note.of {
        Of::Left => "not taken over: ",
        Of::Changed => "",
        Of::Warning => "warning: ",
    };
    foreign::line(&format!("{what}{}{}", note.at, note.text), usize::MAX)
}

/// How much was found.
fn summary(found: &Found) -> String {
    let count = |count: usize, one: &str, many: &str| counted(count as u64, one, many);
    let mut parts = vec![count(found.requests.len(), "HTTP request", "HTTP requests")];
    if let Some(socket) = &found.socket {
        parts.push("a WebSocket".to_owned());
        parts.push(count(socket.steps.len(), "step after it", "steps after it"));
        parts.push(count(socket.every.len(), "periodic message", "periodic messages"));
        parts.push(count(socket.kinds.len(), "kind of messages", "kinds of messages"));
    }
    parts.join(", ")
}
