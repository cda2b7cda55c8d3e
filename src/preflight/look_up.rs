//! The look-up of a challenge: what it answered, what the plan needs of it, and how to fix a
//! look-up that failed.
//!
//! Data alone. Invariant: the challenge's id is doubted only where the servers say that there is no
//! such challenge.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::checks::Fix;
use crate::plan::course::Finish;
use crate::plan::schedule::Standing;

/// The fix for a challenge that nobody can enter any more.
pub(super) const CREATE_ANOTHER: &str =
    "create another challenge, have everyone join it, and give its id with --challenge";

/// The answer to a look-up.
#[derive(Clone, Debug)]
pub struct LookUp<'l> {
    /// As the server names it.
    pub status: &'l str,
    /// `startAt`, by when everyone must have entered, in the server's local time.
    pub starts_at: &'l str,
    /// `endAt`, by when the hold must be over, likewise.
    pub ends_at: &'l str,
    /// When the challenge was created, likewise, if the answer says so.
    pub created_at: Option<&'l str>,
    /// How far the challenge is, in centimetres, if known.
    pub course_cm: Option<u64>,
    /// The server's clock.
    pub server_now: Timestamp,
    /// The plan's members by their participation, if the answer lists participants.
    pub standing: Option<Standing>,
    /// How many of those who cannot enter have which status.
    pub barred: BTreeMap<String, u32>,
    /// How many more can join it, if known.
    pub places_left: Option<u64>,
}

/// What the plan needs of the challenge.
#[derive(Clone, Debug)]
pub struct Wanted<'w> {
    /// The challenge that was looked up.
    pub id: u64,
    /// Whether other members of the plan are in other challenges.
    pub has_others: bool,
    /// Members that enter.
    pub sessions: u32,
    /// From the first arrival to the last.
    pub ramp: Duration,
    /// From then to the close of accounts.
    pub hold: Duration,
    /// Where sessions finish, if they do.
    pub finish: Option<Finish>,
    /// Whether the run waits for READY.
    pub wait_ready: bool,
    /// The zone of the server's times.
    pub zone: &'w TimeZone,
    /// The status of those who may enter first, as the scenario names it.
    pub waiting: &'w str,
    /// How absent members join while it is RECRUITING.
    pub join: Fix,
}

/// Why a look-up failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUpFailure {
    /// The server answered with this status, which is no success.
    Status(u16),
    /// The answer lacks what the scenario takes from it.
    Incomplete,
    /// There was no answer.
    NoAnswer,
}

impl LookUpFailure {
    /// How to fix it.
    pub(super) fn fix(self) -> &'static str {
        match self {
            Self::Status(404) => {
                "check its id (--challenge); the servers delete a challenge when its last member leaves"
            }
            Self::Status(401 | 403) => {
                "the servers do not accept the login for a look-up: check that the headers in the scenario's [schedule] name the \
                 member as these servers expect, and that this member may see the challenge"
            }
            Self::Status(300..=399) => {
                "the target redirects: give --target the URL of the servers themselves"
            }
            Self::Status(408 | 425 | 429) => {
                "the servers, or a proxy, are too busy for one look-up: see their logs, then retry"
            }
            Self::Status(500..) => {
                "see the servers' logs at this time: they failed, whatever the challenge is"
            }
            Self::Status(_) => {
                "the look-up does not answer as the scenario describes it: check that the scenario's [schedule] fits these servers, \
                 and that no proxy refuses the request"
            }
            Self::Incomplete => {
                "the scenario's [schedule] says where status, startAt and endAt are in the answer: check that it fits these servers"
            }
            Self::NoAnswer => {
                "check that the server is up; its log and its proxy's have this request, if it arrived"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_doubted_only_where_there_is_no_such_challenge() {
        let statuses = [301, 400, 401, 403, 418, 429, 500, 502];
        let others = statuses
            .map(LookUpFailure::Status)
            .into_iter()
            .chain([LookUpFailure::Incomplete, LookUpFailure::NoAnswer]);
        for other in others {
            assert!(!other.fix().contains("--challenge"), "{other:?}");
        }
        assert!(LookUpFailure::Status(404).fix().contains("--challenge"));
    }

    #[test]
    fn the_fix_depends_on_who_failed() {
        for (unfound, words) in [
            (LookUpFailure::Status(503), "the servers' logs"),
            (LookUpFailure::Status(429), "too busy"),
            (LookUpFailure::Status(401), "do not accept the login"),
            (LookUpFailure::Status(403), "do not accept the login"),
            (LookUpFailure::Status(302), "the target redirects"),
            (LookUpFailure::Status(400), "as the scenario describes it"),
            (LookUpFailure::Incomplete, "the scenario's [schedule] says where"),
            (LookUpFailure::NoAnswer, "check that the server is up"),
        ] {
            assert!(unfound.fix().contains(words), "{unfound:?}");
        }
    }
}
