//! `startline scenario`: checks a scenario, shows the built-in ones, starts a new one.
//!
//! Opens no connection. Invariant: what is shown of requests and messages is rendered by the templates that a run
//! renders.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use startline_os::units::duration_text;
use startline_protocol::scan;

use super::settings::member_files;
use crate::cli::scenario::{CheckArgs, NewArgs, ScenarioArgs, ScenarioCommand};
use crate::members::{MemberId, Members, SessionNumber};
use crate::plan::ScenarioSettings;
use crate::plan::member_files::{self, MemberFile, Wanted};
use crate::scenario::template::{Scope, Taken, Template};
use crate::scenario::{Good, HttpStep, Ping, Reply, Role, Scenario, WebSocket};
use crate::session::PLACE_BYTES;

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
    let files = member_files(args.members.iter().map(PathBuf::as_path))?;
    settings.header = (!files.is_empty()).then(|| member_files::header(&files)).transpose()?;
    let scenario = settings.compile()?;
    let members = first_member(&files, &settings, &scenario)?;
    let mut text = String::new();
    entry(&mut text, "scenario", &format!("{} ({})", scenario.name, settings.file));
    let example = Example::of(&scenario, &members);
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
    notes(&scenario, &mut text);
    let member = members.name_of(SessionNumber(0));
    let _ = writeln!(
        text,
        "\nThe scenario is valid. Values in < > come from the servers; the rest is rendered for member {member}."
    );
    Ok(text)
}

/// What a session keeps, and what may be a mistake.
fn notes(scenario: &Scenario, text: &mut String) {
    if !scenario.kept.is_empty() {
        let names: Vec<&str> =
            scenario.kept.iter().map(|index| scenario.value_names[usize::from(*index)].as_str()).collect();
        let bytes = PLACE_BYTES + 2 * names.len();
        let line = format!("{} after open: {bytes} bytes a session and the text itself", names.join(", "));
        entry(text, "keeps", &line);
    }
    if !scenario.literal_braces.is_empty() {
        let line = format!(
            "{}: no variable, taken value or column of --members has that name",
            scenario.literal_braces.join(" ")
        );
        entry(text, "as written", &line);
    }
}

/// The member that values are shown for: the first of the files, if there are any.
fn first_member(files: &[MemberFile], settings: &ScenarioSettings, scenario: &Scenario) -> Result<Members> {
    let Some(header) = settings.header.as_ref() else {
        return Ok(Members::range(MemberId(13), 1, 1));
    };
    let wanted = Wanted { challenge: None, otherwise: Some(1), used: &scenario.columns };
    let (roster, rows) = member_files::read_rows(files, header, wanted)?;
    if roster.is_empty() {
        bail!("--members: there are none in {}", files[0].name);
    }
    Ok(roster.members()?.with_rows(Arc::new(rows)))
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
    members: &'s Members,
    taken: Vec<String>,
}

impl<'s> Example<'s> {
    fn of(scenario: &'s Scenario, members: &'s Members) -> Self {
        let names = scenario.value_names.iter().take(scenario.takes);
        Self { scenario, members, taken: names.map(|name| format!("<{name}>")).collect() }
    }

    fn text(&self, template: &Template) -> String {
        let scope = Scope {
            member_id: self.members.id(SessionNumber(0)),
            challenge_id: self.members.challenge(SessionNumber(0)),
            session: SessionNumber(0),
            members: Some(self.members),
            now_ms: jiff::Timestamp::now().as_millisecond().unsigned_abs(),
            held_ms: 30_000,
            sequence: 0,
            taken: Taken::All(&self.taken),
            ..Scope::default()
        };
        let mut out = Vec::new();
        // Taken values are examples: they are shown as such, secret or not.
        let secrets = &self.scenario.secrets;
        let is_shown = |index: u8| usize::from(index) < self.scenario.takes || !secrets.is_taken(index);
        template.shown(|index| (!is_shown(index)).then(|| secrets.name_of(index))).render(&scope, &mut out);
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
        if step.follow > 0 {
            further(text, &format!("follows up to {} redirects", step.follow));
        }
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
        if !websocket.subprotocols.is_empty() {
            let offered: Vec<String> = websocket.subprotocols.iter().map(|it| self.text(it)).collect();
            further(text, &format!("Sec-WebSocket-Protocol: {}", offered.join(", ")));
        }
        let message = |text: &mut String, name: &str, template: &Option<Template>| {
            if let Some(template) = template {
                entry(text, name, &self.text(template));
            }
        };
        message(text, "hello", &websocket.hello);
        match websocket.open {
            Some(open) => {
                let name = &websocket.messages[usize::from(open.0)].name;
                entry(
                    text,
                    "open",
                    &format!("at \"{name}\" within {}", duration_text(websocket.open_timeout)),
                );
            }
            None => entry(text, "open", "at the 101"),
        }
        if let Some(ping) = &websocket.ping {
            self.ping(ping, websocket, text);
        }
        message(text, "record", &websocket.record);
        message(text, "quit", &websocket.quit);
    }

    fn ping(&self, ping: &Ping, websocket: &WebSocket, text: &mut String) {
        entry(text, "ping", &self.text(&ping.message));
        let reply = websocket.messages.iter().find(|rule| rule.role == Role::Reply);
        let by = match (&ping.reply, reply) {
            (Reply::Matching { path, equals }, Some(rule)) => {
                let place = match &websocket.paths[usize::from(*path)] {
                    scan::Path::Member(name) => name.clone(),
                    scan::Path::EachMember { array, member } => format!("{array}/*/{member}"),
                };
                format!("by \"{}\" with /{place} = {}", rule.name, self.text(equals))
            }
            (_, Some(rule)) => format!("by \"{}\"", rule.name),
            (_, None) => "by the same message".to_owned(),
        };
        let (interval, timeout) = (duration_text(ping.interval), duration_text(ping.timeout));
        further(text, &format!("every {interval}, answered {by} within {timeout}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(scenario: &str) -> String {
        let args = CheckArgs {
            scenario: scenario.to_owned(),
            set: Vec::new(),
            set_file: Vec::new(),
            members: Vec::new(),
        };
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
            "hello      {\"type\":\"join\",\"room\":\"‹room›\",\"as\":\"runner13\"}\n",
            "open       at \"welcome\" within 10s\n",
            "           every 10s, answered by \"said\" with /id = 0-0 within 2s\n",
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
