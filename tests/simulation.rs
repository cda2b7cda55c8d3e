//! Sessions in virtual time against seeded peers that answer late, in pieces, wrongly, or not at all.
//!
//! No socket, no thread, no clock: a heap of events and the session machine. Each peer draws a fate, and the
//! session must end as that fate says, under the name that it says. Every run ends with conservation checks, and every
//! failure names its seed: `STARTLINE_SEED=n cargo test --test simulation` repeats it,
//! `STARTLINE_SEEDS=n` widens the sweep.

mod simulated;

use simulated::{Fate, World};

fn seeds() -> Vec<u64> {
    let from_env = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match from_env("STARTLINE_SEED") {
        Some(seed) => vec![seed],
        None => (0..from_env("STARTLINE_SEEDS").unwrap_or(100)).collect(),
    }
}

#[test]
fn every_fate_ends_under_its_own_name_and_all_accounts_close() {
    for seed in seeds() {
        let mut world = World::new(seed, 2_000);
        world.play();
        world.check();
    }
}

#[test]
fn good_peers_lose_nothing() {
    for seed in seeds() {
        let mut world = World::of_fate(seed, 100, Fate::Good);
        world.play();
        world.check();
        let tally = world.tally();
        assert_eq!(tally.opened, 100, "seed {seed}");
        assert_eq!(tally.closed, 100, "seed {seed}");
        assert_eq!(tally.answered, tally.due, "seed {seed}");
        assert!(tally.due >= 300, "seed {seed}: {} PINGs due", tally.due);
    }
}

#[test]
fn every_single_fate_is_told_apart() {
    for fate in Fate::ALL {
        let mut world = World::of_fate(7, 20, fate);
        world.play();
        world.check();
    }
}

#[test]
fn a_late_pong_never_answers_the_next_ping() {
    for fate in [Fate::LatePongs, Fate::VeryLatePongs] {
        let mut world = World::of_fate(1, 50, fate);
        world.play();
        world.check();
        let tally = world.tally();
        assert_eq!(tally.answered, 0, "{fate:?}: {tally:?}");
        assert!(tally.late > 200, "{fate:?}: {tally:?}");
    }
}

#[test]
fn a_lost_pong_costs_two_cycles_and_not_all_that_follow() {
    let mut world = World::of_fate(1, 50, Fate::LosesOnePong);
    world.play();
    world.check();
    let tally = world.tally();
    assert_eq!((tally.timed_out, tally.late), (2 * 50, 50), "{tally:?}");
    assert!(tally.answered > 3 * 50, "{tally:?}");
}

#[test]
fn a_second_pong_is_unasked() {
    let mut world = World::of_fate(1, 50, Fate::DoublePong);
    world.play();
    let tally = world.tally();
    assert_eq!((tally.answered, tally.unasked), (tally.due, tally.due));
}

#[test]
fn sessions_stopped_at_any_moment_leave_nothing_behind() {
    for seed in seeds() {
        let mut world = World::new(seed, 2_000);
        world.stop_at_random();
        world.play();
        world.check_conservation();
    }
}

#[test]
fn storms_lose_nothing_either() {
    for seed in seeds() {
        let mut world = World::new(seed, 2_000);
        world.storm();
        world.play();
        world.check_conservation();
    }
}

#[test]
fn the_ledger_finds_exactly_what_was_lost_doubled_and_overlapping() {
    for seed in seeds() {
        let mut world = World::with_room(seed, 80);
        world.play();
        world.check();
        world.check_ledger();
    }
}

#[test]
fn the_same_seed_plays_the_same_run() {
    let play = |seed| {
        let mut world = World::new(seed, 100);
        world.play();
        world.tally().clone()
    };
    assert_eq!(play(3), play(3));
}
