//! What `startline tune` and `startline addresses` decide: which kernel settings a plan needs, what
//! was changed and goes back, which addresses were added here.
//!
//! Values in, values out: no socket, no file but those that the doctor reads under a root, nothing
//! written. Invariant: the doctor judges, nothing here does: a setting is proposed exactly where
//! one of its checks asks for it ([`wanted`]).

pub mod addresses;
pub mod saved;
pub mod wanted;
