//! Which requests of a recording a session makes: those to the servers under test, without what a page is made of.
//!
//! Knows no values. Invariant: what is left out is counted or named in a note.

use std::borrow::Cow;
use std::collections::BTreeSet;

use startline_os::units::counted;

use super::super::model::{At, Found, Of};
use super::recording::Entry;

/// What a page is made of, by the browser's word for it.
const STATIC: [&str; 9] = [
    "stylesheet",
    "script",
    "image",
    "font",
    "media",
    "manifest",
    "texttrack",
    "ping",
    "csp-violation-report",
];
/// The same by the end of its path, for browsers that do not say.
const STATIC_ENDS: [&str; 15] = [
    ".css", ".js", ".mjs", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".woff",
    ".woff2", ".ttf", ".wasm",
];
/// What a request by a script counts for, beside 1.
const MADE_WEIGHT: u64 = 4;
/// What a page counts for.
const PAGE_WEIGHT: u64 = 10;
/// What a request to the WebSocket's host counts for, besides.
const SOCKET_WEIGHT: u64 = 100;
/// Origins named in one note at most.
const NAMED_MAX: usize = 5;

/// The entries of a recording that matter.
pub(super) struct Chosen {
    /// HTTP requests, in the order of time.
    pub(super) requests: Vec<Entry>,
    /// The WebSocket, with its frames.
    pub(super) socket: Option<Entry>,
    /// Scheme, host and port of the servers under test.
    pub(super) origin: String,
    /// Entries to other servers.
    pub(super) elsewhere: Vec<Entry>,
}

/// Chooses.
pub(super) fn chosen(entries: Vec<Entry>, found: &mut Found) -> Option<Chosen> {
    let (sockets, requests): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(Entry::is_websocket);
    let socket = longest(sockets, found);
    let (requests, others): (Vec<Entry>, Vec<Entry>) =
        requests.into_iter().partition(|entry| matches!(entry.url.scheme(), "http" | "https"));
    let origin = origin(&requests, socket.as_ref())?;
    let (mut statics, mut preflights, mut failed) = (0, 0, 0);
    let (mut kept, mut elsewhere) = (Vec::new(), Vec::new());
    for entry in requests {
        if entry.method == "OPTIONS" || entry.resource == "preflight" {
            preflights += 1;
        } else if entry.origin() != origin {
            elsewhere.push(entry);
        } else if is_static(&entry) {
            statics += 1;
        } else if entry.status < 200 {
            failed += 1;
        } else if entry.resource == "eventsource" {
            let text = format!(
                "{}: server-sent events: a session follows a WebSocket, not an event stream",
                entry.url.path()
            );
            found.note(Of::Left, At::Entry(entry.number), text);
        } else {
            kept.push(entry);
        }
    }
    let all = kept.len();
    kept.retain(|entry| !socket.as_ref().is_some_and(|socket| is_poll(entry, socket)));
    let mut left = |count: u64, one: &str, many: &str, why: &str| {
        if count > 0 {
            found.note(Of::Left, At::Whole, format!("{}{why}", counted(count, one, many)));
        }
    };
    left(
        statics,
        "request for a page's parts",
        "requests for a page's parts",
        " (styles, scripts, pictures, fonts)",
    );
    left(preflights, "CORS preflight", "CORS preflights", ": no browser, no preflight");
    left(others.len() as u64, "request", "requests", " that no server got (data:, blob:, extensions)");
    let polls = (all - kept.len()) as u64;
    let why = " beside the WebSocket that took over from it: to connect without polls, delete the requests before the WebSocket \
               and sid= in its URL";
    left(polls, "long poll", "long polls", why);
    left(failed, "request without an answer", "requests without an answer", "");
    if !elsewhere.is_empty() {
        let names: BTreeSet<String> = elsewhere.iter().map(Entry::origin).collect();
        let mut names: Vec<String> = names.into_iter().collect();
        let more = names.len() > NAMED_MAX;
        names.truncate(NAMED_MAX);
        let more = if more { " and others" } else { "" };
        let text = format!(
            "{} to other servers than {origin}: {}{more}",
            counted(elsewhere.len() as u64, "request", "requests"),
            names.join(", ")
        );
        found.note(Of::Left, At::Whole, text);
    }
    Some(Chosen { requests: kept, socket, origin, elsewhere })
}

/// Whether a request is a long poll of the connection that the WebSocket took over.
fn is_poll(entry: &Entry, socket: &Entry) -> bool {
    let is_polling = |(name, value): (Cow<'_, str>, Cow<'_, str>)| name == "transport" && value == "polling";
    entry.at_ms >= socket.at_ms
        && entry.url.path() == socket.url.path()
        && entry.url.query_pairs().any(is_polling)
}

/// The WebSocket with the most messages: a session has one.
fn longest(sockets: Vec<Entry>, found: &mut Found) -> Option<Entry> {
    let longest = sockets.iter().rev().max_by_key(|entry| entry.frames.len())?.number;
    for other in sockets.iter().filter(|entry| entry.number != longest) {
        let text = format!(
            "A WebSocket to {} with {}: a session has one, and this is not the one with the most messages",
            other.url.host_str().unwrap_or_default(),
            counted(other.frames.len() as u64, "message", "messages")
        );
        found.note(Of::Left, At::Entry(other.number), text);
    }
    sockets.into_iter().find(|entry| entry.number == longest)
}

/// The origin of most that was asked for: requests of scripts count for more than parts of pages, the page itself for more
/// than a few of them, the WebSocket's host for more than all. Of equal ones it is the first.
fn origin(requests: &[Entry], socket: Option<&Entry>) -> Option<String> {
    let mut weights: Vec<(String, u64)> = Vec::new();
    for entry in requests.iter().filter(|entry| entry.method != "OPTIONS" && entry.status >= 200) {
        let is_made = matches!(entry.resource.as_str(), "xhr" | "fetch" | "") || entry.method != "GET";
        let is_sockets = socket.is_some_and(|socket| socket.url.host_str() == entry.url.host_str());
        let weight = match entry.resource.as_str() {
            "document" => PAGE_WEIGHT,
            _ if is_static(entry) => 0,
            _ => 1 + MADE_WEIGHT * u64::from(is_made),
        };
        let weight = weight + SOCKET_WEIGHT * u64::from(is_sockets);
        let origin = entry.origin();
        match weights.iter_mut().find(|(known, _)| *known == origin) {
            Some((_, sum)) => *sum += weight,
            None => weights.push((origin, weight)),
        }
    }
    let most = weights.into_iter().rev().max_by_key(|(_, weight)| *weight).map(|(origin, _)| origin);
    most.or_else(|| socket.map(Entry::origin))
}

fn is_static(entry: &Entry) -> bool {
    let path = entry.url.path().to_ascii_lowercase();
    let is_page = entry.resource == "document" && entry.method == "GET" && !gives_something(entry);
    STATIC.contains(&entry.resource.as_str())
        || entry.method == "GET" && STATIC_ENDS.iter().any(|end| path.ends_with(end))
        || is_page
}

/// Whether a page gives what later requests may need: a cookie, a field of a form, another place.
fn gives_something(entry: &Entry) -> bool {
    let html = entry.answer.as_deref().unwrap_or_default();
    entry.answer_header("set-cookie").is_some()
        || html.contains("csrf")
        || html.contains("type=\"hidden\"")
        || (300..400).contains(&entry.status)
}
