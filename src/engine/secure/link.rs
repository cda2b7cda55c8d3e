//! The place of a row's TLS state, in four bytes.
//!
//! Knows no connection. Invariant: a [`Link`] gives back the [`At`] that it was made of.

use startline_protocol::tls::Handle;

/// What a row's connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Not secure, or none.
    Plain,
    /// TCP is to come up; the host's index.
    Dialing(u32),
    /// A rustls object, by key.
    Rustls(usize),
    /// Secrets.
    Held(Handle),
}

/// An [`At`] in four bytes: two bits for the kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Link(u32);

impl Link {
    const KIND_SHIFT: u32 = 30;
    const VALUE_MASK: u32 = (1 << Self::KIND_SHIFT) - 1;

    pub(super) fn new(at: At) -> Self {
        let (kind, value) = match at {
            At::Plain => (0, 0),
            At::Dialing(host) => (1, host),
            At::Rustls(key) => (2, key as u32),
            At::Held(handle) => (3, handle.to_bits()),
        };
        assert!(value <= Self::VALUE_MASK, "a worker has fewer than 2^29 sessions");
        Self(kind << Self::KIND_SHIFT | value)
    }

    pub(super) fn at(self) -> At {
        let value = self.0 & Self::VALUE_MASK;
        match (self.0 >> Self::KIND_SHIFT, Handle::from_bits(value)) {
            (1, _) => At::Dialing(value),
            (2, _) => At::Rustls(value as usize),
            (3, Some(handle)) => At::Held(handle),
            _ => At::Plain,
        }
    }
}
