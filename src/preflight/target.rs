//! Checks whether each address of the target accepts a connection and answers over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use super::format::{clean, listed, micros, ms};
use crate::checks::{Check, Figure, Fix, Verdict};

/// A connection to an address of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The address.
    pub address: SocketAddr,
    /// How long it took, or why it failed.
    pub outcome: Result<Duration, String>,
}

/// The answer of an address of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The address.
    pub address: SocketAddr,
    /// Status and time from the request, with its connection, to the answer's head; or why there
    /// was none.
    pub outcome: Result<(u16, Duration), String>,
    /// The request was plain HTTP, and the address speaks TLS.
    pub speaks_tls: bool,
}

/// The parts of the target's URL, for fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// All of it, without a path.
    pub url: String,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Checks whether every address accepts connections.
pub fn reachable(url: &Url, connected: &[Connected]) -> Check {
    let reached: Vec<Duration> = connected.iter().filter_map(|one| one.outcome.clone().ok()).collect();
    let slowest = reached.iter().max().copied();
    let (there, all) = (reached.len(), connected.len());
    let time = slowest.map(|span| format!(", {} at most", ms(span))).unwrap_or_default();
    let reading = format!("{there} of {all} {} connected{time}", addresses(all));
    let reading = match slowest {
        Some(span) => micros(span, reading),
        None => Figure::words(reading),
    };
    let check = Check::ok(TARGET, TARGET_TITLE, reading, Figure::words(TARGET_NEED));
    let failed: Vec<String> = connected
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.address, one.outcome.as_ref().err()?)))
        .collect();
    if failed.is_empty() {
        return check;
    }
    check.but(
        Verdict::Fail,
        format!("no connection to {}", listed(&failed)),
        vec![Fix::command("shows what answers there, if anything", curl(url, connected))],
    )
}

/// The check of connections, if it was not made.
pub fn connect_skipped(cause: &str) -> Check {
    Check::skipped(TARGET, TARGET_TITLE, Figure::words(TARGET_NEED), cause)
}

/// The target's name has no address.
pub fn unresolved(host: &str, reason: &str) -> Check {
    Check::ok(TARGET, TARGET_TITLE, Figure::words("no address"), Figure::words(TARGET_NEED)).but(
        Verdict::Fail,
        format!("{host} cannot be resolved: {}", clean(reason)),
        vec![
            Fix::command("shows the addresses of the name, if there are any", format!("getent hosts {host}")),
            Fix::advice("check its spelling; --resolve HOST:PORT:ADDR gives an address to a name that is not in the DNS"),
        ],
    )
}

/// Checks whether every address answers over HTTP.
pub fn answering(url: &Url, answered: &[Answered]) -> Check {
    let slowest = answered.iter().filter_map(|one| one.outcome.as_ref().ok()).map(|(_, span)| *span).max();
    let there = answered.iter().filter(|one| one.outcome.is_ok()).count();
    let time = slowest.map(|span| format!(", {} at most", ms(span))).unwrap_or_default();
    let reading = format!("{there} of {} {} answered{time}", answered.len(), addresses(answered.len()));
    let reading = match slowest {
        Some(span) => micros(span, reading),
        None => Figure::words(reading),
    };
    let check = Check::ok(HTTP, HTTP_TITLE, reading, Figure::words(HTTP_NEED));
    let secure: Vec<String> = answered.iter().filter(|one| one.speaks_tls).map(to_plain).collect();
    if !secure.is_empty() {
        let https = url.url.replacen("http://", "https://", 1);
        return check.but(
            Verdict::Fail,
            format!("the URL says http, and TLS answers at {}", listed(&secure)),
            vec![Fix::advice(format!("give --target {https} to preflight and to run"))],
        );
    }
    let failed: Vec<String> = answered
        .iter()
        .filter_map(|one| Some(format!("{}: {}", one.address, clean(one.outcome.as_ref().err()?))))
        .collect();
    if !failed.is_empty() {
        let fix = "check that this is the web server's port and that the URL's scheme is right; curl shows what answers";
        return check.but(
            Verdict::Fail,
            format!("no HTTP answer from {}", listed(&failed)),
            vec![Fix::command(fix, format!("curl -v {}", url.url))],
        );
    }
    let behind: Vec<String> = answered
        .iter()
        .filter_map(|one| match one.outcome {
            Ok((status @ 502..=504, _)) => Some(format!("{} answers {status}", one.address)),
            _ => None,
        })
        .collect();
    if behind.is_empty() {
        return check;
    }
    check.but(
        Verdict::Warn,
        format!("{}: the proxy runs, and the server behind it does not", listed(&behind)),
        vec![Fix::advice("start the servers behind the proxy; its error log names them")],
    )
}

/// An address that speaks TLS, and its answer to plain HTTP.
fn to_plain(one: &Answered) -> String {
    match &one.outcome {
        Ok((status, _)) => format!("{} (to plain HTTP: {status})", one.address),
        Err(why) => format!("{} (to plain HTTP: {})", one.address, clean(why)),
    }
}

/// The check of answers, if it was not made.
pub fn http_skipped(cause: &str) -> Check {
    Check::skipped(HTTP, HTTP_TITLE, Figure::words(HTTP_NEED), cause)
}

const TARGET: &str = "target";
const TARGET_TITLE: &str = "target reachable";
const TARGET_NEED: &str = "every address";
const HTTP: &str = "http";
const HTTP_TITLE: &str = "HTTP answers";
const HTTP_NEED: &str = "every address, whatever the status";

fn addresses(count: usize) -> &'static str {
    if count == 1 { "address" } else { "addresses" }
}

/// Asks the first address that failed, under the target's name.
fn curl(url: &Url, connected: &[Connected]) -> String {
    let failed = connected.iter().find(|one| one.outcome.is_err()).map(|one| one.address);
    match failed {
        Some(address) if address.ip().to_string() != url.host.trim_matches(['[', ']']) => {
            format!("curl -v --resolve {}:{}:{} {}", url.host, url.port, address.ip(), url.url)
        }
        _ => format!("curl -v {}", url.url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(host: &str) -> Url {
        Url { url: format!("http://{host}:80"), host: host.into(), port: 80 }
    }

    fn connected(outcomes: &[Result<u64, &str>]) -> Vec<Connected> {
        let one = |(at, outcome): (usize, &Result<u64, &str>)| Connected {
            address: ([10, 0, 0, at as u8 + 1], 80).into(),
            outcome: outcome.map(Duration::from_micros).map_err(String::from),
        };
        outcomes.iter().enumerate().map(one).collect()
    }

    fn answered(outcomes: &[Result<u16, &str>]) -> Vec<Answered> {
        let one = |(at, outcome): (usize, &Result<u16, &str>)| Answered {
            address: ([10, 0, 0, at as u8 + 1], 80).into(),
            outcome: outcome.map(|status| (status, Duration::from_millis(2))).map_err(String::from),
            speaks_tls: false,
        };
        outcomes.iter().enumerate().map(one).collect()
    }

    #[test]
    fn every_address_must_accept_connections() {
        let fine = reachable(&url("x"), &connected(&[Ok(240), Ok(1_500)]));
        assert_eq!(fine.verdict, Verdict::Ok);
        assert_eq!(fine.reading.text, "2 of 2 addresses connected, 1.50 ms at most");
        assert_eq!(fine.reading.value, Some(1_500));
        let half = reachable(&url("x"), &connected(&[Ok(240), Err("connection refused")]));
        assert_eq!(half.verdict, Verdict::Fail);
        assert_eq!(half.why.as_deref(), Some("no connection to 10.0.0.2:80: connection refused"));
        let command = half.fixes[0].command.as_deref();
        assert_eq!(command, Some("curl -v --resolve x:80:10.0.0.2 http://x:80"));
        let bare = reachable(&url("10.0.0.1"), &connected(&[Err("timed out")]));
        assert_eq!(bare.fixes[0].command.as_deref(), Some("curl -v http://10.0.0.1:80"));
    }

    #[test]
    fn any_status_is_an_answer_and_a_proxy_alone_is_warned_of() {
        assert_eq!(answering(&url("x"), &answered(&[Ok(404), Ok(403)])).verdict, Verdict::Ok);
        let lonely = answering(&url("x"), &answered(&[Ok(404), Ok(502)]));
        assert_eq!(lonely.verdict, Verdict::Warn);
        assert!(lonely.why.expect("a reason").starts_with("10.0.0.2:80 answers 502: the proxy runs"));
        let dumb = answering(&url("x"), &answered(&[Err("closed")]));
        assert_eq!(
            (dumb.verdict, dumb.why.as_deref()),
            (Verdict::Fail, Some("no HTTP answer from 10.0.0.1:80: closed"))
        );
    }

    #[test]
    fn tls_behind_a_plain_url_comes_with_the_right_url() {
        let mut there = answered(&[Ok(400), Err("closed"), Ok(404)]);
        there[0].speaks_tls = true;
        there[1].speaks_tls = true;
        let check = answering(&url("x"), &there);
        let why = "the URL says http, and TLS answers at 10.0.0.1:80 (to plain HTTP: 400), 10.0.0.2:80 (to plain HTTP: closed)";
        assert_eq!((check.verdict, check.why.as_deref()), (Verdict::Fail, Some(why)));
        assert_eq!(check.fixes[0].text, "give --target https://x:80 to preflight and to run");
    }
}
