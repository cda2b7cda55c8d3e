//! The mock server's TLS: the configuration of every handshake, and one connection's state.
//!
//! The state is rustls's own connection object, kept for as long as the connection lives, although
//! the client gets by on less with a record layer of its own. That is deliberate: the mock server
//! shares none of the client's record code, so that a mistake in one of them is not understood by
//! the other. Bytes in, bytes out: sockets and queues are the connection's. Invariants: whatever a
//! peer sends ends in bytes or in an error; what is kept of it is bounded (64 KiB of a handshake,
//! one record of what follows); one [`ServerConfig`] serves all workers.

use std::io::{self, Read, Write};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ServerConfig, ServerConnection};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, Error, SupportedCipherSuite, SupportedProtocolVersion};

use super::identity::Identity;

/// Bytes that rustls may keep of what is to be sent before they are taken from it: four full
/// records.
const UNSENT_BYTES_MAX: usize = 64 << 10;
/// What a record's plaintext is at most, and what a record adds to it at most (TLS 1.2's AES-GCM:
/// header, nonce and tag).
const RECORD_BYTES: usize = 16 << 10;
const RECORD_OVERHEAD: usize = 5 + 8 + 16;

static BOTH: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
static ONLY_12: [&SupportedProtocolVersion; 1] = [&TLS12];
static ONLY_13: [&SupportedProtocolVersion; 1] = [&TLS13];

/// The protocol versions that are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 only.
    Only12,
    /// 1.3 only.
    Only13,
}

/// What may be chosen about handshakes.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// The versions spoken.
    pub versions: TlsVersions,
    /// The cipher suites taken; all that rustls has if there is none.
    pub suites: Vec<CipherSuite>,
    /// Hand out tickets, with which a client may resume its session.
    pub tickets: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self { versions: TlsVersions::Both, suites: Vec::new(), tickets: true }
    }
}

/// Everything that handshakes are made with.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    ca: Option<String>,
}

impl Tls {
    /// Prepares it.
    ///
    /// # Errors
    /// When no cipher suite goes with the versions and the certificate.
    pub fn new(identity: Identity, settings: &TlsSettings) -> Result<Self, Error> {
        let mut provider = aws_lc_rs::default_provider();
        if !settings.suites.is_empty() {
            provider.cipher_suites.retain(|suite| settings.suites.contains(&suite.suite()));
        }
        let versions = settings.versions.list();
        let algorithm = identity.certified.key.algorithm();
        let is_usable = |suite: &SupportedCipherSuite| {
            versions.contains(&suite.version()) && suite.usable_for_signature_algorithm(algorithm)
        };
        if !provider.cipher_suites.iter().any(is_usable) {
            let why = format!("none of the cipher suites goes with the versions and the {algorithm:?} key");
            return Err(Error::General(why));
        }
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified)));
        // As nginx without HTTP/2: a client that offers h2 as well is answered, one that offers only h2 is refused.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Nothing is kept between connections: a ticket carries the session, sealed with a key that
        // all workers share.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if settings.tickets {
            config.ticketer = aws_lc_rs::Ticketer::new()?;
        } else {
            config.send_tls13_tickets = 0;
        }
        Ok(Self { config: Arc::new(config), ca: identity.ca })
    }

    /// The made CA's certificate, PEM; none if the certificate was given.
    pub fn ca(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    /// The cipher suites that there are.
    pub fn suites() -> impl Iterator<Item = CipherSuite> {
        aws_lc_rs::ALL_CIPHER_SUITES.iter().map(SupportedCipherSuite::suite)
    }

    /// The beginning of a connection.
    pub(super) fn begin(&self) -> Result<Secure, Error> {
        let mut tls = ServerConnection::new(Arc::clone(&self.config))?;
        tls.set_buffer_limit(Some(UNSENT_BYTES_MAX));
        Ok(Secure { tls })
    }
}

impl TlsVersions {
    fn list(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Both => &BOTH,
            Self::Only12 => &ONLY_12,
            Self::Only13 => &ONLY_13,
        }
    }
}

/// One connection's TLS.
#[derive(Debug)]
pub(super) struct Secure {
    tls: ServerConnection,
}

impl Secure {
    /// Whether the handshake is not through yet.
    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Whether the handshake took up an earlier session.
    pub(super) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// Appends what was inside `sealed` to `opened`; says whether the peer has said that nothing
    /// follows. Afterwards [`Secure::unsent`] may have something, also when this failed.
    pub(super) fn open(&mut self, mut sealed: &[u8], opened: &mut Vec<u8>) -> Result<bool, Error> {
        while !sealed.is_empty() {
            match self.tls.read_tls(&mut sealed) {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                // A record or a handshake message that is longer than one may be.
                Err(error) => return Err(Error::General(error.to_string())),
            }
            let state = self.tls.process_new_packets()?;
            let start = opened.len();
            opened.resize(start + state.plaintext_bytes_to_read(), 0);
            if let Some(fresh) = opened.get_mut(start..).filter(|fresh| !fresh.is_empty()) {
                // They are there: it was just said.
                self.tls.reader().read_exact(fresh).map_err(|error| Error::General(error.to_string()))?;
            }
            if state.peer_has_closed() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What `bytes` are on the wire.
    pub(super) fn seal(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let records = bytes.len().div_ceil(RECORD_BYTES);
        let mut sealed = Vec::with_capacity(bytes.len() + records * RECORD_OVERHEAD);
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.tls.writer().write(rest)?;
            self.put_unsent(&mut sealed);
            match rest.get(taken..) {
                Some(left) if taken > 0 => rest = left,
                _ => return Err(io::ErrorKind::WriteZero.into()),
            }
        }
        Ok(sealed)
    }

    /// What TLS itself has to send: handshake messages, tickets, alerts.
    pub(super) fn unsent(&mut self) -> Vec<u8> {
        let mut unsent = Vec::new();
        self.put_unsent(&mut unsent);
        unsent
    }

    /// Returns the close_notify, the last thing to send. Empty if it was sent before, or if the
    /// handshake never began.
    pub(super) fn farewell(&mut self) -> Vec<u8> {
        if !self.tls.is_handshaking() {
            self.tls.send_close_notify();
        }
        self.unsent()
    }

    fn put_unsent(&mut self, out: &mut Vec<u8>) {
        while self.tls.wants_write() {
            // A vector takes everything.
            if !self.tls.write_tls(out).is_ok_and(|written| written > 0) {
                return;
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    pub(crate) fn tls() -> Tls {
        let identity = Identity::made_for(&["localhost".to_owned()]).unwrap();
        Tls::new(identity, &TlsSettings::default()).unwrap()
    }

    /// The beginning of a client's side.
    pub(crate) fn client(tls: &Tls, version: &'static SupportedProtocolVersion) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(tls.ca().unwrap().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
    }

    /// Both sides of a connection whose handshake is through, every byte of it delivered alone.
    pub(crate) fn pair(version: &'static SupportedProtocolVersion) -> (Secure, ClientConnection) {
        let tls = tls();
        let (mut server, mut client) = (tls.begin().unwrap(), client(&tls, version));
        let mut opened = Vec::new();
        while client.is_handshaking() || server.is_handshaking() {
            let mut sealed = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut sealed).unwrap();
            }
            for byte in sealed.chunks(1) {
                assert!(!server.open(byte, &mut opened).unwrap());
            }
            receive(&mut client, &server.unsent());
        }
        assert!(opened.is_empty());
        (server, client)
    }

    /// What a client finds in these bytes.
    fn receive(client: &mut ClientConnection, mut sealed: &[u8]) -> Vec<u8> {
        let mut opened = Vec::new();
        while !sealed.is_empty() {
            client.read_tls(&mut sealed).unwrap();
            let state = client.process_new_packets().unwrap();
            let start = opened.len();
            opened.resize(start + state.plaintext_bytes_to_read(), 0);
            client.reader().read_exact(&mut opened[start..]).unwrap();
        }
        opened
    }

    #[test]
    fn messages_of_any_length_arrive_whole_and_in_any_split() {
        for version in [&TLS12, &TLS13] {
            let (mut server, mut client) = pair(version);
            for len in [1, RECORD_BYTES - 1, RECORD_BYTES, RECORD_BYTES + 1, 5 * UNSENT_BYTES_MAX + 7] {
                let message: Vec<u8> = (0..len).map(|at| at as u8).collect();
                let sealed = server.seal(&message).unwrap();
                assert!(sealed.len() <= len + len.div_ceil(RECORD_BYTES) * RECORD_OVERHEAD, "{len}");
                assert!(receive(&mut client, &sealed) == message, "{len}");

                client.set_buffer_limit(None);
                client.writer().write_all(&message).unwrap();
                let (mut sealed, mut opened) = (Vec::new(), Vec::new());
                while client.wants_write() {
                    client.write_tls(&mut sealed).unwrap();
                }
                for piece in sealed.chunks(4099) {
                    assert!(!server.open(piece, &mut opened).unwrap());
                }
                assert!(opened == message, "{len}");
            }
        }
    }

    #[test]
    fn the_end_is_said_once_and_understood() {
        let (mut server, mut client) = pair(&TLS13);
        let mut sealed = Vec::new();
        client.writer().write_all(b"last").unwrap();
        client.send_close_notify();
        while client.wants_write() {
            client.write_tls(&mut sealed).unwrap();
        }
        let mut opened = Vec::new();
        assert!(server.open(&sealed, &mut opened).unwrap());
        assert_eq!(opened, b"last");
        assert!(server.open(b"whatever follows", &mut opened).unwrap());
        let farewell = server.farewell();
        assert!(!farewell.is_empty() && server.farewell().is_empty());
        receive(&mut client, &farewell);
        assert_eq!(client.reader().read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn what_is_no_tls_is_an_error_and_nothing_worse() {
        let tls = tls();
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..2_000 {
            let mut hello = Vec::new();
            client(&tls, &TLS13).write_tls(&mut hello).unwrap();
            let mut bytes = match round % 2 {
                0 => hello,
                _ => (0..random.usize(1..600)).map(|_| random.u8(..)).collect(),
            };
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            let (mut secure, mut opened) = (tls.begin().unwrap(), Vec::new());
            for piece in bytes.chunks(random.usize(1..=bytes.len())) {
                if secure.open(piece, &mut opened).is_err() {
                    break;
                }
            }
            assert!(opened.is_empty() && secure.unsent().len() < UNSENT_BYTES_MAX);
        }
    }
}
