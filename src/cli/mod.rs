//! What was typed: one file a subcommand. Parses, calls, and turns outcomes into exit statuses.

mod look_up;
pub mod serve;
mod stand_in;
pub mod values;
