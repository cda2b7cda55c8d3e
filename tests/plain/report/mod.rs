//! Results as a reader of them sees them: files, schema, verdict and text, from recorders down.

mod files;
mod fixture;
mod metrics;
mod formats;
mod headline;
mod languages;
mod page;
mod pages;
mod recorded;
pub(crate) mod fixture;
mod schema;
mod text;
mod verdict;
