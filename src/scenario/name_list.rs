//! Names by index, as sessions keep them.
//!
//! Knows nothing of what the names are of. Invariant: every index fits a byte.

/// Names by index, as many as a byte can tell apart (one index is left free for "none").
#[derive(Clone, Debug, Default)]
pub(super) struct NameList {
    names: Vec<String>,
}

/// Entries of a [`NameList`] at most.
pub(super) const NAMES_MAX: usize = u8::MAX as usize;

impl NameList {
    /// The index of `name`, which is added if it is new; `None` when there are too many.
    pub(super) fn index(&mut self, name: &str) -> Option<u8> {
        if let Some(index) = self.position(name) {
            return Some(index);
        }
        if self.names.len() == NAMES_MAX {
            return None;
        }
        self.names.push(name.to_owned());
        Some((self.names.len() - 1) as u8)
    }

    /// Adds a name behind all others, even one that is there already: it is then found by the first.
    /// `false` when there are too many.
    pub(super) fn add(&mut self, name: &str) -> bool {
        let fits = self.names.len() < NAMES_MAX;
        if fits {
            self.names.push(name.to_owned());
        }
        fits
    }

    /// The index of `name` if it is there.
    pub(super) fn position(&self, name: &str) -> Option<u8> {
        self.names.iter().position(|known| known == name).map(|index| index as u8)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn into_vec(self) -> Vec<String> {
        self.names
    }
}
