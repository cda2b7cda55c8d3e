//! Pairs of observer and announced member, told apart one by one.

use std::sync::Arc;
use std::time::Duration;

use super::close::MISSING_SAMPLES_MAX;
use super::*;
use crate::members::{MemberId, Members};
use crate::scenario::presence::Told;

#[test]
fn memory_is_predicted() {
    // Two bits a pair; some of it rounded up.
    let pairs = 2 * 20_000 * 20_000 / 8;
    let all = bytes(20_000, 20_000, 2, false);
    assert!((pairs..pairs + pairs / 100).contains(&all), "{all}");
    // Few observers among many sessions cost their bits, and each session some 5 bytes.
    assert!(bytes(1_000_000, 64, 51, false) < 16_000_000 + 13_000_000 + 5_200_000);
    for (sessions, count) in [(1_000, 1_000), (1_000, 64), (70_000, 7)] {
        let ledger = ledger(sessions, &observers(sessions, count));
        let words = (ledger.listed.len() + ledger.announced.len()) as u64 * 8;
        let board = u64::from(sessions) * board::BITS_PER_SESSION / 8;
        let taken = words + ledger.rows.bytes() + board;
        let predicted = bytes(sessions, count, 1, false);
        assert!(predicted >= taken && predicted < taken + 16, "{sessions}: {predicted} of {taken}");
    }
}

const FIRST: MemberId = MemberId(13);

fn id(k: u32) -> MemberId {
    MemberId(FIRST.0 + u64::from(k))
}

fn everyone_open(sessions: u32) -> SessionSet {
    let mut open = SessionSet::new(sessions);
    (0..sessions).for_each(|k| {
        open.insert(SessionNumber(k));
    });
    open
}

fn ledger(sessions: u32, observers: &[SessionNumber]) -> Ledger {
    let members = Arc::new(Members::range(FIRST, sessions, 38));
    Ledger::new(members, sessions, observers, Board::new(sessions))
}

fn one_challenge(sessions: u32) -> Ledger {
    ledger(sessions, &observers(sessions, sessions))
}

/// The totals, without their shape.
fn closed(ledgers: &[Ledger], open: &SessionSet) -> LedgerTotals {
    let homes = Homes::default();
    LedgerTotals {
        shape: Shape::default(),
        ..close(ledgers, &Closing { open, homes: &homes, stalls: &[], told: Told::ALL })
    }
}

/// A perfect ramp: session k is listed everyone before it and told of everyone after it.
fn ramp(ledger: &mut Ledger, sessions: u32) {
    for session in 0..sessions {
        for other in 0..sessions {
            if other < session {
                ledger.listed(SessionNumber(session), id(other));
            } else if other > session {
                ledger.entered(SessionNumber(session), id(other));
            }
        }
    }
}

#[test]
fn a_perfect_ramp_closes() {
    let mut ledger = one_challenge(100);
    ramp(&mut ledger, 100);
    let totals = closed(&[ledger], &everyone_open(100));
    let expected =
        LedgerTotals { observers: 100, members: 100, expected: 9900, seen: 9900, ..LedgerTotals::default() };
    assert_eq!(totals, expected);
}

#[test]
fn a_loss_and_a_duplicate_do_not_cancel() {
    let mut ledger = one_challenge(3);
    ledger.listed(SessionNumber(2), FIRST);
    ledger.listed(SessionNumber(2), id(1));
    ledger.entered(SessionNumber(0), id(1));
    ledger.entered(SessionNumber(0), id(2));
    ledger.entered(SessionNumber(1), id(2));
    // Session 1 never learns of 0; session 0 learns of 2 twice.
    ledger.entered(SessionNumber(0), id(2));
    let totals = closed(&[ledger], &everyone_open(3));
    assert_eq!((totals.expected, totals.seen, totals.missing, totals.counts.duplicate), (6, 5, 1, 1));
    assert_eq!(totals.missing_samples, [(id(1).into(), FIRST.into())]);
}

#[test]
fn listed_and_announced_is_an_overlap_not_a_duplicate() {
    let mut ledger = one_challenge(2);
    ledger.listed(SessionNumber(1), FIRST);
    ledger.entered(SessionNumber(1), FIRST);
    ledger.entered(SessionNumber(0), id(1));
    let totals = closed(&[ledger], &everyone_open(2));
    assert_eq!((totals.seen, totals.overlap, totals.counts.duplicate), (2, 1, 0));
}

#[test]
fn strangers_and_the_observer_itself_are_no_pairs() {
    let members = Arc::new(Members::range(FIRST, 10, 38));
    // Of ten members only four run.
    let mut ledger = Ledger::new(members, 4, &[0, 1].map(SessionNumber), Board::new(4));
    ledger.entered(SessionNumber(0), MemberId(5_000));
    ledger.entered(SessionNumber(0), id(7));
    ledger.listed(SessionNumber(0), FIRST);
    // Session 3 does not observe here.
    ledger.entered(SessionNumber(3), MemberId(5_000));
    let totals = closed(&[ledger], &everyone_open(4));
    assert_eq!(
        (totals.counts.strangers, totals.counts.own, totals.counts.duplicate, totals.seen),
        (2, 1, 0, 0)
    );
    assert_eq!((totals.observers, totals.expected, totals.missing), (2, 6, 6));
}

#[test]
fn only_pairs_open_at_the_close_are_judged() {
    let mut ledger = one_challenge(4);
    ledger.entered(SessionNumber(0), id(1));
    let mut open = SessionSet::new(4);
    open.insert(SessionNumber(0));
    open.insert(SessionNumber(1));
    let totals = closed(&[ledger], &open);
    assert_eq!((totals.observers, totals.expected, totals.seen, totals.missing), (2, 2, 1, 1));
}

#[test]
fn members_of_different_challenges_owe_each_other_nothing() {
    let rows = [(100, 1), (101, 2), (102, 1), (103, 2)].map(|(id, challenge)| (MemberId(id), challenge));
    let members = Arc::new(Members::listed(rows).unwrap());
    let mut ledger = Ledger::new(members, 4, &[0, 1, 2, 3].map(SessionNumber), Board::new(4));
    ledger.entered(SessionNumber(0), MemberId(102));
    ledger.listed(SessionNumber(2), MemberId(100));
    ledger.entered(SessionNumber(1), MemberId(103));
    // Told of someone who runs elsewhere.
    ledger.entered(SessionNumber(0), MemberId(101));
    let totals = closed(&[ledger], &everyone_open(4));
    assert_eq!((totals.expected, totals.seen, totals.missing, totals.counts.strangers), (4, 3, 1, 1));
    assert_eq!(totals.missing_samples, [(MemberId(103).into(), MemberId(101).into())]);
}

#[test]
fn few_observers_among_many_sessions_are_evenly_spread() {
    let sessions = 30_000;
    let chosen = observers(sessions, 64);
    assert_eq!((chosen.len(), chosen[1]), (64, SessionNumber(468)));
    assert_eq!((observers(7, 3).len(), observers(3, 7).len(), observers(5, 0).len()), (3, 3, 0));
    let board = Board::new(sessions);
    let members = Arc::new(Members::range(FIRST, sessions, 38));
    let of = |own| Ledger::new(Arc::clone(&members), sessions, own, Arc::clone(&board));
    let mut workers: Vec<Ledger> = chosen.chunks(25).map(of).collect();
    for ledger in &mut workers {
        for &SessionNumber(session) in &chosen {
            (0..sessions).filter(|&k| k != session).for_each(|k| {
                ledger.entered(SessionNumber(session), id(k));
            });
        }
    }
    let totals = closed(&workers, &everyone_open(sessions));
    assert_eq!(totals.observers, 64);
    assert_eq!((totals.expected, totals.missing), (64 * u64::from(sessions - 1), 0));
    assert_eq!(totals.counts.duplicate, 0);
}

#[test]
fn samples_of_missing_pairs_are_bounded() {
    let totals = closed(&[one_challenge(50)], &everyone_open(50));
    assert_eq!(totals.missing, 50 * 49);
    assert_eq!(totals.missing_samples.len(), MISSING_SAMPLES_MAX);
}

/// What must hold whatever the events: pairs as a naive set of them says.
#[test]
fn random_events_agree_with_a_set_of_pairs() {
    use std::collections::HashSet;
    let sessions = 70;
    for (seed, workers) in (0..20).zip([1, 2, 10].into_iter().cycle()) {
        let mut random = fastrand::Rng::with_seed(seed);
        // No row is a whole number of words.
        let board = Board::new(sessions);
        let members = Arc::new(Members::range(FIRST, sessions, 38));
        let mut ledgers: Vec<Ledger> = (0..workers)
            .map(|worker| {
                let own: Vec<_> = (worker..sessions).step_by(workers as usize).map(SessionNumber).collect();
                Ledger::new(Arc::clone(&members), sessions, &own, Arc::clone(&board))
            })
            .collect();
        let (mut listed, mut entered) = (HashSet::new(), HashSet::new());
        let mut duplicate = 0;
        for _ in 0..6_000 {
            let (observer, member) = (random.u32(0..sessions), random.u32(0..sessions));
            if observer == member {
                continue;
            }
            let is_listed = random.bool();
            let kind = if is_listed { &mut listed } else { &mut entered };
            duplicate += u64::from(!kind.insert((observer, member)));
            let id = id(member);
            let ledger = &mut ledgers[(observer % workers) as usize];
            if is_listed {
                ledger.listed(SessionNumber(observer), id);
            } else {
                ledger.entered(SessionNumber(observer), id);
            }
        }
        let mut open = SessionSet::new(sessions);
        (0..sessions).filter(|_| random.u8(0..10) > 0).for_each(|k| {
            open.insert(SessionNumber(k));
        });
        let both =
            |&&(a, b): &&(u32, u32)| open.contains(SessionNumber(a)) && open.contains(SessionNumber(b));
        let seen = listed.union(&entered).filter(both).count() as u64;
        let overlap = listed.intersection(&entered).filter(both).count() as u64;
        let totals = closed(&ledgers, &open);
        assert_eq!(
            (totals.seen, totals.overlap, totals.counts.duplicate),
            (seen, overlap, duplicate),
            "{seed}"
        );
        assert_eq!(totals.expected, totals.seen + totals.missing);
        assert_eq!(totals.expected, totals.observers * (totals.observers - 1));
    }
}

#[test]
fn whoever_is_announced_as_gone_while_open_is_found() {
    let members = Arc::new(Members::range(FIRST, 4, 38));
    let board = Board::new(4);
    let mut ledger = Ledger::new(Arc::clone(&members), 4, &[SessionNumber(0)], Arc::clone(&board));
    for further in [1, 2, 3, 99] {
        ledger.left(SessionNumber(0), MemberId(FIRST.0 + further));
    }
    // What was said of this one before it opened is of an earlier session.
    ledger.opened(SessionNumber(3), Duration::ZERO);
    let mut open = SessionSet::new(4);
    for session in [0, 1, 3] {
        open.insert(SessionNumber(session));
    }
    let mut totals = closed(&[ledger], &open);
    totals.judge_gone(&board.gone_so_far(), &open, &members);
    assert_eq!((totals.gone_while_open, totals.gone_samples), (1, vec![MemberId(FIRST.0 + 1).into()]));
}

/// Departures overtake: whoever was not known when they left may be announced afterwards.
#[test]
fn a_departure_before_the_entering_is_out_of_order() {
    let mut ledger = one_challenge(4);
    ledger.listed(SessionNumber(0), id(1));
    ledger.left(SessionNumber(0), id(1));
    ledger.left(SessionNumber(0), id(2));
    ledger.left(SessionNumber(0), id(3));
    ledger.entered(SessionNumber(0), id(2));
    ledger.entered(SessionNumber(0), id(2));
    let counts = closed(&[ledger], &everyone_open(4)).counts;
    assert_eq!((counts.left_unknown, counts.entered_after_left), (2, 1));
}

/// Session k opens at second k. Members hear of those that enter later, or find those that are in, and
/// nobody is expected to know more than that.
#[test]
fn who_was_there_first_decides_where_members_are_only_listed_or_only_announced() {
    let (sessions, everyone) = (40, everyone_open(40));
    let half = u64::from(sessions * (sessions - 1) / 2);
    for (entered, count) in [(true, 40), (false, 40), (true, 3), (false, 3)] {
        let own = match count {
            40 => observers(sessions, count),
            _ => vec![SessionNumber(0), SessionNumber(20), SessionNumber(39)],
        };
        let mut ledger = ledger(sessions, &own);
        (0..sessions).for_each(|k| ledger.opened(SessionNumber(k), Duration::from_secs(k.into())));
        let lost = (SessionNumber(20), if entered { 32 } else { 8 });
        for &observer in &own {
            for member in (0..sessions).filter(|member| (observer, *member) != lost) {
                match entered {
                    true if member > observer.0 => _ = ledger.entered(observer, id(member)),
                    false if member < observer.0 => ledger.listed(observer, id(member)),
                    _ => {}
                }
            }
        }
        let (homes, told) = (Homes::default(), Told { entered, listed: !entered, left: false });
        let closing = Closing { open: &everyone, homes: &homes, stalls: &[], told };
        let totals = close(&[ledger], &closing);
        assert_eq!(totals.missing_samples, [(id(lost.0.0).into(), id(lost.1).into())], "{told:?}, {count}");
        assert_eq!(totals.expected, totals.seen + 1);
        if count == sessions {
            assert_eq!(totals.expected, half);
        }
        assert_eq!(totals.shape.unlisted, u64::from(!entered));
    }
}
