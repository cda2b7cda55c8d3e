//! The options of `startline compare`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `startline compare`.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub struct CompareArgs {
    /// Two directories that runs wrote: the one to compare with, and the new one.
    #[arg(value_name = "DIR", num_args = 0.., conflicts_with_all = ["base", "new"])]
    pub(crate) directories: Vec<PathBuf>,

    /// Directories of the runs to compare with; from three a side on, differences are tested.
    #[arg(long, value_name = "DIR", num_args = 1.., requires = "new")]
    pub(crate) base: Vec<PathBuf>,

    /// Directories of the new runs.
    #[arg(long, value_name = "DIR", num_args = 1.., requires = "base")]
    pub(crate) new: Vec<PathBuf>,

    /// Exit with status 1 on these differences: differs, any; worse, worse ones, or what looks worse where there are too few runs for a test.
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) fail_on: Option<FailOnArg>,

    /// Print every measure, not only those that differ.
    #[arg(long)]
    pub(crate) all: bool,

    /// The form.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) format: CompareFormat,

    /// Print JSON on standard output, and nothing else there; the same as --format json.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,

    /// Write it to this file instead of standard output; an existing file is replaced.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// What fails a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOnArg {
    Differs,
    Worse,
}

/// The forms of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompareFormat {
    /// For a terminal.
    #[default]
    Text,
    /// A page that needs no network.
    Html,
    /// For programs.
    Json,
}

const HELP: &str = "\
Two runs show what differs; whether it is more than chance, three runs a side or more can tell:
  startline compare before after
  startline compare --base before-1 before-2 before-3 --new after-1 after-2 after-3

Exit status:
  0  compared; with --fail-on: nothing failed
  1  --fail-on: something did
  2  wrong arguments, or a directory cannot be read
  3  --fail-on: nothing failed, but a run was aborted, killed or inconclusive";
