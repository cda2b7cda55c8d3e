//! Programs of the system's that tests talk to, wherever they are installed.

use std::path::PathBuf;

/// Where system programs are that an ordinary user's PATH leaves out.
const SYSTEM_PATHS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Returns the path of the first of these programs that is installed; without any of them the test
/// fails and prints the command that installs it.
#[track_caller]
pub(crate) fn program(names: &[&str], how_to_install: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> =
        std::env::split_paths(&path).chain(SYSTEM_PATHS.map(PathBuf::from)).collect();
    let mut found = names.iter().flat_map(|name| directories.iter().map(move |it| it.join(name)));
    found.find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("{} is not installed. As root: {how_to_install}, or run scripts/test", names[0])
    })
}
