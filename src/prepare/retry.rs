//! When to try again, and when to give up.
//!
//! Takes instants and what became of attempts; sleeps never. Invariants: while nothing works, waits double up to a cap, and so
//! much patience ends; one success makes all of it new.

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
    /// When something last worked, or the first attempt was made.
    last_success: Duration,
    is_probing: bool,
}

impl Retry {
    /// Gives up when nothing has worked for as long as `patience`.
    pub fn new(patience: Duration) -> Self {
        Self { patience, wait: WAIT_MIN, in_a_row: 0, last_success: Duration::ZERO, is_probing: false }
    }

    /// Whether only a few are to be tried, to see whether the servers are back.
    pub fn is_probing(&self) -> bool {
        self.is_probing
    }

    /// Something worked, or was refused for a reason of its own: the servers are well.
    pub fn worked(&mut self, now: Duration) {
        *self = Self { last_success: now, ..Self::new(self.patience) };
    }

    /// Something did not work that may later.
    pub fn failed(&mut self) {
        self.in_a_row += 1;
    }

    /// Whether the servers are to be left alone for a while.
    pub fn is_tripped(&self) -> bool {
        self.in_a_row >= if self.is_probing { IN_A_ROW_PROBING } else { IN_A_ROW }
    }

    /// Whether nothing has worked for as long as is waited for it.
    pub fn is_spent(&self, now: Duration) -> bool {
        now.saturating_sub(self.last_success) >= self.patience
    }

    /// How long to wait before the next attempt; `None` to give up.
    pub fn pause(&mut self, now: Duration) -> Option<Duration> {
        if self.is_spent(now) {
            return None;
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(WAIT_MAX);
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
        assert_eq!(retry.pause(s(119)), Some(s(30)));
        assert_eq!(retry.pause(s(120)), None);
    }

    #[test]
    fn a_success_makes_it_new() {
        let mut retry = Retry::new(s(120));
        retry.pause(s(1));
        retry.pause(s(2));
        retry.worked(s(100));
        assert_eq!(retry.pause(s(219)), Some(s(1)));
        assert_eq!(retry.pause(s(220)), None);
    }

    #[test]
    fn a_row_of_failures_trips_it_and_fewer_do_while_probing() {
        let mut retry = Retry::new(s(120));
        (0..19).for_each(|_| retry.failed());
        assert!(!retry.is_tripped());
        retry.failed();
        assert!(retry.is_tripped());
        retry.pause(s(1));
        assert!(!retry.is_tripped());
        (0..3).for_each(|_| retry.failed());
        assert!(retry.is_tripped());
        retry.worked(s(2));
        (0..3).for_each(|_| retry.failed());
        assert!(!retry.is_tripped());
    }

    #[test]
    fn a_few_failures_among_successes_are_no_reason_to_probe() {
        let mut retry = Retry::new(s(120));
        retry.failed();
        retry.pause(s(1));
        (0..3).for_each(|_| retry.failed());
        assert!(!retry.is_tripped());
    }
}
