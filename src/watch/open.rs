//! How many sessions were open at which time of a run, for figures that are a slope over them.
//!
//! Reads no clock. Invariant: memory is bounded, however long a run is: where there is no room left,
//! every second instant is given up.

use std::time::Duration;

/// Instants kept at most.
const INSTANTS_MAX: usize = 2_048;

/// Sessions open over time.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenSessions {
    instants: Vec<(Duration, u32)>,
    /// One of this many instants is kept.
    stride: usize,
    passed_over: usize,
}

impl OpenSessions {
    /// Takes how many are open at a time since the run began; times do not go back.
    pub(super) fn add(&mut self, at: Duration, open: u32) {
        if self.passed_over + 1 < self.stride {
            self.passed_over += 1;
            return;
        }
        self.passed_over = 0;
        self.instants.push((at, open));
        if self.instants.len() == INSTANTS_MAX {
            let mut k = 0;
            self.instants.retain(|_| {
                k += 1;
                k % 2 == 1
            });
            self.stride = self.stride.max(1) * 2;
        }
    }

    /// How many were open at this time, on a line between the instants around it.
    pub(super) fn at(&self, at: Duration) -> f64 {
        let next = self.instants.partition_point(|(instant, _)| *instant < at);
        let before = next.checked_sub(1).map_or((Duration::ZERO, 0), |k| self.instants[k]);
        let Some(after) = self.instants.get(next) else { return f64::from(before.1) };
        let span_s = after.0.saturating_sub(before.0).as_secs_f64();
        let part = if span_s > 0.0 { (at.saturating_sub(before.0)).as_secs_f64() / span_s } else { 1.0 };
        f64::from(before.1) + part * (f64::from(after.1) - f64::from(before.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_instants_it_is_a_line() {
        let mut open = OpenSessions::default();
        assert!((open.at(Duration::from_secs(3)) - 0.0).abs() < 1e-9);
        open.add(Duration::from_secs(10), 100);
        open.add(Duration::from_secs(20), 300);
        let at = |seconds| open.at(Duration::from_secs(seconds));
        assert_eq!([0, 5, 10, 15, 20, 99].map(at), [0.0, 50.0, 100.0, 200.0, 300.0, 300.0]);
    }

    #[test]
    fn a_day_takes_no_more_room_than_an_hour() {
        let mut open = OpenSessions::default();
        (0..86_400).for_each(|second| open.add(Duration::from_secs(second), second as u32));
        assert!(open.instants.len() < INSTANTS_MAX && open.instants.capacity() <= INSTANTS_MAX);
        for second in [1_u64, 40_001, 86_000] {
            assert!((open.at(Duration::from_secs(second)) - second as f64).abs() < 1e-6, "{second}");
        }
    }
}
