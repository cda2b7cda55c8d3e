//! The options of `startline doctor`: those of a run.

use std::path::PathBuf;

use clap::Args;

use super::run::SettingsArgs;

/// Options of `startline doctor`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Exit status:
  0  the plan fits; there may be warnings
  2  wrong arguments, or the plan does not fit this machine")]
pub struct DoctorArgs {
    /// The plan to check.
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,

    /// Print the checks as JSON on standard output, and nothing else there.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Read the kernel's files under this directory.
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    pub(crate) root: PathBuf,
}
