//! Compiles `[reconnect]`: how an open session whose connection ends comes back.
//!
//! Knows no session. Invariant: a policy that exists has delays that timers can keep, and names
//! only failures that there are.

use std::time::Duration;

use startline_os::units::duration_text;

use super::document::{Section, Text};
use super::names::ErrorNames;
use super::request::{DELAY_MAX, Result};
use super::{HttpStep, WebSocket};
use crate::fault::Fault;
use crate::nearest;

pub(super) const KEYS: [&str; 10] = [
    "first_delay",
    "factor",
    "jitter",
    "max_delay",
    "attempts",
    "give_up_after",
    "retry_for",
    "rate_max",
    "from",
    "token_age",
];

/// Before the first attempt, where the file gives none.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// Each delay over the one before it, where the file gives none.
const FACTOR: f64 = 2.0;
/// The part of a delay that is drawn, where the file gives none.
const JITTER: f64 = 0.5;
/// The longest delay, where the file gives none.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// How an open session whose connection ends comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconnect {
    /// Before the first attempt.
    pub first_delay: Duration,
    /// Each delay over the one before it.
    pub factor: f64,
    /// The part of a delay that is drawn: 0 none of it, 1 all.
    pub jitter: f64,
    /// The longest delay.
    pub max_delay: Duration,
    /// Attempts after a drop, at most.
    pub attempts: Option<u32>,
    /// No attempt begins so long after its drop, or later.
    pub give_up_after: Option<Duration>,
    /// The same where the last failure has this name, as in results; zero: it is not retried.
    pub retry_for: Vec<(String, Duration)>,
    /// Attempts a second of the whole run, at most.
    pub rate_max: Option<f64>,
    /// The HTTP step that an attempt begins with while what steps before it took is fresh; behind
    /// the last: the WebSocket's connection.
    pub from: Option<u8>,
    /// How long that is fresh; `None`: for as long as the session lives, or until it is refused.
    pub token_age: Option<Duration>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            first_delay: FIRST_DELAY,
            factor: FACTOR,
            jitter: JITTER,
            max_delay: MAX_DELAY,
            attempts: None,
            give_up_after: None,
            retry_for: Vec::new(),
            rate_max: None,
            from: None,
            token_age: None,
        }
    }
}

impl Reconnect {
    /// The longest that the k-th delay after a drop can be, from 0.
    pub fn delay_max(&self, k: u32) -> Duration {
        let longest = self.max_delay.as_secs_f64();
        let delay = self.first_delay.as_secs_f64() * self.factor.powi(i32::try_from(k).unwrap_or(i32::MAX));
        if delay < longest { Duration::from_secs_f64(delay) } else { self.max_delay }
    }

    /// The same of the k-th, where this part of what is drawn was: from 0 to below 1.
    pub fn delay(&self, k: u32, drawn: f64) -> Duration {
        self.delay_max(k).mul_f64(1.0 - self.jitter * drawn)
    }

    /// How long after its drop a session may begin an attempt at the latest, where it failed under
    /// this name.
    pub fn gives_up_after(&self, failure: &str) -> Option<Duration> {
        let own = self.retry_for.iter().find(|(name, _)| name == failure).map(|(_, span)| *span);
        own.into_iter().chain(self.give_up_after).min()
    }

    /// In a sentence.
    pub fn text(&self, step_names: &[String]) -> String {
        let Self { first_delay, factor, jitter, max_delay, .. } = self;
        let [first, longest] = [first_delay, max_delay].map(|it| duration_text(*it));
        let mut text = format!("after {first}, each further time {factor} times later, at most {longest}");
        if *jitter > 0.0 {
            text += &format!(", of each delay {:.0} % drawn", jitter * 100.0);
        }
        let limits = [
            self.attempts.map(|attempts| format!("{attempts} attempts at most")),
            self.give_up_after.map(|span| format!("for {} at most", duration_text(span))),
            self.rate_max.map(|rate| format!("{rate}/s in the run at most")),
        ];
        limits.into_iter().flatten().for_each(|limit| text += &format!("; {limit}"));
        for (name, span) in &self.retry_for {
            text += &match span.is_zero() {
                true => format!("; not after {name}"),
                false => format!("; after {name} for {} at most", duration_text(*span)),
            };
        }
        if let Some(step) = self.from.and_then(|from| step_names.get(usize::from(from))) {
            text += &format!("; from {step} on");
            if let Some(age) = self.token_age {
                text += &format!(" for {} after what comes before it", duration_text(age));
            }
        }
        text
    }
}

/// Compiles `[reconnect]`, if there is one.
pub(super) fn compile(
    root: &Section<'_>,
    http: &[HttpStep],
    websocket: Option<&WebSocket>,
    errors: &ErrorNames,
) -> Result<Option<Reconnect>> {
    let Some(section) = root.section("reconnect", "[reconnect]", &KEYS)? else { return Ok(None) };
    if websocket.is_none() {
        return Err(section.own_error("there is no [websocket] to come back to"));
    }
    let delay = |key: &str| section.delay(key, DELAY_MAX);
    let first_delay = delay("first_delay")?.unwrap_or(FIRST_DELAY);
    let policy = Reconnect {
        first_delay,
        factor: number(&section, "factor", 1.0..=100.0)?.unwrap_or(FACTOR),
        jitter: number(&section, "jitter", 0.0..=1.0)?.unwrap_or(JITTER),
        max_delay: delay("max_delay")?.unwrap_or(MAX_DELAY.max(first_delay)),
        attempts: section.count("attempts")?,
        give_up_after: delay("give_up_after")?,
        retry_for: retry_for(&section, errors)?,
        rate_max: rate(&section)?,
        from: from(&section, http)?,
        token_age: delay("token_age")?,
    };
    if policy.max_delay < first_delay {
        let message = format!("it is shorter than \"first_delay\", which is {}", duration_text(first_delay));
        return Err(section.error("max_delay", section.place("max_delay"), message));
    }
    if policy.token_age.is_some() && policy.from.is_none() {
        let message = "it says how long steps need not be repeated: give \"from\", the first step that is";
        return Err(section.error("token_age", section.place("token_age"), message));
    }
    Ok(Some(policy))
}

fn number(section: &Section<'_>, key: &str, range: std::ops::RangeInclusive<f64>) -> Result<Option<f64>> {
    let Some(number) = section.number(key)? else { return Ok(None) };
    if range.contains(&number) {
        return Ok(Some(number));
    }
    let message = format!("{number} is not from {} to {}", range.start(), range.end());
    Err(section.error(key, section.place(key), message))
}

/// `"200/s"` or `"50/m"`, a second.
fn rate(section: &Section<'_>) -> Result<Option<f64>> {
    let Some(text) = section.text("rate_max")? else { return Ok(None) };
    let parsed = text.value.split_once('/').and_then(|(count, per)| {
        let count: f64 = count.trim().parse().ok().filter(|count| *count > 0.0 && f64::is_finite(*count))?;
        match per.trim() {
            "s" => Some(count),
            "m" => Some(count / 60.0),
            _ => None,
        }
    });
    let wrong = || section.error("rate_max", text.span.clone(), "a rate is wanted here, such as \"200/s\"");
    parsed.map(Some).ok_or_else(wrong)
}

fn from(section: &Section<'_>, http: &[HttpStep]) -> Result<Option<u8>> {
    let Some(text) = section.text("from")? else { return Ok(None) };
    let names: Vec<&str> = http.iter().map(|step| step.name.as_str()).chain(["connect"]).collect();
    match names.iter().position(|name| *name == text.value) {
        Some(0) => Err(section.error("from", text.span, "every attempt begins with the first step anyway")),
        Some(place) => Ok(Some(place as u8)),
        None => {
            let hint = nearest::hint(text.value, &names);
            let message = format!("\"{}\" is not a step before the 101{hint}", text.value);
            Err(section.error("from", text.span, message))
        }
    }
}

fn retry_for(section: &Section<'_>, errors: &ErrorNames) -> Result<Vec<(String, Duration)>> {
    let pair = |(name, span): (Text<'_>, Text<'_>)| {
        let key = format!("retry_for.{}", name.value);
        if errors.names.position(name.value).is_none() && !Fault::is_key(name.value) {
            let own = nearest::nearest(name.value, errors.names.iter());
            let hint = match own.or_else(|| nearest::nearest(name.value, Fault::keys())) {
                Some(near) => format!("; did you mean \"{near}\"?"),
                None => "; docs/failures.md lists them, and the scenario's own errors have theirs".to_owned(),
            };
            let message = format!("\"{}\" is not the name of a failure{hint}", name.value);
            return Err(section.error(&key, name.span, message));
        }
        let duration = startline_os::units::duration(span.value);
        let duration = duration.map_err(|why| section.error(&key, span.span.clone(), why))?;
        if duration > DELAY_MAX {
            let message = format!("it can be {} at most", duration_text(DELAY_MAX));
            return Err(section.error(&key, span.span, message));
        }
        Ok((name.value.to_owned(), duration))
    };
    section.pairs("retry_for", false)?.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_their_cap_and_are_never_beyond_it() {
        let policy = Reconnect { max_delay: Duration::from_secs(10), ..Reconnect::default() };
        let most: Vec<u64> = (0..6).map(|k| policy.delay_max(k).as_millis() as u64).collect();
        assert_eq!(most, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        assert_eq!(policy.delay_max(u32::MAX), policy.max_delay);
        for k in 0..40 {
            assert_eq!(policy.delay(k, 0.0), policy.delay_max(k));
            let least = policy.delay(k, 0.999_999);
            assert!(least >= policy.delay_max(k).mul_f64(0.5) && least < policy.delay_max(k).mul_f64(0.501));
        }
    }

    #[test]
    fn what_a_failure_says_of_giving_up_comes_beside_what_all_have() {
        let of = |give_up_after| Reconnect {
            give_up_after,
            retry_for: vec![
                ("closed-1008".into(), Duration::ZERO),
                ("NOT_YET".into(), Duration::from_secs(100)),
            ],
            ..Reconnect::default()
        };
        let policy = of(None);
        assert_eq!(policy.gives_up_after("closed-1008"), Some(Duration::ZERO));
        assert_eq!(policy.gives_up_after("NOT_YET"), Some(Duration::from_secs(100)));
        assert_eq!(policy.gives_up_after("reset"), None);
        let policy = of(Some(Duration::from_secs(60)));
        assert_eq!(policy.gives_up_after("NOT_YET"), Some(Duration::from_secs(60)));
    }
}
