//! The address at which the mock server listens: a line for people, or an object for programs.
//!
//! Prints nothing. Invariant: what is announced is taken from the settings that it was started with.

use std::net::SocketAddr;

use startline_mock::{Config, Tls};

/// What the announcement says other than the address.
pub(super) struct Summary {
    scheme: &'static str,
    servers: usize,
    members: usize,
    challenge: Option<(u64, &'static str)>,
}

impl Summary {
    pub(super) fn of(config: &Config) -> Self {
        let challenge = config
            .preload
            .map(|preload| (preload.challenge, if preload.ready { "READY" } else { "RECRUITING" }));
        let scheme = scheme(config.tls.as_ref());
        Self { scheme, servers: config.servers, members: config.members.clone().count(), challenge }
    }

    /// The announcement for people.
    pub(super) fn line(&self, addr: SocketAddr) -> String {
        let plural =
            |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let challenge = match self.challenge {
            Some((id, status)) => format!("challenge {id} {status}"),
            None => "no challenge".to_owned(),
        };
        format!(
            "listening on {}://{addr} ({}, {}, {challenge})",
            self.scheme,
            plural(self.servers, "WebSocket server"),
            plural(self.members, "member"),
        )
    }
}

/// The announcement for a program.
pub(super) fn object(addr: SocketAddr, tls: Option<&Tls>) -> String {
    let mut object = serde_json::json!({ "listening": addr, "scheme": scheme(tls) });
    if let Some(ca) = tls.and_then(Tls::ca) {
        object["ca"] = ca.into();
    }
    object.to_string()
}

fn scheme(tls: Option<&Tls>) -> &'static str {
    if tls.is_some() { "https" } else { "http" }
}
