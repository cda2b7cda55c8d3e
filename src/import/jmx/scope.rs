//! What holds for the samplers beside and below an element: headers, defaults, timers, assertions, extractors.
//!
//! Knows which elements are of which sort, not what samplers make of them. Invariant: an element on a level holds for
//! all samplers of that level, those before it too, and for all below.

use super::super::error::Refusal;
use super::super::model::{At, Found, Of, Pause};
use super::super::text::names_in;
use super::element::{Element, Part, milliseconds};
use super::extract;
use super::pieces::{Piece, pieces};
use super::values::Values;

/// The classes of assertions that are looked at.
pub(super) const ASSERTIONS: [&str; 3] = ["ResponseAssertion", "JSONPathAssertion", DURATION];
/// The one that limits a sampler's time.
pub(super) const DURATION: &str = "DurationAssertion";
/// The filters of the WebSocket Samplers.
pub(super) const FILTERS: [&str; 3] = ["TextFrameFilter", "BinaryFrameFilter", "PingFrameFilter"];

/// What holds for a sampler.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'t> {
    /// Names, values and lines.
    pub(super) headers: Vec<(String, &'t str, usize)>,
    pub(super) defaults: Defaults<'t>,
    pub(super) pause: Pause,
    pub(super) assertions: Vec<Element<'t>>,
    pub(super) extractors: Vec<Element<'t>>,
    pub(super) filters: Vec<Element<'t>>,
    /// The entries of authorization managers that are sent as basic_auth.
    auth: Vec<Part<'t>>,
}

/// HTTP Request Defaults.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults<'t> {
    domain: Option<&'t str>,
    port: Option<&'t str>,
    protocol: Option<&'t str>,
    pub(super) path: Option<&'t str>,
    pub(super) connect_timeout: Option<&'t str>,
    pub(super) response_timeout: Option<&'t str>,
    pub(super) arguments: Vec<Part<'t>>,
}

impl<'t> Defaults<'t> {
    fn read(&mut self, element: Element<'t>) {
        let read = |own: &mut Option<&'t str>, name| *own = element.text(name).or(*own);
        read(&mut self.domain, "HTTPSampler.domain");
        read(&mut self.port, "HTTPSampler.port");
        read(&mut self.protocol, "HTTPSampler.protocol");
        read(&mut self.path, "HTTPSampler.path");
        read(&mut self.connect_timeout, "HTTPSampler.connect_timeout");
        read(&mut self.response_timeout, "HTTPSampler.response_timeout");
        self.arguments.extend(element.list_in("HTTPsampler.Arguments", "Arguments.arguments"));
    }

    /// Where a sampler's requests go.
    pub(super) fn place(&self, sampler: Element<'_>, values: &Values) -> Place {
        let own = |name, default: Option<&'t str>| sampler.text(name).or(default).unwrap_or("");
        let protocol = own("HTTPSampler.protocol", self.protocol);
        let domain = own("HTTPSampler.domain", self.domain);
        place(protocol, domain, own("HTTPSampler.port", self.port), values)
    }
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The plan does not say.
    Unsaid,
    /// `http://127.0.0.1:21000`
    At(String),
    /// The same with what is known during the test only: `http://${host}:21000`.
    Open(String),
    /// What stands there is no host.
    NoHost(String),
}

/// What is written of a protocol, a host and a port; without a protocol it is http.
pub(super) fn place(protocol: &str, host: &str, port: &str, values: &Values) -> Place {
    let protocol = if protocol.trim().is_empty() { "http" } else { protocol.trim() };
    if host.trim().is_empty() {
        return Place::Unsaid;
    }
    match (values.constant(protocol), values.constant(host), values.constant(port)) {
        (Some(protocol), Some(host), Some(port)) => {
            let origin = origin(&protocol.to_ascii_lowercase(), &host, &port);
            origin.map_or(Place::NoHost(host), Place::At)
        }
        _ => Place::Open(match port.trim() {
            "" => format!("{protocol}://{}", host.trim()),
            port => format!("{protocol}://{}:{port}", host.trim()),
        }),
    }
}

/// `http://HOST:PORT`, without the port that the protocol has by itself.
fn origin(protocol: &str, host: &str, port: &str) -> Option<String> {
    let (host, port) = (host.trim(), port.trim());
    let is_host = !host.is_empty() && !host.contains(['/', ' ', '$', '{', '@', '?']);
    let is_port = matches!(port, "" | "-1") || port.parse::<u16>().is_ok();
    let port: String = match (protocol, port) {
        (_, "" | "0" | "-1") | ("http", "80") | ("https", "443") => String::new(),
        (_, port) => format!(":{port}"),
    };
    (is_host && is_port).then(|| format!("{protocol}://{host}{port}"))
}

impl<'t> Scope<'t> {
    /// The scope of what is on a level, with what stands there.
    pub(super) fn on_level(
        &self,
        level: &[Element<'t>],
        found: &mut Found,
        refused: &mut Vec<Refusal>,
        values: &Values,
    ) -> Self {
        let mut scope = self.clone();
        level.iter().for_each(|element| scope.add(*element, found, refused, values));
        scope
    }

    fn add(&mut self, element: Element<'t>, found: &mut Found, refused: &mut Vec<Refusal>, values: &Values) {
        let line = At::Line(element.line());
        match element.class() {
            "HeaderManager" => {
                self.headers.extend(element.inner("HeaderManager.headers").iter().map(|header| {
                    let name = header.text("Header.name").trim().to_owned();
                    (name, header.text("Header.value"), header.line())
                }))
            }
            "ConfigTestElement" if element.attribute_gui().contains("HttpDefaults") => {
                self.defaults.read(element)
            }
            "CookieManager" => {
                found.cookies = true;
                if !element.inner("CookieManager.cookies").is_empty() {
                    found.note(Of::Left, line, "The cookies that the cookie manager begins with: only those that answers set are sent");
                }
            }
            "AuthManager" => {
                for entry in element.inner("AuthManager.auth_list") {
                    let mechanism = entry.text("Authorization.mechanism");
                    match mechanism {
                        "" | "BASIC" | "BASIC_DIGEST" => self.auth.push(entry),
                        _ => {
                            let text =
                                format!("{}: {mechanism} is not sent: basic_auth is", element.called());
                            found.note(Of::Left, At::Line(entry.line()), text);
                        }
                    }
                }
            }
            class if class.ends_with("Timer") => {
                self.pause = self.pause.plus(timer(element, found, refused, values))
            }
            class if ASSERTIONS.contains(&class) => self.assertions.push(element),
            class if extract::CLASSES.contains(&class) => self.extractors.push(element),
            class if FILTERS.contains(&class) => self.filters.push(element),
            _ => {}
        }
    }

    /// User and password that a request to this path sends: those of the first entry whose URL it begins with.
    pub(super) fn basic_auth(
        &self,
        path: &str,
        values: &mut Values,
        found: &mut Found,
    ) -> Option<(String, String)> {
        let mut entries = self.auth.iter().filter(|entry| is_for(**entry, path, values, found));
        let entry = *entries.next()?;
        let line = entry.line();
        let user = values.template(entry.text("Authorization.username"), line, found);
        let password = values.secret("basic_password", entry.text("Authorization.password"), found);
        let password = values.template(&password, line, found);
        for name in names_in(&password) {
            let is_known = found.variables.iter().any(|variable| variable.name == name);
            if is_known && !found.secret.iter().any(|secret| secret == name) {
                found.secret.push(name.to_owned());
            }
        }
        Some((user, password))
    }
}

/// Whether an authorization manager's entry is for a path on the target.
fn is_for(entry: Part<'_>, path: &str, values: &Values, found: &mut Found) -> bool {
    let url = entry.text("Authorization.url").trim();
    let Some(constant) = values.constant(url).filter(|url| !url.is_empty()) else { return true };
    let (protocol, rest) = constant.split_once("://").unwrap_or(("http", &constant));
    let (host, begin) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let is_target = match (place(protocol, host, port, values), &found.load.target) {
        (Place::At(origin), Some(target)) => origin == *target,
        _ => false,
    };
    if !is_target {
        let text = format!("The authorization for {constant}: that is not where requests go");
        found.note(Of::Left, At::Line(entry.line()), text);
    }
    is_target && (path.starts_with(begin) || begin == "/")
}

/// A time in milliseconds as a plan writes it: a number, or `${__Random(FROM,TO)}`; nothing is none.
pub(super) fn wait(element: Element<'_>, text: &str, values: &Values, found: &mut Found) -> Pause {
    let time = |text: &str| values.constant(text).as_deref().and_then(milliseconds);
    let range = match pieces(text.trim())[..] {
        [] => Some((0, 0)),
        [Piece::Function("__Random", ref ends)] if ends.len() >= 2 => time(ends[0]).zip(time(ends[1])),
        _ => time(text).map(|ms| (ms, ms)),
    };
    match range.filter(|(from_ms, to_ms)| from_ms <= to_ms) {
        Some((from_ms, to_ms)) => {
            Pause { from_ms: from_ms.min(super::DELAY_MAX_MS), to_ms: to_ms.min(super::DELAY_MAX_MS) }
        }
        None => {
            let text = format!(
                "{}: how long it waits is not known before the test (\"{}\"): write it as pause or interval",
                element.called(),
                text.trim()
            );
            found.note(Of::Left, At::Line(element.line()), text);
            Pause::default()
        }
    }
}

/// How long a timer waits.
fn timer(element: Element<'_>, found: &mut Found, refused: &mut Vec<Refusal>, values: &Values) -> Pause {
    let at = At::Line(element.line());
    let mut time = |name: &str| wait(element, element.raw(name), values, found);
    let (delay, range) = (time("ConstantTimer.delay"), time("RandomTimer.range"));
    let upwards = Pause { from_ms: delay.from_ms, to_ms: delay.to_ms.saturating_add(range.to_ms) };
    match element.class() {
        "ConstantTimer" => delay,
        "UniformRandomTimer" => upwards,
        "GaussianRandomTimer" | "PoissonRandomTimer" => {
            let text = format!("{}: its times become a range in which each is as likely", element.called());
            found.note(Of::Changed, at, text);
            let below_ms = if element.class() == "PoissonRandomTimer" { 0 } else { range.to_ms };
            Pause { from_ms: delay.from_ms.saturating_sub(below_ms), ..upwards }
        }
        "JSR223Timer" | "BeanShellTimer" => {
            refused.push(Refusal {
                line: element.line(),
                what: element.called(),
                instead: "write the pause as a time or a range: pause = \"1s..3s\"".to_owned(),
            });
            Pause::default()
        }
        _ => {
            let text = format!(
                "{}: throughput is set for the run: --rate for arrivals, interval for what open sessions send",
                element.called()
            );
            found.note(Of::Left, at, text);
            Pause::default()
        }
    }
}
