//! Results as a reader of them sees them: files, schema, verdict and text, from recorders down.

mod broadcasts;
mod files;
pub(crate) mod fixture;
mod formats;
mod headline;
mod languages;
mod merged;
mod metrics;
mod page;
mod pages;
mod recorded;
mod schema;
mod sum;
mod text;
mod tickets;
mod troubles;
mod verdict;
mod watched;
