//! One handshake without a session: which certificate a server shows, and whether it would be
//! trusted.
//!
//! Blocking, away from the load, with the same offer and the same trust. Invariant: the certificate
//! is returned also where the handshake fails because of it; the whole ends within its timeout.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, SignatureScheme};

use super::config::Trust;
use super::faults::{self, Broken, Stage};
use super::handshake_store::Asked;
use crate::fault::TlsFault;
use crate::plan::Tls;

/// The result of a handshake.
#[derive(Debug)]
pub struct Probe {
    /// The server's own certificate, DER, if it came so far.
    pub certificate: Option<Vec<u8>>,
    /// Why the handshake failed.
    pub broken: Option<Broken>,
}

/// Shakes hands as a session of a plan would, under this host's name.
pub fn probe(trust: &Trust, tls: &Tls, host: &str, stream: TcpStream, timeout: Duration) -> Probe {
    let seen = Arc::new(Mutex::new(None));
    let broken = shake_hands(trust, tls, host, stream, timeout, &seen).err();
    let certificate = seen.lock().ok().and_then(|mut seen| seen.take());
    Probe { certificate, broken }
}

fn shake_hands(
    trust: &Trust,
    tls: &Tls,
    host: &str,
    stream: TcpStream,
    timeout: Duration,
    seen: &Arc<Mutex<Option<Vec<u8>>>>,
) -> Result<(), Broken> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(|_| faults::no_name())?;
    let asked = Arc::new(AskedOnce::default());
    let stage = |version: Option<ProtocolVersion>, handshaking| Stage {
        handshaking,
        is_tls12: version == Some(ProtocolVersion::TLSv1_2),
        is_narrow: tls.suites.is_alone(),
        asked: asked.0.load(Ordering::Relaxed),
        has_own: trust.own().is_some(),
    };
    let witness = Witness { inner: Arc::clone(trust.verifier()), seen: Arc::clone(seen) };
    let config = ClientConfig::builder_with_provider(Arc::clone(trust.provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| faults::broken(&error, stage(None, true)))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(witness))
        .with_client_cert_resolver(trust.answering(Arc::clone(&asked) as _));
    let mut connection = ClientConnection::new(Arc::new(config), name)
        .map_err(|error| faults::broken(&error, stage(None, true)))?;
    let mut stream = Timed { stream, ends: Instant::now() + timeout };
    while connection.is_handshaking() {
        if let Err(error) = connection.complete_io(&mut stream) {
            return Err(of_io(&error, stage(connection.protocol_version(), connection.is_handshaking())));
        }
    }
    connection.send_close_notify();
    // Politeness: the handshake is over, whatever becomes of this.
    let _ = connection.write_tls(&mut stream);
    Ok(())
}

/// Whether the server has asked for a certificate.
#[derive(Debug, Default)]
struct AskedOnce(AtomicBool);

impl Asked for AskedOnce {
    fn certificate_asked(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn of_io(error: &io::Error, stage: Stage) -> Broken {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return faults::broken(error, stage);
    }
    let fault = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TlsFault::HandshakeTimeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => TlsFault::HandshakeReset,
        _ => TlsFault::HandshakeClosed,
    };
    Broken { fault, evidence: error.to_string() }
}

/// A stream that ends at an instant, however slowly its bytes come.
struct Timed {
    stream: TcpStream,
    ends: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.ends.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Keeps what a server shows, and leaves judging to the run's verifier.
#[derive(Debug)]
struct Witness {
    inner: Arc<dyn ServerCertVerifier>,
    seen: Arc<Mutex<Option<Vec<u8>>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some(end_entity.to_vec());
        }
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What is seen of a peer that does this with its connection.
    fn looked(timeout: Duration, peer: impl FnOnce(TcpStream) + Send + 'static) -> Probe {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let peer = thread::spawn(move || peer(listener.accept().expect("a connection").0));
        let tls = Tls { insecure: true, ..Tls::default() };
        let look = probe(&Trust::new(&tls).expect("anyone"), &tls, "127.0.0.1", stream, timeout);
        peer.join().expect("it ends");
        look
    }

    fn fault(look: Probe) -> TlsFault {
        assert_eq!(look.certificate, None);
        look.broken.expect("no TLS there").fault
    }

    #[test]
    fn what_is_no_tls_is_reported_by_name() {
        let long = Duration::from_secs(20);
        let plain = looked(long, |mut stream| {
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("sent");
            let _ = stream.read_to_end(&mut Vec::new());
        });
        assert_eq!(fault(plain), TlsFault::NotTls);
        let closed = looked(long, |mut stream| {
            // All of the ClientHello first, or the close is a reset.
            let _ = stream.read(&mut [0; 4096]);
        });
        assert_eq!(fault(closed), TlsFault::HandshakeClosed);
    }

    #[test]
    fn a_silent_peer_is_not_waited_for_longer_than_said() {
        let silent = looked(Duration::from_millis(50), |mut stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        });
        assert_eq!(fault(silent), TlsFault::HandshakeTimeout);
    }
}
