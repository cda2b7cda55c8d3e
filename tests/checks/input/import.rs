//! Plans and recordings: imported, or refused by file and line, whatever they are.

use startline::import::{ImportError, import};

const NAME: &str = "x.jmx";

/// Any text.
pub fn file(text: &str) {
    match import(NAME, text, "x.toml", &|_| None) {
        Err(error) => check_place(&error, text),
        Ok(made) => {
            let parsed = made.scenario.parse::<toml::Table>();
            assert!(parsed.is_ok(), "{parsed:?}\n{}", made.scenario);
            assert!(!made.command.is_empty() && !made.told.is_empty());
            let is_plain = |line: &String| !line.chars().any(char::is_control);
            assert!(
                made.told.iter().chain(&made.command).chain(&made.trial).all(is_plain),
                "{:?} {:?}",
                made.told,
                made.command
            );
        }
    }
}

/// Every line is in the text, and something is said.
fn check_place(error: &ImportError, text: &str) {
    let lines = text.split('\n').count();
    let is_there = |line: usize| (1..=lines).contains(&line);
    match error {
        ImportError::Malformed { line, message, .. } => {
            assert!(is_there(*line) && !message.is_empty(), "{error}, of {lines} lines");
        }
        ImportError::Unknown { message, .. } => assert!(!message.is_empty()),
        ImportError::Encoding { .. } => panic!("{error}: text is of an encoding that is read"),
        ImportError::Refused { refused, .. } => {
            assert!(!refused.is_empty());
            assert!(refused.iter().all(|one| is_there(one.line) && !one.instead.is_empty()), "{error}");
        }
    }
}
