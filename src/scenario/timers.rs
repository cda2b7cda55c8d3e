//! How long timers of a session can be armed: its row rests for as long before another session has it.
//!
//! Arithmetic on the scenario. Invariant: no timer that the scenario arms comes due later than this.

use std::iter::once;
use std::time::Duration;

use super::Scenario;

/// What is armed a little late is due a little later, and a first message may wait for its slot.
const LATE: Duration = Duration::from_secs(1);

impl Scenario {
    /// The longest that any timer of a session can be armed, except for intervals that servers give.
    pub fn longest_timer(&self) -> Duration {
        let http = self.http.iter().map(|step| step.timeout);
        let websocket = self.websocket.iter().flat_map(|websocket| {
            let every = websocket.every.iter().flat_map(|it| [it.interval.longest(), it.timeout]);
            let pause = |pause: &std::ops::RangeInclusive<Duration>| *pause.end();
            let steps = websocket
                .steps
                .iter()
                .flat_map(move |step| [step.timeout, step.pause.as_ref().map_or(Duration::ZERO, pause)]);
            once(websocket.connect_timeout).chain(once(websocket.close_timeout)).chain(every).chain(steps)
        });
        http.chain(websocket).max().unwrap_or_default() + LATE
    }
}
