//! `startline`: thousands of real WebSocket sessions from one Linux box, and a verdict on the
//! servers that they talk to.
//!
//! This is the library behind the binary of the same name, split so that tests, benches and fuzz
//! targets reach every part. Arrows point one way: [`cli`] → [`plan`] → [`engine`] → [`session`] →
//! [`protocol`], and [`engine`] → [`measure`] → [`report`]. [`target`] is the built-in stand-in for
//! the servers under test; it never uses [`session`]. [`doctor`] checks whether this machine can
//! run a plan, [`preflight`] whether everything is ready for a test; both and [`report`] print the
//! tables of [`checks`]. `ARCHITECTURE.md` is the map.

pub mod app;
pub mod checks;
pub mod cli;
pub mod doctor;
pub mod engine;
pub mod exit_status;
pub mod fault;
pub mod foreign;
pub mod interrupt;
pub mod lookup;
pub mod measure;
pub mod members;
pub mod nearest;
pub mod numbers;
pub mod plan;
pub mod preflight;
pub mod prepare;
pub mod report;
pub mod scenario;
pub mod session;
pub mod shell;
pub mod terminal;
pub mod tune;
