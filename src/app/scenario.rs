//! `startline scenario`: checks a scenario, shows the built-in ones, starts a new one.
//!
//! Opens no connection. Invariant: what is shown of requests and messages is rendered by the templates that a run
//! renders.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use startline_os::units::duration_text;

use crate::cli::scenario::{CheckArgs, NewArgs, ScenarioArgs, ScenarioCommand};
use crate::members::{MemberId, SessionNumber};
use crate::plan::ScenarioSettings;
use crate::scenario::template::{Scope, Template};
use crate::scenario::every::{Every, Reply};
use crate::scenario::steps::{Step, Whose};
use crate::scenario::{Good, HttpStep, MessageType, Scenario, WebSocket};

/// A new scenario's text.
const TEMPLATE: &str = include_str!("../../scenarios/template.toml");

/// Carries out `startline scenario`.
///
/// # Errors
/// What is wrong with the scenario, or that a file cannot be read or written.
pub fn run(args: ScenarioArgs) -> Result<()> {
    let text = match args.command {
        ScenarioCommand::Check(args) => check(&args)?,
        ScenarioCommand::Show { name: None } => list(),
        ScenarioCommand::Show { name: Some(name) } => source_of(&name)?,
        ScenarioCommand::New(NewArgs { out: None, .. }) => TEMPLATE.to_owned(),
        ScenarioCommand::New(NewArgs { out: Some(out), force }) => new_file(&out, force)?,
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn list() -> String {
    let mut text = String::new();
    for (name, source) in Scenario::builtins() {
        // The first comment of each says what it does, after its name.
        let first = source.lines().next().unwrap_or_default().trim_start_matches('#').trim();
        let about = first.split_once(": ").map_or(first, |(_, about)| about);
        let _ = writeln!(text, "{name:<9} {about}");
    }
    text + "\nPrint one: startline scenario show NAME. Use one: startline run --scenario NAME --target URL.\n"
}

fn source_of(name: &str) -> Result<String> {
    if let Some(source) = Scenario::builtin(name) {
        return Ok(source.to_owned());
    }
    let names: Vec<&str> = Scenario::builtins().iter().map(|(name, _)| *name).collect();
    bail!(
        "there is no built-in scenario \"{name}\"{}; built in: {}",
        crate::nearest::hint(name, &names),
        names.join(", ")
    );
}

fn new_file(out: &Path, force: bool) -> Result<String> {
    let mut options = fs::OpenOptions::new();
    options.write(true).truncate(true);
    // `create_new` checks and creates in one step: no file can come in between.
    if force {
        options.create(true)
    } else {
        options.create_new(true)
    };
    let mut file = match options.open(out) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{} already exists; use --force to overwrite", out.display());
        }
        opened => opened.with_context(|| format!("cannot write {}", out.display()))?,
    };
    file.write_all(TEMPLATE.as_bytes()).with_context(|| format!("cannot write {}", out.display()))?;
    Ok(format!("{0} is written; edit it, then: startline scenario check {0}\n", out.display()))
}

fn check(args: &CheckArgs) -> Result<String> {
    let mut settings = ScenarioSettings::find(&args.scenario)?;
    settings.set(&args.set);
    settings.set_from_files(&args.set_file);
    settings.read_files()?;
    let scenario = settings.compile()?;
    let mut text = String::new();
    entry(&mut text, "scenario", &format!("{} ({})", scenario.name, settings.file));
    let example = Example::of(&scenario);
    scenario.http.iter().for_each(|step| example.http_step(step, &mut text));
    if let Some(websocket) = &scenario.websocket {
        example.websocket(websocket, &mut text);
    }
    for criterion in &scenario.criteria {
        let good = match criterion.good {
            Good::AtMost => "≤",
            Good::AtLeast => "≥",
            Good::Below => "<",
        };
        let warn = criterion.warn.map_or(String::new(), |warn| format!(", warn up to {warn}"));
        entry(
            &mut text,
            "criterion",
            &format!("{}: {} {good} {}{warn}", criterion.name, criterion.measure, criterion.limit),
        );
    }
    // Not a session's: what startline prepare sends, after the steps that the look-up is after.
    for place in [&scenario.join, &scenario.leave].into_iter().flatten() {
        example.http_step(&place.step, &mut text);
    }
    let _ = writeln!(
        text,
        "\nThe scenario is valid. Values in < > come from the servers; the rest is rendered for member 13."
    );
    Ok(text)
}

/// A line under a heading of its own.
fn entry(text: &mut String, heading: &str, line: &str) {
    let _ = writeln!(text, "{heading:<10} {line}");
}

fn further(text: &mut String, line: &str) {
    entry(text, "", line);
}

/// Example values to render with.
struct Example<'s> {
    scenario: &'s Scenario,
    taken: Vec<String>,
}

impl<'s> Example<'s> {
    fn of(scenario: &'s Scenario) -> Self {
        Self { scenario, taken: scenario.value_names.iter().map(|name| format!("<{name}>")).collect() }
    }

    fn text(&self, template: &Template) -> String {
        let scope = Scope {
            member_id: MemberId(13),
            challenge_id: 1,
            session: SessionNumber(0),
            now_ms: jiff::Timestamp::now().as_millisecond().unsigned_abs(),
            held_ms: 30_000,
            sequence: 0,
            taken: &self.taken,
        };
        let mut out = Vec::new();
        // Taken values are examples: they are shown as such, secret or not.
        template.shown(|_| None).render(&scope, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    fn headers(&self, headers: &[(String, Template)], text: &mut String) {
        for (name, value) in headers {
            further(text, &format!("{name}: {}", self.text(value)));
        }
    }

    fn http_step(&self, step: &HttpStep, text: &mut String) {
        entry(text, &step.name, &format!("{} {}", step.method, self.text(&step.path)));
        self.headers(&step.headers, text);
        if let Some(body) = step.body.as_ref().map(|body| self.text(body)).filter(|body| !body.is_empty()) {
            further(text, &body);
        }
        let statuses: Vec<String> = step.expect.iter().map(u16::to_string).collect();
        let mut wanted = format!("expects {} within {}", statuses.join(" or "), duration_text(step.timeout));
        for take in &step.take {
            let name = &self.scenario.value_names[usize::from(take.value)];
            let _ = write!(wanted, "; takes {name} from {}", take.from);
        }
        further(text, &wanted);
    }

    fn websocket(&self, websocket: &WebSocket, text: &mut String) {
        entry(
            text,
            "connect",
            &format!("{} within {}", self.text(&websocket.url), duration_text(websocket.connect_timeout)),
        );
        self.headers(&websocket.headers, text);
        if self.scenario.cookies {
            further(text, "Cookie: as set by the answers");
        }
        if let Some(subprotocol) = &websocket.subprotocol {
            further(text, &format!("Sec-WebSocket-Protocol: {subprotocol}"));
        }
        let message = |text: &mut String, name: &str, template: &Option<Template>| {
            if let Some(template) = template {
                entry(text, name, &self.text(template));
            }
        };
        for step in &websocket.steps {
            self.step(step, websocket, text);
        }
        match websocket.steps.last() {
            Some(last) if last.name == "open" => {}
            Some(last) => entry(text, "open", &format!("when \"{}\" is done", last.name)),
            None => entry(text, "open", "at the 101"),
        }
        for every in &websocket.every {
            self.every(every, websocket, text);
        }
        message(text, "quit", &websocket.quit);
    }

    fn step(&self, step: &Step, websocket: &WebSocket, text: &mut String) {
        let awaits: Vec<String> = step.awaits.iter().map(|kind| kind_name(*kind, websocket)).collect();
        let timeout = duration_text(step.timeout);
        let mut awaited = match awaits.is_empty() {
            true => String::new(),
            false => format!("{}{} within {timeout}", awaits.join(" or "), self.whose(&step.whose)),
        };
        for (value, _) in &step.take {
            let _ = write!(awaited, "; takes {}", self.scenario.value_names[usize::from(*value)]);
        }
        match &step.send {
            Some(send) => {
                entry(text, &step.name, &self.text(send));
                if !awaited.is_empty() {
                    further(text, &format!("answered by {awaited}"));
                }
            }
            None => entry(text, &step.name, &format!("at {awaited}")),
        }
        if let Some(pause) = &step.pause {
            let (from, to) = (duration_text(*pause.start()), duration_text(*pause.end()));
            let pause = if from == to { from } else { format!("{from} to {to}") };
            further(text, &format!("after a pause of {pause}"));
        }
    }

    fn every(&self, every: &Every, websocket: &WebSocket, text: &mut String) {
        entry(text, &every.name, &self.text(&every.send));
        let mut line = format!("every {}", every.interval);
        let by = match &every.reply {
            Reply::None => None,
            Reply::Same => Some("the same message".to_owned()),
            Reply::Pong => Some("its Pong".to_owned()),
            Reply::Kind { kind, whose } => {
                Some(format!("{}{}", kind_name(*kind, websocket), self.whose(whose)))
            }
        };
        if let Some(by) = by {
            let _ = write!(line, ", answered by {by} within {}", duration_text(every.timeout));
        }
        if every.share < 1.0 {
            let _ = write!(line, ", by {} % of the sessions", every.share * 100.0);
        }
        if let Some(times) = every.times {
            let _ = write!(line, ", {times} time{} at most", if times == 1 { "" } else { "s" });
        }
        if !every.on {
            let _ = write!(line, "; off until --every {}=on", every.name);
        }
        further(text, &line);
    }

    fn whose(&self, whose: &Whose) -> String {
        match whose {
            Whose::Any => String::new(),
            Whose::Equals { equals, .. } => format!(" with {} in it", self.text(equals)),
            Whose::Starts { starts, .. } => format!(" that begins with {}", self.text(starts)),
        }
    }
}

fn kind_name(kind: MessageType, websocket: &WebSocket) -> String {
    websocket.kinds.names().nth(usize::from(kind.0)).map_or_else(String::new, |name| format!("\"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(scenario: &str) -> String {
        let args = CheckArgs { scenario: scenario.to_owned(), set: Vec::new(), set_file: Vec::new() };
        check(&args).expect("it compiles")
    }

    #[test]
    fn every_built_in_scenario_passes_its_check() {
        for (name, _) in Scenario::builtins() {
            assert!(checked(name).contains("The scenario is valid"), "{name}");
            assert!(list().contains(&format!("{name} ")), "{name} is listed");
        }
    }

    #[test]
    fn a_check_shows_what_is_sent() {
        let text = checked("chat");
        for line in [
            "login      POST /login\n",
            "           user=runner13&password=load-test\n",
            "           expects 200 or 204 or 302 or 303 within 10s; takes csrf from header:X-CSRF-Token\n",
            "           X-CSRF-Token: <csrf>\n",
            "           Sec-WebSocket-Protocol: chat.v1\n",
            "join       {\"type\":\"join\",\"room\":\"lobby\",\"as\":\"runner13\"}\n",
            "           answered by \"welcome\" within 10s\n",
            "open       when \"join\" is done\n",
            "           every 10s, answered by \"said\" with 0-0 in it within 2s\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_check_shows_how_places_are_taken_and_given_up() {
        let text = checked("runnity");
        assert!(text.contains("join       POST /api/v1/challenges/1/join\n"), "{text}");
        assert!(text.contains("leave      DELETE /api/v1/challenges/1/join\n"), "{text}");
    }

    #[test]
    fn the_template_passes_its_check() {
        let temp = tempfile::tempdir().expect("a directory");
        let file = temp.path().join("new.toml");
        new_file(&file, false).expect("written");
        assert!(checked(&file.display().to_string()).contains("The scenario is valid"));
        let refused = new_file(&file, false).expect_err("it exists").to_string();
        assert!(refused.ends_with("already exists; use --force to overwrite"), "{refused}");
        new_file(&file, true).expect("overwritten");
    }

    #[test]
    fn an_unknown_name_is_told_what_there_is() {
        let refused = source_of("ecko").expect_err("unknown").to_string();
        assert_eq!(
            refused,
            "there is no built-in scenario \"ecko\"; did you mean \"echo\"?; built in: runnity, echo, chat"
        );
    }
}
