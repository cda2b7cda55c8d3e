//! Before servers elsewhere are loaded: a moment on a terminal, none in a script.

use crate::common::terminal::{INTERRUPT, OnTerminal};
use crate::common::{finish, results};
use crate::isolated::{HOW_TO_INSTALL, isolated};

/// A network of its own, in which another address of this machine stands for one elsewhere.
const RUN: &str = "ip link set lo up && ip address add 10.77.0.1/32 dev lo || exit 9
    \"$0\" serve --listen 10.77.0.1:8080 --challenge 38 --members 13-22 --ready >/dev/null 2>&1 & server=$!
    trap 'kill $server' EXIT
    until ss -Hltn 'sport = 8080' | grep -q .; do kill -0 $server || exit 9; done
    \"$0\" run --target http://10.77.0.1:8080 --challenge 38 --members 13-22 --ramp 200ms --hold 200ms \
      --ramp-down 0 --no-live \"$@\"";

#[test]
fn a_script_does_not_wait() {
    let temp = tempfile::tempdir().expect("a directory");
    let mut command = isolated(RUN);
    let finished = finish(command.arg("--out").arg(results(&temp)).spawn().expect(HOW_TO_INSTALL));
    assert!(!finished.stderr.contains("are about to load"), "{}", finished.stderr);
    assert!(results(&temp).join("summary.json").exists(), "{}", finished.stderr);
}

#[test]
fn a_terminal_shows_what_is_about_to_happen_and_waits() {
    let temp = tempfile::tempdir().expect("a directory");
    let mut command = isolated(RUN);
    let mut terminal = OnTerminal::start(command.arg("--out").arg(results(&temp)), 100, 30);
    terminal.wait_for("s (Ctrl-C stops it, --yes skips the wait)");
    terminal.press(INTERRUPT);
    let (_, shown) = terminal.finish();
    let about = "10 sessions, 50.0 a second, for 400ms, are about to load http://10.77.0.1:8080";
    assert!(shown.contains(about), "{shown}");
    assert!(shown.contains("during the countdown: nothing was loaded"), "{shown}");
    assert!(!results(&temp).exists(), "no results of no run");
    let mut command = isolated(RUN);
    let skipping = command.arg("--yes").arg("--out").arg(results(&temp));
    let (_, shown) = OnTerminal::start(skipping, 100, 30).finish();
    assert!(shown.contains("Results") && !shown.contains("are about to load"), "{shown}");
}

/// Both parts are said, and the wait is one.
#[test]
fn a_mix_waits_once() {
    let temp = tempfile::tempdir().expect("a directory");
    let mix = temp.path().join("mix.toml");
    let parts = ["one", "two"].map(|name| format!("[[mix]]\nname = \"{name}\"\nscenario = \"runnity\"\n"));
    std::fs::write(&mix, format!("name = \"both\"\n{}", parts.concat())).expect("written");
    let mut command = isolated(RUN);
    let command = command.arg("--scenario").arg(&mix).arg("--out").arg(results(&temp));
    let (_, shown) = OnTerminal::start(command, 100, 30).finish();
    let about = "5 sessions, 25.0 a second, for 400ms, are about to load http://10.77.0.1:8080";
    assert_eq!(shown.matches(about).count(), 2, "{shown}");
    assert_eq!(shown.matches("in 5 s (Ctrl-C").count(), 1, "{shown}");
}
