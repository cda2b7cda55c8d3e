//! Checks whether the kernel has a route to the target. Sends nothing.

use std::net::IpAddr;

use startline_os::units::{counted, grouped};

use super::need::Need;
use super::readings::{Found, Readings, Route};
use crate::checks::{Check, Figure, Fix, Verdict};

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    vec![check(need, readings)]
}

fn check(need: &Need, readings: &Readings) -> Check {
    let routes = &readings.trials.routes;
    let all = routes.len() as u64;
    let nowhere: Vec<(&Route, &str)> = routes
        .iter()
        .filter_map(|route| match &route.found {
            Found::Nothing(why) => Some((route, why.as_str())),
            Found::From(_) | Found::Unclear => None,
        })
        .collect();
    let found = all - nowhere.len() as u64;
    let reading = Figure::new(found, "routes", format!("{} found", grouped(found)));
    let check = Check::ok("route", "routes to the target", reading, Figure::count(all, "routes"));
    // WebSockets may go to the other hosts, and need not.
    let is_target = |(route, _): &&(&Route, &str)| need.targets.iter().any(|target| target.ip() == route.to);
    let of_target = nowhere.iter().find(is_target);
    let Some((route, reason)) = of_target.or(nowhere.first()) else { return check };
    let verdict = if of_target.is_some() { Verdict::Refuse } else { Verdict::Warn };
    let more = match nowhere.len() as u64 - 1 {
        0 => String::new(),
        others => format!(" ({} missing in all)", counted(others + 1, "route is", "routes are")),
    };
    let from = route.from.map(|from| format!(" from {from}")).unwrap_or_default();
    let why =
        format!("there is no route{from} to {}{more}: {reason}", destination(route.to, of_target.is_some()));
    check.but(verdict, why, fixes_for(need, route))
}

fn destination(to: IpAddr, is_target: bool) -> String {
    format!("{} {to}", if is_target { "the target" } else { "another host that WebSockets may go to," })
}

fn fixes_for(need: &Need, route: &Route) -> Vec<Fix> {
    if route.to.is_loopback() {
        return vec![Fix::root("brings the loopback up", "ip link set lo up")];
    }
    let from = route.from.map(|from| format!(" from {from}")).unwrap_or_default();
    let mut fixes = vec![Fix::command(
        "shows the kernel's answer: give this machine a route there, or correct the target",
        format!("ip route get {}{from}", route.to),
    )];
    if need.targets.len() > 1 {
        fixes.push(Fix::advice(
            "if the target's other addresses are enough, name only those: --resolve HOST:PORT:ADDRESS,…",
        ));
    }
    fixes
}
