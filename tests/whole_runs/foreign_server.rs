//! The client against servers that nobody here wrote: tiny_http for the steps, tungstenite for the WebSocket.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::common::{Run, number, results, summary};
use crate::foreign::converse;
use tiny_http::{Header, Method, Request, Response, Server};
use tungstenite::Message;

const SESSIONS: u64 = 20;

/// Everyone who is in, and a queue to each.
type Room = Arc<Mutex<Vec<(u64, std::sync::mpsc::Sender<String>)>>>;

/// Starts both servers; the address of the first.
fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let ws_address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        let room = Room::default();
        for stream in listener.incoming().flatten() {
            let room = Arc::clone(&room);
            thread::spawn(move || serve_websocket(stream, &room));
        }
    });
    let http = Server::http("127.0.0.1:0").expect("a free port");
    let address = http.server_addr();
    thread::spawn(move || {
        for request in http.incoming_requests() {
            serve_http(request, &format!("ws://{ws_address}/ws/only"));
        }
    });
    format!("http://{address}")
}

fn serve_http(request: Request, ws_url: &str) {
    let (path, query) = request.url().split_once('?').unwrap_or((request.url(), ""));
    let bearer = request.headers().iter().find(|header| header.field.equiv("Authorization"));
    let member =
        bearer.and_then(|header| header.value.as_str().strip_prefix("Bearer token-").map(String::from));
    let reply = match (request.method(), path) {
        (Method::Post, "/api/v1/auth/test-login") => {
            let member = query.strip_prefix("memberId=").unwrap_or_default();
            format!(
                r#"{{"isSuccess":true,"code":200,"message":"ok","data":{{"accessToken":"token-{member}"}}}}"#
            )
        }
        (Method::Get, "/api/v1/challenges/38") => {
            // READY is from five minutes before the start.
            let in_minutes = |minutes: i64| {
                let at = jiff::Zoned::now().saturating_add(jiff::Span::new().minutes(minutes));
                at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
            };
            let (start, end) = (in_minutes(4), in_minutes(240));
            format!(
                r#"{{"isSuccess":true,"code":200,"message":"ok","data":{{"challengeId":38,"status":"READY","startAt":"{start}","endAt":"{end}"}}}}"#
            )
        }
        (Method::Post, "/api/v1/challenges/38/enter") => {
            let member = member.expect("enter carries the login's token");
            format!(
                r#"{{"isSuccess":true,"code":200,"message":"ok","data":{{"ticket":"ticket-{member}","userId":{member},"challengeId":38,"wsUrl":"{ws_url}","expiresIn":30}}}}"#
            )
        }
        other => panic!("nobody asked for {other:?}"),
    };
    let json = Header::from_bytes("Content-Type", "application/json").expect("a header");
    // A client that has gone away is the client's test to fail.
    let _ = request.respond(Response::from_string(reply).with_header(json));
}

fn serve_websocket(stream: TcpStream, room: &Room) {
    let mut member = 0;
    #[allow(clippy::result_large_err)]
    let upgrade = |request: &tungstenite::handshake::server::Request, response| {
        let query = request.uri().query().unwrap_or_default();
        member =
            query.strip_prefix("ticket=ticket-").and_then(|id| id.parse().ok()).expect("a ticket of ours");
        Ok(response)
    };
    let mut socket = tungstenite::accept_hdr(stream, upgrade).expect("a valid upgrade");
    let (sender, inbox) = std::sync::mpsc::channel();
    let others: Vec<u64> = {
        let mut room = room.lock().expect("no panic in the room");
        let entered = format!(
            r#"{{"type":"USER_ENTERED","userId":{member},"nickname":"테스트유저{member}","timestamp":1}}"#
        );
        room.iter().for_each(|(_, other)| drop(other.send(entered.clone())));
        let others = room.iter().map(|(id, _)| *id).collect();
        room.push((member, sender));
        others
    };
    let listed: Vec<String> =
        others.iter().map(|id| format!(r#"{{"userId":{id},"nickname":"x"}}"#)).collect();
    let connected = format!(
        r#"{{"type":"CONNECTED","challengeId":38,"userId":{member},"me":{{"userId":{member}}},"participants":[{}],"timestamp":1}}"#,
        listed.join(",")
    );
    socket.send(Message::text(connected)).expect("CONNECTED is sent");
    socket.get_mut().set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
    converse(socket, &inbox, |socket, text| {
        assert!(text.starts_with(r#"{"type":"PING","timestamp":"#), "{text}");
        let _ = socket.send(Message::text(r#"{"type":"PONG","timestamp":1}"#));
    });
}

#[test]
fn a_run_against_foreign_servers_passes_with_exact_counts() {
    let target = start();
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let run = Run::against(&target, SESSIONS as u32, &out).with("ramp", "1s").with("hold", "3s");
    run.with("ping-interval", "1s").finish().assert_status(0);
    let summary = summary(&out);
    assert_eq!(summary["verdict"], "pass");
    assert_eq!(number(&summary, "/sessions/held_to_end") as u64, SESSIONS);
    assert_eq!(number(&summary, "/errors/total"), 0.0, "{summary:#}");
    assert_eq!(number(&summary, "/messages/by_type/CONNECTED") as u64, SESSIONS);
    assert_eq!(number(&summary, "/messages/by_type/USER_ENTERED") as u64, SESSIONS * (SESSIONS - 1) / 2);
    assert_eq!(number(&summary, "/ledger/seen") as u64, SESSIONS * (SESSIONS - 1));
    assert_eq!(number(&summary, "/ledger/missing"), 0.0);
    assert_eq!(number(&summary, "/ping/missed"), 0.0);
    let due = number(&summary, "/ping/due");
    assert!(due >= 2.0 * SESSIONS as f64, "two PINGs each at least: {due}");
    let servers: BTreeSet<&String> = summary["servers"].as_object().expect("an object").keys().collect();
    assert_eq!(servers.len(), 1);
}
