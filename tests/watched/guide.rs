//! The guide's whole verdict from one command: `run --prometheus --redis` against servers whose pages are the real
//! ones', growing as the sessions come, with a real Prometheus that scrapes them and a real Redis.
//!
//! To look at what comes of it: `STARTLINE_OUT=DIR scripts/test --test watched the_guide_s_table` leaves the results
//! and the printed summary in that directory.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::served::Served;
use crate::common::{Run, eventually, number, summary};
use crate::pages::{BUSINESS, Page, WEBSOCKET};
use crate::watching::Watched;

const SESSIONS: u32 = 400;
/// Heap that the played server takes for each.
const BYTES_PER_SESSION: f64 = 1_500.0;

/// What needs cAdvisor, process-exporter, nginx or a log: servers of these pages alone do not show it.
const ELSEWHERE: [&str; 10] = [
    "broadcasts-cut",
    "container-cpu",
    "container-memory",
    "nginx-499-502",
    "nginx-enter-p95",
    "nginx-spread",
    "out-of-memory",
    "rss",
    "rss-growth",
    "rss-per-session",
];

/// A server whose page has the names and labels of a real one's: what it says of requests is the mock server's own,
/// what it says of its Java machine is played, from the page that the real one had.
fn server(mock: &Served, text: &'static str, is_own: fn(&str) -> bool) -> Page {
    let (url, began) = (format!("{}/actuator/prometheus", mock.url), Instant::now());
    Page::counting(move |_| {
        let actuator = ureq::get(&url).call().and_then(|mut answer| answer.body_mut().read_to_string());
        let requests = actuator.unwrap_or_default();
        let requests: Vec<&str> = requests
            .lines()
            .filter(|line| line.starts_with("http_server_requests_seconds") && is_own(line))
            .collect();
        let upgrades =
            requests.iter().filter(|line| line.contains("_count{") && line.contains("status=\"101\""));
        let open = upgrades.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum();
        let own = text.lines().filter(|line| !line.starts_with("http_server_requests_seconds"));
        let own = own.map(|line| played(line, open, began.elapsed()));
        own.chain(requests.into_iter().map(String::from)).map(|line| line + "\n").collect()
    })
}

/// A line of the page once this many sessions are open, and so much time has passed.
fn played(line: &str, open: f64, passed: Duration) -> String {
    let Some((series, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) else {
        return line.to_owned();
    };
    let (Ok(value), passed_s) = (value.parse::<f64>(), passed.as_secs_f64()) else { return line.to_owned() };
    let name = series.split('{').next().unwrap_or_default();
    // The heap of both fixtures is of a power of two.
    let heap = if open > 0.0 { 1_073_741_824.0 } else { 536_870_912.0 };
    let value = match name {
        "jvm_memory_usage_after_gc" => value + BYTES_PER_SESSION * open / heap,
        "jvm_memory_used_bytes" if series.contains("Eden") => value * (0.2 + 0.8 * (passed_s / 7.0).fract()),
        "jvm_memory_used_bytes" if series.contains("Old Gen") => value + BYTES_PER_SESSION * open,
        "jvm_gc_pause_seconds_count" if series.contains("Evacuation") => value + (passed_s / 7.0).floor(),
        "jvm_gc_pause_seconds_sum" if series.contains("Evacuation") => {
            value + (passed_s / 7.0).floor() * 0.02
        }
        "process_cpu_usage" => 0.1 + open / 4_000.0 + 0.02 * (passed_s / 9.0).sin(),
        "process_files_open_files" => value + open,
        "process_uptime_seconds" => value + passed_s,
        _ => value,
    };
    format!("{series} {value}")
}

#[test]
fn the_guide_s_table_comes_out_filled() {
    let temp = tempfile::tempdir().expect("a directory");
    let kept = std::env::var_os("STARTLINE_OUT").map(PathBuf::from);
    let base = kept.as_deref().unwrap_or(temp.path());
    fs::create_dir_all(base).expect("created");
    let out = base.join("results");
    let redis = Watched::redis(&[]);
    let url = format!("redis://{}", redis.address());
    let members = format!("13-{}", 12 + SESSIONS);
    let mock =
        Served::start(&["--ready", "--actuator", "--servers", "2", "--members", &members, "--redis", &url]);
    let business = server(&mock, BUSINESS, |line| line.contains("uri=\"/api"));
    let websocket = server(&mock, WEBSOCKET, |line| line.contains("uri=\"/ws"));
    let prometheus = Watched::prometheus(&[business.address.clone(), websocket.address.clone()]);
    await_scrapes(&prometheus);
    let run = Run::against(&mock.url, SESSIONS, &out)
        .with("ramp", "28s")
        .with("hold", "68s")
        .with("ping-interval", "5s")
        .with("ramp-down", "1s")
        .with("prometheus", format!("http://{}", prometheus.address()))
        .with("redis", &url);
    // Somebody who looks at it wants the guide's limits, too.
    let run = if kept.is_some() { run.with("scenario", "runnity") } else { run };
    let finished = run.finish();
    fs::write(base.join("summary.txt"), &finished.stdout).expect("written");
    finished.assert_status(0);
    let summary = summary(&out);
    assert_filled(&summary);
    assert_requests(&summary, &finished.stdout);
    let age = number(&summary, "/ticket_age/p95_ms");
    assert!(age > 0.0 && age <= number(&summary, "/steps/connect/max_ms") + 0.1, "{age}");
}

/// Waits until Prometheus has a rate of each server.
fn await_scrapes(prometheus: &Watched) {
    let url = format!("http://{}/api/v1/query", prometheus.address());
    eventually("two scrapes of both servers", || {
        let mut answer = ureq::get(&url)
            .query("query", "count(rate(process_uptime_seconds[1m]))")
            .call()
            .expect("an answer");
        let json: Value =
            serde_json::from_str(&answer.body_mut().read_to_string().expect("text")).expect("JSON");
        json["data"]["result"][0]["value"][1] == "2"
    });
}

fn assert_filled(summary: &Value) {
    let items = summary["watch"]["items"].as_array().expect("watched");
    let name = |item: &Value| item["name"].as_str().expect("text").to_owned();
    let mut missing: Vec<String> =
        items.iter().filter(|item| item["outcome"] == "not-measured").map(name).collect();
    missing.sort();
    assert_eq!(missing, ELSEWHERE, "{items:#?}");
    let of = |wanted: &str| items.iter().find(|item| item["name"] == wanted).expect("in the set");
    assert!(of("rss-per-session")["fix"].as_str().expect("text").contains("process-exporter"), "{items:#?}");
    // What one more session takes is what was played.
    let each = number(of("heap-per-session"), "/value");
    assert!((each - BYTES_PER_SESSION).abs() < 0.2 * BYTES_PER_SESSION, "{each}");
    assert_eq!(of("heap-per-session")["outcome"], "pass");
    assert!(number(of("redis-memory-per-session"), "/value").is_finite());
    assert!(number(of("heap-growth"), "/value").abs() < 0.1, "{:#}", of("heap-growth"));
    assert_eq!(number(of("pubsub-servers"), "/value"), 2.0);
    assert!(number(of("open-files"), "/value") >= f64::from(SESSIONS), "{:#}", of("open-files"));
}

fn assert_requests(summary: &Value, stdout: &str) {
    let rows = summary["watch"]["requests"].as_array().expect("rows");
    let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
    let steps: Vec<(String, String)> = rows.iter().map(|row| (text(row, "step"), text(row, "uri"))).collect();
    let expected =
        [("login", "/api/v1/auth/test-login"), ("enter", "/api/v1/challenges/*/enter"), ("connect", "101")];
    assert_eq!(steps, expected.map(|(step, uri)| (step.to_owned(), uri.to_owned())));
    for row in rows {
        // The first member logs in for the look-up as well.
        let count = number(row, "/count");
        assert!((f64::from(SESSIONS)..=f64::from(SESSIONS) + 2.0).contains(&count), "{row:#}");
        assert_eq!(number(row, "/error_share"), 0.0, "{row:#}");
        let (server, own) = (number(row, "/mean_ms"), number(row, "/own_mean_ms"));
        assert!(server > 0.0 && server < own, "{row:#}");
        assert!((number(row, "/difference_ms") - (own - server)).abs() < 0.01, "{row:#}");
        assert!(number(row, "/per_second") > 5.0, "{row:#}");
    }
    for part in ["at the servers", "ticket age", "heap-per-session"] {
        assert!(stdout.contains(part), "{part} is not in {stdout}");
    }
}
