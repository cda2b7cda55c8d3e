//! Parsers of what comes from the network: against foreign ones, and against themselves at every split.

pub mod frames;
pub mod http;
pub mod messages;
mod splits;

pub use splits::splits;
