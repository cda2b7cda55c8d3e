//! Content codings (RFC 9110, 8.4.1): undone when somebody wants to read the body.
//!
//! gzip and deflate, by `flate2`; a server may send them though nobody asked. Invariant: never makes
//! more than the limit, whatever a few bytes claim to decode to.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::HttpError;

/// Codings on top of each other at most: nobody means more.
const CODINGS_MAX: usize = 4;

/// Undoes `codings`, named in the order in which they were applied, `chunked` and `identity` apart.
pub(super) fn decode<'b, 'c>(
    body: &'b [u8],
    codings: impl Iterator<Item = &'c [u8]>,
    limit: usize,
) -> Result<Cow<'b, [u8]>, HttpError> {
    let is =
        |coding: &[u8], names: &[&str]| names.iter().any(|name| coding.eq_ignore_ascii_case(name.as_bytes()));
    let codings: Vec<&[u8]> = codings.filter(|coding| !is(coding, &["", "chunked", "identity"])).collect();
    let mut decoded = Cow::Borrowed(body);
    if codings.len() > CODINGS_MAX {
        return Err(HttpError::Coding);
    }
    // An empty body, as of an error, is often not coded whatever its header says.
    for coding in codings.into_iter().rev().filter(|_| !body.is_empty()) {
        decoded = Cow::Owned(if is(coding, &["gzip", "x-gzip"]) {
            read(MultiGzDecoder::new(&decoded[..]), limit)?
        } else if is(coding, &["deflate"]) {
            read(ZlibDecoder::new(&decoded[..]), limit)?
        } else {
            return Err(HttpError::Coding);
        });
    }
    Ok(decoded)
}

fn read(decoder: impl Read, limit: usize) -> Result<Vec<u8>, HttpError> {
    let mut decoded = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut decoded).map_err(|_| HttpError::Coding)?;
    if decoded.len() > limit { Err(HttpError::BodyTooLarge) } else { Ok(decoded) }
}
