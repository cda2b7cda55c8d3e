//! Asks once what is watched during the test: pages, Prometheus, Redis.
//!
//! One after the other, a few small requests each. Invariant: each of them ends in time, whatever answers.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use serde_json::Value;

use super::board::Board;
use crate::checks::Check;
use crate::engine::Trust;
use crate::lookup::agent;
use crate::plan::Plan;
use crate::plan::schedule::date_header;
use crate::preflight::watch::redis::{Asked, Memory, Unanswered, UnansweredKind};
use crate::preflight::watch::{figures, http, prometheus, redis as judged, tried};
use crate::watch::page::Page;
use crate::watch::prometheus::Prometheus;
use crate::watch::redis::Redis;
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
    let agent = agent::patient_for(plan, trust, TIMEOUT);
    let network = Network { agent: agent.clone() };
    for it in &watch.sources {
        if !board.now(format!("asking what is watched: {}", it.name)) {
            break;
        }
        let name = it.name.as_str();
        board.found(match &it.spec {
            Spec::Page(at) => Some(http::check(name, at, &page(&agent, at))),
            Spec::Prometheus(at) => Some(prometheus::check(name, at, &targets(&agent, at))),
            Spec::Redis(at) => Some(judged::check(name, at, &ping(at).map_err(|error| unanswered(&error)))),
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
    let json = serde_json::from_str(&body(&mut answer)?).unwrap_or(Value::Null);
    Ok(prometheus::Answer { status, json, now: date.unwrap_or_else(Timestamp::now) })
}

fn body(answer: &mut ureq::http::Response<ureq::Body>) -> Result<String, String> {
    let bytes = answer.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
    Ok(String::from_utf8_lossy(&bytes.map_err(|error| error.to_string())?).into_owned())
}

fn ping(server: &Redis) -> redis::RedisResult<Asked> {
    let mut settings = RedisConnectionInfo::default();
    if let Some(password) = &server.password {
        settings = settings.set_password(&password.0);
    }
    let info = ConnectionAddr::Tcp(server.host.clone(), server.port).into_connection_info()?;
    let client = redis::Client::open(info.set_redis_settings(settings))?;
    let mut connection = client.get_connection_with_timeout(TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    // The first goes before the clock runs: it may be the one that finds out that a password is wanted.
    let ping = redis::cmd("PING");
    ping.exec(&mut connection)?;
    let mut pings = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        std::thread::sleep(PING_PAUSE);
        let began = Instant::now();
        ping.exec(&mut connection)?;
        pings.push(began.elapsed());
    }
    let memory = redis::cmd("INFO").arg("memory").query::<String>(&mut connection);
    let memory = memory.map_err(|error| said(&error)).and_then(|text| Memory::read(&text));
    Ok(Asked { pings, memory })
}

fn unanswered(error: &redis::RedisError) -> Unanswered {
    let kind = match (error.code(), error.kind()) {
        (Some("NOAUTH"), _) => UnansweredKind::NoPassword,
        (Some("WRONGPASS"), _) | (_, redis::ErrorKind::AuthenticationFailed) => UnansweredKind::WrongPassword,
        _ => UnansweredKind::Other,
    };
    Unanswered { kind, said: said(error) }
}

/// The library's words, with the code that the server gave.
fn said(error: &redis::RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ if error.is_timeout() => format!("no answer within {} s", TIMEOUT.as_secs()),
        _ => error.to_string(),
    }
}
