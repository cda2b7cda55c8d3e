//! What servers that share a challenge say to each other.
//!
//! Data and its text on the channels of Redis Pub/Sub, whose names are the real servers'; the fields
//! are those of the messages to clients, since the real payloads are not known. Invariant: what
//! cannot be read is nobody's bulletin.

use serde::{Deserialize, Serialize};

use crate::ids::{ChallengeId, MemberId};
use crate::messages::LeaveReason;

/// What happened to a runner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It has entered.
    Entered,
    /// It has left, or come to the end.
    Left(LeaveReason),
    /// It has recorded how far it is.
    Updated,
    /// Its connection is gone and no announcement follows: it has finished before, or never was registered.
    Gone,
}

/// News of a runner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bulletin {
    /// Where.
    pub challenge: ChallengeId,
    /// Who.
    pub member: MemberId,
    /// What.
    pub news: News,
    /// Kilometres.
    pub distance: f64,
    /// Seconds a kilometre.
    pub pace: i32,
    /// When, by the clock of the server that says so.
    pub timestamp_ms: u64,
}

impl News {
    /// What it is called where kinds are counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Left(_) => "left",
            Self::Updated => "updated",
            Self::Gone => "gone",
        }
    }
}

/// The channels.
pub const CHANNELS: [&str; 4] = ["challenge:enter", "challenge:leave", "challenge:update", "mock:gone"];

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'p> {
    challenge_id: u64,
    user_id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'p str>,
    distance: f64,
    pace: i32,
    timestamp: u64,
    /// The process that says so.
    origin: u64,
}

impl Bulletin {
    /// The channel that it goes over.
    pub fn channel(&self) -> &'static str {
        CHANNELS[match self.news {
            News::Entered => 0,
            News::Left(_) => 1,
            News::Updated => 2,
            News::Gone => 3,
        }]
    }

    /// Its text, from this process.
    pub fn text(&self, origin: u64) -> String {
        let reason = match self.news {
            News::Left(reason) => Some(reason.name()),
            _ => None,
        };
        let payload = Payload {
            challenge_id: self.challenge.0,
            user_id: self.member.0,
            reason,
            distance: self.distance,
            pace: self.pace,
            timestamp: self.timestamp_ms,
            origin,
        };
        // Only maps with keys that are no strings fail, and there are none here.
        serde_json::to_string(&payload).unwrap_or_default()
    }

    /// Reads one, and the process that says so.
    pub fn read(channel: &str, text: &[u8]) -> Option<(Self, u64)> {
        let payload: Payload<'_> = serde_json::from_slice(text).ok()?;
        let news = match CHANNELS.iter().position(|known| *known == channel)? {
            0 => News::Entered,
            1 => News::Left(LeaveReason::from_name(payload.reason?)?),
            2 => News::Updated,
            _ => News::Gone,
        };
        let bulletin = Self {
            challenge: ChallengeId(payload.challenge_id),
            member: MemberId(payload.user_id),
            news,
            distance: payload.distance,
            pace: payload.pace,
            timestamp_ms: payload.timestamp,
        };
        Some((bulletin, payload.origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bulletin_reads_back_as_written() {
        for news in [News::Entered, News::Left(LeaveReason::Timeout), News::Updated, News::Gone] {
            let (challenge, member) = (ChallengeId(38), MemberId(13));
            let bulletin = Bulletin { challenge, member, news, distance: 1.5, pace: 300, timestamp_ms: 7 };
            let text = bulletin.text(u64::MAX);
            assert_eq!(Bulletin::read(bulletin.channel(), text.as_bytes()), Some((bulletin, u64::MAX)));
        }
        let text = r#"{"challengeId":1,"userId":2,"distance":0,"pace":0,"timestamp":0,"origin":0}"#;
        assert_eq!(Bulletin::read("challenge:leave", text.as_bytes()), None, "no reason");
        assert_eq!(Bulletin::read("challenge:done", text.as_bytes()), None);
        assert_eq!(Bulletin::read("challenge:enter", b"{"), None);
    }
}
