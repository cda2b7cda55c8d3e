//! Inside strings (RFC 8259, section 7): where plain bytes end, and what escapes stand for.

/// Bytes at the start of `bytes` that stand for themselves: up to a quote, a backslash or a control
/// character. Eight at a time, as most of a message is inside strings.
#[inline]
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let ends = mark_ends(u64::from_le_bytes(*word));
        if ends != 0 {
            return i * 8 + ends.trailing_zeros() as usize / 8;
        }
    }
    let is_end = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    words.len() * 8 + rest.iter().position(is_end).unwrap_or(rest.len())
}

/// Sets the high bit of bytes that are not plain. Exact up to the lowest of them, which is all that
/// is asked; a borrow may mark plain bytes above it.
#[inline]
fn mark_ends(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_quote | is_backslash | is_control) & HIGH_BITS
}

/// The place in an escape, if in one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Escapes {
    place: Place,
    /// Hex digits of the current code unit.
    digits: u8,
    /// The current code unit as far as read.
    unit: u16,
    /// The first half of a surrogate pair, else 0.
    high: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Not in an escape.
    #[default]
    Outside,
    /// After its backslash.
    Backslash,
    /// In the hex digits.
    Unit,
    /// After the first half of a pair: its second half has to follow.
    High,
    /// After the second half's backslash.
    HighBackslash,
}

impl Escapes {
    pub(super) fn is_open(&self) -> bool {
        self.place != Place::Outside
    }

    /// After a backslash.
    pub(super) fn open(&mut self) {
        self.place = Place::Backslash;
    }

    /// Takes a byte of an open escape; a character when it is the last. `None`: it is no escape.
    pub(super) fn take(&mut self, byte: u8) -> Option<Option<char>> {
        match (self.place, byte) {
            (Place::Backslash | Place::HighBackslash, b'u') => self.begin_unit(),
            (Place::Backslash, _) => {
                self.place = Place::Outside;
                return short_escape(byte).map(Some);
            }
            (Place::Unit, _) => return self.take_digit(byte),
            (Place::High, b'\\') => self.place = Place::HighBackslash,
            _ => return None,
        }
        Some(None)
    }

    fn begin_unit(&mut self) {
        self.place = Place::Unit;
        self.digits = 0;
        self.unit = 0;
    }

    fn take_digit(&mut self, byte: u8) -> Option<Option<char>> {
        let digit = char::from(byte).to_digit(16)?;
        self.unit = self.unit << 4 | digit as u16;
        self.digits += 1;
        if self.digits < 4 {
            return Some(None);
        }
        let character = match (std::mem::take(&mut self.high), self.unit) {
            (0, high @ 0xd800..=0xdbff) => {
                self.high = high;
                self.place = Place::High;
                return Some(None);
            }
            (0, unit) => char::from_u32(unit.into()),
            (high, low) => char::decode_utf16([high, low]).next().and_then(Result::ok),
        };
        self.place = Place::Outside;
        character.map(Some)
    }
}

fn short_escape(byte: u8) -> Option<char> {
    Some(match byte {
        b'"' | b'\\' | b'/' => char::from(byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    })
}
