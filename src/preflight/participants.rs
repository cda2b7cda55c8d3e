//! Checks the members' participation in the challenge: who waits to enter, who may return, who has
//! not joined, who cannot enter.
//!
//! By the same look-up as the [`challenge`](super::challenge) itself. Invariant: it decides as a
//! run does, which is refused where nobody can enter, and begins with a warning where somebody can.

use startline_os::units::grouped;

use super::format::{clean, listed};
use super::look_up::{CREATE_ANOTHER, LookUp, Wanted};
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::plan::schedule::{Standing, Status};

const ID: &str = "places";
const TITLE: &str = "participation";
const NEED: &str = "all waiting to enter, or may return";

/// The check, if it was not made.
pub(super) fn skipped(cause: &str) -> Check {
    Check::skipped(ID, TITLE, Figure::words(NEED), cause)
}

/// Judges a look-up of a challenge with this status.
pub(super) fn check(look_up: &LookUp<'_>, wanted: &Wanted<'_>, status: Status) -> Check {
    let waiting = wanted.waiting;
    let need = Figure::new(
        wanted.sessions.into(),
        "members",
        format!("all {} {waiting}, or may return", grouped(wanted.sessions.into())),
    );
    let Some(Standing { absent, may_return, first, barred }) = look_up.standing else {
        return Check::unknown(
            ID,
            TITLE,
            need,
            "the look-up lists no participants, or the scenario does not say where they are",
        );
    };
    let parts = [(first, waiting), (may_return, "may return"), (absent, "absent"), (barred, "barred")];
    let text: Vec<String> = parts
        .iter()
        .filter(|(count, what)| *count > 0 || *what == waiting)
        .map(|(count, what)| format!("{} {what}", grouped((*count).into())))
        .collect();
    let can_enter = u64::from(first) + u64::from(may_return);
    let check = Check::ok(ID, TITLE, Figure::new(can_enter, "members", text.join(", ")), need);
    let mut reasons = Vec::new();
    let mut fixes = Vec::new();
    if absent > 0 {
        let have = if absent == 1 { "has" } else { "have" };
        reasons.push(format!("{} {have} not joined", grouped(absent.into())));
        fixes.push(match (status, look_up.places_left) {
            (Status::Recruiting, Some(left)) if left < absent.into() => Fix::advice(format!(
                "the challenge has room for {} more: use fewer members, or create a larger challenge and have everyone join it",
                grouped(left)
            )),
            (Status::Recruiting, _) => wanted.join.clone(),
            _ => Fix::advice(format!("members can join only while it is RECRUITING: {CREATE_ANOTHER}")),
        });
    }
    if barred > 0 {
        let statuses: Vec<String> = look_up
            .barred
            .iter()
            .map(|(status, count)| format!("{} {}", grouped((*count).into()), clean(status)))
            .collect();
        reasons.push(format!("{} cannot enter ({})", grouped(barred.into()), listed(&statuses)));
        fixes.push(Fix::advice(format!("use other members, or {CREATE_ANOTHER}")));
    }
    if reasons.is_empty() {
        return check;
    }
    let (verdict, effect) = match can_enter {
        0 => (Verdict::Fail, "nobody can enter, so a run is refused"),
        _ => (Verdict::Warn, "the server refuses them at enter"),
    };
    check.but(verdict, format!("{}: {effect}", reasons.join(", ")), fixes)
}
