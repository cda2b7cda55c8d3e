//! Imported scenarios, played: a recording that Chromium made and a plan that JMeter wrote, against the server that they are
//! of. It refuses and counts whatever is not as its page or the plan would send it.

use serde_json::{Value, json};

use crate::played::{Playing, SESSIONS, playing};
use crate::server::{Server, counted, total};

/// The scenario made of a fixture.
#[track_caller]
fn imported(name: &str) -> String {
    let path = format!("{}/tests/fixtures/import/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("a fixture");
    let made = startline::import::import(name, &text, "rooms.toml", &|_| None).expect("it is imported");
    assert_eq!(made.refused, None, "{}", made.scenario);
    made.scenario
}

/// Plays it; the server's books, in which nothing is wrong.
#[track_caller]
fn books(playing: impl FnOnce(&str) -> Playing) -> (Value, crate::played::Played) {
    let mut server = Server::node("rooms", &json!({ "tick_ms": 600 }));
    let played = playing(&server.url()).finish(0);
    let books = server.closed_books(u64::from(SESSIONS));
    played.assert_all_held();
    assert_eq!(total(&books["wrong"]), 0, "{books:#}");
    assert_eq!(counted(&books, "/upgrades/refused"), 0);
    assert_eq!(counted(&books, "/sessions/connected"), u64::from(SESSIONS));
    assert_eq!(counted(&books, "/closes/1000"), u64::from(SESSIONS));
    (books, played)
}

#[test]
fn a_recording_of_chromium_is_played() {
    let (books, played) =
        books(|url| playing(&imported("rooms.har"), url).with("set", "password=correct horse"));
    let sessions = u64::from(SESSIONS);
    assert_eq!(counted(&books, "/answers/200"), 2 * sessions, "a login and a list: {books:#}");
    assert_eq!(counted(&books, "/answers/201"), sessions, "a ticket of each one's own");
    assert_eq!(counted(&books, "/in/join"), sessions);
    assert_eq!(counted(&books, "/in/say"), sessions);
    played.assert_sent(&[("ping", counted(&books, "/in/ping"))]);
    assert!(counted(&books, "/in/alive") >= sessions, "{books:#}");
    assert!(played.count("/messages/by_type/tick") > 0);
}

#[test]
fn a_plan_that_jmeter_wrote_is_played() {
    let (books, played) =
        books(|url| playing(&imported("rooms.jmx"), url).with("members", format!("1-{SESSIONS}")));
    let sessions = u64::from(SESSIONS);
    assert_eq!(counted(&books, "/answers/200"), 3 * sessions, "a page, a login and a list: {books:#}");
    assert_eq!(counted(&books, "/in/join"), sessions);
    assert_eq!(counted(&books, "/in/leave"), sessions, "said before closing");
    // What is sent while sessions leave is counted apart, with their last words.
    for (every, heard) in [("say", "/in/say"), ("ping", "/in/ping-frame")] {
        let (ours, theirs) = (played.count(&format!("/every/{every}/sent")), counted(&books, heard));
        assert!(
            ours >= sessions && (ours..=ours + sessions).contains(&theirs),
            "{every}: {ours}, {theirs} there"
        );
        assert_eq!(played.count(&format!("/every/{every}/unanswered")), 0);
    }
}
