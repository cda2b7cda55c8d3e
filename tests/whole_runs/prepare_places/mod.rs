//! `startline prepare join` and `leave`, the binary against the mock server: what becomes of each member, whatever the servers do meanwhile.

mod calendar;
mod file;
mod lost;
mod outcomes;
mod played;
mod stopped;
mod trouble;
mod way;
mod words;
