//! Updates: what a session's periodic message (RECORD) has every other member of its challenge
//! receive (PARTICIPANT_UPDATE), by pair.
//!
//! Knows no message, only that one was sent or received and a key of what it says. Invariants: each
//! update of each pair counts once, so that a duplicate never hides a loss; which ones are expected
//! follows from whole seconds of the run alone ([`SETTLES_SECONDS`], `OPEN_SECONDS`), so that both
//! sides of the account have the same ones; nothing is allocated for a message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::observers::ObserverRows;
use crate::members::{MemberId, MemberName, Members, SessionNumber};

mod tally;

pub use tally::{SETTLES_SECONDS, UpdateSums, UpdateTally};

/// An observer expects updates of messages sent from the second second after it opened: by then the
/// server has registered it, whatever two workers' clocks say within a turn.
const OPEN_SECONDS: u32 = 2;
/// Messages of a session that updates can still be told by.
const RECENT: usize = 8;
/// Seconds in which an observer's updates are counted apart: those that its close may take back.
const OPEN_ENDED: usize = SETTLES_SECONDS as usize + 1;
/// It observes nothing now.
const NEVER: u32 = u32::MAX;
/// Missing updates kept by name.
const SAMPLES_MAX: usize = 20;

/// The last messages of each session, for all workers: written by its own, read by all.
#[derive(Debug)]
pub struct Recent {
    sessions: Vec<Ring>,
}

/// A session's last messages, in a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Ring([AtomicU64; RECENT]);

/// A message that a session sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sent {
    key: u32,
    /// Which one it is, from 1 and around.
    number: u16,
    /// The last 16 bits of the second in which it was sent.
    second: u16,
}

impl Sent {
    fn packed(self) -> u64 {
        u64::from(self.key) << 32 | u64::from(self.number) << 16 | u64::from(self.second)
    }

    fn of(packed: u64) -> Option<Self> {
        let all = Self { key: (packed >> 32) as u32, number: (packed >> 16) as u16, second: packed as u16 };
        (packed != 0).then_some(all)
    }

    /// The whole second, which is not after `now` but for the lag of a clock.
    fn second(self, now: u32) -> u32 {
        let ahead = now.wrapping_add(1);
        ahead.wrapping_sub(u32::from((ahead as u16).wrapping_sub(self.second)))
    }

    fn bit(self) -> u8 {
        1 << (usize::from(self.number) % RECENT)
    }
}

impl Recent {
    /// None yet, of sessions 0 to `count` - 1.
    pub fn new(count: u32) -> Arc<Self> {
        Arc::new(Self { sessions: (0..count).map(|_| Ring::default()).collect() })
    }

    fn put(&self, session: SessionNumber, sent: Sent) {
        let Some(ring) = self.sessions.get(session.index()) else { return };
        ring.0[usize::from(sent.number) % RECENT].store(sent.packed(), Ordering::Relaxed);
    }

    /// The message of this key; most likely it is this one or the next.
    fn find(&self, session: SessionNumber, key: u32, likely: u16) -> Option<Sent> {
        let ring = self.sessions.get(session.index())?;
        let of = |number: u16| {
            let sent = Sent::of(ring.0[usize::from(number) % RECENT].load(Ordering::Relaxed));
            sent.filter(|sent| sent.key == key)
        };
        (0..RECENT as u16).find_map(|back| of(likely.wrapping_add(1).wrapping_sub(back)))
    }

    fn all(&self, session: SessionNumber) -> impl Iterator<Item = Sent> {
        let ring = self.sessions.get(session.index());
        ring.into_iter().flat_map(|ring| &ring.0).filter_map(|it| Sent::of(it.load(Ordering::Relaxed)))
    }
}

/// The updates of one worker's observers, and the messages of its sessions.
#[derive(Debug)]
pub struct Updates {
    members: Arc<Members>,
    sessions: u32,
    recent: Arc<Recent>,
    /// How many messages each session has sent.
    numbers: Vec<u16>,
    rows: ObserverRows,
    observers: Vec<Observing>,
    /// Which of a member's last messages an observer has had: a bit each, member after member.
    received: Vec<u8>,
    /// The last message of each member that any of these observers has had.
    heads: Vec<u16>,
    now: UpdateTally,
    /// Updates received of one second's messages, not in `now` yet: they come in rows.
    in_row: (u32, i64),
    is_closed: bool,
}

/// How an observer stands.
#[derive(Clone, Copy, Debug)]
struct Observing {
    /// It expects updates of messages sent in this second and later.
    from: u32,
    /// The latest second of those below.
    latest: u32,
    /// Updates that it expected and had, by the second in which their messages were sent.
    received: [u32; OPEN_ENDED],
    /// Its own messages.
    own: [u16; OPEN_ENDED],
}

impl Observing {
    const NOT: Self = Self { from: NEVER, latest: 0, received: [0; OPEN_ENDED], own: [0; OPEN_ENDED] };

    /// Where this second's counts are; none where no close can take them back any more.
    fn slot(&mut self, second: u32) -> Option<usize> {
        let slots = OPEN_ENDED as u32;
        while self.latest < second {
            self.latest = (self.latest + 1).max(second.saturating_sub(slots));
            let slot = (self.latest % slots) as usize;
            (self.received[slot], self.own[slot]) = (0, 0);
        }
        (second + slots > self.latest).then_some((second % slots) as usize)
    }
}

impl Updates {
    /// For those sessions of one worker that observe, of `sessions` in all. Its memory is taken and
    /// touched here.
    pub fn new(
        members: Arc<Members>,
        sessions: u32,
        observers: &[SessionNumber],
        recent: Arc<Recent>,
    ) -> Self {
        let mut received = vec![u8::MAX; sessions as usize * observers.len()];
        std::hint::black_box(&mut received);
        received.fill(0);
        Self {
            members,
            sessions,
            recent,
            numbers: vec![0; sessions as usize],
            rows: ObserverRows::of(observers, sessions),
            observers: vec![Observing::NOT; observers.len()],
            received,
            heads: vec![0; sessions as usize],
            now: UpdateTally::default(),
            in_row: (0, 0),
            is_closed: false,
        }
    }

    /// This session opened in that second of the run.
    pub fn opened(&mut self, session: SessionNumber, second: u32) {
        let Some(row) = self.rows.find(session).filter(|_| !self.is_closed) else { return };
        let from = second + OPEN_SECONDS;
        self.observers[row] = Observing { from, latest: second, ..Observing::NOT };
        self.now.group(self.members.challenge(session), from).observers += 1;
    }

    /// This session is open no longer.
    pub fn closed(&mut self, session: SessionNumber, second: u32) {
        let Some(row) = self.rows.find(session).filter(|_| !self.is_closed) else { return };
        let mut observing = std::mem::replace(&mut self.observers[row], Observing::NOT);
        if observing.from == NEVER {
            return;
        }
        // From here on it expects nothing.
        let until = (second + 1).saturating_sub(SETTLES_SECONDS).max(observing.from);
        self.now.group(self.members.challenge(session), until).observers -= 1;
        for of in until..=second + 1 {
            if let Some(slot) = observing.slot(of) {
                self.now.second(of).received -= i64::from(observing.received[slot]);
                self.now.second(of).own -= i64::from(observing.own[slot]);
            }
        }
    }

    /// This session sent its message, which has this key.
    pub fn sent(&mut self, session: SessionNumber, key: u32, second: u32) {
        let number = self.numbers[session.index()].wrapping_add(1);
        self.numbers[session.index()] = number;
        // After the close, too: others may not have closed yet, and would not know what it is.
        self.recent.put(session, Sent { key, number, second: second as u16 });
        if self.is_closed {
            return;
        }
        self.now.sent += 1;
        self.now.group(self.members.challenge(session), second).sent += 1;
        let Some(observing) = self.rows.find(session).map(|row| &mut self.observers[row]) else { return };
        if second >= observing.from
            && let Some(slot) = observing.slot(second)
        {
            observing.own[slot] += 1;
            self.now.second(second).own += 1;
        }
    }

    /// An update of this member, whose message has this key, came to this session; returns whether it is
    /// the first of that message; after the close always.
    pub fn received(&mut self, session: SessionNumber, member_id: MemberId, key: u32, second: u32) -> bool {
        if self.is_closed {
            return true;
        }
        let Some(row) = self.rows.find(session) else { return false };
        let member = self.members.index_of(member_id).filter(|member| member.0 < self.sessions);
        let Some(member) = member.filter(|&member| self.is_one_challenge(session, member)) else {
            self.now.strangers += 1;
            return false;
        };
        if member == session {
            self.now.own += 1;
            return false;
        }
        let Some(sent) = self.recent.find(member, key, self.heads[member.index()]) else {
            self.now.unknown += 1;
            return false;
        };
        if !self.is_first(member, row, sent) {
            self.now.duplicate += 1;
            return false;
        }
        let (of, observing) = (sent.second(second), &mut self.observers[row]);
        if of < observing.from {
            // Sent before it counts as there: harmless.
            self.now.early += 1;
            return true;
        }
        if let Some(slot) = observing.slot(of) {
            observing.received[slot] += 1;
        }
        if self.in_row.0 != of {
            self.end_row();
            self.in_row.0 = of;
        }
        self.in_row.1 += 1;
        true
    }

    /// Whether the observer of this row had not had this message of the member; it has now.
    fn is_first(&mut self, member: SessionNumber, row: usize, sent: Sent) -> bool {
        let width = self.observers.len();
        let cells = &mut self.received[member.index() * width..][..width];
        let head = &mut self.heads[member.index()];
        let ahead = sent.number.wrapping_sub(*head);
        let is_new_to_all = ahead.cast_signed() > 0;
        if is_new_to_all {
            // Its places were older messages'.
            let keep = (0..ahead.min(RECENT as u16)).fold(u8::MAX, |keep, back| {
                keep & !Sent { number: sent.number.wrapping_sub(back), ..sent }.bit()
            });
            cells.iter_mut().for_each(|cell| *cell &= keep);
            *head = sent.number;
        }
        let behind = head.wrapping_sub(sent.number).min(RECENT as u16);
        let later =
            (0..behind).fold(0, |later, back| later | Sent { number: head.wrapping_sub(back), ..sent }.bit());
        let cell = &mut cells[row];
        let is_first = *cell & sent.bit() == 0;
        self.now.reordered += u64::from(is_first && *cell & later != 0);
        *cell |= sent.bit();
        is_first
    }

    fn end_row(&mut self) {
        let (second, received) = self.in_row;
        if received > 0 {
            self.now.second(second).received += received;
            self.in_row.1 = 0;
        }
    }

    /// What came since the last time.
    pub fn take(&mut self) -> UpdateTally {
        self.end_row();
        std::mem::take(&mut self.now)
    }

    /// Closes the accounts: everyone who is open expects nothing more. Returns the first few updates
    /// that are missing, of members' last messages.
    pub fn close(&mut self, observers: &[SessionNumber], second: u32) -> Vec<MissingUpdate> {
        let samples = self.missing(observers, second);
        for observer in observers {
            self.closed(*observer, second);
        }
        self.is_closed = true;
        samples
    }

    fn missing(&self, observers: &[SessionNumber], second: u32) -> Vec<MissingUpdate> {
        let mut samples = Vec::new();
        let width = self.observers.len();
        for member in (0..self.sessions).map(SessionNumber) {
            let settled = |sent: &Sent| sent.second(second) + SETTLES_SECONDS <= second;
            let sent: Vec<Sent> = self.recent.all(member).filter(settled).collect();
            let head = self.heads[member.index()];
            let others = observers.iter().filter(|it| **it != member && self.is_one_challenge(**it, member));
            for &observer in others {
                let Some(row) = self.rows.find(observer) else { continue };
                let cell = self.received[member.index() * width + row];
                let is_missing = |sent: &&Sent| {
                    let is_later = sent.number.wrapping_sub(head).cast_signed() > 0;
                    (is_later || cell & sent.bit() == 0) && sent.second(second) >= self.observers[row].from
                };
                if let Some(sent) = sent.iter().find(is_missing) {
                    samples.push(MissingUpdate {
                        observer: self.members.name_of(observer),
                        member: self.members.name_of(member),
                        number: sent.number,
                        second: sent.second(second),
                    });
                    if samples.len() == SAMPLES_MAX {
                        return samples;
                    }
                }
            }
        }
        samples
    }

    fn is_one_challenge(&self, session: SessionNumber, member: SessionNumber) -> bool {
        self.members.only_challenge().is_some()
            || self.members.challenge(session) == self.members.challenge(member)
    }
}

/// An update that did not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingUpdate {
    /// Who did not get it.
    pub observer: MemberName,
    /// Whose message it is of.
    pub member: MemberName,
    /// Which of its messages, from 1.
    pub number: u16,
    /// The second of the run in which that was sent.
    pub second: u32,
}

/// Memory of the updates of this many workers together, in bytes: a cache line a session, a byte a pair
/// of observer and member, and where rows and numbers are found.
pub fn bytes(sessions: u32, observers: usize, workers: usize) -> u64 {
    let sessions = u64::from(sessions);
    let numbers = 2 * size_of::<u16>() * workers;
    sessions * (size_of::<Ring>() as u64 + observers as u64 + numbers as u64)
        + ObserverRows::bytes(sessions) * workers as u64
        + (observers * size_of::<Observing>()) as u64
}

#[cfg(test)]
mod tests;
