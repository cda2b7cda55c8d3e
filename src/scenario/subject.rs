//! How a message names the member whom it is about.
//!
//! Knows no members. Invariant: an id stands between two texts that are always the same.

use super::index::PlaceIndex;

/// How a message names a member.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where.
    pub at: PlaceIndex,
    /// What stands there before and behind its id.
    around: (Box<str>, Box<str>),
}

impl Subject {
    /// At this place, between these two texts.
    pub(super) fn new(at: PlaceIndex, around: (Box<str>, Box<str>)) -> Self {
        Self { at, around }
    }

    /// Whether the id stands alone.
    #[inline]
    pub fn is_bare(&self) -> bool {
        self.around.0.is_empty() && self.around.1.is_empty()
    }

    /// The id in what stands at the place.
    pub fn id_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.strip_prefix(&*self.around.0)?.strip_suffix(&*self.around.1)
    }
}
