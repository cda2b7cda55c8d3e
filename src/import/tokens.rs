//! Tokens that are known by what they look like, whatever they are called; and what stands for secrets.
//!
//! Knows texts, not where they stand. Invariant: no scenario has such a text: a variable without a value stands for it.

use std::ops::Range;

/// Schemes before what is secret in a header field.
const SCHEMES: [&str; 5] = ["bearer", "basic", "token", "jwt", "apikey"];
/// What a JSON Web Token begins with, and its bytes, at least.
const JWT: (&str, usize) = ("eyJ", 40);
/// Bytes of a random text, at least, and of its longest run of letters and digits.
const RANDOM_BYTES_MIN: usize = 32;
const RUN_BYTES_MIN: usize = 16;
/// Different characters of a random text, at least; of the digits and of the letters in it.
const DIFFERENT_MIN: usize = 12;
const OF_EACH_MIN: usize = 4;
/// A UUID is an identifier.
const UUID_BYTES: usize = 36;

/// Whether it looks like a token.
pub(super) fn is_token(text: &str) -> bool {
    is_jwt(text) || is_random(text)
}

/// Whether it has the shape of a JSON Web Token.
pub(super) fn is_jwt(text: &str) -> bool {
    text.starts_with(JWT.0)
        && text.len() >= JWT.1
        && text.bytes().all(is_of_jwt)
        && text.matches('.').count() == 2
}

fn is_of_jwt(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// Where JSON Web Tokens stand in a text.
pub(super) fn jwts(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(JWT.0) {
        let begin = from + at;
        let length = text[begin..].bytes().position(|byte| !is_of_jwt(byte)).unwrap_or(text.len() - begin);
        from = begin + length;
        if is_jwt(&text[begin..from]) {
            found.push(begin..from);
        }
    }
    found
}

/// Whether it is long, and neither words nor a number nor a UUID.
pub(super) fn is_random(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(byte);
    if bytes.len() < RANDOM_BYTES_MIN || !bytes.iter().all(is_of_token) || is_uuid(bytes) {
        return false;
    }
    let count = |is_it: fn(&u8) -> bool| bytes.iter().filter(|byte| is_it(byte)).count();
    let mut different = bytes.to_vec();
    different.sort_unstable();
    different.dedup();
    let runs = bytes.split(|byte| !byte.is_ascii_alphanumeric());
    different.len() >= DIFFERENT_MIN
        && count(u8::is_ascii_digit) >= OF_EACH_MIN
        && count(u8::is_ascii_alphabetic) >= OF_EACH_MIN
        && runs.map(<[u8]>::len).max() >= Some(RUN_BYTES_MIN)
}

fn is_uuid(bytes: &[u8]) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    bytes.len() == UUID_BYTES && bytes.iter().enumerate().all(|(at, byte)| is_dash(at) == (*byte == b'-'))
}

/// Where what is secret begins behind a scheme, as in `Bearer …`.
pub(super) fn behind_scheme(value: &str) -> Option<usize> {
    let (scheme, rest) = value.split_once(' ')?;
    let is_known = SCHEMES.contains(&scheme.to_ascii_lowercase().as_str());
    (is_known && !rest.is_empty() && !rest.contains(' ')).then_some(scheme.len() + 1)
}

/// What stands above a variable whose value is not written.
pub(super) fn comment(name: &str) -> String {
    format!(
        "A secret, whose value is not written here: --set {name}=VALUE gives it, or a column of --members."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLWl0";

    #[test]
    fn tokens_are_known_by_their_looks() {
        for random in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "sk_live_51H8xYz2eZvKYlo2CabcDEF0123",
            "bXktc2Vzc2lvbi1pZC0xMjM0NTY3ODkwYWJj",
        ] {
            assert!(is_random(random), "{random}");
        }
        for plain in [
            "application-x-www-form-urlencoded-2024",
            "0123456789012345678901234567890123456789",
            "123e4567-e89b-12d3-a456-426614174000",
            "2026-11-29-how-to-test-servers-well-1234",
            "9f86d081884c7d65",
            "text with spaces and 1234 digits, all of it",
        ] {
            assert!(!is_random(plain), "{plain}");
        }
        assert!(is_jwt(TOKEN) && !is_jwt("eyJ.a.b") && !is_jwt("see.eyJ.and.more.of.it.with.no.token.in.it"));
        let text = format!("{{\"t\":\"{TOKEN}\",\"eyJ\":1}}");
        let place = 6..6 + TOKEN.len();
        assert_eq!(jwts(&text), [place]);
    }

    #[test]
    fn what_is_secret_stands_behind_its_scheme() {
        assert_eq!(behind_scheme("Bearer abc"), Some(7));
        assert_eq!(behind_scheme("Basic"), None);
        assert_eq!(behind_scheme("Signature a=b"), None);
        assert_eq!(behind_scheme("Token a b"), None);
    }
}
