//! Faults that happen by chance: `serve --fault KIND[=VALUE][@SHARE]`.
//!
//! Draws and counts; what a fault does is its caller's. Knows no connection. Invariants: without a
//! fault nothing is drawn; draws come from the seed, so that the same questions in the same order
//! get the same answers; every fault that happens is counted, so that a client's own count can be
//! compared.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use startline_os::units;

use crate::loss::Loss;

/// What is done by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A WebSocket server is not told of an announcement: none of its receivers gets it.
    BridgeLost(u16),
    /// An announcement reaches some receivers only: by chance, or as many as this of each server, in the
    /// order in which they came.
    BroadcastCut(Option<u32>),
    /// An announcement reaches nobody.
    BroadcastLost,
    /// Receivers on the last server get announcements this much later.
    BroadcastDelay(Duration),
    /// CONNECTED is not sent; the session is registered and announced all the same.
    ConnectedLost,
    /// *enter* is carried out and answered this much later.
    EnterSlow(Duration),
    /// An API request is answered by nginx with this status.
    HttpStatus(u16),
    /// A member's leaving is announced to nobody.
    LeaveLost,
    /// A PONG comes this much later.
    PongLate(Duration),
    /// A PONG is not sent.
    PongLost,
    /// An API request is answered with the general 500 this much later, and changes nothing.
    PoolExhausted(Duration),
    /// *enter* is answered a second later while more members than these are inside.
    SlowAbove(u32),
    /// A member is sent to another server than its hash says.
    WrongServer,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Share {
    Of(f64),
    /// As measured on the real servers, by the number of members who have joined.
    Measured,
}

/// A kind of fault and how often it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Injection {
    kind: Kind,
    share: Share,
}

/// Members, and the share of broadcasts cut in a challenge of as many. From the pairs that were
/// missing on the real servers (3,405 of 39,800; 31,754 of 999,000; 16 %): a pair is listed or
/// announced, one as often as the other, and a cut broadcast misses half of its receivers, so that
/// a missing pair stands for four broadcasts cut.
const MEASURED: [(f64, f64); 3] =
    [(200.0, 4.0 * 3_405.0 / 39_800.0), (1_000.0, 4.0 * 31_754.0 / 999_000.0), (3_000.0, 4.0 * 0.16)];

/// The real servers lose a PONG and a CONNECTED "now and then": an estimate.
const NOW_AND_THEN: f64 = 0.001;

/// What `--fault` takes, for help and errors.
pub const KINDS: &str = "bridge-lost=SERVER, broadcast-cut[=RECEIVERS], broadcast-delay=TIME, broadcast-lost, connected-lost, \
                         enter-slow=TIME, http-status=STATUS, leave-lost, pong-late=TIME, \
                         pong-lost, pool-exhausted[=TIME], slow-above=SESSIONS, wrong-server";

const POOL_TIMEOUT: Duration = Duration::from_secs(30);

impl Injection {
    /// As the real servers are (`--lossy`).
    pub fn lossy() -> [Self; 3] {
        let rare = Share::Of(NOW_AND_THEN);
        [
            Self { kind: Kind::BroadcastCut(None), share: Share::Measured },
            Self { kind: Kind::ConnectedLost, share: rare },
            Self { kind: Kind::PongLost, share: rare },
        ]
    }

    /// Whether it plays a pool of connections to a database.
    pub fn is_pool(&self) -> bool {
        matches!(self.kind, Kind::PoolExhausted(_))
    }

    /// The WebSocket server that it concerns, from 0.
    pub fn server(&self) -> Option<u16> {
        match self.kind {
            Kind::BridgeLost(server) => Some(server),
            _ => None,
        }
    }

    /// Whether both are of one kind.
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.kind) == std::mem::discriminant(&other.kind)
    }
}

impl FromStr for Injection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, share) = match text.split_once('@') {
            Some((what, share)) => (what, Some(share_of(share)?)),
            None => (text, None),
        };
        let (name, value) = match what.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (what, None),
        };
        let time = || units::duration(value.ok_or_else(|| format!("{name} needs a time: {name}=5s"))?);
        let kind = match name {
            "bridge-lost" => Kind::BridgeLost(server(value)?),
            "broadcast-cut" => Kind::BroadcastCut(value.map(receivers).transpose()?),
            "broadcast-lost" => Kind::BroadcastLost,
            "broadcast-delay" => Kind::BroadcastDelay(time()?),
            "connected-lost" => Kind::ConnectedLost,
            "enter-slow" => Kind::EnterSlow(time()?),
            "http-status" => Kind::HttpStatus(status(value)?),
            "leave-lost" => Kind::LeaveLost,
            "pong-late" => Kind::PongLate(time()?),
            "pong-lost" => Kind::PongLost,
            "pool-exhausted" => Kind::PoolExhausted(value.map_or(Ok(POOL_TIMEOUT), units::duration)?),
            "slow-above" => Kind::SlowAbove(sessions(value)?),
            "wrong-server" => Kind::WrongServer,
            _ => return Err(format!("no such fault: {KINDS}")),
        };
        let takes_none =
            [Kind::BroadcastLost, Kind::ConnectedLost, Kind::LeaveLost, Kind::PongLost, Kind::WrongServer];
        if value.is_some() && takes_none.contains(&kind) {
            return Err(format!("{name} takes no value"));
        }
        let always = if kind == Kind::BroadcastCut(None) { Share::Measured } else { Share::Of(1.0) };
        Ok(Self { kind, share: share.map_or(always, Share::Of) })
    }
}

fn status(value: Option<&str>) -> Result<u16, String> {
    let status = value.and_then(|value| value.parse().ok()).filter(|status| (400..=599).contains(status));
    status.ok_or_else(|| "http-status needs a status from 400 to 599: http-status=502".to_owned())
}

/// `ws2` is the second.
fn server(value: Option<&str>) -> Result<u16, String> {
    let number = value.and_then(|value| value.strip_prefix("ws")).and_then(|number| number.parse().ok());
    let index = number.and_then(|number: u16| number.checked_sub(1));
    index.ok_or_else(|| "bridge-lost needs a WebSocket server: bridge-lost=ws2".to_owned())
}

fn sessions(value: Option<&str>) -> Result<u32, String> {
    let sessions = value.and_then(|value| value.parse().ok());
    sessions.ok_or_else(|| "slow-above needs a number of sessions: slow-above=500".to_owned())
}

fn receivers(value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| {
        format!("{value:?} is not a number of receivers: broadcast-cut=10 stops after the first ten of each server")
    })
}

/// `0.1` or `10%`.
fn share_of(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(percent) => percent.parse().map(|percent: f64| percent / 100.0),
        None => text.parse(),
    };
    let share = share.ok().filter(|share| (0.0..=1.0).contains(share));
    share
        .ok_or_else(|| format!("{text:?} is not a share: write one from 0 to 1, or a percentage such as 10%"))
}

/// The share at `members`, between the measured ones on straight lines.
fn measured_share(members: u32) -> f64 {
    let members = f64::from(members);
    let (first, last) = (MEASURED[0], MEASURED[MEASURED.len() - 1]);
    if members <= first.0 || members >= last.0 {
        return if members <= first.0 { first.1 } else { last.1 };
    }
    let above = MEASURED.partition_point(|(at, _)| *at < members);
    let ((from, low), (to, high)) = (MEASURED[above - 1], MEASURED[above]);
    low + (high - low) * (members - from) / (to - from)
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Broadcasts that a server was not told of.
    BridgeLost,
    /// Broadcasts cut.
    BroadcastCut,
    /// Announcements that a receiver got late.
    BroadcastDelay,
    /// Broadcasts lost.
    BroadcastLost,
    /// CONNECTEDs not sent.
    ConnectedLost,
    /// *enter*s answered late.
    EnterSlow,
    /// Requests that nginx answered.
    HttpStatus,
    /// Departures announced to nobody.
    LeaveLost,
    /// PONGs sent late.
    PongLate,
    /// PONGs not sent.
    PongLost,
    /// Requests answered with the general 500.
    PoolExhausted,
    /// Members sent elsewhere.
    WrongServer,
}

const COUNTS: [(Count, &str); 12] = [
    (Count::BridgeLost, "bridge-lost"),
    (Count::BroadcastCut, "broadcast-cut"),
    (Count::BroadcastDelay, "broadcast-delay"),
    (Count::BroadcastLost, "broadcast-lost"),
    (Count::ConnectedLost, "connected-lost"),
    (Count::EnterSlow, "enter-slow"),
    (Count::HttpStatus, "http-status"),
    (Count::LeaveLost, "leave-lost"),
    (Count::PongLate, "pong-late"),
    (Count::PongLost, "pong-lost"),
    (Count::PoolExhausted, "pool-exhausted"),
    (Count::WrongServer, "wrong-server"),
];

/// How often each fault has happened, in all workers together.
#[derive(Debug, Default)]
pub struct Injected {
    counts: [AtomicU64; COUNTS.len()],
}

impl Injected {
    /// Counts.
    pub fn add(&self, count: Count, amount: u64) {
        self.counts[count as usize].fetch_add(amount, Relaxed);
    }

    /// How often it has happened.
    pub fn of(&self, count: Count) -> u64 {
        self.counts[count as usize].load(Relaxed)
    }

    /// What has happened, by name; what has not is left out.
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        let counts = COUNTS.iter().map(|(count, name)| (*name, self.counts[*count as usize].load(Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

/// Draws for one owner.
#[derive(Clone, Debug, Default)]
pub struct Injector {
    injections: Arc<[Injection]>,
    rng: fastrand::Rng,
    /// Shared by all.
    pub counts: Arc<Injected>,
}

impl Injector {
    /// One of several with the same faults; `stream` tells their draws apart.
    pub fn new(injections: &[Injection], counts: Arc<Injected>, seed: u64, stream: u64) -> Self {
        // Neighbouring seeds of fastrand begin alike.
        let rng = fastrand::Rng::with_seed(mix(mix(seed) ^ stream));
        Self { injections: injections.into(), rng, counts }
    }

    /// What happens now, of the kinds that `wanted` gives something for; counted.
    pub fn draw<T>(&mut self, count: Count, wanted: impl Fn(Kind) -> Option<T>) -> Option<T> {
        self.draw_among(0, count, wanted)
    }

    /// Whether it happens now; counted.
    pub fn happens(&mut self, count: Count, kind: Kind) -> bool {
        self.draw(count, |one| (one == kind).then_some(())).is_some()
    }

    /// How a broadcast is lost in a challenge of as many members; not at all as a rule.
    pub fn losses(&mut self, members: u32) -> Vec<Loss> {
        let cut = self.draw_among(members, Count::BroadcastCut, |kind| match kind {
            Kind::BroadcastCut(after) => Some(after),
            _ => None,
        });
        let cut = cut.map(|after| after.map_or_else(|| Loss::Share(self.rng.f64()), Loss::After));
        let server = self.draw(Count::BridgeLost, |kind| match kind {
            Kind::BridgeLost(server) => Some(server),
            _ => None,
        });
        let is_lost = self.happens(Count::BroadcastLost, Kind::BroadcastLost);
        let all = [cut, server.map(Loss::Server), is_lost.then_some(Loss::Whole)];
        all.into_iter().flatten().collect()
    }

    /// Its chance, for what is drawn receiver by receiver.
    pub fn random(&mut self) -> &mut fastrand::Rng {
        &mut self.rng
    }

    /// How much later a receiver on the last server gets this many announcements.
    pub fn broadcast_delay(&mut self, announcements: u64) -> Option<Duration> {
        let by = |kind| match kind {
            Kind::BroadcastDelay(by) => Some(by),
            _ => None,
        };
        let by = self.draw(Count::BroadcastDelay, by)?;
        // One is counted.
        self.counts.add(Count::BroadcastDelay, announcements.saturating_sub(1));
        Some(by)
    }

    fn draw_among<T>(&mut self, members: u32, count: Count, wanted: impl Fn(Kind) -> Option<T>) -> Option<T> {
        let (found, share) =
            self.injections.iter().find_map(|one| wanted(one.kind).map(|found| (found, one.share)))?;
        let share = match share {
            Share::Of(share) => share,
            Share::Measured => measured_share(members),
        };
        if self.rng.f64() >= share {
            return None;
        }
        self.counts.add(count, 1);
        Some(found)
    }
}

/// SplitMix64's finalizer.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Runner;
    use crate::loss::Withheld;

    fn injector(faults: &[&str], seed: u64) -> Injector {
        let faults: Vec<Injection> = faults.iter().map(|text| text.parse().expect("a fault")).collect();
        Injector::new(&faults, Arc::default(), seed, 0)
    }

    #[test]
    fn a_fault_is_a_kind_a_value_and_a_share() {
        let of = |kind, share| Ok(Injection { kind, share: Share::Of(share) });
        let parse = str::parse::<Injection>;
        assert_eq!(parse("pong-lost"), of(Kind::PongLost, 1.0));
        assert_eq!(parse("pong-lost@1%"), of(Kind::PongLost, 0.01));
        assert_eq!(parse("pong-late=6s@0.5"), of(Kind::PongLate(Duration::from_secs(6)), 0.5));
        assert_eq!(parse("pool-exhausted"), of(Kind::PoolExhausted(Duration::from_secs(30)), 1.0));
        assert_eq!(parse("http-status=502@0"), of(Kind::HttpStatus(502), 0.0));
        let measured = Injection { kind: Kind::BroadcastCut(None), share: Share::Measured };
        assert_eq!(parse("broadcast-cut"), Ok(measured));
        assert_eq!(parse("broadcast-cut@0.3"), of(Kind::BroadcastCut(None), 0.3));
        assert_eq!(parse("broadcast-cut=10@30%"), of(Kind::BroadcastCut(Some(10)), 0.3));
        assert_eq!(parse("broadcast-cut=0"), of(Kind::BroadcastCut(Some(0)), 1.0));
        assert_eq!(parse("bridge-lost=ws2"), of(Kind::BridgeLost(1), 1.0));
        assert_eq!(parse("broadcast-lost@5%"), of(Kind::BroadcastLost, 0.05));
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for (text, why) in [
            ("pong-lots", "no such fault: bridge-lost=SERVER, "),
            ("bridge-lost", "needs a WebSocket server"),
            ("slow-above", "needs a number of sessions"),
            ("slow-above=many", "needs a number of sessions"),
            ("bridge-lost=ws0", "needs a WebSocket server"),
            ("broadcast-cut=some", "is not a number of receivers"),
            ("broadcast-lost=5", "takes no value"),
            ("pong-lost=1s", "takes no value"),
            ("pong-late", "needs a time"),
            ("broadcast-delay", "needs a time"),
            ("pong-late=6", "has no unit"),
            ("http-status=200", "400 to 599"),
            ("pong-lost@2", "is not a share"),
            ("pong-lost@NaN", "is not a share"),
        ] {
            let error = text.parse::<Injection>().expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draws = |seed| {
            let mut injector = injector(&["pong-lost@0.3"], seed);
            let drawn: Vec<bool> =
                (0..2_000).map(|_| injector.happens(Count::PongLost, Kind::PongLost)).collect();
            let happened = drawn.iter().filter(|happens| **happens).count();
            assert_eq!(injector.counts.by_name()["pong-lost"], happened as u64);
            assert!((500..700).contains(&happened), "{happened} of 2,000 at 0.3");
            drawn
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn without_a_fault_nothing_happens() {
        let mut injector = injector(&["pong-lost"], 1);
        assert!(!injector.happens(Count::ConnectedLost, Kind::ConnectedLost));
        assert_eq!(injector.losses(200), []);
        assert!(injector.counts.by_name().is_empty());
    }

    #[test]
    fn the_measured_shares_make_the_measured_losses() {
        for (members, missing) in [(200, 3_405.0 / 39_800.0), (1_000, 31_754.0 / 999_000.0), (3_000, 0.16)] {
            let mut injector = injector(&["broadcast-cut"], 1);
            // Each member's USER_ENTERED goes to those who were in before.
            let withheld: u64 = (0..members)
                .map(|actor| {
                    let losses = injector.losses(members);
                    let receivers: Vec<_> = (0..actor).map(|runner| (Runner(runner), 0)).collect();
                    let withheld = Withheld::decide(&losses, &receivers, injector.random());
                    receivers
                        .iter()
                        .filter(|(runner, _)| withheld.as_ref().is_some_and(|it| it.has(*runner)))
                        .count() as u64
                })
                .sum();
            let share = withheld as f64 / (f64::from(members) * f64::from(members - 1));
            assert!((share / missing - 1.0).abs() < 0.25, "{share} at {members}, measured {missing}");
        }
        assert!(measured_share(10) > 0.3 && measured_share(600) > 0.2 && measured_share(9_999) == 0.64);
    }
}
