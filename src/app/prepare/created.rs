//! What is printed of a new challenge: for people, or as one JSON object; and the commands that come next.
//!
//! Makes text only. Invariant: every instant has its offset, so that it can be read without knowing the server's zone.

use std::path::Path;
use std::time::Duration;

use jiff::Zoned;
use serde::Serialize;
use startline_os::units::{duration_text, grouped};

use crate::checks::table::{Column, Page, Table};
use crate::cli::prepare::target::TargetArgs;
use crate::foreign;
use crate::plan::Rate;
use crate::plan::schedule::LocalTime;
use crate::preflight::clean;
use crate::prepare::calendar;
use crate::prepare::create::Creation;
use crate::shell::quoted;

/// Of a title; Runnity's have 100 at most.
const TITLE_CHARS_MAX: usize = 200;

/// The target options of the commands that follow: with the time zone that the server has shown.
pub fn target(made: &Creation, given: &TargetArgs) -> TargetArgs {
    let time_zone = made.corrected.clone().or_else(|| given.time_zone.clone());
    TargetArgs { time_zone, ..given.clone() }
}

/// The challenge as a program reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Object<'m> {
    id: u64,
    status: &'m str,
    title: &'m str,
    distance: &'m str,
    max_participants: u64,
    is_private: bool,
    /// As the server has it.
    start_at: &'m str,
    /// As the server has it.
    end_at: &'m str,
    /// In which the two are read.
    time_zone: &'m str,
    server_time: String,
    ready_at: String,
    /// READY: the joins' deadline.
    join_by: String,
    /// `startAt`: the ramp's deadline.
    ramp_by: String,
    /// `endAt`: the hold's deadline.
    hold_by: String,
}

impl<'m> Object<'m> {
    /// Of this challenge.
    pub fn of(made: &'m Creation) -> Self {
        let Creation { created, times, now, zone, .. } = made;
        let About { title, distance, max_participants, is_private } = About::of(made);
        Self {
            id: created.id,
            status: &created.status,
            title,
            distance,
            max_participants,
            is_private,
            start_at: &created.start_at,
            end_at: &created.end_at,
            time_zone: zone,
            server_time: instant(now),
            ready_at: instant(&times.ready),
            join_by: instant(&times.ready),
            ramp_by: instant(&times.start),
            hold_by: instant(&times.end),
        }
    }
}

/// What it is, by the servers' word, and as it was asked for where they say nothing.
struct About<'m> {
    title: &'m str,
    distance: &'m str,
    max_participants: u64,
    is_private: bool,
}

impl<'m> About<'m> {
    fn of(Creation { asked, created, .. }: &'m Creation) -> Self {
        Self {
            title: created.title.as_deref().unwrap_or(&asked.title),
            distance: created.distance.as_deref().unwrap_or(asked.distance),
            max_participants: created.max_participants.unwrap_or(asked.max_participants.into()),
            is_private: created.is_private.unwrap_or(asked.is_private),
        }
    }
}

fn instant(at: &Zoned) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The challenge for people.
pub fn text(made: &Creation, page: Page) -> String {
    let Creation { created, times, now, .. } = made;
    let About { title, distance, max_participants, is_private } = About::of(made);
    let private = if is_private { ", private" } else { "" };
    let mut text = format!(
        "challenge {}: {}, {}, room for {}{private}, \"{}\"\n",
        created.id,
        clean(&created.status),
        clean(distance),
        grouped(max_participants),
        foreign::line(title, TITLE_CHARS_MAX)
    );
    let mut table = Table::new([""; 5].map(Column::words));
    let mut row = |name: &str, at: &Zoned, what: &str| {
        let left = match Duration::try_from(now.duration_until(at)) {
            Ok(left) if !left.is_zero() => {
                format!("in {}", duration_text(Duration::from_secs(left.as_secs())))
            }
            _ => "passed".to_owned(),
        };
        let cells =
            [String::new(), name.to_owned(), LocalTime(at.clone()).to_string(), left, what.to_owned()];
        table.row(None, cells);
    };
    row("READY", &times.ready, "joins must end, entries begin");
    row("startAt", &times.start, "entries and ramp must end");
    row("endAt", &times.end, "the hold must end");
    text += &table.text(page);
    text
}

/// The joins that a challenge was made for.
#[derive(Clone, Copy, Debug, Default)]
pub struct NextJoin<'a> {
    /// Those who join, as typed.
    pub members: &'a [String],
    /// How fast, if that was said.
    pub rate: Option<Rate>,
    /// How many at once, if that was said.
    pub in_flight: Option<u32>,
    /// How long nothing may work, if that was said.
    pub patience: Option<Duration>,
    /// Where outcomes go, if that was said.
    pub out: Option<&'a Path>,
    /// The challenge's password.
    pub password: Option<&'a str>,
}

impl NextJoin<'_> {
    /// The command by which they begin.
    pub fn command(&self, target: &TargetArgs, id: u64) -> String {
        let mut command = format!("startline prepare join {target} --challenge {id}");
        self.members.iter().for_each(|spec| command.push_str(&option("members", spec)));
        self.push_options(&mut command);
        self.out.iter().for_each(|out| command.push_str(&option("out", &out.display().to_string())));
        command
    }

    /// The command by which they go on from a file of outcomes.
    pub fn resumed(&self, target: &TargetArgs, file: &Path) -> String {
        let mut command = format!("startline prepare join {target}");
        command.push_str(&option("resume", &file.display().to_string()));
        self.push_options(&mut command);
        command
    }

    fn push_options(&self, command: &mut String) {
        self.rate.iter().for_each(|rate| command.push_str(&option("rate", &calendar::rate_text(*rate))));
        self.in_flight.iter().for_each(|count| command.push_str(&option("in-flight", &count.to_string())));
        self.patience.iter().for_each(|time| command.push_str(&option("patience", &duration_text(*time))));
        self.password.iter().for_each(|password| command.push_str(&option("password", password)));
    }
}

/// The run that a challenge was made for.
#[derive(Clone, Copy, Debug)]
pub struct NextRun<'a> {
    /// Its members, as typed.
    pub members: &'a [String],
    /// How many of them.
    pub sessions: u32,
    /// From READY on.
    pub ramp: Duration,
    /// After that.
    pub hold: Duration,
}

impl NextRun<'_> {
    /// The command by which it begins.
    pub fn command(&self, target: &TargetArgs, id: u64) -> String {
        let mut command = format!("startline run {target} --challenge {id}");
        self.members.iter().for_each(|spec| command.push_str(&option("members", spec)));
        let (ramp, hold) = (duration_text(self.ramp), duration_text(self.hold));
        command.push_str(&format!(" --sessions {} --ramp {ramp} --hold {hold} --wait-ready", self.sessions));
        command
    }
}

fn option(name: &str, value: &str) -> String {
    // What begins with a dash would be taken for an option.
    let equals = if value.starts_with('-') { '=' } else { ' ' };
    format!(" --{name}{equals}{}", quoted(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::challenge::{Created, NewChallenge};
    use crate::prepare::start::Timetable;

    fn made() -> Creation {
        let at =
            |time: &str| format!("2026-03-01T{time}+09:00[Asia/Seoul]").parse::<Zoned>().expect("an instant");
        Creation {
            asked: NewChallenge {
                title: "한강 5 km".into(),
                description: "d".into(),
                max_participants: 6001,
                start_at: "2026-03-01T10:00:00".into(),
                distance: "FIVE",
                is_private: true,
                password: Some("p w".into()),
                is_broadcast: false,
            },
            created: Created {
                id: 39,
                status: "RECRUITING".into(),
                start_at: "2026-03-01T10:00:00".into(),
                end_at: "2026-03-01T11:00:00".into(),
                created_at: None,
                title: None,
                distance: None,
                max_participants: None,
                is_private: None,
            },
            times: Timetable { ready: at("09:55:00"), start: at("10:00:00"), end: at("11:00:00") },
            now: at("09:47:30"),
            zone: "Asia/Seoul".into(),
            corrected: None,
        }
    }

    #[test]
    fn people_read_what_has_to_be_over_when() {
        assert_eq!(
            text(&made(), Page::PLAIN),
            "challenge 39: RECRUITING, FIVE, room for 6,001, private, \"한강 5 km\"\n\
             \x20 READY    2026-03-01 09:55:00+09:00  in 7m30s     joins must end, entries begin\n\
             \x20 startAt  2026-03-01 10:00:00+09:00  in 12m30s    entries and ramp must end\n\
             \x20 endAt    2026-03-01 11:00:00+09:00  in 1h12m30s  the hold must end\n"
        );
    }

    #[test]
    fn what_the_servers_made_of_it_is_shown_and_what_has_passed() {
        let mut made = made();
        let about = (Some("other".to_owned()), Some("TEN".to_owned()), Some(5), Some(false));
        let created = &mut made.created;
        (created.title, created.distance, created.max_participants, created.is_private) = about;
        made.now = made.times.start.clone();
        let text = text(&made, Page::PLAIN);
        assert!(text.starts_with("challenge 39: RECRUITING, TEN, room for 5, \"other\"\n"), "{text}");
        assert!(text.contains("  READY    2026-03-01 09:55:00+09:00  passed  joins"), "{text}");
        assert!(text.contains("  startAt  2026-03-01 10:00:00+09:00  passed  entries"), "{text}");
        let object = serde_json::to_value(Object::of(&made)).expect("JSON");
        assert_eq!((&object["maxParticipants"], &object["distance"]), (&5.into(), &"TEN".into()));
        assert_eq!((&object["title"], &object["isPrivate"]), (&"other".into(), &false.into()));
    }

    #[test]
    fn no_terminal_obeys_what_is_printed() {
        let mut made = made();
        made.created.status = "\x1b[2JRECRUITING\r".into();
        made.asked.title = "a\nb\x1b]0;x\x07".into();
        let text = text(&made, Page::PLAIN);
        assert!(
            text.starts_with("challenge 39: [2JRECRUITING, FIVE, room for 6,001, private, \"a b ]0;x\"\n"),
            "{text}"
        );
    }

    #[test]
    fn programs_read_instants() {
        let made = made();
        let object = serde_json::to_value(Object::of(&made)).expect("JSON");
        assert_eq!(object["id"], 39);
        assert_eq!(object["startAt"], "2026-03-01T10:00:00");
        assert_eq!(object["joinBy"], "2026-03-01T09:55:00+09:00");
        assert_eq!(object["rampBy"], "2026-03-01T10:00:00+09:00");
        assert!(!object.to_string().contains("p w"), "the password is nobody's to read");
    }

    #[test]
    fn commands_have_the_zone_that_is_right() {
        let given = TargetArgs { time_zone: Some("Asia/Seoul".into()), ..TargetArgs::default() };
        let mut made = made();
        assert_eq!(target(&made, &given).time_zone, given.time_zone);
        made.corrected = Some("-03:30".into());
        assert_eq!(target(&made, &given).time_zone.as_deref(), Some("-03:30"));
    }

    #[test]
    fn commands_can_be_typed_as_they_are() {
        let target = TargetArgs { target: "http://[::1]:8080".into(), ..TargetArgs::default() };
        let members = ["my members.csv".to_owned(), "-x.csv".to_owned()];
        assert_eq!(
            NextJoin { members: &members, ..NextJoin::default() }.command(&target, 39),
            "startline prepare join --target 'http://[::1]:8080' --challenge 39 --members 'my members.csv' --members=-x.csv"
        );
        let join = NextJoin {
            members: &members[..1],
            rate: Some(Rate { count: 50, per: Duration::from_secs(1) }),
            in_flight: Some(4),
            patience: Some(Duration::from_secs(30)),
            out: Some(Path::new("my joins.csv")),
            password: Some("it's"),
        };
        let options = r"--rate 50/s --in-flight 4 --patience 30s --password 'it'\''s'";
        assert_eq!(
            join.command(&target, 39),
            format!(
                "startline prepare join --target 'http://[::1]:8080' --challenge 39 --members 'my members.csv' {options} --out 'my \
                 joins.csv'"
            )
        );
        assert_eq!(
            join.resumed(&target, Path::new("-x.csv")),
            format!("startline prepare join --target 'http://[::1]:8080' --resume=-x.csv {options}")
        );
        let (ramp, hold) = (Duration::from_secs(240), Duration::from_secs(1800));
        let run = NextRun { members: &members[..1], sessions: 6000, ramp, hold };
        assert_eq!(
            run.command(&target, 39),
            "startline run --target 'http://[::1]:8080' --challenge 39 --members 'my members.csv' --sessions 6000 --ramp 4m --hold 30m \
             --wait-ready"
        );
    }
}
