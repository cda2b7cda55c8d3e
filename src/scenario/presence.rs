//! Compiles `[websocket.presence]`: who is announced, and who is listed.
//!
//! Knows no way in which a kind is known. Invariant: a scenario that announces members says where
//! their ids are, and one that says so announces some.

use startline_protocol::matching::Pointer;

use super::document::Section;
use super::kinds::{Kind, Kinds};
use super::names::{Moment, Unknown, Vocabulary};
use super::request::{DELAY_MAX, Result, compiled};
pub use super::subject::Subject;
use super::template::Part;
use super::{MessageType, Role};
use crate::nearest;

pub(super) const PRESENCE_KEYS: [&str; 4] = ["subject", "subject_equals", "listed", "left_within"];
pub(super) const LISTED_KEYS: [&str; 2] = ["kind", "at"];

/// Which messages members get about each other, by the scenario's kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Who is in already, as one enters.
    pub listed: bool,
    /// Who enters after that.
    pub entered: bool,
    /// Who leaves.
    pub left: bool,
}

impl Told {
    /// All of it, as Runnity's members are.
    pub const ALL: Self = Self { listed: true, entered: true, left: true };

    /// Returns whether there is anything to keep a ledger of.
    pub fn is_any(self) -> bool {
        self.listed || self.entered || self.left
    }

    /// Returns whether of any two members each learns of the other.
    pub fn is_of_everyone(self) -> bool {
        self.listed && self.entered
    }
}

impl Kinds {
    /// Returns which messages members get about each other.
    pub fn told(&self) -> Told {
        let is_there = |role: Role| self.kinds.iter().any(|kind| kind.role == role);
        Told { listed: self.listing.is_some(), entered: is_there(Role::Entered), left: is_there(Role::Left) }
    }
}

/// Compiles `[websocket.presence]`, if there is one.
pub(super) fn compile(section: &Section<'_>, kinds: &mut Kinds, vocabulary: &Vocabulary) -> Result<()> {
    let announces = |kind: &&Kind| matches!(kind.role, Role::Entered | Role::Left | Role::Updated);
    let announcement = kinds.kinds.iter().find(announces);
    let Some(presence) = section.section("presence", "[websocket.presence]", &PRESENCE_KEYS)? else {
        return match announcement {
            Some(kind) => {
                let message = format!(
                    "\"{}\" announces a member, and there is no [websocket.presence] to say where its id is",
                    kind.name
                );
                Err(section.error("messages", section.place("messages"), message))
            }
            None => Ok(()),
        };
    };
    if announcement.is_none() {
        let message = "no message in [websocket.messages] has the role \"entered\", \"left\" or \"updated\"";
        return Err(presence.own_error(message));
    }
    let subject = presence.required_text("subject")?;
    let all = kinds.kinds.iter().enumerate().filter(|(_, kind)| announces(kind));
    let announcing: Vec<MessageType> = all.map(|(index, _)| MessageType(index as u8)).collect();
    let at = kinds.at(&presence, "subject", &announcing, &subject)?;
    kinds.left_within = presence.delay("left_within", DELAY_MAX)?.unwrap_or_default();
    kinds.subject = Some(Subject::new(at, around(&presence, vocabulary)?));
    if presence.is_text("listed")
        && let Some(at) = presence.text("listed")?
    {
        let message = format!("it is written otherwise now: {{ kind = \"NAME\", at = \"{}\" }}", at.value);
        return Err(presence.error("listed", at.span, message));
    }
    match presence.section("listed", "listed in [websocket.presence]", &LISTED_KEYS)? {
        Some(listed) => listing(&listed, kinds),
        None => Ok(()),
    }
}

/// What stands before and behind a member's id: the constants of `subject_equals`.
fn around(presence: &Section<'_>, vocabulary: &Vocabulary) -> Result<(Box<str>, Box<str>)> {
    if !presence.has("subject_equals") {
        return Ok(Default::default());
    }
    let text = presence.required_text("subject_equals")?;
    let template = compiled(
        presence,
        "subject_equals",
        &text,
        vocabulary,
        Moment::Message { name: "subject" },
        Unknown::Text,
    )?;
    let (mut around, mut ids) = ([String::new(), String::new()], 0);
    for part in &template.parts {
        match part {
            Part::MemberId if ids == 0 => ids = 1,
            Part::Literal(bytes) => around[ids].push_str(&String::from_utf8_lossy(bytes)),
            _ => ids = 2,
        }
        if ids == 2 {
            break;
        }
    }
    if ids != 1 {
        let message = "it is text with one {member_id} in it, such as \"runner{member_id}\"";
        return Err(presence.error("subject_equals", text.span, message));
    }
    Ok(around.map(String::into_boxed_str).into())
}

/// The kind that lists members, and where their ids are in it.
fn listing(listed: &Section<'_>, kinds: &mut Kinds) -> Result<()> {
    let name = listed.required_text("kind")?;
    let Some(kind) = kinds.named(name.value) else {
        let names: Vec<&str> = kinds.names().collect();
        let message = format!("there is no kind \"{}\"{}", name.value, nearest::hint(name.value, &names));
        return Err(listed.error("kind", name.span, message));
    };
    let at = listed.required_text("at")?;
    let wrong = |why: String| listed.error("at", at.span.clone(), why);
    let pointer = Pointer::parse(at.value).map_err(|why| wrong(format!("\"{}\": {why}", at.value)))?;
    if pointer.tokens().iter().filter(|token| *token == "*").count() != 1 {
        return Err(wrong(format!(
            "\"{}\" has not one * for every element, as in \"/members/*/id\"",
            at.value
        )));
    }
    kinds.list(kind, pointer).map_err(wrong)
}
