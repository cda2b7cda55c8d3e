//! Compiles the kinds of messages: `[websocket.messages]`, presence and error codes.
//!
//! Knows nothing of steps and periodic messages but that they name kinds and places in them. How a
//! kind is known is `matches`. Invariants: what is declared is used: a presence without
//! announcements, an error code without an error message are refused, not ignored; no kind is hidden
//! by an earlier one.

use std::time::Duration;

use memchr::memmem::Finder;
use startline_protocol::matching::{
    Each, Elements, Matcher, Place, Pointer, RULES_MAX, Rule, VALUE_BYTES_MAX, Wanted,
};
use startline_protocol::websocket::Opcode;

use super::document::{Section, Text};
use super::index::EveryIndex;
pub use super::index::PlaceIndex;
use super::matches::{self, Known, Own};
use super::names::{ErrorNames, Moment, Unknown, Vocabulary};
use super::records;
use super::request::{Result, compiled, error_name, too_many};
use super::subject::Subject;
use super::template::Template;
use super::{MessageError, MessageType, Role};
use crate::{foreign, nearest};

pub(super) const KEYS: [&str; 8] =
    ["type_at", "body_after", "separator", "elements", "frames", "messages", "presence", "errors"];
pub(super) const KIND_KEYS: [&str; 12] = [
    "role",
    "is",
    "starts",
    "contains",
    "fields",
    "body_after",
    "code",
    "take",
    "answer",
    "sent_at",
    "sent_unit",
    "sequence",
];
pub(super) const ERROR_KEYS: [&str; 4] = ["code", "name", "blame", "ticket"];

/// Roles by the name that a scenario gives them.
pub(super) const ROLES: [(&str, Role); 5] = [
    ("error", Role::Error),
    ("entered", Role::Entered),
    ("left", Role::Left),
    ("updated", Role::Updated),
    ("information", Role::Information),
];

/// Kinds with `sent_at` at most: each has histograms.
pub const AGED_MAX: usize = 8;

/// Units of `sent_at`, each in nanoseconds.
const UNITS: [(&str, u64); 4] = [("ms", 1_000_000), ("s", 1_000_000_000), ("us", 1_000), ("ns", 1)];

/// A kind of messages.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// What it means to a session.
    pub role: Role,
    /// Where an error's code is.
    pub code: Option<PlaceIndex>,
    /// Of an error: the index into [`super::Scenario::error_names`] where no code says more.
    pub refused: Option<u8>,
    /// Values for its answer: an index into [`super::Scenario::value_names`], and where it is.
    pub take: Vec<(u8, PlaceIndex)>,
    /// What is sent at once when it comes.
    pub answer: Option<Template>,
    /// Values of setup that the answer uses.
    pub kept: Vec<u8>,
    /// When it was sent.
    pub sent_at: Option<SentAt>,
    /// Where its number is, and the index of the numbers that a session keeps.
    pub sequence: Option<(PlaceIndex, u8)>,
    /// Which periodic message it announces to the others, and where the value is that tells which time.
    pub broadcast: Option<(EveryIndex, PlaceIndex)>,
    /// How it is known, as the file would say it.
    text: String,
}

/// The instant at which a message was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentAt {
    /// Where it is: a number since 1970.
    pub place: PlaceIndex,
    /// Nanoseconds in its unit.
    pub unit_nanos: u64,
}

impl SentAt {
    /// The unit's name.
    pub fn unit(self) -> &'static str {
        UNITS.iter().find(|(_, nanos)| *nanos == self.unit_nanos).map_or("", |(name, _)| name)
    }
}

/// The kinds of messages that a scenario knows.
#[derive(Clone, Debug)]
pub struct Kinds {
    /// A kind's index here is its [`MessageType`], and its rule's in the matcher.
    pub kinds: Vec<Kind>,
    /// Finds a record's kind.
    pub matcher: Matcher,
    /// How entered, left and updated messages name a member.
    pub subject: Option<Subject>,
    /// How long servers may take to notice and announce that a connection was cut.
    pub left_within: Duration,
    /// The kind that lists members.
    pub listing: Option<MessageType>,
    /// Error codes.
    pub error_codes: Vec<MessageError>,
    /// What stands between two records of a message.
    pub separator: Option<Finder<'static>>,
    /// The array of a message whose elements are its records.
    pub elements: Option<Elements>,
    /// Whether messages are sent in binary frames.
    pub is_binary: bool,
    /// What fields equal that differs between sessions, in the order in which the matcher is told of it.
    pub own: Own,
    pub(crate) rules: Vec<Rule>,
    places: Vec<Wanted>,
    each: Option<Each>,
}

impl Kinds {
    /// The kind of this name.
    pub fn named(&self, name: &str) -> Option<MessageType> {
        self.kinds.iter().position(|kind| kind.name == name).map(|index| MessageType(index as u8))
    }

    /// The names of all kinds, in the file's order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|kind| kind.name.as_str())
    }

    /// A kind; `None` of [`MessageType::OTHER`].
    pub fn get(&self, kind: MessageType) -> Option<&Kind> {
        self.kinds.get(usize::from(kind.0))
    }

    /// What a kind means; `None` of [`MessageType::OTHER`].
    pub fn role(&self, kind: MessageType) -> Option<Role> {
        self.get(kind).map(|kind| kind.role)
    }

    /// How a kind is known, as the file would say it: `/type = "PONG"`.
    pub fn rule_text(&self, kind: MessageType) -> &str {
        self.get(kind).map_or("no other kind", |kind| &kind.text)
    }

    /// A place as the file has it.
    pub fn place_text(&self, place: PlaceIndex) -> String {
        match self.places.get(usize::from(place.0)).map(|wanted| &wanted.place) {
            Some(Place::Field(pointer)) => pointer.to_string(),
            Some(Place::After(text)) => match foreign::text(text) {
                Some(text) => format!("after:{text}"),
                None => format!("after:{{hex:{}}}", foreign::hex(text)),
            },
            Some(Place::Span(span)) => span.to_string(),
            None => String::new(),
        }
    }

    /// Whether members are announced.
    pub fn announces(&self) -> bool {
        self.subject.is_some()
    }

    /// The frames in which messages are sent.
    pub fn opcode(&self) -> Opcode {
        if self.is_binary { Opcode::Binary } else { Opcode::Text }
    }

    /// How many numbers of messages a session keeps.
    pub fn sequences(&self) -> usize {
        self.kinds.iter().filter(|kind| kind.sequence.is_some()).count()
    }

    /// A place in records of these kinds whose value is wanted.
    ///
    /// # Errors
    /// Why there can be no such place.
    pub(super) fn place(
        &mut self,
        kinds: &[MessageType],
        at: &str,
    ) -> std::result::Result<PlaceIndex, String> {
        let place = matches::place_of(at)?;
        let rules = kinds.iter().fold(0, |rules, kind| rules | 1 << kind.0);
        if let Place::Field(_) = place {
            for kind in kinds {
                self.refuse_bodiless(usize::from(kind.0))?;
            }
        }
        let known = self.places.iter().position(|wanted| wanted.place == place);
        match known {
            Some(at) => self.places[at].rules |= rules,
            None if self.places.len() == usize::from(u8::MAX) => {
                return Err("there are too many places".into());
            }
            None => self.places.push(Wanted { place, rules }),
        }
        Ok(PlaceIndex(known.unwrap_or(self.places.len() - 1) as u8))
    }

    /// Any byte of a binary message may be a brace.
    fn refuse_bodiless(&self, kind: usize) -> std::result::Result<(), String> {
        match self.rules.get(kind).filter(|rule| self.is_binary && rule.body_after.is_none()) {
            Some(_) => Err(format!(
                "say after which text JSON begins in a binary message: \"body_after\" of \"{}\" or in \
                 [websocket], \"\" for the record's start",
                self.kinds[kind].name
            )),
            None => Ok(()),
        }
    }

    /// Lists members: one for every element of an array in records of this kind.
    pub(super) fn list(&mut self, kind: MessageType, pointer: Pointer) -> std::result::Result<(), String> {
        self.refuse_bodiless(usize::from(kind.0))?;
        self.each = Some(Each { pointer, rule: kind.0 });
        self.listing = Some(kind);
        Ok(())
    }

    /// Compiles the matcher: every place is known by now.
    pub(super) fn finish(&mut self, section: &Section<'_>) -> Result<()> {
        let matcher = Matcher::new(&self.rules, &self.places, self.each.as_ref());
        self.matcher =
            matcher.map_err(|why| section.error("messages", section.place("messages"), why.to_string()))?;
        Ok(())
    }

    pub(super) fn at(
        &mut self,
        section: &Section<'_>,
        key: &str,
        kinds: &[MessageType],
        text: &Text<'_>,
    ) -> Result<PlaceIndex> {
        self.place(kinds, text.value).map_err(|why| section.error(key, text.span.clone(), why))
    }
}

/// Compiles what `[websocket]` says of messages. Places of steps and periodic messages are added
/// before [`Kinds::finish`].
pub(super) fn compile(
    section: &Section<'_>,
    vocabulary: &Vocabulary,
    errors: &mut ErrorNames,
) -> Result<Kinds> {
    let mut kinds = Kinds {
        kinds: Vec::new(),
        matcher: Matcher::default(),
        subject: None,
        left_within: Duration::ZERO,
        listing: None,
        error_codes: Vec::new(),
        separator: records::separator(section)?,
        elements: records::elements(section)?,
        is_binary: records::is_binary(section)?,
        own: Own::new(),
        rules: Vec::new(),
        places: Vec::new(),
        each: None,
    };
    messages(section, vocabulary, &mut kinds)?;
    kinds.error_codes = error_codes(section, &kinds, errors)?;
    name_refusals(section, &mut kinds, errors)?;
    Ok(kinds)
}

fn messages(section: &Section<'_>, vocabulary: &Vocabulary, kinds: &mut Kinds) -> Result<()> {
    let type_at = match section.text("type_at")? {
        Some(at) => matches::pointer(section, "type_at", &at)?,
        None => Pointer::parse("/type").expect("it is one"),
    };
    let body_after = matches::constant(section, "body_after", vocabulary)?.map(|after| after.bytes);
    for (name, value) in section.named("messages", "[websocket.messages]", &KIND_KEYS)? {
        let key = format!("messages.{}", name.value);
        if kinds.kinds.len() == RULES_MAX {
            return Err(section.error(&key, name.span, format!("there are more than {RULES_MAX} kinds")));
        }
        if name.value.len() > VALUE_BYTES_MAX {
            return Err(section.error(&key, name.span, matches::too_long()));
        }
        let (table, role) = match value {
            Ok(table) => (Some(table.clone()), table.text("role")?),
            Err(role) => (None, Some(role)),
        };
        let role = match role {
            None => Role::Information,
            Some(text) => role_of(table.as_ref().unwrap_or(section), "role", &key, &text)?,
        };
        let known = matches::compile(
            table.as_ref(),
            name.value,
            (&type_at, body_after.as_deref()),
            vocabulary,
            &mut kinds.own,
        )?;
        refuse_hidden(section, &key, &name, &known, kinds)?;
        let index = kinds.kinds.len();
        kinds.rules.push(known.rule);
        kinds.kinds.push(Kind {
            name: name.value.to_owned(),
            role,
            code: None,
            refused: None,
            take: Vec::new(),
            answer: None,
            kept: Vec::new(),
            sent_at: None,
            sequence: None,
            broadcast: None,
            text: known.text,
        });
        if !kinds.rules[index].fields.is_empty() {
            kinds.refuse_bodiless(index).map_err(|why| section.error(&key, name.span.clone(), why))?;
        }
        if let Some(table) = table {
            values(&table, index, vocabulary, kinds)?;
        }
    }
    Ok(())
}

/// What is read in records of a kind, and what is answered.
fn values(table: &Section<'_>, index: usize, vocabulary: &Vocabulary, kinds: &mut Kinds) -> Result<()> {
    let own = [MessageType(index as u8)];
    if let Some(code) = table.text("code")? {
        if kinds.kinds[index].role != Role::Error {
            return Err(table.error("code", code.span, "only a kind of the role \"error\" has a code"));
        }
        kinds.kinds[index].code = Some(kinds.at(table, "code", &own, &code)?);
    }
    for (name, place) in table.pairs("take", false)? {
        let Some(value) = vocabulary.values.position(name.value) else {
            return Err(table.error("take", name.span, too_many("taken values")));
        };
        let place = kinds.at(table, "take", &own, &place)?;
        kinds.kinds[index].take.push((value, place));
    }
    let kind = &mut kinds.kinds[index];
    kind.answer = answer(table, &kind.take, vocabulary)?;
    kind.kept = kept(kind, vocabulary);
    kinds.kinds[index].sent_at = sent_at(table, own, kinds)?;
    if let Some(at) = table.text("sequence")? {
        let place = kinds.at(table, "sequence", &own, &at)?;
        kinds.kinds[index].sequence = Some((place, kinds.sequences() as u8));
    }
    Ok(())
}

fn answer(
    table: &Section<'_>,
    take: &[(u8, PlaceIndex)],
    vocabulary: &Vocabulary,
) -> Result<Option<Template>> {
    if !table.has("answer") {
        return match take.is_empty() {
            true => Ok(None),
            false => {
                let message = "what a kind takes is for its own answer, and there is no \"answer\"";
                Err(table.error("take", table.place("take"), message))
            }
        };
    }
    // An empty message answers an empty one, as with SocketCluster.
    let Some(text) = table.text("answer")? else { return Ok(None) };
    let own: Vec<u8> = take.iter().map(|(value, _)| *value).collect();
    compiled(table, "answer", &text, vocabulary, Moment::Answer { own: &own }, Unknown::Text).map(Some)
}

/// The values of setup that its answer uses.
fn kept(kind: &Kind, vocabulary: &Vocabulary) -> Vec<u8> {
    let is_own = |value: u8| kind.take.iter().any(|(own, _)| *own == value);
    let used = kind.answer.iter().flat_map(Template::values).map(|used| used.value);
    used.filter(|value| usize::from(*value) < vocabulary.takes && !is_own(*value)).collect()
}

fn sent_at(table: &Section<'_>, own: [MessageType; 1], kinds: &mut Kinds) -> Result<Option<SentAt>> {
    let Some(at) = table.text("sent_at")? else {
        return match table.has("sent_unit") {
            true => Err(table.error("sent_unit", table.place("sent_unit"), "there is no \"sent_at\"")),
            false => Ok(None),
        };
    };
    let unit_nanos = match table.text("sent_unit")? {
        None => UNITS[0].1,
        Some(text) => match UNITS.iter().find(|(unit, _)| *unit == text.value) {
            Some((_, nanos)) => *nanos,
            None => {
                let message = format!("\"{}\" is not ms, s, us or ns", text.value);
                return Err(table.error("sent_unit", text.span, message));
            }
        },
    };
    if kinds.kinds.iter().filter(|kind| kind.sent_at.is_some()).count() == AGED_MAX {
        return Err(table.error("sent_at", at.span, format!("{AGED_MAX} kinds with \"sent_at\" at most")));
    }
    let place = kinds.at(table, "sent_at", &own, &at)?;
    Ok(Some(SentAt { place, unit_nanos }))
}

fn role_of(section: &Section<'_>, key: &str, name: &str, text: &Text<'_>) -> Result<Role> {
    if let Some((_, role)) = ROLES.iter().find(|(known, _)| *known == text.value) {
        return Ok(*role);
    }
    let message = match text.value {
        "open" => {
            "there is no role \"open\": write [[websocket.steps]] with await = the kind's name".to_owned()
        }
        "reply" => {
            "there is no role \"reply\": write reply = the kind's name in [[websocket.every]]".to_owned()
        }
        other => {
            let hint = nearest::hint(other, &ROLES.map(|(known, _)| known));
            format!("there is no role \"{other}\"{hint}")
        }
    };
    let key = if section.has(key) { key } else { name };
    Err(section.error(key, text.span.clone(), message))
}

/// Gives each kind of error the name under which it is counted.
fn name_refusals(section: &Section<'_>, kinds: &mut Kinds, errors: &mut ErrorNames) -> Result<()> {
    for kind in kinds.kinds.iter_mut().filter(|kind| kind.role == Role::Error) {
        let index = errors.index(&format!("refused:{}", kind.name));
        let place = || section.place("messages");
        kind.refused =
            Some(index.ok_or_else(|| section.error("messages", place(), too_many("error names")))?);
    }
    Ok(())
}

/// A kind that an earlier one hides never matches.
fn refuse_hidden(
    section: &Section<'_>,
    key: &str,
    name: &Text<'_>,
    known: &Known,
    kinds: &Kinds,
) -> Result<()> {
    let Some(hiding) = kinds.rules.iter().position(|earlier| earlier.hides(&known.rule)) else {
        return Ok(());
    };
    let hiding = &kinds.kinds[hiding];
    let message = format!(
        "it can never match: \"{}\" ({}) stands before it and takes all of its records; put this kind first",
        hiding.name, hiding.text
    );
    Err(section.error(key, name.span.clone(), message))
}

fn error_codes(section: &Section<'_>, kinds: &Kinds, errors: &mut ErrorNames) -> Result<Vec<MessageError>> {
    let mut codes: Vec<MessageError> = Vec::new();
    let entries = section.sections("errors", "[[websocket.errors]]", &ERROR_KEYS)?;
    if let Some(first) = entries.first().filter(|_| kinds.kinds.iter().all(|kind| kind.code.is_none())) {
        return Err(first.own_error("no kind of the role \"error\" says with \"code\" where its code is"));
    }
    for entry in entries {
        let name_key = if entry.has("name") { "name" } else { "code" };
        let texts = entry.text_or_texts("code")?;
        let error = error_name(&entry, name_key, errors)?;
        for code in texts {
            if codes.iter().any(|other| other.code == code.value) {
                return Err(entry.error("code", code.span, format!("\"{}\" is given twice", code.value)));
            }
            codes.push(MessageError { code: code.value.to_owned(), error, ticket: entry.flag("ticket")? });
        }
    }
    Ok(codes)
}
