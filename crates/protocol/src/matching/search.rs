//! Looks for a text in a record that arrives in pieces.
//!
//! Keeps what a piece ends with, as far as the text may begin there. Invariant: the first occurrence is
//! found, wherever pieces are cut.

use memchr::memmem::Finder;

/// A text to look for.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    finder: Finder<'static>,
}

impl Mark {
    /// A text that is not empty.
    pub(super) fn new(text: &[u8]) -> Self {
        Self { finder: Finder::new(text).into_owned() }
    }

    pub(super) fn text(&self) -> &[u8] {
        self.finder.needle()
    }
}

/// How far the search for a [`Mark`] has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    /// The end of what has been searched, shorter than the text.
    kept: Vec<u8>,
    is_over: bool,
}

impl Search {
    pub(super) fn begin(&mut self) {
        self.kept.clear();
        self.is_over = false;
    }

    /// Whether the text has been found.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Searches the next piece: where in it the text has ended, at its first occurrence.
    pub(super) fn find(&mut self, mark: &Mark, piece: &[u8], is_last: bool) -> Option<usize> {
        if self.is_over {
            return None;
        }
        let text_len = mark.text().len();
        let end = self.find_across(mark, piece).or_else(|| Some(mark.finder.find(piece)? + text_len));
        self.is_over = end.is_some();
        if !self.is_over && !is_last {
            self.keep(piece, text_len.saturating_sub(1));
        }
        end
    }

    /// An occurrence that began before the piece.
    fn find_across(&mut self, mark: &Mark, piece: &[u8]) -> Option<usize> {
        let before = self.kept.len();
        if before == 0 {
            return None;
        }
        let reach = piece.len().min(mark.text().len() - 1);
        self.kept.extend_from_slice(piece.get(..reach).unwrap_or_default());
        let start = mark.finder.find(&self.kept);
        self.kept.truncate(before);
        Some((start? + mark.text().len()).saturating_sub(before))
    }

    fn keep(&mut self, piece: &[u8], len: usize) {
        let from_piece = piece.len().min(len);
        let surplus = (self.kept.len() + from_piece).saturating_sub(len);
        self.kept.drain(..surplus);
        self.kept.extend_from_slice(piece.get(piece.len() - from_piece..).unwrap_or_default());
    }
}
