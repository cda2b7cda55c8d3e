//! `startline prepare members`: what a real MariaDB makes of its files.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "each binary uses a part; what nobody uses is seen in whole_runs")]
mod common;

mod cleaned_up;
mod database;
mod imported;
mod made;
#[path = "../common/programs.rs"]
mod programs;
