//! `startline scenario check`: what a scenario's sessions send and await, and what may be a mistake.
//!
//! Opens no connection. Invariant: what is shown of requests and messages is rendered by the templates
//! that a run renders.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use startline_os::units::duration_text;

use super::settings::member_files;
use crate::cli::scenario::CheckArgs;
use crate::foreign;
use crate::members::{MemberId, Members, SessionNumber};
use crate::plan::ScenarioSettings;
use crate::plan::member_files::{self, MemberFile, Wanted};
use crate::scenario::every::{Every, Reply};
use crate::scenario::kinds::Kinds;
use crate::scenario::steps::{Step, Whose};
use crate::scenario::template::{MustBe, Part, Scope, Taken, Template};
use crate::scenario::{Good, HttpStep, MessageType, Role, Scenario, WebSocket};
use crate::session::{PLACE_BYTES, Rhythm, Session, Side};

/// What is said of a scenario in which a server need not do more than upgrade.
const UNCONFIRMED: &str = "
warning: nothing shows that the server accepted the session: no step awaits a
  message, and no heartbeat is answered by one. Await what the server sends
  once it has accepted a session: [[websocket.steps]] with await = \"KIND\".
";
/// A held session's socket: its descriptor.
const SOCKET_BYTES: usize = 4;
/// A secure session's secrets and counters, with AES-128.
const TLS_BYTES: usize = 76;
/// Checks a scenario, and shows it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(args: &CheckArgs) -> Result<String> {
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
        cost(&scenario, &mut text);
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
    if scenario.websocket.as_ref().is_some_and(|websocket| !websocket.shows_acceptance()) {
        text.push_str(UNCONFIRMED);
    }
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
        let shown = template.shown(|index| (!is_shown(index)).then(|| secrets.name_of(index)));
        shown.render(&scope, &mut out);
        let is_text = !shown.values().iter().any(|used| used.must_be != MustBe::Any) || !self.is_binary();
        match foreign::text(&out).filter(|_| is_text) {
            Some(text) => text.to_owned(),
            None => self.bytes(&shown, &scope),
        }
    }

    fn is_binary(&self) -> bool {
        self.scenario.websocket.as_ref().is_some_and(|websocket| websocket.kinds.is_binary)
    }

    /// A message's bytes, with the names of the values that stand between them.
    fn bytes(&self, template: &Template, scope: &Scope<'_>) -> String {
        let piece = |part: &Part| {
            let part = Template::of([part.clone()]);
            match part.values().first() {
                Some(used) => format!("<{}>", self.scenario.value_names[usize::from(used.value)]),
                None => {
                    let mut out = Vec::new();
                    part.render(scope, &mut out);
                    foreign::hex(&out)
                }
            }
        };
        template.parts.iter().map(piece).collect::<Vec<_>>().join(" ")
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
            further(text, &follows(step.follow));
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
        kinds(&websocket.kinds, text);
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

/// The kinds of messages in the order in which they are tried, each with its rule.
fn kinds(kinds: &Kinds, text: &mut String) {
    let longest = kinds.names().map(|name| name.chars().count()).max().unwrap_or_default();
    for (index, name) in kinds.names().enumerate() {
        let kind = MessageType(index as u8);
        let meaning = match kinds.role(kind) {
            Some(Role::Error) => "; an error",
            Some(Role::Entered) => "; a member has entered",
            Some(Role::Left) => "; a member has left",
            Some(Role::Updated) => "; a member's progress",
            Some(Role::Information) | None => "",
        };
        let line = format!("{name:<longest$}  {}{meaning}", kinds.rule_text(kind));
        entry(text, if index == 0 { "messages" } else { "" }, &line);
    }
    if longest > 0 {
        further(text, &format!("{:<longest$}  matches none of these, in this order", "other"));
    }
}

/// What a session costs while it is held.
fn cost(scenario: &Scenario, text: &mut String) {
    let beside = Side::bytes_a_session(scenario, &Rhythm::of(scenario, 0));
    let all = size_of::<Session>() + SOCKET_BYTES + beside;
    let own = if beside > 0 { format!(", {beside} of them for this scenario") } else { String::new() };
    entry(text, "held", &format!("{all} bytes a session{own}; {TLS_BYTES} more with TLS"));
}

fn kind_name(kind: MessageType, websocket: &WebSocket) -> String {
    websocket.kinds.names().nth(usize::from(kind.0)).map_or_else(String::new, |name| format!("\"{name}\""))
}

fn follows(redirects: u8) -> String {
    match redirects {
        1 => "follows 1 redirect".to_owned(),
        most => format!("follows up to {most} redirects"),
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
    fn redirects_are_counted_in_words() {
        assert_eq!(follows(1), "follows 1 redirect");
        assert_eq!(follows(3), "follows up to 3 redirects");
    }

    #[test]
    fn every_built_in_scenario_passes_its_check() {
        for (name, _) in Scenario::builtins() {
            assert!(checked(name).contains("The scenario is valid"), "{name}");
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
            "join       {\"type\":\"join\",\"room\":\"‹room›\",\"as\":\"runner13\"}\n",
            "           answered by \"welcome\" within 10s\n",
            "open       when \"join\" is done\n",
            "           every 10s, answered by \"said\" with 0-0 in it within 2s\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_check_shows_kinds_in_their_order_and_what_a_held_session_costs() {
        let text = checked("runnity");
        let kinds = "\
messages   CONNECTED           /type = \"CONNECTED\"
           USER_ENTERED        /type = \"USER_ENTERED\"; a member has entered
           USER_LEFT           /type = \"USER_LEFT\"; a member has left
           PARTICIPANT_UPDATE  /type = \"PARTICIPANT_UPDATE\"; a member's progress
           PONG                /type = \"PONG\"
           ERROR               /type = \"ERROR\"; an error
           other               matches none of these, in this order
";
        assert!(text.contains(kinds), "{text}");
        assert!(text.contains("held       32 bytes a session; 76 more with TLS\n"), "{text}");
        assert!(!text.contains("nothing shows"), "{text}");
    }

    #[test]
    fn a_check_warns_where_nothing_shows_that_the_server_accepted_the_session() {
        let unconfirmed = "warning: nothing shows that the server accepted the session";
        assert!(checked("plain").contains(unconfirmed));
        for name in ["runnity", "echo", "chat"] {
            assert!(!checked(name).contains(unconfirmed), "{name}");
        }
    }

    #[test]
    fn a_check_shows_how_places_are_taken_and_given_up() {
        let text = checked("runnity");
        assert!(text.contains("join       POST /api/v1/challenges/1/join\n"), "{text}");
        assert!(text.contains("leave      DELETE /api/v1/challenges/1/join\n"), "{text}");
    }
}
