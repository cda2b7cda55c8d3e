//! Sessions that drop and come back, thousands of them in virtual time, against servers that are
//! down for a while.
//!
//! No socket, no thread, no clock: the session machine, the books of a run, and servers of a few
//! lines. Every run ends with the sums closed, and every failure names its seed: `STARTLINE_SEED=n
//! cargo test --test plain reconnecting` repeats it.

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use world::{Micros, SECOND, Servers, World};

fn seeds() -> Vec<u64> {
    match std::env::var("STARTLINE_SEED").ok().and_then(|text| text.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..10).collect(),
    }
}

const OUTAGE: Servers = Servers {
    down: (10 * SECOND, 20 * SECOND),
    notices_after: 0,
    busy_until: 0,
    forgets_tokens_at: 0,
    cuts_after: 0,
};

#[test]
fn all_come_back_from_an_outage_and_wait_as_the_policy_says() {
    for seed in seeds() {
        let policy = "first_delay = \"500ms\"\nmax_delay = \"4s\"\njitter = 0.5";
        let world = World::new(seed, 3_000, policy, OUTAGE).end_all_at(60 * SECOND).play();
        let it = world.reconnects();
        assert_eq!((it.all.dropped, it.all.recovered, it.all.gave_up), (3_000, 3_000, 0), "seed {seed}");
        assert_eq!(it.attempts, 3_000 + it.failures.total(), "seed {seed}");
        let lost = |share: f64| it.all.lost.quantile(share).expect("they came back").as_secs_f64();
        assert!(lost(0.0) >= 10.0 && lost(1.0) < 14.2, "seed {seed}: {} to {}", lost(0.0), lost(1.0));
        world.check_waits(SECOND / 2, 2.0, 4 * SECOND, 0.5);
        assert_eq!(world.totals.tally().counts.failed, 0, "seed {seed}");
        assert_eq!(world.totals.tally().counts.opened, 3_000, "seed {seed}: first entries alone");
    }
}

#[test]
fn the_same_seed_waits_the_same_and_another_does_not() {
    let attempts = |seed| {
        let world = World::new(seed, 200, "jitter = 1", OUTAGE).end_all_at(60 * SECOND).play();
        let waited = world.runners.iter().map(|runner| runner.attempts[0].2 / 1_000);
        waited.collect::<Vec<_>>()
    };
    let (one, again, other) = (attempts(3), attempts(3), attempts(4));
    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[test]
fn a_storm_is_no_faster_than_its_rate() {
    for seed in seeds() {
        let policy = "first_delay = \"100ms\"\nmax_delay = \"1s\"\nrate_max = \"200/s\"";
        let servers = Servers { down: (10 * SECOND, 10 * SECOND + 1), ..OUTAGE };
        let world = World::new(seed, 2_000, policy, servers).end_all_at(60 * SECOND).play();
        let mut begun: Vec<Micros> =
            world.runners.iter().flat_map(|runner| runner.attempts.iter().map(|it| it.0)).collect();
        begun.sort_unstable();
        let most = (0..begun.len()).map(|k| begun.partition_point(|at| *at < begun[k] + SECOND) - k).max();
        assert!(most.is_some_and(|most| (190..=203).contains(&most)), "seed {seed}: {most:?} in a second");
        assert_eq!(world.reconnects().all.recovered, 2_000, "seed {seed}");
    }
}

#[test]
fn who_has_not_been_noticed_is_tried_again_and_given_up_in_time() {
    for seed in seeds() {
        let policy = "max_delay = \"5s\"\nretry_for = { NOT_YET = \"30s\" }";
        let noticing =
            |after| Servers { down: (10 * SECOND, 10 * SECOND + 1), notices_after: after * SECOND, ..OUTAGE };
        let world = World::new(seed, 500, policy, noticing(20)).end_all_at(120 * SECOND).play();
        let it = world.reconnects();
        assert_eq!((it.all.recovered, it.all.gave_up), (500, 0), "seed {seed}");
        assert!(it.all.lost.min().is_some_and(|least| least >= Duration::from_secs(20)), "seed {seed}");
        let world = World::new(seed, 500, policy, noticing(90)).end_all_at(120 * SECOND).play();
        let it = world.reconnects();
        assert_eq!((it.all.recovered, it.all.gave_up), (0, 500), "seed {seed}");
        assert_eq!(world.totals.tally().counts.failed, 500, "seed {seed}: who is given up has failed");
        let last = world.runners.iter().filter_map(|it| Some(it.attempts.last()?.0 - it.dropped_at?));
        assert!(last.max() <= Some(30 * SECOND + 1_000), "seed {seed}: none later than its limit");
    }
}

#[test]
fn what_is_not_retried_is_given_up_at_once() {
    let policy = "retry_for = { closed-1006 = \"0s\" }";
    let world = World::new(1, 100, policy, OUTAGE).end_all_at(30 * SECOND).play();
    let it = world.reconnects();
    assert_eq!((it.all.dropped, it.all.gave_up, it.attempts), (100, 100, 0));
    assert_eq!(world.totals.tally().failures.total(), 100);
}

#[test]
fn attempts_are_bounded_and_who_is_away_at_the_end_is_unfinished() {
    let forever = Servers { down: (10 * SECOND, 1_000 * SECOND), ..OUTAGE };
    let world = World::new(1, 100, "attempts = 3", forever).end_all_at(60 * SECOND).play();
    let it = world.reconnects();
    assert_eq!((it.all.gave_up, it.attempts, it.failures.total()), (100, 300, 300));
    let world = World::new(1, 100, "", forever).end_all_at(60 * SECOND).play();
    let it = world.reconnects();
    assert_eq!((it.all.gave_up, it.all.unfinished, it.all.recovered), (0, 100, 0));
    assert_eq!(world.totals.tally().counts.failed, 0);
}

#[test]
fn retry_after_is_waited_for() {
    for seed in seeds() {
        let busy = Servers { down: (10 * SECOND, 10 * SECOND + 1), busy_until: 25 * SECOND, ..OUTAGE };
        let world = World::new(seed, 300, "first_delay = \"200ms\"\nmax_delay = \"1s\"", busy);
        let world = world.end_all_at(60 * SECOND).play();
        let it = world.reconnects();
        // One is refused, and comes when it was told to; without that there would be fifteen.
        assert_eq!((it.all.recovered, it.attempts, it.failures.total()), (300, 600, 300), "seed {seed}");
    }
}

#[test]
fn only_an_old_token_or_a_refused_one_is_taken_anew() {
    let logins = |policy: &str, servers: Servers| {
        let world = World::new(1, 50, policy, servers).end_all_at(60 * SECOND).play();
        assert_eq!(world.reconnects().all.recovered, 50);
        let each = world
            .runners
            .iter()
            .map(|runner| runner.requests.iter().filter(|(_, path)| path == "/login").count());
        each.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let blip = Servers { down: (10 * SECOND, 10 * SECOND + 1), ..OUTAGE };
    assert_eq!(logins("", blip), [2], "without from, each attempt logs in");
    assert_eq!(logins("from = \"enter\"", blip), [1]);
    assert_eq!(logins("from = \"enter\"\ntoken_age = \"5s\"", blip), [2], "it is 10 s old");
    assert_eq!(logins("from = \"enter\"\ntoken_age = \"5m\"", blip), [1]);
    let forgets = Servers { forgets_tokens_at: 10 * SECOND, ..blip };
    assert_eq!(logins("from = \"enter\"", forgets), [2], "a refusal with 403 is followed by a log-in");
}

#[test]
fn sessions_that_drop_again_and_again_have_one_heartbeat_each() {
    for seed in seeds() {
        // Connections of up to three seconds, heartbeats of one: timers of the one before are armed
        // all the time.
        let flapping = Servers { cuts_after: 3 * SECOND, ..Servers::default() };
        let policy = "first_delay = \"100ms\"\nmax_delay = \"100ms\"";
        let world = World::new(seed, 200, policy, flapping).end_all_at(120 * SECOND).play();
        let it = world.reconnects();
        assert!(it.all.dropped > 200 * 32, "seed {seed}: {} drops", it.all.dropped);
        let counts = &world.totals.tally().counts;
        assert_eq!(counts.closed, counts.opened + counts.reopened, "seed {seed}");
        for runner in &world.runners {
            let numbers: Vec<u32> = runner.pings.iter().map(|(.., number)| *number).collect();
            let counted: Vec<u32> = (0..numbers.len() as u32).collect();
            assert_eq!(numbers, counted, "seed {seed}: they go on where they were");
        }
        // A session that has opened 32 times rests until its timers are over.
        assert!(world.runners.iter().all(|runner| runner.attempts.len() >= 31), "seed {seed}");
    }
}
