//! The options of `startline report`.

use std::path::PathBuf;

use clap::Args;

use crate::lang::Lang;

/// Options of `startline report`.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub struct ReportArgs {
    /// The directory that a run wrote.
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// The form: csv, hlog, json, junit, markdown or text [default: text].
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,

    /// Write it to this file instead of standard output; an existing file is replaced.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Language of the forms for people: en or ko.
    #[arg(long, value_enum, hide_possible_values = true, default_value_t)]
    pub(crate) lang: Lang,
}

const HELP: &str = "\
Exit status:
  0  it is made, whatever the run's verdict is
  2  wrong arguments, or a file cannot be read or written";
