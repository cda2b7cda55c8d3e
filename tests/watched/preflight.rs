//! What is watched, real and gone: pages, Redis, Prometheus.

use std::fs;

use serde_json::Value;

use crate::common::eventually;
use crate::common::processes::free_port;
use crate::common::served::{
    Served, assert_check, assert_others_well, check, found, found_by, preflight, usual,
};
use crate::common::text;
use crate::watching::Watched;

/// What preflight finds with this file of what is watched.
#[track_caller]
fn watching(status: i32, served: &Served, content: &str) -> Value {
    watching_with(status, served, content, &[])
}

#[track_caller]
fn watching_with(status: i32, served: &Served, content: &str, variables: &[(&str, &str)]) -> Value {
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("watch.toml");
    fs::write(&file, content).expect("written");
    let args = [&usual(&served.url)[..], &["--json", "--watch", text(&file)]].concat();
    found_by(status, preflight(&args).envs(variables.iter().copied()))
}

fn redis(server: &Watched, more: &str) -> String {
    format!("[[watch]]\nsource = \"redis\"\nname = \"cache\"\naddress = \"{}\"\n{more}", server.address())
}

#[test]
fn pages_are_asked_and_read() {
    let served = Served::ready();
    let page = |path: &str, more: &str| {
        format!("[[watch]]\nsource = \"page\"\nname = \"page\"\nurl = \"{}{path}\"\n{more}\n", served.url)
    };
    let report = watching(0, &served, &page("/mock/counters", "contains = \"connected\""));
    assert_others_well(&report, &[]);
    assert_eq!(check(&report, "watch-http")["title"], "page");
    let report = watching(1, &served, &page("/mock/counters", "contains = \"Grafana\""));
    assert_check(&report, "watch-http", "fail", "does not contain \"Grafana\"; it says {\"");
    assert_others_well(&report, &["watch-http"]);
    let report = watching(1, &served, &page("/nowhere", ""));
    assert_check(&report, "watch-http", "fail", "/nowhere answers 403");
    watching(0, &served, &page("/nowhere", "status = 403"));
}

#[test]
fn a_page_that_is_gone_fails_alone() {
    let served = Served::ready();
    let gone = format!(
        "[[watch]]\nsource = \"page\"\nname = \"grafana\"\nurl = \"http://127.0.0.1:{}/\"\n",
        free_port()
    );
    let here =
        format!("[[watch]]\nsource = \"page\"\nname = \"page\"\nurl = \"{}/mock/counters\"\n", served.url);
    let report = watching(1, &served, &format!("{gone}{here}"));
    assert_check(&report, "watch-http", "fail", "refused");
    let last = report["checks"].as_array().and_then(|checks| checks.last()).expect("a check");
    assert_eq!((&last["title"], &last["verdict"]), (&"page".into(), &"ok".into()));
}

/// What is watched does not hang on the target.
#[test]
fn a_target_that_is_gone_is_no_reason_not_to_look() {
    let mut served = Served::ready();
    served.kill();
    let server = Watched::redis(&[]);
    let report = watching(3, &served, &redis(&server, ""));
    assert_check(&report, "target", "fail", "refused");
    assert_check(&report, "watch-redis", "ok", "");
}

#[test]
fn a_redis_is_pinged_and_its_memory_read() {
    let (served, server) = (Served::ready(), Watched::redis(&["--maxmemory", "100mb"]));
    let report = watching(0, &served, &redis(&server, ""));
    let cache = check(&report, "watch-redis");
    assert_eq!(cache["title"], "Redis cache");
    let reading = cache["reading"]["text"].as_str().expect("text");
    assert!(reading.starts_with("PING p50 ") && reading.ends_with(" of 105 MB"), "{reading}");
    assert!(cache["reading"]["value"].as_u64().is_some_and(|micros| micros > 0), "{cache}");
}

#[test]
fn a_full_redis_fails() {
    let (served, server) = (Served::ready(), Watched::redis(&["--maxmemory", "100kb"]));
    let report = watching(1, &served, &redis(&server, ""));
    assert_check(&report, "watch-redis", "fail", "its memory is full: noeviction decides");
    assert_others_well(&report, &["watch-redis"]);
}

#[test]
fn a_redis_s_password_comes_from_the_environment() {
    let (served, server) = (Served::ready(), Watched::redis(&["--requirepass", "geheim"]));
    let report = watching(1, &served, &redis(&server, ""));
    let cache = assert_check(&report, "watch-redis", "fail", "NOAUTH");
    assert!(cache["fixes"][0]["text"].as_str().expect("text").contains("password_env"), "{cache}");
    let with = redis(&server, "password_env = \"PREFLIGHT_TEST_REDIS\"\n");
    let report = watching_with(0, &served, &with, &[("PREFLIGHT_TEST_REDIS", "geheim")]);
    assert_check(&report, "watch-redis", "ok", "");
    let report = watching_with(1, &served, &with, &[("PREFLIGHT_TEST_REDIS", "falsch")]);
    let cache = assert_check(&report, "watch-redis", "fail", "");
    assert!(cache["fixes"][0]["text"].as_str().expect("text").contains("refused the password"), "{cache}");
    assert!(!report.to_string().contains("falsch"), "{report:#}");
}

#[test]
fn a_redis_that_is_gone_fails() {
    let served = Served::ready();
    let report = watching(
        1,
        &served,
        &format!("[[watch]]\nsource = \"redis\"\nname = \"a\"\naddress = \"127.0.0.1:{}\"", free_port()),
    );
    assert_check(&report, "watch-redis", "fail", "refused");
}

fn prometheus(server: &Watched, more: &str) -> String {
    format!(
        "[[watch]]\nsource = \"prometheus\"\nname = \"Prometheus\"\nurl = \"http://{}\"\n{more}",
        server.address()
    )
}

/// Waits until Prometheus has scraped all of its targets once.
fn await_scrapes(server: &Watched) {
    let url = format!("http://{}/api/v1/targets?state=active", server.address());
    eventually("a scrape of everything", || {
        let mut answer = ureq::get(&url).call().expect("an answer");
        let body = answer.body_mut().read_to_string().expect("a body");
        let json: Value = serde_json::from_str(&body).expect("JSON");
        let targets = json["data"]["activeTargets"].as_array().expect("targets");
        !targets.is_empty() && targets.iter().all(|target| target["health"] != "unknown")
    });
}

#[test]
fn a_prometheus_that_scrapes_is_well() {
    let (served, server) = (Served::ready(), Watched::prometheus(&[]));
    await_scrapes(&server);
    let report = watching(0, &served, &prometheus(&server, "targets = [\"prometheus\"]"));
    assert_others_well(&report, &[]);
    assert_eq!(check(&report, "watch-prometheus")["reading"]["text"], "1 of 1 active targets up");
}

#[test]
fn a_prometheus_with_a_target_down_is_told() {
    let gone = format!("127.0.0.1:{}", free_port());
    let (served, server) = (Served::ready(), Watched::prometheus(std::slice::from_ref(&gone)));
    await_scrapes(&server);
    let report = watching(1, &served, &prometheus(&server, ""));
    assert_check(&report, "watch-prometheus", "fail", &format!("down: business {gone} ("));
    let report = watching(0, &served, &prometheus(&server, "targets = [\"prometheus\"]"));
    assert_check(&report, "watch-prometheus", "warn", "other targets are down or late: business");
    let report = watching(1, &served, &prometheus(&server, "targets = [\"websocket\"]"));
    let why = "no active target has the job or instance websocket (its jobs: business, prometheus)";
    assert_check(&report, "watch-prometheus", "fail", why);
}

#[test]
fn what_is_no_prometheus_is_told() {
    let served = Served::ready();
    let report = watching(
        1,
        &served,
        &format!("[[watch]]\nsource = \"prometheus\"\nname = \"Prometheus\"\nurl = \"{}\"", served.url),
    );
    assert_check(&report, "watch-prometheus", "fail", "answers 403 and no list of targets");
}

/// The table of everything at once, as it is read.
#[test]
fn what_is_watched_is_in_the_table() {
    let (served, server) = (Served::ready(), Watched::redis(&[]));
    let report = found(0, &usual(&served.url));
    assert!(report["checks"].as_array().expect("checks").iter().all(|it| it["id"] != "watch-redis"));
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("watch.toml");
    fs::write(&file, redis(&server, "")).expect("written");
    let finished =
        crate::common::served::printed(&[&usual(&served.url)[..], &["--watch", text(&file)]].concat());
    finished.assert_status(0);
    assert!(finished.stdout.contains("\n✓ Redis cache"), "{}", finished.stdout);
}
