//! The moment before other people's servers are loaded: who, how many, how fast, how long, and time to think again.
//!
//! Opens nothing. Invariants: this machine's own servers are loaded at once, and so is everything where nobody
//! looks: a script has no terminal.

use std::io::IsTerminal;
use std::net::IpAddr;
use std::time::Duration;

use startline_os::units::{duration_text, grouped};

use crate::interrupt::Interrupt;
use crate::plan::Plan;
use crate::terminal::{StatusLine, tell};

/// Long enough to read a line, and to press Ctrl-C.
const SECONDS: u64 = 5;

/// Counts down once, for all of these plans, where somebody can see it; `false`: a signal came.
pub fn count_down<'p>(plans: impl IntoIterator<Item = &'p Plan>, interrupt: &Interrupt) -> bool {
    let others: Vec<String> = plans.into_iter().filter_map(others).collect();
    if others.is_empty() || !std::io::stderr().is_terminal() {
        return true;
    }
    others.iter().for_each(|line| tell(line));
    let mut line = StatusLine::new(Duration::from_secs(SECONDS));
    for left in (1..=SECONDS).rev() {
        line.show(|_| format!("in {left} s (Ctrl-C stops it, --yes skips the wait)"));
        if !interrupt.sleep(Duration::from_secs(1)) {
            break;
        }
    }
    line.clear();
    interrupt.reason().is_none()
}

/// What others are about to get; `None` of a plan for this machine alone.
fn others(plan: &Plan) -> Option<String> {
    let addresses: Vec<IpAddr> = plan.target.addresses.iter().map(|address| address.ip()).collect();
    let first = addresses.iter().find(|address| !address.is_loopback())?;
    let search = plan.search();
    let steps = search.map(|search| search.steps);
    let rate = steps.map_or(plan.arrivals_per_s(), |it| Some(f64::from(it.step) / it.ramp.as_secs_f64()));
    let rate = match rate {
        Some(rate) => format!("{rate:.1} a second"),
        None => "all at once".to_owned(),
    };
    let settings = &plan.settings;
    Some(format!(
        "{} sessions, {rate}, for {}{}{}, are about to load {}://{}:{} ({first}{})",
        grouped(if steps.is_some() { settings.sessions.into() } else { plan.lives }),
        if search.is_some_and(|search| !search.reentry) { "up to " } else { "" },
        duration_text(settings.ramp + settings.hold + settings.ramp_down),
        // As many levels as it takes are tried between two steps.
        if search.is_some_and(|search| search.reentry) { " or longer" } else { "" },
        plan.target.scheme,
        plan.target.host,
        plan.target.port,
        if addresses.len() > 1 { ", …" } else { "" },
    ))
}
