//! A recorded request as one of the scenario's: headers without the browser's own, values by their names.
//!
//! Knows one request at a time, and the redirects that follow it. Invariant: of what a page sent, nothing is missing.

use regex::Regex;
use url::form_urlencoded;

use super::super::fields::split;
use super::super::fields::{self, Field};
use super::super::model::{At, Of, Request};
use super::super::text::{in_url, is_header};
use super::given::{In, Source};
use super::recording::Entry;
use super::secrets::{declare, hidden};
use super::work::RecordingWork;
use crate::scenario::{ENGINE_HEADERS, FOLLOW_MAX};

/// Header fields that a browser sends by itself, besides those of HTTP itself, and a session need not.
const BROWSERS: [&str; 17] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "cookie",
    "dnt",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "pragma",
    "priority",
    "purpose",
    "referer",
    "te",
    "upgrade-insecure-requests",
    "user-agent",
];
/// Makes a request of the entry that is next, with the redirects that it led to; returns how many entries that were.
pub(super) fn request(entries: &[Entry], source: Source, work: &mut RecordingWork<'_>) -> (Request, usize) {
    let entry = &entries[0];
    let at = At::Entry(entry.number);
    let last_segment = entry.url.path().rsplit('/').find(|part| !part.is_empty()).unwrap_or("page");
    let mut request = Request {
        name: work.names.give(last_segment, "request"),
        method: entry.method.clone(),
        ..Request::default()
    };
    request.path = url(&entry.path(), entry, work);
    request.headers = headers(entry, false, work);
    body(entry, work, &mut request);
    let (last, follow) = redirected(entries);
    request.follow = follow;
    let last = &entries[last];
    if last.status != 200 {
        request.expect = vec![last.status];
    }
    if last.status >= 400 {
        let text =
            format!("{} was answered with {}: the scenario expects that, too", entry.url.path(), last.status);
        request.comments.push(work.found.note_here(Of::Warning, at, text));
    }
    work.given.note_sent(&entry.path());
    entry.body.iter().for_each(|body| work.given.note_sent(body));
    request.headers.iter().for_each(|(name, _)| {
        entry.header(name).into_iter().for_each(|value| work.given.note_sent(value));
    });
    gives(last, source, work);
    (request, usize::from(follow) + 1)
}

/// The entry in which the redirects of the first end, and how many there were.
fn redirected(entries: &[Entry]) -> (usize, u8) {
    let mut last = 0;
    while last + 1 < entries.len() && last < FOLLOW_MAX as usize {
        let (entry, next) = (&entries[last], &entries[last + 1]);
        let place = entry.answer_header("location").and_then(|place| entry.url.join(place).ok());
        let leads_there = matches!(entry.status, 301 | 302 | 303 | 307 | 308)
            && place
                .is_some_and(|place| place.path() == next.url.path() && place.query() == next.url.query());
        if !leads_there {
            break;
        }
        last += 1;
    }
    (last, last as u8)
}

/// Header fields that the page itself set.
pub(super) fn headers(
    entry: &Entry,
    is_upgrade: bool,
    work: &mut RecordingWork<'_>,
) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in &entry.headers {
        let lower = name.to_ascii_lowercase();
        if BROWSERS.contains(&lower.as_str())
            || ENGINE_HEADERS.contains(&lower.as_str())
            || lower.starts_with("sec-")
        {
            continue;
        }
        let value = match lower.as_str() {
            // Servers check it on the upgrade, and on what changes something.
            "origin" if entry.method == "GET" && !is_upgrade => continue,
            "origin" => {
                let comment = "Servers that check the Origin compare this with their own address.";
                format!("{{{}}}", declare(work, "origin", value, comment))
            }
            _ => named(name, value, entry, work),
        };
        let is_new = !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if is_new && is_header(name, &value) {
            headers.push((canonical(name), value));
        }
    }
    headers
}

/// `content-type` as `Content-Type`: browsers record names as HTTP/2 has them.
fn canonical(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    match name.chars().any(|c| c.is_ascii_uppercase()) {
        true => name.to_owned(),
        false => name.split('-').map(word).collect::<Vec<_>>().join("-"),
    }
}

/// A value with its name as a template. Numbers in it are versions, not instants.
pub(super) fn named(name: &str, value: &str, entry: &Entry, work: &mut RecordingWork<'_>) -> String {
    let field = Field {
        name: name.to_owned(),
        value: value.to_owned(),
        range: 0..value.len(),
        is_text: true,
        filter: "",
    };
    let fixed = hidden(vec![field], value, (entry.number, true), work);
    work.given.template(value, In::Text, 0.0, &fixed)
}

/// A path or URL as a template.
pub(super) fn url(url: &str, entry: &Entry, work: &mut RecordingWork<'_>) -> String {
    let fixed = hidden(fields::of_query(url), url, (entry.number, true), work);
    in_url(&work.given.template(url, In::Url, entry.at_ms, &fixed))
}

fn is_form(entry: &Entry) -> bool {
    entry
        .header("content-type")
        .is_some_and(|it| it.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"))
}

fn body(entry: &Entry, work: &mut RecordingWork<'_>, request: &mut Request) {
    let Some(text) = &entry.body else {
        if matches!(entry.method.as_str(), "POST" | "PUT" | "PATCH") {
            request.body = Some(String::new());
        }
        return;
    };
    let names: Vec<String> =
        form_urlencoded::parse(text.as_bytes()).map(|(name, _)| name.into_owned()).collect();
    let has_twice = names.iter().enumerate().any(|(k, name)| names[..k].contains(name));
    if is_form(entry) && has_twice {
        // A form has each field once.
        let fixed = hidden(fields::of_form(text), text, (entry.number, false), work);
        request.body = Some(work.given.template(text, In::Url, entry.at_ms, &fixed));
        return;
    }
    if is_form(entry) {
        request.form = form(text, entry, work);
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        return;
    }
    let is_multipart = entry.header("content-type").is_some_and(|it| it.starts_with("multipart/"));
    if is_multipart {
        let text =
            format!("{}: a multipart body, as it was recorded: files in it may be missing", entry.url.path());
        work.found.note(Of::Warning, At::Entry(entry.number), text);
    }
    let fields = if is_multipart { fields::of_multipart(text) } else { fields::of_message(text) };
    let fixed = hidden(fields, text, (entry.number, false), work);
    request.body = Some(work.given.template(text, In::Text, entry.at_ms, &fixed));
}

/// The fields of a form as templates.
fn form(body: &str, entry: &Entry, work: &mut RecordingWork<'_>) -> Vec<(String, String)> {
    let (mut text, mut fields) = (String::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(body.as_bytes()).into_owned() {
        let range = text.len()..text.len() + value.len();
        text.push_str(&value);
        fields.push(Field { name, value, range, is_text: true, filter: "" });
    }
    let places = hidden(fields.clone(), &text, (entry.number, false), work);
    let template = |field: Field| {
        let begin = field.range.start;
        let own = places
            .iter()
            .filter(|(range, _)| field.range.start <= range.start && range.end <= field.range.end);
        let fixed: Vec<_> =
            own.map(|(range, template)| (range.start - begin..range.end - begin, template.clone())).collect();
        (field.name, work.given.template(&field.value, In::Text, entry.at_ms, &fixed))
    };
    fields.into_iter().map(template).collect()
}

/// Notes what an answer gives.
fn gives(entry: &Entry, source: Source, work: &mut RecordingWork<'_>) {
    if let Some(answer) = &entry.answer {
        match split(answer).1 {
            Some(_) => work.given.json(source, answer),
            None => form_fields(answer, source, work),
        }
    }
    for (name, value) in &entry.answer_headers {
        let lower = name.to_ascii_lowercase();
        if lower == "set-cookie" {
            work.found.cookies = true;
            for cookie in value.lines() {
                if let Some((name, value)) = cookie.split(';').next().and_then(|pair| pair.split_once('=')) {
                    work.given.value(
                        source,
                        name.trim(),
                        value.trim(),
                        format!("cookie:{}", name.trim()),
                        false,
                    );
                }
            }
        } else if lower.starts_with("x-") || lower == "authorization" || lower.contains("token") {
            let value = value.strip_prefix("Bearer ").unwrap_or(value);
            work.given.value(source, &lower, value, format!("header:{}", canonical(name)), false);
        }
    }
}

/// Hidden fields of a page's forms, and what its meta elements say.
fn form_fields(html: &str, source: Source, work: &mut RecordingWork<'_>) {
    let Ok(field) = Regex::new(
        r#"(name="([^"]{1,64})"[^<>"]{0,40}(?:[a-z]+="[^"]{0,64}"[^<>"]{0,40})?(?:value|content)=")([^"]{6,512})""#,
    ) else {
        return;
    };
    let all: Vec<(String, String, String)> = field
        .captures_iter(html)
        .map(|it| (it[1].to_owned(), it[2].to_owned(), it[3].to_owned()))
        .take(100)
        .collect();
    for (before, name, value) in all {
        // What stands before it has to be there once: the first is found.
        if html.matches(&before).count() == 1 {
            work.given.value(source, &name, &value, format!("after:{before}"), false);
        }
    }
}
