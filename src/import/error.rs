//! Why a file cannot be imported.
//!
//! Knows neither JMX nor HAR. Invariant: every message says what is wrong, in which line, and what to do.

use std::fmt::Write as _;

/// A file that is not imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read as what it seems to be.
    #[error("{file}:{line}: {message}")]
    Malformed {
        /// The file, as it was named.
        file: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// It is no text that is read.
    #[error(
        "{file} is neither UTF-8 nor UTF-16 text: save it as UTF-8, or, if it is Korean text of Windows: iconv -f CP949 -t UTF-8 \
         {quoted} > COPY"
    )]
    Encoding {
        /// The file, as it was named.
        file: String,
        /// The same as a shell reads it.
        quoted: String,
    },
    /// It is of no form that is known.
    #[error("{file} is neither a JMeter plan (.jmx) nor a browser's recording (.har): {message}")]
    Unknown {
        /// The file, as it was named.
        file: String,
        /// What was found.
        message: String,
    },
    /// It does something that no scenario can do.
    #[error("{}", refusals(.file, .refused))]
    Refused {
        /// The file, as it was named.
        file: String,
        /// Everything that cannot be taken over.
        refused: Vec<Refusal>,
    },
}

/// Something that cannot be taken over, without which the rest would be another test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The line, from 1.
    pub line: usize,
    /// What it is: `If Controller "only if"`.
    pub what: String,
    /// What would express it.
    pub instead: String,
}

/// All of them, and what to do next.
fn refusals(file: &str, refused: &[Refusal]) -> String {
    let mut text = format!("{file} has what a scenario cannot do:");
    for one in refused {
        let _ = write!(text, "\n  {file}:{}: {}\n    {}", one.line, one.what, one.instead);
    }
    text + "\nTo import the rest: disable these elements in JMeter, save the plan, and import it again."
}
