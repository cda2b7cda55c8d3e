//! A chat: a form for the login, whose answer sets cookies and a token, and a room on a WebSocket of the same port.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tungstenite::Message;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::StatusCode;

use super::converse;

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// What the upgrade chooses.
    pub subprotocol: Option<&'static str>,
    /// It does not know the cookies that it has set.
    pub forgets_its_cookies: bool,
    pub room_is_full: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self { subprotocol: Some("chat.v1"), forgets_its_cookies: false, room_is_full: false }
    }
}

#[derive(Default)]
struct Shared {
    /// Users by session cookie.
    logged_in: Mutex<HashMap<String, String>>,
    room: Mutex<Vec<(String, Sender<String>)>>,
}

impl Shared {
    /// Says something to all in the room but this user.
    fn tell_others(&self, user: &str, text: &str) {
        let room = self.room.lock().expect("no panic");
        let others = room.iter().filter(|(other, _)| other != user);
        others.for_each(|(_, other)| drop(other.send(text.to_owned())));
    }
}

/// Starts one; its URL.
pub fn start(manners: Manners) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let shared = Arc::new(Shared::default());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            thread::spawn(move || serve(stream, manners, &shared));
        }
    });
    url
}

fn serve(stream: TcpStream, manners: Manners, shared: &Shared) {
    let mut first = [0; 1];
    // A login is a POST, an upgrade is a GET.
    match stream.peek(&mut first) {
        Ok(1) if first[0] == b'P' => login(stream, shared),
        Ok(1) => enter(stream, manners, shared),
        _ => {}
    }
}

/// One form, one answer; the connection then stays open, as a keep-alive one does.
fn login(stream: TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a head");
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a length");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).expect("a body");
    let form = String::from_utf8(form).expect("text");
    let (user, password) = form.split_once('&').expect("two fields");
    let user = user.strip_prefix("user=").expect("a user");
    let answer = match password {
        "password=load-test" => {
            let cookie = format!("sid-of-{user}");
            shared.logged_in.lock().expect("no panic").insert(cookie.clone(), user.to_owned());
            format!(
                "HTTP/1.1 303 See Other\r\nLocation: /rooms\r\nSet-Cookie: SID=old; Path=/\r\nset-cookie: theme=dark\r\n\
                 Set-Cookie: gone=1\r\nSet-Cookie: gone=; Max-Age=0\r\nSet-Cookie: SID={cookie}; Path=/; HttpOnly\r\n\
                 x-csrf-token: csrf-of-{user}\r\nContent-Length: 0\r\n\r\n"
            )
        }
        _ => "HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\nwrong".to_owned(),
    };
    let stream = reader.get_mut();
    let _ = stream.write_all(answer.as_bytes());
    // Until the client has read it and hangs up.
    let _ = stream.read(&mut [0; 1]);
}

fn enter(stream: TcpStream, manners: Manners, shared: &Shared) {
    let mut user = String::new();
    #[allow(clippy::result_large_err)]
    let upgrade = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        user = admit(request, manners, shared).map_err(|status| {
            let mut refusal = ErrorResponse::new(Some("no".to_owned()));
            *refusal.status_mut() = status;
            refusal
        })?;
        Ok(choosing(response, manners))
    };
    let Ok(mut socket) = tungstenite::accept_hdr(stream, upgrade) else { return };
    let join = socket.read().expect("a join").to_string();
    assert_eq!(join, format!(r#"{{"type":"join","room":"lobby","as":"{user}"}}"#));
    if manners.room_is_full {
        let _ = socket.send(Message::text(r#"{"type":"error","code":"ROOM_FULL"}"#));
        let _ = socket.close(None);
        while socket.read().is_ok() {}
        return;
    }
    let (sender, inbox) = std::sync::mpsc::channel();
    let users: Vec<String> = {
        let mut room = shared.room.lock().expect("no panic");
        let users = room.iter().map(|(user, _)| user.clone()).collect();
        room.push((user.clone(), sender));
        users
    };
    let users = serde_json::to_string(&users).expect("JSON");
    let _ = socket.send(Message::text(format!(r#"{{"room":"lobby","users":{users},"type":"welcome"}}"#)));
    shared.tell_others(&user, &format!(r#"{{"type":"joined","user":"{user}"}}"#));
    socket.get_mut().set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
    converse(socket, &inbox, |_, text| {
        let said: serde_json::Value = serde_json::from_str(text).expect("JSON");
        if said["type"] == "say" {
            // Everyone in the room hears it, with its id.
            let (text, id) = (&said["text"], &said["id"]);
            let heard = format!(r#"{{"type":"said","user":"{user}","text":{text},"id":{id}}}"#);
            let room = shared.room.lock().expect("no panic");
            room.iter().for_each(|(_, other)| drop(other.send(heard.clone())));
        }
    });
    shared.room.lock().expect("no panic").retain(|(other, _)| *other != user);
    shared.tell_others(&user, &format!(r#"{{"type":"left","user":"{user}"}}"#));
}

fn choosing(mut response: Response, manners: Manners) -> Response {
    if let Some(subprotocol) = manners.subprotocol {
        let value = subprotocol.parse().expect("a header value");
        response.headers_mut().insert("Sec-WebSocket-Protocol", value);
    }
    response
}

/// Who it is, by what a browser would send.
fn admit(request: &Request, manners: Manners, shared: &Shared) -> Result<String, StatusCode> {
    let field =
        |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if field("Origin") != "http://localhost" {
        return Err(StatusCode::FORBIDDEN);
    }
    if field("Sec-WebSocket-Protocol") != "chat.v1" || request.uri().query() != Some("room=lobby") {
        return Err(StatusCode::BAD_REQUEST);
    }
    // All that is left of what was set, in its order: replaced, and not what was taken away.
    let cookie = field("Cookie").strip_prefix("SID=").and_then(|rest| rest.strip_suffix("; theme=dark"));
    let logged_in = shared.logged_in.lock().expect("no panic");
    let user = cookie.and_then(|cookie| logged_in.get(cookie)).filter(|_| !manners.forgets_its_cookies);
    let user = user.ok_or(StatusCode::UNAUTHORIZED)?;
    match field("X-CSRF-Token") == format!("csrf-of-{user}") {
        true => Ok(user.clone()),
        false => Err(StatusCode::FORBIDDEN),
    }
}
