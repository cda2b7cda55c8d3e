//! KeyUpdates that OpenSSL sends in the middle of a session (RFC 8446, 4.6.3).

use crate::s_server::{Line, Manners, Played, SServer};

#[track_caller]
fn play(on_ping: impl FnMut(&mut Line, u32) + Send + 'static) -> Played {
    let played = SServer::start(Manners::default(), on_ping).play();
    played.assert_held();
    assert!(played.pings > 5, "there was something to read after the last key: {}", played.pings);
    played
}

#[test]
fn one_that_asks_for_nothing_is_followed() {
    let played = play(|line, ping| {
        if ping == 1 {
            line.update_key(false);
        }
        line.pong();
    });
    assert_eq!(played.count("/tls/key_updates"), 1);
    assert_eq!(played.received("KeyUpdate"), 0, "ours was not asked for");
}

#[test]
fn one_that_asks_is_followed_and_answered() {
    let played = play(|line, ping| {
        if ping == 1 {
            line.update_key(true);
        }
        line.pong();
    });
    assert_eq!(played.count("/tls/key_updates"), 1);
    // And what came after it could be read: each PING was.
    assert_eq!(played.received("KeyUpdate"), 1, "ours was asked for");
}

#[test]
fn several_in_a_row_between_pings_and_their_pongs() {
    let played = play(|line, ping| match ping {
        1 => {
            line.update_key(false);
            line.update_key(true);
            line.pong();
            line.update_key(true);
        }
        2 => {
            line.pong();
            line.update_key(true);
            line.update_key(true);
            line.say_much("news", 0);
            line.update_key(false);
            line.say_much("news", 20_000);
        }
        3 => {
            for _ in 0..5 {
                line.update_key(true);
            }
            line.pong();
        }
        _ => line.pong(),
    });
    assert_eq!(played.count("/tls/key_updates"), 11);
    assert_eq!(played.count("/messages/by_type/news"), 2);
    // One answer may stand for several questions that came before it; each of the three bursts has one at least.
    let answers = played.received("KeyUpdate");
    assert!((3..=9).contains(&answers), "{answers} answers to 9 questions");
}

/// rustls still has the connection then, and the secrets that it hands over are of a later generation than those that it logged.
#[test]
fn those_before_the_101_are_caught_up_with() {
    for updates_before_the_101 in [&[false][..], &[true], &[true, false, true]] {
        for welcome_with_the_101 in [false, true] {
            let manners = Manners { updates_before_the_101, welcome_with_the_101, ..Manners::default() };
            let played = SServer::start(manners, |line, ping| {
                if ping == 1 {
                    line.update_key(true);
                }
                line.pong();
            });
            let played = played.play();
            played.assert_held();
            let asked = updates_before_the_101.contains(&true);
            assert!(played.received("KeyUpdate") > usize::from(asked), "each question has its answer");
        }
    }
}

#[test]
fn those_between_the_101_and_the_first_message_are_followed() {
    let manners = Manners { updates_after_the_101: &[true, false, true], ..Manners::default() };
    let played = SServer::start(manners, |line, _| line.pong()).play();
    played.assert_held();
    assert!(played.received("KeyUpdate") > 0, "ours was asked for");
}
