//! The broadcast load that a plan brings about, predicted before anything starts.
//!
//! Arithmetic only. The sizes are Runnity's; where another scenario's messages differ, so do the bytes. Invariant:
//! counts are of deliveries to sessions of this run, other participants not included.

use std::time::Duration;

use startline_os::units::{duration_text, grouped};

/// One participant in the open message's list.
const LISTED_BYTES: u64 = 93;
/// One announcement of a member who entered.
const ENTERED_BYTES: u64 = 140;

/// The guide's highest rate of connections a second.
pub const GUIDE_RATE_MAX: f64 = 200.0;

/// To receive one small message (epoll and recv): measured at 1.7 to 2.2 µs, and real servers send each on its own.
const RECEIVE_MICROS: f64 = 2.0;

/// To send and receive one on loopback, where the stand-in shares the box: 7 µs more.
const SEND_AND_RECEIVE_MICROS: f64 = 9.0;

/// The stand-in gathers announcements for so long by default and sends each receiver one batch.
const GATHER_S: f64 = 0.1;

/// To write and read one more message of a batch, both ends together: copying 140 bytes a few times and classifying
/// them. An estimate.
const BATCHED_MICROS: f64 = 0.3;

/// The share of a core that deliveries may take; the rest is for sessions being set up and for PINGs.
const SHARE: f64 = 0.5;

/// What members hear of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Announcements of members entering, over the ramp: N²/2 a challenge. As many leave on the ramp-down.
    pub entered: u64,
    /// Bytes of all open messages' lists together: 46·N² a challenge.
    pub listed_bytes: u64,
    /// Bytes of all announcements of members entering.
    pub entered_bytes: u64,
    /// Deliveries a second, averaged over the ramp.
    pub ramp_mean_per_s: f64,
    /// Deliveries a second at the ramp's end.
    pub ramp_end_per_s: f64,
    /// Deliveries a second when the first sessions leave.
    pub ramp_down_start_per_s: f64,
    /// Deliveries a second in the hold: everyone's progress to everyone else.
    pub hold_per_s: f64,
    /// Who hears of others.
    pub receivers: u64,
}

/// What the load depends on.
#[derive(Clone, Debug)]
pub struct Shape<'g> {
    /// Members in each challenge.
    pub groups: &'g [u64],
    /// From the first arrival to the last.
    pub ramp: Duration,
    /// From the first close to the last.
    pub ramp_down: Duration,
    /// Between two of a session's progress messages.
    pub record_interval: Option<Duration>,
}

impl Load {
    /// Predicts it.
    pub fn predict(shape: &Shape<'_>) -> Self {
        let pairs = |n: &u64| n.saturating_mul(n.saturating_sub(1));
        let all_pairs: u64 = shape.groups.iter().map(pairs).fold(0, u64::saturating_add);
        let entered = all_pairs / 2;
        // At the end of the ramp an arrival is announced to (nearly) all of its challenge.
        let at_full = |span: Duration| per_second(all_pairs as f64, span);
        Self {
            entered,
            listed_bytes: entered.saturating_mul(LISTED_BYTES),
            entered_bytes: entered.saturating_mul(ENTERED_BYTES),
            ramp_mean_per_s: per_second(entered as f64, shape.ramp),
            ramp_end_per_s: at_full(shape.ramp),
            ramp_down_start_per_s: at_full(shape.ramp_down),
            hold_per_s: shape.record_interval.map_or(0.0, |interval| per_second(all_pairs as f64, interval)),
            receivers: shape.groups.iter().fold(0, |sum: u64, n| sum.saturating_add(*n)),
        }
    }

    /// What the plan's author should know before starting: where more is delivered than `cores` of this box can be
    /// counted on for, the stand-in's work included where it shares them.
    pub fn warning(&self, cores: f64, stand_in: bool) -> Option<String> {
        let phases = [
            ("at the end of the ramp", self.ramp_end_per_s, "--ramp"),
            ("in the hold", self.hold_per_s, "--record-interval"),
            ("as the ramp-down begins", self.ramp_down_start_per_s, "--ramp-down"),
        ];
        let mut heavy = Vec::new();
        let mut options = Vec::new();
        for (when, rate, option) in phases {
            let bearable = self.bearable_per_s(rate, stand_in) * cores;
            if rate > bearable {
                heavy.push(format!("{}/s {when} (of {})", whole(rate), whole(bearable)));
                options.push(option);
            }
        }
        if heavy.is_empty() {
            return None;
        }
        let cores = cores_text(cores);
        let shared = if stand_in { ", shared with the stand-in," } else { "" };
        let no_broadcast = if stand_in { " or --no-broadcast" } else { "" };
        Some(format!(
            "more deliveries than {cores}{shared} can be counted on for: {}; latencies will contain this \
             box's own lag; a longer {}{no_broadcast} helps",
            heavy.join(", "),
            options.join(" and "),
        ))
    }

    /// Deliveries a second that one core can be counted on for, at this rate of them all.
    fn bearable_per_s(&self, rate: f64, stand_in: bool) -> f64 {
        let micros = if stand_in {
            let batch = (rate / (self.receivers.max(1) as f64) * GATHER_S).max(1.0);
            SEND_AND_RECEIVE_MICROS / batch + BATCHED_MICROS
        } else {
            RECEIVE_MICROS
        };
        SHARE * 1e6 / micros
    }
}

/// So many cores, of which a control group may leave a part.
pub fn cores_text(cores: f64) -> String {
    match cores {
        1.0 => "1 core".to_owned(),
        whole if whole.fract() == 0.0 => format!("{whole:.0} cores"),
        part if part < 0.1 => format!("{part:.2} cores"),
        part => format!("{part:.1} cores"),
    }
}

/// Why an arrival rate goes beyond the guide, if it does.
pub fn rate_warning(sessions: u32, ramp: Duration) -> Option<String> {
    let rate = per_second(f64::from(sessions), ramp);
    (rate > GUIDE_RATE_MAX).then(|| {
        let fitting = Duration::from_secs((f64::from(sessions) / GUIDE_RATE_MAX).ceil() as u64);
        format!(
            "{} arrivals a second are more than the guide's {GUIDE_RATE_MAX} at most; --ramp {} stays within it",
            whole(rate),
            duration_text(fitting)
        )
    })
}

/// So much a second; all at once counts as within one second.
pub fn per_second(count: f64, span: Duration) -> f64 {
    if span.is_zero() { count } else { count / span.as_secs_f64() }
}

pub(super) fn whole(rate: f64) -> String {
    grouped(rate.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(groups: &[u64], ramp_s: u64) -> Shape<'_> {
        Shape {
            groups,
            ramp: Duration::from_secs(ramp_s),
            ramp_down: Duration::from_secs(30),
            record_interval: None,
        }
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
        let every_5_s = Shape { record_interval: Some(Duration::from_secs(5)), ..shape(&[1000], 60) };
        assert_eq!(Load::predict(&every_5_s).hold_per_s, 199_800.0);
    }

    #[test]
    fn more_than_the_box_bears_is_said() {
        assert_eq!(
            Load::predict(&shape(&[6000], 60)).warning(2.0, false).as_deref(),
            Some(
                "more deliveries than 2 cores can be counted on for: 599,900/s at the end of the ramp (of 500,000), \
                 1,199,800/s as the ramp-down begins (of 500,000); latencies will contain this box's own lag; a longer \
                 --ramp and --ramp-down helps"
            )
        );
        assert_eq!(Load::predict(&shape(&[500], 60)).warning(2.0, false), None);
    }

    #[test]
    fn the_stand_in_s_batches_are_cheaper_but_its_work_counts() {
        let load = Load::predict(&shape(&[6000], 60));
        assert_eq!(load.warning(2.0, true), None, "ten announcements a batch");
        let warning = load.warning(1.0, true).expect("one core does both ends");
        assert!(
            load.warning(0.1, false).is_some_and(|why| why.starts_with("more deliveries than 0.1 cores can"))
        );
        assert!(warning.contains("1 core, shared with the stand-in, can be counted on for"), "{warning}");
        assert!(warning.ends_with("or --no-broadcast helps"), "{warning}");
    }

    #[test]
    fn the_guide_s_rate() {
        assert_eq!(rate_warning(6000, Duration::from_secs(30)), None);
        let warning = rate_warning(6000, Duration::from_secs(20)).expect("300/s");
        assert_eq!(
            warning,
            "300 arrivals a second are more than the guide's 200 at most; --ramp 30s stays within it"
        );
    }
}
