//! The servers' memory: members, challenges, participations, tickets, health, rooms.
//!
//! Pure state behind one lock: no socket, no thread, no clock (every call is given the time). What
//! the business servers do with it is in [`self`] and `admission`, what the WebSocket servers do in
//! `running`. Invariants: a challenge is advanced to the present before anything about it is asked;
//! list, register and announce are separate steps, so that one lock around the three makes them
//! atomic and three locks make them as racy as the real servers.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::injection::Injector;
use crate::loss::{self, Losses};

/// What announcing needs of a world, borrowed apart from its challenges.
macro_rules! stage {
    ($world:ident) => {
        $crate::world::Stage::of(
            &mut $world.settings,
            &mut $world.scratch,
            &mut $world.outbox,
            &mut $world.losses,
        )
    };
}

mod admission;
mod bulletin;
mod challenge;
mod event_log;
mod refusal;
mod room;
mod roster;
mod routing;
mod running;
mod shared_rooms;
#[cfg(test)]
mod tests;
mod ticket;

pub use self::admission::{Claim, Entered};
pub use self::bulletin::{Bulletin, CHANNELS, News};
pub use self::challenge::{About, Challenge, ChallengeStatus, Distance, READY_BEFORE_START_MS};
pub use self::event_log::{Batch, EventLog};
pub use self::refusal::Refusal;
pub use self::room::Room;
pub use self::roster::{Participation, ParticipationStatus, Roster};
pub use self::routing::{Routing, index_for, java_hash};
pub use self::running::{Fault, RecordRefused, Recorded, Registered};
pub use self::ticket::{Pass, TicketId, Tickets};
pub use crate::ids::{ChallengeId, MemberId, Runner, Seat};

use self::running::{Faults, Scratch, Stage};

/// Challenges kept at most; DONE ones make room.
const CHALLENGES_MAX: usize = 10_000;

/// The two times that matter: real milliseconds since the start, for tickets and health, and the
/// servers' wall clock in Unix milliseconds, which may run faster, for the lives of challenges and
/// everything that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Real milliseconds since some origin.
    pub real_ms: u64,
    /// The servers' wall clock.
    pub wall_ms: u64,
}

/// What a world is made with.
#[derive(Clone, Debug)]
pub struct WorldSettings {
    /// The accounts there are.
    pub members: RangeInclusive<u64>,
    /// How many WebSocket servers.
    pub servers: usize,
    /// A ticket's life, real time.
    pub ticket_ttl_ms: u64,
    /// How long a server that an *enter* found missing is passed over from then on, real time.
    pub shut_out_ms: u64,
    /// CONNECTED lists nobody and nothing is announced.
    pub quiet: bool,
    /// At a challenge's end, tell everyone of everyone's EXPIRED first, as the real servers may.
    pub announce_expired: bool,
    /// At a challenge's end, nobody is connected any more.
    pub done_closes: bool,
    /// Draws faults.
    pub injector: Injector,
    /// Challenges are shared with other processes: what is announced goes to the outbox, and is heard
    /// by all of them, this one too, before it is announced.
    pub is_shared: bool,
}

/// Everything that the servers share.
#[derive(Debug)]
pub struct World {
    settings: WorldSettings,
    challenges: BTreeMap<ChallengeId, Challenge>,
    tickets: Tickets,
    routing: Routing,
    faults: Faults,
    participations: u64,
    /// Numbers are never used again, whatever is deleted.
    next_challenge: u64,
    /// Wall time of the earliest change of any challenge's status.
    next_change_ms: u64,
    events_dropped: u64,
    random: fastrand::Rng,
    scratch: Scratch,
    outbox: Vec<Bulletin>,
    losses: loss::Ledger,
}

impl World {
    /// A world with members and no challenge.
    pub fn new(settings: WorldSettings) -> Self {
        Self {
            tickets: Tickets::new(settings.ticket_ttl_ms),
            routing: Routing::new(settings.servers, settings.shut_out_ms),
            settings,
            challenges: BTreeMap::new(),
            faults: Faults::default(),
            participations: 0,
            next_challenge: 1,
            next_change_ms: u64::MAX,
            events_dropped: 0,
            random: fastrand::Rng::new(),
            scratch: Scratch::default(),
            outbox: Vec::new(),
            losses: loss::Ledger::default(),
        }
    }

    /// Whether the member has an account.
    pub fn has_member(&self, member: MemberId) -> bool {
        self.settings.members.contains(&member.0)
    }

    /// Logs a member in.
    ///
    /// # Errors
    /// MEMBER_NOT_FOUND.
    pub fn login(&self, member: MemberId) -> Result<(), Refusal> {
        if self.has_member(member) { Ok(()) } else { Err(Refusal::MemberNotFound) }
    }

    /// The challenge.
    ///
    /// # Errors
    /// CHALLENGE_NOT_FOUND.
    pub fn challenge(&self, id: ChallengeId) -> Result<&Challenge, Refusal> {
        self.challenges.get(&id).ok_or(Refusal::ChallengeNotFound)
    }

    /// Every challenge.
    pub fn challenges(&self) -> impl Iterator<Item = &Challenge> {
        self.challenges.values()
    }

    /// Makes a challenge and has its creator join it.
    ///
    /// # Errors
    /// MEMBER_NOT_FOUND; INTERNAL_SERVER_ERROR when there are too many that are not over.
    pub fn create(&mut self, creator: MemberId, about: About, now: Now) -> Result<ChallengeId, Refusal> {
        self.login(creator)?;
        self.make_room_for_one()?;
        let id = ChallengeId(self.next_challenge);
        self.insert(id, about, now);
        self.participations += 1;
        let participation = self.participations;
        if let Some(challenge) = self.challenges.get_mut(&id) {
            challenge.roster.join(creator, participation);
        }
        Ok(id)
    }

    /// Puts a challenge there that members have joined already: what the preparation of a run would
    /// have led to.
    pub fn preload(&mut self, id: ChallengeId, about: About, joined: RangeInclusive<u64>, now: Now) {
        self.insert(id, about, now);
        let Some(challenge) = self.challenges.get_mut(&id) else { return };
        challenge.roster.reserve(joined.clone().count());
        for member in joined {
            self.participations += 1;
            challenge.roster.join(MemberId(member), self.participations);
        }
        self.advance(now);
    }

    /// Brings every challenge to the present, and names those that have just come to their end:
    /// their connections are to be closed.
    pub fn advance(&mut self, now: Now) -> Vec<ChallengeId> {
        let mut done = Vec::new();
        if now.wall_ms < self.next_change_ms {
            return done;
        }
        self.next_change_ms = u64::MAX;
        for challenge in self.challenges.values_mut() {
            while let Some(status) = challenge.step(now.wall_ms) {
                match status {
                    ChallengeStatus::Running => challenge
                        .roster
                        .turn_all(ParticipationStatus::Waiting, ParticipationStatus::NotStarted),
                    ChallengeStatus::Done => {
                        let mut stage = stage!(self);
                        self.events_dropped += challenge.end(&mut stage, now);
                        done.push(challenge.id);
                    }
                    ChallengeStatus::Recruiting | ChallengeStatus::Ready => {}
                }
            }
            self.next_change_ms = self.next_change_ms.min(challenge.next_change_ms());
        }
        done
    }

    /// Sets the status of a member's participation: not Runnity's, the mock server's own control.
    ///
    /// # Errors
    /// CHALLENGE_NOT_FOUND, CHALLENGE_NOT_JOINED; BAD_REQUEST for LEFT and COMPLETED, which are more than a status.
    pub fn set_status(
        &mut self,
        id: ChallengeId,
        member: MemberId,
        status: ParticipationStatus,
    ) -> Result<(), Refusal> {
        if matches!(status, ParticipationStatus::Left | ParticipationStatus::Completed) {
            return Err(Refusal::BadRequest);
        }
        let challenge = self.challenges.get_mut(&id).ok_or(Refusal::ChallengeNotFound)?;
        let runner = challenge.roster.find(member).ok_or(Refusal::NotJoined)?;
        if challenge.roster.get(runner).status == ParticipationStatus::Left {
            return Err(Refusal::NotJoined);
        }
        challenge.roster.get_mut(runner).status = status;
        Ok(())
    }

    /// The WebSocket servers' health.
    pub fn routing(&self) -> &Routing {
        &self.routing
    }

    /// The same, to change.
    pub fn routing_mut(&mut self) -> &mut Routing {
        &mut self.routing
    }

    /// The tickets that are out.
    pub fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// Announcements dropped because a log was full.
    pub fn events_dropped(&self) -> u64 {
        self.events_dropped
    }

    /// Announcements that faults kept from receivers, by kind of news.
    pub fn losses(&self) -> BTreeMap<&'static str, Losses> {
        self.losses.so_far()
    }

    /// Draws faults.
    pub fn injector(&mut self) -> &mut Injector {
        &mut self.settings.injector
    }

    fn insert(&mut self, id: ChallengeId, about: About, now: Now) {
        let challenge = Challenge {
            id,
            about,
            created_ms: now.wall_ms,
            updated_ms: now.wall_ms,
            status: ChallengeStatus::Recruiting,
            roster: Roster::default(),
            room: Room::new(self.settings.quiet),
        };
        self.next_change_ms = self.next_change_ms.min(challenge.next_change_ms());
        self.next_challenge = self.next_challenge.max(id.0.saturating_add(1));
        self.challenges.insert(id, challenge);
    }

    fn make_room_for_one(&mut self) -> Result<(), Refusal> {
        if self.challenges.len() < CHALLENGES_MAX {
            return Ok(());
        }
        let done = self.challenges.values().find(|challenge| challenge.status == ChallengeStatus::Done);
        let id = done.map(|challenge| challenge.id).ok_or(Refusal::InternalServerError)?;
        self.challenges.remove(&id);
        Ok(())
    }
}
