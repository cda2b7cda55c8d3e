//! Asks once what is watched during the test: pages, Prometheus, Redis.
//!
//! One after the other, a few small requests each. Invariant: each of them ends in time, whatever answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use redis::Value;
use rustls::ClientConfig;

use super::board::Board;
use crate::app::watch::network;
use crate::checks::Check;
use crate::engine::Trust;
use crate::lookup::agent;
use crate::plan::Plan;
use crate::plan::schedule::date_header;
use crate::preflight::watch::redis::{Asked, Memory};
use crate::preflight::watch::{figures, http, prometheus, redis as judged, tried};
use crate::watch::page::Page;
use crate::watch::prometheus::Prometheus;
use crate::watch::redis::Redis;
use crate::watch::redis::connection::Connection;
use crate::watch::redis::trouble::Trouble;
use crate::watch::source::DEADLINE;
use crate::watch::{Network, Spec, Watch, Watched};

/// For each answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer read at most: Prometheus lists every target.
const BODY_BYTES_MAX: u64 = 16 << 20;
/// PINGs whose time counts.
const PINGS: usize = 20;
/// Between them, so that they are not all in one moment.
const PING_PAUSE: Duration = Duration::from_millis(10);

/// Asks everything that is watched.
pub(super) fn ask(watch: &Watch, plan: &Plan, trust: Option<&Trust>, board: &Board) {
    let network = network(watch, plan, trust);
    let Network { agent, tls } = &network;
    for it in &watch.sources {
        if !board.now(format!("asking what is watched: {}", it.name)) {
            break;
        }
        let name = it.name.as_str();
        board.found(match &it.spec {
            Spec::Page(at) => Some(http::check(name, at, &page(agent, at))),
            Spec::Prometheus(at) => Some(prometheus::check(name, at, &targets(agent, at))),
            Spec::Redis(at) => Some(judged::check(name, at, &ping(at, tls.as_ref()))),
            Spec::Nginx(_) | Spec::Log(_) | Spec::Tcp(_) => Some(tried(it, &network)),
            _ => None,
        });
        board.found(look(it, &network));
    }
}

/// Looks at a source of which nothing else is known than whether it has figures.
fn tried(it: &Watched, network: &Network) -> Check {
    let expressions = tried::expressions(&it.spec, it.items.iter().map(|item| item.expression.as_str()));
    let reading = it.spec.tried(&expressions, network, Instant::now() + DEADLINE);
    tried::check(&it.name, &it.spec, &expressions, &reading)
}

/// One look at the figures of a source that was asked otherwise before.
fn look(it: &Watched, network: &Network) -> Option<Check> {
    if !has_further_figures(it) {
        return None;
    }
    let mut source = it.spec.open(network)?;
    let expressions: Vec<&str> = it.items.iter().map(|item| item.expression.as_str()).collect();
    let reading = source.look(&expressions, Instant::now() + DEADLINE);
    Some(figures::check(&it.name, &it.items, &reading.values))
}

fn has_further_figures(it: &Watched) -> bool {
    let is_tried = matches!(it.spec, Spec::Nginx(_) | Spec::Log(_) | Spec::Tcp(_));
    it.spec.has_figures() && !is_tried && !it.items.is_empty()
}

/// The checks that were not made, in the same order.
pub(super) fn skipped(watch: &Watch, cause: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    for it in &watch.sources {
        checks.extend(match &it.spec {
            Spec::Page(at) => Some(http::skipped(&it.name, at, cause)),
            Spec::Prometheus(at) => Some(prometheus::skipped(&it.name, at, cause)),
            Spec::Redis(_) => Some(judged::skipped(&it.name, cause)),
            Spec::Nginx(_) | Spec::Log(_) | Spec::Tcp(_) => Some(tried::skipped(&it.name, &it.spec, cause)),
            _ => None,
        });
        if has_further_figures(it) {
            checks.push(figures::skipped(&it.name, &it.items, cause));
        }
    }
    checks
}

fn page(agent: &ureq::Agent, page: &Page) -> Result<http::Answer, String> {
    let began = Instant::now();
    let request = page
        .headers
        .iter()
        .fold(agent.get(&page.url), |request, (name, value)| request.header(name, &value.0));
    let mut answer = request.call().map_err(|error| agent::said(&error))?;
    let location = answer.headers().get("location").and_then(|at| at.to_str().ok()).map(String::from);
    let status = answer.status().as_u16();
    let body = body(&mut answer)?;
    Ok(http::Answer { status, location, body, took: began.elapsed() })
}

fn targets(agent: &ureq::Agent, server: &Prometheus) -> Result<prometheus::Answer, String> {
    let url = format!("{}{}", server.url, prometheus::PATH);
    let request =
        server.headers.iter().fold(agent.get(&url), |request, (name, value)| request.header(name, &value.0));
    let mut answer = request.call().map_err(|error| agent::said(&error))?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).and_then(date_header);
    let status = answer.status().as_u16();
    let json = serde_json::from_str(&body(&mut answer)?).unwrap_or_default();
    Ok(prometheus::Answer { status, json, now: date.unwrap_or_else(Timestamp::now) })
}

fn body(answer: &mut ureq::http::Response<ureq::Body>) -> Result<String, String> {
    let bytes = answer.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
    Ok(String::from_utf8_lossy(&bytes.map_err(|error| error.to_string())?).into_owned())
}

fn ping(server: &Redis, tls: Option<&Arc<ClientConfig>>) -> Result<Asked, Trouble> {
    let deadline = || Instant::now() + TIMEOUT;
    let mut connection = Connection::open(server, tls, deadline())?;
    // The first goes before the clock runs: it may be the one that finds out that a password is wanted.
    let ping = redis::cmd("PING");
    connection.ask(&ping, deadline())?;
    let mut pings = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        std::thread::sleep(PING_PAUSE);
        let began = Instant::now();
        connection.ask(&ping, deadline())?;
        pings.push(began.elapsed());
    }
    let memory = match connection.ask(redis::cmd("INFO").arg("memory"), deadline()) {
        Ok(Value::BulkString(text)) => Memory::read(&String::from_utf8_lossy(&text)),
        Ok(_) => Err("INFO is not text".to_owned()),
        Err(trouble) => Err(trouble.said),
    };
    Ok(Asked { pings, memory })
}
