//! Names that a scenario's templates and faults refer to: variables, taken values, error names.
//!
//! Knows no TOML. Invariants: every name has one meaning, and every index fits the byte in which
//! sessions keep it.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use super::Scenario;
use super::outside::Outside;
use super::template::{Part, Secret, Template, is_identifier};
use crate::fault::{Blame, Fault, FaultNames, NamedFault};
use crate::nearest;

/// Names that templates always know, and whether each has a meaning before the session is open.
pub(super) const BUILT_IN: [(&str, bool); 7] = [
    ("member_id", true),
    ("challenge_id", true),
    ("session", true),
    ("now_ms", true),
    ("held_ms", false),
    ("sequence", false),
    ("distance_km", false),
];

/// The variable that `{distance_km}` is computed with.
const PACE: &str = "pace_s_per_km";

/// A variable of the file, with the value from there or from outside.
#[derive(Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) span: Range<usize>,
    pub(super) used: Cell<bool>,
    /// Nobody may read it.
    pub(super) is_secret: bool,
}

/// When a template is rendered: what it can refer to then.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment<'m> {
    /// Before the session is open, in this step, with these values taken (by index).
    Request { step: &'m str, taken: &'m [bool] },
    /// While the session is open. What was taken from answers is forgotten by then: keeping tokens
    /// for a million idle sessions would cost a hundred times the session itself.
    Message,
}

/// All names that templates can use.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) variables: Vec<Variable>,
    pub(super) values: NameList,
    pub(super) outside: Outside,
    /// What was found outside and in secret variables.
    pub(super) secrets: RefCell<Vec<Secret>>,
}

impl Vocabulary {
    /// Compiles a template that is rendered at `moment`.
    pub(super) fn template(&self, text: &str, moment: Moment<'_>) -> Result<Template, String> {
        Template::compile(text, |name| self.part(name, moment))
    }

    /// Why `name` cannot be given to a new variable or value; `None` if it can.
    pub(super) fn refusal(name: &str) -> Option<String> {
        if !is_identifier(name) {
            return Some(format!("\"{name}\" is not a name: letters, digits and _ only, no digit first"));
        }
        let built_in = BUILT_IN.iter().any(|(known, _)| *known == name);
        built_in.then(|| format!("\"{name}\" is the name of a built-in variable"))
    }

    fn part(&self, name: &str, moment: Moment<'_>) -> Result<Part, String> {
        if let Some(secret) = self.outside.secret(name) {
            return Ok(self.secret(secret?));
        }
        if let Some((_, before_open)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            if !before_open && matches!(moment, Moment::Request { .. }) {
                return Err(format!(
                    "{{{name}}} has no meaning before the session is open; it is for periodic messages and quit"
                ));
            }
            return self.built_in(name);
        }
        if let Some(variable) = self.variable(name) {
            return Ok(match variable.is_secret {
                true => self.secret(Secret { name: name.to_owned(), value: variable.value.clone() }),
                false => Part::Literal(variable.value.as_bytes().into()),
            });
        }
        match self.values.position(name) {
            Some(value) => taken(name, value, moment),
            None => Err(self.unknown(name)),
        }
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

    fn built_in(&self, name: &str) -> Result<Part, String> {
        Ok(match name {
            "member_id" => Part::MemberId,
            "challenge_id" => Part::ChallengeId,
            "session" => Part::Session,
            "now_ms" => Part::NowMs,
            "held_ms" => Part::HeldMs,
            "sequence" => Part::Sequence,
            _ => Part::DistanceKm { pace_s_per_km: self.pace()? },
        })
    }

    fn pace(&self) -> Result<u32, String> {
        let Some(variable) = self.variable(PACE) else {
            return Err(format!("{{distance_km}} needs the variable \"{PACE}\" (seconds a kilometre)"));
        };
        let pace = variable.value.parse().ok().filter(|pace| *pace > 0);
        pace.ok_or_else(|| {
            let value = if variable.is_secret { "a secret" } else { &variable.value };
            format!("{{distance_km}} needs \"{PACE}\" in whole seconds, at least 1; it is \"{value}\"")
        })
    }

    fn unknown(&self, name: &str) -> String {
        if name.contains('|') {
            return format!("unknown variable {{{name}}}: there are no filters, values are sent as they are");
        }
        let built_in = BUILT_IN.iter().map(|(known, _)| *known);
        let variables = self.variables.iter().map(|variable| variable.name.as_str());
        let values = self.values.iter();
        match nearest::nearest(name, built_in.chain(variables).chain(values)) {
            Some(near) => format!("unknown variable {{{name}}}; did you mean {{{near}}}?"),
            None => format!(
                "unknown variable {{{name}}}: neither in [variables] nor taken from an answer \
                 (write {{{{{name}}}}} if the braces are meant)"
            ),
        }
    }
}

/// A taken value, if it has been taken and is still kept.
fn taken(name: &str, value: u8, moment: Moment<'_>) -> Result<Part, String> {
    match moment {
        Moment::Request { taken, .. } if taken[usize::from(value)] => Ok(Part::Taken(value)),
        Moment::Request { step, .. } => {
            Err(format!("{{{name}}} is used in the step \"{step}\" before it is taken from an answer"))
        }
        Moment::Message => Err(format!(
            "{{{name}}} was taken from an answer and is forgotten once the session is open; \
             messages can use variables and built-in names only"
        )),
    }
}

/// Names by index, as many as a byte can tell apart (one index is left free for "none").
#[derive(Clone, Debug, Default)]
pub(super) struct NameList {
    names: Vec<String>,
}

/// Entries of a [`NameList`] at most.
pub(super) const NAMES_MAX: usize = u8::MAX as usize;

impl NameList {
    /// The index of `name`, which is added if it is new; `None` when there are too many.
    pub(super) fn index(&mut self, name: &str) -> Option<u8> {
        if let Some(index) = self.position(name) {
            return Some(index);
        }
        if self.names.len() == NAMES_MAX {
            return None;
        }
        self.names.push(name.to_owned());
        Some((self.names.len() - 1) as u8)
    }

    /// The index of `name` if it is there.
    pub(super) fn position(&self, name: &str) -> Option<u8> {
        self.names.iter().position(|known| known == name).map(|index| index as u8)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    pub(super) fn into_vec(self) -> Vec<String> {
        self.names
    }
}

/// The names of errors, and whom entries say that each is blamed on.
#[derive(Debug, Default)]
pub(super) struct ErrorNames {
    pub(super) names: NameList,
    blames: Vec<Option<Blame>>,
}

impl ErrorNames {
    /// The index of `name`, which is added if it is new; `None` when there are too many.
    pub(super) fn index(&mut self, name: &str) -> Option<u8> {
        let index = self.names.index(name)?;
        self.blames.resize(self.names.len(), None);
        Some(index)
    }

    /// Blames every error of this name on `blame`.
    ///
    /// # Errors
    /// Another entry of the name blames it on this instead.
    pub(super) fn blame(&mut self, index: u8, blame: Blame) -> Result<(), Blame> {
        match self.blames[usize::from(index)].replace(blame) {
            Some(other) if other != blame => Err(other),
            _ => Ok(()),
        }
    }

    /// The names, and whom each is blamed on.
    pub(super) fn into_vecs(self) -> (Vec<String>, Vec<Blame>) {
        let blames = self.blames.into_iter().map(|blame| blame.unwrap_or(Blame::Server)).collect();
        (self.names.into_vec(), blames)
    }
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
