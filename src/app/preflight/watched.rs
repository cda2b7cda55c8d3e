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
use crate::preflight::watch::file::{Page, Prometheus, Redis, Watch};
use crate::preflight::watch::redis::{Asked, Memory, Unanswered, UnansweredKind};
use crate::preflight::watch::{http, prometheus, redis as judged};

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
    let next = |name: &str| board.now(format!("asking what is watched: {name}"));
    for it in watch.http.iter().take_while(|it| next(&it.name)) {
        board.found([http::check(it, &page(&agent, it))]);
    }
    for it in watch.prometheus.iter().take_while(|_| next("Prometheus")) {
        board.found([prometheus::check(it, &targets(&agent, it))]);
    }
    for it in watch.redis.iter().take_while(|it| next(&it.name)) {
        board.found([judged::check(it, &ping(it).map_err(|error| unanswered(&error)))]);
    }
}

/// The checks that were not made, in the same order.
pub(super) fn skipped(watch: &Watch, cause: &str) -> Vec<Check> {
    let mut checks: Vec<Check> = watch.http.iter().map(|it| http::skipped(it, cause)).collect();
    checks.extend(watch.prometheus.iter().map(|it| prometheus::skipped(it, cause)));
    checks.extend(watch.redis.iter().map(|it| judged::skipped(it, cause)));
    checks
}

fn page(agent: &ureq::Agent, page: &Page) -> Result<http::Answer, String> {
    let began = Instant::now();
    let mut answer = agent.get(&page.url).call().map_err(|error| agent::said(&error))?;
    let location = answer.headers().get("location").and_then(|at| at.to_str().ok()).map(String::from);
    let status = answer.status().as_u16();
    let body = body(&mut answer)?;
    Ok(http::Answer { status, location, body, took: began.elapsed() })
}

fn targets(agent: &ureq::Agent, server: &Prometheus) -> Result<prometheus::Answer, String> {
    let url = format!("{}{}", server.url, prometheus::PATH);
    let mut answer = agent.get(&url).call().map_err(|error| agent::said(&error))?;
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
