//! A scenario made of what there is: a JMeter plan, or a browser's recording.
//!
//! Text in, text out: opens no file and no socket. Where to go on: `jmx` and `har` find what a session does, as
//! `model` has it; `writer` lays it out. Invariant: nothing is dropped silently: what the scenario does not do is in
//! a note, or the file is refused.

mod command;
mod error;
mod fields;
mod har;
mod jmx;
mod model;
mod names;
mod text;
mod tokens;
mod told;
mod writer;

pub use error::{ImportError, Refusal};

use crate::scenario::outside::Outside;
use crate::scenario::{Scenario, ScenarioError};
use crate::shell;
use model::{At, Found, Of, Variable};

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

/// The text of a plan or recording: UTF-8, or UTF-16 that says so by its first character.
///
/// # Errors
/// It is neither.
pub fn decoded(file: &str, bytes: Vec<u8>) -> Result<String, ImportError> {
    let units = |of: fn([u8; 2]) -> u16| bytes[2..].chunks_exact(2).map(move |pair| of([pair[0], pair[1]]));
    let text = match bytes.get(..2) {
        Some([0xff, 0xfe]) => char::decode_utf16(units(u16::from_le_bytes)).collect::<Result<_, _>>().ok(),
        Some([0xfe, 0xff]) => char::decode_utf16(units(u16::from_be_bytes)).collect::<Result<_, _>>().ok(),
        _ => String::from_utf8(bytes).ok(),
    };
    text.ok_or_else(|| ImportError::Encoding {
        file: file.to_owned(),
        quoted: shell::quoted(file).into_owned(),
    })
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
            let message = "it begins neither with < nor with {; save it again in JMeter, or in the browser's Network panel as HAR".to_owned();
            return Err(ImportError::Unknown { file: file.to_owned(), message });
        }
        None => {
            return Err(ImportError::Unknown {
                file: file.to_owned(),
                message: "it is empty; save it again".to_owned(),
            });
        }
    };
    note_secrets(&mut found);
    found.notes.sort_by_key(|note| match note.at {
        At::Line(number) | At::Entry(number) => number,
        At::Whole => usize::MAX,
    });
    let mut scenario = writer::toml(&found, out);
    // Its files stand beside the scenario, wherever that will be.
    let outside = Outside { is_read_back: true, ..Outside::default() };
    let why = |scenario: &str| Scenario::compile_with(out, scenario, &[], &outside).err();
    let mut refused = why(&scenario);
    if let Some(ScenarioError::At { message, .. }) = &refused {
        found.note(Of::Warning, At::Whole, format!("scenario check refuses it as it is: {message}"));
        scenario = writer::toml(&found, out);
        // Its lines are others now.
        refused = why(&scenario);
    }
    let words = command::words(out, &found.load, found.socket.is_some());
    Ok(Imported {
        told: told::paragraphs(&found),
        trial: command::lines(&command::trial(out, &found.load), COLUMNS),
        command: command::lines(&words, COLUMNS),
        scenario,
        refused,
    })
}

/// Names the secrets whose values the scenario does not have.
fn note_secrets(found: &mut Found) {
    let used = writer::used(found);
    let is_withheld = |variable: &&Variable| variable.comment == tokens::comment(&variable.name);
    let names = found.variables.iter().filter(is_withheld).map(|variable| variable.name.as_str());
    let names: Vec<&str> = names.filter(|name| used.contains(*name)).collect();
    if !names.is_empty() {
        let text = format!(
            "Secrets whose values are not written: {}. Give each by --set NAME=VALUE, or as a column of --members",
            names.join(", ")
        );
        found.note(Of::Warning, At::Whole, text);
    }
}

/// Columns of a command: it stands behind a word.
const COLUMNS: usize = 68;

/// What a file is called without its folders and its ending.
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_both_encodings_are_read() {
        let text = "<a>\u{d55c}\u{1f600}</a>";
        let pairs =
            |of: fn(u16) -> [u8; 2]| [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(of).collect();
        for bytes in [pairs(u16::to_le_bytes), pairs(u16::to_be_bytes), text.as_bytes().to_vec()] {
            assert_eq!(decoded("a.jmx", bytes).expect("text"), text);
        }
        let korean = decoded("a b.jmx", vec![b'<', 0xc7, 0xd1]).expect_err("neither").to_string();
        assert!(korean.contains("iconv -f CP949 -t UTF-8 'a b.jmx' > COPY"), "{korean}");
    }
}
