//! The mock server's own controls: servers that go down, faults on order, limits that connections
//! wait behind.

use std::time::Duration;

use serde_json::json;
use startline_mock::Config;
use startline_mock::world::{index_for, java_hash};

use super::stand::*;

fn server_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

#[test]
fn members_are_spread_by_the_hash() {
    let stand = Stand::start(ready());
    let servers: Vec<String> = (13..53).map(|member| server_of(&stand.enter(member).1).to_owned()).collect();
    let on = |id: &str| servers.iter().filter(|server| *server == id).count();
    assert_eq!(on("ws1") + on("ws2"), 40);
    assert!(on("ws1").abs_diff(on("ws2")) <= 10, "{servers:?}");
}

#[test]
fn a_server_that_is_missed_is_shut_out_from_then_on() {
    let stand = Stand::start(Config { shut_out: Duration::from_secs(3600), ..ready() });
    let home = |member: u64| {
        let hash = java_hash(&format!("{member}:{CHALLENGE}"));
        if index_for(hash, 2) == 0 { "ws1" } else { "ws2" }
    };
    let mut of_second = (13..200).filter(|member| home(*member) == "ws2");
    let mut of_first = (13..200).filter(|member| home(*member) == "ws1");
    let enter = |members: &mut dyn Iterator<Item = u64>| {
        let member = members.next().unwrap();
        server_of(&stand.enter(member).1).to_owned()
    };
    stand.control("servers/ws2/down");
    assert_eq!(enter(&mut of_first), "ws1");
    let refused = Client::connect(stand.addr(), "/ws/ws2?ticket=x").err();
    assert_eq!(refused, Some(502), "as nginx answers for an upstream that is down");
    stand.control("servers/ws2/up");
    assert_eq!(enter(&mut of_second), "ws2", "nobody has missed it");
    stand.control("servers/ws2/down");
    assert_eq!(enter(&mut of_second), "ws1");
    stand.control("servers/ws2/up");
    assert_eq!(enter(&mut of_second), "ws1", "shut out though it is back");

    stand.control("servers/ws1/down");
    let member = of_first.next().unwrap();
    let none = stand.about(member, "POST", CHALLENGE, "/enter");
    none.assert_refused(500, 500, "티켓 발급에 실패했습니다.");
    assert_eq!(stand.status(CHALLENGE, member), "WAITING");
    let missing = stand.call("POST", "/mock/servers/ws3/down", None, None);
    assert_eq!(missing.status, 404);
}

#[test]
fn members_move_back_when_the_shut_out_is_over() {
    let stand = Stand::start(Config { shut_out: Duration::from_millis(300), servers: 1, ..ready() });
    stand.control("servers/ws1/down");
    let enter = || stand.about(13, "POST", CHALLENGE, "/enter");
    enter().assert_refused(500, 500, "티켓 발급에 실패했습니다.");
    stand.control("servers/ws1/up");
    await_that("the server is routable", || enter().status == 200);
}

#[test]
fn faults_come_as_ordered() {
    let stand = Stand::start(ready());
    stand.control("faults/internal-server-error?count=1");
    let answer = stand.call("POST", "/api/v1/auth/test-login?memberId=13", None, None);
    answer.assert_refused(500, 500, "서버 내부 오류입니다.");
    for (fault, code) in [("ws-internal-error", "INTERNAL_ERROR"), ("ws-unauthorized", "UNAUTHORIZED")] {
        let member = if code == "UNAUTHORIZED" { 13 } else { 14 };
        let (ticket, _) = stand.enter(member);
        stand.control(&format!("faults/{fault}"));
        let mut client = stand.upgrade(&ticket);
        assert_eq!(client.text()["errorCode"], code);
        client.assert_closed(1008);
    }
    let (mut client, _) = stand.open(15);
    stand.control("faults/ws-invalid-session?count=2");
    for _ in 0..2 {
        client.say(&json!({"type": "PING", "timestamp": 1}));
        assert_eq!(client.text()["errorCode"], "INVALID_SESSION");
    }
    client.ping();
    assert_eq!(stand.call("POST", "/mock/faults/none", None, None).status, 404);
}

#[test]
fn over_the_limit_of_a_server_connections_wait_for_room() {
    let stand = Stand::start(Config { connections_max: Some(2), servers: 1, ..ready() });
    let (first, _) = stand.open(13);
    let (mut second, _) = stand.open(14);
    let (ticket, _) = stand.enter(15);
    let addr = stand.addr();
    let waiting = std::thread::spawn(move || {
        let mut client =
            Client::connect(addr, &format!("/ws/ws1?ticket={ticket}")).expect("an upgrade at last");
        client.text()
    });
    // Whoever waits keeps nobody else waiting.
    second.ping();
    assert!(!waiting.is_finished(), "two of two are there");
    first.close();
    assert_eq!(waiting.join().unwrap()["type"], "CONNECTED");
}

#[test]
fn counters_are_served_as_json() {
    let stand = Stand::start(ready());
    let (mut client, _) = stand.open(13);
    client.ping();
    let counters = stand.call("GET", "/mock/counters", None, None).json();
    assert_eq!((&counters["connected"], &counters["pings"]), (&json!(1), &json!(1)));
    let held = |n: usize| counters["servers"][n]["sessions"].as_u64().unwrap();
    assert_eq!(held(0) + held(1), 1);
}
