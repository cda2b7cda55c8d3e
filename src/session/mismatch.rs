//! Replies of the right kind with another value than is wanted: which record is a session's own, and
//! what a failure says of one that is not.
//!
//! Decides nothing by what a value says beyond equality. Invariant: nothing is kept of the records of
//! an open session but one of each heartbeat a worker, whose session waits for its reply.

use startline_os::tick::{Tick, Ticks};

use super::values::Values;
use crate::foreign;
use crate::scenario::kinds::{Kinds, PlaceIndex};
use crate::scenario::steps::Whose;
use crate::scenario::template::Template;

/// Characters shown of a value.
const SHOWN_MAX: usize = 120;
/// Bytes kept of one.
const FOUND_BYTES_MAX: usize = 512;

/// What makes a record a session's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<'w> {
    /// Where; `None`: the record itself.
    at: Option<PlaceIndex>,
    /// What.
    pub(super) wanted: &'w Template,
    is_whole: bool,
}

impl<'w> Sought<'w> {
    /// `None` where each record counts.
    pub(super) fn of(whose: &'w Whose) -> Option<Self> {
        match whose {
            Whose::Any => None,
            Whose::Equals { at, equals } => Some(Self { at: Some(*at), wanted: equals, is_whole: true }),
            Whose::Starts { at, starts } => Some(Self { at: *at, wanted: starts, is_whole: false }),
        }
    }

    /// What a record has there.
    pub(super) fn found<'r>(self, values: &Values<'r>) -> Option<&'r [u8]> {
        match self.at {
            Some(at) => values.get(at),
            None => Some(values.start()),
        }
    }

    pub(super) fn is_met(self, found: &[u8], wanted: &[u8]) -> bool {
        if self.is_whole { found == wanted } else { found.starts_with(wanted) }
    }

    /// `a "pong" came in which "/1" is "3", not "4"`.
    pub(super) fn mismatch(self, kinds: &Kinds, kind: &str, found: Option<&[u8]>, wanted: &[u8]) -> String {
        let wanted = shown(wanted);
        match (self.at.map(|at| kinds.place_text(at)), found.map(shown)) {
            (Some(at), None) => {
                format!("a {kind:?} came without a value at {at:?}, where {wanted} is wanted")
            }
            (Some(at), Some(found)) if self.is_whole => {
                format!("a {kind:?} came in which {at:?} is {found}, not {wanted}")
            }
            (Some(at), Some(found)) => {
                format!("a {kind:?} came in which {at:?} is {found}, which does not begin with {wanted}")
            }
            (None, found) => {
                format!("a {kind:?} came that does not begin with {wanted}: {}", found.unwrap_or_default())
            }
        }
    }
}

/// Text in quotes, with its start alone where it is long; other bytes as `hex:`.
fn shown(bytes: &[u8]) -> String {
    match foreign::text(bytes) {
        Some(text) => format!("\"{}\"", foreign::escaped_line(text, SHOWN_MAX)),
        None => format!("{{hex:{}}}", foreign::hex(bytes)),
    }
}

/// What came instead of one session's reply, of a heartbeat of a worker's.
#[derive(Debug, Default)]
pub(super) struct Instead {
    /// Whose it is.
    row: u32,
    /// Until when that session may ask for it; later another's takes its place.
    until: Option<Tick>,
    /// There was something at the place.
    is_found: bool,
    /// That; its memory is used again.
    found: Vec<u8>,
}

impl Instead {
    /// Keeps it, unless another session's is kept that still waits.
    pub(super) fn keep(&mut self, row: u32, found: Option<&[u8]>, now: Tick, within: Ticks) {
        if self.until.is_some_and(|until| !now.reached(until)) {
            return;
        }
        self.row = row;
        self.until = Some(now + within);
        self.is_found = found.is_some();
        let found = found.unwrap_or_default();
        self.found.clear();
        self.found.extend_from_slice(&found[..found.len().min(FOUND_BYTES_MAX)]);
    }

    /// The session in this row waits no longer: what was at the place of what came instead, if that is
    /// kept.
    pub(super) fn take(&mut self, row: u32) -> Option<Option<&[u8]>> {
        self.until.take_if(|_| self.row == row)?;
        Some(self.is_found.then_some(&self.found[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_session_s_is_kept_until_it_waits_no_longer() {
        let (mut instead, within) = (Instead::default(), Ticks::from_raw(100));
        let at = |ticks: u32| Tick::from_raw(u32::MAX - 50) + Ticks::from_raw(ticks);
        assert_eq!(instead.take(0), None);
        instead.keep(7, Some(b"a"), at(0), within);
        instead.keep(8, Some(b"b"), at(99), within);
        assert_eq!(instead.take(8), None);
        instead.keep(8, None, at(100), within);
        assert_eq!(instead.take(7), None);
        assert_eq!(instead.take(8), Some(None));
        assert_eq!(instead.take(8), None, "it was asked for");
        instead.keep(7, Some(b"a"), at(101), within);
        assert_eq!(instead.take(7), Some(Some(&b"a"[..])));
    }

    #[test]
    fn values_are_shown_as_they_could_be_written() {
        assert_eq!(shown(b"43x"), "\"43x\"");
        assert_eq!(shown(b"\xc0\x00"), "{hex:c0 00}");
        assert_eq!(shown("가".repeat(200).as_bytes()).chars().count(), 123);
    }
}
