//! What has to hold of a parser for any input, told once: properties and fuzz targets call the same functions.
//!
//! Each takes an input and panics if something does not hold; where the input comes from is the caller's. The oracles are
//! foreign crates where there is one, else a model naive enough to be seen to be right.

pub mod input;
pub mod protocol;
pub mod tls;
