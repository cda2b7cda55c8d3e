//! One worker's TLS against rustls's server side in memory: handshake, secrets, tickets, cuts, and
//! nothing left behind.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs as crypto;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ConnectionTrafficSecrets, ServerConfig, ServerConnection, SupportedProtocolVersion};

use startline_protocol::tls::HEADER_BYTES;

use super::*;
use crate::plan::SuiteOrder;

const HOST: &str = "runnity.example";

#[test]
fn a_link_is_four_bytes_and_reads_back() {
    assert_eq!(size_of::<Link>(), 4);
    let handle = Handle::from_bits(7).expect("not zero");
    for at in [At::Plain, At::Dialing(3), At::Rustls(0), At::Rustls(77), At::Held(handle)] {
        assert_eq!(Link::new(at).at(), at);
    }
}

/// The sessions' side.
fn client(tls: Tls) -> Secure {
    let tls = Tls { insecure: true, ..tls };
    let trust = Trust::new(&tls).expect("anything is taken");
    Secure::new(Some(&trust), &[HOST.to_owned()], &tls, 8)
}

/// The servers' side.
#[test]
fn a_row_may_be_new_while_others_have_long_been_there() {
    let mut secure = client(Tls::default());
    secure.dialing(RowIndex(0), 0);
    secure.drop_connection(RowIndex(20));
    assert!(!secure.is_secure(RowIndex(20)) && secure.is_secure(RowIndex(0)));
    let none = secure.detach(RowIndex(21));
    secure.attach(RowIndex(22), none);
    secure.dialing(RowIndex(22), 0);
    assert!(secure.is_secure(RowIndex(22)));
}

fn server(versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([HOST.to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("a key that fits");
    config.enable_secret_extraction = true;
    Arc::new(config)
}

/// One connection of a row, with the server at its other end.
struct Line {
    row: RowIndex,
    far: ServerConnection,
    handshake: Option<Handshake>,
    tickets: u32,
    /// What the client has received.
    heard: Vec<u8>,
    closed: bool,
}

impl Line {
    /// Connects and shakes hands.
    fn open(near: &mut Secure, row: RowIndex, config: &Arc<ServerConfig>) -> Self {
        let far = ServerConnection::new(Arc::clone(config)).expect("a server's side");
        let mut line = Self { row, far, handshake: None, tickets: 0, heard: Vec::new(), closed: false };
        near.dialing(row, 0);
        assert!(near.is_secure(row));
        let mut hello = Vec::new();
        near.begin(row, &mut hello).expect("a hello");
        line.up(&hello);
        while line.handshake.is_none() || line.far.is_handshaking() {
            line.turn(near).expect("a handshake");
        }
        // The tickets.
        line.turn(near).expect("taken");
        line
    }

    /// Bytes to the server; what is inside them.
    fn up(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        while !bytes.is_empty() {
            self.far.read_tls(&mut bytes).expect("memory");
            self.far.process_new_packets().expect("understood");
        }
        let mut inside = Vec::new();
        let _ = self.far.reader().read_to_end(&mut inside);
        inside
    }

    /// What the server has to send, as bytes.
    fn down(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.far.wants_write() {
            self.far.write_tls(&mut bytes).expect("memory");
        }
        bytes
    }

    /// Brings what the server has to send to the client, and back what that answers.
    fn turn(&mut self, near: &mut Secure) -> Result<(), Broken> {
        let bytes = self.down();
        let answer = self.take(near, &bytes)?;
        self.up(&answer);
        Ok(())
    }

    /// What the worker does with one read.
    fn take(&mut self, near: &mut Secure, bytes: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut buffer = vec![0; ANY_RECORD_BYTES_MAX + bytes.len()];
        let begun = near.resume(self.row, &mut buffer);
        buffer[begun..begun + bytes.len()].copy_from_slice(bytes);
        let mut rest = &mut buffer[..begun + bytes.len()];
        let mut out = Vec::new();
        while let Some(len) = near.next_record(self.row, rest)? {
            let (record, behind) = rest.split_at_mut(len);
            let received = near.receive(self.row, record, &mut out)?;
            self.handshake = received.handshake.or(self.handshake);
            self.tickets += received.tickets;
            self.closed |= received.closed;
            match received.data {
                Data::None => {}
                Data::InPlace(len) => self.heard.extend_from_slice(&record[HEADER_BYTES..HEADER_BYTES + len]),
                Data::Plain => {
                    let plain = near.take_plain();
                    self.heard.extend_from_slice(&plain);
                    near.give_back(plain);
                }
            }
            rest = behind;
        }
        near.keep(self.row, rest);
        Ok(out)
    }

    fn settle(&mut self, near: &mut Secure) {
        let mut out = Vec::new();
        near.settle(self.row, &mut out).expect("secrets");
        self.up(&out);
    }

    /// Data both ways arrives.
    fn talk(&mut self, near: &mut Secure) {
        let mut sealed = Vec::new();
        near.seal(self.row, b"to the server", &mut sealed);
        assert_eq!(self.up(&sealed), b"to the server");
        self.heard.clear();
        self.far.writer().write_all(b"to the client").expect("memory");
        self.turn(near).expect("taken");
        assert_eq!(self.heard, b"to the client");
    }

    fn is_resumed(&self) -> bool {
        self.handshake.expect("a handshake").resumed
    }
}

#[test]
fn a_session_settles_into_secrets_and_talks_on() {
    for suites in [SuiteOrder::Compact, SuiteOrder::Aes256, SuiteOrder::Chacha20] {
        let mut near = client(Tls { suites, ..Tls::default() });
        let mut line = Line::open(&mut near, RowIndex(3), &server(&[&TLS13]));
        assert_eq!(line.handshake.expect("over").version, u16::from(ProtocolVersion::TLSv1_3));
        assert!(line.tickets > 0);
        line.talk(&mut near);
        line.settle(&mut near);
        assert_eq!((near.rustls.len(), near.pool.len()), (0, 1), "{suites:?}");
        line.talk(&mut near);
        line.settle(&mut near);
        let mut goodbye = Vec::new();
        near.seal_close_notify(RowIndex(3), &mut goodbye);
        line.up(&goodbye);
        assert!(line.far.process_new_packets().expect("understood").peer_has_closed());
        line.far.send_close_notify();
        line.turn(&mut near).expect("taken");
        assert!(line.closed);
        near.drop_connection(RowIndex(3));
        assert!(!near.is_secure(RowIndex(3)));
        near.drop_ticket(RowIndex(3));
        assert_eq!(near.left(), 0);
    }
}

/// rustls cuts at 64 KiB by default.
#[test]
fn a_long_request_is_sent_whole() {
    let mut near = client(Tls::default());
    let mut line = Line::open(&mut near, RowIndex(0), &server(&[&TLS13]));
    let request: Vec<u8> = (0..200_000_u32).map(|k| k as u8).collect();
    let mut sealed = Vec::new();
    near.seal(RowIndex(0), &request, &mut sealed);
    let mut heard = Vec::new();
    let mut rest = &sealed[..];
    // Record by record: the server's side takes no more than its buffer while nobody reads.
    while let Ok(Some(len)) = any_record_len(rest) {
        let (record, after) = rest.split_at(len);
        heard.extend(line.up(record));
        rest = after;
    }
    assert_eq!(heard, request);
}

#[test]
fn a_server_s_new_key_is_followed_in_either_state() {
    for settled in [false, true] {
        let mut near = client(Tls::default());
        let mut line = Line::open(&mut near, RowIndex(0), &server(&[&TLS13]));
        if settled {
            line.settle(&mut near);
        }
        line.far.refresh_traffic_keys().expect("a TLS 1.3 connection");
        line.turn(&mut near).expect("taken");
        line.talk(&mut near);
        // rustls owes the answer until it has something to say; settling may not lose it.
        line.settle(&mut near);
        line.talk(&mut near);
    }
}

#[test]
fn tls_1_2_stays_with_rustls_and_so_does_what_is_to_be_measured() {
    let kept = Tls { keep_rustls: true, ..Tls::default() };
    for (tls, versions) in [(Tls::default(), &TLS12), (kept, &TLS13)] {
        let mut near = client(tls);
        let mut line = Line::open(&mut near, RowIndex(1), &server(&[versions]));
        line.settle(&mut near);
        assert_eq!((near.rustls.len(), near.pool.len()), (1, 0));
        line.talk(&mut near);
        near.drop_connection(RowIndex(1));
        near.drop_ticket(RowIndex(1));
        assert_eq!(near.left(), 0);
    }
}

#[test]
fn a_row_resumes_its_own_session_and_no_other() {
    for versions in [&TLS12, &TLS13] {
        let (mut near, config) = (client(Tls::default()), server(&[versions]));
        let first = Line::open(&mut near, RowIndex(0), &config);
        let other = Line::open(&mut near, RowIndex(1), &config);
        assert!(!first.is_resumed() && !other.is_resumed(), "{versions:?}");
        near.drop_connection(RowIndex(0));
        near.drop_connection(RowIndex(1));
        assert!(
            !Line::open(&mut near, RowIndex(2), &config).is_resumed(),
            "a third finds no ticket of theirs"
        );
        let mut again = Line::open(&mut near, RowIndex(0), &config);
        assert!(again.is_resumed());
        again.settle(&mut near);
        again.talk(&mut near);
        // A session that is over takes its ticket along: the next in its row is another member.
        near.drop_connection(RowIndex(1));
        near.drop_ticket(RowIndex(1));
        assert!(!Line::open(&mut near, RowIndex(1), &config).is_resumed());
        for row in (0..3).map(RowIndex) {
            near.drop_connection(row);
            near.drop_ticket(row);
        }
        assert_eq!(near.left(), 0);
    }
}

/// The ticket comes in the record that breaks its connection: it is not the next one's that is read
/// from.
#[test]
fn a_broken_connection_s_ticket_is_nobody_s() {
    let mut config = ServerConfig::clone(&server(&[&TLS13]));
    config.send_tls13_tickets = 0;
    let config = Arc::new(config);
    let mut near = client(Tls::default());
    let broken = Line::open(&mut near, RowIndex(0), &config);
    let mut other = Line::open(&mut near, RowIndex(1), &config);
    // NewSessionTicket: a day, no age, a nonce of one byte, a ticket of one, no extension; then a
    // CertificateRequest.
    let mut messages = vec![4, 0, 0, 15, 0, 1, 0x51, 0x80, 0, 0, 0, 0, 1, 0, 0, 1, 7, 0, 0];
    messages.extend([13, 0, 0, 3, 0, 0, 0]);
    let (seq, keys) = broken.far.dangerous_extract_secrets().expect("extraction is on").tx;
    let mut record = sealed_by(&keys, seq, 22, &messages);
    let fault =
        near.receive(RowIndex(0), &mut record, &mut Vec::new()).expect_err("no CertificateRequest now").fault;
    assert_eq!(fault, TlsFault::Record(RecordFault::UnexpectedMessage));
    near.drop_connection(RowIndex(0));
    other.talk(&mut near);
    assert_eq!((other.tickets, near.tickets.len()), (0, 0));
}

/// A record as RFC 8446 has it (5.2, 5.3), of any content type.
fn sealed_by(keys: &ConnectionTrafficSecrets, seq: u64, kind: u8, content: &[u8]) -> Vec<u8> {
    let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = keys else { panic!("the suite offered first") };
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).expect("a key"));
    let mut nonce: [u8; 12] = iv.as_ref().try_into().expect("12 bytes");
    nonce[4..].iter_mut().zip(seq.to_be_bytes()).for_each(|(byte, seq)| *byte ^= seq);
    let mut inner = [content, &[kind]].concat();
    let header = [23, 3, 3, 0, (inner.len() + 16) as u8];
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut inner)
        .expect("sealed");
    [&header[..], &inner].concat()
}

#[test]
fn nothing_is_resumed_where_that_is_turned_off() {
    let mut near = client(Tls { resumption: false, ..Tls::default() });
    let config = server(&[&TLS13]);
    let _ = Line::open(&mut near, RowIndex(0), &config);
    near.drop_connection(RowIndex(0));
    assert_eq!(near.left(), 0);
    assert!(!Line::open(&mut near, RowIndex(0), &config).is_resumed());
}

#[test]
fn records_may_be_cut_at_every_byte() {
    for settled in [false, true] {
        let mut near = client(Tls::default());
        let mut line = Line::open(&mut near, RowIndex(0), &server(&[&TLS13]));
        if settled {
            line.settle(&mut near);
        }
        let whole = {
            line.far.writer().write_all(b"one").expect("memory");
            line.down().len()
        };
        drop(line);
        near.drop_connection(RowIndex(0));
        near.drop_ticket(RowIndex(0));
        for cut in 1..whole {
            let mut line = Line::open(&mut near, RowIndex(0), &server(&[&TLS13]));
            if settled {
                line.settle(&mut near);
            }
            line.far.writer().write_all(b"one").expect("memory");
            let record = line.down();
            line.take(&mut near, &record[..cut]).expect("kept");
            assert!(line.heard.is_empty());
            assert_eq!(near.begun.len(), 1, "at {cut}");
            line.take(&mut near, &record[cut..]).expect("taken");
            assert_eq!((&line.heard[..], near.begun.len()), (&b"one"[..], 0), "at {cut}");
            near.drop_connection(RowIndex(0));
            near.drop_ticket(RowIndex(0));
        }
        assert_eq!(near.left(), 0);
    }
}

#[test]
fn a_connection_that_is_dropped_in_mid_handshake_leaves_nothing() {
    let mut near = client(Tls::default());
    near.dialing(RowIndex(0), 0);
    near.drop_connection(RowIndex(0));
    near.dialing(RowIndex(0), 0);
    near.begin(RowIndex(0), &mut Vec::new()).expect("a hello");
    near.keep(RowIndex(0), &[22, 3]);
    near.drop_connection(RowIndex(0));
    assert_eq!((near.left(), near.is_secure(RowIndex(0))), (0, false));
}

#[test]
fn what_answers_is_tls_or_is_not() {
    let mut near = client(Tls::default());
    near.dialing(RowIndex(0), 0);
    near.begin(RowIndex(0), &mut Vec::new()).expect("a hello");
    let fault =
        |near: &Secure, bytes: &[u8]| near.next_record(RowIndex(0), bytes).expect_err("no record").fault;
    assert_eq!(fault(&near, b"H"), TlsFault::NotTls);
    assert_eq!(fault(&near, &[22, 2]), TlsFault::NotTls);
    assert_eq!(fault(&near, &[22, 3, 3, 0xff, 0]), TlsFault::Record(RecordFault::RecordOverflow));
    assert!(
        matches!(near.next_record(RowIndex(0), &[22, 3, 3, 0x48, 0]), Ok(None)),
        "TLS 1.2 allows for that"
    );
    near.drop_connection(RowIndex(0));
    let mut line = Line::open(&mut near, RowIndex(0), &server(&[&TLS13]));
    let unexpected = TlsFault::Record(RecordFault::UnexpectedMessage);
    assert_eq!(fault(&near, b"H"), unexpected, "its handshake was TLS");
    line.settle(&mut near);
    assert_eq!(fault(&near, b"H"), unexpected);
}

#[test]
fn a_hello_needs_a_name_and_a_ca() {
    let tls = Tls { insecure: true, ..Tls::default() };
    let trust = Trust::new(&tls).expect("anything is taken");
    let mut nameless = Secure::new(Some(&trust), &["not a name".to_owned()], &tls, 1);
    nameless.dialing(RowIndex(0), 0);
    assert_eq!(nameless.begin(RowIndex(0), &mut Vec::new()).expect_err("no name").fault, TlsFault::WrongName);
    let mut trustless = Secure::new(None, &[HOST.to_owned()], &tls, 1);
    trustless.dialing(RowIndex(0), 0);
    assert_eq!(trustless.begin(RowIndex(0), &mut Vec::new()).expect_err("no CA").fault, TlsFault::Untrusted);
}
