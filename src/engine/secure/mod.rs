//! The TLS of one worker's sessions: bytes off the wire in, plaintext out, and the other way round.
//!
//! rustls makes each handshake and checks the certificate. Once a session's WebSocket is up over TLS 1.3, its secrets are
//! taken out, and [`startline_protocol::tls`] goes on with them alone; TLS 1.2 and HTTP connections keep the rustls object. Owns
//! no socket, reads no clock. Invariants: a row has at most one connection's state, and none once its socket is gone; records
//! are cut before rustls sees them, so nothing of a later record is ever inside it; what may not be lost between two
//! connections of a session (its ticket) goes when the session is over.
//!
//! Where to look next: `config` for what is offered and trusted, `handshake_store` for tickets and
//! secrets, `faults` for what rustls says, `probe` for a handshake without a session.

mod any_record;
mod certificates;
mod config;
mod faults;
mod handshake_store;
mod link;
mod probe;
mod received;

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};
use slab::Slab;

use any_record::{ANY_RECORD_BYTES_MAX, any_record_len};
pub use config::{Own, Trust, TrustError};
use faults::Stage;
pub use faults::{Broken, fault_of, sentence};
use handshake_store::{HandshakeStore, Ticket};
use link::{At, Link};
pub use probe::{Probe, probe};
pub use received::{Data, Received};
use startline_protocol::tls::{
    Handle, KeyUpdate, Opened, Pool, Reassembly, RecordFault, Secrets, Suite, record_len,
};

use crate::engine::lives::RowIndex;
use crate::fault::TlsFault;
use crate::measure::Handshake;
use crate::plan::Tls;

/// See the module.
#[derive(Debug)]
pub struct Secure {
    /// None when there is nobody to trust.
    config: Option<Arc<ClientConfig>>,
    /// By index of the script's hosts; none for what no certificate can name.
    names: Vec<Option<ServerName<'static>>>,
    store: Arc<HandshakeStore>,
    /// Secrets are kept in place of rustls's objects where that is possible.
    compact: bool,
    /// One suite alone is offered, and TLS 1.3 with it: what a server then lacks, we may.
    is_narrow: bool,
    /// A certificate of our own is shown to who asks for one.
    has_own: bool,
    /// Rows whose server has asked for it, while rustls has the connection.
    asked: HashSet<RowIndex>,
    /// By row; empty until the first secure connection.
    links: Vec<Link>,
    rows: usize,
    rustls: Slab<Box<ClientConnection>>,
    pool: Pool,
    /// The beginning of a record that a read cut through, and of a handshake message that a record
    /// did.
    begun: HashMap<RowIndex, Begun>,
    tickets: HashMap<RowIndex, Ticket>,
    plain: Vec<u8>,
}

#[derive(Debug, Default)]
struct Begun {
    record: Vec<u8>,
    message: Reassembly,
}

/// What belongs to a connection that is no row's for a while. It has to come back, by
/// [`Secure::attach`] or [`Secure::discard`].
#[derive(Debug)]
#[must_use]
pub struct Detached(Link);

impl Secure {
    /// For `rows` sessions, or more later, that connect to these hosts.
    pub fn new(trust: Option<&Trust>, hosts: &[String], tls: &Tls, rows: usize) -> Self {
        if let Some(trust) = trust {
            // The first random byte of a process takes AWS-LC some 70 ms, to gather entropy: not in
            // the first handshake, where it would be the worker's lag.
            let _ = trust.provider().secure_random.fill(&mut [0]);
        }
        let store = Arc::new(HandshakeStore::new(tls.key_log));
        Self {
            config: trust.map(|trust| Arc::new(config::client(trust, tls, &store))),
            names: hosts.iter().map(|host| ServerName::try_from(host.clone()).ok()).collect(),
            store,
            compact: !tls.keep_rustls,
            is_narrow: tls.suites.is_alone(),
            has_own: tls.identity.is_some(),
            asked: HashSet::new(),
            links: Vec::new(),
            rows,
            rustls: Slab::new(),
            pool: Pool::new(),
            begun: HashMap::new(),
            tickets: HashMap::new(),
            plain: Vec::new(),
        }
    }

    /// A connection of this row to this host will be secure once TCP is up.
    pub fn dialing(&mut self, row: RowIndex, host: u16) {
        debug_assert_eq!(self.at(row), At::Plain);
        self.set(row, At::Dialing(u32::from(host)));
    }

    /// Whether the row's connection is, or is to be, secure.
    #[inline]
    pub fn is_secure(&self, row: RowIndex) -> bool {
        self.at(row) != At::Plain
    }

    /// Begins the handshake: the ClientHello is appended to `out`.
    ///
    /// # Errors
    /// rustls's refusal.
    pub fn begin(&mut self, row: RowIndex, out: &mut Vec<u8>) -> Result<(), Broken> {
        let At::Dialing(host) = self.at(row) else { return Ok(()) };
        let name = self.names[host as usize].clone().ok_or_else(faults::no_name)?;
        let config = self.config.clone().ok_or_else(faults::no_roots)?;
        self.store.offer(self.tickets.remove(&row));
        let made = ClientConnection::new(config, name);
        self.store.withdraw();
        let made = made.map_err(|error| faults::broken(&error, self.stage(row, true, None)));
        let mut connection = Box::new(made?);
        // What is written is taken out at once; rustls would cut a request of more than 64 KiB, and
        // say so to nobody.
        connection.set_buffer_limit(None);
        flush(&mut connection, out);
        let key = self.rustls.insert(connection);
        self.set(row, At::Rustls(key));
        Ok(())
    }

    /// What is there of a record that was cut: copied to the front of `buffer`, where the next read
    /// continues it.
    pub fn resume(&self, row: RowIndex, buffer: &mut [u8]) -> usize {
        match self.begun.get(&row) {
            Some(begun) => {
                buffer[..begun.record.len()].copy_from_slice(&begun.record);
                begun.record.len()
            }
            None => 0,
        }
    }

    /// The length of the record at the start of `bytes`, once it is there as a whole.
    ///
    /// # Errors
    /// What is there is not a record.
    pub fn next_record(&self, row: RowIndex, bytes: &[u8]) -> Result<Option<usize>, Broken> {
        let len = match self.at(row) {
            At::Held(_) => record_len(bytes).map_err(faults::record)?,
            // Whoever has said hello in TLS speaks it, whatever this is.
            At::Rustls(key) if self.rustls[key].protocol_version().is_some() => {
                any_record_len(bytes).map_err(faults::record)?
            }
            _ => any_record_len(bytes).map_err(|fault| match fault {
                RecordFault::UnexpectedMessage => faults::not_tls(bytes),
                other => faults::record(other),
            })?,
        };
        Ok(len.filter(|len| *len <= bytes.len()))
    }

    /// Keeps the beginning of a record until its end comes.
    pub fn keep(&mut self, row: RowIndex, bytes: &[u8]) {
        if bytes.is_empty() {
            let unneeded = |begun: &mut Begun| {
                begun.record.clear();
                !begun.message.is_needed()
            };
            if self.begun.get_mut(&row).is_some_and(unneeded) {
                self.begun.remove(&row);
            }
            return;
        }
        debug_assert!(bytes.len() < ANY_RECORD_BYTES_MAX);
        let begun = self.begun.entry(row).or_default();
        begun.record.clear();
        begun.record.extend_from_slice(bytes);
    }

    /// Takes one whole record. What is to be answered is appended to `out`.
    ///
    /// # Errors
    /// The connection has to end; the alert that says so is in `out`.
    pub fn receive(
        &mut self,
        row: RowIndex,
        record: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Received, Broken> {
        match self.at(row) {
            At::Held(handle) => self.open(row, handle, record, out),
            At::Rustls(key) => self.feed(row, key, record, out),
            At::Plain | At::Dialing(_) => Ok(Received::default()),
        }
    }

    /// The plaintext that a [`Data::Plain`] speaks of. To be given back by [`Secure::give_back`].
    pub fn take_plain(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.plain)
    }

    /// Gives the buffer back.
    pub fn give_back(&mut self, plain: Vec<u8>) {
        self.plain = plain;
    }

    /// Protects `plaintext` and appends it to `out`.
    pub fn seal(&mut self, row: RowIndex, plaintext: &[u8], out: &mut Vec<u8>) {
        match self.at(row) {
            At::Held(handle) => self.pool.records(handle).seal(plaintext, out),
            At::Rustls(key) => {
                let connection = &mut self.rustls[key];
                // Writing to memory; rustls's own limit is off since `begin`.
                let _ = connection.writer().write_all(plaintext);
                flush(connection, out);
            }
            At::Plain | At::Dialing(_) => {}
        }
    }

    /// Says that we send no more (RFC 8446, 6.1).
    pub fn seal_close_notify(&mut self, row: RowIndex, out: &mut Vec<u8>) {
        match self.at(row) {
            At::Held(handle) => self.pool.records(handle).seal_close_notify(out),
            At::Rustls(key) => {
                let connection = &mut self.rustls[key];
                connection.send_close_notify();
                flush(connection, out);
            }
            At::Plain | At::Dialing(_) => {}
        }
    }

    /// The row's WebSocket is up: from here on secrets are enough, if it is TLS 1.3. What rustls
    /// still has to say is appended to `out`.
    ///
    /// # Errors
    /// The secrets could not be taken out, which is a defect.
    pub fn settle(&mut self, row: RowIndex, out: &mut Vec<u8>) -> Result<(), Broken> {
        let At::Rustls(key) = self.at(row) else { return Ok(()) };
        // Those of the WebSocket's own connection: nothing of the session connects again.
        self.drop_ticket(row);
        let connection = &mut self.rustls[key];
        if !self.compact || connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return Ok(());
        }
        // An answer to a KeyUpdate waits inside for something else to be sent (rustls's
        // `maybe_refresh_traffic_keys`).
        let _ = connection.writer().write(&[]);
        flush(connection, out);
        let logged = self.store.secrets(key);
        let suite = connection.negotiated_cipher_suite().and_then(|suite| Suite::from_rustls(suite.suite()));
        let connection = self.rustls.remove(key);
        self.asked.remove(&row);
        self.set(row, At::Plain);
        let taken = connection.dangerous_extract_secrets().map_err(|error| error.to_string());
        let secrets = taken.and_then(|extracted| {
            let (suite, logged) = suite.zip(logged).ok_or("no secrets were logged")?;
            Secrets::from_rustls(suite, logged.client(), logged.server(), &extracted)
                .map_err(|error| error.to_string())
        });
        let secrets = secrets.map_err(|evidence| Broken { fault: TlsFault::Extraction, evidence })?;
        let handle = self.pool.hold(&secrets);
        self.set(row, At::Held(handle));
        Ok(())
    }

    /// The row's connection is gone. Its tickets stay for the session's next one.
    pub fn drop_connection(&mut self, row: RowIndex) {
        match self.at(row) {
            // Also where secrets could not be taken over: the beginning of a record may still be
            // there.
            At::Plain | At::Dialing(_) => {}
            At::Rustls(key) => {
                self.store.forget(key);
                drop(self.rustls.remove(key));
            }
            At::Held(handle) => self.pool.release(handle),
        }
        // A row may be new while others have long been there.
        if row.index() < self.links.len() {
            self.begun.remove(&row);
            self.asked.remove(&row);
            self.set(row, At::Plain);
        }
    }

    /// Takes the row's connection away from it as it is, between two answers: to be given to
    /// another row, or closed. Tickets that came on it are nobody's, since the connection is no
    /// session's own.
    pub fn detach(&mut self, row: RowIndex) -> Detached {
        let Some(link) = self.links.get(row.index()).copied() else { return Detached(Link::default()) };
        self.begun.remove(&row);
        self.asked.remove(&row);
        self.drop_ticket(row);
        self.set(row, At::Plain);
        Detached(link)
    }

    /// Gives a row a connection that was taken from another.
    pub fn attach(&mut self, row: RowIndex, Detached(link): Detached) {
        if link.at() != At::Plain {
            debug_assert_eq!(self.at(row), At::Plain);
            self.set(row, link.at());
        }
    }

    /// Closes a connection that was taken from its row: the close_notify is appended to `out`.
    pub fn discard(&mut self, Detached(link): Detached, out: &mut Vec<u8>) {
        match link.at() {
            At::Rustls(key) => {
                self.store.forget(key);
                let mut connection = self.rustls.remove(key);
                connection.send_close_notify();
                flush(&mut connection, out);
            }
            At::Held(handle) => self.pool.release(handle),
            At::Plain | At::Dialing(_) => {}
        }
    }

    /// The row's session needs no ticket any more.
    pub fn drop_ticket(&mut self, row: RowIndex) {
        if !self.tickets.is_empty() {
            self.tickets.remove(&row);
        }
    }

    /// Connections and tickets that were not given back.
    pub fn left(&self) -> usize {
        self.rustls.len()
            + self.pool.len()
            + self.begun.len()
            + self.asked.len()
            + self.tickets.len()
            + self.store.left()
    }

    fn note_asked(&mut self, row: RowIndex) {
        if self.store.take_asked() {
            self.asked.insert(row);
        }
    }

    fn stage(&self, row: RowIndex, handshaking: bool, version: Option<ProtocolVersion>) -> Stage {
        Stage {
            handshaking,
            is_tls12: version == Some(ProtocolVersion::TLSv1_2),
            is_narrow: self.is_narrow,
            asked: self.asked.contains(&row),
            has_own: self.has_own,
        }
    }

    #[inline]
    fn at(&self, row: RowIndex) -> At {
        self.links.get(row.index()).map_or(At::Plain, |link| link.at())
    }

    fn set(&mut self, row: RowIndex, at: At) {
        if self.links.len() <= row.index() {
            self.links.resize(self.rows.max(row.index() + 1), Link::default());
        }
        self.links[row.index()] = Link::new(at);
    }

    fn open(
        &mut self,
        row: RowIndex,
        handle: Handle,
        record: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<Received, Broken> {
        let begun = self.begun.get_mut(&row);
        let mut message = begun.as_ref().map_or_else(Reassembly::default, |begun| begun.message);
        let mut records = self.pool.records(handle);
        let mut received = Received::default();
        match records.open(record, &mut message) {
            Ok(Opened::Data(data)) => received.data = Data::InPlace(data.len()),
            Ok(Opened::CloseNotify) => received.closed = true,
            Ok(Opened::UserCanceled) => {}
            Ok(Opened::Handshake { tickets, key_update }) => {
                received.tickets = tickets;
                received.key_updated = key_update.is_some();
                if key_update == Some(KeyUpdate::Requested) {
                    records.seal_key_update(KeyUpdate::NotRequested, out);
                }
            }
            Err(fault) => {
                if let Some(alert) = fault.alert() {
                    records.seal_alert(alert, out);
                }
                return Err(faults::record(fault));
            }
        }
        if message.is_needed() {
            self.begun.entry(row).or_default().message = message;
        } else if let Some(begun) = begun {
            begun.message = message;
        }
        Ok(received)
    }

    fn feed(
        &mut self,
        row: RowIndex,
        key: usize,
        record: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Received, Broken> {
        let connection = &mut self.rustls[key];
        let was_handshaking = connection.is_handshaking();
        let mut received = Received::default();
        let mut readable = 0;
        let mut rest = record;
        while !rest.is_empty() {
            // Reading from memory fails for one reason only: rustls's buffer is full.
            if connection.read_tls(&mut rest).is_err() {
                return Err(faults::record(RecordFault::RecordOverflow));
            }
            match connection.process_new_packets() {
                Ok(state) => {
                    readable = state.plaintext_bytes_to_read();
                    received.closed = state.peer_has_closed();
                }
                Err(error) => {
                    flush(connection, out);
                    let version = connection.protocol_version();
                    self.note_asked(row);
                    // Nor is what came before the error another connection's to find.
                    self.store.clear();
                    return Err(faults::broken(&error, self.stage(row, was_handshaking, version)));
                }
            }
        }
        if let Some(secrets) = self.store.take_logged() {
            self.store.keep(key, secrets);
        }
        if let Some((ticket, count)) = self.store.take_ticket() {
            received.tickets = count;
            self.tickets.insert(row, ticket);
        }
        if was_handshaking {
            if !connection.is_handshaking() {
                received.handshake = Some(handshake(connection));
            }
            if self.store.take_asked() {
                self.asked.insert(row);
            }
        }
        if readable > 0 {
            self.plain.resize(readable, 0);
            let read = connection.reader().read(&mut self.plain).unwrap_or(0);
            self.plain.truncate(read);
            received.data = Data::Plain;
        }
        flush(connection, out);
        Ok(received)
    }
}

/// What rustls has to send, appended.
fn flush(connection: &mut ClientConnection, out: &mut Vec<u8>) {
    while connection.wants_write() {
        // Writing to memory.
        let _ = connection.write_tls(out);
    }
}

fn handshake(connection: &ClientConnection) -> Handshake {
    Handshake {
        resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        version: connection.protocol_version().map_or(0, u16::from),
        suite: connection.negotiated_cipher_suite().map_or(0, |suite| suite.suite().into()),
        group: connection.negotiated_key_exchange_group().map_or(0, |group| group.name().into()),
    }
}

#[cfg(test)]
mod tests;
