//! Renders templates: what each part is for a session at an instant.
//!
//! Knows no names. Invariant: rendering appends to `out` and allocates nothing else.

use std::ops::Range;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, URL_SAFE_NO_PAD};
use startline_protocol::matching::Integer;

use super::{Filter, Formatted, Part, Template, Width};
use crate::draw;
use crate::members::{MemberId, Members, SessionNumber};
use crate::scenario::runner::{Runner, push_km};

/// What a template may refer to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// The member's id.
    pub member_id: MemberId,
    /// The member's challenge.
    pub challenge_id: u64,
    /// The session's number in the run.
    pub session: SessionNumber,
    /// Unix time in milliseconds.
    pub now_ms: u64,
    /// Milliseconds since the session opened; 0 before.
    pub held_ms: u64,
    /// Times this message has been sent before.
    pub sequence: u32,
    /// The mean interval of this periodic message, in milliseconds; 0: it is none.
    pub interval_ms: u64,
    /// Values taken from answers.
    pub taken: Taken<'a>,
    /// The run's members, if their rows have values.
    pub members: Option<&'a Members>,
    /// The run's seed.
    pub seed: u64,
}

/// Values taken from answers, by index; empty where not taken yet.
#[derive(Clone, Copy, Debug)]
pub enum Taken<'a> {
    /// All of them, one after the other.
    All(&'a [String]),
    /// Those that are kept while the session is open, as [`Taken::pack`] puts them.
    Packed {
        /// How many values are taken in all.
        count: u8,
        /// The indices of those that are kept, in order.
        kept: &'a [u8],
        /// Each with its length before it, in two bytes.
        bytes: &'a [u8],
    },
    /// What a message carries, and what there is beside that.
    With {
        /// Index and text of its own, which come first.
        own: &'a [(u8, &'a str)],
        /// All others.
        rest: &'a Taken<'a>,
    },
}

impl Default for Taken<'_> {
    fn default() -> Self {
        Self::All(&[])
    }
}

impl<'a> From<&'a [String]> for Taken<'a> {
    fn from(values: &'a [String]) -> Self {
        Self::All(values)
    }
}

impl<'a> Taken<'a> {
    /// None of this many.
    pub fn none(count: usize) -> Self {
        Self::Packed { count: count as u8, kept: &[], bytes: &[] }
    }

    /// How many values are taken from answers: an index beyond is a column's.
    fn count(self) -> usize {
        match self {
            Self::All(values) => values.len(),
            Self::Packed { count, .. } => usize::from(count),
            Self::With { rest, .. } => rest.count(),
        }
    }

    /// The value of this index, if it is one.
    pub fn get(self, index: u8) -> Option<&'a str> {
        match self {
            Self::All(values) => values.get(usize::from(index)).map(String::as_str),
            Self::Packed { kept, bytes, .. } => {
                let place = kept.iter().position(|known| *known == index)?;
                std::str::from_utf8(pieces(bytes).nth(place)?).ok()
            }
            Self::With { own, rest } => match own.iter().find(|(known, _)| *known == index) {
                Some((_, text)) => Some(text),
                None => rest.get(index),
            },
        }
    }

    /// Puts the values of these indices behind each other.
    pub fn pack(values: &[String], kept: &[u8]) -> Box<[u8]> {
        let mut packed = Vec::new();
        for index in kept {
            let value = values.get(usize::from(*index)).map_or("", String::as_str);
            // Taken values are 8 KiB at most.
            let len = value.len().min(usize::from(u16::MAX));
            packed.extend((len as u16).to_le_bytes());
            packed.extend_from_slice(&value.as_bytes()[..len]);
        }
        packed.into_boxed_slice()
    }
}

/// What stands behind each length.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = bytes.split_first_chunk()?;
        let (piece, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))?;
        bytes = rest;
        Some(piece)
    })
}

impl<'a> Scope<'a> {
    /// The value of this index, taken from an answer or of the member's row; empty if it is neither.
    pub fn value(&self, index: u8) -> &'a str {
        if let Some(value) = self.taken.get(index) {
            return value;
        }
        let column = usize::from(index).checked_sub(self.taken.count());
        column.and_then(|column| self.members?.cell(self.session, column)).unwrap_or_default()
    }
}

impl Template {
    /// Appends the text to `out`.
    pub fn render(&self, scope: &Scope<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Literal(bytes) => out.extend_from_slice(bytes),
                Part::Secret(secret) => out.extend_from_slice(secret.value.as_bytes()),
                Part::MemberId => push_integer(out, scope.member_id.0),
                Part::ChallengeId => push_integer(out, scope.challenge_id),
                Part::Session => push_integer(out, u64::from(scope.number())),
                Part::NowMs => push_integer(out, scope.now_ms),
                Part::NowS => push_integer(out, scope.now_ms / 1_000),
                Part::NowIso => push_instant(out, scope.now_ms),
                Part::HeldMs => push_integer(out, scope.held_ms),
                Part::Sequence => push_integer(out, u64::from(scope.sequence)),
                Part::DistanceKm(runner) => push_km(out, scope.distance_cm(*runner)),
                Part::OwnPace(runner) => {
                    push_integer(out, u64::from(runner.pace(scope.seed, scope.number())));
                }
                Part::Taken(index) => out.extend_from_slice(scope.value(*index).as_bytes()),
                Part::Random { salt, first, last } => push_integer(out, scope.random(*salt, *first, *last)),
                Part::Uuid { salt } => push_uuid(out, [scope.draw(*salt), scope.draw(!*salt)]),
                Part::Formatted(it) => it.render(scope, out),
            }
        }
    }
}

impl Scope<'_> {
    /// How far this runner is, in centimetres: after this many intervals where the message is a
    /// periodic one, so that every run of a plan sends the same.
    pub fn distance_cm(&self, runner: Runner) -> u64 {
        let run_ms = match self.interval_ms {
            0 => self.held_ms,
            interval => (u64::from(self.sequence) + 1).saturating_mul(interval),
        };
        runner.distance_cm(self.seed, self.number(), run_ms)
    }

    /// The session's number in the whole plan, of which this run may be a part.
    fn number(&self) -> u32 {
        self.members.map_or(self.session, |members| members.number(self.session)).0
    }

    fn draw(&self, salt: u64) -> u64 {
        draw::drawn(self.seed, salt, self.number(), u64::from(self.sequence))
    }

    /// A number from `first` to `last`. A range of 64 bits would not fit its own size.
    fn random(&self, salt: u64, first: u64, last: u64) -> u64 {
        let size = u128::from(last - first) + 1;
        // The high half of the product is even over the range to a 2⁻⁶⁴th.
        first + ((u128::from(self.draw(salt)) * size) >> 64) as u64
    }
}

impl Formatted {
    fn render(&self, scope: &Scope<'_>, out: &mut Vec<u8>) {
        let from = out.len();
        self.inner.render(scope, out);
        match self.width {
            Some(Width::Digits(digits)) => pad(out, from, usize::from(digits)),
            Some(Width::Bytes(integer)) => push_bytes(out, from, integer),
            None => {}
        }
        for filter in &self.filters {
            filter.apply(scope, out, from);
        }
    }
}

/// Replaces the decimal number that stands from there on by its bytes.
fn push_bytes(out: &mut Vec<u8>, from: usize, integer: Integer) {
    let number = out[from..]
        .iter()
        .fold(0_u64, |sum, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0'))));
    out.truncate(from);
    integer.write(number, out);
}

/// The value of a hexadecimal digit; 0 of what is none.
fn nibble(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or_default() as u8
}

/// Puts zeros before what stands from there on, until it is so long.
fn pad(out: &mut Vec<u8>, from: usize, len: usize) {
    let missing = len.saturating_sub(out.len() - from);
    out.resize(out.len() + missing, b'0');
    out[from..].rotate_right(missing);
}

impl Filter {
    /// Replaces what stands in `out` from there on by its encoding.
    fn apply(&self, scope: &Scope<'_>, out: &mut Vec<u8>, from: usize) {
        let end = out.len();
        match self {
            Self::Url => push_each(out, from..end, |out, byte| push_percent(out, byte, b"-._~")),
            Self::Form => push_each(out, from..end, |out, byte| match byte {
                b' ' => out.push(b'+'),
                byte => push_percent(out, byte, b"*-._"),
            }),
            Self::Json => push_each(out, from..end, push_escaped),
            Self::Base64 => push_base64(out, from, &STANDARD, true),
            Self::Base64Url => push_base64(out, from, &URL_SAFE_NO_PAD, false),
            Self::Sha256 => {
                let digest = digest::digest(&digest::SHA256, &out[from..]);
                push_hex(out, digest.as_ref());
            }
            Self::Length => push_integer(out, (end - from) as u64),
            Self::Bytes => {
                for at in (from..end).step_by(2) {
                    let low = if at + 1 < end { nibble(out[at + 1]) } else { 0 };
                    out.push(nibble(out[at]) << 4 | low);
                }
            }
            Self::Integer(integer) => return push_bytes(out, from, *integer),
            Self::Hmac(key) => {
                key.render(scope, out);
                let (text, key) = out[from..].split_at(end - from);
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
                out.truncate(end);
                push_hex(out, tag.as_ref());
            }
        }
        out.drain(from..end);
    }
}

/// Appends what each byte of a range becomes.
fn push_each(out: &mut Vec<u8>, range: Range<usize>, push: impl Fn(&mut Vec<u8>, u8)) {
    for at in range {
        let byte = out[at];
        push(out, byte);
    }
}

/// Appends the base64 of what stands from there on.
fn push_base64(out: &mut Vec<u8>, from: usize, engine: &GeneralPurpose, is_padded: bool) {
    let end = out.len();
    let len = base64::encoded_len(end - from, is_padded).unwrap_or_default();
    out.resize(end + len, 0);
    let (plain, encoded) = out.split_at_mut(end);
    // It is exactly as long as it has to be.
    let _ = engine.encode_slice(&plain[from..], encoded);
}

/// Appends bytes as hexadecimal digits.
fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let digit = |nibble: u8| HEX[usize::from(nibble)].to_ascii_lowercase();
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

fn push_percent(out: &mut Vec<u8>, byte: u8, plain: &[u8]) {
    match byte.is_ascii_alphanumeric() || plain.contains(&byte) {
        true => out.push(byte),
        false => out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
    }
}

/// A byte as it stands in a JSON string (RFC 8259, 7).
fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' | b'\\' => out.extend([b'\\', byte]),
        b'\n' => out.extend(b"\\n"),
        b'\r' => out.extend(b"\\r"),
        b'\t' => out.extend(b"\\t"),
        ..0x20 => {
            out.extend(b"\\u00");
            out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        _ => out.push(byte),
    }
}

/// Appends a UUID: 122 random bits, the version and the variant (RFC 9562, 5.4).
fn push_uuid(out: &mut Vec<u8>, [high, low]: [u64; 2]) {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let bits = u128::from(high) << 64 | u128::from(low);
    for nibble in (0..32).rev() {
        if matches!(nibble, 23 | 19 | 15 | 11) {
            out.push(b'-');
        }
        out.push(HEX[(bits >> (4 * nibble)) as usize & 15].to_ascii_lowercase());
    }
}

/// Appends `value` in decimal: digits from the back of a stack buffer, no allocation and no `fmt`.
fn push_integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends Unix milliseconds as a date and time in UTC (RFC 3339).
fn push_instant(out: &mut Vec<u8>, unix_ms: u64) {
    let (days, of_day) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    // Years begin in March, so that the leap day is their last, and eras of 400 of them are alike.
    let from_era = days + 719_468;
    let (era, day) = (from_era / 146_097, from_era % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let fields = [
        (era * 400 + year + later, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b'T'),
        (of_day / 3_600_000, 2, b':'),
        (of_day / 60_000 % 60, 2, b':'),
        (of_day / 1_000 % 60, 2, b'.'),
        (of_day % 1_000, 3, b'Z'),
    ];
    for (value, digits, end) in fields {
        let from = out.len();
        push_integer(out, value);
        pad(out, from, digits);
        out.push(end);
    }
}
