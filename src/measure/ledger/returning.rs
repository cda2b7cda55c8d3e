//! Pairs of members that leave and come again: what an observer knew of a member's life before does not
//! count in the next one, nor what it heard in a life of its own before.
//!
//! Invariants: bits are of the observer's present life and of the member's latest one that the worker
//! has heard of; a departure is of the life in which the observer knew the member, whether it is heard
//! before the next one begins or after.

use super::bits::{Returning, clear, is_set, set, touched, words_of};
use super::pairs::Ledger;
use super::set::SessionSet;
use crate::members::SessionNumber;

impl Ledger {
    /// The same, of members that come again. Its memory is taken and touched here.
    pub fn of_returning(mut self) -> Self {
        let bits = || touched(words_of(self.rows.len(), self.sessions));
        let lives = vec![1; self.sessions as usize];
        self.returning = Some(Box::new(Returning { lives, left: bits(), untold: bits() }));
        self
    }

    /// A life of this session's member begins, before its first request. For its worker alone.
    pub fn begins(&mut self, session: SessionNumber) {
        if self.board.begins(session) {
            self.forget(session);
        }
    }

    /// This observer is open no longer: it learns of nobody any more.
    pub fn forget(&mut self, observer: SessionNumber) {
        let Some(row) = self.rows.find(observer) else { return };
        let places = (0..self.sessions).map(|member| member as usize * self.rows.len() + row);
        let Some(returning) = &mut self.returning else { return };
        for (member, place) in places.enumerate() {
            let is_known =
                clear(&mut self.announced, place) || is_set(&self.listed, row * self.width * 64 + member);
            clear(&mut returning.left, place);
            if clear(&mut returning.untold, place) {
                // It knows of the next life, and so that is over which it was not told of; else the
                // announcement may be on its way.
                match is_known {
                    true => self.counts.left_missing += 1,
                    false => self.counts.left_expected -= 1,
                }
            }
        }
        self.listed[row * self.width..(row + 1) * self.width].fill(0);
    }

    /// Begins the member's latest life in these pairs, if it is a new one.
    #[inline]
    pub(super) fn catch_up(&mut self, member: SessionNumber) {
        if let Some(returning) = &self.returning
            && returning.lives[member.index()] != self.board.life(member)
        {
            self.begin_life(member);
        }
    }

    /// The member was announced: it is in.
    #[inline]
    pub(super) fn back(&mut self, member: SessionNumber) {
        if self.returning.is_some() {
            self.catch_up(member);
            // Who was announced as gone before is of an earlier life, or this server sees it otherwise.
            self.board.set_gone(member, false);
        }
    }

    #[cold]
    fn begin_life(&mut self, member: SessionNumber) {
        let life = self.board.life(member);
        let (rows, width) = (self.rows.len(), self.width);
        let Some(returning) = &mut self.returning else { return };
        // Nobody can have heard of one that has not begun.
        if life == 0 {
            return;
        }
        returning.lives[member.index()] = life;
        for row in 0..rows {
            let place = member.index() * rows + row;
            let was_listed = clear(&mut self.listed, row * width * 64 + member.index());
            let is_known = clear(&mut self.announced, place) || was_listed;
            let is_told = clear(&mut returning.left, place);
            // Of the life before the last: it was never announced.
            self.counts.left_missing += u64::from(clear(&mut returning.untold, place));
            self.counts.left_expected += u64::from(is_known);
            if is_known && !is_told {
                set(&mut returning.untold, place);
            }
        }
    }

    /// The observer is told that the member left; `true` if that is of its life before.
    #[inline]
    pub(super) fn left_before(&mut self, observer: SessionNumber, member: SessionNumber) -> bool {
        if self.returning.is_none() {
            return false;
        }
        self.catch_up(member);
        let (Some(row), Some(returning)) = (self.rows.find(observer), &mut self.returning) else {
            return false;
        };
        let place = member.index() * self.rows.len() + row;
        let is_before = clear(&mut returning.untold, place);
        if !is_before {
            set(&mut returning.left, place);
        }
        is_before
    }

    /// Settles what is left when accounts close: of members and observers in `open` alone, others'
    /// departures may be on their way.
    pub fn settle(&mut self, open: &SessionSet) {
        for member in (0..self.sessions).map(SessionNumber) {
            self.catch_up(member);
            let Some(returning) = &self.returning else { return };
            for (row, observer) in self.rows.observers().iter().enumerate() {
                if is_set(&returning.untold, member.index() * self.rows.len() + row) {
                    match open.contains(member) && open.contains(*observer) {
                        true => self.counts.left_missing += 1,
                        false => self.counts.left_expected -= 1,
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::{Board, Closing, Homes, LedgerTotals, close};
    use super::*;
    use crate::measure::servers::ServerIndex;
    use crate::members::{MemberId, Members};
    use crate::scenario::presence::Told;

    const COUNT: u32 = 4;

    /// Two workers, on which everybody observes.
    struct Played {
        board: Arc<Board>,
        ledgers: Vec<Ledger>,
        open: SessionSet,
    }

    impl Played {
        fn new() -> Self {
            let members = Arc::new(Members::range(MemberId(13), COUNT, 38));
            let board = Board::new(COUNT);
            let of = |worker| {
                let own: Vec<SessionNumber> =
                    (0..COUNT).filter(|k| k % 2 == worker).map(SessionNumber).collect();
                Ledger::new(Arc::clone(&members), COUNT, &own, Arc::clone(&board)).of_returning()
            };
            Self { ledgers: vec![of(0), of(1)], board, open: SessionSet::new(COUNT) }
        }

        fn own(&mut self, session: u32) -> &mut Ledger {
            &mut self.ledgers[session as usize % 2]
        }

        /// It comes, learns of those who are in, and they of it, but for some.
        fn comes(&mut self, session: u32, unless: &[u32]) {
            self.own(session).begins(SessionNumber(session));
            let others: Vec<u32> = self.open.iter().map(|it| it.0).collect();
            for other in others {
                self.own(session).listed(SessionNumber(session), MemberId(13 + u64::from(other)));
                if !unless.contains(&other) {
                    self.own(other).entered(SessionNumber(other), MemberId(13 + u64::from(session)));
                }
            }
            self.open.insert(SessionNumber(session));
            self.own(session).opened(SessionNumber(session), Duration::from_secs(1));
        }

        /// It leaves; those who are not in the list are told.
        fn leaves(&mut self, session: u32, unless: &[u32]) {
            let open = self.open.iter().filter(|it| it.0 != session).collect::<Vec<_>>();
            self.open = SessionSet::new(COUNT);
            open.iter().for_each(|it| {
                self.open.insert(*it);
            });
            self.own(session).forget(SessionNumber(session));
            for other in open.into_iter().filter(|it| !unless.contains(&it.0)) {
                self.told(other.0, session);
            }
        }

        fn told(&mut self, observer: u32, member: u32) {
            self.own(observer).left(SessionNumber(observer), MemberId(13 + u64::from(member)));
        }

        fn judged(mut self) -> LedgerTotals {
            self.ledgers.iter_mut().for_each(|ledger| ledger.settle(&self.open));
            let homes = Homes::new(COUNT, &[], |_| ServerIndex::NONE);
            let closing = Closing { open: &self.open, homes: &homes, stalls: &[], told: Told::ALL };
            let mut totals = close(&self.ledgers, &closing);
            totals.judge_gone(
                &self.board.gone_so_far(),
                &self.open,
                &Members::range(MemberId(13), COUNT, 38),
            );
            totals
        }
    }

    fn all_come() -> Played {
        let mut played = Played::new();
        (0..COUNT).for_each(|session| played.comes(session, &[]));
        played
    }

    #[test]
    fn who_comes_again_is_to_be_announced_again() {
        for (unheard, missing) in [(&[][..], 0), (&[0, 3], 2)] {
            let mut played = all_come();
            played.leaves(1, &[]);
            played.comes(1, unheard);
            let totals = played.judged();
            assert_eq!((totals.expected, totals.missing, totals.counts.duplicate), (12, missing, 0));
            assert_eq!((totals.counts.left_expected, totals.counts.left_missing), (3, 0));
            assert_eq!(totals.gone_while_open, 0);
        }
    }

    #[test]
    fn a_departure_that_nobody_heard_of_is_missing_once_the_member_is_back() {
        let mut played = all_come();
        played.leaves(1, &[0, 2]);
        played.comes(1, &[]);
        played.leaves(1, &[0]);
        played.comes(1, &[]);
        let totals = played.judged();
        assert_eq!((totals.missing, totals.counts.duplicate), (0, 0));
        assert_eq!((totals.counts.left_expected, totals.counts.left_missing), (6, 3));
    }

    #[test]
    fn one_that_is_heard_late_is_of_the_life_before() {
        let mut played = all_come();
        played.leaves(1, &[0, 2, 3]);
        // Whoever is told of its return first is told of its departure before that.
        played.own(1).begins(SessionNumber(1));
        for observer in [2, 0, 3] {
            played.told(observer, 1);
            played.own(observer).entered(SessionNumber(observer), MemberId(14));
        }
        for other in [0, 2, 3] {
            played.own(1).listed(SessionNumber(1), MemberId(13 + other));
        }
        played.open.insert(SessionNumber(1));
        let totals = played.judged();
        assert_eq!((totals.missing, totals.counts.duplicate, totals.gone_while_open), (0, 0, 0));
        assert_eq!((totals.counts.left_expected, totals.counts.left_missing), (3, 0));
        assert_eq!((totals.counts.left_unknown, totals.counts.entered_after_left), (0, 0));
    }

    /// An observer that comes between a departure and its announcement hears of somebody unknown, and then of
    /// the return, in order.
    #[test]
    fn a_return_is_no_departure_before_the_entering() {
        let mut played = Played::new();
        [0, 1].into_iter().for_each(|session| played.comes(session, &[]));
        played.leaves(1, &[0]);
        played.comes(2, &[]);
        played.told(2, 1);
        played.comes(1, &[]);
        let counts = played.judged().counts;
        assert_eq!((counts.left_unknown, counts.entered_after_left), (1, 0));
    }

    /// What one heard of before it left and came again says nothing of what it hears then.
    #[test]
    fn an_observer_s_lives_are_apart() {
        let mut played = Played::new();
        [0, 2].into_iter().for_each(|session| played.comes(session, &[]));
        played.told(2, 1);
        played.leaves(2, &[]);
        played.comes(2, &[]);
        played.comes(1, &[]);
        assert_eq!(played.judged().counts.entered_after_left, 0);
    }

    #[test]
    fn an_observer_that_comes_again_learns_anew() {
        let mut played = all_come();
        played.leaves(2, &[]);
        played.own(2).begins(SessionNumber(2));
        played.open.insert(SessionNumber(2));
        for observer in [0, 1, 3] {
            played.own(observer).entered(SessionNumber(observer), MemberId(15));
        }
        // Its list named one of three.
        played.own(2).listed(SessionNumber(2), MemberId(13));
        let totals = played.judged();
        assert_eq!((totals.expected, totals.missing, totals.counts.duplicate), (12, 2, 0));
    }

    #[test]
    fn twice_in_one_life_is_a_duplicate_and_gone_while_open_is_found() {
        let mut played = all_come();
        played.leaves(1, &[]);
        played.comes(1, &[]);
        played.own(0).entered(SessionNumber(0), MemberId(14));
        played.told(3, 1);
        let totals = played.judged();
        assert_eq!((totals.counts.duplicate, totals.gone_while_open), (1, 1));
        assert_eq!(totals.counts.left_missing, 0);
    }
}
