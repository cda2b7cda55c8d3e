//! The broadcast load that a plan causes, predicted before anything starts.
//!
//! Arithmetic only. The sizes are those of Runnity's messages; another scenario's bytes differ.
//! Invariant: counts are of deliveries to sessions of this run, without other participants.

use std::time::Duration;

use startline_os::units::{duration_text, grouped};

use crate::scenario::presence::Told;

/// One participant in the open message's list.
const LISTED_BYTES: u64 = 93;
/// One announcement of a member who entered.
const ENTERED_BYTES: u64 = 140;

/// One update of a member's progress.
const UPDATE_BYTES: u64 = 104;

/// The guide's highest rate of connections a second.
pub const GUIDE_RATE_MAX: f64 = 200.0;

/// Time to receive one small message (epoll and recv): measured at 1.7 to 2.2 µs; real servers send
/// each on its own.
const RECEIVE_MICROS: f64 = 2.0;

/// Time to send and receive one on loopback, where the mock server shares this machine.
const SEND_AND_RECEIVE_MICROS: f64 = 9.0;

/// How long the mock server gathers announcements by default, to send each receiver one batch.
const GATHER_S: f64 = 0.1;

/// Time to write and read one more message of a batch, both ends together: copying 140 bytes a few
/// times, classifying and counting them. With the time above, updates of RECORDs in batches of 5, 10 and
/// 50 would take 2.1, 1.2 and 0.5 µs; 1.2, 1.2 and 0.4 were measured (docs/performance.md).
const BATCHED_MICROS: f64 = 0.3;

/// The share of a core that deliveries may take; the rest is for setting up sessions and for PINGs.
const SHARE: f64 = 0.5;

/// More deliveries a second than any machine takes: 140 bytes each are then a terabit a second.
const ANY_MACHINE_PER_S: f64 = 1e9;

/// What members receive of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Announcements of members entering, over all rises of the level: N²/2 a challenge where there is
    /// one. The ramp-down has as many.
    pub entered: u64,
    /// Bytes of the lists in all open messages: 46·N² a challenge.
    pub listed_bytes: u64,
    /// Bytes of all announcements of members entering.
    pub entered_bytes: u64,
    /// Deliveries a second, averaged over the rises.
    pub ramp_mean_per_s: f64,
    /// Deliveries a second at the end of the steepest rise or the beginning of the steepest fall.
    pub ramp_end_per_s: f64,
    /// Announcements of members leaving in the ramp-down.
    pub ramp_down: u64,
    /// Deliveries a second when the first sessions leave.
    pub ramp_down_start_per_s: f64,
    /// Messages that sessions send a second in the hold and that others are told of.
    pub records_per_s: f64,
    /// Deliveries a second of these: each member's progress to all others.
    pub updates_per_s: f64,
    /// Sessions that take the place of others, a second, at the highest level.
    pub replaced_per_s: f64,
    /// Deliveries a second of their coming and of the others' leaving.
    pub replacing_per_s: f64,
    /// Deliveries a second in the hold, of all kinds.
    pub hold_per_s: f64,
    /// Bytes a second of these, lists included.
    pub hold_bytes_per_s: f64,
    /// Sessions that receive announcements.
    pub receivers: u64,
    /// The level changes by stages, and not once up and once down.
    pub is_staged: bool,
}

/// Sessions of one challenge at the highest level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// Those of the plan.
    pub receivers: u64,
    /// Those whom they hear of: their own and, in a mix, those of other parts.
    pub announced: u64,
    /// Messages of these a second that others are told of.
    pub records_per_s: f64,
    /// Sessions a second that take the place of others among these.
    pub replaced_per_s: f64,
}

/// What the load depends on.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Who is in each challenge.
    pub groups: Vec<Group>,
    /// Spans in which the level changes or is held, each with the level at its end, as a part of the highest.
    pub levels: Vec<(Duration, f64)>,
    /// From the first close to the last.
    pub ramp_down: Duration,
    /// The levels are those of stages.
    pub is_staged: bool,
    /// Which messages members get about each other.
    pub told: Told,
}

impl Shape {
    /// Groups of these sizes that rise once, in this time.
    pub fn of_ramp(sizes: &[u64], ramp: Duration, ramp_down: Duration) -> Self {
        let group = |size: &u64| Group {
            receivers: *size,
            announced: *size,
            records_per_s: 0.0,
            replaced_per_s: 0.0,
        };
        let groups = sizes.iter().map(group).collect();
        Self { groups, levels: vec![(ramp, 1.0)], ramp_down, is_staged: false, told: Told::ALL }
    }

    /// The same where each session sends this many messages a second, which the servers broadcast.
    pub fn telling(mut self, records_each_per_s: f64) -> Self {
        let groups = self.groups.iter_mut();
        groups.for_each(|group| group.records_per_s = group.announced as f64 * records_each_per_s);
        self
    }
}

impl Load {
    /// Predicts the load of this shape.
    pub fn predict(shape: &Shape) -> Self {
        let pairs = |group: &Group| group.receivers.saturating_mul(group.announced.saturating_sub(1));
        let all_pairs: u64 = shape.groups.iter().map(pairs).fold(0, u64::saturating_add);
        let receivers = shape.groups.iter().fold(0, |sum: u64, it| sum.saturating_add(it.receivers));
        // Each of a group's own is told of all but itself.
        let told = |of: fn(&Group) -> f64| {
            let heard = |it: &Group| pairs(it) as f64 / it.announced.max(1) as f64 * of(it);
            shape.groups.iter().map(heard).sum::<f64>()
        };
        let own = |of: fn(&Group) -> f64| {
            let own = |it: &Group| it.receivers as f64 / it.announced.max(1) as f64 * of(it);
            shape.groups.iter().map(own).sum::<f64>()
        };
        let changes = Changes::of(&shape.levels, all_pairs as f64);
        let Told { listed, entered: is_announced, left } = shape.told;
        let if_told = |is_told: bool, count: f64| if is_told { count } else { 0.0 };
        let entered = if is_announced { changes.entered } else { 0 };
        let updates_per_s = told(|group| group.records_per_s);
        // Who comes is announced to the others, and so is who leaves.
        let coming_per_s = told(|group| group.replaced_per_s);
        let replacing_per_s = if_told(is_announced, coming_per_s) + if_told(left, coming_per_s);
        let bytes = |count: u64, each: u64| count.saturating_mul(each);
        Self {
            entered,
            listed_bytes: if listed { bytes(changes.entered, LISTED_BYTES) } else { 0 },
            entered_bytes: bytes(entered, ENTERED_BYTES),
            ramp_mean_per_s: per_second(entered as f64, changes.rising),
            ramp_end_per_s: if_told(is_announced, changes.rise_per_s).max(if_told(left, changes.fall_per_s)),
            ramp_down: if_told(left, all_pairs as f64 * changes.last * changes.last / 2.0) as u64,
            // At the beginning a departure is announced to (nearly) all of its challenge.
            ramp_down_start_per_s: if_told(
                left,
                per_second(all_pairs as f64 * changes.last * changes.last, shape.ramp_down),
            ),
            records_per_s: own(|group| group.records_per_s),
            updates_per_s,
            replaced_per_s: own(|group| group.replaced_per_s),
            replacing_per_s,
            hold_per_s: updates_per_s + replacing_per_s,
            hold_bytes_per_s: updates_per_s * UPDATE_BYTES as f64
                + replacing_per_s * ENTERED_BYTES as f64
                + if_told(listed, coming_per_s) * LISTED_BYTES as f64,
            receivers,
            is_staged: shape.is_staged,
        }
    }

    /// Returns what one of this many shards receives of it: each has an even part of the sessions.
    pub fn of_shard(self, of: u32) -> Self {
        let part = |count: u64| count / u64::from(of);
        let rate = |rate: f64| rate / f64::from(of);
        Self {
            entered: part(self.entered),
            listed_bytes: part(self.listed_bytes),
            entered_bytes: part(self.entered_bytes),
            ramp_mean_per_s: rate(self.ramp_mean_per_s),
            ramp_end_per_s: rate(self.ramp_end_per_s),
            ramp_down: part(self.ramp_down),
            ramp_down_start_per_s: rate(self.ramp_down_start_per_s),
            records_per_s: rate(self.records_per_s),
            updates_per_s: rate(self.updates_per_s),
            replaced_per_s: rate(self.replaced_per_s),
            replacing_per_s: rate(self.replacing_per_s),
            hold_per_s: rate(self.hold_per_s),
            hold_bytes_per_s: rate(self.hold_bytes_per_s),
            receivers: part(self.receivers),
            is_staged: self.is_staged,
        }
    }

    /// Returns this and the load of other sessions beside it.
    pub fn and(self, other: Self) -> Self {
        Self {
            entered: self.entered.saturating_add(other.entered),
            listed_bytes: self.listed_bytes.saturating_add(other.listed_bytes),
            entered_bytes: self.entered_bytes.saturating_add(other.entered_bytes),
            ramp_mean_per_s: self.ramp_mean_per_s + other.ramp_mean_per_s,
            ramp_end_per_s: self.ramp_end_per_s + other.ramp_end_per_s,
            ramp_down: self.ramp_down.saturating_add(other.ramp_down),
            ramp_down_start_per_s: self.ramp_down_start_per_s + other.ramp_down_start_per_s,
            records_per_s: self.records_per_s + other.records_per_s,
            updates_per_s: self.updates_per_s + other.updates_per_s,
            replaced_per_s: self.replaced_per_s + other.replaced_per_s,
            replacing_per_s: self.replacing_per_s + other.replacing_per_s,
            hold_per_s: self.hold_per_s + other.hold_per_s,
            hold_bytes_per_s: self.hold_bytes_per_s + other.hold_bytes_per_s,
            receivers: self.receivers.saturating_add(other.receivers),
            is_staged: self.is_staged || other.is_staged,
        }
    }

    /// Returns the most deliveries a second of any phase.
    pub fn peak_per_s(&self) -> f64 {
        self.ramp_end_per_s.max(self.hold_per_s).max(self.ramp_down_start_per_s)
    }

    /// Returns whether no machine takes as many deliveries.
    pub fn is_beyond_any_machine(&self) -> bool {
        self.peak_per_s() > ANY_MACHINE_PER_S
    }

    /// Warns where more is delivered than `cores` can take, with the mock server's work where it
    /// shares them.
    pub fn warning(&self, cores: f64, is_for_mock: bool) -> Option<String> {
        let (ramp, longer) = match self.is_staged {
            true => ("at the steepest of the stages", "stage"),
            false => ("at the end of the ramp", "--ramp"),
        };
        let interval =
            if self.replacing_per_s > self.updates_per_s { "--lifetime" } else { "--record-interval" };
        let phases = [
            (ramp, self.ramp_end_per_s, longer),
            ("in the hold", self.hold_per_s, interval),
            ("as the ramp-down begins", self.ramp_down_start_per_s, "--ramp-down"),
        ];
        let mut heavy = Vec::new();
        let mut options = Vec::new();
        for (when, rate, option) in phases {
            let most = self.most_per_s(rate, is_for_mock) * cores;
            if rate > most {
                heavy.push(format!("{}/s {when} (at most {})", whole(rate), whole(most)));
                options.push(option);
            }
        }
        if heavy.is_empty() {
            return None;
        }
        let cores = cores_text(cores);
        let shared = if is_for_mock { ", shared with the mock server," } else { "" };
        let (begin, end) = match self.is_beyond_any_machine() {
            true => (
                "no machine takes as many deliveries".to_owned(),
                "servers that send them make the run inconclusive",
            ),
            false => (
                format!("more deliveries than {cores}{shared} can be counted on for"),
                "latencies will contain this machine's own lag",
            ),
        };
        let fix = match is_for_mock {
            true => format!("a longer {} or --no-broadcast", options.join(" and ")),
            false => format!("a longer {}, or several challenges,", options.join(" and ")),
        };
        Some(format!("{begin}: {}; {end}; {fix} helps", heavy.join(", ")))
    }

    /// Returns how many cores of this machine the deliveries of the hold take.
    pub fn hold_cores(&self, is_for_mock: bool) -> f64 {
        self.hold_per_s * self.micros(self.hold_per_s, is_for_mock) / 1e6
    }

    /// Returns the deliveries a second that one core can take, at this rate of all of them.
    fn most_per_s(&self, rate: f64, is_for_mock: bool) -> f64 {
        SHARE * 1e6 / self.micros(rate, is_for_mock)
    }

    /// Returns the time that one delivery takes here, at this rate of all of them.
    fn micros(&self, rate: f64, is_for_mock: bool) -> f64 {
        if !is_for_mock {
            return RECEIVE_MICROS;
        }
        let batch = (rate / (self.receivers.max(1) as f64) * GATHER_S).max(1.0);
        SEND_AND_RECEIVE_MICROS / batch + BATCHED_MICROS
    }
}

/// What the changes of the level come to.
struct Changes {
    entered: u64,
    /// The time of all rises.
    rising: Duration,
    /// The most deliveries a second of a rise, and of a fall.
    rise_per_s: f64,
    fall_per_s: f64,
    /// The level at the end.
    last: f64,
}

impl Changes {
    fn of(levels: &[(Duration, f64)], all_pairs: f64) -> Self {
        let mut sum =
            Self { entered: 0, rising: Duration::ZERO, rise_per_s: 0.0, fall_per_s: 0.0, last: 0.0 };
        let mut entered = 0.0;
        for (span, level) in levels {
            let before = std::mem::replace(&mut sum.last, *level);
            // At the upper level each is announced to (nearly) all of its challenge.
            let steepest = per_second(all_pairs * before.max(*level) * (level - before).abs(), *span);
            let of_its_kind = if *level > before { &mut sum.rise_per_s } else { &mut sum.fall_per_s };
            *of_its_kind = of_its_kind.max(steepest);
            if *level > before {
                sum.rising += *span;
                entered += (level * level - before * before) / 2.0;
            }
        }
        sum.entered = (all_pairs * entered) as u64;
        sum
    }
}

/// Writes a number of cores, of which a control group may leave a part.
pub fn cores_text(cores: f64) -> String {
    match cores {
        1.0 => "1 core".to_owned(),
        whole if whole.fract() == 0.0 => format!("{whole:.0} cores"),
        part if part < 0.1 => format!("{part:.2} cores"),
        part => format!("{part:.1} cores"),
    }
}

/// Warns of an arrival rate that is beyond the guide's.
pub fn rate_warning(sessions: u32, ramp: Duration) -> Option<String> {
    let rate = per_second(f64::from(sessions), ramp);
    (rate > GUIDE_RATE_MAX).then(|| {
        let fitting = Duration::from_secs((f64::from(sessions) / GUIDE_RATE_MAX).ceil() as u64);
        format!(
            "{} arrivals a second are more than the guide's maximum of {GUIDE_RATE_MAX}; --ramp {} stays within it",
            whole(rate),
            duration_text(fitting)
        )
    })
}

/// Returns `count` a second over `span`; all at once counts as within one second.
pub fn per_second(count: f64, span: Duration) -> f64 {
    if span.is_zero() { count } else { count / span.as_secs_f64() }
}

pub(super) fn whole(rate: f64) -> String {
    grouped(rate.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(groups: &[u64], ramp_s: u64) -> Shape {
        Shape::of_ramp(groups, Duration::from_secs(ramp_s), Duration::from_secs(30))
    }

    #[test]
    fn six_thousand_hear_eighteen_million_times() {
        let load = Load::predict(&shape(&[6000], 240));
        assert_eq!(load.entered, 17_997_000);
        assert!((1.6e9..1.7e9).contains(&(load.listed_bytes as f64)), "46·N² is 1.66 GB");
        assert_eq!(load.ramp_mean_per_s.round(), 74_988.0);
        assert_eq!(load.ramp_end_per_s.round(), 149_975.0);
        assert_eq!(load.ramp_down_start_per_s.round(), 1_199_800.0);
    }

    #[test]
    fn challenges_hear_only_their_own() {
        assert_eq!(Load::predict(&shape(&[3000, 3000], 240)).entered, 2 * 4_498_500);
        assert_eq!(Load::predict(&shape(&[1; 6000], 240)).entered, 0);
    }

    #[test]
    fn a_ramp_of_nothing_is_no_division_by_zero() {
        let load = Load::predict(&shape(&[100], 0));
        assert_eq!(load.ramp_end_per_s, 9_900.0);
    }

    #[test]
    fn progress_is_everyone_to_everyone() {
        let load = Load::predict(&shape(&[1000], 60).telling(0.2));
        assert_eq!((load.records_per_s, load.hold_per_s), (200.0, 199_800.0));
        assert_eq!(load.hold_bytes_per_s, 20_779_200.0);
        // Received one by one; from the mock in batches of twenty, with its own work.
        assert!((load.hold_cores(false) - 0.4).abs() < 0.001);
        assert!((load.hold_cores(true) - 0.15).abs() < 0.01, "{}", load.hold_cores(true));
    }

    /// 1,000 of whom 500 a second leave and are replaced: each coming and each leaving is heard by 999.
    #[test]
    fn who_comes_and_goes_is_announced_all_the_time() {
        let mut shape = shape(&[1_000], 2);
        shape.groups[0].replaced_per_s = 500.0;
        let load = Load::predict(&shape);
        assert_eq!(
            (load.replaced_per_s, load.replacing_per_s, load.hold_per_s),
            (500.0, 999_000.0, 999_000.0)
        );
        assert_eq!(load.hold_bytes_per_s, 999_000.0 * 140.0 + 499_500.0 * 93.0);
        assert!(
            load.warning(1.0, false)
                .is_some_and(|why| why.contains("a longer --ramp-down") || why.contains("--lifetime"))
        );
    }

    /// To 100, to 1,000 within a second, back to 100: the spike is what is steep, and who is left leaves.
    #[test]
    fn stages_are_predicted_by_their_levels() {
        let second = Duration::from_secs(1);
        let levels = vec![(60 * second, 0.1), (60 * second, 0.1), (second, 1.0), (60 * second, 0.1)];
        let load = Load::predict(&Shape { levels, is_staged: true, ..shape(&[1_000], 0) });
        assert_eq!(load.entered, 499_500);
        assert_eq!(load.ramp_end_per_s.round(), 999_000.0 * 0.9);
        assert_eq!(load.ramp_down, 4_995);
        assert!(load.warning(1.0, false).expect("a spike").contains("at the steepest of the stages"));
    }

    /// Two parts of a mix in one challenge: together they receive what one run of all would.
    #[test]
    fn parts_of_one_challenge_hear_each_other() {
        let part = |receivers| {
            let mut shape = shape(&[receivers], 60);
            (shape.groups[0].announced, shape.groups[0].records_per_s) = (1_000, 200.0);
            Load::predict(&shape)
        };
        let (both, one) = (part(900).and(part(100)), Load::predict(&shape(&[1_000], 60).telling(0.2)));
        assert_eq!((both.entered, both.receivers), (one.entered, one.receivers));
        assert!((both.hold_per_s - one.hold_per_s).abs() < 1.0, "{} {}", both.hold_per_s, one.hold_per_s);
        assert!((both.records_per_s - one.records_per_s).abs() < 0.01);
    }

    #[test]
    fn more_than_this_machine_takes_is_a_warning() {
        assert_eq!(
            Load::predict(&shape(&[6000], 60)).warning(2.0, false).as_deref(),
            Some(
                "more deliveries than 2 cores can be counted on for: 599,900/s at the end of the ramp (at most \
                 500,000), 1,199,800/s as the ramp-down begins (at most 500,000); latencies will contain this \
                 machine's own lag; a longer --ramp and --ramp-down, or several challenges, helps"
            )
        );
        assert_eq!(Load::predict(&shape(&[500], 60)).warning(2.0, false), None);
    }

    #[test]
    fn the_mocks_batches_are_cheaper_but_its_work_counts() {
        let load = Load::predict(&shape(&[6000], 60));
        assert_eq!(load.warning(2.0, true), None, "ten announcements a batch");
        let warning = load.warning(1.0, true).expect("one core does both ends");
        assert!(
            load.warning(0.1, false).is_some_and(|why| why.starts_with("more deliveries than 0.1 cores can"))
        );
        assert!(warning.contains("1 core, shared with the mock server, can be counted on for"), "{warning}");
        assert!(warning.ends_with("or --no-broadcast helps"), "{warning}");
    }

    #[test]
    fn more_than_any_machine_takes_is_said_as_such() {
        let load = Load::predict(&shape(&[2_000_000], 60));
        assert!(
            load.is_beyond_any_machine() && !Load::predict(&shape(&[100_000], 60)).is_beyond_any_machine()
        );
        let warning = load.warning(2.0, false).expect("4e12 pairs");
        assert!(
            warning.starts_with("no machine takes as many deliveries: 66,666,633,333/s at the end"),
            "{warning}"
        );
        assert!(warning.contains("make the run inconclusive"), "{warning}");
    }

    #[test]
    fn the_guide_s_rate() {
        assert_eq!(rate_warning(6000, Duration::from_secs(30)), None);
        let warning = rate_warning(6000, Duration::from_secs(20)).expect("300/s");
        assert_eq!(
            warning,
            "300 arrivals a second are more than the guide's maximum of 200; --ramp 30s stays within it"
        );
    }
}
