//! Servers for the client's tests whose WebSocket is tungstenite's. Each connection has a thread
//! that ends with it.

pub(crate) mod chat;
pub(crate) mod echo;
pub(crate) mod rooms;

use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::mpsc::Receiver;

use tungstenite::{Error, Message, WebSocket};

/// Sends what comes into the inbox and passes on each text that is read, until the client is gone.
/// The socket has a short read timeout, after which the inbox is looked into again.
pub(crate) fn converse(
    mut socket: WebSocket<TcpStream>,
    inbox: &Receiver<String>,
    mut on_text: impl FnMut(&mut WebSocket<TcpStream>, &str),
) {
    loop {
        for message in inbox.try_iter() {
            if socket.send(Message::text(message)).is_err() {
                return;
            }
        }
        match socket.read() {
            Ok(Message::Text(text)) => on_text(&mut socket, &text),
            Ok(_) => {}
            Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}
