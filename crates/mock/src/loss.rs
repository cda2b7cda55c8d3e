//! Which receivers do not get an announcement: decided once, when it is made, for all workers, and
//! counted then.
//!
//! Knows runners and their servers, no connection. Invariant: what is counted is what is withheld from
//! those who are connected, so that a client's own count can be compared.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ids::Runner;

/// How an announcement is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Each receiver gets it with this chance.
    Share(f64),
    /// Each server stops after as many receivers, in the order in which they came.
    After(u32),
    /// This server is not told of it.
    Server(u16),
    /// No server is.
    Whole,
}

/// Receivers who do not get an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// A bit a runner.
    words: Box<[u64]>,
}

/// What was lost between two servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leg {
    /// Where the member is; `None` once it is nowhere.
    pub from: Option<String>,
    /// Where the receivers are.
    pub to: String,
    /// What was lost.
    #[serde(flatten)]
    pub lost: Counts,
}

/// Announcements that did not reach everyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Reached some.
    pub cut: u64,
    /// Reached nobody.
    pub lost: u64,
    /// Receivers who did not get one.
    pub withheld: u64,
}

/// What was lost of one kind of news.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Losses {
    /// All.
    #[serde(flatten)]
    pub all: Counts,
    /// By the servers.
    pub by_servers: Vec<Leg>,
}

/// What was lost so far, by kind of news and by servers' numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    kinds: BTreeMap<&'static str, Kind>,
}

#[derive(Clone, Debug, Default)]
struct Kind {
    all: Counts,
    legs: BTreeMap<(Option<u16>, u16), Counts>,
}

impl Withheld {
    /// Whether this receiver does not get it.
    pub fn has(&self, runner: Runner) -> bool {
        let (word, bit) = (runner.0 as usize / 64, runner.0 % 64);
        self.words.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    /// Decides who of the receivers, each with its server, does not get it; they stand in the order in
    /// which they came. `None` when all get it.
    pub fn decide(losses: &[Loss], receivers: &[(Runner, u16)], random: &mut fastrand::Rng) -> Option<Self> {
        let words = receivers.iter().map(|(runner, _)| runner.0 as usize / 64 + 1).max()?;
        let mut words = vec![0u64; words].into_boxed_slice();
        let mut places: BTreeMap<u16, u32> = BTreeMap::new();
        for (runner, server) in receivers {
            let place = places.entry(*server).or_default();
            let mut is_lost = false;
            for loss in losses {
                is_lost |= match loss {
                    Loss::Share(share) => random.f64() >= *share,
                    Loss::After(some) => *place >= *some,
                    Loss::Server(lost) => server == lost,
                    Loss::Whole => true,
                };
            }
            *place += 1;
            words[runner.0 as usize / 64] |= u64::from(is_lost) << (runner.0 % 64);
        }
        words.iter().any(|word| *word != 0).then_some(Self { words })
    }
}

impl Counts {
    fn add(&mut self, receivers: u64, withheld: u64) {
        self.cut += u64::from(withheld > 0 && withheld < receivers);
        self.lost += u64::from(withheld > 0 && withheld == receivers);
        self.withheld += withheld;
    }
}

impl Ledger {
    /// Counts an announcement of a member at `from` to these receivers.
    pub(crate) fn add(
        &mut self,
        kind: &'static str,
        from: Option<u16>,
        receivers: &[(Runner, u16)],
        withheld: &Withheld,
    ) {
        let mut legs: BTreeMap<u16, (u64, u64)> = BTreeMap::new();
        for (runner, server) in receivers {
            let (all, lost) = legs.entry(*server).or_default();
            *all += 1;
            *lost += u64::from(withheld.has(*runner));
        }
        let kind = self.kinds.entry(kind).or_default();
        for (to, (all, lost)) in &legs {
            kind.legs.entry((from, *to)).or_default().add(*all, *lost);
        }
        let sum = |of: fn(&(u64, u64)) -> u64| legs.values().map(of).sum();
        kind.all.add(sum(|leg| leg.0), sum(|leg| leg.1));
    }

    /// What was lost so far, where something was.
    pub(crate) fn so_far(&self) -> BTreeMap<&'static str, Losses> {
        let server = |number: u16| format!("ws{}", number + 1);
        let leg = |((from, to), lost): (&(Option<u16>, u16), &Counts)| Leg {
            from: from.map(server),
            to: server(*to),
            lost: *lost,
        };
        let losses = |kind: &Kind| Losses {
            all: kind.all,
            by_servers: kind.legs.iter().filter(|(_, lost)| lost.withheld > 0).map(leg).collect(),
        };
        self.kinds.iter().map(|(name, kind)| (*name, losses(kind))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten receivers on each of two servers, in turn.
    fn receivers() -> Vec<(Runner, u16)> {
        (0..20).map(|k| (Runner(k * 7), (k % 2) as u16)).collect()
    }

    fn lost(losses: &[Loss]) -> Vec<u32> {
        let mut random = fastrand::Rng::with_seed(1);
        let withheld = Withheld::decide(losses, &receivers(), &mut random);
        let has = |runner: &Runner| withheld.as_ref().is_some_and(|withheld| withheld.has(*runner));
        receivers().into_iter().map(|(runner, _)| runner).filter(has).map(|runner| runner.0 / 7).collect()
    }

    #[test]
    fn each_loss_has_its_receivers() {
        assert_eq!(lost(&[Loss::After(8)]), [16, 17, 18, 19]);
        assert_eq!(lost(&[Loss::Server(1)]), (0..20).filter(|k| k % 2 == 1).collect::<Vec<_>>());
        assert_eq!(lost(&[Loss::Whole]).len(), 20);
        assert!(lost(&[Loss::Share(1.0), Loss::After(10), Loss::Server(5)]).is_empty());
        let some = lost(&[Loss::Share(0.5)]).len();
        assert!((4..=16).contains(&some), "{some} of 20 at a half");
        assert_eq!(Withheld::decide(&[Loss::Whole], &[], &mut fastrand::Rng::with_seed(1)), None);
    }

    #[test]
    fn what_is_lost_is_counted_by_server() {
        let mut ledger = Ledger::default();
        let mut random = fastrand::Rng::with_seed(1);
        for loss in [Loss::After(8), Loss::Server(1), Loss::Whole] {
            let withheld = Withheld::decide(&[loss], &receivers(), &mut random).expect("some");
            ledger.add("entered", Some(0), &receivers(), &withheld);
        }
        let so_far = ledger.so_far();
        let all = Counts { cut: 2, lost: 1, withheld: 4 + 10 + 20 };
        let leg = |to: &str, cut, lost, withheld| Leg {
            from: Some("ws1".to_owned()),
            to: to.to_owned(),
            lost: Counts { cut, lost, withheld },
        };
        let by_servers = vec![leg("ws1", 1, 1, 12), leg("ws2", 1, 2, 22)];
        assert_eq!(so_far["entered"], Losses { all, by_servers });
    }
}
