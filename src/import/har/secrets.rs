//! What nobody else may see in what was sent: passwords, tokens, keys, and who logs in with them.
//!
//! Knows fields, not where they were sent. Invariant: a secret that no answer gave is a variable, in `secret`; places that
//! it returns do not overlap.

use std::ops::Range;

use regex::Regex;

use super::super::fields::Field;
use super::super::model::{At, Of, Variable};
use super::super::text::{is_password, is_secret, literal};
use super::super::tokens;
use super::given::{Source, is_free, snake};
use super::work::RecordingWork;

/// Fields by which a login says who it is.
const WHO: [&str; 9] =
    ["user", "username", "login", "email", "memberid", "userid", "account", "nickname", "name"];

/// Templates for the secrets among the fields of a text, and for who logs in with them, by their places in it. `in_head`:
/// it is a header field or a URL, in which what is long and random is hardly anything else.
pub(super) fn hidden(
    mut fields: Vec<Field>,
    text: &str,
    (entry, in_head): (usize, bool),
    work: &mut RecordingWork<'_>,
) -> Vec<(Range<usize>, String)> {
    rename_by_query(&mut fields);
    let within: Vec<Field> = fields.iter().flat_map(|field| within(field, text)).collect();
    fields.extend(within);
    let mut places = Vec::new();
    let mut put = |range: Range<usize>, template: String| {
        if !range.is_empty() && is_free(&places, &range) {
            places.push((range, template));
        }
    };
    let mut is_login = false;
    for field in &fields {
        let Some(part) = secret_part(field, in_head) else { continue };
        let value = &field.value[part.clone()];
        is_login |= is_password(field.own_name());
        let name = match work.given.name_of(value) {
            Some(name) => name,
            None => secret(field, value, entry, work),
        };
        let range = match field.filter {
            "" if !field.range.is_empty() => field.range.start + part.start..field.range.start + part.end,
            _ => field.range.clone(),
        };
        put(range, format!("{{{name}{}}}", field.filter));
    }
    if !is_login {
        return places;
    }
    for field in fields.iter().filter(|field| field.is_text && !field.value.is_empty() && is_who(field)) {
        let comment =
            "Every session logs in as this one: make it a column of --members, or write \"user{member_id}\".";
        let name = declare(work, &snake(field.own_name()), &field.value, comment);
        work.given.variable(&name, &field.value);
        put(field.range.clone(), format!("{{{name}{}}}", field.filter));
    }
    let text = "Every session logs in as the one who was recorded: give --members a file with a column for each variable of the \
                login";
    work.found.note(Of::Warning, At::Entry(entry), text);
    places
}

fn is_who(field: &Field) -> bool {
    let name = field.own_name().to_ascii_lowercase().replace(['_', '-'], "");
    WHO.contains(&name.as_str())
}

/// Which part of a field's value is secret.
fn secret_part(field: &Field, in_head: bool) -> Option<Range<usize>> {
    let (name, value) = (field.own_name(), &field.value);
    if !field.is_text {
        return is_password(name).then_some(0..value.len());
    }
    let scheme = tokens::behind_scheme(value);
    let from = scheme.unwrap_or(0);
    let rest = &value[from..];
    let is_it = is_secret(name)
        || scheme.is_some() && rest.len() >= 8
        || tokens::is_jwt(rest)
        || in_head && tokens::is_random(rest);
    let from = if field.filter.is_empty() { from } else { 0 };
    (is_it && !value.is_empty()).then_some(from..value.len())
}

/// The variable for a secret that no answer gave.
fn secret(field: &Field, value: &str, entry: usize, work: &mut RecordingWork<'_>) -> String {
    let name = field.own_name();
    let is_password = is_password(name);
    let wanted = if name.is_empty() { "token".to_owned() } else { snake(name) };
    let own = work.given.own_name(&wanted);
    let comment = tokens::comment(&own);
    work.found.variables.push(Variable { name: own.clone(), value: String::new(), comment });
    if !work.found.secret.contains(&own) {
        work.found.secret.push(own.clone());
        if !is_password {
            note_origin(name, &own, value, entry, work);
        }
    }
    work.given.variable(&own, value);
    own
}

/// Says where a secret came from that is not taken from an answer.
fn note_origin(name: &str, own: &str, value: &str, entry: usize, work: &mut RecordingWork<'_>) {
    let elsewhere = work
        .elsewhere
        .iter()
        .find(|entry| entry.answer.as_ref().is_some_and(|answer| answer.contains(value)));
    let name = if name.is_empty() { own } else { name };
    let text = match (work.given.source_of_common(value), elsewhere) {
        (Some((source, place)), _) => {
            let from = match (source, place.as_str()) {
                (Source::Request(k), place) if !place.is_empty() => {
                    let request = work.found.requests.get(*k).map_or("", |request| &request.name);
                    format!("the answer to \"{request}\" ({own} = {place:?})")
                }
                _ => "an answer or a message".to_owned(),
            };
            format!(
                "The value of \"{name}\" is too short, or too much of a word, to be looked for in what is sent: take it \
                 from {from}, or give each member one (a column {own} of --members)"
            )
        }
        (None, Some(gave)) => format!(
            "The value of \"{name}\" came from {} (entry {}), whose requests are left out: give each member one (a column \
             {own} of --members)",
            gave.origin(),
            gave.number
        ),
        (None, None) => format!(
            "No answer of the recording gave the value of \"{name}\": begin the recording before the login, or give each \
             member one (a column {own} of --members)"
        ),
    };
    work.found.note(Of::Warning, At::Entry(entry), text);
}

/// Adds a variable, unless one of this name has this value; returns what it is called.
pub(super) fn declare(work: &mut RecordingWork<'_>, wanted: &str, value: &str, comment: &str) -> String {
    let value = literal(value);
    let is_it = |variable: &&Variable| variable.value == value && variable.name.starts_with(wanted);
    if let Some(known) = work.found.variables.iter().find(is_it) {
        return known.name.clone();
    }
    let name = work.given.own_name(wanted);
    work.found.variables.push(Variable { name: name.clone(), value, comment: comment.to_owned() });
    name
}

/// Variables of GraphQL are called as the arguments that they are: `login(password: $p)` makes a password of `p`.
fn rename_by_query(fields: &mut [Field]) {
    let Some(query) = fields.iter().find(|field| field.name == "query" && field.value.contains('$')) else {
        return;
    };
    let Ok(argument) = Regex::new(r"(\w+)\s*:\s*\$(\w+)") else { return };
    let all = argument.captures_iter(&query.value).map(|it| (it[2].to_owned(), it[1].to_owned()));
    let arguments: Vec<(String, String)> = all.collect();
    for field in fields {
        if let Some((_, name)) = arguments.iter().find(|(variable, _)| *variable == field.name) {
            field.name.clone_from(name);
        }
    }
}

/// Secrets within a field's text, such as JSON in JSON, or a GraphQL query with its values.
fn within(field: &Field, text: &str) -> Vec<Field> {
    if !field.value.contains('"') {
        return Vec::new();
    }
    let Ok(pair) = Regex::new(r#"(\w[\w-]*)"?\s*:\s*"([^"\\]+)""#) else { return Vec::new() };
    let raw = &text[field.range.clone()];
    let one = |it: regex::Captures<'_>| {
        let (name, value) = (it[1].to_owned(), it[2].to_owned());
        let place = raw.match_indices(&name).find_map(|(at, _)| {
            let rest = &raw[at + name.len()..];
            let from = rest.trim_start_matches(['\\', '"', ':', ' ']);
            let begin = field.range.start + at + name.len() + rest.len() - from.len();
            from.starts_with(&value).then_some(begin..begin + value.len())
        });
        Field { name, value, range: place.unwrap_or_default(), is_text: true, filter: "" }
    };
    pair.captures_iter(&field.value).map(one).collect()
}
