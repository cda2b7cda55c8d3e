//! Arguments in, exit status out.

use std::process::ExitCode;

use startline::cli::Cli;

fn main() -> ExitCode {
    Cli::of_process().execute().into()
}
