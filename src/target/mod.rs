//! The built-in stand-in for Runnity's servers.

pub mod messages;
pub mod world;
