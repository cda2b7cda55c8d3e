//! A page of metrics, scraped directly: rates, quantiles and counts are computed here.
//!
//! A process whose start time changed has restarted. Invariants: an answer is bounded in bytes and
//! samples; what the page lacks comes with what to add to the server.

pub mod exposition;

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;

use super::fetch::{self, Ask};
use super::place::{self, Result, Secret, Variables};
use super::query::{self, Answer, History, NAME, Query, Sample, Selector};
use super::source::{Event, EventKind, Reading, Source, Unseen};
use super::{Network, advice};
use crate::foreign;
use crate::lang::Reason;
use crate::scenario::document::Section;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 2] = ["url", "headers"];
/// The format that is read; OpenMetrics is understood as well.
const ACCEPT: &str = "text/plain;version=0.0.4";
/// What shows a restart.
const START_TIME: &str = "process_start_time_seconds";
/// A start time that is computed from an uptime wavers; a restart takes longer than that.
const START_TIME_SLACK_S: f64 = 1.0;
/// Characters of evidence.
const EVIDENCE_CHARS: usize = 120;

/// A page of metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where it is.
    pub url: String,
    /// What its requests have to say besides.
    pub headers: Vec<(String, Secret)>,
}

impl Metrics {
    /// Reads a block's keys; `None` if it does not say where the page is.
    pub(super) fn from_section(section: &Section<'_>, variables: Variables<'_>) -> Result<Option<Self>> {
        let Some(url) = place::url(section)? else { return Ok(None) };
        Ok(Some(Self { url: url.into(), headers: place::headers(section, variables)? }))
    }

    /// The page, to be read.
    pub(super) fn open(&self, network: &Network) -> Scraper {
        Scraper {
            at: self.clone(),
            headers: [&[("Accept".to_owned(), Secret(ACCEPT.to_owned()))], &self.headers[..]].concat(),
            agent: network.agent.clone(),
            began: Instant::now(),
            queries: BTreeMap::new(),
            started_at: None,
            is_down: false,
            was_up: false,
        }
    }
}

/// Why an expression cannot be answered from a page.
pub(super) fn check(expression: &str) -> std::result::Result<(), String> {
    query::parse(expression).map(drop)
}

/// Reads a page again and again.
#[derive(Debug)]
pub struct Scraper {
    at: Metrics,
    /// All of a request's.
    headers: Vec<(String, Secret)>,
    agent: ureq::Agent,
    began: Instant,
    /// By expression.
    queries: BTreeMap<String, (Query, History)>,
    started_at: Option<f64>,
    is_down: bool,
    was_up: bool,
}

impl Source for Scraper {
    fn look(&mut self, expressions: &[&str], deadline: Instant) -> Reading {
        match self.page(deadline) {
            Ok(samples) => {
                let at_s = self.began.elapsed().as_secs_f64();
                let events = self.events(&samples);
                self.take(expressions, &samples, at_s);
                let values = expressions.iter().map(|text| self.value(text, &samples)).collect();
                Reading { values, events }
            }
            Err(why) => {
                let mut reading = Reading::unseen(expressions, &why);
                if self.was_up && !std::mem::replace(&mut self.is_down, true) {
                    reading.events.push(self.event(EventKind::Down, why.why.to_string()));
                }
                reading
            }
        }
    }
}

impl Scraper {
    fn page(&self, deadline: Instant) -> std::result::Result<Vec<Sample>, Unseen> {
        let url = &self.at.url;
        let fetched =
            fetch::get(&self.agent, Ask::metrics(url, &self.headers), deadline).map_err(|look| {
                Unseen::new(
                    Reason::Place.with(url.as_str()).with(look.why()),
                    Reason::SeeWithCurl.with(url.as_str()),
                )
            })?;
        if fetched.status != 200 {
            return Err(refused(url, fetched.status));
        }
        let body = fetched.body;
        let page = exposition::read(&body);
        match page.samples.is_empty() {
            false => Ok(page.samples),
            true => {
                let beginning = foreign::line(&body, EVIDENCE_CHARS);
                Err(Unseen::new(
                    Reason::NotAPage.with(url.as_str()).with(format!("{beginning:?}")),
                    Reason::GiveMetricsUrl.with("http://10.0.0.5:8080/actuator/prometheus"),
                ))
            }
        }
    }

    fn event(&self, kind: EventKind, evidence: String) -> Event {
        Event { at: Timestamp::now(), kind, subject: self.at.url.clone(), evidence }
    }

    fn events(&mut self, samples: &[Sample]) -> Vec<Event> {
        let mut events = Vec::new();
        self.was_up = true;
        if std::mem::replace(&mut self.is_down, false) {
            events.push(self.event(EventKind::Up, "it answers again".into()));
        }
        let started_at = samples.iter().find(|it| it.label(NAME) == START_TIME).map(|it| it.value);
        if let (Some(before), Some(now)) = (self.started_at, started_at)
            && (now - before).abs() > START_TIME_SLACK_S
        {
            let evidence = format!("{START_TIME} was {before} and is {now}");
            events.push(self.event(EventKind::Restarted, evidence));
        }
        self.started_at = started_at.or(self.started_at);
        events
    }

    /// Every expression that was asked for gets the page, so that each has its samples once it is due.
    fn take(&mut self, expressions: &[&str], samples: &[Sample], at_s: f64) {
        for text in expressions {
            if !self.queries.contains_key(*text)
                && let Ok(query) = query::parse(text)
            {
                let history = History::new(&query);
                self.queries.insert((*text).to_owned(), (query, history));
            }
        }
        self.queries.values_mut().for_each(|(query, history)| history.add(query, samples, at_s));
    }

    fn value(&self, text: &str, samples: &[Sample]) -> std::result::Result<f64, Unseen> {
        let Some((query, history)) = self.queries.get(text) else {
            return Err(Unseen::new(Reason::ExpressionUnread, ""));
        };
        if history.is_cut {
            return Err(Unseen::new(Reason::TooManySeries, Reason::NameLabels));
        }
        match query::evaluate(query, history) {
            Answer::Figure(figure) if figure.is_nan() => Err(Unseen::early(Reason::ZeroByZero)),
            Answer::Figure(figure) => Ok(figure),
            Answer::Several(count) => Err(several(count)),
            Answer::Ambiguous => Err(Unseen::new(Reason::Ambiguous, Reason::WrapSides)),
            Answer::Nothing => Err(self.nothing(query, history, samples)),
        }
    }

    /// Why there is no answer: what the page lacks, or the second sample of a rate.
    fn nothing(&self, query: &Query, history: &History, samples: &[Sample]) -> Unseen {
        let has_name = |selector: &Selector| samples.iter().any(|it| it.label(NAME) == selector.name);
        let absent = |(k, _): &(usize, &Selector)| !history.has(*k);
        let missing: Vec<&Selector> =
            query.selectors.iter().enumerate().filter(absent).map(|(_, selector)| selector).collect();
        match missing.first() {
            None if query.selectors.iter().any(|it| it.range.is_some()) => {
                Unseen::early(Reason::RateTakesTwo)
            }
            None => Unseen::new(Reason::NoComparison, ""),
            Some(selector) if has_name(selector) => Unseen::new(
                Reason::NoSeriesOf.with(self.at.url.as_str()).with(selector.name.as_str()),
                Reason::SeeSeries.with(self.at.url.as_str()).with(selector.name.as_str()),
            ),
            Some(selector) => Unseen::new(
                Reason::NoMetric.with(self.at.url.as_str()).with(selector.name.as_str()),
                advice::for_metric(&selector.name),
            ),
        }
    }
}

/// The answer of an expression that does not come to one figure.
pub(super) fn several(count: usize) -> Unseen {
    Unseen::new(Reason::SeveralAnswers.with(count.to_string()), Reason::WrapAll)
}

/// What gives a token, and what permits the page in a Spring Boot server.
pub(super) const TOKEN: &str = "headers = { Authorization = \"Bearer {env:NAME}\" }";
const PERMIT: &str = ".requestMatchers(\"/actuator/prometheus\").permitAll()";

fn refused(url: &str, status: u16) -> Unseen {
    let fix = match status {
        401 => Reason::GiveToken.with(TOKEN),
        // Runnity's servers answer so to whatever they do not know as well.
        403 => Reason::PermitPage.with(PERMIT).with(Reason::AddSpring),
        404 => Reason::AddSpring.into(),
        300..=399 => Reason::FollowRedirect.into(),
        _ => Reason::SeeWithCurl.with(url),
    };
    Unseen::new(Reason::Answers.with(url).with(status.to_string()), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let fix = |status| refused("http://x/", status).fix.to_string();
        assert!(fix(404).starts_with("add io.micrometer:micrometer-registry-prometheus"));
        assert!(fix(403).starts_with("allow the page in the server's security configuration"));
        assert!(fix(401).contains("{env:NAME}") && fix(302).contains("redirects"));
    }
}
