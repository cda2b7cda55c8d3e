//! What needs no program but the built binary, and openssl for the mock server's certificates: whole
//! runs, `prepare` and `preflight`, against the built-in mock server and against servers of the
//! tests' own; and the mock server against clients that nobody here wrote.

#[path = "../common/mod.rs"]
mod common;
mod foreign;

mod beside;
mod churn;
mod compare;
mod deployed;
mod evidence;
mod faults;
mod find_max;
mod foreign_server;
mod foreign_systems;
mod formats;
mod imported;
mod live;
mod metrics;
mod mixes;
mod mock;
mod outside;
mod paused;
mod preflight;
mod prepare_challenge;
mod prepare_members;
mod prepare_places;
mod reconnects;
mod run;
mod schema;
mod secrets;
mod shards;
mod shell;
mod stages;
mod told;
mod tried;
mod truth;
mod unwatched;
