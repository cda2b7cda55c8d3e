//! Creating a challenge: its creator logs in, one request, and what its answer means.
//!
//! The request is [`super::new_challenge`]'s, its start [`start`]'s. Invariant: every failure is reported with what to do next,
//! and with whether the challenge may exist all the same.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, anyhow};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::gate::Gate;
use super::new_challenge::{ChallengeOptions, Joins, Known};
use super::prepared::Prepared;
use crate::exit_status::ExitStatus;
use crate::foreign;
use crate::interrupt::Interrupt;
use crate::lookup::advice;
use crate::lookup::challenge::{Answer, Asker, Unexpected};
use crate::plan::Plan;
use crate::plan::schedule::{self, Challenge, Status};
use crate::preflight::clean;
use crate::prepare::challenge::{self, BrokenRule, Created, Missing, NewChallenge, broken_rules};
use crate::prepare::{calendar, start};
use crate::scenario::schedule::Schedule;
use crate::terminal::tell;

/// The maximum number of characters of a line with a server's words.
const LINE_CHARS_MAX: usize = 1_000;
/// The maximum number of broken rules that are printed.
const RULES_MAX: usize = 20;

/// A challenge that was created.
pub struct Creation {
    /// What was asked for.
    pub asked: NewChallenge,
    /// What the server says of it.
    pub created: Created,
    /// The instants of its life.
    pub times: start::Timetable,
    /// The server's clock when it was made, in its zone.
    pub now: Zoned,
    /// The zone's name, or its offset.
    pub zone: String,
    /// The offset of that zone, if it is not the one that was given.
    pub corrected: Option<String>,
}

/// Why no challenge was created.
pub struct NotCreated {
    error: Error,
    next: Vec<String>,
    status: ExitStatus,
}

/// What a second signal says while the challenge is being created; the first is answered by the outcome.
pub const CREATING: &str = "the challenge may have been created";

/// Creates a challenge; the first member of the plan is its creator. A signal ends it at once.
///
/// # Errors
/// It was not created, or that is not known.
pub fn create(
    prepared: &Prepared,
    options: &ChallengeOptions,
    joins: &Joins,
    interrupt: &Interrupt,
) -> Result<Creation, NotCreated> {
    let zone = schedule::known_zone(&prepared.plan.settings.time_zone).map_err(Error::from)?;
    calendar::fit_a_run(joins.members, joins.rate).map_err(Error::from)?;
    let ahead = start::ahead(joins.members, joins.rate);
    let asked = Arc::new(Gate::new());
    let request = Request {
        plan: prepared.plan.clone(),
        schedule: prepared.schedule()?.clone(),
        agent: prepared.agent(),
        options: options.clone(),
        joins: *joins,
        zone,
        ahead,
        asked: Arc::clone(&asked),
    };
    interrupt.or(Duration::ZERO, move || request.send())?.unwrap_or_else(|| {
        let signal = interrupt.reason().unwrap_or_default().to_string();
        Err(NotCreated::interrupted(&signal, asked.shut().as_deref(), options.admin))
    })
}

/// What asking takes, on a thread of its own.
struct Request {
    plan: Plan,
    schedule: Schedule,
    agent: ureq::Agent,
    options: ChallengeOptions,
    joins: Joins,
    zone: TimeZone,
    /// From now to the start, where none is given.
    ahead: Duration,
    /// The title, once it is asked for.
    asked: Arc<Gate<String>>,
}

impl Request {
    fn send(&self) -> Result<Creation, NotCreated> {
        let (options, admin, zone) = (&self.options, self.options.admin, &self.zone);
        let asker = Asker::log_in(&self.plan, &self.schedule, &self.agent, 0)
            .map_err(|error| NotCreated::not_logged_in(error, admin))?;
        let now = asker.server_now().unwrap_or_else(|| {
            tell("warning: the server sends no Date header, so this machine's clock is used in place of its own");
            Timestamp::now()
        });
        let start_at = options.start_at.unwrap_or_else(|| start::by_default(now, zone, self.ahead));
        check_start(options, &self.joins, start_at, now, zone)?;
        let asked = options.body(start_at, &now.to_zoned(zone.clone()), &self.joins);
        let body = serde_json::to_value(&asked).map_err(Error::from)?;
        if !self.asked.pass(asked.title.clone()) {
            return Err(anyhow!("a signal came before it was requested").into());
        }
        let answer = asker
            .send(challenge::METHOD, challenge::PATH, &body)
            .map_err(|error| NotCreated::unanswered(error, admin, &asked.title))?;
        if !(200..300).contains(&answer.status) {
            return Err(NotCreated::refused(&answer, admin, &asked.title));
        }
        let created = Created::read(&answer.json);
        let created =
            created.map_err(|missing| NotCreated::unclear(&answer, missing, admin, &asked.title))?;
        Creation::of(asked, created, answer.date.unwrap_or(now), zone)
    }
}

impl Creation {
    fn of(
        asked: NewChallenge,
        created: Created,
        now: Timestamp,
        given: &TimeZone,
    ) -> Result<Self, NotCreated> {
        let other = other_zone(&created, now, given);
        let zone = other.as_ref().unwrap_or(given);
        let read = Challenge::read(&created.status, &created.start_at, &created.end_at);
        let times = read.and_then(|challenge| start::Timetable::of(&challenge, zone));
        let times = times.map_err(|error| {
            let what = format!(
                "challenge {} was created, but what the servers say about it cannot be read",
                created.id
            );
            NotCreated {
                error: Error::from(error).context(what),
                next: vec![go_on(created.id)],
                status: ExitStatus::Inconclusive,
            }
        })?;
        let now = now.to_zoned(zone.clone());
        warn_of_surprises(&created, &asked, &times, &now);
        let corrected = other.is_some().then(|| offset_text(&now));
        let zone = corrected.clone().unwrap_or_else(|| start::zone_name(zone, now.timestamp()));
        Ok(Self { asked, created, times, now, zone, corrected })
    }
}

/// Warns of differences from the request, and of times that cannot work.
fn warn_of_surprises(created: &Created, asked: &NewChallenge, times: &start::Timetable, now: &Zoned) {
    let differences = created.differences(asked);
    if !differences.is_empty() {
        let differences = foreign::line(&differences.join("; "), LINE_CHARS_MAX);
        tell(&format!("warning: the servers created it differently: {differences}"));
    }
    if times.end <= times.start {
        tell(
            "warning: endAt is not after startAt: members cannot run in this challenge; do the servers know that distance?",
        );
    }
    if times.ready <= *now {
        tell(
            "warning: by the server's clock READY has passed, and members can no longer join this challenge: is --time-zone the \
             servers'?",
        );
    }
}

/// Refuses what the servers would, and a start that leaves too little time to join.
fn check_start(
    options: &ChallengeOptions,
    joins: &Joins,
    start_at: DateTime,
    now: Timestamp,
    zone: &TimeZone,
) -> anyhow::Result<()> {
    if options.start_at.is_some() {
        start::check(start_at, now, zone)?;
    }
    if joins.known != Known::Nothing {
        let challenge = Challenge { status: Status::Recruiting, start_at, end_at: start_at };
        calendar::joins_fit(&challenge, zone, now, joins.members, joins.rate)?;
    }
    Ok(())
}

/// The zone that the server shows to be its by what it writes, if it is not the given one: that shifts everything, and the servers do not
/// mind.
fn other_zone(created: &Created, now: Timestamp, given: &TimeZone) -> Option<TimeZone> {
    let created_at = created.created_at.as_ref()?.parse::<DateTime>().ok()?;
    let zone = TimeZone::fixed(start::other_offset(created_at, now, given)?);
    let offset = offset_text(&now.to_zoned(zone.clone()));
    tell(&format!(
        "warning: the server wrote {created_at} as its local time, which is not {}'s but that of offset {offset}: the challenge starts at \
         another time than intended, and what follows uses that offset; create another with --time-zone {offset} (or the zone's name)",
        start::zone_name(given, now)
    ));
    Some(zone)
}

/// An offset as `--time-zone` takes it.
fn offset_text(at: &Zoned) -> String {
    at.strftime("%:z").to_string()
}

impl NotCreated {
    fn not_logged_in(error: Error, admin: u64) -> Self {
        match error.downcast_ref::<Unexpected>().map(|unexpected| unexpected.status) {
            Some(300..=399) => Self {
                error: error.context(format!("member {admin} cannot log in")),
                next: vec![advice::LEADS_ELSEWHERE.into()],
                status: ExitStatus::Refused,
            },
            Some(404 | 405) => Self {
                error: error.context(format!("member {admin} cannot log in")),
                next: vec!["the target has no such login: is it a business server of Runnity?".into()],
                status: ExitStatus::Refused,
            },
            Some(400..=499) if !advice::may_work_later(&error) => Self {
                error: error.context(format!("member {admin} cannot log in")),
                next: vec!["give --admin the id of an existing member".into()],
                status: ExitStatus::Refused,
            },
            Some(_) => Self {
                error: error.context(format!("member {admin} cannot log in")),
                next: vec![advice::SERVERS_FAIL.into()],
                status: ExitStatus::Inconclusive,
            },
            None => Self {
                next: vec![advice::hint(&error).to_owned()],
                error: error.context(format!("member {admin} cannot log in")),
                status: ExitStatus::Inconclusive,
            },
        }
    }

    fn interrupted(signal: &str, asked: Option<&str>, admin: u64) -> Self {
        let (error, next) = match asked {
            Some(title) => (
                anyhow!("{signal} before the servers answered: the challenge may have been created"),
                vec![look_for(admin, title)],
            ),
            None => (anyhow!("{signal} before a challenge was requested: none was created"), Vec::new()),
        };
        Self { error, next, status: ExitStatus::Inconclusive }
    }

    fn unanswered(error: Error, admin: u64, title: &str) -> Self {
        let next = vec![advice::hint(&error).to_owned(), perhaps_there(admin, title)];
        Self { error: error.context("the servers did not answer"), next, status: ExitStatus::Inconclusive }
    }

    fn unclear(answer: &Answer, missing: Missing, admin: u64, title: &str) -> Self {
        let place = missing.place;
        let what = format!("the answer has no {place}, which the admin API of Runnity has");
        let (what, next) = match missing.id {
            Some(id) => (format!("challenge {id} was created, but {what}"), go_on(id)),
            None => (what, perhaps_there(admin, title)),
        };
        Self {
            error: answer.unexpected(None).context(what),
            next: vec![next],
            status: ExitStatus::Inconclusive,
        }
    }

    fn refused(answer: &Answer, admin: u64, title: &str) -> Self {
        let rules = broken_rules(&answer.json).into_iter().take(RULES_MAX).map(|rule| {
            let (field, message) = (clean(&rule.field), clean(&rule.message));
            BrokenRule { field, message }.to_string()
        });
        let rules: Vec<String> = rules.collect();
        let next = match answer.status {
            _ if !rules.is_empty() => rules,
            400 => vec![format!(
                "its creator joins the challenge: is member {admin} in another one at that time? Then leave that (startline prepare \
                 leave), or give another --admin"
            )],
            300..=399 => {
                vec![advice::LEADS_ELSEWHERE.into()]
            }
            401 | 403 => vec![format!(
                "the servers did not accept member {admin}'s login: any member may create challenges, so see their logs"
            )],
            404 | 405 => vec![format!(
                "the target has no {} {}: is it a business server of Runnity?",
                challenge::METHOD,
                challenge::PATH
            )],
            500.. => {
                vec!["the servers failed: see their logs, then retry".into(), perhaps_there(admin, title)]
            }
            _ => Vec::new(),
        };
        let status = if answer.status < 500 { ExitStatus::Refused } else { ExitStatus::Inconclusive };
        Self { error: answer.unexpected(None).context("the challenge was not created"), next, status }
    }

    /// Says so on standard error.
    pub fn tell(&self) -> ExitStatus {
        tell(&format!("error: {}", foreign::line(&advice::told(&self.error), LINE_CHARS_MAX)));
        self.next.iter().for_each(|next| tell(&format!("  {}", foreign::line(next, LINE_CHARS_MAX))));
        self.status
    }
}

impl From<Error> for NotCreated {
    fn from(error: Error) -> Self {
        Self { error, next: Vec::new(), status: ExitStatus::Refused }
    }
}

fn perhaps_there(admin: u64, title: &str) -> String {
    format!("the challenge may exist all the same: {}", look_for(admin, title))
}

fn look_for(admin: u64, title: &str) -> String {
    format!("look for its title, \"{title}\"; member {admin} is in it then")
}

fn go_on(id: u64) -> String {
    format!(
        "startline preflight with --challenge {id} shows whether the look-up has it; prepare join and run then take it"
    )
}
