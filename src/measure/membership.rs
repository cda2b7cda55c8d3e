//! Who is in, by whom: members announced as gone while their session is open here, and sessions that
//! closed here and were never announced as gone.
//!
//! Knows member numbers only, no messages. Invariant: what is judged follows from whole seconds of the
//! run: an observer that was there before the session closed, and is there at the close of accounts,
//! and a close so long ago that its announcement is due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ledger::SessionSet;
use super::observers::ObserverRows;
use super::updates::SETTLES_SECONDS;
use crate::members::{MemberId, MemberName, Members, SessionNumber};

/// Names kept of each finding.
const SAMPLES_MAX: usize = 20;
/// An observer was there if it opened at least this many whole seconds before the close.
const OPEN_SECONDS: u32 = 2;

/// When sessions opened and closed, for all workers: each is written by its own.
#[derive(Debug)]
pub struct Stays {
    /// The second in which it opened, less one: 0, it never did.
    opened: Vec<AtomicU32>,
    /// Twice the second in which it closed, and 2; one more if that was in order. 0: it is open.
    closed: Vec<AtomicU32>,
    /// Somebody has failed: only then is there anyone to look for in lists.
    has_failures: AtomicBool,
}

/// How an open session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    second: u32,
    /// The server knows at once: the session had finished.
    in_order: bool,
}

impl Departure {
    /// Whether the servers have noticed it by then, and told the others.
    fn is_known_by(self, second: u32, left_within: Duration) -> bool {
        let noticed = match self.in_order {
            true => 0,
            false => left_within.as_secs().min(u64::from(u32::MAX / 2)) as u32,
        };
        self.second + noticed + SETTLES_SECONDS <= second
    }
}

impl Stays {
    /// Nobody yet, of sessions 0 to `count` - 1.
    pub fn new(count: u32) -> Arc<Self> {
        let none = || (0..count).map(|_| AtomicU32::new(0)).collect();
        Arc::new(Self { opened: none(), closed: none(), has_failures: AtomicBool::new(false) })
    }

    /// This session opened in that second of the run.
    pub fn opened(&self, session: SessionNumber, second: u32) {
        self.opened[session.index()].store(second + 1, Ordering::Relaxed);
        // It is back, if it had left.
        self.closed[session.index()].store(0, Ordering::Relaxed);
    }

    /// It is open no longer; `in_order`: it had finished.
    pub fn closed(&self, session: SessionNumber, second: u32, in_order: bool) {
        self.closed[session.index()].store(2 * (second + 1) + u32::from(in_order), Ordering::Relaxed);
        self.has_failures.fetch_or(!in_order, Ordering::Relaxed);
    }

    /// The second in which it opened.
    fn opening(&self, session: SessionNumber) -> Option<u32> {
        self.opened[session.index()].load(Ordering::Relaxed).checked_sub(1)
    }

    fn departure(&self, session: SessionNumber) -> Option<Departure> {
        let closed = self.closed[session.index()].load(Ordering::Relaxed);
        (closed > 0).then(|| Departure { second: closed / 2 - 1, in_order: closed % 2 == 1 })
    }
}

/// Which observers of one worker have heard that which members left.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When sessions opened and closed.
    pub stays: Arc<Stays>,
    members: Arc<Members>,
    sessions: u32,
    observers: Vec<SessionNumber>,
    rows: ObserverRows,
    /// Words of a member's observers.
    width: usize,
    /// A bit each, member after member. Its pages stay untouched until somebody leaves.
    bits: Vec<u64>,
    left_within: Duration,
    /// Sessions that were over for long and listed all the same, with how often.
    still_listed: BTreeMap<SessionNumber, u64>,
}

impl Heard {
    /// Nothing yet, of the observers of one worker and `sessions` sessions in all.
    pub fn new(
        members: Arc<Members>,
        sessions: u32,
        observers: &[SessionNumber],
        stays: Arc<Stays>,
        left_within: Duration,
    ) -> Self {
        let width = observers.len().div_ceil(64);
        Self {
            stays,
            members,
            sessions,
            rows: ObserverRows::of(observers, sessions),
            observers: observers.to_vec(),
            width,
            bits: vec![0; width * sessions as usize],
            left_within,
            still_listed: BTreeMap::new(),
        }
    }

    /// The open message of some session listed this member.
    pub fn listed(&mut self, member_id: MemberId, second: u32) {
        if !self.stays.has_failures.load(Ordering::Relaxed) {
            return;
        }
        let member = self.members.index_of(member_id).filter(|member| member.0 < self.sessions);
        let departure = member.and_then(|member| Some((member, self.stays.departure(member)?)));
        // Who has finished may be listed as long as the server likes.
        if let Some((member, departure)) = departure
            && !departure.in_order
            && departure.is_known_by(second, self.left_within)
        {
            *self.still_listed.entry(member).or_default() += 1;
        }
    }

    /// The observer learned that this member is in: what it heard before is of an earlier departure.
    /// Called where members come again.
    pub fn is_in(&mut self, observer: SessionNumber, member_id: MemberId) {
        let Some(row) = self.rows.find(observer) else { return };
        let member = self.members.index_of(member_id).filter(|member| member.0 < self.sessions);
        if let Some(member) = member {
            self.bits[member.index() * self.width + row / 64] &= !(1 << (row % 64));
        }
    }

    /// An announcement to `session` said that this member left.
    pub fn left(&mut self, session: SessionNumber, member_id: MemberId) {
        let Some(row) = self.rows.find(session) else { return };
        let member = self.members.index_of(member_id).filter(|member| member.0 < self.sessions);
        if let Some(member) = member {
            self.bits[member.index() * self.width + row / 64] |= 1 << (row % 64);
        }
    }

    fn has_heard(&self, row: usize, member: SessionNumber) -> bool {
        self.bits[member.index() * self.width + row / 64] >> (row % 64) & 1 == 1
    }
}

/// What all is judged by, once accounts are closed.
#[derive(Debug)]
pub struct Closing<'a> {
    /// The run's members.
    pub members: &'a Members,
    /// Sessions open at the close.
    pub open: &'a SessionSet,
    /// Members announced as gone some time before the close.
    pub gone: &'a SessionSet,
    /// The second of the close.
    pub second: u32,
    /// The second in which others were judged: who had to be announced by then was.
    pub judged: Option<u32>,
    /// How long servers may take to notice that a session was cut.
    pub left_within: Duration,
}

/// What was found. Servers are those of the sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipTotals {
    /// Members announced as gone whose sessions were open, by the server of their session.
    pub gone_while_open: BTreeMap<String, u64>,
    /// Sessions that closed so long ago that all others must have been told.
    pub closed: u64,
    /// Sessions that closed later than that: not judged.
    pub pending: u64,
    /// Pairs of an observer and a session that closed: the observer has to be told.
    pub expected: u64,
    /// Of these, the observer was not told.
    pub missing: u64,
    /// Sessions that closed and whom no observer was told about.
    pub unannounced: u64,
    /// Sessions that were over and that open messages listed long after, with how often, by the server
    /// of the session.
    pub still_listed: BTreeMap<String, u64>,
    /// The missing pairs by server of the closed session and of the observer.
    #[serde(with = "super::listed")]
    pub missing_by_server: BTreeMap<(String, String), u64>,
    /// The unannounced sessions by their server.
    pub unannounced_by_server: BTreeMap<String, u64>,
    /// The first few missing pairs: observer and member who left.
    pub samples: Vec<(MemberName, MemberName)>,
}

impl MembershipTotals {
    /// Adds another run's, judged by itself.
    pub fn add(&mut self, other: &Self) {
        // Taken apart in full, so that a figure added later cannot be forgotten here.
        let Self {
            gone_while_open,
            closed,
            pending,
            expected,
            missing,
            unannounced,
            still_listed,
            missing_by_server,
            unannounced_by_server,
            samples,
        } = other;
        add_by(&mut self.gone_while_open, gone_while_open);
        self.closed += closed;
        self.pending += pending;
        self.expected += expected;
        self.missing += missing;
        self.unannounced += unannounced;
        add_by(&mut self.still_listed, still_listed);
        add_by(&mut self.missing_by_server, missing_by_server);
        add_by(&mut self.unannounced_by_server, unannounced_by_server);
        self.samples.extend_from_slice(samples);
        self.samples.truncate(SAMPLES_MAX);
    }

    /// The same without those who had been listed by an earlier look.
    pub fn since(mut self, before: &BTreeMap<String, u64>) -> Self {
        for (server, times) in before {
            if let Some(listed) = self.still_listed.get_mut(server) {
                *listed = listed.saturating_sub(*times);
            }
        }
        self
    }

    /// Judges all workers' accounts; `server_of` names the server of a session.
    pub fn judge(
        heard: &[Heard],
        closing: &Closing<'_>,
        server_of: impl Fn(SessionNumber) -> String,
    ) -> Self {
        let mut totals = Self::default();
        let Some(Heard { stays, sessions, .. }) = heard.first() else { return totals };
        let sessions = *sessions;
        for (member, times) in heard.iter().flat_map(|one| &one.still_listed) {
            *totals.still_listed.entry(server_of(*member)).or_default() += times;
        }
        for member in (0..sessions).map(SessionNumber) {
            if closing.gone.contains(member) && closing.open.contains(member) {
                *totals.gone_while_open.entry(server_of(member)).or_default() += 1;
            }
            let Some(departure) = stays.departure(member) else { continue };
            if closing.judged.is_some_and(|second| departure.is_known_by(second, closing.left_within)) {
                continue;
            }
            if !departure.is_known_by(closing.second, closing.left_within) {
                totals.pending += 1;
                continue;
            }
            totals.closed += 1;
            totals.departed(member, departure, heard, closing, &server_of);
        }
        totals
    }

    fn departed(
        &mut self,
        member: SessionNumber,
        departure: Departure,
        heard: &[Heard],
        closing: &Closing<'_>,
        server_of: impl Fn(SessionNumber) -> String,
    ) {
        let (mut expected, mut missing) = (0, 0);
        for one in heard {
            for (row, &observer) in one.observers.iter().enumerate() {
                if !closing.has_to_know((observer, &one.stays), member, departure) {
                    continue;
                }
                expected += 1;
                if one.has_heard(row, member) {
                    continue;
                }
                missing += 1;
                let servers = (server_of(member), server_of(observer));
                *self.missing_by_server.entry(servers).or_default() += 1;
                if self.samples.len() < SAMPLES_MAX {
                    let name = |session| closing.members.name_of(session);
                    self.samples.push((name(observer), name(member)));
                }
            }
        }
        self.expected += expected;
        self.missing += missing;
        if expected > 0 && missing == expected {
            self.unannounced += 1;
            *self.unannounced_by_server.entry(server_of(member)).or_default() += 1;
        }
    }
}

impl Closing<'_> {
    fn has_to_know(
        &self,
        (observer, stays): (SessionNumber, &Stays),
        member: SessionNumber,
        departure: Departure,
    ) -> bool {
        let members = self.members;
        let is_one =
            || members.only_challenge().is_some() || members.challenge(observer) == members.challenge(member);
        let opened = stays.opening(observer);
        observer != member
            && self.open.contains(observer)
            && opened.is_some_and(|opened| opened + OPEN_SECONDS <= departure.second)
            && is_one()
    }
}

/// Memory of all workers together, in bytes: two instants a session, a bit a pair of observer and
/// member, and where rows are found.
pub fn bytes(sessions: u32, observers: usize, workers: usize) -> u64 {
    let sessions = u64::from(sessions);
    sessions * 8 + sessions * observers as u64 / 8 + ObserverRows::bytes(sessions) * workers as u64
}

fn add_by<K: Ord + Clone>(mine: &mut BTreeMap<K, u64>, theirs: &BTreeMap<K, u64>) {
    for (key, count) in theirs {
        *mine.entry(key.clone()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: u32 = 5;

    struct Played {
        members: Arc<Members>,
        stays: Arc<Stays>,
        heard: Vec<Heard>,
        open: SessionSet,
        gone: SessionSet,
        judged: Option<u32>,
    }

    impl Played {
        /// All sessions open in second 0, even numbers on one worker, odd ones on the other.
        fn new() -> Self {
            let members = Arc::new(Members::range(MemberId(13), COUNT, 38));
            let of = |worker| (0..COUNT).filter(|k| k % 2 == worker).map(SessionNumber).collect::<Vec<_>>();
            let (stays, mut open) = (Stays::new(COUNT), SessionSet::new(COUNT));
            let within = Duration::from_secs(90);
            let heard = |it| Heard::new(Arc::clone(&members), COUNT, &of(it), Arc::clone(&stays), within);
            let heard = [0, 1].map(heard).into();
            for k in (0..COUNT).map(SessionNumber) {
                stays.opened(k, 0);
                open.insert(k);
            }
            Self { members, stays, heard, open, gone: SessionSet::new(COUNT), judged: None }
        }

        fn close(&mut self, session: u32, second: u32, in_order: bool) {
            self.stays.closed(SessionNumber(session), second, in_order);
            let mut open = SessionSet::new(COUNT);
            let others = (0..COUNT).map(SessionNumber).filter(|k| self.open.contains(*k) && k.0 != session);
            others.for_each(|k| {
                open.insert(k);
            });
            self.open = open;
        }

        fn tell(&mut self, observer: u32, member: u32) {
            let id = MemberId(13 + u64::from(member));
            self.heard[observer as usize % 2].left(SessionNumber(observer), id);
        }

        fn judged(&self, second: u32, left_within_s: u64) -> MembershipTotals {
            let closing = Closing {
                members: &self.members,
                open: &self.open,
                gone: &self.gone,
                second,
                judged: self.judged,
                left_within: Duration::from_secs(left_within_s),
            };
            MembershipTotals::judge(&self.heard, &closing, |session| format!("ws{}", session.0 % 2 + 1))
        }
    }

    #[test]
    fn a_session_that_closed_has_to_be_announced_to_all_who_are_left() {
        let mut played = Played::new();
        played.close(1, 10, true);
        played.close(2, 11, true);
        for observer in [0, 3, 4] {
            played.tell(observer, 1);
        }
        played.tell(3, 2);
        let totals = played.judged(20, 0);
        assert_eq!((totals.closed, totals.pending), (2, 0));
        assert_eq!((totals.expected, totals.missing, totals.unannounced), (6, 2, 0));
        assert_eq!(totals.missing_by_server, [(("ws1".into(), "ws1".into()), 2)].into());
        let named: Vec<String> = totals.samples.iter().map(|(it, member)| format!("{it}<{member}")).collect();
        assert_eq!(named, ["13<15", "17<15"]);
    }

    /// Once a step of a search has been judged, the next one is by who had to be announced since.
    #[test]
    fn who_was_judged_before_is_not_judged_again() {
        let mut played = Played::new();
        played.close(1, 10, true);
        played.close(2, 13, true);
        let missing = |played: &Played, second| played.judged(second, 0).missing;
        assert_eq!((missing(&played, 14), missing(&played, 20)), (3, 6));
        played.judged = Some(14);
        assert_eq!((missing(&played, 14), missing(&played, 20)), (0, 3));
        played.judged = Some(20);
        assert_eq!(missing(&played, 30), 0);
    }

    #[test]
    fn one_that_nobody_was_told_of_is_named_by_its_server() {
        let mut played = Played::new();
        played.close(3, 5, true);
        let totals = played.judged(8, 0);
        assert_eq!((totals.unannounced, totals.missing), (1, 4));
        assert_eq!(totals.unannounced_by_server, [("ws2".to_owned(), 1)].into());
    }

    #[test]
    fn a_cut_is_judged_once_the_servers_must_have_noticed() {
        let mut played = Played::new();
        played.close(3, 5, false);
        assert_eq!((played.judged(97, 90).pending, played.judged(97, 90).missing), (1, 0));
        assert_eq!((played.judged(98, 90).pending, played.judged(98, 90).missing), (0, 4));
        let mut played = Played::new();
        played.close(3, 5, true);
        assert_eq!(played.judged(7, 90).pending, 1, "two whole seconds");
    }

    #[test]
    fn who_is_listed_long_after_its_session_failed_is_counted() {
        let mut played = Played::new();
        for second in [3, 200] {
            played.heard[0].listed(MemberId(14), second);
        }
        played.close(1, 5, false);
        played.close(2, 5, true);
        for (id, second) in [(14, 97), (14, 98), (14, 99), (15, 200), (13, 200), (99, 200)] {
            played.heard[0].listed(MemberId(id), second);
        }
        assert_eq!(played.judged(300, 90).still_listed, [("ws2".to_owned(), 2)].into());
    }

    #[test]
    fn who_came_later_need_not_know() {
        let mut played = Played::new();
        played.stays.opened(SessionNumber(0), 4);
        played.close(3, 5, true);
        assert_eq!(played.judged(20, 0).expected, 3);
    }

    #[test]
    fn gone_while_open_is_counted_by_server() {
        let mut played = Played::new();
        for k in [0, 1, 2] {
            played.gone.insert(SessionNumber(k));
        }
        played.close(2, 3, true);
        assert_eq!(played.judged(20, 0).gone_while_open, [("ws1".into(), 1), ("ws2".into(), 1)].into());
    }
}
