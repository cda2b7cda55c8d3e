//! `startline`: thousands of real WebSocket sessions from one Linux box, and a verdict on the
//! servers that they talk to.
//!
//! This is the library behind the binary of the same name, split so that tests, benches and fuzz
//! targets reach every part. Arrows point one way: [`cli`] → [`plan`] → [`engine`] → [`session`] →
//! [`protocol`], and [`engine`] → [`measure`] → [`report`]. [`target`] is the built-in stand-in for the
//! servers under test; it never uses [`session`]. [`doctor`] stands between [`cli`] and [`plan`] and says whether this box bears a
//! plan; [`preflight`], whether everything is there for a test. `ARCHITECTURE.md` is the map.

pub mod cli;
pub mod doctor;
pub mod engine;
pub mod fault;
pub mod foreign;
pub mod measure;
pub mod members;
pub mod nearest;
pub mod plan;
pub mod preflight;
pub mod prepare;
pub mod protocol;
pub mod report;
pub mod scenario;
pub mod session;
pub mod target;
pub mod tick;
pub mod units;
