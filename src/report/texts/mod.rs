//! The texts of reports in every language, one table a file.
//!
//! Tables only: what is said, and when, is decided where they are used. Whoever shows a result adds
//! a file here.

pub mod headline;
pub mod page;
pub mod reconnects;
pub mod routing;
pub mod servers;
pub mod shape;
pub mod shards;
pub mod summary;
pub mod told;
pub mod troubles;
