//! The scenarios of a mix's parts as one: what there is to count in all of them together.
//!
//! Nobody plays it. Steps, periodic messages and kinds have their part's name before their own; `connect`
//! and `open` are every part's. Invariant: each thing that a part counts has exactly one place in the whole.

use super::every::{Every, EveryIndex};
use super::steps::Step;
use super::{HttpStep, MessageType, Scenario, StepIndex, WebSocket};

/// Steps of a mix, kinds of its messages and names of its errors at most: each is numbered by a byte.
const COUNT_MAX: usize = 250;

/// Where the things stand in the whole that a part counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Of each of its steps, and behind them of failures in the hold.
    steps: Vec<StepIndex>,
    every: Vec<EveryIndex>,
    messages: Vec<MessageType>,
    errors: u8,
    values: u8,
}

impl Places {
    /// Where a step of the part stands.
    pub fn step(&self, step: StepIndex) -> StepIndex {
        let last = || self.steps.last().copied().unwrap_or(step);
        self.steps.get(step.index()).copied().unwrap_or_else(last)
    }

    /// Where a periodic message stands.
    pub fn every(&self, every: usize) -> usize {
        self.every.get(every).map_or(every, |place| place.index())
    }

    /// Where a kind of messages stands.
    pub fn message(&self, kind: MessageType) -> MessageType {
        self.messages.get(usize::from(kind.0)).copied().unwrap_or(MessageType::OTHER)
    }

    /// Where the name of an error stands.
    pub fn error(&self, name: u8) -> u8 {
        self.errors.saturating_add(name)
    }

    /// Where the name of a value stands.
    pub fn value(&self, name: u8) -> u8 {
        self.values.saturating_add(name)
    }
}

impl Scenario {
    /// Whether it is several scenarios as one: nobody wrote it, and it judges nothing.
    pub fn is_joined(&self) -> bool {
        self.source.is_empty()
    }
}

/// Joins the scenarios of named parts.
///
/// # Errors
/// They have more to count than can be numbered.
pub fn join(name: &str, parts: &[(&str, &Scenario)]) -> Result<(Scenario, Vec<Places>), String> {
    let Some((_, first)) = parts.first() else { return Err("a mix has no part".to_owned()) };
    let named = |part: &str, own: &str| format!("{part}/{own}");
    let websocket = parts.iter().find_map(|(_, scenario)| scenario.websocket.as_ref());
    let mut whole = Scenario {
        name: name.to_owned(),
        source: String::new(),
        http: Vec::new(),
        schedule: None,
        reconnect: parts.iter().find_map(|(_, scenario)| scenario.reconnect.clone()),
        join: None,
        leave: None,
        websocket: websocket.map(emptied),
        stages: Vec::new(),
        lifetime: None,
        abort_on: Vec::new(),
        criteria: Vec::new(),
        value_names: Vec::new(),
        takes: 0,
        kept: Vec::new(),
        columns: Vec::new(),
        literal_braces: Vec::new(),
        doubts: Vec::new(),
        error_names: Vec::new(),
        error_blames: Vec::new(),
        ..(*first).clone()
    };
    let mut offsets = Vec::new();
    for (part, scenario) in parts {
        let [errors, values] =
            [&whole.error_names, &whole.value_names].map(|it| it.len().min(COUNT_MAX) as u8);
        offsets.push((errors, values));
        whole.value_names.extend(scenario.value_names.iter().cloned());
        whole.error_names.extend(scenario.error_names.iter().cloned());
        whole.error_blames.extend(&scenario.error_blames);
        let http = scenario.http.iter().map(|step| HttpStep {
            name: named(part, &step.name),
            marks_member: false,
            errors: Vec::new(),
            ..step.clone()
        });
        whole.http.extend(http);
        let (Some(of), Some(all)) = (&scenario.websocket, &mut whole.websocket) else { continue };
        let is_own = |step: &&Step| step.name != "open";
        let steps = of.steps.iter().filter(is_own);
        all.steps.extend(steps.map(|step| Step {
            name: named(part, &step.name),
            request: None,
            ..step.clone()
        }));
        let every = of.every.iter();
        all.every.extend(every.map(|one| Every {
            name: named(part, &one.name),
            broadcast: None,
            ..one.clone()
        }));
        let kinds = of.kinds.kinds.iter();
        all.kinds.kinds.extend(kinds.cloned().map(|mut kind| {
            kind.name = named(part, &kind.name);
            kind.broadcast = None;
            kind
        }));
    }
    let names = whole.step_names();
    let kinds = whole.websocket.as_ref().map_or(0, |websocket| websocket.kinds.kinds.len());
    let names_of = whole.error_names.len().max(whole.value_names.len());
    if names.len().max(kinds).max(names_of) > COUNT_MAX {
        return Err(format!(
            "its parts have {} steps, {kinds} kinds of messages and {names_of} names of errors or values together, and there can be {COUNT_MAX} of each",
            names.len(),
        ));
    }
    let place_of = |part: &str, own: &str| {
        let whole = if matches!(own, "connect" | "open") { own.to_owned() } else { named(part, own) };
        StepIndex(names.iter().position(|name| *name == whole).unwrap_or(names.len()) as u8)
    };
    let (mut every, mut messages) = (0, 0);
    let places = parts.iter().zip(offsets).map(|((part, scenario), (errors, values))| {
        let own = scenario.step_names();
        let steps = own.iter().map(|own| place_of(part, own)).chain([StepIndex(names.len() as u8)]);
        let websocket = scenario.websocket.as_ref();
        let beats = websocket.map_or(0, |it| it.every.len()) as u8;
        let kinds = websocket.map_or(0, |it| it.kinds.kinds.len()) as u8;
        let places = Places {
            steps: steps.collect(),
            every: (every..every + beats).map(EveryIndex).collect(),
            messages: (messages..messages + kinds).map(MessageType).collect(),
            errors,
            values,
        };
        (every, messages) = (every + beats, messages + kinds);
        places
    });
    let places = places.collect();
    Ok((whole, places))
}

/// A WebSocket of which nothing is left to count, and in which nobody is announced.
fn emptied(websocket: &WebSocket) -> WebSocket {
    let mut websocket = websocket.clone();
    websocket.steps.clear();
    websocket.every.clear();
    websocket.kinds.kinds.clear();
    websocket.kinds.error_codes.clear();
    (websocket.kinds.subject, websocket.kinds.listing) = (None, None);
    websocket
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_can_be_numbered_is_refused() {
        let runnity = Scenario::runnity();
        let parts = vec![("p", &runnity); 40];
        assert!(join("mix", &parts).expect_err("too many").contains("there can be 250 of each"));
    }
}
