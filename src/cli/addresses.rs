//! The options of `startline addresses`.

use clap::{Args, Subcommand};

/// Options of `startline addresses`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct AddressesArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) step: Step,
}

pub(crate) const HELP: &str = "\
Each address has the ports of net.ipv4.ip_local_port_range to each target once more. A SPEC is an address, a range or a block,
as --source-ip takes it: 10.0.0.11, 10.0.0.11-17, 10.0.0.0/28, fd00::11-fd00::17. All of 127.0.0.0/8 is this machine's already.
Only what was added here is removed: what is remembered and has a mark in the kernel (an address's metric 188188, a
route's proto 173). Neither outlives a boot. add and remove need root, and wait for another that is running. tuning.md says when which.

Exit status:
  0  done, or so already
  1  not all could be done
  2  wrong arguments
  128 and the signal's number if it was interrupted: it stops there, and remembers what it has done

Environment:
  STARTLINE_SOURCES_STATE  what was added (/run/startline/source-addresses)";

#[derive(Debug, Subcommand)]
pub(crate) enum Step {
    /// Add secondary addresses on the device that leads there, or one local route for a whole
    /// block.
    Add {
        /// What to add; with --route blocks.
        #[arg(value_name = "SPEC", required = true)]
        specs: Vec<String>,
        /// Add to this device.
        #[arg(long, value_name = "DEV", conflicts_with = "route")]
        dev: Option<String>,
        #[command(flatten)]
        how: HowArgs,
    },
    /// Remove what was added here.
    Remove {
        /// What to remove; with --route blocks.
        #[arg(value_name = "SPEC", required_unless_present = "all")]
        specs: Vec<String>,
        /// Remove everything that was added here.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        how: HowArgs,
    },
    /// Print what sessions can come from, and what was added here.
    List,
}

/// How a change is made.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct HowArgs {
    /// Use a local route for all of a block instead of single addresses.
    #[arg(long)]
    pub(crate) route: bool,

    /// Print every command, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Do it without asking first; it asks only on a terminal.
    #[arg(long, short)]
    pub(crate) yes: bool,
}
