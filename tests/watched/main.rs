//! What needs redis-server, prometheus and nginx: `startline preflight --watch` with a real one of each, and
//! `startline run --metrics` scraped by a real Prometheus.
//!
//! Without them the tests fail with the command that installs them.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "each binary uses a part; what nobody uses is seen in whole_runs")]
mod common;
#[path = "../common/programs.rs"]
mod programs;
mod proxy;
mod watching;

mod guide;
mod logs;
mod metrics;
mod nginx;
mod oracle;
mod pages;
mod preflight;
mod redis_source;
mod run;
mod shared_mocks;
mod troubles;
