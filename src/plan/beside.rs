//! What requests beside WebSockets ask of this machine: connections of their own.
//!
//! Arithmetic. Invariant: a scenario without such requests asks for nothing.

use std::time::Duration;

use super::capacity::closed_within;
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

    /// Connections open at once at most, of sessions that begin evenly over the ramp: where servers are slow,
    /// all that began within a request's time.
    pub fn at_once(self, sessions: u32, ramp: Duration) -> u64 {
        if self.each == 0 { 0 } else { closed_within(sessions, ramp, self.timeout) }
    }

    /// Ports in use at once at most, where a closed connection's stays in use for `time_wait`.
    pub fn ports(self, sessions: u32, ramp: Duration, time_wait: Duration) -> u64 {
        self.at_once(sessions, ramp) + u64::from(self.each) * closed_within(sessions, ramp, time_wait)
    }
}
