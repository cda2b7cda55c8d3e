//! The built-in scenarios against servers that nobody here wrote, each with books of its own: what
//! the run says it sent, received, opened and closed is what the server says it saw.
//!
//! Node, Python's packages and mosquitto have to be there: without them the tests fail with the
//! command that installs them. What is too slow for every change is ignored here, and run by
//! `scripts/release-check`.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "each binary uses a part; what nobody uses is seen in whole_runs")]
mod common;
#[path = "../common/programs.rs"]
mod programs;

mod broker;
mod played;
mod server;

mod centrifugo;
mod deflate;
mod documents;
mod echo;
mod faye;
mod graphql_ws;
mod imported;
mod mqtt;
mod ocpp;
mod phoenix;
mod pipelines;
mod socketcluster;
mod socketio;
mod stomp;
