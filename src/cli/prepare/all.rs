//! The options of `startline prepare all`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::values;
use super::new_challenge::NewChallengeArgs;
use super::target::TargetArgs;
use crate::plan::Rate;

/// Options of `startline prepare all`.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug)]
#[command(after_help = super::EXIT_STATUS_HELP)]
pub struct AllArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,

    #[command(flatten)]
    pub(crate) new: NewChallengeArgs,

    /// Members: a range of ids such as 13-6012, or a CSV file with the column memberId and without challengeId. Repeat for more
    /// files.
    #[arg(long, value_name = "SPEC", required = true, help_heading = "Members")]
    pub(crate) members: Vec<String>,

    /// Joins a second or minute [default: 20/s].
    #[arg(long, value_name = "RATE", value_parser = values::rate, allow_hyphen_values = true, help_heading = "Members")]
    pub(crate) rate: Option<Rate>,

    /// Requests of the joins that are out at once, at most; the rate sinks when the servers slow down [default: 16].
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, help_heading = "Members")]
    pub(crate) in_flight: Option<u32>,

    /// Give up the joins when nothing has worked for this time [default: 2m].
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, help_heading = "Members")]
    pub(crate) patience: Option<Duration>,

    /// Write each member's outcome to this new CSV file [default: startline-join-<local time>.csv].
    #[arg(long, value_name = "FILE", help_heading = "Members")]
    pub(crate) out: Option<PathBuf>,

    /// Sessions of the run that follows [default: all members].
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, help_heading = "Run")]
    pub(crate) sessions: Option<u32>,

    /// Its ramp, which must end before startAt, 5 minutes after READY [default: 25 a second, at most 240s].
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, help_heading = "Run")]
    pub(crate) ramp: Option<Duration>,

    /// Its hold, which must end before endAt [default: 30m, or as long as the distance allows].
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, help_heading = "Run")]
    pub(crate) hold: Option<Duration>,
}
