//! `startline`: thousands of real WebSocket sessions from one Linux machine, and a verdict on the
//! servers that they talk to.
//!
//! This is the library behind the binary of the same name, split so that tests, benches and fuzz
//! targets reach every part. `main` calls [`app`], which reads what [`cli`] parsed, makes a [`plan`],
//! has the [`engine`] run it with [`session`]s over [`startline_protocol`], and has [`report`] judge
//! what [`measure`] counted. [`startline_mock`] is the built-in mock server; it never uses
//! [`session`]. [`doctor`] checks whether this machine can run a plan, [`preflight`] whether
//! everything is ready for a test. `ARCHITECTURE.md` is the map.

pub mod app;
pub mod checks;
pub mod cli;
pub mod compare;
pub mod doctor;
pub mod draw;
pub mod engine;
pub mod exit_status;
pub mod exporter;
pub mod fault;
pub mod foreign;
pub mod import;
pub mod interrupt;
pub mod lang;
pub mod live;
pub mod lookup;
pub mod measure;
pub mod members;
pub mod merge;
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
pub mod trial;
pub mod tune;
pub mod watch;
