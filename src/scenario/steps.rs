//! Compiles the steps after the upgrade: `[[websocket.steps]]`.
//!
//! Knows no session. Invariants: a step that awaits names kinds that exist, and places in them; a
//! step sends a message or makes an HTTP request beside the WebSocket, never both; the last step's
//! end is when a session is open.

use std::ops::RangeInclusive;
use std::time::Duration;

use startline_os::units;

use super::document::{Section, Text};
use super::kinds::{Kinds, PlaceIndex};
use super::names::{ErrorNames, Moment, Unknown, Vocabulary};
use super::request::{self, DELAY_MAX, HTTP_KEYS, Result, compiled};
use super::template::Template;
use super::{HttpStep, MessageType, NamedError, Role};
use crate::nearest;

/// Steps after the upgrade at most.
pub(crate) const STEPS_MAX: usize = 32;

/// Where the file gives none.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) const KEYS: [&str; 11] = [
    "name",
    "send",
    "request",
    "await",
    "reply_at",
    "reply_equals",
    "reply_starts",
    "timeout",
    "pause",
    "take",
    "broadcast",
];

/// The keys of a step's request: those of a request but its name and timeout, which are the step's.
pub(super) fn request_keys() -> Vec<&'static str> {
    HTTP_KEYS.into_iter().filter(|key| !["name", "timeout", "marks_member"].contains(key)).collect()
}

/// A step's request, if it makes one.
pub(super) fn request_section<'d>(section: &Section<'d>) -> Result<Option<Section<'d>>> {
    section.section("request", "request of [[websocket.steps]]", &request_keys())
}

/// One step: what is sent, and what has to come for the next.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name in results.
    pub name: String,
    /// The message; `None`: it only awaits.
    pub send: Option<Template>,
    /// An HTTP request that is made beside the WebSocket; the step ends once it is answered, too.
    pub request: Option<Box<HttpStep>>,
    /// Kinds of which one has to come; none: the step ends as it has sent.
    pub awaits: Vec<MessageType>,
    /// Which records of these kinds count.
    pub whose: Whose,
    /// From sending to the record.
    pub timeout: Duration,
    /// Before it sends.
    pub pause: Option<RangeInclusive<Duration>>,
    /// Values to take from the record, by index into [`super::Scenario::value_names`].
    pub take: Vec<(u8, PlaceIndex)>,
    /// With it the member enters: its server announces that to the others.
    pub enters: bool,
}

/// Which records of a kind are this session's own.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Each: they tell nothing of what they answer.
    Any,
    /// Those with exactly this at this place, rendered as the message was.
    Equals {
        /// Where.
        at: PlaceIndex,
        /// What.
        equals: Template,
    },
    /// Those that begin with this, or have a value that does.
    Starts {
        /// Where; `None`: the record itself.
        at: Option<PlaceIndex>,
        /// With what.
        starts: Template,
    },
}

/// Compiles all steps. `taken` says which values are there by then, and is kept up to date.
pub(super) fn compile(
    sections: &[Section<'_>],
    kinds: &mut Kinds,
    vocabulary: &Vocabulary,
    (shared, errors): (&[NamedError], &mut ErrorNames),
    taken: &mut [bool],
) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        if index == STEPS_MAX {
            return Err(section.own_error(format!("{STEPS_MAX} steps after the upgrade at most")));
        }
        let name = name(section)?;
        if name == "open" && sections.len() > 1 {
            let message =
                "\"open\" is from the 101 to the last step's end: only a single step can be called so";
            return Err(section.error("name", section.place("name"), message));
        }
        let step = step(section, name, kinds, vocabulary, (shared, errors), taken)?;
        if let Some(other) = steps.iter().find(|other: &&Step| step.enters && other.enters) {
            let message = format!("members enter with the step \"{}\" already", other.name);
            return Err(section.error("broadcast", section.place("broadcast"), message));
        }
        steps.push(step);
    }
    Ok(steps)
}

fn step(
    section: &Section<'_>,
    name: String,
    kinds: &mut Kinds,
    vocabulary: &Vocabulary,
    named: (&[NamedError], &mut ErrorNames),
    taken: &mut [bool],
) -> Result<Step> {
    let moment = Moment::Request { step: &name, taken };
    let send = match section.has("send") {
        true => Some(compiled(
            section,
            "send",
            &section.required_text("send")?,
            vocabulary,
            moment,
            Unknown::Text,
        )?),
        false => None,
    };
    let awaits = match section.has("await") {
        true => {
            let names = section.text_or_texts("await")?;
            names.iter().map(|name| kind(section, "await", name, kinds)).collect::<Result<Vec<_>>>()?
        }
        false => Vec::new(),
    };
    let mut request = request(section, &name, vocabulary, named, taken)?;
    match (&send, &request) {
        (Some(_), Some(_)) => {
            let message = "a step sends a message or makes a request: write two steps";
            return Err(section.error("request", section.place("request"), message));
        }
        (None, None) if awaits.is_empty() => {
            return Err(section.own_error("it does nothing: give \"send\", \"request\" or \"await\""));
        }
        _ => {}
    }
    let whose = whose(section, &awaits, kinds, vocabulary, moment)?;
    let needs_await = ["reply_at", "reply_equals", "reply_starts", "timeout", "take"];
    let needs_await = needs_await.into_iter().filter(|key| *key != "timeout" || request.is_none());
    if let Some(key) = needs_await.into_iter().find(|key| awaits.is_empty() && section.has(key)) {
        let why = match (&request, key) {
            (Some(_), "take") => {
                "the step awaits no message: what its answer says is taken by \"take\" of \"request\""
            }
            _ => "the step awaits nothing: give \"await\"",
        };
        return Err(section.error(key, section.place(key), why));
    }
    let timeout = section.delay("timeout", DELAY_MAX)?.unwrap_or(TIMEOUT);
    if let Some(request) = &mut request {
        request.timeout = timeout;
        request.take.iter().for_each(|take| taken[usize::from(take.value)] = true);
    }
    let mut take = Vec::new();
    for (name, at) in section.pairs("take", false)? {
        let place = kinds.place(&awaits, at.value);
        let place = place.map_err(|why| section.error(&format!("take.{}", name.value), at.span, why))?;
        if let Some(value) = vocabulary.values.position(name.value) {
            take.push((value, place));
            taken[usize::from(value)] = true;
        }
    }
    Ok(Step {
        enters: enters(section, send.is_some() || request.is_some(), kinds)?,
        send,
        request,
        awaits,
        whose,
        timeout,
        pause: pause(section)?,
        take,
        name,
    })
}

fn request(
    section: &Section<'_>,
    name: &str,
    vocabulary: &Vocabulary,
    (shared, errors): (&[NamedError], &mut ErrorNames),
    taken: &[bool],
) -> Result<Option<Box<HttpStep>>> {
    let Some(section) = request_section(section)? else { return Ok(None) };
    let request = request::compile(&section, name.to_owned(), vocabulary, taken, shared, errors)?;
    Ok(Some(Box::new(request)))
}

/// Whether `broadcast` says that members enter with this step.
fn enters(section: &Section<'_>, sends: bool, kinds: &Kinds) -> Result<bool> {
    let Some(text) = section.text("broadcast")? else { return Ok(false) };
    if !sends {
        return Err(section.error(
            "broadcast",
            text.span,
            "the step sends nothing: give \"send\" or \"request\"",
        ));
    }
    broadcast(section, &text, kinds, Role::Entered, "entered").map(|_| true)
}

/// The kind that `broadcast` names: by which the server tells the others of what was sent.
pub(super) fn broadcast(
    section: &Section<'_>,
    text: &Text<'_>,
    kinds: &Kinds,
    role: Role,
    role_name: &str,
) -> Result<MessageType> {
    let kind = kind(section, "broadcast", text, kinds)?;
    if kinds.role(kind) == Some(role) {
        return Ok(kind);
    }
    let message = format!("the kind \"{}\" needs the role \"{role_name}\" for that", text.value);
    Err(section.error("broadcast", text.span.clone(), message))
}

/// `"2s"` or `"1s..3s"`.
fn pause(section: &Section<'_>) -> Result<Option<RangeInclusive<Duration>>> {
    let Some(text) = section.text("pause")? else { return Ok(None) };
    let pause = match text.value.contains("..") {
        true => section.span("pause")?,
        false => section.delay("pause", DELAY_MAX)?.map(|pause| pause..=pause),
    };
    match pause {
        Some(pause) if *pause.end() > DELAY_MAX => {
            let longest = units::duration_text(DELAY_MAX);
            Err(section.error("pause", text.span, format!("it can be {longest} at most")))
        }
        pause => Ok(pause),
    }
}

/// A name of letters, digits, _ and -.
pub(super) fn name(section: &Section<'_>) -> Result<String> {
    let name = section.required_text("name")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.value.chars().all(plain) {
        let message = format!("\"{}\" is not a name here: letters, digits, _ and - only", name.value);
        return Err(section.error("name", name.span, message));
    }
    Ok(name.value.to_owned())
}

/// The kind of this name.
pub(super) fn kind(section: &Section<'_>, key: &str, name: &Text<'_>, kinds: &Kinds) -> Result<MessageType> {
    kinds.named(name.value).ok_or_else(|| {
        let names: Vec<&str> = kinds.names().collect();
        let hint = match names.is_empty() {
            true => ": there is no [websocket.messages]".to_owned(),
            false => nearest::hint(name.value, &names),
        };
        section.error(key, name.span.clone(), format!("there is no kind \"{}\"{hint}", name.value))
    })
}

/// What `reply_at`, `reply_equals` and `reply_starts` say.
pub(super) fn whose(
    section: &Section<'_>,
    awaits: &[MessageType],
    kinds: &mut Kinds,
    vocabulary: &Vocabulary,
    moment: Moment<'_>,
) -> Result<Whose> {
    let mut at = None;
    if let Some(place) = section.text("reply_at")? {
        let found = kinds.place(awaits, place.value);
        at = Some(found.map_err(|why| section.error("reply_at", place.span.clone(), why))?);
    }
    let template = |key: &str| -> Result<Option<Template>> {
        match section.has(key) {
            true => compiled(section, key, &section.required_text(key)?, vocabulary, moment, Unknown::Text)
                .map(Some),
            false => Ok(None),
        }
    };
    match (at, template("reply_equals")?, template("reply_starts")?) {
        (None, None, None) => Ok(Whose::Any),
        (Some(at), Some(equals), None) => Ok(Whose::Equals { at, equals }),
        (at, None, Some(starts)) => Ok(Whose::Starts { at, starts }),
        (Some(_), None, None) => {
            Err(section.own_error("\"reply_at\" goes with \"reply_equals\" or \"reply_starts\""))
        }
        (None, Some(_), None) => Err(section.own_error(
            "\"reply_equals\" goes with \"reply_at\"; for a message that is plain text use reply_starts, or a kind \
             with is = \"…\"",
        )),
        (_, Some(_), Some(_)) => Err(section.own_error("give one of \"reply_equals\" and \"reply_starts\"")),
    }
}
