//! The key of the opening handshake (RFC 6455, 4.1).
//!
//! Its randomness is the caller's, and so is the answer to it. Invariant: the text is what section 4.1 asks for, whatever the bytes.

/// The `Sec-WebSocket-Key` for these 16 random bytes: base64, 24 characters.
pub fn key_text(random: [u8; 16]) -> [u8; 24] {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // Padding: 16 bytes are five groups of three and one left over, hence the two signs at the end.
    let mut text = [b'='; 24];
    for (chars, bytes) in text.chunks_exact_mut(4).zip(random.chunks(3)) {
        let group = bytes.iter().enumerate().fold(0, |group, (i, &b)| group | u32::from(b) << (16 - 8 * i));
        for (i, char) in chars.iter_mut().take(bytes.len() + 1).enumerate() {
            *char = DIGITS[(group >> (18 - 6 * i)) as usize & 63];
        }
    }
    text
}
