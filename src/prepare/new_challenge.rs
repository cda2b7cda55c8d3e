//! A new challenge: the options that describe it, and the request's body that they make.
//!
//! The same for `prepare challenge` and `prepare all`. What the servers check themselves is left to them. Invariant:
//! nothing here reads a clock; the server's time comes in.

use anyhow::{Result, bail};
use jiff::Zoned;
use jiff::civil::DateTime;
use startline_os::units::counted;

use crate::plan::Rate;
use crate::prepare::challenge::{Distance, NewChallenge};

/// The joins that must be over before it is READY.
#[derive(Clone, Copy, Debug)]
pub struct Joins {
    /// How many members join.
    pub members: u32,
    /// How fast.
    pub rate: Rate,
    /// What is known of the members.
    pub known: Known,
}

/// What is known of the members who will join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: their number is a default.
    Nothing,
    /// Their number, but not their ids.
    Count,
    /// Their ids.
    Ids {
        /// The creator of the challenge is one of them, and so needs no place of its own.
        include_admin: bool,
    },
}

/// A new challenge as it was asked for; what is `None` has a default.
#[derive(Clone, Debug)]
pub struct ChallengeOptions {
    /// The member who creates it, and is thereby in it.
    pub admin: u64,
    /// Its title.
    pub title: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// How many members it takes, its creator included.
    pub max_participants: Option<u32>,
    /// Its distance, from which its duration follows.
    pub distance: Distance,
    /// The password that members give to join; none: anyone may.
    pub password: Option<String>,
    /// `isBroadcast`.
    pub broadcast: bool,
    /// Its start, in the servers' local time.
    pub start_at: Option<DateTime>,
}

impl ChallengeOptions {
    /// Returns how many members it takes.
    pub fn room(&self, joins: &Joins) -> u32 {
        self.max_participants.unwrap_or(joins.members.saturating_add(1))
    }

    /// Refuses a challenge that is too small for the members who will join; returns a warning if that depends on their ids.
    ///
    /// # Errors
    /// It is too small.
    pub fn check_room(&self, joins: &Joins) -> Result<Option<String>> {
        let (Some(room), members, admin) = (self.max_participants, joins.members, self.admin) else {
            return Ok(None);
        };
        let with_one_more = members.saturating_add(1);
        let (needed, why) = match joins.known {
            Known::Nothing => return Ok(None),
            Known::Ids { include_admin: true } => {
                (members, format!("member {admin}, who creates it, among them"))
            }
            Known::Ids { include_admin: false } => {
                (with_one_more, format!("and member {admin}, who creates it, needs one more place"))
            }
            Known::Count if room == members => {
                let members = counted(members.into(), "member", "members");
                return Ok(Some(format!(
                    "--max-participants {room} has room for all {members} only if member {admin}, who creates it, is one of them: otherwise give \
                     {with_one_more}"
                )));
            }
            Known::Count => (
                with_one_more,
                format!("and member {admin}, who creates it, needs a place unless it is one of them"),
            ),
        };
        if room < needed {
            bail!(
                "--max-participants {room} is too small: {} will join, {why}: leave it out, or give {needed}",
                counted(members.into(), "member", "members"),
            );
        }
        Ok(None)
    }

    /// Makes the request's body.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn options(max_participants: Option<u32>) -> ChallengeOptions {
        ChallengeOptions {
            admin: 13,
            title: None,
            description: None,
            max_participants,
            distance: Distance::named("FIVE").expect("a distance"),
            password: None,
            broadcast: false,
            start_at: None,
        }
    }

    fn joins(members: u32) -> Joins {
        Joins {
            members,
            rate: Rate { count: 20, per: std::time::Duration::from_secs(1) },
            known: Known::Count,
        }
    }

    fn body(options: &ChallengeOptions, members: u32) -> NewChallenge {
        let now: Zoned = "2026-03-01T09:30:59+09:00[Asia/Seoul]".parse().expect("an instant");
        let start_at = "2026-03-01T09:45".parse().expect("a local time");
        options.body(start_at, &now, &joins(members))
    }

    #[test]
    fn what_is_not_given_has_a_default() {
        assert_eq!(body(&options(None), 1).max_participants, 2);
        let body = body(&options(None), 6000);
        assert_eq!(body.title, "startline 2026-03-01 09:30");
        assert!(body.description.starts_with("load test by startline "));
        assert_eq!((body.max_participants, body.distance), (6001, "FIVE"));
        assert_eq!(body.start_at, "2026-03-01T09:45:00", "seconds are always written");
        assert!(!body.is_private && !body.is_broadcast && body.password.is_none());
    }

    #[test]
    fn what_is_given_is_asked_for() {
        let given = ChallengeOptions {
            title: Some("t".into()),
            password: Some("p".into()),
            broadcast: true,
            distance: Distance::named("half").expect("a distance"),
            ..options(Some(10))
        };
        let body = body(&given, 1);
        assert_eq!((body.title.as_str(), body.max_participants, body.distance), ("t", 10, "HALF"));
        assert!(body.is_private && body.is_broadcast);
        assert_eq!(body.password.as_deref(), Some("p"));
    }

    #[test]
    fn a_challenge_too_small_is_refused() {
        let refusal = |room: u32, members: u32, known: Known| {
            let joins = Joins { known, ..joins(members) };
            options(Some(room)).check_room(&joins).map_err(|it| it.to_string())
        };
        let (with, without) = (Known::Ids { include_admin: true }, Known::Ids { include_admin: false });
        assert_eq!(
            refusal(10, 10, without),
            Err("--max-participants 10 is too small: 10 members will join, and member 13, who creates it, needs one more place: leave it out, or \
                 give 11"
                .into())
        );
        assert_eq!(refusal(11, 10, without), Ok(None));
        assert_eq!(
            refusal(19, 20, with),
            Err("--max-participants 19 is too small: 20 members will join, member 13, who creates it, among them: leave it out, or give 20".into())
        );
        assert_eq!(refusal(20, 20, with), Ok(None));
        assert!(refusal(19, 20, Known::Count).expect_err("too small").ends_with("or give 21"));
        let warning = refusal(20, 20, Known::Count).expect("it may do").expect("a warning");
        assert!(
            warning.contains("only if member 13, who creates it, is one of them: otherwise give 21"),
            "{warning}"
        );
        assert_eq!(refusal(21, 20, Known::Count), Ok(None));
        assert_eq!(refusal(19, 20, Known::Nothing), Ok(None));
        assert!(matches!(options(None).check_room(&joins(u32::MAX)), Ok(None)));
    }
}
