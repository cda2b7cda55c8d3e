//! What a step prints when it is done: on standard output, or on standard error if that cannot be written.
//!
//! Knows nothing of what is printed. Invariant: a result is seen somewhere, unless whoever read it has stopped reading, which is no
//! error and no reason to leave anything undone.

use std::io::{self, Write};

use crate::terminal::tell;

/// Prints a result; whether nobody is left without it who would read it. If it cannot be printed, standard error has why and the result
/// itself, after `severity` (`error`, or `warning` where the result is elsewhere as well).
pub fn print(severity: &str, text: &str) -> bool {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format!("{severity}: standard output cannot be written ({error}); it would have had:"));
            tell(text.trim_end());
            false
        }
        _ => true,
    }
}
