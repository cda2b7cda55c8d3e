//! Judges what the sources that are watched during a test ([`crate::watch`]) answer before it.
//!
//! Opens nothing. Invariant: what is not there fails here, so that it is not found missing afterwards.

pub mod figures;
pub mod http;
pub mod prometheus;
pub mod redis;
pub mod tried;
