//! How far a runner is: `{distance_km}` and `{own_pace_s_per_km}`.
//!
//! Arithmetic on the plan's seed, the session and the time that it has run. Knows no message.
//! Invariants: a session's distances never shrink, and grow strictly from one periodic message to the
//! next if a centimetre is run in between; a text is that of a Java double, so that a server that
//! reads the number and writes it again sends the same bytes.

use std::time::Duration;

use crate::draw;

/// Centimetres in a kilometre.
const CM_PER_KM: u64 = 100_000;
/// Runners differ from the pace of the variable by at most this many hundredths.
const PACE_SPREAD_PERCENT: u64 = 5;
/// What paces are drawn for.
const SALT: u64 = draw::salt("own_pace_s_per_km");

/// The runners of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runner {
    /// The variable `pace_s_per_km`: seconds a kilometre, of the average runner.
    pub pace_s_per_km: u32,
    /// The variable `finish_km`, in centimetres: nobody runs farther. `u64::MAX`: there is none.
    pub finish_cm: u64,
}

/// The variables that `{distance_km}` is computed with: the pace, and where a runner stops.
pub(super) const PACE: &str = "pace_s_per_km";
pub(super) const FINISH: &str = "finish_km";

impl Runner {
    /// Of what these variables say, each with how errors show it, for what has this name.
    ///
    /// # Errors
    /// The pace is not there, or one of them is not a number of its kind.
    pub(super) fn of(
        name: &str,
        pace: Option<(&str, &str)>,
        finish: Option<(&str, &str)>,
    ) -> Result<Self, String> {
        let Some((pace, shown)) = pace else {
            return Err(format!("{{{name}}} needs the variable \"{PACE}\" (seconds a kilometre)"));
        };
        let wrong = |variable: &str, what: &str, shown: &str| {
            format!("{{{name}}} needs \"{variable}\" in {what}; it is \"{shown}\"")
        };
        let pace_s_per_km = pace.parse().ok().filter(|pace| *pace > 0);
        let pace_s_per_km = pace_s_per_km.ok_or_else(|| wrong(PACE, "whole seconds, at least 1", shown))?;
        let finish_cm = match finish {
            None => u64::MAX,
            Some((finish, shown)) => {
                let cm = cm_of(finish).filter(|cm| *cm > 0);
                cm.ok_or_else(|| wrong(FINISH, "kilometres, such as 5 or 21.0975", shown))?
            }
        };
        Ok(Self { pace_s_per_km, finish_cm })
    }

    /// The session's own pace: a little faster or slower than the average, in whole seconds.
    pub fn pace(&self, seed: u64, session: u32) -> u32 {
        let pace = u64::from(self.pace_s_per_km);
        let spread = pace * PACE_SPREAD_PERCENT / 100;
        let drawn = (u128::from(draw::drawn(seed, SALT, session, 0)) * u128::from(2 * spread + 1)) >> 64;
        (pace - spread + drawn as u64).max(1) as u32
    }

    /// How far any of them can be after so long, in centimetres.
    pub fn farthest_cm(&self, run: Duration) -> u64 {
        let pace = u64::from(self.pace_s_per_km);
        let fastest = (pace - pace * PACE_SPREAD_PERCENT / 100).max(1);
        (run.as_millis() as u64).saturating_mul(100) / fastest
    }

    /// How far it is after this many milliseconds, in centimetres.
    pub fn distance_cm(&self, seed: u64, session: u32, run_ms: u64) -> u64 {
        (run_ms.saturating_mul(100) / u64::from(self.pace(seed, session))).min(self.finish_cm)
    }
}

/// Appends kilometres as a Java double is written: at least one decimal, and no zero behind it.
pub(super) fn push_km(out: &mut Vec<u8>, cm: u64) {
    let (first, mut whole) = (out.len(), cm / CM_PER_KM);
    while whole > 0 || out.len() == first {
        out.push(b'0' + (whole % 10) as u8);
        whole /= 10;
    }
    out[first..].reverse();
    out.push(b'.');
    let mut rest = cm % CM_PER_KM;
    let mut scale = CM_PER_KM / 10;
    loop {
        out.push(b'0' + (rest / scale) as u8);
        rest %= scale;
        scale /= 10;
        if rest == 0 {
            return;
        }
    }
}

/// Writes kilometres as a message says them.
pub fn km_text(cm: u64) -> String {
    let mut out = Vec::new();
    push_km(&mut out, cm);
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads kilometres with at most five decimals: `5`, `21.0975`.
pub(super) fn cm_of(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 5 {
        return None;
    }
    let cm: u64 = format!("{decimals:0<5}").parse().ok()?;
    let whole: u32 = whole.parse().ok()?;
    Some(u64::from(whole) * CM_PER_KM + cm)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RUNNER: Runner = Runner { pace_s_per_km: 360, finish_cm: 500_000 };

    proptest! {
        #[test]
        fn a_distance_is_written_as_a_double_is(cm in 100_u64..1_000_000_000_000) {
            // `{:?}` of Rust is Java's from a thousandth on.
            prop_assert_eq!(km_text(cm), format!("{:?}", cm as f64 / 1e5));
            prop_assert_eq!(cm_of(&km_text(cm)), (cm < u64::from(u32::MAX) * 100_000).then_some(cm));
        }

        #[test]
        fn distances_grow_strictly_up_to_the_finish(seed: u64, session: u32, interval_ms in 10_u64..60_000) {
            let distances = (1..200).map(|k| RUNNER.distance_cm(seed, session, k * interval_ms));
            let distances: Vec<u64> = distances.collect();
            prop_assert!(distances.windows(2).all(|pair| pair[0] < pair[1] || pair[1] == 500_000));
            prop_assert!(distances.iter().all(|cm| *cm <= 500_000));
        }
    }

    #[test]
    fn runners_differ_a_little_and_are_the_same_in_every_run() {
        let paces: Vec<u32> = (0..1_000).map(|session| RUNNER.pace(7, session)).collect();
        assert_eq!(paces, (0..1_000).map(|session| RUNNER.pace(7, session)).collect::<Vec<_>>());
        assert!(paces.iter().all(|pace| (342..=378).contains(pace)));
        let mean = paces.iter().map(|pace| f64::from(*pace)).sum::<f64>() / 1_000.0;
        assert!((359.0..361.0).contains(&mean), "{mean}");
        assert_eq!((paces.iter().min(), paces.iter().max()), (Some(&342), Some(&378)));
        assert_eq!(Runner { pace_s_per_km: 1, ..RUNNER }.pace(7, 3), 1);
    }

    #[test]
    fn kilometres_are_read_as_they_are_written() {
        assert_eq!(
            [0, 1, 10_000, 100_000, 2_109_750].map(km_text),
            ["0.0", "0.00001", "0.1", "1.0", "21.0975"]
        );
        assert_eq!(cm_of("5"), Some(500_000));
        for text in ["", "5.", ".5", "-1", "1e3", "five", "1.000001"] {
            assert_eq!(cm_of(text), None, "{text}");
        }
    }
}
