//! The rules on WebSockets: tickets redeemed, runners listed, registered, announced, recorded and
//! gone.
//!
//! Knows seats, not sockets. Invariant: listing, registering and announcing are three calls, and
//! a thread that holds the world's lock over the three gives each pair of runners exactly one of "listed"
//! and "announced".

use startline_protocol::websocket::{self, Opcode};

use super::challenge::Challenge;
use super::{
    Batch, ChallengeId, MemberId, Now, ParticipationStatus, Pass, Runner, Seat, Spread, TicketId, World,
    WorldSettings,
};
use crate::injection::Injector;
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
    text: Vec<u8>,
    frame: Vec<u8>,
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
        let pass = pass.ok_or(ErrorCode::InvalidTicket)?;
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
        let fragment = challenge.fragment(pass.runner, &mut self.scratch.text);
        let km = challenge.roster.get(pass.runner).distance;
        let replaced = challenge.room.enter(pass.runner, seat, km, fragment);
        Some(Registered { replaced, from: challenge.room.log().end() })
    }

    /// The number of the next announcement in the challenge.
    pub fn next_event(&self, pass: Pass) -> u64 {
        self.challenges.get(&pass.challenge).map_or(0, |challenge| challenge.room.log().end())
    }

    /// Tells everyone else that the runner has entered.
    pub fn announce(&mut self, pass: Pass, now: Now) {
        let Some(challenge) = self.challenges.get_mut(&pass.challenge) else { return };
        let progress = challenge.progress(pass.runner);
        let reach = self.settings.injector.reach(challenge.roster.present());
        let spread = Spread { reach, is_entered: true };
        self.events_dropped += challenge.announce(pass.runner, spread, &mut self.scratch, |text| {
            messages::user_entered(text, progress, now.wall_ms);
        });
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
        if !challenge.room.leave(runner, session) {
            return false;
        }
        let participation = challenge.roster.get_mut(runner);
        match participation.status {
            ParticipationStatus::Completed => return true,
            ParticipationStatus::Running => participation.status = status_after(reason),
            // Set otherwise meanwhile: EXPIRED, when the challenge is over.
            _ => {}
        }
        let (injector, scratch) = (&mut self.settings.injector, &mut self.scratch);
        self.events_dropped += challenge.announce_left(runner, reason, injector, now, scratch);
        true
    }

    /// The connection is gone before it was registered: the member may enter again at once.
    pub fn abandon(&mut self, pass: Pass) {
        let Some(challenge) = self.challenges.get_mut(&pass.challenge) else { return };
        let participation = challenge.roster.get_mut(pass.runner);
        if participation.status == ParticipationStatus::Running {
            participation.status = ParticipationStatus::Disconnected;
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
        let (injector, scratch) = (&mut self.settings.injector, &mut self.scratch);
        if challenge.roster.get(runner).status == ParticipationStatus::Completed {
            self.events_dropped +=
                challenge.announce_left(runner, LeaveReason::Finish, injector, now, scratch);
            return Ok(Recorded::Finished);
        }
        if challenge.room.seat(runner).is_none_or(|seat| seat.session != session) {
            return Err(RecordRefused);
        }
        let participation = challenge.roster.get_mut(runner);
        (participation.distance, participation.pace) = (distance, pace);
        let is_finish = distance >= challenge.about.distance.km();
        let fragment = challenge.fragment(runner, &mut scratch.text);
        challenge.room.update(runner, distance, fragment);
        let progress = challenge.progress(runner);
        let spread = Spread { reach: injector.reach(challenge.roster.present()), is_entered: false };
        self.events_dropped += challenge.announce(runner, spread, scratch, |text| {
            messages::participant_update(text, progress, now.wall_ms);
        });
        if !is_finish {
            return Ok(Recorded::Underway);
        }
        // It stays in the list, and its socket stays open.
        challenge.roster.finish(runner);
        self.events_dropped += challenge.announce_left(runner, LeaveReason::Finish, injector, now, scratch);
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
    pub(super) fn end(&mut self, settings: &mut WorldSettings, now: Now, scratch: &mut Scratch) -> u64 {
        let mut dropped = 0;
        if settings.announce_expired {
            let is_running = |it: &Runner| self.roster.get(*it).status == ParticipationStatus::Running;
            let runners: Vec<Runner> = self.room.runners().filter(is_running).collect();
            for runner in runners {
                let injector = &mut settings.injector;
                dropped += self.announce_left(runner, LeaveReason::Expired, injector, now, scratch);
            }
        }
        self.roster.turn_all(ParticipationStatus::Running, ParticipationStatus::Expired);
        if settings.done_closes {
            self.room.clear();
        }
        dropped
    }

    fn progress(&self, runner: Runner) -> RunnerProgress {
        let participation = self.roster.get(runner);
        RunnerProgress {
            member: participation.member,
            distance: participation.distance,
            pace: participation.pace,
        }
    }

    fn fragment<'t>(&self, runner: Runner, text: &'t mut Vec<u8>) -> &'t [u8] {
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

    fn announce_left(
        &mut self,
        runner: Runner,
        reason: LeaveReason,
        injector: &mut Injector,
        now: Now,
        scratch: &mut Scratch,
    ) -> u64 {
        let member: MemberId = self.roster.get(runner).member;
        let spread = Spread { reach: injector.reach(self.roster.present()), is_entered: false };
        self.announce(runner, spread, scratch, |text| messages::user_left(text, member, reason, now.wall_ms))
    }

    /// Renders an announcement into the log; returns 1 when it had to be dropped.
    fn announce(
        &mut self,
        actor: Runner,
        spread: Spread,
        scratch: &mut Scratch,
        render: impl FnOnce(&mut Vec<u8>),
    ) -> u64 {
        if self.room.is_quiet() {
            return 0;
        }
        scratch.text.clear();
        scratch.frame.clear();
        render(&mut scratch.text);
        websocket::write_frame(&mut scratch.frame, Opcode::Text, None, &scratch.text);
        u64::from(!self.room.log_mut().append(actor, spread, &scratch.frame))
    }
}

/// What a participation becomes when its connection ends for this reason.
fn status_after(reason: LeaveReason) -> ParticipationStatus {
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
