//! Browsers' recordings: HTTP requests, what their answers gave, and a WebSocket with its frames.
//!
//! Reads the entries ([`recording`]), chooses those to the servers under test ([`chosen`]), makes requests of them
//! ([`requests`]) and the WebSocket ([`socket`]), with what answers gave put in where it was sent again ([`given`]).
//! Invariant: the recorder's own values (tokens, tickets, passwords) are in a scenario only as variables.

mod chosen;
mod given;
mod index;
mod patterns;
mod recording;
mod repeats;
mod requests;
mod secrets;
mod socket;
mod sorts;
mod times;
mod work;

use std::time::Duration;

use super::error::ImportError;
use super::model::{At, Found, Of};
use super::names::{Names, slug};
use super::stem;
use chosen::Chosen;
use given::{Given, Source};
use recording::Entry;
use work::RecordingWork;

/// A hold has this many of the longest interval at least.
const INTERVALS: u64 = 4;
/// A hold where nothing is repeated.
const HOLD_S: u64 = 60;

/// Finds what a recording's session did.
///
/// # Errors
/// It is no recording, or nothing in it is to a server.
pub(super) fn import(file: &str, text: &str) -> Result<Found, ImportError> {
    let entries = recording::read(file, text)?;
    let unknown = |message: &str| ImportError::Unknown { file: file.to_owned(), message: message.to_owned() };
    let name =
        Some(slug(stem(file))).filter(|name| !name.is_empty()).unwrap_or_else(|| "imported".to_owned());
    let origin = format!("the recording {}", file.rsplit('/').next().unwrap_or(file));
    let mut found = Found { name, origin, ..Found::default() };
    let is_bare = is_sanitized(&entries);
    let chosen = chosen::chosen(entries, &mut found);
    let chosen = chosen.ok_or_else(|| unknown("it has no request that was answered, and no WebSocket"))?;
    if chosen.requests.is_empty() && chosen.socket.is_none() {
        return Err(unknown(
            "all of its requests are for the parts of pages: it has no WebSocket, and no request of a script",
        ));
    }
    if is_bare {
        let text = "No request has a cookie or an Authorization: if the browser left them out, save the recording again \"with \
                    sensitive data\"";
        found.note(Of::Warning, At::Whole, text);
    }
    let text = format!(
        "What browsers send by themselves: User-Agent, Accept, Accept-Language, Referer, Cache-Control, Sec-* and the like{}",
        if chosen.requests.iter().any(|entry| entry.header("cookie").is_some()) {
            "; cookies are the session's own"
        } else {
            ""
        }
    );
    found.note(Of::Left, At::Whole, text);
    make(&chosen, &mut found);
    Ok(found)
}

fn is_sanitized(entries: &[Entry]) -> bool {
    let has = |entry: &Entry| {
        entry.header("cookie").is_some()
            || entry.header("authorization").is_some()
            || entry.answer_header("set-cookie").is_some()
    };
    !entries.iter().any(has)
}

fn make(chosen: &Chosen, found: &mut Found) {
    let (mut given, mut names) = (Given::default(), Names::default());
    found.load.target = Some(chosen.origin.clone());
    let opened_ms = chosen.socket.as_ref().map_or(f64::INFINITY, |socket| socket.at_ms);
    let split = chosen.requests.partition_point(|entry| entry.at_ms < opened_ms);
    let (before, beside) = chosen.requests.split_at(split);
    let mut work = RecordingWork {
        found,
        given: &mut given,
        names: &mut names,
        origin: chosen.origin.clone(),
        elsewhere: &chosen.elsewhere,
    };
    let mut next = 0;
    while next < before.len() {
        let source = Source::Request(work.found.requests.len());
        let (request, used) = requests::request(&before[next..], source, &mut work);
        work.found.requests.push(request);
        next += used;
    }
    if let Some(entry) = &chosen.socket {
        let socket = socket::socket(entry, beside, &mut work);
        work.found.socket = Some(socket);
    }
    take(&given, found);
    if given.is_full() {
        let text =
            format!("More than {} values are sent again: the rest is as it was recorded", given::NAMES_MAX);
        found.note(Of::Left, At::Whole, text);
    }
    foreign_cookies(chosen, found);
    let longest =
        found.socket.iter().flat_map(|socket| &socket.every).map(|every| every.interval.to_ms).max();
    let seconds = longest.map_or(HOLD_S, |ms| (INTERVALS * ms).div_ceil(1000).max(10));
    found.load.hold = Some(Duration::from_secs(seconds));
}

/// Takes what is used where it was given.
fn take(given: &Given, found: &mut Found) {
    for taken in given.taken() {
        let pair = (taken.name.clone(), taken.place.clone());
        let steps = found.socket.as_mut().map(|socket| &mut socket.steps);
        let list = match (taken.source, steps) {
            (Source::Request(k), _) => found.requests.get_mut(k).map(|request| &mut request.take),
            (Source::Step(k), Some(steps)) => steps.get_mut(k).map(|step| &mut step.take),
            (Source::StepRequest(k), Some(steps)) => {
                steps.get_mut(k).and_then(|step| step.request.as_mut()).map(|request| &mut request.take)
            }
            _ => None,
        };
        if let Some(list) = list {
            list.push(pair);
            if taken.is_token {
                found.secret.push(taken.name);
            }
        }
    }
}

/// Cookies that were there before the recording began are not the session's.
fn foreign_cookies(chosen: &Chosen, found: &mut Found) {
    let set: Vec<String> = chosen
        .requests
        .iter()
        .flat_map(|entry| {
            entry.answer_headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        })
        .flat_map(|(_, value)| value.lines())
        .filter_map(|line| line.split('=').next().map(|name| name.trim().to_owned()))
        .collect();
    for entry in chosen.requests.iter().chain(&chosen.socket) {
        for pair in entry.header("cookie").unwrap_or_default().split(';') {
            let name = pair.split('=').next().unwrap_or_default().trim();
            if !name.is_empty() && !set.iter().any(|known| known == name) {
                let text = format!(
                    "The cookie {name} was there before the recording began: if it is the login's, begin the recording before it"
                );
                found.note(Of::Warning, At::Whole, text);
            }
        }
    }
    // Without a request nothing sets a cookie.
    found.cookies &= !found.requests.is_empty();
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(at: &str, url: &str, answer: &str) -> Value {
        json!({
            "startedDateTime": format!("2026-11-29T18:00:{at}Z"),
            "request": { "method": "GET", "url": url, "headers": [] },
            "response": { "status": 200, "headers": [], "content": { "text": answer } },
        })
    }

    #[track_caller]
    fn found(entries: &[Value]) -> (Found, String) {
        let found =
            import("x.har", &json!({ "log": { "entries": entries } }).to_string()).expect("a recording");
        let notes: Vec<String> = found.notes.iter().map(|note| format!("{}{}", note.at, note.text)).collect();
        (found, notes.join("\n"))
    }

    #[test]
    fn engine_ios_polls_give_their_sid_and_end_with_the_websocket() {
        let (found, notes) = found(&[
            entry(
                "00",
                "http://a.example/io/?transport=polling",
                r#"0{"sid":"lv_VI97-AAAC","upgrades":["websocket"]}"#,
            ),
            entry("01", "http://a.example/io/?transport=polling&sid=lv_VI97-AAAC", "ok"),
            entry("02", "ws://a.example/io/?transport=websocket&sid=lv_VI97-AAAC", ""),
            entry("03", "http://a.example/io/?transport=polling&sid=lv_VI97-AAAC", "6"),
            entry("04", "data:text/plain,x", ""),
        ]);
        assert_eq!(found.requests[0].take, [("sid".to_owned(), "after:\"sid\":\"".to_owned())]);
        assert_eq!(found.requests[1].path, "/io/?transport=polling&sid={sid}");
        let socket = found.socket.expect("a WebSocket");
        assert_eq!((socket.url.as_str(), socket.steps.len()), ("/io/?transport=websocket&sid={sid}", 0));
        assert!(!notes.contains("which no answer"), "{notes}");
        for said in ["1 long poll beside", "no message of the WebSocket", "1 request that no server got"] {
            assert!(notes.contains(said), "{said}\n{notes}");
        }
    }

    #[test]
    fn what_is_no_message_is_none_and_an_end_is_no_step() {
        let frame = |at: f64, kind: &str, opcode: i64, data: &str| json!({ "type": kind, "time": 1_795_975_202.0 + at, "opcode": opcode, "data": data });
        let mut socket = entry("02", "ws://a.example/graphql", "");
        socket["request"]["headers"] =
            json!([{ "name": "Sec-WebSocket-Protocol", "value": "graphql-transport-ws" }]);
        socket["_webSocketMessages"] = json!([
            frame(0.1, "send", 1, r#"{"type":"connection_init"}"#),
            frame(0.2, "receive", 1, r#"{"type":"connection_ack"}"#),
            frame(1.0, "receive", 2, "!!!"),
            frame(2.0, "error", -1, "net::ERR"),
            frame(3.0, "receive", 10, ""),
            frame(9.0, "send", 1, r#"{"id":"7","type":"complete"}"#),
        ]);
        let (graphql, notes) = found(&[socket.clone()]);
        let made = graphql.socket.expect("a WebSocket");
        assert_eq!(made.quit.as_deref(), Some(r#"{"id":"7","type":"complete"}"#));
        assert_eq!((made.kinds.len(), made.steps.len()), (1, 1));
        assert!(notes.contains("2 entries that are no messages"), "{notes}");

        socket["_webSocketMessages"] = json!([
            frame(0.0, "send", 2, "CQAB"),
            frame(5.0, "send", 2, "CQAC"),
            frame(10.0, "send", 2, "CQAD")
        ]);
        let (bytes, notes) = found(&[socket]);
        let made = bytes.socket.expect("a WebSocket");
        assert_eq!((made.every.len(), made.every[0].send.as_str()), (1, "{hex:09 00 01}"));
        assert!(made.every[0].comments[0].contains("differed"), "{notes}");
    }
    const RANDOM: &str = "9f86d081884c7d659a2feaa0c55ad015";

    #[test]
    fn tokens_without_a_name_are_not_written() {
        let mut first = entry("00", "http://a.example/me", r#"{"v":"bXktc2Vzc2lvbi1pZC0xMjM0NTY3ODkwYWJj"}"#);
        first["request"]["headers"] = json!([{ "name": "x-caller", "value": RANDOM }]);
        let url = format!(
            "http://a.example/b?k={}&v=bXktc2Vzc2lvbi1pZC0xMjM0NTY3ODkwYWJj",
            RANDOM.replace('9', "8")
        );
        let (found, notes) = found(&[first, entry("01", &url, "{}")]);
        assert_eq!(found.requests[0].headers, [("X-Caller".to_owned(), "{x_caller}".to_owned())]);
        assert_eq!(found.requests[1].path, "/b?k={k}&v={v}");
        assert_eq!(found.secret, ["x_caller", "k", "v"]);
        assert!(found.variables.iter().all(|variable| variable.value.is_empty()), "{:?}", found.variables);
        assert!(notes.contains("No answer of the recording gave the value of \"x-caller\""), "{notes}");
        assert!(!format!("{found:?}").contains(RANDOM));
    }

    #[test]
    fn no_secret_of_a_recording_is_written() {
        let mut first = entry("00", "http://a.example/in?api_key=k3y-q", "{}");
        first["request"]["method"] = json!("POST");
        first["request"]["headers"] = json!([{ "name": "x-auth", "value": "k3y-h" }]);
        first["request"]["postData"] =
            json!({ "text": r#"{"login":"ann","loginPw":"k3y-b","pin":4711,"session":"k3y-s"}"# });
        let text = json!({ "log": { "entries": [first] } }).to_string();
        let made = crate::import::import("x.har", &text, "x.toml", &|_| None).expect("a recording");
        let all = format!("{}{:?}", made.scenario, made.told);
        assert!(!all.contains("k3y") && !all.contains("4711"), "{all}");
        for said in ["login = \"ann\"", "loginPw", "Secrets whose values are not written: "] {
            assert!(all.contains(said), "{said}\n{all}");
        }
    }

    #[test]
    fn a_short_secret_says_where_it_came_from() {
        let (_, notes) = found(&[
            entry("00", "http://a.example/code", r#"{"data":{"token":"48-21"}}"#),
            entry("01", "http://a.example/in?token=48-21", "{}"),
        ]);
        assert!(notes.contains("too short, or too much of a word"), "{notes}");
        assert!(notes.contains("from the answer to \"code\" (token = \"/data/token\")"), "{notes}");
        assert!(!notes.contains("No answer of the recording"), "{notes}");
    }

    #[test]
    fn odd_recordings_pass_their_check() {
        let mut twice = entry("00", "http://a.example/form", "{}");
        twice["request"]["method"] = json!("POST");
        twice["request"]["headers"] =
            json!([{ "name": "content-type", "value": "application/x-www-form-urlencoded" }]);
        twice["request"]["postData"] = json!({ "text": "a=1&a=2&=z" });
        let mut socket = entry("02", "ws://a.example/ws", "");
        let frame = |at: f64, kind: &str, data: &str| json!({ "type": kind, "time": 1_795_975_202.0 + at, "opcode": 1, "data": data });
        socket["_webSocketMessages"] = json!([
            frame(0.1, "receive", r#"{"type":""}"#),
            frame(0.2, "receive", r#"{"type":"a b c"}"#),
            frame(0.3, "send", ""),
            frame(0.4, "send", "x"),
        ]);
        let text = json!({ "log": { "entries": [twice, socket] } }).to_string();
        let made = crate::import::import("x.har", &text, "x.toml", &|_| None).expect("a recording");
        assert_eq!(made.refused, None, "{}", made.scenario);
        for said in ["body = \"a=1&a=2&=z\"", "Empty messages that it sent"] {
            assert!(made.scenario.contains(said), "{said}\n{}", made.scenario);
        }
    }
}
