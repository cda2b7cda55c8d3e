//! Knows a record by its start: by its first bytes, or by its first two or three fields, which is enough
//! for most broadcasts and heartbeats.
//!
//! Checks nothing behind what it returns. Invariant: what it returns, the whole pass would find too.

use super::judge::Brief;
use super::rule::{Rule, Want};
use super::{Place, Wanted, text};

/// A number of at most this many digits fits 64 bits.
const INTEGER_DIGITS_MAX: usize = 19;

/// The first rules, as far as the start of a record tells them apart.
#[derive(Clone, Debug)]
pub(super) struct Starts {
    /// Those that ask for bytes.
    texts: Vec<Text>,
    /// Those that follow, and ask for the first field of an object.
    types: Option<Types>,
}

#[derive(Clone, Debug)]
struct Text {
    text: Box<[u8]>,
    /// The record is no longer.
    is_whole: bool,
    /// Nothing is wanted beyond being found.
    is_all: bool,
}

/// The rules that the first field of an object tells apart.
#[derive(Clone, Debug)]
struct Types {
    /// Where the first field's text begins.
    text_at: usize,
    /// Those that are known by their start.
    known: Vec<Type>,
}

/// A rule with all that stands before the first value that it wants: one comparison tells it.
#[derive(Clone, Debug)]
struct Type {
    rule: u8,
    /// `{"type":"PONG"`, or `{"type":"USER_ENTERED","userId":`.
    start: Box<[u8]>,
    /// The first byte of its text: most other records have another one.
    mark: u8,
    wants: Wants,
}

/// What a rule wants beyond being found.
#[derive(Clone, Debug)]
enum Wants {
    Nothing,
    /// One field of the same object, the next one.
    Field,
    /// Two of them; the second has this key and is the value of this place.
    Fields(Box<[u8]>, u8),
}

/// What the first fields tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quick<'r> {
    /// The rule.
    pub rule: u8,
    /// The one value that it wants, or the first of two: an integer without sign, and its digits.
    pub integer: Option<(u64, &'r [u8])>,
    /// The second, a number without sign and exponent, and the place whose value it is.
    pub second: Option<(u8, &'r [u8])>,
}

impl Starts {
    /// `None` where the first rule asks for anything else.
    pub(super) fn of(rules: &[Rule], briefs: &[Brief], wanted: &[Wanted]) -> Option<Self> {
        let texts: Vec<Text> =
            rules.iter().zip(briefs).map_while(|(rule, brief)| Text::of(rule, brief)).collect();
        let types = Types::of(rules, texts.len(), briefs, wanted);
        (!texts.is_empty() || types.is_some()).then_some(Self { texts, types })
    }

    #[inline]
    pub(super) fn read<'r>(&self, record: &'r [u8]) -> Option<Quick<'r>> {
        for (rule, text) in self.texts.iter().enumerate() {
            if text.is_met_by(record) {
                return text.is_all.then_some(Quick { rule: rule as u8, integer: None, second: None });
            }
        }
        self.types.as_ref()?.read(record)
    }
}

impl Text {
    /// Of a rule that asks for the whole record or its start alone.
    fn of(rule: &Rule, brief: &Brief) -> Option<Self> {
        let Rule { is, starts, contains: None, fields, spans, .. } = rule else { return None };
        let (text, is_whole) = match (is, starts) {
            _ if !fields.is_empty() || !spans.is_empty() => return None,
            (Some(text), None) => (text, true),
            (None, Some(text)) if !text.is_empty() => (text, false),
            _ => return None,
        };
        Some(Self { text: text.as_slice().into(), is_whole, is_all: brief.slots == 0 })
    }

    #[inline]
    fn is_met_by(&self, record: &[u8]) -> bool {
        record.starts_with(&self.text) && (!self.is_whole || record.len() == self.text.len())
    }
}

impl Types {
    /// Of the rules from the `first` on.
    fn of(rules: &[Rule], first: usize, briefs: &[Brief], wanted: &[Wanted]) -> Option<Self> {
        let (key, _) = by_field(rules.get(first)?)?;
        let alike = rules.iter().map(|rule| by_field(rule).filter(|(other, _)| *other == key));
        let alike = alike.zip(briefs).enumerate().skip(first);
        let opening = [b"{\"", key, b"\":\""].concat();
        let mut texts = Vec::new();
        let mut known = Vec::new();
        for (k, text, brief) in alike.map_while(|(k, (by, brief))| Some((k, by?.1, brief))) {
            // Of rules with the same text the first counts.
            if texts.contains(&text) {
                continue;
            }
            texts.push(text);
            known.extend(Type::of((k, text, brief), (key, &opening), wanted));
        }
        Some(Self { text_at: opening.len(), known })
    }

    #[inline]
    fn read<'r>(&self, record: &'r [u8]) -> Option<Quick<'r>> {
        let mark = *record.get(self.text_at)?;
        let is_met = |one: &&Type| one.mark == mark && record.starts_with(&one.start);
        let Type { rule, start, wants, .. } = self.known.iter().find(is_met)?;
        let rest = record.get(start.len()..)?;
        let (integer, second) = match wants {
            Wants::Nothing => (None, None),
            Wants::Field => (Some(integer(rest)?), None),
            Wants::Fields(second, place) => {
                let integer = integer(rest)?;
                let value = after_key(rest.get(integer.1.len()..)?, second)?;
                (Some(integer), Some((*place, number(value)?)))
            }
        };
        Some(Quick { rule: *rule, integer, second })
    }
}

impl Type {
    /// `None` where its start does not say all that is wanted.
    fn of(
        (rule, text, brief): (usize, &[u8], &Brief),
        (key, opening): (&[u8], &[u8]),
        wanted: &[Wanted],
    ) -> Option<Self> {
        let found = [opening, text, b"\""].concat();
        let (start, wants) = match (brief.slots.count_ones(), &fields(rule, brief, wanted)[..]) {
            (0, _) => (found, Wants::Nothing),
            // Of a key that comes twice the first counts, which is the type's own.
            (_, [(_, field)]) if *field != key => (before(&found, field), Wants::Field),
            (_, [(_, field), (place, second)]) if ![*second, key].contains(field) && *second != key => {
                (before(&found, field), Wants::Fields((*second).into(), *place))
            }
            _ => return None,
        };
        let mark = *text.first().unwrap_or(&b'"');
        is_plain(text).then(|| Self { rule: rule as u8, start: start.into(), mark, wants })
    }
}

/// What stands before the value of the next field, which has this key.
fn before(found: &[u8], key: &[u8]) -> Vec<u8> {
    [found, b",\"", key, b"\":"].concat()
}

/// The field at the top that is all that a rule asks for, and what it has to be.
fn by_field(rule: &Rule) -> Option<(&[u8], &[u8])> {
    let Rule { is: None, starts: None, contains: None, fields, .. } = rule else { return None };
    if rule.body_mark().is_some() || !rule.spans.is_empty() {
        return None;
    }
    match &fields[..] {
        [(pointer, Want::Equals(text))] => match pointer.tokens() {
            [key] if is_plain(key.as_bytes()) => Some((key.as_bytes(), text)),
            _ => None,
        },
        _ => None,
    }
}

/// The places whose values are all that is kept for this rule, with their keys; none unless all of them are
/// fields at the top.
fn fields<'w>(rule: usize, brief: &Brief, wanted: &'w [Wanted]) -> Vec<(u8, &'w [u8])> {
    let of_rule = wanted.iter().enumerate().filter(|(_, wanted)| wanted.rules >> rule & 1 == 1);
    let field = |(place, wanted): (usize, &'w Wanted)| match &wanted.place {
        Place::Field(pointer) => match pointer.tokens() {
            [key] if is_plain(key.as_bytes()) => Some((u8::try_from(place).ok()?, key.as_bytes())),
            _ => None,
        },
        Place::After(_) | Place::Span(_) => None,
    };
    let found: Option<Vec<_>> = of_rule.map(field).collect();
    found.filter(|found| brief.slots.count_ones() as usize == found.len()).unwrap_or_default()
}

/// Whether a key is written as it is.
fn is_plain(key: &[u8]) -> bool {
    text::plain_len(key) == key.len()
}

/// What follows `,"<key>":`.
#[inline]
fn after_key<'m>(bytes: &'m [u8], key: &[u8]) -> Option<&'m [u8]> {
    bytes.strip_prefix(b",\"")?.strip_prefix(key)?.strip_prefix(b"\":")
}

/// The unsigned integer that `digits` begins with, up to `,` or `}`, and as it is written.
#[inline]
fn integer(digits: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (len, &byte) in digits.iter().enumerate().take(INTEGER_DIGITS_MAX + 1) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            // JSON has no leading zeros.
            let is_number = len == 1 || (len > 1 && digits.first() != Some(&b'0'));
            return (is_number && matches!(byte, b',' | b'}')).then_some((value, digits.get(..len)?));
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    None
}

/// The number without sign and exponent that `text` begins with, up to `,` or `}`.
#[inline]
fn number(text: &[u8]) -> Option<&[u8]> {
    let mut point = None;
    for (len, &byte) in text.iter().enumerate().take(2 * INTEGER_DIGITS_MAX) {
        match byte {
            b'0'..=b'9' => {}
            b'.' if point.is_none() => point = Some(len),
            b',' | b'}' => {
                let whole = point.unwrap_or(len);
                // JSON has no leading zeros, and digits on both sides of a point.
                let is_number =
                    (whole == 1 || whole > 1 && text.first() != Some(&b'0')) && point != Some(len - 1);
                return is_number.then(|| text.get(..len))?;
            }
            _ => return None,
        }
    }
    None
}
