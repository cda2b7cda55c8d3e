//! The ledger of broadcasts: every pair of an observer and a member that it has to learn of.
//!
//! Each observer must learn of each other member at least once, in the open message's list or by an
//! announcement. Knows member numbers only, no messages. Invariant: totals come from pairs, so a
//! loss can never cancel a duplicate.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::members::{MemberId, MemberName, Members, SessionNumber};

/// Sessions by number, one bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionSet {
    words: Vec<u64>,
}

impl SessionSet {
    /// An empty set with room for sessions 0 to `count` - 1.
    pub fn new(count: u32) -> Self {
        Self { words: vec![0; (count as usize).div_ceil(64)] }
    }

    /// Adds a session; `true` if it was not in.
    pub fn insert(&mut self, session: SessionNumber) -> bool {
        let word = &mut self.words[session.index() / 64];
        let bit = 1u64 << (session.0 % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether the session is in.
    pub fn contains(&self, session: SessionNumber) -> bool {
        self.words.get(session.index() / 64).is_some_and(|word| word & (1u64 << (session.0 % 64)) != 0)
    }

    /// How many are in.
    pub fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether none is in.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Adds all of another set of the same size.
    pub fn union(&mut self, other: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }
}

/// Sessions whose members were announced as gone since they opened: one bit each, for all workers.
#[derive(Debug)]
pub struct Gone {
    words: Vec<AtomicU64>,
}

impl Gone {
    /// Nobody yet, of sessions 0 to `count` - 1.
    pub fn new(count: u32) -> Arc<Self> {
        Arc::new(Self { words: (0..(count as usize).div_ceil(64)).map(|_| AtomicU64::new(0)).collect() })
    }

    /// Those announced as gone so far.
    pub fn so_far(&self) -> SessionSet {
        SessionSet { words: self.words.iter().map(|word| word.load(Ordering::Relaxed)).collect() }
    }

    fn set(&self, session: SessionNumber, is_gone: bool) {
        let (word, bit) = (&self.words[session.index() / 64], 1u64 << (session.0 % 64));
        // Most are told what they know already: reading alone shares the line.
        match (word.load(Ordering::Relaxed) & bit != 0, is_gone) {
            (false, true) => word.fetch_or(bit, Ordering::Relaxed),
            (true, false) => word.fetch_and(!bit, Ordering::Relaxed),
            _ => 0,
        };
    }
}

/// The pairs of one worker's observers.
///
/// Two rows of bits an observer, one bit a session of the run: 9 MB for 6,000 observers of 6,000.
#[derive(Debug)]
pub struct Ledger {
    members: Arc<Members>,
    sessions: u32,
    rows: Rows,
    observers: Vec<SessionNumber>,
    /// Words in a row.
    width: usize,
    /// An observer's `listed` row, then its `entered` row, observer after observer.
    bits: Vec<u64>,
    gone: Arc<Gone>,
    duplicate: u64,
    strangers: u64,
    own: u64,
}

/// Finds the row of a session.
#[derive(Debug)]
enum Rows {
    /// By session number; [`NO_ROW`] where it does not observe.
    Dense(Vec<u32>),
    /// Few observers among many sessions: searched in the sorted list of observers.
    Sparse,
}

const NO_ROW: u32 = u32::MAX;

/// Up to here a table by session number is small beside the bits (256 KB).
const DENSE_SESSIONS_MAX: u32 = 65_536;

/// Missing pairs kept by name.
const MISSING_SAMPLES_MAX: usize = 20;

impl Ledger {
    /// A ledger for those sessions of one worker that observe (see [`observers`]), of `sessions` in
    /// all. Its memory is taken and touched here.
    pub fn new(members: Arc<Members>, sessions: u32, observers: &[SessionNumber], gone: Arc<Gone>) -> Self {
        let mut observers = observers.to_vec();
        observers.sort_unstable();
        observers.dedup();
        let width = (sessions as usize).div_ceil(64);
        Self {
            rows: Rows::of(&observers, sessions),
            bits: touched(observers.len() * 2 * width),
            gone,
            members,
            sessions,
            observers,
            width,
            duplicate: 0,
            strangers: 0,
            own: 0,
        }
    }

    /// The open message of `session` listed this member.
    pub fn listed(&mut self, session: SessionNumber, member_id: MemberId) {
        self.learned(session, member_id, 0);
    }

    /// An announcement to `session` said that this member entered.
    pub fn entered(&mut self, session: SessionNumber, member_id: MemberId) {
        self.learned(session, member_id, 1);
    }

    /// This session opened: what was said of its member before is of an earlier session.
    pub fn opened(&self, session: SessionNumber) {
        self.gone.set(session, false);
    }

    /// An announcement to `session` said that this member left.
    pub fn left(&self, session: SessionNumber, member_id: MemberId) {
        let member = self.members.index_of(member_id).filter(|member| member.0 < self.sessions);
        if let Some(member) = member.filter(|&member| self.same_challenge(session, member)) {
            self.gone.set(member, true);
        }
    }

    /// Judges the pairs of observers and members that were both open when accounts closed.
    pub fn close(self, open: &SessionSet) -> LedgerTotals {
        let mut totals = LedgerTotals {
            duplicate: self.duplicate,
            strangers: self.strangers,
            own: self.own,
            ..LedgerTotals::default()
        };
        let mut peers = Peers::new(&self.members, self.sessions, open);
        for (row, &observer) in self.observers.iter().enumerate() {
            if open.contains(observer) {
                totals.observers += 1;
                self.close_row(row, observer, peers.of(observer), &mut totals);
            }
        }
        totals
    }

    fn learned(&mut self, session: SessionNumber, member_id: MemberId, kind: usize) {
        let Some(row) = self.rows.find(&self.observers, session) else { return };
        let member = self.members.index_of(member_id).filter(|member| member.0 < self.sessions);
        let Some(member) = member.filter(|&member| self.same_challenge(session, member)) else {
            self.strangers += 1;
            return;
        };
        if member == session {
            self.own += 1;
            return;
        }
        let word = &mut self.bits[(row * 2 + kind) * self.width + member.index() / 64];
        let bit = 1u64 << (member.0 % 64);
        self.duplicate += u64::from(*word & bit != 0);
        *word |= bit;
    }

    fn same_challenge(&self, session: SessionNumber, member: SessionNumber) -> bool {
        self.members.only_challenge().is_some()
            || self.members.challenge(session) == self.members.challenge(member)
    }

    fn close_row(&self, row: usize, observer: SessionNumber, peers: &SessionSet, totals: &mut LedgerTotals) {
        let rows = &self.bits[row * 2 * self.width..(row + 1) * 2 * self.width];
        let (listed, entered) = rows.split_at(self.width);
        for (k, &open) in peers.words.iter().enumerate().take(self.width) {
            let own_bit = if observer.index() / 64 == k { 1u64 << (observer.0 % 64) } else { 0 };
            let expected = open & !own_bit;
            let missing = expected & !(listed[k] | entered[k]);
            totals.expected += u64::from(expected.count_ones());
            totals.missing += u64::from(missing.count_ones());
            totals.overlap += u64::from((expected & listed[k] & entered[k]).count_ones());
            if missing != 0 {
                self.sample_missing(observer, k, missing, &mut totals.missing_samples);
            }
        }
        totals.seen = totals.expected - totals.missing;
    }

    fn sample_missing(
        &self,
        observer: SessionNumber,
        word: usize,
        missing: u64,
        samples: &mut Vec<(MemberName, MemberName)>,
    ) {
        let bits = (0..64).filter(|bit| missing & (1 << bit) != 0);
        let room = MISSING_SAMPLES_MAX.saturating_sub(samples.len());
        for bit in bits.take(room) {
            let member = SessionNumber((word * 64 + bit) as u32);
            samples.push((self.members.name_of(observer), self.members.name_of(member)));
        }
    }
}

impl Rows {
    fn of(observers: &[SessionNumber], sessions: u32) -> Self {
        if sessions > DENSE_SESSIONS_MAX {
            return Self::Sparse;
        }
        let mut rows = vec![NO_ROW; sessions as usize];
        for (row, &observer) in observers.iter().enumerate() {
            rows[observer.index()] = row as u32;
        }
        Self::Dense(rows)
    }

    fn find(&self, observers: &[SessionNumber], session: SessionNumber) -> Option<usize> {
        match self {
            Self::Dense(rows) => {
                let row = *rows.get(session.index())?;
                (row != NO_ROW).then_some(row as usize)
            }
            Self::Sparse => observers.binary_search(&session).ok(),
        }
    }
}

/// The open sessions that share an observer's challenge, made once a challenge.
struct Peers<'a> {
    members: &'a Members,
    sessions: u32,
    open: &'a SessionSet,
    by_challenge: HashMap<u64, SessionSet>,
}

impl<'a> Peers<'a> {
    fn new(members: &'a Members, sessions: u32, open: &'a SessionSet) -> Self {
        Self { members, sessions, open, by_challenge: HashMap::new() }
    }

    fn of(&mut self, observer: SessionNumber) -> &SessionSet {
        if self.members.only_challenge().is_some() {
            return self.open;
        }
        let (members, sessions, open) = (self.members, self.sessions, self.open);
        let challenge = members.challenge(observer);
        self.by_challenge.entry(challenge).or_insert_with(|| {
            let mut peers = SessionSet::new(sessions);
            let sharing = (0..sessions)
                .map(SessionNumber)
                .filter(|&k| open.contains(k) && members.challenge(k) == challenge);
            sharing.for_each(|k| {
                peers.insert(k);
            });
            peers
        })
    }
}

/// Zeroes whose pages are resident: written once with something else, so that neither the allocator
/// nor the kernel can leave the work for the first event.
fn touched(words: usize) -> Vec<u64> {
    let mut bits = vec![u64::MAX; words];
    std::hint::black_box(&mut bits);
    bits.fill(0);
    bits
}

/// The pairs of a run. `expected = seen + missing`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerTotals {
    /// Sessions that observed and were open at the close.
    pub observers: u64,
    /// Pairs of an observer and another member, both open at the close, in the same challenge.
    pub expected: u64,
    /// Of these, pairs where the observer learned of the member, listed or announced.
    pub seen: u64,
    /// Of these, pairs both listed and announced: the server's race, harmless.
    pub overlap: u64,
    /// Pairs neither listed nor announced.
    pub missing: u64,
    /// Announcements (or listings) of a pair beyond its first of that kind.
    pub duplicate: u64,
    /// Announcements and listings of ids that are not in this run, or not in the observer's
    /// challenge.
    pub strangers: u64,
    /// Announcements and listings of the observer's own id, which is for everyone else.
    pub own: u64,
    /// The first few missing pairs: observer's and member's ids.
    pub missing_samples: Vec<(MemberName, MemberName)>,
    /// Members announced as gone whose sessions were open here at the close.
    pub gone_while_open: u64,
    /// The first few of them.
    pub gone_samples: Vec<MemberName>,
}

impl LedgerTotals {
    /// Judges who was announced as gone: `gone` some time before the close, `open` at it.
    pub fn judge_gone(&mut self, gone: &SessionSet, open: &SessionSet, members: &Members) {
        let still_open = |word: (&u64, &u64)| word.0 & word.1;
        let both = SessionSet { words: gone.words.iter().zip(&open.words).map(still_open).collect() };
        self.gone_while_open = both.len().into();
        let named = (0..both.words.len() as u32 * 64).map(SessionNumber).filter(|&k| both.contains(k));
        self.gone_samples = named.take(MISSING_SAMPLES_MAX).map(|k| members.name_of(k)).collect();
    }

    /// Adds another worker's pairs.
    pub fn add(&mut self, other: &Self) {
        self.observers += other.observers;
        self.expected += other.expected;
        self.seen += other.seen;
        self.overlap += other.overlap;
        self.missing += other.missing;
        self.duplicate += other.duplicate;
        self.strangers += other.strangers;
        self.own += other.own;
        let room = MISSING_SAMPLES_MAX.saturating_sub(self.missing_samples.len());
        self.missing_samples.extend(other.missing_samples.iter().take(room).cloned());
    }
}

/// Which of `sessions` observe, when this many do: evenly spread ones.
pub fn observers(sessions: u32, count: u32) -> Vec<SessionNumber> {
    let (all, count) = (u64::from(sessions), u64::from(count.min(sessions)));
    (0..count).map(|k| SessionNumber((k * all / count) as u32)).collect()
}

/// Memory of the ledgers of so many workers together, in bytes: two rows of bits an observer, and
/// where rows are found.
pub fn bytes(sessions: u32, observers: u32, workers: usize) -> u64 {
    let width = u64::from(sessions).div_ceil(64) * 8;
    let rows = u64::from(observers) * 2 * width;
    let dense = if sessions > DENSE_SESSIONS_MAX { 0 } else { u64::from(sessions) * 4 * workers as u64 };
    rows + dense
}

#[cfg(test)]
mod tests;
