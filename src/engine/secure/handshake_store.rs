//! The session store and key log of a worker's rustls configuration: secrets and tickets come in, a
//! ticket goes out.
//!
//! rustls knows a store and a key log for a whole configuration; a worker has one of each, and
//! handles one connection at a time. So what is here after a connection was fed belongs to that
//! connection, and a ticket offered before one is made is for that one: each session resumes its
//! own TLS session, as a phone does, and never another's. Invariant: between two connections
//! nothing is here but the hints about groups, which are a server's.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;
use rustls::{KeyLog, KeyLogFile, NamedGroup};
use zeroize::Zeroizing;

/// The labels of the NSS key log's format that name the first traffic secrets.
const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";

/// What a session may resume, and from whom it was.
#[derive(Debug)]
pub(super) enum Ticket {
    /// TLS 1.3's.
    Tls13(ServerName<'static>, Box<Tls13ClientSessionValue>),
    /// TLS 1.2's.
    Tls12(ServerName<'static>, Box<Tls12ClientSessionValue>),
}

/// A connection's first traffic secrets.
#[derive(Default)]
pub(super) struct Logged {
    client: Zeroizing<Vec<u8>>,
    server: Zeroizing<Vec<u8>>,
}

impl Logged {
    /// Ours.
    pub(super) fn client(&self) -> &[u8] {
        &self.client
    }

    /// The server's.
    pub(super) fn server(&self) -> &[u8] {
        &self.server
    }
}

impl fmt::Debug for Logged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logged { .. }")
    }
}

/// See the module. Locked by one thread only; rustls asks for a type that could be shared.
#[derive(Debug)]
pub(super) struct HandshakeStore {
    lying: Mutex<Lying>,
    file: Option<KeyLogFile>,
}

#[derive(Debug, Default)]
struct Lying {
    logged: Logged,
    /// Of connections whose secrets may be wanted, by the key of their rustls object.
    kept: HashMap<usize, Logged>,
    offered: Option<Ticket>,
    handed_out: Option<Ticket>,
    handed_out_count: u32,
    /// The server has asked for our certificate.
    asked: bool,
    groups: HashMap<ServerName<'static>, NamedGroup>,
}

impl Lying {
    fn hand_out(&mut self, ticket: Ticket) {
        // TLS 1.2's store also receives bare session ids and of sessions resumed: those are no
        // tickets.
        self.handed_out_count += u32::from(matches!(ticket, Ticket::Tls13(..)));
        self.handed_out = Some(ticket);
    }
}

/// Hears that a server has asked for a certificate.
pub(super) trait Asked: fmt::Debug + Send + Sync {
    fn certificate_asked(&self);
}

impl Asked for HandshakeStore {
    fn certificate_asked(&self) {
        self.lying().asked = true;
    }
}

impl HandshakeStore {
    /// An empty one. `to_file`: secrets are also appended to what `SSLKEYLOGFILE` names.
    pub(super) fn new(to_file: bool) -> Self {
        Self { lying: Mutex::default(), file: to_file.then(KeyLogFile::new) }
    }

    /// Lays out what the next connection may resume.
    pub(super) fn offer(&self, ticket: Option<Ticket>) {
        self.lying().offered = ticket;
    }

    /// Takes back what was not used.
    pub(super) fn withdraw(&self) {
        self.lying().offered = None;
    }

    /// Whether the server has asked for our certificate since.
    pub(super) fn take_asked(&self) -> bool {
        std::mem::take(&mut self.lying().asked)
    }

    /// Leaves nothing of the connection that was fed last: it is broken.
    pub(super) fn clear(&self) {
        let mut lying = self.lying();
        lying.logged = Logged::default();
        lying.handed_out = None;
        lying.handed_out_count = 0;
        lying.asked = false;
    }

    /// The last ticket that the server sent since, and how many were.
    pub(super) fn take_ticket(&self) -> Option<(Ticket, u32)> {
        let mut lying = self.lying();
        let count = std::mem::take(&mut lying.handed_out_count);
        lying.handed_out.take().map(|ticket| (ticket, count))
    }

    /// The secrets that were logged since, once both are there.
    pub(super) fn take_logged(&self) -> Option<Logged> {
        let mut lying = self.lying();
        let whole = !lying.logged.client.is_empty() && !lying.logged.server.is_empty();
        whole.then(|| std::mem::take(&mut lying.logged))
    }

    /// Keeps a connection's secrets.
    pub(super) fn keep(&self, key: usize, logged: Logged) {
        self.lying().kept.insert(key, logged);
    }

    /// A connection's secrets, and forgets them.
    pub(super) fn secrets(&self, key: usize) -> Option<Logged> {
        self.lying().kept.remove(&key)
    }

    /// Forgets a connection's secrets.
    pub(super) fn forget(&self, key: usize) {
        self.lying().kept.remove(&key);
    }

    /// Secrets and tickets that were not given back.
    pub(super) fn left(&self) -> usize {
        let lying = self.lying();
        lying.kept.len() + usize::from(lying.offered.is_some()) + usize::from(lying.handed_out.is_some())
    }

    fn lying(&self) -> MutexGuard<'_, Lying> {
        self.lying.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyLog for HandshakeStore {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        match label {
            CLIENT => self.lying().logged.client = secret.to_vec().into(),
            SERVER => self.lying().logged.server = secret.to_vec().into(),
            _ => {}
        }
        if let Some(file) = &self.file {
            file.log(label, client_random, secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, CLIENT | SERVER) || self.file.as_ref().is_some_and(|file| file.will_log(label))
    }
}

impl ClientSessionStore for HandshakeStore {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.lying().groups.insert(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        let lying = self.lying();
        lying.groups.iter().find(|(name, _)| *name == server_name).map(|(_, group)| *group)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.lying().hand_out(Ticket::Tls12(server_name, Box::new(value)));
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        match &self.lying().offered {
            Some(Ticket::Tls12(name, value)) if name == server_name => Some((**value).clone()),
            _ => None,
        }
    }

    fn remove_tls12_session(&self, _server_name: &ServerName<'static>) {
        self.lying().offered = None;
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.lying().hand_out(Ticket::Tls13(server_name, Box::new(value)));
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut lying = self.lying();
        match lying.offered.take() {
            Some(Ticket::Tls13(name, value)) if name == *server_name => Some(*value),
            other => {
                lying.offered = other;
                None
            }
        }
    }
}
