//! What is read of a line of an access log, and the values that nginx writes for several upstreams.
//!
//! Knows no format. Invariant: a value that is not there is none, never zero.

use jiff::Timestamp;
use jiff::fmt::strtime;

/// A field of a line that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `$status`.
    Status,
    /// `$request`: method, URI, protocol.
    Request,
    /// `$request_uri`, `$uri`.
    Uri,
    /// `$upstream_addr`.
    Upstream,
    /// `$upstream_response_time`.
    UpstreamTime,
    /// `$time_local`, `$time_iso8601`, `$msec`.
    Time,
}

/// The names that nginx and those who write formats have for fields.
const NAMES: [(&str, Field); 20] = [
    ("status", Field::Status),
    ("response_status", Field::Status),
    ("request", Field::Request),
    ("request_uri", Field::Uri),
    ("uri", Field::Uri),
    ("path", Field::Uri),
    ("url", Field::Uri),
    ("upstream_addr", Field::Upstream),
    ("upstream", Field::Upstream),
    ("ua", Field::Upstream),
    ("upstream_response_time", Field::UpstreamTime),
    ("upstream_time", Field::UpstreamTime),
    ("urt", Field::UpstreamTime),
    ("uresp", Field::UpstreamTime),
    ("time_local", Field::Time),
    ("time", Field::Time),
    ("time_iso8601", Field::Time),
    ("timestamp", Field::Time),
    ("@timestamp", Field::Time),
    ("msec", Field::Time),
];

impl Field {
    /// The field of this name.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
    }
}

/// What is read of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry<'l> {
    /// The status.
    pub status: Option<u16>,
    /// The path, without a query.
    pub path: Option<&'l [u8]>,
    /// The upstream that answered; none if no upstream did.
    pub upstream: Option<&'l [u8]>,
    /// Milliseconds that upstreams took in all, in thousandths; none if none was asked.
    pub upstream_micros: Option<u64>,
    /// When it was written.
    pub at: Option<Timestamp>,
    /// Whether the line says which upstream it was, if only that it was none.
    pub has_upstream: bool,
    /// Whether the line says how long upstreams took, if only that none was asked.
    pub has_upstream_time: bool,
}

impl<'l> Entry<'l> {
    /// Takes a field's value; false if the value makes no sense there.
    pub fn set(&mut self, field: Field, value: &'l [u8]) -> bool {
        match field {
            Field::Status => {
                self.status = status(value);
                return self.status.is_some();
            }
            Field::Request => self.path = value.split(|byte| *byte == b' ').nth(1).map(path),
            Field::Uri => self.path = Some(path(value)),
            Field::Upstream => {
                self.has_upstream = true;
                self.upstream = several(value).last().filter(|address| *address != b"-");
            }
            Field::UpstreamTime => {
                self.has_upstream_time = true;
                self.upstream_micros = upstream_micros(value);
            }
            Field::Time => self.at = self.at.or_else(|| time(value)),
        }
        true
    }
}

/// Three digits: nginx writes 000 for a request that ended before it had one.
fn status(value: &[u8]) -> Option<u16> {
    let is_status = value.len() == 3 && value.iter().all(u8::is_ascii_digit);
    is_status.then(|| value.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0')))
}

fn path(uri: &[u8]) -> &[u8] {
    uri.split(|byte| *byte == b'?').next().unwrap_or(uri)
}

/// The values of several upstreams, in their order: separated by ", " within a group of servers, by " : " where a
/// request went on to another group (ngx_http_upstream_module).
pub fn several(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let groups = split(value, b" : ");
    groups.flat_map(|group| split(group, b", ")).map(<[u8]>::trim_ascii).filter(|one| !one.is_empty())
}

fn split<'v>(value: &'v [u8], separator: &'static [u8]) -> impl Iterator<Item = &'v [u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let whole = rest?;
        let at = memchr::memmem::find(whole, separator);
        rest = at.map(|at| &whole[at + separator.len()..]);
        Some(at.map_or(whole, |at| &whole[..at]))
    })
}

/// The sum of all upstreams' times: a request that was tried twice took both.
fn upstream_micros(value: &[u8]) -> Option<u64> {
    let seconds = |one: &[u8]| std::str::from_utf8(one).ok()?.parse::<f64>().ok();
    let known = several(value).filter_map(seconds).filter(|seconds| (0.0..1e9).contains(seconds));
    known.map(|seconds| (seconds * 1e6).round() as u64).reduce(u64::saturating_add)
}

/// As `$time_local`, `$time_iso8601` and `$msec` have it.
fn time(value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?;
    let local = || strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok();
    let iso = || text.parse().ok();
    let seconds = || text.parse().ok().filter(|seconds| (0.0..1e11).contains(seconds));
    let msec = || seconds().and_then(|seconds: f64| Timestamp::from_millisecond((seconds * 1e3) as i64).ok());
    local().or_else(iso).or_else(msec)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the documentation of ngx_http_upstream_module has them.
    #[test]
    fn several_upstreams_are_read_as_nginx_documents() {
        let one = |field, value: &'static str| {
            let mut entry = Entry::default();
            assert!(entry.set(field, value.as_bytes()));
            entry
        };
        let upstream =
            |value| one(Field::Upstream, value).upstream.map(|it| String::from_utf8_lossy(it).into_owned());
        assert_eq!(upstream("192.168.1.1:80").as_deref(), Some("192.168.1.1:80"));
        let documented = "192.168.1.1:80, 192.168.1.2:80, unix:/tmp/sock : 192.168.10.1:80, 192.168.10.2:80";
        assert_eq!(upstream(documented).as_deref(), Some("192.168.10.2:80"));
        assert_eq!(upstream("a:80, [::1]:80").as_deref(), Some("[::1]:80"));
        assert_eq!(upstream("-"), None);
        assert_eq!(upstream(""), None);
        let micros = |value| one(Field::UpstreamTime, value).upstream_micros;
        assert_eq!(micros("0.005"), Some(5_000));
        assert_eq!(micros("0.005, 0.010 : 0.100"), Some(115_000));
        assert_eq!(micros("-, 0.010"), Some(10_000));
        for none in ["-", "", "- : -", "x", "nan", "-1", "1e300"] {
            assert_eq!(micros(none), None, "{none}");
        }
    }

    #[test]
    fn times_and_statuses_are_read_as_nginx_writes_them() {
        let at = |value: &[u8]| time(value).map(|at| at.to_string());
        for (text, expected) in [
            ("29/Nov/2026:05:04:01 +0900", "2026-11-28T20:04:01Z"),
            ("2026-11-29T05:04:01+09:00", "2026-11-28T20:04:01Z"),
            ("1795896241.250", "2026-11-28T20:04:01.25Z"),
        ] {
            assert_eq!(at(text.as_bytes()).as_deref(), Some(expected));
        }
        for wrong in [&b""[..], b"-", b"\xff", b"1e400", b"NaN", b"29/Nov/2026:05:04:01"] {
            assert_eq!(at(wrong), None);
        }
        for (text, status) in
            [("200", Some(200)), ("000", Some(0)), ("20", None), ("2000", None), ("-", None)]
        {
            assert_eq!(super::status(text.as_bytes()), status);
        }
    }

    #[test]
    fn a_path_has_no_query() {
        let mut entry = Entry::default();
        entry.set(Field::Request, b"GET /ws/ws1?ticket=secret HTTP/1.1");
        assert_eq!(entry.path, Some(&b"/ws/ws1"[..]));
        entry.set(Field::Request, b"\\x16\\x03\\x01");
        assert_eq!(entry.path, None);
    }
}
