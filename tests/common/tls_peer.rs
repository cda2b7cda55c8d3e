//! A peer's TLS, good and bad: certificates of a CA made for the test, rustls's server side, and
//! records made by hand.
//!
//! Shares no code with the client's record layer: its records are sealed with the keys that rustls
//! hands out, by RFC 8446's words.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{CipherSuite, ConnectionTrafficSecrets, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;

use super::peer::{Connection, Script};
use super::played::{Played, run_with};
use crate::common::Run;

/// The content types of RFC 8446, section 5.1.
pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;

/// A CA, and certificates for 127.0.0.1 that it signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a server presents.
pub(crate) struct Presented {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("startline's tests")
    }

    /// A CA of this name.
    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a CA"))
    }

    /// A right certificate.
    pub(crate) fn good(&self) -> Presented {
        self.signed(|_| {})
    }

    /// A certificate that is right but for this.
    pub(crate) fn signed(&self, wrong: impl FnOnce(&mut CertificateParams)) -> Presented {
        let mut params = for_here();
        wrong(&mut params);
        let key = KeyPair::generate().expect("a key");
        Presented { certificate: params.signed_by(&key, &self.0).expect("a certificate"), key }
    }

    /// The CA's certificate in a file, for `--ca`.
    pub(crate) fn file(&self, temp: &TempDir) -> PathBuf {
        let path = temp.path().join("ca.pem");
        std::fs::write(&path, self.0.pem()).expect("written");
        path
    }
}

impl Presented {
    /// A certificate that signs itself.
    pub(crate) fn self_signed(is_ca: IsCa) -> Self {
        let mut params = for_here();
        params.is_ca = is_ca;
        let key = KeyPair::generate().expect("a key");
        Self { certificate: params.self_signed(&key).expect("a certificate"), key }
    }

    /// A server that speaks everything.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config_of(rustls::ALL_VERSIONS, None)
    }

    /// A server that speaks these versions, and one suite only if that is said.
    pub(crate) fn config_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        suite: Option<CipherSuite>,
    ) -> Arc<ServerConfig> {
        let mut crypto = provider::default_provider();
        crypto.cipher_suites.retain(|known| suite.is_none_or(|suite| known.suite() == suite));
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(crypto))
            .with_protocol_versions(versions)
            .expect("versions with suites")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key)
            .expect("a key that fits");
        config.enable_secret_extraction = true;
        Arc::new(config)
    }
}

fn for_here() -> CertificateParams {
    CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name")
}

/// Plays against a server that speaks TLS rightly, and whose CA is trusted; the manners are the
/// test's.
#[track_caller]
pub(crate) fn against_secured(script: Script) -> Played {
    against_secured_with(script, |run| run)
}

/// The same with options of the test's.
#[track_caller]
pub(crate) fn against_secured_with(script: Script, options: impl FnOnce(Run) -> Run) -> Played {
    let authority = Authority::new();
    let temp = tempfile::tempdir().expect("a directory");
    let script = script.secured(authority.good().config());
    run_with(script, |run| options(run.with("ca", authority.file(&temp).display())))
}

/// Plays against a script that is secured already, or speaks no TLS at all, over `https`, trusting
/// this CA.
#[track_caller]
pub(crate) fn run_secured(authority: &Authority, script: Script) -> Played {
    let temp = tempfile::tempdir().expect("a directory");
    run_with(script, |run| run.with("ca", authority.file(&temp).display()))
}

/// Plays against a peer that does only this, where a server of TLS is expected; for HTTP and again
/// for the WebSocket alone.
#[track_caller]
pub(crate) fn in_either_connection(
    act: impl Fn(&mut Connection) + Clone + Send + Sync + 'static,
    check: impl Fn(&Played, &str),
) {
    let authority = Authority::new();
    let temp = tempfile::tempdir().expect("a directory");
    let ca = authority.file(&temp);
    let other = Script::accepted(act.clone()).start().address;
    let first = run_with(Script::good(), |run| {
        run.with("ca", ca.display()).with("target", format!("https://{other}"))
    });
    check(&first, "login");
    let other = Script::accepted(act).start().address;
    check(&run_with(handing_out(other), |run| run.with("ca", ca.display())), "connect");
}

/// A good server of HTTP that hands out a `wss` URL.
pub(crate) fn handing_out(to: std::net::SocketAddr) -> Script {
    Script::good().enter(move |answer| {
        answer.json(&format!(r#"{{"data":{{"ticket":"t","wsUrl":"wss://{to}/ws/ws1"}}}}"#));
    })
}

impl Connection {
    /// What is inside these bytes off the wire; `None` when nothing follows. Answers of TLS itself
    /// are sent.
    pub(crate) fn open(&mut self, mut bytes: &[u8]) -> Option<Vec<u8>> {
        let tls = self.tls.as_mut()?;
        let mut opened = Vec::new();
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes).ok()?;
            let processed = tls.process_new_packets();
            let mut answer = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut answer).expect("memory");
            }
            let _ = self.stream.write_all(&answer);
            // The error at the end of what can be read now.
            let _ = tls.reader().read_to_end(&mut opened);
            if processed.ok()?.peer_has_closed() && opened.is_empty() {
                return None;
            }
        }
        Some(opened)
    }

    /// The records that carry these bytes; the bytes themselves where no TLS is spoken.
    pub(crate) fn seal(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(tls) = &mut self.tls else { return bytes.to_vec() };
        tls.writer().write_all(bytes).expect("memory");
        let mut records = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut records).expect("memory");
        }
        records
    }

    /// Says that nothing follows.
    pub(crate) fn close_notify(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        self.send([]);
    }

    /// Sends bytes past TLS.
    pub(crate) fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Reads what the client may still send, so that closing does not reset what is on its way to
    /// it; says nothing more.
    pub(crate) fn fall_silent_for_good(&mut self) {
        self.tls = None;
        self.fall_silent();
    }

    /// Sends a record that is not sealed.
    pub(crate) fn send_plain(&mut self, kind: u8, content: &[u8]) {
        self.send_raw(record(kind, content));
    }

    /// From here on its records are made by hand, and nothing is understood.
    pub(crate) fn records(&mut self) -> Records {
        let tls = self.tls.take().expect("TLS is spoken");
        let (seq, keys) = tls.dangerous_extract_secrets().expect("extraction is on").tx;
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = keys else {
            panic!("AES-128 is what the client prefers");
        };
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).expect("a key"));
        Records { key, iv: iv.as_ref().try_into().expect("12 bytes"), seq }
    }
}

/// Seals what no library would.
pub(crate) struct Records {
    key: LessSafeKey,
    iv: [u8; 12],
    seq: u64,
}

impl Records {
    /// The content under the connection's key (RFC 8446, 5.2 and 5.3).
    pub(crate) fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        for (byte, seq) in nonce[4..].iter_mut().zip(self.seq.to_be_bytes()) {
            *byte ^= seq;
        }
        self.seq += 1;
        let mut inner = content.to_vec();
        inner.push(kind);
        let header = header_of(APPLICATION_DATA, inner.len() + AES_128_GCM.tag_len());
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut inner)
            .expect("sealed");
        [&header[..], &inner].concat()
    }
}

/// A record that is not sealed.
pub(crate) fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&header_of(kind, content.len())[..], content].concat()
}

/// The beginning of a record of this length.
pub(crate) fn header_of(kind: u8, len: usize) -> [u8; 5] {
    let [high, low] = (len as u16).to_be_bytes();
    [kind, 3, 3, high, low]
}
