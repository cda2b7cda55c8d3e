//! The requests around a load: resolves names, logs a member in, looks the challenge up.
//!
//! A few blocking requests, each with a timeout; the load itself is [`crate::engine`]'s. Invariant: no member joins or
//! enters here.

pub mod advice;
pub mod agent;
pub mod challenge;
pub mod handshake;
pub mod hosts;
pub mod scheme;
