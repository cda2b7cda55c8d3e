//! Rooms that are joined by HTTP once the WebSocket is there: the server says the socket's id first, and
//! tells the socket when its request has been served.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tungstenite::Message;

use super::converse;
use crate::common::let_pass;

/// Between the answer and the message, whichever comes first.
pub const THE_LATER_AFTER: Duration = Duration::from_millis(20);

/// What it does when somebody joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// Answers, and tells the socket before that.
    TellsFirst,
    /// Answers, and tells the socket a moment later.
    TellsLater,
    /// Sends the client to another path first, which does as above.
    Redirects,
    /// Refuses.
    Refuses,
    /// Never answers.
    IsSilent,
    /// Tells the socket that there is no room, and never answers.
    TellsOfAnError,
}

/// What it has seen.
#[derive(Default)]
pub struct Seen {
    /// Sockets in a room.
    pub joined: AtomicU32,
    /// Sockets that have sat down in their seats.
    pub seated: AtomicU32,
    /// Requests whose connection was closed before any answer.
    pub given_up: AtomicU32,
    sockets: Mutex<HashMap<String, Sender<String>>>,
}

impl Seen {
    fn tell(&self, socket: &str, text: &str) {
        if let Some(socket) = self.sockets.lock().expect("no panic").get(socket) {
            let _ = socket.send(text.to_owned());
        }
    }
}

/// Starts one; its URL.
pub fn start(joining: Joining) -> (String, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let seen = Arc::new(Seen::default());
    let theirs = Arc::clone(&seen);
    thread::spawn(move || {
        for (count, stream) in listener.incoming().flatten().enumerate() {
            let seen = Arc::clone(&theirs);
            thread::spawn(move || serve(stream, joining, &format!("s-{count}"), &seen));
        }
    });
    (url, seen)
}

fn serve(stream: TcpStream, joining: Joining, name: &str, seen: &Seen) {
    let mut first = [0; 1];
    // A request to join is a POST, an upgrade is a GET.
    match stream.peek(&mut first) {
        Ok(1) if first[0] == b'P' => join(stream, joining, seen),
        Ok(1) => open(stream, name, seen),
        _ => {}
    }
}

fn open(stream: TcpStream, name: &str, seen: &Seen) {
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    let (sender, inbox) = std::sync::mpsc::channel();
    seen.sockets.lock().expect("no panic").insert(name.to_owned(), sender);
    let _ = socket.send(Message::text(format!(r#"{{"type":"hello","socketId":"{name}"}}"#)));
    socket.get_mut().set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
    converse(socket, &inbox, |socket, text| match text {
        "ping" => drop(socket.send(Message::text(r#"{"type":"pong"}"#))),
        r#"{"type":"sit","seat":"17-B"}"# => drop(seen.seated.fetch_add(1, Ordering::Relaxed)),
        other => panic!("{other}"),
    });
}

fn join(stream: TcpStream, joining: Joining, seen: &Seen) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut head, mut length) = (String::new(), String::new(), 0);
    while reader.read_line(&mut line).expect("a head") > 2 {
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a length");
        }
        head.push_str(&std::mem::take(&mut line));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let socket = body["socketId"].as_str().expect("an id").to_owned();
    let stream = reader.get_mut();
    let told = r#"{"type":"joined","room":"lobby"}"#;
    let welcome = "HTTP/1.1 201 Created\r\nContent-Length: 15\r\n\r\n{\"seat\":\"17-B\"}";
    let is_redirected = head.starts_with("POST /v2/");
    match joining {
        Joining::Redirects if !is_redirected => {
            answer(
                stream,
                "HTTP/1.1 307 Moved\r\nLocation: /v2/join\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            );
        }
        Joining::TellsFirst | Joining::Redirects => {
            seen.joined.fetch_add(1, Ordering::Relaxed);
            seen.tell(&socket, told);
            let_pass(THE_LATER_AFTER);
            answer(stream, welcome);
        }
        Joining::TellsLater => {
            seen.joined.fetch_add(1, Ordering::Relaxed);
            let _ = stream.write_all(welcome.as_bytes());
            let_pass(THE_LATER_AFTER);
            seen.tell(&socket, told);
            let _ = stream.read(&mut [0; 1]);
        }
        Joining::Refuses => {
            answer(stream, "HTTP/1.1 403 Forbidden\r\nContent-Length: 17\r\n\r\n{\"code\":\"FULL\"}  ");
        }
        Joining::IsSilent => wait_for_the_end(stream, seen),
        Joining::TellsOfAnError => {
            seen.tell(&socket, r#"{"type":"no_room"}"#);
            wait_for_the_end(stream, seen);
        }
    }
}

fn answer(stream: &mut TcpStream, text: &str) {
    let _ = stream.write_all(text.as_bytes());
    // Until the client has read it and hangs up.
    let _ = stream.read(&mut [0; 1]);
}

fn wait_for_the_end(stream: &mut TcpStream, seen: &Seen) {
    let _ = stream.read(&mut [0; 1]);
    seen.given_up.fetch_add(1, Ordering::Relaxed);
}
