//! What was found in a plan or recording, in a scenario's terms.
//!
//! Knows neither JMX nor HAR, nor how TOML is laid out. Invariant: every text that a session sends is a template
//! already: braces that are text are doubled.

use std::fmt;
use std::time::Duration;

use crate::scenario::DELAY_MAX;
use crate::scenario::stage::Stage;

/// A scenario in the making, and the load that goes with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The scenario's name.
    pub(super) name: String,
    /// What it was made of: `the JMeter plan shop.jmx`.
    pub(super) origin: String,
    /// Whether sessions keep cookies.
    pub(super) cookies: bool,
    /// Names that no output shows; those that nothing uses are left out.
    pub(super) secret: Vec<String>,
    /// In order; those that nothing uses are left out.
    pub(super) variables: Vec<Variable>,
    /// What comes before the WebSocket.
    pub(super) requests: Vec<Request>,
    /// The WebSocket.
    pub(super) socket: Option<Socket>,
    /// Criteria besides the usual ones.
    pub(super) criteria: Vec<Criterion>,
    /// The command line's part.
    pub(super) load: Load,
    /// What a reader has to know.
    pub(super) notes: Vec<Note>,
}

/// A variable of the scenario.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    /// A template.
    pub(super) value: String,
    /// What stands above it.
    pub(super) comment: String,
}

/// One HTTP request.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) name: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) basic_auth: Option<(String, String)>,
    pub(super) body: Option<String>,
    pub(super) form: Vec<(String, String)>,
    /// Empty: 200 alone.
    pub(super) expect: Vec<u16>,
    pub(super) follow: u8,
    pub(super) timeout: Option<Duration>,
    /// Names and places.
    pub(super) take: Vec<(String, String)>,
    /// What stands above it.
    pub(super) comments: Vec<String>,
}

/// The WebSocket.
#[derive(Clone, Debug, Default)]
pub(super) struct Socket {
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) basic_auth: Option<(String, String)>,
    pub(super) subprotocols: Vec<String>,
    pub(super) deflate: bool,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) is_binary: bool,
    /// Where a kind's name is; `None`: `/type`.
    pub(super) type_at: Option<String>,
    pub(super) kinds: Vec<Kind>,
    pub(super) steps: Vec<Step>,
    pub(super) every: Vec<Every>,
    /// Sent before closing.
    pub(super) quit: Option<String>,
    /// What stands above it.
    pub(super) comments: Vec<String>,
}

impl Socket {
    /// Calls the only step "open" if the server speaks first.
    pub(super) fn name_opening(&mut self) {
        if let [step] = &mut self.steps[..]
            && step.send.is_none()
            && step.request.is_none()
        {
            step.name = "open".to_owned();
        }
    }
}

/// A kind of messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) rule: Rule,
    /// What is sent at once when it comes.
    pub(super) answer: Option<String>,
    /// What stands above it.
    pub(super) comment: String,
}

/// How a kind is known. All that is there must hold; nothing: by its name at `type_at`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rule {
    pub(super) is: Option<String>,
    pub(super) starts: Option<String>,
    pub(super) contains: Option<String>,
    /// Places and values.
    pub(super) fields: Vec<(String, String)>,
}

/// Kinds in an order in which none hides another: those that match more come later.
pub(super) fn in_order(mut kinds: Vec<Kind>) -> Vec<Kind> {
    kinds.sort_by_key(|kind| {
        let rule = &kind.rule;
        // Any value is less of a condition than a certain one; a name at `type_at` is between them.
        let of = |(_, value): &(String, String)| if value == "*" { 1 } else { 4 };
        let named = if *rule == Rule::default() { 3 } else { 0 };
        let conditions = named + rule.fields.iter().map(of).sum::<usize>();
        match (&rule.is, &rule.starts, &rule.contains) {
            (Some(_), ..) => (0, 0),
            (_, Some(starts), None) if conditions == 0 => {
                // Any JSON may begin so: that says less than a text somewhere in it.
                let class = if starts.starts_with(['{', '[']) { 4 } else { 2 };
                (class, usize::MAX - starts.len())
            }
            (_, None, Some(_)) if conditions == 0 => (3, 0),
            (_, starts, contains) => {
                let texts = usize::from(starts.is_some()) + usize::from(contains.is_some());
                (1, usize::MAX - conditions - 4 * texts)
            }
        }
    });
    kinds
}

/// A step after the upgrade.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) send: Option<String>,
    pub(super) request: Option<Request>,
    /// Names of kinds.
    pub(super) awaits: Vec<String>,
    pub(super) reply: Option<Own>,
    pub(super) timeout: Option<Duration>,
    pub(super) pause: Pause,
    pub(super) take: Vec<(String, String)>,
    pub(super) comments: Vec<String>,
}

/// What an open session sends again and again.
#[derive(Clone, Debug, Default)]
pub(super) struct Every {
    pub(super) name: String,
    pub(super) send: String,
    pub(super) interval: Pause,
    /// A kind's name.
    pub(super) reply: Option<String>,
    pub(super) own: Option<Own>,
    pub(super) timeout: Option<Duration>,
    pub(super) times: Option<u32>,
    pub(super) is_ping_frame: bool,
    pub(super) comments: Vec<String>,
}

/// What makes a reply a session's own: `reply_at` and `reply_equals`.
#[derive(Clone, Debug)]
pub(super) struct Own {
    pub(super) at: String,
    pub(super) equals: String,
}

/// A wait of at least `from` and at most `to`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
}

impl Pause {
    /// Always the same.
    pub(super) fn fixed(ms: u64) -> Self {
        Self { from_ms: ms, to_ms: ms }
    }

    /// One after the other, as long as a scenario waits at most.
    pub(super) fn plus(self, other: Self) -> Self {
        let add = |a: u64, b: u64| a.saturating_add(b).min(DELAY_MAX.as_millis() as u64);
        Self { from_ms: add(self.from_ms, other.from_ms), to_ms: add(self.to_ms, other.to_ms) }
    }

    /// Whether nothing is waited for.
    pub(super) fn is_none(self) -> bool {
        self.to_ms == 0
    }

    /// Its mean.
    pub(super) fn mean_ms(self) -> u64 {
        self.from_ms / 2 + self.to_ms / 2 + (self.from_ms % 2 + self.to_ms % 2) / 2
    }
}

/// A criterion of a step's longest time.
#[derive(Clone, Debug)]
pub(super) struct Criterion {
    pub(super) name: String,
    pub(super) step: String,
    pub(super) at_most_ms: u64,
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    pub(super) target: Option<String>,
    pub(super) sessions: Option<u64>,
    pub(super) ramp: Option<Duration>,
    pub(super) hold: Option<Duration>,
    /// In the place of sessions, ramp and hold, if there are any; `sessions` is their highest level.
    pub(super) stages: Vec<Stage>,
    /// How long a session stays before another takes its place; goes with stages.
    pub(super) lifetime: Option<Duration>,
    pub(super) members: Members,
    pub(super) recycle: bool,
    pub(super) allow_hosts: Vec<String>,
}

/// Whom sessions play.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Members {
    /// Nobody in particular.
    #[default]
    None,
    /// Ids from 1 on, one a session.
    FromOne,
    /// A file's rows.
    File(String),
}

/// Where in the plan or recording something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A line, from 1.
    Line(usize),
    /// An entry of a recording, from 1.
    Entry(usize),
    /// The whole of it.
    Whole,
}

impl fmt::Display for At {
    /// As it stands before what is said of it: `line 7: `, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}: "),
            Self::Entry(entry) => write!(f, "entry {entry}: "),
            Self::Whole => Ok(()),
        }
    }
}

/// What a note says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// Something that was not taken over.
    Left,
    /// Something that means, or does, something else here.
    Changed,
    /// Something that the plan itself gets wrong, or that should be looked at.
    Warning,
}

/// Something that a reader of the scenario has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) at: At,
    pub(super) of: Of,
    /// A sentence or two.
    pub(super) text: String,
    /// Whether a comment in its place says so already.
    pub(super) in_place: bool,
}

impl Found {
    /// Notes something, once.
    pub(super) fn note(&mut self, of: Of, at: At, text: impl Into<String>) {
        let note = Note { at, of, text: text.into(), in_place: false };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Notes something that the comment returned says in its place, too.
    pub(super) fn note_here(&mut self, of: Of, at: At, text: impl Into<String>) -> String {
        let text = text.into();
        self.notes.push(Note { at, of, text: text.clone(), in_place: true });
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_matches_more_comes_later() {
        let text = |text: &str| Some(text.to_owned());
        let rules = [
            Rule { starts: text("{"), ..Rule::default() },
            Rule { contains: text("\"sid\""), ..Rule::default() },
            Rule { starts: text("4"), ..Rule::default() },
            Rule { starts: text("40{"), ..Rule::default() },
            Rule { starts: text("42["), fields: vec![("/0".into(), "said".into())], ..Rule::default() },
            Rule { is: text("2"), ..Rule::default() },
        ];
        let kinds = rules.iter().map(|rule| Kind { rule: rule.clone(), ..Kind::default() }).collect();
        let ordered: Vec<Rule> = in_order(kinds).into_iter().map(|kind| kind.rule).collect();
        assert_eq!(ordered, rules.into_iter().rev().collect::<Vec<_>>());
    }
}
