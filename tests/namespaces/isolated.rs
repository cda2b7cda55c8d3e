//! The binary in namespaces of its own: what is changed in there is nobody's loss.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::{Finished, finish, piped, summary};

/// What unshare(1) needs.
pub const MENDED_BY: &str = "unshare of util-linux makes the namespaces: apt-get install util-linux, and sysctl -w \
                             kernel.unprivileged_userns_clone=1 where users may not";

/// A script of bash's in namespaces of its own, whose loopback is down; the binary is its `$0`, and what is given to the
/// command its arguments.
pub fn isolated(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "bash", "-c", script]);
    command.arg(env!("CARGO_BIN_EXE_startline"));
    piped(&mut command);
    command
}

/// Runs one that leaves results there; how it ended, and its summary.
#[track_caller]
pub fn finish_isolated(command: &mut Command, out: &Path) -> (Finished, Value) {
    let finished = finish(command.arg("--out").arg(out).spawn().expect(MENDED_BY));
    assert!(out.join("summary.json").exists(), "{MENDED_BY}\n{}", finished.stderr);
    (finished, summary(out))
}
