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

    /// The form: csv, hlog, html, json, junit, markdown or text [default: html, into DIR/report.html].
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<String>,

    /// Write it to this file instead of standard output; an existing file is replaced.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Language of the forms for people: en or ko.
    #[arg(long, value_enum, hide_possible_values = true, default_value_t)]
    pub(crate) lang: Lang,

    /// Write the page now, and again when standard input ends without a word: its run was killed.
    #[arg(long, hide = true, conflicts_with_all = ["format", "out"])]
    pub(crate) when_killed: bool,
}

const HELP: &str = "\
Exit status:
  0  it is made, whatever the run's verdict is
  2  wrong arguments, or a file cannot be read or written";
