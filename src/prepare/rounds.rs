//! Members taking their turn, round after round, until all are done or it gives up.
//!
//! The engine plays a round; what its failures mean is [`meaning`]'s, when to wait [`Retry`]'s. Invariant: a member's outcome
//! is noted before the next one's, and an ambiguous answer is looked up before it is reported.

mod pace;
mod resolving;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use startline_os::units::{duration_text, grouped};

use self::pace::Pace;
use super::answers::Answers;
use super::bar::Progress;
use super::journal::Journal;
use super::prepared::Prepared;
use super::step::Step;
use crate::engine::{self, Steering};
use crate::fault::Fault;
use crate::interrupt::Interrupt;
use crate::lang::Sentence;
use crate::measure::Fate;
use crate::plan::roster::Roster;
use crate::plan::{Plan, Rate, Settings};
use crate::prepare::meaning;
use crate::prepare::places::{Outcome, Places};
use crate::prepare::retry::Retry;
use crate::scenario::places::{Place, Refusal};
use crate::scenario::{Scenario, StepIndex};
use crate::terminal::StatusLine;

/// Where standard error is no terminal, a line this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);
/// Requests of a member that go unanswered while the servers are well.
const STRIKES_MAX: u8 = 5;
/// This many refusals in a row, and more than there are members who are done: no other member will be accepted. Fewer may be
/// a gap in the ids, which a resumed command meets first.
const REFUSED_IN_A_ROW: usize = 50;
/// Members who are sent to see whether the servers are back.
const PROBES: usize = 3;
/// Why a member failed whose answer was not waited for.
const NO_ANSWER: &str = "no-answer";
/// Why it is given up.
const NOTHING_WORKS: &str = "no member succeeded within --patience";

/// Why there are no further rounds.
pub enum End {
    /// All members have a final outcome.
    Over,
    /// A reason that holds for all members.
    Stopped(Stop),
    /// Nothing has worked for too long, or a signal asked for the end.
    Broken(String),
}

/// A refusal that holds for all members.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Its reason, as outcomes have it.
    pub reason: String,
    /// The refusal in words.
    pub text: String,
}

/// The outcome of all rounds.
pub struct Played {
    /// All members' outcomes.
    pub places: Places,
    /// Why it is over.
    pub end: End,
    /// What was answered.
    pub answers: Answers,
    /// The rate that was reached, members a second, where it is under the one asked for.
    pub short_of_rate: Option<f64>,
    /// Why not all of it is in the file, if so.
    pub unwritten: Option<std::io::Error>,
}

/// Why a round ends early.
#[derive(Clone, Debug)]
enum Cut {
    /// The servers are to be left alone for a while.
    Pause,
    /// Many answers in a row are ambiguous: the list must show what they mean before more members are sent.
    LookUp,
    /// Nothing has worked for too long.
    GiveUp,
    /// A reason that holds for all members.
    Stop(Stop),
}

/// What is to be done, and with what.
pub struct Task<'p> {
    /// The step.
    pub step: Step,
    /// Whom to ask, and how.
    pub prepared: &'p Prepared,
    /// What refusals mean.
    pub place: &'p Place,
    /// What a member's session does.
    pub scenario: Arc<Scenario>,
    /// For look-ups.
    pub agent: &'p ureq::Agent,
    /// Where signals ask for the end.
    pub interrupt: &'p Interrupt,
    /// Members who take their turn.
    pub rate: Rate,
    /// Requests that are out at once, at most.
    pub in_flight: u32,
}

/// The rounds of a step.
pub struct Rounds<'p> {
    task: Task<'p>,
    began: Instant,
    retry: Retry,
    refused_in_a_row: usize,
    /// Answers in a row that the scenario does not know.
    unusable_in_a_row: usize,
    /// The list has shown that they are not refusals.
    unusable_is_done: bool,
    answers: Answers,
    pace: Pace,
    journal: Journal,
    line: StatusLine,
    places: Places,
    /// Of each member, how often it got no answer while the servers were well. One that is answered,
    /// with whatever, is retried as long as patience lasts.
    strikes: Vec<u8>,
    /// The members who have got no answer in this round.
    failed_now: Vec<usize>,
    /// Since when members wait for an answer; none: no member does.
    waiting_since: Option<Duration>,
}

impl<'p> Rounds<'p> {
    /// Begins now, and gives up when nothing has worked for `patience`.
    pub fn new(task: Task<'p>, patience: Duration, journal: Journal, places: Places) -> Self {
        Self {
            task,
            began: Instant::now(),
            retry: Retry::new(patience),
            refused_in_a_row: 0,
            unusable_in_a_row: 0,
            unusable_is_done: false,
            answers: Answers::default(),
            pace: Pace::default(),
            journal,
            line: StatusLine::new(PLAIN_INTERVAL),
            strikes: vec![0; places.rows().len()],
            places,
            failed_now: Vec::new(),
            waiting_since: None,
        }
    }

    /// Plays rounds until all members are done or it gives up.
    ///
    /// # Errors
    /// A round could not begin.
    pub fn play(mut self) -> Result<Played> {
        let end = self.rounds()?;
        self.resolve_at_the_end(&end);
        // Nothing is left to come.
        let progress = Progress { per_s: 0.0, ..self.progress() };
        self.line.finish(|_| progress.text(self.task.step.going_on()));
        let unwritten = self.journal.finish(&self.places).err();
        let short_of_rate = self.pace.short_of(self.task.rate);
        Ok(Played { places: self.places, end, answers: self.answers, short_of_rate, unwritten })
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
            let cut = if to_do.is_empty() { None } else { self.round(&to_do)? };
            let is_the_last = match cut {
                Some(Cut::Stop(_) | Cut::GiveUp) => true,
                Some(Cut::Pause | Cut::LookUp) | None => self.task.interrupt.reason().is_some(),
            };
            if !is_the_last {
                self.resolve_unclear();
            }
            let is_ambiguous = matches!(cut, Some(Cut::LookUp));
            match cut {
                Some(Cut::Stop(why)) => return Ok(End::Stopped(why)),
                Some(Cut::GiveUp) => return Ok(End::Broken(NOTHING_WORKS.into())),
                Some(Cut::Pause | Cut::LookUp) | None => {}
            }
            if let Some(why) = self.task.interrupt.reason() {
                return Ok(End::Broken(why.to_string()));
            }
            let is_over = self.to_do().is_empty() && self.places.count(Outcome::Unclear) == 0;
            let is_back = is_probing && !self.retry.is_probing();
            if let Some(why) = self.refused_by_all().filter(|_| !is_over) {
                return Ok(End::Stopped(why));
            }
            if is_over || is_back || is_ambiguous {
                continue;
            }
            let Some(wait) = self.retry.pause(self.began.elapsed()) else {
                return Ok(End::Broken(NOTHING_WORKS.into()));
            };
            self.line.say(&self.wait_text(wait));
            if !self.task.interrupt.sleep(wait) {
                return Ok(End::Broken(self.task.interrupt.reason().unwrap_or_default().to_string()));
            }
        }
    }

    /// Returns `102 to retry (nginx-502), 5,474 not tried yet; continuing in 4s`
    fn wait_text(&self, wait: Duration) -> String {
        let number = |outcome| grouped(self.places.count(outcome) as u64);
        let reasons = self.places.reasons(Outcome::Failed);
        let mut parts = Vec::new();
        if let Some((reason, _)) = reasons.first() {
            parts.push(format!("{} to retry ({reason})", number(Outcome::Failed)));
        }
        for (outcome, what) in [(Outcome::Unclear, "to be looked up"), (Outcome::Pending, "not tried yet")] {
            if self.places.count(outcome) > 0 {
                parts.push(format!("{} {what}", number(outcome)));
            }
        }
        // What is left of the patience is no whole number of seconds.
        let wait = Duration::from_secs(wait.as_secs_f64().ceil() as u64);
        format!("{}; continuing in {}", parts.join(", "), duration_text(wait))
    }

    fn to_do(&self) -> Vec<usize> {
        let is_left = |at: &usize| match self.places.rows()[*at].outcome {
            Outcome::Pending => true,
            Outcome::Failed => self.strikes[*at] < STRIKES_MAX,
            _ => false,
        };
        (0..self.places.rows().len()).filter(is_left).collect()
    }

    /// Has these members take their turn.
    fn round(&mut self, to_do: &[usize]) -> Result<Option<Cut>> {
        let members = Roster::picked(&self.task.prepared.plan.members, to_do)?;
        let sessions = to_do.len() as u32;
        let prepared = &self.task.prepared.plan;
        let settings =
            Settings { sessions, ramp: self.task.rate.ramp(sessions), ..prepared.settings.clone() };
        let plan = Plan {
            scenario: Arc::clone(&self.task.scenario),
            members: Arc::new(members),
            keep_fates: true,
            in_flight: Some(self.task.in_flight),
            // Each of them may have at least one.
            workers: prepared.workers.min(self.task.in_flight as usize),
            ..prepared.clone()
        }
        .with_settings(settings);
        let cut: RefCell<Option<Cut>> = RefCell::new(None);
        let mut over = 0;
        self.failed_now.clear();
        let interrupt = self.task.interrupt;
        let stop =
            || interrupt.reason().or_else(|| cut.borrow().is_some().then(|| Sentence::plain("cut short")));
        let outcome =
            engine::run(&plan, &self.task.prepared.hosts, &Steering::stopped_by(&stop), &mut |second| {
                for (session, fate) in second.interval.fates() {
                    let said = || match fate {
                        Fate::Failed { step, fault } => {
                            second.totals.sample(*step, *fault).map(|it| it.evidence.clone())
                        }
                        _ => None,
                    };
                    if let Some(end) = self.note(to_do[session.index()], *fate, &said) {
                        cut.borrow_mut().get_or_insert(end);
                    }
                }
                self.journal.flush();
                let answered = second.interval.fates().len();
                over += answered;
                self.wait_on(answered > 0, second.started as usize > over);
                if self.retry.is_spent(self.began.elapsed()) {
                    cut.borrow_mut().get_or_insert(Cut::GiveUp);
                }
                if self.retry.is_tripped() {
                    cut.borrow_mut().get_or_insert(Cut::Pause);
                }
                let progress = self.progress();
                self.line.show(|_| progress.text(self.task.step.going_on()));
            })?;
        self.waiting_since = None;
        let (first, last) = (outcome.readings.first_start, outcome.readings.last_start);
        if let Some(took) = last.zip(first).map(|(last, first)| last.saturating_sub(first)) {
            self.pace.add(outcome.totals.tally().counts.started, took);
        }
        // Failures of a time in which nothing worked say nothing of the members.
        if !self.retry.is_tripped() {
            for at in std::mem::take(&mut self.failed_now) {
                self.strikes[at] += 1;
            }
        }
        Ok(cut.into_inner())
    }

    /// Notes since when no waiting member has been answered.
    fn wait_on(&mut self, somebody_was_answered: bool, somebody_waits: bool) {
        let now = self.began.elapsed();
        if somebody_waits {
            self.retry.waits(now);
        }
        self.waiting_since = match self.waiting_since {
            _ if !somebody_waits => None,
            Some(since) if !somebody_was_answered => Some(since),
            _ => Some(now),
        };
    }

    /// Notes a member's outcome; returns why that ends the round, if it does.
    fn note(&mut self, at: usize, fate: Fate, said: &dyn Fn() -> Option<String>) -> Option<Cut> {
        let (step, fault) = match fate {
            Fate::Abandoned { asked } => {
                self.note_abandoned(at, asked);
                return None;
            }
            Fate::Completed => {
                self.put(at, Outcome::Done, "");
                return None;
            }
            Fate::Failed { step, fault } => (step, fault),
        };
        let reason = fault.key(&*self.task.scenario);
        self.answers.note(&reason, &self.task.scenario.http[step.index()].name, fault, said);
        match meaning::of(self.task.place, fault, step.index() == self.own_step()) {
            Refusal::Done => self.put(at, Outcome::Already, &reason),
            Refusal::LookUp => {
                self.put(at, Outcome::Unclear, &reason);
                self.unusable_in_a_row += usize::from(!self.is_named(&reason));
                if self.unusable_in_a_row >= REFUSED_IN_A_ROW && !self.unusable_is_done {
                    return Some(Cut::LookUp);
                }
            }
            Refusal::Again => {
                self.retry.failed(self.began.elapsed());
                if !matches!(fault, Fault::HttpStatus(_) | Fault::Named(_)) {
                    self.failed_now.push(at);
                }
                self.places.tried(at);
                self.places.set(at, Outcome::Failed, &reason);
                self.journal.append(&self.places.rows()[at]);
            }
            Refusal::Final => {
                self.put(at, Outcome::Refused, &reason);
                self.refused_in_a_row += 1;
                return self.refused_by_all().map(Cut::Stop);
            }
            Refusal::Stop => {
                self.put(at, Outcome::Refused, &reason);
                let text = self.answers.line(&reason).unwrap_or_else(|| reason.clone());
                return Some(Cut::Stop(Stop { reason, text }));
            }
        }
        None
    }

    /// Why no other member will be accepted, if many have been refused in a row.
    fn refused_by_all(&self) -> Option<Stop> {
        let count = self.refused_in_a_row;
        if count < REFUSED_IN_A_ROW || count <= self.places.succeeded() {
            return None;
        }
        let reasons = self.places.reasons(Outcome::Refused);
        let with_line =
            |(reason, _): &(&str, usize)| Some(((*reason).to_owned(), self.answers.line(reason)?));
        let (reason, why) = reasons.iter().find_map(with_line).unwrap_or_default();
        Some(Stop {
            reason,
            text: format!("{count} members in a row were refused, and none accepted: {why}"),
        })
    }

    /// The request that takes the place, or gives it up; those before it log in.
    fn own_step(&self) -> usize {
        self.task.scenario.http.len() - 1
    }

    /// Whether the scenario knows this reason.
    fn is_named(&self, reason: &str) -> bool {
        self.task.scenario.error_names.iter().any(|name| name == reason)
    }

    /// The round ended first. A request that was out may have taken effect, which the next attempt or the last look at the list shows;
    /// who had not come to send it has not been tried.
    fn note_abandoned(&mut self, at: usize, asked: Option<StepIndex>) {
        if asked.map(StepIndex::index) == Some(self.own_step()) {
            self.places.tried(at);
            self.places.set(at, Outcome::Failed, NO_ANSWER);
            self.journal.append(&self.places.rows()[at]);
        }
    }

    /// The servers gave an answer that counts.
    fn put(&mut self, at: usize, outcome: Outcome, reason: &str) {
        self.retry.worked();
        let is_a_no = outcome == Outcome::Refused || (outcome == Outcome::Unclear && !self.is_named(reason));
        if !is_a_no {
            (self.refused_in_a_row, self.unusable_in_a_row) = (0, 0);
        }
        self.places.tried(at);
        self.places.set(at, outcome, reason);
        self.journal.append(&self.places.rows()[at]);
    }

    fn progress(&self) -> Progress {
        let count = |outcome| self.places.count(outcome);
        let without = count(Outcome::Refused) + count(Outcome::Elsewhere);
        Progress {
            over: self.places.succeeded() + count(Outcome::Unclear) + without,
            all: self.places.rows().len(),
            without,
            again: count(Outcome::Failed),
            per_s: f64::from(self.task.rate.count) / self.task.rate.per.as_secs_f64(),
            unanswered: self
                .waiting_since
                .map_or(Duration::ZERO, |since| self.began.elapsed().saturating_sub(since)),
        }
    }
}
