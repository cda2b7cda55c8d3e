//! Results as a reader of them sees them: files, schema, verdict and text, from recorders down.

mod files;
mod fixture;
mod formats;
mod headline;
mod languages;
mod page;
pub mod pages;
mod recorded;
mod schema;
mod text;
mod troubles;
mod verdict;
mod watched;
