//! Results as a reader of them sees them: files, schema, verdict and text, from recorders down.

mod files;
pub(crate) mod fixture;
mod schema;
mod text;
mod verdict;
