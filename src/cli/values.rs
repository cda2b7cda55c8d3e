//! Values on the command line: one parser a kind, whose errors say what to write instead.
//!
//! Knows nothing of what a value is for. Invariant: `k` is 1000, never 1024; sizes are in KiB and MiB.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;

pub use crate::plan::Rate;
use crate::plan::Shard;
use startline_os::units;

use crate::plan::schedule::zone;
use crate::scenario::Scenario;
use crate::scenario::every::Interval;
use crate::scenario::of_another_tool;
use crate::scenario::template::is_identifier;

/// Reads a duration: `100ms`, `30s`, `1.5m`, `1h30m` or `0`.
///
/// # Errors
/// Why `text` is not one, with what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    match text.strip_prefix('-').map(units::duration) {
        Some(Ok(_)) => Err(format!("{text:?} must not be negative")),
        _ => units::duration(text),
    }
}

/// Reads a duration that must be longer than zero.
///
/// # Errors
/// Why `text` is not one.
pub fn delay(text: &str) -> Result<Duration, String> {
    let delay = duration(text)?;
    if delay.is_zero() { Err("it must be longer than zero".into()) } else { Ok(delay) }
}

/// Reads how long something lasts: `10m`, `5m..15m`, `~10m`.
///
/// # Errors
/// Why `text` is not one.
pub fn lifetime(text: &str) -> Result<Interval, String> {
    text.parse()
}

/// Reads which part of a plan to play: `0/4`, `auto/4`.
///
/// # Errors
/// Why `text` is not one.
pub fn shard(text: &str) -> Result<Shard, String> {
    Shard::parse(text, |name| std::env::var(name).ok())
}

/// Reads an instant: `2026-01-31T09:30:00Z`, `2026-01-31T18:30:00+09:00`.
///
/// # Errors
/// Why `text` is not one.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| {
        format!(
            "{text:?} is not an instant: write a date, a time and an offset, such as 2026-01-31T09:30:00Z"
        )
    })
}

/// Reads the id of a challenge or member.
///
/// # Errors
/// Why `text` is not one.
pub fn id(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is not an id: write a whole number such as 38"))
}

/// Reads a range of ids, both ends included: `13-6012`, or one id.
///
/// # Errors
/// Why `text` is not one.
pub fn id_range(text: &str) -> Result<RangeInclusive<u64>, String> {
    let refused = || format!("{text:?} is not a range of ids: write first-last, such as 13-6012");
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let id = |text: &str| digits(text).and_then(|text| text.parse::<u64>().ok()).ok_or_else(refused);
    let (first, last) = (id(first)?, id(last)?);
    if first > last {
        return Err(format!("the range {text} is empty: did you mean {last}-{first}?"));
    }
    Ok(first..=last)
}

/// Reads a count of at least 1: `6000`, `1_000`, `6k` or `1.5M`.
///
/// # Errors
/// Why `text` is not one.
pub fn count(text: &str) -> Result<u32, String> {
    units::count(text)
}

/// Reads a rate: `100/s`, `6k/m`.
///
/// # Errors
/// Why `text` is not one.
pub fn rate(text: &str) -> Result<Rate, String> {
    let refused =
        || format!("{text:?} is not a rate: write a count a second or minute, such as 100/s or 6k/m");
    let (number, unit) = text.split_once('/').ok_or_else(refused)?;
    let per = match unit {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        _ => return Err(refused()),
    };
    Ok(Rate { count: count(number)?, per })
}

/// Reads a variable's assignment: `name=value`; the value may be empty and may contain `=`.
///
/// # Errors
/// Why `text` is not one.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_identifier(name) => Ok((name.to_owned(), value.to_owned())),
        Some((name, _)) => Err(format!("{name:?} is not the name of a variable: write name=value")),
        None => Err(format!("{text:?} sets nothing: write name=value")),
    }
}

/// Reads `name=path`.
///
/// # Errors
/// Why `text` is not one.
pub fn file_assignment(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = assignment(text)?;
    match path.is_empty() {
        true => Err(format!("{text:?} names no file: write name=path")),
        false => Ok((name, path.into())),
    }
}

/// Reads a form of the result and where it goes: `junit=results/junit.xml`.
///
/// # Errors
/// Why `text` is not one.
pub fn report(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((format, path)) if !format.is_empty() && !path.is_empty() => Ok((format.into(), path.into())),
        _ => Err(format!("{text:?} names no format and file: write format=path, such as junit=junit.xml")),
    }
}

/// A WebSocket's URL, in the parts that a run takes it in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebSocketUrl {
    /// Scheme, host and port.
    pub target: String,
    /// The path, from its `/` on.
    pub path: String,
    /// The query with its `?`; empty if there is none.
    pub query: String,
}

/// Reads the URL of a WebSocket: `ws://host:8080/path?query`.
///
/// # Errors
/// Why `text` is not one.
pub fn websocket_url(text: &str) -> Result<WebSocketUrl, String> {
    let refused = || format!("{text:?} is not the URL of a WebSocket: write it such as ws://host:8080/path");
    if !text.contains("://") && (text.ends_with(".toml") || Scenario::builtin(text).is_some()) {
        return Err(format!("a scenario goes with --scenario {text}"));
    }
    if let Some(fix) = of_another_tool(text).filter(|_| !text.contains("://")) {
        return Err(format!("{text} is not a scenario; {fix}"));
    }
    let url = url::Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => refused(),
        error => format!("{} ({error})", refused()),
    })?;
    let target = match url.scheme() {
        "ws" | "wss" => url[..url::Position::BeforePath].to_owned(),
        "http" | "https" => {
            let ws = text.replacen("http", "ws", 1);
            return Err(format!(
                "{text} is not the URL of a WebSocket: write {ws}, or for a scenario's servers --target {text}"
            ));
        }
        _ => return Err(refused()),
    };
    if url.fragment().is_some() {
        return Err(format!(
            "{text:?} has a fragment, which no WebSocket's URL can have: leave # and the rest out"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "a WebSocket's URL has no user name and no password: leave them out, and write basic_auth in \
                    [websocket] of a scenario"
                .to_owned(),
        );
    }
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    Ok(WebSocketUrl { target, path: url.path().to_owned(), query })
}

/// Reads an address to listen at, with its port: `127.0.0.1:9464`, `[::1]:0`.
///
/// # Errors
/// Why `text` is not one.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is not an IP address with a port: write both, such as 127.0.0.1:9464 or [::1]:9464")
    })
}

/// Reads a host: a name or an IP address (v6 in brackets), without scheme, port or path.
///
/// # Errors
/// Why `text` is not one.
pub fn host(text: &str) -> Result<String, String> {
    let refused = |reason: &str| {
        format!("{text:?} is not a host: {reason}; write a name or an address only, such as ws.example.com")
    };
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(refused(&format!("{scheme}:// is a scheme")));
    }
    if text.contains('/') {
        return Err(refused("it has a path"));
    }
    if !text.starts_with('[') && text.contains(':') {
        return Err(refused("it has a port, or is an IPv6 address without brackets"));
    }
    match url::Host::parse(text) {
        Ok(host) => Ok(host.to_string()),
        Err(error) => Err(refused(&error.to_string())),
    }
}

/// Reads a replacement of URL prefixes: `FROM=TO`, each a `ws://` or `wss://` URL or its beginning.
///
/// # Errors
/// Why `text` is not one.
pub fn url_map(text: &str) -> Result<(String, String), String> {
    let (from, to) = text.split_once('=').ok_or_else(|| format!("{text:?} maps nothing: write FROM=TO"))?;
    for url in [from, to] {
        if !url.starts_with("ws://") && !url.starts_with("wss://") {
            return Err(format!("{url:?} does not begin with ws:// or wss://"));
        }
    }
    Ok((from.to_owned(), to.to_owned()))
}

/// Reads a time zone: an IANA name, an offset, or `system` for this machine's own. Returns it as written.
///
/// # Errors
/// Why `text` is not one.
pub fn time_zone(text: &str) -> Result<String, String> {
    match zone(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!(
            "{text:?} is not a time zone known on this machine: write a name such as Asia/Seoul, or an offset such as +09:00"
        )),
    }
}

/// Reads a local time, to the second, without an offset: `2026-03-01T10:00`.
///
/// # Errors
/// Why `text` is not one.
pub fn local_time(text: &str) -> Result<DateTime, String> {
    let refused = || {
        format!(
            "{text:?} is not a local time: write date and time without an offset (--time-zone has it), such as 2026-03-01T10:00"
        )
    };
    let (_, time) = text.split_once(['T', ' ']).ok_or_else(refused)?;
    // The parser would ignore an offset.
    if time.contains(|c: char| !c.is_ascii_digit() && c != ':') {
        return Err(refused());
    }
    text.parse().map_err(|_| refused())
}

/// Reads a seed; TOML's integers, and so plan files, end at 2⁶³ − 1.
///
/// # Errors
/// Why `text` is not one.
pub fn seed(text: &str) -> Result<u64, String> {
    let seed: Option<i64> = digits(text).and_then(|text| text.parse().ok());
    seed.map(|seed| seed as u64)
        .ok_or_else(|| format!("{text:?} is not a whole number from 0 to {}", i64::MAX))
}

/// Returns `text` if it is digits only: `parse` alone would accept a plus sign.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(duration("30").unwrap_err().contains("write 30s"));
        assert!(delay("0").is_err());
        for text in ["-5s", "-0"] {
            assert_eq!(duration(text), Err(format!("{text:?} must not be negative")));
            assert_eq!(delay(text), duration(text));
        }
        assert!(duration("--quiet").unwrap_err().contains("is not a duration"));
        assert_eq!(delay("5s"), Ok(Duration::from_secs(5)));
    }

    #[test]
    fn a_scenario_is_not_taken_for_a_websocket_s_url() {
        for scenario in ["chat.toml", "./chat.toml", "chat"] {
            let why = format!("a scenario goes with --scenario {scenario}");
            assert_eq!(websocket_url(scenario), Err(why));
        }
        assert!(websocket_url("nothing").unwrap_err().contains("is not the URL of a WebSocket"));
    }

    #[test]
    fn ranges_of_ids() {
        assert_eq!(id_range("13-6012"), Ok(13..=6012));
        assert_eq!(id_range("7"), Ok(7..=7));
        assert_eq!(id_range("0-0"), Ok(0..=0));
        assert_eq!(id_range("6012-13").unwrap_err(), "the range 6012-13 is empty: did you mean 13-6012?");
        for text in ["", "-", "13-", "-13", "a-b", "1-2-3", "+1-2", "1 - 2", "99999999999999999999-1"] {
            assert!(id_range(text).unwrap_err().contains("write first-last"), "{text}");
        }
    }

    #[test]
    fn rates() {
        let rate_of = |text: &str| rate(text).map(|rate| rate.ramp(6000));
        assert_eq!(rate_of("100/s"), Ok(Duration::from_secs(60)));
        assert_eq!(rate_of("6k/m"), Ok(Duration::from_secs(60)));
        assert_eq!(rate_of("1k/s"), Ok(Duration::from_secs(6)));
        for text in ["100", "100/h", "/s", "100/", "0/s", "a/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn assignments() {
        assert_eq!(assignment("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(assignment("a="), Ok(("a".into(), String::new())));
        for text in ["", "a", "=b", "a-b=c"] {
            assert!(assignment(text).unwrap_err().contains("write name=value"), "{text}");
        }
    }

    #[test]
    fn hosts() {
        assert_eq!(host("WS.Example.com"), Ok("ws.example.com".into()));
        assert_eq!(host("10.0.0.1"), Ok("10.0.0.1".into()));
        assert_eq!(host("[::1]"), Ok("[::1]".into()));
        for text in ["", "wss://x", "x/y", "x:80", "::1", "a b"] {
            assert!(host(text).unwrap_err().contains("is not a host"), "{text}");
        }
    }

    #[test]
    fn url_maps() {
        assert_eq!(url_map("wss://a=ws://b:1"), Ok(("wss://a".into(), "ws://b:1".into())));
        for text in ["", "wss://a", "a=b", "wss://a=", "http://a=ws://b"] {
            assert!(url_map(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_zones() {
        assert_eq!(time_zone("+09:00"), Ok("+09:00".into()));
        assert_eq!(time_zone("UTC"), Ok("UTC".into()));
        assert_eq!(time_zone("system"), Ok("system".into()));
        for text in ["Seoul", "UTC+9", "GMT+9", "KST-9", "EST5EDT,M3.2.0,M11.1.0"] {
            assert!(
                time_zone(text).unwrap_err().contains("such as Asia/Seoul, or an offset such as +09:00"),
                "{text}"
            );
        }
        assert_eq!(time_zone("Asia/Seoul"), Ok("Asia/Seoul".into()));
        assert_eq!(time_zone("EST5EDT"), Ok("EST5EDT".into()), "an IANA name, however it looks");
    }

    #[test]
    fn local_times() {
        let read = |text: &str| local_time(text).map(|time| time.to_string());
        assert_eq!(read("2026-03-01T10:00"), Ok("2026-03-01T10:00:00".into()));
        assert_eq!(read("2026-03-01 10:00:59"), Ok("2026-03-01T10:00:59".into()));
        for text in [
            "",
            "10:00",
            "2026-03-01",
            "2026-03-01T10:00Z",
            "2026-03-01T10:00+09:00",
            "2026-03-01T10:00:00.5",
            "2026-02-30T10:00",
        ] {
            assert!(read(text).unwrap_err().contains("such as 2026-03-01T10:00"), "{text}");
        }
    }

    #[test]
    fn seeds() {
        assert_eq!(seed("0"), Ok(0));
        assert_eq!(seed("9223372036854775807"), Ok(i64::MAX as u64));
        assert!(seed("9223372036854775808").is_err());
        assert!(seed("-1").is_err());
    }
}
