//! Numbers of what a scenario has, under which sessions know it.
//!
//! Invariant: a number points into the list that its documentation names.

/// Index into [`super::WebSocket::every`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EveryIndex(pub u8);

impl EveryIndex {
    /// Returns it as a position in a list.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A place in records; an index into those of [`super::kinds::Kinds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceIndex(pub u8);
