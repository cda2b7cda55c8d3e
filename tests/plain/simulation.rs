//! Sessions in virtual time against seeded peers that answer late, in pieces, wrongly, or not at all.
//!
//! No socket, no thread, no clock: a heap of events and the session machine. Each peer draws a fate, and the
//! session must end as that fate says, under the name that it says. Every run ends with conservation checks, and every
//! failure names its seed: `STARTLINE_SEED=n cargo test --test plain simulation` repeats it,
//! `STARTLINE_SEEDS=n` widens the sweep.

use super::simulated::lent::Driven;
use super::simulated::{Fate, World};
use startline::fault::Blame;

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
fn each_lost_or_delayed_pong_costs_one_cycle() {
    for seed in seeds() {
        let mut world = World::of_fate(seed, 100, Fate::LosesAndDelaysPongs);
        world.play();
        world.check();
        let (tally, (lost, delayed)) = (world.tally(), world.lost_and_delayed());
        // A few were on their way when their sessions ended.
        let bad = (lost + delayed) as f64;
        let timed_out = tally.timed_out as f64;
        // … and one that comes just after the next PING, behind a lost one, cannot be told apart.
        assert!(timed_out <= 1.03 * bad + 1.0 && timed_out > 0.85 * bad, "{bad}: {tally:?}");
        assert!((tally.late as f64) > 0.75 * delayed as f64 && tally.late <= delayed, "{delayed}: {tally:?}");
        assert_eq!(tally.unasked, 0, "seed {seed}");
    }
}

#[test]
fn a_lost_pong_costs_one_cycle() {
    let mut world = World::of_fate(1, 50, Fate::LosesOnePong);
    world.play();
    world.check();
    let tally = world.tally();
    assert_eq!((tally.timed_out, tally.late), (50, 0), "{tally:?}");
    assert!(tally.answered > 4 * 50, "{tally:?}");
}

/// The answer may have lain there unread.
#[test]
fn a_step_that_times_out_over_a_stall_is_this_machine_s() {
    for (stalled, kind, blame) in
        [(None, "timeout", Blame::Server), (Some(0.3), "stalled-here", Blame::Machine)]
    {
        let mut driven = Driven::waiting();
        driven.lend();
        driven.pass(0.5);
        if let Some(seconds) = stalled {
            driven.stall(std::time::Duration::from_secs_f64(seconds));
        }
        driven.pass(0.51);
        driven.time_out();
        assert_eq!(driven.failure(), (kind.into(), blame));
    }
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
        world.check_propagation();
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

const LOGIN_ANSWER: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n{\"data\":{\"accessToken\":\"token\"}}";
const ENTER_ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n\
                            {\"data\":{\"ticket\":\"t-1\",\"wsUrl\":\"ws://sim:8080/ws/ws1\"}}    ";

#[test]
fn who_was_left_little_of_a_step_s_time_is_not_blamed_for_its_end() {
    let mut driven = Driven::waiting();
    driven.pass(1.0);
    driven.time_out();
    assert_eq!(
        driven.failure(),
        ("http-connections-busy".into(), Blame::Machine),
        "it never had a connection"
    );

    for (waited, kind, blame) in
        [(0.6, "http-connections-busy", Blame::Machine), (0.4, "timeout", Blame::Server)]
    {
        let mut driven = Driven::waiting();
        driven.pass(waited);
        assert!(driven.lend().raw() > 0);
        driven.pass(1.0 - waited + 0.01);
        driven.time_out();
        assert_eq!(driven.failure(), (kind.into(), blame), "{waited} of the step was waiting");
    }
}

#[test]
fn a_lent_connection_that_takes_no_request_is_replaced_once() {
    let mut driven = Driven::waiting();
    driven.lend();
    let request = driven.out.clone();
    driven.fail_to_send();
    assert!(driven.commands.disconnect && driven.commands.connect.is_some() && !driven.commands.reusable);
    driven.connect();
    assert_eq!(driven.out, request, "the same once more");
    driven.close();
    assert_eq!(driven.failure(), ("closed-early".into(), Blame::Server), "not for ever");
}

#[test]
fn a_connection_is_given_up_as_reusable_only_after_a_clean_answer() {
    let closing = ENTER_ANSWER.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let refused = "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}";
    let with_more = format!("{ENTER_ANSWER}HTTP/1.1 200 OK\r\n");
    let answers = [
        (ENTER_ANSWER, true),
        (&closing, false),
        (&with_more, false),
        (refused, true),
        ("HTTP/1.1 200 OK\r\n\r\n{}", false),
        ("SSH-2.0\r\n", false),
    ];
    for (answer, reusable) in answers {
        let mut driven = Driven::waiting();
        driven.lend();
        driven.receive(LOGIN_ANSWER);
        assert!(!driven.commands.disconnect, "it goes on with the same connection");
        driven.receive(answer);
        if !driven.commands.disconnect {
            // An answer without a length lasts until then.
            driven.close();
        }
        assert!(driven.commands.disconnect, "{answer}");
        assert_eq!(driven.commands.reusable, reusable, "{answer}");
    }
}
