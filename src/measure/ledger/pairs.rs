//! The pairs of one worker's observers: two bits each, set as messages come.
//!
//! Judges nothing. Invariants: a list is written along one row of memory, since it names many members to
//! one observer; so is an announcement, which names one member to many observers; finding the place of a
//! pair allocates nothing and searches nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bits::{Returning, is_set, set, touched, words_of};
use super::board::Board;
use super::rows::Rows;
use crate::members::{MemberId, Members, SessionNumber};

/// Pairs kept whose member left before the observer knew of it.
const LEFT_FIRST_MAX: usize = 1 << 16;

/// See the module.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) members: Arc<Members>,
    pub(super) sessions: u32,
    pub(super) rows: Rows,
    /// Words in a row of `listed`.
    pub(super) width: usize,
    /// Observer after observer, a bit a session.
    pub(super) listed: Vec<u64>,
    /// Session after session, a bit an observer of this worker's, without gaps: few observers among a
    /// million sessions cost no more than their bits.
    pub(super) announced: Vec<u64>,
    pub(super) board: Arc<Board>,
    /// Rows and members that left before they were known, with the observer's life.
    left_first: HashMap<(u32, SessionNumber), u8>,
    /// Where members come again.
    pub(super) returning: Option<Box<Returning>>,
    pub(super) counts: LedgerCounts,
}

/// What is counted as it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCounts {
    /// Announcements (or listings) of a pair beyond its first of that kind.
    pub duplicate: u64,
    /// Announcements and listings of ids that are not in this run, or not in the observer's
    /// challenge.
    pub strangers: u64,
    /// Announcements and listings of the observer's own id, which is for everyone else.
    pub own: u64,
    /// Departures announced to an observer that did not know of the member.
    pub left_unknown: u64,
    /// Of these, pairs where the member's entering was announced after that, in its first life.
    pub entered_after_left: u64,
    /// Pairs of an observer and a member that it knew and that came again: the observer was to be told
    /// that it had left.
    pub left_expected: u64,
    /// Of these, it was not.
    pub left_missing: u64,
}

impl Ledger {
    /// A ledger for those sessions of one worker that observe (see [`super::observers`]), of `sessions` in
    /// all. Its memory is taken and touched here.
    pub fn new(members: Arc<Members>, sessions: u32, observers: &[SessionNumber], board: Arc<Board>) -> Self {
        let rows = Rows::new(observers, sessions);
        let width = (sessions as usize).div_ceil(64);
        Self {
            listed: touched(rows.len() * width),
            announced: touched(words_of(rows.len(), sessions)),
            members,
            sessions,
            rows,
            width,
            board,
            left_first: HashMap::new(),
            returning: None,
            counts: LedgerCounts::default(),
        }
    }

    /// The open message of `session` listed this member.
    pub fn listed(&mut self, session: SessionNumber, member_id: MemberId) {
        let Some((row, member)) = self.pair(session, member_id) else { return };
        self.catch_up(member);
        let place = self.listed_place(row, member);
        self.counts.duplicate += u64::from(set(&mut self.listed, place));
    }

    /// An announcement to `session` said that this member entered; returns whether it is the first of
    /// that pair.
    pub fn entered(&mut self, session: SessionNumber, member_id: MemberId) -> bool {
        let Some((row, member)) = self.pair(session, member_id) else { return false };
        self.back(member);
        let place = self.announced_place(row, member);
        let is_again = set(&mut self.announced, place);
        self.counts.duplicate += u64::from(is_again);
        if !self.left_first.is_empty() {
            self.entered_late(session, row, member);
        }
        !is_again
    }

    /// The member entered, as was announced now; perhaps it has left, as was announced before. Who comes
    /// again has left before that in order: only a member's first life can be out of it for certain.
    #[cold]
    fn entered_late(&mut self, session: SessionNumber, row: usize, member: SessionNumber) {
        let Some(life) = self.left_first.remove(&(row as u32, member)) else { return };
        let is_first = self.board.life(member) <= 1 && self.board.life(session) == life;
        self.counts.entered_after_left += u64::from(is_first);
    }

    /// This session opened.
    pub fn opened(&self, session: SessionNumber, at: Duration) {
        self.board.open(session, at);
    }

    /// An announcement to `session` said that this member left.
    pub fn left(&mut self, session: SessionNumber, member_id: MemberId) {
        let Some(member) = self.member(session, member_id) else { return };
        if self.left_before(session, member) {
            return;
        }
        self.board.set_gone(member, true);
        let Some(row) = self.rows.find(session).filter(|_| member != session) else { return };
        let is_known = is_set(&self.announced, self.announced_place(row, member))
            || is_set(&self.listed, self.listed_place(row, member));
        if !is_known {
            self.counts.left_unknown += 1;
            if self.left_first.len() < LEFT_FIRST_MAX {
                self.left_first.insert((row as u32, member), self.board.life(session));
            }
        }
    }

    /// The observer's row and the member, of a message that makes a pair.
    #[inline(always)]
    fn pair(&mut self, session: SessionNumber, member_id: MemberId) -> Option<(usize, SessionNumber)> {
        let row = self.rows.find(session)?;
        let Some(member) = self.member(session, member_id) else {
            self.counts.strangers += 1;
            return None;
        };
        if member == session {
            self.counts.own += 1;
            return None;
        }
        Some((row, member))
    }

    /// The member, if it runs here and in the observer's challenge.
    #[inline(always)]
    fn member(&self, session: SessionNumber, member_id: MemberId) -> Option<SessionNumber> {
        let member = self.members.index_of(member_id).filter(|member| member.0 < self.sessions)?;
        let is_shared = self.members.only_challenge().is_some()
            || self.members.challenge(session) == self.members.challenge(member);
        is_shared.then_some(member)
    }

    #[inline]
    pub(super) fn listed_place(&self, row: usize, member: SessionNumber) -> usize {
        row * self.width * 64 + member.index()
    }

    #[inline]
    pub(super) fn announced_place(&self, row: usize, member: SessionNumber) -> usize {
        member.index() * self.rows.len() + row
    }
}
