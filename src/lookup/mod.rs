//! What is asked around a load: names resolved, a member logged in, the challenge looked up.
//!
//! A few blocking requests, each with a timeout; the load itself is [`crate::engine`]'s. Invariant: no member joins or
//! enters here.

pub mod advice;
pub mod agent;
pub mod challenge;
pub mod hosts;
