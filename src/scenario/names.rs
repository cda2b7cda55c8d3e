//! Names that a scenario's templates and faults refer to: variables, taken values, error names.
//!
//! Knows no TOML. Invariants: every name has one meaning, and every index fits the byte in which
//! sessions keep it.

mod lists;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;

use super::Scenario;
use super::outside::Outside;
use super::runner::{self, Runner};
use super::template::{Brace, Filter, Formatted, Part, Secret, Template, is_identifier};
use crate::draw;
use crate::fault::{Blame, Fault, FaultNames, NamedFault};
use crate::nearest;

pub(super) use lists::{ErrorNames, NAMES_MAX, NameList};

/// Names that templates always know, and whether each has a meaning before the session is open.
pub(super) const BUILT_IN: [(&str, bool); 10] = [
    ("member_id", true),
    ("challenge_id", true),
    ("session", true),
    ("now_ms", true),
    ("now_s", true),
    ("now_iso", true),
    ("held_ms", false),
    (SEQUENCE, false),
    ("distance_km", false),
    ("own_pace_s_per_km", false),
];

/// Which message of its name it is, in a session.
const SEQUENCE: &str = "sequence";

/// A variable of the file, with the value from there or from outside.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) span: Range<usize>,
    pub(super) used: Cell<bool>,
    /// Nobody may read it.
    pub(super) is_secret: bool,
    /// It was given from outside: braces in it are text.
    pub(super) is_given: bool,
}

/// When a template is rendered: what it can refer to then.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment<'m> {
    /// Before the session is open, in this step, with these values taken (by index).
    Request { step: &'m str, taken: &'m [bool] },
    /// While the session is open, in the message of this name. A taken value that it uses is kept for
    /// that; all others are forgotten: keeping tokens for a million idle sessions would cost a
    /// hundred times the session itself.
    Message { name: &'m str },
    /// Whenever a message of some kind comes, in its answer: with these values of that message (by
    /// index), and with those of setup, which are kept for that.
    Answer { own: &'m [u8] },
    /// Whenever it is used: a variable's value by itself.
    Anytime,
}

impl Moment<'_> {
    /// What `{random:}` and `{uuid}` are drawn for.
    fn name(&self) -> &str {
        match self {
            Self::Request { step, .. } => step,
            Self::Message { name } => name,
            Self::Answer { .. } => "answer",
            Self::Anytime => "",
        }
    }
}

/// What an unknown name between braces is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Text, unless it resembles a known one: GraphQL has braces around names, too.
    Text,
    /// Refused: no such text has braces.
    Refused,
}

/// All names that templates can use.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) variables: Vec<Variable>,
    /// Values taken from answers, then the columns of the members' rows.
    pub(super) values: NameList,
    /// How many of these are taken from answers.
    pub(super) takes: usize,
    /// How many of those are taken before a session is open: the others by a kind, for its own answer.
    pub(super) takes_in_setup: usize,
    pub(super) outside: Outside,
    /// What was found outside and in secret variables.
    pub(super) secrets: RefCell<Vec<Secret>>,
    /// Which values are used by something after the session is open, or by anything: by index.
    pub(super) used: RefCell<Uses>,
}

/// What templates refer to.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Taken values that messages after open use.
    pub(super) kept: BTreeSet<u8>,
    /// Values that anything uses.
    pub(super) values: BTreeSet<u8>,
    /// Names between braces that are text.
    pub(super) text: BTreeSet<String>,
    /// What may be a mistake in what is sent, in words.
    pub(super) doubts: Vec<String>,
}

impl Vocabulary {
    /// Compiles a template that is rendered at `moment`.
    pub(super) fn template(
        &self,
        text: &str,
        moment: Moment<'_>,
        unknown: Unknown,
    ) -> Result<Template, String> {
        let template = self.within(text, moment, unknown, &mut Vec::new())?;
        self.note_other_forms(text);
        Ok(template)
    }

    /// Notes what is text here, and a value in other tools: `{{name}}` and `${name}`.
    fn note_other_forms(&self, text: &str) {
        let is_known = |brace: &Brace<'_>| {
            let is_variable = || self.variables.iter().any(|variable| variable.name == brace.name);
            is_built_in(brace.name) || self.values.position(brace.name).is_some() || is_variable()
        };
        let doubled = text.match_indices("{{").filter_map(|(at, _)| Brace::escaped(&text[at..]));
        let doubled = doubled
            .filter(is_known)
            .map(|brace| format!("{{{0}}} is sent as the text {0}: for its value write {0}", brace.text));
        let dollars = text.match_indices("${").filter_map(|(at, _)| Brace::read(&text[at + 1..]));
        let dollars = dollars.filter(is_known).map(|brace| {
            format!("${0} sends a $ before the value: for the value alone write {0}", brace.text)
        });
        for line in doubled.chain(dollars) {
            let doubts = &mut self.used.borrow_mut().doubts;
            if !doubts.contains(&line) {
                doubts.push(line);
            }
        }
    }

    /// `inside`: the variables whose value this is part of.
    fn within<'v>(
        &'v self,
        text: &'v str,
        moment: Moment<'_>,
        unknown: Unknown,
        inside: &mut Vec<&'v str>,
    ) -> Result<Template, String> {
        let mut draws: Vec<&str> = Vec::new();
        Template::compile(text, |brace: &Brace<'v>| {
            let ordinal = draws.iter().filter(|known| **known == brace.name).count();
            draws.push(brace.name);
            match self.found(brace, ordinal, moment, unknown, inside)? {
                Some(found) => {
                    let mut key = |key: &Brace<'v>| {
                        let found = self.found(key, 0, moment, Unknown::Refused, inside)?;
                        found.ok_or_else(|| format!("{}: unknown key {}", key.text, key.name))
                    };
                    self.formatted(brace, found, &mut key).map(Some)
                }
                None => Ok(None),
            }
        })
    }

    /// Why `name` cannot be given to a new variable or value; `None` if it can.
    pub(super) fn refusal(name: &str) -> Option<String> {
        if !is_identifier(name) {
            return Some(format!("\"{name}\" is not a name: letters, digits and _ only, no digit first"));
        }
        let built_in = is_built_in(name);
        built_in.then(|| format!("\"{name}\" is the name of a built-in variable"))
    }

    /// What a brace stands for; `None` if it is text.
    fn found<'v>(
        &'v self,
        brace: &Brace<'v>,
        ordinal: usize,
        moment: Moment<'_>,
        unknown: Unknown,
        inside: &mut Vec<&'v str>,
    ) -> Result<Option<Template>, String> {
        let name = brace.name;
        let within = inside.last().copied().unwrap_or_default();
        let salt = || draw::salt(&format!("{}/{within}/{name}/{ordinal}", moment.name()));
        let part = if let Some(hex) = name.strip_prefix("hex:") {
            Part::Literal(bytes_of(hex)?.into())
        } else if let Some(range) = name.strip_prefix("random:") {
            let (first, last) = range_of(range)?;
            Part::Random { salt: salt(), first, last }
        } else if let Some(secret) = self.outside.secret(name) {
            self.secret(secret?)
        } else if name == UUID {
            Part::Uuid { salt: salt() }
        } else if let Some(value) = self.values.position(name) {
            self.value(name, value, moment)?
        } else if let Some((_, before_open)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            if !before_open && matches!(moment, Moment::Request { .. }) {
                return Err(format!(
                    "{{{name}}} has no meaning before the session is open; it is for periodic messages and quit"
                ));
            }
            if name == SEQUENCE && matches!(moment, Moment::Answer { .. }) {
                return Err(format!(
                    "{{{name}}} has no meaning in an answer, of which nothing is counted in a session; \
                     it is for periodic messages and quit"
                ));
            }
            self.built_in(name)?
        } else if let Some(variable) = self.variable(name) {
            return self.variable_s(variable, moment, unknown, inside).map(Some);
        } else {
            return self.unknown(brace, unknown).map(|()| None);
        };
        Ok(Some(Template::of([part])))
    }

    /// With the width and the filters that are written; what comes of a secret is one.
    fn formatted<'v>(
        &self,
        brace: &Brace<'v>,
        found: Template,
        key: &mut dyn FnMut(&Brace<'v>) -> Result<Template, String>,
    ) -> Result<Template, String> {
        let formatted = brace.formatted(found, key)?;
        if let ([Part::Secret(secret)], false) = (&formatted.parts[..], brace.is_plain()) {
            self.secret(secret.clone());
        }
        Ok(formatted)
    }

    /// A part that nobody may read, which is remembered.
    fn secret(&self, secret: Secret) -> Part {
        // Nothing to hide, and no name to show where nothing is sent.
        if secret.value.is_empty() {
            return Part::Literal(Box::default());
        }
        self.secrets.borrow_mut().push(secret.clone());
        Part::Secret(secret)
    }

    fn variable(&self, name: &str) -> Option<&Variable> {
        let variable = self.variables.iter().find(|variable| variable.name == name)?;
        variable.used.set(true);
        Some(variable)
    }

    /// A variable's value, which may refer to others.
    fn variable_s<'v>(
        &'v self,
        variable: &'v Variable,
        moment: Moment<'_>,
        unknown: Unknown,
        inside: &mut Vec<&'v str>,
    ) -> Result<Template, String> {
        if let Some(at) = inside.iter().position(|name| *name == variable.name) {
            let mut circle: Vec<&str> = inside[at..].to_vec();
            circle.push(&variable.name);
            return Err(format!(
                "the variable \"{}\" refers to itself: {}",
                variable.name,
                circle.join(" → ")
            ));
        }
        let found = if variable.is_given {
            Template::of([Part::Literal(variable.value.as_bytes().into())])
        } else {
            inside.push(&variable.name);
            // Within another one's value the error is that one's already.
            let found = self.within(&variable.value, moment, unknown, inside);
            inside.pop();
            let is_outermost = inside.is_empty() && !matches!(moment, Moment::Anytime);
            found.map_err(|why| match is_outermost {
                true => format!("in the variable \"{}\": {why}", variable.name),
                false => why,
            })?
        };
        let is_secret = variable.is_secret || found.has(&|part| matches!(part, Part::Secret(_)));
        Ok(if is_secret { self.hidden(&variable.name, found) } else { found })
    }

    /// Parts through a filter; what comes of a secret is one.
    pub(super) fn filtered(&self, inner: Template, filter: Filter) -> Template {
        let filtered = Formatted { inner, width: None, filters: vec![filter] }.folded();
        for part in &filtered.parts {
            if let Part::Secret(secret) = part {
                self.secret(secret.clone());
            }
        }
        filtered
    }

    /// What is the same for all sessions in a secret value is shown by a name.
    pub(super) fn hidden(&self, name: &str, value: Template) -> Template {
        let named = |value: Vec<u8>| match String::from_utf8(value) {
            Ok(value) => self.secret(Secret { name: name.to_owned(), value }),
            Err(error) => Part::Literal(error.into_bytes().into()),
        };
        let (mut parts, mut constant) = (Vec::new(), Vec::new());
        for part in value.parts {
            match part {
                Part::Literal(bytes) => constant.extend_from_slice(&bytes),
                Part::Secret(secret) => constant.extend_from_slice(secret.value.as_bytes()),
                part => {
                    if !constant.is_empty() {
                        parts.push(named(std::mem::take(&mut constant)));
                    }
                    parts.push(part);
                }
            }
        }
        if !constant.is_empty() {
            parts.push(named(constant));
        }
        Template::of(parts)
    }

    /// Checks the variables' values by themselves: what they refer to, and that none refers to itself.
    ///
    /// # Errors
    /// The first that is wrong, and why.
    pub(super) fn check_variables(&self) -> Result<(), (&Variable, String)> {
        for variable in self.variables.iter().filter(|variable| !variable.is_given) {
            let used: Vec<bool> = self.variables.iter().map(|it| it.used.get()).collect();
            let mut inside = vec![&*variable.name];
            let checked = self.within(&variable.value, Moment::Anytime, Unknown::Text, &mut inside);
            // What only a variable that nothing uses refers to is not used.
            self.variables.iter().zip(used).for_each(|(it, used)| it.used.set(used));
            checked.map_err(|why| (variable, why))?;
        }
        Ok(())
    }

    fn built_in(&self, name: &str) -> Result<Part, String> {
        Ok(match name {
            "member_id" => Part::MemberId,
            "challenge_id" => Part::ChallengeId,
            "session" => Part::Session,
            "now_ms" => Part::NowMs,
            "now_s" => Part::NowS,
            "now_iso" => Part::NowIso,
            "held_ms" => Part::HeldMs,
            SEQUENCE => Part::Sequence,
            "own_pace_s_per_km" => Part::OwnPace(self.runner(name)?),
            _ => Part::DistanceKm(self.runner(name)?),
        })
    }

    fn runner(&self, name: &str) -> Result<Runner, String> {
        let value = |name| {
            let variable = self.variable(name)?;
            Some((&*variable.value, if variable.is_secret { "a secret" } else { &variable.value }))
        };
        Runner::of(name, value(runner::PACE), value(runner::FINISH))
    }

    /// A value of the session, if it has been taken by then.
    fn value(&self, name: &str, value: u8, moment: Moment<'_>) -> Result<Part, String> {
        let is_column = usize::from(value) >= self.takes;
        if let Moment::Request { step, taken } = moment
            && !is_column
            && !taken[usize::from(value)]
        {
            return Err(format!(
                "{{{name}}} is used in the step \"{step}\" before it is taken from an answer"
            ));
        }
        let is_own = matches!(moment, Moment::Answer { own } if own.contains(&value));
        let is_open = matches!(moment, Moment::Message { .. } | Moment::Answer { .. });
        if is_open && !is_own && (self.takes_in_setup..self.takes).contains(&usize::from(value)) {
            return Err(format!("{{{name}}} is taken for the answer of another kind, and is gone after it"));
        }
        let mut uses = self.used.borrow_mut();
        if is_open && !is_own && !is_column {
            uses.kept.insert(value);
        }
        if !matches!(moment, Moment::Anytime) {
            uses.values.insert(value);
        }
        Ok(Part::Taken(value))
    }

    /// A name that nothing has: text, or a mistake.
    fn unknown(&self, brace: &Brace<'_>, unknown: Unknown) -> Result<(), String> {
        let (name, text) = (brace.name, brace.text);
        let built_in = BUILT_IN.iter().map(|(known, _)| *known).chain([UUID]);
        let variables = self.variables.iter().map(|variable| variable.name.as_str());
        let known = built_in.chain(variables).chain(self.values.iter());
        // Of one or two letters every other one is near.
        match nearest::nearest(name, known.filter(|known| known.len() > 2)) {
            Some(near) => Err(format!(
                "unknown variable {text}; did you mean {{{near}}}? (write {{{text}}} if the braces are meant)"
            )),
            None if unknown == Unknown::Refused || brace.has_filter() => Err(format!(
                "unknown variable {text}: neither in [variables], nor taken from an answer, nor a column of --members \
                 (write {{{text}}} if the braces are meant)"
            )),
            None => {
                self.used.borrow_mut().text.insert(text.to_owned());
                Ok(())
            }
        }
    }
}

/// `{uuid}`.
const UUID: &str = "uuid";

/// Whether templates always know this name.
pub(crate) fn is_built_in(name: &str) -> bool {
    name == UUID || BUILT_IN.iter().any(|(known, _)| *known == name)
}

/// The bytes of `c0 00`.
pub(super) fn bytes_of(hex: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = hex.chars().filter(|c| *c != ' ').map_while(|c| c.to_digit(16)).collect();
    let is_whole = digits.len() == hex.chars().filter(|c| *c != ' ').count() && !digits.is_empty();
    match is_whole && digits.len().is_multiple_of(2) {
        true => Ok(digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()),
        false => {
            Err(format!("{{hex:{hex}}}: write bytes as two hexadecimal digits each, such as {{hex:c0 00}}"))
        }
    }
}

/// The ends of `1-100`.
fn range_of(range: &str) -> Result<(u64, u64), String> {
    let ends =
        range.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    ends.filter(|(first, last)| first <= last).ok_or_else(|| {
        format!("{{random:{range}}}: write the least and the greatest number, such as {{random:1-100}}")
    })
}

impl Scenario {
    /// Whether a WebSocket failed for its one-time ticket.
    pub fn is_about_ticket(&self, fault: Fault) -> bool {
        let codes = self.websocket.iter().flat_map(|websocket| &websocket.kinds.error_codes);
        fault == Fault::TicketAgedHere
            || codes.filter(|code| code.ticket).any(|code| self.named(code.error) == fault)
    }

    /// Returns the fault of the error at `index` of the names.
    pub fn named(&self, index: u8) -> Fault {
        let blame = self.error_blames.get(usize::from(index)).copied().unwrap_or(Blame::Server);
        Fault::Named(NamedFault { name: index, blame })
    }
}

impl FaultNames for Scenario {
    fn error_name(&self, index: u8) -> &str {
        self.error_names.get(usize::from(index)).map_or("unnamed", String::as_str)
    }

    fn value_name(&self, index: u8) -> &str {
        self.value_names.get(usize::from(index)).map_or("unnamed", String::as_str)
    }
}
