//! Checks what is watched during a test: pages, Prometheus and Redis servers, listed in a file of
//! the user's.
//!
//! [`Watch`] reads the list, the other files judge the answers. Opens nothing. Invariant: no
//! password is in the file, nor in anything that is printed.

pub mod file;
pub mod http;
pub mod prometheus;
pub mod redis;

pub use file::Watch;
