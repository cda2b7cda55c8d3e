//! A scenario made of what there is: a JMeter plan, or a browser's recording.
//!
//! Text in, text out: opens no file and no socket. Where to go on: [`jmx`] and [`har`] find what a session does, as
//! [`model`] has it; [`writer`] lays it out. Invariant: nothing is dropped silently: what the scenario does not do is in
//! a note, or the file is refused.

mod command;
mod error;
mod har;
mod jmx;
mod model;
mod names;
mod text;
mod told;
mod writer;

pub use error::{ImportError, Refusal};

use crate::scenario::outside::Outside;
use crate::scenario::{Scenario, ScenarioError};
use model::At;

/// Reads a file that the plan names, such as its CSV data set; `None` if it cannot be read.
pub type Beside<'b> = &'b dyn Fn(&str) -> Option<String>;

/// What was made of a file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The scenario's TOML.
    pub scenario: String,
    /// What it was made of, what is otherwise than there, and how to run it: a paragraph each.
    pub told: Vec<String>,
    /// The command that plays one session of it, in lines.
    pub trial: Vec<String>,
    /// The command that runs it, in lines.
    pub command: Vec<String>,
    /// Why `scenario check` refuses it, if it does.
    pub refused: Option<ScenarioError>,
}

/// Makes a scenario of a JMeter plan or a browser's recording. `file` is the name under which errors speak of it,
/// `out` the one of the scenario.
///
/// # Errors
/// It is neither, or does something that no scenario can do.
pub fn import(file: &str, text: &str, out: &str, beside: Beside<'_>) -> Result<Imported, ImportError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut found = match text.trim_start().chars().next() {
        Some('<') => jmx::import(file, text, beside)?,
        Some('{') => har::import(file, text)?,
        Some(_) => {
            let message = "it begins neither with < nor with {".to_owned();
            return Err(ImportError::Unknown { file: file.to_owned(), message });
        }
        None => {
            return Err(ImportError::Unknown { file: file.to_owned(), message: "it is empty".to_owned() });
        }
    };
    found.notes.sort_by_key(|note| match note.at {
        At::Line(number) | At::Entry(number) => number,
        At::Whole => usize::MAX,
    });
    let scenario = writer::toml(&found, out);
    // Its files stand beside the scenario, wherever that will be.
    let outside = Outside { is_read_back: true, ..Outside::default() };
    let refused = Scenario::compile_with(out, &scenario, &[], &outside).err();
    let words = command::words(out, &found.load, found.socket.is_some());
    Ok(Imported {
        told: told::paragraphs(&found),
        trial: command::lines(&command::trial(out, &found.load), COLUMNS),
        command: command::lines(&words, COLUMNS),
        scenario,
        refused,
    })
}

/// Columns of a command: it stands behind a word.
const COLUMNS: usize = 68;

/// What a file is called without its folders and its ending.
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
