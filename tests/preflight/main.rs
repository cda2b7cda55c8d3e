//! `startline preflight` as a user runs it: against `startline serve`, and with a real Redis and a real Prometheus to watch.
//!
//! redis-server, prometheus, nginx and openssl have to be there: without them the tests that need them fail with the command that installs
//! them.

#[path = "../common/mod.rs"]
mod common;
#[path = "../tls_foreign/nginx.rs"]
#[allow(dead_code)]
mod nginx;
mod peer;
mod served;
#[path = "../tls_foreign/tools.rs"]
#[allow(dead_code)]
mod tools;
mod watching;

mod certificates;
mod challenge;
mod members;
mod options;
mod reports;
mod stopped;
mod target;
mod watched;
