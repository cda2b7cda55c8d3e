//! Where a source is, as its block says it: URLs, addresses, and secrets out of the environment.
//!
//! Opens nothing. Invariant: no secret is in a file, nor in anything that is printed.

use std::fmt;

use crate::scenario::ScenarioError;
use crate::scenario::document::{Section, Text};

pub(super) type Result<T> = std::result::Result<T, ScenarioError>;

/// Gives a variable of the environment.
pub(super) type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

/// A password, or a header that holds one, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The key `url` of a block: http or https, without user name and password. `None` if it is not there.
pub(super) fn url(section: &Section<'_>) -> Result<Option<url::Url>> {
    if !section.has("url") {
        return Ok(None);
    }
    let text = section.required_text("url")?;
    checked_url(text.value).map(Some).map_err(|why| section.error("url", text.span, why))
}

/// Parses a URL as a block's, or an option's, has to be.
///
/// # Errors
/// What is wrong, and what to write.
pub fn checked_url(text: &str) -> std::result::Result<url::Url, String> {
    let example = "write it such as http://host:9090";
    let url = url::Url::parse(text).map_err(|error| format!("it is not a URL ({error}): {example}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("it is neither http nor https: {example}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "it has a user name or password, which do not belong in a file: give a page that needs none, or \
                    headers with {env:NAME}"
                .to_owned(),
        );
    }
    Ok(url)
}

/// The key `headers` of a block: `{ Authorization = "Bearer {env:TOKEN}" }`.
pub(super) fn headers(section: &Section<'_>, variables: Variables<'_>) -> Result<Vec<(String, Secret)>> {
    let header = |(name, value): (Text<'_>, Text<'_>)| {
        let refused =
            |why: String| section.error(&format!("headers.{}", name.value), value.span.clone(), why);
        if ureq::http::HeaderName::from_bytes(name.value.as_bytes()).is_err() {
            return Err(refused("it is not a valid name of a header".to_owned()));
        }
        let expanded = expanded(value.value, variables).map_err(refused)?;
        match ureq::http::HeaderValue::from_str(&expanded) {
            Ok(_) => Ok((name.value.to_owned(), Secret(expanded))),
            Err(_) => Err(refused("it has characters that a header cannot have".to_owned())),
        }
    };
    section.pairs("headers", false)?.into_iter().map(header).collect()
}

/// The text with variables of the environment in the places of `{env:NAME}`.
fn expanded(text: &str, variables: Variables<'_>) -> std::result::Result<String, String> {
    let mut parts = text.split("{env:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').ok_or("{env: is not closed with }")?;
        out += &variable(name, variables)?;
        out += rest;
    }
    Ok(out)
}

/// The value of a variable that must be there.
fn variable(name: &str, variables: Variables<'_>) -> std::result::Result<String, String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        // It may be the secret itself, so it is not repeated.
        return Err(
            "it is not a valid name of a variable; the password itself belongs in the environment, not here"
                .to_owned(),
        );
    }
    let value = variables(name).filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("the environment has no {name}: export {name}=…"))
}

/// The key `password_env` of a block: the variable that has the password.
pub(super) fn password(section: &Section<'_>, variables: Variables<'_>) -> Result<Option<Secret>> {
    let Some(name) = section.text("password_env")? else { return Ok(None) };
    match variable(name.value, variables) {
        Ok(value) => Ok(Some(Secret(value))),
        Err(why) => Err(section.error("password_env", name.span, why)),
    }
}

/// Takes `host`, `host:port` and `[::1]:port` apart.
///
/// # Errors
/// What is wrong, and what to write.
pub fn host_and_port(text: &str, port_default: Option<u16>) -> std::result::Result<(String, u16), String> {
    let refused = |what: &str| {
        Err(format!("{what}: write host:port, such as 10.0.0.7:{}", port_default.unwrap_or(3306)))
    };
    if text.contains("://") || text.contains(['/', '@']) {
        return refused("it is a URL or a path");
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            None => return refused("its bracket is not closed"),
            Some((host, "")) => (host, None),
            Some((host, port)) => match port.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None => return refused("it has no port"),
            },
        },
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refused("it names no host");
    }
    let port = match port {
        None => port_default,
        Some(port) => port.parse().ok().filter(|port| *port > 0),
    };
    port.map_or_else(|| refused("its port is not valid"), |port| Ok((host.to_owned(), port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let place = |address: &str| host_and_port(address, Some(6379));
        assert_eq!(place("redis.example:7000"), Ok(("redis.example".into(), 7000)));
        assert_eq!(place("redis.example"), Ok(("redis.example".into(), 6379)));
        assert_eq!(place("::1"), Ok(("::1".into(), 6379)));
        assert_eq!(place("[::1]"), Ok(("::1".into(), 6379)));
        assert_eq!(place("[::1]:6380"), Ok(("::1".into(), 6380)));
        for wrong in [
            "redis://x",
            "/run/redis.sock",
            "x:0",
            "x:70000",
            "x:",
            ":6379",
            "[::1",
            "[::1]x",
            "a b:1",
            "u@x:1",
        ] {
            let error = place(wrong).expect_err(wrong);
            assert!(error.contains("write host:port, such as 10.0.0.7:6379"), "{error}");
        }
        assert!(host_and_port("db.example", None).is_err());
    }

    #[test]
    fn secrets_come_from_the_environment_alone() {
        let variables = |name: &str| (name == "TOKEN").then(|| "geheim".to_owned());
        assert_eq!(expanded("Bearer {env:TOKEN}!", &variables), Ok("Bearer geheim!".into()));
        assert_eq!(expanded("plain {x}", &variables), Ok("plain {x}".into()));
        assert!(expanded("{env:OTHER}", &variables).expect_err("missing").contains("export OTHER=…"));
        assert!(expanded("{env:TOKEN", &variables).is_err());
        let error = variable("s3cret!", &variables).expect_err("no name");
        assert!(error.contains("belongs in the environment") && !error.contains("s3cret"), "{error}");
        assert!(!format!("{:?}", Secret("geheim".into())).contains("geheim"));
    }
}
