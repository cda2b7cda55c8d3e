//! Access and refresh tokens: three-part tokens that look like JWT HS512 and are checked without
//! being kept.
//!
//! The signature is a keyed hash of the standard library and no HMAC-SHA-512: it distinguishes this
//! process's tokens from others, and protects nothing. Takes the time. Invariant: a token that
//! verifies was issued by this process for that member and purpose, unaltered, and is not over its
//! time.

use std::hash::{DefaultHasher, Hasher};

use serde::Deserialize;

use super::world::MemberId;

const HEADER: &str = r#"{"alg":"HS512"}"#;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Access,
    Refresh,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

#[derive(Deserialize)]
struct Claims<'a> {
    sub: &'a str,
    #[serde(rename = "type")]
    purpose: &'a str,
    exp: u64,
}

/// Issues and verifies.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    key: [u64; 2],
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self { key: [fastrand::u64(..), fastrand::u64(..)] }
    }

    /// A token for this member from now on.
    pub(super) fn issue(&self, member: MemberId, purpose: Purpose, unix_ms: u64, ttl_ms: u64) -> String {
        let issued = unix_ms / 1000;
        // Rounded up, so that a life of less than a second is not over at once.
        let expires = unix_ms.saturating_add(ttl_ms).div_ceil(1000);
        let claims = format!(
            r#"{{"sub":"{member}","type":"{}","role":"USER","iat":{issued},"exp":{expires}}}"#,
            purpose.name()
        );
        let mut token = String::with_capacity(220);
        encode(HEADER.as_bytes(), &mut token);
        token.push('.');
        encode(claims.as_bytes(), &mut token);
        let signature = self.sign(&token);
        token.push('.');
        encode(&signature, &mut token);
        token
    }

    /// The member whose token this is; `None` when it is not ours, for something else or over its
    /// time.
    pub(super) fn verify(&self, token: &str, purpose: Purpose, unix_ms: u64) -> Option<MemberId> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (_, claims) = signed.split_once('.')?;
        if decode(signature)? != self.sign(signed) {
            return None;
        }
        let claims = decode(claims)?;
        let claims: Claims<'_> = serde_json::from_slice(&claims).ok()?;
        let is_good = claims.purpose == purpose.name() && unix_ms / 1000 < claims.exp;
        if is_good { claims.sub.parse().ok().map(MemberId) } else { None }
    }

    fn sign(&self, text: &str) -> [u8; 64] {
        let mut signature = [0; 64];
        for (part, bytes) in signature.chunks_exact_mut(8).enumerate() {
            let mut hasher = DefaultHasher::new();
            hasher.write_u64(self.key[0]);
            hasher.write_u64(self.key[1]);
            hasher.write_usize(part);
            hasher.write(text.as_bytes());
            bytes.copy_from_slice(&hasher.finish().to_be_bytes());
        }
        signature
    }
}

/// Appends base64url without padding.
fn encode(bytes: &[u8], out: &mut String) {
    for group in bytes.chunks(3) {
        let mut bits = [0u8; 4];
        bits[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bits);
        for place in 0..=group.len() {
            out.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
}

/// Reads base64url without padding; `None` when it is not that.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.as_bytes().chunks(4) {
        if group.len() == 1 {
            return None;
        }
        let mut bits = 0u32;
        for (place, digit) in group.iter().enumerate() {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            };
            bits |= u32::from(value) << (18 - 6 * place);
        }
        let bits = bits.to_be_bytes();
        // Bits that belong to no byte: a second spelling of the same bytes is none.
        if bits[group.len()..].iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(&bits[1..group.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    #[test]
    fn base64_reads_back_at_every_length() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..=bytes.len() {
            let mut text = String::new();
            encode(&bytes[..len], &mut text);
            assert_eq!(decode(&text).as_deref(), Some(&bytes[..len]));
        }
        let mut text = String::new();
        encode(HEADER.as_bytes(), &mut text);
        assert_eq!(text, "eyJhbGciOiJIUzUxMiJ9");
        assert_eq!(decode("a"), None);
        assert_eq!(decode("a+b/"), None);
    }

    #[test]
    fn a_token_is_its_members_until_its_time() {
        let tokens = Tokens::new();
        let token = tokens.issue(MemberId(13), Purpose::Access, NOW, 900_000);
        assert!((180..=230).contains(&token.len()), "{} characters", token.len());
        assert_eq!(tokens.verify(&token, Purpose::Access, NOW + 899_999), Some(MemberId(13)));
        assert_eq!(tokens.verify(&token, Purpose::Access, NOW + 900_000), None);
        assert_eq!(tokens.verify(&token, Purpose::Refresh, NOW), None);
    }

    #[test]
    fn a_token_altered_anywhere_or_made_elsewhere_is_nobodys() {
        let tokens = Tokens::new();
        let token = tokens.issue(MemberId(13), Purpose::Access, NOW, 900_000);
        assert_eq!(Tokens::new().verify(&token, Purpose::Access, NOW), None);
        for at in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'x' { b'y' } else { b'x' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(tokens.verify(&altered, Purpose::Access, NOW), None, "at {at}");
        }
        for nonsense in ["", ".", "..", "a.b.c", "테스트"] {
            assert_eq!(tokens.verify(nonsense, Purpose::Access, NOW), None);
        }
    }
}
