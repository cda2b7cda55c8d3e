//! `startline serve`: the stand-in alone.

use clap::Args;

/// Options of `startline serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {}

/// Serves until interrupted.
///
/// # Errors
/// It is not there yet.
pub fn run(_args: ServeArgs) -> anyhow::Result<()> {
    anyhow::bail!("serve is not there yet")
}
