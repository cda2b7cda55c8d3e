//! What the user changes of a scenario's periodic messages: `--every NAME.interval=10s`.
//!
//! `--ping-interval`, `--pong-timeout` and `--record-interval` are short forms of it. Knows no
//! session. Invariant: what is written reads back the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use startline_os::units::duration_text;

use crate::nearest;
use crate::scenario::Scenario;
use crate::scenario::every::{Every, Interval};

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EveryOption {
    name: String,
    change: Change,
}

#[derive(Clone, Debug, PartialEq)]
enum Change {
    /// Switches it on, too.
    Interval(Interval),
    Timeout(Duration),
    On(bool),
}

impl EveryOption {
    /// The periodic message that it changes.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for EveryOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("\"{text}\" is not NAME.interval=TIME, NAME.timeout=TIME, NAME=on or NAME=off");
        let (what, value) = text.split_once('=').ok_or_else(wrong)?;
        let (name, change) = match what.rsplit_once('.') {
            Some((name, "interval")) => (name, Change::Interval(value.parse()?)),
            Some((name, "timeout")) => {
                let Interval::Fixed(timeout) = value.parse()? else { return Err(wrong()) };
                (name, Change::Timeout(timeout))
            }
            None if value == "on" || value == "off" => (what, Change::On(value == "on")),
            _ => return Err(wrong()),
        };
        match name.is_empty() {
            true => Err(wrong()),
            false => Ok(Self { name: name.to_owned(), change }),
        }
    }
}

impl fmt::Display for EveryOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, change } = self;
        match change {
            Change::Interval(interval) => write!(f, "{name}.interval={interval}"),
            Change::Timeout(timeout) => write!(f, "{name}.timeout={}", duration_text(*timeout)),
            Change::On(on) => write!(f, "{name}={}", if *on { "on" } else { "off" }),
        }
    }
}

impl TryFrom<String> for EveryOption {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<EveryOption> for String {
    fn from(option: EveryOption) -> Self {
        option.to_string()
    }
}

/// Intervals as text, for serde.
pub mod optional_interval_serde {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::scenario::every::Interval;

    /// As it is read.
    pub fn serialize<S: Serializer>(it: &Option<Interval>, to: S) -> Result<S::Ok, S::Error> {
        match it {
            Some(interval) => to.collect_str(interval),
            None => to.serialize_none(),
        }
    }

    /// As [`Interval`] reads it.
    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Interval>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
    }
}

/// The short forms, each with the option that it is.
pub(super) fn short_forms(
    ping_interval: Option<Duration>,
    pong_timeout: Option<Duration>,
    record_interval: Option<Duration>,
) -> impl Iterator<Item = (&'static str, EveryOption)> {
    let interval = |interval: Duration| Change::Interval(Interval::Fixed(interval));
    let all = [
        ("--ping-interval", "ping", ping_interval.map(interval)),
        ("--pong-timeout", "ping", pong_timeout.map(Change::Timeout)),
        ("--record-interval", "record", record_interval.map(interval)),
    ];
    all.into_iter().filter_map(|(asked, name, change)| {
        Some((asked, EveryOption { name: name.to_owned(), change: change? }))
    })
}

/// Updates of messages that are not sent are nothing to judge, and nothing to report as not measured.
pub(super) fn drop_criteria_of_what_is_off(scenario: &mut Scenario) {
    if !scenario.websocket.iter().flat_map(|websocket| &websocket.every).any(Every::is_broadcast) {
        scenario.criteria.retain(|criterion| !criterion.measure.starts_with("updates."));
    }
}

impl EveryOption {
    /// Changes the scenario's message of this name.
    ///
    /// # Errors
    /// There is no such message, or it awaits nothing and is given a timeout.
    pub(super) fn apply(&self, scenario: &mut Scenario) -> Result<(), String> {
        let websocket = scenario.websocket.iter();
        let names: Vec<String> = websocket.flat_map(|it| &it.every).map(|every| every.name.clone()).collect();
        let every = scenario.websocket.as_mut().and_then(|websocket| websocket.every_named(&self.name));
        let Some(every) = every else {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let hint = if names.is_empty() { String::new() } else { nearest::hint(&self.name, &names) };
            return Err(format!(
                "the scenario \"{}\" has no periodic message \"{}\" ([[websocket.every]]){hint}",
                scenario.name, self.name
            ));
        };
        every.change(self.change.clone())
    }
}

impl Every {
    fn change(&mut self, change: Change) -> Result<(), String> {
        match change {
            Change::Interval(interval) => {
                self.interval = interval;
                self.on = true;
            }
            Change::Timeout(timeout) if self.is_heartbeat() => self.timeout = timeout,
            Change::Timeout(_) => return Err(format!("\"{}\" awaits no reply", self.name)),
            Change::On(on) => self.on = on,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reads_back_the_same() {
        for text in
            ["ping.interval=10s", "ping.timeout=500ms", "say.interval=4s..8s", "a.interval=~1m", "record=on"]
        {
            assert_eq!(text.parse::<EveryOption>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["ping", "ping=10s", "ping.every=10s", ".interval=1s", "ping.timeout=0s", "ping.interval={x}s"]
        {
            assert!(text.parse::<EveryOption>().is_err(), "{text}");
        }
    }
}
