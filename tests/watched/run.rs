//! `startline run` that watches: a real Prometheus, a real Redis, pages that change.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::served::{Served, check, found, usual};
use crate::common::{Finished, Run, eventually, let_pass, number, results, summary, text};
use crate::pages::{BUSINESS, Page, WEBSOCKET};
use crate::watching::Watched;

/// What a watched figure came to.
#[track_caller]
fn item<'s>(summary: &'s Value, name: &str) -> &'s Value {
    let items = summary["watch"]["items"].as_array().expect("watched");
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name} in {items:#?}"))
}

fn watched(temp: &tempfile::TempDir, content: &str, run: impl FnOnce(Run) -> Run) -> (Finished, Value) {
    let file = temp.path().join("watch.toml");
    fs::write(&file, content).expect("written");
    let out = results(temp);
    let finished = run(Run::small(4, &out).with("hold", "6s").with("watch", text(&file))).finish();
    let summary = summary(&out);
    (finished, summary)
}

fn block(page: &Page, name: &str, more: &str) -> String {
    format!(
        "[[watch]]\nsource = \"metrics\"\nurl = \"{}\"\nname = \"{name}\"\nevery = \"500ms\"\n{more}\n",
        page.url()
    )
}

/// Waits until Prometheus can answer rates of both servers.
fn await_rates(server: &Watched) {
    let url = format!("http://{}/api/v1/query", server.address());
    let query = "count(rate(jvm_gc_pause_seconds_count[1m]))";
    eventually("two scrapes of both servers", || {
        let mut answer = ureq::get(&url).query("query", query).call().expect("an answer");
        let json: Value =
            serde_json::from_str(&answer.body_mut().read_to_string().expect("text")).expect("JSON");
        json["data"]["result"][0]["value"][1]
            .as_str()
            .is_some_and(|count| count.parse::<u32>().is_ok_and(|count| count >= 4))
    });
}

/// Waits until Prometheus has this many threads of the page.
fn await_scrape(server: &Watched, threads: &str) {
    eventually("a scrape", || {
        let url = format!("http://{}/api/v1/query", server.address());
        let mut answer =
            ureq::get(&url).query("query", "jvm_threads_live_threads").call().expect("an answer");
        answer.body_mut().read_to_string().expect("text").contains(&format!("\"{threads}\""))
    });
}

/// With the real servers' pages, every figure of the built-in set is there but those of cAdvisor, nginx and logs.
#[test]
fn the_built_in_set_finds_the_real_servers_figures() {
    let served = Served::ready();
    let (business, websocket) = (Page::of(BUSINESS), Page::of(WEBSOCKET));
    let prometheus = Watched::prometheus(&[business.address.clone(), websocket.address.clone()]);
    let redis = Watched::redis(&[]);
    await_rates(&prometheus);
    let (url, address) = (format!("http://{}", prometheus.address()), redis.address());
    let args = [&usual(&served.url)[..], &["--prometheus", &url, "--redis", &address]].concat();
    let report = found(0, &args);
    let checks = report["checks"].as_array().expect("checks");
    let figures: Vec<&Value> = checks.iter().filter(|check| check["id"] == "watch-figures").collect();
    let reading = |k: usize| figures[k]["reading"]["text"].as_str().expect("text").to_owned();
    assert_eq!(figures.len(), 3, "{figures:#?}");
    assert_eq!(reading(0), "22 of 27 figures seen", "{:#?}", figures[0]);
    let why = figures[0]["why"].as_str().expect("a reason");
    assert!(
        why.starts_with("rss, rss-per-session, rss-growth: ")
            && why.contains("container-cpu, container-memory: "),
        "{why}"
    );
    assert!(figures[0]["fixes"].to_string().contains("run cAdvisor"), "{:#?}", figures[0]);
    assert_eq!([reading(1), reading(2)], ["11 of 11 figures seen", "3 of 3 figures seen"]);
    check(&report, "watch-prometheus");
}

#[test]
fn figures_of_prometheus_and_redis_are_judged_and_drawn() {
    let temp = tempfile::tempdir().expect("a directory");
    let page = Page::of(WEBSOCKET);
    let prometheus = Watched::prometheus(std::slice::from_ref(&page.address));
    let redis = Watched::redis(&[]);
    let heap = "100 * max(sum by (instance) (jvm_memory_used_bytes{area=\\\"heap\\\"}) / sum by (instance) (jvm_memory_max_bytes{area=\\\"heap\\\"} > 0))";
    let content = format!(
        "[[watch]]\nsource = \"prometheus\"\nurl = \"http://{}\"\nname = \"heap\"\nexpression = \"{heap}\"\nunit = \"%\"\nwarn_over = 50\nevery = \"1s\"\n\
         [[watch]]\nsource = \"prometheus\"\nname = \"threads\"\nexpression = \"max(jvm_threads_live_threads)\"\nevery = \"1s\"\n\
         [[watch]]\nsource = \"prometheus\"\nname = \"nowhere\"\nexpression = \"max(container_memory_usage_bytes)\"\nfail_over = 1\nevery = \"1s\"\n\
         [[watch]]\nsource = \"redis\"\nname = \"ping\"\naddress = \"{}\"\nexpression = \"ping.p95_ms\"\nunit = \"ms\"\nfail_over = 5000\njudge = \"p95\"\nevery = \"1s\"\n",
        prometheus.address(),
        redis.address()
    );
    await_scrape(&prometheus, "149");
    let (finished, summary) = watched(&temp, &content, |run| run);
    finished.assert_status(0);
    // 576 MB of 1 GiB, in Prometheus's own arithmetic.
    let heap = item(&summary, "heap");
    assert!((number(heap, "/value") - 53.65).abs() < 0.1, "{heap:#}");
    assert_eq!((&heap["outcome"], &heap["source"]), (&"warn".into(), &"prometheus".into()));
    assert_eq!(
        (&item(&summary, "threads")["value"], &item(&summary, "threads")["outcome"]),
        (&149.0.into(), &Value::Null)
    );
    assert_eq!(item(&summary, "ping")["outcome"], "pass");
    let nowhere = item(&summary, "nowhere");
    assert_eq!(nowhere["outcome"], "not-measured");
    assert!(nowhere["fix"].as_str().expect("text").contains("cAdvisor"), "{nowhere:#}");
    assert!(
        finished.stdout.contains("1 not measured (1 of the servers)")
            || finished.stdout.contains("not measured"),
        "{}",
        finished.stdout
    );
    let recorded = startline::report::recorded::read(&results(&temp)).expect("it reads");
    let threads = recorded.watch.iter().find(|series| series.item == "threads").expect("a series");
    assert!(
        threads.points.len() >= 4 && threads.points.iter().all(|(_, value)| *value == 149.0),
        "{threads:?}"
    );
}

#[test]
fn a_restart_and_a_pool_that_times_out_fail_the_run() {
    let temp = tempfile::tempdir().expect("a directory");
    let page = Page::of(BUSINESS);
    let pool = block(
        &page,
        "pool",
        "expression = \"sum(hikaricp_connections_timeout_total)\"\nfail_over = 0\njudge = \"growth\"",
    );
    let file = temp.path().join("watch.toml");
    fs::write(&file, pool).expect("written");
    let out = results(&temp);
    let mut child = Run::small(4, &out).with("hold", "8s").with("watch", text(&file)).start();
    eventually("three readings", || lines(&out.join("watch.csv")) > 3);
    let line =
        |begin: &str| BUSINESS.lines().find(|line| line.starts_with(begin)).expect("a line").to_owned();
    let changed =
        BUSINESS.replace(&line("process_start_time_seconds "), "process_start_time_seconds 1.8E9").replace(
            &line("hikaricp_connections_timeout_total{"),
            "hikaricp_connections_timeout_total{pool=\"RunnityHikariPool\"} 188.0",
        );
    page.replace(&changed);
    eventually("the end", || child.try_wait().expect("our own").is_some());
    let summary = summary(&out);
    assert_eq!((&summary["verdict"], &summary["exit_status"]), (&"fail".into(), &1.into()), "{summary:#}");
    let pool = item(&summary, "pool");
    assert_eq!((&pool["outcome"], number(pool, "/value")), (&"fail".into(), 188.0 - before()), "{pool:#}");
    let event = &summary["watch"]["events"][0];
    assert_eq!((&event["kind"], &event["subject"]), (&"restarted".into(), &page.url().into()));
    assert!(event["evidence"].as_str().expect("text").contains("1800000000"), "{event:#}");
    assert!(summary["reasons"].to_string().contains("servers-up"), "{:#}", summary["reasons"]);
}

/// Timeouts on the page as it was.
fn before() -> f64 {
    let line = BUSINESS
        .lines()
        .find(|line| line.starts_with("hikaricp_connections_timeout_total{"))
        .expect("a line");
    line.rsplit(' ').next().expect("a value").parse().expect("a number")
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn what_is_not_there_says_what_to_add() {
    for (status, fix) in [
        (404, "io.micrometer:micrometer-registry-prometheus"),
        (403, "allow the page in the server's security configuration"),
    ] {
        let temp = tempfile::tempdir().expect("a directory");
        let page = Page::of(BUSINESS);
        page.answer(status);
        let content = block(&page, "cpu", "expression = \"max(process_cpu_usage)\"\nfail_over = 1");
        let (finished, summary) = watched(&temp, &content, |run| run.with("require", "all"));
        let cpu = item(&summary, "cpu");
        assert_eq!(cpu["outcome"], "not-measured");
        assert!(cpu["fix"].as_str().expect("text").contains(fix), "{cpu:#}");
        assert!(
            cpu["fix"]
                .as_str()
                .expect("text")
                .contains("management.endpoints.web.exposure.include=prometheus")
        );
        finished.assert_status(3);
        assert!(finished.stdout.contains("--require all wants it"), "{}", finished.stdout);
    }
}

/// A source that never answers costs neither the run nor another source anything.
#[test]
fn a_source_that_hangs_delays_nobody() {
    let temp = tempfile::tempdir().expect("a directory");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let page = Page::of(BUSINESS);
    let address = silent.local_addr().expect("bound");
    let hanging = format!(
        "[[watch]]\nsource = \"metrics\"\nurl = \"http://{address}/metrics\"\nname = \"silent\"\nexpression = \"up\"\nfail_over = 1\n"
    );
    let content = hanging + &block(&page, "threads", "expression = \"max(jvm_threads_live_threads)\"");
    let began = std::time::Instant::now();
    let (finished, summary) = watched(&temp, &content, |run| run);
    finished.assert_status(0);
    assert!(began.elapsed().as_secs() < 40, "{:?}", began.elapsed());
    assert_eq!(item(&summary, "silent")["outcome"], "not-measured");
    assert!(number(item(&summary, "threads"), "/readings") >= 6.0, "{summary:#}");
}

/// What a Prometheus that was away for a while has in its history is judged as well.
#[test]
fn what_was_missed_is_asked_for_at_the_end() {
    let temp = tempfile::tempdir().expect("a directory");
    let page = Page::of(BUSINESS);
    let prometheus = Watched::prometheus(std::slice::from_ref(&page.address));
    await_scrape(&prometheus, "33");
    let way = Way::to(&prometheus.address());
    let content = format!(
        "[[watch]]\nsource = \"prometheus\"\nurl = \"http://{}\"\nname = \"threads\"\nexpression = \"max(jvm_threads_live_threads)\"\nfail_over = 1000\nevery = \"500ms\"\n",
        way.address
    );
    let file = temp.path().join("watch.toml");
    fs::write(&file, content).expect("written");
    let out = results(&temp);
    let mut child = Run::small(4, &out).with("hold", "8s").with("watch", text(&file)).start();
    eventually("two readings", || lines(&out.join("watch.csv")) > 2);
    way.close(true);
    let threads =
        BUSINESS.lines().find(|line| line.starts_with("jvm_threads_live_threads ")).expect("a line");
    page.replace(&BUSINESS.replace(threads, "jvm_threads_live_threads 5000"));
    // Three scrapes have the high value, and nobody could ask for it then.
    let_pass(std::time::Duration::from_secs(3));
    page.replace(BUSINESS);
    let_pass(std::time::Duration::from_millis(1_500));
    way.close(false);
    eventually("the end", || child.try_wait().expect("our own").is_some());
    let summary = summary(&out);
    let threads = item(&summary, "threads");
    assert_eq!((&threads["outcome"], &threads["value"]), (&"fail".into(), &5_000.0.into()), "{threads:#}");
}

/// A way to a server that can be closed: connections through it end at once then.
struct Way {
    address: String,
    is_closed: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Way {
    fn to(server: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let is_closed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (server, closed) = (server.to_owned(), std::sync::Arc::clone(&is_closed));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, closed) = (server.clone(), std::sync::Arc::clone(&closed));
                std::thread::spawn(move || serve(client, &server, &closed));
            }
        });
        Self { address, is_closed }
    }

    fn close(&self, is_closed: bool) {
        self.is_closed.store(is_closed, std::sync::atomic::Ordering::Relaxed);
    }
}

/// One request a connection, so that a closed way is closed to everyone.
fn serve(mut client: std::net::TcpStream, server: &str, closed: &std::sync::atomic::AtomicBool) {
    use std::io::{BufReader, Read, Write};
    let Ok(reading) = client.try_clone() else { return };
    let Some(request) = crate::common::http::read_request(&mut BufReader::new(reading)) else { return };
    if closed.load(std::sync::atomic::Ordering::Relaxed) {
        return;
    }
    let Ok(mut to) = std::net::TcpStream::connect(server) else { return };
    let asked = format!("{request} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    if to.write_all(asked.as_bytes()).is_ok() && to.read_to_end(&mut answer).is_ok() {
        drop(client.write_all(&answer));
    }
}
