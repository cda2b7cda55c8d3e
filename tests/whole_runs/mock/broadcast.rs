//! Announcements between many: each pair exactly once, or as racy as the real servers.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use startline_mock::Config;

use super::stand::*;

/// Opens these members' sessions on several threads at once; each client with the ids that its
/// CONNECTED listed and whatever came before CONNECTED.
fn open_all(stand: &Stand, members: std::ops::Range<u64>, threads: u64) -> Vec<(u64, Client, Knowledge)> {
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let mine = members.clone().skip(thread as usize).step_by(threads as usize);
                scope.spawn(move || mine.map(|member| open_one(stand, member)).collect::<Vec<_>>())
            })
            .collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    })
}

/// How often a client has learned of each other member.
#[derive(Default)]
struct Knowledge {
    listed: BTreeMap<u64, u32>,
    announced: BTreeMap<u64, u32>,
    before_connected: u32,
}

impl Knowledge {
    fn of(&self, member: u64) -> (u32, u32) {
        let times = |map: &BTreeMap<u64, u32>| map.get(&member).copied().unwrap_or(0);
        (times(&self.listed), times(&self.announced))
    }

    fn hear(&mut self, text: &Value) {
        match text["type"].as_str().unwrap() {
            "USER_ENTERED" => *self.announced.entry(text["userId"].as_u64().unwrap()).or_default() += 1,
            "CONNECTED" => {
                for participant in text["participants"].as_array().unwrap() {
                    *self.listed.entry(participant["userId"].as_u64().unwrap()).or_default() += 1;
                }
            }
            other => panic!("{other}"),
        }
    }
}

fn open_one(stand: &Stand, member: u64) -> (u64, Client, Knowledge) {
    let (ticket, _) = stand.enter(member);
    let mut client = stand.upgrade(&ticket);
    let mut knowledge = Knowledge::default();
    loop {
        let text = client.text();
        knowledge.hear(&text);
        if text["type"] == "CONNECTED" {
            return (member, client, knowledge);
        }
        knowledge.before_connected += 1;
    }
}

/// Reads until the sentinel's entry is heard, which every announcement before it precedes.
fn hear_until(clients: &mut [(u64, Client, Knowledge)], sentinel: u64) {
    for (_, client, knowledge) in clients {
        while knowledge.of(sentinel) == (0, 0) {
            knowledge.hear(&client.text());
        }
    }
}

fn assert_exactly_once(config: Config) {
    let stand = Stand::start(config);
    let members = 13..213;
    let mut clients = open_all(&stand, members.clone(), 8);
    let (_sentinel, _) = stand.open(300);
    hear_until(&mut clients, 300);
    for (own, _, knowledge) in &clients {
        assert_eq!(knowledge.before_connected, 0);
        for member in members.clone() {
            let (listed, announced) = knowledge.of(member);
            assert_eq!(listed + announced, u32::from(member != *own), "{own} of {member}");
        }
    }
    let counters = stand.counters();
    assert_eq!(counters.connected, 201);
    assert_eq!(counters.backlog_overflows + counters.broadcasts_dropped, 0);
}

#[test]
fn each_pair_of_two_hundred_is_listed_or_announced_once_when_gathered() {
    assert_exactly_once(ready());
}

#[test]
fn each_pair_of_two_hundred_is_listed_or_announced_once_when_written_at_once() {
    assert_exactly_once(Config { broadcast_gather: Duration::ZERO, workers: 3, ..ready() });
}

#[test]
fn a_racy_server_overlaps_and_announces_before_connected() {
    let stand = Stand::start(Config { racy: true, broadcast_gather: Duration::ZERO, ..ready() });
    let (mut overlaps, mut early, mut opened) = (0, 0, 0);
    let mut held = Vec::new();
    for group in 0..7u64 {
        let members = 13 + group * 40..13 + (group + 1) * 40;
        let mut clients = open_all(&stand, members.clone(), 8);
        let sentinel = 300 + group;
        let (sentinel_client, _) = {
            let (member, client, _) = open_one(&stand, sentinel);
            (client, member)
        };
        hear_until(&mut clients, sentinel);
        opened += clients.len();
        for (own, _, knowledge) in &clients {
            early += knowledge.before_connected;
            for member in members.clone().filter(|member| member != own) {
                let (listed, announced) = knowledge.of(member);
                assert!(listed <= 1 && announced <= 1, "{own} of {member}: never twice the same");
                overlaps += u32::from(listed + announced == 2);
            }
        }
        held.push((clients, sentinel_client));
        if overlaps > 0 && early > 0 {
            break;
        }
    }
    assert!(overlaps > 0, "nobody was both listed and announced among {opened}");
    assert!(early > 0, "no announcement came before CONNECTED among {opened}");
}

#[test]
fn a_racy_server_does_not_know_who_is_not_registered_yet() {
    let stand = Stand::start(Config { racy: true, ..ready() });
    let (ticket, _) = stand.enter(13);
    let mut client = stand.upgrade(&ticket);
    // Said in the milliseconds before registration; later it is answered with a PONG.
    client.say(&serde_json::json!({"type": "PING", "timestamp": 1}));
    let first = client.text();
    let is_early = first["errorCode"] == "INVALID_SESSION";
    assert!(is_early || first["type"] == "CONNECTED" || first["type"] == "PONG", "{first}");
    if first["type"] != "CONNECTED" {
        client.text_of("CONNECTED");
    }
    client.ping();
}

#[test]
fn a_quiet_server_lists_and_announces_nobody() {
    let stand = Stand::start(Config { no_broadcast: true, ..ready() });
    let (mut first, _) = stand.open(13);
    let (mut second, connected) = stand.open(14);
    assert_eq!(connected["participants"], serde_json::json!([]));
    second.record(1.0, 300);
    second.ping();
    first.say(&serde_json::json!({"type": "PING", "timestamp": 1}));
    assert_eq!(first.text()["type"], "PONG");
    assert_eq!(stand.counters().broadcasts_delivered, 0);
}

/// A socket with as small a buffer for what comes in as there is.
fn narrow(stand: &Stand) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    socket.connect(&stand.addr().into()).unwrap();
    socket.into()
}

#[test]
fn a_receiver_that_does_not_read_is_closed_and_counted() {
    let stand = Stand::start(Config { backlog_bytes: 16 << 10, send_buffer_bytes: Some(4 << 10), ..ready() });
    let (ticket, _) = stand.enter(13);
    let deaf = Client::over(narrow(&stand), stand.addr(), &format!("/ws/ws1?ticket={ticket}")).unwrap();
    let (mut actor, _) = stand.open(14);
    let (mut watcher, _) = stand.open(15);
    let mut left = None;
    let mut pace = 0;
    await_that("the deaf one is closed", || {
        pace += 1;
        for _ in 0..20 {
            actor.record(0.1, pace);
        }
        // In step with the watcher: what is gathered for 10 ms at full speed is over the limit for
        // one that reads, too.
        for _ in 0..20 {
            let mut text = watcher.text();
            if text["type"] == "USER_LEFT" {
                left = Some(std::mem::replace(&mut text, watcher.text()));
            }
            assert_eq!(text["pace"], pace, "{text}");
        }
        stand.counters().backlog_overflows == 1
    });
    let left = left.unwrap_or_else(|| watcher.text_of("USER_LEFT"));
    assert_eq!((left["userId"].as_u64(), left["reason"].as_str()), (Some(13), Some("ERROR")));
    let counters = stand.counters();
    assert!(counters.backlog_peak_bytes <= (16 << 10) + 1024, "{counters:?}");
    drop(deaf);
    let (_again, _) = stand.open(13);
}

#[test]
fn a_burst_over_the_backlog_limit_costs_nobody_who_reads_and_arrives_whole() {
    for gather in [Duration::from_millis(20), Duration::ZERO] {
        let stand = Stand::start(Config {
            backlog_bytes: 16 << 10,
            send_buffer_bytes: Some(4 << 10),
            broadcast_gather: gather,
            workers: 1,
            ..ready()
        });
        let (ticket, _) = stand.enter(13);
        let path = format!("/ws/ws1?ticket={ticket}");
        let mut reader = Client::over(narrow(&stand), stand.addr(), &path).unwrap();
        assert_eq!(reader.text()["type"], "CONNECTED");
        let (mut actor, _) = stand.open(14);
        assert_eq!(reader.text()["type"], "USER_ENTERED");
        let records = 2_000;
        for pace in 0..records {
            let text = format!(r#"{{"type":"RECORD","distance":0.1,"pace":{pace},"timestamp":1}}"#);
            actor.socket.write(tungstenite::Message::text(text)).unwrap();
        }
        actor.socket.flush().unwrap();
        // Enters in the midst of it, and hears only what came after.
        let (mut late, _) = stand.open(15);
        for pace in 0..records {
            let update = reader.text_of("PARTICIPANT_UPDATE");
            assert_eq!(update["pace"], pace, "{gather:?}");
        }
        late.ping();
        let counters = stand.counters();
        assert_eq!((counters.backlog_overflows, counters.broadcasts_dropped), (0, 0), "{gather:?}");
    }
}

#[test]
fn who_says_goodbye_and_reads_nothing_more_is_dropped_in_time() {
    let stand = Stand::start(Config { backlog_bytes: 64 << 20, send_buffer_bytes: Some(4 << 10), ..ready() });
    let (ticket, _) = stand.enter(13);
    let path = format!("/ws/ws1?ticket={ticket}");
    let mut deaf = Client::over(narrow(&stand), stand.addr(), &path).unwrap();
    let (mut actor, _) = stand.open(14);
    await_that("something is queued", || {
        for _ in 0..100 {
            actor.record(0.1, 300);
        }
        actor.ping();
        stand.counters().backlogged > 0
    });
    deaf.say_text(r#"{"type":"PING","timestamp":1}"#);
    deaf.socket.close(None).unwrap();
    let sessions = || {
        let counters = stand.call("GET", "/mock/counters", None, None).json();
        [0, 1].map(|n| counters["servers"][n]["sessions"].as_u64().unwrap()).iter().sum::<u64>()
    };
    assert_eq!(actor.text_of("USER_LEFT")["reason"], "DISCONNECTED");
    assert_eq!(sessions(), 2, "its answer waits behind what is queued");
    await_that("it is dropped", || sessions() == 1);
}

#[test]
fn written_at_once_a_receiver_closed_for_its_backlog_is_announced_at_once() {
    let waited = (0..5).map(|_| {
        let stand = Stand::start(Config {
            backlog_bytes: 1 << 10,
            send_buffer_bytes: Some(4 << 10),
            broadcast_gather: Duration::ZERO,
            workers: 1,
            ..ready()
        });
        let (ticket, _) = stand.enter(13);
        let path = format!("/ws/ws1?ticket={ticket}");
        let _deaf = Client::over(narrow(&stand), stand.addr(), &path).unwrap();
        let (mut watcher, _) = stand.open(14);
        let (mut actor, _) = stand.open(15);
        assert_eq!(watcher.text()["type"], "USER_ENTERED");
        // Nothing else wakes the worker once the deaf one is closed.
        while stand.counters().backlog_overflows == 0 {
            actor.record(0.1, 300);
            watcher.text_of("PARTICIPANT_UPDATE");
        }
        let started = std::time::Instant::now();
        watcher.text_of("USER_LEFT");
        started.elapsed()
    });
    let shortest = waited.min().unwrap();
    assert!(shortest < Duration::from_millis(5), "{shortest:?}");
}

#[test]
fn a_connected_over_the_backlog_limit_still_arrives_whole() {
    let stand = Stand::start(Config { backlog_bytes: 1 << 10, send_buffer_bytes: Some(4 << 10), ..ready() });
    let _others: Vec<_> = (13..113).map(|member| stand.open(member)).collect();
    let (ticket, _) = stand.enter(200);
    let mut slow = Client::over(narrow(&stand), stand.addr(), &format!("/ws/ws1?ticket={ticket}")).unwrap();
    assert_eq!(slow.text()["participants"].as_array().unwrap().len(), 100);
    slow.ping();
}
