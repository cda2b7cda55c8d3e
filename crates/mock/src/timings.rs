//! How long requests took, by what they asked and what they were answered: what Spring's Micrometer
//! counts as `http_server_requests`.
//!
//! Each worker has its own, behind a lock that nobody but the rare reader of the page contends for.
//! Announcements and messages do not come here. Invariant: rows are bounded, since the names of URIs
//! and methods are fixed and statuses are this server's own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A maximum is that of the last one to two of these, as Micrometer forgets it within two minutes.
const WINDOW: Duration = Duration::from_secs(60);

/// A request that is being answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    method: &'static str,
    uri: &'static str,
    at: Instant,
}

/// A request's answer, once it is sent: a row that it counts for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    asked: Asked,
    status: u16,
}

impl Asked {
    /// Asked now, for this pattern of a URI.
    pub(super) fn now(method: &str, uri: &'static str) -> Self {
        const METHODS: [&str; 6] = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("UNKNOWN");
        Self { method, uri, at: Instant::now() }
    }

    /// Whether it is for a WebSocket.
    pub(super) fn is_websocket(self) -> bool {
        self.uri.starts_with("/ws")
    }

    /// Answered with this status; refused before it was known what it is about, it has no URI.
    pub(super) fn answered(self, status: u16, is_known: bool) -> Answered {
        let uri = if is_known { self.uri } else { "UNKNOWN" };
        Answered { asked: Self { uri, ..self }, status }
    }
}

/// A row's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) method: &'static str,
    pub(super) status: u16,
    pub(super) uri: &'static str,
}

/// What is known of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) count: u64,
    pub(super) sum: Duration,
    /// The longest of the window that a request last fell into, and of the one before it.
    window: u64,
    longest: Duration,
    longest_before: Duration,
}

impl Timing {
    fn add(&mut self, took: Duration, window: u64) {
        self.turn_to(window);
        self.count += 1;
        self.sum += took;
        self.longest = self.longest.max(took);
    }

    fn turn_to(&mut self, window: u64) {
        if window == self.window {
            return;
        }
        self.longest_before = if window == self.window + 1 { self.longest } else { Duration::ZERO };
        (self.window, self.longest) = (window, Duration::ZERO);
    }

    /// The longest lately.
    pub(super) fn max(&self) -> Duration {
        self.longest.max(self.longest_before)
    }

    fn merge(&mut self, mut other: Self, window: u64) {
        self.turn_to(window);
        other.turn_to(window);
        self.count += other.count;
        self.sum += other.sum;
        self.longest = self.longest.max(other.longest);
        self.longest_before = self.longest_before.max(other.longest_before);
    }
}

/// One worker's.
#[derive(Debug)]
pub(super) struct Timings {
    start: Instant,
    rows: Mutex<BTreeMap<Row, Timing>>,
}

impl Timings {
    /// None yet; the windows of those that belong together start at the same instant.
    pub(super) fn new(start: Instant) -> Self {
        Self { start, rows: Mutex::default() }
    }

    /// Counts a request whose answer is sent now.
    pub(super) fn add(&self, answered: Answered) {
        let Answered { asked: Asked { method, uri, at }, status } = answered;
        let took = at.elapsed();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.entry(Row { method, status, uri }).or_default().add(took, window(self.start));
    }

    /// All workers' together.
    pub(super) fn of(workers: &[Self]) -> BTreeMap<Row, Timing> {
        let mut all = BTreeMap::<Row, Timing>::new();
        for timings in workers {
            let window = window(timings.start);
            for (row, timing) in &*timings.rows.lock().unwrap_or_else(PoisonError::into_inner) {
                all.entry(*row).or_default().merge(*timing, window);
            }
        }
        all
    }
}

fn window(start: Instant) -> u64 {
    start.elapsed().as_secs() / WINDOW.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maximum_is_forgotten_and_a_sum_is_not() {
        let ms = Duration::from_millis;
        let mut timing = Timing::default();
        timing.add(ms(9), 0);
        timing.add(ms(2), 1);
        assert_eq!((timing.count, timing.sum, timing.max()), (2, ms(11), ms(9)));
        timing.add(ms(1), 2);
        assert_eq!(timing.max(), ms(2));
        let mut all = Timing::default();
        all.merge(timing, 9);
        assert_eq!((all.count, all.sum, all.max()), (3, ms(12), ms(0)));
    }

    #[test]
    fn workers_are_summed_by_row() {
        let start = Instant::now();
        let workers = [Timings::new(start), Timings::new(start)];
        for (worker, method, is_known) in [(0, "GET", true), (1, "GET", true), (1, "BREW", false)] {
            workers[worker].add(Asked::now(method, "/ws").answered(403, is_known));
        }
        let all = Timings::of(&workers);
        let rows: Vec<_> = all.iter().map(|(row, timing)| (row.method, row.uri, timing.count)).collect();
        assert_eq!(rows, [("GET", "/ws", 2), ("UNKNOWN", "UNKNOWN", 1)]);
    }
}
