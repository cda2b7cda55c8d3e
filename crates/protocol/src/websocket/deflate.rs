//! permessage-deflate (RFC 7692) as a client that wants no context kept: what is offered, whether an answer
//! fits it, and whole messages inflated.
//!
//! One inflater does for any number of connections, since every message begins anew. Invariants: no
//! more is made than the limit and one piece, whatever a few bytes claim to inflate to; what is not
//! deflate's to its very end is a [`Violation`].

use flate2::{Decompress, FlushDecompress, Status};

use super::violation::Violation;

/// The value of `Sec-WebSocket-Extensions` in the request.
pub const OFFER: &str = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

/// Why an answer to [`OFFER`] cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeflateRefusal {
    /// The server would compress each message with the context of those before it (7.1.1.1).
    Takeover,
    /// It is not an answer to what was offered (7.1): another extension or parameter, a parameter twice,
    /// or a value that it cannot have.
    NotOffered,
}

/// Whether these values of `Sec-WebSocket-Extensions` agree upon [`OFFER`]; without any the server
/// declines it.
///
/// # Errors
/// Why the connection has to be failed (RFC 6455, 9.1).
pub fn is_agreed<'v>(values: impl Iterator<Item = &'v str>) -> Result<bool, DeflateRefusal> {
    let mut extensions = values.flat_map(|value| value.split(',')).map(str::trim).filter(|it| !it.is_empty());
    let Some(extension) = extensions.next() else { return Ok(false) };
    let mut parts = extension.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") || extensions.next().is_some() {
        return Err(DeflateRefusal::NotOffered);
    }
    let mut seen = Vec::new();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (part, None),
        };
        // A server may say that its window is small without having been asked (7.1.2.1).
        let fits = match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover", None) => true,
            ("server_max_window_bits", Some(bits)) => {
                ["8", "9", "10", "11", "12", "13", "14", "15"].contains(&bits)
            }
            _ => false,
        };
        if !fits || seen.contains(&name) {
            return Err(DeflateRefusal::NotOffered);
        }
        seen.push(name);
    }
    match seen.contains(&"server_no_context_takeover") {
        true => Ok(true),
        false => Err(DeflateRefusal::Takeover),
    }
}

/// Bytes of a piece: most messages are one.
const PIECE_BYTES: usize = 32 << 10;

/// What a sender takes off the end of a message (7.2.1), and an empty last block after it, which ends
/// the stream if the message is whole.
const TAIL: [u8; 9] = [0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];

/// Inflates messages, one after another.
///
/// ```
/// use startline_protocol::websocket::{Inflater, Violation};
///
/// // RFC 7692, 7.2.3.1.
/// let mut text = Vec::new();
/// let bytes = Inflater::default().message(b"\xf2\x48\xcd\xc9\xc9\x07\x00", 1024, |piece, is_last| {
///     text.extend_from_slice(piece);
///     assert!(is_last);
///     Ok::<(), Violation>(())
/// })?;
/// assert_eq!((&text[..], bytes), (&b"Hello"[..], 5));
/// # Ok::<(), Violation>(())
/// ```
#[derive(Debug)]
pub struct Inflater {
    stream: Decompress,
    piece: Box<[u8]>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { stream: Decompress::new(false), piece: vec![0; PIECE_BYTES].into() }
    }
}

impl Inflater {
    /// Inflates a whole message, of which `take` gets the pieces and whether it is the last: one at
    /// least. Returns how many bytes they were.
    ///
    /// # Errors
    /// [`Violation::BadDeflate`], [`Violation::InflatedTooLong`], or what `take` says.
    pub fn message<E: From<Violation>>(
        &mut self,
        compressed: &[u8],
        bytes_max: u64,
        mut take: impl FnMut(&[u8], bool) -> Result<(), E>,
    ) -> Result<u64, E> {
        let (mut rest, mut tail) = (compressed, &TAIL[..]);
        let (mut bytes, mut filled) = (0u64, 0);
        let mut is_over = compressed.is_empty();
        self.stream.reset(false);
        while !is_over {
            if rest.is_empty() {
                rest = std::mem::take(&mut tail);
            }
            let (read, made, status) = self.step(rest, filled)?;
            rest = &rest[read..];
            filled += made;
            bytes += made as u64;
            if bytes > bytes_max {
                return Err(Violation::InflatedTooLong.into());
            }
            match status {
                Status::StreamEnd if rest.is_empty() => is_over = true,
                // A sender may end a block for good and go on (7.2.3.5), but not within our tail.
                Status::StreamEnd if !tail.is_empty() => self.stream.reset(false),
                _ if read + made > 0 && status != Status::StreamEnd => {}
                _ => return Err(Violation::BadDeflate.into()),
            }
            if filled == self.piece.len() && !is_over {
                take(&self.piece, false)?;
                filled = 0;
            }
        }
        take(&self.piece[..filled], true)?;
        Ok(bytes)
    }

    /// Goes on; returns the bytes read and made.
    fn step(&mut self, bytes: &[u8], filled: usize) -> Result<(usize, usize, Status), Violation> {
        let before = (self.stream.total_in(), self.stream.total_out());
        let status = self
            .stream
            .decompress(bytes, &mut self.piece[filled..], FlushDecompress::None)
            .map_err(|_| Violation::BadDeflate)?;
        let read = self.stream.total_in() - before.0;
        let made = self.stream.total_out() - before.1;
        Ok((read as usize, made as usize, status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(compressed: &[u8], bytes_max: u64) -> Result<Vec<u8>, Violation> {
        let mut all = Vec::new();
        let bytes = Inflater::default().message(compressed, bytes_max, |piece, _| {
            all.extend_from_slice(piece);
            Ok::<(), Violation>(())
        })?;
        assert_eq!(bytes, all.len() as u64);
        Ok(all)
    }

    #[test]
    fn the_examples_of_rfc_7692() {
        for (compressed, text) in [
            (&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..], &b"Hello"[..]),
            (b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", b"Hello"),
            (b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", b"Hello"),
            (b"\xf3\x48\xcd\xc9\xc9\x07\x00", b"Hello"),
            (b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", b"Hello"),
            (b"\x00", b""),
            (b"", b""),
        ] {
            assert_eq!(inflated(compressed, 5).as_deref(), Ok(text), "{compressed:02x?}");
        }
    }

    #[test]
    fn what_is_cut_or_wrong_is_refused() {
        let whole = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        for end in 1..whole.len() {
            assert_eq!(inflated(&whole[..end], 100), Err(Violation::BadDeflate), "{end} bytes");
        }
        // A block of the reserved type, a length that is not confirmed, a distance before the start, and a
        // reference to the message before.
        for wrong in [&b"\x06"[..], b"\x00\x05\x00\x00\x00Hello\x00", b"\xf2\x00\x11\x00\x00"] {
            assert_eq!(inflated(wrong, 100), Err(Violation::BadDeflate), "{wrong:02x?}");
        }
    }

    #[test]
    fn the_limit_is_that_of_what_comes_out() {
        let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        assert_eq!(inflated(hello, 4), Err(Violation::InflatedTooLong));
        let mut bomb = flate2::Compress::new(flate2::Compression::best(), false);
        let mut compressed = Vec::with_capacity(1 << 16);
        bomb.compress_vec(&vec![0; 8 << 20], &mut compressed, flate2::FlushCompress::Sync).expect("room");
        compressed.truncate(compressed.len() - 4);
        let mut pieces = 0;
        let result = Inflater::default().message(&compressed, 1 << 20, |_, _| {
            pieces += 1;
            Ok::<(), Violation>(())
        });
        assert_eq!(result, Err(Violation::InflatedTooLong));
        assert!(pieces <= (1 << 20) / PIECE_BYTES, "{pieces}");
        assert_eq!(inflated(&compressed, 8 << 20).map(|all| all.len()), Ok(8 << 20));
    }

    #[test]
    fn answers_to_the_offer() {
        use DeflateRefusal::{NotOffered, Takeover};
        for (answer, expected) in [
            (&[][..], Ok(false)),
            (&[""], Ok(false)),
            (&[OFFER], Ok(true)),
            (&["permessage-deflate;server_no_context_takeover"], Ok(true)),
            (&["permessage-deflate; server_no_context_takeover; server_max_window_bits=10"], Ok(true)),
            (&["permessage-deflate; server_max_window_bits=\"9\"; server_no_context_takeover"], Ok(true)),
            (&["permessage-deflate"], Err(Takeover)),
            (&["permessage-deflate; client_no_context_takeover"], Err(Takeover)),
            (&["permessage-deflate; server_no_context_takeover; server_max_window_bits"], Err(NotOffered)),
            (&["permessage-deflate; server_no_context_takeover; server_max_window_bits=16"], Err(NotOffered)),
            (&["permessage-deflate; server_no_context_takeover; server_max_window_bits=08"], Err(NotOffered)),
            (&["permessage-deflate; server_no_context_takeover; client_max_window_bits=15"], Err(NotOffered)),
            (&["permessage-deflate; server_no_context_takeover=1"], Err(NotOffered)),
            (
                &["permessage-deflate; server_no_context_takeover; server_no_context_takeover"],
                Err(NotOffered),
            ),
            (&["permessage-deflate; server_no_context_takeover; x"], Err(NotOffered)),
            (&["permessage-bzip2"], Err(NotOffered)),
            (&[OFFER, OFFER], Err(NotOffered)),
        ] {
            assert_eq!(is_agreed(answer.iter().copied()), expected, "{answer:?}");
        }
    }
}
