//! The members who have joined a challenge, and the status of each.
//!
//! Statuses only; who may change which is [`super::World`]'s to say, and connections are
//! [`super::room`]'s. Invariant: a runner's index stays the same for as long as the challenge
//! exists, so connections may hold on to it.

use std::collections::HashMap;

use crate::ids::{MemberId, Runner};

/// The life of a participation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ParticipationStatus {
    Completed,
    Disconnected,
    Error,
    Expired,
    Kicked,
    Left,
    NotStarted,
    Quit,
    Running,
    Timeout,
    Waiting,
}

/// Each status with its name in the API.
const STATUSES: [(ParticipationStatus, &str); 11] = [
    (ParticipationStatus::Completed, "COMPLETED"),
    (ParticipationStatus::Disconnected, "DISCONNECTED"),
    (ParticipationStatus::Error, "ERROR"),
    (ParticipationStatus::Expired, "EXPIRED"),
    (ParticipationStatus::Kicked, "KICKED"),
    (ParticipationStatus::Left, "LEFT"),
    (ParticipationStatus::NotStarted, "NOT_STARTED"),
    (ParticipationStatus::Quit, "QUIT"),
    (ParticipationStatus::Running, "RUNNING"),
    (ParticipationStatus::Timeout, "TIMEOUT"),
    (ParticipationStatus::Waiting, "WAITING"),
];

impl ParticipationStatus {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        STATUSES[self as usize].1
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        STATUSES.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Whether it keeps the member from joining another challenge at the same time.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Waiting | Self::Running) || self.may_reenter()
    }

    /// Whether the member had a connection, lost it, and may have another.
    pub fn may_reenter(self) -> bool {
        matches!(self, Self::Timeout | Self::Disconnected | Self::Error)
    }
}

/// One member in one challenge.
#[derive(Clone, Debug)]
pub struct Participation {
    /// `participantId`.
    pub id: u64,
    /// Whose.
    pub member: MemberId,
    /// What became of it.
    pub status: ParticipationStatus,
    /// The pace last recorded; 0 before.
    pub pace: i32,
    /// Kilometres last recorded; 0 before.
    pub distance: f64,
    /// The place at the finish, from 1; 0 before.
    pub rank: u32,
}

/// Everyone who has ever joined, in the order of joining.
#[derive(Debug, Default)]
pub struct Roster {
    all: Vec<Participation>,
    by_member: HashMap<MemberId, Runner>,
    present: u32,
    finished: u32,
}

impl Roster {
    /// Adds a member as WAITING; who has left is taken back under the same number.
    pub fn join(&mut self, member: MemberId, participation_id: u64) -> Runner {
        self.present += 1;
        if let Some(runner) = self.find(member) {
            self.all[runner.0 as usize].status = ParticipationStatus::Waiting;
            return runner;
        }
        let runner = Runner(self.all.len() as u32);
        self.all.push(Participation {
            id: participation_id,
            member,
            status: ParticipationStatus::Waiting,
            pace: 0,
            distance: 0.0,
            rank: 0,
        });
        self.by_member.insert(member, runner);
        runner
    }

    /// Marks a participation as LEFT.
    pub fn leave(&mut self, runner: Runner) {
        self.present -= 1;
        self.all[runner.0 as usize].status = ParticipationStatus::Left;
    }

    /// The member's participation, LEFT ones included.
    pub fn find(&self, member: MemberId) -> Option<Runner> {
        self.by_member.get(&member).copied()
    }

    /// The participation at this index.
    pub fn get(&self, runner: Runner) -> &Participation {
        &self.all[runner.0 as usize]
    }

    /// The same, to change; not for joining, leaving or finishing, which are counted.
    pub fn get_mut(&mut self, runner: Runner) -> &mut Participation {
        &mut self.all[runner.0 as usize]
    }

    /// Marks a participation as COMPLETED and gives it the next place.
    pub fn finish(&mut self, runner: Runner) {
        self.finished += 1;
        let participation = &mut self.all[runner.0 as usize];
        participation.status = ParticipationStatus::Completed;
        participation.rank = self.finished;
    }

    /// Turns every `from` into `to`: what the start and the end of a challenge do.
    pub fn turn_all(&mut self, from: ParticipationStatus, to: ParticipationStatus) {
        for participation in self.all.iter_mut().filter(|participation| participation.status == from) {
            participation.status = to;
        }
    }

    /// How many have joined and not left: `currentParticipants`.
    pub fn present(&self) -> u32 {
        self.present
    }

    /// Those who have joined and not left, in the order of joining.
    pub fn iter_present(&self) -> impl Iterator<Item = &Participation> {
        self.all.iter().filter(|participation| participation.status != ParticipationStatus::Left)
    }

    /// Reserves room for this many.
    pub fn reserve(&mut self, additional: usize) {
        self.all.reserve(additional);
        self.by_member.reserve(additional);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_statuses_is_in_the_order_of_the_enum() {
        for (index, row) in STATUSES.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
            assert_eq!(ParticipationStatus::from_name(row.1), Some(row.0));
        }
    }

    #[test]
    fn who_comes_back_keeps_the_number() {
        let mut roster = Roster::default();
        let first = roster.join(MemberId(13), 1);
        roster.join(MemberId(14), 2);
        roster.leave(first);
        assert_eq!(roster.present(), 1);
        assert_eq!(roster.join(MemberId(13), 3), first);
        assert_eq!(roster.get(first).id, 1);
        assert_eq!(roster.present(), 2);
    }
}
