//! A challenge: its data and its status over time.
//!
//! RECRUITING → READY (five minutes before the start) → RUNNING (the start) → DONE (the end). Knows
//! no clock: every question takes the wall time in Unix milliseconds. Invariant: the status only
//! moves forward.

use super::room::Room;
use super::roster::Roster;
use crate::ids::ChallengeId;

/// How long before its start a challenge opens its doors.
pub const READY_BEFORE_START_MS: u64 = 5 * 60 * 1000;

/// The distances on offer, by their names in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Distance {
    M100,
    M500,
    One,
    Two,
    Three,
    Four,
    Five,
    Six,
    Seven,
    Eight,
    Nine,
    Ten,
    Fifteen,
    Half,
}

/// Name, kilometres, minutes from start to end.
const DISTANCES: [(Distance, &str, f64, u64); 14] = [
    (Distance::M100, "M100", 0.1, 5),
    (Distance::M500, "M500", 0.5, 10),
    (Distance::One, "ONE", 1.0, 20),
    (Distance::Two, "TWO", 2.0, 30),
    (Distance::Three, "THREE", 3.0, 45),
    (Distance::Four, "FOUR", 4.0, 60),
    (Distance::Five, "FIVE", 5.0, 60),
    (Distance::Six, "SIX", 6.0, 75),
    (Distance::Seven, "SEVEN", 7.0, 90),
    (Distance::Eight, "EIGHT", 8.0, 105),
    (Distance::Nine, "NINE", 9.0, 120),
    (Distance::Ten, "TEN", 10.0, 120),
    (Distance::Fifteen, "FIFTEEN", 15.0, 135),
    (Distance::Half, "HALF", 21.0975, 180),
];

impl Distance {
    /// The distance with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        DISTANCES.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// Every name, for messages and help.
    pub fn names() -> impl Iterator<Item = &'static str> {
        DISTANCES.iter().map(|row| row.1)
    }

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        DISTANCES[self as usize].1
    }

    /// Its length.
    pub fn km(self) -> f64 {
        DISTANCES[self as usize].2
    }

    /// Time from `startAt` to `endAt`.
    pub fn duration_ms(self) -> u64 {
        DISTANCES[self as usize].3 * 60_000
    }
}

/// How far a challenge has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum ChallengeStatus {
    Recruiting,
    Ready,
    Running,
    Done,
}

impl ChallengeStatus {
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recruiting => "RECRUITING",
            Self::Ready => "READY",
            Self::Running => "RUNNING",
            Self::Done => "DONE",
        }
    }
}

/// What a challenge's maker decides.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// At most 100 characters.
    pub title: String,
    /// Anything.
    pub description: String,
    /// At least 2.
    pub participants_max: u32,
    /// `startAt`, wall time.
    pub start_ms: u64,
    /// How far it goes.
    pub distance: Distance,
    /// The password of a private challenge.
    pub password: Option<String>,
    /// Whether a password is asked for.
    pub is_private: bool,
    /// Kept and shown, nothing else.
    pub is_broadcast: bool,
}

/// A challenge with everyone who has to do with it.
#[derive(Debug)]
pub struct Challenge {
    /// Its number.
    pub id: ChallengeId,
    /// What its maker decided.
    pub about: About,
    /// Wall time of its making.
    pub created_ms: u64,
    /// Wall time of its last change of status.
    pub updated_ms: u64,
    /// As of the last time that it was advanced.
    pub status: ChallengeStatus,
    /// Who has joined.
    pub roster: Roster,
    /// Who is connected.
    pub room: Room,
}

impl Challenge {
    /// `endAt`, wall time.
    pub fn end_ms(&self) -> u64 {
        self.about.start_ms + self.about.distance.duration_ms()
    }

    /// Wall time of the next change of status; never, once DONE.
    pub fn next_change_ms(&self) -> u64 {
        match self.status {
            ChallengeStatus::Recruiting => self.about.start_ms.saturating_sub(READY_BEFORE_START_MS),
            ChallengeStatus::Ready => self.about.start_ms,
            ChallengeStatus::Running => self.end_ms(),
            ChallengeStatus::Done => u64::MAX,
        }
    }

    /// Takes the next step of its life if it is due, and says which state it came to. Several may
    /// be due: ask again.
    pub fn step(&mut self, wall_ms: u64) -> Option<ChallengeStatus> {
        let due = self.next_change_ms();
        if wall_ms < due {
            return None;
        }
        self.status = match self.status {
            ChallengeStatus::Recruiting => ChallengeStatus::Ready,
            ChallengeStatus::Ready => ChallengeStatus::Running,
            ChallengeStatus::Running => ChallengeStatus::Done,
            ChallengeStatus::Done => return None,
        };
        self.updated_ms = due.max(self.created_ms);
        Some(self.status)
    }

    /// Whether the two intervals from start to end share an instant.
    pub fn overlaps(&self, start_ms: u64, end_ms: u64) -> bool {
        self.about.start_ms < end_ms && start_ms < self.end_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_distances_is_in_the_order_of_the_enum() {
        for (index, row) in DISTANCES.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
            assert_eq!(Distance::from_name(row.1), Some(row.0));
        }
        assert_eq!(Distance::from_name("five"), None);
        assert_eq!(Distance::Half.duration_ms(), 180 * 60_000);
    }
}
