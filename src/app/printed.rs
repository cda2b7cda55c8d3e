//! What a command prints as its result: on standard output, or on standard error if that cannot be written.
//!
//! Does not know what is printed. Invariant: a result appears somewhere. A reader that closes the pipe is not an error, and
//! no reason to leave anything undone.

use std::io::{self, Write};

use serde::Serialize;

use crate::checks::Page;
use crate::terminal::tell;

/// Prints a result on standard output: as JSON, or as the text that is made for this page.
pub(crate) fn print_found(
    json: bool,
    found: &impl Serialize,
    text: impl FnOnce(Page) -> String,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, found)?;
        writeln!(out)?;
    } else {
        let text = text(Page::of(&out));
        write!(out, "{text}")?;
    }
    Ok(out.flush()?)
}

/// [`print_found`] for checks, whose exit status is the verdict whether it could be printed or not.
pub(crate) fn print_or_tell(json: bool, found: &impl Serialize, text: impl FnOnce(Page) -> String) {
    if let Err(error) = print_found(json, found, text)
        && !is_broken_pipe(&error)
    {
        tell(&format!("warning: the checks could not be printed: {error:#}"));
    }
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints a step's result; `false` if it cannot be printed. Standard error then has the reason and the result itself, after
/// `severity` (`error`, or `warning` where a file has the result as well).
pub fn print(severity: &str, text: &str) -> bool {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format!("{severity}: standard output cannot be written ({error}); the result is:"));
            tell(text.trim_end());
            false
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_pipe_is_no_failure() {
        let broken = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("printing");
        assert!(is_broken_pipe(&broken));
        assert!(!is_broken_pipe(&anyhow::anyhow!("broken pipe")));
    }
}
