//! Asks each address of the target for a connection, a handshake and an answer, and the target for its clock.
//!
//! All addresses at the same time, so that one that drops packets is waited for once. Invariant: what is sent is a GET of `/`,
//! and a ClientHello.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::board::Board;
use crate::checks::Verdict;
use crate::engine::{Trust, tls_probe};
use crate::foreign;
use crate::lookup::agent;
use crate::lookup::scheme::speaks_tls;
use crate::plan::schedule::date_header;
use crate::plan::{Plan, Target};
use crate::preflight::certificate::{self, Certificate, Shown};
use crate::preflight::clock::{self, Sample};
use crate::preflight::target::{self, Answered, Connected, Url};

/// For each connection, each handshake and each answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Of an answer's body, read so that its connection can be used again.
const BODY_BYTES_MAX: u64 = 1 << 20;

/// Connects, shakes hands and asks; returns the cause if nothing more can be asked of the target.
pub(super) fn target(plan: &Plan, trust: Option<&Trust>, board: &Board) -> Option<&'static str> {
    let url = url(&plan.target);
    let host = &plan.target.host;
    board.now(format!("connecting to {host}"));
    let connections = each(&plan.target.addresses, connect);
    let connected: Vec<Connected> = connections
        .iter()
        .map(|(address, outcome)| Connected {
            address: *address,
            outcome: outcome.as_ref().map(|(span, _)| *span).map_err(Clone::clone),
        })
        .collect();
    board.found([target::reachable(&url, &connected)]);
    let streams: Vec<(SocketAddr, TcpStream)> =
        connections.into_iter().filter_map(|(address, outcome)| Some((address, outcome.ok()?.1))).collect();
    let reached: Vec<SocketAddr> = streams.iter().map(|(address, _)| *address).collect();
    if reached.is_empty() {
        let cause = "the target accepts no connection";
        if plan.target.is_secure() {
            board.found([certificate::skipped(host, cause)]);
        }
        board.found([target::http_skipped(cause)]);
        return Some(cause);
    }
    if let Some(trust) = trust.filter(|_| plan.target.is_secure()) {
        board.now(format!("shaking hands with {host}"));
        let shown = shown(plan, trust, streams);
        let check = certificate::check(host, &shown, plan.tls.insecure, Timestamp::now());
        let is_refused = check.verdict == Verdict::Fail;
        board.found([check]);
        if is_refused {
            let cause = match certificate::is_tls(&shown) {
                true => {
                    board.answered();
                    "the certificate check failed"
                }
                false => "the target does not speak TLS",
            };
            board.found([target::http_skipped(cause)]);
            return Some(cause);
        }
    }
    board.now(format!("asking {host} for an answer over HTTP"));
    let answers = each(&reached, |address| {
        let outcome = answer(plan, trust, address);
        // What servers of TLS say to plain HTTP is 400, an alert, or nothing.
        let is_odd = !plan.target.is_secure() && !matches!(outcome, Ok((status, _)) if status != 400);
        Answered { address, outcome, speaks_tls: is_odd && speaks_tls(plan, address) }
    });
    let answered: Vec<Answered> = answers.into_iter().map(|(_, answered)| answered).collect();
    board.found([target::answering(&url, &answered)]);
    if answered.iter().all(|one| one.outcome.is_err() || one.speaks_tls) {
        return Some(match answered.iter().any(|one| one.speaks_tls) {
            true => "the target speaks TLS, and its URL does not say https",
            false => "the target does not answer over HTTP",
        });
    }
    board.answered();
    None
}

/// Nothing can be asked of a name without an address; returns the cause.
pub(super) fn unresolved(host: &str, is_secure: bool, reason: &str, board: &Board) -> &'static str {
    let cause = "the target's name has no address";
    board.found([target::unresolved(host, reason)]);
    if is_secure {
        board.found([certificate::skipped(host, cause)]);
    }
    board.found([target::http_skipped(cause)]);
    cause
}

/// Does this for all addresses at once.
fn each<T: Send>(addresses: &[SocketAddr], ask: impl Fn(SocketAddr) -> T + Sync) -> Vec<(SocketAddr, T)> {
    thread::scope(|scope| {
        let asked: Vec<_> =
            addresses.iter().map(|address| (*address, scope.spawn(|| ask(*address)))).collect();
        asked.into_iter().filter_map(|(address, thread)| Some((address, thread.join().ok()?))).collect()
    })
}

fn connect(address: SocketAddr) -> Result<(Duration, TcpStream), String> {
    let began = Instant::now();
    match TcpStream::connect_timeout(&address, TIMEOUT) {
        Ok(stream) => Ok((began.elapsed(), stream)),
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            Err(format!("no answer within {} s", TIMEOUT.as_secs()))
        }
        Err(error) => Err(foreign::reason(&error)),
    }
}

fn shown(plan: &Plan, trust: &Trust, streams: Vec<(SocketAddr, TcpStream)>) -> Vec<Shown> {
    let host = &plan.target.host;
    thread::scope(|scope| {
        let looks: Vec<_> = streams
            .into_iter()
            .map(|(address, stream)| {
                (address, scope.spawn(move || tls_probe(trust, &plan.tls, host, stream, TIMEOUT)))
            })
            .collect();
        let looks = looks.into_iter().filter_map(|(address, look)| Some((address, look.join().ok()?)));
        looks
            .map(|(address, look)| Shown {
                address,
                certificate: look.certificate.as_deref().and_then(Certificate::read),
                refused: look.broken.map(|broken| (broken.fault, broken.evidence)),
            })
            .collect()
    })
}

fn answer(plan: &Plan, trust: Option<&Trust>, address: SocketAddr) -> Result<(u16, Duration), String> {
    let agent = agent::to_address(plan, trust, address.ip(), TIMEOUT);
    let began = Instant::now();
    let answer = agent.get(root(plan)).call().map_err(|error| agent::said(&error))?;
    Ok((answer.status().as_u16(), began.elapsed()))
}

/// The server's clock, by two answers: the first may have set up its connection.
pub(super) fn clock(plan: &Plan, agent: &ureq::Agent, board: &Board) {
    board.now("asking for the servers' clock");
    let samples: Vec<Sample> = (0..2).filter_map(|_| sample(plan, agent)).collect();
    board.found([clock::check(&samples)]);
}

fn sample(plan: &Plan, agent: &ureq::Agent) -> Option<Sample> {
    let sent = Timestamp::now();
    let mut answer = agent.get(root(plan)).call().ok()?;
    let received = Timestamp::now();
    let date = answer.headers().get("date")?.to_str().ok().and_then(date_header)?;
    // To its end, so that the connection is kept; a body that is longer costs a connection, no more.
    let _ = answer.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
    Some(Sample { sent, received, date })
}

fn root(plan: &Plan) -> String {
    format!("{}/", plan.target.url())
}

fn url(target: &Target) -> Url {
    Url { url: target.url(), host: target.host.clone(), port: target.port }
}
