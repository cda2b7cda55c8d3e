//! The options of `startline tune`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::values;
use crate::plan::http;
use crate::plan::shape::Stage;
use crate::scenario::every::Interval;

/// Options of `startline tune`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct TuneArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) step: Step,
}

pub(crate) const HELP: &str = "\
apply, revert and persist need root, and wait for another that is running. tuning.md has the reason for each setting.

Exit status:
  0  all settings are as needed
  1  not all: show would change something, or something could not be done and is named
  2  wrong arguments

Environment:
  STARTLINE_TUNE_STATE  what was changed (/var/lib/startline/tune.saved)
  STARTLINE_TUNE_CONF   what persist writes (/etc/sysctl.d/90-startline.conf)";

#[derive(Debug, Subcommand)]
pub(crate) enum Step {
    /// Show each limit: what this machine has, what the plan needs, which setting would change.
    Show(PlanArgs),
    /// Write the settings that are not enough for the plan, and save what was there; lowers
    /// nothing.
    Apply {
        #[command(flatten)]
        plan: PlanArgs,
        #[command(flatten)]
        how: HowArgs,
    },
    /// Put back exactly what apply changed in this network namespace.
    Revert {
        /// Put back also what somebody else has changed since.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        how: HowArgs,
        /// Read and write the kernel's files under this directory.
        #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
        root: PathBuf,
    },
    /// Keep over a reboot what apply changed.
    Persist {
        /// Keep it no longer.
        #[arg(long)]
        remove: bool,
        /// Print what would be written, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// Read and write the kernel's files under this directory.
        #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
        root: PathBuf,
    },
}

/// How a change is made.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct HowArgs {
    /// Print what would be written, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Write without asking first; it asks only on a terminal.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// The plan.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Sessions at once.
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, default_value = "6000")]
    pub(crate) sessions: u32,

    /// Source addresses [default: 1; with servers here, as many of 127.0.1.0/24 as a run takes].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = up_to::<65_536>)]
    pub(crate) sources: Option<u32>,

    /// Addresses of the target.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = up_to::<4_096>, default_value = "1")]
    pub(crate) targets: u32,

    /// Time over which the sessions arrive.
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, default_value = "60s")]
    pub(crate) ramp: Duration,

    /// Time for which they are held, where they have a lifetime.
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, default_value = "60s")]
    pub(crate) hold: Duration,

    /// Level of open sessions, as for startline run; repeat for more, instead of --sessions, --ramp and --hold.
    #[arg(long, value_name = "TIME:SESSIONS", conflicts_with_all = ["sessions", "ramp", "hold"])]
    pub(crate) stage: Vec<Stage>,

    /// How long a session stays before another takes its place, as for startline run.
    #[arg(long, value_name = "TIME", value_parser = values::lifetime, allow_hyphen_values = true)]
    pub(crate) lifetime: Option<Interval>,

    /// How HTTP connections are made, as for startline run; none: the scenario has no HTTP steps.
    #[arg(long, value_name = "MODE", default_value = "per-session")]
    pub(crate) http: Http,

    /// HTTP connections of each worker, with --http pooled.
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true, default_value_t = http::CONNECTIONS_DEFAULT)]
    pub(crate) http_connections: u32,

    /// Workers [default: as many as a run takes].
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true)]
    pub(crate) workers: Option<u32>,

    /// The servers run on this machine too, or only they do.
    #[arg(long, conflicts_with = "mock")]
    pub(crate) server: bool,

    /// With --server: sessions reach it by an address of the network, not of the loopback.
    #[arg(long, requires = "server")]
    pub(crate) no_loopback: bool,

    /// The servers are the built-in mock server, as for startline run without --target.
    #[arg(long)]
    pub(crate) mock: bool,

    /// Read and write the kernel's files under this directory.
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    pub(crate) root: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Http {
    PerSession,
    Pooled,
    None,
}

/// A count that is no larger than is sensible.
pub(crate) fn up_to<const MOST: u32>(text: &str) -> Result<u32, String> {
    let count = values::count(text)?;
    if count <= MOST { Ok(count) } else { Err(format!("it is at most {MOST}")) }
}
