//! `startline prepare join` and `leave`: every member logs in and takes a place, or gives it up.
//!
//! Played by the engine, as a scenario without a WebSocket, in rounds: those who may fare better later are in the next one.
//! Invariants: what is known of a member is in the file within a second; nothing ends this without the file being whole.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;

use super::super::interrupt::{Interrupt, Words};
use super::super::look_up::{Asker, LookedUp};
use super::super::{ExitStatus, conduct, tell, values};
use super::bar::{Bar, Standing};
use super::journal::Journal;
use super::shell::quoted;
use super::target::{Prepared, TargetArgs};
use crate::engine;
use crate::measure::Fate;
use crate::plan::schedule::{self, Challenge, Status};
use crate::plan::{Plan, Rate};
use crate::prepare::places::{Outcome, Places};
use crate::prepare::retry::Retry;
use crate::prepare::{calendar, meaning};
use crate::scenario::Scenario;
use crate::scenario::places::{Place, Refusal};
use crate::units::{duration_text, grouped};

/// Attempts of a member while the servers are well.
const ATTEMPTS_MAX: u32 = 5;
/// So many refusals in a row, and nobody who was not refused: nobody will be.
const REFUSED_IN_A_ROW: usize = 50;
/// Members who are tried to see whether the servers are back.
const PROBES: usize = 3;
/// Joins a second where nothing is said: the guide waits 50 ms between members.
pub(super) const RATE: Rate = Rate { count: 20, per: Duration::from_secs(1) };
/// How long nothing may work where nothing is said.
const PATIENCE: Duration = Duration::from_secs(120);
/// The scenario's variable that `--password` sets.
const PASSWORD: &str = "challenge_password";

const ENDING: Words = Words {
    first: b"\nending: outcomes are being written; once more leaves at once\n",
    second: b"\nleft at once; the outcomes up to the last second are in the file\n",
};

/// Options of `startline prepare join`.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::EXIT_STATUS_HELP)]
pub struct JoinArgs {
    #[command(flatten)]
    places: PlacesArgs,

    /// The password of a private challenge.
    #[arg(long, value_name = "TEXT", help_heading = "Members")]
    password: Option<String>,
}

impl JoinArgs {
    /// What `prepare all` asks for once there is a challenge.
    pub(super) fn of(
        target: TargetArgs,
        challenge: u64,
        members: Vec<String>,
        rate: Rate,
        patience: Option<Duration>,
        out: Option<PathBuf>,
        password: Option<String>,
    ) -> Self {
        let (challenge, rate) = (Some(challenge), Some(rate));
        Self { places: PlacesArgs { target, challenge, members, resume: None, rate, patience, out }, password }
    }
}

/// Options of `startline prepare leave`. The last one to leave a challenge that is still RECRUITING deletes it.
#[derive(Args, Clone, Debug)]
#[command(after_help = super::EXIT_STATUS_HELP)]
pub struct LeaveArgs {
    #[command(flatten)]
    places: PlacesArgs,
}

// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug)]
struct PlacesArgs {
    #[command(flatten)]
    target: TargetArgs,

    /// The challenge; with CSV files it comes from their challengeId column.
    #[arg(long, value_name = "ID", value_parser = values::id, help_heading = "Members")]
    challenge: Option<u64>,

    /// Members: a range of ids such as 13-10012, or a CSV file with the header memberId,challengeId. Repeat for more files.
    #[arg(long, value_name = "SPEC", help_heading = "Members", required_unless_present = "resume")]
    members: Vec<String>,

    /// Take up where a stopped run ended: its file of outcomes, which is continued. Who has what was asked for is left alone.
    #[arg(long, value_name = "FILE", help_heading = "Members", conflicts_with_all = ["members", "challenge", "out"])]
    resume: Option<PathBuf>,

    /// Members a second or minute [default: 20/s].
    #[arg(long, value_name = "RATE", value_parser = values::rate, help_heading = "Load")]
    rate: Option<Rate>,

    /// Give up when nothing has worked for so long; until then it is tried again, after growing waits [default: 2m].
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Load")]
    patience: Option<Duration>,

    /// Write what became of each member to this CSV file, which must be new [default: startline-<step>-<time>.csv].
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Join,
    Leave,
}

impl Step {
    fn key(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Leave => "leave",
        }
    }

    fn of(self, scenario: &Scenario) -> Result<&Place> {
        let place = match self {
            Self::Join => &scenario.join,
            Self::Leave => &scenario.leave,
        };
        let key = self.key();
        place
            .as_ref()
            .ok_or_else(|| anyhow!("the scenario \"{}\" has no [{key}], which says how", scenario.name))
    }

    /// How an outcome is told.
    fn words(self, outcome: Outcome) -> &'static str {
        match (self, outcome) {
            (Self::Join, Outcome::Done) => "joined",
            (Self::Leave, Outcome::Done) => "left",
            (Self::Join, Outcome::Already) => "in it already",
            (Self::Leave, Outcome::Already) => "not in it",
            (_, Outcome::Elsewhere) => "in another at that time",
            (_, Outcome::Refused) => "refused",
            (_, Outcome::Failed) => "failed, may work later",
            (_, Outcome::Unclear) => "to be looked up",
            (_, Outcome::Pending) => "not tried",
        }
    }
}

/// Carries out `startline prepare join`.
///
/// # Errors
/// What keeps it from beginning.
pub fn join(args: JoinArgs) -> Result<ExitStatus> {
    take(Step::Join, args.places, args.password)
}

/// Carries out `startline prepare leave`.
///
/// # Errors
/// What keeps it from beginning.
pub fn leave(args: LeaveArgs) -> Result<ExitStatus> {
    take(Step::Leave, args.places, None)
}

fn take(step: Step, mut args: PlacesArgs, password: Option<String>) -> Result<ExitStatus> {
    let is_private = password.is_some();
    // What is typed again to go on.
    let password_option =
        password.iter().map(|text| format!(" --password {}", quoted(text))).collect::<String>();
    args.target.set.extend(password.map(|password| (PASSWORD.to_owned(), escaped(&password))));
    let rate = args.rate.unwrap_or(RATE);
    let (mut places, members) = match &args.resume {
        Some(file) => resumed(file)?,
        None => (Places::default(), args.members.clone()),
    };
    let prepared = args.target.prepared(members, args.challenge, Some(rate))?;
    let plan = &prepared.plan;
    let place = step.of(&plan.scenario)?;
    let Some(challenge) = plan.members.only_challenge() else {
        bail!("the members are in several challenges: take one file, and so one challenge, at a time");
    };
    if args.resume.is_none() {
        places = Places::of((0..plan.sessions).map(|k| (plan.members.id(k), challenge)));
    }
    let interrupt = Interrupt::listen(&ENDING)?;
    let agent = prepared.agent();
    let looked_up = match look_up(&prepared, &agent) {
        Ok(looked_up) => looked_up,
        Err(error) => {
            tell(&format!("error: the challenge could not be looked up: {error:#}"));
            tell(&format!("  {}", conduct::hint(&error)));
            // What has been answered will be answered so again.
            return Ok(match conduct::was_answered(&error) {
                true => ExitStatus::Refused,
                false => ExitStatus::Inconclusive,
            });
        }
    };
    note_who_is_in(step, &mut places, looked_up.listed.as_ref());
    let to_do = places.rows().len() - places.settled();
    if to_do > 0 {
        check_challenge(step, &prepared, &looked_up, to_do as u32, rate)?;
    }
    if step == Step::Leave && looked_up.listed.is_some_and(|listed| listed.len() == to_do) {
        tell("warning: nobody else is in the challenge, and the last one to leave deletes it");
    }
    let path = args.resume.clone().or(args.out.clone()).unwrap_or_else(|| default_file(step));
    let journal = match args.resume {
        Some(_) => Journal::take_up(&path, &places)?,
        None => Journal::create(&path, &places)?,
    };
    tell(&format!(
        "{} {} of {} members at {}, to {}; outcomes in {}",
        if step == Step::Join { "joining" } else { "taking out" },
        grouped(to_do as u64),
        grouped(places.rows().len() as u64),
        calendar::rate_text(rate),
        plan.target.url(),
        path.display()
    ));
    let scenario = Arc::new(plan.scenario.for_place(place, is_private));
    let rounds = Rounds {
        prepared: &prepared,
        place,
        scenario,
        agent: &agent,
        interrupt: &interrupt,
        rate,
        began: Instant::now(),
        retry: Retry::new(args.patience.unwrap_or(PATIENCE)),
        refused_in_a_row: 0,
        journal,
        bar: Bar::new(if step == Step::Join { "joining" } else { "leaving" }),
        places,
    };
    let (places, end) = rounds.play()?;
    Ok(tell_end(step, &format!("{}{password_option}", args.target), &path, &places, &end))
}

/// A file of outcomes, made whole, so that it names each member once.
fn resumed(file: &Path) -> Result<(Places, Vec<String>)> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("--resume: cannot read {name}"))?;
    let mut places = Places::read(&name, &text).context("--resume")?;
    places.take_up();
    Journal::take_up(file, &places)?;
    // A file of such a name could be taken for a range.
    let name = if name.contains('/') { name } else { format!("./{name}") };
    Ok((places, vec![name]))
}

/// What JSON wants escaped, and braces, which would be variables in a scenario's text.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].replace('{', "\\u007b")
}

fn default_file(step: Step) -> PathBuf {
    let now = jiff::Zoned::now();
    format!("startline-{}-{}.csv", step.key(), now.strftime("%Y%m%d-%H%M%S")).into()
}

fn look_up(prepared: &Prepared, agent: &ureq::Agent) -> Result<LookedUp> {
    Asker::log_in(&prepared.plan, prepared.schedule()?, agent, 0)?.look_up()
}

/// Whom the list shows to have what was asked for.
fn note_who_is_in(step: Step, places: &mut Places, listed: Option<&HashMap<u64, String>>) {
    let Some(listed) = listed else { return };
    for at in places.at(Outcome::Pending) {
        let is_in = listed.contains_key(&places.rows()[at].member);
        if is_in == (step == Step::Join) {
            places.set(at, Outcome::Already, "");
        }
    }
}

/// Refuses what the challenge's life does not allow.
fn check_challenge(
    step: Step,
    prepared: &Prepared,
    looked_up: &LookedUp,
    members: u32,
    rate: Rate,
) -> Result<()> {
    let challenge = Challenge::read(&looked_up.status, &looked_up.starts_at, &looked_up.ends_at)?;
    let zone = schedule::zone(&prepared.settings.time_zone)
        .ok_or_else(|| anyhow!("--time-zone {} is not known on this box", prepared.settings.time_zone))?;
    match step {
        Step::Join => {
            let left = calendar::joins_fit(&challenge, &zone, looked_up.server_now, members, rate)?;
            let left = Duration::from_secs(left.as_secs());
            tell(&format!(
                "{} members take {}; the challenge becomes READY in {}",
                grouped(members.into()),
                duration_text(Duration::from_secs(rate.ramp(members).as_secs_f64().ceil() as u64)),
                duration_text(left)
            ));
            Ok(())
        }
        Step::Leave if matches!(challenge.status, Status::Running | Status::Done) => bail!(
            "the challenge is {}: members can leave only while they are WAITING, which nobody is after startAt",
            challenge.status.key()
        ),
        Step::Leave => Ok(()),
    }
}

/// Why there are no further rounds.
enum End {
    /// Everyone is through.
    Over,
    /// A reason that holds for everyone.
    Stopped(String),
    /// Nothing has worked for too long, or somebody asked for the end.
    Broken(String),
}

/// Why a round ends early.
#[derive(Clone, Debug)]
enum Cut {
    /// The servers are to be left alone for a while.
    Pause,
    /// A reason that holds for everyone.
    Stop(String),
}

struct Rounds<'p> {
    prepared: &'p Prepared,
    place: &'p Place,
    scenario: Arc<Scenario>,
    agent: &'p ureq::Agent,
    interrupt: &'p Interrupt,
    rate: Rate,
    began: Instant,
    retry: Retry,
    refused_in_a_row: usize,
    journal: Journal,
    bar: Bar,
    places: Places,
}

impl Rounds<'_> {
    /// Plays rounds until nothing is left to do, or to hope for.
    fn play(mut self) -> Result<(Places, End)> {
        let end = self.rounds()?;
        self.bar.update(&self.standing());
        self.bar.clear();
        self.journal.finish(&self.places);
        Ok((self.places, end))
    }

    fn rounds(&mut self) -> Result<End> {
        loop {
            let mut to_do = self.to_do();
            let is_probing = self.retry.is_probing();
            if is_probing {
                to_do.truncate(PROBES);
            }
            if to_do.is_empty() && self.places.count(Outcome::Unclear) == 0 {
                return Ok(End::Over);
            }
            if !to_do.is_empty()
                && let Some(Cut::Stop(why)) = self.round(&to_do)?
            {
                // Those who got an unclear answer before it are still looked up.
                self.settle_unclear();
                return Ok(End::Stopped(why));
            }
            self.settle_unclear();
            if let Some(why) = self.interrupt.reason() {
                return Ok(End::Broken(why));
            }
            let is_over = self.to_do().is_empty() && self.places.count(Outcome::Unclear) == 0;
            let is_back = is_probing && !self.retry.is_probing();
            if is_over || is_back {
                continue;
            }
            let Some(wait) = self.retry.pause(self.began.elapsed()) else {
                return Ok(End::Broken("nothing worked any more".into()));
            };
            let left = self.to_do().len() + self.places.count(Outcome::Unclear);
            self.bar.say(&format!(
                "{} to be tried again{}, in {}",
                grouped(left as u64),
                self.most_frequent_failure(),
                duration_text(wait)
            ));
            if !self.interrupt.sleep(wait) {
                return Ok(End::Broken(self.interrupt.reason().unwrap_or_default()));
            }
        }
    }

    fn most_frequent_failure(&self) -> String {
        let reasons = self.places.reasons(Outcome::Failed);
        reasons.first().map_or_else(String::new, |(reason, _)| format!(" ({reason})"))
    }

    fn to_do(&self) -> Vec<usize> {
        let is_left = |at: &usize| {
            let row = &self.places.rows()[*at];
            match row.outcome {
                Outcome::Pending => true,
                Outcome::Failed => row.attempts < ATTEMPTS_MAX,
                _ => false,
            }
        };
        (0..self.places.rows().len()).filter(is_left).collect()
    }

    /// Has these members take their turn.
    fn round(&mut self, to_do: &[usize]) -> Result<Option<Cut>> {
        let members = self.places.roster(to_do).members()?;
        let sessions = to_do.len() as u32;
        let plan = Plan {
            scenario: Arc::clone(&self.scenario),
            members: Arc::new(members),
            sessions,
            ramp: self.rate.ramp(sessions),
            keep_fates: true,
            ..self.prepared.plan.clone()
        };
        let cut: RefCell<Option<Cut>> = RefCell::new(None);
        let interrupt = self.interrupt;
        let stop = || interrupt.reason().or_else(|| cut.borrow().is_some().then(|| "cut short".to_owned()));
        engine::run(&plan, &self.prepared.hosts, &stop, &mut |second| {
            for (session, fate) in second.interval.fates() {
                let said = || match fate {
                    Fate::Failed { step, fault } => {
                        second.totals.sample(*step, *fault).map(|it| it.evidence.clone())
                    }
                    _ => None,
                };
                if let Some(why) = self.note(to_do[*session as usize], *fate, &said) {
                    cut.borrow_mut().get_or_insert(Cut::Stop(why));
                }
            }
            self.journal.flush();
            if self.retry.is_tripped() {
                cut.borrow_mut().get_or_insert(Cut::Pause);
            }
            self.bar.update(&self.standing());
        })?;
        // Failures of a time in which nothing worked say nothing of the members.
        if self.retry.is_tripped() {
            self.forgive(to_do);
        }
        Ok(cut.into_inner())
    }

    /// Takes back the attempts that those who failed have made in this round.
    fn forgive(&mut self, to_do: &[usize]) {
        for at in to_do {
            if self.places.rows()[*at].outcome == Outcome::Failed {
                self.places.untried(*at);
            }
        }
    }

    /// Notes what became of a member; the reason, if it is one for everyone.
    fn note(&mut self, at: usize, fate: Fate, said: &dyn Fn() -> Option<String>) -> Option<String> {
        let (step, fault) = match fate {
            // It may have taken effect; the next attempt shows.
            Fate::Abandoned => return None,
            Fate::Completed => {
                self.put(at, Outcome::Done, "");
                return None;
            }
            Fate::Failed { step, fault } => (step, fault),
        };
        let reason = fault.key(&*self.scenario);
        let scenario = Arc::clone(&self.scenario);
        let why = || {
            let step = &scenario.http[usize::from(step)].name;
            let said = said().and_then(|text| message_of(&text)).map(|text| format!(" ({text})"));
            format!("{step} is refused with {reason}{}", said.unwrap_or_default())
        };
        match meaning::of(self.place, fault) {
            Refusal::Done => self.put(at, Outcome::Already, &reason),
            Refusal::LookUp => self.put(at, Outcome::Unclear, &reason),
            Refusal::Again => {
                self.retry.failed();
                self.places.tried(at);
                self.places.set(at, Outcome::Failed, &reason);
                self.journal.append(&self.places.rows()[at]);
            }
            Refusal::Final => {
                self.put(at, Outcome::Refused, &reason);
                self.refused_in_a_row += 1;
                if self.refused_in_a_row >= REFUSED_IN_A_ROW {
                    let count = self.refused_in_a_row;
                    return Some(format!("{count} members in a row, and nobody else: {}", why()));
                }
                return None;
            }
            Refusal::Stop => {
                self.put(at, Outcome::Refused, &reason);
                return Some(why());
            }
        }
        None
    }

    /// The servers gave an answer that counts.
    fn put(&mut self, at: usize, outcome: Outcome, reason: &str) {
        self.retry.worked(self.began.elapsed());
        if outcome != Outcome::Refused {
            self.refused_in_a_row = 0;
        }
        self.places.tried(at);
        self.places.set(at, outcome, reason);
        self.journal.append(&self.places.rows()[at]);
    }

    /// Looks up those whose answer can mean either.
    fn settle_unclear(&mut self) {
        let unclear = self.places.at(Outcome::Unclear);
        if unclear.is_empty() {
            return;
        }
        match look_up(self.prepared, self.agent) {
            Ok(LookedUp { listed: Some(listed), .. }) => {
                for at in unclear {
                    let row = &self.places.rows()[at];
                    let (reason, is_in) = (row.reason.clone(), listed.contains_key(&row.member));
                    let outcome = if is_in { Outcome::Already } else { Outcome::Elsewhere };
                    self.places.set(at, outcome, if is_in { "" } else { &reason });
                    self.journal.append(&self.places.rows()[at]);
                }
                self.journal.flush();
            }
            Ok(_) => {
                for at in unclear {
                    self.places.set(at, Outcome::Refused, "not-listed");
                }
            }
            Err(error) => self.bar.say(&format!("the look-up failed and is tried again: {error:#}")),
        }
    }

    fn standing(&self) -> Standing {
        let count = |outcome| self.places.count(outcome);
        let without = count(Outcome::Refused) + count(Outcome::Elsewhere);
        Standing {
            over: self.places.settled() + count(Outcome::Unclear) + without,
            all: self.places.rows().len(),
            without,
            again: count(Outcome::Failed),
            per_s: f64::from(self.rate.count) / self.rate.per.as_secs_f64(),
        }
    }
}

/// The envelope's message, if the server's answer is one.
fn message_of(evidence: &str) -> Option<String> {
    let body = &evidence[evidence.find('{')?..];
    let json: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(json.pointer("/message")?.as_str()?.to_owned())
}

/// Tells what became of everyone.
fn tell_end(step: Step, target: &str, path: &Path, places: &Places, end: &End) -> ExitStatus {
    let all = places.rows().len();
    let order = [
        Outcome::Done,
        Outcome::Already,
        Outcome::Elsewhere,
        Outcome::Refused,
        Outcome::Failed,
        Outcome::Unclear,
        Outcome::Pending,
    ];
    println!("{} members of challenge {}:", grouped(all as u64), places.rows()[0].challenge);
    for outcome in order.into_iter().filter(|outcome| places.count(*outcome) > 0) {
        let reasons = places.reasons(outcome);
        let reasons: Vec<String> = reasons
            .iter()
            .filter(|(reason, _)| !reason.is_empty() && !outcome.is_settled())
            .map(|(reason, count)| format!("{} {reason}", grouped(*count as u64)))
            .collect();
        let count = grouped(places.count(outcome) as u64);
        println!("  {count:>9}  {:<24}{}", step.words(outcome), reasons.join(", "));
    }
    println!("What became of each: {}", path.display());
    let file = path.display().to_string();
    let again = format!("startline prepare {} {target} --resume {}", step.key(), quoted(&file));
    match end {
        End::Over if places.settled() == all => return ExitStatus::Passed,
        End::Over => {}
        End::Stopped(why) => tell(&format!("stopped early: {why}")),
        End::Broken(why) => {
            tell(&format!("stopped early: {why}"));
            tell(&format!("  go on with: {again}"));
            return ExitStatus::Inconclusive;
        }
    }
    tell(&format!("  once the cause is mended: {again}"));
    ExitStatus::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_stays_text() {
        assert_eq!(escaped("a\"b\\{member_id}"), "a\\\"b\\\\\\u007bmember_id}");
        assert_eq!(escaped("비밀"), "비밀");
    }

    #[test]
    fn a_server_s_message_is_found_in_evidence() {
        assert_eq!(message_of("{\"message\":\"가득\"}"), Some("가득".into()));
        assert_eq!(message_of("<html>"), None);
        assert_eq!(message_of("{cut"), None);
    }

    #[test]
    fn the_list_says_who_has_what_was_asked_for() {
        let listed = HashMap::from([(13, "WAITING".to_owned())]);
        for (step, expected) in [
            (Step::Join, [Outcome::Already, Outcome::Pending]),
            (Step::Leave, [Outcome::Pending, Outcome::Already]),
        ] {
            let mut places = Places::of([(13, 38), (14, 38)]);
            note_who_is_in(step, &mut places, Some(&listed));
            assert_eq!([places.rows()[0].outcome, places.rows()[1].outcome], expected);
        }
    }
}
