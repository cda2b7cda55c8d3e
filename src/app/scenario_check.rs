//! `startline scenario check`: what a scenario's sessions send and await, and what may be a mistake.
//!
//! Opens no connection. Invariant: what is shown of requests and messages is rendered by the templates
//! that a run renders.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use startline_os::units::{duration_text, grouped};
use textwrap::core::display_width;

use super::settings::member_files;
use crate::cli::scenario::CheckArgs;
use crate::foreign;
use crate::measure::{ENTERED, LEFT};
use crate::members::{MemberId, Members, SessionNumber};
use crate::numbers::bytes;
use crate::plan::ScenarioSettings;
use crate::plan::load::{Load, Shape};
use crate::plan::member_files::{self, MemberFile, Wanted};
use crate::scenario::every::{Every, Reply};
use crate::scenario::kinds::{Kind, Kinds, PlaceIndex};
use crate::scenario::mix;
use crate::scenario::steps::{Step, Whose};
use crate::scenario::template::{MustBe, Scope, Taken, Template, Used};
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
/// Columns of the headings, with the space behind them.
const COLUMN_MIN: usize = 11;
const COLUMN_MAX: usize = 24;
/// A secure session's secrets and counters, with AES-128.
const TLS_BYTES: usize = 76;
/// Characters shown of a request's or a message's text.
const TEXT_CHARS_MAX: usize = 240;

/// Checks a scenario, and shows it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(args: &CheckArgs) -> Result<String> {
    let (file, source) = Scenario::find(&args.scenario)?;
    match mix::read(&file, &source)? {
        Some(mix) => of_mix::check(args, &file, &mix),
        None => check_one(args),
    }
}

fn check_one(args: &CheckArgs) -> Result<String> {
    let mut settings = ScenarioSettings::find(&args.scenario)?;
    settings.set(&args.set);
    settings.set_from_files(&args.set_file);
    settings.read_files()?;
    let files = member_files(args.members.iter().map(PathBuf::as_path))?;
    settings.header = (!files.is_empty()).then(|| member_files::header(&files)).transpose()?;
    let scenario = settings.compile()?;
    let members = first_member(&files, &settings, &scenario)?;
    let mut text = Listing::new();
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
    let mut text = laid_out(&text);
    if scenario.websocket.as_ref().is_some_and(|websocket| !websocket.shows_acceptance()) {
        text.push_str(UNCONFIRMED);
    }
    let member = members.name_of(SessionNumber(0));
    let _ = writeln!(
        text,
        "\nThe scenario is valid. Values in < > come from the servers; the rest is rendered for member {}.",
        foreign::escaped_line(&member.to_string(), TEXT_CHARS_MAX)
    );
    if text.contains('‹') {
        text.push_str("Values in ‹ › are secret: docs/scenarios.md says which are.\n");
    }
    Ok(text)
}

/// What a session keeps, and what may be a mistake.
fn notes(scenario: &Scenario, text: &mut Listing) {
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
    scenario.doubts.iter().for_each(|line| entry(text, "warning", line));
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

/// What is shown: headings, and the text beside each.
type Listing = Vec<(String, String)>;

/// A line under a heading of its own.
fn entry(text: &mut Listing, heading: &str, line: &str) {
    text.push((heading.to_owned(), line.to_owned()));
}

/// Bytes that a terminal would obey or hide, as escapes: binary messages have them.
fn visible(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' => c.to_string(),
        c if c.is_control() => format!("\\x{:02x}", u32::from(c)),
        c => c.to_string(),
    };
    foreign::shown(&text.chars().map(shown).collect::<String>())
}

/// The headings in a column, and beside it the texts, whose own lines go on under their first.
fn laid_out(listing: &Listing) -> String {
    let longest = listing.iter().map(|(heading, _)| display_width(heading)).max().unwrap_or_default();
    // What stands alone in its line is told from the lines below it by two spaces at least.
    let column = (longest + 2).clamp(COLUMN_MIN, COLUMN_MAX);
    let mut text = String::new();
    for (heading, line) in listing {
        // A message of spaces and line ends alone would not be seen.
        let line = if line.trim().is_empty() { format!("{line:?}") } else { visible(line.trim_end()) };
        for (k, part) in line.split('\n').enumerate() {
            let heading = if k == 0 { heading } else { "" };
            let gap = column.saturating_sub(display_width(heading)).max(2);
            let _ = writeln!(text, "{}", format!("{heading}{}{part}", " ".repeat(gap)).trim_end());
        }
    }
    text
}

fn further(text: &mut Listing, line: &str) {
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
        let is_placeholder =
            |used: &Used| used.must_be != MustBe::Any && usize::from(used.value) < self.scenario.takes;
        let is_text = !shown.values().iter().any(is_placeholder) || !self.is_binary();
        match foreign::text(&out).filter(|_| is_text) {
            Some(text) => text.to_owned(),
            None => self.bytes(&shown, &scope),
        }
    }

    fn is_binary(&self) -> bool {
        self.scenario.websocket.as_ref().is_some_and(|websocket| websocket.kinds.is_binary)
    }

    /// A message's bytes with what is text in them, and the names of values from servers between them.
    fn bytes(&self, template: &Template, scope: &Scope<'_>) -> String {
        let (mut shown, mut out) = (Vec::new(), Vec::new());
        let is_taken = |used: &Used| usize::from(used.value) < self.scenario.takes;
        for part in &template.parts {
            let part = Template::of([part.clone()]);
            match part.values().into_iter().find(is_taken) {
                Some(used) => {
                    shown.push(foreign::mixed(&std::mem::take(&mut out)));
                    shown.push(format!("<{}>", self.scenario.value_names[usize::from(used.value)]));
                }
                None => part.render(scope, &mut out),
            }
        }
        shown.push(foreign::mixed(&out));
        shown.retain(|piece| !piece.is_empty());
        shown.join(" ")
    }

    fn headers(&self, headers: &[(String, Template)], text: &mut Listing) {
        for (name, value) in headers {
            further(text, &format!("{name}: {}", self.text(value)));
        }
    }

    fn http_step(&self, step: &HttpStep, text: &mut Listing) {
        entry(text, &step.name, &format!("{} {}", step.method, self.text(&step.path)));
        self.request(step, text);
    }

    /// A request behind its first line, and what is wanted of its answer.
    fn request(&self, step: &HttpStep, text: &mut Listing) {
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

    fn websocket(&self, websocket: &WebSocket, text: &mut Listing) {
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
        if websocket.deflate {
            further(text, "Sec-WebSocket-Extensions: permessage-deflate; what is sent goes uncompressed");
        }
        let message = |text: &mut Listing, name: &str, template: &Option<Template>| {
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
        self.kinds(&websocket.kinds, text);
        propagation(websocket, text);
        message(text, "quit", &websocket.quit);
    }

    fn step(&self, step: &Step, websocket: &WebSocket, text: &mut Listing) {
        let awaits: Vec<String> = step.awaits.iter().map(|kind| kind_name(*kind, websocket)).collect();
        let timeout = duration_text(step.timeout);
        let mut awaited = match awaits.is_empty() {
            true => String::new(),
            false => format!("{}{} within {timeout}", awaits.join(" or "), self.whose(&step.whose)),
        };
        for (value, _) in &step.take {
            let _ = write!(awaited, "; takes {}", self.scenario.value_names[usize::from(*value)]);
        }
        match (&step.send, &step.request) {
            (Some(send), _) => {
                entry(text, &step.name, &self.text(send));
                if !awaited.is_empty() {
                    further(text, &format!("answered by {awaited}"));
                }
            }
            (None, Some(request)) => {
                self.http_step(request, text);
                if !awaited.is_empty() {
                    further(text, &format!("awaits {awaited}, before the answer or after it"));
                }
            }
            (None, None) => entry(text, &step.name, &format!("at {awaited}")),
        }
        if step.enters {
            further(text, &format!("with it members enter: the others are told by {}", entries(websocket)));
        }
        if let Some(pause) = &step.pause {
            let (from, to) = (duration_text(*pause.start()), duration_text(*pause.end()));
            let pause = if from == to { from } else { format!("{from} to {to}") };
            further(text, &format!("after a pause of {pause}"));
        }
    }

    fn every(&self, every: &Every, websocket: &WebSocket, text: &mut Listing) {
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
        if every.finish.is_some() {
            line += ", until one says finish_km: the session has finished then, and closes";
        }
        if !every.on {
            let _ = write!(line, "; off until --every {}=on", every.name);
        }
        further(text, &line);
        let tells = |kind: &&Kind| {
            kind.broadcast.is_some_and(|(it, _)| websocket.every[it.index()].name == every.name)
        };
        let kind = websocket.kinds.kinds.iter().find(tells);
        if let Some((kind, equals)) = kind.zip(every.broadcast.as_ref()) {
            let value = self.text(equals);
            further(text, &format!("the others are told by \"{}\" with \"{value}\" in it", kind.name));
            further(text, &cost_of_telling(every));
        }
    }

    fn whose(&self, whose: &Whose) -> String {
        match whose {
            Whose::Any => String::new(),
            Whose::Equals { equals, .. } => format!(" with \"{}\" in it", self.text(equals)),
            Whose::Starts { starts, .. } => format!(" that begins with \"{}\"", self.text(starts)),
        }
    }

    /// The kinds of messages in the order in which they are tried, each with its rule and what is done
    /// with its records.
    fn kinds(&self, kinds: &Kinds, text: &mut Listing) {
        let longest = kinds.names().map(|name| name.chars().count()).max().unwrap_or_default();
        for (index, kind) in kinds.kinds.iter().enumerate() {
            let meaning = match kind.role {
                Role::Error => "; an error",
                Role::Entered => "; a member has entered",
                Role::Left => "; a member has left",
                Role::Updated => "; a member's progress",
                Role::Information => "",
            };
            let rule = kinds.rule_text(MessageType(index as u8));
            let line = format!("{:<longest$}  {rule}{meaning}", kind.name);
            entry(text, if index == 0 { "messages" } else { "" }, &line);
            for line in self.uses(kind, kinds) {
                further(text, &format!("{:longest$}    {line}", ""));
            }
        }
        if longest > 0 {
            further(text, &format!("{:<longest$}  matches none of these, in this order", "other"));
        }
    }

    /// What is done with a kind's records beyond counting them.
    fn uses(&self, kind: &Kind, kinds: &Kinds) -> Vec<String> {
        let name = |value: &u8| self.scenario.value_names[usize::from(*value)].as_str();
        let take = |(value, at): &(u8, PlaceIndex)| {
            format!("; takes {} from {}", name(value), kinds.place_text(*at))
        };
        let answer = kind.answer.as_ref().map(|answer| {
            let takes: String = kind.take.iter().map(take).collect();
            format!("answered with {}{takes}", self.text(answer))
        });
        let age = kind.sent_at.map(|sent_at| {
            format!("age from {} ({} since 1970)", kinds.place_text(sent_at.place), sent_at.unit())
        });
        let number = kind.sequence.map(|(at, _)| format!("numbered by {}", kinds.place_text(at)));
        [answer, age, number].into_iter().flatten().collect()
    }
}

/// What it costs that the server tells all others of a message.
fn cost_of_telling(every: &Every) -> String {
    let each_per_s = every.share / every.interval.mean().as_secs_f64();
    let shape = Shape::of_ramp(&[TOLD_SESSIONS], Duration::ZERO, Duration::ZERO).telling(each_per_s);
    let load = Load::predict(&shape);
    let whole = |per_s: f64| per_s.round() as u64;
    format!(
        "{} sessions in one challenge send {} of them a second and receive {}, about {}/s",
        grouped(TOLD_SESSIONS),
        grouped(whole(load.records_per_s)),
        grouped(whole(load.hold_per_s)),
        bytes(whole(load.hold_bytes_per_s)),
    )
}

/// The sessions of the example.
const TOLD_SESSIONS: u64 = 1_000;

/// What is announced to the others, and from when on its way to them is timed.
fn propagation(websocket: &WebSocket, text: &mut Listing) {
    let entered = websocket.steps.iter().find(|step| step.enters);
    let from = |name: &str| match (name, entered) {
        (ENTERED, Some(step)) => format!("{name} from \"{}\"", step.name),
        (ENTERED, None) => format!("{name} from the upgrade"),
        (LEFT, _) => format!("{name} from the close frame"),
        _ => format!("{name} from its message"),
    };
    let all: Vec<String> = websocket.announced().into_iter().map(from).collect();
    if !all.is_empty() {
        entry(text, "timed", &format!("the way to the others: {}", all.join(", ")));
    }
}

/// The kinds that announce entries.
fn entries(websocket: &WebSocket) -> String {
    let kinds = websocket.kinds.kinds.iter().filter(|kind| kind.role == Role::Entered);
    kinds.map(|kind| format!("\"{}\"", kind.name)).collect::<Vec<_>>().join(" or ")
}

/// What a session costs while it is held.
fn cost(scenario: &Scenario, text: &mut Listing) {
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

mod of_mix;
#[cfg(test)]
pub(super) mod tests;
