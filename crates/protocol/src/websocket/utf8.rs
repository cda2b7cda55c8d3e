//! UTF-8 over a text that arrives in pieces (RFC 6455, 8.1).
//!
//! Keeps at most three bytes between two pieces. Invariant: a text is refused by the first piece
//! after which it cannot become valid.

use super::violation::Violation;

/// Whether a whole text is UTF-8.
#[inline]
pub fn is_utf8(text: &[u8]) -> bool {
    simdutf8::basic::from_utf8(text).is_ok()
}

/// Bytes at the end of `bytes` that begin a character and do not end it.
fn begun(bytes: &[u8]) -> usize {
    let len_of = |first: u8| match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
        _ => 1,
    };
    let last = bytes.iter().rev().take(3).zip(1..);
    let first = last.filter(|(byte, _)| **byte & 0xc0 != 0x80).map(|(byte, len)| (len_of(*byte), len)).next();
    first.filter(|(wanted, len)| len < wanted).map_or(0, |(_, len)| len)
}

/// Checks UTF-8 over a text that arrives in pieces, keeping at most 3 bytes between them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Check {
    tail: [u8; 3],
    tail_len: u8,
}

impl Utf8Check {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`Violation::BadUtf8`] as soon as the text cannot be completed to valid UTF-8.
    #[inline]
    pub fn feed(&mut self, piece: &[u8]) -> Result<(), Violation> {
        let rest = if self.tail_len == 0 { piece } else { self.complete_character(piece)? };
        let (whole, begun) = rest.split_at(rest.len() - begun(rest));
        let rest = if is_utf8(whole) { begun } else { rest };
        match std::str::from_utf8(rest) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_some() => Err(Violation::BadUtf8),
            Err(error) => {
                for &byte in rest.iter().skip(error.valid_up_to()) {
                    self.keep(byte);
                }
                Ok(())
            }
        }
    }

    /// Ends the text.
    ///
    /// # Errors
    /// [`Violation::BadUtf8`] when a character is left unfinished.
    pub fn finish(self) -> Result<(), Violation> {
        if self.tail_len == 0 { Ok(()) } else { Err(Violation::BadUtf8) }
    }

    /// Ends the character that the last piece began, byte by byte; returns what follows it.
    fn complete_character<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], Violation> {
        let mut rest = piece;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            let [a, b, c] = self.tail;
            let (known, character) = match self.tail_len {
                1 => (2, [a, byte, 0, 0]),
                2 => (3, [a, b, byte, 0]),
                _ => (4, [a, b, c, byte]),
            };
            match std::str::from_utf8(&character[..known]) {
                Ok(_) => {
                    self.tail_len = 0;
                    return Ok(rest);
                }
                Err(error) if error.error_len().is_some() => return Err(Violation::BadUtf8),
                Err(_) => self.keep(byte),
            }
        }
        Ok(rest)
    }

    /// Keeps a byte of an unfinished character; the fourth would have finished it.
    fn keep(&mut self, byte: u8) {
        if let Some(slot) = self.tail.get_mut(usize::from(self.tail_len)) {
            *slot = byte;
            self.tail_len += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text in two pieces is what the standard library says of it whole.
    #[track_caller]
    fn agrees(text: &[u8], cut: usize) {
        let mut check = Utf8Check::default();
        let (one, other) = text.split_at(cut);
        let checked = check.feed(one).and_then(|()| check.feed(other)).and_then(|()| check.finish());
        assert_eq!(checked.is_ok(), std::str::from_utf8(text).is_ok(), "{text:x?} cut at {cut}");
    }

    #[test]
    fn a_text_in_two_pieces_is_what_it_is_whole() {
        const BYTES: [u8; 18] = [
            b'a', 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf4,
            0xf5, 0xff,
        ];
        let mut text = [b'x'; 80];
        for bytes in BYTES.iter().flat_map(|a| BYTES.map(|b| BYTES.map(|c| [*a, b, c]))).flatten() {
            text[62..65].copy_from_slice(&bytes);
            (62..=65).for_each(|cut| agrees(&text[..65], cut));
            agrees(&text, 64);
        }
        let names = "테스트유저13, Ünïcödé und 🏃 im Ziel; ".repeat(3);
        (0..=names.len()).for_each(|cut| agrees(names.as_bytes(), cut));
        (0..names.len()).for_each(|end| agrees(&names.as_bytes()[..end], end / 2));
    }
}
