//! A session of ours with a rustls peer, in memory: the handshake is rustls's on both sides, then one side becomes ours.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, LazyLock, Mutex};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, KeyLog, RootCertStore, ServerConfig, ServerConnection,
};
use startline_protocol::tls::*;

/// Which side of the handshake becomes ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// What rustls logs in a handshake.
#[derive(Debug, Default)]
pub struct Logged(Mutex<HashMap<String, Vec<u8>>>);

impl KeyLog for Logged {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        self.0.lock().expect("no panic while logging").insert(label.to_owned(), secret.to_vec());
    }
}

impl Logged {
    pub fn secret(&self, of: Side) -> Vec<u8> {
        let label = match of {
            Side::Client => "CLIENT_TRAFFIC_SECRET_0",
            Side::Server => "SERVER_TRAFFIC_SECRET_0",
        };
        self.0.lock().expect("no panic while logging")[label].clone()
    }
}

/// Both ends after the handshake, before either is ours. The server's tickets are still to be sent.
pub struct Pair {
    pub near: Connection,
    pub far: Connection,
    pub logged: Arc<Logged>,
    pub side: Side,
}

impl Pair {
    pub fn new(suite: Suite, side: Side) -> Self {
        let logged = Arc::new(Logged::default());
        let (client, server) = configs(suite, &logged);
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client: Connection = ClientConnection::new(client, name).expect("a client").into();
        let mut server: Connection = ServerConnection::new(server).expect("a server").into();
        while client.is_handshaking() || server.is_handshaking() {
            deliver(&mut server, &written(&mut client));
            // The server's tickets follow its last flight of the handshake, and stay with it.
            if client.is_handshaking() {
                deliver(&mut client, &written(&mut server));
            }
        }
        let (near, far) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        Self { near, far, logged, side }
    }

    /// Takes the near side over. What it still had to send comes first.
    pub fn extract(mut self) -> (Ours, Connection) {
        let mut out = Vec::new();
        assert_eq!(self.near.writer().write(&[]).expect("an open connection"), 0);
        out.extend(written(&mut self.near));
        let suite = self.near.negotiated_cipher_suite().expect("the handshake is over").suite();
        let suite = Suite::from_rustls(suite).expect("a suite of TLS 1.3");
        let (tx, rx) = match self.side {
            Side::Client => (self.logged.secret(Side::Client), self.logged.secret(Side::Server)),
            Side::Server => (self.logged.secret(Side::Server), self.logged.secret(Side::Client)),
        };
        let extracted = self.near.dangerous_extract_secrets().expect("extraction is enabled");
        let secrets = Secrets::from_rustls(suite, &tx, &rx, &extracted).expect("secrets of this connection");
        (Ours::new(&secrets, out), self.far)
    }
}

/// A session of ours, with what a caller keeps around it.
pub struct Ours {
    pub pool: Pool,
    pub handle: Handle,
    pub reassembly: Reassembly,
    pub update_after_records: u32,
    /// Bytes read and not yet a whole record.
    inbound: Vec<u8>,
    /// Sealed and not yet sent.
    pub out: Vec<u8>,
    pub received: Vec<u8>,
    pub tickets: u32,
    pub key_updates: u32,
    pub peer_has_closed: bool,
}

impl Ours {
    fn new(secrets: &Secrets, out: Vec<u8>) -> Self {
        let mut pool = Pool::new();
        let handle = pool.hold(secrets);
        Self {
            pool,
            handle,
            reassembly: Reassembly::default(),
            update_after_records: KEY_UPDATE_AFTER_RECORDS,
            inbound: Vec::new(),
            out,
            received: Vec::new(),
            tickets: 0,
            key_updates: 0,
            peer_has_closed: false,
        }
    }

    /// Takes bytes from the peer, in whatever split, and answers what asks for an answer.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), RecordFault> {
        self.inbound.extend_from_slice(bytes);
        while let Some(len) = record_len(&self.inbound)?.filter(|len| *len <= self.inbound.len()) {
            let mut record: Vec<u8> = self.inbound.drain(..len).collect();
            let mut records = self.pool.records(self.handle);
            match records.open(&mut record, &mut self.reassembly)? {
                Opened::CloseNotify => self.peer_has_closed = true,
                Opened::Data(data) => self.received.extend_from_slice(data),
                Opened::Handshake { tickets, key_update } => {
                    self.tickets += tickets;
                    self.key_updates += u32::from(key_update.is_some());
                    if key_update == Some(KeyUpdate::Requested) {
                        records.seal_key_update(KeyUpdate::NotRequested, &mut self.out);
                    }
                }
                Opened::UserCanceled => {}
            }
        }
        Ok(())
    }

    pub fn send(&mut self, data: &[u8]) {
        let records = self.pool.records(self.handle);
        records.with_update_after(self.update_after_records).seal(data, &mut self.out);
    }

    pub fn update_key(&mut self, request: KeyUpdate) {
        self.pool.records(self.handle).seal_key_update(request, &mut self.out);
    }

    pub fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

/// What rustls has to send.
pub fn written(connection: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes).expect("memory does not fail");
    }
    bytes
}

/// Gives rustls bytes and returns the data that it makes of them.
pub fn try_deliver(connection: &mut Connection, mut bytes: &[u8]) -> Result<Vec<u8>, rustls::Error> {
    let mut data = Vec::new();
    while !bytes.is_empty() {
        connection.read_tls(&mut bytes).expect("room for it");
        let state = connection.process_new_packets()?;
        let start = data.len();
        data.resize(start + state.plaintext_bytes_to_read(), 0);
        connection.reader().read_exact(&mut data[start..]).expect("as much as it said");
    }
    Ok(data)
}

pub fn deliver(connection: &mut Connection, bytes: &[u8]) -> Vec<u8> {
    try_deliver(connection, bytes).expect("records in order")
}

/// Data from rustls, as it goes over the wire.
pub fn said(connection: &mut Connection, data: &[u8]) -> Vec<u8> {
    connection.writer().write_all(data).expect("an open connection");
    written(connection)
}

fn configs(suite: Suite, logged: &Arc<Logged>) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    static CERTIFICATE: LazyLock<(CertificateDer<'static>, Vec<u8>)> = LazyLock::new(|| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        (made.cert.der().clone(), made.signing_key.serialize_der())
    });
    let (certificate, key) = &*CERTIFICATE;
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|offered| Suite::from_rustls(offered.suite()) == Some(suite));
    let provider: Arc<CryptoProvider> = provider.into();

    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.enable_secret_extraction = true;
    client.key_log = logged.clone();

    let key = PrivateKeyDer::try_from(key.clone()).expect("a key");
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a certificate and its key");
    server.enable_secret_extraction = true;
    server.key_log = logged.clone();
    (Arc::new(client), Arc::new(server))
}
