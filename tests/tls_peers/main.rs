//! TLS against systems that share no code with this one: nginx in front of a plain mock server, as
//! Runnity has it, and OpenSSL's `s_server` for the record layer after the handshake.
//!
//! The built binary plays, its `summary.json` is judged by what was counted, never by how long it
//! took. nginx and openssl have to be there: without them the tests fail with the command that
//! installs them.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "each binary uses a part; what nobody uses is seen in whole_runs")]
mod common;
mod nginx;
#[path = "../common/programs.rs"]
mod programs;
mod s_server;
mod tools;

mod client_certificates;
mod closes;
mod key_log;
mod key_updates;
mod preflight;
mod proxied;
mod records;
mod refusals;
mod trust;
