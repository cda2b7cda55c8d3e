//! What is said of servers' words and of what comes next.

use super::played::{ADMIN, Played, created};
use crate::common::finish;

const EVIL: &str = "HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: 45\r\n\r\n{\"message\":\"\\u001b[2J\\u001b[31mEVIL\\u0007\\n\"}";

#[test]
fn no_terminal_obeys_a_server_s_words() {
    let played = Played::with_room_for(300);
    played.way.answer(usize::MAX, EVIL);
    let finished = played.join("13-112", &[]);
    finished.assert_status(1);
    assert!(
        finished.stderr.contains("members in a row were refused, and none accepted"),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("([2J [31mEVIL)"), "{}", finished.stderr);
    let is_harmful = |c: char| c.is_control() && c != '\n';
    assert!(!finished.stderr.contains(is_harmful), "{:?}", finished.stderr);
    assert!(!finished.stdout.contains(is_harmful), "{:?}", finished.stdout);
}

#[test]
fn a_wrong_password_is_not_printed_to_be_typed() {
    let played = Played::with_room_for(300);
    let challenge = created(&played.stand, ADMIN + 2, 300, 20, Some("달리기"));
    let private = played.about(challenge);
    for password in [&["--password", "wrong"][..], &[]] {
        let finished = private.join("13-13", password);
        finished.assert_status(1);
        assert!(
            finished.stderr.contains(" --password PASSWORD --rate 500/s --resume "),
            "{}",
            finished.stderr
        );
        assert!(!finished.stderr.contains("wrong"), "{}", finished.stderr);
        // All were.
        assert!(!finished.stderr.contains("was not tried"), "{}", finished.stderr);
        assert!(
            finished.stderr.contains("join is refused with CHALLENGE_PASSWORD_MISMATCH"),
            "{}",
            finished.stderr
        );
        std::fs::remove_file(private.file()).expect("the file is there");
    }
    let finished = finish(private.start("join", "13-262", &["--password", "wrong", "--rate", "50/s"]));
    finished.assert_status(1);
    assert!(
        finished.stderr.contains("the other members were not tried: join is refused with"),
        "{}",
        finished.stderr
    );
}
