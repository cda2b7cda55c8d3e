//! A run in namespaces of its own, beside a stand-in that only it can see: what is changed in there is nobody's loss.

mod local;
mod target;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::played::{TIMEOUT, scenario};
use crate::common::{Finished, results};
use crate::isolated::{finish_isolated, isolated};

/// Six sessions against a stand-in on port 8080 of the namespace's 127.0.0.1, after these commands in there.
#[track_caller]
pub fn in_own_network(temp: &TempDir, before: &str, target: &str, options: &[&str]) -> (Finished, Value) {
    let (file, out) = (temp.path().join("short.toml"), results(temp));
    // A port that is used again at once may lead to a connection whose end the server has yet to see: then the kernel sends its SYN again after
    // a second.
    std::fs::write(&file, scenario().replace(TIMEOUT, "5s")).expect("written");
    // The stand-in ends with this shell, which is told to end with the run.
    let script = format!(
        "ip link set lo up || exit 9
        \"$0\" serve --listen 127.0.0.1:8080 --members 13-18 --challenge 38 --ready >/dev/null 2>&1 & server=$!
        trap 'kill $server' EXIT
        until (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null; do kill -0 $server || exit 9; done
        {before}
        \"$0\" \"$@\""
    );
    let mut command = isolated(&script);
    command
        .args(["run", "--target", target, "--members", "13-18", "--challenge", "38", "--sessions", "6"])
        .args(["--ramp", "2s", "--hold", "300ms", "--ramp-down", "0", "--lag-limit", "30s", "--scenario"])
        .arg(&file)
        .args(options);
    finish_isolated(&mut command, &out)
}
