//! `startline scenario import`: a scenario made of a JMeter plan or a browser's recording.
//!
//! Reads and writes the files; what is made of them is [`crate::import`]'s. Invariant: what the scenario does otherwise
//! than the plan or recording is said on standard error, also where the scenario itself goes into a pipe.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Result, anyhow};

use super::scenario_file::new_file;
use crate::checks::table::terminal_columns;
use crate::cli::scenario::ImportArgs;
use crate::foreign;
use crate::import::{Imported, decoded, import as imported};
use crate::scenario::ScenarioError;
use crate::shell;
use crate::terminal::tell;

/// A members' file is looked at up to this length.
const BESIDE_BYTES_MAX: u64 = 64 << 20;
/// Columns of what is said where nobody says how wide the terminal is.
const COLUMNS: usize = 80;

/// Makes the scenario; returns what goes to standard output, and why its check refuses it, if it does.
///
/// # Errors
/// The file cannot be read or is not imported, or the scenario cannot be written.
pub(super) fn import(args: &ImportArgs) -> Result<(String, Option<ScenarioError>)> {
    let file = args.file.display().to_string();
    let bytes = fs::read(&args.file)
        .map_err(|error| anyhow!("cannot read {file}: {}", foreign::unreadable(&error)))?;
    let text = decoded(&file, bytes)?;
    let out = match &args.out {
        Some(out) => out.display().to_string(),
        None => {
            args.file.with_extension("toml").file_name().unwrap_or_default().to_string_lossy().into_owned()
        }
    };
    let made = imported(&file, &text, &out, &beside)?;
    let printed = match &args.out {
        Some(out) => new_file(out, &made.scenario, args.force)?,
        None => made.scenario.clone(),
    };
    say(&made, &out, args);
    Ok((printed, made.refused))
}

/// What a plan names, if it can be read.
fn beside(path: &str) -> Option<String> {
    let path = Path::new(path);
    let is_small = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= BESIDE_BYTES_MAX);
    if is_small { fs::read_to_string(path).ok() } else { None }
}

/// Says what was found, what is otherwise, and how to go on.
fn say(made: &Imported, out: &str, args: &ImportArgs) {
    let err = std::io::stderr();
    let columns = if err.is_terminal() { terminal_columns(&err) } else { COLUMNS };
    let columns = columns.min(100);
    for (k, paragraph) in made.told.iter().enumerate() {
        let options = textwrap::Options::new(columns).break_words(false);
        let options = if k == 0 { options } else { options.initial_indent("- ").subsequent_indent("  ") };
        tell(&textwrap::fill(paragraph, options));
    }
    let quoted = shell::quoted(out);
    let check = vec![format!("startline scenario check {quoted}")];
    let mut steps = vec![("Check it:", &check), ("Try it:", &made.trial), ("Run it:", &made.command)];
    let file = args.file.display().to_string();
    let save = vec![format!("startline scenario import {} --out {quoted}", shell::quoted(&file))];
    if args.out.is_none() {
        // The other commands read the file.
        steps.insert(0, ("Save it:", &save));
    }
    for (what, command) in steps {
        tell(&format!("{what:<10}{}", command.join(&format!("\n{:10}", ""))));
    }
}
