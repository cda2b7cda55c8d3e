//! A check as data (reading, need, verdict, fix) and the table that prints checks.
//!
//! Doctor, preflight and report share it. Knows no limit, no plan and no server: whoever makes a
//! check decides what it says. [`Check`] is where to start; [`table`](mod@table) lays out rows of
//! any kind by display width.

mod check;
pub mod table;
pub mod text;

pub use check::{Check, Figure, Fix, Verdict};
pub use table::Page;
