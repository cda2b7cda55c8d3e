//! What a new challenge is to be: the options that say so, and the request's body that they make.
//!
//! The same for `prepare challenge` and `prepare all`. What the servers check themselves is left to them. Invariant: nothing here
//! asks a clock; the server's comes in.

use anyhow::{Result, bail};
use clap::Args;
use jiff::Zoned;
use jiff::civil::DateTime;

use super::super::values;
use crate::plan::Rate;
use crate::prepare::challenge::{Distance, NewChallenge};
use crate::units::grouped;

/// The fewest that the servers take.
const PARTICIPANTS_MIN: u32 = 2;

/// What the challenge is to be.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug)]
pub struct AboutArgs {
    /// The member who creates the challenge, and is in it by that: an administrator of the servers.
    #[arg(long, value_name = "ID", value_parser = values::id, help_heading = "Challenge")]
    pub admin: u64,

    /// Its title, 100 characters at most [default: startline and the server's time].
    #[arg(long, value_name = "TEXT", help_heading = "Challenge")]
    pub title: Option<String>,

    /// Its description [default: startline's name and version].
    #[arg(long, value_name = "TEXT", help_heading = "Challenge")]
    pub description: Option<String>,

    /// How many have room in it [default: those who are to join, and its creator].
    #[arg(long, value_name = "N", value_parser = values::count, help_heading = "Challenge")]
    pub max_participants: Option<u32>,

    /// Its distance, which says how long it lasts from startAt to endAt: M100 5m, M500 10m, ONE 20m, TWO 30m, THREE 45m, FOUR and
    /// FIVE 1h, SIX 1h15m, SEVEN 1h30m, EIGHT 1h45m, NINE and TEN 2h, FIFTEEN 2h15m, HALF 3h.
    #[arg(long, value_name = "NAME", value_parser = Distance::named, default_value = "FIVE", help_heading = "Challenge")]
    pub distance: Distance,

    /// Make it private: who joins has to give this password (prepare join --password).
    #[arg(long, value_name = "TEXT", value_parser = not_empty, help_heading = "Challenge")]
    pub password: Option<String>,

    /// Mark it as broadcast (isBroadcast). Members are told of each other either way.
    #[arg(long, help_heading = "Challenge")]
    pub broadcast: bool,

    /// Its start, in the server's local time (--time-zone), such as 2026-03-01T10:00; more than 10 minutes and at most a week
    /// ahead by the server's clock [default: 5 minutes of READY after the joins, with half as much time again; 11 minutes at least].
    #[arg(long, value_name = "LOCALTIME", value_parser = values::local_time, help_heading = "Challenge")]
    pub start_at: Option<DateTime>,
}

/// Who are to join before it is READY.
#[derive(Clone, Copy, Debug)]
pub struct Joins {
    /// How many.
    pub members: u32,
    /// How fast.
    pub rate: Rate,
    /// They were asked for, and not taken for want of anything better.
    pub are_given: bool,
}

impl AboutArgs {
    /// How many have room in it.
    pub fn room(&self, joins: &Joins) -> u32 {
        self.max_participants.unwrap_or(joins.members.saturating_add(1)).max(PARTICIPANTS_MIN)
    }

    /// Refuses a challenge that is too small for those who are to join it.
    ///
    /// # Errors
    /// It is.
    pub fn check_room(&self, joins: &Joins) -> Result<()> {
        let room = self.room(joins);
        if joins.are_given && room < joins.members {
            bail!(
                "--max-participants {}: {} members are to join, and the creator is in it as well: leave it out, or give {}",
                grouped(room.into()),
                grouped(joins.members.into()),
                joins.members.saturating_add(1)
            );
        }
        Ok(())
    }

    /// The request's body.
    pub fn body(&self, start_at: DateTime, server_now: &Zoned, joins: &Joins) -> NewChallenge {
        let title = || format!("startline {}", server_now.strftime("%Y-%m-%d %H:%M"));
        let description = || format!("load test by startline {}", env!("CARGO_PKG_VERSION"));
        NewChallenge {
            title: self.title.clone().unwrap_or_else(title),
            description: self.description.clone().unwrap_or_else(description),
            max_participants: self.room(joins),
            start_at: start_at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            distance: self.distance.name,
            is_private: self.password.is_some(),
            password: self.password.clone(),
            is_broadcast: self.broadcast,
        }
    }
}

fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty; leave the option out for a challenge that everyone may join".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        about: AboutArgs,
    }

    fn about(options: &[&str]) -> AboutArgs {
        let words = ["x", "--admin", "13"].iter().chain(options);
        Typed::try_parse_from(words).map(|typed| typed.about).expect("it makes sense")
    }

    fn joins(members: u32) -> Joins {
        Joins { members, rate: Rate { count: 20, per: std::time::Duration::from_secs(1) }, are_given: true }
    }

    fn body(options: &[&str], members: u32) -> NewChallenge {
        let now: Zoned = "2026-03-01T09:30:59+09:00[Asia/Seoul]".parse().expect("an instant");
        let start_at = "2026-03-01T09:45".parse().expect("a local time");
        about(options).body(start_at, &now, &joins(members))
    }

    #[test]
    fn what_is_not_said_has_a_sense() {
        let body = body(&[], 6000);
        assert_eq!(body.title, "startline 2026-03-01 09:30");
        assert!(body.description.starts_with("load test by startline "));
        assert_eq!((body.max_participants, body.distance), (6001, "FIVE"));
        assert_eq!(body.start_at, "2026-03-01T09:45:00", "seconds are always written");
        assert!(!body.is_private && !body.is_broadcast && body.password.is_none());
    }

    #[test]
    fn what_is_said_counts() {
        let body = body(
            &[
                "--title",
                "t",
                "--password",
                "p",
                "--broadcast",
                "--distance",
                "half",
                "--max-participants",
                "10",
            ],
            1,
        );
        assert_eq!((body.title.as_str(), body.max_participants, body.distance), ("t", 10, "HALF"));
        assert!(body.is_private && body.is_broadcast);
        assert_eq!(body.password.as_deref(), Some("p"));
    }

    #[test]
    fn a_challenge_too_small_is_refused() {
        let small = about(&["--max-participants", "19"]);
        let error = small.check_room(&joins(20)).expect_err("too small").to_string();
        assert!(error.starts_with("--max-participants 19: 20 members are to join"), "{error}");
        // The creator may be one of them.
        assert!(about(&["--max-participants", "20"]).check_room(&joins(20)).is_ok());
        assert!(small.check_room(&Joins { are_given: false, ..joins(20) }).is_ok());
        assert!(about(&[]).check_room(&joins(u32::MAX)).is_ok());
    }
}
