//! Finds messages in which a server has joined several JSON texts, each on a line of its own.
//!
//! Keeps its place between pieces. Invariant: within one JSON text none is found, since no object can
//! follow another there without a comma.

/// Looks for a second JSON text on a line of its own, as servers write that join what they have
/// queued.
#[derive(Debug, Default)]
pub(super) struct Joint {
    /// The last byte that is no white space ended an object, and whether a line has ended since.
    closed: bool,
    line_ended: bool,
    found: bool,
}

impl Joint {
    pub(super) fn is_found(&self) -> bool {
        self.found
    }

    pub(super) fn take(&mut self, piece: &[u8]) {
        let mut from = 0;
        if self.line_ended {
            let Some(next) = piece.iter().position(is_visible) else { return };
            self.found |= piece[next] == b'{';
            self.line_ended = false;
            from = next;
        }
        while let Some(length) = memchr::memchr(b'\n', &piece[from..]) {
            let end = from + length;
            self.note_last(&piece[from..end]);
            let Some(next) = piece[end..].iter().position(is_visible) else {
                self.line_ended = self.closed;
                return;
            };
            from = end + next;
            self.found |= self.closed && piece[from] == b'{';
        }
        self.note_last(&piece[from..]);
    }

    fn note_last(&mut self, piece: &[u8]) {
        if let Some(last) = piece.iter().rev().find(|byte| is_visible(byte)) {
            self.closed = *last == b'}';
        }
    }
}

fn is_visible(byte: &u8) -> bool {
    !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}
