//! What was typed: one file a subcommand. Parses, calls, and turns outcomes into exit statuses.

pub mod serve;
pub mod values;
