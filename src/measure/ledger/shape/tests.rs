//! Losses of known shape, in seeded runs, against a count that looks at each pair by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::pairs::Ledger;
use super::super::{close, observers};
use super::*;
use crate::measure::servers::ServerIndex;
use crate::members::{MemberId, Members};

const SESSIONS: u32 = 150;
const NAMES: [&str; 3] = ["ws://a", "ws://b", "ws://c"];

/// How a broadcast is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    None,
    /// By chance, this many of a hundred receivers.
    Share(u8),
    /// Each server stops after this many receivers.
    After(usize),
    /// Each server leaves out its first receivers.
    Before(usize),
    At(usize),
    Everywhere,
}

/// A run: who opened when and where, and what was said to whom.
struct Run {
    /// Milliseconds.
    opened: Vec<u64>,
    servers: Vec<usize>,
    losses: Vec<Loss>,
    ledgers: Vec<Ledger>,
    board: Arc<Board>,
    /// Receiver and member.
    missing: Vec<(u32, u32)>,
    unlisted: u64,
}

impl Run {
    fn new(seed: u64, workers: u32, every_ms: u64, loss: impl Fn(u32, &mut fastrand::Rng) -> Loss) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let members = Arc::new(Members::range(MemberId(1), SESSIONS, 38));
        let board = Board::new(SESSIONS);
        let own = |worker| observers(SESSIONS, SESSIONS).into_iter().filter(move |k| k.0 % workers == worker);
        let ledger = |worker| {
            let own: Vec<_> = own(worker).collect();
            Ledger::new(Arc::clone(&members), SESSIONS, &own, Arc::clone(&board))
        };
        // Not in the order of their numbers, and never two at once.
        let mut order: Vec<u64> = (0..u64::from(SESSIONS)).collect();
        random.shuffle(&mut order[40..60]);
        let mut run = Self {
            opened: order.iter().map(|k| 20 + k * every_ms).collect(),
            servers: (0..SESSIONS).map(|_| random.usize(..NAMES.len())).collect(),
            losses: Vec::new(),
            ledgers: (0..workers).map(ledger).collect(),
            board,
            missing: Vec::new(),
            unlisted: 0,
        };
        for k in 0..SESSIONS {
            let at = Duration::from_millis(run.opened[k as usize]);
            run.board.open(SessionNumber(k), at);
            let loss = loss(k, &mut random);
            run.losses.push(loss);
        }
        for member in 0..SESSIONS {
            run.broadcast(member, workers, &mut random);
        }
        run
    }

    /// Everyone who opened after the member lists it, but for one in a hundred; the others are told.
    fn broadcast(&mut self, member: u32, workers: u32, random: &mut fastrand::Rng) {
        let id = MemberId(u64::from(member) + 1);
        let mut places = [0; NAMES.len()];
        for receiver in self.by_opening() {
            let ledger = &mut self.ledgers[(receiver % workers) as usize];
            if receiver == member {
                continue;
            }
            if self.opened[receiver as usize] > self.opened[member as usize] {
                match random.u8(..100) {
                    0 => self.unlisted += 1,
                    _ => ledger.listed(SessionNumber(receiver), id),
                }
                continue;
            }
            let server = self.servers[receiver as usize];
            places[server] += 1;
            let is_lost = match self.losses[member as usize] {
                Loss::None => false,
                Loss::Share(share) => random.u8(..100) < share,
                Loss::After(some) => places[server] > some,
                Loss::Before(some) => places[server] <= some,
                Loss::At(at) => at == server,
                Loss::Everywhere => true,
            };
            match is_lost {
                true => self.missing.push((receiver, member)),
                false => assert!(ledger.entered(SessionNumber(receiver), id)),
            }
        }
    }

    fn by_opening(&self) -> Vec<u32> {
        let mut all: Vec<u32> = (0..SESSIONS).collect();
        all.sort_by_key(|k| self.opened[*k as usize]);
        all
    }

    fn shape(&self, stalls: &[Stall]) -> Shape {
        let mut open = SessionSet::new(SESSIONS);
        (0..SESSIONS).for_each(|k| _ = open.insert(SessionNumber(k)));
        let names = NAMES.map(str::to_owned);
        let homes = Homes::new(SESSIONS, &names, |k| ServerIndex(self.servers[k.index()] as u8));
        close(&self.ledgers, &Closing { open: &open, homes: &homes, stalls, told: Told::ALL }).shape
    }

    /// Receivers of a member's broadcast at a server, and those of them that it did not reach.
    fn leg(&self, member: u32, server: usize) -> (u64, u64) {
        let is_receiver = |k: &u32| {
            self.opened[*k as usize] < self.opened[member as usize] && self.servers[*k as usize] == server
        };
        let missing = |k: &u32| self.missing.contains(&(*k, member));
        let receivers: Vec<u32> = (0..SESSIONS).filter(is_receiver).collect();
        (receivers.len() as u64, receivers.iter().filter(|k| missing(k)).count() as u64)
    }

    /// The same by looking at each pair.
    fn counted(&self) -> (Reach, Vec<Leg>, Stages) {
        let (mut all, mut stages) = (Reach::default(), Stages::default());
        let mut legs: BTreeMap<(usize, usize), Reach> = BTreeMap::new();
        for member in 0..SESSIONS {
            let at: Vec<(u64, u64)> = (0..NAMES.len()).map(|server| self.leg(member, server)).collect();
            let (expected, missing) = at.iter().fold((0, 0), |sum, leg| (sum.0 + leg.0, sum.1 + leg.1));
            if expected == 0 {
                continue;
            }
            all.count(expected, missing);
            if missing == expected {
                add_to(&mut stages.everywhere, missing);
            }
            for (server, (expected, lost)) in at.into_iter().enumerate().filter(|(_, leg)| leg.0 > 0) {
                legs.entry((self.servers[member as usize], server)).or_default().count(expected, lost);
                match lost {
                    0 => {}
                    _ if missing == all_of(&(0..3).map(|s| self.leg(member, s)).collect::<Vec<_>>()) => {}
                    _ if lost == expected => add_to(&mut stages.one_server, lost),
                    _ => add_to(&mut stages.fan_out, lost),
                }
            }
        }
        let leg = |((from, to), reach)| Leg { from: Some(from), to: Some(to), reach };
        (all, legs.into_iter().map(leg).collect(), stages)
    }
}

fn all_of(legs: &[(u64, u64)]) -> u64 {
    legs.iter().map(|leg| leg.0).sum()
}

fn any_loss(_: u32, random: &mut fastrand::Rng) -> Loss {
    match random.u8(..12) {
        0 | 1 => Loss::Share(random.u8(1..100)),
        2 => Loss::After(random.usize(..30)),
        3 => Loss::Before(random.usize(..5)),
        4 => Loss::At(random.usize(..NAMES.len())),
        5 => Loss::Everywhere,
        _ => Loss::None,
    }
}

#[test]
fn every_count_is_that_of_the_pairs() {
    // Opened within seconds, where lists say who was first, and over minutes, where the clock does.
    for (seed, every_ms) in (0..12).zip([5, 40, 1_000].into_iter().cycle()) {
        let run = Run::new(seed, 1 + seed as u32 % 4, every_ms, any_loss);
        let shape = run.shape(&[]);
        let (all, legs, stages) = run.counted();
        assert_eq!((shape.reach, shape.unlisted), (all, run.unlisted), "seed {seed}");
        assert_eq!((&shape.legs, shape.stages), (&legs, stages), "seed {seed}");
        assert!(shape.reach.cut > 0 && shape.reach.lost > 0 && shape.unlisted > 0, "seed {seed}");
        let pairs = shape.stages.everywhere.1 + shape.stages.one_server.1 + shape.stages.fan_out.1;
        assert_eq!(pairs, run.missing.len() as u64, "every missing one in one stage");
        let mut sums = [Owed::default(); 2];
        shape.workers.iter().for_each(|worker| sums[0].add(worker.expected, worker.missing));
        let over_time = shape.over_time.iter().map(|slice| slice.reach.owed);
        over_time.for_each(|owed| sums[1].add(owed.expected, owed.missing));
        assert_eq!(sums, [shape.reach.owed; 2], "by workers and over time");
        let tenths = shape.receivers.tenths.iter().map(|tenth| tenth.missing).sum::<u64>();
        let patterns = shape.receivers.patterns.iter().map(|(_, missing)| missing).sum::<u64>();
        assert_eq!([tenths, patterns], [shape.stages.fan_out.1; 2]);
        assert!(shape.over_time.len() <= SLICES_MAX);
    }
}

#[test]
fn each_kind_of_loss_has_its_shape() {
    let of =
        |loss: Loss| Run::new(7, 2, 40, move |k, _| if k % 3 == 2 { loss } else { Loss::None }).shape(&[]);
    let main = |shape: &Shape| {
        let patterns = Pattern::ALL.into_iter().zip(shape.receivers.patterns);
        patterns.max_by_key(|(_, (_, missing))| *missing).map(|(pattern, _)| pattern)
    };
    let none = of(Loss::None);
    assert_eq!((none.reach.cut, none.reach.lost, none.reach.owed.missing), (0, 0, 0));
    assert_eq!((none.receivers, none.reach.broadcasts), (Receivers::default(), u64::from(SESSIONS) - 1));

    let after = of(Loss::After(10));
    assert_eq!(main(&after), Some(Pattern::Suffix));
    assert_eq!(after.receivers.patterns[1..], [(0, 0); 3]);
    assert_eq!(after.receivers.last, Some(Spread { min: 10, median: 10, max: 10 }));
    assert_eq!(after.receivers.first, Some(Spread { min: 1, median: 1, max: 1 }));

    let before = of(Loss::Before(10));
    assert_eq!(main(&before), Some(Pattern::Prefix));
    assert_eq!(before.receivers.first, Some(Spread { min: 11, median: 11, max: 11 }));

    let share = of(Loss::Share(50));
    assert_eq!(main(&share), Some(Pattern::Scattered));
    assert!(share.receivers.tenths.iter().all(|tenth| tenth.missing > 0));

    let everywhere = of(Loss::Everywhere);
    assert_eq!((everywhere.reach.lost, everywhere.reach.cut), (50, 0));
    assert_eq!((everywhere.stages.one_server, everywhere.stages.fan_out), ((0, 0), (0, 0)));

    let at = of(Loss::At(1));
    assert_eq!((at.stages.fan_out, at.stages.everywhere), ((0, 0), (0, 0)));
    let missing =
        |to| at.legs.iter().filter(|leg| leg.to == Some(to)).map(|leg| leg.reach.owed.missing).sum();
    let missing: [u64; 3] = [missing(0), missing(1), missing(2)];
    assert_eq!(missing, [0, at.reach.owed.missing, 0]);
}

#[test]
fn a_loss_in_one_part_of_the_run_is_found_there_and_in_a_stall_of_this_machine() {
    let run = Run::new(3, 2, 400, |k, _| if (75..85).contains(&k) { Loss::Everywhere } else { Loss::None });
    let stall = |from, to| Stall { from: Duration::from_secs(from), to: Duration::from_secs(to), workers: 2 };
    let shape = run.shape(&[stall(5, 6), stall(32, 33)]);
    let cut = shape.over_time.iter().filter(|slice| slice.reach.lost > 0);
    let ends: Vec<(u64, u64)> = cut.map(|slice| (slice.from, slice.to)).collect();
    assert_eq!((ends.first(), ends.last()), (Some(&(30, 31)), Some(&(33, 34))), "{ends:?}");
    // Of the seconds 4 to 7 and 31 to 34.
    assert_eq!((shape.in_stalls.lost, shape.in_stalls.broadcasts), (7, 15), "{:?}", shape.in_stalls);
}

#[test]
fn slices_are_of_one_length_and_few() {
    let one = Reach { broadcasts: 1, ..Reach::default() };
    let mut seconds = vec![Reach::default(); 130];
    (10..130).for_each(|k| seconds[k] = one);
    let slices = slices(&seconds);
    assert_eq!((slices.len(), slices[0].from, slices[59].to), (60, 10, 130));
    assert!(slices.iter().all(|slice| slice.to - slice.from == 2 && slice.reach.broadcasts == 2));
}
