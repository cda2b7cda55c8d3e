//! The options of `startline scenario`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values;

/// Options of `startline scenario`.
#[derive(Args, Clone, Debug)]
pub struct ScenarioArgs {
    #[command(subcommand)]
    pub(crate) command: ScenarioCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub(crate) enum ScenarioCommand {
    /// Check a scenario, and show what its sessions send, with example values.
    Check(CheckArgs),
    /// Print a built-in scenario's file; without a name, list them.
    Show {
        /// The built-in scenario.
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// Print the JSON Schema of scenario files, by which editors complete and check them.
    Schema,
    /// Start a new scenario: a file with every part explained.
    New(NewArgs),
    /// Make a scenario of a JMeter plan (.jmx) or a browser's recording (.har).
    Import(ImportArgs),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    /// The name of a built-in scenario, or a TOML file.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) scenario: String,
    /// Set a variable of the scenario; repeat for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::assignment)]
    pub(crate) set: Vec<(String, String)>,
    /// Set a variable of the scenario to what is in a file, which is not printed; repeat for more.
    #[arg(long, value_name = "NAME=PATH", value_parser = values::file_assignment)]
    pub(crate) set_file: Vec<(String, PathBuf)>,
    /// CSV file of members, whose columns the scenario uses; what is shown is the first row's; repeat for more.
    #[arg(long, value_name = "FILE")]
    pub(crate) members: Vec<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct NewArgs {
    /// Start from this built-in scenario instead of the template.
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
    /// Write it to this file instead of standard output, and scenario.schema.json beside it, by which editors complete its keys.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite an existing file.
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ImportArgs {
    /// The JMeter plan, or the recording that a browser saved as HAR.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Write the scenario to this file instead of standard output, and scenario.schema.json beside it, by which editors complete its keys.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Overwrite an existing file.
    #[arg(long, requires = "out")]
    pub(crate) force: bool,
}
