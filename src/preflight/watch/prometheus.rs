//! Checks whether Prometheus runs and scrapes its targets, by its `/api/v1/targets`.
//!
//! Invariant: a target that cannot be read in an answer counts as down, never as up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use startline_os::units;

use crate::checks::{Check, Figure, Fix, Verdict};
use crate::preflight::format::{clean, listed};
use crate::watch::prometheus::Prometheus;

const ID: &str = "watch-prometheus";

/// Where its targets are listed.
pub const PATH: &str = "/api/v1/targets?state=active";

/// The interval of a target that does not say it; Prometheus's own default.
const INTERVAL_DEFAULT: Duration = Duration::from_secs(60);
/// A scrape is late once it is this many intervals old, …
const INTERVALS_MAX: i32 = 2;
/// … and so much more, which a slow scrape and a clock that is off may take.
const SLACK: SignedDuration = SignedDuration::from_secs(10);

/// What it answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; null if it is not JSON.
    pub json: Value,
    /// Its clock.
    pub now: Timestamp,
}

/// How a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Down,
    Pending,
    Late,
}

/// A target of its.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Scraped {
    job: String,
    instance: String,
    state: State,
    said: String,
}

/// The check, if it was not made.
pub fn skipped(name: &str, server: &Prometheus, cause: &str) -> Check {
    Check::skipped(ID, name.to_owned(), need(server), cause)
}

fn need(server: &Prometheus) -> Figure {
    Figure::words(match &server.targets[..] {
        [] => "every active target up and scraped".to_owned(),
        named => format!("up and scraped: {}", named.join(", ")),
    })
}

/// Judges an answer, or the reason for none.
pub fn check(name: &str, server: &Prometheus, answer: &Result<Answer, String>) -> Check {
    let need = need(server);
    let failed = |reading: &str, why: String| {
        let fix = Fix::command("shows what answers", format!("curl -v '{}{PATH}'", server.url));
        Check::ok(ID, name.to_owned(), Figure::words(reading), need.clone()).but(
            Verdict::Fail,
            why,
            vec![fix],
        )
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => return failed("no answer", format!("{}: {}", server.url, clean(why))),
    };
    let targets = answer.json.pointer("/data/activeTargets").and_then(Value::as_array);
    let Some(targets) = targets.filter(|_| answer.status == 200) else {
        let why = format!("{}{PATH} answers {} and no list of targets", server.url, answer.status);
        return failed("another answer", why);
    };
    let scraped: Vec<Scraped> = targets.iter().map(|target| Scraped::read(target, answer.now)).collect();
    let up = scraped.iter().filter(|target| target.state == State::Up).count();
    let reading = Figure::new(up as u64, "targets", format!("{up} of {} active targets up", scraped.len()));
    judged(server, &scraped, Check::ok(ID, name.to_owned(), reading, need))
}

fn judged(server: &Prometheus, scraped: &[Scraped], check: Check) -> Check {
    let is_named = |target: &&Scraped| {
        server.targets.is_empty() || server.targets.iter().any(|name| target.is_called(name))
    };
    let absent: Vec<&String> =
        server.targets.iter().filter(|name| !scraped.iter().any(|target| target.is_called(name))).collect();
    let ill = |state: State, wanted: bool| -> Vec<String> {
        let those = scraped.iter().filter(|target| target.state == state && is_named(target) == wanted);
        those.map(Scraped::text).collect()
    };
    let mut failures = Vec::new();
    if scraped.is_empty() {
        failures.push("it has no active target".to_owned());
    }
    if !absent.is_empty() {
        let known: Vec<String> = scraped.iter().map(|target| target.job.clone()).collect();
        let hint = match known.is_empty() {
            true => String::new(),
            false => format!(" (its jobs: {})", listed(&unique(known))),
        };
        failures.push(format!("no active target has the job or instance {}{hint}", listed(&absent)));
    }
    for (state, words) in [(State::Down, "down"), (State::Late, "not scraped lately")] {
        let ill = ill(state, true);
        if !ill.is_empty() {
            failures.push(format!("{words}: {}", listed(&ill)));
        }
    }
    if !failures.is_empty() {
        let fixes = vec![Fix::advice(format!("{}/targets shows each with its last error", server.url))];
        return check.but(Verdict::Fail, failures.join("; "), fixes);
    }
    let pending = ill(State::Pending, true);
    let others = [State::Down, State::Late].map(|state| ill(state, false)).concat();
    let mut warnings = Vec::new();
    if !pending.is_empty() {
        warnings.push(format!("not scraped yet: {}", listed(&pending)));
    }
    if !others.is_empty() {
        warnings.push(format!("other targets are down or late: {}", listed(&others)));
    }
    if warnings.is_empty() {
        return check;
    }
    check.but(
        Verdict::Warn,
        warnings.join("; "),
        vec![Fix::advice(format!("wait for a scrape; {}/targets shows when each was", server.url))],
    )
}

impl Scraped {
    fn read(target: &Value, now: Timestamp) -> Self {
        let text = |pointer: &str| target.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let interval = units::duration(text("/scrapeInterval")).unwrap_or(INTERVAL_DEFAULT);
        let state = match text("/health") {
            "up" if is_recent(text("/lastScrape"), interval, now) => State::Up,
            "up" => State::Late,
            "unknown" => State::Pending,
            _ => State::Down,
        };
        Self {
            job: clean(text("/labels/job")),
            instance: clean(text("/labels/instance")),
            state,
            said: clean(text("/lastError")),
        }
    }

    fn is_called(&self, name: &str) -> bool {
        self.job == name || self.instance == name
    }

    /// `business 10.0.0.5:8080 (connection refused)`.
    fn text(&self) -> String {
        let Self { job, instance, said, .. } = self;
        if said.is_empty() { format!("{job} {instance}") } else { format!("{job} {instance} ({said})") }
    }
}

fn is_recent(scraped_at: &str, interval: Duration, now: Timestamp) -> bool {
    let interval = SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX);
    let most = interval.saturating_mul(INTERVALS_MAX).saturating_add(SLACK);
    scraped_at.parse::<Timestamp>().is_ok_and(|at| now.duration_since(at) <= most)
}

fn unique(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(job: &str, health: &str, scraped_at: &str) -> Value {
        let error = if health == "down" { "connection\nrefused" } else { "" };
        json!({
            "labels": { "job": job, "instance": format!("{job}:80") },
            "health": health,
            "lastError": error,
            "lastScrape": scraped_at,
            "scrapeInterval": "15s",
        })
    }

    fn judged(names: &[&str], targets: &[Value]) -> Check {
        let targets_wanted = names.iter().map(ToString::to_string).collect();
        let server =
            Prometheus { targets: targets_wanted, ..Prometheus::at("http://p:9090").expect("a URL") };
        let now = "2026-11-26T10:00:00Z".parse().expect("an instant");
        check(
            "Prometheus",
            &server,
            &Ok(Answer { status: 200, json: json!({ "data": { "activeTargets": targets } }), now }),
        )
    }

    const RECENT: &str = "2026-11-26T18:59:30.123456789+09:00";

    #[test]
    fn all_up_and_scraped_is_well() {
        let check = judged(&[], &[target("a", "up", RECENT), target("b", "up", RECENT)]);
        assert_eq!((check.verdict, check.reading.text.as_str()), (Verdict::Ok, "2 of 2 active targets up"));
    }

    #[test]
    fn whoever_is_down_or_late_fails() {
        let down = judged(&[], &[target("a", "up", RECENT), target("b", "down", RECENT)]);
        assert_eq!(down.verdict, Verdict::Fail);
        assert_eq!(down.why.as_deref(), Some("down: b b:80 (connection refused)"));
        let late = judged(&[], &[target("a", "up", "2026-11-26T09:59:00Z")]);
        assert_eq!(late.why.as_deref(), Some("not scraped lately: a a:80"));
        assert_eq!(judged(&[], &[target("a", "up", "soon")]).verdict, Verdict::Fail);
        assert_eq!(judged(&[], &[]).why.as_deref(), Some("it has no active target"));
        let new = judged(&[], &[target("a", "unknown", "0001-01-01T00:00:00Z")]);
        assert_eq!((new.verdict, new.why.as_deref()), (Verdict::Warn, Some("not scraped yet: a a:80")));
    }

    #[test]
    fn named_targets_are_the_ones_that_count() {
        let both = [target("a", "up", RECENT), target("b", "down", RECENT)];
        assert_eq!(judged(&["a"], &both).verdict, Verdict::Warn);
        assert_eq!(judged(&["a:80"], &both[..1]).verdict, Verdict::Ok);
        assert_eq!(judged(&["b"], &both).verdict, Verdict::Fail);
        let absent = judged(&["c"], &both);
        assert_eq!(
            absent.why.as_deref(),
            Some("no active target has the job or instance c (its jobs: a, b)")
        );
    }

    #[test]
    fn another_answer_fails() {
        let server = Prometheus::at("http://p").expect("a URL");
        let now = Timestamp::UNIX_EPOCH;
        let odd = check("Prometheus", &server, &Ok(Answer { status: 404, json: Value::Null, now }));
        assert!(odd.why.expect("a reason").ends_with("answers 404 and no list of targets"));
        assert_eq!(
            check("Prometheus", &server, &Err("refused".into())).why.as_deref(),
            Some("http://p: refused")
        );
    }
}
