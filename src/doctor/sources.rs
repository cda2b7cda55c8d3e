//! Checks source addresses: whether each belongs to this machine and can reach the target.

use std::net::{IpAddr, SocketAddr};

use startline_os::system::Owner;
use startline_os::units::counted;
use startline_os::units::grouped;

use super::fixes;
use super::need::Need;
use super::readings::Readings;
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::plan::sources::as_ranges;

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    if need.sources.is_empty() { Vec::new() } else { vec![check(need, readings)] }
}

/// What is wrong with some of the addresses.
struct Trouble {
    with: Vec<IpAddr>,
    verdict: Verdict,
    why: String,
    fixes: Vec<Fix>,
}

fn check(need: &Need, readings: &Readings) -> Check {
    let given = need.sources.len() as u64;
    let troubles: Vec<Trouble> = [
        of_another_family(need),
        not_of_this_machine(need, readings),
        of_the_loopback(need, readings),
        perhaps_not_of_this_machine(readings),
    ]
    .into_iter()
    .flatten()
    .collect();
    let is_usable = |source: &&IpAddr| !troubles.iter().any(|trouble| trouble.with.contains(source));
    let usable = need.sources.iter().filter(is_usable).count() as u64;
    let check = Check::ok(
        "source-addresses",
        "source addresses",
        Figure::new(usable, "addresses", format!("{} usable", grouped(usable))),
        Figure::count(given, "addresses"),
    );
    let Some(worst) = troubles.iter().map(|trouble| trouble.verdict).max() else { return check };
    let (mut whys, mut fixes) = (Vec::new(), Vec::new());
    for trouble in troubles.into_iter().filter(|trouble| trouble.verdict == worst) {
        whys.push(trouble.why);
        fixes.extend(trouble.fixes);
    }
    check.but(worst, whys.join("; "), fixes)
}

/// Sessions with such an address would get another one, which is not what was asked for.
fn of_another_family(need: &Need) -> Option<Trouble> {
    let targets = need.targets.iter().map(SocketAddr::ip);
    let destinations: Vec<IpAddr> = targets.chain(need.others.iter().map(|(address, _)| *address)).collect();
    let leads_somewhere =
        |source: &IpAddr| destinations.iter().any(|address| address.is_ipv4() == source.is_ipv4());
    let with: Vec<IpAddr> = need.sources.iter().copied().filter(|source| !leads_somewhere(source)).collect();
    let (first, target) = (with.first()?, destinations.first()?);
    let (theirs, its) = (family(first), family(target));
    let what = if with.len() == 1 { format!("an {theirs} address") } else { format!("{theirs} addresses") };
    let why = format!(
        "{}, and the target has only {its} addresses ({target}): no connection can come from there",
        are(&with, &what)
    );
    let fixes = vec![Fix::advice(format!("leave {} out of --source-ip", them(&with)))];
    Some(Trouble { with, verdict: Verdict::Refuse, why, fixes })
}

fn not_of_this_machine(need: &Need, readings: &Readings) -> Option<Trouble> {
    let foreign = |owner: &Owner| match owner {
        Owner::Another(why) => Some(why.clone()),
        Owner::ThisMachine | Owner::Unclear(_) => None,
    };
    let (with, reason) = of_owner(readings, foreign)?;
    let why = format!("{}: {reason}", are(&with, "not of this machine"));
    let fixes = to_add(need, &with);
    Some(Trouble { with, verdict: Verdict::Refuse, why, fixes })
}

fn perhaps_not_of_this_machine(readings: &Readings) -> Option<Trouble> {
    let unclear = |owner: &Owner| match owner {
        Owner::Unclear(why) => Some(why.clone()),
        Owner::ThisMachine | Owner::Another(_) => None,
    };
    let (with, reason) = of_owner(readings, unclear)?;
    let why = format!("{}: {reason}", are(&with, "perhaps not of this machine"));
    let fixes = vec![fixes::whose(with[0])];
    Some(Trouble { with, verdict: Verdict::Warn, why, fixes })
}

/// The source addresses of such owners, and the reason that the first of them has.
fn of_owner(readings: &Readings, reason: impl Fn(&Owner) -> Option<String>) -> Option<(Vec<IpAddr>, String)> {
    let mut of_them =
        readings.trials.sources.iter().filter_map(|(address, owner)| Some((*address, reason(owner)?)));
    let (first, reason) = of_them.next()?;
    Some((std::iter::once(first).chain(of_them.map(|(address, _)| address)).collect(), reason))
}

/// From the loopback the kernel sends to this machine only.
fn of_the_loopback(need: &Need, readings: &Readings) -> Option<Trouble> {
    let mut verdict = None;
    let mut target = None;
    let with: Vec<IpAddr> = need.sources.iter().copied().filter(IpAddr::is_loopback).collect();
    for (address, owner) in &readings.trials.targets {
        let worse = match owner {
            Owner::ThisMachine => None,
            Owner::Unclear(_) => Some(Verdict::Warn),
            Owner::Another(_) => Some(Verdict::Refuse),
        };
        if with.iter().any(|source| source.is_ipv4() == address.is_ipv4()) && worse > verdict {
            (verdict, target) = (worse, Some(*address));
        }
    }
    let (verdict, target) = (verdict?, target?);
    let is = if verdict == Verdict::Refuse { "is" } else { "is perhaps" };
    let why = format!(
        "{}, and the target {target} {is} not on this machine: the kernel does not connect one to the other",
        are(&with, "of the loopback")
    );
    let fixes = vec![Fix::advice(format!(
        "leave {} out of --source-ip, or give addresses of the interface towards the target",
        them(&with)
    ))];
    Some(Trouble { with, verdict, why, fixes })
}

/// How to give this machine addresses that are not its own.
fn to_add(need: &Need, foreign: &[IpAddr]) -> Vec<Fix> {
    let Some(first) = foreign.first() else { return Vec::new() };
    // The device is found by the route to the address, and to one of the loopback's neighbours
    // there need not be any.
    let is_near = need.targets.iter().all(|target| target.ip().is_loopback());
    let (option, device) = if is_near { (" --dev lo", "lo") } else { ("", "DEVICE") };
    let by_hand = if is_near { "" } else { "; DEVICE is the interface towards the target" };
    let (prefix, options) = if first.is_ipv4() { (32, "") } else { (128, " nodad") };
    vec![
        Fix::root(
            "gives them to this machine until the next boot",
            format!("startline addresses add {}{option}", as_ranges(foreign).join(" ")),
        ),
        Fix::root(
            format!("does one by hand{by_hand}"),
            format!("ip addr add {first}/{prefix} dev {device}{options}"),
        ),
    ]
}

fn are(some: &[IpAddr], what: &str) -> String {
    match some {
        [one] => format!("{one} is {what}"),
        some => format!("{} are {what}, the first is {}", grouped(some.len() as u64), some[0]),
    }
}

fn them(some: &[IpAddr]) -> String {
    match some {
        [one] => one.to_string(),
        some => format!("these {}", counted(some.len() as u64, "address", "addresses")),
    }
}

fn family(address: &IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}
