//! `--shard 2/8`: the part of a plan that one of several processes plays.
//!
//! Arithmetic on the one plan, which all shards have: shard i of n has every n-th slot of the plan's
//! shape from slot i on, with its arrivals, members and draws. Knows no other process. Invariant: the
//! shards' sessions together are the plan's, each once.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Share;

/// The most shards of a plan.
pub const SHARDS_MAX: u32 = 4096;

/// Where `auto/n` finds the number: a Job's completion index in Kubernetes, a task's rank in Slurm.
const NUMBER_VARIABLES: [&str; 2] = ["JOB_COMPLETION_INDEX", "SLURM_PROCID"];

/// One of the parts of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// Shard `index` of `of`, from 0; `None` if there is no such shard.
    pub fn new(index: u32, of: u32) -> Option<Self> {
        (index < of && of <= SHARDS_MAX).then_some(Self { index, of })
    }

    /// Its number, from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many shards there are.
    pub fn of(self) -> u32 {
        self.of
    }

    /// Which slots of the plan are its own.
    pub fn share(self) -> Share {
        Share::shard(self.index, self.of)
    }

    /// Returns which of the plan's members are its own, in their order: those whom its slots go round.
    pub fn members(self, members: u32, slots: u32) -> Vec<u32> {
        let rounds = (0..u64::from(members)).step_by(slots.max(1) as usize);
        let slots = (self.index..slots).step_by(self.of as usize);
        let all = rounds.flat_map(|round| slots.clone().map(move |slot| round + u64::from(slot)));
        all.filter(|member| *member < u64::from(members)).map(|member| member as u32).collect()
    }

    /// Returns its part of a list that the plan has for all shards; all of a list with fewer entries than
    /// shards, which is then this machine's own.
    pub fn part<T>(self, mut list: Vec<T>) -> Vec<T> {
        let (len, of, index) = (list.len(), self.of as usize, self.index as usize);
        if len < of {
            return list;
        }
        list.truncate(len * (index + 1) / of);
        list.split_off(len * index / of)
    }

    /// Reads `2/8`, or `auto/8` with the number from a variable of the environment.
    ///
    /// # Errors
    /// Why it is not one.
    pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let Some(of) = text.strip_prefix("auto/") else { return text.parse() };
        let found = NUMBER_VARIABLES.iter().find_map(|name| Some((name, variable(name)?)));
        let Some((name, number)) = found else {
            return Err(format!("auto needs {}: none of them is set", NUMBER_VARIABLES.join(" or ")));
        };
        format!("{number}/{of}").parse().map_err(|why| format!("{why} ({name} is {number:?})"))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        let Some((index, of)) = numbers else {
            return Err(format!(
                "{text:?} is not a shard: write its number, from 0, and how many there are: 0/4"
            ));
        };
        Self::new(index, of).ok_or_else(|| match of {
            0 | SHARDS_MAX.. if of != SHARDS_MAX => format!("{of} shards are not from 1 to {SHARDS_MAX}"),
            _ => format!("there is no shard {index} of {of}: numbers are from 0 to {}", of - 1),
        })
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Result<Shard, String> {
        Shard::parse(text, |name| (name == "SLURM_PROCID").then(|| "3".to_owned()))
    }

    #[test]
    fn a_shard_is_a_number_from_0_and_how_many_there_are() {
        assert_eq!(shard("0/4").map(|it| (it.index(), it.of())), Ok((0, 4)));
        assert_eq!(shard("auto/4").map(|it| it.to_string()), Ok("3/4".into()));
        assert!(shard("auto/3").expect_err("no such shard").contains("(SLURM_PROCID is \"3\")"));
        assert!(Shard::parse("auto/4", |_| None).expect_err("not set").contains("JOB_COMPLETION_INDEX"));
        for (text, why) in [
            ("4/4", "there is no shard 4 of 4: numbers are from 0 to 3"),
            ("0/0", "0 shards are not from 1 to 4096"),
            ("0/4097", "4097 shards are not from 1 to 4096"),
            ("4", "\"4\" is not a shard"),
            ("-1/4", "\"-1/4\" is not a shard"),
        ] {
            assert!(shard(text).expect_err(text).starts_with(why), "{text}");
        }
    }

    #[test]
    fn a_list_is_divided_in_order_unless_it_is_shorter_than_there_are_shards() {
        let parts = |len: u32, of| {
            let part = |index| Shard::new(index, of).expect("a shard").part((0..len).collect());
            (0..of).map(part).collect::<Vec<Vec<u32>>>()
        };
        assert_eq!(parts(5, 2), [vec![0, 1], vec![2, 3, 4]]);
        assert_eq!(parts(1, 2), [[0], [0]]);
        for (len, of) in [(7, 3), (254, 4), (3, 3)] {
            assert_eq!(parts(len, of).concat(), (0..len).collect::<Vec<_>>());
        }
    }
}
