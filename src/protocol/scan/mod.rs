//! Finding a few values in a JSON message without building it, over any split.
//!
//! Most inbound traffic is broadcasts of some 140 bytes whose `type` comes first: [`quick_text`] and
//! [`quick_integer`] read those in a few nanoseconds. Everything else goes through [`Scanner`], which
//! keeps its place between pieces and never buffers a message. Knows nothing of what the values mean.
//! Invariant: on valid JSON it finds exactly what serde_json would; nesting and captures are bounded.

/// A place in a message whose value is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// The member of this name of the top-level object: `/type`.
    Member(String),
    /// In the top-level member `array`, an array of objects, this member of each element:
    /// `/participants/*/userId`.
    EachMember {
        /// The array's name at the top level.
        array: String,
        /// The member's name in each element.
        member: String,
    },
}

/// A value found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A string, unescaped; cut (at a character) to [`CAPTURE_BYTES_MAX`].
    Text(&'a str),
    /// A number as written.
    Number(&'a str),
    /// true, false, null, an object or an array.
    Other,
}

/// Bytes of a captured string or number kept at most.
pub const CAPTURE_BYTES_MAX: usize = 64;

/// Containers open at once at most; deeper messages are refused.
pub const DEPTH_MAX: u8 = 64;

/// The message is not JSON, not an object at the top, or too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is not a JSON object that can be read")]
pub struct ScanError;

/// Reads a message in pieces and reports the values at the paths.
#[derive(Clone, Debug, Default)]
pub struct Scanner {}

impl Scanner {
    /// A scanner at the start of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece, calling `found(index into paths, value)` for each value that it completes.
    ///
    /// # Errors
    /// [`ScanError`], after which the scanner is useless.
    pub fn feed(
        &mut self,
        paths: &[Path],
        piece: &[u8],
        found: &mut dyn FnMut(usize, Value<'_>),
    ) -> Result<(), ScanError> {
        let _ = (paths, piece, found);
        todo!()
    }

    /// Ends the message.
    ///
    /// # Errors
    /// [`ScanError`] when it is not complete.
    pub fn finish(&self) -> Result<(), ScanError> {
        todo!()
    }
}

/// When `message` starts with `{"<key>":"<text>"` without escapes: the text and what follows its
/// closing quote. `None` says nothing: use the [`Scanner`].
pub fn quick_text<'m>(message: &'m [u8], key: &str) -> Option<(&'m [u8], &'m [u8])> {
    let _ = (message, key);
    todo!()
}

/// When `rest` (from [`quick_text`]) starts with `,"<key>":<unsigned integer>` followed by `,` or `}`:
/// the integer. `None` says nothing.
pub fn quick_integer(rest: &[u8], key: &str) -> Option<u64> {
    let _ = (rest, key);
    todo!()
}
