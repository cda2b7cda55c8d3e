//! Updates against a naive account of every pair.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const COUNT: u32 = 6;

fn members(challenges: u64) -> Arc<Members> {
    let rows = (0..u64::from(COUNT)).map(|k| (MemberId(13 + k), 38 + k % challenges));
    Arc::new(Members::listed(rows).expect("each once"))
}

/// Two workers' accounts of the same members: rows go round.
fn workers(members: &Arc<Members>) -> Vec<Updates> {
    let recent = Recent::new(COUNT);
    let of = |worker: u32| (0..COUNT).filter(|k| k % 2 == worker).map(SessionNumber).collect::<Vec<_>>();
    [0, 1].map(|it| Updates::new(Arc::clone(members), COUNT, &of(it), Arc::clone(&recent))).into()
}

fn worker_of(workers: &mut [Updates], session: u32) -> &mut Updates {
    &mut workers[session as usize % 2]
}

fn all(workers: &mut [Updates]) -> UpdateTally {
    let mut all = UpdateTally::default();
    workers.iter_mut().for_each(|worker| all.add(&worker.take()));
    all
}

fn close(workers: &mut [Updates], open: &[u32], second: u32) -> Vec<MissingUpdate> {
    let of = |worker: u32| open.iter().filter(move |k| **k % 2 == worker).map(|k| SessionNumber(*k));
    let closed = [0, 1].map(|it| workers[it as usize].close(&of(it).collect::<Vec<_>>(), second));
    closed.into_iter().flatten().collect()
}

#[derive(Clone, Copy, Debug)]
enum What {
    Open(u32),
    Close(u32),
    Send(u32),
}

/// What happens, in the second in which it does.
fn happenings() -> impl Strategy<Value = Vec<(u32, What)>> {
    let session = 0..COUNT;
    let what = prop_oneof![
        1 => session.clone().prop_map(What::Open),
        1 => session.clone().prop_map(What::Close),
        6 => session.prop_map(What::Send),
    ];
    proptest::collection::vec((0_u32..30, what), 0..120).prop_map(|mut all| {
        all.sort_by_key(|(second, _)| *second);
        all
    })
}

proptest! {
    /// Each update is lost, comes once or twice, at once or after the next ones.
    #[test]
    fn sums_are_those_of_the_pairs(
        happenings in happenings(),
        fates in proptest::collection::vec(0_u8..8, 1..50),
        challenges in 1_u64..3,
    ) {
        let members = members(challenges);
        let mut workers = workers(&members);
        let mut open = [None::<u32>; COUNT as usize];
        // From and to of each time that a session was open, and messages with their seconds.
        let mut spans = Vec::new();
        let mut sent = Vec::new();
        let mut had = BTreeSet::new();
        let mut waiting: Vec<(u32, Option<u32>, u32, u32)> = Vec::new();
        let mut duplicates = 0;
        let mut fates = fates.iter().cycle();
        for (second, what) in happenings.into_iter().chain([(31, What::Send(0))]) {
            match what {
                What::Open(k) if open[k as usize].is_none() => {
                    open[k as usize] = Some(second);
                    worker_of(&mut workers, k).opened(SessionNumber(k), second);
                }
                What::Close(k) => if let Some(from) = open[k as usize].take() {
                    spans.push((k, from, second));
                    worker_of(&mut workers, k).closed(SessionNumber(k), second);
                },
                What::Send(k) if open[k as usize].is_some() => {
                    let number = sent.len() as u32;
                    sent.push((k, second));
                    worker_of(&mut workers, k).sent(SessionNumber(k), number, second);
                    for other in (0..COUNT).filter(|other| *other != k) {
                        if open[other as usize].is_none() || u64::from(other) % challenges != u64::from(k) % challenges {
                            continue;
                        }
                        let mut deliver = |number: u32, actor: u32| {
                            let id = MemberId(13 + u64::from(actor));
                            duplicates += u64::from(!had.insert((other, number)));
                            worker_of(&mut workers, other).received(SessionNumber(other), id, number, second);
                        };
                        match fates.next().expect("endless") {
                            0 => {}
                            1 => { deliver(number, k); deliver(number, k); }
                            2 => waiting.push((other, open[other as usize], number, k)),
                            _ => deliver(number, k),
                        }
                    }
                }
                _ => {}
            }
            // What waits comes once its member has sent another, if its receiver is still there, in the
            // same session.
            if matches!(what, What::Send(_)) && second % 2 == 1 {
                for (other, since, number, actor) in std::mem::take(&mut waiting) {
                    let later = sent.iter().skip(number as usize).filter(|(k, _)| *k == actor).count();
                    if open[other as usize] == since && later <= RECENT {
                        duplicates += u64::from(!had.insert((other, number)));
                        let id = MemberId(13 + u64::from(actor));
                        worker_of(&mut workers, other).received(SessionNumber(other), id, number, second);
                    }
                }
            }
        }
        let left: Vec<u32> = (0..COUNT).filter(|k| open[*k as usize].is_some()).collect();
        close(&mut workers, &left, 32);
        spans.extend(left.iter().map(|k| (*k, open[*k as usize].expect("open"), 32)));
        let tally = all(&mut workers);
        let (mut expected, mut missing) = (0, 0);
        for (number, (actor, second)) in sent.iter().enumerate() {
            for (observer, from, to) in &spans {
                let is_one = u64::from(*observer) % challenges == u64::from(*actor) % challenges;
                let is_there = from + OPEN_SECONDS <= *second && *second + SETTLES_SECONDS <= *to;
                if observer != actor && is_one && is_there {
                    expected += 1;
                    missing += u64::from(!had.contains(&(*observer, number as u32)));
                }
            }
        }
        let sums = tally.up_to(u32::MAX);
        prop_assert_eq!((sums.expected, sums.missing()), (expected, missing));
        prop_assert_eq!((tally.duplicate, tally.unknown, tally.sent), (duplicates, 0, sent.len() as u64));
    }
}

/// Two sessions, open since second 0.
fn two() -> (Arc<Members>, Vec<Updates>) {
    let members = members(1);
    let mut workers = workers(&members);
    for k in [0, 1] {
        worker_of(&mut workers, k).opened(SessionNumber(k), 0);
    }
    (members, workers)
}

#[test]
fn a_loss_is_no_less_for_a_duplicate() {
    let (_, mut workers) = two();
    for (key, times) in [(100, 1), (200, 0), (300, 2)] {
        workers[0].sent(SessionNumber(0), key, 5);
        for _ in 0..times {
            workers[1].received(SessionNumber(1), MemberId(13), key, 5);
        }
    }
    let samples = close(&mut workers, &[0, 1], 20);
    let tally = all(&mut workers);
    assert_eq!(tally.up_to(99), UpdateSums { sent: 3, expected: 3, received: 2 });
    assert_eq!((tally.duplicate, tally.reordered), (1, 0));
    assert_eq!(samples.len(), 1);
    assert_eq!((samples[0].number, samples[0].second), (2, 5));
    assert_eq!((samples[0].observer.to_string(), samples[0].member.to_string()), ("14".into(), "13".into()));
}

#[test]
fn order_is_judged_by_acting_member_alone() {
    let (_, mut workers) = two();
    worker_of(&mut workers, 2).opened(SessionNumber(2), 0);
    for key in 1..=4 {
        workers[0].sent(SessionNumber(0), key, 5);
    }
    workers[0].sent(SessionNumber(2), 9, 5);
    for (member, key) in [(13, 2), (13, 1), (15, 9), (13, 4), (13, 3)] {
        workers[1].received(SessionNumber(1), MemberId(member), key, 6);
    }
    let tally = all(&mut workers);
    assert_eq!((tally.reordered, tally.duplicate), (2, 0));
}

#[test]
fn what_cannot_be_told_is_counted_apart() {
    let (_, mut workers) = two();
    workers[1].received(SessionNumber(1), MemberId(13), 7, 5);
    workers[1].received(SessionNumber(1), MemberId(99), 7, 5);
    for key in 1..=9 {
        workers[0].sent(SessionNumber(0), key, 5);
    }
    workers[1].received(SessionNumber(1), MemberId(13), 1, 5);
    workers[1].received(SessionNumber(1), MemberId(14), 9, 5);
    let tally = all(&mut workers);
    assert_eq!((tally.unknown, tally.strangers, tally.own), (2, 1, 1), "eight are remembered");
}

#[test]
fn who_has_just_opened_or_closes_at_once_expects_nothing() {
    let (_, mut workers) = two();
    workers[0].sent(SessionNumber(0), 1, 1);
    workers[1].received(SessionNumber(1), MemberId(13), 1, 1);
    workers[0].sent(SessionNumber(0), 2, 2);
    workers[0].sent(SessionNumber(0), 3, 3);
    workers[1].received(SessionNumber(1), MemberId(13), 3, 3);
    workers[1].closed(SessionNumber(1), 5);
    let tally = all(&mut workers);
    assert_eq!(tally.up_to(99), UpdateSums { sent: 3, expected: 1, received: 0 }, "the second one alone");
    assert_eq!(tally.early, 1);
    assert_eq!((UpdateTally::settled(4), UpdateTally::settled(9)), (None, Some(4)));
}

#[test]
fn numbers_and_seconds_go_round() {
    let (_, mut workers) = two();
    let long = 70_000;
    for key in 0..long {
        workers[0].sent(SessionNumber(0), key, key);
        workers[1].received(SessionNumber(1), MemberId(13), key, key);
    }
    close(&mut workers, &[0, 1], long);
    let tally = all(&mut workers);
    let sums = tally.up_to(u32::MAX);
    assert_eq!((tally.duplicate, tally.reordered, tally.unknown, tally.early), (0, 0, 0, 2));
    assert_eq!((sums.expected, sums.missing()), (u64::from(long) - 2 - 2, 0));
}

#[test]
fn its_memory_is_what_it_says() {
    assert_eq!(size_of::<Ring>(), 64);
    assert_eq!(size_of::<Observing>(), 32);
    assert_eq!(bytes(1_000, 1_000, 2), 1_000 * (64 + 1_000 + 8 + 8) + 32_000);
}
