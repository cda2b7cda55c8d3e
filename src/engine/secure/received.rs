//! The outcome of one record.
//!
//! Data only. Invariant: what it points to is valid until the next record of the same worker.

use crate::measure::Handshake;

/// What a record led to. Bytes that are to be sent have been appended to the caller's buffer.
#[derive(Debug, Default)]
pub struct Received {
    /// The handshake is over, and was this.
    pub handshake: Option<Handshake>,
    /// Where in the record, or in [`super::Secure::plain`], the application data is.
    pub data: Data,
    /// The peer sends no more (close_notify).
    pub closed: bool,
    /// Session tickets that came.
    pub tickets: u32,
    /// Whether the peer has changed its key.
    pub key_updated: bool,
}

/// Application data of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Data {
    /// None.
    #[default]
    None,
    /// This many bytes of the record, from its header's end on: it was opened in place.
    InPlace(usize),
    /// All of [`super::Secure::plain`].
    Plain,
}
