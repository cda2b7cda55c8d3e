//! What a session costs, measured on whole runs of the built binary with its mock server, and with
//! servers of other systems, on the same machine.
//!
//!     cargo bench --bench whole_run                       # everything, over an hour
//!     cargo bench --bench whole_run -- heartbeat burst    # parts of it
//!
//! Prints a table and writes `benches/results/whole-run.json`, in which each part replaces its
//! former self and holds the figures of its runs as their `summary.json` and `timeline.csv` have
//! them. Knows nothing of the program but its command line and its results. Invariant: a run whose
//! counts are incomplete (every session opened, no error) is a failure of the bench and leaves no
//! figure.

#[path = "whole_run/everyone.rs"]
mod everyone;
#[path = "whole_run/measured.rs"]
mod measured;
#[path = "whole_run/parts.rs"]
mod parts;
#[path = "whole_run/pooled.rs"]
mod pooled;
#[path = "whole_run/scale.rs"]
mod scale;
#[path = "whole_run/systems.rs"]
mod systems;
#[path = "whole_run/tls.rs"]
mod tls;

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value};

/// Where raw results go, from the repository's root.
const RESULTS: &str = "benches/results/whole-run.json";

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`; everything else names parts.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if let Some(unknown) =
        wanted.iter().find(|name| !parts::ALL.iter().any(|(known, _)| parts::is_named(known, name)))
    {
        let known: Vec<&str> = parts::ALL.iter().map(|(name, _)| *name).collect();
        eprintln!("error: there is no part \"{unknown}\"; there are {}", known.join(", "));
        return ExitCode::from(2);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(RESULTS);
    let mut results = read(&path);
    for (name, measure) in parts::ALL {
        if !wanted.is_empty() && !wanted.iter().any(|word| parts::is_named(name, word)) {
            continue;
        }
        match measure() {
            Ok(part) => {
                results.insert(name.to_owned(), part);
                // After each part: what has been measured is not lost to a later failure.
                if let Err(error) = write(&path, &results) {
                    eprintln!("error: {}: {error}", path.display());
                    return ExitCode::FAILURE;
                }
            }
            Err(why) => {
                eprintln!("error: {name}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    scale::print_slopes(&results);
    println!("raw results: {RESULTS}");
    ExitCode::SUCCESS
}

fn read(path: &Path) -> Map<String, Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn write(path: &Path, results: &Map<String, Value>) -> std::io::Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(path))?;
    let text = serde_json::to_string_pretty(results).map_err(std::io::Error::other)?;
    std::fs::write(path, text + "\n")
}
