//! Why a scenario is refused, and where in its file.
//!
//! Does not know which check refused it. Invariant: every message is complete by itself: file,
//! line, column, key, and what to write instead where that is known.

use std::ops::Range;

/// The tables of which there may be several.
const LISTS: [&str; 7] =
    ["http", "errors", "criteria", "mix", "websocket.steps", "websocket.every", "websocket.errors"];

/// A scenario that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Something in the file.
    #[error("{file}:{line}:{column}: {message}")]
    At {
        /// The file, as it was named.
        file: String,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A variable set from outside that the scenario does not have.
    #[error("--set {name}: {message}")]
    Set {
        /// The variable's name as given.
        name: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A variable whose file cannot be read.
    #[error("--set-file {name}: cannot read {file}: {reason}")]
    SetFile {
        /// The variable's name as given.
        name: String,
        /// The file.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// Neither a built-in scenario nor a file of this name.
    #[error("there is no built-in scenario and no file named {name:?}{hint}")]
    Unknown {
        /// The name as given.
        name: String,
        /// The nearest ones.
        hint: String,
    },
    /// What another load generator plays.
    #[error("{file} is not a scenario; {fix}")]
    OfAnotherTool {
        /// The file, as it was named.
        file: String,
        /// How to get a scenario.
        fix: String,
    },
    /// The file cannot be read.
    #[error("cannot read the scenario {file}: {reason}")]
    Unreadable {
        /// The file, as it was named.
        file: String,
        /// The system's reason.
        reason: String,
    },
}

/// What to write where a message or body is a table.
pub(super) fn json_hint(key: &str) -> &'static str {
    match key {
        "body" | "send" | "answer" => ": write JSON as text, '{\"type\":\"join\"}'",
        _ => "",
    }
}

/// A file's name and text: turns places in it into errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'s> {
    pub(crate) file: &'s str,
    pub(crate) text: &'s str,
}

impl Source<'_> {
    /// The line, from 1, of the byte at `start`.
    pub(crate) fn line(&self, start: usize) -> usize {
        self.text.get(..start).unwrap_or(self.text).matches('\n').count() + 1
    }

    /// What to write where a list's table stands as one of its own, as a second `[websocket.every]` does, or
    /// JSON between double quotes.
    pub(crate) fn list_hint(&self, start: usize) -> String {
        let line = self.text.lines().nth(self.line(start) - 1).unwrap_or_default().trim();
        let title = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        match title.filter(|title| LISTS.contains(title)) {
            Some(title) => format!(": [{title}] is a list: write [[{title}]]"),
            None if line.contains("\"{\"") || line.contains("\"[\"") => {
                ": a text with quotes in it stands between single quotes: '{\"type\":\"join\"}'".to_owned()
            }
            None => String::new(),
        }
    }

    /// An error at the start of `span`.
    pub(crate) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ScenarioError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        ScenarioError::At {
            file: self.file.to_owned(),
            line: self.line(span.start),
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
        }
    }
}
