//! What opens the WebSocket: its URL, header fields and subprotocols.
//!
//! Knows the sampler that opens it, not what comes after. Invariant: the URL leads where the plan's does, or a note says
//! that the command line has to say it.

use super::super::model::{At, Of};
use super::super::text::literal;
use super::element::Element;
use super::headers;
use super::http;
use super::scope::{Place, Scope, place};
use super::socket::{Making, timeout};

/// The step that ends with the 101.
const CONNECT: &str = "connect";

impl<'t> Making<'_, '_> {
    /// Takes over what opens the WebSocket.
    pub(super) fn open(&mut self, element: Element<'t>, scope: &Scope<'t>) {
        if element.class() == "OpenWebSocketSampler" {
            self.note_unread(element);
            http::limit_time(scope, CONNECT, self.work);
        }
        self.socket.url = self.url(element);
        self.socket.connect_timeout = timeout(element, "connectTimeout", self.work)
            .or_else(|| timeout(element, "readTimeout", self.work));
        self.socket.headers = headers::fields(scope, true, self.work);
        let (url, headers) = (&self.socket.url, &self.socket.headers);
        self.socket.basic_auth = headers::basic_auth(scope, url, headers, self.work);
        self.socket.subprotocols = self.subprotocols(scope);
    }

    fn url(&mut self, element: Element<'t>) -> String {
        let written = element.text("server").unwrap_or("").trim();
        let written = self.work.values.with_begin(written);
        let (host, secure) = match written.split_once("://") {
            Some((protocol, host)) => {
                let is_secure = ["wss", "https"].iter().any(|one| protocol.eq_ignore_ascii_case(one));
                (host, is_secure || element.flag("TLS"))
            }
            None => (written.as_str(), element.flag("TLS")),
        };
        let protocol = if secure { "https" } else { "http" };
        let port = element.text("port").unwrap_or("").trim();
        let path = element.text("path").unwrap_or("/").trim();
        let path = self.work.values.path(path, element.line(), self.work.found);
        match place(protocol, host, port, self.work.values) {
            Place::Unsaid => path,
            Place::NoHost(host) => {
                let instead = format!("\"{host}\" is no host: write host, port and path each in its field");
                self.work.refuse(element, &instead);
                path
            }
            Place::At(origin) => self.url_at(&origin, secure, path),
            Place::Open(to) => self.url_open(element, to, (secure, host, port), path),
        }
    }

    /// The path alone where the requests before it go to the same place.
    fn url_at(&mut self, origin: &str, secure: bool, path: String) -> String {
        let is_first = self.work.values.open_target.is_none();
        let target = match &self.work.found.load.target {
            Some(target) => target.clone(),
            None if is_first => {
                self.work.found.load.target = Some(origin.to_owned());
                return path;
            }
            None => String::new(),
        };
        if target == origin {
            return path;
        }
        let alone = |origin: &str| -> (String, String) {
            let host = origin.split("://").nth(1).unwrap_or_default();
            (host.to_owned(), host.rsplit_once(':').map_or(host, |(host, _)| host).to_owned())
        };
        let (host, host_alone) = alone(origin);
        if alone(&target).1 != host_alone {
            self.work.found.load.allow_hosts.push(host_alone);
        }
        let url = format!("{}://{host}", if secure { "wss" } else { "ws" });
        format!("{}{path}", literal(&url))
    }

    /// A URL whose host is known during the test only.
    fn url_open(
        &mut self,
        element: Element<'t>,
        to: String,
        (secure, host, port): (bool, &str, &str),
        path: String,
    ) -> String {
        if self.work.values.open_target.as_ref() == Some(&to) {
            return path;
        }
        let is_first = self.work.found.load.target.is_none() && self.work.values.open_target.is_none();
        if is_first && !self.work.values.has_taken(host) {
            http::open_target(element, to, self.work);
            return path;
        }
        let line = element.line();
        let text = format!(
            "{}: {to} is known during the test only: give the hosts that it may be with --allow-host",
            element.called()
        );
        self.work.found.note(Of::Warning, At::Line(line), text);
        let scheme = if secure { "wss" } else { "ws" };
        let host = self.work.values.template(host, line, self.work.found);
        match port {
            "" | "0" => format!("{scheme}://{host}{path}"),
            port => {
                format!("{scheme}://{host}:{}{path}", self.work.values.template(port, line, self.work.found))
            }
        }
    }

    /// The subprotocols that the upgrade offers; those of the last header field count.
    fn subprotocols(&mut self, scope: &Scope<'t>) -> Vec<String> {
        let is_it = |name: &str| name.eq_ignore_ascii_case("sec-websocket-protocol");
        let Some((_, value, line)) = scope.headers.iter().rfind(|(name, ..)| is_it(name)) else {
            return Vec::new();
        };
        let value = self.work.template(value, *line);
        let (fit, others): (Vec<&str>, Vec<&str>) = value
            .split(',')
            .map(str::trim)
            .filter(|one| !one.is_empty())
            .partition(|one| !one.contains(char::is_whitespace));
        for other in others {
            let text = format!("The subprotocol \"{other}\": a name has no spaces");
            self.work.found.note(Of::Left, At::Line(*line), text);
        }
        fit.into_iter().map(str::to_owned).collect()
    }
}
