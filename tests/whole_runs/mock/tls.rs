//! TLS: rustls with tungstenite on top, and openssl, against a mock server with TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned,
    SupportedProtocolVersion,
};
use serde_json::{Value, json};
use startline_mock::{Config, Counters, Identity, Server, Tls, TlsSettings, TlsVersions};
use tempfile::TempDir;

use super::stand::*;

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A client's side: whom it trusts, what it speaks, which sessions it can resume.
#[derive(Clone)]
pub struct Trust(pub Arc<ClientConfig>);

impl Trust {
    pub fn new(ca: &str, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).expect("a certificate")).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self(Arc::new(config))
    }

    /// A connection whose handshake is through.
    pub fn connect(&self, addr: SocketAddr) -> std::io::Result<Stream> {
        self.over(TcpStream::connect_timeout(&addr, DEADLINE)?)
    }

    pub fn over(&self, mut socket: TcpStream) -> std::io::Result<Stream> {
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        socket.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").expect("a name");
        let mut tls = ClientConnection::new(Arc::clone(&self.0), name).expect("a client");
        while tls.is_handshaking() {
            tls.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(tls, socket))
    }

    /// One request over a connection of its own: status line and body. That the end is announced is
    /// asserted: rustls takes one that is not for an error.
    #[track_caller]
    pub fn ask(&self, addr: SocketAddr, method: &str, path: &str, token: &str) -> (String, String) {
        self.ask_over(&mut self.connect(addr).expect("a handshake"), method, path, token)
    }

    #[track_caller]
    pub fn ask_over(&self, stream: &mut Stream, method: &str, path: &str, token: &str) -> (String, String) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost:1\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and a proper end");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    /// Logs in, enters, checks what is returned, upgrades and reads CONNECTED.
    #[track_caller]
    pub fn open(&self, addr: SocketAddr, member: u64) -> (Client<Stream>, Value) {
        let mut client = self.upgrade(addr, member, self.connect(addr).expect("a handshake"));
        let connected = client.text();
        assert_eq!((&connected["type"], &connected["userId"]), (&json!("CONNECTED"), &json!(member)));
        (client, connected)
    }

    #[track_caller]
    pub fn upgrade<S: Read + Write>(&self, addr: SocketAddr, member: u64, stream: S) -> Client<S> {
        let data = |(status, body): (String, String)| {
            assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
            serde_json::from_str::<Value>(&body).expect("JSON")["data"].clone()
        };
        let login = data(self.ask(addr, "POST", &format!("/api/v1/auth/test-login?memberId={member}"), ""));
        let token = login["accessToken"].as_str().expect("a token");
        let path = format!("/api/v1/challenges/{CHALLENGE}/enter");
        let entered = data(self.ask(addr, "POST", &path, token));
        let url = entered["wsUrl"].as_str().expect("a URL");
        assert!(url.starts_with("wss://localhost:1/ws/ws"), "{url}");
        let ticket = entered["ticket"].as_str().expect("a ticket");
        Client::upgrade(stream, format!("{url}?ticket={ticket}")).expect("an upgrade")
    }
}

/// A mock server that speaks TLS, and a client that trusts it.
pub struct Secured {
    pub server: Server,
    pub ca: String,
    pub trust: Trust,
}

impl Secured {
    pub fn start(settings: TlsSettings, config: Config) -> Self {
        let identity = Identity::made_for(&["localhost".to_owned()]).expect("a certificate");
        let tls = Tls::new(identity, &settings).expect("a TLS");
        let ca = tls.ca().expect("a CA").to_owned();
        let server = Server::start(Config { tls: Some(tls), ..config }).expect("the mock server starts");
        let trust = Trust::new(&ca, &[&TLS13, &TLS12]);
        Self { server, ca, trust }
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    pub fn counters(&self) -> Counters {
        self.server.counters()
    }

    pub fn speaking(&self, version: &'static SupportedProtocolVersion) -> Trust {
        Trust::new(&self.ca, &[version])
    }

    /// The CA in a file.
    pub fn ca_in(&self, temp: &TempDir) -> PathBuf {
        let path = temp.path().join("ca.pem");
        std::fs::write(&path, &self.ca).expect("written");
        path
    }
}

#[test]
fn the_whole_flow_over_either_version() {
    for version in [&TLS12, &TLS13] {
        let stand = Secured::start(TlsSettings::default(), ready());
        let trust = stand.speaking(version);
        let (mut first, connected) = trust.open(stand.addr(), 13);
        assert_eq!(first.socket.get_ref().conn.protocol_version(), Some(version.version));
        assert_eq!(first.socket.get_ref().conn.alpn_protocol(), None, "none was offered");
        assert_eq!(connected["participants"], json!([]));
        let (mut second, connected) = trust.open(stand.addr(), 14);
        assert_eq!(connected["participants"][0]["userId"], 13);
        assert_eq!(first.text()["type"], "USER_ENTERED");
        second.record(1.25, 330);
        let update = first.text();
        assert_eq!((&update["type"], &update["userId"]), (&json!("PARTICIPANT_UPDATE"), &json!(14)));
        first.ping();
        second.close();
        assert_eq!(first.text()["reason"], "DISCONNECTED");
        first.close();
        let counters = stand.server.stop();
        assert_eq!((counters.connected, counters.pings, counters.tls_failures), (2, 1, 0));
        assert_eq!((counters.tls_handshakes, counters.accepted), (6, 6));
        assert_eq!(counters.accepted, counters.disconnected);
    }
}

#[test]
fn stopping_closes_everyone_with_1001_and_a_proper_end() {
    let stand = Secured::start(TlsSettings::default(), ready());
    let (mut client, _) = stand.trust.open(stand.addr(), 13);
    let stopping = std::thread::spawn(move || stand.server.stop());
    client.assert_closed(1001);
    stopping.join().unwrap();
}

#[test]
fn a_violation_is_answered_with_its_code_and_a_proper_end() {
    let stand = Secured::start(TlsSettings::default(), ready());
    let (mut client, _) = stand.trust.open(stand.addr(), 13);
    client.socket.get_mut().write_all(&[0x83, 0x80, 0, 0, 0, 0]).unwrap();
    assert_eq!(client.hear(), Heard::Close(1002));
    let mut rest = Vec::new();
    client.socket.get_mut().read_to_end(&mut rest).expect("a proper end");
}

#[test]
fn versions_and_suites_are_as_chosen() {
    for (versions, version, other) in
        [(TlsVersions::Only12, &TLS12, &TLS13), (TlsVersions::Only13, &TLS13, &TLS12)]
    {
        let stand = Secured::start(TlsSettings { versions, ..TlsSettings::default() }, ready());
        let stream = stand.trust.connect(stand.addr()).expect("a handshake");
        assert_eq!(stream.conn.protocol_version(), Some(version.version));
        let (mut client, _) = stand.speaking(version).open(stand.addr(), 13);
        client.ping();
        let error = stand.speaking(other).connect(stand.addr()).expect_err("no version in common");
        assert!(error.to_string().contains("ProtocolVersion"), "{error}");
        await_that("the failure is counted", || stand.counters().tls_failures == 1);
    }
    for (suite, version) in [
        (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, ProtocolVersion::TLSv1_3),
        (CipherSuite::TLS13_AES_128_GCM_SHA256, ProtocolVersion::TLSv1_3),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, ProtocolVersion::TLSv1_2),
    ] {
        let versions =
            if version == ProtocolVersion::TLSv1_2 { TlsVersions::Only12 } else { TlsVersions::Both };
        let settings = TlsSettings { versions, suites: vec![suite], ..TlsSettings::default() };
        let stand = Secured::start(settings, ready());
        let (mut client, _) = stand.trust.open(stand.addr(), 13);
        client.ping();
        let tls = &client.socket.get_ref().conn;
        assert_eq!(tls.negotiated_cipher_suite().map(|it| it.suite()), Some(suite));
        assert_eq!(tls.protocol_version(), Some(version));
    }
}

#[test]
fn sessions_are_resumed_unless_that_is_turned_off() {
    for version in [&TLS12, &TLS13] {
        for tickets in [true, false] {
            let stand = Secured::start(TlsSettings { tickets, ..TlsSettings::default() }, ready());
            let trust = stand.speaking(version);
            let mut kinds = Vec::new();
            for _ in 0..3 {
                let mut stream = trust.connect(stand.addr()).expect("a handshake");
                kinds.push(stream.conn.handshake_kind());
                let (status, _) = trust.ask_over(&mut stream, "GET", "/mock/counters", "");
                assert_eq!(status, "HTTP/1.1 200 OK");
                // In 1.3 the tickets come behind the handshake.
                assert_eq!(
                    stream.conn.tls13_tickets_received(),
                    if tickets && version == &TLS13 { 2 } else { 0 }
                );
            }
            let later = if tickets { HandshakeKind::Resumed } else { HandshakeKind::Full };
            assert_eq!(kinds, [Some(HandshakeKind::Full), Some(later), Some(later)]);
            let counters = stand.counters();
            assert_eq!((counters.tls_handshakes, counters.tls_resumed), (3, if tickets { 2 } else { 0 }));
        }
    }
}

#[test]
fn alpn_is_answered_as_by_a_server_without_http_2() {
    let stand = Secured::start(TlsSettings::default(), ready());
    let offering = |protocols: &[&[u8]]| {
        let mut config = ClientConfig::clone(&stand.trust.0);
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Trust(Arc::new(config)).connect(stand.addr())
    };
    let stream = offering(&[b"h2", b"http/1.1"]).expect("a handshake");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(offering(&[b"h2"]).is_err());
}

#[test]
fn a_client_that_does_not_trust_it_says_so_and_is_counted() {
    let (stand, stranger) =
        (Secured::start(TlsSettings::default(), ready()), Secured::start(TlsSettings::default(), ready()));
    let error = stranger.trust.connect(stand.addr()).expect_err("another CA");
    assert!(error.to_string().contains("certificate"), "{error}");
    await_that("the alert is counted", || stand.counters().tls_failures == 1);
}

#[test]
fn plain_http_is_answered_as_nginx_does() {
    let stand = Secured::start(TlsSettings::default(), ready());
    let mut stream = TcpStream::connect(stand.addr()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"GET /mock/counters HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.contains("Connection: close\r\n"));
    assert!(answer.contains("<title>400 The plain HTTP request was sent to HTTPS port</title>"), "{answer}");
    let counters = stand.counters();
    assert_eq!((counters.requests, counters.requests_refused, counters.tls_failures), (1, 1, 0));
}

#[test]
fn what_is_neither_tls_nor_http_ends_the_connection_and_nothing_else() {
    let stand = Secured::start(TlsSettings::default(), ready());
    let (mut held, _) = stand.trust.open(stand.addr(), 13);
    let longest = [&[0x16, 3, 1, 0xff, 0xff][..], &vec![0; 70_000]].concat();
    let cases: [&[u8]; 5] = [
        b"\x16\x03\x01\x00\x05hello",
        b"\x80\x2e\x01\x03\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x16\x03\x01\x00\x00",
        &longest,
    ];
    for bytes in cases {
        let mut stream = TcpStream::connect(stand.addr()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        // It may be done with us before everything is written.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        // An alert and the end, or a reset.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    }
    // A record that nobody sealed, in the middle of a session.
    held.ping();
    let (mut broken, _) = stand.trust.open(stand.addr(), 14);
    assert_eq!(held.text()["type"], "USER_ENTERED");
    broken.socket.get_mut().sock.write_all(&[0x17, 3, 3, 0, 32].map(|byte| byte)).unwrap();
    broken.socket.get_mut().sock.write_all(&[7; 32]).unwrap();
    assert_eq!(held.text()["reason"], "ERROR");
    assert_eq!(stand.counters().tls_failures, 6);
}

#[test]
fn handshakes_that_are_not_gone_on_with_are_given_up() {
    let limit = Duration::from_millis(2500);
    let stand = Secured::start(TlsSettings::default(), Config { handshake_timeout: limit, ..ready() });
    let silent = TcpStream::connect(stand.addr()).unwrap();
    let mut half = TcpStream::connect(stand.addr()).unwrap();
    half.write_all(b"\x16\x03\x01\x02\x00\x01").unwrap();
    let mut idle = stand.trust.connect(stand.addr()).unwrap();
    for mut stream in [silent, half] {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(stand.counters().tls_failures, 2);
    // One that is through may take its time.
    let (status, _) = stand.trust.ask_over(&mut idle, "GET", "/mock/counters", "");
    assert_eq!(status, "HTTP/1.1 200 OK");
}

/// A stream of which nothing is read before this many sessions were sent their CONNECTED.
struct Late<'a> {
    stream: Stream,
    server: &'a Server,
    sessions: u64,
}

impl Read for Late<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        await_that("CONNECTED is out", || self.server.counters().connected >= self.sessions);
        self.stream.read(buffer)
    }
}

impl Write for Late<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

#[test]
fn a_connected_longer_than_every_buffer_arrives_whole_at_a_late_reader() {
    let config = Config { send_buffer_bytes: Some(4 << 10), backlog_bytes: 16 << 10, ..ready() };
    let stand = Secured::start(TlsSettings::default(), config);
    let members = 13..293;
    let _held: Vec<_> = members.clone().map(|member| stand.trust.open(stand.addr(), member)).collect();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2 << 10).unwrap();
    socket.connect(&stand.addr().into()).unwrap();
    let stream = stand.trust.over(socket.into()).unwrap();
    let sessions = stand.counters().connected + 1;
    let late = Late { stream, server: &stand.server, sessions };
    let mut late = stand.trust.upgrade(stand.addr(), 293, late);
    await_that("much of it had to wait", || stand.counters().backlog_peak_bytes > 8 << 10);
    let connected = late.text();
    let listed = connected["participants"].as_array().unwrap().iter();
    let listed: Vec<u64> = listed.map(|participant| participant["userId"].as_u64().unwrap()).collect();
    assert_eq!(listed.len(), members.count());
    late.ping();
    assert_eq!(stand.counters().backlog_overflows, 0);
}
