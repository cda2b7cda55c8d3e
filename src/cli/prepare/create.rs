//! Creating a challenge: the administrator logs in, one request, and what its answer means.
//!
//! What to ask for is `about`'s, when it starts [`start`]'s, what is printed of it `made`'s. Invariant: whatever keeps the challenge
//! from being there is told with what to do next, and it is said when it may be there all the same.

use anyhow::{Error, anyhow};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::super::look_up::{Answer, Asker, Unexpected};
use super::super::{ExitStatus, conduct, tell};
use super::about::{AboutArgs, Joins};
use super::target::Prepared;
use crate::plan::schedule::{self, Challenge, Status};
use crate::prepare::challenge::{self, Created, NewChallenge, broken_rules};
use crate::prepare::{calendar, start};

/// A challenge that is there.
pub struct Made {
    /// What was asked for.
    pub asked: NewChallenge,
    /// What the server says of it.
    pub created: Created,
    /// The instants of its life.
    pub times: start::Timetable,
    /// The server's clock when it was made, in its zone.
    pub now: Zoned,
    /// The zone's name.
    pub zone: String,
}

/// Why there is no challenge.
pub struct Unmade {
    error: Error,
    next: Vec<String>,
    status: ExitStatus,
}

/// Creates a challenge; the first member of the plan is the administrator.
///
/// # Errors
/// There is none, or nobody knows.
pub fn create(prepared: &Prepared, about: &AboutArgs, joins: &Joins) -> Result<Made, Unmade> {
    let zone = zone_of(prepared)?;
    let ahead = start::ahead(joins.members, joins.rate);
    // Where the start is given, joins that are slow are the calendar's to refuse.
    let ahead =
        if about.start_at.is_some() { ahead.unwrap_or_default() } else { ahead.map_err(Error::from)? };
    let agent = prepared.agent();
    let asker = Asker::log_in(&prepared.plan, prepared.schedule()?, &agent, 0)
        .map_err(|error| Unmade::not_logged_in(error, about.admin))?;
    let now = asker.server_now().unwrap_or_else(|| {
        tell("warning: the server does not say what time it has (no Date header); this box's clock is taken for its");
        Timestamp::now()
    });
    let start_at = about.start_at.unwrap_or_else(|| start::by_default(now, &zone, ahead));
    check_start(about, joins, start_at, now, &zone)?;
    let asked = about.body(start_at, &now.to_zoned(zone.clone()), joins);
    let body = serde_json::to_value(&asked).map_err(Error::from)?;
    let answer = asker
        .send(challenge::METHOD, challenge::PATH, &body)
        .map_err(|error| Unmade::unanswered(error, about.admin))?;
    if !(200..300).contains(&answer.status) {
        return Err(Unmade::refused(&answer, about.admin));
    }
    let created =
        Created::read(&answer.json).map_err(|place| Unmade::unclear(&answer, place, about.admin))?;
    let now = answer.date.unwrap_or(now);
    warn_of_zone(&created, now, &zone);
    let read = Challenge::read(&created.status, &created.start_at, &created.end_at);
    let times = read.and_then(|challenge| start::Timetable::of(&challenge, &zone));
    let times = times.map_err(|error| {
        Error::from(error).context(format!("challenge {} is there, and its times cannot be read", created.id))
    })?;
    Ok(Made { asked, created, times, now: now.to_zoned(zone.clone()), zone: start::zone_name(&zone, now) })
}

/// The servers' time zone.
///
/// # Errors
/// It is not known on this box.
pub fn zone_of(prepared: &Prepared) -> anyhow::Result<TimeZone> {
    let name = &prepared.settings.time_zone;
    schedule::zone(name).ok_or_else(|| anyhow!("--time-zone {name} is not known on this box"))
}

/// Refuses what the servers would, and a start that leaves too little time to join.
fn check_start(
    about: &AboutArgs,
    joins: &Joins,
    start_at: DateTime,
    now: Timestamp,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    if about.start_at.is_some() {
        start::check(start_at, now, zone)?;
    }
    if joins.are_given {
        let challenge = Challenge { status: Status::Recruiting, start_at, end_at: start_at };
        calendar::joins_fit(&challenge, zone, now, joins.members, joins.rate)?;
    }
    Ok(())
}

/// A wrong zone shifts everything that is told, and the servers do not mind.
fn warn_of_zone(created: &Created, now: Timestamp, zone: &TimeZone) {
    let Some(created_at) = created.created_at.as_ref().and_then(|text| text.parse::<DateTime>().ok()) else {
        return;
    };
    if let Some(offset) = start::other_offset(created_at, now, zone) {
        tell(&format!(
            "warning: the server wrote {created_at} as its local time, which is not {}'s but that of offset {offset}: the times below \
             are then wrong; create another challenge with --time-zone {offset} (or the zone's name)",
            start::zone_name(zone, now)
        ));
    }
}

impl Unmade {
    fn not_logged_in(error: Error, admin: u64) -> Self {
        match error.downcast_ref::<Unexpected>().map(|unexpected| unexpected.status) {
            Some(300..=399) => Self {
                error: error.context(format!("member {admin} cannot log in")),
                next: vec![conduct::LEADS_ELSEWHERE.into()],
                status: ExitStatus::Refused,
            },
            Some(404 | 405) => Self {
                error: error.context(format!("member {admin} cannot log in")),
                next: vec!["there is no such login here: is the target a business server of Runnity?".into()],
                status: ExitStatus::Refused,
            },
            Some(400..=499) if !conduct::may_work_later(&error) => Self {
                error: error.context(format!("member {admin} cannot log in")),
                next: vec!["give --admin the id of a member that is there and may create challenges".into()],
                status: ExitStatus::Refused,
            },
            Some(_) => Self {
                error: error.context(format!("member {admin} cannot log in")),
                next: vec![conduct::SERVERS_FAIL.into()],
                status: ExitStatus::Inconclusive,
            },
            None => Self {
                next: vec![conduct::hint(&error).to_owned()],
                error: error.context(format!("member {admin} cannot log in")),
                status: ExitStatus::Inconclusive,
            },
        }
    }

    fn unanswered(error: Error, admin: u64) -> Self {
        let next = vec![conduct::hint(&error).to_owned(), perhaps_there(admin)];
        Self { error: error.context("there is no answer"), next, status: ExitStatus::Inconclusive }
    }

    fn unclear(answer: &Answer, place: &str, admin: u64) -> Self {
        let what = format!("the answer has no {place}, which the admin API of Runnity has");
        Self {
            error: answer.unexpected(None).context(what),
            next: vec![perhaps_there(admin)],
            status: ExitStatus::Inconclusive,
        }
    }

    fn refused(answer: &Answer, admin: u64) -> Self {
        let rules: Vec<String> = broken_rules(&answer.json).iter().map(ToString::to_string).collect();
        let next = match answer.status {
            _ if !rules.is_empty() => rules,
            400 => vec![format!(
                "its creator joins the challenge: is member {admin} in another one at that time? Then leave that (startline prepare \
                 leave), or give another --admin"
            )],
            300..=399 => {
                vec![conduct::LEADS_ELSEWHERE.into()]
            }
            401 | 403 => vec![format!(
                "member {admin} may not create challenges: give --admin the id of an administrator"
            )],
            404 | 405 => vec![format!(
                "there is no {} {} here: is the target a business server of Runnity?",
                challenge::METHOD,
                challenge::PATH
            )],
            500.. => vec!["the servers failed: see their logs, then try again".into(), perhaps_there(admin)],
            _ => Vec::new(),
        };
        let status = if answer.status < 500 { ExitStatus::Refused } else { ExitStatus::Inconclusive };
        Self { error: answer.unexpected(None).context("the challenge was not created"), next, status }
    }

    /// Says so on standard error.
    pub fn tell(&self) -> ExitStatus {
        tell(&format!("error: {:#}", self.error));
        self.next.iter().for_each(|line| tell(&format!("  {line}")));
        self.status
    }
}

impl From<Error> for Unmade {
    fn from(error: Error) -> Self {
        Self { error, next: Vec::new(), status: ExitStatus::Refused }
    }
}

fn perhaps_there(admin: u64) -> String {
    format!("the challenge may be there all the same; member {admin} is in it then")
}
