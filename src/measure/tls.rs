//! Counts of TLS handshakes, tickets and key updates.
//!
//! Kept by the numbers on the wire; `report` names them. Invariant: every finished handshake is in
//! exactly one of `full` and `resumed`, in one version, one suite and at most one group.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A TLS handshake that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// It went on with an earlier session, without a certificate.
    pub resumed: bool,
    /// The version's number: 0x0304 is TLS 1.3.
    pub version: u16,
    /// The cipher suite's number.
    pub suite: u16,
    /// The key exchange group's number; 0 where there was none.
    pub group: u16,
}

/// Handshakes, tickets and key updates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsCounts {
    /// Handshakes with a certificate.
    pub full: u64,
    /// Handshakes that resumed an earlier session.
    pub resumed: u64,
    /// Handshakes by the version's number.
    pub versions: BTreeMap<u16, u64>,
    /// Handshakes by the cipher suite's number.
    pub suites: BTreeMap<u16, u64>,
    /// Handshakes by the group's number.
    pub groups: BTreeMap<u16, u64>,
    /// Session tickets received.
    pub tickets: u64,
    /// Times that a server changed its key.
    pub key_updates: u64,
}

impl TlsCounts {
    /// Adds a handshake.
    pub fn record(&mut self, handshake: Handshake) {
        match handshake.resumed {
            true => self.resumed += 1,
            false => self.full += 1,
        }
        *self.versions.entry(handshake.version).or_default() += 1;
        *self.suites.entry(handshake.suite).or_default() += 1;
        if handshake.group != 0 {
            *self.groups.entry(handshake.group).or_default() += 1;
        }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.full += other.full;
        self.resumed += other.resumed;
        self.tickets += other.tickets;
        self.key_updates += other.key_updates;
        let maps = [
            (&mut self.versions, &other.versions),
            (&mut self.suites, &other.suites),
            (&mut self.groups, &other.groups),
        ];
        for (mine, theirs) in maps {
            for (number, count) in theirs {
                *mine.entry(*number).or_default() += count;
            }
        }
    }

    /// Handshakes that are over.
    pub fn handshakes(&self) -> u64 {
        self.full + self.resumed
    }
}
