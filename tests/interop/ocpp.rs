//! OCPP: a central system of PyPI's `ocpp`, whose books count calls by action.

use serde_json::json;

use crate::common::kinds;
use crate::played::{SESSIONS, built_in, playing};
use crate::server::{Server, counted, total};

#[test]
fn charge_points_boot_beat_and_answer_calls() {
    let mut server = Server::python("ocpp_server", &json!({"interval_s": 1}));
    let playing = playing(&built_in("ocpp"), &server.url());
    let played = playing.and("every", "status.interval=1s").finish(0);
    let sessions = u64::from(SESSIONS);
    let books = server.closed_books(sessions);
    played.assert_all_held();
    assert_eq!(counted(&books, "/sessions/connected"), sessions);
    assert_eq!(counted(&books, "/sessions/refused"), 0);
    // Each under its own name.
    assert_eq!(books["names"].as_object().expect("names").len() as u64, sessions);
    assert_eq!(counted(&books, "/in/BootNotification"), sessions);
    // The server's interval: more than one each in the hold's 4 s, though the file says 300 s.
    assert!(played.count("/every/heartbeat/sent") >= 3 * sessions);
    let heard = |action| counted(&books, &format!("/in/{action}"));
    played.assert_sent(&[("heartbeat", heard("Heartbeat")), ("status", heard("StatusNotification"))]);
    assert_eq!(counted(&books, "/closes/1000"), sessions);
    // The server's calls were answered: the known one with a result, the other with an error.
    assert_eq!(counted(&books, "/asked/GetConfiguration"), sessions);
    assert_eq!(counted(&books, "/answered/GetConfiguration"), sessions);
    assert_eq!(counted(&books, "/answered/Reset with NotImplementedError"), sessions, "{books:#}");
    played.assert_answers(&[("get_configuration", sessions), ("other_call", sessions)]);
    played.assert_heard(&[
        ("result", counted(&books, "/out/result")),
        ("get_configuration", sessions),
        ("other_call", sessions),
    ]);
    assert_eq!(total(&books["asked"]), 2 * sessions);
}

#[test]
fn a_wrong_password_is_refused_before_the_upgrade() {
    let mut server = Server::python("ocpp_server", &json!({}));
    let played = playing(&built_in("ocpp"), &server.url()).with("set", "password=wrong").finish(1);
    let started = played.count("/sessions/started");
    assert_eq!(counted(&server.books(), "/sessions/refused"), started);
    assert_eq!(kinds(&played.summary), [("upgrade-refused-401".to_owned(), started)]);
}
