//! What a subcommand does: its steps in order, signals, terminal, files.

pub mod addresses;
pub mod tune;
