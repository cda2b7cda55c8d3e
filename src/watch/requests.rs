//! The servers' own count and time of the requests that a scenario makes, as Spring Boot gives them by `uri`.
//!
//! Which `uri` is a step's follows from its path: what the template fills in is a variable of the
//! server's mapping. The upgrade is the one that is answered by 101. Opens nothing. Invariant: each
//! server is asked by one source, so that no request counts twice.

use std::time::Duration;

use super::file::Watch;
use super::item::{Item, Judge, Limits, Requests, What};
use crate::scenario::Scenario;
use crate::scenario::template::{Part, Template};

/// How often they are read: what counts is the first reading and the last.
const EVERY: Duration = Duration::from_secs(5);
/// Servers that have had no such request have no such series, but they have started.
const OR_NONE: &str = "or 0 * max(process_start_time_seconds)";

/// Adds them to the sources that can tell: a Prometheus server, or else the servers' own pages.
pub fn add(watch: &mut Watch, scenario: &Scenario) {
    let has = |kind: &str| {
        watch.sources.iter().any(|source| source.spec.kind() == kind && source.spec.has_figures())
    };
    let Some(kind) = ["prometheus", "metrics"].into_iter().find(|kind| has(kind)) else { return };
    let mut is_asked = false;
    for source in watch.sources.iter_mut().filter(|source| source.spec.kind() == kind) {
        // Two Prometheus servers may scrape the same servers; pages are a server's each.
        if kind == "metrics" || !std::mem::replace(&mut is_asked, true) {
            source.items.extend(items(scenario));
        }
    }
}

fn items(scenario: &Scenario) -> Vec<Item> {
    let mut items = Vec::new();
    for step in scenario.requests() {
        let (uri, pattern) = uri(&step.path);
        let of = format!("method=\"{}\",uri=~\"{pattern}\"", step.method);
        let errors = format!("sum(http_server_requests_seconds_count{{{of},status=~\"[45]..\"}})");
        items.extend(three(&step.name, &uri, &of, errors));
    }
    if scenario.websocket.is_some() {
        // Of the uris that upgrade, what did not.
        let by_uri = |status: &str| {
            format!("sum by (uri) (http_server_requests_seconds_count{{status{status}\"101\"}})")
        };
        let errors = format!("sum({} + 0 * {})", by_uri("!="), by_uri("="));
        items.extend(three("connect", "101", "status=\"101\"", errors));
    }
    items
}

fn three(step: &str, uri: &str, of: &str, errors: String) -> [Item; 3] {
    let count = format!("sum(http_server_requests_seconds_count{{{of}}})");
    let millis = format!("1000 * sum(http_server_requests_seconds_sum{{{of}}})");
    [(What::Count, "count", count), (What::Errors, "errors", errors), (What::Millis, "time", millis)].map(
        |(what, word, expression)| Item {
            name: format!("requests.{step}.{word}"),
            expression: format!("{expression} {OR_NONE}"),
            unit: String::new(),
            judge: Judge::Growth,
            limits: Limits::default(),
            every: EVERY,
            requests: Some(Requests { step: step.to_owned(), uri: uri.to_owned(), what }),
        },
    )
}

/// A path without its query, for people and as a regular expression.
fn uri(path: &Template) -> (String, String) {
    let (mut shown, mut pattern) = (String::new(), String::new());
    'parts: for part in &path.parts {
        let Part::Literal(bytes) = part else {
            shown.push('*');
            pattern.push_str("[^/]+");
            continue;
        };
        for c in String::from_utf8_lossy(bytes).chars() {
            match c {
                '?' => break 'parts,
                c => {
                    shown.push(c);
                    // Nothing is to mean more than itself, or to end the string that it stands in.
                    pattern.push(if c.is_alphanumeric() || "/-_".contains(c) { c } else { '.' });
                }
            }
        }
    }
    (shown, pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::prometheus::Prometheus;
    use crate::watch::{Spec, Watched, query};

    fn asked(source: Spec) -> Vec<Item> {
        let text = Scenario::builtin("runnity").expect("built in");
        let scenario = Scenario::compile("runnity", text, &[]).expect("it compiles");
        let mut watch =
            Watch { sources: vec![Watched { name: "p".into(), spec: source, items: Vec::new() }] };
        add(&mut watch, &scenario);
        watch.sources.remove(0).items
    }

    #[test]
    fn the_uri_is_the_steps_path() {
        let prometheus = Spec::Prometheus(Prometheus::at("http://p:9090").expect("a URL"));
        let items = asked(prometheus);
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names.len(), 9, "{names:?}");
        assert!(items.iter().all(|item| query::parse(&item.expression).is_ok()), "{items:#?}");
        let uris: Vec<&str> =
            items.iter().step_by(3).filter_map(|item| Some(item.requests.as_ref()?.uri.as_str())).collect();
        assert_eq!(uris, ["/api/v1/auth/test-login", "/api/v1/challenges/*/enter", "101"]);
        assert!(
            items[3].expression.contains("method=\"POST\",uri=~\"/api/v1/challenges/[^/]+/enter\""),
            "{}",
            items[3].expression
        );
        assert!(asked(Spec::Absent("prometheus")).is_empty());
    }
}
