//! What was found in a record, for whoever wants values of it.
//!
//! Types alone. Invariant: a place that was asked for when the scenario was compiled has a value or
//! none, never another place's.

use startline_protocol::matching::{Matching, Quick, Value};

use crate::members::{MemberId, Members};
use crate::scenario::kinds::{Kinds, PlaceIndex};
use crate::scenario::presence::Subject;

/// What was found in a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'r> {
    pub(super) kinds: &'r Kinds,
    pub(super) found: Found<'r>,
    /// The whole record if it lay in one piece, else its first bytes.
    pub(super) start: &'r [u8],
    /// The message is text.
    pub(super) is_text: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'r> {
    Nothing,
    /// The one value that is wanted.
    Quick(Quick<'r>),
    Matched(&'r Matching),
}

impl<'r> Values<'r> {
    /// The value at this place; none of a null, an object or an array, and none that is too long.
    pub(super) fn value(&self, place: PlaceIndex) -> Option<Value<'r>> {
        match self.found {
            Found::Nothing => None,
            Found::Quick(Quick { second: Some((at, number)), .. }) if at == place.0 => {
                Some(Value::Number(number))
            }
            Found::Quick(quick) => quick.integer.map(|(_, digits)| Value::Number(digits)),
            Found::Matched(matching) => matching.value(&self.kinds.matcher, usize::from(place.0)),
        }
    }

    /// What the value at this place says.
    pub(super) fn get(&self, place: PlaceIndex) -> Option<&'r [u8]> {
        self.value(place).map(Value::bytes)
    }

    /// Whether a value is there that is longer than is kept.
    pub(super) fn is_too_long(&self, place: PlaceIndex) -> bool {
        match self.found {
            Found::Matched(matching) => matching.is_too_long(&self.kinds.matcher, usize::from(place.0)),
            Found::Nothing | Found::Quick(_) => false,
        }
    }

    /// The member whom a record is about.
    pub(super) fn member(&self, subject: &Subject, members: &Members) -> Option<MemberId> {
        match self.found {
            // Every broadcast's; it has been parsed.
            Found::Quick(Quick { integer: Some((id, _)), .. })
                if subject.is_bare() && !members.has_text_ids() =>
            {
                Some(MemberId(id))
            }
            _ => member(self.value(subject.at)?, subject, members),
        }
    }

    /// The whole record if it lay in one piece, else its first bytes.
    pub(super) fn start(&self) -> &'r [u8] {
        self.start
    }

    pub(super) fn is_text(&self) -> bool {
        self.is_text
    }
}

/// Who is in no run. Where ids are text, somebody else's cannot be told from a malformed one.
const NOBODY: MemberId = MemberId(u64::MAX);

/// The member that a value names: its id alone, or within the text that the scenario says.
pub(super) fn member(value: Value<'_>, subject: &Subject, members: &Members) -> Option<MemberId> {
    match (value, members.has_text_ids()) {
        (Value::Number(digits), false) if subject.is_bare() => number(digits),
        (_, has_text_ids) => {
            let found = members.find(subject.id_in(std::str::from_utf8(value.bytes()).ok()?)?);
            found.or(has_text_ids.then_some(NOBODY))
        }
    }
}

/// Of a number as JSON writes it, digits alone are an integer without sign.
fn number(digits: &[u8]) -> Option<MemberId> {
    let add = |sum: u64, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { sum.checked_mul(10)?.checked_add(digit.into()) }
    };
    digits.iter().try_fold(0, add).map(MemberId)
}
