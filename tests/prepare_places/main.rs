//! `startline prepare join` and `leave`, the binary against the stand-in: what becomes of each member, whatever the servers do meanwhile.

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code)]
#[path = "../stand_in/common.rs"]
mod stand;

mod calendar;
mod file;
mod lost;
mod outcomes;
mod played;
mod stopped;
mod trouble;
mod way;
mod words;
