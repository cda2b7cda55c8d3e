//! Whether one measure differs between two sides, and whether that can be claimed.
//!
//! Pure arithmetic. Invariants: without a test nothing is called better or worse; a difference within
//! the threshold is none, whatever a test says.

use serde::Serialize;

use super::measures::{Better, Unit};
use super::rank;

/// A difference up to this share of the base is none. Far above a histogram's bucket, 0.8 %.
pub const RELATIVE: f64 = 0.05;
/// A latency's difference up to this is none, in milliseconds: timers and scheduling are no better.
pub const LATENCY_FLOOR_MS: f64 = 0.1;
/// A share's difference up to this is none.
pub const SHARE_FLOOR: f64 = 0.001;
/// A count's difference up to this is none.
pub const COUNT_FLOOR: f64 = 2.0;
/// Runs a side from which a test is made: with fewer, chance alone is as likely as any p that counts.
pub const RUNS_MIN: usize = 3;

/// The p up to which a test's result counts, where the number of runs can reach it.
const ALPHA: f64 = 0.05;
/// The same with three runs a side, which cannot have a smaller one.
const ALPHA_OF_FEW: f64 = 0.1;

/// What is said of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// No difference beyond the threshold, or, with a test, none that it confirms.
    Same,
    /// A difference beyond the threshold, untested; or tested, of a measure that has no better side.
    Differs,
    /// Tested and better.
    Better,
    /// Tested and worse.
    Worse,
    /// One side has no value.
    OneSided,
}

/// Which way a difference points, claimed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the better side.
    Better,
    /// To the worse side.
    Worse,
}

/// Returns the p that a test's result needs with this many runs a side; `None`: too few for one.
pub fn alpha(base: usize, new: usize) -> Option<f64> {
    let is_reachable = rank::p_min(base, new) <= ALPHA;
    (base.min(new) >= RUNS_MIN).then_some(if is_reachable { ALPHA } else { ALPHA_OF_FEW })
}

/// Returns the middle value; between the two middle ones of an even number.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        even if even % 2 == 0 => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        _ => Some(sorted[middle]),
    }
}

/// Whether two values are further apart than the threshold.
pub fn is_beyond(unit: Unit, base: f64, new: f64) -> bool {
    let difference = (new - base).abs();
    // A share near 1 is judged by what is missing to it: 99.9 % and 97 % are far apart.
    let scale = if unit == Unit::Share { base.max(new).min(1.0 - base.min(new)) } else { base.abs() };
    let floor = match unit {
        Unit::Ms => LATENCY_FLOOR_MS,
        Unit::Share => SHARE_FLOOR,
        Unit::Count => COUNT_FLOOR,
        Unit::Bytes | Unit::PerSecond => 0.0,
    };
    // Values are rounded to six decimals: what is on the line is not beyond it.
    let beyond = |limit: f64| difference > limit + 1e-9;
    beyond(RELATIVE * scale) && beyond(floor)
}

/// A measure's judgement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// What is said.
    pub call: Call,
    /// Where the medians point, if they are beyond the threshold and the measure has a better side.
    pub direction: Option<Direction>,
    /// Of the test; `None` without one.
    pub p: Option<f64>,
}

/// Judges the values of both sides; `alpha` if there are runs enough for a test.
pub fn judge(unit: Unit, better: Better, base: &[f64], new: &[f64], alpha: Option<f64>) -> Judgement {
    let (Some(base_median), Some(new_median)) = (median(base), median(new)) else {
        let is_nowhere = base.is_empty() && new.is_empty();
        let call = if is_nowhere { Call::Same } else { Call::OneSided };
        return Judgement { call, direction: None, p: None };
    };
    let is_beyond = is_beyond(unit, base_median, new_median);
    let direction = match better {
        _ if !is_beyond => None,
        Better::Neither => None,
        Better::Higher if new_median > base_median => Some(Direction::Better),
        Better::Lower if new_median < base_median => Some(Direction::Better),
        Better::Higher | Better::Lower => Some(Direction::Worse),
    };
    // A run that lacks the figure may leave too few for a test of this one.
    let is_tested = alpha.is_some() && base.len().min(new.len()) >= RUNS_MIN;
    let p = is_tested.then(|| rank::p_value(base, new)).flatten();
    let is_borne_out = match (p, alpha) {
        // A hair above, for sums of floating point.
        (Some(p), Some(alpha)) => p <= alpha + 1e-9,
        _ => true,
    };
    let call = match direction {
        _ if !is_beyond || !is_borne_out => Call::Same,
        Some(Direction::Better) if p.is_some() => Call::Better,
        Some(Direction::Worse) if p.is_some() => Call::Worse,
        _ => Call::Differs,
    };
    Judgement { call, direction: direction.filter(|_| call != Call::Same), p }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_are_none() {
        for (unit, base, new, expected) in [
            (Unit::Ms, 100.0, 105.0, false),
            (Unit::Ms, 100.0, 105.1, true),
            // Twice as long, and yet nothing that this machine could tell.
            (Unit::Ms, 0.1, 0.2, false),
            (Unit::Ms, 0.1, 0.21, true),
            (Unit::Ms, 0.0, 5.0, true),
            (Unit::Share, 0.0, 0.001, false),
            (Unit::Share, 0.0, 0.002, true),
            (Unit::Share, 0.999, 0.97, true),
            (Unit::Share, 1.0, 0.9995, false),
            (Unit::Share, 0.498, 0.502, false),
            (Unit::Count, 0.0, 2.0, false),
            (Unit::Count, 0.0, 3.0, true),
            (Unit::Count, 1_000.0, 1_040.0, false),
            (Unit::PerSecond, 100.0, 94.0, true),
        ] {
            assert_eq!(is_beyond(unit, base, new), expected, "{unit:?} {base} {new}");
        }
    }

    #[test]
    fn one_run_a_side_claims_nothing() {
        let judged = judge(Unit::Ms, Better::Lower, &[100.0], &[200.0], alpha(1, 1));
        let direction = Some(Direction::Worse);
        assert_eq!(judged, Judgement { call: Call::Differs, direction, p: None });
        assert_eq!(alpha(2, 9), None);
    }

    #[test]
    fn three_runs_a_side_claim_what_is_apart() {
        let alpha = alpha(3, 3);
        assert_eq!(alpha, Some(0.1));
        let latency = |new: &[f64]| judge(Unit::Ms, Better::Lower, &[100.0, 101.0, 102.0], new, alpha).call;
        assert_eq!(latency(&[120.0, 130.0, 110.0]), Call::Worse);
        assert_eq!(latency(&[80.0, 70.0, 90.0]), Call::Better);
        // One of them overlaps: p is 0.2.
        assert_eq!(latency(&[120.0, 130.0, 101.5]), Call::Same);
        // Apart, by less than what counts.
        assert_eq!(latency(&[103.0, 104.0, 105.0]), Call::Same);
        let count = judge(Unit::Count, Better::Neither, &[1.0, 2.0, 3.0], &[11.0, 12.0, 13.0], alpha);
        assert_eq!((count.call, count.direction), (Call::Differs, None));
    }

    #[test]
    fn more_runs_need_a_smaller_p() {
        assert_eq!((alpha(3, 4), alpha(3, 5), alpha(4, 4)), (Some(0.1), Some(0.05), Some(0.05)));
    }

    #[test]
    fn a_side_without_a_value_is_said() {
        let of = |base: &[f64], new: &[f64]| judge(Unit::Ms, Better::Lower, base, new, None).call;
        assert_eq!(
            (of(&[], &[1.0]), of(&[1.0], &[]), of(&[], &[])),
            (Call::OneSided, Call::OneSided, Call::Same)
        );
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), Some(2.5));
    }
}
