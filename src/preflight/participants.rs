//! Everyone's place in the challenge: who waits to enter, who may return, who has not joined, and who cannot enter.
//!
//! By the same look-up as the [`challenge`](super::challenge) itself. As a run has it: refused where nobody can enter, begun with a
//! warning where somebody can.

use super::challenge::{LookUp, MAKE_ANOTHER, Wanted};
use super::words::{clean, listed};
use super::{Check, Figure, Remedy, Verdict};
use crate::plan::schedule::{Standing, Status};
use crate::units::grouped;

const ID: &str = "places";
const TITLE: &str = "members' places";
const NEED: &str = "all waiting to enter, or may return";

/// What is not asked since something else failed.
pub(super) fn unknown(why: &str) -> Check {
    Check::unknown(ID, TITLE, Figure::words(NEED), why)
}

/// Judges it.
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
            "because the look-up lists nobody, or the scenario does not say where",
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
    let mut remedies = Vec::new();
    if absent > 0 {
        let have = if absent == 1 { "has" } else { "have" };
        reasons.push(format!("{} {have} not joined", grouped(absent.into())));
        remedies.push(match (status, look_up.places_left) {
            (Status::Recruiting, Some(left)) if left < absent.into() => Remedy::advice(format!(
                "the challenge has room for {} more: take fewer members, or create a larger challenge and have everyone join that",
                grouped(left)
            )),
            (Status::Recruiting, _) => wanted.join.clone(),
            _ => Remedy::advice(format!("joining needs RECRUITING: {MAKE_ANOTHER}")),
        });
    }
    if barred > 0 {
        let statuses: Vec<String> = look_up
            .barred
            .iter()
            .map(|(status, count)| format!("{} {}", grouped((*count).into()), clean(status)))
            .collect();
        reasons.push(format!("{} cannot enter ({})", grouped(barred.into()), listed(&statuses)));
        remedies.push(Remedy::advice(format!("take other members, or {MAKE_ANOTHER}")));
    }
    if reasons.is_empty() {
        return check;
    }
    // As a run has it: refused where nobody can enter, begun with a warning where somebody can.
    let (verdict, so) = match can_enter {
        0 => (Verdict::Fail, "nobody can enter, so a run is refused"),
        _ => (Verdict::Warn, "each of them is refused at enter"),
    };
    check.but(verdict, format!("{}: {so}", reasons.join(", ")), remedies)
}
