//! A Prometheus server that scrapes the servers: its answers to expressions in PromQL.
//!
//! Restarts and outages of the servers are asked for with every look. Invariant: an answer of another
//! form is no figure, and says why.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use super::fetch::{self, Ask};
use super::metrics::{TOKEN, several};
use super::place::{self, Result, Secret, Variables};
use super::source::{Event, EventKind, Reading, Source, Unseen};
use super::{Network, advice};
use crate::foreign;
use crate::lang::{Reason, Sentence};
use crate::scenario::document::Section;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 3] = ["url", "targets", "headers"];

/// When each Java server that it scrapes started.
const STARTED: &str = "process_start_time_seconds and on (job, instance) jvm_memory_used_bytes";
/// Whether its last scrape of each target succeeded.
const UP: &str = "up";
/// A start time that is computed from an uptime wavers; a restart takes longer than that.
const START_TIME_SLACK_S: f64 = 1.0;
/// Points of a range at most; Prometheus itself refuses 11,000.
const POINTS_MAX: f64 = 10_000.0;
/// Characters of its own words.
const SAID_CHARS: usize = 200;

/// A Prometheus server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prometheus {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Jobs or instances that must be up; none: all active targets must.
    pub targets: Vec<String>,
    /// What its requests have to say besides.
    pub headers: Vec<(String, Secret)>,
}

impl Prometheus {
    /// The server at a URL that an option gives.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn at(url: &str) -> std::result::Result<Self, String> {
        let url = place::checked_url(url)?;
        if url.query().is_some() {
            return Err("it has a query: give the server's own URL".to_owned());
        }
        let url = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { url, targets: Vec::new(), headers: Vec::new() })
    }

    /// Reads a block's keys; `None` if it does not say where the server is.
    pub(super) fn from_section(section: &Section<'_>, variables: Variables<'_>) -> Result<Option<Self>> {
        let Some(url) = place::url(section)? else { return Ok(None) };
        let at = Self::at(url.as_str()).map_err(|why| section.error("url", section.place("url"), why))?;
        let targets = section.texts("targets")?;
        if section.has("targets") && targets.is_empty() {
            let why = "the list is empty: leave it out for all targets";
            return Err(section.error("targets", section.place("targets"), why));
        }
        Ok(Some(Self {
            targets: targets.iter().map(|text| text.value.to_owned()).collect(),
            headers: place::headers(section, variables)?,
            ..at
        }))
    }

    /// The server, to be asked.
    pub(super) fn open(&self, network: &Network) -> Asker {
        Asker {
            at: self.clone(),
            agent: network.agent.clone(),
            started: BTreeMap::new(),
            up: BTreeMap::new(),
        }
    }
}

/// Asks a Prometheus server again and again.
#[derive(Debug)]
pub struct Asker {
    at: Prometheus,
    agent: ureq::Agent,
    /// By job and instance.
    started: BTreeMap<String, f64>,
    up: BTreeMap<String, f64>,
}

/// A series' labels that tell servers apart, and its value.
type Series = (String, f64);

impl Source for Asker {
    fn look(&mut self, expressions: &[&str], deadline: Instant) -> Reading {
        let mut values = Vec::with_capacity(expressions.len());
        for expression in expressions {
            values.push(match self.instant(expression, deadline) {
                Ok(series) => figure(expression, &series),
                Err(NoAnswer::Said(why)) => Err(why),
                Err(NoAnswer::Silent(why)) => {
                    // The others would wait as long for the same.
                    values.resize(expressions.len(), Err(why));
                    return Reading { values, events: Vec::new() };
                }
            });
        }
        Reading { values, events: self.events(deadline) }
    }

    fn history(
        &mut self,
        expression: &str,
        start: Timestamp,
        end: Timestamp,
        step: Duration,
        deadline: Instant,
    ) -> Vec<(Timestamp, f64)> {
        let span_s = end.duration_since(start).as_secs_f64();
        let step_s = step.as_secs_f64().max(span_s / POINTS_MAX).max(0.001);
        let parameters = [
            ("query", expression.to_owned()),
            ("start", start.to_string()),
            ("end", end.to_string()),
            ("step", format!("{step_s:.3}")),
        ];
        let Ok(json) = self.ask("/api/v1/query_range", &parameters, deadline) else { return Vec::new() };
        let [series] = json.pointer("/data/result").and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
        else {
            return Vec::new();
        };
        let points = series["values"].as_array().map_or(&[][..], Vec::as_slice);
        points.iter().filter_map(point).filter(|(_, value)| !value.is_nan()).collect()
    }
}

/// Why there is no answer to a question.
enum NoAnswer {
    /// Nobody answers, or not in time.
    Silent(Unseen),
    /// The answer is that there is none.
    Said(Unseen),
}

impl Asker {
    fn ask(
        &self,
        path: &str,
        parameters: &[(&str, String)],
        deadline: Instant,
    ) -> std::result::Result<Value, NoAnswer> {
        let url = &self.at.url;
        let page = format!("{url}{path}");
        let ask = Ask { query: parameters, ..Ask::metrics(&page, &self.at.headers) };
        let fetched = fetch::get(&self.agent, ask, deadline).map_err(|look| {
            let why = Reason::Place.with(url.as_str()).with(look.why());
            NoAnswer::Silent(Unseen::new(why, Reason::SeeReady.with(url.as_str())))
        })?;
        let status = fetched.status;
        let json: Value = serde_json::from_str(&fetched.body).unwrap_or_default();
        let of_status = |why: Reason| why.with(url.as_str()).with(status.to_string());
        let (why, fix) = match (status, json["status"].as_str()) {
            (200, Some("success")) => return Ok(json),
            (401 | 403, _) => (of_status(Reason::Answers), Reason::GiveToken.with(TOKEN)),
            (_, Some("error")) => {
                let why = foreign::line(json["error"].as_str().unwrap_or_default(), SAID_CHARS);
                (Reason::ExpressionRefused.with(why), Reason::CorrectExpression.into())
            }
            _ => (of_status(Reason::NotPrometheus), Reason::GivePrometheusUrl.into()),
        };
        Err(NoAnswer::Said(Unseen::new(why, fix)))
    }

    fn instant(&self, expression: &str, deadline: Instant) -> std::result::Result<Vec<Series>, NoAnswer> {
        let json = self.ask("/api/v1/query", &[("query", expression.to_owned())], deadline)?;
        let number = |value: &Value| value.get(1).and_then(Value::as_str).and_then(|text| text.parse().ok());
        let result = &json["data"]["result"];
        if json["data"]["resultType"] == "scalar" {
            return Ok(number(result).map(|value| (String::new(), value)).into_iter().collect());
        }
        let series = result.as_array().map_or(&[][..], Vec::as_slice);
        let one = |series: &Value| {
            let label = |name: &str| series["metric"][name].as_str().unwrap_or_default();
            let server = format!("{} {}", label("job"), label("instance"));
            Some((foreign::line(server.trim(), SAID_CHARS), number(&series["value"])?))
        };
        Ok(series.iter().filter_map(one).collect())
    }

    /// What changed since the last look: start times, and who is up.
    fn events(&mut self, deadline: Instant) -> Vec<Event> {
        let at = Timestamp::now();
        let mut events = Vec::new();
        for (server, now) in self.instant(STARTED, deadline).unwrap_or_default() {
            let before = self.started.insert(server.clone(), now);
            if let Some(before) = before.filter(|before| (now - before).abs() > START_TIME_SLACK_S) {
                let evidence = format!("process_start_time_seconds was {before} and is {now}");
                events.push(Event { at, kind: EventKind::Restarted, subject: server, evidence });
            }
        }
        for (server, now) in self.instant(UP, deadline).unwrap_or_default() {
            let kind = match (self.up.insert(server.clone(), now), now) {
                (Some(1.0), 0.0) => EventKind::Down,
                (Some(0.0), 1.0) => EventKind::Up,
                _ => continue,
            };
            let evidence =
                format!("up is {now}: Prometheus's scrape {}", if now == 0.0 { "fails" } else { "succeeds" });
            events.push(Event { at, kind, subject: server, evidence });
        }
        events
    }
}

fn figure(expression: &str, series: &[Series]) -> std::result::Result<f64, Unseen> {
    match series {
        [] => Err(Unseen::new(Reason::NoSeries, nothing(expression))),
        [(_, figure)] if figure.is_nan() => Err(Unseen::early(Reason::ZeroByZero)),
        [(_, figure)] => Ok(*figure),
        answers => Err(several(answers.len())),
    }
}

fn nothing(expression: &str) -> Sentence {
    match advice::for_expression(expression) {
        None => Reason::SeeGraph.into(),
        Some(advice) => Reason::HaveScraped.with(advice),
    }
}

fn point(point: &Value) -> Option<(Timestamp, f64)> {
    let at_ms = point.get(0)?.as_f64()? * 1e3;
    let at = Timestamp::from_millisecond(at_ms as i64).ok()?;
    Some((at, point.get(1)?.as_str()?.parse().ok()?))
}
