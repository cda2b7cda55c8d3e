//! The options of `startline merge`.

use std::path::PathBuf;

use clap::Args;

use crate::lang::Lang;

/// Options of `startline merge`.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub struct MergeArgs {
    /// Directories that the shards of one plan wrote, all of them.
    #[arg(value_name = "DIR", required = true, num_args = 1..)]
    pub(crate) directories: Vec<PathBuf>,

    /// Directory for the sum: a result like a run's, for report and compare.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Print the result as JSON on standard output, and nothing else there.
    #[arg(long)]
    pub(crate) json: bool,

    /// Language of the summary and the page: en or ko.
    #[arg(long, value_enum, hide_possible_values = true, default_value_t)]
    pub(crate) lang: Lang,
}

const HELP: &str = "\
Shards are runs of one plan, each with a part of its sessions:
  startline run --plan plan.toml --shard 0/2 --start-at 2026-01-31T09:30:00Z --out shard-0
  startline run --plan plan.toml --shard 1/2 --start-at 2026-01-31T09:30:00Z --out shard-1
  startline merge shard-0 shard-1 --out merged

Exit status, of the sum:
  0  every criterion was met
  1  a criterion was not met
  2  wrong arguments, or shards that are missing, given twice or not of one plan
  3  inconclusive: such as a shard that did not finish, or that is inconclusive itself";
