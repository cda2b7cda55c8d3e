//! Running a script: as it is, or in namespaces of its own beside a device that leads nowhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Finished, finish, piped};
use crate::isolated::{HOW_TO_INSTALL, isolated};

/// Where a script is.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name)
}

/// Runs a command to its end.
#[track_caller]
pub fn ended(mut command: Command) -> Finished {
    finish(piped(&mut command).spawn().expect(HOW_TO_INSTALL))
}

/// What these commands do in a network of their own: `lo`, and `wire` with 10.0.0.1/24 and fd00::1/64. `tune` and `sources` are the
/// scripts that hand on to the program, with state in the directory.
#[track_caller]
pub fn in_own_network(directory: &Path, commands: &str) -> Finished {
    let before = "
        set -u
        ip link set lo up && ip link add wire type veth peer name other || exit 99
        ip address add 10.0.0.1/24 dev wire && ip -6 address add fd00::1/64 dev wire nodad || exit 99
        ip link set wire up && ip link set other up || exit 99
        tune() { \"$TUNE\" \"$@\"; }
        sources() { \"$SOURCES\" \"$@\"; }
    ";
    let mut command = isolated(&format!("{before}\n{commands}"));
    command.env("TUNE", script("tune")).env("SOURCES", script("source-addresses"));
    command.env("STARTLINE", env!("CARGO_BIN_EXE_startline"));
    command.env("STARTLINE_TUNE_STATE", directory.join("tune.saved"));
    command.env("STARTLINE_TUNE_CONF", directory.join("90-startline.conf"));
    command.env("STARTLINE_SOURCES_STATE", directory.join("source-addresses"));
    let finished = ended(command);
    assert_ne!(finished.status, 99, "{HOW_TO_INSTALL}\n{}", finished.stderr);
    finished
}
