//! `startline run --metrics`: where it listens, and scrapers that are no friends.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::scraped::Scraped;
use crate::common::{Run, eventually, number, results, summary};

#[test]
fn a_port_that_is_taken_is_refused_before_anything_is_loaded() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let finished = Run::small(20, &out).with("metrics", address).finish();
    finished.assert_status(2);
    let told =
        format!("error: --metrics {address}: another program listens there already; give another port");
    assert!(finished.stderr.contains(&told), "{}", finished.stderr);
    assert!(!out.exists(), "results of a run that never began");
    for (metrics, why) in [
        ("9464", "is not an IP address with a port"),
        ("127.0.0.1", "is not an IP address with a port"),
        ("192.0.2.1:9464", "cannot listen there"),
    ] {
        let finished = Run::small(20, &out).with("metrics", metrics).finish();
        finished.assert_status(2);
        assert!(
            finished.stderr.contains(why) && finished.stderr.contains("127.0.0.1:9464"),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn the_page_follows_the_run_to_its_end() {
    let temp = tempfile::tempdir().expect("a directory");
    // A phase is seen for sure if it takes longer than a second, after which the next reading comes.
    let mut run = Scraped::start(&Run::small(20, &results(&temp)).with("ramp-down", "2500ms"));
    let (mut phases, mut last) = (BTreeSet::new(), String::new());
    eventually("the end", || match run.page() {
        Some(page) => {
            let present = page
                .lines()
                .filter_map(|it| it.strip_prefix("startline_phase{phase=\"")?.strip_suffix("\"} 1"));
            phases.extend(present.map(str::to_owned));
            last = page;
            false
        }
        None => true,
    });
    assert_eq!(run.ended(), 0);
    assert!(["ramp", "hold", "ramp-down"].iter().all(|phase| phases.contains(*phase)), "{phases:?}");
    assert!(last.contains("\nstartline_sessions_opened_total 20\n"), "{last}");
}

/// Connections that say nothing, connections that ask and never read, and one that asks without a pause.
#[test]
fn hostile_scrapers_delay_nothing() {
    let temp = tempfile::tempdir().expect("a directory");
    let out = results(&temp);
    let mut run = Scraped::start(&Run::small(50, &out).flag("quiet"));
    let silent: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(&run.address).expect("a connection")).collect();
    for mut stream in silent.iter().take(50) {
        // Some are closed by now.
        let _ = stream.write_all(&b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50));
    }
    let has_ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let address = run.address.clone();
        let has_ended = &has_ended;
        scope.spawn(move || {
            while !has_ended.load(Ordering::Relaxed) {
                let Ok(mut stream) = TcpStream::connect(&address) else { break };
                let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
                let _ = stream.read(&mut [0; 1024]);
            }
        });
        eventually("a summary that says the end", || {
            std::fs::read_to_string(out.join("summary.json")).is_ok_and(|it| it.contains("\"finished\""))
        });
        let written = Instant::now();
        let status = run.ended();
        has_ended.store(true, Ordering::Relaxed);
        assert_eq!(status, 0);
        // Four at a time, 5 s each, 100 connections would take two minutes.
        assert!(written.elapsed() < Duration::from_secs(20), "the end took {:?}", written.elapsed());
    });
    let summary = summary(&out);
    assert_eq!(number(&summary, "/sessions/established"), 50.0);
    assert!(number(&summary, "/hold/seconds") < 3.5, "{:#}", summary["hold"]);
}
