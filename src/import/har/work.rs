//! What every part of the conversion of a recording reads and adds to.
//!
//! Holds, and does nothing. Invariant: `given` knows each name in `found`'s variables.

use super::super::model::Found;
use super::super::names::Names;
use super::given::Given;
use super::recording::Entry;

/// What the conversion of a recording works with.
pub(super) struct RecordingWork<'w> {
    pub(super) found: &'w mut Found,
    pub(super) given: &'w mut Given,
    pub(super) names: &'w mut Names,
    /// The origin of the servers under test.
    pub(super) origin: String,
    /// Entries to other servers.
    pub(super) elsewhere: &'w [Entry],
}
