//! What needs redis-server and prometheus: `startline preflight --watch` with a real one of each.
//!
//! Without them the tests fail with the command that installs them.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "each binary uses a part; what nobody uses is seen in whole_runs")]
mod common;
#[path = "../common/programs.rs"]
mod programs;
mod watching;

mod preflight;
mod redis_source;
mod shared_mocks;
