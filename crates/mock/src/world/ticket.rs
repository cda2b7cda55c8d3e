//! One-time tickets for the WebSocket.
//!
//! Knows neither members' statuses nor sockets; takes the time in real milliseconds, since a
//! ticket's life is not scaled. A ticket is 122 random bits written as a UUID. Invariant: a ticket
//! is redeemed at most once and never after its time.

use std::collections::{HashMap, VecDeque};

use crate::ids::{ChallengeId, Runner};

/// What a ticket admits to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The challenge.
    pub challenge: ChallengeId,
    /// The participation in it.
    pub runner: Runner,
    /// Whether this is a re-entry (ticket type REENTER).
    pub reenter: bool,
}

/// A ticket's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TicketId(u128);

impl TicketId {
    /// A version 4 UUID of these random bits.
    pub fn from_random(bits: u128) -> Self {
        Self(bits & !(0xf000 << 64) & !(0b11 << 62) | (0x4000 << 64) | (0b10 << 62))
    }

    /// Reads the 36-character form; anything else is nobody's ticket.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != 36 {
            return None;
        }
        let mut bits: u128 = 0;
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 8 | 13 | 18 | 23) {
                if *byte != b'-' {
                    return None;
                }
                continue;
            }
            let digit = (*byte as char).to_digit(16)?;
            bits = bits << 4 | u128::from(digit);
        }
        Some(Self(bits))
    }
}

impl std::fmt::Display for TicketId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            (n >> 96) as u32,
            (n >> 80) as u16,
            (n >> 64) as u16,
            (n >> 48) as u16,
            n & 0xffff_ffff_ffff
        )
    }
}

/// The tickets that are out.
#[derive(Debug)]
pub struct Tickets {
    ttl_ms: u64,
    out: HashMap<TicketId, (Pass, u64)>,
    /// In the order of issue, which is the order of expiry: the time to live is constant.
    expiring: VecDeque<(u64, TicketId)>,
}

impl Tickets {
    /// No tickets; each will live for `ttl_ms`.
    pub fn new(ttl_ms: u64) -> Self {
        Self { ttl_ms, out: HashMap::new(), expiring: VecDeque::new() }
    }

    /// Issues a ticket, and forgets the oldest ones that are redeemed or over their time.
    pub fn issue(&mut self, pass: Pass, random: u128, real_ms: u64) -> TicketId {
        self.forget_oldest(real_ms);
        let id = TicketId::from_random(random);
        let expires_ms = real_ms.saturating_add(self.ttl_ms);
        self.out.insert(id, (pass, expires_ms));
        self.expiring.push_back((expires_ms, id));
        id
    }

    /// Takes a ticket in: `None` when it is spent, unknown or expired.
    pub fn redeem(&mut self, id: TicketId, real_ms: u64) -> Option<Pass> {
        let (pass, expires_ms) = self.out.remove(&id)?;
        (real_ms < expires_ms).then_some(pass)
    }

    /// Tickets out, some perhaps expired.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether none is out.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Most tickets are redeemed within a second: without those the queue is short, whatever the
    /// time to live.
    fn forget_oldest(&mut self, real_ms: u64) {
        while let Some((expires_ms, id)) = self.expiring.front() {
            if *expires_ms > real_ms && self.out.contains_key(id) {
                break;
            }
            self.out.remove(id);
            self.expiring.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass() -> Pass {
        Pass { challenge: ChallengeId(1), runner: Runner(0), reenter: false }
    }

    #[test]
    fn a_ticket_reads_back_as_written() {
        let id = TicketId::from_random(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let text = id.to_string();
        assert_eq!(text, "01234567-89ab-4def-8123-456789abcdef");
        assert_eq!(TicketId::parse(&text), Some(id));
        assert_eq!(TicketId::parse("01234567-89ab-4def-8123-456789abcdeg"), None);
        assert_eq!(TicketId::parse(""), None);
        assert_eq!(TicketId::parse("테스트"), None);
    }

    #[test]
    fn a_ticket_works_once() {
        let mut tickets = Tickets::new(30_000);
        let id = tickets.issue(pass(), 1, 0);
        assert_eq!(tickets.redeem(id, 29_999), Some(pass()));
        assert_eq!(tickets.redeem(id, 29_999), None);
    }

    #[test]
    fn redeemed_tickets_are_not_kept_until_their_time() {
        let mut tickets = Tickets::new(30_000);
        for n in 0..1_000 {
            let id = tickets.issue(pass(), n, 0);
            tickets.redeem(id, 0);
        }
        assert!(tickets.expiring.len() <= 1, "{}", tickets.expiring.len());
    }

    #[test]
    fn a_ticket_dies_at_its_time_and_is_forgotten() {
        let mut tickets = Tickets::new(30_000);
        let id = tickets.issue(pass(), 1, 0);
        assert_eq!(tickets.redeem(id, 30_000), None);
        for n in 0..100 {
            tickets.issue(pass(), n, u64::from(n as u32) * 10_000);
        }
        assert!(tickets.len() <= 4, "only those of the last 30 s are kept, not {}", tickets.len());
    }
}
