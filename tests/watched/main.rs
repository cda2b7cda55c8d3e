//! What needs redis-server and prometheus: `startline preflight --watch` with a real one of each, and
//! `startline run --metrics` scraped by a real Prometheus.
//!
//! Without them the tests fail with the command that installs them.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "each binary uses a part; what nobody uses is seen in whole_runs")]
mod common;
#[path = "../common/programs.rs"]
mod programs;
mod watching;

mod metrics;
mod preflight;
