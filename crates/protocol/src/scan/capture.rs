//! The start of the string or number being read, unescaped, inline.

use super::{CAPTURE_BYTES_MAX, ScanError};

/// At most [`CAPTURE_BYTES_MAX`] bytes. What comes after a cut is dropped, even if it would fit.
#[derive(Clone, Debug)]
pub(super) struct Capture {
    bytes: [u8; CAPTURE_BYTES_MAX],
    len: u8,
    cut: bool,
}

const _: () = assert!(CAPTURE_BYTES_MAX <= u8::MAX as usize, "the length is a u8");

impl Capture {
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.cut = false;
    }

    /// Takes bytes that may begin or end inside a character.
    pub(super) fn push(&mut self, part: &[u8]) {
        let room = if self.cut { 0 } else { self.bytes.len() - usize::from(self.len) };
        let fitting = part.get(..room).unwrap_or(part);
        if let Some(slots) = self.bytes.get_mut(self.len.into()..usize::from(self.len) + fitting.len()) {
            slots.copy_from_slice(fitting);
            self.len += fitting.len() as u8;
        }
        self.cut |= part.len() > room;
    }

    /// Takes a whole character, or nothing of it.
    pub(super) fn push_whole(&mut self, character: &[u8]) {
        if usize::from(self.len) + character.len() <= self.bytes.len() {
            self.push(character);
        } else {
            self.cut = true;
        }
    }

    /// What has been taken, cut at a character; refused when it is not UTF-8.
    pub(super) fn text(&self) -> Result<&str, ScanError> {
        let kept = self.kept();
        match std::str::from_utf8(kept) {
            Ok(text) => Ok(text),
            Err(error) if self.cut && error.error_len().is_none() => {
                std::str::from_utf8(kept.get(..error.valid_up_to()).unwrap_or_default()).or(Err(ScanError))
            }
            Err(_) => Err(ScanError),
        }
    }

    /// What has been taken, if that is all.
    pub(super) fn uncut(&self) -> Result<Option<&str>, ScanError> {
        if self.cut { Ok(None) } else { self.text().map(Some) }
    }

    fn kept(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self { bytes: [0; CAPTURE_BYTES_MAX], len: 0, cut: false }
    }
}
