//! The options of what is watched beside the sessions: `run` and `preflight` have them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What is watched.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links)]
#[derive(Args, Clone, Debug, Default)]
pub struct WatchOptions {
    /// Watch the servers as this TOML file of [[watch]] blocks says.
    #[arg(long, value_name = "FILE", help_heading = "Servers")]
    pub watch: Option<PathBuf>,

    /// Watch the servers by this Prometheus server, such as http://10.0.0.4:9090, with the built-in set of figures and limits.
    #[arg(long, value_name = "URL", help_heading = "Servers")]
    pub prometheus: Option<String>,

    /// Watch the servers' Redis, such as 10.0.0.7:6379 or rediss://user@10.0.0.7, with the built-in set of figures and
    /// limits; its password is read from the variable REDISCLI_AUTH.
    #[arg(long, value_name = "ADDR", help_heading = "Servers")]
    pub redis: Option<String>,

    /// The Redis that the servers' Pub/Sub goes over, if it is another than --redis.
    #[arg(long, value_name = "ADDR", help_heading = "Servers")]
    pub redis_pubsub: Option<String>,
}

/// Options of `startline watch`.
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    #[command(subcommand)]
    pub(crate) command: WatchCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub(crate) enum WatchCommand {
    /// Print the built-in set of figures and limits, to start a file of your own for --watch.
    Show,
}

/// Which criteria must be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Required {
    /// Every one.
    All,
}
