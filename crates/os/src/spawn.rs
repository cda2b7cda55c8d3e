//! Explains the error when the kernel starts no more threads.
//!
//! Starts nothing. Invariant: an error that means something else stays as it is.

use std::io;

/// The error of a thread that could not start, with what limits threads.
pub fn explained(error: io::Error) -> io::Error {
    if error.raw_os_error() != Some(libc::EAGAIN) {
        return error;
    }
    let why = format!(
        "the kernel starts no more threads ({error}): startline doctor, with the same options, shows the limits on threads"
    );
    io::Error::new(error.kind(), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_too_many_names_the_limits() {
        let full = explained(io::Error::from_raw_os_error(libc::EAGAIN));
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        assert!(full.to_string().contains("starts no more threads") && full.to_string().contains("doctor"));
        let other = explained(io::Error::from_raw_os_error(libc::EACCES));
        assert_eq!(other.raw_os_error(), Some(libc::EACCES));
    }
}
