//! Takes lines of an access log apart, by a format that is given or that the lines themselves show.
//!
//! Keeps no line. Invariant: what no format explains is none, and never a guess.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::entry::{Entry, Field};
use super::format::{Format, goes_on};

/// How every format that goes on from `combined` begins; the rest is `key=value`, quoted strings, or numbers.
const BEGINNING: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status "#;
/// What ingress-nginx writes by itself: its upstreams have no names, only places.
const INGRESS: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#;

/// Takes lines apart.
#[derive(Clone, Debug)]
pub struct Reader {
    given: Option<Format>,
    ingress: Format,
    beginning: Format,
}

impl Reader {
    /// By this format; without one, by whichever of the known ones a line is in: `combined` and what goes on from it
    /// by `key=value`, JSON with nginx's names, and that of ingress-nginx.
    pub fn new(given: Option<Format>) -> Self {
        let known = |text| Format::parse(text).unwrap_or_else(|why| unreachable!("{text}: {why}"));
        Self { given, ingress: known(INGRESS), beginning: known(BEGINNING) }
    }

    /// Whether the format was given.
    pub fn is_given(&self) -> bool {
        self.given.is_some()
    }

    /// Takes a line apart, for `each` to see; false if it is in no known format.
    pub fn read(&self, line: &[u8], each: &mut dyn FnMut(&Entry<'_>)) -> bool {
        if let Some(format) = &self.given {
            return format.read(line).map(|entry| each(&entry)).is_some();
        }
        if line.ends_with(b"}")
            && let Some(at) = memchr::memmem::find(line, b"{\"")
        {
            // Before it may be what docker compose or syslog put there.
            return read_json(&String::from_utf8_lossy(&line[at..]), each);
        }
        let extended = || self.read_extended(line);
        self.ingress.read(line).or_else(extended).map(|entry| each(&entry)).is_some()
    }

    fn read_extended<'l>(&self, line: &'l [u8]) -> Option<Entry<'l>> {
        let (mut entry, mut rest) = self.beginning.read_beginning(line)?;
        while !rest.is_empty() {
            let (key, value, after) = word(rest);
            if let Some(field) = Field::named(key)
                && field != Field::Time
                && !entry.set(field, value)
            {
                return None;
            }
            rest = after.trim_ascii_start();
        }
        Some(entry)
    }
}

/// The next word: `key=value`, `key="value"`, or a value without a key, and what is after it.
fn word(rest: &[u8]) -> (&str, &[u8], &[u8]) {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = rest.iter().take_while(|byte| is_name(byte)).count();
    let (key, value) = match rest.get(length) {
        Some(b'=') => (std::str::from_utf8(&rest[..length]).unwrap_or_default(), &rest[length + 1..]),
        _ => ("", rest),
    };
    if let Some(quoted) = value.strip_prefix(b"\"") {
        let end = memchr::memchr(b'"', quoted).unwrap_or(quoted.len());
        return (key, &quoted[..end], quoted.get(end + 1..).unwrap_or_default());
    }
    // After a comma may come another value of several upstreams, or the next key.
    let is_key = |rest: &[u8]| rest.get(rest.iter().take_while(|byte| is_name(byte)).count()) == Some(&b'=');
    let is_end = |at: &usize| !goes_on(&value[..*at], &value[*at..]) || is_key(&value[at + 1..]);
    let end = memchr::memchr_iter(b' ', value).find(is_end).unwrap_or(value.len());
    (key, value[..end].strip_suffix(b",").unwrap_or(&value[..end]), &value[end..])
}

/// Reads an object whose keys are nginx's names; its values may be strings or numbers.
fn read_json(line: &str, each: &mut dyn FnMut(&Entry<'_>)) -> bool {
    let Ok(values) = serde_json::from_str::<BTreeMap<String, &RawValue>>(line) else { return false };
    let mut entry = Entry::default();
    let mut is_read = false;
    for (key, value) in &values {
        let raw = value.get().as_bytes();
        let text = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw);
        if let Some(field) = Field::named(key) {
            is_read |= entry.set(field, text) && field == Field::Status;
        }
    }
    if is_read {
        each(&entry);
    }
    is_read
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (u16, String, Option<String>, Option<u64>);

    fn read(reader: &Reader, line: &[u8]) -> Option<Read> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let mut seen = None;
        let is_read = reader.read(line, &mut |entry| {
            let path = entry.path.map(text).unwrap_or_default();
            seen = Some((entry.status.unwrap_or(0), path, entry.upstream.map(text), entry.upstream_micros));
        });
        assert_eq!(is_read, seen.is_some());
        seen
    }

    const COMBINED: &str =
        r#"127.0.0.1 - - [28/Nov/2026:20:04:00 +0000] "GET /a?b HTTP/1.1" 499 0 "-" "curl/8 (x; urt=9)""#;

    #[test]
    fn combined_and_what_goes_on_from_it_are_recognised() {
        let reader = Reader::new(None);
        let plain = |upstream: Option<&str>, micros| {
            Some((499, "/a".to_owned(), upstream.map(str::to_owned), micros))
        };
        assert_eq!(read(&reader, COMBINED.as_bytes()), plain(None, None));
        for (more, upstream, micros) in [
            (r#" "10.1.1.1""#, None, None),
            (" upstream=a:1 urt=0.010", Some("a:1"), Some(10_000)),
            (
                " rt=0.020 uct=\"0.001\" uht=\"0.002\" urt=\"0.010, 0.020 : -\" ua=\"a:1, b:2 : c:3\" us=\"200\"",
                Some("c:3"),
                Some(30_000),
            ),
            (
                " upstream_addr=a:1, b:2 : c:3 upstream_response_time=0.1, 0.2 : 0.3 x",
                Some("c:3"),
                Some(600_000),
            ),
            (" upstream=-, urt=-", None, None),
            (" upstream=\"a:1", Some("a:1"), None),
        ] {
            assert_eq!(
                read(&reader, format!("{COMBINED}{more}").as_bytes()),
                plain(upstream, micros),
                "{more}"
            );
        }
        let composed = format!("web-1  | {COMBINED}");
        assert_eq!(read(&reader, composed.as_bytes()), plain(None, None));
        let common = r#"::1 - me [28/Nov/2026:20:04:00 +0000] "\x16\x03" 400 150"#;
        assert_eq!(read(&reader, common.as_bytes()), Some((400, String::new(), None, None)));
    }

    #[test]
    fn json_with_nginx_s_names_is_recognised() {
        let reader = Reader::new(None);
        let line = br#"{"time_iso8601":"2026-11-28T20:04:00+00:00","status":502,"request_uri":"\/a?b","upstream_addr":"a:1, b:2","upstream_response_time":"0.5, 0.25","x":{"status":1}}"#;
        assert_eq!(read(&reader, line), Some((502, r"\/a".into(), Some("b:2".into()), Some(750_000))));
        let line = b"nginx-1 | {\"status\":\"101\",\"uri\":\"/\xff\",\"urt\":0.5}";
        assert_eq!(read(&reader, line), Some((101, "/\u{fffd}".into(), None, Some(500_000))));
        for wrong in [&br#"{"status":"x"}"#[..], br#"{"a":1}"#, br#"{"status":200"#, br#"{"status":200,}"#] {
            assert_eq!(read(&reader, wrong), None);
        }
    }

    #[test]
    fn ingress_s_own_format_is_recognised() {
        let line = format!(
            "{COMBINED} 355 0.004 [default-web-80] [] 10.0.0.1:80, 10.0.0.2:80 0, 12 0.001, 0.002 502, 200 a1b2"
        );
        let expected = Some((499, "/a".into(), Some("10.0.0.2:80".into()), Some(3_000)));
        assert_eq!(read(&Reader::new(None), line.as_bytes()), expected);
    }

    #[test]
    fn a_given_format_alone_counts() {
        let reader = Reader::new(Some(Format::parse("$status $uri").expect("a format")));
        assert_eq!(read(&reader, b"200 /a"), Some((200, "/a".into(), None, None)));
        assert_eq!(read(&reader, COMBINED.as_bytes()), None);
    }
}
