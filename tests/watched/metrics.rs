//! The metrics of a run, read by programs that others wrote: Prometheus, and its Python library's
//! strict parser of OpenMetrics.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::processes::MockServer;
use crate::common::scraped::Scraped;
use crate::common::{Run, eventually, number, results, summary};
use crate::watching::Watched;

/// Reads OpenMetrics and prints each metric with the number of its samples.
const PARSE: &str = "\
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
for it in parse(sys.stdin.read()):
    print(it.name, it.type, it.unit or '-', len(it.samples))
";

/// A Python that has the library; without one the test fails and prints the command that installs it.
#[track_caller]
fn python() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let pythons = std::env::split_paths(&path).map(|it| it.join("python3")).filter(|it| it.is_file());
    let has_it = |python: &PathBuf| {
        let import = ["-c", "import prometheus_client.openmetrics.parser"];
        let output = Command::new(python).args(import).output();
        output.is_ok_and(|output| output.status.success())
    };
    pythons.into_iter().find(has_it).unwrap_or_else(|| {
        panic!(
            "python3 has no prometheus_client. As root: apt-get install --no-install-recommends \
             python3-prometheus-client, or run scripts/test"
        )
    })
}

/// The metrics of a page, as the foreign parser understands them: type, unit, samples.
#[track_caller]
fn parsed(page: &str) -> BTreeMap<String, (String, String, usize)> {
    let mut command = Command::new(python());
    command.args(["-c", PARSE]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python starts");
    child.stdin.take().expect("piped").write_all(page.as_bytes()).expect("it reads all");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}\n{page}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, kind, unit, samples] = words[..] else { panic!("{line}") };
        (name.to_owned(), (kind.to_owned(), unit.to_owned(), samples.parse().expect("a count")))
    };
    text.lines().map(line).collect()
}

/// A run against servers that refuse one log-in in ten and lose one PONG in five; some of its sessions
/// drop, and come back.
fn faulty(mock: &MockServer, out: &std::path::Path) -> Run {
    Run::against(&mock.url, 60, out)
        .with("ramp", "4s")
        .with("hold", "6s")
        .with("ramp-down", "6s")
        .with("ping-interval", "1s")
        .with("pong-timeout", "500ms")
        .with("abort-on", "off")
        .with("drop", "30%@6s:fin")
        .and_tables("[reconnect]\nfirst_delay = \"500ms\"\nmax_delay = \"1s\"")
}

fn faulty_server() -> MockServer {
    let faults = ["--fault", "http-status=503@0.1", "--fault", "pong-lost@0.2"];
    MockServer::start(&[&["--members", "13-72", "--challenge", "38", "--ready"], &faults[..]].concat())
}

#[test]
fn a_foreign_parser_finds_nothing_wrong() {
    let temp = tempfile::tempdir().expect("a directory");
    let (mock, out) = (faulty_server(), results(&temp));
    let mut run = Scraped::start(&faulty(&mock, &out));
    // From the first page, before the load, to the last.
    let mut last = parsed(&run.page().expect("a page before the load"));
    eventually("a page of errors in the hold", || {
        let page = run.page().expect("the run goes on");
        last = parsed(&page);
        page.contains("{phase=\"hold\"} 1\n") && page.contains("kind=\"ping-timeout\"")
    });
    let of = |name: &str| last.get(name).cloned().unwrap_or_else(|| panic!("{name} in {last:#?}"));
    let is = |kind: &str, unit: &str| (kind.to_owned(), unit.to_owned());
    let (kind, unit, _) = of("startline_sessions_started");
    assert_eq!((kind, unit), is("counter", "-"));
    // Five steps from two instants: 36 buckets, a count and a sum.
    assert_eq!(of("startline_step_latency_seconds"), ("histogram".into(), "seconds".into(), 5 * 2 * 38));
    let (kind, unit, _) = of("startline_generator_resident_bytes");
    assert_eq!((kind, unit), is("gauge", "bytes"));
    assert_eq!(of("startline_build"), ("info".into(), "-".into(), 1));
    run.process.kill();
}

/// Asks Prometheus's API.
#[track_caller]
fn api(prometheus: &Watched, path: &str, parameters: &[(&str, &str)]) -> Value {
    let url = format!("http://{}/api/v1/{path}", prometheus.address());
    let mut request = ureq::get(&url).config().http_status_as_error(false).build();
    for (name, value) in parameters {
        request = request.query(name, value);
    }
    let text = request.call().expect("an answer").body_mut().read_to_string().expect("a body");
    let answer: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(answer["status"], "success", "{parameters:?}: {answer:#}");
    answer["data"].clone()
}

/// The value of an expression with one result.
#[track_caller]
fn value(prometheus: &Watched, expression: &str) -> f64 {
    let data = api(prometheus, "query", &[("query", expression)]);
    let values = data["result"].as_array().expect("a vector");
    assert_eq!(values.len(), 1, "{expression}: {data:#}");
    values[0]["value"][1].as_str().and_then(|text| text.parse().ok()).expect("a number")
}

/// The numbers that an expression had in the last two minutes.
#[track_caller]
fn numbers(prometheus: &Watched, expression: &str) -> Vec<f64> {
    let now = jiff::Timestamp::now().as_second();
    let (start, end) = ((now - 120).to_string(), now.to_string());
    let range = [("query", expression), ("start", &start), ("end", &end), ("step", "1")];
    let data = api(prometheus, "query_range", &range);
    let series = data["result"].as_array().expect("a matrix");
    let points = series.iter().flat_map(|it| it["values"].as_array().expect("values"));
    points.filter_map(|point| point[1].as_str()?.parse().ok()).filter(|it: &f64| it.is_finite()).collect()
}

/// Every expression of the dashboard, its variables' and annotations' as well, as Grafana asks them.
fn expressions_of_the_dashboard() -> Vec<String> {
    let text = include_str!("../../deploy/grafana/startline.json");
    let dashboard: Value = serde_json::from_str(text).expect("JSON");
    let mut found = Vec::new();
    collect(&dashboard, &mut found);
    let asked = |text: &String| {
        // `label_values(series, label)` is Grafana's own.
        let series = text.strip_prefix("label_values(").and_then(|it| it.rsplit_once(", "));
        let text = series.map_or(text.as_str(), |(series, _)| series);
        let text = text.replace("$__rate_interval", "4s").replace("$instance", ".*").replace("$step", ".*");
        assert!(!text.contains('$'), "{text} has a variable that this test does not know");
        text
    };
    found.iter().map(asked).collect()
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(text) if key == "expr" || key == "definition" => found.push(text.to_owned()),
                    _ => collect(value, found),
                }
            }
        }
        _ => {}
    }
}

/// What Prometheus has last, and what the summary says.
const SAME: [(&str, &str); 17] = [
    ("startline_sessions_planned", "/sessions/planned"),
    ("startline_sessions_started_total", "/sessions/started"),
    ("startline_sessions_opened_total", "/sessions/established"),
    ("startline_sessions_failed_total", "/sessions/failed"),
    ("startline_sessions_dropped_total", "/reconnects/dropped"),
    ("startline_reconnect_attempts_total", "/reconnects/attempts"),
    ("startline_sessions_recovered_total", "/reconnects/recovered"),
    ("startline_attempts_total", "/errors/attempts"),
    ("startline_errors_total", "/errors/total"),
    ("startline_errors_by_kind_total", "/errors/total"),
    ("startline_errors_by_kind_total{kind=\"http-503\"}", "/errors/by_kind/http-503"),
    ("startline_pings_due_total", "/ping/due"),
    ("startline_pings_answered_total", "/ping/answered"),
    ("startline_messages_total", "/messages/received"),
    ("startline_messages_total{kind=\"PONG\"}", "/messages/by_type/PONG"),
    ("startline_socket_bytes_total{direction=\"sent\"}", "/messages/socket_bytes_sent"),
    ("startline_step_latency_seconds_count{step=\"enter\",from=\"sent\"}", "/steps/enter/count"),
];

#[test]
fn a_real_prometheus_has_what_the_summary_says_and_the_dashboard_shows() {
    let temp = tempfile::tempdir().expect("a directory");
    let (mock, out) = (faulty_server(), results(&temp));
    // RECORDs: what is announced goes on when Prometheus has come to listen.
    let mut run = Scraped::start(&faulty(&mock, &out).with("record-interval", "1s"));
    let prometheus = Watched::prometheus(std::slice::from_ref(&run.address));
    assert_eq!(run.ended(), 1, "it fails by its errors");
    let summary = summary(&out);
    assert!(number(&summary, "/reconnects/recovered") > 0.0, "{:#}", summary["reconnects"]);
    for (expression, pointer) in SAME {
        let last = value(&prometheus, &format!("sum(last_over_time({expression}[1h]))"));
        assert_eq!(last, number(&summary, pointer), "{expression} and {pointer}");
    }
    let mean = summary["steps"]["enter"]["mean_ms"].as_f64().expect("a mean");
    let of = |part: &str| {
        format!(
            "last_over_time(startline_step_latency_seconds_{part}{{step=\"enter\",from=\"scheduled\"}}[1h])"
        )
    };
    let served = value(&prometheus, &format!("1000 * {} / {}", of("sum"), of("count")));
    assert!((served - mean).abs() <= 0.001, "{served} ms and {mean} ms");
    let failed: Vec<&str> = summary["criteria"]
        .as_array()
        .expect("criteria")
        .iter()
        .filter(|it| it["outcome"] == "fail")
        .filter_map(|it| it["name"].as_str())
        .collect();
    assert!(failed.contains(&"error-rate"), "{failed:?}");
    let state = "last_over_time(startline_criterion_state{criterion=\"error-rate\",state=\"fail\"}[1h])";
    assert_eq!(value(&prometheus, state), 1.0);

    let expressions = expressions_of_the_dashboard();
    assert!(expressions.len() > 50, "{expressions:?}");
    let empty: Vec<&String> = expressions.iter().filter(|it| numbers(&prometheus, it).is_empty()).collect();
    assert!(empty.is_empty(), "no data for {empty:#?}");
}
