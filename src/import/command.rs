//! The command that plays an imported scenario.
//!
//! Invariant: a shell reads back each word as it was meant.

use std::time::Duration;

use startline_os::units::duration_text;

use super::model::{Load, Members};
use crate::{foreign, shell};

/// Sessions where nothing says how many.
const SESSIONS: u64 = 100;
/// A ramp where nothing says how long.
const RAMP: Duration = Duration::from_secs(10);
/// A hold where nothing says how long.
const HOLD: Duration = Duration::from_secs(60);

/// The words of the command that runs it, each with its option.
pub(super) fn words(scenario: &str, load: &Load, holds: bool) -> Vec<String> {
    let sessions = load.sessions.unwrap_or(SESSIONS);
    let mut words = servers("run --scenario", scenario, load);
    if load.members == Members::FromOne {
        words.push(format!("--members 1-{sessions}"));
    }
    if load.recycle {
        words.push("--recycle".to_owned());
    }
    if holds && !load.stages.is_empty() {
        words.extend(load.stages.iter().map(|stage| format!("--stage {stage}")));
        words.extend(load.lifetime.map(|lifetime| format!("--lifetime {}", duration_text(lifetime))));
        return words;
    }
    words.push(format!("--sessions {sessions}"));
    words.push(format!("--ramp {}", duration_text(load.ramp.unwrap_or(RAMP))));
    if holds {
        words.push(format!("--hold {}", duration_text(load.hold.unwrap_or(HOLD))));
    }
    words
}

/// The words of the command that plays one session of it.
pub(super) fn trial(scenario: &str, load: &Load) -> Vec<String> {
    let mut words = servers("try", scenario, load);
    if load.members == Members::FromOne {
        words.push("--members 1".to_owned());
    }
    words
}

/// A command with the scenario, and the servers and members of its load.
fn servers(command: &str, scenario: &str, load: &Load) -> Vec<String> {
    let mut words = vec![format!("startline {command} {}", shell::quoted(scenario))];
    let target = load.target.as_deref().unwrap_or("http://HOST:PORT");
    words.push(format!("--target {}", shell::quoted(target)));
    words.extend(load.allow_hosts.iter().map(|host| format!("--allow-host {}", shell::quoted(host))));
    if let Members::File(file) = &load.members {
        words.push(format!("--members {}", shell::quoted(file)));
    }
    // What no terminal and no comment can show is not a host's or a file's.
    words.iter().map(|word| foreign::line(word, usize::MAX)).collect()
}

/// The command over as many lines as it needs.
pub(super) fn lines(words: &[String], columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() + 3 <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(if lines.is_empty() { word.clone() } else { format!("  {word}") }),
        }
    }
    let last = lines.len().saturating_sub(1);
    lines.iter_mut().take(last).for_each(|line| line.push_str(" \\"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_has_what_the_plan_says() {
        let load = Load {
            target: Some("http://127.0.0.1:21000".into()),
            sessions: Some(300),
            ramp: Some(Duration::from_secs(10)),
            hold: Some(Duration::from_secs(69)),
            members: Members::File("our members.csv".into()),
            recycle: true,
            stages: Vec::new(),
            lifetime: None,
            allow_hosts: vec!["ws.example".into()],
        };
        let expected = [
            "startline run --scenario shop.toml --target http://127.0.0.1:21000 \\",
            "  --allow-host ws.example --members 'our members.csv' --recycle --sessions 300 \\",
            "  --ramp 10s --hold 1m9s",
        ];
        assert_eq!(lines(&words("shop.toml", &load, true), 80), expected);
        let words = words("shop.toml", &Load { members: Members::FromOne, ..Load::default() }, false);
        assert_eq!(
            words.join(" "),
            "startline run --scenario shop.toml --target http://HOST:PORT --members 1-100 --sessions 100 --ramp 10s"
        );
        let stages = ["10s:30", "1m:30"].map(|text| text.parse().expect("a stage")).to_vec();
        let load = Load { members: Members::FromOne, sessions: Some(30), stages, ..Load::default() };
        assert_eq!(
            super::words("shop.toml", &load, true).join(" "),
            "startline run --scenario shop.toml --target http://HOST:PORT --members 1-30 --stage 10s:30 --stage 1m:30"
        );
    }
}
