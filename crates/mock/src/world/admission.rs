//! Joining, leaving, entering: the rules, each in its order.
//!
//! The order is part of the contract: a client sees only the first rule that it breaks. Invariant:
//! a refusal changes nothing about challenges and participations.

use crate::injection::{Count, Kind};

use super::{
    ChallengeId, ChallengeStatus, Fault, MemberId, Now, Participation, ParticipationStatus, Pass, Refusal,
    Runner, TicketId, World,
};

/// What a ticket says to the servers that share a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub member: MemberId,
    /// Where.
    pub challenge: ChallengeId,
    /// Whether this is a re-entry (ticket type REENTER).
    pub reenter: bool,
}

/// What *enter* hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The one-time ticket.
    pub ticket: TicketId,
    /// The index of the server to connect to.
    pub server: usize,
    /// Whether the ticket is of type REENTER.
    pub reenter: bool,
}

impl World {
    /// Joins a member: RECRUITING, password, time overlap, limit, existing participation.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn join(
        &mut self,
        member: MemberId,
        id: ChallengeId,
        password: Option<&str>,
    ) -> Result<&Participation, Refusal> {
        self.may_join(member, id, password)?;
        self.participations += 1;
        let participation = self.participations;
        let challenge = self.challenges.get_mut(&id).ok_or(Refusal::ChallengeNotFound)?;
        let runner = challenge.roster.join(member, participation);
        Ok(challenge.roster.get(runner))
    }

    /// Takes back a participation that is still WAITING. The last to leave a RECRUITING challenge
    /// deletes it.
    ///
    /// # Errors
    /// CHALLENGE_NOT_FOUND, CHALLENGE_NOT_JOINED, CHALLENGE_CANCEL_NOT_ALLOWED, in this order.
    pub fn leave(&mut self, member: MemberId, id: ChallengeId) -> Result<Participation, Refusal> {
        let challenge = self.challenges.get_mut(&id).ok_or(Refusal::ChallengeNotFound)?;
        let runner = challenge.roster.find(member).ok_or(Refusal::NotJoined)?;
        if challenge.roster.get(runner).status != ParticipationStatus::Waiting {
            return Err(Refusal::CancelNotAllowed);
        }
        challenge.roster.leave(runner);
        let participation = challenge.roster.get(runner).clone();
        if challenge.roster.present() == 0 && challenge.status == ChallengeStatus::Recruiting {
            self.challenges.remove(&id);
        }
        Ok(participation)
    }

    /// Issues a ticket and marks the member as RUNNING, whether or not a WebSocket ever comes.
    ///
    /// # Errors
    /// The first rule broken; TICKET_ISSUE_FAILED when no WebSocket server is healthy.
    pub fn enter(&mut self, member: MemberId, id: ChallengeId, now: Now) -> Result<Entered, Refusal> {
        let (runner, reenter) = self.may_enter(member, id)?;
        if self.faults.take(Fault::TicketIssueFailed) {
            return Err(Refusal::TicketIssueFailed);
        }
        let mut server = self.routing.choose(member, id, now.real_ms).ok_or(Refusal::TicketIssueFailed)?;
        if self.settings.injector.happens(Count::WrongServer, Kind::WrongServer) {
            server = self.routing.other_than(server, now.real_ms);
        }
        let (pass, random) = (Pass { challenge: id, runner, reenter }, self.random.u128(..));
        let ticket = match self.settings.is_shared {
            // Kept where all servers find it.
            true => TicketId::from_random(random),
            false => self.tickets.issue(pass, random, now.real_ms),
        };
        let challenge = self.challenges.get_mut(&id).ok_or(Refusal::ChallengeNotFound)?;
        challenge.roster.get_mut(runner).status = ParticipationStatus::Running;
        Ok(Entered { ticket, server, reenter })
    }

    /// The ticket could not be kept: the member is where it was before it entered.
    pub fn take_back(&mut self, claim: Claim) {
        let Some(challenge) = self.challenges.get_mut(&claim.challenge) else { return };
        let Some(runner) = challenge.roster.find(claim.member) else { return };
        challenge.roster.get_mut(runner).status = match claim.reenter {
            true => ParticipationStatus::Disconnected,
            false => ParticipationStatus::Waiting,
        };
    }

    fn may_join(&self, member: MemberId, id: ChallengeId, password: Option<&str>) -> Result<(), Refusal> {
        let challenge = self.challenge(id)?;
        self.login(member)?;
        if challenge.status != ChallengeStatus::Recruiting {
            return Err(Refusal::NotRecruiting);
        }
        if challenge.about.is_private && challenge.about.password.as_deref() != password {
            return Err(Refusal::PasswordMismatch);
        }
        if self.has_overlap(member, challenge.about.start_ms, challenge.end_ms()) {
            return Err(Refusal::TimeOverlap);
        }
        if challenge.roster.present() >= challenge.about.participants_max {
            return Err(Refusal::ParticipantLimitExceeded);
        }
        let existing = challenge.roster.find(member).map(|runner| challenge.roster.get(runner).status);
        if existing.is_some_and(|status| status != ParticipationStatus::Left) {
            return Err(Refusal::AlreadyJoined);
        }
        Ok(())
    }

    /// Whether the member is active in any challenge at that time; the one being joined is not left
    /// out, which is why joining twice reads as an overlap.
    fn has_overlap(&self, member: MemberId, start_ms: u64, end_ms: u64) -> bool {
        self.challenges.values().filter(|challenge| challenge.overlaps(start_ms, end_ms)).any(|challenge| {
            let runner = challenge.roster.find(member);
            runner.is_some_and(|runner| challenge.roster.get(runner).status.is_active())
        })
    }

    fn may_enter(&self, member: MemberId, id: ChallengeId) -> Result<(Runner, bool), Refusal> {
        let challenge = self.challenge(id)?;
        if !matches!(challenge.status, ChallengeStatus::Ready | ChallengeStatus::Running) {
            return Err(Refusal::ChallengeNotReady);
        }
        self.login(member)?;
        let runner = challenge.roster.find(member).ok_or(Refusal::NotJoined)?;
        let status = challenge.roster.get(runner).status;
        if status == ParticipationStatus::Waiting && challenge.status == ChallengeStatus::Ready {
            return Ok((runner, false));
        }
        if status.may_reenter() {
            return Ok((runner, true));
        }
        Err(Refusal::InvalidParticipationStatus)
    }
}
