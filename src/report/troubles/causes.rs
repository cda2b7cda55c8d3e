//! Which signs are another trouble's consequence: nginx's 502 while a server is down, members of a server
//! that died at the others.
//!
//! Invariant: a sign is taken out only for a trouble that the same result names.

use super::rule::{How, Rule};
use super::table::{DEATHS, RULES};
use super::{Finding, RunResult, Side};

/// What the two sides call by different names is taken for one server if it came within this.
const NEAR_SECONDS: f64 = 60.0;

/// The findings of this rule that no other trouble explains; `found`: all findings, by rule.
pub(super) fn unexplained(
    rule: &Rule,
    found: &[Vec<Finding>],
    own: usize,
    result: &RunResult,
) -> Vec<Finding> {
    let mut left = found[own].clone();
    let Some((how, names)) = rule.explained else { return left };
    let of = |names: &[&str]| {
        let named = RULES.iter().zip(found).filter(|(rule, _)| names.contains(&rule.name));
        named.flat_map(|(_, findings)| findings.iter().filter(|one| one.is_enough).cloned()).collect()
    };
    let mut causes: Vec<Finding> = of(names);
    let deaths: Vec<Finding> = of(DEATHS);
    let seen_dying = deaths.iter().filter(|death| death.side == Side::Client && death.server.is_some());
    adopt_places(&mut causes, seen_dying.collect(), result);
    match how {
        How::Moved => left.retain(|finding| !causes.iter().any(|cause| has_moved(finding, cause, result))),
        How::SameServer | How::Died => {
            left.retain(|finding| !causes.iter().any(|cause| is_at_same(finding, cause)));
        }
    }
    if how == How::Died {
        for cause in &causes {
            explain_nearest(&mut left, cause, |one| one.server.is_some() && !is_known(one, result));
            // What the client cannot place either says nothing of other signs.
            if cause.side == Side::Servers && !is_known(cause, result) {
                explain_nearest(&mut left, cause, |one| one.side == Side::Client);
            }
        }
    }
    // What only supports is nothing without what it supports.
    if !left.iter().any(|finding| finding.is_enough) {
        left.clear();
    }
    left
}

/// Gives causes that only the servers' side can name the place where the client saw one die at that
/// time, each a place of its own.
fn adopt_places(causes: &mut [Finding], mut seen: Vec<&Finding>, result: &RunResult) {
    for cause in causes.iter_mut().filter(|cause| !is_known(cause, result)) {
        let Some(nearest) = nearest(seen.iter().copied(), cause) else { continue };
        let place = nearest.server.clone();
        seen.retain(|death| death.server != place);
        cause.server = place;
    }
}

fn nearest<'f>(findings: impl Iterator<Item = &'f Finding>, cause: &Finding) -> Option<&'f Finding> {
    let distance = |finding: &Finding| match (finding.at, cause.at) {
        (Some(at), Some(then)) => (at - then).abs(),
        _ => 0.0,
    };
    let near = findings.filter(|finding| finding.is_enough && distance(finding) <= NEAR_SECONDS);
    near.min_by(|one, other| distance(one).total_cmp(&distance(other)))
}

/// Takes out the findings of the one place where such a sign came nearest to the cause's time.
fn explain_nearest(left: &mut Vec<Finding>, cause: &Finding, is_candidate: impl Fn(&Finding) -> bool) {
    let nearest = nearest(left.iter().filter(|finding| is_candidate(finding)), cause);
    if let Some(place) = nearest.map(|finding| finding.server.clone()) {
        left.retain(|finding| finding.server != place);
    }
}

fn is_at_same(finding: &Finding, cause: &Finding) -> bool {
    let places = finding.server.as_deref().zip(cause.server.as_deref());
    places.is_some_and(|(one, other)| is_same_server(one, other))
}

/// Whether the client knows the place by this name.
fn is_known(finding: &Finding, result: &RunResult) -> bool {
    let is_it = |url: &str| finding.server.as_deref().is_some_and(|place| is_same_server(url, place));
    result.servers.iter().any(|(url, _)| is_it(url))
}

/// Whether members came to this server because another was gone by then.
fn has_moved(finding: &Finding, cause: &Finding, result: &RunResult) -> bool {
    let Some(server) = finding.server.as_deref() else { return false };
    let last = result.servers.get(server).and_then(|server| server.last_opened_seconds);
    let was_in_time = cause.at.zip(last).is_none_or(|(at, last)| at <= last);
    was_in_time && !cause.server.as_deref().is_some_and(|place| is_same_server(server, place))
}

/// Whether two names are one server's: URLs, or hosts with or without a path, as sources have them.
pub(super) fn is_same_server(one: &str, other: &str) -> bool {
    let (one, other) = (parts(one), parts(other));
    one.0 == other.0 && (one.1 == other.1 || one.1.is_empty() || other.1.is_empty())
}

/// Host with port, and path.
fn parts(name: &str) -> (&str, &str) {
    let name = name.rsplit(' ').next().unwrap_or(name);
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    let (host, path) = name.split_at(name.find('/').unwrap_or(name.len()));
    let host = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host);
    // Of a page of metrics, the host is the server.
    let path = path.trim_end_matches('/');
    (host, if path.starts_with("/actuator") { "" } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_several_names() {
        let url = "wss://runnity.example:443/ws/ws1";
        for (other, is_same) in [
            ("runnity.example/ws/ws1", true),
            ("websocket runnity.example", true),
            ("https://runnity.example/actuator/prometheus", true),
            ("runnity.example/ws/ws2", false),
            ("runnity.example:8081/ws/ws1", false),
            ("/var/log/ws1.log", false),
        ] {
            assert_eq!(is_same_server(url, other), is_same, "{other}");
        }
    }
}
