//! How much of a core each engine thread uses.
//!
//! Reads the kernel's counts of this process alone. Invariant: a count that cannot be read is a worker that is not shown.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use startline_os::process;

/// What the names of engine threads begin with.
const NAME_START: &str = "worker-";
/// Counts come in clock ticks: over less time than this their difference says nothing.
const SPAN_MIN: Duration = Duration::from_millis(500);

/// The counts of the last look.
#[derive(Debug, Default)]
pub struct Workers {
    last: Option<(Instant, BTreeMap<u64, f64>)>,
    shares: Vec<f64>,
}

impl Workers {
    /// The share of a core that each used since the last look, in the order in which they were started.
    pub fn shares(&mut self) -> Vec<f64> {
        let now = Instant::now();
        let span = self.last.as_ref().map(|(last, _)| now.duration_since(*last));
        if span.is_some_and(|span| span < SPAN_MIN) {
            return self.shares.clone();
        }
        let used = process::cpu_seconds_of_threads(NAME_START);
        if let Some((_, before)) = &self.last {
            let seconds = span.unwrap_or_default().as_secs_f64();
            let share = |(id, used): (&u64, &f64)| Some((used - before.get(id)?).max(0.0) / seconds);
            self.shares = used.iter().filter_map(share).collect();
        }
        self.last = Some((now, used));
        self.shares.clone()
    }
}
