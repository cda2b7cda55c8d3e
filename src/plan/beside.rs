//! What requests beside WebSockets ask of this machine: connections of their own.
//!
//! Arithmetic. Invariant: a scenario without such requests asks for nothing.

use std::time::Duration;

use super::turnover::Comings;
use crate::scenario::Scenario;

/// The requests that a session makes while its WebSocket is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// How many, each on a connection of its own.
    pub each: u32,
    /// The longest that one may take.
    pub timeout: Duration,
}

impl Beside {
    /// Those of a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let requests = scenario.requests().skip(scenario.http.len());
        let timeout = requests.clone().map(|request| request.timeout).max().unwrap_or_default();
        Self { each: requests.count() as u32, timeout }
    }

    /// Connections open at once at most: where servers are slow, all that began within a request's time.
    pub fn at_once(self, comings: Comings<'_>) -> u64 {
        if self.each == 0 { 0 } else { comings.begun_within(self.timeout) }
    }

    /// Ports in use at once at most, where a closed connection's stays in use for `time_wait`.
    pub fn ports(self, comings: Comings<'_>, time_wait: Duration) -> u64 {
        self.at_once(comings) + u64::from(self.each) * comings.begun_within(time_wait)
    }
}
