//! Header managers' fields as those of a request, or of the upgrade.
//!
//! Knows names and values, not what is asked for. Invariant: a field that is not sent as the plan has it is noted by its line.

use std::net::IpAddr;

use super::super::model::{At, Of};
use super::super::text::{is_header, is_secret};
use super::super::tokens;
use super::scope::Scope;
use super::work::PlanWork;
use crate::scenario::ENGINE_HEADERS;

/// The fields that are sent; the last of a name counts.
pub(super) fn fields(scope: &Scope<'_>, is_upgrade: bool, work: &mut PlanWork<'_>) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (name, value, line) in &scope.headers {
        let lower = name.to_ascii_lowercase();
        if is_upgrade && matches!(lower.as_str(), "content-type" | "sec-websocket-protocol") {
            continue;
        }
        let why = match lower.as_str() {
            "host" => host(value, work),
            "cookie" if work.found.cookies => "the cookie manager's cookies are sent instead".to_owned(),
            lower if ENGINE_HEADERS.contains(&lower) => {
                "every request has the right one by itself".to_owned()
            }
            lower if lower.starts_with("sec-websocket-") => "the upgrade alone has such fields".to_owned(),
            _ => {
                let value = value_of(name, value.trim(), *line, work);
                if is_header(name, &value) {
                    fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                    fields.push((name.clone(), value));
                    continue;
                }
                "it cannot be sent as it is".to_owned()
            }
        };
        work.found.note(Of::Left, At::Line(*line), format!("The header {name}: {why}"));
    }
    fields
}

/// The credentials that an authorization manager has for what is at this path, unless a header field has others.
pub(super) fn basic_auth(
    scope: &Scope<'_>,
    path: &str,
    fields: &[(String, String)],
    work: &mut PlanWork<'_>,
) -> Option<(String, String)> {
    let auth = scope.basic_auth(path, work.values, work.found)?;
    if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        return Some(auth);
    }
    let text = "The authorization manager's credentials, where a header Authorization is set: that is sent";
    work.found.note(Of::Left, At::Whole, text);
    None
}

/// A field's value as a template, in which variables stand for secrets.
fn value_of(name: &str, value: &str, line: usize, work: &mut PlanWork<'_>) -> String {
    let values = &mut work.values;
    let text = if name.eq_ignore_ascii_case("cookie") {
        let mut cookie = |pair: &str| match pair.split_once('=') {
            Some((name, value)) if is_secret(name.trim()) || tokens::is_random(value) => {
                format!("{name}={}", values.secret(name.trim(), value, work.found))
            }
            _ => pair.to_owned(),
        };
        value.split("; ").map(&mut cookie).collect::<Vec<_>>().join("; ")
    } else if is_secret(name) || tokens::behind_scheme(value).is_some() || tokens::is_random(value) {
        values.secret(name, value, work.found)
    } else {
        value.to_owned()
    };
    work.template(&text, line)
}

/// Why `Host` is not sent, and how another name than the target's is.
fn host(value: &str, work: &PlanWork<'_>) -> String {
    let asked = work.values.constant(value).unwrap_or_else(|| value.to_owned());
    let target = work.found.load.target.as_deref().unwrap_or("http://HOST");
    let (scheme, authority) = target.split_once("://").unwrap_or(("http", target));
    if asked.trim().eq_ignore_ascii_case(authority) {
        return "every request has the right one by itself".to_owned();
    }
    let of_scheme = if scheme == "https" { "443" } else { "80" };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let split = |of: &str| match of.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        Some((host, port)) => (host.to_owned(), port.to_owned()),
        None => (of.to_owned(), of_scheme.to_owned()),
    };
    let ((name, _), (host, port)) = (split(asked.trim()), split(authority));
    let address = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(_) => host,
        Err(_) => "ADDRESS".to_owned(),
    };
    let colon = if port == of_scheme { String::new() } else { format!(":{port}") };
    format!(
        "it is the host of --target, here {authority}; for {name} give --target {scheme}://{name}{colon} --resolve \
         {name}:{port}:{address}"
    )
}
