//! Challenges that several processes share: tickets issued elsewhere, and bulletins heard.
//!
//! Each process keeps a world of its own, and what it hears brings them together. Invariants: a runner
//! is in the list from the moment on at which its entering is heard, and everyone seated by then is
//! told, so that each pair gets exactly one of "listed" and "announced"; of a member of its own a
//! process knows more than it hears.

use super::challenge::Challenge;
use super::running::{Fault, status_after};
use super::{Bulletin, Claim, News, Now, ParticipationStatus, Pass, Runner, Seat, World};
use crate::messages::{ErrorCode, LeaveReason, RunnerProgress};

impl World {
    /// Takes in a ticket that some server has issued, and that nobody else can take any more.
    ///
    /// # Errors
    /// What the ERROR message says.
    pub fn admit(&mut self, claim: Option<Claim>) -> Result<Pass, ErrorCode> {
        if self.faults.take(Fault::WsInternalError) {
            return Err(ErrorCode::InternalError);
        }
        let Claim { member, challenge: id, reenter } = claim.ok_or(ErrorCode::InvalidTicket)?;
        let challenge = self.challenges.get_mut(&id).ok_or(ErrorCode::Unauthorized)?;
        let runner = challenge.roster.find(member).ok_or(ErrorCode::Unauthorized)?;
        let participation = challenge.roster.get_mut(runner);
        // Who issued it has judged, and may know what has not been heard here.
        if participation.status == ParticipationStatus::Waiting || participation.status.may_reenter() {
            participation.status = ParticipationStatus::Running;
        }
        self.check_in(Pass { challenge: id, runner, reenter })
    }

    /// What is to be said to the servers that share challenges; in the order in which it happened.
    pub fn take_outbox(&mut self) -> Vec<Bulletin> {
        std::mem::take(&mut self.outbox)
    }

    /// Hears a bulletin, this process's own ones included, and tells everyone who is seated here. A seat
    /// that the runner has taken elsewhere is given back: its connection is to be closed.
    pub fn hear(&mut self, bulletin: Bulletin, is_own: bool, now: Now) -> Option<Seat> {
        self.advance(now);
        let challenge = self.challenges.get_mut(&bulletin.challenge)?;
        let runner = challenge.roster.find(bulletin.member)?;
        let mut replaced = None;
        if !is_own {
            if bulletin.news == News::Entered {
                replaced = challenge.room.give_up_seat(runner);
            }
            challenge.follow(runner, bulletin);
        }
        let mut stage = stage!(self);
        match bulletin.news {
            News::Entered => {
                let fragment = challenge.fragment(runner, &mut stage.scratch.text).to_vec();
                challenge.room.show(runner, bulletin.distance, &fragment);
            }
            News::Updated => challenge.refresh(runner, stage.scratch),
            News::Left(LeaveReason::Finish) => {}
            // It may have come back meanwhile; it is listed again when that is heard.
            News::Left(_) | News::Gone => challenge.room.hide(runner),
        }
        let progress =
            RunnerProgress { member: bulletin.member, distance: bulletin.distance, pace: bulletin.pace };
        self.events_dropped +=
            challenge.tell(runner, bulletin.news, progress, bulletin.timestamp_ms, &mut stage);
        replaced
    }
}

impl Challenge {
    /// What has become of a runner on another server.
    fn follow(&mut self, runner: Runner, bulletin: Bulletin) {
        let has_seat = self.room.seat(runner).is_some();
        let participation = self.roster.get_mut(runner);
        (participation.distance, participation.pace) = (bulletin.distance, bulletin.pace);
        let status = participation.status;
        match bulletin.news {
            News::Entered => participation.status = ParticipationStatus::Running,
            News::Left(LeaveReason::Finish) if status != ParticipationStatus::Completed => {
                self.roster.finish(runner);
            }
            News::Left(reason) if status == ParticipationStatus::Running && !has_seat => {
                participation.status = status_after(reason);
            }
            News::Gone if status == ParticipationStatus::Running && !has_seat => {
                participation.status = ParticipationStatus::Disconnected;
            }
            News::Left(_) | News::Gone | News::Updated => {}
        }
    }
}
