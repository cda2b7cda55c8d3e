//! What all sessions of a run share: the scenario with its times in ticks, and the hosts it may
//! use.
//!
//! Read-only once made. Invariant: hosts were resolved before; an [`Endpoint`] always names one of
//! them.

use std::sync::Arc;

use startline_os::tick::Ticks;
use startline_protocol::websocket::Opcode;

use super::rhythm::{Pace, Rhythm, StepPlaces};
use crate::fault::Fault;
use crate::members::Members;
use crate::scenario::every::{Every, EveryIndex, Interval};
use crate::scenario::template::Part;
use crate::scenario::{Scenario, StepIndex, WebSocket};

/// A scenario ready to be played.
#[derive(Clone, Debug)]
pub struct Script {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// `Host` of HTTP requests: the target's, with its port unless it is the scheme's own.
    pub authority: String,
    /// Hosts that sessions may connect to, by name without brackets, lower case; the target's is
    /// the first. An [`Endpoint`] points here.
    pub hosts: Vec<String>,
    /// The target's port.
    pub port: u16,
    /// Whether the target speaks TLS.
    pub secure: bool,
    /// Prefix replacements for URLs that the server returns; the first match wins.
    pub ws_map: Vec<(String, String)>,
    /// Seeds what sessions choose at random.
    pub seed: u64,
    /// When sessions act by themselves.
    pub rhythm: Rhythm,
    /// Where steps are among the scenario's names of steps.
    pub places: StepPlaces,
    /// Whether anything in the scenario sends cookies.
    pub sends_cookies: bool,
    /// Whether sessions send the scenario's quit message before they close.
    pub quit: bool,
    /// The constant delays of the scenario.
    pub delays: Delays,
    /// Whether this program cuts connections of open sessions.
    pub cuts: bool,
    /// The run's members, with what their rows say.
    pub members: Arc<Members>,
}

/// A scenario's delays in ticks.
#[derive(Clone, Debug)]
pub struct Delays {
    /// Of each HTTP step.
    pub steps: Vec<Ticks>,
    /// To the 101.
    pub connect: Ticks,
    /// For the close handshake.
    pub close: Ticks,
    /// How long a ticket lives.
    pub ticket: Option<Ticks>,
}

/// Where a session connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Index into [`Script::hosts`].
    pub host: u16,
    /// TCP port.
    pub port: u16,
    /// Whether TLS is spoken there.
    pub secure: bool,
}

/// A WebSocket URL that may be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Where to connect.
    pub endpoint: Endpoint,
    /// The `Host` field.
    pub authority: String,
    /// Path and query.
    pub target: String,
}

impl Delays {
    /// The delays of a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let websocket = scenario.websocket.as_ref();
        let of = |field: fn(&WebSocket) -> std::time::Duration| {
            websocket.map_or(Ticks::ZERO, |websocket| Ticks::from_duration(field(websocket)))
        };
        Self {
            steps: scenario.http.iter().map(|step| Ticks::from_duration(step.timeout)).collect(),
            connect: of(|websocket| websocket.connect_timeout),
            close: of(|websocket| websocket.close_timeout),
            ticket: websocket.and_then(|websocket| websocket.ticket_lifetime).map(Ticks::from_duration),
        }
    }
}

impl Script {
    /// The longest that any timer of a session can be armed, but for intervals that servers give
    /// ([`Side::longest_given`](super::Side::longest_given)): as long after its end, none is.
    pub fn longest(&self) -> std::time::Duration {
        self.scenario.longest_timer()
    }

    /// How long the request of this step may take.
    pub(super) fn request_timeout(&self, step: StepIndex) -> Ticks {
        let beside = || {
            let after = step.index().checked_sub(self.delays.steps.len() + 1)?;
            self.rhythm.after(after as u8).map(|after| after.timeout)
        };
        self.delays.steps.get(step.index()).copied().or_else(beside).unwrap_or(Ticks::ZERO)
    }

    /// Whether an open session's connection may end without the session.
    pub fn may_drop(&self) -> bool {
        self.cuts || self.scenario.reconnect.is_some()
    }

    /// A periodic message with its times.
    pub(super) fn every(&self, every: EveryIndex) -> Option<(&Every, &Pace)> {
        let message = self.scenario.websocket.as_ref()?.every.get(every.index())?;
        Some((message, self.rhythm.pace(every)))
    }

    /// Whether any kind's records have ages.
    pub fn has_ages(&self) -> bool {
        let kinds = self.scenario.websocket.iter().flat_map(|websocket| &websocket.kinds.kinds);
        kinds.into_iter().any(|kind| kind.sent_at.is_some())
    }

    /// The frames in which messages go out.
    pub(super) fn opcode(&self) -> Opcode {
        self.scenario.websocket.as_ref().map_or(Opcode::Text, |websocket| websocket.kinds.opcode())
    }

    /// The intervals that servers give, and the value of each.
    pub(super) fn given_intervals(&self) -> impl Iterator<Item = (&Interval, u8)> {
        let all = self.scenario.websocket.iter().flat_map(|websocket| &websocket.every);
        all.filter_map(|every| match &every.interval {
            Interval::Given { value, .. } => Some((&every.interval, *value)),
            _ => None,
        })
    }

    /// The target itself.
    pub fn home(&self) -> Endpoint {
        Endpoint { host: 0, port: self.port, secure: self.secure }
    }

    /// Where a rendered URL leads, after `--ws-map`: an absolute `ws://` or `wss://` URL, or a path
    /// on the target. As in browsers, `http:` stands for `ws:`, `https:` for `wss:`, and `//` for the
    /// target's scheme.
    ///
    /// # Errors
    /// [`Fault::UrlInvalid`], [`Fault::UrlUserinfo`], [`Fault::UrlFragment`] or
    /// [`Fault::HostNotAllowed`].
    pub fn destination(&self, rendered: &str) -> Result<Destination, Fault> {
        let of_ws = self.of_ws(rendered);
        let rendered = of_ws.as_deref().unwrap_or(rendered);
        let mapped = self.mapped(rendered);
        let url_text = mapped.as_deref().unwrap_or(rendered);
        if url_text.starts_with('/') {
            return self.at_home(url_text);
        }
        let url = url::Url::parse(url_text).map_err(|_| Fault::UrlInvalid)?;
        if url.fragment().is_some() {
            return Err(Fault::UrlFragment);
        }
        let secure = match url.scheme() {
            "ws" => false,
            "wss" => true,
            _ => return Err(Fault::UrlInvalid),
        };
        self.elsewhere(&url, secure)?.ok_or(Fault::HostNotAllowed)
    }

    /// A URL that has another scheme than a WebSocket's, or none, with a WebSocket's.
    fn of_ws(&self, rendered: &str) -> Option<String> {
        let own = if self.secure { "wss" } else { "ws" };
        let known = [("http://", "ws"), ("https://", "wss"), ("//", own)];
        let (rest, scheme) =
            known.into_iter().find_map(|(start, scheme)| Some((rendered.strip_prefix(start)?, scheme)))?;
        Some(format!("{scheme}://{rest}"))
    }

    /// Where a request's URL leads that a server returned: an absolute `http://` or `https://` URL, or a
    /// path on the target.
    ///
    /// # Errors
    /// [`Fault::UrlInvalid`], [`Fault::UrlUserinfo`], [`Fault::UrlFragment`] or
    /// [`Fault::HttpHostNotAllowed`].
    pub fn http_destination(&self, rendered: &str) -> Result<Destination, Fault> {
        if rendered.starts_with('/') {
            return self.at_home(rendered);
        }
        let url = url::Url::parse(rendered).map_err(|_| Fault::UrlInvalid)?;
        if url.fragment().is_some() {
            return Err(Fault::UrlFragment);
        }
        self.http_at(&url)
    }

    /// Where a redirect leads from there, by its `Location` (RFC 9110, 10.2.2). A fragment is for whoever
    /// shows the page.
    ///
    /// # Errors
    /// [`Fault::UrlInvalid`], [`Fault::UrlUserinfo`] or [`Fault::HttpHostNotAllowed`].
    pub fn redirected(&self, from: &Destination, location: &str) -> Result<Destination, Fault> {
        let scheme = if from.endpoint.secure { "https" } else { "http" };
        let base = format!("{scheme}://{}{}", from.authority, from.target);
        let base = url::Url::parse(&base).map_err(|_| Fault::UrlInvalid)?;
        self.http_at(&base.join(location).map_err(|_| Fault::UrlInvalid)?)
    }

    /// A path on the target.
    fn at_home(&self, path: &str) -> Result<Destination, Fault> {
        Ok(Destination {
            endpoint: self.home(),
            authority: self.authority.clone(),
            target: encoded_path(path)?,
        })
    }

    fn http_at(&self, url: &url::Url) -> Result<Destination, Fault> {
        let secure = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(Fault::UrlInvalid),
        };
        self.elsewhere(url, secure)?.ok_or(Fault::HttpHostNotAllowed)
    }

    /// Where a URL leads; `None` if its host is none of those that may be used.
    fn elsewhere(&self, url: &url::Url, secure: bool) -> Result<Option<Destination>, Fault> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Fault::UrlUserinfo);
        }
        let host = url.host_str().ok_or(Fault::UrlInvalid)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let Some(index) = self.hosts.iter().position(|known| known == bare) else { return Ok(None) };
        let port = url.port_or_known_default().ok_or(Fault::UrlInvalid)?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Some(Destination {
            endpoint: Endpoint { host: index as u16, port, secure },
            authority,
            target: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
        }))
    }

    /// The server that a rendered URL leads to: scheme, host and port, with the path where a server returned
    /// the whole URL. A path that the scenario makes, or that is on the target, tells sessions apart, not servers.
    pub fn server_name(&self, websocket: &WebSocket, rendered: &str) -> String {
        let of_ws = self.of_ws(rendered);
        let rendered = of_ws.as_deref().unwrap_or(rendered);
        let bare = rendered.split(['?', '#']).next().unwrap_or_default();
        let scheme = if self.secure { "wss" } else { "ws" };
        let absolute = match bare.starts_with('/') {
            true => format!("{scheme}://{}{bare}", self.authority),
            false => bare.to_owned(),
        };
        let host = absolute.find("://").map_or(0, |at| at + 3);
        let path = absolute[host..].find('/').map_or(absolute.len(), |at| host + at);
        // What follows the value may only be a query.
        let is_whole = match websocket.url.parts.as_slice() {
            [Part::Taken(_)] => true,
            [Part::Taken(_), Part::Literal(rest), ..] => rest.starts_with(b"?"),
            _ => false,
        };
        if is_whole && !bare.starts_with('/') { absolute } else { absolute[..path].to_owned() }
    }

    fn mapped(&self, url: &str) -> Option<String> {
        let (from, to) = self.ws_map.iter().find(|(from, _)| url.starts_with(from.as_str()))?;
        Some(format!("{to}{}", &url[from.len()..]))
    }
}

/// A path and query that can stand in a request line.
fn encoded_path(path: &str) -> Result<String, Fault> {
    let base = url::Url::parse("ws://target").map_err(|_| Fault::UrlInvalid)?;
    let url = base.join(path).map_err(|_| Fault::UrlInvalid)?;
    if url.host_str() != Some("target") {
        return Err(Fault::UrlInvalid);
    }
    if url.fragment().is_some() {
        return Err(Fault::UrlFragment);
    }
    Ok(url[url::Position::BeforePath..url::Position::AfterQuery].to_owned())
}
