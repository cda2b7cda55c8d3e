//! The arithmetic of a run of ten million sessions by ten machines, in virtual time: `docs/scale.md` has
//! its figures.

use std::time::Duration;

use startline::plan::capacity::{loopback_sources, workers};
use startline::plan::roster::Roster;
use startline::plan::{Settings, Shard};

const SESSIONS: u32 = 10_000_000;
const SHARDS: u32 = 10;
const RAMP: u64 = 2_000;
const PING: u64 = 30;

#[test]
fn ten_million_sessions_by_ten_machines() {
    let own = SESSIONS / SHARDS;
    let mut seen = vec![0_u64; SESSIONS.div_ceil(64) as usize];
    let mut all_seconds = vec![0_u32; RAMP as usize];
    for index in 0..SHARDS {
        let shard = Shard::new(index, SHARDS).expect("a shard");
        let settings = Settings {
            sessions: SESSIONS,
            members: Roster::range(1, SESSIONS.into(), 38),
            ramp: Duration::from_secs(RAMP),
            hold: Duration::from_secs(1_800),
            shard: Some(shard),
            ..Settings::default()
        };
        let shape = settings.shape();
        assert_eq!((shape.slots(), settings.own_sessions(), shape.lives()), (own, own, own.into()));
        let members = shard.members(SESSIONS, SESSIONS);
        let mut seconds = vec![0_u32; RAMP as usize];
        let mut pings = vec![0_u32; PING as usize];
        for slot in 0..own {
            let life = shape.of(slot).next().expect("one a slot");
            let (member, at) = (members[life.member as usize], life.start);
            assert_eq!(at, Duration::from_micros(200) * member, "the instant that one machine would have");
            let (word, bit) = (member as usize / 64, 1 << (member % 64));
            assert_eq!(seen[word] & bit, 0, "session {member} is played twice");
            seen[word] |= bit;
            seconds[at.as_secs() as usize] += 1;
            pings[(at.as_secs() % PING) as usize] += 1;
        }
        // Each machine has the same load at any time, not its part of the ramp.
        assert!(seconds.iter().all(|arrivals| *arrivals == 500), "shard {index}");
        let most = pings.iter().max().expect("a cycle");
        assert!(*most <= 33_500, "{most} PINGs in a second of the hold");
        all_seconds.iter_mut().zip(seconds).for_each(|(all, own)| *all += own);
    }
    assert!(all_seconds.iter().all(|arrivals| *arrivals == 5_000));
    assert_eq!(seen.iter().map(|word| word.count_ones()).sum::<u32>(), SESSIONS, "each is played");
    // What a machine needs for its million: workers by descriptors, addresses by ports.
    assert_eq!((workers(own, 0, 16, 20_000), workers(own, 0, 16, 1 << 20)), (51, 16));
    let addresses = |ports| loopback_sources(own.into(), ports).len();
    assert_eq!((addresses(28_232), addresses(64_512)), (37, 16));
}
