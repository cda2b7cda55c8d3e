//! A recorded request as one of the scenario's: headers without the browser's own, values by their names.
//!
//! Knows one request at a time, and the redirects that follow it. Invariant: what is secret is a variable, in `secret`.

use regex::Regex;
use serde_json::Value;
use url::form_urlencoded;

use super::super::model::{At, Found, Of, Request, Variable};
use super::super::names::Names;
use super::super::text::{in_url, is_header, is_secret, literal};
use super::given::{Given, In, Source, snake};
use super::recording::Entry;
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
/// Fields by which a login says who it is.
const WHO: [&str; 9] =
    ["user", "username", "login", "email", "memberid", "userid", "account", "nickname", "name"];

/// What the conversion of a recording works with.
pub(super) struct Work<'w> {
    pub(super) found: &'w mut Found,
    pub(super) given: &'w mut Given,
    pub(super) names: &'w mut Names,
    /// The origin of the servers under test.
    pub(super) origin: String,
}

/// Makes a request of the entry that is next, with the redirects that it led to; returns how many entries that were.
pub(super) fn request(entries: &[Entry], source: Source, work: &mut Work<'_>) -> (Request, usize) {
    let entry = &entries[0];
    let at = At::Entry(entry.number);
    let last_segment = entry.url.path().rsplit('/').find(|part| !part.is_empty()).unwrap_or("page");
    let mut request = Request {
        name: work.names.give(last_segment, "request"),
        method: entry.method.clone(),
        ..Request::default()
    };
    secrets(entry, work);
    request.path = in_url(&work.given.template(&entry.path(), In::Url, entry.at_ms, &[]));
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
            format!("{} was answered with {}: the scenario expects that, too", entry.path(), last.status);
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
pub(super) fn headers(entry: &Entry, is_upgrade: bool, work: &mut Work<'_>) -> Vec<(String, String)> {
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
                declare(
                    work,
                    "origin",
                    value,
                    "Servers that check the Origin compare this with their own address.",
                );
                "{origin}".to_owned()
            }
            "authorization" => authorization(value, entry, work),
            // Numbers in them are versions, not instants.
            _ => work.given.template(value, In::Text, 0.0, &[]),
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

fn authorization(value: &str, entry: &Entry, work: &mut Work<'_>) -> String {
    let template = work.given.template(value, In::Text, 0.0, &[]);
    if template.contains('{') {
        return template;
    }
    let text = "The Authorization was there before the recording began: record the login too, or give each member one (a \
                column of --members)";
    work.found.note(Of::Warning, At::Entry(entry.number), text);
    let comment = "As it was recorded: give each member one, or take it from a login.";
    declare(work, "authorization", value, comment);
    work.found.secret.push("authorization".to_owned());
    "{authorization}".to_owned()
}

/// Adds a variable, unless it is there.
fn declare(work: &mut Work<'_>, name: &str, value: &str, comment: &str) {
    if !work.found.variables.iter().any(|variable| variable.name == name) {
        work.found.variables.push(Variable {
            name: name.to_owned(),
            value: literal(value),
            comment: comment.to_owned(),
        });
    }
}

/// Fields and values of a request's body: of JSON the outermost, of a form all.
fn fields(entry: &Entry) -> Vec<(String, String)> {
    let Some(body) = &entry.body else { return Vec::new() };
    match serde_json::from_str::<Value>(body) {
        Ok(Value::Object(map)) => {
            map.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
        }
        _ if is_form(entry) => form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
        _ => Vec::new(),
    }
}

fn is_form(entry: &Entry) -> bool {
    entry
        .header("content-type")
        .is_some_and(|it| it.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"))
}

/// Makes variables of passwords, and of who logs in with them.
fn secrets(entry: &Entry, work: &mut Work<'_>) {
    let fields = fields(entry);
    let secret: Vec<(String, String)> = fields
        .iter()
        .filter(|(name, value)| {
            is_secret(name) && !name.to_ascii_lowercase().contains("csrf") && !value.is_empty()
        })
        // What an answer gave, such as a refresh token, is no variable.
        .filter(|(_, value)| !work.given.has(value))
        .cloned()
        .collect();
    if secret.is_empty() {
        return;
    }
    for (name, value) in &secret {
        let own = snake(name);
        let comment = "As it was recorded. A column of --members of this name replaces it, {env:NAME} reads it from outside.";
        declare(work, &own, value, comment);
        if !work.found.secret.contains(&own) {
            work.found.secret.push(own.clone());
        }
        work.given.variable(&own, value);
    }
    for (name, value) in fields.iter().filter(|(name, _)| WHO.contains(&name.to_ascii_lowercase().as_str())) {
        let own = snake(name);
        let comment =
            "Every session logs in as this one: make it a column of --members, or write \"user{member_id}\".";
        declare(work, &own, value, comment);
        work.given.variable(&own, value);
    }
    let text = "Every session logs in as the one who was recorded: give --members a file with a column for each variable of the \
                login";
    work.found.note(Of::Warning, At::Entry(entry.number), text);
}

fn body(entry: &Entry, work: &mut Work<'_>, request: &mut Request) {
    let Some(text) = &entry.body else {
        if matches!(entry.method.as_str(), "POST" | "PUT" | "PATCH") {
            request.body = Some(String::new());
        }
        return;
    };
    if is_form(entry) {
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let template = match variable_of(&name, &value, work) {
                Some(variable) => variable,
                None => work.given.template(&value, In::Text, entry.at_ms, &[]),
            };
            request.form.push((name.into_owned(), template));
        }
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        return;
    }
    if entry.header("content-type").is_some_and(|it| it.starts_with("multipart/")) {
        let text =
            format!("{}: a multipart body, as it was recorded: files in it may be missing", entry.path());
        work.found.note(Of::Warning, At::Entry(entry.number), text);
    }
    // A short value is put in by its field: "ann" may stand elsewhere, too.
    let mut fixed = Vec::new();
    for (name, value) in fields(entry) {
        let Some(template) = variable_of(&name, &value, work) else { continue };
        let field = format!(r#""{}"\s*:\s*"({})""#, regex::escape(&name), regex::escape(&value));
        let place = Regex::new(&field).ok().and_then(|regex| Some(regex.captures(text)?.get(1)?.range()));
        fixed.extend(place.map(|range| (range, template)));
    }
    request.body = Some(work.given.template(text, In::Text, entry.at_ms, &fixed));
}

/// The variable that a field of a login became.
fn variable_of(name: &str, value: &str, work: &Work<'_>) -> Option<String> {
    let own = snake(name);
    let known = work.found.variables.iter().find(|variable| variable.name == own)?;
    (known.value == literal(value)).then(|| format!("{{{own}}}"))
}

/// Notes what an answer gives.
fn gives(entry: &Entry, source: Source, work: &mut Work<'_>) {
    if let Some(answer) = &entry.answer {
        match answer.trim_start().starts_with(['{', '[']) {
            true => work.given.json(source, answer),
            false => form_fields(answer, source, work),
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
fn form_fields(html: &str, source: Source, work: &mut Work<'_>) {
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
