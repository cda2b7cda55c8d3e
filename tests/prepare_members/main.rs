//! `startline prepare members`: its files, and what a real MariaDB makes of them.

#[path = "../common/mod.rs"]
mod common;

mod cleaned_up;
mod database;
mod files;
mod imported;
mod made;
