//! What holds for any bytes that come as records, and a foreign sealer that can put anything inside of one.
//!
//! Stands alone, so that a fuzz target can use it too. The sealer shares no code with the one under test: its keys come from
//! aws-lc's HKDF, its records are put together by hand.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, HKDF_SHA384, KeyType, Prk};
use startline_protocol::tls::*;

/// The content types (RFC 8446 section 5.1).
pub const ALERT: u8 = 21;
pub const HANDSHAKE: u8 = 22;
pub const DATA: u8 = 23;

/// One direction of a TLS 1.3 connection.
pub struct Sealer {
    suite: Suite,
    secret: Vec<u8>,
    seq: u64,
}

impl Sealer {
    pub fn new(suite: Suite, secret: &[u8]) -> Self {
        Self { suite, secret: secret.to_vec(), seq: 0 }
    }

    /// A record around this TLSInnerPlaintext: content, type and padding are the caller's.
    pub fn seal(&mut self, inner: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(inner.len() + 16).expect("a record's length").to_be_bytes();
        let header = [23, 3, 3, high, low];
        let mut body = inner.to_vec();
        let (key, nonce) = self.next();
        key.seal_in_place_append_tag(nonce, Aad::from(header), &mut body).expect("it can be sealed");
        [&header, &body[..]].concat()
    }

    /// The TLSInnerPlaintext of a record, if it is the next one.
    pub fn open(&mut self, record: &[u8]) -> Option<Vec<u8>> {
        let (header, body) = record.split_at_checked(5)?;
        let mut body = body.to_vec();
        let (key, nonce) = self.next();
        let inner_len = key.open_in_place(nonce, Aad::from(header), &mut body).ok()?.len();
        body.truncate(inner_len);
        Some(body)
    }

    /// The next generation of keys.
    pub fn update(&mut self) {
        self.secret = self.expand("traffic upd", self.secret.len());
        self.seq = 0;
    }

    fn next(&mut self) -> (LessSafeKey, Nonce) {
        let (algorithm, key_bytes) = match self.suite {
            Suite::Aes128GcmSha256 => (&AES_128_GCM, 16),
            Suite::Aes256GcmSha384 => (&AES_256_GCM, 32),
            Suite::Chacha20Poly1305Sha256 => (&CHACHA20_POLY1305, 32),
        };
        let key = UnboundKey::new(algorithm, &self.expand("key", key_bytes)).expect("a key");
        let iv: [u8; 12] = self.expand("iv", 12).try_into().expect("12 bytes");
        let iv = u128::from_be_bytes([&[0; 4], &iv[..]].concat().try_into().expect("16 bytes"));
        let [_, _, _, _, nonce @ ..] = (iv ^ u128::from(self.seq)).to_be_bytes();
        self.seq += 1;
        (LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce))
    }

    fn expand(&self, label: &str, len: usize) -> Vec<u8> {
        struct Len(usize);
        impl KeyType for Len {
            fn len(&self) -> usize {
                self.0
            }
        }
        let algorithm = if self.secret.len() == 48 { HKDF_SHA384 } else { HKDF_SHA256 };
        let label = format!("tls13 {label}");
        let lens = [(len as u16).to_be_bytes(), [label.len() as u8, 0]];
        let info = [&lens[0], &lens[1][..1], label.as_bytes(), &[0]];
        let mut out = vec![0; len];
        let prk = Prk::new_less_safe(algorithm, &self.secret);
        prk.expand(&info, Len(len)).expect("a short one").fill(&mut out).expect("its length");
        out
    }
}

/// A session under test and both directions of its peer.
pub struct Rig {
    pub pool: Pool,
    pub handle: Handle,
    pub reassembly: Reassembly,
    /// Seals what the session opens.
    pub peer: Sealer,
    /// Opens what the session seals.
    pub witness: Sealer,
}

impl Rig {
    pub fn new(suite: Suite) -> Self {
        let (tx, rx) = (vec![0x17; suite.secret_bytes()], vec![0x2a; suite.secret_bytes()]);
        let mut pool = Pool::new();
        let handle = pool.hold(&Secrets::new(suite, (&tx, 0), (&rx, 0)).expect("secrets"));
        let (peer, witness) = (Sealer::new(suite, &rx), Sealer::new(suite, &tx));
        Self { pool, handle, reassembly: Reassembly::default(), peer, witness }
    }

    pub fn open<'r>(&mut self, record: &'r mut [u8]) -> Result<Opened<'r>, RecordFault> {
        self.pool.records(self.handle).open(record, &mut self.reassembly)
    }

    /// What the session makes of a record with this inside, sealed as it should be.
    pub fn open_inner<'r>(
        &mut self,
        inner: &[u8],
        record: &'r mut Vec<u8>,
    ) -> Result<Opened<'r>, RecordFault> {
        *record = self.peer.seal(inner);
        self.open(record)
    }
}

/// Arbitrary bytes as what was read, then as what a peer that has the keys seals. The first byte chooses the suite.
pub fn records(data: &[u8]) {
    let suites = [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384, Suite::Chacha20Poly1305Sha256];
    let Some((&first, data)) = data.split_first() else { return };
    let mut rig = Rig::new(suites[usize::from(first) % suites.len()]);
    unsealed(&mut rig, data);
    sealed(&mut rig, data);
}

/// Bytes that nobody sealed: cut without fail, and refused by name, whole or not.
fn unsealed(rig: &mut Rig, data: &[u8]) {
    let mut rest = data;
    loop {
        match record_len(rest) {
            Ok(Some(len)) if len <= rest.len() => {
                let (record, after) = rest.split_at(len);
                assert_eq!(rig.open(&mut record.to_vec()), Err(RecordFault::BadRecordMac));
                rest = after;
            }
            Ok(len) => {
                assert!(len.is_none_or(|len| len <= RECORD_BYTES_MAX));
                assert_eq!(rig.open(&mut rest.to_vec()), Err(RecordFault::DecodeError));
                return;
            }
            Err(fault) => {
                assert!(matches!(fault, RecordFault::UnexpectedMessage | RecordFault::RecordOverflow));
                assert_eq!(rig.open(&mut rest.to_vec()), Err(fault));
                return;
            }
        }
    }
}

/// Records with anything inside, each after four bytes for its length and its padding: opened as what they are or refused
/// by name, and both sides in step however often keys are updated.
fn sealed(rig: &mut Rig, mut data: &[u8]) {
    const INNER_BYTES_MAX: usize = RECORD_BYTES_MAX - HEADER_BYTES - 16;
    while let Some((&[len @ .., padding_high, padding_low], rest)) = data.split_first_chunk::<4>() {
        let (content, rest) = rest.split_at(usize::from(u16::from_be_bytes(len)).min(rest.len()));
        data = rest;
        let mut inner = content.to_vec();
        inner.resize(inner.len() + usize::from(u16::from_be_bytes([padding_high, padding_low])), 0);
        inner.truncate(INNER_BYTES_MAX);
        let mut record = Vec::new();
        let expected = expected(&inner, rig.reassembly.is_needed());
        let opened = rig.open_inner(&inner, &mut record);
        match expected {
            Some(expected) => assert_eq!(opened, expected.over(&mut inner.clone())),
            None => assert!(!matches!(
                opened,
                Ok(Opened::Data(_) | Opened::CloseNotify | Opened::UserCanceled)
                    | Err(RecordFault::BadRecordMac
                        | RecordFault::PeerAlert(_)
                        | RecordFault::RecordOverflow)
            )),
        }
        let Ok(opened) = opened else { return };
        if let Opened::Handshake { key_update: Some(request), .. } = opened {
            rig.peer.update();
            answer(rig, request);
        }
    }
}

/// What a record holds, where it needs no reading of handshake messages to say so.
enum Expected {
    Data(usize),
    Other(Result<Opened<'static>, RecordFault>),
}

impl Expected {
    fn over(self, inner: &mut [u8]) -> Result<Opened<'_>, RecordFault> {
        match self {
            Self::Data(len) => Ok(Opened::Data(&mut inner[..len])),
            Self::Other(opened) => opened,
        }
    }
}

fn expected(inner: &[u8], within_message: bool) -> Option<Expected> {
    let unexpected = Err(RecordFault::UnexpectedMessage);
    let Some(end) = inner.iter().rposition(|&byte| byte != 0).filter(|_| inner.len() <= (1 << 14) + 1) else {
        let fault = if inner.len() > (1 << 14) + 1 { Err(RecordFault::RecordOverflow) } else { unexpected };
        return Some(Expected::Other(fault));
    };
    let (content, kind) = (&inner[..end], inner[end]);
    Some(match (kind, content) {
        (HANDSHAKE, [_, ..]) => return None,
        (DATA, _) if !within_message => Expected::Data(end),
        (ALERT, &[_, 0 | 90]) if within_message => Expected::Other(unexpected),
        (ALERT, &[_, 0]) => Expected::Other(Ok(Opened::CloseNotify)),
        (ALERT, &[_, 90]) => Expected::Other(Ok(Opened::UserCanceled)),
        (ALERT, &[_, alert]) => Expected::Other(Err(RecordFault::PeerAlert(PeerAlert(alert)))),
        (ALERT, [_, ..]) => Expected::Other(Err(RecordFault::DecodeError)),
        _ => Expected::Other(unexpected),
    })
}

/// Answers a KeyUpdate as it asks, then says something under the key that is now due.
fn answer(rig: &mut Rig, request: KeyUpdate) {
    let mut out = Vec::new();
    if request == KeyUpdate::Requested {
        rig.pool.records(rig.handle).seal_key_update(KeyUpdate::NotRequested, &mut out);
        assert_eq!(rig.witness.open(&out), Some(vec![24, 0, 0, 1, 0, HANDSHAKE]));
        rig.witness.update();
        out.clear();
    }
    rig.pool.records(rig.handle).seal(b"still here", &mut out);
    assert_eq!(rig.witness.open(&out), Some(b"still here\x17".to_vec()));
}
