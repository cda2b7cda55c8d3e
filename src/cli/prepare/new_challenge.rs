//! The options that describe a new challenge; the same for `prepare challenge` and `prepare all`.

use clap::Args;
use jiff::civil::DateTime;

use super::super::values;
use crate::prepare::challenge::Distance;
use crate::prepare::new_challenge::ChallengeOptions;

/// The smallest number that the servers accept.
pub(crate) const PARTICIPANTS_MIN: u32 = 2;

/// The new challenge.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug)]
pub struct NewChallengeArgs {
    /// The member who creates the challenge and is thereby in it; any member may.
    #[arg(long, value_name = "ID", value_parser = values::id, allow_negative_numbers = true, help_heading = "Challenge")]
    pub admin: u64,

    /// Title, at most 100 characters [default: startline and the server's time].
    #[arg(long, value_name = "TEXT", help_heading = "Challenge")]
    pub title: Option<String>,

    /// Description [default: startline's name and version].
    #[arg(long, value_name = "TEXT", help_heading = "Challenge")]
    pub description: Option<String>,

    /// Maximum number of members, its creator included; at least 2 [default: the members, and one for its creator].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = room, help_heading = "Challenge")]
    pub max_participants: Option<u32>,

    /// Distance, which sets the time from startAt to endAt: M100 5m, M500 10m, ONE 20m, TWO 30m, THREE 45m, FOUR and
    /// FIVE 1h, SIX 1h15m, SEVEN 1h30m, EIGHT 1h45m, NINE and TEN 2h, FIFTEEN 2h15m, HALF 3h.
    #[arg(long, value_name = "NAME", value_parser = Distance::named, default_value = "FIVE", help_heading = "Challenge")]
    pub distance: Distance,

    /// Make it private: members need this password to join (prepare join --password).
    #[arg(long, value_name = "TEXT", value_parser = not_empty, help_heading = "Challenge")]
    pub password: Option<String>,

    /// Set isBroadcast. Members hear of each other either way.
    #[arg(long, help_heading = "Challenge")]
    pub broadcast: bool,

    /// Start, in the server's local time (--time-zone), such as 2026-03-01T10:00; more than 10 minutes ahead
    /// [default: one and a half times the joins' duration plus 5 minutes, at least 11 minutes ahead].
    #[arg(long, value_name = "LOCALTIME", value_parser = values::local_time, help_heading = "Challenge")]
    pub start_at: Option<DateTime>,
}

impl From<NewChallengeArgs> for ChallengeOptions {
    fn from(args: NewChallengeArgs) -> Self {
        let NewChallengeArgs {
            admin,
            title,
            description,
            max_participants,
            distance,
            password,
            broadcast,
            start_at,
        } = args;
        Self { admin, title, description, max_participants, distance, password, broadcast, start_at }
    }
}

/// Parses how many members a challenge takes.
pub(crate) fn room(text: &str) -> Result<u32, String> {
    match values::count(text)? {
        count if count < PARTICIPANTS_MIN => {
            Err(format!("a challenge takes {PARTICIPANTS_MIN} at least, its creator included"))
        }
        count => Ok(count),
    }
}

pub(crate) fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty; leave the option out for a challenge without a password".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_takes_two_members_at_least() {
        assert!(room("1").expect_err("refused").contains("2 at least"));
        assert_eq!(room("2"), Ok(2));
    }
}
