//! Arguments in, exit status out.

use clap::Parser;

#[derive(Parser)]
enum Cli {
    Serve(startline::cli::serve::ServeArgs),
}

fn main() -> anyhow::Result<()> {
    let Cli::Serve(args) = Cli::parse();
    startline::cli::serve::run(args)
}
