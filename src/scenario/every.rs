//! Compiles periodic messages: `[[websocket.every]]`.
//!
//! Knows no session. Invariants: a heartbeat's reply can be told from every other heartbeat's; an
//! interval that a server gives is a value that is taken before the session is open.

use std::time::Duration;

use startline_os::units;

use super::document::{Section, Text};
pub use super::index::EveryIndex;
use super::kinds::Kinds;
use super::names::{Moment, Unknown, Vocabulary};
use super::request::{DELAY_MAX, Result, compiled};
use super::runner::Runner;
use super::steps::{self, Whose};
use super::template::Template;
use super::{MessageType, Role};

/// Periodic messages at most.
pub const EVERY_MAX: usize = 8;
/// An exponential interval is cut at this many times its mean.
pub const EXPONENTIAL_CUT: f64 = 10.0;

/// From a message to its reply, where the file gives none.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A control frame carries no more (RFC 6455, 5.5).
const PING_PAYLOAD_MAX: usize = 125;

/// What a server may give as an interval.
pub const GIVEN_MIN: Duration = Duration::from_millis(100);

pub(super) const KEYS: [&str; 16] = [
    "name",
    "send",
    "interval",
    "reply",
    "reply_at",
    "reply_equals",
    "reply_starts",
    "timeout",
    "share",
    "times",
    "start",
    "frame",
    "finishes",
    "broadcast",
    "broadcast_at",
    "broadcast_equals",
];

/// A message that an open session sends again and again.
#[derive(Clone, Debug)]
pub struct Every {
    /// Its name in results.
    pub name: String,
    /// The message, or the payload of a Ping.
    pub send: Template,
    /// From open to the first, and between due times.
    pub interval: Interval,
    /// What answers it; none: it is no heartbeat.
    pub reply: Reply,
    /// From sending to the reply.
    pub timeout: Duration,
    /// What stands in the announcement to the others that follows it, where its server makes one:
    /// [`super::kinds::Kind::broadcast`] says where.
    pub broadcast: Option<Template>,
    /// Of the sessions.
    pub share: f64,
    /// Then no more.
    pub times: Option<u32>,
    /// Whether it is sent at all.
    pub on: bool,
    /// The one that says the runner's last distance is the session's last, too: it has finished.
    pub finish: Option<Runner>,
}

/// How long after one the next is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Interval {
    /// Always the same.
    Fixed(Duration),
    /// Any from here to there, each as likely.
    Between(Duration, Duration),
    /// Exponentially distributed around this mean, cut at ten times it.
    Exponential(Duration),
    /// As a value says that the session has taken.
    Given {
        /// Index into [`super::Scenario::value_names`].
        value: u8,
        /// What its 1 is.
        unit: Duration,
        /// Where the server gave none; `None`: it has to.
        or: Option<Duration>,
    },
}

/// How the answer to a periodic message is known.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Nothing is awaited.
    None,
    /// A record of this kind.
    Kind {
        /// The kind.
        kind: MessageType,
        /// Which of them.
        whose: Whose,
    },
    /// A record of exactly the message's bytes.
    Same,
    /// The Pong of a Ping: a control frame of exactly its payload.
    Pong,
}

impl Every {
    /// Whether it is sent, and the server tells the others of it.
    pub fn is_broadcast(&self) -> bool {
        self.on && self.broadcast.is_some()
    }

    /// Whether the message, or what it is known by, says which time it is.
    pub fn is_numbered(&self) -> bool {
        let whose = match &self.reply {
            Reply::Kind {
                whose: Whose::Equals { equals: own, .. } | Whose::Starts { starts: own, .. },
                ..
            } => Some(own),
            _ => None,
        };
        [&self.send].into_iter().chain(&self.broadcast).chain(whose).any(Template::is_numbered)
    }

    /// Whether its answers are accounted for.
    pub fn is_heartbeat(&self) -> bool {
        !matches!(self.reply, Reply::None)
    }
}

impl Interval {
    /// The mean, as far as the scenario says it.
    pub fn mean(&self) -> Duration {
        match self {
            Self::Fixed(interval) | Self::Exponential(interval) => *interval,
            Self::Between(from, to) => (*from + *to) / 2,
            Self::Given { or, .. } => or.unwrap_or(DELAY_MAX),
        }
    }

    /// The longest, as far as the scenario says it; zero where a server does.
    pub fn longest(&self) -> Duration {
        match self {
            Self::Fixed(interval) | Self::Between(_, interval) => *interval,
            Self::Exponential(mean) => mean.mul_f64(EXPONENTIAL_CUT),
            Self::Given { .. } => Duration::ZERO,
        }
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = units::duration_text;
        match self {
            Self::Fixed(interval) => f.write_str(&text(*interval)),
            Self::Between(from, to) => write!(f, "{}..{}", text(*from), text(*to)),
            Self::Exponential(mean) => write!(f, "~{}", text(*mean)),
            Self::Given { or: Some(or), .. } => write!(f, "as the server says, else {}", text(*or)),
            Self::Given { or: None, .. } => f.write_str("as the server says"),
        }
    }
}

impl std::str::FromStr for Interval {
    type Err = String;

    /// Reads an interval that no server gives: `30s`, `4s..8s`, `~10s`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if let Some(mean) = text.strip_prefix('~') {
            return Ok(Self::Exponential(delay(mean, DELAY_MAX.div_f64(EXPONENTIAL_CUT))?));
        }
        let Some((from, to)) = text.split_once("..") else { return Ok(Self::Fixed(delay(text, DELAY_MAX)?)) };
        match (delay(from, DELAY_MAX)?, delay(to, DELAY_MAX)?) {
            (from, to) if from < to => Ok(Self::Between(from, to)),
            _ => Err("the first duration must be shorter than the second".into()),
        }
    }
}

/// Compiles all periodic messages. `taken` says which values there are once the session is open.
pub(super) fn compile(
    sections: &[Section<'_>],
    kinds: &mut Kinds,
    vocabulary: &Vocabulary,
    taken: &[bool],
) -> Result<Vec<Every>> {
    let mut all: Vec<Every> = Vec::new();
    for section in sections {
        if all.len() == EVERY_MAX {
            return Err(section.own_error(format!("{EVERY_MAX} periodic messages at most")));
        }
        let every = every(section, EveryIndex(all.len() as u8), kinds, vocabulary, taken)?;
        refuse_ambiguous(section, &every, &all)?;
        all.push(every);
    }
    Ok(all)
}

fn every(
    section: &Section<'_>,
    index: EveryIndex,
    kinds: &mut Kinds,
    vocabulary: &Vocabulary,
    taken: &[bool],
) -> Result<Every> {
    let name = steps::name(section)?;
    let is_ping = is_ping(section)?;
    let text = match is_ping {
        // A Ping may be empty.
        true => section.text("send")?.unwrap_or(Text { value: "", span: section.span.clone() }),
        false => section.required_text("send")?,
    };
    let send = compiled(section, "send", &text, vocabulary, Moment::Message { name: &name }, Unknown::Text)?;
    if is_ping && send.literals().map(<[u8]>::len).sum::<usize>() > PING_PAYLOAD_MAX {
        let message = format!("a Ping carries {PING_PAYLOAD_MAX} bytes at most");
        return Err(section.error("send", text.span, message));
    }
    let reply = reply(section, &name, is_ping, kinds, vocabulary)?;
    if matches!(reply, Reply::None) && section.has("timeout") {
        return Err(section.error("timeout", section.place("timeout"), "nothing is awaited: give \"reply\""));
    }
    let finish = finish(section, &send, &reply)?;
    Ok(Every {
        broadcast: broadcast(section, index, &name, kinds, vocabulary)?,
        name,
        send,
        interval: interval(section, vocabulary, taken)?,
        reply,
        timeout: section.delay("timeout", DELAY_MAX)?.unwrap_or(TIMEOUT),
        share: share(section)?,
        times: section.count("times")?,
        on: starts_on(section)?,
        finish,
    })
}

/// The runner whose last distance ends the session.
fn finish(section: &Section<'_>, send: &Template, reply: &Reply) -> Result<Option<Runner>> {
    if !section.flag("finishes")? {
        return Ok(None);
    }
    let refuse = |message: &str| Err(section.error("finishes", section.place("finishes"), message));
    if !matches!(reply, Reply::None) {
        return refuse("a message that finishes awaits no reply");
    }
    match send.runner() {
        None => refuse("it finishes with {distance_km}, which \"send\" does not say"),
        Some(runner) if runner.finish_cm == u64::MAX => {
            refuse("say where: the variable \"finish_km\" in [variables]")
        }
        Some(runner) => Ok(Some(runner)),
    }
}

fn is_ping(section: &Section<'_>) -> Result<bool> {
    let Some(frame) = section.text("frame")? else { return Ok(false) };
    if frame.value != "ping" {
        let message =
            format!("\"{}\" is not \"ping\", the only frame besides the message's own", frame.value);
        return Err(section.error("frame", frame.span, message));
    }
    let clash =
        ["reply", "reply_at", "reply_equals", "reply_starts"].into_iter().find(|key| section.has(key));
    match clash {
        Some(key) => Err(section.error(key, section.place(key), "a Ping is answered by its Pong")),
        None => Ok(true),
    }
}

fn starts_on(section: &Section<'_>) -> Result<bool> {
    match section.text("start")? {
        None => Ok(true),
        Some(text) if text.value == "on" => Ok(true),
        Some(text) if text.value == "off" => Ok(false),
        Some(text) => Err(section.error(
            "start",
            text.span,
            format!("\"{}\" is neither \"on\" nor \"off\"", text.value),
        )),
    }
}

fn share(section: &Section<'_>) -> Result<f64> {
    match section.number("share")? {
        None => Ok(1.0),
        Some(share) if share > 0.0 && share <= 1.0 => Ok(share),
        Some(share) => {
            let message = format!("{share} is not a share over 0 and up to 1");
            Err(section.error("share", section.place("share"), message))
        }
    }
}

fn reply(
    section: &Section<'_>,
    name: &str,
    is_ping: bool,
    kinds: &mut Kinds,
    vocabulary: &Vocabulary,
) -> Result<Reply> {
    if is_ping {
        return Ok(Reply::Pong);
    }
    let refuse = |keys: &[&str], message: &str| match keys.iter().find(|key| section.has(key)) {
        Some(key) => Err(section.error(key, section.place(key), message)),
        None => Ok(()),
    };
    let places = ["reply_at", "reply_equals", "reply_starts"];
    let Some(text) = section.text("reply")? else {
        refuse(&places, "nothing is awaited: give \"reply\"")?;
        return Ok(Reply::None);
    };
    if text.value == "same" {
        refuse(&places, "a reply that is the same is compared as a whole")?;
        return Ok(Reply::Same);
    }
    let kind = steps::kind(section, "reply", &text, kinds)?;
    let whose = steps::whose(section, &[kind], kinds, vocabulary, Moment::Message { name })?;
    Ok(Reply::Kind { kind, whose })
}

/// The announcement that follows: its kind, the place in it that tells which time, and what stands
/// there.
fn broadcast(
    section: &Section<'_>,
    index: EveryIndex,
    name: &str,
    kinds: &mut Kinds,
    vocabulary: &Vocabulary,
) -> Result<Option<Template>> {
    let places = ["broadcast_at", "broadcast_equals"];
    let Some(text) = section.text("broadcast")? else {
        return match places.into_iter().find(|key| section.has(key)) {
            Some(key) => {
                Err(section.error(key, section.place(key), "nothing is announced: give \"broadcast\""))
            }
            None => Ok(None),
        };
    };
    let kind = steps::broadcast(section, &text, kinds, Role::Updated, "updated")?;
    if let Some(missing) = places.into_iter().find(|key| !section.has(key)) {
        let message =
            format!("\"broadcast\" needs \"{missing}\": it tells which of its messages is announced");
        return Err(section.error("broadcast", text.span, message));
    }
    if kinds.get(kind).is_some_and(|kind| kind.broadcast.is_some()) {
        let message = format!("the kind \"{}\" announces another periodic message already", text.value);
        return Err(section.error("broadcast", text.span, message));
    }
    let at = section.required_text("broadcast_at")?;
    let place = kinds.at(section, "broadcast_at", &[kind], &at)?;
    kinds.kinds[usize::from(kind.0)].broadcast = Some((index, place));
    let equals = section.required_text("broadcast_equals")?;
    compiled(section, "broadcast_equals", &equals, vocabulary, Moment::Message { name }, Unknown::Text)
        .map(Some)
}

fn refuse_ambiguous(section: &Section<'_>, every: &Every, others: &[Every]) -> Result<()> {
    let clash = others.iter().find(|other| match (&every.reply, &other.reply) {
        (Reply::Same, Reply::Same) => true,
        (Reply::Kind { kind, whose }, Reply::Kind { kind: known, whose: of_other }) => {
            kind == known && (matches!(whose, Whose::Any) || matches!(of_other, Whose::Any))
        }
        _ => false,
    });
    match clash {
        Some(other) => {
            let message = format!(
                "\"{}\" awaits the same, and nothing tells whose a reply is: give both \"reply_at\" or \
                 \"reply_starts\"",
                other.name
            );
            Err(section.error("reply", section.place("reply"), message))
        }
        None => Ok(()),
    }
}

/// `"30s"`, `"4s..8s"`, `"~10s"`, `"{interval}s or 300s"`.
fn interval(section: &Section<'_>, vocabulary: &Vocabulary, taken: &[bool]) -> Result<Interval> {
    if !section.is_text("interval") {
        // The reader of durations says what a bare number lacks.
        let interval = section.delay("interval", DELAY_MAX)?;
        return interval
            .map(Interval::Fixed)
            .ok_or_else(|| section.own_error("the key \"interval\" is missing"));
    }
    let text = section.required_text("interval")?;
    let interval = match text.value.starts_with('{') {
        true => given(text.value, vocabulary, taken),
        false => text.value.parse(),
    };
    interval.map_err(|why| section.error("interval", text.span, why))
}

fn delay(text: &str, longest: Duration) -> std::result::Result<Duration, String> {
    let delay = units::duration(text)?;
    match delay {
        _ if delay.is_zero() => Err("it must be longer than zero".into()),
        _ if delay > longest => Err(format!("it can be {} at most", units::duration_text(longest))),
        _ => Ok(delay),
    }
}

fn given(text: &str, vocabulary: &Vocabulary, taken: &[bool]) -> std::result::Result<Interval, String> {
    let wanted = "write {value}s, or {value}s or 30s for where the server gives none";
    let (name, rest) = text[1..].split_once('}').ok_or(wanted)?;
    let (unit, or) = match rest.split_once(" or ") {
        Some((unit, or)) => (unit, Some(delay(or.trim(), DELAY_MAX)?)),
        None => (rest, None),
    };
    let unit = match unit.trim() {
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        other => return Err(format!("\"{other}\" is not ms, s or m: {wanted}")),
    };
    match vocabulary.values.position(name).filter(|value| taken[usize::from(*value)]) {
        Some(value) => Ok(Interval::Given { value, unit, or }),
        None => Err(format!("{{{name}}} is taken in no step")),
    }
}
