//! An echo server, and some that are not quite.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Message, WebSocket};

use crate::common::let_pass;

/// What comes back.
#[derive(Clone, Copy, Debug)]
pub enum Answering {
    Same,
    /// In three frames.
    InFragments,
    LastByteChanged,
    /// The message before this one, which was somebody's.
    OfTheOneBefore,
    AfterMillis(u64),
    /// Something else, after this many milliseconds.
    OtherTextAfterMillis(u64),
}

/// Starts one; its URL.
pub fn start(answering: Answering) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("ws://{}", listener.local_addr().expect("its address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, answering));
        }
    });
    url
}

fn serve(stream: TcpStream, answering: Answering) {
    let mut socket = tungstenite::accept(stream).expect("a valid upgrade");
    let mut before = "nothing".to_owned();
    // It ends with the connection: the client closes.
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else { continue };
        let text = text.to_string();
        let answer = match answering {
            Answering::Same => text,
            Answering::InFragments => {
                if in_fragments(&mut socket, &text).is_err() {
                    return;
                }
                continue;
            }
            Answering::LastByteChanged => format!("{}?", &text[..text.len() - 1]),
            Answering::OfTheOneBefore => std::mem::replace(&mut before, text),
            Answering::OtherTextAfterMillis(millis) => {
                let_pass(Duration::from_millis(millis));
                "all is well".to_owned()
            }
            Answering::AfterMillis(millis) => {
                let_pass(Duration::from_millis(millis));
                text
            }
        };
        if socket.send(Message::text(answer)).is_err() {
            return;
        }
    }
}

fn in_fragments(socket: &mut WebSocket<TcpStream>, text: &str) -> tungstenite::Result<()> {
    let (first, rest) = text.split_at(1);
    let (second, third) = rest.split_at(rest.len() / 2);
    let frames = [(first, Data::Text, false), (second, Data::Continue, false), (third, Data::Continue, true)];
    for (part, opcode, last) in frames {
        let frame = Frame::message(part.to_owned(), OpCode::Data(opcode), last);
        socket.send(Message::Frame(frame))?;
    }
    Ok(())
}
