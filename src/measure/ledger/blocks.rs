//! All workers' pairs, member by member: who should have learned of one, and how each did.
//!
//! Lists lie observer after observer and are turned in blocks of 64 by 64; announcements lie the right way.
//! Judges nothing. Invariant: each observer has one place among all workers' (its worker's first word on),
//! and a place without an observer is in no set.

use std::collections::HashMap;

use super::bits::{bits_from, is_set};
use super::board::{Board, CLOSE_TOGETHER};
use super::pairs::Ledger;
use super::set::{SessionSet, ones};
use crate::members::SessionNumber;
use crate::scenario::presence::Told;

/// An observer's place among those of all workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(pub(super) u32);

impl Place {
    const NONE: Self = Self(u32::MAX);

    pub(super) fn is_in(self, words: &[u64]) -> bool {
        words[self.0 as usize / 64] & (1u64 << (self.0 % 64)) != 0
    }

    pub(super) fn take_out_of(self, words: &mut [u64]) {
        words[self.0 as usize / 64] &= !(1u64 << (self.0 % 64));
    }
}

/// The places in a set.
pub(super) fn places(words: &[u64]) -> impl Iterator<Item = Place> {
    words.iter().enumerate().flat_map(|(k, word)| ones(*word).map(move |bit| Place((k * 64 + bit) as u32)))
}

/// The observers of all workers.
#[derive(Debug)]
pub(super) struct Observers<'a> {
    ledgers: &'a [Ledger],
    /// Each worker's first word.
    firsts: Vec<usize>,
    /// Each word's worker.
    pub(super) workers: Vec<usize>,
    /// By place.
    sessions: Vec<SessionNumber>,
    /// By session.
    places: Vec<Place>,
    /// By challenge: those that are judged.
    judged: HashMap<u64, Vec<u64>>,
}

/// What observers had of one member. A bit a place.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    pub(super) expected: &'a [u64],
    pub(super) listed: &'a [u64],
    pub(super) announced: &'a [u64],
}

impl Heard<'_> {
    /// Who should have learned of the member and did not.
    pub(super) fn missing(&self) -> impl Iterator<Item = u64> {
        let known = self.listed.iter().zip(self.announced).map(|(listed, announced)| listed | announced);
        self.expected.iter().zip(known).map(|(expected, known)| expected & !known)
    }
}

/// Room for a block of members.
#[derive(Debug, Default)]
pub(super) struct Block {
    expected: Vec<u64>,
    /// Member after member.
    listed: Vec<u64>,
    announced: Vec<u64>,
}

impl<'a> Observers<'a> {
    /// Of these workers; those in `open` are judged.
    pub(super) fn new(ledgers: &'a [Ledger], open: &SessionSet) -> Self {
        let mut all = Self {
            ledgers,
            firsts: Vec::new(),
            workers: Vec::new(),
            sessions: Vec::new(),
            places: vec![Place::NONE; ledgers.first().map_or(0, |one| one.sessions as usize)],
            judged: HashMap::new(),
        };
        for (worker, ledger) in ledgers.iter().enumerate() {
            let first = all.workers.len();
            all.firsts.push(first);
            all.workers.resize(first + ledger.rows.len().div_ceil(64), worker);
            for (row, &observer) in ledger.rows.observers().iter().enumerate() {
                all.places[observer.index()] = Place((first * 64 + row) as u32);
                all.sessions.resize(first * 64 + row, observer);
                all.sessions.push(observer);
            }
        }
        let words = all.workers.len();
        for &observer in ledgers.iter().flat_map(|ledger| ledger.rows.observers()) {
            if let (true, Some(place)) = (open.contains(observer), all.place(observer)) {
                let challenge = all.challenge(observer);
                let judged = all.judged.entry(challenge).or_insert_with(|| vec![0; words]);
                judged[place.0 as usize / 64] |= 1u64 << (place.0 % 64);
            }
        }
        all
    }

    /// Words of a set of places.
    pub(super) fn words(&self) -> usize {
        self.workers.len()
    }

    /// How many are judged.
    pub(super) fn judged(&self) -> u64 {
        self.judged.values().flatten().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Everyone who is judged, of all challenges.
    pub(super) fn everyone(&self) -> Vec<u64> {
        let mut all = vec![0; self.words()];
        for judged in self.judged.values() {
            all.iter_mut().zip(judged).for_each(|(word, more)| *word |= more);
        }
        all
    }

    pub(super) fn place(&self, session: SessionNumber) -> Option<Place> {
        self.places.get(session.index()).copied().filter(|place| *place != Place::NONE)
    }

    pub(super) fn session(&self, place: Place) -> SessionNumber {
        self.sessions[place.0 as usize]
    }

    /// The ledger of an observer's worker, and its row there.
    pub(super) fn row(&self, place: Place) -> (&'a Ledger, usize) {
        let worker = self.workers[place.0 as usize / 64];
        (&self.ledgers[worker], place.0 as usize - self.firsts[worker] * 64)
    }

    fn challenge(&self, session: SessionNumber) -> u64 {
        self.ledgers.first().map_or(0, |one| one.members.challenge(session))
    }

    /// Turns the lists of 64 members, from session `64 * block` on.
    pub(super) fn turn(&self, block: usize, into: &mut Block) {
        into.listed.resize(64 * self.words(), 0);
        for (ledger, &first) in self.ledgers.iter().zip(&self.firsts) {
            for word in 0..ledger.rows.len().div_ceil(64) {
                let mut bits = [0; 64];
                for (bit, row) in bits.iter_mut().zip(word * 64..ledger.rows.len()) {
                    *bit = ledger.listed[row * ledger.width + block];
                }
                transpose(&mut bits);
                for (member, bits) in bits.iter().enumerate() {
                    into.listed[member * self.words() + first + word] = *bits;
                }
            }
        }
    }

    /// What observers had of a member of the block that was turned last; `told`: which messages members get
    /// about each other.
    pub(super) fn heard<'b>(
        &self,
        member: SessionNumber,
        block: &'b mut Block,
        told: Told,
    ) -> Option<Heard<'b>> {
        let words = self.words();
        block.expected.clear();
        block.expected.extend(self.judged.get(&self.challenge(member))?);
        if let Some(own) = self.place(member) {
            own.take_out_of(&mut block.expected);
        }
        block.announced.clear();
        for ledger in self.ledgers {
            let row = ledger.announced_place(0, member);
            let words = (0..ledger.rows.len()).step_by(64);
            block.announced.extend(words.map(|bit| bits_from(&ledger.announced, row + bit)));
        }
        let listed = member.index() % 64 * words;
        let listed = &block.listed[listed..listed + words];
        if !told.is_of_everyone() {
            self.leave_out_the_untold(member, &mut block.expected, (listed, &block.announced), told);
        }
        Some(Heard { expected: &block.expected, listed, announced: &block.announced })
    }
}

/// Where members are only announced, or only listed: who was there first decides which of two learns of the
/// other.
impl Observers<'_> {
    /// Takes those out of `expected` who know nothing of the member, and were not to.
    fn leave_out_the_untold(
        &self,
        member: SessionNumber,
        expected: &mut [u64],
        (listed, announced): (&[u64], &[u64]),
        told: Told,
    ) {
        for (k, expected) in expected.iter_mut().enumerate() {
            for bit in ones(*expected & !(listed[k] | announced[k])) {
                let observer = self.session(Place((k * 64 + bit) as u32));
                if !self.is_told(observer, member, told) {
                    *expected &= !(1u64 << bit);
                }
            }
        }
    }

    /// Returns whether an observer that knows nothing of a member was to learn of it. Where both opened close
    /// together, only the member itself says who was first; one that does not observe is in doubt, and judged
    /// by nobody.
    fn is_told(&self, observer: SessionNumber, member: SessionNumber, told: Told) -> bool {
        let Some(board) = self.ledgers.first().map(|ledger| &ledger.board) else { return false };
        let at = |session| (board.opened(session).unwrap_or(0), session);
        let (theirs, own) = (at(observer), at(member));
        let by_order = if theirs < own { told.entered } else { told.listed };
        if theirs.0.abs_diff(own.0) >= Board::number(CLOSE_TOGETHER) {
            return by_order;
        }
        by_order && self.place(member).is_some_and(|place| !self.knows(place, observer))
    }

    /// Returns whether an observer was told of this session.
    fn knows(&self, place: Place, session: SessionNumber) -> bool {
        let (ledger, row) = self.row(place);
        is_set(&ledger.listed, ledger.listed_place(row, session))
            || is_set(&ledger.announced, ledger.announced_place(row, session))
    }
}

/// Turns rows into columns; bit 0 is the first column (Hacker's Delight, 7-3).
fn transpose(rows: &mut [u64; 64]) {
    let (mut width, mut mask) = (32, u64::from(u32::MAX));
    while width > 0 {
        let mut k = 0;
        while k < 64 {
            let swapped = (rows[k] >> width ^ rows[k + width]) & mask;
            rows[k] ^= swapped << width;
            rows[k + width] ^= swapped;
            k = (k + width + 1) & !width;
        }
        width >>= 1;
        mask ^= mask << width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let mut random = fastrand::Rng::with_seed(1);
        let rows: [u64; 64] = std::array::from_fn(|_| random.u64(..));
        let mut turned = rows;
        transpose(&mut turned);
        for (k, row) in rows.iter().enumerate() {
            for (column, turned) in turned.iter().enumerate() {
                assert_eq!(row >> column & 1, turned >> k & 1, "row {k}, column {column}");
            }
        }
    }
}
