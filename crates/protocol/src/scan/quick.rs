//! Reads the first two members of a message by position, which is enough for most broadcasts.
//!
//! Checks nothing behind what it returns. Invariant: what it returns, a whole scan would find too.

use super::text;

/// When `message` starts with `{"<key>":"<text>"` without escapes: the text and what follows its
/// closing quote. `None` says nothing: use the [`super::Scanner`].
#[inline]
pub fn quick_text<'m>(message: &'m [u8], key: &str) -> Option<(&'m [u8], &'m [u8])> {
    let value = after_key(message, b'{', key)?.strip_prefix(b"\"")?;
    let (text, rest) = value.split_at_checked(text::plain_len(value))?;
    Some((text, rest.strip_prefix(b"\"")?))
}

/// When `rest` (from [`quick_text`]) starts with `,"<key>":<unsigned integer>` followed by `,` or
/// `}`: the integer. `None` says nothing.
#[inline]
pub fn quick_integer(rest: &[u8], key: &str) -> Option<u64> {
    let digits = after_key(rest, b',', key)?;
    let mut value = 0u64;
    for (len, &byte) in digits.iter().enumerate() {
        if matches!(byte, b',' | b'}') {
            // JSON has no leading zeros.
            let is_number = len == 1 || (len > 1 && digits.first() != Some(&b'0'));
            return is_number.then_some(value);
        }
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    None
}

/// What follows `<opening>"<key>":`.
#[inline]
fn after_key<'m>(bytes: &'m [u8], opening: u8, key: &str) -> Option<&'m [u8]> {
    let (&[first, quote], rest) = bytes.split_first_chunk()?;
    if (first, quote) != (opening, b'"') {
        return None;
    }
    rest.strip_prefix(key.as_bytes())?.strip_prefix(b"\":")
}
