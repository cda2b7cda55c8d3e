//! Arguments in, exit status out.

use std::process::ExitCode;

use clap::Parser;
use startline::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().execute().into()
}
