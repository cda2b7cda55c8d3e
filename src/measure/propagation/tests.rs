//! Two workers in made-up time, against a model that keeps everything.

use std::collections::BTreeMap;

use super::super::acts::Key;
use super::*;
use crate::scenario::every::EveryIndex;

const SESSIONS: u32 = 24;
const FIRST: MemberId = MemberId(13);
const RECORD: Deed = Deed::sent(EveryIndex(1));

/// Workers with their sessions: even numbers are one's, odd numbers the other's.
struct Bench {
    workers: [Propagation; 2],
    servers: ServerNames,
}

fn id(session: u32) -> MemberId {
    MemberId(FIRST.0 + u64::from(session))
}

fn tick(micros: u64) -> Tick {
    Tick::from_micros(micros)
}

fn key(value: u32) -> Key {
    Key::of(value.to_string().as_bytes())
}

impl Bench {
    fn new(observers: impl Iterator<Item = u32>) -> Self {
        let observers: Vec<SessionNumber> = observers.map(SessionNumber).collect();
        let shared = Shared::new(Acts::new(SESSIONS), SESSIONS, &observers, 2);
        let members = Arc::new(Members::range(FIRST, SESSIONS, 38));
        let worker =
            |k| Propagation::new(shared.clone(), Arc::clone(&members), SESSIONS, k).expect("a member each");
        let mut servers = ServerNames::default();
        for (k, url) in ["ws://a", "ws://b"].iter().enumerate() {
            assert_eq!(servers.index(url), ServerIndex(k as u8));
        }
        Self { workers: [worker(0), worker(1)], servers }
    }

    /// Session k is on server k / 2 % 2, so that each worker has some of each.
    fn server(session: u32) -> ServerIndex {
        ServerIndex((session / 2 % 2) as u8)
    }

    fn act(&mut self, session: u32, deed: Deed, value: u32, at: u64) {
        let act = Act { at: tick(at), server: Self::server(session), deed, key: key(value) };
        self.workers[session as usize % 2].acted(SessionNumber(session), act);
    }

    fn told(&mut self, observer: u32, member: u32, deed: Deed, value: u32, at: u64) {
        let told = Announced { deed, member_id: id(member), key: key(value), at: tick(at) };
        self.workers[observer as usize % 2].received(SessionNumber(observer), Self::server(observer), told);
    }

    fn close(&mut self, before: u64) {
        for (k, worker) in self.workers.iter_mut().enumerate() {
            worker.close((k as u32..SESSIONS).step_by(2).map(SessionNumber), tick(before));
        }
    }

    fn take(&mut self) -> Propagated {
        let mut all = Propagated::default();
        self.workers.iter_mut().for_each(|worker| all.add(&worker.take(&self.servers)));
        all
    }
}

/// Count, sum, least and greatest, in microseconds.
fn figures(of: &Latencies) -> (u64, u64, u64, u64) {
    let micros = |span: Option<std::time::Duration>| span.map_or(0, |span| span.as_micros() as u64);
    (of.count(), of.sum().as_micros() as u64, micros(of.min()), micros(of.max()))
}

fn figures_of(micros: &[u64]) -> (u64, u64, u64, u64) {
    let ends = (micros.iter().min().copied(), micros.iter().max().copied());
    (micros.len() as u64, micros.iter().sum(), ends.0.unwrap_or(0), ends.1.unwrap_or(0))
}

#[test]
fn an_entry_is_timed_to_each_receiver_and_to_the_first_and_last_of_all_workers() {
    let mut bench = Bench::new(0..SESSIONS);
    bench.act(0, Deed::ENTER, 0, 1_600);
    bench.told(1, 0, Deed::ENTER, 0, 1_600 + 800);
    bench.told(2, 0, Deed::ENTER, 0, 1_600 + 320);
    bench.told(3, 0, Deed::ENTER, 0, 1_600 + 4_800);
    // About itself, and of a member of no session here.
    bench.told(0, 0, Deed::ENTER, 0, 9_600);
    bench.told(1, 99, Deed::ENTER, 0, 9_600);
    let before = bench.take();
    let entered = before.of(Deed::ENTER).expect("some");
    assert_eq!(figures(&entered.all()), figures_of(&[800, 320, 4_800]));
    let pair = |to: &str| figures(&entered.pairs[&("ws://a".to_owned(), to.to_owned())]);
    assert_eq!((pair("ws://a"), pair("ws://b")), (figures_of(&[800]), figures_of(&[320, 4_800])));
    assert_eq!((entered.pairs.len(), entered.last.count()), (2, 0), "the act may still be on its way");
    bench.close(100_000);
    let after = bench.take();
    let entered = after.of(Deed::ENTER).expect("some");
    assert!(entered.pairs.is_empty(), "what was taken is gone");
    assert_eq!((figures(&entered.first), figures(&entered.last)), (figures_of(&[320]), figures_of(&[4_800])));
    bench.close(200_000);
    assert_eq!(bench.take().of(Deed::ENTER).expect("some").last.count(), 0, "an act is over once");
}

#[test]
fn what_belongs_to_no_act_at_hand_is_counted_and_not_timed() {
    let mut bench = Bench::new(0..SESSIONS);
    bench.told(1, 0, RECORD, 5, 160);
    bench.act(0, RECORD, 5, 320);
    bench.act(0, RECORD, 6, 480);
    for (deed, value) in [(RECORD, 5), (RECORD, 7), (Deed::LEAVE, 6)] {
        bench.told(1, 0, deed, value, 640);
    }
    bench.told(2, 0, RECORD, 6, 640);
    let all = bench.take();
    let record = all.of(RECORD).expect("some");
    assert_eq!((record.early, record.unmatched, record.all().count()), (1, 2, 1));
    assert_eq!(all.of(Deed::LEAVE).expect("some").unmatched, 1);
}

#[test]
fn a_stall_of_this_machine_is_in_no_figure() {
    let mut bench = Bench::new(0..SESSIONS);
    for (session, at) in [(0, 1_600), (4, 320_000)] {
        bench.act(session, Deed::ENTER, 0, at);
    }
    bench.told(1, 0, Deed::ENTER, 0, 3_200);
    // Found by the other worker than the observer's.
    bench.workers[1].stalled(tick(16_000), tick(160_000));
    bench.told(2, 0, Deed::ENTER, 0, 161_600);
    bench.told(2, 4, Deed::ENTER, 0, 321_600);
    bench.close(500_000);
    let all = bench.take();
    let entered = all.of(Deed::ENTER).expect("some");
    assert_eq!((entered.stalled, entered.acts_stalled), (1, 1));
    assert_eq!(figures(&entered.all()), figures_of(&[1_600, 1_600]));
    assert_eq!(figures(&entered.last), figures_of(&[1_600]), "the act that was not stalled");
}

#[test]
fn where_few_observe_their_receipts_alone_count() {
    let mut bench = Bench::new([3, 5].into_iter());
    bench.act(0, Deed::ENTER, 0, 0);
    for observer in 1..SESSIONS {
        bench.told(observer, 0, Deed::ENTER, 0, 1_600);
    }
    bench.close(10_000);
    let all = bench.take();
    let entered = all.of(Deed::ENTER).expect("some");
    assert_eq!((entered.all().count(), entered.last.count()), (2, 0));
    assert_eq!(bytes(SESSIONS, 2, 2), u64::from(SESSIONS) * 8);
    assert_eq!(bytes(SESSIONS, SESSIONS as usize, 2), u64::from(SESSIONS) * 24);
}

#[test]
fn sessions_that_share_members_are_not_timed() {
    let shared = Shared::new(Acts::new(4), 4, &[], 1);
    assert!(Propagation::new(shared, Arc::new(Members::range(FIRST, 3, 38)), 4, 0).is_none());
}

/// What came of an act, as the model keeps it.
struct Known {
    deed: Deed,
    value: u32,
    at: u64,
    delays: Vec<u64>,
}

/// The same as everything that happened, kept and added up at the end.
#[derive(Default)]
struct Model {
    last: BTreeMap<u32, Known>,
    pairs: BTreeMap<(usize, u8, u8), Vec<u64>>,
    ends: BTreeMap<usize, (Vec<u64>, Vec<u64>)>,
    early: u64,
    unmatched: u64,
}

impl Model {
    fn act(&mut self, session: u32, deed: Deed, value: u32, at: u64) {
        let known = Known { deed, value, at, delays: Vec::new() };
        if let Some(over) = self.last.insert(session, known) {
            self.over(over);
        }
    }

    fn told(&mut self, observer: u32, member: u32, deed: Deed, value: u32, at: u64) {
        match self.last.get_mut(&member) {
            None => self.early += 1,
            Some(act) if (act.deed, act.value) != (deed, value) => self.unmatched += 1,
            Some(act) => {
                act.delays.push(at - act.at);
                let servers = (deed.index(), Bench::server(member).0, Bench::server(observer).0);
                self.pairs.entry(servers).or_default().push(at - act.at);
            }
        }
    }

    fn over(&mut self, act: Known) {
        if let (Some(first), Some(last)) = (act.delays.iter().min(), act.delays.iter().max()) {
            let ends = self.ends.entry(act.deed.index()).or_default();
            ends.0.push(*first);
            ends.1.push(*last);
        }
    }
}

#[test]
fn random_acts_agree_with_a_model_that_keeps_everything() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut bench, mut model) = (Bench::new(0..SESSIONS), Model::default());
        let mut all = Propagated::default();
        // Over the ticks' wrap.
        let mut now = (u64::from(u32::MAX) - 20_000) * 16;
        for _ in 0..6_000 {
            now += random.u64(0..40) * 16;
            let (one, other) = (random.u32(0..SESSIONS), random.u32(0..SESSIONS));
            let deed = [Deed::ENTER, Deed::LEAVE, RECORD][random.usize(0..3)];
            match random.u32(0..100) {
                0..8 => {
                    let value = if deed == RECORD { random.u32(0..1_000) } else { 0 };
                    bench.act(one, deed, value, now);
                    model.act(one, deed, value, now);
                }
                8 => all.add(&bench.take()),
                _ if one != other => {
                    // Most are of the last act.
                    let last = model.last.get(&other).filter(|_| random.u8(0..10) > 0);
                    let (deed, value) = last.map_or((deed, 0), |act| (act.deed, act.value));
                    bench.told(one, other, deed, value, now);
                    model.told(one, other, deed, value, now);
                }
                _ => {}
            }
        }
        bench.close(now);
        all.add(&bench.take());
        std::mem::take(&mut model.last).into_values().for_each(|act| model.over(act));
        let (mut early, mut unmatched) = (0, 0);
        for deed in [Deed::ENTER, Deed::LEAVE, RECORD] {
            let echo = all.of(deed).expect("some");
            (early, unmatched) = (early + echo.early, unmatched + echo.unmatched);
            for (from, to) in [(0u8, 0u8), (0, 1), (1, 0), (1, 1)] {
                let name = |server: u8| ["ws://a", "ws://b"][usize::from(server)].to_owned();
                let measured = figures(&echo.pairs[&(name(from), name(to))]);
                assert_eq!(measured, figures_of(&model.pairs[&(deed.index(), from, to)]), "seed {seed}");
            }
            let (first, last) = &model.ends[&deed.index()];
            assert_eq!(figures(&echo.first), figures_of(first), "seed {seed}");
            assert_eq!(figures(&echo.last), figures_of(last), "seed {seed}");
        }
        assert_eq!((early, unmatched), (model.early, model.unmatched), "seed {seed}");
    }
}
