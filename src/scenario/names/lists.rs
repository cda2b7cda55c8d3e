//! Names by index: values, and errors with their blame.
//!
//! Knows nothing of what they stand for. Invariant: an index is a byte, and one is left free for "none".

use crate::fault::Blame;

/// Names by index, as many as a byte can tell apart (one index is left free for "none").
#[derive(Clone, Debug, Default)]
pub(in crate::scenario) struct NameList {
    names: Vec<String>,
}

/// Entries of a [`NameList`] at most.
pub(in crate::scenario) const NAMES_MAX: usize = u8::MAX as usize;

impl NameList {
    /// The index of `name`, which is added if it is new; `None` when there are too many.
    pub(in crate::scenario) fn index(&mut self, name: &str) -> Option<u8> {
        if let Some(index) = self.position(name) {
            return Some(index);
        }
        if self.names.len() == NAMES_MAX {
            return None;
        }
        self.names.push(name.to_owned());
        Some((self.names.len() - 1) as u8)
    }

    /// Adds a name behind all others, even one that exists already: it is then found by the first.
    /// `false` when there are too many.
    pub(in crate::scenario) fn add(&mut self, name: &str) -> bool {
        let fits = self.names.len() < NAMES_MAX;
        if fits {
            self.names.push(name.to_owned());
        }
        fits
    }

    /// The index of `name` if it is there.
    pub(in crate::scenario) fn position(&self, name: &str) -> Option<u8> {
        self.names.iter().position(|known| known == name).map(|index| index as u8)
    }

    pub(in crate::scenario) fn len(&self) -> usize {
        self.names.len()
    }

    pub(in crate::scenario) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(in crate::scenario) fn into_vec(self) -> Vec<String> {
        self.names
    }
}

/// The names of errors, and whom entries say that each is blamed on.
#[derive(Debug, Default)]
pub(in crate::scenario) struct ErrorNames {
    pub(in crate::scenario) names: NameList,
    blames: Vec<Option<Blame>>,
}

impl ErrorNames {
    /// The index of `name`, which is added if it is new; `None` when there are too many.
    pub(in crate::scenario) fn index(&mut self, name: &str) -> Option<u8> {
        let index = self.names.index(name)?;
        self.blames.resize(self.names.len(), None);
        Some(index)
    }

    /// Blames every error of this name on `blame`.
    ///
    /// # Errors
    /// Another entry of the name blames it on this instead.
    pub(in crate::scenario) fn blame(&mut self, index: u8, blame: Blame) -> Result<(), Blame> {
        match self.blames[usize::from(index)].replace(blame) {
            Some(other) if other != blame => Err(other),
            _ => Ok(()),
        }
    }

    /// The names, and whom each is blamed on.
    pub(in crate::scenario) fn into_vecs(self) -> (Vec<String>, Vec<Blame>) {
        let blames = self.blames.into_iter().map(|blame| blame.unwrap_or(Blame::Server)).collect();
        (self.names.into_vec(), blames)
    }
}
