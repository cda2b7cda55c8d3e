//! The options of `startline prepare join` and `leave`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::values;
use super::target::TargetArgs;
use crate::plan::Rate;

/// Options of `startline prepare join`.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::EXIT_STATUS_HELP)]
pub struct JoinArgs {
    #[command(flatten)]
    pub(crate) places: PlacesArgs,

    /// The password of a private challenge.
    #[arg(long, value_name = "TEXT", help_heading = "Members")]
    pub(crate) password: Option<String>,
}

/// Options of `startline prepare leave`. The last one to leave a challenge that is still RECRUITING deletes it.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::EXIT_STATUS_HELP)]
pub struct LeaveArgs {
    #[command(flatten)]
    pub(crate) places: PlacesArgs,
}

// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug)]
pub(crate) struct PlacesArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,

    /// The challenge; with CSV files it comes from their challengeId column.
    #[arg(long, value_name = "ID", value_parser = values::id, allow_negative_numbers = true, help_heading = "Members")]
    pub(crate) challenge: Option<u64>,

    /// Members: a range of ids such as 13-10012, or a CSV file with the header memberId,challengeId. Repeat for more files.
    #[arg(long, value_name = "SPEC", help_heading = "Members", required_unless_present = "resume")]
    pub(crate) members: Vec<String>,

    /// Continue from this file of outcomes of an earlier command; members who are done are left alone.
    // Beside --members where the scenario uses columns, which the file of outcomes does not have.
    #[arg(long, value_name = "FILE", help_heading = "Members", conflicts_with_all = ["challenge", "out"])]
    pub(crate) resume: Option<PathBuf>,

    /// Members a second or minute [default: 20/s].
    #[arg(long, value_name = "RATE", value_parser = values::rate, allow_hyphen_values = true, help_heading = "Load")]
    pub(crate) rate: Option<Rate>,

    /// Requests that are out at once, at most; the rate sinks when the servers slow down [default: 16].
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, help_heading = "Load")]
    pub(crate) in_flight: Option<u32>,

    /// Give up when nothing has worked for this time; until then retry after growing waits [default: 2m].
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, help_heading = "Load")]
    pub(crate) patience: Option<Duration>,

    /// Write each member's outcome to this new CSV file [default: startline-<step>-<local time>.csv].
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
}
