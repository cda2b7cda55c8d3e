//! Reads the TOML file that lists what is watched. Errors name the line and column.

use std::fmt;

use crate::scenario::ScenarioError;
use crate::scenario::document::{self, Section, Text};
use crate::scenario::error::Source;

type Result<T> = std::result::Result<T, ScenarioError>;

const KEYS: [&str; 3] = ["http", "prometheus", "redis"];
const HTTP_KEYS: [&str; 4] = ["name", "url", "contains", "status"];
const PROMETHEUS_KEYS: [&str; 2] = ["url", "targets"];
const REDIS_KEYS: [&str; 3] = ["name", "address", "password_env"];

/// Redis's own.
const REDIS_PORT: u16 = 6379;
/// Maximum of entries of a kind: they are checked one after the other.
const ENTRIES_MAX: usize = 64;

/// Everything that is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Pages.
    pub http: Vec<Page>,
    /// The Prometheus server.
    pub prometheus: Option<Prometheus>,
    /// Redis servers.
    pub redis: Vec<Redis>,
}

/// A page that must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The name that the user gave it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Text that it must contain.
    pub contains: Option<String>,
    /// The statuses it may have; none: any success.
    pub statuses: Vec<u16>,
}

/// A Prometheus server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prometheus {
    /// Its URL, without a slash at the end.
    pub url: String,
    /// Jobs or instances that must be up; none: all active targets must.
    pub targets: Vec<String>,
}

/// A Redis server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// The name that the user gave it.
    pub name: String,
    /// Where it is.
    pub host: String,
    /// And its port.
    pub port: u16,
    /// Its password, from the environment.
    pub password: Option<Password>,
}

/// A password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Watch {
    /// Reads the file's text. `variable` gives a variable of the environment.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn read(file: &str, text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let source = Source { file, text };
        let document = document::parse(source)?;
        let root = Section::root(source, "the file of what is watched", document.get_ref(), &KEYS)?;
        let pages = entries(&root, "http", "[[http]]", &HTTP_KEYS)?;
        let redis = entries(&root, "redis", "[[redis]]", &REDIS_KEYS)?;
        let prometheus = root.section("prometheus", "[prometheus]", &PROMETHEUS_KEYS)?;
        let watch = Self {
            http: pages.iter().map(page).collect::<Result<_>>()?,
            prometheus: prometheus.as_ref().map(self::prometheus).transpose()?,
            redis: redis.iter().map(|section| self::redis(section, variable)).collect::<Result<_>>()?,
        };
        if watch == Self::default() {
            return Err(root.own_error("nothing is watched: give [[http]], [prometheus] or [[redis]]"));
        }
        Ok(watch)
    }
}

fn entries<'d>(root: &Section<'d>, key: &str, title: &str, keys: &[&str]) -> Result<Vec<Section<'d>>> {
    let entries = root.sections(key, title, keys)?;
    if entries.len() > ENTRIES_MAX {
        return Err(root.error(key, root.place(key), format!("there can be at most {ENTRIES_MAX}")));
    }
    Ok(entries)
}

fn page(section: &Section<'_>) -> Result<Page> {
    let contains = section.text("contains")?;
    if let Some(empty) = contains.as_ref().filter(|text| text.value.is_empty()) {
        return Err(section.error("contains", empty.span.clone(), "it is empty"));
    }
    Ok(Page {
        name: name(section)?,
        url: url(section)?.into(),
        contains: contains.map(|text| text.value.to_owned()),
        statuses: section.statuses("status")?.unwrap_or_default(),
    })
}

fn prometheus(section: &Section<'_>) -> Result<Prometheus> {
    let url = url(section)?;
    if url.query().is_some() {
        return Err(section.error("url", section.place("url"), "it has a query: give the server's own URL"));
    }
    let targets = section.texts("targets")?;
    if section.has("targets") && targets.is_empty() {
        return Err(section.error(
            "targets",
            section.place("targets"),
            "the list is empty: leave it out for all targets",
        ));
    }
    Ok(Prometheus {
        url: url.as_str().trim_end_matches('/').to_owned(),
        targets: targets.iter().map(|text| text.value.to_owned()).collect(),
    })
}

fn redis(section: &Section<'_>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Redis> {
    let address = section.required_text("address")?;
    let (host, port) = host_and_port(section, &address)?;
    let password = match section.text("password_env")? {
        None => None,
        Some(name) => Some(password(section, &name, variable)?),
    };
    Ok(Redis { name: name(section)?, host, port, password })
}

fn name(section: &Section<'_>) -> Result<String> {
    let name = section.required_text("name")?;
    if name.value.chars().any(char::is_control) {
        return Err(section.error("name", name.span, "it has more than one line, or control characters"));
    }
    Ok(name.value.to_owned())
}

fn url(section: &Section<'_>) -> Result<url::Url> {
    let text = section.required_text("url")?;
    let refused = |what: &str| section.error("url", text.span.clone(), what);
    let example = "write it such as http://grafana.example:3000/api/health";
    let url = url::Url::parse(text.value)
        .map_err(|error| refused(&format!("it is not a URL ({error}): {example}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused(&format!("it is neither http nor https: {example}")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "it has a user name or password, which do not belong in a file: give a page that needs none",
        ));
    }
    Ok(url)
}

/// `host`, `host:port`, `[::1]:port`.
fn host_and_port(section: &Section<'_>, address: &Text<'_>) -> Result<(String, u16)> {
    let refused = |what: &str| {
        section.error(
            "address",
            address.span.clone(),
            format!("{what}: write host:port, such as 10.0.0.7:{REDIS_PORT}"),
        )
    };
    let text = address.value;
    if text.contains("://") || text.contains(['/', '@']) {
        return Err(refused("it is a URL or a path"));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']').ok_or_else(|| refused("its bracket is not closed"))? {
            (host, "") => (host, None),
            (host, port) => (host, Some(port.strip_prefix(':').ok_or_else(|| refused("it has no port"))?)),
        },
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(refused("it names no host"));
    }
    let port = match port {
        None => REDIS_PORT,
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(refused("its port is not valid")),
            Ok(port) => port,
        },
    };
    Ok((host.to_owned(), port))
}

fn password(
    section: &Section<'_>,
    name: &Text<'_>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Password> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.value.is_empty() || !name.value.chars().all(is_name) {
        // It may be the password itself, so it is not repeated.
        let message =
            "it is not a valid name of a variable; the password itself belongs in the environment, not here";
        return Err(section.error("password_env", name.span.clone(), message));
    }
    match variable(name.value).filter(|value| !value.is_empty()) {
        Some(value) => Ok(Password(value)),
        None => {
            let message = format!("the environment has no {0}: export {0}=…", name.value);
            Err(section.error("password_env", name.span.clone(), message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> std::result::Result<Watch, String> {
        let variable = |name: &str| (name == "REDIS_PW").then(|| "geheim".to_owned());
        Watch::read("watch.toml", text, &variable).map_err(|error| error.to_string())
    }

    const WHOLE: &str = r#"
[[http]]
name = "grafana"
url = "http://grafana.example:3000/api/health"
contains = "ok"
status = [200, 204]
[[http]]
name = "actuator"
url = "https://a.example/actuator/health"
[prometheus]
url = "http://prometheus.example:9090/"
targets = ["business", "10.0.0.5:8081"]
[[redis]]
name = "cache"
address = "10.0.0.7"
password_env = "REDIS_PW"
[[redis]]
name = "pubsub"
address = "[::1]:6380"
"#;

    #[test]
    fn a_whole_file_is_read() {
        let watch = read(WHOLE).expect("it reads");
        assert_eq!((watch.http.len(), &watch.http[0].statuses[..]), (2, &[200, 204][..]));
        assert_eq!(watch.http[1].contains, None);
        let prometheus = watch.prometheus.as_ref().expect("there");
        assert_eq!(
            (prometheus.url.as_str(), prometheus.targets.len()),
            ("http://prometheus.example:9090", 2)
        );
        let places: Vec<(&str, u16)> = watch.redis.iter().map(|one| (one.host.as_str(), one.port)).collect();
        assert_eq!(places, [("10.0.0.7", 6379), ("::1", 6380)]);
        assert_eq!(watch.redis[0].password, Some(Password("geheim".into())));
        assert!(!format!("{watch:?}").contains("geheim"));
    }

    #[track_caller]
    fn assert_refused(text: &str, at: &str, message: &str) {
        let error = read(text).expect_err("it is refused");
        assert!(error.starts_with(&format!("watch.toml:{at}: ")) && error.contains(message), "{error}");
    }

    #[test]
    fn mistakes_have_their_place_and_what_to_write() {
        assert_refused(
            "[[htp]]\nname = \"a\"\n",
            "1:3",
            "unknown key \"htp\" in the file of what is watched; did you mean \"http\"?",
        );
        assert_refused(
            "[[redis]]\nnam = \"a\"",
            "2:1",
            "unknown key \"nam\" in [[redis]]; did you mean \"name\"?",
        );
        assert_refused("", "1:1", "nothing is watched");
        assert_refused("[[http]]\nname = \"a\"", "1:1", "[[http]]: the key \"url\" is missing");
        let http = |line: &str| format!("[[http]]\nname = \"a\"\n{line}\n");
        assert_refused(&http("url = \"grafana:3000\""), "3:7", "it is neither http nor https");
        assert_refused(&http("url = \"grafana\""), "3:7", "it is not a URL");
        assert_refused(&http("url = \"http://me:pw@x/\""), "3:7", "do not belong in a file");
        assert_refused(&http("url = \"http://x/\"\nstatus = 99"), "4:10", "not a final HTTP status");
        assert_refused(&http("url = \"http://x/\"\ncontains = \"\""), "4:12", "it is empty");
        assert_refused("[[http]]\nname = \"a\\nb\"\nurl = \"http://x/\"", "2:8", "more than one line");
        assert_refused("[prometheus]\nurl = \"http://x/?a\"", "2:7", "it has a query");
        assert_refused(
            "[prometheus]\nurl = \"http://x/\"\ntargets = []",
            "3:11",
            "leave it out for all targets",
        );
        assert_refused(
            "[prometheus]\nurl = \"http://x/\"\ntargets = [1]",
            "3:12",
            "a string is wanted here, this is an integer",
        );
        assert_refused(
            "[[prometheus]]\nurl = \"http://x/\"",
            "1:1",
            "a table is wanted here, this is an array",
        );
    }

    #[test]
    fn redis_addresses_are_taken_apart() {
        let place = |address: &str| {
            let watch = read(&format!("[[redis]]\nname = \"a\"\naddress = \"{address}\"\n"))?;
            Ok::<_, String>((watch.redis[0].host.clone(), watch.redis[0].port))
        };
        assert_eq!(place("redis.example:7000"), Ok(("redis.example".into(), 7000)));
        assert_eq!(place("::1"), Ok(("::1".into(), 6379)));
        assert_eq!(place("[::1]"), Ok(("::1".into(), 6379)));
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
    }

    #[test]
    fn passwords_come_from_the_environment_alone() {
        let with =
            |name: &str| format!("[[redis]]\nname = \"a\"\naddress = \"x\"\npassword_env = \"{name}\"\n");
        assert_refused(&with("MISSING"), "4:16", "the environment has no MISSING: export MISSING=…");
        let error = read(&with("s3cret!")).expect_err("refused");
        assert!(error.contains("belongs in the environment") && !error.contains("s3cret"), "{error}");
    }
}
