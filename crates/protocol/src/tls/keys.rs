//! From a traffic secret to the key, the IV and the next secret (RFC 8446 sections 7.1 to 7.3).
//!
//! Keeps nothing. Invariant: what is derived lives for one call and is wiped here; of the cipher's
//! expanded key, a copy may stay in a dead part of the stack until something overwrites it, since
//! aws-lc does not wipe AES-GCM's.

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::{HEADER_BYTES, SECRET_BYTES_LONG, Suite};

/// One direction's key and IV, for one record.
pub(super) struct RecordKey {
    key: LessSafeKey,
    iv: Zeroizing<[u8; NONCE_LEN]>,
}

impl RecordKey {
    /// The key and IV of `secret`, which has the suite's length.
    #[inline]
    pub(super) fn derive(suite: Suite, secret: &[u8]) -> Self {
        let KeyBlock { key, iv } = KeyBlock::derive(suite, secret);
        let key =
            UnboundKey::new(suite.aead(), &key[..suite.key_bytes()]).expect("a key of the suite's length");
        Self { key: LessSafeKey::new(key), iv }
    }

    /// Opens what follows the header, in place; `None` if it is not what was sealed.
    #[inline]
    pub(super) fn open<'r>(
        &self,
        seq: u32,
        header: [u8; HEADER_BYTES],
        body: &'r mut [u8],
    ) -> Option<&'r mut [u8]> {
        self.key.open_in_place(self.nonce(seq), Aad::from(header), body).ok()
    }

    /// Seals what follows the header, in place; the tag goes after it.
    #[inline]
    pub(super) fn seal(&self, seq: u32, header: [u8; HEADER_BYTES], body: &mut [u8]) -> Tag {
        let sealed = self.key.seal_in_place_separate_tag(self.nonce(seq), Aad::from(header), body);
        sealed.expect("a record is far below the cipher's limit")
    }

    /// The IV, XORed with the sequence number at its end (section 5.3).
    #[inline]
    fn nonce(&self, seq: u32) -> Nonce {
        let mut nonce = *self.iv;
        for (byte, seq) in nonce.iter_mut().rev().zip(seq.to_le_bytes()) {
            *byte ^= seq;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Key and IV as bytes. The key is at the start of its array.
pub(super) struct KeyBlock {
    pub(super) key: Zeroizing<[u8; SECRET_BYTES_LONG]>,
    pub(super) iv: Zeroizing<[u8; NONCE_LEN]>,
}

impl KeyBlock {
    /// What section 7.3 derives from `secret`.
    #[inline]
    pub(super) fn derive(suite: Suite, secret: &[u8]) -> Self {
        let expander = Expander::new(suite, secret);
        let key = expander.expand(if suite.key_bytes() == 16 { KEY_OF_16 } else { KEY_OF_32 });
        let iv_block = expander.expand(IV);
        let mut iv = Zeroizing::new([0; NONCE_LEN]);
        iv.copy_from_slice(&iv_block[..NONCE_LEN]);
        Self { key, iv }
    }
}

/// Replaces a secret by the next generation's (section 7.2).
pub(super) fn advance(suite: Suite, secret: &mut [u8]) {
    let label = if secret.len() == SECRET_BYTES_LONG { NEXT_OF_48 } else { NEXT_OF_32 };
    let next = Expander::new(suite, secret).expand(label);
    secret.copy_from_slice(&next[..secret.len()]);
}

/// HKDF-Expand under one secret. Nothing that is derived here is longer than the hash, so the
/// expansion is its first block, HMAC(secret, info | 1) (RFC 5869 section 2.3). Key and IV then
/// share the two hash blocks that begin each HMAC under the same secret; aws-lc's own HKDF makes
/// them anew for each, and measures no better.
struct Expander(hmac::Key);

impl Expander {
    #[inline]
    fn new(suite: Suite, secret: &[u8]) -> Self {
        Self(hmac::Key::new(suite.hmac(), secret))
    }

    /// One block, as long as the hash, at the start of the array.
    #[inline]
    fn expand(&self, label: &[u8]) -> Zeroizing<[u8; SECRET_BYTES_LONG]> {
        let mut block = Zeroizing::new([0; SECRET_BYTES_LONG]);
        hmac::sign_to_buffer(&self.0, label, &mut *block).expect("room for the longest hash");
        block
    }
}

// HkdfLabel (section 7.1) as it goes under the HMAC: the length wanted in 2 bytes, the length of
// the label and the label, the length of the context, which is empty; then the number of HKDF's
// block.
const KEY_OF_16: &[u8] = b"\x00\x10\x09tls13 key\x00\x01";
const KEY_OF_32: &[u8] = b"\x00\x20\x09tls13 key\x00\x01";
const IV: &[u8] = b"\x00\x0c\x08tls13 iv\x00\x01";
const NEXT_OF_32: &[u8] = b"\x00\x20\x11tls13 traffic upd\x00\x01";
const NEXT_OF_48: &[u8] = b"\x00\x30\x11tls13 traffic upd\x00\x01";
