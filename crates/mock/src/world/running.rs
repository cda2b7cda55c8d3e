//! The rules on WebSockets: tickets redeemed, runners listed, registered, announced, recorded and
//! gone.
//!
//! Knows seats, not sockets. Invariant: listing, registering and announcing are three calls, and
//! a thread that holds the world's lock over the three gives each pair of runners exactly one of "listed"
//! and "announced".

use startline_protocol::websocket::{self, Opcode};

use super::challenge::Challenge;
use super::{
    Batch, Bulletin, ChallengeId, News, Now, ParticipationStatus, Pass, Runner, Seat, TicketId, World,
    WorldSettings,
};
use crate::loss::{self, Loss, Withheld};
use crate::messages::{self, ErrorCode, LeaveReason, RunnerProgress};

/// Faults that can be ordered from the mock server: the next N of that kind happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Any request to the API: INTERNAL_SERVER_ERROR.
    InternalServerError,
    /// *enter*: TICKET_ISSUE_FAILED.
    TicketIssueFailed,
    /// A WebSocket's opening: ERROR/INTERNAL_ERROR.
    WsInternalError,
    /// A message from a client: ERROR/INVALID_SESSION.
    WsInvalidSession,
    /// A WebSocket's opening: ERROR/UNAUTHORIZED.
    WsUnauthorized,
}

const FAULTS: [(Fault, &str); 5] = [
    (Fault::InternalServerError, "internal-server-error"),
    (Fault::TicketIssueFailed, "ticket-issue-failed"),
    (Fault::WsInternalError, "ws-internal-error"),
    (Fault::WsInvalidSession, "ws-invalid-session"),
    (Fault::WsUnauthorized, "ws-unauthorized"),
];

impl Fault {
    /// The fault with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        FAULTS.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// How many of each fault are still ordered.
#[derive(Debug, Default)]
pub(super) struct Faults {
    ordered: [u32; FAULTS.len()],
}

impl Faults {
    /// Whether it happens now.
    pub(super) fn take(&mut self, fault: Fault) -> bool {
        let left = &mut self.ordered[fault as usize];
        let happens = *left > 0;
        *left = left.saturating_sub(1);
        happens
    }
}

/// Buffers that rendering needs, kept for their memory.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) text: Vec<u8>,
    frame: Vec<u8>,
}

/// What announcing needs of a world besides the challenge.
pub(super) struct Stage<'w> {
    pub(super) settings: &'w mut WorldSettings,
    pub(super) scratch: &'w mut Scratch,
    pub(super) outbox: &'w mut Vec<Bulletin>,
    pub(super) losses: &'w mut loss::Ledger,
}

impl<'w> Stage<'w> {
    pub(super) fn of(
        settings: &'w mut WorldSettings,
        scratch: &'w mut Scratch,
        outbox: &'w mut Vec<Bulletin>,
        losses: &'w mut loss::Ledger,
    ) -> Self {
        Self { settings, scratch, outbox, losses }
    }
}

/// A seat taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The member's previous connection, to be closed with 1000.
    pub replaced: Option<Seat>,
    /// The number of the first announcement that it receives.
    pub from: u64,
}

/// What a RECORD led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The member has come to the end; its connection gets no more announcements.
    Finished,
    /// The others know how far the member is.
    Underway,
}

/// The session is not the member's current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRefused;

impl World {
    /// Takes in the ticket that a WebSocket came with.
    ///
    /// # Errors
    /// What the ERROR message says: INVALID_TICKET when it is spent, unknown or expired, UNAUTHORIZED when the participation
    /// is no longer RUNNING.
    pub fn redeem(&mut self, ticket: &str, now: Now) -> Result<Pass, ErrorCode> {
        if self.faults.take(Fault::WsInternalError) {
            return Err(ErrorCode::InternalError);
        }
        let pass = TicketId::parse(ticket).and_then(|id| self.tickets.redeem(id, now.real_ms));
        self.check_in(pass.ok_or(ErrorCode::InvalidTicket)?)
    }

    /// Whether who has a good ticket may come in.
    pub(super) fn check_in(&mut self, pass: Pass) -> Result<Pass, ErrorCode> {
        let challenge = self.challenges.get(&pass.challenge).ok_or(ErrorCode::Unauthorized)?;
        let is_running = challenge.roster.get(pass.runner).status == ParticipationStatus::Running;
        if !is_running || self.faults.take(Fault::WsUnauthorized) {
            return Err(ErrorCode::Unauthorized);
        }
        Ok(pass)
    }

    /// Appends the CONNECTED frame for this runner: everyone else who is registered now.
    pub fn list(&mut self, pass: Pass, now: Now, out: &mut Vec<u8>) {
        let Some(challenge) = self.challenges.get_mut(&pass.challenge) else { return };
        challenge.list(pass.runner, now, &mut self.scratch, out);
    }

    /// Gives the runner a seat: from here on it is in every list and receives what is announced.
    /// `None` when the challenge has ended meanwhile.
    pub fn register(&mut self, pass: Pass, seat: Seat) -> Option<Registered> {
        let challenge = self.challenges.get_mut(&pass.challenge)?;
        if challenge.roster.get(pass.runner).status != ParticipationStatus::Running {
            return None;
        }
        let replaced = if self.settings.is_shared {
            // It is listed once its entering is heard: members who come before that get its announcement.
            challenge.room.take_seat(pass.runner, seat)
        } else {
            let fragment = challenge.fragment(pass.runner, &mut self.scratch.text);
            let km = challenge.roster.get(pass.runner).distance;
            challenge.room.enter(pass.runner, seat, km, fragment)
        };
        Some(Registered { replaced, from: challenge.room.log().end() })
    }

    /// The number of the next announcement in the challenge.
    pub fn next_event(&self, pass: Pass) -> u64 {
        self.challenges.get(&pass.challenge).map_or(0, |challenge| challenge.room.log().end())
    }

    /// Tells everyone else that the runner has entered.
    pub fn announce(&mut self, pass: Pass, now: Now) {
        let Some(challenge) = self.challenges.get_mut(&pass.challenge) else { return };
        self.events_dropped += challenge.announce(pass.runner, News::Entered, &mut stage!(self), now);
    }

    /// The session is over: if the runner's seat is its own, the participation takes the reason's
    /// status and all others are notified, unless it has finished: that is what they know. `false`
    /// if it has no seat (any more).
    pub fn depart(
        &mut self,
        id: ChallengeId,
        runner: Runner,
        session: u32,
        reason: LeaveReason,
        now: Now,
    ) -> bool {
        let Some(challenge) = self.challenges.get_mut(&id) else { return false };
        let has_left = match self.settings.is_shared {
            // Out of the list once that is heard.
            true => challenge.room.unseat(runner, session),
            false => challenge.room.leave(runner, session),
        };
        if !has_left {
            return false;
        }
        let participation = challenge.roster.get_mut(runner);
        let mut stage = stage!(self);
        match participation.status {
            ParticipationStatus::Completed => {
                challenge.tell_servers(runner, News::Gone, &mut stage, now);
                return true;
            }
            ParticipationStatus::Running => participation.status = status_after(reason),
            // Set otherwise meanwhile: EXPIRED, when the challenge is over.
            _ => {}
        }
        self.events_dropped += challenge.announce(runner, News::Left(reason), &mut stage, now);
        true
    }

    /// The connection is gone before it was registered: the member may enter again at once.
    pub fn abandon(&mut self, pass: Pass, now: Now) {
        let Some(challenge) = self.challenges.get_mut(&pass.challenge) else { return };
        let participation = challenge.roster.get_mut(pass.runner);
        if participation.status == ParticipationStatus::Running {
            participation.status = ParticipationStatus::Disconnected;
            challenge.tell_servers(pass.runner, News::Gone, &mut stage!(self), now);
        }
    }

    /// A RECORD: the others see how far the runner is, or that it has come to the end. Who has
    /// finished and records again is announced as finished again.
    ///
    /// # Errors
    /// [`RecordRefused`] when the session has no seat.
    pub fn record(
        &mut self,
        id: ChallengeId,
        runner: Runner,
        session: u32,
        (distance, pace): (f64, i32),
        now: Now,
    ) -> Result<Recorded, RecordRefused> {
        let challenge = self.challenges.get_mut(&id).ok_or(RecordRefused)?;
        let mut stage = stage!(self);
        if challenge.roster.get(runner).status == ParticipationStatus::Completed {
            let finished = News::Left(LeaveReason::Finish);
            self.events_dropped += challenge.announce(runner, finished, &mut stage, now);
            return Ok(Recorded::Finished);
        }
        if challenge.room.seat(runner).is_none_or(|seat| seat.session != session) {
            return Err(RecordRefused);
        }
        let participation = challenge.roster.get_mut(runner);
        (participation.distance, participation.pace) = (distance, pace);
        let is_finish = distance >= challenge.about.distance.km();
        challenge.refresh(runner, stage.scratch);
        self.events_dropped += challenge.announce(runner, News::Updated, &mut stage, now);
        if !is_finish {
            return Ok(Recorded::Underway);
        }
        // It stays in the list, and its socket stays open.
        challenge.roster.finish(runner);
        let finished = News::Left(LeaveReason::Finish);
        self.events_dropped += challenge.announce(runner, finished, &mut stage, now);
        Ok(Recorded::Finished)
    }

    /// Copies what a worker has not seen of a challenge's announcements, up to this many bytes (as
    /// [`super::EventLog::take`]), and says whether there is more. `None` when there is nothing.
    pub fn take_events(
        &mut self,
        id: ChallengeId,
        worker: u16,
        bytes_max: usize,
        batch: &mut Batch,
    ) -> Option<bool> {
        let log = self.challenges.get_mut(&id)?.room.log_mut();
        if !log.has_news(worker) {
            return None;
        }
        log.take(worker, bytes_max, batch);
        Some(log.has_news(worker))
    }

    /// The worker has no connection in this challenge any more.
    pub fn detach(&mut self, id: ChallengeId, worker: u16) {
        if let Some(challenge) = self.challenges.get_mut(&id) {
            challenge.room.log_mut().detach(worker);
        }
    }

    /// Orders faults.
    pub fn order_faults(&mut self, fault: Fault, count: u32) {
        self.faults.ordered[fault as usize] = count;
    }

    /// How many of a fault are still ordered.
    pub fn faults_left(&self, fault: Fault) -> u32 {
        self.faults.ordered[fault as usize]
    }

    /// Whether an ordered fault happens now.
    pub fn take_fault(&mut self, fault: Fault) -> bool {
        self.faults.take(fault)
    }
}

impl Challenge {
    /// Ends it: members who are still running have EXPIRED, and none is connected any more if the end
    /// closes connections. Returns announcements dropped.
    pub(super) fn end(&mut self, stage: &mut Stage<'_>, now: Now) -> u64 {
        let mut dropped = 0;
        if stage.settings.announce_expired {
            let is_running = |it: &Runner| self.roster.get(*it).status == ParticipationStatus::Running;
            let runners: Vec<Runner> = self.room.runners().filter(is_running).collect();
            for runner in runners {
                dropped += self.announce(runner, News::Left(LeaveReason::Expired), stage, now);
            }
        }
        self.roster.turn_all(ParticipationStatus::Running, ParticipationStatus::Expired);
        if stage.settings.done_closes {
            self.room.clear();
        }
        dropped
    }

    pub(super) fn progress(&self, runner: Runner) -> RunnerProgress {
        let participation = self.roster.get(runner);
        RunnerProgress {
            member: participation.member,
            distance: participation.distance,
            pace: participation.pace,
        }
    }

    pub(super) fn fragment<'t>(&self, runner: Runner, text: &'t mut Vec<u8>) -> &'t [u8] {
        text.clear();
        messages::participant(text, self.progress(runner));
        text
    }

    fn list(&self, runner: Runner, now: Now, scratch: &mut Scratch, out: &mut Vec<u8>) {
        let (head, tail) = (&mut scratch.text, &mut scratch.frame);
        head.clear();
        tail.clear();
        messages::connected_head(head, self.id.0, self.progress(runner));
        messages::connected_tail(tail, now.wall_ms);
        let payload_len = head.len() + self.room.list_bytes(runner) + tail.len();
        websocket::write_header(out, true, Opcode::Text, None, payload_len as u64);
        out.extend_from_slice(head);
        self.room.list(runner, out);
        out.extend_from_slice(tail);
    }

    /// Renders a runner's entry of the list again.
    pub(super) fn refresh(&mut self, runner: Runner, scratch: &mut Scratch) {
        let km = self.roster.get(runner).distance;
        let progress = self.progress(runner);
        scratch.text.clear();
        messages::participant(&mut scratch.text, progress);
        self.room.update(runner, km, &scratch.text);
    }

    /// Tells everyone else, or the servers that do so; returns 1 when it had to be dropped.
    fn announce(&mut self, runner: Runner, news: News, stage: &mut Stage<'_>, now: Now) -> u64 {
        if stage.settings.is_shared {
            self.tell_servers(runner, news, stage, now);
            return 0;
        }
        let progress = self.progress(runner);
        self.tell(runner, news, progress, now.wall_ms, stage)
    }

    /// Tells the servers that share the challenge, if any do.
    fn tell_servers(&self, runner: Runner, news: News, stage: &mut Stage<'_>, now: Now) {
        if !stage.settings.is_shared {
            return;
        }
        let RunnerProgress { member, distance, pace } = self.progress(runner);
        let (challenge, timestamp_ms) = (self.id, now.wall_ms);
        stage.outbox.push(Bulletin { challenge, member, news, distance, pace, timestamp_ms });
    }

    /// Renders an announcement into the log; returns 1 when it had to be dropped.
    pub(super) fn tell(
        &mut self,
        actor: Runner,
        news: News,
        progress: RunnerProgress,
        timestamp_ms: u64,
        stage: &mut Stage<'_>,
    ) -> u64 {
        let losses = stage.settings.injector.losses(self.roster.present());
        if self.room.is_quiet() {
            return 0;
        }
        let scratch = &mut *stage.scratch;
        scratch.text.clear();
        scratch.frame.clear();
        match news {
            News::Entered => messages::user_entered(&mut scratch.text, progress, timestamp_ms),
            News::Left(reason) => {
                messages::user_left(&mut scratch.text, progress.member, reason, timestamp_ms);
            }
            News::Updated => messages::participant_update(&mut scratch.text, progress, timestamp_ms),
            News::Gone => return 0,
        }
        websocket::write_frame(&mut scratch.frame, Opcode::Text, None, &scratch.text);
        let withheld = if losses.is_empty() { None } else { self.withheld(actor, news, &losses, stage) };
        u64::from(!self.room.log_mut().append(actor, withheld, &stage.scratch.frame))
    }

    /// Who does not get an announcement that is lost in these ways; counted.
    fn withheld(
        &self,
        actor: Runner,
        news: News,
        losses: &[Loss],
        stage: &mut Stage<'_>,
    ) -> Option<Withheld> {
        let mut receivers = self.room.receivers(actor);
        // Those who have finished get nothing any more.
        receivers.retain(|(runner, _)| self.roster.get(*runner).status != ParticipationStatus::Completed);
        let withheld = Withheld::decide(losses, &receivers, stage.settings.injector.random())?;
        let from = self.room.seat(actor).map(|seat| seat.server);
        stage.losses.add(news.name(), from, &receivers, &withheld);
        Some(withheld)
    }
}

/// What a participation becomes when its connection ends for this reason.
pub(super) fn status_after(reason: LeaveReason) -> ParticipationStatus {
    match reason {
        LeaveReason::Disconnected => ParticipationStatus::Disconnected,
        LeaveReason::Error => ParticipationStatus::Error,
        LeaveReason::Expired => ParticipationStatus::Expired,
        LeaveReason::Finish => ParticipationStatus::Completed,
        LeaveReason::Kicked => ParticipationStatus::Kicked,
        LeaveReason::Quit => ParticipationStatus::Quit,
        LeaveReason::Timeout => ParticipationStatus::Timeout,
    }
}
