//! Results as a reader of them sees them: files, schema, verdict and text, from recorders down.

mod files;
mod fixture;
mod metrics;
mod schema;
mod text;
mod verdict;
