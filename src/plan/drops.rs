//! Connections that the run cuts on purpose: whose, when and how.
//!
//! As text `10%@5m:fin`. Which sessions they are is arithmetic on the plan's seed. Invariant: what
//! is printed parses to the same; a share is exact among all members, up to one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use startline_os::units::{self, duration_text};

use crate::draw::{drawn, salt};
use crate::members::SessionNumber;

/// What sessions are drawn by.
const DROP: u64 = salt("drop");

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It is closed without a close frame: the peer reads its end.
    Fin,
    /// It is reset.
    Reset,
    /// The peer learns nothing: nothing is sent any more, and nothing that comes is answered.
    Silent,
}

impl Cut {
    /// All of them, with the names that they have in text.
    pub const ALL: [(&'static str, Self); 3] =
        [("fin", Self::Fin), ("reset", Self::Reset), ("silent", Self::Silent)];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, cut)| *cut == self).map_or("", |(name, _)| name)
    }
}

/// Connections cut at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Drop {
    /// The share of the sessions, above 0 and up to 1.
    pub share: f64,
    /// When, since the run's start.
    pub at: Duration,
    /// How.
    pub cut: Cut,
}

impl Drop {
    /// Whether this session is cut, if it is open then; `index`: which of the plan's drops this is.
    pub fn is_of(&self, session: SessionNumber, seed: u64, index: usize) -> bool {
        let unit = |k: u64| (drawn(seed, DROP, index as u32, k) >> 11) as f64 / (1_u64 << 53) as f64;
        // The k-th of all is among them if its place is below the share, where places are a round
        // of steps of the golden ratio from where the seed says: as even in any stretch as can be.
        let golden = 0.618_033_988_749_894_9;
        (unit(0) + f64::from(session.0) * golden).fract() < self.share
    }
}

/// Sessions cut at one instant that come back, or whose place others take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm {
    /// When, since the run's start.
    at: Duration,
    /// How they are cut.
    cut: Cut,
    /// How many, at most.
    sessions: u64,
    /// HTTP connections that they make as they come back, and close.
    requests: u64,
}

/// All of a plan's, and what they ask of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storms(Vec<Storm>);

impl Storms {
    /// Those of drops where this many sessions are open at once; `requests_each`: the HTTP connections that each
    /// makes as it comes back.
    pub fn of(drops: &[Drop], sessions: u32, requests_each: u64) -> Self {
        let one = |drop: &Drop| {
            let sessions = (drop.share * f64::from(sessions)).ceil() as u64;
            Storm { at: drop.at, cut: drop.cut, sessions, requests: sessions * requests_each }
        };
        Self(drops.iter().map(one).collect())
    }

    /// Of several plans that are played at once.
    pub fn sum<'s>(all: impl Iterator<Item = &'s Self>) -> Self {
        Self(all.flat_map(|storms| storms.0.iter().copied()).collect())
    }

    /// When the first begins.
    pub fn first(&self) -> Option<Duration> {
        self.0.iter().map(|storm| storm.at).min()
    }

    /// Sockets that silent cuts leave half-open until the run ends.
    pub fn half_open(&self) -> u64 {
        self.0.iter().filter(|storm| storm.cut == Cut::Silent).map(|storm| storm.sessions).sum()
    }

    /// The most WebSockets that are closed from this side within a span, each of which leaves its port in TIME_WAIT;
    /// a reset leaves none.
    pub fn closed_within(&self, span: Duration) -> u64 {
        self.most_within(span, |storm| if storm.cut == Cut::Fin { storm.sessions } else { 0 })
    }

    /// The most HTTP connections that sessions coming back close within a span.
    pub fn requests_within(&self, span: Duration) -> u64 {
        self.most_within(span, |storm| storm.requests)
    }

    fn most_within(&self, span: Duration, of: impl Fn(&Storm) -> u64) -> u64 {
        let from = |at: Duration| {
            let within = self.0.iter().filter(|storm| (at..=at + span).contains(&storm.at));
            within.map(&of).sum()
        };
        self.0.iter().map(|storm| from(storm.at)).max().unwrap_or(0)
    }
}

impl FromStr for Drop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not SHARE%@TIME:HOW, such as 10%@5m:fin");
        let (share, rest) = text.split_once("%@").ok_or_else(wrong)?;
        let (at, how) = rest.split_once(':').ok_or_else(wrong)?;
        let share: f64 = share.trim().parse().map_err(|_| wrong())?;
        if !(share > 0.0 && share <= 100.0) {
            return Err(format!("{share} % is not a share above 0 % and up to 100 %"));
        }
        let cut = Cut::ALL.iter().find(|(name, _)| *name == how).map(|(_, cut)| *cut);
        let cut = cut.ok_or_else(|| {
            format!("\"{how}\" is not a way to cut a connection: write fin, reset or silent")
        })?;
        Ok(Self { share: share / 100.0, at: units::duration(at)?, cut })
    }
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = (self.share * 1e8).round() / 1e6;
        write!(f, "{percent}%@{}:{}", duration_text(self.at), self.cut.name())
    }
}

impl TryFrom<String> for Drop {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Drop> for String {
    fn from(drop: Drop) -> Self {
        drop.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_reads_and_prints_the_same() {
        for text in ["10%@5m:fin", "0.5%@1m30s:reset", "100%@0s:silent"] {
            assert_eq!(text.parse::<Drop>().unwrap().to_string(), text);
        }
        for text in ["", "10@5m:fin", "10%@5m", "0%@5m:fin", "101%@5m:fin", "10%@soon:fin", "10%@5m:gently"] {
            assert!(text.parse::<Drop>().is_err(), "{text}");
        }
        assert!("10%@5m:gently".parse::<Drop>().unwrap_err().contains("fin, reset or silent"));
    }

    #[test]
    fn each_way_to_cut_leaves_something_else() {
        let of = |drops: &[&str]| {
            let drops: Vec<Drop> = drops.iter().map(|it| it.parse().unwrap()).collect();
            Storms::of(&drops, 1_000, 2)
        };
        let minute = Duration::from_secs(60);
        let all = of(&["10%@1m:fin", "10%@2m:silent", "50%@3m:reset", "25.01%@4m:silent", "20%@200s:fin"]);
        assert_eq!((all.half_open(), of(&["10%@1m:fin"]).half_open()), (100 + 251, 0));
        assert_eq!((all.closed_within(minute), all.closed_within(5 * minute)), (200, 300));
        assert_eq!(all.requests_within(minute), 2 * (500 + 200 + 251), "from 3m to 4m");
        assert_eq!(
            (of(&["10%@2m:silent", "5%@9m:reset"]).closed_within(minute), all.first()),
            (0, Some(minute))
        );
        assert_eq!(Storms::sum([&all, &all].into_iter()).closed_within(minute), 400);
        assert_eq!((Storms::default().closed_within(minute), Storms::default().first()), (0, None));
    }

    #[test]
    fn a_share_is_even_and_another_drop_s_are_others() {
        let drop: Drop = "10%@5m:fin".parse().unwrap();
        for seed in 0..50 {
            let of = |index| -> Vec<u32> {
                (0..3_000).filter(|session| drop.is_of(SessionNumber(*session), seed, index)).collect()
            };
            let (one, other) = (of(0), of(1));
            assert!((297..=303).contains(&one.len()), "seed {seed}: {}", one.len());
            assert_ne!(one, other, "seed {seed}");
        }
    }
}
