//! UTF-8 over a text that arrives in pieces (RFC 6455, 8.1).
//!
//! Keeps at most three bytes between two pieces. Invariant: a text is refused by the first piece
//! after which it cannot become valid.

use super::violation::Violation;

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
