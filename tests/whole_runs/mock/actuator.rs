//! The page for Prometheus: Spring's names, and figures that are what clients saw.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use startline_mock::Config;

use super::stand::*;
use crate::common::eventually;

fn with_page(faults: &[&str]) -> Config {
    let injections = faults.iter().map(|fault| fault.parse().expect("a fault")).collect();
    Config { injections, actuator: true, ..ready() }
}

/// The page's samples by name and labels.
#[track_caller]
fn page(stand: &Stand) -> HashMap<String, f64> {
    let answer = stand.call("GET", "/actuator/prometheus", None, None);
    assert_eq!((answer.status, answer.kind.as_str()), (200, "text/plain;version=0.0.4;charset=utf-8"));
    let lines = answer.body.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
    });
    samples.collect()
}

/// The name of a request's sample.
fn requests(what: &str, method: &str, outcome: &str, status: u16, uri: &str) -> String {
    format!(
        "http_server_requests_seconds_{what}{{error=\"none\",exception=\"none\",method=\"{method}\",\
         outcome=\"{outcome}\",status=\"{status}\",uri=\"{uri}\"}}"
    )
}

/// As built, the real servers do not answer there.
#[test]
fn there_is_no_page_unless_it_is_asked_for() {
    let stand = Stand::start(ready());
    assert_eq!(stand.call("GET", "/actuator/prometheus", None, None).status, 403);
}

#[test]
fn requests_are_counted_under_spring_s_names() {
    let stand = Stand::start(with_page(&["enter-slow=50ms"]));
    let _clients: Vec<_> = (13..16).map(|member| stand.open(member)).collect();
    stand.call("GET", "/mock/counters", None, None);
    assert_eq!(stand.about(13, "POST", CHALLENGE, "/enter").status, 400);
    let page = page(&stand);
    let enter = "/api/v1/challenges/{challengeId}/enter";
    assert_eq!(page[&requests("count", "POST", "SUCCESS", 200, enter)], 3.0);
    assert_eq!(page[&requests("count", "POST", "CLIENT_ERROR", 400, enter)], 1.0);
    assert_eq!(page[&requests("count", "POST", "SUCCESS", 200, "/api/v1/auth/test-login")], 4.0);
    let upgraded: f64 = ["/ws", "/ws/**"]
        .iter()
        .filter_map(|uri| page.get(&requests("count", "GET", "INFORMATIONAL", 101, uri)))
        .sum();
    assert_eq!(upgraded, 3.0);
    let (sum, max) = (
        page[&requests("sum", "POST", "SUCCESS", 200, enter)],
        page[&requests("max", "POST", "SUCCESS", 200, enter)],
    );
    // The mock server's clock has ticks of a part of a millisecond.
    assert!(max >= 0.049 && sum >= 3.0 * 0.049 && max <= sum, "{max} of {sum} s");
    assert!(page.keys().all(|name| !name.contains("/mock/") && !name.starts_with("jvm_")), "{page:?}");
}

#[test]
fn the_process_is_its_own() {
    let stand = Stand::start(with_page(&[]));
    let before = page(&stand);
    let clients: Vec<_> = (13..63).map(|member| stand.open(member)).collect();
    let after = page(&stand);
    let grown = after["process_files_open_files"] - before["process_files_open_files"];
    // Both ends are this process's.
    assert!((96.0..120.0).contains(&grown), "{grown} for {} sessions", clients.len());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let started = after["process_start_time_seconds"];
    assert_eq!(started, before["process_start_time_seconds"]);
    assert!((started + after["process_uptime_seconds"] - now).abs() < 1.0, "{after:?}");
    assert!((0.0..=1.0).contains(&after["process_cpu_usage"]), "{after:?}");
    assert!(after.keys().all(|name| !name.starts_with("hikaricp")), "it has no pool");
}

#[test]
fn an_exhausted_pool_and_cut_broadcasts_show() {
    let stand = Stand::start(with_page(&["pool-exhausted=30s@0"]));
    let pool = |page: &HashMap<String, f64>, what: &str| {
        page[&format!("hikaricp_connections_{what}{{pool=\"RunnityHikariPool\"}}")]
    };
    assert_eq!((pool(&page(&stand), "pending"), pool(&page(&stand), "idle")), (0.0, 10.0));

    let stand = Stand::start(with_page(&["pool-exhausted=300ms", "broadcast-cut@1"]));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| stand.call("POST", "/api/v1/auth/test-login?memberId=13", None, None));
        }
        eventually("two that wait", || pool(&page(&stand), "pending") == 2.0);
        assert_eq!(pool(&page(&stand), "active"), 10.0);
    });
    let after = page(&stand);
    assert_eq!((pool(&after, "pending"), pool(&after, "timeout_total")), (0.0, 2.0));
    assert_eq!(after["logback_events_total{level=\"error\"}"], 2.0);
    let failed = requests("sum", "POST", "SERVER_ERROR", 500, "/api/v1/auth/test-login");
    assert!(after[&failed] >= 2.0 * Duration::from_millis(299).as_secs_f64(), "{after:?}");
}

#[test]
fn what_nginx_answers_no_server_has_seen() {
    let stand = Stand::start(with_page(&["http-status=502"]));
    assert_eq!(stand.call("POST", "/api/v1/auth/test-login?memberId=13", None, None).status, 502);
    assert!(page(&stand).keys().all(|name| !name.contains("test-login")));
}
