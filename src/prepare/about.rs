//! What a new challenge is to be: the options that say so, and the request's body that they make.
//!
//! The same for `prepare challenge` and `prepare all`. What the servers check themselves is left to them. Invariant: nothing here
//! asks a clock; the server's comes in.

use anyhow::{Result, bail};
use jiff::Zoned;
use jiff::civil::DateTime;
use startline_os::units::counted;

use crate::cli::prepare::about::AboutArgs;
use crate::plan::Rate;
use crate::prepare::challenge::NewChallenge;

/// Who are to join before it is READY.
#[derive(Clone, Copy, Debug)]
pub struct Joins {
    /// How many.
    pub members: u32,
    /// How fast.
    pub rate: Rate,
    /// What is known of them.
    pub who: Who,
}

/// What is known of those who are to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nothing was said, and their number is taken for want of anything better.
    Unsaid,
    /// How many, and not who.
    Counted,
    /// Each of them.
    Known {
        /// The creator of the challenge is one of them, and takes no place besides theirs.
        are_with_admin: bool,
    },
}

impl AboutArgs {
    /// How many have room in it.
    pub fn room(&self, joins: &Joins) -> u32 {
        self.max_participants.unwrap_or(joins.members.saturating_add(1))
    }

    /// Refuses a challenge that is too small for those who are to join it; a warning if that depends on who they are.
    ///
    /// # Errors
    /// It is.
    pub fn check_room(&self, joins: &Joins) -> Result<Option<String>> {
        let (Some(room), members, admin) = (self.max_participants, joins.members, self.admin) else {
            return Ok(None);
        };
        let with_one_more = members.saturating_add(1);
        let (needed, why) = match joins.who {
            Who::Unsaid => return Ok(None),
            Who::Known { are_with_admin: true } => {
                (members, format!("member {admin}, who creates it, among them"))
            }
            Who::Known { are_with_admin: false } => {
                (with_one_more, format!("and member {admin}, who creates it, takes a place besides"))
            }
            Who::Counted if room == members => {
                let members = counted(members.into(), "member", "members");
                return Ok(Some(format!(
                    "--max-participants {room} has room for all {members} only if member {admin}, who creates it, is one of them: give \
                     {with_one_more} if not"
                )));
            }
            Who::Counted => (
                with_one_more,
                format!("and member {admin}, who creates it, takes a place unless it is one of them"),
            ),
        };
        if room < needed {
            let is_are = if members == 1 { "is" } else { "are" };
            bail!(
                "--max-participants {room}: {} {is_are} to join, {why}: leave it out, or give {needed}",
                counted(members.into(), "member", "members"),
            );
        }
        Ok(None)
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
        Joins { members, rate: Rate { count: 20, per: std::time::Duration::from_secs(1) }, who: Who::Counted }
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
        let refusal = |room: u32, members: u32, who: Who| {
            let joins = Joins { who, ..joins(members) };
            about(&["--max-participants", &room.to_string()]).check_room(&joins).map_err(|it| it.to_string())
        };
        let (with, without) = (Who::Known { are_with_admin: true }, Who::Known { are_with_admin: false });
        assert_eq!(
            refusal(10, 10, without),
            Err("--max-participants 10: 10 members are to join, and member 13, who creates it, takes a place besides: leave it out, or \
                 give 11"
                .into())
        );
        assert_eq!(refusal(11, 10, without), Ok(None));
        assert_eq!(
            refusal(19, 20, with),
            Err("--max-participants 19: 20 members are to join, member 13, who creates it, among them: leave it out, or give 20".into())
        );
        assert_eq!(refusal(20, 20, with), Ok(None));
        assert!(refusal(19, 20, Who::Counted).expect_err("too small").ends_with("or give 21"));
        let warning = refusal(20, 20, Who::Counted).expect("it may do").expect("a warning");
        assert!(warning.contains("only if member 13, who creates it, is one of them: give 21"), "{warning}");
        assert_eq!(refusal(21, 20, Who::Counted), Ok(None));
        assert_eq!(refusal(19, 20, Who::Unsaid), Ok(None));
        assert!(matches!(about(&[]).check_room(&joins(u32::MAX)), Ok(None)));
    }

    #[test]
    fn there_is_no_challenge_for_one() {
        let typed = |room: &str| Typed::try_parse_from(["x", "--admin", "13", "--max-participants", room]);
        let error = typed("1").err().expect("refused").to_string();
        assert!(error.contains("room for 2 at least"), "{error}");
        assert_eq!(typed("2").expect("accepted").about.max_participants, Some(2));
        assert_eq!(body(&[], 1).max_participants, 2);
    }
}
