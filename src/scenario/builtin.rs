//! The built-in scenarios, and the resolution of `--scenario`.
//!
//! Compiles nothing itself. Invariant: Runnity's is the first of them, and compiles (a test).

use std::fs::File;
use std::io::{self, Read};

use super::{Scenario, ScenarioError};
use crate::foreign;
use crate::shell::quoted;

/// A scenario's file is at most this long; some files, such as /dev/zero, have no end.
const SOURCE_BYTES_MAX: u64 = 1 << 20;

/// The scenarios that are compiled in: name and source.
const BUILTIN: [(&str, &str); 11] = [
    ("runnity", include_str!("../../scenarios/runnity.toml")),
    ("echo", include_str!("../../scenarios/echo.toml")),
    ("chat", include_str!("../../scenarios/chat.toml")),
    ("socketio", include_str!("../../scenarios/socketio.toml")),
    ("graphql-ws", include_str!("../../scenarios/graphql-ws.toml")),
    ("stomp", include_str!("../../scenarios/stomp.toml")),
    ("ocpp", include_str!("../../scenarios/ocpp.toml")),
    ("mqtt", include_str!("../../scenarios/mqtt.toml")),
    ("centrifugo", include_str!("../../scenarios/centrifugo.toml")),
    ("phoenix", include_str!("../../scenarios/phoenix.toml")),
    ("plain", include_str!("../../scenarios/plain.toml")),
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

    /// Finds what `--scenario` names: a built-in scenario, or else a file. Returns the name for errors, and the source.
    ///
    /// # Errors
    /// There is neither, or the file cannot be read.
    pub fn find(name_or_file: &str) -> Result<(String, String), ScenarioError> {
        if let Some(source) = Self::builtin(name_or_file) {
            return Ok((format!("scenarios/{name_or_file}.toml"), source.to_owned()));
        }
        if let Some(fix) = of_another_tool(name_or_file) {
            return Err(ScenarioError::OfAnotherTool { file: name_or_file.to_owned(), fix });
        }
        let is_path = name_or_file.contains('/') || name_or_file.ends_with(".toml");
        match read(name_or_file) {
            Ok(source) => Ok((name_or_file.to_owned(), source)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_path => {
                let hint = crate::nearest::hint(name_or_file, &BUILTIN.map(|(name, _)| name));
                Err(ScenarioError::Unknown { name: name_or_file.to_owned(), hint })
            }
            Err(error) => {
                let new = match error.kind() {
                    io::ErrorKind::NotFound => ", or start a new one: startline scenario new --out FILE",
                    _ => "",
                };
                let reason = foreign::unreadable(&error) + new;
                Err(ScenarioError::Unreadable { file: name_or_file.to_owned(), reason })
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

fn read(file: &str) -> io::Result<String> {
    let mut source = Vec::new();
    File::open(file)?.take(SOURCE_BYTES_MAX + 1).read_to_end(&mut source)?;
    if source.len() as u64 > SOURCE_BYTES_MAX {
        return Err(io::Error::other("it is over 1 MiB, which no scenario is"));
    }
    String::from_utf8(source).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

/// Returns how to make a scenario of what another tool plays, if the file's name says so.
pub(crate) fn of_another_tool(file: &str) -> Option<String> {
    let (_, kind) = file.rsplit_once('.')?;
    match kind.to_ascii_lowercase().as_str() {
        "jmx" | "har" => {
            Some(format!("make one of it: startline scenario import {} --out FILE", quoted(file)))
        }
        "js" | "ts" | "py" => Some("start one, which is TOML: startline scenario new --out FILE".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_built_in_scenario_or_a_file() {
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("ours").display().to_string();
        std::fs::write(&file, "name").expect("written");
        assert_eq!(Scenario::find(&file).expect("a file").1, "name");
        assert_eq!(Scenario::find("Cargo.lock").expect("a file, without a / in its name").0, "Cargo.lock");
        assert!(Scenario::find("echo").expect("built in").0.ends_with("echo.toml"));
        let error = Scenario::find("ecko").expect_err("neither").to_string();
        assert!(error.contains("did you mean \"echo\"?"), "{error}");
    }

    #[test]
    fn a_file_without_an_end_is_refused() {
        let error = Scenario::find("/dev/zero").expect_err("too long").to_string();
        assert!(error.contains("it is over 1 MiB"), "{error}");
    }
}
