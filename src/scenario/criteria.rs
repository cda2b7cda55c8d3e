//! The measures that exist, and a scenario's criteria over them.
//!
//! Evaluates nothing: `report` does, from the finished result. Invariant: a compiled [`Criterion`]
//! names a measure of [`MEASURES`], or a statistic of one of the scenario's steps, that this
//! scenario can produce.

use std::time::Duration;

use super::document::Section;
use super::error::ScenarioError;
use super::every::Every;
use super::kinds::Kind;
use super::{Criterion, Good, WebSocket};
use crate::nearest;

/// Something that is measured in every run that has what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Its name in criteria.
    pub name: &'static str,
    /// For display: `%` belongs to a share from 0 to 1.
    pub unit: &'static str,
    /// What it is.
    pub about: &'static str,
    needs: Needs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    WebSocket,
    Pairs,
    Left,
    Ticket,
    Updates,
}

/// All measures besides the steps' latencies (`steps.<step>.<statistic>_ms`, see
/// [`STEP_STATISTICS`]).
pub const MEASURES: [Measure; 28] = [
    measure("arrivals.achieved_per_s", "/s", "sessions started a second, over the ramp", Needs::Nothing),
    measure("arrivals.achieved_share", "%", "of the planned arrival rate", Needs::Nothing),
    measure("errors.rate", "%", "failed sessions and heartbeats over all attempted", Needs::Nothing),
    measure("errors.reconnected", "", "requests sent again: their connection was closed", Needs::Nothing),
    measure("find_max.sessions", "sessions", "the most that hold, found by --find-max", Needs::WebSocket),
    measure("ledger.duplicate", "", "pairs of observer and member announced twice", Needs::Pairs),
    measure(
        "ledger.gone_while_open",
        "",
        "members announced as gone while their session is open",
        Needs::Left,
    ),
    measure("ledger.missing", "", "pairs of observer and member never announced", Needs::Pairs),
    measure("membership.missing", "", "pairs of observer and closed session never announced", Needs::Left),
    measure("membership.still_listed", "", "failed sessions listed long after", Needs::Left),
    measure("membership.unannounced", "", "sessions that closed and nobody was told", Needs::Left),
    measure("reconnects.attempts", "", "attempts of sessions that dropped to come back", Needs::WebSocket),
    measure("reconnects.away_peak", "sessions", "most away at once in the hold", Needs::WebSocket),
    measure("reconnects.dropped", "", "open sessions whose connection ended", Needs::WebSocket),
    measure("reconnects.gave_up", "", "of these, given up by the policy", Needs::WebSocket),
    measure("reconnects.recovered", "", "of these, open again", Needs::WebSocket),
    measure("reconnects.recovered_share", "%", "the same, of those that dropped", Needs::WebSocket),
    measure("servers.misrouted", "", "members sent elsewhere than their hash says", Needs::WebSocket),
    measure(
        "servers.smallest_share",
        "%",
        "sessions opened on the smallest server over an even share",
        Needs::WebSocket,
    ),
    measure("sessions.finished", "sessions", "closed because they had finished", Needs::WebSocket),
    measure("sessions.min_in_hold", "sessions", "least open at any instant of the hold", Needs::WebSocket),
    measure("sessions.min_in_hold_share", "%", "the same, of the sessions planned", Needs::WebSocket),
    measure("ticket_age.max_ms", "ms", "the oldest ticket when its upgrade was sent", Needs::Ticket),
    measure("ticket_age.p95_ms", "ms", "age of tickets when their upgrades were sent", Needs::Ticket),
    measure("updates.duplicate", "", "updates of a pair that came again", Needs::Updates),
    measure("updates.missing", "", "updates that did not come", Needs::Updates),
    measure("updates.missing_share", "%", "the same, of those expected", Needs::Updates),
    measure("updates.out_of_order", "", "updates after a later one of their member", Needs::Updates),
];

/// Statistics of a step's latency from the instant it was due: `steps.enter.p95_ms`.
pub const STEP_STATISTICS: [&str; 8] = ["mean", "min", "p50", "p90", "p95", "p99", "p999", "max"];

/// Counts of a periodic message: `every.ping.unanswered`.
pub const EVERY_COUNTS: [&str; 7] = ["due", "sent", "answered", "late", "unanswered", "missed", "pending"];

/// Counts of a kind of messages: `messages.trade.missing`; the last two are of numbered ones.
pub const KIND_COUNTS: [&str; 5] = ["received", "per_s", "answers", "missing", "duplicate"];

const fn measure(name: &'static str, unit: &'static str, about: &'static str, needs: Needs) -> Measure {
    Measure { name, unit, about, needs }
}

pub(super) const KEYS: [&str; 8] =
    ["name", "measure", "below", "at_most", "at_least", "warn", "needs_sessions", "needs_hold"];

/// The error rate that a scenario is held to if it sets none.
const ERROR_RATE_MAX: f64 = 0.01;

/// Adds the limit of the error rate, unless the scenario sets its own.
pub(super) fn add_error_rate(criteria: &mut Vec<Criterion>) {
    if criteria.iter().any(|criterion| criterion.measure == "errors.rate") {
        return;
    }
    let taken = criteria.iter().any(|criterion| criterion.name == "error-rate");
    criteria.push(Criterion {
        name: if taken { "errors.rate" } else { "error-rate" }.to_owned(),
        measure: "errors.rate".to_owned(),
        good: Good::AtMost,
        limit: ERROR_RATE_MAX,
        warn: None,
        unit: "%".to_owned(),
        needs_sessions: None,
        needs_hold: None,
    });
}

/// Compiles one `[[criteria]]`. `steps` are the scenario's, as in [`super::Scenario::step_names`].
pub(super) fn compile(
    section: &Section<'_>,
    steps: &[String],
    websocket: Option<&WebSocket>,
) -> Result<Criterion, ScenarioError> {
    let name = section.required_text("name")?.value.to_owned();
    let measure = section.required_text("measure")?;
    let unit = unit_of(measure.value, steps, websocket)
        .map_err(|reason| section.error("measure", measure.span.clone(), reason))?;
    let (good, limit) = limit(section)?;
    let warn = section.number("warn")?;
    if let Some(warn) = warn {
        let beyond = if good == Good::AtLeast { warn < limit } else { warn > limit };
        if !beyond {
            let message = format!("{warn} is not on the bad side of the limit, {limit}");
            return Err(section.error("warn", section.place("warn"), message));
        }
    }
    Ok(Criterion {
        name,
        measure: measure.value.to_owned(),
        good,
        limit,
        warn,
        unit,
        needs_sessions: section.count("needs_sessions")?,
        needs_hold: section.duration("needs_hold")?,
    })
}

/// The one limit that is given.
fn limit(section: &Section<'_>) -> Result<(Good, f64), ScenarioError> {
    let mut given = Vec::new();
    for (key, good) in [("below", Good::Below), ("at_most", Good::AtMost), ("at_least", Good::AtLeast)] {
        if section.is_text(key) && section.required_text(key)?.value.trim_end().ends_with('%') {
            let message = "shares are from 0 to 1, 0.1 % is 0.001";
            return Err(section.error(key, section.place(key), message));
        }
        if let Some(limit) = section.number(key)? {
            given.push((good, limit));
        }
    }
    match given[..] {
        [one] => Ok(one),
        _ => Err(section.own_error("give exactly one of \"below\", \"at_most\" and \"at_least\"")),
    }
}

/// The step and the statistic of a measure `steps.<step>.<statistic>_ms`: `login` and `p95`; none of any other measure.
pub fn step_statistic(measure: &str) -> Option<(&str, &str)> {
    measure.strip_prefix("steps.")?.strip_suffix("_ms")?.rsplit_once('.')
}

/// What measures begin with that are known of a whole run, and of no part of it.
pub const OF_A_RUN: [&str; 5] = ["arrivals.", "find_max.", "ledger.", "membership.", "stage."];

/// The stage that a measure is of, and which of its measures: `stage.NAME.MEASURE`. Of a step's latency
/// `steps.` may be left out.
pub fn of_stage<'m>(name: &'m str, steps: &[String]) -> Option<(&'m str, String)> {
    let (stage, measure) = name.strip_prefix("stage.")?.split_once('.')?;
    Some((stage, full_name(measure, steps)))
}

/// The whole name of a measure of which `steps.` may have been left out.
pub fn full_name(measure: &str, steps: &[String]) -> String {
    let is_step = |step: &String| measure.strip_prefix(step.as_str()).is_some_and(|it| it.starts_with('.'));
    let is_short = steps.iter().any(is_step);
    if is_short { format!("steps.{measure}") } else { measure.to_owned() }
}

/// The unit of a measure that this scenario can produce.
///
/// # Errors
/// There is no such measure, or the scenario cannot produce it.
pub fn unit_of(measure: &str, steps: &[String], websocket: Option<&WebSocket>) -> Result<String, String> {
    if let Some((stage, measure)) = of_stage(measure, steps) {
        return match OF_A_RUN.iter().find(|name| measure.starts_with(**name)) {
            Some(name) => {
                Err(format!("{name}* is of a whole run, not of a stage: leave out \"stage.{stage}.\""))
            }
            None => unit_of(&measure, steps, websocket),
        };
    }
    if let Some(rest) = measure.strip_prefix("steps.") {
        return step_unit(measure, rest, steps);
    }
    if let Some(rest) = measure.strip_prefix("every.") {
        return every_unit(measure, rest, websocket);
    }
    if let Some(rest) = measure.strip_prefix("messages.") {
        return kind_unit(measure, rest, websocket);
    }
    if let Some(rest) = measure.strip_prefix("propagation.") {
        return propagation_unit(measure, rest, websocket);
    }
    if let (Some(figure), Some(_)) = (measure.strip_prefix("reconnects.time_lost."), websocket) {
        return statistic_unit(figure);
    }
    if let Some(figure) = measure.strip_prefix("ping.") {
        return Err(format!("\"{measure}\" is written otherwise now: every.NAME.{figure}"));
    }
    let Some(known) = MEASURES.iter().find(|known| known.name == measure) else {
        let names: Vec<&str> = MEASURES.iter().map(|known| known.name).collect();
        let hint = nearest::hint(measure, &names);
        let steps = if hint.contains("valid:") { ", steps.<step>.<statistic>_ms" } else { "" };
        return Err(format!("there is no measure \"{measure}\"{hint}{steps}"));
    };
    let told = websocket.map(|ws| ws.kinds.told()).unwrap_or_default();
    let lacking = match known.needs {
        Needs::Nothing => None,
        Needs::WebSocket => websocket.is_none().then_some("[websocket]"),
        Needs::Pairs => (!told.entered && !told.listed)
            .then_some("kind with the role \"entered\", or \"listed\" in [websocket.presence]"),
        Needs::Left => (!told.left).then_some("kind with the role \"left\""),
        Needs::Updates => websocket
            .is_none_or(|ws| ws.every.iter().all(|every| every.broadcast.is_none()))
            .then_some("[[websocket.every]] with broadcast"),
        Needs::Ticket => {
            websocket.is_none_or(|ws| ws.ticket_lifetime.is_none()).then_some("websocket.ticket_lifetime")
        }
    };
    match lacking {
        Some(section) => Err(format!("this scenario has no {section}, so it cannot measure \"{measure}\"")),
        None => Ok(known.unit.to_owned()),
    }
}

fn every_unit(measure: &str, rest: &str, websocket: Option<&WebSocket>) -> Result<String, String> {
    let Some((name, figure)) = rest.rsplit_once('.') else {
        return Err(format!("\"{measure}\" is not every.<name>.<count>"));
    };
    let all: Vec<&Every> = websocket.iter().flat_map(|websocket| &websocket.every).collect();
    let Some(every) = all.iter().find(|every| every.name == name) else {
        let names: Vec<&str> = all.iter().map(|every| every.name.as_str()).collect();
        let hint = if names.is_empty() { String::new() } else { nearest::hint(name, &names) };
        return Err(format!("there is no periodic message \"{name}\" ([[websocket.every]]){hint}"));
    };
    if !EVERY_COUNTS.contains(&figure) {
        return Err(format!("there is no count \"{figure}\"{}", nearest::hint(figure, &EVERY_COUNTS)));
    }
    if !every.is_heartbeat() && !["due", "sent", "missed"].contains(&figure) {
        return Err(format!("\"{name}\" awaits no reply, so it cannot measure \"{measure}\""));
    }
    Ok(String::new())
}

fn kind_unit(measure: &str, rest: &str, websocket: Option<&WebSocket>) -> Result<String, String> {
    let parts = rest.split_once(".age.").map(|(name, figure)| (name, figure, true));
    let Some((name, figure, is_age)) =
        parts.or_else(|| rest.rsplit_once('.').map(|(name, it)| (name, it, false)))
    else {
        return Err(format!(
            "\"{measure}\" is not messages.<kind>.<count> or messages.<kind>.age.<statistic>_ms"
        ));
    };
    let kinds: Vec<&Kind> = websocket.iter().flat_map(|websocket| &websocket.kinds.kinds).collect();
    let Some(kind) = kinds.iter().find(|kind| kind.name == name) else {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
        let hint = if names.is_empty() { String::new() } else { nearest::hint(name, &names) };
        return Err(format!("there is no kind \"{name}\" ([websocket.messages]){hint}"));
    };
    if is_age {
        if kind.sent_at.is_none() {
            return Err(format!("\"{name}\" has no \"sent_at\", so it cannot measure \"{measure}\""));
        }
        return if figure == "negative" { Ok(String::new()) } else { statistic_unit(figure) };
    }
    let lacking = match figure {
        "received" => None,
        "per_s" => return Ok("/s".to_owned()),
        "answers" => kind.answer.is_none().then_some("answer"),
        "missing" | "duplicate" => kind.sequence.is_none().then_some("sequence"),
        _ => {
            let hint = nearest::hint(figure, &KIND_COUNTS);
            return Err(format!("there is no count \"{figure}\"{hint}, age.<statistic>_ms"));
        }
    };
    match lacking {
        Some(key) => Err(format!("\"{name}\" has no \"{key}\", so it cannot measure \"{measure}\"")),
        None => Ok(String::new()),
    }
}

fn propagation_unit(measure: &str, rest: &str, websocket: Option<&WebSocket>) -> Result<String, String> {
    let Some((name, figure)) = rest.split_once('.') else {
        return Err(format!("\"{measure}\" is not propagation.<name>.<statistic>_ms"));
    };
    let announced = websocket.map(WebSocket::announced).unwrap_or_default();
    if !announced.contains(&name) {
        let hint = match announced.is_empty() {
            true => ": there is no [websocket.presence]".to_owned(),
            false => nearest::hint(name, &announced),
        };
        return Err(format!("no announcement of \"{name}\" is measured{hint}"));
    }
    let receivers = figure.split_once('.').filter(|(which, _)| ["first", "last"].contains(which));
    statistic_unit(receivers.map_or(figure, |(_, figure)| figure))
}

fn step_unit(measure: &str, rest: &str, steps: &[String]) -> Result<String, String> {
    let Some((step, statistic)) = rest.rsplit_once('.') else {
        return Err(format!("\"{measure}\" is not steps.<step>.<statistic>_ms"));
    };
    if !steps.iter().any(|known| known == step) {
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        return Err(format!("there is no step \"{step}\"{}", nearest::hint(step, &steps)));
    }
    statistic_unit(statistic)
}

fn statistic_unit(statistic: &str) -> Result<String, String> {
    let known = statistic.strip_suffix("_ms").is_some_and(|name| STEP_STATISTICS.contains(&name));
    if !known {
        let valid: Vec<String> = STEP_STATISTICS.iter().map(|name| format!("{name}_ms")).collect();
        let valid: Vec<&str> = valid.iter().map(String::as_str).collect();
        return Err(format!("there is no statistic \"{statistic}\"{}", nearest::hint(statistic, &valid)));
    }
    Ok("ms".to_owned())
}

/// `at most 500 ms`, `below 0.1 %`, `at least 4000 sessions`: a limit as people read it.
pub fn limit_text(good: Good, limit: f64, unit: &str) -> String {
    let side = match good {
        Good::AtMost => "at most",
        Good::AtLeast => "at least",
        Good::Below => "below",
    };
    let shown = if unit == "%" { round(limit * 100.0) } else { round(limit) };
    if unit.is_empty() { format!("{side} {shown}") } else { format!("{side} {shown} {unit}") }
}

/// Cuts the noise of binary fractions: 0.1 % is 0.001, times 100 is 0.1.
fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// What a plan lacks for a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// A number of sessions held at once.
    Sessions(u32),
    /// A hold as long.
    Hold(Duration),
}

impl Criterion {
    /// Returns what a plan lacks for it that holds this many sessions at once, for so long.
    pub fn lack(&self, (sessions, hold): (u32, Duration)) -> Option<Lack> {
        let more = self.needs_sessions.filter(|needed| sessions < *needed).map(Lack::Sessions);
        more.or_else(|| self.needs_hold.filter(|needed| hold < *needed).map(Lack::Hold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_sorted_and_unique() {
        assert!(MEASURES.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn every_scenario_has_a_limit_for_the_error_rate() {
        let compile = |more: &str| {
            let source = format!("name = \"x\"\n[websocket]\nurl = \"/ws\"\n{more}");
            crate::scenario::Scenario::compile("x.toml", &source, &[]).expect("it compiles").criteria
        };
        let limits = |criteria: &[Criterion]| {
            let rates = criteria.iter().filter(|it| it.measure == "errors.rate");
            rates.map(|it| (it.name.clone(), it.limit)).collect::<Vec<_>>()
        };
        assert_eq!(limits(&compile("")), [("error-rate".to_owned(), 0.01)]);
        let own = "[[criteria]]\nname = \"mine\"\nmeasure = \"errors.rate\"\nat_most = 0.2\n";
        assert_eq!(limits(&compile(own)), [("mine".to_owned(), 0.2)]);
    }

    #[test]
    fn what_no_stage_has_is_refused_of_one() {
        let unit = |measure: &str| unit_of(measure, &["open".into()], None);
        assert_eq!(unit("stage.spike.open.p95_ms"), Ok("ms".into()));
        for (measure, of) in [("arrivals.achieved_share", "arrivals."), ("stage.top.errors.rate", "stage.")] {
            let why = format!("{of}* is of a whole run, not of a stage: leave out \"stage.spike.\"");
            assert_eq!(unit(&format!("stage.spike.{measure}")), Err(why));
        }
    }

    #[test]
    fn limits_read_well() {
        assert_eq!(limit_text(Good::Below, 0.001, "%"), "below 0.1 %");
        assert_eq!(limit_text(Good::AtMost, 500.0, "ms"), "at most 500 ms");
        assert_eq!(limit_text(Good::AtLeast, 0.999, "%"), "at least 99.9 %");
        assert_eq!(limit_text(Good::AtMost, 0.0, ""), "at most 0");
    }

    #[test]
    fn a_plan_may_be_too_small() {
        let criterion = Criterion {
            name: "guide".into(),
            measure: "sessions.min_in_hold".into(),
            good: Good::AtLeast,
            limit: 4000.0,
            warn: None,
            unit: "sessions".into(),
            needs_sessions: Some(4000),
            needs_hold: Some(Duration::from_secs(1200)),
        };
        let minute = Duration::from_secs(60);
        assert_eq!(criterion.lack((100, minute)), Some(Lack::Sessions(4000)));
        assert_eq!(criterion.lack((4000, minute)), Some(Lack::Hold(minute * 20)));
        assert_eq!(criterion.lack((4000, minute * 20)), None);
    }
}
