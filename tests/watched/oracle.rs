//! The evaluator of pages against Prometheus: the same expressions over the same samples.

use std::collections::BTreeMap;

use serde_json::Value;
use startline::watch::query::{Answer, History, Sample, evaluate, parse};

use crate::common::eventually;
use crate::pages::Page;
use crate::watching::Watched;

/// Scrapes that are compared.
const SCRAPES: usize = 9;

/// A page with everything that makes answers differ: resets, series that come, histograms, a negative gauge.
fn page(k: u32) -> String {
    let c = f64::from(k);
    let reset = if k < 5 { c * 7.0 + 100.0 } else { (c - 5.0) * 3.0 };
    let late = if k >= 3 { format!("late_total{{x=\"new\"}} {}\n", c - 3.0) } else { String::new() };
    format!(
        "# TYPE steady_total counter\nsteady_total{{uri=\"/a\",status=\"200\"}} {}\nsteady_total{{uri=\"/a\",status=\"500\"}} {}\n\
         steady_total{{uri=\"/b\",status=\"200\"}} {}\nreset_total {reset}\n{late}\
         heap{{area=\"heap\",id=\"old\"}} {}\nheap{{area=\"heap\",id=\"eden\"}} 2e6\nheap{{area=\"nonheap\",id=\"meta\"}} 5e5\n\
         most{{area=\"heap\",id=\"old\"}} 1e7\nmost{{area=\"heap\",id=\"eden\"}} -1\n\
         took_bucket{{le=\"0.1\"}} {}\ntook_bucket{{le=\"0.5\"}} {}\ntook_bucket{{le=\"+Inf\"}} {}\nzero_total 0\n",
        c * 10.0,
        c * 0.5,
        1e6 + c * 4.0,
        1e6 + c * 1e4,
        c * 5.0,
        c * 9.0,
        c * 10.0,
    )
}

const EXPRESSIONS: [&str; 31] = [
    "steady_total",
    "steady_total{uri=\"/b\"}",
    "heap{id=~\"ol.\"}",
    "heap{id!~\"ol.|eden\"}",
    "heap{id!=\"old\",area=\"heap\"}",
    "heap{none=\"\"}",
    "gone",
    "sum(rate(steady_total[1m]))",
    "sum(rate(steady_total{status=~\"5..\"}[4s]))",
    "sum by (uri) (increase(steady_total[1m]))",
    "max(sum by (uri) (increase(steady_total[5s])))",
    "sum(increase(reset_total[1m]))",
    "sum(rate(reset_total[3s]))",
    "sum(increase(late_total[1m]))",
    "sum(rate(late_total[4s]))",
    "sum(rate(zero_total[1m]))",
    "rate(reset_total[1m]) / rate(zero_total[1m])",
    "100 * sum(rate(steady_total{status=\"500\"}[1m])) / sum(rate(steady_total[1m]))",
    "max(sum by (area) (heap) / sum by (area) (most > 0))",
    "sum without (id, instance, job) (heap)",
    "avg(heap) + count(heap) - min(heap) * 2",
    "sum(gone) or 0 * count(heap)",
    "heap{id=\"old\"} or heap{id=\"meta\"}",
    "heap > 1e6",
    "1e6 < heap",
    "-sum(heap) / -2",
    "1 + 2 * 3 - 4 / 8",
    "histogram_quantile(0.5, sum by (le) (rate(took_bucket[1m])))",
    "histogram_quantile(0.9, took_bucket)",
    "histogram_quantile(0.99, took_bucket)",
    "steady_total / reset_total",
];

fn ask(server: &Watched, path: &str, query: &str, time: Option<&str>) -> Value {
    let url = format!("http://{}/api/v1/{path}", server.address());
    let mut request = ureq::get(&url).query("query", query);
    if let Some(time) = time {
        request = request.query("time", time);
    }
    let body = request.call().expect("an answer").body_mut().read_to_string().expect("a body");
    serde_json::from_str(&body).expect("JSON")
}

/// Samples by the time of their scrape.
fn samples(server: &Watched) -> BTreeMap<u64, Vec<Sample>> {
    let json = ask(server, "query", "{job=\"business\"}[1m]", None);
    let mut scrapes: BTreeMap<u64, Vec<Sample>> = BTreeMap::new();
    for series in json["data"]["result"].as_array().expect("series") {
        let labels = series["metric"].as_object().expect("labels").iter();
        let labels: Vec<_> = labels.map(|(k, v)| (k.clone(), v.as_str().expect("text").to_owned())).collect();
        for point in series["values"].as_array().expect("points") {
            let at_ms = (point[0].as_f64().expect("a time") * 1e3).round() as u64;
            let value = point[1].as_str().expect("text").parse().expect("a number");
            scrapes.entry(at_ms).or_default().push(Sample { labels: labels.clone(), value });
        }
    }
    scrapes
}

#[test]
fn answers_are_prometheus_s_own() {
    let page = Page::counting(page);
    let server = Watched::prometheus(std::slice::from_ref(&page.address));
    let mut scrapes = BTreeMap::new();
    eventually("enough scrapes", || {
        scrapes = samples(&server);
        scrapes.len() >= SCRAPES
    });
    let now_ms = *scrapes.keys().next_back().expect("scrapes");
    // Seconds since then keep all their digits.
    let first_ms = *scrapes.keys().next().expect("scrapes");
    let time = format!("{}.{:03}", now_ms / 1_000, now_ms % 1_000);
    for expression in EXPRESSIONS {
        let query = parse(expression).unwrap_or_else(|why| panic!("{expression}: {why}"));
        let mut history = History::new(&query);
        for (at_ms, samples) in &scrapes {
            history.add(&query, samples, (at_ms - first_ms) as f64 / 1e3);
        }
        let json = ask(&server, "query", expression, Some(&time));
        let result = &json["data"]["result"];
        let own = evaluate(&query, &history);
        if json["status"] == "error" {
            assert_eq!(own, Answer::Ambiguous, "{expression}: {json}");
            continue;
        }
        let values: Vec<&Value> = match json["data"]["resultType"].as_str() {
            Some("scalar") => vec![result],
            _ => result.as_array().expect("series").iter().map(|series| &series["value"]).collect(),
        };
        match values.as_slice() {
            [] => assert_eq!(own, Answer::Nothing, "{expression}"),
            [one] => {
                let wanted: f64 = one[1].as_str().expect("text").parse().expect("a number");
                let Answer::Figure(figure) = own else { panic!("{expression}: {own:?} and {wanted}") };
                let is_same = (figure - wanted).abs() <= wanted.abs() * 1e-9
                    || figure.to_string() == wanted.to_string();
                assert!(is_same, "{expression}: {figure}, Prometheus says {wanted}");
            }
            several => assert_eq!(own, Answer::Several(several.len()), "{expression}: {json}"),
        }
    }
}
