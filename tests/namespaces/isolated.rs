//! The binary in namespaces of its own: what is changed in there is nobody's loss.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::{Finished, finish, piped, summary};

/// How to install what these tests need.
pub(crate) const HOW_TO_INSTALL: &str = "unshare of util-linux makes the namespaces, ip of iproute2 the devices: \
    apt-get install util-linux iproute2, and sysctl -w kernel.unprivileged_userns_clone=1 where users may not";

/// A script of bash's in namespaces of its own, whose loopback is down; the binary is its `$0`, and
/// what is given to the command its arguments.
pub(crate) fn isolated(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "bash", "-c", script]);
    command.arg(env!("CARGO_BIN_EXE_startline"));
    piped(&mut command);
    command
}

/// Plays a run in namespaces of its own, with the loopback up, against a mock server on port 8080
/// that only the run can see; `before` are commands between the server's start and the run's.
/// Returns how the run ended, and its summary.
#[track_caller]
pub(crate) fn in_own_network(out: &Path, before: &str, server: &[&str], run: &[&str]) -> (Finished, Value) {
    let server: Vec<String> = server.iter().map(|word| format!("'{word}'")).collect();
    // The server ends with this shell, which ends with the run.
    let script = format!(
        "ip link set lo up || exit 9
        \"$0\" serve --challenge 38 --ready {} >/dev/null 2>&1 & server=$!
        trap 'kill $server' EXIT
        until ss -Hltn 'sport = 8080' | grep -q .; do kill -0 $server || exit 9; done
        {before}
        \"$0\" run --challenge 38 \"$@\"",
        server.join(" ")
    );
    let mut command = isolated(&script);
    let finished = finish(command.args(run).arg("--out").arg(out).spawn().expect(HOW_TO_INSTALL));
    assert!(out.join("summary.json").exists(), "{HOW_TO_INSTALL}\n{}", finished.stderr);
    (finished, summary(out))
}
