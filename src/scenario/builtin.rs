//! The built-in scenarios, and the resolution of `--scenario`.
//!
//! Compiles nothing itself. Invariant: Runnity's is the first of them, and compiles (a test).

use super::{Scenario, ScenarioError};

/// The scenarios that are compiled in: name and source.
const BUILTIN: [(&str, &str); 3] = [
    ("runnity", include_str!("../../scenarios/runnity.toml")),
    ("echo", include_str!("../../scenarios/echo.toml")),
    ("chat", include_str!("../../scenarios/chat.toml")),
];

impl Scenario {
    /// The source of a scenario that is compiled in.
    pub fn builtin(name: &str) -> Option<&'static str> {
        BUILTIN.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
    }

    /// The scenarios that are compiled in: name and source.
    pub fn builtins() -> &'static [(&'static str, &'static str)] {
        &BUILTIN
    }

    /// What `--scenario` means: the name of a built-in scenario, or a file (with a `/` in its name
    /// or `.toml` at its end). Returns the name for errors, and the source.
    ///
    /// # Errors
    /// There is no such scenario, or the file cannot be read.
    pub fn find(name_or_file: &str) -> Result<(String, String), ScenarioError> {
        if let Some(source) = Self::builtin(name_or_file) {
            return Ok((format!("scenarios/{name_or_file}.toml"), source.to_owned()));
        }
        if !name_or_file.contains('/') && !name_or_file.ends_with(".toml") {
            let hint = crate::nearest::hint(name_or_file, &BUILTIN.map(|(name, _)| name));
            return Err(ScenarioError::Unknown { name: name_or_file.to_owned(), hint });
        }
        match std::fs::read_to_string(name_or_file) {
            Ok(source) => Ok((name_or_file.to_owned(), source)),
            Err(error) => {
                Err(ScenarioError::Unreadable { file: name_or_file.to_owned(), reason: error.to_string() })
            }
        }
    }

    /// Runnity's own, with its variables as they are in the file.
    ///
    /// # Panics
    /// Never: a test compiles it.
    pub fn runnity() -> Self {
        let (name, source) = BUILTIN[0];
        Self::compile(name, source, &[]).expect("the built-in scenario compiles")
    }
}
