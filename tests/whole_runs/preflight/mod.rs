//! `startline preflight` as a user runs it, against `startline serve` and against servers that do
//! not answer as they should. What it says of certificates is tested in `tests/tls_peers`, of Redis
//! and Prometheus in `tests/watched`.

mod challenge;
mod members;
mod options;
mod peer;
mod reports;
mod stopped;
mod target;
