//! The options of `startline man`.

use std::path::PathBuf;

use clap::Args;

/// Options of `startline man`.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub struct ManArgs {
    /// Subcommand to print the page of, such as run, or prepare join [default: startline itself].
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Vec<String>,

    /// Write every page to this directory, which is created if it is missing.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) out: Option<PathBuf>,
}

const HELP: &str = "\
To read a page, and to install all of them for this user:
  startline man run | man -l -
  startline man --out ~/.local/share/man/man1";
