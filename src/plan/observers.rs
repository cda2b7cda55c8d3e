//! Which sessions judge the broadcasts that they receive: all, or some of them.
//!
//! Knows no pairs. Invariant: what the user did not decide depends on the number of sessions alone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use startline_os::units;

/// Sessions up to which all judge by default, …
const ALL_MAX: u32 = 10_000;
/// … and how many do beyond: enough to find any loss that is not at single receivers.
pub const FEW: u32 = 64;

/// The sessions that judge, as the user gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Observers {
    /// Every session.
    All,
    /// This many, spread evenly.
    #[serde(untagged)]
    Count(u32),
}

impl Observers {
    /// Returns how many of `sessions` judge, with the default where nothing is given.
    pub fn among(given: Option<Self>, sessions: u32) -> u32 {
        match given {
            None if sessions <= ALL_MAX => sessions,
            None => FEW,
            Some(Self::All) => sessions,
            Some(Self::Count(count)) => count.min(sessions),
        }
    }
}

/// The memory of the pairs that this many sessions judge, in bytes: two bits a pair.
pub fn pairs_bytes(observers: u32, sessions: u32) -> u64 {
    (u64::from(observers) * u64::from(sessions)).div_ceil(4)
}

impl FromStr for Observers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            _ => match units::count(text) {
                Ok(count) => Ok(Self::Count(count)),
                Err(why) => Err(format!("{why}, or all")),
            },
        }
    }
}

impl fmt::Display for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Count(count) => count.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_or_a_number_is_read_and_at_most_all_judge() {
        let among = |text: &str, sessions| Observers::among(Some(text.parse().unwrap()), sessions);
        assert_eq!([among("all", 20_000), among("1k", 20_000), among("64", 50)], [20_000, 1_000, 50]);
        assert_eq!(Observers::among(None, 10_000), 10_000);
        assert_eq!(Observers::among(None, 10_001), 64);
        for wrong in ["0", "-1", "", "half", "64.5"] {
            assert!(wrong.parse::<Observers>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct File {
            observers: Observers,
        }
        for (observers, text) in [(Observers::All, "\"all\""), (Observers::Count(64), "64")] {
            let written = toml::to_string(&File { observers }).unwrap();
            assert_eq!(written, format!("observers = {text}\n"));
            assert_eq!(toml::from_str::<File>(&written).unwrap(), File { observers });
        }
        assert!(toml::from_str::<File>("observers = \"some\"").is_err());
        assert!(toml::from_str::<File>("observers = -1").is_err());
    }
}
