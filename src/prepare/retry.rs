//! When to retry, and when to give up.
//!
//! Takes instants and the outcomes of attempts; never sleeps. Invariants: while nothing works, waits double up to a cap, and
//! patience ends, of which no wait takes more than is left; one success restores all of it. Time in which no member waits
//! costs no patience.

use std::time::Duration;

/// The first wait.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Failures in a row after which the servers are left alone for a while.
const IN_A_ROW: u32 = 20;
/// The same, while they are being probed after a wait.
const IN_A_ROW_PROBING: u32 = 3;

/// See the module.
#[derive(Clone, Debug)]
pub struct Retry {
    patience: Duration,
    wait: Duration,
    in_a_row: u32,
    /// Since when something has been failing or unanswered, and nothing has worked.
    in_trouble_since: Option<Duration>,
    is_probing: bool,
}

impl Retry {
    /// Makes one that gives up when nothing has worked for `patience`.
    pub fn new(patience: Duration) -> Self {
        Self { patience, wait: WAIT_MIN, in_a_row: 0, in_trouble_since: None, is_probing: false }
    }

    /// Whether only a few are to be tried, to see whether the servers are back.
    pub fn is_probing(&self) -> bool {
        self.is_probing
    }

    /// An attempt succeeded, or was refused for a reason of its own: the servers are well.
    pub fn worked(&mut self) {
        *self = Self::new(self.patience);
    }

    /// A member waits for an answer.
    pub fn waits(&mut self, now: Duration) {
        self.in_trouble_since.get_or_insert(now);
    }

    /// An attempt failed that may succeed later.
    pub fn failed(&mut self, now: Duration) {
        self.in_trouble_since.get_or_insert(now);
        self.in_a_row += 1;
    }

    /// Whether the servers are to be left alone for a while.
    pub fn is_tripped(&self) -> bool {
        self.in_a_row >= if self.is_probing { IN_A_ROW_PROBING } else { IN_A_ROW }
    }

    /// Whether nothing has worked for as long as is waited for it.
    pub fn is_spent(&self, now: Duration) -> bool {
        self.left(now).is_zero()
    }

    /// Returns the patience.
    fn left(&self, now: Duration) -> Duration {
        let spent = self.in_trouble_since.map_or(Duration::ZERO, |since| now.saturating_sub(since));
        self.patience.saturating_sub(spent)
    }

    /// Returns how long to wait before the next attempt; `None` to give up.
    pub fn pause(&mut self, now: Duration) -> Option<Duration> {
        self.in_trouble_since.get_or_insert(now);
        let left = self.left(now);
        if left.is_zero() {
            return None;
        }
        let wait = self.wait.min(left);
        self.wait = (self.wait * 2).min(WAIT_MAX);
        self.is_probing |= self.is_tripped();
        self.in_a_row = 0;
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_double_up_to_a_cap_and_patience_ends() {
        let mut retry = Retry::new(s(120));
        let waits: Vec<u64> = (0..7).map(|_| retry.pause(s(10)).expect("patience").as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(retry.pause(s(129)), Some(s(1)));
        assert_eq!(retry.pause(s(130)), None);
    }

    #[test]
    fn no_wait_takes_more_patience_than_is_left() {
        let mut retry = Retry::new(s(40));
        retry.failed(s(0));
        let mut now = s(0);
        let mut waits = Vec::new();
        while let Some(wait) = retry.pause(now) {
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!((waits, now), (vec![1, 2, 4, 8, 16, 9], s(40)));
    }

    #[test]
    fn a_success_makes_it_new() {
        let mut retry = Retry::new(s(120));
        retry.pause(s(1));
        retry.pause(s(2));
        retry.worked();
        retry.failed(s(100));
        assert_eq!(retry.pause(s(119)), Some(s(1)));
        assert_eq!(retry.pause(s(220)), None);
    }

    #[test]
    fn patience_goes_by_only_while_somebody_waits_or_has_failed() {
        let mut retry = Retry::new(s(30));
        assert!(!retry.is_spent(s(1_000)));
        retry.waits(s(1_000));
        retry.waits(s(1_020));
        assert!(!retry.is_spent(s(1_029)));
        assert!(retry.is_spent(s(1_030)));
        // What fails after a long wait has been in trouble since the wait began.
        retry.failed(s(1_029));
        assert!(retry.is_spent(s(1_030)));
        retry.worked();
        assert!(!retry.is_spent(s(2_000)));
        retry.failed(s(2_000));
        assert!(!retry.is_spent(s(2_029)));
        assert!(retry.is_spent(s(2_030)));
    }

    #[test]
    fn a_row_of_failures_trips_it_and_fewer_do_while_probing() {
        let mut retry = Retry::new(s(120));
        (0..19).for_each(|_| retry.failed(s(1)));
        assert!(!retry.is_tripped());
        retry.failed(s(1));
        assert!(retry.is_tripped());
        retry.pause(s(1));
        assert!(!retry.is_tripped());
        (0..3).for_each(|_| retry.failed(s(1)));
        assert!(retry.is_tripped());
        retry.worked();
        (0..3).for_each(|_| retry.failed(s(1)));
        assert!(!retry.is_tripped());
    }

    #[test]
    fn a_few_failures_among_successes_are_no_reason_to_probe() {
        let mut retry = Retry::new(s(120));
        retry.failed(s(1));
        retry.pause(s(1));
        (0..3).for_each(|_| retry.failed(s(1)));
        assert!(!retry.is_tripped());
    }
}
