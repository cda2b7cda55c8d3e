//! Scenario files: compiled, or refused with a place that is in the file.

use startline::scenario::every::Reply;
use startline::scenario::steps::Whose;
use startline::scenario::template::Template;
use startline::scenario::{Scenario, ScenarioError};

use super::template::SCOPE;

const NAME: &str = "x.toml";

/// Any text.
pub fn source(text: &str) {
    match Scenario::compile(NAME, text, &[]) {
        Err(error) => check_place(&error, text),
        Ok(scenario) => {
            if let Err(error) = text.parse::<toml::Table>() {
                // A number that is used as text may have any length.
                let message = error.message();
                assert!(message.contains("integer") || message.contains("float"), "toml refuses it: {error}");
            }
            check(&scenario, text);
        }
    }
}

/// File, line and column are there, and something is said.
fn check_place(error: &ScenarioError, text: &str) {
    let ScenarioError::At { file, line, column, message } = error else {
        panic!("nothing was set and no file looked for: {error}");
    };
    assert_eq!(file, NAME);
    assert!(!message.trim().is_empty(), "{error}");
    let found = text.split('\n').nth(line.checked_sub(1).expect("lines count from 1"));
    let found = found.unwrap_or_else(|| panic!("there is no such line: {error}"));
    assert!((1..=found.chars().count() + 1).contains(column), "there is no such column: {error}");
}

/// What every compiled scenario keeps to.
fn check(scenario: &Scenario, text: &str) {
    assert_eq!(scenario.source, text);
    let again = Scenario::compile(NAME, &scenario.source, &[]).expect("it compiles again");
    assert_eq!(format!("{again:?}"), format!("{scenario:?}"));

    let steps = scenario.step_names();
    assert!(!steps.is_empty() && steps.len() <= usize::from(u8::MAX));
    for (k, step) in steps.iter().enumerate() {
        assert!(!steps[..k].contains(step), "the step {step} is there once");
    }
    let named = |error: u8| usize::from(error) < scenario.error_names.len();
    for step in &scenario.http {
        assert!(step.errors.iter().all(|one| named(one.error)));
        assert!(step.take.iter().all(|take| usize::from(take.value) < scenario.value_names.len()));
        assert!(step.path.literal_start().starts_with(b"/"));
    }
    if let Some(ws) = &scenario.websocket {
        assert!(ws.kinds.error_codes.iter().all(|one| named(one.error)));
        let mut awaited = ws.steps.iter().flat_map(|step| &step.awaits);
        assert!(awaited.all(|kind| ws.kinds.role(*kind).is_some()));
    }
    for template in templates(scenario) {
        template.render(&SCOPE, &mut Vec::new());
    }
}

/// All that sessions say.
fn templates(scenario: &Scenario) -> Vec<&Template> {
    let mut found = Vec::new();
    for step in &scenario.http {
        found.push(&step.path);
        found.extend(step.headers.iter().map(|(_, value)| value));
        found.extend(&step.body);
    }
    if let Some(ws) = &scenario.websocket {
        found.push(&ws.url);
        found.extend(ws.headers.iter().map(|(_, value)| value));
        found.extend(ws.steps.iter().filter_map(|step| step.send.as_ref()).chain(&ws.quit));
        let mut whose: Vec<&Whose> = ws.steps.iter().map(|step| &step.whose).collect();
        for every in &ws.every {
            found.push(&every.send);
            if let Reply::Kind { whose: of, .. } = &every.reply {
                whose.push(of);
            }
        }
        found.extend(whose.into_iter().filter_map(|whose| match whose {
            Whose::Any => None,
            Whose::Equals { equals, .. } => Some(equals),
            Whose::Starts { starts, .. } => Some(starts),
        }));
    }
    found
}
