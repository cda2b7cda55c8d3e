//! Results as a reader of them sees them: files, schema, verdict and text, from recorders down.

mod files;
mod fixture;
mod recorded;
mod headline;
mod schema;
mod text;
mod verdict;
