//! The WebSocket's opening handshake (RFC 6455, section 4.2), as Spring and Tomcat answer it.
//!
//! Judges the request only; whether the ticket is good is found out after the 101. Invariant: an
//! [`Upgrade`] has a valid key, a ticket parameter and a server that exists.

use tungstenite::handshake::derive_accept_key;

use super::reply::Reply;
use super::{Answer, Call};
use crate::outage::Kind;

/// A request that becomes a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgrade {
    /// The index of the server it is for.
    pub(crate) server: usize,
    /// The ticket as given.
    pub(crate) ticket: String,
    accept: String,
}

impl Upgrade {
    /// Appends the 101.
    pub(crate) fn write(&self, out: &mut Vec<u8>, date: &str) {
        out.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n",
        );
        for part in ["Sec-WebSocket-Accept: ", &self.accept, "\r\nDate: ", date, "\r\n\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// `GET /ws` and `GET /ws/{serverId}`.
pub(super) fn answer(call: &Call<'_>) -> Answer {
    match judge(call) {
        Ok(upgrade) => Answer::Upgrade(upgrade),
        Err(reply) => Answer::Reply(reply),
    }
}

fn judge(call: &Call<'_>) -> Result<Upgrade, Reply> {
    let server = server(call)?;
    if call.request.method() != "GET" {
        return Err(Reply::empty(405).with_field("Allow", "GET"));
    }
    if !call.request.lists("upgrade", "websocket") {
        return Err(Reply::text(400, "Can \"Upgrade\" only to \"WebSocket\"."));
    }
    if !call.request.lists("connection", "upgrade") {
        return Err(Reply::text(400, "\"Connection\" must be \"upgrade\"."));
    }
    if call.request.header("sec-websocket-version") != Some("13") {
        return Err(Reply::empty(426).with_field("Sec-WebSocket-Version", "13"));
    }
    let key = call.request.header("sec-websocket-key").unwrap_or_default().trim();
    if !is_key(key) {
        return Err(Reply::text(400, "Invalid Sec-WebSocket-Key."));
    }
    let is_allowed = |origin: &str| {
        call.shared.config.allow_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    };
    if call.request.header("origin").is_some_and(|origin| !is_allowed(origin)) {
        return Err(Reply::empty(403));
    }
    // Spring answers like this when an interceptor says no: not an error, merely not a 101.
    let ticket = call.parameter("ticket").ok_or_else(|| Reply::empty(200))?;
    Ok(Upgrade { server, ticket, accept: derive_accept_key(key.as_bytes()) })
}

/// The server that the path names, or the first healthy one; 502 when nginx would find nothing
/// behind it.
fn server(call: &Call<'_>) -> Result<usize, Reply> {
    let named = match call.path {
        "/ws" | "/ws/" => None,
        path => Some(path.strip_prefix("/ws/").and_then(server_index).ok_or_else(|| call.not_found())?),
    };
    let is_drained = |index: usize| {
        call.busy(|outage| matches!(outage.kind, Kind::Drains(_)) && outage.takes_out(index as u16))
    };
    if let Some(reply) = named.and_then(is_drained) {
        return Err(reply);
    }
    call.shared.world(call.now, |world| {
        let routing = world.routing();
        match named {
            Some(index) if index >= routing.own() => Err(call.not_found()),
            Some(index) if routing.is_up(index) => Ok(index),
            Some(_) => Err(Reply::nginx(502)),
            None => routing.first_own_healthy(call.now.real_ms).ok_or_else(|| Reply::nginx(502)),
        }
    })
}

/// The index behind `ws{n}`, n from 1.
pub(super) fn server_index(id: &str) -> Option<usize> {
    let number: usize = id.strip_prefix("ws")?.parse().ok()?;
    number.checked_sub(1)
}

/// 16 bytes in base64: 22 digits and two signs of padding.
fn is_key(key: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with("==") && key.as_bytes()[..22].iter().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_numbered_from_one() {
        assert_eq!(server_index("ws1"), Some(0));
        assert_eq!(server_index("ws12"), Some(11));
        for wrong in ["ws0", "ws", "1", "ws-1", "wss1", "ws1/x"] {
            assert_eq!(server_index(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_sixteen_bytes_in_base64() {
        assert!(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
        for wrong in ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZ!==", "dGhlIHNhbXBsZSBub25jZQAA"] {
            assert!(!is_key(wrong), "{wrong}");
        }
    }
}
